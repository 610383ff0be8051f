/* SPDX-License-Identifier: Apache-2.0 */

/* Masked tables and signature cache against a classifier that tries every
 * rule. */

#include <config.h>

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "flow.h"
#include "odp-util.h"
#include "openvswitch/match.h"
#include "ovs-rcu.h"
#include "random.h"
#include "tw-lookup.h"
#include "tw-megaflow.h"
#include "tw-smc.h"
#include "util.h"

#define N_RULES 300
#define N_ROUNDS 4000
#define BATCH 32

/* A rule as the naive classifier sees it. */
struct test_rule {
    struct match match;
    struct tw_rule rule;
};

static struct test_rule *rules[N_RULES];        /* NULL: not inserted. */
static int n_found, n_missing;

/* Values are drawn from few, so that packets often match. */
static uint32_t
few(uint32_t n)
{
    return random_range(n);
}

static void
random_flow(struct flow *flow)
{
    memset(flow, 0, sizeof *flow);
    flow->in_port.odp_port = u32_to_odp(1 + few(3));
    flow->recirc_id = few(2);
    flow->packet_type = htonl(PT_ETH);
    flow->dl_dst.ea[5] = few(3);
    flow->dl_src.ea[5] = few(3);
    if (few(3) == 0) {
        flow->vlans[0].tpid = htons(ETH_TYPE_VLAN_8021Q);
        flow->vlans[0].tci = htons(VLAN_CFI | few(3));
    }
    flow->dl_type = htons(few(2) ? ETH_TYPE_IP : ETH_TYPE_IPV6);
    flow->nw_proto = few(2) ? IPPROTO_TCP : IPPROTO_UDP;
    flow->nw_ttl = 64;
    flow->ct_state = few(2) ? CS_TRACKED | CS_NEW : 0;
    flow->ct_mark = flow->ct_state ? few(2) : 0;
    if (flow->dl_type == htons(ETH_TYPE_IP)) {
        flow->nw_src = htonl(0x0a000000 + few(4));
        flow->nw_dst = htonl(0x0a000100 + few(4));
    } else {
        flow->ipv6_src.s6_addr[15] = few(3);
        flow->ipv6_dst.s6_addr[0] = few(3);
    }
    flow->tp_src = htons(few(4));
    flow->tp_dst = htons(few(4));
    if (few(4) == 0) {
        flow->tunnel.ip_dst = htonl(few(2) + 1);
        flow->tunnel.tun_id = htonll(few(2));
    }
}

static void
random_match(struct match *match)
{
    struct flow *mask = &match->wc.masks;

    memset(match, 0, sizeof *match);
    random_flow(&match->flow);
    mask->dl_type = OVS_BE16_MAX;
    if (few(2)) {
        memset(&mask->dl_dst, 0xff, sizeof mask->dl_dst);
    }
    if (few(2)) {
        mask->nw_src = htonl(0xffffffff << few(3));
        mask->ipv6_src.s6_addr[15] = 0xff << few(2);
    }
    if (few(2)) {
        mask->ipv6_dst.s6_addr[0] = 0xff;
        mask->nw_dst = OVS_BE32_MAX;
    }
    if (few(2)) {
        mask->tp_dst = OVS_BE16_MAX;
        mask->nw_proto = 0xff;
    }
    if (few(3) == 0) {
        mask->ct_state = 0xff;
        mask->ct_mark = 1;
    }
    if (few(3) == 0) {
        mask->tunnel.ip_dst = OVS_BE32_MAX;
        mask->tunnel.tun_id = OVS_BE64_MAX;
    }
    tw_megaflow_complete_match(match);
}

/* Whether 'flow' equals the rule's in all that its mask covers and that the
 * rule's packets have. */
static bool
naive_matches(const struct test_rule *rule, const struct flow *flow)
{
    struct flowmap map;
    size_t idx;

    flow_wc_map(&rule->match.flow, &map);
    FLOWMAP_FOR_EACH_INDEX (idx, map) {
        if ((flow_u64_value(flow, idx)
             ^ flow_u64_value(&rule->match.flow, idx))
            & flow_u64_value(&rule->match.wc.masks, idx)) {
            return false;
        }
    }
    return true;
}

