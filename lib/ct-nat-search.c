/* SPDX-License-Identifier: Apache-2.0 */

/* Step "commit", the choice of a mapping: called by ct-commit.c for a
 * connection that is about to be.  Calls ct-nat-port.c for ports,
 * ct-nat-source.c for what the same source has, ct-zone.c for tuples in
 * use. */

#include <config.h>

#include "ct-nat-search.h"

#include <netinet/icmp6.h>
#include <string.h>

#include "ct-expect.h"
#include "ct-nat.h"
#include "ct-nat-port.h"
#include "ct-nat-source.h"
#include "ct-zone.h"
#include "hash.h"
#include "random.h"
#include "util.h"

/* Candidates looked at among ports that other connections hold, and among
 * free ones whose tuple turns out to be in use: the first so many in a row,
 * then half as many elsewhere, and so on, as in the kernel.  Clients that keep
 * their ports take them in a row. */
#define MAX_CANDIDATES 128
#define MIN_CANDIDATES 16

typedef __uint128_t uint128;

/* The steps of a search, in order.  Each either leaves a candidate in
 * search->to, or says in search->step where to go on. */
enum search_step {
    STEP_PLAIN,                 /* The inverse, unasked (no nat). */
    STEP_KEEP,                  /* The packet's own source. */
    STEP_DST_KEEP,              /* The packet's own destination port. */
    STEP_DST_PORT,              /* Destination ports of the range. */
    STEP_SRC_REUSE,             /* What this source has elsewhere. */
    STEP_SRC_ADDR,              /* A source address, the packet's port. */
    STEP_SRC_FREE,              /* A port nobody holds. */
    STEP_SRC_SHARED,            /* A port held for another destination. */
    STEP_END,
    STEP_FAMILY                 /* Not to be done at all. */
};

static bool step_plain(struct ct_nat_search *);
static bool step_keep(struct ct_nat_search *);
static bool step_dst_keep(struct ct_nat_search *);
static bool step_dst_port(struct ct_nat_search *);
static bool step_src_reuse(struct ct_nat_search *);
static bool step_src_addr(struct ct_nat_search *);
static bool step_src_free(struct ct_nat_search *);
static bool step_src_shared(struct ct_nat_search *);

static bool (*const steps[])(struct ct_nat_search *) = {
    [STEP_PLAIN] = step_plain,
    [STEP_KEEP] = step_keep,
    [STEP_DST_KEEP] = step_dst_keep,
    [STEP_DST_PORT] = step_dst_port,
    [STEP_SRC_REUSE] = step_src_reuse,
    [STEP_SRC_ADDR] = step_src_addr,
    [STEP_SRC_FREE] = step_src_free,
    [STEP_SRC_SHARED] = step_src_shared,
};

static bool is_icmp(const struct ct_tuple *);
static void init_follow(struct ct_nat_search *,
                        const struct ct_expectation *);
static void init_src(struct ct_nat_search *);
static void init_dst(struct ct_nat_search *);
static void init_null(struct ct_nat_search *);
static void set_port_class(struct ct_nat_search *);
static void begin_rounds(struct ct_nat_search *);
static bool is_free(struct ct_nat_search *);
static void set_src_port(struct ct_nat_search *, ovs_be16 port);
static void give_back(struct ct_nat_search *);
static uint16_t start_port(const struct ct_nat_search *);
static union ct_inet_addr range_addr(const struct ct_nat_range *,
                                     uint32_t index);
static uint32_t range_n_addrs(const struct ct_nat_range *);
static uint32_t range_index(const struct ct_nat_search *);
static void pool_key(const struct ct_nat_search *, struct ct_nat_pool_key *);
static uint32_t hash_to(const struct ct_nat_search *);
static uint32_t hash_ports(const struct ct_nat_search *);

