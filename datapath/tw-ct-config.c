/* SPDX-License-Identifier: Apache-2.0 */

/* The tracker's part of other_config.  Called when the configuration has
 * changed; sets what lib/ct.h has. */

#include <config.h>

#include "tw-ct-config.h"

#include <stdlib.h>
#include <string.h>

#include "ct.h"
#include "ct-helper-policy.h"
#include "ct-limit.h"
#include "ct-log-zones.h"
#include "ct-switch.h"
#include "openvswitch/vlog.h"
#include "smap.h"
#include "tw-ct-save.h"
#include "tw-ct-sync.h"
#include "tw-datapath.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(tw_ct_config);

/* Between parts of a value that are words. */
#define SEPARATORS ", \t\r\n"

#define PREFIX "ct-"
#define TIMEOUTS "ct-timeouts"
#define TIMEOUTS_ZONE TIMEOUTS "-zone-"
#define MAXIMUM "ct-max"
#define LIMIT_DEFAULT "ct-limit-default"
#define PERSIST "ct-persist"
#define SYNC_LISTEN "ct-sync-listen"
#define SYNC "ct-sync"

/* 'value' is NULL if 'key', which was there, is gone.  False: 'key' is not
 * for this function. */
typedef bool set_func(struct tw_datapath *, const char *key,
                      const char *value);
static set_func set_timeouts, set_switch, set_list, set_max;
static set_func set_limit_default, set_persist, set_sync;

static set_func *const setters[] = {
    set_timeouts,
    set_switch,
    set_list,
    set_max,
    set_limit_default,
    set_persist,
    set_sync,
};

static void set_one(struct tw_datapath *, const char *key, const char *value);
static void sync_all(struct tw_datapath *, const struct smap *ours);

/* Keys that concern the tracker. */
static void
copy_ours(struct smap *ours, const struct smap *other_config)
{
    struct smap_node *node;

    smap_init(ours);
    SMAP_FOR_EACH (node, other_config) {
        if (!strncmp(node->key, PREFIX, strlen(PREFIX))) {
            smap_add(ours, node->key, node->value);
        }
    }
}

void
tw_ct_config_set(struct tw_datapath *dp, const struct smap *other_config)
{
    struct smap_node *node;
    struct smap ours;

    copy_ours(&ours, other_config);
    SMAP_FOR_EACH (node, &dp->ct_config) {
        if (!smap_get(&ours, node->key)) {
            set_one(dp, node->key, NULL);
        }
    }
    SMAP_FOR_EACH (node, &ours) {
        const char *old = smap_get(&dp->ct_config, node->key);

        if (!old || strcmp(old, node->value)) {
            set_one(dp, node->key, node->value);
        }
    }
    sync_all(dp, &ours);
    smap_destroy(&dp->ct_config);
    smap_clone(&dp->ct_config, &ours);
    smap_destroy(&ours);
}

static void
set_one(struct tw_datapath *dp, const char *key, const char *value)
{
    for (size_t i = 0; i < ARRAY_SIZE(setters); i++) {
        if (setters[i](dp, key, value)) {
            return;
        }
    }
    if (value) {
        VLOG_ERR("%s: other_config:%s: the tracker knows no such key",
                 dp->name, key);
    }
}

/* The zone that 'key' names, -1 for the datapath.  False: it is another key,
 * such as one of more digits than it needs: no zone has two. */
static bool
timeouts_zone(const char *key, int *zone)
{
    const char *digits = key + strlen(TIMEOUTS_ZONE);

    if (!strcmp(key, TIMEOUTS)) {
        *zone = -1;
        return true;
    }
    return (!strncmp(key, TIMEOUTS_ZONE, strlen(TIMEOUTS_ZONE))
            && *digits >= (digits[1] ? '1' : '0') && *digits <= '9'
            && str_to_int(digits, 10, zone)
            && *zone <= UINT16_MAX);
}

/* Of a value of several parts. */
static void
log_bad_part(const struct tw_datapath *dp, const char *key, const char *error)
{
    VLOG_ERR("%s: other_config:%s: %s; only the rest of the value is taken",
             dp->name, key, error);
}

/* If a part is bad, all that was set before stays under the good ones. */
static void
parse_timeouts(struct tw_datapath *dp, const char *key, const char *value,
               int zone, struct ct_timeout_setting *setting)
{
    struct ct_timeout_setting old, good = { .present = 0 };
    char *copy = xstrdup(value), *save = NULL;
    bool bad = false;

    ct_timeouts_get_setting(dp->ct, zone, CT_SET_BY_CONFIG, &old);
    for (char *s = strtok_r(copy, SEPARATORS, &save); s;
         s = strtok_r(NULL, SEPARATORS, &save)) {
        char *error = ct_timeouts_parse(s, &good);

        if (error) {
            log_bad_part(dp, key, error);
            free(error);
            bad = true;
        }
    }
    free(copy);
    *setting = good;
    for (int i = 0; bad && i < CT_N_TIMEOUTS; i++) {
        if (old.present & ~good.present & (UINT64_C(1) << i)) {
            setting->present |= UINT64_C(1) << i;
            setting->seconds[i] = old.seconds[i];
        }
    }
}

static bool
set_timeouts(struct tw_datapath *dp, const char *key, const char *value)
{
    struct ct_timeout_setting setting = { .present = 0 };
    int zone;

    if (!timeouts_zone(key, &zone)) {
        return false;
    }
    if (value) {
        parse_timeouts(dp, key, value, zone, &setting);
    }
    ct_timeouts_set(dp->ct, zone, CT_SET_BY_CONFIG, &setting);
    VLOG_INFO("%s: %s is \"%s\"", dp->name, key, value ? value : "");
    return true;
}

