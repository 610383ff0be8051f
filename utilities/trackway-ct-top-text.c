/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct --top: the lines of a table. */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "packets.h"
#include "trackway-ct-top.h"
#include "util.h"

/* Rows of each kind, unless the screen is lower, and unless more fit. */
#define N_ZONES 10
#define N_TALKERS 10
#define N_ZONES_SCREEN 4
#define N_STATES_SCREEN 7
#define N_REASONS_SCREEN 6
#define N_TALKERS_LEAST 3

static void put_head(const struct tct_top *, const struct ct_top_row *all,
                     struct ds *);
static void put_zones(const struct tct_top *, unsigned int max, struct ds *);
static void put_states(const struct tct_top *, unsigned int max, struct ds *);
static void put_talkers(const struct tct_top *, unsigned int max,
                        struct ds *);
static void put_reasons(const struct tct_top *, unsigned int max,
                        struct ds *);

static const struct ct_top_row *
find_all(const struct tct_top *top)
{
    const struct tct_table_of_rows *t = &top->shown;

    return t->n ? &t->rows[t->n - 1] : NULL;
}

static bool
is_reason(const struct ct_top_row *row)
{
    return (row->kind == CT_TOP_COUNTER
            && (!strncmp(row->name, "invalid-", strlen("invalid-"))
                || !strncmp(row->name, "drop-", strlen("drop-"))));
}

static unsigned int
count_lines(const struct ds *ds)
{
    unsigned int n = 0;

    for (size_t i = 0; i < ds->length; i++) {
        n += ds->string[i] == '\n';
    }
    return n;
}

void
tct_top_format(const struct tct_top *top, unsigned int height, struct ds *ds)
{
    const struct ct_top_row *all = find_all(top);
    struct ds reasons = DS_EMPTY_INITIALIZER;
    unsigned int before = count_lines(ds), talkers;

    if (!all) {
        ds_put_cstr(ds, "trackway-ct --top: waiting for the first table\n");
        return;
    }
    put_head(top, all, ds);
    put_zones(top, height ? N_ZONES_SCREEN : N_ZONES, ds);
    put_states(top, height ? N_STATES_SCREEN : UINT_MAX, ds);
    put_reasons(top, height ? N_REASONS_SCREEN : UINT_MAX, &reasons);

    talkers = N_TALKERS;
    if (height) {
        unsigned int used = (count_lines(ds) - before + count_lines(&reasons)
                             + 2);

        talkers = (height > used + N_TALKERS_LEAST
                   ? height - used : N_TALKERS_LEAST);
    }
    put_talkers(top, talkers, ds);
    ds_put_cstr(ds, ds_cstr(&reasons));
    ds_destroy(&reasons);
}

/* A second's share of 'n'. */
static double
rate(const struct tct_top *top, uint64_t n)
{
    const struct ct_top_row *all = find_all(top);

    return all->ms ? n * 1000.0 / all->ms : 0;
}

static uint64_t
sum_counters(const struct tct_top *top, const char *prefix)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < top->shown.n; i++) {
        const struct ct_top_row *row = &top->shown.rows[i];

        if (row->kind == CT_TOP_COUNTER
            && !strncmp(row->name, prefix, strlen(prefix))) {
            sum += row->packets;
        }
    }
    return sum;
}

