/* SPDX-License-Identifier: Apache-2.0 */

/* The way of a packet, told and not taken.  Called by the provider for
 * trackway/why; calls what packets would meet: tw-lookup, tw-rewrite, and
 * lib/ct-why for the tracker. */

#include <config.h>

#include "tw-why.h"

#include <inttypes.h>

#include "ct.h"
#include "ct-census.h"
#include "ct-why.h"
#include "dp-packet.h"
#include "flow.h"
#include "netdev.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "timeval.h"
#include "tw-actions.h"
#include "tw-cache-look.h"
#include "tw-datapath.h"
#include "tw-megaflow.h"
#include "tw-megaflow-format.h"
#include "tw-port.h"
#include "tw-rewrite.h"
#include "tw-thread.h"
#include "util.h"

/* One packet on its way. */
struct way {
    struct tw_datapath *dp;
    struct ct_why *why;
    struct ds *ds;
    struct tw_thread *scratch;          /* Only counts. */
    unsigned int depth;                 /* Of recirculation. */
};

static void tell_tracker(struct way *, const struct tw_why_ask *);
static void tell_ct(struct way *, struct dp_packet **,
                    const struct ct_request *);
static void meet_megaflow(struct way *, struct dp_packet *);
static void follow(struct way *, struct dp_packet *,
                   const struct tw_actions *, const struct nlattr *list,
                   size_t size);
static bool follow_one(struct way *, struct dp_packet **,
                       const struct tw_actions *, const struct nlattr *);

void
tw_why(struct tw_datapath *dp, const struct tw_why_ask *ask, struct ds *ds)
{
    struct way w = {
        .dp = dp,
        .why = ct_why_create(dp->ct),
        .ds = ds,
        .scratch = xzalloc_cacheline(sizeof *w.scratch),
    };

    w.scratch->dp = dp;
    ct_why_leave_open(w.why, ask->open);
    if (ask->zone >= 0 || ask->packet->md.in_port.odp_port == ODPP_NONE) {
        tell_tracker(&w, ask);
    } else {
        meet_megaflow(&w, dp_packet_clone(ask->packet));
    }
    free_cacheline(w.scratch);
    ct_why_destroy(w.why);
    if (ask->packet->md.in_port.odp_port != ODPP_NONE) {
        tw_cache_tell_tracks(dp, ask->packet, ds);
    }
}

/* The tracker alone. */

static ovs_be16
dl_type_of(const struct dp_packet *packet)
{
    struct flow flow;

    flow_extract(CONST_CAST(struct dp_packet *, packet), &flow);
    return flow.dl_type;
}

static bool
knows(struct way *w, struct dp_packet *packet,
      const struct ct_request *request)
{
    const struct ct_trial_ask ask = {
        .request = request,
        .dl_type = dl_type_of(packet),
        .now = time_msec(),
    };

    return ct_why_knows(w->why, packet, &ask);
}

static void
tell_zone(struct way *w, const struct dp_packet *packet,
          const struct ct_request *request)
{
    struct dp_packet *copy = dp_packet_clone(packet);

    ds_put_cstr(w->ds, "ct(");
    ct_request_format(request, w->ds);
    ds_put_cstr(w->ds, ")\n");
    tell_ct(w, &copy, request);
    dp_packet_delete(copy);
}

static void
tell_tracker(struct way *w, const struct tw_why_ask *ask)
{
    struct ct_request request = {
        .commit = true,
        .nat.kind = CT_NAT_EXISTING,
        .zone = MAX(ask->zone, 0),
    };
    unsigned int n = 0;

    for (unsigned int i = 0;
         ask->zone < 0 && i < ct_census_n_zones(w->dp->ct); i++) {
        request.zone = ct_census_zone_at(w->dp->ct, i);
        if (knows(w, ask->packet, &request)) {
            tell_zone(w, ask->packet, &request);
            n++;
        }
    }
    if (!n) {
        request.zone = MAX(ask->zone, 0);
        tell_zone(w, ask->packet, &request);
    }
}

static void
tell_ct(struct way *w, struct dp_packet **packet,
        const struct ct_request *request)
{
    const struct ct_trial_ask ask = {
        .request = request,
        .dl_type = dl_type_of(*packet),
        .now = time_msec(),
    };

    ct_why_packet(w->why, packet, &ask, w->ds);
}

/* Megaflows. */

static void
put_megaflow(const struct tw_megaflow *flow, struct ds *ds)
{
    const struct tw_actions *actions = tw_megaflow_get_actions(flow);
    struct dpif_flow_stats stats;
    struct flow_wildcards wc;

    tw_rule_get_mask(&flow->rule, &wc);
    wc.masks.in_port.odp_port = ODPP_NONE;
    wc.masks.recirc_id = UINT32_MAX;
    tw_megaflow_get_stats(flow, &stats);
    ds_put_cstr(ds, "megaflow ");
    odp_format_ufid(&flow->ufid, ds);
    ds_put_cstr(ds, ": ");
    tw_megaflow_format(&flow->flow, &wc.masks, ds);
    ds_put_format(ds, ", packets:%"PRIu64", actions:", stats.n_packets);
    format_odp_actions(ds, actions->nlattrs, actions->size, NULL);
    ds_put_char(ds, '\n');
}

