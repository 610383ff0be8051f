/* SPDX-License-Identifier: Apache-2.0 */

/* SIP messages in two segments of TCP under translation, cut at each place:
 * the first segment is held, and both together become what the message becomes
 * in one segment. */

#include <config.h>

#include "ct-helper-test.h"

#include <netinet/in.h>

#include "openvswitch/dynamic-string.h"

#define SEQ 0xffffff00          /* Numbers wrap. */

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
static const char ack[] = "ACK sip:b SIP/2.0\r\nCSeq: 1 ACK\r\n\r\n";

static struct test_helper t;

static void
start(void)
{
    struct ct_tuple *tuples = t.call.tuples;

    test_helper_init(&t, &ct_helper_sip, IPPROTO_TCP, CT_DIR_ORIGINAL, false);
    test_helper_set_nat(&t, false);
    tuples[0].src_port = tuples[1].src_port = htons(5060);
    tuples[0].dst_port = htons(5060);
    tuples[1].dst_port = htons(40000);
    t.settings[CT_SWITCH_SIP_DIRECT_MEDIA] = 1;
    t.settings[CT_SWITCH_SIP_TIMEOUT] = 3600;
}

static bool
say(size_t ofs, const char *text, size_t n)
{
    return (test_helper_read(&t, SEQ + ofs, text, n) == CT_HELPER_ACCEPT);
}

static bool
held(void)
{
    return t.counts[CT_C_DROP_HELPER_PART] == 1;
}

/* What it becomes in one segment. */
static void
whole(struct ds *ds)
{
    start();
    CHECK(say(0, invite, strlen(invite)) && t.n_asks == 1);
    ds_put_buffer(ds, (const char *) t.call.payload, t.call.len);
    test_helper_uninit(&t);
    CHECK(strstr(ds_cstr(ds), "c=IN IP4 10.0.0.101"));
}

static bool
payload_is(const char *text, size_t n)
{
    return t.call.len == n && !memcmp(t.call.payload, text, n);
}

/* The second segment, then the first one again.  Sent again, both are the
 * same. */
static void
check_rest(size_t cut, const struct ds *expected)
{
    size_t n_first = 0;

    for (int i = 0; i < 2; i++) {
        CHECK(say(cut, invite + cut, strlen(invite) - cut) && t.n_asks == 1);
        n_first = expected->length - t.call.len;
        CHECK(payload_is(ds_cstr_ro(expected) + n_first, t.call.len));
        CHECK(t.shift.seq == (uint32_t) SEQ && t.shift.end == SEQ + cut);
        CHECK(t.shift.delta == (int32_t) (n_first - cut));
        CHECK((int32_t) (t.shift.pos - t.shift.seq) >= 0
              && (int32_t) (t.shift.end - t.shift.pos) >= 0);
    }
    for (int i = 0; i < 2; i++) {
        CHECK(say(0, invite, cut) && !t.n_asks);
        CHECK(payload_is(ds_cstr_ro(expected), n_first));
    }
}

static void
test_cut(size_t cut, const struct ds *expected)
{
    start();
    for (int i = 0; i < 2; i++) {
        CHECK(!say(0, invite, cut) && held() && !t.n_asks);
    }
    /* What comes before is not meant. */
    CHECK(say(-strlen(ack), ack, strlen(ack)));
    check_rest(cut, expected);

    /* A part of it. */
    CHECK(!say(1, invite + 1, cut - 1) && t.counts[CT_C_DROP_MANGLE] == 1);
    CHECK(!say(0, invite, cut - 1) && t.counts[CT_C_DROP_MANGLE] == 1);
    /* Behind it, and the next one in two. */
    CHECK(say(strlen(invite), ack, strlen(ack)));
    CHECK(!say(1000, invite, cut) && held());
    CHECK(say(1000 + cut, invite + cut, strlen(invite) - cut)
          && t.n_asks == 1);
    test_helper_uninit(&t);
}

/* What cannot be held. */
static void
test_refused(size_t cut)
{
    struct ds text = DS_EMPTY_INITIALIZER;

    /* In three segments. */
    start();
    CHECK(!say(0, invite, cut) && held());
    CHECK(!say(cut, invite + cut, 10) && !held());
    CHECK(t.counts[CT_C_DROP_HELPER_PAYLOAD] == 1);
    test_helper_uninit(&t);

    /* Behind another message: that one is held, too. */
    start();
    ds_put_format(&text, "%s%.*s", ack, (int) cut, invite);
    CHECK(!say(0, ds_cstr(&text), text.length) && held());
    CHECK(say(text.length, invite + cut, strlen(invite) - cut)
          && t.n_asks == 1);
    CHECK(say(0, ds_cstr(&text), text.length)
          && !memcmp(t.call.payload, ack, strlen(ack)));
    test_helper_uninit(&t);

    start();
    /* Before the first one was written. */
    CHECK(!say(0, invite, cut) && held());
    CHECK(say(cut, invite + cut, strlen(invite) - cut));
    CHECK(!say(1000, invite, cut) && !held());
    CHECK(say(0, invite, cut));
    CHECK(!say(1000, invite, cut) && held());
    test_helper_uninit(&t);
    ds_destroy(&text);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    struct ds expected = DS_EMPTY_INITIALIZER;
    size_t first_line = strcspn(invite, "\n") + 1;

    set_program_name(argv[0]);
    whole(&expected);
    for (size_t cut = first_line; cut < strlen(invite); cut++) {
        test_cut(cut, &expected);
    }
    test_refused(first_line + 20);
    ds_destroy(&expected);
    return ct_test_end("ct-helper-sip-held");
}
