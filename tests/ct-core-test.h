/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_CORE_TEST_H
#define CT_CORE_TEST_H 1

/* A tracker of its own for each test, a clock that the test sets, and what
 * tests ask of the tracker. */

#include "ct-packet-test.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "ct-event.h"
#include "ct-tracker.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "timeval.h"

/* Behind the headers, whose parameters have these names too. */
static struct ct *ct;
static long long now;

#define NEW (CS_TRACKED | CS_NEW)
#define EST (CS_TRACKED | CS_ESTABLISHED)
#define RPL (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR)
#define INV (CS_TRACKED | CS_INVALID)
#define REL (CS_TRACKED | CS_RELATED)
#define DROPPED 0

static const struct ct_request look OVS_UNUSED;         /* ct() */
static const struct ct_request commit OVS_UNUSED = { .commit = true };

/* A packet of client 1 to server 2, and back. */
static const struct test_spec udp OVS_UNUSED = {
    .proto = IPPROTO_UDP, .src = 1, .dst = 2, .sport = 1000, .dport = 53,
    .len = 10,
};
static const struct test_spec tcp OVS_UNUSED = {
    .proto = IPPROTO_TCP, .src = 1, .dst = 2, .sport = 1000, .dport = 80,
};
static const struct test_spec ping OVS_UNUSED = {
    .proto = IPPROTO_ICMP, .src = 1, .dst = 2, .sport = 8, .dport = 77,
};

static inline struct test_spec
back(struct test_spec s)
{
    struct test_spec r = s;

    r.src = s.dst;
    r.dst = s.src;
    if (s.proto == IPPROTO_ICMP) {
        r.sport = s.sport == 8 ? 0 : 8;
    } else if (s.proto == IPPROTO_ICMPV6) {
        r.sport = s.sport == 128 ? 129 : 128;
    } else {
        r.sport = s.dport;
        r.dport = s.sport;
    }
    return r;
}

static inline struct test_spec
segment(struct test_spec s, uint16_t flags, uint32_t seq, uint32_t ack)
{
    s.flags = flags;
    s.seq = seq;
    s.ack = ack;
    return s;
}

/* What ct() makes of such a packet: its ct_state, DROPPED for none. */
static inline uint8_t
state(struct test_spec s, const struct ct_request *request)
{
    struct dp_packet *p = test_ct(ct, test_packet(&s), s.ipv6, request, now);
    uint8_t ct_state = p ? p->md.ct_state : DROPPED;

    dp_packet_delete(p);
    return ct_state;
}

static inline bool
dump_first(int zone, struct ct_dpif_entry *entry)
{
    uint16_t z = zone;
    struct ct_dump *dump = ct_dump_create(ct, zone < 0 ? NULL : &z, NULL);
    int error = ct_dump_next(dump, entry);

    ct_dump_destroy(dump);
    assert(!error || error == EOF);
    return !error;
}

static inline unsigned int
dump_count(int zone)
{
    uint16_t z = zone;
    struct ct_dump *dump = ct_dump_create(ct, zone < 0 ? NULL : &z, NULL);
    struct ct_dpif_entry entry;
    unsigned int n = 0;

    while (!ct_dump_next(dump, &entry)) {
        ct_dpif_entry_uninit(&entry);
        n++;
    }
    ct_dump_destroy(dump);
    return n;
}

/* Connections that have ended, for whatever reason. */
static inline uint64_t
count_ended(void)
{
    return (ct_counter_get(ct, CT_C_EXPIRED)
            + ct_counter_get(ct, CT_C_DELETED)
            + ct_counter_get(ct, CT_C_EARLY_DROP)
            + ct_counter_get(ct, CT_C_HALF_OPEN_DROP));
}

static inline void
start(void)
{
    ct = ct_create();
    now = time_msec();
}

static inline void
stop(void)
{
    ct_destroy(ct);
}

static inline void
advance(long long ms)
{
    /* In steps, as a main loop would. */
    for (long long end = now + ms; now < end; ) {
        now = MIN(now + 1000, end);
        ct_run(ct, now);
    }
    ovsrcu_quiesce();
}

/* ct(commit, nat(src=host:port)) in zone 1; port 0: any. */
static inline struct ct_request
snat(uint16_t host, uint16_t port)
{
    return (struct ct_request) {
        .zone = 1, .commit = true,
        .nat = {
            .kind = CT_NAT_SRC, .have_addr = true, .have_port = port != 0,
            .min_addr.ip = test_ip(host), .max_addr.ip = test_ip(host),
            .min_port = port, .max_port = port,
        },
    };
}

/* Commits 'n' connections, of ports from 'first' on.  Returns how many were
 * let through. */
static inline unsigned int
commit_many(uint16_t zone, uint16_t first, unsigned int n)
{
    const struct ct_request request = { .zone = zone, .commit = true };
    struct test_spec s = udp;
    unsigned int ok = 0;

    for (unsigned int i = 0; i < n; i++) {
        s.sport = first + i;
        ok += state(s, &request) == NEW;
    }
    return ok;
}

/* A policy with all timeouts the same. */
static inline void
set_policy(uint32_t id, uint32_t seconds)
{
    struct ct_dpif_timeout_policy tp = { .id = id };

    for (int i = 0; i < CT_DPIF_TP_ATTR_MAX; i++) {
        tp.present |= 1u << i;
        tp.attrs[i] = seconds;
    }
    assert(!ct_timeout_policy_set(ct, &tp));
}

struct test {
    const char *name;
    void (*run)(void);
};

/* Runs the test that is named on the command line, or all. */
static inline int
run_tests(int argc, char *argv[], const struct test *tests, size_t n)
{
    set_program_name(argv[0]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < n; i++) {
        if (argc < 2 || !strcmp(argv[1], tests[i].name)) {
            start();
            tests[i].run();
            stop();
            printf("%s ok\n", tests[i].name);
        }
    }
    return 0;
}

#endif /* ct-core-test.h */
