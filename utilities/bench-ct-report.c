/* SPDX-License-Identifier: Apache-2.0 */

/* What bench-ct.c has measured: medians, as a table or as JSON. */

#include <config.h>

#include "bench-ct-report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static struct bench_result results[32];
static int n_results;

static const char *names[BENCH_N_TRACKERS] = {
    [BENCH_STOCK] = "stock",
    [BENCH_OURS] = "trackway",
};

struct bench_result *
bench_result_add(const char *name, const char *unit)
{
    struct bench_result *r = &results[n_results++];

    ovs_assert(n_results <= ARRAY_SIZE(results));
    r->name = name;
    r->unit = unit;
    return r;
}

static int
compare_doubles(const void *a_, const void *b_)
{
    const double *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

static double
median(const struct bench_samples *s)
{
    double v[BENCH_MAX_ROUNDS];

    if (!s->n) {
        return NAN;
    }
    memcpy(v, s->v, sizeof v);
    qsort(v, s->n, sizeof *v, compare_doubles);
    return s->n % 2 ? v[s->n / 2] : (v[s->n / 2 - 1] + v[s->n / 2]) / 2;
}

void
bench_sample_add(struct bench_samples *s, double v)
{
    if (s->n < BENCH_MAX_ROUNDS) {
        s->v[s->n++] = v;
    }
}

static double
value(const char *name, int who)
{
    for (int i = 0; i < n_results; i++) {
        if (!strcmp(results[i].name, name)) {
            return median(&results[i].samples[who]);
        }
    }
    return NAN;
}

void
bench_print_json(int n_rounds)
{
    printf("{\"rounds\": %d, \"results\": [", n_rounds);
    for (int i = 0; i < n_results; i++) {
        const struct bench_result *r = &results[i];

        printf("%s\n  {\"name\": \"%s\", \"unit\": \"%s\"", i ? "," : "",
               r->name, r->unit);
        for (int who = 0; who < BENCH_N_TRACKERS; who++) {
            const struct bench_samples *samples = &r->samples[who];

            if (!samples->n) {
                continue;
            }
            printf(", \"%s\": {\"median\": %.4g, \"samples\": [",
                   names[who], median(samples));
            for (int j = 0; j < samples->n; j++) {
                printf("%s%.4g", j ? ", " : "", samples->v[j]);
            }
            printf("]}");
        }
        printf("}");
    }
    printf("\n]}\n");
}

/* What a row must reach; or, with 'by', a row compared with another. */
struct goal {
    const char *what;
    const char *row, *by;
    int row_who, by_who;
    bool at_least;
    double limit;
    const char *unit;
};

static const struct goal goals[] = {
    { "established, 1 M: stock's cost by ours",
      "established, 1 M", "established, 1 M", BENCH_STOCK, BENCH_OURS,
      true, 4, "times" },
    { "new, at 1 M: our rate by stock's",
      "new, at 1 M, 1 thread", "new, at 1 M, 1 thread",
      BENCH_OURS, BENCH_STOCK, true, 2, "times" },
    { "memory of a connection",
      "memory of a connection", NULL, BENCH_OURS, 0, false, 160, "bytes" },
    { "memory of a connection with SNAT",
      "memory of one with SNAT", NULL, BENCH_OURS, 0, false, 200, "bytes" },
    { "new, at 1 M: 2 threads by 1",
      "new, at 1 M, 2 threads", "new, at 1 M, 1 thread",
      BENCH_OURS, BENCH_OURS, true, 1.6, "times" },
    { "16 k chosen tuples by random ones",
      "established, 16 k chosen", "established, 16 k random",
      BENCH_OURS, BENCH_OURS, false, 2, "times" },
    { "SNAT: 99 % of ports used by none",
      "SNAT, new, 99 % of ports used", "SNAT, new, ports free",
      BENCH_OURS, BENCH_OURS, false, 3, "times" },
    { "longest batch, creating",
      "batch, creating, longest", NULL, BENCH_OURS, 0, false, 1000, "us" },
    { "longest batch, expiring",
      "batch, expiring, longest", NULL, BENCH_OURS, 0, false, 1000, "us" },
    { "longest batch, draining",
      "batch, draining, longest", NULL, BENCH_OURS, 0, false, 1000, "us" },
};

static void
print_goal(const struct goal *goal)
{
    double v = value(goal->row, goal->row_who);

    if (goal->by) {
        v /= value(goal->by, goal->by_who);
    }
    if (!isnan(v)) {
        bool reached = goal->at_least ? v >= goal->limit : v <= goal->limit;

        printf("%-48s %8.2f %-6s (goal: %s %g)  %s\n", goal->what, v,
               goal->unit, goal->at_least ? "at least" : "at most",
               goal->limit, reached ? "ok" : "MISSED");
    }
}

static void
print_histograms(const struct bench_times batches[BENCH_N_PHASES])
{
    printf("\n%16s", "batches from");
    for (int i = 0; i < BENCH_N_PHASES; i++) {
        printf(" %10s", bench_phase_names[i]);
    }
    for (int bin = 10; bin < 24; bin++) {
        printf("\n%13.1f us", (1 << bin) / 1e3);
        for (int i = 0; i < BENCH_N_PHASES; i++) {
            printf(" %10"PRIu64, batches[i].bins[bin]);
        }
    }
    printf("\n%16s", "page faults");
    for (int i = 0; i < BENCH_N_PHASES; i++) {
        printf(" %10ld", batches[i].longest_faults);
    }
    printf("  (in the longest)\n");
}

void
bench_print_table(const struct bench_times batches[BENCH_N_PHASES])
{
    printf("%-34s %-10s %10s %10s %8s\n", "", "", "stock", "trackway",
           "ratio");
    for (int i = 0; i < n_results; i++) {
        const struct bench_result *r = &results[i];
        double stock = median(&r->samples[BENCH_STOCK]);
        double ours = median(&r->samples[BENCH_OURS]);
        bool rate = !strcmp(r->unit, "M/s");

        printf("%-34s %-10s %10.4g %10.4g %7.1fx\n", r->name, r->unit, stock,
               ours, rate ? ours / stock : stock / ours);
    }
    printf("\n");
    for (size_t i = 0; i < ARRAY_SIZE(goals); i++) {
        print_goal(&goals[i]);
    }
    if (batches[BENCH_CREATING].n) {
        print_histograms(batches);
    }
}
