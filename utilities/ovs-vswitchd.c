/* SPDX-License-Identifier: Apache-2.0 */

/* The daemon: stock ovs-vswitchd with one datapath type more.
 *
 * Takes the options of ovs-vswitchd(8), registers the datapath type
 * "trackway" beside OVS's own, and then runs OVS's bridge code until told to
 * exit.  Everything that follows a packet starts in ofproto/dpif-trackway.c.
 *
 * Three options are ours.  With --enable-dummy, the type "dummy" of OVS's unit
 * tests is this datapath; --stock-dummy leaves it to dpif-netdev.  --ct-socket
 * and --ct-socket-mode say where trackway-ct(8) finds the trackers, and who
 * may open that socket. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bridge.h"
#include "command-line.h"
#include "daemon.h"
#include "dirs.h"
#include "dns-resolve.h"
#include "dpif-trackway.h"
#include "dpif.h"
#include "dummy.h"
#include "fatal-signal.h"
#include "memory.h"
#include "netdev-traffic.h"
#include "netdev.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/usdt-probes.h"
#include "openvswitch/vlog.h"
#include "ovs-numa.h"
#include "ovs-rcu.h"
#include "ovs-router.h"
#include "ovs-thread.h"
#include "simap.h"
#include "stream-ssl.h"
#include "stream.h"
#include "tw-ct-file.h"
#include "tw-ct-save.h"
#include "tw-ct-server.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(vswitchd);

/* What the command line asks for, apart from what the libraries keep. */
struct vswitchd_options {
    char *database;             /* OVSDB remote, owned. */
    const char *unixctl_path;   /* Null for the default. */
    const char *ct_path;        /* Null for the default. */
    mode_t ct_mode;
    bool mlockall;
    bool dummy;
    bool stock_dummy;
};

/* What "ovs-appctl exit" asks for. */
struct exit_request {
    bool requested;
    bool cleanup;               /* Also delete what survives the process. */
};

static void parse_options(int argc, char *argv[], struct vswitchd_options *);
static void register_datapaths(const struct vswitchd_options *);
static void lock_memory(void);
static void run_until_exit(struct unixctl_server *, struct exit_request *);
static unixctl_cb_func handle_exit;

int
main(int argc, char *argv[])
{
    struct exit_request exit_request = { .requested = false };
    struct vswitchd_options options;
    struct unixctl_server *unixctl;

    /* Scripts take OVS's version from the end of the first line. */
    ovs_set_program_name(argv[0], "(Open vSwitch) " VERSION "\n"
                                  "Trackway " TRACKWAY_VERSION);
    ovsthread_id_init();
    dns_resolve_init(true);
    ovs_cmdl_proctitle_init(argc, argv);
    service_start(&argc, &argv);
    parse_options(argc, argv, &options);
    register_datapaths(&options);
    fatal_ignore_sigpipe();

    /* Detaches, writes the pidfile, and drops privileges for --user. */
    daemonize_start(true);
    if (options.mlockall) {
        lock_memory();
    }

    if (unixctl_server_create(options.unixctl_path, &unixctl)) {
        exit(EXIT_FAILURE);
    }
    unixctl_command_register("exit", "[--cleanup]", 0, 1,
                             handle_exit, &exit_request);
    /* The daemon does its work without it, and has logged why. */
    tw_ct_server_start(options.ct_path, options.ct_mode);

    bridge_init(options.database);
    free(options.database);

    run_until_exit(unixctl, &exit_request);

    tw_ct_server_stop();
    tw_ct_file_finish(NULL);
    bridge_exit(exit_request.cleanup);
    if (!exit_request.cleanup) {
        tw_ct_save_all();
    }
    unixctl_server_destroy(unixctl);
    service_stop();
    vlog_disable_async();
    ovsrcu_exit();
    dns_resolve_destroy();
    return 0;
}

/* After the options, since --enable-dummy=override takes over every type that
 * is registered by then, and a "trackway" bridge should remain ours. */
