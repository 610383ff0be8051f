/* SPDX-License-Identifier: Apache-2.0 */

/* The same packets through a datapath with the track cache and through one
 * without: is everything that comes of it the same?  See equiv.h.
 *
 * usage: test-tw-equivalence [OPTION...], see usage() */

#include <config.h>

#include "equiv.h"

#undef NDEBUG
#include <assert.h>
#include <getopt.h>
#include <stdlib.h>

#include "bitmap.h"
#include "dummy.h"
#include "odp-execute.h"
#include "ovs-rcu.h"
#include "openvswitch/vlog.h"
#include "seq.h"
#include "netdev.h"
#include "util.h"

/* Orders that a batch is tried in, to see whether its order matters. */
#define N_PERMUTATIONS 32

/* With so many such batches, a pipeline gets all its packets singly. */
#define MAX_ORDER 30

/* Batches and items that a run can have. */
#define MAX_ITEMS (1u << 18)

static struct {
    uint64_t seed;
    unsigned int n_pipelines, n_packets, until;
    int only;                   /* Pipeline, or -1. */
    bool no_cache, no_changes, verbose, shrink, self_check, keep_going;
    enum equiv_sabotage sabotage;
} options = {
    .seed = 1, .n_pipelines = 20, .n_packets = 2000, .until = UINT32_MAX,
    .only = -1,
};

static struct {
    uint64_t n_packets, n_batches, n_changes, n_sent, n_up, n_hits, n_flows;
    uint64_t n_joint;
    uint64_t n_conns;           /* Most at a time, over all pipelines. */
    unsigned int n_order;       /* Batches whose order mattered. */
} total;

static void parse_options(int argc, char *argv[]);
static bool check_pipeline(unsigned int index, bool print);
static void self_check(void);

int
main(int argc, char *argv[])
{
    bool same = true;

    set_program_name(argv[0]);
    parse_options(argc, argv);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    equiv_world_init();
    odp_execute_init();
    netdev_dummy_register(DUMMY_OVERRIDE_NONE);
    tnl_conf_seq = seq_create();
    equiv_port_init();

    if (options.self_check) {
        self_check();
        return 0;
    }
    for (unsigned int i = 0; i < options.n_pipelines; i++) {
        if ((same || options.keep_going)
            && (options.only < 0 || options.only == i)) {
            same &= check_pipeline(i, true);
        }
    }
    printf("%"PRIu64" packets, %"PRIu64" batches, %"PRIu64" sent, %"PRIu64
           " up, %"PRIu64" megaflows, up to %"PRIu64" connections, %"PRIu64
           " changes; %"PRIu64" cache hits, %"PRIu64" joint; %u batches whose "
           "order matters: %s\n", total.n_packets, total.n_batches,
           total.n_sent, total.n_up, total.n_flows, total.n_conns,
           total.n_changes, total.n_hits, total.n_joint, total.n_order,
           same ? "no difference" : "DIFFERENT");
    ovsrcu_exit();
    return !same;
}

static void
usage(void)
{
    puts("usage: test-tw-equivalence [OPTION...]\n"
         "  --seed=N         of everything (1)\n"
         "  --pipelines=N    (20)\n"
         "  --packets=N      through each pipeline (2000)\n"
         "  --only=N         this pipeline alone\n"
         "  --until=N        no packet or change from this number on\n"
         "  --no-cache       on either side\n"
         "  --no-changes     but packets\n"
         "  --shrink         leave out what the difference does not need\n"
         "  --sabotage=KIND  make the sides differ\n"
         "  --self-check     every sabotage must be noticed\n"
         "  --keep-going     with other pipelines behind a difference\n"
         "  --verbose        print packets and changes");
    exit(0);
}

static enum equiv_sabotage
sabotage_from_string(const char *s)
{
    for (int i = 0; i < EQUIV_N_SABOTAGES; i++) {
        if (!strcmp(s, equiv_sabotage_name(i))) {
            return i;
        }
    }
    ovs_fatal(0, "%s: no such sabotage", s);
}

