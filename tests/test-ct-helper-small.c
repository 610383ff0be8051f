/* SPDX-License-Identifier: Apache-2.0 */

/* What the helpers of one page each read, and what they do not: payloads one
 * a line, hostile ones among them. */

#include <config.h>

#include "ct-helper-test.h"

#include <netinet/in.h>

#include "packets.h"

#define CLIENT CT_DIR_ORIGINAL
#define SERVER CT_DIR_REPLY

/* A payload whose length is known though it may hold zeros. */
#define BYTES(TEXT) TEXT, sizeof(TEXT) - 1

/* Under translation client and server are seen as 10.0.0.101 and .102, and
 * announced ports get TAKEN more (ct-helper-test.h). */
#define TAKEN 10

static bool
ports_are(const struct test_helper *t, const uint16_t *ports)
{
    unsigned int n = 0;

    for (; n < 4 && ports[n]; n++) {
        if (n >= t->n_asks || t->asks[n].port != htons(ports[n])) {
            return false;
        }
    }
    return n == t->n_asks;
}

/* IRC --------------------------------------------------------------------- */

#define SEND "PRIVMSG bob :\1DCC SEND file "
#define END " 300\1\r\n"

static const struct irc_vector {
    const char *line;
    uint16_t port;              /* 0: nothing is expected. */
    bool refused;
    const char *translated;     /* NULL: as it was. */
} irc_vectors[] = {
    { SEND "167772161 5000" END, 5000, 0, SEND "167772261 5010" END },
    { SEND "167772261 5000" END, 0, true, SEND "167772261 5010" END },
    { SEND "167772161    5000" END, 5000, 0, SEND "167772261 5010" END },
    { SEND "167772161 5000\n", 5000, 0, SEND "167772261 5010\n" },
    { SEND "0167772161 05000\n", 5000, 0, SEND "167772261 5010\n" },
    { "PRIVMSG bob :\1DCC CHAT chat 167772161 1\1\n", 1, 0,
      "PRIVMSG bob :\1DCC CHAT chat 167772261 11\1\n" },
    { "PRIVMSG bob :\1DCC MOVE x 167772161 2\1\n", 2, 0,
      "PRIVMSG bob :\1DCC MOVE x 167772261 12\1\n" },
    { "PRIVMSG bob :\1DCC TSEND x 167772161 3\1\n", 3, 0,
      "PRIVMSG bob :\1DCC TSEND x 167772261 13\1\n" },
    { "privmsg bob :\1DCC SCHAT x 167772161 4\1\n", 4, 0,
      "privmsg bob :\1DCC SCHAT x 167772261 14\1\n" },
    { "\r\n " SEND "167772161 5000" END, 5000, 0,
      "\r\n " SEND "167772261 5010" END },

    /* Addresses of others. */
    { SEND "167772162 5000" END, 0, true, NULL },
    { SEND "2130706433 22" END, 0, true, NULL },
    { SEND "0 5000" END, 0, true, NULL },
    { SEND "167772161 0" END, 0, true, NULL },

    /* Not understood. */
    { SEND "10.0.0.1 5000" END, 0, 0, NULL },
    { SEND "4462739457 5000" END, 0, 0, NULL },       /* 2^32 more. */
    { SEND "18446744073877323777 5000" END, 0, 0, NULL },
    { SEND "167772161 65536" END, 0, 0, NULL },
    { SEND "167772161 70536" END, 0, 0, NULL },
    { SEND "167772161 4294972296" END, 0, 0, NULL },
    { SEND "167772161,5000" END, 0, 0, NULL },
    { SEND "-167772161 5000" END, 0, 0, NULL },
    { SEND "167772161 -5000" END, 0, 0, NULL },
    { SEND "167772161 \n", 0, 0, NULL },
    { SEND "167772161\n", 0, 0, NULL },
    { SEND " 167772161 5000" END, 0, 0, NULL },
    { SEND "\n", 0, 0, NULL },
    { SEND "167772161 5000 300\1", 0, 0, NULL },
    { SEND "167772161 50", 0, 0, NULL },
    { SEND "167772161 ", 0, 0, NULL },
    { SEND "1677", 0, 0, NULL },
    { SEND, 0, 0, NULL },
    { "PRIVMSG bob :\1DCC SEND", 0, 0, NULL },
    { "PRIVMSG bob :\1DCC ", 0, 0, NULL },
    { "PRIVMSG bob :", 0, 0, NULL },
    { "PRIVMSG ", 0, 0, NULL },
    { "P", 0, 0, NULL },
    { "", 0, 0, NULL },
    { "\r\n", 0, 0, NULL },
    { "PRIVMSG bob :\1DCC RESUME f 167772161 5000\1\n", 0, 0, NULL },
    { "PRIVMSG bob :\1DCC send f 167772161 5000\1\n", 0, 0, NULL },
    { "PRIVMSG bob :\1DCCSEND f 167772161 5000\1\n", 0, 0, NULL },
    { "PRIVMSG bob :DCC SEND f 167772161 5000\1\n", 0, 0, NULL },
    { "PRIVMSG bob :hi :\1DCC SEND f 167772161 5000\1\n", 0, 0, NULL },
    { "NOTICE bob :\1DCC SEND f 167772161 5000\1\n", 0, 0, NULL },
    { "NOOP\r\n" SEND "167772161 5000" END, 0, 0, NULL },
};

