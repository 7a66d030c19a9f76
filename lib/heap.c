// SPDX-License-Identifier: Apache-2.0
#include "lib/heap.h"

/* Two heaps become one: the root that comes later goes below the other. */
struct heap_node *heap_meld(struct heap_node *a, struct heap_node *b)
{
    struct heap_node *first = a->key <= b->key ? a : b, *second = first == a ? b : a;

    second->next = first->child;
    if (second->next)
        second->next->back = &second->next;
    first->child = second;
    second->back = &first->child;
    first->next = NULL;
    return first;
}

/* The children of a removed node, melded in pairs and then together; not an empty list. */
struct heap_node *heap_meld_list(struct heap_node *list)
{
    struct heap_node *pairs = NULL, *heap = NULL;

    while (list) {
        struct heap_node *a = list, *b = a->next, *pair = a;

        list = b ? b->next : NULL;
        a->next = NULL;
        if (b) {
            b->next = NULL;
            pair = heap_meld(a, b);
        }
        pair->next = pairs;
        pairs = pair;
    }
    while (pairs) {
        struct heap_node *next = pairs->next;

        pairs->next = NULL;
        heap = heap ? heap_meld(heap, pairs) : pairs;
        pairs = next;
    }
    return heap;
}
