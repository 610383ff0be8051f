/* SPDX-License-Identifier: Apache-2.0 */

/* Queries, filters, changes and connections made by command, on a tracker
 * with real packets. */

#include <config.h>

#include "ct-change.h"
#include "ct-expect.h"
#include "ct-filter.h"
#include "ct-helper.h"
#include "ct-joint.h"
#include "ct-nat.h"
#include "ct-nat-port.h"
#include "ct-nat-search.h"
#include "ct-netlink.h"
#include "ct-query.h"
#include "ct-top.h"
#include "ct-zone.h"
#include "netlink.h"
#include "openvswitch/poll-loop.h"

#include "ct-core-test.h"

/* A request in the making, and what became of it. */
static struct ofpbuf request, answer;
static struct ct_filter filter;
static struct ct_nl_result result;
static unsigned int n_parts, n_told;

static void
begin_type(uint16_t type, uint16_t flags)
{
    const struct ct_nl_header header = {
        .type = type, .flags = NLM_F_REQUEST | flags, .seq = 5,
    };

    ofpbuf_clear(&request);
    ct_nl_begin(&request, &header);
    ct_filter_init(&filter);
}

static void
begin(uint16_t msg, uint16_t flags)
{
    begin_type(CT_NL_TYPE(msg), flags);
}

static void
put_filter(void)
{
    size_t ofs = nl_msg_start_nested(&request, CTA_TRACKWAY);

    ct_filter_put(&request, &filter);
    nl_msg_end_nested(&request, ofs);
}

/* Takes the whole answer; 'n_told' are its messages but for the last. */
static int
ask_as(bool may_change)
{
    struct ct_query *q;

    ct_nl_end(&request, 0);
    q = ct_query_create(ct, &request, may_change);
    ofpbuf_clear(&answer);
    n_parts = n_told = 0;
    bool more;
    do {
        size_t size = answer.size;

        more = ct_query_run(q, &answer);
        assert(answer.size - size <= CT_QUERY_OUT + 2048);
        n_parts++;
        ovsrcu_quiesce();
    } while (more);
    ct_query_destroy(q);

    const char *data = answer.data;
    size_t left = answer.size;
    int len;
    for (; (len = ct_nl_msg_len(data, left)) > 0; data += len, left -= len) {
        struct ofpbuf msg;

        ofpbuf_use_const(&msg, data, len);
        assert(((const struct nlmsghdr *) msg.data)->nlmsg_seq == 5);
        if (ct_nl_get_result(&msg, &result)) {
            assert(left == len);
            return result.error;
        }
        n_told++;
    }
    OVS_NOT_REACHED();
}

static int
ask(void)
{
    return ask_as(true);
}

static void
setup(void)
{
    ofpbuf_init(&request, 0);
    ofpbuf_init(&answer, 4 * 1024 * 1024);
}

static void
teardown(void)
{
    ofpbuf_uninit(&request);
    ofpbuf_uninit(&answer);
}

static unsigned int
count(void)
{
    struct ct_filter f = filter;

    begin(IPCTNL_MSG_CT_GET_STATS, 0);
    filter = f;
    put_filter();
    assert(!ask());
    assert(n_told == 1);
    return result.count;
}

/* More than one part; all of them; what goes meanwhile is not told. */
static void
test_list(void)
{
    setup();
    assert(commit_many(0, 1, 9000) == 9000);
    assert(commit_many(3, 1, 10) == 10);
    begin(IPCTNL_MSG_CT_GET, NLM_F_DUMP);
    assert(!ask());
    assert(n_told == 9010 && result.count == 9010 && n_parts > 2);

    begin(IPCTNL_MSG_CT_GET, NLM_F_DUMP);
    filter.zone = 3;
    ct_filter_give(&filter, CT_FILTER_ZONE);
    put_filter();
    assert(!ask());
    assert(n_told == 10);

    begin(IPCTNL_MSG_CT_GET, NLM_F_DUMP);
    ct_nl_end(&request, 0);
    struct ct_query *q = ct_query_create(ct, &request, false);
    ofpbuf_clear(&answer);
    assert(ct_query_run(q, &answer));
    assert(!ct_flush(ct, NULL, NULL));
    while (ct_query_run(q, &answer)) {
        continue;
    }
    ct_query_destroy(q);
    assert(answer.size < 2 * CT_QUERY_OUT);
    teardown();
}

