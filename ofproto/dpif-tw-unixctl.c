/* SPDX-License-Identifier: Apache-2.0 */

/* The dpif provider: the "trackway/..." commands of ovs-appctl, which show
 * what no dpif function asks for. */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "ct.h"
#include "dpif-tw.h"
#include "netdev.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-numa.h"
#include "sset.h"
#include "tw-bond.h"
#include "tw-cache-format.h"
#include "tw-ct-sync.h"
#include "tw-megaflow.h"
#include "tw-metrics.h"
#include "tw-port.h"
#include "tw-thread.h"
#include "unixctl.h"
#include "util.h"

#define USAGE "[dp]"

/* What a command does with each datapath that it is about. */
typedef void show_func(struct tw_datapath *, struct ds *);

static show_func show_datapath, show_stats, clear_stats, show_queues;
static show_func show_bonds, show_caches, show_programs, show_sync;

static const struct command {
    const char *name;
    show_func *show;
} commands[] = {
    { "trackway/show", show_datapath },
    { "trackway/stats-show", show_stats },
    { "trackway/stats-clear", clear_stats },
    { "trackway/rxq-show", show_queues },
    { "trackway/bond-show", show_bonds },
    { "trackway/cache-show", show_caches },
    { "trackway/program-show", show_programs },
    { "trackway/ct-sync-show", show_sync },
};

static unixctl_cb_func run_command, show_metrics;
static bool is_named(const struct tw_datapath *, const char *name);

int
dpif_tw_unixctl_init(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        unixctl_command_register(commands[i].name, USAGE, 0, 1, run_command,
                                 CONST_CAST(struct command *, &commands[i]));
    }
    unixctl_command_register("trackway/metrics", "", 0, 0, show_metrics, NULL);
    dpif_tw_ct_unixctl_init();
    dpif_tw_ct_file_init();
    dpif_tw_unixctl_helper_init();
    dpif_tw_unixctl_why_init();
    return 0;
}

/* NULL or 'error', which it takes, and says what has been 'done' anyway. */
static char *
tell_done(const struct tw_datapath *dp, char *error, struct ds *done)
{
    char *all;

    if (!error) {
        ds_put_format(done, "%s%s@%s", done->length ? ", " : "", dp->type,
                      dp->name);
        return NULL;
    } else if (!done->length) {
        return error;
    }
    all = xasprintf("%s@%s: %s; done for %s", dp->type, dp->name, error,
                    ds_cstr(done));
    free(error);
    return all;
}

static char *
no_datapath(const char *name, const char *usage)
{
    return (name ? xasprintf("no such datapath: \"%s\" (%s)", name, usage)
            : xstrdup("there is no datapath"));
}

char *
dpif_tw_run_on(const char *name, const char *usage, dpif_tw_run_func *run,
               void *aux)
{
    struct sset names = SSET_INITIALIZER(&names);
    struct ds done = DS_EMPTY_INITIALIZER;
    const char **sorted;
    char *error = NULL;
    size_t n = 0;

    tw_datapath_names(&names);
    sorted = sset_sort(&names);
    for (size_t i = 0; i < sset_count(&names) && !error; i++) {
        struct tw_datapath *dp = tw_datapath_find(sorted[i]);

        if (dp && (!name || is_named(dp, name))) {
            error = tell_done(dp, run(dp, aux), &done);
            n++;
        }
        tw_datapath_unref(dp);
    }
    free(sorted);
    sset_destroy(&names);
    ds_destroy(&done);
    return error || n ? error : no_datapath(name, usage);
}

char *
dpif_tw_run_on_one(const char *name, const char *usage, dpif_tw_run_func *run,
                   void *aux)
{
    struct sset names = SSET_INITIALIZER(&names);
    size_t n;

    tw_datapath_names(&names);
    n = sset_count(&names);
    sset_destroy(&names);
    return (!name && n > 1
            ? xstrdup("there are several datapaths: name one")
            : dpif_tw_run_on(name, usage, run, aux));
}

char *
dpif_tw_given_twice(int argc, const char *argv[])
{
    for (int i = 2; i < argc; i++) {
        size_t len = strcspn(argv[i], "=");

        for (int j = 1; j < i && argv[i][len]; j++) {
            if (!strncmp(argv[i], argv[j], len + 1)) {
                return xasprintf("%s: %.*s is given twice", argv[i],
                                 (int) len, argv[i]);
            }
        }
    }
    return NULL;
}

static bool
is_named(const struct tw_datapath *dp, const char *name)
{
    size_t len = strlen(dp->type);

    return (!strcmp(dp->name, name)
            || (!strncmp(name, dp->type, len) && name[len] == '@'
                && !strcmp(dp->name, name + len + 1)));
}

struct run {
    const struct command *command;
    struct ds reply;
};

static char *
run_one(struct tw_datapath *dp, void *run_)
{
    struct run *run = run_;

    run->command->show(dp, &run->reply);
    return NULL;
}

