/* SPDX-License-Identifier: Apache-2.0 */

/* Equivalence: lists of actions, at random and as netlink attributes.  Called
 * by equiv-pipeline. */

#include <config.h>

#include "equiv.h"

#include <netinet/in.h>

#include "netlink.h"
#include "odp-netlink.h"
#include "packets.h"
#include "util.h"

/* An answer in the making. */
struct put {
    struct flow flow;           /* As the actions so far leave it. */
    struct flow_wildcards *wc;
    struct ofpbuf *out;
};

/* Where random actions are. */
struct place {
    unsigned int table, depth;
    bool plain;
};

static void random_act(struct equiv_acts *, const struct place *,
                       struct equiv_rng *);
static void random_list(struct equiv_acts *, const struct place *,
                        struct equiv_rng *);
static void random_ct(struct equiv_ct *, bool plain, struct equiv_rng *);
static void put_list(struct put *, const struct equiv_acts *);
static void put_act(struct put *, const struct equiv_act *);

/* Life. */

struct equiv_act *
equiv_acts_add(struct equiv_acts *acts, enum equiv_act_type type, uint32_t arg)
{
    struct equiv_act *act = &acts->acts[acts->n++];

    ovs_assert(acts->n <= EQUIV_MAX_ACTS);
    memset(act, 0, sizeof *act);
    act->type = type;
    act->arg = arg;
    return act;
}

void
equiv_acts_free(struct equiv_acts *acts)
{
    for (unsigned int i = 0; i < acts->n; i++) {
        for (int j = 0; j < 2; j++) {
            if (acts->acts[i].sub[j]) {
                equiv_acts_free(acts->acts[i].sub[j]);
                free(acts->acts[i].sub[j]);
            }
        }
    }
    acts->n = 0;
}

/* At random. */

void
equiv_acts_random(struct equiv_acts *acts, unsigned int table, bool plain,
                  struct equiv_rng *rng)
{
    struct place place = { .table = table, .plain = plain };

    acts->n = 0;
    random_list(acts, &place, rng);
}

static unsigned int
later_table(unsigned int table, struct equiv_rng *rng)
{
    return table + 1 + equiv_below(rng, MIN(2, EQUIV_N_TABLES - 1 - table));
}

static uint32_t
any_port(struct equiv_rng *rng)
{
    return 1 + equiv_below(rng, EQUIV_N_PORTS + equiv_percent(rng, 3));
}

/* Lists mostly end in recirculation, or in output. */
static void
random_list(struct equiv_acts *acts, const struct place *place,
            struct equiv_rng *rng)
{
    unsigned int table = place->table;
    bool last = table + 1 >= EQUIV_N_TABLES;
    unsigned int go_on = place->depth ? 20 : table < 3 ? 80 : 50;

    for (int n = equiv_below(rng, 4); n > 0; n--) {
        random_act(acts, place, rng);
    }
    if (equiv_percent(rng, 4)) {
        if (equiv_percent(rng, 50)) {
            equiv_acts_add(acts, EQUIV_DROP, 0);
        }
        return;
    }
    if (!last && equiv_percent(rng, go_on)) {
        if (equiv_percent(rng, 70)) {
            random_ct(&equiv_acts_add(acts, EQUIV_CT, 0)->ct, place->plain,
                      rng);
        } else if (equiv_percent(rng, 25)) {
            equiv_acts_add(acts, EQUIV_HASH, equiv_below(rng, 4));
        }
        equiv_acts_add(acts, EQUIV_RECIRC, later_table(table, rng));
    } else {
        equiv_acts_add(acts, EQUIV_OUTPUT, any_port(rng));
        if (equiv_percent(rng, 10)) {
            equiv_acts_add(acts, EQUIV_OUTPUT, any_port(rng));
        }
    }
}

