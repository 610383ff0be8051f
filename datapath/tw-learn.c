/* SPDX-License-Identifier: Apache-2.0 */

/* Behind the slow path: from what packets met there to tracks.  Called by
 * tw-cache; calls tw-compile. */

#include <config.h>

#include "tw-compile.h"
#include "tw-datapath.h"
#include "tw-passage.h"
#include "tw-program.h"
#include "tw-shortcut.h"
#include "tw-thread.h"

/* The program of 'walk', or NULL and why there is none. */
static struct tw_program *
program_of_walk(struct tw_passage *p, const struct tw_walk *walk,
                const struct tw_track_key *key, enum tw_refusal *why)
{
    const struct tw_walk_source source = {
        .thread = p->thread,
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
    if (walk->n_steps > tw_cache_tracks_of(p->cache, key)->max_steps) {
        *why = TW_REFUSED_LONG;
        return NULL;
    }
    return tw_compile(&p->cache->programs, walk, &source, why);
}

static struct tw_context *
get_context(struct tw_passage *p, const struct tw_track_key *key)
{
    uint64_t hash = tw_context_hash(key);
    struct tw_context *context = tw_context_find(&p->cache->contexts, key,
                                                 hash);
    uint16_t replaced = 0;

    if (!context) {
        context = tw_context_add(&p->cache->contexts, key, hash, p->second,
                                 &replaced);
        if (replaced) {
            tw_cache_release_program(p->cache, replaced);
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
        tw_cache_release_program(cache, old);
    }
}

/* A track for 'key' that takes 'program'.  False if this was the first time
 * that the key was seen, which is noted. */
static bool
set_track(struct tw_passage *p, const struct tw_track_key *key,
          const struct tw_context *context, const struct tw_walk *walk,
          struct tw_program *program)
{
    struct tw_tracks *tracks = tw_cache_tracks_of(p->cache, key);
    uint64_t words[TW_TRACK_WORDS6];
    uint16_t number;
    uint64_t hash;
    tw_way *way;

    tw_cache_make_words(key, context, words);
    hash = tw_track_hash(words, tracks->n_words);
    way = tw_tracks_find(tracks, words, hash);
    if (!way) {
        way = tw_tracks_add(tracks, words, hash, tw_cache_release_program,
                            p->cache);
        tw_tracks_sweep(tracks, 1, tw_cache_program_is_dead,
                        tw_cache_release_program, p->cache);
        if (!walk->n_steps) {
            /* It will be found the next time. */
            p->cache->n_vain = 0;
            return false;
        }
    }
    memcpy(tw_track_steps(tracks, tw_tracks_slot(tracks, way)), walk->steps,
           walk->n_steps * sizeof walk->steps[0]);
    if (program->joint) {
        *tw_track_joint(tw_track_steps(tracks, tw_tracks_slot(tracks, way)),
                        walk->n_steps) = 0;
    }
    number = *way & TW_WAY_PROGRAM;
    set_program(p->cache, &number, program);
    *way = (*way & TW_WAY_TAG) | TW_WAY_USED | number;
    return true;
}

/* A packet of 'key' takes 'program', whatever else it is. */
static void
set_shortcut(struct tw_passage *p, const struct tw_track_key *key,
             struct tw_program *program)
{
    const struct tw_key_context *c = &key->context;
    struct tw_shortcuts *shortcuts = &p->cache->shortcuts;
    struct tw_shortcut *shortcut;
    ovs_be16 dl_type = htons(ETH_TYPE_IP);
    uint64_t word;

    if (c->kind & ~TW_KEY_KIND_MASK || c->tunnel) {
        return;
    }
    if (c->kind == TW_KEY_IPV6) {
        dl_type = htons(ETH_TYPE_IPV6);
    } else if (c->kind == TW_KEY_OTHER) {
        memcpy(&dl_type, c->dl_type, sizeof dl_type);
    }
    word = tw_shortcut_word(c->in_port, dl_type, c->vlan_tci);
    shortcut = tw_shortcut_at(shortcuts, word);
    shortcuts->n += !shortcut->program;
    shortcut->word = word;
    set_program(p->cache, &shortcut->program, program);
}

static enum tw_refusal
learn_one(struct tw_passage *p, const struct tw_walk *walk,
          const struct tw_track_key *key)
{
    enum tw_refusal why = TW_REFUSED_NONE;
    struct tw_program *program = program_of_walk(p, walk, key, &why);
    struct tw_context *context;

    if (!program) {
        return why;
    }
    context = get_context(p, key);
    if (program->by_port) {
        set_shortcut(p, key, program);
    }
    if (program->by_context) {
        set_program(p->cache, &context->program, program);
    } else if (!set_track(p, key, context, walk, program)) {
        return TW_REFUSED_FIRST;
    }
    return TW_REFUSED_NONE;
}

/* Nothing is learned of a batch during which a zone was flushed, or is being
 * so, lest a connection of before be taken for one of after. */
void
tw_learn(struct tw_passage *p)
{
    uint32_t misses = tw_passage_all(p) & ~p->hits;

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
            p->cache->n_vain = 0;
        }
    }
}
