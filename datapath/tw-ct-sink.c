/* SPDX-License-Identifier: Apache-2.0 */

/* The standby's side of a hot standby.  Called by tw-ct-sync; calls
 * ct-replica. */

#include <config.h>

#include "tw-ct-sink.h"

#include <errno.h>
#include <inttypes.h>

#include "ct-netlink.h"
#include "ct-replica.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "stream.h"
#include "timeval.h"
#include "tw-ct-sync.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(tw_ct_sink);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

/* Read at a time, and in one turn. */
#define CHUNK (64 * 1024)
#define TURN (1024 * 1024)

struct tw_ct_sink {
    char *name;
    struct ct_replica *replica;
    struct stream *stream;          /* NULL: not connected. */
    bool connected;                 /* It is more than an attempt. */
    long long next_try;             /* time_msec(). */
    long long last_heard;
    struct ofpbuf in;               /* Of a message that is not complete. */
    struct ofpbuf out;              /* Beats to be sent back. */
    bool in_step;                   /* A bulk has been complete. */
    uint64_t n_received;            /* Messages. */
    uint64_t n_connects;
};

static void try_connect(struct tw_ct_sink *);
static void disconnect(struct tw_ct_sink *, int error);
static int talk(struct tw_ct_sink *);
static int receive(struct tw_ct_sink *);
static int obey_all(struct tw_ct_sink *);
static const char *obey(struct tw_ct_sink *, const struct ofpbuf *msg);
static int answer(struct tw_ct_sink *);

struct tw_ct_sink *
tw_ct_sink_create(struct ct *ct, const char *connect)
{
    struct ct_replica *replica = ct_replica_create(ct);
    struct tw_ct_sink *sink;

    if (!replica) {
        return NULL;
    }
    sink = xzalloc(sizeof *sink);
    sink->name = xstrdup(connect);
    sink->replica = replica;
    ofpbuf_init(&sink->in, CHUNK);
    ofpbuf_init(&sink->out, 256);
    return sink;
}

void
tw_ct_sink_destroy(struct tw_ct_sink *sink)
{
    if (sink) {
        VLOG_INFO("%s: no standby any more", sink->name);
        stream_close(sink->stream);
        ct_replica_destroy(sink->replica);
        ofpbuf_uninit(&sink->in);
        ofpbuf_uninit(&sink->out);
        free(sink->name);
        free(sink);
    }
}

const char *
tw_ct_sink_name(const struct tw_ct_sink *sink)
{
    return sink->name;
}

void
tw_ct_sink_run(struct tw_ct_sink *sink)
{
    int error;

    if (!sink->stream) {
        try_connect(sink);
        return;
    }
    stream_run(sink->stream);
    error = stream_connect(sink->stream);
    if (!error) {
        error = talk(sink);
    }
    if (error == EAGAIN
        && time_msec() - sink->last_heard > TW_SYNC_SILENCE_MS) {
        error = ETIMEDOUT;
    }
    if (error && error != EAGAIN) {
        disconnect(sink, error);
    }
}

void
tw_ct_sink_wait(struct tw_ct_sink *sink)
{
    if (!sink->stream) {
        poll_timer_wait_until(sink->next_try);
        return;
    }
    stream_run_wait(sink->stream);
    if (!sink->connected) {
        stream_connect_wait(sink->stream);
    } else {
        stream_recv_wait(sink->stream);
        if (sink->out.size) {
            stream_send_wait(sink->stream);
        }
    }
    poll_timer_wait_until(sink->last_heard + TW_SYNC_SILENCE_MS + 1);
}

void
tw_ct_sink_format(const struct tw_ct_sink *sink, struct ds *ds)
{
    const struct ct_replica_stats *stats = ct_replica_stats(sink->replica);

    ds_put_format(ds, "  standby of %s: %s, connected %"PRIu64" times\n",
                  sink->name, (!sink->connected ? "not connected"
                               : sink->in_step ? "in step" : "bulk"),
                  sink->n_connects);
    ds_put_format(ds, "    messages: %"PRIu64", made: %"PRIu64", ended: "
                  "%"PRIu64", not told of any more: %"PRIu64", refused: "
                  "%"PRIu64"%s%s, last heard: %lld ms ago\n",
                  sink->n_received, stats->n_made, stats->n_ended,
                  stats->n_swept, stats->n_refused, stats->why ? ": " : "",
                  stats->why ? stats->why : "",
                  sink->last_heard ? time_msec() - sink->last_heard : -1);
}

