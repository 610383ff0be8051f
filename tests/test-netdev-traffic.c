/* SPDX-License-Identifier: Apache-2.0 */

/* The traffic device: options, connections, rates, captures.
 *
 *     test-netdev-traffic options [KEY=VALUE]...
 *         prints what traffic_spec_parse() says of options
 *     test-netdev-traffic NAME
 *         runs one of the tests at the end of this file */

#include <config.h>

#undef NDEBUG
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "pcap-file.h"
#include "tests/traffic-test.h"
#include "unaligned.h"

static uint64_t random_state = 1;

/* Connections ------------------------------------------------------------- */

static void
test_open(void)
{
    struct world w;

    world_init(&w, "connections=10000 pattern=open", 1);
    w.carry = check_frame;
    open_all(&w);
    for (int i = 0; i < 10; i++) {
        CHECK(!poll_all(&w));
    }
    CHECK(w.n_made[TRAFFIC_CLIENT] == 2 * 10000);
    CHECK(w.n_made[TRAFFIC_SERVER] == 10000);
    CHECK(nothing_wrong(&w) && !w.n_retries && !w.n_lost);
    CHECK(traffic_pair_is_done(w.plan->pair, TRAFFIC_CLIENT));
    CHECK(traffic_pair_is_done(w.plan->pair, TRAFFIC_SERVER));
    world_destroy(&w);

    world_init(&w, "connections=10000 pattern=open protocol=udp", 1);
    open_all(&w);
    CHECK(w.n_made[TRAFFIC_CLIENT] == 10000);
    CHECK(w.n_made[TRAFFIC_SERVER] == 10000);
    CHECK(nothing_wrong(&w) && !w.n_retries && !w.n_lost);
    world_destroy(&w);
}

/* Without a server nothing begins; it comes later. */
static void
test_no_server(void)
{
    struct traffic_plan *plan;
    struct world w;

    world_init(&w, "connections=10", 0);
    CHECK(!poll_all(&w));
    plan = traffic_plan_create(&w.plan->spec, 1, w.plan->pair, NULL);
    traffic_plan_destroy(w.plan);
    w.plan = plan;
    open_all(&w);
    world_destroy(&w);
}

static bool
lose_some(struct dp_packet *packet OVS_UNUSED,
          enum traffic_side from OVS_UNUSED)
{
    return ct_test_random(&random_state) % 10 > 2;
}

static void
test_loss(void)
{
    struct world w;

    world_init(&w, "connections=3000 pattern=open", 1);
    w.carry = lose_some;
    open_all(&w);
    CHECK(w.n_retries > 3000 / 2);
    CHECK(nothing_wrong(&w));
    world_destroy(&w);

    world_init(&w, "connections=500 pattern=lives", 1);
    w.carry = lose_some;
    for (int i = 0; i < 10000; i++) {
        poll_all(&w);
    }
    CHECK(w.n_lives > 5000 && w.n_retries > 1000);
    CHECK(nothing_wrong(&w));
    world_destroy(&w);
}

/* Something in between that knows connections, and forgets them all: what is
 * under way then has to begin anew. */
static bool forgetful;

static bool
forget(struct dp_packet *packet, enum traffic_side from)
{
    struct flow flow;

    flow_extract(packet, &flow);
    return (!forgetful || from == TRAFFIC_SERVER
            || flow.tcp_flags == htons(TCP_SYN));
}

static void
test_give_up(void)
{
    static const char *const options[] = {
        "connections=1000", "connections=1000 pattern=lives",
    };

    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        struct world w;

        world_init(&w, options[i], 1);
        w.carry = forget;
        forgetful = true;
        for (int j = 0; j < 5000; j++) {
            poll_all(&w);
        }
        CHECK(w.n_lost > 200 && !w.n_lives && !n_open(&w));
        forgetful = false;
        for (int j = 0; j < 5000; j++) {
            poll_all(&w);
        }
        CHECK(i ? w.n_lives > 1000 : n_open(&w) == 1000);
        world_destroy(&w);
    }
}

