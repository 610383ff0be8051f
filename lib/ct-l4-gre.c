/* SPDX-License-Identifier: Apache-2.0 */

/* GRE (RFC 2784): a connection is a pair of addresses.  Enhanced GRE
 * (RFC 2637), which PPTP's calls are made of, is told apart by its key, if the
 * control connection's helper has announced the call (ct-gre-key.h).
 *
 * Of calls that nobody has announced, the kernel makes a connection for each
 * direction, by the one key that it sees; here they are a pair of addresses
 * as well. */

#include <config.h>

#include "ct-l4-gre.h"

#include "ct-gre-key.h"
#include "packets.h"

static bool parse_enhanced(struct ct_packet *);

static bool
gre_parse(struct ct_packet *packet)
{
    if (packet->l4_len < CT_GRE_BASE_LEN) {
        ct_l4_invalid(packet, CT_C_INVALID_L4);
        return false;
    }
    packet->tuple.src_port = 0;
    packet->tuple.dst_port = 0;
    return (OVS_LIKELY(!ct_gre_is_enhanced(packet->l4_header))
            || parse_enhanced(packet));
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

bool
ct_gre_read_key(const struct ct_packet *packet, const uint8_t *gre, size_t len,
                struct ct_tuple *tuple)
{
    uint16_t dl_type;

    if (len < CT_GRE_ENHANCED_LEN) {
        return false;
    }
    memcpy(&dl_type, gre + CT_GRE_TYPE_OFS, sizeof dl_type);
    if (dl_type != htons(CT_GRE_TYPE_PPP)) {
        return false;
    }
    memcpy(&tuple->dst_port, gre + CT_GRE_KEY_OFS, sizeof tuple->dst_port);
    if (!ct_gre_key_find(packet, tuple)) {
        tuple->dst_port = 0;
    }
    return true;
}

static bool
parse_enhanced(struct ct_packet *packet)
{
    if (!ct_gre_read_key(packet, packet->l4_header, packet->l4_len,
                         &packet->tuple)) {
        ct_l4_invalid(packet, CT_C_INVALID_L4);
        return false;
    }
    return true;
}