static void
parse_options(int argc, char *argv[])
{
    static const struct option longs[] = {
        { "seed", required_argument, NULL, 's' },
        { "pipelines", required_argument, NULL, 'p' },
        { "packets", required_argument, NULL, 'n' },
        { "only", required_argument, NULL, 'o' },
        { "until", required_argument, NULL, 'u' },
        { "no-cache", no_argument, NULL, 'c' },
        { "no-changes", no_argument, NULL, 'C' },
        { "shrink", no_argument, NULL, 'S' },
        { "sabotage", required_argument, NULL, 'x' },
        { "self-check", no_argument, NULL, 'X' },
        { "keep-going", no_argument, NULL, 'k' },
        { "verbose", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "vh", longs, NULL)) != -1) {
        switch (c) {
        case 's': options.seed = strtoull(optarg, NULL, 0); break;
        case 'p': options.n_pipelines = atoi(optarg); break;
        case 'n': options.n_packets = atoi(optarg); break;
        case 'o': options.only = atoi(optarg); break;
        case 'u': options.until = atoi(optarg); break;
        case 'c': options.no_cache = true; break;
        case 'C': options.no_changes = true; break;
        case 'S': options.shrink = true; break;
        case 'x': options.sabotage = sabotage_from_string(optarg); break;
        case 'X': options.self_check = true; break;
        case 'k': options.keep_going = true; break;
        case 'v': options.verbose = true; break;
        case 'h': usage(); break;
        default: exit(2);
        }
    }
    if (options.only >= 0) {
        options.n_pipelines = options.only + 1;
    }
}

static struct equiv_config
config_of(unsigned int index)
{
    return (struct equiv_config) {
        .seed = equiv_mix(options.seed) + equiv_mix(index),
        .n_packets = options.n_packets,
        .until = options.until,
        .cache = !options.no_cache,
        .changes = !options.no_changes,
        .verbose = options.verbose,
        .sabotage = options.sabotage,
        .permute = -1,
    };
}

static void
count(const struct equiv_result *r)
{
    total.n_packets += r->n_packets;
    total.n_batches += r->n_batches;
    total.n_changes += r->n_changes;
    total.n_sent += r->n_sent;
    total.n_up += r->n_up;
    total.n_hits += r->n_hits;
    total.n_joint += r->n_joint;
    total.n_flows += r->n_flows;
    total.n_conns = MAX(total.n_conns, r->n_conns);
}

/* Runs again, to the same difference, with all comparisons after each step:
 * then it is known which step made it. */
static void
pin_down(struct equiv_config *config, struct equiv_result *result)
{
    struct equiv_result pinned;

    config->check_always = true;
    config->check_from = result->batch - 2 * EQUIV_CHECK_INTERVAL;
    equiv_run(config, &pinned);
    config->check_always = false;
    if (pinned.differs) {
        equiv_result_uninit(result);
        *result = pinned;
    } else {
        equiv_result_uninit(&pinned);
    }
}

/* Does the order of packets in the batch that ends before 'result->item'
 * matter without the cache, too? */
static bool
order_matters(const struct equiv_config *original,
              const struct equiv_result *result)
{
    struct equiv_config config = *original;
    bool matters = false;

    config.cache = false;
    config.verbose = false;
    config.sabotage = EQUIV_SABOTAGE_NONE;
    config.permute = result->batch;
    config.until = result->item;
    for (unsigned int i = 0; !matters && i < N_PERMUTATIONS; i++) {
        struct equiv_result permuted;

        config.permutation = i;
        equiv_run(&config, &permuted);
        matters = permuted.differs;
        equiv_result_uninit(&permuted);
    }
    return matters;
}

/* Could the difference that 'result' has found come from the order in a batch
 * alone? */
static bool
may_be_order(const struct equiv_config *config,
             const struct equiv_result *result)
{
    return (!result->change && result->batch_size > 1 && !config->split_all
            && !bitmap_is_set(config->split, result->batch)
            && order_matters(config, result));
}

/* True if 'config' still shows a difference, and not one of order, which is
 * then in 'result'. */
