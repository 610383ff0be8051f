/* SPDX-License-Identifier: Apache-2.0 */

/* What actions a flow may have.  Called by tw-actions when a flow is put. */

#include <config.h>

#include "tw-actions-check.h"

#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "packets.h"
#include "util.h"

/* Lists in lists: clone in sample in check_pkt_len ...  As deep as OVS reads
 * and prints them. */
#define MAX_NESTING 32

struct checker {
    tw_check_ct_cb *ct_cb;
    void *aux;
    int depth;
};

static bool check_list(struct checker *, const struct nlattr *, size_t size);
static bool check_action(struct checker *, const struct nlattr *);
static bool check_set(const struct nlattr *, bool masked);

bool
tw_actions_check(const struct nlattr *actions, size_t size,
                 tw_check_ct_cb *ct_cb, void *aux)
{
    struct checker checker = { .ct_cb = ct_cb, .aux = aux };

    return check_list(&checker, actions, size);
}

static bool
check_list(struct checker *checker, const struct nlattr *actions, size_t size)
{
    const struct nlattr *a;
    size_t left;
    bool ok = true;

    if (++checker->depth > MAX_NESTING) {
        return false;
    }
    NL_ATTR_FOR_EACH (a, left, actions, size) {
        ok = ok && check_action(checker, a);
    }
    checker->depth--;
    return ok && !left;
}

static bool
check_nested(struct checker *checker, const struct nlattr *a)
{
    return check_list(checker, nl_attr_get(a), nl_attr_get_size(a));
}

/* Sizes of the actions that are checked by size alone. */
static const size_t fixed_size[] = {
    [OVS_ACTION_ATTR_OUTPUT] = sizeof(uint32_t),
    [OVS_ACTION_ATTR_LB_OUTPUT] = sizeof(uint32_t),
    [OVS_ACTION_ATTR_PUSH_VLAN] = sizeof(struct ovs_action_push_vlan),
    [OVS_ACTION_ATTR_RECIRC] = sizeof(uint32_t),
    [OVS_ACTION_ATTR_HASH] = sizeof(struct ovs_action_hash),
    [OVS_ACTION_ATTR_PUSH_MPLS] = sizeof(struct ovs_action_push_mpls),
    [OVS_ACTION_ATTR_POP_MPLS] = sizeof(ovs_be16),
    [OVS_ACTION_ATTR_ADD_MPLS] = sizeof(struct ovs_action_add_mpls),
    [OVS_ACTION_ATTR_TRUNC] = sizeof(struct ovs_action_trunc),
    [OVS_ACTION_ATTR_PUSH_ETH] = sizeof(struct ovs_action_push_eth),
    [OVS_ACTION_ATTR_METER] = sizeof(uint32_t),
    [OVS_ACTION_ATTR_TUNNEL_POP] = sizeof(uint32_t),
    [OVS_ACTION_ATTR_DROP] = sizeof(uint32_t),
};

static bool
check_fixed(const struct nlattr *a)
{
    return nl_attr_get_size(a) == fixed_size[nl_attr_type(a)];
}

static bool
check_userspace(const struct nlattr *nested)
{
    const struct nlattr *a;
    size_t left;

    NL_NESTED_FOR_EACH (a, left, nested) {
        uint16_t type = nl_attr_type(a);

        if (type == OVS_USERSPACE_ATTR_UNSPEC
            || type >= __OVS_USERSPACE_ATTR_MAX) {
            return false;
        }
    }
    return !left;
}

static bool
check_sample(struct checker *checker, const struct nlattr *nested)
{
    const struct nlattr *subactions = NULL;
    bool have_probability = false;
    const struct nlattr *a;
    size_t left;

    NL_NESTED_FOR_EACH (a, left, nested) {
        switch (nl_attr_type(a)) {
        case OVS_SAMPLE_ATTR_PROBABILITY:
            if (have_probability || nl_attr_get_size(a) != sizeof(uint32_t)) {
                return false;
            }
            have_probability = true;
            break;
        case OVS_SAMPLE_ATTR_ACTIONS:
            if (subactions) {
                return false;
            }
            subactions = a;
            break;
        default:
            return false;
        }
    }
    return (!left && have_probability && subactions
            && check_nested(checker, subactions));
}

