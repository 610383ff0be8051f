/* SPDX-License-Identifier: Apache-2.0 */

/* Announcements that come again.  Called by ct-helper-ftp.c and
 * ct-helper-irc.c for translated connections. */

#include <config.h>

#include "ct-helper-again.h"

#include <string.h>

#include "ct-tcp-window.h"
#include "util.h"

/* The largest one (RFC 7323 section 2.3). */
#define MAX_WINDOW (UINT32_C(1) << 30)

static struct ct_helper_again_text *insert(struct ct_helper_again *,
                                           uint32_t seq, size_t len);
static void delete(struct ct_helper_again *, unsigned int i);
static bool is_acknowledged(const struct ct_helper_again_text *,
                            const struct ct_helper_call *);
static enum ct_helper_verdict write_text(const struct ct_helper_again_text *,
                                         struct ct_helper_call *, size_t len);

void
ct_helper_again_begin(struct ct_helper_again *again,
                      const struct ct_helper_call *call)
{
    again->n_noted = 0;
    while (again->n
           && ct_tcp_after(call->seq, again->texts[0].seq + MAX_WINDOW)) {
        delete(again, 0);
    }
}

bool
ct_helper_again_knows(const struct ct_helper_again *again,
                      const struct ct_helper_call *call, size_t ofs,
                      size_t len)
{
    for (unsigned int i = 0; i < again->n; i++) {
        const struct ct_helper_again_text *t = &again->texts[i];

        if (t->seq == call->seq + ofs && t->len == len
            && !memcmp(t->was, call->payload + ofs, len)) {
            return true;
        }
    }
    return false;
}

enum ct_helper_verdict
ct_helper_again_note(struct ct_helper_again *again,
                     struct ct_helper_call *call, size_t ofs, size_t len,
                     const char *text, size_t n)
{
    struct ct_helper_again_text *t = NULL;

    if (again->n == CT_HELPER_AGAIN_MAX
        && is_acknowledged(&again->texts[0], call)) {
        delete(again, 0);
    }
    if (again->n < CT_HELPER_AGAIN_MAX && len <= CT_HELPER_AGAIN_MAX_TEXT
        && n <= CT_HELPER_AGAIN_MAX_TEXT) {
        t = insert(again, call->seq + ofs, len);
    }
    if (!t) {
        return ct_helper_drop(call, CT_C_DROP_MANGLE);
    }
    t->n = n;
    memcpy(t->was, call->payload + ofs, len);
    memcpy(t->is, text, n);
    return CT_HELPER_ACCEPT;
}

/* From the end on, as nothing moves then. */
enum ct_helper_verdict
ct_helper_again_write(const struct ct_helper_again *again,
                      struct ct_helper_call *call)
{
    enum ct_helper_verdict verdict = CT_HELPER_ACCEPT;
    size_t len = call->len;

    for (unsigned int i = again->n;
         i-- > 0 && verdict == CT_HELPER_ACCEPT; ) {
        verdict = write_text(&again->texts[i], call, len);
    }
    return verdict;
}

void
ct_helper_again_undo(struct ct_helper_again *again)
{
    if (again->n_noted) {
        again->n_noted = 0;
        delete(again, again->noted);
    }
}

/* In its place.  NULL: another one overlaps it. */
static struct ct_helper_again_text *
insert(struct ct_helper_again *again, uint32_t seq, size_t len)
{
    struct ct_helper_again_text *t = again->texts;
    struct ct_helper_again_text *end = t + again->n;

    while (t < end && ct_tcp_before(t->seq, seq)) {
        t++;
    }
    if ((t > again->texts && ct_tcp_after(t[-1].seq + t[-1].len, seq))
        || (t < end && ct_tcp_after(seq + len, t->seq))) {
        return NULL;
    }
    memmove(t + 1, t, (end - t) * sizeof *t);
    again->n++;
    again->n_noted = 1;
    again->noted = t - again->texts;
    t->seq = seq;
    t->len = len;
    return t;
}

static void
delete(struct ct_helper_again *again, unsigned int i)
{
    again->n--;
    memmove(&again->texts[i], &again->texts[i + 1],
            (again->n - i) * sizeof again->texts[0]);
}

/* The receiver has it: whatever comes in its place it throws away. */
static bool
is_acknowledged(const struct ct_helper_again_text *t,
                const struct ct_helper_call *call)
{
    return !ct_tcp_before(call->acked, t->seq + t->len);
}

/* 'len': of the payload as it came.  A part can be replaced if all keeps its
 * length. */
static enum ct_helper_verdict
write_text(const struct ct_helper_again_text *t, struct ct_helper_call *call,
           size_t len)
{
    int64_t ofs = (int32_t) (t->seq - call->seq);
    int64_t from = MAX(ofs, 0), to = MIN(ofs + t->len, (int64_t) len);
    bool whole = to - from == t->len;

    if (from >= to) {
        return CT_HELPER_ACCEPT;
    }
    if ((whole || t->len == t->n)
        && !memcmp(call->payload + from, t->was + (from - ofs), to - from)) {
        return ct_helper_replace(call, from, to - from, t->is + (from - ofs),
                                 whole ? t->n : to - from);
    }
    return (is_acknowledged(t, call) ? CT_HELPER_ACCEPT
            : ct_helper_drop(call, CT_C_DROP_MANGLE));
}
