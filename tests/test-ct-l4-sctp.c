/* SPDX-License-Identifier: Apache-2.0 */

/* SCTP: associations as scripts of packets, checksum, damaged chunks. */

#include <config.h>

#include "ct-l4-test.h"

#include "crc32c.h"
#include "ct-hash.h"

/* A packet is "DIRECTION TAG CHUNK..." where TAG is the verification tag in
 * hex and a chunk is TYPE[:TAG][/FLAGS] (decimal, hex, hex).  Then the verdict
 * (true: accepted), the state that OVS shows, and the timeout. */
struct event {
    const char *packet;
    bool ok;
    enum ct_dpif_sctp_state state;
    enum ct_timeout timeout;
};

#define S(STATE) CT_DPIF_SCTP_STATE_##STATE, CT_TIMEOUT_SCTP_##STATE
#define KEEP(STATE) CT_DPIF_SCTP_STATE_##STATE, CT_TIMEOUT_KEEP

/* Types: 0 DATA, 1 INIT, 2 INIT_ACK, 3 SACK, 4 HEARTBEAT, 5 HEARTBEAT_ACK, 6
 * ABORT, 7 SHUTDOWN, 8 SHUTDOWN_ACK, 10 COOKIE_ECHO, 11 COOKIE_ACK, 14
 * SHUTDOWN_COMPLETE. */
static const struct event whole_association[] = {
    { "> 0 1:aaaa", true, S(CLOSED) },
    { "< aaaa 2:bbbb", true, S(COOKIE_WAIT) },
    { "> bbbb 10", true, S(COOKIE_ECHOED) },
    { "< aaaa 11", true, S(ESTABLISHED) },
    { "> bbbb 0", true, S(ESTABLISHED) },
    { "< aaaa 3 0", true, S(ESTABLISHED) },
    /* Foreign tags. */
    { "> cccc 0", false, KEEP(ESTABLISHED) },
    { "< bbbb 3", false, KEEP(ESTABLISHED) },
    { "> cccc 6", false, KEEP(ESTABLISHED) },
    { "> 1234 1:dddd", false, KEEP(ESTABLISHED) },
    { "> bbbb 7", true, S(SHUTDOWN_SENT) },
    { "< aaaa 8", true, S(SHUTDOWN_ACK_SENT) },
    { "> bbbb 14", true, S(CLOSED) },
    { NULL, false, 0, 0 },
};

static const struct event aborted[] = {
    { "> 0 1:aaaa", true, S(CLOSED) },
    /* Refused: no tag but the one that was offered, reflected. */
    { "< aaaa 6", true, S(CLOSED) },
    { NULL, false, 0, 0 },
};

static const struct event reflected_abort[] = {
    { "> 0 1:aaaa", true, S(CLOSED) },
    { "< aaaa 2:bbbb", true, S(COOKIE_WAIT) },
    { "> bbbb 10", true, S(COOKIE_ECHOED) },
    { "< bbbb 6", false, KEEP(COOKIE_ECHOED) },
    { "< bbbb 6/1", true, S(CLOSED) },
    { NULL, false, 0, 0 },
};

static const struct event second_path[] = {
    { "> bbbb 4", true, S(HEARTBEAT_SENT) },
    { "< aaaa 5", true, S(ESTABLISHED) },
    { "> bbbb 0", true, S(ESTABLISHED) },
    { NULL, false, 0, 0 },
};

static const struct event repeated_init[] = {
    { "> 0 1:aaaa", true, S(CLOSED) },
    { "> 0 1:aaaa", true, KEEP(CLOSED) },
    { NULL, false, 0, 0 },
};

/* Whose answer reflects the tag is a SHUTDOWN_ACK; of a HEARTBEAT_ACK, or what
 * stands beside a HEARTBEAT, the kernel does not believe that. */
static const struct event out_of_the_blue[] = {
    { "> bbbb 8", true, S(SHUTDOWN_ACK_SENT) },
    { "< aaaa 14/1", false, KEEP(SHUTDOWN_ACK_SENT) },
    { "< bbbb 14", true, S(CLOSED) },
    { NULL, false, 0, 0 },
};

static const struct event heartbeat_ack_first[] = {
    { "> bbbb 5", true, S(CLOSED) },
    { "< bbbb 6", false, KEEP(CLOSED) },
    { "< bbbb 6/1", true, S(CLOSED) },
    { NULL, false, 0, 0 },
};

