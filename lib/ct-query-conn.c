/* SPDX-License-Identifier: Apache-2.0 */

/* Queries: what requests do to connections, one, or all that match. */

#include <config.h>

#include "ct-query-private.h"

#include <errno.h>

#include "ct.h"
#include "ct-copy.h"
#include "ct-joint.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "util.h"

static ct_query_visit visit_show, visit_zero, visit_delete, visit_change;
static ct_query_visit visit_count;
static bool has_tuple(const struct ct_query *);
static int parse_change(struct ct_query *);
static int create(struct ct_query *, struct ofpbuf *out);
static int one(struct ct_query *, struct ofpbuf *out, ct_query_visit *);
static int flush(struct ct_query *);

int
ct_query_get(struct ct_query *q, const struct ofpbuf *request,
             struct ofpbuf *out)
{
    int error = ct_query_parse(q, request);

    if (error) {
        return error;
    }
    if ((q->header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP) {
        q->visit = visit_show;
        return 0;
    }
    return one(q, out, visit_show);
}

int
ct_query_zero(struct ct_query *q, const struct ofpbuf *request,
              struct ofpbuf *out OVS_UNUSED)
{
    q->visit = visit_zero;
    return ct_query_parse(q, request);
}

int
ct_query_delete(struct ct_query *q, const struct ofpbuf *request,
                struct ofpbuf *out)
{
    int error = ct_query_parse(q, request);

    if (error) {
        return error;
    }
    if (q->have_filter) {
        q->visit = visit_delete;
        return 0;
    }
    if (has_tuple(q)) {
        return one(q, out, visit_delete);
    }
    if (!ct_query_is_flush(request, CTA_ZONE)) {
        return ct_query_fail(q, EOPNOTSUPP, "connections are deleted by a "
                             "tuple, by CT_NLA_FILTER, by zone, or all");
    }
    return flush(q);
}

int
ct_query_new(struct ct_query *q, const struct ofpbuf *request,
             struct ofpbuf *out)
{
    int error = ct_query_parse(q, request);

    if (error) {
        return error;
    }
    if (q->header.nlmsg_flags & NLM_F_CREATE) {
        return create(q, out);
    }
    error = parse_change(q);
    if (error) {
        return error;
    }
    if (q->have_filter) {
        q->visit = visit_change;
        return 0;
    }
    return one(q, out, visit_change);
}

int
ct_query_stats(struct ct_query *q, const struct ofpbuf *request,
               struct ofpbuf *out OVS_UNUSED)
{
    int error = ct_query_parse(q, request);

