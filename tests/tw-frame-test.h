/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_FRAME_TEST_H
#define TW_FRAME_TEST_H 1

/* Random frames of few values, many of them broken, for tests of whatever
 * reads headers. */

#include <stdlib.h>
#include <string.h>

#include "dp-packet.h"
#include "flow.h"
#include "openvswitch/flow.h"
#include "packets.h"
#include "random.h"
#include "unaligned.h"
#include "util.h"

struct frame {
    size_t size;
    uint8_t data[512];
};

static inline uint32_t
few(uint32_t n)
{
    return random_range(n);
}

static inline uint8_t
frame_any_proto(void)
{
    static const uint8_t protos[] = {
        IPPROTO_TCP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDP, IPPROTO_SCTP,
        IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_IGMP, IPPROTO_GRE,
    };

    return protos[few(ARRAY_SIZE(protos))];
}

static inline void
frame_random_l4(struct flow *flow)
{
    static const uint8_t types[] = { 0, 3, 8, 11, 1, 128, 129, 130, 135, 136 };

    if (flow->nw_proto == IPPROTO_ICMP || flow->nw_proto == IPPROTO_ICMPV6
        || flow->nw_proto == IPPROTO_IGMP) {
        flow->tp_src = htons(types[few(ARRAY_SIZE(types))]);
        flow->tp_dst = htons(few(2));
        flow->igmp_group_ip4 = htonl(few(2));
    } else {
        flow->tp_src = htons(few(3) << 8);
        flow->tp_dst = htons(few(3));
        flow->tcp_flags = htons(few(64));
    }
}

static inline void
frame_random_tags(struct flow *flow)
{
    unsigned int n = few(3) ? 0 : 1 + few(2);

    for (unsigned int i = 0; i < n; i++) {
        flow->vlans[i].tpid = htons(few(4) ? ETH_TYPE_VLAN_8021Q
                                    : ETH_TYPE_VLAN_8021AD);
        flow->vlans[i].tci = htons(VLAN_CFI | few(3) << 13 | few(2));
    }
}

static inline void
frame_random_flow(struct flow *flow)
{
    static const uint16_t types[] = {
        ETH_TYPE_IP, ETH_TYPE_IP, ETH_TYPE_IP, ETH_TYPE_IPV6, ETH_TYPE_IPV6,
        ETH_TYPE_IPV6, ETH_TYPE_ARP, ETH_TYPE_RARP, ETH_TYPE_MPLS,
        ETH_TYPE_NSH, 0x1234,
    };

    memset(flow, 0, sizeof *flow);
    flow->dl_type = htons(types[few(ARRAY_SIZE(types))]);
    flow->dl_dst.ea[5] = few(2);
    flow->dl_src.ea[0] = few(2) << 1;
    frame_random_tags(flow);
    if (flow->dl_type == htons(ETH_TYPE_MPLS)) {
        flow->mpls_lse[0] = htonl(few(3) << 12 | MPLS_BOS_MASK);
        return;
    }
    flow->nw_proto = frame_any_proto();
    flow->nw_tos = few(2) << 2 | few(2);
    flow->nw_ttl = 63 + few(2);
    flow->nw_src = htonl(0x0a000000 + few(2));
    flow->nw_dst = htonl(0x0a000100 + few(2));
    flow->ipv6_src.s6_addr[few(2) * 15] = 0xfe;
    flow->ipv6_dst.s6_addr[8 + few(2)] = 0xfd;
    flow->ipv6_label = htonl(few(4) ? 0 : 0xfffff);
    if (!few(6)) {
        flow->nw_frag = (FLOW_NW_FRAG_ANY
                         | (few(2) ? FLOW_NW_FRAG_LATER : 0));
    }
    if (flow->dl_type == htons(ETH_TYPE_ARP)) {
        flow->nw_proto = 1 + few(2);
        flow->arp_sha.ea[5] = few(2);
    }
    frame_random_l4(flow);
}

