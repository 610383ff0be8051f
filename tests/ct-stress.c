/* SPDX-License-Identifier: Apache-2.0 */

/* The tracker under all that can happen at once: threads open, use, translate
 * and lose connections in zones that grow, while others flush, dump, sample
 * and set limits.  Says nothing about speed; meant for ThreadSanitizer (make
 * check-tsan) and for a long run by hand: ct-stress SECONDS. */

#include <config.h>

#include "ct.h"

#include <errno.h>

#include "ct-counters.h"
#include "ct-test.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "utilities/bench-ct-source.h"

#define N_ZONES 3
#define N_STABLE 512            /* Of zone 0, which is never flushed. */
#define N_PACKET_THREADS 3

static struct ct *ct;
static _Atomic bool stop;
static _Atomic uint64_t n_packets, n_lost, n_dumped, n_wrong_dumps;

/* Connections of zone 1 expire after a second or two. */
#define SHORT_POLICY 7

static void
set_short_policy(void)
{
    struct ct_dpif_timeout_policy tp = {
        .id = SHORT_POLICY,
        .present = (1u << CT_DPIF_TP_ATTR_MAX) - 1,
    };

    for (int i = 0; i < CT_DPIF_TP_ATTR_MAX; i++) {
        tp.attrs[i] = 1;
    }
    ct_timeout_policy_set(ct, &tp);
}

static struct ct_request
make_request(uint16_t zone, bool commit, bool nat)
{
    struct ct_request request = {
        .zone = zone,
        .commit = commit,
        .timeout_policy = zone == 1 ? SHORT_POLICY : DEFAULT_TP_ID,
    };

    if (nat) {
        request.nat.kind = CT_NAT_SRC;
        request.nat.have_addr = request.nat.have_port = true;
        request.nat.min_addr.ip = request.nat.max_addr.ip = htonl(0x0b000001);
        request.nat.min_port = 1024;
        request.nat.max_port = 65535;
    }
    return request;
}

/* How many of a batch are established. */
static unsigned int
execute(struct dp_packet_batch *batch, const struct ct_request *request)
{
    unsigned int n_established = 0;
    struct dp_packet *packet;

    /* The source keeps its packets: the tracker, which frees what it drops,
     * gets copies. */
    struct dp_packet_batch copies;
    dp_packet_batch_clone(&copies, batch);
    ct_execute(ct, &copies, htons(ETH_TYPE_IP), request, time_msec());
    DP_PACKET_BATCH_FOR_EACH (i, packet, &copies) {
        n_established += !!(packet->md.ct_state & CS_ESTABLISHED);
    }
    dp_packet_delete_batch(&copies, true);
    n_packets += NETDEV_MAX_BURST;
    return n_established;
}

static void
open_stable(void)
{
    struct ct_request request = make_request(0, true, false);
    struct bench_source source;
    struct dp_packet_batch batch;

    bench_source_init(&source, BENCH_COUNTED);
    for (uint32_t i = 0; i < N_STABLE; i += NETDEV_MAX_BURST) {
        for (int step = BENCH_SYN; step <= BENCH_ACK; step++) {
            bench_source_next(&source, &batch, step, i);
            execute(&batch, &request);
        }
    }
    bench_source_uninit(&source);
}

/* Opens ever more connections in all zones, and looks up those that nobody
 * touches. */
static void *
packet_main(void *number_)
{
    uint64_t seed = (uintptr_t) number_;
    uint32_t next = N_STABLE + ((uintptr_t) number_ << 20);
    struct bench_source source;

    bench_source_init(&source, BENCH_COUNTED);
    source.random = seed;
    while (!stop) {
        uint64_t r = ct_test_random(&seed);
        struct dp_packet_batch batch;
        struct ct_request request = make_request(r % N_ZONES, r & 0x100,
                                                 r % N_ZONES == 2);

        /* Some threads open the same ones. */
        uint32_t first = r & 0x600 ? next : next & 0xfffff;
        for (int step = BENCH_SYN; step <= BENCH_DATA; step++) {
            bench_source_next(&source, &batch, step, first);
            execute(&batch, &request);
        }
        next += NETDEV_MAX_BURST;

        request = make_request(0, false, false);
        bench_source_random(&source, &batch, N_STABLE);
        n_lost += NETDEV_MAX_BURST - execute(&batch, &request);
        ovsrcu_quiesce();
    }
    bench_source_uninit(&source);
    return NULL;
}

