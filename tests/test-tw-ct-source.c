/* SPDX-License-Identifier: Apache-2.0 */

/* The active side of a hot standby, with a standby that reads slowly, talks
 * without end, or makes no sense. */

#include <config.h>

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "ct-core-test.h"
#include "ct-netlink.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "tw-ct-source.h"
#include "tw-ct-sync.h"

static struct tw_ct_source *source;
static int fd;                      /* The standby's. */
static struct ofpbuf in;            /* What it has read. */

static bool
shows(const char *what)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    bool found;

    tw_ct_source_format(source, &ds);
    found = strstr(ds_cstr(&ds), what) != NULL;
    ds_destroy(&ds);
    return found;
}

/* A turn of the main loop, when there is something to do for it. */
static void
turn(void)
{
    tw_ct_source_wait(source);
    poll_timer_wait(100);
    poll_block();
    tw_ct_source_run(source);
}

static void
begin(void)
{
    char *cwd = get_cwd();
    char *path = xasprintf("%s/test-tw-ct-source.%ld", cwd, (long) getpid());
    char *name = xasprintf("punix:%s", path);
    char *error = tw_ct_source_create(ct, name, &source);

    assert(!error);
    fd = make_unix_socket(SOCK_STREAM, true, NULL, path);
    assert(fd >= 0);
    free(cwd);
    free(path);
    free(name);
    while (!shows(" 1 standby")) {
        turn();
    }
    ofpbuf_init(&in, 65536);
}

static void
end(void)
{
    ofpbuf_uninit(&in);
    close(fd);
    tw_ct_source_destroy(source);
}

static void
read_all(void)
{
    ssize_t n;

    do {
        ofpbuf_prealloc_tailroom(&in, 65536);
        n = recv(fd, ofpbuf_tail(&in), 65536, MSG_DONTWAIT);
        in.size += MAX(n, 0);
    } while (n > 0);
}

static void
say(const void *data, size_t size)
{
    assert(send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) == size);
}

struct heard {
    size_t n_new, n_end;
    size_t apart, most_apart;       /* Bytes between two beats. */
};

/* Takes the messages that are complete; beats go back. */
static void
understand(struct heard *heard)
{
    size_t done = 0;
    int len;

    while ((len = ct_nl_msg_len((char *) in.data + done,
                                in.size - done)) > 0) {
        const struct nlmsghdr *nlmsg
            = ALIGNED_CAST(void *, (char *) in.data + done);

        heard->n_new += nlmsg->nlmsg_type == CT_NL_TYPE(IPCTNL_MSG_CT_NEW);
        heard->n_end += nlmsg->nlmsg_type == TW_SYNC_END;
        heard->apart += len;
        heard->most_apart = MAX(heard->most_apart, heard->apart);
        if (nlmsg->nlmsg_type == TW_SYNC_BEAT) {
            say(nlmsg, len);
            heard->apart = 0;
        }
        done += len;
    }
    assert(!len);
    tw_sync_drop(&in, done);
}

/* A standby on a slow line hears beats among the changes that wait for it, and
 * is not taken for one that is gone. */
static void
test_slow(void)
{
    enum { N = 3000, LEAST = 200 };
    struct heard heard = { .n_new = 0 };

    begin();
    while (!heard.n_end) {
        turn();
        read_all();
        understand(&heard);
    }
    for (int port = 1; port <= N; port += 50) {
        assert(commit_many(1, port, 50) == 50);
        ovsrcu_quiesce();
    }
    while (heard.n_new < N) {
        long long due = time_msec() + TW_SYNC_BEAT_MS;

        do {
            turn();
        } while (time_msec() < due);
        read_all();
        understand(&heard);
        assert(shows(" 1 standby"));
    }
    assert(heard.n_new == N && heard.n_end == 1);
    assert(heard.most_apart < N * LEAST * 2 / 3);
    end();
}

/* One that sends more than anybody listens to does not keep us, and is heard
 * when he is done. */
static void
test_talks(void)
{
    struct ofpbuf beats;
    int unread = 0;

    begin();
    ofpbuf_init(&beats, 0);
    for (int i = 0; i < 1000; i++) {
        tw_sync_put(&beats, TW_SYNC_BEAT, i ? 1 : 0);
    }
    /* Cut so that there is always a part of one left. */
    say(beats.data, beats.size - 5);
    tw_ct_source_run(source);
    assert(!ioctl(fd, SIOCOUTQ, &unread) && unread > 0);
    while (unread) {
        turn();
        assert(!ioctl(fd, SIOCOUTQ, &unread));
    }
    say((char *) beats.data + beats.size - 5, 5);
    turn();
    assert(shows(" 1 standby"));
    ofpbuf_uninit(&beats);
    end();
}

static void
test_nonsense(void)
{
    const struct nlmsghdr bad = { .nlmsg_len = 3 };

    begin();
    say(&bad, sizeof bad);
    while (!shows(" 0 standby")) {
        turn();
    }
    end();
}

int
main(int argc, char *argv[])
{
    static const struct test tests[] = {
        { "slow", test_slow },
        { "talks", test_talks },
        { "nonsense", test_nonsense },
    };

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
