/* SPDX-License-Identifier: Apache-2.0 */

/* IRC: a client tells another one, through the server, where it waits for a
 * file or a chat (DCC).
 *
 *    PRIVMSG bob :^ADCC SEND file 167837953 5000 300000^A
 *
 * The address is a decimal number, and the client's own or its translated one:
 * any other is refused.  Who comes is not known.  As in the kernel, only the
 * first message of a segment is read, and only if all of its line is there;
 * one that cannot be understood passes as it is. */

#include <config.h>

#include <netinet/in.h>
#include <stdio.h>

#include "ct-helper-again.h"
#include "ct-helper.h"
#include "ct-text.h"
#include "util.h"

/* What was announced, and where. */
struct dcc {
    ovs_be32 addr;
    uint16_t port;
    size_t ofs, len;            /* Of address and port. */
};

static const char *const words[] = {
    "SEND ", "CHAT ", "MOVE ", "TSEND ", "SCHAT "
};

static bool read_dcc(const struct ct_helper_call *, struct dcc *);
static bool skip_to_dcc(struct ct_cursor *);
static bool is_own(const struct ct_helper_call *, const struct dcc *);
static enum ct_helper_verdict announce(struct ct_helper_call *,
                                       const struct dcc *);
static enum ct_helper_verdict expect(struct ct_helper_call *,
                                     const struct dcc *);

static enum ct_helper_verdict
irc_read(struct ct_helper_call *call)
{
    enum ct_helper_verdict verdict = CT_HELPER_ACCEPT;
    struct dcc dcc;

    if (call->dir != CT_DIR_ORIGINAL) {
        return CT_HELPER_ACCEPT;
    }
    ct_helper_again_begin(call->state, call);
    if (call->both && read_dcc(call, &dcc)) {
        verdict = announce(call, &dcc);
    }
    return (verdict == CT_HELPER_ACCEPT
            ? ct_helper_again_write(call->state, call) : verdict);
}

static void
irc_undo(struct ct_helper_call *call)
{
    if (call->dir == CT_DIR_ORIGINAL) {
        ct_helper_again_undo(call->state);
    }
}

const struct ct_helper ct_helper_irc = {
    .name = "irc",
    .protos = { IPPROTO_TCP },
    .classes = { { .max_expected = 8, .timeout = 300 } },
    .resizes = true,
    .state_size = sizeof(struct ct_helper_again),
    .read = irc_read,
    .undo = irc_undo,
};

static bool
read_dcc(const struct ct_helper_call *call, struct dcc *dcc)
{
    struct ct_cursor c = ct_cursor_init(call->payload, call->len);
    uint32_t addr, port;
    const uint8_t *begin;

    if (ct_tuple_is_ipv6(&call->tuples[0]) || !skip_to_dcc(&c)) {
        return false;
    }
    begin = c.p;
    if (!memchr(begin, '\n', ct_cursor_left(&c))
        || !ct_text_number(&c, UINT32_MAX, &addr)) {
        return false;
    }
    ct_text_skip_set(&c, " ");
    if (!ct_text_number(&c, UINT16_MAX, &port)) {
        return false;
    }
    dcc->addr = htonl(addr);
    dcc->port = port;
    dcc->ofs = begin - call->payload;
    dcc->len = c.p - begin;
    return true;
}

/* To the address, behind the file's name. */
static bool
skip_to_dcc(struct ct_cursor *c)
{
    ct_text_skip_set(c, " \r\n");
    if (!ct_text_skip_any_case(c, "PRIVMSG ") || !ct_text_find(c, " :")
        || !ct_text_skip(c, "\1DCC ")) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (ct_text_skip(c, words[i])) {
            return ct_text_find(c, " ");
        }
    }
    return false;
}

static bool
is_own(const struct ct_helper_call *call, const struct dcc *dcc)
{
    return (dcc->port
            && (dcc->addr == call->tuples[CT_DIR_ORIGINAL].src.ip
                || dcc->addr == call->tuples[CT_DIR_REPLY].dst.ip));
}

/* What comes again may have been met: then nothing more is expected. */
static enum ct_helper_verdict
announce(struct ct_helper_call *call, const struct dcc *dcc)
{
    const struct ct_helper_match match = {
        .dir = CT_DIR_REPLY, .port = htons(dcc->port),
    };

    if (!is_own(call, dcc)) {
        ct_helper_count(call, CT_C_HELPER_REFUSED);
        return CT_HELPER_ACCEPT;
    }
    if (!ct_helper_again_knows(call->state, call, dcc->ofs, dcc->len)) {
        return expect(call, dcc);
    }
    ct_helper_refresh(call, &match, call->helper->classes[0].timeout);
    return CT_HELPER_ACCEPT;
}

static enum ct_helper_verdict
expect(struct ct_helper_call *call, const struct dcc *dcc)
{
    const struct ct_helper_expect ask = {
        .dir = CT_DIR_REPLY,
        .port = htons(dcc->port),
        .any_src = true,
    };
    struct ct_tuple place;
    char text[32];
    int n;

    if (!ct_helper_expect(call, &ask, &place)) {
        return CT_HELPER_DROP;
    }
    if (!call->nat) {
        return CT_HELPER_ACCEPT;
    }
    n = snprintf(text, sizeof text, "%u %u", ntohl(place.dst.ip),
                 ntohs(place.dst_port));
    return ct_helper_again_note(call->state, call, dcc->ofs, dcc->len, text,
                                n);
}
