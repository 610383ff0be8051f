/* SPDX-License-Identifier: Apache-2.0 */

/* From a packet's headers to its tuple, key and hash.
 *
 * The first step of ct_execute().  The IP header is read here, the transport
 * header by its protocol (ct-l4.h). */

#include <config.h>

#include "ct-packet.h"

#include <netinet/in.h>
#include <netinet/ip6.h>

#include "ct-hash.h"
#include "ct-join.h"
#include "ct-packet-inline.h"
#include "ct-refuse.h"
#include "dp-packet.h"
#include "flow.h"
#include "packets.h"
#include "unaligned.h"

static bool parse_ipv4(struct ct_packet *);
static bool parse_ipv6(struct ct_packet *);
static bool l4_in_bounds(struct ct_packet *);
static bool invalid(struct ct_packet *, enum ct_counter);
static void make_keys_ipv4(struct ct_packet *);
static void make_keys_ipv6(struct ct_packet *);

bool
ct_packet_parse_headers(struct ct_packet *packet, ovs_be16 dl_type)
{
    packet->parsed = true;
    packet->valid = packet->keyed = false;
    packet->is_icmp_error = false;
    packet->inner_l3 = NULL;
    if (dl_type == htons(ETH_TYPE_IP) ? !parse_ipv4(packet)
        : dl_type == htons(ETH_TYPE_IPV6) ? !parse_ipv6(packet)
        : !invalid(packet, CT_C_INVALID_L3)) {
        return false;
    }
    packet->l4 = ct_packet_find_l4(&packet->tuple);
    packet->valid = packet->l4->parse(packet);
    return packet->valid;
}

bool
ct_packet_parse(struct ct_packet *packet, ovs_be16 dl_type)
{
    if (!ct_packet_parse_headers(packet, dl_type)) {
        return false;
    }
    if (OVS_LIKELY(!ct_tuple_is_ipv6(&packet->tuple))) {
        make_keys_ipv4(packet);
    } else {
        make_keys_ipv6(packet);
    }
    packet->hash = ct_hash_keys(&packet->key, &packet->inverse);
    packet->keyed = true;
    return true;
}

/* RFC 791 section 3.1. */
static bool
parse_ipv4(struct ct_packet *packet)
{
    struct dp_packet *pkt = packet->packet;
    const struct ip_header *ip = dp_packet_l3(pkt);
    size_t size = ip ? dp_packet_l3_size(pkt) : 0;

    if (size < IP_HEADER_LEN) {
        return invalid(packet, CT_C_INVALID_L3);
    }

    size_t header_len = IP_IHL(ip->ip_ihl_ver) * 4;
    size_t total_len = ntohs(ip->ip_tot_len);
    if (IP_VER(ip->ip_ihl_ver) != 4 || header_len < IP_HEADER_LEN
        || total_len < header_len || total_len > size
        || !ct_packet_ipv4_csum_ok(pkt, ip, header_len)) {
        return invalid(packet, CT_C_INVALID_L3);
    }
    if (IP_IS_FRAGMENT(ip->ip_frag_off)) {
        return invalid(packet, CT_C_INVALID_FRAGMENT);
    }

    /* By member: what reads it next does not take it as a whole. */
    packet->tuple.src.u64[0] = packet->tuple.src.u64[1] = 0;
    packet->tuple.dst.u64[0] = packet->tuple.dst.u64[1] = 0;
    packet->tuple.src_port = packet->tuple.dst_port = 0;
    packet->tuple.kind = 0;
    packet->tuple.src.ip = get_16aligned_be32(&ip->ip_src);
    packet->tuple.dst.ip = get_16aligned_be32(&ip->ip_dst);
    packet->tuple.proto = ip->ip_proto;
    packet->ip_len = total_len;
    packet->l3_header = (uint8_t *) ip;
    packet->l4_header = packet->l3_header + header_len;
    packet->l4_len = total_len - header_len;
    return true;
}

