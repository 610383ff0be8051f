/* SPDX-License-Identifier: Apache-2.0 */

/* Beside the way of a packet: what follows from a client's options.  Called by
 * netdev-traffic; read by traffic-make and traffic-deliver. */

#include <config.h>

#include "traffic-plan.h"

#include <stdlib.h>

#include "ovs-thread.h"
#include "traffic-pair.h"
#include "traffic-pcap.h"
#include "util.h"

#define ETH_FCS_LEN 4

/* How many short connections of "mix" are under way at most. */
#define MIX_PASSING 4096

static struct traffic_template *
template_create(const struct traffic_spec *spec, enum traffic_side side,
                unsigned int size)
{
    struct traffic_template *t = xmalloc_cacheline(sizeof *t);

    traffic_template_init(t, spec, side, size);
    return t;
}

static void
set_popularity(struct traffic_plan *plan, enum traffic_side side)
{
    const struct traffic_spec *spec = &plan->spec;
    uint32_t few = traffic_plan_n_lasting(spec) / plan->n_queues[side];

    for (int i = 0; i < 2; i++) {
        if (few + i) {
            traffic_popularity_init(&plan->popularity[side][i], spec->pick,
                                    spec->zipf, few + i);
        }
    }
}

struct traffic_plan *
traffic_plan_create(const struct traffic_spec *spec,
                    unsigned int n_server_queues, struct traffic_pair *pair,
                    struct traffic_pcap *pcap)
{
    struct traffic_plan *plan = xzalloc(sizeof *plan);

    traffic_spec_clone(&plan->spec, spec);
    traffic_tuples_init(&plan->tuples, spec);
    plan->pcap = pcap;
    plan->n_queues[TRAFFIC_CLIENT] = spec->n_rxq;
    plan->n_queues[TRAFFIC_SERVER] = MAX(n_server_queues, 1);
    plan->has_server = n_server_queues > 0;
    for (int side = 0; side < 2; side++) {
        plan->control[side] = template_create(spec, side, 60);
        plan->data[side] = template_create(spec, side,
                                           spec->size - ETH_FCS_LEN);
        set_popularity(plan, side);
    }
    plan->pair = pair ? traffic_pair_ref(pair) : traffic_pair_create(plan);
    return plan;
}

void
traffic_plan_destroy(struct traffic_plan *plan)
{
    if (plan) {
        for (int side = 0; side < 2; side++) {
            free_cacheline(plan->control[side]);
            free_cacheline(plan->data[side]);
        }
        traffic_pair_unref(plan->pair);
        traffic_pcap_unref(plan->pcap);
        traffic_spec_destroy(&plan->spec);
        free(plan);
    }
}

uint32_t
traffic_plan_n_lasting(const struct traffic_spec *spec)
{
    return (spec->pcap || spec->pattern == TRAFFIC_LIVES
            || spec->pattern == TRAFFIC_SYN_FLOOD ? 0 : spec->connections);
}

uint32_t
traffic_plan_n_passing(const struct traffic_spec *spec)
{
    return (spec->pcap ? 0
            : spec->pattern == TRAFFIC_LIVES ? spec->connections
            : spec->pattern == TRAFFIC_MIX ? MIX_PASSING : 0);
}

uint32_t
traffic_plan_share(const struct traffic_plan *plan, enum traffic_side side,
                   unsigned int queue_id)
{
    uint32_t n = traffic_plan_n_lasting(&plan->spec);
    unsigned int n_queues = plan->n_queues[side];

    return n / n_queues + (queue_id < n % n_queues);
}

const struct traffic_popularity *
traffic_plan_popularity(const struct traffic_plan *plan,
                        enum traffic_side side, unsigned int queue_id)
{
    uint32_t n = traffic_plan_n_lasting(&plan->spec);

    return &plan->popularity[side][queue_id < n % plan->n_queues[side]];
}

bool
traffic_plan_has_data(const struct traffic_plan *plan)
{
    return (traffic_plan_n_lasting(&plan->spec)
            && plan->spec.pattern != TRAFFIC_OPEN);
}