void
ct_nat_search_init(struct ct_nat_search *search, struct ct_packet *packet)
{
    const struct ct_nat_range *range = &packet->request->nat;

    memset(search, 0, sizeof *search);
    search->packet = packet;
    if (packet->expected && packet->expected->nat) {
        init_follow(search, packet->expected);
        range = &search->follow;
    }

    search->keyed = (packet->tuple.kind & CT_KIND_GRE_KEY
                     && range != &search->follow);

    bool ranged = range->kind == CT_NAT_SRC || range->kind == CT_NAT_DST;
    search->range = range;
    search->to = packet->tuple;
    if (range == &search->follow) {
        search->to.dst = packet->expected->to_dst;
        search->to.dst_port = packet->expected->to_dst_port;
    }
    search->n_lookups = CT_NAT_MAX_LOOKUPS;

    if (range->kind == CT_NAT_NONE) {
        search->step = STEP_PLAIN;
    } else if (ranged && range->have_addr
               && range->ipv6 != ct_tuple_is_ipv6(&packet->tuple)) {
        search->step = STEP_FAMILY;
    } else if (range->kind == CT_NAT_SRC) {
        init_src(search);
    } else if (range->kind == CT_NAT_DST) {
        init_dst(search);
    } else {
        init_null(search);
        set_port_class(search);
    }
}

bool
ct_nat_search_next(struct ct_nat_search *search, struct ct_tuple *reply)
{
    give_back(search);
    while (search->step < STEP_END) {
        if (steps[search->step](search)) {
            ct_tuple_invert(&search->to, reply);
            return true;
        }
    }
    return false;
}

enum ct_counter
ct_nat_search_why(const struct ct_nat_search *search)
{
    return (search->step == STEP_FAMILY ? CT_C_DROP_NAT_FAMILY
            : search->range->kind == CT_NAT_NONE ? CT_C_DROP_CLASH
            : CT_C_DROP_NAT_EXHAUSTED);
}

void
ct_nat_search_keep(struct ct_nat_search *search, struct ct_conn *conn)
{
    /* A port chosen at random may turn out to be the packet's own: such a
     * connection needs none. */
    if (search->pool && ct_conn_is_nat(conn)) {
        atomic_fetch_or_explicit(&conn->status, CT_CONN_STATUS_PORT,
                                 memory_order_relaxed);
        search->pool = NULL;
    }
    if (search->range->kind == CT_NAT_SRC && ct_conn_is_nat(conn)) {
        ct_nat_source_remember(ct_get_nat(search->packet->ct)->sources, conn);
    }
}

void
ct_nat_search_uninit(struct ct_nat_search *search)
{
    give_back(search);
}

uint32_t
ct_nat_hash_dst(const struct ct_tuple *to)
{
    uint32_t rest = is_icmp(to) ? to->kind : (OVS_FORCE uint16_t) to->dst_port;

    return hash_bytes(&to->dst, sizeof to->dst, rest);
}

/* What a search starts from. */

static bool
is_icmp(const struct ct_tuple *tuple)
{
    return tuple->kind >> CT_KIND_ICMP_SHIFT;
}

/* True for protocols whose ports or identifier can be chosen.  Of ICMPv6
 * only echo has one: what stands in its place in node information queries
 * (RFC 4620) is none. */
static bool
has_ports(const struct ct_tuple *tuple)
{
    uint8_t kind;

    switch (tuple->proto) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
        return true;
    case IPPROTO_ICMPV6:
        kind = tuple->kind & ~CT_KIND_ICMP_REPLY;
        return ct_icmp_kind_type(tuple->proto, kind) == ICMP6_ECHO_REQUEST;
    default:
        return is_icmp(tuple) || tuple->kind & CT_KIND_GRE_KEY;
    }
}

static bool
may_have_ports(const struct ct_nat_search *search)
{
    return has_ports(&search->to) && !search->keyed;
}

static bool
addr_is_zero(const union ct_inet_addr *addr)
{
    return !(addr->u64[0] | addr->u64[1]);
}

