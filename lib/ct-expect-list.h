/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_EXPECT_LIST_H
#define CT_EXPECT_LIST_H 1

#include <stddef.h>

struct ct_expectation;
struct ct_zone;

/* Copies of the expectations of a zone, for who shows them.  The caller frees
 * '*copies'; their parents stay readable until it quiesces.  Returns how many.
 *
 * Threads: any. */
size_t ct_expects_copy(struct ct_zone *, struct ct_expectation **copies);

#endif /* ct-expect-list.h */
