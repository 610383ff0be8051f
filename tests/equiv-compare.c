/* SPDX-License-Identifier: Apache-2.0 */

/* Equivalence: are two sides the same?  Called by equiv-run. */

#include <config.h>

#include "equiv.h"

#include "ct.h"
#include "ct-counters.h"
#include "ct-dpif.h"
#include "ct-joint.h"
#include "ct-zone.h"
#include "openvswitch/ofp-print.h"
#include "packets.h"
#include "svec.h"
#include "tw-datapath.h"
#include "tw-meter.h"
#include "tw-stats.h"
#include "util.h"

static bool compare_flows(struct equiv_side *[2], struct ds *);
static bool compare_conns(struct equiv_side *[2], struct ds *);
static bool compare_meters(struct equiv_side *[2], struct ds *);

/* Output. */

static int
compare_records(const void *a_, const void *b_)
{
    const struct equiv_record *a = a_, *b = b_;

    return (a->port != b->port ? (a->port < b->port ? -1 : 1)
            : a->conv != b->conv ? (a->conv < b->conv ? -1 : 1)
            : a->index < b->index ? -1 : a->index > b->index);
}

/* Without regard to the order in which they came. */
static int
compare_records_by_bytes(const void *a_, const void *b_)
{
    const struct equiv_record *a = a_, *b = b_;

    return (a->port != b->port ? (a->port < b->port ? -1 : 1)
            : a->size != b->size ? (a->size < b->size ? -1 : 1)
            : a->size ? memcmp(a->data, b->data, a->size) : 0);
}

static bool
records_equal(const struct equiv_record *a, const struct equiv_record *b)
{
    return (a->port == b->port && a->size == b->size
            && (!a->size || !memcmp(a->data, b->data, a->size)));
}

static void
format_record(const struct equiv_record *r, struct ds *ds)
{
    char *s = ofp_packet_to_string(r->data, r->size, htonl(PT_ETH));

    if (r->port == UINT32_MAX) {
        ds_put_cstr(ds, "    up:");
    } else {
        ds_put_format(ds, "    port %"PRIu32":", r->port);
    }
    ds_put_format(ds, " conv %d, %"PRIuSIZE" bytes, ", (int) r->conv,
                  r->size);
    ds_put_cstr(ds, s);
    ds_put_hex_dump(ds, r->data, MIN(r->size, 128), 0, false);
    free(s);
}

static void
format_logs(struct equiv_log *logs[2], size_t from, struct ds *report)
{
    for (int i = 0; i < 2; i++) {
        ds_put_format(report, "  side %d, %"PRIuSIZE" packets:\n", i,
                      logs[i]->n);
        for (size_t j = from; j < MIN(logs[i]->n, from + 4); j++) {
            format_record(&logs[i]->records[j], report);
        }
    }
}

bool
equiv_compare_output(struct equiv_side *sides[2], bool order,
                     struct ds *report)
{
    struct equiv_log *logs[2];
    size_t n;

    for (int i = 0; i < 2; i++) {
        logs[i] = equiv_side_log(sides[i]);
        if (logs[i]->n) {
            qsort(logs[i]->records, logs[i]->n, sizeof *logs[i]->records,
                  order ? compare_records : compare_records_by_bytes);
        }
    }
    n = MIN(logs[0]->n, logs[1]->n);
    for (size_t i = 0; i < n; i++) {
        if (!records_equal(&logs[0]->records[i], &logs[1]->records[i])) {
            ds_put_format(report, "output differs from packet %"PRIuSIZE
                          " (by port and conversation):\n", i);
            format_logs(logs, i, report);
            return false;
        }
    }
    if (logs[0]->n != logs[1]->n) {
        ds_put_cstr(report, "the number of packets sent differs:\n");
        format_logs(logs, n, report);
        return false;
    }
    return true;
}

/* Counters. */

