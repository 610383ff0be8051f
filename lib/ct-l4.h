/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_L4_H
#define CT_L4_H 1

#include "ct-packet.h"
#include "ct-zone.h"

/* The functions that a protocol has, and the list of them.
 * ========================================================
 *
 * What
 * ----
 * A protocol is one file with one const table.  The core knows no protocol:
 * it finds the table by IP protocol number with ct_l4_find() and falls back
 * to ct_l4_generic.
 *
 * Threads
 * -------
 * All functions are pure but for the packet and the connection they are
 * given, and the thread's counters.  'now' comes in with the packet: no
 * function looks at a clock. */

/* In packet->timeout after update(): the deadline stays what it is. */
#define CT_TIMEOUT_KEEP ((enum ct_timeout) CT_N_TIMEOUTS)

struct ct_l4 {
    const char *name;

    /* Reads the transport header (packet->l4_header, l4_len bytes are there):
     * ports and kind of packet->tuple, packet->tcp.  The tuple's addresses
     * and protocol are set before.  False: invalid, and counted with the
     * reason.
     *
     * For an ICMP error, sets is_icmp_error and inner_l3, and makes the tuple
     * that of the direction the error itself goes (ct-icmp-error.h). */
    bool (*parse)(struct ct_packet *);

    /* May 'packet', which no connection knows, open one?  ACCEPT or INVALID
     * (counted). */
    enum ct_verdict (*may_open)(const struct ct_packet *);

    /* 'conn' is zeroed and not yet reachable: its state before its first
     * packet, which update() then sees. */
    void (*open)(const struct ct_packet *, struct ct_conn *);

    /* 'packet' belongs to 'conn', whose lock is held, in packet->dir.
     * Changes the protocol's state, sets CT_DPIF_STATUS_ASSURED where it
     * is earned, and names the timeout that now applies in packet->timeout,
     * or CT_TIMEOUT_KEEP.  CT_DPIF_STATUS_SEEN_REPLY is as it was before this
     * packet: the core sets it after ACCEPT.
     *
     * On INVALID, counted, the connection's state is as before, except what
     * the kernel changes too, and packet->timeout is CT_TIMEOUT_KEEP unless
     * the connection now has less time than it had: the core then makes its
     * deadline the earlier of the two. */
    enum ct_verdict (*update)(struct ct_packet *, struct ct_conn *);

    /* The same, in direction 'dir', for the packets that nearly all are, if it
     * can be told at once that this is one: then it is accepted, its
     * connection has SEEN_REPLY, its status stays what it is, and the timeout
     * that now applies is returned, one of 'timeouts' in milliseconds.  0, and
     * nothing changed, if not: then update() must say.  NULL: there are
     * none. */
    uint64_t (*ordinary)(const struct ct_packet *, struct ct_conn *,
                         enum ct_dir dir, const struct ct_timeouts *);

    /* May a packet that finds the table full end this connection, although
     * it is ASSURED?  (As the kernel's can_early_drop; NULL: no.) */
    bool (*can_early_drop)(const struct ct_conn *);

    /* Of a connection that is not ASSURED: have its ends not yet agreed that
     * there is one?  (NULL: the protocol knows no such thing.) */
    bool (*half_open)(const struct ct_conn *);

    /* For dumps; may be NULL. */
    void (*describe)(const struct ct_conn *, struct ct_dpif_protoinfo *);

    /* The kernel's name of its state; NULL if the protocol has none. */
    const char *(*state_name)(const struct ct_conn *);

    /* 'conn' is zeroed and not yet reachable, and no packet of it was seen:
     * gives it the state that describe() would call this.  False if there is
     * no such state.  NULL: zeroes are all it needs. */
    bool (*restore)(const struct ct_dpif_protoinfo *, struct ct_conn *);
};

extern const struct ct_l4 ct_l4_tcp, ct_l4_udp, ct_l4_icmp, ct_l4_icmpv6,
                          ct_l4_sctp, ct_l4_gre, ct_l4_generic;

const struct ct_l4 *ct_l4_find(uint8_t proto);

/* What the protocols share. */

/* Is the Internet checksum (RFC 1071) over the transport header and payload
 * good, with or without the pseudo-header?  Believes the device where it
 * looked, or where the packet is still to get its checksum from one.  True if
 * nobody wants to know (CT_SWITCH_CHECKSUM). */
bool ct_l4_checksum_ok(const struct ct_packet *, bool pseudo_header);
/* Is one that is not good no reason to call the packet invalid? */
bool ct_l4_checksum_ignored(const struct ct_packet *);
/* Has the device answered that already?  '*ok' is what it said. */
bool ct_l4_checksum_offloaded(const struct ct_packet *, bool *ok);

/* Counts 'reason' and returns INVALID. */
enum ct_verdict ct_l4_invalid(const struct ct_packet *,
                              enum ct_counter reason);

/* Sets CT_DPIF_STATUS_ASSURED.  The status is changed by others as well. */
void ct_l4_set_assured(struct ct_conn *);

/* Is 'conn' half-open (ct-pressure.h)? */
bool ct_l4_is_half_open(const struct ct_conn *);

/* Protocols of which any packet may open a connection. */
enum ct_verdict ct_l4_always_opens(const struct ct_packet *);
/* Protocols that need nothing but zeroes in the beginning. */
void ct_l4_open_nothing(const struct ct_packet *, struct ct_conn *);

/* The timeouts that apply to the packet's connection. */
static inline const struct ct_timeouts *
ct_l4_timeouts(const struct ct_packet *packet)
{
    return (packet->zone
            ? ovsrcu_get(const struct ct_timeouts *, &packet->zone->timeouts)
            : &ct_timeouts_default);
}

#endif /* ct-l4.h */
