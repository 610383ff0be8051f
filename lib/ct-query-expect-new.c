/* SPDX-License-Identifier: Apache-2.0 */

/* Queries: an expectation that a command makes.  What it may be is what the
 * kernel's ctnetlink takes, but a mask that cannot be kept is refused. */

#include <config.h>

#include "ct-query-private.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "ct-expect.h"
#include "ct-helper.h"
#include "ct-joint.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "packets.h"
#include "util.h"

static int find_parent(struct ct_query *, const struct ct_nl_expect *,
                       struct ct_conn **);
static int add(struct ct_query *, const struct ct_nl_expect *,
               struct ct_conn *parent);
static const char *fill(const struct ct_nl_expect *, struct ct_expectation *);
static const char *set_tuple(const struct ct_nl_expect *,
                             struct ct_expectation *);
static const char *set_mask(const struct ct_dpif_tuple *mask,
                            struct ct_expectation *);
static const char *set_helper(const struct ct_nl_expect *,
                              struct ct_expectation *);

int
ct_query_expect_new(struct ct_query *q, const struct ofpbuf *request,
                    struct ofpbuf *out OVS_UNUSED)
{
    struct ct_nl_expect nl;
    const char *wrong = ct_nl_get_expect(request, &nl);
    struct ct_conn *parent = NULL;
    int error;

    if (wrong) {
        return ct_query_fail(q, EINVAL, wrong);
    }
    error = find_parent(q, &nl, &parent);
    return error ? error : add(q, &nl, parent);
}

static int
find_parent(struct ct_query *q, const struct ct_nl_expect *nl,
            struct ct_conn **parent)
{
    struct ct_dpif_entry *e = &q->conn.entry;
    int error;

    if (!nl->parent.l3_type) {
        return ct_query_fail(q, EINVAL, "the tuple of the master connection "
                             "is needed");
    }
    e->tuple_orig = nl->parent;
    e->zone = nl->zone;
    q->conn.given = CT_NL_BIT(CTA_TUPLE_ORIG);
    error = ct_query_find(q, parent);
    return (error == ENOENT
            ? ct_query_fail(q, ENOENT, "master conntrack not found") : error);
}

/* Whether there is one already, and whether the parent still lives, is asked
 * under the parent's lock, as for a helper. */
static int
insert(struct ct_query *q, struct ct_zone *zone, struct ct_expectation *e)
{
    if (q->header.nlmsg_flags & NLM_F_EXCL
        && ct_expect_is_known(zone, e)) {
        return EEXIST;
    }
    if (!ct_expect_add(q->ct, zone, e)) {
        return ct_query_fail(q, ENOSPC, "the zone has no room for another "
                             "expectation, or the master connection has just "
                             "ended");
    }
    q->count = 1;
    return 0;
}

static int
add(struct ct_query *q, const struct ct_nl_expect *nl, struct ct_conn *parent)
{
    struct ct_zone *zone = ct_zone_get(q->ct, nl->zone);
    struct ct_expectation *e;
    const char *wrong;
    int error;

    ct_joint_lock(q->ct, parent);
    if (!ct_conn_help(parent)) {
        ct_conn_unlock(parent);
        return ct_query_fail(q, EOPNOTSUPP,
                             "the master connection has no helper");
    }
    e = ct_expect_create(parent);
    e->helper = ct_conn_help(parent)->helper;
    wrong = fill(nl, e);
    if (wrong) {
        error = ct_query_fail(q, EINVAL, wrong);
    } else {
        e->expires = q->now + (nl->timeout ? nl->timeout
                               : e->helper->classes[e->class].timeout)
                              * 1000LL;
        error = insert(q, zone, e);
    }
    ct_conn_unlock(parent);
    if (error) {
        ct_expect_free(e);
    }
    return error;
}

/* All but the helper that has announced it, and the time. */
static const char *
fill(const struct ct_nl_expect *nl, struct ct_expectation *e)
{
    const char *wrong;

    if (nl->nat) {
        return "the translation of an expectation is its helper's";
    }
    if (nl->flags & ~(CT_NL_EXPECT_PERMANENT | CT_NL_EXPECT_INACTIVE)) {
        return "a flag of an expectation that is not known";
    }
    if (nl->class >= CT_HELPER_MAX_CLASSES
        || !e->helper->classes[nl->class].max_expected) {
        return "a class that the helper does not have";
    }
    e->class = nl->class;
    e->permanent = nl->flags & CT_NL_EXPECT_PERMANENT;
    e->inactive = nl->flags & CT_NL_EXPECT_INACTIVE;
    e->dir = CT_DIR_ORIGINAL;
    wrong = set_tuple(nl, e);
    wrong = wrong ? wrong : set_mask(&nl->mask, e);
    return wrong ? wrong : set_helper(nl, e);
}

static const char *
set_tuple(const struct ct_nl_expect *nl, struct ct_expectation *e)
{
    const struct ct_dpif_tuple *t = &nl->tuple;

    if (t->l3_type != nl->parent.l3_type || t->l3_type != nl->mask.l3_type) {
        return "master, tuple and mask are of different families";
    }
    if (t->ip_proto == IPPROTO_ICMP || t->ip_proto == IPPROTO_ICMPV6
        || ct_tuple_from_dpif(t, &e->tuple)) {
        return "connections of this protocol cannot be expected";
    }
    e->to_dst = e->tuple.dst;
    e->to_dst_port = e->tuple.dst_port;
    return NULL;
}

static const char *
set_mask_src(const struct ct_dpif_tuple *mask, struct ct_expectation *e)
{
    bool v6 = mask->l3_type == AF_INET6;
    size_t size = v6 ? sizeof mask->src.in6 : sizeof mask->src.ip;

    if (is_all_zeros(&mask->src, size)) {
        e->any_src = true;
    } else if (!is_all_ones(&mask->src, size)) {
        if (v6 || !ip_is_cidr(mask->src.ip)) {
            return "of the source all bits, none, or of IPv4 the first ones "
                   "can be expected";
        }
        e->src_prefix = ip_count_cidr_bits(mask->src.ip);
    }
    return NULL;
}

static const char *
set_mask(const struct ct_dpif_tuple *mask, struct ct_expectation *e)
{
    size_t size = (mask->l3_type == AF_INET6 ? sizeof mask->dst.in6
                   : sizeof mask->dst.ip);

    if (!is_all_ones(&mask->dst, size)
        || mask->dst_port != htons(UINT16_MAX)) {
        return "an expectation has one destination: its masks are all ones";
    }
    if (!mask->src_port) {
        e->tuple.src_port = htons(0);
    } else if (mask->src_port != htons(UINT16_MAX) || !e->tuple.src_port) {
        return "of the source port all bits or none can be expected";
    }
    return set_mask_src(mask, e);
}

/* That the expected connection gets. */
static const char *
set_helper(const struct ct_nl_expect *nl, struct ct_expectation *e)
{
    if (nl->helper[0]) {
        e->child_helper = ct_helper_find(nl->helper);
        if (!e->child_helper
            || !ct_helper_reads(e->child_helper, e->tuple.proto)) {
            return "a helper that does not exist, or not for this protocol";
        }
    }
    return NULL;
}
