/* peer: the other end of a ring, for tests and for trying things out.
 *
 *   peer create NAME [--kind bytes|slots] [--capacity N] [--size N]
 *   peer send   NAME [options]      send checksummed messages
 *   peer recv   NAME [options]      receive and check them
 *   peer hold producer|consumer NAME    take a role until stdin ends
 *   peer check  NAME                open the ring, say "ok" or what is wrong
 *   peer dump   NAME                show the ring, without touching it
 *   peer cat    NAME [--count N]    print what it receives
 *   peer vector NAME                do to a new ring what vectors/mpmc-claims.bin shows
 *
 * NAME is POSIX shared memory; a path if it has a slash; fd:N an inherited
 * descriptor. Options:
 *
 *   --count N       messages (default: recv until the end of the stream, send 1)
 *   --start N       number of the first message (default 0)
 *   --size MIN:MAX  bytes of a message (default 12:1024, slots: the slot size)
 *   --seed S        of the messages' contents
 *   --wait W        spin, futex (default) or semaphore
 *   --members N     create: entries of the endpoint table
 *   --kind K        refuse a ring of another kind; create: make one of it
 *   --mpmc          create: for many producers and consumers
 *   --redeliver     create: and with redelivery
 *   --fixed         create: and every message of the slot size
 *   --tag N         send: keep the place in an MPMC ring, say what was committed in it
 *   --hold          recv: keep the first message in hand until stdin ends, then end
 *   --any           recv: messages in any order; say what they were by their mix
 *   --batch N       publish or release N at a time (default 1)
 *   --timeout MS    of each wait (default: none)
 *   --checks N      how often recv checks each message, to be slow (default 1)
 *   --die-after N   SIGKILL oneself when N are committed, or received and not all released
 *   --cut           before that leave a staged batch and an open reservation behind
 *
 * It exits with 0, or with 1 after one line on stderr. */
#include <getopt.h>
#include <sched.h>
#include <signal.h>

#include "annulus.h"
#include "peer_dump.h"
#include "peer_payload.h"
#include "peer_vector.h"

struct options {
	uint64_t count, start, batch, die_after, capacity, checks, tag, members;
	struct stream stream;
	enum annulus_strategy wait;
	uint32_t kind;
	int timeout, cut, sized, mpmc, redeliver, fixed, any, hold;
};

