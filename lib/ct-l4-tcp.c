/* SPDX-License-Identifier: Apache-2.0 */

/* TCP (RFC 9293): the transition table, and what it cannot say.
 *
 * Way of a packet: parse() reads the header; update() looks up the next state,
 * passes through the exceptions, one predicate each, asks ct-tcp-window.c
 * whether the segment is inside the windows, and then advances. */

#include <config.h>

#include "ct-l4-tcp.h"

#include "ct-cursor.h"
#include "ct-switch.h"
#include "ct-tcp-window.h"
#include "packets.h"

/* An out-of-window FIN or RST shortens no deadline that is nearer. */
#define SHORTEN_MIN_MS (120 * 1000)

/* [direction][class][state] -> state.
 *
 * IG: the packet passes, but nothing is learned from it: it may be valid for
 * the ends although it does not fit what the tracker believes, and their
 * answer will tell.  IV: invalid. */
#define NO CT_TCP_NONE
#define SS CT_TCP_SYN_SENT
#define SR CT_TCP_SYN_RECV
#define ES CT_TCP_ESTABLISHED
#define FW CT_TCP_FIN_WAIT
#define CW CT_TCP_CLOSE_WAIT
#define LA CT_TCP_LAST_ACK
#define TW CT_TCP_TIME_WAIT
#define CL CT_TCP_CLOSE
#define S2 CT_TCP_SYN_SENT2
#define IG CT_TCP_IGNORE
#define IV CT_TCP_INVALID

static const uint8_t
transitions[CT_DIR_MAX][CT_TCP_N_CLASSES][CT_TCP_N_STATES] = {
    [CT_DIR_ORIGINAL] = {
        /*                       NO  SS  SR  ES  FW  CW  LA  TW  CL  S2 */
        /* SS: the SYN again.  SR..LA: a client that lost its state starts
         * over; the server answers with a challenge ACK, a RST or a SYN-ACK
         * (RFC 5961 section 4).  TW: RFC 1122 section 4.2.2.13 allows to
         * reopen, see reopens(). */
        [CT_TCP_CLASS_SYN]    = {SS, SS, IG, IG, IG, IG, IG, SS, SS, S2},
        /* Only in a simultaneous open does the client send a SYN-ACK
         * (S2, RFC 9293 figure 7), and again if it is lost (SR). */
        [CT_TCP_CLASS_SYNACK] = {IV, IV, SR, IV, IV, IV, IV, IV, IV, SR},
        /* SS, S2: no FIN before the other end has spoken.  FW: both ends
         * have sent one, or the same is sent again: the tracker cannot know,
         * and LA gives the shorter time. */
        [CT_TCP_CLASS_FIN]    = {IV, IV, FW, FW, LA, LA, LA, TW, CL, IV},
        /* NO: the connection began unseen.  SS: there is nothing yet that
         * could be acknowledged.  LA: or a challenge ACK, see
         * is_challenge_ack(). */
        [CT_TCP_CLASS_ACK]    = {ES, IV, ES, ES, CW, CW, TW, TW, CL, IV},
        [CT_TCP_CLASS_RST]    = {IV, CL, CL, CL, CL, CL, CL, CL, CL, CL},
        [CT_TCP_CLASS_NONE]   = {IV, IV, IV, IV, IV, IV, IV, IV, IV, IV},
    },
    [CT_DIR_REPLY] = {
        /*                       NO  SS  SR  ES  FW  CW  LA  TW  CL  S2 */
        /* SS: simultaneous open.  TW: the ends have changed roles. */
        [CT_TCP_CLASS_SYN]    = {IV, S2, IV, IV, IV, IV, IV, SS, IV, S2},
        /* SR..CL: sent again, or the answer to a SYN that was ignored, see
         * answers_ignored_syn(). */
        [CT_TCP_CLASS_SYNACK] = {IV, SR, IG, IG, IG, IG, IG, IG, IG, SR},
        [CT_TCP_CLASS_FIN]    = {IV, IV, FW, FW, LA, LA, LA, TW, CL, IV},
        /* SS, S2: the server still has a connection that the client does not
         * know any more: its challenge ACK draws a RST.  SR: the ACK of a
         * SYN that was sent again. */
        [CT_TCP_CLASS_ACK]    = {IV, IG, SR, ES, CW, CW, TW, TW, CL, IG},
        [CT_TCP_CLASS_RST]    = {IV, CL, CL, CL, CL, CL, CL, CL, CL, CL},
        [CT_TCP_CLASS_NONE]   = {IV, IV, IV, IV, IV, IV, IV, IV, IV, IV},
    },
};

