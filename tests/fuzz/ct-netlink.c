/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target: requests at the tracker's socket.
 *
 * Input: requests, each 5 bytes (message, flags, family, attributes' length)
 * and then attributes, any bytes.  Each must have an answer of whole messages
 * that ends with a result; what it lists must be read as it was written; what
 * a reader asks changes nothing. */

#include <config.h>

#include "fuzz-ct.h"

#include "ct-netlink.h"
#include "ct-query.h"
#include "ct-zone.h"

#define MAX_REQUESTS 8
#define MAX_ZONES 16

/* Which requests there are, and one that is not. */
static const uint16_t types[] = {
    CT_NL_TYPE(IPCTNL_MSG_CT_NEW),
    CT_NL_TYPE(IPCTNL_MSG_CT_GET),
    CT_NL_TYPE(IPCTNL_MSG_CT_DELETE),
    CT_NL_TYPE(IPCTNL_MSG_CT_GET_CTRZERO),
    CT_NL_TYPE(IPCTNL_MSG_CT_GET_STATS_CPU),
    CT_NL_TYPE(IPCTNL_MSG_CT_GET_STATS),
    CT_NL_TYPE(IPCTNL_MSG_CT_GET_DYING),
    CT_NL_TYPE(CT_NL_MSG_SUBSCRIBE),
    CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_GET),
    CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_DELETE),
    CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_NEW),
    0x7777,
};

static void
make_request(struct fuzz_input *in, struct ofpbuf *request)
{
    struct ct_nl_header header = {
        .type = types[fuzz_below(in, ARRAY_SIZE(types))],
        .flags = fuzz_u8(in) << 3,
        .seq = 1,
        .family = fuzz_u8(in),
    };
    size_t len = fuzz_u16(in) % 1024;
    size_t ofs = ct_nl_begin(request, &header);

    fuzz_bytes(in, ofpbuf_put_uninit(request, len), len);
    ct_nl_end(request, ofs);
}

static void
check_conn(const struct ofpbuf *msg)
{
    const struct ct_nl_header header = {
        .type = ((const struct nlmsghdr *) msg->data)->nlmsg_type,
        .flags = NLM_F_MULTI, .seq = 1,
    };
    struct ct_nl_conn conn;
    struct ofpbuf again;

    assert(!ct_nl_get_conn(msg, &conn));
    conn.entry.helper.name = conn.helper[0] ? conn.helper : NULL;
    ofpbuf_init(&again, msg->size);
    ct_nl_put_conn_msg(&again, &header, &conn.entry);
    assert(again.size == msg->size);
    assert(!memcmp(again.data, msg->data, msg->size));
    ofpbuf_uninit(&again);
}

static void
check_answer(const struct ofpbuf *answer)
{
    const char *data = answer->data;
    size_t left = answer->size;
    struct ct_nl_result result;
    bool last = false;

    while (left) {
        int len = ct_nl_msg_len(data, left);
        struct ofpbuf msg;

        assert(len > 0 && !last);
        ofpbuf_use_const(&msg, data, len);
        last = ct_nl_get_result(&msg, &result);
        if (!last) {
            const struct nlmsghdr *nlmsg = msg.data;

            if (nlmsg->nlmsg_type == CT_NL_TYPE(IPCTNL_MSG_CT_NEW)
                || nlmsg->nlmsg_type == CT_NL_TYPE(IPCTNL_MSG_CT_DELETE)) {
                check_conn(&msg);
            }
        }
        data += len;
        left -= len;
    }
    assert(last);
    assert(!result.error || result.text[0]);
}

static void
run_request(struct fuzz_input *in, bool may_change)
{
    uint32_t n = ct_get_nconns(ct);
    struct ofpbuf request, exact, answer;
    struct ct_query *q;

    ofpbuf_init(&request, 0);
    ofpbuf_init(&answer, CT_QUERY_OUT);
    make_request(in, &request);
    ofpbuf_use_data(&exact, xmemdup(request.data, request.size),
                    request.size);
    q = ct_query_create(ct, &exact, may_change);
    free(exact.data);
    bool endless = ct_query_is_endless(q);
    while (ct_query_run(q, &answer) && !endless) {
        continue;
    }
    ct_query_destroy(q);
    if (!endless) {
        check_answer(&answer);
    }
    assert(may_change || ct_get_nconns(ct) == n);
    ofpbuf_uninit(&request);
    ofpbuf_uninit(&answer);
}

/* A zone that has been stays.  With many of them a flush takes its time. */
static void
end_connections(void)
{
    if (ct_zones_count(ct) > MAX_ZONES) {
        ct_destroy(ct);
        ct = NULL;
    } else {
        ct_flush(ct, NULL, NULL);
    }
    ovsrcu_quiesce();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_input_init(data, size);

    fuzz_ct_begin();
    for (int i = 0; i < MAX_REQUESTS && fuzz_left(&in); i++) {
        run_request(&in, fuzz_u8(&in) & 1);
    }
    end_connections();
    return 0;
}
