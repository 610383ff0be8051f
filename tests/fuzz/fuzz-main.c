/* SPDX-License-Identifier: Apache-2.0 */

/* Runs a fuzz target without libFuzzer: replays files, then what it makes of
 * them at random.
 *
 * usage: TARGET [-runs=N] [-seed=N] FILE-OR-DIRECTORY...
 *
 * The input that ends the program is left in the file crash-TARGET. */

#include <config.h>

#ifdef HAVE_LIBFUZZER
/* It has a main() of its own. */
typedef int fuzz_main_unused;
#else

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_MAX 4096

struct input {
    size_t size;
    uint8_t data[INPUT_MAX];
};

static struct input *corpus;
static size_t n_corpus, allocated_corpus;
static struct input current;
static char crash_file[256];
static uint64_t random_state;

static void fail(const char *what, const char *name);
static void read_path(const char *path);
static void read_directory(const char *path);
static void read_file(const char *path);
static void run(const struct input *);
static void mutate(struct input *);
static void catch_crash(void);

int
main(int argc, char *argv[])
{
    unsigned long long runs = 0, seed = 1;
    char *name;

    set_program_name(argv[0]);
    name = xstrdup(program_name);
    snprintf(crash_file, sizeof crash_file, "crash-%s", name);
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "-runs=", 6)) {
            runs = strtoull(argv[i] + 6, NULL, 10);
        } else if (!strncmp(argv[i], "-seed=", 6)) {
            seed = strtoull(argv[i] + 6, NULL, 10);
        } else if (argv[i][0] == '-') {
            fail("unknown option", argv[i]);
        } else {
            read_path(argv[i]);
        }
    }
    if (!n_corpus) {
        fail("no inputs", "");
    }
    catch_crash();
    for (size_t i = 0; i < n_corpus; i++) {
        run(&corpus[i]);
    }
    random_state = seed * 7919 + UINT64_C(88172645463325252);
    for (unsigned long long i = 0; i < runs; i++) {
        mutate(&current);
        run(&current);
    }
    printf("%s: %"PRIuSIZE" files and %llu mutations ok\n", name, n_corpus,
           runs);
    free(name);
    free(corpus);
    return 0;
}

static void
fail(const char *what, const char *name)
{
    fprintf(stderr, "%s: %s %s\n", program_name, what, name);
    exit(2);
}

/* Inputs. */

static void
read_path(const char *path)
{
    struct stat s;

    if (stat(path, &s)) {
        fail(ovs_strerror(errno), path);
    }
    if (S_ISDIR(s.st_mode)) {
        read_directory(path);
    } else {
        read_file(path);
    }
}

static int
compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* In the same order everywhere. */
static void
read_directory(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, compare_names);

    if (n < 0) {
        fail(ovs_strerror(errno), path);
    }
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            char *name = xasprintf("%s/%s", path, entries[i]->d_name);

            read_file(name);
            free(name);
        }
        free(entries[i]);
    }
    free(entries);
}

static void
read_file(const char *path)
{
    FILE *stream = fopen(path, "rb");
    struct input *input;

    if (!stream) {
        fail(ovs_strerror(errno), path);
    }
    if (n_corpus >= allocated_corpus) {
        corpus = x2nrealloc(corpus, &allocated_corpus, sizeof *corpus);
    }
    input = &corpus[n_corpus++];
    input->size = fread(input->data, 1, sizeof input->data, stream);
    fclose(stream);
}

static void
run(const struct input *input)
{
    /* Of exactly its size, for an address sanitizer. */
    uint8_t *data = xmemdup(input->data, MAX(input->size, 1));

    if (input != &current) {
        current = *input;
    }
    LLVMFuzzerTestOneInput(data, input->size);
    free(data);
}

/* Mutations. */

static uint32_t
next(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % n;
}

/* Puts 'n' bytes from 'from' at 'at', moving what is there. */
static void
insert(struct input *input, size_t at, const uint8_t *from, size_t n)
{
    n = MIN(n, sizeof input->data - input->size);
    memmove(input->data + at + n, input->data + at, input->size - at);
    memmove(input->data + at, from, n);
    input->size += n;
}

static void
mutate_once(struct input *input)
{
    static const uint8_t odd[] = { 0, 1, 0x7f, 0x80, 0xff };
    const struct input *other = &corpus[next(n_corpus)];
    size_t at = next(input->size + 1);
    uint8_t some[16];

    switch (next(6)) {
    case 0:
        for (size_t i = 0; i < sizeof some; i++) {
            some[i] = next(256);
        }
        insert(input, at, some, 1 + next(sizeof some));
        break;
    case 1:
        if (other->size) {
            size_t from = next(other->size);

            insert(input, at, other->data + from,
                   1 + next(other->size - from));
        }
        break;
    case 2:
        if (at < input->size) {
            size_t n = 1 + next(MIN(input->size - at, 16));

            memmove(input->data + at, input->data + at + n,
                    input->size - at - n);
            input->size -= n;
        }
        break;
    default:
        if (at < input->size) {
            uint8_t *p = &input->data[at];

            *p = (next(2) ? *p ^ 1 << next(8)
                  : next(2) ? odd[next(sizeof odd)] : next(256));
        }
        break;
    }
}

static void
mutate(struct input *input)
{
    *input = corpus[next(n_corpus)];
    for (uint32_t n = 1 + next(8); n > 0; n--) {
        mutate_once(input);
    }
}

/* The end. */

static void
save_current(int signr)
{
    int fd = open(crash_file, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    if (fd >= 0) {
        ignore(write(fd, current.data, current.size));
        close(fd);
    }
    signal(signr, SIG_DFL);
    raise(signr);
}

static void
catch_crash(void)
{
    static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL };

    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        signal(signals[i], save_current);
    }
}

#endif /* !HAVE_LIBFUZZER */
