/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_EXPECT_H
#define CT_EXPECT_H 1

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ct-conn.h"
#include "ct-spin.h"
#include "ct-tuple.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"

struct ct;
struct ct_helper;
struct ct_helper_match;
struct ct_expect_port;
struct ct_packet;
struct ct_zone;

/* Expectations: connections that another one has announced.
 * ==========================================================
 *
 * What
 * ----
 * A helper (ct-helper.h) that reads of a second connection in the payload of a
 * first one, its parent, leaves an expectation in the parent's zone.  The
 * packet that opens the second connection matches it and is RELATED.  If the
 * packet is committed, the expectation is used up (unless it is permanent),
 * and the connection is EXPECTED: it has its parent's mark and labels, shows
 * the parent's tuple, and is translated as the parent is.
 *
 * Promises
 * --------
 * - Two packets never use up one expectation, unless it is permanent.
 * - Of one parent, helper and class there are at most as many as the helper
 *   says: the oldest gives way, as in the kernel.
 * - A zone has at most CT_EXPECT_MAX_PER_ZONE.  When it is full, the oldest
 *   one gives way whose parent is not ASSURED: a flood of requests that nobody
 *   answers keeps nobody out.  If there is none, nothing is added.
 * - An expectation ends with its parent, when its time is over, and when its
 *   zone is flushed.
 *
 * Cost
 * ----
 * Packets of connections that exist never come here.  One that opens a
 * connection reads one counter if its zone has no expectations; else it looks
 * once for each number of bits of a source that is expected: all, none, and
 * those of subnets.
 *
 * Threads
 * -------
 * Any, concurrently.  Each zone has a spin lock of its own, inside a
 * connection's lock, for some dozen expectations at a time; nothing is locked
 * inside it.
 *
 * Ownership
 * ---------
 * What ct_expect_match() leaves in packet->expected belongs to the caller, who
 * calls ct_expect_used() or ct_expect_put_back().  packet->parent stays
 * readable until the caller quiesces. */

#define CT_EXPECT_MAX_PER_ZONE 4096

struct ct_expectation {
    struct hmap_node node;          /* In 'by_place'. */
    struct hmap_node parent_node;   /* In 'by_parent'. */
    struct ovs_list weak_node;      /* In 'weak', or in no list. */

    uint32_t id;                    /* Unique in the tracker.  Set when it is
                                     * added. */
    struct ct_tuple tuple;          /* As the first packet will come; source
                                     * port 0: any. */
    bool any_src;                   /* From any address; */
    unsigned int src_prefix;        /* or so many bits of it (IPv4; 0: all). */
    bool permanent;                 /* Not used up. */
    bool inactive;                  /* Matches nothing. */
    long long expires;              /* time_msec(). */
    const struct ct_helper *helper;
    unsigned int class;             /* In helper->classes. */
    const struct ct_helper *child_helper;   /* That the connection gets; NULL:
                                             * none. */

    struct ct_conn *parent;
    uint32_t parent_id;
    enum ct_dir dir;                /* The parent's direction in which the
                                     * expected connection goes. */

    /* Where it was announced to go, behind the translation. */
    union ct_inet_addr to_dst;
    ovs_be16 to_dst_port;

    /* If 'nat': one from the parent's end is seen as from 'to_src', and from
     * port 'to_src_port', if that is not 0. */
    bool nat;
    union ct_inet_addr parent_src, to_src;
    ovs_be16 to_src_port;
    ovs_be16 settled_src_port;      /* The helper's choice of that. */
    struct ct_expect_port *port;    /* tuple.dst_port, if it is reserved, or
                                     * NULL. */

    struct ct_expectation *next;    /* Before it is added: of the same
                                     * packet.  Behind its end: to be freed. */
};

/* All of an address, of either family. */
#define CT_EXPECT_SRC_BITS 32

/* In struct ct_zone. */
struct ct_expects {
    struct ct *ct;                  /* [I] To be told of events, */
    uint16_t zone;                  /* [I] in this zone. */
    _Atomic uint32_t n;             /* [A] */
    struct ct_spin lock;
    struct hmap by_place;           /* 'lock'.  By destination, and as much
                                     * of the source as is known. */
    struct hmap by_parent;          /* 'lock' */
    struct ovs_list weak;           /* 'lock'.  Those whose parent was not
                                     * ASSURED when we looked, oldest first. */
    uint64_t src_bits;              /* 'lock'.  Of the source so many bits are
                                     * known of any in 'by_place'; how many
                                     * there are with each: */
    uint32_t n_with[CT_EXPECT_SRC_BITS + 1];
};

void ct_expects_init(struct ct_expects *, struct ct *, uint16_t zone);
void ct_expects_uninit(struct ct_expects *);

/* For helpers.  The lock of 'conn' is held, and it is in no joint. */

/* An expectation of 'conn' in which all is zero but for the parent. */
struct ct_expectation *ct_expect_create(struct ct_conn *parent);

/* Do both announce the same?  What is in front of the translation may
 * differ. */
bool ct_expect_is_same(const struct ct_expectation *,
                       const struct ct_expectation *);

/* Is there one already that is the same? */
bool ct_expect_is_known(struct ct_zone *, const struct ct_expectation *);

/* Is it what 'match' asks for? */
bool ct_expect_is_asked(const struct ct_expectation *,
                        const struct ct_helper_match *);

/* Gives 'e', which has none, the port that the one in the zone has reserved
 * which is the same (ct-expect-port.h).  False if there is none, or it has
 * none. */
bool ct_expect_share_known_port(struct ct_zone *, struct ct_expectation *e);

/* Adds 'e' and all behind it, of one parent, which it takes over; false, and
 * nothing is added, if the zone has no room for them, or the parent has just
 * ended.  Each replaces one that is the same, and the oldest one if the parent
 * has as many as its helper allows. */
bool ct_expect_add(struct ct *, struct ct_zone *, struct ct_expectation *e);

/* Gives up an expectation that was never added; and all behind it. */
void ct_expect_free(struct ct_expectation *);
void ct_expect_free_all(struct ct_expectation *);

/* Ends those of 'parent' that match, or makes them active until 'expires'.
 * Return how many. */
unsigned int ct_expects_forget(struct ct_zone *, const struct ct_conn *parent,
                               const struct ct_helper_match *);
unsigned int ct_expects_refresh(struct ct_zone *, const struct ct_conn *parent,
                                const struct ct_helper_match *,
                                long long expires);

/* Ends the one of 'parent' that a packet of 'tuple' would use up, if any. */
void ct_expects_end_one(struct ct_zone *, const struct ct_conn *parent,
                        const struct ct_tuple *);

/* For packets that no connection knows: sets packet->parent, and with 'take'
 * packet->expected.  Sets both to NULL if nothing matches. */
void ct_expect_match(struct ct_packet *, bool take);

/* What ct_expect_match() would find, in '*copy'.  Uses up nothing. */
bool ct_expect_look(const struct ct_packet *, struct ct_expectation *copy);

/* The packet has, or has not, become a connection. */
void ct_expect_used(struct ct_packet *);
void ct_expect_put_back(struct ct_packet *);

/* 'parent' has ended. */
void ct_expects_end_parent(struct ct_zone *, const struct ct_conn *parent);
void ct_expects_flush(struct ct_zone *);
/* Ends those whose time is over. */
void ct_expects_expire(struct ct *, long long now);

/* For commands.  'zone' -1: all of them; 'id' 0: all of them.  Deletes, and
 * returns how many. */
unsigned int ct_expects_delete(struct ct *, int zone, uint32_t id);

#endif /* ct-expect.h */
