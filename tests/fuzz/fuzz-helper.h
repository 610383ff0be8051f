/* SPDX-License-Identifier: Apache-2.0 */

#ifndef FUZZ_HELPER_H
#define FUZZ_HELPER_H 1

/* Payloads of a connection with a helper, for targets of one helper each.
 *
 * Input: a byte that says how the connection is translated and of which
 * family it is, then messages: who speaks (a byte), length (two bytes), text.
 * A message may also open what is expected.  What leaves has good checksums
 * and lengths, is what came unless the connection is translated, and no more
 * is expected than the helper may. */

#include "fuzz-ct.h"

#include "ct-expect.h"
#include "ct-helper.h"
#include "ct-zone.h"
#include "flow.h"
#include "fuzz-sums.h"
#include "tests/ct-test-addr.h"

#define FUZZ_HELPER_MAX_MESSAGES 24
#define FUZZ_HELPER_MAX_TEXT 1200

struct fuzz_helper {
    const char *name;
    uint8_t proto;
    uint16_t port;
    bool broadcast;             /* Some are. */
};

enum fuzz_helper_how {
    FUZZ_HELPER_SERVER = 0x80,  /* The server speaks. */
    FUZZ_HELPER_AGAIN = 0x40,   /* TCP: what was said last is said again. */
    FUZZ_HELPER_CHILD = 0x20,   /* And what is expected comes. */
    FUZZ_HELPER_LATER = 0x10    /* Some time has passed. */
};

/* Hosts are numbers: client 1, server 2, public address 100, virtual one
 * 101. */
struct fuzz_talk {
    const struct fuzz_helper *helper;
    bool ipv6;
    enum ct_nat_kind nat;
    uint8_t client_as, server_as;       /* As the other end knows them. */
    uint32_t seq[2], last_seq[2];
};

/* A packet with ports and addresses of 't'. */
static inline struct dp_packet *
fuzz_helper_packet(const struct ct_tuple *t, uint8_t flags, uint32_t seq,
                   uint32_t ack, const uint8_t *text, size_t n)
{
    uint8_t frame[ETH_HEADER_LEN + 60 + FUZZ_HELPER_MAX_TEXT];
    bool ipv6 = ct_tuple_is_ipv6(t);
    size_t l4_ofs = ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN;
    size_t header = t->proto == IPPROTO_TCP ? 20 : 8;
    uint8_t *ip = frame + ETH_HEADER_LEN, *l4 = ip + l4_ofs;
    struct fuzz_ip d = {
        .ip = ip, .l4_ofs = l4_ofs, .len = l4_ofs + header + n,
        .proto = t->proto, .ipv6 = ipv6, .whole = true,
    };
    size_t addr_len = ipv6 ? 16 : 4;
    struct dp_packet *p;
    struct flow flow;

    memset(frame, 0, sizeof frame - FUZZ_HELPER_MAX_TEXT);
    fuzz_put16(frame + 12, ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP);
    ip[0] = ipv6 ? 0x60 : 0x45;
    fuzz_put16(ip + (ipv6 ? 4 : 2), d.len - (ipv6 ? l4_ofs : 0));
    ip[ipv6 ? 7 : 8] = 64;
    ip[ipv6 ? 6 : 9] = t->proto;
    memcpy(ip + (ipv6 ? 8 : 12), &t->src, addr_len);
    memcpy(ip + (ipv6 ? 24 : 16), &t->dst, addr_len);
    memcpy(l4, &t->src_port, 2);
    memcpy(l4 + 2, &t->dst_port, 2);
    if (t->proto == IPPROTO_TCP) {
        fuzz_put16(l4 + 4, seq >> 16);
        fuzz_put16(l4 + 6, seq);
        fuzz_put16(l4 + 8, ack >> 16);
        fuzz_put16(l4 + 10, ack);
        l4[12] = 0x50;
        l4[13] = flags;
        l4[14] = 0x40;
    } else {
        fuzz_put16(l4 + 4, header + n);
    }
    if (n) {
        memcpy(l4 + header, text, n);
    }
    fuzz_set_sums(&d);
    if (!ipv6 && !memcmp(ip + 16, "\x0a\x00\x00\xff", 4)) {
        memset(frame, 0xff, ETH_ADDR_LEN);
    }
    p = fuzz_packet(frame, ETH_HEADER_LEN + d.len);
    flow_extract(p, &flow);
    return p;
}

