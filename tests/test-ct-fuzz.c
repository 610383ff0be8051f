/* SPDX-License-Identifier: Apache-2.0 */

/* Packets made at random, nearly right, through several ct() each: nothing
 * outside of a packet is read or written (for the address sanitizer: packets
 * stand in memory of exactly their size), and each comes to a known end.
 *
 * usage: test-ct-fuzz [N-PACKETS [SEED]] */

#include <config.h>

#include "ct-core-test.h"

#include "ct-nat.h"
#include "ct-nat-port.h"
#include "ct-nat-search.h"

#define MAX_PACKET 2048
#define MAX_ERROR_DEPTH 2

static uint64_t random_state;

static uint32_t
next(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % n;
}

static void
put_ports(uint8_t *b, bool client)
{
    uint16_t a = 1000 + next(4), z = 80;

    if (!client) {
        z = next(2) ? 1024 + next(64) : a;
        a = 80;
    }
    b[0] = a >> 8;
    b[1] = a;
    b[2] = z >> 8;
    b[3] = z;
}

static size_t
put_tcp(uint8_t *b, bool client)
{
    static const uint8_t flags[] = { 0x02, 0x12, 0x10, 0x11, 4, 0x14, 0x18 };

    put_ports(b, client);
    b[7] = next(4);
    b[11] = next(4);
    b[12] = (5 + next(3)) << 4;
    b[13] = flags[next(sizeof flags)];
    b[14] = 0x40;
    for (int i = 20; i < 40; i++) {
        b[i] = next(6);                 /* Options. */
    }
    return 20 + next(40);
}

static size_t
put_udp(uint8_t *b, bool client)
{
    size_t n = 8 + next(40);

    put_ports(b, client);
    b[5] = n;
    b[7] = next(2);
    return n;
}

static size_t
put_sctp(uint8_t *b, bool client)
{
    size_t n = 12;

    put_ports(b, client);
    for (int i = next(2); i >= 0; i--) {
        size_t len = 4 + next(28);

        b[n] = next(15);
        b[n + 3] = len;
        n += ROUND_UP(len, 4);
    }
    return n;
}

static size_t
put_icmp(uint8_t *b, bool client, bool ipv6)
{
    b[0] = ipv6 ? (client ? 128 : 129) : (client ? 8 : 0);
    b[5] = next(3);
    return 8 + next(20);
}

static size_t put_ip(uint8_t *, bool ipv6, bool client, int depth);

/* An error about a packet that went the other way. */
static size_t
put_icmp_error(uint8_t *b, bool client, bool ipv6, int depth)
{
    static const uint8_t types4[] = { 3, 4, 5, 11, 12 };

    b[0] = ipv6 ? 1 + next(4) : types4[next(sizeof types4)];
    return 8 + put_ip(b + 8, ipv6, !client, depth - 1);
}

static size_t
put_l4(uint8_t *b, bool ipv6, bool client, int depth, uint8_t *proto)
{
    static const uint8_t protos[] = {
        IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_ICMP, IPPROTO_ICMPV6,
        IPPROTO_GRE, IPPROTO_DCCP, IPPROTO_UDPLITE, 99,
    };

    memset(b, 0, 200);
    *proto = protos[next(sizeof protos)];
    if (depth && !next(3)) {
        *proto = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
        return put_icmp_error(b, client, ipv6, depth);
    }
    switch (*proto) {
    case IPPROTO_TCP:
        return put_tcp(b, client);
    case IPPROTO_UDP:
        return put_udp(b, client);
    case IPPROTO_SCTP:
        return put_sctp(b, client);
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return put_icmp(b, client, *proto == IPPROTO_ICMPV6);
    default:
        return next(40);
    }
}

static size_t
put_ip4(uint8_t *b, const uint8_t *l4, size_t l4_len, uint8_t proto)
{
    size_t header_len = 20 + (next(4) ? 0 : 4 * next(11));
    size_t len = header_len + l4_len;

    memset(b, 0, header_len);
    b[0] = 0x40 | header_len / 4;
    b[2] = len >> 8;
    b[3] = len;
    b[8] = 64;
    b[9] = proto;
    b[12] = b[16] = 10;
    memcpy(b + header_len, l4, l4_len);
    return len;
}

