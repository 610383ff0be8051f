/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_METER_H
#define TW_METER_H 1

#include "dp-packet.h"
#include "dpif.h"
#include "openvswitch/ofp-meter.h"

struct tw_datapath;
struct tw_thread;

/* Meters, as dpif's meter_* functions ask; token buckets with one band that
 * applies at a time (the highest rate exceeded). */
void tw_meter_init(struct tw_datapath *);
void tw_meter_uninit(struct tw_datapath *);     /* With meters: all go. */
void tw_meter_get_features(struct ofputil_meter_features *);
int tw_meter_set(struct tw_datapath *, ofproto_meter_id,
                 struct ofputil_meter_config *);
int tw_meter_get(struct tw_datapath *, ofproto_meter_id,
                 struct ofputil_meter_stats *, uint16_t n_bands);
int tw_meter_del(struct tw_datapath *, ofproto_meter_id,
                 struct ofputil_meter_stats *, uint16_t n_bands);
void tw_meter_destroy_all(struct tw_datapath *);

/* Runs 'batch' through meter 'id', taking out, freeing and counting what
 * exceeds it. */
void tw_meter_run(struct tw_thread *, struct dp_packet_batch *, uint32_t id);

#endif /* tw-meter.h */
