/* Reads a cell as docs/spec/layout-v1.md, section 9, says: reader PATH LAST.
 * It checks each value, and ends when it has read version LAST. */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "annulus_layout.h"

struct sample {
	uint64_t version;
	uint32_t fill[60];
	uint64_t sum;
};

static int fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	return 1;
}

static int whole(const struct sample *s, uint64_t version)
{
	uint64_t h = s->version;
	for (int i = 0; i < 60; i++)
		h = h * UINT64_C(0x100000001b3) ^ s->fill[i];
	return s->version == version && s->sum == h;
}

int main(int argc, char **argv)
{
	struct stat st;
	struct annulus_cell_header h;
	if (argc != 3)
		return fail("usage: reader PATH LAST");
	uint64_t last = strtoull(argv[2], NULL, 10), seen = 0, reads = 0, again = 0;
	int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return fail("cannot open");
	const unsigned char *m = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (m == MAP_FAILED)
		return fail("cannot map");
	memcpy(&h, m, sizeof h);
	if (h.magic != ANNULUS_CELL_MAGIC || h.major != ANNULUS_CELL_MAJOR || h.kind != ANNULUS_CELL_KIND_VALUE)
		return fail("not a cell");
	uint64_t copy = (h.size + h.stride - 1) / h.stride * h.stride;
	if (h.size != sizeof(struct sample) || h.reader_area != ANNULUS_PAGE_SIZE || h.copy_stride != copy ||
	    h.data_area != h.writer_area + 4 * h.stride || h.total_size > (uint64_t)st.st_size)
		return fail("another geometry");

	const struct annulus_cell_state *line = (const void *)(m + h.writer_area + ANNULUS_CELL_LINE_STATE * h.stride);
	const _Atomic uint64_t *state = (const _Atomic uint64_t *)&line->state;
	const unsigned char *data = m + h.data_area;
	while (seen < last) {
		struct sample v;
		uint64_t s = atomic_load_explicit(state, memory_order_acquire), n = s >> 1;
		if (n == seen) {
			sched_yield();
			continue;
		}
		memcpy(&v, data + (n & 1) * copy, sizeof v);
		atomic_thread_fence(memory_order_acquire);
		uint64_t t = atomic_load_explicit(state, memory_order_relaxed);
		if (t - 2 * n > 2) {
			again++;
			continue;
		}
		if (!whole(&v, n))
			return fail("torn");
		if (n < seen)
			return fail("the version went back");
		seen = n;
		if (reads++ == 0) {
			puts("begun");
			fflush(stdout);
		}
	}
	fprintf(stderr, "%" PRIu64 " values, %" PRIu64 " overtaken\n", reads, again);
	puts("ok");
	return 0;
}
