/* SPDX-License-Identifier: Apache-2.0 */

/* The active side of a hot standby.  Called by tw-ct-sync; reads the tracker's
 * connections (ct-dump) and events (ct-feed). */

#include <config.h>

#include "tw-ct-source.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ct.h"
#include "ct-dump.h"
#include "ct-event.h"
#include "ct-feed.h"
#include "ct-netlink.h"
#include "latch.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "stream.h"
#include "timeval.h"
#include "tw-ct-sync.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(tw_ct_source);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
/* Of standbys that go: whoever can connect can go, too. */
static struct vlog_rate_limit gone_rl = VLOG_RATE_LIMIT_INIT(20, 20);

/* What one turn of one standby may send, and what is made ready at a time. */
#define TURN (1024 * 1024)
#define CHUNK (64 * 1024)
/* What of it is heard in a turn. */
#define HEAR 1024
/* Who cannot be accepted, for want of a descriptor, would wake us at once. */
#define ACCEPT_PAUSE_MS 1000

struct client {
    struct ovs_list node;           /* In source->clients. */
    struct tw_ct_source *source;
    struct stream *stream;
    struct ct_feed_subscriber *subscriber;  /* NULL: its handshake is not
                                             * over, it is told nothing. */
    struct ofpbuf out;              /* Being sent: one CHUNK, and a beat. */
    struct ofpbuf events;           /* Taken from 'queue', sent next. */
    struct ofpbuf in;               /* Of a message that is not complete. */
    struct ct_dump *dump;           /* Of a bulk; NULL: none. */
    long long last_heard, next_beat;    /* time_msec(). */

    uint64_t n_sent;                /* Messages. */
    uint64_t n_acked;               /* Of those, done with. */
    uint64_t n_bulks, n_bulk;       /* Bulks; connections of the current. */

    struct ovs_mutex mutex;         /* Inside the feed's. */
    struct ofpbuf queue OVS_GUARDED_BY(mutex);      /* Events, behind them. */
    uint64_t n_lost OVS_GUARDED_BY(mutex);
    bool wants_bulk OVS_GUARDED_BY(mutex);
};

struct tw_ct_source {
    struct ct *ct;
    char *name;
    struct pstream *pstream;
    struct ovs_list clients;
    size_t n_clients;
    long long next_accept;          /* time_msec(): not before. */
    struct latch wake;              /* There are events. */
};

static void accept_clients(struct tw_ct_source *);
static struct client *oldest_stranger(const struct tw_ct_source *);
static void client_gone(struct client *, const char *why);
static void client_create(struct tw_ct_source *, struct stream *);
static void client_destroy(struct client *);
static int client_run(struct client *);
static int greet(struct client *);
static void client_wait(const struct client *);
static int hear(struct client *);
static int hear_all(struct client *);
static void make_ready(struct client *);
static bool must_begin_bulk(struct client *);
static void begin_bulk(struct client *);
static void put_events(struct client *);
static void put_bulk(struct client *);
static void put_beat(struct client *);

static const struct ct_feed_class feed_class;

char *
tw_ct_source_create(struct ct *ct, const char *listen,
                    struct tw_ct_source **sourcep)
{
    struct tw_ct_source *source;
    struct pstream *pstream;
    int error = pstream_open(listen, &pstream, 0);

    if (error) {
        return xasprintf("%s: %s", listen, ovs_strerror(error));
    }
    source = xzalloc(sizeof *source);
    source->ct = ct;
    source->name = xstrdup(listen);
    source->pstream = pstream;
    ovs_list_init(&source->clients);
    latch_init(&source->wake);
    *sourcep = source;
    return NULL;
}

void
tw_ct_source_destroy(struct tw_ct_source *source)
{
    struct client *client, *next;

    if (source) {
        LIST_FOR_EACH_SAFE (client, next, node, &source->clients) {
            client_destroy(client);
        }
        pstream_close(source->pstream);
        latch_destroy(&source->wake);
        free(source->name);
        free(source);
    }
}

const char *
tw_ct_source_name(const struct tw_ct_source *source)
{
    return source->name;
}

void
tw_ct_source_run(struct tw_ct_source *source)
{
    struct client *client, *next;

    latch_poll(&source->wake);
    accept_clients(source);
    LIST_FOR_EACH_SAFE (client, next, node, &source->clients) {
        int error = client_run(client);

        if (error) {
            client_gone(client, ovs_retval_to_string(error));
        }
    }
}

