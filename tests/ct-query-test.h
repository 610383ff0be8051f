/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_QUERY_TEST_H
#define CT_QUERY_TEST_H 1

/* Requests to a tracker with real packets, and its answers. */

#include "ct-core-test.h"

#include "ct-filter.h"
#include "ct-netlink.h"
#include "ct-query.h"
#include "ct-zone.h"
#include "netlink.h"

/* A request in the making, and what became of it. */
static struct ofpbuf request, answer;
static struct ct_filter filter;
static struct ct_nl_result result;
static unsigned int n_parts, n_told;

static inline void
begin_type(uint16_t type, uint16_t flags)
{
    const struct ct_nl_header header = {
        .type = type, .flags = NLM_F_REQUEST | flags, .seq = 5,
    };

    ofpbuf_clear(&request);
    ct_nl_begin(&request, &header);
    ct_filter_init(&filter);
}

static inline void
begin(uint16_t msg, uint16_t flags)
{
    begin_type(CT_NL_TYPE(msg), flags);
}

static inline void
put_filter(void)
{
    size_t ofs = nl_msg_start_nested(&request, CTA_TRACKWAY);

    ct_filter_put(&request, &filter);
    nl_msg_end_nested(&request, ofs);
}

/* Takes the whole answer; 'n_told' are its messages but for the last. */
static inline int
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

static inline int
ask(void)
{
    return ask_as(true);
}

static inline void
setup(void)
{
    ofpbuf_init(&request, 0);
    ofpbuf_init(&answer, 4 * 1024 * 1024);
}

static inline void
teardown(void)
{
    ofpbuf_uninit(&request);
    ofpbuf_uninit(&answer);
}

static inline void
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

static inline struct ct_conn *
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

#endif /* ct-query-test.h */
