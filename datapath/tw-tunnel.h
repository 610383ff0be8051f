/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_TUNNEL_H
#define TW_TUNNEL_H 1

#include <stdbool.h>

#include "openvswitch/types.h"

struct dp_packet_batch;
struct ovs_action_push_tnl;
struct tw_thread;

/* Native tunnels.
 *
 * Which header to push, and which packets are a tunnel's, is ofproto's to say;
 * the device (netdev_push_header(), netdev_pop_header()) does the work. */

/* Puts the header in front of the packets of 'batch', in place.  Packets that
 * cannot have it are taken out, freed and counted. */
void tw_tunnel_push(struct tw_thread *, struct dp_packet_batch *,
                    const struct ovs_action_push_tnl *);

/* Takes the outer headers off the packets (or of copies, unless 'steal') and
 * carries what was inside through the flow table, as received on 'port'. */
void tw_tunnel_pop(struct tw_thread *, struct dp_packet_batch *,
                   odp_port_t port, bool steal);

#endif /* tw-tunnel.h */
