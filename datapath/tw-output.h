/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_OUTPUT_H
#define TW_OUTPUT_H 1

#include "dp-packet.h"
#include "tw-thread.h"

struct netdev;
struct tw_port;

/* Output: packets queued per port, sent together.
 * ===============================================
 *
 * What
 * ----
 * Each thread has, for each port, a batch of packets that are to leave there
 * and the transmit queue that it uses.  tw_output() queues; tw_output_flush()
 * sends all that is queued, at the latest at the end of a poll.
 *
 * Promises
 * --------
 * - tw_output() takes ownership of the packets in 'batch' if 'steal', else it
 *   sends copies.  It applies and resets the packets' cutlen (truncate).
 * - Packets to one port leave in the order in which they were given.
 * - What goes to a port that does not exist, or that cannot send, is counted
 *   and dropped, and so is what the device does not take.
 *
 * Threads
 * -------
 * The thread's own functions, without a lock.  tw_output_add_port() and
 * tw_output_del_port() only while it is parked.
 */

void tw_output(struct tw_thread *, odp_port_t port, struct dp_packet_batch *,
               bool steal);
/* Returns the number of packets sent. */
int tw_output_flush(struct tw_thread *);

/* The device of 'port', NULL if there is none: for tunnel push and pop. */
struct netdev *tw_output_netdev(struct tw_thread *, odp_port_t port);

/* Gives up transmit queues that were not used for a while, so that threads
 * spread over the queues of a device which has too few. */
void tw_output_release_idle(struct tw_thread *);

void tw_output_add_port(struct tw_thread *, struct tw_port *);
void tw_output_del_port(struct tw_thread *, const struct tw_port *);
void tw_output_del_all(struct tw_thread *);
/* The first port that the thread knows and for which 'pred' is true. */
typedef bool tw_output_pred(const struct tw_datapath *,
                            const struct tw_port *);
const struct tw_port *tw_output_find_port(const struct tw_thread *,
                                          tw_output_pred *);

#endif /* tw-output.h */
