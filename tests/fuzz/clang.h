/* SPDX-License-Identifier: Apache-2.0 */

#ifndef FUZZ_CLANG_H
#define FUZZ_CLANG_H 1

/* Read before everything else when clang builds fuzz targets.
 *
 * OVS was built with GCC: its atomics are to be C11's, as they are there, not
 * those that it has for clang.  And clang would read annotations of locks in
 * places where they name what it cannot see. */

#pragma clang diagnostic ignored "-Wbuiltin-macro-redefined"
#define __has_extension(X) 0

#include <config.h>
#include "openvswitch/compiler.h"

#undef OVS_ACQUIRES
#undef OVS_ACQ_AFTER
#undef OVS_ACQ_BEFORE
#undef OVS_ACQ_RDLOCK
#undef OVS_ACQ_WRLOCK
#undef OVS_EXCLUDED
#undef OVS_GUARDED
#undef OVS_GUARDED_BY
#undef OVS_RELEASES
#undef OVS_REQUIRES
#undef OVS_REQ_RDLOCK
#undef OVS_REQ_WRLOCK
#undef OVS_TRY_LOCK
#undef OVS_TRY_RDLOCK
#undef OVS_TRY_WRLOCK
#define OVS_ACQUIRES(...)
#define OVS_ACQ_AFTER(...)
#define OVS_ACQ_BEFORE(...)
#define OVS_ACQ_RDLOCK(...)
#define OVS_ACQ_WRLOCK(...)
#define OVS_EXCLUDED(...)
#define OVS_GUARDED
#define OVS_GUARDED_BY(...)
#define OVS_RELEASES(...)
#define OVS_REQUIRES(...)
#define OVS_REQ_RDLOCK(...)
#define OVS_REQ_WRLOCK(...)
#define OVS_TRY_LOCK(...)
#define OVS_TRY_RDLOCK(...)
#define OVS_TRY_WRLOCK(...)

#endif /* clang.h */
