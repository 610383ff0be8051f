/* SPDX-License-Identifier: Apache-2.0 */

/* ct() without a lookup: called by the datapath for packets whose way it
 * remembers; calls ct-step.c. */

#include <config.h>

#include "ct-track.h"

#include "ct-commit.h"
#include "ct-l4.h"
#include "ct-nat.h"
#include "ct-packet-inline.h"
#include "ct-step.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "dp-packet.h"
#include "packets.h"
#include "util.h"

static bool is_young(const struct ct_conn *, enum ct_dir,
                     uint64_t min_packets);

uint64_t
ct_track_epoch(const struct ct *ct)
{
    return atomic_load_explicit(&ct->flush_epoch, memory_order_acquire);
}

uint64_t
ct_track_generation(const struct ct *ct, uint16_t zone_id)
{
    const struct ct_zone *zone = ct_zone_get(ct, zone_id);

    return zone ? ct_zone_generation(zone)->seq : 0;
}

bool
ct_track_remember(const struct dp_packet *pkt, uint64_t min_packets,
                  struct ct_track *track)
{
    const struct pkt_metadata *md = &pkt->md;
    const struct ct_conn *conn = (const struct ct_conn *) md->conn;
    enum ct_dir dir = md->reply ? CT_DIR_REPLY : CT_DIR_ORIGINAL;

    if (!conn || md->ct_state & CS_INVALID || md->icmp_related
        || is_young(conn, dir, min_packets)
        || ct_conn_status(conn) & CT_CONN_STATUS_HELPED) {
        return false;
    }
    track->number = (ct_conn_number(conn)
                     | (dir == CT_DIR_REPLY ? CT_TRACK_REPLY : 0)
                     | (ct_conn_is_nat(conn) ? CT_TRACK_NAT : 0));
    track->id = conn->id;
    return true;
}

/* As ct_packet_parse_headers(), for IPv4 without options, of which the
 * datapath has seen that lengths and offsets are sound.  False if it is
 * something else. */
static inline bool
begin_plain_ipv4(struct ct_packet *packet, struct dp_packet *pkt)
{
    uint8_t *data = dp_packet_data(pkt);
    const struct ip_header *ip = (const void *) (data + pkt->l3_ofs);
    struct ct_tuple *tuple = &packet->tuple;

    if (OVS_UNLIKELY(pkt->l4_ofs - pkt->l3_ofs != IP_HEADER_LEN
                     || packet->dl_type != htons(ETH_TYPE_IP)
                     || !ct_packet_ipv4_csum_ok(pkt, ip, IP_HEADER_LEN))) {
        return false;
    }
    packet->parsed = true;
    packet->keyed = packet->is_icmp_error = false;
    packet->inner_l3 = NULL;
    tuple->src.ip = get_16aligned_be32(&ip->ip_src);
    tuple->dst.ip = get_16aligned_be32(&ip->ip_dst);
    tuple->proto = ip->ip_proto;
    tuple->kind = 0;
    packet->ip_len = ntohs(ip->ip_tot_len);
    packet->l3_header = data + pkt->l3_ofs;
    packet->l4_header = data + pkt->l4_ofs;
    packet->l4_len = packet->ip_len - IP_HEADER_LEN;
    packet->l4 = ct_packet_find_l4(tuple);
    packet->valid = packet->l4->parse(packet);
    return true;
}

bool
ct_track_begin(struct ct_packet *packet, struct dp_packet *pkt,
               const struct ct_track_context *context)
{
    packet->packet = pkt;
    packet->ct = context->ct;
    packet->request = context->request;
    packet->zone = NULL;
    packet->dl_type = context->dl_type;
    packet->now = context->now;
    packet->bucket = NULL;
    packet->candidate = 0;
    packet->conn = NULL;
    packet->seen = packet->cached = false;
    packet->ct_state = 0;
    if (OVS_UNLIKELY(!begin_plain_ipv4(packet, pkt))) {
        ct_packet_parse_headers(packet, context->dl_type);
    }
    if (OVS_LIKELY(packet->valid)) {
        return true;
    }
    packet->ct_state = CS_INVALID;
    return false;
}

