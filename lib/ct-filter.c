/* SPDX-License-Identifier: Apache-2.0 */

/* Filters: does a connection match?  Beside a packet's way: ct-query.c asks
 * for each that its cursor meets. */

#include <config.h>

#include "ct-filter.h"

#include <string.h>

#include "ct-conn.h"
#include "ct-joint.h"
#include "ct-l4.h"
#include "ct-netlink.h"
#include "util.h"

static bool match_key(const struct ct_filter *, const struct ct_conn *);
static bool match_numbers(const struct ct_filter *, const struct ct_conn *);
static bool match_state(const struct ct_filter *, const struct ct_conn *);
static bool match_tuples(const struct ct_filter *, const struct ct_conn *);

#define BIT(CONDITION) (UINT32_C(1) << (CONDITION))

#define KEY_CONDITIONS (BIT(CT_FILTER_FAMILY) | BIT(CT_FILTER_PROTO)    \
                        | BIT(CT_FILTER_ZONE) | BIT(CT_FILTER_ID))
#define NUMBER_CONDITIONS (BIT(CT_FILTER_MARK) | BIT(CT_FILTER_STATUS)  \
                           | BIT(CT_FILTER_LABELS))
#define TUPLE_CONDITIONS (BIT(CT_FILTER_ORIG) | BIT(CT_FILTER_REPLY)    \
                          | BIT(CT_FILTER_NAT) | BIT(CT_FILTER_NAT_SRC) \
                          | BIT(CT_FILTER_NAT_DST))

void
ct_filter_init(struct ct_filter *filter)
{
    memset(filter, 0, sizeof *filter);
}

bool
ct_filter_match(const struct ct_filter *filter, const struct ct_conn *conn)
{
    return ((!(filter->given & KEY_CONDITIONS) || match_key(filter, conn))
            && (!(filter->given & NUMBER_CONDITIONS)
                || match_numbers(filter, conn))
            && (!(filter->given & TUPLE_CONDITIONS)
                || match_tuples(filter, conn))
            && (!ct_filter_has(filter, CT_FILTER_STATE)
                || match_state(filter, conn)));
}

static bool
match_key(const struct ct_filter *filter, const struct ct_conn *conn)
{
    return ((!ct_filter_has(filter, CT_FILTER_ZONE)
             || conn->key.zone == filter->zone)
            && (!ct_filter_has(filter, CT_FILTER_PROTO)
                || conn->key.proto == filter->proto)
            && (!ct_filter_has(filter, CT_FILTER_FAMILY)
                || ct_conn_is_ipv6(conn) == (filter->family == AF_INET6))
            && (!ct_filter_has(filter, CT_FILTER_ID)
                || conn->id == filter->id));
}

static bool
match_labels(const struct ct_filter *filter, const struct ct_conn *conn)
{
    const struct ct_conn_ext *ext = ct_conn_ext(conn);
    ovs_u128 label = ext ? ext->label : OVS_U128_ZERO;

    return ovs_u128_equals(ovs_u128_and(label, filter->labels_mask),
                           filter->labels);
}

static bool
match_numbers(const struct ct_filter *filter, const struct ct_conn *conn)
{
    uint32_t mark = atomic_load_explicit(&conn->mark, memory_order_relaxed);

    return ((!ct_filter_has(filter, CT_FILTER_MARK)
             || (mark & filter->mark_mask) == filter->mark)
            && (!ct_filter_has(filter, CT_FILTER_STATUS)
                || ((ct_conn_status(conn) & filter->status_mask)
                    == filter->status))
            && (!ct_filter_has(filter, CT_FILTER_LABELS)
                || match_labels(filter, conn)));
}

static bool
match_state(const struct ct_filter *filter, const struct ct_conn *conn)
{
    const struct ct_l4 *l4 = ct_l4_find(conn->key.proto);
    struct ct_dpif_protoinfo info = { .proto = 0 };
    struct ct_conn copy;

    if (!l4->describe) {
        return false;
    }
    ct_joint_read(conn, &copy);
    l4->describe(&copy, &info);
    switch (info.proto) {
    case IPPROTO_TCP:
        return ct_nl_tcp_state_from_dpif(info.tcp.state_orig)
               == filter->state;
    case IPPROTO_SCTP:
        return ct_nl_sctp_state_from_dpif(info.sctp.state) == filter->state;
    default:
        return false;
    }
}

