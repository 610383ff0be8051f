/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of ct-top, ct-talkers and the rows' messages. */

#include <config.h>

#include "ct-core-test.h"

#include "ct-netlink.h"
#include "ct-talkers.h"
#include "ct-top.h"

/* The last table. */
static struct ct_top_row rows[512];
static size_t n_rows;

static void
take_row(void *aux OVS_UNUSED, const struct ct_top_row *row)
{
    assert(n_rows < ARRAY_SIZE(rows));
    rows[n_rows++] = *row;
}

static void
pass(struct ct_top *top)
{
    while (ct_top_look(top, now)) {
        ovsrcu_quiesce();
    }
    n_rows = 0;
    ct_top_rows(top, take_row, NULL);
    assert(rows[n_rows - 1].kind == CT_TOP_ALL);
}

/* The row 'name'; a row of zeroes if there is none. */
static const struct ct_top_row *
find(enum ct_top_kind kind, const char *name)
{
    static const struct ct_top_row none;

    for (size_t i = 0; i < n_rows; i++) {
        if (rows[i].kind == kind && !strcmp(rows[i].name, name)) {
            return &rows[i];
        }
    }
    return &none;
}

static unsigned int
count_rows(enum ct_top_kind kind)
{
    unsigned int n = 0;

    for (size_t i = 0; i < n_rows; i++) {
        n += rows[i].kind == kind;
    }
    return n;
}

static struct ct_top *
create(enum ct_top_group group)
{
    struct ct_filter filter;

    ct_filter_init(&filter);
    return ct_top_create(ct, &filter, group);
}

/* Sends 'n' datagrams of 'len' bytes behind the headers. */
static void
send_udp(uint16_t zone, uint16_t src, uint16_t sport, unsigned int n,
         size_t len)
{
    const struct ct_request request = { .zone = zone, .commit = true };
    struct test_spec s = udp;

    s.src = src;
    s.sport = sport;
    s.len = len;
    for (unsigned int i = 0; i < n; i++) {
        assert(state(s, &request) == NEW);
    }
}

#define DATAGRAM(LEN) (IP_HEADER_LEN + UDP_HEADER_LEN + (LEN))

static void
test_sums(void)
{
    struct ct_top *top = create(CT_TOP_SOURCE);
    const struct ct_top_row *row;

    /* What was before the first pass counts as connections only. */
    send_udp(1, 11, 100, 5, 100);
    send_udp(1, 11, 101, 1, 0);
    send_udp(2, 12, 100, 1, 0);
    ct_zone_limit_set(ct, 2, 77);
    pass(top);
    assert(ct_top_n_passes(top) == 1);
    row = find(CT_TOP_TALKER, "10.0.0.11");
    assert(row->connections == 2 && !row->packets && !row->bytes);
    assert(!find(CT_TOP_COUNTER, "created")->packets);
    assert(find(CT_TOP_COUNTER, "created")->total == 3);
    assert(!find(CT_TOP_ALL, "")->ms);

    /* What comes from then on counts, of old and new connections. */
    send_udp(1, 11, 100, 2, 10);
    send_udp(1, 11, 102, 3, 20);
    send_udp(2, 13, 100, 1, 1000);
    now += 500;
    pass(top);
    row = find(CT_TOP_TALKER, "10.0.0.11");
    assert(row->connections == 3 && row->packets == 5);
    assert(row->bytes == 2 * DATAGRAM(10) + 3 * DATAGRAM(20));
    row = find(CT_TOP_TALKER, "10.0.0.12");
    assert(row->connections == 1 && !row->packets);
    row = find(CT_TOP_TALKER, "10.0.0.13");
    assert(row->packets == 1 && row->bytes == DATAGRAM(1000));
    row = find(CT_TOP_ZONE, "1");
    assert(row->connections == 3 && row->packets == 5 && !row->total);
    row = find(CT_TOP_ZONE, "2");
    assert(row->connections == 2 && row->packets == 1 && row->total == 77);
    assert(find(CT_TOP_STATE, "udp UNREPLIED")->connections == 5);
    row = find(CT_TOP_ALL, "");
    assert(row->connections == 5 && row->packets == 6 && row->ms == 500);
    assert(row->total == ct_get_maxconns(ct));
    assert(find(CT_TOP_COUNTER, "created")->packets == 2);
    assert(find(CT_TOP_COUNTER, "created")->total == 5);

    /* The most come first. */
    assert(!strcmp(rows[0].name, "1") && !strcmp(rows[1].name, "2"));

    /* Nothing came: nothing is counted again. */
    pass(top);
    assert(find(CT_TOP_ALL, "")->connections == 5);
    assert(!find(CT_TOP_ALL, "")->packets && !find(CT_TOP_ALL, "")->bytes);
    ct_top_destroy(top);
}

/* Another connection in an old one's record begins at 0. */
static void
test_reuse(void)
{
    struct ct_top *top = create(CT_TOP_SOURCE);

    send_udp(0, 11, 100, 9, 0);
    pass(top);
    for (int i = 0; i < 50; i++) {
        ct_flush(ct, NULL, NULL);
        ovsrcu_quiesce();
        send_udp(0, 11, 100, 2, 0);
        pass(top);
        assert(find(CT_TOP_ALL, "")->packets == 2);
        assert(find(CT_TOP_ALL, "")->connections == 1);
    }
    ct_top_destroy(top);
}

