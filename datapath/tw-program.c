/* SPDX-License-Identifier: Apache-2.0 */

/* The way of packets whose way is known.  Called by tw-cache; calls the
 * tracker (ct-track), tw-output, tw-actions for what only the slow path knows,
 * and tw-recirc for packets that leave. */

#include <config.h>

#include "tw-program.h"

#include "ct.h"
#include "ct-metadata.h"
#include "ct-zone.h"
#include "ct-commit.h"
#include "flow.h"
#include "netlink.h"
#include "tw-actions.h"
#include "tw-datapath.h"
#include "tw-megaflow.h"
#include "tw-output.h"
#include "tw-recirc.h"
#include "tw-thread.h"
#include "util.h"

/* A program being run: the packets that are still in it, and the numbers that
 * they have in the pass. */
struct run {
    struct tw_thread *thread;
    struct tw_program *program;
    struct tw_pass *pass;
    struct dp_packet_batch batch;
    uint8_t members[NETDEV_MAX_BURST];
    unsigned int n_meetings;    /* So far. */

    /* Bits by number in the pass. */
    uint32_t stale;             /* The metadata is older than pass->ct. */
    uint32_t leaving;           /* At the next meeting. */
    uint32_t left;              /* To be returned. */
};

static void run_flow(struct run *, struct tw_op_flow *);
static void run_ct(struct run *, struct tw_op_ct *);
static void run_ct_clear(struct run *);
static void run_action(struct run *, const struct tw_op_action *);
static void give_hashes(struct run *);

bool
tw_program_revalidate(struct tw_program *program, uint64_t epoch)
{
    if (program->dead) {
        return false;
    }
    for (unsigned int i = 0; i < program->n_flows; i++) {
        uint32_t version;

        atomic_read_explicit(&program->flows[i].flow->version, &version,
                             memory_order_acquire);
        if (version != program->flows[i].version) {
            program->dead = true;
            program->epoch = 0;
            return false;
        }
    }
    program->epoch = epoch;
    return true;
}

static void
run_op(struct run *run, struct tw_op *op)
{
    switch (op->type) {
    case TW_OP_FLOW:
        run_flow(run, &op->flow);
        break;
    case TW_OP_CT:
        run_ct(run, &op->ct);
        break;
    case TW_OP_CT_CLEAR:
        run_ct_clear(run);
        break;
    case TW_OP_OUTPUT:
        tw_output(run->thread, op->output.port, &run->batch,
                  op->output.steal);
        if (op->output.steal) {
            dp_packet_batch_init(&run->batch);
        }
        break;
    case TW_OP_ACTION:
        run_action(run, &op->action);
        break;
    case TW_OP_END:
        dp_packet_delete_batch(&run->batch, true);
        dp_packet_batch_init(&run->batch);
        break;
    }
}

uint32_t
tw_program_run(struct tw_thread *thread, struct tw_program *program,
               struct tw_pass *pass, const uint8_t members[], size_t n)
{
    struct run run = {
        .thread = thread,
        .program = program,
        .pass = pass,
    };

    dp_packet_batch_init(&run.batch);
    for (size_t i = 0; i < n; i++) {
        run.members[i] = members[i];
        dp_packet_batch_add(&run.batch, pass->packets[members[i]]);
    }
    program->n_packets += n;
    program->n_batches++;
    if (OVS_UNLIKELY(program->needs_rss)) {
        give_hashes(&run);
    }
    for (size_t i = 0; i < program->n_ops; i++) {
        run_op(&run, &program->ops[i]);
        if (dp_packet_batch_is_empty(&run.batch)) {
            break;
        }
    }
    return run.left;
}

/* The packet's own hash, if the device gave none.  As it came: before anything
 * is translated. */
static void
give_hash(struct tw_pass *pass, unsigned int i)
{
    struct dp_packet *packet = pass->packets[i];
    const struct tw_track_key *key = &pass->keys[i];

    if (dp_packet_rss_valid(packet)) {
        return;
    }
    if (OVS_LIKELY(key->context.kind == TW_KEY_IPV4
                   || key->context.kind == TW_KEY_IPV6)) {
        dp_packet_set_rss_hash(packet, tw_track_key_rss(key));
    } else {
        struct flow flow;

        flow_extract(packet, &flow);
        dp_packet_set_rss_hash(packet, flow_hash_5tuple(&flow, 0));
    }
}

static void
give_hashes(struct run *run)
{
    for (size_t j = 0; j < dp_packet_batch_size(&run->batch); j++) {
        give_hash(run->pass, run->members[j]);
    }
}

/* Makes the metadata of packet 'i' what the last ct() left. */
static void
write_metadata(struct run *run, unsigned int i)
{
    uint32_t bit = UINT32_C(1) << i;

    if (run->stale & bit) {
        ct_metadata_write(&run->pass->ct[i]);
        run->stale &= ~bit;
    }
}

