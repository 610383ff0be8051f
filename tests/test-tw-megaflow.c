/* SPDX-License-Identifier: Apache-2.0 */

/* Packet threads, upcalls, revalidators that dump, modify, delete and flush,
 * and a gate that opens and closes, all at once: every packet meets a megaflow
 * that is its own, and every packet is accounted for.
 *
 * usage: test-tw-megaflow [SECONDS]
 *
 * There are no ports: a megaflow's action is to send the packet up with the
 * class that its megaflow is for, and the upcall compares that with the
 * packet's class. */

#include <config.h>

#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dp-packet.h"
#include "netlink.h"
#include "odp-execute.h"
#include "odp-netlink.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "random.h"
#include "timeval.h"
#include "tw-datapath.h"
#include "tw-lookup.h"
#include "tw-megaflow.h"
#include "tw-smc.h"
#include "tw-thread.h"
#include "tw-upcall.h"
#include "util.h"

#define N_THREADS 3
#define N_REVALIDATORS 2

static struct tw_datapath dp;
static struct tw_thread *threads[N_THREADS];
static atomic_bool stop = ATOMIC_VAR_INIT(false);
static atomic_ullong n_in, n_up, n_wrong, n_dumped;

static bool
stopping(void)
{
    bool value;

    atomic_read(&stop, &value);
    return value;
}

static void
count(atomic_ullong *counter, unsigned long long n)
{
    unsigned long long before;

    atomic_add(counter, n, &before);
}

static uint32_t
class_of(const struct flow *flow)
{
    return ntohl(flow->nw_dst) & 7;
}

/* An action that sends up with 'class'.  The version is there to be
 * modified; what is sent up with LETHAL gets an answer that ends it. */
#define LETHAL UINT32_MAX
struct cookie {
    uint32_t class;
    uint32_t version;
};

static void
put_send_up(struct ofpbuf *actions, uint32_t class, uint32_t version)
{
    struct cookie cookie = { class, version };
    size_t offset = nl_msg_start_nested(actions, OVS_ACTION_ATTR_USERSPACE);

    nl_msg_put_unspec(actions, OVS_USERSPACE_ATTR_USERDATA, &cookie,
                      sizeof cookie);
    nl_msg_end_nested(actions, offset);
}

/* What ofproto would say: fields that depend on bits which are always looked
 * at, so that megaflows do not overlap; for some packets, again, please. */
static void
translate(const struct flow *flow, struct flow *mask, struct ofpbuf *actions)
{
    uint32_t dst = ntohl(flow->nw_dst);
    uint32_t looked_at = 0x3f;

    mask->dl_type = OVS_BE16_MAX;
    switch ((dst >> 3) & 3) {
    case 1:
        mask->nw_src = htonl(3);
        break;
    case 2:
        mask->tp_src = OVS_BE16_MAX;
        mask->nw_proto = 0xff;
        break;
    case 3:
        looked_at = 0xff;
        break;
    }
    mask->nw_dst = htonl(looked_at);

    if (!flow->recirc_id && (dst & 0x20)) {
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_RECIRC, 1 + (dst & 3));
    } else {
        put_send_up(actions, class_of(flow), 0);
    }
}

static int
upcall_cb(const struct dp_packet *packet OVS_UNUSED, const struct flow *flow,
          ovs_u128 *ufid OVS_UNUSED, unsigned pmd_id,
          enum dpif_upcall_type type, const struct nlattr *userdata,
          struct ofpbuf *actions, struct flow_wildcards *wc,
          struct ofpbuf *put_actions OVS_UNUSED, void *aux OVS_UNUSED)
{
    assert(pmd_id == NON_PMD_CORE_ID);
    if (type == DPIF_UC_ACTION) {
        const struct cookie *cookie = nl_attr_get(userdata);

        count(&n_up, 1);
        count(&n_wrong, cookie->class != class_of(flow));
        if (cookie->version == LETHAL) {
            nl_msg_put_flag(actions, OVS_ACTION_ATTR_POP_ETH);
            nl_msg_put_flag(actions, OVS_ACTION_ATTR_POP_ETH);
        }
        return 0;
    }
    translate(flow, &wc->masks, actions);
    return random_range(50) ? 0 : ENOSPC;
}

static struct dp_packet *
random_packet(void)
{
    struct dp_packet *packet = dp_packet_new_with_headroom(64, 64);
    uint32_t random = random_uint32();
    struct flow flow;

    memset(&flow, 0, sizeof flow);
    flow.packet_type = htonl(PT_ETH);
    flow.dl_type = htons(ETH_TYPE_IP);
    flow.nw_src = htonl(0x0a000000 + (random & 7));
    flow.nw_dst = htonl(0x0b000000 + ((random >> 3) & 0xff));
    flow.nw_proto = IPPROTO_UDP;
    flow.nw_ttl = 64;
    flow.tp_src = htons((random >> 12) & 15);
    flow.tp_dst = htons(9);
    flow_compose(packet, &flow, NULL, 0);
    return packet;
}

