/* SPDX-License-Identifier: Apache-2.0 */

/* What becomes of the payloads of small helpers in a whole tracker, when two
 * servers stand behind one address and wait at the same port; and of
 * announcements that are sent again. */

#include <config.h>

#include "ct-expect-test.h"

#define VIRTUAL 200

/* Of a payload, which may hold zeros. */
#define BYTES(TEXT) TEXT, sizeof(TEXT) - 1

static const struct ct_request existing = {
    .nat = { .kind = CT_NAT_EXISTING },
};

static struct ct_request
behind(uint16_t server, const char *helper)
{
    struct ct_request r = {
        .commit = true,
        .nat = { .kind = CT_NAT_DST, .have_addr = true },
    };

    ovs_strlcpy(r.helper, helper, sizeof r.helper);
    r.nat.min_addr.ip = r.nat.max_addr.ip = test_ip(server);
    return r;
}

/* What comes out has this payload, of 'm' bytes, and good checksums. */
static void
check_left(const struct dp_packet *p, uint8_t proto, const char *payload,
           size_t m)
{
    size_t header = proto == IPPROTO_TCP ? TCP_HEADER_LEN : UDP_HEADER_LEN;
    const char *l4;

    assert(p && !(p->md.ct_state & CS_INVALID));
    l4 = dp_packet_l4(p);
    assert((char *) dp_packet_tail(p) - l4 == header + m);
    assert(!memcmp(l4 + header, payload, m));
    assert(!csum_finish(csum_continue(test_pseudo_csum(p, false), l4,
                                      header + m)));
}

static void
passes(struct test_spec s, const struct ct_request *r, const char *bytes,
       size_t n)
{
    struct dp_packet *p = test_ct(ct, packet_with(s, bytes, n), false, r, now);

    check_left(p, s.proto, bytes, n);
    dp_packet_delete(p);
}

/* Of a connection that is there. */
static void
becomes(struct test_spec s, const char *bytes, size_t n, const char *payload,
        size_t m)
{
    struct dp_packet *p = test_ct(ct, packet_with(s, bytes, n), false,
                                  &existing, now);

    check_left(p, s.proto, payload, m);
    dp_packet_delete(p);
}

static struct test_spec
from_server(struct test_spec to_virtual, uint16_t server)
{
    struct test_spec s = back(to_virtual);

    s.src = server;
    return s;
}

static void
test_amanda(void)
{
    struct ct_request two = behind(2, "amanda"), three = behind(3, "amanda");
    struct test_spec s = { .proto = IPPROTO_UDP, .src = 1, .dst = VIRTUAL,
                           .sport = 1000, .dport = 10080 };
    struct test_spec data = { .proto = IPPROTO_TCP, .src = 9, .dst = VIRTUAL,
                              .sport = 1, .dport = 9999, .flags = TCP_SYN };
    const struct ct_request related = {
        .commit = true, .nat = { .kind = CT_NAT_EXISTING },
    };

    passes(s, &two, BYTES("REQ\n"));
    passes(from_server(s, 2), &existing,
           BYTES("CONNECT DATA 9999 MESG 1025\n"));
    s.src = 9;
    passes(s, &three, BYTES("REQ\n"));
    becomes(from_server(s, 3), BYTES("CONNECT DATA 9999 MESG 1025\n"),
            BYTES("CONNECT DATA 10000 MESG 1026\n"));
    /* Sent again: the same. */
    becomes(from_server(s, 3), BYTES("CONNECT DATA 9999 MESG 1025\n"),
            BYTES("CONNECT DATA 10000 MESG 1026\n"));
    assert(n_expectations() == 4);
    assert(shows(",tcp,src=10.0.0.9,dst=10.0.0.200,sport=*,dport=10000,"
                 "nat=(src=10.0.0.9,dst=10.0.0.3,dport=9999)"));
    assert(ct_counter_get(ct, CT_C_MANGLED) == 4);

    assert(state(data, &look) == NEW);
    data.dport = 10000;
    assert(state(data, &related) == (NEW | CS_RELATED | CS_DST_NAT));
    assert(n_expectations() == 3);
}

static void
open_tcp(struct test_spec s, const struct ct_request *r, uint16_t server)
{
    struct test_spec answer = from_server(s, server);

    assert(state(segment(s, TCP_SYN, 99, 0), r) & CS_NEW);
    assert(state(segment(answer, TCP_SYN | TCP_ACK, 499, 100), &existing)
           & CS_ESTABLISHED);
    assert(state(segment(s, TCP_ACK, 100, 500), &existing) & CS_ESTABLISHED);
}

static void
test_sane(void)
{
    struct ct_request two = behind(2, "sane"), three = behind(3, "sane");
    struct test_spec s = { .proto = IPPROTO_TCP, .src = 1, .dst = VIRTUAL,
                           .sport = 1000, .dport = 6566 };

    open_tcp(s, &two, 2);
    passes(segment(s, TCP_ACK, 100, 500), &existing,
           BYTES("\0\0\0\7\0\0\0\0"));
    passes(segment(from_server(s, 2), TCP_ACK, 500, 108), &existing,
           BYTES("\0\0\0\0\0\0\x13\xff"));

    s.src = 9;
    open_tcp(s, &three, 3);
    passes(segment(s, TCP_ACK, 100, 500), &existing,
           BYTES("\0\0\0\7\0\0\0\0"));
    becomes(segment(from_server(s, 3), TCP_ACK, 500, 108),
            BYTES("\0\0\0\0\0\0\x13\xff"),
            BYTES("\0\0\0\0\0\0\x14\0"));
    assert(shows("dport=5120,nat=(src=10.0.0.9,dst=10.0.0.3,dport=5119)"));
}

