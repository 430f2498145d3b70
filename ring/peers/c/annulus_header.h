/* The header of a ring: what it says, whether it may be believed, how a creator
 * writes it. Sections 1 and 2 of docs/spec/layout-v1.md. Included by annulus.h. */
#ifndef ANNULUS_HEADER_H
#define ANNULUS_HEADER_H

/* What this header file can do of KNOWN_FEATURES: it never sleeps on eventfds. */
#define ANNULUS_FEATURES_HERE_ (ANNULUS_KNOWN_FEATURES & ~ANNULUS_FEATURE_EVENTFD)

/* What glibc keeps in the int at byte 8 of a sem_t that processes share. */
#define ANNULUS_SEM_SHARED_ 128u

/* annulus_checksum_ is the CRC-32C of the header before its checksum. It is
 * computed once for each open, so a loop over bits will do. */
static inline uint64_t annulus_checksum_(const void *header)
{
	const uint8_t *b = (const uint8_t *)header;
	uint32_t crc = UINT32_C(0xffffffff);
	for (size_t i = 0; i < offsetof(struct annulus_header, checksum); i++) {
		crc ^= b[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return crc ^ UINT32_C(0xffffffff);
}

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
	uint64_t members; /* MPMC: entries of the endpoint table */
	int variable;     /* MPMC: messages of any length up to the slot size */
};

/* annulus_form_ holds topology, kind and table against each other. */
static inline int annulus_form_(const struct annulus_shape_ *s, char *detail)
{
	int rc;
	if ((rc = annulus_within_(detail, "topology", s->topology, ANNULUS_TOPOLOGY_SPSC, ANNULUS_TOPOLOGY_MPMC)))
		return rc;
	if (s->topology == ANNULUS_TOPOLOGY_SPSC) {
		if ((rc = annulus_within_(detail, "endpoint table", s->members, 0, 0)))
			return rc;
		return annulus_within_(detail, "length of slots of one producer", (uint64_t)s->variable, 0, 0);
	}
	if ((rc = annulus_within_(detail, "kind of many producers and consumers", s->kind, ANNULUS_KIND_SLOTS, ANNULUS_KIND_SLOTS)))
		return rc;
	return annulus_within_(detail, "endpoint table", s->members, ANNULUS_MIN_MEMBERS, ANNULUS_MAX_MEMBERS);
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
		g->max_message = annulus_min_(s->capacity / 2 - ANNULUS_WORD_SIZE, ANNULUS_MAX_MESSAGE);
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
	uint64_t area = annulus_align_(4 * s->stride, ANNULUS_PAGE_SIZE);
	g->producer_area = ANNULUS_PAGE_SIZE;
	g->consumer_area = g->producer_area + area;
	g->shared_area = g->consumer_area + area;
	g->data_area = g->shared_area + annulus_align_(2 * s->stride, ANNULUS_PAGE_SIZE);
	if (s->members) {
		g->endpoint_table = g->data_area;
		g->data_area += annulus_align_(s->members * ANNULUS_MEMBER_LINES * s->stride, ANNULUS_PAGE_SIZE);
	}
	g->total_size = annulus_align_(g->data_area + g->data_size, ANNULUS_PAGE_SIZE);
	return ANNULUS_OK;
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

/* annulus_decode_ validates h, a private copy of the first got bytes of a file
 * of size bytes, in the order that the specification gives, and computes g. */
static inline int annulus_decode_(struct annulus_geometry *g, const struct annulus_header *h, uint64_t got, uint64_t size,
				  int readonly, char *detail)
{
	int rc;
	const struct annulus_shape_ shape = {
		h->kind, h->topology, h->capacity, h->slot_size, h->stride, h->endpoint_count, h->slot_payload == ANNULUS_SLOT_PAYLOAD_LENGTH,
	};
	if (size < ANNULUS_HEADER_SIZE || got < ANNULUS_HEADER_SIZE)
		return annulus_fail_(detail, ANNULUS_SHORT, "it has %llu bytes, the header alone has %d",
				     (unsigned long long)annulus_min_(size, got), (int)ANNULUS_HEADER_SIZE);
	if (h->magic == 0)
		return annulus_fail_(detail, ANNULUS_NOT_READY, "the magic word is still zero; its creator is at work or died");
	if (h->magic == __builtin_bswap64(ANNULUS_MAGIC))
		return annulus_fail_(detail, ANNULUS_ENDIAN, "the magic word is byte-swapped; rings are little-endian");
	if (h->magic != ANNULUS_MAGIC)
		return annulus_fail_(detail, ANNULUS_NOT_RING, "the first word is %#llx, want %#llx", (unsigned long long)h->magic,
				     (unsigned long long)ANNULUS_MAGIC);
	if (h->major != ANNULUS_MAJOR)
		return annulus_fail_(detail, ANNULUS_VERSION, "it is %u.%u, this program speaks %d.x", h->major, h->minor,
				     (int)ANNULUS_MAJOR);
	uint64_t sum = annulus_checksum_(h);
	if (h->checksum != sum)
		return annulus_fail_(detail, ANNULUS_CHECKSUM, "checksum is %#llx, want %#llx", (unsigned long long)h->checksum,
				     (unsigned long long)sum);
	/* Whoever only looks at a ring need not be able to wake anybody. */
	uint64_t known = readonly ? ANNULUS_KNOWN_FEATURES : ANNULUS_FEATURES_HERE_;
	if (h->required & ~known)
		return annulus_fail_(detail, ANNULUS_FEATURE, "required feature bits %#llx; use a newer program",
				     (unsigned long long)(h->required & ~known));
	if ((rc = annulus_within_(detail, "header size", h->header_size, ANNULUS_HEADER_SIZE, UINT32_MAX)) ||
	    (rc = annulus_compute_(g, &shape, detail)) ||
	    (rc = annulus_compare_(g, h, detail)))
		return rc;
	if (g->total_size > size)
		return annulus_fail_(detail, ANNULUS_SHORT, "it has %llu bytes, the ring in it has %llu", (unsigned long long)size,
				     (unsigned long long)g->total_size);
	return ANNULUS_OK;
}

/* annulus_format_ writes a new ring into zeroed memory that nobody else sees. */
static inline void annulus_format_(uint8_t *mem, const struct annulus_geometry *g, uint64_t required,
				   const uint8_t boot_id[16], uint64_t created_ns, uint64_t pid)
{
	struct annulus_header h;
	memset(&h, 0, sizeof(h));
	h.magic = ANNULUS_MAGIC;
	h.major = ANNULUS_MAJOR;
	h.minor = ANNULUS_MINOR;
	h.header_size = ANNULUS_HEADER_SIZE;
	h.kind = g->kind;
	h.topology = g->topology;
	h.required = required;
	h.stride = (uint32_t)g->stride;
	h.total_size = g->total_size;
	h.capacity = g->capacity;
	h.slot_size = (uint32_t)g->slot_size;
	h.slot_stride = (uint32_t)g->slot_stride;
	h.slot_payload = (uint32_t)g->slot_payload;
	h.max_message = (uint32_t)g->max_message;
	h.producer_area = g->producer_area;
	h.consumer_area = g->consumer_area;
	h.shared_area = g->shared_area;
	h.endpoint_table = g->endpoint_table;
	h.endpoint_count = g->members;
	h.data_area = g->data_area;
	h.data_size = g->data_size;
	h.lock_base = ANNULUS_LOCK_BASE;
	memcpy(h.boot_id, boot_id, sizeof(h.boot_id));
	h.created_ns = created_ns;
	h.creator_pid = pid;
	h.checksum = annulus_checksum_(&h);
	memcpy(mem, &h, sizeof(h));

	const uint64_t areas[] = {g->producer_area, g->consumer_area};
	for (int i = 0; i < 2; i++) {
		struct annulus_seq seq = {1, 0, 0};
		struct annulus_arm arm = {ANNULUS_ARM_VALID, 0, 0};
		memcpy(mem + areas[i] + ANNULUS_LINE_SEQ * g->stride, &seq, sizeof(seq));
		memcpy(mem + areas[i] + ANNULUS_LINE_ARM * g->stride, &arm, sizeof(arm));
	}
	for (uint64_t line = 0; line < 2; line++) /* an empty process-shared sem_t */
		mem[g->shared_area + line * g->stride + 8] = ANNULUS_SEM_SHARED_;
}

#endif
