/* SPDX-License-Identifier: Apache-2.0 */

/* Expectations and helpers in a whole tracker: real packets through
 * ct_execute(), and what becomes of the connections that they announce. */

#include <config.h>

#include "ct-expect-test.h"

#include "ct-commit.h"
#include "ipf.h"

static const struct ct_request tftp = { .commit = true, .helper = "tftp" };
static const struct ct_request ftp = { .commit = true, .helper = "ftp" };

/* Client 1 asks server 2. */
static const struct test_spec request = {
    .proto = IPPROTO_UDP, .src = 1, .dst = 2, .sport = 1000, .dport = 69,
};
static const struct test_spec answer = {
    .proto = IPPROTO_UDP, .src = 2, .dst = 1, .sport = 3333, .dport = 1000,
    .len = 4,
};

static uint8_t
read_request(struct test_spec s, const struct ct_request *r)
{
    return state_with(s, "\0\1file\0octet", 13, r);
}

/* An expectation is matched once, with what belongs to it. */
static void
test_once(void)
{
    struct ct_request r = tftp;
    struct ct_dpif_entry e;
    struct dp_packet *p;

    r.mark = 5;
    r.mark_mask = UINT32_MAX;
    r.label.u64.lo = r.label_mask.u64.lo = 0xabc;
    assert(state(answer, &look) == NEW);
    assert(read_request(request, &r) == NEW);
    assert(n_expectations() == 1);
    assert(shows("zone=0,udp,src=10.0.0.2,dst=10.0.0.1,sport=*,dport=1000,"
                 "parent=(src=10.0.0.1,dst=10.0.0.2,sport=1000,dport=69),"
                 "helper=tftp,timeout=300\n"));

    /* Looking uses nothing up, and shows the parent's. */
    for (int i = 0; i < 2; i++) {
        p = test_ct(ct, test_packet(&answer), false, &look, now);
        assert(p->md.ct_state == (NEW | CS_RELATED) && p->md.ct_mark == 5);
        assert(p->md.ct_label.u64.lo == 0xabc);
        assert(p->md.ct_orig_tuple.ipv4.ipv4_src == test_ip(1)
               && p->md.ct_orig_tuple.ipv4.dst_port == htons(69));
        dp_packet_delete(p);
    }

    p = test_ct(ct, test_packet(&answer), false, &look, now);
    p = test_ct(ct, p, false, &commit, now);
    assert(p->md.ct_state == (NEW | CS_RELATED) && p->md.ct_mark == 5);
    assert(p->md.ct_label.u64.lo == 0xabc);
    assert(p->md.ct_orig_tuple.ipv4.dst_port == htons(69));
    /* A second ct() of the same packet knows it. */
    p = test_ct(ct, p, false, &look, now);
    assert(p->md.ct_state == (NEW | CS_RELATED));
    dp_packet_delete(p);

    assert(!n_expectations());
    assert(ct_counter_get(ct, CT_C_EXPECTED) == 1);
    assert(state(answer, &look) == REL);
    assert(state(back(answer), &look) == (RPL | CS_RELATED));
    assert(state(answer, &look) == (EST | CS_RELATED));

    /* Another port of the server's comes too late. */
    struct test_spec other = answer;
    other.sport++;
    assert(state(other, &look) == NEW);

    struct ct_dump *dump = ct_dump_create(ct, NULL, NULL);
    unsigned int n_children = 0;
    while (!ct_dump_next(dump, &e)) {
        if (e.status & CT_DPIF_STATUS_EXPECTED) {
            n_children++;
            assert(e.mark == 5 && e.labels.u64.lo == 0xabc);
            assert(e.tuple_orig.src.ip == test_ip(2));
            assert(e.tuple_parent.src.ip == test_ip(1)
                   && e.tuple_parent.dst_port == htons(69));
            assert(!e.helper.name);
        }
        ct_dpif_entry_uninit(&e);
    }
    ct_dump_destroy(dump);
    assert(n_children == 1);
}

