/*
 * What the rivals share: options, pinning, the clock, the page between the two
 * processes, the timer that moves it on, the JSON line; the histogram and what
 * messages carry have headers of their own. C11 and C++17 (GCC and Clang builtins
 * instead of either's atomics).
 *
 * A rival is two processes. The one that started plays the side that counts
 * (receiver or pinger) and prints one line of JSON; its child plays the other
 * side and dies with it.
 *
 *   --mode throughput|round-trip   what to measure
 *   --duration MS --warm-up MS     the window, and what runs before it
 *   --cpus A,B                     sender's (pinger's) CPU, receiver's; none: not pinned
 *   --batch N                      messages per push
 *   --size BYTES                   at compile time too where it is fixed there
 *   --capacity BYTES               what may be on its way, where that can be chosen
 *   --sealed 1                     messages are sealed, see payload.h
 *   --dir DIR                      an empty directory for what needs a name; names outside
 *                                  begin with DIR's own. Whoever made it removes both
 *   --spoil N                      damage message N of the sending side, for tests
 */
#ifndef RIVAL_H
#define RIVAL_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"
#include "payload.h"

enum { PHASE_WARM, PHASE_MEASURE, PHASE_STOP };

/* Every word another process spins on has two cache lines to itself. */
#define OWN_LINES __attribute__((aligned(128)))

/* The page both processes see. */
struct shared {
	OWN_LINES int phase;      /* written by the counting side's signal handler */
	OWN_LINES int ready;      /* how many sides have come as far as meet */
	OWN_LINES int done;       /* the child has sent its last message... */
	uint64_t total;           /* ...and these were all */
	uint64_t child_cpu;       /* ns in the window */
};

struct options {
	int throughput;
	long duration_ms, warm_ms;
	int cpu[2];
	int batch, size, sealed;
	long capacity;
	uint64_t spoil;
	const char *dir;
};

static struct shared *shared;

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static inline int phase(void) { return __atomic_load_n(&shared->phase, __ATOMIC_RELAXED); }

static inline uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t cpu_ns(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000u +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000u;
}

static void pin(int cpu)
{
	if (cpu < 0)
		return;
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set) != 0)
		die("sched_setaffinity");
}

static void *map_shared(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static struct options parse(int argc, char **argv)
{
	struct options o;
	memset(&o, 0, sizeof o);
	o.duration_ms = 1000, o.warm_ms = 100, o.cpu[0] = o.cpu[1] = -1;
	o.batch = 1, o.size = 8, o.capacity = 1 << 20, o.spoil = STOP_SEQ - 1, o.dir = "/dev/shm";
	for (int i = 1; i < argc; i += 2) {
		const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
		if (!strcmp(name, "--mode"))
			o.throughput = !strcmp(value, "throughput");
		else if (!strcmp(name, "--duration"))
			o.duration_ms = atol(value);
		else if (!strcmp(name, "--warm-up"))
			o.warm_ms = atol(value);
		else if (!strcmp(name, "--batch"))
			o.batch = atoi(value);
		else if (!strcmp(name, "--size"))
			o.size = atoi(value);
		else if (!strcmp(name, "--capacity"))
			o.capacity = atol(value);
		else if (!strcmp(name, "--sealed"))
			o.sealed = atoi(value);
		else if (!strcmp(name, "--spoil"))
			o.spoil = strtoull(value, NULL, 10);
		else if (!strcmp(name, "--dir"))
			o.dir = value;
		else if (strcmp(name, "--cpus") || sscanf(value, "%d,%d", &o.cpu[0], &o.cpu[1]) != 2) {
			fprintf(stderr, "expected --mode, --duration, --warm-up, --batch, --size, --capacity, --sealed, --dir, --spoil or --cpus A,B, found %s %s\n", name, value);
			exit(2);
		}
	}
	if (o.duration_ms < 1 || o.warm_ms < 1 || o.batch < 1 || o.size < 8 || o.capacity < 1) {
		fprintf(stderr, "expected positive values and a size of at least 8\n");
		exit(2);
	}
	return o;
}

/* The timer fires at the end of the warm-up and at the end of the window. */
static void on_alarm(int sig)
{
	(void)sig;
	int p = phase();
	if (p < PHASE_STOP)
		__atomic_store_n(&shared->phase, p + 1, __ATOMIC_RELAXED);
}

static void on_stop(int sig)
{
	(void)sig;
	__atomic_store_n(&shared->phase, PHASE_STOP, __ATOMIC_RELAXED);
}

/* A child that died before its last message would be waited for for ever. */
static void on_child(int sig)
{
	(void)sig;
	if (!__atomic_load_n(&shared->done, __ATOMIC_ACQUIRE)) {
		static const char text[] = "the other process died\n";
		if (write(2, text, sizeof text - 1) < 0) {
		}
		_exit(1);
	}
}

/* Starts the other side. Returns 0 in the child, its pid in the parent. */
static pid_t start_other(void)
{
	pid_t parent = getpid();
	shared = (struct shared *)map_shared(sizeof *shared);
	signal(SIGINT, SIG_IGN); /* in the child: a terminal's interrupt is the parent's business */
	signal(SIGTERM, SIG_IGN);
	struct sigaction a;
	memset(&a, 0, sizeof a);
	a.sa_handler = on_child;
	a.sa_flags = SA_RESTART | SA_NOCLDSTOP;
	sigaction(SIGCHLD, &a, NULL);
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

/* Returns once both sides have called it, as often as this one. */
__attribute__((unused)) static void meet(void)
{
	static int both;
	both += 2;
	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&shared->ready, __ATOMIC_ACQUIRE) < both) {
		struct timespec t = {0, 100000};
		nanosleep(&t, NULL);
	}
}

