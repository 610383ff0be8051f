/* SPDX-License-Identifier: Apache-2.0 */

/* The action table of the slow path.  Called by tw-input for the packets of a
 * megaflow, by tw-upcall and tw-execute for what ofproto asks.
 *
 * Lists are walked here.  Actions that only rewrite headers are OVS's, one at
 * a time (tw-rewrite); those that need the datapath have a function in the
 * table below. */

#include <config.h>

#include "tw-actions.h"

#include <errno.h>

#include "ct.h"
#include "flow.h"
#include "netlink.h"
#include "odp-execute.h"
#include "odp-netlink.h"
#include "ovs-rcu.h"
#include "random.h"
#include "tw-actions-check.h"
#include "tw-batch.h"
#include "tw-bond.h"
#include "tw-cache.h"
#include "tw-ct.h"
#include "tw-datapath.h"
#include "tw-meter.h"
#include "tw-output.h"
#include "tw-recirc.h"
#include "tw-rewrite.h"
#include "tw-tunnel.h"
#include "tw-upcall.h"
#include "util.h"

/* Runs action 'a' on 'batch'.  With 'steal', which only actions that are last
 * in their list and marked 'ends' get, takes ownership of the packets;
 * otherwise they stay in 'batch', changed or not, and what is taken out has
 * been freed. */
typedef void run_action(const struct tw_actions_run *,
                        struct dp_packet_batch *, const struct nlattr *a,
                        bool steal);

static run_action run_output, run_lb_output, run_userspace, run_recirc,
                  run_ct_clear, run_meter, run_tunnel_push,
                  run_tunnel_pop, run_sample, run_clone, run_check_pkt_len,
                  run_rewrite;

static const struct action_type {
    run_action *run;
    bool ends;                  /* Can take the packets. */
} action_types[__OVS_ACTION_ATTR_MAX] = {
    [OVS_ACTION_ATTR_OUTPUT]        = { run_output, true },
    [OVS_ACTION_ATTR_LB_OUTPUT]     = { run_lb_output, true },
    [OVS_ACTION_ATTR_USERSPACE]     = { run_userspace, true },
    [OVS_ACTION_ATTR_RECIRC]        = { run_recirc, true },
    [OVS_ACTION_ATTR_TUNNEL_POP]    = { run_tunnel_pop, true },
    [OVS_ACTION_ATTR_SAMPLE]        = { run_sample, true },
    [OVS_ACTION_ATTR_CLONE]         = { run_clone, true },
    [OVS_ACTION_ATTR_CHECK_PKT_LEN] = { run_check_pkt_len, true },
    [OVS_ACTION_ATTR_TUNNEL_PUSH]   = { run_tunnel_push, false },
    [OVS_ACTION_ATTR_CT_CLEAR]      = { run_ct_clear, false },
    [OVS_ACTION_ATTR_METER]         = { run_meter, false },
    [OVS_ACTION_ATTR_SET]           = { run_rewrite, false },
    [OVS_ACTION_ATTR_SET_MASKED]    = { run_rewrite, false },
    [OVS_ACTION_ATTR_PUSH_VLAN]     = { run_rewrite, false },
    [OVS_ACTION_ATTR_POP_VLAN]      = { run_rewrite, false },
    [OVS_ACTION_ATTR_PUSH_MPLS]     = { run_rewrite, false },
    [OVS_ACTION_ATTR_POP_MPLS]      = { run_rewrite, false },
    [OVS_ACTION_ATTR_ADD_MPLS]      = { run_rewrite, false },
    [OVS_ACTION_ATTR_PUSH_ETH]      = { run_rewrite, false },
    [OVS_ACTION_ATTR_POP_ETH]       = { run_rewrite, false },
    [OVS_ACTION_ATTR_PUSH_NSH]      = { run_rewrite, false },
    [OVS_ACTION_ATTR_POP_NSH]       = { run_rewrite, false },
    [OVS_ACTION_ATTR_HASH]          = { run_rewrite, false },
    [OVS_ACTION_ATTR_TRUNC]         = { run_rewrite, false },
};

static void run_list(const struct tw_actions_run *, struct dp_packet_batch *,
                     bool steal, const struct nlattr *list, size_t size);
static void run_drop(const struct tw_actions_run *, struct dp_packet_batch *,
                     const struct nlattr *a, bool steal);
static void run_ct(const struct tw_actions_run *, struct dp_packet_batch *,
                   const struct nlattr *a, size_t left);

/* Life. */

static bool
count_ct(const struct nlattr *ct OVS_UNUSED, void *n)
{
    ++*(size_t *) n;
    return true;
}

static bool
decode_ct(const struct nlattr *ct, void *actions_)
{
    struct tw_actions *actions = actions_;
    size_t offset = (const char *) ct - (const char *) actions->nlattrs;

    actions->ct_at[offset / 4] = actions->n_ct;
    return !tw_ct_decode(ct, &actions->ct[actions->n_ct++]);
}

