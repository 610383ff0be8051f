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
 * again, whole.  An address that is not the announcing end's own is refused
 * (RFC 2577 section 3). */

#include <config.h>

#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ct-cursor.h"
#include "ct-helper.h"
#include "packets.h"
#include "util.h"

/* What is remembered for each direction: the sequence numbers behind the last
 * newlines.  Two, as in the kernel: one may be of a segment that is sent
 * again. */
#define N_LINES 2
struct lines {
    uint32_t at[N_LINES];
    uint16_t n;
    uint16_t last;              /* The newer of the two. */
};
struct ftp_state {
    struct lines lines[CT_DIR_MAX];
};
BUILD_ASSERT_DECL(sizeof(struct ftp_state) <= sizeof(struct ct_helper_state));

/* What was announced. */
struct announcement {
    bool has_addr;
    bool ipv6;
    union ct_inet_addr addr;
    uint16_t port;
};

enum ftp_style {
    FTP_COMMAS,                 /* h1,h2,h3,h4,p1,p2 */
    FTP_EPRT,                   /* |family|address|port| */
    FTP_EPSV                    /* |||port| */
};

/* Reads an announcement up to and including its end, and leaves the cursor
 * there.  'ipv6': family of the connection. */
typedef bool read_func(struct ct_cursor *, bool ipv6, struct announcement *);

static read_func read_commas, read_eprt, read_epsv;

static const struct pattern {
    const char *word;           /* Any case. */
    enum ct_dir dir;            /* Who says it. */
    char skip;                  /* What precedes the announcement; 0: anything
                                 * but digits. */
    char end;                   /* What follows it; 0: anything but digits. */
    enum ftp_style style;
    read_func *read;
} patterns[] = {
    { "PORT ", CT_DIR_ORIGINAL, ' ', '\r', FTP_COMMAS, read_commas },
    { "EPRT ", CT_DIR_ORIGINAL, ' ', '\r', FTP_EPRT, read_eprt },
    { "227 ", CT_DIR_REPLY, 0, 0, FTP_COMMAS, read_commas },
    { "229 ", CT_DIR_REPLY, '(', ')', FTP_EPSV, read_epsv },
};

static bool at_line_start(const struct lines *, uint32_t seq);
static void remember_newline(struct lines *, uint32_t seq);
static enum ct_helper_verdict read_line(const struct ct_helper_input *,
                                        struct ct_helper_found *);
static enum ct_helper_verdict try_pattern(const struct pattern *,
                                          const struct ct_helper_input *,
                                          struct ct_helper_found *);
static enum ct_helper_verdict judge(const struct ct_helper_input *,
                                    const struct announcement *,
                                    struct ct_helper_found *);

static enum ct_helper_verdict
ftp_read(const struct ct_helper_input *in, struct ct_helper_found *found)
{
    struct ftp_state *state = (struct ftp_state *) in->state;
    struct lines *lines = &state->lines[in->dir];
    enum ct_helper_verdict verdict = CT_HELPER_NOTHING;

    if (!in->len || !in->both) {
        return CT_HELPER_NOTHING;
    }
    if (at_line_start(lines, in->seq)) {
        verdict = read_line(in, found);
    }
    if (verdict != CT_HELPER_BAD && in->payload[in->len - 1] == '\n') {
        remember_newline(lines, in->seq + in->len);
    }
    return verdict;
}

static size_t
ftp_write(const struct ct_helper_found *found,
          const union ct_inet_addr *addr, bool ipv6, ovs_be16 port_,
          char *text)
{
    char string[INET6_ADDRSTRLEN];
    uint16_t port = ntohs(port_);

    switch ((enum ftp_style) found->style) {
    case FTP_COMMAS: {
        const uint8_t *a = (const uint8_t *) &addr->ip;

        return snprintf(text, CT_HELPER_MAX_TEXT, "%u,%u,%u,%u,%u,%u",
                        a[0], a[1], a[2], a[3], port >> 8, port & 0xff);
    }
    case FTP_EPRT:
        inet_ntop(ipv6 ? AF_INET6 : AF_INET, addr, string, sizeof string);
        return snprintf(text, CT_HELPER_MAX_TEXT, "|%d|%s|%u|",
                        ipv6 ? 2 : 1, string, port);
    case FTP_EPSV:
    default:
        return snprintf(text, CT_HELPER_MAX_TEXT, "|||%u|", port);
    }
}

const struct ct_helper ct_helper_ftp = {
    .name = "ftp",
    .proto = IPPROTO_TCP,
    .max_expected = 1,
    .timeout = 300,
    .read = ftp_read,
    .write = ftp_write,
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
    if (at_line_start(lines, seq)) {
        return;
    }
    if (lines->n < N_LINES) {
        lines->last = lines->n++;
        lines->at[lines->last] = seq;
    } else if ((int32_t) (seq - lines->at[lines->last]) > 0) {
        lines->last = !lines->last;
        lines->at[lines->last] = seq;
    }
}

static enum ct_helper_verdict
read_line(const struct ct_helper_input *in, struct ct_helper_found *found)
{
    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
        if (patterns[i].dir == in->dir) {
            enum ct_helper_verdict verdict = try_pattern(&patterns[i], in,
                                                         found);

            if (verdict != CT_HELPER_NOTHING) {
                return verdict;
            }
        }
    }
    return CT_HELPER_NOTHING;
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
    return (ct_cursor_left(c)
            && (end ? *c->p == (uint8_t) end : !isdigit(*c->p)));
}

static enum ct_helper_verdict
try_pattern(const struct pattern *pattern, const struct ct_helper_input *in,
            struct ct_helper_found *found)
{
    struct ct_cursor c = ct_cursor_init(in->payload, in->len);
    size_t word_len = strlen(pattern->word);
    struct announcement a = { .port = 0 };
    const uint8_t *begin;
    bool ok;

    if (strncasecmp((const char *) in->payload, pattern->word,
                    MIN(word_len, in->len))) {
        return CT_HELPER_NOTHING;
    }
    ok = ct_cursor_skip(&c, word_len) && skip_to_announcement(&c,
                                                              pattern->skip);
    begin = c.p;
    if (!ok || !pattern->read(&c, ct_tuple_is_ipv6(&in->tuples[0]), &a)
        || !ends_well(&c, pattern->end)) {
        return CT_HELPER_BAD;
    }
    found->text_ofs = begin - in->payload;
    found->text_len = c.p - begin;
    found->style = pattern->style;
    return judge(in, &a, found);
}

/* A data connection goes to who announced it, from the other end. */
static enum ct_helper_verdict
judge(const struct ct_helper_input *in, const struct announcement *a,
      struct ct_helper_found *found)
{
    const struct ct_tuple *from = &in->tuples[in->dir];

    if (a->has_addr
        && (a->ipv6 != ct_tuple_is_ipv6(from)
            || memcmp(&a->addr, &from->src, sizeof a->addr))) {
        return CT_HELPER_REFUSED;
    }
    found->dir = in->dir ^ 1;
    found->port = htons(a->port);
    return CT_HELPER_FOUND;
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
