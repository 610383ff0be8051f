/* SPDX-License-Identifier: Apache-2.0 */

/* The connection tracker: the way of a packet through one ct().
 *
 * ct_execute_all() lists the steps for a batch, track_one() those for a
 * packet.  The datapath's ct action calls it; everything else in lib/ is
 * called from here.  (The tracker as a whole: ct-tracker.c.) */

#include <config.h>

#include "ct.h"

#include "ct-commit.h"
#include "ct-find.h"
#include "ct-frag.h"
#include "ct-l4.h"
#include "ct-metadata.h"
#include "ct-nat.h"
#include "ct-packet.h"
#include "ct-table-batch.h"
#include "ct-tracker.h"
#include "ct-wheel.h"
#include "ct-zone.h"
#include "util.h"

/* What all packets of one ct() share. */
struct ct_pass {
    struct ct *ct;
    const struct ct_request *request;
    ovs_be16 dl_type;
    long long now;
    struct dp_packet_batch *batch;      /* What leaves ... */
    struct ct_overflow *overflow;       /* ... and does not fit. */
    struct ct_overflow **overflow_tail;
    unsigned int n_found;
};

/* The steps for a batch. */
static void track_batch(struct ct_pass *);
static void begin_packet(struct ct_pass *, struct dp_packet *,
                         struct ct_packet *);
static void prefetch_records(struct ct_packet *, size_t n);
static void track_fragments(struct ct_pass *, struct dp_packet_batch *);

/* The steps for a packet. */
static bool track_one(struct ct_pass *, struct ct_packet *);
static void force_direction(struct ct_packet *);
static void update_conn(struct ct_pass *, struct ct_packet *);
static bool open_conn(struct ct_pass *, struct ct_packet *);
static bool translate(struct ct_packet *);

/* A connection may end while its packet is on the way; then it is looked for
 * again. */
#define MAX_TRIES 4

void
ct_execute(struct ct *ct, struct dp_packet_batch *batch, ovs_be16 dl_type,
           const struct ct_request *request, long long now)
{
    struct ct_overflow *o = ct_execute_all(ct, batch, dl_type, request, now);

    while (OVS_UNLIKELY(o)) {
        struct ct_overflow *next = o->next;

        ct_count(ct, CT_C_DROP_FRAGMENT_OVERFLOW,
                 dp_packet_batch_size(&o->batch));
        dp_packet_delete_batch(&o->batch, true);
        free(o);
        o = next;
    }
}

struct ct_overflow *
ct_execute_all(struct ct *ct, struct dp_packet_batch *batch, ovs_be16 dl_type,
               const struct ct_request *request, long long now)
{
    struct ct_pass pass = {
        .ct = ct,
        .request = request,
        .dl_type = dl_type,
        .now = now,
        .batch = batch,
    };
    struct dp_packet_batch fragments;

    pass.overflow_tail = &pass.overflow;
    dp_packet_batch_init(&fragments);
    bool any_fragments = ct_frag_split(batch, dl_type, &fragments);
    track_batch(&pass);
    if (OVS_UNLIKELY(any_fragments)) {
        track_fragments(&pass, &fragments);
    }
    if (pass.n_found) {
        ct_count(ct, CT_C_FOUND, pass.n_found);
    }
    return pass.overflow;
}

void
ct_clear(struct dp_packet *packet)
{
    /* Without ct_state nothing else of the metadata is looked at. */
    packet->md.ct_state = 0;
    packet->md.conn = NULL;
}

/* All packets are parsed first, and what the lookups will read is fetched
 * meanwhile.  The lookups themselves come one by one, so that a packet finds
 * what an earlier one of the batch has committed. */
