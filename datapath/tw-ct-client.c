/* SPDX-License-Identifier: Apache-2.0 */

/* A client of the tracker's socket: reads requests, runs their queries, a
 * part at a time, and sends what they say.  tw-ct-server.c gives it its
 * turns. */

#include <config.h>

#include "tw-ct-client.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ct-netlink.h"
#include "ct-query.h"
#include "netlink.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "tw-ct-server.h"
#include "util.h"

BUILD_ASSERT_DECL(2 * CT_QUERY_OUT + 2 * CT_NL_MAX_MSG < TW_CT_CLIENT_MEMORY);

static bool peer_may_change(int fd);
static bool has_something(int fd);
static bool send_some(struct tw_ct_client *);
static bool receive(struct tw_ct_client *, tw_ct_choose *);
static bool next_request(struct tw_ct_client *, tw_ct_choose *);
static void start(struct tw_ct_client *, const struct ofpbuf *request,
                  tw_ct_choose *);

struct tw_ct_client *
tw_ct_client_create(int fd)
{
    struct tw_ct_client *client = xzalloc(sizeof *client);

    client->fd = fd;
    client->may_change = peer_may_change(fd);
    client->last_active = time_msec();
    ofpbuf_init(&client->in, CT_NL_MAX_MSG);
    ofpbuf_init(&client->out, CT_QUERY_OUT + CT_NL_MAX_MSG);
    return client;
}

void
tw_ct_client_destroy(struct tw_ct_client *client)
{
    ct_query_destroy(client->query);
    ofpbuf_uninit(&client->in);
    ofpbuf_uninit(&client->out);
    close(client->fd);
    free(client);
}

bool
tw_ct_client_run(struct tw_ct_client *client, tw_ct_choose *choose)
{
    if (!client->out.size && client->query
        && !ct_query_run(client->query, &client->out)) {
        ct_query_destroy(client->query);
        client->query = NULL;
    }
    if (!client->out.size && !client->query && !receive(client, choose)) {
        return false;
    }
    if (client->query && ct_query_is_endless(client->query)
        && has_something(client->fd)) {
        /* It has gone, or asks on where there is no answer. */
        return false;
    }
    return send_some(client);
}

bool
tw_ct_client_is_at_work(const struct tw_ct_client *client)
{
    return (client->query && !client->out.size
            && !ct_query_is_endless(client->query));
}

void
tw_ct_client_wait(const struct tw_ct_client *client)
{
    if (client->out.size) {
        poll_fd_wait(client->fd, POLLOUT);
    } else if (client->query) {
        ct_query_wait(client->query);
        if (ct_query_is_endless(client->query)) {
            poll_fd_wait(client->fd, POLLIN);
        }
    } else {
        poll_fd_wait(client->fd, POLLIN);
    }
}

void
tw_ct_client_abort(struct tw_ct_client *client, int error, const char *why)
{
    const struct nlmsghdr request = { .nlmsg_seq = client->seq };

    ct_query_destroy(client->query);
    client->query = NULL;
    ct_nl_put_error(&client->out, &request, error, why);
}

static bool
peer_may_change(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    return (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len)
            && (peer.uid == 0 || peer.uid == geteuid()));
}

static bool
would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* Is there anything to be read, or nothing for ever? */
static bool
has_something(int fd)
{
    char byte;

    return (recv(fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) >= 0
            || !would_block(errno));
}

static bool
send_some(struct tw_ct_client *client)
{
    struct ofpbuf *out = &client->out;

    if (out->size) {
        ssize_t n = send(client->fd, out->data, out->size,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0) {
            return would_block(errno);
        }
        client->last_active = time_msec();
        ofpbuf_pull(out, n);
        if (!out->size) {
            ofpbuf_clear(out);
        }
    }
    return true;
}

/* Goes on with the next request, if there is a whole one. */
static bool
receive(struct tw_ct_client *client, tw_ct_choose *choose)
{
    struct ofpbuf *in = &client->in;
    ssize_t n;

    if (!next_request(client, choose)) {
        return false;
    }
    if (client->query || client->out.size) {
        return true;
    }
    ofpbuf_prealloc_tailroom(in, CT_NL_MAX_MSG - in->size);
    n = recv(client->fd, ofpbuf_tail(in), CT_NL_MAX_MSG - in->size,
             MSG_DONTWAIT);
    if (n < 0) {
        return would_block(errno);
    }
    in->size += n;
    client->last_active = time_msec();
    return n > 0 && next_request(client, choose);
}

/* Starts what 'in' begins with.  False if that is no request. */
static bool
next_request(struct tw_ct_client *client, tw_ct_choose *choose)
{
    struct ofpbuf *in = &client->in;
    int len = ct_nl_msg_len(in->data, in->size);

    if (len > 0) {
        struct ofpbuf request;

        ofpbuf_use_const(&request, in->data, len);
        start(client, &request, choose);

        /* What is left stands in front again, and is aligned. */
        in->size -= len;
        memmove(in->data, (const char *) in->data + len, in->size);
    }
    return len >= 0;
}

static void
start(struct tw_ct_client *client, const struct ofpbuf *request,
      tw_ct_choose *choose)
{
    const struct nlmsghdr *nlmsg = request->data;
    struct nlattr *own[CT_NLA_N];
    const char *wrong = ct_nl_get_own(request, own);

    if (wrong) {
        ct_nl_put_error(&client->out, nlmsg, EINVAL, wrong);
        return;
    }

    struct tw_ct_choice choice
        = choose(own[CT_NLA_DATAPATH]
                 ? nl_attr_get_string(own[CT_NLA_DATAPATH]) : NULL);
    if (!choice.ct) {
        ct_nl_put_error(&client->out, nlmsg, choice.error, choice.why);
        return;
    }
    client->ct = choice.ct;
    client->seq = nlmsg->nlmsg_seq;
    client->query = ct_query_create(choice.ct, request, client->may_change);
}
