/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_L4_H
#define CT_L4_H 1

#include "ct-packet.h"

/* The functions that a protocol has, and the list of them.
 * ========================================================
 *
 * A protocol is one file with one const table.  The core knows no protocol:
 * it finds the table by IP protocol number with ct_l4_find() and falls back
 * to ct_l4_generic.
 *
 * 'now' comes in with the packet: no function looks at a clock. */
struct ct_l4 {
    const char *name;

    /* Reads the transport header (packet->l4_header, l4_len bytes are there):
     * ports and kind of packet->tuple, packet->tcp.  False: invalid, and
     * counted with the reason.  An ICMP error is recognised here and sets
     * is_icmp_error and inner_l3; ct-icmp-error.c then makes the tuple. */
    bool (*parse)(struct ct_packet *);

    /* May 'packet', which no connection knows, open one?  ACCEPT or INVALID
     * (counted). */
    enum ct_verdict (*may_open)(const struct ct_packet *);

    /* 'conn' is zeroed and not yet reachable: its state before its first
     * packet, which update() then sees. */
    void (*open)(const struct ct_packet *, struct ct_conn *);

    /* 'packet' belongs to 'conn', whose lock is held, in packet->dir.
     * Changes the protocol's state, sets CT_DPIF_STATUS_ASSURED where it
     * is earned, and names the timeout that now applies in packet->timeout.
     * CT_DPIF_STATUS_SEEN_REPLY is as it was before this packet: the core
     * sets it after ACCEPT.  Nothing may have changed on INVALID, except what
     * the kernel changes too. */
    enum ct_verdict (*update)(struct ct_packet *, struct ct_conn *);

    /* May a packet that finds the table full end this connection, although
     * it is ASSURED?  (As the kernel's can_early_drop; NULL: no.) */
    bool (*can_early_drop)(const struct ct_conn *);

    /* For dumps; may be NULL. */
    void (*describe)(const struct ct_conn *, struct ct_dpif_protoinfo *);
};

extern const struct ct_l4 ct_l4_tcp, ct_l4_udp, ct_l4_icmp, ct_l4_icmpv6,
                          ct_l4_sctp, ct_l4_gre, ct_l4_generic;

const struct ct_l4 *ct_l4_find(uint8_t proto);

#endif /* ct-l4.h */
