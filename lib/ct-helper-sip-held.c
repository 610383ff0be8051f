/* SPDX-License-Identifier: Apache-2.0 */

/* SIP: messages in two segments.  Called by ct-helper-sip.c. */

#include <config.h>

#include "ct-helper-sip-held.h"

#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

struct sip_held {
    uint32_t seq;               /* Of the first byte. */
    bool known;                 /* What will be written is; and has been, */
    bool written;               /* once at least. */
    struct ds bytes;            /* As they came. */
    struct ds text;             /* To be written instead. */
};

static size_t put_before(struct sip_held *, const uint8_t *whole,
                         const struct sip_edits *);
static enum ct_helper_verdict write_behind(const struct sip_held *,
                                           struct ct_helper_call *,
                                           const uint8_t *whole,
                                           const struct sip_edits *);

enum sip_held_part
sip_held_look(const struct sip_held *held, const struct ct_helper_call *call)
{
    uint32_t ofs;

    if (!held) {
        return SIP_HELD_OTHER;
    }
    ofs = call->seq - held->seq;
    if (ofs == held->bytes.length) {
        return SIP_HELD_SECOND;
    } else if (!held->known || (ofs > held->bytes.length
                                && -ofs >= call->len)) {
        return SIP_HELD_OTHER;
    }
    return (!ofs && call->len == held->bytes.length
            ? SIP_HELD_FIRST : SIP_HELD_CROOKED);
}

bool
sip_held_keep(struct sip_held **heldp, const struct ct_helper_call *call)
{
    struct sip_held *held = *heldp;

    if (!held) {
        held = *heldp = xzalloc(sizeof *held);
        ds_init(&held->bytes);
        ds_init(&held->text);
    } else if (held->known && !held->written) {
        return false;
    }
    held->seq = call->seq;
    held->known = held->written = false;
    ds_clear(&held->bytes);
    ds_put_buffer(&held->bytes, (const char *) call->payload, call->len);
    return true;
}

uint8_t *
sip_held_join(const struct sip_held *held, const struct ct_helper_call *call,
              size_t *len)
{
    uint8_t *whole = xmalloc(held->bytes.length + call->len);

    memcpy(whole, held->bytes.string, held->bytes.length);
    memcpy(whole + held->bytes.length, call->payload, call->len);
    *len = held->bytes.length + call->len;
    return whole;
}

uint32_t
sip_held_seq(const struct sip_held *held)
{
    return held->seq;
}

enum ct_helper_verdict
sip_held_split(struct sip_held *held, struct ct_helper_call *call,
               const uint8_t *whole, const struct sip_edits *edits)
{
    size_t first = put_before(held, whole, edits);

    if (edits->too_many) {
        return ct_helper_drop(call, CT_C_DROP_MANGLE);
    }
    held->known = true;
    if (ct_helper_shift(call, held->bytes.length, first, held->text.length)
        != CT_HELPER_ACCEPT) {
        return CT_HELPER_DROP;
    }
    return write_behind(held, call, whole, edits);
}

enum ct_helper_verdict
sip_held_write(struct sip_held *held, struct ct_helper_call *call)
{
    held->written = true;
    return ct_helper_replace(call, 0, call->len, held->text.string,
                             held->text.length);
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

/* The first segment, as it will be.  Of an edit on both sides of the border
 * all of the text is in front of it.  Returns where the first edit is. */
static size_t
put_before(struct sip_held *held, const uint8_t *whole,
           const struct sip_edits *edits)
{
    const char *bytes = held->bytes.string;
    size_t end = held->bytes.length, at = 0, first = end;

    ds_clear(&held->text);
    for (unsigned int i = 0; i < edits->n; i++) {
        const struct sip_edit *e = &edits->edits[i];
        size_t ofs = e->span.p - whole;

        if (ofs < end) {
            first = MIN(first, ofs);
            ds_put_buffer(&held->text, bytes + at, ofs - at);
            ds_put_buffer(&held->text, e->text, e->n);
            at = MIN(end, ofs + ct_cursor_left(&e->span));
        }
    }
    ds_put_buffer(&held->text, bytes + at, end - at);
    return first;
}

/* From its end on, as nothing moves then. */
static enum ct_helper_verdict
write_behind(const struct sip_held *held, struct ct_helper_call *call,
             const uint8_t *whole, const struct sip_edits *edits)
{
    size_t border = held->bytes.length;

    for (unsigned int i = edits->n; i-- > 0; ) {
        const struct sip_edit *e = &edits->edits[i];
        size_t from = MAX((size_t) (e->span.p - whole), border);
        size_t to = e->span.end - whole;
        bool crosses = e->span.p < whole + border;

        if (to > border
            && ct_helper_replace(call, from - border, to - from, e->text,
                                 crosses ? 0 : e->n) != CT_HELPER_ACCEPT) {
            return CT_HELPER_DROP;
        }
    }
    return CT_HELPER_ACCEPT;
}
