/* SPDX-License-Identifier: Apache-2.0 */

/* What a daemon that is not root's may not do.  Asked by tw-port, before a
 * device is configured. */

#include <config.h>

#include "tw-privilege.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __linux__
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* Of Linux since 5.8; CAP_SYS_ADMIN includes it. */
#ifndef CAP_BPF
#define CAP_BPF 39
#endif

/* This thread's, which are those of all: they are dropped before there are
 * others. */
static uint64_t
effective(void)
{
    uint64_t caps = UINT64_MAX;

#ifdef __linux__
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (!syscall(SYS_capget, &header, data)) {
        caps = (uint64_t) data[1].effective << 32 | data[0].effective;
    }
#endif
    return caps;
}

const char *
tw_privilege_lacks(const char *type)
{
    bool xdp = !strcmp(type, "afxdp") || !strcmp(type, "afxdp-nonpmd");

    return (xdp && !(effective() & (UINT64_C(1) << CAP_BPF
                                    | UINT64_C(1) << CAP_SYS_ADMIN))
            ? "an AF_XDP socket needs an XDP program, and the daemon has "
              "neither CAP_BPF nor CAP_SYS_ADMIN, which --user gives up"
            : NULL);
}
