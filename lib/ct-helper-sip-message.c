/* SPDX-License-Identifier: Apache-2.0 */

/* SIP messages as text: for ct-helper-sip.c and ct-helper-sip-nat.c. */

#include <config.h>

#include "ct-helper-sip-message.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "util.h"

/* The names of RFC 3261 section 7.3.3, long and compact. */
static const struct {
    const char *name;
    char compact;
    enum sip_field_name field;
} names[] = {
    { "Via", 'v', SIP_FIELD_VIA },
    { "From", 'f', SIP_FIELD_FROM },
    { "To", 't', SIP_FIELD_TO },
    { "Contact", 'm', SIP_FIELD_CONTACT },
    { "Route", 0, SIP_FIELD_ROUTE },
    { "Record-Route", 0, SIP_FIELD_RECORD_ROUTE },
    { "CSeq", 0, SIP_FIELD_CSEQ },
    { "Expires", 0, SIP_FIELD_EXPIRES },
    { "Content-Length", 'l', SIP_FIELD_CONTENT_LENGTH },
};

static bool read_start_line(struct ct_cursor line, struct sip_message *);
static bool read_head(struct ct_cursor *, struct sip_message *);
static bool find_empty_line(struct ct_cursor *, struct ct_cursor *fields);
static void read_fields(struct sip_message *);
static void read_cseq(struct ct_cursor value, struct sip_message *);
static void take_body(struct ct_cursor *, bool stream, struct sip_message *);
static enum sip_field_name name_of(struct ct_cursor);
static bool read_place(struct ct_cursor, bool ipv6, struct sip_place *);

enum sip_found
sip_message_read(struct ct_cursor *c, bool stream,
                 struct sip_message *message)
{
    struct ct_cursor line, start = *c;

    memset(message, 0, sizeof *message);
    if (!sip_line_next(&start, &line) || !read_start_line(line, message)) {
        return SIP_ELSE;
    }
    if (!read_head(&start, message)) {
        return SIP_CUT;
    }
    read_fields(message);
    take_body(&start, stream, message);
    *c = start;
    return SIP_MESSAGE;
}

bool
sip_may_begin(struct ct_cursor c)
{
    for (const uint8_t *p = c.p; p < c.end; p++) {
        if (!isprint(*p)) {
            return false;
        }
    }
    return ct_cursor_left(&c);
}

bool
sip_field_next(struct ct_cursor *fields, struct sip_field *field)
{
    struct ct_cursor line, more, next, name;
    const uint8_t *colon;

    while (sip_line_next(fields, &line)) {
        /* Folded lines. */
        for (next = *fields; ct_cursor_left(&next)
             && (*next.p == ' ' || *next.p == '\t'); *fields = next) {
            if (!sip_line_next(&next, &more)) {
                break;
            }
            line.end = more.end;
        }
        colon = (ct_cursor_left(&line)
                 ? memchr(line.p, ':', ct_cursor_left(&line)) : NULL);
        if (colon) {
            name = (struct ct_cursor) { line.p, colon };
            while (ct_cursor_left(&name) && isspace(name.end[-1])) {
                name.end--;
            }
            field->name = name_of(name);
            field->value = (struct ct_cursor) { colon + 1, line.end };
            sip_skip_space(&field->value);
            return true;
        }
    }
    return false;
}

bool
sip_element_next(struct ct_cursor *value, struct ct_cursor *element)
{
    bool quoted = false, angled = false;

    sip_skip_space(value);
    if (!ct_cursor_left(value)) {
        return false;
    }
    *element = *value;
    for (const uint8_t *p = value->p; p < value->end; p++) {
        if (quoted && *p == '\\') {
            p++;
        } else if (*p == '"') {
            quoted = !quoted;
        } else if (!quoted && (*p == '<' || *p == '>')) {
            angled = *p == '<';
        } else if (!quoted && !angled && *p == ',') {
            element->end = p;
            value->p = p + 1;
            return true;
        }
    }
    value->p = value->end;
    return true;
}

