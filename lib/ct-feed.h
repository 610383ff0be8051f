/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_FEED_H
#define CT_FEED_H 1

#include <stdint.h>

struct ct;
struct ct_event;

/* Events for any number of subscribers.
 * ======================================
 *
 * What
 * ----
 * While a tracker has subscribers, one thread reads its events (ct-event.h)
 * and shows each to all of them, in order.
 *
 * Promises
 * --------
 * - Every subscriber sees every event from ct_feed_subscribe() on, or is told
 *   how many it missed, at the place where they are missing or later.
 * - Nothing is shown any more when ct_feed_unsubscribe() returns.
 *
 * What is shown must be done with at once: the subscriber keeps what it wants,
 * and waits for nobody.  Who is slow makes all miss events, not packets wait.
 *
 * Cost: events are looked for every CT_FEED_PERIOD ms while there are none.
 *
 * Threads: any may subscribe and unsubscribe, but not from inside the
 * functions below, which the feed's thread calls one at a time. */

#define CT_FEED_PERIOD 5

struct ct_feed_class {
    void (*event)(void *aux, const struct ct_event *);
    /* 'n' events were lost. */
    void (*lost)(void *aux, uint64_t n);
    /* For now that was all: the time to wake up others. */
    void (*pause)(void *aux);
};

struct ct_feed_subscriber;

/* 'class' and what it holds must stay.  Returns 0 or a positive errno value:
 * ENOMEM, or EBUSY if somebody else reads the events. */
int ct_feed_subscribe(struct ct *, const struct ct_feed_class *, void *aux,
                      struct ct_feed_subscriber **);
void ct_feed_unsubscribe(struct ct *, struct ct_feed_subscriber *);

/* For ct_create() and ct_destroy(): there must be no subscribers left. */
struct ct_feed *ct_feed_create(struct ct *);
void ct_feed_destroy(struct ct_feed *);

#endif /* ct-feed.h */