static bool
naive_any(const struct flow *flow)
{
    for (size_t i = 0; i < N_RULES; i++) {
        if (rules[i] && naive_matches(rules[i], flow)) {
            return true;
        }
    }
    return false;
}

static void
insert_random(struct tw_lookup *lookup, size_t i)
{
    struct test_rule *rule;
    struct tw_mask mask;
    struct match match;

    random_match(&match);
    tw_mask_init(&mask, &match);
    rule = xzalloc(sizeof *rule + tw_rule_values_size(&mask));
    rule->match = match;
    assert(tw_lookup_insert(lookup, &rule->rule, &match.flow, &mask));
    assert(rule->rule.number);
    assert(tw_lookup_by_number(lookup, rule->rule.number) == &rule->rule);
    rules[i] = rule;
}

static void
remove_rule(struct tw_lookup *lookup, size_t i)
{
    uint32_t number = rules[i]->rule.number;

    tw_lookup_remove(lookup, &rules[i]->rule);
    assert(!tw_lookup_by_number(lookup, number));
    ovsrcu_postpone(free, rules[i]);
    rules[i] = NULL;
}

static const struct test_rule *
from_rule(const struct tw_rule *rule)
{
    const struct test_rule *test_rule = CONTAINER_OF(rule, struct test_rule,
                                                     rule);

    for (size_t i = 0; i < N_RULES; i++) {
        if (rules[i] == test_rule) {
            return test_rule;
        }
    }
    return NULL;                        /* Removed. */
}

/* Checks an answer, NULL or not, for 'flow'. */
static void
check_answer(const struct tw_rule *answer, const struct flow *flow)
{
    if (answer) {
        const struct test_rule *rule = from_rule(answer);

        assert(rule);
        assert(naive_matches(rule, flow));
        n_found++;
    } else {
        assert(!naive_any(flow));
        n_missing++;
    }
}

/* A batch through cache and tables, as tw_input() does it. */
static void
check_batch(struct tw_lookup *lookup, struct tw_smc *smc)
{
    static struct flow flows[BATCH];
    static struct tw_key keys[BATCH];
    struct tw_rule *answers[BATCH];
    size_t n = 1 + few(BATCH);
    uint64_t n_visited = 0;
    uint32_t missing, gone;

    for (size_t i = 0; i < n; i++) {
        random_flow(&flows[i]);
        assert(tw_key_from_flow(&keys[i], &flows[i]));
        /* Few hashes: different flows share a signature. */
        keys[i].hash = flow_hash(&flows[i], 0) % 1024 + few(2) * 4096;
    }

    missing = tw_smc_find(smc, lookup, keys, answers,
                          n < 32 ? (UINT32_C(1) << n) - 1 : UINT32_MAX);
    for (size_t i = 0; i < n; i++) {
        assert(!answers[i] == !!(missing & (1u << i)));
        if (answers[i]) {
            check_answer(answers[i], &flows[i]);
        }
    }
    gone = tw_lookup_find(lookup, keys, answers, missing, &n_visited);
    assert(!(gone & ~missing));
    for (size_t i = 0; i < n; i++) {
        if (missing & (1u << i)) {
            assert(!answers[i] == !!(gone & (1u << i)));
            check_answer(answers[i], &flows[i]);
        }
        if (answers[i]) {
            assert(tw_rule_matches(answers[i], &keys[i]));
            tw_smc_insert(smc, &keys[i], answers[i]);
        }
        assert(!tw_lookup_one(lookup, &keys[i]) == !answers[i]);
    }
}

static void
check_masks(const struct test_rule *rule)
{
    struct flow_wildcards wc;
    struct flowmap map;
    size_t idx;

    tw_rule_get_mask(&rule->rule, &wc);
    wc.masks.in_port.odp_port = ODPP_NONE;
    wc.masks.recirc_id = UINT32_MAX;
    flow_wc_map(&rule->match.flow, &map);
    FLOWMAP_FOR_EACH_INDEX (idx, map) {
        assert(flow_u64_value(&wc.masks, idx)
               == flow_u64_value(&rule->match.wc.masks, idx));
    }
}

