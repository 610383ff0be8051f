/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_CT_SERVER_H
#define TW_CT_SERVER_H 1

#include <sys/types.h>

struct ct;

/* The socket at which trackers can be asked.
 * ===========================================
 *
 * What
 * ----
 * One thread that listens on a local stream socket and answers requests
 * (ct-query.h) about the trackers that were added, each under the name of its
 * datapath.  A request that names none (CT_NLA_DATAPATH) is about the only one
 * there is.  trackway-ct(8) is at the other end.
 *
 * Who may do what
 * ---------------
 * The mode of the socket says who may open it.  Of those root and the user
 * that the daemon runs as may change things, by the credentials that the
 * kernel reports (SO_PEERCRED of unix(7)); all others may only look.
 *
 * Promises
 * --------
 * - Neither the main thread nor a packet thread waits for a client, or does
 *   any of its work.
 * - A client costs TW_CT_CLIENT_MEMORY bytes, however many connections it asks
 *   about: an answer that is not read is not continued.  What is said of
 *   expectations is as long as one zone's.  One that is told events costs
 *   CT_QUERY_EVENT_ROOM more, and as much again while it is told them.
 * - Clients take turns.  Of TW_CT_MAX_CLIENTS one that is silent makes room
 *   for another.
 *
 * Threads: main thread.  tw_ct_server_add() and tw_ct_server_remove() may be
 * called when there is no server, and wait for no more than one turn of it. */

#define TW_CT_SOCKET "trackway-ct.sock"     /* In OVS's run directory. */
#define TW_CT_SOCKET_MODE 0660
#define TW_CT_MAX_CLIENTS 64
#define TW_CT_CLIENT_MEMORY (256 * 1024)

/* At 'path', or the default if it is NULL.  Returns 0 or a positive errno
 * value, which is logged. */
int tw_ct_server_start(const char *path, mode_t mode);
void tw_ct_server_stop(void);

void tw_ct_server_add(const char *name, struct ct *);
/* Its queries are over when this returns; their clients get ENODEV. */
void tw_ct_server_remove(struct ct *);

#endif /* tw-ct-server.h */
