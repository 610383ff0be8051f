/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_ITERATIONS_H
#define TW_ITERATIONS_H 1

#include <stdint.h>

#include "util.h"

struct ds;

/* How long a packet thread is busy with one batch.
 * =================================================
 *
 * What
 * ----
 * A histogram, by powers of 2 of cycles, of the time from the reception of a
 * batch until all of it is sent: how long a packet that comes meanwhile has to
 * wait.  An iteration in which the thread lost its processor says nothing of
 * its own work: long ones are looked at, and counted apart if the kernel says
 * so (involuntary context switches; a virtual machine's host may take the
 * processor away without a trace).
 *
 * Threads: written by the owning thread, read by any.
 *
 * Units: cycles of tw_cycles().
 */

#define TW_ITERATION_BINS 48

/* From here on an iteration is looked at: 2^19 cycles, some 0.2 ms. */
#define TW_ITERATION_LONG 19

struct tw_iterations {
    uint64_t bins[TW_ITERATION_BINS];   /* [i]: 2^i <= cycles < 2^(i + 1). */
    uint64_t longest;
    uint64_t n_preempted;
    uint64_t n_switches;                /* Of the thread, when last looked. */
};

void tw_iterations_look__(struct tw_iterations *, uint64_t cycles);

static inline void
tw_iterations_add(struct tw_iterations *iterations, uint64_t cycles)
{
    if (OVS_UNLIKELY(cycles >> TW_ITERATION_LONG)) {
        tw_iterations_look__(iterations, cycles);
    } else {
        iterations->bins[log_2_floor(cycles | 1)]++;
    }
}

/* A line for each bin that is not empty, in microseconds. */
void tw_iterations_format(const struct tw_iterations *, const char *indent,
                          struct ds *);

/* Cycles in a microsecond, as measured since the first call; 0 if that was
 * just now. */
double tw_cycles_per_us(void);

#endif /* tw-iterations.h */
