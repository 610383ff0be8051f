/* SPDX-License-Identifier: Apache-2.0 */

/* What helpers announce, change and forget, in a whole tracker. */

#include <config.h>

#include "ct-help-test.h"

#include "ct-nat.h"
#include "ct-nat-port.h"
#include "ct-nat-search.h"

/* Several. */

static void
test_several(void)
{
    struct test_spec s = { .proto = IPPROTO_UDP, .src = 8, .dst = 7,
                           .sport = 98, .dport = 5002 };

    use(ask_several);
    assert(state_with(udp, "x", 1, &commit) == NEW);
    assert(n_expectations() == 3);
    assert(place.dst.ip == test_ip(7) && place.dst_port == htons(5002));
    assert(shows(",udp,src=10.0.0.2,dst=10.0.0.1,sport=*,dport=5000,"));
    assert(shows(",tcp,src=*,dst=10.0.0.2,sport=*,dport=5001,"));
    assert(shows(",udp,src=10.0.0.8,dst=10.0.0.7,sport=99,dport=5002,"));
    assert(shows("helper=mine,class=second,timeout=60\n"));
    assert(shows("helper=mine,class=first,timeout=5,permanent\n"));

    assert(state(s, &look) == NEW);
    s.sport = 99;
    assert(state(s, &look) == (NEW | CS_RELATED));
    assert(state(s, &commit) == (NEW | CS_RELATED));
    assert(n_expectations() == 3 && n_children == 1);
    s = (struct test_spec) { .proto = IPPROTO_TCP, .src = 77, .dst = 2,
                             .sport = 1, .dport = 5001, .flags = TCP_SYN };
    assert(state(s, &commit) == (NEW | CS_RELATED));
    assert(n_expectations() == 2 && n_children == 2);

    /* The same again: nothing more. */
    assert(state_with(udp, "x", 1, &commit) == NEW);
    assert(state_with(udp, "x", 1, &commit) == NEW);
    assert(n_expectations() == 3);
}

/* Nothing of what is dropped. */

static enum ct_helper_verdict
ask_and_drop(struct ct_helper_call *call)
{
    ask_several(call);
    return ct_helper_drop(call, CT_C_DROP_HELPER_PAYLOAD);
}

static void
test_dropped(void)
{
    use(ask_several);
    script = say_nothing;
    assert(state_with(udp, "x", 1, &commit) == NEW);
    script = ask_and_drop;
    assert(state_with(udp, "x", 1, &commit) == DROPPED);
    assert(!n_expectations());
    assert(ct_counter_get(ct, CT_C_DROP_HELPER_PAYLOAD) == 1);

    /* The zone is full: not even a part of them. */
    fill_expectations(&commit);
    unsigned int n = n_expectations();
    assert(n < CT_EXPECT_MAX_PER_ZONE);
    assert(state_with(udp, "x", 1, &commit) == DROPPED);
    assert(n_expectations() == n);
    assert(ct_counter_get(ct, CT_C_DROP_EXPECT) == 1);
}

/* Pairs. */

static enum ct_helper_verdict
ask_pair(struct ct_helper_call *call)
{
    const struct ct_helper_expect ask = {
        .dir = SERVER, .port = htons(asked_port), .pair = true,
    };

    return (ct_helper_expect(call, &ask, &place)
            ? CT_HELPER_ACCEPT : CT_HELPER_DROP);
}

