/* SPDX-License-Identifier: Apache-2.0 */

/* Beside the way of a packet: how long a batch takes.  Fed by tw-thread, shown
 * by the provider's trackway/stats-show. */

#include <config.h>

#include "tw-iterations.h"

#include <inttypes.h>
#include <sys/resource.h>

#include "openvswitch/dynamic-string.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "tw-stats.h"

static uint64_t
involuntary_switches(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_THREAD, &usage) ? 0 : usage.ru_nivcsw;
}

void
tw_iterations_look__(struct tw_iterations *iterations, uint64_t cycles)
{
    uint64_t switches = involuntary_switches();

    if (switches != iterations->n_switches) {
        iterations->n_switches = switches;
        iterations->n_preempted++;
        return;
    }
    iterations->bins[MIN(log_2_floor(cycles), TW_ITERATION_BINS - 1)]++;
    iterations->longest = MAX(iterations->longest, cycles);
}

double
tw_cycles_per_us(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    static uint64_t first_cycles;
    static long long first_us;
    long long now = time_usec();

    if (ovsthread_once_start(&once)) {
        first_cycles = tw_cycles();
        first_us = now;
        ovsthread_once_done(&once);
    }
    return (now > first_us
            ? (double) (tw_cycles() - first_cycles) / (now - first_us)
            : 0);
}

void
tw_iterations_format(const struct tw_iterations *iterations,
                     const char *indent, struct ds *ds)
{
    double rate = tw_cycles_per_us();

    if (rate <= 0) {
        return;
    }
    for (int i = 0; i < TW_ITERATION_BINS; i++) {
        if (iterations->bins[i]) {
            ds_put_format(ds, "%siterations-under-%.2f-us: %"PRIu64"\n",
                          indent, (double) (UINT64_C(2) << i) / rate,
                          iterations->bins[i]);
        }
    }
    if (iterations->longest) {
        ds_put_format(ds, "%siterations-longest: %.2f us\n", indent,
                      iterations->longest / rate);
    }
    if (iterations->n_preempted) {
        ds_put_format(ds, "%siterations-preempted: %"PRIu64" (the thread lost "
                      "its processor meanwhile)\n", indent,
                      iterations->n_preempted);
    }
}