static void
irc_init(struct test_helper *t, enum ct_dir dir, bool nat)
{
    test_helper_init(t, &ct_helper_irc, IPPROTO_TCP, dir, false);
    if (nat) {
        test_helper_set_nat(t, false);
        t->add_port = TAKEN;
    }
}

static void
irc_check(const struct irc_vector *v, bool nat)
{
    bool own = nat && v->translated;
    struct test_helper t;

    irc_init(&t, CLIENT, nat);
    CHECK(test_helper_read(&t, 1, v->line, strlen(v->line))
          == CT_HELPER_ACCEPT);
    CHECK(t.n_asks == (own || v->port));
    CHECK(t.counts[CT_C_HELPER_REFUSED] == (v->refused && !own));
    if (t.n_asks) {
        CHECK(t.asks[0].any_src && t.asks[0].dir == SERVER);
        CHECK(!v->port || t.asks[0].port == htons(v->port));
    }
    CHECK(test_helper_payload_is(&t, own ? v->translated : v->line));
    test_helper_uninit(&t);
}

static void
test_irc(void)
{
    struct test_helper t;

    for (size_t i = 0; i < ARRAY_SIZE(irc_vectors); i++) {
        irc_check(&irc_vectors[i], false);
        irc_check(&irc_vectors[i], true);
    }

    /* The server says nothing of interest; nor does anybody before both have
     * been heard, nor over IPv6, which has no such addresses. */
    irc_init(&t, SERVER, false);
    test_helper_read(&t, 1, BYTES(SEND "167772162 5000" END));
    CHECK(!t.n_asks && !t.counts[CT_C_HELPER_REFUSED]);
    t.call.dir = CLIENT;
    t.call.both = false;
    test_helper_read(&t, 1, BYTES(SEND "167772161 5000" END));
    CHECK(!t.n_asks);
    t.call.both = true;
    t.call.tuples[0].kind = t.call.tuples[1].kind = CT_KIND_IPV6;
    test_helper_read(&t, 1, BYTES(SEND "167772161 5000" END));
    CHECK(!t.n_asks);
    test_helper_uninit(&t);

    /* Sent again behind another line, in one segment. */
    irc_init(&t, CLIENT, true);
    CHECK(test_helper_read(&t, 100, BYTES("NOOP\r\n")) == CT_HELPER_ACCEPT);
    test_helper_read(&t, 106, BYTES(SEND "167772161 5000" END));
    CHECK(t.n_asks == 1);
    t.add_port++;
    for (uint32_t i = 0; i < 2; i++) {
        test_helper_read(&t, 100, BYTES("NOOP\r\n" SEND "167772161 5000" END));
        CHECK(!t.n_asks && test_helper_payload_is(
            &t, "NOOP\r\n" SEND "167772261 5010" END));
        test_helper_read(&t, 106, BYTES(SEND "167772161 5000" END));
        CHECK(!t.n_asks && t.n_refreshed == 1 && t.seconds == 300
              && t.match.dir == SERVER && t.match.port == htons(5000));
        CHECK(test_helper_payload_is(&t, SEND "167772261 5010" END));
    }
    test_helper_uninit(&t);

    /* No port is left. */
    irc_init(&t, CLIENT, true);
    t.refuse = true;
    CHECK(test_helper_read(&t, 1, BYTES(SEND "167772161 5000" END))
          == CT_HELPER_DROP);
    test_helper_uninit(&t);
}

