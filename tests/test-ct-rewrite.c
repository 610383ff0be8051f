/* SPDX-License-Identifier: Apache-2.0 */

/* Translated packets against packets that are built anew, byte by byte with
 * checksums from scratch, for the tuple that the translation should give. */

#include <config.h>

#include "ct-rewrite.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ct-hash.h"
#include "ct-packet.h"
#include "ct-rewrite-test.h"
#include "dp-packet.h"
#include "packets.h"
#include "random.h"
#include "test-ct-build.h"
#include "util.h"

static struct ct_conn_memory *memory;

/* Connections. */

static void
random_addr(union ct_inet_addr *addr, bool ipv6)
{
    memset(addr, 0, sizeof *addr);
    random_bytes(addr, ipv6 ? 16 : 4);
}

static ovs_be16
random_port(void)
{
    static const uint16_t corner[] = { 0, 1, 0xffff, 0xfffe, 0x8000 };

    return htons(random_range(4) ? random_uint16()
                 : corner[random_range(ARRAY_SIZE(corner))]);
}

static bool
has_ports(const struct ct_tuple *t)
{
    return (t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP
            || t->proto == IPPROTO_SCTP || t->kind & CT_KIND_GRE_KEY);
}

static void
random_original(struct ct_tuple *t, uint8_t proto, bool ipv6)
{
    memset(t, 0, sizeof *t);
    t->proto = proto;
    t->kind = ipv6 ? CT_KIND_IPV6 : 0;
    random_addr(&t->src, ipv6);
    random_addr(&t->dst, ipv6);
    if (proto == IPPROTO_GRE && random_range(2)) {
        t->kind |= CT_KIND_GRE_KEY;
    }
    if (has_ports(t)) {
        t->src_port = random_port();
        t->dst_port = random_port();
    } else if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) {
        ovs_assert(ct_icmp_query_kind(proto, ipv6 ? 128 : 8, &t->kind));
        t->src_port = t->dst_port = random_port();
    }
}

/* 'to' is how 'from' leaves. */
static void
random_translation(const struct ct_tuple *from, struct ct_tuple *to)
{
    bool ipv6 = ct_tuple_is_ipv6(from);

    do {
        *to = *from;
        if (random_range(2)) {
            random_addr(&to->src, ipv6);
        }
        if (random_range(2)) {
            random_addr(&to->dst, ipv6);
        }
        if (has_ports(from)) {
            to->src_port = random_range(2) ? random_port() : to->src_port;
            to->dst_port = random_range(2) ? random_port() : to->dst_port;
        } else if (from->kind >> CT_KIND_ICMP_SHIFT && random_range(2)) {
            to->src_port = to->dst_port = random_port();
        }
    } while (ct_tuple_equal(from, to));
}

static void
check_equal(const char *what, const struct ct_tuple *t, const uint8_t *got,
            const uint8_t *want, size_t len)
{
    if (memcmp(got, want, len)) {
        fprintf(stderr, "%s, protocol %u%s:\n", what, t->proto,
                ct_tuple_is_ipv6(t) ? ", IPv6" : "");
        ovs_hex_dump(stderr, got, len, 0, false);
        ovs_hex_dump(stderr, want, len, 0, false);
        abort();
    }
}

static void
random_shape(struct shape *shape)
{
    shape->option_words = random_range(3) ? 0 : random_range(4);
    shape->payload = random_range(3) ? random_range(64) : 0;
    shape->no_checksum = !random_range(4);
    shape->seed = random_uint32();
}