/* Each condition, on one connection that has it and one that has not. */
static void
test_filter(void)
{
    struct ct_request request_ = { .zone = 2, .commit = true, .mark = 0x15,
                                   .mark_mask = UINT32_MAX };
    struct ct_request nat = snat(99, 4000);

    setup();
    request_.label.u64.lo = 6;
    request_.label_mask.u64.lo = 6;
    assert(state(segment(tcp, TCP_SYN, 1, 0), &request_) & CS_NEW);
    assert(state(udp, &nat) & CS_NEW);
    assert(state(ping, &commit) & CS_NEW);

    ct_filter_init(&filter);
    assert(count() == 3);
    filter.proto = IPPROTO_TCP;
    ct_filter_give(&filter, CT_FILTER_PROTO);
    assert(count() == 1);
    filter.state = 1;
    ct_filter_give(&filter, CT_FILTER_STATE);
    assert(count() == 1);
    filter.state = 3;
    assert(count() == 0);

    ct_filter_init(&filter);
    filter.mark = 0x10;
    filter.mark_mask = 0x10;
    ct_filter_give(&filter, CT_FILTER_MARK);
    assert(count() == 1);
    filter.mark = 0;
    assert(count() == 2);

    ct_filter_init(&filter);
    filter.labels.u64.lo = filter.labels_mask.u64.lo = 2;
    ct_filter_give(&filter, CT_FILTER_LABELS);
    assert(count() == 1);
    filter.labels.u64.lo = filter.labels_mask.u64.lo = 3;
    assert(count() == 0);

    ct_filter_init(&filter);
    filter.nat = CT_FILTER_NAT_S;
    ct_filter_give(&filter, CT_FILTER_NAT);
    assert(count() == 1);
    filter.nat = CT_FILTER_NAT_D;
    assert(count() == 0);
    filter.nat = CT_FILTER_NAT_ANY;
    assert(count() == 1);
    filter.nat = CT_FILTER_NAT_BOTH;
    assert(count() == 0);

    ct_filter_init(&filter);
    filter.orig.icmp_type = 8;
    filter.orig.given = 1u << CT_FILTER_T_ICMP_TYPE;
    ct_filter_give(&filter, CT_FILTER_ORIG);
    assert(count() == 1);
    filter.orig.icmp_id = htons(78);
    filter.orig.given |= 1u << CT_FILTER_T_ICMP_ID;
    assert(count() == 0);

    ct_filter_init(&filter);
    filter.reply.dst = (struct ct_filter_addr) {
        .set = true, .addr.ip = test_ip(99), .mask.ip = OVS_BE32_MAX,
    };
    filter.reply.dst_port = htons(4000);
    filter.reply.given = 1u << CT_FILTER_T_DST_PORT;
    ct_filter_give(&filter, CT_FILTER_REPLY);
    assert(count() == 1);
    filter.reply.dst.mask.ip = htonl(0xffffff00);
    filter.reply.dst.addr.ip &= filter.reply.dst.mask.ip;
    assert(count() == 1);
    filter.reply.dst_port = htons(4001);
    assert(count() == 0);

    ct_filter_init(&filter);
    filter.status = filter.status_mask = CT_DPIF_STATUS_SRC_NAT;
    ct_filter_give(&filter, CT_FILTER_STATUS);
    assert(count() == 1);
    filter.family = AF_INET6;
    ct_filter_init(&filter);
    ct_filter_give(&filter, CT_FILTER_FAMILY);
    filter.family = AF_INET6;
    assert(count() == 0);
    teardown();
}