static void
test_pair(void)
{
    struct ct_request taken = snat(100, 6001), r = snat(100, 0);
    struct test_spec s = udp;

    use(say_nothing);
    s.src = 9;
    s.dport = 1;
    assert(state(s, &taken) == (NEW | CS_SRC_NAT));

    /* The second one of 6000 and 6001 is taken. */
    script = ask_pair;
    asked_port = 6000;
    for (int i = 0; i < 2; i++) {
        assert(state_with(udp, "x", 1, &r) == (NEW | CS_SRC_NAT));
        assert(place.dst.ip == test_ip(100));
        assert(place.dst_port == htons(6002));
        assert(n_expectations() == 2);
    }
    assert(shows("dst=10.0.0.100,sport=*,dport=6002,"
                 "nat=(src=10.0.0.2,dst=10.0.0.1,dport=6000)"));
    assert(shows("dst=10.0.0.100,sport=*,dport=6003,"
                 "nat=(src=10.0.0.2,dst=10.0.0.1,dport=6001)"));

    /* 6002 and 6003 are, too, for another client. */
    s = udp;
    s.src = 3;
    assert(state_with(s, "x", 1, &r) & CS_SRC_NAT);
    assert(place.dst_port == htons(6004));

    /* At the end of the ports it goes on at their beginning. */
    asked_port = 65534;
    s.src = 4;
    assert(state_with(s, "x", 1, &r) & CS_SRC_NAT);
    assert(place.dst_port == htons(65534));
    s.src = 5;
    assert(state_with(s, "x", 1, &r) & CS_SRC_NAT);
    assert(place.dst_port == htons(1024));

    /* Given back. */
    ct_flush(ct, NULL, NULL);
    advance(2000);
    asked_port = 6002;
    assert(state_with(udp, "x", 1, &r) == (NEW | CS_SRC_NAT));
    assert(place.dst_port == htons(6002));
}

/* The only one that is free, among many ports that are. */
static void
test_pair_far(void)
{
    struct ct_nat_pools *pools = ct_get_nat(ct)->pools;
    struct ct_request r = snat(100, 0);
    struct ct_tuple seen = { .proto = IPPROTO_UDP, .src.ip = test_ip(100) };
    struct ct_nat_pool_key key;

    ct_nat_pool_key_init(&key, r.zone, &seen);
    for (unsigned int port = 1025; port <= UINT16_MAX; port += 2) {
        assert(port == 5001 || ct_nat_port_reserve(pools, &key, port));
    }
    use(ask_pair);
    asked_port = 6000;
    assert(state_with(udp, "x", 1, &r) & CS_SRC_NAT);
    assert(place.dst_port == htons(5000) && n_expectations() == 2);
}

/* Another address than the announcing end's. */

static enum ct_helper_verdict
ask_elsewhere(struct ct_helper_call *call)
{
    const struct ct_helper_expect ask = {
        .dir = !call->dir, .port = htons(7000), .has_dst = true,
        .dst.ip = test_ip(call->dir == CLIENT ? 40 : 50), .any_src = true,
    };

    return (ct_helper_expect(call, &ask, &place)
            ? CT_HELPER_ACCEPT : CT_HELPER_DROP);
}

static void
test_elsewhere(void)
{
    struct ct_request r = snat(100, 0), related = { .zone = 1 };
    struct test_spec s = { .proto = IPPROTO_UDP, .src = 66, .dst = 100,
                           .sport = 1, .dport = 7000 };
    struct dp_packet *p;

    /* Of the client: what is behind the translation is seen as the client. */
    use(ask_elsewhere);
    assert(state_with(udp, "x", 1, &r) == (NEW | CS_SRC_NAT));
    assert(place.dst.ip == test_ip(100) && place.dst_port == htons(7000));
    related.commit = true;
    related.nat.kind = CT_NAT_EXISTING;
    p = test_ct(ct, test_packet(&s), false, &related, now);
    assert(p->md.ct_state == (NEW | CS_RELATED | CS_DST_NAT));
    const struct ip_header *ip = dp_packet_l3(p);
    assert(get_16aligned_be32(&ip->ip_dst) == test_ip(40));
    /* A stranger stays what it is. */
    assert(get_16aligned_be32(&ip->ip_src) == test_ip(66));
    dp_packet_delete(p);

    /* Of the server, which is not translated. */
    s = back(udp);
    s.dst = 100;
    related.commit = false;
    assert(state_with(s, "x", 1, &related) & CS_ESTABLISHED);
    assert(place.dst.ip == test_ip(50) && place.dst_port == htons(7000));
}

/* Media of both ends. */

static enum ct_helper_verdict
ask_media(struct ct_helper_call *call)
{
    const struct ct_helper_expect ask = {
        .dir = !call->dir, .port = htons(8000),
    };

    return (ct_helper_expect(call, &ask, &place)
            ? CT_HELPER_ACCEPT : CT_HELPER_DROP);
}

