/* SPDX-License-Identifier: Apache-2.0 */

/* ICMP errors: whose are they?
 *
 * Way of a packet: ct-l4-icmp.c hands over what it recognises as an error;
 * address translation reads the quoted packet once more to translate it. */

#include <config.h>

#include "ct-icmp-error.h"

#include <netinet/in.h>
#include <netinet/ip6.h>

#include "ct-cursor.h"
#include "ct-l4-gre.h"
#include "packets.h"

#define IPV6_HEADER_LEN 40
#define IPV6_NEXT_HEADER_OFS 6

static bool quoted_ipv4(struct ct_cursor *, struct ct_tuple *);
static bool quoted_ipv6(struct ct_cursor *, struct ct_tuple *);
static bool skip_extension_headers(struct ct_cursor *, uint8_t *proto);
static bool quoted_l4(const struct ct_packet *, struct ct_cursor,
                      struct ct_tuple *);

bool
ct_icmp_error_quoted(const struct ct_packet *packet,
                     struct ct_quoted_packet *quoted)
{
    struct ct_cursor c = ct_cursor_init(packet->l4_header, packet->l4_len);
    bool ipv6 = ct_tuple_is_ipv6(&packet->tuple);
    struct ct_tuple *t = &quoted->tuple;

    if (!ct_cursor_skip(&c, CT_ICMP_HEADER_LEN)) {
        return false;
    }
    memset(t, 0, sizeof *t);
    quoted->l3_header = packet->l4_header + CT_ICMP_HEADER_LEN;
    if (!(ipv6 ? quoted_ipv6(&c, t) : quoted_ipv4(&c, t))) {
        return false;
    }
    quoted->l4_header = packet->l4_header + (c.p - packet->l4_header);
    quoted->l4_len = ct_cursor_left(&c);
    return quoted_l4(packet, c, t);
}

bool
ct_icmp_error_parse(struct ct_packet *packet)
{
    struct ct_quoted_packet quoted;

    if (!ct_icmp_error_quoted(packet, &quoted)
        || memcmp(&packet->tuple.dst, &quoted.tuple.src,
                  sizeof packet->tuple.dst)) {
        return false;
    }
    ct_tuple_invert(&quoted.tuple, &packet->tuple);
    packet->inner_l3 = quoted.l3_header;
    packet->is_icmp_error = true;
    return true;
}

static bool
quoted_ipv4(struct ct_cursor *c, struct ct_tuple *t)
{
    const uint8_t *ip = ct_cursor_pull(c, IP_HEADER_LEN);
    size_t options_len;
    uint16_t frag_off;

    if (!ip || IP_VER(ip[0]) != 4 || IP_IHL(ip[0]) < 5) {
        return false;
    }
    memcpy(&frag_off, ip + offsetof(struct ip_header, ip_frag_off),
           sizeof frag_off);
    if (frag_off & htons(IP_FRAG_OFF_MASK)) {
        return false;
    }
    options_len = IP_IHL(ip[0]) * 4 - IP_HEADER_LEN;
    if (!ct_cursor_skip(c, options_len)) {
        return false;
    }
    memcpy(&t->src.ip, ip + offsetof(struct ip_header, ip_src),
           sizeof t->src.ip);
    memcpy(&t->dst.ip, ip + offsetof(struct ip_header, ip_dst),
           sizeof t->dst.ip);
    t->proto = ip[offsetof(struct ip_header, ip_proto)];
    return true;
}

static bool
quoted_ipv6(struct ct_cursor *c, struct ct_tuple *t)
{
    const uint8_t *ip6 = ct_cursor_pull(c, IPV6_HEADER_LEN);

    if (!ip6 || ip6[0] >> 4 != 6) {
        return false;
    }
    t->proto = ip6[IPV6_NEXT_HEADER_OFS];
    t->kind = CT_KIND_IPV6;
    memcpy(&t->src.ip6, ip6 + offsetof(struct ovs_16aligned_ip6_hdr, ip6_src),
           sizeof t->src.ip6);
    memcpy(&t->dst.ip6, ip6 + offsetof(struct ovs_16aligned_ip6_hdr, ip6_dst),
           sizeof t->dst.ip6);
    return skip_extension_headers(c, &t->proto);
}

/* RFC 8200 section 4; AH is RFC 4302 section 2.  A first fragment is as good
 * as a whole packet, a later one has no transport header. */
static bool
skip_extension_headers(struct ct_cursor *c, uint8_t *proto)
{
    for (;;) {
        const uint8_t *ext = c->p;
        uint16_t frag_off;
        size_t len;

        switch (*proto) {
        case IPPROTO_HOPOPTS:
        case IPPROTO_ROUTING:
        case IPPROTO_DSTOPTS:
        case IPPROTO_AH:
        case IPPROTO_FRAGMENT:
            break;
        default:
            return true;
        }
        if (ct_cursor_left(c) < 8) {
            return false;
        }
        if (*proto == IPPROTO_FRAGMENT) {
            memcpy(&frag_off, ext + 2, sizeof frag_off);
            if (frag_off & IP6F_OFF_MASK) {
                return false;
            }
            len = 8;
        } else {
            len = *proto == IPPROTO_AH ? (ext[1] + 2) * 4 : (ext[1] + 1) * 8;
        }
        *proto = ext[0];
        if (!ct_cursor_skip(c, len)) {
            return false;
        }
    }
}

/* A query that is quoted, or the answer to one. */
static bool
quoted_icmp(struct ct_cursor *c, struct ct_tuple *t)
{
    uint8_t type, code, kind;
    uint16_t id;

    if (t->proto != (ct_tuple_is_ipv6(t) ? IPPROTO_ICMPV6 : IPPROTO_ICMP)
        || !ct_cursor_u8(c, &type)
        || !ct_cursor_u8(c, &code)
        || !ct_cursor_skip(c, 2)
        || !ct_cursor_be16(c, &id)
        || code
        || !ct_icmp_query_kind(t->proto, type, &kind)) {
        return false;
    }
    t->kind |= kind;
    t->src_port = t->dst_port = htons(id);
    return true;
}

static bool
quoted_l4(const struct ct_packet *packet, struct ct_cursor c,
          struct ct_tuple *t)
{
    uint16_t src_port, dst_port;

    switch (t->proto) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
        if (ct_cursor_left(&c) < CT_ICMP_QUOTED_L4_LEN
            || !ct_cursor_be16(&c, &src_port)
            || !ct_cursor_be16(&c, &dst_port)) {
            return false;
        }
        t->src_port = htons(src_port);
        t->dst_port = htons(dst_port);
        return true;

    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return (ct_cursor_left(&c) >= CT_ICMP_QUOTED_L4_LEN
                && quoted_icmp(&c, t));

    case IPPROTO_GRE:
        return (ct_cursor_left(&c) < CT_GRE_BASE_LEN
                || !ct_gre_is_enhanced(c.p)
                || ct_gre_read_key(packet, c.p, ct_cursor_left(&c), t));

    default:
        return true;
    }
}
