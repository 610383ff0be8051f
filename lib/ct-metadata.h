/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_METADATA_H
#define CT_METADATA_H 1

#include "ct-packet.h"
#include "packets.h"

/* What a packet carries from one ct() to the next.
 * ================================================
 *
 * ct_state, ct_zone, ct_mark, ct_label and the original tuple, for flows to
 * match on, and the cached connection (ct-packet.h).  As in the Linux kernel
 * an invalid packet has no mark, label or tuple.
 *
 * Of an ICMP query the original tuple's ports are type and code. */

/* Says of a packet that its zone has translated it already. */
#define CT_STATES_NAT (CS_SRC_NAT | CS_DST_NAT)

/* Has the packet been tracked in 'zone' last, found valid, and counted in a
 * connection? */
bool ct_metadata_is_of(const struct pkt_metadata *, uint16_t zone);

/* Is the original tuple in the packet's metadata that of 'conn'? */
bool ct_metadata_same_original(const struct ct_packet *,
                               const struct ct_conn *);

/* Leaves the outcome. */
void ct_metadata_write(struct ct_packet *);

#endif /* ct-metadata.h */
