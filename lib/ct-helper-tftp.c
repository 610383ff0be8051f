/* SPDX-License-Identifier: Apache-2.0 */

/* TFTP (RFC 1350): a server answers a request from another port than the one
 * it was asked at, to the port that asked. */

#include <config.h>

#include <netinet/in.h>

#include "ct-cursor.h"
#include "ct-helper.h"

enum {
    TFTP_READ = 1,
    TFTP_WRITE = 2
};

static enum ct_helper_verdict
tftp_read(struct ct_helper_call *call)
{
    struct ct_cursor c = ct_cursor_init(call->payload, call->len);
    const struct ct_helper_expect answer = {
        .dir = CT_DIR_REPLY,
        .port = call->tuples[CT_DIR_ORIGINAL].src_port,
    };
    uint16_t opcode;

    if (call->dir != CT_DIR_ORIGINAL || !ct_cursor_be16(&c, &opcode)
        || (opcode != TFTP_READ && opcode != TFTP_WRITE)) {
        return CT_HELPER_ACCEPT;
    }
    return (ct_helper_expect(call, &answer, NULL)
            ? CT_HELPER_ACCEPT : CT_HELPER_DROP);
}

const struct ct_helper ct_helper_tftp = {
    .name = "tftp",
    .protos = { IPPROTO_UDP },
    .classes = { { .max_expected = 1, .timeout = 300 } },
    .read = tftp_read,
};
