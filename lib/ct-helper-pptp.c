/* SPDX-License-Identifier: Apache-2.0 */

/* PPTP (RFC 2637): the control connection announces calls, each of which is a
 * connection of enhanced GRE between the same two ends.
 *
 * Each end gives a call an id of its own, which the other end's packets have
 * as their key (ct-gre-key.h):
 *
 *    one end       the other            GRE then goes
 *    OUT_REQUEST                        (PNS to PAC)
 *                  OUT_REPLY            both ways
 *    IN_REQUEST                         (PAC to PNS)
 *                  IN_REPLY
 *    IN_CONNECTED                       both ways
 *
 * Either end may have opened the control connection (section 2), and there may
 * be several calls, as pptp-linux makes them.  For the kernel who opened it is
 * the PNS, and there is one call.
 *
 * Under translation an id that hosts behind the same address may both have
 * given is replaced if it is taken, in the messages and in GRE, where the
 * kernel always puts the control connection's port in its place.
 *
 * What the kernel does not understand it lets pass.  Here a message whose call
 * ids are cut off is dropped: TCP sends it again, whole; and on a translated
 * connection everything that is no message. */

#include <config.h>

#include <netinet/in.h>
#include <string.h>

#include "ct-expect.h"
#include "ct-gre-key.h"
#include "ct-helper.h"
#include "ct-pptp-message.h"
#include "ct-zone.h"
#include "util.h"

/* Of a control connection at a time; the oldest gives way. */
#define N_CALLS 8

enum session {
    S_NONE,
    S_REQUESTED,
    S_CONFIRMED,
    S_STOPPING,
    S_ERROR,
    N_SESSIONS
};

enum call_status {
    CALL_NONE,
    CALL_ASKED,                 /* OUT_REQUEST or IN_REQUEST. */
    CALL_ANSWERED,              /* IN_REPLY. */
    CALL_UP,
    CALL_ENDED                  /* Messages may be sent again. */
};

struct call {
    uint8_t status;             /* enum call_status. */
    uint8_t asker;              /* enum ct_dir: who asked for it. */
    uint8_t request;            /* OUT_REQUEST or IN_REQUEST. */
    bool given[CT_DIR_MAX];     /* That end has given it an id: */
    ovs_be16 own[CT_DIR_MAX];   /* as that end knows it; */
    ovs_be16 shown[CT_DIR_MAX]; /* as the other end does. */
};

/* Where in the stream: the last message, and the byte behind it. */
struct stream {
    uint32_t begin, end;
    bool known;
};

struct pptp_state {
    struct stream streams[CT_DIR_MAX];
    uint8_t session;            /* enum session. */
    uint8_t turn;               /* Whose turn it is to give way. */
    struct call calls[N_CALLS];
};

/* A message of this packet. */
struct message {
    struct ct_helper_call *call;
    struct pptp_state *state;
    size_t ofs;                 /* In the payload. */
    struct ct_pptp_message m;
};

typedef enum ct_helper_verdict message_func(struct message *);
static message_func session_message, request, reply, connected, clear,
                    disconnect, about_peer;

static message_func *const readers[CT_PPTP_N_TYPES] = {
    [CT_PPTP_START_REQUEST] = session_message,
    [CT_PPTP_START_REPLY] = session_message,
    [CT_PPTP_STOP_REQUEST] = session_message,
    [CT_PPTP_STOP_REPLY] = session_message,
    [CT_PPTP_OUT_REQUEST] = request,
    [CT_PPTP_OUT_REPLY] = reply,
    [CT_PPTP_IN_REQUEST] = request,
    [CT_PPTP_IN_REPLY] = reply,
    [CT_PPTP_IN_CONNECTED] = connected,
    [CT_PPTP_CLEAR_REQUEST] = clear,
    [CT_PPTP_DISCONNECT] = disconnect,
    [CT_PPTP_WAN_ERROR] = about_peer,
    [CT_PPTP_LINK_INFO] = about_peer,
};

static size_t first_message(const struct stream *,
                            const struct ct_helper_call *);
