/* SPDX-License-Identifier: Apache-2.0 */

/* The dpif provider: dumping and flushing flows.  In terms of
 * datapath/tw-megaflow. */

#include <config.h>

#include "dpif-tw.h"
#include "tw-megaflow.h"
#include "util.h"

struct flow_dump {
    struct dpif_flow_dump up;
    struct tw_megaflow_dump *dump;
};

struct flow_dump_thread {
    struct dpif_flow_dump_thread up;
    struct flow_dump *dump;
    struct tw_dump_buffer *buffer;
};

int
dpif_tw_flow_flush(struct dpif *dpif)
{
    tw_megaflow_flush(dpif_tw_datapath(dpif));
    return 0;
}

struct dpif_flow_dump *
dpif_tw_flow_dump_create(const struct dpif *dpif, bool terse,
                         struct dpif_flow_dump_types *types OVS_UNUSED)
{
    struct flow_dump *dump = xzalloc(sizeof *dump);

    dpif_flow_dump_init(&dump->up, dpif);
    dump->up.terse = terse;
    dump->dump = tw_megaflow_dump_create(dpif_tw_datapath(dpif), terse);
    return &dump->up;
}

int
dpif_tw_flow_dump_destroy(struct dpif_flow_dump *up)
{
    struct flow_dump *dump = CONTAINER_OF(up, struct flow_dump, up);
    int error = tw_megaflow_dump_destroy(dump->dump);

    free(dump);
    return error;
}

struct dpif_flow_dump_thread *
dpif_tw_flow_dump_thread_create(struct dpif_flow_dump *up)
{
    struct flow_dump_thread *thread = xzalloc(sizeof *thread);

    dpif_flow_dump_thread_init(&thread->up, up);
    thread->dump = CONTAINER_OF(up, struct flow_dump, up);
    thread->buffer = tw_dump_buffer_create();
    return &thread->up;
}

void
dpif_tw_flow_dump_thread_destroy(struct dpif_flow_dump_thread *up)
{
    struct flow_dump_thread *thread
        = CONTAINER_OF(up, struct flow_dump_thread, up);

    tw_dump_buffer_destroy(thread->buffer);
    free(thread);
}

int
dpif_tw_flow_dump_next(struct dpif_flow_dump_thread *up,
                       struct dpif_flow *flows, int max)
{
    struct flow_dump_thread *thread
        = CONTAINER_OF(up, struct flow_dump_thread, up);

    return tw_megaflow_dump_next(thread->dump->dump, thread->buffer, flows,
                                 max);
}
