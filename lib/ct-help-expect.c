/* SPDX-License-Identifier: Apache-2.0 */

/* Step "help": what a helper announces becomes an expectation.  Called by
 * ct-helper.c; calls ct-nat-port.c for ports in front of the translation, and
 * ct-expect.c. */

#include <config.h>

#include "ct-help.h"

#include <string.h>

#include "ct-expect-port.h"
#include "ct-expect.h"
#include "ct-nat.h"
#include "ct-nat-port.h"
#include "ct-nat-search.h"
#include "ct-packet.h"
#include "ct-refuse.h"
#include "util.h"

/* Ports that are chosen when the announced one is taken. */
#define MIN_PORT 1024
#define MAX_PORT 65535

/* The one or two expectations of one announcement. */
struct asked {
    struct ct_help_run *run;
    struct ct_expectation *e[2];
    unsigned int n;
    bool settled;
};

static struct ct_expectation *make(struct ct_help_run *,
                                   const struct ct_helper_expect *,
                                   unsigned int index);
static bool choose_ports(struct asked *);
static bool share_ports(const struct asked *);
static bool reserve_ports(struct asked *);
static bool reserve_from(struct asked *, const struct ct_nat_pool_key *,
                         uint16_t port);
static bool reserve_pair(struct asked *, const struct ct_nat_pool_key *);
static struct ct_expectation *take_pending(struct ct_expectation **);
static void add_pending(struct ct_help_run *, struct ct_expectation *);

bool
ct_help_expect(struct ct_helper_call *call, const struct ct_helper_expect *ask,
               struct ct_tuple *place)
{
    struct ct_help_run *run = ct_help_run_cast(call);
    struct asked asked = { .run = run, .n = ask->pair ? 2 : 1,
                           .settled = ask->settled };
    bool ok;

    for (unsigned int i = 0; i < asked.n; i++) {
        asked.e[i] = make(run, ask, i);
    }
    ok = choose_ports(&asked);
    *place = asked.e[0]->tuple;
    for (unsigned int i = 0; i < asked.n; i++) {
        if (ok) {
            add_pending(run, asked.e[i]);
        } else {
            ct_expect_free(asked.e[i]);
        }
    }
    if (!ok) {
        ct_refuse(run->packet, CT_C_DROP_NAT_EXHAUSTED);
    }
    return ok;
}

unsigned int
ct_help_forget(struct ct_helper_call *call,
               const struct ct_helper_match *match)
{
    struct ct_help_run *run = ct_help_run_cast(call);
    struct ct_packet *packet = run->packet;
    struct ct_expectation **p = &run->pending;
    unsigned int n = 0;

    while (*p) {
        if (ct_expect_is_asked(*p, match)) {
            ct_expect_free(take_pending(p));
            n++;
        } else {
            p = &(*p)->next;
        }
    }
    return n + ct_expects_forget(packet->zone, packet->conn, match);
}

unsigned int
ct_help_refresh(struct ct_helper_call *call,
                const struct ct_helper_match *match, unsigned int seconds)
{
    struct ct_help_run *run = ct_help_run_cast(call);
    struct ct_packet *packet = run->packet;
    long long expires = call->now + seconds * 1000LL;
    unsigned int n = 0;

    for (struct ct_expectation *e = run->pending; e; e = e->next) {
        if (ct_expect_is_asked(e, match)) {
            e->expires = expires;
            e->inactive = false;
            n++;
        }
    }
    return n + ct_expects_refresh(packet->zone, packet->conn, match, expires);
}

bool
ct_help_expect_finish(struct ct_help_run *run, bool accepted)
{
    struct ct_packet *packet = run->packet;

    if (!run->pending) {
        return true;
    }
    if (accepted && ct_expect_add(packet->ct, packet->zone, run->pending)) {
        return true;
    }
    ct_expect_free_all(run->pending);
    if (accepted) {
        ct_refuse(packet, CT_C_DROP_EXPECT);
    }
    return false;
}

/* A connection in the direction ask->dir of its parent comes as that one's
 * packets come, and leaves as they leave. */
static struct ct_expectation *
make(struct ct_help_run *run, const struct ct_helper_expect *ask,
     unsigned int index)
{
    const struct ct_helper_call *call = &run->call;
    const struct ct_tuple *comes = &call->tuples[ask->dir];
    const struct ct_tuple *answered = &call->tuples[!ask->dir];
    const struct ct_helper_class *class = &call->helper->classes[ask->class];
    struct ct_expectation *e = ct_expect_create(run->packet->conn);
    unsigned int timeout = ask->timeout ? ask->timeout : class->timeout;
    bool is_hidden = !ask->dst_stays && memcmp(&comes->dst, &answered->src,
                                               sizeof comes->dst);

    /* Else add_pending() has none that could give way. */
    ovs_assert(class->max_expected);
    e->helper = call->helper;
    e->class = ask->class;
    e->dir = ask->dir;
    e->expires = call->now + timeout * 1000LL;
    e->permanent = ask->permanent;
    e->inactive = ask->inactive;
    e->child_helper = ask->helper;

    e->to_dst = ask->has_dst ? ask->dst : answered->src;
    e->to_dst_port = htons(ntohs(ask->port) + index);
    e->any_src = ask->any_src;
    e->tuple.src = ask->has_src ? ask->src : comes->src;
    e->src_prefix = ask->src_prefix;
    e->tuple.src_port = ask->src_port;
    e->tuple.dst = is_hidden ? comes->dst : e->to_dst;
    e->tuple.dst_port = e->to_dst_port;
    e->tuple.proto = ask->proto ? ask->proto : comes->proto;
    e->tuple.kind = ((comes->kind & CT_KIND_IPV6)
                     | (e->tuple.proto == IPPROTO_GRE ? CT_KIND_GRE_KEY : 0));
    if (ask->settled) {
        e->tuple.dst_port = ask->settled_dst;
        e->settled_src_port = ask->settled_src;
    }

    e->nat = call->nat;
    e->parent_src = comes->src;
    e->to_src = answered->dst;
    return e;
}

