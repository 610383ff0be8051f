/* SPDX-License-Identifier: Apache-2.0 */

/* Helpers that put other text into payloads, in a whole tracker: lengths,
 * sequence numbers, and what is sent again. */

#include <config.h>

#include "ct-help-test.h"

/* Each 'a' becomes "AAA", each 'b' nothing, each 'c' "C", from the end on. */
static enum ct_helper_verdict
replace_letters(struct ct_helper_call *call)
{
    for (size_t i = call->len; i-- > 0; ) {
        char c = call->payload[i];
        const char *text = c == 'a' ? "AAA" : c == 'b' ? "" : "C";

        if (c >= 'a' && c <= 'c'
            && ct_helper_replace(call, i, 1, text, strlen(text))) {
            return CT_HELPER_DROP;
        }
    }
    return CT_HELPER_ACCEPT;
}

static void
open_mine(void)
{
    struct ct_request r = snat(100, 0);

    use(say_nothing);
    open_control(&r, false, 100, 2);
}

static void
test_replace(void)
{
    open_mine();
    script = replace_letters;
    for (int i = 0; i < 2; i++) {
        /* 8 bytes become 8 + 2 + 2 - 1. */
        check_pass(segment(to_server, TCP_ACK, 108, 508), "xabxacxx",
                   "xAAAxAAACxx", 108, 508);
    }
    assert(ct_counter_get(ct, CT_C_MANGLED) == 8);
    check_pass(segment(to_server, TCP_ACK, 116, 508), "abab", "AAAAAA", 119,
               508);
    check_pass(segment(to_server, TCP_ACK, 120, 508), "xyz", "xyz", 125, 508);

    /* Acknowledgments. */
    check_pass(segment(to_client, TCP_ACK, 508, 108), "", "", 508, 108);
    check_pass(segment(to_client, TCP_ACK, 508, 119), "", "", 508, 116);
    check_pass(segment(to_client, TCP_ACK, 508, 125), "", "", 508, 120);
    check_pass(segment(to_client, TCP_ACK, 508, 128), "", "", 508, 123);

    /* Sent again: both together, and cut where nothing changes. */
    check_pass(segment(to_server, TCP_ACK, 108, 508), "xabxacxxabab",
               "xAAAxAAACxxAAAAAA", 108, 508);
    check_pass(segment(to_server, TCP_ACK, 108, 508), "x", "x", 108, 508);
    check_pass(segment(to_server, TCP_ACK, 109, 508), "abxacxx",
               "AAAxAAACxx", 109, 508);

    /* Sent again as something else. */
    assert(state_with(segment(to_server, TCP_ACK, 108, 508), "xabxxxxx", 8,
                      &any) == DROPPED);
    assert(state_with(segment(to_server, TCP_ACK, 108, 508), "xxxxxxxx", 8,
                      &any) == DROPPED);
    assert(ct_counter_get(ct, CT_C_DROP_MANGLE) == 2);

    /* The other direction has numbers of its own. */
    check_pass(segment(to_client, TCP_ACK, 508, 128), "bb", "", 508, 123);
    check_pass(segment(to_client, TCP_ACK, 510, 128), "y", "y", 508, 123);
    check_pass(segment(to_server, TCP_ACK, 123, 509), "q", "q", 128, 511);
}

static enum ct_helper_verdict
ask_and_replace(struct ct_helper_call *call)
{
    ask_several(call);
    return replace_letters(call);
}

/* The other end has not seen the length of a segment that is dropped: when it
 * is sent again it may become another one. */
static void
test_replace_dropped(void)
{
    struct ct_request r = commit;

    open_mine();
    r.zone = any.zone;
    fill_expectations(&r);
    script = ask_and_replace;
    assert(state_with(segment(to_server, TCP_ACK, 108, 508), "xa", 2, &any)
           == DROPPED);
    assert(ct_counter_get(ct, CT_C_DROP_EXPECT) == 1);

    ct_expects_delete(ct, -1, 0);
    check_pass(segment(to_server, TCP_ACK, 108, 508), "xb", "x", 108, 508);
    check_pass(segment(to_server, TCP_ACK, 110, 508), "y", "y", 109, 508);
    check_pass(segment(to_client, TCP_ACK, 508, 110), "", "", 508, 111);
}

static enum ct_helper_verdict
ask_one(struct ct_helper_call *call)
{
    const struct ct_helper_expect ask = {
        .dir = SERVER, .port = htons(5000),
    };

    assert(ct_helper_expect(call, &ask, NULL));
    return CT_HELPER_ACCEPT;
}

/* Nor is that segment known when it comes again: it announces what it did not
 * at first. */
