/* SPDX-License-Identifier: Apache-2.0 */

/* The end of a packet's way, if the tracker drops it or calls it invalid: any
 * step may call this. */

#include <config.h>

#include "ct-refuse.h"

#include <netinet/in.h>

#include "ct.h"
#include "ct-packet.h"
#include "ct-tracker.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ct_refuse);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(600, 50);

static void log_packet(const struct ct_packet *, enum ct_counter reason);
static void put_headers(struct ds *, const struct ct_packet *,
                        enum ct_counter reason);

void
ct_refuse(const struct ct_packet *packet, enum ct_counter reason)
{
    struct ct *ct = packet->ct;
    uint16_t zone;

    ct_count(ct, reason, 1);
    if (!packet->request) {
        return;
    }
    zone = packet->request->zone;
    ct_count_in_zone(ct, zone, reason, 1);
    if (OVS_UNLIKELY(ct_log_refused(ct, zone)) && !VLOG_DROP_INFO(&rl)) {
        log_packet(packet, reason);
    }
}

void
ct_refuse_unseen(struct ct *ct, int zone, enum ct_counter reason, uint64_t n)
{
    ct_count(ct, reason, n);
    if (zone < 0) {
        return;
    }
    ct_count_in_zone(ct, zone, reason, n);
    if (OVS_UNLIKELY(ct_log_refused(ct, zone)) && !VLOG_DROP_INFO(&rl)) {
        VLOG_INFO("%s in zone %d: %s: %"PRIu64" packets",
                  ct_counter_name(reason), zone, ct_counter_help(reason), n);
    }
}

static void
log_packet(const struct ct_packet *packet, enum ct_counter reason)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    put_headers(&ds, packet, reason);
    VLOG_INFO("%s in zone %"PRIu16": %s: %s", ct_counter_name(reason),
              packet->request->zone, ct_counter_help(reason), ds_cstr(&ds));
    ds_destroy(&ds);
}

/* The ports where they are on the wire: the tuple has them only if the whole
 * header is sound. */
static void
take_ports(const struct ct_packet *packet, struct ct_tuple *tuple)
{
    switch (tuple->proto) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
        tuple->src_port = tuple->dst_port = 0;
        if (packet->l4_len >= 4) {
            tuple->src_port = get_unaligned_be16(
                (ovs_be16 *) packet->l4_header);
            tuple->dst_port = get_unaligned_be16(
                (ovs_be16 *) (packet->l4_header + 2));
        }
        break;
    default:
        break;
    }
}

static void
put_tuple(struct ds *ds, const struct ct_tuple *tuple)
{
    struct ct_dpif_tuple dpif;

    ct_tuple_to_dpif(tuple, &dpif);
    ct_dpif_format_ipproto(ds, tuple->proto);
    ds_put_char(ds, ',');
    ct_dpif_format_tuple(ds, &dpif);
}

static void
put_headers(struct ds *ds, const struct ct_packet *packet,
            enum ct_counter reason)
{
    const struct tcp_header *tcp = (const void *) packet->l4_header;
    struct ct_tuple tuple = packet->tuple;

    if (!packet->parsed || reason == CT_C_INVALID_L3
        || reason == CT_C_INVALID_FRAGMENT) {
        ds_put_format(ds, "%"PRIu32" bytes, dl_type %#x",
                      dp_packet_size(packet->packet),
                      ntohs(packet->dl_type));
        return;
    }
    if (packet->is_icmp_error) {
        ds_put_cstr(ds, "ICMP error about ");
    } else {
        take_ports(packet, &tuple);
    }
    put_tuple(ds, &tuple);
    if (!packet->is_icmp_error && tuple.proto == IPPROTO_TCP
        && packet->l4_len >= TCP_HEADER_LEN) {
        ds_put_cstr(ds, ",flags=");
        packet_format_tcp_flags(ds, TCP_FLAGS(tcp->tcp_ctl));
        ds_put_format(ds, ",seq=%"PRIu32",ack=%"PRIu32",win=%"PRIu16,
                      ntohl(get_16aligned_be32(&tcp->tcp_seq)),
                      ntohl(get_16aligned_be32(&tcp->tcp_ack)),
                      ntohs(tcp->tcp_winsz));
    }
    ds_put_format(ds, ",len=%"PRIu32, packet->ip_len);
}
