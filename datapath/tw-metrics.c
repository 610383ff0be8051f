/* SPDX-License-Identifier: Apache-2.0 */

/* Metrics, beside the way of a packet.  Called by the provider's command
 * trackway/metrics; asks the threads' statistics and the tracker. */

#include <config.h>

#include "tw-metrics.h"

#include <inttypes.h>

#include "ct.h"
#include "ct-census.h"
#include "ct-counters.h"
#include "ct-nat-port.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "sset.h"
#include "timeval.h"
#include "tw-cache.h"
#include "tw-cache-format.h"
#include "tw-datapath.h"
#include "tw-megaflow.h"
#include "tw-thread.h"
#include "util.h"

/* Puts the samples of one family, of one datapath. */
struct family;
typedef void put_func(const struct family *, struct tw_datapath *,
                      struct ds *);

static put_func put_connections, put_connections_max, put_zone_limits;
static put_func put_expectations, put_nat_ports, put_megaflows, put_masks;
static put_func put_events, put_refused, put_zone_refused, put_drops;
static put_func put_packets, put_batches, put_lookups, put_cycles;
static put_func put_cache_packets, put_cache_tracks;

static const struct family {
    const char *name;
    const char *type;           /* OpenMetrics's word. */
    put_func *put;
    const char *help;
} families[] = {
    { "trackway_connections", "gauge", put_connections,
      "Connections, by zone, protocol and state." },
    { "trackway_connections_max", "gauge", put_connections_max,
      "Connections that there may be (dpctl/ct-set-maxconns)." },
    { "trackway_zone_connections_limit", "gauge", put_zone_limits,
      "Connections that there may be in a zone, where it has a limit." },
    { "trackway_expectations", "gauge", put_expectations,
      "Connections that helpers expect, by zone." },
    { "trackway_nat_ports_used", "gauge", put_nat_ports,
      "Ports that translated connections hold, by zone, address and "
      "protocol; an address has 65536." },
    { "trackway_connection_events", "counter", put_events,
      "What became of packets and connections in the tracker." },
    { "trackway_connection_refused", "counter", put_refused,
      "Packets that the tracker dropped or called invalid, by reason." },
    { "trackway_zone_refused", "counter", put_zone_refused,
      "The same, by zone." },
    { "trackway_drops", "counter", put_drops,
      "Packets that the datapath dropped, by reason." },
    { "trackway_megaflows", "gauge", put_megaflows, "Megaflows." },
    { "trackway_megaflow_masks", "gauge", put_masks, "Masks of megaflows." },
    { "trackway_thread_packets", "counter", put_packets,
      "Packets of a thread: received, sent, recirculated." },
    { "trackway_thread_batches", "counter", put_batches,
      "Batches that a thread received, and its polls." },
    { "trackway_thread_lookups", "counter", put_lookups,
      "Lookups of megaflows, by result; no upcall served those lost." },
    { "trackway_thread_cycles", "counter", put_cycles,
      "Cycles of a packet thread, busy or polling in vain." },
    { "trackway_cache_packets", "counter", put_cache_packets,
      "Packets that asked a thread's track cache, by what came of it." },
    { "trackway_cache_tracks", "gauge", put_cache_tracks,
      "Tracks in a thread's cache, by family of addresses." },
};

static size_t find_datapaths(struct tw_datapath ***);
static void put_family(const struct family *, struct tw_datapath *const[],
                       size_t n, struct ds *);

void
tw_metrics_format(struct ds *ds)
{
    struct tw_datapath **dps;
    size_t n = find_datapaths(&dps);

    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        put_family(&families[i], dps, n, ds);
    }
    ds_put_cstr(ds, "# EOF\n");
    for (size_t i = 0; i < n; i++) {
        tw_datapath_unref(dps[i]);
    }
    free(dps);
}

/* References to all of them, in the order of their names. */
static size_t
find_datapaths(struct tw_datapath ***dpsp)
{
    struct sset names = SSET_INITIALIZER(&names);
    const char **sorted;
    size_t n = 0;

    tw_datapath_names(&names);
    sorted = sset_sort(&names);
    *dpsp = xcalloc(sset_count(&names) + 1, sizeof **dpsp);
    for (size_t i = 0; i < sset_count(&names); i++) {
        struct tw_datapath *dp = tw_datapath_find(sorted[i]);

        if (dp) {
            (*dpsp)[n++] = dp;
        }
    }
    free(sorted);
    sset_destroy(&names);
    return n;
}

