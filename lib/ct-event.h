/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_EVENT_H
#define CT_EVENT_H 1

#include "ct-copy.h"
#include "ct-counters.h"
#include "ct-dpif.h"
#include "ct-event-type.h"
#include "ct-expect.h"
#include "ct-tracker.h"
#include "ovs-rcu.h"

struct ct_conn;

/* Events: what becomes of connections and expectations.
 * ======================================================
 *
 * What
 * ----
 * While somebody reads, each connection that begins, changes or ends leaves an
 * event, and each expectation that comes or goes; when nobody does, what is
 * left is one look at a pointer.  What a packet of an established connection
 * changes (counters, deadline) is no event, as in the kernel.
 *
 * Promises
 * --------
 * - Events come out in the order in which they went in, whichever threads they
 *   come from; those of one connection are in the order of its life.
 * - Nobody who leaves one waits for the reader.  What finds no room is lost,
 *   and counted (ct_events_lost(), counter "event-lost").
 * - An event stands for itself: the connection may be gone when it is read.
 *
 * Cost
 * ----
 * Read: a copy of the record (ct-copy.h) into the memory of the thread, under
 * the connection's lock, and one atomic operation on a line that all share.
 * Each thread that leaves events has CT_EVENT_ROOM bytes for them.
 *
 * Threads
 * -------
 * Leaving: any.  Reading: one thread at a time, that quiesces as it likes; it
 * polls, since nobody wakes it. */

#define CT_EVENT_ROOM (4 * 1024 * 1024)

const char *ct_event_type_name(enum ct_event_type);

static inline bool
ct_event_is_expect(enum ct_event_type type)
{
    return type == CT_EVENT_EXPECT_NEW || type == CT_EVENT_EXPECT_DESTROY;
}

/* What an UPDATE is about, as bits. */
#define CT_CHANGED_STATE    0x01    /* The protocol's. */
#define CT_CHANGED_STATUS   0x02    /* SEEN_REPLY, ASSURED, ... */
#define CT_CHANGED_MARK     0x04
#define CT_CHANGED_LABEL    0x08
#define CT_CHANGED_HELPER   0x10
#define CT_CHANGED_TIMEOUT  0x20    /* By command. */

/* An expectation. */
struct ct_event_expect {
    struct ct_expectation e;        /* A copy: its pointers mean nothing, but
                                     * for the helper. */
    struct ct_tuple parent;         /* Original tuple of the parent. */
    uint16_t zone;
};

struct ct_event {
    enum ct_event_type type;
    uint16_t changes;               /* UPDATE: CT_CHANGED_*. */
    enum ct_counter reason;         /* DESTROY: CT_C_EXPIRED, ... */
    long long when;                 /* time_wall_msec(). */
    long long now;                  /* time_msec(). */
    union {
        struct ct_copy conn;                /* NEW, UPDATE, DESTROY. */
        struct ct_event_expect expect;      /* EXPECT_*. */
    };
};

/* For the reader.  EBUSY: somebody else reads.  ENOMEM: no memory. */
int ct_events_open(struct ct *);
void ct_events_close(struct ct *);
/* False: there is none now. */
bool ct_events_next(struct ct *, struct ct_event *);
/* The connection in OVS's form; or of an expectation its zone, id, tuple
 * (tuple_orig), time left, helper, and the parent's tuple.  The caller frees
 * the entry with ct_dpif_entry_uninit(). */
void ct_event_describe(const struct ct *, const struct ct_event *,
                       struct ct_dpif_entry *);
/* How many were lost since ct_events_open(), as far as all that was left
 * before them has been read. */
uint64_t ct_events_lost(struct ct *);

/* For those who leave them.  The lock of 'conn' is held, and it is in no
 * joint.  An update of one that is ending is none. */
static inline bool ct_events_are_read(const struct ct *);
void ct_event_new(struct ct *, const struct ct_conn *);
void ct_event_update(struct ct *, const struct ct_conn *, uint16_t changes);
void ct_event_end(struct ct *, const struct ct_conn *, enum ct_counter why);
void ct_event_expect(struct ct *, enum ct_event_type,
                     const struct ct_expectation *, uint16_t zone);

static inline bool
ct_events_are_read(const struct ct *ct)
{
    return OVS_UNLIKELY(ovsrcu_get(struct ct_events *, &ct->events));
}

#endif /* ct-event.h */
