/* SPDX-License-Identifier: Apache-2.0 */

/* The traffic device without a datapath: a client and a server whose packets
 * this program carries, loses or translates, on virtual time.
 *
 *     test-netdev-traffic options [KEY=VALUE]...
 *         prints what traffic_spec_parse() says of options
 *     test-netdev-traffic NAME
 *         runs one of the tests at the end of this file */

#include <config.h>

#undef NDEBUG
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "csum.h"
#include "dp-packet.h"
#include "packets.h"
#include "openvswitch/vlog.h"
#include "pcap-file.h"
#include "smap.h"
#include "tests/ct-test.h"
#include "traffic-deliver.h"
#include "traffic-make.h"
#include "traffic-pcap.h"
#include "traffic-plan.h"
#include "traffic-pool.h"
#include "unaligned.h"

#define HZ 1000000000
#define STEP (HZ / 1000)        /* Virtual time between two polls. */

/* What happens to a packet on its way from 'from'.  False: it is lost. */
typedef bool carry_func(struct dp_packet *, enum traffic_side from);

/* A client and a server. */
struct world {
    struct traffic_plan *plan;
    uint64_t now;
    carry_func *carry;          /* Null: nothing happens. */
    bool checks;

    /* By side. */
    uint64_t n_made[2], n_foreign[2], n_bad[2];
    uint64_t n_retries, n_lives, n_lost;
};

static uint64_t random_state = 1;

/* Options separated by blanks. */
static int
parse(const char *options, struct traffic_spec *spec, char **errp)
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    char *copy = xstrdup(options);
    char *save = NULL;
    int error;

    for (char *word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');

        ovs_assert(value);
        *value++ = '\0';
        smap_replace(&smap, word, value);
    }
    error = traffic_spec_parse("c", &smap, spec, errp);
    smap_destroy(&smap);
    free(copy);
    return error;
}

static void
world_init(struct world *w, const char *options, unsigned int n_server_queues)
{
    struct traffic_pcap *pcap = NULL;
    struct traffic_spec spec;
    char *error = NULL;

    if (parse(options, &spec, &error)) {
        ovs_fatal(0, "%s", error);
    }
    if (spec.pcap) {
        pcap = traffic_pcap_open(spec.pcap, spec.n_rxq, &error);
        ovs_assert(pcap);
    }
    memset(w, 0, sizeof *w);
    w->plan = traffic_plan_create(&spec, n_server_queues, NULL, pcap);
    w->now = HZ;
    w->checks = true;
    traffic_spec_destroy(&spec);
}

static void
world_destroy(struct world *w)
{
    traffic_plan_destroy(w->plan);
}

static uint32_t
n_open(const struct world *w)
{
    uint32_t n;

    atomic_read_relaxed(&w->plan->pair->n_open, &n);
    return n;
}

/* Takes what is lost out of 'batch'. */
static void
carry(struct world *w, struct dp_packet_batch *batch, enum traffic_side from)
{
    const size_t size = dp_packet_batch_size(batch);
    struct dp_packet *packet;
    size_t i;

    DP_PACKET_BATCH_REFILL_FOR_EACH (i, size, packet, batch) {
        if (w->carry(packet, from)) {
            dp_packet_batch_refill(batch, packet, i);
        } else {
            dp_packet_delete(packet);
        }
    }
}

/* Polls queue 'qid' of 'side' once; returns how many packets it made. */
static size_t
poll_queue(struct world *w, enum traffic_side side, unsigned int qid)
{
    struct traffic_delivered delivered = { 0 };
    struct dp_packet_batch batch;
    struct traffic_turn turn = {
        .plan = w->plan, .side = side, .now = w->now, .hz = HZ,
        .queue = w->plan->pair->queues[side][qid], .batch = &batch,
    };
    size_t n;

    dp_packet_batch_init(&batch);
    traffic_make(&turn);
    n = dp_packet_batch_size(&batch);
    CHECK(n <= NETDEV_MAX_BURST);
    w->n_made[side] += n;
    w->n_retries += turn.n_retries;
    w->n_lives += turn.n_lives;
    w->n_lost += turn.n_lost;
    if (w->carry) {
        carry(w, &batch, side);
    }
    traffic_deliver(w->plan, !side, w->checks, &batch, &delivered);
    w->n_foreign[!side] += delivered.n_foreign;
    w->n_bad[!side] += delivered.n_bad;
    traffic_pool_give(&batch);
    return n;
}

