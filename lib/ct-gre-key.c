/* SPDX-License-Identifier: Apache-2.0 */

/* Keys of GRE: asked by ct-l4-gre.c when it reads a header, and by
 * ct-icmp-error.c; entered by ct-helper-pptp.c. */

#include <config.h>

#include "ct-gre-key.h"

#include "ct-hash.h"
#include "ct-packet.h"
#include "ct-zone.h"
#include "hash.h"
#include "ovs-rcu.h"
#include "random.h"
#include "util.h"

/* Keys that are tried when the wanted one is taken. */
#define MAX_CANDIDATES 1024

/* Never changed: replaced. */
struct entry {
    struct cmap_node node;          /* In 'by_packet'. */
    struct hmap_node owner_node;    /* In 'by_owner'. */
    struct ct_tuple tuple;          /* Reserved: src_port is nothing. */
    enum ct_gre_key_kind kind;
    struct ct_conn *owner;
    uint32_t owner_id;
};

static struct entry *find(const struct ct_gre_keys *,
                          const struct ct_tuple *);
static uint32_t hash_packet(const struct ct_tuple *);
static bool is_same_packet(const struct ct_tuple *, const struct ct_tuple *);
static bool is_owned(const struct entry *, const struct ct_conn *owner);
static bool has_room(const struct ct_gre_keys *, const struct ct_conn *owner);
static bool choose(const struct ct_gre_keys *, struct ct_tuple *);
static void insert(struct ct_gre_keys *, struct ct_conn *owner,
                   enum ct_gre_key_kind, const struct ct_tuple *);
static void remove_entry(struct ct_gre_keys *, struct entry *);

void
ct_gre_keys_init(struct ct_gre_keys *keys)
{
    ct_spin_init(&keys->lock);
    cmap_init(&keys->by_packet);
    hmap_init(&keys->by_owner);
}

void
ct_gre_keys_uninit(struct ct_gre_keys *keys)
{
    struct entry *e;

    HMAP_FOR_EACH_POP (e, owner_node, &keys->by_owner) {
        free(e);
    }
    hmap_destroy(&keys->by_owner);
    cmap_destroy(&keys->by_packet);
}

bool
ct_gre_key_find(const struct ct_packet *packet, struct ct_tuple *tuple)
{
    const struct entry *e;

    if (!packet->zone || cmap_is_empty(&packet->zone->gre_keys.by_packet)) {
        return false;
    }
    e = find(&packet->zone->gre_keys, tuple);
    if (!e || e->kind == CT_GRE_KEY_RESERVED) {
        return false;
    }
    tuple->src_port = e->tuple.src_port;
    tuple->kind |= CT_KIND_GRE_KEY;
    return true;
}

bool
ct_gre_key_set(struct ct_zone *zone, struct ct_conn *owner,
               enum ct_gre_key_kind kind, const struct ct_tuple *tuple)
{
    struct ct_gre_keys *keys = &zone->gre_keys;
    bool ok;

    ct_spin_lock(&keys->lock);
    struct entry *old = find(keys, tuple);
    ok = (old ? ct_conn_is_live(owner, owner->id) : has_room(keys, owner));
    if (ok && (!old || kind == CT_GRE_KEY_COMING || is_owned(old, owner))) {
        if (old) {
            remove_entry(keys, old);
        }
        insert(keys, owner, kind, tuple);
    }
    ct_spin_unlock(&keys->lock);
    return ok;
}

bool
ct_gre_key_reserve(struct ct_zone *zone, struct ct_conn *owner,
                   struct ct_tuple *tuple)
{
    struct ct_gre_keys *keys = &zone->gre_keys;
    bool ok;

    ct_spin_lock(&keys->lock);
    ok = has_room(keys, owner) && choose(keys, tuple);
    if (ok) {
        insert(keys, owner, CT_GRE_KEY_RESERVED, tuple);
    }
    ct_spin_unlock(&keys->lock);
    return ok;
}

