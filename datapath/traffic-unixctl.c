/* SPDX-License-Identifier: Apache-2.0 */

/* Beside the way of a packet: what an administrator sees of traffic devices
 * and tells them.  Called by unixctl; calls traffic-device. */

#include <config.h>

#include "traffic-unixctl.h"

#include <limits.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "traffic-device.h"
#include "traffic-pair.h"
#include "unixctl.h"
#include "util.h"

static unixctl_cb_func handle_show;
static unixctl_cb_func handle_command;

typedef void command_func(struct traffic_device *);
static command_func command_stop, command_start, command_reset,
                    command_restart;

static const struct command {
    const char *name;
    command_func *func OVS_REQUIRES(traffic_mutex);
} commands[] = {
    { "netdev-traffic/stop", command_stop },
    { "netdev-traffic/start", command_start },
    { "netdev-traffic/reset", command_reset },
    { "netdev-traffic/restart", command_restart },
};

void
traffic_unixctl_register(void)
{
    unixctl_command_register("netdev-traffic/show", "[--json] [NAME]", 0, 2,
                             handle_show, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        unixctl_command_register(commands[i].name, "NAME...", 1, INT_MAX,
                                 handle_command,
                                 CONST_CAST(struct command *, &commands[i]));
    }
}

/* Commands ---------------------------------------------------------------- */

static void
handle_command(struct unixctl_conn *conn, int argc, const char *argv[],
               void *command_)
{
    const struct command *command = command_;
    const char *unknown = NULL;

    ovs_mutex_lock(&traffic_mutex);
    for (int i = 1; i < argc && !unknown; i++) {
        unknown = traffic_device_find(argv[i]) ? NULL : argv[i];
    }
    for (int i = 1; i < argc && !unknown; i++) {
        command->func(traffic_device_find(argv[i]));
    }
    ovs_mutex_unlock(&traffic_mutex);
    if (unknown) {
        char *error = xasprintf("%s: no such traffic device", unknown);

        unixctl_command_reply_error(conn, error);
        free(error);
    } else {
        unixctl_command_reply(conn, NULL);
    }
}

static void
command_stop(struct traffic_device *device)
    OVS_REQUIRES(traffic_mutex)
{
    traffic_device_stop(device, true);
}

static void
command_start(struct traffic_device *device)
    OVS_REQUIRES(traffic_mutex)
{
    traffic_device_stop(device, false);
}

static void
command_reset(struct traffic_device *device)
    OVS_REQUIRES(traffic_mutex)
{
    traffic_device_sum(device, &device->at_reset[0]);
    for (int i = 0; i < TRAFFIC_MAX_QUEUES; i++) {
        traffic_device_sum_queue(device, i, &device->at_reset[1 + i]);
    }
}

static void
command_restart(struct traffic_device *device)
    OVS_REQUIRES(traffic_mutex)
{
    traffic_device_restart(device);
}

/* Show -------------------------------------------------------------------- */

static const char *const role_names[] = {
#define X(ENUM, NAME) [ENUM] = NAME,
    TRAFFIC_ROLES
#undef X
};

static const char *const rx_names[] = {
#define X(ENUM, NAME) [ENUM] = NAME,
    TRAFFIC_RX_COUNTERS
#undef X
};

static const char *const tx_names[] = {
#define X(ENUM, NAME) [ENUM] = NAME,
    TRAFFIC_TX_COUNTERS
#undef X
};

/* True if nothing happens without a server. */
static bool
is_talk(const struct traffic_spec *spec)
{
    return traffic_plan_n_lasting(spec) || traffic_plan_n_passing(spec);
}

static const char *
phase_of(const struct traffic_device *device, const struct traffic_plan *plan)
    OVS_REQUIRES(traffic_mutex)
{
    enum traffic_side side = (device->spec.role == TRAFFIC_ROLE_CLIENT
                              ? TRAFFIC_CLIENT : TRAFFIC_SERVER);

    return (device->stopped ? "stopped"
            : device->spec.role == TRAFFIC_ROLE_SINK ? "steady"
            : !plan || (!plan->has_server && is_talk(&plan->spec))
            ? "without peer"
            : traffic_pair_is_done(plan->pair, side) ? "done"
            : traffic_pair_is_open(plan->pair) ? "steady"
            : "opening");
}

/* One line of a device: a text, or else a number. */
struct fact {
    const char *name;
    const char *text;
    uint64_t number;
};

#define N_FACTS (5 + TRAFFIC_N_RX_COUNTERS + TRAFFIC_N_TX_COUNTERS)

static void
put_counters(const struct traffic_device *device, struct fact *fact)
    OVS_REQUIRES(traffic_mutex)
{
    struct traffic_sums sums;

    traffic_device_sum(device, &sums);
    traffic_sums_subtract(&sums, &device->at_reset[0]);
    for (int i = 0; i < TRAFFIC_N_RX_COUNTERS; i++) {
        *fact++ = (struct fact) { rx_names[i], NULL, sums.rx[i] };
    }
    for (int i = 0; i < TRAFFIC_N_TX_COUNTERS; i++) {
        *fact++ = (struct fact) { tx_names[i], NULL, sums.tx[i] };
    }
}