/* Amanda ------------------------------------------------------------------ */

static const struct amanda_vector {
    const char *text;
    uint16_t ports[4];
    const char *translated;     /* NULL: as it was. */
} amanda_vectors[] = {
    { "CONNECT DATA 1024 MESG 1025 INDEX 1026 STATE 1027\n",
      { 1024, 1025, 1026, 1027 },
      "CONNECT DATA 1034 MESG 1035 INDEX 1036 STATE 1037\n" },
    { "REP\nCONNECT DATA 9998 MESG 9999\nOPTIONS ;\n", { 9998, 9999 },
      "REP\nCONNECT DATA 10008 MESG 10009\nOPTIONS ;\n" },
    { "CONNECT STATE 5 DATA 6\n", { 6, 5 }, "CONNECT STATE 15 DATA 16\n" },
    { "CONNECT DATA 1 DATA 2\n", { 1 }, "CONNECT DATA 11 DATA 2\n" },
    { "CONNECT DATA 1x MESG 2\n", { 1, 2 }, "CONNECT DATA 11x MESG 12\n" },
    { "CONNECT DATA 01024\n", { 1024 }, "CONNECT DATA 1034\n" },
    { "CONNECT MESG 1 DATA 0\n", { 0 }, NULL },
    { "CONNECT DATA 1 MESG x INDEX 3\n", { 1 },
      "CONNECT DATA 11 MESG x INDEX 3\n" },
    { "CONNECT DATA 65535\n", { 65535 }, "CONNECT DATA 9\n" },
    { "CONNECT DATA 65536\n", { 0 }, NULL },
    { "CONNECT DATA 99999\n", { 0 }, NULL },
    { "CONNECT DATA 123456\n", { 12345 }, "CONNECT DATA 123556\n" },
    { "CONNECT DATA -1\n", { 0 }, NULL },
    { "CONNECT DATA  1\n", { 0 }, NULL },
    { "CONNECT DATA \n", { 0 }, NULL },
    { "CONNECT DATA\n1024\n", { 0 }, NULL },
    { "CONNECT DATA 1024", { 0 }, NULL },
    { "CONNECT DATA ", { 0 }, NULL },
    { "CONNECT \n", { 0 }, NULL },
    { "CONNECT ", { 0 }, NULL },
    { "CONNECT", { 0 }, NULL },
    { "connect DATA 1024\n", { 0 }, NULL },
    { "DATA 1024\n", { 0 }, NULL },
    { "\n", { 0 }, NULL },
    { "", { 0 }, NULL },
};

static void
amanda_check(const struct amanda_vector *v, bool nat, bool ipv6)
{
    struct test_helper t;

    test_helper_init(&t, &ct_helper_amanda, IPPROTO_UDP, SERVER, ipv6);
    if (nat) {
        test_helper_set_nat(&t, ipv6);
        t.add_port = TAKEN;
    }
    CHECK(test_helper_read(&t, 0, v->text, strlen(v->text))
          == CT_HELPER_ACCEPT);
    CHECK(ports_are(&t, v->ports));
    for (unsigned int i = 0; i < t.n_asks; i++) {
        CHECK(t.asks[i].dir == CLIENT && t.asks[i].proto == IPPROTO_TCP
              && !t.asks[i].any_src);
    }
    CHECK(test_helper_payload_is(&t, nat && v->translated ? v->translated
                                     : v->text));
    CHECK(t.seconds == 300);
    test_helper_uninit(&t);
}

