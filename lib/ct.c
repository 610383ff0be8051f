/* SPDX-License-Identifier: Apache-2.0 */

/* The connection tracker: the way of a packet through one ct().
 *
 * ct_execute_all() lists the steps for a batch, track_one() those for a
 * packet.  The datapath's ct action calls it; everything else in lib/ is
 * called from here.  (The tracker as a whole: ct-tracker.c.) */

#include <config.h>

#include "ct.h"

#include "ct-find.h"
#include "ct-frag.h"
#include "ct-metadata.h"
#include "ct-packet.h"
#include "ct-refuse.h"
#include "ct-step.h"
#include "ct-table-batch.h"
#include "ct-tracker.h"
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
    bool mangled;               /* The last datagram of fragments. */
};

/* The steps for a batch. */
static void track_batch(struct ct_pass *);
static void begin_packet(struct ct_pass *, struct dp_packet *,
                         struct ct_packet *);
static void prefetch_records(struct ct_packet *, size_t n);
static void track_fragments(struct ct_pass *, struct dp_packet_batch *);

/* The steps for a packet. */
static bool track_one(struct ct_pass *, struct ct_packet *);

void
ct_execute(struct ct *ct, struct dp_packet_batch *batch, ovs_be16 dl_type,
           const struct ct_request *request, long long now)
{
    struct ct_overflow *o = ct_execute_all(ct, batch, dl_type, request, now);

    while (OVS_UNLIKELY(o)) {
        struct ct_overflow *next = o->next;

        ct_refuse_unseen(ct, request->zone, CT_C_DROP_FRAGMENT_OVERFLOW,
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
    packet->mangled = false;
    packet->parsed = packet->keyed = false;
    packet->valid = packet->cached = false;
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
        ct_refuse(packet, CT_C_INVALID_FRAGMENT);
    } else {
        ct_packet_parse(packet, pass->dl_type);
    }
}

/* False if 'packet' must be dropped; it is counted. */
static bool
track_one(struct ct_pass *pass, struct ct_packet *packet)
{
    bool keep;

    ct_find(packet);
    keep = ct_step(packet);
    pass->n_found += packet->found;
    if (keep) {
        ct_metadata_write(packet);
    }
    return keep;
}

/* Fragments. */

static bool
track_datagram(void *pass_, struct dp_packet *pkt)
{
    struct ct_pass *pass = pass_;
    struct ct_packet packet;

    begin_packet(pass, pkt, &packet);
    pass->mangled = false;
    if (!track_one(pass, &packet)) {
        /* Its fragments go the same way: they are not late. */
        pkt->md.ct_state = CS_TRACKED | CS_INVALID;
        return false;
    }
    pass->mangled = packet.mangled;
    return true;
}

static bool
datagram_is_mangled(void *pass_)
{
    struct ct_pass *pass = pass_;

    return pass->mangled;
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
count_expired(void *pass_, int zone, unsigned int n)
{
    struct ct_pass *pass = pass_;

    ct_refuse_unseen(pass->ct, zone, CT_C_DROP_FRAGMENT_EXPIRED, n);
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
        .mangled = datagram_is_mangled,
        .emit = emit_fragment,
        .expired = count_expired,
        .aux = pass,
    };

    ct_frag_execute(pass->ct->frag, fragments, &context, &ops);
}
