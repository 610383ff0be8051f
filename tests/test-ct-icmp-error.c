/* SPDX-License-Identifier: Apache-2.0 */

/* ICMP errors and the packets they quote. */

#include <config.h>

#include "ct-l4-test.h"

#include "ct-hash.h"
#include "ct-icmp-error.h"

/* What is quoted. */
struct quoted {
    const char *name;
    bool ipv6;
    int src, dst;               /* Hosts, see ct_test_addr(). */
    uint8_t proto;
    const char *ext;            /* Extension headers or options, in hex. */
    uint8_t next;               /* IPv6: first next header, if 'ext'. */
    uint16_t frag_off;          /* IPv4: with flags. */
    const char *l4;             /* In hex. */
    bool valid;
    uint16_t sport, dport;      /* Of the quoted packet. */
    uint8_t kind;               /* Of the quoted packet, without IPV6. */
};

#define PORTS "04d2003500080000"                /* 1234 -> 53 */
#define ECHO4 "0800f7ff12340001"
#define REPLY4 "0000ffff12340001"
#define ECHO6 "8000000012340001"
#define PAIR1 (1 << CT_KIND_ICMP_SHIFT)

/* Host 2 sends an error to host 1 about a packet of host 1, unless 'src'
 * says otherwise. */
static const struct quoted vectors[] = {
    { "udp", false, 1, 2, 17, "", 0, 0, PORTS, true, 1234, 53, 0 },
    { "tcp", false, 1, 2, 6, "", 0, 0, PORTS, true, 1234, 53, 0 },
    { "sctp", false, 1, 2, 132, "", 0, 0, PORTS, true, 1234, 53, 0 },
    { "gre", false, 1, 2, 47, "", 0, 0, PORTS, true, 0, 0, 0 },
    { "gre1, of no call", false, 1, 2, 47, "", 0, 0, "3001880b00040007", true,
      0, 0, 0 },
    { "gre1, no PPP", false, 1, 2, 47, "", 0, 0, "3001080000040007", false,
      0, 0, 0 },
    { "any protocol, nothing quoted of it", false, 1, 2, 112, "", 0, 0, "",
      true, 0, 0, 0 },
    { "echo", false, 1, 2, 1, "", 0, 0, ECHO4, true, 0x1234, 0x1234, PAIR1 },
    { "echo reply", false, 1, 2, 1, "", 0, 0, REPLY4, true, 0x1234, 0x1234,
      PAIR1 | CT_KIND_ICMP_REPLY },
    { "error about an error", false, 1, 2, 1, "", 0, 0, "0303fcfc00000000",
      false, 0, 0, 0 },
    { "error about a redirect", false, 1, 2, 1, "", 0, 0, "0501faf90a000001",
      false, 0, 0, 0 },
    { "unknown ICMP", false, 1, 2, 1, "", 0, 0, "2a00d5ff00000000",
      false, 0, 0, 0 },
    { "echo with a code", false, 1, 2, 1, "", 0, 0, "0807f7ff12340001",
      false, 0, 0, 0 },
    { "ICMPv6 over IPv4", false, 1, 2, 58, "", 0, 0, ECHO6, false, 0, 0, 0 },
    { "options", false, 1, 2, 17, "0101010194040000", 0, 0, PORTS,
      true, 1234, 53, 0 },
    { "first fragment", false, 1, 2, 17, "", 0, 0x2000, PORTS,
      true, 1234, 53, 0 },
    { "later fragment", false, 1, 2, 17, "", 0, 0x2001, PORTS,
      false, 0, 0, 0 },
    { "to a stranger", false, 3, 2, 17, "", 0, 0, PORTS, false, 0, 0, 0 },
    { "seven bytes of UDP", false, 1, 2, 17, "", 0, 0, "04d20035000800",
      false, 0, 0, 0 },

    { "udp6", true, 1, 2, 17, "", 0, 0, PORTS, true, 1234, 53, 0 },
    { "tcp6", true, 1, 2, 6, "", 0, 0, PORTS, true, 1234, 53, 0 },
    { "echo6", true, 1, 2, 58, "", 0, 0, ECHO6, true, 0x1234, 0x1234, PAIR1 },
    { "ICMP over IPv6", true, 1, 2, 1, "", 0, 0, ECHO4, false, 0, 0, 0 },
    { "neighbor solicitation", true, 1, 2, 58, "", 0, 0, "8700000000000000",
      false, 0, 0, 0 },
    { "error about an error6", true, 1, 2, 58, "", 0, 0, "0100000000000000",
      false, 0, 0, 0 },
    { "hop-by-hop", true, 1, 2, 17, "1100050200000100", 0, 0, PORTS,
      true, 1234, 53, 0 },
    { "hop-by-hop, destination options, AH", true, 1, 2, 17,
      "3c00010400000000" "3301010c000000000000000000000000"
      "1104000000000001000000020000000000000000000000aa", 0, 0, PORTS,
      true, 1234, 53, 0 },
    { "first fragment6", true, 1, 2, 17, "1100000100000007", 44, 0, PORTS,
      true, 1234, 53, 0 },
    { "later fragment6", true, 1, 2, 17, "1100000900000007", 44, 0, PORTS,
      false, 0, 0, 0 },
    { "extension header that is too long", true, 1, 2, 17,
      "11ff050200000100", 0, 0, PORTS, false, 0, 0, 0 },
    { "to a stranger6", true, 3, 2, 17, "", 0, 0, PORTS, false, 0, 0, 0 },
};

static size_t
put_hex(uint8_t *p, const char *hex)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++) {
        unsigned int byte;

        assert(sscanf(hex + 2 * i, "%2x", &byte) == 1);
        p[i] = byte;
    }
    return n;
}

