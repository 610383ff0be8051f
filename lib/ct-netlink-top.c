/* SPDX-License-Identifier: Apache-2.0 */

/* Netlink messages: rows of tables of what goes on. */

#include <config.h>

#include "ct-netlink.h"

#include <string.h>

#include "ct-top.h"
#include "netlink.h"
#include "util.h"

void
ct_nl_put_top_msg(struct ofpbuf *buf, const struct ct_nl_header *header,
                  const struct ct_top_row *row)
{
    size_t ofs = ct_nl_begin(buf, header);
    size_t own = nl_msg_start_nested(buf, CTA_TRACKWAY);
    size_t top = nl_msg_start_nested(buf, CT_NLA_TOP);

    nl_msg_put_be32(buf, CT_NLA_TOP_KIND, htonl(row->kind));
    nl_msg_put_string(buf, CT_NLA_TOP_NAME, row->name);
    nl_msg_put_be64(buf, CT_NLA_TOP_CONNECTIONS, htonll(row->connections));
    nl_msg_put_be64(buf, CT_NLA_TOP_PACKETS, htonll(row->packets));
    nl_msg_put_be64(buf, CT_NLA_TOP_BYTES, htonll(row->bytes));
    nl_msg_put_be64(buf, CT_NLA_TOP_TOTAL, htonll(row->total));
    nl_msg_put_be64(buf, CT_NLA_TOP_MS, htonll(row->ms));
    nl_msg_end_nested(buf, top);
    nl_msg_end_nested(buf, own);
    ct_nl_end(buf, ofs);
}

static uint64_t
get_u64(const struct nlattr *attr)
{
    return ntohll(nl_attr_get_be64(attr));
}

const char *
ct_nl_get_top(const struct ofpbuf *msg, struct ct_top_row *row)
{
    static const struct nl_policy policy[CT_NLA_TOP_N] = {
        [CT_NLA_TOP_KIND] = { .type = NL_A_BE32 },
        [CT_NLA_TOP_NAME] = { .type = NL_A_STRING,
                              .max_len = sizeof row->name },
        [CT_NLA_TOP_CONNECTIONS] = { .type = NL_A_BE64 },
        [CT_NLA_TOP_PACKETS] = { .type = NL_A_BE64 },
        [CT_NLA_TOP_BYTES] = { .type = NL_A_BE64 },
        [CT_NLA_TOP_TOTAL] = { .type = NL_A_BE64 },
        [CT_NLA_TOP_MS] = { .type = NL_A_BE64 },
    };
    struct nlattr *own[CT_NLA_N], *a[CT_NLA_TOP_N];
    const char *wrong = ct_nl_get_own(msg, own);
    uint32_t kind;

    if (wrong) {
        return wrong;
    }
    if (!own[CT_NLA_TOP]
        || !nl_parse_nested(own[CT_NLA_TOP], policy, a, CT_NLA_TOP_N)) {
        return "not a row of a table";
    }
    kind = ntohl(nl_attr_get_be32(a[CT_NLA_TOP_KIND]));
    if (kind >= CT_TOP_N_KINDS) {
        return "a row of unknown kind";
    }
    *row = (struct ct_top_row) {
        .kind = kind,
        .connections = get_u64(a[CT_NLA_TOP_CONNECTIONS]),
        .packets = get_u64(a[CT_NLA_TOP_PACKETS]),
        .bytes = get_u64(a[CT_NLA_TOP_BYTES]),
        .total = get_u64(a[CT_NLA_TOP_TOTAL]),
        .ms = get_u64(a[CT_NLA_TOP_MS]),
    };
    ovs_strlcpy(row->name, nl_attr_get_string(a[CT_NLA_TOP_NAME]),
                sizeof row->name);
    return NULL;
}