static bool
still_differs(const struct equiv_config *config, struct equiv_result *result)
{
    struct equiv_result other;

    equiv_run(config, &other);
    if (!other.differs || may_be_order(config, &other)) {
        equiv_result_uninit(&other);
        return false;
    }
    equiv_result_uninit(result);
    *result = other;
    return true;
}

/* Leaves out items, first many at a time, as long as the sides differ. */
static void
leave_out(struct equiv_config *config, unsigned long *skip,
          struct equiv_result *result)
{
    for (unsigned int chunk = config->until / 2; chunk; chunk /= 2) {
        for (unsigned int i = 0; i < config->until; i += chunk) {
            unsigned int n = MIN(chunk, config->until - i);
            unsigned long *before;

            if (bitmap_scan(skip, false, i, i + n) == i + n) {
                continue;       /* Left out already. */
            }
            before = bitmap_clone(skip, MAX_ITEMS);
            bitmap_set_multiple(skip, i, n, true);
            if (!still_differs(config, result)) {
                memcpy(skip, before, bitmap_n_bytes(MAX_ITEMS));
            }
            bitmap_free(before);
        }
    }
}

/* Finds a shorter run that differs, and prints what is in it.  Packet by
 * packet if that is possible, so that order is out of the question. */
static void
shrink(struct equiv_config *config, struct equiv_result *result)
{
    unsigned long *skip = bitmap_allocate(MAX_ITEMS);

    config->verbose = false;
    config->check_always = true;
    config->check_from = 0;
    config->split_all = true;
    if (!still_differs(config, result)) {
        config->split_all = false;
    }
    config->check_always = !config->split_all;
    config->until = result->item;
    config->skip = skip;
    config->n_skip = MAX_ITEMS;
    leave_out(config, skip, result);
    puts("what is needed:");
    config->verbose = true;
    config->check_always = true;
    still_differs(config, result);
    config->skip = NULL;
    bitmap_free(skip);
}

static void
print_difference(unsigned int index, struct equiv_config *config,
                 struct equiv_result *result)
{
    if (options.shrink) {
        shrink(config, result);
    }
    printf("seed %"PRIu64", pipeline %u, batch %d, before item %u: the sides "
           "differ\n%s\nto see it again: --seed=%"PRIu64" --packets=%u "
           "--only=%u --until=%u\n", options.seed, index, result->batch,
           result->item, ds_cstr(&result->report), options.seed,
           options.n_packets, index, result->item);
}

/* False if the sides differ. */
static bool
check_pipeline(unsigned int index, bool print)
{
    unsigned long *split = bitmap_allocate(MAX_ITEMS);
    struct equiv_config config = config_of(index);
    unsigned int n_order = 0;
    bool again;
    bool same;

    config.split = split;
    config.n_split = MAX_ITEMS;
    do {
        struct equiv_result result;

        again = false;
        equiv_run(&config, &result);
        same = !result.differs;
        if (!same) {
            config.verbose = false;
            pin_down(&config, &result);
            again = may_be_order(&config, &result);
        }
        if (again) {
            bitmap_set1(split, result.batch);
            config.split_all = ++n_order >= MAX_ORDER;
            total.n_order++;
        } else if (!same && print) {
            print_difference(index, &config, &result);
        }
        if (!again) {
            count(&result);
        }
        equiv_result_uninit(&result);
    } while (again);
    bitmap_free(split);
    return same;
}

/* Each kind of difference, made on purpose, is seen; without one there is
 * none. */
static void
self_check(void)
{
    options.no_cache = true;
    for (int i = 0; i < EQUIV_N_SABOTAGES; i++) {
        unsigned int index = 0;
        bool seen = false;

        options.sabotage = i;
        while (index < options.n_pipelines && !seen) {
            seen = !check_pipeline(index++, false);
        }
        printf("%s: %s\n", equiv_sabotage_name(i),
               seen ? "seen" : "not seen");
        assert(seen == (i != EQUIV_SABOTAGE_NONE));
    }
}
