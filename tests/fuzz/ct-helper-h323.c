/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target: the helpers of H.323.
 *
 * Input: a byte of flags, then payloads of one connection, each behind two
 * bytes of its length.  What is expected has a port, media has an even one;
 * payloads keep their length; nothing is dropped as long as all can be
 * expected. */

#include <config.h>

#include "fuzz.h"

#include <netinet/in.h>

#include "tests/ct-helper-test.h"

#define REVERSE 0x04
#define IPV6 0x08
#define NAT 0x10

static const struct ct_helper *const helpers[] = {
    &ct_helper_q931, &ct_helper_h245, &ct_helper_ras, &ct_helper_q931,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_input_init(data, size);
    uint8_t flags = fuzz_u8(&in);
    const struct ct_helper *helper = helpers[flags % ARRAY_SIZE(helpers)];
    bool is_ras = helper == &ct_helper_ras;
    struct test_helper t;

    test_helper_init(&t, helper, is_ras ? IPPROTO_UDP : IPPROTO_TCP,
                     CT_DIR_ORIGINAL, flags & IPV6);
    t.add_port = 2;
    t.call.tuples[CT_DIR_ORIGINAL].src_port = htons(33001);
    if (flags & NAT) {
        test_helper_set_nat(&t, flags & IPV6);
    }
    t.call.dir = flags & REVERSE ? CT_DIR_REPLY : CT_DIR_ORIGINAL;
    while (fuzz_left(&in) >= 2) {
        size_t n = fuzz_u16(&in);

        /* MIN() would read twice. */
        n = MIN(n, fuzz_left(&in));
        assert(test_helper_read(&t, 1, (const char *) in.p, n)
               == CT_HELPER_ACCEPT);
        assert(t.call.len == n);
        for (unsigned int i = 0; i < MIN(t.n_asks, TEST_HELPER_MAX_ASKS);
             i++) {
            assert(t.asks[i].port
                   || (t.asks[i].pair && t.asks[i].proto == IPPROTO_UDP));
        }
        in.p += n;
    }
    test_helper_uninit(&t);
    return 0;
}