static void
test_undo(void)
{
    struct ct_request r = snat(100, 0), fill = commit;
    struct test_spec s = udp;
    const char *port = "PORT 10,0,0,1,4,1\r\n";

    use(say_nothing);
    strcpy(r.helper, "ftp");
    open_control(&r, false, 100, 2);
    fill.zone = any.zone;
    fill_expectations(&fill);
    script = ask_one;
    for (s.sport = 1; n_expectations() < CT_EXPECT_MAX_PER_ZONE; s.sport++) {
        assert(state_with(s, "x", 1, &fill) == NEW);
    }
    assert(state_with(segment(to_server, TCP_ACK, 108, 508), port,
                      strlen(port), &any) == DROPPED);
    assert(ct_counter_get(ct, CT_C_DROP_EXPECT) == 1);

    ct_expects_delete(ct, -1, 0);
    check_pass(segment(to_server, TCP_ACK, 108, 508), port,
               "PORT 10,0,0,100,4,1\r\n", 108, 508);
    assert(n_expectations() == 1);
}

/* Nobody is told that what has not arrived has: more changes than can be known
 * have to wait until the first ones are acknowledged. */
static void
test_replace_many(void)
{
    open_mine();
    script = replace_letters;
    for (uint32_t i = 0; i < CT_SEQADJ_MAX; i++) {
        check_pass(segment(to_server, TCP_ACK, 108 + 2 * i, 508), "xa",
                   "xAAA", 108 + 4 * i, 508);
    }
    assert(state_with(segment(to_server, TCP_ACK, 124, 508), "xa", 2, &any)
           == DROPPED);
    assert(ct_counter_get(ct, CT_C_DROP_MANGLE) == 1);

    /* The first one was lost. */
    check_pass(segment(to_client, TCP_ACK, 508, 108), "", "", 508, 108);
    check_pass(segment(to_server, TCP_ACK, 108, 508), "xa", "xAAA", 108, 508);
    assert(state_with(segment(to_server, TCP_ACK, 124, 508), "xa", 2, &any)
           == DROPPED);

    check_pass(segment(to_client, TCP_ACK, 508, 116), "", "", 508, 112);
    check_pass(segment(to_server, TCP_ACK, 124, 508), "xa", "xAAA", 140, 508);
    check_pass(segment(to_client, TCP_ACK, 508, 144), "", "", 508, 126);
}

/* A segment is lost in front of the translation: what follows waits for it,
 * else the lost one could not change its length any more. */
static void
test_replace_early(void)
{
    open_mine();
    script = replace_letters;
    for (int i = 0; i < 2; i++) {
        assert(state_with(segment(to_server, TCP_ACK, 110, 508), "xa", 2, &any)
               == DROPPED);
    }
    assert(state_with(segment(to_server, TCP_ACK, 112, 508), "y", 1, &any)
           == DROPPED);
    assert(ct_counter_get(ct, CT_C_DROP_HELPER_EARLY) == 3);
    assert(!ct_counter_get(ct, CT_C_MANGLED));

    /* Without payload, and a keep-alive. */
    check_pass(segment(to_server, TCP_ACK, 113, 508), "", "", 113, 508);
    check_pass(segment(to_server, TCP_ACK, 107, 508), "?", "?", 107, 508);

    check_pass(segment(to_server, TCP_ACK, 108, 508), "xa", "xAAA", 108, 508);
    check_pass(segment(to_server, TCP_ACK, 110, 508), "xay", "xAAAy", 112,
               508);
    check_pass(segment(to_server, TCP_ACK, 108, 508), "xaxay", "xAAAxAAAy",
               108, 508);

    /* The other direction has its own turns. */
    assert(state_with(segment(to_client, TCP_ACK, 509, 108), "xa", 2, &any)
           == DROPPED);
    check_pass(segment(to_client, TCP_ACK, 508, 117), "x", "x", 508, 113);

    /* The receiver has it, who knows from where. */
    assert(state_with(segment(to_server, TCP_ACK, 115, 508), "z", 1, &any)
           == DROPPED);
    check_pass(segment(to_client, TCP_ACK, 509, 119), "x", "x", 509, 115);
    check_pass(segment(to_server, TCP_ACK, 115, 510), "z", "z", 119, 510);
    assert(ct_counter_get(ct, CT_C_DROP_HELPER_EARLY) == 5);
}

/* One segment is lost behind the translation, the next in front of it; then
 * they come as one. */
