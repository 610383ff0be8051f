/* SPDX-License-Identifier: Apache-2.0 */

/* Keys against flow_extract(), for random and
 * hand-made frames: whoever is recognized is what OVS says, and nobody is
 * overlooked. */

#include <config.h>

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/hmap.h"
#include "tests/tw-key-test.h"

#define N_FRAMES 150000

/* A key that was seen, and the flow of the first packet that had it. */
struct seen {
    struct hmap_node by_key, by_flow;
    struct tw_track_key key;
    struct flow flow;           /* Without TCP flags. */
};

static struct hmap keys = HMAP_INITIALIZER(&keys);
static struct hmap flows = HMAP_INITIALIZER(&flows);
static unsigned int n_kinds[0x40], n_repeated;

/* The bytes behind the context that count. */
static size_t
tail_size(const struct tw_track_key *key)
{
    size_t ofs = offsetof(struct tw_track_key, ports);

    switch (tw_track_key_kind(key)) {
    case TW_KEY_IPV4:
        return offsetof(struct tw_track_key, ip4) + sizeof key->ip4 - ofs;
    case TW_KEY_IPV6:
        return offsetof(struct tw_track_key, ip6) + sizeof key->ip6 - ofs;
    default:
        return sizeof key->ports;
    }
}

static bool
same_key(const struct tw_track_key *a, const struct tw_track_key *b)
{
    return (!memcmp(a->context_words, b->context_words,
                    sizeof a->context_words)
            && !memcmp(&a->ports, &b->ports, tail_size(a)));
}

static uint32_t
key_hash(const struct tw_track_key *key)
{
    return hash_bytes(&key->ports, tail_size(key),
                      hash_bytes(key->context_words,
                                 sizeof key->context_words, 0));
}

/* What a key says of packets that have it, by the flow of one of them. */
static void
get_claim(const struct tw_track_key *key, const struct flow *flow,
          struct flow *claim)
{
    *claim = *flow;
    claim->tcp_flags = 0;
    if (key->trackable) {
        return;
    }
    memset(&claim->nd_target, 0, sizeof claim->nd_target);
    memset(&claim->arp_sha, 0, sizeof claim->arp_sha);
    memset(&claim->arp_tha, 0, sizeof claim->arp_tha);
    claim->igmp_group_ip4 = 0;
    if (!key->ports) {
        claim->tp_src = claim->tp_dst = 0;
    }
    if (key->context.kind == TW_KEY_OTHER) {
        claim->nw_src = claim->nw_dst = 0;
        claim->nw_proto = 0;
    }
}

static void
check_same_claim(const struct seen *old, const struct tw_track_key *key,
                 const struct flow *flow)
{
    struct flow a, b;

    get_claim(&old->key, &old->flow, &a);
    get_claim(key, flow, &b);
    assert(old->key.trackable == key->trackable
           || flow->nw_proto == IPPROTO_GRE);
    assert(flow_equal(&a, &b));
    n_repeated++;
}

/* Equal keys, equal flows; equal flows, equal keys but for identifiers. */
static void
check_seen(const struct tw_track_key *key, const struct flow *flow)
{
    uint32_t hash = key_hash(key), flow_hash_ = flow_hash(flow, 0);
    struct seen *seen;

    HMAP_FOR_EACH_WITH_HASH (seen, by_flow, flow_hash_, &flows) {
        if (flow_equal(&seen->flow, flow)) {
            struct tw_track_key a = seen->key, b = *key;

            if (is_icmpv4(flow, NULL) || is_icmpv6(flow, NULL)) {
                a.ports &= htonl(0xffff0000);
                b.ports &= htonl(0xffff0000);
            }
            assert(same_key(&a, &b));
        }
    }
    HMAP_FOR_EACH_WITH_HASH (seen, by_key, hash, &keys) {
        if (same_key(&seen->key, key)) {
            check_same_claim(seen, key, flow);
            return;
        }
    }
    seen = xmalloc(sizeof *seen);
    seen->key = *key;
    seen->flow = *flow;
    hmap_insert(&keys, &seen->by_key, hash);
    hmap_insert(&flows, &seen->by_flow, flow_hash_);
}

