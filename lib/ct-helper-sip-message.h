/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_HELPER_SIP_MESSAGE_H
#define CT_HELPER_SIP_MESSAGE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ct-cursor.h"
#include "ct-tuple.h"

/* SIP messages as text (RFC 3261 section 7), for the helper alone.
 * =================================================================
 *
 * What
 * ----
 * A message is a start line, header fields, an empty line and a body.  Nothing
 * is copied: what is found are spans of the payload, cursors whose 'p' and
 * 'end' point into it.  Names of fields are known in any case and in their
 * compact form; a field may go on in lines that begin with white space
 * (folding), which stay in its span.  Lines end in CR LF or in LF alone.
 *
 * Threads: pure functions. */

enum sip_field_name {
    SIP_FIELD_OTHER,
    SIP_FIELD_VIA,
    SIP_FIELD_FROM,
    SIP_FIELD_TO,
    SIP_FIELD_CONTACT,
    SIP_FIELD_ROUTE,
    SIP_FIELD_RECORD_ROUTE,
    SIP_FIELD_CSEQ,
    SIP_FIELD_EXPIRES,
    SIP_FIELD_CONTENT_LENGTH
};

struct sip_field {
    enum sip_field_name name;
    struct ct_cursor value;
};

struct sip_message {
    bool is_request;
    struct ct_cursor method;    /* Of a response: the one it answers. */
    struct ct_cursor uri;       /* Of a request. */
    uint32_t status;            /* Of a response. */
    uint32_t cseq;
    bool has_cseq;
    struct ct_cursor fields;
    struct ct_cursor content_length;    /* The number; 'p' NULL: none. */
    struct ct_cursor body;      /* As far as it is there. */
    size_t body_missing;        /* Bytes of it. */
};

enum sip_found {
    SIP_MESSAGE,                /* With all its header fields. */
    SIP_CUT,                    /* The header fields do not end. */
    SIP_ELSE                    /* No SIP. */
};

/* Reads a message, behind which the cursor then stands.  In a stream the body
 * is as long as the message says; a datagram has one message. */
enum sip_found sip_message_read(struct ct_cursor *, bool stream,
                                struct sip_message *);

/* Is it text without the end of a line, as the beginning of a message is? */
bool sip_may_begin(struct ct_cursor);

/* The next header field; false if there is none. */
bool sip_field_next(struct ct_cursor *fields, struct sip_field *);

/* The next of the elements that stand in a field with commas in between. */
bool sip_element_next(struct ct_cursor *value, struct ct_cursor *element);

/* An address in a message. */
struct sip_place {
    bool has_addr;              /* Not a name. */
    union ct_inet_addr addr;
    uint16_t port;              /* SIP_PORT if none is given. */
    struct ct_cursor text;      /* Address and port. */
    struct ct_cursor rest;      /* What is behind it: parameters. */
};

#define SIP_PORT 5060

/* The URI of an element such as From: and Contact: have; the sent-by of a Via:
 * element; host and port alone.  False: there is none, or it makes no
 * sense. */
bool sip_uri_read(struct ct_cursor element, bool ipv6, struct sip_place *);
bool sip_via_read(struct ct_cursor element, bool ipv6, struct sip_place *);

/* The value of the parameter ";NAME=VALUE"; false if there is none. */
bool sip_parameter(struct ct_cursor rest, const char *name,
                   struct ct_cursor *value);

/* An address of the family, and nothing else; IPv6 with or without []. */
bool sip_addr_read(struct ct_cursor text, bool ipv6, union ct_inet_addr *);

/* A decimal number up to UINT32_MAX, behind which the cursor then stands. */
bool sip_number_read(struct ct_cursor *, uint32_t *number);

/* Does the text begin with the word, in any case?  The cursor then stands
 * behind it. */
bool sip_word(struct ct_cursor *, const char *word);
bool sip_is(struct ct_cursor text, const char *word);

void sip_skip_space(struct ct_cursor *);

/* The next line, without its end. */
bool sip_line_next(struct ct_cursor *, struct ct_cursor *line);

#endif /* ct-helper-sip-message.h */
