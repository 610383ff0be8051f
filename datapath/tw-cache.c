/* SPDX-License-Identifier: Apache-2.0 */

/* The short way: keys, contexts, tracks, programs; and behind the slow path of
 * the others, learning.  Called by tw-input for packets that come in from a
 * port or out of a tunnel. */

#include <config.h>

#include "tw-cache.h"

#include "odp-util.h"
#include "openvswitch/vlog.h"
#include "tw-datapath.h"
#include "tw-group.h"
#include "tw-megaflow.h"
#include "tw-order.h"
#include "tw-program.h"
#include "tw-thread.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(tw_cache);

/* Sets of tracks looked after at a time. */
#define SWEEP 32

/* A batch on its way through the cache. */
struct passage {
    struct tw_thread *thread;
    struct tw_cache *cache;
    struct tw_pass pass;
    uint16_t second;                    /* Of the thread's time. */
    struct tw_context *contexts[NETDEV_MAX_BURST];
    uint64_t hashes[NETDEV_MAX_BURST];  /* Of tracks. */
    uint64_t words[NETDEV_MAX_BURST][TW_TRACK_WORDS6];
    uint32_t hits;                      /* Bits: a program will run. */
    struct tw_epoch epoch;              /* When the batch came. */
    uint64_t before;                    /* Cycles; 0: not sampled. */
    unsigned int first_walk;
    struct tw_walk *walks[NETDEV_MAX_BURST];
};

static void make_keys(struct passage *, odp_port_t in_port);
static void find_programs(struct passage *);
static void keep_order(struct passage *);
static void run_programs(struct passage *);
static void run_slow_path(struct passage *);
static void learn(struct passage *);
static void end_stage(struct passage *, enum tw_stage, size_t n);
static struct tw_tracks *tracks_of(struct tw_cache *,
                                   const struct tw_track_key *);
static void release_program(void *cache, uint16_t program);
static bool program_is_dead(void *cache, uint16_t program);

struct tw_cache *
tw_cache_create(struct tw_datapath *dp, uint64_t size)
{
    struct tw_cache *cache = xzalloc_cacheline(sizeof *cache);

    cache->dp = dp;
    cache->size = size;
    tw_programs_init(&cache->programs);
    if (!tw_tracks_init(&cache->tracks[0], false, size)
        || !tw_tracks_init(&cache->tracks[1], true, size)) {
        tw_cache_destroy(cache);
        return NULL;
    }
    return cache;
}

void
tw_cache_destroy(struct tw_cache *cache)
{
    if (cache) {
        tw_tracks_uninit(&cache->tracks[0]);
        tw_tracks_uninit(&cache->tracks[1]);
        tw_programs_uninit(&cache->programs);
        free_cacheline(cache);
    }
}

/* The steps of a batch. */
void
tw_cache_run(struct tw_thread *thread, struct dp_packet_batch *batch,
             odp_port_t in_port)
{
    struct passage p;

    p.thread = thread;
    p.cache = thread->cache;
    p.second = thread->now / 1000000;
    p.epoch = tw_epoch_now(thread->dp);
    p.pass.n = dp_packet_batch_size(batch);
    memcpy(p.pass.packets, batch->packets,
           p.pass.n * sizeof batch->packets[0]);
    dp_packet_batch_init(batch);
    p.before = p.cache->n_batches++ % TW_CACHE_SAMPLE ? 0 : tw_cycles();

    make_keys(&p, in_port);
    end_stage(&p, TW_STAGE_KEY, p.pass.n);
    find_programs(&p);
    keep_order(&p);
    end_stage(&p, TW_STAGE_FIND, p.pass.n);
    run_programs(&p);
    run_slow_path(&p);
}

void
tw_cache_configure(struct tw_thread *thread)
{
    uint64_t size;

    atomic_read_relaxed(&thread->dp->cache_size, &size);
    if (size != thread->cache_size) {
        tw_cache_destroy(thread->cache);
        thread->cache = size ? tw_cache_create(thread->dp, size) : NULL;
        thread->cache_size = size;
        if (size && !thread->cache) {
            VLOG_ERR("no memory for a track cache of %"PRIu64" tracks", size);
        }
    }
}

void
tw_cache_note_flow(struct tw_thread *thread,
                   const struct dp_packet_batch *batch,
                   struct tw_megaflow *flow)
{
    struct tw_walks *walks = &thread->cache->walks;
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        struct tw_walk *walk = tw_walk_of(walks, packet);