/* Meeting a megaflow. */

static bool
ct_matches(const struct tw_op_flow *op, const struct ct_packet *packet)
{
    uint8_t ct_state = packet->ct_state | CS_TRACKED;
    const struct ct_conn *conn = packet->conn;
    ovs_u128 label;

    if ((ct_state & op->ct_state_mask) != op->ct_state) {
        return false;
    }
    if (op->ct_mark_mask
        && (atomic_load_explicit(&conn->mark, memory_order_relaxed)
            & op->ct_mark_mask) != op->ct_mark) {
        return false;
    }
    if (OVS_LIKELY(!op->check_label)) {
        return true;
    }
    label = ct_conn_label(conn);
    return !(((label.u64.lo & op->ct_label_mask.u64.lo)
              ^ op->ct_label.u64.lo)
             | ((label.u64.hi & op->ct_label_mask.u64.hi)
                ^ op->ct_label.u64.hi));
}

static bool
flow_matches(const struct run *run, const struct tw_op_flow *op,
             unsigned int i)
{
    const struct tw_pass *pass = run->pass;

    return (!(run->leaving & UINT32_C(1) << i)
            && (!op->check_ct || ct_matches(op, &pass->ct[i]))
            && (pass->keys[i].tcp_flags & op->tcp_flags_mask)
               == op->tcp_flags
            && (!op->dp_hash_mask
                || (pass->packets[i]->md.dp_hash & op->dp_hash_mask)
                   == op->dp_hash));
}

/* 'packets' go on in the slow path, where they stand. */
static void
leave(struct run *run, const struct tw_op_flow *op,
      struct dp_packet_batch *packets)
{
    struct tw_thread *thread = run->thread;
    unsigned int depth = run->n_meetings;
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, packets) {
        packet->md.recirc_id = op->recirc_id;
    }
    if (!depth) {
        /* Nothing has been done to them. */
        tw_input_slow(thread, packets);
        return;
    }
    thread->recirc_depth += depth - 1;
    tw_recirc_input(thread, packets);
    thread->recirc_depth -= depth - 1;
}

static void
run_flow(struct run *run, struct tw_op_flow *op)
{
    struct dpif_flow_stats stats = { .used = tw_thread_now_ms(run->thread) };
    struct dp_packet_batch *batch = &run->batch;
    size_t n = dp_packet_batch_size(batch);
    struct dp_packet_batch leavers;
    size_t kept = 0;

    dp_packet_batch_init(&leavers);
    for (size_t j = 0; j < n; j++) {
        struct dp_packet *packet = batch->packets[j];
        unsigned int i = run->members[j];

        if (OVS_LIKELY(flow_matches(run, op, i))) {
            stats.n_bytes += dp_packet_size(packet);
            stats.tcp_flags |= run->pass->keys[i].tcp_flags;
            run->members[kept] = i;
            batch->packets[kept++] = packet;
        } else {
            write_metadata(run, i);
            give_hash(run->pass, i);
            run->left |= UINT32_C(1) << i;
            dp_packet_batch_add(&leavers, packet);
        }
    }
    batch->count = kept;
    if (kept) {
        stats.n_packets = kept;
        tw_megaflow_count_packets(op->flow, run->thread, &stats);
        tw_stats_add(&run->thread->stats, TW_STAT_HIT, kept);
        if (run->n_meetings) {
            tw_stats_add(&run->thread->stats, TW_STAT_RECIRC, kept);
        }
    }
    if (OVS_UNLIKELY(kept < n)) {
        op->n_left += n - kept;
        leave(run, op, &leavers);
    }
    run->n_meetings++;
}

/* Connection tracking. */

/* The whole ct() for packet 'i', since what its track remembers does not hold.
 * It leaves the program at the next meeting.  False if nothing is left of
 * it. */
static bool
execute_ct(struct run *run, struct tw_op_ct *op, unsigned int i,
           ovs_be16 dl_type)
{
    struct tw_thread *thread = run->thread;
    struct dp_packet_batch one;

    op->n_lost++;
    write_metadata(run, i);
    dp_packet_batch_init_packet(&one, run->pass->packets[i]);
    ct_execute(thread->dp->ct, &one, dl_type, op->request,
               tw_thread_now_ms(thread));
    run->leaving |= UINT32_C(1) << i;
    return !dp_packet_batch_is_empty(&one);
}

/* False if nothing is left of packet 'i'. */
static bool
step_ct(struct run *run, struct tw_op_ct *op, unsigned int i,
        struct ct_zone *zone)
{
    struct tw_pass *pass = run->pass;
    struct ct_packet *packet = &pass->ct[i];
    enum ct_track_result result;

