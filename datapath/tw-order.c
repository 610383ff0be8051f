/* SPDX-License-Identifier: Apache-2.0 */

/* Which packets must not be told apart.  Called by tw-cache, for batches that
 * do not all take one way. */

#include <config.h>

#include "tw-order.h"

/* A table of the batch's connections: twice as many places as packets. */
#define N_SLOTS (2 * NETDEV_MAX_BURST)

struct slot {
    uint32_t connection;
    bool taken;
    bool conflict;
    const struct tw_program *program;   /* Of the first of its packets. */
};

/* The same for both directions. */
static uint32_t
connection_hash(const struct tw_track_key *key)
{
    uint32_t ports = ntohl(key->ports);
    uint32_t port_pair = ports & 0xffff;
    uint32_t addrs = 0;

    if (key->context.proto != IPPROTO_ICMP
        && key->context.proto != IPPROTO_ICMPV6) {
        port_pair ^= ports >> 16;
    }
    if (tw_track_key_kind(key) == TW_KEY_IPV4) {
        addrs = ((OVS_FORCE uint32_t) key->ip4.src
                 ^ (OVS_FORCE uint32_t) key->ip4.dst);
    } else if (tw_track_key_kind(key) == TW_KEY_IPV6) {
        uint32_t words[8];

        memcpy(words, &key->ip6.src, sizeof words);
        for (size_t i = 0; i < 4; i++) {
            addrs = addrs * 31 + (words[i] ^ words[i + 4]);
        }
    }
    return (addrs * UINT32_C(0x9e3779b1)) ^ (port_pair * UINT32_C(0x85ebca6b));
}

static struct slot *
find_slot(struct slot slots[], uint32_t connection)
{
    unsigned int i = connection >> 26;

    while (slots[i].taken && slots[i].connection != connection) {
        i = (i + 1) % N_SLOTS;
    }
    return &slots[i];
}

uint32_t
tw_order_conflicts(const struct tw_pass *pass)
{
    struct slot *of[NETDEV_MAX_BURST];
    struct slot slots[N_SLOTS];
    uint32_t conflicts = 0;

    for (size_t i = 0; i < N_SLOTS; i++) {
        slots[i].taken = false;
    }
    for (size_t i = 0; i < pass->n; i++) {
        uint32_t connection = connection_hash(&pass->keys[i]);
        struct slot *slot = find_slot(slots, connection);

        of[i] = slot;
        if (!slot->taken) {
            slot->connection = connection;
            slot->taken = true;
            slot->conflict = false;
            slot->program = pass->programs[i];
        } else if (slot->program != pass->programs[i]) {
            slot->conflict = true;
        }
    }
    for (size_t i = 0; i < pass->n; i++) {
        conflicts |= (uint32_t) of[i]->conflict << i;
    }
    return conflicts;
}
