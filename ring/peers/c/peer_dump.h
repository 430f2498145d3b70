/* peer dump: what a ring says, without touching it. */
#ifndef ANNULUS_PEER_DUMP_H
#define ANNULUS_PEER_DUMP_H

#include "annulus.h"

typedef unsigned long long ull;

/* complain is how every command fails. */
static inline int complain(const char *what, int code, const char *detail)
{
	fprintf(stderr, "%s: %s\n", what, detail && detail[0] ? detail : annulus_strerror(code));
	return 1;
}

static inline void dump_side(struct annulus *r, enum annulus_role role, const char *name)
{
	struct annulus_side_ s = annulus_side_at_(r, role);
	printf("%s position=%llu messages=%llu bytes=%llu seq=%u wakes=%llu arm=%#llx parks=%llu", name,
	       (ull)ANNULUS_LOAD_(&s.cursor->position), (ull)ANNULUS_LOAD_(&s.cursor->messages),
	       (ull)ANNULUS_LOAD_(&s.cursor->bytes), ANNULUS_LOAD_(&s.seq->seq), (ull)ANNULUS_LOAD_(&s.seq->wakes),
	       (ull)ANNULUS_LOAD_(&s.arm->arm), (ull)ANNULUS_LOAD_(&s.arm->parks));
	printf(" session=%u closed=%u drained=%u state=%u pid=%llu\n", ANNULUS_LOAD_(&s.endpoint->session),
	       ANNULUS_LOAD_(&s.endpoint->closed), ANNULUS_LOAD_(&s.endpoint->drained), ANNULUS_LOAD_(&s.endpoint->state),
	       (ull)ANNULUS_LOAD_(&s.endpoint->pid));
}

static inline void dump_header(const struct annulus_header *h)
{
	printf("header version=%u.%u kind=%u topology=%u stride=%u required=%#llx optional=%#llx total=%llu capacity=%llu\n",
	       h->major, h->minor, h->kind, h->topology, h->stride, (ull)h->required, (ull)h->optional, (ull)h->total_size,
	       (ull)h->capacity);
	printf("header slot_size=%u slot_stride=%u slot_payload=%u max_message=%u fingerprint=%#llx element=\"%.64s\"\n",
	       h->slot_size, h->slot_stride, h->slot_payload, h->max_message, (ull)h->fingerprint, (const char *)h->element);
	printf("header producer_area=%llu consumer_area=%llu shared_area=%llu data_area=%llu data_size=%llu lock_base=%llu\n",
	       (ull)h->producer_area, (ull)h->consumer_area, (ull)h->shared_area, (ull)h->data_area, (ull)h->data_size,
	       (ull)h->lock_base);
	printf("header created_ns=%llu creator_pid=%llu checksum=%#llx\n", (ull)h->created_ns, (ull)h->creator_pid,
	       (ull)h->checksum);
}

static inline void dump_payload(const void *payload, uint64_t n)
{
	printf(" payload=");
	for (uint64_t i = 0; i < n; i++)
		printf("%02x", ((const uint8_t *)payload)[i]);
}

/* dump_tickets shows an MPMC ring: who has a place in it, and what lies between
 * head and tail. */
