/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_FILTER_H
#define CT_FILTER_H 1

#include <stdbool.h>
#include <stdint.h>

#include "ct-tuple.h"
#include "openvswitch/ofpbuf.h"

struct ct_conn;
struct nlattr;

/* Filters: which connections are meant.
 * =====================================
 *
 * What
 * ----
 * What a list, a deletion, a change or a count is about.  A filter is a list
 * of conditions, all of which must hold; an empty one means all connections.
 * It travels in CT_NLA_FILTER (ct-netlink.h), and is matched against the
 * record itself: whoever is not meant costs no message.
 *
 * Shapes
 * ------
 * Each attribute below sets one condition; CT_FILTER_ORIG and _REPLY hold
 * those for a tuple.  Addresses have 4 or 16 bytes, as the others of the same
 * filter; a mask is as long as its address, and all ones if it is left out.
 *
 * Byte order: network, in messages and in the struct below, where a type says
 * so.
 *
 * Cost: a condition that was not set costs a branch.  Conditions on a state
 * read the connection's joint (ct-joint.h).
 *
 * Threads: pure functions; ct_filter_match() in an RCU read-side section in
 * which the connection was found alive. */

enum ct_nla_filter {
    CT_FILTER_UNSPEC,
    CT_FILTER_FAMILY,           /* u8: AF_INET, AF_INET6. */
    CT_FILTER_PROTO,            /* u8: IPPROTO_*. */
    CT_FILTER_ZONE,             /* u16. */
    CT_FILTER_ORIG,             /* Nested: enum ct_nla_filter_tuple. */
    CT_FILTER_REPLY,            /* Nested: enum ct_nla_filter_tuple. */
    CT_FILTER_MARK,             /* u32. */
    CT_FILTER_MARK_MASK,        /* u32. */
    CT_FILTER_LABELS,           /* As CTA_LABELS. */
    CT_FILTER_LABELS_MASK,      /* As CTA_LABELS. */
    CT_FILTER_STATUS,           /* u32: CT_DPIF_STATUS_* = kernel's IPS_*. */
    CT_FILTER_STATUS_MASK,      /* u32. */
    CT_FILTER_STATE,            /* u8: as in CTA_PROTOINFO_TCP_STATE or
                                 * CTA_PROTOINFO_SCTP_STATE. */
    CT_FILTER_NAT,              /* u8: enum ct_filter_nat. */
    CT_FILTER_NAT_SRC,          /* Nested: SRC, SRC_MASK and SRC_PORT of enum
                                 * ct_nla_filter_tuple: where the source is
                                 * translated to. */
    CT_FILTER_NAT_DST,          /* The same for the destination. */
    CT_FILTER_ID,               /* u32: as CTA_ID. */
    CT_FILTER_N
};

enum ct_nla_filter_tuple {
    CT_FILTER_T_UNSPEC,
    CT_FILTER_T_SRC,            /* Address. */
    CT_FILTER_T_SRC_MASK,       /* Address. */
    CT_FILTER_T_DST,            /* Address. */
    CT_FILTER_T_DST_MASK,       /* Address. */
    CT_FILTER_T_SRC_PORT,       /* u16. */
    CT_FILTER_T_DST_PORT,       /* u16. */
    CT_FILTER_T_ICMP_TYPE,      /* u8. */
    CT_FILTER_T_ICMP_CODE,      /* u8. */
    CT_FILTER_T_ICMP_ID,        /* u16. */
    CT_FILTER_T_N
};

/* Which translations. */
enum ct_filter_nat {
    CT_FILTER_NAT_IGNORE,
    CT_FILTER_NAT_S,            /* Of the source. */
    CT_FILTER_NAT_D,            /* Of the destination. */
    CT_FILTER_NAT_BOTH,         /* Of both. */
    CT_FILTER_NAT_ANY           /* Of one of them, or both. */
};

struct ct_filter_addr {
    bool set;
    bool ipv6;
    union ct_inet_addr addr, mask;      /* IPv4: bytes 4..15 are zero. */
};

struct ct_filter_tuple {
    struct ct_filter_addr src, dst;
    uint16_t given;             /* Bits of enum ct_nla_filter_tuple. */
    ovs_be16 src_port, dst_port, icmp_id;
    uint8_t icmp_type, icmp_code;
};

struct ct_filter {
    uint32_t given;             /* Bits of enum ct_nla_filter. */
    uint8_t family;
    uint8_t proto;
    uint8_t state;
    uint16_t zone;
    struct ct_filter_tuple orig, reply;
    uint32_t mark, mark_mask;
    ovs_u128 labels, labels_mask;
    uint32_t status, status_mask;
    enum ct_filter_nat nat;
    struct ct_filter_tuple nat_src, nat_dst;    /* 'src', 'src_port'. */
    uint32_t id;
};

/* All connections. */
void ct_filter_init(struct ct_filter *);

/* Sets a condition: 'member' is that of the struct, 'given' as above. */
static inline void
ct_filter_give(struct ct_filter *filter, enum ct_nla_filter condition)
{
    filter->given |= UINT32_C(1) << condition;
}

static inline bool
ct_filter_has(const struct ct_filter *filter, enum ct_nla_filter condition)
{
    return filter->given >> condition & 1;
}

bool ct_filter_match(const struct ct_filter *, const struct ct_conn *);

/* Appends CT_NLA_FILTER.  Reads it: NULL, or what is wrong with it. */
void ct_filter_put(struct ofpbuf *, const struct ct_filter *);
const char *ct_filter_get(const struct nlattr *, struct ct_filter *);

#endif /* ct-filter.h */
