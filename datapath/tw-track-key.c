/* SPDX-License-Identifier: Apache-2.0 */

/* The first step of a packet's way, when it has been gone before: from headers
 * to a key.  Called by tw-cache. */

#include <config.h>

#include "tw-track-key.h"

#include <netinet/icmp6.h>
#include <netinet/ip6.h>

#include "ct-join.h"
#include "ct-l4-gre.h"
#include "flow.h"
#include "hash.h"
#include "packets.h"
#include "tw-packet.h"
#include "unaligned.h"

static void extract_ipv4(struct dp_packet *, size_t ofs,
                         struct tw_track_key *, uint32_t tags);
static void extract_ipv6(struct dp_packet *, size_t ofs,
                         struct tw_track_key *, uint32_t tags);
static void extract_other(ovs_be16 dl_type, struct tw_track_key *);
static bool extract_transport(struct dp_packet *, uint8_t proto, bool ipv6,
                              struct tw_track_key *);

/* The context is hashed as words, and written as such (ct-join.h). */

static inline uint32_t
join4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return ct_join16(ct_join8(a, b), ct_join8(c, d));
}

static inline void
set_link(struct tw_track_key *key, const struct eth_header *eth,
         odp_port_t in_port)
{
    uint32_t rest;

    memcpy(&key->context_words[0], eth, sizeof key->context_words[0]);
    memcpy(&rest, (const char *) eth + sizeof key->context_words[0],
           sizeof rest);
    key->context_words[1] = ct_join32(rest, odp_to_u32(in_port));
}

static inline void
set_kind(struct tw_track_key *key, uint32_t tags, uint32_t kind)
{
    key->context_words[2] = ct_join32(tags, kind);
}

void
tw_track_key_extract(struct dp_packet *packet, uint16_t tunnel,
                     struct tw_track_key *key)
{
    const struct eth_header *eth = dp_packet_data(packet);
    size_t size = dp_packet_size(packet);
    ovs_be16 dl_type = eth->eth_type;
    uint32_t tags = ct_join16(0, tunnel);
    size_t ofs = ETH_HEADER_LEN;

    dp_packet_reset_offsets(packet);
    set_link(key, eth, packet->md.in_port.odp_port);
    set_kind(key, tags, join4(TW_KEY_NONE, 0, 0, 0));
    key->ports = 0;
    key->trackable = false;
    key->tcp_flags = 0;

    if (OVS_UNLIKELY(packet->packet_type != htonl(PT_ETH)
                     || packet->md.skb_priority || packet->md.pkt_mark)) {
        return;
    }
    if (dl_type == htons(ETH_TYPE_VLAN_8021Q)) {
        const struct vlan_header *vlan = (const void *) (eth + 1);
        ovs_be16 tci;

        ofs += VLAN_HEADER_LEN;
        if (size < ofs || !flow_vlan_limit) {
            return;
        }
        tci = vlan->vlan_tci | htons(VLAN_CFI);
        tags = ct_join16((OVS_FORCE uint16_t) tci, tunnel);
        set_kind(key, tags, join4(TW_KEY_NONE, 0, 0, 0));
        dl_type = vlan->vlan_next_type;
    }

    packet->l3_ofs = ofs;
    if (OVS_LIKELY(dl_type == htons(ETH_TYPE_IP))) {
        extract_ipv4(packet, ofs, key, tags);
    } else if (dl_type == htons(ETH_TYPE_IPV6)) {
        extract_ipv6(packet, ofs, key, tags);
    } else {
        extract_other(dl_type, key);
    }
}

uint32_t
tw_track_key_rss(const struct tw_track_key *key)
{
    const struct tw_key_context *c = &key->context;
    ovs_be32 ports = key->ports;
    uint32_t hash = 0;

    if (tw_track_key_kind(key) == TW_KEY_IPV6) {
        const uint8_t *addrs = (const uint8_t *) &key->ip6.src;

        for (size_t i = 0; i < 2 * sizeof key->ip6.src; i += 8) {
            hash = hash_add64(hash, get_unaligned_u64(
                                  (const uint64_t *) (addrs + i)));
        }
    } else {
        hash = hash_add(hash, (OVS_FORCE uint32_t) key->ip4.src);
        hash = hash_add(hash, (OVS_FORCE uint32_t) key->ip4.dst);
    }
    hash = hash_add(hash, c->proto);
    switch (c->proto) {
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: {
        uint32_t word = ntohl(ports);

        /* Type and code stand where ports would, 16 bits each. */
        ports = htonl((word >> 24) << 16 | (word >> 16 & 0xff));
    }
    /* fall through */
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
        hash = hash_add(hash, (OVS_FORCE uint32_t) ports);
        break;
    default:
        break;
    }
    return hash_finish(hash, 42);
}

/* RFC 791 section 3.1; options and fragments have a context, no more. */
static void
extract_ipv4(struct dp_packet *packet, size_t ofs, struct tw_track_key *key,
             uint32_t tags)
{
    const struct ip_header *ip
        = (const void *) ((const char *) dp_packet_data(packet) + ofs);
    size_t size = dp_packet_size(packet) - ofs;
    uint8_t kind = TW_KEY_IPV4;

    if (OVS_UNLIKELY(size < IP_HEADER_LEN)) {
        return;
    }

    size_t header_len = IP_IHL(ip->ip_ihl_ver) * 4;
    size_t total_len = ntohs(ip->ip_tot_len);
    if (OVS_UNLIKELY(header_len < IP_HEADER_LEN || total_len < header_len
                     || total_len > size || size - total_len > UINT16_MAX)) {
        return;
    }
    dp_packet_set_l2_pad_size(packet, size - total_len);
    packet->l4_ofs = ofs + header_len;
    key->ip4.src = get_16aligned_be32(&ip->ip_src);
    key->ip4.dst = get_16aligned_be32(&ip->ip_dst);
    if (OVS_UNLIKELY(IP_IS_FRAGMENT(ip->ip_frag_off))) {
        kind |= (ip->ip_frag_off & htons(IP_FRAG_OFF_MASK)
                 ? TW_KEY_LATER_FRAGMENT : TW_KEY_FIRST_FRAGMENT);
    } else if (OVS_UNLIKELY(!extract_transport(packet, ip->ip_proto, false,
                                               key))) {
        kind = TW_KEY_NONE;
    }
    set_kind(key, tags, join4(kind, ip->ip_proto, ip->ip_tos, ip->ip_ttl));
}

