/* SPDX-License-Identifier: Apache-2.0 */

/* Actions that change headers.  Called by tw-actions; calls OVS's
 * odp_execute_actions(), for packets that have the header. */

#include <config.h>

#include "tw-rewrite.h"

#include "dp-packet.h"
#include "netlink.h"
#include "odp-execute.h"
#include "odp-netlink.h"
#include "openvswitch/nsh.h"
#include "packets.h"
#include "tw-thread.h"
#include "util.h"

/* Does 'packet' have the header that an action is about? */
typedef bool fits_func(struct dp_packet *packet);

static fits_func *find_check(const struct nlattr *a);
static void take_out_others(struct dp_packet_batch *, fits_func *);
static void forget_lost_headers(struct dp_packet_batch *);

void
tw_rewrite(struct tw_thread *thread, struct dp_packet_batch *batch,
           const struct nlattr *a)
{
    size_t before = dp_packet_batch_size(batch);
    fits_func *fits = find_check(a);

    if (fits) {
        take_out_others(batch, fits);
    }
    odp_execute_actions(NULL, batch, false, a, NLA_ALIGN(a->nla_len), NULL);
    forget_lost_headers(batch);
    tw_stats_drop(&thread->stats, TW_DROP_INVALID_ACTION,
                  before - dp_packet_batch_size(batch));
}

static void
take_out_others(struct dp_packet_batch *batch, fits_func *fits)
{
    size_t n = dp_packet_batch_size(batch);
    struct dp_packet *packet;
    size_t i;

    DP_PACKET_BATCH_REFILL_FOR_EACH (i, n, packet, batch) {
        if (OVS_LIKELY(fits(packet))) {
            dp_packet_batch_refill(batch, packet, i);
        } else {
            dp_packet_delete(packet);
        }
    }
}

/* OVS moves offsets along with what it adds and takes away, but not in all
 * cases: a label that was added below the headers (add_mpls) and taken off
 * again (pop_mpls) leaves offsets below zero.  Such a header is not known any
 * more. */
static uint16_t
known_ofs(const struct dp_packet *packet, uint16_t ofs)
{
    return ofs <= dp_packet_size(packet) ? ofs : UINT16_MAX;
}

static void
forget_lost_headers(struct dp_packet_batch *batch)
{
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        packet->l2_5_ofs = known_ofs(packet, packet->l2_5_ofs);
        packet->l3_ofs = known_ofs(packet, packet->l3_ofs);
        packet->l4_ofs = known_ofs(packet, packet->l4_ofs);
    }
}

/* Are there 'size' bytes from 'ofs', the offset of a header? */
static bool
has_header(const struct dp_packet *packet, uint16_t ofs, size_t size)
{
    return ofs != UINT16_MAX && ofs + size <= dp_packet_size(packet);
}

static bool
has_ethernet(struct dp_packet *packet)
{
    return (dp_packet_is_eth(packet)
            && dp_packet_size(packet) >= ETH_HEADER_LEN);
}

/* Addresses are only set in what has some. */
static bool
has_ethernet_if_any(struct dp_packet *packet)
{
    return !dp_packet_is_eth(packet) || has_ethernet(packet);
}

static bool
has_no_ethernet(struct dp_packet *packet)
{
    return !dp_packet_is_eth(packet);
}

/* An Ethernet header with something behind it that is known. */
static bool
has_ethernet_to_pop(struct dp_packet *packet)
{
    uint16_t ofs = (packet->l2_5_ofs != UINT16_MAX
                    ? packet->l2_5_ofs : packet->l3_ofs);

    return (has_ethernet(packet) && ofs >= ETH_HEADER_LEN
            && has_header(packet, ofs, 0));
}

static bool
has_ipv4(struct dp_packet *packet)
{
    return has_header(packet, packet->l3_ofs, IP_HEADER_LEN);
}

/* Also the end of the extension headers, which OVS walks. */
static bool
has_ipv6(struct dp_packet *packet)
{
    return (has_header(packet, packet->l3_ofs, IPV6_HEADER_LEN)
            && has_header(packet, packet->l4_ofs, 0)
            && packet->l4_ofs >= packet->l3_ofs + IPV6_HEADER_LEN);
}