static void
put_udp_tuple(uint16_t type, uint16_t src, uint16_t dst, uint16_t sport,
              uint16_t dport)
{
    struct ct_dpif_tuple t = {
        .l3_type = AF_INET, .ip_proto = IPPROTO_UDP,
        .src.ip = test_ip(src), .dst.ip = test_ip(dst),
        .src_port = htons(sport), .dst_port = htons(dport),
    };

    ct_nl_put_tuple(&request, type, &t);
}

static void
test_delete(void)
{
    struct ct_request marked = { .commit = true, .mark = 7,
                                 .mark_mask = UINT32_MAX };
    struct test_spec s = udp;

    setup();
    for (int i = 0; i < 6000; i++) {
        s.sport = 1 + i;
        assert(state(s, i % 3 ? &commit : &marked) & CS_NEW);
    }
    begin(IPCTNL_MSG_CT_DELETE, NLM_F_ECHO);
    filter.mark = 7;
    filter.mark_mask = UINT32_MAX;
    ct_filter_give(&filter, CT_FILTER_MARK);
    put_filter();
    assert(!ask());
    assert(n_told == 2000 && result.count == 2000);
    assert(ct_get_nconns(ct) == 4000);

    /* The kernel's conditions, of which we know nothing. */
    begin(IPCTNL_MSG_CT_DELETE, 0);
    nl_msg_put_be32(&request, CTA_MARK, htonl(7));
    assert(ask() == EOPNOTSUPP);
    begin(IPCTNL_MSG_CT_DELETE, 0);
    nl_msg_put_flag(&request, CTA_FILTER);
    assert(ask() == EOPNOTSUPP);
    begin(IPCTNL_MSG_CT_DELETE, 0);
    put_udp_tuple(CTA_TUPLE_MASTER, 1, 2, 1000, 53);
    assert(ask() == EOPNOTSUPP);
    assert(ct_get_nconns(ct) == 4000);

    /* No filter: all of a zone, or of all. */
    assert(commit_many(3, 1, 10) == 10);
    begin(IPCTNL_MSG_CT_DELETE, 0);
    nl_msg_put_be16(&request, CTA_ZONE, htons(3));
    assert(!ask() && result.count == 10);
    assert(ct_get_nconns(ct) == 4000);
    begin(IPCTNL_MSG_CT_DELETE, 0);
    assert(!ask());
    assert(ct_get_nconns(ct) == 0);
    teardown();
}

static struct ct_conn *
conn_of(struct test_spec s, uint16_t zone)
{
    struct ct_tuple t = {
        .src.ip = test_ip(s.src), .dst.ip = test_ip(s.dst),
        .src_port = htons(s.sport), .dst_port = htons(s.dport),
        .proto = s.proto,
    };
    enum ct_dir dir;

    return ct_zone_find(ct_zone_get(ct, zone), &t, &dir);
}