void
tw_ct_source_wait(struct tw_ct_source *source)
{
    struct client *client;

    if (time_msec() < source->next_accept) {
        poll_timer_wait_until(source->next_accept);
    } else if (source->n_clients < TW_CT_SOURCE_MAX_CLIENTS
               || oldest_stranger(source)) {
        pstream_wait(source->pstream);
    }
    latch_wait(&source->wake);
    LIST_FOR_EACH (client, node, &source->clients) {
        client_wait(client);
    }
}

void
tw_ct_source_format(const struct tw_ct_source *source, struct ds *ds)
{
    struct client *client;

    ds_put_format(ds, "  active, listens on %s, %"PRIuSIZE" standby\n",
                  source->name, source->n_clients);
    LIST_FOR_EACH (client, node, &source->clients) {
        ovs_mutex_lock(&client->mutex);
        ds_put_format(ds, "    %s: %s, bulks: %"PRIu64", messages: %"PRIu64
                      ", not yet confirmed: %"PRIu64", waiting: %"PRIu32
                      " bytes, lost events: %"PRIu64", last heard: %lld ms "
                      "ago\n", stream_get_name(client->stream),
                      (!client->subscriber ? "not yet verified"
                       : client->dump ? "bulk" : "in step"), client->n_bulks,
                      client->n_sent, client->n_sent - client->n_acked,
                      (client->queue.size + client->events.size
                       + client->out.size), client->n_lost,
                      time_msec() - client->last_heard);
        ovs_mutex_unlock(&client->mutex);
    }
}

/* When all places are taken, who has not shown a certificate yet makes room
 * for another: places can be taken by anybody, and cost him nothing. */
static void
accept_clients(struct tw_ct_source *source)
{
    for (int i = 0; i < TW_CT_SOURCE_MAX_CLIENTS; i++) {
        bool full = source->n_clients >= TW_CT_SOURCE_MAX_CLIENTS;
        struct client *stranger = full ? oldest_stranger(source) : NULL;
        struct stream *stream;
        int error = (full && !stranger ? EAGAIN
                     : pstream_accept(source->pstream, &stream));

        if (error) {
            if (error != EAGAIN) {
                VLOG_WARN_RL(&rl, "%s: %s", source->name,
                             ovs_strerror(error));
                source->next_accept = time_msec() + ACCEPT_PAUSE_MS;
            }
            return;
        }
        if (stranger) {
            client_gone(stranger, "another one needs its place");
        }
        client_create(source, stream);
    }
}

static struct client *
oldest_stranger(const struct tw_ct_source *source)
{
    struct client *client;

    LIST_FOR_EACH (client, node, &source->clients) {
        if (!client->subscriber) {
            return client;
        }
    }
    return NULL;
}

static void
client_gone(struct client *client, const char *why)
{
    VLOG_INFO_RL(&gone_rl, "%s: standby is gone (%s)",
                 stream_get_name(client->stream), why);
    client_destroy(client);
}

/* Standbys. */

static void
client_create(struct tw_ct_source *source, struct stream *stream)
{
    struct client *client = xzalloc(sizeof *client);

    client->source = source;
    client->stream = stream;
    client->last_heard = time_msec();
    client->wants_bulk = true;
    ovs_mutex_init(&client->mutex);
    ofpbuf_init(&client->out, 0);
    ofpbuf_init(&client->in, 256);
    ofpbuf_init(&client->events, 0);
    ofpbuf_init(&client->queue, 0);
    ovs_list_push_back(&source->clients, &client->node);
    source->n_clients++;
}

static void
client_destroy(struct client *client)
{
    if (client->subscriber) {
        ct_feed_unsubscribe(client->source->ct, client->subscriber);
    }
    if (client->dump) {
        ct_dump_destroy(client->dump);
    }
    ovs_list_remove(&client->node);
    client->source->n_clients--;
    stream_close(client->stream);
    ofpbuf_uninit(&client->out);
    ofpbuf_uninit(&client->events);
    ofpbuf_uninit(&client->in);
    ofpbuf_uninit(&client->queue);
    ovs_mutex_destroy(&client->mutex);
    free(client);
}

