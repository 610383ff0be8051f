/* SPDX-License-Identifier: Apache-2.0 */

/* Expectations.
 *
 * ct-helper.c adds them; ct-step.c asks for a packet that opens a connection,
 * ct-commit.c uses them up; the maintenance thread ends what is over. */

#include <config.h>

#include "ct-expect.h"

#include "ct-counters.h"
#include "ct-event.h"
#include "ct-expect-port.h"
#include "ct-hash.h"
#include "ct-helper.h"
#include "ct-packet.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "hash.h"
#include "util.h"

/* In a full zone: so many are looked at, at most, for one that gives way. */
#define MAX_LOOKS 64

/* Buckets at which delete_some() looks before others get the lock. */
#define BUCKETS_AT_A_TIME 64

static unsigned int src_bits(const struct ct_expectation *);
static uint32_t hash_place(const struct ct_tuple *, unsigned int bits);
static void insert(struct ct_expects *, struct ct_expectation *);
static void take_out(struct ct_expects *, struct ct_expectation *);
static void end(struct ct_expects *, struct ct_expectation *,
                struct ct_expectation **ended);
static bool are_siblings(const struct ct_expectation *,
                         const struct ct_expectation *);
static bool is_child(const struct ct_expectation *,
                     const struct ct_conn *parent);
static uint32_t hash_id(uint32_t parent_id);
static struct ct_expectation *find_same(struct ct_expects *,
                                        const struct ct_expectation *);
static struct ct_expectation *find_child(struct ct_expects *,
                                         const struct ct_conn *parent,
                                         const struct ct_helper_match *);
static bool has_room(struct ct_expects *, const struct ct_expectation *,
                     struct ct_expectation **ended, size_t *n_weak);
static size_t growth(struct ct_expects *, const struct ct_expectation *);
static bool find_weak(struct ct_expects *, const struct ct_conn *except,
                      size_t n);
static bool is_weak(const struct ct_expectation *);
static void make_room(struct ct_expects *, const struct ct_expectation *,
                      struct ct_expectation **ended);
static struct ct_expectation *find(struct ct_expects *,
                                   const struct ct_packet *);
static bool matches(const struct ct_expectation *, const struct ct_packet *);
static bool is_met(const struct ct_expectation *, const struct ct_tuple *);
static bool matches_src(const struct ct_expectation *,
                        const union ct_inet_addr *);
static ovs_be16 own_port(struct ct_expects *, const struct ct_expectation *,
                         const struct ct_packet *);
static unsigned int delete_some(struct ct_expects *, uint32_t id,
                                long long until);
static unsigned int end_bucket(struct ct_expects *, size_t bucket, uint32_t id,
                               long long until,
                               struct ct_expectation **ended);

void
ct_expects_init(struct ct_expects *expects, struct ct *ct, uint16_t zone)
{
    expects->ct = ct;
    expects->zone = zone;
    atomic_init(&expects->n, 0);
    ct_spin_init(&expects->lock);
    hmap_init(&expects->by_place);
    hmap_init(&expects->by_parent);
    ovs_list_init(&expects->weak);
    expects->src_bits = 0;
    memset(expects->n_with, 0, sizeof expects->n_with);
}

void
ct_expects_uninit(struct ct_expects *expects)
{
    delete_some(expects, 0, LLONG_MAX);
    hmap_destroy(&expects->by_place);
    hmap_destroy(&expects->by_parent);
}

struct ct_expectation *
ct_expect_create(struct ct_conn *parent)
{
    struct ct_expectation *e = xzalloc(sizeof *e);

    e->parent = parent;
    e->parent_id = parent->id;
    return e;
}

bool
ct_expect_is_known(struct ct_zone *zone, const struct ct_expectation *e)
{
    struct ct_expects *expects = &zone->expects;

    ct_spin_lock(&expects->lock);
    bool known = find_same(expects, e);
    ct_spin_unlock(&expects->lock);
    return known;
}