/* A packet of each direction, and back again. */
static void
check_packet(uint8_t proto, bool ipv6)
{
    struct ct_tuple original, to, reply, reply_to, back;
    uint8_t got[512], want[512];
    struct ct_conn *conn, *undo;
    struct shape shape;
    size_t len, ofs;

    random_original(&original, proto, ipv6);
    random_translation(&original, &to);
    random_shape(&shape);
    conn = ct_rewrite_conn(memory, &original, &to);
    undo = ct_rewrite_conn(memory, &to, &original);
    ovs_assert(ct_conn_is_nat(conn) && ct_conn_is_nat(undo));

    len = build(got, &original, &shape, &ofs);
    build(want, &to, &shape, &ofs);
    ovs_assert(ct_rewrite_bytes(conn, CT_DIR_ORIGINAL, got, ofs, len));
    check_equal("original", &original, got, want, len);
    ovs_assert(ct_rewrite_bytes(undo, CT_DIR_ORIGINAL, got, ofs, len));
    build(want, &original, &shape, &ofs);
    check_equal("original, back", &original, got, want, len);

    ct_tuple_invert(&to, &reply);
    ct_tuple_invert(&original, &reply_to);
    len = build(got, &reply, &shape, &ofs);
    build(want, &reply_to, &shape, &ofs);
    ovs_assert(ct_rewrite_bytes(conn, CT_DIR_REPLY, got, ofs, len));
    check_equal("reply", &original, got, want, len);

    /* Damaged in, damaged out by the same bits. */
    if (csum_ofs(proto) >= 0 && !shape.no_checksum && shape.payload) {
        len = build(got, &original, &shape, &ofs);
        got[len - 1] ^= 0x5a;
        memcpy(want, got, len);
        ovs_assert(ct_rewrite_bytes(conn, CT_DIR_ORIGINAL, got, ofs, len));
        build_l4(want + ofs, len - ofs, &original, &shape);
        ovs_assert(memcmp(want + ofs, got + ofs, len - ofs));
        ovs_assert(ct_rewrite_bytes(undo, CT_DIR_ORIGINAL, got, ofs, len));
        build(want, &original, &shape, &ofs);
        want[len - 1] ^= 0x5a;
        check_equal("damaged, back", &original, got, want, len);
    }

    /* Too short: refused and untouched. */
    ct_tuple_invert(&original, &back);
    if ((csum_ofs(proto) >= 0 && proto < PROTO_UDPLITE
         && proto != PROTO_DCCP)
        || original.kind & CT_KIND_GRE_KEY) {
        size_t cut = ofs + random_range(header_len(proto));
        uint8_t *exact;

        build(got, &original, &shape, &ofs);
        exact = xmemdup(got, cut);
        ovs_assert(!ct_rewrite_bytes(conn, CT_DIR_ORIGINAL, exact, ofs, cut));
        check_equal("short", &original, exact, got, cut);
        free(exact);
    }

    ct_conn_free(memory, conn);
    ct_conn_free(memory, undo);
}

static void
test_packets(void)
{
    static const uint8_t protos[] = {
        IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_GRE, PROTO_DCCP,
        PROTO_UDPLITE,
    };

    for (int i = 0; i < 4000; i++) {
        for (size_t j = 0; j < ARRAY_SIZE(protos); j++) {
            check_packet(protos[j], false);
            check_packet(protos[j], true);
        }
        check_packet(IPPROTO_ICMP, false);
        check_packet(IPPROTO_ICMPV6, true);
    }
}

/* A checksum that comes out as 0 is sent as 0xffff: 0 is "none" (RFC 768). */
static void
test_udp_zero(void)
{
    struct ct_tuple original, to;
    struct ct_conn *conn;
    uint8_t got[128], want[128];
    int n_zero = 0;

    random_original(&original, IPPROTO_UDP, false);
    to = original;
    random_addr(&to.src, false);
    conn = ct_rewrite_conn(memory, &original, &to);
    for (uint32_t i = 0; i < 400000; i++) {
        struct shape shape = { .payload = 8, .seed = i * 2654435761u };
        size_t ofs, len = build(want, &to, &shape, &ofs);

        if (want[ofs + 6] == 0xff && want[ofs + 7] == 0xff) {
            build(got, &original, &shape, &ofs);
            ovs_assert(ct_rewrite_bytes(conn, CT_DIR_ORIGINAL, got, ofs, len));
            check_equal("zero", &original, got, want, len);
            n_zero++;
        }
    }
    ovs_assert(n_zero);
    ct_conn_free(memory, conn);
}

/* The device fills in the checksum: its field has the pseudo header's sum. */
static void
check_partial(uint8_t proto, bool ipv6)
{
    struct ct_tuple original, to;
    struct shape shape = { .payload = 30, .seed = random_uint32() };
    struct ct_conn *conn;
    struct dp_packet b;
    uint8_t p[512];
    size_t len, ofs;
    uint16_t want;

    random_original(&original, proto, ipv6);
    random_translation(&original, &to);
    conn = ct_rewrite_conn(memory, &original, &to);
    len = build(p, &original, &shape, &ofs);
    put(p + ofs + csum_ofs(proto), sum_pseudo(&original, len - ofs));

    dp_packet_use_const(&b, p, len);
    *dp_packet_ol_flags_ptr(&b) = 0;
    if (proto == IPPROTO_TCP) {
        dp_packet_hwol_set_csum_tcp(&b);
    } else {
        dp_packet_hwol_set_csum_udp(&b);
    }
    ovs_assert(ct_rewrite_packet(conn, CT_DIR_ORIGINAL, &b, p, p + ofs,
                                 len - ofs));
    want = sum_pseudo(&to, len - ofs);
    ovs_assert((p[ofs + csum_ofs(proto)] << 8 | p[ofs + csum_ofs(proto) + 1])
               == want);
    ovs_assert(ipv6 || sum_bytes(p, ofs, 0) == 0xffff);
    ct_conn_free(memory, conn);
}

