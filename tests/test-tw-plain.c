/* SPDX-License-Identifier: Apache-2.0 */

/* Packets that are forwarded without a look at their headers, against
 * flow_extract(), and the rules that allow it. */

#include <config.h>

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "odp-util.h"
#include "openvswitch/match.h"
#include "ovs-rcu.h"
#include "tests/tw-key-test.h"
#include "tw-lookup.h"
#include "tw-megaflow.h"

#define N_FRAMES 150000

static unsigned int n_shortcuts, n_plain;

static void
check_frame(const struct frame *f)
{
    struct dp_packet p;
    struct truth t;

    frame_packet(f, u32_to_odp(1 + few(2)), &p);
    ask_ovs(&p, &t);
    n_shortcuts += check_shortcut(&p, f, &t);
    p.md.recirc_id = few(2);
    p.md.ct_state = few(2) ? CS_TRACKED | CS_REPLY_DIR : 0;
    n_plain += check_plain(&p, f, &t);
    dp_packet_uninit(&p);
}

static void
test_frames(int vlan_limit)
{
    struct frame f;

    flow_limit_vlans(vlan_limit);
    for (int i = 0; i < N_FRAMES; i++) {
        frame_random(&f);
        check_frame(&f);
    }
}

#define TCP4 "0200000000010200000000020800" \
             "4500002800010000400600000a0000010a000002" \
             "1234005000000001000000005012ffff00000000"

static void
tcp_packet(struct dp_packet *p)
{
    struct frame f;

    frame_from_hex(&f, TCP4);
    frame_packet(&f, u32_to_odp(1), p);
}

static void
test_metadata(void)
{
    for (int i = 0; i < 4; i++) {
        struct tw_plain_packet plain;
        struct tw_shortcut_packet s;
        struct dp_packet p;

        tcp_packet(&p);
        p.md.pkt_mark = i == 1;
        p.md.skb_priority = i == 2;
        p.packet_type = i == 3 ? htonl(PT_IPV4) : htonl(PT_ETH);
        assert(tw_plain_extract(&p, &plain) == !i);
        assert(tw_shortcut_extract(&p, &s) == (i != 3));
        dp_packet_uninit(&p);
    }
}

static bool
is_plain(struct match *match)
{
    struct tw_rule rule;

    tw_plain_rule_init(&rule, &match->flow, &match->wc);
    return rule.plain.valid;
}

/* A match of IPv4 in port 1, with what ofproto adds. */
static void
base_match(struct match *match)
{
    match_init_catchall(match);
    match_set_packet_type(match, htonl(PT_ETH));
    match->flow.in_port.odp_port = u32_to_odp(1);
    match->wc.masks.in_port.odp_port = ODPP_NONE;
    match_set_recirc_id(match, 0);
    match_set_dl_type(match, htons(ETH_TYPE_IP));
    match_set_nw_frag(match, 0);
}

static void
match_tag(struct match *match, int n, uint16_t tpid, uint16_t tci)
{
    match->flow.vlans[n].tpid = htons(tpid);
    match->flow.vlans[n].tci = htons(tci);
    match->wc.masks.vlans[n].tpid = OVS_BE16_MAX;
    match->wc.masks.vlans[n].tci = OVS_BE16_MAX;
}

enum change {
    /* Plain. */
    NOTHING, CT_STATE, CT_MARK, RECIRC, NO_TAG, TAG, NO_SECOND_TAG,
    ANY_TYPE, ZERO_MARK, N_PLAIN,

    /* Not plain. */
    SERVICE_TAG = N_PLAIN, ANY_TPID_BUT_0, SECOND_TAG, DL_DST, DL_SRC,
    FRAGMENT, NW_SRC, NW_DST, NW_PROTO, NW_TOS, NW_TTL, TP_SRC, TP_DST,
    TCP_FLAGS, IPV6_DST, IPV6_LABEL, CT_LABEL, CT_ZONE, CT_NW_SRC, CT_TP_DST,
    CT_NW_PROTO, TUN_ID, TUN_DST, PKT_MARK, PRIORITY, DP_HASH, NO_FRAME,
    ARP_SHA, ND_TARGET, MPLS, NSH, METADATA, REGISTER, N_CHANGES
};

