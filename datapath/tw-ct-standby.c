/* SPDX-License-Identifier: Apache-2.0 */

/* A standby, and what it is told.  Called by tw-ct-source; reads the tracker's
 * connections (ct-dump) and events (ct-feed). */

#include <config.h>

#include "tw-ct-standby.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "ct.h"
#include "ct-dump.h"
#include "ct-event.h"
#include "ct-feed.h"
#include "ct-netlink.h"
#include "latch.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "stream.h"
#include "timeval.h"
#include "tw-ct-source.h"
#include "tw-ct-sync.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(tw_ct_standby);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

/* What one turn of one standby may send, and what is made ready at a time. */
#define TURN (1024 * 1024)
#define CHUNK (64 * 1024)
/* What of it is heard in a turn. */
#define HEAR 1024

static int greet(struct tw_ct_standby *);
static bool is_verified(const struct tw_ct_standby *);
static int hear(struct tw_ct_standby *);
static int hear_all(struct tw_ct_standby *);
static void make_ready(struct tw_ct_standby *);
static bool must_begin_bulk(struct tw_ct_standby *);
static void begin_bulk(struct tw_ct_standby *);
static void put_events(struct tw_ct_standby *);
static void put_bulk(struct tw_ct_standby *);
static void put_beat(struct tw_ct_standby *);

static const struct ct_feed_class feed_class;

struct tw_ct_standby *
tw_ct_standby_create(struct ct *ct, struct stream *stream,
                     struct latch *wake, bool verify)
{
    struct tw_ct_standby *standby = xzalloc(sizeof *standby);

    standby->ct = ct;
    standby->stream = stream;
    standby->wake = wake;
    standby->verify = verify;
    standby->last_heard = time_msec();
    standby->wants_bulk = true;
    ovs_mutex_init(&standby->mutex);
    ofpbuf_init(&standby->out, 0);
    ofpbuf_init(&standby->in, 256);
    ofpbuf_init(&standby->events, 0);
    ofpbuf_init(&standby->queue, 0);
    return standby;
}

void
tw_ct_standby_destroy(struct tw_ct_standby *standby)
{
    if (standby->subscriber) {
        ct_feed_unsubscribe(standby->ct, standby->subscriber);
    }
    if (standby->dump) {
        ct_dump_destroy(standby->dump);
    }
    stream_close(standby->stream);
    ofpbuf_uninit(&standby->out);
    ofpbuf_uninit(&standby->events);
    ofpbuf_uninit(&standby->in);
    ofpbuf_uninit(&standby->queue);
    ovs_mutex_destroy(&standby->mutex);
    free(standby);
}

int
tw_ct_standby_run(struct tw_ct_standby *standby)
{
    size_t sent = 0;
    int error;

    stream_run(standby->stream);
    error = greet(standby);
    if (error) {
        return error == EAGAIN ? 0 : error;
    }
    error = hear(standby);
    if (error) {
        return error;
    }
    while (sent < TURN) {
        int n;

        if (!standby->out.size) {
            make_ready(standby);
            if (!standby->out.size) {
                return 0;
            }
        }
        n = stream_send(standby->stream, standby->out.data, standby->out.size);
        if (n <= 0) {
            return n == -EAGAIN ? 0 : -n;
        }
        ofpbuf_pull(&standby->out, n);
        sent += n;
    }
    poll_immediate_wake();
    return 0;
}

void
tw_ct_standby_wait(const struct tw_ct_standby *standby)
{
    stream_run_wait(standby->stream);
    if (!standby->subscriber) {
        stream_connect_wait(standby->stream);
        poll_timer_wait_until(standby->last_heard + TW_SYNC_SILENCE_MS + 1);
        return;
    }
    stream_recv_wait(standby->stream);
    if (standby->out.size || standby->dump) {
        stream_send_wait(standby->stream);
    }
    poll_timer_wait_until(standby->next_beat);
}

bool
tw_ct_standby_is_stranger(const struct tw_ct_standby *standby)
{
    return !standby->subscriber;
}

