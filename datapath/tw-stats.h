/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_STATS_H
#define TW_STATS_H 1

#include <stdint.h>

#include "tw-drop.h"

/* Counters of one packet thread.
 * ==============================
 *
 * Threads
 * -------
 * Only their thread writes them (plain stores of aligned 64-bit words), any
 * thread may read them: a reader sees each counter whole, the sum of several
 * a moment old.
 *
 * Promises
 * --------
 * They only grow.  Those of a thread that has ended go on to count in the sum
 * of its datapath.  "Clearing" them remembers where they stood.
 *
 * Units: packets, events, and cycles as tw_cycles() counts them.
 */

#define TW_STATS                                                          \
    TW_STAT(PACKETS,     "packets",      "received from ports")           \
    TW_STAT(RECIRC,      "recirculations", "packets looked up again")     \
    TW_STAT(HIT,         "hits",         "lookups that found a megaflow") \
    TW_STAT(MISS,        "misses",       "lookups that found none")       \
    TW_STAT(LOST,        "lost",         "misses that no upcall served")  \
    TW_STAT(SUBTABLES,   "subtables",    "masked tables looked into")     \
    TW_STAT(BATCHES,     "batches",      "batches received")              \
    TW_STAT(POLLS,       "polls",        "polls of receive queues")       \
    TW_STAT(SENT,        "sent",         "packets given to ports")

enum tw_stat {
#define TW_STAT(ENUM, NAME, HELP) TW_STAT_##ENUM,
    TW_STATS
#undef TW_STAT
    TW_N_STATS
};

struct tw_stats {
    uint64_t n[TW_N_STATS];
    uint64_t drops[TW_N_DROPS];
    uint64_t busy_cycles;
    uint64_t idle_cycles;
};

static inline void
tw_stats_add(struct tw_stats *stats, enum tw_stat stat, uint64_t n)
{
    stats->n[stat] += n;
}

static inline void
tw_stats_drop(struct tw_stats *stats, enum tw_drop reason, uint64_t n)
{
    if (n) {
        stats->drops[reason] += n;
        tw_drop_cover(reason, n);
    }
}

const char *tw_stat_name(enum tw_stat);
const char *tw_stat_help(enum tw_stat);

/* Adds 'b' to 'a'; takes 'b' away from 'a'. */
void tw_stats_accumulate(struct tw_stats *a, const struct tw_stats *b);
void tw_stats_subtract(struct tw_stats *a, const struct tw_stats *b);

/* All threads of a datapath, present and past.  From any thread. */
struct tw_datapath;
void tw_stats_sum(const struct tw_datapath *, struct tw_stats *);

/* "name: value (sentence)" lines, each after 'indent'.  Counters that have
 * always a meaning are shown even when 0, drops only when some packet was
 * dropped for that reason. */
struct ds;
void tw_stats_format(const struct tw_stats *, const char *indent, struct ds *);

/* The machine's counter of time, for shares and comparisons: its rate is not
 * known, and it may differ between cores by a little. */
uint64_t tw_cycles__(void);

static inline uint64_t
tw_cycles(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t cycles;

    asm volatile("mrs %0, cntvct_el0" : "=r" (cycles));
    return cycles;
#else
    return tw_cycles__();
#endif
}

#endif /* tw-stats.h */
