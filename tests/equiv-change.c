/* SPDX-License-Identifier: Apache-2.0 */

/* Equivalence: what changes while packets pass, at the same moment on both
 * sides.  Called by equiv-run. */

#include <config.h>

#include "equiv.h"

#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>

#include "ct.h"
#include "ct-dpif.h"
#include "ct-switch.h"
#include "dpif.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/ofp-meter.h"
#include "ovs-rcu.h"
#include "tw-datapath.h"
#include "tw-execute.h"
#include "tw-meter.h"
#include "tw-upcall.h"
#include "util.h"

typedef void change_function(struct equiv_run *, struct equiv_rng *,
                             struct ds *what);

static change_function change_del_flows, change_flush_flows,
                       change_zero_flow, change_pipeline, change_port,
                       change_flush_conns, change_flush_zone,
                       change_flush_conn, change_zone_limit,
                       change_timeout_policy, change_maxconns,
                       change_tcp_seq_chk, change_switch,
                       change_timeouts, change_time, change_meter,
                       change_gate, change_packet_out, change_cache;

static const struct {
    unsigned int weight;
    change_function *change;
} changes[] = {
    { 12, change_del_flows },
    { 3, change_flush_flows },
    { 3, change_zero_flow },
    { 12, change_pipeline },
    { 4, change_port },
    { 2, change_flush_conns },
    { 5, change_flush_zone },
    { 8, change_flush_conn },
    { 5, change_zone_limit },
    { 4, change_timeout_policy },
    { 3, change_maxconns },
    { 1, change_tcp_seq_chk },
    { 1, change_switch },
    { 2, change_timeouts },
    { 14, change_time },
    { 3, change_meter },
    { 2, change_gate },
    { 8, change_packet_out },
    { 3, change_cache },
};

static void set_meter(struct equiv_run *, uint32_t id, struct equiv_rng *);
static void set_timeout_policy(struct equiv_run *, struct equiv_rng *);

static struct tw_datapath *
dp_of(const struct equiv_run *run, int side)
{
    return equiv_side_dp(run->sides[side]);
}

static struct ct *
ct_of(const struct equiv_run *run, int side)
{
    return dp_of(run, side)->ct;
}

void
equiv_change_init(struct equiv_run *run, struct equiv_rng *rng)
{
    set_timeout_policy(run, rng);
    for (uint32_t id = 1; id <= EQUIV_N_METERS; id++) {
        if (equiv_percent(rng, 80)) {
            set_meter(run, id, rng);
        }
    }
    if (equiv_percent(rng, 15)) {
        for (int i = 0; i < 2; i++) {
            ct_zone_limit_set(ct_of(run, i), -1, 30);
        }
    }
}

void
equiv_change(struct equiv_run *run, struct equiv_rng *rng, struct ds *what)
{
    unsigned int sum = 0, left;

    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        sum += changes[i].weight;
    }
    left = equiv_below(rng, sum);
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        if (left < changes[i].weight) {
            changes[i].change(run, rng, what);
            return;
        }
        left -= changes[i].weight;
    }
}

/* Megaflows. */

/* Flows that are live on the first side. */
static void
change_del_flows(struct equiv_run *run, struct equiv_rng *rng,
                 struct ds *what)
{
    unsigned int one_in = 1 + equiv_below(rng, 30);
    struct equiv_flow_stats *stats;
    size_t n;

    ds_put_cstr(what, "delete megaflows");
    stats = equiv_flows_stats(equiv_side_flows(run->sides[0]), &n);
    for (size_t number = 0; number < n; number++) {
        if (stats[number].live && !equiv_below(rng, one_in)) {
            ds_put_format(what, " %"PRIuSIZE, number);
            for (int i = 0; i < 2; i++) {
                equiv_flows_del(equiv_side_flows(run->sides[i]), number);
            }
        }
    }
}

static void
change_flush_flows(struct equiv_run *run, struct equiv_rng *rng OVS_UNUSED,
                   struct ds *what)
{
    ds_put_cstr(what, "flush megaflows");
    for (int i = 0; i < 2; i++) {
        equiv_flows_flush(equiv_side_flows(run->sides[i]));
    }
}