static bool
check_check_pkt_len(struct checker *checker, const struct nlattr *nested)
{
    const struct nlattr *lists[2] = { NULL, NULL };
    bool have_len = false;
    const struct nlattr *a;
    size_t left;

    NL_NESTED_FOR_EACH (a, left, nested) {
        switch (nl_attr_type(a)) {
        case OVS_CHECK_PKT_LEN_ATTR_PKT_LEN:
            if (have_len || nl_attr_get_size(a) != sizeof(uint16_t)) {
                return false;
            }
            have_len = true;
            break;
        case OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER:
        case OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL: {
            const struct nlattr **list = &lists[nl_attr_type(a)
                == OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL];

            if (*list) {
                return false;
            }
            *list = a;
            break;
        }
        default:
            return false;
        }
    }
    return (!left && have_len && lists[0] && lists[1]
            && check_nested(checker, lists[0])
            && check_nested(checker, lists[1]));
}

static bool
check_hash(const struct nlattr *a)
{
    const struct ovs_action_hash *hash = nl_attr_get(a);

    return (check_fixed(a) && (hash->hash_alg == OVS_HASH_ALG_L4
                               || hash->hash_alg == OVS_HASH_ALG_SYM_L4));
}

/* As the kernel: what is left must be a frame. */
static bool
check_trunc(const struct nlattr *a)
{
    const struct ovs_action_trunc *trunc = nl_attr_get(a);

    return check_fixed(a) && trunc->max_len >= ETH_HEADER_LEN;
}

static bool
check_tunnel_push(const struct nlattr *a)
{
    const struct ovs_action_push_tnl *push = nl_attr_get(a);
    size_t fixed = offsetof(struct ovs_action_push_tnl, header);

    return (nl_attr_get_size(a) >= fixed
            && push->header_len <= TNL_PUSH_HEADER_SIZE
            && push->header_len <= nl_attr_get_size(a) - fixed);
}

static bool
check_push_nsh(const struct nlattr *nested)
{
    uint32_t buffer[NSH_HDR_MAX_LEN / 4];
    struct nsh_hdr *nsh = ALIGNED_CAST(struct nsh_hdr *, buffer);
    const struct nlattr *a = nl_attr_get(nested);

    return (nl_attr_is_valid(a, nl_attr_get_size(nested))
            && (odp_nsh_hdr_from_attr(a, nsh, sizeof buffer)
                == ODP_FIT_PERFECT));
}

static bool
check_action(struct checker *checker, const struct nlattr *a)
{
    switch ((enum ovs_action_attr) nl_attr_type(a)) {
    case OVS_ACTION_ATTR_OUTPUT:
    case OVS_ACTION_ATTR_LB_OUTPUT:
    case OVS_ACTION_ATTR_PUSH_VLAN:
    case OVS_ACTION_ATTR_RECIRC:
    case OVS_ACTION_ATTR_PUSH_MPLS:
    case OVS_ACTION_ATTR_POP_MPLS:
    case OVS_ACTION_ATTR_ADD_MPLS:
    case OVS_ACTION_ATTR_PUSH_ETH:
    case OVS_ACTION_ATTR_METER:
    case OVS_ACTION_ATTR_TUNNEL_POP:
    case OVS_ACTION_ATTR_DROP:
        return check_fixed(a);

    case OVS_ACTION_ATTR_POP_VLAN:
    case OVS_ACTION_ATTR_POP_ETH:
    case OVS_ACTION_ATTR_POP_NSH:
    case OVS_ACTION_ATTR_CT_CLEAR:
        return true;

    case OVS_ACTION_ATTR_HASH:
        return check_hash(a);
    case OVS_ACTION_ATTR_TRUNC:
        return check_trunc(a);
    case OVS_ACTION_ATTR_TUNNEL_PUSH:
        return check_tunnel_push(a);
    case OVS_ACTION_ATTR_PUSH_NSH:
        return check_push_nsh(a);
    case OVS_ACTION_ATTR_SET:
        return check_set(a, false);
    case OVS_ACTION_ATTR_SET_MASKED:
        return check_set(a, true);
    case OVS_ACTION_ATTR_USERSPACE:
        return check_userspace(a);
    case OVS_ACTION_ATTR_SAMPLE:
        return check_sample(checker, a);
    case OVS_ACTION_ATTR_CLONE:
        return check_nested(checker, a);
    case OVS_ACTION_ATTR_CHECK_PKT_LEN:
        return check_check_pkt_len(checker, a);
    case OVS_ACTION_ATTR_CT:
        return checker->ct_cb(a, checker->aux);

    case OVS_ACTION_ATTR_UNSPEC:
    case __OVS_ACTION_ATTR_MAX:
    default:
        return false;
    }
}

