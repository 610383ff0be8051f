/* SPDX-License-Identifier: Apache-2.0 */

/* Equivalence: what rules match, at random.  Called by equiv-pipeline.
 *
 * Values are mostly such that some of the traffic has them. */

#include <config.h>

#include "equiv.h"

#include <netinet/in.h>

#include "odp-util.h"
#include "packets.h"
#include "util.h"

static void match_meta(struct match *, struct equiv_rng *);
static void match_l2(struct match *, struct equiv_rng *);
static void match_l3(struct match *, struct equiv_rng *);
static void match_l4(struct match *, struct equiv_rng *);
static void match_ct(struct match *, struct equiv_rng *);
static void match_orig(struct match *, struct equiv_rng *);

void
equiv_rule_random_match(struct equiv_rule *rule, unsigned int table,
                        struct equiv_rng *rng)
{
    struct match *match = &rule->match;

    match_init_catchall(match);
    for (int n = equiv_below(rng, 4); n > 0; n--) {
        switch (equiv_below(rng, table ? 12 : 6)) {
        case 0:
            match_meta(match, rng);
            break;
        case 1:
            match_l2(match, rng);
            break;
        case 2: case 3: case 6:
            match_l3(match, rng);
            break;
        case 4: case 5:
            match_l4(match, rng);
            break;
        case 7:
            match_orig(match, rng);
            break;
        default:
            match_ct(match, rng);
            break;
        }
    }
}

static void
match_meta(struct match *match, struct equiv_rng *rng)
{
    if (equiv_percent(rng, 80)) {
        match->flow.in_port.odp_port = u32_to_odp(1 + equiv_below(rng, 6));
        match->wc.masks.in_port.odp_port = ODPP_NONE;
    } else {
        uint32_t mask = 1u << equiv_below(rng, 3);

        match_set_dp_hash_masked(match, equiv_next(rng), mask);
    }
}

static void
match_l2(struct match *match, struct equiv_rng *rng)
{
    switch (equiv_below(rng, 5)) {
    case 0:
        match_set_dl_src(match, equiv_mac(1 + equiv_below(rng, 6)));
        break;
    case 1:
        match_set_dl_dst(match, equiv_mac(equiv_below(rng, 6)));
        break;
    case 2:
        match_set_dl_vlan(match, htons(10 + equiv_below(rng, 3)), 0);
        break;
    case 3:
        match_set_dl_tci_masked(match, htons(0), htons(VLAN_CFI));
        break;
    default:
        match_set_dl_tci_masked(match, htons(VLAN_CFI),
                                htons(VLAN_CFI | VLAN_PCP_MASK));
        break;
    }
}

static void
require_ip(struct match *match, struct equiv_rng *rng)
{
    if (!match->flow.dl_type) {
        match_set_dl_type(match, htons(equiv_percent(rng, 75)
                                       ? ETH_TYPE_IP : ETH_TYPE_IPV6));
    }
}

static unsigned int
any_net(struct equiv_rng *rng)
{
    return (equiv_percent(rng, 70) ? 1 + equiv_below(rng, EQUIV_N_PORTS)
            : equiv_percent(rng, 70) ? EQUIV_VIP_PORT : EQUIV_NAT_PORT);
}

static void
match_addr(struct match *match, struct equiv_rng *rng)
{
    static const uint8_t lengths[] = { 32, 24, 31, 16, 30, 22 };
    bool ipv6 = match->flow.dl_type == htons(ETH_TYPE_IPV6);
    unsigned int length = lengths[equiv_below(rng, ARRAY_SIZE(lengths))];
    struct equiv_addr addr = equiv_host(ipv6, any_net(rng),
                                        1 + equiv_below(rng, 4));
    bool src = equiv_percent(rng, 40);

    if (ipv6) {
        struct in6_addr mask = ipv6_create_mask(96 + length);

        if (src) {
            match_set_ipv6_src_masked(match, &addr.ip6, &mask);
        } else {
            match_set_ipv6_dst_masked(match, &addr.ip6, &mask);
        }
    } else if (src) {
        match_set_nw_src_masked(match, addr.ip, be32_prefix_mask(length));
    } else {
        match_set_nw_dst_masked(match, addr.ip, be32_prefix_mask(length));
    }
}

static void
match_l3(struct match *match, struct equiv_rng *rng)
{
    static const uint8_t frags[] = { 0, FLOW_NW_FRAG_ANY,
                                     FLOW_NW_FRAG_ANY | FLOW_NW_FRAG_LATER };

    require_ip(match, rng);
    switch (equiv_below(rng, 12)) {
    case 0:
        match_set_nw_ttl(match, equiv_percent(rng, 50) ? 64 : 1);
        break;
    case 1:
        match_set_nw_dscp(match, 4 * equiv_below(rng, 8));
        break;
    case 2:
        match_set_nw_ecn(match, 0);
        break;
    case 3:
        match_set_nw_frag(match, frags[equiv_below(rng, 3)]);
        break;
    default:
        match_addr(match, rng);
        break;
    }
}

