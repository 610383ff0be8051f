/* SPDX-License-Identifier: Apache-2.0 */

#ifndef BENCH_CT_SOURCE_H
#define BENCH_CT_SOURCE_H 1

#include <stdbool.h>
#include <stdint.h>

#include "dp-packet.h"

/* Packets for the tracker's benchmark.
 * ====================================
 *
 * What
 * ----
 * TCP packets of 64 bytes (60 and the frame check sequence) with correct
 * checksums, in batches of 32.  Each batch is written anew, headers and
 * metadata, into packets of a ring that is larger than what the first level
 * cache holds of it: what a device would hand over.
 *
 * bench_source_next() writes the packets of 32 connections of a set, one in
 * sequence or at random; connection 'i' of a set has always the same tuple.
 *
 * Threads: a source belongs to one. */

enum bench_set {
    BENCH_COUNTED,              /* Clients by the million, one server. */
    BENCH_RANDOM,               /* All of the tuple random. */
    BENCH_XOR                   /* Equal src XOR dst, sport XOR dport. */
};

enum bench_step {               /* Packets of a connection, in order. */
    BENCH_SYN,
    BENCH_SYN_ACK,
    BENCH_ACK,
    BENCH_DATA                  /* Pure acknowledgments, either direction. */
};

#define BENCH_RING 16           /* Batches. */

struct bench_source {
    enum bench_set set;
    uint64_t random;            /* State. */
    unsigned int turn;
    struct dp_packet *packets[BENCH_RING][NETDEV_MAX_BURST];
};

void bench_source_init(struct bench_source *, enum bench_set);
void bench_source_uninit(struct bench_source *);

/* The next batch: connections 'first' to 'first' + 31. */
void bench_source_next(struct bench_source *, struct dp_packet_batch *,
                       enum bench_step, uint32_t first);
/* The next batch: 32 random ones of connections 0 to 'n' - 1, with
 * BENCH_DATA. */
void bench_source_random(struct bench_source *, struct dp_packet_batch *,
                         uint32_t n);

#endif /* bench-ct-source.h */
