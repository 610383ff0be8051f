/* SPDX-License-Identifier: Apache-2.0 */

/* The tables of the track cache: tracks and contexts. */

#include <config.h>

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "random.h"
#include "tw-context.h"
#include "tw-track.h"
#include "util.h"

#define N_KEYS 100000
#define N_PROGRAMS 64

/* Names of programs that tracks hold: what the owner of a table counts. */
struct names {
    uint64_t n[N_PROGRAMS];
    bool dead[N_PROGRAMS];
};

static void
release(void *names_, uint16_t program)
{
    struct names *names = names_;

    assert(program && program < N_PROGRAMS);
    assert(names->n[program]);
    names->n[program]--;
}

static bool
is_dead(void *names_, uint16_t program)
{
    struct names *names = names_;

    return names->dead[program];
}

static void
make_key(uint64_t i, uint64_t key[TW_TRACK_WORDS6])
{
    for (size_t j = 0; j < TW_TRACK_WORDS6; j++) {
        key[j] = j ? i << (j & 7) : i;
    }
}

static tw_way *
find(const struct tw_tracks *tracks, uint64_t i)
{
    uint64_t key[TW_TRACK_WORDS6];

    make_key(i, key);
    return tw_tracks_find(tracks, key, tw_track_hash(key, tracks->n_words));
}

/* A ghost for key 'i', whose steps carry its number. */
static tw_way *
add_ghost(struct tw_tracks *tracks, struct names *names, uint64_t i)
{
    uint64_t key[TW_TRACK_WORDS6];
    struct ct_track *steps;
    tw_way *way;

    make_key(i, key);
    way = tw_tracks_add(tracks, key, tw_track_hash(key, tracks->n_words),
                        release, names);
    assert(way == find(tracks, i));
    assert(!(*way & (TW_WAY_PROGRAM | TW_WAY_USED)) && *way);
    steps = tw_track_steps(tracks, tw_tracks_slot(tracks, way));
    for (unsigned int j = 0; j < tracks->max_steps; j++) {
        steps[j].number = i;
        steps[j].id = j;
    }
    return way;
}

static uint16_t
program_of(uint64_t i)
{
    return 1 + i % (N_PROGRAMS - 1);
}

static tw_way *
add_track(struct tw_tracks *tracks, struct names *names, uint64_t i)
{
    tw_way *way = add_ghost(tracks, names, i);

    *way |= program_of(i);
    names->n[program_of(i)]++;
    return way;
}

static void
check_steps(const struct tw_tracks *tracks, const tw_way *way, uint64_t i)
{
    const struct ct_track *steps
        = tw_track_steps(tracks, tw_tracks_slot(tracks, way));

    for (unsigned int j = 0; j < tracks->max_steps; j++) {
        assert(steps[j].number == i && steps[j].id == j);
    }
}

/* How many of the first 'n' keys have a way that is as it was made. */
static uint64_t
count_found(const struct tw_tracks *tracks, uint64_t n)
{
    uint64_t found = 0;

    for (uint64_t i = 0; i < n; i++) {
        const tw_way *way = find(tracks, i);

        if (way) {
            assert((*way & TW_WAY_PROGRAM) == program_of(i));
            check_steps(tracks, way, i);
            found++;
        }
    }
    return found;
}

static uint64_t
count_ways(const struct tw_tracks *tracks)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < (uint64_t) tracks->n_sets * TW_TRACK_WAYS; i++) {
        n += tracks->ways[i] != 0;
    }
    return n;
}

static uint64_t
count_names(const struct names *names)
{
    uint64_t n = 0;

    for (size_t i = 0; i < N_PROGRAMS; i++) {
        n += names->n[i];
    }
    return n;
}

