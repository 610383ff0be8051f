/* SPDX-License-Identifier: Apache-2.0 */

/* Masked tables: the step behind the signature cache.  Called by tw-input for
 * the packets that the cache does not know, and by tw-megaflow, which inserts
 * and removes. */

#include <config.h>

#include "tw-lookup.h"

#include "hash.h"
#include "random.h"
#include "tw-subtable.h"
#include "util.h"

/* An ingress port and a recirculation id. */
struct tw_place {
    struct cmap_node node;              /* [R] In lookup->places. */
    uint64_t place;                     /* [I] */
    struct pvector subtables;           /* [R] By hits. */
    struct cmap by_mask;                /* Under the lock. */
};

static struct tw_place *find_place(const struct tw_lookup *, uint64_t place);
static struct tw_subtable *get_subtable(struct tw_lookup *, uint64_t place,
                                        const struct tw_mask *);
static void remove_subtable(struct tw_lookup *, struct tw_subtable *);
static uint32_t take_number(struct tw_lookup *);
static tw_rule_pointer *number_slot(struct tw_lookup *, uint32_t number);
static void return_number(struct tw_lookup *, uint32_t number);
static uint32_t find_in_subtable(const struct tw_subtable *,
                                 const struct tw_key keys[],
                                 struct tw_rule *rules[], uint32_t want);

/* Keys and masks. */

bool
tw_key_from_flow(struct tw_key *key, const struct flow *flow)
{
    miniflow_map_init(&key->mf, flow);
    if (miniflow_n_values(&key->mf) > FLOW_MAX_PACKET_U64S) {
        return false;
    }
    miniflow_init(&key->mf, flow);
    key->place = tw_place(flow->in_port.odp_port, flow->recirc_id);
    key->hash = 0;
    return true;
}

void
tw_mask_init(struct tw_mask *mask, const struct match *match)
{
    struct flow_wildcards wc = match->wc;
    struct flowmap map;
    size_t idx;

    /* The place says these. */
    wc.masks.in_port.odp_port = 0;
    wc.masks.recirc_id = 0;

    /* A mask may have bits for fields that the flow's packets do not have. */
    flow_wc_map(&match->flow, &map);

    mask->n = 0;
    mask->hash = 0;
    flowmap_init(&mask->map);
    FLOWMAP_FOR_EACH_INDEX (idx, map) {
        uint64_t word = flow_u64_value(&wc.masks, idx);

        if (word) {
            flowmap_set(&mask->map, idx, 1);
            mask->words[mask->n++] = word;
            mask->hash = hash_add64(mask->hash, word);
        }
    }
    mask->hash = hash_add64(mask->hash, mask->map.bits[0]);
    mask->hash = hash_add64(mask->hash, mask->map.bits[1]);
    mask->hash = hash_finish(mask->hash, mask->n);
}

/* Life. */

struct tw_lookup *
tw_lookup_create(void)
{
    struct tw_lookup *lookup = xzalloc(sizeof *lookup);

    cmap_init(&lookup->places);
    lookup->secret = random_uint32();
    lookup->next_number = 1;
    return lookup;
}

void
tw_lookup_destroy(struct tw_lookup *lookup)
{
    if (!lookup) {
        return;
    }
    ovs_assert(!lookup->n_rules && cmap_is_empty(&lookup->places));
    cmap_destroy(&lookup->places);
    for (size_t i = 0; i < ARRAY_SIZE(lookup->chunks); i++) {
        free(lookup->chunks[i]);
    }
    free(lookup->free_numbers);
    free(lookup);
}

/* Finding. */

static inline uint32_t
hash_word(uint64_t hash, uint64_t word, uint64_t *next)
{
#ifdef __SIZEOF_INT128__
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    unsigned __int128 product;

    product = (unsigned __int128) (hash ^ word) * odd;
    hash = ((uint64_t) product ^ (uint64_t) (product >> 64)) + odd;
#else
    hash = hash_finish(hash_add64(hash, word), 8);
#endif
    *next = hash;
    return hash ^ (hash >> 32);
}

