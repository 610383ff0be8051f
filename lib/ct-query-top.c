/* SPDX-License-Identifier: Apache-2.0 */

/* Queries that never end: tables of what goes on.  Called by ct-query.c, which
 * gives them their turns. */

#include <config.h>

#include "ct-query-private.h"

#include <errno.h>

#include "ct-top.h"
#include "netlink.h"
#include "openvswitch/poll-loop.h"
#include "ovs-atomic.h"
#include "timeval.h"
#include "util.h"

/* A pass takes no more than one part in so many of the time. */
#define SHARE 4

struct ct_query_top {
    struct ct_query *query;
    struct ct_top *top;
    uint32_t interval;          /* ms. */
    long long began, due;       /* The pass that is on; the next. */
    bool looking;               /* One is on. */
};

/* How many there are, of all trackers: each takes memory. */
static atomic_count n_tops = ATOMIC_COUNT_INIT(0);

static int get_settings(struct ct_query *, const struct ofpbuf *request,
                        uint32_t *interval, enum ct_top_group *);
static void show(struct ct_query_top *, struct ofpbuf *out);

int
ct_query_top(struct ct_query *q, const struct ofpbuf *request,
             struct ofpbuf *out OVS_UNUSED)
{
    enum ct_top_group group = CT_TOP_SOURCE;
    uint32_t interval = 0;
    int error = ct_query_parse(q, request);

    if (!error) {
        error = get_settings(q, request, &interval, &group);
    }
    if (!error && atomic_count_inc(&n_tops) >= CT_QUERY_TOP_MAX) {
        atomic_count_dec(&n_tops);
        error = ct_query_fail(q, EBUSY, "too many others ask what goes on");
    }
    if (!error) {
        q->top = xzalloc(sizeof *q->top);
        q->top->query = q;
        q->top->top = ct_top_create(q->ct, &q->filter, group);
        q->top->interval = interval;
        q->top->due = q->now;
    }
    return error;
}

void
ct_query_top_destroy(struct ct_query_top *t)
{
    if (t) {
        atomic_count_dec(&n_tops);
        ct_top_destroy(t->top);
        free(t);
    }
}

void
ct_query_top_run(struct ct_query_top *t, struct ofpbuf *out)
{
    long long now = t->query->now;

    if (!t->looking) {
        if (now < t->due) {
            return;
        }
        t->looking = true;
        t->began = now;
    }
    if (!ct_top_look(t->top, now)) {
        t->looking = false;
        t->due = t->began + MAX(t->interval, SHARE * (now - t->began));
        if (ct_top_n_passes(t->top) > 1) {
            show(t, out);
        }
    }
}

void
ct_query_top_wait(const struct ct_query_top *t)
{
    if (t->looking) {
        poll_immediate_wake();
    } else {
        poll_timer_wait_until(t->due);
    }
}

static int
get_settings(struct ct_query *q, const struct ofpbuf *request,
             uint32_t *interval, enum ct_top_group *group)
{
    struct nlattr *own[CT_NLA_N];
    const char *wrong = ct_nl_get_own(request, own);

    if (wrong) {
        return ct_query_fail(q, EINVAL, wrong);
    }
    *interval = (own[CT_NLA_INTERVAL]
                 ? ntohl(nl_attr_get_be32(own[CT_NLA_INTERVAL]))
                 : CT_QUERY_TOP_INTERVAL);
    *group = (own[CT_NLA_GROUP] ? ntohl(nl_attr_get_be32(own[CT_NLA_GROUP]))
              : CT_TOP_SOURCE);
    return (*interval < CT_QUERY_TOP_MIN
            ? ct_query_fail(q, EINVAL, "the interval is too short")
            : *group >= CT_TOP_N_GROUPS
            ? ct_query_fail(q, EINVAL, "talkers that there are not") : 0);
}

/* Rows. */

struct showing {
    const struct ct_query *query;
    struct ofpbuf *out;
};

static void
put_row(void *showing_, const struct ct_top_row *row)
{
    const struct showing *showing = showing_;
    const struct ct_nl_header header = {
        .type = CT_NL_TYPE(CT_NL_MSG_TOP),
        .flags = NLM_F_MULTI,
        .seq = showing->query->header.nlmsg_seq,
    };

    ct_nl_put_top_msg(showing->out, &header, row);
}

static void
show(struct ct_query_top *t, struct ofpbuf *out)
{
    struct showing showing = { t->query, out };

    ct_top_rows(t->top, put_row, &showing);
}
