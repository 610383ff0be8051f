/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_REPLICA_H
#define CT_REPLICA_H 1

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/ofpbuf.h"

struct ct;

/* A tracker that holds what another one has, ready to take over.
 * ===============================================================
 *
 * What
 * ----
 * While a tracker has a replica, messages of connections (ct-netlink.h) make,
 * change and end its connections as they were made, changed and ended
 * elsewhere, and none of them expires by itself: whether packets come is known
 * only there.  When the replica is destroyed, the connections stay, and their
 * time counts from then on.
 *
 * A message tells the whole of a connection, so that any of them may come
 * again.  All there is comes between ct_replica_begin_bulk() and
 * ct_replica_end_bulk(): what was not told from the one to the other is not
 * there any more, and is ended.
 *
 * Promises
 * --------
 * - What is refused (a limit, no memory, no such helper) is counted.  The
 *   connection that it would have replaced has ended.
 * - The end of a connection is not taken for that of a later one that has its
 *   tuple, as CTA_ID tells them apart.
 *
 * What comes back is what ct_insert() makes (ct-change.h).  The tracker should
 * see no packets meanwhile.
 *
 * Threads: one at a time. */

struct ct_replica;

struct ct_replica_stats {
    uint64_t n_made;            /* Or made anew. */
    uint64_t n_ended;
    uint64_t n_swept;           /* Not told in a bulk. */
    uint64_t n_refused;
    const char *why;            /* Of the last of them; NULL: none. */
};

/* NULL if the tracker has one already. */
struct ct_replica *ct_replica_create(struct ct *);
void ct_replica_destroy(struct ct_replica *);   /* Accepts NULL. */

/* 'msg' is IPCTNL_MSG_CT_NEW or IPCTNL_MSG_CT_DELETE.  Returns NULL, or a
 * sentence: it is none, and nothing was done. */
const char *ct_replica_apply(struct ct_replica *, const struct ofpbuf *msg,
                             long long now);

void ct_replica_begin_bulk(struct ct_replica *);
void ct_replica_end_bulk(struct ct_replica *, long long now);

const struct ct_replica_stats *ct_replica_stats(const struct ct_replica *);

/* How long a connection of a replica has when that is destroyed, at least, in
 * ms. */
#define CT_REPLICA_HOLD_MS 30000

#endif /* ct-replica.h */
