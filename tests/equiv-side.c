/* SPDX-License-Identifier: Apache-2.0 */

/* Equivalence: a datapath and what stands in for ofproto.  Called by
 * equiv-run, equiv-change and equiv-compare; calls datapath/. */

#include <config.h>

#include "equiv.h"

#undef NDEBUG
#include <assert.h>
#include <errno.h>

#include "hash.h"
#include "netlink.h"
#include "odp-util.h"
#include "smap.h"
#include "tw-datapath.h"
#include "tw-megaflow.h"
#include "tw-meter.h"
#include "tw-output.h"
#include "tw-port.h"
#include "tw-thread.h"
#include "tw-upcall.h"
#include "util.h"

struct equiv_side {
    int index;
    struct tw_datapath *dp;
    struct equiv_pipeline *pipeline;    /* Shared. */
    struct equiv_flows *flows;
    struct equiv_log *log;
};

static upcall_callback upcall_cb;

struct equiv_side *
equiv_side_create(int index, bool cache, unsigned int cache_size,
                  struct equiv_pipeline *pipeline)
{
    struct equiv_side *side = xzalloc(sizeof *side);
    char *name = xasprintf("equiv-dp%d", index);

    side->index = index;
    side->pipeline = pipeline;
    side->log = equiv_port_log(index);
    assert(!tw_datapath_open(name, "equiv", true, true, &side->dp));
    free(name);

    side->flows = equiv_flows_create(side->dp);
    side->dp->upcall_cb = upcall_cb;
    side->dp->upcall_aux = side;
    tw_upcall_enable(side->dp);
    equiv_side_set_cache(side, cache, cache_size);
    for (unsigned int port = 1; port <= EQUIV_N_PORTS; port++) {
        equiv_side_add_port(side, port);
    }
    return side;
}

void
equiv_side_destroy(struct equiv_side *side)
{
    tw_upcall_disable(side->dp);
    equiv_flows_destroy(side->flows);
    tw_datapath_destroy(side->dp);
    tw_datapath_unref(side->dp);
    equiv_log_clear(side->log);
    free(side);
}

struct tw_datapath *
equiv_side_dp(struct equiv_side *side)
{
    return side->dp;
}

struct equiv_log *
equiv_side_log(struct equiv_side *side)
{
    return side->log;
}

struct equiv_flows *
equiv_side_flows(struct equiv_side *side)
{
    return side->flows;
}

void
equiv_side_set_cache(struct equiv_side *side, bool cache, unsigned int size)
{
    struct smap config = SMAP_INITIALIZER(&config);

    smap_add(&config, "track-cache", cache ? "true" : "false");
    smap_add_format(&config, "track-cache-size", "%u", size);
    tw_datapath_set_config(side->dp, &config);
    smap_destroy(&config);
}

/* Ports. */

static char *
port_name(const struct equiv_side *side, unsigned int port)
{
    return xasprintf("equiv%d-%u", side->index, port);
}

void
equiv_side_add_port(struct equiv_side *side, unsigned int port)
{
    char *name = port_name(side, port);

    ovs_rwlock_wrlock(&side->dp->port_rwlock);
    assert(!tw_port_add(side->dp, name, "equiv", u32_to_odp(port)));
    ovs_rwlock_unlock(&side->dp->port_rwlock);
    free(name);
}

void
equiv_side_del_port(struct equiv_side *side, unsigned int port)
{
    ovs_rwlock_wrlock(&side->dp->port_rwlock);
    tw_port_del(side->dp, tw_port_lookup(side->dp, u32_to_odp(port)));
    ovs_rwlock_unlock(&side->dp->port_rwlock);
}

bool
equiv_side_has_port(const struct equiv_side *side, unsigned int port)
{
    bool has;

    ovs_rwlock_rdlock(&side->dp->port_rwlock);
    has = tw_port_lookup(side->dp, u32_to_odp(port)) != NULL;
    ovs_rwlock_unlock(&side->dp->port_rwlock);
    return has;
}

/* Packets. */

void
equiv_side_input(struct equiv_side *side, unsigned int in_port,
                 struct dp_packet *packets[], unsigned int n)
{
    struct tw_thread *thread = tw_thread_lock_non_pmd(side->dp);
    struct dp_packet_batch batch;

    dp_packet_batch_init(&batch);
    for (unsigned int i = 0; i < n; i++) {
        dp_packet_batch_add(&batch, dp_packet_clone_with_headroom(packets[i],
                                                                  64));
    }
    thread->recirc_depth = 0;
    tw_input(thread, &batch, u32_to_odp(in_port));
    tw_output_flush(thread);
    tw_thread_unlock_non_pmd(thread);
}

/* There is no room for some megaflows, the same ones on both sides. */
static bool
is_refused(const struct flow *flow, const struct flow_wildcards *wc)
{
    return !(flow_hash_in_wildcards(flow, wc, 1) % 40);
}

static int
serve_miss(struct equiv_side *side, const struct dp_packet *packet,
           const struct flow *flow, const ovs_u128 *ufid,
           struct flow_wildcards *wc, struct ofpbuf *actions,
           struct ofpbuf *put_actions)
{
    struct equiv_answer answer;

    equiv_pipeline_ask(side->pipeline, flow, &answer);
    *wc = answer.wc;
    ofpbuf_put(actions, answer.actions.data, answer.actions.size);
    ofpbuf_put(put_actions, answer.put_actions.data,
               answer.put_actions.size);
    equiv_answer_uninit(&answer);
    if (is_refused(flow, wc)) {
        return ENOSPC;
    }
    equiv_flows_upcall(side->flows, flow, wc, ufid, dp_packet_size(packet));
    return 0;
}

static void
serve_action(struct equiv_side *side, const struct dp_packet *packet,
             const struct flow *flow, const struct nlattr *userdata,
             struct ofpbuf *actions)
{
    struct equiv_answer answer;

    assert(userdata);
    equiv_log_add(side->log, UINT32_MAX, dp_packet_data(packet),
                  dp_packet_size(packet));
    if (nl_attr_get_u32(userdata) == EQUIV_COOKIE_SLOW) {
        equiv_pipeline_ask(side->pipeline, flow, &answer);
        ofpbuf_put(actions, answer.actions.data, answer.actions.size);
        equiv_answer_uninit(&answer);
    }
}

static int
upcall_cb(const struct dp_packet *packet, const struct flow *flow,
          ovs_u128 *ufid, unsigned pmd_id OVS_UNUSED,
          enum dpif_upcall_type type, const struct nlattr *userdata,
          struct ofpbuf *actions, struct flow_wildcards *wc,
          struct ofpbuf *put_actions, void *side_)
{
    struct equiv_side *side = side_;

    if (type == DPIF_UC_MISS) {
        return serve_miss(side, packet, flow, ufid, wc, actions, put_actions);
    }
    serve_action(side, packet, flow, userdata, actions);
    return 0;
}
