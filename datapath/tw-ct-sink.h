/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_CT_SINK_H
#define TW_CT_SINK_H 1

struct ct;
struct ds;
struct tw_ct_sink;

/* The standby's side (tw-ct-sync.h): connects, again and again if need be, and
 * makes what it is told the tracker's.
 *
 * Threads: the main thread. */

#define TW_CT_SINK_RETRY_MS 1000

/* NULL: the tracker has a replica already. */
struct tw_ct_sink *tw_ct_sink_create(struct ct *, const char *connect);
void tw_ct_sink_destroy(struct tw_ct_sink *);           /* Accepts NULL. */
const char *tw_ct_sink_name(const struct tw_ct_sink *);
void tw_ct_sink_run(struct tw_ct_sink *);
void tw_ct_sink_wait(struct tw_ct_sink *);
void tw_ct_sink_format(const struct tw_ct_sink *, struct ds *);

#endif /* tw-ct-sink.h */
