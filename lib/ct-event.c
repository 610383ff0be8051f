/* SPDX-License-Identifier: Apache-2.0 */

/* Events, beside a packet's way: left by ct-step.c, ct-commit.c, ct-tracker.c
 * and ct-expect.c, read by whoever tells them to the world. */

#include <config.h>

#include "ct-event.h"

#include <errno.h>

#include "ct-expect.h"
#include "ct-helper.h"
#include "ct-pages.h"
#include "ct-spin.h"
#include "openvswitch/util.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "util.h"

/* Threads share rings only if there are more of them. */
#define N_RINGS 32

/* What stands in a ring, one behind the other, aligned to RECORD_ALIGN.  A
 * record of no type fills up the end of the ring, and has no more than its
 * first member. */
#define RECORD_ALIGN 16
#define NO_TYPE CT_EVENT_N_TYPES

struct record {
    struct {
        uint32_t size;
        uint8_t type;           /* enum ct_event_type, or NO_TYPE. */
        uint8_t reason;         /* enum ct_counter. */
        uint16_t changes;
    } head;
    uint64_t seq;               /* In all rings, without gaps. */
    long long when;             /* time_wall_msec(). */
    long long now;              /* time_msec(), by which deadlines count. */
    union {
        struct ct_copy conn;            /* Its first ct_copy_size() bytes. */
        struct ct_event_expect expect;
    };
};
BUILD_ASSERT_DECL(CT_N_COUNTERS <= UINT8_MAX);
BUILD_ASSERT_DECL(sizeof(struct record) % RECORD_ALIGN == 0);

/* [W] by who holds 'lock', [R] by the reader. */
struct ring {
    OVS_ALIGNED_VAR(CACHE_LINE_SIZE) struct ct_spin lock;
    char *room;                 /* [I] CT_EVENT_ROOM bytes. */
    uint64_t tail_seen;         /* [W] */
    _Atomic uint64_t head;      /* [W] Bytes ever written. */
    _Atomic uint64_t n_lost;    /* [W] */
    OVS_ALIGNED_VAR(CACHE_LINE_SIZE) _Atomic uint64_t tail; /* [R] Read. */
};

struct ct_events {
    OVS_ALIGNED_VAR(CACHE_LINE_SIZE) _Atomic uint64_t next_seq;
    OVS_ALIGNED_VAR(CACHE_LINE_SIZE) uint64_t read_seq;     /* [R] */
    unsigned int last_ring;     /* [R] Where the last event was. */

    /* [R] Of what is lost, what has been told, what is known, and at which
     * event the latter may be told. */
    uint64_t n_lost_told, n_lost_known, lost_before_seq;
    char *room;                 /* [I] Of all rings. */
    struct ring rings[N_RINGS];
};

static void destroy(struct ct_events *);
static uint64_t sum_lost(const struct ct_events *);
static void leave(struct ct *, const struct ct_conn *, enum ct_event_type,
                  uint16_t changes, enum ct_counter why);
static struct record *begin(struct ct *, struct ct_events *, struct ring **);
static void end(struct ct_events *, struct ring *, struct record *,
                size_t size);
static const struct record *next_record(struct ring *, uint64_t seq);
static void done_with(struct ring *, const struct record *);
static void take(const struct record *, struct ct_event *);
static void describe_expect(const struct ct_event *, struct ct_dpif_entry *);

static const char *const type_names[] = {
#define CT_EVENT_TYPE(ENUM, NAME) NAME,
    CT_EVENT_TYPES
#undef CT_EVENT_TYPE
};

const char *
ct_event_type_name(enum ct_event_type type)
{
    return type_names[type];
}

/* Reading. */

int
ct_events_open(struct ct *ct)
{
    struct ct_events *events;

    ovs_mutex_lock(&ct->mutex);
    if (ct_events_are_read(ct)) {
        ovs_mutex_unlock(&ct->mutex);
        return EBUSY;
    }
    events = xzalloc_cacheline(sizeof *events);
    events->room = ct_pages_alloc((size_t) N_RINGS * CT_EVENT_ROOM, 4096,
                                  false);
    if (!events->room) {
        free_cacheline(events);
        ovs_mutex_unlock(&ct->mutex);
        return ENOMEM;
    }
    for (size_t i = 0; i < N_RINGS; i++) {
        ct_spin_init(&events->rings[i].lock);
        events->rings[i].room = events->room + i * CT_EVENT_ROOM;
    }
    ovsrcu_set(&ct->events, events);
    ovs_mutex_unlock(&ct->mutex);
    return 0;
}

