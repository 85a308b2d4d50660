/* SPDX-License-Identifier: MIT */
/*
 * The short way of a message whose device listens and has all others that wait for it. It is
 * offered to the device before it is written, and written once, as what it is by then; and what the
 * device has is remembered with its lock, so that it is settled without looking for it. The first
 * is over within the tick, the second may be forgotten at any time: what counts is in storage.
 */
#include "base/alloc.h"
#include "hub/hub_internal.h"

/* ---- on its way ---- */

struct storage_message *hub_c2d_fresh_for(const struct hub *hub, const struct hub_link *link)
{
    const struct hub_fresh *fresh = hub->fresh;
    const bool waits = fresh != NULL && link != NULL && !fresh->taken;
    return waits && fresh->message->identity == link->id ? fresh->message : NULL;
}

bool hub_c2d_fresh_content(const struct hub *hub, const struct storage_message *message,
                           struct hub_message *ret_content)
{
    const struct hub_fresh *fresh = hub->fresh;
    if (fresh == NULL || fresh->message != message || fresh->content == NULL) {
        return false;
    }
    *ret_content = *fresh->content;
    ret_content->body = message->body;
    return true;
}

bool hub_c2d_fresh_take(struct hub *hub, const struct storage_message *message,
                        const struct storage_lock *lock)
{
    struct hub_fresh *fresh = hub->fresh;
    if (fresh == NULL || fresh->message != message) {
        return false;
    }
    fresh->taken = true;
    fresh->lock = *lock;
    fresh->message->delivered = 1;
    return true;
}

enum status hub_c2d_fresh_write(struct hub *hub)
{
    const struct hub_fresh *fresh = hub->fresh;
    if (fresh == NULL) {
        return STATUS_OK;
    }
    hub->fresh = NULL;
    const enum status status =
        storage_message_insert(hub->storage, fresh->message, fresh->taken ? &fresh->lock : NULL);
    if (status == STATUS_OK && !fresh->taken) {
        hub_c2d_due(hub, fresh->message->expires_us);
    }
    return status;
}

/* ---- what links have ---- */

/* One that a link received and has not settled yet. */
struct hub_held {
    struct guid token; /* also the key */
    struct hub_link *link;
    struct storage_message message; /* its message_id stands behind it; without content */
    struct list of_link;
};

static struct str token_bytes(const struct guid *token)
{
    return str_of(token->bytes, GUID_SIZE);
}

/* Without memory it is not remembered: it is looked for when it is settled. */
void hub_c2d_hold(struct hub_link *link, const struct storage_message *message,
                  const struct guid *token)
{
    if (link->held_count == HUB_C2D_QUEUE_MAX) {
        return;
    }
    struct hub_held *held = mem_zalloc(sizeof(*held) + message->message_id.size);
    if (held == NULL) {
        return;
    }
    held->token = *token;
    held->link = link;
    held->message = *message;
    held->message.key = hub_link_key(link);
    held->message.properties = (struct str){0};
    held->message.body = (struct str){0};
    if (message->message_id.data != NULL) {
        char *id = (char *)(held + 1);
        memcpy(id, message->message_id.data, message->message_id.size);
        held->message.message_id.data = id;
    }
    if (map_put(&link->hub->held, token_bytes(&held->token), held, NULL) != STATUS_OK) {
        mem_free(held);
        return;
    }
    list_append(&link->held, &held->of_link);
    link->held_count++;
}

static void forget(struct hub_held *held)
{
    (void)map_remove(&held->link->hub->held, token_bytes(&held->token));
    list_remove(&held->of_link);
    held->link->held_count--;
}

void hub_c2d_forget_held(struct hub_link *link)
{
    while (link != NULL && !list_empty(&link->held)) {
        struct hub_held *held = LIST_ENTRY(link->held.next, struct hub_held, of_link);
        forget(held);
        mem_free(held);
    }
}

/* What is remembered is locked in storage, so that equal numbers mean that all is. */
bool hub_c2d_has_all(const struct hub *hub, int64_t identity, const struct hub_link *link)
{
    const size_t waiting = storage_messages_count(hub->storage, identity);
    return waiting <= (link == NULL ? 0 : link->held_count);
}

static bool same_key(struct identity_key a, struct identity_key b)
{
    return str_equal(a.device, b.device) && str_equal(a.module, b.module);
}

enum status hub_c2d_take_out_held(struct hub *hub, struct identity_key key,
                                  const struct guid *token, enum hub_outcome outcome,
                                  bool *ret_done)
{
    struct hub_held *held = map_get(&hub->held, token_bytes(token));
    if (held == NULL || !same_key(key, held->message.key)) {
        return STATUS_OK;
    }
    forget(held);
    enum status status = storage_message_delete_locked(hub->storage, &held->message, &held->token,
                                                       hub_now_us(hub), ret_done);
    if (status == STATUS_OK && *ret_done) {
        status = hub_c2d_note_out(hub, &held->message, outcome);
    }
    mem_free(held);
    return status;
}
