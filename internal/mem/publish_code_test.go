package mem_test

import (
	"runtime"
	"strings"
	"testing"

	"annulus/internal/race"
	_ "annulus/ring" // what is disassembled: go test must notice its changes
)

// TestPublishCode holds the compiler to what publish_amd64.go relies on: in the
// code of the hot paths the store that publishes is there, is a plain MOV, and
// lies behind the payload's on every path.
func TestPublishCode(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skipf("on %s Publish is sync/atomic: nothing to hold", runtime.GOARCH)
	}
	if race.Enabled {
		t.Skip("under -race Publish is sync/atomic: nothing to hold")
	}
	ring := archive(t, "annulus/ring")
	publish := within(t, "publish_amd64.go", "Publish")
	store := func(i inst) bool { return publish(i) && i.toMemory() && !strings.Contains(i.target(), "(SP)") }
	payload := func(name string) func(inst) bool {
		word := within(t, "ptr_unsafe.go", name)
		return func(i inst) bool { return word(i) && i.toMemory() || i.calls("runtime.memmove") }
	}

	// Generic code lies where it is used.
	used := archive(t, "annulus/cmd/ringbench")
	read := within(t, "ptr_unsafe.go", "Read")

	for _, f := range []struct {
		archive string
		symbol  string
		payload func(inst) bool
		publish int // stores that publish, but for those to busy
	}{
		{ring, "annulus/ring.(*Producer).TrySend", payload("CopyWord"), 1},
		{ring, "annulus/ring.(*Producer).put", payload("CopyWord"), 1},
		{ring, "annulus/ring.(*Producer).trySendSlot", payload("CopyWord"), 1},
		{ring, "annulus/ring.(*Producer).trySendCast", payload("CopyWord"), 4},
		{ring, "annulus/ring.(*Consumer).TryRecv", payload("AppendWord"), 1},
		{used, "annulus/ring.(*ProducerOf[go.shape.[1]uint64]).TrySend", payload("Write"), 1},
		{used, "annulus/ring.(*ConsumerOf[go.shape.[1]uint64]).TryRecv", func(i inst) bool {
			return read(i) && strings.Contains(i.text, "(")
		}, 1},
	} {
		t.Run(f.symbol, func(t *testing.T) {
			code := disassemble(t, f.archive, f.symbol)
			busy := func(i inst) bool {
				return store(i) && (strings.Contains(i.text, "$0x1,") || strings.Contains(i.text, "$0x0,"))
			}
			published := func(i inst) bool { return store(i) && !busy(i) }
			first := where(code, published)
			if len(first) != f.publish {
				t.Fatalf("%d stores publish, want %d:\n%s", len(first), f.publish, listing(code))
			}
			for _, i := range first {
				if op := code[i].op(); op != "MOVQ" && op != "INCQ" && op != "ADDQ" {
					t.Errorf("published by %q, want a plain store", code[i].text)
				}
			}
			for _, i := range where(code, inst.locked) {
				t.Errorf("%s:%d: %q on the hot path", code[i].file, code[i].line, code[i].text)
			}
			copies := where(code, f.payload)
			if len(copies) == 0 {
				t.Fatalf("no payload is copied:\n%s", listing(code))
			}
			// Never: the publish, then the payload.
			for _, i := range reach(code, first, func(inst) bool { return false }) {
				if f.payload(i) {
					t.Errorf("%s:%d: %q can follow the publish", i.file, i.line, i.text)
				}
			}
			// Never: the payload, and then out without a publish.
			for _, p := range first {
				for _, i := range reach(code, copies, func(i inst) bool { return i.addr == code[p].addr }) {
					if i.op() == "RET" {
						t.Errorf("a way out at %#x behind the payload passes by %q", i.addr, code[p].text)
					}
				}
			}
		})
	}
}

// TestBusyCode holds the other plain store, [E1]: busy is stored before quiet is
// loaded, and again on each way out.
func TestBusyCode(t *testing.T) {
	if runtime.GOARCH != "amd64" || race.Enabled {
		t.Skip("only on amd64 without -race is busy a plain store")
	}
	ring := archive(t, "annulus/ring")
	publish := within(t, "publish_amd64.go", "Publish")
	load := within(t, "ptr_unsafe.go", "Load")
	used := archive(t, "annulus/cmd/ringbench")
	for symbol, f := range map[string]struct {
		archive string
		slow    []string // they exit for it
	}{
		"annulus/ring.(*Producer).TrySend":                       {ring, []string{"trySendSlow", "sent", "put"}},
		"annulus/ring.(*Consumer).TryRecv":                       {ring, []string{"tryRecvSlow", "received"}},
		"annulus/ring.(*ProducerOf[go.shape.[1]uint64]).TrySend": {used, []string{"sentSlot", "sendTicket"}},
		"annulus/ring.(*ConsumerOf[go.shape.[1]uint64]).TryRecv": {used, []string{"tryRecvSlow", "recvTicket", "received"}},
	} {
		code, slow := disassemble(t, f.archive, symbol), f.slow
		set := func(i inst) bool { return publish(i) && strings.HasPrefix(i.text, "MOVQ $0x1, ") }
		leave := func(i inst) bool {
			for _, name := range slow {
				if i.calls(name) {
					return true
				}
			}
			return publish(i) && strings.HasPrefix(i.text, "MOVQ $0x0, ") || i.calls("runtime.morestack")
		}
		entered := where(code, set)
		if len(entered) != 1 {
			t.Fatalf("%s: busy is set %d times, want once:\n%s", symbol, len(entered), listing(code))
		}
		for _, i := range reach(code, []int{0}, set) {
			if load(i) {
				t.Errorf("%s: %q comes before busy is set", symbol, i.text)
			}
		}
		for _, i := range reach(code, entered, leave) {
			if i.op() == "RET" {
				t.Errorf("%s: a way out at %#x leaves busy set", symbol, i.addr)
			}
		}
	}
}

func listing(code []inst) string {
	var b strings.Builder
	for _, i := range code {
		b.WriteString(i.file + "\t" + i.text + "\n")
	}
	return b.String()
}
