/* SPDX-License-Identifier: Apache-2.0 */

/* Beside the way of a packet: traffic devices are configured, and clients and
 * servers find each other.  Called by netdev-traffic and traffic-unixctl;
 * calls traffic-spec and traffic-plan. */

#include <config.h>

#include "traffic-device.h"

#include <errno.h>
#include <time.h>

#include "openvswitch/vlog.h"
#include "smap.h"
#include "traffic-pair.h"
#include "traffic-pcap.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(netdev_traffic);

struct ovs_mutex traffic_mutex = OVS_MUTEX_INITIALIZER;

static struct ovs_list devices OVS_GUARDED_BY(traffic_mutex)
    = OVS_LIST_INITIALIZER(&devices);

static int check_peer(const struct traffic_device *,
                      const struct traffic_spec *, char **errp)
    OVS_REQUIRES(traffic_mutex);
static void apply_spec(struct traffic_device *, const struct traffic_spec *,
                       struct traffic_pcap *) OVS_REQUIRES(traffic_mutex);
static void leave_pair(struct traffic_device *) OVS_REQUIRES(traffic_mutex);
static void plan_again(struct traffic_device *client, struct traffic_pcap *,
                       bool keep_pair) OVS_REQUIRES(traffic_mutex);
static struct traffic_device *find_client(const struct traffic_device *)
    OVS_REQUIRES(traffic_mutex);
static struct traffic_device *find_server(const struct traffic_device *)
    OVS_REQUIRES(traffic_mutex);

struct traffic_device *
traffic_device_create(void)
{
    return xzalloc_cacheline(sizeof(struct traffic_device));
}

void
traffic_device_free(struct traffic_device *device)
{
    free_cacheline(device);
}

void
traffic_device_add(struct traffic_device *device)
{
    for (int i = 0; i < TRAFFIC_MAX_QUEUES; i++) {
        ovs_mutex_init(&device->tx[i].mutex);
    }
    atomic_init(&device->flags, 0);
    atomic_init(&device->checks, false);
    ovsrcu_init(&device->plan, NULL);
    device->hz = traffic_cycles_per_second();

    ovs_mutex_lock(&traffic_mutex);
    device->n_txq_wanted = 1;
    device->mtu = ETH_PAYLOAD_MAX;
    device->spec.role = TRAFFIC_ROLE_SINK;
    ovs_list_push_back(&devices, &device->node);
    ovs_mutex_unlock(&traffic_mutex);
}

/* Nobody polls 'device' nor sends to it any more. */
void
traffic_device_remove(struct traffic_device *device)
{
    ovs_mutex_lock(&traffic_mutex);
    ovs_list_remove(&device->node);
    leave_pair(device);
    traffic_spec_destroy(&device->spec);
    ovs_mutex_unlock(&traffic_mutex);
    for (int i = 0; i < TRAFFIC_MAX_QUEUES; i++) {
        ovs_mutex_destroy(&device->tx[i].mutex);
    }
}

/* Configuration ----------------------------------------------------------- */

static struct traffic_plan *
plan_of(const struct traffic_device *device)
    OVS_REQUIRES(traffic_mutex)
{
    return ovsrcu_get_protected(struct traffic_plan *, &device->plan);
}

/* The capture that 'spec' names, the one in use if it is the same. */
static int
open_pcap(const struct traffic_device *device, const struct traffic_spec *spec,
          struct traffic_pcap **pcapp, char **errp)
    OVS_REQUIRES(traffic_mutex)
{
    const struct traffic_plan *plan = plan_of(device);
    char *why;

    *pcapp = NULL;
    if (spec->role != TRAFFIC_ROLE_CLIENT || !spec->pcap) {
        return 0;
    }
    if (plan && plan->pcap && plan->spec.n_rxq == spec->n_rxq
        && plan->client == &device->up
        && !strcmp(plan->spec.pcap, spec->pcap)) {
        *pcapp = traffic_pcap_ref(plan->pcap);
        return 0;
    }
    *pcapp = traffic_pcap_open(spec->pcap, spec->n_rxq, &why);
    if (!*pcapp) {
        *errp = xasprintf("%s: %s", netdev_get_name(&device->up), why);
        free(why);
    }
    return *pcapp ? 0 : EINVAL;
}

