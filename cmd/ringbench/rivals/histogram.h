/*
 * Log-linear histogram of nanoseconds: 1024 steps to each power of two, that
 * is three digits, up to 2^40 ns.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define HIST_SUB 1024
#define HIST_STEPS (HIST_SUB * 32)

struct histogram {
	uint64_t total, least, greatest;
	uint64_t count[HIST_STEPS];
};

static inline void hist_add(struct histogram *h, uint64_t ns)
{
	int shift = ns < HIST_SUB ? 0 : 64 - __builtin_clzll(ns) - 10; /* ns >> shift < HIST_SUB */
	if (shift > 30) {
		shift = 30;
		ns = ((uint64_t)1 << 40) - 1;
	}
	h->count[shift * HIST_SUB + (int)(ns >> shift)]++;
	if (h->total++ == 0 || ns < h->least)
		h->least = ns;
	if (ns > h->greatest)
		h->greatest = ns;
}

static inline void hist_reset(struct histogram *h) { memset(h, 0, sizeof *h); }

static inline uint64_t hist_at(const struct histogram *h, double quantile)
{
	uint64_t want = (uint64_t)(quantile * (double)h->total + 0.5), seen = 0;
	if (want < 1)
		return h->least;
	for (int i = 0; i < HIST_STEPS; i++) {
		seen += h->count[i];
		if (seen >= want) {
			/* The upper end of the step, as HdrHistogram counts it. */
			int shift = i / HIST_SUB;
			uint64_t v = (((uint64_t)(i % HIST_SUB) + 1) << shift) - 1;
			return v < h->greatest ? v : h->greatest;
		}
	}
	return h->greatest;
}

/* The members of the JSON line that tell of delays, those of report.Latency and report.Quantiles. */
static void hist_print(const struct histogram *h)
{
	static const struct { const char *name; double at; } latency[] = {
		{"p50", 0.50}, {"p90", 0.90}, {"p99", 0.99}, {"p99_9", 0.999}, {"p99_99", 0.9999}, {"max", 1},
	};
	static const double quantiles[] = {0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999, 1};
	if (h->total == 0)
		return;
	printf(",\"latency_ns\":");
	for (size_t i = 0; i < sizeof latency / sizeof *latency; i++)
		printf("%s\"%s\":%llu", i ? "," : "{", latency[i].name, (unsigned long long)hist_at(h, latency[i].at));
	printf("},\"distribution\":");
	for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
		printf("%s%llu", i ? "," : "[", (unsigned long long)hist_at(h, quantiles[i]));
	printf("]");
}

#endif
