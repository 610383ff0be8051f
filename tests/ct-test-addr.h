/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_TEST_ADDR_H
#define CT_TEST_ADDR_H 1

#include "ct-dpif.h"

/* Addresses of hosts that are numbers: 10.0.0.HOST, fd00::HOST. */

static inline union ct_inet_addr
ct_test_addr(bool ipv6, uint8_t host)
{
    union ct_inet_addr addr = { .u64 = { 0, 0 } };

    if (ipv6) {
        addr.ip6.s6_addr[0] = 0xfd;
        addr.ip6.s6_addr[15] = host;
    } else {
        addr.ip = htonl(0x0a000000 | host);
    }
    return addr;
}

#endif /* ct-test-addr.h */
