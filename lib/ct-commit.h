/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_COMMIT_H
#define CT_COMMIT_H 1

#include "ct-packet.h"

/* Commit: from a packet to a connection in the table.
 * ===================================================
 *
 * What
 * ----
 * ct_commit() makes the connection that 'packet', which no connection knows,
 * opens: a place within the limits, a mapping if the request asks for one
 * (ct-nat.h), a record in the state that its first packet brings it to, with
 * mark, label and helper as requested.
 *
 * Promises
 * --------
 * - A connection is complete for whoever finds it: the record's lock is held
 *   until the port's reservation and the deadline are known everywhere.
 * - If someone else made the same connection in the meantime, theirs stays
 *   (CT_COMMIT_CLASH), as in Linux.
 *
 * Threads: any, concurrently. */

enum ct_commit_result {
    CT_COMMIT_DONE,             /* packet->conn is new, or NULL if its first
                                 * packet was its last. */
    CT_COMMIT_CLASH,            /* There is one now: look it up. */
    CT_COMMIT_INVALID,          /* The protocol refused; counted. */
    CT_COMMIT_DROP              /* Counted. */
};

enum ct_commit_result ct_commit(struct ct_packet *);

/* Sets mark and label of 'packet->conn', which has been there before, as
 * requested, and gives it the helper that the request names if it has none. */
void ct_commit_metadata(struct ct_packet *);

/* The label of 'conn'. */
ovs_u128 ct_conn_label(const struct ct_conn *);

#endif /* ct-commit.h */
