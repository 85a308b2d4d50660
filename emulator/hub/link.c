/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/json.h"
#include "hub/hub_internal.h"

static struct str id_bytes(const int64_t *id)
{
    return str_of(id, sizeof(*id));
}

struct hub_link *hub_link_find(const struct hub *hub, int64_t id)
{
    return map_get(&hub->links, id_bytes(&id));
}

struct identity_key hub_link_key(const struct hub_link *link)
{
    return (struct identity_key){.device = link->device, .module = link->module};
}

int64_t hub_link_id(const struct hub_link *link)
{
    return link->id;
}

/* One block: the link, then the bytes of its two names. */
static struct hub_link *link_new(struct identity_key key)
{
    struct hub_link *link = mem_zalloc(sizeof(*link) + key.device.size + key.module.size);
    if (link == NULL) {
        return NULL;
    }
    char *names = (char *)(link + 1);
    memcpy(names, key.device.data, key.device.size);
    if (key.module.size > 0) {
        memcpy(names + key.device.size, key.module.data, key.module.size);
    }
    link->device = str_of(names, key.device.size);
    link->module = str_of(names + key.device.size, key.module.size);
    list_init(&link->active);
    list_init(&link->held);
    buf_init(&link->model_id, HUB_SCRATCH_MAX);
    return link;
}

static void note_connected(struct hub_link *link)
{
    char detail[128];
    (void)snprintf(detail, sizeof(detail), "{\"protocol\":\"%s\",\"auth\":\"%s\"}",
                   link->ops->protocol, hub_auth_method_name(link->principal.method));
    hub_event(link->hub, HUB_EVENT_CONNECTED, hub_link_key(link), str_from(detail),
              (struct str){0});
}

static void note_disconnected(struct hub_link *link, const char *why)
{
    CLEANUP(buf_finish) struct buf detail = BUF_INIT(HUB_SCRATCH_MAX);
    buf_append_format(&detail, "{\"protocol\":\"%s\",\"why\":", link->ops->protocol);
    json_append_string(&detail, str_from(why));
    buf_append_byte(&detail, '}');
    if (buf_status(&detail) != STATUS_OK) {
        (void)hub_fail(link->hub, buf_status(&detail), NULL);
        return;
    }
    hub_event(link->hub, HUB_EVENT_DISCONNECTED, hub_link_key(link), buf_str(&detail),
              (struct str){0});
}

static void flush_one(struct hub_link *link)
{
    list_remove(&link->active);
    const enum status status =
        storage_activity_update(link->hub->storage, link->id, link->last_activity_us);
    if (status != STATUS_OK) {
        (void)hub_fail(link->hub, status, NULL);
    }
}

/* What ends every link's life, whoever ended it. */
static void link_over(struct hub_link *link, const char *why)
{
    struct hub *hub = link->hub;
    hub_methods_link_gone(link);
    hub_c2d_link_gone(link);
    if (!list_empty(&link->active)) {
        flush_one(link);
    }
    const enum status status =
        storage_connection_update(hub->storage, link->id, false, hub_now_us(hub));
    if (status != STATUS_OK) {
        (void)hub_fail(hub, status, NULL);
    }
    note_disconnected(link, why);
    buf_finish(&link->model_id);
    mem_free(link);
}

void hub_link_end(struct hub_link *link, enum hub_code code, const char *why)
{
    (void)map_remove(&link->hub->links, id_bytes(&link->id));
    /* First the endpoint: a Will that it publishes stands before "disconnected" in the journal. */
    link->ops->close(link->ctx, code, why);
    link_over(link, why);
}

void hub_link_close(struct hub_link *link, const char *why)
{
    if (link == NULL) {
        return;
    }
    void *known = map_remove(&link->hub->links, id_bytes(&link->id));
    assert(known == link);
    (void)known;
    link_over(link, why);
}

