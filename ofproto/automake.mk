# SPDX-License-Identifier: Apache-2.0
#
# The dpif provider.

noinst_LIBRARIES += ofproto/libtwdpif.a

ofproto_libtwdpif_a_SOURCES =