static inline void
frame_compose(struct frame *f, const struct flow *flow)
{
    uint8_t payload[24];
    struct dp_packet p;

    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = few(2);
    }
    dp_packet_init(&p, 0);
    flow_compose(&p, flow, payload, few(sizeof payload));
    f->size = MIN(dp_packet_size(&p), sizeof f->data);
    memcpy(f->data, dp_packet_data(&p), f->size);
    dp_packet_uninit(&p);
}

/* Zeros between what is before 'ofs' and what is behind. */
static inline uint8_t *
frame_insert(struct frame *f, size_t ofs, size_t n)
{
    ovs_assert(ofs <= f->size && f->size + n <= sizeof f->data);
    memmove(f->data + ofs + n, f->data + ofs, f->size - ofs);
    memset(f->data + ofs, 0, n);
    f->size += n;
    return f->data + ofs;
}

static inline void
frame_add16(uint8_t *p, uint16_t n)
{
    uint16_t sum = (p[0] << 8 | p[1]) + n;

    p[0] = sum >> 8;
    p[1] = sum;
}

/* Behind tags, where the type stands. */
static inline size_t
frame_type_ofs(const struct frame *f)
{
    size_t ofs = 12;

    while (ofs + 6 <= f->size
           && ((f->data[ofs] == 0x81 && !f->data[ofs + 1])
               || (f->data[ofs] == 0x88 && f->data[ofs + 1] == 0xa8))) {
        ofs += 4;
    }
    return ofs;
}

static inline bool
frame_is(const struct frame *f, uint16_t type, size_t l3_len)
{
    size_t ofs = frame_type_ofs(f);

    return (f->size >= ofs + 2 + l3_len
            && f->data[ofs] == type >> 8 && f->data[ofs + 1] == (type & 0xff));
}

static inline void
frame_add_options(struct frame *f)
{
    uint8_t *ip = f->data + frame_type_ofs(f) + 2;
    unsigned int n = 1 + few(10);

    if (frame_is(f, ETH_TYPE_IP, 20) && (ip[0] & 15) == 5) {
        ip[0] += n;
        frame_add16(ip + 2, 4 * n);
        frame_insert(f, ip + 20 - f->data, 4 * n);
    }
}

static inline void
frame_add_extension(struct frame *f)
{
    static const uint8_t types[] = { 0, 43, 60, 51, 44, 44 };
    uint8_t *ip6 = f->data + frame_type_ofs(f) + 2;
    uint8_t *extension;

    if (frame_is(f, ETH_TYPE_IPV6, 40)) {
        extension = frame_insert(f, ip6 + 40 - f->data, 8);
        extension[0] = ip6[6];
        ip6[6] = types[few(ARRAY_SIZE(types))];
        if (ip6[6] == 44) {
            extension[2] = few(2);
            extension[3] = few(2);
        }
        frame_add16(ip6 + 4, 8);
    }
}

/* IEEE 802.2 with a SNAP header, whose organization may be foreign. */
static inline void
frame_add_snap(struct frame *f)
{
    size_t ofs = frame_type_ofs(f);
    uint8_t *snap = frame_insert(f, ofs, 8);

    frame_add16(snap, f->size - ofs - 2);
    snap[2] = snap[3] = 0xaa;
    snap[4] = 3;
    snap[7] = !few(3);
}

static inline void
frame_damage(struct frame *f)
{
    static const uint8_t values[] = { 0, 1, 4, 0x3a, 0x45, 0x50, 0x60, 0xff };

    switch (few(12)) {
    case 0:
        f->size = 14 + few(f->size - 13);
        break;
    case 1:
        f->data[12 + few(f->size - 12)] = values[few(ARRAY_SIZE(values))];
        break;
    case 2:
        frame_insert(f, f->size, few(40));
        break;
    case 3:
        frame_add_options(f);
        break;
    case 4:
        frame_add_extension(f);
        break;
    case 5:
        if (!few(3)) {
            frame_add_snap(f);
        }
        break;
    case 6:
        if (!few(4)) {
            random_bytes(f->data + 12, f->size - 12);
        }
        break;
    default:
        break;
    }
}

