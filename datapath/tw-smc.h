/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_SMC_H
#define TW_SMC_H 1

#include "tw-lookup.h"

/* The signature match cache: which rule did a packet like this match last?
 * =========================================================================
 *
 * What
 * ----
 * A packet thread's own memory from packet hash to rule number, 8 bytes an
 * entry, 8 entries a cache line, set associative.  It holds no rule and no
 * packet fields: a number that has gone to another rule, or a hash that two
 * flows share, is noticed because a rule is only taken if it matches the
 * packet.  So it needs no purge when rules change.
 *
 * Threads: all functions by the owning thread.
 *
 * Cost: 256 kB a thread; some 10 ns a packet, most of it comparing fields.
 */
struct tw_smc;

#define TW_SMC_LINES 4096

struct tw_smc_entry {
    uint32_t hash;
    uint32_t number;            /* 0: none. */
};

struct tw_smc_line {
    struct tw_smc_entry entries[8];
};
BUILD_ASSERT_DECL(sizeof(struct tw_smc_line) == CACHE_LINE_SIZE);

struct tw_smc {
    struct tw_smc_line lines[TW_SMC_LINES];
};

struct tw_smc *tw_smc_create(void);
void tw_smc_destroy(struct tw_smc *);

static inline struct tw_smc_line *
tw_smc_line(struct tw_smc *smc, uint32_t hash)
{
    return &smc->lines[hash % TW_SMC_LINES];
}

static inline void
tw_smc_prefetch(struct tw_smc *smc, uint32_t hash)
{
    OVS_PREFETCH(tw_smc_line(smc, hash));
}

/* As tw_lookup_find(): of those of the up to 32 'keys' that have a bit in
 * 'want', stores the rules that the cache knows, and returns the bits of the
 * others, whose elements become NULL. */
uint32_t tw_smc_find(struct tw_smc *, const struct tw_lookup *,
                     const struct tw_key keys[], struct tw_rule *rules[],
                     uint32_t want);

/* Remembers that 'key' matched 'rule'. */
void tw_smc_insert(struct tw_smc *, const struct tw_key *,
                   const struct tw_rule *);

#endif /* tw-smc.h */