static void start_timer(const struct options *o)
{
	struct sigaction a;
	memset(&a, 0, sizeof a);
	a.sa_flags = SA_RESTART;
	a.sa_handler = on_stop;
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	a.sa_handler = on_alarm;
	sigaction(SIGALRM, &a, NULL);
	struct itimerval t = {
		{o->duration_ms / 1000, o->duration_ms % 1000 * 1000},
		{o->warm_ms / 1000, o->warm_ms % 1000 * 1000},
	};
	if (setitimer(ITIMER_REAL, &t, NULL) != 0)
		die("setitimer");
}

static struct histogram delays;

/* The counting side's window. */
struct window {
	int open;
	uint64_t n0, t0, cpu0;
};

static void window_open(struct window *w, uint64_t n)
{
	w->open = 1;
	hist_reset(&delays);
	w->n0 = n;
	w->cpu0 = cpu_ns();
	w->t0 = now_ns();
}

static void print_result(uint64_t messages, uint64_t ns, uint64_t cpu)
{
	printf("{\"messages\":%llu,\"seconds\":%.9f,\"cpu_seconds\":%.9f", (unsigned long long)messages, (double)ns / 1e9, (double)cpu / 1e9);
	hist_print(&delays);
	printf("}\n");
}

/* Prints the result and reaps the child. total is what this side counted. */
static int finish(const struct window *w, uint64_t total, uint64_t end, pid_t child)
{
	uint64_t cpu = w->open ? cpu_ns() - w->cpu0 : 0;
	int status;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "the other process failed (wait status %d)\n", status);
		return 1;
	}
	if (shared->total != total) {
		fprintf(stderr, "%llu messages were sent, %llu received\n", (unsigned long long)shared->total, (unsigned long long)total);
		return 1;
	}
	print_result(w->open ? total - w->n0 : 0, w->open ? end - w->t0 : 0, cpu + shared->child_cpu);
	return 0;
}

/* The child's share: when its window opened, and its last word. */
static void child_done(uint64_t total, uint64_t cpu0)
{
	shared->total = total;
	shared->child_cpu = cpu0 ? cpu_ns() - cpu0 : 0;
	__atomic_store_n(&shared->done, 1, __ATOMIC_RELEASE);
	_exit(0);
}

__attribute__((noreturn)) static void out_of_sequence(uint64_t want, uint64_t found)
{
	if (want == found)
		fprintf(stderr, "message %llu: the checksum does not fit\n", (unsigned long long)want);
	else
		fprintf(stderr, "expected message %llu, found %llu\n", (unsigned long long)want, (unsigned long long)found);
	exit(1);
}

/* The number of msg, which is seq or STOP_SEQ: anything else ends the program. */
__attribute__((unused)) static inline uint64_t checked(const struct payload *y, const void *msg, size_t size, uint64_t seq)
{
	if (__builtin_expect(payload_holds(y, msg, size, seq), 1))
		return seq;
	uint64_t found = payload_number(y, msg, size);
	if (found != STOP_SEQ)
		out_of_sequence(seq, found);
	return found;
}

#endif