static bool
has_arp(struct dp_packet *packet)
{
    return has_header(packet, packet->l3_ofs, ARP_ETH_HEADER_LEN);
}

/* OVS writes the type of an option even if there is none: there shall be room
 * for it behind the packet. */
static bool
has_nd(struct dp_packet *packet)
{
    if (!has_ipv6(packet)
        || !has_header(packet, packet->l4_ofs, sizeof(struct ovs_nd_msg))) {
        return false;
    }
    dp_packet_prealloc_tailroom(packet, 1);
    return true;
}

/* Nothing is set in what has no label; but a label must be whole, and so must
 * the Ethernet header whose type changes with it. */
static bool
has_label_if_any(struct dp_packet *packet)
{
    return (packet->l2_5_ofs == UINT16_MAX
            || (has_ethernet_if_any(packet)
                && has_header(packet, packet->l2_5_ofs, MPLS_HLEN)));
}

/* A place where a label can be put. */
static bool
can_have_label(struct dp_packet *packet)
{
    return (has_ethernet_if_any(packet)
            && (has_header(packet, packet->l2_5_ofs, 0)
                || (packet->l2_5_ofs == UINT16_MAX
                    && has_header(packet, packet->l3_ofs, 0))));
}

static bool
has_nsh(struct dp_packet *packet)
{
    const struct nsh_hdr *nsh = dp_packet_l3(packet);

    return (has_header(packet, packet->l3_ofs, NSH_BASE_HDR_LEN)
            && has_header(packet, packet->l3_ofs,
                          nsh_md_type(nsh) == NSH_M_TYPE1
                          ? NSH_M_TYPE1_LEN : NSH_BASE_HDR_LEN));
}

static bool
has_nsh_to_pop(struct dp_packet *packet)
{
    if (packet->packet_type != htonl(PT_NSH)) {
        return true;
    }
    return (packet->l3_ofs == 0 && has_nsh(packet)
            && has_header(packet, 0, nsh_hdr_len(dp_packet_data(packet))));
}

/* NSH can say of these what follows. */
static bool
can_have_nsh(struct dp_packet *packet)
{
    uint32_t type = ntohl(packet->packet_type);

    return (type == PT_ETH || type == PT_IPV4 || type == PT_IPV6
            || type == PT_NSH);
}

static fits_func *const set_checks[] = {
    [OVS_KEY_ATTR_ETHERNET] = has_ethernet_if_any,
    [OVS_KEY_ATTR_IPV4] = has_ipv4,
    [OVS_KEY_ATTR_IPV6] = has_ipv6,
    [OVS_KEY_ATTR_ARP] = has_arp,
    [OVS_KEY_ATTR_ND_EXTENSIONS] = has_nd,
    [OVS_KEY_ATTR_MPLS] = has_label_if_any,
    [OVS_KEY_ATTR_NSH] = has_nsh,
};

static fits_func *const action_checks[] = {
    [OVS_ACTION_ATTR_PUSH_VLAN] = has_ethernet,
    [OVS_ACTION_ATTR_PUSH_ETH] = has_no_ethernet,
    [OVS_ACTION_ATTR_POP_ETH] = has_ethernet_to_pop,
    [OVS_ACTION_ATTR_PUSH_MPLS] = can_have_label,
    [OVS_ACTION_ATTR_POP_MPLS] = has_label_if_any,
    [OVS_ACTION_ATTR_PUSH_NSH] = can_have_nsh,
    [OVS_ACTION_ATTR_POP_NSH] = has_nsh_to_pop,
};

/* NULL if OVS checks all that matters. */
static fits_func *
find_check(const struct nlattr *a)
{
    uint16_t type = nl_attr_type(a);

    if (type == OVS_ACTION_ATTR_SET || type == OVS_ACTION_ATTR_SET_MASKED) {
        uint16_t field = nl_attr_type(nl_attr_get(a));

        return field < ARRAY_SIZE(set_checks) ? set_checks[field] : NULL;
    }
    if (type == OVS_ACTION_ATTR_ADD_MPLS) {
        const struct ovs_action_add_mpls *add = nl_attr_get(a);

        return (add->tun_flags & OVS_MPLS_L3_TUNNEL_FLAG_MASK
                ? can_have_label : NULL);
    }
    return type < ARRAY_SIZE(action_checks) ? action_checks[type] : NULL;
}
