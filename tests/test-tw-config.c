/* SPDX-License-Identifier: Apache-2.0 */

/* What tw-config makes of other_config.  The log is checked by tw-port.at. */

#include <config.h>

#undef NDEBUG
#include <assert.h>

#include "tw-cache.h"
#include "tw-config.h"
#include "tw-datapath.h"
#include "util.h"

static struct tw_datapath *dp;
static struct smap config = SMAP_INITIALIZER(&config);

static void
set(const char *key, const char *value)
{
    smap_replace(&config, key, value);
    tw_config_set(dp, &config);
}

static unsigned int
max_sleep(void)
{
    unsigned int us;

    atomic_read_relaxed(&dp->max_sleep, &us);
    return us;
}

static uint64_t
cache_size(void)
{
    uint64_t size;

    atomic_read_relaxed(&dp->cache_size, &size);
    return size;
}

/* Each value is set behind 'good', and leaves that in force. */
static void
check_bad(const char *key, const char *good, const char *const bad[], size_t n,
          bool holds(void))
{
    set(key, good);
    assert(holds());
    for (size_t i = 0; i < n; i++) {
        set(key, bad[i]);
        assert(holds());
        /* Told once. */
        tw_config_set(dp, &config);
        assert(holds());
    }
}

static bool
sleeps_500(void)
{
    return max_sleep() == 500;
}

static bool
has_cache_of_1000(void)
{
    return cache_size() == 1000;
}

static bool
has_no_cache(void)
{
    return !cache_size();
}

static bool
is_roundrobin(void)
{
    return dp->rxq_assign == TW_ASSIGN_ROUNDROBIN && dp->rxq_isolate;
}

static bool
is_group_not_isolated(void)
{
    return dp->rxq_assign == TW_ASSIGN_GROUP && !dp->rxq_isolate;
}

#define CHECK_BAD(KEY, GOOD, HOLDS, ...)                                    \
    do {                                                                    \
        static const char *const bad[] = { __VA_ARGS__ };                   \
        check_bad(KEY, GOOD, bad, ARRAY_SIZE(bad), HOLDS);                  \
    } while (0)

int
main(void)
{
    dp = xzalloc_cacheline(sizeof *dp);
    dp->name = "dp";
    ovs_rwlock_init(&dp->port_rwlock);
    tw_config_init(&dp->config);
    dp->rxq_assign = dp->config.assign;
    dp->rxq_isolate = dp->config.isolate;
    tw_config_set(dp, &config);
    assert(!max_sleep() && cache_size() == TW_CACHE_DEFAULT_SIZE);
    assert(dp->rxq_assign == TW_ASSIGN_CYCLES && dp->rxq_isolate);

    CHECK_BAD("pmd-maxsleep", "500", sleeps_500,
              "10001", "x", "", "-1", "5x", "18446744073709551616");
    CHECK_BAD("track-cache-size", "1000", has_cache_of_1000,
              "x", "0", "-1", "268435457");
    CHECK_BAD("track-cache", "false", has_no_cache, "maybe", "0");
    set("track-cache", "TRUE");
    assert(has_cache_of_1000());
    CHECK_BAD("pmd-rxq-assign", "roundrobin", is_roundrobin, "foo");
    set("pmd-rxq-isolate", "false");
    assert(is_roundrobin());
    tw_config_set(dp, &config);
    CHECK_BAD("pmd-rxq-assign", "group", is_group_not_isolated, "bar");
    CHECK_BAD("pmd-rxq-isolate", "false", is_group_not_isolated, "no");

    smap_clear(&config);
    tw_config_set(dp, &config);
    assert(!max_sleep() && cache_size() == TW_CACHE_DEFAULT_SIZE);
    assert(dp->rxq_assign == TW_ASSIGN_CYCLES && dp->rxq_isolate);

    tw_config_uninit(&dp->config);
    smap_destroy(&config);
    ovs_rwlock_destroy(&dp->port_rwlock);
    free_cacheline(dp);
    return 0;
}