/* About the datapath that is named, or all there are. */
static void
run_command(struct unixctl_conn *conn, int argc, const char *argv[],
            void *command)
{
    struct run run = { command, DS_EMPTY_INITIALIZER };
    const char *name = argc > 1 ? argv[1] : NULL;
    char *error = dpif_tw_run_on(name, USAGE, run_one, &run);

    if (error && name) {
        unixctl_command_reply_error(conn, error);
    } else {
        unixctl_command_reply(conn, ds_cstr(&run.reply));
    }
    ds_destroy(&run.reply);
    free(error);
}

static void
show_metrics(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds reply = DS_EMPTY_INITIALIZER;

    tw_metrics_format(&reply);
    unixctl_command_reply(conn, ds_cstr(&reply));
    ds_destroy(&reply);
}

static void
put_title(const struct tw_datapath *dp, struct ds *ds)
{
    ds_put_format(ds, "%s@%s:\n", dp->type, dp->name);
}

static int
compare_threads(const void *a_, const void *b_)
{
    const struct tw_thread *a = *(struct tw_thread **) a_;
    const struct tw_thread *b = *(struct tw_thread **) b_;

    /* The shared one, whose number is the highest, comes first. */
    return (a->core_id + 1 < b->core_id + 1 ? -1
            : a->core_id + 1 > b->core_id + 1);
}

static size_t
sort_threads(const struct tw_datapath *dp, struct tw_thread ***threadsp)
    OVS_REQ_RDLOCK(dp->port_rwlock)
{
    struct tw_thread **threads = xmalloc((cmap_count(&dp->threads) + 1)
                                         * sizeof *threads);
    struct tw_thread *thread;
    size_t n = 0;

    CMAP_FOR_EACH (thread, node, &dp->threads) {
        threads[n++] = thread;
    }
    qsort(threads, n, sizeof *threads, compare_threads);
    *threadsp = threads;
    return n;
}

static void
put_thread(const struct tw_thread *thread, struct ds *ds)
{
    ds_put_cstr(ds, "  ");
    tw_thread_format_name(thread, ds);
}

static int
compare_ports(const void *a_, const void *b_)
{
    uint32_t a = odp_to_u32((*(struct tw_port **) a_)->number);
    uint32_t b = odp_to_u32((*(struct tw_port **) b_)->number);

    return a < b ? -1 : a > b;
}

static size_t
sort_ports(const struct tw_datapath *dp, struct tw_port ***portsp)
    OVS_REQ_RDLOCK(dp->port_rwlock)
{
    struct tw_port **ports = xmalloc((hmap_count(&dp->ports) + 1)
                                     * sizeof *ports);
    struct tw_port *port;
    size_t n = 0;

    HMAP_FOR_EACH (port, node, &dp->ports) {
        ports[n++] = port;
    }
    qsort(ports, n, sizeof *ports, compare_ports);
    *portsp = ports;
    return n;
}

static void
put_port(const struct tw_port *port, struct ds *ds)
{
    static const char *const txq_modes[] = {
        [TW_TXQ_STATIC] = "one for each thread",
        [TW_TXQ_SHARED] = "shared by the threads",
        [TW_TXQ_HASH] = "by hash",
    };
    int n_txq = netdev_n_txq(port->netdev);

    ds_put_format(ds, "    port %"PRIu32": %s (%s", port->number,
                  netdev_get_name(port->netdev), port->type);
    if (n_txq) {
        ds_put_format(ds, ", %u receive queue%s, %d transmit queue%s %s",
                      port->n_rxq, port->n_rxq == 1 ? "" : "s",
                      n_txq, n_txq == 1 ? "" : "s",
                      txq_modes[port->txq_mode]);
    }
    ds_put_cstr(ds, ")\n");
}

static void
show_datapath(struct tw_datapath *dp, struct ds *ds)
{
    struct tw_thread **threads;
    struct tw_port **ports;
    size_t n;

    put_title(dp, ds);
    ds_put_format(ds, "  megaflows: %"PRIuSIZE" under %"PRIu64" masks\n"
                  "  connections: %"PRIu32" of at most %"PRIu32"\n",
                  tw_megaflow_count(dp), tw_megaflow_n_masks(dp),
                  ct_get_nconns(dp->ct), ct_get_maxconns(dp->ct));

    ovs_rwlock_rdlock(&dp->port_rwlock);
    ds_put_format(ds, "  packet threads on cores: %s; queues assigned by %s\n",
                  dp->pmd_cpu_mask ? dp->pmd_cpu_mask : "default",
                  tw_assign_to_string(dp->rxq_assign));
    n = sort_ports(dp, &ports);
    for (size_t i = 0; i < n; i++) {
        put_port(ports[i], ds);
    }
    free(ports);
    n = sort_threads(dp, &threads);
    for (size_t i = 0; i < n; i++) {
        put_thread(threads[i], ds);
        ds_put_format(ds, ": polls %"PRIuSIZE" queues, sends on queue %d\n",
                      threads[i]->n_polls, threads[i]->tx_qid);
    }
    free(threads);
    ovs_rwlock_unlock(&dp->port_rwlock);
}

