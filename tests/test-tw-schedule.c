/* SPDX-License-Identifier: Apache-2.0 */

/* tw_schedule(): queues and cores in, the assignment out, printed as the core
 * of each queue ("-" for none).  tests/tw-schedule.at has the vectors. */

#include <config.h>

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ovs-numa.h"
#include "tw-schedule.h"
#include "util.h"

#define MAX_WORDS 16

/* "LOAD[@NUMA][!CORE]": a queue with a load, on a NUMA node, pinned. */
static void
parse_queue(const char *s, struct tw_schedule_queue *queue)
{
    const char *numa = strchr(s, '@');
    const char *pinned = strchr(s, '!');

    *queue = (struct tw_schedule_queue) {
        .load = strtoull(s, NULL, 10),
        .numa_id = numa ? atoi(numa + 1) : OVS_NUMA_UNSPEC,
        .pinned = pinned != NULL,
        .pinned_core = pinned ? atoi(pinned + 1) : 0,
    };
}

/* "CORE[@NUMA]". */
static void
parse_core(const char *s, struct tw_schedule_core *core)
{
    const char *numa = strchr(s, '@');

    *core = (struct tw_schedule_core) {
        .core_id = atoi(s),
        .numa_id = numa ? atoi(numa + 1) : 0,
    };
}

static size_t
split(char *s, char *words[MAX_WORDS])
{
    char *save = NULL;
    size_t n = 0;

    for (char *word = strtok_r(s, ",", &save); word;
         word = strtok_r(NULL, ",", &save)) {
        assert(n < MAX_WORDS);
        words[n++] = word;
    }
    return n;
}

int
main(int argc, char *argv[])
{
    struct tw_schedule_queue queues[MAX_WORDS];
    struct tw_schedule_core cores[MAX_WORDS];
    size_t n_queues, n_cores;
    enum tw_assign assign;
    char *words[MAX_WORDS];

    set_program_name(argv[0]);
    if (argc != 5) {
        ovs_fatal(0, "usage: %s ASSIGN shared|isolated CORES QUEUES", argv[0]);
    }
    if (!tw_assign_from_string(argv[1], &assign)) {
        ovs_fatal(0, "%s: unknown", argv[1]);
    }
    assert(!strcmp(tw_assign_to_string(assign), argv[1]));

    n_cores = split(argv[3], words);
    for (size_t i = 0; i < n_cores; i++) {
        parse_core(words[i], &cores[i]);
    }
    n_queues = split(argv[4], words);
    for (size_t i = 0; i < n_queues; i++) {
        parse_queue(words[i], &queues[i]);
    }

    tw_schedule(queues, n_queues, cores, n_cores, assign,
                !strcmp(argv[2], "isolated"));
    for (size_t i = 0; i < n_queues; i++) {
        printf("%s", i ? " " : "");
        if (queues[i].core < 0) {
            printf("-");
        } else {
            printf("%u", cores[queues[i].core].core_id);
        }
    }
    printf("\n");
    return 0;
}
