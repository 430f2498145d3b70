package peers

import "embed"

// Sources are the C headers and programs, in directory c, for tools that compile
// them where they run.
//
//go:embed c/*.c c/*.h
var Sources embed.FS
