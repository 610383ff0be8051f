/* SPDX-License-Identifier: Apache-2.0 */

/* Early drop: who gives way when the tracker is full, and who stays. */

#include <config.h>

#include "ct-core-test.h"

#include "ct-evict.h"

/* Connection number 'i' of zone 'zone', and its segments. */
static struct test_spec
client(unsigned int i)
{
    struct test_spec s = tcp;

    s.sport = 1024 + i;
    return s;
}

static uint8_t
syn(uint16_t zone, unsigned int i)
{
    const struct ct_request request = { .zone = zone, .commit = true };

    return state(segment(client(i), TCP_SYN, 100, 0), &request);
}

/* The rest of the handshake.  True if there still is the connection. */
static bool
complete(uint16_t zone, unsigned int i)
{
    const struct ct_request request = { .zone = zone };
    struct test_spec s = client(i);

    return (state(segment(back(s), TCP_SYN | TCP_ACK, 500, 101), &request)
            == RPL
            && state(segment(s, TCP_ACK, 101, 501), &request) == EST);
}

static void
establish(uint16_t zone, unsigned int first, unsigned int n)
{
    for (unsigned int i = first; i < first + n; i++) {
        assert(syn(zone, i) == NEW && complete(zone, i));
    }
}

static void
half_open(uint16_t zone, unsigned int first, unsigned int n)
{
    for (unsigned int i = first; i < first + n; i++) {
        assert(syn(zone, i) == NEW);
    }
}

static bool
is_established(uint16_t zone, unsigned int i)
{
    const struct ct_request request = { .zone = zone };

    return state(segment(client(i), TCP_ACK, 101, 501), &request) == EST;
}

static unsigned int
zone_count(uint16_t zone)
{
    struct ct_zone_limit_info info;

    ct_zone_limit_get(ct, zone, &info);
    return info.count;
}

/* A new connection takes the place of the only one in its zone that may go,
 * wherever in the table they are. */
static void
test_sparse(void)
{
    enum { N_ZONES = 300 };

    for (int zone = 1; zone <= N_ZONES; zone++) {
        establish(zone, 0, 1);
        half_open(zone, 1, 1);
    }
    ct_set_maxconns(ct, 2 * N_ZONES);
    advance(1000);
    for (int zone = 1; zone <= N_ZONES; zone++) {
        assert(syn(zone, 1000 + zone) == NEW);
        assert(zone_count(zone) == 2);
        assert(is_established(zone, 0) && complete(zone, 1000 + zone));
    }
    assert(ct_get_nconns(ct) == 2 * N_ZONES);

    /* Now all of them stay. */
    for (int zone = 1; zone <= N_ZONES; zone++) {
        assert(syn(zone, 5000) == DROPPED);
        assert(is_established(zone, 0) && is_established(zone, 1000 + zone));
    }
    assert(ct_counter_get(ct, CT_C_DROP_FULL) == N_ZONES);
}

/* Of many zones one has nearly all connections: they give way to those of all
 * others. */
static void
test_crowded(void)
{
    enum { N_ZONES = 3000, N = 1000, CROWDED = 1234 };

    for (int zone = 1; zone <= N_ZONES; zone++) {
        ct_zone_limit_set(ct, zone, 100000);
    }
    for (int zone = 10; zone <= N_ZONES; zone += 10) {
        establish(zone, 0, 1);
    }
    assert(commit_many(CROWDED, 1, N) == N);
    ct_set_maxconns(ct, N_ZONES / 10 + N);
    advance(1000);
    for (int zone = 1; zone <= N_ZONES; zone += 10) {
        assert(syn(zone, 1) == NEW);
    }
    assert(zone_count(CROWDED) == N - N_ZONES / 10);
    for (int zone = 1; zone <= N_ZONES; zone += 10) {
        assert(complete(zone, 1) && is_established(zone + 9, 0));
    }
    assert(!ct_counter_get(ct, CT_C_DROP_FULL));
}

