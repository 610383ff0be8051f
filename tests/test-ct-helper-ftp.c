/* SPDX-License-Identifier: Apache-2.0 */

/* What the FTP helper reads, and what it does not: commands and answers one a
 * line, hostile ones among them; and lines that are cut off or sent again. */

#include <config.h>

#include "ct-helper-test.h"

#include <netinet/in.h>

#include "packets.h"

enum found { NOTHING, FOUND, REFUSED, BAD };

#define CLIENT CT_DIR_ORIGINAL
#define SERVER CT_DIR_REPLY

static const struct vector {
    enum ct_dir dir;
    bool ipv6;
    const char *line;
    enum found verdict;
    uint16_t port;
    const char *text;           /* The announcement itself. */
} vectors[] = {
    /* PORT. */
    { CLIENT, 0, "PORT 10,0,0,1,4,1\r\n", FOUND, 1025, "10,0,0,1,4,1" },
    { CLIENT, 0, "port 10,0,0,1,0,21\r\n", FOUND, 21, "10,0,0,1,0,21" },
    { CLIENT, 0, "PORT   10,0,0,1,255,255\r\n", FOUND, 65535,
      "10,0,0,1,255,255" },
    { CLIENT, 0, "PORT 010,00,0,1,4,1\r\n", FOUND, 1025, "010,00,0,1,4,1" },
    { CLIENT, 0, "PORT 10,0,0,3,4,1\r\n", REFUSED, 0, NULL },
    { CLIENT, 0, "PORT 127,0,0,1,0,22\r\n", REFUSED, 0, NULL },
    { CLIENT, 0, "PORT 10,0,0,1,0,0\r\n", BAD, 0, NULL },
    { CLIENT, 0, "PORT 10,0,0,1,4\r\n", BAD, 0, NULL },
    { CLIENT, 0, "PORT 10,0,0,1,4,256\r\n", BAD, 0, NULL },
    { CLIENT, 0, "PORT 10,0,0,1,4,4294967297\r\n", BAD, 0, NULL },
    { CLIENT, 0, "PORT 10,0,0,4294967297,4,1\r\n", BAD, 0, NULL },
    { CLIENT, 0, "PORT 10,0,0,1,4,1,1\r\n", BAD, 0, NULL },
    { CLIENT, 0, "PORT 10,0,0,1,-4,1\r\n", BAD, 0, NULL },
    { CLIENT, 0, "PORT 10,,0,1,4,1\r\n", BAD, 0, NULL },
    { CLIENT, 0, "PORT 10.0.0.1,4,1\r\n", BAD, 0, NULL },
    { CLIENT, 0, "PORT \r\n", BAD, 0, NULL },
    { CLIENT, 0, "PORT 10,0,0,1,4,1", BAD, 0, NULL },
    { CLIENT, 0, "PORT 10,0,0,1,4,", BAD, 0, NULL },
    { CLIENT, 0, "PO", BAD, 0, NULL },
    { CLIENT, 0, "PORTS 10,0,0,1,4,1\r\n", NOTHING, 0, NULL },
    { CLIENT, 0, "XPORT 10,0,0,1,4,1\r\n", NOTHING, 0, NULL },
    { CLIENT, 0, " PORT 10,0,0,1,4,1\r\n", NOTHING, 0, NULL },
    { CLIENT, 0, "STOR PORT 10,0,0,1,4,1\r\n", NOTHING, 0, NULL },
    { CLIENT, 0, "NOOP\r\nPORT 10,0,0,1,4,1\r\n", NOTHING, 0, NULL },
    { CLIENT, 1, "PORT 10,0,0,1,4,1\r\n", REFUSED, 0, NULL },
    { SERVER, 0, "PORT 10,0,0,2,4,1\r\n", NOTHING, 0, NULL },

    /* EPRT. */
    { CLIENT, 0, "EPRT |1|10.0.0.1|1025|\r\n", FOUND, 1025,
      "|1|10.0.0.1|1025|" },
    { CLIENT, 0, "EPRT !1!10.0.0.1!80!\r\n", FOUND, 80, "!1!10.0.0.1!80!" },
    { CLIENT, 1, "EPRT |2|fd00::1|1025|\r\n", FOUND, 1025,
      "|2|fd00::1|1025|" },
    { CLIENT, 1, "eprt |2|FD00:0:0:0:0:0:0:1|1025|\r\n", FOUND, 1025,
      "|2|FD00:0:0:0:0:0:0:1|1025|" },
    { CLIENT, 1, "EPRT |2|fd00::3|1025|\r\n", REFUSED, 0, NULL },
    { CLIENT, 0, "EPRT |1|10.0.0.3|1025|\r\n", REFUSED, 0, NULL },
    { CLIENT, 0, "EPRT |2|fd00::1|1025|\r\n", BAD, 0, NULL },
    { CLIENT, 1, "EPRT |1|10.0.0.1|1025|\r\n", BAD, 0, NULL },
    { CLIENT, 0, "EPRT |1|10.0.0.1|65536|\r\n", BAD, 0, NULL },
    { CLIENT, 0, "EPRT |1|10.0.0.1|4294968321|\r\n", BAD, 0, NULL },
    { CLIENT, 0, "EPRT |1|10.0.0.1|0|\r\n", BAD, 0, NULL },
    { CLIENT, 0, "EPRT |1|10.0.0.1|1025\r\n", BAD, 0, NULL },
    { CLIENT, 0, "EPRT |1|10.0.0.1|1025|x\r\n", FOUND, 1025,
      "|1|10.0.0.1|1025|" },
    { CLIENT, 0, "EPRT |1|10.0.0.1|1025|", FOUND, 1025, "|1|10.0.0.1|1025|" },
    { CLIENT, 0, "EPRT |1|10.0.0.1|1025", BAD, 0, NULL },
    { CLIENT, 0, "EPRT |1|10.0.0|1025|\r\n", BAD, 0, NULL },
    { CLIENT, 0, "EPRT |1|10.0.0.1!1025|\r\n", BAD, 0, NULL },
    { CLIENT, 0, "EPRT |1||1025|\r\n", BAD, 0, NULL },
    { CLIENT, 0, "EPRT 11110.0.0.11102511\r\n", BAD, 0, NULL },
    { CLIENT, 1, "EPRT |2|fd00:0000000000000000000000000000000000000000"
                 "00000000000000::1|1025|\r\n", BAD, 0, NULL },

    /* PASV: RFC 1123 section 4.1.2.6. */
    { SERVER, 0, "227 Entering Passive Mode (10,0,0,2,4,1).\r\n", FOUND, 1025,
      "10,0,0,2,4,1" },
    { SERVER, 0, "227 Entering Passive Mode 10,0,0,2,4,1\r\n", FOUND, 1025,
      "10,0,0,2,4,1" },
    { SERVER, 0, "227 =10,0,0,2,4,1\r\n", FOUND, 1025, "10,0,0,2,4,1" },
    { SERVER, 0, "227 (10,0,0,3,4,1)\r\n", REFUSED, 0, NULL },
    { SERVER, 0, "227 (10,0,0,2,4,1", BAD, 0, NULL },
    { SERVER, 0, "227 (10,0,0,2,0,0)\r\n", BAD, 0, NULL },
    { SERVER, 0, "227 Entering Passive Mode\r\n", BAD, 0, NULL },
    { SERVER, 0, "227 ok\r\n10,0,0,2,4,1\r\n", BAD, 0, NULL },
    { SERVER, 0, "227-Entering (10,0,0,2,4,1)\r\n", NOTHING, 0, NULL },
    { SERVER, 0, "226 (10,0,0,2,4,1)\r\n", NOTHING, 0, NULL },
    { SERVER, 0, "200 227 (10,0,0,2,4,1)\r\n", NOTHING, 0, NULL },
    { CLIENT, 0, "227 (10,0,0,1,4,1)\r\n", NOTHING, 0, NULL },

    /* EPSV. */
    { SERVER, 0, "229 Extended (|||6446|)\r\n", FOUND, 6446, "|||6446|" },
    { SERVER, 1, "229 Extended (|||6446|)\r\n", FOUND, 6446, "|||6446|" },
    { SERVER, 1, "229 Extended (|||6446|", FOUND, 6446, "|||6446|" },
    { SERVER, 1, "229 Extended (|||6446", BAD, 0, NULL },
    { SERVER, 1, "229 Extended (|||65536|)\r\n", BAD, 0, NULL },
    { SERVER, 1, "229 Extended (|||0|)\r\n", BAD, 0, NULL },
    { SERVER, 1, "229 Extended (|||6446)\r\n", BAD, 0, NULL },
    { SERVER, 1, "229 Extended (||6446|)\r\n", BAD, 0, NULL },
    { SERVER, 1, "229 Extended |||6446|\r\n", BAD, 0, NULL },
    { SERVER, 1, "229 Extended (|||64", BAD, 0, NULL },

    { CLIENT, 0, "\r\n", NOTHING, 0, NULL },
    { CLIENT, 0, "USER anonymous\r\n", NOTHING, 0, NULL },
    { SERVER, 0, "220 ready\r\n", NOTHING, 0, NULL },
};