/* With lists of their own. */
static void
random_nesting(struct equiv_acts *acts, const struct place *place,
               struct equiv_rng *rng)
{
    struct place inside = { .table = place->table,
                            .depth = place->depth + 1 };
    static const enum equiv_act_type types[] = {
        EQUIV_CLONE, EQUIV_SAMPLE, EQUIV_CHECK_LEN
    };
    enum equiv_act_type type = types[equiv_below(rng, 3)];
    struct equiv_act *act;

    if (place->depth >= 2) {
        return;
    }
    act = equiv_acts_add(acts, type, (type == EQUIV_CHECK_LEN
                                      ? 60 + equiv_below(rng, 300)
                                      : equiv_next(rng)));
    for (int i = 0; i <= (type == EQUIV_CHECK_LEN); i++) {
        act->sub[i] = xzalloc(sizeof *act->sub[i]);
        random_list(act->sub[i], &inside, rng);
    }
}

static void
random_act(struct equiv_acts *acts, const struct place *place,
           struct equiv_rng *rng)
{
    static const enum equiv_act_type sets[] = {
        EQUIV_SET_ETH, EQUIV_SET_IP, EQUIV_SET_TOS, EQUIV_DEC_TTL,
        EQUIV_SET_TP, EQUIV_PUSH_VLAN, EQUIV_POP_VLAN
    };
    unsigned int kind = equiv_below(rng, place->plain ? 90 : 100);

    if (kind < 30) {
        struct equiv_act *act = equiv_acts_add(
            acts, sets[equiv_below(rng, ARRAY_SIZE(sets))],
            equiv_below(rng, 6));
        act->second = equiv_percent(rng, 60);
    } else if (kind < 70) {
        random_ct(&equiv_acts_add(acts, EQUIV_CT, 0)->ct, place->plain, rng);
    } else if (kind < 76) {
        equiv_acts_add(acts, EQUIV_CT_CLEAR, 0);
    } else if (kind < 80) {
        equiv_acts_add(acts, EQUIV_METER,
                       1 + equiv_below(rng, EQUIV_N_METERS));
    } else if (kind < 90) {
        equiv_acts_add(acts, EQUIV_OUTPUT, any_port(rng));
    } else if (kind < 93) {
        equiv_acts_add(acts, EQUIV_TRUNC_OUTPUT, any_port(rng));
    } else if (kind < 96) {
        equiv_acts_add(acts, EQUIV_USERSPACE, 0);
    } else {
        random_nesting(acts, place, rng);
    }
}

static void
random_nat(struct equiv_ct *ct, struct equiv_rng *rng)
{
    static const uint16_t flags[] = {
        0, OVS_NAT_ATTR_PROTO_HASH, OVS_NAT_ATTR_PROTO_RANDOM,
        OVS_NAT_ATTR_PERSISTENT
    };

    ct->nat = equiv_percent(rng, 50) ? EQUIV_NAT_SRC : EQUIV_NAT_DST;
    ct->nat_at = ct->nat == EQUIV_NAT_SRC ? EQUIV_NAT_PORT
                 : 1 + equiv_below(rng, EQUIV_N_PORTS);
    ct->host = equiv_percent(rng, 90) ? 1 + equiv_below(rng, 3) : 0;
    ct->n_hosts = 1 + equiv_below(rng, 3);
    if (equiv_percent(rng, 40)) {
        ct->port_min = 2000 + equiv_below(rng, 1000);
        ct->port_max = ct->port_min + equiv_below(rng, 200);
    }
    ct->nat_flag = flags[equiv_below(rng, ARRAY_SIZE(flags))];
}

