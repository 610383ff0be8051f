/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_PACKET_H
#define TW_PACKET_H 1

#include "dp-packet.h"
#include "tw-lookup.h"
#include "tw-plain.h"

struct tw_thread;

/* The packets that are on their way together, and what is known of each.
 *
 * Made by tw_parse(), filled in by the lookups, used up by
 * tw_packets_execute().  On the stack of tw_input(), at most
 * TW_MAX_RECIRC_DEPTH + 1 of them at a time: not initialised as a whole, since
 * that would cost more than to use it. */
struct tw_packets {
    size_t n;
    uint32_t plain;             /* Bits: have their rule, and no key. */
    uint32_t may_be_plain;      /* Bits: 'plains' is filled in. */
    uint16_t tcp_flags[NETDEV_MAX_BURST];       /* Host byte order. */
    struct dp_packet *packets[NETDEV_MAX_BURST];
    struct tw_rule *rules[NETDEV_MAX_BURST];    /* Of their megaflows. */
    struct tw_plain_packet plains[NETDEV_MAX_BURST];
    struct tw_key keys[NETDEV_MAX_BURST];
};

/* A bit for each packet. */
BUILD_ASSERT_DECL(NETDEV_MAX_BURST <= 32);

static inline uint32_t
tw_packets_all(const struct tw_packets *packets)
{
    return packets->n < 32 ? (1u << packets->n) - 1 : UINT32_MAX;
}

/* Counts the packets, except those that have a bit in 'gone', for their
 * megaflows, and executes their actions: packets of one megaflow together, in
 * the order in which they came.  Takes ownership of them. */
void tw_packets_execute(struct tw_thread *, struct tw_packets *,
                        uint32_t gone);

#endif /* tw-packet.h */
