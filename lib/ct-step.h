/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_STEP_H
#define CT_STEP_H 1

#include "ct-packet.h"

/* One packet, one ct(), behind the lookup.
 *
 * 'packet->conn' and 'packet->dir' are what was found (NULL: nothing), and its
 * headers have been read.  Updates the connection, or opens one; commits and
 * translates as 'packet->request' asks.  Leaves the outcome in 'packet'
 * (conn, dir, ct_state, found), for ct_metadata_write().  False if the packet
 * must be dropped; that is counted.
 *
 * Threads: any, concurrently. */
bool ct_step(struct ct_packet *);

#endif /* ct-step.h */