static bool
compare_number(const char *what, const char *name, uint64_t a, uint64_t b,
               struct ds *report)
{
    if (a != b) {
        ds_put_format(report, "%s %s differs: %"PRIu64" and %"PRIu64"\n",
                      what, name, a, b);
    }
    return a == b;
}

static bool
compare_zone_counters(struct ct *const cts[2], struct ds *report)
{
    bool same = true;

    for (int zone = 0; zone <= EQUIV_N_ZONES; zone++) {
        if (!ct_zone_has_counters(cts[0], zone)
            && !ct_zone_has_counters(cts[1], zone)) {
            continue;
        }
        for (int i = 0; i < CT_N_COUNTERS; i++) {
            same &= compare_number("zone's counter", ct_counter_name(i),
                                   ct_zone_counter_get(cts[0], zone, i),
                                   ct_zone_counter_get(cts[1], zone, i),
                                   report);
        }
    }
    return same;
}

bool
equiv_compare_counters(struct equiv_side *sides[2], struct ds *report)
{
    static const enum tw_stat stats[] = {
        TW_STAT_PACKETS, TW_STAT_LOST, TW_STAT_SENT, TW_STAT_BATCHES
    };
    struct tw_stats sums[2];
    struct ct *cts[2];
    bool same = true;

    for (int i = 0; i < 2; i++) {
        cts[i] = equiv_side_dp(sides[i])->ct;
        tw_stats_sum(equiv_side_dp(sides[i]), &sums[i]);
    }
    for (size_t i = 0; i < TW_N_DROPS; i++) {
        same &= compare_number("drop counter", tw_drop_name(i),
                               sums[0].drops[i], sums[1].drops[i], report);
    }
    for (size_t i = 0; i < ARRAY_SIZE(stats); i++) {
        same &= compare_number("counter", tw_stat_name(stats[i]),
                               sums[0].n[stats[i]], sums[1].n[stats[i]],
                               report);
    }
    for (size_t i = 0; i < CT_N_COUNTERS; i++) {
        same &= compare_number("tracker counter", ct_counter_name(i),
                               ct_counter_get(cts[0], i),
                               ct_counter_get(cts[1], i), report);
    }
    same &= compare_zone_counters(cts, report);
    return same & compare_number("number of", "connections",
                                 ct_get_nconns(cts[0]),
                                 ct_get_nconns(cts[1]), report);
}

/* State. */

bool
equiv_compare_state(struct equiv_side *sides[2], struct ds *report)
{
    return (compare_flows(sides, report) & compare_conns(sides, report)
            & compare_meters(sides, report));
}

static void
format_stats(const struct equiv_flow_stats *s, struct ds *ds)
{
    ds_put_format(ds, "%s, packets:%"PRIu64", bytes:%"PRIu64", flags:%#x, "
                  "used:%lld\n", s->live ? "live" : "gone", s->packets,
                  s->bytes, s->tcp_flags, s->used);
}

static bool
stats_equal(const struct equiv_flow_stats *a, const struct equiv_flow_stats *b)
{
    return (a->live == b->live && a->packets == b->packets
            && a->bytes == b->bytes && a->tcp_flags == b->tcp_flags
            && a->used == b->used);
}

static bool
compare_flows(struct equiv_side *sides[2], struct ds *report)
{
    struct equiv_flow_stats *stats[2];
    bool same = true;
    size_t n;

    for (int i = 0; i < 2; i++) {
        stats[i] = equiv_flows_stats(equiv_side_flows(sides[i]), &n);
    }
    for (size_t i = 0; i < n; i++) {
        if (!stats_equal(&stats[0][i], &stats[1][i])) {
            same = false;
            ds_put_cstr(report, "statistics of a megaflow differ:\n  ");
            equiv_flows_format_number(i, report);
            ds_put_cstr(report, "\n  side 0: ");
            format_stats(&stats[0][i], report);
            ds_put_cstr(report, "  side 1: ");
            format_stats(&stats[1][i], report);
        }
    }
    return same;
}

