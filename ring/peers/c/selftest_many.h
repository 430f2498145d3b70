/* What selftest.c checks of rings of many producers and one consumer. */
#ifndef SELFTEST_MANY_H
#define SELFTEST_MANY_H

#include "selftest.h"

/* troop is a ring with producers and one consumer, on one handle. */
struct troop {
	struct annulus ring;
	struct annulus_producer p[3];
	struct annulus_consumer c;
	char path[PATH_MAX];
};

static void rally(struct troop *t, const char *dir, uint32_t topology, uint32_t kind, uint64_t capacity)
{
	struct annulus_config config;
	memset(&config, 0, sizeof(config));
	config.topology = topology;
	config.kind = kind;
	config.capacity = capacity;
	config.slot_size = kind == ANNULUS_KIND_SLOTS ? 8 : 0;
	config.members = 4;
	snprintf(t->path, sizeof(t->path), "%s/selftest-%d", dir, (int)getpid());
	if (annulus_create_path(&t->ring, t->path, &config) != ANNULUS_OK) {
		printf("%s\n", t->ring.detail);
		exit(1);
	}
	for (int i = 0; i < 3; i++)
		CHECK(annulus_producer_attach(&t->p[i], &t->ring, ANNULUS_FUTEX) == ANNULUS_OK);
	CHECK(annulus_consumer_attach(&t->c, &t->ring, ANNULUS_FUTEX) == ANNULUS_OK);
}

static void dismiss(struct troop *t)
{
	for (int i = 0; i < 3; i++)
		annulus_producer_detach(&t->p[i]);
	annulus_consumer_detach(&t->c);
	CHECK(annulus_close(&t->ring) == ANNULUS_OK);
	unlink(t->path);
}

/* Three producers send, the consumer peeks over lanes, the rings wrap: each one's messages
 * come in their order and whole, and none is missing. */
static void test_troop(const char *dir, uint32_t topology, uint32_t kind)
{
	struct troop t;
	uint64_t sent[3] = {0}, got[3] = {0};
	unsigned random = 7;
	rally(&t, dir, topology, kind, kind == ANNULUS_KIND_SLOTS ? 8 : 4096);
	while (got[0] + got[1] + got[2] < 20000 && !failures) {
		for (int k = 0; k < 6; k++) {
			random = random * 1103515245 + 12345;
			unsigned i = (random >> 16) % 3, batch = (random >> 20) % 4;
			for (unsigned b = 0; b <= batch; b++) {
				void *room = NULL;
				uint64_t word = (uint64_t)i << 56 | sent[i];
				size_t n = kind == ANNULUS_KIND_SLOTS ? 8 : 8 + (sent[i] * 2654435761u >> 7) % 700;
				int rc = annulus_try_reserve(&t.p[i], n, &room);
				if (rc == ANNULUS_FULL)
					break;
				CHECK(rc == ANNULUS_OK);
				memset(room, (int)(sent[i] & 0xff), n);
				if ((random >> (12 + b) & 7) == 0) { /* thinks better of it */
					annulus_abort(&t.p[i]);
					continue;
				}
				memcpy(room, &word, 8);
				CHECK(annulus_stage(&t.p[i], n) == ANNULUS_OK);
				sent[i]++;
			}
			annulus_publish(&t.p[i]);
		}
		const void *msg;
		size_t n;
		for (int k = 0; annulus_try_peek(&t.c, &msg, &n) == ANNULUS_OK; k++) {
			uint64_t word;
			memcpy(&word, msg, 8);
			unsigned i = (unsigned)(word >> 56);
			CHECK(i < 3 && (word & 0xffffff) == got[i]);
			for (size_t b = 8; b < n; b++)
				CHECK(((const uint8_t *)msg)[b] == (got[i] & 0xff));
			got[i]++;
			if (k % 5 == 0)
				annulus_release(&t.c);
		}
		annulus_release(&t.c);
	}
	CHECK(got[0] == sent[0] && got[1] == sent[1] && got[2] == sent[2]);
	for (int i = 0; i < 2; i++)
		CHECK(annulus_producer_detach(&t.p[i]) == ANNULUS_OK);
	char buf[4096];
	size_t n;
	CHECK(annulus_try_recv(&t.c, buf, sizeof(buf), &n) == ANNULUS_EMPTY);
	CHECK(send_text(&t.p[2], "12345678") == ANNULUS_OK && annulus_producer_detach(&t.p[2]) == ANNULUS_OK);
	CHECK(holds(&t.c, "12345678") && annulus_try_recv(&t.c, buf, sizeof(buf), &n) == ANNULUS_END);
	dismiss(&t);
}

/* What no correct producer writes in a lane says nothing about the others. */
static void test_spoilt_lane(const char *dir)
{
	struct troop t;
	struct annulus_producer again;
	char buf[16];
	size_t n;
	rally(&t, dir, ANNULUS_TOPOLOGY_MPSC, ANNULUS_KIND_BYTES, 4096);
	const uint64_t bad = ~UINT64_C(0);
	memcpy(t.p[1].e.data, &bad, 8);
	CHECK(send_text(&t.p[0], "a") == ANNULUS_OK && send_text(&t.p[2], "b") == ANNULUS_OK);
	CHECK(holds(&t.c, "a") && annulus_try_recv(&t.c, buf, sizeof(buf), &n) == ANNULUS_CORRUPT && holds(&t.c, "b"));
	CHECK(annulus_try_recv(&t.c, buf, sizeof(buf), &n) == ANNULUS_EMPTY);
	/* Who comes next gets another lane; who asks for that one does not. */
	CHECK(annulus_producer_detach(&t.p[1]) == ANNULUS_OK);
	CHECK(annulus_producer_attach(&again, &t.ring, ANNULUS_SPIN) == ANNULUS_OK && again.e.mine.entry.index == 3);
	CHECK(send_text(&again, "c") == ANNULUS_OK && holds(&t.c, "c"));
	CHECK(annulus_producer_attach(&t.p[1], &t.ring, ANNULUS_SPIN) == ANNULUS_ATTACHED && strstr(t.p[1].detail, "sound: ring corrupt: header"));
	CHECK(annulus_producer_detach(&again) == ANNULUS_OK);
	dismiss(&t);
}

