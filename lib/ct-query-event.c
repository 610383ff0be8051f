/* SPDX-License-Identifier: Apache-2.0 */

/* Queries that never end: events.  Called by ct-query.c; what there is to say
 * comes from the feed (ct-feed.c), in its thread, and waits in a queue. */

#include <config.h>

#include "ct-query-private.h"

#include <errno.h>
#include <netinet/in.h>

#include "ct-event.h"
#include "ct-feed.h"
#include "latch.h"
#include "netlink.h"
#include "openvswitch/poll-loop.h"
#include "ovs-thread.h"
#include "util.h"

/* Of a query; its mutex is inside those of the feed. */
struct ct_query_events {
    struct ct_query *query;             /* [I] What is asked of it. */
    uint32_t types;                     /* [I] Bits of enum ct_event_type. */
    struct ct_feed_subscriber *subscriber;
    struct latch wake;                  /* There is something. */
    struct ovs_mutex mutex;
    struct ofpbuf queue OVS_GUARDED_BY(mutex);
    uint64_t n_lost OVS_GUARDED_BY(mutex);      /* Not yet told. */
};

#define ALL_TYPES ((1u << CT_EVENT_N_TYPES) - 1)

static int get_types(struct ct_query *, const struct ofpbuf *request,
                     uint32_t *types);
static bool is_wanted(const struct ct_query_events *, const struct ct_event *);
static void put_event(const struct ct_query_events *, const struct ct_event *,
                      struct ofpbuf *);

static const struct ct_feed_class feed_class;

int
ct_query_subscribe(struct ct_query *q, const struct ofpbuf *request,
                   struct ofpbuf *out OVS_UNUSED)
{
    struct ct_query_events *events;
    uint32_t types = 0;
    int error = ct_query_parse(q, request);

    if (!error) {
        error = get_types(q, request, &types);
    }
    if (error) {
        return error;
    }
    events = xzalloc(sizeof *events);
    events->query = q;
    events->types = types;
    latch_init(&events->wake);
    ovs_mutex_init(&events->mutex);
    ofpbuf_init(&events->queue, 0);
    q->events = events;
    error = ct_feed_subscribe(q->ct, &feed_class, events, &events->subscriber);
    return error ? ct_query_fail(q, error, "no memory for events") : 0;
}

void
ct_query_events_destroy(struct ct_query_events *events)
{
    if (events) {
        if (events->subscriber) {
            ct_feed_unsubscribe(events->query->ct, events->subscriber);
        }
        latch_destroy(&events->wake);
        ofpbuf_uninit(&events->queue);
        ovs_mutex_destroy(&events->mutex);
        free(events);
    }
}

void
ct_query_events_run(struct ct_query_events *events, struct ofpbuf *out)
{
    latch_poll(&events->wake);
    ovs_mutex_lock(&events->mutex);
    ofpbuf_put(out, events->queue.data, events->queue.size);
    ofpbuf_clear(&events->queue);
    if (events->n_lost) {
        ct_nl_put_overrun(out, events->query->header.nlmsg_seq,
                          events->n_lost);
        events->n_lost = 0;
    }
    ovs_mutex_unlock(&events->mutex);
}

void
ct_query_events_wait(const struct ct_query_events *events)
{
    latch_wait(&events->wake);
}

/* CT_NLA_EVENTS; none means all of the table. */
static int
get_types(struct ct_query *q, const struct ofpbuf *request, uint32_t *types)
{
    struct nlattr *own[CT_NLA_N];
    const char *wrong = ct_nl_get_own(request, own);

    if (wrong) {
        return ct_query_fail(q, EINVAL, wrong);
    }
    *types = (own[CT_NLA_EVENTS]
              ? ntohl(nl_attr_get_be32(own[CT_NLA_EVENTS])) : ALL_TYPES);
    return (*types & ~ALL_TYPES || !*types
            ? ct_query_fail(q, EINVAL, "events that there are not") : 0);
}

/* In the feed's thread. */

static void
take_event(void *events_, const struct ct_event *event)
{
    struct ct_query_events *events = events_;

    if (!is_wanted(events, event)) {
        return;
    }
    ovs_mutex_lock(&events->mutex);
    if (events->queue.size > CT_QUERY_EVENT_ROOM) {
        events->n_lost++;
    } else {
        put_event(events, event, &events->queue);
    }
    ovs_mutex_unlock(&events->mutex);
}

static void
take_lost(void *events_, uint64_t n)
{
    struct ct_query_events *events = events_;

    ovs_mutex_lock(&events->mutex);
    events->n_lost += n;
    ovs_mutex_unlock(&events->mutex);
    latch_set(&events->wake);
}