/* Behind a display name, which may be a quoted string, and the scheme. */
static bool
find_uri(struct ct_cursor *c)
{
    struct ct_cursor plain = *c;
    bool quoted = false;

    for (const uint8_t *p = c->p; p < c->end; p++) {
        if (quoted && *p == '\\') {
            p++;
        } else if (*p == '"') {
            quoted = !quoted;
        } else if (!quoted && *p == '<') {
            plain.p = p + 1;
            break;
        }
    }
    *c = plain;
    sip_skip_space(c);
    return sip_word(c, "sip:") || sip_word(c, "sips:");
}

bool
sip_uri_read(struct ct_cursor element, bool ipv6, struct sip_place *place)
{
    struct ct_cursor c = element;

    if (!find_uri(&c)) {
        return false;
    }
    for (const uint8_t *p = c.p; p < c.end && *p != '>' && !isspace(*p);
         p++) {
        if (*p == '@') {
            c.p = p + 1;
            break;
        }
    }
    return read_place(c, ipv6, place);
}

bool
sip_via_read(struct ct_cursor element, bool ipv6, struct sip_place *place)
{
    struct ct_cursor c = element;

    if (!sip_word(&c, "SIP/2.0/")) {
        return false;
    }
    while (ct_cursor_left(&c) && !isspace(*c.p)) {
        c.p++;
    }
    sip_skip_space(&c);
    return read_place(c, ipv6, place);
}

bool
sip_parameter(struct ct_cursor rest, const char *name,
              struct ct_cursor *value)
{
    bool quoted = false;

    for (; ct_cursor_left(&rest); rest.p++) {
        struct ct_cursor c = { rest.p + 1, rest.end };

        if (*rest.p == '"') {
            quoted = !quoted;
        }
        if (quoted || *rest.p != ';') {
            continue;
        }
        sip_skip_space(&c);
        if (sip_word(&c, name) && ct_cursor_left(&c) && *c.p == '=') {
            *value = (struct ct_cursor) { c.p + 1, c.p + 1 };
            while (value->end < c.end && !strchr(";,> \t\r\n", *value->end)) {
                value->end++;
            }
            return true;
        }
    }
    return false;
}

bool
sip_addr_read(struct ct_cursor text, bool ipv6, union ct_inet_addr *addr)
{
    char string[INET6_ADDRSTRLEN];
    size_t n;

    if (ct_cursor_left(&text) > 2 && *text.p == '[' && text.end[-1] == ']') {
        text.p++;
        text.end--;
    }
    n = ct_cursor_left(&text);
    if (!n || n >= sizeof string || memchr(text.p, '\0', n)) {
        return false;
    }
    memcpy(string, text.p, n);
    string[n] = '\0';
    memset(addr, 0, sizeof *addr);
    return inet_pton(ipv6 ? AF_INET6 : AF_INET, string, addr) == 1;
}

bool
sip_number_read(struct ct_cursor *c, uint32_t *number)
{
    const uint8_t *begin = c->p;
    uint64_t n = 0;

    for (; ct_cursor_left(c) && isdigit(*c->p); c->p++) {
        n = n * 10 + (*c->p - '0');
        if (n > UINT32_MAX) {
            return false;
        }
    }
    *number = n;
    return c->p > begin;
}

bool
sip_word(struct ct_cursor *c, const char *word)
{
    size_t n = strlen(word);

    if (ct_cursor_left(c) < n || strncasecmp((const char *) c->p, word, n)) {
        return false;
    }
    c->p += n;
    return true;
}

bool
sip_is(struct ct_cursor text, const char *word)
{
    return sip_word(&text, word) && !ct_cursor_left(&text);
}

void
sip_skip_space(struct ct_cursor *c)
{
    while (ct_cursor_left(c) && isspace(*c->p)) {
        c->p++;
    }
}

bool
sip_line_next(struct ct_cursor *c, struct ct_cursor *line)
{
    const uint8_t *end;

    if (!ct_cursor_left(c)) {
        return false;
    }
    end = memchr(c->p, '\n', ct_cursor_left(c));
    line->p = c->p;
    line->end = end ? end : c->end;
    c->p = end ? end + 1 : c->end;
    if (line->end > line->p && line->end[-1] == '\r') {
        line->end--;
    }
    return true;
}

