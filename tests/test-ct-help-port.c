/* SPDX-License-Identifier: Apache-2.0 */

/* Ports of expectations under translation: whose they are when they are
 * announced again, and how they are given back. */

#include <config.h>

#include "ct-help-test.h"

#include "ct-nat-port.h"

/* A port that is announced again stays the announcing host's, whatever becomes
 * meanwhile of the expectation that has it. */

static uint16_t again[8];           /* Ports to ask for; 0: no more. */
static unsigned int answer;         /* To forget or refresh. */
static enum ct_helper_verdict (*meanwhile)(struct ct_helper_call *);

static enum ct_helper_verdict
ask_again(struct ct_helper_call *call)
{
    asked_class = 0;
    for (size_t i = 0; i < ARRAY_SIZE(again) && again[i]; i++) {
        asked_port = again[i];
        if (ask_class(call)) {
            return CT_HELPER_DROP;
        }
    }
    return meanwhile ? meanwhile(call) : CT_HELPER_ACCEPT;
}

/* 'client' announces ports, up to a 0. */
#define ANNOUNCE(CLIENT_, ...)                                               \
    (memcpy(again, ((uint16_t[8]) { __VA_ARGS__ }), sizeof again),           \
     announce(CLIENT_))

static uint16_t
announce(uint16_t client)
{
    struct ct_request r = snat(100, 0);
    struct test_spec s = udp;

    s.src = client;
    s.sport += client;
    assert(state_with(s, "x", 1, &r) & CS_SRC_NAT);
    return ntohs(place.dst_port);
}

/* To whom a packet from the server to that port at the public address goes. */
static ovs_be32
receiver(uint16_t port)
{
    struct ct_request r = { .zone = 1, .commit = true,
                            .nat.kind = CT_NAT_EXISTING };
    struct test_spec s = { .proto = IPPROTO_UDP, .src = 2, .dst = 100,
                           .sport = 40000, .dport = port };
    struct dp_packet *p = test_ct(ct, test_packet(&s), false, &r, now);
    const struct ip_header *ip = dp_packet_l3(p);
    ovs_be32 dst = get_16aligned_be32(&ip->ip_dst);

    dp_packet_delete(p);
    return dst;
}

static void
check_kept(void)
{
    uint16_t others = ANNOUNCE(3, 7001);

    assert(others != 7001);
    assert(receiver(others) == test_ip(3));
    assert(receiver(7001) == test_ip(1));
}

/* The oldest of its class, it gives way to another one of the same packet. */
static void
test_again_oldest(void)
{
    use(ask_again);
    meanwhile = NULL;
    assert(ANNOUNCE(1, 7001, 7002, 7003, 7004) == 7004);
    assert(ANNOUNCE(1, 7005, 7001) == 7001);
    assert(n_expectations() == 4);
    check_kept();
}

static enum ct_helper_verdict
end_all(struct ct_helper_call *call OVS_UNUSED)
{
    assert(ct_expects_delete(ct, -1, 0) == 1);
    return CT_HELPER_ACCEPT;
}

/* It ends before the new one is added. */
static void
test_again_ended(void)
{
    use(ask_again);
    meanwhile = NULL;
    assert(ANNOUNCE(1, 7001) == 7001);
    meanwhile = end_all;
    assert(ANNOUNCE(1, 7001) == 7001);
    meanwhile = NULL;
    assert(n_expectations() == 1);
    check_kept();
}

static enum ct_helper_verdict
drop(struct ct_helper_call *call)
{
    return ct_helper_drop(call, CT_C_DROP_HELPER_PAYLOAD);
}

/* The packet is dropped, the first expectation stays as it was. */
static void
test_again_dropped(void)
{
    struct ct_request r = snat(100, 0);
    struct test_spec s = udp;

    s.sport++;
    use(ask_again);
    meanwhile = NULL;
    assert(ANNOUNCE(1, 7001) == 7001);
    meanwhile = drop;
    assert(state_with(s, "x", 1, &r) == DROPPED);
    meanwhile = NULL;
    assert(n_expectations() == 1);
    check_kept();
    /* Used up, it is free. */
    assert(ANNOUNCE(4, 7001) == 7001);
}