bool
ct_expect_is_same(const struct ct_expectation *a,
                  const struct ct_expectation *b)
{
    return (are_siblings(a, b) && a->dir == b->dir && a->class == b->class
            && a->tuple.proto == b->tuple.proto
            && a->tuple.src_port == b->tuple.src_port
            && a->to_dst_port == b->to_dst_port
            && !memcmp(&a->to_dst, &b->to_dst, sizeof a->to_dst));
}

bool
ct_expect_is_asked(const struct ct_expectation *e,
                   const struct ct_helper_match *match)
{
    const union ct_inet_addr *dst = (match->as_seen ? &e->tuple.dst
                                     : &e->to_dst);
    ovs_be16 port = match->as_seen ? e->tuple.dst_port : e->to_dst_port;

    return ((match->class < 0 || e->class == (unsigned int) match->class)
            && (match->any_dir || e->dir == match->dir)
            && (!match->port || port == match->port)
            && (!match->has_dst || !memcmp(dst, &match->dst, sizeof *dst))
            && (!match->inactive || e->inactive)
            && (!match->met_by || is_met(e, match->met_by)));
}

bool
ct_expect_share_known_port(struct ct_zone *zone, struct ct_expectation *e)
{
    struct ct_expects *expects = &zone->expects;

    ct_spin_lock(&expects->lock);
    const struct ct_expectation *old = find_same(expects, e);
    bool ok = old && ct_expect_share_port(e, old);
    ct_spin_unlock(&expects->lock);
    return ok;
}

bool
ct_expect_add(struct ct *ct, struct ct_zone *zone, struct ct_expectation *e)
{
    struct ct_expects *expects = &zone->expects;
    struct ct_expectation *ended = NULL;
    size_t n_weak = 0;
    bool ok = false;

    ct_spin_lock(&expects->lock);
    /* Who ends the parent says so first, then waits for its lock, which our
     * caller holds, and then ends its expectations. */
    if (ct_conn_is_live(e->parent, e->parent_id)
        && has_room(expects, e, &ended, &n_weak)) {
        for (; e; e = e->next) {
            do {
                e->id = atomic_fetch_add(&ct->next_expect_id, 1);
            } while (!e->id);
            make_room(expects, e, &ended);
            insert(expects, e);
        }
        ok = true;
    }
    ct_spin_unlock(&expects->lock);
    ct_expect_free_all(ended);
    if (n_weak) {
        ct_count(ct, CT_C_EXPECT_GAVE_WAY, n_weak);
    }
    return ok;
}

void
ct_expect_free(struct ct_expectation *e)
{
    ct_expect_drop_port(e);
    free(e);
}

void
ct_expect_free_all(struct ct_expectation *e)
{
    struct ct_expectation *next;

    for (; e; e = next) {
        next = e->next;
        ct_expect_free(e);
    }
}

void
ct_expect_match(struct ct_packet *packet, bool take)
{
    struct ct_expects *expects = packet->zone ? &packet->zone->expects : NULL;

    packet->parent = NULL;
    packet->expected = NULL;
    if (OVS_LIKELY(!expects
                   || !atomic_load_explicit(&expects->n,
                                            memory_order_relaxed))) {
        return;
    }

    ct_spin_lock(&expects->lock);
    struct ct_expectation *e = find(expects, packet);
    if (e) {
        packet->parent = e->parent;
        e->to_src_port = e->nat ? own_port(expects, e, packet) : 0;
    }
    if (e && take) {
        if (e->permanent) {
            packet->expected = xmemdup(e, sizeof *e);
            packet->expected->port = NULL;
        } else {
            take_out(expects, e);
            packet->expected = e;
        }
    }
    ct_spin_unlock(&expects->lock);
}

bool
ct_expect_look(const struct ct_packet *packet, struct ct_expectation *copy)
{
    struct ct_expects *expects = packet->zone ? &packet->zone->expects : NULL;
    struct ct_expectation *e;

    if (!expects || !atomic_load_explicit(&expects->n,
                                          memory_order_relaxed)) {
        return false;
    }
    ct_spin_lock(&expects->lock);
    e = find(expects, packet);
    if (e) {
        *copy = *e;
        copy->settled_src_port = e->nat ? own_port(expects, e, packet) : 0;
        copy->port = NULL;
        copy->next = NULL;
    }
    ct_spin_unlock(&expects->lock);
    return e != NULL;
}

