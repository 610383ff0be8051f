/* SPDX-License-Identifier: Apache-2.0 */

/* SANE, the network protocol of scanners: what a client gets for
 * SANE_NET_START names a port of the server, to which the client opens a
 * connection for the image.
 *
 *    client   code (7), handle                          32 bits each
 *    server   status (0), port (upper half zero), ...   32 bits each
 *
 * As in the kernel a request is a segment of just that length, and the next
 * segment of the server with payload is the answer. */

#include <config.h>

#include <netinet/in.h>

#include "ct-cursor.h"
#include "ct-helper.h"
#include "util.h"

enum {
    SANE_NET_START = 7,
    REQUEST_LEN = 8,
    PORT_OFS = 6
};

struct sane_state {
    bool started;               /* SANE_NET_START is to be answered. */
};

static void read_request(const struct ct_helper_call *, struct sane_state *);
static enum ct_helper_verdict read_answer(struct ct_helper_call *,
                                          struct sane_state *);
static enum ct_helper_verdict announce(struct ct_helper_call *,
                                       uint16_t port);

static enum ct_helper_verdict
sane_read(struct ct_helper_call *call)
{
    struct sane_state *state = call->state;

    if (!call->both || !call->len) {
        return CT_HELPER_ACCEPT;
    }
    if (call->dir == CT_DIR_REPLY) {
        return read_answer(call, state);
    }
    read_request(call, state);
    return CT_HELPER_ACCEPT;
}

const struct ct_helper ct_helper_sane = {
    .name = "sane",
    .protos = { IPPROTO_TCP },
    .classes = { { .max_expected = 1, .timeout = 300 } },
    .state_size = sizeof(struct sane_state),
    .read = sane_read,
};

static void
read_request(const struct ct_helper_call *call, struct sane_state *state)
{
    struct ct_cursor c = ct_cursor_init(call->payload, call->len);
    uint32_t code;

    if (call->len == REQUEST_LEN && ct_cursor_be32(&c, &code)) {
        state->started = code == SANE_NET_START;
    }
}

static enum ct_helper_verdict
read_answer(struct ct_helper_call *call, struct sane_state *state)
{
    struct ct_cursor c = ct_cursor_init(call->payload, call->len);
    bool was_started = state->started;
    uint32_t status, port;

    state->started = false;
    if (!was_started || !ct_cursor_be32(&c, &status)
        || !ct_cursor_be32(&c, &port) || status || !port
        || port > UINT16_MAX) {
        return CT_HELPER_ACCEPT;
    }
    return announce(call, port);
}

static enum ct_helper_verdict
announce(struct ct_helper_call *call, uint16_t port)
{
    const struct ct_helper_expect ask = {
        .dir = CT_DIR_ORIGINAL,
        .port = htons(port),
    };
    struct ct_tuple place;
    char bytes[sizeof place.dst_port];

    if (!ct_helper_expect(call, &ask, &place)) {
        return CT_HELPER_DROP;
    }
    memcpy(bytes, &place.dst_port, sizeof bytes);
    return ct_helper_replace(call, PORT_OFS, sizeof bytes, bytes,
                             sizeof bytes);
}
