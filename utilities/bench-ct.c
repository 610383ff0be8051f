/* SPDX-License-Identifier: Apache-2.0 */

/* The tracker against the one of Open vSwitch's 'netdev' datapath, in one
 * process, on the same packets: ct_execute() and conntrack_execute().
 *
 * Rounds alternate in the order stock, ours, ours, stock, so that a machine
 * that gets slower or faster does it to both; what is printed are medians.
 * Since other processes may be running, costs are CPU time of the thread, and
 * rates, where threads may wait for each other, are by the wall clock less the
 * time that a thread was ready to run and did not get a CPU. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench-ct-growth.h"
#include "bench-ct-report.h"
#include "bench-ct-source.h"
#include "conntrack.h"
#include "ct.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "ovs-numa.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "util.h"

#define BURST NETDEV_MAX_BURST

/* nat(src=addr-addr + n_addrs - 1:min_port-max_port). */
struct snat {
    uint32_t addr;
    uint32_t n_addrs;
    uint16_t min_port, max_port;
};

/* What is compared. */
struct tracker {
    void *(*create)(void);
    void (*destroy)(void *);
    void (*execute)(void *, struct dp_packet_batch *, bool commit,
                    const struct snat *, long long now);
};

static const struct tracker trackers[BENCH_N_TRACKERS];

static bool quick;
static bool json;
static int n_rounds = 6;
static const char *only;
static int only_tracker = -1;

static struct bench_times batch_times[BENCH_N_PHASES];

/* Time and memory. */

static double
cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * 1e9 + ts.tv_nsec;
}

/* Time since some start that this thread ran, or waited for anything but a
 * CPU.  (The second number in schedstat is what it waited for that.) */
static double
own_ns(void)
{
    struct timespec ts;
    FILE *f = fopen("/proc/thread-self/schedstat", "r");
    unsigned long long waited = 0;

    if (f) {
        if (fscanf(f, "%*u %llu", &waited) != 1) {
            waited = 0;
        }
        fclose(f);
    }
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1e9 + ts.tv_nsec - waited;
}

static double
resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long pages = 0;

    if (f) {
        if (fscanf(f, "%*s %ld", &pages) != 1) {
            pages = 0;
        }
        fclose(f);
    }
    return (double) pages * sysconf(_SC_PAGESIZE);
}

static struct bench_result *
result_new(const char *name, const char *unit)
{
    if (!json) {
        fprintf(stderr, "%s ...\n", name);
    }
    return bench_result_add(name, unit);
}

/* Who is next in A-B-B-A. */
static int
turn(int i)
{
    return only_tracker >= 0 ? only_tracker
           : (i + 1) / 2 % 2 ? BENCH_OURS : BENCH_STOCK;
}

static bool
takes_part(int who)
{
    return only_tracker < 0 || only_tracker == who;
}

/* The trackers. */

static void *
stock_create(void)
{
    return conntrack_init();
}

static void
stock_destroy(void *ct)
{
    conntrack_destroy(ct);
}

static void
stock_execute(void *ct, struct dp_packet_batch *batch, bool commit,
              const struct snat *snat, long long now)
{
    struct nat_action_info_t nat;

    if (snat) {
        memset(&nat, 0, sizeof nat);
        nat.min_addr.ipv4 = htonl(snat->addr);
        nat.max_addr.ipv4 = htonl(snat->addr + snat->n_addrs - 1);
        nat.min_port = snat->min_port;
        nat.max_port = snat->max_port;
        nat.nat_action = NAT_ACTION_SRC | NAT_ACTION_SRC_PORT;
    }
    conntrack_execute(ct, batch, htons(ETH_TYPE_IP), false, commit, 0, NULL,
                      NULL, 0, 0, NULL, snat ? &nat : NULL, now, 0);
}

static void *
ours_create(void)
{
    return ct_create();
}

static void
ours_destroy(void *ct)
{
    ct_destroy(ct);
}

static void
ours_execute(void *ct, struct dp_packet_batch *batch, bool commit,
             const struct snat *snat, long long now)
{
    struct ct_request request = {
        .commit = commit,
        .timeout_policy = DEFAULT_TP_ID,
    };

    if (snat) {
        request.nat.kind = CT_NAT_SRC;
        request.nat.have_addr = request.nat.have_port = true;
        request.nat.min_addr.ip = htonl(snat->addr);
        request.nat.max_addr.ip = htonl(snat->addr + snat->n_addrs - 1);
        request.nat.min_port = snat->min_port;
        request.nat.max_port = snat->max_port;
    }
    ct_execute(ct, batch, htons(ETH_TYPE_IP), &request, now);
}

