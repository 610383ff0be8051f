/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_SHORTCUT_H
#define TW_SHORTCUT_H 1

#include "dp-packet.h"
#include "tw-track-key.h"

/* Shortcuts: packets of which port, type and tag say all.
 * ========================================================
 *
 * What
 * ----
 * Where the megaflows of a program look at no more than ingress port, Ethernet
 * type, VLAN tag and whether the packet is a fragment, packets need no key:
 * plain forwarding from port to port.  A small table from these to the number
 * of the program.
 *
 * Fragments, other tags than 802.1Q, more than one tag and broken headers have
 * no shortcut; they take the way of contexts.
 *
 * Threads: a thread's own.
 */

#define TW_SHORTCUTS 64

struct tw_shortcut {
    uint64_t word;              /* tw_shortcut_word(). */
    uint16_t program;           /* 0: none. */
};

struct tw_shortcuts {
    struct tw_shortcut table[TW_SHORTCUTS];
    unsigned int n;             /* That have a program. */
};

/* 'vlan_tci' with the CFI bit set, or 0. */
static inline uint64_t
tw_shortcut_word(odp_port_t in_port, ovs_be16 dl_type, ovs_be16 vlan_tci)
{
    return ((uint64_t) odp_to_u32(in_port) << 32
            | (uint32_t) (OVS_FORCE uint16_t) dl_type << 16
            | (OVS_FORCE uint16_t) vlan_tci);
}

static inline struct tw_shortcut *
tw_shortcut_at(struct tw_shortcuts *shortcuts, uint64_t word)
{
    return &shortcuts->table[word * UINT64_C(0x9e3779b97f4a7c15) >> 58];
}

/* What a packet that may have a shortcut shows. */
struct tw_shortcut_packet {
    uint64_t word;
    uint16_t tcp_flags;         /* Host byte order. */
    bool ipv6;
    bool l4_ports;              /* A whole header of TCP or UDP. */
};

/* Reads as much of 'packet' as that takes, and sets its offsets.  False if it
 * has no shortcut; then the offsets may have any value. */
bool tw_shortcut_extract(struct dp_packet *, struct tw_shortcut_packet *);

#endif /* tw-shortcut.h */
