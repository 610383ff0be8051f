/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_TRACK_H
#define TW_TRACK_H 1

#include "ct-hash.h"
#include "ct-joint.h"
#include "ct-track.h"
#include "openvswitch/compiler.h"
#include "util.h"

/* Tracks: what is remembered of the way of a connection's packets.
 * =================================================================
 *
 * What
 * ----
 * A table from keys to tracks, one for each family of addresses.  A track
 * belongs to one direction of one connection.  It names a program, which it
 * shares with all tracks that met the same megaflows, and the connections that
 * the ct() actions on the way found.
 *
 * The table is set associative: eight tracks to a set, found by a tag of 15
 * bits each, in 32 bytes.  A packet looks at half a cache line of tags and
 * then at the line of its track.  A track without program is a "ghost": its
 * key was seen once.
 *
 * Size
 * ----
 * The table begins small, and grows, a few sets with each insertion, while
 * more than 5/8 of its ways are taken, or while a track in use would have to
 * give way and more than 2/8 are taken, up to the maximum that is configured.
 * From then on a track that was not used since the hand last passed gives way.
 * Memory is taken when it is first touched.
 *
 * Threads: all functions by the owning thread.
 *
 * Cost: 68 bytes a track of IPv4, 132 of IPv6, at up to 5/8 full.
 */

#define TW_TRACK_WAYS 8

/* Connections of a track. */
#define TW_TRACK_STEPS4 6
#define TW_TRACK_STEPS6 10
#define TW_TRACK_MAX_STEPS TW_TRACK_STEPS6

/* Words of a key. */
#define TW_TRACK_WORDS4 2
#define TW_TRACK_WORDS6 6

struct tw_track4 {
    uint64_t key[TW_TRACK_WORDS4];
    struct ct_track steps[TW_TRACK_STEPS4];
};
BUILD_ASSERT_DECL(sizeof(struct tw_track4) == CACHE_LINE_SIZE);

struct tw_track6 {
    uint64_t key[TW_TRACK_WORDS6];
    struct ct_track steps[TW_TRACK_STEPS6];
};
BUILD_ASSERT_DECL(sizeof(struct tw_track6) == 2 * CACHE_LINE_SIZE);

/* A way: its tag, whether it was used lately, and the number of its program.
 * 0: empty. */
typedef uint32_t tw_way;
#define TW_WAY_USED         0x80000000
#define TW_WAY_TAG          0x7fff0000
#define TW_WAY_PROGRAM      0x0000ffff

struct tw_tracks {
    tw_way *ways;               /* TW_TRACK_WAYS to a set. */
    char *slots;                /* In the same order. */
    unsigned int n_words;       /* Of a key. */
    unsigned int slot_size;
    unsigned int max_steps;

    /* Linear hashing: sets from 0 to n_sets - 1 are in use; 'low_sets' is the
     * largest power of 2 that is not larger. */
    uint32_t n_sets, low_sets, max_sets;
    uint32_t hand;              /* The next set to be swept. */
    uint64_t n_used;            /* Ways that are not empty. */
    uint64_t n_replaced;        /* Tracks that had to give way. */
};

/* 'max' is the largest number of tracks.  False if there is no memory. */
bool tw_tracks_init(struct tw_tracks *, bool ipv6, uint64_t max);
void tw_tracks_uninit(struct tw_tracks *);
/* Bytes of sets in use. */
uint64_t tw_tracks_memory(const struct tw_tracks *);

/* The hash of a key.  Keyed, so that nobody can choose keys that collide. */
static inline uint64_t
tw_track_hash(const uint64_t *key, unsigned int n_words)
{
    uint64_t hash = ct_hash_fold__(key[0] ^ ct_hash_secret[2],
                                   key[1] ^ ct_hash_secret[3]);

    for (unsigned int i = 2; i < n_words; i += 2) {
        hash = ct_hash_fold__(hash ^ key[i], key[i + 1] ^ ct_hash_secret[4]);
    }
    return ct_hash_fold__(hash, ct_hash_secret[6] | 1);
}

