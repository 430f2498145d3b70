/* What selftest.c checks of broadcast rings, cells and blocks. */
#ifndef SELFTEST_CAST_H
#define SELFTEST_CAST_H

#include "selftest.h"

/* audience is a broadcast ring with two consumers, on one handle. */
struct audience {
	struct annulus ring;
	struct annulus_producer p;
	struct annulus_consumer c[2];
	char path[PATH_MAX];
};

static void gather_round(struct audience *t, const char *dir, enum annulus_overrun overrun)
{
	struct annulus_config config;
	memset(&config, 0, sizeof(config));
	config.topology = ANNULUS_TOPOLOGY_CAST;
	config.capacity = 4096;
	config.members = 2;
	config.overrun = overrun;
	snprintf(t->path, sizeof(t->path), "%s/selftest-%d", dir, (int)getpid());
	if (annulus_create_path(&t->ring, t->path, &config) != ANNULUS_OK) {
		printf("%s\n", t->ring.detail);
		exit(1);
	}
	for (int i = 0; i < 2; i++)
		CHECK(annulus_consumer_attach(&t->c[i], &t->ring, ANNULUS_FUTEX) == ANNULUS_OK);
	CHECK(annulus_producer_attach(&t->p, &t->ring, ANNULUS_FUTEX) == ANNULUS_OK);
}

static void part(struct audience *t)
{
	annulus_producer_detach(&t->p);
	for (int i = 0; i < 2; i++)
		annulus_consumer_detach(&t->c[i]);
	CHECK(annulus_close(&t->ring) == ANNULUS_OK);
	unlink(t->path);
}

/* Batches over the wrap: who keeps up gets everything, who does not knows what it lost. */
static void test_audience(const char *dir, enum annulus_overrun overrun)
{
	struct audience t;
	uint64_t sent = 0, got[2] = {0}, lost[2] = {0};
	unsigned random = 3;
	gather_round(&t, dir, overrun);
	while (sent < 20000 && !failures) {
		for (int b = 0; b < 4; b++) {
			void *room = NULL;
			size_t n = 8 + (sent * 2654435761u >> 7) % 900;
			int rc = annulus_try_reserve(&t.p, n, &room);
			if (rc == ANNULUS_FULL)
				break;
			CHECK(rc == ANNULUS_OK);
			memset(room, (int)(sent & 0xff), n);
			memcpy(room, &sent, 8);
			CHECK(annulus_stage(&t.p, n) == ANNULUS_OK);
			sent++;
		}
		annulus_publish(&t.p);
		for (int i = 0; i < 2; i++) {
			random = random * 1103515245 + 12345;
			const void *msg;
			size_t n;
			int rc = ANNULUS_OK;
			for (unsigned k = random >> 16 & 7; k > 0 && rc != ANNULUS_EMPTY; k--) {
				rc = annulus_try_peek(&t.c[i], &msg, &n);
				if (rc == ANNULUS_OK) {
					uint64_t seq;
					memcpy(&seq, msg, 8);
					CHECK(seq == got[i] + annulus_missed(&t.c[i]) && n == 8 + (seq * 2654435761u >> 7) % 900);
					for (size_t b = 8; b < n; b++)
						CHECK(((const uint8_t *)msg)[b] == (seq & 0xff));
					got[i]++;
					annulus_release(&t.c[i]);
				}
				CHECK(rc == ANNULUS_OK || rc == ANNULUS_EMPTY || (rc == ANNULUS_OVERRUN && overrun == ANNULUS_OVERWRITE));
			}
			lost[i] = annulus_missed(&t.c[i]);
		}
	}
	CHECK(overrun == ANNULUS_OVERWRITE ? lost[0] + lost[1] > 0 : lost[0] + lost[1] == 0);
	part(&t);
}

