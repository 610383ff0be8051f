/* SPDX-License-Identifier: Apache-2.0 */

/* Equivalence: pipelines, and what they answer about a packet.  Called by
 * equiv-run and, for each packet that goes up, by equiv-side; calls
 * equiv-rules and equiv-actions.
 *
 * Each answer is a correct megaflow: of each rule that was looked at, the
 * mask holds all fields up to the first group (metadata, L2, L3, L4) in which
 * the packet differs from the rule. */

#include <config.h>

#include "equiv.h"

#include "flow.h"
#include "odp-util.h"
#include "packets.h"
#include "tw-megaflow.h"
#include "util.h"

static void make_real(struct equiv_pipeline *, struct equiv_rng *);
static void make_wild(struct equiv_pipeline *, struct equiv_rng *);
static void make_steady(struct equiv_pipeline *, struct equiv_rng *);
static bool rule_matches(const struct equiv_rule *, const struct flow *,
                         struct flow_wildcards *);

struct equiv_pipeline *
equiv_pipeline_create(uint64_t seed)
{
    struct equiv_pipeline *p = xzalloc(sizeof *p);
    struct equiv_rng rng = { seed };

    p->steady = equiv_percent(&rng, 30);
    p->wild = !p->steady && equiv_percent(&rng, 40);
    p->plain = equiv_percent(&rng, 70);
    if (p->steady) {
        make_steady(p, &rng);
    } else if (p->wild) {
        make_wild(p, &rng);
    } else {
        make_real(p, &rng);
    }
    return p;
}

void
equiv_pipeline_destroy(struct equiv_pipeline *p)
{
    for (size_t i = 0; i < EQUIV_N_TABLES; i++) {
        for (size_t j = 0; j < p->tables[i].n; j++) {
            equiv_acts_free(&p->tables[i].rules[j].acts);
        }
    }
    free(p);
}

/* Asking. */

/* What ofproto looks at in every packet. */
static void
init_wc(const struct flow *flow, struct flow_wildcards *wc)
{
    flow_wildcards_init_catchall(wc);
    wc->masks.dl_type = OVS_BE16_MAX;
    wc->masks.vlans[0].tci = htons(VLAN_CFI);
    if (is_ip_any(flow)) {
        wc->masks.nw_frag = FLOW_NW_FRAG_MASK;
    }
}

static const struct equiv_rule *
find_rule(const struct equiv_table *table, const struct flow *flow,
          struct flow_wildcards *wc)
{
    for (size_t i = 0; i < table->n; i++) {
        if (rule_matches(&table->rules[i], flow, wc)) {
            return &table->rules[i];
        }
    }
    return NULL;
}

/* The mask as tw_upcall makes it. */
static void
complete_wc(const struct flow *flow, struct flow_wildcards *wc)
{
    struct match match = { .flow = *flow, .wc = *wc };

    tw_megaflow_complete_match(&match);
    *wc = match.wc;
}

void
equiv_pipeline_ask(const struct equiv_pipeline *p, const struct flow *flow,
                   struct equiv_answer *answer)
{
    const struct equiv_rule *rule = NULL;

    init_wc(flow, &answer->wc);
    ofpbuf_init(&answer->actions, 256);
    ofpbuf_init(&answer->put_actions, 0);
    if (flow->recirc_id < EQUIV_N_TABLES) {
        rule = find_rule(&p->tables[flow->recirc_id], flow, &answer->wc);
    }
    if (rule) {
        equiv_acts_put(&rule->acts, flow, &answer->wc, &answer->actions);
        if (rule->slow) {
            equiv_put_userspace(EQUIV_COOKIE_SLOW, &answer->put_actions);
        }
    }
    complete_wc(flow, &answer->wc);
}

void
equiv_answer_uninit(struct equiv_answer *answer)
{
    ofpbuf_uninit(&answer->actions);
    ofpbuf_uninit(&answer->put_actions);
}