void
ct_expect_used(struct ct_packet *packet)
{
    if (packet->expected) {
        ct_expect_free(packet->expected);
        packet->expected = NULL;
    }
}

void
ct_expect_put_back(struct ct_packet *packet)
{
    struct ct_expectation *e = packet->expected;

    packet->expected = NULL;
    if (e && !e->permanent) {
        struct ct_expects *expects = &packet->zone->expects;

        ct_spin_lock(&expects->lock);
        if (ct_conn_is_live(e->parent, e->parent_id)
            && !find_same(expects, e)) {
            insert(expects, e);
            e = NULL;
        }
        ct_spin_unlock(&expects->lock);
    }
    if (e) {
        ct_expect_free(e);
    }
}

unsigned int
ct_expects_forget(struct ct_zone *zone, const struct ct_conn *parent,
                  const struct ct_helper_match *match)
{
    struct ct_expects *expects = &zone->expects;
    struct ct_expectation *e, *ended = NULL;
    unsigned int n = 0;

    ct_spin_lock(&expects->lock);
    while ((e = find_child(expects, parent, match)) != NULL) {
        end(expects, e, &ended);
        n++;
    }
    ct_spin_unlock(&expects->lock);
    ct_expect_free_all(ended);
    return n;
}

unsigned int
ct_expects_refresh(struct ct_zone *zone, const struct ct_conn *parent,
                   const struct ct_helper_match *match, long long expires)
{
    struct ct_expects *expects = &zone->expects;
    struct ct_expectation *e;
    unsigned int n = 0;

    ct_spin_lock(&expects->lock);
    HMAP_FOR_EACH_WITH_HASH (e, parent_node, hash_id(parent->id),
                             &expects->by_parent) {
        if (is_child(e, parent) && ct_expect_is_asked(e, match)) {
            e->expires = expires;
            e->inactive = false;
            n++;
        }
    }
    ct_spin_unlock(&expects->lock);
    return n;
}

void
ct_expects_end_one(struct ct_zone *zone, const struct ct_conn *parent,
                   const struct ct_tuple *tuple)
{
    struct ct_expects *expects = &zone->expects;
    struct ct_expectation *e, *ended = NULL;

    ct_spin_lock(&expects->lock);
    HMAP_FOR_EACH_WITH_HASH (e, parent_node, hash_id(parent->id),
                             &expects->by_parent) {
        if (is_child(e, parent) && is_met(e, tuple)) {
            end(expects, e, &ended);
            break;
        }
    }
    ct_spin_unlock(&expects->lock);
    ct_expect_free_all(ended);
}

void
ct_expects_end_parent(struct ct_zone *zone, const struct ct_conn *parent)
{
    struct ct_expects *expects = &zone->expects;
    struct ct_expectation *e, *ended = NULL;

    ct_spin_lock(&expects->lock);
    while ((e = find_child(expects, parent, NULL)) != NULL) {
        end(expects, e, &ended);
    }
    ct_spin_unlock(&expects->lock);
    ct_expect_free_all(ended);
}

void
ct_expects_flush(struct ct_zone *zone)
{
    delete_some(&zone->expects, 0, LLONG_MAX);
}

void
ct_expects_expire(struct ct *ct, long long now)
{
    for (unsigned int i = 0; i < ct_zones_count(ct); i++) {
        delete_some(&ct_zones_at(ct, i)->expects, 0, now);
    }
}

unsigned int
ct_expects_delete(struct ct *ct, int zone_id, uint32_t id)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < ct_zones_count(ct); i++) {
        struct ct_zone *zone = ct_zones_at(ct, i);

        if (zone_id < 0 || zone->id == zone_id) {
            n += delete_some(&zone->expects, id, LLONG_MAX);
        }
    }
    return n;
}