static void
test_amanda(void)
{
    struct test_helper t;

    for (size_t i = 0; i < ARRAY_SIZE(amanda_vectors); i++) {
        for (int how = 0; how < 4; how++) {
            amanda_check(&amanda_vectors[i], how & 1, how & 2);
        }
    }

    /* It is the answer that counts. */
    test_helper_init(&t, &ct_helper_amanda, IPPROTO_UDP, CLIENT, false);
    test_helper_read(&t, 0, BYTES("CONNECT DATA 1024\n"));
    CHECK(!t.n_asks && !t.seconds);
    t.call.dir = SERVER;
    t.refuse = true;
    CHECK(test_helper_read(&t, 0, BYTES("CONNECT DATA 1024\n"))
          == CT_HELPER_DROP);
    test_helper_uninit(&t);
}

/* SANE -------------------------------------------------------------------- */

#define START "\0\0\0\7\0\0\0\0"

static const struct sane_vector {
    const char *request;
    size_t request_len;
    const char *answer;
    size_t answer_len;
    uint16_t port;
} sane_vectors[] = {
    { BYTES(START), BYTES("\0\0\0\0\0\0\x13\x88\0\0\x12\x34"), 5000 },
    { BYTES("\0\0\0\7\0\0\0\1"), BYTES("\0\0\0\0\0\0\x13\x88"), 5000 },
    { BYTES(START), BYTES("\0\0\0\0\0\1\x13\x88"), 0 },
    { BYTES(START), BYTES("\0\0\0\1\0\0\x13\x88"), 0 },
    { BYTES(START), BYTES("\0\0\0\0\0\0\0\0"), 0 },
    { BYTES(START), BYTES("\0\0\0\0\0\0\x13"), 0 },
    { BYTES(START), BYTES("\0"), 0 },
    { BYTES("\0\0\0\1\0\0\0\0"), BYTES("\0\0\0\0\0\0\x13\x88"), 0 },
    { BYTES("\0\0\0\7\0\0\0"), BYTES("\0\0\0\0\0\0\x13\x88"), 0 },
    { BYTES("\0\0\0\7\0\0\0\0\0"), BYTES("\0\0\0\0\0\0\x13\x88"), 0 },
    { BYTES("\7\0\0\0\0\0\0\0"), BYTES("\0\0\0\0\0\0\x13\x88"), 0 },
};

static void
sane_check(const struct sane_vector *v, bool nat, bool ipv6)
{
    struct test_helper t;

    test_helper_init(&t, &ct_helper_sane, IPPROTO_TCP, CLIENT, ipv6);
    if (nat) {
        test_helper_set_nat(&t, ipv6);
        t.add_port = TAKEN;
    }
    test_helper_read(&t, 1, v->request, v->request_len);
    t.call.dir = SERVER;
    /* An acknowledgment is no answer. */
    test_helper_read(&t, 1, "", 0);
    CHECK(test_helper_read(&t, 1, v->answer, v->answer_len)
          == CT_HELPER_ACCEPT);
    CHECK(t.n_asks == (v->port != 0));
    if (v->port) {
        uint16_t port = v->port + (nat ? TAKEN : 0);

        CHECK(t.asks[0].port == htons(v->port) && t.asks[0].dir == CLIENT);
        CHECK(t.call.len == v->answer_len);
        CHECK(t.call.payload[6] == port >> 8
              && t.call.payload[7] == (port & 0xff));
        /* Once. */
        test_helper_read(&t, 1, v->answer, v->answer_len);
        CHECK(!t.n_asks);
    }
    test_helper_uninit(&t);
}

static void
test_sane(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(sane_vectors); i++) {
        for (int how = 0; how < 4; how++) {
            sane_check(&sane_vectors[i], how & 1, how & 2);
        }
    }
}