static void
put_time(struct ds *ds)
{
    time_t now = time(NULL);
    struct tm tm;
    char text[32];

    localtime_r(&now, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    ds_put_cstr(ds, text);
}

static void
put_head(const struct tct_top *top, const struct ct_top_row *all,
         struct ds *ds)
{
    uint64_t ended = (sum_counters(top, "expired")
                      + sum_counters(top, "deleted")
                      + sum_counters(top, "early-drop")
                      + sum_counters(top, "half-open-drop"));

    put_time(ds);
    ds_put_format(ds, ", last %.3f s, by %s", all->ms / 1000.0,
                  tct_sort_name(top->options.sort));
    if (top->paused) {
        ds_put_cstr(ds, ", paused");
    }
    tct_top_format_filter(&top->options, ds);
    ds_put_format(ds, "\nconnections: %"PRIu64" of at most %"PRIu64"\n",
                  all->connections, all->total);
    ds_put_format(ds, "a second: %.1f new, %.1f ended, %.1f packets, "
                  "%.1f bytes\n",
                  rate(top, sum_counters(top, "created")), rate(top, ended),
                  rate(top, all->packets), rate(top, all->bytes));
    ds_put_format(ds, "a second: %.1f invalid, %.1f dropped\n",
                  rate(top, sum_counters(top, "invalid-")),
                  rate(top, sum_counters(top, "drop-")));
}

static void
put_sums(const struct tct_top *top, const struct ct_top_row *row,
         struct ds *ds)
{
    ds_put_format(ds, " %13.1f %15.1f\n", rate(top, row->packets),
                  rate(top, row->bytes));
}

static void
put_zones(const struct tct_top *top, unsigned int max, struct ds *ds)
{
    ds_put_format(ds, "\n%-8s %12s %12s %13s %15s\n", "ZONE", "CONNECTIONS",
                  "LIMIT", "PACKETS/S", "BYTES/S");
    for (size_t i = 0; i < top->shown.n && max; i++) {
        const struct ct_top_row *row = &top->shown.rows[i];

        if (row->kind != CT_TOP_ZONE) {
            continue;
        }
        ds_put_format(ds, "%-8s %12"PRIu64, row->name, row->connections);
        if (row->total) {
            ds_put_format(ds, " %12"PRIu64, row->total);
        } else {
            ds_put_format(ds, " %12s", "-");
        }
        put_sums(top, row, ds);
        max--;
    }
}

static void
put_states(const struct tct_top *top, unsigned int max, struct ds *ds)
{
    ds_put_format(ds, "\n%-26s %12s\n", "STATE", "CONNECTIONS");
    for (size_t i = 0; i < top->shown.n && max; i++) {
        const struct ct_top_row *row = &top->shown.rows[i];

        if (row->kind == CT_TOP_STATE) {
            ds_put_format(ds, "%-26s %12"PRIu64"\n", row->name,
                          row->connections);
            max--;
        }
    }
}

/* Talkers, in the order that is wanted. */

static uint64_t
weight(const struct ct_top_row *row, enum tct_sort sort)
{
    return (sort == TCT_BY_BYTES ? row->bytes
            : sort == TCT_BY_PACKETS ? row->packets
            : row->connections);
}

/* qsort() has no place for it. */
static enum tct_sort sort_by;

static int
compare(const void *a_, const void *b_)
{
    const struct ct_top_row *a = *(const struct ct_top_row *const *) a_;
    const struct ct_top_row *b = *(const struct ct_top_row *const *) b_;
    uint64_t wa = weight(a, sort_by), wb = weight(b, sort_by);

    if (wa == wb) {
        wa = a->connections;
        wb = b->connections;
    }
    return wa != wb ? (wa > wb ? -1 : 1) : strcmp(a->name, b->name);
}

static void
put_talkers(const struct tct_top *top, unsigned int max, struct ds *ds)
{
    static const char *const titles[CT_TOP_N_GROUPS] = {
        [CT_TOP_SOURCE] = "SOURCE",
        [CT_TOP_DESTINATION] = "DESTINATION",
        [CT_TOP_SERVICE] = "SERVICE",
    };
    const struct ct_top_row *rows[TCT_TOP_ROWS];
    size_t n = 0;

    for (size_t i = 0; i < top->shown.n; i++) {
        if (top->shown.rows[i].kind == CT_TOP_TALKER) {
            rows[n++] = &top->shown.rows[i];
        }
    }
    sort_by = top->options.sort;
    if (n) {
        qsort(rows, n, sizeof rows[0], compare);
    }
    ds_put_format(ds, "\n%-39s %12s %13s %15s\n", titles[top->options.group],
                  "CONNECTIONS", "PACKETS/S", "BYTES/S");
    for (size_t i = 0; i < MIN(n, max); i++) {
        ds_put_format(ds, "%-39s %12"PRIu64, rows[i]->name,
                      rows[i]->connections);
        put_sums(top, rows[i], ds);
    }
}

/* Those that count now first. */
static void
put_reasons(const struct tct_top *top, unsigned int max, struct ds *ds)
{
    ds_put_format(ds, "\n%-26s %12s %13s\n", "REASON", "A SECOND", "IN ALL");
    for (int now = 1; now >= 0; now--) {
        for (size_t i = 0; i < top->shown.n && max; i++) {
            const struct ct_top_row *row = &top->shown.rows[i];

            if (is_reason(row) && !!row->packets == now) {
                ds_put_format(ds, "%-26s %12.1f %13"PRIu64"\n", row->name,
                              rate(top, row->packets), row->total);
                max--;
            }
        }
    }
}

/* Conditions. */

static void
put_addr(const char *name, const struct ct_filter_addr *a, struct ds *ds)
{
    if (!a->set) {
        return;
    }
    ds_put_format(ds, ", %s ", name);
    if (a->ipv6) {
        ipv6_format_masked(&a->addr.ip6, &a->mask.ip6, ds);
    } else {
        ip_format_masked(a->addr.ip, a->mask.ip, ds);
    }
}

void
tct_top_format_filter(const struct tct_options *o, struct ds *ds)
{
    const struct ct_filter *f = &o->filter;
    const uint32_t told = ((1u << CT_FILTER_ZONE) | (1u << CT_FILTER_PROTO)
                           | (1u << CT_FILTER_ORIG));

    if (ct_filter_has(f, CT_FILTER_ZONE)) {
        ds_put_format(ds, ", zone %"PRIu16, f->zone);
    }
    if (ct_filter_has(f, CT_FILTER_PROTO)) {
        const char *name = tct_proto_name(f->proto);

        if (strcmp(name, "unknown")) {
            ds_put_format(ds, ", %s", name);
        } else {
            ds_put_format(ds, ", protocol %"PRIu8, f->proto);
        }
    }
    put_addr("from", &f->orig.src, ds);
    put_addr("to", &f->orig.dst, ds);
    if (f->given & ~told || f->orig.given) {
        ds_put_cstr(ds, ", other conditions");
    }
}