    packet->request = op->request;
    packet->zone = zone;
    if (OVS_UNLIKELY(op->moved)) {
        packet->l3_header = dp_packet_l3(pass->packets[i]);
        packet->l4_header = dp_packet_l4(pass->packets[i]);
    }
    result = (op->again ? ct_track_step_again(packet)
              : ct_track_step(packet, pass->conns[i][op->step],
                              &pass->steps[i][op->step]));
    switch (result) {
    case CT_TRACK_DONE:
        run->stale |= UINT32_C(1) << i;
        if (OVS_UNLIKELY(!packet->conn)) {
            run->leaving |= UINT32_C(1) << i;
        }
        return true;
    case CT_TRACK_LOST:
        return execute_ct(run, op, i, packet->dl_type);
    case CT_TRACK_DROP:
    default:
        dp_packet_delete(pass->packets[i]);
        return false;
    }
}

static ovs_be16
dl_type_of(const struct tw_track_key *key)
{
    return htons(tw_track_key_kind(key) == TW_KEY_IPV6 ? ETH_TYPE_IPV6
                 : ETH_TYPE_IP);
}

/* The first ct() of packet 'i': reads its headers.  One whose headers are not
 * sound leaves with that as the outcome. */
static bool
begin_ct(struct run *run, const struct tw_op_ct *op, unsigned int i,
         struct ct_zone *zone)
{
    struct tw_pass *pass = run->pass;
    const struct ct_track_context context = {
        .ct = run->thread->dp->ct,
        .now = tw_thread_now_ms(run->thread),
        .dl_type = dl_type_of(&pass->keys[i]),
    };
    struct ct_packet *packet = &pass->ct[i];

    packet->request = op->request;
    packet->zone = zone;
    if (OVS_UNLIKELY(!ct_track_begin(packet, pass->packets[i], &context))) {
        run->stale |= UINT32_C(1) << i;
        run->leaving |= UINT32_C(1) << i;
        return false;
    }
    return true;
}

static void
run_ct(struct run *run, struct tw_op_ct *op)
{
    struct ct *ct = run->thread->dp->ct;
    struct ct_zone *zone = ct_zone_get(ct, op->request->zone);
    struct dp_packet_batch *batch = &run->batch;
    size_t n = dp_packet_batch_size(batch);
    unsigned int n_found = 0;
    size_t kept = 0;

    for (size_t j = 0; j < n; j++) {
        struct dp_packet *packet = batch->packets[j];
        unsigned int i = run->members[j];
        bool keep = true;

        if (OVS_UNLIKELY(run->leaving & UINT32_C(1) << i)) {
            keep = execute_ct(run, op, i, dl_type_of(&run->pass->keys[i]));
        } else if (!op->first || begin_ct(run, op, i, zone)) {
            keep = step_ct(run, op, i, zone);
            n_found += run->pass->ct[i].found;
        }
        if (OVS_LIKELY(keep)) {
            run->members[kept] = i;
            batch->packets[kept++] = packet;
        }
    }
    batch->count = kept;
    if (n_found) {
        ct_count(ct, CT_C_FOUND, n_found);
    }
}

static void
run_ct_clear(struct run *run)
{
    for (size_t j = 0; j < dp_packet_batch_size(&run->batch); j++) {
        run->stale &= ~(UINT32_C(1) << run->members[j]);
        ct_clear(run->batch.packets[j]);
    }
}

/* Other actions. */

/* Some of the packets may be gone. */
static void
find_members(struct run *run, const struct dp_packet *const before[],
             size_t n)
{
    size_t kept = 0;

    for (size_t j = 0; j < n && kept < run->batch.count; j++) {
        if (before[j] == run->batch.packets[kept]) {
            run->members[kept++] = run->members[j];
        }
    }
    ovs_assert(kept == run->batch.count);
}

static void
run_action(struct run *run, const struct tw_op_action *op)
{
    struct dp_packet_batch *batch = &run->batch;
    size_t n = dp_packet_batch_size(batch);
    const struct dp_packet *before[NETDEV_MAX_BURST];
    const struct tw_actions_run context = {
        .thread = run->thread,
        .flow = &op->flow->flow,
        .actions = op->actions,
    };

    if (op->needs_md) {
        for (size_t j = 0; j < n; j++) {
            write_metadata(run, run->members[j]);
        }
    }
    memcpy(before, batch->packets, n * sizeof before[0]);
    tw_actions_run_one(&context, batch, op->a, op->steal);
    if (op->steal) {
        dp_packet_batch_init(batch);
    } else if (OVS_UNLIKELY(dp_packet_batch_size(batch) != n)) {
        find_members(run, before, n);
    }
}
