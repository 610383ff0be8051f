/* SPDX-License-Identifier: Apache-2.0 */

/* Megaflows as netlink attributes.  Called by tw-megaflow and
 * tw-megaflow-dump. */

#include <config.h>

#include "tw-megaflow-format.h"

#include "dpif.h"
#include "flow.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "tw-megaflow.h"

VLOG_DEFINE_THIS_MODULE(tw_megaflow);

const struct odp_support tw_odp_support = {
    .max_vlan_headers = SIZE_MAX,
    .max_mpls_depth = SIZE_MAX,
    .recirc = true,
    .ct_state = true,
    .ct_zone = true,
    .ct_mark = true,
    .ct_label = true,
    .ct_state_nat = true,
    .ct_orig_tuple = true,
    .ct_orig_tuple6 = true,
};

#define CT_STATES (CS_NEW | CS_ESTABLISHED | CS_RELATED | CS_REPLY_DIR \
                   | CS_INVALID | CS_TRACKED | CS_SRC_NAT | CS_DST_NAT)

static void log_refused(const struct dpif_flow_put *, const char *reason);

bool
tw_megaflow_parse_key(const struct nlattr *key, size_t key_len,
                      struct flow *flow)
{
    return (!odp_flow_key_to_flow(key, key_len, flow, NULL)
            && !(flow->ct_state & ~(uint32_t) CT_STATES));
}

bool
tw_megaflow_parse_match(const struct dpif_flow_put *put, struct match *match)
{
    memset(&match->tun_md, 0, sizeof match->tun_md);
    if (!tw_megaflow_parse_key(put->key, put->key_len, &match->flow)) {
        log_refused(put, "key cannot be parsed");
        return false;
    }
    if (odp_flow_key_to_mask(put->mask, put->mask_len, &match->wc,
                             &match->flow, NULL)) {
        log_refused(put, "mask cannot be parsed");
        return false;
    }
    if (match->wc.masks.in_port.odp_port != ODPP_NONE) {
        log_refused(put, "in_port is not an exact match");
        return false;
    }
    return true;
}

void
tw_megaflow_to_dpif_flow(const struct tw_megaflow *flow, struct ofpbuf *key,
                         struct ofpbuf *mask, struct dpif_flow *reply)
{
    const struct tw_actions *actions = tw_megaflow_get_actions(flow);
    struct flow_wildcards wc;
    struct odp_flow_key_parms parms = {
        .flow = &flow->flow,
        .mask = &wc.masks,
        .support = tw_odp_support,
    };
    size_t key_at, mask_at;

    tw_megaflow_to_terse(flow, reply);
    tw_rule_get_mask(&flow->rule, &wc);
    wc.masks.in_port.odp_port = ODPP_NONE;
    wc.masks.recirc_id = UINT32_MAX;

    key_at = key->size;
    odp_flow_key_from_flow(&parms, key);
    reply->key_len = key->size - key_at;

    mask_at = mask->size;
    parms.key_buf = key;
    odp_flow_key_from_mask(&parms, mask);
    reply->mask_len = mask->size - mask_at;

    /* Only now: both may be one buffer, which moves when it grows. */
    reply->key = (struct nlattr *) ((char *) key->data + key_at);
    reply->mask = (struct nlattr *) ((char *) mask->data + mask_at);

    reply->actions = actions->nlattrs;
    reply->actions_len = actions->size;
}

void
tw_megaflow_to_terse(const struct tw_megaflow *flow, struct dpif_flow *reply)
{
    memset(reply, 0, sizeof *reply);
    reply->ufid = flow->ufid;
    reply->ufid_present = true;
    reply->pmd_id = NON_PMD_CORE_ID;
    reply->attrs.dp_layer = "ovs";
    tw_megaflow_get_stats(flow, &reply->stats);
}

static void
log_refused(const struct dpif_flow_put *put, const char *reason)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
    struct ds s = DS_EMPTY_INITIALIZER;

    if ((put->flags & DPIF_FP_PROBE) || VLOG_DROP_ERR(&rl)) {
        return;
    }
    odp_flow_format(put->key, put->key_len, put->mask, put->mask_len, NULL,
                    &s, true);
    VLOG_ERR("failed to put flow: %s (%s)", reason, ds_cstr(&s));
    ds_destroy(&s);
}

void
tw_megaflow_format(const struct flow *flow, const struct flow *mask,
                   struct ds *s)
{
    struct odp_flow_key_parms parms = {
        .flow = flow,
        .mask = mask,
        .support = tw_odp_support,
    };
    struct ofpbuf key_buf, mask_buf;

    ofpbuf_init(&key_buf, 0);
    ofpbuf_init(&mask_buf, 0);
    odp_flow_key_from_flow(&parms, &key_buf);
    parms.key_buf = &key_buf;
    odp_flow_key_from_mask(&parms, &mask_buf);
    odp_flow_format(key_buf.data, key_buf.size, mask_buf.data, mask_buf.size,
                    NULL, s, false);
    ofpbuf_uninit(&key_buf);
    ofpbuf_uninit(&mask_buf);
}
