/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_EXPECT_TEST_H
#define CT_EXPECT_TEST_H 1

/* Packets with a payload, an FTP control connection, and what tests ask of
 * expectations. */

#include "ct-core-test.h"

#include "ct-conn.h"
#include "ct-expect-list.h"
#include "ct-expect.h"
#include "ct-helper.h"
#include "ct-helper-policy.h"
#include "ct-zone.h"
#include "openvswitch/dynamic-string.h"

/* A packet with 'n' bytes of payload. */
static inline struct dp_packet *
packet_with(struct test_spec s, const char *bytes, size_t n)
{
    struct dp_packet *p;

    s.len = n;
    p = test_packet(&s);
    memcpy((char *) dp_packet_tail(p) - n, bytes, n);
    if (s.proto == IPPROTO_TCP) {
        test_finish_tcp(p, &s);
    } else {
        struct udp_header *uh = dp_packet_l4(p);

        uh->udp_csum = 0;
        uh->udp_csum = csum_finish(csum_continue(
            test_pseudo_csum(p, s.ipv6), uh, n + UDP_HEADER_LEN));
    }
    return p;
}

static inline uint8_t
state_with(struct test_spec s, const char *bytes, size_t n,
           const struct ct_request *r)
{
    struct dp_packet *p = test_ct(ct, packet_with(s, bytes, n), s.ipv6, r,
                                  now);
    uint8_t ct_state = p ? p->md.ct_state : DROPPED;

    dp_packet_delete(p);
    return ct_state;
}

static inline unsigned int
n_expectations(void)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < ct_zones_count(ct); i++) {
        n += ct_zones_at(ct, i)->expects.n;
    }
    return n;
}

static inline bool
shows(const char *what)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    bool ok;

    ct_expects_format(ct, -1, now, &ds);
    ok = strstr(ds_cstr(&ds), what);
    if (!ok) {
        printf("%s\n", ds_cstr(&ds));
    }
    ds_destroy(&ds);
    return ok;
}

static inline bool
shows_not(const char *what)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    bool found;

    ct_expects_format(ct, -1, now, &ds);
    found = strstr(ds_cstr(&ds), what);
    ds_destroy(&ds);
    return !found;
}

/* The connections that have announced what is expected now would be missed. */
static inline void
assure_parents(uint16_t zone)
{
    struct ct_expectation *e;

    HMAP_FOR_EACH (e, node, &ct_zone_get(ct, zone)->expects.by_place) {
        atomic_fetch_or(&e->parent->status, CT_DPIF_STATUS_ASSURED);
    }
}

/* An FTP control connection, in which the client has sent up to 200 and the
 * server up to 700. */

static const struct test_spec control OVS_UNUSED = {
    .proto = IPPROTO_TCP, .src = 1, .dst = 2, .sport = 1000, .dport = 21,
};

static struct test_spec to_server OVS_UNUSED, to_client OVS_UNUSED;
static struct ct_request any OVS_UNUSED;

static inline void
open_control(const struct ct_request *r, bool ipv6, uint16_t seen_as,
             uint16_t server)
{
    to_server = to_client = control;
    to_server.ipv6 = ipv6;
    to_client = back(to_server);
    to_client.dst = seen_as;
    to_client.src = server;
    any = (struct ct_request) { .zone = r->zone };
    any.nat.kind = CT_NAT_EXISTING;

    assert(state(segment(to_server, TCP_SYN, 99, 0), r) & CS_NEW);
    assert(state(segment(to_client, TCP_SYN | TCP_ACK, 499, 100), &any)
           & CS_ESTABLISHED);
    assert(state_with(segment(to_client, TCP_ACK, 500, 100),
                      "220 hi\r\n", 8, &any) & CS_ESTABLISHED);
    assert(state_with(segment(to_server, TCP_ACK, 100, 508),
                      "USER x\r\n", 8, &any) & CS_ESTABLISHED);
}

/* Sends 'line' and returns what comes out, after checking lengths and
 * checksums. */
static inline struct dp_packet *
pass(struct test_spec s, const char *line, const char *expected,
     uint32_t *seq, uint32_t *ack)
{
    struct dp_packet *p = test_ct(ct, packet_with(s, line, strlen(line)),
                                  s.ipv6, &any, now);
    size_t n = strlen(expected);

    assert(p && p->md.ct_state & CS_ESTABLISHED);
    const struct tcp_header *th = dp_packet_l4(p);
    size_t l4_len = (char *) dp_packet_tail(p) - (char *) th;
    assert(l4_len == TCP_HEADER_LEN + n && !memcmp(th + 1, expected, n));
    assert(!csum_finish(csum_continue(test_pseudo_csum(p, s.ipv6), th,
                                      l4_len)));
    if (s.ipv6) {
        const struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(p);

        assert(ntohs(ip6->ip6_ctlun.ip6_un1.ip6_un1_plen) == l4_len);
    } else {
        const struct ip_header *ip = dp_packet_l3(p);

        assert(ntohs(ip->ip_tot_len) == IP_HEADER_LEN + l4_len);
        assert(!csum(ip, IP_HEADER_LEN));
    }
    *seq = ntohl(get_16aligned_be32(&th->tcp_seq));
    *ack = ntohl(get_16aligned_be32(&th->tcp_ack));
    return p;
}

static inline void
check_pass(struct test_spec s, const char *line, const char *expected,
           uint32_t seq, uint32_t ack)
{
    uint32_t got_seq, got_ack;

    dp_packet_delete(pass(s, line, expected, &got_seq, &got_ack));
    assert(got_seq == seq && got_ack == ack);
}

#endif /* ct-expect-test.h */
