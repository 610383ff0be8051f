/* SPDX-License-Identifier: Apache-2.0 */

/* Sums by talker: called by ct-top.c for each connection. */

#include <config.h>

#include "ct-talkers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ct-l4.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "packets.h"
#include "util.h"

/* Whoever it is; all bytes count. */
struct name {
    union ct_inet_addr addr;
    uint8_t family;             /* AF_*; AF_UNSPEC: a service. */
    uint8_t proto;
    ovs_be16 port;
    uint32_t zero;
};

struct talker {
    struct hmap_node node;
    struct name name;
    struct ct_talk talk;
    bool shown;
};

struct ct_talkers {
    struct hmap by_name;
    struct talker *all;         /* CT_TOP_TALKERS, of which ... */
    size_t n;                   /* ... these are in use. */
};

/* In which respects talkers are large. */
enum respect {
    CONNECTIONS,
    PACKETS,
    BYTES,
    N_RESPECTS
};

#define KEEP (CT_TOP_TALKERS / 4 / N_RESPECTS)

static void prune(struct ct_talkers *);

struct ct_talkers *
ct_talkers_create(void)
{
    struct ct_talkers *t = xmalloc(sizeof *t);

    hmap_init(&t->by_name);
    t->all = xmalloc(CT_TOP_TALKERS * sizeof *t->all);
    t->n = 0;
    return t;
}

void
ct_talkers_destroy(struct ct_talkers *t)
{
    hmap_destroy(&t->by_name);
    free(t->all);
    free(t);
}

void
ct_talkers_clear(struct ct_talkers *t)
{
    hmap_clear(&t->by_name);
    t->n = 0;
}

static struct name
name_of(enum ct_top_group group, const struct ct_tuple *tuple)
{
    struct name name;

    memset(&name, 0, sizeof name);
    if (group == CT_TOP_SERVICE) {
        name.family = AF_UNSPEC;
        name.proto = tuple->proto;
        name.port = (tuple->kind >> CT_KIND_ICMP_SHIFT ? 0 : tuple->dst_port);
    } else {
        name.family = ct_tuple_is_ipv6(tuple) ? AF_INET6 : AF_INET;
        name.addr = group == CT_TOP_SOURCE ? tuple->src : tuple->dst;
    }
    return name;
}

static struct talker *
find(struct ct_talkers *t, const struct name *name, uint32_t hash)
{
    struct talker *talker;

    HMAP_FOR_EACH_WITH_HASH (talker, node, hash, &t->by_name) {
        if (!memcmp(&talker->name, name, sizeof *name)) {
            return talker;
        }
    }
    return NULL;
}

void
ct_talkers_add(struct ct_talkers *t, enum ct_top_group group,
               const struct ct_tuple *tuple, const struct ct_talk *talk)
{
    struct name name = name_of(group, tuple);
    uint32_t hash = hash_bytes(&name, sizeof name, 0);
    struct talker *talker = find(t, &name, hash);

    if (!talker) {
        if (t->n >= CT_TOP_TALKERS) {
            prune(t);
        }
        talker = &t->all[t->n++];
        talker->name = name;
        talker->talk = (struct ct_talk) { 0, 0, 0 };
        talker->shown = false;
        hmap_insert(&t->by_name, &talker->node, hash);
    }
    talker->talk.connections += talk->connections;
    talker->talk.packets += talk->packets;
    talker->talk.bytes += talk->bytes;
}

static uint64_t
size(const struct talker *talker, enum respect respect)
{
    return (respect == CONNECTIONS ? talker->talk.connections
            : respect == PACKETS ? talker->talk.packets
            : talker->talk.bytes);
}

/* Room for others. */

/* The least power of 2 that no more than KEEP talkers reach. */
static uint64_t
threshold(const struct ct_talkers *t, enum respect respect)
{
    size_t n_at[65] = { 0 };
    size_t n = 0;
    int bits;

    for (size_t i = 0; i < t->n; i++) {
        uint64_t s = size(&t->all[i], respect);

        n_at[s ? 1 + log_2_floor(s) : 0]++;
    }
    for (bits = 64; bits > 0 && n + n_at[bits] <= KEEP; bits--) {
        n += n_at[bits];
    }
    return bits >= 64 ? UINT64_MAX : UINT64_C(1) << bits;
}

static void
prune(struct ct_talkers *t)
{
    uint64_t least[N_RESPECTS];
    size_t n = 0;

    for (int i = 0; i < N_RESPECTS; i++) {
        least[i] = threshold(t, i);
    }
    hmap_clear(&t->by_name);
    for (size_t i = 0; i < t->n; i++) {
        const struct talker *talker = &t->all[i];

        if (size(talker, CONNECTIONS) >= least[CONNECTIONS]
            || size(talker, PACKETS) >= least[PACKETS]
            || size(talker, BYTES) >= least[BYTES]) {
            t->all[n] = *talker;
            hmap_insert_fast(&t->by_name, &t->all[n].node,
                             talker->node.hash);
            n++;
        }
    }
    t->n = n;
}

/* Rows. */

static void
format(const struct name *name, struct ct_top_row *row)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (name->family == AF_INET) {
        ds_put_format(&ds, IP_FMT, IP_ARGS(name->addr.ip));
    } else if (name->family == AF_INET6) {
        ipv6_format_addr(&name->addr.ip6, &ds);
    } else {
        const struct ct_l4 *l4 = ct_l4_find(name->proto);

        if (l4 == &ct_l4_generic) {
            ds_put_format(&ds, "%"PRIu8, name->proto);
        } else {
            ds_put_cstr(&ds, l4->name);
        }
        if (name->port) {
            ds_put_format(&ds, " %"PRIu16, ntohs(name->port));
        }
    }
    ovs_strlcpy(row->name, ds_cstr(&ds), sizeof row->name);
    ds_destroy(&ds);
}

static void
give(struct talker *talker, ct_top_each *each, void *aux)
{
    struct ct_top_row row = {
        .kind = CT_TOP_TALKER,
        .connections = talker->talk.connections,
        .packets = talker->talk.packets,
        .bytes = talker->talk.bytes,
    };

    format(&talker->name, &row);
    each(aux, &row);
    talker->shown = true;
}

/* The largest in one respect: a heap of CT_TOP_ROWS would do, but they are
 * few. */
static void
give_largest(struct ct_talkers *t, enum respect respect, ct_top_each *each,
             void *aux)
{
    struct talker *first[CT_TOP_ROWS];
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++) {
        struct talker *talker = &t->all[i];
        size_t at = n;

        if (!size(talker, respect)
            || (n == CT_TOP_ROWS
                && size(talker, respect) <= size(first[n - 1], respect))) {
            continue;
        }
        if (n < CT_TOP_ROWS) {
            n++;
        } else {
            at--;
        }
        for (; at > 0 && size(first[at - 1], respect) < size(talker, respect);
             at--) {
            first[at] = first[at - 1];
        }
        first[at] = talker;
    }
    for (size_t i = 0; i < n; i++) {
        if (!first[i]->shown) {
            give(first[i], each, aux);
        }
    }
}

void
ct_talkers_rows(struct ct_talkers *t, ct_top_each *each, void *aux)
{
    for (size_t i = 0; i < t->n; i++) {
        t->all[i].shown = false;
    }
    for (int i = 0; i < N_RESPECTS; i++) {
        give_largest(t, i, each, aux);
    }
}
