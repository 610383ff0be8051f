/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRAFFIC_PAIR_H
#define TRAFFIC_PAIR_H 1

#include <stdbool.h>
#include <stdint.h>

#include "dp-packet.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "traffic-packet.h"
#include "traffic-pick.h"

struct traffic_plan;

/* What a client and its server know about their connections.
 * ============================================================
 *
 * What
 * ----
 * Connections have numbers.  First come those that last: the client opens
 * each, one after the other, and then both sides send data.  The numbers
 * behind them are for connections that pass: each is used again, with another
 * tuple, when its connection is over.  Number i belongs to queue i % n of
 * either side, where it has the index i / n.
 *
 * A packet that opens or closes is told to the queue of the side that
 * received it: an event in that queue's inbox.  Whoever polls the queue
 * answers it.  Data packets are only counted.
 *
 * What a side knows, it knows from packets that arrived, with one exception:
 * that the server got an ACK is told to the client, which would repeat the
 * ACK otherwise.
 *
 * Threads
 * -------
 * A queue belongs to the thread that polls it, but for its inbox.
 *
 * Tags: [I]mmutable, [A]tomic, [T]hread that polls the queue. */

struct traffic_event {
    uint32_t number;
    uint8_t step;               /* enum traffic_step: what arrived. */
    struct traffic_tuple tuple; /* As it arrived. */
};

/* The client's side of a connection. */
enum traffic_flight_state {
    TRAFFIC_FLIGHT_NONE,        /* Not begun, or over. */
    TRAFFIC_FLIGHT_SYN,         /* Sent SYN ... */
    TRAFFIC_FLIGHT_ACK,
    TRAFFIC_FLIGHT_FIN,
    TRAFFIC_FLIGHT_LAST_ACK,
    TRAFFIC_FLIGHT_OPEN
};

struct traffic_flight {
    uint32_t serial;            /* Of one that passes: which tuple. */
    uint16_t sent;              /* When, in ticks. */
    uint8_t state;
    uint8_t retries;
};

/* Data packets to be made.  They are drawn a poll ahead, so that what has to
 * be read for them is in the cache by then. */
struct traffic_draft {
    unsigned int next, n;           /* From 'next' to 'n' - 1. */
    uint32_t indexes[NETDEV_MAX_BURST];
    uint16_t nonces[NETDEV_MAX_BURST];
};

struct traffic_inbox {
    struct ovs_mutex mutex;
    struct traffic_event *events OVS_GUARDED;
    uint32_t n OVS_GUARDED;
    uint32_t allocated OVS_GUARDED;
    uint32_t max;               /* [I] More are dropped. */
    atomic_bool waiting;        /* [A] A hint: there may be events. */
};

struct traffic_queue {
    unsigned int id;                /* [I] */
    atomic_bool done;               /* [A] Made all it had to make. */

    struct traffic_picker picker;   /* [T] */
    struct traffic_draft draft;     /* [T] */
    struct traffic_pace pace;       /* [T] */
    struct traffic_pace new_pace;   /* [T] */
    uint64_t n_counted;             /* [T] Packets after the opening. */
    uint32_t pcap_next;             /* [T] */

    /* What is being answered: was the inbox. */
    struct traffic_event *events;   /* [T] */
    uint32_t n_events, next_event;  /* [T] */
    uint32_t n_allocated;           /* [T] */

    /* Client. */
    struct traffic_flight *flights; /* [T] By index. */
    uint32_t n_lasting, n_flights;  /* [I] */
    uint32_t n_begun;               /* [T] Lasting ones. */
    uint32_t n_under_way;           /* [T] Neither open nor idle. */
    uint32_t oldest;                /* [T] Below it all are open. */
    uint32_t cursor;                /* [T] Of the search for lost packets. */
    uint32_t *idle;                 /* [T] Stack of passing indexes. */
    uint32_t n_idle;                /* [T] */
    uint64_t next_serial;           /* [T] */
    uint32_t round_trip;            /* [T] Smoothed, in ticks. */

    /* Server: what it sends on lasting connections whose packets arrive with
     * other tuples than the client sent, else zeros.  IPv4 and IPv6; null as
     * long as there are none. */
    struct traffic_ends *ends;      /* [T] By index. */
    struct traffic_tuple *tuples;   /* [T] By index. */

    struct traffic_inbox inbox;
};

struct traffic_pair {
    struct ovs_refcount ref_cnt;    /* Of plans. */
    unsigned int n_queues[2];       /* [I] */
    struct traffic_queue **queues[2]; /* [I] */
    uint32_t n_lasting, n_numbers;  /* [I] */
    atomic_uint32_t n_open;         /* [A] Of those that last. */
};

struct traffic_pair *traffic_pair_create(const struct traffic_plan *);
struct traffic_pair *traffic_pair_ref(struct traffic_pair *);
void traffic_pair_unref(struct traffic_pair *);

/* Whether all connections that last are open. */
static inline bool
traffic_pair_is_open(const struct traffic_pair *pair)
{
    uint32_t n;

    atomic_read_relaxed(&CONST_CAST(struct traffic_pair *, pair)->n_open, &n);
    return n >= pair->n_lasting;
}

/* Whether a side has nothing more to make. */
bool traffic_pair_is_done(const struct traffic_pair *, enum traffic_side);

/* Appends events, which all belong to the queue of the inbox. */
void traffic_inbox_put(struct traffic_inbox *, const struct traffic_event *,
                       unsigned int n);
/* The next event of a queue, or null. */
const struct traffic_event *traffic_queue_next_event(struct traffic_queue *);
bool traffic_queue_has_events(struct traffic_queue *);

/* A server's memory of tuples: a tuple to send, or null for none. */
void traffic_queue_remember(struct traffic_queue *, uint32_t index,
                            const struct traffic_tuple *, bool ipv6);

#endif /* traffic-pair.h */
