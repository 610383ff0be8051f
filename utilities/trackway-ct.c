/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: conntrack(8) for the connections of Trackway's datapath.
 *
 * main() is the way of a command line: parse, check, ask the daemon, print
 * what it says.  (The files: trackway-ct.h.) */

#include <config.h>

#include "trackway-ct.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netlink.h"
#include "openvswitch/vlog.h"
#include "util.h"

/* What is done with the answers. */
struct answers {
    const struct tct_options *options;
    tct_format *format;
    struct ds lines;
    size_t n;
};

static int run_table(const struct tct_options *);
static tct_format *choose_format(const struct tct_options *);
static tct_each take;
static void take_stats(const struct ofpbuf *, struct answers *);
static void take_stats_cpu(const struct ofpbuf *, struct answers *);
static void flush_lines(struct answers *);
static int conclude(const struct tct_options *, const struct answers *,
                    const struct ct_nl_result *);

/* "FILE:LINE: ", with -R. */
static char *place;

#define FLUSH_AT 65536

int
main(int argc, char *argv[])
{
    struct tct_options options;
    int status;

    set_program_name(argv[0]);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    tct_parse(argc, argv, &options);
    tct_check(&options);
    status = tct_run(&options);
    if (fflush(stdout) || ferror(stdout)) {
        tct_failed("cannot write: %s", ovs_strerror(errno));
    }
    return status;
}

int
tct_run(const struct tct_options *o)
{
    switch (o->command) {
    case TCT_NONE: case TCT_HELP:
        tct_print_usage();
        return TCT_OK;
    case TCT_VERSION:
        printf("%s v%s (trackway)\n", program_name, TRACKWAY_VERSION);
        return TCT_OK;
    case TCT_LOAD:
        return tct_run_load(o);
    case TCT_EVENT:
        return o->log ? tct_run_log(o) : tct_run_event(o);
    case TCT_TOP:
        return tct_run_top(o);
    case TCT_LIST: case TCT_GET: case TCT_DELETE: case TCT_CREATE:
    case TCT_ADD: case TCT_UPDATE: case TCT_FLUSH:
    case TCT_COUNT: case TCT_STATS: case TCT_N_COMMANDS:
    default:
        return o->table == TCT_EXPECT ? tct_run_expect(o) : run_table(o);
    }
}

static void
complain(const char *format, va_list args)
{
    fprintf(stderr, "%s v%s (trackway): %s", program_name, TRACKWAY_VERSION,
            place ? place : "");
    vfprintf(stderr, format, args);
    putc('\n', stderr);
}

void
tct_complain(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    complain(format, args);
    va_end(args);
}

void
tct_usage_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    complain(format, args);
    va_end(args);
    fprintf(stderr, "Try `%s -h' or '%s --help' for more information.\n",
            program_name, program_name);
    exit(TCT_USAGE);
}

void
tct_failed(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    va_start(args, format);
    complain(format, args);
    va_end(args);
    exit(TCT_FAILED);
}

void
tct_set_place(const char *s)
{
    free(place);
    place = xstrdup(s);
}

/* Connections. */

static int
run_table(const struct tct_options *o)
{
    struct answers answers = {
        .options = o,
        .format = choose_format(o),
        .lines = DS_EMPTY_INITIALIZER,
    };
    struct ct_nl_result result;
    struct ofpbuf request;

    ofpbuf_init(&request, 1024);
    tct_make_request(o, &request);
    tct_begin_xml(o, &answers.lines);
    tct_ask(o, &request, take, &answers, &result);
    tct_end_xml(o, &answers.lines);
    flush_lines(&answers);
    ofpbuf_uninit(&request);
    ds_destroy(&answers.lines);
    return conclude(o, &answers, &result);
}

static tct_format *
choose_format(const struct tct_options *o)
{
    return (o->output & TCT_OUT_SAVE ? tct_format_save
            : o->output & TCT_OUT_XML ? tct_format_xml
            : o->output & TCT_OUT_JSON ? tct_format_json
            : tct_format_text);
}

