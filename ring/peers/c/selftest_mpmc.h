/* What selftest.c checks of MPMC rings. */
#ifndef SELFTEST_MPMC_H
#define SELFTEST_MPMC_H

#include "selftest.h"

/* crowd is a ring with two producers and two consumers, on one handle. */
struct crowd {
	struct annulus ring;
	struct annulus_producer p[2];
	struct annulus_consumer c[2];
	char path[PATH_MAX];
};

static void gather(struct crowd *t, const char *dir, uint64_t capacity, int fixed, int redeliver)
{
	struct annulus_config config;
	memset(&config, 0, sizeof(config));
	config.topology = ANNULUS_TOPOLOGY_MPMC;
	config.capacity = capacity;
	config.slot_size = 24;
	config.members = 6;
	config.fixed = fixed;
	config.redeliver = redeliver;
	snprintf(t->path, sizeof(t->path), "%s/selftest-%d", dir, (int)getpid());
	if (annulus_create_path(&t->ring, t->path, &config) != ANNULUS_OK) {
		printf("%s\n", t->ring.detail);
		exit(1);
	}
	for (int i = 0; i < 2; i++) {
		CHECK(annulus_producer_attach(&t->p[i], &t->ring, ANNULUS_FUTEX) == ANNULUS_OK);
		CHECK(annulus_consumer_attach(&t->c[i], &t->ring, ANNULUS_FUTEX) == ANNULUS_OK);
	}
}

static void disperse(struct crowd *t)
{
	for (int i = 0; i < 2; i++) {
		annulus_producer_detach(&t->p[i]);
		annulus_consumer_detach(&t->c[i]);
	}
	CHECK(annulus_close(&t->ring) == ANNULUS_OK);
	unlink(t->path);
}

/* forsake lets an endpoint go as its death would: the lock is free, all else stays. */
static void forsake(struct annulus_end_ *e)
{
	annulus_unlock_(e->ring, e->mine.lock);
	e->ring = NULL;
}

static void test_crowd(const char *dir)
{
	struct crowd t;
	struct annulus_producer third;
	struct annulus_consumer fourth;
	struct annulus_config wrong;
	char buf[24];
	size_t n;
	int attached;
	gather(&t, dir, 4, 0, 0);
	CHECK(send_text(&t.p[0], "a") == ANNULUS_OK && send_text(&t.p[1], "") == ANNULUS_OK && send_text(&t.p[0], "ccc") == ANNULUS_OK);
	CHECK(annulus_try_send(&t.p[0], buf, 25) == ANNULUS_TOO_LARGE);
	CHECK(send_text(&t.p[1], "dddd") == ANNULUS_OK && send_text(&t.p[1], "e") == ANNULUS_FULL);
	CHECK(holds(&t.c[1], "a") && holds(&t.c[0], "") && holds(&t.c[0], "ccc"));
	CHECK(annulus_try_recv(&t.c[0], buf, 3, &n) == ANNULUS_TOO_SMALL && n == 4); /* and stays, in its hands */
	CHECK(annulus_try_recv(&t.c[1], buf, sizeof(buf), &n) == ANNULUS_EMPTY);
	CHECK(holds(&t.c[0], "dddd"));
	CHECK(annulus_producer_attach(&third, &t.ring, ANNULUS_SEMAPHORE) == ANNULUS_INVALID);
	CHECK(annulus_producer_attach(&third, &t.ring, ANNULUS_SPIN) == ANNULUS_OK);
	CHECK(annulus_consumer_attach(&fourth, &t.ring, ANNULUS_SPIN) == ANNULUS_OK);
	struct annulus_producer fifth;
	CHECK(annulus_producer_attach(&fifth, &t.ring, ANNULUS_SPIN) == ANNULUS_ATTACHED); /* the table is full */
	/* The end comes with the last producer, sends fail with the last consumer. */
	CHECK(annulus_producer_detach(&t.p[0]) == ANNULUS_OK && annulus_producer_detach(&t.p[1]) == ANNULUS_OK);
	CHECK(annulus_try_recv(&t.c[0], buf, sizeof(buf), &n) == ANNULUS_EMPTY);
	CHECK(send_text(&third, "z") == ANNULUS_OK && annulus_producer_detach(&third) == ANNULUS_OK);
	CHECK(annulus_try_recv(&t.c[1], buf, sizeof(buf), &n) == ANNULUS_OK);
	for (int i = 0; i < 2; i++)
		CHECK(annulus_try_recv(&t.c[i], buf, sizeof(buf), &n) == ANNULUS_END);
	CHECK(annulus_attached(&t.ring, ANNULUS_PRODUCER, &attached) == ANNULUS_OK && !attached);
	CHECK(annulus_producer_attach(&third, &t.ring, ANNULUS_SPIN) == ANNULUS_OK);
	CHECK(annulus_consumer_detach(&fourth) == ANNULUS_OK && annulus_consumer_detach(&t.c[0]) == ANNULUS_OK);
	CHECK(send_text(&third, "y") == ANNULUS_OK);
	CHECK(annulus_close(&t.ring) == ANNULUS_INVALID);
	CHECK(annulus_consumer_detach(&t.c[1]) == ANNULUS_OK && send_text(&third, "y") == ANNULUS_CLOSED);
	CHECK(annulus_producer_detach(&third) == ANNULUS_OK);
	disperse(&t);
	gather(&t, dir, 4, 1, 0);
	CHECK(send_text(&t.p[0], "short") == ANNULUS_SIZE && annulus_try_send(&t.p[0], "0123456789abcdef01234567", 24) == ANNULUS_OK);
	CHECK(holds(&t.c[0], "0123456789abcdef01234567"));
	disperse(&t);
	memset(&wrong, 0, sizeof(wrong));
	wrong.redeliver = 1;
	CHECK(annulus_create_path(&t.ring, t.path, &wrong) == ANNULUS_INVALID);
}

