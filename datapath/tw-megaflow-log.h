/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_MEGAFLOW_LOG_H
#define TW_MEGAFLOW_LOG_H 1

struct dp_packet;
struct flow;
struct flow_wildcards;
struct match;
struct tw_actions;
struct tw_datapath;
struct tw_megaflow;

/* Debug messages about changes of megaflows and about upcalls.
 *
 * They go to the log module "dpif_netdev", in the form that the userspace
 * datapath of OVS gives them, because that is the module which operators and
 * scripts turn on to see what a userspace datapath installs.  Cost if off: a
 * test of the level. */

/* 'old' is NULL for a new flow. */
void tw_megaflow_log_change(const struct tw_megaflow *, const struct match *,
                            const struct tw_actions *old,
                            const struct tw_actions *actions);

/* 'type' is dpif_upcall_type_to_string()'s; 'wc' may be NULL. */
void tw_megaflow_log_upcall(const struct tw_datapath *, const char *type,
                            const struct dp_packet *, const struct flow *,
                            const struct flow_wildcards *wc);

#endif /* tw-megaflow-log.h */
