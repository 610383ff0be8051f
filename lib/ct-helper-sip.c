/* SPDX-License-Identifier: Apache-2.0 */

/* SIP (RFC 3261): calls announce where their media will go, in session
 * descriptions (RFC 3264), and phones where they will be called.
 *
 *    INVITE, UPDATE, PRACK, ACK      media of who sends it
 *    1xx and 2xx to the first three  media of who answers
 *    INVITE, BYE, a refusal          end what was announced before
 *    REGISTER and its 2xx            where calls will come to, until it
 *                                    expires or is taken back
 *
 * The rules are the kernel's.  A connection lives for sip_timeout seconds
 * behind each packet. */

#include <config.h>

#include "ct-helper-sip.h"

#include <netinet/in.h>
#include <string.h>

#include "ct-helper-sip-held.h"
#include "ct-helper-sip-sdp.h"
#include "ct-switch.h"
#include "util.h"

/* Indexes of classes. */
enum {
    SIP_SIGNALLING,
    SIP_AUDIO,
    SIP_VIDEO,
    SIP_IMAGE
};
BUILD_ASSERT_DECL(SIP_AUDIO == SDP_AUDIO + 1 && SIP_IMAGE == SDP_IMAGE + 1);

/* Media do not go to well-known ports. */
#define MIN_MEDIA_PORT 1024

/* A message of a stream that went on in later segments; not translated. */
struct sip_part {
    bool cut;
    uint32_t from, to;          /* Sequence numbers. */
};

struct sip_state {
    uint32_t invite_cseq, register_cseq;
    struct sip_part parts[CT_DIR_MAX];
    struct sip_held *held[CT_DIR_MAX];          /* NULL: nothing yet. */
};

/* One message, and what has to be written in its packet. */
struct sip_turn {
    struct ct_helper_call *call;
    struct sip_message message;
    struct sip_edits *edits;
    bool cut;                   /* It goes on in the next segment, with at */
    size_t missing;             /* least as many bytes. */
};

typedef bool sip_func(struct sip_turn *);
static sip_func request_invite, request_bye, request_register;
static sip_func response_media, response_register, read_sdp;

/* False: drop the packet; that is counted. */
static const struct {
    const char *method;
    sip_func *request;          /* NULL: nothing to be done. */
    sip_func *response;
} methods[] = {
    { "INVITE", request_invite, response_media },
    { "UPDATE", read_sdp, response_media },
    { "PRACK", read_sdp, response_media },
    { "ACK", read_sdp, NULL },
    { "BYE", request_bye, NULL },
    { "REGISTER", request_register, response_register },
};

static bool is_stream(const struct ct_helper_call *);
static struct sip_held **held_of(struct ct_helper_call *);
static enum ct_helper_verdict drop_part(struct ct_helper_call *, bool kept);
static enum ct_helper_verdict read_payload(struct ct_helper_call *);
static enum ct_helper_verdict read_translated_stream(struct ct_helper_call *);
static struct ct_cursor skip_part(struct ct_helper_call *);
static bool read_messages(struct sip_turn *, struct ct_cursor);
static bool read_message(struct sip_turn *);
static bool handle(struct sip_turn *);
static bool hold(struct sip_turn *, size_t missing);
static bool note_part(struct sip_turn *, const uint8_t *begin);
static bool expect_media(struct sip_turn *, const struct sdp_media *,
                         const struct sdp_addr *);
static void edit_sdp_addr(struct sip_turn *, const struct sdp_addr *,
                          const union ct_inet_addr *);
static bool read_contact(struct sip_turn *, struct ct_cursor element,
                         struct sip_place *, uint8_t *proto);
static bool expect_calls(struct sip_turn *, const struct sip_place *,
                         uint8_t proto);
static bool next_contact(struct ct_cursor *fields, struct ct_cursor *value,
                         struct ct_cursor *element);
static uint32_t expires_of(const struct sip_message *);
static uint32_t contact_expires(const struct sip_place *, uint32_t expires);
static bool bad(struct sip_turn *);

static enum ct_helper_verdict
sip_read(struct ct_helper_call *call)
{
    if (!call->len) {
        return CT_HELPER_ACCEPT;
    }
    ct_helper_set_timeout(call, ct_helper_setting(call,
                                                  CT_SWITCH_SIP_TIMEOUT));
    if (!is_stream(call)) {
        return read_payload(call);
    }
    return (!call->both ? CT_HELPER_ACCEPT
            : call->nat ? read_translated_stream(call)
            : read_payload(call));
}