static void
change_zero_flow(struct equiv_run *run, struct equiv_rng *rng,
                 struct ds *what)
{
    unsigned int n = equiv_flows_count_numbers();
    unsigned int number = n ? equiv_below(rng, n) : 0;

    ds_put_format(what, "zero statistics of megaflow %u", number);
    for (int i = 0; n && i < 2; i++) {
        equiv_flows_zero(equiv_side_flows(run->sides[i]), number);
    }
}

/* The megaflows follow at once: meanwhile old and new ones could overlap. */
static void
change_pipeline(struct equiv_run *run, struct equiv_rng *rng, struct ds *what)
{
    ds_put_cstr(what, "change rules, revalidate");
    equiv_pipeline_change(run->pipeline, rng);
    for (int i = 0; i < 2; i++) {
        equiv_flows_revalidate(equiv_side_flows(run->sides[i]),
                               run->pipeline);
    }
}

/* The datapath. */

static void
change_port(struct equiv_run *run, struct equiv_rng *rng, struct ds *what)
{
    unsigned int port = 1 + equiv_below(rng, EQUIV_N_PORTS);
    bool has = equiv_side_has_port(run->sides[0], port);

    ds_put_format(what, "%s port %u", has ? "remove" : "add", port);
    for (int i = 0; i < 2; i++) {
        if (has) {
            equiv_side_del_port(run->sides[i], port);
        } else {
            equiv_side_add_port(run->sides[i], port);
        }
    }
}

static void
change_meter(struct equiv_run *run, struct equiv_rng *rng, struct ds *what)
{
    uint32_t id = 1 + equiv_below(rng, EQUIV_N_METERS);

    if (equiv_percent(rng, 20)) {
        ds_put_format(what, "delete meter %"PRIu32, id);
        for (int i = 0; i < 2; i++) {
            tw_meter_del(dp_of(run, i), (ofproto_meter_id) { id }, NULL, 0);
        }
    } else {
        ds_put_format(what, "set meter %"PRIu32, id);
        set_meter(run, id, rng);
    }
}

static void
set_meter(struct equiv_run *run, uint32_t id, struct equiv_rng *rng)
{
    struct ofputil_meter_band band = {
        .type = OFPMBT13_DROP,
        .rate = 1 + equiv_below(rng, 200),
        .burst_size = equiv_below(rng, 100),
    };
    struct ofputil_meter_config config = {
        .meter_id = id,
        .flags = OFPMF13_STATS | (equiv_percent(rng, 70) ? OFPMF13_PKTPS
                                  : OFPMF13_KBPS),
        .n_bands = 1,
        .bands = &band,
    };

    for (int i = 0; i < 2; i++) {
        assert(!tw_meter_set(dp_of(run, i), (ofproto_meter_id) { id },
                             &config));
    }
}

/* For a batch, no packet can go up. */
static void
change_gate(struct equiv_run *run, struct equiv_rng *rng OVS_UNUSED,
            struct ds *what)
{
    ds_put_cstr(what, "close the upcall gate for a batch");
    if (!run->gate_closed) {
        tw_upcall_disable(dp_of(run, 0));
        tw_upcall_disable(dp_of(run, 1));
        run->gate_closed = true;
    }
}

void
equiv_change_after_batch(struct equiv_run *run)
{
    if (run->gate_closed) {
        tw_upcall_enable(dp_of(run, 0));
        tw_upcall_enable(dp_of(run, 1));
        run->gate_closed = false;
    }
}

/* A packet of ofproto's: it opens a connection or gives it another mark. */
static void
execute_on(struct tw_datapath *dp, const struct dp_packet *original,
           const struct flow *flow, const struct ofpbuf *actions)
{
    struct dp_packet *packet = dp_packet_clone_with_headroom(original, 64);
    struct dpif_execute execute = {
        .actions = actions->data, .actions_len = actions->size,
        .packet = packet, .flow = flow,
    };

    assert(!tw_execute(dp, &execute));
    dp_packet_delete(packet);
}

static void
change_packet_out(struct equiv_run *run, struct equiv_rng *rng,
                  struct ds *what)
{
    struct equiv_acts acts = { .n = 0 };
    struct flow_wildcards wc;
    struct dp_packet *packet;
    struct ofpbuf actions;
    struct flow flow;

