/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_LOOKUP_H
#define TW_LOOKUP_H 1

#include "cmap.h"
#include "flow.h"
#include "openvswitch/match.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "pvector.h"

/* Masked tables: which rule does a packet match?
 * ===============================================
 *
 * What
 * ----
 * A tuple space search.  Rules that look at the same fields share a subtable,
 * a hash table over the packet's fields after masking.  Ingress port and
 * recirculation id are exact in every rule: they name a "place", and a place
 * has subtables of its own, so that a packet only visits subtables which could
 * hold its rule.  Subtables are ordered by hits.
 *
 * Rules do not overlap (ofproto sees to it), so the first that matches is the
 * answer.
 *
 * Each rule has a number, by which it can be remembered without holding a
 * reference: tw_lookup_by_number() gives the rule that has the number now, or
 * NULL.  Numbers are used again, so whoever remembered one asks
 * tw_rule_matches() before it believes the answer.
 *
 * Threads
 * -------
 * tw_lookup_find(), tw_lookup_by_number() and tw_rule_matches() from any
 * thread under RCU, without lock.  Everything else under one lock of the
 * caller's (the flow mutex).
 *
 * Ownership
 * ---------
 * The caller allocates a rule with room for its values
 * (tw_rule_values_size()), usually embedded as the last member of its own
 * structure, and frees it a grace period after tw_lookup_remove().
 *
 * Cost: per subtable visited some 2 ns a 64-bit block of the mask, and a
 * prefetched bucket.
 */

/* A packet's fields, and where it is.  'mf' is followed by its values in
 * 'buf'; one word more than a packet can have, because readers load the word
 * behind the last and mask it away. */
struct tw_key {
    uint64_t place;             /* tw_place(). */
    uint32_t hash;              /* Of the packet, for caches. */
    struct miniflow mf;
    uint64_t buf[FLOW_MAX_PACKET_U64S + 1];
};

static inline uint64_t
tw_place(odp_port_t in_port, uint32_t recirc_id)
{
    return ((uint64_t) odp_to_u32(in_port) << 32) | recirc_id;
}

/* The key that a packet of 'flow' has, without its hash.  False if 'flow' has
 * more fields than any packet. */
bool tw_key_from_flow(struct tw_key *, const struct flow *);

/* What a rule looks at, apart from its place. */
struct tw_mask {
    struct flowmap map;
    uint32_t hash;
    unsigned int n;                     /* Words of 'words' in use. */
    uint64_t words[FLOW_U64S];
};

void tw_mask_init(struct tw_mask *, const struct match *);

struct tw_subtable;

/* What is asked of a rule that is plain (tw-plain.h). */
struct tw_rule_plain {
    bool valid;
    uint32_t ct_mark, ct_mark_mask;
    uint64_t word, mask;
};

/* All members [I] between insertion and the grace period after removal. */
struct tw_rule {
    struct cmap_node node;              /* In its subtable. */
    const struct tw_subtable *subtable;
    uint64_t place;
    uint32_t hash;
    uint32_t number;
    struct tw_rule_plain plain;
    uint64_t values[];                  /* One for each word of the mask. */
};

static inline size_t
tw_rule_values_size(const struct tw_mask *mask)
{
    return mask->n * sizeof(uint64_t);
}

/* The largest number of rules. */
#define TW_MAX_RULES (1u << 20)
#define TW_CHUNK 1024u
typedef OVSRCU_TYPE(struct tw_rule *) tw_rule_pointer;

/* Tags as in tw-datapath.h; the lock is the caller's. */
struct tw_lookup {
    struct cmap places;                 /* [R] struct tw_place. */
    uint32_t secret;                    /* [I] */
    size_t n_rules, n_subtables;        /* Under the lock. */
    atomic_llong next_sort;             /* [A] For the caller's use. */

    /* Numbers. */
    tw_rule_pointer *chunks[TW_MAX_RULES / TW_CHUNK];   /* [R] */
    uint32_t *free_numbers;             /* Under the lock: a stack. */
    size_t n_free, allocated_free;
    uint32_t next_number;               /* The first never used; 0 is none. */
};

struct tw_lookup *tw_lookup_create(void);
/* All rules must have been removed. */
void tw_lookup_destroy(struct tw_lookup *);

/* Inserts 'rule', for packets that equal 'flow' in the fields of 'mask' and in
 * its place.  False if there are TW_MAX_RULES. */
bool tw_lookup_insert(struct tw_lookup *, struct tw_rule *,
                      const struct flow *, const struct tw_mask *);
void tw_lookup_remove(struct tw_lookup *, struct tw_rule *);

/* Puts subtables with many hits since the last call first. */
void tw_lookup_sort(struct tw_lookup *);

/* Finds the rules of those of the up to 32 'keys' that have a bit in 'want',
 * and stores them in 'rules' at the same index.  Returns the bits of those for
 * which there is none, whose element of 'rules' is left alone.  Adds the
 * number of subtables visited, over all keys, to '*n_visited'. */
uint32_t tw_lookup_find(const struct tw_lookup *, const struct tw_key keys[],
                        struct tw_rule *rules[], uint32_t want,
                        uint64_t *n_visited);

static inline struct tw_rule *
tw_lookup_one(const struct tw_lookup *lookup, const struct tw_key *key)
{
    struct tw_rule *rule = NULL;
    uint64_t n_visited = 0;

    tw_lookup_find(lookup, key, &rule, 1, &n_visited);
    return rule;
}

/* 'number' must have come from a rule. */
static inline struct tw_rule *
tw_lookup_by_number(const struct tw_lookup *lookup, uint32_t number)
{
    return ovsrcu_get(struct tw_rule *,
                      &lookup->chunks[number / TW_CHUNK][number % TW_CHUNK]);
}

/* Does 'rule' match 'key'? */
bool tw_rule_matches(const struct tw_rule *, const struct tw_key *);

/* The fields that 'rule' looks at, without in_port and recirc_id. */
void tw_rule_get_mask(const struct tw_rule *, struct flow_wildcards *);

#endif /* tw-lookup.h */
