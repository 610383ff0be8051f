# SPDX-License-Identifier: Apache-2.0
#
# The connection tracker.

noinst_LIBRARIES += lib/libtrackway.a

lib_libtrackway_a_SOURCES =
