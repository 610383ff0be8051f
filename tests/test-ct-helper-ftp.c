/* SPDX-License-Identifier: Apache-2.0 */

/* What the FTP helper reads, and what it does not: commands and answers one a
 * line, hostile ones among them; and lines that are cut off or sent again. */

#include <config.h>

#include "ct-test.h"

#include <netinet/in.h>

#include "ct-helper.h"
#include "packets.h"

#define NOTHING CT_HELPER_NOTHING
#define FOUND CT_HELPER_FOUND
#define REFUSED CT_HELPER_REFUSED
#define BAD CT_HELPER_BAD

#define CLIENT CT_DIR_ORIGINAL
#define SERVER CT_DIR_REPLY

/* The client is 10.0.0.1 or fd00::1, the server 10.0.0.2 or fd00::2. */
static const struct vector {
    enum ct_dir dir;
    bool ipv6;
    const char *line;
    enum ct_helper_verdict verdict;
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
    { CLIENT, 0, "EPRT |1|10.0.0.1|1025|x\r\n", BAD, 0, NULL },
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

static union ct_inet_addr
address(bool ipv6, uint8_t host)
{
    union ct_inet_addr addr = { .u64 = { 0, 0 } };

    if (ipv6) {
        addr.ip6.s6_addr[0] = 0xfd;
        addr.ip6.s6_addr[15] = host;
    } else {
        addr.ip = htonl(0x0a000000 | host);
    }
    return addr;
}

static void
init(struct ct_helper_input *in, struct ct_helper_state *state,
     enum ct_dir dir, bool ipv6)
{
    memset(in, 0, sizeof *in);
    memset(state, 0, sizeof *state);
    in->dir = dir;
    in->both = true;
    in->state = state;
    for (int d = 0; d < CT_DIR_MAX; d++) {
        in->tuples[d].src = address(ipv6, 1 + d);
        in->tuples[d].dst = address(ipv6, 2 - d);
        in->tuples[d].kind = ipv6 ? CT_KIND_IPV6 : 0;
        in->tuples[d].proto = IPPROTO_TCP;
    }
}

/* The segment of these bytes at 'seq'.  It is copied to memory of just that
 * size, for tools that look at each access. */
static enum ct_helper_verdict
say(struct ct_helper_input *in, uint32_t seq, const char *bytes, size_t n,
    struct ct_helper_found *found)
{
    uint8_t *copy = xmemdup(bytes, n ? n : 1);
    enum ct_helper_verdict verdict;

    memset(found, 0, sizeof *found);
    in->payload = copy;
    in->len = n;
    in->seq = seq;
    verdict = ct_helper_ftp.read(in, found);
    free(copy);
    return verdict;
}

static enum ct_helper_verdict
say_line(struct ct_helper_input *in, uint32_t seq, const char *line)
{
    struct ct_helper_found found;

    return say(in, seq, line, strlen(line), &found);
}

static void
test_vectors(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        const struct vector *v = &vectors[i];
        struct ct_helper_state state;
        struct ct_helper_found found;
        struct ct_helper_input in;

        init(&in, &state, v->dir, v->ipv6);
        CHECK(say_line(&in, 90, "first one\n") == NOTHING);

        enum ct_helper_verdict verdict = say(&in, 100, v->line,
                                             strlen(v->line), &found);
        if (verdict != v->verdict) {
            fprintf(stderr, "\"%s\": %d\n", v->line, verdict);
        }
        CHECK(verdict == v->verdict);
        if (verdict == FOUND) {
            CHECK(ntohs(found.port) == v->port);
            CHECK(found.dir == !v->dir);
            CHECK(found.text_len == strlen(v->text)
                  && !memcmp(v->line + found.text_ofs, v->text,
                             found.text_len));
        }
    }
}

