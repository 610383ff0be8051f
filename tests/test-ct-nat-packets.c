/* SPDX-License-Identifier: Apache-2.0 */

/* Packets through ct(commit,nat(...)) and ct(nat), there and back, with the
 * ICMP errors that they cause: what comes out, byte by byte, and what
 * OpenFlow sees of it in ct_state. */

#include <config.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "ct.h"
#include "ct-counters.h"
#include "dp-packet.h"
#include "flow.h"
#include "openvswitch/flow.h"
#include "packets.h"
#include "random.h"
#include "test-ct-build.h"
#include "timeval.h"
#include "util.h"

#define ZONE 9

static struct ct *ct;

static union ct_inet_addr
addr(const char *s)
{
    union ct_inet_addr a = { .u64 = { 0, 0 } };

    ovs_assert(inet_pton(strchr(s, ':') ? AF_INET6 : AF_INET, s, &a) == 1);
    return a;
}

static struct ct_tuple
udp(const char *src, uint16_t src_port, const char *dst, uint16_t dst_port)
{
    struct ct_tuple t = {
        .src = addr(src), .dst = addr(dst),
        .src_port = htons(src_port), .dst_port = htons(dst_port),
        .proto = IPPROTO_UDP, .kind = strchr(src, ':') ? CT_KIND_IPV6 : 0,
    };

    return t;
}

static struct ct_tuple
ping(const char *src, const char *dst, uint16_t id)
{
    struct ct_tuple t = udp(src, id, dst, id);
    bool ipv6 = ct_tuple_is_ipv6(&t);

    t.proto = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    ovs_assert(ct_icmp_query_kind(t.proto, ipv6 ? 128 : 8, &t.kind));
    return t;
}

static struct ct_request
request(enum ct_nat_kind kind, const char *min, uint16_t port)
{
    struct ct_request r = { .zone = ZONE };

    r.commit = kind != CT_NAT_EXISTING;
    r.nat.kind = kind;
    if (min) {
        r.nat.have_addr = true;
        r.nat.ipv6 = strchr(min, ':') != NULL;
        r.nat.min_addr = r.nat.max_addr = addr(min);
        r.nat.have_port = port > 0;
        r.nat.min_port = r.nat.max_port = port;
    }
    return r;
}

static struct dp_packet *
make_packet(const void *ip, size_t len)
{
    bool ipv6 = *(const uint8_t *) ip >> 4 == 6;
    struct dp_packet *packet = dp_packet_new_with_headroom(len + 14, 2);
    struct eth_header *eth = dp_packet_put_zeros(packet, sizeof *eth);
    struct flow flow;

    eth->eth_type = htons(ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP);
    dp_packet_put(packet, ip, len);
    pkt_metadata_init(&packet->md, 1);
    flow_extract(packet, &flow);
    ovs_assert(dp_packet_l4(packet));
    return packet;
}

/* Sends 'packet' through ct().  NULL if it was dropped. */
static struct dp_packet *
execute(struct dp_packet *packet, const struct ct_request *r)
{
    struct eth_header *eth = dp_packet_data(packet);
    struct dp_packet_batch batch;

    dp_packet_batch_init_packet(&batch, packet);
    ct_execute(ct, &batch, eth->eth_type, r, time_msec());
    return dp_packet_batch_size(&batch) ? batch.packets[0] : NULL;
}

/* 'packet' is 'ip' and has 'ct_state'; frees it. */
static void
check(const char *where, struct dp_packet *packet, const uint8_t *ip,
      size_t len, uint8_t ct_state)
{
    ovs_assert(packet);
    if (memcmp(dp_packet_l3(packet), ip, len)
        || packet->md.ct_state != (ct_state | CS_TRACKED)) {
        fprintf(stderr, "%s: ct_state %x, wanted %x\n", where,
                packet->md.ct_state, ct_state | CS_TRACKED);
        ovs_hex_dump(stderr, dp_packet_l3(packet), len, 0, false);
        ovs_hex_dump(stderr, ip, len, 0, false);
        abort();
    }
    dp_packet_delete(packet);
}
#define CHECK(...) check(OVS_SOURCE_LOCATOR, __VA_ARGS__)

/* Sends a packet of tuple 'in' through 'r': it comes out as one of 'out'. */
static void
pass(const char *where, const struct ct_tuple *in, const struct ct_request *r,
     const struct ct_tuple *out, uint8_t ct_state)
{
    struct shape shape = { .payload = 21, .seed = random_uint32() };
    uint8_t ip[256], want[256];
    size_t ofs, len = build(ip, in, &shape, &ofs);

    build(want, out, &shape, &ofs);
    check(where, execute(make_packet(ip, len), r), want, len, ct_state);
}
#define PASS(...) pass(OVS_SOURCE_LOCATOR, __VA_ARGS__)