static void advance(struct stream *, uint32_t begin, uint32_t end);
static enum ct_helper_verdict read_message(struct message *);
static enum ct_helper_verdict no_message(struct ct_helper_call *);
static enum ct_helper_verdict unasked(struct message *);
static struct call *find_own(const struct message *, ovs_be16 id);
static struct call *find_shown(const struct message *, ovs_be16 id);
static struct call *open_call(struct message *);
static enum ct_helper_verdict bring_up(struct message *, struct call *);
static bool give_id(struct message *, struct call *, ovs_be16 id);
static void end_call(struct ct_helper_call *, struct call *);
static void end_all(struct message *);
static void unmake(struct ct_helper_call *, struct call *);
static void forget_id(struct ct_helper_call *, struct call *, enum ct_dir);
static bool enter_keys(struct ct_helper_call *, const struct call *);
static struct ct_tuple coming(const struct ct_helper_call *,
                              const struct call *, enum ct_dir);
static struct ct_tuple leaving(const struct ct_helper_call *,
                               const struct call *, enum ct_dir);
static enum ct_helper_verdict write_id(struct message *, size_t ofs,
                                       ovs_be16 id);

static enum ct_helper_verdict
pptp_read(struct ct_helper_call *call)
{
    struct pptp_state *state = call->state;
    struct stream *stream = &state->streams[call->dir];
    struct message message = { .call = call, .state = state };

    if (!call->both || !call->len) {
        return CT_HELPER_ACCEPT;
    }
    message.ofs = first_message(stream, call);
    while (message.ofs < call->len) {
        enum ct_helper_verdict verdict = CT_HELPER_ACCEPT;

        switch (ct_pptp_message_read(call->payload + message.ofs,
                                     call->len - message.ofs, &message.m)) {
        case CT_PPTP_READ:
            verdict = read_message(&message);
            break;
        case CT_PPTP_CUT:
            return ct_helper_drop(call, CT_C_DROP_HELPER_PAYLOAD);
        case CT_PPTP_BAD:
        default:
            stream->known = false;
            return no_message(call);
        }
        if (verdict != CT_HELPER_ACCEPT) {
            return verdict;
        }
        advance(stream, call->seq + message.ofs,
                call->seq + message.ofs + message.m.len);
        message.ofs += message.m.len;
    }
    return CT_HELPER_ACCEPT;
}

/* A call is one connection, whichever end speaks first. */
static void
pptp_child(struct ct *ct, const struct ct_expectation *e,
           struct ct_conn *child)
{
    struct ct_tuple reply;

    ct_conn_tuple(child, CT_DIR_REPLY, &reply);
    ct_expects_end_one(ct_zone_get(ct, child->key.zone), e->parent, &reply);
}

static void
pptp_end(struct ct *ct, const struct ct_conn *conn, void *state OVS_UNUSED)
{
    struct ct_zone *zone = ct_zone_get(ct, conn->key.zone);
    struct ct_tuple tuple;

    while (ct_gre_key_pop(zone, conn, &tuple)) {
        if (tuple.kind & CT_KIND_GRE_KEY) {
            ct_helper_end_child(ct, conn, &tuple);
        }
    }
}

const struct ct_helper ct_helper_pptp = {
    .name = "pptp",
    .protos = { IPPROTO_TCP },
    .classes = { { .max_expected = 2 * N_CALLS, .timeout = 300 } },
    .state_size = sizeof(struct pptp_state),
    .read = pptp_read,
    .child = pptp_child,
    .end = pptp_end,
};

/* The stream. */

/* Where in the segment a message begins.  One that begins behind the last
 * message's first byte goes on with it. */
static size_t
first_message(const struct stream *stream, const struct ct_helper_call *call)
{
    uint32_t gone = call->seq - stream->begin;

    return (stream->known && gone && gone < stream->end - stream->begin
            ? MIN(stream->end - call->seq, call->len) : 0);
}

/* What is sent again, or fills a gap, is not the last message. */
static void
advance(struct stream *stream, uint32_t begin, uint32_t end)
{
    if (!stream->known || (int32_t) (end - stream->end) > 0) {
        stream->known = true;
        stream->begin = begin;
        stream->end = end;
    }
}

static enum ct_helper_verdict
read_message(struct message *message)
{
    message_func *reader = readers[message->m.type];

    return reader ? reader(message) : CT_HELPER_ACCEPT;
}

static enum ct_helper_verdict
no_message(struct ct_helper_call *call)
{
    return (call->nat ? ct_helper_drop(call, CT_C_DROP_HELPER_PAYLOAD)
            : CT_HELPER_ACCEPT);
}

/* Nobody asked for it, or nobody knows the call: the other end will say so. */
static enum ct_helper_verdict
unasked(struct message *message)
{
    ct_helper_count(message->call, CT_C_HELPER_REFUSED);
    return CT_HELPER_ACCEPT;
}