static const struct tracker trackers[BENCH_N_TRACKERS] = {
    [BENCH_STOCK] = { stock_create, stock_destroy, stock_execute },
    [BENCH_OURS] = { ours_create, ours_destroy, ours_execute },
};

/* Packets must come out as they should: a benchmark of errors is none. */
static void
check_state(const struct dp_packet_batch *batch, uint8_t want)
{
    struct dp_packet *packet;

    if (dp_packet_batch_size(batch) != BURST) {
        ovs_fatal(0, "only %"PRIuSIZE" of %d packets came out",
                  dp_packet_batch_size(batch), BURST);
    }
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        if ((packet->md.ct_state & want) != want
            || packet->md.ct_state & CS_INVALID) {
            ovs_fatal(0, "ct_state is %#x, not %#x", packet->md.ct_state,
                      want);
        }
    }
}

/* Opens connections 'first' to 'end' - 1, all the way to established. */
static void
establish(int who, void *ct, struct bench_source *source, uint32_t first,
          uint32_t end)
{
    const struct tracker *tracker = &trackers[who];
    long long now = time_msec();

    for (uint32_t i = first; i < end; i += BURST) {
        for (int step = BENCH_SYN; step <= BENCH_ACK; step++) {
            struct dp_packet_batch batch;

            bench_source_next(source, &batch, step, i);
            tracker->execute(ct, &batch, step == BENCH_SYN, NULL, now);
            check_state(&batch, step == BENCH_SYN ? CS_NEW : CS_ESTABLISHED);
        }
        if (i % 4096 == 0) {
            ovsrcu_quiesce();
        }
    }
}

/* Lets the trackers' own threads finish what opening a million connections in
 * a second left to them. */
static void
settle(void)
{
    ovsrcu_quiesce_start();
    xnanosleep(1500 * 1000 * 1000);
    ovsrcu_quiesce_end();
}

/* Has the system fetch memory, in small pages and in huge ones, from its host
 * if it is a virtual machine, and have it at hand: what a host takes for a
 * page is not what is measured. */
static void
fetch_memory(size_t size)
{
    char *maps[2];

    for (int huge = 0; huge < 2; huge++) {
        char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p != MAP_FAILED) {
            madvise(p, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
            for (size_t i = 0; i < size; i += 4096) {
                ((volatile char *) p)[i] = 1;
            }
        }
        maps[huge] = p;
    }
    for (int huge = 0; huge < 2; huge++) {
        if (maps[huge] != MAP_FAILED) {
            munmap(maps[huge], size);
        }
    }
}

/* CPU time of a packet of 'n' established connections, with the source's. */
static double
established_ns(int who, void *ct, struct bench_source *source, uint32_t n,
               uint32_t n_packets)
{
    long long now = time_msec();
    double start = cpu_ns();

    for (uint32_t i = 0; i < n_packets; i += BURST) {
        struct dp_packet_batch batch;

        bench_source_random(source, &batch, n);
        if (who >= 0) {
            trackers[who].execute(ct, &batch, false, NULL, now);
        }
        if (i % 4096 == 0) {
            if (who >= 0) {
                check_state(&batch, CS_ESTABLISHED);
            }
            ovsrcu_quiesce();
        }
    }
    return (cpu_ns() - start) / n_packets;
}

/* The tests. */

/* Is this test, or the group that it belongs to, to be run? */
static bool
wanted(const char *group, const char *name)
{
    return !only || !strcmp(only, group) || !strcmp(only, name);
}

static void
bench_source_cost(void)
{
    struct bench_result *r = result_new("packet source alone", "ns/packet");
    struct bench_source source;

    bench_source_init(&source, BENCH_COUNTED);
    for (int i = 0; i < n_rounds; i++) {
        double ns = established_ns(-1, NULL, &source, 1000000, 1 << 19);

        bench_sample_add(&r->samples[BENCH_STOCK], ns);
        bench_sample_add(&r->samples[BENCH_OURS], ns);
    }
    bench_source_uninit(&source);
}

