/* Room in a ring, or lane, of one producer: what is free, zeros ahead of records, padding
 * where they wrap. Sections 4 and 5 of docs/spec/layout-v1.md. Included by annulus.h. */
#ifndef ANNULUS_ROOM_H
#define ANNULUS_ROOM_H

/* annulus_tell_ stores how far this producer has committed. A successor starts
 * from there, and a consumer asks for cache lines up to there. */
static inline void annulus_tell_(struct annulus_producer *p)
{
	p->told = annulus_committed_(p);
	ANNULUS_STORE_(&p->e.mine.cursor->position, p->told);
}

/* annulus_sweep_ makes the header word at end zero: and more behind it if
 * messages are small, to claim the lines of many records together. */
static inline void annulus_sweep_(struct annulus_producer *p, uint64_t end, uint64_t need)
{
	uint64_t i = end & p->e.mask, n = ANNULUS_WORD_SIZE;
	if (need <= 256 && (int64_t)(p->free - end) > 0) /* not beyond what is free, nor the wrap */
		n = annulus_max_(n, annulus_min_(1024, annulus_min_(p->free - end, p->e.size - i)));
	memset(p->e.data + i, 0, n);
	p->clean = end + n;
	annulus_tell_(p);
}

/* annulus_settle_ allows sends up to free, unless something is pending. */
static inline void annulus_settle_(struct annulus_producer *p) { p->run = p->staged || p->reserved ? p->e.pos : p->free; }

/* annulus_shown_ looks, after a publish, whether the consumer sleeps. */
static inline void annulus_shown_(struct annulus_producer *p)
{
	annulus_published_();
	if (ANNULUS_LOAD_(p->e.arm) != p->e.quiet)
		annulus_signal_(&p->e, 1);
}

/* annulus_hold_ stages a word: the first of a batch is kept back, so that the
 * consumer sees none before it sees that. */
static inline void annulus_hold_(struct annulus_producer *p, uint64_t pos, uint64_t value)
{
	uint64_t *word = annulus_word_(&p->e, pos);
	if (p->staged++ == 0) {
		p->first = word;
		p->first_val = value;
		p->first_pos = pos;
	} else {
		__atomic_store_n(word, value, __ATOMIC_RELAXED);
	}
}

/* annulus_pad_ fills the ring up to the position lap, where it wraps. */
static inline void annulus_pad_(struct annulus_producer *p, uint64_t lap)
{
	uint64_t pos = p->e.pos;
	uint64_t value = ANNULUS_RECORD_COMMITTED | ANNULUS_RECORD_PAD | (lap - pos - ANNULUS_WORD_SIZE);
	annulus_sweep_(p, lap, UINT64_MAX);
	p->e.pos = lap;
	__atomic_store_n(annulus_word_(&p->e, pos), value, p->staged ? __ATOMIC_RELAXED : __ATOMIC_RELEASE);
}

/* annulus_short_ tells whether a ring, or lane, has one producer and one consumer: the
 * short way is theirs. */
static inline int annulus_short_(const struct annulus_end_ *e) { return e->form <= ANNULUS_SLOTS_; }

/* annulus_make_room_ finds out whether a message of n bytes fits at pos, and
 * moves pos behind padding where it does not fit before the end. */
static inline int annulus_make_room_(struct annulus_producer *p, uint64_t n)
{
	struct annulus_end_ *e = &p->e;
	uint64_t need = annulus_need_(e, n), limit, lap;
	if (annulus_room_for_(e->pos + need, p->free))
		return ANNULUS_OK;
	for (unsigned i = 0; p->scarce && i < e->step; i++) /* in a full ring, look less often */
		annulus_cpu_pause_();
	uint64_t head = ANNULUS_LOAD_(&e->peer.cursor->position), committed = annulus_committed_(p);
	if (head - p->head > committed - p->head || (!e->slot_stride && head & 7))
		return annulus_poison_(e, p->detail, "impossible head", head);
	p->scarce = head - p->head < e->size / 16;
	p->head = head;
	annulus_tell_(p);
	if (e->slot_stride) {
		p->free = head + e->size;
	} else {
		limit = head + e->size - ANNULUS_WORD_SIZE; /* the next header */
		lap = (e->pos & ~e->mask) + e->size;
		p->free = limit;
		if (e->pos + need > lap && annulus_room_for_(lap + need, limit)) {
			annulus_pad_(p, lap);
			lap += e->size;
		}
		if (annulus_room_for_(lap, limit))
			p->free = lap;
	}
	annulus_settle_(p);
	return annulus_room_for_(e->pos + need, p->free) ? ANNULUS_OK : ANNULUS_FULL;
}

#endif