static void
init(struct test_helper *t, enum ct_dir dir, bool ipv6)
{
    test_helper_init(t, &ct_helper_ftp, IPPROTO_TCP, dir, ipv6);
}

/* The segment of these bytes at 'seq'. */
static enum found
say(struct test_helper *t, uint32_t seq, const char *bytes, size_t n)
{
    enum ct_helper_verdict verdict = test_helper_read(t, seq, bytes, n);

    CHECK((verdict == CT_HELPER_DROP)
          == t->counts[CT_C_DROP_HELPER_PAYLOAD]);
    return (verdict == CT_HELPER_DROP ? BAD
            : t->n_asks ? FOUND
            : t->counts[CT_C_HELPER_REFUSED] ? REFUSED
            : NOTHING);
}

static enum found
say_line(struct test_helper *t, uint32_t seq, const char *line)
{
    return say(t, seq, line, strlen(line));
}

static void
test_vectors(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        const struct vector *v = &vectors[i];
        struct test_helper t;

        init(&t, v->dir, v->ipv6);
        CHECK(say_line(&t, 90, "first one\n") == NOTHING);

        enum found verdict = say_line(&t, 100, v->line);
        if (verdict != v->verdict) {
            fprintf(stderr, "\"%s\": %d\n", v->line, verdict);
        }
        CHECK(verdict == v->verdict);
        if (verdict == FOUND) {
            CHECK(ntohs(t.asks[0].port) == v->port && t.n_asks == 1);
            CHECK(t.asks[0].dir == !v->dir && !t.n_replaced);
        }
        test_helper_uninit(&t);
    }
}

