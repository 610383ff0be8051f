/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_NAT_SEARCH_H
#define CT_NAT_SEARCH_H 1

#include <stdint.h>

struct ct_nat_pools;
struct ct_nat_sources;
struct ct_tuple;

/* What ct-nat.c and ct-nat-search.c share.
 * =========================================
 *
 * Only for these two.  All others see ct-nat.h. */

struct ct_nat {
    struct ct_nat_pools *pools;         /* [I] Ports in use. */
    struct ct_nat_sources *sources;     /* [I] Who was given what. */
};

/* Hash of where 'to' goes: all that a reply tuple has besides the port that
 * is to be chosen. */
uint32_t ct_nat_hash_dst(const struct ct_tuple *to);

#endif /* ct-nat-search.h */
