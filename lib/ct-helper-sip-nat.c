/* SPDX-License-Identifier: Apache-2.0 */

/* SIP: what a translation changes in the header fields, and how changes are
 * written.  Called by ct-helper-sip.c.
 *
 * As in the kernel, address and port together are looked at: those of the
 * connection's own ends are replaced by what the other end knows, all others
 * stay.  In one direction the sender's own become what it is seen as; what the
 * sender knows the other end as becomes what that one is. */

#include <config.h>

#include "ct-helper-sip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

static void map_place(const struct ct_helper_call *,
                      const struct sip_place *, struct sip_edits *);
static void map_uris(const struct ct_helper_call *, struct ct_cursor value,
                     struct sip_edits *);
static void map_via(const struct ct_helper_call *, struct ct_cursor value,
                    bool is_request, struct sip_edits *);
static void map_via_parameters(const struct ct_helper_call *,
                               struct ct_cursor rest, struct sip_edits *);

void
sip_nat_fields(const struct ct_helper_call *call,
               const struct sip_message *message, struct sip_edits *edits)
{
    struct ct_cursor fields = message->fields;
    struct sip_field field;
    bool first_via = true;

    if (message->is_request) {
        map_uris(call, message->uri, edits);
    }
    while (sip_field_next(&fields, &field)) {
        switch (field.name) {
        case SIP_FIELD_VIA:
            /* The topmost one is of who sent the request. */
            if (first_via) {
                map_via(call, field.value, message->is_request, edits);
                first_via = false;
            }
            break;
        case SIP_FIELD_FROM:
        case SIP_FIELD_TO:
        case SIP_FIELD_CONTACT:
        case SIP_FIELD_ROUTE:
        case SIP_FIELD_RECORD_ROUTE:
            map_uris(call, field.value, edits);
            break;
        case SIP_FIELD_OTHER:
        case SIP_FIELD_CSEQ:
        case SIP_FIELD_EXPIRES:
        case SIP_FIELD_CONTENT_LENGTH:
        default:
            break;
        }
    }
}

void
sip_nat_length(const struct sip_message *message, struct sip_edits *edits)
{
    int growth = sip_edits_growth(edits, message->body);
    struct ct_cursor digits = message->content_length;
    char text[SIP_MAX_TEXT];
    uint32_t len;

    if (growth && digits.p && sip_number_read(&digits, &len)) {
        snprintf(text, sizeof text, "%"PRIu32, len + growth);
        sip_edit(edits, message->content_length, text);
    }
}

void
sip_edit(struct sip_edits *edits, struct ct_cursor span, const char *text)
{
    unsigned int i = edits->n;

    while (i && edits->edits[i - 1].span.p > span.p) {
        i--;
    }
    if (i && edits->edits[i - 1].span.end > span.p) {
        return;
    }
    if (edits->n >= SIP_MAX_EDITS) {
        edits->too_many = true;
        return;
    }
    memmove(&edits->edits[i + 1], &edits->edits[i],
            (edits->n++ - i) * sizeof edits->edits[0]);
    edits->edits[i].span = span;
    edits->edits[i].n = strlen(text);
    memcpy(edits->edits[i].text, text, edits->edits[i].n);
}

void
sip_edit_addr(struct sip_edits *edits, struct ct_cursor span,
              const union ct_inet_addr *addr, bool ipv6)
{
    char text[SIP_MAX_TEXT];

    inet_ntop(ipv6 ? AF_INET6 : AF_INET, addr, text, sizeof text);
    sip_edit(edits, span, text);
}

void
sip_edit_port(struct sip_edits *edits, struct ct_cursor span, uint16_t port)
{
    char text[SIP_MAX_TEXT];

    snprintf(text, sizeof text, "%u", port);
    sip_edit(edits, span, text);
}

void
sip_edit_place(struct sip_edits *edits, struct ct_cursor span,
               const struct ct_tuple *place)
{
    bool ipv6 = ct_tuple_is_ipv6(place);
    char addr[INET6_ADDRSTRLEN], text[SIP_MAX_TEXT];

    inet_ntop(ipv6 ? AF_INET6 : AF_INET, &place->dst, addr, sizeof addr);
    snprintf(text, sizeof text, ipv6 ? "[%s]:%u" : "%s:%u", addr,
             ntohs(place->dst_port));
    sip_edit(edits, span, text);
}

