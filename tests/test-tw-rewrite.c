/* SPDX-License-Identifier: Apache-2.0 */

/* Every action that rewrites headers, one after the other, on packets of every
 * kind that end anywhere: what does not fit is dropped and counted, what fits
 * is done, and nothing outside a packet is touched (a sanitizer sees the
 * latter: packets end where their memory ends). */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "ct-test.h"
#include "dp-packet.h"
#include "flow.h"
#include "netlink.h"
#include "odp-execute.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "random.h"
#include "tw-actions-check.h"
#include "tw-rewrite.h"
#include "tw-thread.h"
#include "util.h"

static struct tw_thread thread;

#define ETH "020000000001020000000002"
#define IP4 "4500002800010000400600000a0000010a000002"
#define IP6(LEN, NXT) "6000000000" LEN NXT "ff" \
                      "fe800000000000000000000000000001" \
                      "fe800000000000000000000000000002"
#define TCP "1234005000000001000000005002ffff00000000"
#define NS "8700000000000000fe800000000000000000000000000002"
#define NSH "0fc60103000001ff00000001000000020000000300000004"

static const char *const kinds[] = {
    ETH "0800" IP4 TCP,
    ETH "81000003" "0800" IP4 TCP,
    ETH "0806" "0001080006040001" "020000000001" "0a000001"
        "000000000000" "0a000002",
    ETH "86dd" IP6("20", "3a") NS "0101020000000001",
    ETH "86dd" IP6("18", "3a") NS,
    ETH "86dd" IP6("1c", "00") "0600010400000000" TCP,
    ETH "8847" "00001140" IP4 TCP,
    ETH "8847" "00001040" "00002140" IP4,
    ETH "894f" NSH ETH "0800" IP4,
    ETH "894f" "0fff0103000001ff",
    ETH "1234" "00000000",
};

#define PUSH_NSH "push_nsh(flags=0,ttl=9,mdtype=1,np=3,spi=0x9,si=9,c1=0x1," \
                 "c2=0x2,c3=0x3,c4=0x4)"

static const char *const actions[] = {
    "set(eth(src=02:00:00:00:00:03,dst=02:00:00:00:00:04))",
    "set(eth(src=02:00:00:00:00:03/ff:ff:ff:ff:ff:00))",
    "set(ipv4(src=10.9.9.9,dst=10.9.9.8,proto=6,tos=4,ttl=9,frag=no))",
    "set(ipv4(src=10.9.9.9,ttl=9))",
    "set(ipv6(src=fe80::9,dst=fe80::8,label=1,proto=58,tclass=4,hlimit=9,"
        "frag=no))",
    "set(ipv6(src=fe80::9,hlimit=9))",
    "set(tcp(src=1,dst=2))", "set(tcp(src=1))",
    "set(udp(src=1,dst=2))", "set(udp(src=1))",
    "set(sctp(src=1,dst=2))", "set(sctp(src=1))",
    "set(icmp(type=1,code=1))", "set(icmpv6(type=1,code=1))",
    "set(arp(sip=10.9.9.9,tip=10.9.9.8,op=2,sha=02:00:00:00:00:03,"
        "tha=02:00:00:00:00:04))",
    "set(arp(sip=10.9.9.9))",
    "set(nd(target=fe80::9,sll=02:00:00:00:00:03,tll=02:00:00:00:00:04))",
    "set(nd(target=fe80::9))",
    "set(nd_ext(nd_reserved=0x10,nd_options_type=2))",
    "set(nd_ext(nd_reserved=0x10))",
    "set(mpls(label=9,tc=1,ttl=9,bos=1))", "set(mpls(label=9))",
    "push_vlan(vid=9,pcp=1)", "pop_vlan",
    PUSH_NSH,
    "pop_nsh()",
    "trunc(14)",
};

/* What dpctl cannot read. */
enum { PUSH_ETH = ARRAY_SIZE(actions), POP_ETH, PUSH_MPLS, POP_MPLS_IP,
       POP_MPLS_ETH, ADD_MPLS_L2, ADD_MPLS_L3, HASH, SET_NSH, N_ACTIONS };

static struct ofpbuf parsed[N_ACTIONS];

static bool
no_ct(const struct nlattr *ct OVS_UNUSED, void *aux OVS_UNUSED)
{
    return false;
}