void
ct_track_recall(struct ct_packet *packet)
{
    const struct pkt_metadata *md = &packet->packet->md;

    packet->conn = (struct ct_conn *) md->conn;
    packet->dir = md->reply ? CT_DIR_REPLY : CT_DIR_ORIGINAL;
    packet->ct_state = md->ct_state;
}

/* Does a commit give its zone another timeout policy than it has? */
static bool
changes_policy(const struct ct_request *request, const struct ct_zone *zone)
{
    return (request->commit
            && (atomic_load_explicit(&zone->policy_id, memory_order_relaxed)
                != request->timeout_policy));
}

/* What a commit would change in a connection that exists. */
static bool
commit_changes(const struct ct_request *request, const struct ct_zone *zone)
{
    return (request->mark_mask
            || !ovs_u128_is_zero(request->label_mask)
            || changes_policy(request, zone));
}

void
ct_track_prepare(struct ct_track_request *r, const struct ct *ct,
                 const struct ct_request *request)
{
    r->request = request;
    r->zone = ct_zone_get(ct, request->zone);
    /* A connection that gets a helper is out of the ordinary. */
    r->timeouts = (r->zone && !request->helper[0]
                   ? ovsrcu_get(const struct ct_timeouts *, &r->zone->timeouts)
                   : NULL);
    r->quiet = (r->zone && !request->force && !request->helper[0]
                && !(request->commit && commit_changes(request, r->zone)));
    r->plain = r->quiet && request->nat.kind == CT_NAT_NONE;
}

/* A request that gives its zone another policy makes the timeouts change for
 * all requests in that zone, with the first packet. */
void
ct_track_prepared(struct ct_track_request *requests[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct ct_track_request *r = requests[i];

        if (OVS_LIKELY(!r->zone || !changes_policy(r->request, r->zone))) {
            continue;
        }
        for (size_t j = 0; j < n; j++) {
            if (requests[j]->zone == r->zone) {
                requests[j]->timeouts = NULL;
                requests[j]->quiet = requests[j]->plain = false;
            }
        }
    }
}

enum ct_track_result
ct_track_finish__(struct ct_packet *packet, const struct ct_track_request *r)
{
    const struct ct_request *request = r->request;

    packet->request = request;
    packet->zone = r->zone;
    if (request->commit && commit_changes(request, r->zone)) {
        ct_zone_use_policy(packet->ct, r->zone, request->timeout_policy);
        ct_commit_metadata(packet);
    }
    return (request->nat.kind == CT_NAT_NONE
            || !ct_conn_is_nat(packet->conn)
            || ct_nat_translate(packet)
            ? CT_TRACK_DONE : CT_TRACK_DROP);
}

enum ct_track_result
ct_track_step__(struct ct_packet *packet, const struct ct_track_request *r)
{
    packet->request = r->request;
    packet->zone = r->zone;
    packet->cached = false;
    return ct_step(packet) ? CT_TRACK_DONE : CT_TRACK_DROP;
}

enum ct_track_result
ct_track_step_again(struct ct_packet *packet,
                    const struct ct_track_request *r)
{
    if (OVS_UNLIKELY(!packet->conn
                     || !ct_conn_lives(packet->conn, packet->now)
                     || (r->request->force
                         && packet->dir == CT_DIR_REPLY))) {
        return CT_TRACK_LOST;
    }
    packet->request = r->request;
    packet->zone = r->zone;
    packet->cached = true;
    return ct_step(packet) ? CT_TRACK_DONE : CT_TRACK_DROP;
}

/* One that is in a joint by now is not, and its counters are no numbers of
 * packets. */
static bool
is_young(const struct ct_conn *conn, enum ct_dir dir, uint64_t min_packets)
{
    return (!(ct_conn_status(conn) & CT_CONN_STATUS_JOINT)
            && conn->counters[dir].packets <= min_packets);
}