static inline uint32_t
tw_tracks_set(const struct tw_tracks *tracks, uint64_t hash)
{
    uint32_t high = hash & (2 * tracks->low_sets - 1);

    return high < tracks->n_sets ? high : hash & (tracks->low_sets - 1);
}

/* Never 0, so that a ghost is not empty. */
static inline tw_way
tw_way_tag(uint64_t hash)
{
    return (hash >> 33 & TW_WAY_TAG) | 0x10000;
}

static inline void *
tw_tracks_slot(const struct tw_tracks *tracks, const tw_way *way)
{
    return tracks->slots + (way - tracks->ways) * (size_t) tracks->slot_size;
}

static inline struct ct_track *
tw_track_steps(const struct tw_tracks *tracks, void *slot)
{
    return (struct ct_track *) ((uint64_t *) slot + tracks->n_words);
}

/* Behind the steps of a track whose program has a place for a joint. */
static inline ct_joint *
tw_track_joint(const struct ct_track *steps, unsigned int n_steps)
{
    BUILD_ASSERT_DECL(sizeof(ct_joint) == sizeof(struct ct_track));
    return (ct_joint *) &steps[n_steps];
}

/* The ways of the set of 'hash' that have its tag, as bits. */
static inline unsigned int tw_tracks_match(const tw_way *set, uint64_t hash);

static inline bool
tw_track_equals(const struct tw_tracks *tracks, const void *slot,
                const uint64_t *key)
{
    const uint64_t *words = slot;
    uint64_t differ = (words[0] ^ key[0]) | (words[1] ^ key[1]);

    for (unsigned int i = 2; i < tracks->n_words; i++) {
        differ |= words[i] ^ key[i];
    }
    return !differ;
}

/* The way of 'key', NULL if there is none. */
tw_way *tw_tracks_find(const struct tw_tracks *, const uint64_t *key,
                       uint64_t hash);

/* Called when a way stops naming the program with number 'program', which is
 * not 0. */
typedef void tw_tracks_release(void *aux, uint16_t program);

/* A ghost for 'key', which has no way yet.  May move other tracks. */
tw_way *tw_tracks_add(struct tw_tracks *, const uint64_t *key, uint64_t hash,
                      tw_tracks_release *, void *aux);

/* Looks after the next 'n' sets: ways that were used are marked as not used
 * lately, and those whose program 'is_dead' become empty. */
typedef bool tw_tracks_is_dead(void *aux, uint16_t program);
void tw_tracks_sweep(struct tw_tracks *, uint32_t n, tw_tracks_is_dead *,
                     tw_tracks_release *, void *aux);

#if defined __SSE2__
#include <emmintrin.h>

static inline unsigned int
tw_tracks_match(const tw_way *set, uint64_t hash)
{
    __m128i mask = _mm_set1_epi32(TW_WAY_TAG);
    __m128i tag = _mm_set1_epi32(tw_way_tag(hash));
    __m128i a = _mm_load_si128((const __m128i *) set);
    __m128i b = _mm_load_si128((const __m128i *) (set + 4));

    a = _mm_cmpeq_epi32(_mm_and_si128(a, mask), tag);
    b = _mm_cmpeq_epi32(_mm_and_si128(b, mask), tag);
    return (_mm_movemask_ps(_mm_castsi128_ps(a))
            | _mm_movemask_ps(_mm_castsi128_ps(b)) << 4);
}
#else
static inline unsigned int
tw_tracks_match(const tw_way *set, uint64_t hash)
{
    tw_way tag = tw_way_tag(hash);
    unsigned int match = 0;

    for (unsigned int i = 0; i < TW_TRACK_WAYS; i++) {
        match |= (unsigned int) ((set[i] & TW_WAY_TAG) == tag) << i;
    }
    return match;
}
#endif

#endif /* tw-track.h */
