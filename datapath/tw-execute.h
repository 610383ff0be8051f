/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_EXECUTE_H
#define TW_EXECUTE_H 1

struct dpif_execute;
struct tw_datapath;

/* dpif_execute(): actions on a packet that ofproto made or kept.
 *
 * Runs under the caller's packet thread if it is one of the datapath's, else
 * under the shared one, locked inside.  Output has been sent on return.  The
 * caller keeps 'execute->packet', which is what the actions made of it, unless
 * they dropped it.  Returns positive errno: EINVAL for actions that cannot be
 * executed or a packet of impossible size.  Does nothing for a probe. */
int tw_execute(struct tw_datapath *, struct dpif_execute *);

#endif /* tw-execute.h */
