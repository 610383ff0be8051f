/* SPDX-License-Identifier: Apache-2.0 */

/* Equivalence: packets, from a description to bytes.  Called by
 * equiv-traffic. */

#include <config.h>

#include "equiv.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip6.h>

#include "csum.h"
#include "packets.h"
#include "util.h"

static void put_l2(struct dp_packet *, const struct equiv_frame *);
static void put_l3(struct dp_packet *, const struct equiv_frame *,
                   size_t l4_len);
static void put_l4(struct dp_packet *, const struct equiv_frame *,
                   size_t l4_len);
static size_t l4_header_len(const struct equiv_frame *);
static void finish_l4(struct dp_packet *, const struct equiv_frame *,
                      size_t l4_len);

static bool
has_room_for_tag(const struct equiv_frame *f)
{
    return !f->payload && f->payload_len >= sizeof f->tag;
}

struct dp_packet *
equiv_frame_build(const struct equiv_frame *f)
{
    struct dp_packet *p = dp_packet_new_with_headroom(256, 64);
    size_t l4_len = l4_header_len(f) + f->payload_len;

    put_l2(p, f);
    put_l3(p, f, l4_len);
    put_l4(p, f, l4_len);
    if (!has_room_for_tag(f)) {
        dp_packet_put(p, &f->tag, sizeof f->tag);       /* Padding. */
    }
    finish_l4(p, f, l4_len);
    return p;
}

bool
equiv_tag_get(const void *data, size_t size, struct equiv_tag *tag)
{
    if (size < sizeof *tag) {
        return false;
    }
    memcpy(tag, (const char *) data + size - sizeof *tag, sizeof *tag);
    return tag->magic == EQUIV_TAG_MAGIC;
}

static ovs_be16
ethertype(const struct equiv_frame *f)
{
    return htons(f->src.ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP);
}

static void
put_l2(struct dp_packet *p, const struct equiv_frame *f)
{
    struct eth_header *eth = dp_packet_put_zeros(p, sizeof *eth);

    dp_packet_reset_offsets(p);
    eth->eth_src = equiv_mac(f->in_port);
    eth->eth_dst = equiv_mac(0);
    eth->eth_type = (!f->vlans[0] ? ethertype(f)
                     : htons(f->vlans[1] ? ETH_TYPE_VLAN_8021AD
                             : ETH_TYPE_VLAN_8021Q));
    for (int i = 0; i < 2 && f->vlans[i]; i++) {
        struct vlan_header *vlan = dp_packet_put_zeros(p, sizeof *vlan);
        bool inner = !i && f->vlans[1];

        vlan->vlan_tci = f->vlans[i] & ~htons(VLAN_CFI);
        vlan->vlan_next_type = (inner ? htons(ETH_TYPE_VLAN_8021Q)
                                : ethertype(f));
    }
    dp_packet_set_l3(p, dp_packet_tail(p));
}

static void
put_ipv4(struct dp_packet *p, const struct equiv_frame *f, size_t l4_len)
{
    struct ip_header *ip = dp_packet_put_zeros(p, sizeof *ip);

    ip->ip_ihl_ver = IP_IHL_VER(5, 4);
    ip->ip_tos = f->tos;
    ip->ip_tot_len = htons(sizeof *ip + l4_len);
    ip->ip_id = htons(ntohl(f->tag.serial));
    ip->ip_frag_off = htons(f->df ? IP_DONT_FRAGMENT : 0);
    ip->ip_ttl = f->ttl;
    ip->ip_proto = f->proto;
    put_16aligned_be32(&ip->ip_src, f->src.ip);
    put_16aligned_be32(&ip->ip_dst, f->dst.ip);
    ip->ip_csum = csum(ip, sizeof *ip);
}