static int
configure(struct traffic_device *device, const struct smap *options,
          char **errp)
    OVS_EXCLUDED(traffic_mutex)
{
    const char *name = netdev_get_name(&device->up);
    struct traffic_pcap *pcap;
    struct traffic_spec spec;
    int error;

    error = traffic_spec_parse(name, options, &spec, errp);
    if (error) {
        return error;
    }
    ovs_mutex_lock(&traffic_mutex);
    if (!device->configured || !traffic_spec_equal(&spec, &device->spec)) {
        error = check_peer(device, &spec, errp);
        error = error ? error : open_pcap(device, &spec, &pcap, errp);
        if (!error) {
            apply_spec(device, &spec, pcap);
        }
    }
    ovs_mutex_unlock(&traffic_mutex);
    traffic_spec_destroy(&spec);
    return error;
}

/* OVS shows the error of a port that it creates, but not of one that it
 * reconfigures. */
int
traffic_device_configure(struct traffic_device *device,
                         const struct smap *options, char **errp)
{
    int error = configure(device, options, errp);

    if (error) {
        VLOG_WARN("%s", *errp);
    }
    return error;
}

int
traffic_device_wanted_rxqs(const struct traffic_device *device)
{
    return (device->stopped || device->spec.role == TRAFFIC_ROLE_SINK
            ? 0 : device->spec.n_rxq);
}

/* A client talks to one server: the queues of a side have one device. */
static int
check_peer(const struct traffic_device *device,
           const struct traffic_spec *spec, char **errp)
{
    struct traffic_device *other;

    if (spec->role == TRAFFIC_ROLE_SERVER) {
        LIST_FOR_EACH (other, node, &devices) {
            if (other != device && other->spec.role == TRAFFIC_ROLE_SERVER
                && !strcmp(other->spec.peer, spec->peer)) {
                *errp = xasprintf("%s: options:peer=%s has a server already, "
                                  "%s", netdev_get_name(&device->up),
                                  spec->peer, netdev_get_name(&other->up));
                return EINVAL;
            }
        }
    }
    return 0;
}

/* Gives 'device', and its server, another plan, or none. */
static void
set_plan(struct traffic_device *device, struct traffic_plan *plan)
    OVS_REQUIRES(traffic_mutex)
{
    struct traffic_device *server = find_server(device);
    struct traffic_plan *old = plan_of(device);

    ovsrcu_set(&device->plan, plan);
    if (server) {
        ovsrcu_set(&server->plan, plan);
    }
    if (old) {
        ovsrcu_postpone(traffic_plan_destroy, old);
    }
}

/* Takes 'device' out of the pair that it is in. */
static void
leave_pair(struct traffic_device *device)
{
    struct traffic_device *client = find_client(device);

    if (client == device) {
        set_plan(device, NULL);
    } else if (client) {
        ovsrcu_set(&device->plan, NULL);
        free(device->spec.peer);
        device->spec.peer = xstrdup("");
        plan_again(client, traffic_pcap_ref(plan_of(client)->pcap), true);
    }
}

static void
apply_spec(struct traffic_device *device, const struct traffic_spec *spec,
           struct traffic_pcap *pcap)
{
    struct traffic_device *client;

    if (device->configured
        && (device->spec.role != spec->role
            || !nullable_string_is_equal(device->spec.peer, spec->peer))) {
        leave_pair(device);
    }
    if (!device->configured) {
        device->stopped = !spec->start;
        device->configured = true;
    }
    traffic_spec_destroy(&device->spec);
    traffic_spec_clone(&device->spec, spec);
    atomic_store_relaxed(&device->checks, spec->checks);

    client = find_client(device);
    if (client == device) {
        plan_again(client, pcap, true);
    } else if (client) {
        plan_again(client, traffic_pcap_ref(plan_of(client)->pcap), true);
    }
    netdev_request_reconfigure(&device->up);
}

static bool
same_pair(const struct traffic_plan *plan, const struct traffic_spec *spec,
          unsigned int n_server_queues)
{
    return (plan->n_queues[TRAFFIC_CLIENT] == spec->n_rxq
            && plan->n_queues[TRAFFIC_SERVER] == MAX(n_server_queues, 1)
            && traffic_spec_same_connections(&plan->spec, spec));
}

static void
plan_again(struct traffic_device *client, struct traffic_pcap *pcap,
           bool keep_pair)
{
    struct traffic_device *server = find_server(client);
    unsigned int n_server_queues = server ? server->spec.n_rxq : 0;
    const struct traffic_plan *old = plan_of(client);
    struct traffic_pair *pair = NULL;
    struct traffic_plan *plan;

    if (keep_pair && old && same_pair(old, &client->spec, n_server_queues)) {
        pair = old->pair;
    }
    plan = traffic_plan_create(&client->spec, n_server_queues, pair, pcap);
    plan->client = &client->up;
    set_plan(client, plan);
}