static void
test_change(void)
{
    struct ct_dpif_entry e;

    setup();
    assert(state(udp, &commit) & CS_NEW);
    advance(200);               /* Its deadline is on the wheel. */
    begin(IPCTNL_MSG_CT_NEW, NLM_F_ECHO);
    put_udp_tuple(CTA_TUPLE_ORIG, 1, 2, 1000, 53);
    nl_msg_put_be32(&request, CTA_MARK, htonl(0xff));
    nl_msg_put_be32(&request, CTA_MARK_MASK, htonl(0x0f));
    nl_msg_put_be32(&request, CTA_TIMEOUT, htonl(5000));
    nl_msg_put_be32(&request, CTA_STATUS, htonl(CT_DPIF_STATUS_ASSURED));
    assert(!ask());
    assert(n_told == 1);
    assert(dump_first(-1, &e));
    assert(e.mark == 0x0f && e.timeout >= 4999 && e.timeout <= 5000);
    assert(e.status & CT_DPIF_STATUS_ASSURED);
    ct_dpif_entry_uninit(&e);

    /* A closer deadline is kept. */
    begin(IPCTNL_MSG_CT_NEW, 0);
    put_udp_tuple(CTA_TUPLE_REPLY, 2, 1, 53, 1000);
    nl_msg_put_be32(&request, CTA_TIMEOUT, htonl(3));
    assert(!ask());
    advance(2500);
    assert(ct_get_nconns(ct) == 1);
    advance(1000);
    assert(ct_get_nconns(ct) == 0);

    /* What cannot be changed, and who is not there. */
    assert(state(udp, &commit) & CS_NEW);
    begin(IPCTNL_MSG_CT_NEW, 0);
    put_udp_tuple(CTA_TUPLE_ORIG, 1, 2, 1000, 53);
    nl_msg_put_be32(&request, CTA_STATUS, htonl(CT_DPIF_STATUS_DYING));
    assert(ask() == EOPNOTSUPP && result.text[0]);
    begin(IPCTNL_MSG_CT_NEW, 0);
    put_udp_tuple(CTA_TUPLE_ORIG, 1, 2, 1001, 53);
    nl_msg_put_be32(&request, CTA_MARK, htonl(1));
    assert(ask() == ENOENT);
    begin(IPCTNL_MSG_CT_NEW, 0);
    nl_msg_put_be32(&request, CTA_MARK, htonl(1));
    assert(ask() == EINVAL);
    assert(dump_first(-1, &e));
    assert(e.mark == 0);
    ct_dpif_entry_uninit(&e);
    teardown();
}

/* A connection in a joint leaves it, and its fellows stay what they are. */
static void
test_joint(void)
{
    struct ct_track tracks[2];
    struct test_spec there = udp, here = back(udp);

    setup();
    for (int turn = 0; turn < 4; turn++) {
        for (uint16_t zone = 1; zone <= 2; zone++) {
            struct ct_request r = { .zone = zone, .commit = !turn };
            struct dp_packet *p = test_ct(ct,
                                          test_packet(turn & 1 ? &here
                                                      : &there),
                                          false, &r, now);

            ct_track_remember(p, 0, &tracks[zone - 1]);
            dp_packet_delete(p);
        }
        now += turn == 1 ? 2001 : 0;
    }
    assert(ct_joint_make(ct, tracks, 2));
    assert(ct_joint_has(conn_of(udp, 1)) && ct_joint_has(conn_of(udp, 2)));

    begin(IPCTNL_MSG_CT_NEW, 0);
    filter.zone = 2;
    ct_filter_give(&filter, CT_FILTER_ZONE);
    put_filter();
    nl_msg_put_be32(&request, CTA_MARK, htonl(9));
    assert(!ask());
    assert(result.count == 1);
    assert(!ct_joint_has(conn_of(udp, 1)) && !ct_joint_has(conn_of(udp, 2)));
    assert(atomic_load(&conn_of(udp, 1)->mark) == 0);
    assert(atomic_load(&conn_of(udp, 2)->mark) == 9);
    teardown();
}

static void
put_new(uint16_t sport, uint16_t nat_sport, uint32_t timeout)
{
    begin(IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL);
    put_udp_tuple(CTA_TUPLE_ORIG, 1, 2, sport, 53);
    put_udp_tuple(CTA_TUPLE_REPLY, 2, nat_sport ? 99 : 1, 53,
                  nat_sport ? nat_sport : sport);
    nl_msg_put_be32(&request, CTA_TIMEOUT, htonl(timeout));
    nl_msg_put_be16(&request, CTA_ZONE, htons(1));
}

