/* The options of peer. ../PROGRAM.md says what they mean. */
#ifndef ANNULUS_PEER_OPTIONS_H
#define ANNULUS_PEER_OPTIONS_H

#include <getopt.h>

#include "annulus.h"
#include "peer_payload.h"

struct options {
	uint64_t count, start, batch, die_after, capacity, checks, tag, members, per_sender, warm;
	struct stream stream;
	enum annulus_strategy wait;
	enum annulus_overrun overrun;
	uint32_t kind, topology;
	uint64_t until;
	int resume, block, timeout, cut, sized, redeliver, fixed, any, hold, announce, backlog, readonly, lossy;
};

static inline uint32_t topology_of(const char *name)
{
	static const char *const names[] = {"", "spsc", "mpmc", "mpsc", "mpsc-ordered", "broadcast"};
	for (uint32_t i = ANNULUS_TOPOLOGY_SPSC; i <= ANNULUS_TOPOLOGY_CAST; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return 0;
}

static inline int parse(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{"count", 1, NULL, 'c'}, {"start", 1, NULL, 'f'}, {"size", 1, NULL, 's'}, {"seed", 1, NULL, 'e'},
		{"wait", 1, NULL, 'w'}, {"kind", 1, NULL, 'k'}, {"batch", 1, NULL, 'b'}, {"timeout", 1, NULL, 't'},
		{"checks", 1, NULL, 'K'}, {"die-after", 1, NULL, 'd'}, {"cut", 0, NULL, 'x'}, {"capacity", 1, NULL, 'C'},
		{"mpmc", 0, NULL, 'm'}, {"topology", 1, NULL, 'p'}, {"overrun", 1, NULL, 'o'}, {"announce", 0, NULL, 'A'}, {"per-sender", 1, NULL, 'P'},
		{"resume", 0, NULL, 'S'}, {"until", 1, NULL, 'U'}, {"backlog", 0, NULL, 'B'}, {"readonly", 0, NULL, 'R'}, {"lossy", 0, NULL, 'L'}, {"redeliver", 0, NULL, 'r'}, {"fixed", 0, NULL, 'F'},
		{"members", 1, NULL, 'M'}, {"tag", 1, NULL, 'T'}, {"warm", 1, NULL, 'W'}, {"any", 0, NULL, 'a'}, {"hold", 0, NULL, 'H'}, {NULL, 0, NULL, 0},
	};
	const struct options defaults = {
		.count = UINT64_MAX, .batch = 1, .checks = 1, .stream = {.min = 12, .max = 1024}, .wait = ANNULUS_FUTEX, .timeout = -1,
		.topology = ANNULUS_TOPOLOGY_SPSC,
	};
	*o = defaults;
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		char *end;
		switch (c) {
		case 'c': o->count = strtoull(optarg, NULL, 0); break;
		case 'f': o->start = strtoull(optarg, NULL, 0); break;
		case 'e': o->stream.seed = strtoull(optarg, NULL, 0); break;
		case 'b': o->batch = strtoull(optarg, NULL, 0); break;
		case 't': o->timeout = atoi(optarg); break;
		case 'K': o->checks = strtoull(optarg, NULL, 0); break;
		case 'd': o->die_after = strtoull(optarg, NULL, 0); break;
		case 'T': o->tag = strtoull(optarg, NULL, 0); break;
		case 'W': o->warm = strtoull(optarg, NULL, 0); break;
		case 'x': o->cut = 1; break;
		case 'm': o->topology = ANNULUS_TOPOLOGY_MPMC; break;
		case 'p':
			if ((o->topology = topology_of(optarg)) == 0)
				return -1;
			break;
		case 'o':
			o->overrun = strcmp(optarg, "block") == 0 ? ANNULUS_BLOCK : strcmp(optarg, "drop") == 0 ? ANNULUS_DROP : ANNULUS_OVERWRITE;
			break;
		case 'S': o->resume = 1; break;
		case 'U': o->until = strtoull(optarg, NULL, 0); break;
		case 'A': o->announce = 1; break;
		case 'P': o->per_sender = strtoull(optarg, NULL, 0); break;
		case 'B': o->backlog = 1; break;
		case 'R': o->readonly = 1; break;
		case 'L': o->lossy = 1; break;
		case 'r': o->redeliver = 1; break;
		case 'M': o->members = strtoull(optarg, NULL, 0); break;
		case 'F': o->fixed = 1; break;
		case 'a': o->any = 1; break;
		case 'H': o->hold = 1; break;
		case 'C': o->capacity = strtoull(optarg, NULL, 0); break;
		case 'k':
			o->block = strcmp(optarg, "block") == 0;
			o->kind = strcmp(optarg, "slots") == 0 ? ANNULUS_KIND_SLOTS : ANNULUS_KIND_BYTES;
			break;
		case 's':
			o->sized = 1;
			o->stream.min = o->stream.max = strtoull(optarg, &end, 0);
			if (*end == ':')
				o->stream.max = strtoull(end + 1, NULL, 0);
			break;
		case 'w':
			o->wait = strcmp(optarg, "spin") == 0 ? ANNULUS_SPIN
				: strcmp(optarg, "semaphore") == 0 ? ANNULUS_SEMAPHORE : ANNULUS_FUTEX;
			break;
		default: return -1;
		}
	}
	if (o->batch == 0 || o->stream.min > o->stream.max || o->stream.max > ANNULUS_MAX_MESSAGE)
		return -1;
	return optind;
}

#endif
