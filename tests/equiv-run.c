/* SPDX-License-Identifier: Apache-2.0 */

/* Equivalence: a run, from nothing to the first difference or the end.
 * Called by test-tw-equivalence; calls everything else of equiv-*. */

#include <config.h>

#include "equiv.h"

#undef NDEBUG
#include <assert.h>

#include "bitmap.h"
#include "ct.h"
#include "openvswitch/ofp-print.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "tw-cache.h"
#include "tw-datapath.h"
#include "tw-thread.h"
#include "util.h"

static void run_init(struct equiv_run *, const struct equiv_config *,
                     struct equiv_result *);
static void run_uninit(struct equiv_run *);
static bool run_is_over(const struct equiv_run *);
static bool step_change(struct equiv_run *);
static bool step_batch(struct equiv_run *);

void
equiv_run(const struct equiv_config *config, struct equiv_result *result)
{
    struct equiv_run run;

    memset(result, 0, sizeof *result);
    ds_init(&result->report);
    run_init(&run, config, result);
    while (!run_is_over(&run) && step_change(&run) && step_batch(&run)) {
        continue;
    }
    run_uninit(&run);
}

void
equiv_result_uninit(struct equiv_result *result)
{
    ds_destroy(&result->report);
}

/* Random numbers for what happens at the next item, whatever came before. */
static struct equiv_rng
rng_of(const struct equiv_run *run, uint64_t what)
{
    return (struct equiv_rng) {
        equiv_mix(run->config->seed + what) + equiv_mix(run->item)
    };
}

static void
run_init(struct equiv_run *run, const struct equiv_config *config,
         struct equiv_result *result)
{
    static const unsigned int change_percents[] = { 1, 2, 4, 12 };
    unsigned int cache_size;
    struct equiv_rng rng;

    memset(run, 0, sizeof *run);
    run->config = config;
    run->result = result;
    run->batch = -1;
    ds_init(&run->recent);
    equiv_world_begin(config->seed);
    equiv_flows_reset_numbers();
    run->pipeline = equiv_pipeline_create(config->seed);
    run->traffic = equiv_traffic_create(config->seed + 1);
    rng = rng_of(run, 1);
    run->change_percent = change_percents[equiv_below(&rng, 4)];
    if (run->pipeline->steady && equiv_percent(&rng, 70)) {
        run->change_percent = 1;
    }
    run->singly = equiv_percent(&rng, 20);
    cache_size = 1u << (equiv_percent(&rng, 70) ? 16 : equiv_below(&rng, 10));
    for (int i = 0; i < 2; i++) {
        run->sides[i] = equiv_side_create(i, i && config->cache, cache_size,
                                          run->pipeline);
    }
    equiv_change_init(run, &rng);
}

/* A cache that is resized begins to count anew. */
static void
count_hits(struct equiv_run *run)
{
    struct tw_datapath *dp = equiv_side_dp(run->sides[1]);
    struct tw_thread *thread = tw_thread_lock_non_pmd(dp);
    uint64_t n = thread->cache ? thread->cache->stats.n_hits : 0;
    uint64_t n_joint = thread->cache ? thread->cache->stats.n_joint : 0;

    tw_thread_unlock_non_pmd(thread);
    run->result->n_hits += n - (n < run->last_hits ? 0 : run->last_hits);
    run->result->n_joint += (n_joint
                             - (n_joint < run->last_joint ? 0
                                : run->last_joint));
    run->last_hits = n;
    run->last_joint = n_joint;
}

static void
run_uninit(struct equiv_run *run)
{
    run->result->batch = run->batch;
    run->result->item = run->item;
    run->result->n_flows = equiv_flows_count_numbers();
    equiv_change_after_batch(run);
    for (int i = 0; i < 2; i++) {
        equiv_side_destroy(run->sides[i]);
    }
    equiv_traffic_destroy(run->traffic);
    equiv_pipeline_destroy(run->pipeline);
    ds_destroy(&run->recent);
    free(run->before);
    ovsrcu_quiesce();
}

static bool
run_is_over(const struct equiv_run *run)
{
    return (run->result->n_packets >= run->config->n_packets
            || run->item >= run->config->until);
}

static bool
is_left_out(const struct equiv_run *run, unsigned int item)
{
    return (item >= run->config->until
            || (run->config->skip && item < run->config->n_skip
                && bitmap_is_set(run->config->skip, item)));
}

