/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_PLAIN_H
#define TW_PLAIN_H 1

#include "dp-packet.h"
#include "openvswitch/flow.h"
#include "tw-lookup.h"

/* Lookup without headers, on the slow path.
 * =========================================
 *
 * What
 * ----
 * Many rules look at nothing but the place (ingress port and recirculation
 * id), Ethernet type, VLAN tag, whether the packet is a fragment, and the
 * outcome of connection tracking: "to ct()", "established: forward".  Such a
 * rule is "plain".  For packets of place and values for which a plain rule was
 * found before, a small table names it, and no header needs to be read beyond
 * the Ethernet type: which is what packets of new connections cost most.
 *
 * As the signature cache it holds numbers of rules, and believes a rule only
 * if it matches, so that it needs no purge.
 *
 * Only for packets of TCP and UDP over IPv4 and IPv6 that are no fragments, in
 * frames with at most one 802.1Q tag.
 *
 * Threads: tw_plain_rule_init() as tw_lookup_insert(); the others by the
 * owning thread.
 */

#define TW_PLAINS 256

struct tw_plain {
    uint64_t place;
    uint64_t word;              /* tw_plain_word(). */
    uint32_t number;            /* Of the rule; 0: none. */
};

struct tw_plains {
    struct tw_plain table[TW_PLAINS];
};

/* What a plain rule can look at, of one packet. */
struct tw_plain_packet {
    uint64_t place;
    uint64_t word;
    uint16_t tcp_flags;         /* Host byte order. */
};

static inline uint64_t
tw_plain_word(ovs_be16 dl_type, ovs_be16 vlan_tci, uint8_t ct_state)
{
    return ((uint64_t) ct_state << 32
            | (uint32_t) (OVS_FORCE uint16_t) dl_type << 16
            | (OVS_FORCE uint16_t) vlan_tci);
}

/* Fills in rule->plain, if 'rule', for 'flow' under 'wc', is one. */
void tw_plain_rule_init(struct tw_rule *, const struct flow *,
                        const struct flow_wildcards *);

/* Reads 'packet', sets its offsets, and gives it the hash that OVS would.
 * False if it is not one that a plain rule is looked up for; then the offsets
 * may have any value. */
bool tw_plain_extract(struct dp_packet *, struct tw_plain_packet *);

/* The plain rule that matches 'p', whose metadata is 'md', or NULL. */
struct tw_rule *tw_plain_find(const struct tw_plains *,
                              const struct tw_lookup *,
                              const struct tw_plain_packet *p,
                              const struct pkt_metadata *md);

/* Remembers that 'p' matched 'rule', if that is plain. */
void tw_plain_insert(struct tw_plains *, const struct tw_plain_packet *p,
                     const struct tw_rule *rule);

#endif /* tw-plain.h */