static void *
receive(void *thread_)
{
    struct tw_thread *thread = thread_;

    do {
        struct dp_packet_batch batch;
        int n = 1 + random_range(NETDEV_MAX_BURST);

        dp_packet_batch_init(&batch);
        for (int i = 0; i < n; i++) {
            dp_packet_batch_add(&batch, random_packet());
        }
        count(&n_in, n);
        thread->now = time_usec();
        tw_input(thread, &batch, u32_to_odp(1));
        assert(!thread->recirc_depth);
        ovsrcu_quiesce();
    } while (!stopping());
    return NULL;
}

/* Gives 'flow' a new version of its action, if it sends up. */
static void
modify(const struct dpif_flow *flow)
{
    struct dpif_flow_stats stats;
    struct ofpbuf actions;
    struct dpif_flow_put put = {
        .flags = DPIF_FP_MODIFY | (random_range(3) ? 0 : DPIF_FP_ZERO_STATS),
        .key = flow->key, .key_len = flow->key_len,
        .mask = flow->mask, .mask_len = flow->mask_len,
        .ufid = &flow->ufid, .pmd_id = NON_PMD_CORE_ID, .stats = &stats,
    };
    const struct cookie *cookie;
    int error;

    if (nl_attr_type(flow->actions) != OVS_ACTION_ATTR_USERSPACE) {
        return;
    }
    cookie = nl_attr_get(nl_attr_find_nested(flow->actions,
                                             OVS_USERSPACE_ATTR_USERDATA));
    ofpbuf_init(&actions, 0);
    put_send_up(&actions, cookie->class, cookie->version + 1);
    put.actions = actions.data;
    put.actions_len = actions.size;
    error = tw_megaflow_put(&dp, &put);
    assert(!error || error == ENOENT);
    ofpbuf_uninit(&actions);
}

static void
delete(const struct dpif_flow *flow)
{
    struct dpif_flow_stats stats;
    struct dpif_flow_del del = {
        .ufid = &flow->ufid, .pmd_id = PMD_ID_NULL, .stats = &stats,
    };
    int error = tw_megaflow_del(&dp, &del);

    assert(!error || error == ENOENT);
}

static void
revalidate(struct tw_dump_buffer *buffer)
{
    bool terse = !random_range(4);
    struct tw_megaflow_dump *dump = tw_megaflow_dump_create(&dp, terse);
    struct dpif_flow flows[50];
    int n;

    while ((n = tw_megaflow_dump_next(dump, buffer, flows,
                                      1 + random_range(50)))) {
        count(&n_dumped, n);
        for (int i = 0; i < n; i++) {
            assert(flows[i].ufid_present);
            if (!random_range(20)) {
                delete(&flows[i]);
            } else if (!terse && !random_range(10)) {
                modify(&flows[i]);
            }
        }
        ovsrcu_quiesce();
    }
    assert(!tw_megaflow_dump_destroy(dump));
}

static void *
revalidator(void *aux OVS_UNUSED)
{
    struct tw_dump_buffer *buffer = tw_dump_buffer_create();

    do {
        revalidate(buffer);
        if (!random_range(200)) {
            tw_megaflow_flush(&dp);
        }
        if (!random_range(50)) {
            tw_upcall_disable(&dp);
            tw_upcall_enable(&dp);
        }
    } while (!stopping());
    tw_dump_buffer_destroy(buffer);
    return NULL;
}

static void
set_up(void)
{
    odp_execute_init();
    dp.name = xstrdup("test");
    cmap_init(&dp.threads);
    tw_megaflow_init(&dp);
    tw_upcall_init(&dp);
    dp.upcall_cb = upcall_cb;
    tw_upcall_enable(&dp);

    for (unsigned int i = 0; i < N_THREADS; i++) {
        threads[i] = xzalloc_cacheline(sizeof *threads[i]);
        threads[i]->dp = &dp;
        threads[i]->core_id = i;
        threads[i]->slot = i;
        /* The last comes later than the flows: it shares their counters. */
        if (i < N_THREADS - 1) {
            cmap_insert(&dp.threads, &threads[i]->node, i);
        }
    }
}