static bool
match_addr(const struct ct_filter_addr *f, const union ct_inet_addr *addr,
           bool ipv6)
{
    return (!f->set
            || (f->ipv6 == ipv6
                && !(((addr->u64[0] ^ f->addr.u64[0]) & f->mask.u64[0])
                     | ((addr->u64[1] ^ f->addr.u64[1])
                        & f->mask.u64[1]))));
}

static bool
tuple_has(const struct ct_filter_tuple *f, enum ct_nla_filter_tuple condition)
{
    return f->given >> condition & 1;
}

static bool
match_icmp(const struct ct_filter_tuple *f, const struct ct_tuple *t)
{
    if (t->proto != IPPROTO_ICMP && t->proto != IPPROTO_ICMPV6) {
        return false;
    }
    return ((!tuple_has(f, CT_FILTER_T_ICMP_TYPE)
             || ct_icmp_kind_type(t->proto, t->kind) == f->icmp_type)
            /* The code of all that open a connection is 0. */
            && (!tuple_has(f, CT_FILTER_T_ICMP_CODE) || !f->icmp_code)
            && (!tuple_has(f, CT_FILTER_T_ICMP_ID)
                || t->src_port == f->icmp_id));
}

static bool
match_tuple(const struct ct_filter_tuple *f, const struct ct_tuple *t)
{
    const uint16_t icmp = (BIT(CT_FILTER_T_ICMP_TYPE)
                           | BIT(CT_FILTER_T_ICMP_CODE)
                           | BIT(CT_FILTER_T_ICMP_ID));

    return (match_addr(&f->src, &t->src, ct_tuple_is_ipv6(t))
            && match_addr(&f->dst, &t->dst, ct_tuple_is_ipv6(t))
            && (!tuple_has(f, CT_FILTER_T_SRC_PORT)
                || t->src_port == f->src_port)
            && (!tuple_has(f, CT_FILTER_T_DST_PORT)
                || t->dst_port == f->dst_port)
            && (!(f->given & icmp) || match_icmp(f, t)));
}

/* Of 'inverse', what a packet has behind the translation, the source; or,
 * swapped, the destination. */
static bool
is_translated(const struct ct_filter_tuple *f, const struct ct_tuple *orig,
              const struct ct_tuple *inverse)
{
    return ((memcmp(&orig->src, &inverse->src, sizeof orig->src)
             || orig->src_port != inverse->src_port)
            && match_addr(&f->src, &inverse->src, ct_tuple_is_ipv6(orig))
            && (!tuple_has(f, CT_FILTER_T_SRC_PORT)
                || inverse->src_port == f->src_port));
}

static struct ct_tuple
swapped(const struct ct_tuple *t)
{
    struct ct_tuple swapped = *t;

    swapped.src = t->dst;
    swapped.dst = t->src;
    swapped.src_port = t->dst_port;
    swapped.dst_port = t->src_port;
    return swapped;
}

static bool
match_nat(const struct ct_filter *filter, const struct ct_tuple *orig,
          const struct ct_tuple *reply)
{
    const struct ct_tuple orig_swapped = swapped(orig);
    const struct ct_tuple to = swapped(reply);
    bool src = is_translated(&filter->nat_src, orig, &to);
    bool dst = is_translated(&filter->nat_dst, &orig_swapped, reply);

    switch (filter->nat) {
    case CT_FILTER_NAT_S:
        return src;
    case CT_FILTER_NAT_D:
        return dst;
    case CT_FILTER_NAT_BOTH:
        return src && dst;
    case CT_FILTER_NAT_ANY:
        return src || dst;
    case CT_FILTER_NAT_IGNORE:
    default:
        return true;
    }
}

static bool
match_tuples(const struct ct_filter *filter, const struct ct_conn *conn)
{
    struct ct_tuple orig, reply;

    if (filter->nat != CT_FILTER_NAT_IGNORE && !ct_conn_is_nat(conn)) {
        return false;
    }
    ct_conn_tuple(conn, CT_DIR_ORIGINAL, &orig);
    ct_conn_tuple(conn, CT_DIR_REPLY, &reply);
    return (match_tuple(&filter->orig, &orig)
            && match_tuple(&filter->reply, &reply)
            && match_nat(filter, &orig, &reply));
}
