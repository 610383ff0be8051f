/* SPDX-License-Identifier: Apache-2.0 */

/* Equivalence: conversations, and what else there is on a wire.  Called by
 * equiv-run; calls equiv-packet.
 *
 * A conversation's server answers to what left a port, so that it talks to
 * the addresses that the pipeline has translated to. */

#include <config.h>

#include "equiv.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>

#include "flow.h"
#include "packets.h"
#include "util.h"

#define MAX_CONVS 48
#define MAX_DATA 400
#define N_FRAGMENTS 4
#define QUOTE_LEN 64            /* Of a packet, in an ICMP error. */

enum phase {
    SYN,
    SYN_ACK,
    ACK,
    DATA,
    FIN,
    FIN_ACK,
    LAST_ACK,
    CLOSED
};

/* One direction: from where, to where. */
struct path {
    unsigned int in_port;
    struct equiv_addr src, dst;
    uint16_t sport, dport;
};

struct conv {
    uint16_t id;
    uint8_t proto, ttl, tos;
    ovs_be16 vlans[2];
    struct path paths[2];       /* Client to server, and back. */
    enum phase phase;           /* TCP. */
    unsigned int n_left;        /* Packets of data. */
    uint32_t seq[2];
    size_t len;                 /* Of data. */

    uint8_t quote[QUOTE_LEN];   /* The last that came out, from its */
    size_t quote_len;           /* network header on. */
};

struct equiv_traffic {
    struct equiv_rng rng;
    uint32_t serial;
    unsigned int n;
    struct conv convs[MAX_CONVS];
};

static void conv_open(struct equiv_traffic *, struct conv *);
static bool conv_sender(struct equiv_traffic *, const struct conv *);
static void conv_frame(struct equiv_traffic *, struct conv *, bool reverse,
                       struct equiv_frame *);
static void conv_deviate(struct equiv_traffic *, struct conv *,
                         struct equiv_frame *);
static void make_single(struct equiv_traffic *, unsigned int *number,
                        struct equiv_batch *);
static void make_burst(struct equiv_traffic *, unsigned int max,
                       unsigned int *number, struct equiv_batch *);
static void make_mix(struct equiv_traffic *, unsigned int max,
                     unsigned int *number, struct equiv_batch *);

struct equiv_traffic *
equiv_traffic_create(uint64_t seed)
{
    struct equiv_traffic *t = xzalloc(sizeof *t);

    t->rng.state = seed;
    t->n = (equiv_percent(&t->rng, 25)
            ? 2 + equiv_below(&t->rng, 4)
            : 6 + equiv_below(&t->rng, MAX_CONVS - 5));
    for (size_t i = 0; i < t->n; i++) {
        t->convs[i].id = i;
        conv_open(t, &t->convs[i]);
    }
    return t;
}

void
equiv_traffic_destroy(struct equiv_traffic *t)
{
    free(t);
}

void
equiv_traffic_next(struct equiv_traffic *t, unsigned int max,
                   unsigned int *number, struct equiv_batch *batch)
{
    unsigned int kind = equiv_below(&t->rng, 100);

    batch->n = 0;
    max = MIN(max, 1 + equiv_below(&t->rng, NETDEV_MAX_BURST));
    if (kind < 35 || max < N_FRAGMENTS) {
        make_single(t, number, batch);
    } else if (kind < 55) {
        make_burst(t, max, number, batch);
    } else {
        make_mix(t, max, number, batch);
    }
}

/* The end that has sent and the end that gets it see the same packet under
 * other addresses. */
void
equiv_traffic_learn(struct equiv_traffic *t, unsigned int port,
                    const void *data, size_t size)
{
    struct dp_packet packet;
    struct equiv_tag tag;
    struct path *back;
    struct conv *conv;
    struct flow flow;

    if (!equiv_tag_get(data, size, &tag) || tag.reverse
        || ntohs(tag.conv) >= t->n) {
        return;
    }
    conv = &t->convs[ntohs(tag.conv)];
    dp_packet_use_const(&packet, data, size);
    flow_extract(&packet, &flow);
    if (!dp_packet_l4(&packet) || flow.nw_frag
        || flow.nw_proto != conv->proto) {
        return;
    }
    back = &conv->paths[1];
    back->in_port = port;
    back->src.ip = flow.nw_dst;
    back->dst.ip = flow.nw_src;
    back->src.ip6 = flow.ipv6_dst;
    back->dst.ip6 = flow.ipv6_src;
    if (conv->proto == IPPROTO_ICMP || conv->proto == IPPROTO_ICMPV6) {
        const struct icmp_header *icmp = dp_packet_l4(&packet);

        back->sport = ntohs(icmp->icmp_fields.echo.id);
    } else {
        back->sport = ntohs(flow.tp_dst);
        back->dport = ntohs(flow.tp_src);
    }
    conv->quote_len = MIN(QUOTE_LEN, dp_packet_l3_size(&packet));
    memcpy(conv->quote, dp_packet_l3(&packet), conv->quote_len);
}

