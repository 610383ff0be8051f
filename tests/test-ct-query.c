/* SPDX-License-Identifier: Apache-2.0 */

/* Queries: lists, filters and tables of what goes on, on a tracker with real
 * packets. */

#include <config.h>

#include "ct-top.h"
#include "openvswitch/poll-loop.h"

#include "ct-query-test.h"

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
        { "refused", test_refused },
        { "zero", test_zero },
        { "top", test_top },
    };

    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
