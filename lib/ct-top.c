/* SPDX-License-Identifier: Apache-2.0 */

/* Sums over connections, again and again: called by ct-query-top.c.  Beside a
 * packet's way.  Who talks: ct-talkers.c. */

#include <config.h>

#include "ct-top.h"

#include <inttypes.h>
#include <stdlib.h>

#include "ct.h"
#include "ct-census.h"
#include "ct-counters.h"
#include "ct-dump.h"
#include "ct-joint.h"
#include "ct-l4.h"
#include "ct-talkers.h"
#include "ct-tracker.h"
#include "util.h"

/* A connection as the last pass saw it. */
struct seen {
    uint32_t id;                /* 0: none. */
    uint32_t packets;           /* Modulo 2^32. */
    uint64_t bytes;
};

struct zone_sum {
    uint16_t id;
    uint64_t connections, packets, bytes;
};

struct ct_top {
    struct ct *ct;
    struct ct_filter filter;
    enum ct_top_group group;

    /* From one pass to the next. */
    struct seen **chunks;               /* By number and place of a record
                                         * (ct-chunk.h); NULL: none seen. */
    size_t n_chunks;
    uint64_t counters[CT_N_COUNTERS];   /* At the end of the last pass, */
    uint64_t new[CT_N_COUNTERS];        /* and what came with it. */
    long long last;                     /* When it ended. */
    unsigned int n_passes;

    /* Of a pass. */
    struct ct_dump *dump;               /* NULL: between passes. */
    struct zone_sum *zones;
    size_t n_zones, allocated_zones;
    size_t last_zone;                   /* Its connections come together. */
    struct ct_census census;
    struct ct_talkers *talkers;
    struct ct_top_row all;
};

static void begin_pass(struct ct_top *);
static void end_pass(struct ct_top *, long long now);
static void take(struct ct_top *, struct ct_conn *);

struct ct_top *
ct_top_create(struct ct *ct, const struct ct_filter *filter,
              enum ct_top_group group)
{
    struct ct_top *top = xzalloc(sizeof *top);

    top->ct = ct;
    top->filter = *filter;
    top->group = group;
    top->talkers = ct_talkers_create();
    return top;
}

void
ct_top_destroy(struct ct_top *top)
{
    if (top) {
        for (size_t i = 0; i < top->n_chunks; i++) {
            free(top->chunks[i]);
        }
        free(top->chunks);
        ct_dump_destroy(top->dump);
        free(top->zones);
        ct_talkers_destroy(top->talkers);
        free(top);
    }
}

unsigned int
ct_top_n_passes(const struct ct_top *top)
{
    return top->n_passes;
}

bool
ct_top_look(struct ct_top *top, long long now)
{
    if (!top->dump) {
        begin_pass(top);
    }
    for (int i = 0; i < CT_TOP_LOOK; i++) {
        struct ct_conn *conn = ct_dump_next_conn(top->dump);

        if (!conn) {
            end_pass(top, now);
            return false;
        }
        if (ct_filter_match(&top->filter, conn)) {
            take(top, conn);
        }
    }
    return true;
}

static void
begin_pass(struct ct_top *top)
{
    bool zone = ct_filter_has(&top->filter, CT_FILTER_ZONE);

    top->dump = ct_dump_create(top->ct, zone ? &top->filter.zone : NULL, NULL);
    top->n_zones = top->last_zone = 0;
    top->census.n = top->census.n_others = 0;
    ct_talkers_clear(top->talkers);
    top->all = (struct ct_top_row) { .kind = CT_TOP_ALL };
}

static void
end_pass(struct ct_top *top, long long now)
{
    ct_dump_destroy(top->dump);
    top->dump = NULL;
    for (int i = 0; i < CT_N_COUNTERS; i++) {
        uint64_t n = ct_counter_get(top->ct, i);

        top->new[i] = top->n_passes ? n - top->counters[i] : 0;
        top->counters[i] = n;
    }
    top->all.ms = top->n_passes ? now - top->last : 0;
    top->all.total = ct_get_maxconns(top->ct);
    top->last = now;
    top->n_passes++;
}

/* What is known of 'conn'; made at need. */
static struct seen *
seen_of(struct ct_top *top, const struct ct_conn *conn)
{
    const struct ct_chunk *chunk = ct_chunk_of(conn);
    size_t index = chunk->first >> (CT_CHUNK_BITS - CT_NUMBER_SHIFT);

    if (index >= top->n_chunks) {
        top->chunks = xrealloc(top->chunks,
                               (index + 1) * sizeof *top->chunks);
        memset(&top->chunks[top->n_chunks], 0,
               (index + 1 - top->n_chunks) * sizeof *top->chunks);
        top->n_chunks = index + 1;
    }
    if (!top->chunks[index]) {
        top->chunks[index] = xcalloc(chunk->n_records,
                                     sizeof *top->chunks[index]);
    }
    return &top->chunks[index][ct_chunk_index(chunk, conn)];
}

