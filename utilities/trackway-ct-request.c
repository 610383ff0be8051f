/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: options become a request. */

#include <config.h>

#include <string.h>

#include "ct-event-type.h"
#include "netlink.h"
#include "trackway-ct.h"
#include "util.h"

static void put_own(const struct tct_options *, struct ofpbuf *);
static void put_tuple(const struct tct_options *, struct ofpbuf *);
static void put_new(const struct tct_options *, struct ofpbuf *);
static void put_changes(const struct tct_options *, struct ofpbuf *);

/* The message of each command, and its flags. */
static struct ct_nl_header
header(const struct tct_options *o)
{
    static const struct {
        uint16_t msg, flags;
    } requests[TCT_N_COMMANDS] = {
        [TCT_LIST] = { IPCTNL_MSG_CT_GET, NLM_F_DUMP },
        [TCT_GET] = { IPCTNL_MSG_CT_GET, 0 },
        [TCT_DELETE] = { IPCTNL_MSG_CT_DELETE, 0 },
        [TCT_CREATE] = { IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL },
        [TCT_ADD] = { IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL },
        [TCT_UPDATE] = { IPCTNL_MSG_CT_NEW, 0 },
        [TCT_EVENT] = { CT_NL_MSG_SUBSCRIBE, 0 },
        [TCT_TOP] = { CT_NL_MSG_TOP, 0 },
        [TCT_FLUSH] = { IPCTNL_MSG_CT_DELETE, 0 },
        [TCT_COUNT] = { IPCTNL_MSG_CT_GET_STATS, 0 },
        [TCT_STATS] = { IPCTNL_MSG_CT_GET_STATS_CPU, NLM_F_DUMP },
    };
    bool echo = ((o->command == TCT_DELETE || o->command == TCT_UPDATE)
                 && !(o->output & TCT_OUT_COUNT));

    return (struct ct_nl_header) {
        .type = CT_NL_TYPE(requests[o->command].msg),
        .flags = (NLM_F_REQUEST | requests[o->command].flags
                  | (echo ? NLM_F_ECHO : 0)),
        .seq = 1,
        .family = o->filter.family,
    };
}

void
tct_make_request(const struct tct_options *o, struct ofpbuf *buf)
{
    struct ct_nl_header h = header(o);

    if (o->command == TCT_LIST) {
        if (tct_has(o, TCT_O_ZERO)) {
            h.type = CT_NL_TYPE(IPCTNL_MSG_CT_GET_CTRZERO);
        } else if (o->output & TCT_OUT_COUNT) {
            h.type = CT_NL_TYPE(IPCTNL_MSG_CT_GET_STATS);
            h.flags = NLM_F_REQUEST;
        } else if (o->table == TCT_DYING) {
            h.type = CT_NL_TYPE(IPCTNL_MSG_CT_GET_DYING);
        } else if (o->table == TCT_UNCONFIRMED) {
            h.type = CT_NL_TYPE(IPCTNL_MSG_CT_GET_UNCONFIRMED);
        }
    }

    size_t ofs = ct_nl_begin(buf, &h);
    put_own(o, buf);
    if (o->command == TCT_GET) {
        put_tuple(o, buf);
    } else if (o->command == TCT_CREATE || o->command == TCT_ADD) {
        put_new(o, buf);
    } else if (o->command == TCT_UPDATE) {
        put_changes(o, buf);
    } else if (o->command == TCT_FLUSH && tct_has(o, TCT_O_ZONE)) {
        nl_msg_put_be16(buf, CTA_ZONE, htons(o->filter.zone));
    }
    ct_nl_end(buf, ofs);
}

static uint32_t
events(const struct tct_options *o)
{
    return (o->table == TCT_EXPECT ? CT_EVENTS_OF_EXPECTS
            : o->events ? o->events : CT_EVENTS_OF_CONNS);
}

static bool
wants_filter(const struct tct_options *o)
{
    switch (o->command) {
    case TCT_DELETE: case TCT_UPDATE: case TCT_EVENT: case TCT_TOP:
        return true;
    case TCT_LIST: case TCT_COUNT:
        return !o->only_all;
    case TCT_NONE: case TCT_GET: case TCT_CREATE: case TCT_ADD:
    case TCT_FLUSH: case TCT_STATS: case TCT_LOAD: case TCT_HELP:
    case TCT_VERSION: case TCT_N_COMMANDS:
    default:
        return false;
    }
}

static void
put_own(const struct tct_options *o, struct ofpbuf *buf)
{
    size_t ofs = nl_msg_start_nested(buf, CTA_TRACKWAY);

    if (o->datapath) {
        nl_msg_put_string(buf, CT_NLA_DATAPATH, o->datapath);
    }
    if (o->command == TCT_EVENT) {
        nl_msg_put_be32(buf, CT_NLA_EVENTS, htonl(events(o)));
    }
    if (o->command == TCT_TOP) {
        if (o->interval) {
            nl_msg_put_be32(buf, CT_NLA_INTERVAL, htonl(o->interval));
        }
        nl_msg_put_be32(buf, CT_NLA_GROUP, htonl(o->group));
    }
    if (wants_filter(o)) {
        ct_filter_put(buf, &o->filter);
    }
    nl_msg_end_nested(buf, ofs);
}

/* Tuples. */

static void
set_addr(union ct_dpif_inet_addr *to, const struct ct_filter_addr *a)
{
    if (a->set) {
        memcpy(to, &a->addr, sizeof *to);
    }
}

