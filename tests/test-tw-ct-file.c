/* SPDX-License-Identifier: Apache-2.0 */

/* Saving and loading beside the main loop: nobody waits for a disk that is
 * slow, one is at work at a time, and the end of a datapath waits for it. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "ct-test.h"
#include "latch.h"
#include "openvswitch/poll-loop.h"
#include "ovs-rcu.h"
#include "tw-ct-file.h"
#include "tw-datapath.h"
#include "util.h"

static struct tw_datapath one, two;

/* What the disk waits for, and what has been said when it was done. */
static struct latch may_go_on;
static int n_done;
static char *said;

static char *
slow(struct ct *ct, const char *path, struct ct_save_result *result)
{
    CHECK(ct == one.ct && !strcmp(path, "/file"));
    ovsrcu_quiesce_start();
    latch_wait(&may_go_on);
    poll_block();
    ovsrcu_quiesce_end();
    result->n = 7;
    return xstrdup("the disk is full");
}

static char *
fast(struct ct *ct OVS_UNUSED, const char *path OVS_UNUSED,
     struct ct_save_result *result)
{
    result->n = 8;
    return NULL;
}

static void
done(void *aux, const char *error, const struct ct_save_result *result)
{
    free(said);
    said = xasprintf("%s: %s, %d", (char *) aux, error ? error : "ok",
                     (int) result->n);
    n_done++;
}

static void
run_until_done(int n)
{
    while (n_done < n) {
        tw_ct_file_wait();
        poll_block();
        tw_ct_file_run();
    }
    CHECK(n_done == n);
}

static void
test_slow(void)
{
    CHECK(tw_ct_file_start(&one, slow, "/file", done, "first"));
    tw_ct_file_run();
    CHECK(!n_done);
    CHECK(!tw_ct_file_start(&one, fast, "/file", done, "second"));

    /* Another datapath's does not wait for it. */
    CHECK(tw_ct_file_start(&two, fast, "/file", done, "other"));
    run_until_done(1);
    CHECK(!strcmp(said, "other: ok, 8"));

    latch_set(&may_go_on);
    run_until_done(2);
    CHECK(!strcmp(said, "first: the disk is full, 7"));
    CHECK(tw_ct_file_start(&one, fast, "/file", done, "third"));
    run_until_done(3);
    CHECK(!strcmp(said, "third: ok, 8"));
}

static void
test_end(void)
{
    latch_poll(&may_go_on);
    CHECK(tw_ct_file_start(&one, slow, "/file", done, "first"));
    tw_ct_file_finish(&two);
    CHECK(n_done == 3);
    latch_set(&may_go_on);
    tw_ct_file_finish(&one);
    CHECK(n_done == 4 && !strcmp(said, "first: the disk is full, 7"));
    tw_ct_file_finish(NULL);
    CHECK(n_done == 4);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    latch_init(&may_go_on);
    test_slow();
    test_end();
    latch_destroy(&may_go_on);
    free(said);
    return ct_test_end("tw-ct-file");
}
