/* SPDX-License-Identifier: Apache-2.0 */

/* Step "commit", what the same source has: called by ct-nat-search.c when it
 * chooses, and by ct-nat.c when a connection ends. */

#include <config.h>

#include "ct-nat-source.h"

#include <stdatomic.h>
#include <string.h>

#include "hash.h"
#include "util.h"

struct ct_nat_sources {
    struct ct_conn *_Atomic places[CT_NAT_N_SOURCES];   /* [A] */
};

static size_t place(uint16_t zone, const struct ct_tuple *original);
static size_t place_of_conn(const struct ct_conn *);

struct ct_nat_sources *
ct_nat_sources_create(void)
{
    return xcalloc(1, sizeof(struct ct_nat_sources));
}

void
ct_nat_sources_destroy(struct ct_nat_sources *sources)
{
    free(sources);
}

const struct ct_conn *
ct_nat_source_find(const struct ct_nat_sources *sources, uint16_t zone,
                   const struct ct_tuple *original)
{
    /* Pairs with ct_nat_source_remember(). */
    const struct ct_conn *conn = atomic_load_explicit(
        &sources->places[place(zone, original)], memory_order_acquire);
    struct ct_tuple t;

    if (!conn || conn->key.zone != zone) {
        return NULL;
    }
    ct_conn_tuple(conn, CT_DIR_ORIGINAL, &t);
    return (!memcmp(&t.src, &original->src, sizeof t.src)
            && t.src_port == original->src_port
            && t.proto == original->proto
            && t.kind == original->kind ? conn : NULL);
}

void
ct_nat_source_remember(struct ct_nat_sources *sources, struct ct_conn *conn)
{
    atomic_store_explicit(&sources->places[place_of_conn(conn)], conn,
                          memory_order_release);
}

void
ct_nat_source_forget(struct ct_nat_sources *sources, struct ct_conn *conn)
{
    struct ct_conn *expected = conn;

    atomic_compare_exchange_strong(&sources->places[place_of_conn(conn)],
                                   &expected, NULL);
}

static size_t
place(uint16_t zone, const struct ct_tuple *original)
{
    uint32_t rest = (OVS_FORCE uint32_t) original->src_port << 16 | zone;

    return hash_bytes(&original->src, sizeof original->src,
                      hash_2words(rest, original->proto)) % CT_NAT_N_SOURCES;
}

static size_t
place_of_conn(const struct ct_conn *conn)
{
    struct ct_tuple original;

    ct_conn_tuple(conn, CT_DIR_ORIGINAL, &original);
    return place(conn->key.zone, &original);
}
