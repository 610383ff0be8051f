/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_TEST_H
#define CT_TEST_H 1

/* What the unit tests of tuples, records, tables and deadlines share. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ct-conn.h"
#include "ct-hash.h"
#include "ct-tuple.h"
#include "util.h"

static unsigned int ct_test_failures OVS_UNUSED;

/* Fails the program, but goes on.  Says so at most 20 times. */
#define CHECK(EXPR)                                                     \
    do {                                                                \
        if (!(EXPR) && ct_test_failures++ < 20) {                       \
            fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, \
                    #EXPR);                                             \
        }                                                               \
    } while (0)

static inline int
ct_test_end(const char *name)
{
    if (ct_test_failures) {
        fprintf(stderr, "%s: %u failures\n", name, ct_test_failures);
        return 1;
    }
    printf("%s: ok\n", name);
    return 0;
}

/* The same numbers in each run (splitmix64). */
static inline uint64_t
ct_test_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static inline struct ct_tuple
ct_test_tuple4(uint32_t src, uint16_t sport, uint32_t dst, uint16_t dport)
{
    struct ct_tuple t = {
        .src_port = htons(sport), .dst_port = htons(dport),
        .proto = IPPROTO_TCP,
    };

    t.src.ip = htonl(src);
    t.dst.ip = htonl(dst);
    return t;
}

/* Different for each 'i'. */
static inline struct ct_tuple
ct_test_tuple(uint64_t i, bool ipv6)
{
    struct ct_tuple t = ct_test_tuple4(0x0a000000 + (i >> 16), i,
                                       0xc0a80001, 80);

    if (ipv6) {
        memset(&t.src, 0, sizeof t.src);
        memset(&t.dst, 0, sizeof t.dst);
        t.src.ip6.s6_addr[0] = t.dst.ip6.s6_addr[0] = 0x20;
        memcpy(&t.src.ip6.s6_addr[8], &i, sizeof i);
        t.dst.ip6.s6_addr[15] = 1;
        t.kind = CT_KIND_IPV6;
    }
    return t;
}

/* Key, inverse key and hash of 'tuple' in zone 0. */
static inline uint64_t
ct_test_keys(const struct ct_tuple *tuple, struct ct_key *key,
             struct ct_key *inverse)
{
    struct ct_tuple inv;

    ct_tuple_invert(tuple, &inv);
    ct_tuple_to_key(tuple, 0, key);
    ct_tuple_to_key(&inv, 0, inverse);
    return ct_hash_keys(key, inverse);
}

#endif /* ct-test.h */