/* Does a connection hold that port of host 99 in zone 1? */
static bool
is_held(uint16_t port)
{
    const struct ct_tuple to = {
        .src.ip = test_ip(99), .src_port = htons(port), .proto = IPPROTO_UDP,
    };
    struct ct_nat_pools *pools = ct_get_nat(ct)->pools;
    struct ct_nat_pool_key key;
    struct ct_nat_pool *pool;

    ct_nat_pool_key_init(&key, 1, &to);
    pool = ct_nat_port_reserve(pools, &key, port);
    if (pool) {
        ct_nat_port_release(pool, port);
    }
    return !pool;
}

static void
test_create(void)
{
    const struct ct_request in_1 = { .zone = 1 };
    struct ct_request any_port = snat(99, 0);
    struct test_spec s = udp;

    setup();
    put_new(1000, 0, 100);
    assert(!ask());
    assert(ct_get_nconns(ct) == 1);
    assert(state(udp, &in_1) == EST || state(udp, &in_1) == NEW);
    put_new(1000, 0, 100);
    assert(ask() == EEXIST && result.text[0]);
    assert(ct_get_nconns(ct) == 1);

    /* It holds its translated port: the next one gets another. */
    put_new(1001, 4000, 100);
    assert(!ask());
    assert(is_held(4000) && !is_held(4001));
    any_port.nat.have_port = true;
    any_port.nat.min_port = 4000;
    any_port.nat.max_port = 4001;
    s.sport = 1002;
    assert(state(s, &any_port) & CS_NEW);
    s.sport = 1003;
    s.dst = 2;
    assert(state(s, &any_port) == DROPPED);
    put_new(1004, 4000, 100);
    assert(ask() == EEXIST);

    /* It expires, and then the port is free. */
    advance(101 * 1000);
    assert(ct_get_nconns(ct) == 0);
    assert(!is_held(4000));
    s.sport = 1003;
    assert(state(s, &any_port) & CS_NEW);
    assert(!ct_flush(ct, NULL, NULL));

    /* Limits. */
    ct_zone_limit_set(ct, 1, 1);
    put_new(1, 0, 100);
    assert(!ask());
    put_new(2, 0, 100);
    assert(ask() == ENOSPC);
    assert(ct_get_nconns(ct) == 1);

    /* Without a timeout, a reply, or with another protocol in it. */
    put_new(3, 0, 0);
    assert(ask() == EINVAL);
    begin(IPCTNL_MSG_CT_NEW, NLM_F_CREATE);
    put_udp_tuple(CTA_TUPLE_ORIG, 1, 2, 9, 53);
    assert(ask() == EINVAL);
    teardown();
}

/* A TCP connection that was made goes on in the middle. */
static void
test_tcp(void)
{
    struct ct_dpif_entry e;

    setup();
    memset(&e, 0, sizeof e);
    assert(state(segment(tcp, TCP_SYN, 100, 0), &commit) & CS_NEW);
    assert(state(segment(back(tcp), TCP_SYN | TCP_ACK, 500, 101), &look)
           == RPL);
    assert(state(segment(tcp, TCP_ACK, 101, 501), &look) == EST);
    assert(dump_first(-1, &e));
    assert(!ct_flush(ct, NULL, NULL));

    begin(IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL);
    ct_nl_put_conn(&request, &e);
    ct_dpif_entry_uninit(&e);
    assert(!ask());
    assert(state(segment(back(tcp), TCP_ACK, 9000, 7000), &look) == RPL);
    assert(state(segment(tcp, TCP_ACK, 7000, 9000), &look) == EST);
    /* Nobody has seen its windows' scale: none is checked. */
    assert(state(segment(tcp, TCP_ACK, 70000000, 9000), &look) == EST);
    assert(dump_first(-1, &e));
    assert(e.protoinfo.tcp.state_orig == CT_DPIF_TCPS_ESTABLISHED);
    assert(e.status & CT_DPIF_STATUS_ASSURED);
    ct_dpif_entry_uninit(&e);
    teardown();
}

