/* SPDX-License-Identifier: Apache-2.0 */

/* The way of packets whose way is known.  Called by tw-cache; calls the
 * tracker (ct-track), tw-output, tw-actions for what only the slow path knows,
 * and tw-recirc for packets that leave. */

#include <config.h>

#include "tw-program.h"

#include "ct.h"
#include "ct-commit.h"
#include "ct-metadata.h"
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
    struct tw_pass *pass;
    struct dp_packet_batch batch;
    uint8_t members[NETDEV_MAX_BURST];
    unsigned int n_meetings;    /* Before this stretch. */
    unsigned int n_found;       /* Packets whose connection was found. */
    uint32_t left;              /* Bits by number in the pass. */
    uint32_t leaving;           /* So too: at the next meeting, which is not
                                 * in the stretch that found it out. */
};

/* One packet in a stretch, and what the packets have in common there. */
struct stroll {
    struct run *run;
    struct ct_track_request requests[TW_MAX_STRETCH];   /* By operation. */
    struct ct_conn *conns[NETDEV_MAX_BURST][TW_TRACK_MAX_STEPS];

    struct dp_packet *packet;
    const struct tw_track_key *key;
    const struct ct_track *steps;
    struct ct_conn **step_conns;
    unsigned int first_step, end_step;      /* Of the stretch. */
    unsigned int i;             /* In the pass. */
    unsigned int n_meetings;
    const struct tw_op_ct *ct_op;   /* The ct() whose outcome is in 'ct', but
                                     * not in the metadata; or NULL. */
    bool leaving;               /* At the next meeting. */
    struct ct_packet ct;
};

enum fate {
    FATE_STAYS,
    FATE_LEAVES,                /* At the operation that says so. */
    FATE_GONE
};

