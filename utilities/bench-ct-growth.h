/* SPDX-License-Identifier: Apache-2.0 */

#ifndef BENCH_CT_GROWTH_H
#define BENCH_CT_GROWTH_H 1

#include <stdint.h>

/* What a batch costs while the tracker grows, and while it is swept.
 * ==================================================================
 *
 * What
 * ----
 * One packet thread (the caller) has batches of 32 new connections tracked,
 * and takes its own CPU time for each, beside the tracker's maintenance
 * thread:
 *
 *     creating    until there are n connections
 *     expiring    while they expire, all within a second or two
 *     draining    while they, created anew, are ended after a flush
 *     memory      the same clock around 256 writes to random places of as much
 *                 memory, for ten seconds, without a tracker, beside a thread
 *                 that runs: what the machine itself adds
 *
 * Units: nanoseconds.  Bins of the histogram are octaves: bin i counts what
 * took from 2^i to 2^(i + 1) - 1. */

enum bench_phase {
    BENCH_CREATING,
    BENCH_EXPIRING,
    BENCH_DRAINING,
    BENCH_MEMORY,
    BENCH_N_PHASES
};

extern const char *bench_phase_names[BENCH_N_PHASES];

#define BENCH_N_BINS 40

struct bench_times {
    uint64_t bins[BENCH_N_BINS];
    uint64_t fine[BENCH_N_BINS][16];    /* Sixteenths of them. */
    uint64_t n;
    uint64_t longest;
    long int longest_faults;            /* Page faults in that batch. */
    uint64_t n_late;                    /* Over 1 ms. */
};

void bench_growth(uint32_t n, struct bench_times[BENCH_N_PHASES]);

/* What 'share' of them, as 0.999, did not exceed. */
double bench_times_quantile(const struct bench_times *, double share);

#endif /* bench-ct-growth.h */
