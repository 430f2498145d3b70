/* The short way of a receive, in a ring of records with one producer and one consumer.
 * Included by annulus.h. */
#ifndef ANNULUS_RECV_SHORT_H
#define ANNULUS_RECV_SHORT_H

enum { ANNULUS_AHEAD_ = 256 }; /* bytes that are asked for together */

/* annulus_look_ahead_ asks for the cache lines behind a record of need bytes, which pos is
 * behind, before that is copied: a payload cannot be loaded before its header, and to wait
 * for one line after the other costs more than all the rest. Not so near the producer: the
 * lines it is writing are best left alone. It tells how far it has come with every sweep. */
static inline void annulus_look_ahead_(struct annulus_consumer *c, uint64_t need)
{
	const struct annulus_end_ *e = &c->e;
	uint64_t at = e->pos + (need < ANNULUS_AHEAD_ ? ANNULUS_AHEAD_ : 0); /* nearer ones have been asked for */
	c->ahead = e->pos + ANNULUS_AHEAD_;
	if (!annulus_room_for_(at + ANNULUS_AHEAD_, c->tail))
		c->tail = ANNULUS_LOAD_(&e->peer.cursor->position);
	if (!annulus_room_for_(at + ANNULUS_AHEAD_, c->tail))
		return;
	const uint8_t *from = e->data + (at & e->mask);
	for (int i = 0; i < ANNULUS_AHEAD_; i += 64)
		__builtin_prefetch(from + i, 0, 3);
}

enum {
	ANNULUS_STREAM_ = 4,  /* so many messages without a wait make a stream */
	ANNULUS_REST_ = 400,  /* pauses; some microseconds */
};

/* annulus_caught_up_ stays off the lines that the producer is about to write, for a moment,
 * when the consumer has caught up with a stream of messages: each look takes such a line
 * there and back, and the stream would become an exchange message by message. The moment
 * grows with the length of the stream; after a single message there is none. True: look again. */
static inline int annulus_caught_up_(struct annulus_consumer *c)
{
	uint64_t stream = c->messages - c->caught;
	c->caught = c->messages;
	if (c->rested == c->e.pos || stream <= ANNULUS_STREAM_)
		return 0;
	c->rested = c->e.pos;
	for (uint64_t i = annulus_min_(stream, ANNULUS_REST_); i > 0; i--)
		annulus_cpu_pause_();
	return 1;
}

/* annulus_receives_ tells whether the next message is a record that is there, of a ring of
 * one producer, and fits, while all else is as usual: the short way. */
static inline int annulus_receives_(const struct annulus_consumer *c, size_t size, size_t *n)
{
	const struct annulus_end_ *e = &c->e;
	/* NEVER_QUIET has no valid bit, nor has a handle that was never attached. */
	if (e->form != ANNULUS_RECORDS_ || !(e->quiet & ANNULUS_ARM_VALID) || c->lanes.all || c->over)
		return 0;
	uint64_t length = ANNULUS_LOAD_(annulus_word_(e, e->pos)) - ANNULUS_RECORD_COMMITTED; /* [P1] */
	*n = length;
	return length <= e->size - (e->pos & e->mask) - ANNULUS_WORD_SIZE && length <= size;
}

#endif
