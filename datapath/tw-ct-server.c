/* SPDX-License-Identifier: Apache-2.0 */

/* The socket at which trackers can be asked: the thread that serves it, and
 * the list of trackers.  Beside a packet's way: the daemon's main() starts it,
 * tw-datapath.c adds and removes trackers, tw-ct-client.c talks. */

#include <config.h>

#include "tw-ct-server.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dirs.h"
#include "fatal-signal.h"
#include "latch.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "socket-util.h"
#include "timeval.h"
#include "tw-ct-client.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(tw_ct_server);

/* With all places taken: how long a client may leave its answer unread, and
 * how often it is looked whether there is a place.  The same without any
 * descriptor for another one: its arrival would wake us without end. */
#define PATIENCE_MS 5000
#define FULL_WAIT_MS 100

/* Held while clients have their turns. */
static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;

/* Trackers by the name of their datapath. */
static struct shash trackers OVS_GUARDED_BY(mutex)
    = SHASH_INITIALIZER(&trackers);
static struct ovs_list clients OVS_GUARDED_BY(mutex)
    = OVS_LIST_INITIALIZER(&clients);
static size_t n_clients OVS_GUARDED_BY(mutex);
static bool cannot_accept OVS_GUARDED_BY(mutex);

/* Main thread's, but for 'exit'. */
static struct server {
    char *path;                 /* NULL: there is no server. */
    int fd;
    pthread_t thread;
    struct latch exit;
} server;

static void *server_main(void *);
static void accept_all(void) OVS_REQUIRES(mutex);
static bool end_silent(void) OVS_REQUIRES(mutex);
static void run_clients(void) OVS_REQUIRES(mutex);
static void wait_for_something(void);
static void end_client(struct tw_ct_client *) OVS_REQUIRES(mutex);
static tw_ct_choose choose;

int
tw_ct_server_start(const char *path, mode_t mode)
{
    server.path = (path ? xstrdup(path)
                   : xasprintf("%s/%s", ovs_rundir(), TW_CT_SOCKET));
    server.fd = make_unix_socket(SOCK_STREAM, true, server.path, NULL);
    if (server.fd < 0 || chmod(server.path, mode)
        || listen(server.fd, TW_CT_MAX_CLIENTS)) {
        int error = server.fd < 0 ? -server.fd : errno;

        VLOG_ERR("%s: cannot listen: %s", server.path, ovs_strerror(error));
        if (server.fd >= 0) {
            close(server.fd);
            fatal_signal_unlink_file_now(server.path);
        }
        free(server.path);
        server.path = NULL;
        return error;
    }
    latch_init(&server.exit);
    server.thread = ovs_thread_create("ct_server", server_main, NULL);
    return 0;
}

void
tw_ct_server_stop(void)
{
    struct tw_ct_client *client, *next;

    if (!server.path) {
        return;
    }
    latch_set(&server.exit);
    pthread_join(server.thread, NULL);
    latch_destroy(&server.exit);

    ovs_mutex_lock(&mutex);
    LIST_FOR_EACH_SAFE (client, next, node, &clients) {
        end_client(client);
    }
    ovs_mutex_unlock(&mutex);
    close(server.fd);
    fatal_signal_unlink_file_now(server.path);
    free(server.path);
    server.path = NULL;
}

void
tw_ct_server_add(const char *name, struct ct *ct)
{
    ovs_mutex_lock(&mutex);
    shash_replace(&trackers, name, ct);
    ovs_mutex_unlock(&mutex);
}

void
tw_ct_server_remove(struct ct *ct)
{
    struct tw_ct_client *client;
    struct shash_node *node, *next;

    ovs_mutex_lock(&mutex);
    SHASH_FOR_EACH_SAFE (node, next, &trackers) {
        if (node->data == ct) {
            shash_delete(&trackers, node);
        }
    }
    LIST_FOR_EACH (client, node, &clients) {
        if (client->query && client->ct == ct) {
            tw_ct_client_abort(client, ENODEV, "the datapath has gone");
        }
    }
    ovs_mutex_unlock(&mutex);
}

/* The thread. */

static void *
server_main(void *aux OVS_UNUSED)
{
    while (!latch_is_set(&server.exit)) {
        ovs_mutex_lock(&mutex);
        accept_all();
        run_clients();
        wait_for_something();
        ovs_mutex_unlock(&mutex);
        poll_block();
    }
    return NULL;
}

static void
accept_all(void)
{
    while (n_clients < TW_CT_MAX_CLIENTS || end_silent()) {
        int fd = accept4(server.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        cannot_accept = fd < 0 && errno != EAGAIN && errno != EWOULDBLOCK;
        if (fd < 0) {
            return;
        }
        ovs_list_push_back(&clients, &tw_ct_client_create(fd)->node);
        n_clients++;
    }
}

/* Makes room for another client: of those that ask nothing, do not take their
 * answer, or have not been told any event for a while, the one that has been
 * silent longest goes.  False if nobody waits, or all are at work. */
static bool
end_silent(void)
{
    struct pollfd waiting = { .fd = server.fd, .events = POLLIN };
    struct tw_ct_client *client, *silent = NULL;
    long long patience = time_msec() - PATIENCE_MS;

    if (poll(&waiting, 1, 0) != 1) {
        return false;
    }
    LIST_FOR_EACH (client, node, &clients) {
        if ((tw_ct_client_is_idle(client)
             || (client->last_active < patience
                 && !tw_ct_client_is_at_work(client)))
            && (!silent || client->last_active < silent->last_active)) {
            silent = client;
        }
    }
    if (silent) {
        end_client(silent);
    }
    return silent != NULL;
}

static void
run_clients(void)
{
    struct tw_ct_client *client, *next;

    LIST_FOR_EACH_SAFE (client, next, node, &clients) {
        if (!tw_ct_client_run(client, choose)) {
            end_client(client);
        }
    }
}

static void
wait_for_something(void)
    OVS_REQUIRES(mutex)
{
    const struct tw_ct_client *client;

    LIST_FOR_EACH (client, node, &clients) {
        tw_ct_client_wait(client);
    }
    if (n_clients < TW_CT_MAX_CLIENTS && !cannot_accept) {
        poll_fd_wait(server.fd, POLLIN);
    } else {
        poll_timer_wait(FULL_WAIT_MS);
    }
    latch_wait(&server.exit);
}

static void
end_client(struct tw_ct_client *client)
{
    ovs_list_remove(&client->node);
    tw_ct_client_destroy(client);
    n_clients--;
}

/* As "NAME" or "TYPE@NAME". */
static struct tw_ct_choice
choose(const char *name)
    OVS_REQUIRES(mutex)
{
    struct tw_ct_choice choice = { .error = ENODEV };
    const char *at = name ? strchr(name, '@') : NULL;

    if (name) {
        choice.ct = shash_find_data(&trackers, at ? at + 1 : name);
        choice.why = "no datapath has this name";
    } else if (shash_count(&trackers) == 1) {
        choice.ct = shash_first(&trackers)->data;
    } else {
        choice.why = (shash_is_empty(&trackers)
                      ? "there is no datapath of type trackway"
                      : "there are several datapaths: name one");
    }
    return choice;
}