static void run_stretch(struct run *, struct tw_op *, size_t n, bool keep);
static void count_meetings(struct run *, struct tw_op *, size_t n);
static void run_action(struct run *, const struct tw_op_action *);
static void give_hashes(struct run *);

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
run_op(struct run *run, struct tw_op *op)
{
    switch (op->type) {
    case TW_OP_FLOW:
    case TW_OP_CT:
    case TW_OP_CT_CLEAR:
        if (op->unchecked && OVS_LIKELY(!run->leaving)) {
            count_meetings(run, op, op->stretch);
        } else {
            run_stretch(run, op, op->stretch, op->keep);
        }
        return op->stretch;
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
begin_run(struct run *run, struct tw_thread *thread, struct tw_pass *pass)
{
    run->thread = thread;
    run->pass = pass;
    run->n_meetings = run->n_found = 0;
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

uint32_t
tw_program_run(struct tw_thread *thread, struct tw_program *program,
               struct tw_pass *pass, const uint8_t members[], size_t n)
{
    struct run run;

    program->n_packets += n;
    program->n_batches++;
    if (program->simple) {
        run_simple(thread, program, pass, members, n);
        return 0;
    }
    begin_run(&run, thread, pass);
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
    if (run.n_found) {
        ct_count(thread->dp->ct, CT_C_FOUND, run.n_found);
    }
    return run.left | run.leaving;
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

/* Makes the metadata what the last ct() left. */
static void
write_metadata(struct stroll *s)
{
    if (s->ct_op) {
        s->ct.request = s->ct_op->request;
        ct_metadata_write(&s->ct);
        s->ct_op = NULL;
    }
}

/* Meeting a megaflow. */

static bool
label_matches(const struct tw_op_flow *op, ovs_u128 label)
{
    const ovs_u128 mask = op->ct_label_mask, want = op->ct_label;

    return !(((label.u64.lo & mask.u64.lo) ^ want.u64.lo)
             | ((label.u64.hi & mask.u64.hi) ^ want.u64.hi));
}

static bool
metadata_matches(const struct tw_op_flow *op, const struct pkt_metadata *md)
{
    return ((md->ct_state & op->ct_state_mask) == op->ct_state
            && (md->ct_mark & op->ct_mark_mask) == op->ct_mark
            && (!op->check_label || label_matches(op, md->ct_label)));
}

static inline bool
ct_matches(const struct tw_op_flow *op, const struct stroll *s)
{
    const struct ct_packet *packet = &s->ct;

    if (OVS_UNLIKELY(op->by_metadata)) {
        return metadata_matches(op, &s->packet->md);
    }
    return (((packet->ct_state | CS_TRACKED) & op->ct_state_mask)
            == op->ct_state
            && (OVS_LIKELY(!op->ct_mark_mask)
                || (atomic_load_explicit(&packet->conn->mark,
                                         memory_order_relaxed)
                    & op->ct_mark_mask) == op->ct_mark)
            && (OVS_LIKELY(!op->check_label)
                || label_matches(op, ct_conn_label(packet->conn))));
}

static bool
packet_matches(const struct tw_op_flow *op, const struct stroll *s)
{
    return ((s->key->tcp_flags & op->tcp_flags_mask) == op->tcp_flags
            && (!op->dp_hash_mask
                || ((s->packet->md.dp_hash & op->dp_hash_mask)
                    == op->dp_hash)));
}

static inline enum fate
meet_flow(struct stroll *s, const struct tw_op_flow *op)
{
    if (OVS_LIKELY(!s->leaving
                   && (!op->check_ct || ct_matches(op, s))
                   && (OVS_LIKELY(!op->check_packet)
                       || packet_matches(op, s)))) {
        s->n_meetings++;
        return FATE_STAYS;
    }
    return FATE_LEAVES;
}

/* Connection tracking. */

/* The whole ct(), since what the track remembers does not hold.  The packet
 * leaves the program at the next meeting. */
static enum fate
execute_ct(struct stroll *s, struct tw_op_ct *op, ovs_be16 dl_type)
{
    struct tw_thread *thread = s->run->thread;
    struct dp_packet_batch one;

    op->n_lost++;
    write_metadata(s);
    dp_packet_batch_init_packet(&one, s->packet);
    ct_execute(thread->dp->ct, &one, dl_type, op->request,
               tw_thread_now_ms(thread));
    s->leaving = true;
    return dp_packet_batch_is_empty(&one) ? FATE_GONE : FATE_STAYS;
}

static ovs_be16
dl_type_of(const struct tw_track_key *key)
{
    return htons(tw_track_key_kind(key) == TW_KEY_IPV6 ? ETH_TYPE_IPV6
                 : ETH_TYPE_IP);
}

/* The first ct() of a stretch: reads the headers.  False if they are not
 * sound: then that is the outcome. */
static bool
begin_ct(struct stroll *s, const struct tw_op_ct *op)
{
    struct tw_thread *thread = s->run->thread;
    const struct ct_track_context context = {
        .ct = thread->dp->ct,
        .now = tw_thread_now_ms(thread),
        .dl_type = dl_type_of(s->key),
    };

    if (OVS_UNLIKELY(!ct_track_begin(&s->ct, s->packet, &context))) {
        s->ct_op = op;
        s->leaving = true;
        return false;
    }
    if (OVS_UNLIKELY(op->again)) {
        ct_track_recall(&s->ct);
    }
    return true;
}

static inline enum fate
step_ct(struct stroll *s, struct tw_op_ct *op,
        const struct ct_track_request *request)
{
    enum ct_track_result result;

    if (OVS_UNLIKELY(s->leaving)) {
        return execute_ct(s, op, dl_type_of(s->key));
    }
    if (op->first && !begin_ct(s, op)) {
        return FATE_STAYS;
    }
    result = (OVS_UNLIKELY(op->again)
              ? ct_track_step_again(&s->ct, request)
              : ct_track_step(&s->ct, request, s->step_conns[op->step],
                              &s->steps[op->step]));
    if (OVS_LIKELY(result == CT_TRACK_DONE)) {
        /* It may have ended the connection, and opened one in its place. */
        s->ct_op = op;
        s->leaving = s->ct.conn != s->step_conns[op->step];
        s->run->n_found += s->ct.found;
        return FATE_STAYS;
    }
    switch (result) {
    case CT_TRACK_LOST:
        return execute_ct(s, op, s->ct.dl_type);
    case CT_TRACK_DROP:
    default:
        dp_packet_delete(s->packet);
        return FATE_GONE;
    }
}

static enum fate
clear_ct(struct stroll *s)
{
    s->ct_op = NULL;
    ct_clear(s->packet);
    return FATE_STAYS;
}

/* Stretches. */

/* Carries one packet through 'n' operations.  Where it leaves or is lost is
 * stored in '*at'. */
static inline enum fate
stroll(struct stroll *s, struct tw_op ops[], size_t n, size_t *at)
{
    for (size_t k = 0; k < n; k++) {
        enum fate fate = (ops[k].type == TW_OP_CT
                          ? step_ct(s, &ops[k].ct, &s->requests[k])
                          : ops[k].type == TW_OP_FLOW
                          ? meet_flow(s, &ops[k].flow)
                          : clear_ct(s));

        if (OVS_UNLIKELY(fate != FATE_STAYS)) {
            *at = k;
            return fate;
        }
    }
    return FATE_STAYS;
}

/* What packets count for the megaflows that they met in a stretch: the first
 * sums[k] is of those that came to the 'k'th operation and no further. */
struct sums {
    uint64_t n_packets, n_bytes;
    uint16_t tcp_flags;
};

static void
sums_add(struct sums *a, const struct sums *b)
{
    a->n_packets += b->n_packets;
    a->n_bytes += b->n_bytes;
    a->tcp_flags |= b->tcp_flags;
}

/* From the last operation to the first, since who came further met all the
 * megaflows before. */
static void
count_stretch(struct run *run, const struct tw_op ops[], size_t n,
              struct sums sums[])
{
    struct tw_stats *stats = &run->thread->stats;
    struct sums sum = sums[n];
    unsigned int n_flows = 0;

    for (size_t k = n; k-- > 0;) {
        if (ops[k].type == TW_OP_FLOW && sum.n_packets) {
            struct dpif_flow_stats flow_stats = {
                .n_packets = sum.n_packets,
                .n_bytes = sum.n_bytes,
                .used = tw_thread_now_ms(run->thread),
                .tcp_flags = sum.tcp_flags,
            };

            tw_megaflow_count_packets(ops[k].flow.flow, run->thread,
                                      &flow_stats);
            tw_stats_add(stats, TW_STAT_HIT, sum.n_packets);
            if (k || run->n_meetings) {
                tw_stats_add(stats, TW_STAT_RECIRC, sum.n_packets);
            }
        }
        n_flows += ops[k].type == TW_OP_FLOW;
        sums_add(&sum, &sums[k]);
    }
    run->n_meetings += n_flows;
}

/* The packet goes on in the slow path, from where it stands. */
static void
leave(struct stroll *s, struct tw_op_flow *op)
{
    struct tw_thread *thread = s->run->thread;
    struct dp_packet_batch one;

    op->n_left++;
    tw_walk_none(s->packet);
    write_metadata(s);
    give_hash(s->run->pass, s->i);
    s->run->left |= UINT32_C(1) << s->i;
    s->packet->md.recirc_id = op->recirc_id;
    dp_packet_batch_init_packet(&one, s->packet);
    if (!s->n_meetings) {
        /* Nothing has been done to it. */
        tw_input_slow(thread, &one);
    } else {
        unsigned int depth = s->n_meetings - 1;

        thread->recirc_depth += depth;
        tw_recirc_input(thread, &one);
        thread->recirc_depth -= depth;
    }
}

/* Packets between one and the one whose connections are fetched. */
#define FETCH_AHEAD 4

static inline void
fetch_connections(struct stroll *s, size_t j)
{
    const struct run *run = s->run;
    const struct ct *ct = run->thread->dp->ct;
    const struct ct_track *steps = run->pass->steps[run->members[j]];

    for (unsigned int k = s->first_step; k < s->end_step; k++) {
        s->conns[j][k] = ct_track_conn(ct, &steps[k]);
        ct_track_prefetch(&steps[k], s->conns[j][k]);
    }
}

/* What is the same for all packets. */
static void
begin_stretch(struct stroll *s, struct run *run, const struct tw_op ops[],
              size_t n)
{
    struct ct_track_request *requests[TW_MAX_STRETCH];
    size_t n_requests = 0;

    s->run = run;
    s->first_step = TW_TRACK_MAX_STEPS;
    s->end_step = 0;
    for (size_t k = 0; k < n; k++) {
        if (ops[k].type == TW_OP_CT) {
            ct_track_prepare(&s->requests[k], run->thread->dp->ct,
                             ops[k].ct.request);
            requests[n_requests++] = &s->requests[k];
            s->first_step = MIN(s->first_step, ops[k].ct.step);
            s->end_step = ops[k].ct.step + 1;
        }
    }
    ct_track_prepared(requests, n_requests);
    for (size_t j = 0; j < MIN(FETCH_AHEAD, run->batch.count); j++) {
        fetch_connections(s, j);
    }
}

static inline void
begin_stroll(struct stroll *s, size_t j)
{
    const struct run *run = s->run;
    unsigned int i = run->members[j];

    s->i = i;
    s->packet = run->batch.packets[j];
    s->key = &run->pass->keys[i];
    s->steps = run->pass->steps[i];
    s->step_conns = s->conns[j];
    s->ct_op = NULL;
    s->leaving = run->leaving & UINT32_C(1) << i;
    s->n_meetings = run->n_meetings;
}

static void
run_stretch(struct run *run, struct tw_op ops[], size_t n, bool keep)
{
    struct dp_packet_batch *batch = &run->batch;
    size_t n_packets = dp_packet_batch_size(batch);
    struct sums sums[TW_MAX_STRETCH + 1];
    struct sums *through = &sums[n];
    size_t kept = 0;
    struct stroll s;

    memset(sums, 0, (n + 1) * sizeof sums[0]);
    begin_stretch(&s, run, ops, n);
    for (size_t j = 0; j < n_packets; j++) {
        enum fate fate;
        size_t at = n;

        if (OVS_LIKELY(j + FETCH_AHEAD < n_packets)) {
            fetch_connections(&s, j + FETCH_AHEAD);
        }
        begin_stroll(&s, j);
        size_t size = dp_packet_size(s.packet);
        fate = stroll(&s, ops, n, &at);
        if (OVS_LIKELY(fate == FATE_STAYS)) {
            if (keep) {
                write_metadata(&s);
            }
            run->leaving |= (uint32_t) s.leaving << s.i;
            through->n_bytes += size;
            through->tcp_flags |= s.key->tcp_flags;
            run->members[kept] = s.i;
            batch->packets[kept++] = s.packet;
        } else {
            const struct sums own = { 1, size, s.key->tcp_flags };

            sums_add(&sums[at], &own);
            if (fate == FATE_LEAVES) {
                leave(&s, &ops[at].flow);
            }
        }
    }
    through->n_packets = kept;
    batch->count = kept;
    count_stretch(run, ops, n, sums);
}

/* A stretch in which nobody leaves. */
static void
count_meetings(struct run *run, struct tw_op ops[], size_t n)
{
    const struct dp_packet_batch *batch = &run->batch;
    size_t n_packets = dp_packet_batch_size(batch);
    struct sums sums[TW_MAX_STRETCH + 1];
    struct sums *through = &sums[n];

    memset(sums, 0, (n + 1) * sizeof sums[0]);
    through->n_packets = n_packets;
    for (size_t j = 0; j < n_packets; j++) {
        through->n_bytes += dp_packet_size(batch->packets[j]);
        through->tcp_flags |= run->pass->keys[run->members[j]].tcp_flags;
    }
    count_stretch(run, ops, n, sums);
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

/* As deep in the recirculations as the slow path would be, and with its
 * recirc_id: the action may ask ofproto, or execute what ofproto answers. */
static void
run_far_action(struct run *run, const struct tw_actions_run *context,
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
