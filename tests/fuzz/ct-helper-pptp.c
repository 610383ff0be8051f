/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target: the PPTP helper.
 *
 * Input: a byte of flags, then segments of a control connection, each a byte
 * that says of which direction it is and what is in it: messages that are made
 * from a type, two call ids and a result, or any bytes.  Whatever is said,
 * segments keep their length, only call ids change in a message, and a call
 * has no more keys and expectations than it may. */

#include <config.h>

#include "fuzz.h"

#include "ct-gre-key.h"
#include "ct-hash.h"
#include "ct-pptp-message.h"
#include "ct-zone.h"
#include "ovs-rcu.h"
#include "tests/ct-helper-test.h"
#include "tests/ct-pptp-test.h"

#define NAT 0x01
#define IPV6 0x02

/* Of a segment. */
#define REPLY 0x80
#define AGAIN 0x40              /* Where the one before stood. */
#define ANY_BYTES 0x20

#define MAX_SEGMENTS 64
#define MAX_SEGMENT 1500
#define MAX_KEYS (8 * 4)

static size_t
make_message(struct fuzz_input *in, unsigned int type, uint8_t *p)
{
    const struct ct_pptp_layout *layout = &ct_pptp_layouts[type];
    uint16_t id = layout->id ? fuzz_u8(in) : 0;
    uint16_t peer = layout->peer ? fuzz_u8(in) : 0;
    uint8_t result = layout->result ? fuzz_u8(in) : 0;

    return ct_pptp_build(p, type, id, peer, result);
}

static size_t
make_segment(struct fuzz_input *in, uint8_t what, uint8_t *p)
{
    unsigned int n = what & 0x1f, type;
    size_t len = 0;

    if (what & ANY_BYTES) {
        /* MIN() would read twice. */
        len = fuzz_u16(in) % MAX_SEGMENT;
        len = MIN(len, fuzz_left(in));
        fuzz_bytes(in, p, len);
        return len;
    }
    for (n = 1 + n % 4; n > 0; n--) {
        type = 1 + fuzz_below(in, 15);
        len += make_message(in, type, p + len);
    }
    return len;
}

static void
check_segment(struct test_helper *t, const uint8_t *before, size_t len)
{
    unsigned int n_changed = 0;

    assert(t->call.len == len);
    for (size_t i = 0; i < len; i++) {
        n_changed += t->call.payload[i] != before[i];
    }
    assert(n_changed <= 2 * t->n_replaced);
    assert(t->call.nat || !n_changed);
    for (unsigned int i = 0; i < MIN(t->n_asks, TEST_HELPER_MAX_ASKS); i++) {
        const struct ct_helper_expect *ask = &t->asks[i];

        assert(ask->proto == IPPROTO_GRE && ask->settled);
        assert(t->call.nat || (ask->port == ask->settled_dst
                               && ask->src_port == ask->settled_src));
    }
}

static void
talk(struct test_helper *t, struct fuzz_input *in)
{
    uint32_t seqs[CT_DIR_MAX] = { 1000, 0xffffff00 };
    size_t lens[CT_DIR_MAX] = { 0, 0 };
    uint8_t p[MAX_SEGMENT + 220];

    for (int i = 0; i < MAX_SEGMENTS && fuzz_left(in); i++) {
        uint8_t what = fuzz_u8(in);
        enum ct_dir dir = what & REPLY ? CT_DIR_REPLY : CT_DIR_ORIGINAL;
        size_t len = make_segment(in, what, p);
        enum ct_helper_verdict verdict;

        t->call.dir = dir;
        seqs[dir] += what & AGAIN ? 0 : lens[dir];
        verdict = test_helper_read(t, seqs[dir], (char *) p, len);
        if (verdict == CT_HELPER_ACCEPT) {
            check_segment(t, p, len);
            lens[dir] = len;
        } else {
            assert(t->counts[CT_C_DROP_HELPER_PAYLOAD]);
            lens[dir] = 0;
        }
        assert(hmap_count(&t->call.zone->gre_keys.by_owner) <= MAX_KEYS);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_input_init(data, size);
    uint8_t flags = fuzz_u8(&in);
    struct ct_conn conn = { .id = 1 };
    struct ct_zone zone = { .id = 0 };
    struct test_helper t;
    struct ct_tuple tuple;

    ct_hash_init();
    ct_gre_keys_init(&zone.gre_keys);
    ct_expects_init(&zone.expects, NULL, 0);
    test_helper_init(&t, &ct_helper_pptp, IPPROTO_TCP, CT_DIR_ORIGINAL,
                     flags & IPV6);
    if (flags & NAT) {
        test_helper_set_nat(&t, flags & IPV6);
    }
    t.call.zone = &zone;
    t.call.conn = &conn;
    talk(&t, &in);

    while (ct_gre_key_pop(&zone, &conn, &tuple)) {
        assert(tuple.proto == IPPROTO_GRE);
    }
    ct_gre_keys_uninit(&zone.gre_keys);
    ct_expects_uninit(&zone.expects);
    test_helper_uninit(&t);
    /* What was removed may be freed. */
    ovsrcu_quiesce();
    return 0;
}