/* Zone 0 has its stable connections in each dump, once. */
static void *
dump_main(void *arg OVS_UNUSED)
{
    uint8_t *seen = xmalloc(N_STABLE);

    while (!stop) {
        const uint16_t zone = 0;
        struct ct_dump *dump = ct_dump_create(ct, &zone, NULL);
        struct ct_dpif_entry entry;

        memset(seen, 0, N_STABLE);
        while (!ct_dump_next(dump, &entry)) {
            uint32_t i = ntohl(entry.tuple_orig.src.ip) - 0x0a000000;

            if (i < N_STABLE) {
                seen[i]++;
            }
            n_dumped++;
            ct_dpif_entry_uninit(&entry);
        }
        ct_dump_destroy(dump);
        for (uint32_t i = 0; i < N_STABLE; i++) {
            n_wrong_dumps += seen[i] != 1;
        }
        ovsrcu_quiesce();
    }
    free(seen);
    return NULL;
}

/* Flushes zones 1 and 2, changes limits, and looks at counts. */
static void *
control_main(void *arg OVS_UNUSED)
{
    uint64_t seed = 99;

    while (!stop) {
        uint64_t r = ct_test_random(&seed);
        uint16_t zone = 1 + r % (N_ZONES - 1);
        struct ct_zone_limit_info info;

        switch (r >> 32 & 7) {
        case 0:
            ct_flush(ct, &zone, NULL);
            break;
        case 1:
            ct_zone_limit_set(ct, zone, 100 + (r >> 40 & 0xffff));
            break;
        case 2:
            ct_zone_limit_del(ct, zone);
            break;
        default:
            ct_zone_limit_get(ct, zone, &info);
            ct_get_nconns(ct);
            ct_run(ct, time_msec());
            break;
        }
        ovsrcu_quiesce();
        xnanosleep(20 * 1000 * 1000);
    }
    return NULL;
}

int
main(int argc, char *argv[])
{
    int seconds = argc > 1 ? atoi(argv[1]) : 3;
    pthread_t threads[N_PACKET_THREADS + 2];
    int n = 0;

    set_program_name(argv[0]);
    /* A busy machine is no failure: timeval would warn of it. */
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_ERR);
    ct = ct_create();
    set_short_policy();
    open_stable();
    for (uintptr_t i = 0; i < N_PACKET_THREADS; i++) {
        threads[n++] = ovs_thread_create("packets", packet_main,
                                         (void *) (i + 1));
    }
    threads[n++] = ovs_thread_create("dump", dump_main, NULL);
    threads[n++] = ovs_thread_create("control", control_main, NULL);

    ovsrcu_quiesce_start();
    xnanosleep(seconds * 1000000000LL);
    stop = true;
    for (int i = 0; i < n; i++) {
        xpthread_join(threads[i], NULL);
    }
    ovsrcu_quiesce_end();

    CHECK(n_packets && n_dumped);
    CHECK(!n_lost);
    CHECK(!n_wrong_dumps);
    CHECK(ct_counter_get(ct, CT_C_CREATED) > N_STABLE);

    /* What no flush has met expires by itself. */
    for (int i = 0; !ct_counter_get(ct, CT_C_EXPIRED) && i < 6000; i++) {
        ovsrcu_quiesce();
        xnanosleep(5 * 1000 * 1000);
    }
    CHECK(ct_counter_get(ct, CT_C_EXPIRED));

    /* All that came has gone, in the end. */
    ct_flush(ct, NULL, NULL);
    for (int i = 0; ct_get_nconns(ct) && i < 6000; i++) {
        ovsrcu_quiesce();
        xnanosleep(5 * 1000 * 1000);
    }
    CHECK(!ct_get_nconns(ct));
    ct_destroy(ct);
    return ct_test_end("ct-stress");
}
