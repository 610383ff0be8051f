/* SPDX-License-Identifier: Apache-2.0 */

/* What the helpers of H.323 expect and replace: messages of a file, "NAME
 * BYTES" (h323-messages), whole, cut and damaged. */

#include <config.h>

#include "ct-helper-test.h"

#include <netinet/in.h>

#include "ct-h323-types.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/shash.h"

#define CLIENT CT_DIR_ORIGINAL
#define SERVER CT_DIR_REPLY

static struct shash messages = SHASH_INITIALIZER(&messages);

struct message {
    size_t n;
    uint8_t bytes[1024];
};

static const struct message *
find(const char *name, bool ipv6)
{
    char *key = xasprintf("%s-%d", name, ipv6 ? 6 : 4);
    const struct message *m = shash_find_data(&messages, key);

    if (!m) {
        ovs_fatal(0, "no message %s", key);
    }
    free(key);
    return m;
}

static void
read_messages(const char *file)
{
    FILE *f = fopen(file, "r");
    struct ds line = DS_EMPTY_INITIALIZER;

    ovs_assert(f);
    while (!ds_get_line(&line, f)) {
        char *save = NULL;
        const char *name = strtok_r(ds_cstr(&line), " ", &save);
        const char *hex = strtok_r(NULL, " ", &save);
        struct message *m;

        if (name[0] == '#') {
            continue;
        }
        m = xzalloc(sizeof *m);
        for (; hex[2 * m->n]; m->n++) {
            bool ok;

            m->bytes[m->n] = hexits_value(hex + 2 * m->n, 2, &ok);
            ovs_assert(ok && m->n < sizeof m->bytes - 1);
        }
        shash_add(&messages, name, m);
    }
    ds_destroy(&line);
    fclose(f);
}

/* The last byte of an address names the host. */
static int
host_of(const void *ip, bool ipv6)
{
    return ((const uint8_t *) ip)[ipv6 ? 15 : 3];
}

/* "[from HOST] to HOST:PORT udp pair permanent helper=NAME". */
static void
format_ask(const struct test_helper *t, const struct ct_helper_expect *ask,
           struct ds *ds)
{
    bool ipv6 = ct_tuple_is_ipv6(&t->call.tuples[0]);
    const struct ct_tuple *answered = &t->call.tuples[!ask->dir];

    ds_put_format(ds, "%sto %d:%u %s%s%s", ds->length ? ", " : "",
                  host_of(ask->has_dst ? &ask->dst : &answered->src, ipv6),
                  ntohs(ask->port), ask->proto == IPPROTO_UDP
                  || (!ask->proto && answered->proto == IPPROTO_UDP)
                  ? "udp" : "tcp", ask->pair ? " pair" : "",
                  ask->permanent ? " permanent" : "");
    if (ask->helper) {
        ds_put_format(ds, " helper=%s", ask->helper->name);
    }
}

/* Addresses that are not those of 'before', as "; HOST:PORT". */
static void
format_changes(const struct test_helper *t, const struct message *before,
               struct ds *ds)
{
    bool ipv6 = ct_tuple_is_ipv6(&t->call.tuples[0]);
    size_t len = ipv6 ? 16 : 4;

    CHECK(t->call.len == before->n);
    for (size_t i = 0; i < before->n; i++) {
        const uint8_t *p = t->call.payload + i;
        union ct_inet_addr addr;

        if (i + len + 2 > before->n
            || !memcmp(p, before->bytes + i, len + 2)) {
            continue;
        }
        for (int host = 1; host < 104; host++) {
            addr = ct_test_addr(ipv6, host);
            if (!memcmp(p, &addr, len)) {
                ds_put_format(ds, "; %d:%u", host, p[len] << 8 | p[len + 1]);
                i += len + 1;
                break;
            }
        }
    }
}

