/* SPDX-License-Identifier: Apache-2.0 */

/* Joint connections: made, found, updated, read, dissolved; and several
 * threads at it. */

#include <config.h>

#include "ct-dump.h"
#include "ct-joint.h"
#include "dpif.h"

#include "ct-core-test.h"

enum { N_ZONES = 3 };

/* What a datapath remembers of one direction. */
struct way {
    struct test_spec spec;
    struct ct_track tracks[N_ZONES];
    ct_joint joint;
};

static struct ct_request
in_zone(unsigned int i, bool do_commit)
{
    return (struct ct_request) {
        .zone = 1 + i, .commit = do_commit, .timeout_policy = DEFAULT_TP_ID
    };
}

/* A packet through ct() in all zones, one by one; the connections that it met
 * are remembered in 'way'. */
static void
walk(struct way *way, bool do_commit)
{
    for (unsigned int i = 0; i < N_ZONES; i++) {
        struct ct_request request = in_zone(i, do_commit);
        struct dp_packet *p = test_ct(ct, test_packet(&way->spec),
                                      way->spec.ipv6, &request, now);

        assert(p && !(p->md.ct_state & CS_INVALID));
        ct_track_remember(p, 0, &way->tracks[i]);
        dp_packet_delete(p);
    }
}

/* A conversation that is established in all zones, and lasts long enough to be
 * ASSURED over UDP as well. */
static void
converse(struct test_spec spec, struct way ways[2])
{
    ways[0] = (struct way) { .spec = spec };
    ways[1] = (struct way) { .spec = back(spec) };
    walk(&ways[0], true);
    walk(&ways[1], false);
    now += 2001;
    walk(&ways[0], false);
    walk(&ways[1], false);
}

static struct ct_conn *
conn_of(const struct way *way, unsigned int i)
{
    return ct_track_conn(ct, &way->tracks[i]);
}

static bool
is_joint(const struct way *way)
{
    bool joint = ct_joint_has(conn_of(way, 0));

    for (unsigned int i = 1; i < N_ZONES; i++) {
        assert(ct_joint_has(conn_of(way, i)) == joint);
    }
    return joint;
}

/* A packet by way->joint: false if there is none any more. */
static bool
ride(struct way *way)
{
    struct ct_track_request requests[N_ZONES], *pointers[N_ZONES];
    struct dp_packet *p = test_packet(&way->spec);
    struct ct_request plain[N_ZONES];
    struct ct_track_context context = {
        .ct = ct, .now = now, .dl_type = htons(ETH_TYPE_IP),
        .request = &plain[0],
    };
    unsigned int lead = ct_joint_step(way->joint);
    struct ct_packet packet;
    bool updated;

    for (unsigned int i = 0; i < N_ZONES; i++) {
        plain[i] = in_zone(i, false);
        pointers[i] = &requests[i];
        ct_track_prepare(&requests[i], ct, &plain[i]);
    }
    ct_track_prepared(pointers, N_ZONES);
    assert(ct_joint_allowed(pointers, N_ZONES));
    dp_packet_set_l3(p, dp_packet_l3(p));
    assert(ct_track_begin(&packet, p, &context));
    updated = (way->joint
               && ct_joint_update(&packet, &requests[0], conn_of(way, lead),
                                  &way->tracks[lead], way->joint));
    for (unsigned int i = 0; updated && i < N_ZONES; i++) {
        assert(ct_joint_pass(&packet, &requests[i], conn_of(way, i),
                             &way->tracks[i]) == CT_TRACK_DONE);
        assert(packet.ct_state & CS_ESTABLISHED);
        assert(packet.conn == conn_of(way, i));
    }
    dp_packet_delete(p);
    return updated;
}

static struct ct_dpif_entry
entry_of(const struct way *way, unsigned int i)
{
    struct ct_dpif_entry entry;

    ct_dump_fill(ct, conn_of(way, i), now, &entry);
    return entry;
}