static void
put_thread_stats(const struct tw_thread *thread, struct ds *ds)
{
    struct tw_stats stats = thread->stats;

    tw_stats_subtract(&stats, &thread->cleared);
    put_thread(thread, ds);
    ds_put_cstr(ds, ":\n");
    tw_stats_format(&stats, "    ", ds);
    tw_iterations_format(&thread->iterations, "    ", ds);
}

static void
show_stats(struct tw_datapath *dp, struct ds *ds)
{
    struct tw_stats sum, cleared;
    struct tw_thread **threads;
    size_t n;

    put_title(dp, ds);
    tw_stats_sum(dp, &sum);

    ovs_rwlock_rdlock(&dp->port_rwlock);
    cleared = dp->retired_cleared;
    n = sort_threads(dp, &threads);
    for (size_t i = 0; i < n; i++) {
        put_thread_stats(threads[i], ds);
        tw_stats_accumulate(&cleared, &threads[i]->cleared);
    }
    free(threads);
    ovs_rwlock_unlock(&dp->port_rwlock);

    tw_stats_subtract(&sum, &cleared);
    ds_put_cstr(ds, "  all threads, with those that have ended:\n");
    tw_stats_format(&sum, "    ", ds);
    ds_put_cstr(ds, "  connection tracker:\n");
    ct_format_counters(dp->ct, ds);
}

static void
clear_stats(struct tw_datapath *dp, struct ds *ds OVS_UNUSED)
{
    struct tw_thread *thread;

    ovs_rwlock_wrlock(&dp->port_rwlock);
    dp->retired_cleared = dp->retired;
    CMAP_FOR_EACH (thread, node, &dp->threads) {
        thread->cleared = thread->stats;
    }
    tw_threads_park(dp);
    CMAP_FOR_EACH (thread, node, &dp->threads) {
        memset(&thread->iterations, 0, sizeof thread->iterations);
    }
    tw_threads_resume(dp);
    ovs_rwlock_unlock(&dp->port_rwlock);
}

static void
put_queue(const struct tw_thread *thread, const struct tw_poll *poll,
          struct ds *ds)
{
    const struct tw_rxq *rxq = poll->rxq;

    ds_put_format(ds, "    port %s, queue %u (%s%s)",
                  netdev_get_name(rxq->port->netdev), rxq->qid,
                  poll->enabled ? "enabled" : "disabled",
                  rxq->pinned_core != OVS_CORE_UNSPEC ? ", pinned" : "");
    if (!tw_thread_is_non_pmd(thread)) {
        ds_put_format(ds, ": %.2f %% of the thread's time",
                      100 * tw_thread_poll_share(thread, poll));
    }
    ds_put_char(ds, '\n');
}

static void
show_queues(struct tw_datapath *dp, struct ds *ds)
{
    struct tw_thread **threads;
    size_t n;

    put_title(dp, ds);
    ovs_rwlock_rdlock(&dp->port_rwlock);
    n = sort_threads(dp, &threads);
    for (size_t i = 0; i < n; i++) {
        put_thread(threads[i], ds);
        ds_put_cstr(ds, ":\n");
        for (size_t j = 0; j < threads[i]->n_polls; j++) {
            put_queue(threads[i], &threads[i]->polls[j], ds);
        }
    }
    free(threads);
    ovs_rwlock_unlock(&dp->port_rwlock);
}

static void
show_bonds(struct tw_datapath *dp, struct ds *ds)
{
    put_title(dp, ds);
    tw_bond_format(dp, ds);
}

static void
show_sync(struct tw_datapath *dp, struct ds *ds)
{
    put_title(dp, ds);
    tw_ct_sync_format(dp, ds);
}

typedef void format_cache(const struct tw_cache *, const char *indent,
                          struct ds *);

/* Programs are a thread's own: it is parked while they are looked at. */
static void
show_with(struct tw_datapath *dp, format_cache *format, struct ds *ds)
{
    struct tw_thread **threads;
    size_t n;

    put_title(dp, ds);
    ovs_rwlock_wrlock(&dp->port_rwlock);
    n = sort_threads(dp, &threads);
    tw_threads_park(dp);
    for (size_t i = 0; i < n; i++) {
        put_thread(threads[i], ds);
        if (threads[i]->cache) {
            ds_put_cstr(ds, ":\n");
            format(threads[i]->cache, "    ", ds);
        } else {
            ds_put_cstr(ds, ": no track cache\n");
        }
    }
    tw_threads_resume(dp);
    free(threads);
    ovs_rwlock_unlock(&dp->port_rwlock);
}

static void
show_caches(struct tw_datapath *dp, struct ds *ds)
{
    show_with(dp, tw_cache_format, ds);
}

static void
show_programs(struct tw_datapath *dp, struct ds *ds)
{
    show_with(dp, tw_cache_format_programs, ds);
}
