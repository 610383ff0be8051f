/* SPDX-License-Identifier: Apache-2.0 */

/* Netlink messages: what is written is read again, and nothing else is. */

#include <config.h>

#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ct-filter.h"
#include "ct-netlink.h"
#include "netlink.h"
#include "packets.h"
#include "random.h"
#include "util.h"

static const struct ct_nl_header header = {
    .type = CT_NL_TYPE(IPCTNL_MSG_CT_NEW), .flags = NLM_F_MULTI, .seq = 7,
};

static void
random_addr(bool v6, union ct_dpif_inet_addr *addr)
{
    random_bytes(addr, v6 ? sizeof addr->in6 : sizeof addr->ip);
}

static void
random_tuple(uint8_t proto, bool v6, struct ct_dpif_tuple *t)
{
    memset(t, 0, sizeof *t);
    t->l3_type = v6 ? AF_INET6 : AF_INET;
    t->ip_proto = proto;
    random_addr(v6, &t->src);
    random_addr(v6, &t->dst);
    t->src_port = (OVS_FORCE ovs_be16) random_uint16();
    t->dst_port = (OVS_FORCE ovs_be16) random_uint16();
}

static void
random_entry(uint8_t proto, bool v6, struct ct_dpif_entry *e)
{
    memset(e, 0, sizeof *e);
    random_tuple(proto, v6, &e->tuple_orig);
    random_tuple(proto, v6, &e->tuple_reply);
    if (random_range(2)) {
        random_tuple(IPPROTO_TCP, v6, &e->tuple_parent);
    }
    e->id = random_uint32();
    e->zone = random_range(2) ? random_uint16() : 0;
    e->counters_orig.packets = random_uint64();
    e->counters_orig.bytes = random_uint64();
    e->counters_reply.packets = random_uint64();
    e->counters_reply.bytes = random_uint64();
    e->timestamp.start = random_uint64();
    e->timestamp.stop = random_range(2) ? random_uint64() : 0;
    e->status = random_uint32() & CT_DPIF_STATUS_MASK;
    e->timeout = random_uint32();
    e->mark = random_uint32();
    e->have_labels = random_range(2);
    if (e->have_labels) {
        random_bytes(&e->labels, sizeof e->labels);
    }
    if (proto == IPPROTO_TCP) {
        e->protoinfo.proto = proto;
        e->protoinfo.tcp.state_orig = e->protoinfo.tcp.state_reply
            = ct_nl_tcp_state_to_dpif(random_range(9));
        e->protoinfo.tcp.wscale_orig = random_range(15);
        e->protoinfo.tcp.wscale_reply = random_range(15);
        e->protoinfo.tcp.flags_orig = random_range(64);
        e->protoinfo.tcp.flags_reply = random_range(64);
    } else if (proto == IPPROTO_SCTP) {
        e->protoinfo.proto = proto;
        e->protoinfo.sctp.state = ct_nl_sctp_state_to_dpif(random_range(10));
        e->protoinfo.sctp.vtag_orig = random_uint32();
        e->protoinfo.sctp.vtag_reply = random_uint32();
    }
}

static void
test_conn(void)
{
    static const uint8_t protos[] = {
        IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_SCTP,
        IPPROTO_GRE, 50,
    };

    for (int i = 0; i < 2000; i++) {
        struct ct_dpif_entry e;
        struct ct_nl_conn conn;
        struct ofpbuf buf;
        char name[] = "ftp";

        random_entry(protos[i % ARRAY_SIZE(protos)], i & 1, &e);
        ofpbuf_init(&buf, 0);
        e.helper.name = i & 2 ? name : NULL;
        ct_nl_put_conn_msg(&buf, &header, &e);
        assert(ct_nl_msg_len(buf.data, buf.size) == buf.size);
        assert(!ct_nl_get_conn(&buf, &conn));

        assert(!strcmp(conn.helper, i & 2 ? "ftp" : ""));
        assert(!conn.entry.helper.name);
        e.helper.name = NULL;
        assert(!memcmp(&conn.entry, &e, sizeof e));
        assert(conn.given & CT_NL_BIT(CTA_MARK));
        assert(!!(conn.given & CT_NL_BIT(CTA_ZONE)) == !!e.zone);
        assert(conn.mark_mask == UINT32_MAX);
        ofpbuf_uninit(&buf);
    }
}

static void
test_expect(void)
{
    for (int i = 0; i < 500; i++) {
        struct ct_nl_expect e, got;
        struct ofpbuf buf;

        memset(&e, 0, sizeof e);
        e.id = random_uint32();
        e.zone = random_range(2) ? random_uint16() : 0;
        e.timeout = random_uint32();
        e.flags = random_range(4);
        e.class = random_range(4);
        random_tuple(IPPROTO_TCP, i & 1, &e.tuple);
        random_tuple(IPPROTO_TCP, i & 1, &e.mask);
        random_tuple(IPPROTO_TCP, i & 1, &e.parent);
        if (i & 2) {
            e.nat = true;
            e.nat_dir = i & 4;
            random_tuple(IPPROTO_UDP, i & 1, &e.nat_tuple);
        }
        ovs_strlcpy(e.helper, "tftp", sizeof e.helper);
        ofpbuf_init(&buf, 0);
        ct_nl_put_expect_msg(&buf, &header, &e);
        assert(!ct_nl_get_expect(&buf, &got));
        assert(!memcmp(&got, &e, sizeof e));
        ofpbuf_uninit(&buf);
    }
}

