package feed

import (
	"fmt"
	"io/fs"
)

// SysVSet says which System V semaphore OpenSysVSemaphore opens.
type SysVSet struct {
	Key    int32       // as of Ftok. 0 (IPC_PRIVATE): the set ID, or a new one that has no key
	ID     int         // where Key is 0 and Create false: of a set that is there
	Create bool        // make the set if there is none
	Perm   fs.FileMode // of a set that is made; 0: 0600
	Count  int         // semaphores in a set that is made; 0: 1
	Index  int         // of the semaphore in the set, from 0
	Value  int         // of the semaphore, if the set is made

	// Undo makes Acquire undone by the kernel (SEM_UNDO) if the process ends before it
	// has called Confirm or GiveBack for it. Posts confirms what is sent into the ring: so a post is never lost, but it
	// comes again where the process was killed between the send and the Confirm.
	Undo bool
}

// String is what errors call the semaphore.
func (s SysVSet) String() string {
	switch {
	case s.Key != 0:
		return fmt.Sprintf("System V semaphore %d of key %#x", s.Index, uint32(s.Key))
	case s.Create:
		return "new System V semaphore"
	}
	return fmt.Sprintf("System V semaphore %d of set %d", s.Index, s.ID)
}

// SysVSemaphore is one semaphore of a System V set, as of semget(2), of Linux. Any number of goroutines
// may use it at once; it holds nothing that had to be closed. A goroutine that waits holds a thread, as for
// SysVQueue. The kernel keeps the set until Remove or a reboot: Remove ends all waits with EIDRM.
type SysVSemaphore struct {
	SysVSet // with its ID
}
