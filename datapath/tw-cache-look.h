/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_CACHE_LOOK_H
#define TW_CACHE_LOOK_H 1

#include <stdbool.h>

#include "tw-cache.h"

struct dp_packet;
struct ds;
struct tw_datapath;

/* What track caches know of a packet, for an operator. */

/* What a packet from 'in_port' would find in a thread's cache. */
struct tw_cache_found {
    const struct tw_program *program;   /* NULL: none, */
    enum tw_miss miss;                  /* for this reason. */
    bool learnable;                     /* Then could a track be made? */
};

/* Asks as the packets of a batch do, and leaves no trace in the statistics.
 * Initialises the metadata of 'packet', which comes out of no tunnel.  The
 * thread is parked or locked. */
void tw_cache_look(struct tw_thread *, struct dp_packet *,
                   odp_port_t in_port, struct tw_cache_found *);

/* Appends what each thread that polls the port of 'packet' would find; packet
 * threads are parked meanwhile.  Main thread only. */
void tw_cache_tell_tracks(struct tw_datapath *, const struct dp_packet *,
                          struct ds *);

#endif /* tw-cache-look.h */