        if (walk) {
            tw_walk_add_flow(walk, flow);
        }
    }
}

void
tw_cache_note_upcall(struct tw_thread *thread, const struct dp_packet *packet)
{
    struct tw_walk *walk = tw_walk_of(&thread->cache->walks, packet);

    if (walk) {
        tw_walk_refuse(walk, TW_REFUSED_UPCALL);
    }
}

void
tw_cache_note_ct(struct tw_thread *thread,
                 const struct dp_packet_batch *batch)
{
    struct tw_walks *walks = &thread->cache->walks;
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        struct tw_walk *walk = tw_walk_of(walks, packet);

        if (walk) {
            tw_walk_add_step(walk, packet);
        }
    }
}

void
tw_cache_housekeeping(struct tw_cache *cache)
{
    struct tw_epoch now = tw_epoch_now(cache->dp);

    tw_programs_sweep(&cache->programs, cache->dp->ct, &now);
    for (size_t i = 0; i < ARRAY_SIZE(cache->tracks); i++) {
        tw_tracks_sweep(&cache->tracks[i], SWEEP, program_is_dead,
                        release_program, cache);
    }
}

static void
end_stage(struct passage *p, enum tw_stage stage, size_t n)
{
    if (OVS_UNLIKELY(p->before)) {
        uint64_t now = tw_cycles();

        p->cache->stats.cycles[stage] += now - p->before;
        p->cache->stats.n_sampled[stage] += n;
        p->before = now;
    }
}

static uint32_t
all_packets(const struct passage *p)
{
    return p->pass.n < 32 ? (UINT32_C(1) << p->pass.n) - 1 : UINT32_MAX;
}

static void
miss(struct passage *p, enum tw_miss why)
{
    p->cache->stats.misses[why]++;
}

/* Reading headers. */

/* Packets that come out of a tunnel are not given a key yet. */
static bool
has_tunnel(const struct dp_packet *packet)
{
    return flow_tnl_dst_is_set(&packet->md.tunnel);
}

static void
make_key(struct passage *p, size_t i)
{
    struct dp_packet *packet = p->pass.packets[i];
    struct tw_track_key *key = &p->pass.keys[i];

    if (OVS_LIKELY(dp_packet_size(packet) >= ETH_HEADER_LEN
                   && !has_tunnel(packet))) {
        tw_track_key_extract(packet, 0, key);
    } else {
        key->context.kind = TW_KEY_NONE;
        key->trackable = false;
        key->tcp_flags = 0;
    }
}

static struct tw_context *
find_context(struct passage *p, const struct tw_track_key *key)
{
    struct tw_context *context;

    if (OVS_UNLIKELY(key->context.kind == TW_KEY_NONE)) {
        return NULL;
    }
    context = tw_context_find(&p->cache->contexts, key, tw_context_hash(key));
    if (context && OVS_UNLIKELY(context->used != p->second)) {
        context->used = p->second;
    }
    return context;
}

/* A packet is fetched while the second one before it is looked at. */
#define PREFETCH_AHEAD 2

static void
prefetch_packet(const struct passage *p, size_t i)
{
    if (i < p->pass.n) {
        struct dp_packet *packet = p->pass.packets[i];

        OVS_PREFETCH(dp_packet_data(packet));
        pkt_metadata_prefetch_init(&packet->md);
    }
}

static void
make_keys(struct passage *p, odp_port_t in_port)
{
    for (size_t i = 0; i < p->pass.n; i++) {
        prefetch_packet(p, i + PREFETCH_AHEAD);
        if (in_port != ODPP_NONE) {
            pkt_metadata_init(&p->pass.packets[i]->md, in_port);
        }
        make_key(p, i);
        p->contexts[i] = find_context(p, &p->pass.keys[i]);
        p->pass.programs[i] = NULL;
    }
}

/* Finding tracks. */

static struct tw_tracks *
tracks_of(struct tw_cache *cache, const struct tw_track_key *key)
{
    return &cache->tracks[tw_track_key_kind(key) == TW_KEY_IPV6];
}

