/* SPDX-License-Identifier: Apache-2.0 */

/* Packets for bench-ct.c. */

#include <config.h>

#include "bench-ct-source.h"

#include <netinet/in.h>
#include <string.h>

#include "csum.h"
#include "packets.h"
#include "util.h"

#define FRAME_LEN 60
#define L4_OFS (ETH_HEADER_LEN + IP_HEADER_LEN)
#define PAD_LEN (FRAME_LEN - L4_OFS - TCP_HEADER_LEN)

struct bench_tuple {
    uint32_t src, dst;          /* Host byte order. */
    uint16_t sport, dport;
};

static uint64_t
mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t
next_random(struct bench_source *source)
{
    return mix(source->random += UINT64_C(0x9e3779b97f4a7c15));
}

static struct bench_tuple
tuple_of(enum bench_set set, uint32_t i)
{
    struct bench_tuple t;

    switch (set) {
    case BENCH_XOR:
        t.src = 0x0a000000 + i;
        t.dst = t.src ^ 0x00010203;
        t.sport = 1024 + i;
        t.dport = t.sport ^ 0x0101;
        break;
    case BENCH_RANDOM: {
        uint64_t r = mix(i + 1), q = mix(r);

        t.src = r;
        t.dst = r >> 32;
        t.sport = q;
        t.dport = q >> 32;
        break;
    }
    case BENCH_COUNTED:
    default:
        t.src = 0x0a000000 + i;
        t.dst = 0xc0a80001;
        t.sport = 1024 + i % 60000;
        t.dport = 80;
        break;
    }
    return t;
}

static uint16_t
fold(uint64_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return ~sum;
}

/* Writes one packet, all of its headers. */
static void
write_packet(struct dp_packet *packet, struct bench_tuple t,
             enum bench_step step, bool reply, uint16_t window)
{
    static const struct {
        uint16_t flags;
        uint32_t seq, ack;      /* As the one that opens sends. */
    } steps[] = {
        [BENCH_SYN] = { TCP_SYN, 1000, 0 },
        [BENCH_SYN_ACK] = { TCP_SYN | TCP_ACK, 5000, 1001 },
        [BENCH_ACK] = { TCP_ACK, 1001, 5001 },
        [BENCH_DATA] = { TCP_ACK, 1001, 5001 },
    };
    bool turned = reply || step == BENCH_SYN_ACK;
    uint32_t seq = steps[step].seq, ack = steps[step].ack;

    if (turned) {
        struct bench_tuple u = { t.dst, t.src, t.dport, t.sport };
        t = u;
    }
    if (reply && step == BENCH_DATA) {
        seq = 5001;
        ack = 1001;
    }

    struct ip_header *ip = dp_packet_l3(packet);
    uint64_t addrs = ((t.src >> 16) + (t.src & 0xffff)
                      + (t.dst >> 16) + (t.dst & 0xffff));
    uint16_t len = IP_HEADER_LEN + TCP_HEADER_LEN;
    ip->ip_ihl_ver = IP_IHL_VER(5, 4);
    ip->ip_tos = 0;
    ip->ip_tot_len = htons(len);
    ip->ip_id = 0;
    ip->ip_frag_off = htons(IP_DONT_FRAGMENT);
    ip->ip_ttl = 64;
    ip->ip_proto = IPPROTO_TCP;
    ip->ip_csum = htons(fold(0x4500 + len + IP_DONT_FRAGMENT
                             + (64 << 8 | IPPROTO_TCP) + addrs));
    put_16aligned_be32(&ip->ip_src, htonl(t.src));
    put_16aligned_be32(&ip->ip_dst, htonl(t.dst));

    struct tcp_header *tcp = dp_packet_l4(packet);
    tcp->tcp_src = htons(t.sport);
    tcp->tcp_dst = htons(t.dport);
    put_16aligned_be32(&tcp->tcp_seq, htonl(seq));
    put_16aligned_be32(&tcp->tcp_ack, htonl(ack));
    tcp->tcp_ctl = TCP_CTL(steps[step].flags, 5);
    tcp->tcp_winsz = htons(window);
    tcp->tcp_urg = 0;
    tcp->tcp_csum = htons(fold(addrs + IPPROTO_TCP + TCP_HEADER_LEN + t.sport
                               + t.dport + (seq >> 16) + (seq & 0xffff)
                               + (ack >> 16) + (ack & 0xffff)
                               + (5 << 12 | steps[step].flags) + window));

    pkt_metadata_init(&packet->md, 1);
    dp_packet_reset_offload(packet);
}

void
bench_source_init(struct bench_source *source, enum bench_set set)
{
    source->set = set;
    source->random = 1;
    source->turn = 0;
    for (int i = 0; i < BENCH_RING; i++) {
        for (int j = 0; j < NETDEV_MAX_BURST; j++) {
            struct dp_packet *packet = dp_packet_new_with_headroom(FRAME_LEN,
                                                                   128);
            struct eth_header *eth = dp_packet_put_zeros(packet, FRAME_LEN);

            eth->eth_type = htons(ETH_TYPE_IP);
            dp_packet_reset_offsets(packet);
            dp_packet_set_l2_pad_size(packet, PAD_LEN);
            dp_packet_set_l3(packet, eth + 1);
            dp_packet_set_l4(packet, (char *) eth + L4_OFS);
            source->packets[i][j] = packet;
        }
    }
}

void
bench_source_uninit(struct bench_source *source)
{
    for (int i = 0; i < BENCH_RING; i++) {
        for (int j = 0; j < NETDEV_MAX_BURST; j++) {
            dp_packet_delete(source->packets[i][j]);
        }
    }
}

static struct dp_packet **
next_batch(struct bench_source *source, struct dp_packet_batch *batch)
{
    struct dp_packet **packets = source->packets[source->turn++ % BENCH_RING];

    dp_packet_batch_init(batch);
    for (int i = 0; i < NETDEV_MAX_BURST; i++) {
        dp_packet_batch_add(batch, packets[i]);
    }
    return packets;
}

void
bench_source_next(struct bench_source *source, struct dp_packet_batch *batch,
                  enum bench_step step, uint32_t first)
{
    struct dp_packet **packets = next_batch(source, batch);

    for (int i = 0; i < NETDEV_MAX_BURST; i++) {
        write_packet(packets[i], tuple_of(source->set, first + i), step,
                     false, 8192);
    }
}

void
bench_source_random(struct bench_source *source,
                    struct dp_packet_batch *batch, uint32_t n)
{
    struct dp_packet **packets = next_batch(source, batch);

    for (int i = 0; i < NETDEV_MAX_BURST; i++) {
        uint64_t r = next_random(source);
        uint32_t index = (r >> 32) * n >> 32;

        /* The window changes: these are not retransmissions. */
        write_packet(packets[i], tuple_of(source->set, index), BENCH_DATA,
                     r & 1, 8192 + (r >> 1 & 1023));
    }
}
