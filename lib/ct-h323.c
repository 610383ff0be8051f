/* SPDX-License-Identifier: Apache-2.0 */

/* Called by the helpers of H.323 for what they have in common. */

#include <config.h>

#include "ct-h323.h"

#include <netinet/in.h>
#include <string.h>

#include "ct-cursor.h"
#include "util.h"

static enum ct_helper_verdict announce_media(struct ct_helper_call *,
                                             const struct ct_h323_addr *);

#define TPKT_HEADER_LEN 4
#define TPKT_VERSION 0x0300             /* And a byte that is reserved. */

#define MAX_ADDR_LEN (16 + 2)

/* The message whose header came alone, in the segment before. */
static bool
get_announced(struct ct_helper_call *call, struct ct_h323_tpkts *tpkts,
              struct ct_h323_tpkt *tpkt)
{
    size_t len = tpkts->announced[call->dir];

    tpkts->announced[call->dir] = 0;
    if (!len) {
        return false;
    }
    if (len > call->len) {
        ct_helper_count(call, CT_C_HELPER_UNREAD);
        return false;
    }
    tpkt->begin = 0;
    tpkt->end = len;
    return true;
}

/* Moves 'tpkt', all zero at first, to the next message. */
static bool
next_message(struct ct_helper_call *call, struct ct_h323_tpkts *tpkts,
             struct ct_h323_tpkt *tpkt)
{
    size_t ofs = tpkt->end;
    struct ct_cursor c = ct_cursor_init(call->payload + ofs, call->len - ofs);
    uint16_t version, len;

    if (!ct_cursor_left(&c)) {
        return false;
    }
    if (!ct_cursor_be16(&c, &version) || version != TPKT_VERSION
        || !ct_cursor_be16(&c, &len) || len < TPKT_HEADER_LEN) {
        return !ofs && get_announced(call, tpkts, tpkt);
    }
    tpkts->announced[call->dir] = 0;
    len -= TPKT_HEADER_LEN;
    if (len > ct_cursor_left(&c)) {
        if (!ct_cursor_left(&c)) {
            tpkts->announced[call->dir] = len;
        } else {
            ct_helper_count(call, CT_C_HELPER_UNREAD);
        }
        return false;
    }
    tpkt->begin = ofs + TPKT_HEADER_LEN;
    tpkt->end = tpkt->begin + len;
    return true;
}

enum ct_helper_verdict
ct_h323_each(struct ct_helper_call *call, ct_h323_read *read)
{
    struct ct_h323_tpkt tpkt = { .end = 0 };
    enum ct_helper_verdict verdict = CT_HELPER_ACCEPT;

    if (!call->both) {
        return CT_HELPER_ACCEPT;
    }
    while (verdict == CT_HELPER_ACCEPT
           && next_message(call, call->state, &tpkt)) {
        verdict = read(call, &tpkt);
    }
    return verdict;
}

bool
ct_h323_get_addr(const struct ct_helper_call *call,
                 const struct ct_per_item *item, struct ct_h323_addr *addr)
{
    size_t len = ct_tuple_is_ipv6(&call->tuples[0]) ? 16 : 4;
    struct ct_cursor c = ct_cursor_init(call->payload, call->len);
    const uint8_t *ip, *port;

    if (item->value != len || !ct_cursor_skip(&c, item->ofs)) {
        return false;
    }
    ip = ct_cursor_pull(&c, len);
    port = ct_cursor_pull(&c, sizeof addr->port);
    if (!ip || !port) {
        return false;
    }
    memset(addr, 0, sizeof *addr);
    memcpy(&addr->ip, ip, len);
    memcpy(&addr->port, port, sizeof addr->port);
    addr->ofs = item->ofs;
    addr->len = len + sizeof addr->port;
    return true;
}

bool
ct_h323_is(const struct ct_h323_addr *addr, const union ct_inet_addr *ip)
{
    return !memcmp(&addr->ip, ip, sizeof *ip);
}

enum ct_helper_verdict
ct_h323_write(struct ct_helper_call *call, const struct ct_h323_addr *where,
              const union ct_inet_addr *ip, ovs_be16 port)
{
    char text[MAX_ADDR_LEN];

    memcpy(text, ip, where->len - sizeof port);
    memcpy(text + where->len - sizeof port, &port, sizeof port);
    return ct_helper_replace(call, where->ofs, where->len, text, where->len);
}

/* Is it an address that who speaks may announce? */
static bool
is_own(struct ct_helper_call *call, const struct ct_h323_addr *where)
{
    if (!where->port) {
        return false;
    }
    if (!ct_h323_is(where, &call->tuples[call->dir].src)) {
        ct_helper_count(call, CT_C_HELPER_REFUSED);
        return false;
    }
    return true;
}

enum ct_helper_verdict
ct_h323_announce(struct ct_helper_call *call,
                 const struct ct_h323_addr *where, struct ct_helper_expect ask)
{
    struct ct_tuple place;

    if (!is_own(call, where)) {
        return CT_HELPER_ACCEPT;
    }
    ask.dir = !call->dir;
    ask.port = where->port;
    if (!ct_helper_expect(call, &ask, &place)) {
        return CT_HELPER_DROP;
    }
    return (call->nat
            ? ct_h323_write(call, where, &place.dst, place.dst_port)
            : CT_HELPER_ACCEPT);
}

enum ct_helper_verdict
ct_h323_channels(struct ct_helper_call *call, const struct ct_per_items *items)
{
    static const struct ct_helper_expect t120 = {
        .proto = IPPROTO_TCP, .permanent = true,
    };
    enum ct_helper_verdict verdict = CT_HELPER_ACCEPT;
    bool has_t120 = false;

    for (unsigned int i = 0; i < items->n && verdict == CT_HELPER_ACCEPT;
         i++) {
        const struct ct_per_item *item = &items->item[i];
        struct ct_h323_addr addr;

        switch (item->mark) {
        case CT_H323_OPEN:
            has_t120 = false;
            break;
        case CT_H323_ACK:
            has_t120 = true;
            break;
        case CT_H323_DATA:
            has_t120 = has_t120 || item->value == CT_H323_SEPARATE_LAN;
            break;
        case CT_H323_MEDIA:
            if (ct_h323_get_addr(call, item, &addr)) {
                verdict = announce_media(call, &addr);
            }
            break;
        case CT_H323_STACK:
            if (has_t120 && ct_h323_get_addr(call, item, &addr)) {
                verdict = ct_h323_announce(call, &addr, t120);
            }
            break;
        default:
            break;
        }
    }
    return verdict;
}

/* RTP has an even port, RTCP the one behind it (RFC 3550 section 11): one of
 * them tells the other. */
static enum ct_helper_verdict
announce_media(struct ct_helper_call *call, const struct ct_h323_addr *where)
{
    struct ct_helper_expect ask = {
        .dir = !call->dir, .proto = IPPROTO_UDP, .pair = true,
        .port = where->port & htons(0xfffe),
    };
    struct ct_tuple place;

    if (!is_own(call, where)) {
        return CT_HELPER_ACCEPT;
    }
    if (!ct_helper_expect(call, &ask, &place)) {
        return CT_HELPER_DROP;
    }
    return (call->nat
            ? ct_h323_write(call, where, &place.dst,
                            place.dst_port | (where->port & htons(1)))
            : CT_HELPER_ACCEPT);
}