static bool
rule_matches(const struct equiv_rule *rule, const struct flow *flow,
             struct flow_wildcards *wc)
{
    static const size_t groups[] = {
        0, FLOW_SEGMENT_1_ENDS_AT / 8, FLOW_SEGMENT_2_ENDS_AT / 8,
        FLOW_SEGMENT_3_ENDS_AT / 8, FLOW_U64S
    };
    const uint64_t *value = (const uint64_t *) &rule->match.flow;
    const uint64_t *mask = (const uint64_t *) &rule->match.wc.masks;
    const uint64_t *packet = (const uint64_t *) flow;
    uint64_t *seen = (uint64_t *) &wc->masks;

    for (size_t g = 0; g + 1 < ARRAY_SIZE(groups); g++) {
        bool equal = true;

        for (size_t i = groups[g]; i < groups[g + 1]; i++) {
            seen[i] |= mask[i];
            equal = equal && !((value[i] ^ packet[i]) & mask[i]);
        }
        if (!equal) {
            return false;
        }
    }
    return true;
}

/* Making. */

static struct equiv_rule *
add_rule(struct equiv_pipeline *p, unsigned int table)
{
    struct equiv_table *t = &p->tables[table];
    struct equiv_rule *rule = &t->rules[t->n++];

    ovs_assert(t->n <= EQUIV_MAX_RULES);
    match_init_catchall(&rule->match);
    return rule;
}

static void
make_wild(struct equiv_pipeline *p, struct equiv_rng *rng)
{
    for (unsigned int i = 0; i < EQUIV_N_TABLES; i++) {
        for (int n = 1 + equiv_below(rng, 6); n > 0; n--) {
            struct equiv_rule *rule = add_rule(p, i);

            equiv_rule_random_match(rule, i, rng);
            equiv_acts_random(&rule->acts, i, p->plain, rng);
            rule->slow = !p->plain && equiv_percent(rng, 5);
        }
        if (equiv_percent(rng, 90)) {
            equiv_acts_random(&add_rule(p, i)->acts, i, p->plain, rng);
        }
    }
}

/* Like OVN: zones for ingress, for a router and for egress. */

static struct equiv_ct *
add_ct(struct equiv_rule *rule, unsigned int zone, bool commit,
       enum equiv_nat nat)
{
    struct equiv_ct *ct = &equiv_acts_add(&rule->acts, EQUIV_CT, 0)->ct;

    ct->zone = zone;
    ct->commit = commit;
    ct->nat = nat;
    return ct;
}

static void
add_recirc(struct equiv_rule *rule, unsigned int table)
{
    equiv_acts_add(&rule->acts, EQUIV_RECIRC, table);
}

static struct equiv_rule *
add_state_rule(struct equiv_pipeline *p, unsigned int table, uint8_t state,
               uint8_t mask)
{
    struct equiv_rule *rule = add_rule(p, table);

    match_set_ct_state_masked(&rule->match, state | CS_TRACKED,
                              mask | CS_TRACKED);
    return rule;
}

static void
match_dst(struct equiv_rule *rule, bool ipv6, unsigned int port,
          unsigned int host)
{
    struct equiv_addr addr = equiv_host(ipv6, port, host);
    unsigned int length = host ? 32 : 24;

    match_set_dl_type(&rule->match,
                      htons(ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP));
    if (ipv6) {
        struct in6_addr mask = ipv6_create_mask(96 + length);

        match_set_ipv6_dst_masked(&rule->match, &addr.ip6, &mask);
    } else {
        match_set_nw_dst_masked(&rule->match, addr.ip,
                                be32_prefix_mask(length));
    }
}

/* Everything is tracked in the zone of ingress. */
static void
make_admission(struct equiv_pipeline *p, bool nat, struct equiv_rng *rng)
{
    for (unsigned int port = 1; port <= EQUIV_N_PORTS; port++) {
        struct equiv_rule *rule = add_rule(p, 0);

        rule->match.flow.in_port.odp_port = u32_to_odp(port);
        rule->match.wc.masks.in_port.odp_port = ODPP_NONE;
        if (equiv_percent(rng, 30)) {
            match_set_dl_src(&rule->match, equiv_mac(port));
        }
        if (equiv_percent(rng, 30)) {
            equiv_acts_add(&rule->acts, EQUIV_POP_VLAN, 0);
        }
        add_ct(rule, 1, false,
               nat ? EQUIV_NAT_BARE : EQUIV_NAT_NONE);
        add_recirc(rule, 1);
    }
}

