/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_UPCALL_H
#define TW_UPCALL_H 1

#include <stdbool.h>
#include <stdint.h>

struct dp_packet_batch;
struct nlattr;
struct tw_datapath;
struct tw_packets;
struct tw_thread;

/* Upcalls: asking ofproto.
 * ========================
 *
 * What
 * ----
 * For a packet that no megaflow matches: ofproto translates, the packet is
 * executed, a megaflow is installed.  For a userspace action: ofproto gets the
 * packet with the action's cookie.  Both are function calls (dp->upcall_cb) in
 * the packet's thread.
 *
 * The gate
 * --------
 * The main thread closes it at start and around purges
 * (tw_upcall_disable()); whoever closed it opens it.  Packet threads only try
 * it: what comes while it is closed is counted and dropped, since the main
 * thread may be waiting for this very thread.
 */

/* The gate is closed after tw_upcall_init(), and must be before
 * tw_upcall_uninit(). */
void tw_upcall_init(struct tw_datapath *);
void tw_upcall_uninit(struct tw_datapath *);
void tw_upcall_enable(struct tw_datapath *);
void tw_upcall_disable(struct tw_datapath *);

/* Serves those of 'packets' that have a bit in 'missing': each is executed and
 * gone, or dropped, unless a megaflow for it has come to exist meanwhile,
 * which is then stored in 'packets'.  Returns the bits of those that are
 * gone. */
uint32_t tw_upcall_misses(struct tw_thread *, struct tw_packets *,
                          uint32_t missing);

/* A userspace action with 'userdata' (may be NULL).  Takes ownership of the
 * packets if 'steal'; if not, they stay as they are, whatever ofproto answers
 * is done to copies. */
void tw_upcall_action(struct tw_thread *, struct dp_packet_batch *,
                      const struct nlattr *userdata, bool steal);

#endif /* tw-upcall.h */