/* INITs that cross, and one of them once more: still a collision, in which no
 * INIT_ACK has another tag. */
static const struct event repeated_init_collides[] = {
    { "> 0 1:aaaa", true, S(CLOSED) },
    { "< 0 1:bbbb", true, KEEP(CLOSED) },
    { "< 0 1:bbbb", true, KEEP(CLOSED) },
    { "> bbbb 2:cccc", false, KEEP(CLOSED) },
    { "< 0 1:dddd", true, KEEP(CLOSED) },
    { "> dddd 2:cccc", true, S(CLOSED) },
    { NULL, false, 0, 0 },
};

/* The tag is that of the path; COOKIE_ECHO fits it. */
static const struct event heartbeat_beside_cookie[] = {
    { "> bbbb 10 4", true, S(CLOSED) },
    { NULL, false, 0, 0 },
};

static void
put_chunks(struct test_packet *p, const char *text, bool ipv6)
{
    uint8_t bytes[400] = { 0 };
    char copy[128], *save, *word;
    ovs_be32 crc;
    size_t n = 12;

    ovs_strlcpy(copy, text, sizeof copy);
    strtok_r(copy, " ", &save);
    test_put16(bytes, text[0] == '>' ? 5000 : 38412);
    test_put16(bytes + 2, text[0] == '>' ? 38412 : 5000);
    test_put32(bytes + 4, strtoul(strtok_r(NULL, " ", &save), NULL, 16));
    while ((word = strtok_r(NULL, " ", &save))) {
        const char *tag = strchr(word, ':');
        const char *flags = strchr(word, '/');

        bytes[n] = atoi(word);
        bytes[n + 1] = flags ? strtoul(flags + 1, NULL, 16) : 0;
        test_put16(bytes + n + 2, 20);
        if (tag) {
            test_put32(bytes + n + 4, strtoul(tag + 1, NULL, 16));
        }
        n += 20;
    }
    crc = crc32c(bytes, n);
    memcpy(bytes + 8, &crc, sizeof crc);
    test_packet_init(p, ipv6, text[0] == '<', IPPROTO_SCTP, bytes, n);
}

static void
run(const char *name, const struct event *e, bool ipv6)
{
    struct ct_conn conn;

    memset(&conn, 0, sizeof conn);
    for (int i = 0; e->packet; i++, e++) {
        struct ct_dpif_protoinfo info;
        struct test_packet p;
        bool ok;

        put_chunks(&p, e->packet, ipv6);
        assert(ct_l4_sctp.parse(&p.ct));
        assert(p.ct.tuple.src_port == htons(e->packet[0] == '>'
                                            ? 5000 : 38412));
        if (!i) {
            assert(ct_l4_sctp.may_open(&p.ct) == CT_VERDICT_ACCEPT);
            ct_l4_sctp.open(&p.ct, &conn);
        }
        ok = ct_l4_sctp.update(&p.ct, &conn) == CT_VERDICT_ACCEPT;
        ct_l4_sctp.describe(&conn, &info);
        if (ok != e->ok || info.sctp.state != e->state
            || p.ct.timeout != e->timeout) {
            fprintf(stderr, "%s: %s: %d, state %d, timeout %d\n", name,
                    e->packet, ok, info.sctp.state, p.ct.timeout);
            exit(1);
        }
        assert(ok || test_counted(CT_C_INVALID_STATE));
        assert(!(conn.status & CT_DPIF_STATUS_ASSURED)
               || info.sctp.state != CT_DPIF_SCTP_STATE_COOKIE_WAIT);
        test_packet_uninit(&p);
    }
}

/* One that ends as soon as it stands is assured all the same. */
static void
test_assured(void)
{
    static const struct {
        const char *packet;
        bool assured;
    } packets[] = {
        { "> 0 1:aaaa", false },
        { "< aaaa 2:bbbb", false },
        { "> bbbb 10", false },
        { "< aaaa 11 7", true },
    };
    struct ct_conn conn;

    memset(&conn, 0, sizeof conn);
    for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
        struct test_packet p;

        put_chunks(&p, packets[i].packet, false);
        assert(ct_l4_sctp.parse(&p.ct));
        assert(ct_l4_sctp.update(&p.ct, &conn) == CT_VERDICT_ACCEPT);
        assert(!(conn.status & CT_DPIF_STATUS_ASSURED) != packets[i].assured);
        test_packet_uninit(&p);
    }
}