static void
bench_established(const char *group, const char *name, enum bench_set set,
                  uint32_t n, uint32_t n_packets)
{
    if (!wanted(group, name)) {
        return;
    }

    struct bench_result *r = result_new(name, "ns/packet");
    void *ct[BENCH_N_TRACKERS];
    struct bench_source source[BENCH_N_TRACKERS];

    for (int who = 0; who < BENCH_N_TRACKERS; who++) {
        if (!takes_part(who)) {
            continue;
        }
        ct[who] = trackers[who].create();
        bench_source_init(&source[who], set);
        establish(who, ct[who], &source[who], 0, n);
        established_ns(who, ct[who], &source[who], n, n_packets / 4);
    }
    for (int i = 0; i < 2 * n_rounds; i++) {
        int who = turn(i);

        bench_sample_add(&r->samples[who],
                   established_ns(who, ct[who], &source[who], n, n_packets));
    }
    for (int who = 0; who < BENCH_N_TRACKERS; who++) {
        if (!takes_part(who)) {
            continue;
        }
        trackers[who].destroy(ct[who]);
        bench_source_uninit(&source[who]);
        ovsrcu_quiesce();
    }
    malloc_trim(0);
}

/* Connections 0 to 'n' - 1, each translated to a port of one of 64 addresses,
 * as far as their first packet makes them. */
static void
establish_snat(int who, void *ct, struct bench_source *source, uint32_t n)
{
    const struct snat snat = {
        .addr = 0x0b000000,
        .n_addrs = 64,
        .min_port = 1024,
        .max_port = 65535,
    };
    long long now = time_msec();

    for (uint32_t i = 0; i < n; i += BURST) {
        struct dp_packet_batch batch;

        bench_source_next(source, &batch, BENCH_SYN, i);
        trackers[who].execute(ct, &batch, true, &snat, now);
        check_state(&batch, CS_NEW | CS_SRC_NAT);
        if (i % 4096 == 0) {
            ovsrcu_quiesce();
        }
    }
}

/* What the process grows by. */
static void
bench_memory(const char *group, const char *name, bool snat, uint32_t n)
{
    if (!wanted(group, name)) {
        return;
    }

    struct bench_result *r = result_new(name, "bytes");
    struct bench_source source;

    bench_source_init(&source, BENCH_COUNTED);
    for (int who = 0; who < BENCH_N_TRACKERS; who++) {
        if (!takes_part(who)) {
            continue;
        }
        ovsrcu_barrier();
        malloc_trim(0);
        void *ct = trackers[who].create();
        double before = resident_bytes();

        if (snat) {
            establish_snat(who, ct, &source, n);
        } else {
            establish(who, ct, &source, 0, n);
        }
        settle();
        bench_sample_add(&r->samples[who], (resident_bytes() - before) / n);
        trackers[who].destroy(ct);
    }
    bench_source_uninit(&source);
}

/* New connections, by 'n_threads' threads. */
struct opener {
    int who;
    void *ct;
    uint32_t first, n;
    struct ovs_barrier *barrier;
    struct bench_source source;
    double ns;
};

static void
open_connections(struct opener *o)
{
    long long now = time_msec();
    double start = own_ns();

    for (uint32_t i = 0; i < o->n; i += BURST) {
        struct dp_packet_batch batch;

        bench_source_next(&o->source, &batch, BENCH_SYN, o->first + i);
        trackers[o->who].execute(o->ct, &batch, true, NULL, now);
        if (i % 4096 == 0) {
            check_state(&batch, CS_NEW);
            ovsrcu_quiesce();
        }
    }
    o->ns = own_ns() - start;
}

static void *
opener_main(void *o_)
{
    struct opener *o = o_;

    ovs_barrier_block(o->barrier);
    open_connections(o);
    return NULL;
}

