/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_WHY_H
#define TW_WHY_H 1

struct dp_packet;
struct ds;
struct tw_datapath;

/* Which way would a packet take, and why?
 * ========================================
 *
 * What
 * ----
 * An answer in words for an operator (trackway/why): the megaflows that a
 * packet meets, from the port it comes from on, with their actions; at each
 * ct() what the tracker makes of it (ct-why.h); and what the threads that poll
 * the port remember of such packets: track, program, or why none.
 *
 * Promises
 * --------
 * - Nothing changes: connections, counters, statistics.  Lookups, ct() and
 *   actions on headers are those that packets meet.
 * - Threads are parked while their caches are looked at.
 *
 * Threads: the main thread.  It quiesces. */

struct tw_why_ask {
    /* Metadata and offsets are valid; in_port ODPP_NONE: comes from nowhere,
     * and meets one ct() alone. */
    struct dp_packet *packet;
    int zone;                   /* Of that ct(); -1: those that know the
                                 * packet's connection, else 0. */
    unsigned int open;          /* CT_WHY_OPEN_*. */
};

void tw_why(struct tw_datapath *, const struct tw_why_ask *, struct ds *);

#endif /* tw-why.h */
