# SPDX-License-Identifier: Apache-2.0
#
# The connection tracker.

noinst_LIBRARIES += lib/libtrackway.a

lib_libtrackway_a_SOURCES =

# Protocols.
lib_libtrackway_a_SOURCES += \
	lib/ct-cursor.h \
	lib/ct-icmp-error.c \
	lib/ct-icmp-error.h \
	lib/ct-l4.c \
	lib/ct-l4.h \
	lib/ct-l4-generic.c \
	lib/ct-l4-gre.c \
	lib/ct-l4-icmp.c \
	lib/ct-l4-sctp.c \
	lib/ct-l4-tcp.c \
	lib/ct-l4-tcp.h \
	lib/ct-l4-udp.c \
	lib/ct-tcp-window.c \
	lib/ct-tcp-window.h
