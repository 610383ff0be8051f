/* SPDX-License-Identifier: Apache-2.0 */

/* Ids: drawn when a record is allocated, given back when its memory is free
 * again (ct-conn.c). */

#include <config.h>

#include "ct-id.h"

#include <stdatomic.h>

#include "ct-pages.h"
#include "util.h"

#define N_RANGES (UINT32_MAX / CT_ID_RANGE + 1)

struct ct_id_space {
    uint32_t next;              /* Next range to try; caller's lock. */
    _Atomic uint16_t *in_use;   /* [A] By range.  Untouched pages of the
                                 * mapping take no memory. */
};

static size_t
in_use_size(void)
{
    return N_RANGES * sizeof(_Atomic uint16_t);
}

struct ct_id_space *
ct_id_space_create(void)
{
    struct ct_id_space *space = xzalloc(sizeof *space);

    space->in_use = ct_pages_alloc(in_use_size(), 4096, false);
    if (!space->in_use) {
        out_of_memory();
    }
    return space;
}

void
ct_id_space_destroy(struct ct_id_space *space)
{
    ct_pages_free(CONST_CAST(void *, space->in_use), in_use_size());
    free(space);
}

void
ct_id_refill(struct ct_id_space *space, struct ct_id_range *range)
{
    uint32_t index = space->next;

    for (int i = 0; i < CT_ID_MAX_TRIES; i++) {
        if (!atomic_load_explicit(&space->in_use[index],
                                  memory_order_acquire)) {
            break;
        }
        index = (index + 1) % N_RANGES;
    }
    space->next = (index + 1) % N_RANGES;

    /* Ids count as in use while they wait in the shard's range. */
    range->next = index * CT_ID_RANGE;
    range->left = CT_ID_RANGE;
    if (!range->next) {
        range->next++;
        range->left--;
    }
    atomic_fetch_add_explicit(&space->in_use[index], range->left,
                              memory_order_relaxed);
}

void
ct_id_put(struct ct_id_space *space, uint32_t id)
{
    atomic_fetch_sub_explicit(&space->in_use[id / CT_ID_RANGE], 1,
                              memory_order_release);
}

void
ct_id_space_seek(struct ct_id_space *space, uint32_t range)
{
    space->next = range % N_RANGES;
}
