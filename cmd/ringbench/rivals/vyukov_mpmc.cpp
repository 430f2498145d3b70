/*
 * D. Vyukov's bounded MPMC queue in shared memory between P producer and C
 * consumer processes, pinned in turn to the CPUs given, spinning, and yielding
 * once they have spun a while. It recovers from no crash.
 *
 *   g++ -std=c++17 -O3 -march=native -DMSG_SIZE=64 -o vyukov vyukov_mpmc.cpp
 *   ./vyukov --producers 2 --consumers 2 --duration 1000 --warm-up 100 --cpus 0,1
 *
 * Each message carries its producer and a number; consumers check that the
 * numbers of one producer grow. The rate is what all consumers have received
 * between the two ends of the window.
 */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "rival.h"

#include <atomic>
#include <new>

#ifndef MSG_SIZE
#define MSG_SIZE 64
#endif
#ifndef CAPACITY_BYTES
#define CAPACITY_BYTES (4096 * MSG_SIZE)
#endif
#define SLOTS (CAPACITY_BYTES / MSG_SIZE)
static_assert(MSG_SIZE >= 8 && MSG_SIZE % 8 == 0, "MSG_SIZE: a multiple of 8");
static_assert((SLOTS & (SLOTS - 1)) == 0, "SLOTS: a power of two");

struct message {
	uint64_t word[MSG_SIZE / 8];
};

/* After the description at 1024cores.net, "Bounded MPMC queue". */
struct queue {
	struct cell {
		std::atomic<uint64_t> turn;
		message data;
	};
	alignas(128) std::atomic<uint64_t> tail;
	alignas(128) std::atomic<uint64_t> head;
	alignas(128) cell cells[SLOTS];

	void init()
	{
		for (uint64_t i = 0; i < SLOTS; i++)
			cells[i].turn.store(i, std::memory_order_relaxed);
		tail.store(0, std::memory_order_relaxed);
		head.store(0, std::memory_order_relaxed);
	}

	bool push(const message &m)
	{
		uint64_t at = tail.load(std::memory_order_relaxed);
		for (;;) {
			cell &c = cells[at & (SLOTS - 1)];
			int64_t turn = (int64_t)(c.turn.load(std::memory_order_acquire) - at);
			if (turn < 0)
				return false;
			if (turn > 0)
				at = tail.load(std::memory_order_relaxed);
			else if (tail.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) {
				c.data = m;
				c.turn.store(at + 1, std::memory_order_release);
				return true;
			}
		}
	}

	bool pop(message &m)
	{
		uint64_t at = head.load(std::memory_order_relaxed);
		for (;;) {
			cell &c = cells[at & (SLOTS - 1)];
			int64_t turn = (int64_t)(c.turn.load(std::memory_order_acquire) - (at + 1));
			if (turn < 0)
				return false;
			if (turn > 0)
				at = head.load(std::memory_order_relaxed);
			else if (head.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) {
				m = c.data;
				c.turn.store(at + SLOTS, std::memory_order_release);
				return true;
			}
		}
	}
};

enum { MOST = 64, LOOK = 256, AHEAD = 64, SPINS = 64 };

struct page {
	OWN_LINES std::atomic<int> stop;
	OWN_LINES std::atomic<int> left; /* producers that still send */
	struct {
		OWN_LINES std::atomic<uint64_t> count;
	} worker[2 * MOST];
};

static queue *q;
static page *p;

static inline void wait_a_little(int *spins)
{
	if (++*spins < SPINS)
		__builtin_ia32_pause();
	else {
		*spins = 0;
		sched_yield();
	}
}

