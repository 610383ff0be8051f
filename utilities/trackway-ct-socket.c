/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: the conversation with the daemon.  Nobody waits here for a
 * daemon that has gone: its end closes the socket. */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dirs.h"
#include "openvswitch/poll-loop.h"
#include "socket-util.h"
#include "trackway-ct.h"
#include "util.h"

#define DEFAULT_SOCKET "trackway-ct.sock"
#define BUFFER_SIZE (256 * 1024)

static void wait_for_more(int fd);
static void read_rest(struct tct_stream *, tct_each *, void *aux,
                      struct ct_nl_result *);
static bool take_messages(struct ofpbuf *, tct_each *, void *aux,
                          struct ct_nl_result *);

void
tct_ask(const struct tct_options *o, struct ofpbuf *request, tct_each *each,
        void *aux, struct ct_nl_result *result)
{
    tct_ask_on(o, request, each, NULL, aux, result);
}

void
tct_ask_on(const struct tct_options *o, struct ofpbuf *request,
           tct_each *each, tct_pause *pause, void *aux,
           struct ct_nl_result *result)
{
    static struct tct_stream stream = { .fd = -1 };     /* One for all lines
                                                         * of a file. */

    if (stream.fd < 0) {
        tct_connect(o, &stream);
    }
    stream.waits = !pause;
    tct_send(&stream, request);
    do {
        if (pause) {
            pause(aux);
            wait_for_more(stream.fd);
        }
    } while (!tct_is_stopped() && !tct_receive(&stream, each, aux, result));
    if (tct_is_stopped()) {
        read_rest(&stream, each, aux, result);
    }
}

/* For the daemon, a signal, or what 'pause' waits for. */
static void
wait_for_more(int fd)
{
    poll_fd_wait(fd, POLLIN);
    tct_signal_wait();
    poll_block();
}

/* What the daemon has said before the signal came; what it goes on to say may
 * have no end. */
static void
read_rest(struct tct_stream *stream, tct_each *each, void *aux,
          struct ct_nl_result *result)
{
    int n;

    if (!ioctl(stream->fd, FIONREAD, &n)) {
        uint64_t end = stream->n_read + n;

        while (stream->n_read < end
               && !tct_receive(stream, each, aux, result)) {
            continue;
        }
    }
}

bool
tct_receive(struct tct_stream *stream, tct_each *each, void *aux,
            struct ct_nl_result *result)
{
    struct ofpbuf *in = &stream->in;
    ssize_t n;

    ofpbuf_prealloc_tailroom(in, CT_NL_MAX_MSG);
    n = recv(stream->fd, ofpbuf_tail(in), ofpbuf_tailroom(in),
             stream->waits ? 0 : MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
        return false;
    }
    if (n <= 0) {
        tct_failed("the daemon has gone before its answer was complete%s%s",
                   n ? ": " : "", n ? ovs_strerror(errno) : "");
    }
    in->size += n;
    stream->n_read += n;
    return take_messages(in, each, aux, result);
}

void
tct_connect(const struct tct_options *o, struct tct_stream *stream)
{
    char *path = (o->socket ? xstrdup(o->socket)
                  : xasprintf("%s/%s", ovs_rundir(), DEFAULT_SOCKET));
    int fd = make_unix_socket(SOCK_STREAM, false, NULL, path);

    if (fd == -EACCES || fd == -EPERM) {
        tct_failed("%s: permission denied: only root and members of the "
                   "socket's group may ask the daemon", path);
    } else if (fd < 0) {
        tct_failed("%s: %s: is ovs-vswitchd of Trackway running?", path,
                   ovs_strerror(-fd));
    }
    if (o->buffer_size
        && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &o->buffer_size,
                      sizeof o->buffer_size)) {
        tct_failed("cannot set the size of the buffer: %s",
                   ovs_strerror(errno));
    }
    free(path);
    stream->fd = fd;
    stream->waits = false;
    stream->n_read = 0;
    ofpbuf_init(&stream->in, BUFFER_SIZE);
}

void
tct_disconnect(struct tct_stream *stream)
{
    close(stream->fd);
    ofpbuf_uninit(&stream->in);
}

void
tct_send(struct tct_stream *stream, const struct ofpbuf *request)
{
    size_t sent = 0;

    while (sent < request->size) {
        ssize_t n = send(stream->fd, (const char *) request->data + sent,
                         request->size - sent, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR) {
            tct_failed("the daemon does not take the request: %s",
                       ovs_strerror(errno));
        }
        sent += MAX(n, 0);
    }
}

/* Takes whole messages out of 'in'.  True: the last one was among them. */
static bool
take_messages(struct ofpbuf *in, tct_each *each, void *aux,
              struct ct_nl_result *result)
{
    const char *data = in->data;
    size_t left = in->size;
    bool last = false;
    int len;

    while (!last && (len = ct_nl_msg_len(data, left)) > 0) {
        struct ofpbuf msg;

        ofpbuf_use_const(&msg, data, len);
        last = ct_nl_get_result(&msg, result);
        if (!last) {
            each(&msg, aux);
        }
        data += len;
        left -= len;
    }
    if (!last && ct_nl_msg_len(data, left) < 0) {
        tct_failed("the daemon's answer makes no sense");
    }
    memmove(in->data, data, left);
    in->size = left;
    return last;
}