static void
expect_event(enum ct_event_type type, ovs_be16 dst_port)
{
    struct ct_event event;
    struct ct_dpif_entry e;

    assert(ct_events_next(ct, &event));
    assert(event.type == type);
    ct_event_describe(ct, &event, &e);
    assert(e.tuple_orig.dst_port == dst_port);
    if (ct_event_is_expect(type)) {
        assert(e.tuple_orig.src.ip == test_ip(2)
               && e.tuple_orig.ip_proto == IPPROTO_UDP);
        assert(e.tuple_parent.src.ip == test_ip(1)
               && e.tuple_parent.dst_port == htons(69));
        assert(!strcmp(e.helper.name, "tftp"));
        assert(e.timeout == 299 || e.timeout == 300);
    }
    ct_dpif_entry_uninit(&e);
}

/* Events: it is announced, used up, put back when what uses it fails. */
static void
test_events(void)
{
    struct ct_event event;

    assert(!ct_events_open(ct));
    assert(read_request(request, &tftp) == NEW);
    expect_event(CT_EVENT_NEW, htons(69));
    expect_event(CT_EVENT_EXPECT_NEW, htons(1000));
    assert(state(answer, &look) == (NEW | CS_RELATED));
    assert(!ct_events_next(ct, &event));

    ct_zone_limit_set(ct, 0, 1);
    assert(state(answer, &commit) == DROPPED);
    expect_event(CT_EVENT_EXPECT_DESTROY, htons(1000));
    expect_event(CT_EVENT_EXPECT_NEW, htons(1000));
    ct_zone_limit_set(ct, 0, 10);
    assert(state(answer, &commit) == (NEW | CS_RELATED));
    expect_event(CT_EVENT_EXPECT_DESTROY, htons(1000));
    expect_event(CT_EVENT_NEW, htons(1000));
    assert(!ct_events_next(ct, &event));
}

/* What must match. */
static void
test_strangers(void)
{
    struct ct_request zone = { .zone = 3 };
    struct test_spec s;

    assert(read_request(request, &tftp) == NEW);
    s = answer, s.src = 3;
    assert(state(s, &look) == NEW);
    s = answer, s.dst = 3;
    assert(state(s, &look) == NEW);
    s = answer, s.dport++;
    assert(state(s, &look) == NEW);
    s = answer, s.ipv6 = true;
    assert(state(s, &look) == NEW);
    s = answer, s.proto = IPPROTO_TCP, s.flags = TCP_SYN;
    assert(state(s, &look) == NEW);
    assert(state(answer, &zone) == NEW);
    s = answer, s.sport = 1;
    assert(state(s, &look) == (NEW | CS_RELATED));
    assert(n_expectations() == 1);

    /* Only what a helper is asked to read. */
    s = request, s.sport = 2000;
    assert(read_request(s, &commit) == NEW);
    assert(n_expectations() == 1);
    assert(state_with(s, "\0\3data", 6, &look) == NEW);
    assert(n_expectations() == 1);
}

static void
test_ends(void)
{
    const uint16_t zone = 0;
    struct ct_dpif_tuple tuple = {
        .l3_type = AF_INET, .ip_proto = IPPROTO_UDP,
        .src_port = htons(1000), .dst_port = htons(69),
    };
    struct test_spec s = request;

    tuple.src.ip = test_ip(1);
    tuple.dst.ip = test_ip(2);

    /* With its parent. */
    assert(read_request(request, &tftp) == NEW);
    assert(n_expectations() == 1);
    assert(!ct_flush(ct, &zone, &tuple));
    assert(!n_expectations() && state(answer, &look) == NEW);

    /* With its zone. */
    assert(read_request(request, &tftp) == NEW);
    ct_flush(ct, &zone, NULL);
    assert(!n_expectations() && state(answer, &look) == NEW);

    /* When its parent's time is over. */
    advance(1000);
    assert(read_request(request, &tftp) == NEW);
    advance(29000);
    assert(state(answer, &look) == (NEW | CS_RELATED));
    advance(2000);
    assert(state(answer, &look) == NEW && !n_expectations());

    /* When its own is, on sight, and then really. */
    set_policy(1, 1000);
    struct ct_request r = tftp;
    r.timeout_policy = 1;
    assert(read_request(request, &r) == NEW);
    advance(299000);
    assert(state(answer, &look) == (NEW | CS_RELATED));
    now += 1001;
    assert(state(answer, &look) == NEW && n_expectations() == 1);
    advance(2000);
    assert(!n_expectations());

    /* A second one of the same parent replaces the first. */
    assert(read_request(request, &r) != DROPPED);
    assert(read_request(request, &r) != DROPPED);
    assert(n_expectations() == 1);
    assert(shows(",timeout=300"));

    /* By hand. */
    s.sport = 2000;
    assert(read_request(s, &r) == NEW);
    assert(n_expectations() == 2);
    assert(!ct_expects_delete(ct, 7, 0));
    assert(!ct_expects_delete(ct, -1, 12345));
    struct ds ds = DS_EMPTY_INITIALIZER;
    ct_expects_format(ct, 0, now, &ds);
    uint32_t id = atoi(strstr(ds_cstr(&ds), "id=") + 3);
    ds_destroy(&ds);
    assert(ct_expects_delete(ct, -1, id) == 1);
    assert(n_expectations() == 1);
    assert(ct_expects_delete(ct, 0, 0) == 1);
    assert(!n_expectations());
}

