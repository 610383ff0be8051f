/* SPDX-License-Identifier: Apache-2.0 */

/* Plays scripts of TCP segments (tests/tcp) to the tracker's part for TCP,
 * over IPv4 and IPv6.  tests/oracle/run plays the same files to the Linux
 * kernel; tests/oracle/script.py has their language, of which here are
 *
 *     conn N tcp [isn=A/B]
 *     N > FLAGS [seq=N] [ack=N] [win=N] [len=N] [ws=N] [sackok] [sack=L-R]
 *         = VERDICT [STATE TIMEOUT]
 *     N < ...                      the same, from the other end
 *     N ? [assured|unassured] [wscale=O,R] [flags=HEX,HEX]
 *     wait SECONDS
 *     set NAME VALUE               a switch (ct-switch.h), or tcp_seq_chk
 *
 * VERDICT is "new" if no connection existed and this segment opens one, "ok",
 * "inv", "restart" (and it opens another), "end" (accepted, and the connection
 * is over).  TIMEOUT is "-" if the deadline stays.
 *
 * usage: test-ct-l4-tcp-script FILE... */

#include <config.h>

#include "ct-l4-test.h"

#include <errno.h>

#include "ct-hash.h"
#include "ct-l4-tcp.h"
#include "openvswitch/dynamic-string.h"
#include "tcp-segment-test.h"

#define MAX_CONVERSATIONS 64

struct conversation {
    char *name;                 /* The comment above it. */
    uint32_t isn[2];            /* Of client and server. */
    struct ct_conn conn;
    bool have_conn;
    bool opened_from_reply;     /* By a "<" line. */
};

/* One file over one family. */
struct play {
    const char *file;
    bool ipv6;
    int line_number;
    const char *line;
    char *comment;              /* The last one. */
    struct conversation conversations[MAX_CONVERSATIONS];
    struct conversation *c;     /* Of the current line. */
    unsigned int n_segments;
    struct ct_zone zone;
    long long now;
};

static int n_failures;

static void
fail(const struct play *p, const char *what)
{
    fprintf(stderr, "%s:%d (%s, IPv%d): %s\n    %s\n", p->file,
            p->line_number, p->c && p->c->name ? p->c->name : "",
            p->ipv6 ? 6 : 4, what, p->line);
    n_failures++;
}

/* What cannot be understood is a mistake of the script. */
static void OVS_NO_RETURN
refuse(const struct play *p, const char *word)
{
    ovs_fatal(0, "%s:%d: what is \"%s\"?", p->file, p->line_number, word);
}

/* Segments. */

static void
make_packet(struct play *p, const struct tcp_segment *s,
            struct test_packet *packet)
{
    uint8_t bytes[TCP_SEGMENT_MAX];

    test_packet_init(packet, p->ipv6, s->reply, IPPROTO_TCP, bytes,
                     tcp_segment_put(s, bytes));
    test_set_checksum(packet, 16, true);
    packet->ct.dir = (s->reply == p->c->opened_from_reply
                      ? CT_DIR_ORIGINAL
                      : CT_DIR_REPLY);
    packet->ct.now = p->now;
    packet->ct.zone = &p->zone;
}

/* What ct_execute() does around a protocol. */

static enum ct_verdict
open_connection(struct conversation *c, struct ct_packet *packet, bool reply)
{
    if (ct_l4_tcp.may_open(packet) != CT_VERDICT_ACCEPT) {
        return CT_VERDICT_INVALID;
    }
    memset(&c->conn, 0, sizeof c->conn);
    packet->dir = CT_DIR_ORIGINAL;
    c->opened_from_reply = reply;
    ct_l4_tcp.open(packet, &c->conn);
    c->have_conn = true;
    return ct_l4_tcp.update(packet, &c->conn);
}

static void
apply(struct conversation *c, const struct ct_packet *packet,
      enum ct_verdict verdict)
{
    uint64_t deadline;

