/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_ACTIONS_CHECK_H
#define TW_ACTIONS_CHECK_H 1

#include <stdbool.h>
#include <stddef.h>

struct nlattr;

/* Can these actions be executed?
 *
 * What comes from ofproto can; what a user types into "dpctl add-flow" need
 * not, and OVS's odp_execute_actions() trusts its argument.  Checks that every
 * action is known and has a size that fits, down through nested lists, and
 * that set actions name a field that can be set.  Pure. */

/* Called for each ct action, in order; false refuses the list. */
typedef bool tw_check_ct_cb(const struct nlattr *ct, void *aux);

bool tw_actions_check(const struct nlattr *, size_t size,
                      tw_check_ct_cb *, void *aux);

#endif /* tw-actions-check.h */
