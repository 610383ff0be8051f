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
 *
 * Cost: some 2 ns (IPv4).  Threads: pure after ct_hash_init(). */

/* Draws the secret.  Call before anything else of the tracker; later calls do
 * nothing. */
void ct_hash_init(void);

/* Digest of two IPv6 addresses in this order. */
uint64_t ct_hash_addrs6(const struct in6_addr *src,
                        const struct in6_addr *dst);

/* Hash of 'key', whose inverse is 'inverse'.  Symmetric in the two. */
uint64_t ct_hash_keys(const struct ct_key *key, const struct ct_key *inverse);

#endif /* ct-hash.h */
