/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRAFFIC_PCAP_H
#define TRAFFIC_PCAP_H 1

#include <stdbool.h>
#include <stddef.h>

struct traffic_pcap;
struct traffic_turn;

/* Frames of a capture, to be sent again.
 * =======================================
 *
 * What
 * ----
 * A pcap file, read as a whole into memory.  When frames were captured does
 * not matter.  With several queues, a frame belongs to one by a hash that is
 * the same for both directions of a connection, so that a connection keeps
 * its order.
 *
 * Threads: immutable.  Ownership: counted by the main thread and by RCU
 * callbacks. */

/* Reads 'file' for 'n_queues'.  Returns null and stores an error message in
 * '*errp' if it cannot be read or has no frame. */
struct traffic_pcap *traffic_pcap_open(const char *file, unsigned int n_queues,
                                       char **errp);
struct traffic_pcap *traffic_pcap_ref(struct traffic_pcap *);
void traffic_pcap_unref(struct traffic_pcap *);

/* The next frames of the turn's queue, once or, with options:loop, over and
 * over. */
void traffic_pcap_replay(struct traffic_turn *);
bool traffic_pcap_is_done(const struct traffic_turn *);

#endif /* traffic-pcap.h */
