/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_L4_TCP_H
#define CT_L4_TCP_H 1

#include "ct-l4.h"

/* TCP: states, classes of segments, and what is remembered.
 * =========================================================
 *
 * What
 * ----
 * The tracker stands between the two ends and sees what both send, though not
 * what they receive.  Its state is one for the connection, named after what
 * it saw last; the names and their meaning are the Linux kernel's:
 *
 *    NONE         nothing yet
 *    SYN_SENT     a SYN
 *    SYN_RECV     a SYN and the SYN-ACK that answers it
 *    ESTABLISHED  the ACK of the SYN-ACK
 *    FIN_WAIT     a FIN of one end
 *    CLOSE_WAIT   an ACK after that FIN
 *    LAST_ACK     FINs of both ends
 *    TIME_WAIT    an ACK after the second FIN
 *    CLOSE        a RST
 *    SYN_SENT2    SYNs of both ends: simultaneous open
 *
 * Threads: conn->lock is held by who changes a connection. */

/* CT_TCP_STATE(ENUM, timeout that applies, state that OVS shows).
 *
 * OVS has the states of an end, not of a connection.  The mapping is the one
 * OVS uses for the kernel's connections, so dumps look the same. */
#define CT_TCP_STATES                                       \
    CT_TCP_STATE(NONE,        TCP_SYN_SENT,    CLOSED)      \
    CT_TCP_STATE(SYN_SENT,    TCP_SYN_SENT,    SYN_SENT)    \
    CT_TCP_STATE(SYN_RECV,    TCP_SYN_RECV,    SYN_RECV)    \
    CT_TCP_STATE(ESTABLISHED, TCP_ESTABLISHED, ESTABLISHED) \
    CT_TCP_STATE(FIN_WAIT,    TCP_FIN_WAIT,    FIN_WAIT_1)  \
    CT_TCP_STATE(CLOSE_WAIT,  TCP_CLOSE_WAIT,  CLOSE_WAIT)  \
    CT_TCP_STATE(LAST_ACK,    TCP_LAST_ACK,    LAST_ACK)    \
    CT_TCP_STATE(TIME_WAIT,   TCP_TIME_WAIT,   TIME_WAIT)   \
    CT_TCP_STATE(CLOSE,       TCP_CLOSE,       CLOSING)     \
    CT_TCP_STATE(SYN_SENT2,   TCP_SYN_SENT2,   SYN_SENT)

enum ct_tcp_state {
#define CT_TCP_STATE(ENUM, TIMEOUT, SHOWN) CT_TCP_##ENUM,
    CT_TCP_STATES
#undef CT_TCP_STATE
    CT_TCP_N_STATES,

    /* Not states, but what the transition table may say instead. */
    CT_TCP_IGNORE = CT_TCP_N_STATES,    /* Let through, believe nothing. */
    CT_TCP_INVALID
};

/* Classes of segments by their flags: packet->tcp.index. */
enum ct_tcp_class {
    CT_TCP_CLASS_SYN,
    CT_TCP_CLASS_SYNACK,
    CT_TCP_CLASS_FIN,
    CT_TCP_CLASS_ACK,
    CT_TCP_CLASS_RST,
    CT_TCP_CLASS_NONE,          /* No segment has it; also "none yet". */
    CT_TCP_N_CLASSES
};

/* conn->l4_flags[]: the values are CT_DPIF_TCPF_*. */
#define CT_TCPF_WINDOW_SCALE    0x01    /* Offered in its SYN. */
#define CT_TCPF_SACK_PERM       0x02    /* Offered in its SYN. */
#define CT_TCPF_CLOSE_INIT      0x04    /* Sent the first FIN. */
#define CT_TCPF_BE_LIBERAL      0x08    /* Picked up: scale is unknown. */
#define CT_TCPF_UNACKNOWLEDGED  0x10    /* Sent what is not acknowledged. */
#define CT_TCPF_MAXACK_SET      0x20    /* tcp[].max_ack is valid. */

/* conn->tcp_last: beside class and direction, 'index' and 'dir' hold what a
 * SYN said that the tracker let through without believing it. */
#define CT_TCP_LAST_CLASS       0x07    /* index: enum ct_tcp_class. */
#define CT_TCP_LAST_WSCALE      0x78    /* index: its window scale. */
#define CT_TCP_LAST_WSCALE_SHIFT   3

#define CT_TCP_LAST_DIR         0x01    /* dir: enum ct_dir. */
#define CT_TCP_LAST_SCALED      0x02    /* dir: it offered window scaling. */
#define CT_TCP_LAST_SACK        0x04    /* dir: it offered SACK. */
#define CT_TCP_LAST_CHALLENGE   0x08    /* dir: RFC 5961 ACK may follow. */
#define CT_TCP_LAST_SIMULTANEOUS 0x10   /* dir: simultaneous open. */

static inline enum ct_tcp_class
ct_tcp_last_class(const struct ct_conn *conn)
{
    return conn->tcp_last.index & CT_TCP_LAST_CLASS;
}

static inline enum ct_dir
ct_tcp_last_dir(const struct ct_conn *conn)
{
    return conn->tcp_last.dir & CT_TCP_LAST_DIR;
}

static inline void
ct_tcp_set_last(struct ct_conn *conn, enum ct_tcp_class class, enum ct_dir dir)
{
    struct ct_tcp_last *last = &conn->tcp_last;

    last->index = (last->index & ~CT_TCP_LAST_CLASS) | class;
    last->dir = (last->dir & ~CT_TCP_LAST_DIR) | dir;
}

/* The window scale (RFC 7323) of one end. */
static inline uint8_t
ct_tcp_wscale(const struct ct_conn *conn, enum ct_dir dir)
{
    return dir == CT_DIR_ORIGINAL ? conn->wscale >> 4 : conn->wscale & 0xf;
}

static inline void
ct_tcp_set_wscale(struct ct_conn *conn, enum ct_dir dir, uint8_t wscale)
{
    conn->wscale = (dir == CT_DIR_ORIGINAL
                    ? (conn->wscale & 0x0f) | wscale << 4
                    : (conn->wscale & 0xf0) | wscale);
}

/* What the table says: an enum ct_tcp_state, IGNORE or INVALID. */
uint8_t ct_tcp_transition(enum ct_dir, enum ct_tcp_class, enum ct_tcp_state);

const char *ct_tcp_state_name(enum ct_tcp_state);

#endif /* ct-l4-tcp.h */
