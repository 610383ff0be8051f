/* SPDX-License-Identifier: Apache-2.0 */

/* Beside the way of a packet: the ranges of a traffic device, prepared for
 * traffic_tuple_of(), which traffic-pair calls for each packet. */

#include <config.h>

#include "traffic-tuple.h"

#include "traffic-spec.h"

/* Splits 'addresses' into 'prefix', all words but the last, and '*base'. */
static void
set_addresses(const struct traffic_addresses *addresses,
              ovs_be32 prefix[4], uint32_t *base)
{
    ovs_be32 words[4];

    memcpy(words, &addresses->base, sizeof words);
    *base = ntohl(words[3]);
    if (!IN6_IS_ADDR_V4MAPPED(&addresses->base)) {
        memcpy(prefix, words, 3 * sizeof *words);
    }
}

static uint32_t
mask_of(unsigned int bits)
{
    return bits < 32 ? (UINT32_C(1) << bits) - 1 : UINT32_MAX;
}

/* Numbers need not be above 2**32: three of the four ranges are below 2**33
 * together with ports. */
static uint64_t
capacity_of(const struct traffic_tuples *t)
{
    unsigned int bits = t->client_bits + (t->attack ? 0 : t->server_bits);
    uint64_t ports = (uint64_t) t->n_client_ports * t->n_server_ports;

    return bits >= 32 ? UINT32_MAX : MIN(ports << bits, UINT32_MAX);
}

void
traffic_tuples_init(struct traffic_tuples *t, const struct traffic_spec *spec)
{
    memset(t, 0, sizeof *t);
    set_addresses(&spec->clients, t->client_prefix, &t->client_base);
    set_addresses(&spec->servers, t->server_prefix, &t->server_base);
    t->attack = spec->pattern == TRAFFIC_ATTACK;
    t->icmp = spec->protocol == TRAFFIC_ICMP;
    t->client_bits = spec->clients.host_bits;
    t->client_mask = mask_of(t->client_bits);
    t->server_bits = t->attack ? 0 : spec->servers.host_bits;
    t->server_mask = mask_of(t->server_bits);
    t->client_port = spec->client_ports.first;
    t->n_client_ports = spec->client_ports.n;
    t->server_port = spec->server_ports.first;
    t->n_server_ports = t->attack || t->icmp ? 1 : spec->server_ports.n;
    t->inverse = (t->n_server_ports > 1
                  ? UINT64_MAX / t->n_server_ports + 1 : 0);
    t->one_server = !t->server_bits && t->n_server_ports == 1;
    t->capacity = capacity_of(t);
}