static void
test_refused(void)
{
    static const uint16_t changing[] = {
        IPCTNL_MSG_CT_NEW, IPCTNL_MSG_CT_DELETE, IPCTNL_MSG_CT_GET_CTRZERO,
    };

    setup();
    assert(state(udp, &commit) & CS_NEW);
    for (size_t i = 0; i < ARRAY_SIZE(changing); i++) {
        begin(changing[i], NLM_F_DUMP);
        put_filter();
        nl_msg_put_be32(&request, CTA_MARK, htonl(1));
        assert(ask_as(false) == EPERM && result.text[0]);
    }
    assert(ct_get_nconns(ct) == 1);
    begin(IPCTNL_MSG_CT_GET, NLM_F_DUMP);
    assert(!ask_as(false) && n_told == 1);

    begin(0x7f, 0);
    assert(ask() == EOPNOTSUPP);
    begin(IPCTNL_MSG_CT_GET_STATS_CPU, 0);
    assert(ask() == EINVAL);
    begin(IPCTNL_MSG_CT_GET, 0);
    request.size = NLMSG_HDRLEN;
    assert(ask() == EINVAL);
    begin(IPCTNL_MSG_CT_GET, NLM_F_DUMP);
    filter.family = 99;
    ct_filter_give(&filter, CT_FILTER_FAMILY);
    put_filter();
    assert(ask() == EINVAL);
    teardown();
}

/* Counters are told and set to 0. */
static void
test_zero(void)
{
    struct ct_dpif_entry e;

    setup();
    assert(state(udp, &commit) & CS_NEW);
    begin(IPCTNL_MSG_CT_GET_CTRZERO, NLM_F_DUMP);
    assert(!ask());
    assert(n_told == 1);
    assert(dump_first(-1, &e));
    assert(!e.counters_orig.packets && !e.counters_orig.bytes);
    ct_dpif_entry_uninit(&e);
    begin(IPCTNL_MSG_CT_GET_STATS_CPU, NLM_F_DUMP);
    assert(!ask());
    assert(n_told == 1);
    teardown();
}

static void
add_expectation(uint16_t zone)
{
    const struct ct_request r = { .zone = zone, .commit = true };
    struct ct_expectation *e;
    struct ct_conn *parent;

    assert(state(segment(tcp, TCP_SYN, 1, 0), &r) & CS_NEW);
    parent = conn_of(tcp, zone);
    e = ct_expect_create(parent);
    ct_conn_tuple(parent, CT_DIR_REPLY, &e->tuple);
    e->tuple.src_port = htons(0);
    e->helper = ct_helper_find("ftp");
    e->expires = now + 100 * 1000;
    ct_conn_lock(parent);
    assert(ct_expect_add(ct, ct_zone_get(ct, zone), e));
    ct_conn_unlock(parent);
}

/* Expectations of several zones are told, and deleted by id and by zone. */
static void
test_expect(void)
{
    struct ct_nl_expect e;
    struct ofpbuf msg;

    setup();
    for (uint16_t zone = 1; zone <= 3; zone++) {
        add_expectation(zone);
    }
    begin_type(CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_GET), NLM_F_DUMP);
    assert(!ask_as(false));
    assert(n_told == 3 && n_parts == 3 && result.count == 3);
    ofpbuf_use_const(&msg, answer.data,
                     ct_nl_msg_len(answer.data, answer.size));
    assert(!ct_nl_get_expect(&msg, &e));
    assert(e.zone == 1 && !strcmp(e.helper, "ftp") && e.timeout <= 100);
    assert(e.tuple.src.ip == test_ip(2) && !e.mask.src_port);

    begin_type(CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_DELETE), 0);
    nl_msg_put_be32(&request, CTA_EXPECT_ID, htonl(e.id));
    assert(ask_as(false) == EPERM);
    begin_type(CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_DELETE), 0);
    nl_msg_put_be32(&request, CTA_EXPECT_ID, htonl(e.id));
    assert(!ask() && result.count == 1);
    begin_type(CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_DELETE), 0);
    nl_msg_put_be32(&request, CTA_EXPECT_ID, htonl(e.id));
    assert(ask() == ENOENT);
    /* No id that there can be, and a condition that we do not know. */
    begin_type(CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_DELETE), 0);
    nl_msg_put_be32(&request, CTA_EXPECT_ID, htonl(0));
    assert(ask() == ENOENT);
    begin_type(CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_DELETE), 0);
    put_udp_tuple(CTA_EXPECT_TUPLE, 1, 2, 1000, 53);
    assert(ask() == EOPNOTSUPP);
    begin_type(CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_DELETE), 0);
    nl_msg_put_be16(&request, CTA_EXPECT_ZONE, htons(2));
    assert(!ask() && result.count == 1);
    begin_type(CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_GET), NLM_F_DUMP);
    assert(!ask() && n_told == 1);
    teardown();
}

