/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct --top: tables of what goes on, on a terminal or as text. */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "trackway-ct-top.h"
#include "util.h"

static void converse(struct tct_top *);
static void wait_for(struct tct_top *, struct tct_stream *);
static tct_each take;
static void print(const struct tct_top *);
static bool is_over(const struct tct_top *);

int
tct_run_top(const struct tct_options *o)
{
    struct tct_top *top = xzalloc(sizeof *top);

    top->options = *o;
    top->screen = (!tct_has(o, TCT_O_BATCH) && isatty(STDIN_FILENO)
                   && isatty(STDOUT_FILENO));
    tct_catch_signals(false);
    if (top->screen) {
        tct_screen_open();
    }
    while (!is_over(top)) {
        converse(top);
    }
    if (top->screen) {
        tct_screen_close();
    }
    free(top);
    return TCT_OK;
}

static bool
is_over(const struct tct_top *top)
{
    return (top->quit || tct_is_stopped()
            || (tct_has(&top->options, TCT_O_FRAMES)
                && top->n_shown >= top->options.n_frames));
}

/* Until something else is to be asked, of a new conversation: the daemon
 * knows one question at a time. */
static void
converse(struct tct_top *top)
{
    struct tct_stream stream;
    struct ofpbuf request;

    tct_connect(&top->options, &stream);
    ofpbuf_init(&request, 1024);
    tct_make_request(&top->options, &request);
    tct_send(&stream, &request);
    ofpbuf_uninit(&request);

    top->ask_anew = false;
    top->coming.n = 0;
    if (top->screen) {
        tct_screen_show(top);
    }
    while (!is_over(top) && !top->ask_anew) {
        wait_for(top, &stream);
    }
    tct_disconnect(&stream);
}

static void
take_answer(struct tct_top *top, struct tct_stream *stream)
{
    struct ct_nl_result result;

    if (tct_receive(stream, take, top, &result) && result.error) {
        tct_failed("Operation failed: %s", result.text[0]
                   ? result.text : ovs_strerror(result.error));
    }
}

static void
take_keys(struct tct_top *top)
{
    char keys[32];
    size_t n = tct_screen_read(keys, sizeof keys);

    for (size_t i = 0; i < n; i++) {
        tct_top_key(top, keys[i]);
    }
}

/* For the daemon, or for a key. */
static void
wait_for(struct tct_top *top, struct tct_stream *stream)
{
    struct pollfd fds[] = {
        { .fd = stream->fd, .events = POLLIN },
        { .fd = top->screen ? STDIN_FILENO : -1, .events = POLLIN },
    };
    uint32_t n_shown = top->n_shown;

    if (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
        if (errno != EINTR) {
            tct_failed("poll: %s", ovs_strerror(errno));
        }
        fds[0].revents = fds[1].revents = 0;    /* The size may be another. */
    }
    if (fds[1].revents) {
        take_keys(top);
    }
    if (fds[0].revents) {
        take_answer(top, stream);
    }
    if (top->screen && (n_shown != top->n_shown || !fds[0].revents)) {
        tct_screen_show(top);
    }
}

/* A row; the last completes the table. */
static void
take(const struct ofpbuf *msg, void *top_)
{
    struct tct_top *top = top_;
    struct ct_top_row row;
    const char *wrong = ct_nl_get_top(msg, &row);

    if (wrong) {
        tct_failed("the daemon's answer makes no sense: %s", wrong);
    }
    if (top->coming.n < TCT_TOP_ROWS) {
        top->coming.rows[top->coming.n++] = row;
    }
    if (row.kind != CT_TOP_ALL) {
        return;
    }
    if (!top->paused && !is_over(top)) {
        top->shown = top->coming;
        top->n_shown++;
        if (!top->screen) {
            print(top);
        }
    }
    top->coming.n = 0;
}

static void
print(const struct tct_top *top)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    tct_top_format(top, 0, &ds);
    ds_put_char(&ds, '\n');
    if (fwrite(ds_cstr(&ds), ds.length, 1, stdout) != 1 || fflush(stdout)) {
        tct_failed("cannot write: %s", ovs_strerror(errno));
    }
    ds_destroy(&ds);
}