static void
take(const struct ofpbuf *msg, void *answers_)
{
    struct answers *answers = answers_;
    const struct nlmsghdr *nlmsg = msg->data;
    struct ct_nl_conn conn;

    if (nlmsg->nlmsg_type == CT_NL_TYPE(IPCTNL_MSG_CT_GET_STATS)) {
        take_stats(msg, answers);
    } else if (nlmsg->nlmsg_type == CT_NL_TYPE(IPCTNL_MSG_CT_GET_STATS_CPU)) {
        take_stats_cpu(msg, answers);
    } else {
        const char *wrong = ct_nl_get_conn(msg, &conn);

        if (wrong) {
            tct_failed("the daemon's answer makes no sense: %s", wrong);
        }
        answers->format(answers->options, &conn, &answers->lines);
        answers->n++;
    }
    if (answers->lines.length >= FLUSH_AT) {
        flush_lines(answers);
    }
}

static uint32_t
get_stat(const struct ofpbuf *msg, uint16_t type)
{
    const struct nlattr *nla
        = nl_attr_find(msg, NLMSG_HDRLEN + sizeof(struct nfgenmsg), type);

    return (nla && nl_attr_get_size(nla) == sizeof(ovs_be32)
            ? ntohl(nl_attr_get_be32(nla)) : 0);
}

static void
take_stats(const struct ofpbuf *msg, struct answers *answers)
{
    ds_put_format(&answers->lines, "%"PRIu32"\n",
                  get_stat(msg, CTA_STATS_GLOBAL_ENTRIES));
}

static void
take_stats_cpu(const struct ofpbuf *msg, struct answers *answers)
{
    static const struct {
        const char *name;
        uint16_t type;
    } stats[] = {
        { "found", CTA_STATS_FOUND },
        { "invalid", CTA_STATS_INVALID },
        { "insert", CTA_STATS_INSERT },
        { "insert_failed", CTA_STATS_INSERT_FAILED },
        { "drop", CTA_STATS_DROP },
        { "early_drop", CTA_STATS_EARLY_DROP },
        { "error", CTA_STATS_ERROR },
        { "search_restart", CTA_STATS_SEARCH_RESTART },
        { "clash_resolve", CTA_STATS_CLASH_RESOLVE },
        { "chaintoolong", CTA_STATS_CHAIN_TOOLONG },
    };

    ds_put_cstr(&answers->lines, "cpu=0   \t");
    for (size_t i = 0; i < ARRAY_SIZE(stats); i++) {
        ds_put_format(&answers->lines, "%s=%"PRIu32" ", stats[i].name,
                      get_stat(msg, stats[i].type));
    }
    ds_put_cstr(&answers->lines, "\n");
}

static void
flush_lines(struct answers *answers)
{
    if (fwrite(answers->lines.string ? answers->lines.string : "", 1,
               answers->lines.length, stdout) != answers->lines.length) {
        tct_failed("cannot write: %s", ovs_strerror(errno));
    }
    ds_clear(&answers->lines);
}

static void
said(uint64_t n, const char *what)
{
    tct_complain("%"PRIu64" flow entries have been %s.", n, what);
}

/* In conntrack(8)'s words. */
static const char *
failure(const struct tct_options *o, const struct ct_nl_result *result)
{
    return (o->command == TCT_GET && result->error == ENOENT
            ? "such conntrack doesn't exist"
            : o->command == TCT_CREATE && result->error == EEXIST
            ? "Such conntrack exists, try -U to update"
            : result->text[0] ? result->text
            : ovs_strerror(result->error));
}

static int
conclude(const struct tct_options *o, const struct answers *answers,
         const struct ct_nl_result *result)
{
    fflush(stdout);
    if (o->command == TCT_ADD && result->error == EEXIST) {
        if (!place) {
            said(0, "added");
        }
        return TCT_OK;
    }
    if (result->error) {
        tct_complain("Operation failed: %s", failure(o, result));
        return TCT_FAILED;
    }
    switch ((int) o->command) {
    case TCT_LIST:
        if (!(o->output & TCT_OUT_COUNT)) {
            said(answers->n, "shown");
        }
        return TCT_OK;
    case TCT_GET:
        said(answers->n, "shown");
        return TCT_OK;
    case TCT_DELETE: case TCT_UPDATE:
        if (o->output & TCT_OUT_COUNT) {
            printf("%"PRIu64"\n", result->count);
        }
        said(result->count, o->command == TCT_DELETE ? "deleted" : "updated");
        return result->count ? TCT_OK : TCT_FAILED;
    case TCT_CREATE: case TCT_ADD:
        if (!place) {
            said(1, o->command == TCT_ADD ? "added" : "created");
        }
        return TCT_OK;
    case TCT_FLUSH:
        tct_complain("connection tracking table has been emptied.");
        return TCT_OK;
    default:
        return TCT_OK;
    }
}
