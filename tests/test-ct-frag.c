/* SPDX-License-Identifier: Apache-2.0 */

/* Fragments through ct_execute(): what is kept, what leaves, and with whom. */

#include <config.h>

#include "ct-frag-test.h"

#include "ct-frag.h"
#include "ipf.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "timeval.h"

static struct ct *ct;
static long long now;

#define NEW (CS_TRACKED | CS_NEW)
#define INV (CS_TRACKED | CS_INVALID)
#define RPL (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR)

static struct test_spec
udp(bool ipv6, uint16_t src, uint16_t dst, uint16_t sport, size_t len)
{
    return (struct test_spec) {
        .ipv6 = ipv6, .proto = IPPROTO_UDP, .src = src, .dst = dst,
        .sport = sport, .dport = 9, .len = len,
    };
}

static void
datagram_init(struct datagram *d, struct test_spec s, uint16_t id,
              size_t frag_size)
{
    struct dp_packet *whole = test_packet(&s);

    datagram_cut(d, whole, s.ipv6, id, frag_size);
    dp_packet_delete(whole);
}

static size_t
execute(struct dp_packet_batch *batch, bool ipv6,
        const struct ct_request *request)
{
    ct_execute(ct, batch, htons(ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP), request,
               now);
    return dp_packet_batch_size(batch);
}

/* How many packets leave when 'p' goes in; they stay in 'batch'. */
static size_t
put_one(struct dp_packet_batch *batch, struct dp_packet *p, bool ipv6,
        const struct ct_request *request)
{
    dp_packet_batch_init_packet(batch, p);
    return execute(batch, ipv6, request);
}

static void
check_all(struct dp_packet_batch *batch, uint8_t state, uint16_t zone)
{
    struct dp_packet *p;

    DP_PACKET_BATCH_FOR_EACH (i, p, batch) {
        assert(p->md.ct_state == state && p->md.ct_zone == zone);
    }
    dp_packet_delete_batch(batch, true);
}

static void
test_order(bool ipv6)
{
    const struct ct_request commit = { .zone = 9, .commit = true };
    const struct ct_request look = { .zone = 9 };
    static const int orders[][3] = {
        { 0, 1, 2 }, { 2, 1, 0 }, { 1, 2, 0 }, { 0, 2, 1 },
    };
    struct dp_packet_batch batch;
    struct datagram d;

    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        datagram_init(&d, udp(ipv6, 1, 2, 1000, 3800), 100 + i, 1280);
        assert(d.n == 3);
        assert(!put_one(&batch, d.frags[orders[i][0]], ipv6, &commit));
        assert(!put_one(&batch, d.frags[orders[i][1]], ipv6, &commit));
        assert(put_one(&batch, d.frags[orders[i][2]], ipv6, &commit) == 3);
        for (int j = 0; j < 3; j++) {
            assert(!batch.packets[j]->md.conn);
        }
        check_all(&batch, NEW, 9);
    }
    assert(ct_get_nconns(ct) == 1);

    /* The datagram's bytes are counted, not the fragments'. */
    struct ct_dump *dump = ct_dump_create(ct, NULL, NULL);
    struct ct_dpif_entry e;
    assert(!ct_dump_next(dump, &e));
    ct_dump_destroy(dump);
    assert(e.counters_orig.packets == 4);
    assert(e.counters_orig.bytes == 4 * (3808 + (ipv6 ? 40 : 20)));

    /* A fragment alone says nothing of ports; an answer in one packet. */
    struct test_spec s = udp(ipv6, 2, 1, 9, 10);
    s.dport = 1000;
    assert(put_one(&batch, test_packet(&s), ipv6, &look) == 1);
    check_all(&batch, RPL, 9);
}

static void
test_order4(void)
{
    test_order(false);
}

static void
test_order6(void)
{
    test_order(true);
}

/* Two datagrams of the same addresses and identification, in two zones, and
 * one in the other direction, interleaved: each leaves where it belongs. */
