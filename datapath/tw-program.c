/* SPDX-License-Identifier: Apache-2.0 */

/* The way of packets whose way is known.  Called by tw-cache; calls
 * tw-stretch, tw-output, and tw-actions for what only the slow path knows. */

#include <config.h>

#include "tw-program.h"

#include "ct.h"
#include "netlink.h"
#include "tw-actions.h"
#include "tw-datapath.h"
#include "tw-megaflow.h"
#include "tw-output.h"
#include "tw-stretch.h"
#include "tw-thread.h"
#include "util.h"

static void run_action(struct tw_run *, const struct tw_op_action *);
static void give_hashes(struct tw_run *);

struct tw_epoch
tw_epoch_now(struct tw_datapath *dp)
{
    struct tw_epoch now = { .flushes = ct_track_epoch(dp->ct) };

    atomic_read_explicit(&dp->flow_epoch, &now.flows, memory_order_acquire);
    return now;
}

static bool
flows_are_unchanged(const struct tw_program *program)
{
    for (unsigned int i = 0; i < program->n_flows; i++) {
        uint32_t version;

        atomic_read_explicit(&program->flows[i].flow->version, &version,
                             memory_order_acquire);
        if (version != program->flows[i].version) {
            return false;
        }
    }
    return true;
}

static bool
zones_are_unchanged(const struct tw_program *program, const struct ct *ct)
{
    for (size_t i = 0; i < program->n_ops; i++) {
        const struct tw_op *op = &program->ops[i];

        if (op->type == TW_OP_CT
            && (ct_track_generation(ct, op->ct.request->zone)
                != program->generations[op->ct.step])) {
            return false;
        }
    }
    return true;
}

/* The flows first: what the operations point to is their actions. */
bool
tw_program_revalidate(struct tw_program *program, const struct ct *ct,
                      const struct tw_epoch *now)
{
    if (program->dead) {
        return false;
    }
    if (flows_are_unchanged(program) && zones_are_unchanged(program, ct)) {
        program->epoch = *now;
        return true;
    }
    program->dead = true;
    program->epoch = (struct tw_epoch) { UINT64_MAX, UINT64_MAX };
    return false;
}

/* Returns the number of operations that it carried out. */
static size_t
run_op(struct tw_run *run, struct tw_op *op)
{
    switch (op->type) {
    case TW_OP_FLOW:
    case TW_OP_CT:
    case TW_OP_CT_CLEAR:
    case TW_OP_SET_ETHERNET:
    case TW_OP_SET_IPV4:
        if (op->stretch.unchecked && OVS_LIKELY(!run->leaving)) {
            tw_stretch_count(run, op);
        } else {
            tw_stretch_run(run, op);
        }
        return op->stretch.n;
    case TW_OP_OUTPUT:
        tw_output(run->thread, op->output.port, &run->batch,
                  op->output.steal);
        if (op->output.steal) {
            dp_packet_batch_init(&run->batch);
        }
        return 1;
    case TW_OP_ACTION:
        run_action(run, &op->action);
        return 1;
    case TW_OP_END:
    default:
        dp_packet_delete_batch(&run->batch, true);
        dp_packet_batch_init(&run->batch);
        return 1;
    }
}

/* By member: most of it needs no value yet. */
static void
begin_run(struct tw_run *run, struct tw_thread *thread, struct tw_pass *pass)
{
    run->thread = thread;
    run->pass = pass;
    run->n_meetings = run->n_found = 0;
    run->n_joint = run->n_joints = run->n_lost = 0;
    run->left = run->leaving = 0;
    dp_packet_batch_init(&run->batch);
}

/* What is left of a program if it has one megaflow and one output: there may
 * be a program for nearly each packet. */
static void
run_simple(struct tw_thread *thread, const struct tw_program *program,
           const struct tw_pass *pass, const uint8_t members[], size_t n)
{
    struct dpif_flow_stats stats = {
        .n_packets = n,
        .used = tw_thread_now_ms(thread),
    };
    struct dp_packet_batch batch;

    dp_packet_batch_init(&batch);
    for (size_t j = 0; j < n; j++) {
        struct dp_packet *packet = pass->packets[members[j]];

        stats.n_bytes += dp_packet_size(packet);
        stats.tcp_flags |= pass->keys[members[j]].tcp_flags;
        dp_packet_batch_add(&batch, packet);
    }
    tw_megaflow_count_own(program->simple_line, &stats);
    tw_stats_add(&thread->stats, TW_STAT_HIT, n);
    tw_output(thread, program->simple_port, &batch, true);
}