static void
forget_seen(void)
{
    struct seen *seen;

    HMAP_FOR_EACH_POP (seen, by_key, &keys) {
        free(seen);
    }
    hmap_destroy(&flows);
    hmap_init(&flows);
}

static void
check_key(struct dp_packet *p, const struct frame *f, const struct truth *t)
{
    struct tw_track_key key, again;
    struct flow flow = t->flow;

    memset(&key, 0xaa, sizeof key);
    memset(&again, 0x55, sizeof again);
    tw_track_key_extract(p, 0, &again);
    tw_track_key_extract(p, 0, &key);
    n_kinds[key.context.kind]++;
    assert(key.context.kind == expected_kind(f, t));
    assert(key.trackable == expected_trackable(t, key.context.kind));
    if (!key.context.kind) {
        return;
    }
    assert(same_key(&key, &again));
    check_offsets(p, t);
    check_values(&key, t);
    check_ports(&key, t);
    assert(key.tcp_flags == (flow.nw_frag ? 0 : expected_tcp_flags(t)));
    if (expected_tcp_flags(t)) {
        flow.tcp_flags = 0;
    }
    check_seen(&key, &flow);
}

static void
check_frame(const struct frame *f)
{
    struct dp_packet p;
    struct truth t;

    frame_packet(f, u32_to_odp(1 + few(2)), &p);
    ask_ovs(&p, &t);
    check_key(&p, f, &t);
    dp_packet_uninit(&p);
}

static void
test_random(int vlan_limit)
{
    struct frame f;

    flow_limit_vlans(vlan_limit);
    for (int i = 0; i < N_FRAMES; i++) {
        frame_random(&f);
        check_frame(&f);
    }
    forget_seen();
}

#define ETH "020000000001020000000002"
#define IP4(FRAG, PROTO) "45000028" "0001" FRAG "40" PROTO "0000" \
                         "0a0000010a000002"
#define IP6(NEXT) "60000000" "0014" NEXT "40" \
                  "fe800000000000000000000000000001" \
                  "fe800000000000000000000000000002"
#define TCP "1234005000000001000000005012ffff00000000"
#define GRE(VERSION) VERSION "880b" "00040007" "000000010000000100000000"
#define ECHO(TYPE) TYPE "00" "0000" "1234" "0001" "000000000000000000000000"

/* What single frames are. */
static const struct {
    const char *hex;
    uint8_t kind;
    bool trackable;
} by_hand[] = {
    { ETH "0800" IP4("0000", "06") TCP, TW_KEY_IPV4, true },
    { ETH "0800" IP4("4000", "06") TCP "0000", TW_KEY_IPV4, true },
    { ETH "81000003" "0800" IP4("0000", "11") TCP, TW_KEY_IPV4, true },
    { ETH "81000000" "86dd" IP6("06") TCP, TW_KEY_IPV6, true },
    { ETH "88a80003" "0800" IP4("0000", "06") TCP, TW_KEY_NONE, false },
    { ETH "81000003" "81000004" "0800" IP4("0000", "06") TCP,
      TW_KEY_NONE, false },
    { ETH "0800" IP4("2000", "06") TCP,
      TW_KEY_IPV4 | TW_KEY_FIRST_FRAGMENT, false },
    { ETH "0800" IP4("0001", "06") TCP,
      TW_KEY_IPV4 | TW_KEY_LATER_FRAGMENT, false },
    { ETH "0800" "46" "00002c" "00010000" "4006" "0000" "0a0000010a000002"
      "00000000" TCP, TW_KEY_IPV4, true },
    { ETH "0800" IP4("0000", "84") TCP, TW_KEY_IPV4, true },
    { ETH "0800" IP4("0000", "01") ECHO("08"), TW_KEY_IPV4, true },
    { ETH "0800" IP4("0000", "01") ECHO("03"), TW_KEY_IPV4, false },
    { ETH "0800" IP4("0000", "3a") ECHO("80"), TW_KEY_NONE, false },
    { ETH "0800" IP4("0000", "02") TCP, TW_KEY_IPV4, false },
    { ETH "0800" IP4("0000", "2f") GRE("0000"), TW_KEY_IPV4, true },
    { ETH "0800" IP4("0000", "2f") GRE("3001"), TW_KEY_IPV4, false },
    { ETH "86dd" IP6("3a") ECHO("81"), TW_KEY_IPV6, true },
    { ETH "86dd" IP6("3a") ECHO("01"), TW_KEY_IPV6, false },
    { ETH "86dd" IP6("3a") ECHO("87"), TW_KEY_IPV6, false },
    { ETH "86dd" IP6("01") ECHO("08"), TW_KEY_NONE, false },
    { ETH "86dd" IP6("00") TCP, TW_KEY_NONE, false },
    { ETH "86dd" IP6("2c") TCP, TW_KEY_NONE, false },
    { ETH "86dd" IP6("3b") TCP, TW_KEY_IPV6, true },
    { ETH "86dd" IP6("2f") GRE("2000"), TW_KEY_IPV6, true },
    { ETH "86dd" IP6("2f") GRE("3081"), TW_KEY_IPV6, false },
    { ETH "0806" "0001080006040001" "020000000001" "0a000001"
      "000000000000" "0a000002", TW_KEY_OTHER, false },
    { ETH "1234" "00000000", TW_KEY_OTHER, false },
    { ETH "8847" "00001140" IP4("0000", "06") TCP, TW_KEY_NONE, false },
    { ETH "894f" "0fc60103000001ff", TW_KEY_NONE, false },
    { ETH "0004" "42420300", TW_KEY_NONE, false },
};

