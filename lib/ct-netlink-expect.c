/* SPDX-License-Identifier: Apache-2.0 */

/* Netlink messages: an expectation. */

#include <config.h>

#include <string.h>

#include "ct-netlink.h"
#include "netlink.h"
#include "util.h"

static void put_nat(struct ofpbuf *, const struct ct_nl_expect *);
static const char *get_nat(const struct nlattr *, struct ct_nl_expect *);

void
ct_nl_put_expect_msg(struct ofpbuf *buf, const struct ct_nl_header *header,
                     const struct ct_nl_expect *e)
{
    struct ct_nl_header h = *header;

    h.family = e->tuple.l3_type;
    size_t ofs = ct_nl_begin(buf, &h);

    ct_nl_put_tuple(buf, CTA_EXPECT_MASTER, &e->parent);
    ct_nl_put_tuple(buf, CTA_EXPECT_TUPLE, &e->tuple);
    ct_nl_put_tuple(buf, CTA_EXPECT_MASK, &e->mask);
    nl_msg_put_be32(buf, CTA_EXPECT_TIMEOUT, htonl(e->timeout));
    nl_msg_put_be32(buf, CTA_EXPECT_ID, htonl(e->id));
    nl_msg_put_be32(buf, CTA_EXPECT_FLAGS, htonl(e->flags));
    nl_msg_put_be32(buf, CTA_EXPECT_CLASS, htonl(e->class));
    if (e->zone) {
        nl_msg_put_be16(buf, CTA_EXPECT_ZONE, htons(e->zone));
    }
    if (e->helper[0]) {
        nl_msg_put_string(buf, CTA_EXPECT_HELP_NAME, e->helper);
    }
    if (e->nat) {
        put_nat(buf, e);
    }
    ct_nl_end(buf, ofs);
}

const char *
ct_nl_get_expect(const struct ofpbuf *msg, struct ct_nl_expect *e)
{
    static const struct nl_policy policy[] = {
        [CTA_EXPECT_MASTER] = { .type = NL_A_NESTED, .optional = true },
        [CTA_EXPECT_TUPLE] = { .type = NL_A_NESTED },
        [CTA_EXPECT_MASK] = { .type = NL_A_NESTED, .optional = true },
        [CTA_EXPECT_TIMEOUT] = { .type = NL_A_BE32, .optional = true },
        [CTA_EXPECT_ID] = { .type = NL_A_BE32, .optional = true },
        [CTA_EXPECT_HELP_NAME] = { .type = NL_A_STRING, .optional = true,
                                   .max_len = sizeof e->helper },
        [CTA_EXPECT_ZONE] = { .type = NL_A_BE16, .optional = true },
        [CTA_EXPECT_FLAGS] = { .type = NL_A_BE32, .optional = true },
        [CTA_EXPECT_CLASS] = { .type = NL_A_BE32, .optional = true },
        [CTA_EXPECT_NAT] = { .type = NL_A_NESTED, .optional = true },
    };
    struct nlattr *a[ARRAY_SIZE(policy)];
    const char *error;

    memset(e, 0, sizeof *e);
    if (!nl_policy_parse(msg, NLMSG_HDRLEN + sizeof(struct nfgenmsg), policy,
                         a, ARRAY_SIZE(policy))) {
        return "an attribute of an expectation is missing or has a bad size";
    }
    error = ct_nl_get_tuple(a[CTA_EXPECT_TUPLE], &e->tuple);
    if (!error && a[CTA_EXPECT_MASK]) {
        error = ct_nl_get_tuple(a[CTA_EXPECT_MASK], &e->mask);
    }
    if (!error && a[CTA_EXPECT_MASTER]) {
        error = ct_nl_get_tuple(a[CTA_EXPECT_MASTER], &e->parent);
    }
    if (!error && a[CTA_EXPECT_NAT]) {
        error = get_nat(a[CTA_EXPECT_NAT], e);
    }
    if (error) {
        return error;
    }

    e->timeout = (a[CTA_EXPECT_TIMEOUT]
                  ? ntohl(nl_attr_get_be32(a[CTA_EXPECT_TIMEOUT])) : 0);
    e->id = (a[CTA_EXPECT_ID]
             ? ntohl(nl_attr_get_be32(a[CTA_EXPECT_ID])) : 0);
    e->flags = (a[CTA_EXPECT_FLAGS]
                ? ntohl(nl_attr_get_be32(a[CTA_EXPECT_FLAGS])) : 0);
    e->class = (a[CTA_EXPECT_CLASS]
                ? ntohl(nl_attr_get_be32(a[CTA_EXPECT_CLASS])) : 0);
    e->zone = (a[CTA_EXPECT_ZONE]
               ? ntohs(nl_attr_get_be16(a[CTA_EXPECT_ZONE])) : 0);
    if (a[CTA_EXPECT_HELP_NAME]) {
        ovs_strlcpy(e->helper, nl_attr_get_string(a[CTA_EXPECT_HELP_NAME]),
                    sizeof e->helper);
    }
    return NULL;
}

static void
put_nat(struct ofpbuf *buf, const struct ct_nl_expect *e)
{
    size_t ofs = nl_msg_start_nested(buf, CTA_EXPECT_NAT);

    nl_msg_put_be32(buf, CTA_EXPECT_NAT_DIR, htonl(e->nat_dir));
    ct_nl_put_tuple(buf, CTA_EXPECT_NAT_TUPLE, &e->nat_tuple);
    nl_msg_end_nested(buf, ofs);
}

static const char *
get_nat(const struct nlattr *nla, struct ct_nl_expect *e)
{
    static const struct nl_policy policy[] = {
        [CTA_EXPECT_NAT_DIR] = { .type = NL_A_BE32 },
        [CTA_EXPECT_NAT_TUPLE] = { .type = NL_A_NESTED },
    };
    struct nlattr *a[ARRAY_SIZE(policy)];

    if (!nl_parse_nested(nla, policy, a, ARRAY_SIZE(policy))) {
        return "bad translation of an expectation";
    }
    e->nat = true;
    e->nat_dir = ntohl(nl_attr_get_be32(a[CTA_EXPECT_NAT_DIR]));
    return ct_nl_get_tuple(a[CTA_EXPECT_NAT_TUPLE], &e->nat_tuple);
}
