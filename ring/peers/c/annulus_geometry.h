/* Where everything in a ring lies. Sections 1, 8, 10, 11 and 12 of
 * docs/spec/layout-v1.md. Included by annulus.h. */
#ifndef ANNULUS_GEOMETRY_H
#define ANNULUS_GEOMETRY_H

static inline int annulus_power_of_two_(uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }

static inline int annulus_within_(char *detail, const char *what, uint64_t got, uint64_t least, uint64_t most)
{
	if (got >= least && got <= most)
		return ANNULUS_OK;
	return annulus_fail_(detail, ANNULUS_GEOMETRY, "%s is %llu, want %llu to %llu", what, (unsigned long long)got,
			     (unsigned long long)least, (unsigned long long)most);
}

/* annulus_shape_ is what a ring's geometry follows from. */
struct annulus_shape_ {
	uint32_t kind, topology;
	uint64_t capacity, slot_size, stride;
	uint64_t members; /* entries of the endpoint table; SPSC: 0 */
	int variable;     /* MPMC: messages of any length up to the slot size */
};

/* annulus_form_ holds topology, kind and table against each other. */
static inline int annulus_form_(const struct annulus_shape_ *s, char *detail)
{
	int rc;
	if ((rc = annulus_within_(detail, "topology", s->topology, ANNULUS_TOPOLOGY_SPSC, ANNULUS_TOPOLOGY_CAST)))
		return rc;
	if (s->topology != ANNULUS_TOPOLOGY_MPMC &&
	    (rc = annulus_within_(detail, "length of slots where it is the same for all", (uint64_t)s->variable, 0, 0)))
		return rc;
	if (s->topology == ANNULUS_TOPOLOGY_SPSC)
		return annulus_within_(detail, "endpoint table of one producer and one consumer", s->members, 0, 0);
	uint32_t only = s->topology == ANNULUS_TOPOLOGY_MPMC ? ANNULUS_KIND_SLOTS
		: s->topology == ANNULUS_TOPOLOGY_MPSC ? s->kind : ANNULUS_KIND_BYTES;
	if ((rc = annulus_within_(detail, "kind in this topology", s->kind, only, only)))
		return rc;
	return annulus_within_(detail, "endpoint table", s->members, ANNULUS_MIN_MEMBERS, ANNULUS_MAX_MEMBERS);
}

/* annulus_lay_out_ places the areas of a ring whose capacity has been looked at. */
static inline int annulus_lay_out_(struct annulus_geometry *g, char *detail)
{
	int rc;
	uint64_t area = annulus_align_(4 * g->stride, ANNULUS_PAGE_SIZE);
	g->producer_area = ANNULUS_PAGE_SIZE;
	g->consumer_area = g->producer_area + area;
	g->shared_area = g->consumer_area + area;
	g->data_area = g->shared_area + annulus_align_(2 * g->stride, ANNULUS_PAGE_SIZE);
	if (g->members) {
		g->endpoint_table = g->data_area;
		g->data_area += annulus_align_(g->members * ANNULUS_MEMBER_LINES * g->stride, ANNULUS_PAGE_SIZE);
	}
	if (g->topology == ANNULUS_TOPOLOGY_MPSC) {
		uint64_t lines = annulus_align_(g->members * g->stride, ANNULUS_PAGE_SIZE);
		g->lane_producers = g->data_area;
		g->lane_consumers = g->lane_producers + lines;
		g->data_area = g->lane_consumers + lines;
		g->lane_stride = annulus_align_(g->data_size, ANNULUS_PAGE_SIZE);
		if ((rc = annulus_within_(detail, "number of lanes of this size", g->members, 0, ANNULUS_MAX_DATA_SIZE / g->lane_stride)))
			return rc;
		g->total_size = g->data_area + g->members * g->lane_stride;
		return ANNULUS_OK;
	}
	if (g->topology == ANNULUS_TOPOLOGY_MPSC_ORDERED) {
		g->granules = g->capacity / ANNULUS_GRANULE_SIZE;
		g->word_table = g->data_area;
		g->data_area += annulus_align_(g->granules * ANNULUS_WORD_SIZE, ANNULUS_PAGE_SIZE);
	}
	g->total_size = annulus_align_(g->data_area + g->data_size, ANNULUS_PAGE_SIZE);
	return ANNULUS_OK;
}

/* annulus_greatest_ is the greatest message of a ring of records. With padding before it,
 * it must fit an empty ring; in one order both must be no more than an intent can name;
 * in a broadcast ring the last record stays besides. */
