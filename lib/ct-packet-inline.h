/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_PACKET_INLINE_H
#define CT_PACKET_INLINE_H 1

#include "csum.h"
#include "ct-l4.h"
#include "dp-packet.h"
#include "packets.h"

/* Steps of reading headers, for ct-packet.c and for ct-track.c, which knows
 * more of its packets. */

/* Is the checksum of an IP header without options good?  Five words, summed up
 * as wide as they are, and folded in the end (RFC 1071 section 2 (C)). */
static inline bool
ct_packet_plain_header_sums_up(const void *ip)
{
    uint32_t w[IP_HEADER_LEN / 4];
    uint64_t sum;

    memcpy(w, ip, sizeof w);
    sum = (uint64_t) w[0] + w[1] + w[2] + w[3] + w[4];
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

static inline bool
ct_packet_ipv4_csum_ok(const struct dp_packet *pkt, const void *ip,
                       size_t header_len)
{
    if (dp_packet_ip_checksum_bad(pkt)) {
        return false;
    }
    return (dp_packet_ip_checksum_valid(pkt)
            || dp_packet_hwol_is_ipv4(pkt)
            || (OVS_LIKELY(header_len == IP_HEADER_LEN)
                ? ct_packet_plain_header_sums_up(ip)
                : csum(ip, header_len) == 0));
}

/* ICMP belongs to IPv4, ICMPv6 to IPv6; over the other they are numbers like
 * any. */
static inline const struct ct_l4 *
ct_packet_find_l4(const struct ct_tuple *tuple)
{
    uint8_t alien = (ct_tuple_is_ipv6(tuple) ? IPPROTO_ICMP : IPPROTO_ICMPV6);

    return (OVS_LIKELY(tuple->proto == IPPROTO_TCP)
            ? &ct_l4_tcp
            : OVS_LIKELY(tuple->proto != alien)
            ? ct_l4_find(tuple->proto)
            : &ct_l4_generic);
}

#endif /* ct-packet-inline.h */
