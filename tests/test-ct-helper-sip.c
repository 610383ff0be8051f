/* SPDX-License-Identifier: Apache-2.0 */

/* What the SIP helper reads and writes: scripts of messages, with the phone at
 * 10.0.0.1 or fd00::1 and its proxy at 10.0.0.2 or fd00::2.  Under translation
 * the phone is seen as 10.0.0.101, from port 40000, and sees the proxy as
 * 10.0.0.102.  In the texts each line ends in CR LF. */

#include <config.h>

#include "ct-helper-test.h"

#include <netinet/in.h>

#include "openvswitch/dynamic-string.h"
#include "ct-helper-sip-message.h"
#include "ct-helper-sip-sdp.h"

#define PHONE CT_DIR_ORIGINAL
#define PROXY CT_DIR_REPLY

enum { SIGNALLING, AUDIO, VIDEO, IMAGE };

static struct test_helper t;

static void
start(uint8_t proto, bool ipv6, bool nat)
{
    struct ct_tuple *tuples = t.call.tuples;

    test_helper_init(&t, &ct_helper_sip, proto, PHONE, ipv6);
    if (nat) {
        test_helper_set_nat(&t, ipv6);
    }
    tuples[PHONE].src_port = tuples[PROXY].src_port = htons(5060);
    tuples[PHONE].dst_port = htons(5060);
    tuples[PROXY].dst_port = htons(nat ? 40000 : 5060);
    t.settings[CT_SWITCH_SIP_DIRECT_SIGNALLING] = 1;
    t.settings[CT_SWITCH_SIP_DIRECT_MEDIA] = 1;
    t.settings[CT_SWITCH_SIP_TIMEOUT] = 3600;
}

static void
end(void)
{
    test_helper_uninit(&t);
}

/* 'text' with CR LF at the ends of lines, and with the length of what is
 * behind the first empty line in the place of '#'. */
static char *
with_crlf(const char *text)
{
    const char *body = strstr(text, "\n\n");
    struct ds ds = DS_EMPTY_INITIALIZER;
    size_t n = 0;

    for (const char *p = body ? body + 2 : ""; *p; p++) {
        n += *p == '\n' ? 2 : 1;
    }
    for (; *text; text++) {
        if (*text == '\n') {
            ds_put_cstr(&ds, "\r\n");
        } else if (*text == '#') {
            ds_put_format(&ds, "%"PRIuSIZE, n);
        } else {
            ds_put_char(&ds, *text);
        }
    }
    return ds_steal_cstr(&ds);
}

/* False: dropped. */
static bool
say_at(enum ct_dir dir, uint32_t seq, const char *text)
{
    char *line = with_crlf(text);
    bool ok;

    t.call.dir = dir;
    ok = test_helper_read(&t, seq, line, strlen(line)) == CT_HELPER_ACCEPT;
    free(line);
    return ok;
}

static bool
say(enum ct_dir dir, const char *text)
{
    return say_at(dir, 0, text);
}

static bool
became(const char *text)
{
    char *line = with_crlf(text);
    bool same = test_helper_payload_is(&t, line);

    free(line);
    return same;
}

static bool
asked(unsigned int i, unsigned int class, uint8_t host, uint16_t port)
{
    const struct ct_helper_expect *a = &t.asks[i];
    bool ipv6 = ct_tuple_is_ipv6(&t.call.tuples[0]);
    union ct_inet_addr addr = ct_test_addr(ipv6, host);

    return (i < t.n_asks && a->class == class && a->port == htons(port)
            && a->dir == !t.call.dir && a->has_dst
            && !memcmp(&a->dst, &addr, sizeof addr)
            && a->pair == (class != SIGNALLING));
}

#define INVITE \
    "INVITE sip:bob@10.0.0.102 SIP/2.0\n" \
    "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport\n" \
    "Max-Forwards: 70\n" \
    "Route: <sip:10.0.0.102;lr>, <sip:far.example;lr>\n" \
    "From: \"Alice <sip:x@10.0.0.1>\" <sip:alice@10.0.0.1>;tag=1\n" \
    "To: <sip:bob@10.0.0.102>\n" \
    "Call-ID: 1@10.0.0.1\n" \
    "CSeq: 7 INVITE\n" \
    "Contact: <sip:alice@10.0.0.1:5060;transport=udp>\n" \
    "Content-Type: application/sdp\n" \
    "Content-Length: #\n" \
    "\n"
