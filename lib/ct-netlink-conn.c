/* SPDX-License-Identifier: Apache-2.0 */

/* Netlink messages: a connection, as struct ct_dpif_entry has it.  Writing is
 * what a list of a million does a million times; reading takes nothing for
 * granted. */

#include <config.h>

#include <string.h>

#include "ct-netlink.h"
#include "netlink.h"
#include "util.h"

static void put_addrs(struct ofpbuf *, const struct ct_dpif_tuple *);
static void put_proto(struct ofpbuf *, const struct ct_dpif_tuple *);
static void put_counters(struct ofpbuf *, uint16_t type,
                         const struct ct_dpif_counters *);
static void put_protoinfo(struct ofpbuf *, const struct ct_dpif_protoinfo *);
static void put_helper(struct ofpbuf *, const char *name);

static const char *parse_attrs(const struct ofpbuf *, struct nlattr *attrs[]);
static const char *get_tuples(struct nlattr *attrs[], struct ct_nl_conn *);
static const char *get_nested(struct nlattr *attrs[], struct ct_nl_conn *);
static void get_numbers(struct nlattr *attrs[], struct ct_nl_conn *);

#define N_ATTRS (CTA_STATUS_MASK + 1)
BUILD_ASSERT_DECL(N_ATTRS <= 64);

static const struct nl_policy policy[N_ATTRS] = {
    [CTA_TUPLE_ORIG] = { .type = NL_A_NESTED, .optional = true },
    [CTA_TUPLE_REPLY] = { .type = NL_A_NESTED, .optional = true },
    [CTA_STATUS] = { .type = NL_A_BE32, .optional = true },
    [CTA_PROTOINFO] = { .type = NL_A_NESTED, .optional = true },
    [CTA_HELP] = { .type = NL_A_NESTED, .optional = true },
    [CTA_TIMEOUT] = { .type = NL_A_BE32, .optional = true },
    [CTA_MARK] = { .type = NL_A_BE32, .optional = true },
    [CTA_COUNTERS_ORIG] = { .type = NL_A_NESTED, .optional = true },
    [CTA_COUNTERS_REPLY] = { .type = NL_A_NESTED, .optional = true },
    [CTA_ID] = { .type = NL_A_BE32, .optional = true },
    [CTA_TUPLE_MASTER] = { .type = NL_A_NESTED, .optional = true },
    [CTA_ZONE] = { .type = NL_A_BE16, .optional = true },
    [CTA_TIMESTAMP] = { .type = NL_A_NESTED, .optional = true },
    [CTA_MARK_MASK] = { .type = NL_A_BE32, .optional = true },
    [CTA_LABELS] = { .type = NL_A_U128, .optional = true },
    [CTA_LABELS_MASK] = { .type = NL_A_U128, .optional = true },
    [CTA_STATUS_MASK] = { .type = NL_A_BE32, .optional = true },
};

void
ct_nl_put_conn_msg(struct ofpbuf *buf, const struct ct_nl_header *header,
                   const struct ct_dpif_entry *entry)
{
    struct ct_nl_header h = *header;

    h.family = entry->tuple_orig.l3_type;
    size_t ofs = ct_nl_begin(buf, &h);
    ct_nl_put_conn(buf, entry);
    ct_nl_end(buf, ofs);
}

void
ct_nl_put_conn(struct ofpbuf *buf, const struct ct_dpif_entry *e)
{
    ct_nl_put_tuple(buf, CTA_TUPLE_ORIG, &e->tuple_orig);
    ct_nl_put_tuple(buf, CTA_TUPLE_REPLY, &e->tuple_reply);
    if (e->tuple_parent.l3_type) {
        ct_nl_put_tuple(buf, CTA_TUPLE_MASTER, &e->tuple_parent);
    }
    if (e->zone) {
        nl_msg_put_be16(buf, CTA_ZONE, htons(e->zone));
    }
    nl_msg_put_be32(buf, CTA_STATUS, htonl(e->status));
    nl_msg_put_be32(buf, CTA_TIMEOUT, htonl(e->timeout));
    nl_msg_put_be32(buf, CTA_MARK, htonl(e->mark));
    nl_msg_put_be32(buf, CTA_ID, htonl(e->id));
    nl_msg_put_be32(buf, CTA_USE, htonl(1));
    put_counters(buf, CTA_COUNTERS_ORIG, &e->counters_orig);
    put_counters(buf, CTA_COUNTERS_REPLY, &e->counters_reply);

    size_t ofs = nl_msg_start_nested(buf, CTA_TIMESTAMP);
    nl_msg_put_be64(buf, CTA_TIMESTAMP_START, htonll(e->timestamp.start));
    if (e->timestamp.stop) {
        nl_msg_put_be64(buf, CTA_TIMESTAMP_STOP, htonll(e->timestamp.stop));
    }
    nl_msg_end_nested(buf, ofs);

    put_protoinfo(buf, &e->protoinfo);
    if (e->have_labels) {
        nl_msg_put_u128(buf, CTA_LABELS, e->labels);
    }
    if (e->helper.name) {
        put_helper(buf, e->helper.name);
    }
}