static void
make_words(const struct tw_track_key *key, const struct tw_context *context,
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

/* Tracks that packet 'i' could have: its set is fetched.  Returns false if
 * the packet's program is known, or it can have no track. */
static bool
begin_find(struct passage *p, size_t i)
{
    const struct tw_track_key *key = &p->pass.keys[i];
    struct tw_context *context = p->contexts[i];
    struct tw_tracks *tracks;

    if (OVS_UNLIKELY(!context)) {
        miss(p, key->context.kind ? TW_MISS_CONTEXT : TW_MISS_NO_KEY);
        return false;
    }
    if (context->program) {
        p->pass.programs[i] = tw_programs_get(&p->cache->programs,
                                              context->program);
        return false;
    }
    if (OVS_UNLIKELY(!key->trackable)) {
        miss(p, TW_MISS_FIELDS);
        return false;
    }
    tracks = tracks_of(p->cache, key);
    make_words(key, context, p->words[i]);
    p->hashes[i] = tw_track_hash(p->words[i], tracks->n_words);
    OVS_PREFETCH(&tracks->ways[(size_t) tw_tracks_set(tracks, p->hashes[i])
                               * TW_TRACK_WAYS]);
    return true;
}

/* The way whose tag fits packet 'i', or NULL; its track is fetched. */
static tw_way *
find_way(struct passage *p, size_t i)
{
    struct tw_tracks *tracks = tracks_of(p->cache, &p->pass.keys[i]);
    tw_way *set = &tracks->ways[(size_t) tw_tracks_set(tracks, p->hashes[i])
                                * TW_TRACK_WAYS];
    unsigned int match = tw_tracks_match(set, p->hashes[i]);
    tw_way *way;

    if (OVS_UNLIKELY(!match)) {
        return NULL;
    }
    way = &set[raw_ctz(match)];
    OVS_PREFETCH(tw_tracks_slot(tracks, way));
    return way;
}

/* Takes the connections out of the track, which may be replaced while the
 * packet is on its way. */
static void
take_steps(struct passage *p, size_t i, const struct tw_tracks *tracks,
           const tw_way *way)
{
    const struct ct_track *steps
        = tw_track_steps(tracks, tw_tracks_slot(tracks, way));
    const struct tw_program *program = p->pass.programs[i];

    for (unsigned int j = 0; j < program->n_steps; j++) {
        p->pass.steps[i][j] = steps[j];
    }
}

static void
end_find(struct passage *p, size_t i, tw_way *way)
{
    struct tw_tracks *tracks = tracks_of(p->cache, &p->pass.keys[i]);

    if (OVS_UNLIKELY(!way
                     || !tw_track_equals(tracks, tw_tracks_slot(tracks, way),
                                         p->words[i]))) {
        way = tw_tracks_find(tracks, p->words[i], p->hashes[i]);
        if (!way) {
            miss(p, TW_MISS_TRACK);
            return;
        }
    }
    if (!(*way & TW_WAY_USED)) {
        *way |= TW_WAY_USED;
    }
    if (OVS_UNLIKELY(!(*way & TW_WAY_PROGRAM))) {
        miss(p, TW_MISS_GHOST);
        return;
    }
    p->pass.programs[i] = tw_programs_get(&p->cache->programs,
                                          *way & TW_WAY_PROGRAM);
    take_steps(p, i, tracks, way);
}

/* A track keeps the name of its dead program until it gets another; a context
 * would go on to name it. */
static void
forget_dead(struct passage *p, uint32_t dead)
{
    for (; OVS_UNLIKELY(dead); dead = zero_rightmost_1bit(dead)) {
        struct tw_context *context = p->contexts[raw_ctz(dead)];
        uint16_t number = context->program;

        if (number && program_is_dead(p->cache, number)) {
            context->program = 0;
            release_program(p->cache, number);
        }
    }
}

/* Looks at the programs that were found.  A dead one is not run. */
static void
check_programs(struct passage *p)
{
    struct tw_program *last = NULL;
    uint32_t dead = 0;

    for (size_t i = 0; i < p->pass.n; i++) {
        struct tw_program *program = p->pass.programs[i];

        if (!program) {
            continue;
        }
        if (OVS_UNLIKELY(program != last
                         && !tw_program_is_valid(program, p->cache->dp->ct,
                                                 &p->epoch))) {
            p->pass.programs[i] = NULL;
            dead |= UINT32_C(1) << i;
            miss(p, TW_MISS_DEAD);
            continue;
        }
        last = program;
        p->hits |= UINT32_C(1) << i;
    }
    forget_dead(p, dead);
}

static void
find_programs(struct passage *p)
{
    tw_way *ways[NETDEV_MAX_BURST];
    uint32_t wanted = 0;

    p->hits = 0;
    for (size_t i = 0; i < p->pass.n; i++) {
        wanted |= (uint32_t) begin_find(p, i) << i;
    }
    for (uint32_t rest = wanted; rest; rest = zero_rightmost_1bit(rest)) {
        ways[raw_ctz(rest)] = find_way(p, raw_ctz(rest));
    }
    for (uint32_t rest = wanted; rest; rest = zero_rightmost_1bit(rest)) {
        end_find(p, raw_ctz(rest), ways[raw_ctz(rest)]);
    }
    check_programs(p);
}

static bool
takes_one_way(const struct passage *p)
{
    bool differ = false;

    for (size_t i = 1; i < p->pass.n; i++) {
        differ |= p->pass.programs[i] != p->pass.programs[0];
    }
    return !differ;
}

/* Packets that have a program, but must not pass others of their connection,
 * take the slow path with these. */
static void
keep_order(struct passage *p)
{
    uint32_t back;

    if (OVS_LIKELY(takes_one_way(p))) {
        return;
    }
    back = tw_order_conflicts(&p->pass) & p->hits;
    p->hits &= ~back;
    p->cache->stats.misses[TW_MISS_ORDER] += count_1bits(back);
}

/* Running. */

/* What track of packet 'i' remembers does not hold any more. */
static void
make_ghost(struct passage *p, size_t i)
{
    struct tw_cache *cache = p->cache;
    struct tw_tracks *tracks = tracks_of(cache, &p->pass.keys[i]);
    tw_way *way;

    if (p->pass.programs[i]->by_context) {
        return;
    }
    way = tw_tracks_find(tracks, p->words[i], p->hashes[i]);
    if (way && *way & TW_WAY_PROGRAM) {
        release_program(cache, *way & TW_WAY_PROGRAM);
        *way &= ~TW_WAY_PROGRAM;
    }
}

static void
run_program(struct passage *p, struct tw_program *program,
            const uint8_t members[], size_t n)
{
    struct tw_cache *cache = p->cache;
    uint16_t number = program->number;
    uint32_t left;

    /* It lives until it has been run, whatever packets that leave it do. */
    tw_program_name(program);
    cache->stats.n_hits += n;
    left = tw_program_run(p->thread, program, &p->pass, members, n);
    cache->stats.n_left += count_1bits(left);
    for (; OVS_UNLIKELY(left); left = zero_rightmost_1bit(left)) {
        make_ghost(p, raw_ctz(left));
    }
    tw_program_unname(&cache->programs, number);
}

static void
run_programs(struct passage *p)
{
    struct tw_groups groups;

    p->cache->stats.n_packets += p->pass.n;
    if (!p->hits) {
        return;
    }
    tw_groups_make(&groups, (void **) p->pass.programs, p->hits);
    for (size_t i = 0; i < groups.n; i++) {
        uint8_t members[NETDEV_MAX_BURST];
        size_t n = tw_group_members(&groups, i, members);

        run_program(p, groups.groups[i].key, members, n);
    }
    end_stage(p, TW_STAGE_RUN, count_1bits(p->hits));
}

/* The slow path, and learning from it. */

static void
run_slow_path(struct passage *p)
{
    uint32_t misses = all_packets(p) & ~p->hits;
    struct dp_packet_batch batch;

    if (OVS_LIKELY(!misses)) {
        return;
    }
    dp_packet_batch_init(&batch);
    p->first_walk = p->cache->walks.n;
    for (uint32_t rest = misses; rest; rest = zero_rightmost_1bit(rest)) {
        unsigned int i = raw_ctz(rest);
        bool learnable = (p->pass.keys[i].context.kind != TW_KEY_NONE
                          && !p->pass.programs[i]);

        p->walks[i] = (learnable
                       ? tw_walk_begin(&p->cache->walks, p->pass.packets[i])
                       : NULL);
        dp_packet_batch_add(&batch, p->pass.packets[i]);
    }
    p->thread->takes_notes = p->cache->walks.n > 0;
    tw_input_slow(p->thread, &batch);
    end_stage(p, TW_STAGE_SLOW, count_1bits(misses));
    learn(p);
    tw_walks_end(&p->cache->walks, p->first_walk);
    p->thread->takes_notes = p->cache->walks.n > 0;
    end_stage(p, TW_STAGE_LEARN, count_1bits(misses));
}

/* The program of 'walk', or NULL and why there is none. */
static struct tw_program *
program_of_walk(struct passage *p, const struct tw_walk *walk,
                const struct tw_track_key *key, enum tw_refusal *why)
{
    const struct tw_walk_source source = {
        .ct = p->cache->dp->ct,
        .epoch = p->epoch,
        .key = key,
    };

    if (walk->refused) {
        *why = walk->refused;
        return NULL;
    }
    if (!walk->n_flows) {
        *why = TW_REFUSED_ENDED;
        return NULL;
    }
    if (walk->n_steps > tracks_of(p->cache, key)->max_steps) {
        *why = TW_REFUSED_LONG;
        return NULL;
    }
    return tw_compile(&p->cache->programs, walk, &source, why);
}

static struct tw_context *
get_context(struct passage *p, const struct tw_track_key *key)
{
    uint64_t hash = tw_context_hash(key);
    struct tw_context *context = tw_context_find(&p->cache->contexts, key,
                                                 hash);
    uint16_t replaced = 0;

    if (!context) {
        context = tw_context_add(&p->cache->contexts, key, hash, p->second,
                                 &replaced);
        if (replaced) {
            release_program(p->cache, replaced);
        }
    }
    return context;
}

static void
set_program(struct tw_cache *cache, uint16_t *number,
            struct tw_program *program)
{
    uint16_t old = *number;

    *number = program->number;
    tw_program_name(program);
    if (old) {
        release_program(cache, old);
    }
}

/* A track for 'key' that takes 'program'.  False if this was the first time
 * that the key was seen, which is noted. */
static bool
set_track(struct passage *p, const struct tw_track_key *key,
          const struct tw_context *context, const struct tw_walk *walk,
          struct tw_program *program)
{
    struct tw_tracks *tracks = tracks_of(p->cache, key);
    uint64_t words[TW_TRACK_WORDS6];
    uint16_t number;
    uint64_t hash;
    tw_way *way;

    make_words(key, context, words);
    hash = tw_track_hash(words, tracks->n_words);
    way = tw_tracks_find(tracks, words, hash);
    if (!way) {
        way = tw_tracks_add(tracks, words, hash, release_program, p->cache);
        tw_tracks_sweep(tracks, 1, program_is_dead, release_program,
                        p->cache);
        if (!walk->n_steps) {
            return false;
        }
    }
    memcpy(tw_track_steps(tracks, tw_tracks_slot(tracks, way)), walk->steps,
           walk->n_steps * sizeof walk->steps[0]);
    number = *way & TW_WAY_PROGRAM;
    set_program(p->cache, &number, program);
    *way = (*way & TW_WAY_TAG) | TW_WAY_USED | number;
    return true;
}

static enum tw_refusal
learn_one(struct passage *p, const struct tw_walk *walk,
          const struct tw_track_key *key)
{
    enum tw_refusal why = TW_REFUSED_NONE;
    struct tw_program *program = program_of_walk(p, walk, key, &why);
    struct tw_context *context;

    if (!program) {
        return why;
    }
    context = get_context(p, key);
    if (program->by_context) {
        set_program(p->cache, &context->program, program);
    } else if (!set_track(p, key, context, walk, program)) {
        return TW_REFUSED_FIRST;
    }
    return TW_REFUSED_NONE;
}

/* Nothing is learned of a batch during which a zone was flushed, or is being
 * so, lest a connection of before be taken for one of after. */
static void
learn(struct passage *p)
{
    uint32_t misses = all_packets(p) & ~p->hits;

    if (OVS_UNLIKELY(p->epoch.flushes & 1
                     || (p->epoch.flushes
                         != ct_track_epoch(p->cache->dp->ct)))) {
        return;
    }
    for (; misses; misses = zero_rightmost_1bit(misses)) {
        unsigned int i = raw_ctz(misses);
        enum tw_refusal why;

        if (!p->walks[i]) {
            continue;
        }
        why = learn_one(p, p->walks[i], &p->pass.keys[i]);
        if (why) {
            p->cache->stats.refusals[why]++;
        } else {
            p->cache->stats.n_learned++;
        }
    }
}

static void
release_program(void *cache_, uint16_t number)
{
    struct tw_cache *cache = cache_;

    tw_program_unname(&cache->programs, number);
}

static bool
program_is_dead(void *cache_, uint16_t number)
{
    struct tw_cache *cache = cache_;

    return tw_programs_get(&cache->programs, number)->dead;
}