/* What the newlines are for. */
static void
test_lines(void)
{
    const char *port = "PORT 10,0,0,1,4,1\r\n";
    const size_t len = strlen(port);
    struct test_helper t;

    /* Nothing is known of where lines begin. */
    init(&t, CLIENT, false);
    CHECK(say_line(&t, 100, port) == NOTHING);
    /* Now there is. */
    CHECK(say_line(&t, 100 + len, port) == FOUND);

    /* In the middle of a line. */
    CHECK(say_line(&t, 100 + 2 * len, "STOR a") == NOTHING);
    CHECK(say_line(&t, 106 + 2 * len, port) == NOTHING);
    CHECK(say_line(&t, 106 + 3 * len, port) == FOUND);

    /* Sent again; and what was sent before that. */
    CHECK(say_line(&t, 106 + 3 * len, port) == FOUND);
    CHECK(say_line(&t, 100, port) == NOTHING);
    /* That did not make it forget. */
    CHECK(say_line(&t, 106 + 4 * len, port) == FOUND);
    test_helper_uninit(&t);

    /* Before its turn; the line that was missing; and again. */
    init(&t, CLIENT, false);
    CHECK(say_line(&t, 90, "NOOP\r\n") == NOTHING);
    CHECK(say_line(&t, 102, port) == NOTHING);
    CHECK(say_line(&t, 96, "NOOP\r\n") == NOTHING);
    CHECK(say_line(&t, 102, port) == FOUND);
    test_helper_uninit(&t);

    /* Translated: what is sent again long after is not read, but replaced. */
    init(&t, CLIENT, false);
    test_helper_set_nat(&t, false);
    CHECK(say_line(&t, 90, "NOOP    \r\n") == NOTHING);
    CHECK(say_line(&t, 100, port) == FOUND && t.n_replaced == 1);
    for (int i = 0; i < 4; i++) {
        CHECK(say_line(&t, 100 + len + 6 * i, "NOOP\r\n") == NOTHING);
    }
    CHECK(say_line(&t, 100, port) == NOTHING && t.n_replaced == 1);
    CHECK(test_helper_payload_is(&t, "PORT 10,0,0,101,4,1\r\n"));
    test_helper_uninit(&t);

    /* Cut in two: the first half is dropped, the second one is nothing; then
     * the whole comes. */
    init(&t, CLIENT, false);
    CHECK(say_line(&t, 90, "NOOP    \r\n") == NOTHING);
    CHECK(say_line(&t, 100, "PORT 10,0,0") == BAD);
    CHECK(say_line(&t, 111, ",1,4,1\r\n") == NOTHING);
    CHECK(say_line(&t, 100, port) == FOUND);
    test_helper_uninit(&t);

    /* Before the other end was heard. */
    init(&t, CLIENT, false);
    t.call.both = false;
    CHECK(say_line(&t, 90, "NOOP    \r\n") == NOTHING);
    CHECK(say_line(&t, 100, port) == NOTHING);
    test_helper_uninit(&t);

    /* Each direction has its own lines. */
    init(&t, SERVER, false);
    CHECK(say_line(&t, 90, "220 hi  \r\n") == NOTHING);
    t.call.dir = CLIENT;
    CHECK(say_line(&t, 100, port) == NOTHING);

    /* No payload. */
    CHECK(say_line(&t, 100 + len, "") == NOTHING);
    test_helper_uninit(&t);
}

