/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_CONFIG_H
#define TW_CONFIG_H 1

#include <stdbool.h>
#include <stdint.h>

#include "smap.h"
#include "tw-schedule.h"

struct tw_datapath;

/* What Open_vSwitch's other_config says to the datapath; tw-ct-config.h has
 * what it says to the tracker.
 * =========================================================================
 *
 *    pmd-cpu-mask            cores of packet threads
 *    pmd-rxq-assign          cycles, roundrobin or group
 *    pmd-rxq-isolate         true or false; false only with group
 *    pmd-maxsleep            microseconds
 *    track-cache             true or false
 *    track-cache-size        tracks of a thread
 *
 * A value that cannot be understood is logged as an error, once, and what was
 * in force before stays.
 *
 * Threads: the main thread. */

struct tw_config {
    struct smap seen;               /* Ours, as they were when last looked
                                     * at. */
    enum tw_assign assign;
    bool isolate;
    bool isolate_told;              /* That it has no effect. */
    bool cache;
    uint64_t cache_size;
};

void tw_config_init(struct tw_config *);
void tw_config_uninit(struct tw_config *);

void tw_config_set(struct tw_datapath *, const struct smap *other_config);

#endif /* tw-config.h */