static void
change_plain(struct match *match, enum change change)
{
    switch (change) {
    case CT_STATE:
        match_set_ct_state_masked(match, CS_TRACKED, CS_TRACKED | CS_NEW);
        break;
    case CT_MARK:
        match_set_ct_mark_masked(match, 1, 3);
        break;
    case RECIRC:
        match_set_recirc_id(match, 77);
        break;
    case NO_TAG:
        match_tag(match, 0, 0, 0);
        break;
    case TAG:
        match_tag(match, 0, ETH_TYPE_VLAN_8021Q, VLAN_CFI | 5);
        break;
    case NO_SECOND_TAG:
        match_tag(match, 0, ETH_TYPE_VLAN_8021Q, VLAN_CFI | 5);
        match_tag(match, 1, 0, 0);
        break;
    case ANY_TYPE:
        match->wc.masks.dl_type = 0;
        break;
    case ZERO_MARK:
        match_set_pkt_mark(match, 0);
        match_set_skb_priority(match, 0);
        break;
    default:
        break;
    }
}

static void
change_l2(struct match *match, enum change change)
{
    struct flow_wildcards *wc = &match->wc;

    switch (change) {
    case SERVICE_TAG:
        match_tag(match, 0, ETH_TYPE_VLAN_8021AD, VLAN_CFI | 5);
        break;
    case ANY_TPID_BUT_0:
        match_tag(match, 0, ETH_TYPE_VLAN_8021Q, 0);
        wc->masks.vlans[0].tci = 0;
        break;
    case SECOND_TAG:
        match_tag(match, 0, ETH_TYPE_VLAN_8021Q, VLAN_CFI | 5);
        match_tag(match, 1, ETH_TYPE_VLAN_8021Q, VLAN_CFI | 5);
        break;
    case DL_DST:
        wc->masks.dl_dst.ea[5] = 1;
        break;
    case DL_SRC:
        wc->masks.dl_src.ea[0] = 1;
        break;
    case PKT_MARK:
        match_set_pkt_mark(match, 1);
        break;
    case PRIORITY:
        match_set_skb_priority(match, 1);
        break;
    case DP_HASH:
        wc->masks.dp_hash = 1;
        break;
    case NO_FRAME:
        match_set_packet_type(match, htonl(PT_IPV4));
        break;
    case ARP_SHA:
        wc->masks.arp_sha.ea[5] = 1;
        break;
    case MPLS:
        wc->masks.mpls_lse[0] = htonl(1);
        break;
    case NSH:
        wc->masks.nsh.ttl = 1;
        break;
    default:
        break;
    }
}

static void
change_ip(struct match *match, enum change change)
{
    struct flow *mask = &match->wc.masks;

    switch (change) {
    case FRAGMENT:
        match_set_nw_frag(match, FLOW_NW_FRAG_ANY);
        break;
    case NW_SRC:
        mask->nw_src = htonl(1);
        break;
    case NW_DST:
        mask->nw_dst = htonl(0x80000000);
        break;
    case NW_PROTO:
        mask->nw_proto = 0xff;
        break;
    case NW_TOS:
        mask->nw_tos = 1;
        break;
    case NW_TTL:
        mask->nw_ttl = 0xff;
        break;
    case TP_SRC:
        mask->tp_src = htons(1);
        break;
    case TP_DST:
        mask->tp_dst = htons(1);
        break;
    case TCP_FLAGS:
        mask->tcp_flags = htons(TCP_SYN);
        break;
    case IPV6_DST:
        mask->ipv6_dst.s6_addr[15] = 1;
        break;
    case IPV6_LABEL:
        mask->ipv6_label = htonl(1);
        break;
    case ND_TARGET:
        mask->nd_target.s6_addr[15] = 1;
        break;
    default:
        break;
    }
}

static void
change_metadata(struct match *match, enum change change)
{
    struct flow *mask = &match->wc.masks;

    switch (change) {
    case CT_LABEL:
        mask->ct_label.u64.hi = 1;
        break;
    case CT_ZONE:
        mask->ct_zone = 1;
        break;
    case CT_NW_SRC:
        mask->ct_nw_src = htonl(1);
        break;
    case CT_TP_DST:
        mask->ct_tp_dst = htons(1);
        break;
    case CT_NW_PROTO:
        mask->ct_nw_proto = 1;
        break;
    case TUN_ID:
        mask->tunnel.tun_id = htonll(1);
        break;
    case TUN_DST:
        mask->tunnel.ip_dst = htonl(1);
        break;
    case METADATA:
        mask->metadata = htonll(1);
        break;
    case REGISTER:
        mask->regs[0] = 1;
        break;
    default:
        break;
    }
}