#define SDP \
    "v=0\n" \
    "o=alice 1 1 IN IP4 10.0.0.1\n" \
    "s=-\n" \
    "c=IN IP4 10.0.0.1\n" \
    "t=0 0\n" \
    "m=audio 6000 RTP/AVP 0 8\n" \
    "a=rtcp:6001 IN IP4 10.0.0.1\n" \
    "a=sendrecv\n" \
    "m=video 6002 RTP/AVP 31\n" \
    "c=IN IP4 10.0.0.1/127\n"

static void
test_invite(void)
{
    start(IPPROTO_UDP, false, false);
    CHECK(say(PHONE, INVITE SDP) && t.n_asks == 2 && !t.n_replaced);
    CHECK(asked(0, AUDIO, 1, 6000) && asked(1, VIDEO, 1, 6002));
    CHECK(!t.asks[0].any_src && !t.asks[0].permanent && !t.asks[0].helper);
    CHECK(t.asks[0].proto == IPPROTO_UDP);
    CHECK(t.n_forgotten == 3 && t.seconds == 3600);
    end();
}

/* More media than can be remembered: what lies behind could not be translated,
 * and otherwise need not be expected. */
static void
test_many_media(void)
{
    struct ds text = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&text, INVITE "v=0\nc=IN IP4 10.0.0.1\n");
    for (unsigned int i = 0; i <= SDP_MAX_MEDIA; i++) {
        ds_put_format(&text, "m=audio %u RTP/AVP 0\n", 6000 + 2 * i);
    }
    start(IPPROTO_UDP, false, false);
    CHECK(say(PHONE, ds_cstr(&text)) && t.n_asks == SDP_MAX_MEDIA);
    CHECK(asked(SDP_MAX_MEDIA - 1, AUDIO, 1, 6000 + 2 * SDP_MAX_MEDIA - 2));
    end();
    start(IPPROTO_UDP, false, true);
    CHECK(!say(PHONE, ds_cstr(&text)));
    CHECK(t.counts[CT_C_DROP_HELPER_PAYLOAD] == 1);
    end();
    ds_destroy(&text);
}

static void
test_invite_nat(void)
{
    start(IPPROTO_UDP, false, true);
    t.add_port = 4000;
    CHECK(say(PHONE, INVITE SDP) && t.n_asks == 2);
    CHECK(became(
        "INVITE sip:bob@10.0.0.2:5060 SIP/2.0\n"
        "Via: SIP/2.0/UDP 10.0.0.101:40000;branch=z9hG4bK1;rport\n"
        "Max-Forwards: 70\n"
        "Route: <sip:10.0.0.2:5060;lr>, <sip:far.example;lr>\n"
        "From: \"Alice <sip:x@10.0.0.1>\" <sip:alice@10.0.0.101:40000>;tag=1\n"
        "To: <sip:bob@10.0.0.2:5060>\n"
        "Call-ID: 1@10.0.0.1\n"
        "CSeq: 7 INVITE\n"
        "Contact: <sip:alice@10.0.0.101:40000;transport=udp>\n"
        "Content-Type: application/sdp\n"
        "Content-Length: #\n"
        "\n"
        "v=0\n"
        "o=alice 1 1 IN IP4 10.0.0.101\n"
        "s=-\n"
        "c=IN IP4 10.0.0.101\n"
        "t=0 0\n"
        "m=audio 10000 RTP/AVP 0 8\n"
        "a=rtcp:10001 IN IP4 10.0.0.1\n"
        "a=sendrecv\n"
        "m=video 10002 RTP/AVP 31\n"
        "c=IN IP4 10.0.0.101/127\n"));

    /* What comes back. */
    t.add_port = 0;
    CHECK(say(PROXY,
        "SIP/2.0 200 OK\n"
        "v: SIP/2.0/UDP 10.0.0.101:40000;received=10.0.0.101"
            " ;branch=1;rport=40000\n"
        "Record-Route: <sip:10.0.0.2;lr>\n"
        "f: <sip:alice@10.0.0.101:40000>;tag=1\n"
        "t: <sip:bob@10.0.0.2>;tag=2\n"
        "cseq: 7 INVITE\n"
        "m: <sip:bob@10.0.0.2>\n"
        "l: #\n"
        "\n"
        "v=0\n"
        "o=- 1 1 IN IP4 10.0.0.2\n"
        "c=IN IP4 10.0.0.2\n"
        "m=audio 7000 RTP/AVP 0\n"));
    CHECK(t.n_asks == 1 && asked(0, AUDIO, 2, 7000) && !t.n_forgotten);
    CHECK(became(
        "SIP/2.0 200 OK\n"
        "v: SIP/2.0/UDP 10.0.0.1:5060;received=10.0.0.1"
            " ;branch=1;rport=5060\n"
        "Record-Route: <sip:10.0.0.102:5060;lr>\n"
        "f: <sip:alice@10.0.0.1:5060>;tag=1\n"
        "t: <sip:bob@10.0.0.102:5060>;tag=2\n"
        "cseq: 7 INVITE\n"
        "m: <sip:bob@10.0.0.102:5060>\n"
        "l: #\n"
        "\n"
        "v=0\n"
        "o=- 1 1 IN IP4 10.0.0.102\n"
        "c=IN IP4 10.0.0.102\n"
        "m=audio 7000 RTP/AVP 0\n"));
    end();
}

