/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_FIND_H
#define CT_FIND_H 1

#include "ct-packet.h"

/* The connection of a packet.
 * ===========================
 *
 * What
 * ----
 * In this order: the one that is cached in the metadata; the one that the
 * packet was counted in before it lost the cached pointer, by the original
 * tuple in its metadata; the one that the zone's table knows.  The first two
 * set packet->cached.
 *
 * Promises
 * --------
 * - What is found was live at packet->now.  One that has expired is ended on
 *   sight.
 * - A packet whose headers were changed since its last ct() is looked up
 *   anew.
 *
 * Threads: any, concurrently.  Takes no lock. */

/* Sets packet->conn (NULL: none), dir, cached.  Parses the packet if its
 * cached connection turns out to be gone. */
void ct_find(struct ct_packet *);

/* What the zone's table knows of packet->tuple; sets packet->dir.
 * packet->zone must not be NULL. */
struct ct_conn *ct_find_live(struct ct_packet *);

#endif /* ct-find.h */
