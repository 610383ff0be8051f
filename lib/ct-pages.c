/* SPDX-License-Identifier: Apache-2.0 */

/* Memory of records (ct-chunk.c), ids (ct-id.c) and large tables
 * (ct-table.c). */

#include <config.h>

#include "ct-pages.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

#include "util.h"

static void *map_aligned(size_t size, size_t align, int protection);
static void advise(void *, size_t size, bool huge);

void *
ct_pages_alloc(size_t size, size_t align, bool huge)
{
    void *pages = map_aligned(size, align, PROT_READ | PROT_WRITE);

    if (pages) {
        advise(pages, size, huge);
    }
    return pages;
}

void
ct_pages_free(void *pages, size_t size)
{
    if (pages) {
        munmap(pages, size);
    }
}

void *
ct_pages_reserve(size_t size, size_t align)
{
    return map_aligned(size, align, PROT_NONE);
}

int
ct_pages_use(void *pages, size_t size, bool huge)
{
    if (mprotect(pages, size, PROT_READ | PROT_WRITE)) {
        return errno;
    }
    advise(pages, size, huge);
    return 0;
}

void
ct_pages_touch(void *pages, size_t size)
{
    for (size_t i = 0; i < size; i += 4096) {
        ((volatile char *) pages)[i] = 0;
    }
}

static void *
map_aligned(size_t size, size_t align, int protection)
{
    /* As much more as alignment may cost, cut off again. */
    size_t surplus = align > 4096 ? align : 0;
    char *map = mmap(NULL, size + surplus, protection,
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
    return map + before;
}

static void
advise(void *pages OVS_UNUSED, size_t size OVS_UNUSED, bool huge OVS_UNUSED)
{
#if defined(MADV_HUGEPAGE) && defined(MADV_NOHUGEPAGE)
    madvise(pages, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
#endif
}