static void
test_random(void)
{
    struct tw_lookup *lookup = tw_lookup_create();
    struct tw_smc *smc = tw_smc_create();
    size_t n_rules = 0;

    for (int round = 0; round < N_ROUNDS; round++) {
        size_t i = few(N_RULES);

        if (rules[i]) {
            check_masks(rules[i]);
            remove_rule(lookup, i);
            n_rules--;
        } else {
            insert_random(lookup, i);
            n_rules++;
        }
        assert(lookup->n_rules == n_rules);
        check_batch(lookup, smc);
        if (round % 100 == 0) {
            tw_lookup_sort(lookup);
            ovsrcu_quiesce();
        }
    }
    for (size_t i = 0; i < N_RULES; i++) {
        if (rules[i]) {
            remove_rule(lookup, i);
        }
    }
    assert(!lookup->n_rules && !lookup->n_subtables);
    check_batch(lookup, smc);
    tw_lookup_destroy(lookup);
    tw_smc_destroy(smc);
    assert(n_found > 1000 && n_missing > 1000);
}

/* Sorting puts the subtable first that is hit, so that fewer are visited. */
static void
test_sort(void)
{
    struct tw_lookup *lookup = tw_lookup_create();
    uint64_t before = 0, after = 0;
    struct tw_rule *answer;
    struct tw_key key;

    for (size_t i = 0; i < 8; i++) {
        struct test_rule *rule;
        struct tw_mask mask;
        struct match match;

        memset(&match, 0, sizeof match);
        match.flow.in_port.odp_port = u32_to_odp(1);
        match.flow.dl_type = htons(ETH_TYPE_IP);
        match.flow.nw_dst = htonl((i + 1) << 8);
        match.wc.masks.nw_dst = htonl(0xffffffffU << i);
        tw_mask_init(&mask, &match);
        rule = xzalloc(sizeof *rule + tw_rule_values_size(&mask));
        rule->match = match;
        assert(tw_lookup_insert(lookup, &rule->rule, &match.flow, &mask));
        rules[i] = rule;
    }
    assert(lookup->n_subtables == 8);
    assert(tw_key_from_flow(&key, &rules[7]->match.flow));
    assert(!tw_lookup_find(lookup, &key, &answer, 1, &before));
    assert(answer == &rules[7]->rule);
    tw_lookup_sort(lookup);
    assert(!tw_lookup_find(lookup, &key, &answer, 1, &after));
    assert(after == 1 && after < before);

    for (size_t i = 0; i < 8; i++) {
        remove_rule(lookup, i);
    }
    tw_lookup_destroy(lookup);
}

/* A number that went to another rule is no answer for the first one's
 * packets. */
static void
test_number_reuse(void)
{
    struct tw_lookup *lookup = tw_lookup_create();
    struct tw_smc *smc = tw_smc_create();
    struct tw_rule *answer;
    struct tw_key key;
    uint32_t number;

    insert_random(lookup, 0);
    assert(tw_key_from_flow(&key, &rules[0]->match.flow));
    key.hash = 7;
    tw_smc_insert(smc, &key, &rules[0]->rule);
    assert(!tw_smc_find(smc, lookup, &key, &answer, 1));
    assert(answer == &rules[0]->rule);

    number = rules[0]->rule.number;
    remove_rule(lookup, 0);
    assert(tw_smc_find(smc, lookup, &key, &answer, 1) == 1 && !answer);
    do {
        if (rules[0]) {
            remove_rule(lookup, 0);
        }
        insert_random(lookup, 0);
        assert(rules[0]->rule.number == number);
    } while (tw_rule_matches(&rules[0]->rule, &key));
    assert(tw_smc_find(smc, lookup, &key, &answer, 1) == 1 && !answer);

    remove_rule(lookup, 0);
    tw_lookup_destroy(lookup);
    tw_smc_destroy(smc);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    random_set_seed(0x5eed1234);
    test_random();
    test_sort();
    test_number_reuse();
    printf("tw-lookup: %d found, %d missing\n", n_found, n_missing);
    return 0;
}
