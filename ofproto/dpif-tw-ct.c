/* SPDX-License-Identifier: Apache-2.0 */

/* The dpif provider: connection tracking and fragments.  In terms of lib/ct
 * and, for fragments, OVS's ipf. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "ct.h"
#include "dpif-tw.h"
#include "ipf.h"
#include "openvswitch/list.h"
#include "util.h"

static struct ct *
dpif_tw_ct(const struct dpif *dpif)
{
    return dpif_tw_datapath(dpif)->ct;
}

struct conn_dump {
    struct ct_dpif_dump_state up;
    struct ct_dump *dump;
};

int
dpif_tw_ct_dump_start(struct dpif *dpif, struct ct_dpif_dump_state **statep,
                      const uint16_t *zone, int *n_buckets)
{
    struct conn_dump *dump = xzalloc(sizeof *dump);

    dump->dump = ct_dump_create(dpif_tw_ct(dpif), zone, n_buckets);
    *statep = &dump->up;
    return 0;
}

int
dpif_tw_ct_dump_next(struct dpif *dpif OVS_UNUSED,
                     struct ct_dpif_dump_state *up,
                     struct ct_dpif_entry *entry)
{
    return ct_dump_next(CONTAINER_OF(up, struct conn_dump, up)->dump, entry);
}

int
dpif_tw_ct_dump_done(struct dpif *dpif OVS_UNUSED,
                     struct ct_dpif_dump_state *up)
{
    struct conn_dump *dump = CONTAINER_OF(up, struct conn_dump, up);

    ct_dump_destroy(dump->dump);
    free(dump);
    return 0;
}

int
dpif_tw_ct_flush(struct dpif *dpif, const uint16_t *zone,
                 const struct ct_dpif_tuple *tuple)
{
    return ct_flush(dpif_tw_ct(dpif), zone, tuple);
}

int
dpif_tw_ct_set_maxconns(struct dpif *dpif, uint32_t maxconns)
{
    ct_set_maxconns(dpif_tw_ct(dpif), maxconns);
    return 0;
}

int
dpif_tw_ct_get_maxconns(struct dpif *dpif, uint32_t *maxconns)
{
    *maxconns = ct_get_maxconns(dpif_tw_ct(dpif));
    return 0;
}

int
dpif_tw_ct_get_nconns(struct dpif *dpif, uint32_t *nconns)
{
    *nconns = ct_get_nconns(dpif_tw_ct(dpif));
    return 0;
}

int
dpif_tw_ct_set_tcp_seq_chk(struct dpif *dpif, bool enabled)
{
    ct_set_tcp_seq_chk(dpif_tw_ct(dpif), enabled);
    return 0;
}

int
dpif_tw_ct_get_tcp_seq_chk(struct dpif *dpif, bool *enabled)
{
    *enabled = ct_get_tcp_seq_chk(dpif_tw_ct(dpif));
    return 0;
}

int
dpif_tw_ct_set_limits(struct dpif *dpif, const uint32_t *default_limit,
                      const struct ovs_list *limits)
{
    struct ct_dpif_zone_limit *limit;

    if (default_limit) {
        ct_zone_limit_set(dpif_tw_ct(dpif), -1, *default_limit);
    }
    LIST_FOR_EACH (limit, node, limits) {
        ct_zone_limit_set(dpif_tw_ct(dpif), limit->zone, limit->limit);
    }
    return 0;
}

/* Reports the zones that have a limit of their own. */
static void
get_all_limits(const struct ct *ct, struct ovs_list *replies)
{
    for (int zone = 0; zone <= UINT16_MAX; zone++) {
        struct ct_zone_limit_info info;

        ct_zone_limit_get(ct, zone, &info);
        if (info.own) {
            ct_dpif_push_zone_limit(replies, zone, info.limit, info.count);
        }
    }
}

int
dpif_tw_ct_get_limits(struct dpif *dpif, uint32_t *default_limit,
                      const struct ovs_list *requests,
                      struct ovs_list *replies)
{
    const struct ct *ct = dpif_tw_ct(dpif);
    struct ct_dpif_zone_limit *request;
    struct ct_zone_limit_info info;

    ct_zone_limit_get(ct, -1, &info);
    *default_limit = info.limit;

    if (ovs_list_is_empty(requests)) {
        get_all_limits(ct, replies);
        return 0;
    }
    LIST_FOR_EACH (request, node, requests) {
        ct_zone_limit_get(ct, request->zone, &info);
        ct_dpif_push_zone_limit(replies, request->zone, info.limit,
                                info.count);
    }
    return 0;
}

