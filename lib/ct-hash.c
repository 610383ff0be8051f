/* SPDX-License-Identifier: Apache-2.0 */

/* Hashing: right behind the parser, once a packet (ct-packet.c).  The rest
 * of a packet's way through the tracker uses this value. */

#include <config.h>

#include "ct-hash.h"

#include "entropy.h"
#include "ovs-thread.h"

uint64_t ct_hash_secret[8];

void
ct_hash_init(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        get_entropy_or_die(ct_hash_secret, sizeof ct_hash_secret);
        for (size_t i = 0; i < ARRAY_SIZE(ct_hash_secret); i++) {
            /* An odd word is not 0, and has no trailing zeros to offer. */
            ct_hash_secret[i] |= 1;
        }
        ovsthread_once_done(&once);
    }
}

uint64_t
ct_hash_addrs6(const struct in6_addr *src, const struct in6_addr *dst)
{
    const uint64_t *secret = ct_hash_secret;
    uint64_t s[2], d[2];

    memcpy(s, src, sizeof s);
    memcpy(d, dst, sizeof d);

    uint64_t hs = ct_hash_fold__(s[0] ^ secret[0], s[1] ^ secret[1]);
    uint64_t hd = ct_hash_fold__(d[0] ^ secret[2], d[1] ^ secret[3]);
    return (ct_hash_fold__(hs ^ secret[6], hd ^ secret[7])
            ^ ct_hash_fold__(s[1] ^ hd, d[1] ^ secret[4]));
}
