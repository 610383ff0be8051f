/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ct-tuple.h"

#include <errno.h>
#include <sys/socket.h>

#include "ct-test.h"

/* All query messages: protocol, query, reply. */
static const uint8_t queries[][3] = {
    { IPPROTO_ICMP, 8, 0 },
    { IPPROTO_ICMP, 13, 14 },
    { IPPROTO_ICMP, 15, 16 },
    { IPPROTO_ICMP, 17, 18 },
    { IPPROTO_ICMPV6, 128, 129 },
    { IPPROTO_ICMPV6, 139, 140 },
};

static struct ct_tuple
icmp_tuple(uint8_t proto, uint8_t type)
{
    struct ct_tuple t = ct_test_tuple(7, proto == IPPROTO_ICMPV6);

    t.proto = proto;
    CHECK(ct_icmp_query_kind(proto, type, &t.kind));
    t.src_port = t.dst_port = htons(0x1234);
    return t;
}

static void
test_invert(bool ipv6)
{
    struct ct_tuple t = ct_test_tuple(99, ipv6), inv, back;

    ct_tuple_invert(&t, &inv);
    CHECK(!memcmp(&inv.src, &t.dst, sizeof t.dst));
    CHECK(!memcmp(&inv.dst, &t.src, sizeof t.src));
    CHECK(inv.src_port == t.dst_port && inv.dst_port == t.src_port);
    CHECK(inv.proto == t.proto && inv.kind == t.kind);
    CHECK(!ct_tuple_equal(&t, &inv));
    ct_tuple_invert(&inv, &back);
    CHECK(ct_tuple_equal(&t, &back));

    /* In place. */
    ct_tuple_invert(&t, &t);
    CHECK(ct_tuple_equal(&t, &inv));
}

static void
test_icmp_pairs(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
        uint8_t proto = queries[i][0];
        struct ct_tuple query = icmp_tuple(proto, queries[i][1]);
        struct ct_tuple reply = icmp_tuple(proto, queries[i][2]);
        struct ct_tuple inv;
        struct ct_key a, b;

        CHECK(!(query.kind & CT_KIND_ICMP_REPLY));
        CHECK(reply.kind & CT_KIND_ICMP_REPLY);
        CHECK(ct_icmp_kind_type(proto, query.kind) == queries[i][1]);
        CHECK(ct_icmp_kind_type(proto, reply.kind) == queries[i][2]);

        /* A request and its reply are each other's inverse. */
        memcpy(&reply.src, &query.dst, sizeof reply.src);
        memcpy(&reply.dst, &query.src, sizeof reply.dst);
        ct_tuple_invert(&query, &inv);
        CHECK(ct_tuple_equal(&inv, &reply));

        /* A request the other way is another tuple. */
        struct ct_tuple other = reply;
        other.kind = query.kind;
        CHECK(!ct_tuple_equal(&other, &reply));
        ct_tuple_to_key(&other, 1, &a);
        ct_tuple_to_key(&reply, 1, &b);
        CHECK(!ct_key_equal(&a, &b));
    }

    /* Other pairs with the same identifier are other tuples. */
    struct ct_tuple echo = icmp_tuple(IPPROTO_ICMP, 8);
    struct ct_tuple stamp = icmp_tuple(IPPROTO_ICMP, 13);
    CHECK(!ct_tuple_equal(&echo, &stamp));

    uint8_t kind;
    CHECK(!ct_icmp_query_kind(IPPROTO_ICMP, 3, &kind));
    CHECK(!ct_icmp_query_kind(IPPROTO_ICMP, 128, &kind));
    CHECK(!ct_icmp_query_kind(IPPROTO_ICMPV6, 8, &kind));
    CHECK(!ct_icmp_query_kind(IPPROTO_ICMPV6, 135, &kind));
    CHECK(!ct_icmp_query_kind(IPPROTO_TCP, 8, &kind));
}

