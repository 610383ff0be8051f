/* SPDX-License-Identifier: Apache-2.0 */

/* Filters, as they travel: CT_NLA_FILTER. */

#include <config.h>

#include <string.h>

#include "ct-filter.h"
#include "ct-netlink.h"
#include "netlink.h"
#include "util.h"

static void put_tuple(struct ofpbuf *, uint16_t type,
                      const struct ct_filter_tuple *);
static const char *get_tuples(struct nlattr *attrs[], struct ct_filter *);
static const char *get_tuple(const struct nlattr *, struct ct_filter_tuple *);
static const char *get_numbers(struct nlattr *attrs[], struct ct_filter *);
static void get_words(struct nlattr *attrs[], struct ct_filter *);

void
ct_filter_put(struct ofpbuf *buf, const struct ct_filter *f)
{
    size_t ofs = nl_msg_start_nested(buf, CT_NLA_FILTER);
    const struct {
        enum ct_nla_filter type;
        uint8_t value;
    } bytes[] = {
        { CT_FILTER_FAMILY, f->family },
        { CT_FILTER_PROTO, f->proto },
        { CT_FILTER_STATE, f->state },
        { CT_FILTER_NAT, f->nat },
    };
    const struct {
        enum ct_nla_filter type;
        const struct ct_filter_tuple *tuple;
    } tuples[] = {
        { CT_FILTER_ORIG, &f->orig },
        { CT_FILTER_REPLY, &f->reply },
        { CT_FILTER_NAT_SRC, &f->nat_src },
        { CT_FILTER_NAT_DST, &f->nat_dst },
    };

    for (size_t i = 0; i < ARRAY_SIZE(bytes); i++) {
        if (ct_filter_has(f, bytes[i].type)) {
            nl_msg_put_u8(buf, bytes[i].type, bytes[i].value);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(tuples); i++) {
        if (ct_filter_has(f, tuples[i].type)) {
            put_tuple(buf, tuples[i].type, tuples[i].tuple);
        }
    }
    if (ct_filter_has(f, CT_FILTER_ZONE)) {
        nl_msg_put_be16(buf, CT_FILTER_ZONE, htons(f->zone));
    }
    if (ct_filter_has(f, CT_FILTER_ID)) {
        nl_msg_put_be32(buf, CT_FILTER_ID, htonl(f->id));
    }
    if (ct_filter_has(f, CT_FILTER_MARK)) {
        nl_msg_put_be32(buf, CT_FILTER_MARK, htonl(f->mark));
        nl_msg_put_be32(buf, CT_FILTER_MARK_MASK, htonl(f->mark_mask));
    }
    if (ct_filter_has(f, CT_FILTER_STATUS)) {
        nl_msg_put_be32(buf, CT_FILTER_STATUS, htonl(f->status));
        nl_msg_put_be32(buf, CT_FILTER_STATUS_MASK, htonl(f->status_mask));
    }
    if (ct_filter_has(f, CT_FILTER_LABELS)) {
        nl_msg_put_u128(buf, CT_FILTER_LABELS, f->labels);
        nl_msg_put_u128(buf, CT_FILTER_LABELS_MASK, f->labels_mask);
    }
    nl_msg_end_nested(buf, ofs);
}

const char *
ct_filter_get(const struct nlattr *nla, struct ct_filter *filter)
{
    static const struct nl_policy policy[CT_FILTER_N] = {
        [CT_FILTER_FAMILY] = { .type = NL_A_U8, .optional = true },
        [CT_FILTER_PROTO] = { .type = NL_A_U8, .optional = true },
        [CT_FILTER_ZONE] = { .type = NL_A_BE16, .optional = true },
        [CT_FILTER_ORIG] = { .type = NL_A_NESTED, .optional = true },
        [CT_FILTER_REPLY] = { .type = NL_A_NESTED, .optional = true },
        [CT_FILTER_MARK] = { .type = NL_A_BE32, .optional = true },
        [CT_FILTER_MARK_MASK] = { .type = NL_A_BE32, .optional = true },
        [CT_FILTER_LABELS] = { .type = NL_A_U128, .optional = true },
        [CT_FILTER_LABELS_MASK] = { .type = NL_A_U128, .optional = true },
        [CT_FILTER_STATUS] = { .type = NL_A_BE32, .optional = true },
        [CT_FILTER_STATUS_MASK] = { .type = NL_A_BE32, .optional = true },
        [CT_FILTER_STATE] = { .type = NL_A_U8, .optional = true },
        [CT_FILTER_NAT] = { .type = NL_A_U8, .optional = true },
        [CT_FILTER_NAT_SRC] = { .type = NL_A_NESTED, .optional = true },
        [CT_FILTER_NAT_DST] = { .type = NL_A_NESTED, .optional = true },
        [CT_FILTER_ID] = { .type = NL_A_BE32, .optional = true },
    };
    struct nlattr *attrs[CT_FILTER_N];
    const char *error;

    ct_filter_init(filter);
    if (!nl_parse_nested(nla, policy, attrs, CT_FILTER_N)) {
        return "a condition of the filter has a bad size";
    }
    for (size_t i = 0; i < CT_FILTER_N; i++) {
        if (attrs[i]) {
            ct_filter_give(filter, i);
        }
    }
    error = get_numbers(attrs, filter);
    if (!error) {
        error = get_tuples(attrs, filter);
    }
    if (!error) {
        get_words(attrs, filter);
    }
    return error;
}

static const char *
get_numbers(struct nlattr *attrs[], struct ct_filter *f)
{
    uint8_t nat = (attrs[CT_FILTER_NAT]
                   ? nl_attr_get_u8(attrs[CT_FILTER_NAT]) : 0);

    f->family = (attrs[CT_FILTER_FAMILY]
                 ? nl_attr_get_u8(attrs[CT_FILTER_FAMILY]) : 0);
    f->proto = (attrs[CT_FILTER_PROTO]
                ? nl_attr_get_u8(attrs[CT_FILTER_PROTO]) : 0);
    f->state = (attrs[CT_FILTER_STATE]
                ? nl_attr_get_u8(attrs[CT_FILTER_STATE]) : 0);
    f->zone = (attrs[CT_FILTER_ZONE]
               ? ntohs(nl_attr_get_be16(attrs[CT_FILTER_ZONE])) : 0);
    f->nat = nat;
    return (attrs[CT_FILTER_FAMILY]
            && f->family != AF_INET && f->family != AF_INET6
            ? "the filter's address family is neither IPv4 nor IPv6"
            : nat > CT_FILTER_NAT_ANY
            ? "a kind of translation that there is not" : NULL);
}

static uint32_t
get_u32(const struct nlattr *nla, uint32_t otherwise)
{
    return nla ? ntohl(nl_attr_get_be32(nla)) : otherwise;
}

static void
get_words(struct nlattr *attrs[], struct ct_filter *f)
{
    f->id = get_u32(attrs[CT_FILTER_ID], 0);
    f->mark_mask = get_u32(attrs[CT_FILTER_MARK_MASK], UINT32_MAX);
    f->mark = get_u32(attrs[CT_FILTER_MARK], 0) & f->mark_mask;
    f->status_mask = get_u32(attrs[CT_FILTER_STATUS_MASK], UINT32_MAX);
    f->status = get_u32(attrs[CT_FILTER_STATUS], 0) & f->status_mask;
    if (attrs[CT_FILTER_LABELS]) {
        f->labels = nl_attr_get_u128(attrs[CT_FILTER_LABELS]);
        f->labels_mask = (attrs[CT_FILTER_LABELS_MASK]
                          ? nl_attr_get_u128(attrs[CT_FILTER_LABELS_MASK])
                          : OVS_U128_MAX);
        f->labels = ovs_u128_and(f->labels, f->labels_mask);
    }
}

/* Tuples. */

static void
put_addr(struct ofpbuf *buf, uint16_t type, const struct ct_filter_addr *a)
{
    if (a->set) {
        size_t len = a->ipv6 ? sizeof a->addr.ip6 : sizeof a->addr.ip;

        nl_msg_put_unspec(buf, type, &a->addr, len);
        nl_msg_put_unspec(buf, type + 1, &a->mask, len);
    }
}

static void
put_tuple(struct ofpbuf *buf, uint16_t type, const struct ct_filter_tuple *t)
{
    size_t ofs = nl_msg_start_nested(buf, type);
    const struct {
        enum ct_nla_filter_tuple type;
        ovs_be16 value;
    } words[] = {
        { CT_FILTER_T_SRC_PORT, t->src_port },
        { CT_FILTER_T_DST_PORT, t->dst_port },
        { CT_FILTER_T_ICMP_ID, t->icmp_id },
    };

    put_addr(buf, CT_FILTER_T_SRC, &t->src);
    put_addr(buf, CT_FILTER_T_DST, &t->dst);
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (t->given >> words[i].type & 1) {
            nl_msg_put_be16(buf, words[i].type, words[i].value);
        }
    }
    if (t->given >> CT_FILTER_T_ICMP_TYPE & 1) {
        nl_msg_put_u8(buf, CT_FILTER_T_ICMP_TYPE, t->icmp_type);
    }
    if (t->given >> CT_FILTER_T_ICMP_CODE & 1) {
        nl_msg_put_u8(buf, CT_FILTER_T_ICMP_CODE, t->icmp_code);
    }
    nl_msg_end_nested(buf, ofs);
}

