/* Annulus rings for C and C++: one producer and one consumer (SPSC), many (MPMC), many
 * producers (MPSC: in lanes, or in one order), many consumers that each receive everything
 * (broadcast); and cells, which hold the latest value. In whatever processes and languages
 * speak docs/spec/layout-v1.md.
 *
 *   cc -std=c11 -D_GNU_SOURCE -O2 program.c -o program -pthread
 *
 * Everything is static inline. A program keeps three structs, whose fields are
 * private: a handle on the memory (struct annulus) and the endpoints on it, of a side
 * as many as the topology allows. They must not be moved or copied while in use.
 *
 *   annulus_create.h    create
 *   annulus_region.h    open, close
 *   annulus_side.h      who is attached
 *   annulus_granule.h   settle what the dead have left
 *   annulus_producer.h  take and leave the sending end
 *   annulus_send.h      send, reserve, batches
 *   annulus_consumer.h  take and leave the receiving end
 *   annulus_recv.h      receive, peek, end of stream
 *   annulus_cell.h      cells and blocks; annulus_cell_write.h, annulus_cell_read.h
 *
 * The topologies have files of their own beside these: ..._ticket.h MPMC, annulus_lanes.h,
 * ..._granule.h one order, ..._cast.h broadcast.
 *
 * One thread at a time uses a handle, an endpoint likewise; the endpoints of
 * one handle may be in as many threads. annulus_producer_cancel and
 * annulus_consumer_cancel may come from any thread or signal handler.
 *
 * Functions return ANNULUS_OK (0) or one of the codes below; annulus_strerror
 * names it. Where there is more to say, it stands in one line in the detail
 * field of the struct that was passed.
 *
 * Names that end in an underscore are not for users.
 */
#ifndef ANNULUS_H
#define ANNULUS_H

#if !defined(__linux__) || !defined(__LP64__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "annulus.h: needs 64-bit little-endian Linux"
#endif
#ifndef _GNU_SOURCE
#error "annulus.h: compile with -D_GNU_SOURCE"
#endif

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "annulus_layout.h"

enum annulus_error {
	ANNULUS_OK = 0,

	/* Ordinary answers. */
	ANNULUS_FULL,      /* the message does not fit now */
	ANNULUS_EMPTY,     /* nothing to receive now */
	ANNULUS_END,       /* the producer has closed and all is received */
	ANNULUS_TIMEOUT,   /* the time allowed for waiting is over */
	ANNULUS_CANCELLED, /* annulus_*_cancel was called */
	ANNULUS_OVERRUN,   /* broadcast: messages were overwritten before they were received; the next call goes on with the latest */

	/* Mistakes of the caller; nothing has happened. */
	ANNULUS_TOO_LARGE,    /* longer than the ring's greatest message */
	ANNULUS_TOO_SMALL,    /* the buffer is; the message stays */
	ANNULUS_SIZE,         /* not of the slot size */
	ANNULUS_RESERVED,     /* a reservation is open: commit, stage or abort it */
	ANNULUS_NOT_RESERVED, /* no reservation is open */
	ANNULUS_INVALID,      /* an argument makes no sense, or a handle is in use */
	ANNULUS_HELD,         /* MPMC: others have received meanwhile; release what was peeked first */

	/* The peer. */
	ANNULUS_CLOSED,   /* the consumer wants no more */
	ANNULUS_ATTACHED, /* the role is held by a live endpoint */
	ANNULUS_REMOVED,  /* the ring has no name any more and no peer */
	ANNULUS_CORRUPT,  /* memory holds what no correct peer writes; detach */
	ANNULUS_LOST,     /* the file under the ring was cut; detach */

	/* Headers that are refused. */
	ANNULUS_SHORT,     /* the file is shorter than the ring in it */
	ANNULUS_NOT_RING,  /* other bytes than a ring's */
	ANNULUS_ENDIAN,    /* a ring of the other byte order */
	ANNULUS_NOT_READY, /* its creator is at work, or died */
	ANNULUS_VERSION,   /* another major version */
	ANNULUS_CHECKSUM,  /* a damaged header */
	ANNULUS_FEATURE,   /* needs what this header file does not know */
	ANNULUS_GEOMETRY,  /* impossible sizes */

	/* The system. */
	ANNULUS_EXISTS,      /* create: the name is taken */
	ANNULUS_NOT_FOUND,   /* open: there is none of that name */
	ANNULUS_PERMISSION,  /* not allowed, or a file of another user */
	ANNULUS_NO_SPACE,    /* the file system is full */
	ANNULUS_UNSUPPORTED, /* not to be had here */
	ANNULUS_SYSTEM,      /* another system call failed: see detail */
};