static void
put_set_nsh(struct ofpbuf *b)
{
    struct ovs_nsh_key_base base[2] = { { .ttl = 9 }, { .ttl = 0xff } };
    struct ovs_nsh_key_md1 md1[2] = { { { 9 } }, { { 0xff } } };
    size_t action = nl_msg_start_nested(b, OVS_ACTION_ATTR_SET_MASKED);
    size_t key = nl_msg_start_nested(b, OVS_KEY_ATTR_NSH);

    nl_msg_put_unspec(b, OVS_NSH_KEY_ATTR_BASE, base, sizeof base);
    nl_msg_put_unspec(b, OVS_NSH_KEY_ATTR_MD1, md1, sizeof md1);
    nl_msg_end_nested(b, key);
    nl_msg_end_nested(b, action);
}

static void
put_unread(struct ofpbuf *b, size_t i)
{
    const struct ovs_action_push_mpls push = { htonl(0x9109),
                                               htons(ETH_TYPE_MPLS) };
    const struct ovs_action_add_mpls add = {
        htonl(0x9109), htons(ETH_TYPE_MPLS),
        i == ADD_MPLS_L3 ? OVS_MPLS_L3_TUNNEL_FLAG_MASK : 0
    };

    const struct ovs_action_hash hash = { OVS_HASH_ALG_SYM_L4, 1 };
    const struct ovs_action_push_eth eth = {
        { ETH_ADDR_C(02,00,00,00,00,03), ETH_ADDR_C(02,00,00,00,00,04) }
    };

    switch (i) {
    case PUSH_ETH:
        nl_msg_put_unspec(b, OVS_ACTION_ATTR_PUSH_ETH, &eth, sizeof eth);
        break;
    case POP_ETH:
        nl_msg_put_flag(b, OVS_ACTION_ATTR_POP_ETH);
        break;
    case PUSH_MPLS:
        nl_msg_put_unspec(b, OVS_ACTION_ATTR_PUSH_MPLS, &push, sizeof push);
        break;
    case POP_MPLS_IP:
        nl_msg_put_be16(b, OVS_ACTION_ATTR_POP_MPLS, htons(ETH_TYPE_IP));
        break;
    case POP_MPLS_ETH:
        nl_msg_put_be16(b, OVS_ACTION_ATTR_POP_MPLS, htons(ETH_TYPE_TEB));
        break;
    case ADD_MPLS_L2:
    case ADD_MPLS_L3:
        nl_msg_put_unspec(b, OVS_ACTION_ATTR_ADD_MPLS, &add, sizeof add);
        break;
    case HASH:
        nl_msg_put_unspec(b, OVS_ACTION_ATTR_HASH, &hash, sizeof hash);
        break;
    case SET_NSH:
        put_set_nsh(b);
        break;
    }
}

static void
make_actions(void)
{
    for (size_t i = 0; i < N_ACTIONS; i++) {
        ofpbuf_init(&parsed[i], 64);
        if (i >= ARRAY_SIZE(actions)) {
            put_unread(&parsed[i], i);
        } else if (odp_actions_from_string(actions[i], NULL, &parsed[i])) {
            ovs_fatal(0, "%s: no action", actions[i]);
        }
        if (!tw_actions_check(parsed[i].data, parsed[i].size, no_ct, NULL)) {
            ovs_fatal(0, "action %"PRIuSIZE" is refused", i);
        }
    }
}

static const struct nlattr *
find(const char *action)
{
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (!strcmp(action, actions[i])) {
            return parsed[i].data;
        }
    }
    ovs_fatal(0, "%s: not in the list", action);
}

/* The first 'size' bytes of 'hex', with no room behind them, looked at as when
 * received. */
static struct dp_packet *
make(const char *hex, size_t size)
{
    struct dp_packet *packet = dp_packet_new_with_headroom(size, 256);
    uint8_t *p = dp_packet_put_uninit(packet, size);
    struct flow flow;

    for (size_t i = 0; i < size; i++) {
        bool ok;

        p[i] = hexits_value(hex + 2 * i, 2, &ok);
        ovs_assert(ok);
    }
    flow_extract(packet, &flow);
    return packet;
}

static struct dp_packet *
make_whole(const char *hex)
{
    return make(hex, strlen(hex) / 2);
}