static size_t
poll_all(struct world *w)
{
    size_t n = 0;

    for (int side = 0; side < 2; side++) {
        for (unsigned int i = 0; i < w->plan->n_queues[side]; i++) {
            n += poll_queue(w, side, i);
        }
    }
    w->now += STEP;
    return n;
}

/* Polls until all connections are open. */
static void
open_all(struct world *w)
{
    for (int i = 0; i < 1000000 && !traffic_pair_is_open(w->plan->pair); i++) {
        poll_all(w);
    }
    CHECK(traffic_pair_is_open(w->plan->pair));
}

static bool
nothing_wrong(const struct world *w)
{
    return (!w->n_foreign[0] && !w->n_foreign[1] && !w->n_bad[0]
            && !w->n_bad[1]);
}

/* Frames ------------------------------------------------------------------ */

/* Checksums by OVS's functions, lengths, padding. */
static bool
check_frame(struct dp_packet *packet, enum traffic_side from OVS_UNUSED)
{
    struct flow flow;
    uint32_t pseudo;
    uint8_t proto;

    flow_extract(packet, &flow);
    CHECK(flow.dl_type == htons(ETH_TYPE_IP)
          || flow.dl_type == htons(ETH_TYPE_IPV6));
    proto = flow.nw_proto;
    if (flow.dl_type == htons(ETH_TYPE_IP)) {
        struct ip_header *ip = dp_packet_l3(packet);

        CHECK(!csum(ip, IP_HEADER_LEN));
        CHECK(ntohs(ip->ip_tot_len) == dp_packet_l3_size(packet));
        pseudo = proto == IPPROTO_ICMP ? 0 : packet_csum_pseudoheader(ip);
    } else {
        pseudo = packet_csum_pseudoheader6(dp_packet_l3(packet));
    }
    CHECK(!csum_finish(csum_continue(pseudo, dp_packet_l4(packet),
                                     dp_packet_l4_size(packet))));
    CHECK(dp_packet_size(packet) >= 60);
    CHECK(dp_packet_headroom(packet) >= 128);
    CHECK((flow.vlans[0].tci & htons(VLAN_CFI)) == 0
          || vlan_tci_to_vid(flow.vlans[0].tci) == 7);
    return true;
}

static void
test_frames(void)
{
    static const char *const families[] = { "ipv4", "ipv6" };
    static const char *const protocols[] = { "tcp", "udp", "icmp" };
    static const char *const others[] = {
        "", "vlan=7", "size=100", "size=101", "size=1518 vlan=7",
        "rss=true",
    };

    for (int i = 0; i < 2 * 3 * ARRAY_SIZE(others); i++) {
        struct world w;
        char *options = xasprintf("family=%s protocol=%s connections=100 %s",
                                  families[i % 2], protocols[i / 2 % 3],
                                  others[i / 6]);

        world_init(&w, options, 1);
        w.carry = check_frame;
        open_all(&w);
        for (int j = 0; j < 50; j++) {
            CHECK(poll_all(&w) == 2 * NETDEV_MAX_BURST);
        }
        CHECK(nothing_wrong(&w) && !w.n_retries);
        world_destroy(&w);
        free(options);
    }
}

/* Bad checksums are found, if they shall be. */
static bool
spoil_csum(struct dp_packet *packet, enum traffic_side from)
{
    if (from == TRAFFIC_CLIENT) {
        uint8_t *frame = dp_packet_data(packet);

        frame[ETH_HEADER_LEN + IP_HEADER_LEN + 16] ^= 1;
    }
    return true;
}

