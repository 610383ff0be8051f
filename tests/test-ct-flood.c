/* SPDX-License-Identifier: Apache-2.0 */

/* A flood of SYNs into a zone with a limit, or a tracker with a maximum, of
 * 10,000, while others have their connections and open new ones.
 *
 * Time is virtual: 10,000 SYNs come a second, of random addresses and ports,
 * and nobody answers them.  In each second 100 clients do a whole handshake
 * in between, with 100 ms from each segment to the next; their connections
 * end with a RST.  100 other connections stay, and talk once a second. */

#include <config.h>

#include "ct-core-test.h"

#include "random.h"

enum {
    LIMIT = 10000,
    N_OLD = 100,                /* Connections that stay. */
    N_NEW = 100,                /* Handshakes a second. */
    SYNS_PER_MS = 10,
    STEP_MS = 100,              /* From segment to segment. */
};

static const struct ct_request in_zone = { .zone = 1, .commit = true };
static const struct ct_request passing = { .zone = 1 };

/* What became of the flood's SYNs, and of handshakes. */
static unsigned int n_syns, n_let_in, n_whole;

static void
flood(unsigned int ms)
{
    struct test_spec s = tcp;

    for (unsigned int i = 0; i < ms; i++) {
        for (int j = 0; j < SYNS_PER_MS; j++) {
            uint32_t r = random_uint32();

            s.src = 1000 + (r & 0x7fff);
            s.sport = r >> 16;
            s.dport = 1000 + random_range(60000);
            n_syns++;
            n_let_in += state(segment(s, TCP_SYN, r, 0), &in_zone) == NEW;
        }
        now++;
        ovsrcu_quiesce();
    }
    ct_run(ct, now);
}

static struct test_spec
client(unsigned int i, uint16_t host)
{
    struct test_spec s = tcp;

    s.src = host;
    s.sport = 1024 + i;
    return s;
}

/* The handshakes of N_NEW clients, a segment of each, then a while of flood.
 * Returns how many were let through as they must. */
static unsigned int
send_all(unsigned int first, uint16_t host, int segment_no)
{
    unsigned int ok = 0;

    for (unsigned int i = 0; i < N_NEW; i++) {
        struct test_spec s = client(first + i, host);

        switch (segment_no) {
        case 0:
            ok += state(segment(s, TCP_SYN, 100, 0), &in_zone) == NEW;
            break;
        case 1:
            ok += state(segment(back(s), TCP_SYN | TCP_ACK, 500, 101),
                        &passing) == RPL;
            break;
        case 2:
            ok += state(segment(s, TCP_ACK, 101, 501), &passing) == EST;
            break;
        case 3:
            state(segment(s, TCP_RST | TCP_ACK, 101, 501), &passing);
            break;
        }
    }
    return ok;
}

/* Each of the old connections is still there. */
static void
check_old(void)
{
    for (unsigned int i = 0; i < N_OLD; i++) {
        struct test_spec s = client(i, 1);

        assert(state(segment(s, TCP_ACK, 101, 501), &passing) == EST);
        assert(state(segment(back(s), TCP_ACK, 501, 101), &passing) == RPL);
    }
}

/* A second of everything.  All three segments of a handshake must pass. */
static void
one_second(unsigned int number)
{
    unsigned int first = number * N_NEW % 60000, ok[3];

    for (int i = 0; i < 3; i++) {
        ok[i] = send_all(first, 3, i);
        flood(STEP_MS);
    }
    n_whole += MIN(ok[0], MIN(ok[1], ok[2]));
    send_all(first, 3, 3);
    check_old();
    flood(1000 - 3 * STEP_MS);
}

static void
establish_old(void)
{
    for (int i = 0; i < 3; i++) {
        assert(send_all(0, 1, i) == N_OLD);
    }
}

static int64_t
zone_count(void)
{
    struct ct_zone_limit_info info;

    ct_zone_limit_get(ct, 1, &info);
    return info.count;
}

static void
run_flood(unsigned int seconds)
{
    n_syns = n_let_in = n_whole = 0;
    for (unsigned int i = 0; i < seconds; i++) {
        one_second(i);
        assert(zone_count() <= LIMIT);
    }
}