static void
test_own_port(void)
{
    struct ct_request taken = snat(100, 8000), r = snat(100, 0);
    struct ct_request nat = { .zone = 1, .nat.kind = CT_NAT_EXISTING };
    struct test_spec s = udp;
    struct dp_packet *p;

    use(say_nothing);
    s.src = 9;
    s.dport = 1;
    assert(state(s, &taken) == (NEW | CS_SRC_NAT));

    script = ask_media;
    assert(state_with(udp, "x", 1, &r) == (NEW | CS_SRC_NAT));
    assert(place.dst_port == htons(8001));
    s = back(udp);
    s.dst = 100;
    assert(state_with(s, "x", 1, &nat) & CS_ESTABLISHED);
    assert(n_expectations() == 2);

    /* The client begins: seen at the port that it had announced. */
    s = udp;
    s.sport = s.dport = 8000;
    nat.commit = true;
    p = test_ct(ct, test_packet(&s), false, &nat, now);
    assert(p->md.ct_state == (NEW | CS_RELATED | CS_SRC_NAT));
    const struct udp_header *uh = dp_packet_l4(p);
    assert(uh->udp_src == htons(8001) && uh->udp_dst == htons(8000));
    dp_packet_delete(p);

    /* So that what the server sends is an answer. */
    s = back(s);
    s.dst = 100;
    s.dport = 8001;
    assert(state(s, &nat) == (RPL | CS_RELATED | CS_DST_NAT));
}

/* What is expected already. */

static struct ct_helper_match match;
static unsigned int answer, refresh_for;

static enum ct_helper_verdict
forget_match(struct ct_helper_call *call)
{
    answer = (refresh_for ? ct_helper_refresh(call, &match, refresh_for)
              : ct_helper_forget(call, &match));
    return CT_HELPER_ACCEPT;
}

static unsigned int
ask_match(void)
{
    script = forget_match;
    assert(state_with(udp, "x", 1, &commit) == NEW);
    return answer;
}

static void
test_forget(void)
{
    struct test_spec s = udp;

    use(ask_several);
    assert(state_with(udp, "x", 1, &commit) == NEW);
    s.sport++;
    assert(state_with(s, "x", 1, &commit) == NEW);
    assert(n_expectations() == 6);

    match = (struct ct_helper_match) { .class = 1, .dir = SERVER };
    assert(ask_match() == 0);
    match.any_dir = true;
    match.inactive = true;
    assert(ask_match() == 0);
    match.inactive = false;
    assert(ask_match() == 1 && n_expectations() == 5);
    assert(ask_match() == 0);
    match = (struct ct_helper_match) {
        .class = -1, .dir = SERVER, .has_dst = true, .dst.ip = test_ip(6),
    };
    assert(ask_match() == 0);
    match.dst.ip = test_ip(7);
    refresh_for = 77;
    assert(ask_match() == 1 && shows(",timeout=77,permanent\n"));
    refresh_for = 0;
    match.port = htons(5000);
    assert(ask_match() == 0);
    match.port = htons(5002);
    assert(ask_match() == 1 && n_expectations() == 4);
    match = (struct ct_helper_match) { .class = -1, .any_dir = true };
    assert(ask_match() == 1 && n_expectations() == 3);

    /* Inactive, until it is refreshed. */
    script = ask_inactive;
    assert(state_with(udp, "x", 1, &commit) == NEW);
    s = back(udp);
    s.dport = 9000;
    assert(state(s, &look) == NEW);
    refresh_for = 10;
    match.inactive = true;
    assert(ask_match() == 1 && ask_match() == 0);
    assert(state(s, &look) == (NEW | CS_RELATED));
}

/* Six of a class that may have four: ports 7001 to 7006. */
static enum ct_helper_verdict
ask_many(struct ct_helper_call *call)
{
    for (asked_port = 7001; asked_port <= 7006; asked_port++) {
        if (ask_class(call)) {
            return CT_HELPER_DROP;
        }
    }
    return CT_HELPER_ACCEPT;
}