#define RUN(EVENTS)                             \
    do {                                        \
        run(#EVENTS, EVENTS, false);            \
        run(#EVENTS, EVENTS, true);             \
    } while (0)

static void
test_opens(void)
{
    static const struct {
        const char *packet;
        bool opens;
    } vectors[] = {
        { "> 0 1:aaaa", true },
        { "> 1 1:aaaa", false },        /* INIT has no tag. */
        { "> bbbb 4", true },
        { "> bbbb 8", true },           /* Out of the blue. */
        { "> bbbb 0", false },
        { "> bbbb 3", false },
        { "> bbbb 6", false },
        { "> bbbb 10", false },
        { "> bbbb 11", false },
        { "> bbbb 14", false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        struct test_packet p;

        put_chunks(&p, vectors[i].packet, false);
        assert(ct_l4_sctp.parse(&p.ct));
        assert((ct_l4_sctp.may_open(&p.ct) == CT_VERDICT_ACCEPT)
               == vectors[i].opens);
        assert(vectors[i].opens || test_counted(CT_C_INVALID_STATE));
        test_packet_uninit(&p);
    }
}

static void
fix_crc(struct test_packet *p)
{
    ovs_be32 crc;

    memset(p->data + 8, 0, 4);
    crc = crc32c(p->data, p->ct.l4_len);
    memcpy(p->data + 8, &crc, sizeof crc);
}

static void
test_damaged(void)
{
    /* RFC 9260 section 6.10. */
    static const char *const misplaced[] = {
        "> bbbb 0 10", "> bbbb 0 11", "> 0 1:aaaa 0", "< aaaa 0 2:bbbb",
        "> bbbb 14 0", "> bbbb"
    };
    struct test_packet p, part;

    for (size_t i = 0; i < ARRAY_SIZE(misplaced); i++) {
        put_chunks(&p, misplaced[i], false);
        assert(!ct_l4_sctp.parse(&p.ct));
        assert(test_counted(CT_C_INVALID_L4));
        test_packet_uninit(&p);
    }

    put_chunks(&p, "> bbbb 10 0", false);
    for (size_t len = 0; len <= p.ct.l4_len; len++) {
        test_packet_init(&part, false, false, IPPROTO_SCTP, p.data, len);
        if (len >= 12) {
            bool whole = len == 32 || len == 52;

            fix_crc(&part);
            assert(ct_l4_sctp.parse(&part.ct) == whole);
            assert(whole || test_counted(CT_C_INVALID_L4));
            part.data[len - 1] ^= 4;
        }
        assert(!ct_l4_sctp.parse(&part.ct));
        assert(test_counted(len < 12
                            ? CT_C_INVALID_L4
                            : CT_C_INVALID_CHECKSUM));
        test_packet_uninit(&part);
    }

    /* An INIT that is too short for one, behind a chunk that is not. */
    test_packet_init(&part, false, false, IPPROTO_SCTP, p.data, 40);
    part.data[32] = 1;
    test_put16(part.data + 34, 8);
    fix_crc(&part);
    assert(!ct_l4_sctp.parse(&part.ct) && test_counted(CT_C_INVALID_L4));
    test_packet_uninit(&part);

    /* Chunks of every length. */
    for (int len = 0; len < 512; len++) {
        test_packet_init(&part, false, false, IPPROTO_SCTP, p.data,
                         p.ct.l4_len);
        test_put16(part.data + 14, len);
        fix_crc(&part);
        if (ct_l4_sctp.parse(&part.ct)) {
            ct_l4_sctp.may_open(&part.ct);
        }
        test_packet_uninit(&part);
    }
    memset(test_counters, 0, sizeof test_counters);
    test_packet_uninit(&p);
}

int
main(void)
{
    ct_hash_init();
    RUN(whole_association);
    RUN(aborted);
    RUN(reflected_abort);
    RUN(second_path);
    RUN(repeated_init);
    RUN(out_of_the_blue);
    RUN(heartbeat_ack_first);
    RUN(repeated_init_collides);
    RUN(heartbeat_beside_cookie);
    test_assured();
    test_opens();
    test_damaged();
    return 0;
}