static void produce(int me)
{
	message ready[AHEAD] = {};
	uint64_t seq = 0;
	int spins = 0;
	while (!p->stop.load(std::memory_order_relaxed)) {
		for (int i = 0; i < LOOK; i++) {
			/* Some are made ready before they are sent one by one: a copy right
			 * behind the store of a field waits for that store. */
			if (i % AHEAD == 0)
				for (uint64_t k = 0; k < AHEAD; k++)
					ready[k].word[0] = (uint64_t)me << 48 | (seq + k);
			while (!q->push(ready[i % AHEAD]))
				wait_a_little(&spins);
			seq++;
		}
		p->worker[me].count.store(seq, std::memory_order_relaxed);
	}
	p->left.fetch_sub(1);
	_exit(0);
}

static void consume(int me, int producers)
{
	message m{};
	uint64_t next[MOST] = {0}, got = 0;
	int spins = 0;
	for (;;) {
		if (!q->pop(m)) {
			if (p->left.load() != 0) {
				wait_a_little(&spins);
				continue;
			}
			if (!q->pop(m)) /* all was sent before */
				break;
		}
		uint64_t from = m.word[0] >> 48, seq = m.word[0] & (((uint64_t)1 << 48) - 1);
		if (from >= (uint64_t)producers || seq < next[from])
			out_of_sequence(next[from % MOST], seq);
		next[from] = seq + 1;
		if (++got % LOOK == 0)
			p->worker[MOST + me].count.store(got, std::memory_order_relaxed);
	}
	p->worker[MOST + me].count.store(got, std::memory_order_relaxed);
	_exit(0);
}

static uint64_t sum(int first, int n)
{
	uint64_t s = 0;
	for (int i = 0; i < n; i++)
		s += p->worker[first + i].count.load(std::memory_order_relaxed);
	return s;
}

static void sleep_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

int main(int argc, char **argv)
{
	int producers = 1, consumers = 1, cpu[2] = {-1, -1};
	long duration = 1000, warm = 100;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--producers"))
			producers = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--consumers"))
			consumers = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--duration"))
			duration = atol(argv[i + 1]);
		else if (!strcmp(argv[i], "--warm-up"))
			warm = atol(argv[i + 1]);
		else if (strcmp(argv[i], "--cpus") || sscanf(argv[i + 1], "%d,%d", &cpu[0], &cpu[1]) != 2) {
			fprintf(stderr, "expected --producers, --consumers, --duration, --warm-up or --cpus A,B, found %s\n", argv[i]);
			return 2;
		}
	}
	if (producers < 1 || consumers < 1 || producers > MOST || consumers > MOST || duration < 1 || warm < 1) {
		fprintf(stderr, "expected 1 to %d producers and consumers and positive times\n", MOST);
		return 2;
	}
	q = new (map_shared(sizeof(queue))) queue;
	q->init();
	p = new (map_shared(sizeof(page))) page;
	p->left.store(producers);
	pid_t parent = getpid();
	for (int i = 0; i < producers + consumers; i++) {
		pid_t pid = fork();
		if (pid < 0)
			die("fork");
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (getppid() != parent)
				_exit(1);
			if (cpu[0] >= 0) /* one and one: each its own; else in turn */
				pin(cpu[(i < producers ? i : i - producers + (producers == 1 && consumers == 1)) % 2]);
			if (i < producers)
				produce(i);
			consume(i - producers, producers);
		}
	}
	sleep_ms(warm);
	uint64_t n0 = sum(MOST, consumers), t0 = now_ns();
	sleep_ms(duration);
	uint64_t n1 = sum(MOST, consumers), t1 = now_ns();
	p->stop.store(1);
	int bad = 0, status;
	for (int i = 0; i < producers + consumers; i++) {
		while (wait(&status) < 0)
			if (errno != EINTR)
				die("wait");
		bad |= status;
	}
	if (bad || sum(0, producers) != sum(MOST, consumers)) {
		fprintf(stderr, "%llu messages were sent, %llu received\n", (unsigned long long)sum(0, producers), (unsigned long long)sum(MOST, consumers));
		return 1;
	}
	printf("{\"messages\":%llu,\"seconds\":%.9f}\n", (unsigned long long)(n1 - n0), (double)(t1 - t0) / 1e9);
	return 0;
}
