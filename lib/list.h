// SPDX-License-Identifier: Apache-2.0
/*
 * Circular, intrusive, doubly linked lists. An unlinked node points to itself, so that removing it twice is harmless.
 */
#pragma once

#include "lib/base.h"

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(name) { &(name), &(name) }

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }

static inline void list_insert_between(struct list *n, struct list *prev, struct list *next)
{
    n->prev = prev;
    n->next = next;
    prev->next = n;
    next->prev = n;
}

static inline void list_push_front(struct list *head, struct list *n) { list_insert_between(n, head, head->next); }
static inline void list_push_back(struct list *head, struct list *n) { list_insert_between(n, head->prev, head); }
/* Puts n right before `at`. */
static inline void list_insert_before(struct list *at, struct list *n) { list_insert_between(n, at->prev, at); }

static inline void list_remove(struct list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}

#define list_entry(node, type, member) container_of(node, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)
/* The node by its offset: at a loop's end var is the head's, which is no `type` and may not be touched as one. */
#define list_node(var, type, member) ((struct list *)((char *)(var) + offsetof(type, member)))
#define list_for_each(var, head, type, member) \
    for (type *var = list_entry((head)->next, type, member); list_node(var, type, member) != (head); \
         var = list_entry(list_node(var, type, member)->next, type, member))
/* The same, where the body may remove var. */
#define list_for_each_safe(var, head, type, member) \
    for (type *var = list_entry((head)->next, type, member), \
              *var##_next = list_entry(list_node(var, type, member)->next, type, member); \
         list_node(var, type, member) != (head); \
         var = var##_next, var##_next = list_entry(list_node(var, type, member)->next, type, member))