static void
test_result(void)
{
    const struct nlmsghdr request = { .nlmsg_seq = 9 };
    struct ct_nl_result result;
    struct ofpbuf buf;

    ofpbuf_init(&buf, 0);
    ct_nl_put_done(&buf, 9, UINT64_C(5000000000));
    assert(ct_nl_get_result(&buf, &result));
    assert(!result.error && result.count == UINT64_C(5000000000));
    ofpbuf_clear(&buf);
    ct_nl_put_error(&buf, &request, EPERM, "a sentence");
    assert(ct_nl_get_result(&buf, &result));
    assert(result.error == EPERM && !strcmp(result.text, "a sentence"));
    ofpbuf_clear(&buf);
    ct_nl_put_error(&buf, &request, 0, NULL);
    assert(ct_nl_get_result(&buf, &result));
    assert(!result.error && !result.text[0]);
    ofpbuf_clear(&buf);
    ct_nl_end(&buf, ct_nl_begin(&buf, &header));
    assert(!ct_nl_get_result(&buf, &result));
    ofpbuf_uninit(&buf);
}

static void
test_msg_len(void)
{
    struct nlmsghdr nlmsg = { .nlmsg_len = sizeof nlmsg };

    assert(ct_nl_msg_len(&nlmsg, 0) == 0);
    assert(ct_nl_msg_len(&nlmsg, sizeof nlmsg - 1) == 0);
    assert(ct_nl_msg_len(&nlmsg, sizeof nlmsg) == sizeof nlmsg);
    nlmsg.nlmsg_len = sizeof nlmsg + 4;
    assert(ct_nl_msg_len(&nlmsg, sizeof nlmsg) == 0);
    nlmsg.nlmsg_len = sizeof nlmsg - 4;
    assert(ct_nl_msg_len(&nlmsg, sizeof nlmsg) == -1);
    nlmsg.nlmsg_len = sizeof nlmsg + 1;
    assert(ct_nl_msg_len(&nlmsg, sizeof nlmsg) == -1);
    nlmsg.nlmsg_len = CT_NL_MAX_MSG + 4;
    assert(ct_nl_msg_len(&nlmsg, sizeof nlmsg) == -1);
}

/* A message is cut off, or one byte of it is another: it is read or refused,
 * and what was read can be written. */
static void
test_damaged(void)
{
    for (int i = 0; i < 20000; i++) {
        struct ct_dpif_entry e;
        struct ct_nl_conn conn;
        struct ofpbuf buf, cut;

        random_entry(i & 1 ? IPPROTO_TCP : IPPROTO_ICMP, i & 2, &e);
        ofpbuf_init(&buf, 0);
        ct_nl_put_conn_msg(&buf, &header, &e);

        /* Of exactly its size: the sanitizer sees what is read behind. */
        size_t size = (i & 4 ? random_range(buf.size - NLMSG_HDRLEN)
                       + NLMSG_HDRLEN : buf.size);
        ofpbuf_use_data(&cut, xmemdup(buf.data, size), size);
        if (size > NLMSG_HDRLEN) {
            uint8_t *payload = (uint8_t *) cut.data + NLMSG_HDRLEN;

            payload[random_range(size - NLMSG_HDRLEN)]
                ^= 1 << random_range(8);
        }
        if (!ct_nl_get_conn(&cut, &conn)
            && conn.given & CT_NL_BIT(CTA_TUPLE_ORIG)) {
            struct ct_nl_conn again;

            ofpbuf_clear(&buf);
            conn.entry.helper.name = conn.helper[0] ? conn.helper : NULL;
            if (!conn.entry.tuple_reply.l3_type) {
                conn.entry.tuple_reply = conn.entry.tuple_orig;
            }
            ct_nl_put_conn_msg(&buf, &header, &conn.entry);
            assert(!ct_nl_get_conn(&buf, &again));
            assert(again.entry.mark == conn.entry.mark);
        }
        free(cut.data);
        ofpbuf_uninit(&buf);
    }
}