static void
test_bad_frames(void)
{
    struct world w;

    world_init(&w, "connections=100", 1);
    open_all(&w);
    w.carry = spoil_csum;
    poll_all(&w);
    CHECK(w.n_bad[TRAFFIC_SERVER] == NETDEV_MAX_BURST);
    CHECK(!w.n_bad[TRAFFIC_CLIENT]);
    w.checks = false;
    poll_all(&w);
    CHECK(w.n_bad[TRAFFIC_SERVER] == NETDEV_MAX_BURST);
    world_destroy(&w);
}

/* Bytes changed and frames cut short: read without harm. */
static bool
mangle(struct dp_packet *packet, enum traffic_side from OVS_UNUSED)
{
    uint64_t r = ct_test_random(&random_state);
    uint8_t *frame = dp_packet_data(packet);

    if (r & 1) {
        frame[(r >> 8) % dp_packet_size(packet)] = r >> 32;
    } else if (r & 2) {
        /* A copy, so that reading beyond its end is noticed. */
        size_t size = (r >> 8) % dp_packet_size(packet);
        struct dp_packet *copy = dp_packet_clone_data(frame, size);

        dp_packet_swap(packet, copy);
        dp_packet_delete(copy);
    }
    return true;
}

static void
test_mangled(void)
{
    static const char *const options[] = {
        "connections=100", "connections=100 pattern=lives",
        "connections=100 family=ipv6", "connections=100 protocol=udp vlan=7",
        "connections=100 protocol=icmp family=ipv6 pattern=lives",
    };

    for (size_t i = 0; i < 2 * ARRAY_SIZE(options); i++) {
        struct world w;

        world_init(&w, options[i / 2], 1);
        w.carry = mangle;
        w.checks = i % 2;
        for (int j = 0; j < 3000; j++) {
            poll_all(&w);
        }
        CHECK(w.n_bad[0] && w.n_bad[1]);
        world_destroy(&w);
    }
}

/* Tuples ------------------------------------------------------------------ */

static int
compare_tuples(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct traffic_tuple));
}

static bool
in_range(const ovs_be32 words[4], const struct traffic_addresses *range)
{
    ovs_be32 base[4];
    uint32_t difference;

    memcpy(base, &range->base, sizeof base);
    difference = ntohl(words[3]) - ntohl(base[3]);
    return difference < UINT64_C(1) << range->host_bits;
}

static void
check_ranges(const struct traffic_spec *spec, const struct traffic_tuple *t)
{
    bool attack = spec->pattern == TRAFFIC_ATTACK;

    CHECK(in_range(t->src, &spec->clients));
    CHECK(in_range(t->dst, &spec->servers));
    CHECK((uint16_t) (ntohs(t->sport) - spec->client_ports.first)
          < spec->client_ports.n);
    if (spec->protocol == TRAFFIC_ICMP) {
        CHECK(t->sport == t->dport);
    } else if (attack) {
        CHECK((t->sport ^ t->dport) == htons(TRAFFIC_ATTACK_PORTS));
        CHECK((t->src[3] ^ t->dst[3]) == htonl(0x0a000000 ^ 0xc0000000));
    } else {
        CHECK((uint16_t) (ntohs(t->dport) - spec->server_ports.first)
              < spec->server_ports.n);
    }
}

/* All numbers of ranges with room for 'n'. */
static void
check_bijection(const char *options, uint32_t n)
{
    struct traffic_tuple *tuples = xcalloc(n, sizeof *tuples);
    struct traffic_tuples ranges;
    struct traffic_spec spec;
    char *error;

    ovs_assert(!parse(options, &spec, &error));
    traffic_tuples_init(&ranges, &spec);
    CHECK(ranges.capacity == n);
    for (uint32_t i = 0; i < n; i++) {
        traffic_tuple_of(&ranges, i, &tuples[i]);
        check_ranges(&spec, &tuples[i]);
    }
    qsort(tuples, n, sizeof *tuples, compare_tuples);
    for (uint32_t i = 1; i < n; i++) {
        CHECK(compare_tuples(&tuples[i - 1], &tuples[i]));
    }
    traffic_spec_destroy(&spec);
    free(tuples);
}

