/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: a connection as the options that make it anew, for
 * trackway-ct -R or behind the command's name on a shell's line.  As
 * conntrack(8) -o save, and what that leaves out: mark, labels, helper. */

#include <config.h>

#include "trackway-ct.h"
#include "util.h"

static void put_status(uint32_t status, struct ds *);
static void put_reply(const struct ct_dpif_entry *, struct ds *);
static void put_ports(const struct ct_dpif_entry *, struct ds *);
static void put_icmp(const struct ct_dpif_entry *, struct ds *);
static void put_state(const struct ct_dpif_entry *, struct ds *);

void
tct_format_save(const struct tct_options *o OVS_UNUSED,
                const struct ct_nl_conn *conn, struct ds *ds)
{
    const struct ct_dpif_entry *e = &conn->entry;
    uint8_t proto = e->tuple_orig.ip_proto;

    /* One that is about to expire still is one. */
    tct_put_u64(ds, "-A -t ", MAX(e->timeout, 1));
    put_status(e->status, ds);
    if (e->mark) {
        tct_put_u64(ds, " -m ", e->mark);
    }
    if (!ovs_u128_is_zero(e->labels)) {
        tct_put(ds, " --label-add ");
        tct_put_labels(ds, e->labels);
    }
    if (e->zone) {
        tct_put_u64(ds, " -w ", e->zone);
    }
    if (conn->helper[0]) {
        ds_put_format(ds, " --helper %s", conn->helper);
    }
    tct_put_addr(ds, " -s ", &e->tuple_orig, false);
    tct_put_addr(ds, " -d ", &e->tuple_orig, true);
    put_reply(e, ds);
    if (!strcmp(tct_proto_name(proto), "unknown")) {
        tct_put_u64(ds, " -p ", proto);
    } else {
        ds_put_format(ds, " -p %s", tct_proto_name(proto));
    }
    if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) {
        put_icmp(e, ds);
    } else {
        put_ports(e, ds);
    }
    put_state(e, ds);
    tct_put(ds, "\n");
}

static void
put_status(uint32_t status, struct ds *ds)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } bits[] = {
        { CT_DPIF_STATUS_SEEN_REPLY, "SEEN_REPLY" },
        { CT_DPIF_STATUS_ASSURED, "ASSURED" },
        { CT_DPIF_STATUS_EXPECTED, "EXPECTED" },
    };
    const char *before = " -u ";

    for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
        if (status & bits[i].bit) {
            ds_put_format(ds, "%s%s", before, bits[i].name);
            before = ",";
        }
    }
    if (*before != ',') {
        tct_put(ds, " -u UNSET");
    }
}

static void
put_reply(const struct ct_dpif_entry *e, struct ds *ds)
{
    tct_put_addr(ds, (e->status & CT_DPIF_STATUS_DST_NAT ? " -g " : " -r "),
                 &e->tuple_reply, false);
    tct_put_addr(ds, (e->status & CT_DPIF_STATUS_SRC_NAT ? " -n " : " -q "),
                 &e->tuple_reply, true);
}

static void
put_ports(const struct ct_dpif_entry *e, struct ds *ds)
{
    const struct ct_dpif_tuple *orig = &e->tuple_orig;
    const struct ct_dpif_tuple *reply = &e->tuple_reply;

    if (orig->ip_proto == IPPROTO_GRE) {
        tct_put_u64(ds, " --srckey ", ntohs(orig->src_port));
        tct_put_u64(ds, " --dstkey ", ntohs(orig->dst_port));
        tct_put_u64(ds, " --reply-key-src ", ntohs(reply->src_port));
        tct_put_u64(ds, " --reply-key-dst ", ntohs(reply->dst_port));
    } else if (tct_proto_has_ports(orig->ip_proto)) {
        tct_put_u64(ds, " --sport ", ntohs(orig->src_port));
        tct_put_u64(ds, " --dport ", ntohs(orig->dst_port));
        tct_put_u64(ds, " --reply-port-src ", ntohs(reply->src_port));
        tct_put_u64(ds, " --reply-port-dst ", ntohs(reply->dst_port));
    }
}

static void
put_icmp(const struct ct_dpif_entry *e, struct ds *ds)
{
    const struct ct_dpif_tuple *orig = &e->tuple_orig;
    const char *v6 = orig->ip_proto == IPPROTO_ICMPV6 ? "v6" : "";

    ds_put_format(ds, " --icmp%s-type %d --icmp%s-code %d --icmp%s-id %d",
                  v6, orig->icmp_type, v6, orig->icmp_code, v6,
                  ntohs(orig->icmp_id));
    if (e->tuple_reply.icmp_id != orig->icmp_id) {
        tct_put_u64(ds, " --reply-icmp-id ", ntohs(e->tuple_reply.icmp_id));
    }
}

static void
put_state(const struct ct_dpif_entry *e, struct ds *ds)
{
    const struct ct_dpif_protoinfo *info = &e->protoinfo;

    if (info->proto == IPPROTO_TCP) {
        ds_put_format(ds, " --state %s",
                      ct_nl_tcp_state_name(ct_nl_tcp_state_from_dpif(
                                               info->tcp.state_orig)));
    } else if (info->proto == IPPROTO_SCTP) {
        ds_put_format(ds, " --state %s",
                      ct_nl_sctp_state_name(ct_nl_sctp_state_from_dpif(
                                                info->sctp.state)));
        tct_put_u64(ds, " --orig-vtag ", info->sctp.vtag_orig);
        tct_put_u64(ds, " --reply-vtag ", info->sctp.vtag_reply);
    }
}