/* Reservations and batches: what is given up is stepped over, what others draw in
 * between parts a batch. */
static void test_tickets(const char *dir)
{
	struct crowd t;
	void *room;
	const void *msg;
	char buf[24];
	size_t n;
	gather(&t, dir, 8, 0, 0);
	CHECK(annulus_try_reserve(&t.p[0], 24, &room) == ANNULUS_OK && send_text(&t.p[1], "behind") == ANNULUS_OK);
	CHECK(annulus_try_reserve(&t.p[0], 24, &room) == ANNULUS_RESERVED);
	CHECK(annulus_try_recv(&t.c[0], buf, sizeof(buf), &n) == ANNULUS_EMPTY);
	annulus_abort(&t.p[0]);
	annulus_abort(&t.p[0]);
	CHECK(holds(&t.c[0], "behind") && annulus_committed(&t.p[0]) == 0 && annulus_committed(&t.p[1]) == 1);
	for (int i = 0; i < 3; i++) {
		CHECK(annulus_try_reserve(&t.p[0], 24, &room) == ANNULUS_OK);
		memcpy(room, "batch", 5);
		CHECK(annulus_commit(&t.p[0], 25) == ANNULUS_TOO_LARGE && annulus_stage(&t.p[0], 5) == ANNULUS_OK);
	}
	CHECK(annulus_try_recv(&t.c[0], buf, sizeof(buf), &n) == ANNULUS_EMPTY && send_text(&t.p[1], "between") == ANNULUS_OK);
	CHECK(annulus_try_reserve(&t.p[0], 24, &room) == ANNULUS_OK); /* publishes what was staged */
	CHECK(annulus_committed(&t.p[0]) == 3);
	memcpy(room, "last", 4);
	CHECK(annulus_commit(&t.p[0], 4) == ANNULUS_OK && annulus_committed(&t.p[0]) == 4);
	CHECK(annulus_try_peek(&t.c[0], &msg, &n) == ANNULUS_OK && annulus_try_peek(&t.c[0], &msg, &n) == ANNULUS_OK);
	CHECK(holds(&t.c[1], "batch"));
	CHECK(annulus_try_peek(&t.c[0], &msg, &n) == ANNULUS_HELD && annulus_try_peek(&t.c[0], &msg, &n) == ANNULUS_HELD);
	annulus_release(&t.c[0]);
	CHECK(holds(&t.c[0], "between") && holds(&t.c[1], "last"));
	/* More at once than an intent can name, many times round. */
	for (int i = 0; i < 1000; i++) {
		CHECK(annulus_reserve(&t.p[0], 8, &room, 0) == ANNULUS_OK && annulus_stage(&t.p[0], 8) == ANNULUS_OK);
		if (i % 5 == 4) {
			annulus_publish(&t.p[0]);
			for (int k = 0; k < 5; k++)
				CHECK(annulus_try_peek(&t.c[1], &msg, &n) == ANNULUS_OK && n == 8);
			annulus_release(&t.c[1]);
		}
	}
	disperse(&t);
}

/* Death at every stage of a claim: the successor under the tag learns what took
 * effect, and the others go on. */
