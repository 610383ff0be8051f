/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_EXPECT_LIST_H
#define CT_EXPECT_LIST_H 1

#include <stddef.h>

struct ct;
struct ct_expectation;
struct ct_zone;
struct ds;

/* Copies of the expectations of a zone, for who shows them.  The caller frees
 * '*copies'; their parents stay readable until it quiesces.  Returns how many.
 *
 * Threads: any. */
size_t ct_expects_copy(struct ct_zone *, struct ct_expectation **copies);

/* As text, a line each.  'zone' -1: of all zones. */
void ct_expects_format(const struct ct *, int zone, long long now,
                       struct ds *);

#endif /* ct-expect-list.h */