#undef NO
#undef SS
#undef SR
#undef ES
#undef FW
#undef CW
#undef LA
#undef TW
#undef CL
#undef S2
#undef IG
#undef IV

static const enum ct_timeout state_timeouts[CT_TCP_N_STATES] = {
#define CT_TCP_STATE(ENUM, TIMEOUT, SHOWN) \
    [CT_TCP_##ENUM] = CT_TIMEOUT_##TIMEOUT,
    CT_TCP_STATES
#undef CT_TCP_STATE
};

static const uint8_t states_shown[CT_TCP_N_STATES] = {
#define CT_TCP_STATE(ENUM, TIMEOUT, SHOWN) \
    [CT_TCP_##ENUM] = CT_DPIF_TCPS_##SHOWN,
    CT_TCP_STATES
#undef CT_TCP_STATE
};

BUILD_ASSERT_DECL((int) CT_TCPF_WINDOW_SCALE
                  == (int) CT_DPIF_TCPF_WINDOW_SCALE);
BUILD_ASSERT_DECL((int) CT_TCPF_SACK_PERM == (int) CT_DPIF_TCPF_SACK_PERM);
BUILD_ASSERT_DECL((int) CT_TCPF_CLOSE_INIT == (int) CT_DPIF_TCPF_CLOSE_INIT);
BUILD_ASSERT_DECL((int) CT_TCPF_BE_LIBERAL == (int) CT_DPIF_TCPF_BE_LIBERAL);
BUILD_ASSERT_DECL((int) CT_TCPF_UNACKNOWLEDGED
                  == (int) CT_DPIF_TCPF_DATA_UNACKNOWLEDGED);
BUILD_ASSERT_DECL((int) CT_TCPF_MAXACK_SET == (int) CT_DPIF_TCPF_MAXACK_SET);

/* One segment on its way through update(). */
struct step {
    struct ct_packet *packet;
    struct ct_conn *conn;
    enum ct_dir dir;
    uint8_t class;              /* enum ct_tcp_class. */
    uint8_t old;                /* enum ct_tcp_state. */
    uint8_t next;               /* The same, or IGNORE or INVALID. */
    bool in_window;             /* Believed without a look at the windows. */
};

static bool flags_valid(uint8_t flags);
static enum ct_tcp_class classify(uint8_t flags);
static enum ct_verdict exceptions(struct step *);
static enum ct_verdict advance(struct step *);
static enum ct_verdict outside_window(struct step *);
static enum ct_timeout choose_timeout(const struct step *);

uint8_t
ct_tcp_transition(enum ct_dir dir, enum ct_tcp_class class,
                  enum ct_tcp_state state)
{
    return transitions[dir][class][state];
}

const char *
ct_tcp_state_name(enum ct_tcp_state state)
{
    static const char *const names[CT_TCP_N_STATES] = {
#define CT_TCP_STATE(ENUM, TIMEOUT, SHOWN) #ENUM,
        CT_TCP_STATES
#undef CT_TCP_STATE
    };

    return state < CT_TCP_N_STATES ? names[state] : "?";
}

static bool
tcp_parse(struct ct_packet *packet)
{
    struct ct_cursor c = ct_cursor_init(packet->l4_header, packet->l4_len);
    const struct tcp_header *tcp
        = (const void *) ct_cursor_pull(&c, TCP_HEADER_LEN);
    struct ct_tcp_segment *segment = &packet->tcp;
    size_t header_len = OVS_LIKELY(tcp) ? TCP_OFFSET(tcp->tcp_ctl) * 4 : 0;

    if (OVS_UNLIKELY(header_len < TCP_HEADER_LEN
                     || header_len > packet->l4_len)) {
        ct_l4_invalid(packet, CT_C_INVALID_L4);
        return false;
    }
    if (OVS_UNLIKELY(!ct_l4_checksum_ok(packet, true))) {
        ct_l4_invalid(packet, CT_C_INVALID_CHECKSUM);
        return false;
    }
    segment->flags = TCP_FLAGS(tcp->tcp_ctl);
    if (OVS_UNLIKELY(!flags_valid(segment->flags))) {
        ct_l4_invalid(packet, CT_C_INVALID_TCP_FLAGS);
        return false;
    }
    segment->seq = ntohl(get_16aligned_be32(&tcp->tcp_seq));
    segment->ack = ntohl(get_16aligned_be32(&tcp->tcp_ack));
    segment->win = ntohs(tcp->tcp_winsz);
    segment->end = (segment->seq + packet->l4_len - header_len
                    + !!(segment->flags & TCP_SYN)
                    + !!(segment->flags & TCP_FIN));
    segment->index = classify(segment->flags);
    segment->plain = ct_tcp_is_plain(packet, header_len);
    segment->ordinary = (segment->plain
                         && segment->index == CT_TCP_CLASS_ACK);
    ct_tuple_set_ports(&packet->tuple, tcp);
    return true;
}

static enum ct_verdict
tcp_may_open(const struct ct_packet *packet)
{
    uint8_t next = transitions[CT_DIR_ORIGINAL][packet->tcp.index]
                              [CT_TCP_NONE];

    /* A SYN, and an ACK too: connections that began before the tracker did
     * are picked up, unless tcp_loose is off. */
    return (next == CT_TCP_INVALID
            || (next != CT_TCP_SYN_SENT
                && !ct_switch_get(packet->ct, CT_SWITCH_TCP_LOOSE))
            ? ct_l4_invalid(packet, CT_C_INVALID_TCP_NEW)
            : CT_VERDICT_ACCEPT);
}

static void
tcp_open(const struct ct_packet *packet, struct ct_conn *conn)
{
    conn->l4_state = CT_TCP_NONE;
    ct_tcp_set_last(conn, CT_TCP_CLASS_NONE, CT_DIR_ORIGINAL);
    ct_tcp_window_open(packet, conn);
}

static enum ct_verdict
tcp_update(struct ct_packet *packet, struct ct_conn *conn)
{
    struct step step = {
        .packet = packet,
        .conn = conn,
        .dir = packet->dir,
        .class = packet->tcp.index,
        .old = conn->l4_state,
        .next = transitions[packet->dir][packet->tcp.index][conn->l4_state],
    };

    packet->timeout = CT_TIMEOUT_KEEP;
    if (OVS_UNLIKELY(step.class != CT_TCP_CLASS_ACK
                     || step.old != CT_TCP_ESTABLISHED)) {
        enum ct_verdict verdict = exceptions(&step);

        if (verdict != CT_VERDICT_ACCEPT || step.next >= CT_TCP_N_STATES) {
            return verdict;
        }
    }
    if (OVS_LIKELY(!step.in_window)) {
        enum ct_tcp_window_verdict v = ct_tcp_window_check(packet, conn);

        if (OVS_UNLIKELY(v != CT_TCP_WINDOW_ACCEPT)) {
            return (v == CT_TCP_WINDOW_IGNORE
                    ? CT_VERDICT_ACCEPT
                    : outside_window(&step));
        }
    }
    return advance(&step);
}

/* Closing connections may go although they are ASSURED. */
static bool
tcp_can_early_drop(const struct ct_conn *conn)
{
    switch ((enum ct_tcp_state) ct_conn_l4_state(conn)) {
    case CT_TCP_FIN_WAIT:
    case CT_TCP_CLOSE_WAIT:
    case CT_TCP_LAST_ACK:
    case CT_TCP_TIME_WAIT:
    case CT_TCP_CLOSE:
        return true;
    default:
        return false;
    }
}

/* Also one that was picked up, and that only one end has been heard of. */
static bool
tcp_half_open(const struct ct_conn *conn)
{
    uint8_t state = ct_conn_l4_state(conn);

    return state <= CT_TCP_ESTABLISHED || state == CT_TCP_SYN_SENT2;
}

static void
tcp_describe(const struct ct_conn *conn, struct ct_dpif_protoinfo *info)
{
    info->proto = IPPROTO_TCP;
    info->tcp.state_orig = states_shown[conn->l4_state];
    info->tcp.state_reply = info->tcp.state_orig;
    info->tcp.wscale_orig = ct_tcp_wscale(conn, CT_DIR_ORIGINAL);
    info->tcp.wscale_reply = ct_tcp_wscale(conn, CT_DIR_REPLY);
    info->tcp.flags_orig = conn->l4_flags[CT_DIR_ORIGINAL];
    info->tcp.flags_reply = conn->l4_flags[CT_DIR_REPLY];
}

static const char *
tcp_state_name(const struct ct_conn *conn)
{
    static const char *const names[CT_TCP_N_STATES] = {
#define CT_TCP_STATE(ENUM, TIMEOUT, SHOWN) #ENUM,
        CT_TCP_STATES
#undef CT_TCP_STATE
    };

    return names[ct_conn_l4_state(conn)];
}

/* Combinations that a segment can have; PSH, ECE and CWR say nothing.  URG
 * with a SYN is odd, but occurs. */
static bool
flags_valid(uint8_t flags)
{
    if (OVS_LIKELY((flags & ~TCP_PSH) == TCP_ACK)) {
        return true;
    }
    switch (flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK | TCP_URG)) {
    case TCP_SYN:
    case TCP_SYN | TCP_URG:
    case TCP_SYN | TCP_ACK:
    case TCP_RST:
    case TCP_RST | TCP_ACK:
    case TCP_FIN | TCP_ACK:
    case TCP_FIN | TCP_ACK | TCP_URG:
    case TCP_ACK:
    case TCP_ACK | TCP_URG:
        return true;
    default:
        return false;
    }
}

static enum ct_tcp_class
classify(uint8_t flags)
{
    return (OVS_LIKELY((flags & ~TCP_PSH) == TCP_ACK) ? CT_TCP_CLASS_ACK
            : flags & TCP_RST ? CT_TCP_CLASS_RST
            : flags & TCP_SYN ? (flags & TCP_ACK
                                 ? CT_TCP_CLASS_SYNACK
                                 : CT_TCP_CLASS_SYN)
            : flags & TCP_FIN ? CT_TCP_CLASS_FIN
            : flags & TCP_ACK ? CT_TCP_CLASS_ACK
            : CT_TCP_CLASS_NONE);
}

/* Was the last segment that counted of 'class', and sent by 'dir'? */
static bool
last_was(const struct step *s, enum ct_tcp_class class, enum ct_dir dir)
{
    return (ct_tcp_last_class(s->conn) == class
            && ct_tcp_last_dir(s->conn) == dir);
}

static bool
is_assured(const struct step *s)
{
    return ct_conn_status(s->conn) & CT_DPIF_STATUS_ASSURED;
}

static bool
is_established(const struct step *s)
{
    return s->old == CT_TCP_ESTABLISHED && is_assured(s);
}

/* A SYN in TIME_WAIT or CLOSE: did the old connection really end, by a FIN or
 * by a RST of this end?  RFC 1122 section 4.2.2.13 wants a higher sequence
 * number too; the ends will see to that. */
static bool
reopens(const struct step *s)
{
    return (s->next == CT_TCP_SYN_SENT
            && s->old >= CT_TCP_TIME_WAIT
            && (((s->conn->l4_flags[CT_DIR_ORIGINAL]
                  | s->conn->l4_flags[CT_DIR_REPLY]) & CT_TCPF_CLOSE_INIT)
                || last_was(s, CT_TCP_CLASS_RST, s->dir)));
}

static bool
is_ignored(const struct step *s)
{
    return (s->next == CT_TCP_IGNORE
            || (s->next == CT_TCP_SYN_SENT && s->old >= CT_TCP_TIME_WAIT));
}

/* A SYN-ACK that acknowledges a SYN which the tracker had ignored: the two
 * ends agree, and the tracker was wrong. */
static bool
answers_ignored_syn(const struct step *s)
{
    return (is_ignored(s)
            && s->class == CT_TCP_CLASS_SYNACK
            && last_was(s, CT_TCP_CLASS_SYN, !s->dir)
            && s->packet->tcp.ack == s->conn->tcp_last.end);
}

/* Takes over what remember_ignored() noted of the SYN. */
static void
believe_ignored_syn(struct step *s)
{
    const struct ct_tcp_last *last = &s->conn->tcp_last;
    struct ct_tcp_window *peer = &s->conn->tcp[!s->dir];

    peer->end = peer->max_end = last->end;
    peer->max_win = MAX(last->win, 1);
    s->conn->l4_flags[!s->dir] =
        (last->dir & CT_TCP_LAST_SCALED ? CT_TCPF_WINDOW_SCALE : 0)
        | (last->dir & CT_TCP_LAST_SACK ? CT_TCPF_SACK_PERM : 0);
    ct_tcp_set_wscale(s->conn, !s->dir,
                      (last->index & CT_TCP_LAST_WSCALE)
                      >> CT_TCP_LAST_WSCALE_SHIFT);
    s->conn->tcp_last.dir &= ~CT_TCP_LAST_CHALLENGE;

    memset(&s->conn->tcp[s->dir], 0, sizeof s->conn->tcp[s->dir]);
    s->conn->l4_flags[s->dir] &= CT_TCPF_BE_LIBERAL;
    ct_tcp_set_wscale(s->conn, s->dir, 0);

    s->old = CT_TCP_SYN_SENT;
    s->next = CT_TCP_SYN_RECV;
}

static void
note_syn_options(const struct step *s)
{
    struct ct_tcp_last *last = &s->conn->tcp_last;
    uint8_t flags, wscale;

    ct_tcp_parse_syn_options(s->packet, &flags, &wscale);
    last->index = CT_TCP_CLASS_SYN | wscale << CT_TCP_LAST_WSCALE_SHIFT;
    last->dir = (s->dir
                 | (flags & CT_TCPF_WINDOW_SCALE ? CT_TCP_LAST_SCALED : 0)
                 | (flags & CT_TCPF_SACK_PERM ? CT_TCP_LAST_SACK : 0)
                 | (s->old == CT_TCP_LAST_ACK ? CT_TCP_LAST_CHALLENGE : 0));
}

/* The segment passes and changes no state.  It is noted, so that the answer
 * can be understood: a SYN-ACK or a RST to a SYN, a RST to an ACK. */
static void
remember_ignored(const struct step *s)
{
    const struct ct_tcp_segment *segment = &s->packet->tcp;
    struct ct_tcp_last *last = &s->conn->tcp_last;

    ct_tcp_set_last(s->conn, s->class, s->dir);
    last->seq = segment->seq;
    last->end = segment->end;
    last->win = segment->win;
    if (s->class == CT_TCP_CLASS_SYN && s->dir == CT_DIR_ORIGINAL) {
        note_syn_options(s);
    }
    if (s->class == CT_TCP_CLASS_ACK && s->dir == CT_DIR_REPLY
        && s->old == CT_TCP_SYN_SENT) {
        /* A RST with this sequence number will be the client's "what
         * connection?". */
        last->ack = segment->ack;
    }
}

/* The server's ACK to a SYN in LAST_ACK does not acknowledge the last FIN (RFC
 * 5961 section 4.2). */
static bool
is_challenge_ack(const struct step *s)
{
    return (s->next == CT_TCP_TIME_WAIT
            && s->old == CT_TCP_LAST_ACK
            && s->class == CT_TCP_CLASS_ACK
            && last_was(s, CT_TCP_CLASS_SYN, !s->dir)
            && (s->conn->tcp_last.dir & CT_TCP_LAST_CHALLENGE));
}

/* In a simultaneous open the second ACK comes from the reply direction. */
static bool
completes_simultaneous_open(const struct step *s)
{
    return (s->next == CT_TCP_SYN_RECV
            && s->dir == CT_DIR_REPLY
            && s->class == CT_TCP_CLASS_ACK
            && (s->conn->tcp_last.dir & CT_TCP_LAST_SIMULTANEOUS));
}

/* Is the highest acknowledgment of the other end known, so that a RST can be
 * held against it?  Not after a SYN that was let through: the numbers may be
 * those of a new connection. */
static bool
max_ack_is_known(const struct step *s)
{
    return ((s->conn->l4_flags[!s->dir] & CT_TCPF_MAXACK_SET)
            && ct_tcp_last_class(s->conn) != CT_TCP_CLASS_SYN);
}

/* RFC 5961 section 3.2: a RST that is in the window but not exactly where the
 * receiver expects the next byte draws a challenge ACK, and the connection may
 * live.  It is exact, too, behind the segment that its sender has just
 * sent. */
static bool
rst_may_be_challenged(const struct step *s)
{
    uint32_t seq = s->packet->tcp.seq;

    return (is_established(s)
            && seq != s->conn->tcp[!s->dir].max_ack
            && !(last_was(s, CT_TCP_CLASS_ACK, s->dir)
                 && seq == s->conn->tcp_last.end));
}

/* A RST that answers a segment which was let through without belief: it
 * acknowledges what the windows know nothing of. */
static bool
rst_answers_ignored(const struct step *s)
{
    const struct ct_tcp_segment *segment = &s->packet->tcp;
    enum ct_tcp_class last_class = ct_tcp_last_class(s->conn);
    bool seen_reply = ct_conn_status(s->conn) & CT_DPIF_STATUS_SEEN_REPLY;

    if (((seen_reply && last_was(s, CT_TCP_CLASS_SYN, !s->dir))
         || (!is_assured(s) && last_class == CT_TCP_CLASS_ACK))
        && segment->ack == s->conn->tcp_last.end) {
        return true;
    }
    /* The client's answer to a challenge ACK. */
    return (s->old == CT_TCP_SYN_SENT
            && last_was(s, CT_TCP_CLASS_ACK, CT_DIR_REPLY)
            && segment->seq == s->conn->tcp_last.ack);
}

/* RFC 5961 section 3: may this RST end the connection? */
static enum ct_verdict
validate_rst(struct step *s)
{
    if (tcp_can_early_drop(s->conn)) {
        /* On its end anyway; perhaps the ports are in use again already. */
        s->in_window = true;
        return CT_VERDICT_ACCEPT;
    }
    if (max_ack_is_known(s)) {
        uint32_t seq = s->packet->tcp.seq;

        if (!seq && !is_established(s)) {
            /* Most likely the answer to a SYN that was let through: it has no
             * number to go by. */
            return CT_VERDICT_ACCEPT;
        }
        if (ct_tcp_before(seq, s->conn->tcp[!s->dir].max_ack)
            && !ct_switch_get(s->packet->ct,
                              CT_SWITCH_TCP_IGNORE_INVALID_RST)) {
            return ct_l4_invalid(s->packet, CT_C_INVALID_TCP_WINDOW);
        }
        if (!rst_may_be_challenged(s)) {
            return CT_VERDICT_ACCEPT;
        }
        s->next = s->old;
    }
    s->in_window = rst_answers_ignored(s);
    return CT_VERDICT_ACCEPT;
}

/* All that a table of states cannot say.  If ACCEPT, s->next is a state to
 * advance to, or IGNORE: accept and leave it at that. */
static enum ct_verdict
exceptions(struct step *s)
{
    if (reopens(s)) {
        return CT_VERDICT_RESTART;
    }
    if (answers_ignored_syn(s)) {
        believe_ignored_syn(s);
    } else if (is_ignored(s)) {
        remember_ignored(s);
        s->next = CT_TCP_IGNORE;
    } else if (s->next == CT_TCP_INVALID) {
        return ct_l4_invalid(s->packet, CT_C_INVALID_TCP_STATE);
    } else if (is_challenge_ack(s)) {
        s->conn->tcp_last.dir &= ~CT_TCP_LAST_CHALLENGE;
        s->next = CT_TCP_IGNORE;
    } else if (s->next == CT_TCP_SYN_SENT2) {
        s->conn->tcp_last.dir |= CT_TCP_LAST_SIMULTANEOUS;
    } else if (completes_simultaneous_open(s)) {
        s->next = CT_TCP_ESTABLISHED;
    } else if (s->class == CT_TCP_CLASS_RST) {
        return validate_rst(s);
    }
    return CT_VERDICT_ACCEPT;
}

/* An end that is out of step may send FIN and RST that the tracker cannot
 * believe.  When both ends do, the connection is most likely dead: it gets
 * the time of one with unacknowledged data. */
static enum ct_verdict
outside_window(struct step *s)
{
    struct ct_conn *conn = s->conn;
    enum ct_tcp_class last_class = ct_tcp_last_class(conn);

    if (is_assured(s)
        && (s->class == CT_TCP_CLASS_FIN || s->class == CT_TCP_CLASS_RST)) {
        if (ct_tcp_last_dir(conn) != s->dir
            && (last_class == CT_TCP_CLASS_FIN
                || last_class == CT_TCP_CLASS_RST)) {
            uint64_t deadline = atomic_load_explicit(&conn->deadline,
                                                     memory_order_relaxed);

            if ((long long) deadline >= s->packet->now + SHORTEN_MIN_MS) {
                s->packet->timeout = CT_TIMEOUT_TCP_UNACK;
            }
        } else {
            ct_tcp_set_last(conn, s->class, s->dir);
        }
    }
    return ct_l4_invalid(s->packet, CT_C_INVALID_TCP_WINDOW);
}

/* The segment is in the window: everything it says counts. */
static enum ct_verdict
advance(struct step *s)
{
    struct ct_conn *conn = s->conn;

    ct_tcp_set_last(conn, s->class, s->dir);
    if (s->old != s->next && s->next == CT_TCP_FIN_WAIT) {
        conn->l4_flags[s->dir] |= CT_TCPF_CLOSE_INIT;
    }
    ct_conn_set_l4_state(conn, s->next);
    s->packet->timeout = choose_timeout(s);

    if (!(ct_conn_status(conn) & CT_DPIF_STATUS_SEEN_REPLY)) {
        return (s->class == CT_TCP_CLASS_RST
                ? CT_VERDICT_DELETE
                : CT_VERDICT_ACCEPT);
    }
    if (s->next == CT_TCP_ESTABLISHED
        && (s->old == CT_TCP_SYN_RECV || s->old == CT_TCP_ESTABLISHED)) {
        ct_l4_set_assured(conn);
    }
    return CT_VERDICT_ACCEPT;
}

/* 'a', or 'b' if that is the shorter one. */
static enum ct_timeout
shorter(const struct step *s, enum ct_timeout a, enum ct_timeout b)
{
    const struct ct_timeouts *timeouts = ct_l4_timeouts(s->packet);

    return timeouts->ms[a] > timeouts->ms[b] ? b : a;
}

/* The timeout that the state of the conversation asks for. */
static enum ct_timeout
conversation_timeout(const struct step *s)
{
    const struct ct_conn *conn = s->conn;
    enum ct_timeout t = state_timeouts[s->next];

    if (OVS_UNLIKELY(conn->retrans)
        && conn->retrans >= ct_switch_get(s->packet->ct,
                                          CT_SWITCH_TCP_MAX_RETRANS)
        && shorter(s, t, CT_TIMEOUT_TCP_RETRANS) != t) {
        return CT_TIMEOUT_TCP_RETRANS;
    }
    if (OVS_UNLIKELY(s->class == CT_TCP_CLASS_RST)) {
        return CT_TIMEOUT_TCP_CLOSE;
    }
    if (((conn->l4_flags[CT_DIR_ORIGINAL] | conn->l4_flags[CT_DIR_REPLY])
         & CT_TCPF_UNACKNOWLEDGED)
        && shorter(s, t, CT_TIMEOUT_TCP_UNACK) != t) {
        return CT_TIMEOUT_TCP_UNACK;
    }
    /* A closed window may stay closed for ever. */
    return (conn->tcp_last.win
            ? t
            : shorter(s, t, CT_TIMEOUT_TCP_RETRANS));
}

static enum ct_timeout
choose_timeout(const struct step *s)
{
    enum ct_timeout t = conversation_timeout(s);

    if (!(ct_conn_status(s->conn) & CT_DPIF_STATUS_SEEN_REPLY)) {
        if (s->class == CT_TCP_CLASS_SYN && s->old == CT_TCP_SYN_SENT) {
            /* SYNs that nobody answers do not keep a connection, and its
             * translated port, for ever. */
            return CT_TIMEOUT_KEEP;
        }
        if (s->next == CT_TCP_ESTABLISHED) {
            /* Picked up, and perhaps long dead. */
            return shorter(s, t, CT_TIMEOUT_TCP_UNACK);
        }
    }
    return t;
}

/* Nobody knows the windows: they are learnt, and not checked, as of a
 * connection that was picked up in the middle. */
static bool
tcp_restore(const struct ct_dpif_protoinfo *info, struct ct_conn *conn)
{
    const uint8_t known = CT_TCPF_WINDOW_SCALE | CT_TCPF_CLOSE_INIT;
    const uint8_t learn = CT_TCPF_SACK_PERM | CT_TCPF_BE_LIBERAL;
    uint8_t state = 0;

    while (states_shown[state] != info->tcp.state_orig) {
        if (++state >= CT_TCP_N_STATES) {
            return false;
        }
    }
    conn->l4_state = state;
    ct_tcp_set_last(conn, CT_TCP_CLASS_NONE, CT_DIR_ORIGINAL);
    ct_tcp_set_wscale(conn, CT_DIR_ORIGINAL, info->tcp.wscale_orig & 0xf);
    ct_tcp_set_wscale(conn, CT_DIR_REPLY, info->tcp.wscale_reply & 0xf);
    conn->l4_flags[CT_DIR_ORIGINAL] = (info->tcp.flags_orig & known) | learn;
    conn->l4_flags[CT_DIR_REPLY] = (info->tcp.flags_reply & known) | learn;
    return true;
}

const struct ct_l4 ct_l4_tcp = {
    .name = "tcp",
    .parse = tcp_parse,
    .may_open = tcp_may_open,
    .open = tcp_open,
    .update = tcp_update,
    .ordinary = ct_tcp_ordinary,
    .can_early_drop = tcp_can_early_drop,
    .half_open = tcp_half_open,
    .describe = tcp_describe,
    .state_name = tcp_state_name,
    .restore = tcp_restore,
};