static void
random_ct(struct equiv_ct *ct, bool plain, struct equiv_rng *rng)
{
    memset(ct, 0, sizeof *ct);
    ct->zone = 1 + equiv_below(rng, EQUIV_N_ZONES);
    /* A connection that is not committed is not remembered. */
    ct->commit = equiv_percent(rng, plain ? 90 : 50);
    if (ct->commit) {
        ct->force = equiv_percent(rng, 10);
        if (equiv_percent(rng, 30)) {
            ct->mark = equiv_below(rng, 4);
            ct->mark_mask = equiv_percent(rng, 50) ? UINT32_MAX
                            : 1 + equiv_below(rng, 3);
        }
        if (equiv_percent(rng, 20)) {
            ct->label_mask.u32[equiv_below(rng, 4)] = 7;
            ct->label.u32[0] = equiv_below(rng, 8);
            ct->label.u32[3] = equiv_below(rng, 8);
            ct->label.u64.lo &= ct->label_mask.u64.lo;
            ct->label.u64.hi &= ct->label_mask.u64.hi;
        }
    }
    if (equiv_percent(rng, 30)) {
        ct->nat = EQUIV_NAT_BARE;
        if (ct->commit && equiv_percent(rng, 70)) {
            random_nat(ct, rng);
        }
    }
}

/* As netlink attributes. */

void
equiv_acts_put(const struct equiv_acts *acts, const struct flow *flow,
               struct flow_wildcards *wc, struct ofpbuf *out)
{
    struct put put = { .flow = *flow, .wc = wc, .out = out };

    put_list(&put, acts);
}

void
equiv_put_userspace(enum equiv_cookie cookie, struct ofpbuf *out)
{
    size_t offset = nl_msg_start_nested(out, OVS_ACTION_ATTR_USERSPACE);
    uint32_t userdata = cookie;

    nl_msg_put_u32(out, OVS_USERSPACE_ATTR_PID, 1);
    nl_msg_put_unspec(out, OVS_USERSPACE_ATTR_USERDATA, &userdata,
                      sizeof userdata);
    nl_msg_end_nested(out, offset);
}

static void
put_list(struct put *put, const struct equiv_acts *acts)
{
    for (unsigned int i = 0; i < acts->n; i++) {
        put_act(put, &acts->acts[i]);
    }
}

static bool
is_ipv6(const struct put *put)
{
    return put->flow.dl_type == htons(ETH_TYPE_IPV6);
}

static bool
is_ip(const struct put *put)
{
    return is_ip_any(&put->flow);
}

/* A masked set: 'value' and then 'mask', of 'size' each. */
static void
put_set(struct put *put, uint16_t type, const void *value, const void *mask,
        size_t size)
{
    size_t offset = nl_msg_start_nested(put->out, OVS_ACTION_ATTR_SET_MASKED);
    char *data = nl_msg_put_unspec_uninit(put->out, type, 2 * size);

    memcpy(data, value, size);
    memcpy(data + size, mask, size);
    nl_msg_end_nested(put->out, offset);
}

static void
put_set_eth(struct put *put, const struct equiv_act *act)
{
    struct ovs_key_ethernet value, mask;

    memset(&value, 0, sizeof value);
    memset(&mask, 0, sizeof mask);
    value.eth_src = value.eth_dst = equiv_mac(act->arg);
    memset(act->second ? &mask.eth_dst : &mask.eth_src, 0xff, ETH_ADDR_LEN);
    put_set(put, OVS_KEY_ATTR_ETHERNET, &value, &mask, sizeof value);
}

static void
put_set_ipv4(struct put *put, const struct ovs_key_ipv4 *value,
             const struct ovs_key_ipv4 *mask)
{
    put_set(put, OVS_KEY_ATTR_IPV4, value, mask, sizeof *value);
}

static void
put_set_addr(struct put *put, const struct equiv_act *act)
{
    struct equiv_addr addr = equiv_host(is_ipv6(put), 1 + act->arg, 9);

    if (is_ipv6(put)) {
        struct ovs_key_ipv6 value, mask;
        size_t size = sizeof value.ipv6_src;

        memset(&value, 0, sizeof value);
        memset(&mask, 0, sizeof mask);
        memcpy(act->second ? &value.ipv6_dst : &value.ipv6_src, &addr.ip6,
               size);
        memset(act->second ? &mask.ipv6_dst : &mask.ipv6_src, 0xff, size);
        put_set(put, OVS_KEY_ATTR_IPV6, &value, &mask, sizeof value);
    } else {
        struct ovs_key_ipv4 value, mask;

        memset(&value, 0, sizeof value);
        memset(&mask, 0, sizeof mask);
        value.ipv4_src = value.ipv4_dst = addr.ip;
        *(act->second ? &mask.ipv4_dst : &mask.ipv4_src)
            = htonl(act->arg & 1 ? 0xffffffff : 0xffffff00);
        put_set_ipv4(put, &value, &mask);
    }
}

