/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_LIMIT_H
#define CT_LIMIT_H 1

#include <stdint.h>

#include "ct-timeout.h"

struct ct;
struct ct_zone;

/* How many connections there may be: the maximum and the limits of zones.
 * ========================================================================
 *
 * What
 * ----
 * The maximum, the default limit and each zone's own limit are set by commands
 * (ct.h) and by configuration; a command's goes before.  ct_zone_limit_del()
 * forgets what a command has set for a zone; nothing but the end of the
 * tracker forgets a command's maximum or default limit.
 *
 * Text
 * ----
 *     zone=N,limit=N;...
 *
 * with ';', blanks or newlines in between.
 *
 * Threads: any.  What is in force is read without a lock. */

/* -1: as if the same had never set it. */
void ct_maxconns_set(struct ct *, enum ct_set_by, int64_t maxconns);
void ct_default_limit_set(struct ct *, enum ct_set_by, int64_t limit);

/* Replaces the limits that the configuration has set by those in 'text' (NULL:
 * none).  Returns NULL, or a line for each part that is wrong, to be freed by
 * the caller; then those before stay where no good part says otherwise. */
char *ct_limits_configure(struct ct *, const char *text);

/* A number, at least 'min'.  Returns NULL, or what is wrong with 'text', which
 * the caller frees. */
char *ct_limit_parse(const char *text, uint32_t min, uint32_t *limit);

void ct_limits_init(struct ct *);
void ct_limits_init_zone(struct ct_zone *);

#endif /* ct-limit.h */
