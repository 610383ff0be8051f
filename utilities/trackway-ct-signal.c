/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: signals, for what goes on until one ends it. */

#include <config.h>

#include <signal.h>

#include "latch.h"
#include "openvswitch/poll-loop.h"
#include "trackway-ct.h"
#include "util.h"

static volatile sig_atomic_t stopped, hung_up;

/* Rung by the handlers: no signal comes between a look and a wait. */
static struct latch bell;

static void
ring(int signr)
{
    if (signr == SIGHUP) {
        hung_up = 1;
    } else {
        stopped = 1;
    }
    latch_set(&bell);
}

void
tct_catch_signals(bool hup)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = ring };

    latch_init(&bell);
    for (size_t i = 0; i < ARRAY_SIZE(signals) - !hup; i++) {
        sigaction(signals[i], &action, NULL);
    }
}

bool
tct_is_stopped(void)
{
    return stopped;
}

bool
tct_take_hangup(void)
{
    bool came = hung_up;

    hung_up = 0;
    return came;
}

/* Of a signal that comes before the flags are looked at, they tell; of a later
 * one the bell. */
void
tct_signal_wait(void)
{
    latch_poll(&bell);
    if (stopped || hung_up) {
        poll_immediate_wake();
    } else {
        latch_wait(&bell);
    }
}
