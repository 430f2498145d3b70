/* The header of a ring: what it says, whether it may be believed, how a creator
 * writes it. Sections 1 and 2 of docs/spec/layout-v1.md. Included by annulus.h. */
#ifndef ANNULUS_HEADER_H
#define ANNULUS_HEADER_H

/* What this header file can do of KNOWN_FEATURES: it never sleeps on eventfds. */
#define ANNULUS_FEATURES_HERE_ UINT64_C(0)

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

/* annulus_compute_ lays out a ring. */
static inline int annulus_compute_(struct annulus_geometry *g, uint32_t kind, uint64_t capacity, uint64_t slot_size,
				   uint64_t stride, char *detail)
{
	int rc;
	memset(g, 0, sizeof(*g));
	g->kind = kind;
	g->capacity = capacity;
	g->slot_size = slot_size;
	g->stride = stride;
	if (!annulus_power_of_two_(stride) || !annulus_power_of_two_(capacity))
		return annulus_fail_(detail, ANNULUS_GEOMETRY, "stride is %llu, capacity %llu, want powers of two",
				     (unsigned long long)stride, (unsigned long long)capacity);
	if ((rc = annulus_within_(detail, "stride", stride, ANNULUS_MIN_STRIDE, ANNULUS_MAX_STRIDE)))
		return rc;
	if (kind == ANNULUS_KIND_BYTES) {
		if ((rc = annulus_within_(detail, "capacity", capacity, ANNULUS_MIN_CAPACITY_BYTES, ANNULUS_MAX_CAPACITY_BYTES)) ||
		    (rc = annulus_within_(detail, "slot size", slot_size, 0, 0)))
			return rc;
		g->data_size = capacity;
		g->max_message = annulus_min_(capacity / 2 - ANNULUS_WORD_SIZE, ANNULUS_MAX_MESSAGE);
	} else if (kind == ANNULUS_KIND_SLOTS) {
		if ((rc = annulus_within_(detail, "slots", capacity, ANNULUS_MIN_SLOTS, ANNULUS_MAX_SLOTS)) ||
		    (rc = annulus_within_(detail, "slot size", slot_size, 1, ANNULUS_MAX_SLOT_SIZE)))
			return rc;
		g->slot_stride = ANNULUS_SLOT_PAYLOAD + annulus_align_(slot_size, ANNULUS_WORD_SIZE);
		g->max_message = slot_size;
		g->data_size = capacity * g->slot_stride; /* below 2^55 */
		if ((rc = annulus_within_(detail, "data size", g->data_size, 0, ANNULUS_MAX_DATA_SIZE)))
			return rc;
	} else {
		return annulus_fail_(detail, ANNULUS_GEOMETRY, "kind is %u, want 1 (bytes) or 2 (slots)", kind);
	}
	uint64_t area = annulus_align_(4 * stride, ANNULUS_PAGE_SIZE);
	g->producer_area = ANNULUS_PAGE_SIZE;
	g->consumer_area = g->producer_area + area;
	g->shared_area = g->consumer_area + area;
	g->data_area = g->shared_area + annulus_align_(2 * stride, ANNULUS_PAGE_SIZE);
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
		{"slot payload offset", h->slot_payload, g->kind == ANNULUS_KIND_SLOTS ? ANNULUS_SLOT_PAYLOAD : 0},
		{"greatest message", h->max_message, g->max_message},
		{"producer area", h->producer_area, g->producer_area},
		{"consumer area", h->consumer_area, g->consumer_area},
		{"shared area", h->shared_area, g->shared_area},
		{"endpoint table", h->endpoint_table, 0},
		{"endpoint count", h->endpoint_count, 0},
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
	    (rc = annulus_within_(detail, "topology", h->topology, ANNULUS_TOPOLOGY_SPSC, ANNULUS_TOPOLOGY_SPSC)) ||
	    (rc = annulus_compute_(g, h->kind, h->capacity, h->slot_size, h->stride, detail)) ||
	    (rc = annulus_compare_(g, h, detail)))
		return rc;
	if (g->total_size > size)
		return annulus_fail_(detail, ANNULUS_SHORT, "it has %llu bytes, the ring in it has %llu", (unsigned long long)size,
				     (unsigned long long)g->total_size);
	return ANNULUS_OK;
}

/* annulus_format_ writes a new ring into zeroed memory that nobody else sees. */
static inline void annulus_format_(uint8_t *mem, const struct annulus_geometry *g, const uint8_t boot_id[16],
				   uint64_t created_ns, uint64_t pid)
{
	struct annulus_header h;
	memset(&h, 0, sizeof(h));
	h.magic = ANNULUS_MAGIC;
	h.major = ANNULUS_MAJOR;
	h.minor = ANNULUS_MINOR;
	h.header_size = ANNULUS_HEADER_SIZE;
	h.kind = g->kind;
	h.topology = ANNULUS_TOPOLOGY_SPSC;
	h.stride = (uint32_t)g->stride;
	h.total_size = g->total_size;
	h.capacity = g->capacity;
	h.slot_size = (uint32_t)g->slot_size;
	h.slot_stride = (uint32_t)g->slot_stride;
	h.slot_payload = g->kind == ANNULUS_KIND_SLOTS ? ANNULUS_SLOT_PAYLOAD : 0;
	h.max_message = (uint32_t)g->max_message;
	h.producer_area = g->producer_area;
	h.consumer_area = g->consumer_area;
	h.shared_area = g->shared_area;
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
