/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_CT_FILE_H
#define TW_CT_FILE_H 1

#include <stdbool.h>

#include "ct-save.h"

struct tw_datapath;

/* Files of connections (ct-save.h), beside the main loop.
 * ========================================================
 *
 * What a command saves or loads is saved or loaded by a thread of its own: a
 * million connections take a second, and a disk that is busy can make whoever
 * waits for it wait for many.  There is one at a time for a datapath.
 *
 * Threads: the main thread calls these functions, and is the one that 'done'
 * is called in. */

typedef char *tw_ct_file_func(struct ct *, const char *path,
                              struct ct_save_result *);
/* 'error' is NULL if all went well. */
typedef void tw_ct_file_done(void *aux, const char *error,
                             const struct ct_save_result *);

/* 'func' is ct_save() or ct_load().  False, and nothing happens: another one
 * is at work. */
bool tw_ct_file_start(struct tw_datapath *, tw_ct_file_func *,
                      const char *path, tw_ct_file_done *, void *aux);
/* In the main loop, for all datapaths. */
void tw_ct_file_run(void);
void tw_ct_file_wait(void);

/* Waits until none is at work for 'dp', or, if that is NULL, for any. */
void tw_ct_file_finish(const struct tw_datapath *dp);

#endif /* tw-ct-file.h */
