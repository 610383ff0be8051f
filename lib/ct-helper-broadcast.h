/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_HELPER_BROADCAST_H
#define CT_HELPER_BROADCAST_H 1

#include "ct-helper.h"

/* Answers to a question that was put to a whole subnet.
 * ======================================================
 *
 * What
 * ----
 * A packet that is sent to a broadcast address can be answered by everybody
 * there, any number of times, from another address than it was sent to.  For
 * such a packet in the original direction this expects packets from 'port' of
 * any host of the subnet to the address and port that asked, for 'timeout'
 * seconds, which is also how long the connection lives, as in the kernel.
 * Other packets are accepted without more.
 *
 * Which subnet
 * ------------
 * The kernel asks its interfaces for broadcast address and netmask.  A
 * datapath has neither.  What it has is the packet, which is taken for a
 * broadcast if its Ethernet destination is.  In the broadcast address of a
 * subnet all bits of the host's part are ones, so that there are at most as
 * many as the address ends with: 10.1.1.255 ends with nine, so that hosts of
 * 10.1.0.0/23 may answer, among which are those of 10.1.1.0/24.  Nobody is
 * expected if the one who asks is not among them, or for 255.255.255.255,
 * which says nothing about the subnet.
 *
 * Threads: as all of a helper. */

enum ct_helper_verdict ct_helper_broadcast(struct ct_helper_call *,
                                           ovs_be16 port,
                                           unsigned int timeout);

#endif /* ct-helper-broadcast.h */