static void
sip_uninit(void *state_)
{
    struct sip_state *state = state_;

    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        sip_held_free(state->held[dir]);
    }
}

static void
sip_copy(void *state_)
{
    struct sip_state *state = state_;

    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        state->held[dir] = sip_held_clone(state->held[dir]);
    }
}

const struct ct_helper ct_helper_sip = {
    .name = "sip",
    .protos = { IPPROTO_UDP, IPPROTO_TCP },
    .classes = {
        [SIP_SIGNALLING] = { "signalling", 1, 180 },
        [SIP_AUDIO] = { "audio", 4, 180 },
        [SIP_VIDEO] = { "video", 4, 180 },
        [SIP_IMAGE] = { "image", 4, 180 },
    },
    .state_size = sizeof(struct sip_state),
    .resizes = true,
    .read = sip_read,
    .uninit = sip_uninit,
    .copy = sip_copy,
};

static enum ct_helper_verdict
read_payload(struct ct_helper_call *call)
{
    struct sip_edits edits;
    struct sip_turn turn = { .call = call, .edits = &edits };

    sip_edits_init(&edits);
    if (read_messages(&turn, skip_part(call))) {
        return sip_edits_write(call, &edits);
    }
    return (!turn.cut ? CT_HELPER_DROP
            : drop_part(call, sip_held_keep(held_of(call), call,
                                            turn.missing)));
}

/* What is held, with the segment behind it. */
static bool
read_joined(struct sip_turn *turn, struct ct_cursor whole)
{
    struct ct_helper_call *call = turn->call;
    const uint8_t *payload = call->payload;
    const size_t len = call->len;
    const uint32_t seq = call->seq;
    bool ok;

    call->payload = whole.p;
    call->len = ct_cursor_left(&whole);
    call->seq = sip_held_seq(*held_of(call));
    ok = read_messages(turn, whole);
    call->payload = payload;
    call->len = len;
    call->seq = seq;
    return ok;
}

/* The segment behind those that are held: the last one, or to be held, too. */
static enum ct_helper_verdict
read_next(struct ct_helper_call *call)
{
    struct sip_held *held = *held_of(call);
    size_t missing = sip_held_missing(held, call);
    struct sip_edits edits;
    struct sip_turn turn = { .call = call, .edits = &edits };
    enum ct_helper_verdict verdict = CT_HELPER_DROP;
    struct ct_cursor whole;
    uint8_t *bytes;
    size_t len;

    if (missing) {
        return drop_part(call, sip_held_add(held, call, missing));
    }
    sip_edits_init(&edits);
    bytes = sip_held_join(held, call, &len);
    whole = ct_cursor_init(bytes, len);
    if (read_joined(&turn, whole)) {
        verdict = sip_held_split(held, call, whole, &edits);
    } else if (turn.cut) {
        verdict = drop_part(call, sip_held_add(held, call, turn.missing));
    }
    free(bytes);
    return verdict;
}

static enum ct_helper_verdict
read_translated_stream(struct ct_helper_call *call)
{
    struct sip_held **held = held_of(call);

    sip_held_forget_old(held, call->seq);
    switch (sip_held_look(*held, call)) {
    case SIP_HELD_NEXT:
        return read_next(call);
    case SIP_HELD_EARLY:
        return ct_helper_drop(call, CT_C_DROP_HELPER_PART);
    case SIP_HELD_AGAIN:
        return sip_held_write(*held, call);
    case SIP_HELD_CROOKED:
        return ct_helper_drop(call, CT_C_DROP_MANGLE);
    case SIP_HELD_OTHER:
    default:
        return read_payload(call);
    }
}

static bool
is_stream(const struct ct_helper_call *call)
{
    return call->tuples[0].proto == IPPROTO_TCP;
}

static struct sip_part *
part_of(struct ct_helper_call *call)
{
    struct sip_state *state = call->state;

    return &state->parts[call->dir];
}

static struct sip_held **
held_of(struct ct_helper_call *call)
{
    struct sip_state *state = call->state;

    return &state->held[call->dir];
}

/* A part of a message, which comes again if it is 'kept'. */
static enum ct_helper_verdict
drop_part(struct ct_helper_call *call, bool kept)
{
    if (!kept) {
        return ct_helper_drop(call, CT_C_DROP_HELPER_PAYLOAD);
    }
    ct_helper_drop(call, CT_C_DROP_HELPER_PART);
    return CT_HELPER_KEEP;
}