static void
test_partial(void)
{
    for (int i = 0; i < 1000; i++) {
        check_partial(IPPROTO_TCP, false);
        check_partial(IPPROTO_TCP, true);
        check_partial(IPPROTO_UDP, false);
        check_partial(IPPROTO_UDP, true);
    }
}

/* ICMP errors. */

struct error {
    struct ct_tuple original, to;
    const struct ct_conn *conn;
    enum ct_dir dir;            /* Which way the error goes. */
    bool router;                /* Sent by neither end. */
    struct shape shape;         /* Of the packet it is about. */
    uint8_t type;
};

/* Writes an error from 'src' to 'dst' with 'n' bytes of 'inner'. */
static size_t
build_error(uint8_t *p, const struct error *e, const union ct_inet_addr *src,
            const union ct_inet_addr *dst, const uint8_t *inner, size_t n)
{
    struct ct_tuple outer = { .src = *src, .dst = *dst };
    bool ipv6 = ct_tuple_is_ipv6(&e->original);
    size_t ofs = ipv6 ? 40 : 20;
    size_t l4_len = 8 + n;

    memset(p, 0, ofs + 8);
    outer.kind = ipv6 ? CT_KIND_IPV6 : 0;
    outer.proto = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    if (ipv6) {
        p[0] = 0x60;
        put(p + 4, l4_len);
        p[6] = outer.proto;
        p[7] = 64;
        memcpy(p + 8, src, 16);
        memcpy(p + 24, dst, 16);
    } else {
        p[0] = 0x45;
        put(p + 2, ofs + l4_len);
        p[8] = 64;
        p[9] = outer.proto;
        memcpy(p + 12, src, 4);
        memcpy(p + 16, dst, 4);
        put(p + 10, ~sum_bytes(p, ofs, 0));
    }
    p[ofs] = e->type;
    p[ofs + 1] = 4;
    put(p + ofs + 6, 1400);
    memcpy(p + ofs + 8, inner, n);
    put(p + ofs + 2, ~sum_bytes(p + ofs, l4_len,
                                ipv6 ? sum_pseudo(&outer, l4_len) : 0));
    return ofs + l4_len;
}

/* Checks one error whose inner packet is cut after 'n' bytes and followed by
 * 'extra' that are not its own. */
