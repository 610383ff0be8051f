/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_NAT_H
#define CT_NAT_H 1

#include <stdbool.h>

#include "ct-packet.h"
#include "ct-request.h"

/* Address translation: choosing a mapping, and applying it.
 * =========================================================
 *
 * Choosing happens once, at commit, in two steps, because only inserting into
 * the table settles who owns a tuple:
 *
 *     struct ct_nat_search search;
 *     struct ct_tuple reply;
 *
 *     ct_nat_search_init(&search, packet);
 *     while (ct_nat_search_next(&search, &reply)) {
 *         ... allocate a connection with 'reply' as reply tuple,
 *             ct_nat_prepare() it, insert it ...
 *         if (inserted) {
 *             ct_nat_search_keep(&search, conn);
 *             break;
 *         }
 *     }
 *     ct_nat_search_uninit(&search);
 *
 * ct_nat_search_next() gives a reply tuple that was free a moment ago, in
 * constant time for any number of ports in use, and false as soon as there is
 * none left.  ct_nat_search_keep() hands the port's reservation to the
 * connection, which gives it back through ct_nat_release() when it ends.
 *
 * Threads: any, concurrently. */

struct ct_nat_search {
    struct ct_packet *packet;
    const struct ct_nat_range *range;
    unsigned int tries;
    union ct_inet_addr addr;        /* Chosen address. */
    uint16_t port;                  /* Chosen port, host byte order. */
    struct ct_nat_pool *pool;       /* Where 'port' is reserved, or NULL. */
    unsigned int stage;             /* ct-nat.c's own. */
    uint32_t next;                  /* ct-nat.c's own. */
};

/* The tracker's NAT ports. */
struct ct_nat;
struct ct_nat *ct_nat_create(void);
void ct_nat_destroy(struct ct_nat *);
struct ct_nat *ct_get_nat(struct ct *);     /* ct.c */

void ct_nat_search_init(struct ct_nat_search *, struct ct_packet *);
bool ct_nat_search_next(struct ct_nat_search *, struct ct_tuple *reply);
void ct_nat_search_keep(struct ct_nat_search *, struct ct_conn *);
void ct_nat_search_uninit(struct ct_nat_search *);

/* Fills in deltas and the status bits SRC_NAT and DST_NAT of 'conn', which is
 * not yet reachable, from its two tuples. */
void ct_nat_prepare(struct ct_conn *);

/* Gives back what 'conn' reserved.  Called once, by who ended it. */
void ct_nat_release(struct ct_conn *);

/* Translates 'packet' as 'packet->conn' and 'packet->dir' say: addresses,
 * ports, ICMP ids, and for an ICMP error the inner packet too, with all
 * checksums.  False: the headers do not allow it (too short, say): the packet
 * must be dropped, and that is counted.  Sets CS_SRC_NAT and CS_DST_NAT in
 * packet->ct_state as the kernel does. */
bool ct_nat_translate(struct ct_packet *);

#endif /* ct-nat.h */