/* A million SYNs: all handshakes are whole. */
static void
test_limit(void)
{
    ct_zone_limit_set(ct, 1, LIMIT);
    establish_old();
    run_flood(100);
    assert(n_syns == 1000000 && n_whole == 100 * N_NEW);
    assert(zone_count() > LIMIT - LIMIT / 10);

    /* The flood is over: what is left of it goes in ten seconds. */
    uint64_t n_gone = ct_counter_get(ct, CT_C_HALF_OPEN_DROP);
    assert(n_gone > 900000);
    assert(ct_zone_counter_get(ct, 1, CT_C_HALF_OPEN_DROP) == n_gone);
    assert(ct_counter_get(ct, CT_C_HALF_OPEN_SHORT) > 900000);
    assert(!ct_counter_get(ct, CT_C_DROP_LIMIT));
    advance(11000);
    assert(zone_count() == N_OLD);
    check_old();
}

/* Half-open connections of one instant. */
static void
burst(unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        assert(state(segment(client(i, 5), TCP_SYN, 100, 0), &in_zone)
               == NEW);
    }
}

/* A short flood, of which most is there before the zone is under pressure:
 * that goes as soon, whether others take its place or not. */
static void
test_short(void)
{
    static const unsigned int sizes[] = { 300, 80 };

    ct_zone_limit_set(ct, 1, 100);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        burst(sizes[i]);
        assert(zone_count() == MIN(sizes[i], 100));
        advance(100);           /* Maintenance, as often as it comes. */
        advance(9800);
        assert(zone_count() == MIN(sizes[i], 100));
        advance(300);
        assert(!zone_count());
    }

    /* Established ones stay, and half-open ones where there is room. */
    establish_old();
    advance(60000);
    check_old();
    ct_flush(ct, NULL, NULL);
    burst(75);
    advance(60000);
    assert(zone_count() == 75);
}

/* The same if it is the tracker that is full. */
static void
test_maximum(void)
{
    ct_set_maxconns(ct, LIMIT);
    establish_old();
    run_flood(100);
    assert(n_syns == 1000000 && n_whole == 100 * N_NEW);
    assert(ct_counter_get(ct, CT_C_HALF_OPEN_DROP) > 900000);
    assert(!ct_counter_get(ct, CT_C_DROP_FULL));
}

/* Without: once the zone is full, nobody gets in but now and then, when
 * something expires. */
static void
test_limit_without(void)
{
    ct_switch_set(ct, CT_SWITCH_HALF_OPEN_DROP, CT_SET_BY_COMMAND, 0);
    ct_zone_limit_set(ct, 1, LIMIT);
    establish_old();
    run_flood(20);
    assert(n_whole <= 2 * N_NEW);
    assert(!ct_counter_get(ct, CT_C_HALF_OPEN_DROP)
           && !ct_counter_get(ct, CT_C_HALF_OPEN_SHORT));
    assert(ct_counter_get(ct, CT_C_DROP_LIMIT) > 150000);

    /* Switched on, it helps at once. */
    ct_switch_set(ct, CT_SWITCH_HALF_OPEN_DROP, CT_SET_BY_COMMAND, -1);
    run_flood(20);
    assert(n_whole == 20 * N_NEW);
}

/* What has no half-open connections meets the limit, and does not push out
 * those of others. */
static void
test_udp(void)
{
    struct test_spec s = tcp;

    ct_zone_limit_set(ct, 1, 10);
    for (int i = 0; i < 10; i++) {
        s.sport = i + 1;
        assert(state(segment(s, TCP_SYN, 100, 0), &in_zone) == NEW);
    }
    assert(!commit_many(1, 1, 100));
    assert(ct_counter_get(ct, CT_C_DROP_LIMIT) == 100);
    assert(dump_count(1) == 10);

    /* And a SYN pushes out no UDP, nor an established connection. */
    ct_flush(ct, NULL, NULL);
    assert(commit_many(1, 1, 5) == 5);
    for (int i = 0; i < 5; i++) {
        s.sport = i + 1;
        assert(state(segment(s, TCP_SYN, 100, 0), &in_zone) == NEW);
        assert(state(segment(back(s), TCP_SYN | TCP_ACK, 500, 101), &passing)
               == RPL);
        assert(state(segment(s, TCP_ACK, 101, 501), &passing) == EST);
    }
    s.sport = 77;
    assert(state(segment(s, TCP_SYN, 100, 0), &in_zone) == DROPPED);
    assert(dump_count(1) == 10);
}

static const struct test tests[] = {
    { "limit", test_limit },
    { "maximum", test_maximum },
    { "short", test_short },
    { "limit-without", test_limit_without },
    { "udp", test_udp },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