static size_t
put_ip6(uint8_t *b, const uint8_t *l4, size_t l4_len, uint8_t proto)
{
    static const uint8_t extensions[] = {
        IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS, IPPROTO_AH,
        IPPROTO_FRAGMENT
    };
    uint8_t *next_header = &b[6];
    size_t len = 40;

    memset(b, 0, 40);
    b[0] = 0x60;
    b[7] = 64;
    b[8] = b[24] = 0xfd;
    for (int i = next(6) / 2; i > 0; i--) {
        size_t units = 1 + next(2);
        uint8_t type = extensions[next(sizeof extensions)];

        memset(b + len, 0, 16);
        b[len + 1] = (type == IPPROTO_FRAGMENT ? 0
                      : type == IPPROTO_AH ? units * 2 - 2 : units - 1);
        *next_header = type;
        next_header = &b[len];
        len += type == IPPROTO_FRAGMENT ? 8 : units * 8;
    }
    *next_header = proto;
    memcpy(b + len, l4, l4_len);
    len += l4_len;
    b[4] = (len - 40) >> 8;
    b[5] = len - 40;
    return len;
}

/* A packet between hosts 1 and 2, or back to 1 as 100 or 9. */
static size_t
put_ip(uint8_t *b, bool ipv6, bool client, int depth)
{
    static const uint8_t clients[] = { 1, 100, 9 };
    uint8_t src = client ? 1 : 2;
    uint8_t dst = client ? 2 : clients[next(sizeof clients)];
    uint8_t l4[MAX_PACKET], proto;
    size_t l4_len = put_l4(l4, ipv6, client, depth, &proto);
    size_t len;

    if (ipv6) {
        len = put_ip6(b, l4, l4_len, proto);
        b[23] = src;
        b[39] = dst;
    } else {
        ovs_be16 sum;

        len = put_ip4(b, l4, l4_len, proto);
        b[15] = src;
        b[19] = dst;
        sum = csum(b, (b[0] & 0xf) * 4);
        memcpy(b + 10, &sum, sizeof sum);
    }
    return len;
}

/* Some bytes changed, or cut off, or added. */
static size_t
damage(uint8_t *b, size_t len)
{
    for (int i = next(3) ? 0 : next(4); i > 0; i--) {
        b[ETH_HEADER_LEN + next(len - ETH_HEADER_LEN)] = next(256);
    }
    if (!next(8)) {
        len = ETH_HEADER_LEN + next(len - ETH_HEADER_LEN + 1);
    }
    if (!next(8)) {
        size_t pad = next(20);

        memset(b + len, 7, pad);
        len += pad;
    }
    return len;
}

static struct dp_packet *
random_packet(bool ipv6)
{
    uint8_t b[MAX_PACKET];
    struct dp_packet *p = xmalloc(sizeof *p);
    struct flow flow;
    size_t len;

    memset(b, 0, ETH_HEADER_LEN);
    b[12] = ipv6 ? 0x86 : 0x08;
    b[13] = ipv6 ? 0xdd : 0x00;
    len = ETH_HEADER_LEN + put_ip(b + ETH_HEADER_LEN, ipv6, next(2),
                                  MAX_ERROR_DEPTH);
    len = damage(b, len);

    dp_packet_use(p, xmemdup(b, len), len);
    dp_packet_set_size(p, len);
    pkt_metadata_init(&p->md, 1);
    /* Checksums would let nothing through. */
    if (next(2)) {
        *dp_packet_ol_flags_ptr(p) |= DP_PACKET_OL_RX_L4_CKSUM_GOOD;
    } else {
        dp_packet_hwol_set_csum_tcp(p);
    }
    if (next(2)) {
        *dp_packet_ol_flags_ptr(p) |= DP_PACKET_OL_RX_IP_CKSUM_GOOD;
    }
    flow_extract(p, &flow);
    return p;
}

