/*
 * ZeroMQ over ipc://, that is Unix sockets, between two pinned processes: a PUSH and
 * a PULL socket for each direction.
 *
 *   gcc -std=gnu11 -O3 -march=native -pthread -o zmq_ipc zmq_ipc.c -lzmq
 *   ./zmq_ipc --mode throughput --duration 1000 --warm-up 100 --cpus 0,1 --size 64 --dir $(mktemp -d)
 *
 * PUSH and PULL, because PAIR is for threads (zmq_socket(3)) and REQ adds an
 * envelope. One I/O thread, which is the default and what zmq_ctx_set(3) advises
 * below a gigabyte a second; it shares its process's CPU. A PUSH socket whose
 * high-water mark is reached blocks and drops nothing; the mark is the default of a
 * thousand messages on either side, and less where that is more than 16 times the
 * capacity. zmq_send copies the message in (up to 33 bytes without an allocation),
 * zmq_msg_recv hands out the one that has arrived without a copy. A socket's name
 * is removed as soon as the other side is connected.
 */
#define HAS_SIDES
#include "rival.h"

#include <zmq.h>

static struct options opts;
static struct payload content;
static void *out, *context, *sink, *source;
static zmq_msg_t in;

static void failed(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, zmq_strerror(zmq_errno()));
	exit(1);
}

static void setup(const struct options *o)
{
	opts = *o;
	out = malloc((size_t)o->size);
	if (!out)
		die("malloc");
	content = payload_of(o->sealed, o->spoil, out, (size_t)o->size);
}

static void *socket_of(int type, int option)
{
	void *s = zmq_socket(context, type);
	long most = 16 * opts.capacity / opts.size;
	int mark = most < 1 ? 1 : most > 1000 ? 1000 : (int)most;
	if (!s || zmq_setsockopt(s, option, &mark, sizeof mark) != 0)
		failed("zmq_socket");
	return s;
}

static void endpoint(char *at, size_t room, int side)
{
	snprintf(at, room, "ipc://%s/zmq-%d", opts.dir, side);
}

static void send_byte(void)
{
	char b = 1;
	while (zmq_send(sink, &b, 1, 0) < 0)
		if (zmq_errno() != EINTR)
			failed("zmq_send");
}

static void receive_byte(void)
{
	char b;
	while (zmq_recv(source, &b, 1, 0) < 0)
		if (zmq_errno() != EINTR)
			failed("zmq_recv");
}

static void open_side(int me)
{
	char mine[256], other[256];
	endpoint(mine, sizeof mine, me);
	endpoint(other, sizeof other, 1 - me);
	context = zmq_ctx_new();
	if (!context || zmq_msg_init(&in) != 0)
		failed("zmq_ctx_new");
	source = socket_of(ZMQ_PULL, ZMQ_RCVHWM);
	sink = socket_of(ZMQ_PUSH, ZMQ_SNDHWM);
	if (zmq_bind(source, mine) != 0)
		failed("zmq_bind");
	meet();
	if (zmq_connect(sink, other) != 0)
		failed("zmq_connect");
	/* A first message each way: then both are connected. */
	send_byte();
	receive_byte();
	unlink(mine + strlen("ipc://"));
}

static void close_side(int me)
{
	(void)me;
	zmq_msg_close(&in);
	zmq_close(sink);
	zmq_close(source);
	zmq_ctx_term(context);
}

static void send_message(int me, uint64_t seq)
{
	(void)me;
	payload_stamp(&content, out, (size_t)opts.size, seq);
	while (zmq_send(sink, out, (size_t)opts.size, 0) < 0)
		if (zmq_errno() != EINTR)
			failed("zmq_send");
	payload_mend(&content, out, (size_t)opts.size, seq);
}

static uint64_t receive_message(int me, uint64_t seq)
{
	(void)me;
	int n;
	while ((n = zmq_msg_recv(&in, source, 0)) < 0)
		if (zmq_errno() != EINTR)
			failed("zmq_msg_recv");
	if (n != opts.size)
		out_of_sequence((uint64_t)opts.size, (uint64_t)n);
	return checked(&content, zmq_msg_data(&in), (size_t)n, seq);
}

#include "link.h"
