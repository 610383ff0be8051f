/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_SUBTABLE_H
#define TW_SUBTABLE_H 1

#include "tw-lookup.h"

/* The inside of masked tables: for tw-lookup and tw-smc, whose inner loop is
 * the comparison below. */

/* A word of a subtable's mask: which of the key's words it masks is the number
 * of bits of the key's map that are set in 'below'. */
struct tw_block {
    uint64_t below;             /* The word's bit in the map, minus 1. */
    uint64_t mask;
};

struct tw_place;

/* Rules of one place that look at the same fields.  Allocated on a cache line:
 * what packet threads write is kept away from what they read. */
struct tw_subtable {
    PADDED_MEMBERS(CACHE_LINE_SIZE,
        atomic_uint32_t hits;           /* [A] Since the last sorting. */
    );
    struct cmap rules;                  /* [R] struct tw_rule. */
    unsigned int n;                     /* [I] Blocks. */
    unsigned int n_low;                 /* [I] Of these, in map.bits[0]. */
    struct tw_place *place;             /* [I] */
    struct cmap_node node;              /* [R] In place->by_mask. */
    struct flowmap map;                 /* [I] */
    uint32_t mask_hash;                 /* [I] */
    uint32_t secret;                    /* [I] Of the hash of values. */
    struct tw_block blocks[];           /* [I] */
};

BUILD_ASSERT_DECL(FLOWMAP_UNITS == 2);

/* Counting bits is most of the work here, and an instruction of its own where
 * the processor has it.  Sanitizers cannot run the choice, which is made
 * before they are ready. */
#if defined __x86_64__ && defined __GNUC__ && !defined __clang__ \
    && !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
#define TW_COUNTS_BITS __attribute__((target_clones("popcnt", "default")))
#else
#define TW_COUNTS_BITS
#endif

/* The next word of the values of 'key' under the mask of 'b'. */
static inline uint64_t
tw_masked_word(const struct tw_block *b, uint64_t map, const uint64_t *values)
{
    uint64_t bit = b->below + 1;
    uint64_t present = (map & bit) ? UINT64_MAX : 0;

    return values[__builtin_popcountll(map & b->below)] & b->mask & present;
}

/* tw_rule_matches(), for functions that are TW_COUNTS_BITS. */
static inline bool
tw_rule_matches__(const struct tw_rule *rule, const struct tw_key *key)
{
    const struct tw_subtable *subtable = rule->subtable;
    const uint64_t *values = miniflow_get_values(&key->mf);
    const struct tw_block *b = subtable->blocks;
    const struct tw_block *high = b + subtable->n_low;
    const struct tw_block *end = b + subtable->n;
    const uint64_t *want = rule->values;

    if (rule->place != key->place) {
        return false;
    }
    for (; b < high; b++) {
        if (tw_masked_word(b, key->mf.map.bits[0], values) != *want++) {
            return false;
        }
    }
    values += __builtin_popcountll(key->mf.map.bits[0]);
    for (; b < end; b++) {
        if (tw_masked_word(b, key->mf.map.bits[1], values) != *want++) {
            return false;
        }
    }
    return true;
}

#endif /* tw-subtable.h */
