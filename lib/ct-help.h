/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_HELP_H
#define CT_HELP_H 1

#include <stdbool.h>

#include "ct-helper.h"
#include "openvswitch/util.h"

/* What ct-helper.c and ct-help-expect.c share.
 * =============================================
 *
 * Only for these two.  All others see ct-helper.h. */

/* One call of a helper, on the stack of ct_helper_run__(). */
struct ct_help_run {
    struct ct_helper_call call;
    struct ct_packet *packet;
    bool has_payload;
    size_t len;                 /* Of the payload as it came. */
    size_t seen;                /* So much of it has had its turn before. */
    struct ct_help_change {
        bool any;               /* Of its length; where first, and by how
                                 * much in all: */
        size_t first;
        int32_t delta;
    } changes[2];               /* Of what has been seen, and of the rest. */

    /* To be expected when the packet has been accepted. */
    struct ct_expectation *pending;

    /* Tuples of connections to end then. */
    struct ct_tuple *ending;
    size_t n_ending, allocated_ending;
};

static inline struct ct_help_run *
ct_help_run_cast(struct ct_helper_call *call)
{
    return CONTAINER_OF(call, struct ct_help_run, call);
}

/* ct_helper_ops' functions of the same names. */
bool ct_help_expect(struct ct_helper_call *, const struct ct_helper_expect *,
                    struct ct_tuple *place);
unsigned int ct_help_forget(struct ct_helper_call *,
                            const struct ct_helper_match *);
unsigned int ct_help_refresh(struct ct_helper_call *,
                             const struct ct_helper_match *,
                             unsigned int seconds);

/* Expects what is pending, if the packet is accepted, or gives it up.  False,
 * and counted, if there is no room for it. */
bool ct_help_expect_finish(struct ct_help_run *, bool accepted);

#endif /* ct-help.h */