/* What the newlines are for. */
static void
test_lines(void)
{
    const char *port = "PORT 10,0,0,1,4,1\r\n";
    const size_t len = strlen(port);
    struct ct_helper_state state;
    struct ct_helper_input in;

    /* Nothing is known of where lines begin. */
    init(&in, &state, CLIENT, false);
    CHECK(say_line(&in, 100, port) == NOTHING);
    /* Now there is. */
    CHECK(say_line(&in, 100 + len, port) == FOUND);

    /* In the middle of a line. */
    CHECK(say_line(&in, 100 + 2 * len, "STOR a") == NOTHING);
    CHECK(say_line(&in, 106 + 2 * len, port) == NOTHING);
    CHECK(say_line(&in, 106 + 3 * len, port) == FOUND);

    /* Sent again; and what was sent before that. */
    CHECK(say_line(&in, 106 + 3 * len, port) == FOUND);
    CHECK(say_line(&in, 100, port) == NOTHING);
    /* That did not make it forget. */
    CHECK(say_line(&in, 106 + 4 * len, port) == FOUND);

    /* Cut in two: the first half is dropped, the second one is nothing; then
     * the whole comes. */
    init(&in, &state, CLIENT, false);
    CHECK(say_line(&in, 90, "NOOP    \r\n") == NOTHING);
    CHECK(say_line(&in, 100, "PORT 10,0,0") == BAD);
    CHECK(say_line(&in, 111, ",1,4,1\r\n") == NOTHING);
    CHECK(say_line(&in, 100, port) == FOUND);

    /* Before the other end was heard. */
    init(&in, &state, CLIENT, false);
    in.both = false;
    CHECK(say_line(&in, 90, "NOOP    \r\n") == NOTHING);
    CHECK(say_line(&in, 100, port) == NOTHING);

    /* Each direction has its own lines. */
    init(&in, &state, SERVER, false);
    CHECK(say_line(&in, 90, "220 hi  \r\n") == NOTHING);
    in.dir = CLIENT;
    CHECK(say_line(&in, 100, port) == NOTHING);

    /* No payload. */
    CHECK(say_line(&in, 100 + len, "") == NOTHING);
}

/* What is written is read. */
static void
test_write(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        const struct vector *v = &vectors[i];
        char line[256], text[CT_HELPER_MAX_TEXT];
        union ct_inet_addr addr = address(v->ipv6, 77);
        struct ct_helper_state state;
        struct ct_helper_found found;
        struct ct_helper_input in;

        if (v->verdict != FOUND) {
            continue;
        }
        init(&in, &state, v->dir, v->ipv6);
        say_line(&in, 90, "first one\n");
        say(&in, 100, v->line, strlen(v->line), &found);

        size_t n = ct_helper_ftp.write(&found, &addr, v->ipv6, htons(54321),
                                       text);
        CHECK(n == strlen(text) && n < sizeof text);
        snprintf(line, sizeof line, "%.*s%s%s", (int) found.text_ofs, v->line,
                 text, v->line + found.text_ofs + found.text_len);
        in.tuples[v->dir].src = addr;
        CHECK(say(&in, 100, line, strlen(line), &found) == FOUND);
        CHECK(found.port == htons(54321));
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
        struct ct_helper_state state;
        struct ct_helper_found found;
        struct ct_helper_input in;
        char line[256];

        init(&in, &state, v->dir, v->ipv6);
        say_line(&in, 90, "first one\n");
        memcpy(line, v->line, n);
        for (int changes = ct_test_random(&r) % 4; changes > 0; changes--) {
            line[ct_test_random(&r) % n] = ct_test_random(&r);
        }
        n = ct_test_random(&r) % 4 ? n : ct_test_random(&r) % n;
        if (say(&in, 100, line, n, &found) == FOUND) {
            n_found++;
            CHECK(found.port);
            CHECK(found.text_len && found.text_ofs + found.text_len <= n);
        }
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
        enum ct_helper_verdict verdict;
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
        struct ct_helper_state state;
        struct ct_helper_found found;
        struct ct_helper_input in;

        init(&in, &state, packets[i].dir, false);
        memset(&found, 0, sizeof found);
        in.tuples[CLIENT].src_port = htons(4000);
        in.payload = (const uint8_t *) packets[i].bytes;
        in.len = packets[i].n;
        CHECK(ct_helper_tftp.read(&in, &found) == packets[i].verdict);
        CHECK(packets[i].verdict != FOUND
              || (found.port == htons(4000) && found.dir == SERVER));
    }
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    test_vectors();
    test_lines();
    test_write();
    test_mutated();
    test_tftp();
    return ct_test_end("ct-helper-ftp");
}
