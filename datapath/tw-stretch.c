/* SPDX-License-Identifier: Apache-2.0 */

/* Stretches: called by tw-program; calls the tracker (ct-track, ct-joint), and
 * tw-recirc for packets that leave. */

#include <config.h>

#include "tw-stretch.h"

#include "ct.h"
#include "ct-commit.h"
#include "ct-metadata.h"
#include "csum.h"
#include "flow.h"
#include "tw-datapath.h"
#include "tw-megaflow.h"
#include "tw-recirc.h"
#include "tw-thread.h"
#include "util.h"

/* One packet in a stretch, and what the packets have in common there. */
struct stroll {
    struct tw_run *run;
    struct ct_track_request requests[TW_MAX_STRETCH];   /* By operation. */

    struct dp_packet *packet;
    const struct tw_track_key *key;
    const struct ct_track *steps;
    unsigned int first_step, end_step;      /* Of the stretch. */
    bool joinable;              /* Connections may be in a joint here. */
    bool express;               /* And packets in it have nothing to do behind
                                 * the first ct(). */
    const struct tw_op *ops;
    const struct tw_op_stretch *stretch;
    struct ct *tracker;
    size_t ahead;               /* Packets between one and the one whose
                                 * connections are fetched. */
    unsigned int i;             /* In the pass. */
    unsigned int n_meetings;
    const struct tw_op_ct *ct_op;   /* The ct() whose outcome is in 'ct', but
                                     * not in the metadata; or NULL. */
    bool leaving;               /* At the next meeting. */
    bool in_joint;              /* Its connections have been updated. */
    struct ct_packet ct;
};

enum fate {
    FATE_STAYS,
    FATE_LEAVES,                /* At the operation that says so. */
    FATE_GONE
};

void
tw_pass_give_hash(struct tw_pass *pass, unsigned int i)
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

