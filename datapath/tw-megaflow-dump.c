/* SPDX-License-Identifier: Apache-2.0 */

/* Dumping megaflows: revalidators of OVS, several at once, each taking the
 * next few flows from a position that they share.  Called by the dpif
 * provider. */

#include <config.h>

#include "tw-megaflow.h"

#include "odp-util.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-thread.h"
#include "tw-datapath.h"
#include "tw-megaflow-format.h"
#include "util.h"

/* The most flows that one call gives. */
#define MAX_FLOWS 50

struct tw_megaflow_dump {
    struct tw_datapath *dp;             /* [I] */
    bool terse;                         /* [I] */
    struct ovs_mutex mutex;
    struct cmap_position position OVS_GUARDED_BY(mutex);
    bool done OVS_GUARDED_BY(mutex);
};

struct tw_dump_buffer {
    struct odputil_keybuf keys[MAX_FLOWS];
    struct odputil_keybuf masks[MAX_FLOWS];
};

static int take(struct tw_megaflow_dump *, struct tw_megaflow *flows[],
                int max);

struct tw_megaflow_dump *
tw_megaflow_dump_create(struct tw_datapath *dp, bool terse)
{
    struct tw_megaflow_dump *dump = xzalloc(sizeof *dump);

    dump->dp = dp;
    dump->terse = terse;
    ovs_mutex_init(&dump->mutex);
    return dump;
}

int
tw_megaflow_dump_destroy(struct tw_megaflow_dump *dump)
{
    ovs_mutex_destroy(&dump->mutex);
    free(dump);
    return 0;
}

struct tw_dump_buffer *
tw_dump_buffer_create(void)
{
    return xmalloc(sizeof(struct tw_dump_buffer));
}

void
tw_dump_buffer_destroy(struct tw_dump_buffer *buffer)
{
    free(buffer);
}

int
tw_megaflow_dump_next(struct tw_megaflow_dump *dump,
                      struct tw_dump_buffer *buffer,
                      struct dpif_flow *replies, int max)
{
    struct tw_megaflow *flows[MAX_FLOWS];
    int n = take(dump, flows, MIN(max, MAX_FLOWS));

    for (int i = 0; i < n; i++) {
        struct ofpbuf key, mask;

        if (dump->terse) {
            tw_megaflow_to_terse(flows[i], &replies[i]);
            continue;
        }
        ofpbuf_use_stack(&key, &buffer->keys[i], sizeof buffer->keys[i]);
        ofpbuf_use_stack(&mask, &buffer->masks[i], sizeof buffer->masks[i]);
        tw_megaflow_to_dpif_flow(flows[i], &key, &mask, &replies[i]);
    }
    return n;
}

/* Takes the next flows, which stay until the caller quiesces. */
static int
take(struct tw_megaflow_dump *dump, struct tw_megaflow *flows[], int max)
{
    int n = 0;

    ovs_mutex_lock(&dump->mutex);
    while (n < max && !dump->done) {
        struct cmap_node *node = cmap_next_position(&dump->dp->megaflows,
                                                    &dump->position);

        if (node) {
            flows[n++] = CONTAINER_OF(node, struct tw_megaflow, ufid_node);
        } else {
            dump->done = true;
        }
    }
    ovs_mutex_unlock(&dump->mutex);
    return n;
}