static void
test_replace_joined(void)
{
    open_mine();
    script = replace_letters;
    check_pass(segment(to_server, TCP_ACK, 108, 508), "xaxx", "xAAAxx", 108,
               508);
    check_pass(segment(to_server, TCP_ACK, 108, 508), "xaxxyyaz",
               "xAAAxxyyAAAz", 108, 508);
    check_pass(segment(to_server, TCP_ACK, 116, 508), "e", "e", 120, 508);

    /* And cut. */
    check_pass(segment(to_server, TCP_ACK, 112, 508), "yyaz", "yyAAAz", 114,
               508);
    check_pass(segment(to_server, TCP_ACK, 111, 508), "xyy", "xyy", 113, 508);
    check_pass(segment(to_server, TCP_ACK, 110, 508), "xxyya", "xxyyAAA", 112,
               508);
    check_pass(segment(to_server, TCP_ACK, 108, 508), "xaxxyy", "xAAAxxyy",
               108, 508);
    assert(state_with(segment(to_server, TCP_ACK, 108, 508), "xxxxyyaz", 8,
                      &any) == DROPPED);
    assert(state_with(segment(to_server, TCP_ACK, 108, 508), "xaxxyyxz", 8,
                      &any) == DROPPED);
    check_pass(segment(to_client, TCP_ACK, 508, 114), "", "", 508, 112);
}

/* A SYN tells where a stream begins, but not once the connection is there. */
static void
test_replace_first(void)
{
    struct ct_request r = snat(100, 0);

    use(replace_letters);
    to_server = control;
    to_client = back(to_server);
    to_client.dst = 100;
    any = (struct ct_request) { .zone = r.zone };
    any.nat.kind = CT_NAT_EXISTING;
    assert(state(segment(to_server, TCP_SYN, 99, 0), &r) & CS_NEW);
    assert(state(segment(to_client, TCP_SYN | TCP_ACK, 499, 100), &any)
           & CS_ESTABLISHED);
    assert(state(segment(to_server, TCP_ACK, 100, 500), &any)
           & CS_ESTABLISHED);

    assert(state_with(segment(to_server, TCP_ACK, 102, 500), "xa", 2, &any)
           == DROPPED);
    assert(state_with(segment(to_client, TCP_ACK, 502, 100), "xa", 2, &any)
           == DROPPED);
    check_pass(segment(to_client, TCP_ACK, 500, 100), "xa", "xAAA", 500, 100);

    state(segment(to_server, TCP_SYN, 1001, 0), &any);
    assert(state_with(segment(to_server, TCP_ACK, 102, 500), "xa", 2, &any)
           == DROPPED);
    check_pass(segment(to_server, TCP_ACK, 100, 500), "xa", "xAAA", 100, 500);
    assert(ct_counter_get(ct, CT_C_DROP_HELPER_EARLY) == 3);
}

/* Nothing changes where nothing is translated. */
static void
test_early_untranslated(void)
{
    use(say_nothing);
    open_control(&commit, false, 1, 2);
    check_pass(segment(to_server, TCP_ACK, 110, 508), "xa", "xa", 110, 508);
    check_pass(segment(to_server, TCP_ACK, 108, 508), "xa", "xa", 108, 508);
}

/* An error about a segment that was sent as 116 and left as 119. */
static void
test_icmp_error(void)
{
    uint32_t seq, ack;

    open_mine();
    script = replace_letters;
    check_pass(segment(to_server, TCP_ACK, 108, 508), "xabxacxx",
               "xAAAxAAACxx", 108, 508);
    for (size_t n = 28; n <= 41; n += 13) {
        struct dp_packet *about = pass(segment(to_server, TCP_ACK, 116, 508),
                                       "z", "z", &seq, &ack);
        struct dp_packet *p = test_icmp_error_packet(9, 100, about, n);
        struct icmp_header *icmp;
        struct ip_header *ip;
        struct tcp_header *th;

        assert(seq == 119);
        p = test_ct(ct, p, false, &any, now);
        assert(p->md.ct_state == (REL | CS_REPLY_DIR | CS_DST_NAT));
        icmp = dp_packet_l4(p);
        assert(!csum(icmp, dp_packet_l4_size(p)));
        ip = (struct ip_header *) (icmp + 1);
        th = (struct tcp_header *) (ip + 1);
        assert(ntohl(get_16aligned_be32(&th->tcp_seq)) == 116);
        if (n == 41) {
            /* The whole segment: it is the one that was sent. */
            assert(!csum_finish(csum_continue(
                packet_csum_pseudoheader(ip), th, 21)));
        }
        dp_packet_delete(p);
        dp_packet_delete(about);
    }
}

static const struct test tests[] = {
    { "replace", test_replace },
    { "replace-dropped", test_replace_dropped },
    { "undo", test_undo },
    { "replace-many", test_replace_many },
    { "replace-early", test_replace_early },
    { "replace-joined", test_replace_joined },
    { "replace-first", test_replace_first },
    { "early-untranslated", test_early_untranslated },
    { "icmp-error", test_icmp_error },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
