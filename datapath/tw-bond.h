/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_BOND_H
#define TW_BOND_H 1

#include <stdbool.h>
#include <stdint.h>

#include "dpif.h"

struct dp_packet_batch;
struct ds;
struct tw_datapath;
struct tw_thread;

/* Bonds, for lb_output: BOND_BUCKETS members, chosen by the packet's hash.
 *
 * The map is read by packet threads without a lock and changed in place, a
 * bucket at a time; the bytes counted for a bucket stay when it moves to
 * another member. */

void tw_bond_init(struct tw_datapath *);
void tw_bond_uninit(struct tw_datapath *);      /* With bonds: all go. */

/* As dpif's functions of the same name; ENOENT if there is no such bond.
 * tw_bond_stats_get() adds to the BOND_BUCKETS elements of 'n_bytes'. */
int tw_bond_add(struct tw_datapath *, uint32_t bond_id,
                const odp_port_t *member_map);
int tw_bond_del(struct tw_datapath *, uint32_t bond_id);
int tw_bond_stats_get(struct tw_datapath *, uint32_t bond_id,
                      uint64_t *n_bytes);
void tw_bond_destroy_all(struct tw_datapath *);

/* Each bond with the member of each bucket, for the operator. */
void tw_bond_format(const struct tw_datapath *, struct ds *);

/* Sends the packets, or copies, to the members that their hash names. */
void tw_bond_output(struct tw_thread *, uint32_t bond_id,
                    struct dp_packet_batch *, bool steal);

#endif /* tw-bond.h */
