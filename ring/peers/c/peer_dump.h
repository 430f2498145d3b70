/* peer dump: what a ring says, without touching it. */
#ifndef ANNULUS_PEER_DUMP_H
#define ANNULUS_PEER_DUMP_H

#include "annulus.h"

typedef unsigned long long ull;

static inline void say_attached(void)
{
	puts("attached");
	fflush(stdout);
}

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

/* dump_table shows who has, or had, a place in the endpoint table. */
static inline void dump_table(struct annulus *r)
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
}

/* dump_tickets shows what lies between head and tail of an MPMC ring. */
static inline int dump_tickets(struct annulus *r)
{
	const struct annulus_geometry *g = &r->geometry;
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

/* dump_messages lists what lies between head and the first word that is not
 * committed, in the ring or lane of one producer whose data are at e. */
static inline int dump_messages(const struct annulus_end_ *e, uint64_t head, const char *lane)
{
	uint64_t pos = head;
	if (!e->slot_stride && head & 7) {
		printf("corrupt%s head %llu\n", lane, (ull)head);
		return 1;
	}
	while (pos - head < e->size) {
		uint64_t w = ANNULUS_LOAD_(annulus_word_(e, pos)), n = e->max;
		int pad = 0;
		if (e->slot_stride ? w != annulus_slot_word_(e, pos) : w == 0)
			break;
		if (!e->slot_stride) {
			n = w & ANNULUS_RECORD_LENGTH_MASK;
			pad = (w & ANNULUS_RECORD_PAD) != 0;
			uint64_t rest = e->size - (pos & e->mask);
			if ((w & ~(ANNULUS_RECORD_LENGTH_MASK | ANNULUS_RECORD_PAD)) != ANNULUS_RECORD_COMMITTED ||
			    annulus_need_(e, n) > rest || (pad && annulus_need_(e, n) != rest)) {
				printf("corrupt%s header %#llx at %llu\n", lane, (ull)w, (ull)pos);
				return 1;
			}
		}
		printf("%s%s at=%llu length=%llu", pad ? "pad" : "message", lane, (ull)pos, (ull)n);
		if (!pad)
			dump_payload(annulus_word_(e, pos) + 1, n);
		putchar('\n');
		pos += annulus_need_(e, n);
	}
	printf("end%s at=%llu\n", lane, (ull)pos);
	return 0;
}

/* dump_lanes shows each lane that was ever held, by itself. */
static inline int dump_lanes(struct annulus *r, struct annulus_end_ *e)
{
	int bad = 0;
	for (uint64_t i = 0; i < r->geometry.members; i++) {
		char lane[40];
		if (annulus_entry_at_(r, i).holder->role == 0)
			continue;
		annulus_enter_lane_(e, i); /* as a consumer */
		snprintf(lane, sizeof(lane), " lane=%llu", (ull)i);
		printf("cursor%s tail=%llu head=%llu messages=%llu bytes=%llu\n", lane, (ull)e->peer.cursor->position,
		       (ull)e->mine.cursor->position, (ull)e->mine.cursor->messages, (ull)e->mine.cursor->bytes);
		bad |= dump_messages(e, ANNULUS_LOAD_(&e->mine.cursor->position), lane);
	}
	return bad;
}

/* dump_granules shows what lies between head and tail of a ring in one order. */
static inline int dump_granules(struct annulus *r, const struct annulus_end_ *e)
{
	uint64_t p = annulus_counter_(r, ANNULUS_CONSUMER), tail = annulus_counter_(r, ANNULUS_PRODUCER), mask = r->geometry.granules - 1;
	while (p != tail) {
		uint64_t w = ANNULUS_LOAD_(annulus_granule_at_(r, p)), n = annulus_extent_(r, p, w), length, span;
		if (w == annulus_granule_word_(r, p, ANNULUS_GRANULE_COMMITTED) && n) {
			annulus_record_at_(r, p, &length, &span);
			printf("message at=%llu span=%llu length=%llu", (ull)p, (ull)span, (ull)length);
			dump_payload(e->data + (p & mask) * ANNULUS_GRANULE_SIZE + ANNULUS_WORD_SIZE, length);
			putchar('\n');
		} else if (w == annulus_granule_word_(r, p, ANNULUS_GRANULE_SKIP)) {
			printf("skip at=%llu\n", (ull)p);
		} else if (w == annulus_granule_word_(r, p, ANNULUS_GRANULE_PAD) && n) {
			printf("pad at=%llu span=%llu\n", (ull)p, (ull)n);
		} else if (annulus_granule_free_(r, w, p)) {
			printf("claimed at=%llu\n", (ull)p);
			n = 1;
		} else {
			printf("corrupt word %#llx at %llu\n", (ull)w, (ull)p);
			return 1;
		}
		p += n;
	}
	printf("end at=%llu\n", (ull)p);
	return 0;
}

/* dump_cast lists what a consumer with a backlog would receive. */
static inline int dump_cast(struct annulus *r, const struct annulus_end_ *e)
{
	char detail[ANNULUS_DETAIL];
	struct annulus_side_ p = annulus_side_at_(r, ANNULUS_PRODUCER);
	uint64_t pos, number, tail = ANNULUS_LOAD_(&p.cursor->position);
	printf("broadcast latest=%llu intent=%llu dropped=%llu\n", (ull)p.cursor->latest, (ull)p.endpoint->intent, (ull)p.cursor->dropped);
	int rc = annulus_cast_place_(r, annulus_observers_(r) ? ANNULUS_BACKLOG_ : ANNULUS_LATEST_, &pos, &number, detail);
	if (rc)
		return complain("dump", rc, detail);
	for (; pos != tail; pos += annulus_record_(annulus_cast_header_(r, pos) & ANNULUS_CAST_LENGTH_MASK)) {
		uint64_t w = annulus_cast_header_(r, pos), n = w & ANNULUS_CAST_LENGTH_MASK, rest = e->size - (pos & e->mask);
		int pad = (w & ANNULUS_CAST_PAD) != 0;
		if (annulus_record_(n) > rest || annulus_record_(n) > tail - pos) {
			printf("corrupt header %#llx at %llu\n", (ull)w, (ull)pos);
			return 1;
		}
		printf("%s at=%llu number=%u length=%llu", pad ? "pad" : "message", (ull)pos, (uint32_t)(w >> ANNULUS_CAST_NUMBER_SHIFT), (ull)n);
		if (!pad)
			dump_payload(annulus_word_(e, pos) + 1, n);
		putchar('\n');
	}
	printf("end at=%llu\n", (ull)pos);
	return 0;
}

static inline int dump(struct annulus *r)
{
	const struct annulus_geometry *g = &r->geometry;
	struct annulus_end_ e;
	memset(&e, 0, sizeof(e));
	e.ring = r;
	e.mine = annulus_side_at_(r, ANNULUS_CONSUMER);
	e.data = r->base + g->data_area;
	e.size = g->capacity;
	e.mask = g->capacity - 1;
	e.max = g->max_message;
	e.slot_stride = g->slot_stride;
	e.slot_bits = (unsigned)__builtin_ctzll(g->capacity);
	dump_header(&r->header);
	dump_side(r, ANNULUS_PRODUCER, "producer");
	dump_side(r, ANNULUS_CONSUMER, "consumer");
	if (g->members)
		dump_table(r);
	switch (g->topology) {
	case ANNULUS_TOPOLOGY_MPMC: return dump_tickets(r);
	case ANNULUS_TOPOLOGY_MPSC: return dump_lanes(r, &e);
	case ANNULUS_TOPOLOGY_MPSC_ORDERED: return dump_granules(r, &e);
	case ANNULUS_TOPOLOGY_CAST: return dump_cast(r, &e);
	}
	return dump_messages(&e, ANNULUS_LOAD_(&e.mine.cursor->position), "");
}

/* dump_cell shows a cell or block but for its value. */
static inline void dump_cell(const struct annulus_cell *c)
{
	const struct annulus_cell_header *h = &c->header;
	printf("cell version=%u.%u kind=%u stride=%u size=%llu copy_stride=%llu total=%llu required=%#llx optional=%#llx fingerprint=%#llx element=\"%.64s\"\n",
	       h->major, h->minor, h->kind, h->stride, (ull)h->size, (ull)h->copy_stride, (ull)h->total_size, (ull)h->required,
	       (ull)h->optional, (ull)h->fingerprint, (const char *)h->element);
	printf("cell reader_area=%llu writer_area=%llu data_area=%llu lock_base=%llu created_ns=%llu creator_pid=%llu checksum=%#llx\n",
	       (ull)h->reader_area, (ull)h->writer_area, (ull)h->data_area, (ull)h->lock_base, (ull)h->created_ns, (ull)h->creator_pid,
	       (ull)h->checksum);
	printf("writer state=%llu length0=%llu length1=%llu seq=%u wakes=%llu session=%u closed=%u attached=%u pid=%llu\n",
	       (ull)c->state->state, (ull)c->state->length0, (ull)c->state->length1, c->seq->seq, (ull)c->seq->wakes, c->owner->session,
	       c->owner->closed, c->owner->state, (ull)c->owner->pid);
	printf("reader arm=%#llx parks=%llu\n", (ull)c->arm->arm, (ull)c->arm->parks);
}

#endif
