package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"annulus/ring"
)

func TestInspect(t *testing.T) {
	name := ringName(t)
	r, err := ring.Create(name, ring.Config{Capacity: 8192})
	must(t, err)
	defer r.Close()
	if d := look(t, name); d.Producer.State != "none" || d.Consumer.State != "none" || d.Producer.Since != "" || d.Positions.Share != 0 {
		t.Errorf("a fresh ring: %+v", d)
	}
	p, err := r.Producer()
	must(t, err)
	must(t, p.TrySend([]byte("hello")))
	must(t, p.TrySend(nil))
	status, out, errText := call("inspect", "--json", name)
	if status != 0 || errText != "" {
		t.Fatal(status, errText)
	}
	var doc map[string]any
	must(t, json.Unmarshal([]byte(out), &doc))
	for path, want := range map[string]any{
		"schema": "ringbench/inspect/1", "name": name, "backing": "posix", "links": 1.0, "removed": false,
		"header.version": "1.0", "header.kind": "bytes", "header.topology": "spsc", "header.capacity": 8192.0, "header.max_message": 4088.0,
		"header.creator_pid": float64(os.Getpid()), "header.boot": "current", "header.element": "",
		"positions.tail": 24.0, "positions.head": 0.0, "positions.occupied": 24.0, "positions.messages": 2.0,
		"producer.state": "attached", "producer.pid": float64(os.Getpid()), "producer.messages": 2.0, "producer.bytes": 5.0, "producer.sessions": 1.0,
		"producer.gate.parker": "futex", "consumer.state": "none", "consumer.attached": false, "consumer.pid": 0.0,
	} {
		var got any = doc
		for key := range strings.SplitSeq(path, ".") {
			got, _ = got.(map[string]any)[key]
		}
		if got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	status, out, errText = call("inspect", name)
	for _, want := range []string{name, "POSIX shared memory", "records of up to 4088", "(current)", "24 of 8192 bytes (0.3%), 2 messages", "attached", "futex, seq "} {
		if status != 0 || errText != "" || !strings.Contains(out, want) {
			t.Errorf("%d, %q: %q is missing in\n%s", status, errText, want, out)
		}
	}
	must(t, p.Close())
	if d := look(t, name); d.Producer.State != "closed" || d.Producer.Messages != 2 {
		t.Errorf("%+v", d.Producer)
	}
}

func TestList(t *testing.T) {
	names := []string{ringName(t), ringName(t)}
	passes(t, []byte("a\nb\n"), "produce", names[0])
	r, err := ring.Create(names[1], ring.Config{Kind: ring.Slots, Capacity: 4, SlotSize: 16})
	must(t, err)
	defer r.Close()
	_, err = r.Consumer()
	must(t, err)
	list := func() *listing {
		status, out, errText := call("list", "--json")
		var doc listing
		if err := json.Unmarshal([]byte(out), &doc); err != nil || status != 0 || errText != "" || doc.Schema != "ringbench/list/1" {
			t.Fatal(err, status, errText, out)
		}
		return &doc
	}
	found := 0
	for _, e := range list().Rings {
		switch e.Name {
		case names[0]:
			found++
			if e.Kind != "bytes" || e.Waiting != 2 || e.Passed != 0 || e.Producer != "closed" || e.Consumer != "none" || e.Capacity != 1<<20 || e.Size == 0 {
				t.Errorf("%+v", e)
			}
		case names[1]:
			found++
			if e.Kind != "slots" || e.SlotSize != 16 || e.Consumer != "attached" || e.Producer != "none" {
				t.Errorf("%+v", e)
			}
		}
	}
	if _, out, _ := call("list"); found != 2 || !strings.Contains(out, names[0]) || !strings.Contains(out, "4 x 16 B") {
		t.Errorf("%d found:\n%s", found, out)
	}
}

// In a directory there are rings, things that are none, and rings that cannot
// be opened.
func TestListOfFiles(t *testing.T) {
	dir := t.TempDir()
	if status, out, errText := call("list", "--path", dir); status != 0 || out != "no rings\n" || errText != "" {
		t.Errorf("%d, %q, %q", status, out, errText)
	}
	for _, name := range []string{"good", "newer", "two\nlines"} {
		r, err := ring.CreateFile(filepath.Join(dir, name), ring.Config{})
		must(t, err)
		must(t, r.Close())
	}
	f, err := os.OpenFile(filepath.Join(dir, "newer"), os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte{9}, 8)
	must(t, errors.Join(err, f.Close()))
	must(t, os.WriteFile(filepath.Join(dir, "text"), []byte("hello, world"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "zeros"), make([]byte, 8192), 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "directory"), 0o700))
	status, out, errText := call("list", "--path", dir)
	if status != 0 || errText != "" || strings.Count(out, "\n") != 4 || !strings.Contains(out, "it is 9.0") || !strings.Contains(out, `two\nlines"`) {
		t.Errorf("%d, %q:\n%s", status, errText, out)
	}
	status, out, errText = call("list", "--path", filepath.Join(dir, "none"))
	if status != 1 || out != "" || strings.Count(errText, "\n") != 1 {
		t.Errorf("%d, %q, %q", status, out, errText)
	}
}

func TestRemove(t *testing.T) {
	name := ringName(t)
	passes(t, []byte("a\nb\n"), "produce", name)
	r, err := ring.Open(name)
	must(t, err)
	defer r.Close()
	for role, take := range map[string]func() (interface{ Close() error }, error){
		"producer": func() (interface{ Close() error }, error) { return r.Producer() },
		"consumer": func() (interface{ Close() error }, error) { return r.Consumer() },
	} {
		e, err := take()
		must(t, err)
		status, out, errText := call("remove", name)
		if status != 1 || out != "" || !strings.Contains(errText, role+" (pid ") || !strings.Contains(errText, "--force") || strings.Count(errText, "\n") != 1 {
			t.Errorf("%d, %q, %q", status, out, errText)
		}
		must(t, e.Close())
	}
	status, out, errText := call("remove", name)
	if status != 0 || errText != "" || !strings.Contains(out, "a ring with 2 messages in it") {
		t.Errorf("%d, %q, %q", status, out, errText)
	}
	if _, err := ring.Open(name); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestRemoveByForce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	r, err := ring.CreateFile(path, ring.Config{})
	must(t, err)
	defer r.Close()
	_, err = r.Producer()
	must(t, err)
	if status, out, errText := call("remove", "--force", "--path", path); status != 0 || errText != "" || !strings.Contains(out, "goes on without its name") {
		t.Errorf("%d, %q, %q", status, out, errText)
	}
	must(t, os.WriteFile(path, []byte("precious"), 0o600))
	if status, _, errText := call("remove", "--path", path); status != 1 || !strings.Contains(errText, "--force") {
		t.Errorf("%d, %q", status, errText)
	}
	if status, out, _ := call("remove", "--path", path, "--force"); status != 0 || !strings.Contains(out, "no sound ring") {
		t.Errorf("%d, %q", status, out)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
