/*
 * A message that is one word, its number or, sealed, the seal of that: for those
 * that pass nothing else. The word of message 0 is what is there before the first.
 */
static struct payload word_payload;

static void word_setup(const struct options *o)
{
	uint64_t room;
	word_payload = payload_of(o->sealed, o->spoil, &room, sizeof room);
}

static inline uint64_t word_of(uint64_t seq)
{
	uint64_t w;
	payload_stamp(&word_payload, &w, sizeof w, seq);
	return w;
}

static inline uint64_t number_of(uint64_t word, uint64_t seq) { return checked(&word_payload, &word, sizeof word, seq); }
