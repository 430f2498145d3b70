/* What the checks of selftest.c stand on. */
#ifndef SELFTEST_H
#define SELFTEST_H

#include "annulus.h"

static int failures;

#define CHECK(cond)                                                            \
	do {                                                                       \
		if (!(cond)) {                                                         \
			printf("line %d: %s\n", __LINE__, #cond);                          \
			failures++;                                                        \
		}                                                                      \
	} while (0)

struct pair {
	struct annulus ring;
	struct annulus_producer p;
	struct annulus_consumer c;
	char path[PATH_MAX];
};

static void setup(struct pair *t, const char *dir, uint32_t kind, uint64_t capacity, uint64_t slot_size)
{
	struct annulus_config config;
	memset(&config, 0, sizeof(config));
	config.kind = kind;
	config.capacity = capacity;
	config.slot_size = slot_size;
	snprintf(t->path, sizeof(t->path), "%s/selftest-%d", dir, (int)getpid());
	if (annulus_create_path(&t->ring, t->path, &config) != ANNULUS_OK) {
		printf("%s\n", t->ring.detail);
		exit(1);
	}
	CHECK(annulus_producer_attach(&t->p, &t->ring, ANNULUS_FUTEX) == ANNULUS_OK);
	CHECK(annulus_consumer_attach(&t->c, &t->ring, ANNULUS_FUTEX) == ANNULUS_OK);
}

static void teardown(struct pair *t)
{
	annulus_producer_detach(&t->p);
	annulus_consumer_detach(&t->c);
	CHECK(annulus_close(&t->ring) == ANNULUS_OK);
	unlink(t->path);
}

static int holds(struct annulus_consumer *c, const char *want)
{
	char buf[4096];
	size_t n = 0;
	return annulus_try_recv(c, buf, sizeof(buf), &n) == ANNULUS_OK && n == strlen(want) && memcmp(buf, want, n) == 0;
}

static int send_text(struct annulus_producer *p, const char *s) { return annulus_try_send(p, s, strlen(s)); }

#endif