static void
track_batch(struct ct_pass *pass)
{
    const size_t n = dp_packet_batch_size(pass->batch);
    struct ct_packet packets[NETDEV_MAX_BURST];
    const struct ct_zone *zone = ct_zone_get(pass->ct, pass->request->zone);
    const struct ct_table *table = zone ? ct_zone_table(zone) : NULL;
    struct dp_packet *pkt;
    size_t i;

    DP_PACKET_BATCH_FOR_EACH (j, pkt, pass->batch) {
        begin_packet(pass, pkt, &packets[j]);
        if (table && packets[j].valid) {
            packets[j].bucket = ct_table_prefetch_bucket(table,
                                                         packets[j].hash);
        }
    }
    prefetch_records(packets, n);
    DP_PACKET_BATCH_REFILL_FOR_EACH (i, n, pkt, pass->batch) {
        if (OVS_LIKELY(track_one(pass, &packets[i]))) {
            dp_packet_batch_refill(pass->batch, pkt, i);
        } else {
            dp_packet_delete(pkt);
        }
    }
}

/* The records that the packets' buckets name; where a bucket does not know,
 * the one behind it may. */
static void
prefetch_records(struct ct_packet *packets, size_t n)
{
    unsigned int n_behind = 0;
    uint8_t behind[NETDEV_MAX_BURST];

    for (size_t i = 0; i < n; i++) {
        struct ct_packet *packet = &packets[i];

        if (!packet->bucket) {
            continue;
        }
        packet->candidate = ct_table_prefetch_record(packet->bucket,
                                                     packet->hash);
        if (!packet->candidate) {
            packet->bucket = ct_table_prefetch_next(packet->bucket);
            behind[n_behind] = i;
            n_behind += packet->bucket != NULL;
        }
    }
    for (size_t i = 0; i < n_behind; i++) {
        struct ct_packet *packet = &packets[behind[i]];

        packet->candidate = ct_table_prefetch_record(packet->bucket,
                                                     packet->hash);
    }
}

static void
begin_packet(struct ct_pass *pass, struct dp_packet *pkt,
             struct ct_packet *packet)
{
    struct ct_conn *conn = (struct ct_conn *) pkt->md.conn;

    packet->packet = pkt;
    packet->ct = pass->ct;
    packet->request = pass->request;
    packet->dl_type = pass->dl_type;
    packet->zone = ct_zone_get(pass->ct, pass->request->zone);
    packet->now = pass->now;
    packet->is_icmp_error = false;
    packet->parsed = packet->valid = packet->cached = false;
    packet->bucket = NULL;
    packet->candidate = 0;
    packet->conn = NULL;
    packet->ct_state = 0;
    packet->seen = ct_metadata_is_of(&pkt->md, pass->request->zone);

    if (packet->seen && conn && conn->key.zone == pass->request->zone) {
        OVS_PREFETCH(conn);
        packet->cached = true;
    } else if (pkt->md.ct_state == CS_INVALID) {
        /* By ipf: a fragment that does not fit. */
        packet->parsed = true;
        ct_count(pass->ct, CT_C_INVALID_FRAGMENT, 1);
    } else {
        ct_packet_parse(packet, pass->dl_type);
    }
}

/* False if 'packet' must be dropped; it is counted. */
static bool
track_one(struct ct_pass *pass, struct ct_packet *packet)
{
    ct_find(packet);
    if (packet->conn && packet->request->force) {
        force_direction(packet);
    }
    if (packet->conn) {
        update_conn(pass, packet);
    }
    if (!packet->conn && !open_conn(pass, packet)) {
        return false;
    }
    if (packet->conn && !translate(packet)) {
        return false;
    }
    ct_metadata_write(packet);
    return true;
}

/* Fragments. */

static bool
track_datagram(void *pass_, struct dp_packet *pkt)
{
    struct ct_pass *pass = pass_;
    struct ct_packet packet;

    begin_packet(pass, pkt, &packet);
    if (!track_one(pass, &packet)) {
        /* Its fragments go the same way: they are not late. */
        pkt->md.ct_state = CS_TRACKED | CS_INVALID;
        return false;
    }
    return true;
}