static void
register_datapaths(const struct vswitchd_options *options)
{
    dpif_trackway_register();
    netdev_traffic_register();
    if (options->dummy && !options->stock_dummy) {
        dpif_trackway_register_dummy();
    }
}

static void
lock_memory(void)
{
    if (mlockall(MCL_CURRENT | MCL_FUTURE)) {
        VLOG_ERR("mlockall failed: %s", ovs_strerror(errno));
    } else {
        set_memory_locked();
    }
}

static void
report_memory(void)
{
    struct simap usage = SIMAP_INITIALIZER(&usage);

    bridge_get_memory_usage(&usage);
    memory_report(&usage);
    simap_destroy(&usage);
}

static void
run_once(struct unixctl_server *unixctl)
{
    memory_run();
    if (memory_should_report()) {
        report_memory();
    }
    bridge_run();
    unixctl_server_run(unixctl);
    tw_ct_file_run();
    netdev_run();
}

static void
wait_once(struct unixctl_server *unixctl)
{
    memory_wait();
    bridge_wait();
    unixctl_server_wait(unixctl);
    tw_ct_file_wait();
    netdev_wait();
}

static void
run_until_exit(struct unixctl_server *unixctl, struct exit_request *request)
{
    while (!request->requested) {
        OVS_USDT_PROBE(main, run_start);
        run_once(unixctl);
        wait_once(unixctl);
        if (request->requested) {
            poll_immediate_wake();
        }
        OVS_USDT_PROBE(main, poll_block);
        poll_block();
        if (should_service_stop()) {
            request->requested = true;
        }
    }
}

static void
handle_exit(struct unixctl_conn *conn, int argc, const char *argv[],
            void *request_)
{
    struct exit_request *request = request_;

    request->requested = true;
    request->cleanup = argc == 2 && !strcmp(argv[1], "--cleanup");
    unixctl_command_reply(conn, NULL);
}

/* The command line. */

enum {
    OPT_BOOTSTRAP_CA_CERT = UCHAR_MAX + 1,
    OPT_CT_SOCKET,
    OPT_CT_SOCKET_MODE,
    OPT_DISABLE_SYSTEM,
    OPT_DISABLE_SYSTEM_ROUTE,
    OPT_DPDK,
    OPT_DUMMY_NUMA,
    OPT_ENABLE_DUMMY,
    OPT_MLOCKALL,
    OPT_PEER_CA_CERT,
    OPT_STOCK_DUMMY,
    OPT_UNIXCTL,
    DAEMON_OPTION_ENUMS,
    SSL_OPTION_ENUMS,
    VLOG_OPTION_ENUMS,
};

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"mlockall", no_argument, NULL, OPT_MLOCKALL},
    {"unixctl", required_argument, NULL, OPT_UNIXCTL},
    DAEMON_LONG_OPTIONS,
    VLOG_LONG_OPTIONS,
    STREAM_SSL_LONG_OPTIONS,
    {"peer-ca-cert", required_argument, NULL, OPT_PEER_CA_CERT},
    {"bootstrap-ca-cert", required_argument, NULL, OPT_BOOTSTRAP_CA_CERT},
    {"ct-socket", required_argument, NULL, OPT_CT_SOCKET},
    {"ct-socket-mode", required_argument, NULL, OPT_CT_SOCKET_MODE},
    {"disable-system", no_argument, NULL, OPT_DISABLE_SYSTEM},
    {"disable-system-route", no_argument, NULL, OPT_DISABLE_SYSTEM_ROUTE},
    {"dpdk", optional_argument, NULL, OPT_DPDK},
    {"enable-dummy", optional_argument, NULL, OPT_ENABLE_DUMMY},
    {"stock-dummy", no_argument, NULL, OPT_STOCK_DUMMY},
    {"dummy-numa", required_argument, NULL, OPT_DUMMY_NUMA},
    {NULL, 0, NULL, 0},
};

