/* SPDX-License-Identifier: Apache-2.0 */

/* Events: which there are in the life of a connection, that they tell what
 * there was, and their order whichever threads leave them. */

#include <config.h>

#include "ct-core-test.h"
#include "ct-feed.h"
#include "hash.h"
#include "openvswitch/hmap.h"

/* An event and what it tells. */
struct told {
    struct ct_event event;
    struct ct_dpif_entry entry;     /* The owner frees it. */
};

static bool
next_event(struct told *told)
{
    if (!ct_events_next(ct, &told->event)) {
        return false;
    }
    ct_event_describe(ct, &told->event, &told->entry);
    return true;
}

/* The next event, of 'type'; the caller frees the entry. */
static struct told
expect_event(enum ct_event_type type)
{
    struct told told;

    assert(next_event(&told));
    assert(told.event.type == type);
    return told;
}

static void
expect_no_event(void)
{
    struct told told;

    assert(!next_event(&told));
}

/* The next event is an update about 'changes' and no more. */
static void
expect_update(uint16_t changes)
{
    struct told told = expect_event(CT_EVENT_UPDATE);

    assert(told.event.changes == changes);
    ct_dpif_entry_uninit(&told.entry);
}

static enum ct_dpif_tcp_state
expect_tcp(enum ct_event_type type, uint16_t changes)
{
    struct told told = expect_event(type);
    enum ct_dpif_tcp_state tcp_state = told.entry.protoinfo.tcp.state_orig;

    assert(told.event.changes == changes);
    assert(told.entry.protoinfo.proto == IPPROTO_TCP);
    ct_dpif_entry_uninit(&told.entry);
    return tcp_state;
}

static void
test_tcp(void)
{
    enum { STATE = CT_CHANGED_STATE, STATUS = CT_CHANGED_STATUS };

    assert(!ct_events_open(ct));
    assert(ct_events_open(ct) == EBUSY);
    expect_no_event();

    /* What is not committed is no connection. */
    assert(state(segment(tcp, TCP_SYN, 100, 0), &look) == NEW);
    expect_no_event();

    assert(state(segment(tcp, TCP_SYN, 100, 0), &commit) == NEW);
    assert(expect_tcp(CT_EVENT_NEW, 0) == CT_DPIF_TCPS_SYN_SENT);
    assert(state(segment(back(tcp), TCP_SYN | TCP_ACK, 500, 101), &look)
           == RPL);
    assert(expect_tcp(CT_EVENT_UPDATE, STATE | STATUS)
           == CT_DPIF_TCPS_SYN_RECV);
    assert(state(segment(tcp, TCP_ACK, 101, 501), &look) == EST);
    assert(expect_tcp(CT_EVENT_UPDATE, STATE | STATUS)
           == CT_DPIF_TCPS_ESTABLISHED);

    /* No event for what an established connection does all the time. */
    assert(state(segment(tcp, TCP_ACK, 101, 501), &look) == EST);
    assert(state(segment(back(tcp), TCP_ACK, 501, 101), &look) == RPL);
    expect_no_event();

    assert(state(segment(tcp, TCP_RST, 101, 0), &look) == EST);
    assert(expect_tcp(CT_EVENT_UPDATE, STATE) == CT_DPIF_TCPS_CLOSING);
    ct_events_close(ct);
    assert(!ct_events_open(ct));
    ct_events_close(ct);
}

/* What an event tells is what there was at its moment. */
static void
test_entry(void)
{
    struct ct_request request = snat(100, 4000);
    struct told told;

    request.mark = 7;
    request.mark_mask = UINT32_MAX;
    assert(!ct_events_open(ct));
    assert(state(udp, &request) & CS_NEW);
    assert(!ct_flush(ct, NULL, NULL));
    for (int i = 0; ct_get_nconns(ct) || ct_counter_get(ct, CT_C_DELETED) == 0;
         i++) {
        assert(i < 2000);
        ovsrcu_quiesce();
        xnanosleep(5 * 1000 * 1000);
    }

    told = expect_event(CT_EVENT_NEW);
    assert(told.entry.zone == 1 && told.entry.mark == 7);
    assert(told.entry.tuple_orig.src.ip == test_ip(1));
    assert(told.entry.tuple_reply.dst.ip == test_ip(100)
           && told.entry.tuple_reply.dst_port == htons(4000));
    assert(told.entry.counters_orig.packets == 1);
    uint32_t id = told.entry.id;
    ct_dpif_entry_uninit(&told.entry);

    told = expect_event(CT_EVENT_DESTROY);
    assert(told.event.reason == CT_C_DELETED && told.entry.id == id);
    assert(told.entry.tuple_reply.dst_port == htons(4000));
    assert(told.entry.counters_orig.packets == 1
           && told.entry.counters_orig.bytes == 38);
    assert(told.entry.timestamp.stop >= told.entry.timestamp.start);
    ct_dpif_entry_uninit(&told.entry);
    expect_no_event();
}