static void
test_apart(void)
{
    const struct ct_request zone1 = { .zone = 1, .commit = true, .mark = 1,
                                      .mark_mask = 1 };
    const struct ct_request zone2 = { .zone = 2 };
    struct dp_packet_batch batch;
    struct datagram a, b, c;
    struct dp_packet *p;

    datagram_init(&a, udp(false, 1, 2, 1000, 3000), 7, 1280);
    datagram_init(&b, udp(false, 1, 2, 1000, 3000), 7, 1280);
    datagram_init(&c, udp(false, 2, 1, 9, 3000), 7, 1280);
    for (size_t i = 0; i < 2; i++) {
        assert(!put_one(&batch, a.frags[i], false, &zone1));
        assert(!put_one(&batch, b.frags[i], false, &zone2));
        assert(!put_one(&batch, c.frags[i], false, &zone1));
    }
    /* Others pass by without taking anything along. */
    struct test_spec s = udp(false, 3, 4, 5, 10);
    assert(put_one(&batch, test_packet(&s), false, &zone2) == 1);
    check_all(&batch, NEW, 2);

    assert(put_one(&batch, b.frags[2], false, &zone2) == 3);
    check_all(&batch, NEW, 2);

    a.frags[2]->md.in_port.odp_port = 77;
    assert(put_one(&batch, a.frags[2], false, &zone1) == 3);
    DP_PACKET_BATCH_FOR_EACH (i, p, &batch) {
        assert(p->md.ct_mark == 1);
        assert(ntohl(get_16aligned_be32(
                   &((struct ip_header *) dp_packet_l3(p))->ip_src))
               == (0x0a000000 | 1));
    }
    check_all(&batch, NEW, 1);

    assert(put_one(&batch, c.frags[2], false, &zone1) == 3);
    DP_PACKET_BATCH_FOR_EACH (i, p, &batch) {
        assert(get_16aligned_be32(
                   &((struct ip_header *) dp_packet_l3(p))->ip_src)
               == test_ip(2));
    }
    assert(batch.packets[0]->md.ct_orig_tuple.ipv4.ipv4_src == test_ip(2));
    dp_packet_delete_batch(&batch, true);
}

/* In a full batch, and more fragments than a batch holds. */
static void
test_overflow(void)
{
    const struct ct_request commit = { .commit = true };
    struct dp_packet_batch batch;
    struct datagram d;
    struct test_spec s = udp(false, 1, 2, 1000, 10);
    struct ct_overflow *o, *next;
    size_t n = 0, n_frags = 0;

    ipf_set_min_frag(ct_ipf(ct), false, 400);
    datagram_init(&d, udp(false, 1, 2, 1000, 40000), 7, 400);
    assert(d.n == 101);
    for (size_t i = 0; i < d.n - 1; i++) {
        assert(!put_one(&batch, d.frags[i], false, &commit));
    }
    dp_packet_batch_init_packet(&batch, d.frags[d.n - 1]);
    while (!dp_packet_batch_is_full(&batch)) {
        dp_packet_batch_add(&batch, test_packet(&s));
    }
    o = ct_execute_all(ct, &batch, htons(ETH_TYPE_IP), &commit, now);
    assert(dp_packet_batch_is_full(&batch));
    n = dp_packet_batch_size(&batch);
    check_all(&batch, NEW, 0);
    for (; o; o = next) {
        struct dp_packet *p;

        next = o->next;
        DP_PACKET_BATCH_FOR_EACH (i, p, &o->batch) {
            n_frags += IP_IS_FRAGMENT(
                ((struct ip_header *) dp_packet_l3(p))->ip_frag_off) != 0;
        }
        n += dp_packet_batch_size(&o->batch);
        check_all(&o->batch, NEW, 0);
        free(o);
    }
    assert(n == 31 + 101 && n_frags == 100);

    /* Without a place for them they are counted. */
    datagram_init(&d, udp(false, 1, 2, 1000, 40000), 8, 400);
    for (size_t i = 0; i < d.n - 1; i++) {
        assert(!put_one(&batch, d.frags[i], false, &commit));
    }
    assert(put_one(&batch, d.frags[d.n - 1], false, &commit) == 32);
    check_all(&batch, NEW, 0);
    assert(ct_counter_get(ct, CT_C_DROP_FRAGMENT_OVERFLOW) == 101 - 32);
}

static void
test_late(void)
{
    const struct ct_request look = { .zone = 3 };
    struct dp_packet_batch batch;
    struct ipf_status status;
    struct datagram d, e;

    datagram_init(&d, udp(false, 1, 2, 1000, 3000), 7, 1280);
    datagram_init(&e, udp(false, 1, 2, 1000, 3000), 8, 1280);
    assert(!put_one(&batch, d.frags[0], false, &look));
    assert(!put_one(&batch, d.frags[1], false, &look));
    assert(!put_one(&batch, e.frags[0], false, &look));
    ct_run(ct, now + 14000);
    ipf_get_status(ct_ipf(ct), &status);
    assert(status.nfrag == 3);

    /* What is late is dropped, by the next fragment or by maintenance, and
     * goes into nobody's batch. */
    now += 16000;
    assert(!put_one(&batch, d.frags[2], false, &look));
    ct_run(ct, now + 100);
    ipf_get_status(ct_ipf(ct), &status);
    assert(status.nfrag == 1);
    assert(ct_counter_get(ct, CT_C_DROP_FRAGMENT_EXPIRED) == 3);
    assert(!put_one(&batch, e.frags[1], false, &look));
    now += 16000;
    ct_run(ct, now + 200);
    ipf_get_status(ct_ipf(ct), &status);
    assert(!status.nfrag);
    assert(ct_counter_get(ct, CT_C_DROP_FRAGMENT_EXPIRED) == 5);

    dp_packet_delete(e.frags[2]);
}

