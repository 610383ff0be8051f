/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_IPFIX_H
#define CT_IPFIX_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/ofpbuf.h"

struct ct_dpif_entry;

/* Connections that begin and end, as IPFIX.
 * ==========================================
 *
 * What
 * ----
 * For collectors: messages of RFC 7011, whose records tell of a connection
 * that it has begun, or ended, and how it is translated, as RFC 8158 has it.
 * The elements are those of IANA's registry; what stands in which record is
 * one table in ct-ipfix.c, from which both templates and records are made.
 *
 *    ct_ipfix_encode()        an event -> a record
 *    ct_ipfix_begin(), ...    records -> a message
 *
 * Records mean the same in every message, so that they can wait for one.
 *
 * Templates: a record is of the template CT_IPFIX_FIRST_TEMPLATE plus
 * CT_IPFIX_* bits.  A collector has to be told all of them before
 * (ct_ipfix_put_templates()), anew in each transport session, and over UDP
 * from time to time.
 *
 * Units: as in the registry; 'when' and all times in ms since 1970.
 *
 * Threads: pure functions. */

#define CT_IPFIX_PORT 4739              /* IANA's, of UDP and TCP. */
#define CT_IPFIX_HEADER 16              /* Bytes of a message's header. */
#define CT_IPFIX_MAX_MESSAGE 65535
/* What every path carries, when it is not known: RFC 7011, 10.3.3. */
#define CT_IPFIX_SAFE_MESSAGE 512

#define CT_IPFIX_FIRST_TEMPLATE 256
#define CT_IPFIX_IPV6 0x01
#define CT_IPFIX_NAT  0x02
#define CT_IPFIX_END  0x04
#define CT_IPFIX_ICMP 0x08
#define CT_IPFIX_LOSS (CT_IPFIX_FIRST_TEMPLATE + 16)
#define CT_IPFIX_N_TEMPLATES 17         /* With that of CT_IPFIX_LOSS. */

struct ct_ipfix_event {
    const struct ct_dpif_entry *entry;
    bool end;
    const char *reason;         /* Why it ended; NULL: not known. */
    uint64_t when;
};

/* What was not sent: RFC 7011, 4.3, "Exporting Process Reliability
 * Statistics". */
struct ct_ipfix_loss {
    uint32_t process;           /* Unique on this machine. */
    uint64_t n_lost;            /* Records, since it began. */
    uint64_t n_sent;            /* Likewise. */
    uint64_t first, last;       /* When; 0 if none were lost. */
};

struct ct_ipfix_record {
    uint16_t template;
    uint16_t size;
    uint8_t data[192];
};

void ct_ipfix_encode(const struct ct_ipfix_event *, struct ct_ipfix_record *);
void ct_ipfix_encode_loss(const struct ct_ipfix_loss *,
                          struct ct_ipfix_record *);

/* A message that is being made. */
struct ct_ipfix_message {
    struct ofpbuf *buf;         /* Behind what stands in it. */
    size_t start, limit;        /* Offsets in 'buf'. */
    size_t set;                 /* Offset of the last set; 0: there is none. */
    uint16_t set_id;
    uint32_t n_records;         /* That count in the sequence. */
};

/* Of at most 'max' bytes, no less than CT_IPFIX_SAFE_MESSAGE. */
void ct_ipfix_begin(struct ct_ipfix_message *, struct ofpbuf *, size_t max);
/* False: there is no room for it. */
bool ct_ipfix_put(struct ct_ipfix_message *, const struct ct_ipfix_record *);
/* Templates from number '*next', which is 0 at first, on.  False: the rest
 * needs another message. */
bool ct_ipfix_put_templates(struct ct_ipfix_message *, unsigned int *next);
bool ct_ipfix_is_empty(const struct ct_ipfix_message *);

struct ct_ipfix_stream {
    uint32_t domain;            /* Observation domain. */
    uint32_t seq;               /* Records sent before, in this session. */
};

/* Completes the message; 'seconds' since 1970 are now. */
void ct_ipfix_end(struct ct_ipfix_message *, struct ct_ipfix_stream *,
                  uint32_t seconds);

#endif /* ct-ipfix.h */