static inline void
frame_random(struct frame *f)
{
    struct flow flow;

    frame_random_flow(&flow);
    frame_compose(f, &flow);
    frame_damage(f);
    if (few(2)) {
        frame_damage(f);
    }
}

/* From hexadecimal digits. */
static inline void
frame_from_hex(struct frame *f, const char *hex)
{
    bool ok;

    for (f->size = 0; *hex; hex += 2) {
        f->data[f->size++] = hexits_value(hex, 2, &ok);
        ovs_assert(ok);
    }
}

/* A packet that ends where its memory does, for sanitizers. */
static inline void
frame_packet(const struct frame *f, odp_port_t in_port, struct dp_packet *p)
{
    dp_packet_use(p, xmemdup(f->data, f->size), f->size);
    dp_packet_set_size(p, f->size);
    pkt_metadata_init(&p->md, in_port);
}

/* What readers are compared with. */

/* What OVS makes of a frame. */
struct truth {
    struct flow flow;
    uint32_t rss;
    bool rss_by_extract;        /* A whole TCP or UDP header. */
    uint16_t l2_pad_size;
    uint16_t l3_ofs, l4_ofs;
    size_t l4_size;
    bool enhanced_gre;          /* If it is GRE. */
};

static inline void
ask_ovs(struct dp_packet *p, struct truth *t)
{
    struct {
        struct miniflow mf;
        uint64_t buf[FLOW_U64S];
    } m;

    miniflow_extract(p, &m.mf);
    miniflow_expand(&m.mf, &t->flow);
    t->rss_by_extract = dp_packet_rss_valid(p);
    t->rss = (t->rss_by_extract ? dp_packet_get_rss_hash(p)
              : miniflow_hash_5tuple(&m.mf, 0));
    t->l2_pad_size = dp_packet_l2_pad_size(p);
    t->l3_ofs = p->l3_ofs;
    t->l4_ofs = p->l4_ofs;
    t->l4_size = t->l4_ofs != UINT16_MAX ? dp_packet_l4_size(p) : 0;
    t->enhanced_gre = (t->l4_size >= 4
                       && (((uint8_t *) dp_packet_l4(p))[1] & 7) == 1);
    *dp_packet_ol_flags_ptr(p) &= ~DP_PACKET_OL_RSS_HASH;
    dp_packet_reset_offsets(p);
}

static inline bool
is_ip(const struct truth *t)
{
    return is_ip_any(&t->flow) && t->l4_ofs != UINT16_MAX;
}

/* At most one tag, of 802.1Q, and then a type. */
static inline bool
has_simple_frame(const struct frame *f, const struct truth *t)
{
    const struct flow *flow = &t->flow;
    size_t ofs = flow->vlans[0].tci ? 16 : 12;
    ovs_be16 type = get_unaligned_be16((const void *) (f->data + ofs));

    return (!flow->vlans[1].tci && !eth_type_vlan(type)
            && (!flow->vlans[0].tci
                || flow->vlans[0].tpid == htons(ETH_TYPE_VLAN_8021Q))
            && ntohs(type) >= ETH_TYPE_MIN
            && t->l3_ofs == ofs + 2);
}

static inline bool
has_extensions(const struct truth *t)
{
    return (t->flow.dl_type == htons(ETH_TYPE_IPV6)
            && (t->l4_ofs - t->l3_ofs != IPV6_HEADER_LEN
                || t->flow.nw_proto == IPPROTO_FRAGMENT));
}

static inline uint16_t
expected_tcp_flags(const struct truth *t)
{
    return (is_ip(t) && t->flow.nw_proto == IPPROTO_TCP
            ? ntohs(t->flow.tcp_flags) : 0);
}

static inline void
check_offsets(const struct dp_packet *p, const struct truth *t)
{
    ovs_assert(p->l3_ofs == t->l3_ofs);
    ovs_assert(p->l4_ofs == t->l4_ofs);
    ovs_assert(p->l2_5_ofs == UINT16_MAX);
    ovs_assert(dp_packet_l2_pad_size(p) == t->l2_pad_size);
}

#endif /* tw-frame-test.h */
