/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct -E --log: what becomes of connections, kept in a file or told to
 * a collector, until a signal ends it.
 *
 * What is read of the daemon waits in a queue until the sink has taken it:
 * while a collector is away, or slow, up to QUEUE_ROOM bytes of it.  What
 * finds no room there is lost, as what the daemon has lost, and both is told,
 * in the log and on standard error. */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ct-event-type.h"
#include "ct-ipfix.h"
#include "fatal-signal.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "trackway-ct.h"
#include "trackway-ct-queue.h"
#include "trackway-ct-sink.h"
#include "util.h"

#define QUEUE_ROOM (8 * 1024 * 1024)
#define DEFAULT_REFRESH 600     /* RFC 6728, templateRefreshTimeout. */
#define DEFAULT_DOMAIN 1
#define PATIENCE_MS 2000        /* To get rid of the rest, in the end. */

struct log {
    struct tct_options options;
    bool ipfix;
    struct tct_sink *sink;
    unsigned int session;       /* The sink's, for which 'out' is made. */

    struct tct_queue queue;
    struct ofpbuf out;          /* What the sink has not yet taken, */
    struct tct_queue_mark made; /* of those in the queue up to here. */

    uint64_t n_logged;
    struct ct_ipfix_loss loss;
    uint64_t n_untold;          /* Of those lost: not yet in the log. */
    bool full;                  /* Told that the queue is. */

    /* IPFIX. */
    struct ct_ipfix_stream stream;
    unsigned int next_template; /* Not yet sent. */
    bool tells_loss;            /* In the next message. */
    long long refresh_at;
};

static void open_log(struct log *);
static tct_each take;
static void take_conn(struct log *, const struct ofpbuf *);
static void add(struct log *, uint16_t template, const void *, size_t);
static void lose(struct log *, uint64_t n);
static tct_pause run;
static void refresh(struct log *);
static void write_some(struct log *);
static bool make(struct log *);
static void make_lines(struct log *);
static void make_message(struct log *);
static void sent(struct log *);
static void finish(struct log *);
static int conclude(struct log *, const struct ct_nl_result *);

int
tct_run_log(const struct tct_options *o)
{
    struct log log = { .options = *o, .ipfix = o->output & TCT_OUT_IPFIX };
    struct ct_nl_result result = { .error = 0 };
    struct ofpbuf request;

    tct_catch_signals(true);
    fatal_ignore_sigpipe();
    open_log(&log);
    ofpbuf_init(&request, 1024);
    tct_make_request(&log.options, &request);
    tct_ask_on(o, &request, take, run, &log, &result);
    finish(&log);
    ofpbuf_uninit(&request);
    return conclude(&log, &result);
}

static void
open_log(struct log *log)
{
    struct tct_options *o = &log->options;

    if (log->ipfix && !o->events) {
        o->events = 1u << CT_EVENT_NEW | 1u << CT_EVENT_DESTROY;
    }
    o->refresh = o->refresh ? o->refresh : DEFAULT_REFRESH;
    log->stream.domain = (tct_has(o, TCT_O_DOMAIN) ? o->domain
                          : DEFAULT_DOMAIN);
    log->loss.process = getpid();
    log->refresh_at = time_msec() + o->refresh * 1000LL;
    tct_queue_init(&log->queue, QUEUE_ROOM);
    ofpbuf_init(&log->out, 0);
    log->sink = tct_sink_open(o->log);
}

/* Events. */

static void
take(const struct ofpbuf *msg, void *log_)
{
    struct log *log = log_;
    uint64_t n_lost = ct_nl_get_overrun(msg);

    if (n_lost) {
        tct_complain("WARNING: %"PRIu64" events were lost here.", n_lost);
        lose(log, n_lost);
    } else {
        take_conn(log, msg);
    }
}

static void
take_conn(struct log *log, const struct ofpbuf *msg)
{
    struct tct_options *o = &log->options;
    struct ct_nl_conn conn;

    tct_read_event(msg, o, &conn);
    if (log->ipfix) {
        const struct ct_ipfix_event event = {
            .entry = &conn.entry,
            .end = o->event == TCT_DESTROYED,
            .reason = o->reason,
            .when = o->when,
        };
        struct ct_ipfix_record record;

        ct_ipfix_encode(&event, &record);
        add(log, record.template, record.data, record.size);
    } else {
        struct ds line = DS_EMPTY_INITIALIZER;

        tct_format_json(o, &conn, &line);
        add(log, 0, line.string, line.length);
        ds_destroy(&line);
    }
}

static void
add(struct log *log, uint16_t template, const void *data, size_t size)
{
    if (tct_queue_add(&log->queue, template, data, size)) {
        return;
    }
    if (!log->full) {
        tct_complain("%s takes events too slowly, or not at all: from here "
                     "on some are lost", log->options.log);
        log->full = true;
    }
    lose(log, 1);
}

static void
lose(struct log *log, uint64_t n)
{
    log->loss.last = time_wall_msec();
    if (!log->loss.n_lost) {
        log->loss.first = log->loss.last;
    }
    log->loss.n_lost += n;
    log->n_untold += n;
    log->tells_loss = true;
}

/* In a line of its own, once there is room again. */
static void
tell_loss(struct log *log)
{
    if (log->n_untold && !log->ipfix && !tct_queue_is_full(&log->queue)) {
        char *line = xasprintf("{\"event\":\"lost\",\"time\":%"PRIu64","
                               "\"count\":%"PRIu64"}\n",
                               log->loss.last, log->n_untold);

        tct_queue_add(&log->queue, 0, line, strlen(line));
        log->n_untold = 0;
        free(line);
    }
}

