/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_NEWS_H
#define CT_NEWS_H 1

#include "ct-chunk.h"

/* The set of connections with news for the wheel.
 * ===============================================
 *
 * What
 * ----
 * A bit for each record, and above the bits two levels that say where to
 * look: for every 256 records a bit in their chunk, and a bit for each chunk.
 * A lower bit that is set first makes the upper ones set.
 *
 * Promises
 * --------
 * - What was written before ct_news_add() is seen by whoever gets the record
 *   from ct_news_take() after it.  A record that is already in the set is
 *   taken once.
 * - Each record that was added is taken, however often the set was searched
 *   in between.
 * - ct_news_has() is true from ct_news_add() until ct_news_take().
 *
 * Threads: ct_news_take() one at a time, the others any.
 *
 * Cost: adding, one atomic operation on a line that 256 records share, and
 * for one record in 64 a second one.  Taking, the same, and a look at 2 kB
 * when there is nothing. */

void ct_news_add(struct ct_chunks *, const struct ct_conn *);
bool ct_news_has(const struct ct_conn *);

/* Where ct_news_take() is.  Zero to begin. */
struct ct_news_cursor {
    uint32_t next;              /* Of ct_chunks 'news', the word to look at. */
    uint32_t first;             /* Chunk that bit 0 of 'chunks' stands for. */
    uint64_t chunks;            /* Taken from there, not yet looked into. */
    struct ct_chunk *chunk;     /* The one that 'groups' belongs to. */
    uint64_t groups;            /* Taken from it, not yet looked into. */
    bool found;                 /* Any on this round. */
};

/* Takes one out of the set.  NULL when it has been everywhere and found
 * none. */
struct ct_conn *ct_news_take(struct ct_chunks *, struct ct_news_cursor *);

#endif /* ct-news.h */
