/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRAFFIC_PLAN_H
#define TRAFFIC_PLAN_H 1

#include "traffic-packet.h"
#include "traffic-pick.h"
#include "traffic-spec.h"
#include "traffic-tuple.h"

struct netdev;
struct traffic_pair;
struct traffic_pcap;

/* A spec, worked out.
 * ====================
 *
 * What
 * ----
 * All that follows from the options of a client, ready for packets: tuples,
 * templates, popularity, the frames of a capture.  Client and server share
 * it.  It points to the pair of devices, which is what they know about their
 * connections (traffic-pair.h) and which outlives a plan: a new plan whose
 * connections are the same goes on with the old pair.
 *
 * Threads
 * -------
 * Immutable, reached through RCU: a new one replaces it while packets are
 * being made.  traffic_plan_destroy() is for ovsrcu_postpone().
 *
 * Ownership: a reference to the pair, and to the capture. */

struct traffic_plan {
    struct traffic_spec spec;
    struct traffic_tuples tuples;
    struct traffic_template *control[2];    /* By side: without payload. */
    struct traffic_template *data[2];       /* By side: of spec.size. */
    unsigned int n_queues[2];               /* By side. */
    bool has_server;                        /* Else the client waits. */
    const struct netdev *client;            /* Any other is the server. */
    /* By side; for queues with few connections, and with one more. */
    struct traffic_popularity popularity[2][2];
    struct traffic_pcap *pcap;              /* Or null. */
    struct traffic_pair *pair;
};

/* Works out 'spec', of which it makes a copy, for a server with so many
 * receive queues, 0 if there is no server.  Goes on with 'pair' if it is not
 * null.  Takes over 'pcap'. */
struct traffic_plan *traffic_plan_create(const struct traffic_spec *spec,
                                         unsigned int n_server_queues,
                                         struct traffic_pair *pair,
                                         struct traffic_pcap *pcap);
void traffic_plan_destroy(struct traffic_plan *);

/* The side of a device that has the plan. */
static inline enum traffic_side
traffic_plan_side(const struct traffic_plan *plan, const struct netdev *netdev)
{
    return plan->client == netdev ? TRAFFIC_CLIENT : TRAFFIC_SERVER;
}

/* Connections that stay open, of all and of one queue; 0 for patterns that
 * have none. */
uint32_t traffic_plan_n_lasting(const struct traffic_spec *);
uint32_t traffic_plan_share(const struct traffic_plan *, enum traffic_side,
                            unsigned int queue_id);
/* Numbers for connections that do not stay. */
uint32_t traffic_plan_n_passing(const struct traffic_spec *);

/* The popularity of the connections of one queue. */
const struct traffic_popularity *traffic_plan_popularity(
    const struct traffic_plan *, enum traffic_side, unsigned int queue_id);

/* True if data packets are sent once all connections are open. */
bool traffic_plan_has_data(const struct traffic_plan *);

#endif /* traffic-plan.h */