static void
check_packets(const struct way *way, unsigned int i, uint64_t orig,
              uint64_t reply)
{
    struct ct_dpif_entry entry = entry_of(way, i);

    assert(entry.counters_orig.packets == orig);
    assert(entry.counters_reply.packets == reply);
    assert(!(entry.status & ~CT_DPIF_STATUS_MASK));
}

static void
join(struct way ways[2])
{
    assert(ct_joint_make(ct, ways[0].tracks, N_ZONES));
    for (int dir = 0; dir < 2; dir++) {
        ways[dir].joint = ct_joint_find(ct, ways[dir].tracks, N_ZONES);
        assert(ways[dir].joint);
    }
    assert(is_joint(&ways[0]));
}

/* One update is for all; dissolved, each goes on by itself. */
static void
test_update(void)
{
    struct ct_request request = in_zone(1, false);
    struct way ways[2];

    converse(udp, ways);
    check_packets(&ways[0], 2, 2, 2);
    join(ways);
    assert(!ct_joint_make(ct, ways[0].tracks, N_ZONES));
    assert(ride(&ways[0]) && ride(&ways[0]) && ride(&ways[1]));
    for (unsigned int i = 0; i < N_ZONES; i++) {
        check_packets(&ways[0], i, 4, 3);
    }

    /* In one zone alone, by the slow path. */
    assert(state(udp, &request) == EST);
    assert(!is_joint(&ways[0]));
    assert(!ride(&ways[0]) && !ride(&ways[1]));
    check_packets(&ways[0], 0, 4, 3);
    check_packets(&ways[0], 1, 5, 3);
    check_packets(&ways[0], 2, 4, 3);

    /* The old one is not taken for a new one. */
    ct_joint old = ways[0].joint;
    walk(&ways[0], false);
    join(ways);
    assert(ways[0].joint != old);
    assert(ride(&ways[0]));
    ways[0].joint = old;
    assert(!ride(&ways[0]));
    check_packets(&ways[0], 0, 6, 3);
    check_packets(&ways[0], 1, 7, 3);
}

/* Who stands in no joint with whom. */
static void
test_refused(void)
{
    struct test_spec other = udp;
    struct way ways[2], others[2], mixed;

    converse(udp, ways);
    other.sport++;
    converse(other, others);

    /* Two directions, one connection twice, one that was another. */
    mixed = ways[0];
    mixed.tracks[1] = ways[1].tracks[1];
    assert(!ct_joint_make(ct, mixed.tracks, N_ZONES));
    mixed.tracks[1] = ways[0].tracks[0];
    assert(!ct_joint_make(ct, mixed.tracks, N_ZONES));
    for (unsigned int i = 0; i < N_ZONES; i++) {
        mixed = ways[0];
        mixed.tracks[i].id++;
        assert(!ct_joint_make(ct, mixed.tracks, N_ZONES));
    }
    assert(!is_joint(&ways[0]));

    /* Some of the connections, or others, are not those of the joint. */
    join(ways);
    join(others);
    assert(!ct_joint_find(ct, ways[0].tracks, N_ZONES - 1));
    mixed = ways[0];
    mixed.tracks[2] = others[0].tracks[2];
    assert(!ct_joint_find(ct, mixed.tracks, N_ZONES));
    assert(ride(&ways[0]) && ride(&others[1]));
}

static void
test_unlike(void)
{
    struct ct_request request = in_zone(2, false);
    struct way ways[2];

    /* Not answered in all zones: not ASSURED. */
    ways[0] = (struct way) { .spec = udp };
    walk(&ways[0], true);
    walk(&ways[0], false);
    assert(!ct_joint_make(ct, ways[0].tracks, N_ZONES));

    /* One has met a packet more: TCP's windows differ. */
    converse(segment(tcp, TCP_ACK, 100, 100), ways);
    assert(ct_joint_make(ct, ways[1].tracks, N_ZONES));
    assert(state(segment(tcp, TCP_ACK, 200, 100), &request) == EST);
    assert(!is_joint(&ways[0]));
    assert(!ct_joint_make(ct, ways[1].tracks, N_ZONES));
}

