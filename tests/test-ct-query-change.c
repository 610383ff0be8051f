/* SPDX-License-Identifier: Apache-2.0 */

/* Connections that are deleted, changed and made by command, on a tracker with
 * real packets. */

#include <config.h>

#include "ct-joint.h"
#include "ct-nat.h"
#include "ct-nat-port.h"
#include "ct-nat-search.h"

#include "ct-query-test.h"

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

int
main(int argc, char *argv[])
{
    static const struct test tests[] = {
        { "delete", test_delete },
        { "change", test_change },
        { "joint", test_joint },
        { "create", test_create },
        { "tcp", test_tcp },
    };

    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
