/* The memory of a ring: open, close. Included by annulus.h. */
#ifndef ANNULUS_REGION_H
#define ANNULUS_REGION_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* annulus_system_ turns errno into a code. */
static inline int annulus_system_(struct annulus *r, const char *what, const char *name)
{
	int e = errno, code = ANNULUS_SYSTEM;
	switch (e) {
	case ENOENT: code = ANNULUS_NOT_FOUND; break;
	case EEXIST: code = ANNULUS_EXISTS; break;
	case EACCES:
	case EPERM:
	case EROFS: code = ANNULUS_PERMISSION; break;
	case ENOSPC:
	case EDQUOT: code = ANNULUS_NO_SPACE; break;
	case EOPNOTSUPP: code = ANNULUS_UNSUPPORTED; break;
	}
	return annulus_fail_(r->detail, code, "%s %.80s: %s", what, name, strerror(e));
}

/* annulus_undo_ gives everything up and keeps code and detail. */
static inline int annulus_undo_(struct annulus *r, int code)
{
	if (r->base)
		munmap(r->base, r->geometry.total_size);
	if (r->fd >= 0)
		close(r->fd);
	r->base = NULL;
	r->fd = -1;
	return code;
}

static inline int annulus_map_(struct annulus *r, const char *name)
{
	int prot = r->readonly ? PROT_READ : PROT_READ | PROT_WRITE;
	void *p = mmap(NULL, r->geometry.total_size, prot, MAP_SHARED, r->fd, 0);
	if (p == MAP_FAILED)
		return annulus_system_(r, "map", name);
	r->base = (uint8_t *)p;
	/* A forked child shares the lock but not the thread that uses it. */
	(void)madvise(p, r->geometry.total_size, MADV_DONTFORK);
	return ANNULUS_OK;
}

static inline void annulus_clear_(struct annulus *r)
{
	memset(r, 0, sizeof(*r));
	r->fd = -1;
}

/* annulus_decoder_ judges the first got bytes, raw, of a file of size bytes, and says in
 * r->geometry.total_size how much of it is to be mapped. */
typedef int (*annulus_decoder_)(struct annulus *r, const void *raw, uint64_t got, uint64_t size);

static inline int annulus_decode_ring_(struct annulus *r, const void *raw, uint64_t got, uint64_t size)
{
	memcpy(&r->header, raw, sizeof(r->header));
	return annulus_decode_(&r->geometry, &r->header, got, size, r->readonly, r->detail);
}

/* annulus_adopt_ checks the open file r->fd and maps what is in it. */
static inline int annulus_adopt_(struct annulus *r, const char *name, annulus_decoder_ decode)
{
	uint64_t raw[ANNULUS_HEADER_SIZE / 8] = {0};
	struct stat st;
	if (fstat(r->fd, &st) != 0)
		return annulus_undo_(r, annulus_system_(r, "fstat", name));
	if (!S_ISREG(st.st_mode))
		return annulus_undo_(r, annulus_fail_(r->detail, ANNULUS_NOT_RING, "%.80s is not a regular file", name));
	if (st.st_uid != geteuid())
		return annulus_undo_(r, annulus_fail_(r->detail, ANNULUS_PERMISSION, "%.80s belongs to uid %u, expected %u", name,
						      (unsigned)st.st_uid, (unsigned)geteuid()));
	r->named = st.st_nlink > 0;
	ssize_t n = pread(r->fd, raw, sizeof(raw), 0);
	if (n < 0)
		return annulus_undo_(r, annulus_system_(r, "read", name));
	int rc = decode(r, raw, (uint64_t)n, (uint64_t)st.st_size);
	if (rc == ANNULUS_OK)
		rc = annulus_map_(r, name);
	return rc == ANNULUS_OK ? ANNULUS_OK : annulus_undo_(r, rc);
}

/* annulus_inspect_ looks at the words of a mapped ring that must be there always. */
static inline int annulus_inspect_(struct annulus *r)
{
	int rc = ANNULUS_OK;
	for (uint64_t line = 0; rc == ANNULUS_OK && line < 2; line++) {
		uint64_t area = line ? r->geometry.consumer_area : r->geometry.producer_area;
		struct annulus_arm *arm = (struct annulus_arm *)(void *)(r->base + area + ANNULUS_LINE_ARM * r->geometry.stride);
		if (!(ANNULUS_LOAD_(&arm->arm) & ANNULUS_ARM_VALID))
			rc = annulus_fail_(r->detail, ANNULUS_CORRUPT, "arm word %d without its valid bit", (int)line);
		uint8_t *sem = r->base + r->geometry.shared_area + line * r->geometry.stride;
		if (ANNULUS_LOAD_((uint32_t *)(void *)sem + 2) != ANNULUS_SEM_SHARED_)
			rc = annulus_fail_(r->detail, ANNULUS_CORRUPT, "semaphore %d is none that processes share", (int)line);
	}
	return rc == ANNULUS_OK ? ANNULUS_OK : annulus_undo_(r, rc);
}