/* 'n' of them, in a tracker that has 'n_before' already. */
static double
open_rate(int who, unsigned int n_threads, uint32_t n_before, uint32_t n)
{
    struct opener openers[8];
    pthread_t threads[8];
    struct ovs_barrier barrier;
    void *ct = trackers[who].create();
    double rate = 0;

    ovs_barrier_init(&barrier, n_threads);
    for (unsigned int i = 0; i < n_threads; i++) {
        struct opener *o = &openers[i];

        o->who = who;
        o->ct = ct;
        o->n = n / n_threads;
        o->first = n_before + i * o->n;
        o->barrier = &barrier;
        bench_source_init(&o->source, BENCH_COUNTED);
    }
    if (n_before) {
        establish(who, ct, &openers[0].source, 0, n_before);
        settle();
    }
    fetch_memory(256 * 1024 * 1024);
    for (unsigned int i = 0; i < n_threads; i++) {
        threads[i] = ovs_thread_create("opener", opener_main, &openers[i]);
    }
    ovsrcu_quiesce_start();
    for (unsigned int i = 0; i < n_threads; i++) {
        xpthread_join(threads[i], NULL);
        rate += openers[i].n / openers[i].ns;
    }
    ovsrcu_quiesce_end();
    for (unsigned int i = 0; i < n_threads; i++) {
        bench_source_uninit(&openers[i].source);
    }
    ovs_barrier_destroy(&barrier);
    trackers[who].destroy(ct);
    ovsrcu_barrier();
    malloc_trim(0);
    return rate * 1e3;          /* Millions a second. */
}

static void
bench_open(const char *name, unsigned int n_threads, uint32_t n_before,
           uint32_t n)
{
    if (!wanted("new", name)) {
        return;
    }

    struct bench_result *r = result_new(name, "M/s");

    for (int i = 0; i < 2 * n_rounds; i++) {
        int who = turn(i);

        bench_sample_add(&r->samples[who],
                         open_rate(who, n_threads, n_before, n));
    }
}

/* Connections through SNAT to the ports of one address: the first percent,
 * and those behind 99 percent.  Several addresses in turn, because a percent
 * is not many. */
#define SNAT_FIRST_PORT 1024
#define SNAT_N_PORTS 64512
#define SNAT_PART 640           /* 1 %, and a multiple of BURST. */

static double
snat_part(int who, void *ct, struct bench_source *source, uint32_t n_before,
          uint32_t addr)
{
    const struct snat snat = {
        .addr = addr,
        .n_addrs = 1,
        .min_port = SNAT_FIRST_PORT,
        .max_port = SNAT_FIRST_PORT + SNAT_N_PORTS - 1,
    };
    uint32_t first = (addr & 0xff) * SNAT_N_PORTS + n_before;
    long long now = time_msec();
    double start = cpu_ns();

    for (uint32_t i = 0; i < SNAT_PART; i += BURST) {
        struct dp_packet_batch batch;

        bench_source_next(source, &batch, BENCH_SYN, first + i);
        trackers[who].execute(ct, &batch, true, &snat, now);
        check_state(&batch, CS_NEW);
    }
    return (cpu_ns() - start) / SNAT_PART;
}

static void
bench_snat(int n_addrs)
{
    if (!wanted("snat", "snat")) {
        return;
    }

    struct bench_result *empty = result_new("SNAT, new, ports free",
                                            "ns/packet");
    struct bench_result *full = result_new("SNAT, new, 99 % of ports used",
                                           "ns/packet");

    for (int who = 0; who < BENCH_N_TRACKERS; who++) {
        if (!takes_part(who)) {
            continue;
        }

        struct bench_source source;
        void *ct = trackers[who].create();

        bench_source_init(&source, BENCH_COUNTED);
        for (int a = 0; a < n_addrs; a++) {
            uint32_t addr = 0x0b000000 + a;
            uint32_t i = 0;

            bench_sample_add(&empty->samples[who],
                             snat_part(who, ct, &source, i, addr));
            for (i = SNAT_PART; i + 2 * SNAT_PART <= SNAT_N_PORTS;
                 i += SNAT_PART) {
                snat_part(who, ct, &source, i, addr);
                ovsrcu_quiesce();
            }
            bench_sample_add(&full->samples[who],
                             snat_part(who, ct, &source, i, addr));
        }
        bench_source_uninit(&source);
        trackers[who].destroy(ct);
        ovsrcu_quiesce();
    }
    malloc_trim(0);
}

