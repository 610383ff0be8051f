# SPDX-License-Identifier: Apache-2.0
#
# The way of a packet.

noinst_LIBRARIES += datapath/libtwdatapath.a

datapath_libtwdatapath_a_SOURCES =
