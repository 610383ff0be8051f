/* SPDX-License-Identifier: Apache-2.0 */

/* Queries: which requests there are, and how an answer goes on and ends.
 * tw-ct-server.c, in the datapath, brings them in and takes the answers.
 * (What they do to connections: ct-query-conn.c.) */

#include <config.h>

#include "ct-query.h"

#include <errno.h>

#include "ct.h"
#include "ct-counters.h"
#include "ct-dump.h"
#include "ct-query-private.h"
#include "netlink.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"

static ct_query_start stats_cpu, no_table;

/* In the order of ct-query.h. */
static const struct request {
    uint16_t type;
    bool changes;               /* Not for everybody. */
    bool dump;                  /* Needs NLM_F_DUMP. */
    ct_query_start *start;
} requests[] = {
    { CT_NL_TYPE(IPCTNL_MSG_CT_GET), false, false, ct_query_get },
    { CT_NL_TYPE(IPCTNL_MSG_CT_GET_CTRZERO), true, true, ct_query_zero },
    { CT_NL_TYPE(IPCTNL_MSG_CT_NEW), true, false, ct_query_new },
    { CT_NL_TYPE(IPCTNL_MSG_CT_DELETE), true, false, ct_query_delete },
    { CT_NL_TYPE(IPCTNL_MSG_CT_GET_STATS), false, false, ct_query_stats },
    { CT_NL_TYPE(IPCTNL_MSG_CT_GET_STATS_CPU), false, true, stats_cpu },
    { CT_NL_TYPE(IPCTNL_MSG_CT_GET_DYING), false, true, no_table },
    { CT_NL_TYPE(IPCTNL_MSG_CT_GET_UNCONFIRMED), false, true, no_table },
    { CT_NL_TYPE(CT_NL_MSG_SUBSCRIBE), false, false, ct_query_subscribe },
    { CT_NL_TYPE(CT_NL_MSG_TOP), false, false, ct_query_top },
    { CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_GET), false, true, ct_query_expect_get },
    { CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_DELETE), true, false,
      ct_query_expect_delete },
    { CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_NEW), true, false,
      ct_query_expect_new },
};

static const struct request *find_request(uint16_t type);
static int start(struct ct_query *, const struct ofpbuf *request,
                 bool may_change);
static bool go_on(struct ct_query *, struct ofpbuf *out);
static void finish(struct ct_query *, struct ofpbuf *out);
static void put_stats(struct ct_query *, struct ofpbuf *out);

struct ct_query *
ct_query_create(struct ct *ct, const struct ofpbuf *request, bool may_change)
{
    struct ct_query *q = xzalloc(sizeof *q);

    q->ct = ct;
    q->header = *(const struct nlmsghdr *) request->data;
    q->echo = q->header.nlmsg_flags & NLM_F_ECHO;
    q->now = time_msec();
    ofpbuf_init(&q->first, 0);
    q->error = start(q, request, may_change);
    return q;
}

void
ct_query_destroy(struct ct_query *q)
{
    if (q) {
        ct_query_events_destroy(q->events);
        ct_query_top_destroy(q->top);
        ct_dump_destroy(q->dump);
        ofpbuf_uninit(&q->first);
        free(q);
    }
}

bool
ct_query_run(struct ct_query *q, struct ofpbuf *out)
{
    q->now = time_msec();
    if (q->first.size) {
        ofpbuf_put(out, q->first.data, q->first.size);
        ofpbuf_clear(&q->first);
    }
    if (!q->error && q->events) {
        ct_query_events_run(q->events, out);
        return true;
    }
    if (!q->error && q->top) {
        ct_query_top_run(q->top, out);
        return true;
    }
    if (!q->error && (q->visit ? go_on(q, out)
                      : q->step ? q->step(q, out) : false)) {
        return true;
    }
    finish(q, out);
    return false;
}

bool
ct_query_is_endless(const struct ct_query *q)
{
    return (q->events || q->top) && !q->error;
}

void
ct_query_wait(const struct ct_query *q)
{
    if (!ct_query_is_endless(q)) {
        poll_immediate_wake();
    } else if (q->events) {
        ct_query_events_wait(q->events);
    } else {
        ct_query_top_wait(q->top);
    }
}

int
ct_query_fail(struct ct_query *q, int error, const char *text)
{
    q->text = text;
    return error;
}

int
ct_query_parse(struct ct_query *q, const struct ofpbuf *request)
{
    struct nlattr *own[CT_NLA_N];
    const char *wrong = ct_nl_get_own(request, own);

    if (!wrong) {
        wrong = ct_nl_get_conn(request, &q->conn);
    }
    if (!wrong && own[CT_NLA_FILTER]) {
        q->have_filter = true;
        wrong = ct_filter_get(own[CT_NLA_FILTER], &q->filter);
    }
    return wrong ? ct_query_fail(q, EINVAL, wrong) : 0;
}

bool
ct_query_is_flush(const struct ofpbuf *request, uint16_t zone)
{
    const size_t header = NLMSG_HDRLEN + sizeof(struct nfgenmsg);
    const struct nlattr *nla;
    size_t left;

    NL_ATTR_FOR_EACH (nla, left, ofpbuf_at_assert(request, header, 0),
                      request->size - header) {
        if (nl_attr_type(nla) != zone && nl_attr_type(nla) != CTA_TRACKWAY) {
            return false;
        }
    }
    return !left;
}