/* True if the packet's own port need not change. */
static bool
may_keep_port(const struct ct_nat_search *search, ovs_be16 port)
{
    const struct ct_nat_range *range = search->range;

    return (!range->random && !range->hash
            && (!range->have_port || !may_have_ports(search)
                || (ntohs(port) >= search->min_port
                    && ntohs(port) <= search->max_port)));
}

/* Sets the ports to choose from, when the packet's own is taken. */
static void
set_port_class(struct ct_nat_search *search)
{
    uint16_t port = ntohs(search->packet->tuple.src_port);

    if (is_icmp(&search->to)) {
        search->min_port = 0;
        search->max_port = UINT16_MAX;
    } else if (port < 512) {
        search->min_port = 1;
        search->max_port = 511;
    } else if (port < 1024) {
        search->min_port = 600;
        search->max_port = 1023;
    } else {
        search->min_port = 1024;
        search->max_port = UINT16_MAX;
    }
}

/* Sets the ports to choose from as the range says.  0 is a port for ICMP
 * alone. */
static void
set_port_range(struct ct_nat_search *search)
{
    const struct ct_nat_range *range = search->range;

    search->min_port = MIN(range->min_port, range->max_port);
    search->max_port = MAX(range->min_port, range->max_port);
    if (!is_icmp(&search->to)) {
        search->min_port = MAX(search->min_port, 1);
        search->max_port = MAX(search->max_port, 1);
    }
}

/* The packet's own source address, and what ports it may have there. */
static void
init_null(struct ct_nat_search *search)
{
    search->step = STEP_KEEP;
    search->n_addrs = 0;
    search->n_addrs_left = 1;
}

/* What a connection was translated to holds for the ones that it announced:
 * the destination is settled, and a source that is the parent's gets the
 * parent's address, with its own port if that is free. */
static void
init_follow(struct ct_nat_search *search, const struct ct_expectation *e)
{
    const union ct_inet_addr *src = &search->packet->tuple.src;
    const union ct_inet_addr *to_src =
        memcmp(src, &e->parent_src, sizeof *src) ? src : &e->to_src;

    search->follow = (struct ct_nat_range) {
        .kind = CT_NAT_SRC,
        .ipv6 = ct_tuple_is_ipv6(&e->tuple),
        .have_addr = true,
        .min_addr = *to_src,
        .max_addr = *to_src,
        .have_port = e->to_src_port,
        .min_port = ntohs(e->to_src_port),
        .max_port = ntohs(e->to_src_port),
    };
}

static void
init_src(struct ct_nat_search *search)
{
    const struct ct_nat_range *range = search->range;

    if (range->have_port) {
        set_port_range(search);
    } else {
        set_port_class(search);
    }
    init_null(search);
    if (range->have_addr && !addr_is_zero(&range->min_addr)) {
        search->n_addrs = range_n_addrs(range);
        search->n_addrs_left = search->n_addrs;
        search->addr_index = range_index(search);
    }
}

/* True if the range has destination ports that apply to the packet. */
static bool
has_dst_ports(const struct ct_nat_search *search)
{
    return (search->range->have_port && may_have_ports(search)
            && !is_icmp(&search->to));
}

/* The destination's address is settled here, its port in the steps. */
static void
init_dst(struct ct_nat_search *search)
{
    const struct ct_nat_range *range = search->range;
    struct ct_tuple *to = &search->to;

    init_null(search);
    search->step = STEP_DST_KEEP;
    if (range->have_addr && !addr_is_zero(&range->min_addr)) {
        to->dst = range_addr(range, range_index(search));
    }
    if (has_dst_ports(search)) {
        set_port_range(search);
        search->start = start_port(search);
        search->port = search->start;
        search->n_ports = MIN(search->max_port - search->min_port + 1,
                              MAX_CANDIDATES);
        if (!may_keep_port(search, to->dst_port)) {
            search->step = STEP_DST_PORT;
        }
    }
}

