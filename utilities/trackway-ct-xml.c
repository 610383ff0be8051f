/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: a connection, or an expectation, as conntrack(8) -o xml. */

#include <config.h>

#include <string.h>
#include <time.h>

#include "trackway-ct.h"
#include "util.h"

static void put_direction(const char *name, const struct ct_dpif_tuple *,
                          const struct ct_dpif_counters *, struct ds *);
static void put_layer3(const struct ct_dpif_tuple *, struct ds *);
static void put_layer4(const struct ct_dpif_tuple *, struct ds *);
static void put_addrs(const struct ct_dpif_tuple *, struct ds *);
static void put_ports(const struct ct_dpif_tuple *, struct ds *);
static void put_rest(const struct tct_options *, const struct ct_nl_conn *,
                     struct ds *);
static void put_expect_rest(const struct tct_options *,
                            const struct ct_nl_expect *, struct ds *);

void
tct_begin_xml(const struct tct_options *o, struct ds *ds)
{
    if (o->output & TCT_OUT_XML) {
        ds_put_format(ds, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                      "<%s>\n",
                      o->table == TCT_EXPECT ? "expect" : "conntrack");
    }
}

void
tct_end_xml(const struct tct_options *o, struct ds *ds)
{
    if (o->output & TCT_OUT_XML) {
        ds_put_format(ds, "</%s>\n",
                      o->table == TCT_EXPECT ? "expect" : "conntrack");
    }
}

static void
put_flow(enum tct_event event, struct ds *ds)
{
    static const char *const tags[] = {
        [TCT_NO_EVENT] = "<flow>",
        [TCT_NEW] = "<flow type=\"new\">",
        [TCT_UPDATED] = "<flow type=\"update\">",
        [TCT_DESTROYED] = "<flow type=\"destroy\">",
    };

    tct_put(ds, tags[event]);
}

static void
put_element(struct ds *ds, const char *name, uint64_t value)
{
    ds_put_format(ds, "<%s>%"PRIu64"</%s>", name, value, name);
}

void
tct_format_xml(const struct tct_options *o, const struct ct_nl_conn *conn,
               struct ds *ds)
{
    const struct ct_dpif_entry *e = &conn->entry;

    put_flow(o->event, ds);
    put_direction("original", &e->tuple_orig, &e->counters_orig, ds);
    put_direction("reply", &e->tuple_reply, &e->counters_reply, ds);
    put_rest(o, conn, ds);
    tct_put(ds, "</flow>\n");
}

/* Not by direction, as of a connection, but by layer. */
void
tct_format_expect_xml(const struct tct_options *o,
                      const struct ct_nl_expect *e, struct ds *ds)
{
    const struct {
        const char *name;
        const struct ct_dpif_tuple *tuple;
    } parts[] = {
        { "expected", &e->tuple }, { "mask", &e->mask },
        { "master", &e->parent },
    };

    put_flow(o->event, ds);
    put_layer3(&e->tuple, ds);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        ds_put_format(ds, "<%s>", parts[i].name);
        put_addrs(parts[i].tuple, ds);
        ds_put_format(ds, "</%s>", parts[i].name);
    }
    tct_put(ds, "</layer3>");
    put_layer4(&e->tuple, ds);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        ds_put_format(ds, "<%s>", parts[i].name);
        put_ports(parts[i].tuple, ds);
        ds_put_format(ds, "</%s>", parts[i].name);
    }
    tct_put(ds, "</layer4>");
    put_expect_rest(o, e, ds);
    tct_put(ds, "</flow>\n");
}

static void
put_direction(const char *name, const struct ct_dpif_tuple *t,
              const struct ct_dpif_counters *counters, struct ds *ds)
{
    ds_put_format(ds, "<meta direction=\"%s\">", name);
    put_layer3(t, ds);
    put_addrs(t, ds);
    tct_put(ds, "</layer3>");
    put_layer4(t, ds);
    put_ports(t, ds);
    tct_put(ds, "</layer4><counters>");
    put_element(ds, "packets", counters->packets);
    put_element(ds, "bytes", counters->bytes);
    tct_put(ds, "</counters></meta>");
}

/* Begin an element. */

