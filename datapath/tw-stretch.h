/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_STRETCH_H
#define TW_STRETCH_H 1

#include "tw-program.h"

/* Stretches: operations that look at each packet by itself.
 * ===========================================================
 *
 * What
 * ----
 * Megaflows and ct() of a program that follow each other.  One packet after
 * the other goes through the whole stretch, while the connections of the
 * packets behind it are fetched.
 *
 * Where the connections of a stretch are in a joint (ct-joint.h), only the
 * leader is fetched and updated.  The packet's track remembers the joint:
 * then marks, labels and states were looked at when it was found, and stand
 * still as long as it does.
 *
 * Threads: the owner of the program.
 */

/* A program being run: the packets that are still in it, and the numbers that
 * they have in the pass. */
struct tw_run {
    struct tw_thread *thread;
    struct tw_pass *pass;
    struct dp_packet_batch batch;
    uint8_t members[NETDEV_MAX_BURST];
    unsigned int n_steps;       /* Of the program. */
    bool may_join;              /* Joints may be made. */
    unsigned int n_meetings;    /* Before this stretch. */
    unsigned int n_found;       /* Packets whose connection was found. */
    unsigned int n_joint;       /* Packets that were in a joint. */
    unsigned int n_joints;      /* Joints made. */
    unsigned int n_lost;        /* That others had dissolved, or made of other
                                 * connections. */
    uint32_t left;              /* Bits by number in the pass. */
    uint32_t leaving;           /* So too: at the next meeting, which is not
                                 * in the stretch that found it out. */
};

/* The stretch that begins with 'ops'.  Packets that leave it are gone from the
 * batch. */
void tw_stretch_run(struct tw_run *, struct tw_op ops[]);
/* One that is 'unchecked', and that no packet is leaving. */
void tw_stretch_count(struct tw_run *, struct tw_op ops[]);

/* The packet's own hash, if the device gave none.  As it came: before anything
 * is translated. */
void tw_pass_give_hash(struct tw_pass *, unsigned int i);

#endif /* tw-stretch.h */
