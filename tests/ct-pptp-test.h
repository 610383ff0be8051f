/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_PPTP_TEST_H
#define CT_PPTP_TEST_H 1

/* Control messages of PPTP (RFC 2637 section 2). */

#include "ct-pptp-message.h"

/* Least lengths, and offsets, by type; 0: it has none. */
static const struct ct_pptp_layout {
    size_t len, id, peer, result;
} ct_pptp_layouts[] = {
#define CT_PPTP_MESSAGE(ENUM, NUMBER, LEN, ID, PEER, RESULT) \
    [NUMBER] = { LEN, ID, PEER, RESULT },
    CT_PPTP_MESSAGES
#undef CT_PPTP_MESSAGE
};

static inline void
ct_pptp_put16(uint8_t *p, uint16_t x)
{
    p[0] = x >> 8;
    p[1] = x;
}

/* Writes a message of 'type', of its least length, which is returned.  What
 * the type has no place for is left out. */
static inline size_t
ct_pptp_build(uint8_t *p, unsigned int type, uint16_t id, uint16_t peer,
              uint8_t result)
{
    const struct ct_pptp_layout *layout = &ct_pptp_layouts[type];

    memset(p, 0, layout->len);
    ct_pptp_put16(p, layout->len);
    ct_pptp_put16(p + 2, 1);
    ct_pptp_put16(p + 4, 0x1a2b);
    ct_pptp_put16(p + 6, 0x3c4d);
    ct_pptp_put16(p + 8, type);
    if (layout->id) {
        ct_pptp_put16(p + layout->id, id);
    }
    if (layout->peer) {
        ct_pptp_put16(p + layout->peer, peer);
    }
    if (layout->result) {
        p[layout->result] = result;
    }
    return layout->len;
}

#endif /* ct-pptp-test.h */
