/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRAFFIC_TEST_H
#define TRAFFIC_TEST_H 1

/* A client and a server of the traffic device without a datapath: the test
 * carries, loses or translates their packets, on virtual time. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csum.h"
#include "dp-packet.h"
#include "flow.h"
#include "packets.h"
#include "smap.h"
#include "tests/ct-test.h"
#include "traffic-deliver.h"
#include "traffic-make.h"
#include "traffic-pcap.h"
#include "traffic-plan.h"
#include "traffic-pool.h"

#define HZ 1000000000
#define STEP (HZ / 1000)        /* Virtual time between two polls. */

/* What happens to a packet on its way from 'from'.  False: it is lost. */
typedef bool carry_func(struct dp_packet *, enum traffic_side from);

/* A client and a server. */
struct world {
    struct traffic_plan *plan;
    uint64_t now;
    carry_func *carry;          /* Null: nothing happens. */
    bool checks;

    /* By side. */
    uint64_t n_made[2], n_foreign[2], n_bad[2];
    uint64_t n_retries, n_lives, n_lost;
};

/* Options separated by blanks. */
static inline int
parse(const char *options, struct traffic_spec *spec, char **errp)
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    char *copy = xstrdup(options);
    char *save = NULL;
    int error;

    for (char *word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');

        ovs_assert(value);
        *value++ = '\0';
        smap_replace(&smap, word, value);
    }
    error = traffic_spec_parse("c", &smap, spec, errp);
    smap_destroy(&smap);
    free(copy);
    return error;
}

static inline void
world_init(struct world *w, const char *options, unsigned int n_server_queues)
{
    struct traffic_pcap *pcap = NULL;
    struct traffic_spec spec;
    char *error = NULL;

    if (parse(options, &spec, &error)) {
        ovs_fatal(0, "%s", error);
    }
    if (spec.pcap) {
        pcap = traffic_pcap_open(spec.pcap, spec.n_rxq, &error);
        ovs_assert(pcap);
    }
    memset(w, 0, sizeof *w);
    w->plan = traffic_plan_create(&spec, n_server_queues, NULL, pcap);
    w->now = HZ;
    w->checks = true;
    traffic_spec_destroy(&spec);
}

static inline void
world_destroy(struct world *w)
{
    traffic_plan_destroy(w->plan);
}

static inline uint32_t
n_open(const struct world *w)
{
    uint32_t n;

    atomic_read_relaxed(&w->plan->pair->n_open, &n);
    return n;
}

/* Takes what is lost out of 'batch'. */
static inline void
carry(struct world *w, struct dp_packet_batch *batch, enum traffic_side from)
{
    const size_t size = dp_packet_batch_size(batch);
    struct dp_packet *packet;
    size_t i;

    DP_PACKET_BATCH_REFILL_FOR_EACH (i, size, packet, batch) {
        if (w->carry(packet, from)) {
            dp_packet_batch_refill(batch, packet, i);
        } else {
            dp_packet_delete(packet);
        }
    }
}

/* Polls queue 'qid' of 'side' once; returns how many packets it made. */
static inline size_t
poll_queue(struct world *w, enum traffic_side side, unsigned int qid)
{
    struct traffic_delivered delivered = { 0 };
    struct dp_packet_batch batch;
    struct traffic_turn turn = {
        .plan = w->plan, .side = side, .now = w->now, .hz = HZ,
        .queue = w->plan->pair->queues[side][qid], .batch = &batch,
    };
    size_t n;

    dp_packet_batch_init(&batch);
    traffic_make(&turn);
    n = dp_packet_batch_size(&batch);
    CHECK(n <= NETDEV_MAX_BURST);
    w->n_made[side] += n;
    w->n_retries += turn.n_retries;
    w->n_lives += turn.n_lives;
    w->n_lost += turn.n_lost;
    if (w->carry) {
        carry(w, &batch, side);
    }
    traffic_deliver(w->plan, !side, w->checks, &batch, &delivered);
    w->n_foreign[!side] += delivered.n_foreign;
    w->n_bad[!side] += delivered.n_bad;
    traffic_pool_give(&batch);
    return n;
}

static inline size_t
poll_all(struct world *w)
{
    size_t n = 0;

    for (int side = 0; side < 2; side++) {
        for (unsigned int i = 0; i < w->plan->n_queues[side]; i++) {
            n += poll_queue(w, side, i);
        }
    }
    w->now += STEP;
    return n;
}

/* Polls until all connections are open. */
static inline void
open_all(struct world *w)
{
    for (int i = 0; i < 1000000 && !traffic_pair_is_open(w->plan->pair); i++) {
        poll_all(w);
    }
    CHECK(traffic_pair_is_open(w->plan->pair));
}

static inline bool
nothing_wrong(const struct world *w)
{
    return (!w->n_foreign[0] && !w->n_foreign[1] && !w->n_bad[0]
            && !w->n_bad[1]);
}

/* Checksums by OVS's functions, lengths, padding. */
static inline bool
check_frame(struct dp_packet *packet, enum traffic_side from OVS_UNUSED)
{
    struct flow flow;
    uint32_t pseudo;
    uint8_t proto;

    flow_extract(packet, &flow);
    CHECK(flow.dl_type == htons(ETH_TYPE_IP)
          || flow.dl_type == htons(ETH_TYPE_IPV6));
    proto = flow.nw_proto;
    if (flow.dl_type == htons(ETH_TYPE_IP)) {
        struct ip_header *ip = dp_packet_l3(packet);

        CHECK(!csum(ip, IP_HEADER_LEN));
        CHECK(ntohs(ip->ip_tot_len) == dp_packet_l3_size(packet));
        pseudo = proto == IPPROTO_ICMP ? 0 : packet_csum_pseudoheader(ip);
    } else {
        pseudo = packet_csum_pseudoheader6(dp_packet_l3(packet));
    }
    CHECK(!csum_finish(csum_continue(pseudo, dp_packet_l4(packet),
                                     dp_packet_l4_size(packet))));
    CHECK(dp_packet_size(packet) >= 60);
    CHECK(dp_packet_headroom(packet) >= 128);
    CHECK((flow.vlans[0].tci & htons(VLAN_CFI)) == 0
          || vlan_tci_to_vid(flow.vlans[0].tci) == 7);
    return true;
}

/* For qsort(). */
static inline int
compare_tuples(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct traffic_tuple));
}

/* Tests by name. */
struct traffic_test {
    const char *name;
    void (*run)(void);
};

/* Runs the test whose name is the only argument. */
static inline int
traffic_test_main(int argc, char *argv[], const struct traffic_test *tests,
                  size_t n)
{
    for (size_t i = 0; argc == 2 && i < n; i++) {
        if (!strcmp(tests[i].name, argv[1])) {
            tests[i].run();
            return ct_test_end(argv[1]);
        }
    }
    ovs_fatal(0, "no such test");
}

#endif /* traffic-test.h */
