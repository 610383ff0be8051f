/* SPDX-License-Identifier: Apache-2.0 */

/* Sequence numbers behind a changed payload: which number becomes which, TCP
 * headers as they are written, and whose turn it is. */

#include <config.h>

#include "ct-test.h"

#include "ct-help-turn.h"
#include "ct-rewrite.h"
#include "ct-seqadj.h"
#include "csum.h"
#include "packets.h"
#include "unaligned.h"

/* The segments at 1000 and at 1100 have become 2 and then 3 bytes longer. */
static const struct {
    uint32_t seq;
    int32_t gain;
} seqs[] = {
    { 0, 0 },
    { 999, 0 },
    { 1000, 0 },
    { 1001, 2 },
    { 1099, 2 },
    { 1100, 2 },                /* Its own number changes by the first. */
    { 1101, 5 },
    { 5000, 5 },
};

/* Up to here the peer has acknowledged. */
static uint32_t acked;

static bool
set(struct ct_seqadj *adj, uint32_t seq, uint32_t n, uint32_t ofs,
    int32_t delta)
{
    const struct ct_seqadj_segment segment = {
        .seq = seq, .end = seq + n, .pos = seq + ofs, .delta = delta,
    };

    return ct_seqadj_set(adj, &segment, acked);
}

static void
test_numbers(void)
{
    struct ct_seqadj adj = { .n = 0 };

    CHECK(!ct_seqadj_seq(&adj, 77) && !ct_seqadj_ack(&adj, 77));
    CHECK(set(&adj, 1000, 20, 0, 2));
    CHECK(ct_seqadj_seq(&adj, 1000) == 0);
    CHECK(ct_seqadj_seq(&adj, 1001) == 2);
    /* 20 bytes from 1000 on arrive as 22. */
    CHECK(ct_seqadj_ack(&adj, 1000) == 0);
    CHECK(ct_seqadj_ack(&adj, 1022) == 2);

    /* Sent again, and changed again. */
    CHECK(set(&adj, 1000, 20, 0, 2) && adj.n == 1);
    /* Sent again, and to be changed in another way, or not at all. */
    CHECK(!set(&adj, 1000, 20, 0, 3) && !set(&adj, 1000, 20, 0, 0));
    CHECK(!set(&adj, 900, 20, 0, 1));
    CHECK(set(&adj, 900, 20, 0, 0) && adj.n == 1);

    CHECK(set(&adj, 1100, 20, 0, 3));
    for (size_t i = 0; i < ARRAY_SIZE(seqs); i++) {
        CHECK(ct_seqadj_seq(&adj, seqs[i].seq) == seqs[i].gain);
    }
    CHECK(ct_seqadj_ack(&adj, 1102) == 2);
    CHECK(ct_seqadj_ack(&adj, 1103) == 5);

    /* The first one again, and both together. */
    CHECK(set(&adj, 1000, 20, 0, 2) && set(&adj, 1000, 120, 0, 5));
    CHECK(!set(&adj, 1000, 120, 0, 2) && adj.n == 2);

    /* Shorter, and over the end of the numbers. */
    struct ct_seqadj wrap = { .n = 0 };
    CHECK(set(&wrap, 0xfffffff0, 20, 0, -4));
    CHECK(ct_seqadj_seq(&wrap, 0xfffffff0) == 0);
    CHECK(ct_seqadj_seq(&wrap, 4) == -4);
    CHECK(ct_seqadj_ack(&wrap, 0xfffffffe) == -4);
}

/* The change is not at the segment's beginning: when it is sent again it may
 * be cut there. */
static void
test_cut(void)
{
    struct ct_seqadj adj = { .n = 0 };

    CHECK(set(&adj, 1000, 100, 50, 7));
    CHECK(set(&adj, 1000, 40, 0, 0));
    CHECK(set(&adj, 1040, 60, 10, 7));
    CHECK(ct_seqadj_seq(&adj, 1040) == 0 && ct_seqadj_seq(&adj, 1100) == 7);
}

/* Only the last changes are known, and all that are not acknowledged. */
static void
test_many(void)
{
    struct ct_seqadj adj = { .n = 0 };
    const unsigned int n = CT_SEQADJ_MAX;

    acked = 0;
    for (unsigned int i = 0; i < n; i++) {
        CHECK(set(&adj, 1000 * i, 1000, 10, 1));
    }
    for (unsigned int i = n; i < n + 3; i++) {
        /* The peer has all of the oldest one's segment, but for a byte. */
        acked = 1000 * (i - n + 1) + 9;
        CHECK(!set(&adj, 1000 * i, 1000, 10, 1) && adj.n == n);
        CHECK(ct_seqadj_ack(&adj, acked + i - n + 1) == (int) (i - n + 1));
        CHECK(set(&adj, 1000 * i, 1000, 0, 0));

        acked++;
        CHECK(set(&adj, 1000 * i, 1000, 10, 1));
    }
    CHECK(adj.n == n && adj.before == 3);
    CHECK(ct_seqadj_seq(&adj, 3000) == 3);
    CHECK(ct_seqadj_seq(&adj, 4000) == 4 && ct_seqadj_ack(&adj, 4004) == 4);
    CHECK(ct_seqadj_seq(&adj, 1000 * (n + 3)) == (int) n + 3);
    CHECK(set(&adj, 3000, 1000, 10, 1) && !set(&adj, 2000, 1000, 10, 1));
}