static void
test_ipv6(void)
{
    struct test_spec spec = udp;
    struct in6_addr client = test_ip6(1);
    struct told told;

    spec.ipv6 = true;
    assert(!ct_events_open(ct));
    assert(state(spec, &commit) == NEW);
    told = expect_event(CT_EVENT_NEW);
    assert(!memcmp(&told.entry.tuple_orig.src.in6, &client, sizeof client));
    assert(!memcmp(&told.entry.tuple_reply.dst.in6, &client, sizeof client));
    ct_dpif_entry_uninit(&told.entry);
}

/* Marks and labels: only if they change. */
static void
test_metadata(void)
{
    struct ct_request request = {
        .commit = true, .mark = 5, .mark_mask = UINT32_MAX,
        .label.u64.lo = 1, .label_mask.u64.lo = UINT64_MAX,
    };

    assert(state(udp, &commit) == NEW);
    assert(!ct_events_open(ct));
    assert(state(back(udp), &look) == RPL);
    expect_update(CT_CHANGED_STATUS);
    assert(state(udp, &request) == EST);
    expect_update(CT_CHANGED_MARK | CT_CHANGED_LABEL);
    assert(state(udp, &request) == EST);
    expect_no_event();
    request.mark = 6;
    assert(state(udp, &request) == EST);
    expect_update(CT_CHANGED_MARK);
}

/* A commit gives a helper to a connection that has none. */
static void
test_helper(void)
{
    const struct ct_request request = { .commit = true, .helper = "tftp" };
    struct test_spec tftp = udp;
    struct told told;

    tftp.dport = 69;
    tftp.len = 0;
    assert(state(tftp, &commit) == NEW);
    assert(!ct_events_open(ct));
    assert(state(back(tftp), &look) == RPL);
    expect_update(CT_CHANGED_STATUS);
    assert(state(tftp, &request) == EST);
    told = expect_event(CT_EVENT_UPDATE);
    assert(told.event.changes == CT_CHANGED_HELPER);
    assert(!strcmp(told.entry.helper.name, "tftp"));
    ct_dpif_entry_uninit(&told.entry);
    assert(state(tftp, &request) == EST);
    expect_no_event();
}

static void
test_expired(void)
{
    struct told told;

    assert(!ct_events_open(ct));
    assert(state(udp, &commit) == NEW);
    told = expect_event(CT_EVENT_NEW);
    ct_dpif_entry_uninit(&told.entry);
    advance(40 * 1000);
    assert(!ct_get_nconns(ct));
    told = expect_event(CT_EVENT_DESTROY);
    assert(told.event.reason == CT_C_EXPIRED);
    ct_dpif_entry_uninit(&told.entry);
}

/* Nobody reads: what finds no room is lost and counted, the rest is whole, and
 * there is room again when it has been read. */
static void
test_lost(void)
{
    enum { N = 60000 };
    unsigned int n = 0;
    struct told told;

    assert(!ct_events_open(ct));
    for (int port = 1; port <= N; port += 50) {
        assert(commit_many(1, port, 50) == 50);
        ovsrcu_quiesce();
    }
    uint64_t n_lost = ct_counter_get(ct, CT_C_EVENT_LOST);
    assert(n_lost > 0 && n_lost < N);
    while (!ct_events_lost(ct) && next_event(&told)) {
        assert(told.event.type == CT_EVENT_NEW);
        assert(told.entry.tuple_orig.src_port == htons(1 + n));
        ct_dpif_entry_uninit(&told.entry);
        n++;
    }
    /* It is told when all that came before has been. */
    assert(n + n_lost == N && ct_events_lost(ct) == n_lost);
    expect_no_event();

    assert(commit_many(2, 1, 50) == 50);
    for (n = 0; next_event(&told); n++) {
        assert(told.entry.zone == 2);
        ct_dpif_entry_uninit(&told.entry);
    }
    assert(n == 50 && ct_events_lost(ct) == n_lost);
}

