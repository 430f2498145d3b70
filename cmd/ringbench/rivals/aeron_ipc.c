/*
 * Aeron IPC in Java between two pinned processes: a stream for each direction. This
 * starts both sides (aeron/Side.java), times them and prints the result. Built by
 * ringbench rivals --build; it needs, beside itself, classes/ and jars/.
 *
 *   ./aeron_ipc --mode throughput --duration 1000 --warm-up 100 --cpus 0,1 --size 64 --dir $(mktemp -d -p /dev/shm)
 *
 * The media driver is embedded in the receiver's process and shares its CPU, one thread for
 * all its work (SHARED) with the back-off that is its default: with IPC it is not on a
 * message's way, and a driver that spins would take half a CPU from a side. So do
 * the project's own IPC samples embed it. Both sides spin without backing off
 * (onSpinWait, what BusySpinIdleStrategy does), publications are exclusive, memory is touched
 * before, bounds are not checked and the JVM's flags are those of the samples'
 * scripts. offer copies a message in, and is repeated while it is pushed back: nothing is
 * dropped. Messages are checked in place. The MTU is what a message needs, up to the most there is,
 * 65504 bytes: greater messages go in fragments and are put together by a copy.
 * Terms have 16 MiB and half of one may be on its way, whatever the capacity: the
 * driver, not the receiver, makes room for more, and may sleep for a millisecond, in which no
 * sender fills that. Code is compiled while it runs, so the warm-up is two seconds at least.
 */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "rival.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>

enum { JIT_WARM_MS = 2000, TERM = 16 << 20, MOST_MTU = 65504, HEADER = 32 };

/* aeron/Page.java has the offsets. */
struct page {
	OWN_LINES int phase;
	OWN_LINES int ready;
	OWN_LINES int met;
	struct {
		OWN_LINES uint64_t total;
		uint64_t first, start, end;
		int open;
	} side[2];
	OWN_LINES struct histogram delays;
};
_Static_assert(offsetof(struct page, ready) == 128 && offsetof(struct page, met) == 256, "as in Page.java");
_Static_assert(offsetof(struct page, side) == 384 && offsetof(struct page, side[1]) == 512, "as in Page.java");
_Static_assert(offsetof(struct page, side[0].open) == 416 && offsetof(struct page, delays) == 640, "as in Page.java");
_Static_assert(offsetof(struct histogram, count) == 24, "as in Page.java");

static struct page *page;
static volatile sig_atomic_t stopping;
static pid_t jvm[2];

static void on_signal(int sig)
{
	(void)sig;
	stopping = 1;
}

static void make_page(const struct options *o)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/page", o->dir);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof *page) != 0)
		die(path);
	page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		die("mmap");
	close(fd);
}

static void exec_java(const struct options *o, int me)
{
	char self[PATH_MAX], paths[2 * PATH_MAX + 64], errors[PATH_MAX + 64], arg[6][32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n < 0)
		die("readlink");
	self[n] = 0;
	*strrchr(self, '/') = 0;
	snprintf(paths, sizeof paths, "%s/classes:%s/jars/*", self, self);
	snprintf(errors, sizeof errors, "-XX:ErrorFile=%s/hs_err_%d.log", o->dir, me);
	int mtu = (o->size + HEADER + 31) / 32 * 32;
	snprintf(arg[0], sizeof arg[0], "%d", me);
	snprintf(arg[1], sizeof arg[1], "%d", o->throughput);
	snprintf(arg[2], sizeof arg[2], "%d", o->size);
	snprintf(arg[3], sizeof arg[3], "%d", o->sealed);
	snprintf(arg[4], sizeof arg[4], "%llu", (unsigned long long)o->spoil);
	snprintf(arg[5], sizeof arg[5], "%d", mtu < 1408 ? 1408 : mtu > MOST_MTU ? MOST_MTU : mtu);
	char term[16];
	snprintf(term, sizeof term, "%d", TERM);
	execlp("java", "java", "-Xms64m", "-Xmx64m", "-XX:+UseParallelGC", "-XX:-UsePerfData", "-XX:+UnlockDiagnosticVMOptions",
	       "-XX:GuaranteedSafepointInterval=300000", errors, "--add-opens", "java.base/jdk.internal.misc=ALL-UNNAMED",
	       "-Dagrona.disable.bounds.checks=true", "-cp", paths, "Side", arg[0], arg[1], arg[2], arg[3], arg[4], o->dir, term, arg[5], (char *)NULL);
	die("java");
}

static pid_t start_java(const struct options *o, int me)
{
	pid_t parent = getpid(), pid = fork();
	if (pid < 0)
		die("fork");
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	signal(SIGINT, SIG_IGN); /* the parent's business */
	signal(SIGTERM, SIG_IGN);
	pin(o->cpu[me]);
	exec_java(o, me);
	return -1;
}

static void collect(pid_t pid, int status)
{
	for (int i = 0; i < 2; i++)
		if (jvm[i] == pid)
			jvm[i] = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "a side failed (wait status %d)\n", status);
		exit(1); /* the other one dies with this process */
	}
}

/* A side that has failed ends the program. */
static void look_for_failures(void)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		collect(pid, status);
}

static void pass_ms(long ms)
{
	const uint64_t until = now_ns() + (uint64_t)ms * 1000000u;
	for (uint64_t now; !stopping && (now = now_ns()) < until; look_for_failures()) {
		uint64_t left = until - now;
		struct timespec t = {0, (long)(left < 20000000u ? left : 20000000u)};
		nanosleep(&t, NULL);
	}
}

/* The CPU time that both sides have taken. */
static uint64_t sides_cpu(void)
{
	uint64_t sum = 0;
	for (int i = 0; i < 2; i++) {
		clockid_t id;
		struct timespec t;
		if (jvm[i] && clock_getcpuclockid(jvm[i], &id) == 0 && clock_gettime(id, &t) == 0)
			sum += (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	}
	return sum;
}

static void set_phase(int p) { __atomic_store_n(&page->phase, p, __ATOMIC_RELEASE); }

int main(int argc, char **argv)
{
	struct options o = parse(argc, argv);
	struct sigaction a;
	memset(&a, 0, sizeof a);
	a.sa_handler = on_signal;
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	make_page(&o);
	for (int i = 0; i < 2; i++)
		jvm[i] = start_java(&o, i);
	while (__atomic_load_n(&page->ready, __ATOMIC_ACQUIRE) < 2) {
		if (stopping)
			return 1;
		pass_ms(1);
	}
	pass_ms(o.warm_ms < JIT_WARM_MS ? JIT_WARM_MS : o.warm_ms);
	uint64_t cpu = sides_cpu();
	if (!stopping)
		set_phase(PHASE_MEASURE);
	pass_ms(o.duration_ms);
	cpu = sides_cpu() - cpu;
	set_phase(PHASE_STOP);
	while (jvm[0] || jvm[1]) {
		int status;
		pid_t pid = waitpid(-1, &status, 0);
		if (pid > 0)
			collect(pid, status);
		else if (errno != EINTR)
			die("waitpid");
	}
	if (page->side[0].total != page->side[1].total) {
		fprintf(stderr, "%llu messages of side 0, %llu of side 1\n", (unsigned long long)page->side[0].total, (unsigned long long)page->side[1].total);
		return 1;
	}
	int counts = o.throughput ? 1 : 0;
	bool opened = page->side[counts].open;
	if (opened)
		delays = page->delays;
	print_result(opened ? page->side[counts].total - page->side[counts].first : 0, opened ? page->side[counts].end - page->side[counts].start : 0, cpu);
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/page", o.dir);
	return unlink(path) == 0 ? 0 : 1;
}
