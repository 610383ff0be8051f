/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_SEGMENT_H
#define CT_SEGMENT_H 1

#include <stdbool.h>
#include <stdint.h>

struct dp_packet;

/* TCP segments that are made or changed, to ask what would become of them
 * (ct-why.h): beside a packet's way.
 *
 * Units: host byte order. */

struct ct_segment {
    uint16_t flags;             /* TCP_*. */
    uint16_t win;
    uint32_t seq, ack;
};

/* False: 'packet', whose offsets are known, is no whole TCP segment. */
bool ct_segment_get(struct dp_packet *, struct ct_segment *);

/* Writes it into 'packet', from which ct_segment_get() could read, with the
 * checksum that belongs there. */
void ct_segment_put(struct dp_packet *, const struct ct_segment *);

/* Sequence numbers that 'packet' takes: payload, SYN and FIN. */
uint32_t ct_segment_len(const struct dp_packet *);

#endif /* ct-segment.h */
