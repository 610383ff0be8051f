/* SPDX-License-Identifier: Apache-2.0 */

/* The order of a connection's packets in a batch, against a comparison of
 * each packet with each. */

#include <config.h>

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "random.h"
#include "tw-order.h"
#include "util.h"

#define BATCH NETDEV_MAX_BURST
#define N_ROUNDS 50000

static struct tw_program programs[3];
static struct tw_pass pass;

/* What a batch is of: packet 'i' is of connection[i], 0 for none. */
static unsigned int connections[BATCH];

/* Connection 'n', or its other direction. */
static void
make_key(struct tw_track_key *key, unsigned int n, bool reply)
{
    static const uint8_t protos[] = {
        IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_SCTP, IPPROTO_GRE,
    };
    bool ipv6 = n & 1;
    uint8_t proto = protos[n % ARRAY_SIZE(protos)];
    uint16_t a = 1000 + n, b = 80;

    memset(key, 0, sizeof *key);
    key->context.kind = ipv6 ? TW_KEY_IPV6 : TW_KEY_IPV4;
    key->context.in_port = u32_to_odp(1 + reply);
    key->context.proto = ipv6 && proto == IPPROTO_ICMP ? IPPROTO_ICMPV6
                                                       : proto;
    if (ipv6) {
        (reply ? &key->ip6.dst : &key->ip6.src)->s6_addr[0] = n;
        (reply ? &key->ip6.src : &key->ip6.dst)->s6_addr[15] = 0x80 | n;
    } else {
        ovs_be32 client = htonl(0x0a000000 + n);
        ovs_be32 server = htonl(0x0a800000 + n * 7919);

        key->ip4.src = reply ? server : client;
        key->ip4.dst = reply ? client : server;
    }
    if (proto == IPPROTO_ICMP) {
        uint8_t type = ipv6 ? 128 + reply : reply ? 0 : 8;

        key->ports = htonl((uint32_t) type << 24 | a);
    } else if (proto != IPPROTO_GRE) {
        key->ports = htonl(reply ? b << 16 | a : a << 16 | b);
    }
    key->trackable = true;
}

static void
set_packet(size_t i, unsigned int connection, bool reply, int program)
{
    make_key(&pass.keys[i], connection, reply);
    if (!connection) {
        pass.keys[i].context.kind = TW_KEY_NONE;
    }
    connections[i] = connection;
    pass.programs[i] = program < 0 ? NULL : &programs[program];
}

static uint32_t
naive_conflicts(void)
{
    uint32_t conflicts = 0;

    for (size_t i = 0; i < pass.n; i++) {
        for (size_t j = 0; j < pass.n; j++) {
            if (connections[i] && connections[i] == connections[j]
                && pass.programs[i] != pass.programs[j]) {
                conflicts |= UINT32_C(1) << i;
            }
        }
    }
    return conflicts;
}

static void
test_by_hand(void)
{
    pass.n = 0;
    assert(!tw_order_conflicts(&pass));

    /* Both directions take one program. */
    set_packet(0, 4, false, 1);
    set_packet(1, 4, true, 1);
    pass.n = 2;
    assert(!tw_order_conflicts(&pass));

    /* A third packet of it takes none, a fourth is another's. */
    set_packet(2, 4, false, -1);
    set_packet(3, 6, false, 2);
    pass.n = 4;
    assert(tw_order_conflicts(&pass) == 0x7);

    /* ICMP: type and identifier, not ports. */
    set_packet(0, 2, false, 1);
    set_packet(1, 2, true, 2);
    set_packet(2, 7, false, 1);
    set_packet(3, 7, true, -1);
    assert(tw_order_conflicts(&pass) == 0xf);

    /* No connection: whatever programs they have. */
    for (size_t i = 0; i < 4; i++) {
        set_packet(i, 0, false, (int) i - 1);
    }
    assert(!tw_order_conflicts(&pass));
}

/* As many connections as packets: no conflict; one program each. */
static void
test_many_connections(void)
{
    pass.n = BATCH;
    for (size_t i = 0; i < BATCH; i++) {
        set_packet(i, 1 + i, i & 1, i % 3);
    }
    assert(!tw_order_conflicts(&pass));
}

/* All of one connection but the last, which is at each place once. */
static void
test_one_stranger(void)
{
    pass.n = BATCH;
    for (size_t j = 0; j < BATCH; j++) {
        for (size_t i = 0; i < BATCH; i++) {
            set_packet(i, 5, i & 1, i == j ? -1 : 0);
        }
        assert(tw_order_conflicts(&pass) == UINT32_MAX);
        set_packet(j, 6, false, -1);
        assert(!tw_order_conflicts(&pass));
    }
}

static void
test_random(void)
{
    unsigned int n_conflicts = 0;

    for (int round = 0; round < N_ROUNDS; round++) {
        unsigned int n_connections = 1 + random_range(120);

        pass.n = random_range(BATCH + 1);
        for (size_t i = 0; i < pass.n; i++) {
            unsigned int c = random_range(n_connections);

            /* Most connections have one program. */
            set_packet(i, c, random_range(2),
                       random_range(10) ? (int) (c % 3)
                       : (int) random_range(4) - 1);
        }
        assert(tw_order_conflicts(&pass) == naive_conflicts());
        n_conflicts += naive_conflicts() != 0;
    }
    assert(n_conflicts > N_ROUNDS / 10 && n_conflicts < N_ROUNDS);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    random_set_seed(0x5eed1234);
    test_by_hand();
    test_many_connections();
    test_one_stranger();
    test_random();
    return 0;
}
