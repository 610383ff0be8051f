/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_HASH_H
#define CT_HASH_H 1

#include <stdint.h>
#include <netinet/in.h>

#include "ct-tuple.h"

/* The keyed hash of tuples.
 * =========================
 *
 * Promises
 * --------
 * - A key and its inverse hash alike: a connection without address
 *   translation needs one place in a table for both directions.
 * - Not linear: without the secret nobody can choose tuples that collide, not
 *   even tuples with equal src XOR dst and equal ports.  Rounds of a folded
 *   64 x 64 bit multiplication over secret-masked words.
 * - All 64 bits are usable: tables take some from either end.
 *
 * Cost: some 2 ns (IPv4).  Threads: pure after ct_hash_init(). */

/* Draws the secret.  Call before anything else of the tracker; later calls do
 * nothing. */
void ct_hash_init(void);

/* Digest of two IPv6 addresses in this order. */
uint64_t ct_hash_addrs6(const struct in6_addr *src,
                        const struct in6_addr *dst);

/* Hash of 'key', whose inverse is 'inverse'.  Symmetric in the two. */
static inline uint64_t ct_hash_keys(const struct ct_key *key,
                                    const struct ct_key *inverse);

/* Hash of an address and of what belongs to it, such as protocol and port, for
 * the small tables beside that of connections. */
static inline uint32_t ct_hash_place(const union ct_inet_addr *,
                                     uint64_t more);

/* Drawn by ct_hash_init(), constant from then on.  The first four words mask
 * what is hashed, the others what comes out of a round. */
extern uint64_t ct_hash_secret[8];

/* Both halves of the 128-bit product folded into one. */
static inline uint64_t
ct_hash_fold__(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128) a * b;

    return (uint64_t) product ^ (uint64_t) (product >> 64);
}

static inline uint64_t
ct_hash_keys(const struct ct_key *key, const struct ct_key *inverse)
{
    const uint64_t *secret = ct_hash_secret;
    uint64_t a[2], b[2];

    memcpy(a, key, sizeof a);
    memcpy(b, inverse, sizeof b);

    /* The smaller of the two stands for both.  Masks instead of a branch,
     * which half of all packets would mispredict. */
    uint64_t less = -(uint64_t) ((b[0] < a[0])
                                 | ((b[0] == a[0]) & (b[1] < a[1])));
    uint64_t x = a[0] ^ (less & (a[0] ^ b[0]));
    uint64_t y = a[1] ^ (less & (a[1] ^ b[1]));

    /* The second round sees the words again, so that two tuples collide only
     * if they do in both. */
    uint64_t h = ct_hash_fold__(x ^ secret[0], y ^ secret[1]);
    return ct_hash_fold__(h ^ secret[4],
                          (x << 32 | x >> 32) ^ y ^ secret[5]);
}

static inline uint32_t
ct_hash_place(const union ct_inet_addr *addr, uint64_t more)
{
    const uint64_t *secret = ct_hash_secret;
    uint64_t h = ct_hash_fold__(addr->u64[0] ^ secret[0],
                                addr->u64[1] ^ secret[1]);

    h = ct_hash_fold__(h ^ secret[4], more ^ secret[5]);
    return h ^ h >> 32;
}

#endif /* ct-hash.h */