/* A change holds for all that comes behind it, also where its distance does
 * not fit into half of the numbers any more. */
static void
test_far(void)
{
    struct ct_seqadj adj = { .n = 0 };
    const uint32_t step = UINT32_C(1) << 29;

    CHECK(set(&adj, 1000, 20, 0, 2) && set(&adj, 2000, 20, 0, 3));
    for (uint32_t i = 1, seq = 3000; i <= 16; i++, seq += step) {
        ct_seqadj_forget_old(&adj, seq);
        CHECK(adj.n == (i <= 2 ? 2 : 0));
        CHECK(ct_seqadj_seq(&adj, seq) == 5);
        CHECK(ct_seqadj_ack(&adj, seq + 5) == 5);
    }

    /* The older one alone, and not for one that is sent again. */
    CHECK(set(&adj, 0, 20, 0, 1) && set(&adj, 3 * step, 20, 0, 1));
    ct_seqadj_forget_old(&adj, 4 * step);
    CHECK(adj.n == 1 && adj.before == 6);
    ct_seqadj_forget_old(&adj, 3 * step - 1000);
    CHECK(adj.n == 1 && ct_seqadj_seq(&adj, 3 * step - 1000) == 6);
}

/* What an ICMP error quotes. */
static void
test_restore(void)
{
    struct ct_seqadj own = { .n = 0 }, peer = { .n = 0 };
    uint8_t tcp[TCP_HEADER_LEN], sent[TCP_HEADER_LEN];
    struct tcp_header *th = (struct tcp_header *) tcp;

    CHECK(set(&own, 1000, 20, 0, 2) && set(&peer, 9000, 30, 0, -3));
    for (size_t len = 0; len <= sizeof tcp; len++) {
        memset(tcp, 0, sizeof tcp);
        put_16aligned_be32(&th->tcp_seq, htonl(1020));
        put_16aligned_be32(&th->tcp_ack, htonl(9027));
        th->tcp_ctl = TCP_CTL(TCP_ACK, TCP_HEADER_LEN / 4);
        th->tcp_csum = csum(tcp, sizeof tcp);
        memcpy(sent, tcp, sizeof tcp);
        ct_seqadj_rewrite(tcp, sizeof tcp, &own, &peer, false);
        CHECK(ntohl(get_16aligned_be32(&th->tcp_seq)) == 1022
              && ntohl(get_16aligned_be32(&th->tcp_ack)) == 9030);

        ovs_be16 sum = csum(tcp, sizeof tcp);
        uint16_t gain = ct_seqadj_restore(tcp, len, &own, &peer);
        CHECK(ct_rewrite_csum(sum, gain) == csum(tcp, sizeof tcp));
        CHECK(len < 8 || !memcmp(tcp, sent, 8));
        CHECK(len < sizeof tcp || !memcmp(tcp, sent, sizeof tcp));
    }
}

#define N_OPTIONS 40

static uint16_t
sum(const void *p, size_t n)
{
    return (OVS_FORCE uint16_t) csum(p, n);
}

static const struct ct_seqadj own = { 0, 1, { { 1000, 2 } } };
static const struct ct_seqadj peer = { 0, 1, { { 9000, -3 } } };
static const struct ct_seqadj old_peer = { -3, 0, { { 0, 0 } } };

/* Writes a header with 'options', adjusts it, and checks the checksum. */
static void
rewrite_by(const struct ct_seqadj *other, uint8_t *tcp, const void *options,
           size_t n, uint32_t seq, uint32_t ack)
{
    struct tcp_header *th = (struct tcp_header *) tcp;
    size_t len = TCP_HEADER_LEN + n;

    memset(tcp, 0, TCP_HEADER_LEN + N_OPTIONS);
    put_16aligned_be32(&th->tcp_seq, htonl(seq));
    put_16aligned_be32(&th->tcp_ack, htonl(ack));
    th->tcp_ctl = TCP_CTL(TCP_ACK, len / 4);
    memcpy(tcp + TCP_HEADER_LEN, options, n);
    th->tcp_csum = csum(tcp, len);
    CHECK(!sum(tcp, len));
    ct_seqadj_rewrite(tcp, len, &own, other, false);
    CHECK(!sum(tcp, len));
}