/* A zone that has no limit of its own is no error, as with the kernel. */
int
dpif_tw_ct_del_limits(struct dpif *dpif, const struct ovs_list *limits)
{
    struct ct_dpif_zone_limit *limit;

    LIST_FOR_EACH (limit, node, limits) {
        int error = ct_zone_limit_del(dpif_tw_ct(dpif), limit->zone);

        if (error && error != ENOENT) {
            return error;
        }
    }
    return 0;
}

int
dpif_tw_ct_set_timeout_policy(struct dpif *dpif,
                              const struct ct_dpif_timeout_policy *policy)
{
    return ct_timeout_policy_set(dpif_tw_ct(dpif), policy);
}

int
dpif_tw_ct_get_timeout_policy(struct dpif *dpif, uint32_t id,
                              struct ct_dpif_timeout_policy *policy)
{
    return ct_timeout_policy_get(dpif_tw_ct(dpif), id, policy);
}

int
dpif_tw_ct_del_timeout_policy(struct dpif *dpif, uint32_t id)
{
    return ct_timeout_policy_del(dpif_tw_ct(dpif), id);
}

int
dpif_tw_ct_timeout_policy_dump_start(struct dpif *dpif OVS_UNUSED,
                                     void **statep)
{
    *statep = xzalloc(sizeof(uint32_t));        /* The next id. */
    return 0;
}

int
dpif_tw_ct_timeout_policy_dump_next(struct dpif *dpif, void *state,
                                    struct ct_dpif_timeout_policy *policy)
{
    return ct_timeout_policy_next(dpif_tw_ct(dpif), state, policy);
}

int
dpif_tw_ct_timeout_policy_dump_done(struct dpif *dpif OVS_UNUSED, void *state)
{
    free(state);
    return 0;
}

/* A policy holds for all protocols, and its number is its name. */
int
dpif_tw_ct_get_timeout_policy_name(struct dpif *dpif OVS_UNUSED, uint32_t id,
                                   uint16_t dl_type OVS_UNUSED,
                                   uint8_t nw_proto OVS_UNUSED,
                                   char **name, bool *is_generic)
{
    *name = xasprintf("%"PRIu32, id);
    *is_generic = true;
    return 0;
}

int
dpif_tw_ct_get_features(struct dpif *dpif OVS_UNUSED,
                        enum ct_features *features)
{
    if (features) {
        *features = CONNTRACK_F_ZERO_SNAT;
    }
    return 0;
}

static struct ipf *
dpif_tw_ipf(const struct dpif *dpif)
{
    return ct_ipf(dpif_tw_ct(dpif));
}

int
dpif_tw_ipf_set_enabled(struct dpif *dpif, bool v6, bool enabled)
{
    return ipf_set_enabled(dpif_tw_ipf(dpif), v6, enabled);
}

int
dpif_tw_ipf_set_min_frag(struct dpif *dpif, bool v6, uint32_t min_frag)
{
    return ipf_set_min_frag(dpif_tw_ipf(dpif), v6, min_frag);
}

int
dpif_tw_ipf_set_max_nfrags(struct dpif *dpif, uint32_t max_nfrags)
{
    return ipf_set_max_nfrags(dpif_tw_ipf(dpif), max_nfrags);
}

static void
copy_ipf_status(const struct ipf_proto_status *from,
                struct dpif_ipf_proto_status *to)
{
    *to = (struct dpif_ipf_proto_status) {
        .nfrag_accepted = from->nfrag_accepted,
        .nfrag_completed_sent = from->nfrag_completed_sent,
        .nfrag_expired_sent = from->nfrag_expired_sent,
        .nfrag_too_small = from->nfrag_too_small,
        .nfrag_overlap = from->nfrag_overlap,
        .nfrag_purged = from->nfrag_purged,
        .min_frag_size = from->min_frag_size,
        .enabled = from->enabled,
    };
}

int
dpif_tw_ipf_get_status(struct dpif *dpif, struct dpif_ipf_status *status)
{
    struct ipf_status from;

    ipf_get_status(dpif_tw_ipf(dpif), &from);
    copy_ipf_status(&from.v4, &status->v4);
    copy_ipf_status(&from.v6, &status->v6);
    status->nfrag = from.nfrag;
    status->nfrag_max = from.nfrag_max;
    return 0;
}

int
dpif_tw_ipf_dump_start(struct dpif *dpif OVS_UNUSED,
                       struct ipf_dump_ctx **ctx)
{
    return ipf_dump_start(ctx);
}

int
dpif_tw_ipf_dump_next(struct dpif *dpif, void *ctx, char **line)
{
    return ipf_dump_next(dpif_tw_ipf(dpif), ctx, line);
}

int
dpif_tw_ipf_dump_done(struct dpif *dpif OVS_UNUSED, void *ctx)
{
    return ipf_dump_done(ctx);
}
