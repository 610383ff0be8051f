/* SPDX-License-Identifier: Apache-2.0 */

/* TCP's table of transitions, hostile headers, and checksums.  What becomes of
 * segments one after another: tests/test-ct-l4-tcp-script.c. */

#include <config.h>

#include "ct-l4-test.h"

#include "ct-hash.h"
#include "ct-l4-tcp.h"

/* Every state and class in both directions: the table holds nothing but
 * states, and what it says of a RST and of no flags at all is uniform. */
static void
test_table(void)
{
    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        for (int class = 0; class < CT_TCP_N_CLASSES; class++) {
            for (int state = 0; state < CT_TCP_N_STATES; state++) {
                uint8_t next = ct_tcp_transition(dir, class, state);

                assert(next <= CT_TCP_INVALID);
                assert(class != CT_TCP_CLASS_NONE || next == CT_TCP_INVALID);
                assert(class != CT_TCP_CLASS_RST
                       || next == (state ? CT_TCP_CLOSE : CT_TCP_INVALID));
                /* A reply opens nothing. */
                assert(dir == CT_DIR_ORIGINAL || state
                       || next == CT_TCP_INVALID);
            }
        }
    }
}

/* What the Linux kernel's connections look like in OVS. */
static void
test_describe(void)
{
    static const struct {
        enum ct_tcp_state state;
        const char *shown;
    } vectors[] = {
        { CT_TCP_SYN_SENT, "SYN_SENT" },
        { CT_TCP_SYN_SENT2, "SYN_SENT" },
        { CT_TCP_SYN_RECV, "ESTABLISHED" },
        { CT_TCP_ESTABLISHED, "ESTABLISHED" },
        { CT_TCP_FIN_WAIT, "FIN_WAIT_1" },
        { CT_TCP_CLOSE_WAIT, "CLOSE_WAIT" },
        { CT_TCP_LAST_ACK, "LAST_ACK" },
        { CT_TCP_TIME_WAIT, "TIME_WAIT" },
        { CT_TCP_CLOSE, "CLOSING" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        struct ct_conn conn = { .l4_state = vectors[i].state };
        struct ct_dpif_entry entry;
        struct ds ds = DS_EMPTY_INITIALIZER;
        char *expected;

        memset(&entry, 0, sizeof entry);
        entry.tuple_orig.l3_type = entry.tuple_reply.l3_type = AF_INET;
        entry.tuple_orig.ip_proto = entry.tuple_reply.ip_proto = IPPROTO_TCP;
        ct_l4_tcp.describe(&conn, &entry.protoinfo);
        ct_dpif_format_entry(&entry, &ds, false, false);
        expected = xasprintf("protoinfo=(state=%s)", vectors[i].shown);
        assert(strstr(ds_cstr(&ds), expected));
        free(expected);
        ds_destroy(&ds);
    }
}

static void
test_early_drop(void)
{
    for (int state = 0; state < CT_TCP_N_STATES; state++) {
        struct ct_conn conn = { .l4_state = state };
        bool closing = (state >= CT_TCP_FIN_WAIT && state <= CT_TCP_CLOSE);

        assert(ct_l4_tcp.can_early_drop(&conn) == closing);
    }
}

/* A header of every length, with every data offset, and options that lie
 * about their length: nothing behind the end is read, and nothing short is
 * believed. */
static void
test_hostile(void)
{
    uint8_t bytes[60];

    for (size_t len = 0; len <= sizeof bytes; len++) {
        for (int offset = 0; offset < 16; offset++) {
            struct test_packet packet;
            bool ok;

            memset(bytes, 0, sizeof bytes);
            bytes[12] = offset << 4;
            bytes[13] = TCP_SYN;
            test_packet_init(&packet, false, false, IPPROTO_TCP, bytes, len);
            if (len >= 20) {
                test_set_checksum(&packet, 16, true);
            }
            ok = ct_l4_tcp.parse(&packet.ct);
            assert(ok == (len >= 20 && offset >= 5 && offset * 4u <= len));
            assert(ok || test_counted(CT_C_INVALID_L4));
            test_packet_uninit(&packet);
        }
    }

    for (int kind = 0; kind < 256; kind++) {
        for (int option_len = 0; option_len < 256; option_len++) {
            for (size_t room = 4; room <= 40; room += 36) {
                static const uint8_t flags[] = { TCP_SYN, TCP_ACK };

                for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
                    struct test_packet packet;
                    struct ct_conn conn;

                    memset(bytes, 1, sizeof bytes);
                    bytes[12] = (20 + room) / 4 << 4;
                    bytes[13] = flags[i];
                    bytes[20] = kind;
                    bytes[21] = option_len;
                    test_packet_init(&packet, false, false, IPPROTO_TCP,
                                     bytes, 20 + room);
                    test_set_checksum(&packet, 16, true);
                    assert(ct_l4_tcp.parse(&packet.ct));
                    memset(&conn, 0, sizeof conn);
                    ct_l4_tcp.open(&packet.ct, &conn);
                    conn.l4_flags[CT_DIR_REPLY] |= CT_TCPF_SACK_PERM;
                    assert(ct_l4_tcp.update(&packet.ct, &conn)
                           == CT_VERDICT_ACCEPT);
                    test_packet_uninit(&packet);
                }
            }
        }
    }
    assert(test_counted_nothing());
}

static void
test_checksums(void)
{
    for (size_t len = 20; len < 1600; len += 13) {
        for (int ipv6 = 0; ipv6 < 2; ipv6++) {
            uint8_t bytes[1600];
            struct test_packet packet;
            struct ct_tuple tuple;

            for (size_t i = 0; i < len; i++) {
                bytes[i] = i * 37 + len;
            }
            bytes[12] = 0x50;
            bytes[13] = TCP_SYN;
            test_packet_init(&packet, ipv6, false, IPPROTO_TCP, bytes, len);
            tuple = packet.ct.tuple;
            test_set_checksum(&packet, 16, true);
            assert(ct_l4_tcp.parse(&packet.ct));

            packet.data[len - 1] ^= 0x10;
            packet.ct.tuple = tuple;
            assert(!ct_l4_tcp.parse(&packet.ct));
            assert(test_counted(CT_C_INVALID_CHECKSUM));

            /* The device says it is good, or that it will make it so. */
            *dp_packet_ol_flags_ptr(&packet.dp)
                |= DP_PACKET_OL_RX_L4_CKSUM_GOOD;
            assert(ct_l4_tcp.parse(&packet.ct));
            *dp_packet_ol_flags_ptr(&packet.dp) = 0;
            dp_packet_hwol_set_csum_tcp(&packet.dp);
            assert(ct_l4_tcp.parse(&packet.ct));

            /* The device says it is bad. */
            packet.data[len - 1] ^= 0x10;
            *dp_packet_ol_flags_ptr(&packet.dp)
                = DP_PACKET_OL_RX_L4_CKSUM_BAD;
            assert(!ct_l4_tcp.parse(&packet.ct));
            assert(test_counted(CT_C_INVALID_CHECKSUM));
            test_packet_uninit(&packet);
        }
    }
}

int
main(void)
{
    ct_hash_init();
    test_table();
    test_describe();
    test_early_drop();
    test_hostile();
    test_checksums();
    return 0;
}