/* How many of its source are known. */
static unsigned int
src_bits(const struct ct_expectation *e)
{
    return (e->any_src ? 0
            : e->src_prefix ? e->src_prefix
            : CT_EXPECT_SRC_BITS);
}

/* Of the destination and the first 'bits' of the source. */
static uint32_t
hash_place(const struct ct_tuple *tuple, unsigned int bits)
{
    uint32_t hash = ct_hash_place(&tuple->dst,
                                  (OVS_FORCE uint16_t) tuple->dst_port
                                  | tuple->proto << 16);
    union ct_inet_addr src = { .u64 = { 0, 0 } };

    if (bits >= CT_EXPECT_SRC_BITS) {
        src = tuple->src;
    } else if (bits) {
        src.ip = tuple->src.ip & be32_prefix_mask(bits);
    } else {
        return hash;
    }
    return ct_hash_place(&src, (uint64_t) bits << 32 | hash);
}

static uint32_t
hash_id(uint32_t parent_id)
{
    return hash_int(parent_id, 0);
}

static uint32_t
hash_parent(const struct ct_expectation *e)
{
    return hash_id(e->parent_id);
}

static void
tell(const struct ct_expects *expects, enum ct_event_type type,
     const struct ct_expectation *e)
{
    if (ct_events_are_read(expects->ct)) {
        ct_event_expect(expects->ct, type, e, expects->zone);
    }
}

static void
insert(struct ct_expects *expects, struct ct_expectation *e)
{
    unsigned int bits = src_bits(e);

    expects->src_bits |= UINT64_C(1) << bits;
    expects->n_with[bits]++;
    hmap_insert(&expects->by_place, &e->node, hash_place(&e->tuple, bits));
    hmap_insert(&expects->by_parent, &e->parent_node, hash_parent(e));
    if (is_weak(e)) {
        ovs_list_push_back(&expects->weak, &e->weak_node);
    } else {
        ovs_list_init(&e->weak_node);
    }
    atomic_fetch_add_explicit(&expects->n, 1, memory_order_relaxed);
    tell(expects, CT_EVENT_EXPECT_NEW, e);
}

static void
take_out(struct ct_expects *expects, struct ct_expectation *e)
{
    unsigned int bits = src_bits(e);

    if (!--expects->n_with[bits]) {
        expects->src_bits &= ~(UINT64_C(1) << bits);
    }
    hmap_remove(&expects->by_place, &e->node);
    hmap_remove(&expects->by_parent, &e->parent_node);
    ovs_list_remove(&e->weak_node);
    atomic_fetch_sub_explicit(&expects->n, 1, memory_order_relaxed);
    tell(expects, CT_EVENT_EXPECT_DESTROY, e);
}

/* In front of those of '*ended', which are freed when the lock is not held any
 * more. */
static void
end(struct ct_expects *expects, struct ct_expectation *e,
    struct ct_expectation **ended)
{
    take_out(expects, e);
    e->next = *ended;
    *ended = e;
}

/* Of the same parent and helper. */
static bool
are_siblings(const struct ct_expectation *a, const struct ct_expectation *b)
{
    return (a->parent == b->parent && a->parent_id == b->parent_id
            && a->helper == b->helper);
}

static bool
is_child(const struct ct_expectation *e, const struct ct_conn *parent)
{
    return e->parent == parent && e->parent_id == parent->id;
}

static struct ct_expectation *
find_same(struct ct_expects *expects, const struct ct_expectation *e)
{
    struct ct_expectation *old;

    HMAP_FOR_EACH_WITH_HASH (old, parent_node, hash_parent(e),
                             &expects->by_parent) {
        if (ct_expect_is_same(old, e)) {
            return old;
        }
    }
    return NULL;
}

/* Any expectation of 'parent' that 'match' is for; NULL: any at all.  A parent
 * has few, so that who asks for one after the other may begin anew. */