    equiv_acts_random(&acts, equiv_below(rng, EQUIV_N_TABLES), false, rng);
    packet = equiv_traffic_any(run->traffic, rng);
    pkt_metadata_init(&packet->md, ODPP_NONE);
    flow_extract(packet, &flow);
    flow_wildcards_init_catchall(&wc);
    ofpbuf_init(&actions, 0);
    equiv_acts_put(&acts, &flow, &wc, &actions);
    ds_put_cstr(what, "packet out: ");
    format_odp_actions(what, actions.data, actions.size, NULL);
    equiv_world_fix_random(equiv_next(rng));
    for (int i = 0; i < 2; i++) {
        execute_on(dp_of(run, i), packet, &flow, &actions);
    }
    equiv_world_free_random();
    ofpbuf_uninit(&actions);
    dp_packet_delete(packet);
    equiv_acts_free(&acts);
}

/* The cache itself, of the side that has one. */
static void
change_cache(struct equiv_run *run, struct equiv_rng *rng, struct ds *what)
{
    unsigned int size = 1u << equiv_below(rng, 14);
    bool on = equiv_percent(rng, 90);

    ds_put_format(what, "cache %s, size %u", on ? "on" : "off", size);
    equiv_side_set_cache(run->sides[1], run->config->cache && on, size);
}

/* The tracker. */

/* What was flushed is drained by maintenance, but not before a grace period
 * is over: that must not come at any time. */
static void
flush(struct equiv_run *run, const uint16_t *zone)
{
    for (int i = 0; i < 2; i++) {
        ct_flush(ct_of(run, i), zone, NULL);
    }
    ovsrcu_barrier();
}

static void
change_flush_conns(struct equiv_run *run, struct equiv_rng *rng OVS_UNUSED,
                   struct ds *what)
{
    ds_put_cstr(what, "flush connections");
    flush(run, NULL);
}

static uint16_t
any_zone(struct equiv_rng *rng)
{
    return 1 + equiv_below(rng, EQUIV_N_ZONES);
}

static void
change_flush_zone(struct equiv_run *run, struct equiv_rng *rng,
                  struct ds *what)
{
    uint16_t zone = any_zone(rng);

    ds_put_format(what, "flush zone %"PRIu16, zone);
    flush(run, &zone);
}

/* One connection, which of them both sides agree upon: the one whose tuple
 * comes first behind a random one. */
static bool
choose_conn(struct ct *ct, uint16_t zone, uint64_t from,
            struct ct_dpif_tuple *tuple)
{
    struct ct_dump *dump = ct_dump_create(ct, &zone, NULL);
    struct ct_dpif_entry entry;
    uint64_t best = UINT64_MAX;

    while (!ct_dump_next(dump, &entry)) {
        const struct ct_dpif_tuple *t = &entry.tuple_orig;
        uint64_t distance = equiv_mix(hash_bytes(
            &t->src, sizeof t->src, hash_bytes(
                &t->dst, sizeof t->dst, t->ip_proto
                + ((uint32_t) t->src_port << 8)))) - from;

        if (distance < best) {
            best = distance;
            *tuple = *t;
        }
        ct_dpif_entry_uninit(&entry);
    }
    ct_dump_destroy(dump);
    return best != UINT64_MAX;
}

static void
change_flush_conn(struct equiv_run *run, struct equiv_rng *rng,
                  struct ds *what)
{
    uint16_t zone = any_zone(rng);
    struct ct_dpif_tuple tuple;

    ds_put_format(what, "flush zone %"PRIu16, zone);
    if (!choose_conn(ct_of(run, 0), zone, equiv_next(rng), &tuple)) {
        ds_put_cstr(what, ", any connection: none");
        return;
    }
    ds_put_cstr(what, ", ");
    ct_dpif_format_tuple(what, &tuple);
    for (int i = 0; i < 2; i++) {
        ct_flush(ct_of(run, i), &zone, &tuple);
    }
}

static void
change_zone_limit(struct equiv_run *run, struct equiv_rng *rng,
                  struct ds *what)
{
    int zone = equiv_percent(rng, 20) ? -1 : any_zone(rng);
    uint32_t limit = equiv_below(rng, 40);

