/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target: the SIP helper.
 *
 * Input: a byte of flags (1: TCP, 2: IPv6, 4: translated, 8: media of anybody,
 * 16: ports change), then packets: a byte (1: the direction, 2: sent again, 4:
 * all that was sent before has been acknowledged), two of length, the payload;
 * of what is sent again, instead of a payload, two of how far back it begins.
 * Whatever it reads, the helper keeps to what ct-helper.h asks of it, which
 * the operations of tests/ct-helper-test.h check, and what it has written has
 * the length that it says. */

#include <config.h>

#include "fuzz.h"

#include <netinet/in.h>

#include "ct-helper-sip-message.h"
#include "tests/ct-helper-test.h"

/* What a direction has sent. */
struct stream {
    uint8_t *bytes;
    size_t n;
    uint32_t acked;
};

/* The next packet's payload, in the stream: '*n' bytes of it. */
static const uint8_t *
send_next(struct fuzz_input *in, struct stream *stream, uint8_t flags,
          size_t *n)
{
    size_t from = stream->n;

    stream->acked = flags & 4 ? stream->n : stream->acked;
    *n = fuzz_u16(in);
    if (flags & 2) {
        size_t back = fuzz_u16(in);

        from -= MIN(back, stream->n);
        *n = MIN(*n, stream->n - from);
    } else {
        *n = MIN(*n, fuzz_left(in));
        memcpy(stream->bytes + from, in->p, *n);
        in->p += *n;
        stream->n += *n;
    }
    return stream->bytes + from;
}

static void
init(struct test_helper *t, uint8_t flags)
{
    bool ipv6 = flags & 2;
    struct ct_tuple *tuples = t->call.tuples;

    test_helper_init(t, &ct_helper_sip, flags & 1 ? IPPROTO_TCP : IPPROTO_UDP,
                     CT_DIR_ORIGINAL, ipv6);
    if (flags & 4) {
        test_helper_set_nat(t, ipv6);
    }
    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        tuples[dir].src_port = tuples[dir].dst_port = htons(5060);
    }
    tuples[CT_DIR_REPLY].dst_port = htons(flags & 4 ? 40000 : 5060);
    t->settings[CT_SWITCH_SIP_DIRECT_SIGNALLING] = 1;
    t->settings[CT_SWITCH_SIP_DIRECT_MEDIA] = !(flags & 8);
    t->settings[CT_SWITCH_SIP_TIMEOUT] = 3600;
    t->add_port = flags & 16 ? 1000 : 0;
    t->n_known = flags & 32 ? 1 : 0;
}

/* In a datagram that was changed, the body is as long as it says if it was
 * before. */
static void
check_length(const uint8_t *before, size_t n, const struct test_helper *t)
{
    struct ct_cursor c = ct_cursor_init(before, n);
    struct sip_message old, new;
    uint32_t len;

    if (sip_message_read(&c, false, &old) != SIP_MESSAGE
        || !old.content_length.p
        || !sip_number_read(&old.content_length, &len)
        || len != ct_cursor_left(&old.body) || old.body.end != c.end) {
        return;
    }
    c = ct_cursor_init(t->call.payload, t->call.len);
    assert(sip_message_read(&c, false, &new) == SIP_MESSAGE);
    assert(new.content_length.p
           && sip_number_read(&new.content_length, &len));
    assert(!new.body_missing && c.p == c.end
           && new.body.end == c.end && len == ct_cursor_left(&new.body));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_input_init(data, size);
    struct stream streams[CT_DIR_MAX] = { { NULL, 0, 0 } };
    struct test_helper t;

    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        streams[dir].bytes = xmalloc(size + 1);
    }
    init(&t, fuzz_u8(&in));
    while (fuzz_left(&in)) {
        uint8_t packet = fuzz_u8(&in);
        struct stream *stream = &streams[packet & 1];
        size_t n;
        const uint8_t *payload = send_next(&in, stream, packet, &n);

        t.call.dir = packet & 1;
        t.call.acked = stream->acked;
        enum ct_helper_verdict verdict = test_helper_read(
            &t, payload - stream->bytes, (const char *) payload, n);

        assert(t.call.nat || !t.n_replaced);
        assert(verdict != CT_HELPER_DROP
               || t.counts[CT_C_DROP_HELPER_PAYLOAD]
               || t.counts[CT_C_DROP_HELPER_PART]
               || t.counts[CT_C_DROP_MANGLE]);
        if (verdict == CT_HELPER_ACCEPT && t.n_replaced
            && t.call.tuples[0].proto == IPPROTO_UDP) {
            check_length(payload, n, &t);
        }
        assert(t.n_shifted <= 1 && (!t.changed || t.first_change < n));
    }
    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        free(streams[dir].bytes);
    }
    test_helper_uninit(&t);
    return 0;
}