/* Messages. */

/* As for the kernel; '-' where it ignores a message:
 *
 *                      NONE   REQUESTED  CONFIRMED  STOPPING  ERROR
 *    START_REQUEST   REQUESTED    -          -          -       -
 *    START_REPLY, ok     -    CONFIRMED  CONFIRMED      -       -
 *    START_REPLY, bad    -      ERROR      ERROR        -       -
 *    STOP_REQUEST     STOPPING STOPPING   STOPPING  STOPPING STOPPING
 *    STOP_REPLY, ok    NONE       -          -        NONE     NONE
 *    STOP_REPLY, bad   ERROR      -          -        ERROR    ERROR */
static const uint8_t sessions[CT_PPTP_STOP_REPLY + 1][2][N_SESSIONS] = {
    [CT_PPTP_START_REQUEST] = {
        { S_REQUESTED, S_REQUESTED, S_CONFIRMED, S_STOPPING, S_ERROR },
        { S_REQUESTED, S_REQUESTED, S_CONFIRMED, S_STOPPING, S_ERROR } },
    [CT_PPTP_START_REPLY] = {
        { S_NONE, S_ERROR, S_ERROR, S_STOPPING, S_ERROR },
        { S_NONE, S_CONFIRMED, S_CONFIRMED, S_STOPPING, S_ERROR } },
    [CT_PPTP_STOP_REQUEST] = {
        { S_STOPPING, S_STOPPING, S_STOPPING, S_STOPPING, S_STOPPING },
        { S_STOPPING, S_STOPPING, S_STOPPING, S_STOPPING, S_STOPPING } },
    [CT_PPTP_STOP_REPLY] = {
        { S_ERROR, S_REQUESTED, S_CONFIRMED, S_ERROR, S_ERROR },
        { S_NONE, S_REQUESTED, S_CONFIRMED, S_NONE, S_NONE } },
};

static enum ct_helper_verdict
session_message(struct message *message)
{
    struct pptp_state *state = message->state;
    bool ok = message->m.result == CT_PPTP_OK;
    uint8_t before = state->session;

    state->session = sessions[message->m.type][ok][before];
    /* A session's end is that of its calls (section 2.3). */
    if (before == S_STOPPING && state->session == S_NONE) {
        end_all(message);
    }
    return CT_HELPER_ACCEPT;
}

/* Calls are opened while the session is on. */
static bool
may_open(const struct message *message)
{
    return message->state->session == S_CONFIRMED;
}

/* OUT_REQUEST, IN_REQUEST. */
static enum ct_helper_verdict
request(struct message *message)
{
    struct call *c = find_own(message, message->m.id);

    if (!may_open(message)) {
        return unasked(message);
    }
    if (!c || c->status == CALL_ENDED || c->asker != message->call->dir
        || c->request != message->m.type) {
        c = open_call(message);
        if (!give_id(message, c, message->m.id)) {
            return ct_helper_drop(message->call, CT_C_DROP_NAT_EXHAUSTED);
        }
    }
    return write_id(message, message->m.id_ofs, c->shown[message->call->dir]);
}

/* Of the call that is asked for by 'type', and by the other end. */
static struct call *
find_asked(const struct message *message, enum ct_pptp_type type)
{
    struct call *c = find_shown(message, message->m.peer);

    return (c && c->asker != message->call->dir && c->request == type
            ? c : NULL);
}

/* OUT_REPLY, IN_REPLY. */
static enum ct_helper_verdict
reply(struct message *message)
{
    enum ct_dir dir = message->call->dir;
    bool out = message->m.type == CT_PPTP_OUT_REPLY;
    struct call *c = find_asked(message, out ? CT_PPTP_OUT_REQUEST
                                : CT_PPTP_IN_REQUEST);

    if (!c || !may_open(message)) {
        return unasked(message);
    }
    if (message->m.result != CT_PPTP_OK) {
        ovs_be16 id = c->own[!dir];

        end_call(message->call, c);
        return write_id(message, message->m.peer_ofs, id);
    }
    if (c->status != CALL_ENDED && !give_id(message, c, message->m.id)) {
        return ct_helper_drop(message->call, CT_C_DROP_NAT_EXHAUSTED);
    }
    if (write_id(message, message->m.peer_ofs, c->own[!dir])
        != CT_HELPER_ACCEPT
        || write_id(message, message->m.id_ofs, c->shown[dir])
        != CT_HELPER_ACCEPT) {
        return CT_HELPER_DROP;
    }
    if (out && c->status != CALL_ENDED) {
        return bring_up(message, c);
    }
    c->status = c->status == CALL_ASKED ? CALL_ANSWERED : c->status;
    return CT_HELPER_ACCEPT;
}

