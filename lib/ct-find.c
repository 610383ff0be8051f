/* SPDX-License-Identifier: Apache-2.0 */

/* From a packet to its connection: the second step of ct_execute(). */

#include <config.h>

#include "ct-find.h"
#include "ct-l4.h"

#include "ct-metadata.h"
#include "ct-table-batch.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "dp-packet.h"
#include "packets.h"

static bool is_believed(const struct ct_conn *, long long now);
static bool find_seen(struct ct_packet *);
static struct ct_conn *find_translated(struct ct_packet *);

void
ct_find(struct ct_packet *packet)
{
    const struct pkt_metadata *md = &packet->packet->md;

    if (packet->cached) {
        struct ct_conn *conn = (struct ct_conn *) md->conn;

        if (OVS_LIKELY(is_believed(conn, packet->now)
                       && ct_metadata_same_original(packet, conn))) {
            packet->conn = conn;
            packet->ct_state = md->ct_state;
            packet->dir = md->reply ? CT_DIR_REPLY : CT_DIR_ORIGINAL;
            packet->is_icmp_error = md->icmp_related;
            return;
        }
        packet->cached = packet->seen = false;
        ct_packet_parse(packet, packet->dl_type);
    }

    packet->zone = ct_zone_get(packet->ct, packet->request->zone);
    if (!packet->valid || !packet->zone) {
        return;
    }
    if (OVS_UNLIKELY(packet->seen) && find_seen(packet)) {
        return;
    }
    packet->conn = ct_find_live(packet);
}

struct ct_conn *
ct_find_live(struct ct_packet *packet)
{
    struct ct_conn *conn = ct_table_candidate(packet->candidate,
                                              &packet->tuple, &packet->key,
                                              &packet->inverse, &packet->dir);

    if (OVS_LIKELY(conn && ct_conn_lives(conn, packet->now))) {
        return conn;
    }
    conn = ct_table_find(ct_zone_table(packet->zone), &packet->tuple,
                         &packet->key, &packet->inverse, packet->hash,
                         &packet->dir);
    if (OVS_LIKELY(!conn || ct_conn_lives(conn, packet->now))) {
        return conn;
    }
    ct_conn_end(packet->ct, conn, CT_C_EXPIRED);
    return NULL;
}

/* May a packet that comes back still belong to 'conn'?  The one that ended it
 * does, a RST as the answer to a SYN, say. */
static bool
is_believed(const struct ct_conn *conn, long long now)
{
    return (OVS_LIKELY(ct_conn_lives(conn, now))
            || atomic_load(&conn->deadline) == CT_DEADLINE_ENDED);
}

/* A packet that came back without its connection's pointer: is there one that
 * it has been counted in? */
static bool
find_seen(struct ct_packet *packet)
{
    uint8_t ct_state = packet->packet->md.ct_state;
    struct ct_conn *conn = (ct_state & CT_STATES_NAT
                            ? find_translated(packet)
                            : ct_find_live(packet));

    if (!conn || !ct_metadata_same_original(packet, conn)) {
        return false;
    }
    packet->conn = conn;
    packet->cached = true;
    packet->ct_state = ct_state;
    return true;
}

/* The connection of a packet that has been translated already: as it now
 * looks, it is the inverse of one in the other direction. */
static struct ct_conn *
find_translated(struct ct_packet *packet)
{
    struct ct_tuple inverse;
    struct ct_conn *conn;
    enum ct_dir dir;

    ct_tuple_invert(&packet->tuple, &inverse);
    conn = ct_table_find(ct_zone_table(packet->zone), &inverse,
                         &packet->inverse, &packet->key, packet->hash, &dir);
    if (conn && ct_conn_lives(conn, packet->now)) {
        packet->dir = dir ^ 1;
        return conn;
    }
    return NULL;
}