static const struct vector {
    const struct ct_helper *helper;
    const char *name;
    enum ct_dir dir;
    const char *plain, *nat;    /* Without and with translation: 1 is seen as
                                 * 101, 2 as 102, ports get 1000 more. */
} vectors[] = {
    { &ct_helper_q931, "setup", CLIENT, "", "; 101:33333" },
    { &ct_helper_q931, "setup-fast", CLIENT,
      "to 1:5000 tcp helper=h245, to 1:5004 udp pair, to 1:5006 udp pair, "
      "to 1:5006 udp pair",
      "to 1:5000 tcp helper=h245, to 1:5004 udp pair, to 1:5006 udp pair, "
      "to 1:5006 udp pair; 101:6000; 101:33333; 101:6005; 101:6006; "
      "101:6007" },
    { &ct_helper_q931, "setup-tunnel", CLIENT,
      "to 1:5010 udp pair, to 1:5010 udp pair, to 1:1503 tcp permanent",
      "to 1:5010 udp pair, to 1:5010 udp pair, to 1:1503 tcp permanent; "
      "101:33333; 101:6010; 101:6011; 101:2503" },
    { &ct_helper_q931, "old-setup-tunnel", CLIENT,
      "to 1:5010 udp pair, to 1:5010 udp pair, to 1:1503 tcp permanent",
      "to 1:5010 udp pair, to 1:5010 udp pair, to 1:1503 tcp permanent; "
      "101:33333; 101:6010; 101:6011; 101:2503" },
    { &ct_helper_q931, "alerting", SERVER, "to 2:6000 tcp helper=h245",
      "to 2:6000 tcp helper=h245; 102:7000" },
    { &ct_helper_q931, "old-alerting", SERVER, "to 2:6000 tcp helper=h245",
      "to 2:6000 tcp helper=h245; 102:7000" },
    { &ct_helper_q931, "alerting", CLIENT, "", "" },
    { &ct_helper_q931, "connect", SERVER, "to 2:6000 tcp helper=h245",
      "to 2:6000 tcp helper=h245; 102:7000" },
    { &ct_helper_q931, "old-connect", SERVER, "to 2:6000 tcp helper=h245",
      "to 2:6000 tcp helper=h245; 102:7000" },
    { &ct_helper_q931, "connect-fast", SERVER,
      "to 2:6006 udp pair, to 2:6006 udp pair",
      "to 2:6006 udp pair, to 2:6006 udp pair; 102:7006; 102:7007" },
    { &ct_helper_q931, "old-connect-fast", SERVER,
      "to 2:6006 udp pair, to 2:6006 udp pair",
      "to 2:6006 udp pair, to 2:6006 udp pair; 102:7006; 102:7007" },
    { &ct_helper_q931, "progress", SERVER,
      "to 2:6000 tcp helper=h245, to 2:6008 udp pair, to 2:6008 udp pair",
      "to 2:6000 tcp helper=h245, to 2:6008 udp pair, to 2:6008 udp pair; "
      "102:7000; 102:7008; 102:7009" },
    { &ct_helper_q931, "facility-h245", SERVER, "to 2:6000 tcp helper=h245",
      "to 2:6000 tcp helper=h245; 102:7000" },
    { &ct_helper_q931, "facility-forward", SERVER,
      "to 3:1720 tcp helper=q931", "to 3:1720 tcp helper=q931; 102:2720" },

    { &ct_helper_h245, "open-client", CLIENT, "to 1:7000 udp pair",
      "to 1:7000 udp pair; 101:8001" },
    { &ct_helper_h245, "open-client", SERVER, "", "" },
    { &ct_helper_h245, "ack-server", SERVER,
      "to 2:8000 udp pair, to 2:8000 udp pair",
      "to 2:8000 udp pair, to 2:8000 udp pair; 102:9000; 102:9001" },
    { &ct_helper_h245, "open-t120", CLIENT, "to 1:1503 tcp permanent",
      "to 1:1503 tcp permanent; 101:2503" },
    { &ct_helper_h245, "open-t120-other", CLIENT, "", "" },

    { &ct_helper_ras, "grq", CLIENT, "", "; 101:33333" },
    { &ct_helper_ras, "gcf", SERVER, "", "; 102:1720" },
    { &ct_helper_ras, "gcf-other", SERVER, "to 3:1719 udp helper=ras",
      "to 3:1719 udp helper=ras" },
    { &ct_helper_ras, "rrq", CLIENT, "to 1:1720 tcp permanent helper=q931",
      "to 1:1720 tcp permanent helper=q931; 101:2720; 101:33333" },
    { &ct_helper_ras, "lrq", CLIENT, "", "; 101:33333" },
    { &ct_helper_ras, "lcf", SERVER, "to 3:1720 tcp permanent helper=q931",
      "to 3:1720 tcp permanent helper=q931" },
    { &ct_helper_ras, "acf", SERVER, "to 3:1720 tcp permanent helper=q931",
      "to 3:1720 tcp permanent helper=q931" },
    { &ct_helper_ras, "arq", CLIENT, "", "; 101:33000" },
    { &ct_helper_ras, "irr", CLIENT, "", "; 101:33333" },
};