const char *
ct_nl_get_conn(const struct ofpbuf *msg, struct ct_nl_conn *conn)
{
    struct nlattr *attrs[N_ATTRS];
    const char *error;

    memset(conn, 0, sizeof *conn);
    error = parse_attrs(msg, attrs);
    if (!error) {
        for (size_t i = 0; i < N_ATTRS; i++) {
            conn->given |= attrs[i] ? CT_NL_BIT(i) : 0;
        }
        error = get_tuples(attrs, conn);
    }
    if (!error) {
        error = get_nested(attrs, conn);
    }
    if (!error) {
        get_numbers(attrs, conn);
    }
    return error;
}

/* Tuples. */

void
ct_nl_put_tuple(struct ofpbuf *buf, uint16_t type,
                const struct ct_dpif_tuple *tuple)
{
    size_t ofs = nl_msg_start_nested(buf, type);

    put_addrs(buf, tuple);
    put_proto(buf, tuple);
    nl_msg_end_nested(buf, ofs);
}

static void
put_addrs(struct ofpbuf *buf, const struct ct_dpif_tuple *tuple)
{
    size_t ofs = nl_msg_start_nested(buf, CTA_TUPLE_IP);

    if (tuple->l3_type == AF_INET6) {
        nl_msg_put_in6_addr(buf, CTA_IP_V6_SRC, &tuple->src.in6);
        nl_msg_put_in6_addr(buf, CTA_IP_V6_DST, &tuple->dst.in6);
    } else {
        nl_msg_put_be32(buf, CTA_IP_V4_SRC, tuple->src.ip);
        nl_msg_put_be32(buf, CTA_IP_V4_DST, tuple->dst.ip);
    }
    nl_msg_end_nested(buf, ofs);
}

static void
put_proto(struct ofpbuf *buf, const struct ct_dpif_tuple *tuple)
{
    size_t ofs = nl_msg_start_nested(buf, CTA_TUPLE_PROTO);

    nl_msg_put_u8(buf, CTA_PROTO_NUM, tuple->ip_proto);
    if (tuple->ip_proto == IPPROTO_ICMP) {
        nl_msg_put_be16(buf, CTA_PROTO_ICMP_ID, tuple->icmp_id);
        nl_msg_put_u8(buf, CTA_PROTO_ICMP_TYPE, tuple->icmp_type);
        nl_msg_put_u8(buf, CTA_PROTO_ICMP_CODE, tuple->icmp_code);
    } else if (tuple->ip_proto == IPPROTO_ICMPV6) {
        nl_msg_put_be16(buf, CTA_PROTO_ICMPV6_ID, tuple->icmp_id);
        nl_msg_put_u8(buf, CTA_PROTO_ICMPV6_TYPE, tuple->icmp_type);
        nl_msg_put_u8(buf, CTA_PROTO_ICMPV6_CODE, tuple->icmp_code);
    } else {
        nl_msg_put_be16(buf, CTA_PROTO_SRC_PORT, tuple->src_port);
        nl_msg_put_be16(buf, CTA_PROTO_DST_PORT, tuple->dst_port);
    }
    nl_msg_end_nested(buf, ofs);
}

