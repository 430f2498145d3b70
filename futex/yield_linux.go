package futex

import "golang.org/x/sys/unix"

func osYield() { unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
