/* SPDX-License-Identifier: Apache-2.0 */

/* Debug messages about megaflows.  Called by tw-megaflow and tw-upcall. */

#include <config.h>

#include "tw-megaflow-log.h"

#include "dpif.h"
#include "flow.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-print.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "tw-actions.h"
#include "tw-datapath.h"
#include "tw-megaflow.h"
#include "tw-megaflow-format.h"

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(600, 600);

/* The module, if a message is wanted now; else NULL. */
static struct vlog_module *
wanted_module(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    static struct vlog_module *module;

    if (ovsthread_once_start(&once)) {
        module = vlog_module_from_name("dpif_netdev");
        ovsthread_once_done(&once);
    }
    return (module && vlog_is_enabled(module, VLL_DBG)
            && !vlog_should_drop(module, VLL_DBG, &rl)) ? module : NULL;
}

/* The ufid that flows with this match have in common. */
static void
format_mega_ufid(const struct match *match, struct ds *s)
{
    struct flow masked = match->flow;
    ovs_u128 ufid;

    for (size_t i = 0; i < FLOW_U64S; i++) {
        *flow_u64_lvalue(&masked, i) &= flow_u64_value(&match->wc.masks, i);
    }
    odp_flow_key_hash(&masked, sizeof masked, &ufid);
    odp_format_ufid(&ufid, s);
}

/* What is really compared, as opposed to what was asked. */
static void
log_match(const struct vlog_module *module, const struct tw_megaflow *flow)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct match match;

    memset(&match, 0, sizeof match);
    tw_rule_get_mask(&flow->rule, &match.wc);
    for (size_t i = 0; i < FLOW_U64S; i++) {
        *flow_u64_lvalue(&match.flow, i)
            = (flow_u64_value(&flow->flow, i)
               & flow_u64_value(&match.wc.masks, i));
    }
    ds_put_cstr(&s, "flow match: ");
    match_format(&match, NULL, &s, OFP_DEFAULT_PRIORITY);
    vlog(module, VLL_DBG, "%s", ds_cstr(&s));
    ds_destroy(&s);
}

void
tw_megaflow_log_change(const struct tw_megaflow *flow,
                       const struct match *match,
                       const struct tw_actions *old,
                       const struct tw_actions *actions)
{
    struct vlog_module *module = wanted_module();
    struct ds s = DS_EMPTY_INITIALIZER;

    if (OVS_LIKELY(!module)) {
        return;
    }
    ds_put_cstr(&s, old ? "flow_mod: " : "flow_add: ");
    odp_format_ufid(&flow->ufid, &s);
    ds_put_cstr(&s, " mega_");
    format_mega_ufid(match, &s);
    ds_put_char(&s, ' ');
    tw_megaflow_format(&match->flow, &match->wc.masks, &s);
    if (old) {
        ds_put_cstr(&s, ", old_actions:");
        format_odp_actions(&s, old->nlattrs, old->size, NULL);
    }
    ds_put_cstr(&s, ", actions:");
    format_odp_actions(&s, actions->nlattrs, actions->size, NULL);
    vlog(module, VLL_DBG, "%s", ds_cstr(&s));
    ds_destroy(&s);

    log_match(module, flow);
}

void
tw_megaflow_log_upcall(const struct tw_datapath *dp, const char *type,
                       const struct dp_packet *packet,
                       const struct flow *flow,
                       const struct flow_wildcards *wc)
{
    struct vlog_module *module = wanted_module();
    struct ds s = DS_EMPTY_INITIALIZER;
    struct odp_flow_key_parms parms = {
        .flow = flow,
        .mask = wc ? &wc->masks : NULL,
        .support = tw_odp_support,
    };
    struct ofpbuf key;
    char *packet_s;

    if (OVS_LIKELY(!module)) {
        return;
    }
    ofpbuf_init(&key, 0);
    odp_flow_key_from_flow(&parms, &key);
    odp_flow_key_format(key.data, key.size, &s);
    packet_s = ofp_dp_packet_to_string(packet);
    vlog(module, VLL_DBG, "%s: %s upcall:\n%s\n%s", dp->name, type,
         ds_cstr(&s), packet_s);
    free(packet_s);
    ofpbuf_uninit(&key);
    ds_destroy(&s);
}