static void
rewrite(uint8_t *tcp, const void *options, size_t n, uint32_t seq,
        uint32_t ack)
{
    rewrite_by(&peer, tcp, options, n, seq, ack);
}

static uint32_t
number(const uint8_t *p)
{
    return ntohl(get_unaligned_be32((const ovs_be32 *) (const void *) p));
}

static void
test_header(void)
{
    static const uint8_t sack[] = {
        1, 1, 5, 18,
        0, 0, 0x23, 0x29, 0, 0, 0x23, 0x39,         /* 9001-9017 */
        0, 0, 0x23, 0x00, 0, 0, 0x23, 0x10,         /* 8960-8976 */
    };
    static const uint8_t odd[] = {
        1, 5, 10, 0, 0, 0x23, 0x29, 0, 0, 0x23, 0x39, 0,
    };
    uint8_t tcp[TCP_HEADER_LEN + N_OPTIONS];

    rewrite(tcp, "", 0, 1000, 9000);
    CHECK(number(tcp + 4) == 1000 && number(tcp + 8) == 9000);
    rewrite(tcp, "", 0, 1001, 9001);
    CHECK(number(tcp + 4) == 1003 && number(tcp + 8) == 9004);
    rewrite(tcp, "", 0, 1001, 8000);
    CHECK(number(tcp + 4) == 1003 && number(tcp + 8) == 8000);

    rewrite(tcp, sack, sizeof sack, 500, 8960);
    CHECK(number(tcp + 24) == 9004 && number(tcp + 28) == 9020);
    CHECK(number(tcp + 32) == 8960 && number(tcp + 36) == 8976);

    /* All changes are so old that they are forgotten. */
    rewrite_by(&old_peer, tcp, sack, sizeof sack, 500, 8960);
    CHECK(number(tcp + 8) == 8963);
    CHECK(number(tcp + 24) == 9004 && number(tcp + 28) == 9020);
    CHECK(number(tcp + 32) == 8963 && number(tcp + 36) == 8979);

    /* Not aligned to two bytes. */
    rewrite(tcp, odd, sizeof odd, 500, 8960);
    CHECK(number(tcp + 23) == 9004 && number(tcp + 27) == 9020);
}

/* Options of any length and content: nothing beyond the header changes. */
static void
test_random(void)
{
    uint8_t tcp[TCP_HEADER_LEN + N_OPTIONS];
    uint8_t options[N_OPTIONS];
    uint64_t r = 1;

    for (int i = 0; i < 100000; i++) {
        size_t n = ct_test_random(&r) % 11 * 4;

        for (size_t j = 0; j < n; j++) {
            options[j] = ct_test_random(&r) % 12;
        }
        rewrite(tcp, options, n, ct_test_random(&r), ct_test_random(&r));
        CHECK(is_all_zeros(tcp + TCP_HEADER_LEN + n, N_OPTIONS - n));
    }
}

/* Numbers over their end, too. */
static void
test_turn(void)
{
    static const uint32_t bases[] = { 0, 0x7ffffffb, 0xfffffffb };

    for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
        const uint32_t base = bases[i], old = base - (UINT32_C(1) << 30);
        struct ct_help_turn turn = { .known = false };

        /* The first that is seen, wherever it is. */
        CHECK(ct_help_turn_has_come(&turn, base + 7, old));
        ct_help_turn_seen(&turn, base + 10);
        CHECK(ct_help_turn_has_come(&turn, base + 10, old));
        CHECK(!ct_help_turn_has_come(&turn, base + 11, old));

        ct_help_turn_begin(&turn, base);
        CHECK(ct_help_turn_has_come(&turn, base, old));
        CHECK(!ct_help_turn_has_come(&turn, base + 1, old));
        ct_help_turn_seen(&turn, base + 5);
        CHECK(ct_help_turn_has_come(&turn, base - 1, old));
        CHECK(ct_help_turn_has_come(&turn, base + 5, old));
        CHECK(!ct_help_turn_has_come(&turn, base + 6, old));

        /* Sent again. */
        ct_help_turn_seen(&turn, base + 3);
        CHECK(ct_help_turn_has_come(&turn, base + 5, old));

        /* The receiver has what was not seen. */
        CHECK(ct_help_turn_has_come(&turn, base + 9, base + 9));
        CHECK(!ct_help_turn_has_come(&turn, base + 10, base + 9));
    }
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    test_numbers();
    test_cut();
    test_many();
    test_far();
    test_restore();
    test_header();
    test_random();
    test_turn();
    return ct_test_end("ct-seqadj");
}