/* RFC 8200 section 3, without extension headers. */
static void
extract_ipv6(struct dp_packet *packet, size_t ofs, struct tw_track_key *key,
             uint32_t tags)
{
    const struct ovs_16aligned_ip6_hdr *ip6
        = (const void *) ((const char *) dp_packet_data(packet) + ofs);
    size_t size = dp_packet_size(packet) - ofs;
    uint8_t kind = TW_KEY_IPV6;

    if (OVS_UNLIKELY(size < sizeof *ip6)) {
        return;
    }

    size_t payload_len = ntohs(ip6->ip6_plen);
    ovs_be32 tc_flow = get_16aligned_be32(&ip6->ip6_flow);
    size -= sizeof *ip6;
    if (OVS_UNLIKELY(payload_len > size || size - payload_len > UINT16_MAX)) {
        return;
    }
    switch (ip6->ip6_nxt) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
    case IPPROTO_AH:
    case IPPROTO_FRAGMENT:
        return;
    default:
        break;
    }
    dp_packet_set_l2_pad_size(packet, size - payload_len);
    packet->l4_ofs = ofs + sizeof *ip6;
    key->ip6.label = tc_flow & htonl(IPV6_LABEL_MASK);
    memcpy(&key->ip6.src, &ip6->ip6_src, 2 * sizeof key->ip6.src);
    if (OVS_UNLIKELY(!extract_transport(packet, ip6->ip6_nxt, true, key))) {
        kind = TW_KEY_NONE;
    }
    set_kind(key, tags, join4(kind, ip6->ip6_nxt, ntohl(tc_flow) >> 20,
                              ip6->ip6_hlim));
}

/* No IP: a context, unless it is a length (IEEE 802.3), another tag, or has
 * headers that flows look at. */
static void
extract_other(ovs_be16 dl_type, struct tw_track_key *key)
{
    struct tw_key_context *c = &key->context;

    if (ntohs(dl_type) >= ETH_TYPE_MIN && !eth_type_vlan(dl_type)
        && !eth_type_mpls(dl_type) && dl_type != htons(ETH_TYPE_NSH)) {
        c->kind = TW_KEY_OTHER;
        memcpy(c->dl_type, &dl_type, sizeof c->dl_type);
        c->ttl = 0;
    }
}

/* TCP is taken only with a whole header, as OVS reads its ports. */
static bool
tcp_is_whole(const struct tcp_header *tcp, size_t size)
{
    size_t header_len = size >= TCP_HEADER_LEN ? TCP_OFFSET(tcp->tcp_ctl) * 4
                                               : 0;

    return header_len >= TCP_HEADER_LEN && header_len <= size;
}

/* Messages whose header tells all that a flow or the tracker can look at. */
static bool
is_icmp_query(uint8_t proto, uint8_t type)
{
    return (proto == IPPROTO_ICMP
            ? type == ICMP4_ECHO_REQUEST || type == ICMP4_ECHO_REPLY
            : type == ICMP6_ECHO_REQUEST || type == ICMP6_ECHO_REPLY);
}

/* False if the header is cut off. */
static bool
extract_transport(struct dp_packet *packet, uint8_t proto, bool ipv6,
                  struct tw_track_key *key)
{
    const void *l4 = ((const char *) dp_packet_data(packet)
                      + packet->l4_ofs);
    size_t size = dp_packet_l4_size(packet);

    switch (proto) {
    case IPPROTO_TCP: {
        const struct tcp_header *tcp = l4;

        if (OVS_UNLIKELY(!tcp_is_whole(tcp, size))) {
            return false;
        }
        memcpy(&key->ports, tcp, sizeof key->ports);
        key->tcp_flags = TCP_FLAGS(tcp->tcp_ctl);
        key->trackable = true;
        return true;
    }
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
        if (size < (proto == IPPROTO_UDP ? UDP_HEADER_LEN : SCTP_HEADER_LEN)) {
            return false;
        }
        memcpy(&key->ports, l4, sizeof key->ports);
        key->trackable = true;
        return true;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: {
        const uint8_t *icmp = l4;

        if (size < ICMP_HEADER_LEN || ipv6 != (proto == IPPROTO_ICMPV6)) {
            return false;
        }
        if (is_icmp_query(proto, icmp[0])) {
            key->ports = htonl((uint32_t) icmp[0] << 24 | icmp[1] << 16
                               | icmp[4] << 8 | icmp[5]);
            key->trackable = true;
        } else {
            key->ports = htonl((uint32_t) icmp[0] << 24 | icmp[1] << 16);
        }
        return true;
    }
    case IPPROTO_IGMP:
        return true;
    case IPPROTO_GRE:
        key->trackable = size < CT_GRE_BASE_LEN || !ct_gre_is_enhanced(l4);
        return true;
    default:
        key->trackable = true;
        return true;
    }
}
