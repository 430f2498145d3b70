/* peer: the other end of a ring, for tests and for trying things out. What it does, and
 * how its messages are made, is told in ../PROGRAM.md, the contract of the programs
 * of all languages; its options are in peer_options.h. */
#include <sched.h>
#include <signal.h>

#include "annulus.h"
#include "peer_cell.h"
#include "peer_dump.h"
#include "peer_options.h"
#include "peer_payload.h"
#include "peer_rate.h"
#include "peer_vector.h"

/* What recv --any has got: mix is the sum over the messages' numbers. */
static struct {
	uint64_t mix, redelivered, lost;
} got;

static int open_ring(struct annulus *r, const char *name, int readonly)
{
	if (strncmp(name, "fd:", 3) == 0)
		return annulus_open_fd(r, atoi(name + 3), readonly);
	if (strchr(name, '/'))
		return annulus_open_path(r, name, readonly);
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "/dev/shm/%s", name);
	return readonly ? annulus_open_path(r, path, 1) : annulus_open(r, name);
}

/* die goes without a word, in the middle of things if it was told to. */
static void die(struct annulus_producer *p, const struct options *o)
{
	void *room;
	/* Where places are drawn only when all is received: a full ring would not take the claims. */
	while (p && o->cut && annulus_claims_(p->e.ring) &&
	       annulus_counter_(p->e.ring, ANNULUS_CONSUMER) != annulus_counter_(p->e.ring, ANNULUS_PRODUCER))
		sched_yield();
	for (uint64_t i = 0; p && o->cut && i < o->batch; i++) {
		size_t n = o->stream.min;
		if (annulus_try_reserve(p, n, &room) != ANNULUS_OK)
			break;
		memset(room, 0xee, n);
		if (i + 1 < o->batch)
			annulus_stage(p, n);
	}
	raise(SIGKILL);
}

static int send_one(struct annulus_producer *p, const struct options *o, uint64_t seq, uint8_t *buf)
{
	uint64_t n = payload_length(&o->stream, seq);
	void *room;
	int rc;
	if (o->batch == 1) {
		payload_fill(&o->stream, seq, buf, n);
		return annulus_send(p, buf, n, o->timeout);
	}
	if ((rc = annulus_reserve(p, n, &room, o->timeout)))
		return rc;
	payload_fill(&o->stream, seq, (uint8_t *)room, n);
	return annulus_stage(p, n);
}

static int run_send(struct annulus *r, const struct options *o, uint8_t *buf)
{
	struct annulus_producer p;
	int rc = annulus_producer_attach_tagged(&p, r, o->wait, o->tag);
	if (rc)
		return complain("attach", rc, p.detail);
	uint64_t start = o->start + (o->resume ? annulus_committed(&p) : 0);
	if (o->announce)
		say_attached();
	if (o->tag) {
		printf("committed %llu\n", (ull)annulus_committed(&p));
		fflush(stdout);
	}
	for (uint64_t i = 0; i < o->count; i++) {
		if ((rc = send_one(&p, o, start + i, buf)))
			break;
		if ((i + 1) % o->batch == 0 || i + 1 == o->count || i + 1 == o->die_after)
			annulus_publish(&p);
		if (i + 1 == o->die_after)
			die(&p, o);
	}
	if (rc) {
		complain("send", rc, rc == ANNULUS_CLOSED || rc == ANNULUS_TIMEOUT ? NULL : p.detail);
		annulus_producer_detach(&p);
		return 1;
	}
	if ((rc = annulus_producer_detach(&p)))
		return complain("detach", rc, p.detail);
	printf("sent %llu ok\n", (ull)o->count);
	return 0;
}

static void wait_for_end(void)
{
	fflush(stdout);
	while (getchar() != EOF)
		;
}

/* order notes that message seq came, and tells whether it did in its sender's order. */
static const char *order(const struct options *o, uint64_t seq)
{
	static uint64_t next[64]; /* + 1 */
	if (o->per_sender == 0)
		return NULL;
	uint64_t k = seq / o->per_sender;
	if (k >= sizeof(next) / sizeof(next[0]))
		return "sender";
	if (seq != (next[k] ? next[k] - 1 : k * o->per_sender))
		return "order";
	next[k] = seq + 2;
	return NULL;
}

/* receive takes up to batch messages, checks them and counts them in *done. */
static int receive(struct annulus_consumer *c, const struct options *o, uint64_t *done, uint8_t *buf)
{
	const void *msg = buf;
	const char *wrong;
	size_t n;
	int rc, copied = o->batch == 1 && o->die_after == 0 && !o->hold;
	for (uint64_t i = 0; i < o->batch && *done < o->count; i++) {
		if (copied)
			rc = annulus_recv(c, buf, o->stream.max, &n, o->timeout);
		else if (i == 0)
			rc = annulus_peek(c, &msg, &n, o->timeout);
		else
			rc = annulus_try_peek(c, &msg, &n);
		if (rc == ANNULUS_OVERRUN && o->lossy) {
			got.lost = annulus_missed(c);
			continue;
		}
		if (rc != ANNULUS_OK) {
			annulus_release(c);
			return rc == ANNULUS_EMPTY || rc == ANNULUS_HELD ? ANNULUS_OK : rc;
		}
		uint64_t seq = o->start + *done + got.lost;
		if (o->any && n >= PAYLOAD_REST) {
			memcpy(&seq, msg, 8);
			got.mix += payload_mix(seq);
			got.redelivered += annulus_redelivered(c) > 0;
		}
		wrong = order(o, seq);
		for (uint64_t k = 0; k < o->checks && wrong == NULL; k++)
			wrong = payload_check(&o->stream, seq, (const uint8_t *)msg, n);
		if (wrong != NULL) {
			snprintf(c->detail, sizeof(c->detail), "%s: message %llu of %zu bytes: wrong %s", annulus_strerror(ANNULUS_CORRUPT), (ull)seq, n, wrong);
			return ANNULUS_SYSTEM;
		}
		if (++*done == o->die_after)
			die(NULL, o);
		if (o->hold) {
			printf("held %llu\n", (ull)seq);
			wait_for_end();
		}
	}
	if (!copied)
		annulus_release(c);
	return ANNULUS_OK;
}