/* A flood of requests that nobody answers does not keep others out, of which
 * somebody does. */
static void
test_zone_full(void)
{
    struct test_spec s = request;
    unsigned int n = 0;

    for (unsigned int i = 0; i < CT_EXPECT_MAX_PER_ZONE; i++) {
        s.sport = i + 1;
        assert(read_request(s, &tftp) == NEW);
    }
    assert(n_expectations() == CT_EXPECT_MAX_PER_ZONE);
    s.sport++;
    assert(shows(",sport=1,dport=69)"));
    assert(read_request(s, &tftp) == NEW);
    assert(shows_not(",sport=1,dport=69)") && shows(",sport=2,dport=69)"));
    assert(n_expectations() == CT_EXPECT_MAX_PER_ZONE);
    assert(ct_counter_get(ct, CT_C_EXPECT_GAVE_WAY) == 1);

    /* Nobody does whose announcer would be missed. */
    assure_parents(0);
    s.sport++;
    assert(read_request(s, &tftp) == DROPPED);
    assert(ct_counter_get(ct, CT_C_DROP_EXPECT) == 1);
    assert(n_expectations() == CT_EXPECT_MAX_PER_ZONE);
    /* A zone is none of another's business. */
    struct ct_request other = tftp;
    other.zone = 1;
    assert(read_request(s, &other) == NEW);

    /* Of one behind all of these not every packet looks at all: it is found
     * after some. */
    const struct ct_expectation *e = CONTAINER_OF(
        hmap_first(&ct_zone_get(ct, 0)->expects.by_place),
        struct ct_expectation, node);
    assert(ct_expects_delete(ct, 0, e->id) == 1);
    s.sport = 5000;
    assert(read_request(s, &tftp) == NEW);
    for (s.sport++; read_request(s, &tftp) == DROPPED; s.sport++) {
        n++;
    }
    assert(n > 10 && n < 100);
    assert(shows_not(",sport=5000,dport=69)"));
    assert(n_expectations() == CT_EXPECT_MAX_PER_ZONE + 1);
}

/* Whoever comes to a place for which others are expected does not look at all
 * of these. */
static void
test_spread(void)
{
    struct test_spec s = request;
    struct ct_expects *expects;
    struct ct_expectation *e, *other;

    for (unsigned int i = 0; i < 300; i++) {
        s.dst = 1000 + i;
        assert(read_request(s, &tftp) == NEW);
    }
    expects = &ct_zone_get(ct, 0)->expects;
    HMAP_FOR_EACH (e, node, &expects->by_place) {
        unsigned int n = 0;

        HMAP_FOR_EACH_WITH_HASH (other, node, e->node.hash,
                                 &expects->by_place) {
            n++;
        }
        assert(n <= 2);
    }
    s = answer;
    s.src = 999;
    assert(state(s, &look) == NEW);
    for (unsigned int i = 0; i < 300; i++) {
        s.src = 1000 + i;
        assert(state(s, &commit) == (NEW | CS_RELATED));
    }
    assert(!n_expectations());
}

