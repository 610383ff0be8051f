/* SPDX-License-Identifier: Apache-2.0 */

/* Other text in a payload: called by ct-helper.c for announcements that go
 * through a translation. */

#include <config.h>

#include "ct-mangle.h"

#include <netinet/in.h>
#include <netinet/ip6.h>
#include <string.h>

#include "csum.h"
#include "ct-packet.h"
#include "ct-rewrite.h"
#include "dp-packet.h"
#include "packets.h"
#include "util.h"

static size_t header_len(const struct ct_packet *);
static bool make_room(struct dp_packet *, size_t n);
static void relocate(struct ct_packet *);
static void set_lengths(struct ct_packet *, int delta);
static void overwrite(struct ct_packet *, uint8_t *place, const char *text,
                      size_t n);
static void set_checksum(struct ct_packet *, size_t old_len);

bool
ct_mangle_csum_is_partial(const struct ct_packet *packet)
{
    return dp_packet_hwol_tx_l4_checksum(packet->packet);
}

bool
ct_mangle_payload(const struct ct_packet *packet, const uint8_t **payload,
                  size_t *len)
{
    size_t header = header_len(packet);

    if (!header || header > packet->l4_len) {
        return false;
    }
    *payload = packet->l4_header + header;
    *len = packet->l4_len - header;
    return true;
}

bool
ct_mangle(struct ct_packet *packet, size_t ofs, size_t len,
          const char *text, size_t text_len)
{
    struct dp_packet *pkt = packet->packet;
    int delta = (int) text_len - (int) len;
    size_t old_len = packet->l4_len;

    if ((int) packet->ip_len + delta > UINT16_MAX
        || !make_room(pkt, MAX(delta, 0))) {
        return false;
    }
    relocate(packet);

    uint8_t *place = packet->l4_header + header_len(packet) + ofs;
    uint8_t *rest = place + len;
    if (!delta) {
        overwrite(packet, place, text, len);
        return true;
    }
    memmove(place + text_len, rest, packet->l4_header + old_len - rest);
    memcpy(place, text, text_len);

    dp_packet_set_size(pkt, dp_packet_size(pkt) + delta);
    set_lengths(packet, delta);
    set_checksum(packet, old_len);
    return true;
}

/* Of the transport header; 0 if there is no payload to speak of. */
static size_t
header_len(const struct ct_packet *packet)
{
    return (packet->tuple.proto == IPPROTO_UDP ? UDP_HEADER_LEN
            : packet->tuple.proto == IPPROTO_TCP
            ? (packet->l4_header[12] >> 4) * 4 : 0);
}

/* For 'n' bytes more; takes away the padding.  A buffer that is the device's
 * cannot grow. */
static bool
make_room(struct dp_packet *pkt, size_t n)
{
    size_t pad = dp_packet_l2_pad_size(pkt);
    bool grows = pkt->source == DPBUF_MALLOC || pkt->source == DPBUF_STUB;

    if (dp_packet_tailroom(pkt) + pad < n && !grows) {
        return false;
    }
    dp_packet_set_size(pkt, dp_packet_size(pkt) - pad);
    dp_packet_set_l2_pad_size(pkt, 0);
    if (grows) {
        dp_packet_prealloc_tailroom(pkt, n);
    }
    return true;
}

/* The buffer may be another one. */
static void
relocate(struct ct_packet *packet)
{
    size_t l4_ofs = packet->l4_header - packet->l3_header;

    packet->l3_header = dp_packet_l3(packet->packet);
    packet->l4_header = packet->l3_header + l4_ofs;
}

static void
set_lengths(struct ct_packet *packet, int delta)
{
    packet->ip_len += delta;
    packet->l4_len += delta;
    if (ct_tuple_is_ipv6(&packet->tuple)) {
        struct ovs_16aligned_ip6_hdr *ip6 = (void *) packet->l3_header;

        ip6->ip6_plen = htons(ntohs(ip6->ip6_plen) + delta);
    } else {
        struct ip_header *ip = (void *) packet->l3_header;
        ovs_be16 new = htons(ntohs(ip->ip_tot_len) + delta);

        ip->ip_csum = recalc_csum16(ip->ip_csum, ip->ip_tot_len, new);
        ip->ip_tot_len = new;
    }
    if (packet->tuple.proto == IPPROTO_UDP) {
        struct udp_header *udp = (void *) packet->l4_header;

        udp->udp_len = htons(ntohs(udp->udp_len) + delta);
    }
}

static size_t
checksum_ofs(const struct ct_packet *packet)
{
    return (packet->tuple.proto == IPPROTO_UDP
            ? offsetof(struct udp_header, udp_csum)
            : offsetof(struct tcp_header, tcp_csum));
}

/* What a byte at 'ofs' adds to a checksum. */
static uint16_t
addend(size_t ofs, uint8_t byte)
{
    return (OVS_FORCE uint16_t) htons(ofs & 1 ? byte : byte << 8);
}

/* Text of the same length: a packet may have many of them. */
static void
overwrite(struct ct_packet *packet, uint8_t *place, const char *text, size_t n)
{
    uint8_t *stored = packet->l4_header + checksum_ofs(packet);
    bool udp = packet->tuple.proto == IPPROTO_UDP;
    uint16_t delta = 0;
    ovs_be16 csum;

    for (size_t i = 0; i < n; i++) {
        size_t ofs = place + i - packet->l4_header;

        delta = ct_rewrite_add(delta, addend(ofs, text[i]));
        delta = ct_rewrite_add(delta, ~addend(ofs, place[i]));
        place[i] = text[i];
    }
    memcpy(&csum, stored, sizeof csum);
    if (!ct_mangle_csum_is_partial(packet) && (!udp || csum)) {
        csum = ct_rewrite_csum(csum, delta);
        if (udp && !csum) {
            csum = OVS_BE16_MAX;
        }
        memcpy(stored, &csum, sizeof csum);
    }
}

static ovs_be16
whole_checksum(const struct ct_packet *packet)
{
    const void *l4 = packet->l4_header;
    uint8_t proto = packet->tuple.proto;

    if (ct_tuple_is_ipv6(&packet->tuple)) {
        return packet_csum_upperlayer6((void *) packet->l3_header, l4, proto,
                                       packet->l4_len);
    }
    return csum_finish(csum_continue(
        packet_csum_pseudoheader((void *) packet->l3_header), l4,
        packet->l4_len));
}

/* The payload behind the text has moved, perhaps by an odd number of bytes: a
 * difference would cost as much as the sum. */
static void
set_checksum(struct ct_packet *packet, size_t old_len)
{
    bool udp = packet->tuple.proto == IPPROTO_UDP;
    size_t ofs = checksum_ofs(packet);
    ovs_be16 csum;

    memcpy(&csum, packet->l4_header + ofs, sizeof csum);
    if (ct_mangle_csum_is_partial(packet)) {
        /* The sum of the pseudo header, which has the length. */
        uint16_t sum = (OVS_FORCE uint16_t) csum;

        sum = ct_rewrite_add(sum, (OVS_FORCE uint16_t) htons(packet->l4_len));
        sum = ct_rewrite_add(sum, ~(OVS_FORCE uint16_t) htons(old_len));
        csum = (OVS_FORCE ovs_be16) sum;
    } else if (!udp || csum) {
        memset(packet->l4_header + ofs, 0, sizeof csum);
        csum = whole_checksum(packet);
        if (udp && !csum) {
            csum = OVS_BE16_MAX;
        }
    }
    memcpy(packet->l4_header + ofs, &csum, sizeof csum);
}