void
tw_ct_standby_format(struct tw_ct_standby *standby, struct ds *ds)
{
    ovs_mutex_lock(&standby->mutex);
    ds_put_format(ds, "    %s: %s, bulks: %"PRIu64", messages: %"PRIu64
                  ", not yet confirmed: %"PRIu64", waiting: %"PRIu32
                  " bytes, lost events: %"PRIu64", last heard: %lld ms "
                  "ago\n", stream_get_name(standby->stream),
                  (!standby->subscriber ? "not yet verified"
                   : standby->dump ? "bulk" : "in step"), standby->n_bulks,
                  standby->n_sent, standby->n_sent - standby->n_acked,
                  (standby->queue.size + standby->events.size
                   + standby->out.size), standby->n_lost,
                  time_msec() - standby->last_heard);
    ovs_mutex_unlock(&standby->mutex);
}

/* With "none" as the authority of ovs-vsctl set-ssl, OVS asks nobody for a
 * certificate: connections are not told to whoever comes.  (OVS knows the
 * common name of who had to show one, and was verified.) */
static bool
is_verified(const struct tw_ct_standby *standby)
{
    if (!standby->verify || stream_get_peer_id(standby->stream)) {
        return true;
    }
    VLOG_ERR_RL(&rl, "%s: a standby without a verified certificate, or one "
                "without a common name, is told nothing",
                stream_get_name(standby->stream));
    return false;
}

/* Until its handshake is over, and with TLS its certificate verified, nothing
 * is kept for it.  Whoever lets it hang loses his place to others.  0 when it
 * is over, EAGAIN before, else why it goes. */
static int
greet(struct tw_ct_standby *standby)
{
    int error;

    if (standby->subscriber) {
        return 0;
    }
    error = stream_connect(standby->stream);
    if (error) {
        return (error == EAGAIN
                && time_msec() - standby->last_heard > TW_SYNC_SILENCE_MS
                ? ETIMEDOUT : error);
    }
    if (!is_verified(standby)) {
        return EACCES;
    }
    VLOG_INFO("%s: a standby has connected", stream_get_name(standby->stream));
    standby->last_heard = time_msec();

    /* Before the bulk: what changes meanwhile comes behind it. */
    error = ct_feed_subscribe(standby->ct, &feed_class, standby,
                              &standby->subscriber);
    if (error) {
        VLOG_ERR("%s: no events for a standby: %s",
                 stream_get_name(standby->stream), ovs_strerror(error));
    }
    return error;
}

/* Beats that come back.  No more of them are read in a turn than anybody has
 * reason to send. */
static int
hear(struct tw_ct_standby *standby)
{
    struct ofpbuf *in = &standby->in;
    int n;

    ofpbuf_prealloc_tailroom(in, HEAR);
    n = stream_recv(standby->stream, ofpbuf_tail(in), HEAR);
    if (n <= 0) {
        return (n != -EAGAIN ? (n ? -n : EOF)
                : time_msec() - standby->last_heard > TW_SYNC_SILENCE_MS
                ? ETIMEDOUT : 0);
    }
    in->size += n;
    standby->last_heard = time_msec();
    poll_immediate_wake();
    return hear_all(standby);
}

/* All messages that are complete. */
static int
hear_all(struct tw_ct_standby *standby)
{
    struct ofpbuf *in = &standby->in;
    size_t done = 0;
    int len;

    while ((len = ct_nl_msg_len((char *) in->data + done,
                                in->size - done)) > 0) {
        const struct ofpbuf msg
            = ofpbuf_const_initializer((char *) in->data + done, len);

        standby->n_acked = MIN(tw_sync_count(&msg), standby->n_sent);
        done += len;
    }
    tw_sync_drop(in, done);
    return len < 0 ? EPROTO : 0;
}

/* What is to be sent next, into standby->out, which is empty. */
static void
make_ready(struct tw_ct_standby *standby)
{
    ofpbuf_clear(&standby->out);
    if (must_begin_bulk(standby)) {
        begin_bulk(standby);
    }
    put_events(standby);
    put_bulk(standby);
    if (time_msec() >= standby->next_beat) {
        put_beat(standby);
    }
}

static void
put_beat(struct tw_ct_standby *standby)
{
    standby->n_sent++;
    tw_sync_put(&standby->out, TW_SYNC_BEAT, standby->n_sent);
    standby->next_beat = time_msec() + TW_SYNC_BEAT_MS;
}

static bool
must_begin_bulk(struct tw_ct_standby *standby)
{
    bool must;

    ovs_mutex_lock(&standby->mutex);
    must = standby->wants_bulk;
    standby->wants_bulk = false;
    ovs_mutex_unlock(&standby->mutex);
    return must;
}

