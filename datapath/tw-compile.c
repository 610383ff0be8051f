/* SPDX-License-Identifier: Apache-2.0 */

/* From the walk of one packet to a program for all that go the same way.
 * Called by tw-cache behind the slow path. */

#include <config.h>

#include "tw-compile.h"

#include "flow.h"
#include "hash.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "tw-actions.h"
#include "tw-megaflow.h"
#include "util.h"

/* A program in the making. */
struct compiler {
    const struct tw_walk *walk;
    const struct tw_walk_source *source;
    struct tw_program *program;
    size_t allocated;           /* Operations. */
    uint8_t n_steps;            /* So far. */
    bool ipv4;                  /* The megaflow is for IPv4 alone. */
    bool stretched;             /* A step of this stretch has read headers. */
    bool tracked;               /* The metadata is some ct()'s. */
    bool hashed;                /* There is a dp_hash. */
    enum tw_refusal refused;
};

static uint64_t steps_again(const struct tw_walk *);
static struct tw_program *find(const struct tw_programs *,
                               const struct tw_walk *,
                               const struct tw_walk_source *, uint32_t hash);
static struct tw_program *compile(struct tw_programs *, const struct tw_walk *,
                                  const struct tw_walk_source *,
                                  uint64_t again, enum tw_refusal *why);
static void refuse(struct compiler *, enum tw_refusal why);
static uint32_t chain_hash(const struct tw_walk *, uint64_t again);
static bool ref_flows(struct tw_program *, const struct tw_walk *);
static void compile_flow(struct compiler *, unsigned int i);
static bool divide(struct tw_program *);
static void find_scope(struct tw_program *);
static void find_simple(struct tw_program *, const struct tw_thread *);
static struct tw_program *settle(struct tw_program *);

/* A new program, which 'programs' takes.  NULL, and '*why'. */
static struct tw_program *
compile(struct tw_programs *programs, const struct tw_walk *walk,
        const struct tw_walk_source *source, uint64_t again,
        enum tw_refusal *why)
{
    struct compiler c = { .walk = walk, .source = source, .allocated = 8 };

    c.program = xzalloc(sizeof *c.program
                        + c.allocated * sizeof c.program->ops[0]);
    c.program->epoch = source->epoch;
    c.program->again = again;
    c.program->n_steps = walk->n_steps;
    if (!ref_flows(c.program, walk)) {
        refuse(&c, TW_REFUSED_ENDED);
    }
    for (unsigned int i = 0; i < walk->n_flows && !c.refused; i++) {
        compile_flow(&c, i);
    }
    if (c.n_steps != walk->n_steps) {
        refuse(&c, TW_REFUSED_NESTED);
    }
    if (!c.refused && !divide(c.program)) {
        refuse(&c, TW_REFUSED_LONG);
    }
    if (!c.refused && !tw_programs_has_room(programs)) {
        refuse(&c, TW_REFUSED_PROGRAMS);
    }
    if (c.refused) {
        *why = c.refused;
        tw_program_unref_flows(c.program);
        free(c.program);
        return NULL;
    }
    find_scope(c.program);
    find_simple(c.program, source->thread);
    return settle(c.program);
}

struct tw_program *
tw_compile(struct tw_programs *programs, const struct tw_walk *walk,
           const struct tw_walk_source *source, enum tw_refusal *why)
{
    uint64_t again = steps_again(walk);
    uint32_t hash = chain_hash(walk, again);
    struct tw_program *program = find(programs, walk, source, hash);

    if (!program) {
        program = compile(programs, walk, source, again, why);
        if (!program) {
            return NULL;
        }
        tw_programs_add(programs, program, hash);
    }
    if (!program->by_context && !source->key->trackable) {
        *why = TW_REFUSED_FIELDS;
        return NULL;
    }
    return program;
}

/* The set. */

/* Which steps found the connection of the step before: bits by step.  (That a
 * walk has no more steps than there is room for, gcc with sanitizers does not
 * see.) */
