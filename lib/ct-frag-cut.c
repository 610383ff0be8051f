/* SPDX-License-Identifier: Apache-2.0 */

/* Fragments of a changed datagram: called by ct-frag.c when a helper has put
 * other text into it. */

#include <config.h>

#include "ct-frag-cut.h"

#include <netinet/in.h>
#include <netinet/ip6.h>

#include "csum.h"
#include "dp-packet.h"
#include "flow.h"
#include "packets.h"
#include "util.h"

static size_t fragment_header_ofs(const struct dp_packet *);
static void set_ip(struct dp_packet *, size_t at, size_t n, bool more);
static void set_ip6(struct dp_packet *, size_t at, bool more);

size_t
ct_frag_cut_ofs(const struct dp_packet *fragment, ovs_be16 dl_type)
{
    const struct ip_header *ip = dp_packet_l3(fragment);
    size_t ofs;

    if (dl_type == htons(ETH_TYPE_IP)) {
        return fragment->l3_ofs + IP_IHL(ip->ip_ihl_ver) * 4;
    }
    ofs = fragment_header_ofs(fragment);
    return ofs ? ofs + sizeof(struct ovs_16aligned_ip6_frag) : 0;
}

size_t
ct_frag_cut_size(const struct dp_packet *fragment, ovs_be16 dl_type)
{
    return (dp_packet_size(fragment) - dp_packet_l2_pad_size(fragment)
            - ct_frag_cut_ofs(fragment, dl_type));
}

struct dp_packet *
ct_frag_cut(const struct dp_packet *whole, const struct dp_packet *first,
            ovs_be16 dl_type, size_t at, size_t max)
{
    size_t ofs = ct_frag_cut_ofs(first, dl_type);
    size_t len = dp_packet_size(whole) - dp_packet_l2_pad_size(whole);
    size_t n = len > ofs + at ? MIN(len - ofs - at, max) : 0;
    bool more = ofs + at + n < len;
    struct dp_packet *cut;

    if (!ofs || !n) {
        return NULL;
    }
    cut = dp_packet_clone(first);
    dp_packet_set_size(cut, ofs);
    dp_packet_set_l2_pad_size(cut, 0);
    dp_packet_put(cut, (const char *) dp_packet_data(whole) + ofs + at, n);
    if (at) {
        cut->l4_ofs = ofs;
    }
    if (dl_type == htons(ETH_TYPE_IP)) {
        set_ip(cut, at, n, more);
    } else {
        set_ip6(cut, at, more);
    }
    return cut;
}

/* 0: there is none. */
static size_t
fragment_header_ofs(const struct dp_packet *packet)
{
    const struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(packet);
    const struct ovs_16aligned_ip6_frag *header = NULL;
    size_t size = dp_packet_l3_size(packet) - sizeof *ip6;
    const void *data = ip6 + 1;
    uint8_t proto = ip6->ip6_nxt, frag = 0;

    return (parse_ipv6_ext_hdrs(&data, &size, &proto, &frag, &header)
            && header
            ? (const char *) header - (const char *) dp_packet_data(packet)
            : 0);
}

static void
set_ip(struct dp_packet *packet, size_t at, size_t n, bool more)
{
    struct ip_header *ip = dp_packet_l3(packet);
    size_t header_len = IP_IHL(ip->ip_ihl_ver) * 4;

    ip->ip_tot_len = htons(header_len + n);
    ip->ip_frag_off = ((ip->ip_frag_off & htons(IP_DONT_FRAGMENT))
                       | htons(at / 8 | (more ? IP_MORE_FRAGMENTS : 0)));
    ip->ip_csum = 0;
    ip->ip_csum = csum(ip, header_len);
}

static void
set_ip6(struct dp_packet *packet, size_t at, bool more)
{
    struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(packet);
    struct ovs_16aligned_ip6_frag *header
        = dp_packet_at_assert(packet, fragment_header_ofs(packet),
                              sizeof *header);

    ip6->ip6_plen = htons(dp_packet_l3_size(packet) - sizeof *ip6);
    header->ip6f_offlg = htons(at) | (more ? IP6F_MORE_FRAG : 0);
}
