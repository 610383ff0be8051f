/* SPDX-License-Identifier: Apache-2.0 */

/* Queries: what requests do to expectations.  A zone has a bounded number of
 * them: what is said of one zone is said at once. */

#include <config.h>

#include "ct-query-private.h"

#include <errno.h>
#include <string.h>

#include "ct-expect-list.h"
#include "ct-expect.h"
#include "ct-helper.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "netlink.h"
#include "util.h"

static ct_query_step next_zone;
static void put_zone(struct ct_query *, struct ofpbuf *out,
                     struct ct_zone *);

int
ct_query_expect_get(struct ct_query *q,
                    const struct ofpbuf *request OVS_UNUSED,
                    struct ofpbuf *out OVS_UNUSED)
{
    q->step = next_zone;
    return 0;
}

int
ct_query_expect_delete(struct ct_query *q, const struct ofpbuf *request,
                       struct ofpbuf *out OVS_UNUSED)
{
    static const struct nl_policy policy[] = {
        [CTA_EXPECT_ID] = { .type = NL_A_BE32, .optional = true },
        [CTA_EXPECT_ZONE] = { .type = NL_A_BE16, .optional = true },
    };
    struct nlattr *a[ARRAY_SIZE(policy)];
    uint32_t id;

    if (!nl_policy_parse(request, NLMSG_HDRLEN + sizeof(struct nfgenmsg),
                         policy, a, ARRAY_SIZE(policy))) {
        return ct_query_fail(q, EINVAL, "bad id or zone of an expectation");
    }
    if (!a[CTA_EXPECT_ID] && !ct_query_is_flush(request, CTA_EXPECT_ZONE)) {
        return ct_query_fail(q, EOPNOTSUPP, "expectations are deleted by id, "
                             "by zone, or all");
    }
    id = (a[CTA_EXPECT_ID] ? ntohl(nl_attr_get_be32(a[CTA_EXPECT_ID])) : 0);
    if (id || !a[CTA_EXPECT_ID]) {
        q->count = ct_expects_delete(q->ct, (a[CTA_EXPECT_ZONE]
                                             ? ntohs(nl_attr_get_be16(
                                                   a[CTA_EXPECT_ZONE]))
                                             : -1), id);
    }
    return (a[CTA_EXPECT_ID] && !q->count
            ? ct_query_fail(q, ENOENT, "no expectation has this id") : 0);
}

/* Zones until there is something to say. */
static bool
next_zone(struct ct_query *q, struct ofpbuf *out)
{
    const size_t size = out->size;

    while (q->zone_index < ct_zones_count(q->ct) && out->size == size) {
        put_zone(q, out, ct_zones_at(q->ct, q->zone_index++));
    }
    return q->zone_index < ct_zones_count(q->ct);
}

static void
put_zone(struct ct_query *q, struct ofpbuf *out, struct ct_zone *zone)
{
    const struct ct_nl_header header = {
        .type = CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_NEW),
        .flags = NLM_F_MULTI,
        .seq = q->header.nlmsg_seq,
    };
    struct ct_expectation *copies;
    size_t n = ct_expects_copy(zone, &copies);

    for (size_t i = 0; i < n; i++) {
        struct ct_nl_expect e;
        struct ct_tuple parent;

        /* Stays readable until we quiesce, even if it has ended. */
        ct_conn_tuple(copies[i].parent, CT_DIR_ORIGINAL, &parent);
        ct_query_describe_expect(&copies[i], &parent, zone->id, q->now, &e);
        ct_nl_put_expect_msg(out, &header, &e);
    }
    q->count += n;
    free(copies);
}

static void
set_mask(struct ct_dpif_tuple *mask, const struct ct_expectation *e)
{
    *mask = (struct ct_dpif_tuple) {
        .ip_proto = e->tuple.proto,
        .l3_type = ct_tuple_is_ipv6(&e->tuple) ? AF_INET6 : AF_INET,
        .src_port = htons(e->tuple.src_port ? UINT16_MAX : 0),
        .dst_port = htons(UINT16_MAX),
    };
    size_t len = (mask->l3_type == AF_INET6 ? sizeof mask->src.in6
                  : sizeof mask->src.ip);

    memset(&mask->src, e->any_src ? 0 : 0xff, len);
    if (e->src_prefix) {
        mask->src.ip = be32_prefix_mask(e->src_prefix);
    }
    memset(&mask->dst, 0xff, len);
}

void
ct_query_describe_expect(const struct ct_expectation *e,
                         const struct ct_tuple *parent, uint16_t zone,
                         long long now, struct ct_nl_expect *nl)
{
    struct ct_tuple tuple = e->tuple;

    memset(nl, 0, sizeof *nl);
    nl->id = e->id;
    nl->zone = zone;
    nl->class = e->class;
    nl->timeout = MAX(e->expires - now, 0) / 1000;
    nl->flags = ((e->permanent ? CT_NL_EXPECT_PERMANENT : 0)
                 | (e->inactive ? CT_NL_EXPECT_INACTIVE : 0));
    if (e->any_src) {
        memset(&tuple.src, 0, sizeof tuple.src);
    }
    ct_tuple_to_dpif(&tuple, &nl->tuple);
    set_mask(&nl->mask, e);
    ct_tuple_to_dpif(parent, &nl->parent);
    if (e->nat) {
        tuple = e->tuple;
        tuple.src = e->to_src;
        tuple.dst = e->to_dst;
        tuple.dst_port = e->to_dst_port;
        ct_tuple_to_dpif(&tuple, &nl->nat_tuple);
        nl->nat = true;
        nl->nat_dir = e->dir;
    }
    ovs_strlcpy(nl->helper, e->helper->name, sizeof nl->helper);
}
