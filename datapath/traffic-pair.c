/* SPDX-License-Identifier: Apache-2.0 */

/* Between delivery and answer: what a client and its server remember.  Filled
 * by traffic-deliver, emptied by traffic-make. */

#include <config.h>

#include "traffic-pair.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "openvswitch/util.h"
#include "traffic-plan.h"
#include "util.h"

/* An inbox holds as many events at least.  It is not the place to be lossless:
 * what does not fit is sent again. */
#define MIN_INBOX 65536

static void queue_destroy(struct traffic_queue *);
static void table_destroy(void *, size_t n, size_t size);

/* How many of 'n' numbers belong to queue 'id' of 'n_queues'. */
static uint32_t
share_of(uint32_t n, unsigned int id, unsigned int n_queues)
{
    return n / n_queues + (id < n % n_queues);
}

static void
queue_init_flights(struct traffic_queue *queue)
{
    uint32_t n_passing = queue->n_flights - queue->n_lasting;

    queue->flights = xcalloc(MAX(queue->n_flights, 1),
                             sizeof *queue->flights);
    queue->idle = xmalloc(MAX(n_passing, 1) * sizeof *queue->idle);
    for (uint32_t i = 0; i < n_passing; i++) {
        queue->idle[i] = queue->n_flights - 1 - i;
    }
    queue->n_idle = n_passing;
}

static struct traffic_queue *
queue_create(const struct traffic_pair *pair, const struct traffic_plan *plan,
             enum traffic_side side, unsigned int id)
{
    struct traffic_queue *queue = xzalloc_cacheline(sizeof *queue);
    unsigned int n_queues = pair->n_queues[side];

    queue->id = id;
    queue->n_lasting = share_of(pair->n_lasting, id, n_queues);
    queue->n_flights = share_of(pair->n_numbers, id, n_queues);
    queue->next_serial = id;
    traffic_picker_init(&queue->picker,
                        plan->spec.seed * 1000003 + id * 2 + side);
    atomic_init(&queue->done, false);
    atomic_init(&queue->inbox.waiting, false);
    ovs_mutex_init(&queue->inbox.mutex);
    queue->inbox.max = MAX(2 * queue->n_flights, MIN_INBOX);
    if (side == TRAFFIC_CLIENT) {
        queue_init_flights(queue);
    }
    return queue;
}

struct traffic_pair *
traffic_pair_create(const struct traffic_plan *plan)
{
    struct traffic_pair *pair = xzalloc(sizeof *pair);

    ovs_refcount_init(&pair->ref_cnt);
    pair->n_lasting = traffic_plan_n_lasting(&plan->spec);
    pair->n_numbers = pair->n_lasting + traffic_plan_n_passing(&plan->spec);
    atomic_init(&pair->n_open, 0);
    for (int side = 0; side < 2; side++) {
        unsigned int n = plan->n_queues[side];

        pair->n_queues[side] = n;
        pair->queues[side] = xmalloc(n * sizeof *pair->queues[side]);
        for (unsigned int i = 0; i < n; i++) {
            pair->queues[side][i] = queue_create(pair, plan, side, i);
        }
    }
    return pair;
}

struct traffic_pair *
traffic_pair_ref(struct traffic_pair *pair)
{
    ovs_refcount_ref(&pair->ref_cnt);
    return pair;
}

void
traffic_pair_unref(struct traffic_pair *pair)
{
    if (ovs_refcount_unref(&pair->ref_cnt) != 1) {
        return;
    }
    for (int side = 0; side < 2; side++) {
        for (unsigned int i = 0; i < pair->n_queues[side]; i++) {
            queue_destroy(pair->queues[side][i]);
        }
        free(pair->queues[side]);
    }
    free(pair);
}

bool
traffic_pair_is_done(const struct traffic_pair *pair, enum traffic_side side)
{
    for (unsigned int i = 0; i < pair->n_queues[side]; i++) {
        bool done;

        atomic_read_relaxed(&pair->queues[side][i]->done, &done);
        if (!done) {
            return false;
        }
    }
    return true;
}

