/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: collectors as sinks of a log, over UDP and TCP. */

#include <config.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ct-ipfix.h"
#include "openvswitch/poll-loop.h"
#include "reconnect.h"
#include "socket-util.h"
#include "stream.h"
#include "timeval.h"
#include "trackway-ct.h"
#include "trackway-ct-sink.h"
#include "util.h"

#define DEFAULT_PORT OVS_STRINGIZE(CT_IPFIX_PORT)
BUILD_ASSERT_DECL(CT_IPFIX_PORT == 4739);

/* A collector's buffer, and a bounded loss when its session ends. */
#define COLLECTOR_MAX 16384

#define CONNECT_MIN_MS 500
#define CONNECT_MAX_MS 8000

static void resolve(const struct tct_sink *, int style,
                    struct sockaddr_storage *, socklen_t *);

/* UDP. */

static void
udp_open(struct tct_sink *sink)
{
    struct sockaddr_storage ss;
    socklen_t len;

    resolve(sink, SOCK_DGRAM, &ss, &len);
    sink->fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                      0);
    if (sink->fd < 0 || connect(sink->fd, (struct sockaddr *) &ss, len)) {
        tct_failed("%s: cannot send: %s", sink->target, ovs_strerror(errno));
    }
    tct_sink_begin_session(sink);
}

static void
udp_close(struct tct_sink *sink)
{
    close(sink->fd);
}

static void
udp_wait(const struct tct_sink *sink, bool full)
{
    if (full) {
        poll_fd_wait(sink->fd, POLLOUT);
    }
}

/* What has come back of an earlier datagram stops this one, once. */
static ssize_t
udp_write(struct tct_sink *sink, const void *data, size_t size)
{
    ssize_t n = send(sink->fd, data, size, 0);

    if (n < 0 && errno != EAGAIN) {
        if (!sink->complained) {
            tct_complain("%s: %s", sink->target, ovs_strerror(errno));
            sink->complained = true;
        }
        n = send(sink->fd, data, size, 0);
    } else if (n >= 0) {
        sink->complained = false;
    }
    return n >= 0 ? n : errno == EAGAIN ? 0 : -errno;
}

/* As much as the path carries in one packet, as far as that is known
 * (RFC 7011, 10.3.3). */
static size_t
udp_max(const struct tct_sink *sink)
{
    enum { IPV4_UDP = 20 + 8, IPV6_UDP = 40 + 8 };
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss, int_len = sizeof(int);
    int mtu;

    if (getsockname(sink->fd, (struct sockaddr *) &ss, &len)) {
        return CT_IPFIX_SAFE_MESSAGE;
    }
    bool v6 = ss.ss_family == AF_INET6;
    if (getsockopt(sink->fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
                   v6 ? IPV6_MTU : IP_MTU, &mtu, &int_len)) {
        return CT_IPFIX_SAFE_MESSAGE;
    }
    mtu -= v6 ? IPV6_UDP : IPV4_UDP;
    return MIN(MAX(mtu, CT_IPFIX_SAFE_MESSAGE), COLLECTOR_MAX);
}

const struct tct_sink_class tct_sink_udp = {
    .datagram = true,
    .open = udp_open,
    .close = udp_close,
    .wait = udp_wait,
    .write = udp_write,
    .max = udp_max,
};

/* TCP. */

static void
tcp_open(struct tct_sink *sink)
{
    struct sockaddr_storage ss;
    struct ds name = DS_EMPTY_INITIALIZER;
    socklen_t len;

    resolve(sink, SOCK_STREAM, &ss, &len);
    ds_put_cstr(&name, "tcp:");
    ss_format_address(&ss, &name);
    ds_put_format(&name, ":%"PRIu16, ss_get_port(&ss));
    sink->name = ds_steal_cstr(&name);

    sink->reconnect = reconnect_create(time_msec());
    reconnect_set_name(sink->reconnect, sink->name);
    reconnect_set_quiet(sink->reconnect, true);
    reconnect_set_backoff(sink->reconnect, CONNECT_MIN_MS, CONNECT_MAX_MS);
    reconnect_set_probe_interval(sink->reconnect, 0);
    reconnect_enable(sink->reconnect, time_msec());
}

static void
tcp_close(struct tct_sink *sink)
{
    stream_close(sink->stream);
    reconnect_destroy(sink->reconnect);
}

/* The session, or the attempt, is over. */
static void
tcp_end(struct tct_sink *sink, int error)
{
    const char *why = error > 0 ? ovs_strerror(error) : "it was closed";

    if (sink->session || !sink->complained) {
        tct_complain("%s: %s: %s; trying again", sink->target,
                     (sink->session ? "the connection has ended"
                      : "cannot connect"), why);
        sink->complained = true;
    }
    stream_close(sink->stream);
    sink->stream = NULL;
    sink->session = 0;
}

