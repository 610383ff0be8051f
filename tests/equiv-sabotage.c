/* SPDX-License-Identifier: Apache-2.0 */

/* Equivalence: can the test fail?  Makes the second side differ in one
 * respect.  Called by equiv-run. */

#include <config.h>

#include "equiv.h"

#include "ct.h"
#include "ct-conn.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "timeval.h"
#include "tw-datapath.h"
#include "tw-megaflow.h"
#include "tw-thread.h"
#include "util.h"

static bool sabotage_log(struct equiv_run *);
static bool sabotage_flow(struct equiv_run *);
static bool sabotage_conn(struct equiv_run *);

void
equiv_sabotage(struct equiv_run *run)
{
    struct tw_thread *thread;

    if (run->sabotaged) {
        return;
    }
    switch (run->config->sabotage) {
    case EQUIV_SABOTAGE_NONE:
    case EQUIV_N_SABOTAGES:
        break;
    case EQUIV_SABOTAGE_BYTE:
    case EQUIV_SABOTAGE_LOSS:
    case EQUIV_SABOTAGE_ORDER:
        run->sabotaged = sabotage_log(run);
        break;
    case EQUIV_SABOTAGE_STAT:
    case EQUIV_SABOTAGE_USED:
    case EQUIV_SABOTAGE_FLOW:
        run->sabotaged = sabotage_flow(run);
        break;
    case EQUIV_SABOTAGE_CONN:
    case EQUIV_SABOTAGE_CONN_COUNT:
    case EQUIV_SABOTAGE_CONN_MARK:
    case EQUIV_SABOTAGE_CONN_TIME:
        run->sabotaged = sabotage_conn(run);
        break;
    case EQUIV_SABOTAGE_DROP:
        thread = tw_thread_lock_non_pmd(equiv_side_dp(run->sides[1]));
        thread->stats.drops[TW_DROP_ACTION]++;
        tw_thread_unlock_non_pmd(thread);
        run->sabotaged = true;
        break;
    }
}

const char *
equiv_sabotage_name(enum equiv_sabotage sabotage)
{
    switch (sabotage) {
#define EQUIV_SABOTAGE(ENUM, NAME)              \
    case EQUIV_SABOTAGE_##ENUM:                 \
        return NAME;
    EQUIV_SABOTAGES
#undef EQUIV_SABOTAGE
    case EQUIV_N_SABOTAGES:
        break;
    }
    return NULL;
}

static void
swap_bytes(struct equiv_record *a, struct equiv_record *b)
{
    struct equiv_record old = *a;

    a->data = b->data;
    a->size = b->size;
    b->data = old.data;
    b->size = old.size;
}

/* Two of one conversation, sent to one port. */
static bool
swap_two(struct equiv_log *log)
{
    for (size_t i = 0; i < log->n; i++) {
        for (size_t j = i + 1; j < log->n; j++) {
            struct equiv_record *a = &log->records[i];
            struct equiv_record *b = &log->records[j];

            if (a->port == b->port && a->conv == b->conv
                && (a->size != b->size || memcmp(a->data, b->data, a->size))) {
                swap_bytes(a, b);
                return true;
            }
        }
    }
    return false;
}

static bool
sabotage_log(struct equiv_run *run)
{
    struct equiv_log *log = equiv_side_log(run->sides[1]);
    struct equiv_record *last = &log->records[log->n - 1];

    if (!log->n || !last->size) {
        return false;
    }
    if (run->config->sabotage == EQUIV_SABOTAGE_ORDER) {
        return swap_two(log);
    }
    if (run->config->sabotage == EQUIV_SABOTAGE_BYTE) {
        last->data[last->size / 2] ^= 1;
    } else {
        free(last->data);
        log->n--;
    }
    return true;
}

static bool
sabotage_flow(struct equiv_run *run)
{
    enum equiv_sabotage sabotage = run->config->sabotage;
    struct tw_datapath *dp = equiv_side_dp(run->sides[1]);
    struct dpif_flow_stats stats = { .used = time_msec() };
    struct equiv_flow_stats *live;
    struct tw_thread *thread;
    size_t n, number = 0;

    live = equiv_flows_stats(equiv_side_flows(run->sides[1]), &n);
    while (number < n && !live[number].live) {
        number++;
    }
    if (number == n) {
        return false;
    }
    if (sabotage == EQUIV_SABOTAGE_FLOW) {
        equiv_flows_del(equiv_side_flows(run->sides[1]), number);
        return true;
    }
    stats.n_packets = sabotage == EQUIV_SABOTAGE_STAT;
    stats.used += sabotage == EQUIV_SABOTAGE_USED;
    thread = tw_thread_lock_non_pmd(dp);
    tw_megaflow_count_packets(CONTAINER_OF(cmap_first(&dp->megaflows),
                                           struct tw_megaflow, ufid_node),
                              thread, &stats);
    tw_thread_unlock_non_pmd(thread);
    return true;
}

static struct ct_conn *
any_conn(struct ct *ct)
{
    struct ct_dump *dump = ct_dump_create(ct, NULL, NULL);
    struct ct_dpif_entry entry;
    struct ct_conn *conn = NULL;

    if (!ct_dump_next(dump, &entry)) {
        struct ct_tuple tuple;
        enum ct_dir dir;

        if (!ct_tuple_from_dpif(&entry.tuple_orig, &tuple)) {
            conn = ct_zone_find(ct_zone_get(ct, entry.zone), &tuple, &dir);
        }
        ct_dpif_entry_uninit(&entry);
    }
    ct_dump_destroy(dump);
    return conn;
}

static bool
sabotage_conn(struct equiv_run *run)
{
    struct ct *ct = equiv_side_dp(run->sides[1])->ct;
    struct ct_conn *conn = any_conn(ct);

    if (!conn) {
        return false;
    }
    switch ((int) run->config->sabotage) {
    case EQUIV_SABOTAGE_CONN:
        ct_conn_end(ct, conn, CT_C_DELETED);
        break;
    case EQUIV_SABOTAGE_CONN_COUNT:
        conn->counters[CT_DIR_ORIGINAL].packets++;
        break;
    case EQUIV_SABOTAGE_CONN_MARK:
        conn->mark ^= 1;
        break;
    case EQUIV_SABOTAGE_CONN_TIME:
        conn->deadline += 5000;
        break;
    }
    return true;
}
