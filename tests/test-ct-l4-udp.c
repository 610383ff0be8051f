/* SPDX-License-Identifier: Apache-2.0 */

/* UDP, GRE, and protocols that have no file of their own. */

#include <config.h>

#include "ct-l4-test.h"

#include "ct-hash.h"

/* A datagram whose header says 'udp_len', in 'len' bytes. */
static void
make_datagram(struct test_packet *p, bool ipv6, size_t len, uint16_t udp_len)
{
    uint8_t bytes[64];

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = i * 7;
    }
    assert(len <= sizeof bytes);
    test_put16(bytes, 1234);
    test_put16(bytes + 2, 53);
    test_put16(bytes + 4, udp_len);
    test_packet_init(p, ipv6, false, IPPROTO_UDP, bytes, len);
    if (len >= 8) {
        test_set_checksum(p, 6, true);
    }
}

static void
test_parse(void)
{
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        for (size_t len = 0; len <= 20; len++) {
            for (uint16_t udp_len = 0; udp_len <= 24; udp_len++) {
                bool valid = len >= 8 && udp_len >= 8 && udp_len <= len;
                struct test_packet p;

                make_datagram(&p, ipv6, len, udp_len);
                assert(ct_l4_udp.parse(&p.ct) == valid);
                if (valid) {
                    assert(p.ct.tuple.src_port == htons(1234));
                    assert(p.ct.tuple.dst_port == htons(53));
                } else {
                    assert(test_counted(CT_C_INVALID_L4));
                }
                test_packet_uninit(&p);
            }
        }
    }
    assert(test_counted_nothing());
}

static void
test_checksum_rules(void)
{
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct test_packet p;

        make_datagram(&p, ipv6, 19, 19);
        p.data[18] ^= 1;
        assert(!ct_l4_udp.parse(&p.ct));
        assert(test_counted(CT_C_INVALID_CHECKSUM));

        /* None at all (RFC 768, RFC 6935). */
        test_put16(p.data + 6, 0);
        assert(ct_l4_udp.parse(&p.ct));
        test_packet_uninit(&p);
    }
}

struct event {
    long long at;               /* Milliseconds after the first packet. */
    bool reply;
    enum ct_timeout timeout;
    bool assured;
};

/* The fast way says the same, or nothing; and not nothing for ever. */
static void
check_ordinary(const struct ct_l4 *l4, const struct ct_packet *packet,
               struct ct_conn *conn)
{
    bool was_assured = conn->status & CT_DPIF_STATUS_ASSURED;
    bool seen_reply = conn->status & CT_DPIF_STATUS_SEEN_REPLY;
    struct ct_conn fast = *conn;
    struct ct_packet full = *packet;
    uint64_t ms;

    if (!l4->ordinary) {
        return;
    }
    ms = l4->ordinary(packet, &fast, packet->dir, &ct_timeouts_default);
    assert(!memcmp(&fast, conn, sizeof fast));
    assert(l4->update(&full, &fast) == CT_VERDICT_ACCEPT);
    assert(!ms || ms == ct_timeouts_default.ms[full.timeout]);
    assert(!ms || fast.status == conn->status);
    assert(!was_assured || ms);
    assert(!ms || seen_reply);
}

static void
run(const struct ct_l4 *l4, const struct event *events, size_t n)
{
    struct ct_conn conn;
    struct ct_packet packet;

    memset(&conn, 0, sizeof conn);
    memset(&packet, 0, sizeof packet);
    packet.now = 5000000;
    assert(l4->may_open(&packet) == CT_VERDICT_ACCEPT);
    l4->open(&packet, &conn);
    for (size_t i = 0; i < n; i++) {
        const struct event *e = &events[i];

        packet.now = 5000000 + e->at;
        packet.dir = e->reply ? CT_DIR_REPLY : CT_DIR_ORIGINAL;
        check_ordinary(l4, &packet, &conn);
        assert(l4->update(&packet, &conn) == CT_VERDICT_ACCEPT);
        assert(packet.timeout == e->timeout);
        if (e->reply) {
            conn.status |= CT_DPIF_STATUS_SEEN_REPLY;
        }
        assert(!(conn.status & CT_DPIF_STATUS_ASSURED) == !e->assured);
    }
}

#define RUN(L4, ...)                                                    \
    run(L4, (const struct event[]) { __VA_ARGS__ },                     \
        sizeof((const struct event[]) { __VA_ARGS__ }) / sizeof(struct event))

static void
test_timeouts(void)
{
    /* One way, however often and however long: never a stream, never
     * ASSURED. */
    RUN(&ct_l4_udp,
        { 0, false, CT_TIMEOUT_UDP_FIRST, false },
        { 10, false, CT_TIMEOUT_UDP, false },
        { 25000, false, CT_TIMEOUT_UDP, false },
        { 50000, false, CT_TIMEOUT_UDP, false });
    /* A question and an answer, and some more: no stream, not ASSURED. */
    RUN(&ct_l4_udp,
        { 0, false, CT_TIMEOUT_UDP_FIRST, false },
        { 10, true, CT_TIMEOUT_UDP, false },
        { 20, false, CT_TIMEOUT_UDP, false },
        { 30, true, CT_TIMEOUT_UDP, false });
    /* Still talking after two seconds. */
    RUN(&ct_l4_udp,
        { 0, false, CT_TIMEOUT_UDP_FIRST, false },
        { 10, true, CT_TIMEOUT_UDP, false },
        { 2000, false, CT_TIMEOUT_UDP, false },
        { 2001, true, CT_TIMEOUT_UDP_STREAM, true },
        { 9000, false, CT_TIMEOUT_UDP_STREAM, true });
    /* The answer takes more than two seconds. */
    RUN(&ct_l4_udp,
        { 0, false, CT_TIMEOUT_UDP_FIRST, false },
        { 5000, true, CT_TIMEOUT_UDP, false },
        { 5010, true, CT_TIMEOUT_UDP_STREAM, true });

    RUN(&ct_l4_gre,
        { 0, false, CT_TIMEOUT_GRE, false },
        { 10, true, CT_TIMEOUT_GRE, false },
        { 20, false, CT_TIMEOUT_GRE_STREAM, true });
    RUN(&ct_l4_generic,
        { 0, false, CT_TIMEOUT_GENERIC, false },
        { 10, true, CT_TIMEOUT_GENERIC, false },
        { 20, false, CT_TIMEOUT_GENERIC, false });
}

static void
test_portless(void)
{
    static const uint8_t bytes[8];

    for (size_t len = 0; len <= sizeof bytes; len++) {
        struct test_packet p;

        test_packet_init(&p, false, false, IPPROTO_GRE, bytes, len);
        assert(p.ct.l4 == &ct_l4_gre);
        assert(ct_l4_gre.parse(&p.ct) == (len >= 4));
        assert(len >= 4 || test_counted(CT_C_INVALID_L4));
        test_packet_uninit(&p);

        test_packet_init(&p, false, false, 112, bytes, len);
        assert(p.ct.l4 == &ct_l4_generic);
        assert(ct_l4_generic.parse(&p.ct));
        assert(!p.ct.tuple.src_port && !p.ct.tuple.dst_port);
        test_packet_uninit(&p);
    }
}

int
main(void)
{
    ct_hash_init();
    test_parse();
    test_checksum_rules();
    test_timeouts();
    test_portless();
    return 0;
}