/* A permanent expectation, and one that is inactive. */
static void
test_flags(void)
{
    struct test_spec s = answer;

    assert(read_request(request, &tftp) == NEW);
    struct ct_expects *expects = &ct_zone_get(ct, 0)->expects;
    struct ct_expectation *e;
    HMAP_FOR_EACH (e, node, &expects->by_place) {
        e->permanent = true;
    }
    for (int i = 0; i < 3; i++) {
        s.sport++;
        assert(state(s, &commit) == (NEW | CS_RELATED));
        assert(n_expectations() == 1);
    }
    HMAP_FOR_EACH (e, node, &expects->by_place) {
        e->inactive = true;
    }
    s.sport++;
    assert(state(s, &commit) == NEW);
}

/* Under nat(src) the answer comes to the public address, and goes to the
 * client. */
static void
test_nat(void)
{
    struct ct_request r = snat(100, 0), related = { .zone = 1 };
    struct test_spec s = answer;
    struct dp_packet *p;

    strcpy(r.helper, "tftp");
    related.commit = true;
    related.nat.kind = CT_NAT_EXISTING;
    p = test_ct(ct, packet_with(request, "\0\1f\0o", 6), false, &r, now);
    assert(p->md.ct_state == (NEW | CS_SRC_NAT));
    dp_packet_delete(p);
    assert(shows("src=10.0.0.2,dst=10.0.0.100,sport=*,dport=1000,"
                 "nat=(src=10.0.0.2,dst=10.0.0.1,dport=1000),"));

    assert(state(s, &related) == NEW);
    s.dst = 100;
    s.sport++;
    p = test_ct(ct, test_packet(&s), false, &related, now);
    assert(p->md.ct_state == (NEW | CS_RELATED | CS_DST_NAT));
    const struct ip_header *ip = dp_packet_l3(p);
    assert(get_16aligned_be32(&ip->ip_dst) == test_ip(1));
    dp_packet_delete(p);
    assert(!n_expectations());
}

static void
test_ftp(void)
{
    struct test_spec data = { .proto = IPPROTO_TCP, .src = 2, .dst = 1,
                              .sport = 20, .dport = 1025, .flags = TCP_SYN };

    open_control(&ftp, false, 1, 2);
    any.nat.kind = CT_NAT_NONE;
    assert(state_with(segment(to_server, TCP_ACK, 108, 508),
                      "PORT 10,0,0,3,4,1\r\n", 19, &any) == EST);
    assert(!n_expectations());
    assert(ct_counter_get(ct, CT_C_HELPER_REFUSED) == 1);

    check_pass(segment(to_server, TCP_ACK, 127, 508),
               "PORT 10,0,0,1,4,1\r\n", "PORT 10,0,0,1,4,1\r\n", 127, 508);
    assert(n_expectations() == 1);
    assert(state(data, &look) == (NEW | CS_RELATED));

    /* The next one replaces it. */
    check_pass(segment(to_server, TCP_ACK, 146, 508),
               "PORT 10,0,0,1,4,2\r\n", "PORT 10,0,0,1,4,2\r\n", 146, 508);
    assert(n_expectations() == 1);
    assert(state(data, &look) == NEW);
    data.dport++;
    assert(state(data, &look) == (NEW | CS_RELATED));

    assert(state_with(segment(to_server, TCP_ACK, 165, 508),
                      "PORT 10,0,0", 11, &any) == DROPPED);
    assert(ct_counter_get(ct, CT_C_DROP_HELPER_PAYLOAD) == 1);
}

/* What client and server see of each other when the client's text becomes
 * longer. */
