/* SPDX-License-Identifier: Apache-2.0 */

/* Fragments.
 *
 * ct_execute() first takes fragments out of its batch, and works on them,
 * through ct_frag_execute(), after the others. */

#include <config.h>

#include "ct-frag.h"

#include <netinet/in.h>
#include <netinet/ip6.h>

#include "ct-frag-cut.h"
#include "flow.h"
#include "ipf.h"
#include "openvswitch/thread.h"
#include "packets.h"
#include "random.h"
#include "util.h"

struct ct_frag {
    struct ovs_mutex mutex;     /* Held while anything is in 'ipf's hands
                                 * that is ready. */
    struct ipf *ipf;
    uint32_t hash_basis;
};

/* What the fragments of a datagram have to become. */
struct outcome {
    bool drop;
    struct dp_packet *whole;    /* If its payload is another: as it is now. */
    struct dp_packet *first;    /* The first of those that came, then; and */
    size_t max;                 /* the bytes of the largest. */
};

static bool is_fragment(const struct dp_packet *, ovs_be16 dl_type);
static unsigned int count_kept(const struct ct_frag *);
static void drop_late(struct ct_frag *, long long now, ct_frag_expired *,
                      void *aux);
static void mark_zone(struct dp_packet *, uint16_t zone);
static int take_zone(struct dp_packet *);
static void execute_one(struct ct_frag *, struct dp_packet *,
                        const struct ct_frag_context *,
                        const struct ct_frag_ops *);
static void collect(struct ct_frag *, struct dp_packet_batch *,
                    struct outcome *, const struct ct_frag_context *,
                    const struct ct_frag_ops *);
static void emit_cut(struct outcome *, const struct ct_frag_context *,
                     const struct ct_frag_ops *);

struct ct_frag *
ct_frag_create(void)
{
    struct ct_frag *frag = xmalloc(sizeof *frag);

    ovs_mutex_init(&frag->mutex);
    frag->ipf = ipf_init();
    frag->hash_basis = random_uint32();
    return frag;
}

void
ct_frag_destroy(struct ct_frag *frag)
{
    ipf_destroy(frag->ipf);
    ovs_mutex_destroy(&frag->mutex);
    free(frag);
}

struct ipf *
ct_frag_ipf(struct ct_frag *frag)
{
    return frag->ipf;
}

bool
ct_frag_split(struct dp_packet_batch *batch, ovs_be16 dl_type,
              struct dp_packet_batch *fragments)
{
    const size_t n = dp_packet_batch_size(batch);
    struct dp_packet *packet;
    bool any = false;
    size_t i;

    DP_PACKET_BATCH_FOR_EACH (j, packet, batch) {
        any |= is_fragment(packet, dl_type);
    }
    if (OVS_LIKELY(!any)) {
        return false;
    }

    DP_PACKET_BATCH_REFILL_FOR_EACH (i, n, packet, batch) {
        if (is_fragment(packet, dl_type)) {
            dp_packet_batch_add(fragments, packet);
        } else {
            dp_packet_batch_refill(batch, packet, i);
        }
    }
    return true;
}

void
ct_frag_execute(struct ct_frag *frag, struct dp_packet_batch *fragments,
                const struct ct_frag_context *context,
                const struct ct_frag_ops *ops)
{
    struct dp_packet *packet;

    ovs_mutex_lock(&frag->mutex);
    /* So that nothing completes what is late already. */
    drop_late(frag, context->now, ops->expired, ops->aux);
    DP_PACKET_BATCH_FOR_EACH (i, packet, fragments) {
        execute_one(frag, packet, context, ops);
    }
    ovs_mutex_unlock(&frag->mutex);
    dp_packet_batch_init(fragments);
}

void
ct_frag_run(struct ct_frag *frag, long long now, ct_frag_expired *expired,
            void *aux)
{
    if (count_kept(frag)) {
        ovs_mutex_lock(&frag->mutex);
        drop_late(frag, now, expired, aux);
        ovs_mutex_unlock(&frag->mutex);
    }
}

static unsigned int
count_kept(const struct ct_frag *frag)
{
    struct ipf_status status;

    ipf_get_status(frag->ipf, &status);
    return status.nfrag;
}

/* Fragments of one datagram: all of them are of one zone. */
static void
tell_late(struct dp_packet_batch *late, ct_frag_expired *expired, void *aux)
{
    if (!dp_packet_batch_is_empty(late)) {
        expired(aux, take_zone(late->packets[0]), dp_packet_batch_size(late));
    }
}

/* One datagram at a time: its fragments come out, or, if it should have come
 * out long ago, are freed inside of ipf. */
static void
drop_late(struct ct_frag *frag, long long now, ct_frag_expired *expired,
          void *aux)
{
    unsigned int n = count_kept(frag), n_last, n_unseen = 0;

    do {
        struct dp_packet_batch late;

        n_last = n;
        dp_packet_batch_init(&late);
        /* ipf wants a protocol only to name the counter that it adds to. */
        ipf_postprocess_conntrack(frag->ipf, &late, now,
                                  htons(ETH_TYPE_IP));
        n = count_kept(frag);
        n_unseen += n_last - n - dp_packet_batch_size(&late);
        tell_late(&late, expired, aux);
        dp_packet_delete_batch(&late, true);
    } while (n < n_last);
    if (n_unseen) {
        expired(aux, CT_FRAG_NO_ZONE, n_unseen);
    }
}