static void test_cast_places(const char *dir)
{
	struct audience t;
	struct annulus_consumer late;
	struct annulus reader;
	char buf[2048];
	size_t n;
	gather_round(&t, dir, ANNULUS_OVERWRITE);
	memset(buf, 'x', sizeof(buf));
	CHECK(annulus_try_send(&t.p, buf, 1017) == ANNULUS_TOO_LARGE);
	CHECK(send_text(&t.p, "first") == ANNULUS_OK && send_text(&t.p, "") == ANNULUS_OK);
	/* Beyond the table, and without a right to store. */
	CHECK(annulus_consumer_attach(&late, &t.ring, ANNULUS_FUTEX) == ANNULUS_OK && late.e.mine.lock == ANNULUS_NOBODY_);
	CHECK(annulus_try_recv(&late, buf, sizeof(buf), &n) == ANNULUS_EMPTY && annulus_consumer_detach(&late) == ANNULUS_OK);
	CHECK(annulus_open_path(&reader, t.path, 1) == ANNULUS_OK);
	CHECK(annulus_consumer_attach_backlog(&late, &reader, ANNULUS_FUTEX) == ANNULUS_OK);
	CHECK(holds(&late, "first") && holds(&late, "") && annulus_recv(&late, buf, sizeof(buf), &n, 5) == ANNULUS_TIMEOUT);
	const void *msg;
	CHECK(send_text(&t.p, "third") == ANNULUS_OK && annulus_try_peek(&late, &msg, &n) == ANNULUS_OK && n == 5);
	CHECK(annulus_try_peek(&late, &msg, &n) == ANNULUS_HELD);
	for (int i = 0; i < 300; i++)
		CHECK(annulus_try_send(&t.p, buf, 100) == ANNULUS_OK);
	annulus_release(&late);
	CHECK(annulus_try_recv(&late, buf, sizeof(buf), &n) == ANNULUS_OVERRUN && annulus_missed(&late) == 299);
	CHECK(annulus_try_recv(&late, buf, 5, &n) == ANNULUS_TOO_SMALL && n == 100);
	CHECK(annulus_try_recv(&late, buf, sizeof(buf), &n) == ANNULUS_OK && n == 100);
	CHECK(annulus_producer_detach(&t.p) == ANNULUS_OK && annulus_try_recv(&late, buf, sizeof(buf), &n) == ANNULUS_END);
	CHECK(annulus_consumer_detach(&late) == ANNULUS_OK && annulus_close(&reader) == ANNULUS_OK);
	part(&t);
	gather_round(&t, dir, ANNULUS_DROP);
	for (int i = 0; i < 10; i++)
		CHECK(annulus_try_send(&t.p, buf, 1000) == ANNULUS_OK);
	CHECK(annulus_dropped(&t.p) == 6);
	CHECK(annulus_consumer_attach(&late, &t.ring, ANNULUS_FUTEX) == ANNULUS_ATTACHED);
	part(&t);
}

/* Words that no correct producer writes poison the consumer, not this process. */
static void test_cast_words(const char *dir)
{
	const uint64_t words[] = {~UINT64_C(0), UINT64_C(1) << 32 | 5, 4089, ANNULUS_CAST_PAD | 4088, ANNULUS_CAST_PAD};
	struct audience t;
	char buf[64];
	size_t n;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		gather_round(&t, dir, ANNULUS_OVERWRITE);
		CHECK(send_text(&t.p, "x") == ANNULUS_OK);
		memcpy(t.ring.base + t.ring.geometry.data_area, &words[i], 8);
		CHECK(annulus_try_recv(&t.c[0], buf, sizeof(buf), &n) == ANNULUS_CORRUPT);
		part(&t);
	}
	gather_round(&t, dir, ANNULUS_BLOCK);
	const uint64_t far = 1 << 20;
	memcpy(&t.c[1].e.mine.entry.line->drawn, &far, 8);
	int rc = ANNULUS_OK;
	for (int i = 0; i < 600 && rc == ANNULUS_OK; i++) {
		rc = send_text(&t.p, "x");
		annulus_try_recv(&t.c[0], buf, sizeof(buf), &n);
	}
	CHECK(rc == ANNULUS_CORRUPT);
	part(&t);
}

