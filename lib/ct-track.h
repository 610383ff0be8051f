/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_TRACK_H
#define CT_TRACK_H 1

#include "ct-l4.h"
#include "ct-packet.h"
#include "ct-step.h"
#include "packets.h"

/* ct() for packets whose connection is remembered.
 * =================================================
 *
 * What
 * ----
 * A packet of an established connection meets the same connection in each
 * ct() as the one before it.  ct_track_remember() takes down, after a ct()
 * has been executed, which it was; ct_track_step() does for a later packet
 * what ct_execute() would do, without looking anything up:
 *
 *     for each packet: conn[i] = ct_track_conn(ct, &track[i]);
 *                      ct_track_prefetch(&track[i], conn[i]);
 *     for each packet: valid = ct_track_begin(&packet[i], &context);
 *     for each ct(), for each packet:
 *         ct_track_step(&packet[i], &request, conn[i], &track[i])
 *     for each packet: ct_metadata_write(&packet[i])
 *
 * The headers are read, and the checksums verified, once for all ct().
 *
 * Promises
 * --------
 * - ct_track_step() says CT_TRACK_LOST, and has done nothing, if the
 *   connection is gone, has expired, or is another one: then the caller
 *   executes that ct() in full, for which the packet's metadata must be what
 *   the ct() before left.
 * - Else the outcome is that of ct_execute().
 * - A connection with a helper is not remembered: the helper must see the
 *   payload.
 *
 * Threads: any, concurrently, in an RCU read-side section from
 * ct_track_conn() on.  A struct ct_track may be kept for ever. */

struct ct_track {
    uint32_t number;            /* Of the record, and CT_TRACK_*; 0: none, for
                                 * a number is never 0. */
    uint32_t id;                /* Of the connection. */
};

#define CT_TRACK_REPLY UINT32_C(0x80000000) /* Direction of the packet. */
#define CT_TRACK_NAT   UINT32_C(0x40000000) /* The record has a translation. */

enum ct_track_result {
    CT_TRACK_DONE,
    CT_TRACK_LOST,
    CT_TRACK_DROP               /* Counted; the caller frees the packet. */
};

/* What the packets of a batch share. */
struct ct_track_context {
    struct ct *ct;
    long long now;
    ovs_be16 dl_type;
    const struct ct_request *request;   /* The first ct(): refused packets
                                         * are counted in its zone. */
};

/* Flushes
 * -------
 * Flushing a zone takes its connections out of reach at once, but ends them
 * later: until then ct_track_step() takes them for alive.  Who remembers them
 * asks, before each batch, whether the epoch is still the one it was, and if
 * not, whether the zone's generation is.
 *
 * The epoch changes before and behind the generation, and is odd meanwhile.
 * Connections found while it stood at an even number, and a generation read
 * meanwhile, belong together. */
uint64_t ct_track_epoch(const struct ct *);
uint64_t ct_track_generation(const struct ct *, uint16_t zone);

/* Remembers the connection that the last ct() found for 'packet'.  False if
 * there is none that a later packet could meet without a lookup, or if
 * 'packet' was one of its first 'min_packets' in its direction. */
bool ct_track_remember(const struct dp_packet *, uint64_t min_packets,
                       struct ct_track *);

/* The record, which may be another connection's by now. */
static inline struct ct_conn *
ct_track_conn(const struct ct *ct, const struct ct_track *track)
{
    return ct_conn_from_number(ct->memory, track->number & CT_CONN_NUMBER_MAX);
}

static inline enum ct_dir
ct_track_dir(const struct ct_track *track)
{
    return track->number & CT_TRACK_REPLY ? CT_DIR_REPLY : CT_DIR_ORIGINAL;
}

static inline void
ct_track_prefetch(const struct ct_track *track, const struct ct_conn *conn)
{
    const char *record = (const char *) conn;

    __builtin_prefetch(record, 1);
    __builtin_prefetch(record + CACHE_LINE_SIZE, 1);
    if (track->number & CT_TRACK_NAT) {
        __builtin_prefetch(record + 2 * CACHE_LINE_SIZE);
    }
}

/* What translating by 'conn' takes, which is not updated. */
static inline void
ct_track_prefetch_nat(const struct ct_conn *conn)
{
    const char *record = (const char *) conn;

    __builtin_prefetch(record);
    __builtin_prefetch(record + 2 * CACHE_LINE_SIZE);
}

/* Reads the headers of 'pkt' into 'packet'.  False, and counted: they are not
 * sound, and what a ct() makes of it is in 'packet'. */
