/* SPDX-License-Identifier: Apache-2.0 */

/* FTP: the control connection announces where a data connection will go.
 *
 *    client  PORT h1,h2,h3,h4,p1,p2                  RFC 959 section 4.1.2
 *    client  EPRT |1|132.235.1.2|6275|               RFC 2428 section 2
 *    server  227 ... h1,h2,h3,h4,p1,p2               RFC 959, RFC 1123
 *    server  229 ... (|||6446|)                      RFC 2428 section 3
 *
 * As in the kernel, a line is only looked at if it is the first in its
 * segment, and the segment begins where a line does: behind a segment that
 * ended in a newline.  So text in the middle of a line, or of a file list,
 * passes for no command.  A command that is cut off is dropped: TCP sends it
 * again, whole.  EPRT and 229 are whole with their last delimiter.  An address
 * that is not the announcing end's own is refused (RFC 2577 section 3). */

#include <config.h>

#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ct-cursor.h"
#include "ct-helper-again.h"
#include "ct-helper.h"
#include "packets.h"
#include "util.h"

#define MAX_TEXT CT_HELPER_AGAIN_MAX_TEXT

/* What is remembered for each direction: the highest sequence numbers behind
 * newlines.  Two, as in the kernel: one may be of a segment that is sent
 * again, or of one that has come before its turn. */
#define N_LINES 2
struct lines {
    uint32_t at[N_LINES];
    uint32_t n;
};

struct ftp_state {
    struct lines lines[CT_DIR_MAX];
    struct ct_helper_again again[CT_DIR_MAX];
};

enum ftp_style {
    FTP_COMMAS,                 /* h1,h2,h3,h4,p1,p2 */
    FTP_EPRT,                   /* |family|address|port| */
    FTP_EPSV                    /* |||port| */
};

/* What was announced, and where and how it is written. */
struct announcement {
    bool has_addr;
    bool ipv6;
    union ct_inet_addr addr;
    uint16_t port;
    size_t ofs, len;
    enum ftp_style style;
};

/* What is said of a line. */
enum found {
    NOTHING,                    /* Nothing of interest. */
    FOUND,
    BAD                         /* Incomplete or wrong. */
};

/* Reads an announcement up to and including its end, and leaves the cursor
 * there.  'ipv6': family of the connection. */
typedef bool read_func(struct ct_cursor *, bool ipv6, struct announcement *);

static read_func read_commas, read_eprt, read_epsv;

#define DELIMITED '|'

static const struct pattern {
    const char *word;           /* Any case. */
    enum ct_dir dir;            /* Who says it. */
    char skip;                  /* What precedes the announcement; 0: anything
                                 * but digits. */
    char end;                   /* What follows it; 0: anything but digits;
                                 * DELIMITED: it has an end of its own. */
    enum ftp_style style;
    read_func *read;
} patterns[] = {
    { "PORT ", CT_DIR_ORIGINAL, ' ', '\r', FTP_COMMAS, read_commas },
    { "EPRT ", CT_DIR_ORIGINAL, ' ', DELIMITED, FTP_EPRT, read_eprt },
    { "227 ", CT_DIR_REPLY, 0, 0, FTP_COMMAS, read_commas },
    { "229 ", CT_DIR_REPLY, '(', DELIMITED, FTP_EPSV, read_epsv },
};

static bool at_line_start(const struct lines *, uint32_t seq);
static void remember_newline(struct lines *, uint32_t seq);
static enum found read_line(const struct ct_helper_call *,
                            struct announcement *);
static enum found try_pattern(const struct pattern *,
                              const struct ct_helper_call *,
                              struct announcement *);
static enum ct_helper_verdict announce(struct ct_helper_call *,
                                       const struct announcement *);
static enum ct_helper_verdict expect(struct ct_helper_call *,
                                     const struct announcement *);
static struct ct_helper_again *again_of(const struct ct_helper_call *);
static size_t write_text(const struct announcement *,
                         const struct ct_tuple *place, char text[MAX_TEXT]);

static enum ct_helper_verdict
ftp_read(struct ct_helper_call *call)
{
    struct ftp_state *state = call->state;
    struct lines *lines = &state->lines[call->dir];
    struct announcement a = { .port = 0 };
    enum ct_helper_verdict verdict = CT_HELPER_ACCEPT;
    enum found found = NOTHING;

    ct_helper_again_begin(again_of(call), call);
    if (!call->len || !call->both) {
        return CT_HELPER_ACCEPT;
    }
    if (at_line_start(lines, call->seq)) {
        found = read_line(call, &a);
    }
    if (found == BAD) {
        return ct_helper_drop(call, CT_C_DROP_HELPER_PAYLOAD);
    }
    if (call->payload[call->len - 1] == '\n') {
        remember_newline(lines, call->seq + call->len);
    }
    if (found == FOUND) {
        verdict = announce(call, &a);
    }
    return (verdict == CT_HELPER_ACCEPT
            ? ct_helper_again_write(again_of(call), call) : verdict);
}

