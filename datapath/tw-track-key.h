/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_TRACK_KEY_H
#define TW_TRACK_KEY_H 1

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>

#include "dp-packet.h"
#include "openvswitch/types.h"

/* What the track cache knows a packet by.
 * =======================================
 *
 * What
 * ----
 * All header fields by which megaflows can tell apart packets that are
 * neither fragments nor oddities: whoever has an equal key meets the same
 * megaflows, as long as these look at nothing but the key, TCP flags, and
 * what actions and connections make of the packet.
 *
 * A key has two parts.  The context is what the packets of many connections
 * have in common: ingress port, Ethernet addresses, VLAN, tunnel, protocol,
 * TOS, TTL.  The rest is the connection's: addresses and ports.
 *
 * Kinds
 * -----
 * A packet has a kind, which is part of the context.  With TW_KEY_NONE it has
 * no key.  'trackable' says that the key says enough of the transport header:
 * not for fragments, ICMP errors (their connection is that of the packet
 * which they quote), multicast and neighbor discovery messages, and enhanced
 * GRE (which connection a call id means, its control connection says).
 *
 * Units: all fields as in the packet, in network byte order.  Threads: pure.
 */

enum tw_key_kind {
    TW_KEY_NONE,
    TW_KEY_OTHER,               /* Neither IP nor MPLS nor NSH. */
    TW_KEY_IPV4,
    TW_KEY_IPV6,
};
#define TW_KEY_FIRST_FRAGMENT 0x10  /* Added to the kind. */
#define TW_KEY_LATER_FRAGMENT 0x20
#define TW_KEY_KIND_MASK 0x0f

/* 24 bytes, compared and hashed as words. */
struct tw_key_context {
    struct eth_addr dl_dst, dl_src;
    odp_port_t in_port;
    ovs_be16 vlan_tci;          /* 0: no tag. */
    uint16_t tunnel;            /* tw_tunnel_key(); 0: none. */
    uint8_t kind;               /* enum tw_key_kind, TW_KEY_*_FRAGMENT. */
    union {
        struct {
            uint8_t proto, tos, ttl;
        };
        uint8_t dl_type[2];     /* TW_KEY_OTHER, for which ttl is 0. */
    };
};
BUILD_ASSERT_DECL(sizeof(struct tw_key_context) == 24);

struct tw_track_key {
    union {
        struct tw_key_context context;
        uint64_t context_words[3];
    };
    ovs_be32 ports;             /* Or type, code, identifier (ICMP); 0. */
    union {
        struct {
            ovs_be32 src, dst;
        } ip4;
        struct {
            ovs_be32 label;
            struct in6_addr src, dst;
        } ip6;
    };

    /* Beside the key. */
    bool trackable;
    uint16_t tcp_flags;         /* Host byte order; 0 unless TCP. */
};

static inline enum tw_key_kind
tw_track_key_kind(const struct tw_track_key *key)
{
    return key->context.kind & TW_KEY_KIND_MASK;
}

/* Reads the headers of 'packet', whose metadata is initialised, and sets its
 * offsets.  'tunnel' is tw_tunnel_key() of its tunnel.  The kind is
 * TW_KEY_NONE if there is no key; then the offsets may have any value. */
void tw_track_key_extract(struct dp_packet *, uint16_t tunnel,
                          struct tw_track_key *);

/* The hash of 5-tuples that OVS gives a packet with this key if the device
 * gave it none ("RSS hash"). */
uint32_t tw_track_key_rss(const struct tw_track_key *);

#endif /* tw-track-key.h */