bool ct_track_begin(struct ct_packet *packet, struct dp_packet *pkt,
                    const struct ct_track_context *);

/* Takes what the last ct() left in the packet's metadata, for
 * ct_track_step_again(), behind ct_track_begin(). */
void ct_track_recall(struct ct_packet *);

/* One ct(), for a batch. */
struct ct_track_request {
    const struct ct_request *request;
    struct ct_zone *zone;
    const struct ct_timeouts *timeouts;     /* The zone's; NULL if they may
                                             * change within the batch. */
    bool plain;                 /* For an ordinary packet nothing but its
                                 * connection is updated. */
    bool quiet;                 /* Beside that, it may be translated. */
};

/* All requests that packets of a batch will meet. */
void ct_track_prepare(struct ct_track_request *, const struct ct *,
                      const struct ct_request *);
void ct_track_prepared(struct ct_track_request *[], size_t n);

/* One ct(), for one packet. */
static inline enum ct_track_result ct_track_step(
    struct ct_packet *, const struct ct_track_request *, struct ct_conn *,
    const struct ct_track *);

/* A second ct() in the zone of the step before: the connection has counted
 * 'packet' already. */
enum ct_track_result ct_track_step_again(struct ct_packet *,
                                         const struct ct_track_request *);

/* Inside. */

/* For packets that are out of the ordinary; and what is left to do for those
 * that are not, if the request is not plain. */
enum ct_track_result ct_track_step__(struct ct_packet *,
                                     const struct ct_track_request *);
enum ct_track_result ct_track_finish__(struct ct_packet *,
                                       const struct ct_track_request *);

/* Nothing must have been done when it says no.  A connection may have got a
 * helper since. */
static inline bool
ct_track_is_valid__(const struct ct_packet *packet,
                    const struct ct_track_request *r,
                    const struct ct_conn *conn, const struct ct_track *track)
{
    return (__atomic_load_n(&conn->id, __ATOMIC_ACQUIRE) == track->id
            && !(ct_conn_status(conn) & (CT_DPIF_STATUS_DYING
                                         | CT_CONN_STATUS_HELPED))
            && (long long) atomic_load_explicit(&conn->deadline,
                                                memory_order_relaxed)
               > packet->now
            && (OVS_LIKELY(r->plain)
                || !r->request->force || !(track->number & CT_TRACK_REPLY)));
}

/* Counts the packet in its connection, which is locked. */
static inline void
ct_track_count__(struct ct_packet *packet, struct ct_conn *conn,
                 enum ct_dir dir, uint64_t timeout)
{
    conn->counters[dir].packets++;
    conn->counters[dir].bytes += packet->ip_len;
    ct_step_set_deadline(packet, packet->now + timeout);
}

static inline enum ct_track_result
ct_track_step(struct ct_packet *packet, const struct ct_track_request *r,
              struct ct_conn *conn, const struct ct_track *track)
{
    const struct ct_l4 *l4 = packet->l4;
    enum ct_dir dir = ct_track_dir(track);
    uint64_t timeout = 0;

    if (OVS_UNLIKELY(!ct_track_is_valid__(packet, r, conn, track)
                     || (ct_conn_status(conn) & CT_CONN_STATUS_JOINT
                         && !ct_conn_lives_in_joint__(conn, packet->now)))) {
        return CT_TRACK_LOST;
    }
    packet->conn = conn;
    packet->dir = dir;
    if (OVS_LIKELY(l4->ordinary && r->timeouts)) {
        ct_conn_lock(conn);
        if (OVS_LIKELY(!(ct_conn_status(conn) & CT_CONN_STATUS_JOINT))) {
            timeout = l4->ordinary(packet, conn, dir, r->timeouts);
        }
        if (OVS_LIKELY(timeout)) {
            ct_track_count__(packet, conn, dir, timeout);
        }
        ct_conn_unlock(conn);
    }
    if (OVS_UNLIKELY(!timeout)) {
        return ct_track_step__(packet, r);
    }
    packet->found = true;
    packet->ct_state = (CS_ESTABLISHED
                        | (dir == CT_DIR_REPLY ? CS_REPLY_DIR : 0)
                        | (ct_conn_status(conn) & CT_DPIF_STATUS_EXPECTED
                           ? CS_RELATED : 0));
    return OVS_LIKELY(r->plain) ? CT_TRACK_DONE : ct_track_finish__(packet, r);
}

#endif /* ct-track.h */
