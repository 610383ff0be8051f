/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_SCHEDULE_H
#define TW_SCHEDULE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which thread polls which receive queue.
 * =======================================
 *
 * What
 * ----
 * A pure function from queues and cores to an assignment.  A queue that is
 * pinned to a core of the list goes there, and, if 'isolate', the queues that
 * are not pinned keep away from that core.  Other queues go to a core of
 * their device's NUMA node, or to any if that has none.
 *
 * How those are spread is other_config:pmd-rxq-assign:
 *
 *   roundrobin   in the order given, one core after the other
 *   cycles       the busiest queue first, over the cores and back again
 *   group        the busiest queue first, each to the core with the least
 *
 * Cost: n_queues * n_cores.  Threads: none, pure. */

enum tw_assign {
    TW_ASSIGN_ROUNDROBIN,
    TW_ASSIGN_CYCLES,
    TW_ASSIGN_GROUP
};

struct tw_schedule_queue {
    int numa_id;
    bool pinned;
    unsigned pinned_core;
    uint64_t load;
    int core;                   /* Out: index of its core, -1 for none. */
};

struct tw_schedule_core {
    unsigned core_id;
    int numa_id;
    bool isolated;              /* Out. */
    uint64_t load;              /* Out: sum of its queues' loads. */
    size_t n_queues;            /* Out. */
};

void tw_schedule(struct tw_schedule_queue *, size_t n_queues,
                 struct tw_schedule_core *, size_t n_cores,
                 enum tw_assign, bool isolate);

/* "cycles", "roundrobin", "group". */
bool tw_assign_from_string(const char *, enum tw_assign *);
const char *tw_assign_to_string(enum tw_assign);

#endif /* tw-schedule.h */