static void
test_rules(void)
{
    struct match match;

    for (enum change i = 0; i < N_CHANGES; i++) {
        base_match(&match);
        change_plain(&match, i);
        change_l2(&match, i);
        change_ip(&match, i);
        change_metadata(&match, i);
        assert(is_plain(&match) == (i < N_PLAIN));
    }
}

/* One rule that is inserted, and the table that names it. */
struct world {
    struct tw_lookup *lookup;
    struct tw_plains plains;
    struct tw_rule *rule;
};

static void
world_init(struct world *w, struct match *match)
{
    struct tw_mask mask;

    memset(w, 0, sizeof *w);
    w->lookup = tw_lookup_create();
    tw_megaflow_complete_match(match);
    tw_mask_init(&mask, match);
    w->rule = xzalloc(sizeof *w->rule + tw_rule_values_size(&mask));
    tw_plain_rule_init(w->rule, &match->flow, &match->wc);
    assert(tw_lookup_insert(w->lookup, w->rule, &match->flow, &mask));
}

static struct tw_rule *
find(struct world *w, struct dp_packet *p)
{
    struct tw_plain_packet plain;

    assert(tw_plain_extract(p, &plain));
    return tw_plain_find(&w->plains, w->lookup, &plain, &p->md);
}

static void
remember(struct world *w, struct dp_packet *p)
{
    struct tw_plain_packet plain;

    assert(tw_plain_extract(p, &plain));
    tw_plain_insert(&w->plains, &plain, w->rule);
}

/* A rule is found for what it matches, until it is gone. */
static void
test_find(void)
{
    struct match match;
    struct dp_packet p;
    struct world w;

    base_match(&match);
    match_set_ct_state_masked(&match, CS_TRACKED, CS_TRACKED | CS_NEW);
    match_set_ct_mark_masked(&match, 1, 3);
    match.flow.recirc_id = 5;
    world_init(&w, &match);
    tcp_packet(&p);
    p.md.recirc_id = 5;
    p.md.ct_state = CS_TRACKED | CS_ESTABLISHED;
    p.md.ct_mark = 1;
    assert(!find(&w, &p));
    remember(&w, &p);
    assert(find(&w, &p) == w.rule);

    p.md.ct_mark = 5;
    assert(find(&w, &p) == w.rule);
    p.md.ct_mark = 2;
    assert(!find(&w, &p));
    p.md.ct_mark = 1;
    p.md.recirc_id = 6;
    assert(!find(&w, &p));
    remember(&w, &p);
    assert(!find(&w, &p));          /* Though the table names it. */
    p.md.recirc_id = 5;
    p.md.ct_state = CS_TRACKED | CS_NEW;
    remember(&w, &p);
    assert(!find(&w, &p));
    p.md.ct_state = CS_TRACKED | CS_ESTABLISHED;
    remember(&w, &p);
    assert(find(&w, &p) == w.rule);

    tw_lookup_remove(w.lookup, w.rule);
    assert(!find(&w, &p));
    ovsrcu_postpone(free, w.rule);
    tw_lookup_destroy(w.lookup);
    dp_packet_uninit(&p);
}

/* Nothing is remembered of a rule that is not plain. */
static void
test_not_plain(void)
{
    struct match match;
    struct dp_packet p;
    struct world w;

    base_match(&match);
    match_set_nw_proto(&match, IPPROTO_TCP);
    world_init(&w, &match);
    tcp_packet(&p);
    remember(&w, &p);
    assert(!find(&w, &p));
    assert(is_all_zeros(&w.plains, sizeof w.plains));
    tw_lookup_remove(w.lookup, w.rule);
    ovsrcu_postpone(free, w.rule);
    tw_lookup_destroy(w.lookup);
    dp_packet_uninit(&p);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    random_set_seed(0x5eed4321);
    test_frames(1);
    test_frames(2);
    test_metadata();
    test_rules();
    test_find();
    test_not_plain();
    assert(n_shortcuts > 10000 && n_plain > 10000);
    printf("tw-plain: %u shortcuts, %u plain packets\n", n_shortcuts, n_plain);
    return 0;
}