static void
ftp_undo(struct ct_helper_call *call)
{
    ct_helper_again_undo(again_of(call));
}

const struct ct_helper ct_helper_ftp = {
    .name = "ftp",
    .protos = { IPPROTO_TCP },
    .classes = { { .max_expected = 1, .timeout = 300 } },
    .state_size = sizeof(struct ftp_state),
    .resizes = true,
    .read = ftp_read,
    .undo = ftp_undo,
};

static bool
at_line_start(const struct lines *lines, uint32_t seq)
{
    for (int i = 0; i < lines->n; i++) {
        if (lines->at[i] == seq) {
            return true;
        }
    }
    return false;
}

static void
remember_newline(struct lines *lines, uint32_t seq)
{
    uint32_t *lower = &lines->at[(int32_t) (lines->at[1] - lines->at[0]) < 0];

    if (at_line_start(lines, seq)) {
        return;
    }
    if (lines->n < N_LINES) {
        lines->at[lines->n++] = seq;
    } else if ((int32_t) (seq - *lower) > 0) {
        *lower = seq;
    }
}

static enum found
read_line(const struct ct_helper_call *call, struct announcement *a)
{
    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
        if (patterns[i].dir == call->dir) {
            enum found found = try_pattern(&patterns[i], call, a);

            if (found != NOTHING) {
                return found;
            }
        }
    }
    return NOTHING;
}

/* Moves to the announcement itself. */
static bool
skip_to_announcement(struct ct_cursor *c, char skip)
{
    uint8_t byte;

    if (skip == ' ') {
        /* The word ended in it; more of them do no harm. */
        while (ct_cursor_left(c) && *c->p == ' ') {
            c->p++;
        }
        return ct_cursor_left(c);
    }
    while (ct_cursor_left(c) && *c->p != '\r' && *c->p != '\n') {
        if (!skip && isdigit(*c->p)) {
            return true;
        }
        ct_cursor_u8(c, &byte);
        if (skip && byte == (uint8_t) skip) {
            return true;
        }
    }
    return false;
}

/* Is what the cursor stands at the end that belongs there? */
static bool
ends_well(const struct ct_cursor *c, char end)
{
    return (end == DELIMITED
            || (ct_cursor_left(c)
                && (end ? *c->p == (uint8_t) end : !isdigit(*c->p))));
}

static enum found
try_pattern(const struct pattern *pattern, const struct ct_helper_call *call,
            struct announcement *a)
{
    struct ct_cursor c = ct_cursor_init(call->payload, call->len);
    size_t word_len = strlen(pattern->word);
    const uint8_t *begin;
    bool ok;

    if (strncasecmp((const char *) call->payload, pattern->word,
                    MIN(word_len, call->len))) {
        return NOTHING;
    }
    ok = ct_cursor_skip(&c, word_len) && skip_to_announcement(&c,
                                                              pattern->skip);
    begin = c.p;
    if (!ok || !pattern->read(&c, ct_tuple_is_ipv6(&call->tuples[0]), a)
        || !ends_well(&c, pattern->end)) {
        return BAD;
    }
    a->ofs = begin - call->payload;
    a->len = c.p - begin;
    a->style = pattern->style;
    return FOUND;
}

/* A data connection goes to who announced it, from the other end.  What comes
 * again may have been met: then nothing more is expected. */
static enum ct_helper_verdict
announce(struct ct_helper_call *call, const struct announcement *a)
{
    const struct ct_tuple *from = &call->tuples[call->dir];
    const struct ct_helper_match match = {
        .dir = !call->dir, .port = htons(a->port),
    };

    if (a->has_addr
        && (a->ipv6 != ct_tuple_is_ipv6(from)
            || memcmp(&a->addr, &from->src, sizeof a->addr))) {
        ct_helper_count(call, CT_C_HELPER_REFUSED);
        return CT_HELPER_ACCEPT;
    }
    if (!ct_helper_again_knows(again_of(call), call, a->ofs, a->len)) {
        return expect(call, a);
    }
    ct_helper_refresh(call, &match, call->helper->classes[0].timeout);
    return CT_HELPER_ACCEPT;
}