static uint8_t
any_proto(struct equiv_rng *rng)
{
    return (equiv_percent(rng, 60) ? IPPROTO_TCP
            : equiv_percent(rng, 70) ? IPPROTO_UDP : IPPROTO_ICMP);
}

static void
match_l4(struct match *match, struct equiv_rng *rng)
{
    require_ip(match, rng);
    if (!match->wc.masks.nw_proto) {
        match_set_nw_proto(match, any_proto(rng));
    }
    if (match->flow.nw_proto == IPPROTO_ICMP) {
        match_set_icmp_type(match, equiv_percent(rng, 50) ? 8 : 3);
        return;
    }
    switch (equiv_below(rng, 6)) {
    case 0:
        match_set_tp_src(match, htons(32768 + equiv_below(rng, 64)));
        break;
    case 1:
        match_set_tp_src_masked(match, htons(32768), htons(0xffe0));
        break;
    case 2:
        if (match->flow.nw_proto == IPPROTO_TCP) {
            uint16_t flags = 1u << equiv_below(rng, 5);

            match_set_tcp_flags_masked(match, htons(equiv_next(rng) & flags),
                                       htons(flags));
            break;
        }
        /* Fall through. */
    default:
        match_set_tp_dst(match, htons(equiv_service(equiv_below(rng, 6))));
        break;
    }
}

static void
match_ct_state(struct match *match, struct equiv_rng *rng)
{
    static const uint8_t states[][2] = {
        { CS_TRACKED | CS_NEW, CS_TRACKED | CS_NEW },
        { CS_TRACKED | CS_ESTABLISHED, CS_TRACKED | CS_ESTABLISHED },
        { CS_TRACKED | CS_ESTABLISHED, CS_TRACKED | CS_NEW | CS_ESTABLISHED },
        { CS_TRACKED | CS_INVALID, CS_TRACKED | CS_INVALID },
        { CS_TRACKED | CS_RELATED, CS_TRACKED | CS_RELATED },
        { CS_TRACKED | CS_REPLY_DIR, CS_TRACKED | CS_REPLY_DIR },
        { CS_TRACKED | CS_ESTABLISHED,
          CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR },
        { CS_TRACKED | CS_SRC_NAT, CS_TRACKED | CS_SRC_NAT },
        { CS_TRACKED | CS_DST_NAT, CS_TRACKED | CS_DST_NAT },
        { 0, CS_TRACKED },
        { CS_TRACKED, CS_TRACKED },
    };
    const uint8_t *state = states[equiv_below(rng, ARRAY_SIZE(states))];

    match_set_ct_state_masked(match, state[0], state[1]);
}

static void
match_ct(struct match *match, struct equiv_rng *rng)
{
    ovs_u128 label = { .u32 = { 0 } }, mask = { .u32 = { 0 } };

    switch (equiv_below(rng, 8)) {
    case 0:
        match_set_ct_zone(match, 1 + equiv_below(rng, EQUIV_N_ZONES));
        break;
    case 1:
        match_set_ct_mark_masked(match, equiv_below(rng, 4), 3);
        break;
    case 2:
        match_set_ct_mark(match, equiv_below(rng, 4));
        break;
    case 3:
        mask.u32[equiv_below(rng, 4)] = 1u << equiv_below(rng, 3);
        if (equiv_percent(rng, 50)) {
            label = mask;
        }
        match_set_ct_label_masked(match, label, mask);
        break;
    default:
        match_ct_state(match, rng);
        break;
    }
}

/* The tuple of the connection's first packet. */
static void
match_orig(struct match *match, struct equiv_rng *rng)
{
    struct equiv_addr addr = equiv_host(false, any_net(rng),
                                        1 + equiv_below(rng, 4));

    match_set_dl_type(match, htons(ETH_TYPE_IP));
    match_set_ct_state_masked(match, CS_TRACKED,
                              CS_TRACKED | CS_INVALID);
    switch (equiv_below(rng, 4)) {
    case 0:
        match_set_ct_nw_src_masked(match, addr.ip, be32_prefix_mask(24));
        break;
    case 1:
        match_set_ct_nw_dst_masked(match, addr.ip, be32_prefix_mask(30));
        break;
    case 2:
        match_set_ct_nw_proto(match, any_proto(rng));
        break;
    default:
        match_set_ct_nw_proto(match, IPPROTO_TCP);
        match_set_ct_tp_dst_masked(
            match, htons(equiv_service(equiv_below(rng, 6))), OVS_BE16_MAX);
        break;
    }
}