static void
init(struct test_helper *t, const struct ct_helper *helper, enum ct_dir dir,
     bool ipv6, bool nat)
{
    bool is_ras = helper == &ct_helper_ras;

    test_helper_init(t, helper, is_ras ? IPPROTO_UDP : IPPROTO_TCP, dir,
                     ipv6);
    t->add_port = 1000;
    t->call.tuples[CLIENT].src_port = htons(is_ras ? 33001 : 33000);
    t->call.tuples[CLIENT].dst_port = htons(is_ras ? 1719 : 1720);
    t->call.tuples[SERVER].src_port = htons(is_ras ? 1719 : 1720);
    t->call.tuples[SERVER].dst_port = t->call.tuples[CLIENT].src_port;
    if (nat) {
        test_helper_set_nat(t, ipv6);
        t->call.tuples[SERVER].dst_port = htons(33333);
        if (is_ras) {
            t->call.tuples[CLIENT].dst_port = htons(1720);
        }
    }
}

static enum ct_helper_verdict
say(struct test_helper *t, const char *name)
{
    const struct message *m = find(name, ct_tuple_is_ipv6(&t->call.tuples[0]));

    return test_helper_read(t, 1, (const char *) m->bytes, m->n);
}

static void
check(struct test_helper *t, const char *name, const char *expected)
{
    bool ipv6 = ct_tuple_is_ipv6(&t->call.tuples[0]);
    struct ds ds = DS_EMPTY_INITIALIZER;

    CHECK(say(t, name) == CT_HELPER_ACCEPT);
    CHECK(!t->counts[CT_C_HELPER_UNREAD]);
    for (unsigned int i = 0; i < t->n_asks; i++) {
        CHECK(t->asks[i].dir == !t->call.dir && !t->asks[i].any_src);
        format_ask(t, &t->asks[i], &ds);
    }
    format_changes(t, find(name, ipv6), &ds);
    if (strcmp(ds_cstr(&ds), expected)) {
        fprintf(stderr, "%s-%d%s:\n   %s\n   not %s\n", name, ipv6 ? 6 : 4,
                t->call.nat ? " nat" : "", ds_cstr(&ds), expected);
        ct_test_failures++;
    }
    ds_destroy(&ds);
}

static void
test_vectors(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        const struct vector *v = &vectors[i];

        for (int way = 0; way < 4; way++) {
            struct test_helper t;

            init(&t, v->helper, v->dir, way & 1, way & 2);
            check(&t, v->name, way & 2 ? v->nat : v->plain);
            test_helper_uninit(&t);
        }
    }
}