/* Comparing. */

static bool
checks_always(const struct equiv_run *run)
{
    return (run->config->check_always
            && run->batch >= run->config->check_from);
}

static bool
check_state(struct equiv_run *run)
{
    return equiv_compare_state(run->sides, &run->result->report);
}

/* Ends the run, with a report, unless 'same'. */
static bool
conclude(struct equiv_run *run, bool same, bool change)
{
    struct equiv_result *result = run->result;

    if (run->config->verbose && (change || run->result->batch_size)) {
        fputs(ds_cstr(&run->recent), stdout);
    }
    if (same) {
        return true;
    }
    result->differs = true;
    result->change = change;
    ds_put_format(&result->report, "behind %s", ds_cstr(&run->recent));
    ds_put_cstr(&result->report, "megaflows of side 0 that it met:\n");
    equiv_flows_format(equiv_side_flows(run->sides[0]), run->before,
                       run->n_before, &result->report);
    return false;
}

/* Steps. */

/* A change now and then: compared before, so that what it hides has been
 * seen. */
static bool
step_change(struct equiv_run *run)
{
    struct equiv_rng rng = rng_of(run, 2);
    unsigned int item = run->item;

    if (!run->config->changes || !equiv_percent(&rng, run->change_percent)) {
        return true;
    }
    run->item++;
    if (is_left_out(run, item)) {
        return true;
    }
    if (!check_state(run)) {
        return conclude(run, false, false);
    }
    ds_clear(&run->recent);
    ds_put_format(&run->recent, "item %u: ", item);
    equiv_change(run, &rng, &run->recent);
    ds_put_char(&run->recent, '\n');
    run->result->n_changes++;

    bool same = (equiv_compare_output(run->sides, true, &run->result->report)
                 & equiv_compare_counters(run->sides, &run->result->report));
    if (same && checks_always(run)) {
        same = check_state(run);
    }
    equiv_log_clear(equiv_side_log(run->sides[0]));
    equiv_log_clear(equiv_side_log(run->sides[1]));
    return conclude(run, same, true);
}

static void
describe_batch(struct equiv_run *run, const struct equiv_batch *batch)
{
    ds_clear(&run->recent);
    ds_put_format(&run->recent, "batch %d, at %lld ms, %u packets on port "
                  "%u\n", run->batch, run->now_ms, batch->n, batch->in_port);
    if (!run->config->verbose && !checks_always(run)) {
        return;
    }
    for (unsigned int i = 0; i < batch->n; i++) {
        const struct dp_packet *packet = batch->items[i].packet;
        char *s = ofp_packet_to_string(dp_packet_data(packet),
                                       dp_packet_size(packet), htonl(PT_ETH));

        ds_put_format(&run->recent, "  item %u: %s", batch->items[i].number,
                      s);
        free(s);
    }
}

/* Of side 0, so that a report can say which ones were met. */
static void
remember_flows(struct equiv_run *run)
{
    if (checks_always(run)) {
        const struct equiv_flow_stats *stats
            = equiv_flows_stats(equiv_side_flows(run->sides[0]),
                                &run->n_before);

        free(run->before);
        run->before = xmemdup(stats, run->n_before * sizeof *stats);
    }
}

/* Removes what is left out, or cannot come in. */
static void
thin_out(struct equiv_run *run, struct equiv_batch *batch)
{
    bool has_port = equiv_side_has_port(run->sides[0], batch->in_port);
    unsigned int n = 0;

    for (unsigned int i = 0; i < batch->n; i++) {
        if (has_port && !is_left_out(run, batch->items[i].number)) {
            batch->items[n++] = batch->items[i];
        } else {
            dp_packet_delete(batch->items[i].packet);
        }
    }
    batch->n = n;
}

/* What the sides may tell apart in a packet: those that differ in it may pass
 * each other. */
static uint32_t
group_of(const struct dp_packet *original, uint32_t basis)
{
    struct dp_packet *packet = dp_packet_clone(original);
    struct flow flow;

    flow_extract(packet, &flow);
    flow.tcp_flags = 0;
    dp_packet_delete(packet);
    return hash_bytes(&flow, sizeof flow, basis);
}

/* In another order: each by itself, or in two batches. */
static void
input_permuted(struct equiv_run *run, unsigned int in_port,
               struct dp_packet *packets[], unsigned int n)
{
    unsigned int permutation = run->config->permutation;

