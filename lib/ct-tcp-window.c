/* SPDX-License-Identifier: Apache-2.0 */

/* TCP windows and the options they need.
 *
 * Way of a packet: ct-l4-tcp.c asks ct_tcp_window_check() about each segment
 * that the transition table lets through. */

#include <config.h>

#include "ct-tcp-window.h"

#include "ct-cursor.h"
#include "ct-helper.h"
#include "ct-l4-tcp.h"
#include "ct.h"
#include "ct-switch.h"
#include "packets.h"

/* Rule IV: 64 kB, the largest unscaled window, and some room. */
#define MAX_ACK_WINDOW 66000

#define TCPOPT_SACK_PERM_LEN    2
#define TCPOPT_WSCALE_LEN       3
#define TCPOPT_WSCALE_MAX       14
#define TCPOPT_SACK_BLOCK_LEN   8
#define TCPOPT_TIMESTAMP_KIND   8
#define TCPOPT_TIMESTAMP_LEN    10

enum {
    OPT_EOL = 0,
    OPT_NOP = 1,
    OPT_WSCALE = 3,
    OPT_SACK_PERM = 4,
    OPT_SACK = 5
};

/* One segment against one connection. */
struct check {
    const struct ct_packet *packet;
    struct ct_conn *conn;
    enum ct_dir dir;
    struct ct_tcp_window *sender, *receiver;
    uint8_t *sender_flags, *receiver_flags;
    uint32_t seq, end;
    uint32_t ack, sack;
    uint32_t win;               /* Unscaled until update(). */
};

static void check_init(struct check *, const struct ct_packet *,
                       struct ct_conn *);
static bool learn_sender(struct check *);
static void init_sender(struct check *);
static void pick_up_sender(struct check *);
static void supply_ack(struct check *);
static enum ct_tcp_window_verdict verdict(struct check *);
static enum ct_tcp_window_verdict beyond_window(struct check *);
static inline uint32_t least_end(const struct check *);
static inline uint32_t least_ack(const struct check *);
static enum ct_tcp_window_verdict unless_liberal(
    const struct check *, enum ct_tcp_window_verdict);
static void update(struct check *);
static void update_retransmissions(const struct check *);
static bool next_option(struct ct_cursor *, uint8_t *kind,
                        struct ct_cursor *body);
static uint32_t highest_sack(const struct ct_packet *, uint32_t ack);

enum ct_tcp_window_verdict
ct_tcp_window_check(const struct ct_packet *packet, struct ct_conn *conn)
{
    enum ct_tcp_window_verdict v;
    struct check c;

    check_init(&c, packet, conn);
    if (!learn_sender(&c)) {
        return CT_TCP_WINDOW_ACCEPT;
    }
    supply_ack(&c);
    v = verdict(&c);
    if (v != CT_TCP_WINDOW_ACCEPT) {
        return unless_liberal(&c, v);
    }
    update(&c);
    return CT_TCP_WINDOW_ACCEPT;
}

void
ct_tcp_window_bounds(const struct ct_conn *conn, enum ct_dir dir,
                     struct ct_tcp_bounds *bounds)
{
    const struct check c = {
        .sender = CONST_CAST(struct ct_tcp_window *, &conn->tcp[dir]),
        .receiver = CONST_CAST(struct ct_tcp_window *, &conn->tcp[!dir]),
    };

    bounds->known = c.sender->max_win && c.receiver->max_win;
    bounds->most_seq = c.sender->max_end;
    bounds->least_end = least_end(&c);
    bounds->most_ack = c.receiver->end;
    bounds->least_ack = least_ack(&c);
    bounds->next_seq = c.sender->end;
}

void
ct_tcp_window_open(const struct ct_packet *packet, struct ct_conn *conn)
{
    const struct ct_tcp_segment *segment = &packet->tcp;
    struct ct_tcp_window *sender = &conn->tcp[CT_DIR_ORIGINAL];

    sender->end = segment->end;
    sender->max_win = MAX(segment->win, 1);
    if (segment->index == CT_TCP_CLASS_SYN) {
        uint8_t wscale;

        sender->max_end = sender->end;
        ct_tcp_parse_syn_options(packet, &conn->l4_flags[CT_DIR_ORIGINAL],
                                 &wscale);
        ct_tcp_set_wscale(conn, CT_DIR_ORIGINAL, wscale);
    } else {
        sender->max_end = sender->end + sender->max_win;
        /* Nobody knows the scale of the windows: check none, and expect
         * selective acknowledgments. */
        conn->l4_flags[CT_DIR_ORIGINAL] = CT_TCPF_SACK_PERM
                                          | CT_TCPF_BE_LIBERAL;
        conn->l4_flags[CT_DIR_REPLY] = conn->l4_flags[CT_DIR_ORIGINAL];
    }
}

