/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target: translation of packets and of ICMP errors.
 *
 * Input: two tuples, the shape of a packet, and what an ICMP error quotes.  A
 * packet of the first tuple, translated, is one of the second, and translated
 * back it is the same again; an error about it likewise.  An error that quotes
 * anything keeps its length and the errors of its checksums, or is refused and
 * left alone. */

#include <config.h>

#include "fuzz.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "ct-conn.h"
#include "ct-hash.h"
#include "ct-packet.h"
#include "fuzz-sums.h"
#include "tests/ct-rewrite-test.h"
#include "tests/test-ct-build.h"

#define MAX_PACKET 1024
#define MAX_QUOTED 512

static struct ct_conn_memory *memory;

/* What one input is about. */
struct subject {
    struct ct_tuple original, to;
    struct shape shape;
    struct ct_conn *there, *back;   /* From 'original' to 'to'; the reverse. */
    bool ipv6;
};

static bool
has_ports(const struct ct_tuple *t)
{
    return (t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP
            || t->proto == IPPROTO_SCTP || t->kind & CT_KIND_GRE_KEY);
}

static void
read_ports(struct fuzz_input *in, struct ct_tuple *t)
{
    if (has_ports(t)) {
        t->src_port = htons(fuzz_u16(in));
        t->dst_port = htons(fuzz_u16(in));
    } else if (t->kind >> CT_KIND_ICMP_SHIFT) {
        t->src_port = t->dst_port = htons(fuzz_u16(in));
    }
}

static void
read_addr(struct fuzz_input *in, bool ipv6, union ct_inet_addr *addr)
{
    memset(addr, 0, sizeof *addr);
    fuzz_bytes(in, addr, ipv6 ? 16 : 4);
}

static void
read_original(struct fuzz_input *in, struct subject *s)
{
    static const uint8_t protos[] = {
        IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_SCTP, IPPROTO_GRE,
        IPPROTO_DCCP, IPPROTO_UDPLITE,
    };
    struct ct_tuple *t = &s->original;
    uint8_t byte = fuzz_u8(in);

    memset(t, 0, sizeof *t);
    s->ipv6 = byte & 0x80;
    t->kind = s->ipv6 ? CT_KIND_IPV6 : 0;
    t->proto = protos[(byte & 15) % ARRAY_SIZE(protos)];
    if (t->proto == IPPROTO_ICMP) {
        t->proto = s->ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
        assert(ct_icmp_query_kind(t->proto, s->ipv6 ? 128 : 8, &t->kind));
        t->kind |= s->ipv6 ? CT_KIND_IPV6 : 0;
    }
    if (t->proto == IPPROTO_GRE && byte & 0x20) {
        t->kind |= CT_KIND_GRE_KEY;
    }
    read_addr(in, s->ipv6, &t->src);
    read_addr(in, s->ipv6, &t->dst);
    read_ports(in, t);
    s->shape.no_checksum = byte & 0x40;
}

/* False if it translates nothing. */
static bool
read_to(struct fuzz_input *in, struct subject *s)
{
    uint8_t what = fuzz_u8(in);

    s->to = s->original;
    if (what & 1) {
        read_addr(in, s->ipv6, &s->to.src);
    }
    if (what & 2) {
        read_addr(in, s->ipv6, &s->to.dst);
    }
    if (what & 4) {
        read_ports(in, &s->to);
    }
    return !ct_tuple_equal(&s->original, &s->to);
}

/* Packets. */

/* 'from' in direction 'dir' becomes 'to', and back. */
static void
check_packet(const struct subject *s, enum ct_dir dir,
             const struct ct_tuple *from, const struct ct_tuple *to)
{
    uint8_t built[MAX_PACKET], want[MAX_PACKET];
    size_t l4_ofs, len = build(built, from, &s->shape, &l4_ofs);
    uint8_t *p = xmemdup(built, len);

    assert(build(want, to, &s->shape, &l4_ofs) == len);
    assert(ct_rewrite_bytes(s->there, dir, p, l4_ofs, len));
    assert(!memcmp(p, want, len));
    assert(ct_rewrite_bytes(s->back, dir, p, l4_ofs, len));
    assert(!memcmp(p, built, len));
    free(p);
}

static void
check_packets(const struct subject *s)
{
    struct ct_tuple reply, reply_to;

    check_packet(s, CT_DIR_ORIGINAL, &s->original, &s->to);
    ct_tuple_invert(&s->to, &reply);
    ct_tuple_invert(&s->original, &reply_to);
    check_packet(s, CT_DIR_REPLY, &reply, &reply_to);
}

/* Errors. */

struct error {
    uint8_t *ip;
    size_t len, l4_ofs;
};

/* An error from 'seen's destination to its source. */
static struct error
make_error(const struct subject *s, const struct ct_tuple *seen, uint8_t type,
           const uint8_t *quoted, size_t n)
{
    struct error e = { .l4_ofs = s->ipv6 ? 40 : 20 };
    size_t addr_len = s->ipv6 ? 16 : 4;
    uint8_t *addrs;

    e.len = e.l4_ofs + 8 + n;
    e.ip = xzalloc(e.len);
    addrs = e.ip + (s->ipv6 ? 8 : 12);
    e.ip[0] = s->ipv6 ? 0x60 : 0x45;
    fuzz_put16(e.ip + (s->ipv6 ? 4 : 2), s->ipv6 ? 8 + n : e.len);
    e.ip[s->ipv6 ? 6 : 9] = s->ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    memcpy(addrs, &seen->dst, addr_len);
    memcpy(addrs + addr_len, &seen->src, addr_len);
    e.ip[e.l4_ofs] = type;
    memcpy(e.ip + e.l4_ofs + 8, quoted, n);
    return e;
}

