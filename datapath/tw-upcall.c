/* SPDX-License-Identifier: Apache-2.0 */

/* From a packet that no megaflow matches to ofproto, and back with a megaflow.
 * Called by tw-input (misses) and by tw-actions (userspace actions). */

#include <config.h>

#include "tw-upcall.h"

#include <errno.h>

#include "dp-packet.h"
#include "dpif.h"
#include "flow.h"
#include "odp-util.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "tw-actions.h"
#include "tw-cache.h"
#include "tw-datapath.h"
#include "tw-megaflow.h"
#include "tw-megaflow-log.h"
#include "tw-packet.h"
#include "tw-smc.h"
#include "tw-thread.h"
#include "util.h"

/* What ofproto answers. */
struct answer {
    struct ofpbuf actions;
    struct ofpbuf put_actions;  /* For the megaflow, if others. */
    uint64_t actions_stub[512 / 8];
    uint64_t put_actions_stub[256 / 8];
};

static uint32_t drop_all(struct tw_thread *, struct tw_packets *,
                         uint32_t missing);
static bool found_meanwhile(struct tw_thread *, struct tw_packets *, int i);
static bool serve_miss(struct tw_thread *, struct dp_packet *,
                       const struct tw_key *);
static void send_up(struct tw_thread *, struct dp_packet *,
                    const struct nlattr *userdata, bool steal);

/* The gate. */

void
tw_upcall_init(struct tw_datapath *dp)
{
    fat_rwlock_init(&dp->upcall_rwlock);
    dp->upcall_cb = NULL;
    dp->upcall_aux = NULL;
    tw_upcall_disable(dp);
}

void
tw_upcall_uninit(struct tw_datapath *dp)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    ovs_assert(fat_rwlock_tryrdlock(&dp->upcall_rwlock));
    tw_upcall_enable(dp);
    fat_rwlock_destroy(&dp->upcall_rwlock);
}

void
tw_upcall_enable(struct tw_datapath *dp)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    fat_rwlock_unlock(&dp->upcall_rwlock);
}

void
tw_upcall_disable(struct tw_datapath *dp)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    fat_rwlock_wrlock(&dp->upcall_rwlock);
}

/* Misses. */

uint32_t
tw_upcall_misses(struct tw_thread *thread, struct tw_packets *packets,
                 uint32_t missing)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    struct fat_rwlock *gate = &thread->dp->upcall_rwlock;
    uint32_t gone = 0;

    if (OVS_LIKELY(!missing)) {
        return 0;
    }
    if (fat_rwlock_tryrdlock(gate)) {
        return drop_all(thread, packets, missing);
    }
    for (; missing; missing = zero_rightmost_1bit(missing)) {
        int i = raw_ctz(missing);

        if (found_meanwhile(thread, packets, i)) {
            tw_stats_add(&thread->stats, TW_STAT_HIT, 1);
            continue;
        }
        tw_stats_add(&thread->stats, TW_STAT_MISS, 1);
        if (!serve_miss(thread, packets->packets[i], &packets->keys[i])) {
            tw_stats_add(&thread->stats, TW_STAT_LOST, 1);
        }
        gone |= 1u << i;
    }
    fat_rwlock_unlock(gate);
    return gone;
}

static uint32_t
drop_all(struct tw_thread *thread, struct tw_packets *packets,
         uint32_t missing)
{
    uint64_t n = count_1bits(missing);

    tw_stats_add(&thread->stats, TW_STAT_MISS, n);
    tw_stats_add(&thread->stats, TW_STAT_LOST, n);
    tw_stats_drop(&thread->stats, TW_DROP_UPCALL_CLOSED, n);
    for (uint32_t rest = missing; rest; rest = zero_rightmost_1bit(rest)) {
        dp_packet_delete(packets->packets[raw_ctz(rest)]);
    }
    return missing;
}

/* An upcall for an earlier packet of the batch may have installed what this
 * one needs. */
static bool
found_meanwhile(struct tw_thread *thread, struct tw_packets *packets, int i)
{
    packets->rules[i] = tw_lookup_one(thread->dp->lookup, &packets->keys[i]);
    return packets->rules[i] != NULL;
}

static void
answer_init(struct answer *answer)
{
    ofpbuf_use_stub(&answer->actions, answer->actions_stub,
                    sizeof answer->actions_stub);
    ofpbuf_use_stub(&answer->put_actions, answer->put_actions_stub,
                    sizeof answer->put_actions_stub);
}

static void
answer_uninit(struct answer *answer)
{
    ofpbuf_uninit(&answer->actions);
    ofpbuf_uninit(&answer->put_actions);
}

/* Asks what to do with 'packet' of 'match->flow', and fills in 'match->wc'. */
static int
ask(struct tw_thread *thread, const struct dp_packet *packet,
    struct match *match, const ovs_u128 *ufid, struct answer *answer)
{
    struct tw_datapath *dp = thread->dp;

    if (OVS_UNLIKELY(!dp->upcall_cb)) {
        return ENODEV;
    }
    tw_megaflow_log_upcall(dp, dpif_upcall_type_to_string(DPIF_UC_MISS),
                           packet, &match->flow, &match->wc);
    return dp->upcall_cb(packet, &match->flow, CONST_CAST(ovs_u128 *, ufid),
                         NON_PMD_CORE_ID, DPIF_UC_MISS, NULL,
                         &answer->actions, &match->wc, &answer->put_actions,
                         dp->upcall_aux);
}