void
ct_query_put(struct ct_query *q, struct ofpbuf *out, unsigned int msg,
             struct ct_conn *conn)
{
    const struct ct_nl_header header = {
        .type = CT_NL_TYPE(msg),
        .flags = NLM_F_MULTI,
        .seq = q->header.nlmsg_seq,
    };
    struct ct_dpif_entry entry;

    ct_dump_fill(q->ct, conn, q->now, &entry);
    ct_nl_put_conn_msg(out, &header, &entry);
    ct_dpif_entry_uninit(&entry);
}

static const struct request *
find_request(uint16_t type)
{
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        if (requests[i].type == type) {
            return &requests[i];
        }
    }
    return NULL;
}

static int
start(struct ct_query *q, const struct ofpbuf *request, bool may_change)
{
    const struct request *r = find_request(q->header.nlmsg_type);

    if (!r) {
        return ct_query_fail(q, EOPNOTSUPP,
                             "a request that this daemon does not know");
    }
    if (request->size < NLMSG_HDRLEN + sizeof(struct nfgenmsg)) {
        return ct_query_fail(q, EINVAL, "a request that is too short");
    }
    if (r->changes && !may_change) {
        return ct_query_fail(q, EPERM, "only root and the daemon's own user "
                             "may change or delete anything");
    }
    if (r->dump && (q->header.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP) {
        return ct_query_fail(q, EINVAL, "a request that needs NLM_F_DUMP");
    }
    return r->start(q, request, &q->first);
}

/* One part of the pass.  False at its end. */
static bool
go_on(struct ct_query *q, struct ofpbuf *out)
{
    size_t limit = out->size + CT_QUERY_OUT;

    if (!q->dump) {
        bool zone = q->have_filter && ct_filter_has(&q->filter,
                                                    CT_FILTER_ZONE);

        q->dump = ct_dump_create(q->ct, zone ? &q->filter.zone : NULL, NULL);
    }
    for (int i = 0; i < CT_QUERY_LOOK && out->size < limit; i++) {
        struct ct_conn *conn = ct_dump_next_conn(q->dump);

        if (!conn) {
            return false;
        }
        if (ct_filter_match(&q->filter, conn)) {
            q->visit(q, conn, out);
        }
    }
    return true;
}

static void
finish(struct ct_query *q, struct ofpbuf *out)
{
    if (q->error) {
        ct_nl_put_error(out, &q->header, q->error, q->text);
        return;
    }
    if (q->tells_count) {
        put_stats(q, out);
    }
    ct_nl_put_done(out, q->header.nlmsg_seq, q->count);
}

static void
put_stats(struct ct_query *q, struct ofpbuf *out)
{
    const struct ct_nl_header header = {
        .type = CT_NL_TYPE(IPCTNL_MSG_CT_GET_STATS),
        .seq = q->header.nlmsg_seq,
    };
    size_t ofs = ct_nl_begin(out, &header);

    nl_msg_put_be32(out, CTA_STATS_GLOBAL_ENTRIES, htonl(q->count));
    nl_msg_put_be32(out, CTA_STATS_GLOBAL_MAX_ENTRIES,
                    htonl(ct_get_maxconns(q->ct)));
    ct_nl_end(out, ofs);
}

/* Requests that need no connection. */

/* The kernel's counters, in terms of ours, whose names all begin alike. */
static uint32_t
sum_counters(const struct ct *ct, const char *prefix)
{
    uint64_t sum = 0;

    for (int i = 0; i < CT_N_COUNTERS; i++) {
        if (!strncmp(ct_counter_name(i), prefix, strlen(prefix))) {
            sum += ct_counter_get(ct, i);
        }
    }
    return sum;
}

static int
stats_cpu(struct ct_query *q, const struct ofpbuf *request OVS_UNUSED,
          struct ofpbuf *out)
{
    static const struct {
        uint16_t cta;
        const char *prefix;
    } stats[] = {
        { CTA_STATS_FOUND, "found" },
        { CTA_STATS_INVALID, "invalid-" },
        { CTA_STATS_INSERT, "created" },
        { CTA_STATS_INSERT_FAILED, "drop-clash" },
        { CTA_STATS_DROP, "drop-" },
        { CTA_STATS_EARLY_DROP, "early-drop" },
        { CTA_STATS_ERROR, "invalid-icmp-error" },
        { CTA_STATS_CLASH_RESOLVE, "clash" },
    };
    const struct ct_nl_header header = {
        .type = CT_NL_TYPE(IPCTNL_MSG_CT_GET_STATS_CPU),
        .flags = NLM_F_MULTI,
        .seq = q->header.nlmsg_seq,
    };
    size_t ofs = ct_nl_begin(out, &header);

    for (size_t i = 0; i < ARRAY_SIZE(stats); i++) {
        nl_msg_put_be32(out, stats[i].cta,
                        htonl(sum_counters(q->ct, stats[i].prefix)));
    }
    nl_msg_put_be32(out, CTA_STATS_SEARCH_RESTART, htonl(0));
    nl_msg_put_be32(out, CTA_STATS_CHAIN_TOOLONG, htonl(0));
    ct_nl_end(out, ofs);
    return 0;
}

/* Whoever is removed is gone, and nobody is there before he is committed. */
static int
no_table(struct ct_query *q OVS_UNUSED,
         const struct ofpbuf *request OVS_UNUSED,
         struct ofpbuf *out OVS_UNUSED)
{
    return 0;
}
