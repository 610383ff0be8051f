/* SPDX-License-Identifier: Apache-2.0 */

/* Chunks: places, numbers, and what happens without memory or addresses. */

#include <config.h>

#include "ct-chunk.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ct-conn.h"
#include "ct-test.h"

static const struct ct_chunk_layout layouts[] = {
    { .kind = 0, .stride = 128 },
    { .kind = 1, .stride = 160, .links = 152 },
    { .kind = 2, .stride = 224, .links = 216 },
};

/* Nothing overlaps: each part of a chunk is written and found again. */
static void
test_places(const struct ct_chunk_layout *layout, bool huge)
{
    struct ct_chunks *chunks = xmalloc(sizeof *chunks);
    uint32_t index;

    ct_chunks_init(chunks);
    CHECK(ct_chunk_take(chunks, &index) && index == 0);
    CHECK(ct_chunk_take(chunks, &index) && index == 1);
    struct ct_chunk *chunk = ct_chunk_map(chunks, index, layout, huge);
    CHECK(chunk && chunk == ct_chunk_at(chunks, 1));
    CHECK(chunk->n_records == ct_chunk_n_records(layout));
    CHECK(chunk->n_records
          > CT_CHUNK_SIZE * 8 / ct_chunk_eighths(layout) * 999 / 1000);
    CHECK(chunk->records % (2 * CACHE_LINE_SIZE) == 0);

    for (uint32_t i = 0; i < chunk->n_records; i++) {
        struct ct_conn *conn = ct_chunk_record(chunk, i);

        CHECK(ct_chunk_of(conn) == chunk);
        CHECK(ct_chunk_index(chunk, conn) == i);
        memset(conn, i, layout->links ? layout->links : layout->stride);
        *ct_conn_start(conn) = i;
        ct_conn_links(conn)->next = i + 1;
        ct_conn_links(conn)->prev = i + 2;
        chunk->news[i / CT_CHUNK_GROUP].words[i % CT_CHUNK_GROUP / 64] = i;
    }
    for (uint32_t i = 0; i < chunk->n_records; i++) {
        struct ct_conn *conn = ct_chunk_record(chunk, i);
        uint32_t number = ct_chunks_number(chunks, conn);

        CHECK(*(unsigned char *) conn == (unsigned char) i);
        CHECK(*ct_conn_start(conn) == i);
        CHECK(ct_conn_links(conn)->next == i + 1);
        CHECK(ct_conn_links(conn)->prev == i + 2);
        CHECK(number && number <= CT_CONN_NUMBER_MAX);
        CHECK(number == ct_conn_number(conn));
        CHECK(ct_chunks_record(chunks, number) == conn);
    }
    CHECK(chunk->stride == layout->stride && chunk->kind == layout->kind);
    ct_chunks_uninit(chunks);
    free(chunks);
}

/* One that is unmapped comes again first, with zeroes. */
static void
test_unmap(void)
{
    struct ct_chunks *chunks = xmalloc(sizeof *chunks);
    struct ct_chunk *chunk[3];
    uint32_t index;

    ct_chunks_init(chunks);
    for (size_t i = 0; i < ARRAY_SIZE(chunk); i++) {
        CHECK(ct_chunk_take(chunks, &index) && index == i);
        chunk[i] = ct_chunk_map(chunks, index, &layouts[0], false);
    }
    memset(ct_chunk_record(chunk[1], 5), 1, 128);
    ct_chunk_unmap(chunks, chunk[1]);
    CHECK(ct_chunk_take(chunks, &index) && index == 1);
    CHECK(ct_chunk_map(chunks, index, &layouts[1], false) == chunk[1]);
    CHECK(!ct_chunk_record(chunk[1], 4)->deadline);
    CHECK(chunk[1]->kind == 1);
    CHECK(ct_chunk_take(chunks, &index) && index == 3);
    ct_chunk_put_back(chunks, index);
    CHECK(ct_chunk_take(chunks, &index) && index == 3);
    ct_chunks_uninit(chunks);
    free(chunks);
}

static size_t
address_space(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    if (f) {
        CHECK(fscanf(f, "%lu", &pages) == 1);
        fclose(f);
    }
    return pages * sysconf(_SC_PAGESIZE);
}

/* A process that may have only so many addresses has fewer chunks, and all of
 * them. */
static void
test_limited(void)
{
    struct ct_chunks *chunks = xmalloc(sizeof *chunks);
    struct rlimit limit, less;
    uint32_t index, n = 0;

    getrlimit(RLIMIT_AS, &limit);
    less = limit;
    less.rlim_cur = address_space() + 400 * 1024 * 1024;
    CHECK(!setrlimit(RLIMIT_AS, &less));
    ct_chunks_init(chunks);
    CHECK(chunks->n_max >= 32 && chunks->n_max <= 200);
    while (ct_chunk_take(chunks, &index)) {
        CHECK(ct_chunk_map(chunks, index, &layouts[0], false) != NULL);
        n++;
    }
    CHECK(n == chunks->n_max);
    ct_chunks_uninit(chunks);
    CHECK(!setrlimit(RLIMIT_AS, &limit));
    free(chunks);
}

int
main(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
        test_places(&layouts[i], false);
        test_places(&layouts[i], true);
    }
    test_unmap();
    test_limited();
    return ct_test_end("ct-chunk");
}
