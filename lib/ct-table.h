/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_TABLE_H
#define CT_TABLE_H 1

#include <stddef.h>

#include "ct-conn.h"

/* A zone's table of connections.
 * ==============================
 *
 * What
 * ----
 * A linear hash table of cache-line buckets (seven record pointers and their
 * tags each, chained when full) that splits one bucket at a time as it
 * fills.  A connection whose reply tuple is the inverse of its original
 * tuple takes one place, a translated one takes two.
 *
 * Promises
 * --------
 * - Lookup takes no lock and writes nothing.  It finds every connection that
 *   was inserted before and not removed, also while buckets are split.
 * - Insert and remove lock one or two stripes of the table, never the whole.
 * - Growth costs an insert at most the split of 24 buckets, about a
 *   microsecond: nobody waits for a rehash, nor for the system to clear huge
 *   pages.  Where those are not ready in time, chains get longer until they
 *   are.
 * - A cursor gives every connection that is there from its start to its end
 *   exactly once, and holds no lock between calls.
 *
 * Threads: any, concurrently.  Readers are in an RCU read-side section, that
 * is, they do not quiesce between lookup and their last use of the record. */

struct ct_table;
struct latch;

/* 'wanted', unless NULL, is set when the table wants ct_table_prepare(), which
 * somebody must call then; else it does that itself. */
struct ct_table *ct_table_create(struct latch *wanted);
/* At once; the records are not touched. */
void ct_table_destroy(struct ct_table *);

/* The connection that 'tuple' belongs to, in either direction, or NULL.
 * (Batches: ct-table-batch.h.)
 * 'key', 'inverse' and 'hash' are those of 'tuple'. */
struct ct_conn *ct_table_find(const struct ct_table *, const struct ct_tuple *,
                              const struct ct_key *key,
                              const struct ct_key *inverse, uint64_t hash,
                              enum ct_dir *);

/* Makes 'conn' reachable.  EEXIST if one of its tuples is taken, with the
 * owner in '*clash' (may be NULL); ENOMEM. */
int ct_table_insert(struct ct_table *, struct ct_conn *,
                    struct ct_conn **clash);

/* False if it was not there. */
bool ct_table_remove(struct ct_table *, struct ct_conn *);

/* Makes memory ready that the table will soon grow into, if it asked for
 * it. */
void ct_table_prepare(struct ct_table *);

size_t ct_table_n_buckets(const struct ct_table *);
/* Bytes of the table itself, without records. */
size_t ct_table_memory(const struct ct_table *);

/* Iteration.  Zero the cursor to begin.  ct_table_next() fills in up to 'max'
 * of 'conns' and returns how many, 0 at the end.  'bucket', where not NULL,
 * receives each one's bucket number.
 *
 * The cursor runs over hashes with their bits reversed.  A bucket covers one
 * interval of those, and its two halves when it is split, so that the cursor's
 * position means the same before and after. */
struct ct_table_cursor {
    uint64_t position;          /* Reversed hash: up to it, all is done. */
    bool done;
};

size_t ct_table_next(const struct ct_table *, struct ct_table_cursor *,
                     struct ct_conn **conns, uint32_t *bucket, size_t max);

/* Up to 'max' connections around a place that 'seed' chooses: candidates for
 * early drop.  Touches at most 'max' records, and no more buckets than the
 * smallest table has, so that a sparse one is looked at whole. */
size_t ct_table_sample(const struct ct_table *, uint64_t seed,
                       struct ct_conn **conns, size_t max);

#endif /* ct-table.h */
