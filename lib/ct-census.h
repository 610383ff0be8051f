/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_CENSUS_H
#define CT_CENSUS_H 1

#include <stddef.h>
#include <stdint.h>

struct ct;

/* A census: what there is, counted.
 * ==================================
 *
 * What
 * ----
 * For metrics: how many connections a zone has, by protocol and state, how
 * many expectations, and how many ports each address of translations has in
 * use.  States are the protocol's where it has some, by the kernel's names
 * ("ESTABLISHED"); else "UNREPLIED", "REPLIED" or "ASSURED".
 *
 * Cost
 * ----
 * ct_census_zone(): a look at each connection of the zone, fetched ahead.
 *
 * Threads
 * -------
 * Any; connections that come and go meanwhile may be in it or not. */

#define CT_CENSUS_MAX 64

struct ct_census {
    struct ct_census_line {
        uint8_t proto;              /* IPPROTO_*. */
        const char *state;          /* A constant. */
        uint64_t n;
    } lines[CT_CENSUS_MAX];
    size_t n;
    uint64_t n_others;              /* Of more kinds than there are lines. */
};

/* Zones that were ever used: 'index' counts from 0 to ct_census_n_zones() - 1,
 * in the order in which they came into being. */
unsigned int ct_census_n_zones(const struct ct *);
uint16_t ct_census_zone_at(const struct ct *, unsigned int index);

unsigned int ct_census_expectations(const struct ct *, uint16_t zone);

/* Calls 'visit' for each address that holds ports (ct-nat-port.h). */
struct ct_nat_pool_key;
void ct_census_nat(struct ct *,
                   void (*visit)(void *aux, const struct ct_nat_pool_key *,
                                 uint32_t n_used),
                   void *aux);

void ct_census_zone(const struct ct *, uint16_t zone, long long now,
                    struct ct_census *);

/* Counts one connection, found alive, in a census that begins with 'n' and
 * 'n_others' 0. */
struct ct_conn;
void ct_census_add(struct ct_census *, const struct ct_conn *);

#endif /* ct-census.h */