/* A registration and calls of the endpoint that registered. */
static void
test_registration(bool ipv6)
{
    struct test_helper t;

    init(&t, &ct_helper_ras, CLIENT, ipv6, true);
    say(&t, "rrq");
    t.call.dir = SERVER;
    /* The gatekeeper has it from us. */
    t.call.tuples[SERVER].dst = ct_test_addr(ipv6, 1);
    say(&t, "rcf");
    CHECK(t.n_refreshed == 1 && t.seconds == 120);
    CHECK(t.match.port == htons(1720) && t.match.dir == SERVER
          && t.match.class == -1);
    t.call.dir = CLIENT;
    t.call.tuples[SERVER].dst = ct_test_addr(ipv6, 101);
    check(&t, "arq-answer", "; 101:2720");
    check(&t, "irr", "; 101:33333; 101:2720");

    check(&t, "urq", "; 101:2720");
    CHECK(t.n_forgotten == 1 && t.match.any_dir && t.seconds == 30);
    check(&t, "arq-answer", "");

    /* Without a time of its own. */
    say(&t, "rrq-no-ttl");
    t.call.dir = SERVER;
    check(&t, "lcf", "to 3:1720 tcp permanent helper=q931");
    CHECK(!t.counts[CT_C_HELPER_REFUSED]);
    test_helper_uninit(&t);
}

/* A gatekeeper's answer that sends an endpoint on is believed once. */
static void
test_loop(void)
{
    struct test_helper t;

    init(&t, &ct_helper_ras, SERVER, false, false);
    t.call.expected = true;
    check(&t, "gcf-other", "");
    test_helper_uninit(&t);
}

/* Segments: two messages in one; a header alone; a message that is cut. */
static void
test_segments(void)
{
    const struct message *m = find("connect", false);
    struct test_helper t;
    uint8_t bytes[2048];

    init(&t, &ct_helper_q931, SERVER, false, false);
    memcpy(bytes, m->bytes, m->n);
    memcpy(bytes + m->n, m->bytes, m->n);
    test_helper_read(&t, 1, (char *) bytes, 2 * m->n);
    CHECK(t.n_asks == 2);
    test_helper_read(&t, 1, (char *) bytes, 2 * m->n - 1);
    CHECK(t.n_asks == 1 && t.counts[CT_C_HELPER_UNREAD] == 1);

    test_helper_read(&t, 1, (char *) bytes, 4);
    CHECK(!t.n_asks && !t.counts[CT_C_HELPER_UNREAD]);
    test_helper_read(&t, 5, (char *) bytes + 4, m->n - 4);
    CHECK(t.n_asks == 1);
    /* That is over. */
    test_helper_read(&t, 5, (char *) bytes + 4, m->n - 4);
    CHECK(!t.n_asks);
    test_helper_read(&t, 1, (char *) bytes, 4);
    test_helper_read(&t, 5, (char *) bytes + 4, m->n - 5);
    CHECK(!t.n_asks && t.counts[CT_C_HELPER_UNREAD] == 1);

    /* Before the other end was heard; when nothing can be expected. */
    t.call.both = false;
    test_helper_read(&t, 1, (char *) bytes, m->n);
    CHECK(!t.n_asks);
    t.call.both = true;
    t.refuse = true;
    CHECK(test_helper_read(&t, 1, (char *) bytes, m->n) == CT_HELPER_DROP);
    test_helper_uninit(&t);
}

/* Memory checkers watch. */
static void
test_damaged(void)
{
    unsigned int n_asked = 0;
    uint64_t r = 3;

    for (int i = 0; i < 100000; i++) {
        const struct vector *v = &vectors[ct_test_random(&r)
                                          % ARRAY_SIZE(vectors)];
        bool ipv6 = ct_test_random(&r) & 1;
        struct message m = *find(v->name, ipv6);
        struct test_helper t;

        init(&t, v->helper, v->dir, ipv6, i & 1);
        for (int changes = ct_test_random(&r) % 4; changes > 0; changes--) {
            m.bytes[ct_test_random(&r) % m.n] = ct_test_random(&r);
        }
        m.n = ct_test_random(&r) % 4 ? m.n : ct_test_random(&r) % m.n;
        test_helper_read(&t, 1, (char *) m.bytes, m.n);
        CHECK(t.call.len == m.n);
        n_asked += t.n_asks > 0;
        test_helper_uninit(&t);
    }
    CHECK(n_asked > 10000);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    read_messages(argv[1]);
    test_vectors();
    test_registration(false);
    test_registration(true);
    test_loop();
    test_segments();
    test_damaged();
    shash_destroy_free_data(&messages);
    return ct_test_end("ct-helper-h323");
}