static void
put_tos_and_ttl(struct put *put, uint8_t tos, uint8_t tos_mask, uint8_t ttl,
                uint8_t ttl_mask)
{
    if (is_ipv6(put)) {
        struct ovs_key_ipv6 value, mask;

        memset(&value, 0, sizeof value);
        memset(&mask, 0, sizeof mask);
        value.ipv6_tclass = tos;
        value.ipv6_hlimit = ttl;
        mask.ipv6_tclass = tos_mask;
        mask.ipv6_hlimit = ttl_mask;
        put_set(put, OVS_KEY_ATTR_IPV6, &value, &mask, sizeof value);
    } else {
        struct ovs_key_ipv4 value, mask;

        memset(&value, 0, sizeof value);
        memset(&mask, 0, sizeof mask);
        value.ipv4_tos = tos;
        value.ipv4_ttl = ttl;
        mask.ipv4_tos = tos_mask;
        mask.ipv4_ttl = ttl_mask;
        put_set_ipv4(put, &value, &mask);
    }
}

/* As ofproto does it: the value is in the megaflow. */
static void
put_dec_ttl(struct put *put)
{
    put->wc->masks.nw_ttl = UINT8_MAX;
    if (put->flow.nw_ttl > 1) {
        put->flow.nw_ttl--;
        put_tos_and_ttl(put, 0, 0, put->flow.nw_ttl, UINT8_MAX);
    }
}

static void
put_set_tp(struct put *put, const struct equiv_act *act)
{
    ovs_be16 port = htons(equiv_service(act->arg));
    uint16_t type = (put->flow.nw_proto == IPPROTO_TCP
                     ? OVS_KEY_ATTR_TCP : OVS_KEY_ATTR_UDP);
    struct ovs_key_tcp value = { port, port };
    struct ovs_key_tcp mask = { 0, 0 };

    put->wc->masks.nw_proto = UINT8_MAX;
    put->wc->masks.nw_frag = FLOW_NW_FRAG_MASK;
    if ((put->flow.nw_proto == IPPROTO_TCP
         || put->flow.nw_proto == IPPROTO_UDP)
        && !(put->flow.nw_frag & FLOW_NW_FRAG_LATER)) {
        *(act->second ? &mask.tcp_dst : &mask.tcp_src) = OVS_BE16_MAX;
        put_set(put, type, &value, &mask, sizeof value);
    }
}

static void
put_push_vlan(struct put *put, const struct equiv_act *act)
{
    struct ovs_action_push_vlan vlan = {
        .vlan_tpid = htons(ETH_TYPE_VLAN_8021Q),
        .vlan_tci = htons(VLAN_CFI | (10 + act->arg)),
    };

    if (put->flow.vlans[0].tci & htons(VLAN_CFI)) {
        return;                 /* Not three. */
    }
    flow_push_vlan_uninit(&put->flow, NULL);
    put->flow.vlans[0].tci = vlan.vlan_tci;
    nl_msg_put_unspec(put->out, OVS_ACTION_ATTR_PUSH_VLAN, &vlan,
                      sizeof vlan);
}

static void
put_pop_vlan(struct put *put)
{
    if (put->flow.vlans[0].tci & htons(VLAN_CFI)) {
        flow_pop_vlan(&put->flow, NULL);
        nl_msg_put_flag(put->out, OVS_ACTION_ATTR_POP_VLAN);
        /* What is behind it decides what may follow. */
        put->wc->masks.vlans[1].tci |= htons(VLAN_CFI);
    }
}