/* Lengths and checksums of what left. */
static inline void
fuzz_helper_check(struct dp_packet *p, uint8_t proto, bool ipv6)
{
    uint8_t *ip = dp_packet_l3(p);
    struct fuzz_ip d = {
        .ip = ip, .l4_ofs = ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN,
        .len = dp_packet_size(p) - ETH_HEADER_LEN, .proto = proto,
        .ipv6 = ipv6, .whole = true,
    };
    struct fuzz_sums sums = fuzz_sums(&d);

    assert(fuzz_get16(ip + (ipv6 ? 4 : 2)) == d.len - (ipv6 ? d.l4_ofs : 0));
    if (proto == IPPROTO_UDP) {
        assert(fuzz_get16(ip + d.l4_ofs + 4) == d.len - d.l4_ofs);
    }
    assert(!sums.l4);
    assert(ipv6 || !sums.ip);
}

/* Through ct().  False if it was dropped or invalid. */
static inline bool
fuzz_helper_track(struct dp_packet *p, const struct ct_tuple *t,
                  const struct ct_request *r)
{
    bool ipv6 = ct_tuple_is_ipv6(t);
    struct dp_packet *before = dp_packet_clone(p);
    struct dp_packet_batch batch;
    bool ok = false;

    dp_packet_batch_init_packet(&batch, p);
    ct_execute(ct, &batch, htons(ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP), r, now);
    if (!dp_packet_batch_is_empty(&batch)) {
        assert(batch.packets[0] == p);
        ok = !(p->md.ct_state & CS_INVALID);
        fuzz_helper_check(p, t->proto, ipv6);
        if (r->nat.kind == CT_NAT_NONE) {
            assert(dp_packet_size(p) == dp_packet_size(before)
                   && !memcmp(dp_packet_data(p), dp_packet_data(before),
                              dp_packet_size(p)));
        }
        dp_packet_delete(p);
    }
    dp_packet_delete(before);
    return ok;
}

static inline struct ct_tuple
fuzz_helper_tuple(const struct fuzz_talk *talk, bool server)
{
    struct ct_tuple t = {
        .src = ct_test_addr(talk->ipv6, server ? 2 : 1),
        .dst = ct_test_addr(talk->ipv6, server ? talk->client_as
                                            : talk->server_as),
        .src_port = htons(server ? talk->helper->port : 4000),
        .dst_port = htons(server ? 4000 : talk->helper->port),
        .proto = talk->helper->proto,
        .kind = talk->ipv6 ? CT_KIND_IPV6 : 0,
    };

    return t;
}

static inline struct ct_request
fuzz_helper_request(const struct fuzz_talk *talk, bool commit)
{
    struct ct_request r = {
        .commit = commit, .timeout_policy = DEFAULT_TP_ID,
        .nat = { .kind = talk->nat ? CT_NAT_EXISTING : CT_NAT_NONE },
    };

    if (commit) {
        ovs_strlcpy(r.helper, talk->helper->name, sizeof r.helper);
    }
    if (commit && talk->nat) {
        r.nat.kind = talk->nat;
        r.nat.have_addr = true;
        r.nat.ipv6 = talk->ipv6;
        r.nat.min_addr = r.nat.max_addr = ct_test_addr(
            talk->ipv6, talk->nat == CT_NAT_SRC ? talk->client_as : 2);
    }
    return r;
}

static inline void
fuzz_helper_say(struct fuzz_talk *talk, uint8_t how, const uint8_t *text,
                size_t n, uint8_t flags)
{
    bool server = how & FUZZ_HELPER_SERVER;
    struct ct_tuple t = fuzz_helper_tuple(talk, server);
    struct ct_request r = fuzz_helper_request(talk, !server);
    uint32_t seq = (how & FUZZ_HELPER_AGAIN ? talk->last_seq[server]
                    : talk->seq[server]);

    if (fuzz_helper_track(fuzz_helper_packet(&t, flags, seq,
                                             talk->seq[!server], text, n),
                          &t, &r)) {
        talk->last_seq[server] = seq;
        talk->seq[server] = seq + n + (flags & TCP_SYN ? 1 : 0);
    }
}

