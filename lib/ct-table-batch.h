/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_TABLE_BATCH_H
#define CT_TABLE_BATCH_H 1

#include "ct-table-private.h"

/* Lookup of a batch in a table.
 * =============================
 *
 * What
 * ----
 * A lookup waits for memory twice: for the bucket and for the record.  For a
 * batch of packets the waits overlap:
 *
 *     for each packet: bucket[i] = ct_table_prefetch_bucket(table, hash[i]);
 *     for each packet: candidate[i] = ct_table_prefetch_record(bucket[i],
 *                                                              hash[i]);
 *     for the few without: bucket[i] = ct_table_prefetch_next(bucket[i]);
 *     for those: candidate[i] = ct_table_prefetch_record(bucket[i], hash[i]);
 *     for each packet:
 *         conn = ct_table_candidate(candidate[i], ...);
 *         if (!conn || it has ended meanwhile) {
 *             conn = ct_table_find(table, ...);
 *         }
 *
 * Promises
 * --------
 * What ct_table_candidate() returns has the tuple that is asked for, and was
 * in the table at the time of ct_table_prefetch_record().  That it returns
 * NULL means nothing.
 *
 * Threads: any, in one RCU read-side section from the first step to the
 * last. */

static inline const struct ct_bucket *
ct_table_prefetch_bucket(const struct ct_table *table, uint64_t hash)
{
    uint32_t index = ct_table_index__(hash, ct_table_n__(table));
    const struct ct_bucket *bucket = ct_table_bucket__(table, index);

    __builtin_prefetch(bucket);
    return bucket;
}

/* A candidate, or 0. */
static inline uint64_t
ct_table_prefetch_record(const struct ct_bucket *bucket, uint64_t hash)
{
    uint64_t meta = ct_bucket_meta(bucket);
    uint64_t match = ct_meta_match(meta, ct_hash_tag(hash));

    for (; match; match &= match - 1) {
        uint64_t entry = ct_bucket_entry(bucket, ct_meta_first(match));

        if (OVS_LIKELY(!ct_entry_differs(entry, hash)
                       && !(entry & CT_ENTRY_LINK))) {
            const char *record = (const char *) ct_entry_conn(entry);

            __builtin_prefetch(record, 1);
            __builtin_prefetch(record + CACHE_LINE_SIZE, 1);
            if (entry & (CT_ENTRY_NAT | CT_ENTRY_IPV6)) {
                __builtin_prefetch(record + 2 * CACHE_LINE_SIZE);
            }
            return entry;
        }
    }
    return 0;
}

/* The bucket behind 'bucket', which had no candidate, or NULL. */
static inline const struct ct_bucket *
ct_table_prefetch_next(const struct ct_bucket *bucket)
{
    const struct ct_bucket *next = NULL;

    if (OVS_UNLIKELY(ct_bucket_meta(bucket) & CT_META_LINK)) {
        next = ct_bucket_next(bucket);
        __builtin_prefetch(next);
    }
    return next;
}

static inline bool
ct_addrs6_equal__(const struct ct_conn *conn, enum ct_dir place,
                  const union ct_inet_addr *src,
                  const union ct_inet_addr *dst)
{
    const struct ct_conn_addrs6 *addrs = ct_conn_addrs6(conn, place);

    return (!memcmp(&addrs->src, src, sizeof addrs->src)
            && !memcmp(&addrs->dst, dst, sizeof addrs->dst));
}

/* What is looked for. */
struct ct_table_query {
    const struct ct_tuple *tuple;
    const struct ct_key *key;
    const struct ct_key *inverse;
    bool both;                  /* Also where the inverse is translated. */
};

/* Does 'entry' stand for a connection with the tuple that is asked for?  No
 * branch on the direction, which nobody can predict. */
static inline bool
ct_entry_matches__(uint64_t entry, const struct ct_table_query *query,
                   enum ct_dir *dir)
{
    const struct ct_conn *conn = ct_entry_conn(entry);
    enum ct_dir place = entry & CT_ENTRY_REPLY ? CT_DIR_REPLY
                                               : CT_DIR_ORIGINAL;
    const struct ct_key *key = (OVS_LIKELY(place == CT_DIR_ORIGINAL)
                                ? &conn->key : &ct_conn_nat(conn)->reply_key);
    bool ahead = ct_key_equal(key, query->key);
    bool back = ((!(entry & CT_ENTRY_NAT) | query->both)
                 & ct_key_equal(key, query->inverse));

    if (OVS_UNLIKELY(!(ahead | back))) {
        return false;
    }
    if (ct_tuple_is_ipv6(query->tuple)) {
        const union ct_inet_addr *src = &query->tuple->src;
        const union ct_inet_addr *dst = &query->tuple->dst;

        ahead = ahead && ct_addrs6_equal__(conn, place, src, dst);
        back = !ahead && back && ct_addrs6_equal__(conn, place, dst, src);
        if (!(ahead | back)) {
            return false;
        }
    }
    *dir = place ^ !ahead;
    return true;
}

static inline struct ct_conn *
ct_table_candidate(uint64_t candidate, const struct ct_tuple *tuple,
                   const struct ct_key *key, const struct ct_key *inverse,
                   enum ct_dir *dir)
{
    const struct ct_table_query query = {
        .tuple = tuple, .key = key, .inverse = inverse, .both = false,
    };

    return (OVS_LIKELY(candidate) && ct_entry_matches__(candidate, &query, dir)
            ? ct_entry_conn(candidate)
            : NULL);
}

#endif /* ct-table-batch.h */