/* The payload, without the rest of a message that began before it. */
static struct ct_cursor
skip_part(struct ct_helper_call *call)
{
    struct ct_cursor c = ct_cursor_init(call->payload, call->len);
    const struct sip_part *part = part_of(call);

    if (is_stream(call) && part->cut
        && (int32_t) (call->seq - part->from) > 0
        && (int32_t) (call->seq - part->to) < 0) {
        ct_cursor_skip(&c, MIN(part->to - call->seq, call->len));
    }
    return c;
}

/* Between the messages of a stream there may be empty lines.  Behind one there
 * is another one, of which the first line may be cut. */
static bool
read_messages(struct sip_turn *turn, struct ct_cursor c)
{
    for (bool behind = false; ; behind = true) {
        const uint8_t *begin;

        sip_skip_space(&c);
        begin = c.p;
        switch (sip_message_read(&c, is_stream(turn->call), &turn->message)) {
        case SIP_MESSAGE:
            if (!note_part(turn, begin) || !read_message(turn)) {
                return false;
            }
            break;
        case SIP_CUT:
            return !turn->call->nat || hold(turn, 1);
        case SIP_ELSE:
        default:
            return (!behind || !turn->call->nat || !is_stream(turn->call)
                    || !sip_may_begin(c) || hold(turn, 1));
        }
    }
}

/* A message that goes on in the next segment, and cannot be translated without
 * that: its segment is to be kept, and comes again. */
static bool
hold(struct sip_turn *turn, size_t missing)
{
    if (!is_stream(turn->call)) {
        return bad(turn);
    }
    turn->cut = true;
    turn->missing = missing;
    return false;
}

static bool
read_message(struct sip_turn *turn)
{
    if (!handle(turn)) {
        return false;
    }
    if (turn->call->nat) {
        sip_nat_fields(turn->call, &turn->message, turn->edits);
        sip_nat_length(&turn->message, turn->edits);
    }
    return true;
}

/* Remembers where a message ends that is not all in this segment, and leaves
 * out the line in which it breaks off. */
static bool
note_part(struct sip_turn *turn, const uint8_t *begin)
{
    struct ct_helper_call *call = turn->call;
    struct ct_cursor *body = &turn->message.body;
    struct sip_part *part = part_of(call);

    if (!is_stream(call) || !turn->message.body_missing) {
        return true;
    }
    if (call->nat) {
        return hold(turn, turn->message.body_missing);
    }
    part->cut = true;
    part->from = call->seq + (begin - call->payload);
    part->to = (call->seq + (body->end - call->payload)
                + turn->message.body_missing);
    while (ct_cursor_left(body) && body->end[-1] != '\n') {
        body->end--;
    }
    return true;
}

static bool
handle(struct sip_turn *turn)
{
    const struct sip_message *m = &turn->message;

    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        sip_func *func = (m->is_request ? methods[i].request
                          : methods[i].response);

        if (sip_is(m->method, methods[i].method)) {
            return (!m->has_cseq ? bad(turn)
                    : func ? func(turn)
                    : true);
        }
    }
    /* A response whose method is not known. */
    return m->is_request || m->has_cseq || bad(turn);
}

static bool
bad(struct sip_turn *turn)
{
    ct_helper_drop(turn->call, CT_C_DROP_HELPER_PAYLOAD);
    return false;
}

/* Calls. */

static void
forget_media(struct sip_turn *turn)
{
    for (int class = SIP_AUDIO; class <= SIP_IMAGE; class++) {
        const struct ct_helper_match match = {
            .class = class, .any_dir = true,
        };

        ct_helper_forget(turn->call, &match);
    }
}

static bool
request_invite(struct sip_turn *turn)
{
    struct sip_state *state = turn->call->state;

    forget_media(turn);
    if (!read_sdp(turn)) {
        return false;
    }
    state->invite_cseq = turn->message.cseq;
    return true;
}

static bool
request_bye(struct sip_turn *turn)
{
    forget_media(turn);
    return true;
}

static bool
response_media(struct sip_turn *turn)
{
    const struct sip_state *state = turn->call->state;
    const struct sip_message *m = &turn->message;

    if (m->status >= 100 && m->status <= 299) {
        return read_sdp(turn);
    }
    if (m->cseq == state->invite_cseq) {
        forget_media(turn);
    }
    return true;
}