/* Fields that can be set, and how large they are.  'masked': also through a
 * mask, which follows the value. */
static const struct settable {
    size_t size;
    bool masked;
} settable[] = {
    [OVS_KEY_ATTR_PRIORITY] = { sizeof(uint32_t), true },
    [OVS_KEY_ATTR_SKB_MARK] = { sizeof(uint32_t), true },
    [OVS_KEY_ATTR_ETHERNET] = { sizeof(struct ovs_key_ethernet), true },
    [OVS_KEY_ATTR_IPV4] = { sizeof(struct ovs_key_ipv4), true },
    [OVS_KEY_ATTR_IPV6] = { sizeof(struct ovs_key_ipv6), true },
    [OVS_KEY_ATTR_TCP] = { sizeof(struct ovs_key_tcp), true },
    [OVS_KEY_ATTR_UDP] = { sizeof(struct ovs_key_udp), true },
    [OVS_KEY_ATTR_SCTP] = { sizeof(struct ovs_key_sctp), true },
    [OVS_KEY_ATTR_ICMP] = { sizeof(struct ovs_key_icmp), false },
    [OVS_KEY_ATTR_ICMPV6] = { sizeof(struct ovs_key_icmpv6), false },
    [OVS_KEY_ATTR_MPLS] = { sizeof(struct ovs_key_mpls), true },
    [OVS_KEY_ATTR_ARP] = { sizeof(struct ovs_key_arp), true },
    [OVS_KEY_ATTR_ND] = { sizeof(struct ovs_key_nd), true },
    [OVS_KEY_ATTR_ND_EXTENSIONS] = { sizeof(struct ovs_key_nd_extensions),
                                     true },
    [OVS_KEY_ATTR_DP_HASH] = { sizeof(uint32_t), true },
    [OVS_KEY_ATTR_RECIRC_ID] = { sizeof(uint32_t), true },
};

static bool
check_set_tunnel(const struct nlattr *a)
{
    struct flow_tnl tunnel;

    return odp_tun_key_from_attr(a, &tunnel, NULL) != ODP_FIT_ERROR;
}

/* OVS's parser takes something that holds no attributes for a header. */
static bool
check_set_nsh(const struct nlattr *a, bool masked)
{
    struct ovs_key_nsh key, mask;

    return ((nl_attr_find_nested(a, OVS_NSH_KEY_ATTR_BASE)
             || nl_attr_find_nested(a, OVS_NSH_KEY_ATTR_MD1))
            && (odp_nsh_key_from_attr(a, &key, masked ? &mask : NULL, NULL)
                != ODP_FIT_ERROR));
}

static bool
check_set(const struct nlattr *nested, bool masked)
{
    const struct nlattr *a = nl_attr_get(nested);
    size_t size = nl_attr_get_size(nested);
    uint16_t type;

    /* One field, no more. */
    if (!nl_attr_is_valid(a, size)
        || (size_t) NLA_ALIGN(a->nla_len) < size) {
        return false;
    }
    type = nl_attr_type(a);
    if (type == OVS_KEY_ATTR_TUNNEL) {
        return !masked && check_set_tunnel(a);
    }
    if (type == OVS_KEY_ATTR_NSH) {
        return check_set_nsh(a, masked);
    }
    return (type < ARRAY_SIZE(settable)
            && settable[type].size
            && (!masked || settable[type].masked)
            && (nl_attr_get_size(a)
                == settable[type].size << (masked ? 1 : 0)));
}
