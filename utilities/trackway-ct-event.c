/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct -E: events as they come, until a signal ends it. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "netlink.h"
#include "trackway-ct.h"
#include "util.h"

/* What is shown, and what of it is not written yet. */
struct show {
    struct tct_options options;
    struct ds lines;
    uint64_t n, n_lost;
};

static tct_each take;
static void take_conn(struct show *, const struct ofpbuf *);
static void take_expect(struct show *, const struct ofpbuf *);
static void read_own(const struct ofpbuf *, struct tct_options *);
static tct_pause write_lines;

int
tct_run_event(const struct tct_options *o)
{
    struct show show = { .options = *o, .lines = DS_EMPTY_INITIALIZER };
    struct ct_nl_result result = { .error = 0 };
    struct ofpbuf request;

    tct_catch_signals(false);
    ofpbuf_init(&request, 1024);
    tct_make_request(o, &request);
    tct_begin_xml(o, &show.lines);
    tct_ask_on(o, &request, take, write_lines, &show, &result);
    tct_end_xml(o, &show.lines);
    write_lines(&show);
    ofpbuf_uninit(&request);
    ds_destroy(&show.lines);
    if (result.error) {
        tct_failed("Operation failed: %s", result.text[0]
                   ? result.text : ovs_strerror(result.error));
    }
    tct_complain("%"PRIu64" %s events have been shown.", show.n,
                 o->table == TCT_EXPECT ? "expectation" : "flow");
    if (show.n_lost) {
        tct_complain("%"PRIu64" events were lost.", show.n_lost);
    }
    return TCT_OK;
}

static void
take(const struct ofpbuf *msg, void *show_)
{
    const struct nlmsghdr *nlmsg = msg->data;
    struct show *show = show_;
    uint64_t n_lost = ct_nl_get_overrun(msg);

    if (n_lost) {
        show->n_lost += n_lost;
        write_lines(show);
        tct_complain("WARNING: %"PRIu64" events were lost here.", n_lost);
        return;
    }
    show->n++;
    if (nlmsg->nlmsg_type >> 8 == NFNL_SUBSYS_CTNETLINK_EXP) {
        take_expect(show, msg);
    } else {
        take_conn(show, msg);
    }
}

/* As conntrack(8) -o timestamp: seconds and microseconds of now, padded. */
static void
put_timestamp(struct show *show)
{
    struct timeval tv;

    if (show->options.output & TCT_OUT_TIMESTAMP
        && !(show->options.output & (TCT_OUT_XML | TCT_OUT_JSON))) {
        gettimeofday(&tv, NULL);
        ds_put_format(&show->lines, "[%-.8ld.%-.6ld]\t", (long) tv.tv_sec,
                      (long) tv.tv_usec);
    }
}

static enum tct_event
event_of(const struct nlmsghdr *nlmsg)
{
    uint8_t msg = nlmsg->nlmsg_type & 0xff;

    return (msg == IPCTNL_MSG_CT_DELETE ? TCT_DESTROYED
            : nlmsg->nlmsg_flags & NLM_F_CREATE ? TCT_NEW
            : TCT_UPDATED);
}

static void
check_sense(const char *wrong)
{
    if (wrong) {
        tct_failed("the daemon's answer makes no sense: %s", wrong);
    }
}

void
tct_read_event(const struct ofpbuf *msg, struct tct_options *o,
               struct ct_nl_conn *conn)
{
    check_sense(ct_nl_get_conn(msg, conn));
    read_own(msg, o);
}

/* What is said of the event. */
static void
read_own(const struct ofpbuf *msg, struct tct_options *o)
{
    struct nlattr *own[CT_NLA_N];

    check_sense(ct_nl_get_own(msg, own));
    o->event = event_of(msg->data);
    o->reason = (own[CT_NLA_REASON]
                 ? nl_attr_get_string(own[CT_NLA_REASON]) : NULL);
    o->when = (own[CT_NLA_WHEN]
               ? ntohll(nl_attr_get_be64(own[CT_NLA_WHEN])) : 0);
}

static void
take_conn(struct show *show, const struct ofpbuf *msg)
{
    static const char *const tags[] = {
        [TCT_NEW] = "    [NEW] ",
        [TCT_UPDATED] = " [UPDATE] ",
        [TCT_DESTROYED] = "[DESTROY] ",
    };
    struct tct_options *o = &show->options;
    struct ct_nl_conn conn;

    tct_read_event(msg, o, &conn);
    put_timestamp(show);
    if (o->output & TCT_OUT_XML) {
        tct_format_xml(o, &conn, &show->lines);
    } else if (o->output & TCT_OUT_JSON) {
        tct_format_json(o, &conn, &show->lines);
    } else if (o->output & TCT_OUT_SAVE) {
        tct_format_save(o, &conn, &show->lines);
    } else {
        tct_put(&show->lines, tags[o->event]);
        tct_format_text(o, &conn, &show->lines);
    }
}

static void
take_expect(struct show *show, const struct ofpbuf *msg)
{
    struct tct_options *o = &show->options;
    struct ct_nl_expect e;

    check_sense(ct_nl_get_expect(msg, &e));
    read_own(msg, o);
    put_timestamp(show);
    if (!(o->output & (TCT_OUT_XML | TCT_OUT_JSON))) {
        tct_put(&show->lines, (o->event == TCT_DESTROYED
                               ? "[DESTROY] " : "    [NEW] "));
    }
    tct_format_expect(o, &e, &show->lines);
}

static void
write_lines(void *show_)
{
    struct show *show = show_;

    if (show->lines.length
        && (fwrite(ds_cstr(&show->lines), show->lines.length, 1, stdout) != 1
            || fflush(stdout))) {
        tct_failed("cannot write: %s", ovs_strerror(errno));
    }
    ds_clear(&show->lines);
}