static bool
becomes(struct test_helper *t, uint32_t seq, const char *line,
        const char *expected)
{
    return (test_helper_read(t, seq, line, strlen(line)) == CT_HELPER_ACCEPT
            && test_helper_payload_is(t, expected));
}

static bool
is_refused(struct test_helper *t, uint32_t seq, const char *line)
{
    return (test_helper_read(t, seq, line, strlen(line)) == CT_HELPER_DROP
            && t->counts[CT_C_DROP_MANGLE] == 1);
}

/* PORT at 108, behind another line: both together, and cut anew. */
static void
test_again(void)
{
    struct test_helper t;

    init(&t, CLIENT, false);
    test_helper_set_nat(&t, false);
    CHECK(say_line(&t, 100, "TYPE I\r\n") == NOTHING);
    CHECK(say_line(&t, 108, "PORT 10,0,0,1,4,1\r\n") == FOUND);
    CHECK(becomes(&t, 100, "TYPE I\r\nPORT 10,0,0,1,4,1\r\n",
                  "TYPE I\r\nPORT 10,0,0,101,4,1\r\n"));
    CHECK(!t.n_asks);
    CHECK(becomes(&t, 110, "RT 10,0,0,1,4,1\r\nNOOP\r\n",
                  "RT 10,0,0,101,4,1\r\nNOOP\r\n"));
    CHECK(becomes(&t, 113, "10,0,0,1,4,1", "10,0,0,101,4,1"));
    CHECK(becomes(&t, 100, "TYPE I\r\nPORT ", "TYPE I\r\nPORT "));
    CHECK(becomes(&t, 125, "\r\n", "\r\n"));

    /* Only a part of it, and another one. */
    CHECK(is_refused(&t, 100, "TYPE I\r\nPORT 10,0,0,1,4,"));
    CHECK(is_refused(&t, 114, "0,0,0,1,4,1\r\n"));
    CHECK(is_refused(&t, 115, ",0,0"));
    CHECK(is_refused(&t, 113, "10,0,0,1,4,2"));
    t.call.acked = 124;
    CHECK(is_refused(&t, 113, "10,0,0,1,4,2"));
    t.call.acked = 125;
    CHECK(becomes(&t, 124, "?", "?"));
    CHECK(becomes(&t, 113, "10,0,0,1,4,2", "10,0,0,1,4,2"));
    CHECK(becomes(&t, 113, "10,0,0,1,4,1", "10,0,0,101,4,1"));

    /* 2^30 bytes later the numbers are those of others. */
    t.call.acked += UINT32_C(3) << 30;
    for (uint32_t i = 1; i <= 3; i++) {
        CHECK(becomes(&t, 124 + (i << 30), "NOOP\r\n", "NOOP\r\n"));
    }
    CHECK(becomes(&t, 113, "10,0,0,1,4,1", "10,0,0,1,4,1"));
    test_helper_uninit(&t);

    /* Of the same length: parts are replaced, too. */
    init(&t, SERVER, false);
    test_helper_set_nat(&t, false);
    t.add_port = 4321 - 1234;
    CHECK(say_line(&t, 100, "220 hi\r\n") == NOTHING);
    CHECK(say_line(&t, 108, "229 (|||1234|)\r\n") == FOUND);
    CHECK(becomes(&t, 100, "220 hi\r\n229 (|||12", "220 hi\r\n229 (|||43"));
    CHECK(becomes(&t, 118, "34|)", "21|)"));
    CHECK(becomes(&t, 117, "23", "32"));
    CHECK(is_refused(&t, 117, "24"));
    test_helper_uninit(&t);
}

