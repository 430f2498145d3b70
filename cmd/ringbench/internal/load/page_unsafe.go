package load

import "unsafe"

const pageBytes = int(unsafe.Sizeof(page{}))