#define RESPONSE(STATUS, METHOD) \
    "SIP/2.0 " STATUS "\nCSeq: 7 " METHOD "\nContent-Length: #\n\n"
#define REQUEST(METHOD) METHOD " sip:x SIP/2.0\nCSeq: 7 " METHOD "\n\n"
#define BRIEF "v=0\nc=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP 0\n"

/* Which messages announce media, and which end what was announced. */
static const struct {
    const char *text;
    unsigned int n_asks, n_forgotten;
} dialogue[] = {
    { REQUEST("UPDATE") BRIEF, 1, 0 },
    { REQUEST("PRACK") BRIEF, 1, 0 },
    { REQUEST("ACK") BRIEF, 1, 0 },
    { REQUEST("ACK"), 0, 0 },
    { REQUEST("invite") BRIEF, 1, 3 },
    { REQUEST("MESSAGE") BRIEF, 0, 0 },
    { REQUEST("INVITES") BRIEF, 0, 0 },
    { REQUEST("OPTIONS"), 0, 0 },
    { REQUEST("CANCEL"), 0, 0 },
    { REQUEST("BYE"), 0, 3 },
    { RESPONSE("183 Session Progress", "INVITE") BRIEF, 1, 0 },
    { RESPONSE("200 OK", "UPDATE") BRIEF, 1, 0 },
    { RESPONSE("200 OK", "PRACK") BRIEF, 1, 0 },
    { RESPONSE("200 OK", "ACK") BRIEF, 0, 0 },
    { RESPONSE("200 OK", "BYE") BRIEF, 0, 0 },
    { RESPONSE("200 OK", "MESSAGE") BRIEF, 0, 0 },
    { RESPONSE("486 Busy Here", "INVITE") BRIEF, 0, 3 },
    { RESPONSE("302 Moved", "INVITE"), 0, 3 },
    { "SIP/2.0 486 Busy\nCSeq: 6 INVITE\n\n", 0, 0 },
    { RESPONSE("500 Error", "BYE"), 0, 0 },
};

static void
test_dialogue(void)
{
    start(IPPROTO_UDP, false, false);
    CHECK(say(PHONE, INVITE SDP));
    for (size_t i = 0; i < ARRAY_SIZE(dialogue); i++) {
        bool ok = say(PHONE, dialogue[i].text);

        if (!ok || t.n_asks != dialogue[i].n_asks
            || t.n_forgotten != dialogue[i].n_forgotten) {
            fprintf(stderr, "%s: %d, %u asked, %u forgotten\n",
                    dialogue[i].text, ok, t.n_asks, t.n_forgotten);
        }
        CHECK(ok && t.n_asks == dialogue[i].n_asks
              && t.n_forgotten == dialogue[i].n_forgotten);
    }
    end();
}