/* Threads at the same connections, and one that flushes: of each connection
 * first NEW, then what it met, then DESTROY, and nothing is missing. */

enum { N_THREADS = 3, N_PORTS = 64 };
static _Atomic bool race_stop;
/* How often the reader found nothing more.  Now and then threads wait for him,
 * so that nothing is lost, however busy the machine is. */
static _Atomic uint64_t race_drained;

static void
wait_for_reader(void)
{
    uint64_t before = atomic_load(&race_drained);

    while (atomic_load(&race_drained) < before + 2
           && !atomic_load(&race_stop)) {
        ovsrcu_quiesce();
        sched_yield();
    }
}

static void *
race_thread(void *seed)
{
    uint32_t r = (uintptr_t) seed;
    unsigned int n = 0;

    while (!atomic_load(&race_stop)) {
        struct test_spec spec = udp;
        struct ct_request request = {
            .commit = true, .mark_mask = UINT32_MAX,
        };

        if (n++ % 500 == 499) {
            wait_for_reader();
        }
        r = r * 1664525 + 1013904223;
        spec.sport = 1 + (r >> 8) % N_PORTS;
        request.mark = r >> 20;
        dp_packet_delete(test_ct(ct, test_packet(&spec), false, &request,
                                 time_msec()));
        if (r >> 28 == 0) {
            struct ct_dpif_tuple t = {
                .l3_type = AF_INET, .ip_proto = IPPROTO_UDP,
                .src.ip = test_ip(1), .dst.ip = test_ip(2),
                .src_port = htons(spec.sport), .dst_port = htons(53),
            };

            ct_flush(ct, NULL, &t);
        }
        ovsrcu_quiesce();
    }
    return NULL;
}

/* A connection that lives, by its id, which it has for itself. */
struct life {
    struct hmap_node node;
    uint32_t id;
};

static struct life *
find_life(struct hmap *lives, uint32_t id)
{
    struct life *life;

    HMAP_FOR_EACH_WITH_HASH (life, node, hash_int(id, 0), lives) {
        if (life->id == id) {
            return life;
        }
    }
    return NULL;
}

static void
follow(const struct ct_event *event, struct hmap *lives)
{
    struct life *life = find_life(lives, event->conn.conn.id);

    assert((event->type == CT_EVENT_NEW) == !life);
    if (event->type == CT_EVENT_NEW) {
        life = xmalloc(sizeof *life);
        life->id = event->conn.conn.id;
        hmap_insert(lives, &life->node, hash_int(life->id, 0));
    } else if (event->type == CT_EVENT_DESTROY) {
        hmap_remove(lives, &life->node);
        free(life);
    }
}

static void
end_lives(struct hmap *lives)
{
    struct life *life;

    HMAP_FOR_EACH_POP (life, node, lives) {
        free(life);
    }
    hmap_destroy(lives);
}

static void
test_race(void)
{
    struct hmap lives = HMAP_INITIALIZER(&lives);
    long long end = time_msec() + 500;
    uint64_t n[CT_EVENT_N_TYPES] = { 0 };
    pthread_t threads[N_THREADS];
    struct told told;
    bool over;

    assert(!ct_events_open(ct));
    for (uintptr_t i = 0; i < N_THREADS; i++) {
        threads[i] = ovs_thread_create("race", race_thread, (void *) (i + 1));
    }
    do {
        over = time_msec() >= end && n[CT_EVENT_DESTROY] > 100;
        if (over) {
            atomic_store(&race_stop, true);
            for (int i = 0; i < N_THREADS; i++) {
                xpthread_join(threads[i], NULL);
            }
        }
        while (next_event(&told)) {
            n[told.event.type]++;
            follow(&told.event, &lives);
            ct_dpif_entry_uninit(&told.entry);
        }
        atomic_fetch_add(&race_drained, 1);
        ovsrcu_quiesce();
    } while (!over);
    assert(!ct_events_lost(ct));
    assert(n[CT_EVENT_NEW] == ct_counter_get(ct, CT_C_CREATED));
    assert(n[CT_EVENT_DESTROY] == (ct_counter_get(ct, CT_C_DELETED)
                                   + ct_counter_get(ct, CT_C_EXPIRED)));
    assert(n[CT_EVENT_UPDATE] > 100);
    assert(hmap_count(&lives) == ct_get_nconns(ct));
    end_lives(&lives);
}

