/* SPDX-License-Identifier: Apache-2.0 */

/* The first and the last step of the way of a packet that a traffic device
 * makes: its bytes.  Called by traffic-pair and netdev-traffic. */

#include <config.h>

#include "traffic-packet.h"

#include <string.h>

#include "csum.h"
#include "packets.h"
#include "traffic-spec.h"
#include "traffic-write.h"
#include "unaligned.h"
#include "util.h"

/* Low bytes of sequence numbers before SYN: far enough apart, and from 0 and
 * 255, for what SYN and FIN add. */
#define CLIENT_SEQ 0x10
#define SERVER_SEQ 0x80

const struct traffic_tcp_step traffic_tcp_steps[TRAFFIC_N_STEPS][2] = {
#define C TRAFFIC_CLIENT
#define S TRAFFIC_SERVER
    [TRAFFIC_SYN][C] = { TCP_SYN, CLIENT_SEQ, 0 },
    [TRAFFIC_SYN_ACK][S] = { TCP_SYN | TCP_ACK, SERVER_SEQ, CLIENT_SEQ + 1 },
    [TRAFFIC_ACK][C] = { TCP_ACK, CLIENT_SEQ + 1, SERVER_SEQ + 1 },
    [TRAFFIC_FIN][C] = { TCP_FIN | TCP_ACK, CLIENT_SEQ + 1, SERVER_SEQ + 1 },
    [TRAFFIC_FIN_REPLY][S] = { TCP_FIN | TCP_ACK, SERVER_SEQ + 1,
                               CLIENT_SEQ + 2 },
    [TRAFFIC_LAST_ACK][C] = { TCP_ACK, CLIENT_SEQ + 2, SERVER_SEQ + 2 },
    [TRAFFIC_DATA][C] = { TCP_ACK, CLIENT_SEQ + 1, SERVER_SEQ + 1 },
    [TRAFFIC_DATA][S] = { TCP_ACK, SERVER_SEQ + 1, CLIENT_SEQ + 1 },
#undef C
#undef S
};

static void set_look_at_mark(struct traffic_template *, enum traffic_side);

