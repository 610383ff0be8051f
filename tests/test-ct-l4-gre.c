/* SPDX-License-Identifier: Apache-2.0 */

/* Enhanced GRE: headers, and the calls that their keys are of. */

#include <config.h>

#include "ct-l4-test.h"

#include "ct-gre-key.h"
#include "ct-hash.h"
#include "ct-l4-gre.h"
#include "ovs-rcu.h"
#include "random.h"

static struct ct_zone zone;
static struct ct_conn owners[3];

static void
start(void)
{
    memset(&zone, 0, sizeof zone);
    ct_gre_keys_init(&zone.gre_keys);
    for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
        memset(&owners[i], 0, sizeof owners[i]);
        owners[i].id = 100 + i;
    }
}

static void
stop(void)
{
    ct_gre_keys_uninit(&zone.gre_keys);
}

/* From host 'src' to host 'dst', of a call that they call so. */
static struct ct_tuple
call(bool ipv6, int src, uint16_t src_id, int dst, uint16_t dst_id)
{
    struct ct_tuple t = {
        .src = ct_test_addr(ipv6, src),
        .dst = ct_test_addr(ipv6, dst),
        .src_port = htons(src_id),
        .dst_port = htons(dst_id),
        .proto = IPPROTO_GRE,
        .kind = ipv6 ? CT_KIND_IPV6 : 0,
    };

    return t;
}

/* Source key of packets with this one; -1: of no call. */
static int
source_of(bool ipv6, int src, int dst, uint16_t key)
{
    struct ct_tuple t = call(ipv6, src, 0, dst, key);
    struct ct_packet packet = { .zone = &zone };

    if (!ct_gre_key_find(&packet, &t)) {
        assert(!(t.kind & CT_KIND_GRE_KEY));
        return -1;
    }
    assert(t.kind & CT_KIND_GRE_KEY && t.dst_port == htons(key));
    return ntohs(t.src_port);
}

static bool
set(int owner, enum ct_gre_key_kind kind, int src, uint16_t src_id, int dst,
    uint16_t dst_id)
{
    struct ct_tuple t = call(false, src, src_id, dst, dst_id);

    return ct_gre_key_set(&zone, &owners[owner], kind, &t);
}

static void
forget(int owner, int src, int dst, uint16_t key)
{
    struct ct_tuple t = call(false, src, 0, dst, key);

    ct_gre_key_remove(&zone, &owners[owner], &t);
}

/* The key that is reserved; -1: none. */
static int
reserve(int owner, int src, int dst, uint16_t wanted)
{
    struct ct_tuple t = call(false, src, 0, dst, wanted);

    return (ct_gre_key_reserve(&zone, &owners[owner], &t)
            ? ntohs(t.dst_port) : -1);
}

static unsigned int
pop_all(int owner)
{
    struct ct_tuple t;
    unsigned int n = 0;

    while (ct_gre_key_pop(&zone, &owners[owner], &t)) {
        assert(t.proto == IPPROTO_GRE);
        n++;
    }
    return n;
}

/* Headers of every length, of packets of a call that is known and of one that
 * is not. */
static void
test_parse(void)
{
    struct header {
        uint8_t bytes[12];
        size_t min;             /* SIZE_MAX: never valid. */
        uint16_t src, dst;
    };
    static const struct header headers[] = {
        /* Version 0, with and without checksum and key. */
        { { 0, 0, 8, 0, 0, 0, 0, 7 }, 4, 0, 0 },
        { { 0xa0, 0, 0x88, 0x0b, 0, 0, 0, 7 }, 4, 0, 0 },
        /* Version 1: a call that is known; one that is not; no PPP. */
        { { 0x30, 1, 0x88, 0x0b, 0, 4, 0, 7 }, 8, 9, 7 },
        { { 0x20, 0x81, 0x88, 0x0b, 0, 4, 0, 7 }, 8, 9, 7 },
        { { 0x30, 1, 0x88, 0x0b, 0, 4, 0, 8 }, 8, 0, 0 },
        { { 0x30, 1, 0x08, 0, 0, 4, 0, 7 }, SIZE_MAX, 0, 0 },
        /* Versions that nobody has defined. */
        { { 0x30, 2, 0x88, 0x0b, 0, 4, 0, 7 }, 4, 0, 0 },
        { { 0x30, 7, 0x88, 0x0b, 0, 4, 0, 7 }, 4, 0, 0 },
    };

    start();
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct ct_tuple known = call(ipv6, 1, 9, 2, 7);

        assert(ct_gre_key_set(&zone, &owners[0], CT_GRE_KEY_COMING, &known));
        for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
            const struct header *h = &headers[i];

            for (size_t len = 0; len <= sizeof h->bytes; len++) {
                bool valid = len >= h->min;
                struct test_packet p;

                test_packet_init(&p, ipv6, false, IPPROTO_GRE, h->bytes, len);
                p.ct.zone = &zone;
                assert(ct_l4_gre.parse(&p.ct) == valid);
                assert(valid || test_counted(CT_C_INVALID_L4));
                if (valid) {
                    const struct ct_tuple *t = &p.ct.tuple;

                    assert(t->src_port == htons(h->src));
                    assert(t->dst_port == htons(h->dst));
                    assert(!(t->kind & CT_KIND_GRE_KEY) == !h->dst);
                    assert(ct_tuple_is_ipv6(t) == (bool) ipv6);
                }
                test_packet_uninit(&p);
            }
        }
    }
    stop();
    assert(test_counted_nothing());
}

