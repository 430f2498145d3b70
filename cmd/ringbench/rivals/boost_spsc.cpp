/*
 * boost::lockfree::spsc_queue in shared memory between two pinned processes,
 * spinning on both sides. The message size is fixed at compile time, the
 * capacity is the same number of bytes as the ring's.
 *
 *   g++ -std=c++17 -O3 -march=native -DMSG_SIZE=64 -DCAPACITY_BYTES=1048576 -o boost_spsc boost_spsc.cpp
 *   ./boost_spsc --mode throughput --duration 1000 --warm-up 100 --cpus 0,1
 *   ./boost_spsc --mode throughput --batch 32 --duration 1000 --warm-up 100 --cpus 0,1
 *   ./boost_spsc --mode round-trip --duration 1000 --warm-up 100 --cpus 0,1
 *
 * With --batch 1 every message is one push and one pop; with more, push(ptr, n)
 * and pop(ptr, n) move that many under one publication.
 */
#include "rival.h"

#include <boost/lockfree/spsc_queue.hpp>
#include <new>
#include <vector>

#ifndef MSG_SIZE
#define MSG_SIZE 64
#endif
#ifndef CAPACITY_BYTES
#define CAPACITY_BYTES (1 << 20)
#endif
static_assert(MSG_SIZE >= 8 && MSG_SIZE % 8 == 0, "MSG_SIZE: a multiple of 8");

struct message {
	uint64_t word[MSG_SIZE / 8];
};

constexpr size_t slots = CAPACITY_BYTES / MSG_SIZE > 0 ? CAPACITY_BYTES / MSG_SIZE : 1;
using queue = boost::lockfree::spsc_queue<message, boost::lockfree::capacity<slots>>;
/* How many messages pass between two looks at the shared page. */
constexpr uint64_t look = MSG_SIZE > (64 << 10) ? 1 : MSG_SIZE < 64 ? 1024 : (64 << 10) / MSG_SIZE;

static queue *there, *back;

static queue *map_queue()
{
	void *at = map_shared(sizeof(queue));
	memset(at, 0, sizeof(queue));
	return new (at) queue();
}

/*
 * The loops keep the queue and the message in locals, so that the compiler
 * holds them in registers: the rival shall be as fast as it can be. Whether
 * messages are sealed is known at compile time, too.
 */
static payload content;

template <bool sealed> static inline void stamp(message &m, uint64_t seq)
{
	if (sealed)
		payload_stamp(&content, &m, sizeof m, seq);
	else
		m.word[0] = seq;
}

template <bool sealed> static inline void check(const message &m, uint64_t seq)
{
	if (sealed)
		checked(&content, &m, sizeof m, seq);
	else if (m.word[0] != seq)
		out_of_sequence(seq, m.word[0]);
}

template <bool sealed> static void produce(const options &o)
{
	queue *const q = there;
	const size_t batch = (size_t)o.batch;
	std::vector<message> many(batch);
	for (message &m : many)
		payload_fill(&content, &m, sizeof m);
	message one = many[0];
	uint64_t seq = 0, cpu0 = 0;
	pin(o.cpu[0]);
	for (int p; (p = phase()) != PHASE_STOP;) {
		if (p == PHASE_MEASURE && !cpu0)
			cpu0 = cpu_ns();
		const uint64_t until = seq + look;
		if (batch == 1) {
			for (; seq < until; seq++) {
				stamp<sealed>(one, seq);
				while (!q->push(one))
					;
			}
			continue;
		}
		while (seq < until) {
			for (size_t i = 0; i < batch; i++)
				stamp<sealed>(many[i], seq + i);
			for (size_t done = 0; done < batch;)
				done += q->push(many.data() + done, batch - done);
			seq += batch;
		}
	}
	child_done(seq, cpu0);
}

/* Whether everything was received: done is set after the last push. */
static bool drained(queue *q)
{
	return __atomic_load_n(&shared->done, __ATOMIC_ACQUIRE) && q->read_available() == 0;
}

template <bool sealed> static int consume(const options &o, pid_t child)
{
	queue *const q = there;
	const size_t batch = (size_t)o.batch;
	std::vector<message> many(batch, message{});
	message one{};
	struct window w = {0, 0, 0, 0};
	uint64_t seq = 0;
	pin(o.cpu[1]);
	start_timer(&o);
	for (bool end = false; !end;) {
		if (!w.open && phase() == PHASE_MEASURE)
			window_open(&w, seq);
		const uint64_t until = seq + look;
		while (seq < until) {
			if (batch == 1) {
				if (!q->pop(one)) {
					if ((end = drained(q)))
						break;
					continue;
				}
				check<sealed>(one, seq++);
				continue;
			}
			const size_t n = q->pop(many.data(), batch);
			if (n == 0 && (end = drained(q)))
				break;
			for (size_t i = 0; i < n; i++)
				check<sealed>(many[i], seq++);
		}
	}
	return finish(&w, seq, now_ns(), child);
}

/* The round trip, one message at a time through two queues. */
static message ping_msg, pong_msg;

static inline void push(queue *q, message &m, uint64_t seq)
{
	payload_stamp(&content, &m, sizeof m, seq);
	while (!q->push(m))
		;
}

static inline uint64_t pop(queue *q, message &m, uint64_t seq)
{
	while (!q->pop(m))
		;
	return checked(&content, &m, sizeof m, seq);
}

static void setup(const options *) {}
static void ping_send(uint64_t seq) { push(there, ping_msg, seq); }
static uint64_t ping_wait(uint64_t seq) { return pop(back, ping_msg, seq); }
static uint64_t pong_wait(uint64_t seq) { return pop(there, pong_msg, seq); }
static void pong_send(uint64_t seq) { push(back, pong_msg, seq); }

#define main pingpong_main
#include "pingpong.h"
#undef main

int main(int argc, char **argv)
{
	options o = parse(argc, argv);
	there = map_queue();
	back = map_queue();
	content = payload_of(o.sealed, o.spoil, &ping_msg, sizeof ping_msg);
	payload_fill(&content, &pong_msg, sizeof pong_msg);
	if (!o.throughput)
		return pingpong_main(argc, argv);
	pid_t child = start_other();
	if (child == 0)
		o.sealed ? produce<true>(o) : produce<false>(o);
	return o.sealed ? consume<true>(o, child) : consume<false>(o, child);
}
