/* SPDX-License-Identifier: Apache-2.0 */

/* Counters: a block for each thread that counts, summed when read.
 *
 * Every step of a packet's way counts here. */

#include <config.h>

#include "ct-counters.h"

#include "ct.h"
#include "ct-tracker.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* Written by its thread alone, read by any. */
struct ct_counter_block {
    struct ovs_list node;           /* In ct->counter_blocks. */
    struct ct *ct;
    _Atomic uint64_t n[CT_N_COUNTERS];
};

/* A zone's, written by all threads. */
struct ct_zone_counters {
    _Atomic uint64_t n[CT_N_COUNTERS];
};

static const struct {
    const char *name, *help;
} counters[CT_N_COUNTERS] = {
#define CT_COUNTER(ENUM, NAME, HELP) { NAME, HELP },
    CT_COUNTERS
#undef CT_COUNTER
};

static struct ct_counter_block *block_create(struct ct *);
static struct ct_zone_counters *zone_counters_create(struct ct *,
                                                     uint16_t zone);
static void block_retire(void *);

const char *
ct_counter_name(enum ct_counter counter)
{
    return counters[counter].name;
}

const char *
ct_counter_help(enum ct_counter counter)
{
    return counters[counter].help;
}

void
ct_count(struct ct *ct, enum ct_counter counter, uint64_t n)
{
    struct ct_counter_block *block = ovsthread_getspecific(ct->counter_key);

    if (OVS_UNLIKELY(!block)) {
        block = block_create(ct);
    }

    _Atomic uint64_t *p = &block->n[counter];
    atomic_store_explicit(p, atomic_load_explicit(p, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

uint64_t
ct_counter_get(const struct ct *ct, enum ct_counter counter)
{
    const struct ct_counter_block *block;
    uint64_t sum;

    ovs_mutex_lock(&ct->counter_mutex);
    sum = ct->counters_gone[counter];
    LIST_FOR_EACH (block, node, &ct->counter_blocks) {
        sum += atomic_load_explicit(&block->n[counter], memory_order_relaxed);
    }
    ovs_mutex_unlock(&ct->counter_mutex);
    return sum;
}

static struct ct_zone_counters *
zone_counters(const struct ct *ct, uint16_t zone)
{
    return atomic_load_explicit(&ct->zone_counters[zone],
                                memory_order_acquire);
}

void
ct_count_in_zone(struct ct *ct, uint16_t zone, enum ct_counter counter,
                 uint64_t n)
{
    struct ct_zone_counters *z = zone_counters(ct, zone);

    if (OVS_UNLIKELY(!z)) {
        z = zone_counters_create(ct, zone);
    }
    atomic_fetch_add_explicit(&z->n[counter], n, memory_order_relaxed);
}

uint64_t
ct_zone_counter_get(const struct ct *ct, uint16_t zone,
                    enum ct_counter counter)
{
    const struct ct_zone_counters *z = zone_counters(ct, zone);

    return (z ? atomic_load_explicit(&z->n[counter], memory_order_relaxed)
            : 0);
}

bool
ct_counter_is_zones(enum ct_counter counter)
{
    return (counter >= CT_C_INVALID_L3 || counter == CT_C_EARLY_DROP
            || counter == CT_C_HALF_OPEN_DROP
            || counter == CT_C_HALF_OPEN_SHORT);
}

bool
ct_zone_has_counters(const struct ct *ct, uint16_t zone)
{
    return zone_counters(ct, zone) != NULL;
}

void
ct_format_zone_counters(const struct ct *ct, uint16_t zone, struct ds *ds)
{
    for (int i = 0; i < CT_N_COUNTERS; i++) {
        if (ct_counter_is_zones(i)) {
            ds_put_format(ds, "%s: %"PRIu64" (%s)\n", ct_counter_name(i),
                          ct_zone_counter_get(ct, zone, i),
                          ct_counter_help(i));
        }
    }
}

void
ct_format_counters(const struct ct *ct, struct ds *ds)
{
    for (int i = 0; i < CT_N_COUNTERS; i++) {
        ds_put_format(ds, "%s: %"PRIu64" (%s)\n", ct_counter_name(i),
                      ct_counter_get(ct, i), ct_counter_help(i));
    }
}

void
ct_counters_init(struct ct *ct)
{
    ovs_mutex_init(&ct->counter_mutex);
    ovs_list_init(&ct->counter_blocks);
    ovsthread_key_create(&ct->counter_key, block_retire);
    ct->zone_counters = xcalloc(CT_N_ZONES, sizeof *ct->zone_counters);
}

void
ct_counters_uninit(struct ct *ct)
{
    struct ct_counter_block *block;

    ovsthread_key_delete(ct->counter_key);
    LIST_FOR_EACH_POP (block, node, &ct->counter_blocks) {
        free_cacheline(block);
    }
    for (int i = 0; i < CT_N_ZONES; i++) {
        free(zone_counters(ct, i));
    }
    free(ct->zone_counters);
    ovs_mutex_destroy(&ct->counter_mutex);
}

/* Two threads may come at once; one block stays. */
static struct ct_zone_counters *
zone_counters_create(struct ct *ct, uint16_t zone)
{
    struct ct_zone_counters *new = xzalloc(sizeof *new);
    struct ct_zone_counters *old = NULL;

    if (atomic_compare_exchange_strong(&ct->zone_counters[zone], &old, new)) {
        return new;
    }
    free(new);
    return old;
}

static struct ct_counter_block *
block_create(struct ct *ct)
{
    struct ct_counter_block *block = xzalloc_cacheline(sizeof *block);

    block->ct = ct;
    ovs_mutex_lock(&ct->counter_mutex);
    ovs_list_push_back(&ct->counter_blocks, &block->node);
    ovs_mutex_unlock(&ct->counter_mutex);
    ovsthread_setspecific(ct->counter_key, block);
    return block;
}

/* Its thread ends. */
static void
block_retire(void *block_)
{
    struct ct_counter_block *block = block_;
    struct ct *ct = block->ct;

    ovs_mutex_lock(&ct->counter_mutex);
    for (int i = 0; i < CT_N_COUNTERS; i++) {
        ct->counters_gone[i] += atomic_load(&block->n[i]);
    }
    ovs_list_remove(&block->node);
    ovs_mutex_unlock(&ct->counter_mutex);
    free_cacheline(block);
}