/* Marks and labels are a connection's own. */
static void
test_mark(void)
{
    struct ct_request request = in_zone(0, true);
    struct ct_dpif_entry entry;
    struct way ways[2];

    for (unsigned int i = 0; i < N_ZONES; i++) {
        ct_flush(ct, NULL, NULL);
        converse(udp, ways);
        join(ways);
        assert(ride(&ways[0]));
        request = in_zone(i, true);
        request.mark = request.mark_mask = 7;
        request.label.u64.lo = request.label_mask.u64.lo = 9;
        assert(state(udp, &request) == EST);
        assert(!is_joint(&ways[0]) && !ride(&ways[0]));
        entry = entry_of(&ways[0], i);
        assert(entry.mark == 7 && entry.labels.u64.lo == 9);
        check_packets(&ways[0], i, 4, 2);
        check_packets(&ways[0], (i + 1) % N_ZONES, 3, 2);

        /* One with a label can be in a joint, but not lead it. */
        for (int j = 0; j < 2; j++) {
            walk(&ways[j], false);
        }
        join(ways);
        assert(ct_joint_step(ways[0].joint) != i);
        assert(ride(&ways[1]));
        entry = entry_of(&ways[0], i);
        assert(entry.mark == 7 && entry.labels.u64.lo == 9);
    }
}

/* A zone is flushed: the connections of the others go on. */
static void
test_end(void)
{
    for (unsigned int i = 0; i < N_ZONES; i++) {
        uint16_t zone = 1 + i;
        struct way ways[2];

        ct_flush(ct, NULL, NULL);
        converse(udp, ways);
        join(ways);
        assert(ride(&ways[0]));
        ct_flush(ct, &zone, NULL);
        for (int j = 0; is_joint(&ways[0]); j++) {
            assert(j < 2000);
            ovsrcu_quiesce();
            advance(100);
        }
        assert(!ride(&ways[0]));
        for (unsigned int j = 0; j < N_ZONES; j++) {
            if (j != i) {
                assert(!ct_joint_has(conn_of(&ways[0], j)));
                check_packets(&ways[0], j, 3, 2);
            }
        }
    }
}

/* A joint lives as long as packets come, and its connections end together. */
static void
test_expiry(void)
{
    struct way ways[2];

    converse(udp, ways);
    join(ways);
    for (int i = 0; i < 20; i++) {
        advance(20 * 1000);
        assert(ride(&ways[i & 1]));
    }
    assert(is_joint(&ways[0]) && dump_count(-1) == N_ZONES);
    for (unsigned int i = 0; i < N_ZONES; i++) {
        assert(entry_of(&ways[0], i).timeout == 120);
    }
    advance(119 * 1000);
    assert(is_joint(&ways[0]) && dump_count(-1) == N_ZONES);
    advance(1200);
    assert(!dump_count(-1) && !ct_get_nconns(ct));
    assert(ct_counter_get(ct, CT_C_EXPIRED) == N_ZONES);
}

/* A closer deadline is one for all. */
static void
test_sooner(void)
{
    struct way ways[2];

    converse(segment(tcp, TCP_ACK, 100, 100), ways);
    join(ways);
    assert(entry_of(&ways[0], 2).timeout > 86400);
    ways[0].spec.len = 10;
    assert(ride(&ways[0]));             /* Unacknowledged from now on. */
    for (unsigned int i = 0; i < N_ZONES; i++) {
        assert(entry_of(&ways[0], i).timeout == 300);
    }
    advance(299 * 1000);
    assert(dump_count(-1) == N_ZONES);
    advance(2 * 1000);
    assert(!dump_count(-1) && !ct_get_nconns(ct));
}

/* Before maintenance comes to it: whose time is over is over in all zones,
 * whichever is asked first. */
