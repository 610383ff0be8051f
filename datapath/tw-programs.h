/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_PROGRAMS_H
#define TW_PROGRAMS_H 1

#include "openvswitch/hmap.h"
#include "tw-program.h"

/* A thread's set of programs: by the chain of megaflows that they were made
 * for, and by the number that tracks name them by.
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

/* For tw-compile.c. */

/* False if all numbers are taken. */
bool tw_programs_has_room(const struct tw_programs *);
/* Gives 'program', whose chain has 'hash', a number. */
void tw_programs_add(struct tw_programs *, struct tw_program *,
                     uint32_t hash);
void tw_program_unref_flows(struct tw_program *);

#endif /* tw-programs.h */
