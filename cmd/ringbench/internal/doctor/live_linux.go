package doctor

import "golang.org/x/sys/unix"

func space(path string) (Space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return Space{}, err
	}
	unit := uint64(st.Bsize)
	return Space{Size: st.Blocks * unit, Free: st.Bavail * unit, Inodes: st.Files, InodeFree: st.Ffree}, nil
}

func writable(path string) error {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
}