/* The steps. */

static bool
step_plain(struct ct_nat_search *search)
{
    search->step = STEP_END;
    return true;
}

/* Goes on to choose a source: among the range's addresses, or where there is
 * none, another port of the packet's own. */
static void
begin_src(struct ct_nat_search *search)
{
    search->step = search->n_addrs ? STEP_SRC_ADDR : STEP_SRC_FREE;
    search->start = start_port(search);
    begin_rounds(search);
}

static void
begin_rounds(struct ct_nat_search *search)
{
    search->port = search->start;
    search->round = MIN(search->max_port - search->min_port + 1,
                        MAX_CANDIDATES);
    search->n_ports = search->round;
}

/* True if there is one more candidate, now in search->port, of this round or
 * of another. */
static bool
another_port(struct ct_nat_search *search)
{
    uint32_t n = search->max_port - search->min_port + 1;

    if (!search->n_lookups) {
        return false;
    }
    if (!search->n_ports && search->round < n
        && search->round > MIN_CANDIDATES) {
        uint32_t ofs = search->port - search->min_port;

        /* Golden sections: far from what was seen. */
        search->port = search->min_port + (ofs + n * UINT64_C(618) / 1000) % n;
        search->round /= 2;
        search->n_ports = search->round;
    }
    if (!search->n_ports) {
        return false;
    }
    search->n_ports--;
    return true;
}

/* The port behind 'port' among those to choose from. */
static uint16_t
next_port(const struct ct_nat_search *search, uint16_t port)
{
    return port < search->max_port ? port + 1 : search->min_port;
}

/* True if 'src' is an address of the range, or the range has none. */
static bool
addr_in_range(const struct ct_nat_search *search,
              const union ct_inet_addr *src)
{
    const struct ct_nat_range *range = search->range;
    size_t n = ct_tuple_is_ipv6(&search->to) ? 16 : 4;

    return (!search->n_addrs
            || (memcmp(src, &range->min_addr, n) >= 0
                && memcmp(src, &range->max_addr, n) <= 0));
}

static bool
step_keep(struct ct_nat_search *search)
{
    bool in_range = (addr_in_range(search, &search->to.src)
                     && may_keep_port(search, search->to.src_port));

    begin_src(search);
    if (in_range) {
        return is_free(search);
    }
    if (search->n_addrs && !search->range->random && !search->range->hash) {
        search->step = STEP_SRC_REUSE;
    }
    return false;
}

/* One address and port of a client looks the same from all sides, if it can
 * (RFC 4787 section 4.1), as in the kernel. */
static bool
step_src_reuse(struct ct_nat_search *search)
{
    const struct ct_tuple *from = &search->packet->tuple;
    struct ct_nat *nat = ct_get_nat(search->packet->ct);
    uint16_t zone = search->packet->request->zone;
    struct ct_nat_pool_key key;
    const struct ct_conn *conn;
    struct ct_tuple original, reply;
    enum ct_dir dir;

    search->step = STEP_SRC_ADDR;
    conn = ct_nat_source_find(nat->sources, zone, from);
    if (!conn) {
        return false;
    }
    /* One that was flushed is known until maintenance comes to it. */
    ct_conn_tuple(conn, CT_DIR_ORIGINAL, &original);
    if (ct_zone_find(search->packet->zone, &original, &dir) != conn) {
        return false;
    }
    ct_conn_tuple(conn, CT_DIR_REPLY, &reply);
    if (!addr_in_range(search, &reply.dst)
        || !may_keep_port(search, reply.dst_port)) {
        return false;
    }

    search->to.src = reply.dst;
    set_src_port(search, reply.dst_port);
    if (!is_free(search)) {
        return false;
    }
    if (may_have_ports(search)) {
        pool_key(search, &key);
        search->pool = ct_nat_port_reserve(nat->pools, &key,
                                           ntohs(reply.dst_port));
    }
    return true;
}

