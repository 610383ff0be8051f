/* SPDX-License-Identifier: Apache-2.0 */

/* The short way: keys, contexts, tracks, programs; and behind the slow path of
 * the others, learning.  Called by tw-input for packets that come in from a
 * port or out of a tunnel. */

#include <config.h>

#include "tw-cache.h"

#include "odp-util.h"
#include "openvswitch/vlog.h"
#include "tw-datapath.h"
#include "tw-megaflow.h"
#include "tw-order.h"
#include "tw-passage.h"
#include "tw-program.h"
#include "tw-shortcut.h"
#include "tw-thread.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(tw_cache);

/* Sets of tracks looked after at a time. */
#define SWEEP 32

static void forget_tunnels(struct tw_cache *);
static void keep_order(struct tw_passage *);
static void run_programs(struct tw_passage *);
static void run_slow_path(struct tw_passage *);
static void end_stage(struct tw_passage *, enum tw_stage, size_t n);
static void forget_dead_shortcuts(struct tw_cache *);

struct tw_cache *
tw_cache_create(struct tw_datapath *dp, uint64_t size)
{
    struct tw_cache *cache = xzalloc_cacheline(sizeof *cache);

    cache->dp = dp;
    cache->size = size;
    tw_programs_init(&cache->programs);
    tw_tunnel_keys_init(&cache->tunnels);
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
        tw_tunnel_keys_uninit(&cache->tunnels);
        free_cacheline(cache);
    }
}

/* After so many batches in vain, one in SLEEP looks. */
#define VAIN_BATCHES 64
#define SLEEP 8

static bool
is_asleep(struct tw_cache *cache)
{
    return (cache->n_vain >= VAIN_BATCHES
            && cache->n_batches++ % SLEEP);
}

/* All of a batch takes the slow path. */
static void
sleep_through(struct tw_thread *thread, struct dp_packet_batch *batch,
              odp_port_t in_port)
{
    struct tw_cache_stats *stats = &thread->cache->stats;
    struct dp_packet *packet;

    stats->n_packets += dp_packet_batch_size(batch);
    stats->misses[TW_MISS_ASLEEP] += dp_packet_batch_size(batch);
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        if (in_port != ODPP_NONE) {
            pkt_metadata_init(&packet->md, in_port);
        }
        tw_walk_none(packet);
    }
    tw_input_slow(thread, batch);
}

/* The steps of a batch. */
void
tw_cache_run(struct tw_thread *thread, struct dp_packet_batch *batch,
             odp_port_t in_port)
{
    struct tw_passage p;

    if (OVS_UNLIKELY(is_asleep(thread->cache))) {
        sleep_through(thread, batch, in_port);
        return;
    }

    p.thread = thread;
    p.cache = thread->cache;
    p.second = thread->now / 1000000;
    p.epoch = tw_epoch_now(thread->dp);
    p.cache->depth++;
    p.pass.n = dp_packet_batch_size(batch);
    p.pass.new_joints = 0;
    p.pass.n_joint = p.pass.n_joints = 0;
    memcpy(p.pass.packets, batch->packets,
           p.pass.n * sizeof batch->packets[0]);
    dp_packet_batch_init(batch);
    p.before = p.cache->n_batches++ % TW_CACHE_SAMPLE ? 0 : tw_cycles();

    tw_cache_make_keys(&p, in_port);
    end_stage(&p, TW_STAGE_KEY, p.pass.n);
    tw_cache_find_programs(&p);
    p.cache->n_vain = p.hits ? 0 : p.cache->n_vain + 1;
    keep_order(&p);
    end_stage(&p, TW_STAGE_FIND, p.pass.n);
    run_programs(&p);
    run_slow_path(&p);
    if (!--p.cache->depth && OVS_UNLIKELY(p.cache->tunnels_full)) {
        forget_tunnels(p.cache);
    }
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
        tw_tracks_sweep(&cache->tracks[i], SWEEP, tw_cache_program_is_dead,
                        tw_cache_release_program, cache);
    }
}