static void
test_bijection(void)
{
    check_bijection("connections=1 clients=10.0.0.1/32 client-ports=5-5", 1);
    check_bijection("clients=10.0.0.0/28 client-ports=1000-1999", 16000);
    check_bijection("clients=10.0.0.0/30 servers=10.1.0.0/29 "
                    "client-ports=65530-65535 server-ports=80-90",
                    4 * 8 * 6 * 11);
    check_bijection("clients=10.0.0.0/32 servers=10.1.0.0/24 "
                    "client-ports=1-7 server-ports=1-13", 256 * 7 * 13);
    check_bijection("family=ipv6 clients=fd00::/120 servers=fd01::/127 "
                    "client-ports=1-7 server-ports=1-3", 256 * 2 * 7 * 3);
    check_bijection("protocol=icmp clients=10.0.0.0/24 servers=10.1.0.0/31 "
                    "client-ports=0-9", 256 * 2 * 10);
    check_bijection("pattern=attack clients=10.0.0.0/24 client-ports=0-99 "
                    "servers=192.0.0.0/20", 256 * 100);
}

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

static void
count_picks(enum traffic_pick_kind kind, double s, uint32_t n,
            uint32_t *counts)
{
    struct traffic_popularity *p = xzalloc(sizeof *p);
    struct traffic_picker picker;

    memset(counts, 0, n * sizeof *counts);
    traffic_popularity_init(p, kind, s, n);
    traffic_picker_init(&picker, 42);
    for (int i = 0; i < 100000; i++) {
        uint32_t indexes[10];
        uint16_t nonces[10];

        traffic_pick(p, &picker, indexes, nonces, 10);
        for (int j = 0; j < 10; j++) {
            ovs_assert(indexes[j] < n);
            counts[indexes[j]]++;
        }
    }
    free(p);
}

static int
compare_counts(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

    return x < y ? 1 : x > y ? -1 : 0;
}

/* A million draws from 1000: the k-th most frequent one of Zipf's law has
 * 1 / (k * H(1000)) of them, with H(1000) = 7.4855. */
static void
test_pick(void)
{
    uint32_t counts[1000];
    double expected = 1e6 / 7.4855;

    count_picks(TRAFFIC_SEQUENTIAL, 0, 1000, counts);
    for (int i = 0; i < 1000; i++) {
        CHECK(counts[i] == 1000);
    }
    count_picks(TRAFFIC_UNIFORM, 0, 1000, counts);
    for (int i = 0; i < 1000; i++) {
        CHECK(counts[i] > 800 && counts[i] < 1200);
    }
    count_picks(TRAFFIC_ZIPF, 1, 1000, counts);
    qsort(counts, 1000, sizeof counts[0], compare_counts);
    for (int k = 1; k <= 20; k++) {
        CHECK(counts[k - 1] > .9 * expected / k - 300);
        CHECK(counts[k - 1] < 1.1 * expected / k + 300);
    }
    CHECK(counts[999] > 30);
    for (uint32_t n = 1; n < 10; n++) {
        for (double s = .5; s < 4; s += .5) {
            count_picks(TRAFFIC_ZIPF, s, n, counts);
        }
    }
}

/* Many more than there are exact ranks: the head has what is its due. */
static void
test_pick_many(void)
{
    uint32_t n = 1000000;
    uint32_t *counts = xmalloc(n * sizeof *counts);
    double expected = 1e6 / 14.3927; /* H(1000000). */

    count_picks(TRAFFIC_ZIPF, 1, n, counts);
    qsort(counts, n, sizeof *counts, compare_counts);
    CHECK(counts[0] > .95 * expected && counts[0] < 1.05 * expected);
    CHECK(counts[1] > .45 * expected && counts[1] < .55 * expected);
    free(counts);
}

/* The pool ---------------------------------------------------------------- */