static void
test_filter(void)
{
    struct ct_filter filter;
    struct ct_top *top;

    ct_filter_init(&filter);
    filter.zone = 2;
    ct_filter_give(&filter, CT_FILTER_ZONE);
    top = ct_top_create(ct, &filter, CT_TOP_SOURCE);
    send_udp(1, 11, 100, 1, 0);
    send_udp(2, 12, 100, 1, 0);
    pass(top);
    assert(find(CT_TOP_ALL, "")->connections == 1);
    assert(count_rows(CT_TOP_ZONE) == 1 && count_rows(CT_TOP_TALKER) == 1);
    assert(find(CT_TOP_TALKER, "10.0.0.12")->connections == 1);
    ct_top_destroy(top);
}

static void
test_groups(void)
{
    static const struct ct_request request = { .commit = true };
    struct ct_top *destination = create(CT_TOP_DESTINATION);
    struct ct_top *service = create(CT_TOP_SERVICE);
    struct test_spec six = udp;

    six.ipv6 = true;
    send_udp(0, 11, 100, 1, 0);
    assert(state(six, &request) == NEW);
    assert(state(segment(tcp, TCP_SYN, 1, 0), &request) == NEW);
    assert(state(ping, &request) == NEW);
    pass(destination);
    assert(find(CT_TOP_TALKER, "10.0.0.2")->connections == 3);
    assert(find(CT_TOP_TALKER, "fd00::2")->connections == 1);
    assert(find(CT_TOP_STATE, "tcp SYN_SENT")->connections == 1);
    assert(find(CT_TOP_STATE, "icmp UNREPLIED")->connections == 1);
    pass(service);
    assert(find(CT_TOP_TALKER, "udp 53")->connections == 2);
    assert(find(CT_TOP_TALKER, "tcp 80")->connections == 1);
    assert(find(CT_TOP_TALKER, "icmp")->connections == 1);
    ct_top_destroy(destination);
    ct_top_destroy(service);
}

/* Of many talkers, the largest in each respect are there, with all that they
 * have, wherever they stand among the others. */
static void
test_many(void)
{
    struct ct_talkers *t = ct_talkers_create();
    struct ct_tuple tuple = { .proto = IPPROTO_UDP };
    const unsigned int n = 11 * CT_TOP_TALKERS / 2;
    uint64_t last = UINT64_MAX;

    for (unsigned int i = 0; i < n; i++) {
        struct ct_talk talk = { 1, 1, 100 };

        tuple.src.ip = htonl(0x0b000000 + i);
        if (i % (n / 3) == 1000) {      /* Three of them. */
            unsigned int which = i / (n / 3);

            talk = (struct ct_talk) {
                which == 0 ? 1000 : 1, which == 1 ? 100000 : 1,
                which == 2 ? 1 << 30 : 100,
            };
        }
        ct_talkers_add(t, CT_TOP_SOURCE, &tuple, &talk);
        if (i % 100 == 0) {
            /* One who says little, but often. */
            talk = (struct ct_talk) { 1, 10, 1000 };
            tuple.src.ip = htonl(0x0a090909);
            ct_talkers_add(t, CT_TOP_SOURCE, &tuple, &talk);
        }
    }
    n_rows = 0;
    ct_talkers_rows(t, take_row, NULL);
    assert(n_rows >= CT_TOP_ROWS && n_rows <= 3 * CT_TOP_ROWS);
    assert(find(CT_TOP_TALKER, "10.9.9.9")->connections
           == DIV_ROUND_UP(n, 100));
    assert(find(CT_TOP_TALKER, "11.0.3.232")->connections == 1000);
    tuple.src.ip = htonl(0x0b000000 + n / 3 + 1000);
    struct ds name = DS_EMPTY_INITIALIZER;
    ds_put_format(&name, IP_FMT, IP_ARGS(tuple.src.ip));
    assert(find(CT_TOP_TALKER, ds_cstr(&name))->packets == 100000);
    ds_clear(&name);
    tuple.src.ip = htonl(0x0b000000 + n / 3 * 2 + 1000);
    ds_put_format(&name, IP_FMT, IP_ARGS(tuple.src.ip));
    assert(find(CT_TOP_TALKER, ds_cstr(&name))->bytes == 1 << 30);
    ds_destroy(&name);

    /* By connections first. */
    for (size_t i = 0; i < CT_TOP_ROWS; i++) {
        assert(rows[i].connections <= last);
        last = rows[i].connections;
    }
    ct_talkers_destroy(t);
}

static void
test_message(void)
{
    const struct ct_nl_header header = {
        .type = CT_NL_TYPE(CT_NL_MSG_TOP), .seq = 9,
    };
    const struct ct_top_row row = {
        .kind = CT_TOP_COUNTER, .name = "invalid-l4", .connections = 1,
        .packets = UINT64_MAX, .bytes = 3, .total = 4, .ms = 5,
    };
    struct ct_top_row copy;
    struct ofpbuf msg;

    ofpbuf_init(&msg, 0);
    ct_nl_put_top_msg(&msg, &header, &row);
    assert(ct_nl_msg_len(msg.data, msg.size) == (int) msg.size);
    assert(!ct_nl_get_top(&msg, &copy));
    assert(copy.kind == row.kind && !strcmp(copy.name, row.name)
           && copy.connections == 1 && copy.packets == UINT64_MAX
           && copy.bytes == 3 && copy.total == 4 && copy.ms == 5);
    ofpbuf_clear(&msg);
    ct_nl_put_overrun(&msg, 1, 1);
    assert(ct_nl_get_top(&msg, &copy));
    ofpbuf_uninit(&msg);
}

static const struct test tests[] = {
    { "sums", test_sums },
    { "reuse", test_reuse },
    { "filter", test_filter },
    { "groups", test_groups },
    { "many", test_many },
    { "message", test_message },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