/* Each way is in the set of its key, and the sets are as many as they say. */
static void
check_table(const struct tw_tracks *tracks)
{
    assert(count_ways(tracks) == tracks->n_used);
    assert(is_pow2(tracks->low_sets) && tracks->low_sets <= tracks->n_sets
           && tracks->n_sets < 2 * (uint64_t) tracks->low_sets);
    assert(tracks->n_sets <= tracks->max_sets);
    assert(tracks->hand < tracks->n_sets);
    for (uint64_t i = 0; i < (uint64_t) tracks->n_sets * TW_TRACK_WAYS; i++) {
        const tw_way *way = &tracks->ways[i];
        uint64_t hash;

        if (*way) {
            hash = tw_track_hash(tw_tracks_slot(tracks, way),
                                 tracks->n_words);
            assert(tw_tracks_set(tracks, hash) == i / TW_TRACK_WAYS);
            assert((*way & TW_WAY_TAG) == tw_way_tag(hash));
        }
    }
}

/* 5/8 full at least, or, if tracks in use had to give way, 2/8. */
static void
check_size(const struct tw_tracks *tracks, uint64_t n, bool used)
{
    uint64_t n_ways = (uint64_t) tracks->n_sets * TW_TRACK_WAYS;

    assert(n_ways * (used ? 2 : 5) <= (n + 100) * 8);
    assert(used || tracks->n_used * 8 <= n_ways * 5 + 8);
    assert(tw_tracks_memory(tracks)
           == n_ways * (tracks->slot_size + sizeof(tw_way)));
}

/* Keys that had to give way come back, as connections do: the table finds room
 * for them. */
static void
test_coming_back(struct tw_tracks *tracks, struct names *names, uint64_t n)
{
    uint64_t before = 0;

    for (int round = 0; round < 5; round++) {
        before = tracks->n_replaced;
        for (uint64_t i = 0; i < n; i++) {
            if (!find(tracks, i)) {
                *add_track(tracks, names, i) |= TW_WAY_USED;
            }
        }
    }
    assert(tracks->n_replaced - before < n / 50);
    check_size(tracks, n, true);
    check_table(tracks);
    assert(count_found(tracks, n) == tracks->n_used);
    assert(count_names(names) == tracks->n_used);
}

/* Many keys while the table grows: only those are lost that gave way to
 * others. */
static void
test_growth(bool ipv6, bool used)
{
    struct names names = { .n = { 0 } };
    struct tw_tracks tracks;
    uint64_t found;

    assert(tw_tracks_init(&tracks, ipv6, 1 << 20));
    assert(tracks.slot_size == (ipv6 ? 128 : 64));
    for (uint64_t i = 0; i < N_KEYS; i++) {
        uint32_t before = tracks.n_sets;

        assert(!find(&tracks, i));
        *add_track(&tracks, &names, i) |= used ? TW_WAY_USED : 0;
        assert(tracks.n_sets - before <= 8);    /* Step by step. */
        if (i % 20000 == 0) {
            check_table(&tracks);
        }
    }
    check_table(&tracks);
    found = count_found(&tracks, N_KEYS);
    assert(found + tracks.n_replaced == N_KEYS && found == tracks.n_used);
    assert(count_names(&names) == found);
    assert(!find(&tracks, N_KEYS));
    check_size(&tracks, N_KEYS, used);
    if (used) {
        test_coming_back(&tracks, &names, N_KEYS);
    }
    tw_tracks_uninit(&tracks);
}

/* The table stays within its limit, whoever comes. */
static void
test_limit(uint64_t max)
{
    struct names names = { .n = { 0 } };
    struct tw_tracks tracks;
    uint64_t memory;

    assert(tw_tracks_init(&tracks, false, max));
    memory = MAX(max, TW_TRACK_WAYS) * (tracks.slot_size + sizeof(tw_way));
    for (uint64_t i = 0; i < 20000; i++) {
        *add_track(&tracks, &names, i) |= TW_WAY_USED;
        assert(tw_tracks_memory(&tracks) <= memory);
    }
    check_table(&tracks);
    assert(tracks.n_sets == tracks.max_sets);
    assert(tracks.n_used <= MAX(max, TW_TRACK_WAYS));
    assert(tracks.n_used + tracks.n_replaced == 20000);
    assert(count_found(&tracks, 20000) == tracks.n_used);
    assert(count_names(&names) == tracks.n_used);
    assert(find(&tracks, 19999));
    tw_tracks_uninit(&tracks);
}

