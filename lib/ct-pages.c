/* SPDX-License-Identifier: Apache-2.0 */

/* Memory of records (ct-conn.c), ids (ct-id.c) and large tables
 * (ct-table.c). */

#include <config.h>

#include "ct-pages.h"

#include <stdint.h>
#include <sys/mman.h>

#include "util.h"

void *
ct_pages_alloc(size_t size, size_t align, bool huge)
{
    /* As much more as alignment may cost, cut off again. */
    size_t surplus = align > 4096 ? align : 0;
    char *map = mmap(NULL, size + surplus, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        return NULL;
    }

    size_t before = -(uintptr_t) map & (align - 1);
    if (before) {
        munmap(map, before);
    }
    if (surplus > before) {
        munmap(map + before + size, surplus - before);
    }
    map += before;
#if defined(MADV_HUGEPAGE) && defined(MADV_NOHUGEPAGE)
    madvise(map, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
#endif
    return map;
}

void
ct_pages_free(void *pages, size_t size)
{
    if (pages) {
        munmap(pages, size);
    }
}