enum hub_code hub_link_open(struct hub *hub, struct identity_key key,
                            const struct hub_principal *principal, const struct hub_link_ops *ops,
                            void *ctx, struct hub_link **ret_link)
{
    struct hub_link *old = hub_link_find(hub, principal->id);
    if (old != NULL) {
        hub_link_end(old, HUB_CONNECTION_CLOSED_ON_NEW_CONNECTION,
                     "the same identity connected again; one connection each");
    }
    struct hub_link *link = link_new(key);
    if (link == NULL) {
        return hub_fail(hub, STATUS_NO_MEMORY, NULL);
    }
    link->hub = hub;
    link->id = principal->id;
    link->principal = *principal;
    link->ops = ops;
    link->ctx = ctx;
    enum status status = map_put(&hub->links, id_bytes(&link->id), link, NULL);
    if (status != STATUS_OK) {
        mem_free(link);
        return hub_fail(hub, status, NULL);
    }
    status = storage_connection_update(hub->storage, link->id, true, hub_now_us(hub));
    if (status != STATUS_OK) {
        (void)map_remove(&hub->links, id_bytes(&link->id));
        mem_free(link);
        return hub_fail(hub, status, NULL);
    }
    note_connected(link);
    hub_link_touch(link);
    *ret_link = link;
    return HUB_OK;
}

void hub_link_touch(struct hub_link *link)
{
    link->last_activity_us = hub_now_us(link->hub);
    if (list_empty(&link->active)) {
        list_append(&link->hub->active_links, &link->active);
    }
}

enum status hub_flush_activity(struct hub *hub)
{
    while (!list_empty(&hub->active_links)) {
        flush_one(LIST_ENTRY(hub->active_links.next, struct hub_link, active));
    }
    return hub->failed ? STATUS_IO : STATUS_OK;
}

void hub_link_show_activity(const struct hub *hub, struct storage_identity *identity)
{
    const struct hub_link *link = hub_link_find(hub, identity->id);
    if (link != NULL && !list_empty(&link->active)) {
        identity->last_activity_us = link->last_activity_us;
    }
}

void hub_link_interests(struct hub_link *link, unsigned interests)
{
    const bool methods_new = (interests & ~link->interests & HUB_INTEREST_METHODS) != 0;
    const bool c2d_new = (interests & ~link->interests & HUB_INTEREST_C2D) != 0;
    link->interests = interests;
    if (methods_new) {
        hub_methods_try(link);
    }
    if (c2d_new) {
        hub_c2d_nudge(link);
    }
}

/* ---- persistent sessions ---- */

static enum hub_code answer(struct hub *hub, enum status status)
{
    return status == STATUS_OK ? HUB_OK : hub_fail(hub, status, NULL);
}

enum hub_code hub_session_load(struct hub_link *link, struct arena *arena, struct str *ret_session)
{
    return answer(link->hub, storage_session_get(link->hub->storage, link->id, arena, ret_session));
}

enum hub_code hub_session_store(struct hub_link *link, struct str session)
{
    return answer(link->hub, storage_session_put(link->hub->storage, link->id, session));
}

enum hub_code hub_session_drop(struct hub_link *link)
{
    return answer(link->hub, storage_session_delete(link->hub->storage, link->id));
}

enum hub_code hub_link_model(struct hub_link *link, struct str model_id)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_READ_ARENA_MAX);
    struct storage_identity *identity = NULL;
    buf_clear(&link->model_id);
    buf_append_str(&link->model_id, model_id);
    if (buf_status(&link->model_id) != STATUS_OK) {
        return hub_fail(link->hub, buf_status(&link->model_id), NULL);
    }
    const enum hub_code code =
        hub_identity_get(link->hub, hub_link_key(link), &arena, &identity, NULL);
    if (code != HUB_OK || str_equal(identity->model_id, model_id)) {
        return code;
    }
    identity->model_id = model_id;
    return answer(link->hub, storage_identity_update(link->hub->storage, identity));
}