static void
test_ftp_snat(void)
{
    struct ct_request r = snat(100, 0);
    struct test_spec data = { .proto = IPPROTO_TCP, .src = 2, .dst = 100,
                              .sport = 20, .dport = 1025, .flags = TCP_SYN };
    struct ct_dpif_entry e;

    strcpy(r.helper, "ftp");
    open_control(&r, false, 100, 2);

    /* 19 bytes become 21; the first time and when they are sent again. */
    for (int i = 0; i < 2; i++) {
        check_pass(segment(to_server, TCP_ACK, 108, 508),
                   "PORT 10,0,0,1,4,1\r\n", "PORT 10,0,0,100,4,1\r\n", 108,
                   508);
        assert(n_expectations() == 1);
    }
    assert(shows("dst=10.0.0.100,sport=*,dport=1025,nat=(src=10.0.0.2,"
                 "dst=10.0.0.1,dport=1025)"));
    assert(dump_first(-1, &e) && e.status & CT_DPIF_STATUS_SEQ_ADJUST);
    ct_dpif_entry_uninit(&e);

    /* The server acknowledges 21, the client hears of 19. */
    check_pass(segment(to_client, TCP_ACK, 508, 129), "200 ok\r\n",
               "200 ok\r\n", 508, 127);
    check_pass(segment(to_server, TCP_ACK, 127, 516), "NOOP\r\n",
               "NOOP\r\n", 129, 516);
    /* An old acknowledgment. */
    check_pass(segment(to_client, TCP_ACK, 516, 108), "", "", 516, 108);
    /* What was never sent is not acknowledged. */
    assert(state(segment(to_client, TCP_ACK, 516, 136), &any) == INV);
    check_pass(segment(to_client, TCP_ACK, 516, 135), "", "", 516, 133);

    /* Again, on top of the first. */
    check_pass(segment(to_server, TCP_ACK, 133, 516),
               "EPRT |1|10.0.0.1|1026|\r\n", "EPRT |1|10.0.0.100|1026|\r\n",
               135, 516);
    check_pass(segment(to_client, TCP_ACK, 516, 161), "200 ok\r\n",
               "200 ok\r\n", 516, 157);
    check_pass(segment(to_server, TCP_ACK, 157, 524), "NOOP\r\n",
               "NOOP\r\n", 161, 524);
    /* The first one, of which it is not known any more that a line begins
     * there: it looks the same.  Another one must not get out as it came. */
    check_pass(segment(to_server, TCP_ACK, 108, 508),
               "PORT 10,0,0,1,4,1\r\n", "PORT 10,0,0,100,4,1\r\n", 108, 508);
    assert(state_with(segment(to_server, TCP_ACK, 108, 508),
                      "PORT 10,0,0,1,4,2\r\n", 19, &any) == DROPPED);
    assert(ct_counter_get(ct, CT_C_DROP_MANGLE) == 1);

    struct ct_request related = any;
    related.commit = true;
    data.dport = 1026;
    assert(state(data, &related) == (NEW | CS_RELATED | CS_DST_NAT));
    assert(!n_expectations());
    assert(ct_counter_get(ct, CT_C_INVALID_TCP_WINDOW) == 1);
}

/* A port that another connection holds at the public address: the client's
 * becomes another one, and is given back in the end. */
static void
test_ftp_port_taken(void)
{
    struct ct_request r = snat(100, 1025);
    struct test_spec s = tcp;
    uint32_t seq, ack;

    /* Takes port 1025. */
    s.src = 9;
    s.flags = TCP_SYN;
    assert(state(s, &r) == (NEW | CS_SRC_NAT));

    r = snat(100, 0);
    strcpy(r.helper, "ftp");
    open_control(&r, false, 100, 2);
    dp_packet_delete(pass(segment(to_server, TCP_ACK, 108, 508),
                          "PORT 10,0,0,1,4,1\r\n", "PORT 10,0,0,100,4,2\r\n",
                          &seq, &ack));
    assert(shows("dport=1026,nat=(src=10.0.0.2,dst=10.0.0.1,dport=1025)"));
    /* Sent again: the same. */
    dp_packet_delete(pass(segment(to_server, TCP_ACK, 108, 508),
                          "PORT 10,0,0,1,4,1\r\n", "PORT 10,0,0,100,4,2\r\n",
                          &seq, &ack));
    assert(n_expectations() == 1);
    assert(ct_expects_delete(ct, -1, 0) == 1);
    dp_packet_delete(pass(segment(to_server, TCP_ACK, 108, 508),
                          "PORT 10,0,0,1,4,1\r\n", "PORT 10,0,0,100,4,2\r\n",
                          &seq, &ack));
}

