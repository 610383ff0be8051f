/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_COMPILE_H
#define TW_COMPILE_H 1

#include "openvswitch/hmap.h"
#include "tw-program.h"

/* From walks to programs, and a thread's set of them.
 *
 * Threads: a thread's own. */

#define TW_MAX_PROGRAMS 65535

struct tw_programs {
    struct hmap by_chain;               /* Living ones. */
    struct tw_program **by_number;      /* [0] is never used. */
    uint32_t allocated;                 /* Elements of 'by_number'. */
    uint32_t n_numbers;                 /* Numbers ever used, plus 1. */
    uint16_t *free_numbers;             /* A stack. */
    uint32_t n_free, allocated_free;
    uint32_t hand;                      /* The next number to be looked at. */
    struct tw_epoch swept;              /* All were looked at since. */
};

void tw_programs_init(struct tw_programs *);
void tw_programs_uninit(struct tw_programs *);

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

static inline struct tw_program *
tw_programs_get(const struct tw_programs *programs, uint16_t number)
{
    return programs->by_number[number];
}

/* A track or a context names 'program' from now on, or no longer. */
static inline void
tw_program_name(struct tw_program *program)
{
    program->n_names++;
}
void tw_program_unname(struct tw_programs *, uint16_t number);

/* Looks at the next programs, a bounded number: those that are dead let go of
 * their megaflows.  Not while packets are under way. */
void tw_programs_sweep(struct tw_programs *, const struct ct *,
                       const struct tw_epoch *now);

#endif /* tw-compile.h */
