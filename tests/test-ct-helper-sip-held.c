/* SPDX-License-Identifier: Apache-2.0 */

/* SIP messages in several segments of TCP under translation: all but the last
 * one are held, and together they become what the message becomes in one.
 *
 * What comes out goes to a receiver who goes by sequence numbers alone, as the
 * tracker would adjust them: each byte that it gets twice must be the same. */

#include <config.h>

#include "ct-helper-test.h"

#include <netinet/in.h>

#include "ct-helper-sip-held.h"
#include "openvswitch/dynamic-string.h"

#define SEQ 0xffffff00          /* Numbers wrap. */
#define MAX_CUTS 8
#define MAX_TEXT 70000

/* Of the client and of the server; what they become is longer, and shorter. */
static const char invite[] =
    "INVITE sip:b@10.0.0.102 SIP/2.0\r\n"
    "Via: SIP/2.0/TCP 10.0.0.1:5060;branch=1\r\n"
    "CSeq: 1 INVITE\r\n"
    "Contact: <sip:a@10.0.0.1:5060>\r\n"
    "Content-Length: 96\r\n"
    "\r\n"
    "v=0\r\n"
    "o=- 1 1 IN IP4 10.0.0.1\r\n"
    "c=IN IP4 10.0.0.1\r\n"
    "a=comment\r\n"
    "m=audio 6000 RTP/AVP 0\r\n"
    "a=sendrecv\r\n";
static const char invite6[] =
    "INVITE sip:b@[fd00::66] SIP/2.0\r\n"
    "Via: SIP/2.0/TCP [fd00::1]:5060;branch=1\r\n"
    "CSeq: 1 INVITE\r\n"
    "Contact: <sip:a@[fd00::1]:5060>\r\n"
    "Content-Length: 94\r\n"
    "\r\n"
    "v=0\r\n"
    "o=- 1 1 IN IP6 fd00::1\r\n"
    "c=IN IP6 fd00::1\r\n"
    "a=comment\r\n"
    "m=audio 6000 RTP/AVP 0\r\n"
    "a=sendrecv\r\n";
static const char answer[] =
    "SIP/2.0 200 OK\r\n"
    "Via: SIP/2.0/TCP 10.0.0.101:40000;received=10.0.0.101;rport=40000\r\n"
    "From: <sip:a@10.0.0.101:40000>;tag=1\r\n"
    "CSeq: 1 INVITE\r\n"
    "Content-Length: 91\r\n"
    "\r\n"
    "v=0\r\n"
    "o=- 1 1 IN IP4 10.0.0.2\r\n"
    "c=IN IP4 10.0.0.2\r\n"
    "a=to\r\n"
    "m=audio 6000 RTP/AVP 0\r\n"
    "a=sendrecv\r\n";
static const char answer6[] =
    "SIP/2.0 200 OK\r\n"
    "Via: SIP/2.0/TCP [fd00::65]:40000;received=fd00::65;rport=40000\r\n"
    "From: <sip:a@[fd00::65]:40000>;tag=1\r\n"
    "CSeq: 1 INVITE\r\n"
    "Content-Length: 89\r\n"
    "\r\n"
    "v=0\r\n"
    "o=- 1 1 IN IP6 fd00::2\r\n"
    "c=IN IP6 fd00::2\r\n"
    "a=to\r\n"
    "m=audio 6000 RTP/AVP 0\r\n"
    "a=sendrecv\r\n";
static const char ack[] = "ACK sip:b SIP/2.0\r\nCSeq: 1 ACK\r\n\r\n";

static const struct dialogue {
    const char *text;
    bool ipv6;
    enum ct_dir dir;
} dialogues[] = {
    { invite, false, CT_DIR_ORIGINAL },
    { invite6, true, CT_DIR_ORIGINAL },
    { answer, false, CT_DIR_REPLY },
    { answer6, true, CT_DIR_REPLY },
};

static struct test_helper t;

/* What is sent, and what has come of it. */
static const char *text;
static struct ct_seqadj seqadj;
static char got[MAX_TEXT];
static bool there[MAX_TEXT];