/* Packets and bytes in both directions. */
static void
count(const struct ct_conn *conn, uint64_t *packets, uint64_t *bytes)
{
    struct ct_conn copy;

    if (ct_joint_has(conn)) {
        ct_joint_read(conn, &copy);
        conn = &copy;
    }
    *packets = (conn->counters[CT_DIR_ORIGINAL].packets
                + conn->counters[CT_DIR_REPLY].packets);
    *bytes = (conn->counters[CT_DIR_ORIGINAL].bytes
              + conn->counters[CT_DIR_REPLY].bytes);
}

/* Makes of '*packets' and '*bytes' what is new of them. */
static void
subtract_seen(struct ct_top *top, const struct ct_conn *conn,
              uint64_t *packets, uint64_t *bytes)
{
    struct seen *seen = seen_of(top, conn);
    struct seen before = *seen;

    *seen = (struct seen) { conn->id, *packets, *bytes };
    if (!top->n_passes) {
        *packets = *bytes = 0;
    } else if (before.id == conn->id && *bytes >= before.bytes) {
        *packets = (uint32_t) ((uint32_t) *packets - before.packets);
        *bytes -= before.bytes;
    }
}

static struct zone_sum *
zone_of(struct ct_top *top, uint16_t id)
{
    if (top->last_zone < top->n_zones
        && top->zones[top->last_zone].id == id) {
        return &top->zones[top->last_zone];
    }
    if (top->n_zones >= top->allocated_zones) {
        top->zones = x2nrealloc(top->zones, &top->allocated_zones,
                                sizeof *top->zones);
    }
    /* A dump gives one zone behind the other. */
    top->last_zone = top->n_zones++;
    top->zones[top->last_zone] = (struct zone_sum) { .id = id };
    return &top->zones[top->last_zone];
}

static void
take(struct ct_top *top, struct ct_conn *conn)
{
    struct ct_talk talk = { .connections = 1 };
    struct zone_sum *zone = zone_of(top, conn->key.zone);
    struct ct_tuple tuple;

    count(conn, &talk.packets, &talk.bytes);
    subtract_seen(top, conn, &talk.packets, &talk.bytes);
    zone->connections++;
    zone->packets += talk.packets;
    zone->bytes += talk.bytes;
    top->all.connections++;
    top->all.packets += talk.packets;
    top->all.bytes += talk.bytes;
    ct_census_add(&top->census, conn);
    ct_conn_tuple(conn, CT_DIR_ORIGINAL, &tuple);
    ct_talkers_add(top->talkers, top->group, &tuple, &talk);
}

/* Rows. */

static int
compare_zones(const void *a_, const void *b_)
{
    const struct zone_sum *a = a_, *b = b_;

    return (a->connections != b->connections
            ? (a->connections > b->connections ? -1 : 1)
            : a->id < b->id ? -1 : a->id > b->id);
}

static void
give_zones(struct ct_top *top, ct_top_each *each, void *aux)
{
    if (top->n_zones) {
        qsort(top->zones, top->n_zones, sizeof *top->zones, compare_zones);
    }
    for (size_t i = 0; i < MIN(top->n_zones, CT_TOP_ROWS); i++) {
        const struct zone_sum *zone = &top->zones[i];
        struct ct_zone_limit_info limit;
        struct ct_top_row row = {
            .kind = CT_TOP_ZONE,
            .connections = zone->connections,
            .packets = zone->packets,
            .bytes = zone->bytes,
        };

        ct_zone_limit_get(top->ct, zone->id, &limit);
        row.total = limit.limit;
        snprintf(row.name, sizeof row.name, "%"PRIu16, zone->id);
        each(aux, &row);
    }
}

static int
compare_states(const void *a_, const void *b_)
{
    const struct ct_census_line *a = a_, *b = b_;

    return a->n > b->n ? -1 : a->n < b->n;
}

static void
give_states(struct ct_top *top, ct_top_each *each, void *aux)
{
    struct ct_census *census = &top->census;

    qsort(census->lines, census->n, sizeof census->lines[0], compare_states);
    for (size_t i = 0; i < census->n; i++) {
        const struct ct_census_line *line = &census->lines[i];
        const struct ct_l4 *l4 = ct_l4_find(line->proto);
        struct ct_top_row row = {
            .kind = CT_TOP_STATE, .connections = line->n,
        };

        if (l4 == &ct_l4_generic) {
            snprintf(row.name, sizeof row.name, "%"PRIu8" %s", line->proto,
                     line->state);
        } else {
            snprintf(row.name, sizeof row.name, "%s %s", l4->name,
                     line->state);
        }
        each(aux, &row);
    }
}

static void
give_counters(struct ct_top *top, ct_top_each *each, void *aux)
{
    for (int i = 0; i < CT_N_COUNTERS; i++) {
        struct ct_top_row row = {
            .kind = CT_TOP_COUNTER,
            .packets = top->new[i],
            .total = top->counters[i],
        };

        if (row.total) {
            ovs_strlcpy(row.name, ct_counter_name(i), sizeof row.name);
            each(aux, &row);
        }
    }
}

void
ct_top_rows(struct ct_top *top, ct_top_each *each, void *aux)
{
    give_zones(top, each, aux);
    top->last_zone = top->n_zones;      /* They stand in another order now. */
    give_states(top, each, aux);
    ct_talkers_rows(top->talkers, each, aux);
    give_counters(top, each, aux);
    each(aux, &top->all);
}
