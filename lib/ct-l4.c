/* SPDX-License-Identifier: Apache-2.0 */

/* The list of protocols, and what they share.
 *
 * Way of a packet: ct_packet_parse() asks ct_l4_find() for the protocol and
 * calls its parse(); ct_execute() calls the other functions. */

#include <config.h>

#include "ct-l4.h"

#include <netinet/in.h>

#include "ct-refuse.h"
#include "ct-switch.h"
#include "dp-packet.h"
#include "packets.h"

static inline bool checksum_ok(const struct ct_packet *, bool pseudo_header);
static inline uint64_t checksum_add(uint64_t sum, const void *, size_t);
static uint16_t checksum_fold(uint64_t sum);

const struct ct_l4 *
ct_l4_find(uint8_t proto)
{
    switch (proto) {
    case IPPROTO_TCP:
        return &ct_l4_tcp;
    case IPPROTO_UDP:
        return &ct_l4_udp;
    case IPPROTO_ICMP:
        return &ct_l4_icmp;
    case IPPROTO_ICMPV6:
        return &ct_l4_icmpv6;
    case IPPROTO_SCTP:
        return &ct_l4_sctp;
    case IPPROTO_GRE:
        return &ct_l4_gre;
    default:
        return &ct_l4_generic;
    }
}

bool
ct_l4_checksum_offloaded(const struct ct_packet *packet, bool *ok)
{
    if (dp_packet_l4_checksum_bad(packet->packet)) {
        *ok = false;
        return true;
    }
    *ok = true;
    return (dp_packet_l4_checksum_valid(packet->packet)
            || dp_packet_hwol_tx_l4_checksum(packet->packet));
}

bool
ct_l4_checksum_ok(const struct ct_packet *packet, bool pseudo_header)
{
    return (OVS_LIKELY(checksum_ok(packet, pseudo_header))
            || ct_l4_checksum_ignored(packet));
}

bool
ct_l4_checksum_ignored(const struct ct_packet *packet)
{
    return !ct_switch_get(packet->ct, CT_SWITCH_CHECKSUM);
}

static inline bool
checksum_ok(const struct ct_packet *packet, bool pseudo_header)
{
    uint64_t sum = 0;
    bool ok;

    if (ct_l4_checksum_offloaded(packet, &ok)) {
        return ok;
    }
    if (pseudo_header) {
        /* RFC 8200 section 8.1 and RFC 793 section 3.1: the same, but for the
         * addresses. */
        const struct ct_tuple *t = &packet->tuple;

        if (OVS_LIKELY(!ct_tuple_is_ipv6(t))) {
            sum = ((uint64_t) (OVS_FORCE uint32_t) t->src.ip
                   + (OVS_FORCE uint32_t) t->dst.ip);
        } else {
            sum = checksum_add(sum, &t->src, sizeof t->src);
            sum = checksum_add(sum, &t->dst, sizeof t->dst);
        }
        sum += (OVS_FORCE uint32_t) htonl(packet->l4_len);
        sum += (OVS_FORCE uint16_t) htons(t->proto);
    }
    if (OVS_LIKELY(packet->l4_len == TCP_HEADER_LEN)) {
        /* What an acknowledgment has, in three steps. */
        uint64_t words[2];
        uint32_t last;

        memcpy(words, packet->l4_header, sizeof words);
        memcpy(&last, packet->l4_header + sizeof words, sizeof last);
        sum += ((uint32_t) words[0] + (words[0] >> 32)
                + (uint32_t) words[1] + (words[1] >> 32) + last);
    } else {
        sum = checksum_add(sum, packet->l4_header, packet->l4_len);
    }
    return checksum_fold(sum) == 0xffff;
}

enum ct_verdict
ct_l4_invalid(const struct ct_packet *packet, enum ct_counter reason)
{
    ct_refuse(packet, reason);
    return CT_VERDICT_INVALID;
}

void
ct_l4_set_assured(struct ct_conn *conn)
{
    if (!(ct_conn_status(conn) & CT_DPIF_STATUS_ASSURED)) {
        atomic_fetch_or_explicit(&conn->status, CT_DPIF_STATUS_ASSURED,
                                 memory_order_relaxed);
    }
}

bool
ct_l4_is_half_open(const struct ct_conn *conn)
{
    const struct ct_l4 *l4 = ct_l4_find(conn->key.proto);

    return (l4->half_open
            && !(ct_conn_status(conn) & CT_DPIF_STATUS_ASSURED)
            && l4->half_open(conn));
}

enum ct_verdict
ct_l4_always_opens(const struct ct_packet *packet OVS_UNUSED)
{
    return CT_VERDICT_ACCEPT;
}

void
ct_l4_open_nothing(const struct ct_packet *packet OVS_UNUSED,
                   struct ct_conn *conn OVS_UNUSED)
{
}

/* Adds 'size' bytes in network byte order, 8 at a time: a one's complement sum
 * of 16-bit words may be taken over wider words and folded in the end (RFC
 * 1071 section 2 (C)).  Each step adds less than 2^33, so 64 bits are enough
 * for any packet. */
static inline uint64_t
checksum_add(uint64_t sum, const void *data, size_t size)
{
    const uint8_t *p = data;
    uint64_t word;

    for (; size >= sizeof word; size -= sizeof word, p += sizeof word) {
        memcpy(&word, p, sizeof word);
        sum += (uint32_t) word;
        sum += word >> 32;
    }
    if (size >= 4) {
        uint32_t half;

        memcpy(&half, p, sizeof half);
        sum += half;
        p += sizeof half;
        size -= sizeof half;
    }
    if (OVS_UNLIKELY(size)) {
        uint32_t half = 0;

        memcpy(&half, p, size);
        sum += half;
    }
    return sum;
}

static uint16_t
checksum_fold(uint64_t sum)
{
    sum = (uint32_t) sum + (sum >> 32);
    sum = (uint32_t) sum + (sum >> 32);
    sum = (uint16_t) sum + (sum >> 16);
    sum = (uint16_t) sum + (sum >> 16);
    return sum;
}
