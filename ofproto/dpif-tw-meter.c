/* SPDX-License-Identifier: Apache-2.0 */

/* The dpif provider: meters and bonds.  In terms of datapath/tw-meter and
 * tw-bond. */

#include <config.h>

#include "dpif-tw.h"
#include "tw-bond.h"
#include "tw-meter.h"

void
dpif_tw_meter_get_features(const struct dpif *dpif OVS_UNUSED,
                           struct ofputil_meter_features *features)
{
    tw_meter_get_features(features);
}

int
dpif_tw_meter_set(struct dpif *dpif, ofproto_meter_id id,
                  struct ofputil_meter_config *config)
{
    return tw_meter_set(dpif_tw_datapath(dpif), id, config);
}

int
dpif_tw_meter_get(const struct dpif *dpif, ofproto_meter_id id,
                  struct ofputil_meter_stats *stats, uint16_t n_bands)
{
    return tw_meter_get(dpif_tw_datapath(dpif), id, stats, n_bands);
}

int
dpif_tw_meter_del(struct dpif *dpif, ofproto_meter_id id,
                  struct ofputil_meter_stats *stats, uint16_t n_bands)
{
    return tw_meter_del(dpif_tw_datapath(dpif), id, stats, n_bands);
}

int
dpif_tw_bond_add(struct dpif *dpif, uint32_t id, odp_port_t *members)
{
    return tw_bond_add(dpif_tw_datapath(dpif), id, members);
}

int
dpif_tw_bond_del(struct dpif *dpif, uint32_t id)
{
    return tw_bond_del(dpif_tw_datapath(dpif), id);
}

int
dpif_tw_bond_stats_get(struct dpif *dpif, uint32_t id, uint64_t *n_bytes)
{
    return tw_bond_stats_get(dpif_tw_datapath(dpif), id, n_bytes);
}
