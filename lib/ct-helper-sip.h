/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_HELPER_SIP_H
#define CT_HELPER_SIP_H 1

#include <stdbool.h>
#include <stddef.h>

#include "ct-cursor.h"
#include "ct-helper.h"
#include "ct-helper-sip-message.h"

/* What the files of the SIP helper share.
 * ========================================
 *
 * All messages of a packet are read first.  What has to be written is noted
 * meanwhile, as edits of the payload as it came, and written at the end, from
 * its end on, so that no span moves. */

/* "[", an IPv6 address, "]:65535". */
#define SIP_MAX_TEXT 64
#define SIP_MAX_EDITS 96

struct sip_edit {
    struct ct_cursor span;
    char text[SIP_MAX_TEXT];
    size_t n;
};

struct sip_edits {
    struct sip_edit edits[SIP_MAX_EDITS];       /* By place. */
    unsigned int n;
    bool too_many;
};

/* There are none. */
static inline void
sip_edits_init(struct sip_edits *edits)
{
    edits->n = 0;
    edits->too_many = false;
}

/* Notes that 'span' becomes 'text'.  The first edit of a span holds. */
void sip_edit(struct sip_edits *, struct ct_cursor span, const char *text);
void sip_edit_addr(struct sip_edits *, struct ct_cursor span,
                   const union ct_inet_addr *, bool ipv6);
void sip_edit_port(struct sip_edits *, struct ct_cursor span, uint16_t port);
/* ADDRESS:PORT, an IPv6 address in []. */
void sip_edit_place(struct sip_edits *, struct ct_cursor span,
                    const struct ct_tuple *place);

/* How much longer the edits make 'span'. */
int sip_edits_growth(const struct sip_edits *, struct ct_cursor span);

/* Writes them. */
enum ct_helper_verdict sip_edits_write(struct ct_helper_call *,
                                       const struct sip_edits *);

/* Notes what a translation changes in the header fields. */
void sip_nat_fields(const struct ct_helper_call *, const struct sip_message *,
                    struct sip_edits *);

/* Notes the length of the body, behind all its edits. */
void sip_nat_length(const struct sip_message *, struct sip_edits *);

#endif /* ct-helper-sip.h */
