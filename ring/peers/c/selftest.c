/* selftest DIR: what one process can check of the C endpoints by itself. Each
 * failed check prints its line; the exit status is 1 then. */
#include <pthread.h>

#include "selftest.h"
#include "selftest_mpmc.h"
#include "selftest_many.h"
#include "selftest_cast.h"
#include "selftest_short.h"

static void test_reservations(const char *dir)
{
	struct pair t;
	void *room;
	size_t n;
	char small[4];
	setup(&t, dir, ANNULUS_KIND_BYTES, 4096, 0);
	CHECK(annulus_commit(&t.p, 1) == ANNULUS_NOT_RESERVED);
	CHECK(send_text(&t.p, "one") == ANNULUS_OK);
	CHECK(annulus_try_reserve(&t.p, 100, &room) == ANNULUS_OK);
	CHECK(annulus_try_reserve(&t.p, 1, &room) == ANNULUS_RESERVED);
	CHECK(send_text(&t.p, "x") == ANNULUS_RESERVED);
	memset(room, 0xff, 100); /* what is behind a shortened message is no header */
	memcpy(room, "two", 3);
	CHECK(annulus_commit(&t.p, 101) == ANNULUS_TOO_LARGE);
	CHECK(annulus_commit(&t.p, 3) == ANNULUS_OK);
	CHECK(annulus_try_reserve(&t.p, 200, &room) == ANNULUS_OK);
	memset(room, 0xff, 200);
	annulus_abort(&t.p);
	annulus_abort(&t.p);
	CHECK(send_text(&t.p, "three") == ANNULUS_OK);
	CHECK(holds(&t.c, "one") && holds(&t.c, "two"));
	CHECK(annulus_try_recv(&t.c, small, sizeof(small), &n) == ANNULUS_TOO_SMALL && n == 5);
	CHECK(holds(&t.c, "three"));
	CHECK(annulus_try_recv(&t.c, small, sizeof(small), &n) == ANNULUS_EMPTY);
	CHECK(annulus_try_send(&t.p, small, 2041) == ANNULUS_TOO_LARGE);
	CHECK(annulus_try_reserve(&t.p, SIZE_MAX, &room) == ANNULUS_TOO_LARGE);
	teardown(&t);
	CHECK(send_text(&t.p, "late") == ANNULUS_INVALID);
	CHECK(annulus_try_recv(&t.c, small, sizeof(small), &n) == ANNULUS_INVALID);
	CHECK(annulus_producer_detach(&t.p) == ANNULUS_INVALID);
}

static void stage_text(struct annulus_producer *p, const char *s)
{
	void *room;
	CHECK(annulus_try_reserve(p, strlen(s), &room) == ANNULUS_OK);
	memcpy(room, s, strlen(s));
	CHECK(annulus_stage(p, strlen(s)) == ANNULUS_OK);
}

/* A batch that is never published is invisible, to a successor too. */
static void test_batches(const char *dir)
{
	struct pair t;
	char buf[8];
	size_t n;
	setup(&t, dir, ANNULUS_KIND_BYTES, 4096, 0);
	stage_text(&t.p, "a");
	stage_text(&t.p, "b");
	CHECK(annulus_try_recv(&t.c, buf, sizeof(buf), &n) == ANNULUS_EMPTY);
	annulus_publish(&t.p);
	CHECK(holds(&t.c, "a") && holds(&t.c, "b"));
	stage_text(&t.p, "c");
	CHECK(send_text(&t.p, "d") == ANNULUS_OK); /* publishes c first */
	CHECK(holds(&t.c, "c") && holds(&t.c, "d"));
	stage_text(&t.p, "lost");
	stage_text(&t.p, "lost too");
	CHECK(annulus_producer_detach(&t.p) == ANNULUS_OK);
	CHECK(annulus_try_recv(&t.c, buf, sizeof(buf), &n) == ANNULUS_END);
	CHECK(annulus_try_recv(&t.c, buf, sizeof(buf), &n) == ANNULUS_END);
	CHECK(annulus_producer_attach(&t.p, &t.ring, ANNULUS_SPIN) == ANNULUS_OK);
	CHECK(annulus_try_recv(&t.c, buf, sizeof(buf), &n) == ANNULUS_EMPTY);
	CHECK(send_text(&t.p, "next") == ANNULUS_OK);
	CHECK(holds(&t.c, "next"));
	teardown(&t);
}

