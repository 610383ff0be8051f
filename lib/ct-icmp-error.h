/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_ICMP_ERROR_H
#define CT_ICMP_ERROR_H 1

#include "ct-packet.h"

/* The packet that an ICMP error is about.
 * =======================================
 *
 * What
 * ----
 * An ICMP error quotes the packet that caused it: its IP header and at least 8
 * bytes behind it (RFC 792; RFC 4443 section 3 as much as fits).  The error
 * belongs to that packet's connection, and since whoever sends it answers the
 * packet, it goes in the opposite direction: packet->tuple becomes the
 * inverse of the quoted packet's tuple.
 *
 * Promises
 * --------
 * - Nothing behind packet->l4_header + l4_len is read.
 * - The destination of the error is the source of the quoted packet: else
 *   anybody could have packets to strangers pass as RELATED (as the kernel's
 *   nf_conntrack_inet_error()).
 * - A later fragment, a quoted packet of the other IP version, an error about
 *   an error, and an error about a message that no connection can have
 *   (neighbor discovery, say) are refused.
 *
 * Threads: pure. */

/* ICMP and ICMPv6: type, code, checksum, and 4 bytes that depend on them. */
#define CT_ICMP_HEADER_LEN 8

/* What is guaranteed of the quoted packet's transport header. */
#define CT_ICMP_QUOTED_L4_LEN 8

struct ct_quoted_packet {
    struct ct_tuple tuple;      /* As it came. */
    uint8_t *l3_header;
    uint8_t *l4_header;
    size_t l4_len;              /* Of what is quoted. */
};

/* Reads the packet quoted in 'packet', an ICMP or ICMPv6 error whose header
 * has been checked.  False if it cannot belong to a connection. */
bool ct_icmp_error_quoted(const struct ct_packet *,
                          struct ct_quoted_packet *);

/* The same, and fills in packet->tuple, inner_l3 and is_icmp_error.  False if
 * the error cannot be related to anything; counting is the caller's. */
bool ct_icmp_error_parse(struct ct_packet *);

#endif /* ct-icmp-error.h */