static void
start(const struct dialogue *d)
{
    struct ct_tuple *tuples = t.call.tuples;

    test_helper_init(&t, &ct_helper_sip, IPPROTO_TCP, d->dir, d->ipv6);
    test_helper_set_nat(&t, d->ipv6);
    tuples[0].src_port = tuples[1].src_port = htons(5060);
    tuples[0].dst_port = htons(5060);
    tuples[1].dst_port = htons(40000);
    t.settings[CT_SWITCH_SIP_DIRECT_MEDIA] = 1;
    t.settings[CT_SWITCH_SIP_TIMEOUT] = 3600;
    t.call.acked = SEQ;
    text = d->text;
    memset(&seqadj, 0, sizeof seqadj);
    memset(there, 0, sizeof there);
}

static void
end(void)
{
    test_helper_uninit(&t);
}

/* As the tracker does it. */
static bool
adjust(uint32_t seq, size_t n)
{
    const struct ct_seqadj_segment segment = {
        .seq = seq,
        .end = seq + n,
        .pos = seq + MIN(t.first_change, n - 1),
        .delta = (int32_t) t.call.len - (int32_t) n,
    };

    return ((!t.n_shifted || ct_seqadj_set(&seqadj, &t.shift, t.call.acked))
            && ct_seqadj_set(&seqadj, &segment, t.call.acked));
}

/* The receiver. */
static void
receive(size_t ofs)
{
    ofs += ct_seqadj_seq(&seqadj, SEQ + ofs);
    for (size_t i = 0; i < t.call.len && ofs + i < MAX_TEXT; i++) {
        CHECK(!there[ofs + i] || got[ofs + i] == (char) t.call.payload[i]);
        got[ofs + i] = t.call.payload[i];
        there[ofs + i] = true;
    }
}

static bool
say(size_t ofs, const char *bytes, size_t n)
{
    t.first_change = 0;
    if (test_helper_read(&t, SEQ + ofs, bytes, n) != CT_HELPER_ACCEPT) {
        return false;
    }
    CHECK(adjust(SEQ + ofs, n));
    if ((int32_t) ofs >= 0) {
        receive(ofs);
    }
    return true;
}

/* The bytes of the text from 'from' to 'to'. */
static bool
part(size_t from, size_t to)
{
    return say(from, text + from, to - from);
}

static bool
held(void)
{
    return t.counts[CT_C_DROP_HELPER_PART] == 1;
}

static bool
refused(enum ct_counter counter)
{
    return t.counts[counter] == 1;
}

static bool
received(const struct ds *expected)
{
    return (!memcmp(got, ds_cstr_ro(expected), expected->length)
            && !memchr(there, false, expected->length)
            && !there[expected->length]);
}

/* What the text becomes in one segment. */
static void
whole(const struct dialogue *d, struct ds *ds)
{
    start(d);
    CHECK(part(0, strlen(text)) && t.n_asks == 1);
    ds_clear(ds);
    ds_put_buffer(ds, (const char *) t.call.payload, t.call.len);
    CHECK(d->dir ? ds->length < strlen(text) : ds->length > strlen(text));
    end();
}

static size_t
first_line(const struct dialogue *d)
{
    return strcspn(d->text, "\n") + 1;
}

/* Segments and their order. */

struct cuts {
    size_t at[MAX_CUTS + 1];    /* Segment i goes from at[i] to at[i + 1]. */
    unsigned int n;             /* Segments. */
};

/* All but the last one are held, in order. */
static void
hold(const struct cuts *cuts)
{
    for (unsigned int i = 0; i + 1 < cuts->n; i++) {
        CHECK(!part(cuts->at[i], cuts->at[i + 1]) && held() && !t.n_asks);
    }
}

static bool
again(const struct cuts *cuts, unsigned int i)
{
    return part(cuts->at[i], cuts->at[i + 1]);
}

/* Each of them twice, beginning with the first one that is set in 'order'. */
static void
check_order(const struct dialogue *d, const struct cuts *cuts,
            const unsigned int *order, const struct ds *expected)
{
    start(d);
    hold(cuts);
    CHECK(again(cuts, cuts->n - 1) && t.n_asks == 1);
    for (unsigned int i = 0; i < 2 * cuts->n; i++) {
        CHECK(again(cuts, order[i % cuts->n]));
    }
    CHECK(received(expected));
    end();
}

