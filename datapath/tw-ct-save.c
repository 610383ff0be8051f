/* SPDX-License-Identifier: Apache-2.0 */

/* Saving and loading connections when a datapath ends and begins.  Called by
 * tw-ct-config and the daemon. */

#include <config.h>

#include "tw-ct-save.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ct-save.h"
#include "dirs.h"
#include "openvswitch/vlog.h"
#include "sset.h"
#include "tw-datapath.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(tw_ct_save);

static void save(const struct tw_datapath *);
static void load(struct tw_datapath *, const char *path);
static void keep_damaged(const char *path);

static char *
path_of(const struct tw_datapath *dp)
{
    return xasprintf("%s/trackway-%s.ct", ovs_rundir(), dp->name);
}

void
tw_ct_save_set(struct tw_datapath *dp, bool persist)
{
    dp->ct_persist = persist;
    if (persist && !dp->ct_loaded) {
        char *path = path_of(dp);

        if (!access(path, F_OK)) {
            load(dp, path);
        }
        free(path);
    }
    dp->ct_loaded |= persist;
}

void
tw_ct_save_all(void)
{
    struct sset names = SSET_INITIALIZER(&names);
    const char *name;

    tw_datapath_names(&names);
    SSET_FOR_EACH (name, &names) {
        struct tw_datapath *dp = tw_datapath_find(name);

        if (dp && dp->ct_persist) {
            save(dp);
        }
        tw_datapath_unref(dp);
    }
    sset_destroy(&names);
}

static void
save(const struct tw_datapath *dp)
{
    struct ct_save_result result;
    char *path = path_of(dp);
    char *error = ct_save(dp->ct, path, &result);

    if (error) {
        VLOG_ERR("%s: connections could not be saved: %s", dp->name, error);
    } else {
        VLOG_INFO("%s: %"PRIu64" connections saved in %s, %"PRIu64" that "
                  "cannot be left out", dp->name, result.n, path,
                  result.n_refused);
    }
    free(error);
    free(path);
}

static void
load(struct tw_datapath *dp, const char *path)
{
    struct ct_save_result result;
    char *error = ct_load(dp->ct, path, &result);

    if (error) {
        VLOG_ERR("%s: connections could not be loaded: %s", dp->name, error);
        free(error);
        keep_damaged(path);
        return;
    }
    VLOG_INFO("%s: %"PRIu64" connections loaded from %s, %"PRIu64" were over",
              dp->name, result.n, path, result.n_late);
    if (result.n_refused) {
        VLOG_WARN("%s: %"PRIu64" connections were refused, the first: %s",
                  dp->name, result.n_refused, result.why);
    }
    unlink(path);
}

static void
keep_damaged(const char *path)
{
    char *bad = xasprintf("%s.bad", path);

    if (rename(path, bad)) {
        VLOG_WARN("%s: %s", path, ovs_strerror(errno));
    }
    free(bad);
}