/* A producer goes as if it had died: what it had claimed is stepped over, its successor
 * is told exactly what it had sent. */
static void test_missing_producer(const char *dir)
{
	struct troop t;
	struct annulus_producer tagged, next;
	void *room = NULL;
	uint64_t settled;
	char buf[64];
	size_t n;
	rally(&t, dir, ANNULUS_TOPOLOGY_MPSC_ORDERED, ANNULUS_KIND_BYTES, 4096);
	CHECK(annulus_producer_detach(&t.p[2]) == ANNULUS_OK);
	CHECK(annulus_consumer_detach(&t.c) == ANNULUS_OK); /* which holds the last entry */
	CHECK(annulus_producer_attach_tagged(&tagged, &t.ring, ANNULUS_FUTEX, 77) == ANNULUS_OK);
	CHECK(annulus_consumer_attach(&t.c, &t.ring, ANNULUS_FUTEX) == ANNULUS_OK);
	CHECK(send_text(&tagged, "one") == ANNULUS_OK && annulus_try_reserve(&tagged, 300, &room) == ANNULUS_OK);
	CHECK(send_text(&t.p[0], "two") == ANNULUS_OK && annulus_committed(&tagged) == 1);
	CHECK(holds(&t.c, "one") && annulus_try_recv(&t.c, buf, sizeof(buf), &n) == ANNULUS_EMPTY);
	CHECK(annulus_recover(&t.ring, &settled) == ANNULUS_OK && settled == 0); /* it lives */
	forsake(&tagged.e);
	CHECK(annulus_recover(&t.ring, &settled) == ANNULUS_OK && settled == 5);
	CHECK(holds(&t.c, "two"));
	CHECK(annulus_producer_attach_tagged(&next, &t.ring, ANNULUS_FUTEX, 77) == ANNULUS_OK && annulus_committed(&next) == 1);
	/* Committed, and not counted yet. */
	CHECK(annulus_try_reserve(&next, 5, &room) == ANNULUS_OK && annulus_stage(&next, 5) == ANNULUS_OK);
	uint64_t before = ANNULUS_LOAD_(&next.e.mine.entry.line->sent);
	annulus_publish(&next);
	ANNULUS_STORE_(&next.e.mine.entry.line->sent, before);
	forsake(&next.e);
	CHECK(annulus_producer_attach_tagged(&next, &t.ring, ANNULUS_FUTEX, 77) == ANNULUS_OK && annulus_committed(&next) == 2);
	CHECK(annulus_producer_detach(&next) == ANNULUS_OK);
	dismiss(&t);
}

/* Words that no correct peer writes, and a head that cannot be. */
static void test_granule_words(const char *dir)
{
	const uint64_t words[] = {5, ~UINT64_C(0), 64 | ANNULUS_GRANULE_COMMITTED, ANNULUS_GRANULE_PAD};
	struct troop t;
	char buf[64];
	size_t n;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		rally(&t, dir, ANNULUS_TOPOLOGY_MPSC_ORDERED, ANNULUS_KIND_BYTES, 4096);
		memcpy(annulus_granule_at_(&t.ring, 0), &words[i], 8);
		CHECK(annulus_try_recv(&t.c, buf, sizeof(buf), &n) == ANNULUS_CORRUPT);
		dismiss(&t);
	}
	const uint64_t records[] = {0, ~UINT64_C(0), UINT64_C(1) << 32 | 57, UINT64_C(65) << 32 | 1, UINT64_C(40) << 32 | 2041};
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		rally(&t, dir, ANNULUS_TOPOLOGY_MPSC_ORDERED, ANNULUS_KIND_BYTES, 4096);
		CHECK(send_text(&t.p[0], "x") == ANNULUS_OK);
		memcpy(t.p[0].e.data, &records[i], 8);
		CHECK(annulus_try_recv(&t.c, buf, sizeof(buf), &n) == ANNULUS_CORRUPT);
		dismiss(&t);
	}
	rally(&t, dir, ANNULUS_TOPOLOGY_MPSC_ORDERED, ANNULUS_KIND_BYTES, 4096);
	const uint64_t head = 1000;
	memcpy(&t.c.e.mine.cursor->position, &head, 8);
	int rc = ANNULUS_OK;
	for (int i = 0; i < 70 && rc == ANNULUS_OK; i++)
		rc = send_text(&t.p[0], "x");
	CHECK(rc == ANNULUS_CORRUPT);
	dismiss(&t);
}

static void test_many(const char *dir)
{
	test_troop(dir, ANNULUS_TOPOLOGY_MPSC, ANNULUS_KIND_BYTES);
	test_troop(dir, ANNULUS_TOPOLOGY_MPSC, ANNULUS_KIND_SLOTS);
	test_troop(dir, ANNULUS_TOPOLOGY_MPSC_ORDERED, ANNULUS_KIND_BYTES);
	test_spoilt_lane(dir);
	test_missing_producer(dir);
	test_granule_words(dir);
}

#endif