/* Each of them, and what is left if it ends anywhere. */
static void
test_by_hand(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(by_hand); i++) {
        struct tw_track_key key;
        struct dp_packet p;
        struct frame f;

        frame_from_hex(&f, by_hand[i].hex);
        frame_packet(&f, u32_to_odp(1), &p);
        tw_track_key_extract(&p, 9, &key);
        assert(key.context.kind == by_hand[i].kind);
        assert(key.trackable == by_hand[i].trackable);
        assert(key.context.tunnel == 9);
        dp_packet_uninit(&p);
        for (; f.size >= ETH_HEADER_LEN; f.size--) {
            check_frame(&f);
        }
    }
    forget_seen();
}

/* Packets with a mark or a priority, or that are no frames, have no key. */
static void
test_metadata(void)
{
    for (int i = 0; i < 4; i++) {
        struct tw_track_key key;
        struct dp_packet p;
        struct frame f;

        frame_from_hex(&f, by_hand[0].hex);
        frame_packet(&f, u32_to_odp(1), &p);
        p.md.pkt_mark = i == 1;
        p.md.skb_priority = i == 2;
        p.packet_type = i == 3 ? htonl(PT_IPV4) : htonl(PT_ETH);
        tw_track_key_extract(&p, 0, &key);
        assert(key.context.kind == (i ? TW_KEY_NONE : TW_KEY_IPV4));
        dp_packet_uninit(&p);
    }
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    random_set_seed(0x5eed1234);
    flow_limit_vlans(2);
    test_by_hand();
    test_metadata();
    test_random(1);
    test_random(2);
    assert(n_kinds[TW_KEY_NONE] > 1000 && n_kinds[TW_KEY_OTHER] > 1000);
    assert(n_kinds[TW_KEY_IPV4] > 1000 && n_kinds[TW_KEY_IPV6] > 1000);
    assert(n_kinds[TW_KEY_IPV4 | TW_KEY_FIRST_FRAGMENT] > 100);
    assert(n_kinds[TW_KEY_IPV4 | TW_KEY_LATER_FRAGMENT] > 100);
    assert(n_repeated > 10000);
    printf("tw-track-key: %u without key, %u other, %u IPv4, %u IPv6, "
           "%u repeated\n",
           n_kinds[TW_KEY_NONE], n_kinds[TW_KEY_OTHER], n_kinds[TW_KEY_IPV4],
           n_kinds[TW_KEY_IPV6], n_repeated);
    return 0;
}
