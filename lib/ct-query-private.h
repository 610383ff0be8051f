/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_QUERY_PRIVATE_H
#define CT_QUERY_PRIVATE_H 1

#include "ct-change.h"
#include "ct-filter.h"
#include "ct-netlink.h"
#include "ct-query.h"

struct ct_conn;
struct ct_dump;

/* What the files of ct-query.h share: only for them. */

/* What is done with each connection that matches. */
typedef void ct_query_visit(struct ct_query *, struct ct_conn *,
                            struct ofpbuf *out);

/* The next part of an answer that is no pass.  False at its end. */
typedef bool ct_query_step(struct ct_query *, struct ofpbuf *out);

/* What a kind of request does.  Returns 0, and the answer goes on with the
 * pass, if there is q->visit, or with q->step, or is over; or a positive errno
 * value, with q->text. */
typedef int ct_query_start(struct ct_query *, const struct ofpbuf *request,
                           struct ofpbuf *out);

struct ct_query {
    struct ct *ct;
    struct nlmsghdr header;             /* The request's. */
    long long now;                      /* When this part began. */

    /* What is asked. */
    struct ct_nl_conn conn;
    struct ct_filter filter;
    bool have_filter;
    bool echo;
    struct ct_change change;

    /* The pass; 'visit' is NULL if there is none. */
    ct_query_visit *visit;
    struct ct_dump *dump;
    bool tells_count;                   /* At its end: CT_GET_STATS. */

    struct ct_query_events *events;     /* NULL: it is no subscription. */
    struct ct_query_top *top;           /* NULL: it is no TOP. */
    ct_query_step *step;                /* NULL: none. */
    unsigned int zone_index;            /* Expectations: the next zone. */

    /* The answer. */
    struct ofpbuf first;                /* What start() has said. */
    uint64_t count;
    int error;
    const char *text;                   /* Static; NULL: none. */
};

/* Sets q->text and returns 'error'. */
int ct_query_fail(struct ct_query *, int error, const char *text);

/* Reads what describes connections in 'request'. */
int ct_query_parse(struct ct_query *, const struct ofpbuf *request);

/* Has 'request' no attribute but 'zone', and which tracker is meant?  Who
 * deletes all does not take what he does not know for a condition less. */
bool ct_query_is_flush(const struct ofpbuf *request, uint16_t zone);

/* ct-query-conn.c */
ct_query_start ct_query_get, ct_query_zero, ct_query_new, ct_query_delete;
ct_query_start ct_query_stats;
/* The connection whose tuple, and zone, q->conn has. */
int ct_query_find(struct ct_query *, struct ct_conn **);

/* ct-query-expect.c */
ct_query_start ct_query_expect_get, ct_query_expect_delete;

struct ct_expectation;
void ct_query_describe_expect(const struct ct_expectation *,
                              const struct ct_tuple *parent, uint16_t zone,
                              long long now, struct ct_nl_expect *);

/* ct-query-expect-new.c */
ct_query_start ct_query_expect_new;

/* ct-query-event.c */
ct_query_start ct_query_subscribe;
struct ct_query_events;
void ct_query_events_destroy(struct ct_query_events *);     /* Accepts NULL. */
void ct_query_events_run(struct ct_query_events *, struct ofpbuf *out);
void ct_query_events_wait(const struct ct_query_events *);

/* ct-query-top.c */
ct_query_start ct_query_top;
struct ct_query_top;
void ct_query_top_destroy(struct ct_query_top *);           /* Accepts NULL. */
void ct_query_top_run(struct ct_query_top *, struct ofpbuf *out);
void ct_query_top_wait(const struct ct_query_top *);

/* ct-query.c: a message about 'conn', that was found alive. */
void ct_query_put(struct ct_query *, struct ofpbuf *out, unsigned int msg,
                  struct ct_conn *);

#endif /* ct-query-private.h */
