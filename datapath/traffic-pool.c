/* SPDX-License-Identifier: Apache-2.0 */

/* Where packets of traffic devices come from and go.  Called by netdev-traffic
 * and traffic-pair. */

#include <config.h>

#include "traffic-pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "dp-packet.h"
#include "ovs-thread.h"
#include "util.h"

/* Room for what actions push in front.  The frame begins a cache line, which
 * takes up to 63 bytes more, and some stay free behind it. */
#define HEADROOM 128
#define TAILROOM 64

struct traffic_pool {
    size_t n;
    struct dp_packet *packets[TRAFFIC_POOL_SIZE];
};

DEFINE_STATIC_PER_THREAD_DATA(struct traffic_pool *, own_pool, NULL);

static pthread_key_t pool_key;

static void
pool_destroy(void *pool_)
{
    struct traffic_pool *pool = pool_;

    while (pool->n) {
        dp_packet_delete(pool->packets[--pool->n]);
    }
    free(pool);
}

static struct traffic_pool *
pool_create(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    struct traffic_pool *pool = xzalloc(sizeof *pool);

    if (ovsthread_once_start(&once)) {
        xpthread_key_create(&pool_key, pool_destroy);
        ovsthread_once_done(&once);
    }
    xpthread_setspecific(pool_key, pool);
    return pool;
}

static inline struct traffic_pool *
pool_get(void)
{
    struct traffic_pool **pool = own_pool_get();

    if (OVS_UNLIKELY(!*pool)) {
        *pool = pool_create();
    }
    return *pool;
}

static inline size_t
room_for(size_t len)
{
    return HEADROOM + CACHE_LINE_SIZE + MAX(len, 64) + TAILROOM;
}

static inline void
reset(struct dp_packet *packet, size_t len)
{
    uintptr_t base = (uintptr_t) dp_packet_base(packet);

    dp_packet_set_data(packet, (void *) ROUND_UP(base + HEADROOM,
                                                 CACHE_LINE_SIZE));
    dp_packet_set_size(packet, len);
    dp_packet_reset_offsets(packet);
    dp_packet_reset_offload(packet);
    dp_packet_reset_cutlen(packet);
    packet->packet_type = htonl(PT_ETH);
}

/* One from malloc(), or from the pool if it is large enough. */
static struct dp_packet *
take_one(struct traffic_pool *pool, size_t len)
{
    while (pool->n) {
        struct dp_packet *packet = pool->packets[--pool->n];

        if (OVS_LIKELY(dp_packet_get_allocated(packet) >= room_for(len))) {
            return packet;
        }
        dp_packet_delete(packet);
    }
    return dp_packet_new(room_for(len));
}

void
traffic_pool_take(struct dp_packet **packets, size_t n, size_t len)
{
    struct traffic_pool *pool = pool_get();
    size_t room = room_for(len);
    size_t i = 0;

    for (size_t left = pool->n; i < n && left; i++) {
        struct dp_packet *packet = pool->packets[--left];

        if (OVS_UNLIKELY(dp_packet_get_allocated(packet) < room)) {
            break;
        }
        packets[i] = packet;
        reset(packet, len);
    }
    pool->n -= i;
    for (; i < n; i++) {
        packets[i] = take_one(pool, len);
        reset(packets[i], len);
    }
}

void
traffic_pool_give(struct dp_packet_batch *batch)
{
    struct traffic_pool *pool = pool_get();
    size_t n = pool->n;
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        if (OVS_LIKELY(n < TRAFFIC_POOL_SIZE
                       && packet->source == DPBUF_MALLOC)) {
            pool->packets[n++] = packet;
        } else {
            dp_packet_delete(packet);
        }
    }
    pool->n = n;
}
