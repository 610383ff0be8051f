/* SPDX-License-Identifier: Apache-2.0 */

/* PPTP: conversations of control messages, with GRE of the calls that they
 * make, through a whole tracker. */

#include <config.h>

#include "tests/ct-expect-test.h"

#include "random.h"
#include "tests/ct-pptp-test.h"

#define CLIENT CT_DIR_ORIGINAL
#define SERVER CT_DIR_REPLY
#define ID_NONE UINT16_MAX

#define M(NAME) CT_PPTP_##NAME

/* One control connection.  The client is 'client', seen by the server as
 * 'public'; the server is 'server', seen by the client as 'virtual'. */
struct talk {
    struct test_spec specs[CT_DIR_MAX];
    uint32_t seq[CT_DIR_MAX];
};

static bool ipv6;
static uint16_t client, public, server, virtual;
static struct ct_request opening, later;

/* What came out of the last message. */
static uint8_t got_state;
static uint16_t got_id, got_peer;

static uint16_t
get16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

/* Sends bytes, at 'seq', or where the stream is.  False: dropped.  What comes
 * out is as long as it was, and its checksum is good; it is left in 'p'. */
static bool
send_at(struct talk *t, enum ct_dir dir, uint32_t seq, uint8_t *p, size_t n)
{
    struct test_spec s = segment(t->specs[dir], TCP_ACK | TCP_PSH, seq,
                                 t->seq[!dir]);
    struct dp_packet *b = test_ct(ct, packet_with(s, (char *) p, n), ipv6,
                                  &later, now);

    got_state = b ? b->md.ct_state : DROPPED;
    if (!b) {
        return false;
    }
    const struct tcp_header *th = dp_packet_l4(b);
    size_t l4_len = (char *) dp_packet_tail(b) - (char *) th;
    assert(l4_len == TCP_HEADER_LEN + n);
    assert(!csum_finish(csum_continue(test_pseudo_csum(b, ipv6), th,
                                      l4_len)));
    assert(ntohl(get_16aligned_be32(&th->tcp_seq)) == seq);
    memcpy(p, th + 1, n);
    dp_packet_delete(b);
    return true;
}

static bool
send_bytes(struct talk *t, enum ct_dir dir, uint8_t *p, size_t n)
{
    if (!send_at(t, dir, t->seq[dir], p, n)) {
        return false;
    }
    t->seq[dir] += n;
    return true;
}

static bool
say(struct talk *t, enum ct_dir dir, enum ct_pptp_type type, uint16_t id,
    uint16_t peer, uint8_t result)
{
    const struct ct_pptp_layout *layout = &ct_pptp_layouts[type];
    uint8_t p[256];
    size_t n = ct_pptp_build(p, type, id, peer, result);

    if (!send_bytes(t, dir, p, n)) {
        return false;
    }
    got_id = layout->id ? get16(p + layout->id) : ID_NONE;
    got_peer = layout->peer ? get16(p + layout->peer) : ID_NONE;
    return true;
}

/* A packet of GRE between these hosts: its ct_state, and what its key has
 * become. */
static struct dp_packet *
gre_packet(uint16_t src, uint16_t dst, uint16_t key)
{
    const struct test_spec s = {
        .ipv6 = ipv6, .proto = IPPROTO_UDP, .src = src, .dst = dst, .len = 8,
    };
    struct dp_packet *p = test_packet(&s);
    uint8_t *gre = dp_packet_l4(p);

    assert(gre);
    memset(gre, 0, 16);
    ct_pptp_put16(gre, 0x3001);
    ct_pptp_put16(gre + 2, 0x880b);
    ct_pptp_put16(gre + 4, 4);
    ct_pptp_put16(gre + 6, key);
    if (ipv6) {
        struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(p);

        ip6->ip6_ctlun.ip6_un1.ip6_un1_nxt = IPPROTO_GRE;
    } else {
        struct ip_header *ip = dp_packet_l3(p);

        ip->ip_proto = IPPROTO_GRE;
        ip->ip_csum = 0;
        ip->ip_csum = csum(ip, sizeof *ip);
    }
    return p;
}

static uint16_t got_key;

