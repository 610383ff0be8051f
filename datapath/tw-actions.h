/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_ACTIONS_H
#define TW_ACTIONS_H 1

#include "ct-request.h"
#include "dp-packet.h"
#include "openvswitch/flow.h"
#include "tw-thread.h"

struct nlattr;

/* The actions of a flow.
 * ======================
 *
 * What
 * ----
 * A copy of its netlink attributes and, beside them, what is costly to decode
 * for each packet: one ct_request for each ct action, wherever it is nested.
 * Made once, when the flow is put.
 *
 * Promises
 * --------
 * tw_actions_create() stores nothing and returns EINVAL for attributes that
 * cannot be executed: so executing needs no checks.  Order is kept among the
 * packets of a batch.
 *
 * Ownership
 * ---------
 * Immutable, freed by its owner after a grace period.
 */
struct tw_actions {
    size_t size;                    /* Bytes of 'nlattrs'. */
    struct ct_request *ct;          /* One for each ct action met, in order. */
    size_t n_ct;
    uint16_t *ct_at;                /* By offset of the ct attribute in
                                     * 'nlattrs', in units of NLA_ALIGNTO:
                                     * index in 'ct'. */
    struct nlattr *nlattrs;
};

int tw_actions_create(const struct nlattr *, size_t size,
                      struct tw_actions **);
void tw_actions_free(struct tw_actions *);              /* At once. */
void tw_actions_free_postponed(struct tw_actions *);    /* A grace period
                                                         * later. */

/* The request of 'ct', a ct action that is part of 'actions'. */
static inline const struct ct_request *
tw_actions_get_ct(const struct tw_actions *actions, const struct nlattr *ct)
{
    size_t offset = (const char *) ct - (const char *) actions->nlattrs;

    return &actions->ct[actions->ct_at[offset / 4]];
}

/* Executes on 'batch', taking ownership of its packets if 'may_steal'; if not,
 * they may be modified, and some taken out of it.  'flow' is of one of them
 * (for the Ethernet type of ct); may be NULL. */
void tw_actions_execute(struct tw_thread *, struct dp_packet_batch *,
                        bool may_steal, const struct flow *flow,
                        const struct tw_actions *);

/* One action, in the middle of a list or at its end. */
struct tw_actions_run {
    struct tw_thread *thread;
    const struct flow *flow;            /* May be NULL. */
    const struct tw_actions *actions;
};

/* Runs action 'a', which is part of run->actions, but not a ct action, on
 * 'batch'.  With 'steal', only for what tw_action_takes_packets(), takes
 * ownership of the packets; otherwise they stay in 'batch', changed or not,
 * and what is taken out has been freed. */
void tw_actions_run_one(const struct tw_actions_run *,
                        struct dp_packet_batch *, const struct nlattr *a,
                        bool steal);

/* Does an action of type OVS_ACTION_ATTR_* 'type' change headers, and nothing
 * else (tw-rewrite.h)? */
bool tw_action_rewrites(uint16_t type);

/* Can an action of type OVS_ACTION_ATTR_* 'type', if it is the last of its
 * list, take the packets? */
bool tw_action_takes_packets(uint16_t type);

/* How often a packet may be looked up again: by recirculation or coming out
 * of a tunnel. */
#define TW_MAX_RECIRC_DEPTH 6

#endif /* tw-actions.h */