/* Fill the ring to the last byte in batches, so that room is looked for while
 * something is staged; let the consumer lag by whole rings. */
static void test_wrap(const char *dir, uint32_t kind)
{
	struct pair t;
	uint64_t sent = 0, got = 0;
	unsigned random = 1;
	uint8_t want[2048];
	setup(&t, dir, kind, kind == ANNULUS_KIND_BYTES ? 4096 : 8, kind == ANNULUS_KIND_BYTES ? 0 : 24);
	while (got < 20000) {
		void *room;
		const void *msg;
		size_t n, m;
		int rc, staged = 0;
		for (;;) {
			n = kind == ANNULUS_KIND_BYTES ? (sent * 2654435761u >> 7) % 2041 : 24;
			random = random * 1103515245 + 12345;
			if ((rc = annulus_try_reserve(&t.p, n, &room)) != ANNULUS_OK)
				break;
			memset(room, (int)(sent & 0xff), n);
			CHECK(annulus_stage(&t.p, n) == ANNULUS_OK);
			sent++;
			if (++staged == (int)(random >> 16) % 4)
				break;
		}
		annulus_publish(&t.p);
		while ((random = random * 1103515245 + 12345) >> 16 & 3) {
			if (annulus_try_peek(&t.c, &msg, &m) != ANNULUS_OK)
				break;
			n = kind == ANNULUS_KIND_BYTES ? (got * 2654435761u >> 7) % 2041 : 24;
			memset(want, (int)(got & 0xff), n);
			CHECK(m == n && memcmp(msg, want, n) == 0);
			got++;
			if (random >> 20 & 1)
				annulus_release(&t.c);
		}
		annulus_release(&t.c);
		if (failures)
			break;
	}
	teardown(&t);
}

/* A consumer that has seen the end but not released what came before it leaves
 * both to the next one; once it is released, nothing is left. */
static void test_end(const char *dir)
{
	struct pair t;
	const void *msg;
	size_t n;
	setup(&t, dir, ANNULUS_KIND_BYTES, 4096, 0);
	CHECK(send_text(&t.p, "a") == ANNULUS_OK && send_text(&t.p, "b") == ANNULUS_OK);
	CHECK(annulus_producer_detach(&t.p) == ANNULUS_OK);
	for (int release = 0; release < 2; release++) {
		CHECK(annulus_try_peek(&t.c, &msg, &n) == ANNULUS_OK && annulus_try_peek(&t.c, &msg, &n) == ANNULUS_OK);
		CHECK(annulus_try_peek(&t.c, &msg, &n) == ANNULUS_END && annulus_try_peek(&t.c, &msg, &n) == ANNULUS_END);
		CHECK(t.c.e.mine.endpoint->drained == 0);
		if (release) {
			annulus_release(&t.c);
			CHECK(t.c.e.mine.endpoint->drained == t.c.e.peer.endpoint->closed);
			CHECK(annulus_try_peek(&t.c, &msg, &n) == ANNULUS_END);
		}
		CHECK(annulus_consumer_detach(&t.c) == ANNULUS_OK);
		CHECK(annulus_consumer_attach(&t.c, &t.ring, ANNULUS_FUTEX) == ANNULUS_OK);
	}
	CHECK(annulus_try_peek(&t.c, &msg, &n) == ANNULUS_EMPTY);
	teardown(&t);
}

/* The stored position follows what is committed closely and never overtakes it,
 * not even while a batch is open. */
