/* SPDX-License-Identifier: Apache-2.0 */

/* The standby's side of a pair of trackers, beside a packet's way: called by
 * whoever receives messages. */

#include <config.h>

#include "ct-replica.h"

#include <netinet/in.h>

#include "ct.h"
#include "ct-change.h"
#include "ct-dump.h"
#include "ct-netlink.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "util.h"

/* By record number. */
struct numbers {
    uint64_t *words;            /* A bit each. */
    size_t n_words;
};
struct ids {
    uint32_t *ids;              /* The connection's id elsewhere; 0: not told
                                 * of. */
    size_t n;
};

struct ct_replica {
    struct ct *ct;
    struct ct_replica_stats stats;
    bool bulk;                  /* 'seen' counts. */
    struct numbers seen;        /* Told since the bulk began. */
    struct ids ids;
};

static bool numbers_has(const struct numbers *, uint32_t number);
static void numbers_add(struct numbers *, uint32_t number);
static uint32_t ids_get(const struct ids *, uint32_t number);
static void ids_set(struct ids *, uint32_t number, uint32_t id);
static void *grow(void *array, size_t *n, size_t index, size_t size);
static bool is_other(const struct ct_replica *, const struct ct_conn *,
                     uint32_t id);
static void make(struct ct_replica *, struct ct_nl_conn *, long long now);
static struct ct_conn *find(const struct ct_replica *,
                            const struct ct_dpif_entry *);
static void sweep(struct ct_replica *, long long now);

struct ct_replica *
ct_replica_create(struct ct *ct)
{
    struct ct_replica *replica;

    if (atomic_exchange(&ct->held, true)) {
        return NULL;
    }
    replica = xzalloc(sizeof *replica);
    replica->ct = ct;
    return replica;
}

void
ct_replica_destroy(struct ct_replica *replica)
{
    if (replica) {
        atomic_store(&replica->ct->held, false);
        free(replica->seen.words);
        free(replica->ids.ids);
        free(replica);
    }
}

const struct ct_replica_stats *
ct_replica_stats(const struct ct_replica *replica)
{
    return &replica->stats;
}

const char *
ct_replica_apply(struct ct_replica *replica, const struct ofpbuf *msg,
                 long long now)
{
    const struct nlmsghdr *nlmsg = msg->data;
    struct ct_nl_conn conn;
    const char *error = ct_nl_get_conn(msg, &conn);

    if (error) {
        return error;
    }

    struct ct_conn *old = find(replica, &conn.entry);
    bool ends = nlmsg->nlmsg_type == CT_NL_TYPE(IPCTNL_MSG_CT_DELETE);

    if (ends && old && is_other(replica, old, conn.entry.id)) {
        return NULL;
    }
    if (old) {
        ct_conn_end(replica->ct, old, CT_C_DELETED);
    }
    if (ends) {
        replica->stats.n_ended += old != NULL;
    } else {
        make(replica, &conn, now);
    }
    return NULL;
}

/* The end of a connection may be told when its tuple is another one's already:
 * those of a zone that is flushed end one by one, and packets begin new ones
 * meanwhile. */
static bool
is_other(const struct ct_replica *replica, const struct ct_conn *conn,
         uint32_t id)
{
    uint32_t known = ids_get(&replica->ids, ct_conn_number(conn));

    return known && id && known != id;
}

void
ct_replica_begin_bulk(struct ct_replica *replica)
{
    memset(replica->seen.words, 0,
           replica->seen.n_words * sizeof *replica->seen.words);
    replica->bulk = true;
}

void
ct_replica_end_bulk(struct ct_replica *replica, long long now)
{
    if (replica->bulk) {
        sweep(replica, now);
        replica->bulk = false;
    }
}

static void
make(struct ct_replica *replica, struct ct_nl_conn *conn, long long now)
{
    struct ct_dpif_entry *e = &conn->entry;
    const char *why = NULL;

    e->helper.name = conn->helper[0] ? conn->helper : NULL;
    e->timeout = MAX(e->timeout, 1);
    if (ct_insert(replica->ct, e, now, &why)) {
        replica->stats.n_refused++;
        replica->stats.why = why;
        return;
    }
    replica->stats.n_made++;

    const struct ct_conn *made = find(replica, e);
    if (made) {
        ids_set(&replica->ids, ct_conn_number(made), e->id);
        if (replica->bulk) {
            numbers_add(&replica->seen, ct_conn_number(made));
        }
    }
}

/* The one that has the entry's original tuple, in that direction. */
static struct ct_conn *
find(const struct ct_replica *replica, const struct ct_dpif_entry *entry)
{
    const struct ct_zone *zone = ct_zone_get(replica->ct, entry->zone);
    struct ct_tuple tuple;
    struct ct_conn *conn;
    enum ct_dir dir;

    if (!zone || ct_tuple_from_dpif(&entry->tuple_orig, &tuple)) {
        return NULL;
    }
    conn = ct_zone_find(zone, &tuple, &dir);
    return conn && dir == CT_DIR_ORIGINAL ? conn : NULL;
}

static void
sweep(struct ct_replica *replica, long long now OVS_UNUSED)
{
    struct ct_dump *dump = ct_dump_create(replica->ct, NULL, NULL);
    struct ct_conn *conn;

    while ((conn = ct_dump_next_conn(dump)) != NULL) {
        if (!numbers_has(&replica->seen, ct_conn_number(conn))
            && ct_conn_end(replica->ct, conn, CT_C_DELETED)) {
            replica->stats.n_swept++;
        }
    }
    ct_dump_destroy(dump);
}

/* Record numbers. */

static bool
numbers_has(const struct numbers *numbers, uint32_t number)
{
    return (number / 64 < numbers->n_words
            && numbers->words[number / 64] >> number % 64 & 1);
}

static void
numbers_add(struct numbers *numbers, uint32_t number)
{
    numbers->words = grow(numbers->words, &numbers->n_words, number / 64,
                          sizeof *numbers->words);
    numbers->words[number / 64] |= UINT64_C(1) << number % 64;
}

static uint32_t
ids_get(const struct ids *ids, uint32_t number)
{
    return number < ids->n ? ids->ids[number] : 0;
}

static void
ids_set(struct ids *ids, uint32_t number, uint32_t id)
{
    ids->ids = grow(ids->ids, &ids->n, number, sizeof *ids->ids);
    ids->ids[number] = id;
}

/* 'array' of '*n' elements, with zeros behind them so that there is one at
 * 'index'. */
static void *
grow(void *array, size_t *n, size_t index, size_t size)
{
    if (index >= *n) {
        size_t old = *n;

        *n = MAX(index + 1, 2 * old);
        array = xrealloc(array, *n * size);
        memset((char *) array + old * size, 0, (*n - old) * size);
    }
    return array;
}
