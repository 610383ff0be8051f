/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRACKWAY_CT_H
#define TRACKWAY_CT_H 1

#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"
#include "ct-filter.h"
#include "ct-netlink.h"
#include "ct-top.h"
#include "openvswitch/dynamic-string.h"

/* trackway-ct: what its files share.
 * ===================================
 *
 * The way of a command line:
 *
 *    trackway-ct.c           main(): the steps below
 *    trackway-ct-options.c   words -> struct tct_options
 *    trackway-ct-values.c    one word -> a value
 *    trackway-ct-check.c     which options go together
 *    trackway-ct-request.c   struct tct_options -> a request
 *    trackway-ct-socket.c    request -> daemon -> answers
 *    trackway-ct-text.c      an answer -> a line; also -save.c, -xml.c,
 *                            -json.c, -expect.c
 *    trackway-ct-event.c     events as they come
 *    trackway-ct-log.c       events kept in a file or sent to a collector:
 *                            -queue.c, -sink.c, -collector.c, ct-ipfix.h
 *    trackway-ct-signal.c    what ends both
 *    trackway-ct-top.c       what goes on (trackway-ct-top.h)
 *    trackway-ct-load.c      a file of command lines
 *
 * Exit codes are conntrack(8)'s. */

enum tct_exit {
    TCT_OK = 0,
    TCT_FAILED = 1,             /* The daemon, or nothing matched. */
    TCT_USAGE = 2               /* The command line. */
};

enum tct_command {
    TCT_NONE,
    TCT_LIST,                   /* -L */
    TCT_GET,                    /* -G */
    TCT_DELETE,                 /* -D */
    TCT_CREATE,                 /* -I */
    TCT_ADD,                    /* -A */
    TCT_UPDATE,                 /* -U */
    TCT_EVENT,                  /* -E */
    TCT_FLUSH,                  /* -F */
    TCT_COUNT,                  /* -C */
    TCT_STATS,                  /* -S */
    TCT_LOAD,                   /* -R */
    TCT_TOP,                    /* --top */
    TCT_HELP,                   /* -h */
    TCT_VERSION,                /* -V */
    TCT_N_COMMANDS
};

enum tct_table {
    TCT_CONNTRACK,
    TCT_EXPECT,
    TCT_DYING,
    TCT_UNCONFIRMED
};

/* What may be given once, with its long name: for messages and the table of
 * what goes with which command. */
#define TCT_OPTIONS                                                           \
    TCT_OPTION(SRC, "orig-src")                                               \
    TCT_OPTION(DST, "orig-dst")                                               \
    TCT_OPTION(REPLY_SRC, "reply-src")                                        \
    TCT_OPTION(REPLY_DST, "reply-dst")                                        \
    TCT_OPTION(PROTO, "protonum")                                             \
    TCT_OPTION(TIMEOUT, "timeout")                                            \
    TCT_OPTION(STATUS, "status")                                              \
    TCT_OPTION(EVENT_MASK, "event-mask")                                      \
    TCT_OPTION(ZERO, "zero")                                                  \
    TCT_OPTION(MARK, "mark")                                                  \
    TCT_OPTION(FAMILY, "family")                                              \
    TCT_OPTION(OUTPUT, "output")                                              \
    TCT_OPTION(SRC_NAT, "src-nat")                                            \
    TCT_OPTION(DST_NAT, "dst-nat")                                            \
    TCT_OPTION(ANY_NAT, "any-nat")                                            \
    TCT_OPTION(BUFFER, "buffer-size")                                         \
    TCT_OPTION(ZONE, "zone")                                                  \
    TCT_OPTION(LABEL, "label")                                                \
    TCT_OPTION(LABEL_ADD, "label-add")                                        \
    TCT_OPTION(LABEL_DEL, "label-del")                                        \
    TCT_OPTION(MASK_SRC, "mask-src")                                          \
    TCT_OPTION(MASK_DST, "mask-dst")                                          \
    TCT_OPTION(TUPLE_SRC, "tuple-src")                                        \
    TCT_OPTION(TUPLE_DST, "tuple-dst")                                        \
    TCT_OPTION(TUPLE_SPORT, "tuple-port-src")                                 \
    TCT_OPTION(TUPLE_DPORT, "tuple-port-dst")                                 \
    TCT_OPTION(MASK_SPORT, "mask-port-src")                                   \
    TCT_OPTION(MASK_DPORT, "mask-port-dst")                                   \
    TCT_OPTION(ID, "id")                                                      \
    TCT_OPTION(HELPER, "helper")                                              \
    TCT_OPTION(SPORT, "orig-port-src")                                        \
    TCT_OPTION(DPORT, "orig-port-dst")                                        \
    TCT_OPTION(REPLY_SPORT, "reply-port-src")                                 \
    TCT_OPTION(REPLY_DPORT, "reply-port-dst")                                 \
    TCT_OPTION(STATE, "state")                                                \
    TCT_OPTION(ICMP_TYPE, "icmp-type")                                        \
    TCT_OPTION(ICMP_CODE, "icmp-code")                                        \
    TCT_OPTION(ICMP_ID, "icmp-id")                                            \
    TCT_OPTION(REPLY_ICMP_ID, "reply-icmp-id")                                \
    TCT_OPTION(ORIG_VTAG, "orig-vtag")                                        \
    TCT_OPTION(REPLY_VTAG, "reply-vtag")                                      \
    TCT_OPTION(LOG, "log")                                                    \
    TCT_OPTION(DOMAIN, "observation-domain")                                  \
    TCT_OPTION(REFRESH, "template-refresh")                                   \
    TCT_OPTION(BATCH, "batch")                                                \
    TCT_OPTION(FRAMES, "frames")                                              \
    TCT_OPTION(INTERVAL, "interval")                                          \
    TCT_OPTION(SORT, "sort")                                                  \
    TCT_OPTION(GROUP, "group")

