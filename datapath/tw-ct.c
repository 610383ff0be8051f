/* SPDX-License-Identifier: Apache-2.0 */

/* ct actions, decoded when a flow is put.  Called by tw-actions. */

#include <config.h>

#include "tw-ct.h"

#include <errno.h>
#include <string.h>

#include "ct-request.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "util.h"

static bool get_attr(const struct nlattr *, struct ct_request *);
static bool get_nat(const struct nlattr *, struct ct_nat_range *);
static bool request_is_valid(const struct ct_request *);

int
tw_ct_decode(const struct nlattr *ct, struct ct_request *request)
{
    const struct nlattr *a;
    size_t left;

    memset(request, 0, sizeof *request);
    request->timeout_policy = DEFAULT_TP_ID;

    NL_NESTED_FOR_EACH (a, left, ct) {
        if (!get_attr(a, request)) {
            return EINVAL;
        }
    }
    return left || !request_is_valid(request) ? EINVAL : 0;
}

static bool
has_size(const struct nlattr *a, size_t size)
{
    return nl_attr_get_size(a) == size;
}

static bool
get_mark(const struct nlattr *a, struct ct_request *request)
{
    uint32_t value_and_mask[2];

    if (!has_size(a, sizeof value_and_mask)) {
        return false;
    }
    memcpy(value_and_mask, nl_attr_get(a), sizeof value_and_mask);
    request->mark = value_and_mask[0];
    request->mark_mask = value_and_mask[1];
    return true;
}

static bool
get_label(const struct nlattr *a, struct ct_request *request)
{
    const char *data = nl_attr_get(a);

    if (!has_size(a, 2 * sizeof request->label)) {
        return false;
    }
    memcpy(&request->label, data, sizeof request->label);
    memcpy(&request->label_mask, data + sizeof request->label,
           sizeof request->label_mask);
    return true;
}

/* A string with its null, or NULL. */
static const char *
get_string(const struct nlattr *a)
{
    size_t size = nl_attr_get_size(a);
    const char *s = nl_attr_get(a);

    return size && memchr(s, '\0', size) == s + size - 1 ? s : NULL;
}

static bool
get_helper(const struct nlattr *a, struct ct_request *request)
{
    const char *name = get_string(a);

    if (!name || !*name || strlen(name) >= sizeof request->helper) {
        return false;
    }
    ovs_strlcpy(request->helper, name, sizeof request->helper);
    return true;
}

/* Userspace datapaths name a timeout policy by its id in decimal. */
static bool
get_timeout(const struct nlattr *a, struct ct_request *request)
{
    const char *name = get_string(a);

    return name && str_to_uint(name, 10, &request->timeout_policy);
}

static bool
get_attr(const struct nlattr *a, struct ct_request *request)
{
    switch ((enum ovs_ct_attr) nl_attr_type(a)) {
    case OVS_CT_ATTR_FORCE_COMMIT:
        request->force = true;
        request->commit = true;
        return has_size(a, 0);
    case OVS_CT_ATTR_COMMIT:
        request->commit = true;
        return has_size(a, 0);
    case OVS_CT_ATTR_ZONE:
        if (!has_size(a, sizeof request->zone)) {
            return false;
        }
        request->zone = nl_attr_get_u16(a);
        return true;
    case OVS_CT_ATTR_MARK:
        return get_mark(a, request);
    case OVS_CT_ATTR_LABELS:
        return get_label(a, request);
    case OVS_CT_ATTR_HELPER:
        return get_helper(a, request);
    case OVS_CT_ATTR_NAT:
        return get_nat(a, &request->nat);
    case OVS_CT_ATTR_EVENTMASK:
        if (!has_size(a, sizeof request->event_mask)) {
            return false;
        }
        request->event_mask = nl_attr_get_u32(a);
        return true;
    case OVS_CT_ATTR_TIMEOUT:
        return get_timeout(a, request);
    case OVS_CT_ATTR_UNSPEC:
    case __OVS_CT_ATTR_MAX:
    default:
        return false;
    }
}