/* What went by, as a network between the two sees it. */
static uint64_t n_steps[64];    /* By TCP flags. */
static uint64_t n_tuples;
static struct traffic_tuple tuples_seen[20000];

static bool
count_flags(struct dp_packet *packet, enum traffic_side from)
{
    struct flow flow;

    flow_extract(packet, &flow);
    n_steps[ntohs(flow.tcp_flags) & 63]++;
    if (from == TRAFFIC_CLIENT && flow.tcp_flags == htons(TCP_SYN)
        && n_tuples < ARRAY_SIZE(tuples_seen)) {
        tuples_seen[n_tuples++] = (struct traffic_tuple) {
            .src[3] = flow.nw_src, .dst[3] = flow.nw_dst,
            .sport = flow.tp_src, .dport = flow.tp_dst,
        };
    }
    return true;
}

/* Six packets each, never the same tuple twice while there are others. */
static void
test_lives(void)
{
    struct world w;

    world_init(&w, "connections=100 pattern=lives", 1);
    w.carry = count_flags;
    while (w.n_lives < 10000) {
        poll_all(&w);
    }
    CHECK(nothing_wrong(&w) && !w.n_retries && !w.n_lost);
    CHECK(n_steps[TCP_SYN] - w.n_lives <= 100);
    CHECK(n_steps[TCP_SYN] - n_steps[TCP_SYN | TCP_ACK] <= 100);
    CHECK(n_steps[TCP_FIN | TCP_ACK] - 2 * w.n_lives <= 2 * 100);
    CHECK(n_steps[TCP_ACK] - 2 * w.n_lives <= 2 * 100);
    qsort(tuples_seen, n_tuples, sizeof tuples_seen[0], compare_tuples);
    for (size_t i = 1; i < n_tuples; i++) {
        CHECK(compare_tuples(&tuples_seen[i - 1], &tuples_seen[i]));
    }
    world_destroy(&w);
}

/* A translation: of the client's address and port, to what its own lower bits
 * give, and of the server's address. */
static void
translate(struct dp_packet *packet, enum traffic_side from)
{
    struct flow flow;
    bool forth = from == TRAFFIC_CLIENT;
    ovs_be32 public = htonl(0x09000000);

    flow_extract(packet, &flow);
    ovs_be32 src = forth ? flow.nw_src ^ public : flow.nw_src ^ htonl(0x100);
    ovs_be32 dst = forth ? flow.nw_dst ^ htonl(0x100) : flow.nw_dst ^ public;
    ovs_be16 sport = forth ? flow.tp_src ^ htons(0x3c5) : flow.tp_src;
    ovs_be16 dport = forth ? flow.tp_dst : flow.tp_dst ^ htons(0x3c5);
    struct ip_header *ip = dp_packet_l3(packet);

    if (forth) {
        CHECK(flow.nw_dst == htonl(0xc0a80001));
    } else {
        CHECK(flow.nw_src == htonl(0xc0a80101));
    }
    packet_set_ipv4(packet, src, dst, ip->ip_tos, ip->ip_ttl);
    if (ip->ip_proto == IPPROTO_TCP) {
        packet_set_tcp_port(packet, sport, dport);
    } else {
        packet_set_udp_port(packet, sport, dport);
    }
}

static bool
carry_translated(struct dp_packet *packet, enum traffic_side from)
{
    translate(packet, from);
    return true;
}

/* The server answers to where packets came from, also in its data. */
static void
test_nat(void)
{
    static const char *const options[] = {
        "connections=1000", "connections=1000 protocol=udp",
        "connections=100 pattern=lives", "connections=500 pattern=mix",
    };

    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        struct world w;

        world_init(&w, options[i], 1);
        w.carry = carry_translated;
        open_all(&w);
        for (int j = 0; j < 2000; j++) {
            poll_all(&w);
        }
        CHECK(nothing_wrong(&w) && !w.n_retries && !w.n_lost);
        CHECK((w.n_lives > 0) == (i >= 2));
        world_destroy(&w);
    }
}