/* Session descriptions, each in an INVITE. */
static const struct {
    const char *body;
    bool ok;
    unsigned int n_asks;
    uint16_t port;              /* Of the last one. */
} bodies[] = {
    { BRIEF, true, 1, 6000 },
    { "v=0\nc=IN IP4 10.0.0.1\nm=audio 6001/2 RTP/AVP 0\n", true, 1, 6000 },
    { "v=0\nm=audio 6000 RTP/AVP 0\nc=IN IP4 10.0.0.1\n", true, 1, 6000 },
    { "--x\nContent-Type: application/sdp\n\n" BRIEF "--x--\nm=audio 7000\n",
      true, 1, 6000 },
    { "v=0\nc=IN IP4 10.0.0.1\nm=application 9 x\nm=image 6004 udptl t38\n",
      true, 1, 6004 },
    { "v=0\nc=IN IP4 10.0.0.1\nm=audio 0 RTP/AVP 0\n", true, 0, 0 },
    { "v=0\nc=IN IP4 10.0.0.1\nm=audio x RTP/AVP 0\n", true, 0, 0 },
    /* Not the phone's own: no direct media. */
    { "v=0\nc=IN IP4 10.0.0.3\nm=audio 6000 RTP/AVP 0\n", true, 0, 0 },
    { "v=0\nc=IN IP4 0.0.0.0\nm=audio 6000 RTP/AVP 0\n", true, 0, 0 },
    { "c=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP 0\n", true, 0, 0 },
    { "hello", true, 0, 0 },
    { "", true, 0, 0 },
    { "v=0\nm=audio 6000 RTP/AVP 0\n", false, 0, 0 },
    { "v=0\nc=IN IP6 fd00::1\nm=audio 6000 RTP/AVP 0\n", false, 0, 0 },
    { "v=0\nc=IN IP4 10.0.0.1.1\nm=audio 6000 RTP/AVP 0\n", false, 0, 0 },
    { "v=0\nc=IN IP4 10.0.0.1\nm=audio 53 RTP/AVP 0\n", false, 0, 0 },
    { "v=0\nc=IN IP4 10.0.0.1\nm=audio 65536 RTP/AVP 0\n", false, 0, 0 },
    { "v=0\nc=IN IP4 10.0.0.1\nm=audio 4294973296 RTP/AVP 0\n", true, 0, 0 },
    { "v=0\nm=x\nm=x\nm=x\nm=x\nm=x\nm=x\nm=x\nm=x\nm=x\nm=x\nm=x\nm=x\nm=x\n"
      "m=x\nm=x\nm=x\n", true, 0, 0 },
};

static void
test_bodies(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        char *text = xasprintf("%s%s", INVITE, bodies[i].body);
        bool ok;

        start(IPPROTO_UDP, false, false);
        ok = say(PHONE, text);
        if (ok != bodies[i].ok || t.n_asks != bodies[i].n_asks) {
            fprintf(stderr, "%s: %d, %u\n", bodies[i].body, ok, t.n_asks);
        }
        CHECK(ok == bodies[i].ok && t.n_asks == bodies[i].n_asks);
        CHECK(ok || t.counts[CT_C_DROP_HELPER_PAYLOAD] == 1);
        CHECK(!t.n_asks
              || t.asks[t.n_asks - 1].port == htons(bodies[i].port));
        end();
        free(text);
    }

    /* Media of anybody. */
    start(IPPROTO_UDP, false, true);
    t.settings[CT_SWITCH_SIP_DIRECT_MEDIA] = 0;
    CHECK(say(PHONE, RESPONSE("200 OK", "INVITE")
              "v=0\no=- 1 1 IN IP4 1.2.3.4\n"
              "c=IN IP4 10.0.0.3\nm=audio 6001 RTP/AVP 0\n"));
    CHECK(t.n_asks == 1 && asked(0, AUDIO, 3, 6000) && t.asks[0].any_src);
    CHECK(became(RESPONSE("200 OK", "INVITE") "v=0\no=- 1 1 IN IP4 1.2.3.4\n"
                 "c=IN IP4 10.0.0.101\nm=audio 6001 RTP/AVP 0\n"));
    end();

    /* No port for them. */
    start(IPPROTO_UDP, false, true);
    t.refuse = true;
    CHECK(!say(PHONE, INVITE SDP));
    end();
}

#define REGISTER(CONTACT, EXPIRES) \
    "REGISTER sip:10.0.0.2 SIP/2.0\n" \
    "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=1\n" \
    "CSeq: 2 REGISTER\n" \
    "Contact: " CONTACT "\n" EXPIRES "\n"
#define REGISTERED(CONTACT, EXPIRES) \
    "SIP/2.0 200 OK\nCSeq: 2 REGISTER\nContact: " CONTACT "\n" EXPIRES "\n"
#define OWN "<sip:a@10.0.0.1>"