/* Takes ownership of 'packet'. */
static void
meet_megaflow(struct way *w, struct dp_packet *packet)
{
    const struct tw_actions *actions;
    struct tw_megaflow *flow;
    struct tw_rule *rule;
    struct tw_key key;

    miniflow_extract(packet, &key.mf);
    key.hash = 0;
    key.place = tw_place(packet->md.in_port.odp_port, packet->md.recirc_id);
    rule = tw_lookup_one(w->dp->lookup, &key);
    if (!rule) {
        ds_put_format(w->ds, "no megaflow for recirc_id(%#"PRIx32
                      "),in_port(%"PRIu32") and these headers: the first such "
                      "packet is an upcall (ovs-appctl ofproto/trace)\n",
                      packet->md.recirc_id,
                      odp_to_u32(packet->md.in_port.odp_port));
        dp_packet_delete(packet);
        return;
    }
    flow = tw_megaflow_from_rule(rule);
    actions = tw_megaflow_get_actions(flow);
    put_megaflow(flow, w->ds);
    follow(w, packet, actions, actions->nlattrs, actions->size);
}

/* Takes ownership of 'packet'. */
static void
follow(struct way *w, struct dp_packet *packet,
       const struct tw_actions *actions, const struct nlattr *list,
       size_t size)
{
    const struct nlattr *a;
    size_t left;

    if (!size) {
        ds_put_cstr(w->ds, "  no action: dropped\n");
    }
    NL_ATTR_FOR_EACH_UNSAFE (a, left, list, size) {
        ds_put_cstr(w->ds, "  ");
        format_odp_actions(w->ds, a, NLA_ALIGN(a->nla_len), NULL);
        if (!follow_one(w, &packet, actions, a)) {
            return;
        }
    }
    dp_packet_delete(packet);
}

static void
rewrite(struct way *w, struct dp_packet **packet, const struct nlattr *a)
{
    struct dp_packet_batch batch;

    dp_packet_batch_init_packet(&batch, *packet);
    tw_rewrite(w->scratch, &batch, a);
    *packet = dp_packet_batch_is_empty(&batch) ? NULL : batch.packets[0];
    ds_put_cstr(w->ds,
                *packet ? "\n" : ": there is no such header: dropped\n");
}

static void
put_port(struct way *w, odp_port_t number)
{
    const struct tw_port *port;

    ovs_rwlock_rdlock(&w->dp->port_rwlock);
    port = tw_port_lookup(w->dp, number);
    ds_put_format(w->ds, ": port %s\n",
                  port ? netdev_get_name(port->netdev) : "does not exist");
    ovs_rwlock_unlock(&w->dp->port_rwlock);
}

static void
recirculate(struct way *w, const struct dp_packet *packet, uint32_t id)
{
    struct dp_packet *copy;

    if (w->depth >= TW_MAX_RECIRC_DEPTH) {
        ds_put_cstr(w->ds, ": too deep: dropped, recirculation-depth\n");
        return;
    }
    ds_put_char(w->ds, '\n');
    copy = dp_packet_clone(packet);
    copy->md.recirc_id = id;
    w->depth++;
    meet_megaflow(w, copy);
    w->depth--;
}

/* False: there is no packet any more. */
static bool
follow_one(struct way *w, struct dp_packet **packet,
           const struct tw_actions *actions, const struct nlattr *a)
{
    uint16_t type = nl_attr_type(a);

    switch (type) {
    case OVS_ACTION_ATTR_CT:
        ds_put_char(w->ds, '\n');
        tell_ct(w, packet, tw_actions_get_ct(actions, a));
        break;
    case OVS_ACTION_ATTR_CT_CLEAR:
        ds_put_char(w->ds, '\n');
        ct_clear(*packet);
        break;
    case OVS_ACTION_ATTR_OUTPUT:
        put_port(w, nl_attr_get_odp_port(a));
        break;
    case OVS_ACTION_ATTR_RECIRC:
        recirculate(w, *packet, nl_attr_get_u32(a));
        break;
    case OVS_ACTION_ATTR_CLONE:
        ds_put_cstr(w->ds, ": a copy of it\n");
        follow(w, dp_packet_clone(*packet), actions, nl_attr_get(a),
               nl_attr_get_size(a));
        ds_put_cstr(w->ds, "  (the packet itself)\n");
        break;
    default:
        if (tw_action_rewrites(type)) {
            rewrite(w, packet, a);
        } else {
            ds_put_cstr(w->ds, " (not looked into here)\n");
        }
        break;
    }
    return *packet != NULL;
}
