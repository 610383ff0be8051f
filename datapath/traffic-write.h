/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRAFFIC_WRITE_H
#define TRAFFIC_WRITE_H 1

#include <stdint.h>
#include <string.h>

#include "dp-packet.h"
#include "packets.h"
#include "traffic-packet.h"
#include "traffic-spec.h"
#include "traffic-tuple.h"

/* The bytes of a frame, and a quick look at them.
 * ================================================
 *
 * What
 * ----
 * traffic_packet_write() and traffic_packet_is_data(), which a device does for
 * each packet: inline, so that the loops of traffic-make and traffic-deliver
 * keep what they need in registers.
 *
 * One's complement sums of words of 32 bits are the same as of those of 16,
 * once folded (RFC 1071). */

/* A step of a TCP connection, by the side that sends it. */
struct traffic_tcp_step {
    uint16_t flags;             /* 0: this side sends no such packet. */
    uint8_t seq, ack;           /* Low bytes. */
};
extern const struct traffic_tcp_step traffic_tcp_steps[TRAFFIC_N_STEPS][2];

static inline uint64_t
traffic_load64(const void *p)
{
    uint64_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

static inline uint32_t
traffic_load32(const void *p)
{
    uint32_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

static inline uint16_t
traffic_load16(const void *p)
{
    uint16_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

/* Two words of 32 bits, in host byte order, next to each other. */
static inline void
traffic_store_two(void *p, uint32_t first, uint32_t second)
{
    uint64_t x = (uint64_t) first << 32 | second;

#if !WORDS_BIGENDIAN
    x = __builtin_bswap64(x);   /* One instruction, unlike htonll(). */
#endif
    memcpy(p, &x, sizeof x);
}

static inline void
traffic_store32(void *p, uint32_t number)
{
    ovs_be32 x = htonl(number);

    memcpy(p, &x, sizeof x);
}

static inline void
traffic_store16(void *p, uint16_t number)
{
    ovs_be16 x = htons(number);

    memcpy(p, &x, sizeof x);
}

/* A one's complement sum in 16 bits: adding the two halves of a word to each
 * other both ways round leaves their sum, with its carry, in the upper one. */
static inline uint16_t
traffic_fold(uint64_t sum)
{
    uint32_t half;

    sum += sum << 32 | sum >> 32;
    half = sum >> 32;
    half += half << 16 | half >> 16;
    return half >> 16;
}

/* Writing ----------------------------------------------------------------- */

/* Copies the template's bytes and returns where they are. */
static inline uint8_t *
traffic_write_frame(const struct traffic_template *t, struct dp_packet *packet)
{
    uint8_t *frame = dp_packet_data(packet);

    for (size_t i = 0; i < t->len; i += 64) {
        memcpy(frame + i, t->frame + i, 64);
    }
    return frame;
}

/* The functions below take the sum of all that they do not write.  Numbers
 * and sums are in host byte order. */

static inline void
traffic_store_csum(uint8_t *p, uint64_t sum)
{
    traffic_store16(p, ~traffic_fold(sum));
}

/* What TCP says in a packet, but for the ports. */
struct traffic_tcp_words {
    uint32_t seq, ack, ctl;     /* The last: flags and window. */
};

static inline struct traffic_tcp_words
traffic_tcp_step_words(const struct traffic_mark *mark)
{
    const struct traffic_tcp_step *step
        = &traffic_tcp_steps[mark->step][mark->side];
    uint32_t base = mark->number << 8;
    struct traffic_tcp_words words = {
        .seq = base | step->seq,
        .ack = step->ack ? base | step->ack : 0,
        .ctl = ((uint32_t) (step->flags | 5 << 12) << 16
                | (TRAFFIC_STEP_WINDOW + mark->step)),
    };

    return words;
}

static inline ALWAYS_INLINE void
traffic_write_tcp(const struct traffic_template *t, uint8_t *l4, uint64_t sum,
                  uint32_t ports, const struct traffic_mark *mark)
{
    struct traffic_tcp_words words;

    if (OVS_LIKELY(mark->step == TRAFFIC_DATA)) {
        words.seq = mark->number << 8 | t->data_seq;
        words.ack = mark->number << 8 | t->data_ack;
        words.ctl = TRAFFIC_DATA_CTL | mark->nonce % 1024;
    } else {
        words = traffic_tcp_step_words(mark);
    }
    traffic_store_two(l4, ports, words.seq);
    traffic_store_two(l4 + 8, words.ack, words.ctl);
    traffic_store_csum(l4 + 16, sum + ports + words.seq + words.ack
                                + words.ctl);
}

static inline uint32_t
traffic_mark_word(const struct traffic_mark *mark)
{
    return mark->number << 8 | mark->side << 7 | mark->step;
}

/* A UDP checksum of 0 would mean that there is none (RFC 768). */
static inline void
traffic_write_udp(uint8_t *l4, uint64_t sum, uint32_t ports,
                  const struct traffic_mark *mark)
{
    uint32_t word = traffic_mark_word(mark);
    uint16_t csum = ~traffic_fold(sum + ports + word);

    traffic_store32(l4, ports);
    traffic_store32(l4 + UDP_HEADER_LEN, word);
    traffic_store16(l4 + 6, csum ? csum : 0xffff);
}

static inline void
traffic_write_icmp(uint8_t *l4, uint64_t sum, uint16_t id,
                   const struct traffic_mark *mark)
{
    uint32_t word = traffic_mark_word(mark);

    traffic_store16(l4 + 4, id);
    traffic_store32(l4 + ICMP_HEADER_LEN, word);
    traffic_store_csum(l4 + 2, sum + id + word);
}

/* 'addresses' is their sum. */
static inline ALWAYS_INLINE void
traffic_write_l4(const struct traffic_template *t, uint8_t *l4,
                 uint64_t addresses, uint32_t ports,
                 const struct traffic_mark *mark)
{
    if (OVS_LIKELY(t->protocol == TRAFFIC_TCP)) {
        traffic_write_tcp(t, l4, t->l4_sum + addresses, ports, mark);
    } else if (t->protocol == TRAFFIC_UDP) {
        traffic_write_udp(l4, t->l4_sum + addresses, ports, mark);
    } else {
        /* Both halves are the identifier.  Without pseudo-header in IPv4. */
        traffic_write_icmp(l4, t->l4_sum + (t->ipv6 ? addresses : 0),
                           ports & 0xffff, mark);
    }
}

/* Writes a frame to 'packet', whose size is that of the template and which has
 * room for a multiple of 64 bytes, with addresses of the template's ranges. */
static inline ALWAYS_INLINE void
traffic_packet_write_ends(const struct traffic_template *t,
                          struct dp_packet *packet, struct traffic_ends ends,
                          const struct traffic_mark *mark)
{
    uint8_t *frame = traffic_write_frame(t, packet);
    uint8_t *l3 = frame + t->l3_ofs;
    uint64_t sum = (uint64_t) ends.src + ends.dst;

    if (OVS_LIKELY(!t->ipv6)) {
        traffic_store_two(l3 + 12, ends.src, ends.dst);
        traffic_store_csum(l3 + 10, t->ip_sum + sum);
    } else {
        traffic_store32(l3 + 20, ends.src);
        traffic_store32(l3 + 36, ends.dst);
        sum += t->prefix_sum;
    }
    traffic_write_l4(t, frame + t->l4_ofs, sum, ends.ports, mark);
}

/* The same with any addresses. */
static inline void
traffic_packet_write(const struct traffic_template *t,
                     struct dp_packet *packet,
                     const struct traffic_tuple *tuple,
                     const struct traffic_mark *mark)
{
    uint8_t *frame = traffic_write_frame(t, packet);
    uint8_t *l3 = frame + t->l3_ofs;
    uint32_t ports = (uint32_t) ntohs(tuple->sport) << 16
                     | ntohs(tuple->dport);
    uint64_t sum = 0;

    for (int i = t->ipv6 ? 0 : 3; i < 4; i++) {
        sum += (uint64_t) ntohl(tuple->src[i]) + ntohl(tuple->dst[i]);
    }
    if (t->ipv6) {
        memcpy(l3 + 8, tuple->src, sizeof tuple->src);
        memcpy(l3 + 24, tuple->dst, sizeof tuple->dst);
    } else {
        memcpy(l3 + 12, &tuple->src[3], sizeof tuple->src[3]);
        memcpy(l3 + 16, &tuple->dst[3], sizeof tuple->dst[3]);
        traffic_store_csum(l3 + 10, t->ip_sum + sum);
    }
    traffic_write_l4(t, frame + t->l4_ofs, sum, ports, mark);
}

/* Looking ----------------------------------------------------------------- */

/* True if 'packet' is data as the template has it, with a number below 'n'.
 * False says nothing: traffic_packet_read() looks closer. */
static inline bool
traffic_packet_is_data(const struct traffic_template *t,
                       const struct dp_packet *packet, uint32_t n)
{
    const uint8_t *frame = dp_packet_data(packet);
    const uint8_t *l3 = frame + t->l3_ofs;
    const uint8_t *mark = frame + t->look_ofs;
    uint64_t wrong, first;
    uint32_t number;

    if (OVS_UNLIKELY(dp_packet_size(packet) < t->len)) {
        return false;
    }
    first = traffic_load64(mark);
    number = ntohl((OVS_FORCE ovs_be32) traffic_load32(mark)) >> 8;
    wrong = (traffic_load64(l3 - 2) & t->look[0].mask) ^ t->look[0].value;
    wrong |= (traffic_load64(l3 + 6) & t->look[1].mask) ^ t->look[1].value;
    if (OVS_LIKELY(t->protocol == TRAFFIC_TCP)) {
        /* Sequence and acknowledgment hold the same number. */
        first = (first & UINT32_MAX) | (first ^ first >> 32) << 32;
        wrong |= ((traffic_load32(mark + 8) & t->look_ctl_mask)
                  ^ t->look_ctl);
    }
    wrong |= (first & t->look[2].mask) ^ t->look[2].value;
    return !wrong && number < n;
}

#endif /* traffic-write.h */