void
tct_fill_tuple(const struct tct_options *o, const struct ct_filter_tuple *t,
               struct ct_dpif_tuple *tuple)
{
    tuple->l3_type = t->src.ipv6 ? AF_INET6 : AF_INET;
    tuple->ip_proto = o->filter.proto;
    set_addr(&tuple->src, &t->src);
    set_addr(&tuple->dst, &t->dst);
    if (t->given & 1u << CT_FILTER_T_SRC_PORT) {
        tuple->src_port = t->src_port;
    }
    if (t->given & 1u << CT_FILTER_T_DST_PORT) {
        tuple->dst_port = t->dst_port;
    }
    if (t->given & 1u << CT_FILTER_T_ICMP_TYPE) {
        tuple->icmp_id = t->icmp_id;
        tuple->icmp_type = t->icmp_type;
        tuple->icmp_code = t->icmp_code;
    }
}

/* Exits if there is no such tuple. */
static void
invert(const struct ct_dpif_tuple *from, struct ct_dpif_tuple *to)
{
    struct ct_tuple tuple, inverse;

    if (ct_tuple_from_dpif(from, &tuple)) {
        tct_usage_error("an ICMP type that opens no connection");
    }
    ct_tuple_invert(&tuple, &inverse);
    ct_tuple_to_dpif(&inverse, to);
}

/* The original tuple, from whichever was given. */
static void
original(const struct tct_options *o, struct ct_dpif_tuple *orig)
{
    const struct ct_filter *f = &o->filter;

    memset(orig, 0, sizeof *orig);
    if (f->orig.src.set && f->orig.dst.set) {
        tct_fill_tuple(o, &f->orig, orig);
    } else {
        struct ct_dpif_tuple reply = { .l3_type = 0 };

        tct_fill_tuple(o, &f->reply, &reply);
        invert(&reply, orig);
        if (f->orig.given & 1u << CT_FILTER_T_ICMP_TYPE) {
            orig->icmp_id = f->orig.icmp_id;
            orig->icmp_type = f->orig.icmp_type;
        }
    }
}

static void
put_zone(const struct tct_options *o, struct ofpbuf *buf)
{
    if (tct_has(o, TCT_O_ZONE)) {
        nl_msg_put_be16(buf, CTA_ZONE, htons(o->filter.zone));
    }
}

static void
put_tuple(const struct tct_options *o, struct ofpbuf *buf)
{
    struct ct_dpif_tuple orig;

    original(o, &orig);
    ct_nl_put_tuple(buf, CTA_TUPLE_ORIG, &orig);
    put_zone(o, buf);
}

/* The inverse, but for a translation. */
static void
make_reply(const struct tct_options *o, const struct ct_dpif_tuple *orig,
           struct ct_dpif_tuple *reply)
{
    const struct ct_filter *f = &o->filter;
    uint8_t l3_type;

    invert(orig, reply);
    l3_type = reply->l3_type;
    tct_fill_tuple(o, &f->reply, reply);
    reply->l3_type = l3_type;
    set_addr(&reply->dst, &f->nat_src.src);
    set_addr(&reply->src, &f->nat_dst.src);
    if (f->nat_src.given & 1u << CT_FILTER_T_SRC_PORT) {
        reply->dst_port = f->nat_src.src_port;
    }
    if (f->nat_dst.given & 1u << CT_FILTER_T_SRC_PORT) {
        reply->src_port = f->nat_dst.src_port;
    }
    if (tct_has(o, TCT_O_REPLY_ICMP_ID)) {
        reply->icmp_id = o->reply_icmp_id;
    }
}

/* A connection to be made. */

static void
put_state(const struct tct_options *o, struct ct_dpif_protoinfo *info)
{
    if (o->filter.proto == IPPROTO_TCP) {
        info->proto = IPPROTO_TCP;
        info->tcp.state_orig = ct_nl_tcp_state_to_dpif(o->filter.state);
    } else if (o->filter.proto == IPPROTO_SCTP) {
        info->proto = IPPROTO_SCTP;
        info->sctp.state = ct_nl_sctp_state_to_dpif(o->filter.state);
        info->sctp.vtag_orig = o->orig_vtag;
        info->sctp.vtag_reply = o->reply_vtag;
    }
}

static void
put_new(const struct tct_options *o, struct ofpbuf *buf)
{
    struct ct_dpif_entry e;

    memset(&e, 0, sizeof e);
    original(o, &e.tuple_orig);
    make_reply(o, &e.tuple_orig, &e.tuple_reply);
    e.zone = o->filter.zone;
    e.status = o->status;
    e.timeout = o->timeout;
    e.mark = o->mark;
    e.labels = o->label_add;
    e.have_labels = !ovs_u128_is_zero(o->label_add);
    e.helper.name = CONST_CAST(char *, o->helper);
    put_state(o, &e.protoinfo);
    ct_nl_put_conn(buf, &e);
}

static void
put_changes(const struct tct_options *o, struct ofpbuf *buf)
{
    if (tct_has(o, TCT_O_MARK)) {
        nl_msg_put_be32(buf, CTA_MARK, htonl(o->mark));
        nl_msg_put_be32(buf, CTA_MARK_MASK, htonl(o->mark_mask));
    }
    if (tct_has(o, TCT_O_TIMEOUT)) {
        nl_msg_put_be32(buf, CTA_TIMEOUT, htonl(o->timeout));
    }
    if (tct_has(o, TCT_O_STATUS)) {
        nl_msg_put_be32(buf, CTA_STATUS, htonl(o->status));
    }
    if (tct_has(o, TCT_O_LABEL_ADD) || tct_has(o, TCT_O_LABEL_DEL)) {
        nl_msg_put_u128(buf, CTA_LABELS, o->label_add);
        nl_msg_put_u128(buf, CTA_LABELS_MASK,
                        tct_u128_or(o->label_add, o->label_del));
    }
}
