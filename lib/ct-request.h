/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_REQUEST_H
#define CT_REQUEST_H 1

#include <stdbool.h>
#include <stdint.h>

#include "ct-tuple.h"
#include "openvswitch/types.h"

/* What one ct() action asks.
 * ==========================
 *
 * Decoded once, when a flow is installed, and constant from then on.  Ports
 * are in host byte order, addresses in network byte order. */

#define CT_HELPER_NAME_LEN 16

enum ct_nat_kind {
    CT_NAT_NONE,                /* No nat() at all: never translate. */
    CT_NAT_EXISTING,            /* Bare nat: as the connection has it. */
    CT_NAT_SRC,                 /* nat(src...): choose a new source. */
    CT_NAT_DST                  /* nat(dst...): choose a new destination. */
};

struct ct_nat_range {
    enum ct_nat_kind kind;
    bool ipv6;
    bool have_addr;             /* False: keep the address, ports only. */
    bool have_port;
    bool random;                /* Choose ports at random each time. */
    bool hash;                  /* Choose ports by a hash of the tuple. */
    bool persistent;            /* One client, one address: over restarts. */
    union ct_inet_addr min_addr, max_addr;      /* Inclusive. */
    uint16_t min_port, max_port;                /* Inclusive, host order. */
};

struct ct_request {
    uint16_t zone;
    bool commit;
    bool force;                 /* Commit anew if opened from the other end. */
    uint32_t mark, mark_mask;   /* Set the bits in 'mark_mask' to 'mark'. */
    ovs_u128 label, label_mask;
    char helper[CT_HELPER_NAME_LEN];    /* "" for none. */
    uint32_t timeout_policy;    /* With commit: the zone has it from then on.
                                 * DEFAULT_TP_ID: the defaults. */
    uint32_t event_mask;        /* As OVS_CT_ATTR_EVENTMASK; 0: all. */
    struct ct_nat_range nat;
};

/* Appends "commit,zone=1,nat" and the like: what is asked, in short. */
struct ds;
void ct_request_format(const struct ct_request *, struct ds *);

#endif /* ct-request.h */
