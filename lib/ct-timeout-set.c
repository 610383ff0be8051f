/* SPDX-License-Identifier: Apache-2.0 */

/* Timeouts that are set: by policies, commands and configuration, for the
 * tracker and for zones.
 *
 * Not on a packet's way but beside it.  The dpif provider changes settings and
 * policies; a packet only reads the set that its zone points to.  All zones of
 * a policy without settings of their own share one set. */

#include <config.h>

#include <errno.h>
#include <stdio.h>

#include "ct.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ct_timeout_set);

static struct ct_policy *policy_find(const struct ct *, uint32_t id)
    OVS_REQUIRES(ct->mutex);
static void make_base(const struct ct *, const struct ct_policy *,
                      struct ct_timeouts *, enum ct_layer[])
    OVS_REQUIRES(ct->mutex);
static void apply_settings(const struct ct_timeout_settings *,
                           enum ct_layer first, struct ct_timeouts *,
                           enum ct_layer[]);
static void warn_of_zeros(const struct ct_dpif_timeout_policy *);
static void renew_all(struct ct *) OVS_REQUIRES(ct->mutex);
static void renew_policy(struct ct *, struct ct_policy *)
    OVS_REQUIRES(ct->mutex);
static bool replace(struct ct_timeouts **, const struct ct_timeouts *);
static bool is_empty(const struct ct_timeout_settings *);

/* The set that all zones of 'policy' (NULL: none) without settings of their
 * own share. */
static const struct ct_timeouts *
shared_set(const struct ct *ct, const struct ct_policy *policy)
    OVS_REQUIRES(ct->mutex)
{
    return (policy ? policy->timeouts
            : ct->timeouts ? ct->timeouts
            : &ct_timeouts_default);
}

void
ct_timeouts_renew_zone(struct ct *ct, struct ct_zone *zone)
{
    const struct ct_policy *policy
        = policy_find(ct, atomic_load(&zone->policy_id));
    struct ct_timeouts *old = zone->own_timeouts;

    if (zone->settings) {
        struct ct_timeouts set;

        make_base(ct, policy, &set, NULL);
        apply_settings(zone->settings, CT_LAYER_ZONE_CONFIG, &set, NULL);
        zone->own_timeouts = xmemdup(&set, sizeof set);
        ovsrcu_set(&zone->timeouts, zone->own_timeouts);
    } else {
        zone->own_timeouts = NULL;
        ovsrcu_set(&zone->timeouts, shared_set(ct, policy));
    }
    if (old) {
        ovsrcu_postpone(free, old);
    }
}

void
ct_timeouts_set(struct ct *ct, int zone_id, enum ct_set_by by,
                const struct ct_timeout_setting *setting)
{
    struct ct_zone *zone = (zone_id < 0 ? NULL
                            : ct_zone_get_or_create(ct, zone_id));

    ovs_mutex_lock(&ct->mutex);
    if (zone_id < 0) {
        ct->settings.by[by] = *setting;
        renew_all(ct);
    } else {
        if (!zone->settings) {
            zone->settings = xzalloc(sizeof *zone->settings);
        }
        zone->settings->by[by] = *setting;
        if (is_empty(zone->settings)) {
            free(zone->settings);
            zone->settings = NULL;
        }
        ct_timeouts_renew_zone(ct, zone);
    }
    ovs_mutex_unlock(&ct->mutex);
}

void
ct_timeouts_get_setting(const struct ct *ct, int zone_id, enum ct_set_by by,
                        struct ct_timeout_setting *setting)
{
    const struct ct_zone *zone = zone_id < 0 ? NULL : ct_zone_get(ct, zone_id);

    ovs_mutex_lock(&ct->mutex);
    if (zone_id < 0) {
        *setting = ct->settings.by[by];
    } else if (zone && zone->settings) {
        *setting = zone->settings->by[by];
    } else {
        memset(setting, 0, sizeof *setting);
    }
    ovs_mutex_unlock(&ct->mutex);
}

void
ct_timeouts_reset(struct ct *ct, int zone_id)
{
    const struct ct_timeout_setting nothing = { .present = 0 };

    if (zone_id >= 0) {
        if (ct_zone_get(ct, zone_id)) {
            ct_timeouts_set(ct, zone_id, CT_SET_BY_COMMAND, &nothing);
        }
        return;
    }
    ct_timeouts_set(ct, -1, CT_SET_BY_COMMAND, &nothing);
    for (unsigned int i = 0; i < ct_zones_count(ct); i++) {
        ct_timeouts_set(ct, ct_zones_at(ct, i)->id, CT_SET_BY_COMMAND,
                        &nothing);
    }
}

void
ct_timeouts_get(const struct ct *ct, int zone_id, struct ct_timeouts *set,
                enum ct_layer layers[])
{
    const struct ct_zone *zone = zone_id < 0 ? NULL : ct_zone_get(ct, zone_id);

    ovs_mutex_lock(&ct->mutex);
    make_base(ct, zone ? policy_find(ct, atomic_load(&zone->policy_id)) : NULL,
              set, layers);
    if (zone && zone->settings) {
        apply_settings(zone->settings, CT_LAYER_ZONE_CONFIG, set, layers);
    }
    ovs_mutex_unlock(&ct->mutex);
}

