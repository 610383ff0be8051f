#! /bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Generates "configure" and what it needs.  Run it once after a checkout.

set -e
cd "$(dirname "$0")"
autoreconf --install --force "$@"