static enum ct_helper_verdict
expect(struct ct_helper_call *call, const struct announcement *a)
{
    const struct ct_helper_expect ask = {
        .dir = !call->dir, .port = htons(a->port),
    };
    struct ct_tuple place;
    char text[MAX_TEXT];

    if (!ct_helper_expect(call, &ask, &place)) {
        return CT_HELPER_DROP;
    }
    return (call->nat
            ? ct_helper_again_note(again_of(call), call, a->ofs, a->len, text,
                                   write_text(a, &place, text))
            : CT_HELPER_ACCEPT);
}

static struct ct_helper_again *
again_of(const struct ct_helper_call *call)
{
    struct ftp_state *state = call->state;

    return &state->again[call->dir];
}

static size_t
write_text(const struct announcement *a, const struct ct_tuple *place,
           char text[MAX_TEXT])
{
    bool ipv6 = ct_tuple_is_ipv6(place);
    uint16_t port = ntohs(place->dst_port);
    char string[INET6_ADDRSTRLEN];

    switch (a->style) {
    case FTP_COMMAS: {
        const uint8_t *b = (const uint8_t *) &place->dst.ip;

        return snprintf(text, MAX_TEXT, "%u,%u,%u,%u,%u,%u",
                        b[0], b[1], b[2], b[3], port >> 8, port & 0xff);
    }
    case FTP_EPRT:
        inet_ntop(ipv6 ? AF_INET6 : AF_INET, &place->dst, string,
                  sizeof string);
        return snprintf(text, MAX_TEXT, "|%d|%s|%u|", ipv6 ? 2 : 1, string,
                        port);
    case FTP_EPSV:
    default:
        return snprintf(text, MAX_TEXT, "|||%u|", port);
    }
}

/* A decimal number of at most 'max'. */
static bool
read_number(struct ct_cursor *c, uint32_t max, uint32_t *number)
{
    const uint8_t *begin = c->p;

    for (*number = 0; ct_cursor_left(c) && isdigit(*c->p); c->p++) {
        *number = *number * 10 + (*c->p - '0');
        if (*number > max) {
            return false;
        }
    }
    return c->p > begin;
}

static bool
read_char(struct ct_cursor *c, uint8_t wanted)
{
    uint8_t byte;

    return ct_cursor_u8(c, &byte) && byte == wanted;
}

static bool
read_commas(struct ct_cursor *c, bool ipv6 OVS_UNUSED, struct announcement *a)
{
    uint32_t n[6];

    for (size_t i = 0; i < ARRAY_SIZE(n); i++) {
        if ((i && !read_char(c, ',')) || !read_number(c, UINT8_MAX, &n[i])) {
            return false;
        }
    }
    a->has_addr = true;
    a->addr.ip = htonl(n[0] << 24 | n[1] << 16 | n[2] << 8 | n[3]);
    a->port = n[4] << 8 | n[5];
    return a->port;
}

static bool
read_delimiter(struct ct_cursor *c, uint8_t *delimiter)
{
    return (ct_cursor_u8(c, delimiter) && !isdigit(*delimiter)
            && *delimiter > 32 && *delimiter < 127);
}

static bool
read_port(struct ct_cursor *c, uint8_t delimiter, uint16_t *port)
{
    uint32_t number;

    if (!read_number(c, UINT16_MAX, &number) || !number
        || !read_char(c, delimiter)) {
        return false;
    }
    *port = number;
    return true;
}

/* The address up to 'delimiter'. */
static bool
read_addr(struct ct_cursor *c, uint8_t delimiter, bool ipv6,
          union ct_inet_addr *addr)
{
    char string[INET6_ADDRSTRLEN];
    size_t n = 0;

    while (ct_cursor_left(c) && *c->p != delimiter) {
        if (n >= sizeof string - 1) {
            return false;
        }
        string[n++] = *c->p++;
    }
    string[n] = '\0';
    return (inet_pton(ipv6 ? AF_INET6 : AF_INET, string, addr) == 1
            && read_char(c, delimiter));
}

static bool
read_eprt(struct ct_cursor *c, bool ipv6, struct announcement *a)
{
    uint8_t d;

    a->has_addr = true;
    a->ipv6 = ipv6;
    return (read_delimiter(c, &d) && read_char(c, ipv6 ? '2' : '1')
            && read_char(c, d)
            && read_addr(c, d, ipv6, &a->addr)
            && read_port(c, d, &a->port));
}

static bool
read_epsv(struct ct_cursor *c, bool ipv6 OVS_UNUSED, struct announcement *a)
{
    uint8_t d;

    return (read_delimiter(c, &d) && read_char(c, d) && read_char(c, d)
            && read_port(c, d, &a->port));
}
