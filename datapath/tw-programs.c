/* SPDX-License-Identifier: Apache-2.0 */

/* A thread's set of programs.  Called by tw-compile, which makes them, and by
 * tw-cache and tw-learn, whose tracks name them. */

#include <config.h>

#include "tw-programs.h"

#include "tw-megaflow.h"
#include "util.h"

/* Programs looked at in one sweep. */
#define SWEEP 64

static bool is_buried(const struct tw_program *);
static void bury(struct tw_programs *, struct tw_program *);
static void add_number(struct tw_programs *, struct tw_program *);
static void free_program(struct tw_programs *, struct tw_program *);

void
tw_programs_init(struct tw_programs *programs)
{
    memset(programs, 0, sizeof *programs);
    hmap_init(&programs->by_chain);
    programs->n_numbers = 1;
}

void
tw_programs_uninit(struct tw_programs *programs)
{
    for (uint32_t i = 1; i < programs->n_numbers; i++) {
        struct tw_program *program = programs->by_number[i];

        if (program) {
            tw_program_unref_flows(program);
            free_cacheline(program);
        }
    }
    free(programs->by_number);
    free(programs->free_numbers);
    hmap_destroy(&programs->by_chain);
}

bool
tw_programs_has_room(const struct tw_programs *programs)
{
    return programs->n_free || programs->n_numbers <= TW_MAX_PROGRAMS;
}

void
tw_programs_add(struct tw_programs *programs, struct tw_program *program,
                uint32_t hash)
{
    add_number(programs, program);
    hmap_insert(&programs->by_chain, &program->node, hash);
}

void
tw_program_unname(struct tw_programs *programs, uint16_t number)
{
    struct tw_program *program = programs->by_number[number];

    program->n_names--;
    if (!program->n_names && is_buried(program)) {
        free_program(programs, program);
    }
}

void
tw_programs_sweep(struct tw_programs *programs, const struct ct *ct,
                  const struct tw_epoch *now)
{
    if (!programs->hand && tw_epoch_equals(&programs->swept, now)) {
        return;
    }
    for (unsigned int i = 0; i < SWEEP; i++) {
        struct tw_program *program;

        if (++programs->hand >= programs->n_numbers) {
            programs->hand = 0;
            programs->swept = *now;
            return;
        }
        program = programs->by_number[programs->hand];
        if (program && !is_buried(program)
            && !tw_program_is_valid(program, ct, now)) {
            bury(programs, program);
        }
    }
}

void
tw_program_unref_flows(struct tw_program *program)
{
    for (unsigned int i = 0; i < program->n_flows; i++) {
        tw_megaflow_unref(program->flows[i].flow);
    }
    program->n_flows = 0;
}

/* A dead program that has let go of its megaflows. */
static bool
is_buried(const struct tw_program *program)
{
    return hmap_node_is_null(&program->node);
}

static void
bury(struct tw_programs *programs, struct tw_program *program)
{
    hmap_remove(&programs->by_chain, &program->node);
    hmap_node_nullify(&program->node);
    tw_program_unref_flows(program);
    if (!program->n_names) {
        free_program(programs, program);
    }
}

static void
add_number(struct tw_programs *programs, struct tw_program *program)
{
    if (programs->n_free) {
        program->number = programs->free_numbers[--programs->n_free];
    } else {
        if (programs->n_numbers >= programs->allocated) {
            programs->allocated = MAX(64, 2 * programs->allocated);
            programs->by_number = xrealloc(programs->by_number,
                                           programs->allocated
                                           * sizeof *programs->by_number);
        }
        program->number = programs->n_numbers++;
    }
    programs->by_number[program->number] = program;
}

static void
free_program(struct tw_programs *programs, struct tw_program *program)
{
    if (programs->n_free >= programs->allocated_free) {
        programs->allocated_free = MAX(64, 2 * programs->allocated_free);
        programs->free_numbers = xrealloc(programs->free_numbers,
                                          programs->allocated_free
                                          * sizeof *programs->free_numbers);
    }
    programs->free_numbers[programs->n_free++] = program->number;
    programs->by_number[program->number] = NULL;
    free_cacheline(program);
}
