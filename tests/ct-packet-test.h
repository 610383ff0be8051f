/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_PACKET_TEST_H
#define CT_PACKET_TEST_H 1

/* Real packets for tests that drive a whole tracker through ct_execute().
 *
 * Hosts are numbers: 1 is 10.0.0.1 or fd00::1.  Packets are composed with
 * OVS's own functions, headers and checksums complete, and are handed to the
 * tracker as a datapath would: with offsets and padding known. */

#undef NDEBUG
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "csum.h"
#include "ct.h"
#include "ct-counters.h"
#include "dp-packet.h"
#include "flow.h"
#include "openvswitch/ofp-util.h"
#include "packets.h"
#include "util.h"

struct test_spec {
    bool ipv6;
    uint8_t proto;
    uint16_t src, dst;          /* Hosts. */
    uint16_t sport, dport;      /* ICMP: type, identifier. */
    uint16_t flags;             /* TCP. */
    uint32_t seq, ack;
    size_t len;                 /* Of the payload. */
};

static inline ovs_be32
test_ip(uint16_t host)
{
    return htonl(0x0a000000 | host);
}

static inline struct in6_addr
test_ip6(uint16_t host)
{
    struct in6_addr addr = { .s6_addr = { 0xfd } };

    addr.s6_addr[14] = host >> 8;
    addr.s6_addr[15] = host;
    return addr;
}

static inline ovs_be16
test_ethertype(const struct test_spec *s)
{
    return htons(s->ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP);
}

static inline uint32_t
test_pseudo_csum(const struct dp_packet *p, bool ipv6)
{
    return (ipv6
            ? packet_csum_pseudoheader6(dp_packet_l3(p))
            : packet_csum_pseudoheader(dp_packet_l3(p)));
}

/* Sets what flow_compose() leaves 0. */
static inline void
test_finish_tcp(struct dp_packet *p, const struct test_spec *s)
{
    struct tcp_header *th = dp_packet_l4(p);
    size_t len = (char *) dp_packet_tail(p) - (char *) th;

    put_16aligned_be32(&th->tcp_seq, htonl(s->seq));
    put_16aligned_be32(&th->tcp_ack, htonl(s->ack));
    th->tcp_winsz = htons(64240);
    th->tcp_csum = 0;
    th->tcp_csum = csum_finish(csum_continue(test_pseudo_csum(p, s->ipv6),
                                             th, len));
}

static inline void
test_finish_icmp(struct dp_packet *p, const struct test_spec *s)
{
    struct icmp_header *icmp = dp_packet_l4(p);
    size_t len = (char *) dp_packet_tail(p) - (char *) icmp;

    /* The identifier has the same place in both. */
    icmp->icmp_fields.echo.id = htons(s->dport);
    icmp->icmp_csum = 0;
    icmp->icmp_csum = (s->ipv6
                       ? csum_finish(csum_continue(test_pseudo_csum(p, true),
                                                   icmp, len))
                       : csum(icmp, len));
}

static inline struct dp_packet *
test_packet(const struct test_spec *s)
{
    struct dp_packet *p = dp_packet_new(0);
    struct flow flow = {
        .dl_type = test_ethertype(s),
        .nw_proto = s->proto,
        .nw_ttl = 64,
        .tp_src = htons(s->sport),
        .tp_dst = htons(s->dport),
        .tcp_flags = htons(s->flags),
    };

    if (s->ipv6) {
        flow.ipv6_src = test_ip6(s->src);
        flow.ipv6_dst = test_ip6(s->dst);
    } else {
        flow.nw_src = test_ip(s->src);
        flow.nw_dst = test_ip(s->dst);
    }
    if (s->proto == IPPROTO_ICMP || s->proto == IPPROTO_ICMPV6) {
        flow.tp_dst = 0;
    }
    flow_compose(p, &flow, NULL, s->len);
    if (s->proto == IPPROTO_TCP) {
        test_finish_tcp(p, s);
    } else if (s->proto == IPPROTO_ICMP || s->proto == IPPROTO_ICMPV6) {
        test_finish_icmp(p, s);
    }
    pkt_metadata_init(&p->md, 1);
    flow_extract(p, &flow);
    return p;
}

/* "Port unreachable" about the first 'n' bytes of a packet of IPv4. */
static inline struct dp_packet *
test_icmp_error_packet(uint16_t src, uint16_t dst,
                       const struct dp_packet *about, size_t n)
{
    const struct test_spec s = { .proto = IPPROTO_ICMP, .src = src,
                                 .dst = dst, .sport = ICMP4_DST_UNREACH };
    struct dp_packet *p = test_packet(&s);
    struct icmp_header *icmp;
    struct ip_header *ip;
    struct flow flow;

    dp_packet_put(p, dp_packet_l3(about), n);
    ip = dp_packet_l3(p);
    ip->ip_tot_len = htons(dp_packet_l3_size(p));
    ip->ip_csum = 0;
    ip->ip_csum = csum(ip, IP_HEADER_LEN);
    icmp = dp_packet_l4(p);
    icmp->icmp_code = 3;
    icmp->icmp_csum = 0;
    icmp->icmp_csum = csum(icmp, dp_packet_l4_size(p));
    flow_extract(p, &flow);
    return p;
}

/* One ct() over one packet, which comes back, unless it was dropped. */
static inline struct dp_packet *
test_ct(struct ct *ct, struct dp_packet *p, bool ipv6,
        const struct ct_request *request, long long now)
{
    struct dp_packet_batch batch;

    dp_packet_batch_init_packet(&batch, p);
    ct_execute(ct, &batch, htons(ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP),
               request, now);
    assert(dp_packet_batch_size(&batch) <= 1);
    return dp_packet_batch_is_empty(&batch) ? NULL : batch.packets[0];
}

#endif /* ct-packet-test.h */