static uint64_t
steps_again(const struct tw_walk *walk)
{
    unsigned int n = MIN(walk->n_steps, ARRAY_SIZE(walk->steps));
    uint64_t again = 0;

    for (unsigned int i = 1; i < n; i++) {
        const struct ct_track *a = &walk->steps[i - 1];
        const struct ct_track *b = &walk->steps[i];

        again |= (uint64_t) (a->number == b->number && a->id == b->id) << i;
    }
    return again;
}

static uint32_t
flow_version(const struct tw_megaflow *flow)
{
    uint32_t version;

    atomic_read_explicit(&CONST_CAST(struct tw_megaflow *, flow)->version,
                         &version, memory_order_acquire);
    return version;
}

static uint32_t
chain_hash(const struct tw_walk *walk, uint64_t again)
{
    uint32_t hash = hash_uint64_basis(again, walk->n_steps);

    for (unsigned int i = 0; i < walk->n_flows; i++) {
        hash = hash_pointer(walk->flows[i], hash);
    }
    return hash;
}

static bool
same_flows(const struct tw_program *program, const struct tw_walk *walk)
{
    if (program->n_flows != walk->n_flows) {
        return false;
    }
    for (unsigned int i = 0; i < walk->n_flows; i++) {
        if (program->flows[i].flow != walk->flows[i]
            || program->flows[i].version != flow_version(walk->flows[i])) {
            return false;
        }
    }
    return true;
}

static struct tw_program *
find(const struct tw_programs *programs, const struct tw_walk *walk,
     const struct tw_walk_source *source, uint32_t hash)
{
    uint64_t again = steps_again(walk);
    struct tw_program *program;

    HMAP_FOR_EACH_WITH_HASH (program, node, hash, &programs->by_chain) {
        if (program->again == again && program->n_steps == walk->n_steps
            && same_flows(program, walk)
            && tw_program_is_valid(program, source->ct, &source->epoch)) {
            return program;
        }
    }
    return NULL;
}

/* The versions first: whoever modifies a flow changes its version behind its
 * actions, so that a program is at worst taken for older than it is. */
static bool
ref_flows(struct tw_program *program, const struct tw_walk *walk)
{
    for (unsigned int i = 0; i < walk->n_flows; i++) {
        struct tw_megaflow *flow = walk->flows[i];

        if (!tw_megaflow_try_ref(flow)) {
            return false;
        }
        program->flows[i].version = flow_version(flow);
        program->flows[i].flow = flow;
        program->n_flows++;
    }
    return true;
}

/* Compiling. */

static bool
is_stretchy(enum tw_op_type type)
{
    return (type == TW_OP_FLOW || type == TW_OP_CT
            || type == TW_OP_CT_CLEAR || type == TW_OP_SET_ETHERNET
            || type == TW_OP_SET_IPV4);
}

static struct tw_op *
add_op(struct compiler *c, enum tw_op_type type)
{
    struct tw_op *op;

    if (c->program->n_ops >= c->allocated) {
        c->allocated *= 2;
        c->program = xrealloc(c->program,
                              sizeof *c->program
                              + c->allocated * sizeof *op);
    }
    op = &c->program->ops[c->program->n_ops++];
    memset(op, 0, sizeof *op);
    op->type = type;
    if (!is_stretchy(type)) {
        c->stretched = false;
    }
    return op;
}

static void
refuse(struct compiler *c, enum tw_refusal why)
{
    if (!c->refused) {
        c->refused = why;
    }
}