static struct fuzz_ip
ip_of_error(const struct subject *s, const struct error *e)
{
    return (struct fuzz_ip) {
        .ip = e->ip, .len = e->len, .l4_ofs = e->l4_ofs, .ipv6 = s->ipv6,
        .proto = s->ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, .whole = true,
    };
}

static bool
translate_error(const struct error *e, struct ct_conn *conn, enum ct_dir dir)
{
    struct ct_packet packet;
    struct dp_packet b;

    memset(&packet, 0, sizeof packet);
    memset(&b, 0, sizeof b);
    packet.packet = &b;
    packet.conn = conn;
    packet.dir = dir;
    packet.l3_header = e->ip;
    packet.l4_header = e->ip + e->l4_ofs;
    packet.l4_len = e->len - e->l4_ofs;
    packet.is_icmp_error = true;
    packet.inner_l3 = packet.l4_header + 8;
    return ct_rewrite_icmp_error(&packet);
}

static void
check_same_sums(const struct fuzz_sums *a, const struct fuzz_sums *b)
{
    assert(a->ip == b->ip && a->l4 == b->l4);
    assert(a->inner_ip == b->inner_ip);
}

/* About 'n' bytes of a packet of the connection: as it was 'seen', which is
 * how it left, and as it was 'sent'. */
static void
check_error(const struct subject *s, enum ct_dir dir,
            const struct ct_tuple *seen, const struct ct_tuple *sent,
            size_t n)
{
    uint8_t quoted[MAX_PACKET], want[MAX_PACKET], *before;
    size_t l4_ofs, len = build(quoted, seen, &s->shape, &l4_ofs);
    struct error e;
    struct fuzz_ip ip;
    struct fuzz_sums a, b;

    build(want, sent, &s->shape, &l4_ofs);
    n = MIN(n, len);
    e = make_error(s, seen, s->ipv6 ? 1 : 3, quoted, n);
    ip = ip_of_error(s, &e);
    fuzz_set_sums(&ip);
    before = xmemdup(e.ip, e.len);
    a = fuzz_sums(&ip);
    if (translate_error(&e, s->there, dir)) {
        const uint8_t *addrs = e.ip + (s->ipv6 ? 8 : 12);
        size_t addr_len = s->ipv6 ? 16 : 4;

        b = fuzz_sums(&ip);
        check_same_sums(&a, &b);
        assert(!memcmp(addrs + addr_len, &sent->src, addr_len));
        if (n == len) {
            assert(!memcmp(e.ip + e.l4_ofs + 8, want, n));
        }
        assert(translate_error(&e, s->back, dir));
    } else {
        assert(n < l4_ofs + 8);
    }
    assert(!memcmp(e.ip, before, e.len));
    free(before);
    free(e.ip);
}

static void
check_errors(const struct subject *s, size_t n)
{
    struct ct_tuple reply_seen, reply_sent;

    check_error(s, CT_DIR_REPLY, &s->to, &s->original, n);
    ct_tuple_invert(&s->original, &reply_seen);
    ct_tuple_invert(&s->to, &reply_sent);
    check_error(s, CT_DIR_ORIGINAL, &reply_seen, &reply_sent, n);
}

/* About what need not be a packet at all. */
static void
check_any_error(struct fuzz_input *in, const struct subject *s)
{
    enum ct_dir dir = fuzz_below(in, 2);
    uint8_t type = fuzz_u8(in);
    size_t n = MIN(fuzz_left(in), MAX_QUOTED);
    struct error e = make_error(s, &s->to, type, in->p, n);
    struct fuzz_ip ip = ip_of_error(s, &e);
    uint8_t *before;
    struct fuzz_sums a, b;

    fuzz_set_sums(&ip);
    a = fuzz_sums(&ip);
    before = xmemdup(e.ip, e.len);
    if (translate_error(&e, s->there, dir)) {
        b = fuzz_sums(&ip);
        assert(a.ip == b.ip && a.l4 == b.l4);
    } else {
        assert(!memcmp(e.ip, before, e.len));
    }
    free(before);
    free(e.ip);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_input_init(data, size);
    struct subject s = { .shape = { .seed = 0 } };

    if (!memory) {
        ct_hash_init();
        memory = ct_conn_memory_create();
    }
    read_original(&in, &s);
    if (!read_to(&in, &s)) {
        return 0;
    }
    s.shape.option_words = fuzz_below(&in, 4);
    s.shape.payload = fuzz_u8(&in);
    s.shape.seed = fuzz_u32(&in);
    s.there = ct_rewrite_conn(memory, &s.original, &s.to);
    s.back = ct_rewrite_conn(memory, &s.to, &s.original);
    check_packets(&s);
    check_errors(&s, fuzz_u16(&in));
    check_errors(&s, SIZE_MAX);
    check_any_error(&in, &s);
    ct_conn_free(memory, s.there);
    ct_conn_free(memory, s.back);
    return 0;
}