/* IN_CONNECTED. */
static enum ct_helper_verdict
connected(struct message *message)
{
    enum ct_dir dir = message->call->dir;
    struct call *c = find_shown(message, message->m.peer);

    if (!c || c->asker != dir || c->request != CT_PPTP_IN_REQUEST
        || (c->status != CALL_ANSWERED && c->status != CALL_UP)
        || !may_open(message)) {
        return unasked(message);
    }
    return (write_id(message, message->m.peer_ofs, c->own[!dir])
            == CT_HELPER_ACCEPT
            ? bring_up(message, c) : CT_HELPER_DROP);
}

/* The call that CLEAR_REQUEST or DISCONNECT is about, whose id becomes what
 * the other end understands.  It is the sender's own (sections 2.12 and 2.13);
 * some servers send their client's.  The kernel takes any for the latter. */
static struct call *
find_either(struct message *message, ovs_be16 *id)
{
    enum ct_dir dir = message->call->dir;
    struct call *c = find_own(message, message->m.id);

    if (c) {
        *id = c->shown[dir];
    } else {
        c = find_shown(message, message->m.id);
        *id = c ? c->own[!dir] : message->m.id;
    }
    return c;
}

static enum ct_helper_verdict
clear(struct message *message)
{
    ovs_be16 id;

    return (find_either(message, &id)
            ? write_id(message, message->m.id_ofs, id) : unasked(message));
}

static enum ct_helper_verdict
disconnect(struct message *message)
{
    ovs_be16 id;
    struct call *c = find_either(message, &id);

    if (!c) {
        return unasked(message);
    }
    end_call(message->call, c);
    return write_id(message, message->m.id_ofs, id);
}

/* WAN_ERROR, LINK_INFO. */
static enum ct_helper_verdict
about_peer(struct message *message)
{
    struct call *c = find_shown(message, message->m.peer);

    return (c ? write_id(message, message->m.peer_ofs,
                         c->own[!message->call->dir])
            : unasked(message));
}

/* Calls. */

/* The call to which end 'dir' has given 'id', as its own end knows it or as
 * the other does.  Those that have ended come last. */
static struct call *
find_call(const struct message *message, enum ct_dir dir, ovs_be16 id,
          bool own)
{
    struct call *ended = NULL;

    for (int i = 0; i < N_CALLS; i++) {
        struct call *c = &message->state->calls[i];

        if (c->given[dir] && (own ? c->own : c->shown)[dir] == id) {
            if (c->status != CALL_ENDED) {
                return c;
            }
            ended = c;
        }
    }
    return ended;
}

/* By the id that the message's sender has given. */
static struct call *
find_own(const struct message *message, ovs_be16 id)
{
    return find_call(message, message->call->dir, id, true);
}

/* By the id that the other end has given, as the sender was told. */
static struct call *
find_shown(const struct message *message, ovs_be16 id)
{
    return find_call(message, !message->call->dir, id, false);
}

/* A call that the message asks for, in the place of one that has ended, or has
 * had its time. */
static struct call *
open_call(struct message *message)
{
    struct pptp_state *state = message->state;
    struct call *c = find_own(message, message->m.id);

    for (int i = 0; !c && i < N_CALLS; i++) {
        struct call *other = &state->calls[(state->turn + i) % N_CALLS];

        if (other->status == CALL_NONE || other->status == CALL_ENDED) {
            c = other;
        }
    }
    if (!c) {
        c = &state->calls[state->turn];
    }
    state->turn = (c - state->calls + 1) % N_CALLS;
    end_call(message->call, c);
    memset(c, 0, sizeof *c);
    c->status = CALL_ASKED;
    c->asker = message->call->dir;
    c->request = message->m.type;
    return c;
}

/* The sender's own id for 'c'.  Where its address is translated the other end
 * is told of one that it has from nobody else.  False if there is none. */