int
sip_edits_growth(const struct sip_edits *edits, struct ct_cursor span)
{
    int growth = 0;

    for (unsigned int i = 0; i < edits->n; i++) {
        const struct sip_edit *e = &edits->edits[i];

        if (e->span.p >= span.p && e->span.end <= span.end) {
            growth += (int) e->n - (int) ct_cursor_left(&e->span);
        }
    }
    return growth;
}

enum ct_helper_verdict
sip_edits_write(struct ct_helper_call *call, const struct sip_edits *edits)
{
    const uint8_t *base = call->payload;

    if (edits->too_many) {
        return ct_helper_drop(call, CT_C_DROP_MANGLE);
    }
    for (unsigned int i = edits->n; i-- > 0; ) {
        const struct sip_edit *e = &edits->edits[i];

        if (ct_helper_replace(call, e->span.p - base, ct_cursor_left(&e->span),
                              e->text, e->n) != CT_HELPER_ACCEPT) {
            return CT_HELPER_DROP;
        }
    }
    return CT_HELPER_ACCEPT;
}

static bool
is_place(const struct sip_place *place, const union ct_inet_addr *addr,
         ovs_be16 port)
{
    return (place->port == ntohs(port)
            && !memcmp(&place->addr, addr, sizeof *addr));
}

static void
map_place(const struct ct_helper_call *call, const struct sip_place *place,
          struct sip_edits *edits)
{
    const struct ct_tuple *sent = &call->tuples[call->dir];
    const struct ct_tuple *back = &call->tuples[!call->dir];
    struct ct_tuple to = *back;

    if (is_place(place, &sent->src, sent->src_port)) {
        to.dst = back->dst;
        to.dst_port = back->dst_port;
    } else if (is_place(place, &sent->dst, sent->dst_port)) {
        to.dst = back->src;
        to.dst_port = back->src_port;
    } else {
        return;
    }
    if (!is_place(place, &to.dst, to.dst_port)) {
        sip_edit_place(edits, place->text, &to);
    }
}

/* All elements of a field, or a request's URI. */
static void
map_uris(const struct ct_helper_call *call, struct ct_cursor value,
         struct sip_edits *edits)
{
    bool ipv6 = ct_tuple_is_ipv6(&call->tuples[0]);
    struct ct_cursor element;
    struct sip_place place;

    while (sip_element_next(&value, &element)) {
        if (sip_uri_read(element, ipv6, &place) && place.has_addr) {
            map_place(call, &place, edits);
        }
    }
}

/* A request's is its sender's, a response's its receiver's. */
static void
map_via(const struct ct_helper_call *call, struct ct_cursor value,
        bool is_request, struct sip_edits *edits)
{
    const struct ct_tuple *sent = &call->tuples[call->dir];
    bool ipv6 = ct_tuple_is_ipv6(sent);
    struct ct_cursor element;
    struct sip_place place;

    if (!sip_element_next(&value, &element)
        || !sip_via_read(element, ipv6, &place)) {
        return;
    }
    if (place.has_addr
        && (is_request ? is_place(&place, &sent->src, sent->src_port)
            : is_place(&place, &sent->dst, sent->dst_port))) {
        map_place(call, &place, edits);
    }
    map_via_parameters(call, place.rest, edits);
}

/* maddr=, where the answer is to go; received= and rport= (RFC 3581), where
 * the request came from. */
static void
map_via_parameters(const struct ct_helper_call *call, struct ct_cursor rest,
                   struct sip_edits *edits)
{
    const struct ct_tuple *sent = &call->tuples[call->dir];
    const struct ct_tuple *back = &call->tuples[!call->dir];
    bool ipv6 = ct_tuple_is_ipv6(sent);
    union ct_inet_addr addr;
    struct ct_cursor text;
    uint32_t port;

    if (sip_parameter(rest, "maddr", &text)
        && sip_addr_read(text, ipv6, &addr)
        && !memcmp(&addr, &sent->src, sizeof addr)
        && memcmp(&addr, &back->dst, sizeof addr)) {
        sip_edit_addr(edits, text, &back->dst, ipv6);
    }
    if (sip_parameter(rest, "received", &text)
        && sip_addr_read(text, ipv6, &addr)
        && !memcmp(&addr, &sent->dst, sizeof addr)
        && memcmp(&addr, &back->src, sizeof addr)) {
        sip_edit_addr(edits, text, &back->src, ipv6);
    }
    if (sip_parameter(rest, "rport", &text)) {
        struct ct_cursor c = text;

        if (sip_number_read(&c, &port) && port == ntohs(sent->dst_port)
            && sent->dst_port != back->src_port) {
            sip_edit_port(edits, text, ntohs(back->src_port));
        }
    }
}
