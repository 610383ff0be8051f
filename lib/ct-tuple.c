/* SPDX-License-Identifier: Apache-2.0 */

/* Tuples, the words in which all steps speak of who talks to whom: made from
 * headers by ct-packet.c, from commands by ct-dump.c, from a chosen mapping by
 * ct-nat.c.  Calls ct-hash.c for the digest of IPv6 addresses. */

#include <config.h>

#include "ct-tuple.h"

#include <errno.h>

#include "ct-hash.h"
#include "packets.h"

/* Query messages, RFC 792, RFC 950 (address mask), RFC 4443 section 4 and
 * RFC 4620 (node information). */
struct ct_icmp_pair {
    uint8_t proto;
    uint8_t query, reply;
    uint8_t number;             /* In 'kind'; unique within 'proto'. */
};

static const struct ct_icmp_pair ct_icmp_pairs[] = {
    { IPPROTO_ICMP,   8,   0,   1 },    /* Echo. */
    { IPPROTO_ICMP,   13,  14,  2 },    /* Timestamp. */
    { IPPROTO_ICMP,   15,  16,  3 },    /* Information. */
    { IPPROTO_ICMP,   17,  18,  4 },    /* Address mask. */
    { IPPROTO_ICMPV6, 128, 129, 1 },    /* Echo. */
    { IPPROTO_ICMPV6, 139, 140, 2 },    /* Node information. */
};

static bool is_icmp(uint8_t proto);

bool
ct_tuple_equal(const struct ct_tuple *a, const struct ct_tuple *b)
{
    return (a->src.u64[0] == b->src.u64[0]
            && a->src.u64[1] == b->src.u64[1]
            && a->dst.u64[0] == b->dst.u64[0]
            && a->dst.u64[1] == b->dst.u64[1]
            && a->src_port == b->src_port
            && a->dst_port == b->dst_port
            && a->proto == b->proto
            && a->kind == b->kind);
}

void
ct_tuple_invert(const struct ct_tuple *tuple, struct ct_tuple *inverse)
{
    struct ct_tuple t = {
        .src = tuple->dst,
        .dst = tuple->src,
        .src_port = tuple->dst_port,
        .dst_port = tuple->src_port,
        .proto = tuple->proto,
        .kind = ct_kind_inverse(tuple->kind),
    };

    *inverse = t;
}

void
ct_tuple_to_key(const struct ct_tuple *tuple, uint16_t zone,
                struct ct_key *key)
{
    if (ct_tuple_is_ipv6(tuple)) {
        key->digest = ct_hash_addrs6(&tuple->src.ip6, &tuple->dst.ip6);
    } else {
        key->ip.src = tuple->src.ip;
        key->ip.dst = tuple->dst.ip;
    }
    key->src_port = tuple->src_port;
    key->dst_port = tuple->dst_port;
    key->zone = zone;
    key->proto = tuple->proto;
    key->kind = tuple->kind;
}

bool
ct_icmp_query_kind(uint8_t proto, uint8_t type, uint8_t *kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(ct_icmp_pairs); i++) {
        const struct ct_icmp_pair *pair = &ct_icmp_pairs[i];

        if (pair->proto == proto
            && (type == pair->query || type == pair->reply)) {
            *kind = ((proto == IPPROTO_ICMPV6 ? CT_KIND_IPV6 : 0)
                     | (type == pair->reply ? CT_KIND_ICMP_REPLY : 0)
                     | pair->number << CT_KIND_ICMP_SHIFT);
            return true;
        }
    }
    return false;
}

uint8_t
ct_icmp_kind_type(uint8_t proto, uint8_t kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(ct_icmp_pairs); i++) {
        const struct ct_icmp_pair *pair = &ct_icmp_pairs[i];

        if (pair->proto == proto
            && pair->number == kind >> CT_KIND_ICMP_SHIFT) {
            return kind & CT_KIND_ICMP_REPLY ? pair->reply : pair->query;
        }
    }
    return 0;
}

void
ct_tuple_to_dpif(const struct ct_tuple *tuple, struct ct_dpif_tuple *dpif)
{
    memset(dpif, 0, sizeof *dpif);
    dpif->ip_proto = tuple->proto;
    if (ct_tuple_is_ipv6(tuple)) {
        dpif->l3_type = AF_INET6;
        dpif->src.in6 = tuple->src.ip6;
        dpif->dst.in6 = tuple->dst.ip6;
    } else {
        dpif->l3_type = AF_INET;
        dpif->src.ip = tuple->src.ip;
        dpif->dst.ip = tuple->dst.ip;
    }
    if (is_icmp(tuple->proto)) {
        dpif->icmp_id = tuple->src_port;
        dpif->icmp_type = ct_icmp_kind_type(tuple->proto, tuple->kind);
    } else {
        dpif->src_port = tuple->src_port;
        dpif->dst_port = tuple->dst_port;
    }
}

int
ct_tuple_from_dpif(const struct ct_dpif_tuple *dpif, struct ct_tuple *tuple)
{
    memset(tuple, 0, sizeof *tuple);
    tuple->proto = dpif->ip_proto;
    if (dpif->l3_type == AF_INET6) {
        tuple->kind = CT_KIND_IPV6;
        tuple->src.ip6 = dpif->src.in6;
        tuple->dst.ip6 = dpif->dst.in6;
    } else if (dpif->l3_type == AF_INET) {
        tuple->src.ip = dpif->src.ip;
        tuple->dst.ip = dpif->dst.ip;
    } else {
        return EINVAL;
    }

    if (is_icmp(tuple->proto)) {
        uint8_t kind;

        /* ICMP over IPv6 and ICMPv6 over IPv4 are tracked without type and
         * identifier. */
        if ((tuple->proto == IPPROTO_ICMPV6) != ct_tuple_is_ipv6(tuple)) {
            return dpif->icmp_type || dpif->icmp_id ? EINVAL : 0;
        }
        if (!ct_icmp_query_kind(tuple->proto, dpif->icmp_type, &kind)) {
            return EINVAL;
        }
        tuple->kind = kind;
        tuple->src_port = tuple->dst_port = dpif->icmp_id;
    } else {
        tuple->src_port = dpif->src_port;
        tuple->dst_port = dpif->dst_port;
        if (tuple->proto == IPPROTO_GRE && (dpif->src_port | dpif->dst_port)) {
            tuple->kind |= CT_KIND_GRE_KEY;
        }
    }
    return 0;
}

static bool
is_icmp(uint8_t proto)
{
    return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}