    ds_put_format(what, "limit of zone %d: %"PRIu32, zone, limit);
    for (int i = 0; i < 2; i++) {
        if (zone >= 0 && limit > 30) {
            ct_zone_limit_del(ct_of(run, i), zone);
        } else {
            ct_zone_limit_set(ct_of(run, i), zone, limit);
        }
    }
}

static void
set_timeout_policy(struct equiv_run *run, struct equiv_rng *rng)
{
    struct ct_dpif_timeout_policy tp = {
        .id = EQUIV_TIMEOUT_POLICY,
        .present = (1u << CT_DPIF_TP_ATTR_MAX) - 1,
    };

    for (int i = 0; i < CT_DPIF_TP_ATTR_MAX; i++) {
        tp.attrs[i] = 1 + equiv_below(rng, 60);
    }
    for (int i = 0; i < 2; i++) {
        ct_timeout_policy_set(ct_of(run, i), &tp);
    }
}

static void
change_timeout_policy(struct equiv_run *run, struct equiv_rng *rng,
                      struct ds *what)
{
    if (equiv_percent(rng, 70)) {
        ds_put_cstr(what, "set the timeout policy");
        set_timeout_policy(run, rng);
    } else {
        ds_put_cstr(what, "delete the timeout policy");
        for (int i = 0; i < 2; i++) {
            ct_timeout_policy_del(ct_of(run, i), EQUIV_TIMEOUT_POLICY);
        }
    }
}

static void
change_maxconns(struct equiv_run *run, struct equiv_rng *rng, struct ds *what)
{
    uint32_t n = equiv_percent(rng, 60) || !run->singly ? 3000000
                 : 20 + equiv_below(rng, 80);

    ds_put_format(what, "at most %"PRIu32" connections", n);
    for (int i = 0; i < 2; i++) {
        ct_set_maxconns(ct_of(run, i), n);
    }
}

static void
change_tcp_seq_chk(struct equiv_run *run, struct equiv_rng *rng,
                   struct ds *what)
{
    bool on = equiv_percent(rng, 50);

    ds_put_format(what, "TCP windows %s", on ? "checked" : "ignored");
    for (int i = 0; i < 2; i++) {
        ct_set_tcp_seq_chk(ct_of(run, i), on);
    }
}

static void
change_switch(struct equiv_run *run, struct equiv_rng *rng, struct ds *what)
{
    enum ct_switch s = equiv_below(rng, CT_N_SWITCHES);
    bool set = equiv_percent(rng, 50);
    int value = (!set ? -1
                 : s == CT_SWITCH_TCP_MAX_RETRANS ? 1 + equiv_below(rng, 6)
                 : equiv_below(rng, 2));

    ds_put_format(what, "switch %s %d", ct_switch_name(s), value);
    for (int i = 0; i < 2; i++) {
        ct_switch_set(ct_of(run, i), s, CT_SET_BY_COMMAND, value);
    }
}

/* Of a zone, or of all. */
static void
change_timeouts(struct equiv_run *run, struct equiv_rng *rng, struct ds *what)
{
    int zone = equiv_percent(rng, 30) ? -1 : any_zone(rng);
    struct ct_timeout_setting setting = { .present = 0 };

    for (int i = 0; i < CT_N_TIMEOUTS; i++) {
        if (equiv_percent(rng, 20)) {
            setting.present |= UINT64_C(1) << i;
            setting.seconds[i] = 1 + equiv_below(rng, 300);
        }
    }
    ds_put_format(what, "timeouts of zone %d", zone);
    for (int i = 0; i < 2; i++) {
        ct_timeouts_set(ct_of(run, i), zone, CT_SET_BY_COMMAND, &setting);
    }
}

static void
change_time(struct equiv_run *run, struct equiv_rng *rng, struct ds *what)
{
    static const uint32_t limits[] = { 5, 40, 200, 700, 500000 };
    uint32_t s = equiv_below(rng, limits[equiv_below(rng, 5)]);

    ds_put_format(what, "%"PRIu32" s pass", s);
    run->now_ms += s * 1000LL;
    equiv_world_set_ms(run->now_ms);
    if (equiv_percent(rng, 80)) {
        for (int i = 0; i < 2; i++) {
            ct_run(ct_of(run, i), equiv_world_now_ms());
        }
    }
}