static void
make_load_balancer(struct equiv_pipeline *p, struct equiv_rng *rng)
{
    for (unsigned int vip = 1; vip <= EQUIV_N_VIPS; vip++) {
        struct equiv_rule *rule = add_state_rule(p, 1, CS_NEW,
                                                 CS_NEW | CS_RELATED);
        struct equiv_ct *ct = add_ct(rule, 1, true, EQUIV_NAT_DST);

        match_dst(rule, equiv_percent(rng, 30), EQUIV_VIP_PORT, vip);
        ct->nat_at = 1 + equiv_below(rng, EQUIV_N_PORTS);
        ct->host = 1 + equiv_below(rng, 3);
        ct->n_hosts = 1 + equiv_below(rng, 2);
        ct->mark = ct->mark_mask = equiv_percent(rng, 50) ? 2 : 0;
        if (equiv_percent(rng, 30)) {
            ct->port_min = ct->port_max = 8000 + vip;
        }
        add_recirc(rule, 2);
    }
}

/* What a stateful ACL makes of a zone: invalid ones end, established and
 * related ones pass, new ones are let in, or not. */
static void
make_acl(struct equiv_pipeline *p, unsigned int table, unsigned int zone,
         struct equiv_rng *rng)
{
    struct equiv_rule *rule = add_state_rule(p, table, CS_INVALID,
                                             CS_INVALID);

    if (equiv_percent(rng, 20)) {
        equiv_acts_add(&rule->acts, EQUIV_OUTPUT, 1);
    }
    if (equiv_percent(rng, 50)) {
        rule = add_state_rule(p, table, CS_ESTABLISHED, CS_ESTABLISHED);
        match_set_ct_mark_masked(&rule->match, 1, 1);   /* Blocked. */
    }
    rule = add_state_rule(p, table, CS_ESTABLISHED, CS_ESTABLISHED | CS_NEW);
    if (equiv_percent(rng, 20)) {
        struct equiv_ct *ct = add_ct(rule, zone, true, EQUIV_NAT_NONE);

        ct->mark_mask = 4;
        ct->mark = 4 * equiv_below(rng, 2);
    }
    add_recirc(rule, table + 1);
    for (int n = equiv_below(rng, 3); n > 0; n--) {
        rule = add_rule(p, table);
        equiv_rule_random_match(rule, 0, rng);
        match_set_ct_state_masked(&rule->match, CS_TRACKED | CS_NEW,
                                  CS_TRACKED | CS_NEW);
        if (equiv_percent(rng, 60)) {
            add_recirc(rule, table + 1);
        }
    }
    rule = add_state_rule(p, table, CS_NEW, CS_NEW);
    struct equiv_ct *ct = add_ct(rule, zone, true, EQUIV_NAT_NONE);
    ct->mark = 8;
    ct->mark_mask = equiv_percent(rng, 50) ? 12 : 0;
    ct->label.u32[0] = ct->label_mask.u32[0] = equiv_percent(rng, 30) ? 6 : 0;
    add_recirc(rule, table + 1);
    add_recirc(add_rule(p, table), table + 1);
}

/* Other addresses of Ethernet, a TTL less, and some get another source. */
static void
make_router(struct equiv_pipeline *p, bool snat, struct equiv_rng *rng)
{
    for (unsigned int port = 1; port <= EQUIV_N_PORTS; port++) {
        for (int ipv6 = 0; ipv6 < 2; ipv6++) {
            struct equiv_rule *rule = add_rule(p, 2);
            struct equiv_act *eth;

            match_dst(rule, ipv6, port, 0);
            eth = equiv_acts_add(&rule->acts, EQUIV_SET_ETH, port);
            eth->second = true;
            if (equiv_percent(rng, 70)) {
                equiv_acts_add(&rule->acts, EQUIV_DEC_TTL, 0);
            }
            if (snat) {
                bool new = port & 1;
                struct equiv_ct *ct = add_ct(rule, 3, true, (
                    new ? EQUIV_NAT_SRC : EQUIV_NAT_BARE));

                ct->nat_at = EQUIV_NAT_PORT;
                ct->host = 1 + port / 2;
                ct->n_hosts = 1;
            } else {
                add_ct(rule, 3, equiv_percent(rng, 90), EQUIV_NAT_NONE);
            }
            add_recirc(rule, 3);
        }
    }
    struct equiv_rule *rule = add_rule(p, 2);
    add_ct(rule, 3, true, EQUIV_NAT_BARE);
    add_recirc(rule, 3);
}