static bool
request_is_valid(const struct ct_request *request)
{
    bool changes = (request->mark_mask
                    || !ovs_u128_is_zero(request->label_mask)
                    || request->nat.kind > CT_NAT_EXISTING);

    return request->commit || !changes;
}

/* Translation. */

/* What of the range was given, while it is read. */
struct nat_given {
    bool src, dst;
    bool min_addr, max_addr, min_port, max_port;
    size_t addr_size;           /* 4 or 16; 0 before the first address. */
};

static bool
get_nat_addr(const struct nlattr *a, struct nat_given *given,
             union ct_inet_addr *addr)
{
    size_t size = nl_attr_get_size(a);

    if ((size != sizeof(ovs_be32) && size != sizeof(struct in6_addr))
        || (given->addr_size && given->addr_size != size)) {
        return false;
    }
    given->addr_size = size;
    memset(addr, 0, sizeof *addr);
    memcpy(addr, nl_attr_get(a), size);
    return true;
}

static bool
get_nat_port(const struct nlattr *a, uint16_t *port)
{
    if (!has_size(a, sizeof *port)) {
        return false;
    }
    *port = nl_attr_get_u16(a);
    return true;
}

static bool
get_nat_attr(const struct nlattr *a, struct nat_given *given,
             struct ct_nat_range *nat)
{
    switch ((enum ovs_nat_attr) nl_attr_type(a)) {
    case OVS_NAT_ATTR_SRC:
        given->src = true;
        return has_size(a, 0);
    case OVS_NAT_ATTR_DST:
        given->dst = true;
        return has_size(a, 0);
    case OVS_NAT_ATTR_IP_MIN:
        given->min_addr = true;
        return get_nat_addr(a, given, &nat->min_addr);
    case OVS_NAT_ATTR_IP_MAX:
        given->max_addr = true;
        return get_nat_addr(a, given, &nat->max_addr);
    case OVS_NAT_ATTR_PROTO_MIN:
        given->min_port = true;
        return get_nat_port(a, &nat->min_port);
    case OVS_NAT_ATTR_PROTO_MAX:
        given->max_port = true;
        return get_nat_port(a, &nat->max_port);
    case OVS_NAT_ATTR_PERSISTENT:
        nat->persistent = true;
        return has_size(a, 0);
    case OVS_NAT_ATTR_PROTO_HASH:
        nat->hash = true;
        return has_size(a, 0);
    case OVS_NAT_ATTR_PROTO_RANDOM:
        nat->random = true;
        return has_size(a, 0);
    case OVS_NAT_ATTR_UNSPEC:
    case __OVS_NAT_ATTR_MAX:
    default:
        return false;
    }
}

/* Addresses compare as numbers in network byte order, that is, as bytes. */
static bool
nat_range_is_valid(const struct nat_given *given,
                   const struct ct_nat_range *nat)
{
    bool has_range = nat->have_addr || nat->have_port;

    if ((given->src && given->dst)
        || (has_range && !given->src && !given->dst)
        || (given->max_addr && !given->min_addr)) {
        return false;
    }
    return (memcmp(&nat->min_addr, &nat->max_addr, sizeof nat->min_addr) <= 0
            && nat->min_port <= nat->max_port);
}

static bool
get_nat(const struct nlattr *nested, struct ct_nat_range *nat)
{
    struct nat_given given;
    const struct nlattr *a;
    size_t left;

    memset(nat, 0, sizeof *nat);
    memset(&given, 0, sizeof given);
    NL_NESTED_FOR_EACH (a, left, nested) {
        if (!get_nat_attr(a, &given, nat)) {
            return false;
        }
    }

    nat->kind = (given.src ? CT_NAT_SRC
                 : given.dst ? CT_NAT_DST
                 : CT_NAT_EXISTING);
    nat->ipv6 = given.addr_size == sizeof(struct in6_addr);
    nat->have_addr = given.min_addr;
    nat->have_port = given.min_port || given.max_port;
    if (!given.max_addr) {
        nat->max_addr = nat->min_addr;
    }
    if (!given.max_port) {
        nat->max_port = nat->min_port;
    }
    return !left && nat_range_is_valid(&given, nat);
}