static void
end_stage(struct tw_passage *p, enum tw_stage stage, size_t n)
{
    if (OVS_UNLIKELY(p->before)) {
        uint64_t now = tw_cycles();

        p->cache->stats.cycles[stage] += now - p->before;
        p->cache->stats.n_sampled[stage] += n;
        p->before = now;
    }
}

static void
miss(struct tw_passage *p, enum tw_miss why)
{
    p->cache->stats.misses[why]++;
}

/* Reading headers. */

/* Has 'packet' come out of a tunnel? */
static bool
has_tunnel(const struct dp_packet *packet)
{
    return flow_tnl_dst_is_set(&packet->md.tunnel);
}

/* All numbers of tunnels are taken: those that matter will come again.  So
 * will their contexts, under other ids. */
static void
forget_tunnels(struct tw_cache *cache)
{
    for (size_t i = 0; i < TW_CONTEXT_SETS; i++) {
        for (size_t j = 0; j < TW_CONTEXT_WAYS; j++) {
            struct tw_context *context = &cache->contexts.sets[i][j];

            if (context->program) {
                tw_cache_release_program(cache, context->program);
                context->program = 0;
            }
            context->id = 0;
        }
    }
    cache->contexts.n = 0;
    tw_tunnel_keys_clear(&cache->tunnels);
    cache->tunnels_full = false;
}

static void
make_key(struct tw_passage *p, size_t i)
{
    struct dp_packet *packet = p->pass.packets[i];
    struct tw_track_key *key = &p->pass.keys[i];
    bool tunnel = has_tunnel(packet);
    uint16_t number = 0;

    if (OVS_UNLIKELY(tunnel)) {
        number = tw_tunnel_key(&p->cache->tunnels, &packet->md.tunnel);
        p->cache->tunnels_full |= !number;
    }
    if (OVS_LIKELY(dp_packet_size(packet) >= ETH_HEADER_LEN
                   && (!tunnel || number))) {
        tw_track_key_extract(packet, number, key);
    } else {
        key->context.kind = TW_KEY_NONE;
        key->trackable = false;
        key->tcp_flags = 0;
    }
}

static struct tw_context *
find_context(struct tw_passage *p, const struct tw_track_key *key)
{
    struct tw_context *context = p->last_context;

    if (OVS_UNLIKELY(key->context.kind == TW_KEY_NONE)) {
        return NULL;
    }
    if (context && OVS_LIKELY(tw_context_equals(context, key))) {
        return context;
    }
    context = tw_context_find(&p->cache->contexts, key, tw_context_hash(key));
    if (context && OVS_UNLIKELY(context->used != p->second)) {
        context->used = p->second;
    }
    p->last_context = context;
    return context;
}

/* A packet is fetched while the second one before it is looked at. */
#define PREFETCH_AHEAD 2

static void
prefetch_packet(const struct tw_passage *p, size_t i)
{
    if (i < p->pass.n) {
        struct dp_packet *packet = p->pass.packets[i];

        OVS_PREFETCH(dp_packet_data(packet));
        pkt_metadata_prefetch_init(&packet->md);
    }
}

/* Packets that have a shortcut get no key. */
static bool
take_shortcut(struct tw_passage *p, size_t i)
{
    struct tw_shortcuts *shortcuts = &p->cache->shortcuts;
    struct dp_packet *packet = p->pass.packets[i];
    struct tw_track_key *key = &p->pass.keys[i];
    const struct tw_shortcut *shortcut;
    struct tw_shortcut_packet s;

    if (dp_packet_size(packet) < ETH_HEADER_LEN || has_tunnel(packet)
        || !tw_shortcut_extract(packet, &s)) {
        return false;
    }
    shortcut = tw_shortcut_at(shortcuts, s.word);
    if (shortcut->word != s.word || !shortcut->program) {
        return false;
    }
    key->context.kind = TW_KEY_NONE;
    key->tcp_flags = s.tcp_flags;
    p->pass.programs[i] = tw_programs_get(&p->cache->programs,
                                          shortcut->program);
    return true;
}

