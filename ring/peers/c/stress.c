/* stress producer|consumer PLACE INCARNATION SEED WAIT SIZE TAG: the worker of
 * "ringbench stress" in C. The ring is its descriptor 3, its ledger descriptor 4;
 * cmd/ringbench/internal/stress says what stands in it (ledger.go), how messages are
 * made (message.go) and what a worker does (worker.go). It is started, and killed, by
 * ringbench only. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "annulus.h"

enum { RING_FD = 3, LEDGER_FD = 4 };

/* Words of the ledger. */
enum { STATE, STOP, INTENT, DONE, LOGGED, DRAINED, TORN, COMMITTED };
enum { TEXT_AT = 64, TEXT_SIZE = 1024, LOG_AT = 4096, LOG_SIZE = 1 << 13, LEDGER_SIZE = LOG_AT + 8 * LOG_SIZE };
enum { WORKING = 1, ENDED, FAILED };
#define REDELIVERED (UINT64_C(1) << 63)
#define LOST (UINT64_C(1) << 62) /* with how many messages an overrun took */

enum { MESSAGE_HEAD = 16, MOST = 1024 };

static uint8_t *ledger;
static uint64_t place, incarnation, random_state, size;

static uint64_t get(int word) { return ANNULUS_LOAD_((uint64_t *)(void *)ledger + word); }
static void set(int word, uint64_t v) { ANNULUS_STORE_((uint64_t *)(void *)ledger + word, v); }

static int fail(const char *what, int code, const char *detail)
{
	snprintf((char *)ledger + TEXT_AT, TEXT_SIZE, "C worker: %s: %s", what, detail && detail[0] ? detail : annulus_strerror(code));
	set(STATE, FAILED);
	return 1;
}

static void nap(long ns)
{
	struct timespec t = {0, ns};
	nanosleep(&t, NULL);
}

/* G. Marsaglia's xorshift64. */
static uint64_t below(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 11) % n;
}

static uint64_t number(uint64_t seq) { return place << 56 | incarnation << 32 | seq; }

static uint64_t length_of(uint64_t id)
{
	return MESSAGE_HEAD + (id * UINT64_C(0x9E3779B97F4A7C15) >> 40) % (size - MESSAGE_HEAD + 1);
}

static uint64_t sum_of(uint64_t id, const uint8_t *b, uint64_t n)
{
	uint64_t sum = id;
	for (uint64_t i = MESSAGE_HEAD; i < n; i++)
		sum = (sum ^ b[i]) * UINT64_C(0x100000001b3);
	return sum ^ n;
}

static void encode(uint64_t id, uint8_t *b)
{
	uint64_t n = length_of(id), x = id | 1;
	for (uint64_t i = MESSAGE_HEAD; i < n; i++) {
		x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		b[i] = (uint8_t)(x >> 56);
	}
	uint64_t sum = sum_of(id, b, n);
	memcpy(b, &id, 8);
	memcpy(b + 8, &sum, 8);
}

/* decode tells whether b is whole, and whose message it is. */
static int decode(const uint8_t *b, size_t n, uint64_t *id)
{
	uint64_t sum;
	if (n < MESSAGE_HEAD)
		return 0;
	memcpy(id, b, 8);
	memcpy(&sum, b + 8, 8);
	return sum == sum_of(*id, b, n);
}

/* stage_one sends message id up to its publish. */
static int stage_one(struct annulus_producer *p, uint64_t id)
{
	void *room;
	int rc = annulus_reserve(p, size, &room, -1);
	if (rc)
		return rc;
	encode(id, (uint8_t *)room);
	return annulus_stage(p, length_of(id));
}

/* send_some sends messages from id on in one of the ways there are. */
static int send_some(struct annulus_producer *p, uint64_t id, uint64_t way, uint64_t n)
{
	uint8_t buf[MOST];
	void *room;
	int rc;
	switch (way) {
	case 0: /* a batch, published at times while its last is still being written */
		for (uint64_t i = 0; i + 1 < n; i++)
			if ((rc = stage_one(p, id + i)))
				return rc;
		if ((rc = annulus_reserve(p, size, &room, -1)))
			return rc;
		if (below(2))
			annulus_publish(p);
		encode(id + n - 1, (uint8_t *)room);
		return annulus_commit(p, length_of(id + n - 1));
	case 1:
	case 2: /* in place, after a change of mind at times */
		if (below(4) == 0) {
			if ((rc = annulus_reserve(p, size, &room, -1)))
				return rc;
			annulus_abort(p);
		}
		if ((rc = stage_one(p, id)))
			return rc;
		annulus_publish(p);
		return ANNULUS_OK;
	}
	encode(id, buf);
	return annulus_send(p, buf, length_of(id), -1);
}