static void
put_ipv6(struct dp_packet *p, const struct equiv_frame *f, size_t l4_len)
{
    struct ovs_16aligned_ip6_hdr *ip = dp_packet_put_zeros(p, sizeof *ip);

    put_16aligned_be32(&ip->ip6_flow, htonl(6u << 28 | f->tos << 20));
    ip->ip6_plen = htons(l4_len);
    ip->ip6_nxt = f->proto;
    ip->ip6_hlim = f->ttl;
    memcpy(&ip->ip6_src, &f->src.ip6, sizeof ip->ip6_src);
    memcpy(&ip->ip6_dst, &f->dst.ip6, sizeof ip->ip6_dst);
}

static void
put_l3(struct dp_packet *p, const struct equiv_frame *f, size_t l4_len)
{
    if (f->src.ipv6) {
        put_ipv6(p, f, l4_len);
    } else {
        put_ipv4(p, f, l4_len);
    }
    dp_packet_set_l4(p, dp_packet_tail(p));
}

static size_t
l4_header_len(const struct equiv_frame *f)
{
    switch (f->proto) {
    case IPPROTO_TCP:
        return TCP_HEADER_LEN;
    case IPPROTO_UDP:
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return 8;
    default:
        return 0;
    }
}

static void
put_tcp(struct dp_packet *p, const struct equiv_frame *f)
{
    struct tcp_header *tcp = dp_packet_put_zeros(p, sizeof *tcp);

    tcp->tcp_src = htons(f->sport);
    tcp->tcp_dst = htons(f->dport);
    put_16aligned_be32(&tcp->tcp_seq, htonl(f->seq));
    put_16aligned_be32(&tcp->tcp_ack, htonl(f->ack));
    tcp->tcp_ctl = TCP_CTL(f->tcp_flags, 5);
    tcp->tcp_winsz = htons(f->window);
}

static void
put_udp(struct dp_packet *p, const struct equiv_frame *f, size_t l4_len)
{
    struct udp_header *udp = dp_packet_put_zeros(p, sizeof *udp);

    udp->udp_src = htons(f->sport);
    udp->udp_dst = htons(f->dport);
    udp->udp_len = htons(l4_len);
}

/* The same for both families. */
static void
put_icmp(struct dp_packet *p, const struct equiv_frame *f)
{
    struct icmp_header *icmp = dp_packet_put_zeros(p, sizeof *icmp);

    icmp->icmp_type = f->icmp_type;
    icmp->icmp_code = f->icmp_code;
    if (!f->payload) {
        icmp->icmp_fields.echo.id = htons(f->sport);
        icmp->icmp_fields.echo.seq = htons(ntohl(f->tag.serial));
    }
}

static void
put_payload(struct dp_packet *p, const struct equiv_frame *f)
{
    uint8_t *payload = dp_packet_put_zeros(p, f->payload_len);

    if (f->payload) {
        memcpy(payload, f->payload, f->payload_len);
    } else {
        for (size_t i = 0; i < f->payload_len; i++) {
            payload[i] = i + ntohl(f->tag.serial);
        }
    }
    if (has_room_for_tag(f)) {
        memcpy(payload + f->payload_len - sizeof f->tag, &f->tag,
               sizeof f->tag);
    }
}

static void
put_l4(struct dp_packet *p, const struct equiv_frame *f, size_t l4_len)
{
    if (f->proto == IPPROTO_TCP) {
        put_tcp(p, f);
    } else if (f->proto == IPPROTO_UDP) {
        put_udp(p, f, l4_len);
    } else if (f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6) {
        put_icmp(p, f);
    }
    put_payload(p, f);
}

static uint32_t
pseudo_csum(const struct dp_packet *p, const struct equiv_frame *f)
{
    return (f->src.ipv6 ? packet_csum_pseudoheader6(dp_packet_l3(p))
            : f->proto == IPPROTO_ICMP ? 0
            : packet_csum_pseudoheader(dp_packet_l3(p)));
}