static const char *
get_addrs(const struct nlattr *nla, struct ct_dpif_tuple *tuple)
{
    static const struct nl_policy addrs[] = {
        [CTA_IP_V4_SRC] = { .type = NL_A_BE32, .optional = true },
        [CTA_IP_V4_DST] = { .type = NL_A_BE32, .optional = true },
        [CTA_IP_V6_SRC] = { .type = NL_A_IPV6, .optional = true },
        [CTA_IP_V6_DST] = { .type = NL_A_IPV6, .optional = true },
    };
    struct nlattr *a[ARRAY_SIZE(addrs)];

    if (!nl_parse_nested(nla, addrs, a, ARRAY_SIZE(addrs))) {
        return "bad address in a tuple";
    }
    bool v4 = a[CTA_IP_V4_SRC] && a[CTA_IP_V4_DST];
    bool v6 = a[CTA_IP_V6_SRC] && a[CTA_IP_V6_DST];
    if (v4 == v6) {
        return "a tuple needs two addresses of one family";
    }
    if (v4) {
        tuple->l3_type = AF_INET;
        tuple->src.ip = nl_attr_get_be32(a[CTA_IP_V4_SRC]);
        tuple->dst.ip = nl_attr_get_be32(a[CTA_IP_V4_DST]);
    } else {
        tuple->l3_type = AF_INET6;
        tuple->src.in6 = nl_attr_get_in6_addr(a[CTA_IP_V6_SRC]);
        tuple->dst.in6 = nl_attr_get_in6_addr(a[CTA_IP_V6_DST]);
    }
    return NULL;
}

/* The three attributes of an ICMP query: id, type and code, in this order. */
static bool
get_icmp(struct nlattr *const a[3], struct ct_dpif_tuple *tuple)
{
    if (!a[1]) {
        return false;
    }
    tuple->icmp_id = a[0] ? nl_attr_get_be16(a[0]) : 0;
    tuple->icmp_type = nl_attr_get_u8(a[1]);
    tuple->icmp_code = a[2] ? nl_attr_get_u8(a[2]) : 0;
    return true;
}

static const char *
get_proto(const struct nlattr *nla, struct ct_dpif_tuple *tuple)
{
    static const struct nl_policy proto[] = {
        [CTA_PROTO_NUM] = { .type = NL_A_U8 },
        [CTA_PROTO_SRC_PORT] = { .type = NL_A_BE16, .optional = true },
        [CTA_PROTO_DST_PORT] = { .type = NL_A_BE16, .optional = true },
        [CTA_PROTO_ICMP_ID] = { .type = NL_A_BE16, .optional = true },
        [CTA_PROTO_ICMP_TYPE] = { .type = NL_A_U8, .optional = true },
        [CTA_PROTO_ICMP_CODE] = { .type = NL_A_U8, .optional = true },
        [CTA_PROTO_ICMPV6_ID] = { .type = NL_A_BE16, .optional = true },
        [CTA_PROTO_ICMPV6_TYPE] = { .type = NL_A_U8, .optional = true },
        [CTA_PROTO_ICMPV6_CODE] = { .type = NL_A_U8, .optional = true },
    };
    struct nlattr *a[ARRAY_SIZE(proto)];

    if (!nl_parse_nested(nla, proto, a, ARRAY_SIZE(proto))) {
        return "bad protocol, port or ICMP field in a tuple";
    }
    tuple->ip_proto = nl_attr_get_u8(a[CTA_PROTO_NUM]);
    if (tuple->ip_proto == IPPROTO_ICMP
        || tuple->ip_proto == IPPROTO_ICMPV6) {
        bool v6 = tuple->ip_proto == IPPROTO_ICMPV6;

        return (get_icmp(&a[v6 ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID],
                         tuple) ? NULL : "an ICMP tuple needs a type");
    }
    if (a[CTA_PROTO_SRC_PORT]) {
        tuple->src_port = nl_attr_get_be16(a[CTA_PROTO_SRC_PORT]);
    }
    if (a[CTA_PROTO_DST_PORT]) {
        tuple->dst_port = nl_attr_get_be16(a[CTA_PROTO_DST_PORT]);
    }
    return NULL;
}

const char *
ct_nl_get_tuple(const struct nlattr *nla, struct ct_dpif_tuple *tuple)
{
    static const struct nl_policy parts[] = {
        [CTA_TUPLE_IP] = { .type = NL_A_NESTED },
        [CTA_TUPLE_PROTO] = { .type = NL_A_NESTED },
    };
    struct nlattr *a[ARRAY_SIZE(parts)];
    const char *error;

    memset(tuple, 0, sizeof *tuple);
    if (!nl_parse_nested(nla, parts, a, ARRAY_SIZE(parts))) {
        return "a tuple needs addresses and a protocol";
    }
    error = get_addrs(a[CTA_TUPLE_IP], tuple);
    return error ? error : get_proto(a[CTA_TUPLE_PROTO], tuple);
}