/* NetBIOS names ----------------------------------------------------------- */

static const struct broadcast_vector {
    uint32_t src, dst;
    bool broadcast;             /* The Ethernet address. */
    uint32_t net;               /* 0: nothing is expected. */
    unsigned int prefix;
} broadcast_vectors[] = {
    { 0x0a000001, 0x0a0000ff, true, 0x0a000000, 24 },
    { 0x0a000101, 0x0a0001ff, true, 0x0a000000, 23 },
    { 0x0a010101, 0x0a01ffff, true, 0x0a000000, 15 },
    { 0xac100001, 0xac100003, true, 0xac100000, 30 },
    { 0x0a000001, 0x0affffff, true, 0x0a000000, 8 },
    /* Not of that subnet; no broadcast address; one of no subnet. */
    { 0x0a000101, 0x0a0000ff, true, 0, 0 },
    { 0x0a000001, 0x0a000002, true, 0, 0 },
    { 0x0a000000, 0x0a000001, true, 0, 0 },
    { 0x0a000001, 0xffffffff, true, 0, 0 },
    { 0x0a000001, 0x0a0000ff, false, 0, 0 },
};

static void
broadcast_check(const struct broadcast_vector *v,
                const struct ct_helper *helper, uint16_t port,
                unsigned int seconds)
{
    struct ct_tuple *tuples;
    struct test_helper t;

    test_helper_init(&t, helper, IPPROTO_UDP, CLIENT, false);
    tuples = t.call.tuples;
    tuples[CLIENT].src.ip = tuples[SERVER].dst.ip = htonl(v->src);
    tuples[CLIENT].dst.ip = tuples[SERVER].src.ip = htonl(v->dst);
    tuples[CLIENT].src_port = tuples[SERVER].dst_port = htons(4000);
    t.call.broadcast = v->broadcast;
    CHECK(test_helper_read(&t, 0, BYTES("who?")) == CT_HELPER_ACCEPT);
    CHECK(t.n_asks == (v->net != 0));
    CHECK(t.seconds == (v->net ? seconds : 0));
    if (v->net) {
        const struct ct_helper_expect *ask = &t.asks[0];

        CHECK(ask->dir == SERVER && ask->permanent && ask->has_src);
        CHECK(ask->src.ip == htonl(v->net) && ask->src_prefix == v->prefix);
        CHECK(ask->src_port == htons(port) && ask->port == htons(4000));
        CHECK(ask->timeout == seconds);
    }
    t.call.dir = SERVER;
    test_helper_read(&t, 0, BYTES("I"));
    CHECK(!t.n_asks);
    test_helper_uninit(&t);
}

static void
test_broadcast(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(broadcast_vectors); i++) {
        broadcast_check(&broadcast_vectors[i], &ct_helper_netbios_ns, 137, 3);
        broadcast_check(&broadcast_vectors[i], &ct_helper_snmp, 161, 30);
    }
}

/* SNMP -------------------------------------------------------------------- */

#define HEAD(LEN, VERSION) "\x30" LEN "\2\1" VERSION "\4\2ab"
#define PDU(TAG, LEN) TAG LEN "\2\1\1\2\1\0\2\1\0"
#define OID "\6\3\x2b\6\1"
#define PAIR "\x30\x0b" OID "\x40\4\x0a\0\0\1"
#define PAIR_DONE "\x30\x0b" OID "\x40\4\x0a\0\0\x65"
#define TRAP(ADDR) "\xa4\x16" OID "\x40\4" ADDR "\2\1\6\2\1\1\x43\1\7\x30\0"