/* The server behind another address: it is its answers that change. */
static void
test_ftp_dnat(void)
{
    struct ct_request r = {
        .zone = 1, .commit = true, .helper = "ftp",
        .nat = {
            .kind = CT_NAT_DST, .have_addr = true, .ipv6 = true,
            .min_addr.ip6 = test_ip6(300), .max_addr.ip6 = test_ip6(300),
        },
    };

    open_control(&r, true, 1, 300);
    check_pass(segment(to_client, TCP_ACK, 508, 108),
               "229 go (|||1025|)\r\n", "229 go (|||1025|)\r\n", 508, 108);
    assert(shows("src=fd00::1,dst=fd00::2,sport=*,dport=1025,"
                 "nat=(src=fd00::1,dst=fd00::12c,dport=1025)"));
    check_pass(segment(to_server, TCP_ACK, 108, 527),
               "EPRT |2|fd00::1|1026|\r\n", "EPRT |2|fd00::1|1026|\r\n",
               108, 527);
    assert(shows("src=fd00::12c,dst=fd00::1,sport=*,dport=1026,"
                 "nat=(src=fd00::2,dst=fd00::1,dport=1026)"));
    assert(!ct_counter_get(ct, CT_C_MANGLED));

    /* And over IPv4, shorter. */
    r.nat.ipv6 = false;
    memset(&r.nat.min_addr, 0, sizeof r.nat.min_addr);
    r.nat.min_addr.ip = r.nat.max_addr.ip = test_ip(200);
    memset(&r.nat.max_addr, 0, sizeof r.nat.max_addr);
    r.nat.max_addr.ip = test_ip(200);
    open_control(&r, false, 1, 200);
    check_pass(segment(to_client, TCP_ACK, 508, 108),
               "227 go (10,0,0,200,4,1)\r\n", "227 go (10,0,0,2,4,1)\r\n",
               508, 108);
    /* The client acknowledges 23, the server hears of 25. */
    check_pass(segment(to_server, TCP_ACK, 108, 531), "NOOP\r\n", "NOOP\r\n",
               108, 533);
    check_pass(segment(to_client, TCP_ACK, 533, 114), "200 ok\r\n",
               "200 ok\r\n", 531, 114);
}

/* What came in fragments leaves in others when an address is replaced. */
static void
test_ftp_fragments(void)
{
    struct ct_request r = snat(100, 0);
    struct dp_packet_batch batch;
    struct dp_packet *whole;
    char line[901];

    strcpy(r.helper, "ftp");
    open_control(&r, false, 100, 2);
    ipf_set_min_frag(ct_ipf(ct), false, 400);

    memset(line, 'x', sizeof line);
    memcpy(line, "PORT 10,0,0,1,4,1\r\n", 19);
    line[899] = '\n';
    whole = packet_with(segment(to_server, TCP_ACK, 108, 508), line, 900);
    dp_packet_batch_init(&batch);
    for (int i = 0; i < 2; i++) {
        /* 600 bytes behind the IP header, and the other 320. */
        struct dp_packet *p = dp_packet_clone(whole);
        struct ip_header *ip = dp_packet_l3(p);
        size_t n = i ? 320 : 600;

        if (i) {
            memmove(ip + 1, (char *) (ip + 1) + 600, n);
        }
        dp_packet_set_size(p, (char *) (ip + 1) + n
                              - (char *) dp_packet_data(p));
        ip->ip_tot_len = htons(IP_HEADER_LEN + n);
        ip->ip_frag_off = htons(i ? 600 / 8 : IP_MORE_FRAGMENTS);
        ip->ip_csum = 0;
        ip->ip_csum = csum(ip, IP_HEADER_LEN);
        dp_packet_batch_add(&batch, p);
    }
    dp_packet_delete(whole);

    ct_execute(ct, &batch, htons(ETH_TYPE_IP), &any, now);
    assert(dp_packet_batch_size(&batch) == 2);
    assert(!memcmp((char *) dp_packet_l4(batch.packets[0]) + TCP_HEADER_LEN,
                   "PORT 10,0,0,100,4,1\r\nx", 22));
    assert(dp_packet_l4_size(batch.packets[0]) == 600);
    assert(dp_packet_l4_size(batch.packets[1]) == 322);
    assert(!ct_counter_get(ct, CT_C_DROP_MANGLE));
    assert(ct_counter_get(ct, CT_C_MANGLED) == 1);
    dp_packet_delete_batch(&batch, true);
}

/* Policies. */

static bool
policy_shows(const char *what)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    bool same;

    ct_helper_policies_format(ct, &ds);
    same = !strcmp(ds_cstr(&ds), what);
    if (!same) {
        printf("%s\n", ds_cstr(&ds));
    }
    ds_destroy(&ds);
    return same;
}

