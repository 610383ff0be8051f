/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_PARSE_H
#define TW_PARSE_H 1

#include "dp-packet.h"

struct tw_packets;
struct tw_thread;

/* From a batch to keys with hashes, or, for packets that need none, to their
 * plain rules (tw-plain.h).
 *
 * With 'in_port' other than ODPP_NONE, the packets' metadata is initialised as
 * received there; else it is taken as it is.  Packets too short to be a frame
 * are freed and counted; 'batch' gives up all of them.  Each packet has a
 * valid RSS hash afterwards. */
void tw_parse(struct tw_thread *, struct dp_packet_batch *batch,
              odp_port_t in_port, struct tw_packets *);

#endif /* tw-parse.h */
