package doctor

import "slices"

// Checks are all there are. A new one is a function of a Machine and a line here, and a row of
// docs/operations/machine.md.
func Checks() []Check {
	return slices.Concat([]Check{
		{"shm-mount", "rings with a name lie in /dev/shm; on a disk, pages are written back and may stall", shmMount},
		{"shm-space", "a ring takes all of its memory when it is created; what is not free is an error then", shmSpace},
		{"shm-files", "each ring, cell and semaphore is a file there", shmInodes},
		{"shm-access", "who may remove a ring's name may put another ring in its place", shmAccess},
		{"file-size", "RLIMIT_FSIZE bounds rings as it does other files", fileSize},
		{"open-files", "each ring keeps a descriptor open, and pumps one for each connection", openFiles},
		{"memory", "a ring that the machine has no memory for is refused", availableMemory},
		{"cgroup-memory", "pages of shared memory count for the group that touches them first; beyond the limit the kernel kills", cgroupMemory},
		{"swap", "a page of a ring that was swapped out comes back from the disk, which holds up whoever touches it", swap},
		{"locked-memory", "RLIMIT_MEMLOCK bounds what shm.WithMlock can keep from being swapped", lockedMemory},
		{"huge-pages", "rings use them only where shm.WithHugePages asks: fewer TLB misses in large rings", hugePages},
		{"cpus", "two sides that spin need a processor each; on one, round trips took 7 ms spinning, 25 us by futex, 8 us yielding, 5 us adaptive", allowedCPUs},
		{"cpu-quota", "a peer that is stopped for its quota stands still for the rest of a period, 100 ms as a rule, and whoever needs what it holds with it", cpuQuota},
		{"virtual", "the host moves virtual processors about: the same round trip took 130, 200 or 560 ns from one start to the next", virtualised},
		{"isolation", "other work and the timer interrupt who spins: that is the tail of round trips", isolation},
		{"smt", "threads of one core hand lines over fastest, and slow each other down when both spin", siblings},
		{"numa", "lines and pages of another node take longer to reach", numaNodes},
		{"governor", "a processor that was slowed down needs time to be fast again", governor},
		{"turbo", "it makes processors faster, and figures less steady", turbo},
		{"idle-states", "a processor that sleeps deeply adds that to each wake-up, of which a round trip between sleepers has two: 34 to 81 us as measured, spinning 0.2", idleStates},
		{"clock", "bounded sleeps, deadlines and measurements look at the clock, and a system call for each look shows", clockSource},
		{"proc", "received memory is opened anew by /proc/self/fd, and who is stopped is read there", procMount},
		{"pid-namespace", "pids that inspect and repair print are those of the peers' own namespaces, and a stopped peer of another one shows as attached", pidNamespace},
		{"user-namespace", "a ring is opened only by the user to whom it belongs, as this process sees it", userNamespace},
		{"seccomp", "what it refuses, rings do without, or fail", seccompMode},
	}, featureChecks(), []Check{
		{"remove-ipc", "it takes away names in /dev/shm, message queues and System V objects: whoever has a ring open goes on alone, whoever opens it next finds none", removeIPC},
		{"message-queues", "feed and drain mq: are bounded by these", posixQueues},
		{"system-v", "feed and drain sysv: are bounded by these", systemV},
		{"pipes", "a pipe holds 64 KiB unless a program asks for more, up to this: so soon whoever writes to feed stdin: has to wait", pipeSize},
		{"sockets", "datagrams that come while a ring is full, beyond this, are dropped by the kernel", socketBuffers},
		{"left-rings", "rings stay until they are removed, and keep their memory", leftRings},
	})
}