static uint8_t
gre(uint16_t src, uint16_t dst, uint16_t key)
{
    struct ct_request request = later;
    struct dp_packet *p;
    uint8_t ct_state;

    request.commit = true;
    p = test_ct(ct, gre_packet(src, dst, key), ipv6, &request, now);
    if (!p) {
        return DROPPED;
    }
    ct_state = p->md.ct_state & ~(CS_SRC_NAT | CS_DST_NAT);
    got_key = get16((uint8_t *) dp_packet_l4(p) + 6);
    dp_packet_delete(p);
    return ct_state;
}

static unsigned int
n_gre(void)
{
    struct ct_dump *dump = ct_dump_create(ct, NULL, NULL);
    struct ct_dpif_entry entry;
    unsigned int n = 0;

    while (!ct_dump_next(dump, &entry)) {
        n += entry.tuple_orig.ip_proto == IPPROTO_GRE;
        ct_dpif_entry_uninit(&entry);
    }
    ct_dump_destroy(dump);
    return n;
}

/* Flushes, and waits until all is gone. */
static void
flush(void)
{
    ct_flush(ct, NULL, NULL);
    ovsrcu_barrier();
    advance(1500);
}

static unsigned int
n_keys(void)
{
    return hmap_count(&ct_zone_get(ct, 1)->gre_keys.by_owner);
}

/* Handshake of TCP, and of the session. */
static void
connect_from(struct talk *t, uint16_t port, bool session)
{
    struct test_spec s = {
        .ipv6 = ipv6, .proto = IPPROTO_TCP, .src = client, .dst = virtual,
        .sport = port, .dport = 1723,
    };
    struct dp_packet *p;

    t->specs[CLIENT] = s;
    t->seq[CLIENT] = 100;
    t->seq[SERVER] = 500;
    s = segment(s, TCP_SYN, 99, 0);
    p = test_ct(ct, test_packet(&s), ipv6, &opening, now);
    assert(p);
    port = ntohs(((struct tcp_header *) dp_packet_l4(p))->tcp_src);
    dp_packet_delete(p);

    s = back(t->specs[CLIENT]);
    s.src = server;
    s.dst = public;
    s.dport = port;
    t->specs[SERVER] = s;
    assert(state(segment(s, TCP_SYN | TCP_ACK, 499, 100), &later)
           & CS_ESTABLISHED);
    assert(state(segment(t->specs[CLIENT], TCP_ACK, 100, 500), &later)
           & CS_ESTABLISHED);
    if (session) {
        assert(say(t, CLIENT, M(START_REQUEST), 0, 0, 0));
        assert(say(t, SERVER, M(START_REPLY), 0, 0, 1));
    }
}

static void
set_up(bool ipv6_, uint16_t public_, uint16_t virtual_)
{
    ipv6 = ipv6_;
    client = 1;
    server = 2;
    public = public_ ? public_ : client;
    virtual = virtual_ ? virtual_ : server;
    opening = (struct ct_request) { .zone = 1, .commit = true,
                                    .helper = "pptp" };
    later = (struct ct_request) { .zone = 1 };
    later.nat.kind = CT_NAT_EXISTING;
    if (public_ || virtual_) {
        struct ct_nat_range *nat = &opening.nat;
        uint16_t host = public_ ? public_ : server;

        nat->kind = public_ ? CT_NAT_SRC : CT_NAT_DST;
        nat->have_addr = true;
        nat->ipv6 = ipv6;
        if (ipv6) {
            nat->min_addr.ip6 = nat->max_addr.ip6 = test_ip6(host);
        } else {
            nat->min_addr.ip = nat->max_addr.ip = test_ip(host);
        }
    }
}

/* The client calls with 7, the server answers 9. */
static void
call_out(struct talk *t, uint16_t *shown7, uint16_t *shown9)
{
    assert(say(t, CLIENT, M(OUT_REQUEST), 7, 0, 0));
    *shown7 = got_id;
    assert(say(t, SERVER, M(OUT_REPLY), 9, *shown7, 1));
    assert(got_peer == 7);
    *shown9 = got_id;
    assert(n_expectations() == 2);
}

/* GRE both ways, from whoever is first. */
static void
check_gre(bool server_first, uint16_t shown7, uint16_t shown9)
{
    for (int i = 0; i < 3; i++) {
        bool from_client = (i + server_first) % 2 == 0;
        uint8_t ct_state = (from_client
                            ? gre(client, virtual, shown9)
                            : gre(server, public, shown7));

        assert(got_key == (from_client ? 9 : 7));
        assert(ct_state == (!i ? NEW | REL
                            : i == 1 ? RPL | REL : EST | REL));
        assert(n_gre() == 1 && !n_expectations());
    }
}