static void test_cells(const char *dir, uint32_t kind)
{
	struct annulus_cell cell, reading;
	struct annulus_cell_writer w, second;
	struct annulus_cell_reader r;
	char path[PATH_MAX], buf[128];
	uint64_t version;
	void *room = NULL;
	size_t n;
	int value = kind == ANNULUS_CELL_KIND_VALUE;
	snprintf(path, sizeof(path), "%s/selftest-%d", dir, (int)getpid());
	CHECK(annulus_cell_create_path(&cell, path, kind, 0) == ANNULUS_GEOMETRY);
	CHECK(annulus_cell_create_path(&cell, path, kind, 100) == ANNULUS_OK && annulus_cell_create_path(&reading, path, kind, 1) == ANNULUS_EXISTS);
	CHECK(annulus_cell_open_path(&reading, path, 1) == ANNULUS_OK);
	CHECK(annulus_cell_reader_init(&r, &reading, ANNULUS_FUTEX) == ANNULUS_OK);
	CHECK(annulus_cell_load(&r, buf, sizeof(buf), &n, &version) == ANNULUS_OK && n == 0 && version == 0);
	CHECK(annulus_cell_wait(&r, 0, buf, sizeof(buf), &n, &version, 5) == ANNULUS_TIMEOUT);
	CHECK(annulus_cell_writer_attach(&second, &reading) == ANNULUS_PERMISSION);
	CHECK(annulus_cell_writer_attach(&w, &cell) == ANNULUS_OK && annulus_cell_writer_attach(&second, &cell) == ANNULUS_ATTACHED);
	memset(buf, 'a', sizeof(buf));
	CHECK(annulus_cell_write(&w, buf, 101) == (value ? ANNULUS_SIZE : ANNULUS_TOO_LARGE));
	CHECK(annulus_cell_write(&w, buf, 99) == (value ? ANNULUS_SIZE : ANNULUS_OK));
	for (uint64_t v = annulus_cell_version(&w) + 1; v < 200; v++) {
		size_t size = value ? 100 : v % 101;
		memset(buf, (int)v, sizeof(buf));
		CHECK(annulus_cell_write(&w, buf, size) == ANNULUS_OK);
		memset(buf, 0, sizeof(buf));
		CHECK(annulus_cell_wait(&r, v - 1, buf, sizeof(buf), &n, &version, 5) == ANNULUS_OK && version == v && n == size);
		for (size_t i = 0; i < n; i++)
			CHECK(buf[i] == (char)v);
	}
	/* A reservation changes nothing for readers; nor does a writer that dies with one. */
	CHECK(annulus_cell_begin(&w, &room) == ANNULUS_OK && annulus_cell_begin(&w, &room) == ANNULUS_RESERVED);
	memset(room, 'z', 100);
	CHECK(annulus_cell_load(&r, buf, sizeof(buf), &n, &version) == ANNULUS_OK && version == 199 && buf[0] == (char)199);
	CHECK(annulus_cell_load(&r, buf, 10, &n, &version) == ANNULUS_TOO_SMALL && n > 10);
	annulus_unlock_(&cell.region, ANNULUS_CELL_LOCK_WRITER);
	CHECK(annulus_cell_writer_attach(&second, &cell) == ANNULUS_OK && annulus_cell_version(&second) == 199);
	memset(buf, 'q', sizeof(buf));
	CHECK(annulus_cell_write(&second, buf, 100) == ANNULUS_OK);
	CHECK(annulus_cell_load(&r, buf, sizeof(buf), &n, &version) == ANNULUS_OK && version == 200 && buf[99] == 'q');
	CHECK(annulus_cell_writer_detach(&second) == ANNULUS_OK);
	CHECK(annulus_cell_wait(&r, 200, buf, sizeof(buf), &n, &version, -1) == ANNULUS_END);
	if (!value) {
		cell.state->length0 = 101; /* version 200 is there */
		CHECK(annulus_cell_load(&r, buf, sizeof(buf), &n, &version) == ANNULUS_CORRUPT);
	}
	CHECK(annulus_cell_close(&reading) == ANNULUS_OK && annulus_cell_close(&cell) == ANNULUS_OK);
	unlink(path);
}

static void test_cast(const char *dir)
{
	test_audience(dir, ANNULUS_OVERWRITE);
	test_audience(dir, ANNULUS_BLOCK);
	test_cast_places(dir);
	test_cast_words(dir);
	test_cells(dir, ANNULUS_CELL_KIND_VALUE);
	test_cells(dir, ANNULUS_CELL_KIND_BLOCK);
}

#endif
