#include "textflag.h"

// This file was run under user-mode emulation only, not on an arm64 machine. The
// tests of the guard are the same as for amd64.

// func handlerPC() uintptr
TEXT ·handlerPC(SB), NOSPLIT, $0-8
	MOVD $·sigbusHandler(SB), R0
	MOVD R0, ret+0(FP)
	RET

// sigbusHandler is entered by the kernel, on the signal stack, in the C ABI:
// R0 signal, R1 siginfo, R2 ucontext, R30 the return to the kernel. It uses
// only registers that a C function may use, and has R0-R2 as they came in when
// it goes on to the old handler. On return the kernel restores every register
// of the interrupted thread.
TEXT ·sigbusHandler(SB), NOSPLIT|TOPFRAME|NOFRAME, $0
	MOVW 8(R1), R3             // si_code
	CMPW $2, R3                // BUS_ADRERR: not, say, broken memory
	BNE  chain
	MOVD 16(R1), R4            // si_addr
	MOVD $·guardTable(SB), R5
	MOVD $·guardHigh(SB), R6
	MOVD (R6), R6

search:
	CBZ  R6, chain
	LDAR (R5), R7              // seq, before the rest
	TBNZ $0, R7, next
	MOVD 8(R5), R9             // base
	MOVD 16(R5), R10           // end
	MOVD 24(R5), R11           // flag
	MOVD 32(R5), R12           // prot
	DMB  $0x9                  // ishld: the rest, before seq again
	MOVD (R5), R13
	CMP  R7, R13
	BNE  next
	CMP  R9, R4
	BLO  next
	CMP  R10, R4
	BLO  ours

next:
	ADD  $64, R5
	SUB  $1, R6
	B    search

ours:
	// The flag first: whoever reads a zero of the new pages finds it set.
	MOVD $1, R3
	STLRW R3, (R11)
	MOVD R0, R13
	MOVD R1, R14
	MOVD R2, R15
	MOVD R9, R0                // mmap(base, end-base, prot,
	SUB  R9, R10, R1
	MOVD R12, R2
	MOVD $0x4032, R3           //   MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS|MAP_NORESERVE,
	MOVD $-1, R4               //   -1, 0)
	MOVD $0, R5
	MOVD $222, R8
	SVC
	CMN  $4095, R0
	BCC  done
	MOVD R13, R0               // no memory for it: let the old handler speak
	MOVD R14, R1
	MOVD R15, R2

chain:
	MOVD $·guardOld(SB), R3
	MOVD (R3), R3
	B    (R3)

done:
	RET