static void
check_error(const struct error *e, size_t n, size_t extra)
{
    bool reply = e->dir == CT_DIR_REPLY;
    bool ipv6 = ct_tuple_is_ipv6(&e->original);
    const struct ct_tuple *sent = &e->original, *seen = &e->to;
    struct ct_tuple reply_in, reply_out;
    uint8_t inner[512], inner_want[512], want[600];
    size_t ofs = ipv6 ? 40 : 20;
    size_t inner_len, l4_ofs, need, len;
    union ct_inet_addr src, dst, src_want, dst_want;
    struct ct_packet packet;
    struct dp_packet b;
    int cofs = csum_ofs(e->original.proto);
    uint8_t *p;
    bool ok;

    /* The packet that the error is about: as it was sent, and as it was seen
     * where the error arose. */
    if (!reply) {
        ct_tuple_invert(&e->to, &reply_in);
        ct_tuple_invert(&e->original, &reply_out);
        sent = &reply_in;
        seen = &reply_out;
    }
    inner_len = build(inner, seen, &e->shape, &l4_ofs);
    build(inner_want, sent, &e->shape, &l4_ofs);
    ovs_assert(n <= inner_len);

    /* The error goes to the sender as it was seen. */
    src = seen->dst;
    dst = seen->src;
    src_want = sent->dst;
    dst_want = sent->src;
    if (e->router) {
        random_addr(&src, ipv6);
        if (!memcmp(&seen->dst, &sent->dst, sizeof src)
            && seen->dst_port == sent->dst_port) {
            src_want = src;
        }
        /* An ICMP identifier belongs to the source. */
        if (sent->kind >> CT_KIND_ICMP_SHIFT
            && !memcmp(&seen->dst, &sent->dst, sizeof src)) {
            src_want = reply ? src : src_want;
        }
    }

    /* Where a checksum is cut off, or is one over bytes that are, it stays. */
    if (cofs >= 0) {
        size_t width = e->original.proto == IPPROTO_SCTP ? 4 : 2;

        if (n < l4_ofs + cofs + width
            || (e->original.proto == IPPROTO_SCTP && n < inner_len)) {
            memcpy(inner_want + l4_ofs + cofs, inner + l4_ofs + cofs, width);
        }
    }
    memset(inner + n, 0xa5, extra);
    memset(inner_want + n, 0xa5, extra);

    p = xmalloc(ofs + 8 + n + extra);
    len = build_error(p, e, &src, &dst, inner, n + extra);
    build_error(want, e, &src_want, &dst_want, inner_want, n + extra);

    memset(&packet, 0, sizeof packet);
    memset(&b, 0, sizeof b);
    packet.packet = &b;
    packet.conn = CONST_CAST(struct ct_conn *, e->conn);
    packet.dir = e->dir;
    packet.l3_header = p;
    packet.l4_header = p + ofs;
    packet.l4_len = len - ofs;
    packet.is_icmp_error = true;
    packet.inner_l3 = p + ofs + 8;

    need = l4_ofs + (e->original.kind & CT_KIND_GRE_KEY ? 8
                     : has_ports(&e->original) ? 4
                     : e->original.kind >> CT_KIND_ICMP_SHIFT ? 6 : 0);
    ok = ct_rewrite_icmp_error(&packet);
    if (!extra) {
        ovs_assert(ok == (n >= need));
    }
    if (ok) {
        check_equal("error", &e->original, p, want, len);
    } else {
        build_error(want, e, &src, &dst, inner, n + extra);
        check_equal("error, refused", &e->original, p, want, len);
    }
    free(p);
}

static void
check_errors(uint8_t proto, bool ipv6)
{
    struct error e;
    struct ct_conn *conn;
    uint8_t scratch[512];
    size_t len, ofs;

    random_original(&e.original, proto, ipv6);
    random_translation(&e.original, &e.to);
    random_shape(&e.shape);
    e.conn = conn = ct_rewrite_conn(memory, &e.original, &e.to);
    e.dir = random_range(2) ? CT_DIR_ORIGINAL : CT_DIR_REPLY;
    e.router = random_range(2);
    e.type = ipv6 ? 1 : 3;
    if (e.router && e.dir == CT_DIR_ORIGINAL
        && e.original.kind >> CT_KIND_ICMP_SHIFT) {
        e.router = false;
    }
    len = build(scratch, &e.original, &e.shape, &ofs);
    for (size_t n = 0; n <= len; n++) {
        check_error(&e, n, 0);
    }
    check_error(&e, len, 12);
    check_error(&e, len, 13);
    ct_conn_free(memory, conn);
}

static void
test_errors(void)
{
    static const uint8_t protos[] = {
        IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_GRE, PROTO_DCCP,
        PROTO_UDPLITE,
    };

    for (int i = 0; i < 300; i++) {
        for (size_t j = 0; j < ARRAY_SIZE(protos); j++) {
            check_errors(protos[j], false);
            check_errors(protos[j], true);
        }
        check_errors(IPPROTO_ICMP, false);
        check_errors(IPPROTO_ICMPV6, true);
    }
}

/* Redirects make no sense behind a translation (as in Linux), and what is not
 * an IP header of the connection's family is refused. */