/* Is the segment an ACK in a connection that is ESTABLISHED? */
static inline bool
is_established_ack(const struct ct_tcp_segment *segment,
                   const struct ct_conn *conn)
{
    const uint16_t status = CT_DPIF_STATUS_SEEN_REPLY
                            | CT_DPIF_STATUS_ASSURED;

    return (segment->ordinary && conn->l4_state == CT_TCP_ESTABLISHED
            && (ct_conn_status(conn) & status) == status);
}

/* The rules are those of verdict().  Where it says "before" or "after", here a
 * difference is negative, so that all of them are one test of a sign; and so
 * is a window that is 0. */
static inline bool
is_in_windows(const struct ct_tcp_segment *segment,
              const struct ct_tcp_window *sender,
              const struct ct_tcp_window *receiver, uint32_t win)
{
    uint32_t behind_end = segment->end - sender->end;
    uint32_t behind_ack = segment->ack - receiver->end;
    uint32_t negative = ((sender->max_end - segment->seq)       /* I */
                         | (behind_end + receiver->max_win)     /* II */
                         | -behind_ack                          /* III */
                         | (behind_ack + MAX(sender->max_win,   /* IV */
                                             MAX_ACK_WINDOW))
                         | (win - 1)
                         | (sender->max_win - 1)
                         | (receiver->max_win - 1));

    return (int32_t) negative >= 0;
}

static inline bool
is_retransmission(const struct ct_tcp_segment *segment,
                  const struct ct_conn *conn, enum ct_dir dir)
{
    const struct ct_tcp_last *last = &conn->tcp_last;

    return !((last->seq ^ segment->seq) | (last->ack ^ segment->ack)
             | (last->end ^ segment->end)
             | (uint32_t) (last->win ^ segment->win)
             | ((last->dir & CT_TCP_LAST_DIR) ^ dir));
}

/* What it changes is what update() and ct-l4-tcp.c's advance() do, for an
 * acknowledgment without blocks. */
uint64_t
ct_tcp_ordinary(const struct ct_packet *packet, struct ct_conn *conn,
                enum ct_dir dir, const struct ct_timeouts *timeouts)
{
    const struct ct_tcp_segment *segment = &packet->tcp;
    struct ct_tcp_window *sender = &conn->tcp[dir];
    struct ct_tcp_window *receiver = &conn->tcp[!dir];
    struct ct_tcp_last *last = &conn->tcp_last;
    uint32_t seq = segment->seq, ack = segment->ack, end = segment->end;
    uint32_t win = (uint32_t) segment->win << ct_tcp_wscale(conn, dir);
    uint8_t flags = conn->l4_flags[dir];
    uint8_t peer_flags = conn->l4_flags[!dir];

    if (OVS_UNLIKELY(!is_established_ack(segment, conn)
                     || !is_in_windows(segment, sender, receiver, win)
                     || conn->retrans
                     || is_retransmission(segment, conn, dir))) {
        return 0;
    }
    sender->max_win = MAX(sender->max_win, win);
    if (ct_tcp_after(end, sender->end)) {
        sender->end = end;
        flags |= CT_TCPF_UNACKNOWLEDGED;
    }
    if (!(flags & CT_TCPF_MAXACK_SET) || ct_tcp_after(ack, sender->max_ack)) {
        sender->max_ack = ack;
        flags |= CT_TCPF_MAXACK_SET;
    }
    if (OVS_UNLIKELY(ct_tcp_after(end, sender->max_end))) {
        receiver->max_win += end - sender->max_end;
    }
    if (ct_tcp_after(ack + win, receiver->max_end - 1)) {
        receiver->max_end = ack + win;
    }
    if (ack == receiver->end) {
        peer_flags &= ~CT_TCPF_UNACKNOWLEDGED;
    }
    conn->l4_flags[dir] = flags;
    conn->l4_flags[!dir] = peer_flags;
    last->seq = seq;
    last->ack = ack;
    last->end = end;
    last->win = segment->win;
    ct_tcp_set_last(conn, CT_TCP_CLASS_ACK, dir);
    conn->retrans = 0;
    return ((flags | peer_flags) & CT_TCPF_UNACKNOWLEDGED
            ? MIN(timeouts->ms[CT_TIMEOUT_TCP_ESTABLISHED],
                  timeouts->ms[CT_TIMEOUT_TCP_UNACK])
            : timeouts->ms[CT_TIMEOUT_TCP_ESTABLISHED]);
}

