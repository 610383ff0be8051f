/* SPDX-License-Identifier: Apache-2.0 */

/* The parts of the traffic device: frames, tuples, which connection is next,
 * packets that are used again.  Run as "test-traffic-packet NAME". */

#include <config.h>

#undef NDEBUG
#include "tests/traffic-test.h"

static uint64_t random_state = 1;

/* Frames ------------------------------------------------------------------ */

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

/* Which connection is next ------------------------------------------------ */

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
}

/* Some are too small, and from elsewhere. */
static void
test_pool_sizes(void)
{
    struct dp_packet *a[32], *b[32];

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
}

/* What is not from malloc() does not stay, nor more than fits. */
static void
test_pool_limits(void)
{
    struct dp_packet *stub = xmalloc(sizeof *stub);
    struct dp_packet *a[1];
    char bytes[500];

    dp_packet_use_stub(stub, bytes, sizeof bytes);
    give(&stub, 1);
    traffic_pool_take(a, 1, 60);
    CHECK(dp_packet_base(a[0]) != bytes);
    give(a, 1);
    for (int i = 0; i < 2 * TRAFFIC_POOL_SIZE; i++) {
        struct dp_packet *packet = dp_packet_new(700);

        give(&packet, 1);
    }
    xpthread_join(ovs_thread_create("pool", exit_with_packets, NULL), NULL);
}

/* Main -------------------------------------------------------------------- */

static const struct traffic_test tests[] = {
    { "frames", test_frames },
    { "bad-frames", test_bad_frames },
    { "mangled", test_mangled },
    { "bijection", test_bijection },
    { "pick", test_pick },
    { "pick-many", test_pick_many },
    { "pool", test_pool },
    { "pool-sizes", test_pool_sizes },
    { "pool-limits", test_pool_limits },
};

int
main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    return traffic_test_main(argc, argv, tests, ARRAY_SIZE(tests));
}
