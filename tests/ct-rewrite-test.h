/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_REWRITE_TEST_H
#define CT_REWRITE_TEST_H 1

#include "ct-nat.h"
#include "ct-rewrite.h"
#include "dp-packet.h"

/* A connection whose packets of tuple 'original' become 'to'. */
static inline struct ct_conn *
ct_rewrite_conn(struct ct_conn_memory *memory,
                const struct ct_tuple *original, const struct ct_tuple *to)
{
    struct ct_tuple reply;
    struct ct_conn *conn;

    ct_tuple_invert(to, &reply);
    conn = ct_conn_alloc(memory, 0, original, &reply);
    ct_nat_prepare(conn, &reply);
    return conn;
}

/* Translates the IP packet of 'len' bytes at 'p'. */
static inline bool
ct_rewrite_bytes(const struct ct_conn *conn, enum ct_dir dir, uint8_t *p,
                 size_t l4_ofs, size_t len)
{
    struct dp_packet b;

    memset(&b, 0, sizeof b);
    return ct_rewrite_packet(conn, dir, &b, p, p + l4_ofs, len - l4_ofs);
}

#endif /* ct-rewrite-test.h */