/* No zone yet, an empty one, and one with another's calls. */
static void
test_unknown(void)
{
    struct ct_tuple t = call(false, 1, 0, 2, 7);
    struct ct_packet packet = { .zone = NULL };

    assert(!ct_gre_key_find(&packet, &t));
    start();
    assert(source_of(false, 1, 2, 7) == -1);
    assert(set(0, CT_GRE_KEY_COMING, 1, 9, 2, 7));
    assert(source_of(false, 1, 2, 7) == 9);
    assert(source_of(false, 1, 2, 9) == -1);
    assert(source_of(false, 2, 1, 7) == -1);
    assert(source_of(false, 1, 3, 7) == -1);
    assert(source_of(false, 3, 2, 7) == -1);
    assert(source_of(true, 1, 2, 7) == -1);

    /* 0 is a call id like any. */
    assert(set(0, CT_GRE_KEY_COMING, 1, 0, 2, 0));
    assert(source_of(false, 1, 2, 0) == 0);
    stop();
}

/* Who has an entry, and who gets it. */
static void
test_owners(void)
{
    start();
    assert(set(0, CT_GRE_KEY_COMING, 1, 9, 2, 7));
    /* A leaving packet of another call looks the same: it does not count. */
    assert(set(1, CT_GRE_KEY_LEAVING, 1, 10, 2, 7));
    assert(source_of(false, 1, 2, 7) == 9);
    /* The newer call does. */
    assert(set(1, CT_GRE_KEY_COMING, 1, 11, 2, 7));
    assert(source_of(false, 1, 2, 7) == 11);
    forget(0, 1, 2, 7);
    assert(source_of(false, 1, 2, 7) == 11);
    assert(pop_all(0) == 0);
    assert(pop_all(1) == 1);
    assert(source_of(false, 1, 2, 7) == -1);

    assert(set(0, CT_GRE_KEY_LEAVING, 1, 9, 2, 7));
    assert(source_of(false, 1, 2, 7) == 9);
    assert(set(1, CT_GRE_KEY_COMING, 1, 11, 2, 7));
    assert(source_of(false, 1, 2, 7) == 11);
    forget(1, 1, 2, 7);
    assert(source_of(false, 1, 2, 7) == -1);

    /* An owner that has ended, and whose record is another's now. */
    owners[0].status |= CT_DPIF_STATUS_DYING;
    assert(!set(0, CT_GRE_KEY_COMING, 1, 9, 2, 7));
    assert(reserve(0, 1, 2, 7) == -1);
    assert(set(1, CT_GRE_KEY_COMING, 1, 9, 2, 7));
    assert(!set(0, CT_GRE_KEY_COMING, 1, 10, 2, 7));
    assert(source_of(false, 1, 2, 7) == 9);
    owners[1].id++;
    assert(pop_all(1) == 0);
    stop();
}

static void
test_reserve(void)
{
    start();
    /* The wanted one, until it is the call's. */
    assert(reserve(0, 2, 1, 7) == 7);
    assert(source_of(false, 2, 1, 7) == -1);
    assert(set(0, CT_GRE_KEY_COMING, 2, 9, 1, 7));
    assert(source_of(false, 2, 1, 7) == 9);

    /* Taken, by a call and by a reservation; to another end it is not. */
    int other = reserve(1, 2, 1, 7);
    assert(other > 0 && other != 7);
    assert(reserve(2, 2, 1, other) != other);
    assert(reserve(1, 3, 1, 7) == 7);

    /* 0 is not given. */
    assert(reserve(1, 3, 1, 0) > 0);

    assert(pop_all(0) == 1 && pop_all(1) == 3 && pop_all(2) == 1);
    assert(reserve(1, 2, 1, 7) == 7);
    stop();
}

/* A zone has many, and not more. */
static void
test_full(void)
{
    unsigned int n = 0;

    start();
    for (int host = 0; n < CT_GRE_KEYS_MAX_PER_ZONE; host++) {
        for (int key = 1; key < 4000 && n < CT_GRE_KEYS_MAX_PER_ZONE; key++) {
            assert(set(0, CT_GRE_KEY_COMING, 10 + host, key, 1, key));
            n++;
        }
    }
    assert(!set(1, CT_GRE_KEY_COMING, 2, 1, 1, 1));
    assert(reserve(1, 2, 1, 1) == -1);
    assert(set(1, CT_GRE_KEY_COMING, 10, 1, 1, 1));
    assert(pop_all(1) == 1);
    assert(pop_all(0) == CT_GRE_KEYS_MAX_PER_ZONE - 1);
    stop();
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    ct_hash_init();
    test_parse();
    test_unknown();
    test_owners();
    test_reserve();
    test_full();
    return 0;
}
