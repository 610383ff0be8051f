/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_ZONE_H
#define CT_ZONE_H 1

#include "ct-conn.h"
#include "ct-table.h"
#include "ovs-rcu.h"

struct ct;

/* A zone: its table, count, limit and timeouts.
 * =============================================
 *
 * Comes into being with its first commit, limit or policy; an unused zone
 * costs one pointer.  Reached under RCU.  Flushing a zone detaches its table
 * at once; the old one is emptied by the maintenance thread and freed after a
 * grace period. */
struct ct_zone {
    uint16_t id;                            /* [I] */
    OVSRCU_TYPE(struct ct_table *) table;   /* [R] */
    _Atomic uint32_t count;                 /* [A] Connections. */
    _Atomic uint32_t limit;                 /* [A] 0: the default limit. */
    _Atomic bool own_limit;                 /* [A] */
    _Atomic uint32_t policy_id;             /* [A] */
    OVSRCU_TYPE(const struct ct_timeouts *) timeouts;   /* [R] Never NULL. */
};

/* NULL if there is none. */
struct ct_zone *ct_zone_get(const struct ct *, uint16_t id);
/* Creates it if need be; NULL if there is no memory. */
struct ct_zone *ct_zone_get_or_create(struct ct *, uint16_t id);

/* The connection that 'tuple' belongs to in 'zone' (which may be NULL). */
struct ct_conn *ct_zone_find(const struct ct_zone *, const struct ct_tuple *,
                             enum ct_dir *);

static inline struct ct_table *
ct_zone_table(const struct ct_zone *zone)
{
    return ovsrcu_get(struct ct_table *, &zone->table);
}

#endif /* ct-zone.h */
