/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: where a log goes; and the kind of it that is a file. */

#include <config.h>

#include "trackway-ct-sink.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "trackway-ct.h"
#include "util.h"

#define FILE_MAX 16384
#define FILE_MODE 0640          /* It tells who talked to whom. */

static const struct {
    const char *prefix;
    const struct tct_sink_class *class;
} kinds[] = {
    { "file:", &tct_sink_file },
    { "udp:", &tct_sink_udp },
    { "tcp:", &tct_sink_tcp },
};

struct tct_sink *
tct_sink_open(const char *target)
{
    struct tct_sink *sink = xzalloc(sizeof *sink);

    sink->target = xstrdup(target);
    sink->fd = -1;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (!strncmp(target, kinds[i].prefix, strlen(kinds[i].prefix))) {
            sink->class = kinds[i].class;
            sink->where = xstrdup(target + strlen(kinds[i].prefix));
        }
    }
    if (!sink->class || !sink->where[0]) {
        tct_usage_error("`%s' is not file:PATH, udp:HOST[:PORT] or "
                        "tcp:HOST[:PORT]", target);
    }
    sink->class->open(sink);
    return sink;
}

void
tct_sink_close(struct tct_sink *sink)
{
    sink->class->close(sink);
    free(sink->name);
    free(sink->where);
    free(sink->target);
    free(sink);
}

bool
tct_sink_is_datagram(const struct tct_sink *sink)
{
    return sink->class->datagram;
}

size_t
tct_sink_max(const struct tct_sink *sink)
{
    return sink->class->max(sink);
}

unsigned int
tct_sink_session(const struct tct_sink *sink)
{
    return sink->session;
}

void
tct_sink_begin_session(struct tct_sink *sink)
{
    sink->session = ++sink->n_sessions;
}

ssize_t
tct_sink_write(struct tct_sink *sink, const void *data, size_t size)
{
    return sink->class->write(sink, data, size);
}

void
tct_sink_run(struct tct_sink *sink)
{
    if (sink->class->run) {
        sink->class->run(sink);
    }
}

void
tct_sink_wait(const struct tct_sink *sink, bool full)
{
    sink->class->wait(sink, full);
}

void
tct_sink_reopen(struct tct_sink *sink)
{
    if (sink->class->reopen) {
        sink->class->reopen(sink);
    }
}

/* A file.  Writes to it wait for the disk. */

static int
file_try(const struct tct_sink *sink)
{
    return open(sink->where, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
                FILE_MODE);
}

static void
file_open(struct tct_sink *sink)
{
    sink->fd = file_try(sink);
    if (sink->fd < 0) {
        tct_failed("%s: cannot open: %s", sink->where, ovs_strerror(errno));
    }
    tct_sink_begin_session(sink);
}

static void
file_close(struct tct_sink *sink)
{
    if (close(sink->fd)) {
        tct_failed("%s: cannot write: %s", sink->where, ovs_strerror(errno));
    }
}

/* Goes on with the old one if there is no new one to be had. */
static void
file_reopen(struct tct_sink *sink)
{
    int fd = file_try(sink);

    if (fd < 0) {
        tct_complain("%s: cannot open anew: %s", sink->where,
                     ovs_strerror(errno));
        return;
    }
    file_close(sink);
    sink->fd = fd;
    tct_sink_begin_session(sink);
}

static ssize_t
file_write(struct tct_sink *sink, const void *data, size_t size)
{
    ssize_t n;

    do {
        n = write(sink->fd, data, size);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        tct_failed("%s: cannot write: %s", sink->where, ovs_strerror(errno));
    }
    return n;
}

static void
file_wait(const struct tct_sink *sink OVS_UNUSED, bool full)
{
    if (full) {
        poll_immediate_wake();
    }
}

static size_t
file_max(const struct tct_sink *sink OVS_UNUSED)
{
    return FILE_MAX;
}

const struct tct_sink_class tct_sink_file = {
    .open = file_open,
    .close = file_close,
    .wait = file_wait,
    .reopen = file_reopen,
    .write = file_write,
    .max = file_max,
};
