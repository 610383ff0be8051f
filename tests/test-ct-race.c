/* SPDX-License-Identifier: Apache-2.0 */

/* The tracker under several threads at once. */

#include <config.h>

#include "ct-core-test.h"

enum { N_THREADS = 2, N_PORTS = 5000, N_ROUNDS = 4 };

static void *
commit_thread(void *aux OVS_UNUSED)
{
    for (int i = 0; i < N_ROUNDS; i++) {
        for (int port = 1; port <= N_PORTS; port += 50) {
            assert(commit_many(1, port, 50) == 50);
            ovsrcu_quiesce();
        }
    }
    return NULL;
}

/* Two threads make the same connections: each exists once. */
static void
test_clash(void)
{
    pthread_t threads[N_THREADS];

    for (int i = 0; i < N_THREADS; i++) {
        threads[i] = ovs_thread_create("commit", commit_thread, NULL);
    }
    for (int i = 0; i < N_THREADS; i++) {
        xpthread_join(threads[i], NULL);
    }
    assert(ct_get_nconns(ct) == N_PORTS && dump_count(1) == N_PORTS);
    assert(ct_counter_get(ct, CT_C_CREATED) == N_PORTS);
}

/* Whatever is flushed while it is committed, the counts come out right. */
static void
test_flush_race(void)
{
    pthread_t threads[N_THREADS];
    struct ct_zone_limit_info info;

    for (int i = 0; i < N_THREADS; i++) {
        threads[i] = ovs_thread_create("commit", commit_thread, NULL);
    }
    for (int i = 0; i < 50; i++) {
        ct_flush(ct, NULL, NULL);
        ovsrcu_quiesce();
        xnanosleep(1000 * 1000);
    }
    for (int i = 0; i < N_THREADS; i++) {
        xpthread_join(threads[i], NULL);
    }

    unsigned int n = dump_count(1);
    ct_zone_limit_get(ct, 1, &info);
    assert(info.count == n);
    for (int i = 0; ct_get_nconns(ct) != n; i++) {
        assert(i < 2000);
        ovsrcu_quiesce();
        xnanosleep(5 * 1000 * 1000);
    }
    ct_flush(ct, NULL, NULL);
    for (int i = 0; ct_counter_get(ct, CT_C_DELETED)
                    < ct_counter_get(ct, CT_C_CREATED); i++) {
        assert(i < 2000);
        ovsrcu_quiesce();
        xnanosleep(5 * 1000 * 1000);
    }
    assert(ct_counter_get(ct, CT_C_DELETED)
           == ct_counter_get(ct, CT_C_CREATED));
    assert(!ct_get_nconns(ct));
}

/* All at once: commits, answers, force, translation, expiry, early drop,
 * flushes and dumps.  What was created has ended once, in the end. */

static _Atomic bool churn_stop;

static struct ct_request
churn_request(uint32_t r)
{
    struct ct_request request = { .zone = r % 2 };

    if (r & 4) {
        request = r & 8 ? snat(100, 0) : request;
        request.commit = true;
        request.force = (r & 0x70) == 0;
        /* In zone 0 all expires in a second. */
        request.timeout_policy = request.zone ? DEFAULT_TP_ID : 1;
        request.label.u64.lo = r;
        request.label_mask.u64.lo = r & 0x80 ? UINT64_MAX : 0;
    } else {
        request.nat.kind = r & 8 ? CT_NAT_EXISTING : CT_NAT_NONE;
    }
    return request;
}

static void *
churn_thread(void *seed)
{
    uint32_t r = (uintptr_t) seed;

    while (!atomic_load(&churn_stop)) {
        struct dp_packet_batch batch;

        r = r * 1664525 + 1013904223;
        struct ct_request request = churn_request(r >> 8);
        dp_packet_batch_init(&batch);
        for (int i = 0; i < 8; i++) {
            struct test_spec spec = udp;

            r = r * 1664525 + 1013904223;
            if (r & (1u << 22)) {
                spec = segment(tcp, TCP_SYN, r, 0);
            }
            spec.sport = 1000 + (r >> 8) % 200;
            spec = r & (1u << 20) ? back(spec) : spec;
            spec.dst = spec.dst == 1 && r & (1u << 21) ? 100 : spec.dst;
            dp_packet_batch_add(&batch, test_packet(&spec));
        }
        /* To half of them what others have just seen has expired. */
        long long when = time_msec() + (r >> 30 & 1 ? 2000 : 0);
        ct_execute(ct, &batch, htons(ETH_TYPE_IP), &request, when);
        request = churn_request(r >> 8);
        ct_execute(ct, &batch, htons(ETH_TYPE_IP), &request, when);
        dp_packet_delete_batch(&batch, true);
        ovsrcu_quiesce();
    }
    return NULL;
}

static void
test_churn(void)
{
    pthread_t threads[N_THREADS];
    long long end = time_msec() + 500;

    set_policy(1, 1);
    ct_set_maxconns(ct, 150);
    for (uintptr_t i = 0; i < N_THREADS; i++) {
        threads[i] = ovs_thread_create("churn", churn_thread,
                                       (void *) (i + 1));
    }
    for (int i = 0; time_msec() < end; i++) {
        struct ct_dpif_tuple t = {
            .l3_type = AF_INET, .ip_proto = IPPROTO_UDP,
            .src.ip = test_ip(1), .dst.ip = test_ip(2),
            .src_port = htons(1000 + i % 200), .dst_port = htons(53),
        };
        uint16_t zone = i & 1;

        ct_flush(ct, &zone, i % 64 ? &t : NULL);
        if (i % 16 == 0) {
            dump_count(-1);
        }
        if (i % 128 == 0) {
            ct_set_maxconns(ct, i & 128 ? 150 : 3000000);
        }
        ovsrcu_quiesce();
    }
    atomic_store(&churn_stop, true);
    for (int i = 0; i < N_THREADS; i++) {
        xpthread_join(threads[i], NULL);
    }

    ct_flush(ct, NULL, NULL);
    for (int i = 0; (ct_get_nconns(ct)
                     || count_ended() != ct_counter_get(ct, CT_C_CREATED));
         i++) {
        assert(i < 2000);
        ovsrcu_quiesce();
        xnanosleep(5 * 1000 * 1000);
    }
    assert(ct_counter_get(ct, CT_C_CREATED) > 1000);
    assert(ct_counter_get(ct, CT_C_EXPIRED) && ct_counter_get(ct, CT_C_DELETED)
           && ct_counter_get(ct, CT_C_EARLY_DROP)
           && ct_counter_get(ct, CT_C_HALF_OPEN_DROP));
}

static const struct test tests[] = {
    { "clash", test_clash },
    { "flush-race", test_flush_race },
    { "churn", test_churn },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
