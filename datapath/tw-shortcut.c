/* SPDX-License-Identifier: Apache-2.0 */

/* The first step of packets that are forwarded without a look at who sent
 * them.  Called by tw-cache. */

#include <config.h>

#include "tw-shortcut.h"

#include "flow.h"
#include "packets.h"
#include "unaligned.h"

static bool extract_ipv4(struct dp_packet *, size_t ofs,
                         struct tw_shortcut_packet *);
static bool extract_ipv6(struct dp_packet *, size_t ofs,
                         struct tw_shortcut_packet *);
static bool extract_transport(struct dp_packet *, uint8_t proto,
                              struct tw_shortcut_packet *);

bool
tw_shortcut_extract(struct dp_packet *packet, struct tw_shortcut_packet *s)
{
    const struct eth_header *eth = dp_packet_data(packet);
    ovs_be16 dl_type = eth->eth_type;
    ovs_be16 vlan_tci = 0;
    size_t ofs = ETH_HEADER_LEN;

    s->tcp_flags = 0;
    s->ipv6 = s->l4_ports = false;
    if (OVS_UNLIKELY(packet->packet_type != htonl(PT_ETH))) {
        return false;
    }
    if (dl_type == htons(ETH_TYPE_VLAN_8021Q)) {
        const struct vlan_header *vlan = (const void *) (eth + 1);

        ofs += VLAN_HEADER_LEN;
        if (dp_packet_size(packet) < ofs || !flow_vlan_limit) {
            return false;
        }
        vlan_tci = vlan->vlan_tci | htons(VLAN_CFI);
        dl_type = vlan->vlan_next_type;
    }
    s->word = tw_shortcut_word(packet->md.in_port.odp_port, dl_type,
                               vlan_tci);
    dp_packet_reset_offsets(packet);
    packet->l3_ofs = ofs;
    return (OVS_LIKELY(dl_type == htons(ETH_TYPE_IP))
            ? extract_ipv4(packet, ofs, s)
            : dl_type == htons(ETH_TYPE_IPV6)
            ? extract_ipv6(packet, ofs, s)
            : dl_type == htons(ETH_TYPE_ARP));
}

static bool
extract_ipv4(struct dp_packet *packet, size_t ofs,
             struct tw_shortcut_packet *s)
{
    const struct ip_header *ip
        = (const void *) ((const char *) dp_packet_data(packet) + ofs);
    size_t size = dp_packet_size(packet) - ofs;

    if (OVS_UNLIKELY(size < IP_HEADER_LEN)) {
        return false;
    }

    size_t header_len = IP_IHL(ip->ip_ihl_ver) * 4;
    size_t total_len = ntohs(ip->ip_tot_len);
    if (OVS_UNLIKELY(header_len < IP_HEADER_LEN || total_len < header_len
                     || total_len > size || size - total_len > UINT16_MAX
                     || IP_IS_FRAGMENT(ip->ip_frag_off))) {
        return false;
    }
    dp_packet_set_l2_pad_size(packet, size - total_len);
    packet->l4_ofs = ofs + header_len;
    return extract_transport(packet, ip->ip_proto, s);
}

/* Without extension headers, one of which may be that of a fragment. */
static bool
extract_ipv6(struct dp_packet *packet, size_t ofs,
             struct tw_shortcut_packet *s)
{
    const struct ovs_16aligned_ip6_hdr *ip6
        = (const void *) ((const char *) dp_packet_data(packet) + ofs);
    size_t size = dp_packet_size(packet) - ofs;

    if (OVS_UNLIKELY(size < sizeof *ip6)) {
        return false;
    }

    size_t payload_len = ntohs(ip6->ip6_ctlun.ip6_un1.ip6_un1_plen);
    uint8_t proto = ip6->ip6_ctlun.ip6_un1.ip6_un1_nxt;
    size -= sizeof *ip6;
    if (OVS_UNLIKELY(payload_len > size || size - payload_len > UINT16_MAX
                     || (proto != IPPROTO_TCP && proto != IPPROTO_UDP
                         && proto != IPPROTO_ICMPV6))) {
        return false;
    }
    dp_packet_set_l2_pad_size(packet, size - payload_len);
    packet->l4_ofs = ofs + sizeof *ip6;
    s->ipv6 = true;
    return extract_transport(packet, proto, s);
}

/* A header counts only where OVS would read it. */
static bool
extract_transport(struct dp_packet *packet, uint8_t proto,
                  struct tw_shortcut_packet *s)
{
    size_t size = dp_packet_l4_size(packet);

    if (OVS_LIKELY(proto == IPPROTO_TCP)) {
        const struct tcp_header *tcp = dp_packet_l4(packet);
        size_t header_len = (size >= TCP_HEADER_LEN
                             ? TCP_OFFSET(tcp->tcp_ctl) * 4 : 0);

        if (OVS_LIKELY(header_len >= TCP_HEADER_LEN && header_len <= size)) {
            s->tcp_flags = TCP_FLAGS(tcp->tcp_ctl);
            s->l4_ports = true;
        }
    } else if (proto == IPPROTO_UDP) {
        s->l4_ports = size >= UDP_HEADER_LEN;
    }
    return true;
}
