/* SPDX-License-Identifier: Apache-2.0 */

/* Amanda: the host that is to be backed up answers the backup server, which
 * asked it by UDP, with ports that it waits at.
 *
 *    CONNECT DATA 1024 MESG 1025 INDEX 1026 STATE 1027
 *
 * The server opens TCP connections to them.  An answer may take minutes, so
 * the one connection lives for as long as the kernel lets it. */

#include <config.h>

#include <netinet/in.h>
#include <stdio.h>

#include "ct-helper.h"
#include "ct-text.h"
#include "util.h"

#define MASTER_TIMEOUT 300
#define MAX_DIGITS 5

static const char *const words[] = { "DATA ", "MESG ", "INDEX ", "STATE " };

static bool find_line(const struct ct_helper_call *, struct ct_cursor *);
static bool find_port(struct ct_cursor, const char *word,
                      struct ct_cursor *digits, uint16_t *port);
static enum ct_helper_verdict announce(struct ct_helper_call *,
                                       const struct ct_cursor *digits,
                                       uint16_t port);

static enum ct_helper_verdict
amanda_read(struct ct_helper_call *call)
{
    enum ct_helper_verdict verdict = CT_HELPER_ACCEPT;
    struct ct_cursor line, digits;
    uint16_t port;

    if (call->dir != CT_DIR_REPLY) {
        return CT_HELPER_ACCEPT;
    }
    ct_helper_set_timeout(call, MASTER_TIMEOUT);
    for (size_t i = 0; i < ARRAY_SIZE(words) && !verdict; i++) {
        /* The line may be another one since the last port. */
        if (!find_line(call, &line)) {
            break;
        }
        if (find_port(line, words[i], &digits, &port)) {
            if (!port) {
                break;
            }
            verdict = announce(call, &digits, port);
        }
    }
    return verdict;
}

const struct ct_helper ct_helper_amanda = {
    .name = "amanda",
    .protos = { IPPROTO_UDP },
    .classes = { { .max_expected = 4, .timeout = 180 } },
    .read = amanda_read,
};

/* What stands behind CONNECT in its line, which must be all there. */
static bool
find_line(const struct ct_helper_call *call, struct ct_cursor *line)
{
    struct ct_cursor c = ct_cursor_init(call->payload, call->len);

    if (!ct_text_find(&c, "CONNECT ")) {
        return false;
    }
    line->p = c.p;
    if (!ct_text_find(&c, "\n")) {
        return false;
    }
    line->end = c.p - 1;
    return true;
}

/* False if 'word' is not there; 'port' 0 if no port is behind it. */
static bool
find_port(struct ct_cursor line, const char *word, struct ct_cursor *digits,
          uint16_t *port)
{
    uint32_t number;

    if (!ct_text_find(&line, word)) {
        return false;
    }
    line.end = MIN(line.end, line.p + MAX_DIGITS);
    *digits = line;
    *port = ct_text_number(&line, UINT16_MAX, &number) ? number : 0;
    digits->end = line.p;
    return true;
}

static enum ct_helper_verdict
announce(struct ct_helper_call *call, const struct ct_cursor *digits,
         uint16_t port)
{
    const struct ct_helper_expect ask = {
        .dir = CT_DIR_ORIGINAL,
        .proto = IPPROTO_TCP,
        .port = htons(port),
    };
    struct ct_tuple place;
    char text[8];
    int n;

    if (!ct_helper_expect(call, &ask, &place)) {
        return CT_HELPER_DROP;
    }
    if (!call->nat) {
        return CT_HELPER_ACCEPT;
    }
    n = snprintf(text, sizeof text, "%u", ntohs(place.dst_port));
    return ct_helper_replace(call, digits->p - call->payload,
                             ct_cursor_left(digits), text, n);
}