/* A translation that is not undone: its replies are not the client's. */
static bool
carry_half_translated(struct dp_packet *packet, enum traffic_side from)
{
    if (from == TRAFFIC_CLIENT) {
        translate(packet, from);
    }
    return true;
}

static void
test_half_nat(void)
{
    struct world w;

    world_init(&w, "connections=100", 1);
    w.carry = carry_half_translated;
    for (int i = 0; i < 100; i++) {
        poll_all(&w);
    }
    CHECK(!n_open(&w) && w.n_foreign[TRAFFIC_CLIENT] == 100);
    world_destroy(&w);
}

/* Packets of another pair, and one's own that come back. */
static void
test_foreign(void)
{
    struct traffic_delivered delivered = { 0 };
    struct world ours, udp;
    struct dp_packet_batch batch;

    world_init(&ours, "connections=10", 1);
    world_init(&udp, "connections=10 protocol=udp", 1);
    dp_packet_batch_init(&batch);
    struct traffic_turn turn = {
        .plan = udp.plan, .side = TRAFFIC_CLIENT, .now = HZ, .hz = HZ,
        .queue = udp.plan->pair->queues[TRAFFIC_CLIENT][0], .batch = &batch,
    };
    traffic_make(&turn);
    CHECK(dp_packet_batch_size(&batch) == 10);
    traffic_deliver(ours.plan, TRAFFIC_SERVER, true, &batch, &delivered);
    CHECK(delivered.n_foreign == 10);
    traffic_deliver(udp.plan, TRAFFIC_CLIENT, true, &batch, &delivered);
    CHECK(delivered.n_foreign == 20);
    traffic_deliver(NULL, TRAFFIC_SERVER, true, &batch, &delivered);
    CHECK(delivered.n_foreign == 20 && !delivered.n_bad);
    traffic_pool_give(&batch);
    world_destroy(&ours);
    world_destroy(&udp);
}

/* Each queue makes its own connections, on both sides. */
static const struct world *queue_world;
static unsigned int queue_polled;

static bool
check_queue(struct dp_packet *packet, enum traffic_side from)
{
    const struct traffic_template *t = queue_world->plan->data[from];
    struct traffic_view view;
    struct traffic_mark mark;

    CHECK(traffic_packet_view(packet, &view) == TRAFFIC_OURS);
    CHECK(traffic_packet_read(t, &view, &mark) == TRAFFIC_OURS);
    CHECK(mark.side == from);
    CHECK(mark.number % queue_world->plan->n_queues[from] == queue_polled);
    return true;
}

static void
test_queues(void)
{
    static const char *const options[] = {
        "connections=1003 n_rxq=3", "connections=2 n_rxq=3 pick=zipf",
        "connections=101 pattern=lives n_rxq=3",
        "connections=101 pattern=mix n_rxq=3 pick=sequential",
    };

    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        struct world w;

        world_init(&w, options[i], 2);
        queue_world = &w;
        w.carry = check_queue;
        for (int j = 0; j < 1000; j++) {
            for (queue_polled = 0; queue_polled < 3; queue_polled++) {
                poll_queue(&w, TRAFFIC_CLIENT, queue_polled);
                if (queue_polled < 2) {
                    poll_queue(&w, TRAFFIC_SERVER, queue_polled);
                }
            }
            w.now += STEP;
        }
        CHECK(traffic_pair_is_open(w.plan->pair));
        CHECK(nothing_wrong(&w) && !w.n_retries);
        CHECK((w.n_lives > 0) == (i >= 2));
        world_destroy(&w);
    }
}

