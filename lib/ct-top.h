/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_TOP_H
#define CT_TOP_H 1

#include <stdbool.h>
#include <stdint.h>

#include "ct-filter.h"

struct ct;

/* What goes on: who talks most, in which zones and states, what is refused.
 * ==========================================================================
 *
 * What
 * ----
 * A table that is made anew again and again, for trackway-ct --top.  Each time
 * one pass over the connections adds them up: by zone, by protocol and state,
 * and by talker, which is their original source, their destination, or their
 * protocol and destination port.  Of packets and bytes it tells what has come
 * since the pass before, for each connection that is there in this one; those
 * that came and went in between are in no sum but that of the counters.
 *
 *     top = ct_top_create(ct, &filter, CT_TOP_SOURCE);
 *     for (;;) {
 *         while (ct_top_look(top, now)) { quiesce }
 *         ct_top_rows(top, show, aux);
 *         wait
 *     }
 *
 * The first pass only finds out where to begin: all its sums of packets are
 * 0.
 *
 * Promises
 * --------
 * - A pass holds no lock over more than one connection; packets never wait.
 * - Memory is bounded: 16 bytes for a connection, and CT_TOP_TALKERS talkers.
 *   If there are more, those that are small in all three respects are left
 *   out.
 *
 * A connection of several zones is counted in each: a filter by zone tells
 * what really passed.
 *
 * Cost: a look at each connection.
 *
 * Threads: any, one at a time for each. */

#define CT_TOP_LOOK 4096            /* Connections that one call looks at. */
#define CT_TOP_TALKERS 65536
#define CT_TOP_ROWS 50              /* Of a kind, and for each order. */

enum ct_top_group {
    CT_TOP_SOURCE,
    CT_TOP_DESTINATION,
    CT_TOP_SERVICE,
    CT_TOP_N_GROUPS
};

enum ct_top_kind {
    CT_TOP_ZONE,                /* 'total': its limit; 0: none. */
    CT_TOP_STATE,               /* Only connections. */
    CT_TOP_TALKER,
    CT_TOP_COUNTER,             /* 'total': the counter; 'packets': how much
                                 * of it is new. */
    CT_TOP_ALL,                 /* The last: sums of what matches.  'total':
                                 * the maximum of connections. */
    CT_TOP_N_KINDS
};

struct ct_top_row {
    enum ct_top_kind kind;
    char name[64];              /* "5", "tcp ESTABLISHED", "10.1.1.1",
                                 * "invalid-l4"; of CT_TOP_ALL "". */
    uint64_t connections;
    uint64_t packets, bytes;    /* Since the pass before. */
    uint64_t total;
    uint64_t ms;                /* CT_TOP_ALL: since the pass before. */
};

struct ct_top;

struct ct_top *ct_top_create(struct ct *, const struct ct_filter *,
                             enum ct_top_group);
void ct_top_destroy(struct ct_top *);       /* Accepts NULL. */

/* Looks at some connections.  False: the pass is complete, until the next
 * call begins another one. */
bool ct_top_look(struct ct_top *, long long now);

/* Of how many passes are there rows?  1: the first, whose sums are 0. */
unsigned int ct_top_n_passes(const struct ct_top *);

/* Calls 'each' for each row of the last pass, those of a kind together, the
 * most connections first; talkers are the first CT_TOP_ROWS by connections,
 * by packets and by bytes. */
typedef void ct_top_each(void *aux, const struct ct_top_row *);
void ct_top_rows(struct ct_top *, ct_top_each *, void *aux);

#endif /* ct-top.h */
