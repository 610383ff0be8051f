/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_NAT_H
#define CT_NAT_H 1

#include <stdbool.h>

#include "ct-packet.h"
#include "ct-request.h"

/* Address translation: choosing a mapping, and applying it.
 * =========================================================
 *
 * What
 * ----
 * Choosing happens once, at commit, in two steps, because only inserting into
 * the table settles who owns a tuple:
 *
 *     struct ct_nat_search search;
 *     struct ct_tuple reply;
 *
 *     ct_nat_search_init(&search, packet);
 *     while (ct_nat_search_next(&search, &reply)) {
 *         ... allocate a connection with 'reply' as reply tuple,
 *             ct_nat_prepare() it with 'reply', insert it ...
 *         if (inserted) {
 *             ct_nat_search_keep(&search, conn);
 *             break;
 *         }
 *     }
 *     ct_nat_search_uninit(&search);
 *
 * ct_nat_search_next() gives a reply tuple that was free a moment ago.  An
 * insertion that fails nevertheless asks for the next one.
 * ct_nat_search_keep() hands the port's reservation to the connection, which
 * gives it back through ct_nat_release() when it ends.
 *
 * Which mapping
 * -------------
 * The rules are those of the Linux kernel's nf_nat, with whole ranges used
 * up before a connection is refused.  "Free" is a mapping whose reply tuple
 * no other connection of the zone has.
 *
 * - nat(src): The packet's own source if it lies in the range and is free.
 *   Else what another connection from the same address and port was given, if
 *   that lies in the range and is free.  Else an address of the range, chosen
 *   by a fixed hash of source and destination (with 'persistent': of the
 *   source), and there the packet's own port if it lies in the range and is
 *   free.  Else a port that no other translated connection holds, first free
 *   one behind a random place (with 'hash': a fixed hash of the tuple).  Else
 *   a port that is held for another destination: up to 240 candidates.  Else
 *   the next address.  'random' and 'hash' never keep the packet's port.
 * - Without ports in the range, a port stays in its class: 1-511, 600-1023,
 *   1024-65535.  ICMP identifiers count as ports: 0-65535 or the range's.
 *   Protocols without ports get an address only, and so does a call of PPTP:
 *   the other end knows its call ids, which only its helper may change.
 * - nat(dst): An address of the range, chosen in the same way, and, if the
 *   range has ports, the packet's own if possible, else a random one (with
 *   'hash': by hash).  ICMP identifiers stay.  If the mapping is not free,
 *   the source port changes as well.
 * - Bare nat, and nat(src) with the all-zero address: The packet's own
 *   addresses; only if those are not free, another source port.
 * - No nat: the inverse, free or not, once.
 *
 * When ct_nat_search_next() returns false, ct_nat_search_why() says why:
 * CT_C_DROP_NAT_FAMILY if the range is of another family than the packet,
 * CT_C_DROP_NAT_EXHAUSTED if nothing is free, CT_C_DROP_CLASH for a request
 * without nat.  The caller counts it.  ct_nat_translate() counts
 * CT_C_DROP_NAT_HEADER.
 *
 * Cost
 * ----
 * A reservation looks at up to four words of a port map, at any fill.  Each
 * candidate costs one lookup in the zone; no search makes more than
 * CT_NAT_MAX_LOOKUPS.
 *
 * Threads: any, concurrently. */

#define CT_NAT_MAX_LOOKUPS 1024

struct ct_nat_search {
    struct ct_packet *packet;
    const struct ct_nat_range *range;
    struct ct_nat_range follow;     /* Of who was announced: the parent's. */
    struct ct_tuple to;             /* The packet behind the translation. */
    struct ct_nat_pool *pool;       /* Where to.src_port is reserved, or
                                     * NULL. */
    bool keyed;                     /* GRE of a call that the request, not
                                     * its expectation, translates. */
    int step;                       /* What to try next (ct-nat.c). */
    uint16_t min_port, max_port;    /* Those to choose from. */
    uint16_t start;                 /* Where to begin among them. */
    uint16_t port;                  /* The next candidate. */
    uint32_t n_ports;               /* Candidates left in this round. */
    uint32_t round;                 /* That it began with. */
    uint32_t n_lookups;             /* Lookups left. */
    uint32_t addr_index;            /* Of the address in use. */
    uint32_t n_addrs;               /* In the range, at most UINT32_MAX. */
    uint32_t n_addrs_left;          /* Not yet tried. */
};

/* The tracker's NAT ports. */
struct ct_nat;
struct ct_nat *ct_nat_create(void);
void ct_nat_destroy(struct ct_nat *);
struct ct_nat *ct_get_nat(struct ct *);     /* ct.c */

void ct_nat_search_init(struct ct_nat_search *, struct ct_packet *);
bool ct_nat_search_next(struct ct_nat_search *, struct ct_tuple *reply);
enum ct_counter ct_nat_search_why(const struct ct_nat_search *);
void ct_nat_search_keep(struct ct_nat_search *, struct ct_conn *);
void ct_nat_search_uninit(struct ct_nat_search *);

/* Fills in deltas and the status bits SRC_NAT and DST_NAT of 'conn', which is
 * not yet reachable and was allocated with 'reply' as reply tuple.  Before
 * that, nothing tells a translated record from another. */
void ct_nat_prepare(struct ct_conn *, const struct ct_tuple *reply);

/* Reserves the source port behind the translation of 'conn', which a command
 * has made and which is prepared, in the table and locked, if nobody else
 * holds it. */
void ct_nat_hold(struct ct *, struct ct_conn *);

/* Gives back what 'conn' reserved.  Called once, by who ended it, before its
 * memory is given back. */
void ct_nat_release(struct ct *, struct ct_conn *);

/* Translates 'packet' as 'packet->conn' and 'packet->dir' say: addresses,
 * ports, ICMP ids, and for an ICMP error the inner packet too, with all
 * checksums.  Sets CS_SRC_NAT if the source changed and CS_DST_NAT if the
 * destination changed in packet->ct_state; a packet that has one of them is
 * already translated and left alone.  A connection without translation
 * changes nothing.  False: the headers do not allow it (too short, say): the
 * packet must be dropped, and that is counted. */
bool ct_nat_translate(struct ct_packet *);

/* CS_SRC_NAT and CS_DST_NAT, as it sets them for packets of that direction. */
uint8_t ct_nat_states(const struct ct_conn *, enum ct_dir);

#endif /* ct-nat.h */
