/* peer rate: bare messages, for the speed of it. ../PROGRAM.md says what it does. */
#ifndef ANNULUS_PEER_RATE_H
#define ANNULUS_PEER_RATE_H

#include <inttypes.h>

#include "peer_dump.h"
#include "peer_options.h"

static inline int rate_send(struct annulus *r, const struct options *o, uint8_t *buf)
{
	struct annulus_producer p;
	int rc = annulus_producer_attach(&p, r, o->wait);
	if (rc)
		return complain("attach", rc, p.detail);
	if (o->announce)
		say_attached();
	for (uint64_t seq = 0; seq < o->warm + o->count && rc == ANNULUS_OK; seq++) {
		memcpy(buf, &seq, sizeof(seq));
		rc = annulus_send(&p, buf, o->stream.max, o->timeout);
	}
	if (rc)
		complain("send", rc, rc == ANNULUS_CLOSED || rc == ANNULUS_TIMEOUT ? NULL : p.detail);
	annulus_producer_detach(&p);
	if (rc)
		return 1;
	printf("sent %" PRIu64 " ok\n", o->count);
	return 0;
}

/* rate_receive receives messages up to number end, and checks their numbers. */
static inline int rate_receive(struct annulus_consumer *c, const struct options *o, uint8_t *buf, uint64_t *seq, uint64_t end)
{
	while (*seq < end) {
		uint64_t got = 0;
		size_t n;
		int rc = annulus_recv(c, buf, o->stream.max, &n, o->timeout);
		if (rc)
			return rc;
		memcpy(&got, buf, sizeof(got));
		if (n != o->stream.max || got != *seq) {
			snprintf(c->detail, sizeof(c->detail), "%s: expected message %" PRIu64 " of %" PRIu64 " bytes, found %" PRIu64 " of %zu",
				 annulus_strerror(ANNULUS_CORRUPT), *seq, o->stream.max, got, n);
			return ANNULUS_CORRUPT;
		}
		++*seq;
	}
	return ANNULUS_OK;
}

static inline int rate_recv(struct annulus *r, const struct options *o, uint8_t *buf)
{
	struct annulus_consumer c;
	uint64_t seq = 0, began;
	int rc = annulus_consumer_attach(&c, r, o->wait);
	if (rc)
		return complain("attach", rc, c.detail);
	if (o->announce)
		say_attached();
	rc = rate_receive(&c, o, buf, &seq, o->warm);
	began = annulus_clock_(CLOCK_MONOTONIC);
	if (rc == ANNULUS_OK)
		rc = rate_receive(&c, o, buf, &seq, o->warm + o->count);
	uint64_t ns = annulus_clock_(CLOCK_MONOTONIC) - began;
	annulus_consumer_detach(&c);
	if (rc == ANNULUS_END) {
		fprintf(stderr, "recv: end of stream after %" PRIu64 " of %" PRIu64 "\n", seq, o->warm + o->count);
		return 1;
	}
	if (rc)
		return complain("recv", rc, rc == ANNULUS_TIMEOUT ? NULL : c.detail);
	printf("received %" PRIu64 " ns %" PRIu64 "\n", o->count, ns);
	return 0;
}

/* rate_command is -1 for a command line that means nothing. */
static inline int rate_command(struct annulus *r, const char *what, struct options *o, uint8_t *buf)
{
	int sends = strcmp(what, "send") == 0;
	if ((!sends && strcmp(what, "recv") != 0) || o->stream.max < sizeof(uint64_t))
		return -1;
	if (o->count == UINT64_MAX)
		o->count = 1;
	memset(buf, 0, o->stream.max);
	return sends ? rate_send(r, o, buf) : rate_recv(r, o, buf);
}

#endif