/* What a REGISTER of the phone announces. */
static const struct {
    const char *text;
    uint16_t port;              /* 0: nothing. */
    uint8_t proto;
} registers[] = {
    { REGISTER(OWN ";expires=60", ""), 5060, IPPROTO_UDP },
    { REGISTER(OWN, "Expires: 60\n"), 5060, IPPROTO_UDP },
    { REGISTER("<sip:a@10.0.0.1:5070>;expires=60", ""), 5070, IPPROTO_UDP },
    { REGISTER("\"A, B\" <sip:a@10.0.0.1:5070>;q=1\n ;expires=60", ""), 5070,
      IPPROTO_UDP },
    { REGISTER("<sip:a@10.0.0.1;transport=TCP>;expires=60", ""), 5060,
      IPPROTO_TCP },
    { REGISTER("<sip:a@10.0.0.1;transport=sctp>;expires=60", ""), 0, 0 },
    { REGISTER("<sip:a@10.0.0.9>;expires=60", ""), 0, 0 },
    { REGISTER("<sip:a@phone.example>;expires=60", ""), 0, 0 },
    { REGISTER("<tel:+1234>;expires=60", ""), 0, 0 },
    { REGISTER(OWN ";expires=0", "Expires: 60\n"), 0, 0 },
    { REGISTER(OWN, "Expires: 0\n"), 0, 0 },
    { REGISTER(OWN, ""), 0, 0 },
    { REGISTER("*", "Expires: 0\n"), 0, 0 },
    { "REGISTER sip:x SIP/2.0\nCSeq: 2 REGISTER\n\n", 0, 0 },
};

/* What the registrar's answer does, where the phone is known as 10.0.0.1. */
static const struct {
    const char *text;
    bool known;                 /* There is such an expectation. */
    unsigned int n_refreshed, n_forgotten;
    unsigned int seconds;
} registered[] = {
    { REGISTERED(OWN ";expires=60", ""), true, 1, 0, 60 },
    { REGISTERED("<sip:b@10.0.0.7>;expires=5," OWN ";expires=60", ""), true,
      1, 0, 60 },
    { REGISTERED("<sip:b@10.0.0.7>\nm: " OWN ";expires=60", ""), true, 1, 0,
      60 },
    { REGISTERED(OWN, "Expires: 77\n"), true, 1, 0, 77 },
    { REGISTERED(OWN ";expires=60", ""), false, 1, 1, 60 },
    { REGISTERED(OWN ";expires=0", ""), true, 0, 1, 3600 },
    { REGISTERED("<sip:b@10.0.0.7>;expires=5", ""), true, 0, 1, 3600 },
    { "SIP/2.0 200 OK\nCSeq: 2 REGISTER\n\n", true, 0, 1, 3600 },
    { "SIP/2.0 403 No\nCSeq: 2 REGISTER\n\n", true, 0, 1, 3600 },
    { "SIP/2.0 100 Trying\nCSeq: 2 REGISTER\n\n", true, 0, 0, 3600 },
    { "SIP/2.0 200 OK\nCSeq: 1 REGISTER\n\n", true, 0, 0, 3600 },
};

static void
test_register(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
        start(IPPROTO_UDP, false, false);
        CHECK(say(PHONE, registers[i].text));
        CHECK(t.n_asks == (registers[i].port != 0));
        if (t.n_asks) {
            const struct ct_helper_expect *a = &t.asks[0];

            CHECK(asked(0, SIGNALLING, 1, registers[i].port));
            CHECK(a->permanent && a->inactive && !a->timeout
                  && a->helper == &ct_helper_sip && !a->any_src
                  && a->proto == registers[i].proto);
        }
        end();
    }
    for (size_t i = 0; i < ARRAY_SIZE(registered); i++) {
        start(IPPROTO_UDP, false, false);
        CHECK(say(PHONE, registers[0].text));
        t.n_known = registered[i].known;
        CHECK(say(PROXY, registered[i].text));
        if (t.n_refreshed != registered[i].n_refreshed
            || t.n_forgotten != registered[i].n_forgotten) {
            fprintf(stderr, "%s: %u %u\n", registered[i].text, t.n_refreshed,
                    t.n_forgotten);
        }
        CHECK(t.n_refreshed == registered[i].n_refreshed
              && t.n_forgotten == registered[i].n_forgotten
              && t.seconds == registered[i].seconds);
        CHECK(t.match.class == SIGNALLING);
        end();
    }

    /* Who was called does not register. */
    start(IPPROTO_UDP, false, false);
    t.call.expected = true;
    CHECK(say(PHONE, registers[0].text) && !t.n_asks);
    end();

    /* Anybody may call. */
    start(IPPROTO_UDP, false, false);
    t.settings[CT_SWITCH_SIP_DIRECT_SIGNALLING] = 0;
    CHECK(say(PHONE, registers[0].text) && t.asks[0].any_src);
    end();

    /* Translated, the registrar hears of the place that is expected. */
    start(IPPROTO_UDP, false, true);
    t.add_port = 1000;
    CHECK(say(PHONE, registers[2].text));
    CHECK(became(
        "REGISTER sip:10.0.0.2 SIP/2.0\n"
        "Via: SIP/2.0/UDP 10.0.0.101:40000;branch=1\n"
        "CSeq: 2 REGISTER\n"
        "Contact: <sip:a@10.0.0.101:6070>;expires=60\n\n"));
    t.n_known = 1;
    CHECK(say(PROXY, REGISTERED("<sip:a@10.0.0.101:6070>;expires=60", "")));
    CHECK(t.n_refreshed == 1 && t.match.as_seen
          && t.match.port == htons(6070)
          && t.match.dst.ip == htonl(0x0a000065));
    end();
}

