/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_CONTEXT_H
#define TW_CONTEXT_H 1

#include "ct-hash.h"
#include "tw-track-key.h"

/* Contexts: the part of a key that many connections have in common.
 * ==================================================================
 *
 * What
 * ----
 * A table from contexts (tw-track-key.h) to small numbers, so that a track
 * need not hold 24 bytes that its neighbours hold too.  A context whose
 * packets all take the same way, whatever their connection (plain forwarding
 * by port or by MAC address), names its program itself.
 *
 * Promises
 * --------
 * An id is never used again for another context: what remembers the id of one
 * that was replaced will not be found by it.
 *
 * Threads: all functions by the owning thread.
 *
 * Cost: 128 kB a thread; a cache line or two a packet.
 */

#define TW_CONTEXT_WAYS 4
#define TW_CONTEXT_SETS 1024

struct tw_context {
    uint64_t words[3];          /* As in struct tw_track_key. */
    uint32_t id;                /* 0: free. */
    uint16_t program;           /* Of all its packets; 0: none. */
    uint16_t used;              /* Second when it was used last. */
};
BUILD_ASSERT_DECL(sizeof(struct tw_context) == 32);

struct tw_contexts {
    struct tw_context sets[TW_CONTEXT_SETS][TW_CONTEXT_WAYS];
    uint32_t last_id;
    uint32_t n;                 /* In use. */
};

static inline uint64_t
tw_context_hash(const struct tw_track_key *key)
{
    const uint64_t *w = key->context_words;

    return ct_hash_fold__(ct_hash_fold__(w[0] ^ ct_hash_secret[0],
                                         w[1] ^ ct_hash_secret[1])
                          ^ w[2], ct_hash_secret[5] | 1);
}

static inline bool
tw_context_equals(const struct tw_context *context,
                  const struct tw_track_key *key)
{
    const uint64_t *w = key->context_words;

    return !((context->words[0] ^ w[0]) | (context->words[1] ^ w[1])
             | (context->words[2] ^ w[2])) && context->id;
}

/* The context of 'key', whose hash is 'hash'; NULL if it is not known. */
static inline struct tw_context *
tw_context_find(struct tw_contexts *contexts, const struct tw_track_key *key,
                uint64_t hash)
{
    struct tw_context *set = contexts->sets[hash % TW_CONTEXT_SETS];

    for (size_t i = 0; i < TW_CONTEXT_WAYS; i++) {
        if (tw_context_equals(&set[i], key)) {
            return &set[i];
        }
    }
    return NULL;
}

/* Gives 'key' a context, in the place of the one of its set that was not used
 * for the longest time, if need be.  '*replaced' becomes the program that was
 * named by that, 0 if none. */
struct tw_context *tw_context_add(struct tw_contexts *,
                                  const struct tw_track_key *, uint64_t hash,
                                  uint16_t now, uint16_t *replaced);

#endif /* tw-context.h */