/* What happened before says nothing more, and could be about connections
 * whose end is what is missing. */
static void
begin_bulk(struct tw_ct_standby *standby)
{
    ofpbuf_clear(&standby->events);
    if (standby->dump) {
        ct_dump_destroy(standby->dump);
    }
    standby->dump = ct_dump_create(standby->ct, NULL, NULL);
    standby->n_bulk = 0;
    standby->n_bulks++;
    standby->n_sent++;
    tw_sync_put(&standby->out, TW_SYNC_BEGIN, 0);
}

/* Events that wait, not all of them at once: on a slow line beats would come
 * too late behind them. */
static void
put_events(struct tw_ct_standby *standby)
{
    struct ofpbuf *events = &standby->events;

    if (!events->size) {
        ovs_mutex_lock(&standby->mutex);
        struct ofpbuf empty = *events;
        *events = standby->queue;
        standby->queue = empty;
        ofpbuf_clear(&standby->queue);
        ovs_mutex_unlock(&standby->mutex);
    }
    while (events->size && standby->out.size < CHUNK) {
        int len = ct_nl_msg_len(events->data, events->size);

        ofpbuf_put(&standby->out, events->data, len);
        ofpbuf_pull(events, len);
        standby->n_sent++;
    }
}

static void
put_conn(struct ofpbuf *buf, uint16_t type, struct ct_dpif_entry *entry)
{
    const struct ct_nl_header header = {
        .type = type,
        .family = entry->tuple_orig.l3_type,
        .res_id = entry->zone,
    };

    /* What ct_insert() refuses. */
    entry->status &= ~CT_DPIF_STATUS_DYING;
    ct_nl_put_conn_msg(buf, &header, entry);
}

static void
put_bulk(struct tw_ct_standby *standby)
{
    struct ct_dpif_entry entry;

    while (standby->dump && standby->out.size < CHUNK) {
        if (ct_dump_next(standby->dump, &entry)) {
            ct_dump_destroy(standby->dump);
            standby->dump = NULL;
            standby->n_sent++;
            tw_sync_put(&standby->out, TW_SYNC_END, standby->n_bulk);
            VLOG_INFO("%s: told of %"PRIu64" connections",
                      stream_get_name(standby->stream), standby->n_bulk);
            return;
        }
        if (!(entry.status & CT_DPIF_STATUS_SEQ_ADJUST)) {
            put_conn(&standby->out, CT_NL_TYPE(IPCTNL_MSG_CT_NEW), &entry);
            standby->n_bulk++;
            standby->n_sent++;
        }
        ct_dpif_entry_uninit(&entry);
    }
}

/* In the feed's thread. */

static void
lose(struct tw_ct_standby *standby, uint64_t n)
    OVS_REQUIRES(standby->mutex)
{
    standby->n_lost += n;
    standby->wants_bulk = true;
    /* The bulk will say what these said. */
    ofpbuf_clear(&standby->queue);
}

static void
take_event(void *standby_, const struct ct_event *event)
{
    struct tw_ct_standby *standby = standby_;
    struct ct_dpif_entry entry;

    if (ct_event_is_expect(event->type)) {
        return;
    }
    ct_event_describe(standby->ct, event, &entry);
    ovs_mutex_lock(&standby->mutex);
    if (standby->queue.size > TW_CT_SOURCE_ROOM) {
        lose(standby, 1);
    } else if (entry.status & CT_DPIF_STATUS_SEQ_ADJUST
               || event->type == CT_EVENT_DESTROY) {
        put_conn(&standby->queue, CT_NL_TYPE(IPCTNL_MSG_CT_DELETE), &entry);
    } else {
        put_conn(&standby->queue, CT_NL_TYPE(IPCTNL_MSG_CT_NEW), &entry);
    }
    ovs_mutex_unlock(&standby->mutex);
    ct_dpif_entry_uninit(&entry);
}

static void
take_lost(void *standby_, uint64_t n)
{
    struct tw_ct_standby *standby = standby_;

    ovs_mutex_lock(&standby->mutex);
    lose(standby, n);
    ovs_mutex_unlock(&standby->mutex);
}

static void
take_pause(void *standby_)
{
    struct tw_ct_standby *standby = standby_;

    latch_set(standby->wake);
}

static const struct ct_feed_class feed_class = {
    .event = take_event,
    .lost = take_lost,
    .pause = take_pause,
};