/* Two segments at each place. */
static void
test_two(const struct dialogue *d, size_t cut, const struct ds *expected)
{
    const struct cuts cuts = { { 0, cut, strlen(d->text) }, 2 };

    check_order(d, &cuts, (unsigned int[]) { 0, 1 }, expected);
    check_order(d, &cuts, (unsigned int[]) { 1, 0 }, expected);
}

/* Three, in all orders. */
static void
test_three(const struct dialogue *d, const struct ds *expected)
{
    static const unsigned int orders[][3] = {
        { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
        { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
    };
    const size_t n = strlen(d->text);
    unsigned int i = 0;

    for (size_t a = first_line(d); a < n - 1; a += 7) {
        for (size_t b = a + 1; b < n; b += 5) {
            const struct cuts cuts = { { 0, a, b, n }, 3 };

            check_order(d, &cuts, orders[i++ % ARRAY_SIZE(orders)], expected);
        }
    }
}

static int
compare(const void *a_, const void *b_)
{
    const size_t *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

/* Five, at random places, in a random order. */
static void
random_five(const struct dialogue *d, uint64_t *r, struct cuts *cuts,
            unsigned int *order)
{
    const size_t n = strlen(d->text), first = first_line(d);

    cuts->n = 5;
    do {
        cuts->at[0] = 0;
        for (int i = 1; i < 5; i++) {
            cuts->at[i] = first + ct_test_random(r) % (n - first);
        }
        cuts->at[5] = n;
        qsort(cuts->at, 5, sizeof cuts->at[0], compare);
    } while (cuts->at[1] == cuts->at[2] || cuts->at[2] == cuts->at[3]
             || cuts->at[3] == cuts->at[4]);
    for (unsigned int i = 0; i < 5; i++) {
        unsigned int j = ct_test_random(r) % (i + 1);

        order[i] = order[j];
        order[j] = i;
    }
}

static void
test_five(const struct dialogue *d, const struct ds *expected)
{
    unsigned int order[5];
    struct cuts cuts;
    uint64_t r = 5;

    for (int i = 0; i < 2000; i++) {
        random_five(d, &r, &cuts, order);
        check_order(d, &cuts, order, expected);
    }
}

/* Sent again, they are put together and cut at any places. */
static void
test_other_cuts(const struct dialogue *d, const struct ds *expected)
{
    const size_t n = strlen(d->text);
    unsigned int order[5];
    struct cuts cuts;
    uint64_t r = 7;

    for (int i = 0; i < 1000; i++) {
        random_five(d, &r, &cuts, order);
        start(d);
        hold(&cuts);
        /* With some of what was held in front. */
        CHECK(part(cuts.at[ct_test_random(&r) % 5], n) && t.n_asks == 1);
        for (int j = 0; j < 20; j++) {
            size_t from = ct_test_random(&r) % n;
            size_t to = from + 1 + ct_test_random(&r) % (n - from);

            /* A text that is shorter may have nothing for it. */
            CHECK(part(from, to)
                  || (d->dir && refused(CT_C_DROP_MANGLE)));
        }
        CHECK(part(0, n) && received(expected));
        end();
    }
}

/* What becomes too short to be a segment loses nothing. */
static void
test_short_end(const struct dialogue *d, const struct ds *expected)
{
    const size_t n = strlen(d->text);
    const size_t loss = d->dir ? n - expected->length : 0;

    for (size_t last = 1; last < 40; last++) {
        const struct cuts cuts = { { 0, 60, n - last - 20, n - last, n }, 4 };

        check_order(d, &cuts, (unsigned int[]) { 2, 1, 0, 3 }, expected);
        CHECK(d->dir ? (last > loss) == !t.n_shifted : !t.n_shifted);
    }
}

/* Before it is whole. */
static void
test_waiting(const struct dialogue *d, const struct ds *expected)
{
    const size_t n = strlen(d->text);

    start(d);
    CHECK(!part(0, 50) && held());
    /* Again; behind a gap; before it; the rest with what was held. */
    CHECK(!part(0, 50) && held());
    CHECK(!part(100, n) && held());
    CHECK(say(-strlen(ack), ack, strlen(ack)));
    CHECK(!part(20, 80) && held());
    CHECK(!part(60, 70) && held());
    CHECK(!part(80, n - 1) && held());
    CHECK(part(n - 1, n) && t.n_asks == 1);
    for (size_t i = n; i-- > 0; ) {
        CHECK(part(i, i + 1) || (d->dir && refused(CT_C_DROP_MANGLE)));
    }
    CHECK(part(0, n) && received(expected));
    end();
}

/* Once all fields are there, and with them the length, nothing is read before
 * the message is whole: what is in front of it shows that. */
static void
test_unread(const struct dialogue *d)
{
    struct ds with_bye = DS_EMPTY_INITIALIZER;

    ds_put_format(&with_bye, "BYE sip:b SIP/2.0\r\nCSeq: 1 BYE\r\n\r\n%s",
                  d->text);
    start(d);
    text = ds_cstr(&with_bye);
    const size_t body = strstr(text, "v=0") - text, n = with_bye.length;

    CHECK(!part(0, 80) && held() && t.n_forgotten);
    CHECK(!part(80, body) && held() && t.n_forgotten);
    CHECK(!part(body, body + 10) && held() && !t.n_forgotten);
    CHECK(!part(body, n - 1) && held() && !t.n_forgotten);
    CHECK(part(n - 1, n) && t.n_forgotten);
    end();
    ds_destroy(&with_bye);
}

/* What lies around it. */
static void
test_neighbours(const struct dialogue *d)
{
    const size_t n = strlen(d->text);
    struct ds more = DS_EMPTY_INITIALIZER;

    ds_put_format(&more, "%s%s%s", ack, d->text, ack);
    const size_t at = strlen(ack), total = more.length;

    /* With another message in front and behind, twice. */
    start(d);
    text = ds_cstr(&more);
    CHECK(!part(0, at + 60) && held() && !part(at + 60, at + 100) && held());
    CHECK(part(at + 100, total) && t.n_asks == 1);
    CHECK(part(0, at + 60) && !memcmp(got, ack, at));
    CHECK(part(at + 100, total) && part(at + 60, at + 100));
    CHECK(!memchr(there, false, total - 50));
    CHECK(part(at + 60, total) && t.n_asks == 1);

    /* Some of it with something else. */
    CHECK(!say(-1, ack, 10) && refused(CT_C_DROP_MANGLE));
    CHECK(!say(total - 1, ack, 10) && refused(CT_C_DROP_MANGLE));
    /* Behind it. */
    CHECK(say(total, ack, at));
    /* The next one is held when the receiver has this one. */
    CHECK(!say(1000, d->text, 60) && refused(CT_C_DROP_HELPER_PAYLOAD));
    CHECK(!say(1060, d->text + 60, n - 60) && held());
    CHECK(say(total, ack, at) && part(at + 60, at + 100));
    t.call.acked = SEQ + at + 99;
    CHECK(!say(1000, d->text, 60) && refused(CT_C_DROP_HELPER_PAYLOAD));
    t.call.acked = SEQ + at + 100;
    CHECK(!say(1060, d->text + 60, n - 60) && held());
    CHECK(!say(1000, d->text, 60) && held());
    CHECK(say(1060, d->text + 60, n - 60) && t.n_asks == 1);
    end();

    /* Two that are cut, of which one ends where the other begins. */
    start(d);
    ds_clear(&more);
    ds_put_format(&more, "%s%s", d->text, d->text);
    text = ds_cstr(&more);
    CHECK(!part(0, 60) && held() && !part(60, n + 60) && held());
    CHECK(part(n + 60, 2 * n) && t.n_asks == 2);
    CHECK(part(60, n + 60) && part(0, 60));
    end();
    ds_destroy(&more);
}

/* A first line that is cut, behind another message. */
static void
test_first_line(const struct dialogue *d)
{
    const size_t at = strlen(ack), n = at + strlen(d->text);
    struct ds more = DS_EMPTY_INITIALIZER;

    ds_put_format(&more, "%s%s", ack, d->text);
    for (size_t cut = at + 1; cut < at + first_line(d); cut++) {
        start(d);
        text = ds_cstr(&more);
        CHECK(!part(0, cut) && held());
        CHECK(part(cut, n) && t.n_asks == 1 && part(0, cut));
        end();
    }
    ds_destroy(&more);

    /* No message. */
    start(d);
    CHECK(say(0, "ACK a SIP/2.0\r\nCSeq: 1 ACK\r\n\r\n\1", 31));
    CHECK(say(31, "ACK a SIP/2.0\r\nCSeq: 1 ACK\r\n\r\nx\r\n", 33));
    end();
}

/* What is known is there from another time. */
static void
test_stale(const struct dialogue *d)
{
    const uint32_t far = UINT32_C(1) << 30;

    /* The receiver has what is held. */
    start(d);
    CHECK(!part(0, 60) && held());
    CHECK(!say(100, "x", 1) && held());
    t.call.acked = SEQ + 60;
    CHECK(say(100, "x", 1));
    end();

    /* And what was refused. */
    start(d);
    CHECK(!part(0, 60) && held() && part(60, strlen(text)));
    CHECK(!say(1000, d->text, 60) && refused(CT_C_DROP_HELPER_PAYLOAD));
    CHECK(!say(1060, "x", 1) && held());
    t.call.acked = SEQ + 1001;
    CHECK(say(1060, "x", 1));
    end();

    /* The numbers have gone round. */
    start(d);
    CHECK(!part(0, 60) && held() && part(60, strlen(text)));
    CHECK(say(far + 1, "x", 1) && say(0, "x", 1));
    CHECK(t.call.payload[0] == 'x');
    end();
}

/* Read again with another result, when the receiver has a part of this one. */
static void
test_other_result(const struct dialogue *d)
{
    const size_t n = strlen(d->text);

    start(d);
    CHECK(!part(0, n - 40) && held() && part(n - 40, n));
    CHECK(part(0, n - 40));
    memset(&t.call.tuples[!d->dir].dst, 'x', 4);
    CHECK(!part(n - 40, n) && refused(CT_C_DROP_MANGLE));
    CHECK(part(0, n - 40));
    end();
}

/* More than is held. */
static void
test_bounds(const struct dialogue *d)
{
    const size_t n = strlen(d->text);
    struct ds large = DS_EMPTY_INITIALIZER;
    const size_t room = SIP_HELD_MAX_BYTES - 10;

    for (unsigned int more = 0; more < 2; more++) {
        size_t ofs = 50;

        start(d);
        CHECK(!part(0, ofs) && held());
        for (unsigned int i = 1; i < SIP_HELD_MAX_SEGMENTS + more; i++) {
            bool fits = i < SIP_HELD_MAX_SEGMENTS;

            CHECK(!part(ofs, ofs + 3) && held() == fits);
            CHECK(fits || refused(CT_C_DROP_HELPER_PAYLOAD));
            ofs += fits ? 3 : 0;
        }
        CHECK(part(ofs, n) == true);
        end();
    }

    ds_put_cstr(&large, "OPTIONS sip:b SIP/2.0\r\nCSeq: 1 OPTIONS\r\nA: ");
    ds_put_char_multiple(&large, 'x', SIP_HELD_MAX_BYTES);
    start(d);
    text = ds_cstr(&large);
    CHECK(!part(0, 100) && held() && !part(100, room) && held());
    CHECK(!part(room, room + 11) && refused(CT_C_DROP_HELPER_PAYLOAD));
    CHECK(!part(room + 11, room + 21) && held());
    CHECK(!part(room, room + 10) && held());
    CHECK(!part(room + 10, room + 11) && refused(CT_C_DROP_HELPER_PAYLOAD));
    CHECK(say(room + 10, "\r\n\r\n", 4));
    end();
    ds_destroy(&large);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    struct ds expected = DS_EMPTY_INITIALIZER;

    set_program_name(argv[0]);
    for (size_t i = 0; i < ARRAY_SIZE(dialogues); i++) {
        const struct dialogue *d = &dialogues[i];

        whole(d, &expected);
        for (size_t cut = first_line(d); cut < strlen(d->text); cut++) {
            test_two(d, cut, &expected);
        }
        test_three(d, &expected);
        test_five(d, &expected);
        test_other_cuts(d, &expected);
        test_short_end(d, &expected);
        test_waiting(d, &expected);
        test_unread(d);
        test_neighbours(d);
        test_first_line(d);
        test_stale(d);
        test_other_result(d);
        test_bounds(d);
    }
    ds_destroy(&expected);
    return ct_test_end("ct-helper-sip-held");
}