static int produce(struct annulus *r, enum annulus_strategy wait, uint64_t tag)
{
	struct annulus_producer p;
	int rc;
	for (int tries = 0; (rc = annulus_producer_attach_tagged(&p, r, wait, tag)) == ANNULUS_ATTACHED && tries < 100000; tries++)
		nap(100000);
	if (rc)
		return fail("attach", rc, p.detail);
	set(COMMITTED, annulus_committed(&p));
	set(STATE, WORKING);
	for (uint64_t seq = 0; get(STOP) == 0 && seq < (UINT64_C(1) << 32) - 1024;) {
		uint64_t way = below(8), n = way == 0 ? 2 + below(7) : 1;
		set(INTENT, seq + n);
		if ((rc = send_some(&p, number(seq), way, n)))
			return fail("send", rc, p.detail);
		seq += n;
		set(DONE, seq);
	}
	annulus_producer_detach(&p);
	return 0;
}

/* note writes an entry to the log, which the parent empties. */
static void note(uint64_t entry)
{
	uint64_t n = get(LOGGED);
	while (n - get(DRAINED) == LOG_SIZE)
		nap(20000);
	((uint64_t *)(void *)(ledger + LOG_AT))[n % LOG_SIZE] = entry;
	set(LOGGED, n + 1);
}

static int consume(struct annulus *r, enum annulus_strategy wait)
{
	struct annulus_consumer c;
	int rc;
	for (int tries = 0; (rc = annulus_consumer_attach_backlog(&c, r, wait)) == ANNULUS_ATTACHED && tries < 100000; tries++)
		nap(100000);
	if (rc)
		return fail("attach", rc, c.detail);
	set(STATE, WORKING);
	for (uint64_t missed = 0;; missed = annulus_missed(&c)) {
		const void *msg[6];
		size_t length[6];
		uint64_t flag[6], id, n = 0, most = below(4) == 0 ? 6 : 1;
		do {
			rc = n ? annulus_try_peek(&c, &msg[n], &length[n]) : annulus_peek(&c, &msg[n], &length[n], -1);
			if (rc == ANNULUS_OK)
				flag[n++] = annulus_redelivered(&c) > 0 ? REDELIVERED : 0;
		} while (rc == ANNULUS_OK && n < most);
		for (uint64_t i = 0; i < n; i++) {
			if (decode((const uint8_t *)msg[i], length[i], &id))
				note(id | flag[i]);
			else
				set(TORN, get(TORN) + 1);
		}
		annulus_release(&c);
		if (rc == ANNULUS_OVERRUN) {
			note(LOST | (annulus_missed(&c) - missed));
			continue;
		}
		if (n == 0 && rc == ANNULUS_END)
			break;
		if (rc != ANNULUS_OK && rc != ANNULUS_EMPTY && rc != ANNULUS_HELD && rc != ANNULUS_END)
			return fail("receive", rc, c.detail);
	}
	annulus_consumer_detach(&c);
	return 0;
}

int main(int argc, char **argv)
{
	struct annulus r;
	if (argc != 8) {
		fprintf(stderr, "stress: is started by ringbench itself\n");
		return 2;
	}
	void *mem = mmap(NULL, LEDGER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, LEDGER_FD, 0);
	if (mem == MAP_FAILED) {
		perror("stress: map the ledger");
		return 2;
	}
	ledger = (uint8_t *)mem;
	place = strtoull(argv[2], NULL, 0);
	incarnation = strtoull(argv[3], NULL, 0);
	random_state = strtoull(argv[4], NULL, 0) | 1;
	size = strtoull(argv[6], NULL, 0);
	if (size < MESSAGE_HEAD || size > MOST)
		return fail("size", ANNULUS_INVALID, NULL);
	enum annulus_strategy wait = ANNULUS_FUTEX;
	if (strcmp(argv[5], "spin") == 0 || strcmp(argv[5], "yield") == 0)
		wait = ANNULUS_SPIN;
	else if (strcmp(argv[5], "semaphore") == 0)
		wait = ANNULUS_SEMAPHORE;
	int rc = annulus_open_fd(&r, RING_FD, 0);
	if (rc)
		return fail("open", rc, r.detail);
	rc = strcmp(argv[1], "producer") == 0 ? produce(&r, wait, strtoull(argv[7], NULL, 0)) : consume(&r, wait);
	if (rc == 0 && (rc = annulus_close(&r)))
		fail("close", rc, r.detail);
	if (rc == 0)
		set(STATE, ENDED);
	return rc;
}
