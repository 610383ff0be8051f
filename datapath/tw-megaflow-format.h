/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_MEGAFLOW_FORMAT_H
#define TW_MEGAFLOW_FORMAT_H 1

#include <stdbool.h>
#include <stddef.h>

struct dpif_flow;
struct dpif_flow_put;
struct ds;
struct flow;
struct match;
struct nlattr;
struct odp_support;
struct ofpbuf;
struct tw_megaflow;

/* Megaflows to and from netlink attributes, the form in which ofproto and
 * dpctl know them. */

/* What odp_flow_key_from_flow() may use. */
extern const struct odp_support tw_odp_support;

/* False for what cannot be a flow's key. */
bool tw_megaflow_parse_key(const struct nlattr *, size_t, struct flow *);

/* Key and mask of 'put'.  False if it cannot be installed. */
bool tw_megaflow_parse_match(const struct dpif_flow_put *, struct match *);

/* All about 'flow'.  Its key is appended to 'key', its mask to 'mask', which
 * may be the same buffer; its actions are not copied: they last until the
 * caller quiesces. */
void tw_megaflow_to_dpif_flow(const struct tw_megaflow *, struct ofpbuf *key,
                              struct ofpbuf *mask, struct dpif_flow *);
/* Without key, mask and actions. */
void tw_megaflow_to_terse(const struct tw_megaflow *, struct dpif_flow *);

/* Appends "recirc_id(0),in_port(1),...": 'flow' as far as 'mask' looks. */
void tw_megaflow_format(const struct flow *flow, const struct flow *mask,
                        struct ds *);

#endif /* tw-megaflow-format.h */
