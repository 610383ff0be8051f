/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_MEGAFLOW_H
#define TW_MEGAFLOW_H 1

#include "cmap.h"
#include "dpif.h"
#include "openvswitch/match.h"
#include "ovs-rcu.h"
#include "packets.h"

#include "tw-actions.h"

struct tw_datapath;
struct tw_thread;

/* Megaflows: put, modify, get, delete, dump, statistics.
 *
 * All threads share one table; flows are reported with pmd id
 * NON_PMD_CORE_ID.  A flow is reachable under RCU from the lookup and from
 * the ufid map until it is deleted; 'dead' is set before, so that what
 * remembers flows (tracks) notices.  Statistics are per flow, split by thread
 * so that threads share no written cache line, and summed when asked. */
struct tw_megaflow;

/* Called when the datapath is created, and when nothing can reach it any
 * more: 'flow_mutex', 'megaflows' and 'lookup' of the datapath. */
void tw_megaflow_init(struct tw_datapath *);
void tw_megaflow_uninit(struct tw_datapath *);

/* As DPIF_OP_FLOW_PUT/DEL/GET; return positive errno (EEXIST, ENOENT, EINVAL,
 * EOVERFLOW, ENOSPC). */
int tw_megaflow_put(struct tw_datapath *, const struct dpif_flow_put *);
int tw_megaflow_del(struct tw_datapath *, const struct dpif_flow_del *);
int tw_megaflow_get(struct tw_datapath *, const struct dpif_flow_get *);
void tw_megaflow_flush(struct tw_datapath *);
size_t tw_megaflow_count(const struct tw_datapath *);
uint64_t tw_megaflow_n_masks(const struct tw_datapath *);

/* Dump: a shared position, several threads. */
struct tw_megaflow_dump;
struct tw_megaflow_dump *tw_megaflow_dump_create(struct tw_datapath *,
                                                 bool terse);
/* Fills up to 'max' of 'flows', whose key, mask and actions point into
 * 'buffer' (reused by the next call of this thread). */
struct tw_dump_buffer;
struct tw_dump_buffer *tw_dump_buffer_create(void);
void tw_dump_buffer_destroy(struct tw_dump_buffer *);
int tw_megaflow_dump_next(struct tw_megaflow_dump *, struct tw_dump_buffer *,
                          struct dpif_flow *flows, int max);
int tw_megaflow_dump_destroy(struct tw_megaflow_dump *);

/* dpif_execute(): 'execute' on the non-PMD thread, with RCU and lock taken
 * inside. */
int tw_execute(struct tw_datapath *, struct dpif_execute *);

#endif /* tw-megaflow.h */
