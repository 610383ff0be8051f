/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_DUMP_H
#define CT_DUMP_H 1

#include "ct-conn.h"
#include "ct-dpif.h"

struct ct;

/* A connection in OVS's form.  (Iteration: ct_dump_*() in ct.h.)
 *
 * Timestamps are nanoseconds since 1970, the timeout is in seconds, the rest
 * as ct-dpif.h says.  The caller frees the entry with ct_dpif_entry_uninit().
 *
 * Threads: any, for a connection that was found alive since the last
 * quiescent state; takes its lock. */
void ct_dump_fill(const struct ct *, struct ct_conn *, long long now,
                  struct ct_dpif_entry *);

/* As ct_dump_next(), for who looks at the record itself, which stays what it
 * is until the caller quiesces.  NULL after the last. */
struct ct_dump;
struct ct_conn *ct_dump_next_conn(struct ct_dump *);

#endif /* ct-dump.h */
