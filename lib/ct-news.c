/* SPDX-License-Identifier: Apache-2.0 */

/* What packets leave for the maintenance thread: connections that are new,
 * have a deadline that is closer, or are dead.  Called by ct-wheel.c. */

#include <config.h>

#include "ct-news.h"

static bool next_chunk(struct ct_chunks *, struct ct_news_cursor *);
static struct ct_conn *take_from_group(struct ct_chunk *, unsigned int group);

void
ct_news_add(struct ct_chunks *chunks, const struct ct_conn *conn)
{
    struct ct_chunk *chunk = ct_chunk_of(conn);
    uint32_t i = ct_chunk_index(chunk, conn);
    unsigned int group = i / CT_CHUNK_GROUP;
    unsigned int word = i % CT_CHUNK_GROUP / 64;

    /* All three pair with take_from_group(): either this sees that the record
     * is out of the set, or whoever takes it out sees what was written
     * before.  Whoever makes a word other than zero sees to the next level. */
    if (atomic_fetch_or_explicit(&chunk->news[group].words[word],
                                 UINT64_C(1) << (i % 64),
                                 memory_order_acq_rel)
        || atomic_fetch_or_explicit(&chunk->groups, UINT64_C(1) << group,
                                    memory_order_acq_rel)) {
        return;
    }

    uint32_t index = chunk->first >> (CT_CHUNK_BITS - CT_NUMBER_SHIFT);
    atomic_fetch_or_explicit(&chunks->news[index / 64],
                             UINT64_C(1) << (index % 64),
                             memory_order_acq_rel);
}

bool
ct_news_has(const struct ct_conn *conn)
{
    const struct ct_chunk *chunk = ct_chunk_of(conn);
    uint32_t i = ct_chunk_index(chunk, conn);
    const struct ct_chunk_news *news = &chunk->news[i / CT_CHUNK_GROUP];

    return (atomic_load_explicit(&news->words[i % CT_CHUNK_GROUP / 64],
                                 memory_order_acquire)
            >> (i % 64) & 1);
}

struct ct_conn *
ct_news_take(struct ct_chunks *chunks, struct ct_news_cursor *cursor)
{
    for (;;) {
        while (cursor->groups) {
            unsigned int group = __builtin_ctzll(cursor->groups);
            struct ct_conn *conn = take_from_group(cursor->chunk, group);

            if (conn) {
                cursor->found = true;
                return conn;
            }
            cursor->groups &= cursor->groups - 1;
        }
        if (!next_chunk(chunks, cursor)) {
            if (!cursor->found) {
                return NULL;
            }
            cursor->found = false;
        }
    }
}

/* Goes on to the next chunk that has news.  False at the end. */
static bool
next_chunk(struct ct_chunks *chunks, struct ct_news_cursor *cursor)
{
    uint32_t n = atomic_load_explicit(&chunks->n, memory_order_relaxed);

    while (!cursor->chunks) {
        if (cursor->next * 64 >= n) {
            cursor->next = 0;
            return false;
        }
        cursor->first = cursor->next * 64;
        if (atomic_load_explicit(&chunks->news[cursor->next],
                                 memory_order_relaxed)) {
            cursor->chunks = atomic_exchange_explicit(
                &chunks->news[cursor->next], 0, memory_order_acq_rel);
        }
        cursor->next++;
    }

    cursor->chunk = ct_chunk_at(chunks, (cursor->first
                                         + __builtin_ctzll(cursor->chunks)));
    cursor->chunks &= cursor->chunks - 1;
    cursor->groups = atomic_exchange_explicit(&cursor->chunk->groups, 0,
                                              memory_order_acq_rel);
    return true;
}

/* A word is left alone only when it is zero: who sets the first bit after that
 * sets those above as well. */
static struct ct_conn *
take_from_group(struct ct_chunk *chunk, unsigned int group)
{
    for (unsigned int i = 0; i < CT_CHUNK_GROUP_WORDS; i++) {
        _Atomic uint64_t *word = &chunk->news[group].words[i];
        uint64_t bits = atomic_load_explicit(word, memory_order_relaxed);

        if (bits) {
            unsigned int bit = __builtin_ctzll(bits);

            unsigned int first = group * CT_CHUNK_GROUP + i * 64;

            atomic_fetch_and_explicit(word, ~(UINT64_C(1) << bit),
                                      memory_order_acq_rel);
            bits &= bits - 1;
            if (bits) {
                __builtin_prefetch(ct_chunk_record(
                    chunk, first + __builtin_ctzll(bits)));
            }
            return ct_chunk_record(chunk, first + bit);
        }
    }
    return NULL;
}
