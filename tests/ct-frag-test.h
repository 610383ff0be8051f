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

/* Which bytes of the payload a fragment has. */
struct fragment_part {
    size_t at;
    size_t n;
    bool more;
};

static inline void
fragment_ip(struct dp_packet *p, const struct dp_packet *whole, uint16_t id,
            const struct fragment_part *part)
{
    struct ip_header *ip = dp_packet_put(p, dp_packet_l3(whole),
                                         IP_HEADER_LEN);

    ip->ip_id = htons(id);
    ip->ip_tot_len = htons(IP_HEADER_LEN + part->n);
    ip->ip_frag_off = htons(part->at / 8
                            | (part->more ? IP_MORE_FRAGMENTS : 0));
    ip->ip_csum = 0;
    ip->ip_csum = csum(ip, IP_HEADER_LEN);
}

static inline void
fragment_ipv6(struct dp_packet *p, const struct dp_packet *whole, uint16_t id,
              const struct fragment_part *part)
{
    struct ovs_16aligned_ip6_frag fh = { .ip6f_nxt = IPPROTO_UDP };
    struct ovs_16aligned_ip6_hdr *ip6;

    put_16aligned_be32(&fh.ip6f_ident, htonl(id));
    fh.ip6f_offlg = htons(part->at) | (part->more ? IP6F_MORE_FRAG : 0);
    ip6 = dp_packet_put(p, dp_packet_l3(whole), sizeof *ip6);
    ip6->ip6_ctlun.ip6_un1.ip6_un1_nxt = IPPROTO_FRAGMENT;
    ip6->ip6_ctlun.ip6_un1.ip6_un1_plen = htons(sizeof fh + part->n);
    dp_packet_put(p, &fh, sizeof fh);
}

static inline struct dp_packet *
fragment(const struct dp_packet *whole, bool ipv6, uint16_t id,
         const struct fragment_part *part)
{
    struct dp_packet *p = dp_packet_new(0);
    const char *payload = dp_packet_l4(whole);
    struct flow flow;

    dp_packet_put(p, dp_packet_data(whole), ETH_HEADER_LEN);
    (ipv6 ? fragment_ipv6 : fragment_ip)(p, whole, id, part);
    dp_packet_put(p, payload + part->at, part->n);
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
        size_t at = i * frag_size;
        size_t left = dp_packet_l4_size(whole) - at;
        const struct fragment_part part = {
            .at = at, .n = MIN(left, frag_size), .more = left > frag_size,
        };

        d->frags[i] = fragment(whole, ipv6, id, &part);
    }
}

#endif /* ct-frag-test.h */
