/* peer vector and peer cat: the golden vector of an MPMC ring, made and read. */
#ifndef ANNULUS_PEER_VECTOR_H
#define ANNULUS_PEER_VECTOR_H

#include "peer_dump.h"

/* vector_message is message i: i times three letters. */
static inline size_t vector_message(int i, char *b)
{
	memset(b, 'a' + i, (size_t)(3 * i % 25));
	return (size_t)(3 * i % 25);
}

static inline int vector_reserve(struct annulus_producer *p, int i, int stage)
{
	void *room;
	char b[24];
	size_t n = vector_message(i, b);
	int rc = annulus_try_reserve(p, n, &room);
	if (rc)
		return rc;
	memcpy(room, b, n);
	return stage ? annulus_stage(p, n) : ANNULUS_OK;
}

/* vector does with a new ring what vectors/README.md tells of mpmc-claims.bin, and
 * leaves its endpoints as they are. */
static inline int vector(struct annulus *r)
{
	struct annulus_producer p[2];
	struct annulus_consumer c[2];
	const void *msg;
	char b[24];
	size_t n;
	int rc = 0;
	for (int i = 0; i < 2; i++)
		rc |= annulus_producer_attach(&p[i], r, ANNULUS_FUTEX);
	for (int i = 0; i < 2; i++)
		rc |= annulus_consumer_attach(&c[i], r, ANNULUS_FUTEX);
	for (int i = 0; i < 8; i++) {
		n = vector_message(i, b);
		rc |= annulus_try_send(&p[0], b, n);
	}
	for (int i = 0; i < 6; i++)
		rc |= annulus_try_recv(&c[0], b, sizeof(b), &n);
	rc |= vector_reserve(&p[0], 8, 0);
	annulus_abort(&p[0]);
	rc |= vector_reserve(&p[1], 9, 1);
	rc |= vector_reserve(&p[1], 10, 1);
	annulus_publish(&p[1]);
	rc |= vector_reserve(&p[1], 11, 0);
	n = vector_message(12, b);
	rc |= annulus_try_send(&p[0], b, n);
	for (int i = 0; i < 2; i++)
		rc |= annulus_try_peek(&c[1], &msg, &n);
	puts(rc ? "failed" : "made");
	return rc != 0;
}

/* cat receives count messages and prints them, and what comes behind. */
static inline int cat(struct annulus *r, uint64_t count, int backlog)
{
	struct annulus_consumer c;
	const void *msg;
	size_t n;
	uint64_t lost = 0;
	int rc = annulus_consumer_attach_(&c, r, ANNULUS_FUTEX, backlog);
	if (rc)
		return complain("attach", rc, c.detail);
	for (; count > 0 && ((rc = annulus_peek(&c, &msg, &n, 10000)) == ANNULUS_OK || rc == ANNULUS_OVERRUN); count -= rc == ANNULUS_OK) {
		if (rc == ANNULUS_OVERRUN) {
			printf("lost %llu\n", (ull)(annulus_missed(&c) - lost));
			lost = annulus_missed(&c);
			continue;
		}
		printf("message length=%zu", n);
		dump_payload(msg, n);
		if (annulus_redelivered(&c))
			printf(" redelivered=%d", annulus_redelivered(&c));
		putchar('\n');
		annulus_release(&c);
	}
	if (count == 0)
		rc = annulus_try_peek(&c, &msg, &n);
	annulus_consumer_detach(&c);
	if (count > 0 || (rc != ANNULUS_OK && rc != ANNULUS_EMPTY && rc != ANNULUS_END))
		return complain("cat", rc, rc == ANNULUS_TIMEOUT || rc == ANNULUS_END ? NULL : c.detail);
	puts(rc == ANNULUS_END ? "end" : rc == ANNULUS_EMPTY ? "empty" : "more");
	return 0;
}

#endif