static void
check_init(struct check *c, const struct ct_packet *packet,
           struct ct_conn *conn)
{
    const struct ct_tcp_segment *segment = &packet->tcp;
    enum ct_dir dir = packet->dir;

    c->packet = packet;
    c->conn = conn;
    c->dir = dir;
    c->sender = &conn->tcp[dir];
    c->receiver = &conn->tcp[!dir];
    c->sender_flags = &conn->l4_flags[dir];
    c->receiver_flags = &conn->l4_flags[!dir];
    c->seq = segment->seq;
    c->end = segment->end;
    c->ack = c->sack = segment->ack;
    c->win = segment->win;
    if (*c->receiver_flags & CT_TCPF_SACK_PERM) {
        c->sack = highest_sack(packet, c->sack);
    }
    if (OVS_UNLIKELY(ct_conn_status(conn) & CT_DPIF_STATUS_SEQ_ADJUST)) {
        /* Windows are about what the ends themselves have sent. */
        const struct ct_seqadj *adj = &ct_conn_help(conn)->seqadj[!dir];

        c->ack -= ct_seqadj_ack(adj, c->ack);
        c->sack -= ct_seqadj_ack(adj, c->sack);
    }
}

/* Sets up the sender's window where this segment is its first, or a SYN with
 * newer numbers.  False if there is nothing more to check: a SYN without ACK
 * of the other end. */
static bool
learn_sender(struct check *c)
{
    bool syn = c->packet->tcp.flags & TCP_SYN;
    bool ack = c->packet->tcp.flags & TCP_ACK;

    if (OVS_UNLIKELY(!c->sender->max_win)) {
        if (!syn) {
            pick_up_sender(c);
            return true;
        }
        init_sender(c);
        return ack;
    }
    if (OVS_UNLIKELY(syn) && ct_tcp_after(c->end, c->sender->end)
        && (c->conn->l4_state == CT_TCP_SYN_SENT
            || c->conn->l4_state == CT_TCP_SYN_RECV)) {
        /* RFC 9293 section 3.4.3: a TCP that starts anew need only choose
         * numbers beyond those it used. */
        init_sender(c);
        return c->dir == CT_DIR_ORIGINAL || ack;
    }
    return true;
}

/* From a SYN or SYN-ACK. */
static void
init_sender(struct check *c)
{
    uint8_t flags, wscale;

    c->sender->end = c->sender->max_end = c->end;
    c->sender->max_win = MAX(c->win, 1);

    ct_tcp_parse_syn_options(c->packet, &flags, &wscale);
    *c->sender_flags = (*c->sender_flags & CT_TCPF_BE_LIBERAL) | flags;
    ct_tcp_set_wscale(c->conn, c->dir, wscale);
    /* RFC 7323 section 2.2: either end scales only if both offered to. */
    if (c->dir == CT_DIR_REPLY
        && !(*c->sender_flags & *c->receiver_flags & CT_TCPF_WINDOW_SCALE)) {
        c->conn->wscale = 0;
    }
}

/* From a segment in the middle of a connection whose beginning was not seen:
 * take it at its word. */
static void
pick_up_sender(struct check *c)
{
    uint32_t win = c->win << ct_tcp_wscale(c->conn, c->dir);

    c->sender->end = c->end;
    c->sender->max_win = MAX(win, 1);
    c->sender->max_end = c->end + c->sender->max_win;
    if (!c->receiver->max_win) {
        /* Nothing was seen of the other end: rules III and IV must hold until
         * it is. */
        c->receiver->end = c->receiver->max_end = c->sack;
    } else if (c->sack == c->receiver->end + 1) {
        /* The answer to a keepalive, which has no data but whose number is one
         * before the next: rule III. */
        c->receiver->end++;
    }
}

/* Where there is no acknowledgment, one that fits; and for the RST that
 * answers a SYN without one, a sequence number that does. */
