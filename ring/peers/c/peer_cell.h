/* peer cell: cells and blocks. */
#ifndef ANNULUS_PEER_CELL_H
#define ANNULUS_PEER_CELL_H

#include "peer_dump.h"
#include "peer_options.h"

static inline int cell_open(struct annulus_cell *c, const char *name, int readonly)
{
	char path[PATH_MAX];
	if (strncmp(name, "fd:", 3) == 0)
		return annulus_cell_open_fd(c, atoi(name + 3), readonly);
	snprintf(path, sizeof(path), "%s%s", strchr(name, '/') ? "" : "/dev/shm/", name);
	return annulus_cell_open_path(c, path, readonly);
}

static inline int cell_cat(struct annulus_cell *c, uint8_t *buf)
{
	struct annulus_cell_reader r;
	uint64_t version;
	size_t n;
	int rc = annulus_cell_reader_init(&r, c, ANNULUS_FUTEX);
	if (rc == ANNULUS_OK)
		rc = annulus_cell_load(&r, buf, c->geometry.size, &n, &version);
	if (rc)
		return complain("cell", rc, r.detail);
	printf("value version=%llu length=%zu", (ull)version, n);
	dump_payload(buf, n);
	putchar('\n');
	return 0;
}

static inline int cell_dump(struct annulus_cell *c, uint8_t *buf)
{
	dump_cell(c);
	return cell_cat(c, buf);
}

static inline int cell_write(struct annulus_cell *c, const struct options *o, uint8_t *buf)
{
	struct annulus_cell_writer w;
	void *room = NULL;
	int rc = annulus_cell_writer_attach(&w, c);
	if (rc)
		return complain("attach", rc, w.detail);
	if (o->announce)
		say_attached();
	uint64_t version = annulus_cell_version(&w) + 1;
	for (uint64_t i = 1; i <= o->count && rc == ANNULUS_OK; i++, version++) {
		uint64_t n = payload_length(&o->stream, version);
		if (i % 2) {
			payload_fill(&o->stream, version, buf, n);
			rc = annulus_cell_write(&w, buf, n);
		} else if ((rc = annulus_cell_begin(&w, &room)) == ANNULUS_OK) { /* in place */
			payload_fill(&o->stream, version, (uint8_t *)room, n);
			rc = annulus_cell_commit(&w, n);
		}
		if (rc == ANNULUS_OK && i == o->die_after) {
			if (o->cut && annulus_cell_begin(&w, &room) == ANNULUS_OK)
				memset(room, 0xee, c->geometry.size);
			raise(SIGKILL);
		}
	}
	if (rc)
		complain("cell", rc, w.detail);
	annulus_cell_writer_detach(&w);
	if (rc)
		return 1;
	printf("wrote %llu ok last %llu\n", (ull)o->count, (ull)version - 1);
	return 0;
}

static inline int cell_read(struct annulus_cell *c, const struct options *o, uint8_t *buf)
{
	struct annulus_cell_reader r;
	uint64_t last = 0, version = 0, reads = 0;
	size_t n;
	int rc = annulus_cell_reader_init(&r, c, o->wait);
	if (rc)
		return complain("attach", rc, r.detail);
	if (o->announce)
		say_attached();
	while (last < o->until && (rc = annulus_cell_wait(&r, last, buf, c->geometry.size, &n, &version, o->timeout)) == ANNULUS_OK) {
		const char *wrong = version <= last ? "version" : payload_check(&o->stream, version, buf, n);
		if (wrong != NULL) {
			fprintf(stderr, "cell: %s: version %llu of %zu bytes: wrong %s\n", annulus_strerror(ANNULUS_CORRUPT), (ull)version, n, wrong);
			return 1;
		}
		last = version;
		reads++;
	}
	if (rc != ANNULUS_OK && rc != ANNULUS_END)
		return complain("cell", rc, rc == ANNULUS_TIMEOUT ? NULL : r.detail);
	printf("read %llu ok last %llu%s\n", (ull)reads, (ull)last, rc == ANNULUS_END ? " end" : "");
	return 0;
}

/* cell_command is peer cell COMMAND NAME. */
static inline int cell_command(const char *command, const char *name, const struct options *given)
{
	struct annulus_cell c;
	struct options o = *given;
	int rc;
	if (strcmp(command, "create") == 0) {
		uint32_t kind = o.block ? ANNULUS_CELL_KIND_BLOCK : ANNULUS_CELL_KIND_VALUE;
		rc = strchr(name, '/') ? annulus_cell_create_path(&c, name, kind, o.stream.max) : annulus_cell_create(&c, name, kind, o.stream.max);
		if (rc)
			return complain("create", rc, c.region.detail);
		puts("created");
		return annulus_cell_close(&c) != ANNULUS_OK;
	}
	if ((rc = cell_open(&c, name, o.readonly || strcmp(command, "dump") == 0)))
		return complain("open", rc, c.region.detail);
	if (!o.sized) {
		o.stream.max = c.geometry.size;
		o.stream.min = c.geometry.kind == ANNULUS_CELL_KIND_VALUE ? c.geometry.size : annulus_min_(12, c.geometry.size);
	}
	uint8_t *buf = (uint8_t *)malloc(annulus_max_(c.geometry.size, o.stream.max) + 8);
	if (!buf)
		return complain("malloc", ANNULUS_SYSTEM, NULL);
	if (strcmp(command, "write") == 0)
		rc = cell_write(&c, &o, buf);
	else if (strcmp(command, "read") == 0)
		rc = cell_read(&c, &o, buf);
	else if (strcmp(command, "cat") == 0)
		rc = cell_cat(&c, buf);
	else if (strcmp(command, "dump") == 0)
		rc = cell_dump(&c, buf);
	else if (strcmp(command, "check") == 0)
		rc = puts("ok") < 0;
	else
		rc = 2;
	free(buf);
	annulus_cell_close(&c);
	return rc;
}

#endif