static void test_position(const char *dir, uint32_t kind)
{
	struct pair t;
	const void *msg;
	void *room;
	size_t n;
	int slots = kind == ANNULUS_KIND_SLOTS;
	setup(&t, dir, kind, slots ? 4096 : 1 << 20, slots ? 24 : 0);
	uint64_t far = slots ? 256 / 32 : 1024 + 32; /* slots or bytes */
	const uint64_t *stored = &t.p.e.mine.cursor->position;
	for (int i = 0; i < 2000; i++) {
		CHECK(annulus_try_send(&t.p, "0123456789abcdef01234567", 24) == ANNULUS_OK);
		CHECK(*stored <= t.p.e.pos && t.p.e.pos - *stored <= far);
	}
	for (int batch = 0; batch < 200; batch++) {
		uint64_t first = t.p.e.pos;
		for (int i = 0; i < 5; i++) {
			CHECK(annulus_try_reserve(&t.p, 24, &room) == ANNULUS_OK);
			CHECK(annulus_stage(&t.p, 24) == ANNULUS_OK && *stored <= first);
		}
		annulus_publish(&t.p);
	}
	for (int i = 0; i < 100; i++)
		CHECK(send_text(&t.p, "0123456789abcdef01234567") == ANNULUS_OK && *stored <= t.p.e.pos);
	CHECK(t.p.e.pos - *stored <= far);
	for (int i = 0; i < 3100; i++)
		CHECK(annulus_try_peek(&t.c, &msg, &n) == ANNULUS_OK);
	teardown(&t);
}

/* A consumer's end reaches a producer in whatever it is doing. */
static void test_closing(const char *dir)
{
	struct pair t;
	void *room;
	setup(&t, dir, ANNULUS_KIND_BYTES, 4096, 0);
	CHECK(send_text(&t.p, "x") == ANNULUS_OK);
	CHECK(annulus_try_reserve(&t.p, 1, &room) == ANNULUS_OK);
	annulus_consumer_detach(&t.c);
	CHECK(annulus_commit(&t.p, 1) == ANNULUS_OK);
	CHECK(send_text(&t.p, "y") == ANNULUS_CLOSED);
	CHECK(annulus_try_reserve(&t.p, 1, &room) == ANNULUS_CLOSED);
	CHECK(annulus_reserve(&t.p, 1, &room, 1000) == ANNULUS_CLOSED);
	CHECK(annulus_consumer_attach(&t.c, &t.ring, ANNULUS_SPIN) == ANNULUS_OK); /* and is back */
	CHECK(send_text(&t.p, "y") == ANNULUS_OK);
	teardown(&t);
}

static void test_slots(const char *dir)
{
	struct pair t;
	struct annulus_producer second;
	struct annulus reader;
	int attached;
	setup(&t, dir, ANNULUS_KIND_SLOTS, 2, 5);
	CHECK(annulus_try_send(&t.p, "1234", 4) == ANNULUS_SIZE);
	CHECK(send_text(&t.p, "12345") == ANNULUS_OK && send_text(&t.p, "abcde") == ANNULUS_OK);
	CHECK(send_text(&t.p, "67890") == ANNULUS_FULL);
	CHECK(holds(&t.c, "12345") && send_text(&t.p, "67890") == ANNULUS_OK);
	CHECK(holds(&t.c, "abcde") && holds(&t.c, "67890"));
	CHECK(annulus_producer_attach(&second, &t.ring, ANNULUS_SPIN) == ANNULUS_ATTACHED);
	/* What failed holds nothing that it could let go of. */
	CHECK(annulus_producer_detach(&second) == ANNULUS_INVALID && send_text(&second, "12345") == ANNULUS_INVALID);
	CHECK(annulus_attached(&t.ring, ANNULUS_PRODUCER, &attached) == ANNULUS_OK && attached);
	CHECK(annulus_close(&t.ring) == ANNULUS_INVALID);
	CHECK(annulus_open_path(&reader, t.path, 1) == ANNULUS_OK);
	CHECK(annulus_attached(&reader, ANNULUS_PRODUCER, &attached) == ANNULUS_OK && attached);
	CHECK(annulus_producer_attach(&second, &reader, ANNULUS_SPIN) == ANNULUS_PERMISSION);
	CHECK(annulus_close(&reader) == ANNULUS_OK);
	CHECK(annulus_attached(&t.ring, ANNULUS_PRODUCER, &attached) == ANNULUS_OK && attached); /* the lock is the mapping's */
	teardown(&t);
}