static bool
step_dst_keep(struct ct_nat_search *search)
{
    search->step = STEP_DST_PORT;
    return is_free(search);
}

/* Behind the last candidate the first one stands again, now to be told apart
 * by another source port. */
static bool
step_dst_port(struct ct_nat_search *search)
{
    ovs_be16 own = search->packet->tuple.dst_port;

    if (search->n_ports) {
        search->n_ports--;
        search->to.dst_port = htons(search->port);
        search->port = next_port(search, search->port);
        return is_free(search);
    }

    search->to.dst_port = (has_dst_ports(search)
                           && !may_keep_port(search, own)
                           ? htons(search->start) : own);
    set_port_class(search);
    begin_src(search);
    return false;
}

/* Goes on to the next address of the range, if there is one. */
static void
next_addr(struct ct_nat_search *search)
{
    search->n_addrs_left--;
    search->n_lookups -= search->n_lookups > 0;
    if (search->n_addrs_left && search->n_lookups) {
        search->addr_index = (search->addr_index + 1) % search->n_addrs;
        search->step = STEP_SRC_ADDR;
    } else {
        search->step = STEP_END;
    }
}

static bool
step_src_addr(struct ct_nat_search *search)
{
    struct ct_nat *nat = ct_get_nat(search->packet->ct);
    struct ct_nat_pool_key key;

    search->to.src = range_addr(search->range, search->addr_index);
    set_src_port(search, search->packet->tuple.src_port);
    if (!may_have_ports(search)) {
        next_addr(search);
        return is_free(search);
    }

    search->step = STEP_SRC_FREE;
    begin_rounds(search);
    if (!may_keep_port(search, search->to.src_port) || !is_free(search)) {
        return false;
    }

    /* Free towards this destination is enough, as it is for the kernel: two
     * sockets' ports are kept even if they are the same.  The first holds
     * it. */
    pool_key(search, &key);
    search->pool = ct_nat_port_reserve(nat->pools, &key,
                                       ntohs(search->to.src_port));
    return true;
}

/* Ports that no translated connection holds can still be in use by one that
 * is not translated, or was given a port that another holds. */
static bool
step_src_free(struct ct_nat_search *search)
{
    struct ct_nat *nat = ct_get_nat(search->packet->ct);
    struct ct_nat_pool_key key;
    uint16_t port;

    if (!may_have_ports(search)) {
        next_addr(search);
        return false;
    }

    pool_key(search, &key);
    if (ct_nat_port_is_exhausted(nat->pools, &key, hash_to(search),
                                 hash_ports(search), search->packet->now)) {
        next_addr(search);
        return false;
    }

    while (another_port(search)) {
        search->pool = ct_nat_port_reserve_next(nat->pools, &key,
                                                search->port,
                                                search->min_port,
                                                search->max_port, &port);
        if (!search->pool) {
            break;
        }
        set_src_port(search, htons(port));
        search->port = next_port(search, port);
        if (is_free(search)) {
            return true;
        }
        give_back(search);
    }
    search->step = STEP_SRC_SHARED;
    begin_rounds(search);
    return false;
}

static bool
step_src_shared(struct ct_nat_search *search)
{
    struct ct_nat *nat = ct_get_nat(search->packet->ct);
    struct ct_nat_pool_key key;

    pool_key(search, &key);
    while (another_port(search)) {
        uint16_t port = search->port;

        search->port = next_port(search, port);
        set_src_port(search, htons(port));
        if (is_free(search)) {
            search->pool = ct_nat_port_reserve(nat->pools, &key, port);
            return true;
        }
    }

    if (!search->n_ports) {
        ct_nat_port_set_exhausted(nat->pools, &key, hash_to(search),
                                  hash_ports(search), search->packet->now);
    }
    next_addr(search);
    return false;
}

/* What the steps are made of. */