/* RFC 8200.  The transport header stands where the packet's offsets say it
 * does, not where the chain of extension headers ends: OVS's reassembly leaves
 * the extension headers in place, but names the transport protocol in the
 * first "next header", and leaves a fragment header out of the payload
 * length. */
static bool
parse_ipv6(struct ct_packet *packet)
{
    struct dp_packet *pkt = packet->packet;
    const struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(pkt);
    size_t size = ip6 ? dp_packet_l3_size(pkt) : 0;

    if (size < sizeof *ip6 || !l4_in_bounds(packet)) {
        return invalid(packet, CT_C_INVALID_L3);
    }

    const struct ovs_16aligned_ip6_frag *frag_hdr = NULL;
    const void *data = ip6 + 1;
    uint8_t proto = ip6->ip6_nxt;
    uint8_t frag = 0;

    size -= sizeof *ip6;
    if ((get_16aligned_be32(&ip6->ip6_flow) & htonl(0xf0000000))
        != htonl(6u << 28)
        || ntohs(ip6->ip6_plen) > size
        || !parse_ipv6_ext_hdrs(&data, &size, &proto, &frag, &frag_hdr)) {
        return invalid(packet, CT_C_INVALID_L3);
    }
    if (frag) {
        return invalid(packet, CT_C_INVALID_FRAGMENT);
    }

    memcpy(&packet->tuple.src, &ip6->ip6_src, sizeof packet->tuple.src);
    memcpy(&packet->tuple.dst, &ip6->ip6_dst, sizeof packet->tuple.dst);
    packet->tuple.src_port = packet->tuple.dst_port = 0;
    packet->tuple.proto = proto;
    packet->tuple.kind = CT_KIND_IPV6;
    packet->ip_len = sizeof *ip6 + ntohs(ip6->ip6_plen);
    packet->l3_header = (uint8_t *) ip6;
    packet->l4_header = dp_packet_l4(pkt);
    packet->l4_len = dp_packet_l4_size(pkt);
    return true;
}

static bool
l4_in_bounds(struct ct_packet *packet)
{
    const struct dp_packet *pkt = packet->packet;
    const char *l3 = dp_packet_l3(pkt);
    const char *l4 = dp_packet_l4(pkt);
    const char *end = (const char *) dp_packet_tail(pkt);

    return (l4 && l4 >= l3 + sizeof(struct ovs_16aligned_ip6_hdr)
            && l4 <= end - dp_packet_l2_pad_size(pkt));
}

static bool
invalid(struct ct_packet *packet, enum ct_counter reason)
{
    ct_refuse(packet, reason);
    return false;
}

/* ct_tuple_to_key() and ct_tuple_invert() in one, as words: the hash reads the
 * keys as such. */
static void
make_keys_ipv4(struct ct_packet *packet)
{
    const struct ct_tuple *t = &packet->tuple;
    uint32_t src = (OVS_FORCE uint32_t) t->src.ip;
    uint32_t dst = (OVS_FORCE uint32_t) t->dst.ip;
    uint16_t sport = (OVS_FORCE uint16_t) t->src_port;
    uint16_t dport = (OVS_FORCE uint16_t) t->dst_port;
    uint16_t zone = packet->request->zone;
    uint64_t key[] = {
        ct_join32(src, dst),
        ct_join32(ct_join16(sport, dport),
                  ct_join16(zone, ct_join8(t->proto, t->kind))),
    };
    uint64_t inverse[] = {
        ct_join32(dst, src),
        ct_join32(ct_join16(dport, sport),
                  ct_join16(zone, ct_join8(t->proto,
                                           ct_kind_inverse(t->kind)))),
    };

    memcpy(&packet->key, key, sizeof key);
    memcpy(&packet->inverse, inverse, sizeof inverse);
}

static void
make_keys_ipv6(struct ct_packet *packet)
{
    struct ct_tuple inverse;

    ct_tuple_invert(&packet->tuple, &inverse);
    ct_tuple_to_key(&packet->tuple, packet->request->zone, &packet->key);
    ct_tuple_to_key(&inverse, packet->request->zone, &packet->inverse);
}