static void
test_ipv6(void)
{
    start(IPPROTO_UDP, true, true);
    CHECK(say(PHONE,
        "INVITE sip:bob@[fd00::66] SIP/2.0\n"
        "Via: SIP/2.0/UDP [fd00::1]:5060;received=fd00::1;maddr=[fd00::1]\n"
        "From: <sip:[fd00::1]>\n"
        "CSeq: 1 INVITE\n"
        "Contact: sip:a@[FD00:0::1]:5060;x=1\n"
        "Content-Length: #\n\n"
        "v=0\n"
        "o=- 1 1 IN IP6 fd00::1\n"
        "c=IN IP6 fd00::1\n"
        "m=audio 6000 RTP/AVP 0\n"));
    CHECK(t.n_asks == 1 && asked(0, AUDIO, 1, 6000));
    CHECK(became(
        "INVITE sip:bob@[fd00::2]:5060 SIP/2.0\n"
        "Via: SIP/2.0/UDP [fd00::65]:40000;received=fd00::1;maddr=fd00::65\n"
        "From: <sip:[fd00::65]:40000>\n"
        "CSeq: 1 INVITE\n"
        "Contact: sip:a@[fd00::65]:40000;x=1\n"
        "Content-Length: #\n\n"
        "v=0\n"
        "o=- 1 1 IN IP6 fd00::65\n"
        "c=IN IP6 fd00::65\n"
        "m=audio 6000 RTP/AVP 0\n"));
    end();
}

/* Streams. */

#define OK200 "SIP/2.0 200 OK\r\nCSeq: 7 INVITE\r\nContent-Length: 48\r\n\r\n"

static bool
say_bytes(uint32_t seq, const char *text)
{
    t.call.dir = PHONE;
    return (test_helper_read(&t, seq, text, strlen(text))
            == CT_HELPER_ACCEPT);
}