static void
queue_destroy(struct traffic_queue *queue)
{
    ovs_mutex_destroy(&queue->inbox.mutex);
    free(queue->inbox.events);
    free(queue->events);
    free(queue->flights);
    free(queue->idle);
    table_destroy(queue->ends, queue->n_lasting, sizeof *queue->ends);
    table_destroy(queue->tuples, queue->n_lasting, sizeof *queue->tuples);
    free_cacheline(queue);
}

/* Events ------------------------------------------------------------------ */

static void
inbox_reserve(struct traffic_inbox *inbox, unsigned int n)
    OVS_REQUIRES(inbox->mutex)
{
    if (inbox->n + n > inbox->allocated) {
        inbox->allocated = MAX(2 * inbox->allocated, inbox->n + n);
        inbox->events = xrealloc(inbox->events, (inbox->allocated
                                                 * sizeof *inbox->events));
    }
}

void
traffic_inbox_put(struct traffic_inbox *inbox,
                  const struct traffic_event *events, unsigned int n)
{
    ovs_mutex_lock(&inbox->mutex);
    if (inbox->n + n <= inbox->max) {
        inbox_reserve(inbox, n);
        memcpy(&inbox->events[inbox->n], events, n * sizeof *events);
        inbox->n += n;
    }
    atomic_store_relaxed(&inbox->waiting, true);
    ovs_mutex_unlock(&inbox->mutex);
}

/* Exchanges the events that have been answered for those in the inbox. */
static void
queue_fetch_events(struct traffic_queue *queue)
{
    struct traffic_inbox *inbox = &queue->inbox;
    struct traffic_event *events = queue->events;
    uint32_t n_allocated = queue->n_allocated;

    ovs_mutex_lock(&inbox->mutex);
    queue->events = inbox->events;
    queue->n_events = inbox->n;
    queue->n_allocated = inbox->allocated;
    inbox->events = events;
    inbox->n = 0;
    inbox->allocated = n_allocated;
    atomic_store_relaxed(&inbox->waiting, false);
    ovs_mutex_unlock(&inbox->mutex);
    queue->next_event = 0;
}

bool
traffic_queue_has_events(struct traffic_queue *queue)
{
    bool waiting;

    if (queue->next_event < queue->n_events) {
        return true;
    }
    atomic_read_relaxed(&queue->inbox.waiting, &waiting);
    return waiting;
}

const struct traffic_event *
traffic_queue_next_event(struct traffic_queue *queue)
{
    if (queue->next_event >= queue->n_events) {
        if (!traffic_queue_has_events(queue)) {
            return NULL;
        }
        queue_fetch_events(queue);
    }
    return (queue->next_event < queue->n_events
            ? &queue->events[queue->next_event++] : NULL);
}

/* Tuples as they arrived -------------------------------------------------- */

/* A table of zeros that is read at random: in large pages, if there are. */
static void *
table_create(size_t n, size_t size)
{
    void *table = mmap(NULL, n * size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (table == MAP_FAILED) {
        out_of_memory();
    }
#ifdef MADV_HUGEPAGE
    madvise(table, n * size, MADV_HUGEPAGE);
#endif
    return table;
}

static void
table_destroy(void *table, size_t n, size_t size)
{
    if (table) {
        munmap(table, n * size);
    }
}

static void
remember_ends(struct traffic_queue *queue, uint32_t index,
              const struct traffic_tuple *tuple)
{
    static const struct traffic_ends none;

    if (!queue->ends) {
        queue->ends = table_create(queue->n_lasting, sizeof *queue->ends);
    }
    queue->ends[index] = tuple ? traffic_tuple_ends(tuple) : none;
}

static void
remember_tuple(struct traffic_queue *queue, uint32_t index,
               const struct traffic_tuple *tuple)
{
    static const struct traffic_tuple none;

    if (!queue->tuples) {
        queue->tuples = table_create(queue->n_lasting, sizeof *queue->tuples);
    }
    queue->tuples[index] = tuple ? *tuple : none;
}

void
traffic_queue_remember(struct traffic_queue *queue, uint32_t index,
                       const struct traffic_tuple *tuple, bool ipv6)
{
    if (!tuple && !queue->ends && !queue->tuples) {
        return;
    }
    (ipv6 ? remember_tuple : remember_ends)(queue, index, tuple);
}