/* The meeting with 'flow'. */
static void
compile_meeting(struct compiler *c, struct tw_megaflow *flow)
{
    struct tw_op_flow *op = &add_op(c, TW_OP_FLOW)->flow;
    const struct flow *value = &flow->flow;
    struct flow_wildcards wc;
    const struct flow *mask = &wc.masks;

    tw_rule_get_mask(&flow->rule, &wc);
    if (mask->tunnel.tp_src || mask->tunnel.tp_dst) {
        refuse(c, TW_REFUSED_FIELDS);
    }
    c->ipv4 = (mask->dl_type == OVS_BE16_MAX
               && value->dl_type == htons(ETH_TYPE_IP));
    op->flow = flow;
    op->recirc_id = value->recirc_id;
    op->tcp_flags_mask = ntohs(mask->tcp_flags);
    op->tcp_flags = ntohs(value->tcp_flags) & op->tcp_flags_mask;
    if (c->hashed) {
        op->dp_hash_mask = mask->dp_hash;
        op->dp_hash = value->dp_hash & mask->dp_hash;
    }
    op->check_packet = op->tcp_flags_mask || op->dp_hash_mask;
    if (c->tracked) {
        op->ct_state_mask = mask->ct_state;
        op->ct_state = value->ct_state & mask->ct_state;
        op->ct_mark_mask = mask->ct_mark;
        op->ct_mark = value->ct_mark & mask->ct_mark;
        op->ct_label_mask = mask->ct_label;
        op->ct_label.u64.lo = value->ct_label.u64.lo & mask->ct_label.u64.lo;
        op->ct_label.u64.hi = value->ct_label.u64.hi & mask->ct_label.u64.hi;
        op->check_label = !ovs_u128_is_zero(mask->ct_label);
        op->check_ct = (mask->ct_state || mask->ct_mark || op->check_label);
        op->by_metadata = !c->stretched;
    }
}

static void
compile_ct(struct compiler *c, const struct tw_actions *actions,
           const struct nlattr *a)
{
    struct tw_op_ct *op = &add_op(c, TW_OP_CT)->ct;

    if (c->n_steps >= c->walk->n_steps) {
        refuse(c, TW_REFUSED_ENDED);
        return;
    }
    op->request = tw_actions_get_ct(actions, a);
    op->step = c->n_steps;
    c->program->generations[c->n_steps]
        = ct_track_generation(c->source->ct, op->request->zone);
    if (ct_track_epoch(c->source->ct) != c->source->epoch.flushes) {
        refuse(c, TW_REFUSED_ENDED);
    }
    op->first = !c->stretched;
    c->stretched = true;
    op->again = c->tracked && c->program->again & UINT64_C(1) << c->n_steps;
    c->n_steps++;
    c->tracked = true;
}

/* Does a header action leave the metadata alone?  One that changes addresses
 * or ports makes the packet forget its connection. */
static bool
keeps_connection(const struct nlattr *a)
{
    switch ((enum ovs_action_attr) nl_attr_type(a)) {
    case OVS_ACTION_ATTR_PUSH_VLAN:
    case OVS_ACTION_ATTR_POP_VLAN:
    case OVS_ACTION_ATTR_METER:
    case OVS_ACTION_ATTR_TRUNC:
        return true;
    case OVS_ACTION_ATTR_SET:
    case OVS_ACTION_ATTR_SET_MASKED: {
        const struct nlattr *field = nl_attr_get(a);

        if (nl_attr_type(field) == OVS_KEY_ATTR_IPV4
            && nl_attr_type(a) == OVS_ACTION_ATTR_SET_MASKED) {
            const struct ovs_key_ipv4 *mask
                = (const struct ovs_key_ipv4 *) nl_attr_get(field) + 1;

            return !mask->ipv4_src && !mask->ipv4_dst;
        }
        return nl_attr_type(field) == OVS_KEY_ATTR_ETHERNET;
    }
    default:
        return false;
    }
}

/* Which operation of a stretch sets the field of 'a', an action that sets one.
 * TW_OP_ACTION: none. */
static enum tw_op_type
set_type(const struct nlattr *a)
{
    const struct nlattr *field = nl_attr_get(a);

    if (!keeps_connection(a)) {
        return TW_OP_ACTION;
    }
    switch (nl_attr_type(field)) {
    case OVS_KEY_ATTR_ETHERNET:
        return TW_OP_SET_ETHERNET;
    case OVS_KEY_ATTR_IPV4:
        return TW_OP_SET_IPV4;
    default:
        return TW_OP_ACTION;
    }
}