static void
run(int seconds)
{
    pthread_t running[N_THREADS + N_REVALIDATORS];
    size_t n = 0;

    for (int i = 0; i < N_THREADS; i++) {
        running[n++] = ovs_thread_create("packets", receive, threads[i]);
    }
    for (int i = 0; i < N_REVALIDATORS; i++) {
        running[n++] = ovs_thread_create("revalidator", revalidator, NULL);
    }
    ovsrcu_quiesce_start();
    xsleep(seconds);
    ovsrcu_quiesce_end();
    atomic_store(&stop, true);
    while (n > 0) {
        xpthread_join(running[--n], NULL);
    }
}

static void
check(void)
{
    struct tw_stats sum;
    unsigned long long n_drops = 0;

    memset(&sum, 0, sizeof sum);
    for (int i = 0; i < N_THREADS; i++) {
        for (int j = 0; j < TW_N_STATS; j++) {
            sum.n[j] += threads[i]->stats.n[j];
        }
        for (int j = 0; j < TW_N_DROPS; j++) {
            n_drops += threads[i]->stats.drops[j];
        }
    }
    printf("tw-megaflow: %llu packets, %llu dropped, %llu wrong, "
           "%llu dumped, %llu misses\n",
           (unsigned long long) n_in, n_drops, (unsigned long long) n_wrong,
           (unsigned long long) n_dumped,
           (unsigned long long) sum.n[TW_STAT_MISS]);
    assert(!n_wrong);
    assert(n_in == n_up + n_drops);
    assert(sum.n[TW_STAT_HIT] + sum.n[TW_STAT_MISS]
           == n_in + sum.n[TW_STAT_RECIRC]);
    assert(n_up > 1000 && n_dumped > 1000);
    assert(dp.lookup->n_rules == tw_megaflow_count(&dp));
}

/* Statistics: each thread's, the shared line, and zeroing. */
static void
check_statistics(void)
{
    struct dpif_flow_stats stats = { .n_packets = 1, .n_bytes = 60,
                                     .used = 1234, .tcp_flags = 2 };
    struct tw_megaflow *flow;
    struct dpif_flow_stats sum;

    tw_megaflow_flush(&dp);
    threads[0]->now = time_usec();
    for (int i = 0; i < 100 && !tw_megaflow_count(&dp); i++) {
        struct dp_packet_batch batch;

        dp_packet_batch_init_packet(&batch, random_packet());
        tw_input(threads[0], &batch, u32_to_odp(1));
    }
    flow = CONTAINER_OF(cmap_first(&dp.megaflows), struct tw_megaflow,
                        ufid_node);
    tw_megaflow_get_stats(flow, &sum);
    assert(!sum.n_packets);             /* The upcall's is not the flow's. */
    for (int i = 0; i < N_THREADS; i++) {
        tw_megaflow_count_packets(flow, threads[i], &stats);
        stats.tcp_flags <<= 1;
        stats.used++;
    }
    tw_megaflow_get_stats(flow, &sum);
    assert(sum.n_packets == 3 && sum.n_bytes == 180);
    assert(sum.tcp_flags == 14 && sum.used == 1236);
}

/* What ofproto answers to a userspace action leaves the packet to the actions
 * that follow. */
static void
check_answer(void)
{
    unsigned long long up_before = n_up;
    uint64_t *drops = &threads[0]->stats.drops[TW_DROP_INVALID_ACTION];
    uint64_t drops_before = *drops;
    struct dp_packet *packet = random_packet();
    struct dp_packet_batch batch;
    struct tw_actions *actions;
    struct ofpbuf list;
    struct flow flow;

    flow_extract(packet, &flow);
    ofpbuf_init(&list, 0);
    put_send_up(&list, class_of(&flow), LETHAL);
    put_send_up(&list, class_of(&flow), LETHAL);
    put_send_up(&list, class_of(&flow), 0);
    assert(!tw_actions_create(list.data, list.size, &actions));

    dp_packet_batch_init_packet(&batch, packet);
    tw_actions_execute(threads[0], &batch, true, &flow, actions);
    assert(n_up == up_before + 3 && !n_wrong);
    assert(*drops == drops_before + 2);
    tw_actions_free(actions);
    ofpbuf_uninit(&list);
}

static void
tear_down(void)
{
    tw_upcall_disable(&dp);
    tw_upcall_uninit(&dp);
    tw_megaflow_uninit(&dp);
    for (int i = 0; i < N_THREADS; i++) {
        tw_smc_destroy(threads[i]->smc);
        free_cacheline(threads[i]);
    }
    cmap_destroy(&dp.threads);
    free(dp.name);
}

int
main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    set_up();
    run(argc > 1 ? atoi(argv[1]) : 2);
    check();
    check_statistics();
    check_answer();
    tear_down();
    return 0;
}
