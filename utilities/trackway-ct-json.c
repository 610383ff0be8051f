/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: a connection, or an expectation, as one JSON object on a line
 * (JSON lines).  All that is known of it, whatever -o asks for beside. */

#include <config.h>

#include "trackway-ct.h"
#include "util.h"

static void put_event(const struct tct_options *, struct ds *);
static void put_direction(const char *name, const struct ct_dpif_tuple *,
                          const struct ct_dpif_counters *, struct ds *);
static void put_state(const struct ct_dpif_protoinfo *, struct ds *);
static void put_status(uint32_t status, struct ds *);
static void put_parent(const struct ct_dpif_tuple *, struct ds *);
static void put_ends(const char *name, const struct ct_dpif_tuple *,
                     struct ds *);
static void put_flags(uint32_t flags, struct ds *);

void
tct_format_json(const struct tct_options *o,
                const struct ct_nl_conn *conn, struct ds *ds)
{
    const struct ct_dpif_entry *e = &conn->entry;

    tct_put(ds, "{");
    put_event(o, ds);
    ds_put_format(ds, "\"id\":%"PRIu32",\"zone\":%"PRIu16
                  ",\"protocol\":%d,\"timeout\":%"PRIu32",\"mark\":%"PRIu32,
                  e->id, e->zone, e->tuple_orig.ip_proto, e->timeout,
                  e->mark);
    put_state(&e->protoinfo, ds);
    put_status(e->status, ds);
    if (!ovs_u128_is_zero(e->labels)) {
        tct_put(ds, ",\"labels\":\"");
        tct_put_labels(ds, e->labels);
        tct_put(ds, "\"");
    }
    if (conn->helper[0]) {
        ds_put_format(ds, ",\"helper\":\"%s\"", conn->helper);
    }
    put_direction("original", &e->tuple_orig, &e->counters_orig, ds);
    put_direction("reply", &e->tuple_reply, &e->counters_reply, ds);
    put_parent(&e->tuple_parent, ds);
    ds_put_format(ds, ",\"start\":%"PRIu64, e->timestamp.start);
    if (e->timestamp.stop) {
        ds_put_format(ds, ",\"stop\":%"PRIu64, e->timestamp.stop);
    }
    tct_put(ds, "}\n");
}

void
tct_format_expect_json(const struct tct_options *o,
                       const struct ct_nl_expect *e, struct ds *ds)
{
    tct_put(ds, "{");
    put_event(o, ds);
    ds_put_format(ds, "\"id\":%"PRIu32",\"zone\":%"PRIu16
                  ",\"protocol\":%d,\"timeout\":%"PRIu32
                  ",\"class\":%"PRIu32, e->id, e->zone, e->tuple.ip_proto,
                  e->timeout, e->class);
    put_flags(e->flags, ds);
    if (e->helper[0]) {
        ds_put_format(ds, ",\"helper\":\"%s\"", e->helper);
    }
    put_ends("expected", &e->tuple, ds);
    put_ends("mask", &e->mask, ds);
    put_parent(&e->parent, ds);
    tct_put(ds, "}\n");
}

static void
put_event(const struct tct_options *o, struct ds *ds)
{
    static const char *const names[] = {
        [TCT_NEW] = "new",
        [TCT_UPDATED] = "update",
        [TCT_DESTROYED] = "destroy",
    };

    if (o->event) {
        ds_put_format(ds, "\"event\":\"%s\",\"time\":%"PRIu64",",
                      names[o->event], o->when);
        if (o->reason) {
            ds_put_format(ds, "\"reason\":\"%s\",", o->reason);
        }
    }
}

static void
put_tuple(const struct ct_dpif_tuple *t, struct ds *ds)
{
    tct_put_addr(ds, "{\"src\":\"", t, false);
    tct_put_addr(ds, "\",\"dst\":\"", t, true);
    tct_put(ds, "\"");
    if (t->ip_proto == IPPROTO_ICMP || t->ip_proto == IPPROTO_ICMPV6) {
        tct_put_u64(ds, ",\"type\":", t->icmp_type);
        tct_put_u64(ds, ",\"code\":", t->icmp_code);
        tct_put_u64(ds, ",\"id\":", ntohs(t->icmp_id));
    } else if (t->ip_proto == IPPROTO_GRE) {
        tct_put_u64(ds, ",\"srckey\":", ntohs(t->src_port));
        tct_put_u64(ds, ",\"dstkey\":", ntohs(t->dst_port));
    } else if (tct_proto_has_ports(t->ip_proto)) {
        tct_put_u64(ds, ",\"sport\":", ntohs(t->src_port));
        tct_put_u64(ds, ",\"dport\":", ntohs(t->dst_port));
    }
}

static void
put_direction(const char *name, const struct ct_dpif_tuple *t,
              const struct ct_dpif_counters *counters, struct ds *ds)
{
    ds_put_format(ds, ",\"%s\":", name);
    put_tuple(t, ds);
    tct_put_u64(ds, ",\"packets\":", counters->packets);
    tct_put_u64(ds, ",\"bytes\":", counters->bytes);
    tct_put(ds, "}");
}

static void
put_parent(const struct ct_dpif_tuple *t, struct ds *ds)
{
    if (t->l3_type) {
        put_ends("parent", t, ds);
    }
}

static void
put_ends(const char *name, const struct ct_dpif_tuple *t, struct ds *ds)
{
    ds_put_format(ds, ",\"%s\":", name);
    put_tuple(t, ds);
    tct_put(ds, "}");
}

/* Of an expectation. */
static void
put_flags(uint32_t flags, struct ds *ds)
{
    bool permanent = flags & CT_NL_EXPECT_PERMANENT;
    bool inactive = flags & CT_NL_EXPECT_INACTIVE;

    ds_put_format(ds, ",\"flags\":[%s%s%s]",
                  permanent ? "\"PERMANENT\"" : "",
                  permanent && inactive ? "," : "",
                  inactive ? "\"INACTIVE\"" : "");
}

static void
put_state(const struct ct_dpif_protoinfo *info, struct ds *ds)
{
    if (info->proto == IPPROTO_TCP) {
        ds_put_format(ds, ",\"state\":\"%s\"",
                      ct_nl_tcp_state_name(ct_nl_tcp_state_from_dpif(
                                               info->tcp.state_orig)));
    } else if (info->proto == IPPROTO_SCTP) {
        ds_put_format(ds, ",\"state\":\"%s\"",
                      ct_nl_sctp_state_name(ct_nl_sctp_state_from_dpif(
                                                info->sctp.state)));
    }
}

static void
put_status(uint32_t status, struct ds *ds)
{
    static const char *const names[] = {
#define CT_DPIF_STATUS_FLAG(FLAG) #FLAG,
        CT_DPIF_STATUS_FLAGS
#undef CT_DPIF_STATUS_FLAG
    };
    const char *before = "";

    tct_put(ds, ",\"status\":[");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (status >> i & 1) {
            ds_put_format(ds, "%s\"%s\"", before, names[i]);
            before = ",";
        }
    }
    tct_put(ds, "]");
}