/* What comes again and is known makes no new expectation. */
static void
test_known(void)
{
    const char *port = "PORT 10,0,0,1,4,1\r\n";
    struct test_helper t;

    init(&t, CLIENT, false);
    test_helper_set_nat(&t, false);
    CHECK(say_line(&t, 92, "USER x\r\n") == NOTHING);
    t.add_port = 1;
    CHECK(say_line(&t, 100, port) == FOUND && !t.n_refreshed);
    t.add_port = 2;
    CHECK(say_line(&t, 100, port) == NOTHING && t.n_refreshed == 1);
    CHECK(t.match.dir == SERVER && t.match.port == htons(1025)
          && t.seconds == 300);
    CHECK(test_helper_payload_is(&t, "PORT 10,0,0,101,4,2\r\n"));

    /* One that was dropped is not known. */
    CHECK(say_line(&t, 119, port) == FOUND);
    t.call.helper->undo(&t.call);
    t.add_port = 3;
    CHECK(say_line(&t, 119, port) == FOUND);
    CHECK(test_helper_payload_is(&t, "PORT 10,0,0,101,4,4\r\n"));
    CHECK(say_line(&t, 138, "NOOP\r\n") == NOTHING);
    t.call.helper->undo(&t.call);
    CHECK(say_line(&t, 119, port) == NOTHING && t.n_replaced == 1);
    test_helper_uninit(&t);

    /* Untranslated, it is asked for again. */
    init(&t, CLIENT, false);
    CHECK(say_line(&t, 92, "USER x\r\n") == NOTHING);
    CHECK(say_line(&t, 100, port) == FOUND);
    CHECK(say_line(&t, 100, port) == FOUND && !t.n_refreshed);
    test_helper_uninit(&t);
}

/* None is forgotten that the receiver does not have. */
static void
test_known_many(void)
{
    const char *port = "PORT 10,0,0,1,4,1\r\n";
    const uint32_t len = strlen(port);
    struct test_helper t;
    uint32_t seq = 100;

    init(&t, CLIENT, false);
    test_helper_set_nat(&t, false);
    CHECK(say_line(&t, 92, "USER x\r\n") == NOTHING);
    for (int i = 0; i < 8; i++, seq += len) {
        CHECK(say_line(&t, seq, port) == FOUND);
    }
    CHECK(is_refused(&t, seq, port));
    t.call.helper->undo(&t.call);
    CHECK(say_line(&t, 100, port) == NOTHING && t.n_replaced == 1);
    t.call.acked = 100 + len - 2;
    CHECK(say_line(&t, seq, port) == FOUND && t.n_replaced == 1);
    CHECK(say_line(&t, 100 + len, port) == NOTHING && t.n_replaced == 1);
    CHECK(say_line(&t, 100, port) == NOTHING && !t.n_replaced);
    test_helper_uninit(&t);
}

