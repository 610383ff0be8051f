/* SPDX-License-Identifier: Apache-2.0 */

/* Names and sentences of the reasons for which packets are dropped.  Called
 * by whoever shows the counters. */

#include <config.h>

#include "tw-drop.h"

#include "util.h"

static const struct {
    const char *name;
    const char *help;
} drops[TW_N_DROPS] = {
#define TW_DROP(ENUM, NAME, HELP) [TW_DROP_##ENUM] = { NAME, HELP },
    TW_DROPS
#undef TW_DROP
};

const char *
tw_drop_name(enum tw_drop drop)
{
    ovs_assert(drop < TW_N_DROPS);
    return drops[drop].name;
}

const char *
tw_drop_help(enum tw_drop drop)
{
    ovs_assert(drop < TW_N_DROPS);
    return drops[drop].help;
}
