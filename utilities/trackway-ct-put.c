/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: numbers and addresses as text, a hundred million of them in a
 * long list. */

#include <config.h>

#include <string.h>

#include "packets.h"
#include "trackway-ct.h"
#include "util.h"

static void put_ip(struct ds *, ovs_be32);

void
tct_put(struct ds *ds, const char *s)
{
    size_t len = strlen(s);

    memcpy(ds_put_uninit(ds, len), s, len);
}

void
tct_put_u64(struct ds *ds, const char *before, uint64_t value)
{
    char digits[20];
    size_t n = 0;

    tct_put(ds, before);
    do {
        digits[n++] = '0' + value % 10;
        value /= 10;
    } while (value);

    char *p = ds_put_uninit(ds, n);
    while (n) {
        *p++ = digits[--n];
    }
}

void
tct_put_addr(struct ds *ds, const char *before,
             const struct ct_dpif_tuple *tuple, bool dst)
{
    const union ct_dpif_inet_addr *addr = dst ? &tuple->dst : &tuple->src;

    tct_put(ds, before);
    if (tuple->l3_type == AF_INET6) {
        ipv6_format_addr(&addr->in6, ds);
    } else {
        put_ip(ds, addr->ip);
    }
}

static void
put_ip(struct ds *ds, ovs_be32 ip)
{
    uint32_t a = ntohl(ip);

    tct_put_u64(ds, "", a >> 24);
    tct_put_u64(ds, ".", a >> 16 & 0xff);
    tct_put_u64(ds, ".", a >> 8 & 0xff);
    tct_put_u64(ds, ".", a & 0xff);
}
