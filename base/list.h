/* SPDX-License-Identifier: MIT */
#ifndef BASE_LIST_H
#define BASE_LIST_H

/*
 * An intrusive doubly linked ring. The head is a struct list of its own; each member embeds one.
 * A member that is in no list points at itself, so list_remove() may be called on it at any time.
 */
#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *previous;
};

static inline void list_init(struct list *list)
{
    list->next = list;
    list->previous = list;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_append(struct list *head, struct list *member)
{
    member->previous = head->previous;
    member->next = head;
    head->previous->next = member;
    head->previous = member;
}

static inline void list_remove(struct list *member)
{
    member->previous->next = member->next;
    member->next->previous = member->previous;
    list_init(member);
}

/* The structure that embeds `member` under the name `field`. */
#define LIST_ENTRY(member, type, field) ((type *)(void *)((char *)(member)-offsetof(type, field)))

#endif
