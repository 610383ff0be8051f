/* SPDX-License-Identifier: Apache-2.0 */

/* The signature match cache: the first place where a packet's rule is looked
 * for.  Called by tw-input. */

#include <config.h>

#include "tw-smc.h"

#include "tw-subtable.h"
#include "util.h"

struct tw_smc *
tw_smc_create(void)
{
    return xzalloc_cacheline(sizeof(struct tw_smc));
}

void
tw_smc_destroy(struct tw_smc *smc)
{
    free_cacheline(smc);
}

/* The 'i'th entry to be tried for 'hash': entries are filled in this order, so
 * that mostly the first is right. */
static inline struct tw_smc_entry *
entry_for(struct tw_smc_line *line, uint32_t hash, size_t i)
{
    return &line->entries[((hash >> 29) + i) % ARRAY_SIZE(line->entries)];
}

/* The first rule in the line of 'hash', from its '*i'th entry on, whose
 * signature is 'hash'; '*i' becomes the entry after it.  NULL if there is
 * none. */
static inline struct tw_rule *
next_candidate(struct tw_smc *smc, const struct tw_lookup *lookup,
               uint32_t hash, size_t *i)
{
    struct tw_smc_line *line = tw_smc_line(smc, hash);

    while (*i < ARRAY_SIZE(line->entries)) {
        const struct tw_smc_entry *entry = entry_for(line, hash, (*i)++);

        if (entry->hash == hash && entry->number) {
            struct tw_rule *rule = tw_lookup_by_number(lookup, entry->number);

            if (rule) {
                return rule;
            }
        }
    }
    return NULL;
}

TW_COUNTS_BITS uint32_t
tw_smc_find(struct tw_smc *smc, const struct tw_lookup *lookup,
            const struct tw_key keys[], struct tw_rule *rules[],
            uint32_t want)
{
    size_t next[32];
    uint32_t missing = 0;

    /* First the candidates of all, so that their rules are on their way from
     * memory while others are compared. */
    for (uint32_t rest = want; rest; rest = zero_rightmost_1bit(rest)) {
        int i = raw_ctz(rest);

        next[i] = 0;
        rules[i] = next_candidate(smc, lookup, keys[i].hash, &next[i]);
        if (rules[i]) {
            OVS_PREFETCH(rules[i]);
        }
    }

    for (uint32_t rest = want; rest; rest = zero_rightmost_1bit(rest)) {
        int i = raw_ctz(rest);

        while (rules[i] && !tw_rule_matches__(rules[i], &keys[i])) {
            rules[i] = next_candidate(smc, lookup, keys[i].hash, &next[i]);
        }
        missing |= (uint32_t) !rules[i] << i;
    }
    return missing;
}

void
tw_smc_insert(struct tw_smc *smc, const struct tw_key *key,
              const struct tw_rule *rule)
{
    struct tw_smc_line *line = tw_smc_line(smc, key->hash);
    struct tw_smc_entry *victim = entry_for(line, key->hash, 0);

    for (size_t i = 0; i < ARRAY_SIZE(line->entries); i++) {
        struct tw_smc_entry *entry = entry_for(line, key->hash, i);

        if (entry->hash == key->hash && entry->number == rule->number) {
            return;
        }
        if (!entry->number) {
            victim = entry;
            break;
        }
    }
    victim->hash = key->hash;
    victim->number = rule->number;
}