/* Joints are worth it if packets ride in them.  Where the two directions of
 * a conversation meet different zones, each packet of one dissolves what
 * packets of the other have made: then most runs make none. */
#define MIN_RIDES 8
#define MIN_LOST 64
#define MAX_LOST 1024

static bool
may_join(struct tw_program *program)
{
    return (program->n_lost < MIN_LOST
            || program->n_rides >= (uint64_t) MIN_RIDES * program->n_lost
            || !(++program->n_held_back % MIN_LOST));
}

static void
count_joints(struct tw_program *program, struct tw_pass *pass,
             const struct tw_run *run)
{
    pass->n_joint += run->n_joint;
    pass->n_joints += run->n_joints;
    program->n_rides += run->n_joint;
    program->n_lost += run->n_lost;
    if (program->n_lost >= MAX_LOST) {
        program->n_lost /= 2;
        program->n_rides /= 2;
    }
}

uint32_t
tw_program_run(struct tw_thread *thread, struct tw_program *program,
               struct tw_pass *pass, const uint8_t members[], size_t n)
{
    struct tw_run run;

    program->n_packets += n;
    program->n_batches++;
    if (program->simple) {
        run_simple(thread, program, pass, members, n);
        return 0;
    }
    begin_run(&run, thread, pass);
    run.n_steps = program->n_steps;
    run.may_join = program->joint && may_join(program);
    for (size_t i = 0; i < n; i++) {
        run.members[i] = members[i];
        dp_packet_batch_add(&run.batch, pass->packets[members[i]]);
    }
    if (OVS_UNLIKELY(program->needs_rss)) {
        give_hashes(&run);
    }
    for (size_t i = 0; i < program->n_ops;) {
        i += run_op(&run, &program->ops[i]);
        if (dp_packet_batch_is_empty(&run.batch)) {
            break;
        }
    }
    if (program->joint) {
        count_joints(program, pass, &run);
    }
    if (run.n_found) {
        ct_count(thread->dp->ct, CT_C_FOUND, run.n_found);
    }
    return run.left | run.leaving;
}

static void
give_hashes(struct tw_run *run)
{
    for (size_t j = 0; j < dp_packet_batch_size(&run->batch); j++) {
        tw_pass_give_hash(run->pass, run->members[j]);
    }
}

/* Other actions. */

/* Some of the packets may be gone. */
static void
find_members(struct tw_run *run, const struct dp_packet *const before[],
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

/* As deep in the recirculations as the slow path would be, and with its
 * recirc_id: the action may ask ofproto, or execute what ofproto answers. */
static void
run_far_action(struct tw_run *run, const struct tw_actions_run *context,
               const struct tw_op_action *op)
{
    struct tw_thread *thread = run->thread;
    unsigned int depth = run->n_meetings - 1;
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, &run->batch) {
        packet->md.recirc_id = context->flow->recirc_id;
    }
    thread->recirc_depth += depth;
    tw_actions_run_one(context, &run->batch, op->a, op->steal);
    thread->recirc_depth -= depth;
}

static void
run_action(struct tw_run *run, const struct tw_op_action *op)
{
    struct dp_packet_batch *batch = &run->batch;
    size_t n = dp_packet_batch_size(batch);
    const struct dp_packet *before[NETDEV_MAX_BURST];
    const struct tw_actions_run context = {
        .thread = run->thread,
        .flow = &op->flow->flow,
        .actions = op->actions,
    };

    memcpy(before, batch->packets, n * sizeof before[0]);
    if (op->far) {
        run_far_action(run, &context, op);
    } else {
        tw_actions_run_one(&context, batch, op->a, op->steal);
    }
    if (op->steal) {
        dp_packet_batch_init(batch);
    } else if (OVS_UNLIKELY(dp_packet_batch_size(batch) != n)) {
        find_members(run, before, n);
    }
}