/* What would give way at once takes no room, and no ports. */
static void
test_many(void)
{
    struct ct_request r = snat(100, 0), taken = snat(100, 7001);
    const struct ct_zone *zone;
    struct test_spec s = udp;

    use(say_nothing);
    asked_class = 0;
    assert(state_with(udp, "x", 1, &r) & CS_SRC_NAT);
    zone = ct_zone_get(ct, r.zone);
    fill_expectations(&(struct ct_request) { .zone = r.zone, .commit = true });
    while (zone->expects.n > CT_EXPECT_MAX_PER_ZONE - 4) {
        struct ct_expects *expects = &ct_zone_get(ct, r.zone)->expects;
        const struct ct_expectation *e = CONTAINER_OF(
            hmap_first(&expects->by_place), struct ct_expectation, node);

        assert(ct_expects_delete(ct, r.zone, e->id) == 1);
    }
    script = ask_many;
    assert(state_with(udp, "x", 1, &r) & CS_SRC_NAT);
    assert(zone->expects.n == CT_EXPECT_MAX_PER_ZONE);
    assert(shows_not("dport=7002)") && shows("dport=7003)"));
    assert(shows("dport=7006)"));

    s.src = 9;
    s.dport = 1;
    assert(state(s, &taken) == (NEW | CS_SRC_NAT));
}

/* Each class has its maximum; the oldest of it gives way. */
static void
test_classes(void)
{
    use(ask_class);
    asked_port = 1;
    for (int i = 0; i < 10; i++) {
        for (asked_class = 0; asked_class < 2; asked_class++, asked_port++) {
            assert(state_with(udp, "x", 1, &commit) == NEW);
        }
    }
    assert(n_expectations() == 6);
    assert(shows("dport=20,") && shows("dport=18,") && shows_not("dport=16,"));
    assert(shows("dport=19,") && shows("dport=13,") && shows_not("dport=11,"));
}

/* From a subnet, for who asks all of a link. */

static bool was_broadcast;

static enum ct_helper_verdict
ask_subnet(struct ct_helper_call *call)
{
    const struct ct_helper_expect ask = {
        .dir = SERVER, .port = call->tuples[CLIENT].src_port,
        .has_src = true, .src.ip = test_ip(4), .src_prefix = 30,
        .src_port = htons(53), .permanent = true,
    };

    was_broadcast = call->broadcast;
    assert(ct_helper_expect(call, &ask, NULL));
    return CT_HELPER_ACCEPT;
}

static void
test_subnet(void)
{
    struct dp_packet *p = packet_with(udp, "x", 1);
    struct test_spec s = back(udp);
    struct eth_header *eth = dp_packet_eth(p);

    use(ask_subnet);
    eth->eth_dst = eth_addr_broadcast;
    dp_packet_delete(test_ct(ct, p, false, &commit, now));
    assert(was_broadcast && n_expectations() == 1);
    assert(shows(",udp,src=10.0.0.4/30,dst=10.0.0.1,sport=53,"));
    for (int host = 3; host <= 8; host++) {
        s.src = host;
        s.sport = 53;
        assert(state(s, &commit) == (host >= 4 && host <= 7
                                     ? (NEW | CS_RELATED) : NEW));
        s.sport = 54;
        assert(state(s, &look) == NEW);
    }
    assert(n_expectations() == 1);
    assert(state_with(udp, "x", 1, &commit) == NEW && !was_broadcast);
}

/* In a full zone: who gives way, and for whom nobody has to. */

/* 'client' announces 'port' in class 'class'. */
static uint8_t
announce_in(uint16_t client, unsigned int class, uint16_t port)
{
    struct test_spec s = udp;

    script = ask_class;
    asked_class = class;
    asked_port = port;
    s.src = client;
    return state_with(s, "x", 1, &commit);
}