static void
put_family(const struct family *f, struct tw_datapath *const dps[], size_t n,
           struct ds *ds)
{
    ds_put_format(ds, "# TYPE %s %s\n# HELP %s %s\n", f->name, f->type,
                  f->name, f->help);
    for (size_t i = 0; i < n; i++) {
        f->put(f, dps[i], ds);
    }
}

/* Samples. */

/* 'name', with 'before', and 'value' in quotes, as OpenMetrics escapes it. */
static void
put_name_value(const char *before, const char *name, const char *value,
               struct ds *ds)
{
    ds_put_format(ds, "%s%s=\"", before, name);
    for (; *value; value++) {
        if (*value == '\\' || *value == '"' || *value == '\n') {
            ds_put_char(ds, '\\');
        }
        ds_put_char(ds, *value == '\n' ? 'n' : *value);
    }
    ds_put_char(ds, '"');
}

/* Begins one: NAME{datapath="..."; labels follow, then end_sample(). */
static void
begin_sample(const struct family *f, const struct tw_datapath *dp,
             struct ds *ds)
{
    ds_put_format(ds, "%s%s", f->name,
                  !strcmp(f->type, "counter") ? "_total" : "");
    put_name_value("{", "datapath", dp->name, ds);
}

static void
put_label(const char *name, const char *value, struct ds *ds)
{
    put_name_value(",", name, value, ds);
}

static void
put_zone(uint16_t zone, struct ds *ds)
{
    ds_put_format(ds, ",zone=\"%"PRIu16"\"", zone);
}

static void
end_sample(uint64_t value, struct ds *ds)
{
    ds_put_format(ds, "} %"PRIu64"\n", value);
}

/* One whose only label is 'label', unless that is NULL. */
static void
put_sample(const struct family *f, const struct tw_datapath *dp,
           const char *label, const char *value, uint64_t n, struct ds *ds)
{
    begin_sample(f, dp, ds);
    if (label) {
        put_label(label, value, ds);
    }
    end_sample(n, ds);
}

