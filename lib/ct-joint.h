/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_JOINT_H
#define CT_JOINT_H 1

#include "ct-conn.h"
#include "ct-track.h"

struct ct;

/* Joint connections: one update for several zones.
 * =================================================
 *
 * What
 * ----
 * A pipeline of several zones has as many connections for one conversation.
 * Once established, they have met the same packets and are in the same state.
 * ct_joint_make() joins them: one of them, the leader, is updated for all; the
 * others, its followers, stand still, and what packets do to them (protocol
 * state, deadline, counters) is what they do to the leader.
 *
 * A packet whose track knows the joint updates the leader, and touches no
 * other connection.
 *
 * Promises
 * --------
 * - Everything of a follower that an ordinary packet does not update stays as
 *   it was when the joint was made: it is alive, and its mark, label and
 *   status are the same.  Whoever is about to change anything in a connection
 *   that is in a joint dissolves it first (ct_joint_dissolve(),
 *   ct_joint_lock()), by which each gets what is its own.
 * - A joint that was dissolved never comes back: a ct_joint that is remembered
 *   names that one, or none.
 * - It takes no memory: a follower's windows, which it does not need, hold its
 *   links; a leader has them in the place of 'ext'.
 *
 * Order of locks: a leader's, its followers'.
 *
 * Threads: any, concurrently, in an RCU read-side section in which the
 * connections were found or seen alive. */

/* One joint, and which of a track's steps leads.  0: none. */
typedef uint64_t ct_joint;

/* In conn->ext of a connection that has no struct ct_conn_ext: */
#define CT_JOINT_LEADER     UINT64_C(1)             /* "No ct_conn_ext". */
#define CT_JOINT_FIRST_SHIFT 1                      /* 30 bits: number of the
                                                     * first follower; 0:
                                                     * none, no leader. */
#define CT_JOINT_STEP_SHIFT 31                      /* 4 bits: in a ct_joint
                                                     * alone. */
#define CT_JOINT_STEP_MASK  (UINT64_C(0xf) << CT_JOINT_STEP_SHIFT)
#define CT_JOINT_NONCE_SHIFT 35                     /* 29 bits: how many joints
                                                     * it has led. */

/* Joins the connections of 'n' steps, which have just been updated by the same
 * packet.  False if they are not alike, or somebody is at work on one. */
bool ct_joint_make(struct ct *, const struct ct_track[], unsigned int n);

/* The joint that the connections of 'n' steps are in, all of them, and no
 * other.  Who goes by marks or labels looks at them afterwards. */
ct_joint ct_joint_find(struct ct *, const struct ct_track[], unsigned int n);

/* Ends the joint of 'conn', if it is in one. */
void ct_joint_dissolve(struct ct *, struct ct_conn *);

/* What 'conn' would be without its joint: counters, protocol state and
 * deadline, and its key, in '*copy', of which nothing else is valid. */
void ct_joint_read(const struct ct_conn *, struct ct_conn *copy);

/* True if the time of 'conn', or of the joint that it is in, has not come at
 * 'now'.  Its own deadline is then no earlier than it should be. */
bool ct_joint_renew(struct ct_conn *, long long now);

static inline unsigned int
ct_joint_step(ct_joint joint)
{
    return (joint & CT_JOINT_STEP_MASK) >> CT_JOINT_STEP_SHIFT;
}

static inline bool
ct_joint_has(const struct ct_conn *conn)
{
    return OVS_UNLIKELY(ct_conn_status(conn) & CT_CONN_STATUS_JOINT);
}

/* Does 'conn', locked, lead 'joint'? */
static inline bool
ct_joint_is_led(const struct ct_conn *conn, ct_joint joint)
{
    return (ct_conn_ext_word(conn) == (joint & ~CT_JOINT_STEP_MASK));
}

/* A packet whose track knows the joint, between ct_track_begin() and
 * ct_metadata_write(), in the place of ct_track_step(): ct_joint_update()
 * once, then ct_joint_pass() for each ct(). */

/* Updates 'leader', and so all, whose requests must be quiet and have the same
 * timeouts.  False, and nothing done: there is no such joint any more, or the
 * packet is out of the ordinary. */
static inline bool
ct_joint_update(struct ct_packet *packet, const struct ct_track_request *r,
                struct ct_conn *leader, const struct ct_track *track,
                ct_joint joint)
{
    const struct ct_l4 *l4 = packet->l4;
    enum ct_dir dir = ct_track_dir(track);
    uint64_t timeout = 0;

    if (OVS_UNLIKELY(!ct_track_is_valid__(packet, r, leader, track)
                     || !l4->ordinary)) {
        return false;
    }
    packet->conn = leader;
    ct_conn_lock(leader);
    if (OVS_LIKELY(ct_joint_is_led(leader, joint))) {
        timeout = l4->ordinary(packet, leader, dir, r->timeouts);
    }
    if (OVS_LIKELY(timeout)) {
        ct_track_count__(packet, leader, dir, timeout);
    }
    ct_conn_unlock(leader);
    return timeout;
}

/* May packets that meet these requests, of one batch, be in a joint? */
bool ct_joint_allowed(struct ct_track_request *const [], size_t n);

/* The state of a packet of a joint behind a ct(), with or without nat(), that
 * meets 'conn'. */
uint8_t ct_joint_state(const struct ct_conn *conn, const struct ct_track *,
                       bool nat);

/* One of the connections. */
static inline enum ct_track_result
ct_joint_pass(struct ct_packet *packet, const struct ct_track_request *r,
              struct ct_conn *conn, const struct ct_track *track)
{
    packet->conn = conn;
    packet->dir = ct_track_dir(track);
    packet->found = true;
    packet->ct_state = (CS_ESTABLISHED
                        | (packet->dir == CT_DIR_REPLY ? CS_REPLY_DIR : 0));
    return (OVS_LIKELY(r->plain) || !(track->number & CT_TRACK_NAT)
            ? CT_TRACK_DONE : ct_track_finish__(packet, r));
}

/* Locks 'conn' for a change that is its own: it is in no joint. */
static inline void
ct_joint_lock(struct ct *ct, struct ct_conn *conn)
{
    ct_conn_lock(conn);
    while (ct_joint_has(conn)) {
        ct_conn_unlock(conn);
        ct_joint_dissolve(ct, conn);
        ct_conn_lock(conn);
    }
}

#endif /* ct-joint.h */
