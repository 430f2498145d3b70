/*
 * iceoryx2 publish-subscribe between two pinned processes: one service for each
 * direction, without copies. Built by ringbench rivals --build; by hand:
 *
 *   cargo build --release --locked --manifest-path iceoryx2/Cargo.toml --target-dir /tmp/ice
 *   gcc -std=gnu11 -O3 -march=native -pthread -o iceoryx2_ipc iceoryx2_ipc.c /tmp/ice/release/libiceoryx2_rival.a -lm
 *   ./iceoryx2_ipc --mode throughput --duration 1000 --warm-up 100 --cpus 0,1 --size 64 --dir $(mktemp -d)
 *
 * iceoryx2/lib.rs is the Rust side. The publisher writes each message into a loaned
 * sample and the subscriber checks it in place, polling, as the project's own benchmark
 * does. Nothing is dropped: the service does not overflow, and a publisher whose
 * subscriber's buffer is full retries until it has room, which is the library's
 * own strategy (it yields, and sleeps when that has not helped). The buffer holds what
 * fits into the capacity, up to 1024 messages. No event wakes anyone. A sample comes back with what it held: what stays the same in all messages is
 * written once to each.
 */
#define HAS_SIDES
#include "rival.h"

struct side;
struct side *ice_open(const char *dir, const char *prefix, int me, size_t size, size_t slots);
void *ice_loan(struct side *);
int ice_send(struct side *);
const void *ice_receive(struct side *, size_t *size);
void ice_release(struct side *);
void ice_close(struct side *);

enum { MOST_SLOTS = 1024 };

static struct options opts;
static struct payload content;
static void *pattern;
static struct side *side;

static void setup(const struct options *o)
{
	opts = *o;
	pattern = malloc((size_t)o->size);
	if (!pattern)
		die("malloc");
	content = payload_of(o->sealed, o->spoil, pattern, (size_t)o->size);
}

/* Writes what stays the same, where it is not there yet; returns the sample. */
static void *loan(void)
{
	const size_t size = (size_t)opts.size;
	char *msg = ice_loan(side);
	if (!msg)
		exit(1);
	if (size < 24 || word_at(msg, 16) != word_at(pattern, 16))
		memcpy(msg, pattern, size);
	return msg;
}

static const void *receive(void)
{
	const void *msg;
	size_t n;
	while (!(msg = ice_receive(side, &n)))
		;
	if (n != (size_t)opts.size)
		out_of_sequence((uint64_t)opts.size, n);
	return msg;
}

static void open_side(int me)
{
	char prefix[64];
	const char *base = strrchr(opts.dir, '/');
	long slots = opts.capacity / opts.size;
	snprintf(prefix, sizeof prefix, "%.60s_", base ? base + 1 : opts.dir);
	side = ice_open(opts.dir, prefix, me, (size_t)opts.size, (size_t)(slots < 2 ? 2 : slots > MOST_SLOTS ? MOST_SLOTS : slots));
	if (!side)
		exit(1);
	/* A subscriber connects when it looks for messages, and what is sent to one that has
	 * not may be dropped: a first message goes each way once both are there. */
	meet();
	loan();
	ice_send(side);
	receive();
	ice_release(side);
}

static void close_side(int me)
{
	(void)me;
	ice_close(side);
}

static void send_message(int me, uint64_t seq)
{
	(void)me;
	payload_stamp(&content, loan(), (size_t)opts.size, seq);
	int n = ice_send(side);
	if (n != 1) {
		fprintf(stderr, "iceoryx2: expected one receiver of message %llu, found %d\n", (unsigned long long)seq, n);
		exit(1);
	}
}

static uint64_t receive_message(int me, uint64_t seq)
{
	(void)me;
	uint64_t found = checked(&content, receive(), (size_t)opts.size, seq);
	ice_release(side);
	return found;
}

#include "link.h"