/* The expectation that 'e' describes, of the connection of 'tcp' in zone 1. */
static int
make_expectation(const struct ct_nl_expect *e, uint16_t flags)
{
    const struct ct_nl_header header = {
        .type = CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_NEW),
        .flags = NLM_F_REQUEST | NLM_F_CREATE | flags, .seq = 5,
    };

    ofpbuf_clear(&request);
    ct_nl_put_expect_msg(&request, &header, e);
    return ask();
}

static struct ct_nl_expect
some_expectation(const struct ct_conn *parent)
{
    struct ct_nl_expect e = { .zone = 1, .timeout = 50 };
    struct ct_tuple tuple;

    ct_conn_tuple(parent, CT_DIR_ORIGINAL, &tuple);
    ct_tuple_to_dpif(&tuple, &e.parent);
    ct_conn_tuple(parent, CT_DIR_REPLY, &tuple);
    tuple.dst_port = htons(4000);
    ct_tuple_to_dpif(&tuple, &e.tuple);
    e.mask = e.tuple;
    e.mask.src.ip = e.mask.dst.ip = OVS_BE32_MAX;
    e.mask.src_port = htons(0);
    e.mask.dst_port = OVS_BE16_MAX;
    return e;
}

/* Commands make expectations of connections with a helper; a packet that is
 * expected is RELATED. */
static void
test_expect_new(void)
{
    struct ct_request r = { .zone = 1, .commit = true };
    struct ct_nl_expect e, bad;
    struct test_spec data;

    setup();
    assert(state(segment(tcp, TCP_SYN, 1, 0), &r) & CS_NEW);
    e = some_expectation(conn_of(tcp, 1));
    assert(make_expectation(&e, 0) == EOPNOTSUPP);      /* No helper. */
    ovs_strlcpy(r.helper, "ftp", sizeof r.helper);
    assert(state(segment(tcp, TCP_SYN, 1, 0), &r) & CS_NEW);

    bad = e;
    bad.zone = 2;
    assert(make_expectation(&bad, 0) == ENOENT);
    bad = e;
    bad.mask.dst_port = htons(0);
    assert(make_expectation(&bad, 0) == EINVAL);
    bad = e;
    bad.mask.src.ip = htonl(0xff00ff00);
    assert(make_expectation(&bad, 0) == EINVAL);
    bad = e;
    bad.mask.src_port = htons(255);
    assert(make_expectation(&bad, 0) == EINVAL);
    bad = e;
    bad.class = 1;
    assert(make_expectation(&bad, 0) == EINVAL);
    ovs_strlcpy(bad.helper, "nobody", sizeof bad.helper);
    bad.class = 0;
    assert(make_expectation(&bad, 0) == EINVAL);
    bad = e;
    bad.nat = true;
    bad.nat_tuple = e.tuple;
    assert(make_expectation(&bad, 0) == EINVAL);

    assert(!make_expectation(&e, NLM_F_EXCL));
    assert(make_expectation(&e, NLM_F_EXCL) == EEXIST);
    e.mask.src.ip = htonl(0xffffff00);
    assert(!make_expectation(&e, 0));                   /* Replaces it. */
    begin_type(CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_GET), NLM_F_DUMP);
    assert(!ask() && n_told == 1);
    struct ofpbuf msg;
    struct ct_nl_expect got;
    ofpbuf_use_const(&msg, answer.data,
                     ct_nl_msg_len(answer.data, answer.size));
    assert(!ct_nl_get_expect(&msg, &got));
    assert(got.timeout <= 50 && got.mask.src.ip == htonl(0xffffff00));
    assert(!memcmp(&got.parent, &e.parent, sizeof e.parent));

    data = tcp;
    data.src = tcp.dst;
    data.dst = tcp.src;
    data.sport = 20;
    data.dport = 4000;
    assert(state(segment(data, TCP_SYN, 1, 0), &r) & CS_RELATED);
    begin_type(CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_GET), NLM_F_DUMP);
    assert(!ask() && !n_told);
    teardown();
}

