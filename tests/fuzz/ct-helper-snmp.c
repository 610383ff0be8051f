/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target: what the helper snmp reads, in a tracker (fuzz-helper.h). */

#include <config.h>

#include "fuzz-helper.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_helper helper = {
        .name = "snmp", .proto = IPPROTO_UDP, .port = 161,
        .broadcast = true,
    };

    return fuzz_helper(&helper, data, size);
}