static void
put_layer3(const struct ct_dpif_tuple *t, struct ds *ds)
{
    bool v6 = t->l3_type == AF_INET6;

    ds_put_format(ds, "<layer3 protonum=\"%d\" protoname=\"%s\">",
                  v6 ? AF_INET6 : AF_INET, v6 ? "ipv6" : "ipv4");
}

static void
put_layer4(const struct ct_dpif_tuple *t, struct ds *ds)
{
    ds_put_format(ds, "<layer4 protonum=\"%d\" protoname=\"%s\">",
                  t->ip_proto, tct_proto_name(t->ip_proto));
}

static void
put_addrs(const struct ct_dpif_tuple *t, struct ds *ds)
{
    tct_put_addr(ds, "<src>", t, false);
    tct_put_addr(ds, "</src><dst>", t, true);
    tct_put(ds, "</dst>");
}

static void
put_ports(const struct ct_dpif_tuple *t, struct ds *ds)
{
    if (t->ip_proto == IPPROTO_GRE) {
        ds_put_format(ds, "<srckey>0x%x</srckey><dstkey>0x%x</dstkey>",
                      ntohs(t->src_port), ntohs(t->dst_port));
    } else if (tct_proto_has_ports(t->ip_proto)) {
        put_element(ds, "sport", ntohs(t->src_port));
        put_element(ds, "dport", ntohs(t->dst_port));
    }
}

static void
put_times(const struct ct_dpif_entry *e, struct ds *ds)
{
    uint64_t start = e->timestamp.start / UINT64_C(1000000000);
    uint64_t now = time(NULL);

    tct_put(ds, "<timestamp>");
    put_element(ds, "start", e->timestamp.start);
    if (e->timestamp.stop) {
        put_element(ds, "stop", e->timestamp.stop);
        now = e->timestamp.stop / UINT64_C(1000000000);
    }
    tct_put(ds, "</timestamp>");
    put_element(ds, "deltatime", now > start ? now - start : 0);
}

static void
put_rest(const struct tct_options *o, const struct ct_nl_conn *conn,
         struct ds *ds)
{
    const struct ct_dpif_entry *e = &conn->entry;

    tct_put(ds, "<meta direction=\"independent\">");
    if (e->protoinfo.proto == IPPROTO_TCP) {
        ds_put_format(ds, "<state>%s</state>",
                      ct_nl_tcp_state_name(ct_nl_tcp_state_from_dpif(
                                           e->protoinfo.tcp.state_orig)));
    } else if (e->protoinfo.proto == IPPROTO_SCTP) {
        ds_put_format(ds, "<state>%s</state>",
                      ct_nl_sctp_state_name(ct_nl_sctp_state_from_dpif(
                                            e->protoinfo.sctp.state)));
    }
    put_element(ds, "timeout", e->timeout);
    put_element(ds, "mark", e->mark);
    if (e->zone) {
        put_element(ds, "zone", e->zone);
    }
    put_element(ds, "use", 1);
    put_element(ds, "id", e->id);
    if (!(e->status & CT_DPIF_STATUS_SEEN_REPLY)) {
        tct_put(ds, "<unreplied/>");
    }
    if (e->status & CT_DPIF_STATUS_ASSURED) {
        tct_put(ds, "<assured/>");
    }
    if (o->output & TCT_OUT_KTIMESTAMP) {
        put_times(e, ds);
    }
    if (o->output & TCT_OUT_LABELS && !ovs_u128_is_zero(e->labels)) {
        tct_put(ds, "<labels>");
        tct_put_labels(ds, e->labels);
        tct_put(ds, "</labels>");
    }
    if (conn->helper[0]) {
        ds_put_format(ds, "<helper>%s</helper>", conn->helper);
    }
    tct_put(ds, "</meta>");
}

static void
put_expect_rest(const struct tct_options *o, const struct ct_nl_expect *e,
                struct ds *ds)
{
    tct_put(ds, "<meta>");
    if (e->helper[0]) {
        ds_put_format(ds, "<helper-name>%s</helper-name>", e->helper);
    }
    put_element(ds, "timeout", e->timeout);
    put_element(ds, "class", e->class);
    if (e->zone) {
        put_element(ds, "zone", e->zone);
    }
    if (o->output & TCT_OUT_ID) {
        put_element(ds, "id", e->id);
    }
    tct_put(ds, "</meta>");
}
