/* SPDX-License-Identifier: Apache-2.0 */

/* Deadlines: packets tell of connections (ct-commit.c, ct.c), the maintenance
 * thread takes the news (ct-news.c), arms, expires and releases them.
 *
 * The wheel has four levels of 256 slots.  A connection that is due in less
 * than 256 ticks is in level 0, in the slot of its tick; others are in a
 * higher level, in the slot of the tick without its low 8, 16 or 24 bits, and
 * come down a level when that slot's time begins.  Beyond 2^32 ticks (13
 * years) they are armed for the horizon and, once there, again. */

#include <config.h>

#include "ct-wheel.h"

#include "ct-news.h"

#define N_LEVELS 4
#define LEVEL_BITS 8
#define N_SLOTS (1 << LEVEL_BITS)
#define SLOT_MASK (N_SLOTS - 1)
#define HORIZON ((UINT64_C(1) << (N_LEVELS * LEVEL_BITS)) - 1)

/* 'prev' of a connection's links: the record number of the one before it, or
 * with this bit the list that it is the first of, or ... */
#define PREV_LIST UINT32_C(0x80000000)
#define PREV_RELEASED UINT32_MAX        /* No longer ours. */

/* Lists: the slots, level by level, and the one that is coming down. */
#define LIST_CASCADE (N_LEVELS * N_SLOTS)
#define N_LISTS (LIST_CASCADE + 1)

/* All but the memory belongs to the maintenance thread. */
struct ct_wheel {
    struct ct_conn_memory *memory;
    const struct ct_wheel_ops *ops;
    void *aux;

    struct ct_news_cursor news;
    uint64_t tick;              /* Next to be worked off. */
    unsigned int cascade;       /* Levels whose slot has yet to come down
                                 * before 'tick' is. */
    uint32_t lists[N_LISTS];
};

static bool run_news(struct ct_wheel *, unsigned int *budget);
static bool run_ticks(struct ct_wheel *, uint64_t now, unsigned int *budget);
static void receive(struct ct_wheel *, struct ct_conn *);
static bool expires(struct ct_wheel *, struct ct_conn *, uint64_t tick);
static void next_tick(struct ct_wheel *, uint64_t end);
static uint64_t next_busy_tick(const struct ct_wheel *);
static void cascade_begin(struct ct_wheel *);
static void slot_run_one(struct ct_wheel *, uint32_t number);
static struct ct_conn_links *links_of(const struct ct_wheel *,
                                      uint32_t number);
static void arm(struct ct_wheel *, struct ct_conn *, uint64_t earliest);
static void disarm(struct ct_wheel *, struct ct_conn_links *);

struct ct_wheel *
ct_wheel_create(struct ct_conn_memory *memory, long long now,
                const struct ct_wheel_ops *ops, void *aux)
{
    struct ct_wheel *wheel = xzalloc(sizeof *wheel);

    wheel->memory = memory;
    wheel->ops = ops;
    wheel->aux = aux;
    wheel->tick = now / CT_WHEEL_TICK_MS;
    return wheel;
}

void
ct_wheel_destroy(struct ct_wheel *wheel)
{
    free(wheel);
}

void
ct_wheel_add(struct ct_wheel *wheel, struct ct_conn *conn)
{
    ct_news_add(ct_conn_chunks(wheel->memory), conn);
}

void
ct_wheel_sooner(struct ct_wheel *wheel, struct ct_conn *conn)
{
    ct_news_add(ct_conn_chunks(wheel->memory), conn);
}

void
ct_wheel_dead(struct ct_wheel *wheel, struct ct_conn *conn)
{
    atomic_fetch_or_explicit(&conn->status, CT_CONN_STATUS_DEAD,
                             memory_order_release);
    ct_news_add(ct_conn_chunks(wheel->memory), conn);
}

bool
ct_wheel_run(struct ct_wheel *wheel, long long now, unsigned int budget)
{
    unsigned int first = budget - budget / 2;
    bool more;

    /* News that come faster than they are worked off leave time its half.
     * They come again at the end: expiring makes news, too. */
    run_news(wheel, &first);
    budget = budget / 2 + first;
    more = (run_ticks(wheel, now, &budget)
            || run_news(wheel, &budget));
    ct_conn_memory_run(wheel->memory, now);
    return more;
}

/* News. */

/* True if the budget ends before the news do. */
static bool
run_news(struct ct_wheel *wheel, unsigned int *budget)
{
    for (; *budget; --*budget) {
        struct ct_conn *conn = ct_news_take(ct_conn_chunks(wheel->memory),
                                            &wheel->news);

        if (!conn) {
            return false;
        }
        receive(wheel, conn);
    }
    return true;
}

/* 'conn' is new, its deadline is closer, or it is dead. */
static void
receive(struct ct_wheel *wheel, struct ct_conn *conn)
{
    struct ct_conn_links *links = ct_conn_links(conn);

    if (links->prev == PREV_RELEASED) {
        return;                 /* Late news of one that is gone. */
    }

    disarm(wheel, links);
    if (ct_conn_status(conn) & CT_CONN_STATUS_DEAD) {
        links->prev = PREV_RELEASED;
        wheel->ops->release(wheel->aux, conn);
    } else if (!wheel->tick || !expires(wheel, conn, wheel->tick - 1)) {
        arm(wheel, conn, wheel->tick);
    }
}

/* The deadline of 'conn', which is not armed, is over at 'tick', and it has
 * ended: it comes back as news, dead. */
