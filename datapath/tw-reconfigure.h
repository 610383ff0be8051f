/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_RECONFIGURE_H
#define TW_RECONFIGURE_H 1

#include "tw-datapath.h"

/* Reconfiguration: makes threads, queues and devices fit the ports and the
 * configuration that there are now.
 *
 * Under traffic: threads stop twice, for the time that it takes to change
 * their lists, but not while devices are set up.  A port whose device cannot
 * be configured is removed.
 *
 * Main thread only. */
void tw_reconfigure(struct tw_datapath *dp) OVS_REQ_WRLOCK(dp->port_rwlock);

/* True if tw_reconfigure() has something to do. */
bool tw_reconfigure_is_due(const struct tw_datapath *dp)
    OVS_REQ_RDLOCK(dp->port_rwlock);
void tw_reconfigure_wait(const struct tw_datapath *dp)
    OVS_REQ_RDLOCK(dp->port_rwlock);

#endif /* tw-reconfigure.h */