static unsigned int
n_late(uint16_t zone)
{
    return ct_zone_counter_get(ct, zone, CT_C_DROP_FRAGMENT_EXPIRED);
}

/* Late fragments are those of the zone that they came to, whoever finds out;
 * where they had been before does not matter. */
static void
test_late_zones(void)
{
    const struct ct_request a = { .zone = 0 }, b = { .zone = UINT16_MAX };
    const struct ct_request other = { .zone = 4 };
    struct dp_packet_batch batch;
    struct datagram d, e, f, g;

    datagram_init(&d, udp(false, 1, 2, 1000, 3000), 7, 1280);
    datagram_init(&e, udp(true, 1, 2, 1000, 3000), 8, 1280);
    datagram_init(&f, udp(false, 1, 2, 1000, 3000), 9, 1280);
    datagram_init(&g, udp(false, 1, 2, 1000, 50000), 10, 1280);
    d.frags[0]->md.ct_zone = 9;
    d.frags[0]->md.ct_state = NEW;
    assert(!put_one(&batch, d.frags[0], false, &a));
    assert(!put_one(&batch, e.frags[0], true, &b));
    assert(!put_one(&batch, e.frags[1], true, &b));
    now += 16000;
    assert(!put_one(&batch, f.frags[0], false, &other));
    assert(n_late(0) == 1 && n_late(UINT16_MAX) == 2);
    for (int i = 0; i + 1 < g.n; i++) {
        assert(!put_one(&batch, g.frags[i], false, &b));
    }
    now += 16000;
    ct_run(ct, now);
    assert(n_late(4) == 1 && n_late(UINT16_MAX) == 2u + g.n - 1);
    assert(!n_late(3) && !n_late(9));

    /* Those that ipf frees by itself, when nobody comes for long, are of no
     * zone. */
    assert(!put_one(&batch, f.frags[1], false, &other));
    now += 26000;
    ct_run(ct, now);
    assert(n_late(4) == 1);
    assert(ct_counter_get(ct, CT_C_DROP_FRAGMENT_EXPIRED)
           == 1u + 2 + 1 + g.n - 1 + 1);

    dp_packet_delete(d.frags[1]);
    dp_packet_delete(d.frags[2]);
    dp_packet_delete(e.frags[2]);
    dp_packet_delete(f.frags[2]);
    dp_packet_delete(g.frags[g.n - 1]);
}

/* Overlapping, small, damaged: invalid, at once. */
static void
test_refused(void)
{
    const struct ct_request look = { .zone = 3 };
    struct dp_packet_batch batch;
    struct datagram d, small;

    datagram_init(&d, udp(false, 1, 2, 1000, 3000), 7, 1280);
    assert(!put_one(&batch, d.frags[0], false, &look));
    assert(put_one(&batch, dp_packet_clone(d.frags[1]), false, &look) == 0);
    assert(put_one(&batch, d.frags[1], false, &look) == 1);
    check_all(&batch, INV, 3);

    datagram_init(&small, udp(false, 1, 2, 1000, 900), 8, 400);
    assert(put_one(&batch, small.frags[0], false, &look) == 1);
    check_all(&batch, INV, 3);
    assert(ct_counter_get(ct, CT_C_INVALID_FRAGMENT) == 2);
    dp_packet_delete(small.frags[1]);
    dp_packet_delete(small.frags[2]);

    /* Reassembly switched off. */
    ipf_set_enabled(ct_ipf(ct), false, false);
    assert(put_one(&batch, d.frags[2], false, &look) == 1);
    check_all(&batch, INV, 3);
    assert(ct_counter_get(ct, CT_C_INVALID_FRAGMENT) == 3);
}

/* A datagram that the tracker drops takes all of its fragments along. */
static void
test_dropped(void)
{
    const struct ct_request commit = { .commit = true };
    struct dp_packet_batch batch;
    struct ipf_status status;
    struct datagram d;
    struct test_spec other = udp(false, 3, 4, 5, 10);

    ct_zone_limit_set(ct, 0, 1);
    assert(put_one(&batch, test_packet(&other), false, &commit) == 1);
    check_all(&batch, NEW, 0);
    datagram_init(&d, udp(false, 1, 2, 1000, 3000), 7, 1280);
    for (size_t i = 0; i < d.n; i++) {
        assert(!put_one(&batch, d.frags[i], false, &commit));
    }
    ipf_get_status(ct_ipf(ct), &status);
    assert(!status.nfrag);
    assert(ct_counter_get(ct, CT_C_DROP_LIMIT) == 1);
    assert(!ct_counter_get(ct, CT_C_DROP_FRAGMENT_EXPIRED));
}