static struct ct_expectation *
find_child(struct ct_expects *expects, const struct ct_conn *parent,
           const struct ct_helper_match *match)
{
    struct ct_expectation *e;

    HMAP_FOR_EACH_WITH_HASH (e, parent_node, hash_id(parent->id),
                             &expects->by_parent) {
        if (is_child(e, parent)
            && (!match || ct_expect_is_asked(e, match))) {
            return e;
        }
    }
    return NULL;
}

/* Is there room in the zone for 'e' and those behind it?  If need be
 * '*n_weak' weak ones give way: as many as it takes, or none. */
static bool
has_room(struct ct_expects *expects, const struct ct_expectation *e,
         struct ct_expectation **ended, size_t *n_weak)
{
    size_t n = hmap_count(&expects->by_place) + growth(expects, e);
    struct ct_expectation *weak, *next;

    if (n <= CT_EXPECT_MAX_PER_ZONE) {
        return true;
    }
    n -= CT_EXPECT_MAX_PER_ZONE;
    if (!find_weak(expects, e->parent, n)) {
        return false;
    }
    *n_weak = n;
    LIST_FOR_EACH_SAFE (weak, next, weak_node, &expects->weak) {
        if (!n) {
            break;
        }
        if (weak->parent != e->parent) {
            end(expects, weak, ended);
            n--;
        }
    }
    return true;
}

/* By how many the zone grows with 'e' and those behind it, which are of one
 * parent.  They replace the same, and the oldest of a class that has all it
 * may have. */
static size_t
growth(struct ct_expects *expects, const struct ct_expectation *e)
{
    unsigned int old[CT_HELPER_MAX_CLASSES] = { 0 };
    unsigned int new[CT_HELPER_MAX_CLASSES] = { 0 };
    const struct ct_helper_class *classes = e->helper->classes;
    const struct ct_expectation *other;
    size_t n = 0;

    HMAP_FOR_EACH_WITH_HASH (other, parent_node, hash_parent(e),
                             &expects->by_parent) {
        old[other->class] += are_siblings(other, e);
    }
    for (other = e; other; other = other->next) {
        new[other->class] += !find_same(expects, other);
    }
    for (int i = 0; i < CT_HELPER_MAX_CLASSES; i++) {
        unsigned int max = MAX(classes[i].max_expected, old[i]);

        n += MIN(old[i] + new[i], max) - old[i];
    }
    return n;
}

/* Are there, in front, 'n' that may give way to others of 'except'?  Each that
 * has become strong meanwhile is looked at once, ever. */
static bool
find_weak(struct ct_expects *expects, const struct ct_conn *except, size_t n)
{
    struct ct_expectation *e, *next;
    size_t looks = n + MAX_LOOKS;

    LIST_FOR_EACH_SAFE (e, next, weak_node, &expects->weak) {
        if (!looks--) {
            break;
        }
        if (!is_weak(e)) {
            ovs_list_remove(&e->weak_node);
            ovs_list_init(&e->weak_node);
        } else if (e->parent != except && !--n) {
            return true;
        }
    }
    return false;
}

/* Would nobody miss it? */
static bool
is_weak(const struct ct_expectation *e)
{
    return !(ct_conn_status(e->parent) & CT_DPIF_STATUS_ASSURED);
}

/* Room for 'e' beside its siblings. */
static void
make_room(struct ct_expects *expects, const struct ct_expectation *e,
          struct ct_expectation **ended)
{
    struct ct_expectation *old = find_same(expects, e), *oldest = NULL;
    unsigned int n = 0;

    if (old) {
        end(expects, old, ended);
    }
    HMAP_FOR_EACH_WITH_HASH (old, parent_node, hash_parent(e),
                             &expects->by_parent) {
        if (are_siblings(old, e) && old->class == e->class) {
            n++;
            if (!oldest || (int32_t) (old->id - oldest->id) < 0) {
                oldest = old;
            }
        }
    }
    if (n >= e->helper->classes[e->class].max_expected) {
        end(expects, oldest, ended);
    }
}