/* What else there is, writing. */

static void
put_counters(struct ofpbuf *buf, uint16_t type,
             const struct ct_dpif_counters *counters)
{
    size_t ofs = nl_msg_start_nested(buf, type);

    nl_msg_put_be64(buf, CTA_COUNTERS_PACKETS, htonll(counters->packets));
    nl_msg_put_be64(buf, CTA_COUNTERS_BYTES, htonll(counters->bytes));
    nl_msg_end_nested(buf, ofs);
}

static void
put_tcp(struct ofpbuf *buf, const struct ct_dpif_protoinfo *info)
{
    const uint8_t orig[2] = { info->tcp.flags_orig, 0xff };
    const uint8_t reply[2] = { info->tcp.flags_reply, 0xff };
    size_t ofs = nl_msg_start_nested(buf, CTA_PROTOINFO_TCP);

    nl_msg_put_u8(buf, CTA_PROTOINFO_TCP_STATE,
                  ct_nl_tcp_state_from_dpif(info->tcp.state_orig));
    nl_msg_put_u8(buf, CTA_PROTOINFO_TCP_WSCALE_ORIGINAL,
                  info->tcp.wscale_orig);
    nl_msg_put_u8(buf, CTA_PROTOINFO_TCP_WSCALE_REPLY,
                  info->tcp.wscale_reply);
    /* struct nf_ct_tcp_flags: flags, mask. */
    nl_msg_put_unspec(buf, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, orig,
                      sizeof orig);
    nl_msg_put_unspec(buf, CTA_PROTOINFO_TCP_FLAGS_REPLY, reply,
                      sizeof reply);
    nl_msg_end_nested(buf, ofs);
}

static void
put_sctp(struct ofpbuf *buf, const struct ct_dpif_protoinfo *info)
{
    size_t ofs = nl_msg_start_nested(buf, CTA_PROTOINFO_SCTP);

    nl_msg_put_u8(buf, CTA_PROTOINFO_SCTP_STATE,
                  ct_nl_sctp_state_from_dpif(info->sctp.state));
    nl_msg_put_be32(buf, CTA_PROTOINFO_SCTP_VTAG_ORIGINAL,
                    htonl(info->sctp.vtag_orig));
    nl_msg_put_be32(buf, CTA_PROTOINFO_SCTP_VTAG_REPLY,
                    htonl(info->sctp.vtag_reply));
    nl_msg_end_nested(buf, ofs);
}

static void
put_protoinfo(struct ofpbuf *buf, const struct ct_dpif_protoinfo *info)
{
    size_t ofs;

    if (info->proto != IPPROTO_TCP && info->proto != IPPROTO_SCTP) {
        return;
    }
    ofs = nl_msg_start_nested(buf, CTA_PROTOINFO);
    if (info->proto == IPPROTO_TCP) {
        put_tcp(buf, info);
    } else {
        put_sctp(buf, info);
    }
    nl_msg_end_nested(buf, ofs);
}

static void
put_helper(struct ofpbuf *buf, const char *name)
{
    size_t ofs = nl_msg_start_nested(buf, CTA_HELP);

    nl_msg_put_string(buf, CTA_HELP_NAME, name);
    nl_msg_end_nested(buf, ofs);
}

/* What else there is, reading. */

static const char *
parse_attrs(const struct ofpbuf *msg, struct nlattr *attrs[])
{
    return (nl_policy_parse(msg, NLMSG_HDRLEN + sizeof(struct nfgenmsg),
                            policy, attrs, N_ATTRS)
            ? NULL : "an attribute of a connection is missing or has a bad "
                     "size");
}

static const char *
get_tuples(struct nlattr *attrs[], struct ct_nl_conn *conn)
{
    const struct {
        unsigned int cta;
        struct ct_dpif_tuple *tuple;
    } tuples[] = {
        { CTA_TUPLE_ORIG, &conn->entry.tuple_orig },
        { CTA_TUPLE_REPLY, &conn->entry.tuple_reply },
        { CTA_TUPLE_MASTER, &conn->entry.tuple_parent },
    };

    for (size_t i = 0; i < ARRAY_SIZE(tuples); i++) {
        const char *error = (attrs[tuples[i].cta]
                             ? ct_nl_get_tuple(attrs[tuples[i].cta],
                                               tuples[i].tuple)
                             : NULL);

        if (error) {
            return error;
        }
    }
    return NULL;
}

