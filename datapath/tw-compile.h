/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_COMPILE_H
#define TW_COMPILE_H 1

#include "tw-programs.h"

/* From walks to programs.
 *
 * Threads: a thread's own. */

/* What a walk was taken down of. */
struct tw_walk_source {
    const struct tw_thread *thread;
    const struct ct *ct;
    struct tw_epoch epoch;          /* Before it began. */
    const struct tw_track_key *key;
};

/* The program for 'walk': one that exists, or a new one.  NULL, with a reason
 * in '*why', if there can be none. */
struct tw_program *tw_compile(struct tw_programs *, const struct tw_walk *,
                              const struct tw_walk_source *,
                              enum tw_refusal *why);

#endif /* tw-compile.h */
