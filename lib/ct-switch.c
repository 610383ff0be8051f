/* SPDX-License-Identifier: Apache-2.0 */

/* Switches of the tracker.  Not a step of a packet's way: steps ask, where a
 * packet is out of the ordinary; the dpif provider sets. */

#include <config.h>

#include "ct-switch.h"

#include <string.h>

#include "ct-sysctl.h"
#include "ct-tracker.h"
#include "util.h"

static const struct {
    const char *name, *help;
    uint16_t value, min, max;
} switches[CT_N_SWITCHES] = {
#define CT_SWITCH(ENUM, NAME, DEFAULT, MIN, MAX, HELP) \
    { NAME, HELP, DEFAULT, MIN, MAX },
    CT_SWITCHES
#undef CT_SWITCH
};

const char *
ct_switch_name(enum ct_switch s)
{
    return switches[s].name;
}

const char *
ct_switch_help(enum ct_switch s)
{
    return switches[s].help;
}

bool
ct_switch_from_name(const char *name, enum ct_switch *s)
{
    name = ct_sysctl_base(name);
    for (int i = 0; i < CT_N_SWITCHES; i++) {
        if (!strcmp(name, switches[i].name)) {
            *s = i;
            return true;
        }
    }
    return false;
}

char *
ct_switch_parse(enum ct_switch s, const char *text, int *value)
{
    bool binary = switches[s].max == 1;

    if (binary && (!strcmp(text, "on") || !strcmp(text, "true"))) {
        *value = 1;
    } else if (binary && (!strcmp(text, "off") || !strcmp(text, "false"))) {
        *value = 0;
    } else if (*text < '0' || *text > '9' || !str_to_int(text, 10, value)
               || *value < switches[s].min || *value > switches[s].max) {
        return (binary
                ? xasprintf("%s=%s: neither on nor off", ct_switch_name(s),
                            text)
                : xasprintf("%s=%s: not a number from %d to %d",
                            ct_switch_name(s), text, switches[s].min,
                            switches[s].max));
    }
    return NULL;
}

unsigned int
ct_switch_get(const struct ct *ct, enum ct_switch s)
{
    return atomic_load_explicit(&ct->switches[s], memory_order_relaxed);
}

void
ct_switch_set(struct ct *ct, enum ct_switch s, enum ct_set_by by, int value)
{
    ovs_mutex_lock(&ct->mutex);
    ct->switches_set[by][s] = value;
    for (int i = 0; i < CT_N_SET_BY; i++) {
        int v = ct->switches_set[CT_N_SET_BY - 1 - i][s];

        if (v >= 0) {
            value = v;
            break;
        }
        value = switches[s].value;
    }
    atomic_store(&ct->switches[s], value);
    ovs_mutex_unlock(&ct->mutex);
}

bool
ct_switch_set_by(const struct ct *ct, enum ct_switch s, enum ct_set_by *by)
{
    bool set = false;

    ovs_mutex_lock(&ct->mutex);
    for (int i = 0; i < CT_N_SET_BY; i++) {
        if (ct->switches_set[i][s] >= 0) {
            *by = i;
            set = true;
        }
    }
    ovs_mutex_unlock(&ct->mutex);
    return set;
}

void
ct_switches_init(struct ct *ct)
{
    for (int i = 0; i < CT_N_SWITCHES; i++) {
        for (int by = 0; by < CT_N_SET_BY; by++) {
            ct->switches_set[by][i] = -1;
        }
        atomic_init(&ct->switches[i], switches[i].value);
    }
}
