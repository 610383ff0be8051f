/* SPDX-License-Identifier: Apache-2.0 */

/* Taking notes on the slow path.  Called by tw-cache, which begins and ends
 * walks, by tw-packet (megaflows), tw-actions (connections) and tw-upcall. */

#include <config.h>

#include "tw-walk.h"

#include "util.h"

static const struct {
    const char *name;
    const char *help;
} refusals[TW_N_REFUSALS] = {
#define TW_REFUSAL(ENUM, NAME, HELP) [TW_REFUSED_##ENUM] = { NAME, HELP },
    TW_REFUSALS
#undef TW_REFUSAL
};

const char *
tw_refusal_name(enum tw_refusal why)
{
    ovs_assert(why < TW_N_REFUSALS);
    return refusals[why].name;
}

const char *
tw_refusal_help(enum tw_refusal why)
{
    ovs_assert(why < TW_N_REFUSALS);
    return refusals[why].help;
}

struct tw_walk *
tw_walk_begin(struct tw_walks *walks, struct dp_packet *packet)
{
    uint16_t i = walks->n;
    struct tw_walk *walk;

    if (OVS_UNLIKELY(i >= TW_MAX_WALKS)) {
        return NULL;
    }
    memcpy((char *) &packet->md + TW_WALK_MD_OFS, &i, sizeof i);
    walk = &walks->walks[walks->n++];
    walk->packet = packet;
    walk->refused = TW_REFUSED_NONE;
    walk->n_flows = walk->n_steps = 0;
    return walk;
}

void
tw_walks_end(struct tw_walks *walks, unsigned int first)
{
    for (unsigned int i = first; i < walks->n; i++) {
        walks->walks[i].packet = NULL;
    }
    walks->n = first;
}

void
tw_walk_add_step(struct tw_walk *walk, const struct dp_packet *packet)
{
    if (walk->refused) {
        return;
    }
    if (walk->n_steps >= TW_TRACK_MAX_STEPS) {
        walk->refused = TW_REFUSED_LONG;
    } else if (ct_track_remember(packet, TW_WALK_MIN_PACKETS,
                                 &walk->steps[walk->n_steps])) {
        walk->n_steps++;
    } else {
        walk->refused = TW_REFUSED_YOUNG;
    }
}