/* The ports in front of the translation: those announced if possible. */
static bool
choose_ports(struct asked *asked)
{
    const struct ct_expectation *e = asked->e[0];
    const struct ct_helper_call *call = &asked->run->call;
    const struct ct_tuple *answered = &call->tuples[!e->dir];

    if (!e->nat || asked->settled
        || !memcmp(&e->tuple.dst, &e->to_dst, sizeof e->to_dst)) {
        return true;
    }
    if (asked->n == 1 && e->tuple.proto == answered->proto
        && e->to_dst_port == answered->src_port
        && !memcmp(&e->to_dst, &answered->src, sizeof e->to_dst)) {
        /* The parent's own, which is translated already. */
        asked->e[0]->tuple.dst_port = call->tuples[e->dir].dst_port;
        return true;
    }
    return share_ports(asked) || reserve_ports(asked);
}

static const struct ct_expectation *
find_pending(const struct ct_help_run *run, const struct ct_expectation *e)
{
    const struct ct_expectation *other;

    for (other = run->pending; other; other = other->next) {
        if (ct_expect_is_same(other, e)) {
            return other;
        }
    }
    return NULL;
}

/* The ports that the same have which were announced before.  They are shared
 * at once: until these are added, the others may have ended. */
static bool
share_ports(const struct asked *asked)
{
    const struct ct_help_run *run = asked->run;
    bool ok = true;

    for (unsigned int i = 0; ok && i < asked->n; i++) {
        struct ct_expectation *e = asked->e[i];
        const struct ct_expectation *pending = find_pending(run, e);

        ok = ((pending ? ct_expect_share_port(e, pending)
               : ct_expect_share_known_port(run->packet->zone, e))
              && e->port->port == asked->e[0]->port->port + i);
    }
    for (unsigned int i = 0; !ok && i < asked->n; i++) {
        ct_expect_drop_port(asked->e[i]);
    }
    return ok;
}

static struct ct_nat_pools *
pools(const struct asked *asked)
{
    return ct_get_nat(asked->run->packet->ct)->pools;
}

static void
set_port(struct ct_expectation *e, struct ct_nat_pool *pool, uint16_t port)
{
    e->tuple.dst_port = htons(port);
    ct_expect_set_port(e, pool);
}

static bool
reserve_ports(struct asked *asked)
{
    const struct ct_packet *packet = asked->run->packet;
    struct ct_expectation *e = asked->e[0];
    uint16_t port = ntohs(e->to_dst_port);
    struct ct_nat_pool_key key;
    struct ct_nat_pool *pool;
    struct ct_tuple to = e->tuple;

    to.src = e->tuple.dst;
    ct_nat_pool_key_init(&key, packet->request->zone, &to);
    if (reserve_from(asked, &key, port)) {
        return true;
    }
    if (asked->n == 2) {
        return reserve_pair(asked, &key);
    }
    pool = ct_nat_port_reserve_next(pools(asked), &key, MAX(port, MIN_PORT),
                                    MIN_PORT, MAX_PORT, &port);
    if (pool) {
        set_port(e, pool, port);
    }
    return pool;
}

/* 'port', and for a pair the one behind it. */
static bool
reserve_from(struct asked *asked, const struct ct_nat_pool_key *key,
             uint16_t port)
{
    for (unsigned int i = 0; i < asked->n; i++) {
        struct ct_nat_pool *pool = ct_nat_port_reserve(pools(asked), key,
                                                       port + i);

        if (!pool) {
            ct_expect_drop_port(asked->e[0]);
            return false;
        }
        set_port(asked->e[i], pool, port + i);
    }
    return true;
}

/* An even port that is free, and the one behind it. */
static bool
reserve_pair(struct asked *asked, const struct ct_nat_pool_key *key)
{
    uint16_t port = MAX(ntohs(asked->e[0]->to_dst_port), MIN_PORT);
    struct ct_nat_pool *pool = ct_nat_port_reserve_pair(
        pools(asked), key, port, MIN_PORT, MAX_PORT, &port);

    for (unsigned int i = 0; pool && i < asked->n; i++) {
        set_port(asked->e[i], pool, port + i);
    }
    return pool;
}

static struct ct_expectation *
take_pending(struct ct_expectation **p)
{
    struct ct_expectation *e = *p;

    *p = e->next;
    return e;
}

/* Behind those that are pending; the same a second time takes the first one's
 * place.  What ct_expect_add() would end at once, as the oldest of more than
 * the class may have, goes now: else the work for a packet would grow with the
 * square of what it announces. */
static void
add_pending(struct ct_help_run *run, struct ct_expectation *e)
{
    struct ct_expectation **p = &run->pending, **oldest = NULL, *old;
    unsigned int n = 0;

    while ((old = *p) != NULL) {
        if (ct_expect_is_same(old, e)) {
            ct_expect_free(take_pending(p));
            continue;
        }
        if (old->class == e->class && !n++) {
            oldest = p;
        }
        p = &old->next;
    }
    *p = e;
    if (n >= e->helper->classes[e->class].max_expected) {
        ct_expect_free(take_pending(oldest));
    }
}