/* True if no connection has the candidate's reply tuple. */
static bool
is_free(struct ct_nat_search *search)
{
    struct ct_tuple reply;
    enum ct_dir dir;

    if (search->n_lookups) {
        search->n_lookups--;
    }
    ct_tuple_invert(&search->to, &reply);
    return !ct_zone_find(search->packet->zone, &reply, &dir);
}

/* A tuple has an ICMP identifier at both ends. */
static void
set_src_port(struct ct_nat_search *search, ovs_be16 port)
{
    search->to.src_port = port;
    if (is_icmp(&search->to)) {
        search->to.dst_port = port;
    }
}

static void
give_back(struct ct_nat_search *search)
{
    if (search->pool) {
        ct_nat_port_release(search->pool, ntohs(search->to.src_port));
        search->pool = NULL;
    }
}

/* Where among the ports to begin: by the range's flags, at random or by a
 * hash that is the same after a restart. */
static uint16_t
start_port(const struct ct_nat_search *search)
{
    const struct ct_tuple *t = &search->packet->tuple;
    uint32_t n = search->max_port - search->min_port + 1;
    uint32_t hash;

    if (search->range->hash) {
        hash = hash_bytes(&t->src, sizeof t->src, t->proto);
        hash = hash_bytes(&t->dst, sizeof t->dst, hash);
        hash = hash_2words(hash, (OVS_FORCE uint32_t) t->src_port << 16
                                 | (OVS_FORCE uint16_t) t->dst_port);
    } else {
        hash = random_uint32();
    }
    return search->min_port + (((uint64_t) hash * n) >> 32);
}

static uint128
addr_to_number(const union ct_inet_addr *addr, bool ipv6)
{
    if (ipv6) {
        ovs_be64 half[2];

        memcpy(half, addr, sizeof half);
        return (uint128) ntohll(half[0]) << 64 | ntohll(half[1]);
    }
    return ntohl(addr->ip);
}

/* The address number 'index' of the range. */
static union ct_inet_addr
range_addr(const struct ct_nat_range *range, uint32_t index)
{
    uint128 number = addr_to_number(&range->min_addr, range->ipv6) + index;
    union ct_inet_addr addr = { .u64 = { 0, 0 } };

    if (range->ipv6) {
        ovs_be64 half[2] = { htonll(number >> 64), htonll(number) };

        memcpy(&addr, half, sizeof addr);
    } else {
        addr.ip = htonl(number);
    }
    return addr;
}

/* How many addresses the range has.  Of a wider IPv6 range the first 2^32 - 1
 * are used. */
static uint32_t
range_n_addrs(const struct ct_nat_range *range)
{
    uint128 min = addr_to_number(&range->min_addr, range->ipv6);
    uint128 max = addr_to_number(&range->max_addr, range->ipv6);

    return (max < min ? 1
            : max - min >= UINT32_MAX ? UINT32_MAX
            : (uint32_t) (max - min + 1));
}

/* Which address of the range a connection gets: one client is seen at one
 * address by a server, and with 'persistent' by all, also after a restart:
 * the hash has no secret. */
static uint32_t
range_index(const struct ct_nat_search *search)
{
    const struct ct_tuple *t = &search->packet->tuple;
    uint32_t hash = hash_bytes(&t->src, sizeof t->src, 0);

    if (!search->range->persistent) {
        hash = hash_bytes(&t->dst, sizeof t->dst, hash);
    }
    return ((uint64_t) hash * range_n_addrs(search->range)) >> 32;
}

static void
pool_key(const struct ct_nat_search *search, struct ct_nat_pool_key *key)
{
    ct_nat_pool_key_init(key, search->packet->request->zone, &search->to);
}

static uint32_t
hash_to(const struct ct_nat_search *search)
{
    return ct_nat_hash_dst(&search->to);
}

static uint32_t
hash_ports(const struct ct_nat_search *search)
{
    return hash_2words(search->min_port, search->max_port);
}
