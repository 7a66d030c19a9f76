// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/victim.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

pid_t victim_start(bool (*work)(const void *context), const void *context)
{
    int ready[2];
    pid_t pid;
    char byte;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        if (!work(context) || write(ready[1], "", 1) != 1)
            _exit(EXIT_FAILURE);
        pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

void victim_end(pid_t pid, int signal)
{
    kill(pid, signal);
    waitpid(abs(pid), NULL, 0);
}

void *shared_new(unsigned long size)
{
    void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(shared != MAP_FAILED);
    return shared;
}