static void
give(struct dp_packet **packets, size_t n)
{
    struct dp_packet_batch batch;

    dp_packet_batch_init(&batch);
    for (size_t i = 0; i < n; i++) {
        dp_packet_batch_add(&batch, packets[i]);
    }
    traffic_pool_give(&batch);
}

static void
check_fresh(struct dp_packet *packet, size_t len)
{
    CHECK(packet->source == DPBUF_MALLOC);
    CHECK(dp_packet_size(packet) == len);
    CHECK(dp_packet_headroom(packet) >= 128);
    CHECK(dp_packet_tailroom(packet) >= 64);
    CHECK(packet->l3_ofs == UINT16_MAX && packet->l4_ofs == UINT16_MAX);
    CHECK(!packet->l2_pad_size && !dp_packet_get_cutlen(packet));
    CHECK(packet->packet_type == htonl(PT_ETH));
    CHECK(!dp_packet_rss_valid(packet));
    memset(dp_packet_data(packet), 0xaa, len);
}

static void *
exit_with_packets(void *aux OVS_UNUSED)
{
    struct dp_packet *packets[10];

    traffic_pool_take(packets, 10, 60);
    give(packets, 10);          /* Freed with the thread. */
    return NULL;
}

static void
test_pool(void)
{
    struct dp_packet *a[32], *b[32];
    struct dp_packet stub;
    char bytes[500];

    traffic_pool_take(a, 32, 60);
    for (int i = 0; i < 32; i++) {
        check_fresh(a[i], 60);
        dp_packet_set_rss_hash(a[i], 1);
        dp_packet_set_l3(a[i], dp_packet_data(a[i]));
        dp_packet_set_cutlen(a[i], 20);
    }
    give(a, 32);
    traffic_pool_take(b, 32, 60);
    for (int i = 0; i < 32; i++) {
        CHECK(b[i] == a[31 - i]);   /* Last in, first out. */
        check_fresh(b[i], 60);
    }
    give(b, 32);

    /* Too small for these, and from elsewhere. */
    traffic_pool_take(a, 32, 1514);
    for (int i = 0; i < 32; i++) {
        check_fresh(a[i], 1514);
    }
    for (int i = 0; i < 32; i++) {
        b[i] = dp_packet_new(60);
    }
    give(b, 32);
    give(a, 32);
    traffic_pool_take(a, 32, 1514);
    traffic_pool_take(b, 32, 60);
    for (int i = 0; i < 32; i++) {
        check_fresh(a[i], 1514);
        check_fresh(b[i], 60);
    }
    give(a, 32);
    give(b, 32);

    /* What is not from malloc() does not stay. */
    dp_packet_use_stub(&stub, bytes, sizeof bytes);
    CHECK(stub.source != DPBUF_MALLOC);
    for (int i = 0; i < 20; i++) {
        struct dp_packet *packet;

        traffic_pool_take(a, 32, 60);
        traffic_pool_take(b, 32, 60);
        give(a, 32);
        packet = dp_packet_new(700);
        give(&packet, 1);
        give(b, 32);            /* More than fit, in the end. */
    }
    for (int i = 0; i < 2 * TRAFFIC_POOL_SIZE; i++) {
        struct dp_packet *packet = dp_packet_new(700);

        give(&packet, 1);
    }
    xpthread_join(ovs_thread_create("pool", exit_with_packets, NULL), NULL);
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

static const struct test {
    const char *name;
    void (*run)(void);
} tests[] = {
    { "frames", test_frames },
    { "bad-frames", test_bad_frames },
    { "mangled", test_mangled },
    { "bijection", test_bijection },
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
    { "pick", test_pick },
    { "pick-many", test_pick_many },
    { "pool", test_pool },
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
    for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(tests); i++) {
        if (!strcmp(tests[i].name, argv[1])) {
            tests[i].run();
            return ct_test_end(argv[1]);
        }
    }
    ovs_fatal(0, "usage: test-netdev-traffic NAME | options KEY=VALUE...");
}
