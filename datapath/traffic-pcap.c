/* SPDX-License-Identifier: Apache-2.0 */

/* The first step of the way of a packet that comes out of a capture.  Called
 * by traffic-device, to read it, and by traffic-make. */

#include <config.h>

#include "traffic-pcap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dp-packet.h"
#include "flow.h"
#include "ovs-atomic.h"
#include "pcap-file.h"
#include "traffic-make.h"
#include "traffic-plan.h"
#include "traffic-pool.h"
#include "util.h"

struct frame {
    uint8_t *data;
    uint32_t len;
};

/* The frames of one queue. */
struct reel {
    struct frame *frames;
    size_t n, allocated;
};

struct traffic_pcap {
    struct ovs_refcount ref_cnt;
    unsigned int n_queues;
    struct reel *reels;
    size_t n_frames;
};

static struct reel *
choose_reel(struct traffic_pcap *pcap, struct dp_packet *packet)
{
    struct flow flow;

    if (pcap->n_queues == 1) {
        return pcap->reels;
    }
    flow_extract(packet, &flow);
    return &pcap->reels[flow_hash_symmetric_l4(&flow, 0) % pcap->n_queues];
}

static void
add_frame(struct traffic_pcap *pcap, struct dp_packet *packet)
{
    struct reel *reel = choose_reel(pcap, packet);
    struct frame *frame;

    if (reel->n >= reel->allocated) {
        reel->frames = x2nrealloc(reel->frames, &reel->allocated,
                                  sizeof *reel->frames);
    }
    frame = &reel->frames[reel->n++];
    frame->len = dp_packet_size(packet);
    frame->data = xmemdup(dp_packet_data(packet), frame->len);
    pcap->n_frames++;
}

/* Frames that are too short for Ethernet, or too long for a packet with
 * headroom, are left out. */
static int
read_frames(struct traffic_pcap *pcap, struct pcap_file *file)
{
    struct dp_packet *packet;
    int error;

    while (!(error = ovs_pcap_read(file, &packet, NULL))) {
        if (dp_packet_size(packet) >= ETH_HEADER_LEN
            && dp_packet_size(packet) < UINT16_MAX - 1024) {
            add_frame(pcap, packet);
        }
        dp_packet_delete(packet);
    }
    return error == EOF ? 0 : error;
}

struct traffic_pcap *
traffic_pcap_open(const char *name, unsigned int n_queues, char **errp)
{
    struct pcap_file *file = ovs_pcap_open(name, "rb");
    struct traffic_pcap *pcap;
    int error;

    if (!file) {
        *errp = xasprintf("options:pcap=%s cannot be read (%s)", name,
                          ovs_strerror(errno));
        return NULL;
    }
    pcap = xzalloc(sizeof *pcap);
    ovs_refcount_init(&pcap->ref_cnt);
    pcap->n_queues = n_queues;
    pcap->reels = xcalloc(n_queues, sizeof *pcap->reels);
    error = read_frames(pcap, file);
    ovs_pcap_close(file);
    if (error || !pcap->n_frames) {
        *errp = xasprintf("options:pcap=%s %s", name,
                          error ? "is damaged" : "has no frames");
        traffic_pcap_unref(pcap);
        return NULL;
    }
    return pcap;
}

struct traffic_pcap *
traffic_pcap_ref(struct traffic_pcap *pcap)
{
    if (pcap) {
        ovs_refcount_ref(&pcap->ref_cnt);
    }
    return pcap;
}

void
traffic_pcap_unref(struct traffic_pcap *pcap)
{
    if (!pcap || ovs_refcount_unref(&pcap->ref_cnt) != 1) {
        return;
    }
    for (unsigned int i = 0; i < pcap->n_queues; i++) {
        for (size_t j = 0; j < pcap->reels[i].n; j++) {
            free(pcap->reels[i].frames[j].data);
        }
        free(pcap->reels[i].frames);
    }
    free(pcap->reels);
    free(pcap);
}

static const struct reel *
reel_of(const struct traffic_turn *turn)
{
    return &turn->plan->pcap->reels[turn->queue->id];
}

/* The next frame, or null behind the last one. */
static const struct frame *
next_frame(struct traffic_turn *turn)
{
    const struct reel *reel = reel_of(turn);
    uint32_t *next = &turn->queue->pcap_next;

    if (*next >= reel->n && turn->plan->spec.loop) {
        *next = 0;
    }
    return *next < reel->n ? &reel->frames[(*next)++] : NULL;
}

void
traffic_pcap_replay(struct traffic_turn *turn)
{
    unsigned int n;

    if (turn->side == TRAFFIC_SERVER) {
        return;
    }
    n = traffic_turn_due(turn);
    while (n--) {
        const struct frame *frame = next_frame(turn);
        struct dp_packet *packet;

        if (!frame) {
            break;
        }
        traffic_pool_take(&packet, 1, frame->len);
        memcpy(dp_packet_data(packet), frame->data, frame->len);
        dp_packet_batch_add(turn->batch, packet);
        turn->queue->n_counted++;
    }
}

bool
traffic_pcap_is_done(const struct traffic_turn *turn)
{
    return (turn->side == TRAFFIC_SERVER
            || (!turn->plan->spec.loop
                && turn->queue->pcap_next >= reel_of(turn)->n));
}
