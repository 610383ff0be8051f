/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_PASSAGE_H
#define TW_PASSAGE_H 1

#include "tw-cache.h"

/* The inside of the track cache, for tw-cache.c, which carries a batch
 * through, and tw-learn.c, which makes tracks of what it met. */

/* A batch on its way through the cache. */
struct tw_passage {
    struct tw_thread *thread;
    struct tw_cache *cache;
    struct tw_pass pass;
    uint16_t second;                    /* Of the thread's time. */
    struct tw_context *contexts[NETDEV_MAX_BURST];
    struct tw_context *last_context;    /* While keys are made. */
    uint64_t hashes[NETDEV_MAX_BURST];  /* Of tracks. */
    uint64_t words[NETDEV_MAX_BURST][TW_TRACK_WORDS6];
    uint32_t hits;                      /* Bits: a program will run. */
    bool one_way;                       /* All have the same program, or
                                         * none. */
    struct tw_epoch epoch;              /* When the batch came. */
    uint64_t before;                    /* Cycles; 0: not sampled. */
    unsigned int first_walk;
    struct tw_walk *walks[NETDEV_MAX_BURST];
};

/* tw-learn.c: makes tracks of the walks of the packets that took the slow
 * path. */
void tw_learn(struct tw_passage *);

/* Steps of a batch: keys and contexts of its packets, and then programs, or
 * misses.  With 'in_port' other than ODPP_NONE the packets' metadata is
 * initialised. */
void tw_cache_make_keys(struct tw_passage *, odp_port_t in_port);
void tw_cache_find_programs(struct tw_passage *);

/* May a track be made of packet 'i', which found no program? */
bool tw_cache_may_learn(const struct tw_passage *, unsigned int i);

/* Bits of all packets. */
static inline uint32_t
tw_passage_all(const struct tw_passage *p)
{
    return p->pass.n < 32 ? (UINT32_C(1) << p->pass.n) - 1 : UINT32_MAX;
}

/* Tables of tracks, and keys in them. */

static inline struct tw_tracks *
tw_cache_tracks_of(struct tw_cache *cache,
                   const struct tw_track_key *key)
{
    return &cache->tracks[tw_track_key_kind(key) == TW_KEY_IPV6];
}

static inline void
tw_cache_make_words(const struct tw_track_key *key,
                    const struct tw_context *context,
                    uint64_t words[TW_TRACK_WORDS6])
{
    words[0] = (uint64_t) (OVS_FORCE uint32_t) key->ports << 32 | context->id;
    if (OVS_LIKELY(tw_track_key_kind(key) == TW_KEY_IPV4)) {
        words[1] = ((uint64_t) (OVS_FORCE uint32_t) key->ip4.dst << 32
                    | (OVS_FORCE uint32_t) key->ip4.src);
    } else {
        words[1] = (OVS_FORCE uint32_t) key->ip6.label;
        memcpy(&words[2], &key->ip6.src, 4 * sizeof words[0]);
    }
}

/* Something stops naming a program; is it dead?  'cache' is a struct
 * tw_cache. */

static inline void
tw_cache_release_program(void *cache_, uint16_t number)
{
    struct tw_cache *cache = cache_;

    tw_program_unname(&cache->programs, number);
}

static inline bool
tw_cache_program_is_dead(void *cache_, uint16_t number)
{
    struct tw_cache *cache = cache_;

    return tw_programs_get(&cache->programs, number)->dead;
}

#endif /* tw-passage.h */