static void
make_egress(struct equiv_pipeline *p, struct equiv_rng *rng)
{
    for (unsigned int port = 1; port <= EQUIV_N_PORTS; port++) {
        for (int ipv6 = 0; ipv6 < 2; ipv6++) {
            struct equiv_rule *rule = add_rule(p, 3);

            match_dst(rule, ipv6, port, 0);
            if (equiv_percent(rng, 20)) {
                equiv_acts_add(&rule->acts, EQUIV_CT_CLEAR, 0);
            }
            add_ct(rule, 4, false, EQUIV_NAT_NONE);
            add_recirc(rule, 4);

            rule = add_rule(p, 5);
            match_dst(rule, ipv6, port, 0);
            if (equiv_percent(rng, 10)) {
                equiv_acts_add(&rule->acts, EQUIV_METER, 1);
            }
            if (equiv_percent(rng, 15)) {
                equiv_acts_add(&rule->acts, EQUIV_PUSH_VLAN, 1);
            }
            equiv_acts_add(&rule->acts, EQUIV_OUTPUT, port);
        }
    }
    struct equiv_rule *rule = add_rule(p, 3);
    equiv_acts_add(&rule->acts, EQUIV_OUTPUT, 1);
    equiv_acts_add(&rule->acts, EQUIV_OUTPUT, 2);
}

static void
make_real(struct equiv_pipeline *p, struct equiv_rng *rng)
{
    bool balancer = equiv_percent(rng, 60);

    make_admission(p, balancer || equiv_percent(rng, 50), rng);
    if (balancer) {
        make_load_balancer(p, rng);
    }
    make_acl(p, 1, 1, rng);
    make_router(p, equiv_percent(rng, 60), rng);
    make_egress(p, rng);
    make_acl(p, 4, 4, rng);
}

/* One zone behind the other, in which nothing happens to an established
 * connection, but for what is rare: so that connections are in joints. */

/* By table.  The last zone has timeouts of its own, so that its connections
 * are never in a joint. */
static const unsigned int steady_zones[] = {
    0, 1, 2, 4, 5, EQUIV_TIMEOUT_ZONE
};
BUILD_ASSERT_DECL(ARRAY_SIZE(steady_zones) == EQUIV_N_ZONES + 1);

/* The ct() whose packets go on in 'table'.  Sometimes translated. */
static void
add_steady_ct(struct equiv_rule *rule, unsigned int table, bool nat)
{
    add_ct(rule, steady_zones[table], false,
           nat ? EQUIV_NAT_BARE : EQUIV_NAT_NONE);
    add_recirc(rule, table);
}

/* Between two zones: headers change. */
static void
add_steady_hop(struct equiv_rule *rule, struct equiv_rng *rng)
{
    if (equiv_percent(rng, 10)) {
        equiv_acts_add(&rule->acts, EQUIV_SET_ETH, 1)->second = true;
    }
    if (equiv_percent(rng, 10)) {
        equiv_acts_add(&rule->acts, EQUIV_DEC_TTL, 0);
    }
}

/* New connections: committed, some with a mark, some translated. */
static void
add_steady_commit(struct equiv_rule *rule, unsigned int table, bool nat,
                  struct equiv_rng *rng)
{
    struct equiv_ct *ct = add_ct(rule, steady_zones[table], true,
                                 nat ? EQUIV_NAT_SRC : EQUIV_NAT_NONE);

    ct->nat_at = EQUIV_NAT_PORT;
    ct->host = 1 + equiv_below(rng, 3);
    ct->n_hosts = 1;
    ct->mark = ct->mark_mask = equiv_percent(rng, 30) ? 1 : 0;
    ct->label.u32[0] = ct->label_mask.u32[0] = equiv_percent(rng, 20) ? 6 : 0;
}

/* Packets with a TOS mark their connection, whose packets then go another
 * way. */