    if (packet->timeout != CT_TIMEOUT_KEEP) {
        deadline = packet->now + ct_timeouts_default.ms[packet->timeout];
        if (verdict != CT_VERDICT_INVALID || deadline < c->conn.deadline) {
            c->conn.deadline = deadline;
        }
    }
    if (verdict == CT_VERDICT_ACCEPT && packet->dir == CT_DIR_REPLY) {
        c->conn.status |= CT_DPIF_STATUS_SEEN_REPLY;
    }
}

static const char *
process(struct conversation *c, struct ct_packet *packet, bool reply)
{
    enum ct_verdict verdict;

    if (!ct_l4_tcp.parse(packet)) {
        return "inv";
    }
    if (!c->have_conn) {
        verdict = open_connection(c, packet, reply);
        if (verdict != CT_VERDICT_ACCEPT) {
            return "inv";
        }
        apply(c, packet, verdict);
        return "new";
    }
    verdict = ct_l4_tcp.update(packet, &c->conn);
    switch (verdict) {
    case CT_VERDICT_ACCEPT:
        apply(c, packet, verdict);
        return "ok";
    case CT_VERDICT_INVALID:
        apply(c, packet, verdict);
        return "inv";
    case CT_VERDICT_DELETE:
        c->have_conn = false;
        return "end";
    case CT_VERDICT_RESTART:
        assert(open_connection(c, packet, reply) == CT_VERDICT_ACCEPT);
        apply(c, packet, CT_VERDICT_ACCEPT);
        return "restart";
    }
    OVS_NOT_REACHED();
}

static const char *
timeout_name(enum ct_timeout timeout)
{
    static const char *const names[] = {
#define CT_TIMEOUT(ENUM, NAME, SECONDS, ATTR) [CT_TIMEOUT_##ENUM] = NAME,
        CT_TIMEOUTS
#undef CT_TIMEOUT
    };

    return timeout == CT_TIMEOUT_KEEP ? "-" : names[timeout];
}

/* Lines. */

static void
play_segment(struct play *p, bool reply, char **save)
{
    struct conversation *c = p->c;
    struct ds got = DS_EMPTY_INITIALIZER;
    struct tcp_segment segment = { .reply = reply };
    struct test_packet packet;
    const char *verdict, *expected;
    const char *bad = tcp_segment_parse(save, c->isn, &segment);

    if (bad) {
        refuse(p, bad);
    }
    expected = strtok_r(NULL, "", save);
    make_packet(p, &segment, &packet);
    memset(test_counters, 0, sizeof test_counters);
    verdict = process(c, &packet.ct, reply);
    if (!strcmp(verdict, "inv") == test_counted_nothing()) {
        fail(p, "invalid segments are counted, others are not");
    }
    ds_put_cstr(&got, verdict);
    if (c->have_conn) {
        ds_put_format(&got, " %s %s", ct_tcp_state_name(c->conn.l4_state),
                      timeout_name(packet.ct.timeout));
    }
    if (!expected || strcmp(ds_cstr(&got), expected)) {
        fail(p, ds_cstr(&got));
    }
    p->n_segments++;
    ds_destroy(&got);
    test_packet_uninit(&packet);
}

static bool
holds(const struct play *p, const char *word)
{
    bool assured = p->c->conn.status & CT_DPIF_STATUS_ASSURED;
    struct ct_dpif_protoinfo info;
    unsigned int a, b;

    memset(&info, 0, sizeof info);
    ct_l4_tcp.describe(&p->c->conn, &info);
    assert(info.proto == IPPROTO_TCP);
    if (!strcmp(word, "assured")) {
        return assured;
    } else if (!strcmp(word, "unassured")) {
        return !assured;
    } else if (ovs_scan(word, "wscale=%u,%u", &a, &b)) {
        return info.tcp.wscale_orig == a && info.tcp.wscale_reply == b;
    } else if (ovs_scan(word, "flags=%x,%x", &a, &b)) {
        return info.tcp.flags_orig == a && info.tcp.flags_reply == b;
    }
    refuse(p, word);
}