/* Who fills the tracker suffers: others may be in the middle of handshakes. */
static void
test_bystanders(void)
{
    enum { N_FLOOD = 4000, N_HANDSHAKES = 20 };

    half_open(1, 0, N_FLOOD);
    ct_set_maxconns(ct, N_FLOOD);
    advance(1000);
    for (int i = 0; i < 10; i++) {
        half_open(2, i * N_HANDSHAKES, N_HANDSHAKES);
        half_open(1, N_FLOOD + i * 1000, 1000);
        for (int j = 0; j < N_HANDSHAKES; j++) {
            assert(complete(2, i * N_HANDSHAKES + j));
        }
    }
    assert(ct_get_nconns(ct) == N_FLOOD);
    assert(!ct_zone_counter_get(ct, 2, CT_C_HALF_OPEN_DROP));
}

/* However long a flood lasts, nobody is pushed out before most others,
 * wherever in the table they are. */
static void
test_even(void)
{
    enum { N = 1000, ROUNDS = 2000 };

    ct_zone_limit_set(ct, 1, N);
    half_open(1, 0, N);
    for (int i = 0; i < ROUNDS; i++) {
        unsigned int first = N + i * (N / 4) % 50000;

        /* Ages are known to that: the first ones, which are from before the
         * pressure, would otherwise seem to be younger. */
        now += CT_START_UNIT_MS;
        half_open(1, first, N / 4);
        now += CT_START_UNIT_MS;
        assert(state(segment(back(client(first)), TCP_SYN | TCP_ACK, 500, 101),
                     &(struct ct_request) { .zone = 1 }) == RPL);
        if (i % 16 == 0) {
            ct_run(ct, now);
            ovsrcu_quiesce();
        }
    }
    assert(zone_count(1) == N && !ct_counter_get(ct, CT_C_DROP_LIMIT));
}

/* Who came in the same eighth of a second, too, whatever is left of their
 * time. */
static void
test_instant(void)
{
    ct_zone_limit_set(ct, 1, 10);
    half_open(1, 0, 10);
    for (int i = 0; i < 5; i++) {
        half_open(1, 10 + i, 1);
    }
    for (int i = 0; i < 5; i++) {
        assert(!complete(1, i) && complete(1, 5 + i) && complete(1, 10 + i));
    }
}

/* What nobody would miss goes first. */
static void
test_worth(void)
{
    establish(1, 0, 5);
    half_open(1, 100, 5);
    assert(commit_many(1, 1, 5) == 5);
    ct_set_maxconns(ct, 15);

    for (int i = 0; i < 5; i++) {
        establish(1, 200 + i, 1);
    }
    assert(ct_counter_get(ct, CT_C_HALF_OPEN_DROP) == 5
           && !ct_counter_get(ct, CT_C_EARLY_DROP));
    for (int i = 0; i < 5; i++) {
        establish(1, 300 + i, 1);
    }
    assert(ct_counter_get(ct, CT_C_HALF_OPEN_DROP) == 5
           && ct_counter_get(ct, CT_C_EARLY_DROP) == 5);
    assert(syn(1, 400) == DROPPED);
    for (int i = 0; i < 5; i++) {
        assert(is_established(1, i) && is_established(1, 200 + i)
               && is_established(1, 300 + i));
    }
}

/* A limit or maximum that is made lower than what there is holds again as new
 * connections take the place of old ones. */
static void
test_lowered(void)
{
    ct_zone_limit_set(ct, 1, 100);
    half_open(1, 0, 100);
    ct_zone_limit_set(ct, 1, 10);
    half_open(1, 1000, 100);
    assert(zone_count(1) == 10);

    establish(2, 0, 10);
    assert(commit_many(2, 1, 100) == 100);
    ct_set_maxconns(ct, 50);
    half_open(2, 100, 100);
    assert(ct_get_nconns(ct) == 50);
    for (int i = 0; i < 10; i++) {
        assert(is_established(2, i));
    }
}

static const struct test tests[] = {
    { "sparse", test_sparse },
    { "crowded", test_crowded },
    { "bystanders", test_bystanders },
    { "even", test_even },
    { "instant", test_instant },
    { "worth", test_worth },
    { "lowered", test_lowered },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