static void
tcp_connect(struct tct_sink *sink)
{
    int error = stream_open(sink->name, &sink->stream, DSCP_DEFAULT);

    if (error) {
        sink->stream = NULL;
        tcp_end(sink, error);
        reconnect_connect_failed(sink->reconnect, time_msec(), error);
    } else {
        reconnect_connecting(sink->reconnect, time_msec());
    }
}

static void
tcp_connecting(struct tct_sink *sink)
{
    int error = stream_connect(sink->stream);

    if (!error) {
        if (sink->complained) {
            tct_complain("%s: connected", sink->target);
        }
        sink->complained = false;
        tct_sink_begin_session(sink);
        reconnect_connected(sink->reconnect, time_msec());
    } else if (error != EAGAIN) {
        tcp_end(sink, error);
        reconnect_connect_failed(sink->reconnect, time_msec(), error);
    }
}

/* A collector says nothing; that it has gone is read. */
static void
tcp_listen(struct tct_sink *sink)
{
    char ignored[512];
    int n = stream_recv(sink->stream, ignored, sizeof ignored);

    if (n == 0 || (n < 0 && n != -EAGAIN)) {
        tcp_end(sink, -n);
        reconnect_disconnected(sink->reconnect, time_msec(), n ? -n : EOF);
    }
}

static void
tcp_run(struct tct_sink *sink)
{
    if (sink->stream) {
        stream_run(sink->stream);
    }
    if (sink->session) {
        tcp_listen(sink);
    } else if (sink->stream) {
        tcp_connecting(sink);
    }
    switch ((int) reconnect_run(sink->reconnect, time_msec())) {
    case RECONNECT_CONNECT:
        tcp_connect(sink);
        break;
    case RECONNECT_DISCONNECT:
        tcp_end(sink, ETIMEDOUT);
        reconnect_disconnected(sink->reconnect, time_msec(), ETIMEDOUT);
        break;
    default:
        break;
    }
}

static void
tcp_wait(const struct tct_sink *sink, bool full)
{
    reconnect_wait(sink->reconnect, time_msec());
    if (!sink->stream) {
        return;
    }
    stream_run_wait(sink->stream);
    if (!sink->session) {
        stream_connect_wait(sink->stream);
        return;
    }
    stream_recv_wait(sink->stream);
    if (full) {
        stream_send_wait(sink->stream);
    }
}

static ssize_t
tcp_write(struct tct_sink *sink, const void *data, size_t size)
{
    int n = stream_send(sink->stream, data, size);

    if (n >= 0 || n == -EAGAIN) {
        return MAX(n, 0);
    }
    tcp_end(sink, -n);
    reconnect_disconnected(sink->reconnect, time_msec(), -n);
    return n;
}

static size_t
tcp_max(const struct tct_sink *sink OVS_UNUSED)
{
    return COLLECTOR_MAX;
}

const struct tct_sink_class tct_sink_tcp = {
    .open = tcp_open,
    .close = tcp_close,
    .run = tcp_run,
    .wait = tcp_wait,
    .write = tcp_write,
    .max = tcp_max,
};

/* Addresses. */

/* "HOST", "HOST:PORT", "[HOST]", "[HOST]:PORT". */
static bool
split(char *where, const char **host, const char **port)
{
    char *end;

    *host = where;
    *port = DEFAULT_PORT;
    if (*where == '[') {
        *host = where + 1;
        end = strchr(where, ']');
        if (!end) {
            return false;
        }
        *end++ = '\0';
    } else {
        end = where + strcspn(where, ":");
    }
    if (*end == ':') {
        *end = '\0';
        *port = end + 1;
    } else if (*end) {
        return false;
    }
    return **host && **port && !strchr(*port, ':');
}

/* Exits if there is no such address. */
static void
resolve(const struct tct_sink *sink, int style, struct sockaddr_storage *ss,
        socklen_t *len)
{
    const struct addrinfo hints = {
        .ai_socktype = style,
        .ai_flags = AI_NUMERICSERV,
    };
    char *where = xstrdup(sink->where);
    const char *host, *port;
    struct addrinfo *found;
    int error;

    if (!split(where, &host, &port)) {
        tct_usage_error("`%s' is no address of a collector", sink->where);
    }
    error = getaddrinfo(host, port, &hints, &found);
    if (error) {
        tct_usage_error("%s: %s", sink->target, gai_strerror(error));
    }
    memcpy(ss, found->ai_addr, found->ai_addrlen);
    *len = found->ai_addrlen;
    freeaddrinfo(found);
    free(where);
}