/* The plan changes, the connections stay. */
static void
test_replan(void)
{
    struct traffic_spec spec;
    struct traffic_plan *plan;
    struct world w;
    char *error;

    world_init(&w, "connections=1000 pattern=open", 1);
    open_all(&w);
    CHECK(!poll_all(&w));
    ovs_assert(!parse("connections=1000 size=200 pick=sequential", &spec,
                      &error));
    CHECK(traffic_spec_same_connections(&w.plan->spec, &spec));
    CHECK(!traffic_spec_equal(&w.plan->spec, &spec));
    plan = traffic_plan_create(&spec, 1, w.plan->pair, NULL);
    traffic_plan_destroy(w.plan);
    w.plan = plan;
    CHECK(poll_all(&w) == 2 * NETDEV_MAX_BURST);
    CHECK(nothing_wrong(&w));
    spec.connections = 999;
    CHECK(!traffic_spec_same_connections(&w.plan->spec, &spec));
    traffic_spec_destroy(&spec);
    world_destroy(&w);
}

/* How much, how often ----------------------------------------------------- */

static void
test_count(void)
{
    struct world w;

    world_init(&w, "connections=100 count=1000", 1);
    for (int i = 0; i < 200; i++) {
        poll_all(&w);
    }
    CHECK(w.n_made[TRAFFIC_CLIENT] == 2 * 100 + 1000);
    CHECK(w.n_made[TRAFFIC_SERVER] == 100 + 1000);
    CHECK(traffic_pair_is_done(w.plan->pair, TRAFFIC_CLIENT));
    CHECK(traffic_pair_is_done(w.plan->pair, TRAFFIC_SERVER));
    world_destroy(&w);

    world_init(&w, "pattern=syn-flood count=1000 n_rxq=3", 1);
    w.carry = check_frame;
    for (int i = 0; i < 200; i++) {
        poll_all(&w);
    }
    CHECK(w.n_made[TRAFFIC_CLIENT] == 1000 && !w.n_made[TRAFFIC_SERVER]);
    CHECK(nothing_wrong(&w));
    world_destroy(&w);
}

static void
test_rate(void)
{
    struct world w;
    uint64_t before;

    /* One poll a millisecond, so that it is ten packets a poll. */
    world_init(&w, "connections=10 rate=10000", 1);
    open_all(&w);
    before = w.n_made[TRAFFIC_CLIENT];
    for (int i = 0; i < 1000; i++) {
        poll_all(&w);
    }
    CHECK(w.n_made[TRAFFIC_CLIENT] - before >= 9900);
    CHECK(w.n_made[TRAFFIC_CLIENT] - before <= 10100);
    /* Nobody catches up on a long time. */
    w.now += 1000 * (uint64_t) HZ;
    before = w.n_made[TRAFFIC_CLIENT];
    for (int i = 0; i < 1000; i++) {
        poll_all(&w);
    }
    CHECK(w.n_made[TRAFFIC_CLIENT] - before <= 10300);
    world_destroy(&w);

    world_init(&w, "connections=10 pattern=mix new-rate=5000 n_rxq=2", 1);
    for (int i = 0; i < 1000; i++) {
        poll_all(&w);
    }
    CHECK(w.n_lives >= 4700 && w.n_lives <= 5100);
    world_destroy(&w);
}

/* Captures ---------------------------------------------------------------- */

#define N_FRAMES 100

static uint64_t n_replayed;
static uint64_t replayed_sum;

static bool
count_frame(struct dp_packet *packet, enum traffic_side from)
{
    const uint8_t *frame = dp_packet_data(packet);

    CHECK(from == TRAFFIC_CLIENT);
    CHECK(dp_packet_size(packet) == 60 + frame[59] * 10);
    replayed_sum += frame[59];
    n_replayed++;
    return true;
}

