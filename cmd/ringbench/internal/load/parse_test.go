package load

import (
	"strings"
	"testing"
	"time"

	"annulus/ring"
)

// Every mistake is one line with its place, what was expected, and what was found.
func TestMistakes(t *testing.T) {
	const base = "rings: {r: {}}\nproducers: {p: {}}\nconsumers: {c: {}}\n"
	for _, c := range []struct{ text, want string }{
		{"", `f.yaml:1: expected a profile in YAML, found nothing`},
		{"a: [", `f.yaml:1: expected a profile in YAML, found something else: did not find expected node content`},
		{"rings:\n\t- x", `f.yaml:2: expected a profile in YAML`},
		{"- a", `f.yaml:1: expected the profile: keys with values, found a list`},
		{"rings: {}\nproducers: {}", `f.yaml:1: expected a profile with the keys rings, producers and consumers, found no consumers`},
		{base + "colour: red", `f.yaml:4: expected a key of the profile out of about, consumers, duration, name, producers, rings, seed, warm-up, found "colour"`},
		{base + "rings: {}", `f.yaml:4: expected the profile with each key once, found "rings" again`},
		{base + "duration: 5", `f.yaml:4: expected a time with a unit, such as 5us, 10ms or 2s, found "5"`},
		{base + "duration: 0s", `f.yaml:4: expected a time of at least 1ms, found "0s"`},
		{base + "duration:", `f.yaml:4: expected a time with a unit, such as 5us, 10ms or 2s, found nothing`},
		{base + "duration: {a: b}", `f.yaml:4: expected a time with a unit, such as 5us, 10ms or 2s, found keys with values`},
		{base + "name: a/b", `f.yaml:4: expected a name of letters, digits, - _ and ., found "a/b"`},
		{base + "seed: -1", `f.yaml:4: expected a whole number from 0 to 2147483647, found "-1"`},
		{rings("topology: star"), `f.yaml:2: expected mpmc, mpsc, mpsc-ordered, spsc, broadcast, found "star"`},
		{rings("capacity: 64kb"), `f.yaml:2: expected bytes, such as 64B, 4KiB or 1MiB, found "64kb"`},
		{rings("capacity: 5000"), `f.yaml:2: expected a ring that can be made, found`},
		{rings("slots: 4\n    kind: bytes"), `f.yaml:2: expected slots only with kind: slots, found slots of ring r`},
		{rings("overrun: drop"), `f.yaml:2: expected overrun only with topology: broadcast, found overrun of ring r`},
		{rings("redeliver: true"), `f.yaml:2: expected redeliver only with topology: mpmc, found redeliver of ring r`},
		{rings("redeliver: yes"), `f.yaml:2: expected true, false, found "yes"`},
		{rings("at: x"), `f.yaml:2: expected at only with backing: shm or file, found at of ring r`},
		{rings("topology: mpsc\n    members: 1"), `f.yaml:2: expected a ring that can be made, found`},
		{rings("topology: mpsc\n    wait: semaphore"), `f.yaml:3: expected another wait, for peers that share a side sleep on futexes, found semaphore`},
		{rings("wait: nap"), `f.yaml:2: expected `},
		{"rings: {r: {}, s: {}}\nproducers: {p: {}}\nconsumers: {c: {ring: r}}", `f.yaml:2: expected the key ring in group p, for there are several rings, found none`},
		{"rings: {r: {}, s: {}}\nproducers: {p: {ring: r}}\nconsumers: {c: {ring: r}}", `f.yaml:1: expected a producer of ring s, found none`},
		{groups("ring: t", ""), `f.yaml:3: expected the name of a ring, found "t"`},
		{groups("count: 2", ""), `f.yaml:1: expected at most 1 producer of ring r, whose topology is spsc, found 2`},
		{groups("count: 0", ""), `f.yaml:3: expected a whole number from 1 to 256, found "0"`},
		{groups("size: 8B", ""), `f.yaml:3: expected bytes of at least 16, such as 64B, or a range of them, such as 64B-1KiB, found "8B"`},
		{groups("size: 64B-32B", ""), `f.yaml:3: expected bytes of at least 16, such as 64B, or a range of them, such as 64B-1KiB, found "64B-32B"`},
		{groups("size: 1MiB", ""), `f.yaml:3: expected messages of at most`},
		{groups("size: {from: 64B}", ""), `f.yaml:3: expected a size with from and to, or with capture, found something else`},
		{groups("size: {from: 64B, to: 32B}", ""), `f.yaml:3: expected from that is not greater than to, found from 64B to 32B`},
		{groups("size: [{weight: 1}]", ""), `f.yaml:3: expected a size with the key size, found none`},
		{groups("size: [{size: 64B, weight: 0}]", ""), `f.yaml:3: expected a weight greater than 0, found "0"`},
		{groups("size: []", ""), `f.yaml:3: expected a list of sizes, found a list`},
		{groups("size: {capture: nosuch}", ""), `f.yaml:3: expected a capture as ringbench record writes, found open`},
		{groups("pace: 1000", ""), `f.yaml:3: expected max, or a rate up to 1e9/s, such as 500/s, 50k/s or 1e6/s, found "1000"`},
		{groups("pace: 0/s", ""), `f.yaml:3: expected max, or a rate up to 1e9/s, such as 500/s, 50k/s or 1e6/s, found "0/s"`},
		{groups("pace: {rate: 1e6}", ""), `f.yaml:3: expected a rate from 0/s to 1e9/s, such as 500/s, 50k/s or 1e6/s, found "1e6"`},
		{groups("pace: {rate: 1/s, burst: 4}", ""), `f.yaml:3: expected a pace with one of rate, burst, phases and capture, found 2 of them`},
		{groups("pace: {burst: 4}", ""), `f.yaml:3: expected burst and every together, found one of them`},
		{groups("pace: {burst: 4, every: 1s, arrivals: poisson}", ""), `f.yaml:3: expected arrivals only with rate or phases, found it without`},
		{groups("pace: {phases: [{for: 1s}]}", ""), `f.yaml:3: expected a phase with rate, or with from and to, found something else`},
		{groups("pace: {phases: [{rate: 1/s}]}", ""), `f.yaml:3: expected a phase with the key for, found none`},
		{groups("pace: {phases: [{for: 1s, rate: 0/s}]}", ""), `f.yaml:3: expected a phase with a rate greater than 0/s, found none`},
		{groups("pace: {rate: 1/s, speed: 2}", ""), `f.yaml:3: expected speed only with capture, found it without`},
		{groups("timer: spin", ""), `f.yaml:3: expected timer only with a pace, found pace: max`},
		{groups("work: 1us", ""), `f.yaml:3: expected a key of a group of producers out of batch, churn, count, cpus, pace, ring, size, timer, wait, found "work"`},
		{groups("", "size: 64B"), `f.yaml:5: expected a key of a group of consumers out of batch, churn, count, cpus, ring, wait, work, found "size"`},
		{groups("", "work: 1"), `f.yaml:5: expected a time with a unit, such as 5us, 10ms or 2s, found "1"`},
		{groups("", "batch: 2000"), `f.yaml:5: expected a whole number from 1 to 1024, found "2000"`},
		{groups("", "churn: {by: kill}"), `f.yaml:5: expected churn with one of every, after and messages, found 0 of them`},
		{groups("", "churn: {every: 1s, after: 1s}"), `f.yaml:5: expected churn with one of every, after and messages, found 2 of them`},
		{groups("", "churn: {every: 1s, by: fire}"), `f.yaml:5: expected leave, kill, found "fire"`},
		{"rings: {r: {topology: broadcast, overrun: drop}}\nproducers:\n  p:\n    batch: 2\nconsumers: {c: {}}", `f.yaml:4: expected a batch of 1 with overrun: drop, where each message is dropped or not, found 2`},
		{"rings: {r: {slots: 4, slot-size: 32B}}\nproducers: {p: {size: 16B}}\nconsumers: {c: {}}", `f.yaml:2: expected messages of exactly 32B, the slot-size of ring r, found 16B`},
		{"rings: {r: {topology: mpmc, slots: 4, slot-size: 32B}}\nproducers: {p: {size: 16B-64B}}\nconsumers: {c: {}}", `f.yaml:2: expected messages of at most 32B in ring r, found 16B to 64B`},
		{"rings: {r: {topology: mpmc}}\nproducers: {g: {}}\nconsumers: {g: {}}", `f.yaml:3: expected groups with names of their own, found "g" again`},
	} {
		_, err := Parse("f.yaml", []byte(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func rings(keys string) string {
	return "rings:\n  r: {" + strings.ReplaceAll(keys, "\n", ",\n") + "}\nproducers: {p: {}}\nconsumers: {c: {}}"
}

func groups(producer, consumer string) string {
	return "rings: {r: {capacity: 4KiB}}\nproducers:\n  p: {" + producer + "}\nconsumers:\n  c: {" + consumer + "}"
}

func TestProfile(t *testing.T) {
	p, err := Parse("dir/f.yaml", []byte(`
duration: 2s
rings:
  a: {topology: mpmc, slots: 16, slot-size: 128B, redeliver: true, wait: futex}
  b: {topology: broadcast, overrun: block, backing: file, at: x}
producers:
  p: {ring: a, count: 2, size: 16B-128B, pace: {rate: 2k/s, arrivals: poisson}, wait: spin}
  q: {ring: b, size: [{size: 16B}, {size: 1KiB, weight: 3}], pace: {phases: [{for: 1s, from: 0/s, to: 1e3/s}]}, timer: spin}
consumers:
  c: {ring: a, count: 3, work: {busy: 5us, sleep: 1ms}, churn: {every: 100ms, by: kill, pause: 1ms}, cpus: [0, 1]}
  d: {ring: b, work: 7us, batch: 9}
`))
	if err != nil {
		t.Fatal(err)
	}
	a, b := p.Rings[0], p.Rings[1]
	if p.Name != "f" || p.Duration != 2*time.Second || p.WarmUp != defaultWarmUp || len(p.Rings) != 2 || len(p.Groups) != 4 {
		t.Errorf("%+v", p)
	}
	if a.Config.Topology != ring.MPMC || a.Config.Kind != ring.Slots || a.Config.Capacity != 16 || !a.Config.Redeliver || a.Config.Members != 7 || a.most != 128 {
		t.Errorf("%+v", a)
	}
	if b.Config.Overrun != ring.OverrunBlock || b.Backing != "file" || b.At != "dir/x" {
		t.Errorf("%+v", b)
	}
	g, q, c, d := p.Groups[0], p.Groups[1], p.Groups[2], p.Groups[3]
	if g.Count != 2 || g.Size.To != 128 || !g.Pace.Poisson || g.Pace.Phases[0].From != 2000 || g.Wait != "spin" || !g.Producer {
		t.Errorf("%+v", g)
	}
	if q.Size.Weighted[1] != (Weight{1024, 3}) || q.Pace.Phases[0].To != 1000 || !q.Spin || q.Wait != "adaptive" {
		t.Errorf("%+v", q)
	}
	if c.Busy != 5*time.Microsecond || c.Sleep != time.Millisecond || !c.Churn.Kill || c.Churn.Pause != time.Millisecond || len(c.CPUs) != 2 || c.Wait != "futex" {
		t.Errorf("%+v %+v", c, c.Churn)
	}
	if d.Busy != 7*time.Microsecond || d.Batch != 9 || d.Producer {
		t.Errorf("%+v", d)
	}
}

func TestBuiltin(t *testing.T) {
	if len(Builtin()) < 4 {
		t.Errorf("%v", Builtin())
	}
	for _, name := range Builtin() {
		text, ok := Source(name)
		p, err := Parse(name+".yaml", text)
		if !ok || err != nil || p.Name != name || p.About == "" {
			t.Errorf("%s: %v, %+v", name, err, p)
		}
	}
}

// No size is negative, whatever an int can hold.
func TestGreatestSize(t *testing.T) {
	for _, text := range []string{"1GiB", "2GiB", "4GiB", "8589934591G"} {
		if n, err := ParseSize(text); (err == nil) != (n > 0) {
			t.Errorf("%s: %d, %v", text, n, err)
		}
	}
}

// Paths are relative to the profile, however it is written.
func TestPathByAlias(t *testing.T) {
	p, err := Parse("dir/f.yaml", []byte("rings: {r: &r {at: x.ring, backing: file}, s: *r}\n"+
		"producers: {p: {ring: r}, q: {ring: s}}\nconsumers: {c: {ring: r}, d: {ring: s}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Rings {
		if r.At != "dir/x.ring" {
			t.Errorf("ring %s: expected it at dir/x.ring, found %s", r.Name, r.At)
		}
	}
}