/* Checksums. */
static void
finish_l4(struct dp_packet *p, const struct equiv_frame *f, size_t l4_len)
{
    void *l4 = dp_packet_l4(p);
    ovs_be16 *field;

    if (f->proto == IPPROTO_TCP) {
        field = &((struct tcp_header *) l4)->tcp_csum;
    } else if (f->proto == IPPROTO_UDP) {
        field = &((struct udp_header *) l4)->udp_csum;
    } else if (f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6) {
        field = &((struct icmp_header *) l4)->icmp_csum;
    } else {
        return;
    }
    *field = csum_finish(csum_continue(pseudo_csum(p, f), l4, l4_len));
    if (f->proto == IPPROTO_UDP && !*field) {
        *field = htons(0xffff);
    }
    if (f->bad_csum) {
        *field ^= htons(0x55);
    }
}

/* Fragments. */

static struct dp_packet *
copy_head(const struct dp_packet *p, size_t head_len, size_t payload_len)
{
    struct dp_packet *copy = dp_packet_new_with_headroom(256 + payload_len,
                                                         64);

    dp_packet_put(copy, dp_packet_data(p), head_len);
    return copy;
}

static struct dp_packet *
fragment_ipv4(const struct dp_packet *p, size_t offset, size_t len, bool more)
{
    size_t l3_ofs = (char *) dp_packet_l3(p) - (char *) dp_packet_data(p);
    size_t head_len = l3_ofs + sizeof(struct ip_header);
    struct dp_packet *f = copy_head(p, head_len, len);
    struct ip_header *ip = dp_packet_at_assert(f, l3_ofs, sizeof *ip);

    ip->ip_tot_len = htons(sizeof *ip + len);
    ip->ip_frag_off = htons(offset / 8 | (more ? IP_MORE_FRAGMENTS : 0));
    ip->ip_csum = 0;
    ip->ip_csum = csum(ip, sizeof *ip);
    dp_packet_put(f, (const char *) dp_packet_l4(p) + offset, len);
    return f;
}

static struct dp_packet *
fragment_ipv6(const struct dp_packet *p, size_t offset, size_t len, bool more)
{
    size_t l3_ofs = (char *) dp_packet_l3(p) - (char *) dp_packet_data(p);
    size_t head_len = l3_ofs + sizeof(struct ovs_16aligned_ip6_hdr);
    struct dp_packet *f = copy_head(p, head_len, len);
    struct ovs_16aligned_ip6_hdr *ip
        = dp_packet_at_assert(f, l3_ofs, sizeof *ip);
    struct ovs_16aligned_ip6_frag frag = {
        .ip6f_nxt = ip->ip6_nxt,
        .ip6f_offlg = htons(offset | (more ? 1 : 0)),
    };

    put_16aligned_be32(&frag.ip6f_ident, htonl(hash_bytes(
        dp_packet_l4(p), MIN(dp_packet_l4_size(p), 40), 0)));
    ip->ip6_nxt = IPPROTO_FRAGMENT;
    ip->ip6_plen = htons(sizeof frag + len);
    dp_packet_put(f, &frag, sizeof frag);
    dp_packet_put(f, (const char *) dp_packet_l4(p) + offset, len);
    return f;
}

unsigned int
equiv_fragment(struct dp_packet *p, unsigned int max,
               struct dp_packet *fragments[])
{
    const struct ip_header *ip = dp_packet_l3(p);
    bool ipv6 = IP_VER(ip->ip_ihl_ver) == 6;
    size_t total = (const char *) dp_packet_tail(p)
                   - (const char *) dp_packet_l4(p);
    size_t each = ROUND_UP(DIV_ROUND_UP(total, max), 8);
    unsigned int n = 0;

    for (size_t offset = 0; offset < total; offset += each) {
        size_t len = MIN(each, total - offset);
        bool more = offset + len < total;

        fragments[n++] = (ipv6 ? fragment_ipv6(p, offset, len, more)
                          : fragment_ipv4(p, offset, len, more));
    }
    dp_packet_delete(p);
    return n;
}