static void
emit_fragment(void *pass_, struct dp_packet *pkt)
{
    struct ct_pass *pass = pass_;
    struct dp_packet_batch *batch = pass->batch;

    if (dp_packet_batch_is_full(batch)) {
        struct ct_overflow *overflow = xmalloc(sizeof *overflow);

        dp_packet_batch_init(&overflow->batch);
        overflow->next = NULL;
        *pass->overflow_tail = overflow;
        pass->overflow_tail = &overflow->next;
        batch = pass->batch = &overflow->batch;
    }
    dp_packet_batch_add(batch, pkt);
}

static void
count_expired(void *pass_)
{
    struct ct_pass *pass = pass_;

    ct_count(pass->ct, CT_C_DROP_FRAGMENT_EXPIRED, 1);
}

static void
track_fragments(struct ct_pass *pass, struct dp_packet_batch *fragments)
{
    const struct ct_frag_context context = {
        .dl_type = pass->dl_type,
        .zone = pass->request->zone,
        .now = pass->now,
    };
    const struct ct_frag_ops ops = {
        .track = track_datagram,
        .emit = emit_fragment,
        .expired = count_expired,
        .aux = pass,
    };

    ct_frag_execute(pass->ct->frag, fragments, &context, &ops);
}

/* ct(force): a connection that was opened from the other end is not ours. */
static void
force_direction(struct ct_packet *packet)
{
    if (packet->dir == CT_DIR_REPLY) {
        ct_conn_end(packet->ct, packet->conn, CT_C_DELETED);
        packet->conn = NULL;
        packet->cached = false;
    }
}

/* Updating it. */

/* Who writes a deadline that is closer must tell the wheel, which otherwise
 * looks at it only when the old one is due. */
static void
set_deadline(struct ct_packet *packet, long long deadline)
{
    struct ct_conn *conn = packet->conn;
    long long old = atomic_load_explicit(&conn->deadline,
                                         memory_order_relaxed);

    atomic_store_explicit(&conn->deadline, deadline, memory_order_relaxed);
    if (OVS_UNLIKELY(deadline + CT_WHEEL_TICK_MS < old)) {
        ct_wheel_sooner(packet->ct->wheel, conn);
    }
}

static long long
next_deadline(const struct ct_packet *packet)
{
    return packet->now + ct_l4_timeouts(packet)->ms[packet->timeout];
}

static void
count_packet(struct ct_packet *packet)
{
    struct ct_conn *conn = packet->conn;
    struct ct_conn_counters *counters = &conn->counters[packet->dir];

    counters->packets++;
    counters->bytes += packet->ip_len;
    if (packet->timeout != CT_TIMEOUT_KEEP) {
        set_deadline(packet, next_deadline(packet));
    }
    if (packet->dir == CT_DIR_REPLY
        && !(ct_conn_status(conn) & CT_DPIF_STATUS_SEEN_REPLY)) {
        atomic_fetch_or(&conn->status, CT_DPIF_STATUS_SEEN_REPLY);
    }
}

static void
shorten_deadline(struct ct_packet *packet)
{
    if (packet->timeout != CT_TIMEOUT_KEEP) {
        long long old = atomic_load(&packet->conn->deadline);
        long long new = next_deadline(packet);

        set_deadline(packet, MIN(old, new));
    }
}

static uint8_t
conn_state(const struct ct_packet *packet)
{
    uint16_t status = ct_conn_status(packet->conn);
    uint8_t related = status & CT_DPIF_STATUS_EXPECTED ? CS_RELATED : 0;

    if (packet->dir == CT_DIR_REPLY) {
        return CS_ESTABLISHED | CS_REPLY_DIR | related;
    }
    if (status & CT_DPIF_STATUS_SEEN_REPLY) {
        return CS_ESTABLISHED | related;
    }
    return related ? related : CS_NEW;
}

static void
set_invalid(struct ct_packet *packet)
{
    packet->conn = NULL;
    packet->valid = false;
    packet->ct_state = CS_INVALID;
}