static void
put_nat_addr(struct put *put, const struct equiv_ct *ct, bool ipv6)
{
    struct equiv_addr min = equiv_host(ipv6, ct->nat_at, ct->host);
    struct equiv_addr max = equiv_host(ipv6, ct->nat_at,
                                       ct->host + ct->n_hosts - 1);
    size_t size = ipv6 ? sizeof min.ip6 : sizeof min.ip;

    nl_msg_put_unspec(put->out, OVS_NAT_ATTR_IP_MIN,
                      ipv6 ? (void *) &min.ip6 : &min.ip, size);
    nl_msg_put_unspec(put->out, OVS_NAT_ATTR_IP_MAX,
                      ipv6 ? (void *) &max.ip6 : &max.ip, size);
}

static void
put_nat(struct put *put, const struct equiv_ct *ct)
{
    size_t offset = nl_msg_start_nested(put->out, OVS_CT_ATTR_NAT);

    if (ct->nat != EQUIV_NAT_BARE) {
        nl_msg_put_flag(put->out, (ct->nat == EQUIV_NAT_SRC
                                   ? OVS_NAT_ATTR_SRC : OVS_NAT_ATTR_DST));
        if (ct->host) {
            put_nat_addr(put, ct, is_ipv6(put));
        }
        if (ct->port_min) {
            nl_msg_put_u16(put->out, OVS_NAT_ATTR_PROTO_MIN, ct->port_min);
            nl_msg_put_u16(put->out, OVS_NAT_ATTR_PROTO_MAX, ct->port_max);
        }
        if (ct->nat_flag) {
            nl_msg_put_flag(put->out, ct->nat_flag);
        }
    }
    nl_msg_end_nested(put->out, offset);
}

static void
put_mark_and_label(struct put *put, const struct equiv_ct *ct)
{
    if (ct->mark_mask) {
        uint32_t mark[2] = { ct->mark & ct->mark_mask, ct->mark_mask };

        nl_msg_put_unspec(put->out, OVS_CT_ATTR_MARK, mark, sizeof mark);
    }
    if (!ovs_u128_is_zero(ct->label_mask)) {
        ovs_u128 label[2] = { ct->label, ct->label_mask };

        nl_msg_put_unspec(put->out, OVS_CT_ATTR_LABELS, label, sizeof label);
    }
}

static void
put_ct(struct put *put, const struct equiv_ct *ct)
{
    size_t offset = nl_msg_start_nested(put->out, OVS_ACTION_ATTR_CT);

    if (ct->commit) {
        nl_msg_put_flag(put->out, (ct->force ? OVS_CT_ATTR_FORCE_COMMIT
                                   : OVS_CT_ATTR_COMMIT));
    }
    nl_msg_put_u16(put->out, OVS_CT_ATTR_ZONE, ct->zone);
    if (ct->commit) {
        put_mark_and_label(put, ct);
    }
    /* A zone has one policy: what two requests ask in turn would depend on the
     * order of packets of different connections. */
    if (ct->commit && ct->zone == EQUIV_TIMEOUT_ZONE) {
        nl_msg_put_string(put->out, OVS_CT_ATTR_TIMEOUT,
                          OVS_STRINGIZE(EQUIV_TIMEOUT_POLICY));
    }
    if (ct->nat != EQUIV_NAT_NONE) {
        put_nat(put, ct);
    }
    nl_msg_end_nested(put->out, offset);
}

static void
put_hash(struct put *put, const struct equiv_act *act)
{
    struct ovs_action_hash hash = {
        .hash_alg = act->arg & 1 ? OVS_HASH_ALG_SYM_L4 : OVS_HASH_ALG_L4,
        .hash_basis = act->arg >> 1,
    };

    nl_msg_put_unspec(put->out, OVS_ACTION_ATTR_HASH, &hash, sizeof hash);
}

/* What is done to a copy does not change what follows. */
static void
put_nested(struct put *put, uint16_t type, const struct equiv_acts *acts)
{
    size_t offset = nl_msg_start_nested(put->out, type);
    struct flow flow = put->flow;

    put_list(put, acts);
    put->flow = flow;
    nl_msg_end_nested(put->out, offset);
}