static void
play_conversation(struct play *p, char **save)
{
    struct conversation *c = p->c;
    char *word = strtok_r(NULL, " ", save);

    if (c->name || !word || strcmp(word, "tcp")) {
        refuse(p, p->line);
    }
    c->name = xstrdup(p->comment ? p->comment : "");
    word = strtok_r(NULL, " ", save);
    if (word && !ovs_scan(word, "isn=%"SCNu32"/%"SCNu32, &c->isn[0],
                          &c->isn[1])) {
        refuse(p, word);
    }
}

static void
play_set(struct play *p, char **save)
{
    const char *name = strtok_r(NULL, " ", save);
    const char *value = strtok_r(NULL, " ", save);

    if (!name || !value) {
        refuse(p, p->line);
    } else if (!strcmp(name, "tcp_seq_chk")) {
        test_seq_chk = atoi(value);
    } else {
        test_switch(name, atoi(value));
    }
}

/* A line that begins with the number of a conversation. */
static void
play_word(struct play *p, const char *word, char **save)
{
    if (!p->c->name) {
        refuse(p, p->line);
    } else if (!strcmp(word, ">") || !strcmp(word, "<")) {
        play_segment(p, word[0] == '<', save);
    } else if (!strcmp(word, "?")) {
        while ((word = strtok_r(NULL, " ", save))) {
            if (!holds(p, word)) {
                fail(p, word);
            }
        }
    } else {
        refuse(p, word);
    }
}

/* Conversation number 'word' is that of the line. */
static void
find_conversation(struct play *p, const char *word)
{
    unsigned int number;

    if (!word || !str_to_uint(word, 10, &number)
        || number >= MAX_CONVERSATIONS) {
        refuse(p, word ? word : p->line);
    }
    p->c = &p->conversations[number];
}

static void
play_line(struct play *p)
{
    char *copy = xstrdup(p->line), *save = NULL;
    char *word = strtok_r(copy, " ", &save);

    if (!word) {
        /* Empty. */
    } else if (word[0] == '#') {
        free(p->comment);
        p->comment = xstrdup(p->line + strspn(p->line, "# "));
    } else if (!strcmp(word, "conn")) {
        find_conversation(p, strtok_r(NULL, " ", &save));
        play_conversation(p, &save);
    } else if (!strcmp(word, "wait")) {
        p->now += 1000 * atof(save);
    } else if (!strcmp(word, "set")) {
        play_set(p, &save);
    } else {
        find_conversation(p, word);
        word = strtok_r(NULL, " ", &save);
        play_word(p, word ? word : "", &save);
    }
    free(copy);
}

/* Returns how many segments. */
static unsigned int
play_file(const char *file, bool ipv6)
{
    struct play *p = xzalloc(sizeof *p);
    struct ds line = DS_EMPTY_INITIALIZER;
    FILE *f = fopen(file, "r");
    unsigned int n;

    if (!f) {
        ovs_fatal(errno, "%s", file);
    }
    p->file = file;
    p->ipv6 = ipv6;
    p->now = 1000000;
    ovsrcu_set_hidden(&p->zone.timeouts, &ct_timeouts_default);
    while (!ds_get_line(&line, f)) {
        p->line_number++;
        p->line = ds_cstr(&line);
        play_line(p);
    }
    fclose(f);
    ds_destroy(&line);
    for (int i = 0; i < MAX_CONVERSATIONS; i++) {
        free(p->conversations[i].name);
    }
    free(p->comment);
    n = p->n_segments;
    free(p);
    return n;
}

int
main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    ct_hash_init();
    for (int i = 1; i < argc; i++) {
        for (int ipv6 = 0; ipv6 < 2; ipv6++) {
            if (!play_file(argv[i], ipv6)) {
                ovs_fatal(0, "%s: no segments", argv[i]);
            }
        }
    }
    if (argc < 2) {
        ovs_fatal(0, "usage: %s FILE...", program_name);
    }
    return n_failures != 0;
}
