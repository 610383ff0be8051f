/* SPDX-License-Identifier: Apache-2.0 */

/* Beside the way of a packet: what it would find in the track cache.  Called
 * by tw-why; calls the first steps of tw-cache. */

#include <config.h>

#include "tw-cache-look.h"

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "timeval.h"
#include "tw-cache-format.h"
#include "tw-datapath.h"
#include "tw-passage.h"
#include "tw-thread.h"
#include "util.h"

static void tell_thread(struct tw_thread *, const struct dp_packet *,
                        struct ds *);
static bool polls(const struct tw_thread *, odp_port_t);

/* Which of the misses has grown. */
static enum tw_miss
find_miss(const struct tw_cache_stats *before,
          const struct tw_cache_stats *after)
{
    enum tw_miss miss = TW_MISS_TRACK;

    for (int i = 0; i < TW_N_MISSES; i++) {
        if (after->misses[i] != before->misses[i]) {
            miss = i;
        }
    }
    return miss;
}

void
tw_cache_look(struct tw_thread *thread, struct dp_packet *packet,
              odp_port_t in_port, struct tw_cache_found *found)
{
    struct tw_cache *cache = thread->cache;
    const struct tw_cache_stats before = cache->stats;
    struct tw_passage p;

    p.thread = thread;
    p.cache = cache;
    p.second = time_msec() / 1000;
    p.epoch = tw_epoch_now(thread->dp);
    p.pass.n = 1;
    p.pass.packets[0] = packet;
    tw_cache_make_keys(&p, in_port);
    tw_cache_find_programs(&p);

    found->program = p.hits ? p.pass.programs[0] : NULL;
    found->miss = find_miss(&before, &cache->stats);
    found->learnable = tw_cache_may_learn(&p, 0);
    cache->stats = before;
}

void
tw_cache_tell_tracks(struct tw_datapath *dp, const struct dp_packet *packet,
                     struct ds *ds)
{
    struct tw_thread *thread;
    bool any = false;

    ovs_rwlock_wrlock(&dp->port_rwlock);
    tw_threads_park(dp);
    CMAP_FOR_EACH (thread, node, &dp->threads) {
        if (polls(thread, packet->md.in_port.odp_port)) {
            tell_thread(thread, packet, ds);
            any = true;
        }
    }
    tw_threads_resume(dp);
    ovs_rwlock_unlock(&dp->port_rwlock);
    if (!any) {
        ds_put_cstr(ds, "track: no thread polls this port\n");
    }
}

static bool
polls(const struct tw_thread *thread, odp_port_t port)
{
    for (size_t i = 0; i < thread->n_polls; i++) {
        if (thread->polls[i].port_no == port) {
            return true;
        }
    }
    return false;
}

static void
put_found(const struct tw_cache_found *found, struct ds *ds)
{
    if (found->program) {
        ds_put_char(ds, '\n');
        tw_program_format(found->program, "    ", ds);
        return;
    }
    ds_put_format(ds, " none, %s: %s%s\n", tw_miss_name(found->miss),
                  tw_miss_help(found->miss),
                  found->learnable || found->miss == TW_MISS_NO_KEY ? ""
                  : "; segments with SYN, FIN or RST make none");
}

static void
tell_thread(struct tw_thread *thread, const struct dp_packet *packet,
            struct ds *ds)
{
    ds_put_cstr(ds, "track, ");
    tw_thread_format_name(thread, ds);
    ds_put_char(ds, ':');
    if (!thread->cache) {
        ds_put_cstr(ds, " none: there is no track cache\n");
    } else if (flow_tnl_dst_is_set(&packet->md.tunnel)) {
        ds_put_cstr(ds, " packets out of tunnels are not looked for here\n");
    } else {
        struct dp_packet *copy = dp_packet_clone(packet);
        struct tw_cache_found found;

        tw_cache_look(thread, copy, packet->md.in_port.odp_port, &found);
        put_found(&found, ds);
        dp_packet_delete(copy);
    }
}
