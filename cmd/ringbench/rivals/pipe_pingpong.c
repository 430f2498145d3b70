/*
 * Two pipes, two pinned processes, blocking read and write: what a pipe costs
 * without Go's poller.
 *
 *   gcc -std=gnu11 -O3 -march=native -o pipe_pingpong pipe_pingpong.c
 *   ./pipe_pingpong --mode round-trip --duration 1000 --warm-up 100 --cpus 0,1 --size 64
 */
#include "rival.h"

static int there[2], back[2];
static char *buf;
static size_t size;
static struct payload payload;

static void setup(const struct options *o)
{
	size = (size_t)o->size;
	buf = malloc(size);
	if (!buf || pipe(there) != 0 || pipe(back) != 0)
		die("pipe");
	payload = payload_of(o->sealed, o->spoil, buf, size);
}

static void put(int fd, uint64_t seq)
{
	payload_stamp(&payload, buf, size, seq);
	for (size_t at = 0; at < size;) {
		ssize_t n = write(fd, buf + at, size - at);
		if (n < 0 && errno != EINTR)
			die("write");
		at += n > 0 ? (size_t)n : 0;
	}
}

/* The message lands where the next one is made: it stays the same but for what is stamped. */
static uint64_t get(int fd, uint64_t seq)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = read(fd, buf + at, size - at);
		if (n == 0)
			exit(1);
		if (n < 0 && errno != EINTR)
			die("read");
		at += n > 0 ? (size_t)n : 0;
	}
	return checked(&payload, buf, size, seq);
}

static void ping_send(uint64_t seq) { put(there[1], seq); }
static uint64_t ping_wait(uint64_t seq) { return get(back[0], seq); }
static uint64_t pong_wait(uint64_t seq) { return get(there[0], seq); }
static void pong_send(uint64_t seq) { put(back[1], seq); }

#include "pingpong.h"
