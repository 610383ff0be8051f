/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_REWRITE_H
#define TW_REWRITE_H 1

struct dp_packet_batch;
struct nlattr;
struct tw_thread;

/* Actions that change headers, and nothing else.
 *
 * What: OVS's odp_execute_actions() does the work, and trusts that packets
 * have the header that the action is about.  Those of ofproto's flows do; a
 * flow typed into "dpctl add-flow" may meet anything, and what matches a flow
 * may be cut short in the middle of a header.
 *
 * Promises: a packet without that header is taken out, freed and counted
 * (TW_DROP_INVALID_ACTION), as is one whose NSH header cannot be taken off;
 * no byte outside a packet is read or written.
 *
 * 'a' is an attribute that tw_actions_check() has accepted, of one of the
 * types set, set_masked, push_*, pop_*, add_mpls, hash and trunc. */
void tw_rewrite(struct tw_thread *, struct dp_packet_batch *,
                const struct nlattr *a);

#endif /* tw-rewrite.h */
