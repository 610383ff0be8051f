/* SPDX-License-Identifier: Apache-2.0 */

/* What helpers of protocols that ask by broadcast share. */

#include <config.h>

#include "ct-helper-broadcast.h"

#include "util.h"

/* A subnet with fewer has no hosts. */
#define MIN_HOST_BITS 2

static unsigned int host_bits(ovs_be32 broadcast);
static ovs_be32 mask_of(unsigned int bits);

enum ct_helper_verdict
ct_helper_broadcast(struct ct_helper_call *call, ovs_be16 port,
                    unsigned int timeout)
{
    const struct ct_tuple *asked = &call->tuples[CT_DIR_ORIGINAL];
    unsigned int bits = host_bits(asked->dst.ip);
    struct ct_helper_expect ask = {
        .dir = CT_DIR_REPLY,
        .port = asked->src_port,
        .has_src = true,
        .src_prefix = 32 - bits,
        .src.ip = asked->dst.ip & mask_of(bits),
        .src_port = port,
        .permanent = true,
        .timeout = timeout,
    };

    if (!call->broadcast || call->dir != CT_DIR_ORIGINAL
        || ct_tuple_is_ipv6(asked) || bits < MIN_HOST_BITS || bits >= 32
        || (asked->src.ip & mask_of(bits)) != ask.src.ip) {
        return CT_HELPER_ACCEPT;
    }
    if (!ct_helper_expect(call, &ask, NULL)) {
        return CT_HELPER_DROP;
    }
    ct_helper_set_timeout(call, timeout);
    return CT_HELPER_ACCEPT;
}

/* The ones at the end. */
static unsigned int
host_bits(ovs_be32 broadcast)
{
    uint32_t zeros = ~ntohl(broadcast);

    return zeros ? raw_ctz(zeros) : 32;
}

static ovs_be32
mask_of(unsigned int bits)
{
    return be32_prefix_mask(32 - bits);
}