/* Frame i is 60 + 10 * i bytes long and has i at its end. */
static void
write_capture(const char *name)
{
    struct pcap_file *file = ovs_pcap_open(name, "wb");
    struct world w;
    struct dp_packet *packet;

    ovs_assert(file);
    world_init(&w, "connections=1", 1);
    for (int i = 0; i < N_FRAMES; i++) {
        struct traffic_tuple tuple;
        struct ip_header *ip;

        traffic_tuple_of(&w.plan->tuples, i, &tuple);
        packet = dp_packet_new(1500);
        dp_packet_put(packet, w.plan->data[0]->frame, 60);
        dp_packet_put_zeros(packet, 10 * i);
        ((uint8_t *) dp_packet_data(packet))[59] = i;
        ip = (struct ip_header *) ((uint8_t *) dp_packet_data(packet) + 14);
        put_16aligned_be32(&ip->ip_src, tuple.src[3]);
        ovs_pcap_write(file, packet);
        dp_packet_delete(packet);
    }
    ovs_pcap_close(file);
    world_destroy(&w);
}

static void
test_pcap(void)
{
    static const struct {
        const char *options;
        uint64_t n;
    } runs[] = {
        { "pcap=test.pcap loop=false", N_FRAMES },
        { "pcap=test.pcap loop=false n_rxq=3", N_FRAMES },
        { "pcap=test.pcap count=250", 250 },
        { "pcap=test.pcap loop=false rate=10000", N_FRAMES },
    };
    struct traffic_pcap *pcap;
    char *error;
    FILE *file;

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_EMER);
    write_capture("test.pcap");
    for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
        struct world w;

        world_init(&w, runs[i].options, 1);
        w.checks = false;
        w.carry = count_frame;
        n_replayed = replayed_sum = 0;
        for (int j = 0; j < 100; j++) {
            poll_all(&w);
        }
        CHECK(n_replayed == runs[i].n);
        CHECK(runs[i].n != N_FRAMES
              || replayed_sum == N_FRAMES * (N_FRAMES - 1) / 2);
        CHECK(traffic_pair_is_done(w.plan->pair, TRAFFIC_CLIENT));
        world_destroy(&w);
    }

    pcap = traffic_pcap_open("nowhere.pcap", 1, &error);
    CHECK(!pcap && strstr(error, "cannot be read"));
    free(error);
    file = fopen("empty.pcap", "w");
    ovs_assert(file && !fclose(file));
    CHECK(!traffic_pcap_open("empty.pcap", 1, &error));
    free(error);
    unlink("empty.pcap");
    unlink("test.pcap");
}

/* Main -------------------------------------------------------------------- */

static const struct traffic_test tests[] = {
    { "open", test_open },
    { "no-server", test_no_server },
    { "loss", test_loss },
    { "give-up", test_give_up },
    { "lives", test_lives },
    { "nat", test_nat },
    { "half-nat", test_half_nat },
    { "foreign", test_foreign },
    { "queues", test_queues },
    { "replan", test_replan },
    { "count", test_count },
    { "rate", test_rate },
    { "pcap", test_pcap },
};

static int
print_options(int argc, char *argv[])
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    const struct smap_node **nodes;
    struct traffic_spec spec;
    char *error;

    for (int i = 2; i < argc; i++) {
        char *value = strchr(argv[i], '=');

        *value++ = '\0';
        smap_replace(&smap, argv[i], value);
    }
    if (traffic_spec_parse("c", &smap, &spec, &error)) {
        puts(error);
        free(error);
        smap_destroy(&smap);
        return 0;
    }
    smap_clear(&smap);
    traffic_spec_format(&spec, &smap);
    nodes = smap_sort(&smap);
    for (size_t i = 0; i < smap_count(&smap); i++) {
        printf("%s=%s\n", nodes[i]->key, nodes[i]->value);
    }
    free(nodes);
    smap_destroy(&smap);
    traffic_spec_destroy(&spec);
    return 0;
}

int
main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    if (argc > 1 && !strcmp(argv[1], "options")) {
        return print_options(argc, argv);
    }
    return traffic_test_main(argc, argv, tests, ARRAY_SIZE(tests));
}