static void
test_calls_of(bool ipv6_, uint16_t public_, uint16_t virtual_)
{
    for (int server_first = 0; server_first < 2; server_first++) {
        uint16_t shown7, shown9;
        struct talk t;

        set_up(ipv6_, public_, virtual_);
        connect_from(&t, 1000 + server_first, true);
        call_out(&t, &shown7, &shown9);
        /* Nobody else has these ids. */
        assert(shown7 == 7 && shown9 == 9);
        check_gre(server_first, shown7, shown9);
        assert(say(&t, CLIENT, M(CLEAR_REQUEST), 7, 0, 0));
        assert(got_id == shown7 && n_gre() == 1);
        assert(say(&t, SERVER, M(LINK_INFO), 0, shown7, 0) && got_peer == 7);
        assert(say(&t, CLIENT, M(LINK_INFO), 0, shown9, 0) && got_peer == 9);
        assert(say(&t, SERVER, M(WAN_ERROR), 0, shown7, 0) && got_peer == 7);
        assert(say(&t, SERVER, M(DISCONNECT), 9, 0, 0) && got_id == shown9);
        assert(!n_gre() && !n_keys() && !n_expectations());
        /* Its packets are of no call any more. */
        assert(gre(client, virtual, shown9) == NEW);
        flush();
    }
}

static void
test_calls(void)
{
    for (int v6 = 0; v6 < 2; v6++) {
        test_calls_of(v6, 0, 0);
        test_calls_of(v6, 9, 0);
        test_calls_of(v6, 0, 8);
    }
}

/* A call that the server asks for. */
static void
test_incoming(void)
{
    for (int i = 0; i < 3; i++) {
        struct talk t;
        uint16_t shown;

        set_up(false, i == 1 ? 9 : 0, i == 2 ? 8 : 0);
        connect_from(&t, 1000 + i, true);
        assert(say(&t, SERVER, M(IN_REQUEST), 9, 0, 0) && got_id == 9);
        assert(say(&t, CLIENT, M(IN_REPLY), 7, 9, 1) && got_peer == 9);
        shown = got_id;
        assert(!n_expectations());
        assert(say(&t, SERVER, M(IN_CONNECTED), 0, shown, 0));
        assert(got_peer == 7 && n_expectations() == 2);
        check_gre(i % 2, shown, 9);
        /* The session's end is the calls'. */
        assert(say(&t, CLIENT, M(STOP_REQUEST), 0, 0, 0) && n_gre() == 1);
        assert(say(&t, SERVER, M(STOP_REPLY), 0, 0, 1));
        assert(!n_gre() && !n_keys());
    }
}

/* Two clients behind one address, who choose the same id; and each call has
 * its own packets. */
static void
test_clash(void)
{
    uint16_t shown, other, shown9;
    struct talk a, b;

    set_up(false, 9, 0);
    connect_from(&a, 1000, true);
    client = 3;
    connect_from(&b, 1000, true);
    client = 1;
    call_out(&a, &shown, &shown9);
    assert(say(&b, CLIENT, M(OUT_REQUEST), 7, 0, 0));
    other = got_id;
    assert(shown == 7 && other != 7 && other);
    /* Sent again, it gets the same. */
    assert(say(&b, CLIENT, M(OUT_REQUEST), 7, 0, 0) && got_id == other);
    assert(say(&b, SERVER, M(OUT_REPLY), 10, other, 1) && got_peer == 7);

    assert(gre(1, 2, 9) == (NEW | REL) && got_key == 9);
    assert(gre(2, 9, other) == (NEW | REL) && got_key == 7);
    assert(gre(3, 2, 10) == (RPL | REL) && got_key == 10);
    assert(gre(2, 9, 7) == (RPL | REL) && got_key == 7);
    assert(n_gre() == 2 && !n_expectations());
    assert(say(&b, SERVER, M(DISCONNECT), 10, 0, 0));
    assert(n_gre() == 1);
    assert(gre(1, 2, 9) == (EST | REL));

    /* A server that names its client's id. */
    assert(say(&a, SERVER, M(DISCONNECT), 7, 0, 0) && got_id == 7);
    assert(!n_gre() && !n_keys());
}