/* The conversation does not notice. */
struct dp_packet *
equiv_traffic_any(struct equiv_traffic *t, struct equiv_rng *rng)
{
    struct conv conv = t->convs[equiv_below(rng, t->n)];
    uint32_t serial = t->serial;
    struct equiv_frame f;

    conv_frame(t, &conv, equiv_percent(rng, 50), &f);
    f.tag.conv = OVS_BE16_MAX;
    t->serial = serial;
    return equiv_frame_build(&f);
}

/* Conversations. */

static void
choose_vlans(struct equiv_traffic *t, struct conv *conv)
{
    unsigned int kind = equiv_below(&t->rng, 100);

    conv->vlans[0] = conv->vlans[1] = 0;
    if (kind < 15) {
        conv->vlans[0] = htons(VLAN_CFI | (10 + equiv_below(&t->rng, 3)));
    }
    if (kind < 4) {
        conv->vlans[1] = htons(VLAN_CFI | 0x2000 | 20);
    }
}

/* Most conversations are between two ports, some with a virtual address. */
static void
choose_path(struct equiv_traffic *t, struct conv *conv, bool ipv6)
{
    unsigned int from = 1 + equiv_below(&t->rng, EQUIV_N_PORTS);
    unsigned int to = 1 + equiv_below(&t->rng, EQUIV_N_PORTS);
    bool virtual = equiv_percent(&t->rng, 25);
    struct path *path = &conv->paths[0];

    path->in_port = from;
    path->src = equiv_host(ipv6, from, 1 + equiv_below(&t->rng, 4));
    path->dst = (virtual
                 ? equiv_host(ipv6, EQUIV_VIP_PORT,
                              1 + equiv_below(&t->rng, EQUIV_N_VIPS))
                 : equiv_host(ipv6, to, 1 + equiv_below(&t->rng, 4)));
    path->sport = 32768 + equiv_below(&t->rng, 64);
    path->dport = equiv_service(equiv_below(&t->rng, 6));
    conv->paths[1] = (struct path) {
        .in_port = to,
        .src = path->dst, .dst = path->src,
        .sport = path->dport, .dport = path->sport,
    };
}

static void
conv_open(struct equiv_traffic *t, struct conv *conv)
{
    bool ipv6 = equiv_percent(&t->rng, 25);
    unsigned int kind = equiv_below(&t->rng, 100);

    conv->proto = (kind < 60 ? IPPROTO_TCP
                   : kind < 85 ? IPPROTO_UDP
                   : kind < 96 ? (ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP)
                   : IPPROTO_GRE);
    conv->ttl = equiv_percent(&t->rng, 95) ? 64 : equiv_below(&t->rng, 4);
    conv->tos = equiv_percent(&t->rng, 80) ? 0 : 4 * equiv_below(&t->rng, 8);
    choose_vlans(t, conv);
    choose_path(t, conv, ipv6);
    if (conv->proto == IPPROTO_ICMP || conv->proto == IPPROTO_ICMPV6) {
        conv->paths[1].sport = conv->paths[0].sport;
    }
    conv->phase = equiv_percent(&t->rng, 95) ? SYN : DATA;
    conv->n_left = 1 + equiv_below(&t->rng, MAX_DATA);
    conv->seq[0] = equiv_next(&t->rng);
    conv->seq[1] = equiv_next(&t->rng);
    conv->len = equiv_below(&t->rng, 3) ? equiv_below(&t->rng, 64)
                : 200 + equiv_below(&t->rng, 1200);
    conv->quote_len = 0;
}

/* True if the server sends next. */
static bool
conv_sender(struct equiv_traffic *t, const struct conv *conv)
{
    if (conv->proto == IPPROTO_TCP && conv->phase != DATA) {
        return conv->phase == SYN_ACK || conv->phase == FIN_ACK;
    }
    return equiv_percent(&t->rng, 45);
}

static void
conv_end(struct equiv_traffic *t, struct conv *conv)
{
    struct path paths[2] = { conv->paths[0], conv->paths[1] };
    bool again = equiv_percent(&t->rng, 30);
    uint8_t proto = conv->proto;

    conv_open(t, conv);
    if (again) {
        conv->proto = proto;
        memcpy(conv->paths, paths, sizeof paths);
    }
}

