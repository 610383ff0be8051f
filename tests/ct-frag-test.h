/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_FRAG_TEST_H
#define CT_FRAG_TEST_H 1

/* Fragments of UDP datagrams. */

#include "ct-packet-test.h"

#include <netinet/in.h>
#include <netinet/ip6.h>

#define MAX_FRAGS 256

struct datagram {
    struct dp_packet *frags[MAX_FRAGS];
    size_t n;
};

/* Fragment 'index' of 'whole', of 'size' bytes of payload each. */
static inline struct dp_packet *
fragment4(const struct dp_packet *whole, uint16_t id, size_t index,
          size_t size)
{
    struct dp_packet *p = dp_packet_new(0);
    const uint8_t *l4 = dp_packet_l4(whole);
    size_t at = index * size;
    size_t left = dp_packet_l4_size(whole) - at;
    size_t n = MIN(left, size);
    struct ip_header *ip;
    struct flow flow;

    dp_packet_put(p, dp_packet_data(whole), ETH_HEADER_LEN);
    ip = dp_packet_put(p, dp_packet_l3(whole), IP_HEADER_LEN);
    ip->ip_id = htons(id);
    ip->ip_tot_len = htons(IP_HEADER_LEN + n);
    ip->ip_frag_off = htons(at / 8 | (left > size ? IP_MORE_FRAGMENTS : 0));
    ip->ip_csum = 0;
    ip->ip_csum = csum(ip, IP_HEADER_LEN);
    dp_packet_put(p, l4 + at, n);
    pkt_metadata_init(&p->md, 1);
    flow_extract(p, &flow);
    return p;
}

static inline struct dp_packet *
fragment6(const struct dp_packet *whole, uint16_t id, size_t index,
          size_t size)
{
    struct dp_packet *p = dp_packet_new(0);
    const uint8_t *l4 = dp_packet_l4(whole);
    size_t at = index * size;
    size_t left = dp_packet_l4_size(whole) - at;
    size_t n = MIN(left, size);
    struct ovs_16aligned_ip6_frag fh = { .ip6f_nxt = IPPROTO_UDP };
    struct ovs_16aligned_ip6_hdr *ip6;
    struct flow flow;

    put_16aligned_be32(&fh.ip6f_ident, htonl(id));
    fh.ip6f_offlg = htons(at) | (left > size ? IP6F_MORE_FRAG : 0);
    dp_packet_put(p, dp_packet_data(whole), ETH_HEADER_LEN);
    ip6 = dp_packet_put(p, dp_packet_l3(whole), sizeof *ip6);
    ip6->ip6_ctlun.ip6_un1.ip6_un1_nxt = IPPROTO_FRAGMENT;
    ip6->ip6_ctlun.ip6_un1.ip6_un1_plen = htons(sizeof fh + n);
    dp_packet_put(p, &fh, sizeof fh);
    dp_packet_put(p, l4 + at, n);
    pkt_metadata_init(&p->md, 1);
    flow_extract(p, &flow);
    return p;
}

static inline void
datagram_cut(struct datagram *d, const struct dp_packet *whole, bool ipv6,
             uint16_t id, size_t frag_size)
{
    d->n = DIV_ROUND_UP(dp_packet_l4_size(whole), frag_size);
    assert(d->n <= MAX_FRAGS);
    for (size_t i = 0; i < d->n; i++) {
        d->frags[i] = (ipv6 ? fragment6 : fragment4)(whole, id, i, frag_size);
    }
}

#endif /* ct-frag-test.h */
