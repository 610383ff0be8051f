/* SPDX-License-Identifier: Apache-2.0 */

/* Segments to ask about: called by ct-why.c and its remedies. */

#include <config.h>

#include "ct-segment.h"

#include <netinet/in.h>

#include "csum.h"
#include "dp-packet.h"
#include "packets.h"
#include "unaligned.h"

static bool
is_ipv6(const struct dp_packet *packet)
{
    const struct ip_header *ip = dp_packet_l3(packet);

    return IP_VER(ip->ip_ihl_ver) == 6;
}

static bool
has_tcp(const struct dp_packet *packet)
{
    const struct ip_header *ip = dp_packet_l3(packet);
    const struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(packet);

    return (is_ipv6(packet) ? ip6->ip6_ctlun.ip6_un1.ip6_un1_nxt == IPPROTO_TCP
            : ip->ip_proto == IPPROTO_TCP && !IP_IS_FRAGMENT(ip->ip_frag_off));
}

bool
ct_segment_get(struct dp_packet *packet, struct ct_segment *segment)
{
    const struct tcp_header *tcp = dp_packet_l4(packet);

    if (!dp_packet_l3(packet) || !tcp || !has_tcp(packet)
        || dp_packet_l4_size(packet) < TCP_HEADER_LEN
        || (size_t) TCP_OFFSET(tcp->tcp_ctl) * 4 < TCP_HEADER_LEN
        || (size_t) TCP_OFFSET(tcp->tcp_ctl) * 4 > dp_packet_l4_size(packet)) {
        return false;
    }
    segment->flags = TCP_FLAGS(tcp->tcp_ctl);
    segment->win = ntohs(tcp->tcp_winsz);
    segment->seq = ntohl(get_16aligned_be32(&tcp->tcp_seq));
    segment->ack = ntohl(get_16aligned_be32(&tcp->tcp_ack));
    return true;
}

void
ct_segment_put(struct dp_packet *packet, const struct ct_segment *segment)
{
    struct tcp_header *tcp = dp_packet_l4(packet);
    uint32_t pseudo = (is_ipv6(packet)
                       ? packet_csum_pseudoheader6(dp_packet_l3(packet))
                       : packet_csum_pseudoheader(dp_packet_l3(packet)));

    tcp->tcp_ctl = TCP_CTL(segment->flags, TCP_OFFSET(tcp->tcp_ctl));
    tcp->tcp_winsz = htons(segment->win);
    put_16aligned_be32(&tcp->tcp_seq, htonl(segment->seq));
    put_16aligned_be32(&tcp->tcp_ack, htonl(segment->ack));
    tcp->tcp_csum = 0;
    tcp->tcp_csum = csum_finish(csum_continue(pseudo, tcp,
                                              dp_packet_l4_size(packet)));
}

uint32_t
ct_segment_len(const struct dp_packet *packet)
{
    const struct tcp_header *tcp = dp_packet_l4(packet);
    uint16_t flags = TCP_FLAGS(tcp->tcp_ctl);

    return (dp_packet_l4_size(packet) - TCP_OFFSET(tcp->tcp_ctl) * 4
            + !!(flags & TCP_SYN) + !!(flags & TCP_FIN));
}
