/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_COPY_H
#define CT_COPY_H 1

#include "ct-conn.h"

struct ct;
struct ct_dpif_entry;
struct ct_helper;

/* Copies of connections.
 * =======================
 *
 * What
 * ----
 * What dumps (ct-dump.c) and events (ct-event.c) tell of a connection is
 * taken down first, at one moment and under its lock, and put into OVS's form
 * later, perhaps by another thread, when the connection may be gone.
 *
 * Promises
 * --------
 * - Of a connection in a joint, a copy has what it would have without it.
 * - A copy refers to nothing that may go.
 *
 * Threads: ct_copy_take() any, for a connection that was found alive since the
 * last quiescent state; takes its lock.  ct_copy_take_locked(): the lock of
 * 'conn' is held, and it is in no joint. */

struct ct_copy {
    uint32_t start;                     /* As *ct_conn_start(). */
    bool has_parent;
    struct ct_tuple parent;
    ovs_u128 label;
    const struct ct_helper *helper;     /* NULL: none. */

    /* Not locked, without 'ext'; behind it, its tail. */
    OVS_ALIGNED_VAR(16) struct ct_conn conn;
    char tail[2 * sizeof(struct ct_conn_addrs6) + sizeof(struct ct_conn_nat)];
};
BUILD_ASSERT_DECL(offsetof(struct ct_copy, tail)
                  == offsetof(struct ct_copy, conn) + sizeof(struct ct_conn));

void ct_copy_take(struct ct_conn *, struct ct_copy *);
void ct_copy_take_locked(const struct ct_conn *, struct ct_copy *);

/* Makes 'conn' what was copied: a record of another tracker, with the same
 * tuples, that nobody can reach.  ct_nat_prepare() comes afterwards.  A helper
 * begins anew. */
void ct_copy_give(const struct ct_copy *, struct ct_conn *);

/* Bytes of 'copy' that mean something; the others need not be kept. */
size_t ct_copy_size(const struct ct_copy *);

/* In OVS's form; times as in ct-dump.h, the timeout as seen at 'now'.  The
 * caller frees the entry with ct_dpif_entry_uninit(). */
void ct_copy_describe(const struct ct *, const struct ct_copy *,
                      long long now, struct ct_dpif_entry *);

#endif /* ct-copy.h */
