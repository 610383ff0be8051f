/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_KEY_TEST_H
#define TW_KEY_TEST_H 1

/* What the datapath's readers of headers must say of a frame, by what OVS
 * makes of it. */

#undef NDEBUG
#include <assert.h>

#include "tests/tw-frame-test.h"
#include "tw-plain.h"
#include "tw-shortcut.h"
#include "tw-track-key.h"

/* Are the fields there that the protocol promises? */
static inline bool
has_whole_transport(const struct truth *t)
{
    bool ipv6 = t->flow.dl_type == htons(ETH_TYPE_IPV6);

    switch (t->flow.nw_proto) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
        return t->rss_by_extract;
    case IPPROTO_SCTP:
        return t->l4_size >= SCTP_HEADER_LEN;
    case IPPROTO_ICMP:
        return !ipv6 && t->l4_size >= ICMP_HEADER_LEN;
    case IPPROTO_ICMPV6:
        return ipv6 && t->l4_size >= ICMP_HEADER_LEN;
    default:
        return true;
    }
}

static inline uint8_t
expected_kind(const struct frame *f, const struct truth *t)
{
    const struct flow *flow = &t->flow;

    if (!has_simple_frame(f, t) || eth_type_mpls(flow->dl_type)
        || flow->dl_type == htons(ETH_TYPE_NSH)) {
        return TW_KEY_NONE;
    }
    if (!is_ip_any(flow)) {
        return TW_KEY_OTHER;
    }
    if (!is_ip(t) || has_extensions(t)) {
        return TW_KEY_NONE;
    }
    if (flow->nw_frag) {
        return TW_KEY_IPV4 | (flow->nw_frag & FLOW_NW_FRAG_LATER
                              ? TW_KEY_LATER_FRAGMENT
                              : TW_KEY_FIRST_FRAGMENT);
    }
    if (!has_whole_transport(t)) {
        return TW_KEY_NONE;
    }
    return (flow->dl_type == htons(ETH_TYPE_IP) ? TW_KEY_IPV4 : TW_KEY_IPV6);
}

static inline bool
is_icmp(const struct truth *t)
{
    return (t->flow.nw_proto == IPPROTO_ICMP
            || t->flow.nw_proto == IPPROTO_ICMPV6);
}

static inline bool
expected_trackable(const struct truth *t, uint8_t kind)
{
    uint16_t type = ntohs(t->flow.tp_src);

    if (kind != TW_KEY_IPV4 && kind != TW_KEY_IPV6) {
        return false;
    }
    if (is_icmp(t)) {
        return (t->flow.nw_proto == IPPROTO_ICMP ? type == 0 || type == 8
                : type == 128 || type == 129);
    }
    return (t->flow.nw_proto == IPPROTO_GRE ? !t->enhanced_gre
            : t->flow.nw_proto != IPPROTO_IGMP);
}

/* Each field of the key is that of the flow. */
static inline void
check_values(const struct tw_track_key *key, const struct truth *t)
{
    const struct tw_key_context *c = &key->context;
    const struct flow *flow = &t->flow;

    assert(eth_addr_equals(c->dl_dst, flow->dl_dst));
    assert(eth_addr_equals(c->dl_src, flow->dl_src));
    assert(c->in_port == flow->in_port.odp_port);
    assert(c->vlan_tci == flow->vlans[0].tci);
    if (c->kind == TW_KEY_OTHER) {
        assert(!memcmp(c->dl_type, &flow->dl_type, sizeof c->dl_type));
        assert(!c->ttl && !key->ports);
        return;
    }
    assert(c->proto == flow->nw_proto && c->tos == flow->nw_tos
           && c->ttl == flow->nw_ttl);
    if (tw_track_key_kind(key) == TW_KEY_IPV4) {
        assert(key->ip4.src == flow->nw_src && key->ip4.dst == flow->nw_dst);
    } else {
        assert(ipv6_addr_equals(&key->ip6.src, &flow->ipv6_src)
               && ipv6_addr_equals(&key->ip6.dst, &flow->ipv6_dst)
               && key->ip6.label == flow->ipv6_label);
    }
}

static inline void
check_ports(const struct tw_track_key *key, const struct truth *t)
{
    const struct flow *flow = &t->flow;
    uint32_t ports = ntohl(key->ports);

    if (key->context.kind != TW_KEY_IPV4 && key->context.kind != TW_KEY_IPV6) {
        assert(!ports);
        return;
    }
    if (is_icmp(t)) {
        assert(ports >> 24 == ntohs(flow->tp_src));
        assert((ports >> 16 & 0xff) == ntohs(flow->tp_dst));
        assert(key->trackable || !(ports & 0xffff));
    } else if (key->trackable) {
        assert(ports >> 16 == ntohs(flow->tp_src));
        assert((ports & 0xffff) == ntohs(flow->tp_dst));
    } else {
        assert(!ports);
    }
    assert(tw_track_key_rss(key) == t->rss);
}

/* What is read without a key. */

static inline bool
expected_shortcut(const struct frame *f, const struct truth *t)
{
    const struct flow *flow = &t->flow;

    if (!has_simple_frame(f, t)) {
        return false;
    }
    if (flow->dl_type == htons(ETH_TYPE_IPV6)) {
        return (is_ip(t) && !has_extensions(t)
                && (flow->nw_proto == IPPROTO_TCP
                    || flow->nw_proto == IPPROTO_UDP
                    || flow->nw_proto == IPPROTO_ICMPV6));
    }
    return (flow->dl_type == htons(ETH_TYPE_ARP)
            || (flow->dl_type == htons(ETH_TYPE_IP) && is_ip(t)
                && !flow->nw_frag));
}

/* True if it is one. */
static inline bool
check_shortcut(struct dp_packet *p, const struct frame *f,
               const struct truth *t)
{
    struct tw_shortcut_packet s;

    assert(tw_shortcut_extract(p, &s) == expected_shortcut(f, t));
    if (!expected_shortcut(f, t)) {
        return false;
    }
    check_offsets(p, t);
    assert(s.word == tw_shortcut_word(p->md.in_port.odp_port,
                                      t->flow.dl_type,
                                      t->flow.vlans[0].tci));
    assert(s.tcp_flags == expected_tcp_flags(t));
    assert(s.l4_ports == t->rss_by_extract);
    assert(s.ipv6 == (t->flow.dl_type == htons(ETH_TYPE_IPV6)));
    return true;
}

static inline bool
check_plain(struct dp_packet *p, const struct frame *f, const struct truth *t)
{
    struct tw_plain_packet plain;
    bool expected = expected_shortcut(f, t) && t->rss_by_extract;

    assert(tw_plain_extract(p, &plain) == expected);
    if (!expected) {
        assert(!dp_packet_rss_valid(p));
        return false;
    }
    check_offsets(p, t);
    assert(plain.place == tw_place(p->md.in_port.odp_port, p->md.recirc_id));
    assert(plain.word == tw_plain_word(t->flow.dl_type, t->flow.vlans[0].tci,
                                       p->md.ct_state));
    assert(plain.tcp_flags == expected_tcp_flags(t));
    assert(dp_packet_rss_valid(p) && dp_packet_get_rss_hash(p) == t->rss);

    /* A hash of the device stays. */
    dp_packet_set_rss_hash(p, 7);
    assert(tw_plain_extract(p, &plain) && dp_packet_get_rss_hash(p) == 7);
    return true;
}

#endif /* tw-key-test.h */
