/* SPDX-License-Identifier: Apache-2.0 */

/* Meters.  Run by tw-actions, configured by the dpif provider. */

#include <config.h>

#include "tw-meter.h"

#include <errno.h>

#include "cmap.h"
#include "dp-packet.h"
#include "hash.h"
#include "ovs-rcu.h"
#include "timeval.h"
#include "tw-datapath.h"
#include "tw-thread.h"
#include "util.h"

enum { MAX_METERS = 1 << 18 };
enum { MAX_BANDS = 8 };

#define METER_FLAGS (OFPMF13_STATS | OFPMF13_PKTPS | OFPMF13_KBPS \
                     | OFPMF13_BURST)

/* Guarded by the mutex of its meter, except [I]. */
struct band {
    uint64_t rate;              /* [I] Units a millisecond. */
    uint64_t capacity;          /* [I] Units. */
    uint64_t bucket;            /* Units. */
    uint64_t n_packets, n_bytes;        /* Dropped. */
};

struct meter {
    struct cmap_node node;              /* In dp->meters. */
    uint32_t id;                        /* [I] */
    bool pktps;                         /* [I] Count packets, not bits. */
    uint32_t n_bands;                   /* [I] */
    struct ovs_mutex mutex;
    long long used;                     /* Milliseconds. */
    uint64_t n_packets, n_bytes;        /* Offered. */
    struct band bands[];
};

static struct meter *find_meter(const struct tw_datapath *, uint32_t id);
static void remove_meter(struct tw_datapath *, struct meter *);
static int check_config(const struct ofputil_meter_config *);
static void fill_buckets(struct meter *, long long now);
static bool admit(struct meter *, const struct dp_packet *);

void
tw_meter_init(struct tw_datapath *dp)
{
    ovs_mutex_init(&dp->meter_mutex);
    cmap_init(&dp->meters);
}

void
tw_meter_uninit(struct tw_datapath *dp)
{
    tw_meter_destroy_all(dp);
    cmap_destroy(&dp->meters);
    ovs_mutex_destroy(&dp->meter_mutex);
}

void
tw_meter_get_features(struct ofputil_meter_features *features)
{
    features->max_meters = MAX_METERS;
    features->band_types = 1 << OFPMBT13_DROP;
    features->capabilities = METER_FLAGS;
    features->max_bands = MAX_BANDS;
    features->max_color = 0;
}

int
tw_meter_set(struct tw_datapath *dp, ofproto_meter_id id,
             struct ofputil_meter_config *config)
{
    struct meter *meter, *old;
    int error;

    error = id.uint32 >= MAX_METERS ? EFBIG : check_config(config);
    if (error) {
        return error;
    }

    meter = xzalloc(sizeof *meter + config->n_bands * sizeof *meter->bands);
    meter->id = id.uint32;
    meter->pktps = config->flags & OFPMF13_PKTPS;
    meter->n_bands = config->n_bands;
    meter->used = time_msec();
    ovs_mutex_init_adaptive(&meter->mutex);
    for (size_t i = 0; i < config->n_bands; i++) {
        struct ofputil_meter_band *asked = &config->bands[i];
        struct band *band = &meter->bands[i];

        /* OpenFlow leaves it to the switch what no burst size means. */
        if (!asked->burst_size) {
            asked->burst_size = asked->rate;
        }
        band->rate = asked->rate;
        band->capacity = asked->burst_size * 1000ULL;
        band->bucket = band->capacity;
    }

    ovs_mutex_lock(&dp->meter_mutex);
    old = find_meter(dp, meter->id);
    if (old) {
        remove_meter(dp, old);
    }
    cmap_insert(&dp->meters, &meter->node, hash_int(meter->id, 0));
    ovs_mutex_unlock(&dp->meter_mutex);
    return 0;
}

int
tw_meter_get(struct tw_datapath *dp, ofproto_meter_id id,
             struct ofputil_meter_stats *stats, uint16_t n_bands)
{
    struct meter *meter;

    if (id.uint32 >= MAX_METERS) {
        return EFBIG;
    }
    meter = find_meter(dp, id.uint32);
    if (!meter) {
        return ENOENT;
    }
    if (stats) {
        ovs_mutex_lock(&meter->mutex);
        stats->packet_in_count = meter->n_packets;
        stats->byte_in_count = meter->n_bytes;
        stats->n_bands = MIN(n_bands, meter->n_bands);
        for (size_t i = 0; i < stats->n_bands; i++) {
            stats->bands[i].packet_count = meter->bands[i].n_packets;
            stats->bands[i].byte_count = meter->bands[i].n_bytes;
        }
        ovs_mutex_unlock(&meter->mutex);
    }
    return 0;
}

