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
	Inode   uint64 // tells it from another one that has had or gets its name
	ModTime time.Time
}
