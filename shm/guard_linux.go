//go:build amd64 || arm64

package shm

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const guardSlots = 4096

// A guardEntry is one guarded mapping, read by the signal handler in assembly:
//
//	 0 seq    odd while the entry is being changed
//	 8 base   first byte; 0: free
//	16 end    one past the last byte, page-aligned
//	24 flag   address of the faultFlag
//	32 prot   protection of the replacement
//
// The handler skips an entry whose seq is odd or moved while it was read. That
// loses nothing: the entry of a region somebody is touching does not change.
type guardEntry struct {
	seq  atomic.Uint64
	base atomic.Uintptr
	end  atomic.Uintptr
	flag atomic.Uintptr
	prot atomic.Uint64
	_    [3]uint64
}

var (
	guardTable [guardSlots]guardEntry // not on the heap: the handler reads it
	guardHigh  atomic.Uint64          // entries from here on were never used

	//lint:ignore U1000 the handler reads it
	guardOld uintptr // the handler that was there before ours

	guardMu    sync.Mutex
	guardOwner [guardSlots]*faultFlag // keeps reachable what the handler may write

	guardInstall = sync.OnceValue(installGuard)
)

// guardAdd puts a mapping under the guard. It returns its slot, or -1 and the
// reason why it has none.
func guardAdd(mem []byte, readOnly bool, flag *faultFlag) (int, string) {
	if why := guardInstall(); why != "" {
		return -1, why
	}
	why := ""
	if handler, err := currentHandler(); err != nil || handler != handlerPC() {
		why = "another SIGBUS handler was installed after ours; it must call the previous one for faults of this mapping"
	}
	guardMu.Lock()
	defer guardMu.Unlock()
	// The lowest free entry: the handler searches from the start.
	slot := slices.Index(guardOwner[:], nil)
	if slot < 0 {
		return -1, fmt.Sprintf("all %d entries are in use, touching a truncated file ends the program", guardSlots)
	}
	prot := uint64(unix.PROT_READ | unix.PROT_WRITE)
	if readOnly {
		prot = unix.PROT_READ
	}
	guardOwner[slot] = flag
	base, end := span(mem)
	e := &guardTable[slot]
	e.seq.Add(1)
	e.end.Store(end)
	e.flag.Store(flagAddr(flag))
	e.prot.Store(prot)
	e.base.Store(base)
	e.seq.Add(1)
	if high := uint64(slot + 1); high > guardHigh.Load() {
		guardHigh.Store(high)
	}
	return slot, why
}

// guardRemove takes a mapping out again, before it is unmapped.
func guardRemove(slot int) {
	if slot < 0 {
		return
	}
	guardMu.Lock()
	defer guardMu.Unlock()
	e := &guardTable[slot]
	e.seq.Add(1)
	e.base.Store(0)
	e.end.Store(0)
	e.flag.Store(0)
	e.seq.Add(1)
	guardOwner[slot] = nil
}

// installGuard puts our handler in front of the present one and keeps all else
// of its action: flags, mask and restorer. It returns why it could not.
func installGuard() string {
	var act sigaction
	if err := rtSigaction(unix.SIGBUS, nil, &act); err != nil {
		return fmt.Sprintf("the SIGBUS action could not be read: %v", err)
	}
	const need = saSiginfo | saOnstack
	if act.handler <= 1 || act.flags&need != need || act.flags&saResethand != 0 {
		return fmt.Sprintf("the present SIGBUS action (handler %#x, flags %#x) is not the Go runtime's", act.handler, act.flags)
	}
	guardOld = act.handler // before ours can run
	act.handler = handlerPC()
	if err := rtSigaction(unix.SIGBUS, &act, nil); err != nil {
		return fmt.Sprintf("the SIGBUS handler could not be installed: %v", err)
	}
	return ""
}
