/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: the table of expectations. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "netlink.h"
#include "trackway-ct.h"
#include "util.h"

/* Expectations that match, as they come. */
struct found {
    const struct tct_options *options;
    struct ds lines;
    uint32_t *ids;
    size_t n, allocated;
};

static void list(const struct tct_options *, struct found *);
static tct_each take;
static bool matches(const struct tct_options *, const struct ct_nl_expect *);
static tct_expect_format format_text;
static void delete_found(const struct tct_options *, struct found *);
static void create(const struct tct_options *);
static void ask(const struct tct_options *, const struct ct_nl_header *,
                uint32_t id, struct found *);
static void put_datapath(const struct tct_options *, struct ofpbuf *);
static void send_request(const struct tct_options *, struct ofpbuf *request,
                         struct found *, bool may_be_gone);

int
tct_run_expect(const struct tct_options *o)
{
    const struct ct_nl_header flush = {
        .type = CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_DELETE),
        .flags = NLM_F_REQUEST,
    };
    struct found found = { .options = o, .lines = DS_EMPTY_INITIALIZER };

    switch ((int) o->command) {
    case TCT_FLUSH:
        ask(o, &flush, 0, &found);
        tct_complain("expectation table has been emptied.");
        return TCT_OK;
    case TCT_CREATE:
        create(o);
        return TCT_OK;
    case TCT_COUNT:
        list(o, &found);
        printf("%"PRIuSIZE"\n", found.n);
        return TCT_OK;
    case TCT_DELETE:
        list(o, &found);
        delete_found(o, &found);
        tct_complain("%"PRIuSIZE" expectations have been deleted.", found.n);
        return found.n ? TCT_OK : TCT_FAILED;
    default:
        list(o, &found);
        fputs(ds_cstr(&found.lines), stdout);
        if (o->command == TCT_GET && !found.n) {
            tct_failed("Operation failed: such expectation doesn't exist");
        }
        tct_complain("%"PRIuSIZE" expectations have been shown.", found.n);
        return TCT_OK;
    }
}

static void
list(const struct tct_options *o, struct found *found)
{
    const struct ct_nl_header header = {
        .type = CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_GET),
        .flags = NLM_F_REQUEST | NLM_F_DUMP,
    };

    tct_begin_xml(o, &found->lines);
    ask(o, &header, 0, found);
    tct_end_xml(o, &found->lines);
}

static void
take(const struct ofpbuf *msg, void *found_)
{
    struct found *found = found_;
    struct ct_nl_expect e;

    if (!ct_nl_get_expect(msg, &e) && matches(found->options, &e)) {
        if (found->n >= found->allocated) {
            found->ids = x2nrealloc(found->ids, &found->allocated,
                                    sizeof *found->ids);
        }
        found->ids[found->n++] = e.id;
        tct_format_expect(found->options, &e, &found->lines);
    }
}

static bool
addr_matches(const struct ct_filter_addr *a,
             const union ct_dpif_inet_addr *addr, bool ipv6)
{
    union ct_inet_addr b;

    memset(&b, 0, sizeof b);
    memcpy(&b, addr, ipv6 ? sizeof b.ip6 : sizeof b.ip);
    return (!a->set
            || (a->ipv6 == ipv6
                && !((b.u64[0] ^ a->addr.u64[0]) & a->mask.u64[0])
                && !((b.u64[1] ^ a->addr.u64[1]) & a->mask.u64[1])));
}

/* -s and -d, --tuple-src and --tuple-dst are the expectation's own. */
static bool
matches(const struct tct_options *o, const struct ct_nl_expect *e)
{
    const struct ct_filter *f = &o->filter;
    bool ipv6 = e->tuple.l3_type == AF_INET6;

    return ((!tct_has(o, TCT_O_FAMILY) || f->family == e->tuple.l3_type)
            && (!tct_has(o, TCT_O_ZONE) || f->zone == e->zone)
            && (!tct_has(o, TCT_O_ID) || f->id == e->id)
            && (!tct_has(o, TCT_O_PROTO) || f->proto == e->tuple.ip_proto)
            && (!tct_has(o, TCT_O_SPORT)
                || f->orig.src_port == e->tuple.src_port)
            && (!tct_has(o, TCT_O_DPORT)
                || f->orig.dst_port == e->tuple.dst_port)
            && addr_matches(&f->orig.src, &e->tuple.src, ipv6)
            && addr_matches(&f->orig.dst, &e->tuple.dst, ipv6));
}

static void
format_ends(const char *prefix, const struct ct_dpif_tuple *t, struct ds *ds)
{
    ds_put_format(ds, "%ssrc=", prefix);
    tct_put_addr(ds, "", t, false);
    ds_put_format(ds, " %sdst=", prefix);
    tct_put_addr(ds, "", t, true);
    tct_put_u64(ds, " sport=", ntohs(t->src_port));
    tct_put_u64(ds, " dport=", ntohs(t->dst_port));
    tct_put(ds, " ");
}