void
ct_events_close(struct ct *ct)
{
    struct ct_events *events;

    ovs_mutex_lock(&ct->mutex);
    events = ovsrcu_get_protected(struct ct_events *, &ct->events);
    ovsrcu_set(&ct->events, NULL);
    ovs_mutex_unlock(&ct->mutex);
    if (events) {
        ovsrcu_postpone(destroy, events);
    }
}

static void
destroy(struct ct_events *events)
{
    ct_pages_free(events->room, (size_t) N_RINGS * CT_EVENT_ROOM);
    free_cacheline(events);
}

/* The next one is often in the ring of the last. */
bool
ct_events_next(struct ct *ct, struct ct_event *event)
{
    struct ct_events *events = ovsrcu_get(struct ct_events *, &ct->events);

    for (unsigned int i = 0; events && i < N_RINGS; i++) {
        unsigned int n = (events->last_ring + i) % N_RINGS;
        struct ring *ring = &events->rings[n];
        const struct record *record = next_record(ring, events->read_seq);

        if (record) {
            take(record, event);
            done_with(ring, record);
            events->last_ring = n;
            events->read_seq++;
            return true;
        }
    }
    return false;
}

/* A loss is found out before what was left earlier has been read: that is
 * still in the rings, which is why there was no room. */
uint64_t
ct_events_lost(struct ct *ct)
{
    struct ct_events *events = ovsrcu_get(struct ct_events *, &ct->events);

    if (!events) {
        return 0;
    }
    if (events->n_lost_told == events->n_lost_known) {
        events->n_lost_known = sum_lost(events);
        events->lost_before_seq = atomic_load_explicit(&events->next_seq,
                                                       memory_order_relaxed);
    }
    if (events->read_seq >= events->lost_before_seq) {
        events->n_lost_told = events->n_lost_known;
    }
    return events->n_lost_told;
}

static uint64_t
sum_lost(const struct ct_events *events)
{
    uint64_t n = 0;

    for (size_t i = 0; i < N_RINGS; i++) {
        /* Pairs with begin(): whose loss is seen, of his events before it the
         * numbers are. */
        n += atomic_load_explicit(&events->rings[i].n_lost,
                                  memory_order_acquire);
    }
    return n;
}

/* The oldest record of 'ring', if it is number 'seq'. */
static const struct record *
next_record(struct ring *ring, uint64_t seq)
{
    /* Pairs with end(). */
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    while (tail != head) {
        const struct record *record = (const void *) (
            ring->room + tail % CT_EVENT_ROOM);

        if (record->head.type != NO_TYPE) {
            return record->seq == seq ? record : NULL;
        }
        tail += record->head.size;
        atomic_store_explicit(&ring->tail, tail, memory_order_release);
    }
    return NULL;
}

/* Its place may be written again. */
static void
done_with(struct ring *ring, const struct record *record)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    /* Pairs with has_room(). */
    atomic_store_explicit(&ring->tail, tail + record->head.size,
                          memory_order_release);
}

static void
take(const struct record *record, struct ct_event *event)
{
    event->type = record->head.type;
    event->changes = record->head.changes;
    event->reason = record->head.reason;
    event->when = record->when;
    event->now = record->now;
    if (ct_event_is_expect(event->type)) {
        event->expect = record->expect;
    } else {
        memcpy(&event->conn, &record->conn, ct_copy_size(&record->conn));
    }
}

void
ct_event_describe(const struct ct *ct, const struct ct_event *event,
                  struct ct_dpif_entry *entry)
{
    if (ct_event_is_expect(event->type)) {
        describe_expect(event, entry);
    } else {
        ct_copy_describe(ct, &event->conn, event->now, entry);
    }
    if (event->type == CT_EVENT_DESTROY) {
        entry->timestamp.stop = event->when * 1000000;
    }
}

static void
describe_expect(const struct ct_event *event, struct ct_dpif_entry *entry)
{
    const struct ct_expectation *e = &event->expect.e;

    memset(entry, 0, sizeof *entry);
    ct_tuple_to_dpif(&e->tuple, &entry->tuple_orig);
    ct_tuple_to_dpif(&event->expect.parent, &entry->tuple_parent);
    entry->id = e->id;
    entry->zone = event->expect.zone;
    entry->timeout = MAX(e->expires - event->now, 0) / 1000;
    entry->helper.name = xstrdup(e->helper->name);
}

