/* SPDX-License-Identifier: Apache-2.0 */

/* ICMP and ICMPv6 queries; errors are in test-ct-icmp-error.c. */

#include <config.h>

#include "ct-l4-test.h"

#include "ct-hash.h"

static void
make_message(struct test_packet *p, bool ipv6, uint8_t proto, uint8_t type,
             uint8_t code, size_t len)
{
    uint8_t bytes[64] = { 0 };

    assert(len <= sizeof bytes);
    bytes[0] = type;
    bytes[1] = code;
    test_put16(bytes + 4, 0x1234);
    test_put16(bytes + 6, 7);
    test_packet_init(p, ipv6, false, proto, bytes, len);
    if (len >= 4) {
        test_set_checksum(p, 2, proto == IPPROTO_ICMPV6);
    }
}

/* Every type of both protocols, over both versions of IP, with and without a
 * code. */
static void
test_types(void)
{
    static const struct {
        uint8_t proto, type;
        bool reply;
    } queries[] = {
        { IPPROTO_ICMP, 8, false },     /* Echo. */
        { IPPROTO_ICMP, 0, true },
        { IPPROTO_ICMP, 13, false },    /* Timestamp. */
        { IPPROTO_ICMP, 14, true },
        { IPPROTO_ICMP, 15, false },    /* Information. */
        { IPPROTO_ICMP, 16, true },
        { IPPROTO_ICMP, 17, false },    /* Address mask. */
        { IPPROTO_ICMP, 18, true },
        { IPPROTO_ICMPV6, 128, false }, /* Echo. */
        { IPPROTO_ICMPV6, 129, true },
        { IPPROTO_ICMPV6, 139, false }, /* Node information. */
        { IPPROTO_ICMPV6, 140, true },
    };

    for (int v6 = 0; v6 < 2; v6++) {
        for (int i = 0; i < 2 * 256 * 2; i++) {
            uint8_t proto = i & 1 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
            uint8_t code = i & 2 ? 3 : 0;
            uint8_t type = i >> 2;
            bool matches_family = v6 == (proto == IPPROTO_ICMPV6);
            bool has_code = v6 && (type == 139 || type == 140);
            bool query = false, reply = false, error;
            struct test_packet p;

            error = (matches_family
                     && (v6 ? type < 128
                         : type == 3 || type == 4 || type == 5
                           || type == 11 || type == 12));
            for (size_t q = 0; q < ARRAY_SIZE(queries); q++) {
                if (queries[q].proto == proto && queries[q].type == type) {
                    query = matches_family && (!code || has_code);
                    reply = queries[q].reply;
                }
            }
            make_message(&p, v6, proto, type, code, 40);
            assert(p.ct.l4->parse(&p.ct) == query);
            if (!query) {
                /* An error has nothing it is about here. */
                assert(test_counted(error
                                    ? CT_C_INVALID_ICMP_ERROR
                                    : CT_C_INVALID_ICMP_TYPE));
            } else {
                struct ct_tuple inverse, back;

                assert(p.ct.tuple.src_port == htons(0x1234));
                assert(p.ct.tuple.dst_port == htons(0x1234));
                assert(ct_icmp_kind_type(proto, p.ct.tuple.kind) == type);
                assert(ct_tuple_is_ipv6(&p.ct.tuple) == v6);
                assert(!(p.ct.tuple.kind & CT_KIND_ICMP_REPLY) == !reply);
                assert((p.ct.l4->may_open(&p.ct) == CT_VERDICT_ACCEPT)
                       == !reply);
                assert(!reply || test_counted(CT_C_INVALID_ICMP_TYPE));

                ct_tuple_invert(&p.ct.tuple, &inverse);
                assert(!(inverse.kind & CT_KIND_ICMP_REPLY) == reply);
                ct_tuple_invert(&inverse, &back);
                assert(ct_tuple_equal(&back, &p.ct.tuple));
            }
            test_packet_uninit(&p);
        }
    }
    assert(test_counted_nothing());
}

static void
test_short_and_damaged(void)
{
    for (int v6 = 0; v6 < 2; v6++) {
        uint8_t proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
        uint8_t type = v6 ? 128 : 8;
        struct test_packet p;

        for (size_t len = 0; len <= 16; len++) {
            make_message(&p, v6, proto, type, 0, len);
            assert(p.ct.l4->parse(&p.ct) == (len >= 8));
            assert(len >= 8 || test_counted(CT_C_INVALID_L4));
            test_packet_uninit(&p);
        }
        make_message(&p, v6, proto, type, 0, 15);
        p.data[14] ^= 0x80;
        assert(!p.ct.l4->parse(&p.ct));
        assert(test_counted(CT_C_INVALID_CHECKSUM));
        test_packet_uninit(&p);
    }
}

static void
test_timeouts(void)
{
    for (int v6 = 0; v6 < 2; v6++) {
        const struct ct_l4 *l4 = v6 ? &ct_l4_icmpv6 : &ct_l4_icmp;
        enum ct_timeout query = v6 ? CT_TIMEOUT_ICMPV6 : CT_TIMEOUT_ICMP;
        enum ct_timeout reply = (v6
                                 ? CT_TIMEOUT_ICMPV6_REPLY
                                 : CT_TIMEOUT_ICMP_REPLY);
        struct ct_packet packet;
        struct ct_conn conn;

        memset(&packet, 0, sizeof packet);
        memset(&conn, 0, sizeof conn);
        l4->open(&packet, &conn);
        assert(l4->update(&packet, &conn) == CT_VERDICT_ACCEPT);
        assert(packet.timeout == query);
        packet.dir = CT_DIR_REPLY;
        assert(l4->update(&packet, &conn) == CT_VERDICT_ACCEPT);
        assert(packet.timeout == reply);
        conn.status |= CT_DPIF_STATUS_SEEN_REPLY;
        packet.dir = CT_DIR_ORIGINAL;
        assert(l4->update(&packet, &conn) == CT_VERDICT_ACCEPT);
        assert(packet.timeout == reply);
        /* Never important enough to stay when the table is full. */
        assert(!(conn.status & CT_DPIF_STATUS_ASSURED));
    }
}

int
main(void)
{
    ct_hash_init();
    test_types();
    test_short_and_damaged();
    test_timeouts();
    return 0;
}