/* Batches while the tracker grows and is swept: of ours alone. */
static void
bench_batches(uint32_t n)
{
    if (!wanted("growth", "growth") || !takes_part(BENCH_OURS)) {
        return;
    }

    static const char *names[BENCH_N_PHASES][2] = {
        [BENCH_CREATING] = { "batch, creating, 99.9 %",
                             "batch, creating, longest" },
        [BENCH_EXPIRING] = { "batch, expiring, 99.9 %",
                             "batch, expiring, longest" },
        [BENCH_DRAINING] = { "batch, draining, 99.9 %",
                             "batch, draining, longest" },
        [BENCH_MEMORY] = { "memory alone, 99.9 %", "memory alone, longest" },
    };
    fetch_memory(n / 1024 * 200 * 1024);
    bench_growth(n, batch_times);
    for (int i = 0; i < BENCH_N_PHASES; i++) {
        const struct bench_times *times = &batch_times[i];

        bench_sample_add(&result_new(names[i][0], "us")->samples[BENCH_OURS],
                         bench_times_quantile(times, 0.999) / 1e3);
        bench_sample_add(&result_new(names[i][1], "us")->samples[BENCH_OURS],
                         times->longest / 1e3);
    }
}

static void
run_all(void)
{
    uint32_t n_packets = quick ? 1 << 17 : 1 << 20;
    uint32_t n_new = quick ? 128 * 1024 : 512 * 1024;

    bench_source_cost();
    bench_memory("memory", "memory of a connection", false, 1000 * 1024);
    bench_memory("memory", "memory of one with SNAT", true, 1000 * 1024);
    bench_established("established", "established, 1 k", BENCH_COUNTED,
                      1024, n_packets);
    bench_established("established", "established, 100 k", BENCH_COUNTED,
                      100 * 1024, n_packets);
    bench_established("established", "established, 1 M", BENCH_COUNTED,
                      1000 * 1024, n_packets);
    bench_established("collide", "established, 16 k random", BENCH_RANDOM,
                      16 * 1024, n_packets / 8);
    bench_established("collide", "established, 16 k chosen", BENCH_XOR,
                      16 * 1024, n_packets / 32);
    bench_open("new, from none, 1 thread", 1, 0, n_new);
    bench_open("new, from none, 2 threads", 2, 0, n_new);
    bench_open("new, at 1 M, 1 thread", 1, 1000 * 1024, n_new);
    bench_open("new, at 1 M, 2 threads", 2, 1000 * 1024, n_new);
    bench_snat(quick ? 2 : 8);
    bench_batches(quick ? 500 * 1024 : 4000 * 1024);
}

static void OVS_NO_RETURN
usage(void)
{
    printf("%s: the connection tracker against stock's\n"
           "usage: %s [OPTIONS]\n"
           "  --json            print JSON instead of a table\n"
           "  --quick           fewer packets and connections\n"
           "  --rounds=N        measure each N times (default: %d)\n"
           "  --only=TEST       memory, established, collide, new, snat,\n"
           "                    growth, or a row by its name in the table\n"
           "  --tracker=NAME    only stock, or only trackway\n"
           "  -h, --help        display this help message\n",
           program_name, program_name, n_rounds);
    exit(EXIT_SUCCESS);
}

static void
parse_options(int argc, char *argv[])
{
    enum { OPT_JSON = UCHAR_MAX + 1, OPT_QUICK, OPT_ROUNDS, OPT_ONLY,
           OPT_TRACKER };
    static const struct option options[] = {
        { "json", no_argument, NULL, OPT_JSON },
        { "quick", no_argument, NULL, OPT_QUICK },
        { "rounds", required_argument, NULL, OPT_ROUNDS },
        { "only", required_argument, NULL, OPT_ONLY },
        { "tracker", required_argument, NULL, OPT_TRACKER },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };

    for (;;) {
        switch (getopt_long(argc, argv, "h", options, NULL)) {
        case -1:
            return;
        case OPT_JSON:
            json = true;
            break;
        case OPT_QUICK:
            quick = true;
            break;
        case OPT_ROUNDS:
            n_rounds = atoi(optarg);
            if (n_rounds < 1 || n_rounds > BENCH_MAX_ROUNDS) {
                ovs_fatal(0, "--rounds must be from 1 to %d",
                          BENCH_MAX_ROUNDS);
            }
            break;
        case OPT_ONLY:
            only = optarg;
            break;
        case OPT_TRACKER:
            only_tracker = !strcmp(optarg, "stock") ? BENCH_STOCK : BENCH_OURS;
            break;
        case 'h':
            usage();
        default:
            exit(EXIT_FAILURE);
        }
    }
}

int
main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    parse_options(argc, argv);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_ERR);
    run_all();
    if (json) {
        bench_print_json(n_rounds);
    } else {
        bench_print_table(batch_times);
    }
    return 0;
}
