/* SPDX-License-Identifier: Apache-2.0 */

/* A tracker that holds what another one told of: made, changed, ended, swept,
 * and not expired before it is on its own. */

#include <config.h>

#include "ct-core-test.h"
#include "ct-netlink.h"
#include "ct-replica.h"

/* What the tracker 'ct' would tell of its connections. */
static struct ofpbuf told;

static void
tell(void)
{
    struct ct_dump *dump = ct_dump_create(ct, NULL, NULL);
    struct ct_dpif_entry entry;

    ofpbuf_clear(&told);
    while (!ct_dump_next(dump, &entry)) {
        const struct ct_nl_header header = {
            .type = CT_NL_TYPE(IPCTNL_MSG_CT_NEW),
            .family = entry.tuple_orig.l3_type,
        };

        ct_nl_put_conn_msg(&told, &header, &entry);
        ct_dpif_entry_uninit(&entry);
    }
    ct_dump_destroy(dump);
}

/* Of the same connections, that they have ended. */
static void
tell_end(void)
{
    for (size_t ofs = 0; ofs < told.size; ) {
        struct nlmsghdr *nlmsg = ofpbuf_at_assert(&told, ofs, sizeof *nlmsg);

        nlmsg->nlmsg_type = CT_NL_TYPE(IPCTNL_MSG_CT_DELETE);
        ofs += nlmsg->nlmsg_len;
    }
}

static void
apply_all(struct ct_replica *replica)
{
    for (size_t ofs = 0; ofs < told.size; ) {
        char *data = (char *) told.data + ofs;
        int len = ct_nl_msg_len(data, told.size - ofs);
        struct ofpbuf msg;

        assert(len > 0);
        msg = ofpbuf_const_initializer(data, len);
        assert(!ct_replica_apply(replica, &msg, now));
        ofs += len;
    }
}

/* Another tracker in the place of 'ct', whose connections are in 'told'. */
static void
restart(void)
{
    tell();
    stop();
    start();
}

static void
test_apply(void)
{
    struct ct_request request = snat(100, 4000);
    struct ct_replica *replica;

    ofpbuf_init(&told, 0);
    assert(state(udp, &request) & CS_NEW);
    assert(state(udp, &commit) == NEW);
    restart();
    replica = ct_replica_create(ct);
    assert(replica && !ct_replica_create(ct));
    apply_all(replica);
    assert(ct_get_nconns(ct) == 2 && dump_count(1) == 1);
    /* Again: they are made anew, not twice, and the port is held once. */
    apply_all(replica);
    assert(ct_get_nconns(ct) == 2);
    assert(ct_replica_stats(replica)->n_made == 4
           && !ct_replica_stats(replica)->n_refused);

    tell_end();
    apply_all(replica);
    assert(!ct_get_nconns(ct) && ct_replica_stats(replica)->n_ended == 2);
    apply_all(replica);
    assert(ct_replica_stats(replica)->n_ended == 2);
    ct_replica_destroy(replica);
    ofpbuf_uninit(&told);
}

static void
test_sweep(void)
{
    struct ct_replica *replica;

    ofpbuf_init(&told, 0);
    assert(commit_many(1, 1, 50) == 50);
    restart();
    assert(commit_many(1, 40, 60) == 60);       /* Ten of them the same. */
    replica = ct_replica_create(ct);
    ct_replica_begin_bulk(replica);
    apply_all(replica);
    assert(ct_get_nconns(ct) == 99);
    ct_replica_end_bulk(replica, now);
    assert(ct_get_nconns(ct) == 50 && dump_count(1) == 50);
    assert(ct_replica_stats(replica)->n_swept == 49);

    /* Without a bulk nothing is swept. */
    ct_replica_end_bulk(replica, now);
    assert(ct_get_nconns(ct) == 50);
    ct_replica_destroy(replica);
    ofpbuf_uninit(&told);
}

static void
test_hold(void)
{
    struct ct_replica *replica;

    ofpbuf_init(&told, 0);
    assert(state(udp, &commit) == NEW);
    restart();
    replica = ct_replica_create(ct);
    apply_all(replica);
    advance(600 * 1000);
    assert(ct_get_nconns(ct) == 1);
    ct_replica_destroy(replica);
    assert(state(udp, &look) == NEW && dump_count(-1) == 1);
    advance(100 * 1000);
    assert(!ct_get_nconns(ct));
    ofpbuf_uninit(&told);
}

/* What is no such message changes nothing; a limit is a limit. */
static void
test_refused(void)
{
    struct ct_replica *replica = ct_replica_create(ct);
    struct ofpbuf msg;

    ofpbuf_init(&msg, 0);
    const struct ct_nl_header header = {
        .type = CT_NL_TYPE(IPCTNL_MSG_CT_NEW), .family = AF_INET,
    };
    size_t ofs = ct_nl_begin(&msg, &header);
    ct_nl_end(&msg, ofs);
    ct_replica_apply(replica, &msg, now);
    assert(!ct_get_nconns(ct));
    ofpbuf_uninit(&msg);
    ct_replica_destroy(replica);

    ofpbuf_init(&told, 0);
    assert(commit_many(1, 1, 50) == 50);
    restart();
    ct_zone_limit_set(ct, 1, 20);
    replica = ct_replica_create(ct);
    apply_all(replica);
    assert(ct_get_nconns(ct) == 20);
    assert(ct_replica_stats(replica)->n_refused == 30
           && ct_replica_stats(replica)->why);
    ct_replica_destroy(replica);
    ofpbuf_uninit(&told);
}

static void
apply_one(struct ct_replica *replica, uint16_t type, uint32_t id)
{
    struct ct_dpif_entry entry = {
        .id = id, .timeout = 30,
        .tuple_orig = {
            .l3_type = AF_INET, .ip_proto = IPPROTO_UDP,
            .src.ip = test_ip(1), .dst.ip = test_ip(2),
            .src_port = htons(1000), .dst_port = htons(53),
        },
        .tuple_reply = {
            .l3_type = AF_INET, .ip_proto = IPPROTO_UDP,
            .src.ip = test_ip(2), .dst.ip = test_ip(1),
            .src_port = htons(53), .dst_port = htons(1000),
        },
    };
    const struct ct_nl_header header = { .type = CT_NL_TYPE(type) };

    ofpbuf_clear(&told);
    ct_nl_put_conn_msg(&told, &header, &entry);
    apply_all(replica);
}

/* Of two connections that had a tuple one behind the other, the end of the
 * first is told last: the zone was flushed. */
static void
test_late_end(void)
{
    struct ct_replica *replica = ct_replica_create(ct);

    ofpbuf_init(&told, 0);
    apply_one(replica, IPCTNL_MSG_CT_NEW, 71);
    apply_one(replica, IPCTNL_MSG_CT_NEW, 72);
    apply_one(replica, IPCTNL_MSG_CT_DELETE, 71);
    assert(ct_get_nconns(ct) == 1 && !ct_replica_stats(replica)->n_ended);
    apply_one(replica, IPCTNL_MSG_CT_DELETE, 72);
    assert(!ct_get_nconns(ct) && ct_replica_stats(replica)->n_ended == 1);
    ct_replica_destroy(replica);
    ofpbuf_uninit(&told);
}

static const struct test tests[] = {
    { "apply", test_apply },
    { "late-end", test_late_end },
    { "sweep", test_sweep },
    { "hold", test_hold },
    { "refused", test_refused },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
