/* SPDX-License-Identifier: Apache-2.0 */

/* Netlink messages: headers, results, and what we have of our own.  Beside a
 * packet's way: ct-query.c and trackway-ct build and read messages with it.
 * (Connections and expectations: ct-netlink-conn.c, ct-netlink-expect.c.) */

#include <config.h>

#include "ct-netlink.h"

#include <errno.h>
#include <string.h>

#include "netlink.h"
#include "unaligned.h"
#include "util.h"

static void put_header(struct ofpbuf *, uint16_t type, uint16_t flags,
                       uint32_t seq);
static bool get_done(const struct ofpbuf *, struct ct_nl_result *);
static bool get_error(const struct ofpbuf *, struct ct_nl_result *);

size_t
ct_nl_begin(struct ofpbuf *buf, const struct ct_nl_header *header)
{
    size_t ofs = buf->size;
    struct nfgenmsg *nfgen;

    put_header(buf, header->type, header->flags, header->seq);
    nfgen = ofpbuf_put_zeros(buf, sizeof *nfgen);
    nfgen->nfgen_family = header->family;
    nfgen->version = NFNETLINK_V0;
    nfgen->res_id = (OVS_FORCE uint16_t) htons(header->res_id);
    return ofs;
}

void
ct_nl_end(struct ofpbuf *buf, size_t ofs)
{
    struct nlmsghdr *nlmsg = ofpbuf_at_assert(buf, ofs, sizeof *nlmsg);

    nlmsg->nlmsg_len = buf->size - ofs;
}

/* With a struct nfgenmsg, for ct_nl_get_own(). */
void
ct_nl_put_overrun(struct ofpbuf *buf, uint32_t seq, uint64_t n)
{
    const struct ct_nl_header header = { .type = NLMSG_OVERRUN, .seq = seq };
    size_t ofs = ct_nl_begin(buf, &header);
    size_t own = nl_msg_start_nested(buf, CTA_TRACKWAY);

    nl_msg_put_be64(buf, CT_NLA_COUNT, htonll(n));
    nl_msg_end_nested(buf, own);
    ct_nl_end(buf, ofs);
}

uint64_t
ct_nl_get_overrun(const struct ofpbuf *msg)
{
    const struct nlmsghdr *nlmsg = msg->data;
    struct nlattr *own[CT_NLA_N];

    return (nlmsg->nlmsg_type == NLMSG_OVERRUN && !ct_nl_get_own(msg, own)
            && own[CT_NLA_COUNT]
            ? ntohll(nl_attr_get_be64(own[CT_NLA_COUNT])) : 0);
}

void
ct_nl_put_done(struct ofpbuf *buf, uint32_t seq, uint64_t count)
{
    const int32_t status = 0;
    size_t ofs = buf->size;

    put_header(buf, NLMSG_DONE, NLM_F_MULTI, seq);
    ofpbuf_put(buf, &status, sizeof status);

    size_t own = nl_msg_start_nested(buf, CTA_TRACKWAY);
    nl_msg_put_be64(buf, CT_NLA_COUNT, htonll(count));
    nl_msg_end_nested(buf, own);
    ct_nl_end(buf, ofs);
}

void
ct_nl_put_error(struct ofpbuf *buf, const struct nlmsghdr *request, int error,
                const char *text)
{
    struct nlmsgerr err = { .error = -error, .msg = *request };
    size_t ofs = buf->size;

    put_header(buf, NLMSG_ERROR,
               NLM_F_CAPPED | (text ? NLM_F_ACK_TLVS : 0),
               request->nlmsg_seq);
    ofpbuf_put(buf, &err, sizeof err);
    if (text) {
        nl_msg_put_string(buf, NLMSGERR_ATTR_MSG, text);
    }
    ct_nl_end(buf, ofs);
}

bool
ct_nl_get_result(const struct ofpbuf *msg, struct ct_nl_result *result)
{
    const struct nlmsghdr *nlmsg = msg->data;

    memset(result, 0, sizeof *result);
    return (nlmsg->nlmsg_type == NLMSG_DONE ? get_done(msg, result)
            : nlmsg->nlmsg_type == NLMSG_ERROR ? get_error(msg, result)
            : false);
}