/* Several calls of one control connection, more than there is room for. */
static void
test_many(void)
{
    struct talk t;

    set_up(false, 9, 0);
    connect_from(&t, 1000, true);
    for (int i = 1; i <= 20; i++) {
        assert(say(&t, CLIENT, M(OUT_REQUEST), i, 0, 0) && got_id == i);
        assert(say(&t, SERVER, M(OUT_REPLY), 100 + i, i, 1));
        assert(gre(1, 2, 100 + i) == (NEW | REL));
        assert(n_gre() == MIN(i, 8) && !n_expectations());
    }
    assert(n_keys() == 8 * 4);
    assert(say(&t, SERVER, M(DISCONNECT), 115, 0, 0));
    assert(n_keys() == 7 * 4);
    assert(gre(2, 9, 16) == (RPL | REL) && got_key == 16);

    /* Another answer to a call that is up is another call. */
    assert(say(&t, SERVER, M(OUT_REPLY), 200, 16, 1));
    assert(gre(1, 2, 116) != (EST | REL));
    assert(gre(1, 2, 200) == (NEW | REL));
    assert(n_keys() == 7 * 4);
}

/* The control connection's end, however it comes. */
static void
test_ends(void)
{
    uint16_t shown7, shown9;
    struct talk t;

    set_up(false, 0, 0);
    connect_from(&t, 1000, true);
    call_out(&t, &shown7, &shown9);
    check_gre(false, 7, 9);
    assert(state(segment(t.specs[CLIENT], TCP_RST | TCP_ACK, t.seq[CLIENT],
                         t.seq[SERVER]), &later) & CS_ESTABLISHED);
    assert(n_gre() == 1);
    advance(12000);
    assert(!n_gre() && !n_keys());

    connect_from(&t, 1001, true);
    call_out(&t, &shown7, &shown9);
    flush();
    assert(!n_expectations() && !n_keys());
}

/* Nobody asked, or the session is not on; and a call that is refused. */
static void
test_unasked(void)
{
    struct talk t;

    set_up(false, 9, 0);
    connect_from(&t, 1000, false);
    assert(say(&t, CLIENT, M(OUT_REQUEST), 7, 0, 0) && got_id == 7);
    assert(say(&t, SERVER, M(OUT_REPLY), 9, 7, 1) && got_peer == 7);
    assert(!n_expectations() && !n_keys());
    assert(say(&t, SERVER, M(START_REPLY), 0, 0, 1));
    assert(say(&t, CLIENT, M(OUT_REQUEST), 7, 0, 0) && !n_keys());
    assert(say(&t, CLIENT, M(START_REQUEST), 0, 0, 0));
    assert(say(&t, SERVER, M(START_REPLY), 0, 0, 2));
    assert(say(&t, CLIENT, M(OUT_REQUEST), 7, 0, 0) && !n_keys());

    connect_from(&t, 1001, true);
    assert(say(&t, SERVER, M(OUT_REPLY), 9, 7, 1));
    assert(say(&t, SERVER, M(IN_CONNECTED), 0, 7, 0));
    assert(say(&t, CLIENT, M(IN_REPLY), 7, 9, 1));
    assert(say(&t, SERVER, M(DISCONNECT), 9, 0, 0));
    assert(!n_expectations() && !n_keys());
    assert(say(&t, CLIENT, M(OUT_REQUEST), 7, 0, 0) && n_keys() == 1);
    /* Not by whom was asked, not for what was asked. */
    assert(say(&t, CLIENT, M(OUT_REPLY), 9, 7, 1));
    assert(say(&t, SERVER, M(IN_CONNECTED), 0, 7, 0));
    assert(say(&t, SERVER, M(OUT_REPLY), 9, 8, 1));
    assert(!n_expectations());
    assert(ct_counter_get(ct, CT_C_HELPER_REFUSED) >= 8);
    /* Busy. */
    assert(say(&t, SERVER, M(OUT_REPLY), 0, 7, 4) && got_peer == 7);
    assert(!n_expectations() && !n_keys());
}

