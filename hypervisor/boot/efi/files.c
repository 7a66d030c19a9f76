// SPDX-License-Identifier: Apache-2.0
/*
 * Names are the firmware's UTF-16 and ours ASCII; what the firmware says of the program's own name is bounded, and
 * taken as it is.
 */
#include "boot/efi/files.h"

#include "boot/efi/words.h"
#include "lib/string.h"

#define PATH_NODES 64

static bool separates(unsigned c)
{
    return c == '\\' || c == '/';
}

static bool append(struct efi_files *f, size_t *n, uint16_t c)
{
    if (*n + 1 >= EFI_NAME_MOST)
        return false;
    f->name[(*n)++] = c;
    return true;
}

/* A node of the program's path: a part of its name, which may be all of it. */
static bool append_part(struct efi_files *f, size_t *n, const uint8_t *text, size_t size)
{
    if (*n && !separates(f->name[*n - 1]) && !append(f, n, '\\'))
        return false;
    for (size_t i = 0; i + 1 < size; i += 2) {
        uint16_t c = (uint16_t)(text[i] | text[i + 1] << 8);

        if (!c)
            break;
        if (separates(c) && *n && separates(f->name[*n - 1]))
            continue;
        if (!append(f, n, c))
            return false;
    }
    return true;
}

/* False: it has no name, or one that is too long. */
static bool read_own_name(struct efi_files *f, const struct efi_path *path)
{
    size_t n = 0;

    for (unsigned i = 0; path && path->type != EFI_PATH_END && i < PATH_NODES; i++) {
        size_t length = path->length[0] | (size_t)path->length[1] << 8;

        if (length < sizeof(*path))
            return false;
        if (path->type == EFI_PATH_MEDIA && path->subtype == EFI_PATH_FILE &&
            !append_part(f, &n, (const uint8_t *)(path + 1), length - sizeof(*path)))
            return false;
        path = (const struct efi_path *)((const char *)path + length);
    }
    f->name[n] = 0;
    for (f->directory = n; f->directory && !separates(f->name[f->directory - 1]); f->directory--)
        ;
    return n > f->directory;
}

efi_status efi_files_open(struct efi_files *f, const struct efi_services *s)
{
    static const struct efi_guid image_protocol = EFI_LOADED_IMAGE, volume_protocol = EFI_SIMPLE_FILE_SYSTEM;
    const struct efi_boot_services *boot = s->firmware->boot;
    struct efi_loaded_image *loaded = NULL;
    struct efi_file_system *volume = NULL;

    f->root = NULL;
    if (boot->handle_protocol(s->image, &image_protocol, (void **)&loaded) || !loaded || !loaded->device ||
        !read_own_name(f, loaded->path) ||
        boot->handle_protocol(loaded->device, &volume_protocol, (void **)&volume) || !volume ||
        volume->open_volume(volume, &f->root)) {
        f->root = NULL;
        return EFI_NOT_FOUND;
    }
    return EFI_SUCCESS;
}

void efi_files_close(struct efi_files *f)
{
    if (f->root)
        (void)f->root->close(f->root);
    f->root = NULL;
}

/* A directory has no position that is its end (UEFI 13.5). */
static efi_status open_whole(const struct efi_files *f, const uint16_t *name, struct efi_file **file, uint64_t *size)
{
    efi_status status = f->root->open(f->root, file, name, EFI_FILE_READ, 0);

    if (status)
        return status == EFI_NOT_FOUND ? status : EFI_LOAD_ERROR;
    if (!(*file)->set_position(*file, EFI_FILE_END) && !(*file)->get_position(*file, size) &&
        !(*file)->set_position(*file, 0))
        return EFI_SUCCESS;
    (void)(*file)->close(*file);
    return EFI_LOAD_ERROR;
}

efi_status efi_file_open(const struct efi_files *f, const char *name, struct efi_file **file, uint64_t *size)
{
    uint16_t whole[EFI_NAME_MOST];
    size_t n = separates((uint8_t)name[0]) ? 0 : f->directory, length = strlen(name);

    if (n + length >= EFI_NAME_MOST)
        return EFI_INVALID_PARAMETER;
    memcpy(whole, f->name, n * sizeof(whole[0]));
    for (; *name; name++)
        whole[n++] = *name == '/' ? '\\' : (uint8_t)*name;
    whole[n] = 0;
    return open_whole(f, whole, file, size);
}

/* Where the name, of `n` units, is cut off next; 0: nowhere. */
static size_t shorter(const struct efi_files *f, const uint16_t *name, size_t n)
{
    while (n > f->directory + 1) {
        uint16_t c = name[--n];

        if (c == '.' || c == '-' || c == '_')
            return n;
    }
    return 0;
}

static size_t without_efi(const struct efi_files *f, size_t n)
{
    char end[5];

    if (n < f->directory + 5)
        return n;
    efi_words(f->name + n - 4, 4 * sizeof(f->name[0]), end, sizeof(end));
    return end[0] == '.' && (end[1] | 0x20) == 'e' && (end[2] | 0x20) == 'f' && (end[3] | 0x20) == 'i' ? n - 4 : n;
}

efi_status efi_file_open_own(struct efi_files *f, char *name, size_t room, struct efi_file **file, uint64_t *size)
{
    static const uint16_t ending[] = u".cfg";
    uint16_t tried[EFI_NAME_MOST + ARRAY_SIZE(ending)];
    efi_status status = EFI_NOT_FOUND;
    size_t n = 0, length;

    while (f->name[n])
        n++;
    memcpy(tried, f->name, n * sizeof(tried[0]));
    for (n = length = without_efi(f, n); n && status == EFI_NOT_FOUND; n = shorter(f, tried, n)) {
        length = n;
        memcpy(tried + n, ending, sizeof(ending));
        status = open_whole(f, tried, file, size);
    }
    efi_words(tried + f->directory, (length - f->directory + ARRAY_SIZE(ending)) * sizeof(tried[0]), name, room);
    return status;
}

efi_status efi_file_read(struct efi_file *file, void *to, uint64_t size)
{
    efi_status status = EFI_SUCCESS;
    uint64_t done = 0;

    while (done < size && !status) {
        uint64_t part = size - done;

        status = file->read(file, &part, (char *)to + done);
        if (!status && (!part || part > size - done))
            status = EFI_LOAD_ERROR;
        done += part;
    }
    (void)file->close(file);
    return status ? EFI_LOAD_ERROR : EFI_SUCCESS;
}