static const char *
get_tuples(struct nlattr *attrs[], struct ct_filter *f)
{
    const struct {
        enum ct_nla_filter type;
        struct ct_filter_tuple *tuple;
    } tuples[] = {
        { CT_FILTER_ORIG, &f->orig },
        { CT_FILTER_REPLY, &f->reply },
        { CT_FILTER_NAT_SRC, &f->nat_src },
        { CT_FILTER_NAT_DST, &f->nat_dst },
    };

    for (size_t i = 0; i < ARRAY_SIZE(tuples); i++) {
        const struct nlattr *nla = attrs[tuples[i].type];
        const char *error = nla ? get_tuple(nla, tuples[i].tuple) : NULL;

        if (error) {
            return error;
        }
    }
    return NULL;
}

/* An address and, right behind it in 'attrs', its mask. */
static const char *
get_addr(struct nlattr *const attrs[2], struct ct_filter_addr *a)
{
    if (!attrs[0]) {
        return attrs[1] ? "a mask without an address" : NULL;
    }

    size_t len = nl_attr_get_size(attrs[0]);
    if ((len != sizeof a->addr.ip && len != sizeof a->addr.ip6)
        || (attrs[1] && nl_attr_get_size(attrs[1]) != len)) {
        return "an address or mask that is neither IPv4 nor IPv6";
    }
    a->set = true;
    a->ipv6 = len == sizeof a->addr.ip6;
    memcpy(&a->addr, nl_attr_get(attrs[0]), len);
    if (attrs[1]) {
        memcpy(&a->mask, nl_attr_get(attrs[1]), len);
    } else {
        memset(&a->mask, 0xff, len);
    }
    return NULL;
}