/* A fragment that waits has no connection: in its place stands the zone.  The
 * metadata's own is that of the ct() before, and is still looked at. */
static void
mark_zone(struct dp_packet *packet, uint16_t zone)
{
    packet->md.conn = (struct conn *) ((uintptr_t) zone + 1);
}

static int
take_zone(struct dp_packet *packet)
{
    uintptr_t mark = (uintptr_t) packet->md.conn;

    packet->md.conn = NULL;
    return mark ? (int) (mark - 1) : CT_FRAG_NO_ZONE;
}

/* Must say yes for all that ipf takes. */
static bool
is_fragment(const struct dp_packet *packet, ovs_be16 dl_type)
{
    const void *l3 = dp_packet_l3(packet);
    size_t size = l3 ? dp_packet_l3_size(packet) : 0;

    if (dl_type == htons(ETH_TYPE_IP)) {
        const struct ip_header *ip = l3;

        return size >= IP_HEADER_LEN && IP_IS_FRAGMENT(ip->ip_frag_off);
    }
    if (dl_type != htons(ETH_TYPE_IPV6)
        || size < sizeof(struct ovs_16aligned_ip6_hdr)) {
        return false;
    }

    const struct ovs_16aligned_ip6_frag *frag_hdr = NULL;
    const struct ovs_16aligned_ip6_hdr *ip6 = l3;
    const void *data = ip6 + 1;
    uint8_t proto = ip6->ip6_nxt;
    uint8_t frag = 0;

    if (proto == IPPROTO_TCP || proto == IPPROTO_UDP) {
        return false;
    }
    size -= sizeof *ip6;
    return (parse_ipv6_ext_hdrs(&data, &size, &proto, &frag, &frag_hdr)
            && frag);
}

static void
execute_one(struct ct_frag *frag, struct dp_packet *packet,
            const struct ct_frag_context *context,
            const struct ct_frag_ops *ops)
{
    struct dp_packet_batch one;

    mark_zone(packet, context->zone);
    dp_packet_batch_init_packet(&one, packet);
    ipf_preprocess_conntrack(frag->ipf, &one, context->now, context->dl_type,
                             context->zone, frag->hash_basis);
    if (dp_packet_batch_is_empty(&one)) {
        return;                 /* Kept. */
    }
    take_zone(one.packets[0]);
    if (one.packets[0] == packet) {
        /* Not taken; invalid, then. */
        if (ops->track(ops->aux, packet)) {
            ops->emit(ops->aux, packet);
        } else {
            dp_packet_delete(packet);
        }
        return;
    }

    /* 'packet' is gone, and with it the datagram is complete.  It belongs to
     * ipf, and so do the fragments, until we collect them. */
    struct outcome outcome = { .drop = !ops->track(ops->aux, one.packets[0]) };
    if (!outcome.drop && ops->mangled(ops->aux)) {
        outcome.whole = dp_packet_clone(one.packets[0]);
    }
    collect(frag, &one, &outcome, context, ops);
    if (outcome.whole) {
        emit_cut(&outcome, context, ops);
    }
}

/* A fragment of the datagram, in order. */
static void
collect_one(struct dp_packet *packet, struct outcome *outcome,
            const struct ct_frag_context *context,
            const struct ct_frag_ops *ops)
{
    if (!outcome->drop && !outcome->whole) {
        ops->emit(ops->aux, packet);
        return;
    }
    if (outcome->whole) {
        outcome->max = MAX(outcome->max,
                           ct_frag_cut_size(packet, context->dl_type));
    }
    if (outcome->whole && !outcome->first) {
        outcome->first = packet;
    } else {
        dp_packet_delete(packet);
    }
}

/* Takes the fragments of the datagram in 'batch' out of ipf, and with them
 * what has become late. */
static void
collect(struct ct_frag *frag, struct dp_packet_batch *batch,
        struct outcome *outcome, const struct ct_frag_context *context,
        const struct ct_frag_ops *ops)
{
    struct dp_packet *packet;

    for (;;) {
        ipf_postprocess_conntrack(frag->ipf, batch, context->now,
                                  context->dl_type);
        if (dp_packet_batch_is_empty(batch)) {
            return;
        }
        DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
            int zone = take_zone(packet);

            /* What is late is marked "invalid", without "tracked". */
            if (packet->md.ct_state == CS_INVALID) {
                ops->expired(ops->aux, zone, 1);
                dp_packet_delete(packet);
            } else {
                collect_one(packet, outcome, context, ops);
            }
        }
        dp_packet_batch_init(batch);
    }
}

/* All but the last have a multiple of 8 bytes (RFC 791 section 3.2). */
static void
emit_cut(struct outcome *outcome, const struct ct_frag_context *context,
         const struct ct_frag_ops *ops)
{
    size_t max = ROUND_DOWN(outcome->max, 8), at = 0;
    struct dp_packet *cut;

    while (outcome->first
           && (cut = ct_frag_cut(outcome->whole, outcome->first,
                                 context->dl_type, at, max))) {
        ops->emit(ops->aux, cut);
        at += max;
    }
    dp_packet_delete(outcome->first);
    dp_packet_delete(outcome->whole);
}