/* 0 is an id like any; behind a translation another is shown. */
static void
test_zero(void)
{
    struct talk t;
    uint16_t shown;

    for (int snat = 0; snat < 2; snat++) {
        set_up(false, snat ? 9 : 0, 0);
        connect_from(&t, 1000 + snat, true);
        assert(say(&t, CLIENT, M(OUT_REQUEST), 0, 0, 0));
        shown = got_id;
        assert(!shown == !snat);
        assert(say(&t, SERVER, M(OUT_REPLY), 0, shown, 1) && got_peer == 0);
        assert(gre(server, public, shown) == (NEW | REL) && got_key == 0);
        assert(gre(client, server, 0) == (RPL | REL) && got_key == 0);
        /* Not every packet is of that call. */
        assert(gre(client, server, 5) == NEW);
        flush();
    }
}

/* Segments: several messages in one, one in several, sent again, cut off. */
static void
test_stream(void)
{
    uint8_t p[700], again[700];
    struct talk t;
    size_t n;

    set_up(false, 9, 0);
    connect_from(&t, 1000, true);
    client = 3;
    struct talk other;
    connect_from(&other, 1000, true);
    client = 1;
    for (uint16_t id = 7; id < 9; id++) {
        assert(say(&other, CLIENT, M(OUT_REQUEST), id, 0, 0) && got_id == id);
    }

    /* Three at once, and a part of the fourth: two ids are taken. */
    n = ct_pptp_build(p, M(ECHO_REQUEST), 0, 0, 0);
    n += ct_pptp_build(p + n, M(OUT_REQUEST), 7, 0, 0);
    n += ct_pptp_build(p + n, M(OUT_REQUEST), 8, 0, 0);
    ct_pptp_build(p + n, M(OUT_REQUEST), 10, 0, 0);
    memcpy(again, p, sizeof again);
    uint32_t seq = t.seq[CLIENT];
    assert(send_bytes(&t, CLIENT, p, n + 20));
    uint16_t shown7 = get16(p + 16 + 12), shown8 = get16(p + 16 + 168 + 12);
    assert(shown7 != 7 && shown8 != 8 && shown7 != shown8);
    assert(get16(p + 16 + 2 * 168 + 12) == 10);
    /* Its rest, which looks like a message, is none. */
    uint8_t rest[148];
    ct_pptp_build(rest, M(STOP_REPLY), 0, 0, 1);
    assert(send_bytes(&t, CLIENT, rest, sizeof rest));
    assert(say(&t, CLIENT, M(OUT_REQUEST), 11, 0, 0) && got_id == 11);

    /* Sent again it is the same. */
    assert(send_at(&t, CLIENT, seq, again, n + 20));
    assert(!memcmp(again, p, n + 20));

    /* Cut off before its call id: dropped. */
    ct_pptp_build(p, M(OUT_REQUEST), 12, 0, 0);
    for (size_t cut = 1; cut < 14; cut++) {
        assert(!send_bytes(&t, CLIENT, p, cut));
    }
    assert(say(&t, CLIENT, M(OUT_REQUEST), 12, 0, 0) && got_id == 12);
}

/* A call that is made and ended by one segment has left nothing. */
static void
test_at_once(void)
{
    uint8_t p[700];
    struct talk t;
    size_t n;

    set_up(false, 9, 0);
    connect_from(&t, 1000, true);
    assert(say(&t, CLIENT, M(OUT_REQUEST), 7, 0, 0) && got_id == 7);
    n = ct_pptp_build(p, M(OUT_REPLY), 9, 7, 1);
    n += ct_pptp_build(p + n, M(DISCONNECT), 9, 0, 0);
    assert(send_bytes(&t, SERVER, p, n));
    assert(!n_expectations() && !n_keys());
    assert(gre(server, public, 7) == NEW);
}

/* No message: let pass, unless it may be one that had to be translated. */
static void
test_garbage(void)
{
    for (int snat = 0; snat < 2; snat++) {
        static const struct { size_t at; uint16_t value; } wrong[] = {
            { 0, 13 }, { 0, 167 }, { 0, 0 }, { 2, 2 }, { 2, 0 },
            { 4, 0x1a2c }, { 6, 0x3c4e },
        };
        struct talk t;
        uint8_t p[200];

        set_up(false, snat ? 9 : 0, 0);
        connect_from(&t, 1000 + snat, true);
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
            size_t n = ct_pptp_build(p, M(OUT_REQUEST), 7, 0, 0);

            ct_pptp_put16(p + wrong[i].at, wrong[i].value);
            assert(send_bytes(&t, CLIENT, p, n) == !snat);
            assert(!n_keys());
        }
        /* A type that nobody knows. */
        size_t n = ct_pptp_build(p, M(OUT_REQUEST), 7, 0, 0);
        for (int type = 0; type < 70000; type += type < 20 ? 16 : 9999) {
            ct_pptp_put16(p + 8, type);
            assert(send_bytes(&t, CLIENT, p, n));
        }
        assert(!n_keys());
        assert(say(&t, CLIENT, M(OUT_REQUEST), 7, 0, 0));
        assert(say(&t, SERVER, M(OUT_REPLY), 9, 7, 1));
        assert(n_expectations() == 2);
        assert(say(&t, SERVER, M(DISCONNECT), 9, 0, 0));
    }
}