static ovs_be16
get_be16(const struct nlattr *nla)
{
    return nla ? nl_attr_get_be16(nla) : htons(0);
}

static const char *
get_tuple(const struct nlattr *nla, struct ct_filter_tuple *t)
{
    static const struct nl_policy policy[CT_FILTER_T_N] = {
        [CT_FILTER_T_SRC] = { .type = NL_A_UNSPEC, .optional = true },
        [CT_FILTER_T_SRC_MASK] = { .type = NL_A_UNSPEC, .optional = true },
        [CT_FILTER_T_DST] = { .type = NL_A_UNSPEC, .optional = true },
        [CT_FILTER_T_DST_MASK] = { .type = NL_A_UNSPEC, .optional = true },
        [CT_FILTER_T_SRC_PORT] = { .type = NL_A_BE16, .optional = true },
        [CT_FILTER_T_DST_PORT] = { .type = NL_A_BE16, .optional = true },
        [CT_FILTER_T_ICMP_TYPE] = { .type = NL_A_U8, .optional = true },
        [CT_FILTER_T_ICMP_CODE] = { .type = NL_A_U8, .optional = true },
        [CT_FILTER_T_ICMP_ID] = { .type = NL_A_BE16, .optional = true },
    };
    struct nlattr *attrs[CT_FILTER_T_N];
    const char *error;

    if (!nl_parse_nested(nla, policy, attrs, CT_FILTER_T_N)) {
        return "a condition on a tuple has a bad size";
    }
    for (size_t i = 0; i < CT_FILTER_T_N; i++) {
        t->given |= attrs[i] ? 1u << i : 0;
    }
    error = get_addr(&attrs[CT_FILTER_T_SRC], &t->src);
    if (!error) {
        error = get_addr(&attrs[CT_FILTER_T_DST], &t->dst);
    }
    t->src_port = get_be16(attrs[CT_FILTER_T_SRC_PORT]);
    t->dst_port = get_be16(attrs[CT_FILTER_T_DST_PORT]);
    t->icmp_id = get_be16(attrs[CT_FILTER_T_ICMP_ID]);
    t->icmp_type = (attrs[CT_FILTER_T_ICMP_TYPE]
                    ? nl_attr_get_u8(attrs[CT_FILTER_T_ICMP_TYPE]) : 0);
    t->icmp_code = (attrs[CT_FILTER_T_ICMP_CODE]
                    ? nl_attr_get_u8(attrs[CT_FILTER_T_ICMP_CODE]) : 0);
    return error;
}