static void test_forsaken(const char *dir)
{
	struct crowd t;
	struct annulus_producer p;
	void *room;
	const void *msg;
	size_t n;
	uint64_t settled;
	for (int stage = 0; stage < 7; stage++) {
		gather(&t, dir, 8, 0, 0);
		CHECK(annulus_producer_attach_tagged(&p, &t.ring, ANNULUS_SPIN, 9) == ANNULUS_OK);
		CHECK(send_text(&p, "one") == ANNULUS_OK);
		struct annulus_member *m = p.e.mine.entry.line;
		uint64_t want = 1, orphans = 0;
		if (stage == 1) /* named and not drawn */
			annulus_intend_(&p.e, 1, 1);
		if (stage >= 2) { /* two drawn */
			annulus_try_reserve(&p, 24, &room);
			annulus_stage(&p, 24);
			annulus_try_reserve(&p, 24, &room);
			annulus_stage(&p, 24);
			orphans = 2;
		}
		if (stage == 3) { /* one published, not counted */
			ANNULUS_STORE_(annulus_word_(&p.e, 1), annulus_claim_word_(&p.e, 1, ANNULUS_SLOT_COMMITTED));
			want = 2;
			orphans = 1;
		}
		if (stage == 4) { /* both published and counted */
			annulus_publish(&p);
			want = 3;
			orphans = 0;
		}
		if (stage == 5) { /* both published, not counted */
			annulus_publish(&p);
			ANNULUS_STORE_(&m->sent, UINT64_C(1));
			want = 3;
			orphans = 0;
		}
		if (stage == 6) { /* one published with the other open, and that one too, uncounted */
			p.staged = 1;
			p.reserved = ANNULUS_TICKET_OPEN_;
			annulus_publish(&p);
			ANNULUS_STORE_(annulus_word_(&p.e, 2), annulus_claim_word_(&p.e, 2, ANNULUS_SLOT_COMMITTED));
			want = 3;
			orphans = 0;
		}
		forsake(&p.e);
		if (stage % 2) { /* others are faster than the successor */
			CHECK(annulus_recover(&t.ring, &settled) == ANNULUS_OK && settled == orphans);
			orphans = 0;
		}
		CHECK(annulus_producer_attach(&p, &t.ring, ANNULUS_SPIN) == ANNULUS_OK && annulus_producer_detach(&p) == ANNULUS_OK);
		CHECK(annulus_producer_attach_tagged(&p, &t.ring, ANNULUS_SPIN, 9) == ANNULUS_OK);
		CHECK(annulus_committed(&p) == want);
		CHECK(send_text(&p, "next") == ANNULUS_OK && annulus_committed(&p) == want + 1);
		CHECK(annulus_producer_attach_tagged(&t.p[0], &t.ring, ANNULUS_SPIN, 9) == ANNULUS_ATTACHED);
		for (uint64_t i = 0; i < want; i++)
			CHECK(annulus_try_peek(&t.c[0], &msg, &n) == ANNULUS_OK);
		annulus_release(&t.c[0]);
		CHECK(holds(&t.c[0], "next"));
		CHECK(annulus_producer_detach(&p) == ANNULUS_OK && annulus_recover(&t.ring, &settled) == ANNULUS_OK && settled == 0);
		t.p[0].e.ring = NULL; /* the failed attach has forgotten it */
		annulus_unlock_(&t.ring, ANNULUS_LOCK_MEMBER);
		disperse(&t);
	}
}

/* A message in dead hands is dropped, or comes again, 31 times. */
static void test_hands(const char *dir)
{
	struct crowd t;
	struct annulus_consumer c;
	const void *msg;
	char buf[24];
	size_t n;
	uint64_t settled;
	for (int redeliver = 0; redeliver < 2; redeliver++) {
		gather(&t, dir, 2, 0, redeliver);
		CHECK(send_text(&t.p[0], "precious") == ANNULUS_OK && send_text(&t.p[0], "other") == ANNULUS_OK);
		for (int deaths = 0; deaths < (redeliver ? 32 : 1); deaths++) {
			CHECK(annulus_consumer_attach(&c, &t.ring, ANNULUS_FUTEX) == ANNULUS_OK);
			CHECK(annulus_peek(&c, &msg, &n, 10000) == ANNULUS_OK && n == (deaths == 0 || redeliver ? 8u : 5u));
			CHECK(annulus_redelivered(&c) == deaths);
			if (deaths == 0)
				CHECK(holds(&t.c[1], "other"));
			CHECK(send_text(&t.p[1], "full") == ANNULUS_FULL); /* its slot is in use */
			forsake(&c.e);
		}
		CHECK(annulus_recover(&t.ring, &settled) == ANNULUS_OK && settled == 1); /* it has killed enough */
		CHECK(send_text(&t.p[1], "full") == ANNULUS_OK && holds(&t.c[1], "full"));
		CHECK(annulus_try_recv(&t.c[1], buf, sizeof(buf), &n) == ANNULUS_EMPTY);
		disperse(&t);
	}
}