void
tct_format_expect(const struct tct_options *o, const struct ct_nl_expect *e,
                  struct ds *ds)
{
    tct_expect_format *format
        = (o->output & TCT_OUT_XML ? tct_format_expect_xml
           : o->output & TCT_OUT_JSON ? tct_format_expect_json
           : format_text);

    format(o, e, ds);
}

static void
format_text(const struct tct_options *o, const struct ct_nl_expect *e,
            struct ds *ds)
{
    if (o->output & TCT_OUT_EXTENDED) {
        tct_put(ds, (e->tuple.l3_type == AF_INET6
                     ? "ipv6     10 " : "ipv4     2 "));
    }
    tct_put_u64(ds, "", e->timeout);
    tct_put_u64(ds, " proto=", e->tuple.ip_proto);
    tct_put(ds, " ");
    format_ends("", &e->tuple, ds);
    format_ends("mask-", &e->mask, ds);
    format_ends("master-", &e->parent, ds);
    if (e->zone) {
        ds_put_format(ds, "zone=%"PRIu16" ", e->zone);
    }
    if (e->flags & CT_NL_EXPECT_PERMANENT) {
        tct_put(ds, "PERMANENT ");
    }
    if (e->flags & CT_NL_EXPECT_INACTIVE) {
        tct_put(ds, "INACTIVE ");
    }
    tct_put_u64(ds, "class=", e->class);
    tct_put(ds, " helper=");
    tct_put(ds, e->helper);
    if (o->output & TCT_OUT_ID) {
        tct_put_u64(ds, " id=", e->id);
    }
    tct_put(ds, "\n");
}

static void
delete_found(const struct tct_options *o, struct found *found)
{
    const struct ct_nl_header header = {
        .type = CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_DELETE),
        .flags = NLM_F_REQUEST,
    };

    fputs(ds_cstr(&found->lines), stdout);
    for (size_t i = 0; i < found->n; i++) {
        ask(o, &header, found->ids[i], found);
    }
}

static void
set_mask_addr(union ct_dpif_inet_addr *to, const union ct_inet_addr *mask)
{
    memcpy(to, mask, sizeof *to);
}

static void
create(const struct tct_options *o)
{
    const struct ct_nl_header header = {
        .type = CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_NEW),
        .flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL,
    };
    struct ct_nl_expect e = {
        .zone = o->filter.zone,
        .timeout = o->timeout,
    };
    struct ofpbuf request;

    tct_fill_tuple(o, &o->filter.orig, &e.parent);
    tct_fill_tuple(o, &o->expect, &e.tuple);
    e.mask = (struct ct_dpif_tuple) {
        .l3_type = e.tuple.l3_type,
        .ip_proto = e.tuple.ip_proto,
        .src_port = o->mask_sport,
        .dst_port = (tct_has(o, TCT_O_MASK_DPORT) ? o->mask_dport
                     : htons(UINT16_MAX)),
    };
    set_mask_addr(&e.mask.src, &o->mask_src);
    set_mask_addr(&e.mask.dst, &o->mask_dst);
    ovs_strlcpy(e.helper, o->helper ? o->helper : "", sizeof e.helper);

    ofpbuf_init(&request, 256);
    ct_nl_put_expect_msg(&request, &header, &e);
    put_datapath(o, &request);
    ct_nl_end(&request, 0);
    send_request(o, &request, NULL, false);
}

/* Exits if the daemon refuses. */
static void
ask(const struct tct_options *o, const struct ct_nl_header *header,
    uint32_t id, struct found *found)
{
    struct ofpbuf request;

    ofpbuf_init(&request, 256);
    size_t ofs = ct_nl_begin(&request, header);
    put_datapath(o, &request);
    if (id) {
        nl_msg_put_be32(&request, CTA_EXPECT_ID, htonl(id));
    } else if (o->command == TCT_FLUSH && tct_has(o, TCT_O_ZONE)) {
        nl_msg_put_be16(&request, CTA_EXPECT_ZONE, htons(o->filter.zone));
    }
    ct_nl_end(&request, ofs);
    /* One that was used up in the meantime is gone, too. */
    send_request(o, &request, found, id);
}

static void
put_datapath(const struct tct_options *o, struct ofpbuf *request)
{
    if (o->datapath) {
        size_t own = nl_msg_start_nested(request, CTA_TRACKWAY);

        nl_msg_put_string(request, CT_NLA_DATAPATH, o->datapath);
        nl_msg_end_nested(request, own);
    }
}

static void
send_request(const struct tct_options *o, struct ofpbuf *request,
             struct found *found, bool may_be_gone)
{
    struct ct_nl_result result;

    tct_ask(o, request, take, found, &result);
    ofpbuf_uninit(request);
    if (result.error && !(may_be_gone && result.error == ENOENT)) {
        tct_failed("Operation failed: %s", result.text[0]
                   ? result.text : ovs_strerror(result.error));
    }
}
