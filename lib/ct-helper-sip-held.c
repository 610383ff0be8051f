/* SPDX-License-Identifier: Apache-2.0 */

/* SIP: messages in several segments.  Called by ct-helper-sip.c. */

#include <config.h>

#include "ct-helper-sip-held.h"

#include <string.h>

#include "ct-tcp-window.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* The largest window (RFC 7323 section 2.3). */
#define MAX_WINDOW (UINT32_C(1) << 30)

struct sip_held {
    uint32_t seq;               /* Of the first byte. */
    struct ds bytes;            /* All but the last segment, as they came. */
    unsigned int n_segments;
    size_t longest;             /* Where the longest one of them begins, */
    size_t longest_len;         /* and how long it is. */
    size_t least_len;           /* Of the whole message. */

    /* Once it is whole. */
    bool known;
    bool written;               /* What was kept, or a part of it. */
    size_t len;
    struct ds text;             /* To be written in its place. */
    size_t change;              /* What lies behind this moves. */

    bool refused;               /* Another one, at that number: it comes */
    uint32_t refused_seq;       /* again. */
};

static bool is_acknowledged(const struct sip_held *,
                            const struct ct_helper_call *);
static bool is_behind_refused(const struct sip_held *,
                              const struct ct_helper_call *);
static enum sip_held_part look_at_part(const struct sip_held *, size_t from,
                                       size_t to);
static void append(struct sip_held *, struct ct_cursor, size_t missing);
static struct ct_cursor unkept(const struct sip_held *,
                               const struct ct_helper_call *);
static void put_text(struct ds *, struct ct_cursor whole,
                     const struct sip_edits *);
static bool settle(struct sip_held *, struct ds *text, size_t len);
static enum ct_helper_verdict write_last(const struct sip_held *,
                                         struct ct_helper_call *);
static enum ct_helper_verdict write_part(const struct sip_held *,
                                         struct ct_helper_call *, size_t from,
                                         size_t to);

enum sip_held_part
sip_held_look(const struct sip_held *held, const struct ct_helper_call *call)
{
    uint32_t ofs;

    if (!held || (!held->known && is_acknowledged(held, call))) {
        return SIP_HELD_OTHER;
    }
    ofs = call->seq - held->seq;
    if (ct_tcp_before(call->seq, held->seq)) {
        return (held->known && -ofs < call->len
                ? SIP_HELD_CROOKED : SIP_HELD_OTHER);
    }
    if (is_behind_refused(held, call)) {
        return SIP_HELD_EARLY;
    }
    return look_at_part(held, ofs, (size_t) ofs + call->len);
}

bool
sip_held_keep(struct sip_held **heldp, const struct ct_helper_call *call,
              size_t missing)
{
    struct sip_held *held = *heldp;

    if (!held) {
        held = *heldp = xzalloc(sizeof *held);
        ds_init(&held->bytes);
        ds_init(&held->text);
    } else if (held->known && !is_acknowledged(held, call)) {
        held->refused = true;
        held->refused_seq = call->seq;
        return false;
    }
    held->seq = call->seq;
    held->n_segments = 0;
    held->longest_len = 0;
    held->known = held->written = held->refused = false;
    ds_clear(&held->bytes);
    append(held, ct_cursor_init(call->payload, call->len), missing);
    return true;
}

bool
sip_held_add(struct sip_held *held, const struct ct_helper_call *call,
             size_t missing)
{
    struct ct_cursor c = unkept(held, call);

    if (held->known || held->n_segments == SIP_HELD_MAX_SEGMENTS
        || held->bytes.length + ct_cursor_left(&c) > SIP_HELD_MAX_BYTES) {
        return false;
    }
    append(held, c, missing);
    return true;
}

size_t
sip_held_missing(const struct sip_held *held,
                 const struct ct_helper_call *call)
{
    size_t end = call->seq - held->seq + call->len;

    return held->least_len - MIN(end, held->least_len);
}

uint8_t *
sip_held_join(const struct sip_held *held, const struct ct_helper_call *call,
              size_t *len)
{
    struct ct_cursor c = unkept(held, call);
    uint8_t *whole;

    *len = held->bytes.length + ct_cursor_left(&c);
    whole = xmalloc(*len);
    memcpy(whole, held->bytes.string, held->bytes.length);
    memcpy(whole + held->bytes.length, c.p, ct_cursor_left(&c));
    return whole;
}

uint32_t
sip_held_seq(const struct sip_held *held)
{
    return held->seq;
}

enum ct_helper_verdict
sip_held_split(struct sip_held *held, struct ct_helper_call *call,
               struct ct_cursor whole, const struct sip_edits *edits)
{
    struct ds text = DS_EMPTY_INITIALIZER;
    bool ok;

    put_text(&text, whole, edits);
    ok = !edits->too_many && settle(held, &text, ct_cursor_left(&whole));
    ds_destroy(&text);
    return (ok ? write_last(held, call)
            : ct_helper_drop(call, CT_C_DROP_MANGLE));
}

enum ct_helper_verdict
sip_held_write(struct sip_held *held, struct ct_helper_call *call)
{
    size_t from = call->seq - held->seq;

    held->written |= from < held->bytes.length;
    return write_part(held, call, from, from + call->len);
}

void
sip_held_forget_old(struct sip_held **heldp, uint32_t seq)
{
    if (*heldp && ct_tcp_after(seq, (*heldp)->seq + MAX_WINDOW)) {
        sip_held_free(*heldp);
        *heldp = NULL;
    }
}

