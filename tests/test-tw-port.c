/* SPDX-License-Identifier: Apache-2.0 */

/* What of a port is text: numbers from names, affinity of queues. */

#include <config.h>

#undef NDEBUG
#include <assert.h>
#include <errno.h>

#include "ovs-numa.h"
#include "tw-port.h"
#include "util.h"

static void
test_number_from_name(void)
{
    static const struct {
        const char *name;
        uint32_t number;
    } vectors[] = {
        { "p1", 1 },
        { "p10", 10 },
        { "br0", 100 },
        { "br12", 112 },
        { "vif3-2", 3 },
        { "vxlan_sys_4789", 4789 },
        { "eth", 0 },
        { "", 0 },
        { "p0", 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        assert(tw_port_number_from_name(vectors[i].name)
               == vectors[i].number);
    }
}

static void
test_affinity(void)
{
    const unsigned none = OVS_CORE_UNSPEC;
    const struct {
        const char *s;
        int error;
        unsigned cores[3];
    } vectors[] = {
        { "", 0, { none, none, none } },
        { "0:3", 0, { 3, none, none } },
        { "0:3,1:7,2:0", 0, { 3, 7, 0 } },
        { "2:1, 0:5", 0, { 5, none, 1 } },
        { "9:1", 0, { none, none, none } },
        { "x:1", EINVAL, { none, none, none } },
        { "0:y", EINVAL, { none, none, none } },
        { "-1:1", EINVAL, { none, none, none } },
        { "0:-1", EINVAL, { none, none, none } },
    };

    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        unsigned cores[3];

        assert(tw_port_parse_affinity(vectors[i].s, cores, 3)
               == vectors[i].error);
        for (size_t j = 0; j < ARRAY_SIZE(cores); j++) {
            assert(cores[j] == vectors[i].cores[j]);
        }
        assert(tw_port_parse_affinity(vectors[i].s, NULL, 0)
               == vectors[i].error);
    }
}

int
main(void)
{
    test_number_from_name();
    test_affinity();
    return 0;
}
