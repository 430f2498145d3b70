/* New rings, each complete before it has its name. Included by annulus.h. */
#ifndef ANNULUS_CREATE_H
#define ANNULUS_CREATE_H

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

#endif