struct sip_held *
sip_held_clone(const struct sip_held *held)
{
    struct sip_held *clone;

    if (!held) {
        return NULL;
    }
    clone = xmemdup(held, sizeof *held);
    ds_clone(&clone->bytes, CONST_CAST(struct ds *, &held->bytes));
    ds_clone(&clone->text, CONST_CAST(struct ds *, &held->text));
    return clone;
}

void
sip_held_free(struct sip_held *held)
{
    if (held) {
        ds_destroy(&held->bytes);
        ds_destroy(&held->text);
        free(held);
    }
}

/* What is kept, by the receiver: if it has not been written, it is there from
 * another time. */
static bool
is_acknowledged(const struct sip_held *held,
                const struct ct_helper_call *call)
{
    return !ct_tcp_before(call->acked, held->seq + held->bytes.length);
}

/* What follows a message that could not be kept may be the rest of it. */
static bool
is_behind_refused(const struct sip_held *held,
                  const struct ct_helper_call *call)
{
    return (held->refused && ct_tcp_after(call->seq, held->refused_seq)
            && !ct_tcp_after(call->acked, held->refused_seq));
}

/* The segment with the bytes from 'from' to 'to'. */
static enum sip_held_part
look_at_part(const struct sip_held *held, size_t from, size_t to)
{
    size_t border = held->bytes.length;

    if (!held->known) {
        return (from <= border && to > border
                ? SIP_HELD_NEXT : SIP_HELD_EARLY);
    }
    return (from >= held->len ? SIP_HELD_OTHER
            : from <= border && to >= held->len ? SIP_HELD_NEXT
            : to <= held->len ? SIP_HELD_AGAIN
            : SIP_HELD_CROOKED);
}

static void
append(struct sip_held *held, struct ct_cursor c, size_t missing)
{
    size_t n = ct_cursor_left(&c);

    if (n > held->longest_len) {
        held->longest = held->bytes.length;
        held->longest_len = n;
    }
    ds_put_buffer(&held->bytes, (const char *) c.p, n);
    held->least_len = held->bytes.length + missing;
    held->n_segments++;
}

/* What the next segment has behind what is kept. */
static struct ct_cursor
unkept(const struct sip_held *held, const struct ct_helper_call *call)
{
    struct ct_cursor c = ct_cursor_init(call->payload, call->len);

    ct_cursor_skip(&c, held->bytes.length - (call->seq - held->seq));
    return c;
}

static void
put_text(struct ds *text, struct ct_cursor whole,
         const struct sip_edits *edits)
{
    for (unsigned int i = 0; i < edits->n; i++) {
        const struct sip_edit *e = &edits->edits[i];

        ds_put_buffer(text, (const char *) whole.p, e->span.p - whole.p);
        ds_put_buffer(text, e->text, e->n);
        whole.p = e->span.end;
    }
    ds_put_buffer(text, (const char *) whole.p, ct_cursor_left(&whole));
}

/* Where the byte 'ofs' will be. */
static size_t
place(const struct sip_held *held, size_t ofs)
{
    return ofs > held->change ? ofs + held->text.length - held->len : ofs;
}

/* In the last segment, or if that would have nothing left, in the longest one
 * that is kept. */
static bool
find_change(const struct sip_held *held, size_t len, size_t text_len,
            size_t *change)
{
    size_t border = held->bytes.length;
    size_t loss = len - MIN(len, text_len);

    *change = len - border > loss ? border : held->longest;
    return len - border > loss || held->longest_len > loss;
}

/* Is what was kept the same as before, in the same places? */
static bool
is_same(const struct sip_held *held, const struct ds *text, size_t len,
        size_t change)
{
    size_t border = held->bytes.length;

    return (change == held->change
            && (change == border
                || text->length - len == held->text.length - held->len)
            && !memcmp(text->string, held->text.string, place(held, border)));
}

/* Takes the text.  False: it cannot be cut, or it is another one than that of
 * which the receiver has a part. */
static bool
settle(struct sip_held *held, struct ds *text, size_t len)
{
    size_t change;

    if (!find_change(held, len, text->length, &change)
        || (held->known && held->written
            && !is_same(held, text, len, change))) {
        return false;
    }
    ds_swap(text, &held->text);
    held->len = len;
    held->change = change;
    held->known = true;
    return true;
}

/* The numbers of what was dropped change first, if they do. */
static enum ct_helper_verdict
write_last(const struct sip_held *held, struct ct_helper_call *call)
{
    const size_t border = held->bytes.length;
    const size_t from = call->seq - held->seq;
    const struct ct_seqadj_segment kept = {
        .seq = held->seq,
        .end = held->seq + border,
        .pos = held->seq + held->change,
        .delta = (int32_t) place(held, border) - (int32_t) border,
    };
    const char *text = held->text.string;
    size_t to = place(held, border);

    if (kept.delta
        && ct_helper_shift(call, &kept) != CT_HELPER_ACCEPT) {
        return CT_HELPER_DROP;
    }
    /* From its end on, as nothing moves then. */
    if (ct_helper_replace(call, border - from, call->len - (border - from),
                          text + to, held->text.length - to)
        != CT_HELPER_ACCEPT) {
        return CT_HELPER_DROP;
    }
    return ct_helper_replace(call, 0, border - from, text + place(held, from),
                             to - place(held, from));
}

/* Of a segment that is cut otherwise than at first nothing may be left. */
static enum ct_helper_verdict
write_part(const struct sip_held *held, struct ct_helper_call *call,
           size_t from, size_t to)
{
    size_t begin = place(held, from), end = place(held, to);

    return (begin < end
            ? ct_helper_replace(call, 0, call->len, held->text.string + begin,
                                end - begin)
            : ct_helper_drop(call, CT_C_DROP_MANGLE));
}