static void
test_nat(bool ipv6)
{
    struct ct_request snat = {
        .zone = 1, .commit = true,
        .nat = { .kind = CT_NAT_SRC, .have_addr = true, .ipv6 = ipv6 },
    };
    struct dp_packet_batch batch;
    struct dp_packet *p;
    struct datagram d;
    uint8_t payload[4000];
    size_t at = 0;
    uint32_t sum;

    if (ipv6) {
        snat.nat.min_addr.ip6 = snat.nat.max_addr.ip6 = test_ip6(100);
    } else {
        snat.nat.min_addr.ip = snat.nat.max_addr.ip = test_ip(100);
    }
    datagram_init(&d, udp(ipv6, 1, 2, 1000, 3800), 7, 1280);
    assert(!put_one(&batch, d.frags[2], ipv6, &snat));
    assert(!put_one(&batch, d.frags[0], ipv6, &snat));
    assert(put_one(&batch, d.frags[1], ipv6, &snat) == 3);
    DP_PACKET_BATCH_FOR_EACH (i, p, &batch) {
        assert(p->md.ct_state == (NEW | CS_SRC_NAT));
        if (ipv6) {
            struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(p);
            struct in6_addr want = test_ip6(100);

            assert(!memcmp(&ip6->ip6_src, &want, sizeof want));
        } else {
            struct ip_header *ip = dp_packet_l3(p);

            assert(get_16aligned_be32(&ip->ip_src) == test_ip(100));
            assert(!csum(ip, IP_HEADER_LEN));
        }
        memcpy(payload + at, dp_packet_l4(p), dp_packet_l4_size(p));
        at += dp_packet_l4_size(p);
    }
    assert(at == 3808);

    /* The checksum over the whole, in the first of them, is right. */
    struct udp_header *uh = (struct udp_header *) payload;
    assert(uh->udp_src == htons(1000));
    if (ipv6) {
        sum = packet_csum_pseudoheader6(dp_packet_l3(batch.packets[0]));
    } else {
        sum = packet_csum_pseudoheader(dp_packet_l3(batch.packets[0]));
    }
    /* The pseudo-header that it was made of has the fragment's length and
     * protocol. */
    const struct dp_packet *first = batch.packets[0];
    size_t len = (ipv6
                  ? dp_packet_l3_size(first) - 40
                  : dp_packet_l3_size(first) - IP_HEADER_LEN);
    sum = csum_add16(sum, (OVS_FORCE ovs_be16)
                          ~(OVS_FORCE uint16_t) htons(len));
    sum = csum_add16(sum, htons(at));
    if (ipv6) {
        sum = csum_add16(sum, (OVS_FORCE ovs_be16)
                              ~(OVS_FORCE uint16_t) htons(IPPROTO_FRAGMENT));
        sum = csum_add16(sum, htons(IPPROTO_UDP));
    }
    assert(!csum_finish(csum_continue(sum, payload, at)));
    dp_packet_delete_batch(&batch, true);
}

static void
test_nat4(void)
{
    test_nat(false);
}

static void
test_nat6(void)
{
    test_nat(true);
}

/* Threads with zones of their own, all at once. */

static void *
frag_thread(void *zone_)
{
    uintptr_t zone = (uintptr_t) zone_;
    const struct ct_request commit = { .zone = zone, .commit = true };
    struct dp_packet_batch batch;
    struct datagram d;

    for (int i = 0; i < 500; i++) {
        datagram_init(&d, udp(false, 1, 2, 1000, 3000), i, 1280);
        assert(!put_one(&batch, d.frags[1], false, &commit));
        assert(!put_one(&batch, d.frags[0], false, &commit));
        assert(put_one(&batch, d.frags[2], false, &commit) == 3);
        check_all(&batch, NEW, zone);
        ovsrcu_quiesce();
    }
    return NULL;
}

static void
test_threads(void)
{
    pthread_t threads[3];

    for (uintptr_t i = 0; i < ARRAY_SIZE(threads); i++) {
        threads[i] = ovs_thread_create("frag", frag_thread,
                                       (void *) (i + 1));
    }
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        xpthread_join(threads[i], NULL);
    }
    assert(ct_get_nconns(ct) == ARRAY_SIZE(threads));
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    { "order-v4", test_order4 },
    { "order-v6", test_order6 },
    { "apart", test_apart },
    { "overflow", test_overflow },
    { "late", test_late },
    { "late-zones", test_late_zones },
    { "refused", test_refused },
    { "dropped", test_dropped },
    { "nat-v4", test_nat4 },
    { "nat-v6", test_nat6 },
    { "threads", test_threads },
};

int
main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        if (argc < 2 || !strcmp(argv[1], tests[i].name)) {
            ct = ct_create();
            now = time_msec();
            tests[i].run();
            ct_destroy(ct);
            printf("%s ok\n", tests[i].name);
        }
    }
    return 0;
}
