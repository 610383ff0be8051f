/* SPDX-License-Identifier: Apache-2.0 */

/* The dpif provider: operations on flows and packets, and the upcalls that go
 * the other way.  In terms of datapath/tw-megaflow and tw-upcall. */

#include <config.h>

#include "dpif-tw.h"
#include "tw-megaflow.h"
#include "tw-upcall.h"
#include "util.h"

static int
operate_one(struct tw_datapath *dp, struct dpif_op *op)
{
    switch (op->type) {
    case DPIF_OP_FLOW_PUT:
        return tw_megaflow_put(dp, &op->flow_put);
    case DPIF_OP_FLOW_DEL:
        return tw_megaflow_del(dp, &op->flow_del);
    case DPIF_OP_FLOW_GET:
        return tw_megaflow_get(dp, &op->flow_get);
    case DPIF_OP_EXECUTE:
        return tw_execute(dp, &op->execute);
    default:
        OVS_NOT_REACHED();
    }
}

void
dpif_tw_operate(struct dpif *dpif, struct dpif_op **ops, size_t n_ops,
                enum dpif_offload_type offload OVS_UNUSED)
{
    struct tw_datapath *dp = dpif_tw_datapath(dpif);

    for (size_t i = 0; i < n_ops; i++) {
        ops[i]->error = operate_one(dp, ops[i]);
    }
}

void
dpif_tw_register_dp_purge_cb(struct dpif *dpif, dp_purge_callback *cb,
                             void *aux)
{
    struct tw_datapath *dp = dpif_tw_datapath(dpif);

    dp->dp_purge_cb = cb;
    dp->dp_purge_aux = aux;
}

/* ofproto calls this on the dpif that it will run bridges with, before it asks
 * what that can do, and after the check that a dpif has the class that opened
 * it. */
void
dpif_tw_register_upcall_cb(struct dpif *dpif, upcall_callback *cb, void *aux)
{
    struct tw_datapath *dp = dpif_tw_datapath(dpif);

    dp->upcall_cb = cb;
    dp->upcall_aux = aux;
    dpif_tw_pass_for_netdev(dpif);
}

void
dpif_tw_enable_upcall(struct dpif *dpif)
{
    tw_upcall_enable(dpif_tw_datapath(dpif));
}

void
dpif_tw_disable_upcall(struct dpif *dpif)
{
    tw_upcall_disable(dpif_tw_datapath(dpif));
}
