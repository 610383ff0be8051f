/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_NAT_PORT_H
#define CT_NAT_PORT_H 1

#include <stdbool.h>
#include <stdint.h>

#include "ct-tuple.h"

/* Ports that translated connections hold.
 * =======================================
 *
 * What
 * ----
 * A pool is the 65536 ports (or ICMP identifiers) of one address, in one
 * zone, for one protocol.  Each is free or reserved by one connection.  A
 * pool comes into being with its first reservation and goes with its last.
 *
 * Promises
 * --------
 * - A port that was reserved is not given to another until it is released.
 * - Reserving a port, reserving the next free one, finding out that there is
 *   none, and releasing take constant time at any fill: a reservation looks
 *   at no more than CT_PORT_MAP_MAX_WORDS words of 64 ports.
 *
 * A reservation keeps translated connections apart even if they go to
 * different places.  It says nothing of connections that use the address
 * untranslated: whoever reserves must ask the zone's table as well.
 *
 * Threads
 * -------
 * Any, concurrently.  Each pool has a spin lock for the few instructions of
 * one change; finding a pool takes no lock; the first and the last
 * reservation of a pool lock one of CT_NAT_N_SHARDS shards.  Pools are freed
 * through RCU: callers do not quiesce between reserving and their last use of
 * the pool.  A pool in which a port is reserved stays.
 *
 * Cost
 * ----
 * Memory: 350 bytes a pool and 512 bytes for each 4096 ports of which any was
 * ever reserved: at most 8.5 kB.
 */

/* A map of 65536 bits with a summary: find the next zero in constant time. */

#define CT_PORT_MAP_N_LEAVES 16
#define CT_PORT_MAP_LEAF_WORDS 64
#define CT_PORT_MAP_MAX_WORDS 4

struct ct_port_map {
    uint16_t full_leaves;       /* Bit set: no free port in that leaf. */
    uint64_t full_words[CT_PORT_MAP_N_LEAVES];
    uint64_t *leaves[CT_PORT_MAP_N_LEAVES];     /* NULL: all are free. */
    uint64_t n_examined;        /* Words looked at, ever: for tests. */
};

void ct_port_map_init(struct ct_port_map *);
void ct_port_map_uninit(struct ct_port_map *);
bool ct_port_map_is_set(const struct ct_port_map *, uint16_t port);
void ct_port_map_set(struct ct_port_map *, uint16_t port);
void ct_port_map_clear(struct ct_port_map *, uint16_t port);
/* The first clear bit at or behind 'from', -1 if there is none. */
int ct_port_map_next_clear(struct ct_port_map *, uint16_t from);
/* The same for an even one with a clear one behind it. */
int ct_port_map_next_clear_pair(const struct ct_port_map *, uint16_t from);

/* Pools. */

#define CT_NAT_N_SHARDS 16

struct ct_nat_pools;
struct ct_nat_pool;

struct ct_nat_pool_key {
    union ct_inet_addr addr;    /* IPv4: bytes 4..15 are zero. */
    uint16_t zone;
    uint8_t proto;
    uint8_t ipv6;               /* 0 or 1. */
    uint32_t zero;              /* Keys are compared byte by byte. */
};
BUILD_ASSERT_DECL(sizeof(struct ct_nat_pool_key) == 24);

/* For the source that 'to' has. */
void ct_nat_pool_key_init(struct ct_nat_pool_key *, uint16_t zone,
                          const struct ct_tuple *to);

struct ct_nat_pools *ct_nat_pools_create(void);
/* At once.  Connections must have released their ports, or never will. */
void ct_nat_pools_destroy(struct ct_nat_pools *);
size_t ct_nat_pools_count(const struct ct_nat_pools *);
/* NULL if none of its ports is reserved.  The pool stays until the caller's
 * own reservation in it is released. */
struct ct_nat_pool *ct_nat_pool_find(const struct ct_nat_pools *,
                                     const struct ct_nat_pool_key *);

/* Calls 'visit' for each pool, with the number of ports that are reserved in
 * it. */
typedef void ct_nat_pool_visit(void *aux, const struct ct_nat_pool_key *,
                               uint32_t n_used);
void ct_nat_pools_visit(const struct ct_nat_pools *, ct_nat_pool_visit *,
                        void *aux);

/* Reserves 'port'.  NULL if it is reserved already. */
struct ct_nat_pool *ct_nat_port_reserve(struct ct_nat_pools *,
                                        const struct ct_nat_pool_key *,
                                        uint16_t port);

/* Reserves the first free port of 'start', 'start' + 1, ... 'max', 'min',
 * 'min' + 1, ... 'start' - 1 and stores it in '*port'.  NULL if all are
 * reserved.  'start' must lie between 'min' and 'max', both inclusive. */
struct ct_nat_pool *ct_nat_port_reserve_next(struct ct_nat_pools *,
                                             const struct ct_nat_pool_key *,
                                             uint16_t start, uint16_t min,
                                             uint16_t max, uint16_t *port);

/* The same for an even port and the one behind it, each of which is released
 * by itself.  Looks at all words of the map, if need be. */
struct ct_nat_pool *ct_nat_port_reserve_pair(struct ct_nat_pools *,
                                             const struct ct_nat_pool_key *,
                                             uint16_t start, uint16_t min,
                                             uint16_t max, uint16_t *port);

void ct_nat_port_release(struct ct_nat_pool *, uint16_t port);

/* A short memory of places towards which a pool has nothing left, so that a
 * flood of packets to such a place does not search again for each.  'dst' is
 * a hash of the place, 'range' one of the ports asked for.  Forgotten after
 * CT_NAT_EXHAUSTED_MSEC, or when a connection to 'dst' releases its port. */

#define CT_NAT_EXHAUSTED_MSEC 10

void ct_nat_port_set_exhausted(struct ct_nat_pools *,
                               const struct ct_nat_pool_key *,
                               uint32_t dst, uint32_t range, long long now);
bool ct_nat_port_is_exhausted(struct ct_nat_pools *,
                              const struct ct_nat_pool_key *,
                              uint32_t dst, uint32_t range, long long now);
void ct_nat_port_clear_exhausted(struct ct_nat_pool *, uint32_t dst);

#endif /* ct-nat-port.h */
