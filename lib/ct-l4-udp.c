/* SPDX-License-Identifier: Apache-2.0 */

/* UDP.  A connection that has seen a reply and is still in use two seconds
 * after its first packet is a stream: it gets more time, and is ASSURED, which
 * a question and its answer are not.  (As the kernel; OVS's timeout policies
 * tell apart, too, whether there was just one packet.) */

#include <config.h>

#include "ct-l4.h"

#include "ct-cursor.h"
#include "packets.h"

#define STREAM_AFTER_MS 2000

/* conn->l4_state. */
enum {
    STATE_NEW,                  /* No packet yet. */
    STATE_USED
};

static bool
udp_parse(struct ct_packet *packet)
{
    struct ct_cursor c = ct_cursor_init(packet->l4_header, packet->l4_len);
    uint16_t len, csum;

    if (!ct_cursor_skip(&c, sizeof(ovs_be32)) /* Ports. */
        || !ct_cursor_be16(&c, &len)
        || !ct_cursor_be16(&c, &csum)
        || len < UDP_HEADER_LEN
        || len > packet->l4_len) {
        ct_l4_invalid(packet, CT_C_INVALID_L4);
        return false;
    }
    /* Zero is "no checksum", over IPv6 as well (RFC 6935): whether it is
     * welcome there is the receiver's to say. */
    if (csum && !ct_l4_checksum_ok(packet, true)) {
        ct_l4_invalid(packet, CT_C_INVALID_CHECKSUM);
        return false;
    }
    ct_tuple_set_ports(&packet->tuple, packet->l4_header);
    return true;
}

static void
udp_open(const struct ct_packet *packet, struct ct_conn *conn)
{
    conn->stream_at = packet->now + STREAM_AFTER_MS;
}

static enum ct_verdict
udp_update(struct ct_packet *packet, struct ct_conn *conn)
{
    packet->timeout = (conn->l4_state == STATE_NEW
                       ? CT_TIMEOUT_UDP_FIRST
                       : CT_TIMEOUT_UDP);
    conn->l4_state = STATE_USED;
    if (ct_conn_status(conn) & CT_DPIF_STATUS_SEEN_REPLY
        && packet->now > (long long) conn->stream_at) {
        packet->timeout = CT_TIMEOUT_UDP_STREAM;
        ct_l4_set_assured(conn);
    }
    return CT_VERDICT_ACCEPT;
}

/* All behind a reply but the first of a stream. */
static uint64_t
udp_ordinary(const struct ct_packet *packet, struct ct_conn *conn,
             enum ct_dir dir OVS_UNUSED, const struct ct_timeouts *timeouts)
{
    uint16_t status = ct_conn_status(conn);

    if (OVS_UNLIKELY(!(status & CT_DPIF_STATUS_SEEN_REPLY))) {
        return 0;
    }
    if (OVS_UNLIKELY(packet->now <= (long long) conn->stream_at)) {
        return timeouts->ms[CT_TIMEOUT_UDP];
    }
    return (OVS_LIKELY(status & CT_DPIF_STATUS_ASSURED)
            ? timeouts->ms[CT_TIMEOUT_UDP_STREAM] : 0);
}

const struct ct_l4 ct_l4_udp = {
    .name = "udp",
    .parse = udp_parse,
    .may_open = ct_l4_always_opens,
    .open = udp_open,
    .update = udp_update,
    .ordinary = udp_ordinary,
};
