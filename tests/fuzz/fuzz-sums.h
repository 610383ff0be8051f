/* SPDX-License-Identifier: Apache-2.0 */

#ifndef FUZZ_SUMS_H
#define FUZZ_SUMS_H 1

#include <netinet/in.h>

#include "crc32c.h"
#include "fuzz.h"

/* Checksums of IP packets, by plain reading: not what the tracker uses.
 *
 * A checksum that is adjusted, not computed anew, keeps its error: the sum
 * over what it covers, which is 0 for a good one, is the same before and after
 * a translation.  This is what struct fuzz_sums holds, for the IP header, the
 * transport header and, in an ICMP error, both of the packet inside. */

#define FUZZ_NO_SUM UINT32_MAX      /* None, or it covers what is not there. */

struct fuzz_sums {
    uint32_t ip, l4, inner_ip, inner_l4;
};

/* An IP packet of 'len' bytes, or as much of it as an ICMP error quotes. */
struct fuzz_ip {
    uint8_t *ip;
    size_t len, l4_ofs;
    uint8_t proto;
    bool ipv6;
    bool whole;
};

static inline uint32_t
fuzz_sum(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++) {
        sum += i % 2 ? p[i] : p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static inline void
fuzz_put16(uint8_t *p, uint16_t x)
{
    p[0] = x >> 8;
    p[1] = x;
}

static inline uint16_t
fuzz_get16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

/* Where the transport checksum stands, -1 if there is none that is known. */
static inline int
fuzz_sum_ofs(uint8_t proto)
{
    switch (proto) {
    case IPPROTO_TCP:
        return 16;
    case IPPROTO_UDP:
    case IPPROTO_DCCP:
    case IPPROTO_UDPLITE:
        return 6;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return 2;
    case IPPROTO_SCTP:
        return 8;
    default:
        return -1;
    }
}

/* Of the addresses, length and protocol. */
static inline uint32_t
fuzz_pseudo_sum(const struct fuzz_ip *p)
{
    size_t n = p->ipv6 ? 32 : 8;

    return (fuzz_sum(p->ip + (p->ipv6 ? 8 : 12), n, 0) + p->proto
            + (p->len - p->l4_ofs));
}

static inline uint32_t
fuzz_l4_error(const struct fuzz_ip *p)
{
    int ofs = fuzz_sum_ofs(p->proto);
    const uint8_t *l4 = p->ip + p->l4_ofs;
    size_t len = p->len - p->l4_ofs;

    if (p->proto == IPPROTO_SCTP) {
        uint8_t copy[2048];
        ovs_be32 crc, stored;

        if (!p->whole || len < 12 || len > sizeof copy) {
            return FUZZ_NO_SUM;
        }
        memcpy(copy, l4, len);
        memcpy(&stored, copy + ofs, sizeof stored);
        memset(copy + ofs, 0, sizeof stored);
        crc = crc32c(copy, len);
        return (OVS_FORCE uint32_t) (crc ^ stored) % (FUZZ_NO_SUM - 1);
    }
    if (ofs < 0 || len < ofs + 2
        || ((p->proto == IPPROTO_UDP || p->proto == IPPROTO_UDPLITE)
            && !fuzz_get16(l4 + ofs))) {
        return FUZZ_NO_SUM;
    }
    return fuzz_sum(l4, len,
                    p->proto == IPPROTO_ICMP ? 0 : fuzz_pseudo_sum(p))
           % 0xffff;
}

static inline uint32_t
fuzz_ip_error(const struct fuzz_ip *p)
{
    return p->ipv6 ? FUZZ_NO_SUM : fuzz_sum(p->ip, p->l4_ofs, 0) % 0xffff;
}

/* Makes the checksums of a whole packet good. */
static inline void
fuzz_set_sums(const struct fuzz_ip *p)
{
    int ofs = fuzz_sum_ofs(p->proto);
    uint8_t *l4 = p->ip + p->l4_ofs;
    size_t len = p->len - p->l4_ofs;

    if (!p->ipv6) {
        fuzz_put16(p->ip + 10, 0);
        fuzz_put16(p->ip + 10, ~fuzz_sum(p->ip, p->l4_ofs, 0));
    }
    if (p->proto == IPPROTO_SCTP && len >= 12) {
        ovs_be32 crc;

        memset(l4 + ofs, 0, sizeof crc);
        crc = crc32c(l4, len);
        memcpy(l4 + ofs, &crc, sizeof crc);
    } else if (p->proto != IPPROTO_SCTP && ofs >= 0 && len >= ofs + 2) {
        uint16_t sum;

        fuzz_put16(l4 + ofs, 0);
        sum = ~fuzz_sum(l4, len,
                        p->proto == IPPROTO_ICMP ? 0 : fuzz_pseudo_sum(p));
        if (!sum && (p->proto == IPPROTO_UDP || p->proto == IPPROTO_UDPLITE)) {
            sum = 0xffff;               /* 0 is "none". */
        }
        fuzz_put16(l4 + ofs, sum);
    }
}

/* Is 'p' an ICMP error?  Then '*inner' is what it quotes, if that has headers
 * whose length is plain. */
static inline bool
fuzz_inner(const struct fuzz_ip *p, struct fuzz_ip *inner)
{
    uint8_t type = p->ip[p->l4_ofs];
    size_t total;

    if (p->len < p->l4_ofs + 8 + (p->ipv6 ? 40 : 20)
        || (p->proto == IPPROTO_ICMP
            ? type != 3 && type != 4 && type != 5 && type != 11 && type != 12
            : p->proto != IPPROTO_ICMPV6 || !type || type > 4)) {
        return false;
    }
    inner->ip = p->ip + p->l4_ofs + 8;
    inner->ipv6 = p->ipv6;
    inner->len = p->len - p->l4_ofs - 8;
    inner->l4_ofs = p->ipv6 ? 40 : (inner->ip[0] & 15) * 4;
    inner->proto = inner->ip[p->ipv6 ? 6 : 9];
    total = (p->ipv6 ? 40 + fuzz_get16(inner->ip + 4)
             : fuzz_get16(inner->ip + 2));
    inner->whole = inner->len >= total;
    inner->len = MIN(inner->len, total);
    return (inner->ip[0] >> 4 == (p->ipv6 ? 6 : 4)
            && inner->l4_ofs >= 20 && inner->l4_ofs <= inner->len);
}

static inline struct fuzz_sums
fuzz_sums(const struct fuzz_ip *p)
{
    struct fuzz_sums sums = {
        fuzz_ip_error(p), fuzz_l4_error(p), FUZZ_NO_SUM, FUZZ_NO_SUM
    };
    struct fuzz_ip inner;

    if (fuzz_inner(p, &inner)) {
        sums.inner_ip = fuzz_ip_error(&inner);
        sums.inner_l4 = fuzz_l4_error(&inner);
    }
    return sums;
}

#endif /* fuzz-sums.h */
