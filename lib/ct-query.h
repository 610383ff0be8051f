/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_QUERY_H
#define CT_QUERY_H 1

#include <stdbool.h>

#include "openvswitch/ofpbuf.h"

struct ct;

/* What a tracker is asked, and what it answers.
 * ==============================================
 *
 * What
 * ----
 * A request is one netlink message (ct-netlink.h); its answer is zero or more
 * messages and a last one, NLMSG_DONE or NLMSG_ERROR:
 *
 *    request             with                does                  answer
 *
 *    CT_GET              NLM_F_DUMP          lists what matches    CT_NEW ...
 *    CT_GET_CTRZERO      NLM_F_DUMP          and sets its          CT_NEW ...
 *                                            counters to 0 (*)
 *    CT_GET              a tuple             finds                 CT_NEW
 *    CT_NEW              NLM_F_CREATE,       makes one (*)
 *                        two tuples
 *    CT_NEW              a tuple or filter   changes mark,         CT_NEW ...
 *                                            labels, timeout,      (+)
 *                                            status (*)
 *    CT_DELETE           a tuple or filter   deletes (*)           CT_DELETE
 *                                                                  ... (+)
 *    CT_DELETE           neither             flushes the zone      NLMSG_DONE
 *                                            that CTA_ZONE names,
 *                                            or all (*)
 *    CT_GET_STATS        filter, or not      counts                the same
 *    CT_GET_STATS_CPU    NLM_F_DUMP          counters              the same
 *    CT_GET_DYING,       NLM_F_DUMP          nothing: there are
 *    _UNCONFIRMED                            no such tables
 *    SUBSCRIBE           filter, CT_NLA_EVENTS,   tells events, as  (#)
 *                        or neither            long as the
 *                                              client is there
 *    TOP                 filter,             tells, all            TOP ... (#)
 *                        CT_NLA_INTERVAL,    CT_NLA_INTERVAL,
 *                        CT_NLA_GROUP, or    what goes on
 *                        not                 (ct-top.h)
 *    EXP_GET             NLM_F_DUMP          lists                 EXP_NEW ...
 *    EXP_NEW             NLM_F_CREATE,       makes one, of the     NLMSG_DONE
 *                        CTA_EXPECT_TUPLE,   connection MASTER (*)
 *                        _MASK, _MASTER
 *    EXP_DELETE          CTA_EXPECT_ID       deletes that one (*)
 *    EXP_DELETE          nothing             deletes all, of       NLMSG_DONE
 *                                            CTA_EXPECT_ZONE or
 *                                            everywhere (*)
 *
 *    (*) only for who may change things: EPERM for others
 *    (+) one for each connection, with NLM_F_ECHO
 *    (#) without end.  A connection that is new: CT_NEW with NLM_F_CREATE and
 *        NLM_F_EXCL; that has changed: CT_NEW; that has ended: CT_DELETE.
 *        Expectations likewise.  In CTA_TRACKWAY: CT_NLA_WHEN, and why it
 *        ended, CT_NLA_REASON.  NLMSG_OVERRUN with CT_NLA_COUNT: so many were
 *        lost, as nobody read fast enough.  A filter's conditions other than
 *        zone, protocol and family are not asked of expectations.
 *        A table of TOP ends with its CT_TOP_ALL; the first comes after an
 *        interval.  A pass over the connections takes no more than a quarter
 *        of the time, for which an interval may be longer.
 *
 * CT_DELETE and EXP_DELETE with any other attribute are refused: whoever sent
 * it, as the kernel knows it, did not mean all.
 *
 * A filter is CT_NLA_FILTER.  A tuple is CTA_TUPLE_ORIG or CTA_TUPLE_REPLY, in
 * the zone of CTA_ZONE, or 0; it finds the connection in either direction.
 *
 * NLM_F_CREATE without NLM_F_EXCL changes the connection if there is one that
 * has the original tuple.
 *
 * An expectation that is made is of a connection with a helper, and counts as
 * announced by that.  CTA_EXPECT_TIMEOUT: 0 or none means the helper's.
 * CTA_EXPECT_HELP_NAME: the helper that the expected connection gets.  Of the
 * mask, the source may be any, or of IPv4 a prefix, and the source port any.
 *
 * Promises
 * --------
 * - One pass over the connections, whatever is asked, that holds no lock and
 *   waits for nobody.  Each connection that lives from before its start to
 *   after its end is met exactly once.
 * - ct_query_run() does a bounded part: it leaves no more than about
 *   CT_QUERY_OUT bytes, and looks at no more than CT_QUERY_LOOK connections;
 *   or it tells the expectations of one zone, of which there are at most
 *   CT_EXPECT_MAX_PER_ZONE, or the events that wait, in CT_QUERY_EVENT_ROOM.
 *   Whoever is slow to take the answer holds up his own query only.
 * - A request that is refused has done nothing.
 *
 * Errors: EINVAL a request that makes no sense, EOPNOTSUPP one that there is
 * not, EPERM, ENOENT, and those of ct_insert(); each with a sentence.
 *
 * Threads: any, each query one at a time.  Its caller may quiesce between two
 * calls.
 *
 * Ownership: a query needs its tracker until it is destroyed. */

#define CT_QUERY_OUT 65536
#define CT_QUERY_LOOK 4096
/* Of TOP, in ms: the least, and what it is unless it is given. */
#define CT_QUERY_TOP_MIN 100
#define CT_QUERY_TOP_INTERVAL 2000
/* At a time. */
#define CT_QUERY_TOP_MAX 8
/* Events that wait for a subscriber, in bytes. */
#define CT_QUERY_EVENT_ROOM (4 * 1024 * 1024)

struct ct_query;

/* 'request' is one whole message (ct_nl_msg_len()), which is not needed
 * afterwards.  There is always a query: an error is an answer, too. */
struct ct_query *ct_query_create(struct ct *, const struct ofpbuf *request,
                                 bool may_change);
void ct_query_destroy(struct ct_query *);

/* Appends the next part of the answer.  False: that was the last. */
bool ct_query_run(struct ct_query *, struct ofpbuf *out);

/* One that ends with its client? */
bool ct_query_is_endless(const struct ct_query *);
/* Makes the caller's poll_block() return when there is a next part. */
void ct_query_wait(const struct ct_query *);

#endif /* ct-query.h */
