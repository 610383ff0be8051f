/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_GRE_KEY_H
#define CT_GRE_KEY_H 1

#include <stdbool.h>
#include <stdint.h>

#include "cmap.h"
#include "ct-conn.h"
#include "ct-spin.h"
#include "ct-tuple.h"
#include "openvswitch/hmap.h"

struct ct_packet;
struct ct_zone;

/* Keys of GRE: which call does a packet belong to?
 * =================================================
 *
 * What
 * ----
 * A packet of enhanced GRE (RFC 2637 section 4.1) has one key: the call id
 * that its receiver has given to the call.  The one that its sender has given
 * is only known from the control connection, whose helper enters it here.  A
 * packet of a call that is known has a tuple with CT_KIND_GRE_KEY, whose ports
 * are the two call ids, sender's and receiver's, so that the packets of both
 * directions are each other's inverse.  All other packets of GRE are tracked
 * by their addresses alone.
 *
 * An entry has an owner, the control connection, and is one of
 *
 *    coming      a packet in front of the translation
 *    leaving     a packet behind it, as an ICMP error quotes it
 *    reserved    a call id that the other end has been told of, of a call that
 *                is not yet one: packets do not find it
 *
 * Promises
 * --------
 * - Of one pair of addresses and key there is one entry.  A coming one takes
 *   the place of any: who announces a call last has it, since the old owner
 *   may have gone without a word.  The others only take what is free.
 * - Nothing is entered for an owner that has ended.
 *
 * Threads
 * -------
 * Any, concurrently.  Finding takes no lock; changes take a spin lock of the
 * zone's, inside a connection's lock.
 *
 * Cost: only packets of enhanced GRE ask. */

#define CT_GRE_KEYS_MAX_PER_ZONE 65536

enum ct_gre_key_kind {
    CT_GRE_KEY_COMING,
    CT_GRE_KEY_LEAVING,
    CT_GRE_KEY_RESERVED
};

/* In struct ct_zone. */
struct ct_gre_keys {
    struct ct_spin lock;
    struct cmap by_packet;      /* Written under 'lock'. */
    struct hmap by_owner;       /* 'lock' */
};

void ct_gre_keys_init(struct ct_gre_keys *);
void ct_gre_keys_uninit(struct ct_gre_keys *);

/* 'tuple' has the addresses of a packet, which 'packet' is or quotes, and
 * its key as dst_port.  Is it of a call that is known?  Then completes
 * 'tuple'. */
bool ct_gre_key_find(const struct ct_packet *packet, struct ct_tuple *tuple);

/* For helpers, which hold the lock of 'owner'. */

/* Enters 'tuple', with both call ids.  False if there is no room, or 'owner'
 * has just ended.  True as well if the place of a leaving one is taken. */
bool ct_gre_key_set(struct ct_zone *, struct ct_conn *owner,
                    enum ct_gre_key_kind, const struct ct_tuple *);

/* Reserves a key for packets with the addresses of 'tuple': its dst_port, if
 * that is free and not 0, else another, which it puts there.  False as
 * above, or if none is free. */
bool ct_gre_key_reserve(struct ct_zone *, struct ct_conn *owner,
                        struct ct_tuple *tuple);

/* Removes what 'owner' has entered for these packets. */
void ct_gre_key_remove(struct ct_zone *, const struct ct_conn *owner,
                       const struct ct_tuple *);

/* Removes an entry of 'owner', which has ended, any; false: there is none.
 * Only that of a coming one has CT_KIND_GRE_KEY, and may be a connection's. */
bool ct_gre_key_pop(struct ct_zone *, const struct ct_conn *owner,
                    struct ct_tuple *);

#endif /* ct-gre-key.h */
