//go:build !race

#include "textflag.h"

// func Announce(w *uint64, v uint64)
TEXT ·Announce(SB), NOSPLIT, $0-16
	MOVD w+0(FP), R0
	MOVD v+8(FP), R1
	MOVD R1, (R0)
	DMB  $10 // ISHST: stores before, stores behind
	RET

// func Recheck(w *uint64) uint64
TEXT ·Recheck(SB), NOSPLIT, $0-16
	MOVD w+0(FP), R0
	DMB  $9 // ISHLD: loads before, loads and stores behind
	MOVD (R0), R1
	MOVD R1, ret+8(FP)
	RET
