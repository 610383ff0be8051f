/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_TUPLE_H
#define CT_TUPLE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <netinet/in.h>

#include "ct-dpif.h"
#include "openvswitch/types.h"
#include "util.h"

/* Tuples: who talks to whom, seen from one direction.
 * ====================================================
 *
 * What
 * ----
 * 'struct ct_tuple' is the readable form: full addresses, and ports in network
 * byte order.  'struct ct_key' is the form that tables compare: 16 bytes, two
 * 64-bit loads.  An IPv4 key holds its tuple completely.  An IPv6 key holds a
 * keyed digest of the two addresses in their place, and whoever finds an equal
 * key must compare the addresses as well.
 *
 * A query ICMP message (echo, timestamp, information, mask) is folded into
 * ports: the identifier stands in both, so that a request and its reply are
 * each other's inverse like two datagrams of UDP.  The pair of types
 * (echo = 1, timestamp = 2, ...) and the fact that this one is the reply are
 * kept in 'kind', so that a request in the other direction with the same
 * identifier is another tuple, as it is in the Linux kernel
 * (RFC 792, RFC 4443 section 4).
 *
 * A call of PPTP, whose packets are enhanced GRE, has its two call ids as
 * ports (ct-gre-key.h) and CT_KIND_GRE_KEY in its kind.
 *
 * Protocols without ports have 0 in both.
 *
 * Threads
 * -------
 * Pure functions.  The digest's secret is drawn once, by ct_hash_init().
 */

enum ct_dir {
    CT_DIR_ORIGINAL,            /* As the first packet went. */
    CT_DIR_REPLY,
    CT_DIR_MAX
};

union ct_inet_addr {
    ovs_be32 ip;
    struct in6_addr ip6;
    uint64_t u64[2];
};
BUILD_ASSERT_DECL(sizeof(union ct_inet_addr) == 16);

/* Bits of 'kind'. */
#define CT_KIND_IPV6        0x01
#define CT_KIND_ICMP_REPLY  0x02    /* A reply type of its ICMP pair. */
#define CT_KIND_GRE_KEY     0x04    /* The ports are keys of GRE. */
#define CT_KIND_ICMP_SHIFT  4       /* ICMP pair number, 4 bits; 0: none. */

struct ct_tuple {
    union ct_inet_addr src;     /* IPv4: bytes 4..15 are zero. */
    union ct_inet_addr dst;
    ovs_be16 src_port;
    ovs_be16 dst_port;
    uint8_t proto;              /* IPPROTO_*. */
    uint8_t kind;               /* CT_KIND_*. */
};

/* Takes both ports from the transport header at 'l4', of which four bytes must
 * be readable.  In one store: a hash reads both in one load soon after, which
 * would have to wait for two. */
static inline void
ct_tuple_set_ports(struct ct_tuple *tuple, const void *l4)
{
    BUILD_ASSERT_DECL(offsetof(struct ct_tuple, dst_port)
                      == offsetof(struct ct_tuple, src_port) + 2);
    memcpy(&tuple->src_port, l4, 2 * sizeof tuple->src_port);
}

struct ct_key {
    union {
        struct {
            ovs_be32 src;
            ovs_be32 dst;
        } ip;
        uint64_t digest;        /* IPv6: ct_hash_addrs6(src, dst). */
    };
    ovs_be16 src_port;
    ovs_be16 dst_port;
    uint16_t zone;              /* Host byte order. */
    uint8_t proto;
    uint8_t kind;
};
BUILD_ASSERT_DECL(sizeof(struct ct_key) == 16);

static inline bool
ct_key_equal(const struct ct_key *a, const struct ct_key *b)
{
    uint64_t x[2], y[2];

    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    return !((x[0] ^ y[0]) | (x[1] ^ y[1]));
}

static inline bool
ct_tuple_is_ipv6(const struct ct_tuple *tuple)
{
    return tuple->kind & CT_KIND_IPV6;
}

/* The kind that the inverse of a tuple of 'kind' has. */
static inline uint8_t
ct_kind_inverse(uint8_t kind)
{
    return kind >> CT_KIND_ICMP_SHIFT ? kind ^ CT_KIND_ICMP_REPLY : kind;
}

bool ct_tuple_equal(const struct ct_tuple *, const struct ct_tuple *);

/* The tuple that an answer has. */
void ct_tuple_invert(const struct ct_tuple *, struct ct_tuple *inverse);

/* The key of 'tuple' in 'zone'. */
void ct_tuple_to_key(const struct ct_tuple *, uint16_t zone, struct ct_key *);

/* ICMP query types.  'ct_icmp_query_kind' gives the CT_KIND_* bits for the
 * query message 'type' of IPPROTO_ICMP or IPPROTO_ICMPV6 ('proto'), false if
 * it is no query.  'ct_icmp_kind_type' is its reverse. */
bool ct_icmp_query_kind(uint8_t proto, uint8_t type, uint8_t *kind);
uint8_t ct_icmp_kind_type(uint8_t proto, uint8_t kind);

/* To and from OVS's form.  ct_tuple_from_dpif() returns EINVAL for an address
 * family or an ICMP type that no connection can have. */
void ct_tuple_to_dpif(const struct ct_tuple *, struct ct_dpif_tuple *);
int ct_tuple_from_dpif(const struct ct_dpif_tuple *, struct ct_tuple *);

#endif /* ct-tuple.h */
