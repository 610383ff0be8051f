/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_H323_H
#define CT_H323_H 1

#include <stdbool.h>
#include <stddef.h>

#include "ct-h323-types.h"
#include "ct-helper.h"

/* What the helpers of H.323 share.
 * =================================
 *
 *    ct-helper-h323-q931.c  call signalling, H.225.0 in Q.931 (TCP 1720):
 *                           where H.245 will be, if it is not there itself
 *    ct-helper-h323-h245.c  control, H.245 (TCP): where media will be
 *    ct-helper-h323-ras.c   gatekeepers, H.225.0 RAS (UDP 1719): where to call
 *
 * They behave as the Linux kernel's helpers Q.931, H.245 and RAS, and have
 * their limits. */

#define CT_H323_TIMEOUT 240             /* Of an expectation, in seconds. */
/* Four channels of each direction, each of two ports, and T.120. */
#define CT_H323_MAX_CHANNELS (4 * 4 + 2)

/* Messages over TCP: TPKT (RFC 1006 section 6).  As some endpoints send the
 * header of four bytes in a segment of its own, the length in it is
 * remembered. */

struct ct_h323_tpkts {
    uint16_t announced[CT_DIR_MAX];     /* 0: none. */
};

struct ct_h323_tpkt {
    size_t begin, end;                  /* Of the message, in the payload. */
};

/* Shows 'read' the messages that are whole in this segment, until it refuses
 * one.  One that is not whole is counted and passes: TCP would cut it in the
 * same way again.  The helper's state is a struct ct_h323_tpkts. */
typedef enum ct_helper_verdict ct_h323_read(struct ct_helper_call *,
                                            const struct ct_h323_tpkt *);
enum ct_helper_verdict ct_h323_each(struct ct_helper_call *, ct_h323_read *);

/* Addresses. */

struct ct_h323_addr {
    union ct_inet_addr ip;
    ovs_be16 port;
    size_t ofs, len;                    /* Both of them, in the payload. */
};

/* False: it is none of the connection's family. */
bool ct_h323_get_addr(const struct ct_helper_call *,
                      const struct ct_per_item *, struct ct_h323_addr *);

/* Is it that of 'addr'? */
bool ct_h323_is(const struct ct_h323_addr *, const union ct_inet_addr *addr);

/* Puts another address in the place of 'where'. */
enum ct_helper_verdict ct_h323_write(struct ct_helper_call *,
                                     const struct ct_h323_addr *where,
                                     const union ct_inet_addr *,
                                     ovs_be16 port);

/* A connection from the other end to 'where', an address of who speaks; that
 * of somebody else is counted, and passes.  All but direction and port is in
 * 'ask'. */
enum ct_helper_verdict ct_h323_announce(struct ct_helper_call *,
                                        const struct ct_h323_addr *where,
                                        struct ct_helper_expect ask);

/* Expects media and T.120 of all logical channels that are opened in
 * 'items'. */
enum ct_helper_verdict ct_h323_channels(struct ct_helper_call *,
                                        const struct ct_per_items *);

#endif /* ct-h323.h */