/* In a table of one set: empty ways first, then those not used, then any. */
static void
test_replacement(void)
{
    struct names names = { .n = { 0 } };
    struct tw_tracks tracks;
    uint64_t i;

    assert(tw_tracks_init(&tracks, false, 1));
    assert(tracks.max_sets == 1);
    for (i = 0; i < TW_TRACK_WAYS; i++) {
        add_track(&tracks, &names, i);
        assert(!tracks.n_replaced && tracks.n_used == i + 1);
    }
    for (i = 0; i < TW_TRACK_WAYS; i++) {
        *find(&tracks, i) |= i == 5 ? 0 : TW_WAY_USED;
    }
    *add_track(&tracks, &names, 100) |= TW_WAY_USED;
    assert(!find(&tracks, 5) && tracks.n_replaced == 1);
    assert(names.n[program_of(5)] == 0);
    assert(count_found(&tracks, TW_TRACK_WAYS) == TW_TRACK_WAYS - 1);

    /* All are in use. */
    add_track(&tracks, &names, 101);
    assert(tracks.n_replaced == 2 && tracks.n_used == TW_TRACK_WAYS);
    assert(count_names(&names) == TW_TRACK_WAYS);

    /* The newest is the only one that is not. */
    add_track(&tracks, &names, 102);
    assert(!find(&tracks, 101) && find(&tracks, 102));
    tw_tracks_uninit(&tracks);
}

/* Ghosts name nobody, and give way as others do. */
static void
test_ghosts(void)
{
    struct names names = { .n = { 0 } };
    struct tw_tracks tracks;

    assert(tw_tracks_init(&tracks, true, 1));
    for (uint64_t i = 0; i < 3 * TW_TRACK_WAYS; i++) {
        add_ghost(&tracks, &names, i);
    }
    assert(tracks.n_used == TW_TRACK_WAYS);
    assert(tracks.n_replaced == 2 * TW_TRACK_WAYS);
    memset(names.dead, true, sizeof names.dead);
    tw_tracks_sweep(&tracks, 1, is_dead, release, &names);
    assert(tracks.n_used == TW_TRACK_WAYS);
    assert(!count_names(&names));
    tw_tracks_uninit(&tracks);
}

/* A whole turn of the hand: all ways are unused, those of dead programs
 * empty. */
static void
test_sweep(void)
{
    struct names names = { .n = { 0 } };
    struct tw_tracks tracks;
    uint64_t n = 5000, before;

    assert(tw_tracks_init(&tracks, false, 1 << 16));
    for (uint64_t i = 0; i < n; i++) {
        *add_track(&tracks, &names, i) |= TW_WAY_USED;
    }
    names.dead[3] = names.dead[7] = true;
    before = tracks.n_used - names.n[3] - names.n[7];
    assert(before < tracks.n_used);
    tw_tracks_sweep(&tracks, tracks.n_sets - 1, is_dead, release, &names);
    assert(tracks.hand == tracks.n_sets - 1);
    tw_tracks_sweep(&tracks, 1, is_dead, release, &names);
    assert(!tracks.hand);
    assert(!names.n[3] && !names.n[7] && tracks.n_used == before);
    assert(count_names(&names) == before);
    check_table(&tracks);
    for (uint64_t i = 0; i < n; i++) {
        const tw_way *way = find(&tracks, i);

        assert(!way || !(*way & TW_WAY_USED));
        assert(!way || (program_of(i) != 3 && program_of(i) != 7));
    }
    memset(names.dead, true, sizeof names.dead);
    tw_tracks_sweep(&tracks, tracks.n_sets, is_dead, release, &names);
    assert(!count_names(&names) && !tracks.n_used);
    tw_tracks_uninit(&tracks);
}