void
tw_cache_make_keys(struct tw_passage *p, odp_port_t in_port)
{
    bool shortcuts = p->cache->shortcuts.n && in_port != ODPP_NONE;

    p->last_context = NULL;
    for (size_t i = 0; i < p->pass.n; i++) {
        prefetch_packet(p, i + PREFETCH_AHEAD);
        if (in_port != ODPP_NONE) {
            pkt_metadata_init(&p->pass.packets[i]->md, in_port);
        }
        p->contexts[i] = NULL;
        p->pass.programs[i] = NULL;
        p->pass.joints[i].joint = 0;
        if (!shortcuts || !take_shortcut(p, i)) {
            make_key(p, i);
            p->contexts[i] = find_context(p, &p->pass.keys[i]);
        }
    }
}

/* Finding tracks. */

/* Tracks that packet 'i' could have: its set is fetched.  Returns false if
 * the packet's program is known, or it can have no track. */
static bool
begin_find(struct tw_passage *p, size_t i)
{
    const struct tw_track_key *key = &p->pass.keys[i];
    struct tw_context *context = p->contexts[i];
    struct tw_tracks *tracks;

    if (p->pass.programs[i]) {
        return false;
    }
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
    tracks = tw_cache_tracks_of(p->cache, key);
    tw_cache_make_words(key, context, p->words[i]);
    p->hashes[i] = tw_track_hash(p->words[i], tracks->n_words);
    OVS_PREFETCH(&tracks->ways[(size_t) tw_tracks_set(tracks, p->hashes[i])
                               * TW_TRACK_WAYS]);
    return true;
}

/* The way whose tag fits packet 'i', or NULL; its track is fetched. */
static tw_way *
find_way(struct tw_passage *p, size_t i)
{
    struct tw_tracks *tracks = tw_cache_tracks_of(p->cache, &p->pass.keys[i]);
    tw_way *set = &tracks->ways[(size_t) tw_tracks_set(tracks, p->hashes[i])
                                * TW_TRACK_WAYS];
    unsigned int match = tw_tracks_match(set, p->hashes[i]);
    tw_way *way;

    if (OVS_UNLIKELY(!match)) {
        return NULL;
    }
    way = &set[raw_ctz(match)];
    OVS_PREFETCH(tw_tracks_slot(tracks, way));
    if (OVS_LIKELY(*way & TW_WAY_PROGRAM)) {
        OVS_PREFETCH(tw_programs_get(&p->cache->programs,
                                     *way & TW_WAY_PROGRAM));
    }
    return way;
}

/* Of a joint, the leader is updated; of the others, those that translate are
 * looked at. */
static inline void
fetch_joint(const struct ct *ct, const struct ct_track *steps,
            const struct tw_program *program, struct tw_pass_joint *joint)
{
    const struct ct_track *leader = &steps[program->joint_step
                                           + ct_joint_step(joint->joint)];

    joint->leader = ct_track_conn(ct, leader);
    joint->track = *leader;
    ct_track_prefetch(leader, joint->leader);
    for (unsigned int k = 0; k < program->n_steps; k++) {
        if (OVS_UNLIKELY(steps[k].number & CT_TRACK_NAT)
            && &steps[k] != leader) {
            ct_track_prefetch_nat(ct_track_conn(ct, &steps[k]));
        }
    }
}

/* Takes the connections out of the track, which may be replaced while the
 * packet is on its way.  Where one will be updated, and no other, it is
 * fetched. */
static inline void
take_steps(struct tw_passage *p, size_t i, const struct tw_tracks *tracks,
           const tw_way *way)
{
    const struct ct_track *steps
        = tw_track_steps(tracks, tw_tracks_slot(tracks, way));
    const struct tw_program *program = p->pass.programs[i];
    const struct ct *ct = p->cache->dp->ct;

    if (program->n_steps == 1) {
        p->pass.steps[i][0] = steps[0];
        ct_track_prefetch(steps, ct_track_conn(ct, steps));
    } else {
        struct tw_pass_joint *joint = &p->pass.joints[i];

        /* All that there can be: no loop, no call. */
        if (OVS_LIKELY(tracks->max_steps == TW_TRACK_STEPS4)) {
            memcpy(p->pass.steps[i], steps, TW_TRACK_STEPS4 * sizeof *steps);
        } else {
            memcpy(p->pass.steps[i], steps, TW_TRACK_STEPS6 * sizeof *steps);
        }
        if (!program->joint) {
            return;
        }
        joint->joint = *tw_track_joint(steps, program->n_steps);
        if (joint->joint) {
            fetch_joint(ct, steps, program, joint);
        }
    }
}