static void
test_stream(void)
{
    static const char first[] = OK200 "v=0\r\nc=IN IP4 10.0.0.1\r\n"
        "m=audio 6000 RTP/AVP 0\r\n";
    static const char second[] = OK200 "v=0\r\nc=IN IP4 10.0.0.1\r\n"
        "m=audio 6002 RTP/AVP 0\r\n";
    static const char bye[] = "BYE sip:x SIP/2.0\r\nCSeq: 8 BYE\r\n\r\n";
    char text[1024];

    /* Two in one segment, and a third without a body; with empty lines, which
     * keep a stream alive, in between. */
    start(IPPROTO_TCP, false, false);
    snprintf(text, sizeof text, "\r\n\r\n%s\r\n%s%s", first, second, bye);
    CHECK(say_bytes(100, text) && t.n_asks == 2 && t.n_forgotten == 3);
    CHECK(asked(0, AUDIO, 1, 6000) && asked(1, AUDIO, 1, 6002));
    CHECK(say_bytes(100, "\r\n\r\n") && !t.n_asks);

    /* In two segments: whole lines are read, of which the last one, with the
     * port, is none; the rest is no message, whatever it looks like. */
    for (size_t cut = 1; cut < sizeof first - 1; cut++) {
        snprintf(text, sizeof text, "%.*s", (int) cut, first);
        CHECK(say_bytes(1000, text));
        CHECK(!t.n_asks);
    }
    snprintf(text, sizeof text, "%.*s", (int) sizeof first - 30, first);
    CHECK(say_bytes(1000, text));
    CHECK(say_bytes(1000 + strlen(text), bye) && !t.n_forgotten);
    snprintf(text, sizeof text, "%s%s", first + sizeof first - 30, bye);
    CHECK(say_bytes(1000 + sizeof first - 30, text) && t.n_forgotten == 3);

    /* Before both have been heard. */
    t.call.both = false;
    CHECK(say_bytes(100, first) && !t.n_asks);
    end();

    /* Translated: both are written; what is cut cannot be. */
    start(IPPROTO_TCP, false, true);
    snprintf(text, sizeof text, "%s%s", first, second);
    CHECK(say_bytes(100, text) && t.n_asks == 2 && t.n_replaced == 4);
    CHECK(test_helper_payload_is(&t,
        "SIP/2.0 200 OK\r\nCSeq: 7 INVITE\r\nContent-Length: 50\r\n\r\n"
        "v=0\r\nc=IN IP4 10.0.0.101\r\nm=audio 6000 RTP/AVP 0\r\n"
        "SIP/2.0 200 OK\r\nCSeq: 7 INVITE\r\nContent-Length: 50\r\n\r\n"
        "v=0\r\nc=IN IP4 10.0.0.101\r\nm=audio 6002 RTP/AVP 0\r\n"));
    text[strlen(text) - 1] = '\0';
    CHECK(!say_bytes(100, text));
    CHECK(t.counts[CT_C_DROP_HELPER_PART] == 1);
    /* What is no SIP at all is nobody's business. */
    CHECK(say_bytes(10, "\26\3\1 not SIP"));
    end();
}

/* Messages that make no sense, or are none. */
static const struct {
    const char *text;
    bool ok;
} odd[] = {
    { "x", true },
    { "\n\n\n", true },
    { "INVITE sip:x SIP/2.0", true },
    { "INVITE sip:x SIP/1.0\nCSeq: x\n\n", true },
    { "INVITE sip:x SIP/2.0\n\n", false },
    { "INVITE sip:x SIP/2.0\nCSeq: x INVITE\n\n", false },
    { "INVITE sip:x SIP/2.0\nCSeq: 99999999999 INVITE\n\n", false },
    { "OPTIONS sip:x SIP/2.0\n\n", true },
    { "SIP/2.0 200 OK\n\n", false },
    { "SIP/2.0 OK\nCSeq: 1 INVITE\n\n", true },
    { "SIP/2.0 200 OK\nCSeq: 1\n\n", true },
    { "SIP/2.0 200 OK\nCSeq: 1 INVITE\nContent-Length: 9999\n\n", true },
    { " INVITE sip:x SIP/2.0\nCSeq: 1 INVITE\n\n", true },
    { "INVITE  SIP/2.0\nCSeq: 1 INVITE\n\n", true },
    { "INVITE sip:x SIP/2.0\n CSeq: 1 INVITE\n\n", false },
    { "INVITE sip:x SIP/2.0\nCSeq\n : 1 INVITE\n\n", true },
};

static void
test_odd(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
        start(IPPROTO_UDP, false, false);
        bool ok = say(PHONE, odd[i].text);
        if (ok != odd[i].ok) {
            fprintf(stderr, "%s: %d\n", odd[i].text, ok);
        }
        CHECK(ok == odd[i].ok && !t.n_asks);
        end();
    }

    /* More to be written than there is room for. */
    struct ds ds = DS_EMPTY_INITIALIZER;
    ds_put_cstr(&ds, "OPTIONS sip:x SIP/2.0\nCSeq: 1 OPTIONS\nContact: ");
    for (int i = 0; i < 200; i++) {
        ds_put_cstr(&ds, "sip:10.0.0.1,");
    }
    ds_put_cstr(&ds, "\n\n");
    start(IPPROTO_UDP, false, true);
    CHECK(!say(PHONE, ds_cstr(&ds)) && t.counts[CT_C_DROP_MANGLE] == 1);
    end();
    ds_destroy(&ds);
}

