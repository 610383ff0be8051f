/* SPDX-License-Identifier: Apache-2.0 */

/* Session descriptions: for ct-helper-sip.c. */

#include <config.h>

#include "ct-helper-sip-sdp.h"

#include <ctype.h>
#include <string.h>

#include "ct-helper-sip-message.h"
#include "util.h"

static bool find_version(struct ct_cursor *body);
static bool read_line(struct ct_cursor line, bool ipv6, struct sdp *);
static bool read_media(struct ct_cursor value, struct sdp *);
static void read_attribute(struct ct_cursor value, struct sdp_media *);
static void read_addr(struct ct_cursor value, bool ipv6, struct sdp_addr *);

enum sdp_found
sdp_read(struct ct_cursor body, bool ipv6, struct sdp *sdp)
{
    struct ct_cursor line;

    memset(sdp, 0, sizeof *sdp);
    if (!find_version(&body)) {
        return SDP_NONE;
    }
    while (sip_line_next(&body, &line) && !sip_word(&line, "--")) {
        if (!read_line(line, ipv6, sdp)) {
            return SDP_BAD;
        }
    }
    return SDP_FOUND;
}

/* It may be a part of a body of several. */
static bool
find_version(struct ct_cursor *body)
{
    struct ct_cursor line;

    while (sip_line_next(body, &line)) {
        if (ct_cursor_left(&line) >= 2 && !memcmp(line.p, "v=", 2)) {
            return true;
        }
    }
    return false;
}

static bool
read_line(struct ct_cursor line, bool ipv6, struct sdp *sdp)
{
    struct sdp_media *media = (sdp->n_media
                               ? &sdp->media[sdp->n_media - 1] : NULL);
    struct ct_cursor value = { line.p + 2, line.end };

    if (ct_cursor_left(&line) < 2 || line.p[1] != '=') {
        return true;
    }
    switch (*line.p) {
    case 'o':
        if (!sdp->origin.text.p && !media) {
            read_addr(value, ipv6, &sdp->origin);
        }
        return true;
    case 'c': {
        struct sdp_addr *addr = media ? &media->connection : &sdp->connection;

        if (!addr->text.p) {
            read_addr(value, ipv6, addr);
        }
        return true;
    }
    case 'm':
        return read_media(value, sdp);
    case 'a':
        if (media) {
            read_attribute(value, media);
        }
        return true;
    default:
        return true;
    }
}

/* KIND PORT[/N] PROTOCOL ... */
static bool
read_media(struct ct_cursor value, struct sdp *sdp)
{
    static const char *const kinds[] = {
        [SDP_AUDIO] = "audio ",
        [SDP_VIDEO] = "video ",
        [SDP_IMAGE] = "image ",
    };
    struct sdp_media *media;

    if (sdp->n_media >= SDP_MAX_MEDIA) {
        return false;
    }
    media = &sdp->media[sdp->n_media++];
    for (media->kind = 0; media->kind < SDP_OTHER; media->kind++) {
        if (sip_word(&value, kinds[media->kind])) {
            break;
        }
    }
    if (media->kind == SDP_OTHER) {
        return true;
    }
    sip_skip_space(&value);
    media->port_text.p = value.p;
    if (!sip_number_read(&value, &media->port)) {
        media->port = 0;
    }
    media->port_text.end = value.p;
    return true;
}

/* rtcp:PORT ... (RFC 3605) */
static void
read_attribute(struct ct_cursor value, struct sdp_media *media)
{
    if (media->rtcp_text.p || !sip_word(&value, "rtcp:")) {
        return;
    }
    media->rtcp_text.p = value.p;
    if (!sip_number_read(&value, &media->rtcp_port)) {
        media->rtcp_port = 0;
    }
    media->rtcp_text.end = value.p;
}

/* ... IN IP4 ADDRESS, behind which a TTL may stand. */
static void
read_addr(struct ct_cursor value, bool ipv6, struct sdp_addr *addr)
{
    for (; ct_cursor_left(&value); value.p++) {
        struct ct_cursor c = value;

        if (sip_word(&c, ipv6 ? "IN IP6 " : "IN IP4 ")) {
            struct ct_cursor text = { c.p, c.p };

            while (text.end < c.end && !isspace(*text.end)
                   && *text.end != '/') {
                text.end++;
            }
            if (sip_addr_read(text, ipv6, &addr->addr)) {
                addr->text = text;
            }
            return;
        }
    }
}
