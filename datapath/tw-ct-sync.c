/* SPDX-License-Identifier: Apache-2.0 */

/* Hot standby: which side a datapath is.  Called by tw-ct-config and, in the
 * main loop, by tw-datapath; calls tw-ct-source or tw-ct-sink. */

#include <config.h>

#include "tw-ct-sync.h"

#include <stdlib.h>
#include <string.h>

#include "netlink.h"
#include "openvswitch/dynamic-string.h"
#include "tw-ct-sink.h"
#include "tw-ct-source.h"
#include "tw-datapath.h"
#include "util.h"

static char *check_method(const char *name, const char *tls,
                          const char *local);
static char *start_source(struct tw_datapath *, const char *listen);
static char *start_sink(struct tw_datapath *, const char *connect);
static bool has(const char *now, const char *wanted);

char *
tw_ct_sync_configure(struct tw_datapath *dp, const char *listen,
                     const char *connect)
{
    char *error = NULL;

    if (listen && connect) {
        return xstrdup("a datapath either listens or connects");
    }
    if (listen) {
        error = check_method(listen, "pssl:", "punix:");
    } else if (connect) {
        error = check_method(connect, "ssl:", "unix:");
    }
    if (error) {
        return error;
    }

    if (!has(dp->ct_source ? tw_ct_source_name(dp->ct_source) : NULL,
             listen)) {
        error = start_source(dp, listen);
    }
    if (!error
        && !has(dp->ct_sink ? tw_ct_sink_name(dp->ct_sink) : NULL, connect)) {
        error = start_sink(dp, connect);
    }
    return error;
}

void
tw_ct_sync_run(struct tw_datapath *dp)
{
    if (dp->ct_source) {
        tw_ct_source_run(dp->ct_source);
    }
    if (dp->ct_sink) {
        tw_ct_sink_run(dp->ct_sink);
    }
}

void
tw_ct_sync_wait(struct tw_datapath *dp)
{
    if (dp->ct_source) {
        tw_ct_source_wait(dp->ct_source);
    }
    if (dp->ct_sink) {
        tw_ct_sink_wait(dp->ct_sink);
    }
}

void
tw_ct_sync_end(struct tw_datapath *dp)
{
    tw_ct_source_destroy(dp->ct_source);
    tw_ct_sink_destroy(dp->ct_sink);
    dp->ct_source = NULL;
    dp->ct_sink = NULL;
}

void
tw_ct_sync_format(const struct tw_datapath *dp, struct ds *ds)
{
    if (dp->ct_source) {
        tw_ct_source_format(dp->ct_source, ds);
    } else if (dp->ct_sink) {
        tw_ct_sink_format(dp->ct_sink, ds);
    } else {
        ds_put_cstr(ds, "  alone\n");
    }
}

void
tw_sync_drop(struct ofpbuf *buf, size_t n)
{
    memmove(buf->data, (char *) buf->data + n, buf->size - n);
    buf->size -= n;
}

void
tw_sync_put(struct ofpbuf *buf, uint16_t type, uint64_t count)
{
    const struct ct_nl_header header = { .type = type };
    size_t ofs = ct_nl_begin(buf, &header);
    size_t own = nl_msg_start_nested(buf, CTA_TRACKWAY);

    nl_msg_put_be64(buf, CT_NLA_COUNT, htonll(count));
    nl_msg_end_nested(buf, own);
    ct_nl_end(buf, ofs);
}

uint64_t
tw_sync_count(const struct ofpbuf *msg)
{
    struct nlattr *attrs[CT_NLA_N];

    return (!ct_nl_get_own(msg, attrs) && attrs[CT_NLA_COUNT]
            ? ntohll(nl_attr_get_be64(attrs[CT_NLA_COUNT])) : 0);
}

static char *
check_method(const char *name, const char *tls, const char *local)
{
    return (!strncmp(name, tls, strlen(tls))
            || !strncmp(name, local, strlen(local)) ? NULL
            : xasprintf("%s: neither \"%s\" nor \"%s\"", name, tls, local));
}

/* Is what there is what is wanted?  NULL: nothing. */
static bool
has(const char *now, const char *wanted)
{
    return now && wanted ? !strcmp(now, wanted) : now == wanted;
}

static char *
start_source(struct tw_datapath *dp, const char *listen)
{
    struct tw_ct_source *source = NULL;
    char *error = listen ? tw_ct_source_create(dp->ct, listen, &source) : NULL;

    if (!error) {
        tw_ct_source_destroy(dp->ct_source);
        dp->ct_source = source;
    }
    return error;
}

static char *
start_sink(struct tw_datapath *dp, const char *connect)
{
    /* There can be only one at a time. */
    tw_ct_sink_destroy(dp->ct_sink);
    dp->ct_sink = NULL;
    if (connect) {
        dp->ct_sink = tw_ct_sink_create(dp->ct, connect);
        if (!dp->ct_sink) {
            return xstrdup("the tracker has another replica");
        }
    }
    return NULL;
}