/* Words that no correct peer writes poison the endpoint. */
static void test_corruption(const char *dir)
{
	struct pair t;
	char buf[8];
	size_t n;
	const uint64_t words[] = {
		1, UINT64_C(1) << 40, ANNULUS_RECORD_COMMITTED | UINT64_C(4089), ANNULUS_RECORD_COMMITTED | ANNULUS_RECORD_PAD,
		ANNULUS_RECORD_COMMITTED | ANNULUS_RECORD_LENGTH_MASK, ~UINT64_C(0),
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		setup(&t, dir, ANNULUS_KIND_BYTES, 4096, 0);
		memcpy(t.ring.base + t.ring.geometry.data_area, &words[i], 8);
		CHECK(annulus_try_recv(&t.c, buf, sizeof(buf), &n) == ANNULUS_CORRUPT);
		memset(t.ring.base + t.ring.geometry.data_area, 0, 8);
		CHECK(annulus_try_recv(&t.c, buf, sizeof(buf), &n) == ANNULUS_CORRUPT); /* for good */
		teardown(&t);
	}
	const uint64_t heads[] = {8, 4, UINT64_C(1) << 63, ~UINT64_C(0)};
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		setup(&t, dir, ANNULUS_KIND_BYTES, 4096, 0);
		memcpy(&t.c.e.mine.cursor->position, &heads[i], 8);
		CHECK(send_text(&t.p, "x") == ANNULUS_CORRUPT && send_text(&t.p, "x") == ANNULUS_CORRUPT);
		teardown(&t);
	}
	setup(&t, dir, ANNULUS_KIND_BYTES, 4096, 0);
	memset(t.p.e.peer.arm, 0, 8);
	CHECK(send_text(&t.p, "x") == ANNULUS_LOST);
	memset(t.c.e.peer.arm, 0, 8);
	CHECK(annulus_try_recv(&t.c, buf, sizeof(buf), &n) == ANNULUS_LOST);
	teardown(&t);
}

static void *wait_for_data(void *arg)
{
	char buf[8];
	size_t n;
	return (void *)(intptr_t)annulus_recv((struct annulus_consumer *)arg, buf, sizeof(buf), &n, -1);
}

static void test_cancel(const char *dir)
{
	struct pair t;
	pthread_t thread;
	void *rc;
	for (int s = ANNULUS_SPIN; s <= ANNULUS_SEMAPHORE; s++) {
		setup(&t, dir, ANNULUS_KIND_BYTES, 4096, 0);
		annulus_consumer_detach(&t.c);
		CHECK(annulus_consumer_attach(&t.c, &t.ring, (enum annulus_strategy)s) == ANNULUS_OK);
		CHECK(pthread_create(&thread, NULL, wait_for_data, &t.c) == 0);
		while (s != ANNULUS_SPIN && ANNULUS_LOAD_(&t.c.e.mine.arm->parks) == 0)
			sched_yield();
		annulus_consumer_cancel(&t.c);
		CHECK(pthread_join(thread, &rc) == 0 && (intptr_t)rc == ANNULUS_CANCELLED);
		annulus_producer_cancel(&t.p);
		CHECK(annulus_send(&t.p, "free", 4, -1) == ANNULUS_OK); /* no wait, nothing to cancel */
		teardown(&t);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	test_reservations(argv[1]);
	test_batches(argv[1]);
	test_wrap(argv[1], ANNULUS_KIND_BYTES);
	test_wrap(argv[1], ANNULUS_KIND_SLOTS);
	test_end(argv[1]);
	test_position(argv[1], ANNULUS_KIND_BYTES);
	test_position(argv[1], ANNULUS_KIND_SLOTS);
	test_closing(argv[1]);
	test_slots(argv[1]);
	test_corruption(argv[1]);
	test_cancel(argv[1]);
	test_mpmc(argv[1]);
	test_many(argv[1]);
	test_cast(argv[1]);
	test_short(argv[1]);
	if (failures == 0)
		puts("ok");
	return failures != 0;
}
