// SPDX-License-Identifier: Apache-2.0
/*
 * An intrusive pairing heap: the node with the smallest key first. Insertion takes a constant number of steps, removal
 * of any node one that grows with the logarithm of their number, taken over many (Fredman and others, "The pairing
 * heap", 1986). Of equal keys the one that was there first comes first while no other node goes.
 */
#pragma once

#include "lib/base.h"

struct heap_node {
    uint64_t key;                /* not changed while it is in a heap */
    struct heap_node *child, *next;
    struct heap_node **back;     /* the pointer that points to this node */
};

struct heap {
    struct heap_node *root;      /* the first; NULL: the heap is empty */
};

struct heap_node *heap_meld(struct heap_node *a, struct heap_node *b);
struct heap_node *heap_meld_list(struct heap_node *list);

static inline void heap_set_root(struct heap *h, struct heap_node *root)
{
    h->root = root;
    if (root)
        root->back = &h->root;
}

static inline void heap_insert(struct heap *h, struct heap_node *n)
{
    n->child = n->next = NULL;
    heap_set_root(h, h->root ? heap_meld(h->root, n) : n);
}

/* n is in h. */
static inline void heap_remove(struct heap *h, struct heap_node *n)
{
    struct heap_node *below = n->child ? heap_meld_list(n->child) : NULL;

    if (h->root == n) {
        heap_set_root(h, below);
        return;
    }
    *n->back = n->next;
    if (n->next)
        n->next->back = n->back;
    if (below)
        heap_set_root(h, heap_meld(h->root, below));
}
