/* SPDX-License-Identifier: Apache-2.0 */

/* ICMP and ICMPv6: queries make connections of their own, errors belong to the
 * connection of the packet they are about, all else is invalid.
 *
 * Invalid are, with that, the messages of neighbor and multicast listener
 * discovery (RFC 4861, RFC 3810).  The Linux kernel leaves them untracked,
 * which OVS's kernel datapath shows as +inv+trk, as does OVS in userspace:
 * rules for them must stand before ct(). */

#include <config.h>

#include "ct-l4.h"

#include "ct-cursor.h"
#include "ct-icmp-error.h"
#include "packets.h"

/* RFC 4443 section 2.1: lower types are errors, known or not. */
#define ICMP6_FIRST_INFORMATIONAL 128

#define ICMP6_NI_QUERY 139
#define ICMP6_NI_REPLY 140

struct header {
    uint8_t type, code;
    uint16_t id;
};

static bool parse_header(const struct ct_packet *, struct header *);
static bool parse_query(struct ct_packet *, const struct header *);
static bool parse_error(struct ct_packet *);
static bool icmp_is_error(uint8_t type);
static bool has_code(uint8_t proto, uint8_t type);

static bool
icmp_parse(struct ct_packet *packet)
{
    struct header h;

    return (parse_header(packet, &h)
            && (!ct_tuple_is_ipv6(&packet->tuple) && icmp_is_error(h.type)
                ? parse_error(packet)
                : parse_query(packet, &h)));
}

static bool
icmpv6_parse(struct ct_packet *packet)
{
    struct header h;

    return (parse_header(packet, &h)
            && (ct_tuple_is_ipv6(&packet->tuple)
                && h.type < ICMP6_FIRST_INFORMATIONAL
                ? parse_error(packet)
                : parse_query(packet, &h)));
}

static enum ct_verdict
icmp_may_open(const struct ct_packet *packet)
{
    return (packet->tuple.kind & CT_KIND_ICMP_REPLY
            ? ct_l4_invalid(packet, CT_C_INVALID_ICMP_TYPE)
            : CT_VERDICT_ACCEPT);
}

static bool
was_answered(const struct ct_packet *packet, const struct ct_conn *conn)
{
    return (packet->dir == CT_DIR_REPLY
            || ct_conn_status(conn) & CT_DPIF_STATUS_SEEN_REPLY);
}

/* The reply does not end the connection: there may be more of either. */
static enum ct_verdict
icmp_update(struct ct_packet *packet, struct ct_conn *conn)
{
    packet->timeout = (was_answered(packet, conn)
                       ? CT_TIMEOUT_ICMP_REPLY
                       : CT_TIMEOUT_ICMP);
    return CT_VERDICT_ACCEPT;
}

static enum ct_verdict
icmpv6_update(struct ct_packet *packet, struct ct_conn *conn)
{
    packet->timeout = (was_answered(packet, conn)
                       ? CT_TIMEOUT_ICMPV6_REPLY
                       : CT_TIMEOUT_ICMPV6);
    return CT_VERDICT_ACCEPT;
}

static bool
parse_header(const struct ct_packet *packet, struct header *h)
{
    struct ct_cursor c = ct_cursor_init(packet->l4_header, packet->l4_len);

    if (packet->l4_len < CT_ICMP_HEADER_LEN
        || !ct_cursor_u8(&c, &h->type)
        || !ct_cursor_u8(&c, &h->code)
        || !ct_cursor_skip(&c, 2)
        || !ct_cursor_be16(&c, &h->id)) {
        ct_l4_invalid(packet, CT_C_INVALID_L4);
        return false;
    }
    /* RFC 4443 section 2.3: ICMPv6 has a pseudo-header in its checksum. */
    if (!ct_l4_checksum_ok(packet, packet->tuple.proto == IPPROTO_ICMPV6)) {
        ct_l4_invalid(packet, CT_C_INVALID_CHECKSUM);
        return false;
    }
    return true;
}

static bool
parse_query(struct ct_packet *packet, const struct header *h)
{
    struct ct_tuple *t = &packet->tuple;
    uint8_t kind;

    if ((h->code && !has_code(t->proto, h->type))
        || !ct_icmp_query_kind(t->proto, h->type, &kind)
        || (kind ^ t->kind) & CT_KIND_IPV6) {
        ct_l4_invalid(packet, CT_C_INVALID_ICMP_TYPE);
        return false;
    }
    t->kind = kind;
    t->src_port = t->dst_port = htons(h->id);
    return true;
}

static bool
parse_error(struct ct_packet *packet)
{
    if (!ct_icmp_error_parse(packet)) {
        ct_l4_invalid(packet, CT_C_INVALID_ICMP_ERROR);
        return false;
    }
    return true;
}

static bool
icmp_is_error(uint8_t type)
{
    switch (type) {
    case ICMP4_DST_UNREACH:
    case ICMP4_SOURCEQUENCH:
    case ICMP4_REDIRECT:
    case ICMP4_TIME_EXCEEDED:
    case ICMP4_PARAM_PROB:
        return true;
    default:
        return false;
    }
}

/* Of all queries only those for node information (RFC 4620) and the answers to
 * them have codes; the others say zero (RFC 792, RFC 950, RFC 4443). */
static bool
has_code(uint8_t proto, uint8_t type)
{
    return (proto == IPPROTO_ICMPV6
            && (type == ICMP6_NI_QUERY || type == ICMP6_NI_REPLY));
}

const struct ct_l4 ct_l4_icmp = {
    .name = "icmp",
    .parse = icmp_parse,
    .may_open = icmp_may_open,
    .open = ct_l4_open_nothing,
    .update = icmp_update,
};

const struct ct_l4 ct_l4_icmpv6 = {
    .name = "icmpv6",
    .parse = icmpv6_parse,
    .may_open = icmp_may_open,
    .open = ct_l4_open_nothing,
    .update = icmpv6_update,
};
