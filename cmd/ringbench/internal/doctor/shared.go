package doctor

import (
	"io/fs"

	"annulus/internal/cpu"
	"annulus/internal/layout"
	"annulus/ring"
)

const shmDir = "/dev/shm"

// defaultRing is how many bytes the file of a ring of the default capacity has.
func defaultRing() uint64 {
	g, err := layout.Compute(layout.Shape{
		Kind: uint32(ring.Bytes), Topology: uint32(ring.SPSC), Capacity: ring.DefaultCapacity, Stride: uint64(cpu.Stride()),
	})
	if err != nil {
		panic(err) // the defaults are no ring
	}
	return g.TotalSize
}

// notLocal are file systems that package shm refuses.
var notLocal = map[string]bool{"nfs": true, "nfs4": true, "9p": true, "cifs": true, "smb3": true, "smbfs": true, "virtiofs": true}

const remountShm = "mount -t tmpfs -o rw,nosuid,nodev,mode=1777 tmpfs /dev/shm"

func shmMount(m *Machine) Finding {
	info, err := fs.Stat(m.Root, "dev/shm")
	if err != nil || !info.IsDir() {
		return breaks("there is no directory /dev/shm").do("mount a tmpfs there, or keep rings in files (--path, ring.OpenOrCreateFile)").by("mkdir -p /dev/shm", remountShm)
	}
	at, found := m.mounted(shmDir)
	switch {
	case !found && m.line("/proc/self/mountinfo") == "":
		return unknown("/proc/self/mountinfo cannot be read").do("mount /proc").by("mount -t proc proc /proc")
	case !found:
		return costs("/dev/shm is a directory on another file system, nothing is mounted there").do("mount a tmpfs there").by(remountShm)
	case notLocal[at.kind] || len(at.kind) >= 4 && at.kind[:4] == "fuse":
		return breaks("/dev/shm is on %s, where memory or locks are not shared", at.kind).do("mount a tmpfs there").by(remountShm)
	case at.has("ro"):
		return breaks("/dev/shm is mounted read-only").do("mount it for writing; of a container: without --read-only, or with --tmpfs /dev/shm").by("mount -o remount,rw /dev/shm")
	case at.kind != "tmpfs":
		return costs("/dev/shm is on %s, not on tmpfs", at.kind).do("mount a tmpfs there").by(remountShm)
	}
	return ok("/dev/shm is a tmpfs, for writing")
}

func shmSpace(m *Machine) Finding {
	s, err := m.Kernel.Space(shmDir)
	if err != nil {
		return unknown("/dev/shm: %v", err)
	}
	const snug = 64 << 20 // what containers get that ask for nothing
	need := defaultRing()
	larger := func(f Finding) Finding {
		return f.do("make it larger; of a container: docker run --shm-size 1g, in Kubernetes an emptyDir of medium Memory at /dev/shm").by("mount -o remount,size=1G /dev/shm")
	}
	switch {
	case s.Free < need:
		return larger(breaks("/dev/shm has %s free of %s, a ring of the default capacity takes %s", bytes(s.Free), bytes(s.Size), bytes(need)))
	case s.Size <= snug:
		return larger(costs("/dev/shm has %s free of %s: rings of more cannot be made", bytes(s.Free), bytes(s.Size)))
	}
	return ok("/dev/shm has %s free of %s", bytes(s.Free), bytes(s.Size))
}

func shmInodes(m *Machine) Finding {
	s, err := m.Kernel.Space(shmDir)
	switch few := uint64(100); {
	case err != nil:
		return unknown("/dev/shm: %v", err)
	case s.Inodes == 0:
		return ok("/dev/shm has no limit of files")
	case s.InodeFree == 0:
		return breaks("/dev/shm has %d files, and room for no other", s.Inodes).do("remove what nobody uses (ringbench list), or allow more").by("mount -o remount,nr_inodes=0 /dev/shm")
	case s.InodeFree < few:
		return costs("/dev/shm has room for %d files more, of %d", s.InodeFree, s.Inodes).do("allow more").by("mount -o remount,nr_inodes=0 /dev/shm")
	default:
		return ok("/dev/shm has room for %d files more", s.InodeFree)
	}
}

func shmAccess(m *Machine) Finding {
	info, err := fs.Stat(m.Root, "dev/shm")
	if err != nil {
		return unknown("/dev/shm: %v", err)
	}
	mode := info.Mode()
	if err := m.Kernel.Writable(shmDir); err != nil {
		return breaks("this user may make no files in /dev/shm (mode %#o): %v", mode.Perm(), err).do("give it the mode of a directory for all").by("chmod 1777 /dev/shm")
	}
	if mode.Perm()&0o022 != 0 && mode&fs.ModeSticky == 0 {
		return costs("other users may remove and replace rings in /dev/shm: mode %#o without the sticky bit", mode.Perm()).do("set the sticky bit").by("chmod +t /dev/shm")
	}
	return ok("this user may make files in /dev/shm, and others may not remove them")
}

func fileSize(m *Machine) Finding {
	n, found := m.limit("Max file size")
	need := defaultRing()
	switch {
	case !found:
		return unknown("/proc/self/limits does not say how large a file may be")
	case n < need:
		return breaks("files may have %s, a ring of the default capacity takes %s", bytes(n), bytes(need)).do("raise RLIMIT_FSIZE: ulimit -f, LimitFSIZE= of a systemd unit").by("ulimit -f unlimited")
	case n != unlimited:
		return costs("files may have %s: larger rings cannot be made", bytes(n)).do("raise RLIMIT_FSIZE: ulimit -f, LimitFSIZE= of a systemd unit").by("ulimit -f unlimited")
	}
	return ok("files may be of any size")
}

func openFiles(m *Machine) Finding {
	n, found := m.limit("Max open files")
	const least, few = 64, 1024
	switch {
	case !found:
		return unknown("/proc/self/limits does not say how many files may be open")
	case n < least:
		return breaks("%d files may be open", n).do("raise RLIMIT_NOFILE: ulimit -n, LimitNOFILE= of a systemd unit").by("ulimit -n 4096")
	case n < few:
		return costs("%d files may be open", n).do("raise RLIMIT_NOFILE: ulimit -n, LimitNOFILE= of a systemd unit").by("ulimit -n 4096")
	case n == unlimited:
		return ok("any number of files may be open")
	}
	return ok("%d files may be open", n)
}