/* An error that the server, or the client, sends about the other's GRE. */
static void
check_error(uint16_t from, uint16_t to, uint16_t key, uint16_t want)
{
    const struct test_spec s = {
        .proto = IPPROTO_UDP, .src = from, .dst = to, .len = 28 + 8,
    };
    struct dp_packet *quoted = gre_packet(to, from, key);
    struct dp_packet *p = test_packet(&s);
    struct ip_header *ip = dp_packet_l3(p);
    uint8_t *icmp = dp_packet_l4(p);

    assert(icmp);
    memset(icmp, 0, 8);
    icmp[0] = 3;
    icmp[1] = 1;
    memcpy(icmp + 8, dp_packet_l3(quoted), 36);
    ct_pptp_put16(icmp + 2, ntohs(csum(icmp, 44)));
    ip->ip_proto = IPPROTO_ICMP;
    ip->ip_csum = 0;
    ip->ip_csum = csum(ip, sizeof *ip);
    dp_packet_delete(quoted);

    p = test_ct(ct, p, false, &later, now);
    assert(p && p->md.ct_state & CS_RELATED);
    icmp = dp_packet_l4(p);
    assert(!csum(icmp, 44));
    assert(get16(icmp + 8 + 20 + 6) == want);
    dp_packet_delete(p);
}

static void
test_errors(void)
{
    uint16_t shown7, shown9;
    struct talk t, other;

    set_up(false, 9, 0);
    client = 3;
    connect_from(&other, 1000, true);
    assert(say(&other, CLIENT, M(OUT_REQUEST), 7, 0, 0));
    client = 1;
    connect_from(&t, 1000, true);
    call_out(&t, &shown7, &shown9);
    assert(shown7 != 7);
    check_gre(false, shown7, shown9);
    check_error(server, public, 9, 9);
    check_error(client, server, 7, shown7);
}

/* Each byte of a conversation set to any value: nothing but what is asked for
 * comes of it, and nothing is left. */
static void
test_random(void)
{
    unsigned int n_talks = 0;
    uint64_t n_up = 0;

    for (int i = 0; i < 3000; i++) {
        struct talk t;

        set_up(false, i % 3 == 1 ? 9 : 0, i % 3 == 2 ? 8 : 0);
        connect_from(&t, 1000 + i % 50000, random_range(8));
        n_talks++;
        for (int j = 0; j < 12; j++) {
            enum ct_dir dir = random_range(2);
            uint8_t p[600];
            size_t n = 0;

            do {
                n += ct_pptp_build(p + n, 1 + random_range(15),
                                   random_range(3), random_range(3),
                                   random_range(8) ? 1 : 2);
            } while (n < 300 && !random_range(4));
            if (!random_range(8)) {
                p[random_range(n)] = random_uint32();
            }
            n = random_range(10) ? n : 1 + random_range(n);
            send_bytes(&t, dir, p, n);
            gre(client, virtual, random_range(3));
            gre(server, public, random_range(3));
            n_up += n_gre();
            assert(n_keys() <= 32 * n_talks);
            assert(n_expectations() <= 16 * n_talks);
        }
        if (i % 100 == 0) {
            flush();
            n_talks = 0;
            assert(!n_keys() && !n_expectations());
        }
    }
    assert(n_up > 1000);
}

static const struct test tests[] = {
    { "calls", test_calls },
    { "incoming", test_incoming },
    { "clash", test_clash },
    { "many", test_many },
    { "ends", test_ends },
    { "unasked", test_unasked },
    { "zero", test_zero },
    { "stream", test_stream },
    { "at-once", test_at_once },
    { "garbage", test_garbage },
    { "errors", test_errors },
    { "random", test_random },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
