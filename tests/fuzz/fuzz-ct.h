/* SPDX-License-Identifier: Apache-2.0 */

#ifndef FUZZ_CT_H
#define FUZZ_CT_H 1

/* A tracker for fuzz targets, and what must be true of it at any time.
 *
 * There is one for all inputs, since making one takes a thread.  Its clock is
 * ahead of that of the machine, so that its maintenance thread, which goes by
 * the latter, never has anything to expire. */

#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>

#include "ct.h"
#include "ct-counters.h"
#include "ct-nat.h"
#include "ct-nat-port.h"
#include "ct-nat-search.h"
#include "ct-wheel.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "random.h"
#include "timeval.h"

#define FUZZ_N_ZONES 3
#define FUZZ_N_POLICIES 2
#define FUZZ_MAX_CONNS 256

static struct ct *ct;
static long long now;

/* The connections at some time. */
struct fuzz_conns {
    struct ct_dpif_entry entries[FUZZ_MAX_CONNS];
    size_t n;
    uint64_t n_created, n_ended;
};

static inline uint64_t
fuzz_n_ended(void)
{
    return (ct_counter_get(ct, CT_C_EXPIRED)
            + ct_counter_get(ct, CT_C_DELETED)
            + ct_counter_get(ct, CT_C_EARLY_DROP)
            + ct_counter_get(ct, CT_C_HALF_OPEN_DROP));
}

/* Packets that were dropped or invalid, for whatever reason. */
static inline uint64_t
fuzz_n_bad(void)
{
    uint64_t n = 0;

    for (int i = 0; i < CT_N_COUNTERS; i++) {
        const char *name = ct_counter_name(i);

        if (!strncmp(name, "drop-", 5) || !strncmp(name, "invalid-", 8)) {
            n += ct_counter_get(ct, i);
        }
    }
    return n;
}

static inline void
fuzz_ct_begin(void)
{
    if (!ct) {
        ct = ct_create();
    }
    random_set_seed(1);
    if (now < time_msec() + 1800 * 1000) {
        now = time_msec() + 3600 * 1000;
    }
}

static inline void
fuzz_pass_time(long long ms)
{
    now += ms;
    ct_run(ct, now);
    ovsrcu_quiesce();
}

static inline void
fuzz_dump(struct fuzz_conns *conns)
{
    struct ct_dump *dump = ct_dump_create(ct, NULL, NULL);
    struct ct_dpif_entry entry;

    conns->n = 0;
    while (!ct_dump_next(dump, &entry)) {
        assert(conns->n < FUZZ_MAX_CONNS);
        ct_dpif_entry_uninit(&entry);       /* Who needs its helper? */
        conns->entries[conns->n++] = entry;
    }
    ct_dump_destroy(dump);
    conns->n_created = ct_counter_get(ct, CT_C_CREATED);
    conns->n_ended = fuzz_n_ended();
}

/* The fields that count, in memory that is all zero beside. */
static inline void
fuzz_plain_tuple(const struct ct_dpif_tuple *t, struct ct_dpif_tuple *plain)
{
    size_t n = t->l3_type == AF_INET6 ? sizeof t->src : sizeof t->src.ip;

    memset(plain, 0, sizeof *plain);
    plain->l3_type = t->l3_type;
    plain->ip_proto = t->ip_proto;
    memcpy(&plain->src, &t->src, n);
    memcpy(&plain->dst, &t->dst, n);
    if (t->ip_proto == IPPROTO_ICMP || t->ip_proto == IPPROTO_ICMPV6) {
        plain->icmp_id = t->icmp_id;
        plain->icmp_type = t->icmp_type;
        plain->icmp_code = t->icmp_code;
    } else {
        plain->src_port = t->src_port;
        plain->dst_port = t->dst_port;
    }
}

static inline bool
fuzz_same_tuple(const struct ct_dpif_tuple *a, const struct ct_dpif_tuple *b)
{
    struct ct_dpif_tuple x, y;

    fuzz_plain_tuple(a, &x);
    fuzz_plain_tuple(b, &y);
    return !memcmp(&x, &y, sizeof x);
}

static inline const struct ct_dpif_entry *
fuzz_find_conn(const struct fuzz_conns *conns, uint32_t id)
{
    for (size_t i = 0; i < conns->n; i++) {
        if (conns->entries[i].id == id) {
            return &conns->entries[i];
        }
    }
    return NULL;
}