/* Remembers the answer as a megaflow. */
static void
install(struct tw_thread *thread, const struct tw_key *key,
        struct match *match, const ovs_u128 *ufid, struct answer *answer)
{
    const struct ofpbuf *source = (answer->put_actions.size
                                   ? &answer->put_actions
                                   : &answer->actions);
    struct tw_actions *actions;
    struct tw_megaflow *flow;

    if (tw_actions_create(source->data, source->size, &actions)) {
        return;
    }
    flow = tw_megaflow_install(thread->dp, key, match, ufid, actions);
    if (flow) {
        tw_smc_insert(thread->smc, key, &flow->rule);
    }
}

/* Executes what 'source' says, once, for 'packet', of which it takes
 * ownership. */
static bool
execute_once(struct tw_thread *thread, struct dp_packet *packet,
             const struct flow *flow, const struct ofpbuf *source)
{
    struct tw_actions *actions;
    struct dp_packet_batch batch;

    if (tw_actions_create(source->data, source->size, &actions)) {
        tw_stats_drop(&thread->stats, TW_DROP_INVALID_ACTION, 1);
        dp_packet_delete(packet);
        return false;
    }
    dp_packet_batch_init_packet(&batch, packet);
    tw_actions_execute(thread, &batch, true, flow, actions);
    tw_actions_free(actions);
    return true;
}

/* Takes ownership of 'packet'.  False if it was lost.
 *
 * The packet is executed by itself, with the actions that are for it alone:
 * the megaflow's may send it to ofproto, which has just seen it. */
static bool
serve_miss(struct tw_thread *thread, struct dp_packet *packet,
           const struct tw_key *key)
{
    struct answer answer;
    struct match match;
    ovs_u128 ufid;
    bool served;
    int error;

    memset(&match, 0, sizeof match);
    miniflow_expand(&key->mf, &match.flow);
    odp_flow_key_hash(&match.flow, sizeof match.flow, &ufid);
    if (tw_thread_takes_notes(thread)) {
        tw_cache_note_upcall(thread, packet);
    }

    answer_init(&answer);
    error = ask(thread, packet, &match, &ufid, &answer);
    if (OVS_UNLIKELY(error && error != ENOSPC)) {
        tw_stats_drop(&thread->stats, TW_DROP_UPCALL_ERROR, 1);
        dp_packet_delete(packet);
        served = false;
    } else {
        served = execute_once(thread, packet, &match.flow, &answer.actions);
        if (!error) {
            install(thread, key, &match, &ufid, &answer);
        }
    }
    answer_uninit(&answer);
    return served && !error;
}

/* Userspace actions. */

void
tw_upcall_action(struct tw_thread *thread, struct dp_packet_batch *batch,
                 const struct nlattr *userdata, bool steal)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    struct fat_rwlock *gate = &thread->dp->upcall_rwlock;
    struct dp_packet *packet;

    if (fat_rwlock_tryrdlock(gate)) {
        tw_stats_drop(&thread->stats, TW_DROP_UPCALL_CLOSED,
                      dp_packet_batch_size(batch));
        dp_packet_delete_batch(batch, steal);
        return;
    }
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        send_up(thread, packet, userdata, steal);
    }
    fat_rwlock_unlock(gate);
}

/* Executes what ofproto answered: on a copy, unless 'steal', since the answer
 * may change, drop or keep it, and the actions that follow need the packet as
 * it was.  Mostly the answer is to do nothing. */
static void
execute_answer(struct tw_thread *thread, struct dp_packet *packet, bool steal,
               const struct flow *flow, const struct ofpbuf *answer)
{
    if (answer->size) {
        execute_once(thread, steal ? packet : dp_packet_clone(packet), flow,
                     answer);
    } else if (steal) {
        dp_packet_delete(packet);
    }
}

/* Gives 'packet' to ofproto, and executes what it answers. */
static void
send_up(struct tw_thread *thread, struct dp_packet *packet,
        const struct nlattr *userdata, bool steal)
{
    struct tw_datapath *dp = thread->dp;
    struct answer answer;
    struct flow flow;
    ovs_u128 ufid;
    int error = ENODEV;

    flow_extract(packet, &flow);
    odp_flow_key_hash(&flow, sizeof flow, &ufid);

    answer_init(&answer);
    if (OVS_LIKELY(dp->upcall_cb)) {
        tw_megaflow_log_upcall(dp,
                               dpif_upcall_type_to_string(DPIF_UC_ACTION),
                               packet, &flow, NULL);
        error = dp->upcall_cb(packet, &flow, &ufid, NON_PMD_CORE_ID,
                              DPIF_UC_ACTION, userdata, &answer.actions,
                              NULL, NULL, dp->upcall_aux);
    }
    if (OVS_UNLIKELY(error && error != ENOSPC)) {
        tw_stats_drop(&thread->stats, TW_DROP_UPCALL_ERROR, 1);
        ofpbuf_clear(&answer.actions);
    }
    execute_answer(thread, packet, steal, &flow, &answer.actions);
    answer_uninit(&answer);
}
