/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_HELPER_SIP_SDP_H
#define CT_HELPER_SIP_SDP_H 1

#include <stdbool.h>
#include <stdint.h>

#include "ct-cursor.h"
#include "ct-tuple.h"

/* Session descriptions (RFC 8866), for the SIP helper alone.
 * ===========================================================
 *
 * What
 * ----
 * Which media an end will receive, and where.  Spans point into the payload.
 *
 * Threads: pure functions. */

struct sdp_addr {
    struct ct_cursor text;      /* 'p' NULL: none of the wanted family. */
    union ct_inet_addr addr;
};

/* Kinds of media; the index of a class of the helper is one more. */
enum sdp_kind {
    SDP_AUDIO,
    SDP_VIDEO,
    SDP_IMAGE,
    SDP_OTHER
};

struct sdp_media {
    enum sdp_kind kind;
    struct ct_cursor port_text;
    uint32_t port;              /* 0: not used. */
    struct sdp_addr connection; /* Its own, if any. */
    struct ct_cursor rtcp_text; /* Of "a=rtcp:", if any. */
    uint32_t rtcp_port;
};

#define SDP_MAX_MEDIA 16

struct sdp {
    struct sdp_addr origin, connection;
    struct sdp_media media[SDP_MAX_MEDIA];
    unsigned int n_media;
};

enum sdp_found {
    SDP_FOUND,
    SDP_NONE,
    SDP_BAD                     /* With more than SDP_MAX_MEDIA: behind these
                                 * nothing was read. */
};

/* Reads what stands in the body of a message. */
enum sdp_found sdp_read(struct ct_cursor body, bool ipv6, struct sdp *);

#endif /* ct-helper-sip-sdp.h */