/* The connection that a step of the packet's track remembers. */
static inline struct ct_conn *
step_conn(const struct stroll *s, unsigned int step)
{
    return ct_track_conn(s->tracker, &s->steps[step]);
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
conn_matches(const struct tw_op_flow *op, const struct ct_conn *conn,
             uint8_t ct_state)
{
    return (((ct_state | CS_TRACKED) & op->ct_state_mask) == op->ct_state
            && (OVS_LIKELY(!op->ct_mark_mask)
                || (atomic_load_explicit(&conn->mark, memory_order_relaxed)
                    & op->ct_mark_mask) == op->ct_mark)
            && (OVS_LIKELY(!op->check_label)
                || label_matches(op, ct_conn_label(conn))));
}

static inline bool
ct_matches(const struct tw_op_flow *op, const struct stroll *s)
{
    return (OVS_UNLIKELY(op->by_metadata)
            ? metadata_matches(op, &s->packet->md)
            : conn_matches(op, s->ct.conn, s->ct.ct_state));
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
    if (s->in_joint
        || OVS_LIKELY(!s->leaving
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
        .request = op->request,
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

/* Joints. */

/* Would a packet of the joint that the connections are in meet all megaflows
 * behind the first ct()?  The connections are looked at only if 'by_ct'. */
static bool
joint_matches(const struct stroll *s, bool by_ct)
{
    const struct ct_conn *conn = NULL;
    uint8_t ct_state = 0;

    for (size_t k = s->stretch->first_ct; k < s->stretch->n; k++) {
        const struct tw_op *op = &s->ops[k];

        switch (op->type) {
        case TW_OP_FLOW:
            if ((op->flow.check_packet && !packet_matches(&op->flow, s))
                || (op->flow.check_ct && by_ct
                    && !conn_matches(&op->flow, conn, ct_state))) {
                return false;
            }
            break;
        case TW_OP_CT:
            conn = step_conn(s, op->ct.step);
            ct_state = ct_joint_state(conn, &s->steps[op->ct.step],
                                      op->ct.request->nat.kind
                                      != CT_NAT_NONE);
            break;
        case TW_OP_CT_CLEAR:
        case TW_OP_SET_ETHERNET:
        case TW_OP_SET_IPV4:
        case TW_OP_OUTPUT:
        case TW_OP_ACTION:
        case TW_OP_END:
        default:
            break;
        }
    }
    return true;
}

static void
set_joint(struct stroll *s, ct_joint joint)
{
    struct tw_pass *pass = s->run->pass;

    pass->joints[s->i].joint = joint;
    pass->new_joints |= UINT32_C(1) << s->i;
}

/* The joint of connections whose track knows none.  Its 'joint' is 0 if there
 * is none, or the packet would not go through the stretch with it. */
static struct tw_pass_joint
find_joint(const struct stroll *s)
{
    const struct ct_track *steps = &s->steps[s->first_step];
    struct tw_pass_joint found = { .joint = 0 };

    if (ct_joint_has(step_conn(s, s->first_step))) {
        found.joint = ct_joint_find(s->tracker, steps,
                                    s->end_step - s->first_step);
        s->run->n_lost += !found.joint;
    }
    if (found.joint && !joint_matches(s, true)) {
        found.joint = 0;
    }
    if (found.joint) {
        found.track = steps[ct_joint_step(found.joint)];
        found.leader = ct_track_conn(s->tracker, &found.track);
    }
    return found;
}

/* Updates the connections of the stretch by 'joint'. */
static inline void
update_joint(struct stroll *s, const struct tw_pass_joint *joint)
{
    s->in_joint = ct_joint_update(&s->ct, &s->requests[s->stretch->first_ct],
                                  joint->leader, &joint->track, joint->joint);
    s->run->n_joint += s->in_joint;
}

/* The same, if they have one that their track does not know. */
static void
enter_found_joint(struct stroll *s)
{
    const struct tw_pass_joint joint = find_joint(s);

    if (joint.joint) {
        update_joint(s, &joint);
        if (s->in_joint) {
            set_joint(s, joint.joint);
        }
    }
}

static inline void
enter_joint(struct stroll *s)
{
    const struct tw_pass_joint *joint = &s->run->pass->joints[s->i];

    if (OVS_UNLIKELY(!joint->joint)) {
        enter_found_joint(s);
    } else if (!OVS_UNLIKELY(s->stretch->check_packet)
               || joint_matches(s, false)) {
        update_joint(s, joint);
        if (OVS_UNLIKELY(!s->in_joint)) {
            s->run->n_lost += !ct_joint_is_led(joint->leader, joint->joint);
            set_joint(s, 0);
        }
    }
}

static inline enum fate
pass_joint(struct stroll *s, const struct tw_op_ct *op,
           const struct ct_track_request *request)
{
    s->ct_op = op;
    s->run->n_found++;
    /* Translating cannot fail: the headers have been read. */
    ct_joint_pass(&s->ct, request, step_conn(s, op->step),
                  &s->steps[op->step]);
    return FATE_STAYS;
}

/* The rest of the stretch in one, for a packet that has just entered the
 * joint. */
static inline void
ride_express(struct stroll *s)
{
    const struct tw_op_ct *op = &s->ops[s->stretch->last_ct].ct;

    s->n_meetings += s->stretch->n_flows_behind;
    s->run->n_found += s->end_step - s->first_step - 1;
    s->ct_op = op;
    s->ct.conn = step_conn(s, op->step);
}

/* How many packets of a connection pass until its joint is made: short
 * conversations are not worth it.  A power of 2. */
#define JOINT_PACKETS 4

/* Makes a joint of connections that a packet has met one by one. */
static void
make_joint(const struct stroll *s)
{
    const struct ct_track *steps = &s->steps[s->first_step];
    const struct ct_conn *conn = step_conn(s, s->first_step);

    if (s->leaving
        || conn->counters[ct_track_dir(steps)].packets % JOINT_PACKETS) {
        return;
    }
    s->run->n_joints += ct_joint_make(s->tracker, steps,
                                      s->end_step - s->first_step);
}

static inline enum fate
step_ct(struct stroll *s, struct tw_op_ct *op,
        const struct ct_track_request *request)
{
    enum ct_track_result result;
    struct ct_conn *conn;

    if (OVS_UNLIKELY(s->leaving)) {
        return execute_ct(s, op, dl_type_of(s->key));
    }
    if (op->first && !begin_ct(s, op)) {
        return FATE_STAYS;
    }
    if (s->joinable) {
        if (op->first) {
            enter_joint(s);
        }
        if (OVS_LIKELY(s->in_joint)) {
            return pass_joint(s, op, request);
        }
    }
    conn = step_conn(s, op->step);
    result = (OVS_UNLIKELY(op->again)
              ? ct_track_step_again(&s->ct, request)
              : ct_track_step(&s->ct, request, conn, &s->steps[op->step]));
    if (OVS_LIKELY(result == CT_TRACK_DONE)) {
        /* It may have ended the connection, and opened one in its place. */
        s->ct_op = op;
        s->leaving = s->ct.conn != conn;
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

/* Setting headers. */

static void
set_ethernet(struct dp_packet *packet, const struct tw_op_set *op)
{
    uint8_t *eth = dp_packet_data(packet);
    const uint8_t *value = (const uint8_t *) &op->value.eth;
    const uint8_t *mask = (const uint8_t *) &op->mask.eth;

    for (size_t i = 0; i < sizeof op->value.eth; i++) {
        eth[i] = value[i] | (eth[i] & ~mask[i]);
    }
}

/* The checksum is adjusted (RFC 1624), as OVS does. */
static void
set_ipv4(struct dp_packet *packet, const struct tw_op_set *op)
{
    struct ip_header *ip = dp_packet_l3(packet);
    uint8_t tos = (ip->ip_tos & ~op->mask.ip4.tos) | op->value.ip4.tos;
    uint8_t ttl = (ip->ip_ttl & ~op->mask.ip4.ttl) | op->value.ip4.ttl;

    if (ip->ip_tos != tos) {
        ip->ip_csum = recalc_csum16(ip->ip_csum, htons(ip->ip_tos),
                                    htons(tos));
        ip->ip_tos = tos;
    }
    if (ip->ip_ttl != ttl) {
        ip->ip_csum = recalc_csum16(ip->ip_csum, htons(ip->ip_ttl << 8),
                                    htons(ttl << 8));
        ip->ip_ttl = ttl;
    }
}

static enum fate
run_other(struct stroll *s, const struct tw_op *op)
{
    switch (op->type) {
    case TW_OP_CT_CLEAR:
        return clear_ct(s);
    case TW_OP_SET_ETHERNET:
        set_ethernet(s->packet, &op->set);
        return FATE_STAYS;
    case TW_OP_SET_IPV4:
        set_ipv4(s->packet, &op->set);
        return FATE_STAYS;
    case TW_OP_FLOW:
    case TW_OP_CT:
    case TW_OP_OUTPUT:
    case TW_OP_ACTION:
    case TW_OP_END:
    default:
        OVS_NOT_REACHED();
    }
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
                          : run_other(s, &ops[k]));

        if (OVS_UNLIKELY(fate != FATE_STAYS)) {
            *at = k;
            return fate;
        }
        if (s->in_joint && s->express) {
            ride_express(s);
            return FATE_STAYS;
        }
    }
    if (OVS_UNLIKELY(s->joinable && !s->in_joint) && s->run->may_join) {
        make_joint(s);
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
count_stretch(struct tw_run *run, const struct tw_op ops[], size_t n,
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
    tw_pass_give_hash(s->run->pass, s->i);
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

/* Connections that are under way from memory at a time: about as many as a
 * processor waits for at once. */
#define FETCH_CONNECTIONS 16
#define FETCH_MIN_PACKETS 4

/* Unless tw-cache has done it.  Not a call: gcc takes a function that only
 * prefetches for one that does nothing, and leaves it out. */
static inline void __attribute__((__always_inline__))
fetch_connections(const struct stroll *s, size_t j)
{
    const struct tw_run *run = s->run;
    unsigned int i = run->members[j];
    const struct ct_track *steps = run->pass->steps[i];

    if (s->stretch->joint && OVS_LIKELY(run->pass->joints[i].joint)) {
        return;
    }
    for (unsigned int k = s->first_step; k < s->end_step; k++) {
        ct_track_prefetch(&steps[k], ct_track_conn(s->tracker, &steps[k]));
    }
}

void
tw_program_fetch(const struct ct *ct, const struct tw_pass *pass,
                 unsigned int i)
{
    unsigned int n = pass->programs[i]->n_steps;

    if (n == 1 || pass->joints[i].joint) {
        return;
    }
    for (unsigned int k = 0; k < n; k++) {
        const struct ct_track *track = &pass->steps[i][k];

        ct_track_prefetch(track, ct_track_conn(ct, track));
    }
}

static bool
all_plain(struct ct_track_request *const requests[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!requests[i]->plain) {
            return false;
        }
    }
    return true;
}

/* What is the same for all packets. */
static void
begin_stretch(struct stroll *s, struct tw_run *run, const struct tw_op ops[])
{
    size_t n = ops[0].stretch.n;
    struct ct_track_request *requests[TW_MAX_STRETCH];
    size_t n_requests = 0;

    s->run = run;
    s->ops = ops;
    s->tracker = run->thread->dp->ct;
    s->stretch = &ops[0].stretch;
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
    s->joinable = (ops[0].stretch.joint
                   && ct_joint_allowed(requests, n_requests));
    s->express = (s->joinable && ops[0].stretch.express
                  && all_plain(requests, n_requests));
    /* One alone has been fetched. */
    s->ahead = (n_requests && run->n_steps > 1
                ? MAX(FETCH_CONNECTIONS / n_requests, FETCH_MIN_PACKETS)
                : 0);
    for (size_t j = 0; j < MIN(s->ahead, run->batch.count); j++) {
        fetch_connections(s, j);
    }
}

static inline void
begin_stroll(struct stroll *s, size_t j)
{
    const struct tw_run *run = s->run;
    unsigned int i = run->members[j];

    s->i = i;
    s->packet = run->batch.packets[j];
    s->key = &run->pass->keys[i];
    s->steps = run->pass->steps[i];
    s->ct_op = NULL;
    s->in_joint = false;
    s->leaving = run->leaving & UINT32_C(1) << i;
    s->n_meetings = run->n_meetings;
}

void
tw_stretch_run(struct tw_run *run, struct tw_op ops[])
{
    struct dp_packet_batch *batch = &run->batch;
    size_t n = ops[0].stretch.n;
    bool keep = ops[0].stretch.keep;
    size_t n_packets = dp_packet_batch_size(batch);
    struct sums sums[TW_MAX_STRETCH + 1];
    struct sums *through = &sums[n];
    size_t kept = 0;
    struct stroll s;

    memset(sums, 0, (n + 1) * sizeof sums[0]);
    begin_stretch(&s, run, ops);
    for (size_t j = 0; j < n_packets; j++) {
        enum fate fate;
        size_t at = n;

        if (s.ahead && OVS_LIKELY(j + s.ahead < n_packets)) {
            fetch_connections(&s, j + s.ahead);
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

void
tw_stretch_count(struct tw_run *run, struct tw_op ops[])
{
    const struct dp_packet_batch *batch = &run->batch;
    size_t n = ops[0].stretch.n;
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