/* A change in any part of a tuple is a change of its key. */
static void
test_key_parts(bool ipv6)
{
    struct ct_tuple t = ct_test_tuple(5, ipv6);
    struct ct_key a, b;

    ct_tuple_to_key(&t, 3, &a);
    ct_tuple_to_key(&t, 3, &b);
    CHECK(ct_key_equal(&a, &b));
    ct_tuple_to_key(&t, 4, &b);
    CHECK(!ct_key_equal(&a, &b));

    size_t addr_len = ipv6 ? 16 : 4;
    for (size_t i = 0; i < 2 * addr_len * 8; i++) {
        struct ct_tuple u = t;
        uint8_t *byte = (i / 8 < addr_len
                         ? (uint8_t *) &u.src + i / 8
                         : (uint8_t *) &u.dst + i / 8 - addr_len);

        *byte ^= 1 << i % 8;
        ct_tuple_to_key(&u, 3, &b);
        CHECK(!ct_key_equal(&a, &b));
        CHECK(!ct_tuple_equal(&t, &u));
    }
    for (int i = 0; i < 16; i++) {
        struct ct_tuple u = t;

        u.src_port ^= htons(1 << i);
        ct_tuple_to_key(&u, 3, &b);
        CHECK(!ct_key_equal(&a, &b));
        CHECK(!ct_tuple_equal(&t, &u));
        u = t;
        u.dst_port ^= htons(1 << i);
        ct_tuple_to_key(&u, 3, &b);
        CHECK(!ct_key_equal(&a, &b));
        CHECK(!ct_tuple_equal(&t, &u));
    }

    struct ct_tuple u = t;
    u.proto = IPPROTO_UDP;
    ct_tuple_to_key(&u, 3, &b);
    CHECK(!ct_key_equal(&a, &b));
    CHECK(!ct_tuple_equal(&t, &u));
}

static void
test_dpif(void)
{
    struct ct_dpif_tuple dpif;
    struct ct_tuple back;

    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct ct_tuple t = ct_test_tuple(70000, ipv6);

        ct_tuple_to_dpif(&t, &dpif);
        CHECK(dpif.l3_type == (ipv6 ? AF_INET6 : AF_INET));
        CHECK(dpif.ip_proto == IPPROTO_TCP);
        CHECK(dpif.src_port == t.src_port && dpif.dst_port == t.dst_port);
        CHECK(!ct_tuple_from_dpif(&dpif, &back));
        CHECK(ct_tuple_equal(&t, &back));
    }
    for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
        for (int j = 1; j < 3; j++) {
            struct ct_tuple t = icmp_tuple(queries[i][0], queries[i][j]);

            ct_tuple_to_dpif(&t, &dpif);
            CHECK(dpif.icmp_id == htons(0x1234));
            CHECK(dpif.icmp_type == queries[i][j] && !dpif.icmp_code);
            CHECK(!ct_tuple_from_dpif(&dpif, &back));
            CHECK(ct_tuple_equal(&t, &back));
        }
    }

    memset(&dpif, 0, sizeof dpif);
    dpif.ip_proto = IPPROTO_TCP;
    dpif.l3_type = AF_UNIX;
    CHECK(ct_tuple_from_dpif(&dpif, &back) == EINVAL);
    dpif.l3_type = AF_INET;
    CHECK(!ct_tuple_from_dpif(&dpif, &back));
    dpif.ip_proto = IPPROTO_ICMP;
    dpif.icmp_type = 3;         /* Unreachable: no query. */
    CHECK(ct_tuple_from_dpif(&dpif, &back) == EINVAL);
    dpif.ip_proto = IPPROTO_ICMPV6;
    dpif.icmp_type = 128;       /* Over IPv4: no type is known there. */
    CHECK(ct_tuple_from_dpif(&dpif, &back) == EINVAL);
    dpif.icmp_type = 0;
    CHECK(!ct_tuple_from_dpif(&dpif, &back));
    CHECK(back.proto == IPPROTO_ICMPV6 && !back.kind && !back.src_port);
}

int
main(void)
{
    ct_hash_init();
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        test_invert(ipv6);
        test_key_parts(ipv6);
    }
    test_icmp_pairs();
    test_dpif();
    return ct_test_end("ct-tuple");
}