bool
ct_timeouts_zone_is_set(const struct ct *ct, uint16_t zone_id)
{
    const struct ct_zone *zone = ct_zone_get(ct, zone_id);
    bool set;

    if (!zone) {
        return false;
    }
    ovs_mutex_lock(&ct->mutex);
    set = (zone->settings
           || policy_find(ct, atomic_load(&zone->policy_id)));
    ovs_mutex_unlock(&ct->mutex);
    return set;
}

/* Policies. */

int
ct_timeout_policy_set(struct ct *ct, const struct ct_dpif_timeout_policy *tp)
{
    warn_of_zeros(tp);
    ovs_mutex_lock(&ct->mutex);
    struct ct_policy *policy = policy_find(ct, tp->id);
    if (!policy) {
        policy = xzalloc(sizeof *policy);
        hmap_insert(&ct->policies, &policy->node, hash_int(tp->id, 0));
    }
    policy->tp = *tp;
    renew_policy(ct, policy);
    ovs_mutex_unlock(&ct->mutex);
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

/* The zones with policy 'id' follow what has become of it. */
static void
renew_zones(struct ct *ct, uint32_t id)
    OVS_REQUIRES(ct->mutex)
{
    for (unsigned int i = 0; i < ct_zones_count(ct); i++) {
        struct ct_zone *zone = ct_zones_at(ct, i);

        if (atomic_load(&zone->policy_id) == id) {
            ct_timeouts_renew_zone(ct, zone);
        }
    }
}

int
ct_timeout_policy_del(struct ct *ct, uint32_t id)
{
    ovs_mutex_lock(&ct->mutex);
    struct ct_policy *policy = policy_find(ct, id);
    if (policy) {
        hmap_remove(&ct->policies, &policy->node);
        renew_zones(ct, id);
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
    free(ct->timeouts);
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

/* What holds in zones of 'policy' that have no settings of their own. */
static void
make_base(const struct ct *ct, const struct ct_policy *policy,
          struct ct_timeouts *set, enum ct_layer layers[])
{
    *set = ct_timeouts_default;
    for (int i = 0; layers && i < CT_N_TIMEOUTS; i++) {
        layers[i] = CT_LAYER_DEFAULT;
    }
    apply_settings(&ct->settings, CT_LAYER_CONFIG, set, layers);
    if (policy) {
        struct ct_timeout_setting setting;

        ct_timeouts_of_tp(&policy->tp, &setting);
        ct_timeouts_apply(&setting, CT_LAYER_POLICY, set, layers);
    }
}

/* A command's layer is the one over that of the configuration. */
static void
apply_settings(const struct ct_timeout_settings *settings,
               enum ct_layer first, struct ct_timeouts *set,
               enum ct_layer layers[])
{
    for (int by = 0; by < CT_N_SET_BY; by++) {
        ct_timeouts_apply(&settings->by[by], first + by, set, layers);
    }
}

static void
warn_of_zeros(const struct ct_dpif_timeout_policy *tp)
{
    struct ds names = DS_EMPTY_INITIALIZER;

    for (int i = 0; i < CT_N_TIMEOUTS; i++) {
        int attr = ct_timeout_attr(i);

        if (attr >= 0 && tp->present & (1u << attr) && !tp->attrs[attr]) {
            ds_put_format(&names, "%s%s", names.length ? ", " : "",
                          ct_timeout_name(i));
        }
    }
    if (names.length) {
        VLOG_WARN("timeout policy %"PRIu32": 0 seconds for %s are taken for "
                  "not set", tp->id, ds_cstr(&names));
    }
    ds_destroy(&names);
}

static void
renew_policy(struct ct *ct, struct ct_policy *policy)
{
    struct ct_timeouts *old = policy->timeouts;
    struct ct_timeouts set;

    make_base(ct, policy, &set, NULL);
    if (replace(&policy->timeouts, &set)) {
        renew_zones(ct, policy->tp.id);
        if (old) {
            ovsrcu_postpone(free, old);
        }
    }
}

/* The tracker's settings have changed. */
static void
renew_all(struct ct *ct)
{
    struct ct_timeouts *old = ct->timeouts;
    struct ct_policy *policy;
    struct ct_timeouts set;

    make_base(ct, NULL, &set, NULL);
    if (!replace(&ct->timeouts, &set)) {
        return;
    }
    HMAP_FOR_EACH (policy, node, &ct->policies) {
        renew_policy(ct, policy);
    }
    for (unsigned int i = 0; i < ct_zones_count(ct); i++) {
        struct ct_zone *zone = ct_zones_at(ct, i);

        if (!policy_find(ct, atomic_load(&zone->policy_id))) {
            ct_timeouts_renew_zone(ct, zone);
        }
    }
    if (old) {
        ovsrcu_postpone(free, old);
    }
}

/* False if '*setp' says the same as 'set' already. */
static bool
replace(struct ct_timeouts **setp, const struct ct_timeouts *set)
{
    if (*setp && !memcmp(*setp, set, sizeof *set)) {
        return false;
    }
    *setp = xmemdup(set, sizeof *set);
    return true;
}

static bool
is_empty(const struct ct_timeout_settings *settings)
{
    for (int by = 0; by < CT_N_SET_BY; by++) {
        if (settings->by[by].present) {
            return false;
        }
    }
    return true;
}
