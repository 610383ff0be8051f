/* SPDX-License-Identifier: Apache-2.0 */

#ifndef DPIF_TRACKWAY_H
#define DPIF_TRACKWAY_H 1

/* The dpif provider: what a daemon must call to have bridges of
 * datapath_type "trackway".
 *
 * dpif_trackway_register() registers the type and the "trackway/..." commands.
 * Call it once, before bridges are configured.
 *
 * dpif_trackway_register_dummy() makes each type that is OVS's dummy by now
 * (after dummy_enable(): "dummy", and those that it was told to override) a
 * dummy of this datapath instead: without threads, in virtual time, with port
 * numbers after the ports' names. */
void dpif_trackway_register(void);
void dpif_trackway_register_dummy(void);

#endif /* dpif-trackway.h */
