/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_CT_STANDBY_H
#define TW_CT_STANDBY_H 1

#include "openvswitch/list.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-thread.h"

struct ct;
struct ds;
struct latch;
struct stream;

/* One standby of a source (tw-ct-source.h), and what it is told: only for it.
 *
 * Events are put into 'queue' by the feed's thread (ct-feed.h); all else is
 * the main thread's. */
struct tw_ct_standby {
    struct ovs_list node;           /* In its source's list. */
    struct ct *ct;
    struct latch *wake;             /* There are events. */
    bool verify;                    /* Must have shown a certificate. */
    struct stream *stream;
    struct ct_feed_subscriber *subscriber;  /* NULL: its handshake is not
                                             * over, it is told nothing. */
    struct ofpbuf out;              /* Being sent: one CHUNK, and a beat. */
    struct ofpbuf events;           /* Taken from 'queue', sent next. */
    struct ofpbuf in;               /* Of a message that is not complete. */
    struct ct_dump *dump;           /* Of a bulk; NULL: none. */
    long long last_heard, next_beat;    /* time_msec(). */

    uint64_t n_sent;                /* Messages. */
    uint64_t n_acked;               /* Of those, done with. */
    uint64_t n_bulks, n_bulk;       /* Bulks; connections of the current. */

    struct ovs_mutex mutex;         /* Inside the feed's. */
    struct ofpbuf queue OVS_GUARDED_BY(mutex);      /* Events, behind them. */
    uint64_t n_lost OVS_GUARDED_BY(mutex);
    bool wants_bulk OVS_GUARDED_BY(mutex);
};

/* Takes over 'stream'.  'wake' is set when there is something to tell.
 * 'verify': it is told nothing without a verified certificate. */
struct tw_ct_standby *tw_ct_standby_create(struct ct *, struct stream *,
                                           struct latch *wake, bool verify);
void tw_ct_standby_destroy(struct tw_ct_standby *);

/* One turn: 0, or why it is over, an errno value or EOF. */
int tw_ct_standby_run(struct tw_ct_standby *);
void tw_ct_standby_wait(const struct tw_ct_standby *);

/* Is its handshake not over? */
bool tw_ct_standby_is_stranger(const struct tw_ct_standby *);
void tw_ct_standby_format(struct tw_ct_standby *, struct ds *);

#endif /* tw-ct-standby.h */