static inline int annulus_flags_(int readonly)
{
	return (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
}

static inline int annulus_open_path_(struct annulus *r, const char *path, int readonly, annulus_decoder_ decode)
{
	struct stat st;
	annulus_clear_(r);
	r->readonly = readonly;
	/* The type first: opening a FIFO or a device may do something already. */
	if (lstat(path, &st) != 0)
		return annulus_system_(r, "open", path);
	if (!S_ISREG(st.st_mode))
		return annulus_fail_(r->detail, ANNULUS_NOT_RING, "%.80s is not a regular file", path);
	r->fd = open(path, annulus_flags_(readonly) | O_NOFOLLOW);
	if (r->fd < 0)
		return annulus_system_(r, "open", path);
	return annulus_adopt_(r, path, decode);
}

/* annulus_open_path opens the ring in a file. readonly handles can be looked at
 * but take no role, other than that of the consumer of a broadcast ring whose producer
 * overwrites. No symbolic link is followed in the last component, and the
 * file must belong to the effective user. */
static inline int annulus_open_path(struct annulus *r, const char *path, int readonly)
{
	int rc = annulus_open_path_(r, path, readonly, annulus_decode_ring_);
	return rc ? rc : annulus_inspect_(r);
}

/* annulus_posix_path_ checks a name of POSIX shared memory, without a slash. */
static inline int annulus_posix_path_(struct annulus *r, const char *name, char *path, size_t size)
{
	if (name[0] == 0 || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strlen(name) > NAME_MAX)
		return annulus_fail_(r->detail, ANNULUS_INVALID, "name %.80s: want 1 to %d bytes without a slash", name, NAME_MAX);
	snprintf(path, size, "/dev/shm/%s", name);
	return ANNULUS_OK;
}

/* annulus_open opens the ring of that name in POSIX shared memory: what
 * shm_open("/NAME") opens. */
static inline int annulus_open(struct annulus *r, const char *name)
{
	char path[NAME_MAX + 16];
	annulus_clear_(r);
	int rc = annulus_posix_path_(r, name, path, sizeof(path));
	return rc ? rc : annulus_open_path(r, path, 0);
}

static inline int annulus_open_fd_(struct annulus *r, int fd, int readonly, annulus_decoder_ decode)
{
	char path[64];
	annulus_clear_(r);
	r->readonly = readonly;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct stat st;
	if (fstat(fd, &st) != 0)
		return annulus_system_(r, "fstat", path);
	if (!S_ISREG(st.st_mode))
		return annulus_fail_(r->detail, ANNULUS_NOT_RING, "descriptor %d is not of a regular file", fd);
	r->fd = open(path, annulus_flags_(readonly));
	if (r->fd < 0)
		return annulus_system_(r, "reopen", path);
	return annulus_adopt_(r, path, decode);
}

/* annulus_open_fd opens the ring in an inherited or received file, as a memfd.
 * The caller keeps fd: the file is opened anew, so that the locks are ours. */
static inline int annulus_open_fd(struct annulus *r, int fd, int readonly)
{
	int rc = annulus_open_fd_(r, fd, readonly, annulus_decode_ring_);
	return rc ? rc : annulus_inspect_(r);
}

static inline void annulus_boot_id_(uint8_t id[16])
{
	memset(id, 0, 16);
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (!f)
		return;
	for (int c, n = 0; n < 32 && (c = fgetc(f)) != EOF;) {
		int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
		if (digit >= 0) {
			id[n / 2] = (uint8_t)(id[n / 2] << 4 | digit);
			n++;
		}
	}
	fclose(f);
}

static inline uint64_t annulus_clock_(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* annulus_close lets go of the memory; the ring stays. Detach the endpoints
 * first: ANNULUS_INVALID while one is attached. */
static inline int annulus_close(struct annulus *r)
{
	for (size_t i = 0; i < sizeof(r->held) / sizeof(r->held[0]); i++)
		if (__atomic_load_n(&r->held[i], __ATOMIC_ACQUIRE) != 0)
			return annulus_fail_(r->detail, ANNULUS_INVALID, "an endpoint is still attached; detach it first");
	return annulus_undo_(r, ANNULUS_OK);
}

#endif
