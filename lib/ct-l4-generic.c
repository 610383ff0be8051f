/* SPDX-License-Identifier: Apache-2.0 */

/* Every protocol that has no file of its own: a connection is a pair of
 * addresses and the protocol's number. */

#include <config.h>

#include "ct-l4.h"

static bool
generic_parse(struct ct_packet *packet)
{
    packet->tuple.src_port = 0;
    packet->tuple.dst_port = 0;
    return true;
}

static enum ct_verdict
generic_update(struct ct_packet *packet, struct ct_conn *conn OVS_UNUSED)
{
    packet->timeout = CT_TIMEOUT_GENERIC;
    return CT_VERDICT_ACCEPT;
}

const struct ct_l4 ct_l4_generic = {
    .name = "generic",
    .parse = generic_parse,
    .may_open = ct_l4_always_opens,
    .open = ct_l4_open_nothing,
    .update = generic_update,
};
