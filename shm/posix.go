package shm

import (
	"io/fs"
	"time"
)

// Info describes a POSIX shared memory object.
type Info struct {
	Name    string
	Size    int64 // bytes
	Mode    fs.FileMode
	UID     int
	ModTime time.Time
}