    q->tells_count = true;
    if (q->have_filter) {
        q->visit = visit_count;
    } else {
        q->count = ct_get_nconns(q->ct);
    }
    return error;
}

static int
flush(struct ct_query *q)
{
    const uint16_t *zone = (q->conn.given & CT_NL_BIT(CTA_ZONE)
                            ? &q->conn.entry.zone : NULL);
    struct ct_zone_limit_info info;

    if (zone) {
        ct_zone_limit_get(q->ct, *zone, &info);
    }
    q->count = zone ? info.count : ct_get_nconns(q->ct);
    return ct_flush(q->ct, zone, NULL);
}

/* With each that matches. */

static void
visit_show(struct ct_query *q, struct ct_conn *conn, struct ofpbuf *out)
{
    ct_query_put(q, out, IPCTNL_MSG_CT_NEW, conn);
    q->count++;
}

static void
visit_zero(struct ct_query *q, struct ct_conn *conn, struct ofpbuf *out)
{
    const struct ct_nl_header header = {
        .type = CT_NL_TYPE(IPCTNL_MSG_CT_NEW),
        .flags = NLM_F_MULTI,
        .seq = q->header.nlmsg_seq,
    };
    struct ct_dpif_entry entry;
    struct ct_copy copy;

    ct_joint_lock(q->ct, conn);
    ct_copy_take_locked(conn, &copy);
    memset(conn->counters, 0, sizeof conn->counters);
    ct_conn_unlock(conn);

    ct_copy_describe(q->ct, &copy, q->now, &entry);
    ct_nl_put_conn_msg(out, &header, &entry);
    ct_dpif_entry_uninit(&entry);
    q->count++;
}

static void
visit_delete(struct ct_query *q, struct ct_conn *conn, struct ofpbuf *out)
{
    size_t size = out->size;

    /* Before it goes, and taken back if somebody else was first. */
    if (q->echo) {
        ct_query_put(q, out, IPCTNL_MSG_CT_DELETE, conn);
    }
    if (ct_conn_end(q->ct, conn, CT_C_DELETED)) {
        q->count++;
    } else {
        out->size = size;
    }
}

static void
visit_change(struct ct_query *q, struct ct_conn *conn, struct ofpbuf *out)
{
    ct_change(q->ct, conn, &q->change, q->now);
    if (q->echo) {
        ct_query_put(q, out, IPCTNL_MSG_CT_NEW, conn);
    }
    q->count++;
}

static void
visit_count(struct ct_query *q, struct ct_conn *conn OVS_UNUSED,
            struct ofpbuf *out OVS_UNUSED)
{
    q->count++;
}

/* With the one that a tuple names. */

static int
one(struct ct_query *q, struct ofpbuf *out, ct_query_visit *visit)
{
    struct ct_conn *conn = NULL;
    int error = ct_query_find(q, &conn);

    if (!error) {
        visit(q, conn, out);
    }
    return error;
}

static bool
has_tuple(const struct ct_query *q)
{
    return q->conn.given & (CT_NL_BIT(CTA_TUPLE_ORIG)
                            | CT_NL_BIT(CTA_TUPLE_REPLY));
}

int
ct_query_find(struct ct_query *q, struct ct_conn **connp)
{
    const struct ct_dpif_entry *e = &q->conn.entry;
    struct ct_tuple tuple;
    enum ct_dir dir;

    if (!has_tuple(q)) {
        return ct_query_fail(q, EINVAL, "a tuple or a filter is needed");
    }
    if (ct_tuple_from_dpif((q->conn.given & CT_NL_BIT(CTA_TUPLE_ORIG)
                            ? &e->tuple_orig : &e->tuple_reply), &tuple)) {
        return ct_query_fail(q, EINVAL, "a tuple that no connection can "
                             "have");
    }

    struct ct_conn *conn = ct_zone_find(ct_zone_get(q->ct, e->zone), &tuple,
                                        &dir);
    if (!conn || !ct_conn_lives(conn, q->now)
        || (q->conn.given & CT_NL_BIT(CTA_ID) && conn->id != e->id)) {
        return ct_query_fail(q, ENOENT, "no connection has this tuple in the "
                             "zone");
    }
    *connp = conn;
    return 0;
}

/* What is to be changed. */
static int
parse_change(struct ct_query *q)
{
    const struct ct_nl_conn *c = &q->conn;
    const struct ct_dpif_entry *e = &c->entry;
    struct ct_change *change = &q->change;
    const uint64_t others = (CT_NL_BIT(CTA_TUPLE_ORIG)
                             | CT_NL_BIT(CTA_TUPLE_REPLY)
                             | CT_NL_BIT(CTA_ZONE) | CT_NL_BIT(CTA_ID)
                             | CT_NL_BIT(CTA_MARK)
                             | CT_NL_BIT(CTA_MARK_MASK)
                             | CT_NL_BIT(CTA_LABELS)
                             | CT_NL_BIT(CTA_LABELS_MASK)
                             | CT_NL_BIT(CTA_STATUS)
                             | CT_NL_BIT(CTA_STATUS_MASK)
                             | CT_NL_BIT(CTA_TIMEOUT));

    if (c->given & ~others) {
        return ct_query_fail(q, EOPNOTSUPP, "only mark, labels, timeout and "
                             "status of a connection can be changed");
    }
    if (e->status & ~CT_CHANGE_STATUS) {
        return ct_query_fail(q, EOPNOTSUPP, "of the status only ASSURED and "
                             "SEEN_REPLY can be set");
    }
    if (c->given & CT_NL_BIT(CTA_MARK)) {
        change->mark = e->mark;
        change->mark_mask = c->mark_mask;
    }
    if (c->given & CT_NL_BIT(CTA_LABELS)) {
        change->label = e->labels;
        change->label_mask = c->labels_mask;
    }
    change->status = e->status;
    change->set_timeout = c->given & CT_NL_BIT(CTA_TIMEOUT);
    change->timeout = e->timeout;
    return 0;
}

/* Changes what there is of one that was to be made. */
static int
change_instead(struct ct_query *q, struct ofpbuf *out)
{
    const uint64_t known = (CT_NL_BIT(CTA_TUPLE_ORIG) | CT_NL_BIT(CTA_ZONE)
                            | CT_NL_BIT(CTA_MARK) | CT_NL_BIT(CTA_MARK_MASK)
                            | CT_NL_BIT(CTA_LABELS)
                            | CT_NL_BIT(CTA_LABELS_MASK)
                            | CT_NL_BIT(CTA_STATUS) | CT_NL_BIT(CTA_TIMEOUT));
    int error;

    q->conn.given &= known;
    q->conn.entry.status &= CT_CHANGE_STATUS;
    error = parse_change(q);
    return error ? error : one(q, out, visit_change);
}

static int
create(struct ct_query *q, struct ofpbuf *out)
{
    struct ct_dpif_entry *e = &q->conn.entry;
    const char *why = NULL;
    int error;

    if (!(q->conn.given & CT_NL_BIT(CTA_TUPLE_REPLY))) {
        return ct_query_fail(q, EINVAL,
                             "both tuples of the connection are needed");
    }
    e->helper.name = q->conn.helper[0] ? q->conn.helper : NULL;
    error = ct_insert(q->ct, e, q->now, &why);
    if (error == EEXIST && !(q->header.nlmsg_flags & NLM_F_EXCL)) {
        return change_instead(q, out);
    }
    q->count = !error;
    return ct_query_fail(q, error, why);
}
