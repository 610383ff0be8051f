# SPDX-License-Identifier: Apache-2.0

dnl _TW_OVS_VAR(SHELL-VARIABLE, MAKE-VARIABLE)
dnl
dnl Sets SHELL-VARIABLE to what OVS's configure put into MAKE-VARIABLE.  The
dnl Makefile is read, not run: running it could regenerate files in a tree
dnl that is not ours.
AC_DEFUN([_TW_OVS_VAR],
  [$1=`sed -n 's/^$2 = *//p' "$OVS_BUILDDIR/Makefile" | sed -n 1p`])

dnl _TW_OVS_FILE(FILE, HINT)
dnl
dnl Fails unless the OVS build holds FILE.
AC_DEFUN([_TW_OVS_FILE],
  [AS_IF([test ! -e "$OVS_BUILDDIR/$1"],
     [AC_MSG_RESULT([no])
      AC_MSG_ERROR([$OVS_BUILDDIR is not a complete build of Open vSwitch: $1 is missing. $2])])])

dnl TW_CHECK_OVS(VERSION)
dnl
dnl Takes --with-ovs-source and --with-ovs-build, checks that they are a source
dnl tree of Open vSwitch VERSION and a static build of it, and substitutes
dnl OVS_SRCDIR, OVS_BUILDDIR, OVS_VERSION, OVS_CPPFLAGS, OVS_LIBS and
dnl OVS_VSWITCHD_OBJS.
AC_DEFUN([TW_CHECK_OVS], [
  AC_ARG_WITH([ovs-source],
    [AS_HELP_STRING([--with-ovs-source=DIR],
                    [source tree of Open vSwitch $1 (required)])],
    [], [with_ovs_source=])
  AC_ARG_WITH([ovs-build],
    [AS_HELP_STRING([--with-ovs-build=DIR],
                    [where that tree was built (default: the source tree)])],
    [], [with_ovs_build=$with_ovs_source])

  AS_CASE([$with_ovs_source], [''|yes|no],
    [AC_MSG_ERROR([Trackway builds against the source tree of Open vSwitch $1: use --with-ovs-source=DIR (and --with-ovs-build=DIR if it was built elsewhere), or run utilities/quickstart build])])
  AS_CASE([$with_ovs_build], [''|yes|no],
    [AC_MSG_ERROR([--with-ovs-build needs the directory in which Open vSwitch was built])])

  AC_MSG_CHECKING([for the source of Open vSwitch $1])
  AS_IF([test ! -d "$with_ovs_source"],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([$with_ovs_source is not a directory])])
  OVS_SRCDIR=`cd "$with_ovs_source" && pwd`
  AS_IF([test ! -f "$OVS_SRCDIR/vswitchd/bridge.h" ||
         test ! -f "$OVS_SRCDIR/lib/dpif-provider.h" ||
         test ! -f "$OVS_SRCDIR/configure.ac"],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([$OVS_SRCDIR is not an Open vSwitch source tree (an installed package is not enough: headers such as lib/dpif-provider.h are only in the source)])])
  OVS_VERSION=`sed -n 's/^AC.INIT(openvswitch, *\(@<:@^,@:>@*\),.*/\1/p' "$OVS_SRCDIR/configure.ac"`
  AS_IF([test "$OVS_VERSION" != "$1"],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([$OVS_SRCDIR is Open vSwitch ${OVS_VERSION:-of unknown version}; this Trackway needs $1, since a datapath provider uses interfaces that change between releases])])
  AC_MSG_RESULT([$OVS_SRCDIR])

  AC_MSG_CHECKING([for a static build of Open vSwitch $1])
  AS_IF([test ! -d "$with_ovs_build"],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([$with_ovs_build is not a directory])])
  OVS_BUILDDIR=`cd "$with_ovs_build" && pwd`
  AS_IF([test ! -f "$OVS_BUILDDIR/config.h" || test ! -f "$OVS_BUILDDIR/Makefile"],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([Open vSwitch is not configured in $OVS_BUILDDIR: run its configure and make there first])])
  AS_IF([test ! -e "$OVS_BUILDDIR/lib/.libs/libopenvswitch.a" &&
         test -e "$OVS_BUILDDIR/lib/.libs/libopenvswitch.so"],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([$OVS_BUILDDIR has only shared libraries. Trackway replaces parts of the daemon and links Open vSwitch statically: configure it without --disable-static (shared libraries off is its default) and run make again])])
  _TW_OVS_FILE([lib/.libs/libopenvswitch.a], [Run make there first.])
  _TW_OVS_FILE([ofproto/.libs/libofproto.a], [Run make there first.])
  _TW_OVS_FILE([lib/.libs/libsflow.a], [Run make there first.])
  _TW_OVS_FILE([lib/vswitch-idl.h], [Run make there first.])
  _TW_OVS_FILE([vswitchd/bridge.o], [Run make there first.])
  _TW_OVS_FILE([vswitchd/system-stats.o], [Run make there first.])
  tw_built=`sed -n 's/^#define PACKAGE_VERSION "\(.*\)"/\1/p' "$OVS_BUILDDIR/config.h"`
  AS_IF([test "$tw_built" != "$1"],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([$OVS_BUILDDIR holds a build of Open vSwitch ${tw_built:-of unknown version}, not of $1])])
  dnl The same header found in two trees hides the system's header behind it.
  _TW_OVS_VAR([tw_built_from], [abs_top_srcdir])
  AS_IF([test `cd "$tw_built_from" && pwd -P` != `cd "$OVS_SRCDIR" && pwd -P`],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([$OVS_BUILDDIR was built from $tw_built_from: use --with-ovs-source=$tw_built_from])])
  AC_MSG_RESULT([$OVS_BUILDDIR])

  _TW_OVS_VAR([ovs_cflags], [CFLAGS])
  _TW_OVS_VAR([ovs_extra_cflags], [OVS_CFLAGS])
  _TW_OVS_VAR([ovs_cppflags], [CPPFLAGS])
  _TW_OVS_VAR([ovs_ssl_cflags], [SSL_CFLAGS])
  _TW_OVS_VAR([ovs_ssl_includes], [SSL_INCLUDES])
  _TW_OVS_VAR([ovs_ldflags], [LDFLAGS])
  _TW_OVS_VAR([ovs_extra_ldflags], [OVS_LDFLAGS])
  _TW_OVS_VAR([ovs_ssl_ldflags], [SSL_LDFLAGS])
  _TW_OVS_VAR([ovs_dpdk_ldflags], [DPDK_vswitchd_LDFLAGS])
  _TW_OVS_VAR([ovs_ssl_libs], [SSL_LIBS])
  _TW_OVS_VAR([ovs_capng_libs], [CAPNG_LDADD])
  _TW_OVS_VAR([ovs_libs], [LIBS])

  AS_IF([test "$tw_user_cflags" != set], [CFLAGS=$ovs_cflags])

  OVS_CPPFLAGS="-I$OVS_SRCDIR/include -I$OVS_SRCDIR/lib -I$OVS_SRCDIR"
  AS_IF([test "$OVS_SRCDIR" != "$OVS_BUILDDIR"],
    [OVS_CPPFLAGS="$OVS_CPPFLAGS -I$OVS_BUILDDIR/include -I$OVS_BUILDDIR/lib -I$OVS_BUILDDIR"])
  OVS_CPPFLAGS="$OVS_CPPFLAGS -I$OVS_SRCDIR/vswitchd $ovs_cppflags $ovs_ssl_cflags $ovs_ssl_includes"
  OVS_CFLAGS="$ovs_extra_cflags -D_FILE_OFFSET_BITS=64"
  OVS_LDFLAGS="$ovs_ldflags $ovs_extra_ldflags $ovs_ssl_ldflags $ovs_dpdk_ldflags"

  dnl The archives refer to each other, hence the group.
  ovs_archives="$OVS_BUILDDIR/ofproto/.libs/libofproto.a $OVS_BUILDDIR/lib/.libs/libsflow.a $OVS_BUILDDIR/lib/.libs/libopenvswitch.a"
  AS_IF([test -e "$OVS_BUILDDIR/lib/.libs/libopenvswitchavx512.a"],
    [ovs_archives="$ovs_archives $OVS_BUILDDIR/lib/.libs/libopenvswitchavx512.a"])
  OVS_ARCHIVES=$ovs_archives
  OVS_LIBS="-Wl,--start-group $ovs_archives -Wl,--end-group $ovs_ssl_libs $ovs_capng_libs $ovs_libs -lpthread"
  OVS_VSWITCHD_OBJS="$OVS_BUILDDIR/vswitchd/bridge.o $OVS_BUILDDIR/vswitchd/system-stats.o"

  AC_SUBST([OVS_SRCDIR])
  AC_SUBST([OVS_BUILDDIR])
  AC_SUBST([OVS_VERSION])
  AC_SUBST([OVS_CPPFLAGS])
  AC_SUBST([OVS_CFLAGS])
  AC_SUBST([OVS_LDFLAGS])
  AC_SUBST([OVS_ARCHIVES])
  AC_SUBST([OVS_LIBS])
  AC_SUBST([OVS_VSWITCHD_OBJS])

  AC_MSG_CHECKING([whether a program links with that build])
  tw_save_CPPFLAGS=$CPPFLAGS tw_save_LIBS=$LIBS tw_save_LDFLAGS=$LDFLAGS
  CPPFLAGS="$CPPFLAGS $OVS_CPPFLAGS"
  LDFLAGS="$LDFLAGS $OVS_LDFLAGS"
  LIBS="$OVS_LIBS"
  AC_LINK_IFELSE(
    [AC_LANG_SOURCE([#include <config.h>
#include "dpif.h"
int main(void) { dp_register_provider(0); return 0; }])],
    [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([cannot link with Open vSwitch in $OVS_BUILDDIR; config.log says why (often a -dev package that was there when Open vSwitch was built)])])
  CPPFLAGS=$tw_save_CPPFLAGS LIBS=$tw_save_LIBS LDFLAGS=$tw_save_LDFLAGS
])

