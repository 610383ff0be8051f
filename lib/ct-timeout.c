/* SPDX-License-Identifier: Apache-2.0 */

/* Timeouts by name, and what is set over what.
 *
 * Not on a packet's way but beside it: ct-step.c reads the set that the
 * packet's zone points to; ct-timeout-set.c makes those sets. */

#include <config.h>

#include "ct-timeout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ct-switch.h"
#include "ct-sysctl.h"
#include "util.h"

static char *parse_one(const char *word, struct ct_timeout_setting *);
static bool has(const struct ct_timeout_setting *, enum ct_timeout);

#define MS_PER_SECOND 1000

/* What the kernel's sysctls have within their names. */
#define INFIX "_timeout"

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

int
ct_timeout_attr(enum ct_timeout timeout)
{
    return timeouts[timeout].attr;
}

static bool
find_name(const char *name, enum ct_timeout *timeout)
{
    for (int i = 0; i < CT_N_TIMEOUTS; i++) {
        if (!strcmp(name, timeouts[i].name)) {
            *timeout = i;
            return true;
        }
    }
    return false;
}

bool
ct_timeout_from_name(const char *name, enum ct_timeout *timeout)
{
    const char *base = ct_sysctl_base(name);
    const char *infix = strstr(base, INFIX);

    if (infix) {
        const char *rest = infix + strlen(INFIX);
        char *ours = xasprintf("%.*s%s", (int) (infix - base), base, rest);
        bool found = find_name(ours, timeout);

        free(ours);
        return found;
    }
    /* The sysctl tcp_max_retrans is a number of packets. */
    return base == name && find_name(name, timeout);
}

const char *
ct_layer_name(enum ct_layer layer)
{
    static const char *const names[] = {
#define CT_LAYER(ENUM, NAME) NAME,
        CT_LAYERS
#undef CT_LAYER
    };

    return names[layer];
}

char *
ct_timeouts_parse(const char *text, struct ct_timeout_setting *setting)
{
    struct ct_timeout_setting new = *setting;
    char *copy = xstrdup(text);
    char *save_ptr = NULL;
    char *error = NULL;

    for (char *word = strtok_r(copy, ", ", &save_ptr); word && !error;
         word = strtok_r(NULL, ", ", &save_ptr)) {
        error = parse_one(word, &new);
    }
    free(copy);
    if (!error) {
        *setting = new;
    }
    return error;
}

void
ct_timeouts_of_tp(const struct ct_dpif_timeout_policy *tp,
                  struct ct_timeout_setting *setting)
{
    setting->present = 0;
    for (int i = 0; i < CT_N_TIMEOUTS; i++) {
        int attr = timeouts[i].attr;

        if (attr >= 0 && tp->present & (1u << attr) && tp->attrs[attr]) {
            setting->present |= UINT64_C(1) << i;
            setting->seconds[i] = tp->attrs[attr];
        }
    }
}

void
ct_timeouts_apply(const struct ct_timeout_setting *setting,
                  enum ct_layer layer, struct ct_timeouts *set,
                  enum ct_layer layers[])
{
    for (int i = 0; i < CT_N_TIMEOUTS; i++) {
        enum ct_timeout from = i;

        for (size_t j = 0; j < ARRAY_SIZE(neighbours); j++) {
            if (neighbours[j].timeout == i && !has(setting, i)) {
                from = neighbours[j].neighbour;
            }
        }
        if (has(setting, from)) {
            set->ms[i] = (uint64_t) setting->seconds[from] * MS_PER_SECOND;
            if (layers) {
                layers[i] = layer;
            }
        }
    }
}

static bool
has(const struct ct_timeout_setting *setting, enum ct_timeout timeout)
{
    return setting->present >> timeout & 1;
}

static char *
parse_one(const char *word, struct ct_timeout_setting *setting)
{
    const char *value = strchr(word, '=');
    unsigned long long seconds;
    enum ct_timeout timeout;
    enum ct_switch s;
    char *end;

    if (!value) {
        return xasprintf("%s: NAME=SECONDS expected", word);
    }

    char *name = xmemdup0(word, value - word);
    bool known = ct_timeout_from_name(name, &timeout);
    bool is_switch = !known && ct_switch_from_name(name, &s);
    free(name);
    if (!known) {
        return xasprintf(is_switch
                         ? "%s: this is a switch (trackway/ct-set), "
                           "no timeout has this name"
                         : "%s: no timeout has this name", word);
    }

    errno = 0;
    seconds = strtoull(++value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno || !seconds
        || seconds > UINT32_MAX) {
        return xasprintf("%s: not a number of seconds from 1 to %"PRIu32,
                         word, UINT32_MAX);
    }
    setting->present |= UINT64_C(1) << timeout;
    setting->seconds[timeout] = seconds;
    return NULL;
}
