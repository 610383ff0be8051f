/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: a connection as conntrack(8) prints it, field by field in its
 * order, since scripts count them. */

#include <config.h>

#include <string.h>
#include <time.h>

#include "packets.h"
#include "trackway-ct.h"
#include "util.h"

static void put_protocol(const struct tct_options *,
                         const struct ct_dpif_entry *, struct ds *);
static void put_state(const struct ct_dpif_entry *, struct ds *);
static void put_tuple(const struct ct_dpif_tuple *, struct ds *);
static void put_counters(const struct tct_options *,
                         const struct ct_dpif_counters *, struct ds *);
static void chomp(struct ds *);
static void put_times(const struct ct_dpif_entry *, struct ds *);
static void put_padded(struct ds *, const char *, size_t width);

void
tct_format_text(const struct tct_options *o, const struct ct_nl_conn *conn,
                struct ds *ds)
{
    const struct ct_dpif_entry *e = &conn->entry;

    put_protocol(o, e, ds);
    /* The kernel tells it of one that was deleted before its time. */
    if (o->event != TCT_DESTROYED || e->timeout) {
        tct_put_u64(ds, "", e->timeout);
        tct_put(ds, " ");
    }
    put_state(e, ds);
    put_tuple(&e->tuple_orig, ds);
    put_counters(o, &e->counters_orig, ds);
    if (!(e->status & CT_DPIF_STATUS_SEEN_REPLY)) {
        tct_put(ds, "[UNREPLIED] ");
    }
    put_tuple(&e->tuple_reply, ds);
    put_counters(o, &e->counters_reply, ds);
    if (e->status & CT_DPIF_STATUS_ASSURED) {
        tct_put(ds, "[ASSURED] ");
    }
    if (!o->event || e->mark) {
        tct_put_u64(ds, "mark=", e->mark);
    }
    chomp(ds);
    if (e->zone) {
        tct_put_u64(ds, " zone=", e->zone);
    }
    if (o->output & TCT_OUT_KTIMESTAMP) {
        put_times(e, ds);
    }
    if (!o->event) {
        tct_put(ds, " use=1");
    }
    if (o->output & TCT_OUT_ID) {
        tct_put_u64(ds, " id=", e->id);
    }
    if (o->output & TCT_OUT_LABELS && !ovs_u128_is_zero(e->labels)) {
        tct_put(ds, " labels=");
        tct_put_labels(ds, e->labels);
    }
    if (conn->helper[0]) {
        tct_put(ds, " helper=");
        tct_put(ds, conn->helper);
    }
    tct_put(ds, "\n");
}

static void
put_protocol(const struct tct_options *o, const struct ct_dpif_entry *e,
             struct ds *ds)
{
    if (o->output & TCT_OUT_EXTENDED) {
        tct_put(ds, (e->tuple_orig.l3_type == AF_INET6
                     ? "ipv6     10 " : "ipv4     2 "));
    }
    put_padded(ds, tct_proto_name(e->tuple_orig.ip_proto), 8);
    tct_put_u64(ds, " ", e->tuple_orig.ip_proto);
    tct_put(ds, " ");
}

static void
put_state(const struct ct_dpif_entry *e, struct ds *ds)
{
    const struct ct_dpif_protoinfo *info = &e->protoinfo;

    if (info->proto == IPPROTO_TCP) {
        tct_put(ds, ct_nl_tcp_state_name(
                        ct_nl_tcp_state_from_dpif(info->tcp.state_orig)));
        tct_put(ds, " ");
    } else if (info->proto == IPPROTO_SCTP) {
        tct_put(ds, ct_nl_sctp_state_name(
                        ct_nl_sctp_state_from_dpif(info->sctp.state)));
        tct_put(ds, " ");
    }
}

static void
put_tuple(const struct ct_dpif_tuple *t, struct ds *ds)
{
    tct_put_addr(ds, "src=", t, false);
    tct_put_addr(ds, " dst=", t, true);
    if (t->ip_proto == IPPROTO_ICMP || t->ip_proto == IPPROTO_ICMPV6) {
        tct_put_u64(ds, " type=", t->icmp_type);
        tct_put_u64(ds, " code=", t->icmp_code);
        tct_put_u64(ds, " id=", ntohs(t->icmp_id));
    } else if (t->ip_proto == IPPROTO_GRE) {
        ds_put_format(ds, " srckey=0x%x dstkey=0x%x", ntohs(t->src_port),
                      ntohs(t->dst_port));
    } else if (tct_proto_has_ports(t->ip_proto)) {
        tct_put_u64(ds, " sport=", ntohs(t->src_port));
        tct_put_u64(ds, " dport=", ntohs(t->dst_port));
    }
    tct_put(ds, " ");
}

static void
put_counters(const struct tct_options *o,
             const struct ct_dpif_counters *counters, struct ds *ds)
{
    if (o->event && o->event != TCT_DESTROYED) {
        return;
    }
    tct_put_u64(ds, "packets=", counters->packets);
    tct_put_u64(ds, " bytes=", counters->bytes);
    tct_put(ds, " ");
}

/* Without the blank at the end. */
static void
chomp(struct ds *ds)
{
    if (ds->length && ds->string[ds->length - 1] == ' ') {
        ds_truncate(ds, ds->length - 1);
    }
}

static void
put_time(const char *name, uint64_t ns, struct ds *ds)
{
    time_t seconds = ns / UINT64_C(1000000000);
    struct tm tm;
    char s[64];

    if (ns && localtime_r(&seconds, &tm)
        && strftime(s, sizeof s, "%a %b %e %H:%M:%S %Y", &tm)) {
        ds_put_format(ds, " [%s=%s]", name, s);
    }
}

static void
put_times(const struct ct_dpif_entry *e, struct ds *ds)
{
    uint64_t start = e->timestamp.start / UINT64_C(1000000000);
    uint64_t stop = (e->timestamp.stop
                     ? e->timestamp.stop / UINT64_C(1000000000)
                     : (uint64_t) time(NULL));

    if (start) {
        tct_put_u64(ds, " delta-time=", stop > start ? stop - start : 0);
        put_time("start", e->timestamp.start, ds);
        put_time("stop", e->timestamp.stop, ds);
    }
}

static void
put_padded(struct ds *ds, const char *s, size_t width)
{
    size_t len = strlen(s);

    tct_put(ds, s);
    if (len < width) {
        memset(ds_put_uninit(ds, width - len), ' ', width - len);
    }
}