static inline uint64_t annulus_greatest_(uint32_t topology, uint64_t capacity)
{
	uint64_t n = capacity / (topology == ANNULUS_TOPOLOGY_CAST ? 4 : 2) - ANNULUS_WORD_SIZE;
	if (topology == ANNULUS_TOPOLOGY_MPSC_ORDERED)
		n = annulus_min_(n, (UINT64_C(1) << (63 - ANNULUS_GRANULE_INTENT_SHIFT)) * ANNULUS_GRANULE_SIZE - ANNULUS_WORD_SIZE);
	return annulus_min_(n, ANNULUS_MAX_MESSAGE);
}

/* annulus_compute_ lays out a ring. */
static inline int annulus_compute_(struct annulus_geometry *g, const struct annulus_shape_ *s, char *detail)
{
	int rc;
	memset(g, 0, sizeof(*g));
	g->kind = s->kind;
	g->topology = s->topology;
	g->capacity = s->capacity;
	g->slot_size = s->slot_size;
	g->stride = s->stride;
	g->members = s->members;
	if ((rc = annulus_form_(s, detail)))
		return rc;
	if (!annulus_power_of_two_(s->stride) || !annulus_power_of_two_(s->capacity))
		return annulus_fail_(detail, ANNULUS_GEOMETRY, "stride is %llu, capacity %llu, want powers of two",
				     (unsigned long long)s->stride, (unsigned long long)s->capacity);
	if ((rc = annulus_within_(detail, "stride", s->stride, ANNULUS_MIN_STRIDE, ANNULUS_MAX_STRIDE)))
		return rc;
	if (s->kind == ANNULUS_KIND_BYTES) {
		if ((rc = annulus_within_(detail, "capacity", s->capacity, ANNULUS_MIN_CAPACITY_BYTES, ANNULUS_MAX_CAPACITY_BYTES)) ||
		    (rc = annulus_within_(detail, "slot size", s->slot_size, 0, 0)))
			return rc;
		g->data_size = s->capacity;
		g->max_message = annulus_greatest_(s->topology, s->capacity);
	} else if (s->kind == ANNULUS_KIND_SLOTS) {
		if ((rc = annulus_within_(detail, "slots", s->capacity, ANNULUS_MIN_SLOTS, ANNULUS_MAX_SLOTS)) ||
		    (rc = annulus_within_(detail, "slot size", s->slot_size, 1, ANNULUS_MAX_SLOT_SIZE)))
			return rc;
		g->slot_payload = s->variable ? ANNULUS_SLOT_PAYLOAD_LENGTH : ANNULUS_SLOT_PAYLOAD;
		g->slot_stride = g->slot_payload + annulus_align_(s->slot_size, ANNULUS_WORD_SIZE);
		g->max_message = s->slot_size;
		g->data_size = s->capacity * g->slot_stride; /* below 2^55 */
		if ((rc = annulus_within_(detail, "data size", g->data_size, 0, ANNULUS_MAX_DATA_SIZE)))
			return rc;
	} else {
		return annulus_fail_(detail, ANNULUS_GEOMETRY, "kind is %u, want 1 (bytes) or 2 (slots)", s->kind);
	}
	return annulus_lay_out_(g, detail);
}

/* annulus_compare_ refuses a header whose offsets differ from the computed ones. */
static inline int annulus_compare_(const struct annulus_geometry *g, const struct annulus_header *h, char *detail)
{
	const struct {
		const char *name;
		uint64_t got, want;
	} fields[] = {
		{"slot stride", h->slot_stride, g->slot_stride},
		{"slot payload offset", h->slot_payload, g->slot_payload},
		{"greatest message", h->max_message, g->max_message},
		{"producer area", h->producer_area, g->producer_area},
		{"consumer area", h->consumer_area, g->consumer_area},
		{"shared area", h->shared_area, g->shared_area},
		{"endpoint table", h->endpoint_table, g->endpoint_table},
		{"endpoint count", h->endpoint_count, g->members},
		{"data area", h->data_area, g->data_area},
		{"data size", h->data_size, g->data_size},
		{"total size", h->total_size, g->total_size},
		{"lock base", h->lock_base, ANNULUS_LOCK_BASE},
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		int rc = annulus_within_(detail, fields[i].name, fields[i].got, fields[i].want, fields[i].want);
		if (rc)
			return rc;
	}
	return ANNULUS_OK;
}

#endif