int
tw_actions_create(const struct nlattr *nlattrs, size_t size,
                  struct tw_actions **actionsp)
{
    struct tw_actions *actions;
    size_t n_ct = 0;

    *actionsp = NULL;
    if (!tw_actions_check(nlattrs, size, count_ct, &n_ct)
        || n_ct > UINT16_MAX) {
        return EINVAL;
    }

    actions = xzalloc(sizeof *actions);
    actions->size = size;
    actions->nlattrs = size ? xmemdup(nlattrs, size) : NULL;
    if (n_ct) {
        actions->ct = xmalloc(n_ct * sizeof *actions->ct);
        actions->ct_at = xmalloc(DIV_ROUND_UP(size, 4)
                                 * sizeof *actions->ct_at);
        if (!tw_actions_check(actions->nlattrs, size, decode_ct, actions)) {
            tw_actions_free(actions);
            return EINVAL;
        }
    }
    *actionsp = actions;
    return 0;
}

void
tw_actions_free(struct tw_actions *actions)
{
    if (actions) {
        free(actions->ct);
        free(actions->ct_at);
        free(actions->nlattrs);
        free(actions);
    }
}

void
tw_actions_free_postponed(struct tw_actions *actions)
{
    if (actions) {
        ovsrcu_postpone(tw_actions_free, actions);
    }
}

/* Running. */

void
tw_actions_execute(struct tw_thread *thread, struct dp_packet_batch *batch,
                   bool may_steal, const struct flow *flow,
                   const struct tw_actions *actions)
{
    struct tw_actions_run run = {
        .thread = thread, .flow = flow, .actions = actions,
    };

    run_list(&run, batch, may_steal, actions->nlattrs, actions->size);
}

void
tw_actions_run_one(const struct tw_actions_run *run,
                   struct dp_packet_batch *batch, const struct nlattr *a,
                   bool steal)
{
    if (nl_attr_type(a) == OVS_ACTION_ATTR_DROP) {
        run_drop(run, batch, a, steal);
    } else {
        action_types[nl_attr_type(a)].run(run, batch, a, steal);
    }
}

bool
tw_action_rewrites(uint16_t type)
{
    return action_types[type].run == run_rewrite;
}

bool
tw_action_takes_packets(uint16_t type)
{
    return type == OVS_ACTION_ATTR_DROP || action_types[type].ends;
}

static void
run_list(const struct tw_actions_run *run, struct dp_packet_batch *batch,
         bool steal, const struct nlattr *list, size_t size)
{
    const struct nlattr *a;
    size_t left;

    NL_ATTR_FOR_EACH_UNSAFE (a, left, list, size) {
        const struct action_type *type;
        bool last = left <= (size_t) NLA_ALIGN(a->nla_len);

        if (nl_attr_type(a) == OVS_ACTION_ATTR_DROP) {
            run_drop(run, batch, a, steal);
            return;
        }
        type = &action_types[nl_attr_type(a)];
        if (steal && last && type->ends) {
            type->run(run, batch, a, true);
            return;
        }
        if (nl_attr_type(a) == OVS_ACTION_ATTR_CT) {
            run_ct(run, batch, a, left);
        } else {
            type->run(run, batch, a, false);
        }
        if (dp_packet_batch_is_empty(batch)) {
            return;
        }
    }
    dp_packet_delete_batch(batch, steal);
}

static void
run_nested(const struct tw_actions_run *run, struct dp_packet_batch *batch,
           bool steal, const struct nlattr *a)
{
    run_list(run, batch, steal, nl_attr_get(a), nl_attr_get_size(a));
}

static void
run_rewrite(const struct tw_actions_run *run, struct dp_packet_batch *batch,
            const struct nlattr *a, bool steal OVS_UNUSED)
{
    tw_rewrite(run->thread, batch, a);
}

/* OVS keeps counters for ofproto's reasons to drop. */
static void
run_drop(const struct tw_actions_run *run, struct dp_packet_batch *batch,
         const struct nlattr *a, bool steal)
{
    tw_stats_drop(&run->thread->stats, TW_DROP_ACTION,
                  dp_packet_batch_size(batch));
    odp_execute_actions(NULL, batch, steal, a, NLA_ALIGN(a->nla_len), NULL);
}

static void
run_output(const struct tw_actions_run *run, struct dp_packet_batch *batch,
           const struct nlattr *a, bool steal)
{
    tw_output(run->thread, nl_attr_get_odp_port(a), batch, steal);
}

static void
run_lb_output(const struct tw_actions_run *run, struct dp_packet_batch *batch,
              const struct nlattr *a, bool steal)
{
    tw_bond_output(run->thread, nl_attr_get_u32(a), batch, steal);
}

static void
run_recirc(const struct tw_actions_run *run, struct dp_packet_batch *batch,
           const struct nlattr *a, bool steal)
{
    tw_recirculate(run->thread, batch, nl_attr_get_u32(a), steal);
}