/* An error from 'from' about a packet of tuple 't', to its sender. */
static size_t
build_error(uint8_t *p, const union ct_inet_addr *from,
            const struct ct_tuple *t, uint32_t seed)
{
    struct shape shape = { .payload = 11, .seed = seed };
    bool ipv6 = ct_tuple_is_ipv6(t);
    size_t ofs = ipv6 ? 40 : 20, n, inner_ofs;
    struct ct_tuple outer = { .src = *from, .dst = t->src };

    memset(p, 0, ofs + 8);
    n = 8 + build(p + ofs + 8, t, &shape, &inner_ofs);
    outer.kind = ipv6 ? CT_KIND_IPV6 : 0;
    outer.proto = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    if (ipv6) {
        p[0] = 0x60;
        put(p + 4, n);
        p[6] = outer.proto;
        p[7] = 64;
        memcpy(p + 8, &outer.src, 16);
        memcpy(p + 24, &outer.dst, 16);
    } else {
        p[0] = 0x45;
        put(p + 2, ofs + n);
        p[8] = 64;
        p[9] = outer.proto;
        memcpy(p + 12, &outer.src, 4);
        memcpy(p + 16, &outer.dst, 4);
        put(p + 10, ~sum_bytes(p, ofs, 0));
    }
    p[ofs] = ipv6 ? 1 : 3;
    p[ofs + 1] = ipv6 ? 4 : 3;
    put(p + ofs + 2, ~sum_bytes(p + ofs, n, ipv6 ? sum_pseudo(&outer, n) : 0));
    return ofs + n;
}

/* One error comes in about 'seen' from 'from' and goes out about 'sent' from
 * 'from_out'. */
static void
pass_error(const char *where, const char *from, const struct ct_tuple *seen,
           const char *from_out, const struct ct_tuple *sent,
           uint8_t ct_state)
{
    struct ct_request nat = request(CT_NAT_EXISTING, NULL, 0);
    union ct_inet_addr a = addr(from), b = addr(from_out);
    uint32_t seed = random_uint32();
    uint8_t ip[256], want[256];
    size_t len;

    len = build_error(ip, &a, seen, seed);
    build_error(want, &b, sent, seed);
    check(where, execute(make_packet(ip, len), &nat), want, len,
          ct_state | CS_RELATED);
}
#define PASS_ERROR(...) pass_error(OVS_SOURCE_LOCATOR, __VA_ARGS__)

/* Client 'a' to server 'b', seen there as 'c'; 'router' is in between. */
static void
test_snat(struct ct_tuple original, const char *b, const char *c,
          uint16_t port, const char *router)
{
    struct ct_request commit = request(CT_NAT_SRC, c, port);
    struct ct_request nat = request(CT_NAT_EXISTING, NULL, 0);
    struct ct_tuple to = original, reply, reply_to;

    to.src = addr(c);
    to.src_port = htons(port);
    if (to.kind >> CT_KIND_ICMP_SHIFT) {
        to.dst_port = to.src_port;
    }
    ct_tuple_invert(&to, &reply);
    ct_tuple_invert(&original, &reply_to);

    PASS(&original, &commit, &to, CS_NEW | CS_SRC_NAT);
    PASS_ERROR(b, &to, b, &original, CS_REPLY_DIR | CS_DST_NAT);
    PASS_ERROR(router, &to, router, &original, CS_REPLY_DIR | CS_DST_NAT);
    PASS(&reply, &nat, &reply_to, CS_ESTABLISHED | CS_REPLY_DIR | CS_DST_NAT);
    PASS(&original, &commit, &to, CS_ESTABLISHED | CS_SRC_NAT);
    PASS(&original, &nat, &to, CS_ESTABLISHED | CS_SRC_NAT);
    ct_flush(ct, NULL, NULL);
}