/* 0, or why it is over. */
static int
client_run(struct client *client)
{
    size_t sent = 0;
    int error;

    stream_run(client->stream);
    error = greet(client);
    if (error) {
        return error == EAGAIN ? 0 : error;
    }
    error = hear(client);
    if (error) {
        return error;
    }
    while (sent < TURN) {
        int n;

        if (!client->out.size) {
            make_ready(client);
            if (!client->out.size) {
                return 0;
            }
        }
        n = stream_send(client->stream, client->out.data, client->out.size);
        if (n <= 0) {
            return n == -EAGAIN ? 0 : -n;
        }
        ofpbuf_pull(&client->out, n);
        sent += n;
    }
    poll_immediate_wake();
    return 0;
}

/* With "none" as the authority of ovs-vsctl set-ssl, OVS asks nobody for a
 * certificate: connections are not told to whoever comes.  (OVS knows the
 * common name of who had to show one, and was verified.) */
static bool
is_verified(const struct client *client)
{
    if (strncmp(client->source->name, "pssl:", strlen("pssl:"))
        || stream_get_peer_id(client->stream)) {
        return true;
    }
    VLOG_ERR_RL(&rl, "%s: a standby without a verified certificate, or one "
                "without a common name, is told nothing",
                stream_get_name(client->stream));
    return false;
}

/* Until its handshake is over, and with TLS its certificate verified, nothing
 * is kept for it.  Whoever lets it hang loses his place to others.  0 when it
 * is over, EAGAIN before, else why it goes. */
static int
greet(struct client *client)
{
    int error;

    if (client->subscriber) {
        return 0;
    }
    error = stream_connect(client->stream);
    if (error) {
        return (error == EAGAIN
                && time_msec() - client->last_heard > TW_SYNC_SILENCE_MS
                ? ETIMEDOUT : error);
    }
    if (!is_verified(client)) {
        return EACCES;
    }
    VLOG_INFO("%s: a standby has connected", stream_get_name(client->stream));
    client->last_heard = time_msec();

    /* Before the bulk: what changes meanwhile comes behind it. */
    error = ct_feed_subscribe(client->source->ct, &feed_class, client,
                              &client->subscriber);
    if (error) {
        VLOG_ERR("%s: no events for a standby: %s", client->source->name,
                 ovs_strerror(error));
    }
    return error;
}

static void
client_wait(const struct client *client)
{
    stream_run_wait(client->stream);
    if (!client->subscriber) {
        stream_connect_wait(client->stream);
        poll_timer_wait_until(client->last_heard + TW_SYNC_SILENCE_MS + 1);
        return;
    }
    stream_recv_wait(client->stream);
    if (client->out.size || client->dump) {
        stream_send_wait(client->stream);
    }
    poll_timer_wait_until(client->next_beat);
}

/* Beats that come back.  No more of them are read in a turn than anybody has
 * reason to send. */
static int
hear(struct client *client)
{
    struct ofpbuf *in = &client->in;
    int n;

    ofpbuf_prealloc_tailroom(in, HEAR);
    n = stream_recv(client->stream, ofpbuf_tail(in), HEAR);
    if (n <= 0) {
        return (n != -EAGAIN ? (n ? -n : EOF)
                : time_msec() - client->last_heard > TW_SYNC_SILENCE_MS
                ? ETIMEDOUT : 0);
    }
    in->size += n;
    client->last_heard = time_msec();
    poll_immediate_wake();
    return hear_all(client);
}

/* All messages that are complete. */
static int
hear_all(struct client *client)
{
    struct ofpbuf *in = &client->in;
    size_t done = 0;
    int len;

    while ((len = ct_nl_msg_len((char *) in->data + done,
                                in->size - done)) > 0) {
        const struct ofpbuf msg
            = ofpbuf_const_initializer((char *) in->data + done, len);

        client->n_acked = MIN(tw_sync_count(&msg), client->n_sent);
        done += len;
    }
    tw_sync_drop(in, done);
    return len < 0 ? EPROTO : 0;
}

/* What is to be sent next, into client->out, which is empty. */
static void
make_ready(struct client *client)
{
    ofpbuf_clear(&client->out);
    if (must_begin_bulk(client)) {
        begin_bulk(client);
    }
    put_events(client);
    put_bulk(client);
    if (time_msec() >= client->next_beat) {
        put_beat(client);
    }
}