/* Leaves one of the oldest connection, which nobody would miss. */
static uint32_t
spare_oldest(void)
{
    struct ct_expects *expects = &ct_zone_get(ct, 0)->expects;
    struct ct_expectation *e, *oldest = NULL;
    struct ct_conn *parent;
    uint32_t id;

    HMAP_FOR_EACH (e, node, &expects->by_place) {
        oldest = oldest && oldest->id < e->id ? oldest : e;
    }
    parent = oldest->parent;
    id = oldest->id;
    atomic_fetch_and(&parent->status, ~CT_DPIF_STATUS_ASSURED);
    assert(ct_expects_delete(ct, 0, id + 1) == 1);
    assert(ct_expects_delete(ct, 0, id + 2) == 1);
    assert(oldest->parent == parent);
    return id;
}

static void
test_full(void)
{
    struct test_spec s = udp;
    char oldest[32];
    unsigned int n;

    use(say_nothing);
    assert(state_with(udp, "x", 1, &commit) == NEW);
    fill_expectations(&commit);
    n = n_expectations();
    snprintf(oldest, sizeof oldest, " id=%"PRIu32",", spare_oldest());
    assert(announce_in(21, 1, 1) == NEW && announce_in(21, 1, 2) != DROPPED);
    assert(n_expectations() == n && n == CT_EXPECT_MAX_PER_ZONE - 1);

    /* All or nothing: three do not find room, though one would give way. */
    script = ask_several;
    s.src = 23;
    assert(state_with(s, "x", 1, &commit) == DROPPED);
    assert(n_expectations() == n && shows(oldest));
    assert(!ct_counter_get(ct, CT_C_EXPECT_GAVE_WAY));

    /* One finds it. */
    assert(announce_in(24, 0, 1) == NEW && shows(oldest));
    assert(announce_in(25, 0, 1) == NEW && shows_not(oldest));
    assert(ct_counter_get(ct, CT_C_EXPECT_GAVE_WAY) == 1);
    assert(n_expectations() == CT_EXPECT_MAX_PER_ZONE);

    /* Who replaces its own needs none: the same, or the oldest of a class. */
    assert(announce_in(21, 1, 2) != DROPPED);
    assert(announce_in(21, 1, 3) != DROPPED && shows(",dport=3,"));
    assert(ct_counter_get(ct, CT_C_EXPECT_GAVE_WAY) == 1);
    assert(n_expectations() == CT_EXPECT_MAX_PER_ZONE);
}

/* The closest is met first: from one address, then from the longer prefix,
 * then from anybody. */

static enum ct_helper_verdict
ask_sources(struct ct_helper_call *call)
{
    /* Each to its own address behind the place, to tell them apart. */
    const struct ct_helper_expect asks[] = {
        { .any_src = true },
        { .has_src = true, .src_prefix = 24 },
        { .has_src = true, .src_prefix = 29 },
        { .has_src = true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
        struct ct_helper_expect ask = asks[i];

        ask.dir = SERVER;
        ask.src.ip = test_ip(16);
        ask.settled = true;
        ask.settled_dst = htons(9000);
        ask.port = htons(9001 + i);
        assert(ct_helper_expect(call, &ask, &place));
    }
    return CT_HELPER_ACCEPT;
}

static void
test_sources(void)
{
    struct test_spec s = { .proto = IPPROTO_UDP, .src = 16, .dst = 1,
                           .sport = 40000, .dport = 9000 };
    static const uint16_t sources[] = { 16, 17, 24, 0x1000, 16 };

    use(ask_sources);
    assert(state_with(udp, "x", 1, &commit) == NEW);
    assert(n_expectations() == 4);
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
        s.src = sources[i];
        s.sport++;
        assert(state(s, &commit) == (NEW | (i < 4 ? CS_RELATED : 0)));
        if (i < 4) {
            char port[32];

            snprintf(port, sizeof port, "dport=%d)", 9004 - (int) i);
            assert(shows_not(port));
        }
    }
    assert(!n_expectations());
}

static const struct test tests[] = {
    { "several", test_several },
    { "dropped", test_dropped },
    { "pair", test_pair },
    { "pair-far", test_pair_far },
    { "elsewhere", test_elsewhere },
    { "own-port", test_own_port },
    { "forget", test_forget },
    { "classes", test_classes },
    { "many", test_many },
    { "subnet", test_subnet },
    { "full", test_full },
    { "sources", test_sources },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
