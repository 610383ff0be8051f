/* SPDX-License-Identifier: Apache-2.0 */

/* Tracks: where a packet whose way is known finds it.  Called by tw-cache. */

#include <config.h>

#include "tw-track.h"

#include "ct-pages.h"

#define FIRST_SETS 256

/* Sets to split with an insertion into a table that is too full. */
#define SPLITS 4

static void grow(struct tw_tracks *, unsigned int eighths);
static void split(struct tw_tracks *);
static uint64_t hash_of(const struct tw_tracks *, const tw_way *);
static tw_way *choose_way(struct tw_tracks *, uint64_t hash);

static size_t
ways_size(const struct tw_tracks *tracks)
{
    return ROUND_UP((size_t) tracks->max_sets * TW_TRACK_WAYS
                    * sizeof *tracks->ways, CT_HUGE_PAGE);
}

static size_t
slots_size(const struct tw_tracks *tracks)
{
    return ROUND_UP((size_t) tracks->max_sets * TW_TRACK_WAYS
                    * tracks->slot_size, CT_HUGE_PAGE);
}

bool
tw_tracks_init(struct tw_tracks *tracks, bool ipv6, uint64_t max)
{
    uint64_t max_sets = MAX(max / TW_TRACK_WAYS, 1);

    memset(tracks, 0, sizeof *tracks);
    tracks->n_words = ipv6 ? TW_TRACK_WORDS6 : TW_TRACK_WORDS4;
    tracks->slot_size = ipv6 ? sizeof(struct tw_track6)
                             : sizeof(struct tw_track4);
    tracks->max_steps = ipv6 ? TW_TRACK_STEPS6 : TW_TRACK_STEPS4;
    tracks->max_sets = 1u << log_2_floor(max_sets);
    tracks->n_sets = tracks->low_sets = MIN(FIRST_SETS, tracks->max_sets);
    tracks->ways = ct_pages_alloc(ways_size(tracks), CT_HUGE_PAGE, true);
    tracks->slots = ct_pages_alloc(slots_size(tracks), CT_HUGE_PAGE, true);
    if (!tracks->ways || !tracks->slots) {
        tw_tracks_uninit(tracks);
        return false;
    }
    return true;
}

void
tw_tracks_uninit(struct tw_tracks *tracks)
{
    ct_pages_free(tracks->ways, ways_size(tracks));
    ct_pages_free(tracks->slots, slots_size(tracks));
    tracks->ways = NULL;
    tracks->slots = NULL;
}

uint64_t
tw_tracks_memory(const struct tw_tracks *tracks)
{
    return ((uint64_t) tracks->n_sets * TW_TRACK_WAYS
            * (tracks->slot_size + sizeof *tracks->ways));
}

tw_way *
tw_tracks_find(const struct tw_tracks *tracks, const uint64_t *key,
               uint64_t hash)
{
    tw_way *set = &tracks->ways[(size_t) tw_tracks_set(tracks, hash)
                                * TW_TRACK_WAYS];
    unsigned int match = tw_tracks_match(set, hash);

    for (; match; match = zero_rightmost_1bit(match)) {
        tw_way *way = &set[raw_ctz(match)];

        if (tw_track_equals(tracks, tw_tracks_slot(tracks, way), key)) {
            return way;
        }
    }
    return NULL;
}

tw_way *
tw_tracks_add(struct tw_tracks *tracks, const uint64_t *key, uint64_t hash,
              tw_tracks_release *release, void *aux)
{
    tw_way *way;

    grow(tracks, 5);
    way = choose_way(tracks, hash);
    if (*way & TW_WAY_USED) {
        /* Its set is full of tracks in use. */
        grow(tracks, 2);
        way = choose_way(tracks, hash);
    }
    if (!*way) {
        tracks->n_used++;
    } else {
        tracks->n_replaced++;
        if (*way & TW_WAY_PROGRAM) {
            release(aux, *way & TW_WAY_PROGRAM);
        }
    }
    *way = tw_way_tag(hash);
    memcpy(tw_tracks_slot(tracks, way), key,
           tracks->n_words * sizeof *key);
    return way;
}

void
tw_tracks_sweep(struct tw_tracks *tracks, uint32_t n,
                tw_tracks_is_dead *is_dead, tw_tracks_release *release,
                void *aux)
{
    for (; n > 0; n--) {
        tw_way *set = &tracks->ways[(size_t) tracks->hand * TW_TRACK_WAYS];

        for (unsigned int i = 0; i < TW_TRACK_WAYS; i++) {
            uint16_t program = set[i] & TW_WAY_PROGRAM;

            if (program && is_dead(aux, program)) {
                release(aux, program);
                set[i] = 0;
                tracks->n_used--;
            }
            set[i] &= ~TW_WAY_USED;
        }
        tracks->hand = tracks->hand + 1 < tracks->n_sets ? tracks->hand + 1
                                                         : 0;
    }
}

/* An empty way, else one that was not used lately, else any. */
static tw_way *
choose_way(struct tw_tracks *tracks, uint64_t hash)
{
    tw_way *set = &tracks->ways[(size_t) tw_tracks_set(tracks, hash)
                                * TW_TRACK_WAYS];
    unsigned int start = hash >> 28 & (TW_TRACK_WAYS - 1);
    tw_way *victim = &set[start];

    for (unsigned int i = 0; i < TW_TRACK_WAYS; i++) {
        tw_way *way = &set[(start + i) % TW_TRACK_WAYS];

        if (!*way) {
            return way;
        }
        if (!(*way & TW_WAY_USED) && *victim & TW_WAY_USED) {
            victim = way;
        }
    }
    return victim;
}

/* Adds sets while more than 'eighths' of the ways are taken. */
static void
grow(struct tw_tracks *tracks, unsigned int eighths)
{
    for (unsigned int i = 0; i < SPLITS; i++) {
        uint64_t n_ways = (uint64_t) tracks->n_sets * TW_TRACK_WAYS;

        if (tracks->n_used * 8 <= n_ways * eighths
            || tracks->n_sets >= tracks->max_sets) {
            return;
        }
        split(tracks);
    }
}

/* Divides a set's tracks between it and a new one.  A track keeps its place in
 * the set. */
static void
split(struct tw_tracks *tracks)
{
    uint32_t new = tracks->n_sets;
    uint32_t old = new - tracks->low_sets;
    tw_way *from = &tracks->ways[(size_t) old * TW_TRACK_WAYS];
    tw_way *to = &tracks->ways[(size_t) new * TW_TRACK_WAYS];

    for (unsigned int i = 0; i < TW_TRACK_WAYS; i++) {
        if (from[i] && hash_of(tracks, &from[i]) & tracks->low_sets) {
            memcpy(tw_tracks_slot(tracks, &to[i]),
                   tw_tracks_slot(tracks, &from[i]), tracks->slot_size);
            to[i] = from[i];
            from[i] = 0;
        }
    }
    tracks->n_sets++;
    if (tracks->n_sets == 2 * tracks->low_sets) {
        tracks->low_sets = tracks->n_sets;
    }
}

static uint64_t
hash_of(const struct tw_tracks *tracks, const tw_way *way)
{
    return tw_track_hash(tw_tracks_slot(tracks, way), tracks->n_words);
}