int
tw_meter_del(struct tw_datapath *dp, ofproto_meter_id id,
             struct ofputil_meter_stats *stats, uint16_t n_bands)
{
    int error = tw_meter_get(dp, id, stats, n_bands);
    struct meter *meter;

    if (!error) {
        ovs_mutex_lock(&dp->meter_mutex);
        meter = find_meter(dp, id.uint32);
        if (meter) {
            remove_meter(dp, meter);
        }
        ovs_mutex_unlock(&dp->meter_mutex);
    }
    return error;
}

void
tw_meter_destroy_all(struct tw_datapath *dp)
{
    struct meter *meter;

    ovs_mutex_lock(&dp->meter_mutex);
    CMAP_FOR_EACH (meter, node, &dp->meters) {
        remove_meter(dp, meter);
    }
    ovs_mutex_unlock(&dp->meter_mutex);
}

void
tw_meter_run(struct tw_thread *thread, struct dp_packet_batch *batch,
             uint32_t id)
{
    struct meter *meter = find_meter(thread->dp, id);
    size_t before = dp_packet_batch_size(batch);
    struct dp_packet *packet;
    size_t i;

    if (OVS_UNLIKELY(!meter)) {
        return;
    }

    ovs_mutex_lock(&meter->mutex);
    fill_buckets(meter, tw_thread_now_ms(thread));
    DP_PACKET_BATCH_REFILL_FOR_EACH (i, before, packet, batch) {
        if (admit(meter, packet)) {
            dp_packet_batch_refill(batch, packet, i);
        } else {
            dp_packet_delete(packet);
        }
    }
    ovs_mutex_unlock(&meter->mutex);

    tw_stats_drop(&thread->stats, TW_DROP_METER,
                  before - dp_packet_batch_size(batch));
}

static struct meter *
find_meter(const struct tw_datapath *dp, uint32_t id)
{
    struct meter *meter;

    CMAP_FOR_EACH_WITH_HASH (meter, node, hash_int(id, 0), &dp->meters) {
        if (meter->id == id) {
            return meter;
        }
    }
    return NULL;
}

static void
free_meter_cb(struct meter *meter)
{
    ovs_mutex_destroy(&meter->mutex);
    free(meter);
}

static void
remove_meter(struct tw_datapath *dp, struct meter *meter)
    OVS_REQUIRES(dp->meter_mutex)
{
    cmap_remove(&dp->meters, &meter->node, hash_int(meter->id, 0));
    ovsrcu_postpone(free_meter_cb, meter);
}

static int
check_config(const struct ofputil_meter_config *config)
{
    if (config->flags & ~METER_FLAGS) {
        return EBADF;
    }
    if (config->n_bands > MAX_BANDS) {
        return EINVAL;
    }
    for (size_t i = 0; i < config->n_bands; i++) {
        if (config->bands[i].type != OFPMBT13_DROP) {
            return ENODEV;
        }
        if (!config->bands[i].rate) {
            return EINVAL;
        }
    }
    return 0;
}

/* Threads read the clock before they come to the meter, so that time may seem
 * to run backwards: then nothing is filled in, and what was filled in is not
 * forgotten. */
static void
fill_buckets(struct meter *meter, long long now)
    OVS_REQUIRES(meter->mutex)
{
    uint64_t elapsed = now > meter->used ? now - meter->used : 0;

    meter->used = MAX(meter->used, now);
    for (size_t i = 0; i < meter->n_bands; i++) {
        struct band *band = &meter->bands[i];

        /* Compared first, since the product may not fit. */
        if (elapsed > band->capacity / band->rate) {
            band->bucket = band->capacity;
        } else {
            band->bucket = MIN(band->bucket + elapsed * band->rate,
                               band->capacity);
        }
    }
}

/* Takes 'packet' from all buckets that hold enough.  False if one did not. */
static bool
admit(struct meter *meter, const struct dp_packet *packet)
    OVS_REQUIRES(meter->mutex)
{
    uint64_t size = dp_packet_size(packet);
    uint64_t volume = meter->pktps ? 1000 : size * 8;
    struct band *exceeded = NULL;

    meter->n_packets++;
    meter->n_bytes += size;
    for (size_t i = 0; i < meter->n_bands; i++) {
        struct band *band = &meter->bands[i];

        if (band->bucket >= volume) {
            band->bucket -= volume;
        } else if (!exceeded || band->rate > exceeded->rate) {
            exceeded = band;
        }
    }
    if (exceeded) {
        exceeded->n_packets++;
        exceeded->n_bytes += size;
    }
    return !exceeded;
}
