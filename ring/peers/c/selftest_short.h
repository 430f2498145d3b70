/* What the short ways of sends and receives must not pass over. Included by selftest.c. */
#ifndef SELFTEST_SHORT_H
#define SELFTEST_SHORT_H

#include "selftest.h"

/* A handle that was never attached, or whose attach failed, says so. */
static void test_unattached(const char *dir)
{
	struct pair t;
	struct annulus_consumer c;
	struct annulus_producer p;
	const void *msg;
	char buf[8];
	size_t n;
	memset(&c, 0, sizeof(c));
	memset(&p, 0, sizeof(p));
	CHECK(annulus_try_recv(&c, buf, sizeof(buf), &n) == ANNULUS_INVALID);
	CHECK(annulus_recv(&c, buf, sizeof(buf), &n, 0) == ANNULUS_INVALID);
	CHECK(annulus_try_peek(&c, &msg, &n) == ANNULUS_INVALID);
	annulus_release(&c);
	CHECK(annulus_try_send(&p, "x", 1) == ANNULUS_INVALID && annulus_try_send(&p, "", 0) == ANNULUS_INVALID);
	setup(&t, dir, ANNULUS_KIND_BYTES, 4096, 0);
	CHECK(send_text(&t.p, "a") == ANNULUS_OK);
	CHECK(annulus_consumer_attach(&c, &t.ring, ANNULUS_FUTEX) == ANNULUS_ATTACHED);
	CHECK(annulus_try_recv(&c, buf, sizeof(buf), &n) == ANNULUS_INVALID);
	CHECK(annulus_producer_attach(&p, &t.ring, ANNULUS_FUTEX) == ANNULUS_ATTACHED);
	CHECK(send_text(&p, "b") == ANNULUS_INVALID);
	CHECK(holds(&t.c, "a"));
	teardown(&t);
}

/* The end of an endpoint is for good, whatever the words say later. */
static void test_latched(const char *dir)
{
	struct pair t;
	char buf[8];
	size_t n;
	setup(&t, dir, ANNULUS_KIND_BYTES, 4096, 0);
	CHECK(send_text(&t.p, "a") == ANNULUS_OK && holds(&t.c, "a"));
	CHECK(send_text(&t.p, "b") == ANNULUS_OK && holds(&t.c, "b")); /* both have been quiet by now */
	__atomic_fetch_and(&t.p.e.mine.arm->arm, ~ANNULUS_ARM_VALID, __ATOMIC_SEQ_CST);
	CHECK(annulus_try_recv(&t.c, buf, sizeof(buf), &n) == ANNULUS_LOST);
	__atomic_fetch_or(&t.p.e.mine.arm->arm, ANNULUS_ARM_VALID, __ATOMIC_SEQ_CST);
	CHECK(send_text(&t.p, "c") == ANNULUS_OK);
	CHECK(annulus_try_recv(&t.c, buf, sizeof(buf), &n) == ANNULUS_LOST);
	__atomic_fetch_and(&t.c.e.mine.arm->arm, ~ANNULUS_ARM_VALID, __ATOMIC_SEQ_CST);
	CHECK(send_text(&t.p, "d") == ANNULUS_LOST);
	__atomic_fetch_or(&t.c.e.mine.arm->arm, ANNULUS_ARM_VALID, __ATOMIC_SEQ_CST);
	CHECK(send_text(&t.p, "d") == ANNULUS_LOST);
	teardown(&t);
}

/* Messages that are peeked and not released, staged, or reserved, and a copy behind them. */
static void test_mixed(const char *dir)
{
	struct pair t;
	const void *msg;
	void *room;
	size_t n;
	setup(&t, dir, ANNULUS_KIND_BYTES, 4096, 0);
	for (int lap = 0; lap < 1000; lap++) { /* over the wrap */
		CHECK(annulus_try_reserve(&t.p, 7, &room) == ANNULUS_OK);
		memcpy(room, "staged1", 7);
		CHECK(annulus_stage(&t.p, 7) == ANNULUS_OK);
		CHECK(annulus_try_peek(&t.c, &msg, &n) == ANNULUS_EMPTY);
		CHECK(send_text(&t.p, "copied1") == ANNULUS_OK && send_text(&t.p, "copied2") == ANNULUS_OK);
		CHECK(annulus_try_reserve(&t.p, 300, &room) == ANNULUS_OK);
		memset(room, 0xff, 300);
		CHECK(send_text(&t.p, "x") == ANNULUS_RESERVED);
		if (lap % 2)
			annulus_abort(&t.p);
		else
			CHECK(annulus_commit(&t.p, 0) == ANNULUS_OK);
		CHECK(send_text(&t.p, "copied3") == ANNULUS_OK);
		CHECK(annulus_try_peek(&t.c, &msg, &n) == ANNULUS_OK && n == 7 && memcmp(msg, "staged1", 7) == 0);
		uint64_t released = t.c.e.mine.cursor->position;
		CHECK(holds(&t.c, "copied1")); /* releases both */
		CHECK(t.c.e.mine.cursor->position == t.c.e.pos && t.c.e.pos - released >= 32);
		CHECK(annulus_try_peek(&t.c, &msg, &n) == ANNULUS_OK && memcmp(msg, "copied2", 7) == 0);
		if (lap % 2 == 0)
			CHECK(holds(&t.c, ""));
		CHECK(holds(&t.c, "copied3"));
		CHECK(annulus_try_peek(&t.c, &msg, &n) == ANNULUS_EMPTY);
		if (failures)
			break;
	}
	teardown(&t);
}

static void test_short(const char *dir)
{
	test_unattached(dir);
	test_latched(dir);
	test_mixed(dir);
}

#endif