static void
end_find(struct tw_passage *p, size_t i, tw_way *way)
{
    struct tw_tracks *tracks = tw_cache_tracks_of(p->cache, &p->pass.keys[i]);

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

/* A track keeps the name of its dead program until it gets another; contexts
 * and shortcuts would go on to name it. */
static void
forget_dead(struct tw_passage *p, uint32_t dead)
{
    for (; OVS_UNLIKELY(dead); dead = zero_rightmost_1bit(dead)) {
        struct tw_context *context = p->contexts[raw_ctz(dead)];

        if (!context) {
            forget_dead_shortcuts(p->cache);
        } else if (context->program
                   && tw_cache_program_is_dead(p->cache, context->program)) {
            uint16_t number = context->program;

            context->program = 0;
            tw_cache_release_program(p->cache, number);
        }
    }
}

static void
forget_dead_shortcuts(struct tw_cache *cache)
{
    for (size_t i = 0; i < TW_SHORTCUTS; i++) {
        uint16_t number = cache->shortcuts.table[i].program;

        if (number && tw_cache_program_is_dead(cache, number)) {
            cache->shortcuts.table[i].program = 0;
            cache->shortcuts.n--;
            tw_cache_release_program(cache, number);
        }
    }
}

/* Looks at the programs that were found.  A dead one is not run. */
static void
check_programs(struct tw_passage *p)
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
        if (program != last && program->simple) {
            OVS_PREFETCH_WRITE(program->simple_line);
        }
        last = program;
        p->hits |= UINT32_C(1) << i;
    }
    forget_dead(p, dead);
}

void
tw_cache_find_programs(struct tw_passage *p)
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
takes_one_way(const struct tw_passage *p)
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
keep_order(struct tw_passage *p)
{
    uint32_t back;

    p->one_way = takes_one_way(p);
    if (OVS_LIKELY(p->one_way)) {
        return;
    }
    back = tw_order_conflicts(&p->pass) & p->hits;
    p->hits &= ~back;
    p->cache->stats.misses[TW_MISS_ORDER] += count_1bits(back);
}

/* Running. */

/* Packet 'i' found out what joint the connections of its track are in. */
static void
keep_joint(struct tw_passage *p, size_t i)
{
    struct tw_tracks *tracks = tw_cache_tracks_of(p->cache, &p->pass.keys[i]);
    tw_way *way = tw_tracks_find(tracks, p->words[i], p->hashes[i]);

    const struct tw_program *program = p->pass.programs[i];
    struct ct_track *steps;

    if (!way || (*way & TW_WAY_PROGRAM) != program->number) {
        return;
    }
    steps = tw_track_steps(tracks, tw_tracks_slot(tracks, way));
    if (!memcmp(steps, p->pass.steps[i], program->n_steps * sizeof *steps)) {
        *tw_track_joint(steps, program->n_steps) = p->pass.joints[i].joint;
    }
}

/* What track of packet 'i' remembers does not hold any more. */
static void
make_ghost(struct tw_passage *p, size_t i)
{
    struct tw_cache *cache = p->cache;
    struct tw_tracks *tracks = tw_cache_tracks_of(cache, &p->pass.keys[i]);
    tw_way *way;

    if (p->pass.programs[i]->by_context) {
        return;
    }
    way = tw_tracks_find(tracks, p->words[i], p->hashes[i]);
    if (way && *way & TW_WAY_PROGRAM) {
        tw_cache_release_program(cache, *way & TW_WAY_PROGRAM);
        *way &= ~TW_WAY_PROGRAM;
    }
}

