/* SPDX-License-Identifier: Apache-2.0 */

#ifndef NETDEV_TRAFFIC_H
#define NETDEV_TRAFFIC_H 1

/* Netdev type "traffic": packets without a network.
 * ==================================================
 *
 * What
 * ----
 * A port of this type makes packets when a packet thread polls it, and counts
 * and checks the packets that it is sent.  A client and its server, two
 * ports, open connections through whatever the bridge does with them and then
 * use them.  Documentation/traffic.rst describes the options.
 *
 * Only netdev-provider.h of OVS is needed: the type works in any userspace
 * datapath. */

/* Registers the type and the commands netdev-traffic/... of ovs-appctl. */
void netdev_traffic_register(void);

#endif /* netdev-traffic.h */
