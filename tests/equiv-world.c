/* SPDX-License-Identifier: Apache-2.0 */

/* Equivalence: the world that both sides live in.
 *
 * The program is linked with --wrap for the functions below, so that clock,
 * chance and threads of OVS and of the datapath are the test's.  Only the
 * main thread sees the clock that stands still: the only other ones are
 * maintenance threads of OVS, which then never find anything due. */

#include <config.h>

#include "equiv.h"

#include <netinet/in.h>

#include "ct-tracker.h"
#include "openvswitch/poll-loop.h"
#include "ovs-thread.h"
#include "packets.h"
#include "random.h"
#include "timeval.h"
#include "util.h"

/* Far from what a machine's own clock says. */
#define EPOCH_MS (INT64_C(1) << 40)

static pthread_t main_thread;
static long long now_ms = EPOCH_MS;
static bool random_is_fixed;
static uint32_t fixed_random, n_drawn;

long long __real_time_msec(void);
long long __wrap_time_msec(void);
long long __real_time_usec(void);
long long __wrap_time_usec(void);
long long __real_time_wall_msec(void);
long long __wrap_time_wall_msec(void);
uint32_t __real_random_uint32(void);
uint32_t __wrap_random_uint32(void);
void __wrap_coverage_run(void);
void __wrap_get_entropy_or_die(void *, size_t);
pthread_t __real_ovs_thread_create(const char *, void *(*)(void *), void *);
pthread_t __wrap_ovs_thread_create(const char *, void *(*)(void *), void *);

void
equiv_world_init(void)
{
    main_thread = pthread_self();
}

void
equiv_world_begin(uint32_t seed)
{
    random_set_seed(seed | 1);
    equiv_world_set_ms(0);
}

void
equiv_world_set_ms(long long ms)
{
    now_ms = EPOCH_MS + ms;
}

long long
equiv_world_now_ms(void)
{
    return now_ms;
}

void
equiv_world_fix_random(uint32_t value)
{
    random_is_fixed = true;
    n_drawn = 0;
    fixed_random = value;
}

void
equiv_world_free_random(void)
{
    random_is_fixed = false;
}

static bool
is_main_thread(void)
{
    return pthread_equal(pthread_self(), main_thread);
}

long long
__wrap_time_msec(void)
{
    return is_main_thread() ? now_ms : __real_time_msec();
}

long long
__wrap_time_usec(void)
{
    return is_main_thread() ? now_ms * 1000 : __real_time_usec();
}

long long
__wrap_time_wall_msec(void)
{
    return is_main_thread() ? now_ms : __real_time_wall_msec();
}

/* The same for everybody, but for who asks very often: a cmap that finds no
 * place with one seed tries another, until it does. */
uint32_t
__wrap_random_uint32(void)
{
    return (random_is_fixed && is_main_thread()
            ? fixed_random ^ n_drawn++ >> 10 : __real_random_uint32());
}

/* It catches up, five seconds at a time, with whichever clock it sees. */
void
__wrap_coverage_run(void)
{
}

/* Secrets of hashes are the same in each process, so that a seed gives the
 * same run again. */
void
__wrap_get_entropy_or_die(void *buffer, size_t n)
{
    uint8_t *bytes = buffer;

    for (size_t i = 0; i < n; i++) {
        bytes[i] = equiv_mix(i);
    }
}

/* In place of a tracker's maintenance, which the test does itself with
 * ct_run(), so that it is known when connections expire. */
static void *
wait_for_exit(void *ct_)
{
    struct ct *ct = ct_;

    while (!latch_is_set(&ct->exit)) {
        latch_wait(&ct->exit);
        poll_block();
    }
    return NULL;
}

pthread_t
__wrap_ovs_thread_create(const char *name, void *(*start)(void *), void *arg)
{
    return __real_ovs_thread_create(name, (strcmp(name, "ct_maintain")
                                           ? start : wait_for_exit), arg);
}

/* Names. */

struct equiv_addr
equiv_host(bool ipv6, unsigned int port, unsigned int host)
{
    struct equiv_addr addr = { .ipv6 = ipv6 };

    if (ipv6) {
        addr.ip6.s6_addr[0] = 0xfd;
        addr.ip6.s6_addr[13] = port;
        addr.ip6.s6_addr[15] = host;
    } else {
        addr.ip = htonl(0x0a000000 | port << 8 | host);
    }
    return addr;
}

uint16_t
equiv_service(unsigned int index)
{
    static const uint16_t services[] = { 80, 443, 53, 8080, 22, 5001 };

    return services[index % ARRAY_SIZE(services)];
}

struct eth_addr
equiv_mac(unsigned int port)
{
    struct eth_addr mac = ETH_ADDR_C(50,54,00,00,00,00);

    mac.ea[5] = port;
    return mac;
}