/* What must be refused. */
static void
test_refused(void)
{
    struct ct_dpif_tuple t;
    struct ct_nl_conn conn;
    struct ofpbuf buf;

    /* A tuple without addresses. */
    ofpbuf_init(&buf, 0);
    size_t ofs = ct_nl_begin(&buf, &header);
    size_t nested = nl_msg_start_nested(&buf, CTA_TUPLE_ORIG);
    nl_msg_end_nested(&buf, nested);
    ct_nl_end(&buf, ofs);
    assert(ct_nl_get_conn(&buf, &conn));

    /* Too large a state, and a mark of two bytes. */
    ofpbuf_clear(&buf);
    ofs = ct_nl_begin(&buf, &header);
    nested = nl_msg_start_nested(&buf, CTA_PROTOINFO);
    size_t tcp = nl_msg_start_nested(&buf, CTA_PROTOINFO_TCP);
    nl_msg_put_u8(&buf, CTA_PROTOINFO_TCP_STATE, 10);
    nl_msg_end_nested(&buf, tcp);
    nl_msg_end_nested(&buf, nested);
    ct_nl_end(&buf, ofs);
    assert(ct_nl_get_conn(&buf, &conn));
    ofpbuf_clear(&buf);
    ofs = ct_nl_begin(&buf, &header);
    nl_msg_put_u16(&buf, CTA_MARK, 1);
    ct_nl_end(&buf, ofs);
    assert(ct_nl_get_conn(&buf, &conn));

    /* What is not known is skipped. */
    ofpbuf_clear(&buf);
    ofs = ct_nl_begin(&buf, &header);
    random_tuple(IPPROTO_UDP, false, &t);
    ct_nl_put_tuple(&buf, CTA_TUPLE_ORIG, &t);
    nl_msg_put_u32(&buf, CTA_SYNPROXY, 1);
    nl_msg_put_u32(&buf, 0x3ff0, 1);
    ct_nl_end(&buf, ofs);
    assert(!ct_nl_get_conn(&buf, &conn));
    assert(conn.given == CT_NL_BIT(CTA_TUPLE_ORIG));
    ofpbuf_uninit(&buf);
}

static void
test_states(void)
{
    for (int i = 0; i < 10; i++) {
        assert(ct_nl_tcp_state(ct_nl_tcp_state_name(i)) == i);
        assert(ct_nl_sctp_state(ct_nl_sctp_state_name(i)) == i);
        assert(ct_nl_tcp_state_from_dpif(ct_nl_tcp_state_to_dpif(i)) == i);
        assert(ct_nl_sctp_state_from_dpif(ct_nl_sctp_state_to_dpif(i)) == i);
    }
    assert(ct_nl_tcp_state("established") == 3);
    assert(ct_nl_tcp_state("nonsense") == -1);
}

/* A filter travels. */
static void
test_filter(void)
{
    for (int i = 0; i < 500; i++) {
        struct ct_filter f, got;
        struct ofpbuf buf;

        ct_filter_init(&f);
        f.given = random_uint32() & ((1u << CT_FILTER_N) - 2)
                  & ~(1u << CT_FILTER_MARK_MASK | 1u << CT_FILTER_LABELS_MASK
                      | 1u << CT_FILTER_STATUS_MASK);
        if (ct_filter_has(&f, CT_FILTER_FAMILY)) {
            f.family = i & 1 ? AF_INET : AF_INET6;
        }
        f.zone = ct_filter_has(&f, CT_FILTER_ZONE) ? random_uint16() : 0;
        f.status_mask = f.mark_mask = UINT32_MAX;
        if (ct_filter_has(&f, CT_FILTER_MARK)) {
            f.mark_mask = random_uint32();
            f.mark = random_uint32() & f.mark_mask;
            f.given |= 1u << CT_FILTER_MARK_MASK;
        }
        if (ct_filter_has(&f, CT_FILTER_STATUS)) {
            f.given |= 1u << CT_FILTER_STATUS_MASK;
        }
        if (ct_filter_has(&f, CT_FILTER_LABELS)) {
            f.given |= 1u << CT_FILTER_LABELS_MASK;
            random_bytes(&f.labels, sizeof f.labels);
            f.labels_mask = f.labels;
        }
        if (ct_filter_has(&f, CT_FILTER_ORIG)) {
            f.orig.src.set = true;
            f.orig.src.ipv6 = i & 1;
            random_bytes(&f.orig.src.addr, i & 1 ? 16 : 4);
            random_bytes(&f.orig.src.mask, i & 1 ? 16 : 4);
            f.orig.icmp_type = 8;
            f.orig.dst_port = htons(80);
            f.orig.given = (1u << CT_FILTER_T_SRC | 1u << CT_FILTER_T_SRC_MASK
                            | 1u << CT_FILTER_T_ICMP_TYPE
                            | 1u << CT_FILTER_T_DST_PORT);
        }
        ofpbuf_init(&buf, 0);
        ct_filter_put(&buf, &f);
        assert(!ct_filter_get(buf.data, &got));
        assert(!memcmp(&got, &f, sizeof f));
        ofpbuf_uninit(&buf);
    }
}

int
main(void)
{
    random_set_seed(1);
    test_conn();
    test_expect();
    test_result();
    test_msg_len();
    test_damaged();
    test_refused();
    test_states();
    test_filter();
    printf("ct-netlink: ok\n");
    return 0;
}
