/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_METER_H
#define TW_METER_H 1

#include "dpif.h"
#include "openvswitch/ofp-meter.h"

struct dp_packet_batch;
struct tw_datapath;
struct tw_thread;

/* Meters.
 * =======
 *
 * Token buckets.  A packet that does not fit in the bucket of one or more
 * bands is dropped and counted for the one of them with the highest rate.
 *
 * Threads: any.  A meter has a mutex, which packet threads hold while they
 * run a batch through it.
 *
 * Units: rates in kbit/s, or packets/s with OFPMF13_PKTPS; buckets hold bits,
 * or thousandths of a packet, so that a millisecond fills in 'rate' units. */

void tw_meter_init(struct tw_datapath *);
void tw_meter_uninit(struct tw_datapath *);     /* With meters: all go. */

/* As dpif's functions of the same name.  EFBIG: no such number can be; ENOENT:
 * there is none; EBADF, ENODEV, EINVAL: flags, a band's type, or bands that
 * cannot be. */
void tw_meter_get_features(struct ofputil_meter_features *);
int tw_meter_set(struct tw_datapath *, ofproto_meter_id,
                 struct ofputil_meter_config *);
int tw_meter_get(struct tw_datapath *, ofproto_meter_id,
                 struct ofputil_meter_stats *, uint16_t n_bands);
int tw_meter_del(struct tw_datapath *, ofproto_meter_id,
                 struct ofputil_meter_stats *, uint16_t n_bands);
void tw_meter_destroy_all(struct tw_datapath *);

/* Runs 'batch' through meter 'id', taking out, freeing and counting what
 * exceeds it.  Without effect if there is no such meter. */
void tw_meter_run(struct tw_thread *, struct dp_packet_batch *, uint32_t id);

#endif /* tw-meter.h */
