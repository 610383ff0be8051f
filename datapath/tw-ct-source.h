/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_CT_SOURCE_H
#define TW_CT_SOURCE_H 1

struct ct;
struct ds;
struct tw_ct_source;

/* The active side of a hot standby (tw-ct-sync.h): tells whoever connects of
 * all connections, and of what becomes of them.
 *
 * For each standby TW_CT_SOURCE_ROOM bytes of changes wait at most, and as
 * many again on their way: when it does not read fast enough, changes are
 * lost, counted, and a new bulk begins.
 *
 * Threads: the main thread. */

#define TW_CT_SOURCE_ROOM (16 * 1024 * 1024)
#define TW_CT_SOURCE_MAX_CLIENTS 4

/* Returns NULL, or what is wrong, which the caller frees.  If this host does
 * not have the address 'listen' yet, it is tried again until it has. */
char *tw_ct_source_create(struct ct *, const char *listen,
                          struct tw_ct_source **);
void tw_ct_source_destroy(struct tw_ct_source *);       /* Accepts NULL. */
const char *tw_ct_source_name(const struct tw_ct_source *);
void tw_ct_source_run(struct tw_ct_source *);
void tw_ct_source_wait(struct tw_ct_source *);
void tw_ct_source_format(const struct tw_ct_source *, struct ds *);

#endif /* tw-ct-source.h */