/* The address of a media description is over that of the session. */
static bool
read_sdp(struct sip_turn *turn)
{
    struct ct_helper_call *call = turn->call;
    const union ct_inet_addr *own = &call->tuples[call->dir].src;
    const union ct_inet_addr *seen = &call->tuples[!call->dir].dst;
    struct sdp sdp;

    switch (sdp_read(turn->message.body,
                     ct_tuple_is_ipv6(&call->tuples[0]), &sdp)) {
    case SDP_FOUND:
        break;
    case SDP_BAD:
        if (call->nat) {
            return bad(turn);
        }
        break;                  /* The first ones are read. */
    case SDP_NONE:
    default:
        return true;
    }
    for (unsigned int i = 0; i < sdp.n_media; i++) {
        const struct sdp_media *media = &sdp.media[i];

        if (media->kind != SDP_OTHER && media->port
            && !expect_media(turn, media, (media->connection.text.p
                                           ? &media->connection
                                           : &sdp.connection))) {
            return false;
        }
    }
    if (call->nat) {
        /* What nobody expects media at, if it is the sender's own. */
        for (unsigned int i = 0; i < sdp.n_media; i++) {
            if (!memcmp(&sdp.media[i].connection.addr, own, sizeof *own)) {
                edit_sdp_addr(turn, &sdp.media[i].connection, seen);
            }
        }
        if (!memcmp(&sdp.connection.addr, own, sizeof *own)) {
            edit_sdp_addr(turn, &sdp.connection, seen);
        }
        if (!memcmp(&sdp.origin.addr, own, sizeof *own)) {
            edit_sdp_addr(turn, &sdp.origin, seen);
        }
    }
    return true;
}

static void
edit_sdp_addr(struct sip_turn *turn, const struct sdp_addr *addr,
              const union ct_inet_addr *to)
{
    if (addr->text.p) {
        sip_edit_addr(turn->edits, addr->text, to,
                      ct_tuple_is_ipv6(&turn->call->tuples[0]));
    }
}

/* RTP on an even port and RTCP on the next one (RFC 3550 section 11), from the
 * other end, or with sip_direct_media off from anybody to anybody. */
static bool
expect_media(struct sip_turn *turn, const struct sdp_media *media,
             const struct sdp_addr *addr)
{
    struct ct_helper_call *call = turn->call;
    bool direct = ct_helper_setting(call, CT_SWITCH_SIP_DIRECT_MEDIA);
    const struct ct_helper_expect ask = {
        .class = media->kind + 1,
        .dir = !call->dir,
        .proto = IPPROTO_UDP,
        .has_dst = true,
        .dst = addr->addr,
        .port = htons(media->port & ~1),
        .pair = true,
        .any_src = !direct,
    };
    struct ct_tuple place;
    uint16_t port;

    if (media->port < MIN_MEDIA_PORT || media->port > UINT16_MAX
        || !addr->text.p) {
        return bad(turn);
    }
    if (direct && memcmp(&addr->addr, &call->tuples[call->dir].src,
                         sizeof addr->addr)) {
        return true;
    }
    if (!ct_helper_expect(call, &ask, &place)) {
        return false;
    }
    if (!call->nat) {
        return true;
    }
    port = ntohs(place.dst_port) + (media->port & 1);
    edit_sdp_addr(turn, addr, &place.dst);
    if (port != media->port) {
        sip_edit_port(turn->edits, media->port_text, port);
    }
    if (media->rtcp_port == media->port + 1 && !(media->port & 1)
        && port != media->port) {
        sip_edit_port(turn->edits, media->rtcp_text, port + 1);
    }
    return true;
}

/* Registrations. */

/* The phone will be called where its contact says.  It is expected when the
 * registrar has agreed. */
static bool
request_register(struct sip_turn *turn)
{
    struct ct_helper_call *call = turn->call;
    struct sip_state *state = call->state;
    struct ct_cursor fields = turn->message.fields;
    struct ct_cursor value = { NULL, NULL }, element;
    uint32_t expires = expires_of(&turn->message);
    struct sip_place contact;
    uint8_t proto;

    /* Who was called does not register. */
    if (call->expected || !next_contact(&fields, &value, &element)
        || !read_contact(turn, element, &contact, &proto)
        || memcmp(&contact.addr, &call->tuples[call->dir].src,
                  sizeof contact.addr)) {
        return true;
    }
    if (contact_expires(&contact, expires)
        && !expect_calls(turn, &contact, proto)) {
        return false;
    }
    state->register_cseq = turn->message.cseq;
    return true;
}

