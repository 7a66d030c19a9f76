// SPDX-License-Identifier: Apache-2.0
/* sources: tools/guardian.c tools/helper/detach.c tools/helper/transfer.c tests/unit/victim.c */
/* An operation under way is brought to an end when its process is killed, by one that knows how far it has come. */
#include "tools/guardian.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/victim.h"
#include "tools/guests.h"
#include "tools/torpor.h"

/* Seen by all processes. */
static struct world {
    unsigned opened, rescued;
    int context;
    char reached;
    bool has_file;
} *world;

int guests_open(void)
{
    world->opened++;
    return 0;
}

void guests_close(void) { world->opened--; }
int failure(const char *format, ...) { (void)format; return EXIT_FAILURE; }
void detail(const char *format, ...) { (void)format; }

static void rescue(const void *context, char reached, int fd)
{
    world->context = *(const int *)context + 100 * (int)world->opened;
    world->reached = reached;
    world->has_file = fd >= 0 && write(fd, "word", 4) == 4;
    __atomic_add_fetch(&world->rescued, 1, __ATOMIC_SEQ_CST);
}

static int setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);   /* as operations_start() has it */
    world = shared_new(sizeof(*world));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return munmap(world, sizeof(*world));
}

struct operation {
    const char *words;   /* told to the guardian */
    bool ends;
    int fd;
};

static bool operate(const void *context)
{
    const struct operation *o = context;
    int known = 7;

    if (guardian_begin(rescue, &known, o->fd) || !getenv("TORPOR_GUARDED"))
        return false;
    known = 8;
    for (const char *word = o->words; *word; word++)
        guardian_tell(*word);
    if (o->ends)
        guardian_end();
    return true;
}

static pid_t start(const char *words, bool ends, int fd)
{
    return victim_start(operate, &(struct operation){ words, ends, fd });
}

/* The guardian is not our child: its last deed is awaited. */
static void await_rescue(void)
{
    for (unsigned i = 0; i < 10000 && !__atomic_load_n(&world->rescued, __ATOMIC_SEQ_CST); i++)
        usleep(1000);
    assert_int_equal(world->rescued, 1);
}

static void what_is_killed_is_rescued_with_what_was_known_at_its_beginning(void **state)
{
    (void)state;
    victim_end(start("", false, -1), SIGKILL);
    await_rescue();
    assert_int_equal(world->context, 107);   /* guests were open */
    assert_int_equal(world->reached, 0);
    assert_false(world->has_file);
}

static void the_guardian_knows_what_was_told_last_and_says_its_own_word(void **state)
{
    char word[5] = "";
    int words[2];

    (void)state;
    assert_int_equal(pipe(words), 0);
    victim_end(start("ab", false, words[1]), SIGKILL);
    close(words[1]);
    assert_int_equal(read(words[0], word, 4), 4);
    assert_string_equal(word, "word");
    assert_int_equal(read(words[0], word, 1), 0);   /* nobody else holds it */
    close(words[0]);
    await_rescue();
    assert_int_equal(world->reached, 'b');
}

static void the_signals_of_a_terminal_do_not_reach_it(void **state)
{
    (void)state;
    victim_end(-start("", false, -1), SIGKILL);
    await_rescue();
}

static void nothing_is_done_for_what_was_brought_to_its_end(void **state)
{
    char byte;
    int words[2];

    (void)state;
    assert_int_equal(pipe(words), 0);
    victim_end(start("a", true, words[1]), SIGKILL);
    close(words[1]);
    assert_int_equal(read(words[0], &byte, 1), 0);   /* it has ended, and said nothing */
    close(words[0]);
    assert_int_equal(world->rescued, 0);
}

static void without_a_guardian_nothing_is_told_to_anybody(void **state)
{
    (void)state;
    guardian_tell('a');
    guardian_end();
    assert_null(getenv("TORPOR_GUARDED"));
    assert_int_equal(guardian_begin(rescue, &(int){ 7 }, -1), 0);
    guardian_end();
    guardian_end();
    assert_null(getenv("TORPOR_GUARDED"));
    assert_int_equal(world->rescued, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_killed_is_rescued_with_what_was_known_at_its_beginning),
        TEST(the_guardian_knows_what_was_told_last_and_says_its_own_word),
        TEST(the_signals_of_a_terminal_do_not_reach_it),
        TEST(nothing_is_done_for_what_was_brought_to_its_end),
        TEST(without_a_guardian_nothing_is_told_to_anybody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