/* Everything at once, in any order. */
static void
test_random(void)
{
    struct names names = { .n = { 0 } };
    struct tw_tracks tracks;

    assert(tw_tracks_init(&tracks, false, 1 << 12));
    for (int round = 0; round < 200000; round++) {
        uint64_t i = random_range(8000);
        tw_way *way = find(&tracks, i);

        if (!way) {
            add_track(&tracks, &names, i);
        } else {
            *way |= TW_WAY_USED;
        }
        if (!random_range(3)) {
            names.dead[random_range(N_PROGRAMS)] ^= !random_range(50);
            tw_tracks_sweep(&tracks, random_range(4), is_dead, release,
                            &names);
        }
    }
    check_table(&tracks);
    assert(count_found(&tracks, 8000) == tracks.n_used);
    assert(count_names(&names) == tracks.n_used);
    tw_tracks_uninit(&tracks);
}

/* Contexts. */

static void
context_key(uint32_t i, struct tw_track_key *key)
{
    memset(key, 0, sizeof *key);
    key->context.dl_dst.ea[5] = i;
    key->context.in_port = u32_to_odp(i >> 8);
    key->context.kind = TW_KEY_IPV4;
}

static struct tw_context *
find_context(struct tw_contexts *contexts, uint32_t i)
{
    struct tw_track_key key;

    context_key(i, &key);
    return tw_context_find(contexts, &key, tw_context_hash(&key));
}

/* Far more than there is room for: no id twice, and each is found that was
 * not replaced. */
static void
test_contexts(void)
{
    struct tw_contexts *contexts = xzalloc(sizeof *contexts);
    uint32_t n = 20000, found = 0;

    for (uint32_t i = 0; i < n; i++) {
        struct tw_track_key key;
        struct tw_context *context;
        uint16_t replaced;

        context_key(i, &key);
        assert(!find_context(contexts, i));
        context = tw_context_add(contexts, &key, tw_context_hash(&key), i,
                                 &replaced);
        assert(context->id == i + 1 && !context->program);
        assert(!replaced == (contexts->n > found));
        found = contexts->n;
        context->program = 9;
        assert(find_context(contexts, i) == context);
    }
    assert(found <= TW_CONTEXT_SETS * TW_CONTEXT_WAYS);
    for (uint32_t i = 0; i < n; i++) {
        struct tw_context *context = find_context(contexts, i);

        assert(!context || context->id == i + 1);
        found -= context != NULL;
    }
    assert(!found);
    free(contexts);
}

/* In one set, the one goes that was not used for longest, also when the
 * seconds start over. */
static void
test_oldest_context(void)
{
    struct tw_contexts *contexts = xzalloc(sizeof *contexts);
    static const uint16_t used[] = { 65530, 65520, 3, 65535 };
    struct tw_track_key key;
    uint16_t replaced;

    for (uint32_t i = 0; i < TW_CONTEXT_WAYS; i++) {
        context_key(i, &key);
        tw_context_add(contexts, &key, 77, used[i], &replaced)->program
            = 10 + i;
        assert(!replaced && contexts->n == i + 1);
    }
    context_key(9, &key);
    assert(tw_context_add(contexts, &key, 77, 5, &replaced)->id == 5);
    assert(replaced == 11 && contexts->n == TW_CONTEXT_WAYS);
    context_key(1, &key);
    assert(!tw_context_find(contexts, &key, 77));
    context_key(0, &key);
    assert(tw_context_find(contexts, &key, 77)->program == 10);
    tw_context_find(contexts, &key, 77)->used = 5;
    context_key(1, &key);
    tw_context_add(contexts, &key, 77, 6, &replaced);
    assert(replaced == 13);
    free(contexts);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    random_set_seed(0x5eed1234);
    ct_hash_init();
    test_growth(false, false);
    test_growth(false, true);
    test_growth(true, false);
    test_growth(true, true);
    test_limit(1);
    test_limit(1000);
    test_limit(4096);
    test_replacement();
    test_ghosts();
    test_sweep();
    test_random();
    test_contexts();
    test_oldest_context();
    return 0;
}