/* Hash of a rule's or a packet's masked words.  One word after the other, so
 * that a packet's can be hashed as they are made. */
static uint32_t
hash_values(const uint64_t *words, size_t n, uint32_t secret)
{
    uint32_t result = secret;
    uint64_t hash = secret;

    for (size_t i = 0; i < n; i++) {
        result = hash_word(hash, words[i], &hash);
    }
    return result;
}

/* Stores the words of 'key' that 'subtable' looks at, masked, in 'words', and
 * returns their hash. */
static inline uint32_t
mask_key(const struct tw_subtable *subtable, const struct tw_key *key,
         uint64_t *words)
{
    const uint64_t *values = miniflow_get_values(&key->mf);
    const struct tw_block *b = subtable->blocks;
    const struct tw_block *high = b + subtable->n_low;
    const struct tw_block *end = b + subtable->n;
    uint32_t result = subtable->secret;
    uint64_t hash = subtable->secret;

    for (; b < high; b++) {
        *words = tw_masked_word(b, key->mf.map.bits[0], values);
        result = hash_word(hash, *words++, &hash);
    }
    values += __builtin_popcountll(key->mf.map.bits[0]);
    for (; b < end; b++) {
        *words = tw_masked_word(b, key->mf.map.bits[1], values);
        result = hash_word(hash, *words++, &hash);
    }
    return result;
}

uint32_t
tw_lookup_find(const struct tw_lookup *lookup, const struct tw_key keys[],
               struct tw_rule *rules[], uint32_t want, uint64_t *n_visited)
{
    uint32_t missing = 0;

    while (want) {
        uint64_t where = keys[raw_ctz(want)].place;
        const struct tw_place *place = find_place(lookup, where);
        const struct tw_subtable *subtable;
        uint32_t here = 0;

        for (uint32_t rest = want; rest; rest = zero_rightmost_1bit(rest)) {
            int i = raw_ctz(rest);

            here |= (uint32_t) (keys[i].place == where) << i;
        }
        want &= ~here;

        if (place) {
            PVECTOR_FOR_EACH (subtable, &place->subtables) {
                *n_visited += count_1bits(here);
                here = find_in_subtable(subtable, keys, rules, here);
                if (!here) {
                    break;
                }
            }
        }
        missing |= here;
    }
    return missing;
}

/* As tw_lookup_find(), among the rules of 'subtable'. */
TW_COUNTS_BITS static uint32_t
find_in_subtable(const struct tw_subtable *subtable,
                 const struct tw_key keys[], struct tw_rule *rules[],
                 uint32_t want)
{
    enum { MAX_KEYS = 32 };
    uint64_t words[MAX_KEYS * (subtable->n + 1)];
    const struct cmap_node *nodes[MAX_KEYS];
    uint32_t hashes[MAX_KEYS];
    size_t n = subtable->n;
    unsigned long found;
    uint32_t hits = 0;
    int i;

    for (uint32_t rest = want; rest; rest = zero_rightmost_1bit(rest)) {
        i = raw_ctz(rest);
        hashes[i] = mask_key(subtable, &keys[i], &words[i * n]);
    }

    found = cmap_find_batch(&subtable->rules, want, hashes, nodes);
    ULLONG_FOR_EACH_1 (i, found) {
        struct tw_rule *rule;

        CMAP_NODE_FOR_EACH (rule, node, nodes[i]) {
            if (rule->hash == hashes[i]
                && !memcmp(rule->values, &words[i * n], n * sizeof *words)) {
                rules[i] = rule;
                hits |= 1u << i;
                break;
            }
        }
    }

    if (hits) {
        struct tw_subtable *mutable = CONST_CAST(struct tw_subtable *,
                                                 subtable);
        uint32_t count;

        /* An estimate: what a race loses does not matter. */
        atomic_read_relaxed(&mutable->hits, &count);
        atomic_store_relaxed(&mutable->hits, count + count_1bits(hits));
    }
    return want & ~hits;
}