static const struct snmp_vector {
    const char *bytes;
    size_t len;
    const char *translated;     /* NULL: dropped; "": as it was. */
    size_t n_replaced;
} snmp_vectors[] = {
    { BYTES(HEAD("\x23", "\0") PDU("\xa2", "\x1a") "\x30\x0f" PAIR "\5\0"),
      NULL, 0 },
    { BYTES(HEAD("\x21", "\0") PDU("\xa2", "\x18") "\x30\x0d" PAIR),
      HEAD("\x21", "\0") PDU("\xa2", "\x18") "\x30\x0d" PAIR_DONE, 1 },
    { BYTES(HEAD("\x21", "\1") PDU("\xa7", "\x18") "\x30\x0d" PAIR),
      HEAD("\x21", "\1") PDU("\xa7", "\x18") "\x30\x0d" PAIR_DONE, 1 },
    { BYTES(HEAD("\x2e", "\1") PDU("\xa5", "\x25") "\x30\x1a" PAIR PAIR),
      HEAD("\x2e", "\1") PDU("\xa5", "\x25") "\x30\x1a" PAIR_DONE PAIR_DONE,
      2 },
    { BYTES(HEAD("\x14", "\0") PDU("\xa0", "\x0b") "\x30\0"), "", 0 },
    { BYTES(HEAD("\x1f", "\0") TRAP("\x0a\0\0\1")),
      HEAD("\x1f", "\0") TRAP("\x0a\0\0\x65"), 1 },
    { BYTES(HEAD("\x1f", "\0") TRAP("\x0a\0\0\2")), "", 0 },
    /* What follows is nobody's. */
    { BYTES(HEAD("\x14", "\0") PDU("\xa0", "\x0b") "\x30\0xy"), "", 0 },
    /* Longer forms of length. */
    { BYTES(HEAD("\x81\x14", "\0") PDU("\xa0", "\x0b") "\x30\0"), "", 0 },
    { BYTES(HEAD("\x84\0\0\0\x14", "\0") PDU("\xa0", "\x0b") "\x30\0"),
      "", 0 },
    { BYTES(HEAD("\x85\0\0\0\0\x14", "\0") PDU("\xa0", "\x0b") "\x30\0"),
      NULL, 0 },
    { BYTES(HEAD("\x80", "\0") PDU("\xa0", "\x0b") "\x30\0\0\0"), NULL, 0 },
    { BYTES(HEAD("\x84\xff\xff\xff\xff", "\0") PDU("\xa0", "\x0b") "\x30\0"),
      NULL, 0 },
    /* Version 3, and one that takes two bytes. */
    { BYTES(HEAD("\x14", "\3") PDU("\xa0", "\x0b") "\x30\0"), NULL, 0 },
    { BYTES("\x30\x15\2\2\0\0\4\2ab" PDU("\xa0", "\x0b") "\x30\0"), NULL, 0 },
    /* No PDU, and one of no known kind. */
    { BYTES("\x30\x07\2\1\0\4\2ab"), NULL, 0 },
    { BYTES(HEAD("\x14", "\0") PDU("\x30", "\x0b") "\x30\0"), NULL, 0 },
    { BYTES(HEAD("\x14", "\0") PDU("\xbf", "\x0b") "\x30\0"), NULL, 0 },
    /* Too long for what is around it. */
    { BYTES(HEAD("\x15", "\0") PDU("\xa0", "\x0b") "\x30\0"), NULL, 0 },
    { BYTES(HEAD("\x14", "\0") PDU("\xa0", "\x0c") "\x30\0"), NULL, 0 },
    { BYTES(HEAD("\x14", "\0") PDU("\xa0", "\x0b") "\x30\1"), NULL, 0 },
    /* Too short for it. */
    { BYTES(HEAD("\x15", "\0") PDU("\xa0", "\x0b") "\x30\0\0"), NULL, 0 },
    /* An address of three bytes. */
    { BYTES(HEAD("\x20", "\0") PDU("\xa2", "\x17") "\x30\x0c\x30\x0a" OID
            "\x40\3\x0a\0\0"), NULL, 0 },
    { BYTES("hello"), NULL, 0 },
    { BYTES("\x30"), NULL, 0 },
    { BYTES(""), NULL, 0 },
};

static void
snmp_init(struct test_helper *t, bool nat)
{
    test_helper_init(t, &ct_helper_snmp, IPPROTO_UDP, CLIENT, false);
    if (nat) {
        test_helper_set_nat(t, false);
    }
}