static bool
expect_calls(struct sip_turn *turn, const struct sip_place *contact,
             uint8_t proto)
{
    struct ct_helper_call *call = turn->call;
    const struct ct_helper_expect ask = {
        .class = SIP_SIGNALLING,
        .dir = !call->dir,
        .proto = proto,
        .has_dst = true,
        .dst = contact->addr,
        .port = htons(contact->port),
        .any_src = !ct_helper_setting(call, CT_SWITCH_SIP_DIRECT_SIGNALLING),
        .permanent = true,
        .inactive = true,
        .helper = &ct_helper_sip,
    };
    struct ct_tuple place;

    if (!ct_helper_expect(call, &ask, &place)) {
        return false;
    }
    if (call->nat && (memcmp(&place.dst, &contact->addr, sizeof place.dst)
                      || ntohs(place.dst_port) != contact->port)) {
        sip_edit_place(turn->edits, contact->text, &place);
    }
    return true;
}

/* The registrar tells what it has: if our contact is there, it is expected for
 * as long as it says, otherwise not any more. */
static bool
response_register(struct sip_turn *turn)
{
    struct ct_helper_call *call = turn->call;
    const struct sip_state *state = call->state;
    const struct sip_message *m = &turn->message;
    struct ct_cursor fields = m->fields, value = { NULL, NULL }, element;
    const uint32_t of_message = expires_of(m);
    struct ct_helper_match match = {
        .class = SIP_SIGNALLING, .any_dir = true,
    };

    if (m->cseq != state->register_cseq
        || (m->status >= 100 && m->status <= 199)) {
        return true;
    }
    while (m->status >= 200 && m->status <= 299
           && next_contact(&fields, &value, &element)) {
        struct sip_place contact;
        uint32_t expires;
        uint8_t proto;

        if (!read_contact(turn, element, &contact, &proto)
            || memcmp(&contact.addr, &call->tuples[call->dir].dst,
                      sizeof contact.addr)) {
            continue;
        }
        expires = contact_expires(&contact, of_message);
        if (!expires) {
            break;
        }
        match.as_seen = match.has_dst = true;
        match.dst = contact.addr;
        match.port = htons(contact.port);
        if (ct_helper_refresh(call, &match, expires)) {
            return true;
        }
    }
    match.as_seen = match.has_dst = false;
    match.port = 0;
    ct_helper_forget(call, &match);
    return true;
}

/* Of all Contact: fields. */
static bool
next_contact(struct ct_cursor *fields, struct ct_cursor *value,
             struct ct_cursor *element)
{
    struct sip_field field;

    while (!value->p || !sip_element_next(value, element)) {
        if (!sip_field_next(fields, &field)) {
            return false;
        }
        *value = (field.name == SIP_FIELD_CONTACT ? field.value
                  : (struct ct_cursor) { NULL, NULL });
    }
    return true;
}

/* An address with a transport that could be expected. */
static bool
read_contact(struct sip_turn *turn, struct ct_cursor element,
             struct sip_place *contact, uint8_t *proto)
{
    const struct ct_tuple *tuple = &turn->call->tuples[0];
    struct ct_cursor transport;

    if (!sip_uri_read(element, ct_tuple_is_ipv6(tuple), contact)
        || !contact->has_addr) {
        return false;
    }
    *proto = tuple->proto;
    if (sip_parameter(contact->rest, "transport", &transport)) {
        *proto = (sip_is(transport, "udp") ? IPPROTO_UDP
                  : sip_is(transport, "tcp") ? IPPROTO_TCP : 0);
    }
    return *proto;
}

/* 0 if nothing is said. */
static uint32_t
expires_of(const struct sip_message *message)
{
    struct ct_cursor fields = message->fields;
    struct sip_field field;
    uint32_t expires;

    while (sip_field_next(&fields, &field)) {
        if (field.name == SIP_FIELD_EXPIRES
            && sip_number_read(&field.value, &expires)) {
            return expires;
        }
    }
    return 0;
}

/* What the contact itself says goes before the rest. */
static uint32_t
contact_expires(const struct sip_place *contact, uint32_t expires)
{
    struct ct_cursor text;

    if (sip_parameter(contact->rest, "expires", &text)) {
        sip_number_read(&text, &expires);
    }
    return expires;
}
