// SPDX-License-Identifier: Apache-2.0
/*
 * An architecture's page tables of user programs: the form of an entry, and how one is changed. Pages are of 4 KiB,
 * tables of TABLE_ENTRIES, the same on both; machine/memory.h says how many levels there are. core/space.c walks them,
 * one space at a time, and holds (thread.h) meanwhile: entries name frames of the machine.
 *
 * A root that is not pinned is plain memory, and so are its tables: nobody else knows of them. A pinned one, with all
 * that it leads to, is the hypervisor's to check, and may be loaded. On arm64, where guests' tables are their own, the
 * two are the same.
 */
#pragma once
#include "lib/base.h"

enum { TABLE_ENTRIES = 512 };

/* All may be read; none both written and executed. */
enum space_right { SPACE_READ = 0, SPACE_WRITE = 1, SPACE_EXECUTE = 2 };

uint64_t entry_of_table(const void *table);
uint64_t entry_of_page(const void *page, unsigned rights);
/* The table or page that the entry leads to; NULL: none. */
void *entry_pointer(uint64_t entry);
/* 0 or -errno. `pinned`: of a table below a pinned root. */
int entry_set(uint64_t *entry, uint64_t value, bool pinned);

/* An empty root: whatever else has to be in it is. */
void root_init(uint64_t *root);
/* A filled page is about to become a table below a pinned root, or that root; and it is none any more. */
void table_protect(void *table);
void table_release(void *table);
/* All its tables are protected. No CPU has it loaded when it is unpinned. 0 or -errno. */
int root_pin(const void *root);
int root_unpin(const void *root);

/*
 * User programs of this CPU have that root from now on, under that number (1 to SPACES_MAX, other than all others');
 * NULL: none. With interrupts masked.
 */
enum { SPACES_MAX = 255 };
void root_load(const void *root, unsigned number);
/* No CPU remembers the old mapping there in that space, or anything of it. */
void root_forget(uint64_t va, unsigned number);
void root_forget_all(unsigned number);

/* A page that was written is about to be executed. */
void code_written(void *page);
