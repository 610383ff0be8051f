/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_REWRITE_H
#define CT_REWRITE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ct-conn.h"
#include "ct-tuple.h"
#include "openvswitch/types.h"

struct ct_packet;
struct dp_packet;

/* Writing a connection's translation into a packet's headers.
 * ===========================================================
 *
 * What
 * ----
 * A packet of direction 'dir' leaves as the inverse of the connection's other
 * tuple.  Addresses, ports and ICMP identifiers are overwritten, and all
 * checksums that cover them are adjusted, not computed anew: a packet that
 * came in damaged goes out damaged.
 *
 * An ICMP error is about a packet that went the other way, behind the
 * translation; the copy of it that the error carries is put back to what the
 * other end sent.  Of the error's own addresses those change that a packet of
 * its direction has changed (RFC 5508 section 4.2), as in Linux.
 *
 * Checksums
 * ---------
 * A delta is the one's complement sum of what is written minus what was
 * there (RFC 1624 section 3, eqn. 3: HC' = ~(~HC + ~m + m')).  Connections
 * carry the deltas of both directions, so that an established packet needs
 * two additions, whatever changes.  Deltas and checksums are both in network
 * byte order, read as if they were of the host: one's complement sums do not
 * mind (RFC 1071).
 *
 *    protocol          covered                             adjusted by
 *    TCP, DCCP         pseudo header, ports                all
 *    UDP, UDP-Lite     the same; 0 is "none" and stays,    all
 *                      a result of 0 becomes 0xffff
 *    ICMP              identifier                          all - addresses
 *    ICMPv6            pseudo header, identifier           all
 *    SCTP              CRC32c over the whole packet        CRC of the change
 *    enhanced GRE      (the key that is written is none's) -
 *    others            nothing that is known               -
 *    IPv4 header       addresses                           addresses
 *
 * A packet whose transport checksum the device is to fill in carries, in its
 * place, the sum of the pseudo header, not complemented: only the addresses'
 * delta is added.
 *
 * Threads: pure functions of connection and packet.
 *
 * Cost: TCP and UDP over IPv4 some 4 ns. */

/* One's complement sum of 'a' and 'b'. */
static inline uint16_t
ct_rewrite_add(uint16_t a, uint16_t b)
{
    uint32_t sum = (uint32_t) a + b;

    return (sum & 0xffff) + (sum >> 16);
}

/* 'csum' after a change of 'delta'. */
static inline ovs_be16
ct_rewrite_csum(ovs_be16 csum, uint16_t delta)
{
    return (OVS_FORCE ovs_be16) ~ct_rewrite_add(~(OVS_FORCE uint16_t) csum,
                                                delta);
}

/* The deltas of a connection with these tuples: what a checksum over the
 * addresses gains, and one over addresses and ports. */
void ct_rewrite_deltas(const struct ct_tuple *original,
                       const struct ct_tuple *reply,
                       uint16_t delta_addr[CT_DIR_MAX],
                       uint16_t delta_all[CT_DIR_MAX]);

/* Translates a packet of 'conn', which must be translated, in direction
 * 'dir'.  'l3' and 'l4' are its headers, with 'l4_len' bytes behind 'l4'.
 * 'packet' is only asked for its offload flags.  False, and nothing changed,
 * if 'l4_len' is too short. */
bool ct_rewrite_packet(const struct ct_conn *, enum ct_dir, struct dp_packet *,
                       uint8_t *l3, uint8_t *l4, size_t l4_len);

/* The same for an ICMP error ('packet->is_icmp_error').  False, and nothing
 * changed, if the headers are too short or the error is a redirect: a route
 * for a translated address makes no sense to the other end. */
bool ct_rewrite_icmp_error(struct ct_packet *);

#endif /* ct-rewrite.h */
