/* SPDX-License-Identifier: Apache-2.0 */

/* The first and the last step of the way of a packet that a traffic device
 * makes: its bytes.  Called by traffic-pair and netdev-traffic. */

#include <config.h>

#include "traffic-packet.h"

#include <string.h>

#include "csum.h"
#include "packets.h"
#include "traffic-spec.h"
#include "unaligned.h"
#include "util.h"

/* Low bytes of sequence numbers before SYN: far enough apart, and from 0 and
 * 255, for what SYN and FIN add. */
#define CLIENT_SEQ 0x10
#define SERVER_SEQ 0x80

static const struct {
    uint16_t flags;             /* 0: this side sends no such packet. */
    uint8_t seq, ack;           /* Low bytes. */
} tcp_steps[TRAFFIC_N_STEPS][2] = {
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

static uint8_t
ip_proto_of(const struct traffic_spec *spec)
{
    return (spec->protocol == TRAFFIC_TCP ? IPPROTO_TCP
            : spec->protocol == TRAFFIC_UDP ? IPPROTO_UDP
            : spec->ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

/* Words of the packet are added as they lie in memory: one's complement sums
 * do not depend on the order of bytes (RFC 1071). */
static inline uint32_t
load32(const void *p)
{
    uint32_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

static inline uint16_t
load16(const void *p)
{
    uint16_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

static inline void
store32(void *p, uint32_t x)
{
    memcpy(p, &x, sizeof x);
}

static inline void
store16(void *p, uint16_t x)
{
    memcpy(p, &x, sizeof x);
}

static inline uint16_t
fold(uint64_t sum)
{
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static uint64_t
sum_bytes(const uint8_t *p, size_t n)
{
    uint64_t sum = 0;

    for (; n >= 4; n -= 4, p += 4) {
        sum += load32(p);
    }
    if (n) {
        uint8_t last[4] = { 0 };

        memcpy(last, p, n);
        sum += load32(last);
    }
    return sum;
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
    t->ip_sum = fold(sum_bytes(l3, IP_HEADER_LEN));
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
    return fold(sum);
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
    put_payload(t, traffic_spec_min_frame(spec));
    put_l4(t, l4, side);
    t->l4_sum = sum_l4(t, ip_proto);
    t->len = MAX(t->len, padded);
}

/* Writing ----------------------------------------------------------------- */

/* Copies the template's bytes and returns where they are. */
static inline uint8_t *
copy_frame(const struct traffic_template *t, struct dp_packet *packet)
{
    uint8_t *frame = dp_packet_data(packet);

    if (OVS_LIKELY(t->len <= 64)) {
        memcpy(frame, t->frame, 64);
    } else {
        memcpy(frame, t->frame, t->len);
    }
    dp_packet_set_size(packet, t->len);
    return frame;
}

/* Writes addresses and returns their sum. */
static inline uint64_t
write_addresses(const struct traffic_template *t, uint8_t *l3,
                const struct traffic_tuple *tuple)
{
    uint64_t sum = 0;

    if (OVS_LIKELY(!t->ipv6)) {
        uint32_t src = (OVS_FORCE uint32_t) tuple->src[3];
        uint32_t dst = (OVS_FORCE uint32_t) tuple->dst[3];

        sum = (uint64_t) src + dst;
        store32(l3 + 12, src);
        store32(l3 + 16, dst);
        store16(l3 + 10, ~fold(t->ip_sum + sum));
    } else {
        for (int i = 0; i < 4; i++) {
            sum += (OVS_FORCE uint32_t) tuple->src[i];
            sum += (OVS_FORCE uint32_t) tuple->dst[i];
        }
        memcpy(l3 + 8, tuple->src, 16);
        memcpy(l3 + 24, tuple->dst, 16);
    }
    return sum;
}

static inline uint32_t
ports_of(const struct traffic_tuple *tuple)
{
    return load32(&tuple->sport);
}

static inline void
write_tcp(uint8_t *l4, uint64_t sum, const struct traffic_tuple *tuple,
          const struct traffic_mark *mark)
{
    uint32_t base = mark->number << 8;
    uint32_t seq = (OVS_FORCE uint32_t)
                   htonl(base | tcp_steps[mark->step][mark->side].seq);
    uint32_t ack = tcp_steps[mark->step][mark->side].ack;
    uint16_t flags = tcp_steps[mark->step][mark->side].flags;
    uint32_t ports = ports_of(tuple);
    uint32_t window = (OVS_LIKELY(mark->step == TRAFFIC_DATA)
                       ? TRAFFIC_DATA_WINDOW + mark->nonce % 1024
                       : TRAFFIC_STEP_WINDOW + mark->step);
    uint32_t ctl_window = (OVS_FORCE uint32_t)
                          htonl((uint32_t) (flags | 5 << 12) << 16 | window);

    ack = ack ? (OVS_FORCE uint32_t) htonl(base | ack) : 0;
    store32(l4, ports);
    store32(l4 + 4, seq);
    store32(l4 + 8, ack);
    store32(l4 + 12, ctl_window);
    sum += (uint64_t) ports + seq + ack + ctl_window;
    store16(l4 + 16, ~fold(sum));
}

static inline uint32_t
mark_word(const struct traffic_mark *mark)
{
    return (OVS_FORCE uint32_t) htonl(mark->number << 8 | mark->side << 7
                                      | mark->step);
}

/* A UDP checksum of 0 would mean that there is none (RFC 768). */
static inline void
write_udp(uint8_t *l4, uint64_t sum, const struct traffic_tuple *tuple,
          const struct traffic_mark *mark)
{
    uint32_t word = mark_word(mark);
    uint32_t ports = ports_of(tuple);
    uint16_t csum;

    store32(l4, ports);
    store32(l4 + UDP_HEADER_LEN, word);
    csum = ~fold(sum + ports + word);
    store16(l4 + 6, csum ? csum : 0xffff);
}

static inline void
write_icmp(uint8_t *l4, uint64_t sum, const struct traffic_tuple *tuple,
           const struct traffic_mark *mark)
{
    uint32_t word = mark_word(mark);
    uint16_t id = (OVS_FORCE uint16_t) tuple->sport;

    store16(l4 + 4, id);
    store32(l4 + ICMP_HEADER_LEN, word);
    store16(l4 + 2, ~fold(sum + id + word));
}

void
traffic_packet_write(const struct traffic_template *t,
                     struct dp_packet *packet,
                     const struct traffic_tuple *tuple,
                     const struct traffic_mark *mark)
{
    uint8_t *frame = copy_frame(t, packet);
    uint8_t *l4 = frame + t->l4_ofs;
    uint64_t addresses = write_addresses(t, frame + t->l3_ofs, tuple);

    if (OVS_LIKELY(t->protocol == TRAFFIC_TCP)) {
        write_tcp(l4, t->l4_sum + addresses, tuple, mark);
    } else if (t->protocol == TRAFFIC_UDP) {
        write_udp(l4, t->l4_sum + addresses, tuple, mark);
    } else {
        write_icmp(l4, t->l4_sum + (t->ipv6 ? addresses : 0), tuple, mark);
    }
}

/* Reading ----------------------------------------------------------------- */

static inline enum traffic_kind
view_ipv4(struct traffic_view *view, size_t left)
{
    const uint8_t *l3 = view->l3;

    if (OVS_UNLIKELY(left < IP_HEADER_LEN)) {
        return TRAFFIC_MALFORMED;
    } else if (OVS_UNLIKELY(l3[0] != IP_IHL_VER(5, 4)
                            || load16(l3 + 6) & (OVS_FORCE uint16_t)
                               htons(IP_FRAG_OFF_MASK | IP_MORE_FRAGMENTS))) {
        return TRAFFIC_FOREIGN;
    }
    view->l3_len = ntohs((OVS_FORCE ovs_be16) load16(l3 + 2));
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
    view->l4_len = ntohs((OVS_FORCE ovs_be16) load16(l3 + 4));
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
    type = (OVS_FORCE ovs_be16) load16(frame + 12);
    if (type == htons(ETH_TYPE_VLAN)) {
        type = (OVS_FORCE ovs_be16) load16(frame + 16);
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
    seq = ntohl((OVS_FORCE ovs_be32) load32(l4 + 4));
    ack = ntohl((OVS_FORCE ovs_be32) load32(l4 + 8));
    ctl = ntohl((OVS_FORCE ovs_be32) load32(l4 + 12));
    window = ctl;
    mark->number = seq >> 8;
    mark->side = seq & 0x80 ? TRAFFIC_SERVER : TRAFFIC_CLIENT;
    mark->step = (OVS_LIKELY(window < TRAFFIC_STEP_WINDOW) ? TRAFFIC_DATA
                  : MIN(window - TRAFFIC_STEP_WINDOW, TRAFFIC_DATA));
    expected = tcp_steps[mark->step][mark->side].ack;
    expected = expected ? mark->number << 8 | expected : 0;
    flags = tcp_steps[mark->step][mark->side].flags;
    return (ack == expected && flags && (ctl >> 16 & 0xfff) == flags
            && (seq & 0xff) == tcp_steps[mark->step][mark->side].seq
            ? TRAFFIC_OURS : TRAFFIC_FOREIGN);
}

/* UDP and ICMP, whose headers are of the same length. */
static inline enum traffic_kind
read_payload(const struct traffic_view *view, struct traffic_mark *mark)
{
    const uint8_t *payload = view->l4 + UDP_HEADER_LEN;
    uint32_t word;

    if (OVS_UNLIKELY(view->l4_len < UDP_HEADER_LEN)) {
        return TRAFFIC_MALFORMED;
    } else if (OVS_UNLIKELY(view->l4_len < UDP_HEADER_LEN + 8)) {
        return TRAFFIC_FOREIGN;
    }
    word = ntohl((OVS_FORCE ovs_be32) load32(payload));
    mark->number = word >> 8;
    mark->side = word >> 7 & 1;
    mark->step = word & 0x7f;
    return (load32(payload + 4) == (OVS_FORCE uint32_t) htonl(TRAFFIC_MAGIC)
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
        && view->l4_len >= UDP_HEADER_LEN && !load16(view->l4 + 6)) {
        return true;
    }
    if (view->ip_proto != IPPROTO_ICMP) {
        sum += sum_bytes(addresses, view->ipv6 ? 32 : 8);
        sum += (OVS_FORCE uint16_t) htons(view->ip_proto);
        sum += (OVS_FORCE uint16_t) htons(view->l4_len);
    }
    return fold(sum) == 0xffff;
}

bool
traffic_packet_verify(const struct traffic_view *view)
{
    if (!view->ipv6 && fold(sum_bytes(view->l3, IP_HEADER_LEN)) != 0xffff) {
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
