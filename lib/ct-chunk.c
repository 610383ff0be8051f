/* SPDX-License-Identifier: Apache-2.0 */

/* Memory of records, 2 MB at a time: for ct-conn.c, which shares it out. */

#include <config.h>

#include "ct-chunk.h"

#include <errno.h>

#include "ct-pages.h"
#include "openvswitch/vlog.h"

VLOG_DEFINE_THIS_MODULE(ct_chunk);

/* Fewer are not worth a tracker: 64 MB. */
#define MIN_CHUNKS 32

static uint32_t n_groups(uint32_t n_records);

void
ct_chunks_init(struct ct_chunks *chunks)
{
    memset(chunks, 0, sizeof *chunks);

    /* A process may be limited in its addresses. */
    for (chunks->n_max = CT_CHUNKS_MAX; ; chunks->n_max /= 2) {
        if (chunks->n_max < MIN_CHUNKS) {
            out_of_memory();
        }
        chunks->base = ct_pages_reserve(chunks->n_max * CT_CHUNK_SIZE,
                                        CT_CHUNK_SIZE);
        if (chunks->base) {
            break;
        }
    }
}

void
ct_chunks_uninit(struct ct_chunks *chunks)
{
    ct_pages_free(chunks->base, chunks->n_max * CT_CHUNK_SIZE);
}

/* Beside the records stand a header, eighths of a byte, and gaps: the group
 * that is not full, and what aligns the records. */
uint32_t
ct_chunk_n_records(const struct ct_chunk_layout *layout)
{
    size_t space = (CT_CHUNK_SIZE - sizeof(struct ct_chunk)
                    - sizeof(struct ct_chunk_news) - 2 * CACHE_LINE_SIZE);

    return space * 8 / ct_chunk_eighths(layout);
}

uint32_t
ct_chunk_eighths(const struct ct_chunk_layout *layout)
{
    uint32_t bytes = (layout->stride + sizeof(uint32_t)
                      + (layout->links ? 0 : sizeof(struct ct_conn_links)));

    return bytes * 8 + sizeof(struct ct_chunk_news) * 8 / CT_CHUNK_GROUP;
}

bool
ct_chunk_take(struct ct_chunks *chunks, uint32_t *index)
{
    uint32_t n = atomic_load_explicit(&chunks->n, memory_order_relaxed);

    if (chunks->n_back) {
        *index = chunks->back[--chunks->n_back];
        return true;
    }
    if (n == chunks->n_max) {
        return false;
    }
    *index = n;
    atomic_store_explicit(&chunks->n, n + 1, memory_order_relaxed);
    return true;
}

/* The kernel takes 0.1 ms and more to clear a huge page. */
struct ct_chunk *
ct_chunk_map(struct ct_chunks *chunks, uint32_t index,
             const struct ct_chunk_layout *layout, bool huge)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
    struct ct_chunk *chunk = ct_chunk_at(chunks, index);
    int error = ct_pages_use(chunk, CT_CHUNK_SIZE, huge);

    if (error) {
        VLOG_ERR_RL(&rl, "no memory for connections: %s",
                    ovs_strerror(error));
        return NULL;
    }
    if (huge) {
        ct_pages_touch(chunk, CT_CHUNK_SIZE);
    }

    uint32_t n = ct_chunk_n_records(layout);
    uint32_t place = (sizeof *chunk
                      + n_groups(n) * sizeof(struct ct_chunk_news));
    chunk->first = (size_t) index << (CT_CHUNK_BITS - CT_NUMBER_SHIFT);
    chunk->stride = layout->stride;
    chunk->inverse = UINT32_MAX / layout->stride + 1;
    chunk->n_records = n;
    chunk->kind = layout->kind;
    chunk->links = place;
    chunk->links_stride = sizeof(struct ct_conn_links);
    place += layout->links ? 0 : n * sizeof(struct ct_conn_links);
    chunk->starts = place;
    place += n * sizeof(uint32_t);
    /* In pairs of cache lines, which processors fetch together. */
    chunk->records = ROUND_UP(place, 2 * CACHE_LINE_SIZE);
    if (layout->links) {
        chunk->links = chunk->records + layout->links;
        chunk->links_stride = layout->stride;
    }
    ovs_assert(chunk->records + n * chunk->stride <= CT_CHUNK_SIZE);
    return chunk;
}

/* Without memory there are not many: more than fit are never used. */
void
ct_chunk_put_back(struct ct_chunks *chunks, uint32_t index)
{
    if (chunks->n_back < ARRAY_SIZE(chunks->back)) {
        chunks->back[chunks->n_back++] = index;
    }
}

static uint32_t
n_groups(uint32_t n_records)
{
    uint32_t n = DIV_ROUND_UP(n_records, CT_CHUNK_GROUP);

    ovs_assert(n <= 64);        /* Bits of 'groups'. */
    return n;
}