/* What is written in the place of an announcement is read as one. */
static void
test_write(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        const struct vector *v = &vectors[i];
        struct test_helper t, other;
        const char *at = v->text ? strstr(v->line, v->text) : NULL;

        if (v->verdict != FOUND) {
            continue;
        }
        init(&t, v->dir, v->ipv6);
        test_helper_set_nat(&t, v->ipv6);
        t.add_port = 54321 - v->port;
        say_line(&t, 90, "first one\n");
        CHECK(say_line(&t, 100, v->line) == FOUND && t.n_replaced == 1);
        CHECK(!memcmp(t.call.payload, v->line, at - v->line));
        const char *rest = at + strlen(v->text);
        CHECK(!memcmp(t.call.payload + t.call.len - strlen(rest), rest,
                      strlen(rest)));

        init(&other, v->dir, v->ipv6);
        other.call.tuples[v->dir].src = t.call.tuples[!v->dir].dst;
        say_line(&other, 90, "first one\n");
        CHECK(say(&other, 100, (const char *) t.call.payload, t.call.len)
              == FOUND);
        CHECK(other.asks[0].port == htons(54321));
        test_helper_uninit(&t);
        test_helper_uninit(&other);
    }
}

/* Bytes changed, removed and added at random: memory checkers watch. */
static void
test_mutated(void)
{
    unsigned int n_found = 0;
    uint64_t r = 7;

    for (int i = 0; i < 300000; i++) {
        const struct vector *v = &vectors[ct_test_random(&r)
                                          % ARRAY_SIZE(vectors)];
        size_t n = strlen(v->line);
        struct test_helper t;
        char line[256];

        init(&t, v->dir, v->ipv6);
        if (i % 2) {
            test_helper_set_nat(&t, v->ipv6);
        }
        say_line(&t, 90, "first one\n");
        memcpy(line, v->line, n);
        for (int changes = ct_test_random(&r) % 4; changes > 0; changes--) {
            line[ct_test_random(&r) % n] = ct_test_random(&r);
        }
        n = ct_test_random(&r) % 4 ? n : ct_test_random(&r) % n;
        if (say(&t, 100, line, n) == FOUND) {
            n_found++;
            CHECK(t.asks[0].port && t.n_asks == 1);
        }
        test_helper_uninit(&t);
    }
    CHECK(n_found > 1000);
}

static void
test_tftp(void)
{
    static const struct {
        enum ct_dir dir;
        const char *bytes;
        size_t n;
        enum found verdict;
    } packets[] = {
        { CLIENT, "\0\1file\0octet\0", 13, FOUND },
        { CLIENT, "\0\2file\0octet\0", 13, FOUND },
        { CLIENT, "\0\1", 2, FOUND },
        { CLIENT, "\0\3\0\1data", 8, NOTHING },
        { CLIENT, "\1\0file", 6, NOTHING },
        { CLIENT, "\0", 1, NOTHING },
        { CLIENT, "", 0, NOTHING },
        { SERVER, "\0\1file\0octet\0", 13, NOTHING },
    };

    for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
        struct test_helper t;

        test_helper_init(&t, &ct_helper_tftp, IPPROTO_UDP, packets[i].dir,
                         false);
        t.call.tuples[CLIENT].src_port = htons(4000);
        CHECK(test_helper_read(&t, 0, packets[i].bytes, packets[i].n)
              == CT_HELPER_ACCEPT);
        CHECK(t.n_asks == (packets[i].verdict == FOUND));
        CHECK(!t.n_asks || (t.asks[0].port == htons(4000)
                            && t.asks[0].dir == SERVER));
        test_helper_uninit(&t);
    }
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    test_vectors();
    test_lines();
    test_again();
    test_known();
    test_known_many();
    test_write();
    test_mutated();
    test_tftp();
    return ct_test_end("ct-helper-ftp");
}
