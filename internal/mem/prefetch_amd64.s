#include "textflag.h"

// func prefetch(p unsafe.Pointer)
TEXT ·prefetch(SB), NOSPLIT, $0-8
	MOVQ        p+0(FP), AX
	PREFETCHT0  (AX)
	PREFETCHT0  64(AX)
	PREFETCHT0  128(AX)
	PREFETCHT0  192(AX)
	RET

// PREFETCHW, which the assembler does not know; a processor without it treats it as NOP.
// func claim(p unsafe.Pointer)
TEXT ·claim(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	BYTE $0x0F; BYTE $0x0D; BYTE $0x08                                              // (AX)
	BYTE $0x0F; BYTE $0x0D; BYTE $0x48; BYTE $0x40                                  // 64(AX)
	BYTE $0x0F; BYTE $0x0D; BYTE $0x88; BYTE $0x80; BYTE $0x00; BYTE $0x00; BYTE $0x00 // 128(AX)
	BYTE $0x0F; BYTE $0x0D; BYTE $0x88; BYTE $0xC0; BYTE $0x00; BYTE $0x00; BYTE $0x00 // 192(AX)
	RET
