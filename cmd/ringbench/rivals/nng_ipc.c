/*
 * nanomsg-next-generation (nng) over ipc://, that is Unix sockets, between two
 * pinned processes: one pair of PAIR sockets for both directions.
 *
 *   gcc -std=gnu11 -O3 -march=native -pthread -o nng_ipc nng_ipc.c -lnng
 *   ./nng_ipc --mode throughput --duration 1000 --warm-up 100 --cpus 0,1 --size 64 --dir $(mktemp -d)
 *
 * A PAIR socket whose peer does not take a message blocks and drops nothing. The
 * buffers on either side are what the library allows at most within the capacity,
 * up to 8192 messages. Messages are the library's own and change hands without a
 * copy (nng_sendmsg, nng_recvmsg), as its own measuring programs do it; writing one
 * is the only copy. The library's threads share their process's CPU. The socket's
 * name is removed as soon as both sides are connected.
 */
#define HAS_SIDES
#include "rival.h"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

static struct options opts;
static struct payload content;
static void *out;
static nng_socket sock;

static void must(int err, const char *what)
{
	if (err == 0)
		return;
	fprintf(stderr, "%s: %s\n", what, nng_strerror(err));
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

static nng_msg *receive(void)
{
	nng_msg *m;
	must(nng_recvmsg(sock, &m, 0), "nng_recvmsg");
	return m;
}

static void send_copy(const void *from, size_t size)
{
	nng_msg *m;
	must(nng_msg_alloc(&m, size), "nng_msg_alloc");
	memcpy(nng_msg_body(m), from, size);
	must(nng_sendmsg(sock, m, 0), "nng_sendmsg");
}

static void open_side(int me)
{
	char at[256];
	long most = opts.capacity / opts.size;
	int buffer = most < 1 ? 1 : most > 8192 ? 8192 : (int)most;
	snprintf(at, sizeof at, "ipc://%s/nng", opts.dir);
	must(nng_pair0_open(&sock), "nng_pair0_open");
	must(nng_socket_set_int(sock, NNG_OPT_SENDBUF, buffer), "nng_socket_set_int");
	must(nng_socket_set_int(sock, NNG_OPT_RECVBUF, buffer), "nng_socket_set_int");
	must(nng_socket_set_size(sock, NNG_OPT_RECVMAXSZ, (size_t)opts.size), "nng_socket_set_size");
	if (me == 0)
		must(nng_listen(sock, at, NULL, 0), "nng_listen");
	meet();
	if (me == 1)
		must(nng_dial(sock, at, NULL, 0), "nng_dial");
	/* A first message each way: then both are connected. */
	char hello = 1;
	send_copy(&hello, 1);
	nng_msg_free(receive());
	if (me == 0)
		unlink(at + strlen("ipc://"));
}

static void close_side(int me)
{
	(void)me;
	nng_close(sock);
}

static void send_message(int me, uint64_t seq)
{
	(void)me;
	payload_stamp(&content, out, (size_t)opts.size, seq);
	send_copy(out, (size_t)opts.size);
	payload_mend(&content, out, (size_t)opts.size, seq);
}

static uint64_t receive_message(int me, uint64_t seq)
{
	(void)me;
	nng_msg *m = receive();
	size_t n = nng_msg_len(m);
	if (n != (size_t)opts.size)
		out_of_sequence((uint64_t)opts.size, n);
	uint64_t found = checked(&content, nng_msg_body(m), n, seq);
	nng_msg_free(m);
	return found;
}

#include "link.h"