/* What is shown of a device, but for its queues. */
static void
get_facts(const struct traffic_device *device, struct fact facts[N_FACTS])
    OVS_REQUIRES(traffic_mutex)
{
    const struct traffic_plan *plan
        = ovsrcu_get_protected(struct traffic_plan *, &device->plan);
    struct fact *fact = facts;
    uint32_t n_open = 0;

    if (plan) {
        atomic_read_relaxed(&plan->pair->n_open, &n_open);
    }
    *fact++ = (struct fact) { "role", role_names[device->spec.role], 0 };
    *fact++ = (struct fact) { "phase", phase_of(device, plan), 0 };
    *fact++ = (struct fact) { "opened", NULL, n_open };
    *fact++ = (struct fact) { "connections", NULL,
                              plan ? plan->pair->n_lasting : 0 };
    *fact++ = (struct fact) { "tsc-hz", NULL, device->hz };
    put_counters(device, fact);
}

static int
n_queues(const struct traffic_device *device)
    OVS_REQUIRES(traffic_mutex)
{
    return MAX(device->spec.n_rxq, device->up.n_txq);
}

static void
get_queue(const struct traffic_device *device, int qid,
          struct traffic_sums *sums)
    OVS_REQUIRES(traffic_mutex)
{
    traffic_device_sum_queue(device, qid, sums);
    traffic_sums_subtract(sums, &device->at_reset[1 + qid]);
}

static void
format_device(const struct traffic_device *device, struct ds *s)
    OVS_REQUIRES(traffic_mutex)
{
    struct fact facts[N_FACTS];

    get_facts(device, facts);
    ds_put_format(s, "%s:\n", netdev_get_name(&device->up));
    for (int i = 0; i < N_FACTS; i++) {
        ds_put_format(s, "  %s: ", facts[i].name);
        if (facts[i].text) {
            ds_put_format(s, "%s\n", facts[i].text);
        } else {
            ds_put_format(s, "%"PRIu64"\n", facts[i].number);
        }
    }
    for (int i = 0; i < n_queues(device); i++) {
        struct traffic_sums sums;

        get_queue(device, i, &sums);
        ds_put_format(s, "  queue %d: made %"PRIu64" delivered %"PRIu64"\n",
                      i, sums.rx[TRAFFIC_MADE], sums.tx[TRAFFIC_DELIVERED]);
    }
}

static struct json *
queues_to_json(const struct traffic_device *device)
    OVS_REQUIRES(traffic_mutex)
{
    struct json *json = json_array_create_empty();

    for (int i = 0; i < n_queues(device); i++) {
        struct json *queue = json_object_create();
        struct traffic_sums sums;

        get_queue(device, i, &sums);
        json_object_put(queue, "made",
                        json_integer_create(sums.rx[TRAFFIC_MADE]));
        json_object_put(queue, "delivered",
                        json_integer_create(sums.tx[TRAFFIC_DELIVERED]));
        json_array_add(json, queue);
    }
    return json;
}

static struct json *
device_to_json(const struct traffic_device *device)
    OVS_REQUIRES(traffic_mutex)
{
    struct json *json = json_object_create();
    struct fact facts[N_FACTS];

    get_facts(device, facts);
    for (int i = 0; i < N_FACTS; i++) {
        json_object_put(json, facts[i].name,
                        (facts[i].text ? json_string_create(facts[i].text)
                         : json_integer_create(facts[i].number)));
    }
    json_object_put(json, "queues", queues_to_json(device));
    return json;
}

/* All devices, or the one that has 'name'. */
static void
show(const char *name, struct ds *text, struct json *json)
    OVS_REQUIRES(traffic_mutex)
{
    const struct traffic_device *device;

    for (device = traffic_device_next(NULL); device;
         device = traffic_device_next(device)) {
        const char *own_name = netdev_get_name(&device->up);

        if (!name || !strcmp(name, own_name)) {
            format_device(device, text);
            json_object_put(json, own_name, device_to_json(device));
        }
    }
}

static void
handle_show(struct unixctl_conn *conn, int argc, const char *argv[],
            void *aux OVS_UNUSED)
{
    bool as_json = argc > 1 && !strcmp(argv[1], "--json");
    const char *name = argc > 1 + as_json ? argv[1 + as_json] : NULL;
    struct json *json = json_object_create();
    struct ds s = DS_EMPTY_INITIALIZER;

    ovs_mutex_lock(&traffic_mutex);
    show(name, &s, json);
    ovs_mutex_unlock(&traffic_mutex);
    if (name && !s.length) {
        ds_put_format(&s, "%s: no such traffic device", name);
        unixctl_command_reply_error(conn, ds_cstr(&s));
    } else {
        if (as_json) {
            ds_clear(&s);
            json_to_ds(json, JSSF_SORT, &s);
            ds_put_char(&s, '\n');
        }
        unixctl_command_reply(conn, ds_cstr(&s));
    }
    json_destroy(json);
    ds_destroy(&s);
}