void
ct_gre_key_remove(struct ct_zone *zone, const struct ct_conn *owner,
                  const struct ct_tuple *tuple)
{
    struct ct_gre_keys *keys = &zone->gre_keys;

    ct_spin_lock(&keys->lock);
    struct entry *e = find(keys, tuple);
    if (e && is_owned(e, owner)) {
        remove_entry(keys, e);
    }
    ct_spin_unlock(&keys->lock);
}

bool
ct_gre_key_pop(struct ct_zone *zone, const struct ct_conn *owner,
               struct ct_tuple *tuple)
{
    struct ct_gre_keys *keys = &zone->gre_keys;
    struct entry *e;
    bool found = false;

    ct_spin_lock(&keys->lock);
    HMAP_FOR_EACH_WITH_HASH (e, owner_node, hash_int(owner->id, 0),
                             &keys->by_owner) {
        if (is_owned(e, owner)) {
            *tuple = e->tuple;
            remove_entry(keys, e);
            found = true;
            break;
        }
    }
    ct_spin_unlock(&keys->lock);
    return found;
}

static struct entry *
find(const struct ct_gre_keys *keys, const struct ct_tuple *tuple)
{
    struct entry *e;

    CMAP_FOR_EACH_WITH_HASH (e, node, hash_packet(tuple), &keys->by_packet) {
        if (is_same_packet(&e->tuple, tuple)) {
            return e;
        }
    }
    return NULL;
}

static uint32_t
hash_packet(const struct ct_tuple *t)
{
    uint32_t src = ct_hash_place(&t->src, 0);

    return ct_hash_place(&t->dst, (OVS_FORCE uint16_t) t->dst_port
                                  | (uint64_t) src << 16);
}

static bool
is_same_packet(const struct ct_tuple *a, const struct ct_tuple *b)
{
    return (a->dst_port == b->dst_port
            && !((a->kind ^ b->kind) & CT_KIND_IPV6)
            && !memcmp(&a->src, &b->src, sizeof a->src)
            && !memcmp(&a->dst, &b->dst, sizeof a->dst));
}

static bool
is_owned(const struct entry *e, const struct ct_conn *owner)
{
    return e->owner == owner && e->owner_id == owner->id;
}

/* Who ends the owner says so first, and then removes what it has. */
static bool
has_room(const struct ct_gre_keys *keys, const struct ct_conn *owner)
{
    return (hmap_count(&keys->by_owner) < CT_GRE_KEYS_MAX_PER_ZONE
            && ct_conn_is_live(owner, owner->id));
}

/* A key that nobody has, in tuple->dst_port. */
static bool
choose(const struct ct_gre_keys *keys, struct ct_tuple *tuple)
{
    uint16_t start = random_uint32();

    if (tuple->dst_port && !find(keys, tuple)) {
        return true;
    }
    for (int i = 0; i < MAX_CANDIDATES; i++) {
        tuple->dst_port = htons(start + i);
        if (tuple->dst_port && !find(keys, tuple)) {
            return true;
        }
    }
    return false;
}

static void
insert(struct ct_gre_keys *keys, struct ct_conn *owner,
       enum ct_gre_key_kind kind, const struct ct_tuple *tuple)
{
    struct entry *e = xzalloc(sizeof *e);

    e->tuple = *tuple;
    e->tuple.kind &= CT_KIND_IPV6;
    if (kind == CT_GRE_KEY_COMING) {
        e->tuple.kind |= CT_KIND_GRE_KEY;
    }
    e->tuple.proto = IPPROTO_GRE;
    e->kind = kind;
    e->owner = owner;
    e->owner_id = owner->id;
    cmap_insert(&keys->by_packet, &e->node, hash_packet(tuple));
    hmap_insert(&keys->by_owner, &e->owner_node, hash_int(owner->id, 0));
}

/* Packets may still look at it. */
static void
remove_entry(struct ct_gre_keys *keys, struct entry *e)
{
    cmap_remove(&keys->by_packet, &e->node, hash_packet(&e->tuple));
    hmap_remove(&keys->by_owner, &e->owner_node);
    ovsrcu_postpone(free, e);
}
