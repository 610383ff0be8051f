/* SPDX-License-Identifier: Apache-2.0 */

/* The set of connections with news: against a model, and with threads. */

#include <config.h>

#include "ct-news.h"

#include "ct-conn.h"
#include "ct-test.h"
#include "ovs-thread.h"

enum { N_CHUNKS = 70 };
static const struct ct_chunk_layout layout = { .stride = 128 };
static struct ct_chunks chunks;

static struct ct_conn *
record(uint64_t r)
{
    const struct ct_chunk *chunk = ct_chunk_at(&chunks, (r >> 32) % N_CHUNKS);

    return ct_chunk_record(chunk, (uint32_t) r % chunk->n_records);
}

static void
test_model(void)
{
    struct ct_news_cursor cursor = { .next = 0 };
    uint64_t seed = 11;
    unsigned int n = 0;

    CHECK(!ct_news_take(&chunks, &cursor));
    for (int i = 0; i < 200000; i++) {
        uint64_t r = ct_test_random(&seed);

        /* For a while more are added, then more taken. */
        if (ct_test_random(&seed) % 8 < (i / 1000 % 2 ? 3 : 5)) {
            struct ct_conn *conn = record(r % 3 ? r : r & 0xff);

            CHECK(ct_news_has(conn) == (conn->mark != 0));
            n += !conn->mark;
            conn->mark = 1;
            ct_news_add(&chunks, conn);
            CHECK(ct_news_has(conn));
        } else {
            struct ct_conn *conn = ct_news_take(&chunks, &cursor);

            CHECK((conn != NULL) == (n > 0));
            if (conn) {
                CHECK(conn->mark);
                CHECK(!ct_news_has(conn));
                conn->mark = 0;
                n--;
            }
        }
    }
    for (; n > 0; n--) {
        struct ct_conn *conn = ct_news_take(&chunks, &cursor);

        CHECK(conn && conn->mark);
        if (conn) {
            conn->mark = 0;
        }
    }
    CHECK(!ct_news_take(&chunks, &cursor));
}

/* Threads write, then add; whoever takes has seen the last of it when all is
 * taken. */
enum { N_WRITERS = 3, N_SHARED = 300, N_WRITES = 200000 };
static _Atomic unsigned int n_writing = N_WRITERS;

static struct ct_conn *
shared(uint64_t r)
{
    uint32_t i = (uint32_t) r % N_SHARED;

    return ct_chunk_record(ct_chunk_at(&chunks, i % 3 * 30), i / 3);
}

static void *
write_main(void *arg)
{
    uint64_t seed = (uintptr_t) arg;

    for (int i = 0; i < N_WRITES; i++) {
        struct ct_conn *conn = shared(ct_test_random(&seed));

        atomic_fetch_add_explicit(&conn->deadline, 1, memory_order_relaxed);
        ct_news_add(&chunks, conn);
    }
    n_writing--;
    return NULL;
}

/* 'stream_at' is what the taker has seen last. */
static unsigned int
take_all(struct ct_news_cursor *cursor)
{
    struct ct_conn *conn;
    unsigned int n = 0;

    while ((conn = ct_news_take(&chunks, cursor)) != NULL) {
        conn->stream_at = atomic_load_explicit(&conn->deadline,
                                               memory_order_relaxed);
        n++;
    }
    return n;
}

static void
test_threads(void)
{
    struct ct_news_cursor cursor = { .next = 0 };
    pthread_t threads[N_WRITERS];
    uint64_t n_taken = 0, n_written = 0;

    for (size_t i = 0; i < N_WRITERS; i++) {
        threads[i] = ovs_thread_create("write", write_main, (void *) (i + 1));
    }
    while (n_writing) {
        n_taken += take_all(&cursor);
    }
    for (size_t i = 0; i < N_WRITERS; i++) {
        xpthread_join(threads[i], NULL);
    }
    n_taken += take_all(&cursor);
    for (uint32_t i = 0; i < N_SHARED; i++) {
        CHECK(shared(i)->stream_at == shared(i)->deadline);
        CHECK(!ct_news_has(shared(i)));
        n_written += shared(i)->deadline;
    }
    CHECK(n_written == N_WRITERS * N_WRITES);
    CHECK(n_taken >= N_SHARED && n_taken <= n_written);
}

int
main(void)
{
    ct_chunks_init(&chunks);
    for (uint32_t i = 0; i < N_CHUNKS; i++) {
        uint32_t index;

        CHECK(ct_chunk_take(&chunks, &index) && index == i);
        CHECK(ct_chunk_map(&chunks, index, &layout, false) != NULL);
    }
    test_model();
    test_threads();
    ct_chunks_uninit(&chunks);
    return ct_test_end("ct-news");
}
