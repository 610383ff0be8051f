/* SPDX-License-Identifier: Apache-2.0 */

/* The active side of a hot standby: who may connect.  Called by tw-ct-sync;
 * what they are told is tw-ct-standby's. */

#include <config.h>

#include "tw-ct-source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "latch.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "stream.h"
#include "timeval.h"
#include "tw-ct-standby.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(tw_ct_source);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
/* Of standbys that go: whoever can connect can go, too. */
static struct vlog_rate_limit gone_rl = VLOG_RATE_LIMIT_INIT(20, 20);

/* Until it is tried again to accept somebody, for whom there was no
 * descriptor, or to listen on an address that this host did not have. */
#define PAUSE_MS 1000

struct tw_ct_source {
    struct ct *ct;
    char *name;
    struct pstream *pstream;        /* NULL: 'error' is why. */
    int error;
    struct ovs_list standbys;
    size_t n_standbys;
    long long next_try;             /* time_msec(): not before. */
    struct latch wake;              /* There are events. */
};

static void listen_again(struct tw_ct_source *);
static void accept_standbys(struct tw_ct_source *);
static void add(struct tw_ct_source *, struct stream *);
static struct tw_ct_standby *oldest_stranger(const struct tw_ct_source *);
static void gone(struct tw_ct_source *, struct tw_ct_standby *,
                 const char *why);
static void remove_one(struct tw_ct_source *, struct tw_ct_standby *);

char *
tw_ct_source_create(struct ct *ct, const char *listen,
                    struct tw_ct_source **sourcep)
{
    struct tw_ct_source *source;
    struct pstream *pstream = NULL;
    int error = pstream_open(listen, &pstream, 0);

    if (error && error != EADDRNOTAVAIL) {
        return xasprintf("%s: %s", listen, ovs_strerror(error));
    }
    source = xzalloc(sizeof *source);
    source->ct = ct;
    source->name = xstrdup(listen);
    source->pstream = pstream;
    source->error = error;
    if (error) {
        VLOG_WARN("%s: %s; listens as soon as there is that address", listen,
                  ovs_strerror(error));
        source->next_try = time_msec() + PAUSE_MS;
    }
    ovs_list_init(&source->standbys);
    latch_init(&source->wake);
    *sourcep = source;
    return NULL;
}

void
tw_ct_source_destroy(struct tw_ct_source *source)
{
    struct tw_ct_standby *standby, *next;

    if (source) {
        LIST_FOR_EACH_SAFE (standby, next, node, &source->standbys) {
            remove_one(source, standby);
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
    struct tw_ct_standby *standby, *next;

    latch_poll(&source->wake);
    if (OVS_UNLIKELY(!source->pstream)) {
        listen_again(source);
    }
    if (source->pstream) {
        accept_standbys(source);
    }
    LIST_FOR_EACH_SAFE (standby, next, node, &source->standbys) {
        int error = tw_ct_standby_run(standby);

        if (error) {
            gone(source, standby, ovs_retval_to_string(error));
        }
    }
}

void
tw_ct_source_wait(struct tw_ct_source *source)
{
    struct tw_ct_standby *standby;

    if (time_msec() < source->next_try) {
        poll_timer_wait_until(source->next_try);
    } else if (source->n_standbys < TW_CT_SOURCE_MAX_CLIENTS
               || oldest_stranger(source)) {
        pstream_wait(source->pstream);
    }
    latch_wait(&source->wake);
    LIST_FOR_EACH (standby, node, &source->standbys) {
        tw_ct_standby_wait(standby);
    }
}

void
tw_ct_source_format(const struct tw_ct_source *source, struct ds *ds)
{
    struct tw_ct_standby *standby;

    ds_put_format(ds, "  active, listens on %s%s%s, %"PRIuSIZE" standby\n",
                  source->name, source->error ? " in vain: " : "",
                  source->error ? ovs_strerror(source->error) : "",
                  source->n_standbys);
    LIST_FOR_EACH (standby, node, &source->standbys) {
        tw_ct_standby_format(standby, ds);
    }
}

static void
listen_again(struct tw_ct_source *source)
{
    if (time_msec() >= source->next_try) {
        source->error = pstream_open(source->name, &source->pstream, 0);
        if (source->error) {
            source->pstream = NULL;
            source->next_try = time_msec() + PAUSE_MS;
        } else {
            VLOG_INFO("%s: listening", source->name);
        }
    }
}

/* When all places are taken, who has not shown a certificate yet makes room
 * for another: places can be taken by anybody, and cost him nothing. */
static void
accept_standbys(struct tw_ct_source *source)
{
    for (int i = 0; i < TW_CT_SOURCE_MAX_CLIENTS; i++) {
        bool full = source->n_standbys >= TW_CT_SOURCE_MAX_CLIENTS;
        struct tw_ct_standby *stranger = full ? oldest_stranger(source) : NULL;
        struct stream *stream;
        int error = (full && !stranger ? EAGAIN
                     : pstream_accept(source->pstream, &stream));

        if (error) {
            if (error != EAGAIN) {
                VLOG_WARN_RL(&rl, "%s: %s", source->name,
                             ovs_strerror(error));
                source->next_try = time_msec() + PAUSE_MS;
            }
            return;
        }
        if (stranger) {
            gone(source, stranger, "another one needs its place");
        }
        add(source, stream);
    }
}

static struct tw_ct_standby *
oldest_stranger(const struct tw_ct_source *source)
{
    struct tw_ct_standby *standby;

    LIST_FOR_EACH (standby, node, &source->standbys) {
        if (tw_ct_standby_is_stranger(standby)) {
            return standby;
        }
    }
    return NULL;
}

static void
gone(struct tw_ct_source *source, struct tw_ct_standby *standby,
     const char *why)
{
    VLOG_INFO_RL(&gone_rl, "%s: standby is gone (%s)",
                 stream_get_name(standby->stream), why);
    remove_one(source, standby);
}

static void
add(struct tw_ct_source *source, struct stream *stream)
{
    bool tls = !strncmp(source->name, "pssl:", strlen("pssl:"));
    struct tw_ct_standby *standby
        = tw_ct_standby_create(source->ct, stream, &source->wake, tls);

    ovs_list_push_back(&source->standbys, &standby->node);
    source->n_standbys++;
}

static void
remove_one(struct tw_ct_source *source, struct tw_ct_standby *standby)
{
    ovs_list_remove(&standby->node);
    source->n_standbys--;
    tw_ct_standby_destroy(standby);
}
