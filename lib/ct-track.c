/* SPDX-License-Identifier: Apache-2.0 */

/* ct() without a lookup: called by the datapath for packets whose way it
 * remembers; calls ct-step.c. */

#include <config.h>

#include "ct-track.h"

#include "ct-commit.h"
#include "ct-l4.h"
#include "ct-nat.h"
#include "ct-step.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "dp-packet.h"
#include "packets.h"
#include "util.h"

static bool has_helper(const struct ct_conn *);
static bool step_ordinary(struct ct_packet *);

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
        || conn->counters[dir].packets <= min_packets || has_helper(conn)) {
        return false;
    }
    track->number = (ct_conn_number(conn)
                     | (dir == CT_DIR_REPLY ? CT_TRACK_REPLY : 0)
                     | (ct_conn_is_nat(conn) ? CT_TRACK_NAT : 0));
    track->id = conn->id;
    return true;
}

struct ct_conn *
ct_track_conn(const struct ct *ct, const struct ct_track *track)
{
    return ct_conn_from_number(ct->memory, track->number & CT_CONN_NUMBER_MAX);
}

bool
ct_track_begin(struct ct_packet *packet, struct dp_packet *pkt,
               const struct ct_track_context *context)
{
    packet->packet = pkt;
    packet->ct = context->ct;
    packet->dl_type = context->dl_type;
    packet->now = context->now;
    packet->bucket = NULL;
    packet->candidate = 0;
    packet->conn = NULL;
    packet->seen = packet->cached = false;
    packet->ct_state = 0;
    if (OVS_LIKELY(ct_packet_parse_headers(packet, context->dl_type))) {
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

/* Nothing must have been done when it says no. */
static bool
is_remembered(const struct ct_packet *packet, const struct ct_conn *conn,
              const struct ct_track *track)
{
    return (ct_conn_is_live(conn, track->id)
            && (long long) atomic_load_explicit(&conn->deadline,
                                                memory_order_relaxed)
               > packet->now
            && !(packet->request->force && track->number & CT_TRACK_REPLY));
}

enum ct_track_result
ct_track_step(struct ct_packet *packet, struct ct_conn *conn,
              const struct ct_track *track)
{
    packet->found = false;
    if (OVS_UNLIKELY(!is_remembered(packet, conn, track))) {
        return CT_TRACK_LOST;
    }
    packet->conn = conn;
    packet->dir = (track->number & CT_TRACK_REPLY ? CT_DIR_REPLY
                   : CT_DIR_ORIGINAL);
    packet->cached = false;
    if (OVS_LIKELY(step_ordinary(packet))) {
        return (OVS_LIKELY(packet->request->nat.kind == CT_NAT_NONE
                           || !ct_conn_is_nat(conn))
                || ct_nat_translate(packet)
                ? CT_TRACK_DONE : CT_TRACK_DROP);
    }
    return ct_step(packet) ? CT_TRACK_DONE : CT_TRACK_DROP;
}

/* What a commit would change in a connection that exists. */
static bool
commit_changes(const struct ct_packet *packet)
{
    const struct ct_request *request = packet->request;

    return (request->mark_mask
            || !ovs_u128_is_zero(request->label_mask)
            || (atomic_load_explicit(&packet->zone->policy_id,
                                     memory_order_relaxed)
                != request->timeout_policy));
}

/* Updates the connection, as update_conn() of ct-step.c does, for a packet
 * that is nothing out of the ordinary.  False, and nothing changed, if it
 * is. */
static bool
step_ordinary(struct ct_packet *packet)
{
    struct ct_conn *conn = packet->conn;
    const struct ct_l4 *l4 = packet->l4;

    if (OVS_UNLIKELY(!l4->ordinary)) {
        return false;
    }
    ct_conn_lock(conn);
    if (OVS_UNLIKELY(!l4->ordinary(packet, conn))) {
        ct_conn_unlock(conn);
        return false;
    }
    ct_step_count(packet);
    ct_conn_unlock(conn);

    packet->ct_state = (CS_ESTABLISHED
                        | (packet->dir == CT_DIR_REPLY ? CS_REPLY_DIR : 0)
                        | (OVS_UNLIKELY(ct_conn_status(conn)
                                        & CT_DPIF_STATUS_EXPECTED)
                           ? CS_RELATED : 0));
    packet->found = true;
    if (packet->request->commit && OVS_UNLIKELY(commit_changes(packet))) {
        ct_zone_use_policy(packet->ct, packet->zone,
                           packet->request->timeout_policy);
        ct_commit_metadata(packet);
    }
    return true;
}

enum ct_track_result
ct_track_step_again(struct ct_packet *packet)
{
    packet->found = false;
    if (OVS_UNLIKELY(!packet->conn
                     || !ct_conn_lives(packet->conn, packet->now)
                     || (packet->request->force
                         && packet->dir == CT_DIR_REPLY))) {
        return CT_TRACK_LOST;
    }
    packet->cached = true;
    return ct_step(packet) ? CT_TRACK_DONE : CT_TRACK_DROP;
}

static bool
has_helper(const struct ct_conn *conn)
{
    /* Pairs with the release in ct-commit.c. */
    const struct ct_conn_ext *ext = atomic_load_explicit(
        &conn->ext, memory_order_acquire);

    return ext && ext->helper[0];
}