static inline int dump_tickets(struct annulus *r)
{
	const struct annulus_geometry *g = &r->geometry;
	printf("header endpoint_table=%llu endpoint_count=%llu\n", (ull)g->endpoint_table, (ull)g->members);
	for (uint64_t i = 0; i < g->members; i++) {
		struct annulus_entry_ m = annulus_entry_at_(r, i);
		if (m.holder->role == 0)
			continue;
		printf("entry %llu role=%u state=%u tag=%llu intent=%#llx sent=%llu/%llu received=%llu/%llu", (ull)i, m.holder->role,
		       m.holder->state, (ull)m.holder->tag, (ull)m.line->intent, (ull)m.line->sent, (ull)m.line->sent_bytes,
		       (ull)m.line->received, (ull)m.line->received_bytes);
		printf(" drawn=%llu base=%llu skipped=%llu\n", (ull)m.line->drawn, (ull)m.line->base, (ull)m.line->skipped);
	}
	uint64_t t = annulus_counter_(r, ANNULUS_CONSUMER), tail = annulus_counter_(r, ANNULUS_PRODUCER);
	for (; t != tail; t++) {
		const uint64_t *word = annulus_slot_at_(r, t);
		uint64_t w = ANNULUS_LOAD_(word), lap = annulus_lap_(r, t), n = g->max_message;
		if (w == annulus_lap_word_(lap, ANNULUS_SLOT_FREE)) {
			printf("claimed at=%llu\n", (ull)t);
		} else if (w == annulus_lap_word_(lap, ANNULUS_SLOT_SKIP)) {
			printf("skip at=%llu\n", (ull)t);
		} else if (w == annulus_lap_word_(lap, ANNULUS_SLOT_COMMITTED)) {
			if (g->slot_payload == ANNULUS_SLOT_PAYLOAD_LENGTH)
				n = annulus_min_(word[1], g->max_message);
			printf("message at=%llu length=%llu", (ull)t, (ull)n);
			dump_payload((const uint8_t *)word + g->slot_payload, n);
			putchar('\n');
		} else {
			printf("corrupt word %#llx at %llu\n", (ull)w, (ull)t);
			return 1;
		}
	}
	printf("end at=%llu\n", (ull)t);
	return 0;
}

/* dump_messages lists what lies between the head and the first word that is not
 * committed. The ring must be at rest. */
static inline int dump_messages(struct annulus *r)
{
	struct annulus_side_ consumer = annulus_side_at_(r, ANNULUS_CONSUMER);
	const struct annulus_geometry *g = &r->geometry;
	struct annulus_end_ e;
	memset(&e, 0, sizeof(e));
	e.data = r->base + g->data_area;
	e.size = g->capacity;
	e.mask = g->capacity - 1;
	e.slot_stride = g->slot_stride;
	e.slot_bits = (unsigned)__builtin_ctzll(g->capacity);
	uint64_t head = ANNULUS_LOAD_(&consumer.cursor->position), pos = head;
	if (!e.slot_stride && head & 7) {
		printf("corrupt head %llu\n", (ull)head);
		return 1;
	}
	while (pos - head < e.size) {
		uint64_t w = ANNULUS_LOAD_(annulus_word_(&e, pos)), n = g->max_message;
		int pad = 0;
		if (e.slot_stride ? w != annulus_slot_word_(&e, pos) : w == 0)
			break;
		if (!e.slot_stride) {
			n = w & ANNULUS_RECORD_LENGTH_MASK;
			pad = (w & ANNULUS_RECORD_PAD) != 0;
			uint64_t rest = e.size - (pos & e.mask);
			if ((w & ~(ANNULUS_RECORD_LENGTH_MASK | ANNULUS_RECORD_PAD)) != ANNULUS_RECORD_COMMITTED ||
			    annulus_need_(&e, n) > rest || (pad && annulus_need_(&e, n) != rest)) {
				printf("corrupt header %#llx at %llu\n", (ull)w, (ull)pos);
				return 1;
			}
		}
		printf("%s at=%llu length=%llu", pad ? "pad" : "message", (ull)pos, (ull)n);
		if (!pad)
			dump_payload(annulus_word_(&e, pos) + 1, n);
		putchar('\n');
		pos += annulus_need_(&e, n);
	}
	printf("end at=%llu\n", (ull)pos);
	return 0;
}

static inline int dump(struct annulus *r)
{
	dump_header(&r->header);
	dump_side(r, ANNULUS_PRODUCER, "producer");
	dump_side(r, ANNULUS_CONSUMER, "consumer");
	return r->geometry.members ? dump_tickets(r) : dump_messages(r);
}

#endif