static void
add_steady_mark(struct equiv_pipeline *p, unsigned int table,
                struct equiv_rng *rng)
{
    struct equiv_rule *rule = add_state_rule(p, table, CS_ESTABLISHED,
                                             CS_ESTABLISHED);
    struct equiv_ct *ct;

    match_set_dl_type(&rule->match, htons(ETH_TYPE_IP));
    match_set_nw_dscp(&rule->match, 4 * (1 + equiv_below(rng, 3)));
    ct = add_ct(rule, steady_zones[table], true, EQUIV_NAT_NONE);
    ct->mark = ct->mark_mask = 2;
    equiv_acts_add(&rule->acts, EQUIV_OUTPUT, 1);

    rule = add_state_rule(p, table, CS_ESTABLISHED, CS_ESTABLISHED);
    match_set_ct_mark_masked(&rule->match, 2, 2);
    equiv_acts_add(&rule->acts, EQUIV_OUTPUT, 2);
}

static void
make_steady(struct equiv_pipeline *p, struct equiv_rng *rng)
{
    unsigned int n = 2 + equiv_below(rng, EQUIV_N_ZONES - 1);
    unsigned int nat_table = equiv_percent(rng, 40) ? 1 + equiv_below(rng, n)
                                                   : 0;
    bool by_flags = equiv_percent(rng, 20);

    add_steady_ct(add_rule(p, 0), 1, nat_table == 1);
    for (unsigned int table = 1; table <= n; table++) {
        for (int state = 0; state < 3; state++) {
            struct equiv_rule *rule;

            if (!state && equiv_percent(rng, 15)) {
                add_steady_mark(p, table, rng);
            }
            if (!state && !by_flags) {
                continue;
            }
            rule = add_state_rule(p, table,
                                  state < 2 ? CS_ESTABLISHED : CS_NEW,
                                  state < 2 ? CS_ESTABLISHED : CS_NEW);
            if (!state) {
                match_set_dl_type(&rule->match, htons(ETH_TYPE_IP));
                match_set_nw_proto(&rule->match, IPPROTO_TCP);
                match_set_tcp_flags_masked(&rule->match, htons(TCP_PSH),
                                           htons(TCP_PSH));
            } else if (state == 2) {
                add_steady_commit(rule, table, table == nat_table, rng);
            }
            add_steady_hop(rule, rng);
            if (table < n) {
                add_steady_ct(rule, table + 1, table + 1 == nat_table);
            } else {
                equiv_acts_add(&rule->acts, EQUIV_OUTPUT,
                               1 + equiv_below(rng, EQUIV_N_PORTS));
            }
        }
    }
}

/* Changing. */

static void
remove_rule(struct equiv_table *table, unsigned int i)
{
    equiv_acts_free(&table->rules[i].acts);
    memmove(&table->rules[i], &table->rules[i + 1],
            (table->n - i - 1) * sizeof table->rules[i]);
    table->n--;
}

static void
insert_rule(struct equiv_pipeline *p, unsigned int table, unsigned int i,
            struct equiv_rng *rng)
{
    struct equiv_table *t = &p->tables[table];
    struct equiv_rule *rule = &t->rules[i];

    memmove(rule + 1, rule, (t->n - i) * sizeof *rule);
    memset(rule, 0, sizeof *rule);
    t->n++;
    equiv_rule_random_match(rule, table, rng);
    equiv_acts_random(&rule->acts, table, p->plain, rng);
}

void
equiv_pipeline_change(struct equiv_pipeline *p, struct equiv_rng *rng)
{
    unsigned int table = equiv_below(rng, EQUIV_N_TABLES);
    struct equiv_table *t = &p->tables[table];
    unsigned int i = equiv_below(rng, t->n + 1);

    p->generation++;
    switch (equiv_below(rng, 3)) {
    case 0:
        if (i < t->n) {
            remove_rule(t, i);
            break;
        }
        /* Fall through. */
    case 1:
        if (t->n < EQUIV_MAX_RULES) {
            insert_rule(p, table, i, rng);
            break;
        }
        /* Fall through. */
    default:
        i = MIN(i, t->n - 1);
        equiv_acts_free(&t->rules[i].acts);
        equiv_acts_random(&t->rules[i].acts, table, p->plain, rng);
        break;
    }
}
