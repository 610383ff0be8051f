/* SPDX-License-Identifier: Apache-2.0 */

/* Showing events to subscribers, beside a packet's way: reads what ct-event.c
 * has; called by those who tell them to the world. */

#include <config.h>

#include "ct-feed.h"

#include "ct-event.h"
#include "latch.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "util.h"

/* So many at a time: then somebody may come or go, and memory be freed. */
#define BATCH 1024

struct ct_feed_subscriber {
    struct ovs_list node;           /* In feed->subscribers. */
    const struct ct_feed_class *class;
    void *aux;
};

struct ct_feed {
    struct ct *ct;                  /* [I] */
    struct ovs_mutex changing;      /* Who starts and stops the thread; outside
                                     * 'mutex'. */
    struct ovs_mutex mutex;         /* Held while subscribers are shown
                                     * something. */
    struct ovs_list subscribers OVS_GUARDED_BY(mutex);
    uint64_t n_lost OVS_GUARDED_BY(mutex);  /* Of which they were told. */
    pthread_t thread OVS_GUARDED_BY(changing);
    struct latch exit;
};

static int add(struct ct_feed *, struct ct_feed_subscriber *)
    OVS_REQUIRES(feed->changing);
static void remove_one(struct ct_feed *, struct ct_feed_subscriber *)
    OVS_REQUIRES(feed->changing);
static void *feed_main(void *);
static bool show_some(struct ct_feed *) OVS_REQUIRES(feed->mutex);
static void show_lost(struct ct_feed *) OVS_REQUIRES(feed->mutex);

struct ct_feed *
ct_feed_create(struct ct *ct)
{
    struct ct_feed *feed = xzalloc(sizeof *feed);

    feed->ct = ct;
    ovs_mutex_init(&feed->changing);
    ovs_mutex_init(&feed->mutex);
    ovs_list_init(&feed->subscribers);
    latch_init(&feed->exit);
    return feed;
}

void
ct_feed_destroy(struct ct_feed *feed)
{
    ovs_assert(ovs_list_is_empty(&feed->subscribers));
    latch_destroy(&feed->exit);
    ovs_mutex_destroy(&feed->mutex);
    ovs_mutex_destroy(&feed->changing);
    free(feed);
}

int
ct_feed_subscribe(struct ct *ct, const struct ct_feed_class *class, void *aux,
                  struct ct_feed_subscriber **subscriberp)
{
    struct ct_feed_subscriber *subscriber = xmalloc(sizeof *subscriber);
    struct ct_feed *feed = ct->feed;
    int error;

    subscriber->class = class;
    subscriber->aux = aux;
    ovs_mutex_lock(&feed->changing);
    error = add(feed, subscriber);
    ovs_mutex_unlock(&feed->changing);
    if (error) {
        free(subscriber);
        subscriber = NULL;
    }
    *subscriberp = subscriber;
    return error;
}

void
ct_feed_unsubscribe(struct ct *ct, struct ct_feed_subscriber *subscriber)
{
    struct ct_feed *feed = ct->feed;

    ovs_mutex_lock(&feed->changing);
    remove_one(feed, subscriber);
    ovs_mutex_unlock(&feed->changing);
    free(subscriber);
}

/* The first one starts the thread. */
static int
add(struct ct_feed *feed, struct ct_feed_subscriber *subscriber)
{
    bool first;
    int error;

    ovs_mutex_lock(&feed->mutex);
    first = ovs_list_is_empty(&feed->subscribers);
    error = first ? ct_events_open(feed->ct) : 0;
    if (!error) {
        ovs_list_push_back(&feed->subscribers, &subscriber->node);
        feed->n_lost = first ? 0 : feed->n_lost;
    }
    ovs_mutex_unlock(&feed->mutex);
    if (first && !error) {
        feed->thread = ovs_thread_create("ct_feed", feed_main, feed);
    }
    return error;
}

/* The last one stops it. */
static void
remove_one(struct ct_feed *feed, struct ct_feed_subscriber *subscriber)
{
    bool last;

    ovs_mutex_lock(&feed->mutex);
    ovs_list_remove(&subscriber->node);
    last = ovs_list_is_empty(&feed->subscribers);
    ovs_mutex_unlock(&feed->mutex);
    if (last) {
        latch_set(&feed->exit);
        xpthread_join(feed->thread, NULL);
        latch_poll(&feed->exit);
        ct_events_close(feed->ct);
    }
}

static void *
feed_main(void *feed_)
{
    struct ct_feed *feed = feed_;

    while (!latch_is_set(&feed->exit)) {
        ovs_mutex_lock(&feed->mutex);
        bool more = show_some(feed);
        ovs_mutex_unlock(&feed->mutex);

        if (more) {
            poll_immediate_wake();
        } else {
            poll_timer_wait(CT_FEED_PERIOD);
        }
        latch_wait(&feed->exit);
        poll_block();
    }
    return NULL;
}

/* True if there may be more. */
static bool
show_some(struct ct_feed *feed)
{
    struct ct_feed_subscriber *s;
    struct ct_event event;
    unsigned int n = 0;

    while (n < BATCH && ct_events_next(feed->ct, &event)) {
        LIST_FOR_EACH (s, node, &feed->subscribers) {
            s->class->event(s->aux, &event);
        }
        n++;
    }
    show_lost(feed);
    if (n) {
        LIST_FOR_EACH (s, node, &feed->subscribers) {
            s->class->pause(s->aux);
        }
    }
    return n == BATCH;
}

static void
show_lost(struct ct_feed *feed)
{
    uint64_t n_lost = ct_events_lost(feed->ct);
    struct ct_feed_subscriber *s;

    if (n_lost != feed->n_lost) {
        LIST_FOR_EACH (s, node, &feed->subscribers) {
            s->class->lost(s->aux, n_lost - feed->n_lost);
        }
        feed->n_lost = n_lost;
    }
}
