/* SPDX-License-Identifier: Apache-2.0 */

/* The datapath's part of other_config.  Called by tw-datapath.c when the
 * configuration has changed. */

#include <config.h>

#include "tw-config.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "openvswitch/vlog.h"
#include "tw-cache.h"
#include "tw-datapath.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(tw_config);

/* The longest sleep that pmd-maxsleep may ask for, in microseconds: a thread
 * that sleeps holds up RCU. */
#define MAX_SLEEP_US 10000

/* 'value' is NULL if the key is not there.  Returns NULL, or what is wrong
 * with 'value', to be freed by the caller; then nothing has changed. */
typedef char *set_func(struct tw_datapath *, const char *value);
static set_func set_cpu_mask, set_assign, set_isolate, set_max_sleep;
static set_func set_cache, set_cache_size;

static const struct {
    const char *key;
    set_func *set;
} keys[] = {
    { "pmd-cpu-mask", set_cpu_mask },
    { "pmd-rxq-assign", set_assign },
    { "pmd-rxq-isolate", set_isolate },
    { "pmd-maxsleep", set_max_sleep },
    { "track-cache", set_cache },
    { "track-cache-size", set_cache_size },
};

static void apply_assign(struct tw_datapath *);
static void apply_cache(struct tw_datapath *);

void
tw_config_init(struct tw_config *config)
{
    smap_init(&config->seen);
    config->assign = TW_ASSIGN_CYCLES;
    config->isolate = true;
    config->isolate_told = false;
    config->cache = true;
    config->cache_size = TW_CACHE_DEFAULT_SIZE;
}

void
tw_config_uninit(struct tw_config *config)
{
    smap_destroy(&config->seen);
}

static void
set_one(struct tw_datapath *dp, size_t i, const char *value)
{
    char *error = keys[i].set(dp, value);

    if (error) {
        VLOG_ERR("%s: other_config:%s: %s; nothing changed", dp->name,
                 keys[i].key, error);
        free(error);
    }
}

void
tw_config_set(struct tw_datapath *dp, const struct smap *other_config)
{
    struct smap *seen = &dp->config.seen;

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *value = smap_get(other_config, keys[i].key);

        if (!nullable_string_is_equal(smap_get(seen, keys[i].key), value)) {
            set_one(dp, i, value);
            smap_remove(seen, keys[i].key);
            if (value) {
                smap_add(seen, keys[i].key, value);
            }
        }
    }
    apply_assign(dp);
    apply_cache(dp);
}

static char *
set_cpu_mask(struct tw_datapath *dp, const char *value)
{
    ovs_rwlock_wrlock(&dp->port_rwlock);
    free(dp->pmd_cpu_mask);
    dp->pmd_cpu_mask = nullable_xstrdup(value);
    dp->reconfigure = true;
    ovs_rwlock_unlock(&dp->port_rwlock);
    return NULL;
}

static char *
set_assign(struct tw_datapath *dp, const char *value)
{
    return (tw_assign_from_string(value ? value : "cycles",
                                  &dp->config.assign)
            ? NULL
            : xasprintf("\"%s\" is neither cycles, roundrobin nor group",
                        value));
}

/* As OVS reads it, but for what is neither. */
static char *
parse_bool(const char *value, bool otherwise, bool *set)
{
    if (!value) {
        *set = otherwise;
    } else if (!strcasecmp(value, "true") || !strcasecmp(value, "false")) {
        *set = !strcasecmp(value, "true");
    } else {
        return xasprintf("\"%s\" is neither true nor false", value);
    }
    return NULL;
}

static char *
parse_number(const char *value, uint64_t min, uint64_t max, uint64_t *number)
{
    long long int n;

    if (*value < '0' || *value > '9' || !str_to_llong(value, 10, &n)
        || (uint64_t) n < min || (uint64_t) n > max) {
        return xasprintf("\"%s\" is not a number from %"PRIu64" to %"PRIu64,
                         value, min, max);
    }
    *number = n;
    return NULL;
}

static char *
set_isolate(struct tw_datapath *dp, const char *value)
{
    bool isolate = true;
    char *error = parse_bool(value, true, &isolate);

    if (!error) {
        dp->config.isolate = isolate;
    }
    return error;
}

static char *
set_max_sleep(struct tw_datapath *dp, const char *value)
{
    uint64_t us = 0;
    char *error = value ? parse_number(value, 0, MAX_SLEEP_US, &us) : NULL;

    if (!error) {
        atomic_store_relaxed(&dp->max_sleep, us);
    }
    return error;
}

static char *
set_cache(struct tw_datapath *dp, const char *value)
{
    return parse_bool(value, true, &dp->config.cache);
}

static char *
set_cache_size(struct tw_datapath *dp, const char *value)
{
    if (!value) {
        dp->config.cache_size = TW_CACHE_DEFAULT_SIZE;
        return NULL;
    }
    return parse_number(value, 1, TW_CACHE_MAX_SIZE, &dp->config.cache_size);
}

static void
apply_assign(struct tw_datapath *dp)
{
    enum tw_assign assign = dp->config.assign;
    bool isolate = dp->config.isolate || assign != TW_ASSIGN_GROUP;
    bool in_vain = isolate && !dp->config.isolate;

    if (in_vain && !dp->config.isolate_told) {
        VLOG_WARN("%s: pmd-rxq-isolate can be false only with "
                  "pmd-rxq-assign=group", dp->name);
    }
    dp->config.isolate_told = in_vain;

    ovs_rwlock_wrlock(&dp->port_rwlock);
    if (assign != dp->rxq_assign || isolate != dp->rxq_isolate) {
        VLOG_INFO("%s: receive queues are assigned by \"%s\", pinned ones "
                  "%s their core", dp->name, tw_assign_to_string(assign),
                  isolate ? "have" : "share");
        dp->rxq_assign = assign;
        dp->rxq_isolate = isolate;
        dp->reconfigure = true;
    }
    ovs_rwlock_unlock(&dp->port_rwlock);
}

static void
apply_cache(struct tw_datapath *dp)
{
    atomic_store_relaxed(&dp->cache_size,
                         dp->config.cache ? dp->config.cache_size : 0);
}