/* What no dump shows, but decides what becomes of packets to come. */
static void
format_hidden(struct ct *ct, const struct ct_dpif_entry *entry, struct ds *ds)
{
    struct ct_conn *conn = NULL;
    struct ct_tuple tuple;
    struct ct_conn copy;
    enum ct_dir dir;

    if (!ct_tuple_from_dpif(&entry->tuple_orig, &tuple)) {
        conn = ct_zone_find(ct_zone_get(ct, entry->zone), &tuple, &dir);
    }
    if (!conn) {
        return;
    }
    ct_joint_read(conn, &copy);
    ds_put_format(ds, ",deadline=%"PRIu64",retrans=%u",
                  (uint64_t) copy.deadline, copy.retrans);
    ds_put_cstr(ds, ",hidden=");
    for (size_t i = 0; i < sizeof copy.tcp_last; i++) {
        ds_put_format(ds, "%02x", ((const uint8_t *) &copy.tcp_last)[i]);
    }
    for (int i = 0; i < CT_DIR_MAX; i++) {
        const struct ct_tcp_window *w = &copy.tcp[i];

        ds_put_format(ds, ",window=%"PRIx32"/%"PRIx32"/%"PRIx32"/%"PRIx32,
                      w->end, w->max_end, w->max_win, w->max_ack);
    }
}

/* All connections, as text without what may differ: ids, buckets. */
static void
dump_conns(struct equiv_side *side, struct svec *conns)
{
    struct ct *ct = equiv_side_dp(side)->ct;
    struct ct_dump *dump = ct_dump_create(ct, NULL, NULL);
    struct ct_dpif_entry entry;

    svec_init(conns);
    while (!ct_dump_next(dump, &entry)) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        entry.id = 0;
        entry.bkt = 0;
        ct_dpif_format_entry(&entry, &ds, true, true);
        format_hidden(ct, &entry, &ds);
        svec_add_nocopy(conns, ds_steal_cstr(&ds));
        ct_dpif_entry_uninit(&entry);
    }
    ct_dump_destroy(dump);
    svec_sort(conns);
}

static bool
compare_conns(struct equiv_side *sides[2], struct ds *report)
{
    struct svec conns[2], only[2], both;
    bool same;

    for (int i = 0; i < 2; i++) {
        dump_conns(sides[i], &conns[i]);
    }
    svec_diff(&conns[0], &conns[1], &only[0], &both, &only[1]);
    same = !only[0].n && !only[1].n && conns[0].n == conns[1].n;
    if (!same) {
        ds_put_cstr(report, "connections differ:\n");
    }
    for (int i = 0; i < 2; i++) {
        for (size_t j = 0; j < only[i].n; j++) {
            ds_put_format(report, "  only side %d: %s\n", i,
                          only[i].names[j]);
        }
        svec_destroy(&only[i]);
        svec_destroy(&conns[i]);
    }
    svec_destroy(&both);
    return same;
}

static bool
compare_meters(struct equiv_side *sides[2], struct ds *report)
{
    bool same = true;

    for (uint32_t id = 1; id <= EQUIV_N_METERS; id++) {
        struct ofputil_meter_band_stats bands[2];
        struct ofputil_meter_stats stats[2];
        int errors[2];

        memset(stats, 0, sizeof stats);
        memset(bands, 0, sizeof bands);
        for (int i = 0; i < 2; i++) {
            stats[i].bands = &bands[i];
            errors[i] = tw_meter_get(equiv_side_dp(sides[i]),
                                     (ofproto_meter_id) { id }, &stats[i], 1);
        }
        same &= compare_number("meter", "existence", errors[0], errors[1],
                               report);
        same &= compare_number("meter", "packets", stats[0].packet_in_count,
                               stats[1].packet_in_count, report);
        same &= compare_number("meter", "bytes", stats[0].byte_in_count,
                               stats[1].byte_in_count, report);
        same &= compare_number("meter", "drops", bands[0].packet_count,
                               bands[1].packet_count, report);
    }
    return same;
}