static bool
get_counters(const struct nlattr *nla, struct ct_dpif_counters *counters)
{
    static const struct nl_policy parts[] = {
        [CTA_COUNTERS_PACKETS] = { .type = NL_A_BE64 },
        [CTA_COUNTERS_BYTES] = { .type = NL_A_BE64 },
    };
    struct nlattr *a[ARRAY_SIZE(parts)];

    if (nla) {
        if (!nl_parse_nested(nla, parts, a, ARRAY_SIZE(parts))) {
            return false;
        }
        counters->packets = ntohll(nl_attr_get_be64(a[CTA_COUNTERS_PACKETS]));
        counters->bytes = ntohll(nl_attr_get_be64(a[CTA_COUNTERS_BYTES]));
    }
    return true;
}

static bool
get_timestamp(const struct nlattr *nla, struct ct_dpif_timestamp *timestamp)
{
    static const struct nl_policy parts[] = {
        [CTA_TIMESTAMP_START] = { .type = NL_A_BE64 },
        [CTA_TIMESTAMP_STOP] = { .type = NL_A_BE64, .optional = true },
    };
    struct nlattr *a[ARRAY_SIZE(parts)];

    if (nla) {
        if (!nl_parse_nested(nla, parts, a, ARRAY_SIZE(parts))) {
            return false;
        }
        timestamp->start = ntohll(nl_attr_get_be64(a[CTA_TIMESTAMP_START]));
        if (a[CTA_TIMESTAMP_STOP]) {
            timestamp->stop = ntohll(nl_attr_get_be64(a[CTA_TIMESTAMP_STOP]));
        }
    }
    return true;
}

static bool
get_tcp(const struct nlattr *nla, struct ct_dpif_protoinfo *info)
{
    static const struct nl_policy parts[] = {
        [CTA_PROTOINFO_TCP_STATE] = { .type = NL_A_U8 },
        [CTA_PROTOINFO_TCP_WSCALE_ORIGINAL] = { .type = NL_A_U8,
                                                .optional = true },
        [CTA_PROTOINFO_TCP_WSCALE_REPLY] = { .type = NL_A_U8,
                                             .optional = true },
        [CTA_PROTOINFO_TCP_FLAGS_ORIGINAL] = { .type = NL_A_U16,
                                               .optional = true },
        [CTA_PROTOINFO_TCP_FLAGS_REPLY] = { .type = NL_A_U16,
                                            .optional = true },
    };
    enum { N = ARRAY_SIZE(parts) };
    struct nlattr *a[N];
    uint8_t byte[N];

    if (!nl_parse_nested(nla, parts, a, N)) {
        return false;
    }
    for (size_t i = 1; i < N; i++) {
        byte[i] = a[i] ? *(const uint8_t *) nl_attr_get(a[i]) : 0;
    }
    if (ct_nl_tcp_state_from_dpif(
            ct_nl_tcp_state_to_dpif(byte[CTA_PROTOINFO_TCP_STATE]))
        != byte[CTA_PROTOINFO_TCP_STATE]) {
        return false;
    }
    info->proto = IPPROTO_TCP;
    info->tcp.state_orig = info->tcp.state_reply
        = ct_nl_tcp_state_to_dpif(byte[CTA_PROTOINFO_TCP_STATE]);
    info->tcp.wscale_orig = byte[CTA_PROTOINFO_TCP_WSCALE_ORIGINAL];
    info->tcp.wscale_reply = byte[CTA_PROTOINFO_TCP_WSCALE_REPLY];
    info->tcp.flags_orig = byte[CTA_PROTOINFO_TCP_FLAGS_ORIGINAL];
    info->tcp.flags_reply = byte[CTA_PROTOINFO_TCP_FLAGS_REPLY];
    return true;
}

