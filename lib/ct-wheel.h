/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_WHEEL_H
#define CT_WHEEL_H 1

#include "ct-conn.h"

/* Deadlines.
 * ==========
 *
 * What
 * ----
 * A hierarchical timer wheel that only one thread (maintenance) turns.
 * Packet threads just write conn->deadline; when a connection comes up and
 * its deadline has moved, the wheel arms it again.  Only a deadline that
 * moved closer must be told, by ct_wheel_sooner().
 *
 * The links are 32-bit record numbers, beside the records (ct_conn_links()).
 *
 * Promises
 * --------
 * - ct_wheel_add(), ct_wheel_sooner() and ct_wheel_dead() are lock-free and
 *   cost one atomic operation each (ct-news.h).
 * - A connection expires at most one tick (CT_WHEEL_TICK_MS) after its
 *   deadline, if ct_wheel_run() is called that often, never before it.
 * - Nothing walks all connections.
 *
 * Threads: the first three any; ct_wheel_run() one at a time. */

#define CT_WHEEL_TICK_MS 100

struct ct_wheel;

struct ct_wheel_ops {
    /* 'conn' was due at 'now', which may be some time ago: end it (which leads
     * to ct_wheel_dead()), unless its deadline has just moved, or it is DYING
     * already.  One that is not DYING afterwards is armed again. */
    void (*expire)(void *aux, struct ct_conn *, long long now);
    /* 'conn' was declared dead and is off the wheel: its memory may be freed
     * after a grace period. */
    void (*release)(void *aux, struct ct_conn *);
};

struct ct_wheel *ct_wheel_create(struct ct_conn_memory *, long long now,
                                 const struct ct_wheel_ops *, void *aux);
void ct_wheel_destroy(struct ct_wheel *);

/* All must be called in the RCU read-side section in which 'conn' was found or
 * made.  It may end before it is added, in another thread: it is released
 * then, once. */

/* 'conn' has become reachable, with its deadline set. */
void ct_wheel_add(struct ct_wheel *, struct ct_conn *);
/* Its deadline has moved closer. */
void ct_wheel_sooner(struct ct_wheel *, struct ct_conn *);
/* It is no longer in any table.  Sets CT_CONN_STATUS_DEAD. */
void ct_wheel_dead(struct ct_wheel *, struct ct_conn *);

/* Works off the news and all that is due at 'now', at most 'budget'
 * connections.  True if there is more to do at once.  Also runs the record
 * memory's periodic work. */
bool ct_wheel_run(struct ct_wheel *, long long now, unsigned int budget);

#endif /* ct-wheel.h */