/* What is expected first opens, from anybody if anybody may. */
static inline void
fuzz_helper_child(const struct fuzz_talk *talk, struct ct_zone *zone)
{
    struct ct_request r = { .commit = true, .timeout_policy = DEFAULT_TP_ID };
    struct ct_expects *expects = &zone->expects;
    struct ct_tuple t;

    if (hmap_is_empty(&expects->by_place)) {
        return;
    }
    const struct ct_expectation *e = CONTAINER_OF(
        hmap_first(&expects->by_place), struct ct_expectation, node);
    t = e->tuple;
    if (e->any_src) {
        t.src = ct_test_addr(talk->ipv6, 7);
    }
    if (!t.src_port) {
        t.src_port = htons(3333);
    }
    r.nat.kind = talk->nat ? CT_NAT_EXISTING : CT_NAT_NONE;
    if (t.proto == IPPROTO_TCP || t.proto == IPPROTO_UDP) {
        fuzz_helper_track(fuzz_helper_packet(&t, TCP_SYN, 7, 0, NULL, 0), &t,
                          &r);
    }
}

static inline void
fuzz_helper_check_expected(const struct fuzz_helper *helper,
                           const struct ct_zone *zone)
{
    const struct ct_helper *h = ct_helper_find(helper->name);
    unsigned int max = 0;

    for (int i = 0; i < CT_HELPER_MAX_CLASSES; i++) {
        max += h->classes[i].max_expected;
    }
    assert(zone->expects.n <= max);
    assert(zone->expects.n == hmap_count(&zone->expects.by_place));
}

static inline void
fuzz_helper_begin(struct fuzz_talk *talk, uint8_t byte)
{
    talk->ipv6 = byte & 4;
    talk->nat = (byte & 3) == 1 ? CT_NAT_SRC : (byte & 3) == 2 ? CT_NAT_DST
                : CT_NAT_NONE;
    talk->client_as = talk->nat == CT_NAT_SRC ? 100 : 1;
    talk->server_as = talk->nat == CT_NAT_DST ? 101 : 2;
    if (byte & 8 && talk->helper->broadcast) {
        talk->server_as = 255;
    }
    talk->seq[0] = 1000;
    talk->seq[1] = 5000;
    if (talk->helper->proto == IPPROTO_TCP) {
        fuzz_helper_say(talk, 0, NULL, 0, TCP_SYN);
        fuzz_helper_say(talk, FUZZ_HELPER_SERVER, NULL, 0,
                        TCP_SYN | TCP_ACK);
        fuzz_helper_say(talk, 0, NULL, 0, TCP_ACK);
    } else {
        fuzz_helper_say(talk, 0, (const uint8_t *) "x", 1, 0);
    }
}

/* What a target does. */
static inline int
fuzz_helper(const struct fuzz_helper *helper, const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_input_init(data, size);
    struct fuzz_talk talk = { .helper = helper };

    fuzz_ct_begin();
    ct_set_maxconns(ct, FUZZ_MAX_CONNS);
    ct_set_tcp_seq_chk(ct, false);
    fuzz_helper_begin(&talk, fuzz_u8(&in));
    for (int i = 0; i < FUZZ_HELPER_MAX_MESSAGES && fuzz_left(&in); i++) {
        uint8_t how = fuzz_u8(&in), text[FUZZ_HELPER_MAX_TEXT];
        size_t n = fuzz_u16(&in);

        n = MIN(n, MIN(fuzz_left(&in), sizeof text));
        fuzz_bytes(&in, text, n);
        fuzz_helper_say(&talk, how, text, n, TCP_ACK | TCP_PSH);

        struct ct_zone *zone = ct_zone_get(ct, 0);
        fuzz_helper_check_expected(helper, zone);
        if (how & FUZZ_HELPER_CHILD) {
            fuzz_helper_child(&talk, zone);
        }
        if (how & FUZZ_HELPER_LATER) {
            fuzz_pass_time(10000);
        }
    }
    fuzz_ct_end();
    return 0;
}

#endif /* fuzz-helper.h */
