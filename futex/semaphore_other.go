//go:build !(linux && (amd64 || arm64 || loong64 || ppc64le || riscv64))

package futex

// No Semaphore can be made here: these complete the type and are never reached.

const semaphoreSupported = false

func aligned8([]byte) bool { return false }

func overlaySemaphore([]byte) *Semaphore { return nil }
