/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_SYSCTL_H
#define CT_SYSCTL_H 1

#include <string.h>

/* Names of the kernel's sysctls.
 * ==============================
 *
 * Who comes from the kernel's tracker knows its settings by the names of
 * sysctls; they are good wherever names are read. */

/* 'name' behind what those names begin with; 'name' itself if it does not. */
static inline const char *
ct_sysctl_base(const char *name)
{
    static const char *const prefixes[] = {
        "net.netfilter.nf_conntrack_",
        "nf_conntrack_",
    };

    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (!strncmp(name, prefixes[i], strlen(prefixes[i]))) {
            return name + strlen(prefixes[i]);
        }
    }
    return name;
}

#endif /* ct-sysctl.h */