static enum ct_helper_verdict
forget_all(struct ct_helper_call *call)
{
    const struct ct_helper_match all = { .class = -1, .any_dir = true };

    answer = ct_helper_forget(call, &all);
    return CT_HELPER_ACCEPT;
}

static enum ct_helper_verdict
forget_and_ask(struct ct_helper_call *call)
{
    forget_all(call);
    return ask_again(call);
}

static enum ct_helper_verdict
ask_and_refresh(struct ct_helper_call *call)
{
    const struct ct_helper_match all = { .class = -1, .any_dir = true };
    enum ct_helper_verdict verdict = ask_inactive(call);

    answer = ct_helper_refresh(call, &all, 77);
    return verdict;
}

/* What the same packet has announced is forgotten and refreshed, too. */
static void
test_forget_pending(void)
{
    use(ask_again);
    meanwhile = NULL;
    assert(ANNOUNCE(1, 7001) == 7001);
    meanwhile = forget_all;
    assert(ANNOUNCE(1, 7002, 7001) == 7001);
    assert(answer == 3 && !n_expectations());

    /* Not what is announced behind that. */
    meanwhile = NULL;
    assert(ANNOUNCE(1, 7001, 7002) == 7002);
    script = forget_and_ask;
    assert(ANNOUNCE(1, 7001) == 7001);
    assert(answer == 2 && n_expectations() == 1);
    script = ask_again;
    check_kept();

    script = ask_and_refresh;
    announce(4);
    assert(answer == 1 && shows(",timeout=77\n") && shows_not("inactive"));
    assert(receiver(9000) == test_ip(4));
}

/* A port that is released may end its pool, under a mutex: the spin lock of
 * the zone is not held then, and who ends many lets others have it in
 * between. */

static struct ct_expects *watched;
static unsigned int n_watched, n_released;

void __real_ct_nat_port_release(struct ct_nat_pool *, uint16_t);
void __wrap_ct_nat_port_release(struct ct_nat_pool *, uint16_t);

void
__wrap_ct_nat_port_release(struct ct_nat_pool *pool, uint16_t port)
{
    if (watched) {
        assert(ct_spin_try(&watched->lock));
        ct_spin_unlock(&watched->lock);
        /* Those that have ended and wait for their release. */
        assert(n_watched < watched->n + n_released + 512);
        n_released++;
    }
    __real_ct_nat_port_release(pool, port);
}

/* From now on. */
static void
watch(void)
{
    watched = &ct_zone_get(ct, 1)->expects;
    n_watched = watched->n;
    n_released = 0;
}

static void
announce_many(void)
{
    watched = NULL;
    for (int client = 101; client <= 700; client++) {
        ANNOUNCE(client, 7001, 7002, 7003, 7004);
    }
    assert(n_expectations() == 600 * 4);
}

static void
test_unlocked(void)
{
    const uint16_t zone = 1;

    use(ask_again);
    meanwhile = NULL;
    announce_many();

    /* The oldest, and all of one connection. */
    watch();
    ANNOUNCE(101, 7005, 7006);
    assert(n_released == 2);
    meanwhile = forget_all;
    ANNOUNCE(101);
    meanwhile = NULL;
    assert(answer == 4 && n_released == 6 && watched->n == n_watched - 4);

    /* By time, by command, with the zone. */
    announce_many();
    watch();
    ct_expects_expire(ct, now + 29 * 1000);
    assert(watched->n == n_watched && !n_released);
    ct_expects_expire(ct, now + 30 * 1000);
    assert(!watched->n && n_released == n_watched);
    announce_many();
    watch();
    assert(ct_expects_delete(ct, zone, 0) == n_watched);
    assert(!watched->n && n_released == n_watched);
    announce_many();
    watch();
    ct_flush(ct, &zone, NULL);
    assert(!watched->n && n_released == n_watched);
    watched = NULL;
}
static const struct test tests[] = {
    { "again-oldest", test_again_oldest },
    { "again-ended", test_again_ended },
    { "again-dropped", test_again_dropped },
    { "forget-pending", test_forget_pending },
    { "unlocked", test_unlocked },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