static void
tcp_frame(struct conv *conv, bool reverse, struct equiv_frame *f)
{
    static const uint16_t flags[] = {
        [SYN] = TCP_SYN,
        [SYN_ACK] = TCP_SYN | TCP_ACK,
        [ACK] = TCP_ACK,
        [DATA] = TCP_ACK | TCP_PSH,
        [FIN] = TCP_FIN | TCP_ACK,
        [FIN_ACK] = TCP_FIN | TCP_ACK,
        [LAST_ACK] = TCP_ACK,
        [CLOSED] = TCP_RST,
    };

    f->tcp_flags = flags[conv->phase];
    f->window = 0x4000;
    f->seq = conv->seq[reverse];
    f->ack = conv->phase == SYN ? 0 : conv->seq[!reverse];
    f->payload_len = conv->phase == DATA ? conv->len : 0;
    conv->seq[reverse] += f->payload_len
                          + !!(f->tcp_flags & (TCP_SYN | TCP_FIN));
}

static void
icmp_frame(struct conv *conv, bool reverse, struct equiv_frame *f)
{
    if (conv->proto == IPPROTO_ICMP) {
        f->icmp_type = reverse ? ICMP4_ECHO_REPLY : ICMP4_ECHO_REQUEST;
    } else {
        f->icmp_type = reverse ? ICMP6_ECHO_REPLY : ICMP6_ECHO_REQUEST;
    }
}

/* The conversation moves on by a packet. */
static void
conv_step(struct conv *conv)
{
    if (conv->n_left && (conv->phase == DATA || conv->proto != IPPROTO_TCP)) {
        conv->n_left--;
    } else {
        conv->phase = MIN(conv->phase + 1, CLOSED);
    }
}

static bool
conv_is_over(const struct conv *conv)
{
    return conv->phase == CLOSED || (conv->proto != IPPROTO_TCP
                                     && !conv->n_left);
}

static void
conv_frame(struct equiv_traffic *t, struct conv *conv, bool reverse,
           struct equiv_frame *f)
{
    const struct path *path = &conv->paths[reverse];

    *f = (struct equiv_frame) {
        .in_port = path->in_port,
        .vlans = { conv->vlans[0], conv->vlans[1] },
        .src = path->src, .dst = path->dst,
        .sport = path->sport, .dport = path->dport,
        .proto = conv->proto, .ttl = conv->ttl, .tos = conv->tos,
        .payload_len = conv->len,
        .tag = {
            .magic = EQUIV_TAG_MAGIC,
            .reverse = reverse,
            .conv = htons(conv->id),
            .serial = htonl(t->serial++),
        },
    };
    if (conv->proto == IPPROTO_TCP) {
        tcp_frame(conv, reverse, f);
    } else if (conv->proto != IPPROTO_UDP) {
        icmp_frame(conv, reverse, f);
    }
    conv_step(conv);
}

/* What a packet should not be. */
static void
conv_deviate(struct equiv_traffic *t, struct conv *conv,
             struct equiv_frame *f)
{
    switch (equiv_below(&t->rng, 60)) {
    case 0:
        f->seq += 0x1000000;
        break;
    case 1:
        f->bad_csum = true;
        break;
    case 2:
        f->tcp_flags = TCP_RST | TCP_ACK;
        conv->phase = equiv_percent(&t->rng, 50) ? CLOSED : conv->phase;
        break;
    case 3:
        f->tcp_flags = equiv_below(&t->rng, 64);
        break;
    case 4:
        f->ttl = equiv_below(&t->rng, 3);
        break;
    case 5:
        f->tos ^= 4;
        break;
    case 6:
        conv->phase = equiv_below(&t->rng, CLOSED);
        break;
    case 7:
        f->ack += 0x2000000;
        break;
    case 8:
        f->df = true;
        break;
    }
}

/* Batches. */

static struct conv *
any_conv(struct equiv_traffic *t)
{
    struct conv *conv = &t->convs[equiv_below(&t->rng, t->n)];

    if (conv_is_over(conv)) {
        conv_end(t, conv);
    }
    return conv;
}

static void
add(struct equiv_batch *batch, unsigned int *number, struct dp_packet *packet)
{
    struct equiv_item *item = &batch->items[batch->n++];

    item->number = (*number)++;
    item->packet = packet;
}

static void
make_fragments(const struct equiv_frame *f, unsigned int *number,
               struct equiv_batch *batch)
{
    struct dp_packet *fragments[N_FRAGMENTS];
    unsigned int n = equiv_fragment(equiv_frame_build(f), N_FRAGMENTS,
                                    fragments);