/* An action that sets a field, as an operation of a stretch.  False if it
 * cannot be one. */
static bool
compile_set(struct compiler *c, const struct nlattr *a)
{
    bool masked = nl_attr_type(a) == OVS_ACTION_ATTR_SET_MASKED;
    const void *value = nl_attr_get(nl_attr_get(a));
    enum tw_op_type type = set_type(a);
    struct tw_op_set *op;

    if (type == TW_OP_ACTION || (type == TW_OP_SET_IPV4 && !c->ipv4)) {
        return false;
    }
    op = &add_op(c, type)->set;
    if (type == TW_OP_SET_ETHERNET) {
        const struct ovs_key_ethernet *eth = value;

        op->value.eth.dst = eth->eth_dst;
        op->value.eth.src = eth->eth_src;
        memset(&op->mask.eth, 0xff, sizeof op->mask.eth);
        if (masked) {
            op->mask.eth.dst = eth[1].eth_dst;
            op->mask.eth.src = eth[1].eth_src;
        }
    } else {
        const struct ovs_key_ipv4 *ip = value;

        op->value.ip4.tos = ip[0].ipv4_tos;
        op->value.ip4.ttl = ip[0].ipv4_ttl;
        op->mask.ip4.tos = ip[1].ipv4_tos;
        op->mask.ip4.ttl = ip[1].ipv4_ttl;
    }
    return true;
}

static bool
changes_headers(enum ovs_action_attr type)
{
    switch (type) {
    case OVS_ACTION_ATTR_PUSH_MPLS:
    case OVS_ACTION_ATTR_POP_MPLS:
    case OVS_ACTION_ATTR_ADD_MPLS:
    case OVS_ACTION_ATTR_PUSH_ETH:
    case OVS_ACTION_ATTR_POP_ETH:
    case OVS_ACTION_ATTR_PUSH_NSH:
    case OVS_ACTION_ATTR_POP_NSH:
        return true;
    default:
        return false;
    }
}

static void
compile_action(struct compiler *c, unsigned int i,
               const struct tw_actions *actions, const struct nlattr *a,
               bool last)
{
    enum ovs_action_attr type = nl_attr_type(a);
    struct tw_op *op;

    if (changes_headers(type)) {
        refuse(c, TW_REFUSED_HEADER);
        return;
    }
    op = add_op(c, TW_OP_ACTION);
    op->action.a = a;
    op->action.actions = actions;
    op->action.flow = c->walk->flows[i];
    op->action.steal = last && tw_action_takes_packets(type);
    op->action.far = (!keeps_connection(a) && type != OVS_ACTION_ATTR_SET
                      && type != OVS_ACTION_ATTR_SET_MASKED);
    c->program->needs_rss |= op->action.far;
    if (type == OVS_ACTION_ATTR_HASH) {
        c->hashed = true;
    }
}

/* One action of the 'i'th megaflow.  False if it is the last that counts. */
static bool
compile_one(struct compiler *c, unsigned int i,
            const struct tw_actions *actions, const struct nlattr *a,
            bool last)
{
    bool final = i + 1 == c->walk->n_flows;
    struct tw_op *op;

    switch ((enum ovs_action_attr) nl_attr_type(a)) {
    case OVS_ACTION_ATTR_CT:
        compile_ct(c, actions, a);
        return true;
    case OVS_ACTION_ATTR_CT_CLEAR:
        add_op(c, TW_OP_CT_CLEAR);
        c->tracked = false;
        return true;
    case OVS_ACTION_ATTR_OUTPUT:
        op = add_op(c, TW_OP_OUTPUT);
        op->output.port = nl_attr_get_odp_port(a);
        op->output.steal = last;
        break;
    case OVS_ACTION_ATTR_RECIRC:
        if (!last) {
            refuse(c, TW_REFUSED_NESTED);
        } else if (final) {
            refuse(c, TW_REFUSED_ENDED);
        }
        return false;
    case OVS_ACTION_ATTR_DROP:
        compile_action(c, i, actions, a, true);
        c->program->ops[c->program->n_ops - 1].action.steal = true;
        last = true;
        break;
    case OVS_ACTION_ATTR_SET:
    case OVS_ACTION_ATTR_SET_MASKED:
        if (compile_set(c, a)) {
            return true;
        }
        /* fall through */
    default:
        compile_action(c, i, actions, a, last);
        last = last && tw_action_takes_packets(nl_attr_type(a));
        break;
    }
    if (last && !final) {
        refuse(c, TW_REFUSED_NESTED);
    }
    return !last;
}