/* Places in URIs and Via: fields. */
static const struct {
    const char *text;
    bool via, ok, has_addr;
    uint16_t port;
    const char *place;
} places[] = {
    { "sip:10.0.0.1", 0, 1, 1, 5060, "10.0.0.1" },
    { "<sip:a@10.0.0.1:1>", 0, 1, 1, 1, "10.0.0.1:1" },
    { "\"<sip:b@1.1.1.1>\\\"\" <SIPS:a;b?c@10.0.0.1;x>", 0, 1, 1, 5060,
      "10.0.0.1" },
    { "A B <sip:a:b@10.0.0.1?x=y>", 0, 1, 1, 5060, "10.0.0.1" },
    { "sip:host.example:77;x", 0, 1, 0, 77, "host.example:77" },
    { "sip:10.0.0.1:0", 0, 0, 0, 0, NULL },
    { "sip:10.0.0.1:65536", 0, 0, 0, 0, NULL },
    { "sip:10.0.0.1:", 0, 0, 0, 0, NULL },
    { "sip:10.0.0", 0, 1, 0, 5060, "10.0.0" },
    { "sip:[fd00::1]:9", 0, 1, 0, 9, "[fd00::1]:9" },
    { "sip:[fd00::1", 0, 0, 0, 0, NULL },
    { "sip:", 0, 0, 0, 0, NULL },
    { "http://10.0.0.1", 0, 0, 0, 0, NULL },
    { "<sip:a@10.0.0.1", 0, 1, 1, 5060, "10.0.0.1" },
    { "SIP/2.0/UDP 10.0.0.1:7;x", 1, 1, 1, 7, "10.0.0.1:7" },
    { "sip/2.0/tcp\n 10.0.0.1", 1, 1, 1, 5060, "10.0.0.1" },
    { "SIP/2.0/UDP", 1, 0, 0, 0, NULL },
    { "UDP 10.0.0.1", 1, 0, 0, 0, NULL },
};

static void
test_places(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        const char *text = places[i].text;
        struct ct_cursor c = ct_cursor_init(text, strlen(text));
        struct sip_place place;
        bool ok = (places[i].via ? sip_via_read(c, false, &place)
                   : sip_uri_read(c, false, &place));

        if (ok != places[i].ok) {
            fprintf(stderr, "%s: %d\n", text, ok);
        }
        CHECK(ok == places[i].ok);
        CHECK(!ok || (place.has_addr == places[i].has_addr
                      && place.port == places[i].port
                      && ct_cursor_left(&place.text) == strlen(places[i].place)
                      && !memcmp(place.text.p, places[i].place,
                                 strlen(places[i].place))));
    }
}

/* Bytes changed, removed and added at random: memory checkers watch.  What
 * comes out is read again. */
static void
test_mutated(void)
{
    static const char *const texts[] = {
        INVITE SDP,
        REGISTER(OWN ";expires=60", ""),
        REGISTERED(OWN ";expires=60", "Expires: 1\n"),
        RESPONSE("200 OK", "INVITE") BRIEF,
    };
    unsigned int n_asks = 0, n_replaced = 0;
    uint64_t r = 3;

    for (int i = 0; i < 60000; i++) {
        char *text = with_crlf(texts[i % ARRAY_SIZE(texts)]);
        size_t n = strlen(text);

        for (int changes = ct_test_random(&r) % 6; changes > 0; changes--) {
            text[ct_test_random(&r) % n] = (
                ct_test_random(&r) % 2 ? ct_test_random(&r)
                : ":;,<>@ \r\n\"\\=0"[ct_test_random(&r) % 13]);
        }
        n = ct_test_random(&r) % 4 ? n : ct_test_random(&r) % n;
        start(ct_test_random(&r) % 2 ? IPPROTO_UDP : IPPROTO_TCP,
              ct_test_random(&r) % 8 == 0, ct_test_random(&r) % 2);
        t.call.dir = ct_test_random(&r) % 2;
        t.add_port = ct_test_random(&r) % 2 ? 1000 : 0;
        test_helper_read(&t, 1, text, n);
        n_asks += t.n_asks;
        n_replaced += t.n_replaced;
        end();
        free(text);
    }
    CHECK(n_asks > 1000 && n_replaced > 1000);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    test_places();
    test_invite();
    test_many_media();
    test_invite_nat();
    test_dialogue();
    test_bodies();
    test_register();
    test_ipv6();
    test_stream();
    test_odd();
    test_mutated();
    return ct_test_end("ct-helper-sip");
}