/* The one of which most of the source is known. */
static struct ct_expectation *
find(struct ct_expects *expects, const struct ct_packet *packet)
{
    uint64_t left = expects->src_bits;

    while (left) {
        unsigned int bits = log_2_floor(left);
        uint32_t hash = hash_place(&packet->tuple, bits);
        struct ct_expectation *e;

        HMAP_FOR_EACH_WITH_HASH (e, node, hash, &expects->by_place) {
            if (matches(e, packet)) {
                return e;
            }
        }
        left &= ~(UINT64_C(1) << bits);
    }
    return NULL;
}

/* Has the end from which 'packet' comes announced the port it uses, which was
 * given another one in front of the translation?  It sends from that, too, as
 * media do, for answers to come back.  0: no. */
static ovs_be16
own_port(struct ct_expects *expects, const struct ct_expectation *e,
         const struct ct_packet *packet)
{
    const struct ct_tuple *t = &packet->tuple;
    struct ct_expectation *own;

    if (e->settled_src_port) {
        return e->settled_src_port;
    }
    HMAP_FOR_EACH_WITH_HASH (own, parent_node, hash_parent(e),
                             &expects->by_parent) {
        if (are_siblings(own, e) && own->dir != e->dir
            && own->tuple.proto == t->proto
            && own->to_dst_port == t->src_port
            && !memcmp(&own->to_dst, &t->src, sizeof t->src)) {
            return own->tuple.dst_port;
        }
    }
    return 0;
}

static bool
matches_src(const struct ct_expectation *e, const union ct_inet_addr *src)
{
    if (e->src_prefix) {
        ovs_be32 differs = e->tuple.src.ip ^ src->ip;

        return !(differs & be32_prefix_mask(e->src_prefix));
    }
    return e->any_src || !memcmp(src, &e->tuple.src, sizeof *src);
}

static bool
matches(const struct ct_expectation *e, const struct ct_packet *packet)
{
    return (!e->inactive
            && is_met(e, &packet->tuple)
            && e->expires > packet->now
            && ct_conn_is_live(e->parent, e->parent_id));
}

/* Is it one for connections of tuple 't'? */
static bool
is_met(const struct ct_expectation *e, const struct ct_tuple *t)
{
    return (t->dst_port == e->tuple.dst_port
            && (!e->tuple.src_port || t->src_port == e->tuple.src_port)
            && t->proto == e->tuple.proto
            && t->kind == e->tuple.kind
            && !memcmp(&t->dst, &e->tuple.dst, sizeof t->dst)
            && matches_src(e, &t->src));
}

/* Those whose time is over at 'until'; with 'id', only that one.  Not those
 * that are added meanwhile, perhaps. */
static unsigned int
delete_some(struct ct_expects *expects, uint32_t id, long long until)
{
    bool more = atomic_load_explicit(&expects->n, memory_order_relaxed);
    size_t bucket = 0, mask = 0;
    unsigned int n = 0;

    while (more) {
        struct ct_expectation *ended = NULL;

        ct_spin_lock(&expects->lock);
        if (mask != expects->by_parent.mask) {
            /* It has grown, and each has another bucket. */
            mask = expects->by_parent.mask;
            bucket = 0;
        }
        for (int i = 0; i < BUCKETS_AT_A_TIME && bucket <= mask; i++) {
            n += end_bucket(expects, bucket++, id, until, &ended);
        }
        more = bucket <= mask;
        ct_spin_unlock(&expects->lock);
        ct_expect_free_all(ended);
    }
    return n;
}

/* In a bucket of 'by_parent': a parent has few. */
static unsigned int
end_bucket(struct ct_expects *expects, size_t bucket, uint32_t id,
           long long until, struct ct_expectation **ended)
{
    struct hmap_node *node, *next;
    unsigned int n = 0;

    for (node = hmap_first_in_bucket(&expects->by_parent, bucket); node;
         node = next) {
        struct ct_expectation *e = CONTAINER_OF(node, struct ct_expectation,
                                                parent_node);

        next = hmap_next_in_bucket(node);
        if (e->expires <= until && (!id || e->id == id)) {
            end(expects, e, ended);
            n++;
        }
    }
    return n;
}