static void
put_proto(uint8_t proto, struct ds *ds)
{
    static const struct {
        uint8_t proto;
        const char *name;
    } names[] = {
        { IPPROTO_TCP, "tcp" }, { IPPROTO_UDP, "udp" },
        { IPPROTO_ICMP, "icmp" }, { IPPROTO_ICMPV6, "icmpv6" },
        { IPPROTO_SCTP, "sctp" }, { IPPROTO_GRE, "gre" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (names[i].proto == proto) {
            put_label("protocol", names[i].name, ds);
            return;
        }
    }
    ds_put_format(ds, ",protocol=\"%"PRIu8"\"", proto);
}

/* The tracker. */

static void
put_connections(const struct family *f, struct tw_datapath *dp, struct ds *ds)
{
    for (unsigned int i = 0; i < ct_census_n_zones(dp->ct); i++) {
        uint16_t zone = ct_census_zone_at(dp->ct, i);
        struct ct_census census;

        ct_census_zone(dp->ct, zone, time_msec(), &census);
        for (size_t j = 0; j < census.n; j++) {
            begin_sample(f, dp, ds);
            put_zone(zone, ds);
            put_proto(census.lines[j].proto, ds);
            put_label("state", census.lines[j].state, ds);
            end_sample(census.lines[j].n, ds);
        }
        if (census.n_others) {
            begin_sample(f, dp, ds);
            put_zone(zone, ds);
            put_label("protocol", "others", ds);
            end_sample(census.n_others, ds);
        }
    }
}

static void
put_connections_max(const struct family *f, struct tw_datapath *dp,
                    struct ds *ds)
{
    put_sample(f, dp, NULL, NULL, ct_get_maxconns(dp->ct), ds);
}

static void
put_zone_limits(const struct family *f, struct tw_datapath *dp, struct ds *ds)
{
    for (unsigned int i = 0; i < ct_census_n_zones(dp->ct); i++) {
        uint16_t zone = ct_census_zone_at(dp->ct, i);
        struct ct_zone_limit_info info;

        ct_zone_limit_get(dp->ct, zone, &info);
        if (info.limit) {
            begin_sample(f, dp, ds);
            put_zone(zone, ds);
            end_sample(info.limit, ds);
        }
    }
}

static void
put_expectations(const struct family *f, struct tw_datapath *dp,
                 struct ds *ds)
{
    for (unsigned int i = 0; i < ct_census_n_zones(dp->ct); i++) {
        uint16_t zone = ct_census_zone_at(dp->ct, i);

        begin_sample(f, dp, ds);
        put_zone(zone, ds);
        end_sample(ct_census_expectations(dp->ct, zone), ds);
    }
}

struct nat_aux {
    const struct family *f;
    struct tw_datapath *dp;
    struct ds *ds;
};

static void
put_nat_pool(void *aux_, const struct ct_nat_pool_key *key, uint32_t n_used)
{
    struct nat_aux *aux = aux_;
    struct ds *ds = aux->ds;

    begin_sample(aux->f, aux->dp, ds);
    put_zone(key->zone, ds);
    ds_put_cstr(ds, ",address=\"");
    if (key->ipv6) {
        ipv6_format_addr(&key->addr.ip6, ds);
    } else {
        ds_put_format(ds, IP_FMT, IP_ARGS(key->addr.ip));
    }
    ds_put_char(ds, '"');
    put_proto(key->proto, ds);
    end_sample(n_used, ds);
}

static void
put_nat_ports(const struct family *f, struct tw_datapath *dp, struct ds *ds)
{
    struct nat_aux aux = { f, dp, ds };

    ct_census_nat(dp->ct, put_nat_pool, &aux);
}

static bool
is_refusal(enum ct_counter counter)
{
    const char *name = ct_counter_name(counter);

    return (!strncmp(name, "invalid-", strlen("invalid-"))
            || !strncmp(name, "drop-", strlen("drop-")));
}

static void
put_events(const struct family *f, struct tw_datapath *dp, struct ds *ds)
{
    for (int i = 0; i < CT_N_COUNTERS; i++) {
        if (!is_refusal(i)) {
            put_sample(f, dp, "event", ct_counter_name(i),
                       ct_counter_get(dp->ct, i), ds);
        }
    }
}

static void
put_refused(const struct family *f, struct tw_datapath *dp, struct ds *ds)
{
    for (int i = 0; i < CT_N_COUNTERS; i++) {
        if (is_refusal(i)) {
            put_sample(f, dp, "reason", ct_counter_name(i),
                       ct_counter_get(dp->ct, i), ds);
        }
    }
}

static void
put_zone_refused(const struct family *f, struct tw_datapath *dp,
                 struct ds *ds)
{
    for (unsigned int zone = 0; zone <= UINT16_MAX; zone++) {
        if (!ct_zone_has_counters(dp->ct, zone)) {
            continue;
        }
        for (int i = 0; i < CT_N_COUNTERS; i++) {
            uint64_t n = (is_refusal(i)
                          ? ct_zone_counter_get(dp->ct, zone, i) : 0);

            if (n) {
                begin_sample(f, dp, ds);
                put_zone(zone, ds);
                put_label("reason", ct_counter_name(i), ds);
                end_sample(n, ds);
            }
        }
    }
}

/* The datapath. */

static void
put_drops(const struct family *f, struct tw_datapath *dp, struct ds *ds)
{
    struct tw_stats sum;

    tw_stats_sum(dp, &sum);
    for (int i = 0; i < TW_N_DROPS; i++) {
        put_sample(f, dp, "reason", tw_drop_name(i), sum.drops[i], ds);
    }
}

static void
put_megaflows(const struct family *f, struct tw_datapath *dp, struct ds *ds)
{
    put_sample(f, dp, NULL, NULL, tw_megaflow_count(dp), ds);
}

static void
put_masks(const struct family *f, struct tw_datapath *dp, struct ds *ds)
{
    put_sample(f, dp, NULL, NULL, tw_megaflow_n_masks(dp), ds);
}

/* Threads. */

static void
begin_thread_sample(const struct family *f, const struct tw_thread *thread,
                    struct ds *ds)
{
    begin_sample(f, thread->dp, ds);
    if (tw_thread_is_non_pmd(thread)) {
        put_label("thread", "main", ds);
    } else {
        ds_put_format(ds, ",thread=\"%u\"", thread->core_id);
    }
}

/* One whose other label is 'label'. */
static void
put_thread_sample(const struct family *f, const struct tw_thread *thread,
                  const char *label, const char *value, uint64_t n,
                  struct ds *ds)
{
    begin_thread_sample(f, thread, ds);
    put_label(label, value, ds);
    end_sample(n, ds);
}

/* Those of threads that have ended count as a thread of their own. */
static void
put_thread_stats(const struct family *f, struct tw_datapath *dp,
                 const enum tw_stat stats[], size_t n, struct ds *ds)
{
    const struct tw_thread *thread;

    ovs_rwlock_rdlock(&dp->port_rwlock);
    CMAP_FOR_EACH (thread, node, &dp->threads) {
        for (size_t i = 0; i < n; i++) {
            put_thread_sample(f, thread, "kind", tw_stat_name(stats[i]),
                              thread->stats.n[stats[i]], ds);
        }
    }
    for (size_t i = 0; i < n; i++) {
        begin_sample(f, dp, ds);
        put_label("thread", "ended", ds);
        put_label("kind", tw_stat_name(stats[i]), ds);
        end_sample(dp->retired.n[stats[i]], ds);
    }
    ovs_rwlock_unlock(&dp->port_rwlock);
}

static void
put_packets(const struct family *f, struct tw_datapath *dp, struct ds *ds)
{
    static const enum tw_stat stats[] = {
        TW_STAT_PACKETS, TW_STAT_SENT, TW_STAT_RECIRC,
    };

    put_thread_stats(f, dp, stats, ARRAY_SIZE(stats), ds);
}

static void
put_batches(const struct family *f, struct tw_datapath *dp, struct ds *ds)
{
    static const enum tw_stat stats[] = { TW_STAT_BATCHES, TW_STAT_POLLS };

    put_thread_stats(f, dp, stats, ARRAY_SIZE(stats), ds);
}

static void
put_lookups(const struct family *f, struct tw_datapath *dp, struct ds *ds)
{
    static const enum tw_stat stats[] = {
        TW_STAT_HIT, TW_STAT_MISS, TW_STAT_LOST,
    };

    put_thread_stats(f, dp, stats, ARRAY_SIZE(stats), ds);
}

static void
put_cycles(const struct family *f, struct tw_datapath *dp, struct ds *ds)
{
    const struct tw_thread *thread;

    ovs_rwlock_rdlock(&dp->port_rwlock);
    CMAP_FOR_EACH (thread, node, &dp->threads) {
        if (!tw_thread_is_non_pmd(thread)) {
            put_thread_sample(f, thread, "state", "busy",
                              thread->stats.busy_cycles, ds);
            put_thread_sample(f, thread, "state", "idle",
                              thread->stats.idle_cycles, ds);
        }
    }
    ovs_rwlock_unlock(&dp->port_rwlock);
}

/* Track caches.  A thread may replace its own while it runs: it is parked. */

typedef void put_cache_func(const struct family *, const struct tw_thread *,
                            struct ds *);

static void
put_caches(const struct family *f, struct tw_datapath *dp,
           put_cache_func *put, struct ds *ds)
{
    const struct tw_thread *thread;

    ovs_rwlock_wrlock(&dp->port_rwlock);
    tw_threads_park(dp);
    CMAP_FOR_EACH (thread, node, &dp->threads) {
        if (thread->cache) {
            put(f, thread, ds);
        }
    }
    tw_threads_resume(dp);
    ovs_rwlock_unlock(&dp->port_rwlock);
}

static void
put_cache_results(const struct family *f, const struct tw_thread *thread,
                  struct ds *ds)
{
    const struct tw_cache_stats *stats = &thread->cache->stats;

    put_thread_sample(f, thread, "result", "hit", stats->n_hits, ds);
    for (int i = 0; i < TW_N_MISSES; i++) {
        put_thread_sample(f, thread, "result", tw_miss_name(i),
                          stats->misses[i], ds);
    }
}

static void
put_cache_packets(const struct family *f, struct tw_datapath *dp,
                  struct ds *ds)
{
    put_caches(f, dp, put_cache_results, ds);
}

static void
put_tracks(const struct family *f, const struct tw_thread *thread,
           struct ds *ds)
{
    put_thread_sample(f, thread, "family", "ipv4",
                      thread->cache->tracks[0].n_used, ds);
    put_thread_sample(f, thread, "family", "ipv6",
                      thread->cache->tracks[1].n_used, ds);
}

static void
put_cache_tracks(const struct family *f, struct tw_datapath *dp,
                 struct ds *ds)
{
    put_caches(f, dp, put_tracks, ds);
}