/* METHOD URI SIP/2.0, or SIP/2.0 STATUS ... */
static bool
read_start_line(struct ct_cursor line, struct sip_message *message)
{
    const uint8_t *first, *last;

    if (sip_word(&line, "SIP/2.0 ")) {
        return sip_number_read(&line, &message->status);
    }
    first = ct_cursor_left(&line) ? memchr(line.p, ' ', line.end - line.p)
                                  : NULL;
    last = first ? memrchr(line.p, ' ', line.end - line.p) : NULL;
    if (!first || first == last || first == line.p
        || !sip_is((struct ct_cursor) { last + 1, line.end }, "SIP/2.0")) {
        return false;
    }
    message->is_request = true;
    message->method = (struct ct_cursor) { line.p, first };
    message->uri = (struct ct_cursor) { first + 1, last };
    return true;
}

/* Up to and including the empty line. */
static bool
read_head(struct ct_cursor *c, struct sip_message *message)
{
    return find_empty_line(c, &message->fields);
}

static bool
find_empty_line(struct ct_cursor *c, struct ct_cursor *fields)
{
    struct ct_cursor line, from = *c;

    fields->p = fields->end = from.p;
    while (sip_line_next(&from, &line) && from.p[-1] == '\n') {
        if (!ct_cursor_left(&line)) {
            fields->end = line.p;
            *c = from;
            return true;
        }
    }
    return false;
}

static void
read_fields(struct sip_message *message)
{
    struct ct_cursor fields = message->fields;
    struct sip_field field;

    while (sip_field_next(&fields, &field)) {
        uint32_t number;

        if (field.name == SIP_FIELD_CSEQ && !message->has_cseq) {
            read_cseq(field.value, message);
        } else if (field.name == SIP_FIELD_CONTENT_LENGTH
                   && !message->content_length.p) {
            struct ct_cursor c = field.value;

            if (sip_number_read(&c, &number)) {
                message->content_length = (struct ct_cursor) {
                    field.value.p, c.p,
                };
            }
        }
    }
}

static void
read_cseq(struct ct_cursor value, struct sip_message *message)
{
    if (!sip_number_read(&value, &message->cseq)) {
        return;
    }
    message->has_cseq = true;
    if (!message->is_request) {
        sip_skip_space(&value);
        message->method = (struct ct_cursor) { value.p, value.p };
        while (message->method.end < value.end
               && !isspace(*message->method.end)) {
            message->method.end++;
        }
    }
}

/* Without a length, a message in a stream has no body (RFC 3261 section
 * 20.14), and that of a datagram fills it. */
static void
take_body(struct ct_cursor *c, bool stream, struct sip_message *message)
{
    struct ct_cursor digits = message->content_length;
    size_t left = ct_cursor_left(c);
    uint32_t len = stream ? 0 : left;

    if (digits.p) {
        sip_number_read(&digits, &len);
    }
    message->body = (struct ct_cursor) { c->p, c->p + MIN(len, left) };
    message->body_missing = len - MIN(len, left);
    c->p = stream ? message->body.end : c->end;
}

static enum sip_field_name
name_of(struct ct_cursor name)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (sip_is(name, names[i].name)
            || (names[i].compact && ct_cursor_left(&name) == 1
                && tolower(*name.p) == names[i].compact)) {
            return names[i].field;
        }
    }
    return SIP_FIELD_OTHER;
}

/* HOST or HOST:PORT. */
static bool
read_place(struct ct_cursor c, bool ipv6, struct sip_place *place)
{
    struct ct_cursor host = { c.p, c.p };
    bool bracketed = ct_cursor_left(&c) && *c.p == '[';
    uint32_t port = SIP_PORT;

    while (host.end < c.end && !isspace(*host.end)
           && !strchr(bracketed ? "]" : ":;,>?&", *host.end)) {
        host.end++;
    }
    if (bracketed) {
        if (host.end == c.end || *host.end != ']') {
            return false;
        }
        host.end++;
    }
    place->text = host;
    place->has_addr = (bracketed == ipv6
                       && sip_addr_read(host, ipv6, &place->addr));
    c.p = host.end;
    if (sip_word(&c, ":")) {
        if (!sip_number_read(&c, &port) || !port || port > UINT16_MAX) {
            return false;
        }
        place->text.end = c.p;
    }
    place->port = port;
    place->rest = c;
    return ct_cursor_left(&host);
}