static void
compile_flow(struct compiler *c, unsigned int i)
{
    struct tw_megaflow *flow = c->walk->flows[i];
    const struct tw_actions *actions = tw_megaflow_get_actions(flow);
    const struct nlattr *a;
    size_t left;

    compile_meeting(c, flow);
    NL_ATTR_FOR_EACH_UNSAFE (a, left, actions->nlattrs, actions->size) {
        bool last = left <= (size_t) NLA_ALIGN(a->nla_len);

        if (!compile_one(c, i, actions, a, last) || c->refused) {
            return;
        }
    }
    if (i + 1 < c->walk->n_flows) {
        refuse(c, TW_REFUSED_NESTED);
    }
    add_op(c, TW_OP_END);
}

/* Does an operation from the 'i'th on look at what the last ct() left? */
static bool
needs_metadata(const struct tw_program *program, size_t i)
{
    for (; i < program->n_ops; i++) {
        const struct tw_op *op = &program->ops[i];

        if (op->type == TW_OP_FLOW || op->type == TW_OP_CT
            || (op->type == TW_OP_ACTION
                && !keeps_connection(op->action.a))) {
            return true;
        }
    }
    return false;
}

static bool
is_unchecked(const struct tw_program *program, size_t i, size_t end)
{
    for (; i < end; i++) {
        const struct tw_op *op = &program->ops[i];

        if (op->type != TW_OP_FLOW || op->flow.check_ct
            || op->flow.check_packet) {
            return false;
        }
    }
    return true;
}

/* Does a ct() do nothing to an ordinary packet but update and translate, in
 * a zone of its own? */
static bool
is_quiet(const struct tw_op_ct *op)
{
    return (!op->again && !op->request->force && !op->request->mark_mask
            && ovs_u128_is_zero(op->request->label_mask));
}

/* Can the connections of the stretch that begins with 'ops' be in a joint?
 * Those of one stretch of a program can: behind its steps, a track has room
 * for one. */
static void
find_joint(struct tw_program *program, struct tw_op ops[])
{
    struct tw_op_stretch *stretch = &ops[0].stretch;
    unsigned int n_cts = 0;
    bool quiet = true;

    stretch->express = true;
    for (unsigned int k = 0; k < stretch->n; k++) {
        switch (ops[k].type) {
        case TW_OP_CT:
            quiet &= is_quiet(&ops[k].ct);
            if (!n_cts++) {
                stretch->first_ct = k;
            }
            stretch->last_ct = k;
            break;
        case TW_OP_FLOW:
            stretch->n_flows_behind += n_cts > 0;
            stretch->check_packet |= n_cts && ops[k].flow.check_packet;
            break;
        case TW_OP_CT_CLEAR:
        case TW_OP_SET_ETHERNET:
        case TW_OP_SET_IPV4:
        case TW_OP_OUTPUT:
        case TW_OP_ACTION:
        case TW_OP_END:
        default:
            stretch->express &= !n_cts;
            break;
        }
    }
    stretch->joint = (n_cts >= 2 && quiet && !program->joint
                      && program->n_steps < TW_TRACK_STEPS4);
    if (stretch->joint) {
        program->joint = true;
        program->joint_step = ops[stretch->first_ct].ct.step;
    }
}