static void
supply_ack(struct check *c)
{
    uint8_t flags = c->packet->tcp.flags;

    /* Some stacks set ACK in a RST and leave the number zero. */
    if (!(flags & TCP_ACK) || ((flags & TCP_RST) && !c->ack)) {
        c->ack = c->sack = c->receiver->end;
    }
    if ((flags & TCP_RST) && !c->seq
        && c->conn->l4_state == CT_TCP_SYN_SENT) {
        c->seq = c->end = c->sender->end;
    }
}

/* Rule II.  An end without a window has nothing that could be left behind. */
static inline uint32_t
least_end(const struct check *c)
{
    return c->sender->end - c->receiver->max_win;
}

static bool
after_lower_bound(const struct check *c)
{
    return ct_tcp_after(c->end, least_end(c) - 1);
}

/* Rule III. */
static bool
acks_what_was_sent(const struct check *c)
{
    return ct_tcp_before(c->sack, c->receiver->end + 1);
}

/* Rule IV. */
static inline uint32_t
least_ack(const struct check *c)
{
    return c->receiver->end - MAX(c->sender->max_win, MAX_ACK_WINDOW);
}

static bool
acks_recent(const struct check *c)
{
    return ct_tcp_after(c->sack, least_ack(c) - 1);
}

static enum ct_tcp_window_verdict
verdict(struct check *c)
{
    if (OVS_UNLIKELY(!ct_tcp_before(c->seq, c->sender->max_end + 1))) {
        return beyond_window(c);
    }
    if (OVS_UNLIKELY(!acks_what_was_sent(c))) {
        return CT_TCP_WINDOW_INVALID;
    }
    if (OVS_UNLIKELY(c->receiver->max_win && !after_lower_bound(c))) {
        return CT_TCP_WINDOW_IGNORE;
    }
    return acks_recent(c) ? CT_TCP_WINDOW_ACCEPT : CT_TCP_WINDOW_IGNORE;
}

/* Rule I is broken.  Some stacks send a little more than they may; if such
 * data gets through and is acknowledged, its acknowledgment must not look like
 * one of data never sent. */
static enum ct_tcp_window_verdict
beyond_window(struct check *c)
{
    uint32_t overshot = c->end - c->sender->max_end + 1;

    if (!c->receiver->max_win
        || overshot > c->receiver->max_win
        || !after_lower_bound(c)
        || !acks_what_was_sent(c)
        || !acks_recent(c)) {
        return CT_TCP_WINDOW_INVALID;
    }
    c->sender->end = c->end;
    *c->sender_flags |= CT_TCPF_UNACKNOWLEDGED;
    return CT_TCP_WINDOW_IGNORE;
}

static enum ct_tcp_window_verdict
unless_liberal(const struct check *c, enum ct_tcp_window_verdict v)
{
    return ((*c->sender_flags & CT_TCPF_BE_LIBERAL)
            || !ct_get_tcp_seq_chk(c->packet->ct)
            || ct_switch_get(c->packet->ct, CT_SWITCH_TCP_BE_LIBERAL)
            ? CT_TCP_WINDOW_ACCEPT
            : v);
}

static void
update(struct check *c)
{
    uint8_t flags = c->packet->tcp.flags;

    /* The window of a SYN is never scaled (RFC 7323 section 2.2). */
    if (!(flags & TCP_SYN)) {
        c->win <<= ct_tcp_wscale(c->conn, c->dir);
    }

    /* The sender. */
    c->sender->max_win = MAX(c->sender->max_win, c->win + (c->sack - c->ack));
    if (ct_tcp_after(c->end, c->sender->end)) {
        c->sender->end = c->end;
        *c->sender_flags |= CT_TCPF_UNACKNOWLEDGED;
    }
    if ((flags & TCP_ACK)
        && (!(*c->sender_flags & CT_TCPF_MAXACK_SET)
            || ct_tcp_after(c->ack, c->sender->max_ack))) {
        c->sender->max_ack = c->ack;
        *c->sender_flags |= CT_TCPF_MAXACK_SET;
    }

    /* The receiver. */
    if (c->receiver->max_win && ct_tcp_after(c->end, c->sender->max_end)) {
        c->receiver->max_win += c->end - c->sender->max_end;
    }
    if (ct_tcp_after(c->sack + c->win, c->receiver->max_end - 1)) {
        /* A closed window still lets a probe of one byte through (RFC 9293
         * section 3.8.6.1). */
        c->receiver->max_end = c->sack + c->win + !c->win;
    }
    if (c->ack == c->receiver->end) {
        *c->receiver_flags &= ~CT_TCPF_UNACKNOWLEDGED;
    }

    if (c->packet->tcp.index == CT_TCP_CLASS_ACK) {
        update_retransmissions(c);
    }
}

