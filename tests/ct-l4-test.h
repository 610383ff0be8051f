/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_L4_TEST_H
#define CT_L4_TEST_H 1

/* What the tests of protocols share: packets in memory, and the part of the
 * tracker that protocols call.
 *
 * A packet is the bytes behind the IP header, in a buffer of exactly their
 * length, so that AddressSanitizer sees every read behind its end. */

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csum.h"
#include "ct-l4.h"
#include "ct-refuse.h"
#include "ct-switch.h"
#include "ct-test-addr.h"
#include "ct.h"
#include "dp-packet.h"
#include "packets.h"
#include "util.h"

const struct ct_timeouts ct_timeouts_default = {
    .ms = {
#define CT_TIMEOUT(ENUM, NAME, SECONDS, ATTR) \
        [CT_TIMEOUT_##ENUM] = (SECONDS) * UINT64_C(1000),
        CT_TIMEOUTS
#undef CT_TIMEOUT
    },
};

static unsigned int test_counters[CT_N_COUNTERS];
static bool test_seq_chk = true;

void
ct_refuse(const struct ct_packet *packet OVS_UNUSED, enum ct_counter reason)
{
    test_counters[reason]++;
}

bool
ct_get_tcp_seq_chk(const struct ct *ct OVS_UNUSED)
{
    return test_seq_chk;
}

static unsigned int test_switches[CT_N_SWITCHES] = {
#define CT_SWITCH(ENUM, NAME, DEFAULT, MIN, MAX, HELP) DEFAULT,
    CT_SWITCHES
#undef CT_SWITCH
};

unsigned int
ct_switch_get(const struct ct *ct OVS_UNUSED, enum ct_switch s)
{
    return test_switches[s];
}

static inline void
test_switch(const char *name, unsigned int value)
{
    static const char *const names[] = {
#define CT_SWITCH(ENUM, NAME, DEFAULT, MIN, MAX, HELP) NAME,
        CT_SWITCHES
#undef CT_SWITCH
    };

    for (int i = 0; i < CT_N_SWITCHES; i++) {
        if (!strcmp(names[i], name)) {
            test_switches[i] = value;
            return;
        }
    }
    OVS_NOT_REACHED();
}

/* True if 'counter' was counted once since the last call, and no other. */
static inline bool
test_counted(enum ct_counter counter)
{
    bool ok = true;

    for (int i = 0; i < CT_N_COUNTERS; i++) {
        ok &= test_counters[i] == (i == (int) counter);
    }
    memset(test_counters, 0, sizeof test_counters);
    return ok;
}

static inline bool
test_counted_nothing(void)
{
    for (int i = 0; i < CT_N_COUNTERS; i++) {
        if (test_counters[i]) {
            return false;
        }
    }
    return true;
}

struct test_packet {
    struct ct_packet ct;
    struct dp_packet dp;
    uint8_t *data;
};

/* A packet of protocol 'proto' with 'l4' behind its IP header, from host 1 to
 * host 2, or back if 'reply'. */
static inline void
test_packet_init(struct test_packet *p, bool ipv6, bool reply, uint8_t proto,
                 const void *l4, size_t len)
{
    memset(p, 0, sizeof *p);
    dp_packet_init(&p->dp, 0);
    p->data = malloc(len ? len : 1);
    assert(p->data);
    if (len) {
        memcpy(p->data, l4, len);
    }
    p->ct.packet = &p->dp;
    p->ct.l4_header = p->data;
    p->ct.l4_len = len;
    p->ct.tuple.src = ct_test_addr(ipv6, reply ? 2 : 1);
    p->ct.tuple.dst = ct_test_addr(ipv6, reply ? 1 : 2);
    p->ct.tuple.proto = proto;
    p->ct.tuple.kind = ipv6 ? CT_KIND_IPV6 : 0;
    p->ct.dir = reply ? CT_DIR_REPLY : CT_DIR_ORIGINAL;
    p->ct.l4 = ct_l4_find(proto);
}

static inline void
test_packet_uninit(struct test_packet *p)
{
    free(p->data);
    dp_packet_uninit(&p->dp);
}

/* Sums that are simple where the tracker's are fast. */
static inline uint16_t
test_checksum(const struct ct_packet *packet, bool pseudo_header)
{
    const struct ct_tuple *t = &packet->tuple;
    size_t addr_len = ct_tuple_is_ipv6(t) ? 16 : 4;
    uint32_t sum = 0;

    if (pseudo_header) {
        sum = csum_continue(sum, &t->src, addr_len);
        sum = csum_continue(sum, &t->dst, addr_len);
        sum = csum_add16(sum, htons(t->proto));
        sum = csum_add16(sum, htons(packet->l4_len));
    }
    return (OVS_FORCE uint16_t) csum_finish(
        csum_continue(sum, packet->l4_header, packet->l4_len));
}

/* Fills in the checksum that stands at 'ofs'. */
static inline void
test_set_checksum(struct test_packet *p, size_t ofs, bool pseudo_header)
{
    uint16_t sum;

    memset(p->data + ofs, 0, sizeof sum);
    sum = test_checksum(&p->ct, pseudo_header);
    memcpy(p->data + ofs, &sum, sizeof sum);
}

static inline void
test_put16(uint8_t *p, uint16_t value)
{
    p[0] = value >> 8;
    p[1] = value;
}

static inline void
test_put32(uint8_t *p, uint32_t value)
{
    test_put16(p, value >> 16);
    test_put16(p + 2, value);
}

#endif /* ct-l4-test.h */