static void
test_late(void)
{
    for (unsigned int i = 0; i < N_ZONES; i++) {
        struct ct_request request = in_zone(i, false);
        struct way ways[2];

        ct_flush(ct, NULL, NULL);
        converse(segment(tcp, TCP_ACK, 100, 100), ways);
        join(ways);
        ways[0].spec.len = 10;
        assert(ride(&ways[0]));         /* 300 s from now on. */
        now += 300 * 1000 - 1;
        assert(ct_conn_lives(conn_of(&ways[0], i), now));
        now += 1;
        assert(!ct_conn_lives(conn_of(&ways[0], i), now));
        assert(!ride(&ways[1]));
        assert(state(ways[1].spec, &request) == NEW);
        request = in_zone((i + 1) % N_ZONES, false);
        assert(state(ways[1].spec, &request) == NEW);
    }
}

/* Several threads. */

enum { N_RIDES = 200000, N_WALKS = 20000 };

static struct way shared[2];
static _Atomic uint64_t n_packets[2][N_ZONES];
static _Atomic bool done;

static void
slow_packet(int dir, unsigned int i)
{
    struct ct_request request = in_zone(i, false);

    if (state(shared[dir].spec, &request) != DROPPED) {
        atomic_fetch_add(&n_packets[dir][i], 1);
    }
}

static void *
ride_thread(void *dir_)
{
    int dir = (uintptr_t) dir_;
    struct way way = shared[dir];

    for (int n = 0; n < N_RIDES; n++) {
        if (ride(&way)) {
            for (unsigned int i = 0; i < N_ZONES; i++) {
                atomic_fetch_add(&n_packets[dir][i], 1);
            }
        } else {
            for (unsigned int i = 0; i < N_ZONES; i++) {
                slow_packet(dir, i);
            }
            ct_joint_make(ct, way.tracks, N_ZONES);
            way.joint = ct_joint_find(ct, way.tracks, N_ZONES);
        }
        if (n % 256 == 0) {
            ovsrcu_quiesce();
        }
    }
    return NULL;
}

static void *
disturb_thread(void *aux OVS_UNUSED)
{
    uint32_t r = 1;

    while (!atomic_load(&done)) {
        struct ct_request request;

        r = r * 1664525 + 1013904223;
        request = in_zone((r >> 8) % N_ZONES, true);
        switch (r >> 16 & 3) {
        case 0:
            slow_packet(r >> 20 & 1, (r >> 8) % N_ZONES);
            break;
        case 1:
            request.mark = r >> 12;
            request.mark_mask = UINT32_MAX;
            assert(state(shared[0].spec, &request) == EST);
            atomic_fetch_add(&n_packets[0][(r >> 8) % N_ZONES], 1);
            break;
        default: {
            struct ct_dpif_entry entry = entry_of(&shared[0],
                                                  (r >> 8) % N_ZONES);

            assert(entry.timeout == 120 || entry.timeout == 119);
            break;
        }
        }
        ovsrcu_quiesce();
    }
    return NULL;
}

/* No packet is lost or counted twice, whoever dissolves and joins. */
static void
test_race(void)
{
    pthread_t threads[2], disturber;

    converse(udp, shared);
    advance(3 * 1000);                  /* A stream from now on. */
    walk(&shared[0], false);
    for (int dir = 0; dir < 2; dir++) {
        for (unsigned int i = 0; i < N_ZONES; i++) {
            atomic_init(&n_packets[dir][i], dir ? 2 : 3);
        }
    }
    disturber = ovs_thread_create("disturb", disturb_thread, NULL);
    for (uintptr_t dir = 0; dir < 2; dir++) {
        threads[dir] = ovs_thread_create("ride", ride_thread, (void *) dir);
    }
    for (int dir = 0; dir < 2; dir++) {
        xpthread_join(threads[dir], NULL);
    }
    atomic_store(&done, true);
    xpthread_join(disturber, NULL);
    for (unsigned int i = 0; i < N_ZONES; i++) {
        check_packets(&shared[0], i, n_packets[0][i], n_packets[1][i]);
    }
}

static const struct test tests[] = {
    { "update", test_update },
    { "refused", test_refused },
    { "unlike", test_unlike },
    { "mark", test_mark },
    { "end", test_end },
    { "expiry", test_expiry },
    { "sooner", test_sooner },
    { "late", test_late },
    { "race", test_race },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