static void
take_pause(void *events_)
{
    struct ct_query_events *events = events_;
    bool any;

    ovs_mutex_lock(&events->mutex);
    any = events->queue.size || events->n_lost;
    ovs_mutex_unlock(&events->mutex);
    if (any) {
        latch_set(&events->wake);
    }
}

static const struct ct_feed_class feed_class = {
    .event = take_event,
    .lost = take_lost,
    .pause = take_pause,
};

/* Of an expectation, family, protocol and zone are looked at. */
static bool
matches_expect(const struct ct_filter *filter,
               const struct ct_event_expect *expect)
{
    const struct ct_tuple *tuple = &expect->e.tuple;

    return ((!ct_filter_has(filter, CT_FILTER_ZONE)
             || filter->zone == expect->zone)
            && (!ct_filter_has(filter, CT_FILTER_PROTO)
                || filter->proto == tuple->proto)
            && (!ct_filter_has(filter, CT_FILTER_FAMILY)
                || (ct_tuple_is_ipv6(tuple)
                    == (filter->family == AF_INET6))));
}

static bool
matches_conn(const struct ct_filter *filter, const struct ct_copy *copy)
{
    struct ct_conn_ext ext = { .label = copy->label };
    struct ct_conn *conn = CONST_CAST(struct ct_conn *, &copy->conn);
    bool match;

    ct_conn_set_ext(conn, &ext);
    match = ct_filter_match(filter, conn);
    ct_conn_set_ext(conn, NULL);
    return match;
}

static bool
is_wanted(const struct ct_query_events *events, const struct ct_event *event)
{
    const struct ct_filter *filter = &events->query->filter;

    return (events->types >> event->type & 1
            && (!events->query->have_filter
                || (ct_event_is_expect(event->type)
                    ? matches_expect(filter, &event->expect)
                    : matches_conn(filter, &event->conn))));
}

/* Type and flags of the message, as ctnetlink's. */
static struct ct_nl_header
header_of(const struct ct_query_events *events, const struct ct_event *event)
{
    static const struct {
        uint16_t type, flags;
    } headers[CT_EVENT_N_TYPES] = {
        [CT_EVENT_NEW] = {
            CT_NL_TYPE(IPCTNL_MSG_CT_NEW), NLM_F_CREATE | NLM_F_EXCL,
        },
        [CT_EVENT_UPDATE] = { CT_NL_TYPE(IPCTNL_MSG_CT_NEW), 0 },
        [CT_EVENT_DESTROY] = { CT_NL_TYPE(IPCTNL_MSG_CT_DELETE), 0 },
        [CT_EVENT_EXPECT_NEW] = {
            CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_NEW), NLM_F_CREATE | NLM_F_EXCL,
        },
        [CT_EVENT_EXPECT_DESTROY] = {
            CT_NL_EXP_TYPE(IPCTNL_MSG_EXP_DELETE), 0,
        },
    };

    return (struct ct_nl_header) {
        .type = headers[event->type].type,
        .flags = headers[event->type].flags,
        .seq = events->query->header.nlmsg_seq,
    };
}

static void
put_expect(const struct ct_nl_header *header, const struct ct_event *event,
           struct ofpbuf *buf)
{
    struct ct_nl_expect expect;
    size_t ofs = buf->size;

    ct_query_describe_expect(&event->expect.e, &event->expect.parent,
                             event->expect.zone, event->now, &expect);
    ct_nl_put_expect_msg(buf, header, &expect);

    size_t own = nl_msg_start_nested(buf, CTA_TRACKWAY);
    nl_msg_put_be64(buf, CT_NLA_WHEN, htonll(event->when));
    nl_msg_end_nested(buf, own);
    ct_nl_end(buf, ofs);
}

static void
put_event(const struct ct_query_events *events, const struct ct_event *event,
          struct ofpbuf *buf)
{
    struct ct_nl_header header = header_of(events, event);
    struct ct_dpif_entry entry;

    if (ct_event_is_expect(event->type)) {
        put_expect(&header, event, buf);
        return;
    }
    ct_event_describe(events->query->ct, event, &entry);
    header.family = entry.tuple_orig.l3_type;
    size_t ofs = ct_nl_begin(buf, &header);
    ct_nl_put_conn(buf, &entry);

    size_t own = nl_msg_start_nested(buf, CTA_TRACKWAY);
    nl_msg_put_be64(buf, CT_NLA_WHEN, htonll(event->when));
    if (event->type == CT_EVENT_DESTROY) {
        nl_msg_put_string(buf, CT_NLA_REASON, ct_counter_name(event->reason));
    }
    nl_msg_end_nested(buf, own);
    ct_nl_end(buf, ofs);
    ct_dpif_entry_uninit(&entry);
}