enum tct_option {
#define TCT_OPTION(ENUM, NAME) TCT_O_##ENUM,
    TCT_OPTIONS
#undef TCT_OPTION
    TCT_N_OPTIONS
};

#define TCT_BIT(OPTION) (UINT64_C(1) << (OPTION))

/* -o */
enum tct_output {
    TCT_OUT_EXTENDED = 1 << 0,
    TCT_OUT_ID = 1 << 1,
    TCT_OUT_TIMESTAMP = 1 << 2,
    TCT_OUT_KTIMESTAMP = 1 << 3,
    TCT_OUT_LABELS = 1 << 4,
    TCT_OUT_XML = 1 << 5,
    TCT_OUT_JSON = 1 << 6,
    TCT_OUT_SAVE = 1 << 7,
    TCT_OUT_COUNT = 1 << 8,
    TCT_OUT_USERSPACE = 1 << 9,
    TCT_OUT_IPFIX = 1 << 10
};

/* --sort: which talkers come first. */
enum tct_sort {
    TCT_BY_BYTES,
    TCT_BY_PACKETS,
    TCT_BY_CONNECTIONS,
    TCT_N_SORTS
};

enum tct_event {
    TCT_NO_EVENT,
    TCT_NEW,
    TCT_UPDATED,
    TCT_DESTROYED
};

struct tct_options {
    enum tct_command command;
    enum tct_table table;
    uint64_t given;             /* TCT_BIT(). */
    bool only_all;              /* No condition at all. */
    unsigned int output;        /* enum tct_output. */

    /* Conditions.  With -I, -A and -G they say what the connection is. */
    struct ct_filter filter;
    union ct_inet_addr mask_src, mask_dst;
    uint8_t mask_family[2];

    /* The tuple of an expectation to be made, and the mask of its ports; with
     * other commands, conditions that become those of 'filter.orig'. */
    struct ct_filter_tuple expect;
    ovs_be16 mask_sport, mask_dport;

    /* What it becomes, or is. */
    uint32_t timeout;
    uint32_t status;
    uint32_t mark, mark_mask;
    ovs_u128 label_add, label_del;
    const char *helper;
    ovs_be16 reply_icmp_id;
    uint32_t orig_vtag, reply_vtag;

    /* --top. */
    uint32_t interval;          /* ms; 0: the daemon's. */
    uint32_t n_frames;          /* 0: no end. */
    enum tct_sort sort;
    enum ct_top_group group;

    const char *load;           /* -R */
    uint32_t events;            /* -e: bits of enum ct_event_type. */
    const char *log;            /* Where events go; NULL: standard output. */
    uint32_t domain;            /* Of IPFIX. */
    uint32_t refresh;           /* Of IPFIX's templates, in seconds; 0: not
                                 * given. */

    /* Of the event that is shown. */
    enum tct_event event;
    const char *reason;         /* Why it ended; NULL: not said. */
    uint64_t when;              /* ms since 1970. */

    const char *datapath;
    const char *socket;
    int buffer_size;
};

static inline bool
tct_has(const struct tct_options *options, enum tct_option option)
{
    return options->given >> option & 1;
}

const char *tct_option_name(enum tct_option);

static inline ovs_u128
tct_u128_or(ovs_u128 a, ovs_u128 b)
{
    return (ovs_u128) { .u64 = { .lo = a.u64.lo | b.u64.lo,
                                 .hi = a.u64.hi | b.u64.hi } };
}

/* trackway-ct.c */

/* Runs one command line, with the answers on standard output. */
int tct_run(const struct tct_options *);

/* Say what is wrong, in the form of conntrack(8), and exit. */
OVS_NO_RETURN void tct_usage_error(const char *format, ...)
    OVS_PRINTF_FORMAT(1, 2);
OVS_NO_RETURN void tct_failed(const char *format, ...)
    OVS_PRINTF_FORMAT(1, 2);
/* The same without exit; the other begins what they say ("": nothing). */
void tct_complain(const char *format, ...) OVS_PRINTF_FORMAT(1, 2);
void tct_set_place(const char *place);

/* trackway-ct-options.c */
void tct_parse(int argc, char *argv[], struct tct_options *);
void tct_print_usage(void);