/* Words that no correct peer writes poison the endpoint. */
static void test_odd_tickets(const char *dir)
{
	struct crowd t;
	char buf[24];
	size_t n;
	const uint64_t words[] = {3, 7, UINT64_C(1) << 40, ~UINT64_C(0), 2 << 8};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		gather(&t, dir, 4, 0, 1);
		memcpy(t.ring.base + t.ring.geometry.data_area, &words[i], 8);
		CHECK(annulus_try_recv(&t.c[0], buf, sizeof(buf), &n) == ANNULUS_CORRUPT);
		CHECK(send_text(&t.p[0], "x") == ANNULUS_CORRUPT && send_text(&t.p[0], "x") == ANNULUS_CORRUPT);
		disperse(&t);
	}
	gather(&t, dir, 4, 0, 1);
	CHECK(send_text(&t.p[0], "x") == ANNULUS_OK);
	memset(t.ring.base + t.ring.geometry.data_area + ANNULUS_SLOT_LENGTH, 0xff, 8);
	CHECK(annulus_try_recv(&t.c[0], buf, sizeof(buf), &n) == ANNULUS_CORRUPT);
	disperse(&t);
	for (int counter = 0; counter < 2; counter++) { /* a head or tail from nowhere */
		gather(&t, dir, 4, 0, 1);
		struct annulus_cursor *s = counter ? t.p[0].e.mine.cursor : t.c[0].e.mine.cursor;
		s->position = UINT64_C(1) << 40;
		CHECK(annulus_try_recv(&t.c[0], buf, sizeof(buf), &n) == (counter ? ANNULUS_EMPTY : ANNULUS_CORRUPT));
		CHECK(send_text(&t.p[0], "x") == (counter ? ANNULUS_CORRUPT : ANNULUS_OK));
		disperse(&t);
	}
}

struct worker {
	pthread_t thread;
	struct annulus *ring;
	uint64_t first, n, sum;
	int rc;
};

static void *work_producer(void *arg)
{
	struct worker *w = (struct worker *)arg;
	struct annulus_producer p;
	if ((w->rc = annulus_producer_attach(&p, w->ring, ANNULUS_FUTEX)))
		return NULL;
	for (uint64_t i = w->first; i < w->first + w->n && w->rc == ANNULUS_OK; i++)
		w->rc = annulus_send(&p, &i, 8, -1);
	annulus_producer_detach(&p);
	return NULL;
}

static void *work_consumer(void *arg)
{
	struct worker *w = (struct worker *)arg;
	struct annulus_consumer c;
	uint64_t v;
	size_t n;
	if ((w->rc = annulus_consumer_attach(&c, w->ring, ANNULUS_FUTEX)))
		return NULL;
	while ((w->rc = annulus_recv(&c, &v, 8, &n, -1)) == ANNULUS_OK) {
		w->n++;
		w->sum += v;
	}
	annulus_consumer_detach(&c);
	return NULL;
}

/* Two and two threads on one handle. */
static void test_threads(const char *dir)
{
	struct crowd t;
	enum { EACH = 20000 };
	struct worker w[4];
	uint64_t n = 0, sum = 0;
	gather(&t, dir, 8, 0, 0);
	CHECK(annulus_consumer_detach(&t.c[0]) == ANNULUS_OK && annulus_producer_detach(&t.p[0]) == ANNULUS_OK);
	CHECK(annulus_consumer_detach(&t.c[1]) == ANNULUS_OK); /* p[1] keeps the session open */
	memset(w, 0, sizeof(w));
	for (int i = 0; i < 4; i++) {
		w[i].ring = &t.ring;
		w[i].first = (uint64_t)i * EACH;
		w[i].n = i < 2 ? EACH : 0;
	}
	for (int i = 3; i >= 0; i--) {
		CHECK(pthread_create(&w[i].thread, NULL, i < 2 ? work_producer : work_consumer, &w[i]) == 0);
		int consumers = 0;
		for (int rc = ANNULUS_OK; i == 2 && rc == ANNULUS_OK && !consumers;)
			rc = annulus_attached(&t.ring, ANNULUS_CONSUMER, &consumers);
	}
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(w[i].thread, NULL) == 0 && w[i].rc == ANNULUS_OK);
	CHECK(annulus_producer_detach(&t.p[1]) == ANNULUS_OK);
	for (int i = 2; i < 4; i++) {
		CHECK(pthread_join(w[i].thread, NULL) == 0 && w[i].rc == ANNULUS_END);
		n += w[i].n;
		sum += w[i].sum;
	}
	CHECK(n == 2 * EACH && sum == (uint64_t)EACH * (2 * EACH - 1));
	disperse(&t);
}

static void test_mpmc(const char *dir)
{
	test_crowd(dir);
	test_tickets(dir);
	test_forsaken(dir);
	test_hands(dir);
	test_odd_tickets(dir);
	test_threads(dir);
}

#endif
