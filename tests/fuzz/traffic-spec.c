/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target: options of traffic devices.
 *
 * Input: lines "NAME=VALUE".  What is accepted can be formatted and means the
 * same again; what is refused has a reason. */

#include <config.h>

#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>

#include "smap.h"
#include "traffic-spec.h"

#define MAX_FRAME 1514

static void
read_options(const uint8_t *data, size_t size, struct smap *options)
{
    char *text = xmemdup0((const char *) data, size);
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        char *value = strchr(line, '=');

        if (value) {
            *value++ = '\0';
            smap_replace(options, line, value);
        }
    }
    free(text);
}

static void
check_accepted(const struct traffic_spec *spec)
{
    struct traffic_spec again, copy;
    struct smap options = SMAP_INITIALIZER(&options);
    char *error = NULL;

    traffic_spec_format(spec, &options);
    assert(!traffic_spec_parse("fuzz", &options, &again, &error));
    assert(traffic_spec_equal(spec, &again));
    assert(spec->role != TRAFFIC_ROLE_CLIENT || spec->pcap
           || traffic_spec_same_connections(spec, &again));
    traffic_spec_clone(&copy, spec);
    assert(traffic_spec_equal(&copy, &again));
    if (spec->role == TRAFFIC_ROLE_CLIENT) {
        assert(traffic_spec_l2_len(spec) <= traffic_spec_headers_len(spec));
        assert(traffic_spec_headers_len(spec) <= MAX_FRAME);
        assert(spec->connections
               && spec->connections <= TRAFFIC_MAX_CONNECTIONS);
        assert(spec->clients.host_bits <= 32 && spec->servers.host_bits <= 32);
    }
    assert(spec->n_rxq <= TRAFFIC_MAX_QUEUES);
    traffic_spec_destroy(&copy);
    traffic_spec_destroy(&again);
    smap_destroy(&options);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct smap options = SMAP_INITIALIZER(&options);
    struct traffic_spec spec;
    char *error = NULL;
    int retval;

    read_options(data, size, &options);
    retval = traffic_spec_parse("fuzz", &options, &spec, &error);
    if (!retval) {
        assert(!error);
        check_accepted(&spec);
        traffic_spec_destroy(&spec);
    } else {
        assert(retval == EINVAL && error && *error);
        free(error);
    }
    smap_destroy(&options);
    return 0;
}
