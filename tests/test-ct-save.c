/* SPDX-License-Identifier: Apache-2.0 */

/* Connections in a file: what is saved comes back in another tracker; what is
 * no such file, or damaged, changes nothing. */

#include <config.h>

#include <unistd.h>

#include "crc32c.h"
#include "ct-core-test.h"
#include "ct-save.h"

static const char path[] = "test-ct-save.file";

static void
save(uint64_t n)
{
    struct ct_save_result result;

    assert(!ct_save(ct, path, &result));
    assert(result.n == n && !result.n_refused);
}

/* In a new tracker. */
static struct ct_save_result
load(void)
{
    struct ct_save_result result;

    stop();
    start();
    assert(!ct_load(ct, path, &result));
    return result;
}

static bool
same_tuple(const struct ct_dpif_tuple *a, const struct ct_dpif_tuple *b)
{
    return (a->l3_type == b->l3_type && a->ip_proto == b->ip_proto
            && !memcmp(&a->src, &b->src, sizeof a->src)
            && !memcmp(&a->dst, &b->dst, sizeof a->dst)
            && a->src_port == b->src_port && a->dst_port == b->dst_port);
}

static void
test_tcp(void)
{
    struct ct_request request = snat(100, 4000);
    struct ct_request nat = {
        .zone = 1, .nat.kind = CT_NAT_EXISTING,
    };
    struct test_spec answer = segment(back(tcp), TCP_SYN | TCP_ACK, 500, 101);
    struct ct_dpif_entry before, after;

    request.mark = 7;
    request.mark_mask = UINT32_MAX;
    request.label.u64.hi = 9;
    request.label_mask.u64.hi = UINT64_MAX;
    answer.dst = 100;
    answer.dport = 4000;
    assert(state(segment(tcp, TCP_SYN, 100, 0), &request) & CS_NEW);
    assert(state(answer, &nat) & CS_REPLY_DIR);
    assert(state(segment(tcp, TCP_ACK, 101, 501), &nat) & CS_ESTABLISHED);
    assert(dump_first(1, &before));
    save(1);
    assert(load().n == 1);

    assert(dump_first(1, &after));
    assert(same_tuple(&before.tuple_orig, &after.tuple_orig));
    assert(same_tuple(&before.tuple_reply, &after.tuple_reply));
    assert(before.status == after.status && after.mark == 7
           && after.labels.u64.hi == 9);
    assert(after.protoinfo.tcp.state_orig == CT_DPIF_TCPS_ESTABLISHED);
    assert(after.counters_orig.packets == 2
           && after.counters_orig.bytes == before.counters_orig.bytes
           && after.counters_reply.packets == 1);
    /* In units of 1/8 s, by the clocks of two trackers. */
    assert(llabs((long long) (after.timestamp.start
                              - before.timestamp.start)) < 1000000000LL);
    assert(after.timeout <= before.timeout && after.timeout > 431000);

    /* Its packets go on, both ways, wherever the windows are by now; its port
     * is held. */
    assert(state(segment(tcp, TCP_ACK, 70000, 90000), &nat)
           == (EST | CS_SRC_NAT));
    answer = segment(answer, TCP_ACK, 90000, 70000);
    assert(state(answer, &nat) & CS_ESTABLISHED);
    request = snat(100, 4000);
    assert(state(segment((struct test_spec) {
                             .proto = IPPROTO_TCP, .src = 3, .dst = 2,
                             .sport = 1000, .dport = 80 }, TCP_SYN, 1, 0),
                 &request) == DROPPED);
}

static void
test_many(void)
{
    enum { N = 20000 };
    struct test_spec six = udp;

    six.ipv6 = true;
    assert(commit_many(1, 1, N) == N);
    assert(commit_many(2, 1, 10) == 10);
    assert(state(six, &commit) == NEW);
    assert(state(ping, &commit) == NEW);
    save(N + 12);
    struct ct_save_result result = load();
    assert(result.n == N + 12 && !result.n_late && !result.n_refused);
    assert(dump_count(1) == N && dump_count(2) == 10);
    assert(state(six, &look) == EST || state(six, &look) == NEW);
    assert(ct_get_nconns(ct) == N + 12);

    /* There already: each is refused, and that is told. */
    assert(!ct_load(ct, path, &result));
    assert(!result.n && result.n_refused == N + 12 && result.why[0]);
    assert(ct_get_nconns(ct) == N + 12);
}

static void
write_file(const char *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");

    assert(file && fwrite(bytes, 1, n, file) == n && !fclose(file));
}

static void
expect_refused(const char *says)
{
    struct ct_save_result result;
    char *error = ct_load(ct, path, &result);

    assert(error && strstr(error, path) && strstr(error, says));
    assert(!ct_get_nconns(ct) && !result.n);
    free(error);
}

/* Each byte that is missing or another is noticed, and nothing is loaded. */
static void
test_damaged(void)
{
    char bytes[4096];
    FILE *file;
    size_t n;

    assert(commit_many(1, 1, 5) == 5);
    save(5);
    file = fopen(path, "rb");
    n = fread(bytes, 1, sizeof bytes, file);
    assert(n > 300 && n < sizeof bytes - 1);
    fclose(file);
    stop();
    start();

    for (size_t i = 0; i < n; i++) {
        write_file(bytes, i);
        expect_refused(i < 32 ? "no file of saved" : "damaged");
    }
    for (size_t i = 0; i < n; i++) {
        bytes[i] ^= 0x10;
        write_file(bytes, n);
        expect_refused("");
        bytes[i] ^= 0x10;
    }
    bytes[n] = 0;
    write_file(bytes, n + 1);
    expect_refused("does not hold");
    unlink(path);
    expect_refused("No such file");

    write_file(bytes, n);
    assert(load().n == 5);
}

/* Time goes on between the two. */
static void
test_late(void)
{
    char bytes[4096];
    ovs_be64 when;
    ovs_be32 crc;
    FILE *file;
    size_t n;

    assert(state(udp, &commit) == NEW);
    assert(state(segment(tcp, TCP_SYN, 1, 0), &commit) == NEW);
    save(2);
    file = fopen(path, "rb");
    n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    memcpy(&when, bytes + 16, sizeof when);
    when = htonll(ntohll(when) - 60 * 1000);
    memcpy(bytes + 16, &when, sizeof when);
    crc = crc32c((const uint8_t *) bytes, 24);
    memcpy(bytes + 24, &crc, sizeof crc);
    write_file(bytes, n);

    struct ct_save_result result = load();
    struct ct_dpif_entry entry;
    assert(result.n == 1 && result.n_late == 1);
    assert(dump_first(-1, &entry) && entry.tuple_orig.ip_proto == IPPROTO_TCP);
    assert(entry.timeout <= 60 && entry.timeout >= 58);
}

static void
test_unwritable(void)
{
    struct ct_save_result result;
    char *error = ct_save(ct, "/nonexistent/file", &result);

    assert(error && strstr(error, "/nonexistent/file"));
    free(error);
}

static const struct test tests[] = {
    { "tcp", test_tcp },
    { "many", test_many },
    { "damaged", test_damaged },
    { "late", test_late },
    { "unwritable", test_unwritable },
};

int
main(int argc, char *argv[])
{
    int status = run_tests(argc, argv, tests, ARRAY_SIZE(tests));

    unlink(path);
    return status;
}