OVS_NO_RETURN static void
print_usage(void)
{
    printf("%s: Open vSwitch daemon with the Trackway datapath\n"
           "usage: %s [OPTIONS] [DATABASE]\n"
           "where DATABASE is the socket of the configuration database\n"
           "      (default: \"unix:%s/db.sock\").\n",
           program_name, program_name, ovs_rundir());
    stream_usage("DATABASE", true, false, true);
    daemon_usage();
    vlog_usage();
    printf("\nTesting options:\n"
           "  --enable-dummy[=LEVEL]    dummy devices and datapath;\n"
           "                            LEVEL: override, system\n"
           "  --stock-dummy             datapath \"dummy\" is OVS's netdev\n"
           "  --dummy-numa=CORES        pretend these cores exist\n"
           "  --disable-system          no kernel datapath\n"
           "  --disable-system-route    do not read the kernel's routes\n"
           "\nOther options:\n"
           "  --mlockall                keep all memory resident\n"
           "  --unixctl=SOCKET          override default control socket\n"
           "  --ct-socket=SOCKET        override default of trackway-ct(8)\n"
           "  --ct-socket-mode=MODE     who may open it; default 0660\n"
           "  -h, --help                display this help message\n"
           "  -V, --version             display version information\n");
    exit(EXIT_SUCCESS);
}

OVS_NO_RETURN static void
print_versions(void)
{
    ovs_print_version(0, 0);
    exit(EXIT_SUCCESS);
}

static mode_t
parse_mode(const char *s)
{
    unsigned int mode;

    if (!str_to_uint(s, 8, &mode) || mode > 0777) {
        ovs_fatal(0, "%s: not a file mode in octal", s);
    }
    return mode;
}

/* Takes one option that OVS's libraries do not handle. */
static void
parse_own_option(int c, struct vswitchd_options *options)
{
    switch (c) {
    case 'h':
        print_usage();

    case 'V':
        print_versions();

    case OPT_MLOCKALL:
        options->mlockall = true;
        break;

    case OPT_UNIXCTL:
        options->unixctl_path = optarg;
        break;

    case OPT_CT_SOCKET:
        options->ct_path = optarg;
        break;

    case OPT_CT_SOCKET_MODE:
        options->ct_mode = parse_mode(optarg);
        break;

    case OPT_PEER_CA_CERT:
        stream_ssl_set_peer_ca_cert_file(optarg);
        break;

    case OPT_BOOTSTRAP_CA_CERT:
        stream_ssl_set_ca_cert_file(optarg, true);
        break;

    case OPT_DISABLE_SYSTEM:
        dp_disallow_provider("system");
        break;

    case OPT_DISABLE_SYSTEM_ROUTE:
        ovs_router_disable_system_routing_table();
        break;

    case OPT_DPDK:
        ovs_fatal(0, "--dpdk is not supported: DPDK is configured through "
                     "the database.");

    case OPT_ENABLE_DUMMY:
        dummy_enable(optarg);
        options->dummy = true;
        break;

    case OPT_STOCK_DUMMY:
        options->stock_dummy = true;
        break;

    case OPT_DUMMY_NUMA:
        ovs_numa_set_dummy(optarg);
        break;

    default:
        exit(EXIT_FAILURE);
    }
}

static void
parse_options(int argc, char *argv[], struct vswitchd_options *options)
{
    char *short_options = ovs_cmdl_long_options_to_short_options(long_options);
    int c;

    memset(options, 0, sizeof *options);
    options->ct_mode = TW_CT_SOCKET_MODE;
    while ((c = getopt_long(argc, argv, short_options, long_options,
                            NULL)) != -1) {
        switch (c) {
        DAEMON_OPTION_HANDLERS
        STREAM_SSL_OPTION_HANDLERS
        VLOG_OPTION_HANDLERS

        default:
            parse_own_option(c, options);
            break;
        }
    }
    free(short_options);

    if (argc - optind > 1) {
        VLOG_FATAL("at most one non-option argument accepted; "
                   "use --help for usage");
    }
    options->database = (optind < argc
                         ? xstrdup(argv[optind])
                         : xasprintf("unix:%s/db.sock", ovs_rundir()));
}