/* Client to virtual address 'v', which is server 'b'. */
static void
test_dnat(struct ct_tuple original, const char *v, const char *b,
          uint16_t port, const char *router)
{
    struct ct_request commit = request(CT_NAT_DST, b, port);
    struct ct_request nat = request(CT_NAT_EXISTING, NULL, 0);
    struct ct_tuple to = original, reply, reply_to;

    to.dst = addr(b);
    to.dst_port = htons(port);
    ct_tuple_invert(&to, &reply);
    ct_tuple_invert(&original, &reply_to);

    PASS(&original, &commit, &to, CS_NEW | CS_DST_NAT);
    PASS_ERROR(b, &to, v, &original, CS_REPLY_DIR | CS_SRC_NAT);
    /* As Linux does: whoever answers does so for the virtual address. */
    PASS_ERROR(router, &to, v, &original, CS_REPLY_DIR | CS_SRC_NAT);
    PASS(&reply, &nat, &reply_to, CS_ESTABLISHED | CS_REPLY_DIR | CS_SRC_NAT);
    /* The other way, about a reply. */
    PASS_ERROR(router, &reply_to, router, &reply, CS_DST_NAT);
    ct_flush(ct, NULL, NULL);
}

/* A packet that comes back to ct(nat) in the same zone is not translated
 * twice; without nat it is not translated at all. */
static void
test_once(void)
{
    struct ct_tuple original = udp("10.0.0.1", 1111, "10.9.9.9", 53);
    struct ct_tuple to = udp("192.0.2.1", 1111, "10.9.9.9", 53);
    struct ct_request commit = request(CT_NAT_SRC, "192.0.2.1", 0);
    struct ct_request nat = request(CT_NAT_EXISTING, NULL, 0);
    struct ct_request plain = { .zone = ZONE };
    struct shape shape = { .payload = 5 };
    uint8_t ip[128], want[128];
    size_t ofs, len = build(ip, &original, &shape, &ofs);
    struct dp_packet *packet;

    build(want, &to, &shape, &ofs);
    packet = execute(make_packet(ip, len), &commit);
    packet = execute(packet, &nat);
    CHECK(packet, want, len, CS_NEW | CS_SRC_NAT);
    CHECK(execute(make_packet(ip, len), &plain), ip, len, CS_NEW);
    ct_flush(ct, NULL, NULL);
}

/* Nothing left, and the wrong family: dropped and counted, never forwarded as
 * if nothing were wrong. */
static void
test_drops(void)
{
    struct ct_request one = request(CT_NAT_SRC, "192.0.2.1", 4000);
    struct ct_request six = request(CT_NAT_SRC, "2001:db8::1", 0);
    struct shape shape = { .payload = 5 };
    struct ct_tuple t = udp("10.0.0.1", 1111, "10.9.9.9", 53);
    struct ct_tuple to = udp("192.0.2.1", 4000, "10.9.9.9", 53);
    uint8_t ip[128];
    size_t ofs, len;

    PASS(&t, &one, &to, CS_NEW | CS_SRC_NAT);
    t = udp("10.0.0.2", 1111, "10.9.9.9", 53);
    len = build(ip, &t, &shape, &ofs);
    ovs_assert(!execute(make_packet(ip, len), &one));
    ovs_assert(ct_counter_get(ct, CT_C_DROP_NAT_EXHAUSTED) == 1);
    ovs_assert(!execute(make_packet(ip, len), &six));
    ovs_assert(ct_counter_get(ct, CT_C_DROP_NAT_FAMILY) == 1);
    ovs_assert(ct_get_nconns(ct) == 1);
    ct_flush(ct, NULL, NULL);
}

int
main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    random_set_seed(argc > 1 ? atoi(argv[1]) : 1);
    ct = ct_create();

    test_snat(udp("10.0.0.1", 1111, "10.9.9.9", 53), "10.9.9.9", "192.0.2.1",
              2222, "10.5.5.5");
    test_snat(ping("10.0.0.1", "10.9.9.9", 77), "10.9.9.9", "192.0.2.1",
              2222, "10.5.5.5");
    test_snat(udp("2001:db8::1", 1111, "2001:db8:9::9", 53), "2001:db8:9::9",
              "2001:db8:2::1", 2222, "2001:db8:5::5");
    test_snat(ping("2001:db8::1", "2001:db8:9::9", 77), "2001:db8:9::9",
              "2001:db8:2::1", 2222, "2001:db8:5::5");
    test_dnat(udp("10.0.0.1", 1111, "172.16.0.1", 53), "172.16.0.1",
              "10.9.9.9", 5353, "10.5.5.5");
    test_dnat(udp("2001:db8::1", 1111, "2001:db8:7::1", 53), "2001:db8:7::1",
              "2001:db8:9::9", 5353, "2001:db8:5::5");
    test_once();
    test_drops();

    ct_destroy(ct);
    printf("ct-nat-packets: ok\n");
    return 0;
}
