#include "textflag.h"

// func handlerPC() uintptr
TEXT ·handlerPC(SB), NOSPLIT, $0-8
	LEAQ ·sigbusHandler(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// sigbusHandler is entered by the kernel, on the signal stack, in the C ABI:
// DI signal, SI siginfo, DX ucontext. It uses only registers that a C function
// may use, and has them as they came in when it goes on to the old handler.
// On return the kernel restores every register of the interrupted thread.
TEXT ·sigbusHandler(SB), NOSPLIT|TOPFRAME|NOFRAME, $0
	MOVLQSX 8(SI), AX          // si_code
	CMPQ AX, $2                // BUS_ADRERR: not, say, broken memory
	JNE  chain
	MOVQ 16(SI), R8            // si_addr
	PUSHQ DI
	PUSHQ SI
	PUSHQ DX

	LEAQ ·guardTable(SB), R9
	MOVQ ·guardHigh(SB), CX

search:
	TESTQ CX, CX
	JZ   foreign
	MOVQ 0(R9), R10            // seq
	TESTQ $1, R10
	JNZ  next
	MOVQ 8(R9), AX             // base
	MOVQ 16(R9), R11           // end
	MOVQ 24(R9), DI            // flag
	MOVQ 32(R9), DX            // prot
	CMPQ R10, 0(R9)            // loads are not reordered here
	JNE  next
	CMPQ R8, AX
	JB   next
	CMPQ R8, R11
	JB   ours

next:
	ADDQ $64, R9
	DECQ CX
	JMP  search

ours:
	// The flag first: whoever reads a zero of the new pages finds it set.
	MOVL $1, 0(DI)
	MOVQ AX, DI                // mmap(base, end-base, prot,
	MOVQ R11, SI
	SUBQ AX, SI
	MOVQ $0x4032, R10          //   MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS|MAP_NORESERVE,
	MOVQ $-1, R8               //   -1, 0)
	MOVQ $0, R9
	MOVQ $9, AX
	SYSCALL
	CMPQ AX, $0xfffffffffffff001
	JCC  foreign               // no memory for it: let the old handler speak
	POPQ DX
	POPQ SI
	POPQ DI
	RET

foreign:
	POPQ DX
	POPQ SI
	POPQ DI

chain:
	MOVQ ·guardOld(SB), AX
	JMP  AX