bool
tw_rule_matches(const struct tw_rule *rule, const struct tw_key *key)
{
    return tw_rule_matches__(rule, key);
}

void
tw_rule_get_mask(const struct tw_rule *rule, struct flow_wildcards *wc)
{
    const struct tw_block *b = rule->subtable->blocks;
    size_t idx;

    memset(wc, 0, sizeof *wc);
    FLOWMAP_FOR_EACH_INDEX (idx, rule->subtable->map) {
        *flow_u64_lvalue(&wc->masks, idx) = b++->mask;
    }
}

/* Changing. */

bool
tw_lookup_insert(struct tw_lookup *lookup, struct tw_rule *rule,
                 const struct flow *flow, const struct tw_mask *mask)
{
    struct tw_subtable *subtable;
    uint64_t *value = rule->values;
    const uint64_t *word = mask->words;
    size_t idx;

    rule->number = take_number(lookup);
    if (!rule->number) {
        return false;
    }

    rule->place = tw_place(flow->in_port.odp_port, flow->recirc_id);
    subtable = get_subtable(lookup, rule->place, mask);
    rule->subtable = subtable;
    FLOWMAP_FOR_EACH_INDEX (idx, mask->map) {
        *value++ = flow_u64_value(flow, idx) & *word++;
    }
    rule->hash = hash_values(rule->values, mask->n, lookup->secret);

    /* From here on others see it: by its number at once, since an old entry
     * of a cache may hold it. */
    ovsrcu_set(number_slot(lookup, rule->number), rule);
    cmap_insert(&subtable->rules, &rule->node, rule->hash);
    lookup->n_rules++;
    return true;
}

void
tw_lookup_remove(struct tw_lookup *lookup, struct tw_rule *rule)
{
    struct tw_subtable *subtable = CONST_CAST(struct tw_subtable *,
                                              rule->subtable);

    return_number(lookup, rule->number);
    lookup->n_rules--;
    if (!cmap_remove(&subtable->rules, &rule->node, rule->hash)) {
        remove_subtable(lookup, subtable);
    }
}

void
tw_lookup_sort(struct tw_lookup *lookup)
{
    struct tw_subtable *subtable;
    struct tw_place *place;

    CMAP_FOR_EACH (place, node, &lookup->places) {
        if (pvector_count(&place->subtables) < 2) {
            continue;
        }
        PVECTOR_FOR_EACH (subtable, &place->subtables) {
            uint32_t hits;

            atomic_read_relaxed(&subtable->hits, &hits);
            atomic_store_relaxed(&subtable->hits, 0);
            pvector_change_priority(&place->subtables, subtable,
                                    MIN(hits, INT_MAX));
        }
        pvector_publish(&place->subtables);
    }
}

/* Numbers. */

static tw_rule_pointer *
number_slot(struct tw_lookup *lookup, uint32_t number)
{
    return &lookup->chunks[number / TW_CHUNK][number % TW_CHUNK];
}

/* 0 if all are taken. */
static uint32_t
take_number(struct tw_lookup *lookup)
{
    tw_rule_pointer **chunk;
    uint32_t number;

    if (lookup->n_free) {
        return lookup->free_numbers[--lookup->n_free];
    }
    if (lookup->next_number >= TW_MAX_RULES) {
        return 0;
    }

    /* Nobody knows a number of a new chunk before its rule is inserted. */
    number = lookup->next_number++;
    chunk = &lookup->chunks[number / TW_CHUNK];
    if (!*chunk) {
        *chunk = xzalloc(TW_CHUNK * sizeof **chunk);
    }
    return number;
}

static void
return_number(struct tw_lookup *lookup, uint32_t number)
{
    ovsrcu_set(number_slot(lookup, number), NULL);
    if (lookup->n_free >= lookup->allocated_free) {
        lookup->free_numbers = x2nrealloc(lookup->free_numbers,
                                          &lookup->allocated_free,
                                          sizeof *lookup->free_numbers);
    }
    lookup->free_numbers[lookup->n_free++] = number;
}