static void
run_program(struct tw_passage *p, struct tw_program *program,
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
    for (uint32_t new = p->pass.new_joints; OVS_UNLIKELY(new);
         new = zero_rightmost_1bit(new)) {
        keep_joint(p, raw_ctz(new));
    }
    p->pass.new_joints = 0;
    cache->stats.n_joint += p->pass.n_joint;
    cache->stats.n_joints += p->pass.n_joints;
    p->pass.n_joint = p->pass.n_joints = 0;
    for (; OVS_UNLIKELY(left); left = zero_rightmost_1bit(left)) {
        make_ghost(p, raw_ctz(left));
    }
    tw_program_unname(&cache->programs, number);
}

/* Packets that share a program. */
struct group {
    struct tw_program *program;
    size_t n;
    uint8_t members[NETDEV_MAX_BURST];
};

/* Returns the number of groups.  A program remembers which group it has in
 * this batch: there may be as many as packets. */
static size_t
make_groups(struct tw_passage *p, struct group groups[])
{
    uint64_t batch = ++p->cache->n_grouped;
    size_t n = 0;

    for (uint32_t rest = p->hits; rest; rest = zero_rightmost_1bit(rest)) {
        unsigned int i = raw_ctz(rest);
        struct tw_program *program = p->pass.programs[i];
        struct group *group;

        if (program->batch != batch) {
            program->batch = batch;
            program->group = n;
            groups[n].program = program;
            groups[n++].n = 0;
        }
        group = &groups[program->group];
        group->members[group->n++] = i;
    }
    return n;
}

/* Numbers of packets. */
static const uint8_t everybody[NETDEV_MAX_BURST] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
    21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
};

static void
run_programs(struct tw_passage *p)
{
    struct group groups[NETDEV_MAX_BURST];
    size_t n;

    p->cache->stats.n_packets += p->pass.n;
    if (!p->hits) {
        return;
    }
    if (OVS_LIKELY(p->one_way)) {
        run_program(p, p->pass.programs[0], everybody, p->pass.n);
        end_stage(p, TW_STAGE_RUN, p->pass.n);
        return;
    }
    for (uint32_t rest = p->hits; rest; rest = zero_rightmost_1bit(rest)) {
        tw_program_fetch(p->cache->dp->ct, &p->pass, raw_ctz(rest));
    }
    n = make_groups(p, groups);
    for (size_t i = 0; i < n; i++) {
        run_program(p, groups[i].program, groups[i].members, groups[i].n);
    }
    end_stage(p, TW_STAGE_RUN, count_1bits(p->hits));
}

/* The slow path, and learning from it. */

/* Not of the first and last segments of TCP: what they meet is not what the
 * others do. */
bool
tw_cache_may_learn(const struct tw_passage *p, unsigned int i)
{
    const struct tw_track_key *key = &p->pass.keys[i];

    return (key->context.kind != TW_KEY_NONE && !p->pass.programs[i]
            && !(key->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)));
}

static void
run_slow_path(struct tw_passage *p)
{
    uint32_t misses = tw_passage_all(p) & ~p->hits;
    struct dp_packet_batch batch;

    if (OVS_LIKELY(!misses)) {
        return;
    }
    dp_packet_batch_init(&batch);
    p->first_walk = p->cache->walks.n;
    for (uint32_t rest = misses; rest; rest = zero_rightmost_1bit(rest)) {
        unsigned int i = raw_ctz(rest);
        bool learnable = tw_cache_may_learn(p, i);

        tw_walk_none(p->pass.packets[i]);
        p->walks[i] = (learnable
                       ? tw_walk_begin(&p->cache->walks, p->pass.packets[i])
                       : NULL);
        dp_packet_batch_add(&batch, p->pass.packets[i]);
    }
    p->thread->takes_notes = p->cache->walks.n > 0;
    tw_input_slow(p->thread, &batch);
    end_stage(p, TW_STAGE_SLOW, count_1bits(misses));
    tw_learn(p);
    tw_walks_end(&p->cache->walks, p->first_walk);
    p->thread->takes_notes = p->cache->walks.n > 0;
    end_stage(p, TW_STAGE_LEARN, count_1bits(misses));
}
