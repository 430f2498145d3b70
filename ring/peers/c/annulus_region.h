/* The memory of a ring: create, open, close. Included by annulus.h. */
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

#if defined(__x86_64__)
#define ANNULUS_STRIDE_HERE_ 128 /* its prefetcher fetches lines in pairs */
#else
#define ANNULUS_STRIDE_HERE_ 64
#endif

/* annulus_overrun is what the producer of a broadcast ring does. */
enum annulus_overrun {
	ANNULUS_OVERWRITE = 0, /* it waits for nobody; consumers find out: ANNULUS_OVERRUN */
	ANNULUS_BLOCK,         /* it waits for the slowest live consumer: ANNULUS_FULL */
	ANNULUS_DROP,          /* it drops the message that is being sent, for all */
};

/* annulus_config says what ring to make. Zero fields are defaults. */
struct annulus_config {
	uint32_t kind;      /* ANNULUS_KIND_BYTES (default) or ANNULUS_KIND_SLOTS */
	uint64_t capacity;  /* bytes (default 1 MiB) or slots (default 4096); a power of two */
	uint64_t slot_size; /* KIND_SLOTS: bytes of every message */
	uint64_t stride;    /* bytes that keep two writers apart; default 128 on x86, else 64 */
	unsigned mode;      /* permission bits; default 0600 */
	uint32_t topology;  /* ANNULUS_TOPOLOGY_SPSC (default), _MPMC (kind slots), _MPSC (lanes), _MPSC_ORDERED or _CAST (kind bytes) */
	uint64_t members;   /* how many endpoints there can be at a time; default 64. MPSC: producers, each with a lane of
			     * that capacity; default 8. SPSC: 0 */
	int fixed;          /* MPMC: every message has slot_size bytes, else at most so many */
	int redeliver;      /* MPMC: what a dead consumer had in its hands goes to another; else it is dropped */
	enum annulus_overrun overrun; /* broadcast: what the producer does where it would overwrite what somebody has not received */
	uint64_t fingerprint; /* kind slots: of the type that all messages are of, as Go computes it; makes them fixed. Default 0: of none */
	const char *element;  /* name of that type, for people */
};

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

static inline int annulus_defaults_(struct annulus *r, const struct annulus_config *config)
{
	struct annulus_config c;
	memset(&c, 0, sizeof(c));
	if (config)
		c = *config;
	int many = c.topology == ANNULUS_TOPOLOGY_MPMC;
	if (c.redeliver && !many)
		return annulus_fail_(r->detail, ANNULUS_INVALID, "redeliver is for MPMC rings; others do so anyway");
	if (c.overrun && c.topology != ANNULUS_TOPOLOGY_CAST)
		return annulus_fail_(r->detail, ANNULUS_INVALID, "block and drop are for broadcast rings");
	if ((c.fingerprint || c.element) && !(many || c.kind == ANNULUS_KIND_SLOTS))
		return annulus_fail_(r->detail, ANNULUS_INVALID, "a type is for rings of slots");
	struct annulus_shape_ s = {c.kind, c.topology, c.capacity, c.slot_size, c.stride, c.members, many && !c.fixed && !c.fingerprint};
	if (s.topology == 0)
		s.topology = ANNULUS_TOPOLOGY_SPSC;
	if (s.kind == 0)
		s.kind = many ? ANNULUS_KIND_SLOTS : ANNULUS_KIND_BYTES;
	if (s.capacity == 0)
		s.capacity = s.kind == ANNULUS_KIND_SLOTS ? 4096 : 1 << 20;
	if (s.members == 0 && s.topology != ANNULUS_TOPOLOGY_SPSC)
		s.members = s.topology == ANNULUS_TOPOLOGY_MPSC ? 8 : 64;
	if (s.stride == 0)
		s.stride = ANNULUS_STRIDE_HERE_;
	return annulus_compute_(&r->geometry, &s, r->detail);
}

/* annulus_required_ are the features that a new ring asks for. */
static inline uint64_t annulus_required_(const struct annulus_config *c)
{
	if (c == NULL)
		return 0;
	return (c->redeliver ? ANNULUS_FEATURE_REDELIVER : 0) | (c->overrun == ANNULUS_BLOCK ? ANNULUS_FEATURE_BLOCK : 0) |
	       (c->overrun == ANNULUS_DROP ? ANNULUS_FEATURE_DROP : 0);
}

/* annulus_draft_ makes a file for path that has no name yet, and maps it. */
static inline int annulus_draft_(struct annulus *r, const char *path)
{
	char dir[PATH_MAX];
	int rc;
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	if (*base == 0 || strlen(path) >= sizeof(dir))
		return annulus_fail_(r->detail, ANNULUS_INVALID, "path %.80s: want the name of a file", path);
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	/* A file without a name: a creator that dies here leaves nothing. */
	r->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (r->fd < 0) {
		if (errno == EISDIR || errno == EINVAL)
			errno = EOPNOTSUPP;
		return annulus_system_(r, "create an unnamed file in", dir);
	}
	do { /* all pages now: a full file system is an error here, not SIGBUS later */
		rc = fallocate(r->fd, 0, 0, (off_t)r->geometry.total_size);
	} while (rc != 0 && errno == EINTR);
	if (rc != 0)
		return annulus_undo_(r, annulus_system_(r, "allocate", path));
	rc = annulus_map_(r, path);
	return rc ? annulus_undo_(r, rc) : ANNULUS_OK;
}

/* annulus_link_ gives a draft, now complete, its name. */
static inline int annulus_link_(struct annulus *r, const char *path, unsigned mode)
{
	char fd_path[64];
	snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", r->fd);
	if (fchmod(r->fd, (mode_t)(mode & 0666)) != 0)
		return annulus_undo_(r, annulus_system_(r, "chmod", path));
	if (linkat(AT_FDCWD, fd_path, AT_FDCWD, path, AT_SYMLINK_FOLLOW) != 0)
		return annulus_undo_(r, annulus_system_(r, "link", path));
	r->named = 1;
	return ANNULUS_OK;
}

/* annulus_create_path makes a ring in a new file, complete before it has its
 * name, and opens it. config may be NULL. */
static inline int annulus_create_path(struct annulus *r, const char *path, const struct annulus_config *config)
{
	uint8_t boot_id[16];
	annulus_clear_(r);
	int rc = annulus_defaults_(r, config);
	if (rc == ANNULUS_OK)
		rc = annulus_draft_(r, path);
	if (rc)
		return rc;
	annulus_boot_id_(boot_id);
	annulus_format_(r->base, &r->geometry, config ? config->fingerprint : 0, config ? config->element : NULL, annulus_required_(config),
			boot_id, annulus_clock_(CLOCK_REALTIME), (uint64_t)getpid());
	memcpy(&r->header, r->base, sizeof(r->header));
	return annulus_link_(r, path, config && config->mode ? config->mode : 0600);
}

/* annulus_create is annulus_create_path in POSIX shared memory. */
static inline int annulus_create(struct annulus *r, const char *name, const struct annulus_config *config)
{
	char path[NAME_MAX + 16];
	annulus_clear_(r);
	int rc = annulus_posix_path_(r, name, path, sizeof(path));
	return rc ? rc : annulus_create_path(r, path, config);
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
