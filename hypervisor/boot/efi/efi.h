// SPDX-License-Identifier: Apache-2.0
/* What the stub uses of the UEFI Specification 2.10; the numbers are those of its sections. */
#pragma once

#include "lib/base.h"

typedef uint64_t efi_status;   /* appendix D */
#define EFI_SUCCESS            UINT64_C(0)
#define EFI_ERROR(n)           (BIT(63) | (n))
#define EFI_LOAD_ERROR         EFI_ERROR(1)
#define EFI_INVALID_PARAMETER  EFI_ERROR(2)
#define EFI_UNSUPPORTED        EFI_ERROR(3)
#define EFI_BUFFER_TOO_SMALL   EFI_ERROR(5)
#define EFI_OUT_OF_RESOURCES   EFI_ERROR(9)
#define EFI_NOT_FOUND          EFI_ERROR(14)
#define EFI_SECURITY_VIOLATION EFI_ERROR(26)

struct efi_guid {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
};

/* 4.6.1: the devicetree table */
#define EFI_DTB_TABLE { 0xb1b621d5, 0xf19c, 0x41a5, { 0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0 } }
/* 9.1 */
#define EFI_LOADED_IMAGE { 0x5b1b31a1, 0x9562, 0x11d2, { 0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b } }
/* 13.4 */
#define EFI_SIMPLE_FILE_SYSTEM { 0x964e5b22, 0x6459, 0x11d2, { 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b } }
/* 3.3 */
#define EFI_GLOBAL_VARIABLE { 0x8be4df61, 0x93ca, 0x11d2, { 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c } }

/* 7.2: kinds of memory that are RAM, and free once the boot services are gone */
enum efi_memory_type {
    EFI_LOADER_CODE = 1, EFI_LOADER_DATA = 2, EFI_BOOT_SERVICES_CODE = 3, EFI_BOOT_SERVICES_DATA = 4,
    EFI_CONVENTIONAL_MEMORY = 7,
};

#define EFI_MEMORY_WB BIT(3)   /* may be cached, write-back */

/* EFI_MEMORY_DESCRIPTOR; the firmware's may be longer. */
struct efi_memory {
    uint32_t type;
    uint64_t start, virtual_start;
    uint64_t pages;            /* of 4 KiB */
    uint64_t attribute;
};

struct efi_table_header {
    uint64_t signature;
    uint32_t revision, size, crc, reserved;
};

/* 12.4 */
struct efi_text_output {
    void *reset;
    efi_status (*output_string)(struct efi_text_output *self, const uint16_t *text);
};

enum efi_allocate { EFI_ALLOCATE_ANY_PAGES };

/* 7: in the order of EFI_BOOT_SERVICES, of which the end is left out */
struct efi_boot_services {
    struct efi_table_header header;
    void *raise_tpl, *restore_tpl;
    efi_status (*allocate_pages)(enum efi_allocate how, enum efi_memory_type type, uint64_t pages, uint64_t *at);
    efi_status (*free_pages)(uint64_t at, uint64_t pages);
    efi_status (*get_memory_map)(uint64_t *size, void *map, uint64_t *key, uint64_t *descriptor_size,
                                 uint32_t *descriptor_version);
    efi_status (*allocate_pool)(enum efi_memory_type type, uint64_t size, void **at);
    void *free_pool, *events[6], *install_protocol, *reinstall_protocol, *uninstall_protocol;
    efi_status (*handle_protocol)(void *handle, const struct efi_guid *protocol, void **interface);
    void *reserved, *register_notify, *locate_handle, *locate_device_path, *install_table, *load_image, *start_image,
         *exit, *unload_image;
    efi_status (*exit_boot_services)(void *image, uint64_t key);
};

/* 8: in the order of EFI_RUNTIME_SERVICES */
struct efi_runtime_services {
    struct efi_table_header header;
    void *times[4], *set_virtual_address_map, *convert_pointer;
    efi_status (*get_variable)(const uint16_t *name, const struct efi_guid *vendor, uint32_t *attributes,
                               uint64_t *size, void *data);
};

/* 4.6 */
struct efi_configuration {
    struct efi_guid vendor;
    const void *table;
};

/* 4.3 */
struct efi_system_table {
    struct efi_table_header header;
    void *vendor;
    uint32_t firmware_revision;
    void *console_in_handle, *console_in, *console_out_handle;
    struct efi_text_output *console_out;
    void *standard_error_handle, *standard_error;
    struct efi_runtime_services *runtime;
    struct efi_boot_services *boot;
    uint64_t configurations;
    const struct efi_configuration *configuration;
};

/* 10.2: a device path is a row of nodes, each of which says its length, this head included */
struct efi_path {
    uint8_t type, subtype;
    uint8_t length[2];         /* low byte first; a node may stand anywhere */
};
#define EFI_PATH_MEDIA 4
#define EFI_PATH_FILE  4       /* 10.3.5.4: a part of a file's name, UTF-16 */
#define EFI_PATH_END   0x7f

/* 13.5 */
#define EFI_FILE_READ UINT64_C(1)
#define EFI_FILE_END  UINT64_MAX   /* as a position */

struct efi_file {
    uint64_t revision;
    efi_status (*open)(struct efi_file *self, struct efi_file **opened, const uint16_t *name, uint64_t mode,
                       uint64_t attributes);
    efi_status (*close)(struct efi_file *self);
    void *delete;
    efi_status (*read)(struct efi_file *self, uint64_t *size, void *to);
    void *write;
    efi_status (*get_position)(struct efi_file *self, uint64_t *position);
    efi_status (*set_position)(struct efi_file *self, uint64_t position);
};

/* 13.4 */
struct efi_file_system {
    uint64_t revision;
    efi_status (*open_volume)(struct efi_file_system *self, struct efi_file **root);
};

/* 9.1 */
struct efi_loaded_image {
    uint32_t revision;
    void *parent, *system_table, *device;
    const struct efi_path *path;
    void *reserved;
    uint32_t options_size;     /* bytes */
    const void *options;
};