int
ct_nl_msg_len(const void *data, size_t size)
{
    struct nlmsghdr nlmsg;

    if (size < sizeof nlmsg) {
        return 0;
    }
    memcpy(&nlmsg, data, sizeof nlmsg);
    if (nlmsg.nlmsg_len < sizeof nlmsg || nlmsg.nlmsg_len > CT_NL_MAX_MSG
        || nlmsg.nlmsg_len % NLMSG_ALIGNTO) {
        return -1;
    }
    return nlmsg.nlmsg_len <= size ? nlmsg.nlmsg_len : 0;
}

const char *
ct_nl_get_own(const struct ofpbuf *msg, struct nlattr *attrs[])
{
    static const struct nl_policy policy[CT_NLA_N] = {
        [CT_NLA_DATAPATH] = { .type = NL_A_STRING, .optional = true,
                              .max_len = 256 },
        [CT_NLA_FILTER] = { .type = NL_A_NESTED, .optional = true },
        [CT_NLA_COUNT] = { .type = NL_A_BE64, .optional = true },
        [CT_NLA_REASON] = { .type = NL_A_STRING, .optional = true },
        [CT_NLA_EXPECTS] = { .type = NL_A_BE32, .optional = true },
        [CT_NLA_EVENTS] = { .type = NL_A_BE32, .optional = true },
        [CT_NLA_WHEN] = { .type = NL_A_BE64, .optional = true },
        [CT_NLA_INTERVAL] = { .type = NL_A_BE32, .optional = true },
        [CT_NLA_GROUP] = { .type = NL_A_BE32, .optional = true },
        [CT_NLA_TOP] = { .type = NL_A_NESTED, .optional = true },
    };
    const size_t header = NLMSG_HDRLEN + sizeof(struct nfgenmsg);
    const struct nlattr *own;

    memset(attrs, 0, CT_NLA_N * sizeof *attrs);
    if (msg->size < header) {
        return "a message without a struct nfgenmsg";
    }
    own = nl_attr_find(msg, header, CTA_TRACKWAY);
    return (own && !nl_parse_nested(own, policy, attrs, CT_NLA_N)
            ? "bad attribute in CTA_TRACKWAY" : NULL);
}

static void
put_header(struct ofpbuf *buf, uint16_t type, uint16_t flags, uint32_t seq)
{
    struct nlmsghdr *nlmsg = ofpbuf_put_zeros(buf, NLMSG_HDRLEN);

    nlmsg->nlmsg_type = type;
    nlmsg->nlmsg_flags = flags;
    nlmsg->nlmsg_seq = seq;
}

static bool
get_done(const struct ofpbuf *msg, struct ct_nl_result *result)
{
    const size_t header = NLMSG_HDRLEN + sizeof(int32_t);

    if (msg->size < header) {
        return false;
    }
    const struct nlattr *own = nl_attr_find(msg, header, CTA_TRACKWAY);
    const struct nlattr *count = (own ? nl_attr_find_nested(own, CT_NLA_COUNT)
                                  : NULL);

    if (count && nl_attr_get_size(count) == sizeof(ovs_be64)) {
        result->count = ntohll(nl_attr_get_be64(count));
    }
    return true;
}

static bool
get_error(const struct ofpbuf *msg, struct ct_nl_result *result)
{
    const struct nlmsgerr *err = ofpbuf_at(msg, NLMSG_HDRLEN, sizeof *err);

    if (!err) {
        return false;
    }
    const struct nlattr *text = nl_attr_find(msg, NLMSG_HDRLEN + sizeof *err,
                                             NLMSGERR_ATTR_MSG);

    result->error = -err->error;
    if (text && nl_attr_get_size(text)) {
        ovs_strlcpy(result->text, nl_attr_get(text),
                    MIN(sizeof result->text, nl_attr_get_size(text)));
    }
    return true;
}