    for (unsigned int i = 0; i < n; i++) {
        add(batch, number, fragments[i]);
    }
}

/* About the last packet that reached the server. */
static bool
make_icmp_error(struct equiv_traffic *t, struct conv *conv,
                struct equiv_frame *f)
{
    bool ipv6 = conv->paths[0].src.ipv6;

    if (!conv->quote_len) {
        return false;
    }
    conv_frame(t, conv, true, f);
    f->tag.conv = OVS_BE16_MAX;         /* Not to be learned from. */
    f->proto = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    f->icmp_type = ipv6 ? ICMP6_DST_UNREACH : ICMP4_DST_UNREACH;
    f->icmp_code = 1 + equiv_below(&t->rng, 3);
    f->payload = conv->quote;
    f->payload_len = conv->quote_len;
    if (equiv_percent(&t->rng, 50)) {
        f->src = equiv_host(ipv6, f->in_port, 254);
    }
    return true;
}

static struct dp_packet *
make_garbage(struct equiv_traffic *t, const struct equiv_frame *f)
{
    struct dp_packet *packet = equiv_frame_build(f);
    uint8_t *bytes = dp_packet_data(packet);
    size_t size = dp_packet_size(packet);

    switch (equiv_below(&t->rng, 4)) {
    case 0:
        dp_packet_set_size(packet, equiv_below(&t->rng, size));
        break;
    case 1:
        bytes[equiv_below(&t->rng, size)] ^= 1 << equiv_below(&t->rng, 8);
        break;
    case 2:
        dp_packet_clear(packet);
        compose_arp(packet, ARP_OP_REQUEST, equiv_mac(f->in_port),
                    eth_addr_broadcast, false, f->src.ip, f->dst.ip);
        break;
    default:
        for (size_t i = 12; i < size; i++) {
            bytes[i] = equiv_next(&t->rng);
        }
        break;
    }
    return packet;
}

/* Anything can come alone; fragments come together or one by one. */
static void
make_single(struct equiv_traffic *t, unsigned int *number,
            struct equiv_batch *batch)
{
    struct conv *conv = any_conv(t);
    unsigned int kind = equiv_below(&t->rng, 100);
    struct equiv_frame f;

    if (kind < 6 && make_icmp_error(t, conv, &f)) {
        add(batch, number, equiv_frame_build(&f));
    } else {
        conv_frame(t, conv, conv_sender(t, conv), &f);
        conv_deviate(t, conv, &f);
        if (kind < 10) {
            add(batch, number, make_garbage(t, &f));
        } else if (kind < 15 && f.payload_len > 32) {
            make_fragments(&f, number, batch);
        } else {
            add(batch, number, equiv_frame_build(&f));
        }
    }
    batch->in_port = f.in_port;
}

/* Several packets of one direction of one conversation. */
static void
make_burst(struct equiv_traffic *t, unsigned int max, unsigned int *number,
           struct equiv_batch *batch)
{
    struct conv *conv = any_conv(t);
    bool reverse = conv_sender(t, conv);

    batch->in_port = conv->paths[reverse].in_port;
    do {
        struct equiv_frame f;

        conv_frame(t, conv, reverse, &f);
        if (equiv_percent(&t->rng, 5)) {
            conv_deviate(t, conv, &f);
        }
        add(batch, number, equiv_frame_build(&f));
    } while (batch->n < max && !conv_is_over(conv)
             && (conv->proto != IPPROTO_TCP || conv->phase == DATA));
}

/* Packets of many conversations, as a port gets them.  Never both directions
 * of one: if they pass each other, the connection remembers another last
 * packet, which shows much later. */
static void
make_mix(struct equiv_traffic *t, unsigned int max, unsigned int *number,
         struct equiv_batch *batch)
{
    uint8_t seen[MAX_CONVS];    /* Bits: directions. */

    memset(seen, 0, sizeof seen);
    batch->in_port = 1 + equiv_below(&t->rng, EQUIV_N_PORTS);
    for (unsigned int tries = 0; batch->n < max && tries < 8 * max; tries++) {
        struct conv *conv = any_conv(t);
        bool reverse = conv_sender(t, conv);
        struct equiv_frame f;

        if (conv->paths[reverse].in_port != batch->in_port
            || seen[conv->id] & 1 << !reverse) {
            continue;
        }
        seen[conv->id] |= 1 << reverse;
        conv_frame(t, conv, reverse, &f);
        if (equiv_percent(&t->rng, 5)) {
            conv_deviate(t, conv, &f);
        }
        add(batch, number, equiv_frame_build(&f));
    }
    if (!batch->n) {
        make_single(t, number, batch);
    }
}
