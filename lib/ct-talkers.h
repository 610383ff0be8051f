/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_TALKERS_H
#define CT_TALKERS_H 1

#include "ct-top.h"

/* Who talks most?
 * ================
 *
 * What
 * ----
 * Sums of connections, packets and bytes by talker: an address, or a protocol
 * with its port.
 *
 * Promises
 * --------
 * - No more than CT_TOP_TALKERS at a time.  If there are more, three quarters
 *   of them go, but for those that are among the first in one respect: whoever
 *   is large is missing no more than what he had when he was small.
 *
 * Threads: one at a time. */

struct ct_talk {
    uint64_t connections, packets, bytes;
};

struct ct_talkers;

struct ct_talkers *ct_talkers_create(void);
void ct_talkers_destroy(struct ct_talkers *);
void ct_talkers_clear(struct ct_talkers *);

/* Adds to whoever 'tuple', an original one, means. */
void ct_talkers_add(struct ct_talkers *, enum ct_top_group,
                    const struct ct_tuple *, const struct ct_talk *);

/* As ct_top_rows(). */
void ct_talkers_rows(struct ct_talkers *, ct_top_each *, void *aux);

#endif /* ct-talkers.h */
