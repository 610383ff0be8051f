/* SPDX-License-Identifier: Apache-2.0 */

/* The maximum of connections and the limits of zones, as commands and the
 * configuration set them.  Beside a packet's way: ct-zone.c asks what is in
 * force. */

#include <config.h>

#include "ct-limit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ct.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-parse.h"
#include "util.h"

/* Between the parts of ct_limits_configure(). */
#define SEPARATORS "; \t\r\n"

static int64_t in_force(const int64_t set[], int64_t otherwise);
static char *parse_part(const char *part, int64_t limits[]);
static void set_zone(struct ct *, uint16_t zone, enum ct_set_by,
                     int64_t limit);

void
ct_limits_init(struct ct *ct)
{
    for (int by = 0; by < CT_N_SET_BY; by++) {
        ct->maxconns_set[by] = ct->default_limit_set[by] = -1;
    }
    atomic_init(&ct->maxconns, CT_DEFAULT_MAXCONNS);
    atomic_init(&ct->default_limit, 0);
}

void
ct_limits_init_zone(struct ct_zone *zone)
{
    for (int by = 0; by < CT_N_SET_BY; by++) {
        zone->limit_set[by] = -1;
    }
}

/* The maximum: ct.h. */

void
ct_set_maxconns(struct ct *ct, uint32_t maxconns)
{
    ct_maxconns_set(ct, CT_SET_BY_COMMAND, maxconns);
}

void
ct_maxconns_set(struct ct *ct, enum ct_set_by by, int64_t maxconns)
{
    ovs_mutex_lock(&ct->mutex);
    ct->maxconns_set[by] = maxconns;
    atomic_store(&ct->maxconns, in_force(ct->maxconns_set,
                                         CT_DEFAULT_MAXCONNS));
    ovs_mutex_unlock(&ct->mutex);
}

uint32_t
ct_get_maxconns(const struct ct *ct)
{
    return atomic_load(&ct->maxconns);
}

/* Limits: ct.h. */

void
ct_zone_limit_set(struct ct *ct, int zone, uint32_t limit)
{
    if (zone < 0) {
        ct_default_limit_set(ct, CT_SET_BY_COMMAND, limit);
    } else {
        set_zone(ct, zone, CT_SET_BY_COMMAND, limit);
    }
}

void
ct_default_limit_set(struct ct *ct, enum ct_set_by by, int64_t limit)
{
    ovs_mutex_lock(&ct->mutex);
    ct->default_limit_set[by] = limit;
    atomic_store(&ct->default_limit, in_force(ct->default_limit_set, 0));
    ovs_mutex_unlock(&ct->mutex);
}

int
ct_zone_limit_del(struct ct *ct, uint16_t id)
{
    struct ct_zone *zone = ct_zone_get(ct, id);
    bool had = false;

    if (zone) {
        ovs_mutex_lock(&ct->mutex);
        had = zone->limit_set[CT_SET_BY_COMMAND] >= 0;
        ovs_mutex_unlock(&ct->mutex);
        set_zone(ct, id, CT_SET_BY_COMMAND, -1);
    }
    return had ? 0 : ENOENT;
}

void
ct_zone_limit_get(const struct ct *ct, int id, struct ct_zone_limit_info *info)
{
    const struct ct_zone *zone = id < 0 ? NULL : ct_zone_get(ct, id);

    if (zone) {
        int64_t count = ct_tally_sum(&ct_zone_generation(zone)->count);

        info->limit = ct_zone_limit(ct, zone);
        info->count = MAX(count, 0);
        info->own = atomic_load(&zone->own_limit);
    } else {
        info->limit = atomic_load(&ct->default_limit);
        info->count = 0;
        info->own = false;
    }
}

char *
ct_limits_configure(struct ct *ct, const char *text)
{
    int64_t *limits = xmalloc(CT_N_ZONES * sizeof *limits);
    char *copy = xstrdup(text ? text : ""), *save = NULL;
    struct ds errors = DS_EMPTY_INITIALIZER;

    for (int i = 0; i < CT_N_ZONES; i++) {
        limits[i] = -1;
    }
    for (char *s = strtok_r(copy, SEPARATORS, &save); s;
         s = strtok_r(NULL, SEPARATORS, &save)) {
        char *error = parse_part(s, limits);

        if (error) {
            ds_put_format(&errors, "\"%s\": %s\n", s, error);
            free(error);
        }
    }
    for (int i = 0; i < CT_N_ZONES; i++) {
        /* What is wrong loses nothing. */
        if (limits[i] >= 0 || (ct_zone_get(ct, i) && !errors.length)) {
            set_zone(ct, i, CT_SET_BY_CONFIG, limits[i]);
        }
    }
    free(copy);
    free(limits);
    ds_chomp(&errors, '\n');
    return errors.length ? ds_steal_cstr(&errors) : NULL;
}

char *
ct_limit_parse(const char *text, uint32_t min, uint32_t *limit)
{
    long long int number;

    if (*text < '0' || *text > '9' || !str_to_llong(text, 10, &number)
        || number < min || number > UINT32_MAX) {
        return xasprintf("%s: not a number from %"PRIu32" to %"PRIu32, text,
                         min, UINT32_MAX);
    }
    *limit = number;
    return NULL;
}

/* A command's goes before that of the configuration. */
static int64_t
in_force(const int64_t set[], int64_t otherwise)
{
    for (int by = CT_N_SET_BY - 1; by >= 0; by--) {
        if (set[by] >= 0) {
            return set[by];
        }
    }
    return otherwise;
}

/* 'limit' -1: none that was set by the same. */
static void
set_zone(struct ct *ct, uint16_t id, enum ct_set_by by, int64_t limit)
{
    struct ct_zone *zone = ct_zone_get_or_create(ct, id);
    int64_t value;

    ovs_mutex_lock(&ct->mutex);
    zone->limit_set[by] = limit;
    value = in_force(zone->limit_set, -1);
    if (value >= 0) {
        atomic_store(&zone->limit, value);
    }
    atomic_store(&zone->own_limit, value >= 0);
    ovs_mutex_unlock(&ct->mutex);
}

/* "zone=N,limit=N", into 'limits'. */
static char *
parse_part(const char *part, int64_t limits[])
{
    char *copy = xstrdup(part), *rest = copy, *key, *value, *error = NULL;
    int64_t limit = -1;
    int zone = -1;

    while (!error && ofputil_parse_key_value(&rest, &key, &value)) {
        if (!strcmp(key, "zone") && zone < 0) {
            if (*value < '0' || *value > '9' || !str_to_int(value, 10, &zone)
                || zone > UINT16_MAX) {
                error = xasprintf("zone=%s: not 0 to 65535", value);
            }
        } else if (!strcmp(key, "limit") && limit < 0) {
            uint32_t number = 0;

            error = ct_limit_parse(value, 0, &number);
            limit = number;
        } else if (!strcmp(key, "zone") || !strcmp(key, "limit")) {
            error = xasprintf("%s is given twice", key);
        } else {
            error = xasprintf("%s is neither zone nor limit", key);
        }
    }
    free(copy);
    if (error) {
        return error;
    } else if (zone < 0 || limit < 0) {
        return xstrdup("zone and limit must be given");
    } else if (limits[zone] >= 0) {
        return xasprintf("zone %d has a limit already", zone);
    }
    limits[zone] = limit;
    return NULL;
}
