/* SPDX-License-Identifier: Apache-2.0 */

/* H.323's call signalling: H.225.0 in the user-user element of Q.931.
 *
 *    h245Address              where an H.245 connection will be accepted
 *    fastStart                logical channels, opened at once
 *    h245Control              H.245 in this connection ("tunnelled")
 *    Facility, callForwarded  where the call has to go instead
 *    sourceCallSignalAddress, destCallSignalAddress
 *                             the ends of this connection: replaced under
 *                             translation */

#include <config.h>

#include <netinet/in.h>

#include "ct-cursor.h"
#include "ct-h323.h"

/* Q.931. */
#define PROTOCOL_DISCRIMINATOR 0x08
#define IE_SINGLE_OCTET 0x80            /* In its identifier. */
#define IE_USER_USER 0x7e

static ct_h323_read read_message;
static bool find_user_user(const struct ct_helper_call *,
                           const struct ct_h323_tpkt *,
                           struct ct_h323_tpkt *found);
static enum ct_helper_verdict act(struct ct_helper_call *,
                                  const struct ct_per_items *);
static enum ct_helper_verdict forward(struct ct_helper_call *,
                                      const struct ct_h323_addr *);

static enum ct_helper_verdict
q931_read(struct ct_helper_call *call)
{
    return ct_h323_each(call, read_message);
}

const struct ct_helper ct_helper_q931 = {
    .name = "q931",
    .protos = { IPPROTO_TCP },
    .classes = { { .max_expected = CT_H323_MAX_CHANNELS + 2,
                   .timeout = CT_H323_TIMEOUT } },
    .state_size = sizeof(struct ct_h323_tpkts),
    .read = q931_read,
};

static enum ct_helper_verdict
read_message(struct ct_helper_call *call, const struct ct_h323_tpkt *tpkt)
{
    struct ct_per_items items;
    struct ct_h323_tpkt uuie;

    if (tpkt->begin == tpkt->end) {
        return CT_HELPER_ACCEPT;
    }
    items.n = 0;
    if (!find_user_user(call, tpkt, &uuie)
        || !ct_per_read(&ct_h225_call, call->payload, uuie.begin, uuie.end,
                        &items)) {
        ct_helper_count(call, CT_C_HELPER_UNREAD);
        return CT_HELPER_ACCEPT;
    }
    return act(call, &items);
}

/* Q.931 sections 4.1 to 4.5: a call reference, a message type and elements, of
 * one octet or with a length. */
static bool
find_user_user(const struct ct_helper_call *call,
               const struct ct_h323_tpkt *tpkt, struct ct_h323_tpkt *found)
{
    struct ct_cursor c = ct_cursor_init(call->payload + tpkt->begin,
                                        tpkt->end - tpkt->begin);
    uint8_t byte, len;
    uint16_t uu_len;

    if (!ct_cursor_u8(&c, &byte) || byte != PROTOCOL_DISCRIMINATOR
        || !ct_cursor_u8(&c, &len) || !ct_cursor_skip(&c, len)
        || !ct_cursor_u8(&c, &byte)) {
        return false;
    }
    while (ct_cursor_u8(&c, &byte)) {
        if (byte == IE_USER_USER) {
            /* Its protocol discriminator counts as well. */
            if (!ct_cursor_be16(&c, &uu_len) || !uu_len
                || uu_len > ct_cursor_left(&c)) {
                return false;
            }
            found->begin = c.p + 1 - call->payload;
            found->end = c.p + uu_len - call->payload;
            return true;
        }
        if (!(byte & IE_SINGLE_OCTET)
            && (!ct_cursor_u8(&c, &len) || !ct_cursor_skip(&c, len))) {
            return false;
        }
    }
    return false;
}

static bool
is_forwarded(const struct ct_per_items *items)
{
    for (unsigned int i = 0; i < items->n; i++) {
        if (items->item[i].mark == CT_H323_REASON) {
            return items->item[i].value == CT_H323_FORWARDED;
        }
    }
    return false;
}

/* An end of this connection, which the other one knows as 'ip' and 'port'. */
static enum ct_helper_verdict
replace_end(struct ct_helper_call *call, const struct ct_h323_addr *where,
            const union ct_inet_addr *ip, ovs_be16 port)
{
    return (call->nat && !ct_h323_is(where, ip)
            ? ct_h323_write(call, where, ip, port) : CT_HELPER_ACCEPT);
}

static enum ct_helper_verdict
act_on(struct ct_helper_call *call, const struct ct_per_item *item,
       bool forwarded)
{
    static const struct ct_helper_expect h245 = { .helper = &ct_helper_h245 };
    const struct ct_tuple *answered = &call->tuples[!call->dir];
    struct ct_h323_addr addr;

    if (item->mark == CT_H323_REASON || !ct_h323_get_addr(call, item, &addr)) {
        return CT_HELPER_ACCEPT;
    }
    switch (item->mark) {
    case CT_H323_H245:
        return ct_h323_announce(call, &addr, h245);
    case CT_H323_DEST:
        return replace_end(call, &addr, &answered->src, answered->src_port);
    case CT_H323_SOURCE:
        return replace_end(call, &addr, &answered->dst, answered->dst_port);
    case CT_H323_FORWARD:
        return forwarded ? forward(call, &addr) : CT_HELPER_ACCEPT;
    default:
        return CT_HELPER_ACCEPT;
    }
}

static enum ct_helper_verdict
act(struct ct_helper_call *call, const struct ct_per_items *items)
{
    enum ct_helper_verdict verdict = CT_HELPER_ACCEPT;
    bool forwarded = is_forwarded(items);

    for (unsigned int i = 0; i < items->n && verdict == CT_HELPER_ACCEPT;
         i++) {
        verdict = act_on(call, &items->item[i], forwarded);
    }
    return (verdict == CT_HELPER_ACCEPT
            ? ct_h323_channels(call, items) : verdict);
}

/* The other end has to call somebody else.  On which side of a translation
 * that one is cannot be seen here: it is taken to be on the side of who says
 * so, as in the kernel with callforward_filter=0. */
static enum ct_helper_verdict
forward(struct ct_helper_call *call, const struct ct_h323_addr *to)
{
    const struct ct_helper_expect ask = {
        .dir = !call->dir, .has_dst = true, .dst = to->ip, .port = to->port,
        .helper = &ct_helper_q931,
    };
    struct ct_tuple place;

    if (!to->port) {
        return CT_HELPER_ACCEPT;
    }
    if (!ct_helper_expect(call, &ask, &place)) {
        return CT_HELPER_DROP;
    }
    return (call->nat ? ct_h323_write(call, to, &place.dst, place.dst_port)
            : CT_HELPER_ACCEPT);
}
