/* SPDX-License-Identifier: Apache-2.0 */

/* Saving and loading by command.  Called by the provider's commands, the
 * daemon's main loop, and tw-datapath at its end; runs ct-save in a thread. */

#include <config.h>

#include "tw-ct-file.h"

#include <stdlib.h>

#include "latch.h"
#include "openvswitch/list.h"
#include "ovs-thread.h"
#include "tw-datapath.h"
#include "util.h"

struct file {
    struct ovs_list node;           /* In 'files'. */
    const struct tw_datapath *dp;   /* [I] */
    struct ct *ct;                  /* [I] */
    tw_ct_file_func *func;          /* [I] */
    char *path;                     /* [I] */
    tw_ct_file_done *done;          /* [I] */
    void *aux;                      /* [I] */
    pthread_t thread;
    struct latch over;

    /* The thread's, until it is joined. */
    char *error;
    struct ct_save_result result;
};

/* Main thread's. */
static struct ovs_list files = OVS_LIST_INITIALIZER(&files);

static void *file_main(void *);
static bool is_at_work(const struct tw_datapath *);
static void finish(struct file *);

bool
tw_ct_file_start(struct tw_datapath *dp, tw_ct_file_func *func,
                 const char *path, tw_ct_file_done *done, void *aux)
{
    struct file *file;

    if (is_at_work(dp)) {
        return false;
    }
    file = xzalloc(sizeof *file);
    file->dp = dp;
    file->ct = dp->ct;
    file->func = func;
    file->path = xstrdup(path);
    file->done = done;
    file->aux = aux;
    latch_init(&file->over);
    ovs_list_push_back(&files, &file->node);
    file->thread = ovs_thread_create("ct_file", file_main, file);
    return true;
}

void
tw_ct_file_run(void)
{
    struct file *file, *next;

    LIST_FOR_EACH_SAFE (file, next, node, &files) {
        if (latch_is_set(&file->over)) {
            finish(file);
        }
    }
}

void
tw_ct_file_wait(void)
{
    struct file *file;

    LIST_FOR_EACH (file, node, &files) {
        latch_wait(&file->over);
    }
}

void
tw_ct_file_finish(const struct tw_datapath *dp)
{
    struct file *file, *next;

    LIST_FOR_EACH_SAFE (file, next, node, &files) {
        if (!dp || file->dp == dp) {
            finish(file);
        }
    }
}

static void *
file_main(void *file_)
{
    struct file *file = file_;

    file->error = file->func(file->ct, file->path, &file->result);
    latch_set(&file->over);
    return NULL;
}

static bool
is_at_work(const struct tw_datapath *dp)
{
    struct file *file;

    LIST_FOR_EACH (file, node, &files) {
        if (file->dp == dp) {
            return true;
        }
    }
    return false;
}

static void
finish(struct file *file)
{
    xpthread_join(file->thread, NULL);
    file->done(file->aux, file->error, &file->result);
    ovs_list_remove(&file->node);
    latch_destroy(&file->over);
    free(file->path);
    free(file->error);
    free(file);
}