/* Two subscribers see the same; one that comes later, what is left. */

struct audience {
    struct ct_feed_subscriber *subscriber;
    _Atomic unsigned int n[CT_EVENT_N_TYPES];
    _Atomic unsigned int n_lost, n_pauses;
};

static void
audience_event(void *audience_, const struct ct_event *event)
{
    struct audience *audience = audience_;

    atomic_fetch_add(&audience->n[event->type], 1);
}

static void
audience_lost(void *audience_, uint64_t n)
{
    struct audience *audience = audience_;

    atomic_fetch_add(&audience->n_lost, n);
}

static void
audience_pause(void *audience_)
{
    struct audience *audience = audience_;

    atomic_fetch_add(&audience->n_pauses, 1);
}

static const struct ct_feed_class audience_class = {
    .event = audience_event,
    .lost = audience_lost,
    .pause = audience_pause,
};

static void
wait_for(const _Atomic unsigned int *n, unsigned int wanted)
{
    for (int i = 0; atomic_load(n) != wanted; i++) {
        assert(i < 4000);
        ovsrcu_quiesce();
        xnanosleep(5 * 1000 * 1000);
    }
}

static void
test_feed(void)
{
    struct audience a = { .subscriber = NULL }, b = { .subscriber = NULL };

    assert(!ct_feed_subscribe(ct, &audience_class, &a, &a.subscriber));
    assert(commit_many(1, 1, 50) == 50);
    wait_for(&a.n[CT_EVENT_NEW], 50);

    assert(!ct_feed_subscribe(ct, &audience_class, &b, &b.subscriber));
    assert(commit_many(2, 1, 50) == 50);
    wait_for(&a.n[CT_EVENT_NEW], 100);
    wait_for(&b.n[CT_EVENT_NEW], 50);
    assert(a.n_pauses > 1);

    ct_feed_unsubscribe(ct, a.subscriber);
    ct_flush(ct, NULL, NULL);
    wait_for(&b.n[CT_EVENT_DESTROY], 100);
    assert(!a.n[CT_EVENT_DESTROY] && a.n[CT_EVENT_NEW] == 100);
    ct_feed_unsubscribe(ct, b.subscriber);

    /* And from the beginning. */
    assert(!ct_feed_subscribe(ct, &audience_class, &a, &a.subscriber));
    assert(commit_many(1, 1, 50) == 50);
    wait_for(&a.n[CT_EVENT_NEW], 150);
    assert(!a.n_lost && !b.n_lost && b.n[CT_EVENT_NEW] == 50);
    ct_feed_unsubscribe(ct, a.subscriber);
}

/* While the feed is held up, events are lost, and that is told. */
static struct ovs_mutex hold = OVS_MUTEX_INITIALIZER;

static void
held_event(void *audience, const struct ct_event *event)
{
    audience_event(audience, event);
    ovs_mutex_lock(&hold);
    ovs_mutex_unlock(&hold);
}

static void
test_feed_lost(void)
{
    enum { N = 60000 };
    static const struct ct_feed_class class = {
        .event = held_event,
        .lost = audience_lost,
        .pause = audience_pause,
    };
    struct audience a = { .subscriber = NULL };

    assert(!ct_feed_subscribe(ct, &class, &a, &a.subscriber));
    ovs_mutex_lock(&hold);
    for (int port = 1; port <= N; port += 50) {
        assert(commit_many(1, port, 50) == 50);
        ovsrcu_quiesce();
    }
    ovs_mutex_unlock(&hold);
    unsigned int n_lost = ct_counter_get(ct, CT_C_EVENT_LOST);
    assert(n_lost);
    wait_for(&a.n_lost, n_lost);
    wait_for(&a.n[CT_EVENT_NEW], N - n_lost);
    ct_feed_unsubscribe(ct, a.subscriber);
}

static const struct test tests[] = {
    { "tcp", test_tcp },
    { "entry", test_entry },
    { "ipv6", test_ipv6 },
    { "metadata", test_metadata },
    { "helper", test_helper },
    { "expired", test_expired },
    { "lost", test_lost },
    { "race", test_race },
    { "feed", test_feed },
    { "feed-lost", test_feed_lost },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
