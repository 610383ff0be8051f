/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_PPTP_MESSAGE_H
#define CT_PPTP_MESSAGE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

/* Control messages of PPTP (RFC 2637 section 2).
 * ===============================================
 *
 * What
 * ----
 * A control connection is a stream of messages, each with its length in front:
 *
 *    |        length         |    message type = 1   |
 *    |             magic cookie 0x1a2b3c4d           |
 *    | control message type  |       reserved        |
 *    |  ...
 *
 * Of a message a reader wants what it is, how it ended, and which calls it is
 * about: the call id that its sender has given ('id'), the one that the
 * other end has given ('peer').
 *
 * CT_PPTP_MESSAGE(ENUM, number, least length, offset of: id, peer, result)
 *
 * Offset 0: it has none.
 *
 * Threads: pure. */

#define CT_PPTP_MESSAGES                                                     \
    CT_PPTP_MESSAGE(START_REQUEST, 1, 156, 0, 0, 0)                          \
    CT_PPTP_MESSAGE(START_REPLY, 2, 156, 0, 0, 14)                           \
    CT_PPTP_MESSAGE(STOP_REQUEST, 3, 16, 0, 0, 0)                            \
    CT_PPTP_MESSAGE(STOP_REPLY, 4, 16, 0, 0, 12)                             \
    CT_PPTP_MESSAGE(ECHO_REQUEST, 5, 16, 0, 0, 0)                            \
    CT_PPTP_MESSAGE(ECHO_REPLY, 6, 20, 0, 0, 0)                              \
    CT_PPTP_MESSAGE(OUT_REQUEST, 7, 168, 12, 0, 0)                           \
    CT_PPTP_MESSAGE(OUT_REPLY, 8, 32, 12, 14, 16)                            \
    CT_PPTP_MESSAGE(IN_REQUEST, 9, 220, 12, 0, 0)                            \
    CT_PPTP_MESSAGE(IN_REPLY, 10, 24, 12, 14, 16)                            \
    CT_PPTP_MESSAGE(IN_CONNECTED, 11, 28, 0, 12, 0)                          \
    CT_PPTP_MESSAGE(CLEAR_REQUEST, 12, 16, 12, 0, 0)                         \
    CT_PPTP_MESSAGE(DISCONNECT, 13, 148, 12, 0, 0)                           \
    CT_PPTP_MESSAGE(WAN_ERROR, 14, 40, 0, 12, 0)                             \
    CT_PPTP_MESSAGE(LINK_INFO, 15, 24, 0, 12, 0)

enum ct_pptp_type {
    CT_PPTP_UNKNOWN,            /* Any other number. */
#define CT_PPTP_MESSAGE(ENUM, NUMBER, LEN, ID, PEER, RESULT) \
    CT_PPTP_##ENUM = NUMBER,
    CT_PPTP_MESSAGES
#undef CT_PPTP_MESSAGE
    CT_PPTP_N_TYPES
};

/* Result codes, of whatever reply: all goes well. */
#define CT_PPTP_OK 1

struct ct_pptp_message {
    enum ct_pptp_type type;
    size_t len;                 /* As it says. */
    size_t id_ofs, peer_ofs;    /* In the message; 0: it has none. */
    ovs_be16 id, peer;
    uint8_t result;
};

enum ct_pptp_reading {
    CT_PPTP_READ,
    CT_PPTP_CUT,                /* What matters is not there yet. */
    CT_PPTP_BAD                 /* No message, or one that is too short. */
};

/* Reads the message that the 'size' bytes at 'data' begin with. */
enum ct_pptp_reading ct_pptp_message_read(const void *data, size_t size,
                                          struct ct_pptp_message *);

#endif /* ct-pptp-message.h */
