/* SPDX-License-Identifier: Apache-2.0 */

/* The four rules of the TCP windows, one segment each against windows that are
 * set up by hand. */

#include <config.h>

#include "ct-l4-test.h"

#include "ct-hash.h"
#include "ct-l4-tcp.h"
#include "ct-tcp-window.h"

#define ACCEPT CT_TCP_WINDOW_ACCEPT
#define IGNORE CT_TCP_WINDOW_IGNORE
#define INVALID CT_TCP_WINDOW_INVALID

/* The sender has sent up to 1000 and may send up to 3000; the receiver has
 * sent up to 5000 and its windows were 2000 at most. */
static const struct ct_tcp_window sender = { 1000, 3000, 4000, 0 };
static const struct ct_tcp_window receiver = { 5000, 9000, 2000, 0 };

static const struct {
    const char *name;
    uint8_t flags;
    uint32_t seq, len, ack;
    enum ct_tcp_window_verdict verdict;
} vectors[] = {
    { "next byte", TCP_ACK, 1000, 1, 5000, ACCEPT },
    { "nothing new", TCP_ACK, 1000, 0, 5000, ACCEPT },
    { "retransmission", TCP_ACK, 900, 100, 4000, ACCEPT },
    { "up to the right edge", TCP_ACK, 2999, 1, 5000, ACCEPT },
    { "begins at the right edge (I)", TCP_ACK, 3000, 1, 5000, ACCEPT },
    { "begins behind the right edge (I)", TCP_ACK, 3001, 1, 5000, IGNORE },
    { "so far behind that it is no mistake", TCP_ACK, 3001, 1999, 5000,
      INVALID },
    { "far behind the right edge", TCP_ACK, 900000, 1, 5000, INVALID },
    { "ends at the left edge (II)", TCP_ACK, 4294966295u, 1, 5000, ACCEPT },
    { "ends before the left edge (II)", TCP_ACK, 4294966294u, 1, 5000,
      IGNORE },
    { "acknowledges all (III)", TCP_ACK, 1000, 0, 5000, ACCEPT },
    { "acknowledges more than that (III)", TCP_ACK, 1000, 0, 5001, INVALID },
    { "and behind the window, too", TCP_ACK, 3001, 1, 5001, INVALID },
    { "an old acknowledgment (IV)", TCP_ACK, 1000, 0,
      (uint32_t) (5000 - 66000), ACCEPT },
    { "too old an acknowledgment (IV)", TCP_ACK, 1000, 0,
      (uint32_t) (5000 - 66001), IGNORE },
    { "no acknowledgment at all", TCP_RST, 1000, 0, 77777, ACCEPT },
    { "a reset that acknowledges zero", TCP_RST | TCP_ACK, 1000, 0, 0,
      ACCEPT },
};

static void
make_packet(struct test_packet *p, uint8_t flags, uint32_t seq, uint32_t len,
            uint32_t ack)
{
    static uint8_t bytes[20 + 4000];

    memset(bytes, 0, sizeof bytes);
    test_put32(bytes + 4, seq);
    test_put32(bytes + 8, ack);
    bytes[12] = 0x50;
    bytes[13] = flags;
    test_put16(bytes + 14, 100);
    test_packet_init(p, false, false, IPPROTO_TCP, bytes, 20 + len);
    test_set_checksum(p, 16, true);
    assert(ct_l4_tcp.parse(&p->ct));
}

static void
init_conn(struct ct_conn *conn, uint8_t flags)
{
    memset(conn, 0, sizeof *conn);
    conn->l4_state = CT_TCP_ESTABLISHED;
    conn->tcp[CT_DIR_ORIGINAL] = sender;
    conn->tcp[CT_DIR_REPLY] = receiver;
    conn->l4_flags[CT_DIR_ORIGINAL] = flags;
}

static void
test_rules(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        enum ct_tcp_window_verdict verdict;
        struct ct_conn conn, before;
        struct test_packet p;

        make_packet(&p, vectors[i].flags, vectors[i].seq, vectors[i].len,
                    vectors[i].ack);
        init_conn(&conn, 0);
        before = conn;
        verdict = ct_tcp_window_check(&p.ct, &conn);
        if (verdict != vectors[i].verdict) {
            fprintf(stderr, "%s: %d\n", vectors[i].name, verdict);
            exit(1);
        }
        if (verdict == INVALID) {
            assert(!memcmp(&conn, &before, sizeof conn));
        }

        /* A connection that was picked up, and a tracker that does not look,
         * let everything pass. */
        init_conn(&conn, CT_TCPF_BE_LIBERAL);
        assert(ct_tcp_window_check(&p.ct, &conn) == ACCEPT);
        test_seq_chk = false;
        init_conn(&conn, 0);
        assert(ct_tcp_window_check(&p.ct, &conn) == ACCEPT);
        test_seq_chk = true;
        test_packet_uninit(&p);
    }
}

static void
test_updates(void)
{
    struct test_packet p;
    struct ct_conn conn;

    init_conn(&conn, 0);
    ct_tcp_set_wscale(&conn, CT_DIR_ORIGINAL, 7);
    conn.l4_flags[CT_DIR_REPLY] = CT_TCPF_UNACKNOWLEDGED;
    make_packet(&p, TCP_ACK, 1000, 500, 5000);
    assert(ct_tcp_window_check(&p.ct, &conn) == ACCEPT);
    assert(conn.tcp[CT_DIR_ORIGINAL].end == 1500);
    assert(conn.tcp[CT_DIR_ORIGINAL].max_end == 3000);
    assert(conn.tcp[CT_DIR_ORIGINAL].max_win == 100 << 7);
    assert(conn.tcp[CT_DIR_ORIGINAL].max_ack == 5000);
    assert(conn.tcp[CT_DIR_REPLY].max_end == 5000 + (100 << 7));
    assert(conn.l4_flags[CT_DIR_ORIGINAL]
           == (CT_TCPF_UNACKNOWLEDGED | CT_TCPF_MAXACK_SET));
    assert(conn.l4_flags[CT_DIR_REPLY] == 0);
    assert(!conn.retrans);
    assert(ct_tcp_window_check(&p.ct, &conn) == ACCEPT);
    assert(conn.retrans == 1);
    for (int i = 0; i < 1000; i++) {
        assert(ct_tcp_window_check(&p.ct, &conn) == ACCEPT);
    }
    assert(conn.retrans == UINT8_MAX);
    test_packet_uninit(&p);

    make_packet(&p, TCP_ACK, 1500, 1, 5000);
    assert(ct_tcp_window_check(&p.ct, &conn) == ACCEPT);
    assert(!conn.retrans);
    test_packet_uninit(&p);
}

static void
test_wscale(void)
{
    struct ct_conn conn = { .wscale = 0 };

    for (int a = 0; a <= 14; a++) {
        for (int b = 0; b <= 14; b++) {
            ct_tcp_set_wscale(&conn, CT_DIR_ORIGINAL, a);
            ct_tcp_set_wscale(&conn, CT_DIR_REPLY, b);
            assert(ct_tcp_wscale(&conn, CT_DIR_ORIGINAL) == a);
            assert(ct_tcp_wscale(&conn, CT_DIR_REPLY) == b);
        }
    }
}

int
main(void)
{
    ct_hash_init();
    test_rules();
    test_updates();
    test_wscale();
    return 0;
}
