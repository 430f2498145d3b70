/* Receiving in one order of many producers: what annulus_recv.h does there. Section 11 of
 * docs/spec/layout-v1.md. Included by annulus.h. */
#ifndef ANNULUS_RECV_GRANULE_H
#define ANNULUS_RECV_GRANULE_H

/* annulus_passed_ releases what was stepped over and holds no message: producers may need
 * just that room. */
static inline void annulus_passed_(struct annulus_consumer *c)
{
	struct annulus_end_ *e = &c->e;
	if (c->peeked || c->released == e->pos)
		return;
	ANNULUS_STORE_(&e->mine.cursor->position, e->pos); /* [C1] */
	c->released = e->pos;
}

/* annulus_next_granule_ finds the next record. What is stepped over lies in one lap, for it
 * is not released meanwhile; who finds more, finds words that no correct peer writes. */
static inline int annulus_next_granule_(struct annulus_consumer *c, const void **msg, size_t *n)
{
	struct annulus_end_ *e = &c->e;
	struct annulus *r = e->ring;
	for (uint64_t looks = 2 * e->size + 4; looks > 0; looks--) { /* each is seen free, then settled */
		uint64_t i = e->pos & e->mask, *word = annulus_granule_at_(r, e->pos), w = ANNULUS_LOAD_(word), length, done; /* [P1] */
		switch (w - (e->pos - i)) {
		case ANNULUS_GRANULE_COMMITTED:
			if (!annulus_record_at_(r, e->pos, &length, &c->span))
				return annulus_poison_(e, c->detail, "length", length);
			*n = length;
			*msg = e->data + i * ANNULUS_GRANULE_SIZE + ANNULUS_WORD_SIZE;
			return ANNULUS_OK;
		case ANNULUS_GRANULE_SKIP:
			e->pos++;
			continue;
		case ANNULUS_GRANULE_PAD:
			if (i == 0)
				return annulus_poison_(e, c->detail, "padding where a record fits", w);
			e->pos += e->size - i;
			continue;
		}
		if (!annulus_granule_free_(r, w, e->pos))
			return annulus_poison_(e, c->detail, "granule word", w);
		annulus_passed_(c);
		annulus_undrawn_(e, e->pos, w);
		e->claim.watch = word;
		if (annulus_due_(e)) {
			if (annulus_repair_granules_(r, e->pos, ANNULUS_NOBODY_, &done))
				return annulus_unknown_(c->detail);
			if (done > 0)
				continue;
		}
		return annulus_nothing_(c, w);
	}
	return annulus_poison_(e, c->detail, "more than a lap without a message, since", c->released);
}

#endif