/* Leaving. */

void
ct_event_new(struct ct *ct, const struct ct_conn *conn)
{
    leave(ct, conn, CT_EVENT_NEW, 0, 0);
}

void
ct_event_update(struct ct *ct, const struct ct_conn *conn, uint16_t changes)
{
    /* Pairs with ct_conn_end(): once it has left its event, the status that
     * others see under the lock is DYING. */
    if (!(ct_conn_status(conn) & CT_DPIF_STATUS_DYING)) {
        leave(ct, conn, CT_EVENT_UPDATE, changes, 0);
    }
}

void
ct_event_end(struct ct *ct, const struct ct_conn *conn, enum ct_counter why)
{
    leave(ct, conn, CT_EVENT_DESTROY, 0, why);
}

void
ct_event_expect(struct ct *ct, enum ct_event_type type,
                const struct ct_expectation *e, uint16_t zone)
{
    struct ct_events *events = ovsrcu_get(struct ct_events *, &ct->events);
    struct record *record;
    struct ring *ring;

    if (!events || !(record = begin(ct, events, &ring))) {
        return;
    }
    record->head.type = type;
    record->head.changes = 0;
    record->head.reason = 0;
    record->expect.e = *e;
    record->expect.zone = zone;
    ct_conn_tuple(e->parent, CT_DIR_ORIGINAL, &record->expect.parent);
    end(events, ring, record, offsetof(struct record, expect)
                              + sizeof record->expect);
}

static void
leave(struct ct *ct, const struct ct_conn *conn, enum ct_event_type type,
      uint16_t changes, enum ct_counter why)
{
    struct ct_events *events = ovsrcu_get(struct ct_events *, &ct->events);
    struct record *record;
    struct ring *ring;

    if (events && (record = begin(ct, events, &ring)) != NULL) {
        record->head.type = type;
        record->head.changes = changes;
        record->head.reason = why;
        ct_copy_take_locked(conn, &record->conn);
        end(events, ring, record,
            offsetof(struct record, conn) + ct_copy_size(&record->conn));
    }
}

static bool
has_room(struct ring *ring, uint64_t head, size_t size)
{
    if (head + size - ring->tail_seen <= CT_EVENT_ROOM) {
        return true;
    }
    /* Pairs with done_with(). */
    ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
    return head + size - ring->tail_seen <= CT_EVENT_ROOM;
}

/* Room for a whole record, of this thread's ring, whose lock is held until
 * end(); NULL, and no lock: there is none. */
static struct record *
begin(struct ct *ct, struct ct_events *events, struct ring **ringp)
{
    struct ring *ring = *ringp
        = &events->rings[ovsthread_id_self() % N_RINGS];
    struct record *record = NULL;

    ct_spin_lock(&ring->lock);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t left = CT_EVENT_ROOM - head % CT_EVENT_ROOM;
    size_t skip = left < sizeof *record ? left : 0;
    if (!has_room(ring, head, skip + sizeof *record)) {
        /* Pairs with sum_lost(). */
        atomic_fetch_add_explicit(&ring->n_lost, 1, memory_order_release);
        ct_spin_unlock(&ring->lock);
        ct_count(ct, CT_C_EVENT_LOST, 1);
        return NULL;
    }
    record = (void *) (ring->room + head % CT_EVENT_ROOM);
    if (skip) {
        record->head.size = skip;
        record->head.type = NO_TYPE;
        head += skip;
        atomic_store_explicit(&ring->head, head, memory_order_release);
        record = (void *) ring->room;
    }
    record->now = time_msec();
    record->when = ct->start_wall_msec + (record->now - ct->start_msec);
    return record;
}

static void
end(struct ct_events *events, struct ring *ring, struct record *record,
    size_t size)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    size = ROUND_UP(size, RECORD_ALIGN);
    record->head.size = size;
    record->seq = atomic_fetch_add_explicit(&events->next_seq, 1,
                                            memory_order_relaxed);
    /* Pairs with next_record(). */
    atomic_store_explicit(&ring->head, head + size, memory_order_release);
    ct_spin_unlock(&ring->lock);
}
