/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TEST_CT_BUILD_H
#define TEST_CT_BUILD_H 1

#include <netinet/in.h>
#include <string.h>

#include "crc32c.h"
#include "ct-tuple.h"

/* Packets for tests, from a tuple and a shape.
 * ============================================
 *
 * build() writes an IP packet with all checksums right, computed from scratch
 * byte by byte.  Two packets of the same shape differ in nothing but what
 * their tuples tell: so a translated packet can be compared with one that is
 * built for the tuple that it should have. */

#define PROTO_DCCP 33
#define PROTO_UDPLITE 136

/* A packet but for its tuple. */
struct shape {
    unsigned int option_words;  /* IPv4 options, or IPv6 extension headers. */
    unsigned int payload;
    bool no_checksum;           /* UDP's 0. */
    uint32_t seed;              /* Of what else is in there. */
};

/* Checksums, as slow and plain as can be. */

static inline uint32_t
sum_bytes(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++) {
        sum += i % 2 ? p[i] : p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static inline uint32_t
sum_pseudo(const struct ct_tuple *t, size_t l4_len)
{
    size_t n = ct_tuple_is_ipv6(t) ? 16 : 4;
    uint8_t rest[] = { l4_len >> 8, l4_len, 0, t->proto };
    uint32_t sum = sum_bytes((const uint8_t *) &t->src, n, 0);

    sum = sum_bytes((const uint8_t *) &t->dst, n, sum);
    return sum_bytes(rest, sizeof rest, sum);
}

static inline void
put(uint8_t *p, uint16_t host)
{
    p[0] = host >> 8;
    p[1] = host;
}

/* Building. */

static inline int
csum_ofs(uint8_t proto)
{
    return (proto == IPPROTO_TCP ? 16
            : proto == IPPROTO_UDP || proto == PROTO_DCCP
              || proto == PROTO_UDPLITE ? 6
            : proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6 ? 2
            : proto == IPPROTO_SCTP ? 8 : -1);
}

static inline size_t
header_len(uint8_t proto)
{
    return (proto == IPPROTO_TCP ? 20
            : proto == IPPROTO_SCTP || proto == PROTO_DCCP ? 12 : 8);
}

static inline void
build_l4(uint8_t *l4, size_t len, const struct ct_tuple *t,
         const struct shape *shape)
{
    int ofs = csum_ofs(t->proto);
    uint16_t csum;

    if (t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP
        || t->proto == IPPROTO_SCTP) {
        memcpy(l4, &t->src_port, 2);
        memcpy(l4 + 2, &t->dst_port, 2);
        if (t->proto == IPPROTO_UDP) {
            put(l4 + 4, len);
        }
    } else if (t->kind & CT_KIND_GRE_KEY) {
        put(l4, 0x3001);
        put(l4 + 2, 0x880b);
        memcpy(l4 + 6, &t->dst_port, 2);
    } else if (t->kind >> CT_KIND_ICMP_SHIFT) {
        l4[0] = ct_icmp_kind_type(t->proto, t->kind);
        l4[1] = 0;
        memcpy(l4 + 4, &t->src_port, 2);
    }

    if (t->proto == IPPROTO_SCTP) {
        ovs_be32 crc;

        memset(l4 + ofs, 0, 4);
        crc = crc32c(l4, len);
        memcpy(l4 + ofs, &crc, 4);
    } else if (ofs >= 0) {
        put(l4 + ofs, 0);
        csum = ~sum_bytes(l4, len, (t->proto == IPPROTO_ICMP ? 0
                                    : sum_pseudo(t, len)));
        if (t->proto == IPPROTO_UDP || t->proto == PROTO_UDPLITE) {
            csum = shape->no_checksum ? 0 : csum ? csum : 0xffff;
        }
        put(l4 + ofs, csum);
    }
}

/* Returns the length; the transport header's offset in '*l4_ofs'. */
static inline size_t
build(uint8_t *p, const struct ct_tuple *t, const struct shape *shape,
      size_t *l4_ofs)
{
    size_t l4_len = header_len(t->proto) + shape->payload;
    uint32_t x = shape->seed;
    size_t len;

    *l4_ofs = (ct_tuple_is_ipv6(t) ? 40 + 8 * shape->option_words
               : 20 + 4 * shape->option_words);
    len = *l4_ofs + l4_len;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525 + 1013904223;
        p[i] = x >> 24;
    }

    if (ct_tuple_is_ipv6(t)) {
        p[0] = 0x60;
        put(p + 4, len - 40);
        p[6] = shape->option_words ? IPPROTO_DSTOPTS : t->proto;
        memcpy(p + 8, &t->src, 16);
        memcpy(p + 24, &t->dst, 16);
        for (unsigned int i = 0; i < shape->option_words; i++) {
            p[40 + 8 * i] = (i + 1 < shape->option_words ? IPPROTO_DSTOPTS
                             : t->proto);
            p[40 + 8 * i + 1] = 0;
        }
    } else {
        p[0] = 0x45 + shape->option_words;
        put(p + 2, len);
        put(p + 6, 0x4000);
        p[9] = t->proto;
        memcpy(p + 12, &t->src, 4);
        memcpy(p + 16, &t->dst, 4);
        put(p + 10, 0);
        put(p + 10, ~sum_bytes(p, *l4_ofs, 0));
    }
    build_l4(p + *l4_ofs, l4_len, t, shape);
    return len;
}

#endif /* test-ct-build.h */