dnl _TW_CC_OPTION(OPTION)
dnl
dnl Appends OPTION to TW_CFLAGS if the compiler knows it.
AC_DEFUN([_TW_CC_OPTION], [
  AC_MSG_CHECKING([whether $CC accepts $1])
  tw_save_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -Werror $1"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
    [AC_MSG_RESULT([yes])
     TW_CFLAGS="$TW_CFLAGS $1"],
    [AC_MSG_RESULT([no])])
  CFLAGS=$tw_save_CFLAGS
])

AC_DEFUN([TW_CHECK_WARNINGS], [
  TW_CFLAGS="-fno-strict-aliasing -Wall -Wextra -Wno-sign-compare -Wno-unused-parameter"
  m4_foreach_w([tw_option],
    [-Wpointer-arith -Wformat-security -Wstrict-prototypes
     -Wold-style-definition -Wmissing-prototypes -Wshadow -Wduplicated-cond
     -Wmultistatement-macros -Wthread-safety],
    [_TW_CC_OPTION(tw_option)])
  AC_SUBST([TW_CFLAGS])
])

dnl TW_CHECK_SANITIZERS
dnl
dnl --enable-asan, --enable-ubsan and --enable-tsan for our own code.  The
dnl archives of OVS stay as they were built.
AC_DEFUN([TW_CHECK_SANITIZERS], [
  AC_ARG_ENABLE([asan],
    [AS_HELP_STRING([--enable-asan], [build with AddressSanitizer])],
    [], [enable_asan=no])
  AC_ARG_ENABLE([ubsan],
    [AS_HELP_STRING([--enable-ubsan],
                    [build with UndefinedBehaviorSanitizer])],
    [], [enable_ubsan=no])
  AC_ARG_ENABLE([tsan],
    [AS_HELP_STRING([--enable-tsan], [build with ThreadSanitizer])],
    [], [enable_tsan=no])
  AS_IF([test "$enable_asan" = yes && test "$enable_tsan" = yes],
    [AC_MSG_ERROR([--enable-asan and --enable-tsan exclude each other])])
  TW_SANITIZE=
  AS_IF([test "$enable_asan" = yes],
    [TW_SANITIZE="$TW_SANITIZE -fsanitize=address"])
  AS_IF([test "$enable_ubsan" = yes],
    [TW_SANITIZE="$TW_SANITIZE -fsanitize=undefined -fno-sanitize=alignment"])
  AS_IF([test "$enable_tsan" = yes],
    [TW_SANITIZE="$TW_SANITIZE -fsanitize=thread"])
  AS_IF([test -n "$TW_SANITIZE"],
    [TW_SANITIZE="$TW_SANITIZE -fno-omit-frame-pointer"])
  AC_SUBST([TW_SANITIZE])
])

dnl Last, so that it does not disturb the checks above.
AC_DEFUN([TW_CHECK_WERROR], [
  AC_ARG_ENABLE([Werror],
    [AS_HELP_STRING([--enable-Werror], [treat compiler warnings as errors])],
    [], [enable_Werror=no])
  AS_IF([test "$enable_Werror" = yes], [TW_CFLAGS="$TW_CFLAGS -Werror"])
])
