// SPDX-License-Identifier: Apache-2.0
/* sources: tools/image.c tools/helper/transfer.c */
/* The head of a saved guest's file, and the file that appears only when it is whole. */
#include "tools/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/torpor.h"

#define JSON "{ \"c_info\": { \"name\": \"demo\" } }"

static char folder[] = "/tmp/test_image.XXXXXX";
static char said[300];
static bool knows_nameless_files = true;

int failure(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(said, sizeof(said), format, arguments);
    va_end(arguments);
    return EXIT_FAILURE;
}

/* libc's, but for a file system that may not know of O_TMPFILE. */
int open(const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode = 0;

    va_start(arguments, flags);
    if (flags & (O_CREAT | O_TMPFILE))
        mode = va_arg(arguments, mode_t);
    va_end(arguments);
    if ((flags & O_TMPFILE) != O_TMPFILE || knows_nameless_files)
        return openat(AT_FDCWD, path, flags, mode);
    errno = EOPNOTSUPP;
    return -1;
}

static const char *path_of(const char *name)
{
    static char path[100];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* The words on the way are of no interest here. */
static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && freopen("/dev/null", "w", stderr) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path_of("image"));
    return rmdir(folder);
}

static size_t write_head(char *bytes, size_t most)
{
    struct image_file file;
    int fd;
    ssize_t n;

    assert_int_equal(image_create(&file, path_of("image")), 0);
    assert_int_equal(image_write_head(file.fd, "image", JSON), 0);
    assert_int_equal(image_commit(&file), 0);
    image_discard(&file);
    fd = open(path_of("image"), O_RDONLY);
    n = read(fd, bytes, most);
    close(fd);
    assert_true(n > 0 && (size_t)n < most);
    return (size_t)n;
}

static int read_head(const char *bytes, size_t size, struct image_head *head)
{
    int fds[2], error;

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], bytes, size), size);
    close(fds[1]);
    said[0] = 0;
    error = image_read_head(fds[0], "image", head);
    close(fds[0]);
    assert_int_equal(!error, !said[0]);
    return error;
}

static void a_head_is_read_as_it_was_written(void **state)
{
    struct image_head head;
    char bytes[512];
    size_t size = write_head(bytes, sizeof(bytes));

    (void)state;
    assert_int_equal(read_head(bytes, size, &head), 0);
    assert_string_equal(head.config, JSON);
    assert_true(head.json);
    image_head_free(&head);
}

static void a_head_cut_off_anywhere_is_refused(void **state)
{
    struct image_head head;
    char bytes[512];
    size_t size = write_head(bytes, sizeof(bytes));

    (void)state;
    for (size_t n = 0; n < size; n++)
        assert_int_equal(read_head(bytes, n, &head), -ENODATA);
}

static void a_flipped_bit_is_found_wherever_it_is(void **state)
{
    struct image_head head;
    char bytes[512];
    size_t size = write_head(bytes, sizeof(bytes));

    (void)state;
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 8;
        assert_int_not_equal(read_head(bytes, size, &head), 0);
        bytes[i] ^= 8;
    }
}

static void a_file_of_xls_without_our_checksum_is_read(void **state)
{
    struct image_head head;
    char bytes[512];
    size_t size = write_head(bytes, sizeof(bytes)) - 16;
    uint32_t length = (uint32_t)size - 48;

    (void)state;
    memcpy(bytes + 44, &length, sizeof(length));
    assert_int_equal(read_head(bytes, size, &head), 0);
    image_head_free(&head);
}

static void an_absurd_length_takes_no_memory(void **state)
{
    struct image_head head;
    char bytes[512];
    size_t size = write_head(bytes, sizeof(bytes));
    uint32_t length = UINT32_MAX;

    (void)state;
    memcpy(bytes + 44, &length, sizeof(length));
    assert_int_equal(read_head(bytes, size, &head), -EINVAL);
}

static void a_discarded_file_leaves_what_was_there(void **state)
{
    struct image_file file;
    struct stat before, after;
    char bytes[512];

    (void)state;
    write_head(bytes, sizeof(bytes));
    assert_int_equal(stat(path_of("image"), &before), 0);
    assert_int_equal(before.st_mode & 0777, 0600);
    assert_int_equal(image_create(&file, path_of("image")), 0);
    assert_int_equal(write(file.fd, "half", 4), 4);
    image_discard(&file);
    assert_int_equal(stat(path_of("image"), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_size, after.st_size);
}

/* As the guardian looks, which has the struct from before image_commit(). */
static void a_file_is_kept_once_it_has_its_name(void **state)
{
    struct image_file file, before;
    char bytes[512];

    (void)state;
    write_head(bytes, sizeof(bytes));
    assert_int_equal(image_create(&file, path_of("image")), 0);
    assert_int_equal(image_write_head(file.fd, "image", JSON), 0);
    before = file;
    assert_false(image_is_kept(&before));
    image_withdraw(&before);   /* nothing, for the one that has the name is another */
    assert_int_equal(access(path_of("image"), F_OK), 0);
    assert_int_equal(image_commit(&file), 0);
    assert_true(image_is_kept(&before));
    image_withdraw(&before);
    assert_false(image_is_kept(&before));
    assert_int_equal(access(path_of("image"), F_OK), -1);
    image_discard(&file);
}

/* The names in the folder. */
static unsigned count_names(void)
{
    DIR *names = opendir(folder);
    unsigned count = 0;

    assert_non_null(names);
    for (struct dirent *e; (e = readdir(names));)
        count += e->d_name[0] != '.';
    closedir(names);
    return count;
}

/* Killed before that, a program leaves nothing behind. */
static void write_one(unsigned names_before_commit)
{
    struct image_file file;
    char bytes[512];

    assert_int_equal(count_names(), 0);
    assert_int_equal(image_create(&file, path_of("image")), 0);
    assert_int_equal(image_write_head(file.fd, "image", JSON), 0);
    assert_int_equal(count_names(), names_before_commit);
    assert_int_equal(image_commit(&file), 0);
    assert_int_equal(count_names(), 1);
    image_discard(&file);
    write_head(bytes, sizeof(bytes));   /* in place of it */
    assert_int_equal(count_names(), 1);
    assert_int_equal(unlink(path_of("image")), 0);
}

static void a_file_has_no_name_before_it_is_whole(void **state)
{
    (void)state;
    write_one(0);
}

static void a_file_system_without_nameless_files_shows_a_partial_one(void **state)
{
    (void)state;
    knows_nameless_files = false;
    write_one(1);
    knows_nameless_files = true;
}

static void what_cannot_be_created_is_said(void **state)
{
    struct image_file file;

    (void)state;
    said[0] = 0;
    assert_int_equal(image_create(&file, "/nowhere/image"), -ENOENT);
    assert_string_equal(said, "/nowhere/image cannot be written: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_read_as_it_was_written),
        cmocka_unit_test(a_head_cut_off_anywhere_is_refused),
        cmocka_unit_test(a_flipped_bit_is_found_wherever_it_is),
        cmocka_unit_test(a_file_of_xls_without_our_checksum_is_read),
        cmocka_unit_test(an_absurd_length_takes_no_memory),
        cmocka_unit_test(a_discarded_file_leaves_what_was_there),
        cmocka_unit_test(a_file_is_kept_once_it_has_its_name),
        cmocka_unit_test(a_file_has_no_name_before_it_is_whole),
        cmocka_unit_test(a_file_system_without_nameless_files_shows_a_partial_one),
        cmocka_unit_test(what_cannot_be_created_is_said),
    };

    return cmocka_run_group_tests_name("image", tests, make_folder, remove_folder);
}
