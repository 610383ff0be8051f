/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_SPIN_H
#define CT_SPIN_H 1

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Spin locks for sections of some ten instructions.
 * ==================================================
 *
 * Promises
 * --------
 * A holder that lost its CPU does not make waiters burn theirs: after some
 * turns they yield.
 *
 * Threads: any, but for signal handlers. */

static inline void
ct_spin_pause(unsigned int *turns)
{
    if (++*turns % 128 == 0) {
        sched_yield();
        return;
    }
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

struct ct_spin {
    atomic_flag flag;
};

static inline void
ct_spin_init(struct ct_spin *spin)
{
    atomic_flag_clear_explicit(&spin->flag, memory_order_relaxed);
}

static inline bool
ct_spin_try(struct ct_spin *spin)
{
    return !atomic_flag_test_and_set_explicit(&spin->flag,
                                              memory_order_acquire);
}

static inline void
ct_spin_lock(struct ct_spin *spin)
{
    unsigned int turns = 0;

    while (!ct_spin_try(spin)) {
        ct_spin_pause(&turns);
    }
}

static inline void
ct_spin_unlock(struct ct_spin *spin)
{
    atomic_flag_clear_explicit(&spin->flag, memory_order_release);
}

#endif /* ct-spin.h */