#define MESSAGE(LEN, PDU_LEN, LIST_LEN)                                     \
    "\x30" LEN "\2\1\1\4\2ab\xa2" PDU_LEN                                  \
    "\2\1\1\2\1\1\2\1\1\x30" LIST_LEN
#define PAIR(ADDR) "\x30\x0b\6\3\x2b\6\1\x40\4" ADDR

/* Two addresses in an answer, one of them at an odd place; and a message in
 * which the second is cut short, of which nothing gets out. */
static void
test_snmp(void)
{
    const struct ct_request r = behind(2, "snmp");
    struct test_spec s = { .proto = IPPROTO_UDP, .src = 1, .dst = VIRTUAL,
                           .sport = 1000, .dport = 161 };

    passes(s, &r, BYTES(MESSAGE("\x14", "\x0b", "\0")));
    becomes(from_server(s, 2),
            BYTES(MESSAGE("\x2e", "\x25", "\x1a")
                  PAIR("\x0a\0\0\2") PAIR("\x0a\0\0\2")),
            BYTES(MESSAGE("\x2e", "\x25", "\x1a")
                  PAIR("\x0a\0\0\xc8") PAIR("\x0a\0\0\xc8")));
    assert(ct_counter_get(ct, CT_C_MANGLED) > 0);
    assert(state_with(from_server(s, 2),
                      BYTES(MESSAGE("\x2d", "\x24", "\x19")
                            PAIR("\x0a\0\0\2")
                            "\x30\x0a\6\3\x2b\6\1\x40\3\x0a\0\0"),
                      &existing) == DROPPED);
    assert(ct_counter_get(ct, CT_C_DROP_HELPER_PAYLOAD) == 1);
}

static void
open_client(const char *helper)
{
    struct ct_request r = snat(100, 0);

    ovs_strlcpy(r.helper, helper, sizeof r.helper);
    open_control(&r, false, 100, 2);
}

/* Two lines are lost behind the translation, and come again as one. */
static void
test_joined_ftp(void)
{
    open_client("ftp");
    check_pass(segment(to_server, TCP_ACK, 108, 508), "TYPE I\r\n",
               "TYPE I\r\n", 108, 508);
    check_pass(segment(to_server, TCP_ACK, 116, 508),
               "PORT 10,0,0,1,4,1\r\n", "PORT 10,0,0,100,4,1\r\n", 116, 508);
    for (int i = 0; i < 2; i++) {
        check_pass(segment(to_server, TCP_ACK, 108, 508),
                   "TYPE I\r\nPORT 10,0,0,1,4,1\r\n",
                   "TYPE I\r\nPORT 10,0,0,100,4,1\r\n", 108, 508);
    }
    check_pass(segment(to_server, TCP_ACK, 135, 508), "LIST\r\n", "LIST\r\n",
               137, 508);
}

static void
test_joined_irc(void)
{
    open_client("irc");
    check_pass(segment(to_server, TCP_ACK, 108, 508), "NOOP\r\n", "NOOP\r\n",
               108, 508);
    check_pass(segment(to_server, TCP_ACK, 114, 508),
               "PRIVMSG b :\1DCC SEND f 167772161 5000 3\1\r\n",
               "PRIVMSG b :\1DCC SEND f 167772260 5000 3\1\r\n", 114, 508);
    for (int i = 0; i < 2; i++) {
        check_pass(segment(to_server, TCP_ACK, 108, 508), "NOOP\r\n"
                   "PRIVMSG b :\1DCC SEND f 167772161 5000 3\1\r\n", "NOOP\r\n"
                   "PRIVMSG b :\1DCC SEND f 167772260 5000 3\1\r\n", 108,
                   508);
    }
}

/* The data connection has come, and another one has got the port that was
 * announced for it, when PORT comes again. */
static void
test_again_met(void)
{
    struct ct_request other = snat(100, 0);
    const struct ct_request related = {
        .zone = other.zone, .commit = true, .nat = { .kind = CT_NAT_EXISTING },
    };
    struct test_spec s = { .proto = IPPROTO_TCP, .src = 9, .dst = 7,
                           .sport = 10082, .dport = 80, .flags = TCP_SYN };
    struct test_spec data = { .proto = IPPROTO_TCP, .src = 2, .dst = 100,
                              .sport = 20, .dport = 10083, .flags = TCP_SYN };

    assert(state(s, &other) & CS_NEW);
    open_client("ftp");
    for (int i = 0; i < 2; i++) {
        check_pass(segment(to_server, TCP_ACK, 108, 508),
                   "PORT 10,0,0,1,39,98\r\n", "PORT 10,0,0,100,39,99\r\n",
                   108, 508);
        assert(n_expectations() == 1);
    }
    assert(state(data, &related) == (NEW | CS_RELATED | CS_DST_NAT));
    s.src = 10;
    s.sport = 10083;
    assert(state(s, &other) & CS_NEW);

    check_pass(segment(to_server, TCP_ACK, 108, 508),
               "PORT 10,0,0,1,39,98\r\n", "PORT 10,0,0,100,39,99\r\n", 108,
               508);
    assert(!n_expectations());
}

static const struct test tests[] = {
    { "amanda", test_amanda },
    { "sane", test_sane },
    { "snmp", test_snmp },
    { "joined-ftp", test_joined_ftp },
    { "joined-irc", test_joined_irc },
    { "again-met", test_again_met },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