/* Finds the stretches.  False if one is too long. */
static bool
divide(struct tw_program *program)
{
    for (size_t i = 0; i < program->n_ops;) {
        size_t end = i;

        while (end < program->n_ops
               && is_stretchy(program->ops[end].type)) {
            end++;
        }
        if (end - i > TW_MAX_STRETCH) {
            return false;
        }
        if (end > i) {
            struct tw_op_stretch *stretch = &program->ops[i].stretch;

            stretch->n = end - i;
            stretch->keep = needs_metadata(program, end);
            stretch->unchecked = is_unchecked(program, i, end);
            find_joint(program, &program->ops[i]);
        }
        i = MAX(end, i + 1);
    }
    return true;
}

/* The mask of the 'i'th megaflow, without what a program asks for itself and
 * what no packet with a key has, or gets only from what the program does. */
static void
get_key_mask(const struct tw_program *program, unsigned int i,
             struct flow_wildcards *wc)
{
    struct flow *mask = &wc->masks;

    tw_rule_get_mask(&program->flows[i].flow->rule, wc);
    memset(&mask->in_port, 0, sizeof mask->in_port);
    memset(mask->mpls_lse, 0, sizeof mask->mpls_lse);
    memset(&mask->nsh, 0, sizeof mask->nsh);
    memset(&mask->ct_label, 0, sizeof mask->ct_label);
    mask->skb_priority = mask->pkt_mark = mask->dp_hash = 0;
    mask->recirc_id = mask->ct_mark = 0;
    mask->ct_state = mask->ct_nw_proto = 0;
    mask->ct_zone = 0;
    mask->packet_type = 0;
    mask->dl_type = mask->tcp_flags = 0;
    memset(mask->vlans, 0, sizeof mask->vlans);
    mask->nw_frag = 0;
}

/* What all packets of a context, and all of a port, type and tag, have in
 * common. */
static void
find_scope(struct tw_program *program)
{
    program->by_context = program->by_port = !program->n_steps;
    for (unsigned int i = 0; i < program->n_flows; i++) {
        struct flow_wildcards wc;
        struct flow *mask = &wc.masks;

        get_key_mask(program, i, &wc);
        program->by_port = (program->by_port
                            && is_all_zeros(mask, sizeof *mask));
        memset(&mask->tunnel, 0, sizeof mask->tunnel);
        memset(&mask->dl_dst, 0, sizeof mask->dl_dst);
        memset(&mask->dl_src, 0, sizeof mask->dl_src);
        /* Not the operation of ARP, which is no part of a key. */
        if (is_ip_any(&program->flows[i].flow->flow)) {
            mask->nw_tos = mask->nw_ttl = mask->nw_proto = 0;
        }
        program->by_context = (program->by_context
                               && is_all_zeros(mask, sizeof *mask));
    }
    /* Without a key there is nothing to check, or to hash. */
    for (size_t i = 0; i < program->n_ops; i++) {
        const struct tw_op *op = &program->ops[i];

        if (op->stretch.n && !op->stretch.unchecked) {
            program->by_port = false;
        }
    }
    if (program->needs_rss) {
        program->by_port = false;
    }
}

static void
find_simple(struct tw_program *program, const struct tw_thread *thread)
{
    if (!program->needs_rss && program->n_ops == 2
        && program->ops[0].stretch.unchecked
        && program->ops[1].type == TW_OP_OUTPUT
        && program->ops[1].output.steal) {
        program->simple_line = tw_megaflow_own_line(program->flows[0].flow,
                                                    thread);
        program->simple_port = program->ops[1].output.port;
        program->simple = program->simple_line != NULL;
    }
}

/* A copy, on a cache line, of 'program', which is freed. */
static struct tw_program *
settle(struct tw_program *program)
{
    size_t size = sizeof *program + program->n_ops * sizeof program->ops[0];
    struct tw_program *settled = xmalloc_cacheline(size);

    memcpy(settled, program, size);
    free(program);
    return settled;
}