static bool
refused(const char *text)
{
    char *error = ct_helper_policies_set(ct, text);
    bool is_error = error != NULL;

    free(error);
    return is_error;
}

static const char *const bad_policies[] = {
    "zone=5",
    "proto=udp,port=69,helper=tftp",
    "zone=5,port=69,helper=tftp",
    "zone=5,proto=udp,helper=tftp",
    "zone=5,proto=udp,port=69",
    "zone=65536,proto=udp,port=69,helper=tftp",
    "zone=-1,proto=udp,port=69,helper=tftp",
    "zone=,proto=udp,port=69,helper=tftp",
    "zone=5x,proto=udp,port=69,helper=tftp",
    "zone=5,proto=icmp,port=69,helper=tftp",
    "zone=5,proto=udp,port=0,helper=tftp",
    "zone=5,proto=udp,port=65536,helper=tftp",
    "zone=5,proto=udp,port=69,helper=nosuch",
    "zone=5,proto=udp,port=69,helper=",
    "zone=5,proto=tcp,port=69,helper=tftp",
    "zone=5,proto=udp,port=69,helper=tftp,more=1",
    "zone=5,proto=udp,port=69,helper=tftp;zone=5,proto=udp,port=69,"
        "helper=tftp",
    /* A comma between policies, and each field twice. */
    "zone=5,proto=udp,port=69,helper=tftp,zone=6,proto=udp,port=69,"
        "helper=tftp",
    "zone=5,proto=udp,port=69,helper=tftp,zone=5",
    "zone=5,proto=udp,port=69,helper=tftp,proto=udp",
    "zone=5,proto=udp,port=69,helper=tftp,port=70",
    "helper=tftp,zone=5,proto=udp,port=69,helper=tftp",
};

/* What is wrong loses nothing; what is right beside it is taken. */
static void
check_parts(void)
{
    const uint64_t n_bad = ct_counter_get(ct, CT_C_HELPER_SETTING_BAD);
    char *error = ct_helper_policies_set(
        ct, "zone=7,proto=tcp,port=21,helper=ftp\n"
            "zone=5,proto=udp,port=69,helper=fttp; "
            "zone=*,proto=tcp,port=21,helper=irc\r\nnonsense");

    assert(!strcmp(error,
                   "\"zone=5,proto=udp,port=69,helper=fttp\": "
                   "helper=fttp: there is no such helper\n"
                   "\"nonsense\": "
                   "nonsense is neither zone, proto, port nor helper"));
    free(error);
    assert(ct_counter_get(ct, CT_C_HELPER_SETTING_BAD) == n_bad + 2);
    assert(policy_shows(
        "  zone=7,proto=tcp,port=21,helper=ftp (configured)\n"
        "  zone=*,proto=tcp,port=21,helper=irc (configured)\n"
        "  zone=5,proto=udp,port=69,helper=tftp (configured)\n"));
    assert(!ct_helper_policies_set(ct,
                                   "zone=7,proto=tcp,port=21,helper=ftp"));
    assert(policy_shows(
        "  zone=7,proto=tcp,port=21,helper=ftp (configured)\n"));
}