static void
update_retransmissions(const struct check *c)
{
    struct ct_tcp_last *last = &c->conn->tcp_last;
    uint16_t win = c->packet->tcp.win;

    if (ct_tcp_last_dir(c->conn) == c->dir
        && last->seq == c->seq
        && last->ack == c->ack
        && last->end == c->end
        && last->win == win) {
        c->conn->retrans += c->conn->retrans < UINT8_MAX;
        return;
    }
    ct_tcp_set_last(c->conn, ct_tcp_last_class(c->conn), c->dir);
    last->seq = c->seq;
    last->ack = c->ack;
    last->end = c->end;
    last->win = win;
    c->conn->retrans = 0;
}

/* The options of 'packet', whose header length parse() has checked. */
static struct ct_cursor
options(const struct ct_packet *packet)
{
    const uint8_t *tcp = packet->l4_header;
    size_t header_len = (tcp[12] >> 4) * 4;

    return ct_cursor_init(tcp + TCP_HEADER_LEN, header_len - TCP_HEADER_LEN);
}

/* The next option that has a length.  False at the end, and at anything that
 * does not fit. */
static bool
next_option(struct ct_cursor *c, uint8_t *kind, struct ct_cursor *body)
{
    const uint8_t *p;
    uint8_t len;

    do {
        if (!ct_cursor_u8(c, kind) || *kind == OPT_EOL) {
            return false;
        }
    } while (*kind == OPT_NOP);

    if (!ct_cursor_u8(c, &len) || len < 2) {
        return false;
    }
    p = ct_cursor_pull(c, len - 2);
    if (!p) {
        return false;
    }
    *body = ct_cursor_init(p, len - 2);
    return true;
}

void
ct_tcp_parse_syn_options(const struct ct_packet *packet, uint8_t *flags,
                         uint8_t *wscale)
{
    struct ct_cursor c = options(packet);
    struct ct_cursor body;
    uint8_t kind;

    *flags = 0;
    *wscale = 0;
    while (next_option(&c, &kind, &body)) {
        size_t len = ct_cursor_left(&body) + 2;

        if (kind == OPT_SACK_PERM && len == TCPOPT_SACK_PERM_LEN) {
            *flags |= CT_TCPF_SACK_PERM;
        } else if (kind == OPT_WSCALE && len == TCPOPT_WSCALE_LEN) {
            *flags |= CT_TCPF_WINDOW_SCALE;
            *wscale = MIN(*body.p, TCPOPT_WSCALE_MAX);
        }
    }
}

bool
ct_tcp_is_plain(const struct ct_packet *packet, size_t header_len)
{
    static const uint8_t timestamp_only[] = {
        OPT_NOP, OPT_NOP, TCPOPT_TIMESTAMP_KIND, TCPOPT_TIMESTAMP_LEN
    };
    const uint8_t *tcp = packet->l4_header;

    return (header_len == TCP_HEADER_LEN
            || (header_len == TCP_HEADER_LEN + 12
                && !memcmp(tcp + TCP_HEADER_LEN, timestamp_only,
                           sizeof timestamp_only)));
}

/* The highest right edge of the selective acknowledgments (RFC 2018), or 'ack'
 * if that is higher. */
static uint32_t
highest_sack(const struct ct_packet *packet, uint32_t ack)
{
    struct ct_cursor c = options(packet);
    struct ct_cursor body;
    uint8_t kind;

    if (packet->tcp.plain) {
        return ack;
    }
    while (next_option(&c, &kind, &body)) {
        uint32_t left, right;

        if (kind != OPT_SACK
            || !ct_cursor_left(&body)
            || ct_cursor_left(&body) % TCPOPT_SACK_BLOCK_LEN) {
            continue;
        }
        while (ct_cursor_be32(&body, &left)
               && ct_cursor_be32(&body, &right)) {
            if (ct_tcp_after(right, ack)) {
                ack = right;
            }
        }
        break;
    }
    return ack;
}
