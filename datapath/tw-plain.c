/* SPDX-License-Identifier: Apache-2.0 */

/* The first place where the slow path looks for a packet's rule.  Called by
 * tw-parse (find) and tw-input (insert). */

#include <config.h>

#include "tw-plain.h"

#include "flow.h"
#include "packets.h"
#include "tw-shortcut.h"
#include "util.h"

static bool is_plain(const struct flow *, const struct flow_wildcards *);

void
tw_plain_rule_init(struct tw_rule *rule, const struct flow *flow,
                   const struct flow_wildcards *wc)
{
    const struct flow *mask = &wc->masks;
    struct tw_rule_plain *plain = &rule->plain;

    plain->valid = is_plain(flow, wc);
    plain->mask = tw_plain_word(mask->dl_type, mask->vlans[0].tci,
                                mask->ct_state);
    plain->word = tw_plain_word(flow->dl_type, flow->vlans[0].tci,
                                flow->ct_state) & plain->mask;
    plain->ct_mark_mask = mask->ct_mark;
    plain->ct_mark = flow->ct_mark & mask->ct_mark;
}

/* Does the tag's type, where a rule asks for it, say no more than its
 * presence? */
static bool
tpid_is_implied(const union flow_vlan_hdr *vlan,
                const union flow_vlan_hdr *mask)
{
    bool tagged = vlan->tci & mask->tci & htons(VLAN_CFI);

    return (!mask->tpid
            || vlan->tpid == (tagged ? htons(ETH_TYPE_VLAN_8021Q) : 0));
}

static bool
is_plain(const struct flow *flow, const struct flow_wildcards *wc)
{
    struct flow mask = wc->masks;

    if ((flow->nw_frag & mask.nw_frag)
        || (flow->packet_type & mask.packet_type)
        || (flow->vlans[1].qtag & mask.vlans[1].qtag)
        || (flow->skb_priority & mask.skb_priority)
        || (flow->pkt_mark & mask.pkt_mark)
        || !tpid_is_implied(&flow->vlans[0], &mask.vlans[0])) {
        return false;
    }
    memset(&mask.in_port, 0, sizeof mask.in_port);
    memset(mask.vlans, 0, sizeof mask.vlans);
    mask.recirc_id = mask.ct_mark = 0;
    mask.ct_state = mask.nw_frag = 0;
    mask.packet_type = 0;
    mask.dl_type = 0;
    /* No packet that is looked at here has these. */
    mask.skb_priority = mask.pkt_mark = 0;
    return is_all_zeros(&mask, sizeof mask);
}

bool
tw_plain_extract(struct dp_packet *packet, struct tw_plain_packet *p)
{
    const struct pkt_metadata *md = &packet->md;
    struct tw_shortcut_packet s;

    if (dp_packet_size(packet) < ETH_HEADER_LEN || md->skb_priority
        || md->pkt_mark || !tw_shortcut_extract(packet, &s)
        || !s.l4_ports) {
        return false;
    }
    if (s.ipv6) {
        dp_packet_update_rss_hash_ipv6_tcp_udp(packet);
    } else {
        dp_packet_update_rss_hash_ipv4_tcp_udp(packet);
    }
    p->place = tw_place(md->in_port.odp_port, md->recirc_id);
    p->word = (uint64_t) md->ct_state << 32 | (uint32_t) s.word;
    p->tcp_flags = s.tcp_flags;
    return true;
}

static unsigned int
position(const struct tw_plain_packet *p)
{
    return ((p->place ^ p->word * UINT64_C(0x9e3779b97f4a7c15))
            * UINT64_C(0xbf58476d1ce4e5b9) >> 56);
}

struct tw_rule *
tw_plain_find(const struct tw_plains *plains, const struct tw_lookup *lookup,
              const struct tw_plain_packet *p, const struct pkt_metadata *md)
{
    const struct tw_plain *plain = &plains->table[position(p)];
    struct tw_rule *rule;

    if (plain->place != p->place || plain->word != p->word
        || !plain->number) {
        return NULL;
    }
    rule = tw_lookup_by_number(lookup, plain->number);
    return (rule && rule->place == p->place && rule->plain.valid
            && (p->word & rule->plain.mask) == rule->plain.word
            && (md->ct_mark & rule->plain.ct_mark_mask) == rule->plain.ct_mark
            ? rule : NULL);
}

void
tw_plain_insert(struct tw_plains *plains, const struct tw_plain_packet *p,
                const struct tw_rule *rule)
{
    if (rule->plain.valid) {
        plains->table[position(p)] = (struct tw_plain) {
            .place = p->place, .word = p->word, .number = rule->number,
        };
    }
}