/* The sink. */

static void
run(void *log_)
{
    struct log *log = log_;

    if (tct_take_hangup()) {
        write_some(log);
        tct_sink_reopen(log->sink);
    }
    refresh(log);
    tell_loss(log);
    write_some(log);
    tct_sink_wait(log->sink, log->out.size);
    poll_timer_wait_until(log->refresh_at);
}

/* Time to repeat what a collector may not know?  Only datagrams may not have
 * come to it (RFC 7011, 8.4). */
static void
refresh(struct log *log)
{
    if (time_msec() >= log->refresh_at) {
        log->refresh_at = time_msec() + log->options.refresh * 1000LL;
        log->tells_loss = true;
        if (tct_sink_is_datagram(log->sink)) {
            log->next_template = 0;
        }
    }
}

static void
begin_session(struct log *log)
{
    log->session = tct_sink_session(log->sink);
    log->stream.seq = 0;
    log->next_template = 0;
    log->tells_loss = log->tells_loss || log->loss.n_lost;
    ofpbuf_clear(&log->out);
    tct_queue_rewind(&log->made);
}

static void
write_some(struct log *log)
{
    tct_sink_run(log->sink);
    if (tct_sink_session(log->sink) != log->session) {
        begin_session(log);
    }
    while (log->session && (log->out.size || make(log))) {
        ssize_t n = tct_sink_write(log->sink, log->out.data, log->out.size);

        if (n > 0) {
            ofpbuf_pull(&log->out, n);
            if (!log->out.size) {
                sent(log);
            }
        } else if (n < 0 && tct_sink_is_datagram(log->sink)) {
            lose(log, tct_queue_pop(&log->queue, &log->made));
            log->next_template = 0;     /* They may have been in it. */
            ofpbuf_clear(&log->out);
        } else {
            break;
        }
    }
}

/* False: there is nothing to be written. */
static bool
make(struct log *log)
{
    ofpbuf_clear(&log->out);
    tct_queue_rewind(&log->made);
    if (log->ipfix) {
        make_message(log);
    } else {
        make_lines(log);
    }
    return log->out.size;
}

/* As many as one write takes, or one a datagram. */
static void
make_lines(struct log *log)
{
    bool datagram = tct_sink_is_datagram(log->sink);
    size_t max = tct_sink_max(log->sink);
    const struct tct_queue_entry *entry;

    while ((entry = tct_queue_peek(&log->queue, &log->made)) != NULL
           && (!log->out.size
               || (!datagram && log->out.size + entry->size <= max))) {
        ofpbuf_put(&log->out, entry->data, entry->size);
        tct_queue_next(&log->queue, &log->made);
    }
}

static void
make_message(struct log *log)
{
    const struct tct_queue_entry *entry;
    struct ct_ipfix_message msg;
    struct ct_ipfix_record record;

    ct_ipfix_begin(&msg, &log->out, tct_sink_max(log->sink));
    bool all = ct_ipfix_put_templates(&msg, &log->next_template);
    if (all && log->tells_loss) {
        log->loss.n_sent = log->n_logged;
        ct_ipfix_encode_loss(&log->loss, &record);
        log->tells_loss = !ct_ipfix_put(&msg, &record);
    }
    while (all && (entry = tct_queue_peek(&log->queue, &log->made)) != NULL) {
        record.template = entry->template;
        record.size = entry->size;
        memcpy(record.data, entry->data, entry->size);
        all = ct_ipfix_put(&msg, &record);
        if (all) {
            tct_queue_next(&log->queue, &log->made);
        }
    }
    if (ct_ipfix_is_empty(&msg)) {
        ofpbuf_clear(&log->out);
    } else {
        ct_ipfix_end(&msg, &log->stream, time_wall());
    }
}

/* All of 'out'. */
static void
sent(struct log *log)
{
    ofpbuf_clear(&log->out);
    log->n_logged += tct_queue_pop(&log->queue, &log->made);
    log->full = log->full && tct_queue_is_full(&log->queue);
}

/* The end. */

/* Nothing more can be written, or has to be. */
static bool
is_done(const struct log *log)
{
    return (!log->out.size && !tct_queue_count(&log->queue)
            && (log->session || !log->loss.n_lost));
}

static void
finish(struct log *log)
{
    long long deadline = time_msec() + PATIENCE_MS;

    log->tells_loss = true;
    for (;;) {
        tell_loss(log);
        write_some(log);
        if (is_done(log) || time_msec() >= deadline) {
            break;
        }
        tct_sink_wait(log->sink, log->out.size);
        poll_timer_wait_until(deadline);
        poll_block();
    }
    tct_sink_close(log->sink);
}

static int
conclude(struct log *log, const struct ct_nl_result *result)
{
    uint64_t n_left = tct_queue_count(&log->queue);

    tct_queue_uninit(&log->queue);
    ofpbuf_uninit(&log->out);
    if (result->error) {
        tct_failed("Operation failed: %s", result->text[0]
                   ? result->text : ovs_strerror(result->error));
    }
    tct_complain("%"PRIu64" flow events have been logged.", log->n_logged);
    if (log->loss.n_lost + n_left) {
        tct_complain("%"PRIu64" events were lost.",
                     log->loss.n_lost + n_left);
    }
    return TCT_OK;
}
