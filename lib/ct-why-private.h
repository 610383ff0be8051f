/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_WHY_PRIVATE_H
#define CT_WHY_PRIVATE_H 1

#include "ct-why.h"

/* What ct-why.c and ct-why-remedy.c share. */

#define CT_WHY_INDENT "    "

/* A packet that was refused. */
struct ct_why_case {
    struct ct *ct;
    const struct dp_packet *packet;         /* As it came. */
    const struct ct_trial_ask *ask;
    const struct ct_trial_outcome *o;
};

/* What would let it pass, a line each: all that was found to help when tried
 * in 'trial', which is reset. */
void ct_why_remedies(const struct ct_why_case *, struct ct_trial *,
                     struct ds *);

#endif /* ct-why-private.h */
