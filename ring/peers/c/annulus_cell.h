/* Cells and blocks: the latest value of something, by one writer for any number of
 * readers. Section 9 of docs/spec/layout-v1.md. Included by annulus.h.
 *
 *   annulus_cell.h        create, open, close
 *   annulus_cell_write.h  the writer
 *   annulus_cell_read.h   readers
 */
#ifndef ANNULUS_CELL_H
#define ANNULUS_CELL_H

/* annulus_cell_geometry_ says where everything lies; see annulus_geometry. */
struct annulus_cell_geometry_ {
	uint32_t kind;
	uint64_t stride, size, copy_stride, reader_area, writer_area, data_area, total_size;
};

/* annulus_cell is a handle on the memory of one cell or block. Its fields are private; what
 * was found wrong stands in region.detail. */
struct annulus_cell {
	struct annulus region; /* first; its header and most of its geometry are not used */
	struct annulus_cell_header header;
	struct annulus_cell_geometry_ geometry;
	struct annulus_cell_state *state;
	struct annulus_seq *seq;
	struct annulus_arm *arm;
	struct annulus_endpoint *owner;
	uint8_t *data;
};

/* annulus_cell_compute_ lays out a cell (kind ANNULUS_CELL_KIND_VALUE) or block. */
static inline int annulus_cell_compute_(struct annulus_cell_geometry_ *g, uint32_t kind, uint64_t size, uint64_t stride, char *detail)
{
	int rc;
	memset(g, 0, sizeof(*g));
	if ((rc = annulus_within_(detail, "kind of cell", kind, ANNULUS_CELL_KIND_VALUE, ANNULUS_CELL_KIND_BLOCK)) ||
	    (rc = annulus_within_(detail, "stride", annulus_power_of_two_(stride) ? stride : 0, ANNULUS_MIN_STRIDE, ANNULUS_MAX_STRIDE)) ||
	    (rc = annulus_within_(detail, "size", size, 1, ANNULUS_CELL_MAX_SIZE)))
		return rc;
	g->kind = kind;
	g->stride = stride;
	g->size = size;
	g->copy_stride = annulus_align_(size, stride);
	g->reader_area = ANNULUS_PAGE_SIZE;
	g->writer_area = g->reader_area + annulus_align_(4 * stride, ANNULUS_PAGE_SIZE);
	g->data_area = g->writer_area + 4 * stride;
	g->total_size = annulus_align_(g->data_area + 2 * g->copy_stride, ANNULUS_PAGE_SIZE);
	return ANNULUS_OK;
}

/* annulus_cell_shape_ notes in the region what its functions look at. */
static inline void annulus_cell_shape_(struct annulus_cell *c)
{
	c->region.geometry.total_size = c->geometry.total_size;
	c->region.geometry.topology = ANNULUS_TOPOLOGY_SPSC; /* one writer, by the same lock byte as a producer */
}