/* trackway-ct-values.c: all exit on a bad value, but for those that try:
 * false, or what is wrong. */
uint8_t tct_parse_proto(const char *);
bool tct_try_proto(const char *, uint8_t *);
const char *tct_try_addr(const char *, struct ct_filter_addr *, bool prefix);
uint32_t tct_parse_interval(const char *);
enum tct_sort tct_parse_sort(const char *);
enum ct_top_group tct_parse_group(const char *);
const char *tct_sort_name(enum tct_sort);
const char *tct_proto_name(uint8_t);
uint8_t tct_parse_family(const char *);
uint32_t tct_parse_u32(const char *what, const char *, uint32_t max);
void tct_parse_addr(const char *, struct ct_filter_addr *, bool prefix);
void tct_parse_nat(const char *, struct ct_filter_tuple *);
void tct_parse_mark(const char *, uint32_t *mark, uint32_t *mask);
uint32_t tct_parse_status(const char *, uint32_t *mask);
uint32_t tct_parse_events(const char *);
unsigned int tct_parse_output(const char *);
ovs_u128 tct_parse_labels(const char *);
/* The names of labels, with commas between them; or in hexadecimal. */
void tct_put_labels(struct ds *, ovs_u128);

/* trackway-ct-check.c */
void tct_check(const struct tct_options *);
bool tct_proto_has_ports(uint8_t);

/* trackway-ct-request.c */
void tct_make_request(const struct tct_options *, struct ofpbuf *);
/* What 't' says of a tuple; the rest stays. */
void tct_fill_tuple(const struct tct_options *,
                    const struct ct_filter_tuple *t, struct ct_dpif_tuple *);

/* trackway-ct-socket.c */

/* Sends 'request' and gives each answer but the last to 'each', and the last
 * to '*result'.  Exits if the daemon is not there or goes away. */
typedef void tct_each(const struct ofpbuf *msg, void *aux);
void tct_ask(const struct tct_options *, struct ofpbuf *request,
             tct_each *, void *aux, struct ct_nl_result *);

/* The same, with 'pause' when all that has come was given to 'each'.  Returns
 * without a result when a signal has ended it (tct_is_stopped()) and what had
 * come until then was given to 'each', too. */
typedef void tct_pause(void *aux);
void tct_ask_on(const struct tct_options *, struct ofpbuf *request, tct_each *,
                tct_pause *, void *aux, struct ct_nl_result *);

/* What these are made of: a conversation.  tct_receive() reads once, and does
 * not wait unless 'waits'; true if the last answer was among what came. */
struct tct_stream {
    int fd;
    bool waits;
    uint64_t n_read;            /* Bytes. */
    struct ofpbuf in;
};

void tct_connect(const struct tct_options *, struct tct_stream *);
void tct_disconnect(struct tct_stream *);
void tct_send(struct tct_stream *, const struct ofpbuf *request);
bool tct_receive(struct tct_stream *, tct_each *, void *aux,
                 struct ct_nl_result *);

/* Output of a connection: trackway-ct-text.c and others.  Appends a line. */
typedef void tct_format(const struct tct_options *, const struct ct_nl_conn *,
                        struct ds *);
tct_format tct_format_text, tct_format_save, tct_format_xml, tct_format_json;

/* Of an expectation: as -o says, or what that chooses from. */
typedef void tct_expect_format(const struct tct_options *,
                               const struct ct_nl_expect *, struct ds *);
tct_expect_format tct_format_expect, tct_format_expect_xml;
tct_expect_format tct_format_expect_json;

/* What stands around a list, with -o xml. */
void tct_begin_xml(const struct tct_options *, struct ds *);
void tct_end_xml(const struct tct_options *, struct ds *);

/* trackway-ct-put.c: faster than printf(), which a long list feels. */
void tct_put(struct ds *, const char *);
void tct_put_u64(struct ds *, const char *before, uint64_t value);
void tct_put_addr(struct ds *, const char *before,
                  const struct ct_dpif_tuple *, bool dst);

/* trackway-ct-expect.c */
int tct_run_expect(const struct tct_options *);

/* trackway-ct-event.c */
int tct_run_event(const struct tct_options *);
/* What 'msg' says of a connection, and in 'o' of its event.  Exits if it makes
 * no sense. */
void tct_read_event(const struct ofpbuf *msg, struct tct_options *o,
                    struct ct_nl_conn *);

/* trackway-ct-log.c */
int tct_run_log(const struct tct_options *);

/* trackway-ct-signal.c: from tct_catch_signals() on SIGINT and SIGTERM make
 * tct_is_stopped() true, with 'hup' SIGHUP tct_take_hangup(), once, and each
 * of them ends poll_block() after tct_signal_wait(). */
void tct_catch_signals(bool hup);
bool tct_is_stopped(void);
bool tct_take_hangup(void);
void tct_signal_wait(void);

/* trackway-ct-top.c */
int tct_run_top(const struct tct_options *);

/* trackway-ct-load.c */
int tct_run_load(const struct tct_options *);

#endif /* trackway-ct.h */