static size_t
put_ipv4(uint8_t *p, const struct quoted *q)
{
    union ct_inet_addr src = ct_test_addr(false, q->src);
    union ct_inet_addr dst = ct_test_addr(false, q->dst);
    size_t options = put_hex(p + 20, q->ext);

    p[0] = 0x40 | (20 + options) / 4;
    test_put16(p + 2, 200);
    test_put16(p + 6, q->frag_off);
    p[8] = 1;
    p[9] = q->proto;
    memcpy(p + 12, &src.ip, 4);
    memcpy(p + 16, &dst.ip, 4);
    return 20 + options;
}

static size_t
put_ipv6(uint8_t *p, const struct quoted *q)
{
    union ct_inet_addr src = ct_test_addr(true, q->src);
    union ct_inet_addr dst = ct_test_addr(true, q->dst);

    p[0] = 0x60;
    test_put16(p + 4, 200);
    p[6] = q->ext[0] ? q->next : q->proto;
    p[7] = 1;
    memcpy(p + 8, &src.ip6, 16);
    memcpy(p + 24, &dst.ip6, 16);
    return 40 + put_hex(p + 40, q->ext);
}

/* The error from host 2 to host 1 that quotes 'q', of which only 'limit' bytes
 * arrive.  '*quoted_len' is the length of the whole. */
static void
make_error(struct test_packet *p, const struct quoted *q, size_t limit,
           size_t *total)
{
    uint8_t bytes[200] = { 0 };
    size_t n = 8;

    bytes[0] = q->ipv6 ? 1 : 3;
    bytes[1] = q->ipv6 ? 4 : 3;
    n += (q->ipv6 ? put_ipv6 : put_ipv4)(bytes + n, q);
    n += put_hex(bytes + n, q->l4);
    *total = n;
    test_packet_init(p, q->ipv6, true, q->ipv6 ? 58 : 1, bytes,
                     MIN(n, limit));
    if (limit >= 4) {
        test_set_checksum(p, 2, q->ipv6);
    }
}

static void
test_vectors(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        const struct quoted *q = &vectors[i];
        struct ct_tuple expected, inverse;
        struct test_packet p;
        size_t total;

        make_error(&p, q, SIZE_MAX, &total);
        if (p.ct.l4->parse(&p.ct) != q->valid) {
            fprintf(stderr, "%s\n", q->name);
            exit(1);
        }
        if (!q->valid) {
            assert(!p.ct.is_icmp_error);
            assert(test_counted(CT_C_INVALID_ICMP_ERROR));
            test_packet_uninit(&p);
            continue;
        }
        memset(&expected, 0, sizeof expected);
        expected.src = ct_test_addr(q->ipv6, q->src);
        expected.dst = ct_test_addr(q->ipv6, q->dst);
        expected.src_port = htons(q->sport);
        expected.dst_port = htons(q->dport);
        expected.proto = q->proto;
        expected.kind = q->kind | (q->ipv6 ? CT_KIND_IPV6 : 0);
        ct_tuple_invert(&expected, &inverse);
        assert(p.ct.is_icmp_error);
        assert(p.ct.inner_l3 == p.data + 8);
        assert(ct_tuple_equal(&p.ct.tuple, &inverse));
        assert(test_counted_nothing());
        test_packet_uninit(&p);
    }
}

/* Do 'n' bytes of the quoted transport header tell the connection?  One of GRE
 * that is cut off before its version has no key. */
static bool
is_enough(const struct quoted *q, size_t n)
{
    return (n >= 8 || q->proto == 112
            || (q->proto == 47 && (n < 4 || q->l4[3] != '1')));
}

/* Every length of every error: none reads behind its end, and none is believed
 * that lacks something. */
static void
test_truncated(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        const struct quoted *q = &vectors[i];
        size_t total = 1;

        for (size_t n = 0; n < total; n++) {
            struct test_packet p;
            bool enough, valid;
            size_t before;

            make_error(&p, q, n, &total);
            before = total - strlen(q->l4) / 2;
            enough = n >= before && is_enough(q, n - before);
            valid = enough && (q->valid || n < before + 4);
            assert(p.ct.l4->parse(&p.ct) == valid);
            assert(p.ct.is_icmp_error == valid);
            if (!p.ct.is_icmp_error) {
                assert(test_counted(n < 8
                                    ? CT_C_INVALID_L4
                                    : CT_C_INVALID_ICMP_ERROR));
            }
            test_packet_uninit(&p);
        }
    }
}

/* Every byte of a good error set to every value: the sanitizers watch. */
static void
test_mangled(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        struct test_packet p;
        size_t total = 1;

        for (size_t at = 4; at < total; at++) {
            for (int value = 0; value < 256; value++) {
                make_error(&p, &vectors[i], SIZE_MAX, &total);
                p.data[at] = value;
                test_set_checksum(&p, 2, vectors[i].ipv6);
                p.ct.l4->parse(&p.ct);
                test_packet_uninit(&p);
            }
        }
    }
    memset(test_counters, 0, sizeof test_counters);
}

static void
test_wrong_version(void)
{
    struct test_packet p;
    size_t total;

    make_error(&p, &vectors[0], SIZE_MAX, &total);
    p.data[8] = 0x65;
    test_set_checksum(&p, 2, false);
    assert(!p.ct.l4->parse(&p.ct));
    assert(test_counted(CT_C_INVALID_ICMP_ERROR));
    test_packet_uninit(&p);
}

int
main(void)
{
    ct_hash_init();
    test_vectors();
    test_truncated();
    test_mangled();
    test_wrong_version();
    return 0;
}