static inline int annulus_cell_decode_(struct annulus *r, const void *raw, uint64_t got, uint64_t size)
{
	struct annulus_cell *c = (struct annulus_cell *)(void *)r;
	struct annulus_cell_geometry_ *g = &c->geometry;
	struct annulus_cell_header *h = &c->header;
	memcpy(h, raw, sizeof(*h));
	memcpy(&r->header, raw, sizeof(r->header));
	int rc = annulus_decode_head_(&r->header, got, size, ANNULUS_CELL_MAGIC, ANNULUS_CELL_MAJOR, ANNULUS_CELL_KNOWN_FEATURES, r->detail);
	if (rc || (rc = annulus_cell_compute_(g, h->kind, h->size, h->stride, r->detail)))
		return rc;
	const struct {
		const char *name;
		uint64_t got, want;
	} fields[] = {
		{"copy stride", h->copy_stride, g->copy_stride}, {"reader area", h->reader_area, g->reader_area},
		{"writer area", h->writer_area, g->writer_area}, {"data area", h->data_area, g->data_area},
		{"total size", h->total_size, g->total_size},    {"lock base", h->lock_base, ANNULUS_LOCK_BASE},
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if ((rc = annulus_within_(r->detail, fields[i].name, fields[i].got, fields[i].want, fields[i].want)))
			return rc;
	annulus_cell_shape_(c);
	if (g->total_size > size)
		return annulus_fail_(r->detail, ANNULUS_SHORT, "it has %llu bytes, the cell in it has %llu", (unsigned long long)size,
				     (unsigned long long)g->total_size);
	return ANNULUS_OK;
}

/* annulus_cell_lines_ finds the control words of a mapped cell. */
static inline int annulus_cell_lines_(struct annulus_cell *c)
{
	const struct annulus_cell_geometry_ *g = &c->geometry;
	uint8_t *writer = c->region.base + g->writer_area;
	c->state = (struct annulus_cell_state *)(void *)(writer + ANNULUS_CELL_LINE_STATE * g->stride);
	c->seq = (struct annulus_seq *)(void *)(writer + ANNULUS_LINE_SEQ * g->stride);
	c->owner = (struct annulus_endpoint *)(void *)(writer + ANNULUS_LINE_ENDPOINT * g->stride);
	c->arm = (struct annulus_arm *)(void *)(c->region.base + g->reader_area + ANNULUS_LINE_ARM * g->stride);
	c->data = c->region.base + g->data_area;
	if (!(ANNULUS_LOAD_(&c->arm->arm) & ANNULUS_ARM_VALID))
		return annulus_undo_(&c->region, annulus_fail_(c->region.detail, ANNULUS_CORRUPT, "arm word without its valid bit"));
	return ANNULUS_OK;
}

/* annulus_cell_open_path opens the cell or block in a file; readonly handles can only be
 * read, and their readers look about once a millisecond while they wait. */
static inline int annulus_cell_open_path(struct annulus_cell *c, const char *path, int readonly)
{
	int rc = annulus_open_path_(&c->region, path, readonly, annulus_cell_decode_);
	return rc ? rc : annulus_cell_lines_(c);
}

/* annulus_cell_open opens the cell or block of that name in POSIX shared memory. */
static inline int annulus_cell_open(struct annulus_cell *c, const char *name)
{
	char path[NAME_MAX + 16];
	annulus_clear_(&c->region);
	int rc = annulus_posix_path_(&c->region, name, path, sizeof(path));
	return rc ? rc : annulus_cell_open_path(c, path, 0);
}

/* annulus_cell_open_fd opens the cell or block in an inherited or received file. The caller
 * keeps fd. */
static inline int annulus_cell_open_fd(struct annulus_cell *c, int fd, int readonly)
{
	int rc = annulus_open_fd_(&c->region, fd, readonly, annulus_cell_decode_);
	return rc ? rc : annulus_cell_lines_(c);
}

/* annulus_cell_format_ writes a new cell into zeroed memory that nobody else sees. */
static inline void annulus_cell_format_(struct annulus_cell *c)
{
	const struct annulus_cell_geometry_ *g = &c->geometry;
	struct annulus_cell_header *h = &c->header;
	memset(h, 0, sizeof(*h));
	h->magic = ANNULUS_CELL_MAGIC;
	h->major = ANNULUS_CELL_MAJOR;
	h->minor = ANNULUS_CELL_MINOR;
	h->header_size = ANNULUS_HEADER_SIZE;
	h->kind = g->kind;
	h->stride = (uint32_t)g->stride;
	h->total_size = g->total_size;
	h->size = g->size;
	h->copy_stride = g->copy_stride;
	h->reader_area = g->reader_area;
	h->writer_area = g->writer_area;
	h->data_area = g->data_area;
	h->lock_base = ANNULUS_LOCK_BASE;
	annulus_boot_id_(h->boot_id);
	h->created_ns = annulus_clock_(CLOCK_REALTIME);
	h->creator_pid = (uint64_t)getpid();
	h->checksum = annulus_checksum_(h);
	struct annulus_seq seq = {1, 0, 0};
	struct annulus_arm arm = {ANNULUS_ARM_VALID, 0, 0};
	memcpy(c->region.base, h, sizeof(*h));
	memcpy(c->region.base + g->writer_area + ANNULUS_LINE_SEQ * g->stride, &seq, sizeof(seq));
	memcpy(c->region.base + g->reader_area + ANNULUS_LINE_ARM * g->stride, &arm, sizeof(arm));
}

/* annulus_cell_create_path makes a cell (ANNULUS_CELL_KIND_VALUE) of size bytes, or a block
 * (ANNULUS_CELL_KIND_BLOCK) of at most so many, in a new file, complete before it has its
 * name. */
static inline int annulus_cell_create_path(struct annulus_cell *c, const char *path, uint32_t kind, uint64_t size)
{
	annulus_clear_(&c->region);
	int rc = annulus_cell_compute_(&c->geometry, kind, size, ANNULUS_STRIDE_HERE_, c->region.detail);
	if (rc)
		return rc;
	annulus_cell_shape_(c);
	if ((rc = annulus_draft_(&c->region, path)))
		return rc;
	annulus_cell_format_(c);
	if ((rc = annulus_link_(&c->region, path, 0600)))
		return rc;
	return annulus_cell_lines_(c);
}

/* annulus_cell_create is annulus_cell_create_path in POSIX shared memory. */
static inline int annulus_cell_create(struct annulus_cell *c, const char *name, uint32_t kind, uint64_t size)
{
	char path[NAME_MAX + 16];
	annulus_clear_(&c->region);
	int rc = annulus_posix_path_(&c->region, name, path, sizeof(path));
	return rc ? rc : annulus_cell_create_path(c, path, kind, size);
}

/* annulus_cell_close lets go of the memory; the cell stays. Detach the writer first. */
static inline int annulus_cell_close(struct annulus_cell *c) { return annulus_close(&c->region); }

#endif
