/* SPDX-License-Identifier: Apache-2.0 */

/* GRE (RFC 2784): a connection is a pair of addresses, as for the kernel when
 * no PPTP helper has announced the keys of a call. */

#include <config.h>

#include "ct-l4.h"

#include "packets.h"

/* Flags, version, and the protocol carried. */
#define GRE_BASE_LEN 4

static bool
gre_parse(struct ct_packet *packet)
{
    if (packet->l4_len < GRE_BASE_LEN) {
        ct_l4_invalid(packet, CT_C_INVALID_L4);
        return false;
    }
    packet->tuple.src_port = 0;
    packet->tuple.dst_port = 0;
    return true;
}

static enum ct_verdict
gre_update(struct ct_packet *packet, struct ct_conn *conn)
{
    packet->timeout = CT_TIMEOUT_GRE;
    if (ct_conn_status(conn) & CT_DPIF_STATUS_SEEN_REPLY) {
        packet->timeout = CT_TIMEOUT_GRE_STREAM;
        ct_l4_set_assured(conn);
    }
    return CT_VERDICT_ACCEPT;
}

const struct ct_l4 ct_l4_gre = {
    .name = "gre",
    .parse = gre_parse,
    .may_open = ct_l4_always_opens,
    .open = ct_l4_open_nothing,
    .update = gre_update,
};
