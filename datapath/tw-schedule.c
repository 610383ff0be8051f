/* SPDX-License-Identifier: Apache-2.0 */

/* Before the way of a packet: which thread polls which receive queue.  Called
 * by tw-reconfigure. */

#include <config.h>

#include "tw-schedule.h"

#include <stdlib.h>
#include <string.h>

#include "ovs-numa.h"
#include "util.h"

static const char *const assign_names[] = {
    [TW_ASSIGN_ROUNDROBIN] = "roundrobin",
    [TW_ASSIGN_CYCLES] = "cycles",
    [TW_ASSIGN_GROUP] = "group",
};

/* The cores that unpinned queues of one NUMA node may use. */
struct pool {
    struct tw_schedule_core **cores;
    size_t n;
    size_t next;                /* Position in the walk over the cores. */
    bool backward;              /* Direction of that walk. */
};

static void assign_pinned(struct tw_schedule_queue *, size_t,
                          struct tw_schedule_core *, size_t, bool isolate);
static struct tw_schedule_queue **sort_unpinned(struct tw_schedule_queue *,
                                                size_t n_queues,
                                                enum tw_assign, size_t *n);
static void assign_on_numa(struct tw_schedule_queue **, size_t n_queues,
                           struct tw_schedule_core *, size_t n_cores,
                           int numa_id, enum tw_assign);

void
tw_schedule(struct tw_schedule_queue *queues, size_t n_queues,
            struct tw_schedule_core *cores, size_t n_cores,
            enum tw_assign assign, bool isolate)
{
    struct tw_schedule_queue **sorted;
    size_t n_sorted;

    assign_pinned(queues, n_queues, cores, n_cores, isolate);

    sorted = sort_unpinned(queues, n_queues, assign, &n_sorted);
    for (size_t i = 0; i < n_sorted; i++) {
        if (sorted[i]->core < 0) {
            assign_on_numa(sorted, n_sorted, cores, n_cores,
                           sorted[i]->numa_id, assign);
        }
    }
    free(sorted);
}

bool
tw_assign_from_string(const char *s, enum tw_assign *assign)
{
    for (size_t i = 0; i < ARRAY_SIZE(assign_names); i++) {
        if (!strcmp(s, assign_names[i])) {
            *assign = i;
            return true;
        }
    }
    return false;
}

const char *
tw_assign_to_string(enum tw_assign assign)
{
    return assign_names[assign];
}

static void
give(struct tw_schedule_queue *queue, struct tw_schedule_core *cores,
     struct tw_schedule_core *core)
{
    queue->core = core - cores;
    core->load += queue->load;
    core->n_queues++;
}

static void
assign_pinned(struct tw_schedule_queue *queues, size_t n_queues,
              struct tw_schedule_core *cores, size_t n_cores, bool isolate)
{
    for (size_t j = 0; j < n_cores; j++) {
        cores[j].isolated = false;
        cores[j].load = cores[j].n_queues = 0;
    }
    for (size_t i = 0; i < n_queues; i++) {
        queues[i].core = -1;
        for (size_t j = 0; queues[i].pinned && j < n_cores; j++) {
            if (cores[j].core_id == queues[i].pinned_core) {
                give(&queues[i], cores, &cores[j]);
                cores[j].isolated |= isolate;
            }
        }
    }
}

static int
compare_load(const void *a_, const void *b_)
{
    const struct tw_schedule_queue *a = *(struct tw_schedule_queue **) a_;
    const struct tw_schedule_queue *b = *(struct tw_schedule_queue **) b_;

    /* Equal loads in the order given, which pointers of one array have. */
    return (a->load > b->load ? -1
            : a->load < b->load ? 1
            : a < b ? -1 : a > b);
}

static struct tw_schedule_queue **
sort_unpinned(struct tw_schedule_queue *queues, size_t n_queues,
              enum tw_assign assign, size_t *n)
{
    struct tw_schedule_queue **sorted = xmalloc((n_queues + 1)
                                                * sizeof *sorted);

    *n = 0;
    for (size_t i = 0; i < n_queues; i++) {
        /* A queue that is pinned to a core outside the list is not polled. */
        if (!queues[i].pinned) {
            sorted[(*n)++] = &queues[i];
        }
    }
    if (assign != TW_ASSIGN_ROUNDROBIN) {
        qsort(sorted, *n, sizeof *sorted, compare_load);
    }
    return sorted;
}

static void
pool_init(struct pool *pool, struct tw_schedule_core *cores, size_t n_cores,
          int numa_id)
{
    *pool = (struct pool) { .cores = xmalloc((n_cores + 1)
                                             * sizeof *pool->cores) };
    for (size_t j = 0; j < n_cores; j++) {
        if (!cores[j].isolated
            && (numa_id == OVS_NUMA_UNSPEC || cores[j].numa_id == numa_id)) {
            pool->cores[pool->n++] = &cores[j];
        }
    }
}

static struct tw_schedule_core *
pool_next_in_turn(struct pool *pool, enum tw_assign assign)
{
    struct tw_schedule_core *core;

    core = pool->cores[pool->backward ? pool->n - 1 - pool->next : pool->next];
    if (++pool->next == pool->n) {
        pool->next = 0;
        pool->backward = assign == TW_ASSIGN_CYCLES && !pool->backward;
    }
    return core;
}

static struct tw_schedule_core *
pool_least_loaded(const struct pool *pool)
{
    struct tw_schedule_core *best = pool->cores[0];

    for (size_t i = 1; i < pool->n; i++) {
        struct tw_schedule_core *core = pool->cores[i];

        if (core->load < best->load
            || (core->load == best->load && core->n_queues < best->n_queues)) {
            best = core;
        }
    }
    return best;
}

static void
assign_on_numa(struct tw_schedule_queue **queues, size_t n_queues,
               struct tw_schedule_core *cores, size_t n_cores,
               int numa_id, enum tw_assign assign)
{
    struct pool pool;

    pool_init(&pool, cores, n_cores, numa_id);
    if (!pool.n) {
        free(pool.cores);
        pool_init(&pool, cores, n_cores, OVS_NUMA_UNSPEC);
    }
    for (size_t i = 0; pool.n && i < n_queues; i++) {
        if (queues[i]->core < 0 && queues[i]->numa_id == numa_id) {
            give(queues[i], cores, assign == TW_ASSIGN_GROUP
                                   ? pool_least_loaded(&pool)
                                   : pool_next_in_turn(&pool, assign));
        }
    }
    free(pool.cores);
}