/* What recv --any has got: mix is the sum over the messages' numbers. */
static struct {
	uint64_t mix, redelivered;
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
	/* In an MPMC ring only when all is received: a full one would not take the claims. */
	while (p && o->cut && p->e.ring->geometry.members &&
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
	if (o->tag) {
		printf("committed %llu\n", (ull)annulus_committed(&p));
		fflush(stdout);
	}
	for (uint64_t i = 0; i < o->count; i++) {
		if ((rc = send_one(&p, o, o->start + i, buf)))
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
		if (rc != ANNULUS_OK) {
			annulus_release(c);
			return rc == ANNULUS_EMPTY || rc == ANNULUS_HELD ? ANNULUS_OK : rc;
		}
		uint64_t seq = o->start + *done;
		if (o->any && n >= PAYLOAD_REST) {
			memcpy(&seq, msg, 8);
			got.mix += payload_mix(seq);
			got.redelivered += annulus_redelivered(c) > 0;
		}
		wrong = NULL;
		for (uint64_t k = 0; k < o->checks && wrong == NULL; k++)
			wrong = payload_check(&o->stream, seq, (const uint8_t *)msg, n);
		if (wrong != NULL) {
			snprintf(c->detail, sizeof(c->detail), "message %llu of %zu bytes: wrong %s", (ull)seq, n, wrong);
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
	int rc = annulus_consumer_attach(&c, r, o->wait);
	if (rc)
		return complain("attach", rc, c.detail);
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
	puts("attached");
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
	config.topology = o->mpmc ? ANNULUS_TOPOLOGY_MPMC : ANNULUS_TOPOLOGY_SPSC;
	config.redeliver = o->redeliver;
	config.fixed = o->fixed;
	config.members = o->members;
	config.slot_size = o->mpmc || o->kind == ANNULUS_KIND_SLOTS ? o->stream.max : 0;
	int rc = strchr(name, '/') ? annulus_create_path(&r, name, &config) : annulus_create(&r, name, &config);
	if (rc)
		return complain("create", rc, r.detail);
	puts("created");
	return annulus_close(&r) != ANNULUS_OK;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{"count", 1, NULL, 'c'}, {"start", 1, NULL, 'f'}, {"size", 1, NULL, 's'}, {"seed", 1, NULL, 'e'},
		{"wait", 1, NULL, 'w'}, {"kind", 1, NULL, 'k'}, {"batch", 1, NULL, 'b'}, {"timeout", 1, NULL, 't'},
		{"checks", 1, NULL, 'K'}, {"die-after", 1, NULL, 'd'}, {"cut", 0, NULL, 'x'}, {"capacity", 1, NULL, 'C'},
		{"mpmc", 0, NULL, 'm'}, {"redeliver", 0, NULL, 'r'}, {"fixed", 0, NULL, 'F'}, {"members", 1, NULL, 'M'}, {"tag", 1, NULL, 'T'}, {"any", 0, NULL, 'a'}, {"hold", 0, NULL, 'H'}, {NULL, 0, NULL, 0},
	};
	const struct options defaults = {
		.count = UINT64_MAX, .batch = 1, .checks = 1, .stream = {.min = 12, .max = 1024}, .wait = ANNULUS_FUTEX, .timeout = -1,
	};
	*o = defaults;
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		char *end;
		switch (c) {
		case 'c': o->count = strtoull(optarg, NULL, 0); break;
		case 'f': o->start = strtoull(optarg, NULL, 0); break;
		case 'e': o->stream.seed = strtoull(optarg, NULL, 0); break;
		case 'b': o->batch = strtoull(optarg, NULL, 0); break;
		case 't': o->timeout = atoi(optarg); break;
		case 'K': o->checks = strtoull(optarg, NULL, 0); break;
		case 'd': o->die_after = strtoull(optarg, NULL, 0); break;
		case 'T': o->tag = strtoull(optarg, NULL, 0); break;
		case 'x': o->cut = 1; break;
		case 'm': o->mpmc = 1; break;
		case 'r': o->redeliver = 1; break;
		case 'M': o->members = strtoull(optarg, NULL, 0); break;
		case 'F': o->fixed = 1; break;
		case 'a': o->any = 1; break;
		case 'H': o->hold = 1; break;
		case 'C': o->capacity = strtoull(optarg, NULL, 0); break;
		case 'k': o->kind = strcmp(optarg, "slots") == 0 ? ANNULUS_KIND_SLOTS : ANNULUS_KIND_BYTES; break;
		case 's':
			o->sized = 1;
			o->stream.min = o->stream.max = strtoull(optarg, &end, 0);
			if (*end == ':')
				o->stream.max = strtoull(end + 1, NULL, 0);
			break;
		case 'w':
			o->wait = strcmp(optarg, "spin") == 0 ? ANNULUS_SPIN
				: strcmp(optarg, "semaphore") == 0 ? ANNULUS_SEMAPHORE : ANNULUS_FUTEX;
			break;
		default: return -1;
		}
	}
	if (o->batch == 0 || o->stream.min > o->stream.max || o->stream.max > ANNULUS_MAX_MESSAGE)
		return -1;
	return optind;
}

static int usage(void)
{
	fprintf(stderr, "usage: peer create|send|recv|check|dump|cat|vector NAME [options] | peer hold producer|consumer NAME\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct options o;
	struct annulus r;
	int i = parse(argc, argv, &o);
	if (i < 0 || argc - i < 2)
		return usage();
	const char *command = argv[i], *name = argv[argc - 1];
	if (strcmp(command, "create") == 0)
		return run_create(name, &o);
	int rc = open_ring(&r, name, strcmp(command, "dump") == 0);
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
	} else if (strcmp(command, "dump") == 0) {
		rc = dump(&r);
	} else if (strcmp(command, "cat") == 0) {
		rc = cat(&r, o.count);
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