static void
test_policy(void)
{
    const struct ct_request in_zone5 = { .zone = 5, .commit = true };
    struct ct_helper_policy policy;
    struct test_spec s = request;

    /* Never by itself. */
    assert(read_request(s, &commit) == NEW && !n_expectations());

    assert(!ct_helper_policies_set(
        ct, "zone=5,proto=udp,port=69,helper=tftp;"
            "proto=tcp,port=21,helper=ftp,zone=*"));
    assert(policy_shows(
        "  zone=5,proto=udp,port=69,helper=tftp (configured)\n"
        "  zone=*,proto=tcp,port=21,helper=ftp (configured)\n"));
    s.sport = 1;
    assert(read_request(s, &commit) == NEW && !n_expectations());
    assert(read_request(s, &in_zone5) == NEW && n_expectations() == 1);
    s.sport = 2;
    s.dport = 70;
    assert(read_request(s, &in_zone5) == NEW && n_expectations() == 1);

    /* What is wrong changes nothing. */
    for (size_t i = 0; i < ARRAY_SIZE(bad_policies); i++) {
        if (!refused(bad_policies[i])) {
            printf("%s\n", bad_policies[i]);
            abort();
        }
        assert(ct_counter_get(ct, CT_C_HELPER_SETTING_BAD) == i + 1);
    }
    assert(policy_shows(
        "  zone=5,proto=udp,port=69,helper=tftp (configured)\n"
        "  zone=*,proto=tcp,port=21,helper=ftp (configured)\n"));

    check_parts();

    /* One by one; the configuration does not touch them. */
    assert(!ct_helper_policy_parse("zone=*,proto=udp,port=70,helper=tftp",
                                   false, &policy));
    assert(!ct_helper_policy_add(ct, &policy));
    assert(!ct_helper_policy_add(ct, &policy));
    assert(!ct_helper_policies_set(ct, NULL));
    assert(policy_shows("  zone=*,proto=udp,port=70,helper=tftp\n"));
    s.sport = 3;
    assert(read_request(s, &in_zone5) == NEW && n_expectations() == 2);
    assert(!ct_helper_policy_parse("zone=*,proto=udp,port=70", true,
                                   &policy));
    policy.helper = &ct_helper_sip;
    assert(ct_helper_policy_del(ct, &policy) == ENOENT);
    policy.helper = NULL;
    assert(!ct_helper_policy_del(ct, &policy));
    assert(ct_helper_policy_del(ct, &policy) == ENOENT);
    assert(policy_shows(""));
    s.sport = 4;
    assert(read_request(s, &in_zone5) == NEW && n_expectations() == 2);

    /* The kernel's names. */
    assert(ct_helper_find("RAS") == &ct_helper_ras
           && ct_helper_find("Q.931") == &ct_helper_q931
           && ct_helper_find("netbios_ns") == &ct_helper_netbios_ns
           && !ct_helper_find("Q931"));

    /* Full. */
    for (int i = 0; i < CT_HELPER_MAX_POLICIES; i++) {
        policy.port = i + 1;
        policy.helper = &ct_helper_tftp;
        assert(!ct_helper_policy_add(ct, &policy));
    }
    policy.port++;
    assert(ct_helper_policy_add(ct, &policy) == ENOSPC);
}

/* Random payloads, in connections with and without translation. */
static void
test_random_payloads(void)
{
    static const char *const words[] = {
        "PORT ", "EPRT ", "227 ", "229 ", "10,0,0,1,4,1", "10,0,0,2,4,1",
        "PORT 10,0,0,1,4,1\r\n", "EPRT |1|10.0.0.1|1025|\r\n",
        "|1|10.0.0.1|1025|", "(|||1025|)", "\r\n", "\n", "\r", " ", "(", "9",
    };
    struct ct_request r = snat(100, 0);
    uint32_t seq[] = { 108, 508 };
    uint32_t random = 1;

    strcpy(r.helper, "ftp");
    open_control(&r, false, 100, 2);
    ct_set_tcp_seq_chk(ct, false);
    for (int i = 0; i < 30000; i++) {
        char line[512] = "";
        bool server;

        random = random * 1664525 + 1013904223;
        server = random >> 31;
        for (unsigned int n = random >> 16 & 7; n > 0; n--) {
            random = random * 1664525 + 1013904223;
            strcat(line, words[(random >> 16) % ARRAY_SIZE(words)]);
        }

        struct test_spec s = segment(server ? to_client : to_server, TCP_ACK,
                                     seq[server], seq[!server]);
        uint8_t ct_state = state_with(s, line, strlen(line), &any);
        if (ct_state != DROPPED) {
            seq[server] += strlen(line);
        }
        assert(n_expectations() <= 1);
    }
    assert(ct_counter_get(ct, CT_C_MANGLED) > 10);
}

static const struct test tests[] = {
    { "events", test_events },
    { "once", test_once },
    { "strangers", test_strangers },
    { "ends", test_ends },
    { "zone-full", test_zone_full },
    { "spread", test_spread },
    { "flags", test_flags },
    { "nat", test_nat },
    { "ftp", test_ftp },
    { "ftp-snat", test_ftp_snat },
    { "ftp-port-taken", test_ftp_port_taken },
    { "ftp-dnat", test_ftp_dnat },
    { "ftp-fragments", test_ftp_fragments },
    { "policy", test_policy },
    { "random", test_random_payloads },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
