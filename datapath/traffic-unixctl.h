/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRAFFIC_UNIXCTL_H
#define TRAFFIC_UNIXCTL_H 1

/* Commands of ovs-appctl for traffic devices.
 * ============================================
 *
 *     netdev-traffic/show [--json] [NAME]
 *     netdev-traffic/stop NAME...
 *     netdev-traffic/start NAME...
 *     netdev-traffic/reset NAME...
 *     netdev-traffic/restart NAME...
 *
 * Documentation/traffic.rst describes them.  Threads: the main thread. */

void traffic_unixctl_register(void);

#endif /* traffic-unixctl.h */