static bool
expires(struct ct_wheel *wheel, struct ct_conn *conn, uint64_t tick)
{
    uint64_t due = tick * CT_WHEEL_TICK_MS;

    if (atomic_load_explicit(&conn->deadline, memory_order_relaxed) > due) {
        return false;
    }
    wheel->ops->expire(wheel->aux, conn, due);
    return ct_conn_status(conn) & CT_DPIF_STATUS_DYING;
}

/* Time. */

/* True if the budget ends before the work does. */
static bool
run_ticks(struct ct_wheel *wheel, uint64_t now, unsigned int *budget)
{
    uint64_t end = now / CT_WHEEL_TICK_MS;

    while (wheel->tick <= end) {
        uint32_t slot = wheel->tick & SLOT_MASK;

        if (wheel->lists[LIST_CASCADE] || wheel->lists[slot]) {
            if (!*budget) {
                return true;
            }
            --*budget;
        }

        if (wheel->lists[LIST_CASCADE]) {
            struct ct_conn *conn = ct_conn_from_number(
                wheel->memory, wheel->lists[LIST_CASCADE]);

            disarm(wheel, ct_conn_links(conn));
            arm(wheel, conn, wheel->tick);
        } else if (wheel->cascade) {
            cascade_begin(wheel);
        } else if (wheel->lists[slot]) {
            slot_run_one(wheel, wheel->lists[slot]);
        } else {
            next_tick(wheel, end);
        }
    }
    return false;
}

/* The first of the current tick's slot, unless its deadline has moved.  When
 * it expires does not depend on why it was looked at: not before its own
 * tick. */
static void
slot_run_one(struct ct_wheel *wheel, uint32_t number)
{
    struct ct_conn *conn = ct_conn_from_number(wheel->memory, number);

    disarm(wheel, ct_conn_links(conn));
    if (!expires(wheel, conn, wheel->tick)) {
        arm(wheel, conn, wheel->tick + 1);
    }
}

/* On to the next tick that may have work, but not beyond 'end' by more than
 * one. */
static void
next_tick(struct ct_wheel *wheel, uint64_t end)
{
    wheel->tick = MIN(next_busy_tick(wheel), end + 1);

    wheel->cascade = 0;
    for (int level = 1; level < N_LEVELS; level++) {
        if (wheel->tick & ((UINT64_C(1) << (level * LEVEL_BITS)) - 1)) {
            break;
        }
        wheel->cascade = level;
    }
}

/* The tick after this one at which a slot is due or comes down.  Slots up to
 * the current one belong to their level's next round. */
static uint64_t
next_busy_tick(const struct ct_wheel *wheel)
{
    for (int level = 0; level < N_LEVELS; level++) {
        const uint32_t *slots = &wheel->lists[level * N_SLOTS];
        unsigned int shift = level * LEVEL_BITS;
        uint64_t now = wheel->tick >> shift;
        unsigned int current = now & SLOT_MASK;

        for (unsigned int i = current + 1; i < N_SLOTS; i++) {
            if (slots[i]) {
                return (now - current + i) << shift;
            }
        }
        for (unsigned int i = 0; i <= current; i++) {
            if (slots[i]) {
                return (now - current + N_SLOTS) << shift;
            }
        }
    }
    return UINT64_MAX;
}

/* The highest level whose slot begins now: its connections are to be armed
 * again, nearer. */
static void
cascade_begin(struct ct_wheel *wheel)
{
    unsigned int level = wheel->cascade--;
    unsigned int slot = (wheel->tick >> (level * LEVEL_BITS)) & SLOT_MASK;
    uint32_t *list = &wheel->lists[level * N_SLOTS + slot];

    if (*list) {
        /* Only the first one knows its list. */
        links_of(wheel, *list)->prev = PREV_LIST | LIST_CASCADE;
        wheel->lists[LIST_CASCADE] = *list;
        *list = 0;
    }
}

/* Lists. */

static struct ct_conn_links *
links_of(const struct ct_wheel *wheel, uint32_t number)
{
    return ct_conn_links(ct_conn_from_number(wheel->memory, number));
}

static void
arm(struct ct_wheel *wheel, struct ct_conn *conn, uint64_t earliest)
{
    uint64_t deadline = atomic_load_explicit(&conn->deadline,
                                             memory_order_relaxed);
    uint64_t tick = (deadline / CT_WHEEL_TICK_MS
                     + (deadline % CT_WHEEL_TICK_MS != 0));
    unsigned int level = 0;

    tick = MAX(tick, earliest);
    tick = MIN(tick, wheel->tick + HORIZON);
    while ((tick - wheel->tick) >> ((level + 1) * LEVEL_BITS)) {
        level++;
    }

    uint32_t list = (level * N_SLOTS
                     + ((tick >> (level * LEVEL_BITS)) & SLOT_MASK));
    struct ct_conn_links *links = ct_conn_links(conn);
    uint32_t number = ct_conn_number(conn);

    links->prev = PREV_LIST | list;
    links->next = wheel->lists[list];
    if (links->next) {
        links_of(wheel, links->next)->prev = number;
    }
    wheel->lists[list] = number;
}

static void
disarm(struct ct_wheel *wheel, struct ct_conn_links *links)
{
    uint32_t prev = links->prev;

    if (!prev) {
        return;                 /* Not armed. */
    }
    if (prev & PREV_LIST) {
        wheel->lists[prev & ~PREV_LIST] = links->next;
    } else {
        links_of(wheel, prev)->next = links->next;
    }
    if (links->next) {
        links_of(wheel, links->next)->prev = prev;
    }
    links->next = links->prev = 0;
}
