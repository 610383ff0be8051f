/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ct-hash.h"

#include "ct-test.h"

#define N (16 * 1024)

static uint64_t
hash_of(const struct ct_tuple *tuple)
{
    struct ct_key key, inverse;
    uint64_t hash = ct_test_keys(tuple, &key, &inverse);

    /* Symmetric. */
    CHECK(hash == ct_hash_keys(&inverse, &key));
    return hash;
}

/* Longest chain and sum of squares (what finding each once costs) over N
 * buckets that bits 'shift' and up choose, and how many hashes are equal in
 * full. */
struct spread {
    unsigned int longest;
    unsigned int squares;
    unsigned int equal;
};

static int
compare_u64(const void *a_, const void *b_)
{
    const uint64_t *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

static struct spread
spread_of(const uint64_t *hashes, unsigned int shift)
{
    static unsigned int count[N];
    static uint64_t sorted[N];
    struct spread s = { 0, 0, 0 };

    memset(count, 0, sizeof count);
    for (size_t i = 0; i < N; i++) {
        count[(hashes[i] >> shift) % N]++;
    }
    for (size_t i = 0; i < N; i++) {
        s.longest = MAX(s.longest, count[i]);
        s.squares += count[i] * count[i];
    }

    memcpy(sorted, hashes, sizeof sorted);
    qsort(sorted, N, sizeof *sorted, compare_u64);
    for (size_t i = 1; i < N; i++) {
        s.equal += sorted[i] == sorted[i - 1];
    }
    return s;
}

/* N random balls in N bins: the squares sum to 2 N, give or take 200; the
 * fullest bin has 12 or more once in 10,000 times.  'hashes' must look like
 * that by its low bits, its high ones and those between. */
static void
check_random(const char *what, const uint64_t *hashes)
{
    for (unsigned int shift = 0; shift <= 50; shift += 10) {
        struct spread s = spread_of(hashes, shift);

        if (s.longest > 14 || s.squares > 2.1 * N || s.squares < 1.9 * N
            || s.equal) {
            fprintf(stderr, "%s, bits %u up: longest chain %u, squares %u, "
                    "%u equal\n", what, shift, s.longest, s.squares, s.equal);
            ct_test_failures++;
        }
    }
}

static void
test_spread(void)
{
    static uint64_t hashes[N];
    uint64_t seed = 1;

    for (size_t i = 0; i < N; i++) {
        uint64_t r = ct_test_random(&seed), q = ct_test_random(&seed);
        struct ct_tuple t = ct_test_tuple4(r, r >> 32, q, q >> 32);

        hashes[i] = hash_of(&t);
    }
    check_random("random", hashes);

    /* What a hash that XORs both ends cannot tell apart. */
    for (size_t i = 0; i < N; i++) {
        uint32_t src = 0x0a000000 + i;
        struct ct_tuple t = ct_test_tuple4(src, 1024 + i,
                                           src ^ 0x01020304,
                                           (1024 + i) ^ 0x0101);

        hashes[i] = hash_of(&t);
    }
    check_random("equal src XOR dst", hashes);

    for (size_t i = 0; i < N; i++) {
        struct ct_tuple t = ct_test_tuple4(0x0a000001, i, 0x0a000002, 80);

        hashes[i] = hash_of(&t);
    }
    check_random("counted ports", hashes);

    for (size_t i = 0; i < N; i++) {
        struct ct_tuple t = ct_test_tuple4(0x0a000000 + i, 5000,
                                           0x0b000000 - i, 5000);

        hashes[i] = hash_of(&t);
    }
    check_random("equal src plus dst", hashes);

    for (size_t i = 0; i < N; i++) {
        /* Bits that a multiplication moves out at the top. */
        struct ct_tuple t = ct_test_tuple4(i << 18, 1, 0, 1);

        hashes[i] = hash_of(&t);
    }
    check_random("high address bits", hashes);

    for (size_t i = 0; i < N; i++) {
        struct ct_tuple t = ct_test_tuple(i, true);

        hashes[i] = hash_of(&t);
    }
    check_random("IPv6, counted", hashes);

    for (size_t i = 0; i < N; i++) {
        struct ct_tuple t = ct_test_tuple(i, true);

        /* Equal XOR of the ends, in both halves. */
        for (int j = 0; j < 16; j++) {
            t.dst.ip6.s6_addr[j] = t.src.ip6.s6_addr[j] ^ (j * 7 + 1);
        }
        hashes[i] = hash_of(&t);
    }
    check_random("IPv6, equal src XOR dst", hashes);
}

/* The small tables' hash: by its low bits, which choose the bucket, and other
 * with another secret. */
static void
test_place(void)
{
    static uint64_t ports[N], addrs[N];
    union ct_inet_addr addr = { .u64 = { 0 } };
    uint64_t drawn = ct_hash_secret[0];

    for (size_t i = 0; i < N; i++) {
        addr.ip = htonl(0x0a000001);
        ports[i] = ct_hash_place(&addr, i);
        addr.ip = htonl(i << 18);
        addrs[i] = ct_hash_place(&addr, 80);
    }
    CHECK(spread_of(ports, 0).longest <= 14);
    CHECK(spread_of(addrs, 0).longest <= 14);

    addr.ip = htonl(0x0a000001);
    ct_hash_secret[0] ^= 0x123456;
    CHECK(ct_hash_place(&addr, 1) != ports[1]);
    ct_hash_secret[0] = drawn;
    CHECK(ct_hash_place(&addr, 1) == ports[1]);
}

/* One bit of the tuple turns about half of the hash. */
static void
test_avalanche(void)
{
    uint64_t seed = 2;
    unsigned int turned[64] = { 0 };
    enum { ROUNDS = 2000 };

    for (int i = 0; i < ROUNDS; i++) {
        uint64_t r = ct_test_random(&seed), q = ct_test_random(&seed);
        struct ct_tuple t = ct_test_tuple4(r, r >> 32, q, q >> 32);
        uint64_t before = hash_of(&t);

        t.src.ip ^= htonl(1u << i % 32);
        uint64_t change = before ^ hash_of(&t);
        for (int j = 0; j < 64; j++) {
            turned[j] += change >> j & 1;
        }
    }
    for (int j = 0; j < 64; j++) {
        CHECK(turned[j] > ROUNDS * 0.4 && turned[j] < ROUNDS * 0.6);
    }
}

static void
test_secret(void)
{
    uint64_t before = ct_hash_secret[0];

    CHECK(before > 1);
    CHECK(ct_hash_secret[1] != before);
    ct_hash_init();
    CHECK(ct_hash_secret[0] == before);
}

int
main(void)
{
    ct_hash_init();
    test_secret();
    test_spread();
    test_place();
    test_avalanche();
    return ct_test_end("ct-hash");
}