/* Tables of what goes on. */

static void
begin_top(uint32_t interval, uint32_t group)
{
    size_t ofs;

    begin(CT_NL_MSG_TOP, 0);
    ofs = nl_msg_start_nested(&request, CTA_TRACKWAY);
    nl_msg_put_be32(&request, CT_NLA_INTERVAL, htonl(interval));
    nl_msg_put_be32(&request, CT_NLA_GROUP, htonl(group));
    nl_msg_end_nested(&request, ofs);
}

/* How many whole tables there are in the answer. */
static unsigned int
count_tables(unsigned int *connections)
{
    const char *data = answer.data;
    size_t left = answer.size;
    unsigned int n = 0;
    int len;

    for (; (len = ct_nl_msg_len(data, left)) > 0; data += len, left -= len) {
        struct ct_top_row row;
        struct ofpbuf msg;

        ofpbuf_use_const(&msg, data, len);
        assert(!ct_nl_get_top(&msg, &row));
        if (row.kind == CT_TOP_ALL) {
            *connections = row.connections;
            n++;
        }
    }
    return n;
}

static void
test_top(void)
{
    struct ct_query *queries[CT_QUERY_TOP_MAX];
    unsigned int connections = 0;

    setup();
    assert(commit_many(3, 1, 5000) == 5000);
    begin_top(CT_QUERY_TOP_MIN - 1, 0);
    assert(ask_as(false) == EINVAL);
    begin_top(CT_QUERY_TOP_MIN, CT_TOP_N_GROUPS);
    assert(ask_as(false) == EINVAL);

    begin_top(CT_QUERY_TOP_MIN, CT_TOP_SERVICE);
    ct_nl_end(&request, 0);
    for (int i = 0; i < CT_QUERY_TOP_MAX; i++) {
        queries[i] = ct_query_create(ct, &request, false);
        assert(ct_query_is_endless(queries[i]));
    }
    assert(ask_as(false) == EBUSY);

    /* None comes before its time, and then all of it. */
    ofpbuf_clear(&answer);
    assert(ct_query_run(queries[0], &answer) && !answer.size);
    while (count_tables(&connections) < 2) {
        assert(ct_query_run(queries[0], &answer));
        ct_query_wait(queries[0]);
        poll_block();
    }
    assert(connections == 5000);
    for (int i = 0; i < CT_QUERY_TOP_MAX; i++) {
        ct_query_destroy(queries[i]);
    }

    /* There is room again. */
    queries[0] = ct_query_create(ct, &request, false);
    assert(ct_query_is_endless(queries[0]));
    ct_query_destroy(queries[0]);
    teardown();
}

int
main(int argc, char *argv[])
{
    static const struct test tests[] = {
        { "list", test_list },
        { "filter", test_filter },
        { "delete", test_delete },
        { "change", test_change },
        { "joint", test_joint },
        { "create", test_create },
        { "tcp", test_tcp },
        { "refused", test_refused },
        { "zero", test_zero },
        { "expect", test_expect },
        { "expect-new", test_expect_new },
        { "top", test_top },
    };

    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
