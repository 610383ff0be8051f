/* SPDX-License-Identifier: Apache-2.0 */

/* Names and sentences of the reasons for which packets are dropped.  Called
 * by whoever shows the counters. */

#include <config.h>

#include "tw-drop.h"

#include "coverage.h"
#include "util.h"

/* Coverage counters that dpif-netdev defines. */
extern struct coverage_counter counter_datapath_drop_upcall_error;
extern struct coverage_counter counter_datapath_drop_lock_error;
extern struct coverage_counter counter_datapath_drop_rx_invalid_packet;
extern struct coverage_counter counter_datapath_drop_recirc_error;
extern struct coverage_counter counter_datapath_drop_invalid_port;
extern struct coverage_counter counter_datapath_drop_tunnel_push_error;
extern struct coverage_counter counter_datapath_drop_tunnel_pop_error;
extern struct coverage_counter counter_datapath_drop_meter;
extern struct coverage_counter counter_datapath_drop_invalid_bond;

static struct coverage_counter *const covers[TW_N_DROPS] = {
    [TW_DROP_UPCALL_ERROR] = &counter_datapath_drop_upcall_error,
    [TW_DROP_UPCALL_CLOSED] = &counter_datapath_drop_lock_error,
    [TW_DROP_RX_SHORT] = &counter_datapath_drop_rx_invalid_packet,
    [TW_DROP_RECIRC_DEPTH] = &counter_datapath_drop_recirc_error,
    [TW_DROP_NO_PORT] = &counter_datapath_drop_invalid_port,
    [TW_DROP_TUNNEL_PUSH] = &counter_datapath_drop_tunnel_push_error,
    [TW_DROP_TUNNEL_POP] = &counter_datapath_drop_tunnel_pop_error,
    [TW_DROP_METER] = &counter_datapath_drop_meter,
    [TW_DROP_NO_BOND] = &counter_datapath_drop_invalid_bond,
};

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

void
tw_drop_cover(enum tw_drop drop, uint64_t n)
{
    struct coverage_counter *counter = covers[drop];

    if (counter) {
        __atomic_fetch_add(&counter->total, n, __ATOMIC_RELAXED);
    }
}
