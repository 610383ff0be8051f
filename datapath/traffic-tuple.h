/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRAFFIC_TUPLE_H
#define TRAFFIC_TUPLE_H 1

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "openvswitch/types.h"
#include "util.h"

struct traffic_spec;

/* Which addresses and ports connection number i has.
 * ===================================================
 *
 * What
 * ----
 * A bijection of 0 ... capacity - 1 into the four ranges.  The number is taken
 * as digits: client, server, server port, client port, the first one the
 * lowest.  The last three are turned by an amount that depends on the client,
 * so that neighbours differ in all of them where the ranges allow.
 *
 * For pattern "attack" the server and its port follow from the client and its
 * port, such that src XOR dst is the same for all connections, of addresses
 * and of ports: hashes that combine words linearly put them all in one place.
 *
 * Promises: two numbers below the capacity have different tuples.
 *
 * Threads: immutable after traffic_tuples_init().
 *
 * Cost: a few multiplications, no division. */

struct traffic_tuple {
    ovs_be32 src[4], dst[4];    /* IPv4: the last word alone counts. */
    ovs_be16 sport, dport;      /* ICMP: both the identifier. */
};

/* What differs between tuples of the same ranges, in host byte order. */
struct traffic_ends {
    uint32_t src, dst;          /* The last word. */
    uint32_t ports;             /* Source in the upper half. */
};

struct traffic_tuples {
    ovs_be32 client_prefix[4], server_prefix[4];
    uint32_t client_base, server_base;  /* The last word. */
    uint32_t client_mask, server_mask;
    unsigned int client_bits, server_bits;
    uint32_t n_client_ports, n_server_ports;
    uint16_t client_port, server_port;  /* The first ones. */
    uint64_t inverse;           /* 2**64 / n_server_ports, rounded up. */
    uint64_t capacity;
    bool attack, icmp;
    bool one_server;            /* And one server port. */
};

void traffic_tuples_init(struct traffic_tuples *, const struct traffic_spec *);

static inline struct traffic_ends traffic_ends_of(
    const struct traffic_tuples *, uint64_t number);
static inline struct traffic_ends traffic_ends_reverse(struct traffic_ends);
static inline void traffic_tuple_of(const struct traffic_tuples *,
                                    uint64_t number, struct traffic_tuple *);
static inline void traffic_tuple_reverse(struct traffic_tuple *,
                                         const struct traffic_tuple *);
static inline bool traffic_tuple_equal(const struct traffic_tuple *,
                                       const struct traffic_tuple *);

#define TRAFFIC_ATTACK_PORTS 0x0101     /* Source port XOR destination. */

/* Numbers of the ranges, not yet added to what they start with. */
struct traffic_digits {
    uint32_t client, server, client_port, server_port;
};

/* (x + turn) % n for x and turn below n. */
static inline uint32_t
traffic_turn(uint32_t x, uint32_t turn, uint32_t n)
{
    x += turn;
    return x >= n ? x - n : x;
}

/* The digits above that of the client, where there are several servers or
 * server ports. */
static inline void
traffic_server_digits(const struct traffic_tuples *t, uint64_t rest,
                      uint64_t turn, struct traffic_digits *d)
{
    d->server = (rest + (turn >> 40)) & t->server_mask;
    rest >>= t->server_bits;
    if (t->n_server_ports > 1) {
        d->client_port = (unsigned __int128) t->inverse * rest >> 64;
        d->server_port = rest - d->client_port * t->n_server_ports;
        d->server_port = traffic_turn(d->server_port,
                                      (turn >> 48) * t->n_server_ports >> 16,
                                      t->n_server_ports);
    } else {
        d->client_port = rest;
        d->server_port = 0;
    }
}

static inline struct traffic_digits
traffic_digits_of(const struct traffic_tuples *t, uint64_t number)
{
    struct traffic_digits d;
    uint64_t turn, rest;

    d.client = (number + 1) & t->client_mask;
    turn = (d.client + 1) * UINT64_C(0x9e3779b97f4a7c15);
    rest = number >> t->client_bits;
    if (OVS_LIKELY(t->one_server)) {
        d.server = d.server_port = 0;
        d.client_port = rest;
    } else {
        traffic_server_digits(t, rest, turn, &d);
    }
    d.client_port = traffic_turn(d.client_port,
                                 (turn >> 32 & 0xffff)
                                 * t->n_client_ports >> 16,
                                 t->n_client_ports);
    return d;
}

static inline struct traffic_ends
traffic_ends_of(const struct traffic_tuples *t, uint64_t number)
{
    struct traffic_digits d = traffic_digits_of(t, number);
    struct traffic_ends ends;
    uint32_t sport, dport;

    sport = t->client_port + d.client_port;
    dport = (OVS_UNLIKELY(t->icmp) ? sport
             : OVS_UNLIKELY(t->attack) ? sport ^ TRAFFIC_ATTACK_PORTS
             : t->server_port + d.server_port);
    ends.src = t->client_base + d.client;
    ends.dst = t->server_base + (t->attack ? d.client : d.server);
    ends.ports = sport << 16 | dport;
    return ends;
}

static inline struct traffic_ends
traffic_ends_reverse(struct traffic_ends ends)
{
    struct traffic_ends reverse = {
        .src = ends.dst, .dst = ends.src,
        .ports = ends.ports << 16 | ends.ports >> 16,
    };

    return reverse;
}

static inline struct traffic_ends
traffic_tuple_ends(const struct traffic_tuple *tuple)
{
    struct traffic_ends ends = {
        .src = ntohl(tuple->src[3]),
        .dst = ntohl(tuple->dst[3]),
        .ports = (uint32_t) ntohs(tuple->sport) << 16 | ntohs(tuple->dport),
    };

    return ends;
}

/* The tuple that has 'ends', those of a server's packet if 'reverse'. */
static inline void
traffic_tuple_from_ends(const struct traffic_tuples *t,
                        struct traffic_ends ends, bool reverse,
                        struct traffic_tuple *tuple)
{
    memcpy(tuple->src, reverse ? t->server_prefix : t->client_prefix,
           sizeof tuple->src);
    memcpy(tuple->dst, reverse ? t->client_prefix : t->server_prefix,
           sizeof tuple->dst);
    tuple->src[3] = htonl(ends.src);
    tuple->dst[3] = htonl(ends.dst);
    tuple->sport = htons(ends.ports >> 16);
    tuple->dport = htons(ends.ports & 0xffff);
}

static inline void
traffic_tuple_of(const struct traffic_tuples *t, uint64_t number,
                 struct traffic_tuple *tuple)
{
    traffic_tuple_from_ends(t, traffic_ends_of(t, number), false, tuple);
}

static inline void
traffic_tuple_reverse(struct traffic_tuple *dst,
                      const struct traffic_tuple *src)
{
    struct traffic_tuple t;

    memcpy(t.src, src->dst, sizeof t.src);
    memcpy(t.dst, src->src, sizeof t.dst);
    t.sport = src->dport;
    t.dport = src->sport;
    *dst = t;
}

static inline bool
traffic_tuple_equal(const struct traffic_tuple *a,
                    const struct traffic_tuple *b)
{
    return (!memcmp(a->src, b->src, sizeof a->src)
            && !memcmp(a->dst, b->dst, sizeof a->dst)
            && a->sport == b->sport && a->dport == b->dport);
}

#endif /* traffic-tuple.h */