static uint8_t
ip_proto_of(const struct traffic_spec *spec)
{
    return (spec->protocol == TRAFFIC_TCP ? IPPROTO_TCP
            : spec->protocol == TRAFFIC_UDP ? IPPROTO_UDP
            : spec->ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

/* Words are added as they lie in memory: the sum does not depend on the order
 * of bytes, but for its own. */
static uint64_t
sum_bytes(const uint8_t *p, size_t n)
{
    uint64_t sum = 0;

    for (; n >= 4; n -= 4, p += 4) {
        sum += traffic_load32(p);
    }
    if (n) {
        uint8_t last[4] = { 0 };

        memcpy(last, p, n);
        sum += traffic_load32(last);
    }
    return sum;
}

/* Folds a sum of words in memory, to host byte order. */
static uint16_t
host_sum(uint64_t sum)
{
    return ntohs((OVS_FORCE ovs_be16) traffic_fold(sum));
}

/* Templates --------------------------------------------------------------- */

static uint8_t *
put_l2(struct traffic_template *t, const struct traffic_spec *spec,
       enum traffic_side side)
{
    struct eth_header *eth = (struct eth_header *) t->frame;
    ovs_be16 type = htons(spec->ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP);

    eth->eth_src = side == TRAFFIC_CLIENT ? spec->eth_src : spec->eth_dst;
    eth->eth_dst = side == TRAFFIC_CLIENT ? spec->eth_dst : spec->eth_src;
    eth->eth_type = type;
    if (spec->vlan >= 0) {
        struct vlan_eth_header *veth = (struct vlan_eth_header *) t->frame;

        veth->veth_type = htons(ETH_TYPE_VLAN);
        veth->veth_tci = htons(spec->vlan);
        veth->veth_next_type = type;
        return (uint8_t *) (veth + 1);
    }
    return (uint8_t *) (eth + 1);
}

static uint8_t *
put_ipv4(struct traffic_template *t, uint8_t *l3, uint8_t ip_proto)
{
    struct ip_header *ip = (struct ip_header *) l3;

    ip->ip_ihl_ver = IP_IHL_VER(5, 4);
    ip->ip_tot_len = htons(t->len - t->l3_ofs);
    ip->ip_frag_off = htons(IP_DONT_FRAGMENT);
    ip->ip_ttl = 64;
    ip->ip_proto = ip_proto;
    t->ip_sum = host_sum(sum_bytes(l3, IP_HEADER_LEN));
    return (uint8_t *) (ip + 1);
}

static uint8_t *
put_ipv6(struct traffic_template *t, uint8_t *l3, uint8_t ip_proto)
{
    struct ovs_16aligned_ip6_hdr *ip6 = (struct ovs_16aligned_ip6_hdr *) l3;

    put_16aligned_be32(&ip6->ip6_ctlun.ip6_un1.ip6_un1_flow,
                       htonl(6 << 28));
    ip6->ip6_ctlun.ip6_un1.ip6_un1_plen
        = htons(t->len - t->l3_ofs - IPV6_HEADER_LEN);
    ip6->ip6_ctlun.ip6_un1.ip6_un1_nxt = ip_proto;
    ip6->ip6_ctlun.ip6_un1.ip6_un1_hlim = 64;
    return (uint8_t *) (ip6 + 1);
}

/* Addresses of IPv6, but for their last words. */
static void
put_prefixes(struct traffic_template *t, const struct traffic_spec *spec,
             enum traffic_side side)
{
    bool client = side == TRAFFIC_CLIENT;
    uint8_t *src = t->frame + t->l3_ofs + 8;
    uint8_t *dst = src + 16;

    memcpy(src, client ? &spec->clients.base : &spec->servers.base, 12);
    memcpy(dst, client ? &spec->servers.base : &spec->clients.base, 12);
    t->prefix_sum = host_sum(sum_bytes(src, 12) + sum_bytes(dst, 12));
}

static void
put_l4(struct traffic_template *t, uint8_t *l4, enum traffic_side side)
{
    if (t->protocol == TRAFFIC_TCP) {
        return;
    } else if (t->protocol == TRAFFIC_UDP) {
        ((struct udp_header *) l4)->udp_len = htons(t->len - t->l4_ofs);
    } else {
        struct icmp_header *icmp = (struct icmp_header *) l4;
        bool request = side == TRAFFIC_CLIENT;

        icmp->icmp_type = (t->ipv6
                           ? (request ? ICMP6_ECHO_REQUEST : ICMP6_ECHO_REPLY)
                           : request ? ICMP4_ECHO_REQUEST : ICMP4_ECHO_REPLY);
        icmp->icmp_fields.echo.seq = htons(1);
    }
    put_unaligned_be32((ovs_be32 *) (l4 + UDP_HEADER_LEN + 4),
                       htonl(TRAFFIC_MAGIC));
}

/* Bytes behind the mark count up. */
static void
put_payload(struct traffic_template *t, unsigned int ofs)
{
    for (; ofs < t->len; ofs++) {
        t->frame[ofs] = ofs;
    }
}

static uint32_t
sum_l4(const struct traffic_template *t, uint8_t ip_proto)
{
    uint16_t len = t->len - t->l4_ofs;
    uint64_t sum = sum_bytes(t->frame + t->l4_ofs, len);

    if (ip_proto != IPPROTO_ICMP) {
        sum += (OVS_FORCE uint16_t) htons(ip_proto);
        sum += (OVS_FORCE uint16_t) htons(len);
    }
    return host_sum(sum);
}

/* The words that traffic_packet_is_data() compares, made of a packet: TOS and
 * flow label, identification and TTL may have changed on the way. */
static void
set_look(struct traffic_template *t, enum traffic_side side)
{
    static const uint8_t ipv4_masks[2][8] = {
        { 0xff, 0xff, 0xff, 0x00, 0xff, 0xff, 0x00, 0x00 },
        { 0x3f, 0xff, 0x00, 0xff, 0x00, 0x00, 0x00, 0x00 },
    };
    static const uint8_t ipv6_masks[2][8] = {
        { 0xff, 0xff, 0xf0, 0x00, 0x00, 0x00, 0xff, 0xff },
        { 0xff },
    };
    const uint8_t (*masks)[8] = t->ipv6 ? ipv6_masks : ipv4_masks;

    for (int i = 0; i < 2; i++) {
        t->look[i].mask = traffic_load64(masks[i]);
        t->look[i].value = (t->look[i].mask
                            & traffic_load64(t->frame + t->l3_ofs
                                             + (i ? 6 : -2)));
    }
    set_look_at_mark(t, side);
}

static void
set_look_at_mark(struct traffic_template *t, enum traffic_side side)
{
    const struct traffic_tcp_step *data
        = &traffic_tcp_steps[TRAFFIC_DATA][side];
    bool tcp = t->protocol == TRAFFIC_TCP;
    ovs_be32 value[2], mask[2];

    t->look_ofs = t->l4_ofs + (tcp ? 4 : UDP_HEADER_LEN);
    mask[0] = htonl(0xff);
    mask[1] = OVS_BE32_MAX;
    value[0] = htonl(tcp ? data->seq : side << 7 | TRAFFIC_DATA);
    value[1] = htonl(tcp ? data->seq ^ data->ack : TRAFFIC_MAGIC);
    t->look[2].mask = traffic_load64(mask);
    t->look[2].value = traffic_load64(value);
    t->look_ctl_mask = (OVS_FORCE uint32_t) htonl(0xfffffc00);
    t->look_ctl = (OVS_FORCE uint32_t) htonl(TRAFFIC_DATA_CTL);
    t->data_seq = data->seq;
    t->data_ack = data->ack;
}

/* A frame shorter than 60 bytes is padded: with zeros behind what IP knows. */
void
traffic_template_init(struct traffic_template *t,
                      const struct traffic_spec *spec, enum traffic_side side,
                      unsigned int size)
{
    uint8_t ip_proto = ip_proto_of(spec);
    bool tcp = spec->protocol == TRAFFIC_TCP;
    unsigned int padded = MAX(size, 60);
    uint8_t *l3, *l4;

    memset(t, 0, sizeof *t);
    t->ipv6 = spec->ipv6;
    t->protocol = spec->protocol;
    t->l3_ofs = traffic_spec_l2_len(spec);
    t->l4_ofs = t->l3_ofs + (spec->ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN);
    /* Acknowledgments of 60 bytes carry nothing but padding. */
    t->len = MAX(traffic_spec_min_frame(spec), size <= 60 && tcp ? 0 : size);
    l3 = put_l2(t, spec, side);
    l4 = (spec->ipv6 ? put_ipv6 : put_ipv4)(t, l3, ip_proto);
    if (t->ipv6) {
        put_prefixes(t, spec, side);
    }
    put_payload(t, traffic_spec_min_frame(spec));
    put_l4(t, l4, side);
    t->l4_sum = sum_l4(t, ip_proto);
    t->len = MAX(t->len, padded);
    set_look(t, side);
}

/* Reading ----------------------------------------------------------------- */

static inline enum traffic_kind
view_ipv4(struct traffic_view *view, size_t left)
{
    const uint8_t *l3 = view->l3;

    if (OVS_UNLIKELY(left < IP_HEADER_LEN)) {
        return TRAFFIC_MALFORMED;
    } else if (OVS_UNLIKELY(l3[0] != IP_IHL_VER(5, 4)
                            || traffic_load16(l3 + 6) & (OVS_FORCE uint16_t)
                               htons(IP_FRAG_OFF_MASK | IP_MORE_FRAGMENTS))) {
        return TRAFFIC_FOREIGN;
    }
    view->l3_len = ntohs((OVS_FORCE ovs_be16) traffic_load16(l3 + 2));
    if (OVS_UNLIKELY(view->l3_len > left || view->l3_len < IP_HEADER_LEN)) {
        return TRAFFIC_MALFORMED;
    }
    view->l4 = l3 + IP_HEADER_LEN;
    view->l4_len = view->l3_len - IP_HEADER_LEN;
    view->ip_proto = l3[9];
    view->ipv6 = false;
    return TRAFFIC_OURS;
}

static inline enum traffic_kind
view_ipv6(struct traffic_view *view, size_t left)
{
    const uint8_t *l3 = view->l3;

    if (OVS_UNLIKELY(left < IPV6_HEADER_LEN)) {
        return TRAFFIC_MALFORMED;
    }
    view->l4_len = ntohs((OVS_FORCE ovs_be16) traffic_load16(l3 + 4));
    view->l3_len = view->l4_len + IPV6_HEADER_LEN;
    if (OVS_UNLIKELY(view->l4_len > left - IPV6_HEADER_LEN)) {
        return TRAFFIC_MALFORMED;
    }
    view->l4 = l3 + IPV6_HEADER_LEN;
    view->ip_proto = l3[6];
    view->ipv6 = true;
    return TRAFFIC_OURS;
}

enum traffic_kind
traffic_packet_view(const struct dp_packet *packet, struct traffic_view *view)
{
    const uint8_t *frame = dp_packet_data(packet);
    size_t size = dp_packet_size(packet);
    size_t ofs = ETH_HEADER_LEN;
    ovs_be16 type;

    if (OVS_UNLIKELY(size < ETH_HEADER_LEN + VLAN_HEADER_LEN)) {
        return TRAFFIC_MALFORMED;
    }
    type = (OVS_FORCE ovs_be16) traffic_load16(frame + 12);
    if (type == htons(ETH_TYPE_VLAN)) {
        type = (OVS_FORCE ovs_be16) traffic_load16(frame + 16);
        ofs += VLAN_HEADER_LEN;
    }
    view->l3 = frame + ofs;
    return (type == htons(ETH_TYPE_IP) ? view_ipv4(view, size - ofs)
            : type == htons(ETH_TYPE_IPV6) ? view_ipv6(view, size - ofs)
            : TRAFFIC_FOREIGN);
}

static inline enum traffic_kind
read_tcp(const struct traffic_view *view, struct traffic_mark *mark)
{
    const uint8_t *l4 = view->l4;
    uint32_t seq, ack, ctl, expected;
    uint16_t window, flags;

    if (OVS_UNLIKELY(view->l4_len < TCP_HEADER_LEN)) {
        return TRAFFIC_MALFORMED;
    }
    seq = ntohl((OVS_FORCE ovs_be32) traffic_load32(l4 + 4));
    ack = ntohl((OVS_FORCE ovs_be32) traffic_load32(l4 + 8));
    ctl = ntohl((OVS_FORCE ovs_be32) traffic_load32(l4 + 12));
    window = ctl;
    mark->number = seq >> 8;
    mark->side = seq & 0x80 ? TRAFFIC_SERVER : TRAFFIC_CLIENT;
    mark->step = (OVS_LIKELY(window < TRAFFIC_STEP_WINDOW) ? TRAFFIC_DATA
                  : MIN(window - TRAFFIC_STEP_WINDOW, TRAFFIC_DATA));
    expected = traffic_tcp_steps[mark->step][mark->side].ack;
    expected = expected ? mark->number << 8 | expected : 0;
    flags = traffic_tcp_steps[mark->step][mark->side].flags;
    return (ack == expected && flags && (ctl >> 16 & 0xfff) == flags
            && (seq & 0xff) == traffic_tcp_steps[mark->step][mark->side].seq
            ? TRAFFIC_OURS : TRAFFIC_FOREIGN);
}

/* UDP and ICMP, whose headers are of the same length. */
static inline enum traffic_kind
read_payload(const struct traffic_view *view, struct traffic_mark *mark)
{
    const uint32_t magic = (OVS_FORCE uint32_t) htonl(TRAFFIC_MAGIC);
    const uint8_t *payload = view->l4 + UDP_HEADER_LEN;
    uint32_t word;

    if (OVS_UNLIKELY(view->l4_len < UDP_HEADER_LEN)) {
        return TRAFFIC_MALFORMED;
    } else if (OVS_UNLIKELY(view->l4_len < UDP_HEADER_LEN + 8)) {
        return TRAFFIC_FOREIGN;
    }
    word = ntohl((OVS_FORCE ovs_be32) traffic_load32(payload));
    mark->number = word >> 8;
    mark->side = word >> 7 & 1;
    mark->step = word & 0x7f;
    return (traffic_load32(payload + 4) == magic
            && (mark->step == TRAFFIC_DATA || mark->step == mark->side)
            ? TRAFFIC_OURS : TRAFFIC_FOREIGN);
}

enum traffic_kind
traffic_packet_read(const struct traffic_template *t,
                    const struct traffic_view *view,
                    struct traffic_mark *mark)
{
    uint8_t ip_proto = t->frame[t->l3_ofs + (t->ipv6 ? 6 : 9)];

    if (OVS_UNLIKELY(view->ip_proto != ip_proto || view->ipv6 != t->ipv6)) {
        return TRAFFIC_FOREIGN;
    }
    return (OVS_LIKELY(t->protocol == TRAFFIC_TCP) ? read_tcp(view, mark)
            : read_payload(view, mark));
}

void
traffic_packet_tuple(const struct traffic_template *t,
                     const struct traffic_view *view,
                     struct traffic_tuple *tuple)
{
    memset(tuple, 0, sizeof *tuple);
    if (t->ipv6) {
        memcpy(tuple->src, view->l3 + 8, sizeof tuple->src);
        memcpy(tuple->dst, view->l3 + 24, sizeof tuple->dst);
    } else {
        memcpy(&tuple->src[3], view->l3 + 12, sizeof tuple->src[3]);
        memcpy(&tuple->dst[3], view->l3 + 16, sizeof tuple->dst[3]);
    }
    if (t->protocol == TRAFFIC_ICMP) {
        memcpy(&tuple->sport, view->l4 + 4, sizeof tuple->sport);
        tuple->dport = tuple->sport;
    } else {
        memcpy(&tuple->sport, view->l4, sizeof tuple->sport);
        memcpy(&tuple->dport, view->l4 + 2, sizeof tuple->dport);
    }
}

static bool
verify_l4(const struct traffic_view *view)
{
    const uint8_t *addresses = view->l3 + (view->ipv6 ? 8 : 12);
    uint64_t sum = sum_bytes(view->l4, view->l4_len);

    if (view->ip_proto == IPPROTO_UDP && !view->ipv6
        && view->l4_len >= UDP_HEADER_LEN && !traffic_load16(view->l4 + 6)) {
        return true;
    }
    if (view->ip_proto != IPPROTO_ICMP) {
        sum += sum_bytes(addresses, view->ipv6 ? 32 : 8);
        sum += (OVS_FORCE uint16_t) htons(view->ip_proto);
        sum += (OVS_FORCE uint16_t) htons(view->l4_len);
    }
    return traffic_fold(sum) == 0xffff;
}

bool
traffic_packet_verify(const struct traffic_view *view)
{
    uint64_t header = view->ipv6 ? 0 : sum_bytes(view->l3, IP_HEADER_LEN);

    if (!view->ipv6 && traffic_fold(header) != 0xffff) {
        return false;
    }
    switch (view->ip_proto) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return verify_l4(view);
    default:
        return true;
    }
}