static bool
give_id(struct message *message, struct call *c, ovs_be16 id)
{
    struct ct_helper_call *call = message->call;
    enum ct_dir dir = call->dir;
    struct ct_tuple t;

    if (c->given[dir] && c->own[dir] == id) {
        return true;
    }
    unmake(call, c);
    forget_id(call, c, dir);
    c->own[dir] = c->shown[dir] = id;
    t = coming(call, c, !dir);
    if (memcmp(&t.dst, &call->tuples[dir].src, sizeof t.dst)) {
        if (!ct_gre_key_reserve(call->zone, call->conn, &t)) {
            return false;
        }
        c->shown[dir] = t.dst_port;
    }
    c->given[dir] = true;
    return true;
}

/* Both ids are known, and GRE may come. */
static enum ct_helper_verdict
bring_up(struct message *message, struct call *c)
{
    struct ct_helper_call *call = message->call;

    c->status = CALL_UP;
    if (!enter_keys(call, c)) {
        return ct_helper_drop(call, CT_C_DROP_EXPECT);
    }
    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        const struct ct_helper_expect ask = {
            .dir = dir,
            .proto = IPPROTO_GRE,
            .port = c->own[!dir],
            .src_port = c->own[dir],
            .settled = true,
            .settled_dst = c->shown[!dir],
            .settled_src = c->shown[dir],
        };

        if (!ct_helper_expect(call, &ask, NULL)) {
            return CT_HELPER_DROP;
        }
    }
    return CT_HELPER_ACCEPT;
}

static void
end_call(struct ct_helper_call *call, struct call *c)
{
    if (c->status == CALL_NONE || c->status == CALL_ENDED) {
        return;
    }
    unmake(call, c);
    c->status = CALL_ENDED;
    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        bool given = c->given[dir];

        forget_id(call, c, dir);
        c->given[dir] = given;
    }
}

static void
end_all(struct message *message)
{
    for (int i = 0; i < N_CALLS; i++) {
        end_call(message->call, &message->state->calls[i]);
    }
}

/* Ends what a call that is up has, but for its keys. */
static void
unmake(struct ct_helper_call *call, struct call *c)
{
    if (c->status != CALL_UP) {
        return;
    }
    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        const struct ct_tuple t = coming(call, c, dir);
        const struct ct_helper_match match = {
            .class = -1, .any_dir = true, .met_by = &t,
        };

        ct_helper_forget(call, &match);
        ct_helper_end_other(call, &t);
    }
    c->status = CALL_ASKED;
}

/* The keys that are the id which end 'dir' has given. */
static void
forget_id(struct ct_helper_call *call, struct call *c, enum ct_dir dir)
{
    struct ct_tuple t;

    if (c->given[dir]) {
        t = coming(call, c, !dir);
        ct_gre_key_remove(call->zone, call->conn, &t);
        t = leaving(call, c, !dir);
        ct_gre_key_remove(call->zone, call->conn, &t);
        c->given[dir] = false;
    }
}

/* Packets. */

static bool
enter_keys(struct ct_helper_call *call, const struct call *c)
{
    bool ok = true;

    for (int dir = 0; ok && dir < CT_DIR_MAX; dir++) {
        struct ct_tuple t = coming(call, c, dir);

        ok = ct_gre_key_set(call->zone, call->conn, CT_GRE_KEY_COMING, &t);
        if (ok && call->nat) {
            t = leaving(call, c, dir);
            ok = ct_gre_key_set(call->zone, call->conn, CT_GRE_KEY_LEAVING,
                                &t);
        }
    }
    return ok;
}

/* GRE of direction 'dir' in front of the translation. */
static struct ct_tuple
coming(const struct ct_helper_call *call, const struct call *c,
       enum ct_dir dir)
{
    struct ct_tuple t = call->tuples[dir];

    t.proto = IPPROTO_GRE;
    t.kind |= CT_KIND_GRE_KEY;
    t.src_port = c->own[dir];
    t.dst_port = c->shown[!dir];
    return t;
}

/* Behind it. */
static struct ct_tuple
leaving(const struct ct_helper_call *call, const struct call *c,
        enum ct_dir dir)
{
    struct ct_tuple answer = coming(call, c, !dir);
    struct ct_tuple t;

    ct_tuple_invert(&answer, &t);
    return t;
}

/* Without translation an id is what it is, whatever was said of it before: an
 * answer may come once more, with another one, for a call that has ended. */
static enum ct_helper_verdict
write_id(struct message *message, size_t ofs, ovs_be16 id)
{
    char text[sizeof id];

    if (!message->call->nat) {
        return CT_HELPER_ACCEPT;
    }
    memcpy(text, &id, sizeof id);
    return ct_helper_replace(message->call, message->ofs + ofs, sizeof id,
                             text, sizeof id);
}