/* Two connections of a zone have no tuple in common. */
static inline void
fuzz_check_distinct(const struct fuzz_conns *conns)
{
    for (size_t i = 0; i < conns->n; i++) {
        const struct ct_dpif_entry *a = &conns->entries[i];

        assert(a->zone < FUZZ_N_ZONES && a->id);
        for (size_t j = 0; j < i; j++) {
            const struct ct_dpif_entry *b = &conns->entries[j];

            assert(a->id != b->id);
            if (a->zone == b->zone) {
                assert(!fuzz_same_tuple(&a->tuple_orig, &b->tuple_orig));
                assert(!fuzz_same_tuple(&a->tuple_orig, &b->tuple_reply));
                assert(!fuzz_same_tuple(&a->tuple_reply, &b->tuple_orig));
                assert(!fuzz_same_tuple(&a->tuple_reply, &b->tuple_reply));
            }
        }
    }
}

/* Each that came was counted, and each that went. */
static inline void
fuzz_check_counted(const struct fuzz_conns *before,
                   const struct fuzz_conns *after)
{
    uint64_t n_came = after->n_created - before->n_created;
    uint64_t n_went = after->n_ended - before->n_ended;

    assert(after->n + n_went == before->n + n_came);
    for (size_t i = 0; i < before->n; i++) {
        const struct ct_dpif_entry *old = &before->entries[i];
        const struct ct_dpif_entry *new = fuzz_find_conn(after, old->id);

        if (!new) {
            assert(n_went-- > 0);
            continue;
        }
        assert(new->zone == old->zone);
        assert(fuzz_same_tuple(&new->tuple_orig, &old->tuple_orig));
        assert(fuzz_same_tuple(&new->tuple_reply, &old->tuple_reply));
        assert(new->counters_orig.packets >= old->counters_orig.packets
               && new->counters_reply.packets >= old->counters_reply.packets
               && new->counters_orig.bytes >= old->counters_orig.bytes
               && new->counters_reply.bytes >= old->counters_reply.bytes);
    }
}

/* 'conns' is what was; becomes what is. */
static inline void
fuzz_check_conns(struct fuzz_conns *conns)
{
    static struct fuzz_conns after;

    fuzz_dump(&after);
    assert(after.n == ct_get_nconns(ct));
    fuzz_check_distinct(&after);
    fuzz_check_counted(conns, &after);
    *conns = after;
}

/* Waits until what was flushed is counted as such. */
static inline void
fuzz_await_flush(void)
{
    for (int i = 0; (fuzz_n_ended() + ct_get_nconns(ct)
                     != ct_counter_get(ct, CT_C_CREATED)); i++) {
        assert(i < 200000);
        fuzz_pass_time(CT_WHEEL_TICK_MS);
        if (i > 8) {
            xnanosleep(50 * 1000);
        }
    }
}

/* One by one: at once, with nothing left to be waited for. */
static inline void
fuzz_ct_end(void)
{
    static struct fuzz_conns conns;

    ct_set_maxconns(ct, FUZZ_MAX_CONNS);
    ct_set_tcp_seq_chk(ct, true);
    fuzz_dump(&conns);
    for (size_t i = 0; i < conns.n; i++) {
        assert(!ct_flush(ct, &conns.entries[i].zone,
                         &conns.entries[i].tuple_orig));
    }
    for (int zone = -1; zone < FUZZ_N_ZONES; zone++) {
        struct ct_zone_limit_info info;

        ct_zone_limit_set(ct, zone, 0);
        if (zone >= 0) {
            ct_zone_limit_get(ct, zone, &info);
            assert(!info.count);
            ct_zone_limit_del(ct, zone);
        }
    }
    for (uint32_t id = 1; id <= FUZZ_N_POLICIES; id++) {
        ct_timeout_policy_del(ct, id);
    }
    assert(!ct_get_nconns(ct));
    assert(fuzz_n_ended() == ct_counter_get(ct, CT_C_CREATED));
    assert(!ct_nat_pools_count(ct_get_nat(ct)->pools));
    fuzz_pass_time(60 * 1000);
}

#endif /* fuzz-ct.h */