static void
put_beat(struct client *client)
{
    client->n_sent++;
    tw_sync_put(&client->out, TW_SYNC_BEAT, client->n_sent);
    client->next_beat = time_msec() + TW_SYNC_BEAT_MS;
}

static bool
must_begin_bulk(struct client *client)
{
    bool must;

    ovs_mutex_lock(&client->mutex);
    must = client->wants_bulk;
    client->wants_bulk = false;
    ovs_mutex_unlock(&client->mutex);
    return must;
}

/* What happened before says nothing more, and could be about connections
 * whose end is what is missing. */
static void
begin_bulk(struct client *client)
{
    ofpbuf_clear(&client->events);
    if (client->dump) {
        ct_dump_destroy(client->dump);
    }
    client->dump = ct_dump_create(client->source->ct, NULL, NULL);
    client->n_bulk = 0;
    client->n_bulks++;
    client->n_sent++;
    tw_sync_put(&client->out, TW_SYNC_BEGIN, 0);
}

/* Events that wait, not all of them at once: on a slow line beats would come
 * too late behind them. */
static void
put_events(struct client *client)
{
    struct ofpbuf *events = &client->events;

    if (!events->size) {
        ovs_mutex_lock(&client->mutex);
        struct ofpbuf empty = *events;
        *events = client->queue;
        client->queue = empty;
        ofpbuf_clear(&client->queue);
        ovs_mutex_unlock(&client->mutex);
    }
    while (events->size && client->out.size < CHUNK) {
        int len = ct_nl_msg_len(events->data, events->size);

        ofpbuf_put(&client->out, events->data, len);
        ofpbuf_pull(events, len);
        client->n_sent++;
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
put_bulk(struct client *client)
{
    struct ct_dpif_entry entry;

    while (client->dump && client->out.size < CHUNK) {
        if (ct_dump_next(client->dump, &entry)) {
            ct_dump_destroy(client->dump);
            client->dump = NULL;
            client->n_sent++;
            tw_sync_put(&client->out, TW_SYNC_END, client->n_bulk);
            VLOG_INFO("%s: told of %"PRIu64" connections",
                      stream_get_name(client->stream), client->n_bulk);
            return;
        }
        if (!(entry.status & CT_DPIF_STATUS_SEQ_ADJUST)) {
            put_conn(&client->out, CT_NL_TYPE(IPCTNL_MSG_CT_NEW), &entry);
            client->n_bulk++;
            client->n_sent++;
        }
        ct_dpif_entry_uninit(&entry);
    }
}

/* In the feed's thread. */

static void
lose(struct client *client, uint64_t n)
    OVS_REQUIRES(client->mutex)
{
    client->n_lost += n;
    client->wants_bulk = true;
    /* The bulk will say what these said. */
    ofpbuf_clear(&client->queue);
}

static void
take_event(void *client_, const struct ct_event *event)
{
    struct client *client = client_;
    struct ct_dpif_entry entry;

    if (ct_event_is_expect(event->type)) {
        return;
    }
    ct_event_describe(client->source->ct, event, &entry);
    ovs_mutex_lock(&client->mutex);
    if (client->queue.size > TW_CT_SOURCE_ROOM) {
        lose(client, 1);
    } else if (entry.status & CT_DPIF_STATUS_SEQ_ADJUST
               || event->type == CT_EVENT_DESTROY) {
        put_conn(&client->queue, CT_NL_TYPE(IPCTNL_MSG_CT_DELETE), &entry);
    } else {
        put_conn(&client->queue, CT_NL_TYPE(IPCTNL_MSG_CT_NEW), &entry);
    }
    ovs_mutex_unlock(&client->mutex);
    ct_dpif_entry_uninit(&entry);
}

static void
take_lost(void *client_, uint64_t n)
{
    struct client *client = client_;

    ovs_mutex_lock(&client->mutex);
    lose(client, n);
    ovs_mutex_unlock(&client->mutex);
}

static void
take_pause(void *client_)
{
    struct client *client = client_;

    latch_set(&client->source->wake);
}

static const struct ct_feed_class feed_class = {
    .event = take_event,
    .lost = take_lost,
    .pause = take_pause,
};
