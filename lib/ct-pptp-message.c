/* SPDX-License-Identifier: Apache-2.0 */

/* PPTP's control messages, for ct-helper-pptp.c. */

#include <config.h>

#include "ct-pptp-message.h"

#include <string.h>

#include "ct-cursor.h"
#include "util.h"

#define HEADER_LEN 12
#define CONTROL 1
#define COOKIE 0x1a2b3c4d

static const struct layout {
    size_t len;                 /* At least. */
    size_t id_ofs, peer_ofs, result_ofs;
} layouts[CT_PPTP_N_TYPES] = {
#define CT_PPTP_MESSAGE(ENUM, NUMBER, LEN, ID, PEER, RESULT) \
    [NUMBER] = { LEN, ID, PEER, RESULT },
    CT_PPTP_MESSAGES
#undef CT_PPTP_MESSAGE
};

static bool read_header(struct ct_cursor *, struct ct_pptp_message *);
static size_t needed(const struct layout *);
static ovs_be16 read_id(const uint8_t *message, size_t ofs);

enum ct_pptp_reading
ct_pptp_message_read(const void *data, size_t size,
                     struct ct_pptp_message *message)
{
    struct ct_cursor c = ct_cursor_init(data, size);
    const struct layout *layout;

    memset(message, 0, sizeof *message);
    if (size < HEADER_LEN) {
        return CT_PPTP_CUT;
    }
    if (!read_header(&c, message)) {
        return CT_PPTP_BAD;
    }
    layout = &layouts[message->type];
    if (message->len < MAX(layout->len, HEADER_LEN)) {
        return CT_PPTP_BAD;
    }
    if (size < needed(layout)) {
        return CT_PPTP_CUT;
    }
    message->id_ofs = layout->id_ofs;
    message->peer_ofs = layout->peer_ofs;
    message->id = read_id(data, layout->id_ofs);
    message->peer = read_id(data, layout->peer_ofs);
    if (layout->result_ofs) {
        message->result = ((const uint8_t *) data)[layout->result_ofs];
    }
    return CT_PPTP_READ;
}

static bool
read_header(struct ct_cursor *c, struct ct_pptp_message *message)
{
    uint16_t len, control, type;
    uint32_t cookie;

    if (!ct_cursor_be16(c, &len) || !ct_cursor_be16(c, &control)
        || !ct_cursor_be32(c, &cookie) || !ct_cursor_be16(c, &type)
        || control != CONTROL || cookie != COOKIE) {
        return false;
    }
    message->len = len;
    message->type = type < CT_PPTP_N_TYPES ? type : CT_PPTP_UNKNOWN;
    return true;
}

/* Bytes up to the last that is read. */
static size_t
needed(const struct layout *layout)
{
    size_t ids = MAX(layout->id_ofs, layout->peer_ofs);

    return MAX(MAX(ids ? ids + 2 : 0, HEADER_LEN),
               layout->result_ofs ? layout->result_ofs + 1 : 0);
}

static ovs_be16
read_id(const uint8_t *message, size_t ofs)
{
    ovs_be16 id = 0;

    if (ofs) {
        memcpy(&id, message + ofs, sizeof id);
    }
    return id;
}