    for (unsigned int part = 0; permutation && part < 2; part++) {
        struct dp_packet *some[NETDEV_MAX_BURST];
        unsigned int n_some = 0;

        for (unsigned int i = 0; i < n; i++) {
            if (group_of(packets[i], permutation) % 2 == part) {
                some[n_some++] = packets[i];
            }
        }
        equiv_side_input(run->sides[1], in_port, some, n_some);
    }
    for (unsigned int i = 0; !permutation && i < n; i++) {
        equiv_side_input(run->sides[1], in_port, &packets[i], 1);
    }
}

static bool
is_permuted(const struct equiv_run *run)
{
    return run->config->permute == run->batch;
}

static void
input(struct equiv_run *run, const struct equiv_batch *batch)
{
    bool split = run->config->split_all || run->singly
                 || (run->config->split && run->batch < run->config->n_split
                     && bitmap_is_set(run->config->split, run->batch));
    struct dp_packet *packets[NETDEV_MAX_BURST];

    for (unsigned int i = 0; i < batch->n; i++) {
        packets[i] = batch->items[i].packet;
    }
    for (int side = 0; side < 2; side++) {
        if (side && is_permuted(run)) {
            input_permuted(run, batch->in_port, packets, batch->n);
        } else if (!split && batch->n) {
            equiv_side_input(run->sides[side], batch->in_port, packets,
                             batch->n);
        } else {
            for (unsigned int i = 0; i < batch->n; i++) {
                equiv_side_input(run->sides[side], batch->in_port,
                                 &packets[i], 1);
            }
        }
    }
}

/* What came out, and what was counted. */
static bool
check_batch(struct equiv_run *run)
{
    struct ds *report = &run->result->report;

    equiv_sabotage(run);
    return (equiv_compare_output(run->sides, !is_permuted(run), report)
            & equiv_compare_counters(run->sides, report));
}

static void
learn(struct equiv_run *run)
{
    struct equiv_log *log = equiv_side_log(run->sides[0]);

    for (size_t i = 0; i < log->n; i++) {
        const struct equiv_record *r = &log->records[i];

        if (r->port != UINT32_MAX) {
            equiv_traffic_learn(run->traffic, r->port, r->data, r->size);
            run->result->n_sent++;
        } else {
            run->result->n_up++;
        }
    }
    equiv_log_clear(equiv_side_log(run->sides[0]));
    equiv_log_clear(equiv_side_log(run->sides[1]));
}

static void
count_batch(struct equiv_run *run, const struct equiv_batch *batch)
{
    struct equiv_result *result = run->result;
    uint32_t n_conns = ct_get_nconns(equiv_side_dp(run->sides[0])->ct);

    result->n_packets += batch->n;
    result->n_batches++;
    result->batch_size = batch->n;
    result->n_conns = MAX(result->n_conns, n_conns);
}

/* Time goes by before a batch, and maintenance may come. */
static void
let_time_pass(struct equiv_run *run, struct equiv_rng *rng)
{
    run->now_ms += equiv_below(rng, 50);
    equiv_world_set_ms(run->now_ms);
    bool maintain = equiv_percent(rng, 30);
    for (int i = 0; maintain && i < 2; i++) {
        struct tw_datapath *dp = equiv_side_dp(run->sides[i]);

        ct_run(dp->ct, equiv_world_now_ms());
        tw_thread_run_non_pmd(dp);
    }
}

static bool
step_batch(struct equiv_run *run)
{
    struct equiv_rng rng = rng_of(run, 3);
    struct equiv_batch batch;
    bool same;

    let_time_pass(run, &rng);
    equiv_traffic_next(run->traffic, NETDEV_MAX_BURST, &run->item, &batch);
    run->batch++;
    thin_out(run, &batch);
    describe_batch(run, &batch);
    remember_flows(run);

    equiv_world_fix_random(equiv_next(&rng));
    input(run, &batch);
    equiv_world_free_random();
    equiv_change_after_batch(run);
    count_batch(run, &batch);
    count_hits(run);
    for (unsigned int i = 0; i < batch.n; i++) {
        dp_packet_delete(batch.items[i].packet);
    }

    same = check_batch(run);
    learn(run);
    if (same && (checks_always(run) || run_is_over(run)
                 || !(run->batch % EQUIV_CHECK_INTERVAL))) {
        same = check_state(run);
    }
    ovsrcu_quiesce();
    return conclude(run, same, false);
}