static int run_recv(struct annulus *r, const struct options *o, uint8_t *buf)
{
	struct annulus_consumer c;
	uint64_t done = 0;
	int rc = annulus_consumer_attach_(&c, r, o->wait, o->backlog);
	if (rc)
		return complain("attach", rc, c.detail);
	if (o->announce)
		say_attached();
	while (rc == ANNULUS_OK && done < (o->hold ? 1 : o->count))
		rc = receive(&c, o, &done, buf);
	annulus_consumer_detach(&c);
	if (rc == ANNULUS_END && o->count != UINT64_MAX) {
		fprintf(stderr, "recv: end of stream after %llu of %llu\n", (ull)done, (ull)o->count);
		return 1;
	}
	if (rc != ANNULUS_OK && rc != ANNULUS_END)
		return complain("recv", rc, rc == ANNULUS_TIMEOUT ? NULL : c.detail);
	printf("received %llu ok", (ull)done);
	if (o->any)
		printf(" mix %llu redelivered %llu", (ull)got.mix, (ull)got.redelivered);
	if (o->lossy)
		printf(" lost %llu", (ull)got.lost);
	putchar('\n');
	return 0;
}

static int run_hold(struct annulus *r, const char *role, enum annulus_strategy wait)
{
	struct annulus_producer p;
	struct annulus_consumer c;
	int producer = strcmp(role, "producer") == 0;
	int rc = producer ? annulus_producer_attach(&p, r, wait) : annulus_consumer_attach(&c, r, wait);
	if (rc)
		return complain("attach", rc, producer ? p.detail : c.detail);
	say_attached();
	wait_for_end();
	rc = producer ? annulus_producer_detach(&p) : annulus_consumer_detach(&c);
	return rc ? complain("detach", rc, NULL) : 0;
}

static int run_create(const char *name, const struct options *o)
{
	struct annulus r;
	struct annulus_config config;
	memset(&config, 0, sizeof(config));
	config.kind = o->kind;
	config.capacity = o->capacity;
	config.topology = o->topology;
	config.overrun = o->overrun;
	config.redeliver = o->redeliver;
	config.fixed = o->fixed;
	config.members = o->members;
	config.slot_size = o->topology == ANNULUS_TOPOLOGY_MPMC || o->kind == ANNULUS_KIND_SLOTS ? o->stream.max : 0;
	int rc = strchr(name, '/') ? annulus_create_path(&r, name, &config) : annulus_create(&r, name, &config);
	if (rc)
		return complain("create", rc, r.detail);
	puts("created");
	return annulus_close(&r) != ANNULUS_OK;
}

static int usage(void)
{
	fprintf(stderr, "usage: peer create|send|recv|check|dump|cat|vector NAME [options] | peer hold producer|consumer NAME | peer rate send|recv NAME --size N [options] | peer cell create|write|read|cat|check|dump NAME [options]\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct options o;
	struct annulus r;
	int rc, i = parse(argc, argv, &o);
	if (i < 0 || argc - i < 2)
		return usage();
	const char *command = argv[i], *name = argv[argc - 1];
	if (strcmp(command, "cell") == 0 && argc - i == 3) {
		rc = cell_command(argv[i + 1], name, &o);
		return rc == 2 ? usage() : rc;
	}
	if (strcmp(command, "create") == 0)
		return run_create(name, &o);
	rc = open_ring(&r, name, o.readonly || strcmp(command, "dump") == 0);
	if (rc)
		return complain("open", rc, r.detail);
	if (o.kind && o.kind != r.geometry.kind)
		return complain("open", ANNULUS_INVALID, "a ring of the other kind");
	if (r.geometry.kind == ANNULUS_KIND_SLOTS && !o.sized)
		o.stream.min = o.stream.max = r.geometry.slot_size;
	uint8_t *buf = (uint8_t *)malloc(o.stream.max + 1);
	if (!buf)
		return complain("malloc", ANNULUS_SYSTEM, NULL);
	if (strcmp(command, "send") == 0) {
		if (o.count == UINT64_MAX)
			o.count = 1;
		rc = run_send(&r, &o, buf);
	} else if (strcmp(command, "recv") == 0) {
		rc = run_recv(&r, &o, buf);
	} else if (strcmp(command, "hold") == 0) {
		rc = run_hold(&r, argv[i + 1], o.wait);
	} else if (strcmp(command, "rate") == 0) {
		rc = rate_command(&r, argv[i + 1], &o, buf);
		rc = rc < 0 ? usage() : rc;
	} else if (strcmp(command, "dump") == 0) {
		rc = dump(&r);
	} else if (strcmp(command, "cat") == 0) {
		rc = cat(&r, o.count, o.backlog);
	} else if (strcmp(command, "vector") == 0) {
		free(buf);
		return vector(&r);
	} else if (strcmp(command, "check") == 0) {
		rc = puts("ok") < 0;
	} else {
		rc = usage();
	}
	free(buf);
	annulus_close(&r);
	return rc;
}