static void
run_tunnel_push(const struct tw_actions_run *run,
                struct dp_packet_batch *batch, const struct nlattr *a,
                bool steal OVS_UNUSED)
{
    tw_tunnel_push(run->thread, batch, nl_attr_get(a));
}

static void
run_tunnel_pop(const struct tw_actions_run *run, struct dp_packet_batch *batch,
               const struct nlattr *a, bool steal)
{
    tw_tunnel_pop(run->thread, batch, nl_attr_get_odp_port(a), steal);
}

static void
run_meter(const struct tw_actions_run *run, struct dp_packet_batch *batch,
          const struct nlattr *a, bool steal OVS_UNUSED)
{
    tw_meter_run(run->thread, batch, nl_attr_get_u32(a));
}

static void
run_userspace(const struct tw_actions_run *run, struct dp_packet_batch *batch,
              const struct nlattr *a, bool steal)
{
    const struct nlattr *userdata
        = nl_attr_find_nested(a, OVS_USERSPACE_ATTR_USERDATA);
    struct dp_packet_batch copies;

    if (!batch->trunc) {
        tw_upcall_action(run->thread, batch, userdata, steal);
        return;
    }

    /* Only what goes up is cut. */
    batch = tw_batch_own(batch, &copies, steal);
    dp_packet_batch_apply_cutlen(batch);
    tw_upcall_action(run->thread, batch, userdata, true);
}

/* Connection tracking. */

static ovs_be16
batch_dl_type(const struct dp_packet_batch *batch)
{
    struct flow flow;

    flow_extract(batch->packets[0], &flow);
    return flow.dl_type;
}

/* 'left' is from 'a' to the end of its list: when fragments that were held
 * leave with this batch and do not fit in it, the rest of the list is carried
 * out for them here. */
static void
run_ct(const struct tw_actions_run *run, struct dp_packet_batch *batch,
       const struct nlattr *a, size_t left)
{
    ovs_be16 dl_type = run->flow ? run->flow->dl_type : batch_dl_type(batch);
    struct ct_overflow *more
        = ct_execute_all(run->thread->dp->ct, batch, dl_type,
                         tw_actions_get_ct(run->actions, a),
                         tw_thread_now_ms(run->thread));
    size_t rest = left - MIN(left, NLA_ALIGN(a->nla_len));

    if (tw_thread_takes_notes(run->thread)) {
        tw_cache_note_ct(run->thread, batch);
    }
    while (OVS_UNLIKELY(more)) {
        struct ct_overflow *next = more->next;

        run_list(run, &more->batch, true, nl_attr_next(a), rest);
        free(more);
        more = next;
    }
}

static void
run_ct_clear(const struct tw_actions_run *run OVS_UNUSED,
             struct dp_packet_batch *batch,
             const struct nlattr *a OVS_UNUSED, bool steal OVS_UNUSED)
{
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        ct_clear(packet);
    }
}

/* Actions with lists of their own, which see the packets, or copies. */

static void
run_clone(const struct tw_actions_run *run, struct dp_packet_batch *batch,
          const struct nlattr *a, bool steal)
{
    struct dp_packet_batch copies;

    batch = tw_batch_own(batch, &copies, steal);
    run_nested(run, batch, true, a);
}

/* Runs list 'a' on 'packet', or on a copy. */
static void
run_on_one(const struct tw_actions_run *run, struct dp_packet *packet,
           const struct nlattr *a, bool steal)
{
    struct dp_packet_batch batch;

    dp_packet_batch_init_packet(&batch,
                                steal ? packet : dp_packet_clone(packet));
    batch.trunc = dp_packet_get_cutlen(packet) != 0;
    run_nested(run, &batch, true, a);
}

static void
run_sample(const struct tw_actions_run *run, struct dp_packet_batch *batch,
           const struct nlattr *a, bool steal)
{
    uint32_t probability = nl_attr_get_u32(
        nl_attr_find_nested(a, OVS_SAMPLE_ATTR_PROBABILITY));
    const struct nlattr *list = nl_attr_find_nested(a,
                                                    OVS_SAMPLE_ATTR_ACTIONS);
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        if (random_uint32() < probability) {
            run_on_one(run, packet, list, steal);
        } else if (steal) {
            dp_packet_delete(packet);
        }
    }
}

/* Whether 'packet', as it would be sent, is longer than 'len'. */
static bool
is_longer(const struct dp_packet *packet, uint16_t len)
{
    return (dp_packet_get_send_len(packet) - dp_packet_l2_pad_size(packet)
            > len);
}

static void
run_check_pkt_len(const struct tw_actions_run *run,
                  struct dp_packet_batch *batch, const struct nlattr *a,
                  bool steal)
{
    uint16_t len = nl_attr_get_u16(
        nl_attr_find_nested(a, OVS_CHECK_PKT_LEN_ATTR_PKT_LEN));
    const struct nlattr *longer = nl_attr_find_nested(
        a, OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER);
    const struct nlattr *others = nl_attr_find_nested(
        a, OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL);
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        run_on_one(run, packet, is_longer(packet, len) ? longer : others,
                   steal);
    }
}