/* Lets the protocol see the packet. */
static enum ct_verdict
update_protocol(struct ct_packet *packet)
{
    struct ct_conn *conn = packet->conn;
    enum ct_verdict verdict;

    packet->timeout = CT_TIMEOUT_KEEP;
    ct_conn_lock(conn);
    verdict = packet->l4->update(packet, conn);
    if (OVS_LIKELY(verdict == CT_VERDICT_ACCEPT
                   || verdict == CT_VERDICT_DELETE)) {
        count_packet(packet);
    } else if (verdict == CT_VERDICT_INVALID) {
        shorten_deadline(packet);
    }
    ct_conn_unlock(conn);
    return verdict;
}

/* Does what it says of the packet and its connection.  Leaves packet->conn
 * NULL if the packet is not of this connection. */
static void
apply_verdict(struct ct_packet *packet, enum ct_verdict verdict)
{
    switch (verdict) {
    case CT_VERDICT_ACCEPT:
        packet->ct_state = conn_state(packet);
        break;
    case CT_VERDICT_DELETE:
        packet->ct_state = conn_state(packet);
        atomic_store(&packet->conn->deadline, CT_DEADLINE_ENDED);
        ct_conn_end(packet->ct, packet->conn, CT_C_DELETED);
        break;
    case CT_VERDICT_INVALID:
        set_invalid(packet);
        break;
    case CT_VERDICT_RESTART:
        ct_conn_end(packet->ct, packet->conn, CT_C_DELETED);
        packet->conn = NULL;
        break;
    }
}

static void
update_conn(struct ct_pass *pass, struct ct_packet *packet)
{
    if (packet->cached) {
        packet->ct_state = packet->packet->md.ct_state;
    } else if (packet->is_icmp_error) {
        packet->ct_state = CS_RELATED | (packet->dir == CT_DIR_REPLY
                                         ? CS_REPLY_DIR : 0);
    } else {
        apply_verdict(packet, update_protocol(packet));
        if (!packet->conn) {
            return;
        }
    }

    pass->n_found++;
    if (packet->request->commit) {
        ct_zone_use_policy(packet->ct,
                           ct_zone_get(packet->ct, packet->request->zone),
                           packet->request->timeout_policy);
        ct_commit_metadata(packet);
    }
}

/* Opening one. */

/* The packet is not, or no longer, of any connection.  False: drop it. */
static bool
open_conn(struct ct_pass *pass, struct ct_packet *packet)
{
    if (!packet->parsed) {
        ct_packet_parse(packet, packet->dl_type);
    }
    if (!packet->valid) {
        set_invalid(packet);
        return true;
    }
    if (packet->is_icmp_error) {
        ct_count(packet->ct, CT_C_INVALID_ICMP_ERROR, 1);
        set_invalid(packet);
        return true;
    }
    if (packet->l4->may_open(packet) != CT_VERDICT_ACCEPT) {
        set_invalid(packet);
        return true;
    }
    packet->ct_state = CS_NEW;
    ct_count(packet->ct, CT_C_NEW, 1);
    if (!packet->request->commit) {
        return true;
    }

    for (int i = 0; i < MAX_TRIES; i++) {
        switch (ct_commit(packet)) {
        case CT_COMMIT_DONE:
            return true;
        case CT_COMMIT_INVALID:
            set_invalid(packet);
            return true;
        case CT_COMMIT_DROP:
            return false;
        case CT_COMMIT_CLASH:
            packet->conn = ct_find_live(packet);
            if (packet->conn) {
                update_conn(pass, packet);
            }
            if (packet->conn || packet->ct_state & CS_INVALID) {
                return true;
            }
            break;
        }
    }
    ct_count(packet->ct, CT_C_DROP_CLASH, 1);
    return false;
}

/* Once in each zone.  False: drop it. */
static bool
translate(struct ct_packet *packet)
{
    if (packet->request->nat.kind == CT_NAT_NONE
        || !ct_conn_is_nat(packet->conn)
        || packet->ct_state & CT_STATES_NAT) {
        return true;
    }
    if (!packet->parsed && !ct_packet_parse(packet, packet->dl_type)) {
        set_invalid(packet);
        return true;
    }
    return ct_nat_translate(packet);
}
