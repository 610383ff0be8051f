/* SPDX-License-Identifier: Apache-2.0 */

#ifndef BENCH_CT_REPORT_H
#define BENCH_CT_REPORT_H 1

#include "bench-ct-growth.h"

/* The report of the tracker's benchmark: rows of samples for each tracker.
 *
 * Rows appear in the order in which they were added.  Of each, the median is
 * printed; no sample is nan. */

enum { BENCH_STOCK, BENCH_OURS, BENCH_N_TRACKERS };

#define BENCH_MAX_ROUNDS 100
struct bench_samples {
    double v[BENCH_MAX_ROUNDS];
    int n;
};

struct bench_result {
    const char *name, *unit;    /* "M/s": more is better. */
    struct bench_samples samples[BENCH_N_TRACKERS];
};

struct bench_result *bench_result_add(const char *name, const char *unit);
void bench_sample_add(struct bench_samples *, double);

void bench_print_json(int n_rounds);
/* With goals, and with the histograms of 'batches' if there are any. */
void bench_print_table(const struct bench_times batches[BENCH_N_PHASES]);

#endif /* bench-ct-report.h */