static void
test_errors_refused(void)
{
    struct ct_tuple original, to;
    struct shape shape = { .payload = 8 };
    uint8_t inner[128], p[256];

    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct error e = { .type = ipv6 ? 137 : 5 };
        struct ct_packet packet;
        struct dp_packet b;
        size_t len, ofs;

        random_original(&original, IPPROTO_UDP, ipv6);
        to = original;
        random_addr(&to.src, ipv6);
        e.original = original;
        e.to = to;
        len = build(inner, &to, &shape, &ofs);
        len = build_error(p, &e, &to.dst, &to.src, inner, len);

        memset(&packet, 0, sizeof packet);
        memset(&b, 0, sizeof b);
        packet.packet = &b;
        packet.conn = ct_rewrite_conn(memory, &original, &to);
        packet.dir = CT_DIR_REPLY;
        packet.l3_header = p;
        packet.l4_header = p + (ipv6 ? 40 : 20);
        packet.l4_len = len - (ipv6 ? 40 : 20);
        packet.is_icmp_error = true;
        packet.inner_l3 = packet.l4_header + 8;
        ovs_assert(!ct_rewrite_icmp_error(&packet));

        packet.l4_header[0] = ipv6 ? 1 : 3;
        packet.inner_l3[0] ^= 0x30;
        ovs_assert(!ct_rewrite_icmp_error(&packet));
        packet.inner_l3[0] ^= 0x30;
        ovs_assert(ct_rewrite_icmp_error(&packet));
        ct_conn_free(memory, packet.conn);
    }
}

static void
unhex(const char *hex, uint8_t *p)
{
    for (; *hex; hex += 2) {
        bool ok;

        *p++ = hexits_value(hex, 2, &ok);
        ovs_assert(ok);
    }
}

/* The packets of OVS's own test "ICMP from different source related with
 * NAT": a router's error about a translated destination. */
static void
check_traces(const char *original_hex, const char *to_hex, enum ct_dir dir,
             const char *in_hex, const char *out_hex)
{
    uint8_t original_p[64], to_p[64], in[128], out[128];
    struct ct_tuple original = { .proto = IPPROTO_UDP }, to = original;
    struct ct_packet packet;
    struct dp_packet b;
    size_t len = strlen(in_hex) / 2;

    unhex(original_hex, original_p);
    unhex(to_hex, to_p);
    unhex(in_hex, in);
    unhex(out_hex, out);
    memcpy(&original.src.ip, original_p, 4);
    memcpy(&original.dst.ip, original_p + 4, 4);
    memcpy(&original.src_port, original_p + 8, 2);
    memcpy(&original.dst_port, original_p + 10, 2);
    memcpy(&to.src.ip, to_p, 4);
    memcpy(&to.dst.ip, to_p + 4, 4);
    memcpy(&to.src_port, to_p + 8, 2);
    memcpy(&to.dst_port, to_p + 10, 2);

    memset(&packet, 0, sizeof packet);
    memset(&b, 0, sizeof b);
    packet.packet = &b;
    packet.conn = ct_rewrite_conn(memory, &original, &to);
    packet.dir = dir;
    packet.l3_header = in;
    packet.l4_header = in + 20;
    packet.l4_len = len - 20;
    packet.is_icmp_error = true;
    packet.inner_l3 = in + 28;
    ovs_assert(ct_rewrite_icmp_error(&packet));
    check_equal("trace", &original, in, out, len);
    ct_conn_free(memory, packet.conn);
}

static void
test_traces(void)
{
    /* 192.168.20.10:1 -> 192.168.20.20:2, to 192.168.10.20. */
    static const char original[] = "c0a8140ac0a8141400010002";
    static const char to[] = "c0a8140ac0a80a1400010002";

    check_traces(original, to, CT_DIR_ORIGINAL,
                 "45000038011f0000ff011140c0a81401c0a81414"
                 "0304f77800000578"
                 "4500001c000040000a11c762c0a81414c0a8140a"
                 "0002000100080000",
                 "45000038011f0000ff011b40c0a81401c0a80a14"
                 "0304f77800000578"
                 "4500001c000040000a11d162c0a80a14c0a8140a"
                 "0002000100080000");
    check_traces(original, to, CT_DIR_REPLY,
                 "45000038011f0000ff01114ac0a81401c0a8140a"
                 "0304f77800000578"
                 "4500001c000040000a11d162c0a8140ac0a80a14"
                 "0001000200080000",
                 "45000038011f0000ff011137c0a81414c0a8140a"
                 "0304f77800000578"
                 "4500001c000040000a11c762c0a8140ac0a81414"
                 "0001000200080000");
}

int
main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    random_set_seed(argc > 1 ? atoi(argv[1]) : 1);
    ct_hash_init();
    memory = ct_conn_memory_create();

    test_packets();
    test_udp_zero();
    test_partial();
    test_errors();
    test_errors_refused();
    test_traces();

    ct_conn_memory_destroy(memory);
    printf("ct-rewrite: ok\n");
    return 0;
}