/* The key of 'name' has "ct-" in front, and dashes. */
static bool
is_switch_key(const char *key, const char *name)
{
    key += strlen(PREFIX);
    for (; *key && *name; key++, name++) {
        if (*key != (*name == '_' ? '-' : *name)) {
            return false;
        }
    }
    return !*key && !*name;
}

static bool
set_switch(struct tw_datapath *dp, const char *key, const char *value)
{
    enum ct_switch s = 0;
    int number = -1;
    char *error;

    while (!is_switch_key(key, ct_switch_name(s))) {
        if (++s == CT_N_SWITCHES) {
            return false;
        }
    }
    error = value ? ct_switch_parse(s, value, &number) : NULL;
    if (error) {
        VLOG_ERR("%s: other_config:%s: %s; nothing changed", dp->name, key,
                 error);
        free(error);
        return true;
    }
    ct_switch_set(dp->ct, s, CT_SET_BY_CONFIG, number);
    VLOG_INFO("%s: %s is %u", dp->name, ct_switch_name(s),
              ct_switch_get(dp->ct, s));
    return true;
}

/* Logs the lines of 'errors', and frees it; then what was taken. */
static void
log_list(const struct tw_datapath *dp, const char *key, const char *value,
         char *errors)
{
    char *save = NULL;

    for (char *s = errors ? strtok_r(errors, "\n", &save) : NULL; s;
         s = strtok_r(NULL, "\n", &save)) {
        log_bad_part(dp, key, s);
    }
    free(errors);
    VLOG_INFO("%s: %s is \"%s\"", dp->name, key, value ? value : "");
}

/* Lists, each part of which stands alone. */
static bool
set_list(struct tw_datapath *dp, const char *key, const char *value)
{
    static const struct {
        const char *key;
        char *(*configure)(struct ct *, const char *text);
    } lists[] = {
        { "ct-helpers", ct_helper_policies_set },
        { "ct-limits", ct_limits_configure },
        { "ct-log-invalid", ct_log_refused_configure },
    };

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        if (!strcmp(key, lists[i].key)) {
            log_list(dp, key, value, lists[i].configure(dp->ct, value));
            return true;
        }
    }
    return false;
}

/* The number in 'value', at least 'min', or -1 if it is NULL.  False, and in
 * the log, if it is no such number. */
static bool
parse_limit(const struct tw_datapath *dp, const char *key, const char *value,
            uint32_t min, int64_t *number)
{
    uint32_t limit = 0;
    char *error = value ? ct_limit_parse(value, min, &limit) : NULL;

    if (error) {
        VLOG_ERR("%s: other_config:%s: %s; nothing changed", dp->name, key,
                 error);
        free(error);
        return false;
    }
    *number = value ? (int64_t) limit : -1;
    return true;
}

static bool
set_max(struct tw_datapath *dp, const char *key, const char *value)
{
    int64_t max;

    if (strcmp(key, MAXIMUM)) {
        return false;
    }
    /* Nobody means 0, with which no connection is opened. */
    if (parse_limit(dp, key, value, 1, &max)) {
        ct_maxconns_set(dp->ct, CT_SET_BY_CONFIG, max);
        VLOG_INFO("%s: at most %"PRIu32" connections", dp->name,
                  ct_get_maxconns(dp->ct));
    }
    return true;
}

static bool
set_limit_default(struct tw_datapath *dp, const char *key, const char *value)
{
    int64_t limit;

    if (strcmp(key, LIMIT_DEFAULT)) {
        return false;
    }
    if (parse_limit(dp, key, value, 0, &limit)) {
        struct ct_zone_limit_info info;

        ct_default_limit_set(dp->ct, CT_SET_BY_CONFIG, limit);
        ct_zone_limit_get(dp->ct, -1, &info);
        VLOG_INFO("%s: the default limit of a zone is %"PRIu32, dp->name,
                  info.limit);
    }
    return true;
}

static bool
set_persist(struct tw_datapath *dp, const char *key, const char *value)
{
    if (strcmp(key, PERSIST)) {
        return false;
    }
    if (value && strcmp(value, "true") && strcmp(value, "false")) {
        VLOG_ERR("%s: other_config:%s: \"%s\" is neither true nor false; "
                 "nothing changed", dp->name, key, value);
    } else {
        tw_ct_save_set(dp, value && !strcmp(value, "true"));
    }
    return true;
}

/* The two keys say something together: sync_all(). */
static bool
set_sync(struct tw_datapath *dp OVS_UNUSED, const char *key,
         const char *value OVS_UNUSED)
{
    return !strcmp(key, SYNC_LISTEN) || !strcmp(key, SYNC);
}

static bool
is_same(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static void
sync_all(struct tw_datapath *dp, const struct smap *ours)
{
    const char *listen = smap_get(ours, SYNC_LISTEN);
    const char *connect = smap_get(ours, SYNC);
    char *error;

    if (is_same(listen, smap_get(&dp->ct_config, SYNC_LISTEN))
        && is_same(connect, smap_get(&dp->ct_config, SYNC))) {
        return;
    }
    error = tw_ct_sync_configure(dp, listen, connect);
    if (error) {
        VLOG_ERR("%s: other_config:%s: %s; nothing changed", dp->name,
                 listen ? SYNC_LISTEN : SYNC, error);
        free(error);
    }
}