/* Runs 'a' on '*packet', which becomes NULL if that drops it. */
static void
rewrite(struct dp_packet **packet, const struct nlattr *a)
{
    uint64_t *drops = &thread.stats.drops[TW_DROP_INVALID_ACTION];
    uint64_t before = *drops;
    struct dp_packet_batch batch;

    dp_packet_batch_init_packet(&batch, *packet);
    tw_rewrite(&thread, &batch, a);
    CHECK(*drops - before + dp_packet_batch_size(&batch) == 1);
    *packet = dp_packet_batch_is_empty(&batch) ? NULL : batch.packets[0];
}

static void
test_pairs(const char *hex)
{
    for (size_t size = ETH_HEADER_LEN; size <= strlen(hex) / 2; size++) {
        for (size_t i = 0; i < N_ACTIONS; i++) {
            for (size_t j = 0; j < N_ACTIONS; j++) {
                struct dp_packet *packet = make(hex, size);

                rewrite(&packet, parsed[i].data);
                if (packet) {
                    rewrite(&packet, parsed[j].data);
                }
                dp_packet_delete(packet);
            }
        }
    }
}

static void
test_random(void)
{
    for (int i = 0; i < 100000; i++) {
        const char *hex = kinds[random_range(ARRAY_SIZE(kinds))];
        size_t whole = strlen(hex) / 2;
        struct dp_packet *packet
            = make(hex, ETH_HEADER_LEN
                        + random_range(whole - ETH_HEADER_LEN + 1));

        for (int j = 0; j < 6 && packet; j++) {
            rewrite(&packet, parsed[random_range(N_ACTIONS)].data);
        }
        dp_packet_delete(packet);
    }
}

static void
test_done(void)
{
    struct dp_packet *packet = make_whole(kinds[0]);
    struct ip_header *ip;

    rewrite(&packet, find("set(ipv4(src=10.9.9.9,ttl=9))"));
    ip = packet ? dp_packet_l3(packet) : NULL;
    CHECK(ip && get_16aligned_be32(&ip->ip_src) == htonl(0x0a090909)
          && ip->ip_ttl == 9);
    dp_packet_delete(packet);

    /* A solicitation without options is no reason to drop it. */
    packet = make_whole(ETH "86dd" IP6("18", "3a") NS);
    rewrite(&packet, find("set(nd_ext(nd_reserved=0x10,nd_options_type=2))"));
    CHECK(packet && dp_packet_size(packet) == 14 + 40 + 24);
    dp_packet_delete(packet);
}

/* 'action', on the first 'size' bytes of 'hex', drops them. */
static void
check_dropped(const char *hex, size_t size, const struct nlattr *action)
{
    struct dp_packet *packet = make(hex, size);

    rewrite(&packet, action);
    CHECK(!packet);
    dp_packet_delete(packet);
}

static void
test_dropped(void)
{
    struct dp_packet *packet;

    check_dropped(kinds[0], 33, find("set(ipv4(src=10.9.9.9,ttl=9))"));
    check_dropped(kinds[2], 41, find("set(arp(sip=10.9.9.9))"));
    check_dropped(kinds[2], 42, find("set(nd_ext(nd_reserved=0x10))"));
    check_dropped(kinds[3], 53, find("set(ipv6(src=fe80::9,hlimit=9))"));
    check_dropped(kinds[6], 17, find("set(mpls(label=9))"));
    check_dropped(kinds[6], 17, parsed[POP_MPLS_IP].data);
    check_dropped(kinds[9], 21, parsed[SET_NSH].data);
    check_dropped(kinds[0], 54, parsed[PUSH_ETH].data);

    packet = make_whole(kinds[0]);
    rewrite(&packet, parsed[POP_ETH].data);
    CHECK(packet && dp_packet_size(packet) == 40);
    rewrite(&packet, parsed[POP_ETH].data);
    CHECK(!packet);
    dp_packet_delete(packet);

    /* ARP in NSH: there is no number for that. */
    packet = make_whole(kinds[2]);
    rewrite(&packet, parsed[POP_ETH].data);
    rewrite(&packet, find(PUSH_NSH));
    CHECK(!packet);
    dp_packet_delete(packet);
}

int
main(void)
{
    odp_execute_init();
    make_actions();
    test_done();
    test_dropped();
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        test_pairs(kinds[i]);
    }
    test_random();
    for (size_t i = 0; i < N_ACTIONS; i++) {
        ofpbuf_uninit(&parsed[i]);
    }
    return ct_test_end("tw-rewrite");
}
