/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_CHUNK_H
#define CT_CHUNK_H 1

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ovs-thread.h"
#include "util.h"

/* Where records stand: part of ct-conn.c.
 * =======================================
 *
 * What
 * ----
 * A tracker's records stand in one range of addresses, which is reserved when
 * the tracker is made and filled with chunks of 2 MB, from its beginning on.
 * A chunk has records of one kind, and beside them what only maintenance and
 * dumps look at:
 *
 *     header
 *     a line of 'struct ct_chunk_news' for every 256 records (ct-news.h)
 *     times of creation
 *     links of the wheel, unless they stand in the records
 *     records
 *
 * A record's number is its distance from the beginning of the range, in units
 * of 32 bytes: number and address are made from each other without a look at
 * any table.
 *
 * Promises
 * --------
 * - A chunk that was mapped stays, with the same records of the same kind,
 *   until ct_chunks_uninit().  So a number means the same record for ever.
 * - Numbers are under 2^30, never 0.
 *
 * Threads
 * -------
 * ct_chunk_take() and ct_chunk_put_back() under the caller's lock, the others
 * any.
 *
 * Cost
 * ----
 * 32 GB of addresses a tracker (less where the system limits them), which take
 * no memory.  4 bytes and a quarter beside a record, with links 12 and a
 * quarter. */

struct ct_conn;

#define CT_CHUNK_BITS 21
#define CT_CHUNK_SIZE ((size_t) 1 << CT_CHUNK_BITS)

#define CT_NUMBER_SHIFT 5
#define CT_CONN_NUMBER_MAX ((UINT32_C(1) << 30) - 1)
#define CT_CHUNKS_MAX (((size_t) CT_CONN_NUMBER_MAX + 1) \
                       >> (CT_CHUNK_BITS - CT_NUMBER_SHIFT))

/* The records of one 'struct ct_chunk_news': also those that a thread takes
 * at a time, so that threads do not share the line of what is new. */
#define CT_CHUNK_GROUP 256
#define CT_CHUNK_GROUP_WORDS (CT_CHUNK_GROUP / 64)

/* See ct-news.h. */
struct ct_chunk_news {
    OVS_ALIGNED_VAR(CACHE_LINE_SIZE)
    _Atomic uint64_t words[CT_CHUNK_GROUP_WORDS];
};
BUILD_ASSERT_DECL(sizeof(struct ct_chunk_news) == CACHE_LINE_SIZE);

/* Links of the wheel's lists: record numbers, 0 for none (ct-wheel.c). */
struct ct_conn_links {
    uint32_t next, prev;        /* Maintenance thread. */
};

struct ct_chunk {               /* [I] but for 'groups', an atomic. */
    struct ct_chunk *next;      /* For whoever has it ready. */
    _Atomic uint64_t groups;    /* Bit i: group i has news. */
    uint32_t first;             /* Number that a record at offset 0 had. */
    uint32_t stride;
    uint32_t inverse;           /* ceil(2^32 / stride): to divide by it. */
    uint32_t n_records;
    uint32_t kind;              /* enum ct_conn_kind. */

    /* Offsets in the chunk: of what belongs to the first record. */
    uint32_t starts;
    uint32_t links;
    uint32_t links_stride;      /* From one's links to the next one's. */
    uint32_t records;

    OVS_ALIGNED_VAR(CACHE_LINE_SIZE) struct ct_chunk_news news[];
};
BUILD_ASSERT_DECL(sizeof(struct ct_chunk) == CACHE_LINE_SIZE);

/* What a chunk is to hold. */
struct ct_chunk_layout {
    uint32_t kind;              /* enum ct_conn_kind. */
    uint32_t stride;            /* A multiple of 32, at least 128. */
    uint32_t links;             /* Offset of the links in a record; 0: they
                                 * stand beside the records. */
};

/* [I] immutable, [A] atomic, [L] under the caller's lock. */
struct ct_chunks {
    char *base;                 /* [I] */
    uint32_t n_max;             /* [I] Chunks that the range holds. */
    _Atomic uint32_t n;         /* [A] Chunks ever taken.  Written [L]. */
    uint32_t n_back;            /* [L] Chunks given back ... */
    uint32_t back[16];          /* [L] ... these. */
    _Atomic uint64_t news[CT_CHUNKS_MAX / 64];  /* [A] By chunk: has news. */
};

void ct_chunks_init(struct ct_chunks *);
void ct_chunks_uninit(struct ct_chunks *);

/* Records in a chunk of that layout, and bytes that one takes, with what is
 * beside it, in eighths. */
uint32_t ct_chunk_n_records(const struct ct_chunk_layout *);
uint32_t ct_chunk_eighths(const struct ct_chunk_layout *);

/* In two steps, because the second takes long: whose chunk it is, under the
 * lock (false if there is none), and memory for it, zeroed and touched,
 * without.  NULL if there is no memory: the chunk must be put back. */
bool ct_chunk_take(struct ct_chunks *, uint32_t *index);
struct ct_chunk *ct_chunk_map(struct ct_chunks *, uint32_t index,
                              const struct ct_chunk_layout *, bool huge);
void ct_chunk_put_back(struct ct_chunks *, uint32_t index);

static inline struct ct_chunk *
ct_chunk_of(const struct ct_conn *conn)
{
    return (struct ct_chunk *) ((uintptr_t) conn & ~(CT_CHUNK_SIZE - 1));
}

static inline struct ct_chunk *
ct_chunk_at(const struct ct_chunks *chunks, uint32_t index)
{
    return (struct ct_chunk *) (chunks->base
                                + ((size_t) index << CT_CHUNK_BITS));
}

static inline struct ct_conn *
ct_chunk_record(const struct ct_chunk *chunk, uint32_t i)
{
    return (struct ct_conn *) ((char *) chunk + chunk->records
                               + (size_t) i * chunk->stride);
}

/* Which of its chunk 'conn' is. */
static inline uint32_t
ct_chunk_index(const struct ct_chunk *chunk, const struct ct_conn *conn)
{
    uint32_t offset = (uintptr_t) conn & (CT_CHUNK_SIZE - 1);

    /* Exact for multiples of the stride: the error stays below
     * 2^CT_CHUNK_BITS / 2^32. */
    return (uint64_t) (offset - chunk->records) * chunk->inverse >> 32;
}

/* Record numbers. */

static inline uint32_t
ct_chunks_number(const struct ct_chunks *chunks, const struct ct_conn *conn)
{
    return ((const char *) conn - chunks->base) >> CT_NUMBER_SHIFT;
}

static inline struct ct_conn *
ct_chunks_record(const struct ct_chunks *chunks, uint32_t number)
{
    return (struct ct_conn *) (chunks->base
                               + ((size_t) number << CT_NUMBER_SHIFT));
}

#endif /* ct-chunk.h */
