/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_METRICS_H
#define TW_METRICS_H 1

struct ds;

/* Metrics: all counters and gauges, for machines.
 * ================================================
 *
 * Appends to 'ds' what all datapaths have, in OpenMetrics text format 1.0
 * (https://openmetrics.io), complete with "# EOF".  Names begin with
 * "trackway_"; tw-metrics.c has the list, each with its sentence, and
 * Documentation/metrics.rst shows it.
 *
 * Counters never go down, whatever "stats-clear" does.
 *
 * Threads: any that may take dp->port_rwlock. */
void tw_metrics_format(struct ds *);

#endif /* tw-metrics.h */