/* Places and subtables. */

static struct tw_place *
find_place(const struct tw_lookup *lookup, uint64_t where)
{
    struct tw_place *place;

    CMAP_FOR_EACH_WITH_HASH (place, node, hash_uint64(where),
                             &lookup->places) {
        if (place->place == where) {
            return place;
        }
    }
    return NULL;
}

static struct tw_place *
get_place(struct tw_lookup *lookup, uint64_t where)
{
    struct tw_place *place = find_place(lookup, where);

    if (!place) {
        place = xmalloc(sizeof *place);
        place->place = where;
        pvector_init(&place->subtables);
        cmap_init(&place->by_mask);
        cmap_insert(&lookup->places, &place->node, hash_uint64(where));
    }
    return place;
}

static bool
subtable_has_mask(const struct tw_subtable *subtable,
                  const struct tw_mask *mask)
{
    if (!flowmap_equal(subtable->map, mask->map)) {
        return false;
    }
    for (size_t i = 0; i < mask->n; i++) {
        if (subtable->blocks[i].mask != mask->words[i]) {
            return false;
        }
    }
    return true;
}

static struct tw_subtable *
create_subtable(struct tw_lookup *lookup, struct tw_place *place,
                const struct tw_mask *mask)
{
    struct tw_subtable *subtable;
    struct tw_block *b;
    size_t idx;

    subtable = xmalloc_cacheline(sizeof *subtable + mask->n * sizeof *b);
    cmap_init(&subtable->rules);
    subtable->n = mask->n;
    subtable->n_low = count_1bits(mask->map.bits[0]);
    subtable->place = place;
    subtable->map = mask->map;
    subtable->mask_hash = mask->hash;
    subtable->secret = lookup->secret;
    atomic_init(&subtable->hits, 0);

    b = subtable->blocks;
    FLOWMAP_FOR_EACH_INDEX (idx, mask->map) {
        b->below = (UINT64_C(1) << (idx % MAP_T_BITS)) - 1;
        b->mask = mask->words[b - subtable->blocks];
        b++;
    }
    return subtable;
}

/* Returns the subtable for 'mask' in 'where', which is created if need be. */
static struct tw_subtable *
get_subtable(struct tw_lookup *lookup, uint64_t where,
             const struct tw_mask *mask)
{
    struct tw_place *place = get_place(lookup, where);
    struct tw_subtable *subtable;

    CMAP_FOR_EACH_WITH_HASH (subtable, node, mask->hash, &place->by_mask) {
        if (subtable_has_mask(subtable, mask)) {
            return subtable;
        }
    }

    subtable = create_subtable(lookup, place, mask);
    cmap_insert(&place->by_mask, &subtable->node, mask->hash);
    pvector_insert(&place->subtables, subtable, 0);
    pvector_publish(&place->subtables);
    lookup->n_subtables++;
    return subtable;
}

static void
destroy_subtable_cb(struct tw_subtable *subtable)
{
    cmap_destroy(&subtable->rules);
    free_cacheline(subtable);
}

static void
destroy_place_cb(struct tw_place *place)
{
    pvector_destroy(&place->subtables);
    cmap_destroy(&place->by_mask);
    free(place);
}

/* Removes an empty subtable, and its place if it was the last.  Packet threads
 * may still walk both, until they quiesce. */
static void
remove_subtable(struct tw_lookup *lookup, struct tw_subtable *subtable)
{
    struct tw_place *place = subtable->place;

    lookup->n_subtables--;
    pvector_remove(&place->subtables, subtable);
    pvector_publish(&place->subtables);
    if (!cmap_remove(&place->by_mask, &subtable->node, subtable->mask_hash)) {
        cmap_remove(&lookup->places, &place->node, hash_uint64(place->place));
        ovsrcu_postpone(destroy_place_cb, place);
    }
    ovsrcu_postpone(destroy_subtable_cb, subtable);
}