static void
try_connect(struct tw_ct_sink *sink)
{
    long long now = time_msec();
    int error;

    if (now < sink->next_try) {
        return;
    }
    sink->next_try = now + TW_CT_SINK_RETRY_MS;
    error = stream_open(sink->name, &sink->stream, 0);
    if (error && error != EAGAIN) {
        VLOG_WARN_RL(&rl, "%s: %s", sink->name, ovs_strerror(error));
        sink->stream = NULL;
        return;
    }
    sink->last_heard = now;
    poll_immediate_wake();
}

static void
disconnect(struct tw_ct_sink *sink, int error)
{
    if (sink->connected) {
        VLOG_WARN("%s: the active one is gone (%s); what it told stays",
                  sink->name, ovs_retval_to_string(error));
    } else {
        VLOG_WARN_RL(&rl, "%s: %s", sink->name, ovs_retval_to_string(error));
    }
    stream_close(sink->stream);
    sink->stream = NULL;
    sink->connected = sink->in_step = false;
    ofpbuf_clear(&sink->in);
    ofpbuf_clear(&sink->out);
}

/* 0, EAGAIN, or why it is over. */
static int
talk(struct tw_ct_sink *sink)
{
    int error = 0;

    if (!sink->connected) {
        sink->connected = true;
        sink->n_connects++;
        VLOG_INFO("%s: connected", sink->name);
    }
    for (size_t i = 0; i < TURN / CHUNK && !error; i++) {
        error = receive(sink);
        if (!error) {
            error = obey_all(sink);
        }
    }
    if (!error) {
        poll_immediate_wake();
    }
    return !error || error == EAGAIN ? answer(sink) : error;
}

static int
receive(struct tw_ct_sink *sink)
{
    int n;

    ofpbuf_prealloc_tailroom(&sink->in, CHUNK);
    n = stream_recv(sink->stream, ofpbuf_tail(&sink->in), CHUNK);
    if (n <= 0) {
        return n ? -n : EOF;
    }
    sink->in.size += n;
    sink->last_heard = time_msec();
    return 0;
}

/* All messages that are complete. */
static int
obey_all(struct tw_ct_sink *sink)
{
    const char *error = NULL;
    size_t done = 0;

    while (!error) {
        const char *data = sink->in.data;
        int len = ct_nl_msg_len(data + done, sink->in.size - done);
        struct ofpbuf msg;

        if (!len) {
            break;
        }
        if (len < 0) {
            error = "no netlink message";
            break;
        }
        msg = ofpbuf_const_initializer(data + done, len);
        sink->n_received++;
        error = obey(sink, &msg);
        done += len;
    }
    if (error) {
        VLOG_ERR("%s: %s", sink->name, error);
        return EPROTO;
    }
    tw_sync_drop(&sink->in, done);
    return 0;
}

static const char *
obey(struct tw_ct_sink *sink, const struct ofpbuf *msg)
{
    const struct nlmsghdr *nlmsg = msg->data;

    switch (nlmsg->nlmsg_type) {
    case CT_NL_TYPE(IPCTNL_MSG_CT_NEW):
    case CT_NL_TYPE(IPCTNL_MSG_CT_DELETE):
        return ct_replica_apply(sink->replica, msg, time_msec());
    case TW_SYNC_BEGIN:
        sink->in_step = false;
        ct_replica_begin_bulk(sink->replica);
        return NULL;
    case TW_SYNC_END:
        ct_replica_end_bulk(sink->replica, time_msec());
        sink->in_step = true;
        VLOG_INFO("%s: in step, with %"PRIu64" connections", sink->name,
                  tw_sync_count(msg));
        return NULL;
    case TW_SYNC_BEAT:
        if (sink->out.size > CHUNK) {
            return "it sends beats, and does not read those that come back";
        }
        tw_sync_put(&sink->out, TW_SYNC_BEAT, tw_sync_count(msg));
        return NULL;
    default:
        return "a message that is not known";
    }
}

/* EAGAIN if there is nothing more to do now, 0 if there may be. */
static int
answer(struct tw_ct_sink *sink)
{
    while (sink->out.size) {
        int n = stream_send(sink->stream, sink->out.data, sink->out.size);

        if (n <= 0) {
            return n ? -n : EOF;
        }
        ofpbuf_pull(&sink->out, n);
    }
    ofpbuf_clear(&sink->out);
    return EAGAIN;
}
