/* SPDX-License-Identifier: Apache-2.0 */

/* Iteration over connections, for dpctl/dump-conntrack and all that is built
 * on it. */

#include <config.h>

#include "ct-dump.h"

#include "ct.h"
#include "ct-copy.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "timeval.h"
#include "util.h"

/* What stays from one call to the next are record, id and bucket: records are
 * type-stable, and one whose id has changed is another connection. */
struct ct_dump {
    struct ct *ct;
    bool one_zone;
    unsigned int zone_index;        /* In order of creation; or ... */
    uint16_t zone_id;               /* ... the one. */
    unsigned int n_zones;           /* When the dump began. */
    uint64_t seq;                   /* Generation of 'cursor'; 0: none. */
    struct ct_table_cursor cursor;

    /* ct-bkts wants one row of buckets: zones stand behind each other. */
    uint32_t n_buckets;             /* When the dump began. */
    uint32_t base;                  /* Of the current zone. */

    struct ct_conn *conns[64];
    uint32_t ids[64];
    uint32_t buckets[64];
    size_t n, next;
};

static uint32_t count_buckets(const struct ct_dump *);
static struct ct_zone *current_zone(const struct ct_dump *);
static bool refill(struct ct_dump *);
static bool read_zone(struct ct_dump *, const struct ct_zone *);
static bool next_zone(struct ct_dump *);
static bool still_lives(const struct ct_conn *, uint32_t id, long long now);

struct ct_dump *
ct_dump_create(struct ct *ct, const uint16_t *zone, int *n_buckets)
{
    struct ct_dump *dump = xzalloc(sizeof *dump);

    dump->ct = ct;
    dump->one_zone = zone != NULL;
    dump->zone_id = zone ? *zone : 0;
    dump->n_zones = ct_zones_count(ct);
    dump->n_buckets = count_buckets(dump);
    if (n_buckets) {
        *n_buckets = dump->n_buckets;
    }
    return dump;
}

int
ct_dump_next(struct ct_dump *dump, struct ct_dpif_entry *entry)
{
    struct ct_conn *conn = ct_dump_next_conn(dump);

    if (!conn) {
        return EOF;
    }
    ct_dump_fill(dump->ct, conn, time_msec(), entry);
    entry->bkt = MIN(dump->base + dump->buckets[dump->next - 1],
                     dump->n_buckets ? dump->n_buckets - 1 : 0);
    return 0;
}

struct ct_conn *
ct_dump_next_conn(struct ct_dump *dump)
{
    long long now = time_msec();

    do {
        while (dump->next < dump->n) {
            size_t slot = dump->next++;

            if (still_lives(dump->conns[slot], dump->ids[slot], now)) {
                return dump->conns[slot];
            }
        }
    } while (refill(dump));
    return NULL;
}

void
ct_dump_destroy(struct ct_dump *dump)
{
    free(dump);
}

void
ct_dump_fill(const struct ct *ct, struct ct_conn *conn, long long now,
             struct ct_dpif_entry *entry)
{
    struct ct_copy copy;

    ct_copy_take(conn, &copy);
    ct_copy_describe(ct, &copy, now, entry);
}

static uint32_t
count_buckets(const struct ct_dump *dump)
{
    const struct ct_zone *zone = ct_zone_get(dump->ct, dump->zone_id);
    uint32_t n = 0;

    if (dump->one_zone) {
        return zone ? ct_table_n_buckets(ct_zone_table(zone)) : 0;
    }
    for (unsigned int i = 0; i < dump->n_zones; i++) {
        n += ct_table_n_buckets(ct_zone_table(ct_zones_at(dump->ct, i)));
    }
    return n;
}

static struct ct_zone *
current_zone(const struct ct_dump *dump)
{
    if (dump->one_zone) {
        return (dump->zone_index
                ? NULL : ct_zone_get(dump->ct, dump->zone_id));
    }
    return (dump->zone_index < dump->n_zones
            ? ct_zones_at(dump->ct, dump->zone_index) : NULL);
}

/* Reads on, over as many zones as need be.  False at the end. */
static bool
refill(struct ct_dump *dump)
{
    do {
        struct ct_zone *zone = current_zone(dump);

        if (!zone) {
            return false;
        }
        if (read_zone(dump, zone)) {
            return true;
        }
    } while (next_zone(dump));
    return false;
}

static bool
read_zone(struct ct_dump *dump, const struct ct_zone *zone)
{
    const struct ct_generation *generation = ct_zone_generation(zone);

    if (!dump->seq) {
        dump->seq = generation->seq;
    } else if (dump->seq != generation->seq) {
        return false;           /* Flushed: all that was there is gone. */
    }

    dump->next = 0;
    dump->n = ct_table_next(generation->table, &dump->cursor, dump->conns,
                            dump->buckets, ARRAY_SIZE(dump->conns));
    for (size_t i = 0; i < dump->n; i++) {
        dump->ids[i] = dump->conns[i]->id;
    }
    return dump->n > 0;
}

static bool
next_zone(struct ct_dump *dump)
{
    const struct ct_zone *zone = current_zone(dump);

    if (zone) {
        dump->base += ct_table_n_buckets(ct_zone_table(zone));
    }
    dump->zone_index++;
    dump->seq = 0;
    dump->n = dump->next = 0;
    memset(&dump->cursor, 0, sizeof dump->cursor);
    return true;
}

/* Is what we remember still there?  Asking for the id twice shows that it is
 * this connection, not another in its memory, which was alive in between; and
 * then its memory stays until we quiesce. */
static bool
still_lives(const struct ct_conn *conn, uint32_t id, long long now)
{
    return (ct_conn_is_live(conn, id)
            && ct_conn_lives(conn, now)
            && !(atomic_load(&conn->status) & CT_DPIF_STATUS_DYING)
            && ct_conn_is_live(conn, id));
}
