/* SPDX-License-Identifier: Apache-2.0 */

/* Expectations that are told, deleted and made by command, on a tracker with
 * real packets. */

#include <config.h>

#include "ct-expect.h"
#include "ct-helper.h"

#include "ct-query-test.h"

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

int
main(int argc, char *argv[])
{
    static const struct test tests[] = {
        { "expect", test_expect },
        { "expect-new", test_expect_new },
    };

    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
