/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_ZONE_H
#define CT_ZONE_H 1

#include "ct-conn.h"
#include "ct-counters.h"
#include "ct-expect.h"
#include "ct-gre-key.h"
#include "ct-table.h"
#include "ct-tally.h"
#include "openvswitch/list.h"
#include "ovs-rcu.h"

struct ct;
struct ct_packet;
struct ct_timeout_settings;
struct ct_timeouts;

/* A zone: its table, count, limit and timeouts.
 * =============================================
 *
 * What
 * ----
 * A zone comes into being with its first commit, limit or policy and stays
 * until the tracker goes; an unused zone costs one pointer.
 *
 * Flushing a zone puts a new generation, an empty table with a count of its
 * own, in the place of the old one: at once, and whatever packets do at that
 * moment.  The maintenance thread ends the old generation's connections, a
 * bounded number at a time, after a grace period: from then on nobody adds
 * to it.
 *
 * The count
 * ---------
 * Who commits first counts (ct_zone_reserve()), then inserts.  Who ends a
 * connection removes it from whichever generation has it, and counts down if
 * that is the current one.  A flush takes the whole count of the generation
 * that it detaches from the tracker's; what was counted there meanwhile, up
 * or down, is settled when the generation is freed.  So the tracker's count
 * is exact whenever nobody is in the middle of something. */

struct ct_generation {
    struct ct_zone *zone;           /* [I] */
    struct ct_table *table;         /* [I] */
    uint64_t seq;                   /* [I] Unique. */
    struct ct_tally count;          /* [A] Connections. */

    /* For a detached one. */
    struct ovs_list node;           /* In ct->detached, under ct->mutex. */
    struct ovs_list zone_node;      /* In zone->detached, likewise. */
    _Atomic bool ready;             /* [A] A grace period has passed. */
    bool found;                     /* Maintenance: this pass found any. */
    struct ct_table_cursor cursor;  /* Maintenance. */
};

struct ct_zone {
    uint16_t id;                            /* [I] */
    OVSRCU_TYPE(struct ct_generation *) generation; /* [R] Never NULL. */
    _Atomic uint32_t limit;                 /* [A] If own_limit; 0: none. */
    _Atomic bool own_limit;                 /* [A] Else the default limit. */
    int64_t limit_set[CT_N_SET_BY];         /* Under ct->mutex; -1: not. */
    _Atomic bool pressure;                  /* [A] ct-pressure.h. */
    _Atomic bool to_shorten;                /* [A] Since that began. */
    _Atomic uint32_t policy_id;             /* [A] */
    OVSRCU_TYPE(const struct ct_timeouts *) timeouts;   /* [R] Never NULL. */
    struct ct_timeout_settings *settings;   /* Under ct->mutex; NULL: none. */
    struct ct_timeouts *own_timeouts;       /* Under ct->mutex: 'timeouts', if
                                             * no other zone's. */
    struct ovs_list detached;               /* Generations, under ct->mutex. */
    struct ct_expects expects;
    struct ct_gre_keys gre_keys;
};

/* NULL if there is none. */
struct ct_zone *ct_zone_get(const struct ct *, uint16_t id);
/* Creates it if need be; NULL if there is no memory. */
struct ct_zone *ct_zone_get_or_create(struct ct *, uint16_t id);

/* The zones, in the order in which they came into being. */
unsigned int ct_zones_count(const struct ct *);
struct ct_zone *ct_zones_at(const struct ct *, unsigned int index);

/* The connection that 'tuple' belongs to in 'zone' (which may be NULL).  It
 * may be one that has expired or is about to be removed. */
struct ct_conn *ct_zone_find(const struct ct_zone *, const struct ct_tuple *,
                             enum ct_dir *);

static inline struct ct_generation *
ct_zone_generation(const struct ct_zone *zone)
{
    return ovsrcu_get(struct ct_generation *, &zone->generation);
}

static inline struct ct_table *
ct_zone_table(const struct ct_zone *zone)
{
    return ct_zone_generation(zone)->table;
}

/* Counts one connection more in packet->zone, for 'packet', and for insertion
 * into the table of the generation that it returns; NULL, and the reason in
 * '*why', if the zone's limit or the tracker's maximum stands against it and
 * nobody can give way (ct-evict.h). */
struct ct_generation *ct_zone_reserve(const struct ct_packet *,
                                      enum ct_counter *why);
void ct_zone_unreserve(struct ct *, struct ct_generation *);

/* In force in the zone; 0: none. */
uint32_t ct_zone_limit(const struct ct *, const struct ct_zone *);

/* Takes 'conn' out of whatever table it is in. */
void ct_zone_remove(struct ct *, struct ct_conn *);

/* The timeouts of policy 'id' apply from now on. */
void ct_zone_use_policy(struct ct *, struct ct_zone *, uint32_t id);

void ct_zone_flush(struct ct *, struct ct_zone *);
/* Ends connections of flushed generations, some 'budget' of them.  True if
 * there is more to do.  One thread at a time. */
bool ct_zones_drain(struct ct *, unsigned int budget);

/* Memory for tables that asked for it, by ct->tables_wanted.  One thread at a
 * time. */
void ct_zones_prepare(struct ct *);

void ct_zones_init(struct ct *);
/* All records are gone, or going with the tracker's memory. */
void ct_zones_uninit(struct ct *);

#endif /* ct-zone.h */
