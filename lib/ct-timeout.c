/* SPDX-License-Identifier: Apache-2.0 */

/* Timeouts and the policies that change them.
 *
 * Not on a packet's way but beside it: ct.c reads the set that the packet's
 * zone points to; ovs-vswitchd changes policies through ct_timeout_policy_*().
 */

#include <config.h>

#include "ct-timeout.h"

#include <errno.h>
#include <stdio.h>

#include "ct.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "hash.h"
#include "util.h"

static struct ct_policy *policy_find(const struct ct *, uint32_t id)
    OVS_REQUIRES(ct->mutex);
static void policy_apply(struct ct *, uint32_t id, const struct ct_timeouts *)
    OVS_REQUIRES(ct->mutex);

#define MS_PER_SECOND 1000

const struct ct_timeouts ct_timeouts_default = {
    .ms = {
#define CT_TIMEOUT(ENUM, NAME, SECONDS, ATTR)                               \
        [CT_TIMEOUT_##ENUM] = (uint64_t) (SECONDS) * MS_PER_SECOND,
        CT_TIMEOUTS
#undef CT_TIMEOUT
    },
};

static const struct {
    const char *name;
    int attr;
} timeouts[CT_N_TIMEOUTS] = {
#define CT_TIMEOUT(ENUM, NAME, SECONDS, ATTR) { NAME, ATTR },
    CT_TIMEOUTS
#undef CT_TIMEOUT
};

/* Where the kernel has one timeout and OVS two. */
static const struct {
    enum ct_timeout timeout, neighbour;
} neighbours[] = {
    { CT_TIMEOUT_UDP_FIRST, CT_TIMEOUT_UDP },
    { CT_TIMEOUT_ICMP_REPLY, CT_TIMEOUT_ICMP },
    { CT_TIMEOUT_ICMPV6_REPLY, CT_TIMEOUT_ICMPV6 },
};

const char *
ct_timeout_name(enum ct_timeout timeout)
{
    return timeout < CT_N_TIMEOUTS ? timeouts[timeout].name : "none";
}

static bool
policy_has(const struct ct_dpif_timeout_policy *policy,
           enum ct_timeout timeout)
{
    int attr = timeouts[timeout].attr;

    return attr >= 0 && policy->present & (1u << attr);
}

void
ct_timeouts_from_policy(const struct ct_dpif_timeout_policy *policy,
                        struct ct_timeouts *set)
{
    *set = ct_timeouts_default;
    for (int i = 0; i < CT_N_TIMEOUTS; i++) {
        if (policy_has(policy, i)) {
            set->ms[i] = ((uint64_t) policy->attrs[timeouts[i].attr]
                          * MS_PER_SECOND);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(neighbours); i++) {
        if (!policy_has(policy, neighbours[i].timeout)) {
            set->ms[neighbours[i].timeout] = set->ms[neighbours[i].neighbour];
        }
    }
}

const struct ct_timeouts *
ct_timeouts_of_policy(const struct ct *ct, uint32_t id)
{
    const struct ct_policy *policy = policy_find(ct, id);

    return policy ? policy->timeouts : &ct_timeouts_default;
}

int
ct_timeout_policy_set(struct ct *ct, const struct ct_dpif_timeout_policy *tp)
{
    struct ct_timeouts *new = xmalloc(sizeof *new);
    struct ct_timeouts *old = NULL;

    ct_timeouts_from_policy(tp, new);

    ovs_mutex_lock(&ct->mutex);
    struct ct_policy *policy = policy_find(ct, tp->id);
    if (policy) {
        old = policy->timeouts;
    } else {
        policy = xmalloc(sizeof *policy);
        hmap_insert(&ct->policies, &policy->node, hash_int(tp->id, 0));
    }
    policy->tp = *tp;
    policy->timeouts = new;
    policy_apply(ct, tp->id, new);
    ovs_mutex_unlock(&ct->mutex);

    if (old) {
        ovsrcu_postpone(free, old);
    }
    return 0;
}

int
ct_timeout_policy_get(const struct ct *ct, uint32_t id,
                      struct ct_dpif_timeout_policy *tp)
{
    ovs_mutex_lock(&ct->mutex);
    const struct ct_policy *policy = policy_find(ct, id);
    if (policy) {
        *tp = policy->tp;
    }
    ovs_mutex_unlock(&ct->mutex);
    return policy ? 0 : ENOENT;
}

int
ct_timeout_policy_del(struct ct *ct, uint32_t id)
{
    ovs_mutex_lock(&ct->mutex);
    struct ct_policy *policy = policy_find(ct, id);
    if (policy) {
        policy_apply(ct, id, &ct_timeouts_default);
        hmap_remove(&ct->policies, &policy->node);
        ovsrcu_postpone(free, policy->timeouts);
        free(policy);
    }
    ovs_mutex_unlock(&ct->mutex);
    return policy ? 0 : ENOENT;
}

int
ct_timeout_policy_next(const struct ct *ct, uint32_t *id,
                       struct ct_dpif_timeout_policy *tp)
{
    const struct ct_policy *policy, *first = NULL;

    ovs_mutex_lock(&ct->mutex);
    HMAP_FOR_EACH (policy, node, &ct->policies) {
        if (policy->tp.id >= *id && (!first || policy->tp.id < first->tp.id)) {
            first = policy;
        }
    }
    if (first) {
        *tp = first->tp;
        *id = first->tp.id + 1;
    }
    ovs_mutex_unlock(&ct->mutex);
    return first ? 0 : EOF;
}

void
ct_timeouts_uninit(struct ct *ct)
{
    struct ct_policy *policy;

    HMAP_FOR_EACH_POP (policy, node, &ct->policies) {
        free(policy->timeouts);
        free(policy);
    }
    hmap_destroy(&ct->policies);
}

static struct ct_policy *
policy_find(const struct ct *ct, uint32_t id)
{
    struct ct_policy *policy;

    HMAP_FOR_EACH_WITH_HASH (policy, node, hash_int(id, 0), &ct->policies) {
        if (policy->tp.id == id) {
            return policy;
        }
    }
    return NULL;
}

/* Points the zones whose policy is 'id' to 'set'. */
static void
policy_apply(struct ct *ct, uint32_t id, const struct ct_timeouts *set)
{
    unsigned int n = ct_zones_count(ct);

    for (unsigned int i = 0; i < n; i++) {
        struct ct_zone *zone = ct_zones_at(ct, i);

        if (atomic_load(&zone->policy_id) == id) {
            ovsrcu_set(&zone->timeouts, set);
        }
    }
}
