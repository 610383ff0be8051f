/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_CT_CLIENT_H
#define TW_CT_CLIENT_H 1

#include <stdbool.h>

#include "openvswitch/list.h"
#include "openvswitch/ofpbuf.h"

struct ct;
struct ct_query;

/* One client of the server (tw-ct-server.h): only for it.
 *
 * Its requests are answered one after the other.  What it has not read yet
 * stays in 'out', and while there is anything, its query rests. */
struct tw_ct_client {
    struct ovs_list node;
    int fd;
    bool may_change;
    struct ofpbuf in;           /* Read, and not yet understood. */
    struct ofpbuf out;          /* To be sent. */
    struct ct_query *query;     /* NULL: none. */
    struct ct *ct;              /* That it is about. */
    uint32_t seq;               /* Of the query. */
    long long last_active;      /* time_msec(): something was read or sent. */
};

/* Is it neither asking nor being answered? */
static inline bool
tw_ct_client_is_idle(const struct tw_ct_client *client)
{
    return !client->query && !client->out.size;
}

/* Does its query go on by itself, however long nothing is said? */
bool tw_ct_client_is_at_work(const struct tw_ct_client *);

/* Which tracker a request means; NULL and an errno value with a sentence, if
 * none. */
struct tw_ct_choice {
    struct ct *ct;
    int error;
    const char *why;
};
typedef struct tw_ct_choice tw_ct_choose(const char *datapath);

/* Takes over 'fd'. */
struct tw_ct_client *tw_ct_client_create(int fd);
void tw_ct_client_destroy(struct tw_ct_client *);

/* One turn.  False: it is gone, or makes no sense. */
bool tw_ct_client_run(struct tw_ct_client *, tw_ct_choose *);
void tw_ct_client_wait(const struct tw_ct_client *);

/* Ends its query. */
void tw_ct_client_abort(struct tw_ct_client *, int error, const char *why);

#endif /* tw-ct-client.h */