/* Finding ----------------------------------------------------------------- */

struct traffic_device *
traffic_device_find(const char *name)
{
    struct traffic_device *device;

    LIST_FOR_EACH (device, node, &devices) {
        if (!strcmp(netdev_get_name(&device->up), name)) {
            return device;
        }
    }
    return NULL;
}

struct traffic_device *
traffic_device_next(const struct traffic_device *device)
{
    const struct ovs_list *next = device ? device->node.next : devices.next;

    return (next == &devices ? NULL
            : CONTAINER_OF(next, struct traffic_device, node));
}

/* The client of the pair that 'device' is in, itself perhaps, or null. */
static struct traffic_device *
find_client(const struct traffic_device *device)
{
    struct traffic_device *client;

    if (device->spec.role == TRAFFIC_ROLE_CLIENT) {
        return CONST_CAST(struct traffic_device *, device);
    }
    client = (device->spec.role == TRAFFIC_ROLE_SERVER
              ? traffic_device_find(device->spec.peer) : NULL);
    return (client && client->spec.role == TRAFFIC_ROLE_CLIENT ? client
            : NULL);
}

static struct traffic_device *
find_server(const struct traffic_device *client)
{
    struct traffic_device *device;

    LIST_FOR_EACH (device, node, &devices) {
        if (device->spec.role == TRAFFIC_ROLE_SERVER
            && !strcmp(device->spec.peer, netdev_get_name(&client->up))) {
            return device;
        }
    }
    return NULL;
}

/* Commands ---------------------------------------------------------------- */

void
traffic_device_stop(struct traffic_device *device, bool stop)
{
    if (device->stopped != stop) {
        device->stopped = stop;
        netdev_request_reconfigure(&device->up);
    }
}

void
traffic_device_restart(struct traffic_device *device)
{
    struct traffic_device *client = find_client(device);

    if (client) {
        plan_again(client, traffic_pcap_ref(plan_of(client)->pcap), false);
    }
}

/* Counters ---------------------------------------------------------------- */

void
traffic_device_sum_queue(const struct traffic_device *device_, int qid,
                         struct traffic_sums *sums)
{
    struct traffic_device *device = CONST_CAST(struct traffic_device *,
                                               device_);

    for (int i = 0; i < TRAFFIC_N_RX_COUNTERS; i++) {
        atomic_read_relaxed(&device->rx[qid].n[i], &sums->rx[i]);
    }
    for (int i = 0; i < TRAFFIC_N_TX_COUNTERS; i++) {
        atomic_read_relaxed(&device->tx[qid].n[i], &sums->tx[i]);
    }
}

void
traffic_device_sum(const struct traffic_device *device,
                   struct traffic_sums *sums)
{
    memset(sums, 0, sizeof *sums);
    for (int qid = 0; qid < TRAFFIC_MAX_QUEUES; qid++) {
        struct traffic_sums queue;

        traffic_device_sum_queue(device, qid, &queue);
        for (int i = 0; i < TRAFFIC_N_RX_COUNTERS; i++) {
            sums->rx[i] += queue.rx[i];
        }
        for (int i = 0; i < TRAFFIC_N_TX_COUNTERS; i++) {
            sums->tx[i] += queue.tx[i];
        }
    }
}

void
traffic_sums_subtract(struct traffic_sums *a, const struct traffic_sums *b)
{
    for (int i = 0; i < TRAFFIC_N_RX_COUNTERS; i++) {
        a->rx[i] -= b->rx[i];
    }
    for (int i = 0; i < TRAFFIC_N_TX_COUNTERS; i++) {
        a->tx[i] -= b->tx[i];
    }
}

static uint64_t
measure_cycles(void)
{
    const struct timespec wait = { .tv_nsec = 20 * 1000 * 1000 };
    struct timespec start, end;
    uint64_t cycles, ns;

    clock_gettime(CLOCK_MONOTONIC, &start);
    cycles = traffic_cycles();
    nanosleep(&wait, NULL);
    cycles = traffic_cycles() - cycles;
    clock_gettime(CLOCK_MONOTONIC, &end);
    ns = ((end.tv_sec - start.tv_sec) * UINT64_C(1000000000)
          + end.tv_nsec - start.tv_nsec);
    return (double) cycles * 1e9 / ns;
}

uint64_t
traffic_cycles_per_second(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    static uint64_t hz;

    if (ovsthread_once_start(&once)) {
        hz = measure_cycles();
        ovsthread_once_done(&once);
    }
    return hz;
}