static bool
get_sctp(const struct nlattr *nla, struct ct_dpif_protoinfo *info)
{
    static const struct nl_policy parts[] = {
        [CTA_PROTOINFO_SCTP_STATE] = { .type = NL_A_U8 },
        [CTA_PROTOINFO_SCTP_VTAG_ORIGINAL] = { .type = NL_A_BE32 },
        [CTA_PROTOINFO_SCTP_VTAG_REPLY] = { .type = NL_A_BE32 },
    };
    struct nlattr *a[ARRAY_SIZE(parts)];

    if (!nl_parse_nested(nla, parts, a, ARRAY_SIZE(parts))) {
        return false;
    }
    uint8_t state = nl_attr_get_u8(a[CTA_PROTOINFO_SCTP_STATE]);
    if (ct_nl_sctp_state_from_dpif(ct_nl_sctp_state_to_dpif(state))
        != state) {
        return false;
    }
    info->proto = IPPROTO_SCTP;
    info->sctp.state = ct_nl_sctp_state_to_dpif(state);
    info->sctp.vtag_orig
        = ntohl(nl_attr_get_be32(a[CTA_PROTOINFO_SCTP_VTAG_ORIGINAL]));
    info->sctp.vtag_reply
        = ntohl(nl_attr_get_be32(a[CTA_PROTOINFO_SCTP_VTAG_REPLY]));
    return true;
}

static bool
get_protoinfo(const struct nlattr *nla, struct ct_dpif_protoinfo *info)
{
    static const struct nl_policy parts[] = {
        [CTA_PROTOINFO_TCP] = { .type = NL_A_NESTED, .optional = true },
        [CTA_PROTOINFO_SCTP] = { .type = NL_A_NESTED, .optional = true },
    };
    struct nlattr *a[ARRAY_SIZE(parts)];

    return (!nla
            || (nl_parse_nested(nla, parts, a, ARRAY_SIZE(parts))
                && (!a[CTA_PROTOINFO_TCP]
                    || get_tcp(a[CTA_PROTOINFO_TCP], info))
                && (!a[CTA_PROTOINFO_SCTP]
                    || get_sctp(a[CTA_PROTOINFO_SCTP], info))));
}

static bool
get_helper(const struct nlattr *nla, struct ct_nl_conn *conn)
{
    static const struct nl_policy parts[] = {
        [CTA_HELP_NAME] = { .type = NL_A_STRING,
                            .max_len = sizeof conn->helper },
    };
    struct nlattr *a[ARRAY_SIZE(parts)];

    if (nla) {
        if (!nl_parse_nested(nla, parts, a, ARRAY_SIZE(parts))) {
            return false;
        }
        ovs_strlcpy(conn->helper, nl_attr_get_string(a[CTA_HELP_NAME]),
                    sizeof conn->helper);
    }
    return true;
}

static const char *
get_nested(struct nlattr *attrs[], struct ct_nl_conn *conn)
{
    struct ct_dpif_entry *e = &conn->entry;

    return (!get_counters(attrs[CTA_COUNTERS_ORIG], &e->counters_orig)
            || !get_counters(attrs[CTA_COUNTERS_REPLY], &e->counters_reply)
            ? "bad counters"
            : !get_timestamp(attrs[CTA_TIMESTAMP], &e->timestamp)
            ? "bad timestamp"
            : !get_protoinfo(attrs[CTA_PROTOINFO], &e->protoinfo)
            ? "bad state of the protocol"
            : !get_helper(attrs[CTA_HELP], conn)
            ? "bad helper" : NULL);
}

static uint32_t
get_u32(const struct nlattr *nla, uint32_t otherwise)
{
    return nla ? ntohl(nl_attr_get_be32(nla)) : otherwise;
}

static void
get_numbers(struct nlattr *attrs[], struct ct_nl_conn *conn)
{
    struct ct_dpif_entry *e = &conn->entry;

    e->zone = (attrs[CTA_ZONE]
               ? ntohs(nl_attr_get_be16(attrs[CTA_ZONE])) : 0);
    e->status = get_u32(attrs[CTA_STATUS], 0);
    e->timeout = get_u32(attrs[CTA_TIMEOUT], 0);
    e->mark = get_u32(attrs[CTA_MARK], 0);
    e->id = get_u32(attrs[CTA_ID], 0);
    if (attrs[CTA_LABELS]) {
        e->labels = nl_attr_get_u128(attrs[CTA_LABELS]);
        e->have_labels = true;
    }
    conn->mark_mask = get_u32(attrs[CTA_MARK_MASK], UINT32_MAX);
    conn->status_mask = get_u32(attrs[CTA_STATUS_MASK], UINT32_MAX);
    conn->labels_mask = (attrs[CTA_LABELS_MASK]
                         ? nl_attr_get_u128(attrs[CTA_LABELS_MASK])
                         : OVS_U128_MAX);
}
