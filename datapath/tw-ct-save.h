/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_CT_SAVE_H
#define TW_CT_SAVE_H 1

#include <stdbool.h>

struct tw_datapath;

/* Connections that survive a restart of the daemon.
 * ==================================================
 *
 * With other_config:ct-persist=true a datapath's connections are saved
 * (ct-save.h) when the daemon ends ("ovs-appctl exit"; with --cleanup the
 * datapath ends, too, and its connections with it), and loaded by the first
 * configuration that says so.  They stand in trackway-NAME.ct in OVS's run
 * directory, which a reboot of the machine empties.  The file is removed once
 * it has been read, so that a crash later brings back no connections of long
 * ago; one that is damaged is kept as trackway-NAME.ct.bad, and the datapath
 * begins empty.
 *
 * What happened is logged.  Threads: the main thread. */

void tw_ct_save_set(struct tw_datapath *, bool persist);
/* Of all datapaths.  The daemon ends: bridges are gone, datapaths are not. */
void tw_ct_save_all(void);

#endif /* tw-ct-save.h */