/* annulus_strerror returns a constant text for a code. */
static inline const char *annulus_strerror(int code)
{
	static const char *const text[] = {
		"ok", "ring full", "ring empty", "end of stream", "timed out", "cancelled", "overrun",
		"message too large", "buffer too small", "message of the wrong size", "a reservation is open",
		"no reservation is open", "invalid argument", "release what was peeked first", "closed by the consumer", "role already taken",
		"ring removed", "ring corrupt", "memory lost", "file shorter than the ring in it", "not a ring",
		"ring of the other byte order", "ring not initialised yet", "ring of another layout version",
		"ring header damaged", "ring needs a feature unknown here", "impossible ring geometry",
		"name is taken", "no such ring", "permission denied", "no space left", "not supported here",
		"system call failed",
	};
	if (code < 0 || (size_t)code >= sizeof(text) / sizeof(text[0]))
		return "unknown error";
	return text[code];
}

/* How a blocking call waits once its first looks found nothing. */
enum annulus_strategy {
	ANNULUS_SPIN = 0,  /* never sleeps: one processor busy, least latency */
	ANNULUS_FUTEX,     /* sleeps on the ring's futex word */
	ANNULUS_SEMAPHORE, /* sleeps on the ring's sem_t (glibc) */
};

enum { ANNULUS_DETAIL = 160 }; /* bytes of a detail line with its zero */

/* annulus_geometry says where everything lies. It is computed, compared with
 * the header once, and kept in private memory. */
struct annulus_geometry {
	uint32_t kind, topology;
	uint64_t stride, capacity, slot_size, slot_stride, slot_payload, max_message;
	uint64_t members; /* entries of the endpoint table */
	uint64_t producer_area, consumer_area, shared_area, endpoint_table, data_area, data_size, total_size;
	uint64_t lane_producers, lane_consumers, lane_stride; /* MPSC; data_area and data_size are lane 0's */
	uint64_t granules, word_table;                        /* MPSC in one order */
};

/* annulus is a handle on the memory of one ring. */
struct annulus {
	int fd;
	int readonly;
	int named;                      /* the file had a name when it was opened */
	uint64_t held[(ANNULUS_LOCK_MEMBER + ANNULUS_MAX_MEMBERS + 63) / 64]; /* bit i: this handle holds lock byte i */
	uint8_t *base;
	struct annulus_geometry geometry;
	struct annulus_header header;   /* a private copy */
	char detail[ANNULUS_DETAIL];
};

static inline int annulus_fail_(char *detail, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#include <stdarg.h>

/* annulus_fail_ fills a detail line. */
static inline int annulus_fail_(char *detail, int code, const char *format, ...)
{
	int n = snprintf(detail, ANNULUS_DETAIL, "%s: ", annulus_strerror(code));
	va_list args;
	va_start(args, format);
	vsnprintf(detail + n, (size_t)(ANNULUS_DETAIL - n), format, args);
	va_end(args);
	return code;
}

/* Shared words are read once, by these; what they return is bounded before it
 * is used. Unless said otherwise loads acquire and stores release. */
#define ANNULUS_LOAD_(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define ANNULUS_STORE_(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

static inline uint64_t annulus_align_(uint64_t n, uint64_t a) { return (n + a - 1) & ~(a - 1); }
static inline uint64_t annulus_min_(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t annulus_max_(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* annulus_room_for_ is true if end lies not behind limit. Positions are compared
 * by their difference, so that they may wrap at 2^64. */
static inline int annulus_room_for_(uint64_t end, uint64_t limit) { return (int64_t)(limit - end) >= 0; }

#include "annulus_geometry.h"
#include "annulus_header.h"
#include "annulus_region.h"
#include "annulus_create.h"
#include "annulus_lock.h"
#include "annulus_gate.h"
#include "annulus_side.h"
#include "annulus_repair.h"
#include "annulus_granule.h"
#include "annulus_member.h"
#include "annulus_endpoint.h"
#include "annulus_wait.h"
#include "annulus_ticket.h"
#include "annulus_cast.h"
#include "annulus_producer.h"
#include "annulus_room.h"
#include "annulus_send_ticket.h"
#include "annulus_send_granule.h"
#include "annulus_send_cast.h"
#include "annulus_send.h"
#include "annulus_consumer.h"
#include "annulus_lanes.h"
#include "annulus_recv_ticket.h"
#include "annulus_recv_granule.h"
#include "annulus_recv_cast.h"
#include "annulus_recv_short.h"
#include "annulus_recv.h"
#include "annulus_cell.h"
#include "annulus_cell_write.h"
#include "annulus_cell_read.h"

#endif
