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
tftp_read(const struct ct_helper_input *in, struct ct_helper_found *found)
{
    struct ct_cursor c = ct_cursor_init(in->payload, in->len);
    uint16_t opcode;

    if (in->dir != CT_DIR_ORIGINAL || !ct_cursor_be16(&c, &opcode)
        || (opcode != TFTP_READ && opcode != TFTP_WRITE)) {
        return CT_HELPER_NOTHING;
    }
    found->dir = CT_DIR_REPLY;
    found->port = in->tuples[CT_DIR_ORIGINAL].src_port;
    return CT_HELPER_FOUND;
}

const struct ct_helper ct_helper_tftp = {
    .name = "tftp",
    .proto = IPPROTO_UDP,
    .max_expected = 1,
    .timeout = 300,
    .read = tftp_read,
};
