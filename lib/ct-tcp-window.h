/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_TCP_WINDOW_H
#define CT_TCP_WINDOW_H 1

#include "ct-packet.h"

/* Is a TCP segment inside the windows?
 * ====================================
 *
 * What
 * ----
 * For each end, 'struct ct_tcp_window' (ct-conn.h) tells what it has sent and
 * what the other end let it send.  A segment is believed if
 *
 *    I    seq  <= max_end of its sender           (not beyond what may come)
 *    II   end  >= end of its sender - max_win of its receiver
 *                                                 (not before what was left)
 *    III  sack <= end of its receiver             (acknowledges what was sent)
 *    IV   sack >= end of its receiver - 66000, or the sender's max_win if that
 *                 is more                         (not absurdly old)
 *
 * where sack is the acknowledgment, or the right edge of the highest selective
 * one.  After Guido van Rooij, "Real Stateful TCP Packet Filtering in IP
 * Filter", with the bounds of the Linux kernel.
 *
 * Promises
 * --------
 * - On ACCEPT the windows of both ends are brought up to date, unless the
 *   segment was accepted only because checks are off.
 * - On INVALID nothing has changed but the first window of an end that had
 *   none.
 *
 * Threads: conn->lock is held. */

enum ct_tcp_window_verdict {
    CT_TCP_WINDOW_ACCEPT,
    CT_TCP_WINDOW_IGNORE,       /* Old or a little too much: let it through,
                                 * but it changes no state. */
    CT_TCP_WINDOW_INVALID
};

/* Checks packet->tcp against the windows of 'conn', in packet->dir. */
enum ct_tcp_window_verdict ct_tcp_window_check(const struct ct_packet *,
                                               struct ct_conn *);

/* What the rules hold a segment of direction 'dir' against, in words. */
struct ct_tcp_bounds {
    bool known;                 /* Both ends have been heard of. */
    uint32_t most_seq;          /* I */
    uint32_t least_end;         /* II */
    uint32_t most_ack;          /* III */
    uint32_t least_ack;         /* IV */
    uint32_t next_seq;          /* Behind all that was sent. */
};

void ct_tcp_window_bounds(const struct ct_conn *, enum ct_dir,
                          struct ct_tcp_bounds *);

/* struct ct_l4's 'ordinary': an ACK in an ESTABLISHED connection, inside
 * all windows, no retransmission, without selective acknowledgment, and with
 * its window open. */
uint64_t ct_tcp_ordinary(const struct ct_packet *, struct ct_conn *,
                         enum ct_dir, const struct ct_timeouts *);

/* The windows before the first packet, a SYN or a segment of a connection that
 * began unseen. */
void ct_tcp_window_open(const struct ct_packet *, struct ct_conn *);

/* Options of a SYN: CT_TCPF_WINDOW_SCALE and CT_TCPF_SACK_PERM in '*flags',
 * the scale, at most 14 (RFC 7323 section 2.3), in '*wscale'. */
void ct_tcp_parse_syn_options(const struct ct_packet *, uint8_t *flags,
                              uint8_t *wscale);

/* A header of 'header_len' bytes without options, or with the timestamp alone
 * (RFC 7323 appendix A) that nearly every other segment has: so without a
 * selective acknowledgment. */
bool ct_tcp_is_plain(const struct ct_packet *, size_t header_len);

/* Sequence numbers are compared modulo 2^32 (RFC 9293 section 3.4). */
static inline bool
ct_tcp_before(uint32_t a, uint32_t b)
{
    return (int32_t) (a - b) < 0;
}

static inline bool
ct_tcp_after(uint32_t a, uint32_t b)
{
    return ct_tcp_before(b, a);
}

#endif /* ct-tcp-window.h */
