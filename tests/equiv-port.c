/* SPDX-License-Identifier: Apache-2.0 */

/* Equivalence: network devices that write down what they are sent.  A device
 * is named "equivS-P", for port P of side S. */

#include <config.h>

#include "equiv.h"

#include <errno.h>

#include "netdev-provider.h"
#include "openvswitch/vlog.h"
#include "util.h"

struct device {
    struct netdev up;
    int side;
    unsigned int port;
};

static struct equiv_log logs[2];

struct equiv_log *
equiv_port_log(int side)
{
    return &logs[side];
}

/* The log. */

void
equiv_log_add(struct equiv_log *log, uint32_t port, const void *data,
              size_t size)
{
    struct equiv_record *record;
    struct equiv_tag tag;

    if (log->n >= log->allocated) {
        log->records = x2nrealloc(log->records, &log->allocated,
                                  sizeof *log->records);
    }
    record = &log->records[log->n];
    record->port = port;
    record->conv = (equiv_tag_get(data, size, &tag)
                    ? ntohs(tag.conv) << 1 | tag.reverse : UINT32_MAX);
    record->index = log->n++;
    record->size = size;
    record->data = size ? xmemdup(data, size) : NULL;
}

void
equiv_log_clear(struct equiv_log *log)
{
    for (size_t i = 0; i < log->n; i++) {
        free(log->records[i].data);
    }
    log->n = 0;
}

/* The class. */

static struct device *
device_cast(const struct netdev *netdev)
{
    return CONTAINER_OF(netdev, struct device, up);
}

static struct netdev *
device_alloc(void)
{
    struct device *device = xzalloc(sizeof *device);

    return &device->up;
}

static int
device_construct(struct netdev *netdev)
{
    struct device *device = device_cast(netdev);

    return (ovs_scan(netdev_get_name(netdev), "equiv%d-%u", &device->side,
                     &device->port) ? 0 : EINVAL);
}

static void
device_destruct(struct netdev *netdev OVS_UNUSED)
{
}

static void
device_dealloc(struct netdev *netdev)
{
    free(device_cast(netdev));
}

static int
device_send(struct netdev *netdev, int qid OVS_UNUSED,
            struct dp_packet_batch *batch, bool concurrent_txq OVS_UNUSED)
{
    struct device *device = device_cast(netdev);
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        equiv_log_add(&logs[device->side], device->port,
                      dp_packet_data(packet), dp_packet_size(packet));
    }
    dp_packet_delete_batch(batch, true);
    return 0;
}

static int
device_get_etheraddr(const struct netdev *netdev, struct eth_addr *mac)
{
    *mac = equiv_mac(device_cast(netdev)->port);
    return 0;
}

static int
device_update_flags(struct netdev *netdev OVS_UNUSED,
                    enum netdev_flags off OVS_UNUSED,
                    enum netdev_flags on OVS_UNUSED, enum netdev_flags *flags)
{
    *flags = NETDEV_UP | NETDEV_PROMISC;
    return 0;
}

static const struct netdev_class device_class = {
    .type = "equiv",
    .alloc = device_alloc,
    .construct = device_construct,
    .destruct = device_destruct,
    .dealloc = device_dealloc,
    .send = device_send,
    .get_etheraddr = device_get_etheraddr,
    .update_flags = device_update_flags,
};

void
equiv_port_init(void)
{
    ovs_assert(!netdev_register_provider(&device_class));
}