static void
put_sample(struct put *put, const struct equiv_act *act)
{
    size_t offset = nl_msg_start_nested(put->out, OVS_ACTION_ATTR_SAMPLE);

    nl_msg_put_u32(put->out, OVS_SAMPLE_ATTR_PROBABILITY, act->arg);
    put_nested(put, OVS_SAMPLE_ATTR_ACTIONS, act->sub[0]);
    nl_msg_end_nested(put->out, offset);
}

static void
put_check_len(struct put *put, const struct equiv_act *act)
{
    size_t offset = nl_msg_start_nested(put->out,
                                        OVS_ACTION_ATTR_CHECK_PKT_LEN);

    nl_msg_put_u16(put->out, OVS_CHECK_PKT_LEN_ATTR_PKT_LEN, act->arg);
    put_nested(put, OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER, act->sub[0]);
    put_nested(put, OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL,
               act->sub[1]);
    nl_msg_end_nested(put->out, offset);
}

static void
put_trunc_output(struct put *put, const struct equiv_act *act)
{
    struct ovs_action_trunc trunc = { .max_len = 64 };

    nl_msg_put_unspec(put->out, OVS_ACTION_ATTR_TRUNC, &trunc, sizeof trunc);
    nl_msg_put_u32(put->out, OVS_ACTION_ATTR_OUTPUT, act->arg);
}

/* Those that only IP packets have. */
static void
put_ip_act(struct put *put, const struct equiv_act *act)
{
    switch ((int) act->type) {
    case EQUIV_CT:
        put_ct(put, &act->ct);
        break;
    case EQUIV_SET_IP:
        put_set_addr(put, act);
        break;
    case EQUIV_SET_TOS:
        put_tos_and_ttl(put, 4 * act->arg, IP_DSCP_MASK, 0, 0);
        break;
    case EQUIV_DEC_TTL:
        put_dec_ttl(put);
        break;
    case EQUIV_SET_TP:
        put_set_tp(put, act);
        break;
    }
}

static void
put_act(struct put *put, const struct equiv_act *act)
{
    switch (act->type) {
    case EQUIV_OUTPUT:
        nl_msg_put_u32(put->out, OVS_ACTION_ATTR_OUTPUT, act->arg);
        break;
    case EQUIV_CT_CLEAR:
        nl_msg_put_flag(put->out, OVS_ACTION_ATTR_CT_CLEAR);
        break;
    case EQUIV_RECIRC:
        nl_msg_put_u32(put->out, OVS_ACTION_ATTR_RECIRC, act->arg);
        break;
    case EQUIV_METER:
        nl_msg_put_u32(put->out, OVS_ACTION_ATTR_METER, act->arg);
        break;
    case EQUIV_DROP:
        nl_msg_put_u32(put->out, OVS_ACTION_ATTR_DROP, 0);
        break;
    case EQUIV_HASH:
        put_hash(put, act);
        break;
    case EQUIV_SET_ETH:
        put_set_eth(put, act);
        break;
    case EQUIV_PUSH_VLAN:
        put_push_vlan(put, act);
        break;
    case EQUIV_POP_VLAN:
        put_pop_vlan(put);
        break;
    case EQUIV_CLONE:
        put_nested(put, OVS_ACTION_ATTR_CLONE, act->sub[0]);
        break;
    case EQUIV_SAMPLE:
        put_sample(put, act);
        break;
    case EQUIV_CHECK_LEN:
        put_check_len(put, act);
        break;
    case EQUIV_TRUNC_OUTPUT:
        put_trunc_output(put, act);
        break;
    case EQUIV_USERSPACE:
        equiv_put_userspace(EQUIV_COOKIE_LOOK, put->out);
        break;
    case EQUIV_CT:
    case EQUIV_SET_IP:
    case EQUIV_SET_TOS:
    case EQUIV_DEC_TTL:
    case EQUIV_SET_TP:
        if (is_ip(put)) {
            put_ip_act(put, act);
        }
        break;
    }
}