static void
snmp_check(const struct snmp_vector *v)
{
    const char *translated = v->translated;
    struct test_helper t;

    snmp_init(&t, true);
    enum ct_helper_verdict verdict = test_helper_read(&t, 0, v->bytes, v->len);
    if (verdict != (translated ? CT_HELPER_ACCEPT : CT_HELPER_DROP)) {
        fprintf(stderr, "SNMP %"PRIuSIZE": %d\n", v - snmp_vectors, verdict);
    }
    CHECK(verdict == (translated ? CT_HELPER_ACCEPT : CT_HELPER_DROP));
    CHECK(t.counts[CT_C_DROP_HELPER_PAYLOAD] == !translated);
    if (translated) {
        CHECK(t.n_replaced == v->n_replaced && t.call.len == v->len);
        CHECK(!memcmp(t.call.payload, v->n_replaced ? translated : v->bytes,
                      v->len));
    }
    test_helper_uninit(&t);

    /* Without a translation it is nobody's business. */
    snmp_init(&t, false);
    CHECK(test_helper_read(&t, 0, v->bytes, v->len) == CT_HELPER_ACCEPT);
    CHECK(!t.n_replaced);
    test_helper_uninit(&t);

    /* Cut off anywhere. */
    for (size_t n = 0; n < v->len; n++) {
        snmp_init(&t, true);
        test_helper_read(&t, 0, v->bytes, n);
        test_helper_uninit(&t);
    }
}

static void
test_snmp(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(snmp_vectors); i++) {
        snmp_check(&snmp_vectors[i]);
    }
}

/* Everything, changed at random: memory checkers watch. ------------------- */

struct seed {
    const struct ct_helper *helper;
    uint8_t proto;
    const char *bytes;
    size_t n;
};

static const struct seed seeds[] = {
    { &ct_helper_irc, IPPROTO_TCP, BYTES(SEND "167772161 5000" END) },
    { &ct_helper_amanda, IPPROTO_UDP,
      BYTES("CONNECT DATA 1024 MESG 1025 INDEX 1026 STATE 1027\n") },
    { &ct_helper_sane, IPPROTO_TCP, BYTES(START) },
    { &ct_helper_sane, IPPROTO_TCP, BYTES("\0\0\0\0\0\0\x13\x88") },
    { &ct_helper_snmp, IPPROTO_UDP,
      BYTES(HEAD("\x2e", "\1") PDU("\xa5", "\x25") "\x30\x1a" PAIR PAIR) },
    { &ct_helper_snmp, IPPROTO_UDP,
      BYTES(HEAD("\x1f", "\0") TRAP("\x0a\0\0\1")) },
};

static void
test_mutated(void)
{
    unsigned int n_asks = 0, n_replaced = 0;
    uint64_t r = 11;

    for (int i = 0; i < 200000; i++) {
        const struct seed *seed = &seeds[i % ARRAY_SIZE(seeds)];
        size_t n = seed->n;
        struct test_helper t;
        char bytes[128];

        test_helper_init(&t, seed->helper, seed->proto,
                         ct_test_random(&r) % CT_DIR_MAX, false);
        if (ct_test_random(&r) % 2) {
            test_helper_set_nat(&t, false);
            t.add_port = TAKEN;
        }
        memcpy(bytes, seed->bytes, n);
        for (int changes = ct_test_random(&r) % 4; changes > 0; changes--) {
            bytes[ct_test_random(&r) % n] = ct_test_random(&r);
        }
        n = ct_test_random(&r) % 4 ? n : ct_test_random(&r) % n;
        test_helper_read(&t, 1, bytes, n);
        n_asks += t.n_asks;
        n_replaced += t.n_replaced;
        test_helper_uninit(&t);
    }
    CHECK(n_asks > 1000 && n_replaced > 1000);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    test_irc();
    test_amanda();
    test_sane();
    test_broadcast();
    test_snmp();
    test_mutated();
    return ct_test_end("ct-helper-small");
}
