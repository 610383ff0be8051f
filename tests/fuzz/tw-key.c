/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target: frames, as the datapath reads them without OVS's help.
 *
 * Input: a byte of flags, then an Ethernet frame, any bytes.  Track keys,
 * plain rules and shortcuts must agree with miniflow_extract(). */

#include <config.h>

#include "fuzz.h"

#include "tests/tw-key-test.h"

#define RECIRCULATED 0x01
#define TRACKED 0x02
#define NO_VLANS 0x04

static void
check_key(struct dp_packet *p, const struct frame *f, const struct truth *t)
{
    struct tw_track_key key, again;

    memset(&key, 0xaa, sizeof key);
    memset(&again, 0x55, sizeof again);
    tw_track_key_extract(p, 0, &again);
    tw_track_key_extract(p, 0, &key);
    assert(key.context.kind == expected_kind(f, t));
    assert(key.trackable == expected_trackable(t, key.context.kind));
    if (key.context.kind) {
        assert(!memcmp(key.context_words, again.context_words,
                       sizeof key.context_words));
        check_offsets(p, t);
        check_values(&key, t);
        check_ports(&key, t);
        assert(key.tcp_flags == (t->flow.nw_frag ? 0
                                 : expected_tcp_flags(t)));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_input_init(data, size);
    uint8_t flags = fuzz_u8(&in);
    struct dp_packet p;
    struct frame f;
    struct truth t;

    f.size = MIN(fuzz_left(&in), sizeof f.data);
    if (f.size < ETH_HEADER_LEN) {
        return 0;                       /* tw_parse() frees it. */
    }
    fuzz_bytes(&in, f.data, f.size);
    flow_limit_vlans(flags & NO_VLANS ? 0 : 2);
    frame_packet(&f, u32_to_odp(1), &p);
    ask_ovs(&p, &t);
    check_key(&p, &f, &t);
    dp_packet_reset_offsets(&p);
    p.md.recirc_id = flags & RECIRCULATED;
    p.md.ct_state = flags & TRACKED ? CS_TRACKED | CS_REPLY_DIR : 0;
    check_plain(&p, &f, &t);
    dp_packet_reset_offsets(&p);
    check_shortcut(&p, &f, &t);
    dp_packet_uninit(&p);
    return 0;
}
