/* The header of a ring: whether it may be believed, how a creator writes it. Sections 1
 * and 2 of docs/spec/layout-v1.md. Included by annulus.h. */
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

/* annulus_decode_head_ validates what the headers of rings and cells have in common, in the
 * order that the specification gives. h is a private copy of the first got bytes of a file
 * of size bytes. */
static inline int annulus_decode_head_(const struct annulus_header *h, uint64_t got, uint64_t size, uint64_t magic, uint32_t major,
				       uint64_t known, char *detail)
{
	if (size < ANNULUS_HEADER_SIZE || got < ANNULUS_HEADER_SIZE)
		return annulus_fail_(detail, ANNULUS_SHORT, "it has %llu bytes, the header alone has %d",
				     (unsigned long long)annulus_min_(size, got), (int)ANNULUS_HEADER_SIZE);
	if (h->magic == 0)
		return annulus_fail_(detail, ANNULUS_NOT_READY, "the magic word is still zero; its creator is at work or died");
	if (h->magic == __builtin_bswap64(magic))
		return annulus_fail_(detail, ANNULUS_ENDIAN, "the magic word is byte-swapped; rings are little-endian");
	if (h->magic != magic)
		return annulus_fail_(detail, ANNULUS_NOT_RING, "the first word is %#llx, want %#llx", (unsigned long long)h->magic,
				     (unsigned long long)magic);
	if (h->major != major)
		return annulus_fail_(detail, ANNULUS_VERSION, "it is %u.%u, this program speaks %u.x", h->major, h->minor, major);
	uint64_t sum = annulus_checksum_(h);
	if (h->checksum != sum)
		return annulus_fail_(detail, ANNULUS_CHECKSUM, "checksum is %#llx, want %#llx", (unsigned long long)h->checksum,
				     (unsigned long long)sum);
	if (h->required & ~known)
		return annulus_fail_(detail, ANNULUS_FEATURE, "required feature bits %#llx; use a newer program",
				     (unsigned long long)(h->required & ~known));
	return annulus_within_(detail, "header size", h->header_size, ANNULUS_HEADER_SIZE, UINT32_MAX);
}

/* annulus_decode_ validates the header of a ring, and computes g. */
static inline int annulus_decode_(struct annulus_geometry *g, const struct annulus_header *h, uint64_t got, uint64_t size,
				  int readonly, char *detail)
{
	const struct annulus_shape_ shape = {
		h->kind, h->topology, h->capacity, h->slot_size, h->stride, h->endpoint_count, h->slot_payload == ANNULUS_SLOT_PAYLOAD_LENGTH,
	};
	/* Whoever only looks at a ring need not be able to wake anybody. */
	uint64_t known = readonly ? ANNULUS_KNOWN_FEATURES : ANNULUS_FEATURES_HERE_;
	int rc = annulus_decode_head_(h, got, size, ANNULUS_MAGIC, ANNULUS_MAJOR, known, detail);
	if (rc || (rc = annulus_compute_(g, &shape, detail)) || (rc = annulus_compare_(g, h, detail)))
		return rc;
	uint64_t policy = h->required & (ANNULUS_FEATURE_BLOCK | ANNULUS_FEATURE_DROP);
	if (policy != 0 && (g->topology != ANNULUS_TOPOLOGY_CAST || policy == (ANNULUS_FEATURE_BLOCK | ANNULUS_FEATURE_DROP)))
		return annulus_fail_(detail, ANNULUS_GEOMETRY, "required features are %#llx, want at most one of %#llx and %#llx, in a broadcast ring",
				     (unsigned long long)h->required, (unsigned long long)ANNULUS_FEATURE_BLOCK,
				     (unsigned long long)ANNULUS_FEATURE_DROP);
	if (g->total_size > size)
		return annulus_fail_(detail, ANNULUS_SHORT, "it has %llu bytes, the ring in it has %llu", (unsigned long long)size,
				     (unsigned long long)g->total_size);
	return ANNULUS_OK;
}

/* annulus_format_ writes a new ring into zeroed memory that nobody else sees. */
static inline void annulus_format_(uint8_t *mem, const struct annulus_geometry *g, uint64_t fingerprint, const char *element,
				   uint64_t required, const uint8_t boot_id[16], uint64_t created_ns, uint64_t pid)
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
	h.fingerprint = fingerprint;
	if (element)
		memcpy(h.element, element, annulus_min_(strlen(element), sizeof(h.element)));
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