static struct ct_request
random_request(void)
{
    struct ct_request r = { .zone = next(3), .commit = next(2) };

    r.force = r.commit && !next(4);
    r.nat.kind = (!next(2) ? CT_NAT_NONE
                  : !r.commit || !next(3) ? CT_NAT_EXISTING
                  : next(2) ? CT_NAT_SRC : CT_NAT_DST);
    if (r.nat.kind == CT_NAT_SRC || r.nat.kind == CT_NAT_DST) {
        uint8_t host = r.nat.kind == CT_NAT_SRC ? 100 : 9;

        r.nat.have_addr = true;
        r.nat.ipv6 = next(2);
        if (r.nat.ipv6) {
            r.nat.min_addr.ip6 = r.nat.max_addr.ip6 = test_ip6(host);
        } else {
            r.nat.min_addr.ip = r.nat.max_addr.ip = test_ip(host);
        }
        r.nat.have_port = next(2);
        r.nat.min_port = 1;
        r.nat.max_port = 1 + next(100);
    }
    if (r.commit && next(2)) {
        r.label_mask.u64.lo = r.label.u64.lo = next(8);
    }
    return r;
}

/* Packets that were dropped or invalid, for whatever reason; fragments expire
 * when they like. */
static uint64_t
count_bad(void)
{
    uint64_t n = 0;

    for (int i = 0; i < CT_N_COUNTERS; i++) {
        const char *name = ct_counter_name(i);

        if (i != CT_C_DROP_FRAGMENT_EXPIRED
            && (!strncmp(name, "drop-", 5) || !strncmp(name, "invalid-", 8))) {
            n += ct_counter_get(ct, i);
        }
    }
    return n;
}

/* Up to three ct() on one packet.  Who is dropped or invalid is counted, for
 * one reason each. */
static void
track(struct dp_packet *p, bool ipv6)
{
    uint64_t n_bad = count_bad();

    for (int i = 0; i < 3 && p; i++) {
        const struct ct_request request = random_request();
        struct flow flow;

        flow_extract(p, &flow);
        p = test_ct(ct, p, ipv6, &request, now);
        if (!flow.nw_frag) {
            n_bad += !p || p->md.ct_state & CS_INVALID;
            assert(count_bad() == n_bad);
        }
        n_bad = count_bad();
        if (p) {
            assert(p->md.ct_state & CS_TRACKED);
            assert(!(p->md.ct_state & CS_INVALID) || !p->md.conn);
            if (!next(4)) {
                p->md.conn = NULL;      /* As behind an upcall. */
            }
            if (!next(6)) {
                ct_clear(p);
            }
        }
    }
    dp_packet_delete(p);
}

/* What was created ends once, and gives back its port. */
static void
check_nothing_left(void)
{
    uint64_t n_created = ct_counter_get(ct, CT_C_CREATED);

    ct_flush(ct, NULL, NULL);
    assert(!ct_get_nconns(ct));
    for (int i = 0; count_ended() < n_created; i++) {
        assert(i < 1000);
        ovsrcu_quiesce();
        xnanosleep(5 * 1000 * 1000);
    }
    assert(count_ended() == n_created);
    assert(!ct_nat_pools_count(ct_get_nat(ct)->pools));
}

int
main(int argc, char *argv[])
{
    unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;

    set_program_name(argv[0]);
    random_state = (argc > 2 ? strtoull(argv[2], NULL, 10) : 0) * 7919
                   + UINT64_C(88172645463325252);
    start();
    ct_set_maxconns(ct, 3000);
    for (unsigned long i = 0; i < n; i++) {
        bool ipv6 = next(2);

        track(random_packet(ipv6), ipv6);
        now += next(50);
        if (i % 64 == 0) {
            ct_run(ct, now);
            ovsrcu_quiesce();
        }
    }
    /* It was not for nothing. */
    assert(ct_counter_get(ct, CT_C_CREATED) > n / 100
           && ct_counter_get(ct, CT_C_FOUND) > n / 10);
    check_nothing_left();
    stop();
    puts("fuzz ok");
    return 0;
}
