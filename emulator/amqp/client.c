/* SPDX-License-Identifier: MIT */
/*
 * A device or module on a connection: one hub_link for all of its links, from the first to the
 * last, and what the hub says to it handed to the links that listen.
 */
#include "amqp/amqp_internal.h"
#include "base/alloc.h"
#include "base/log.h"

/* ---- what the hub says ---- */

static void desired(void *ctx, uint64_t version, struct str patch)
{
    struct amqp_client *client = ctx;
    for (struct list *at = client->links.next; at != &client->links;) {
        struct amqp_link *link = LIST_ENTRY(at, struct amqp_link, client_link);
        at = at->next;
        if (link->kind->desired != NULL && (link->interests & HUB_INTEREST_DESIRED) != 0) {
            link->kind->desired(link, version, patch);
        }
    }
}

static bool method(void *ctx, uint64_t request_id, struct str name, struct str payload)
{
    struct amqp_client *client = ctx;
    for (struct list *at = client->links.next; at != &client->links;) {
        struct amqp_link *link = LIST_ENTRY(at, struct amqp_link, client_link);
        at = at->next;
        if (link->kind->method != NULL && (link->interests & HUB_INTEREST_METHODS) != 0 &&
            link->kind->method(link, request_id, name, payload)) {
            return true;
        }
    }
    return false;
}

static void c2d(void *ctx)
{
    struct amqp_client *client = ctx;
    for (struct list *at = client->links.next; at != &client->links;) {
        struct amqp_link *link = LIST_ENTRY(at, struct amqp_link, client_link);
        at = at->next;
        if (link->kind->c2d != NULL && (link->interests & HUB_INTEREST_C2D) != 0) {
            link->kind->c2d(link);
        }
    }
}

/* The connection stays: others may be on it (device protocol reference, 9.4). */
static void close_links(void *ctx, enum hub_code code, const char *why)
{
    struct amqp_client *client = ctx;
    client->hub_link = NULL;
    bool last = list_empty(&client->links);
    while (!last) {
        struct amqp_link *link = LIST_ENTRY(client->links.next, struct amqp_link, client_link);
        last = link->client_link.next == &client->links; /* the client goes with it */
        amqp_link_refuse(link, code, why);
    }
}

static const struct hub_link_ops link_ops = {
    .protocol = "amqp",
    .desired = desired,
    .method = method,
    .c2d = c2d,
    .close = close_links,
};

/* ---- its life ---- */

/* One block: the client, then "device/module". */
static struct amqp_client *client_new(struct amqp_conn *conn, struct identity_key key)
{
    const size_t name_size = key.device.size + 1 + key.module.size;
    struct amqp_client *client = mem_zalloc(sizeof(*client) + name_size);
    if (client == NULL) {
        return NULL;
    }
    char *name = (char *)(client + 1);
    memcpy(name, key.device.data, key.device.size);
    name[key.device.size] = '/';
    if (key.module.size > 0) {
        memcpy(name + key.device.size + 1, key.module.data, key.module.size);
    }
    client->conn = conn;
    client->name = str_of(name, name_size);
    client->key.device = str_of(name, key.device.size);
    client->key.module = str_of(name + key.device.size + 1, key.module.size);
    list_init(&client->links);
    return client;
}

static struct amqp_client *client_find(const struct amqp_conn *conn, struct identity_key key)
{
    char name[260]; /* ids have at most 128 characters: hub_authenticate() saw to it */
    if (key.device.size + 1 + key.module.size > sizeof(name)) {
        return NULL;
    }
    memcpy(name, key.device.data, key.device.size);
    name[key.device.size] = '/';
    if (key.module.size > 0) {
        memcpy(name + key.device.size + 1, key.module.data, key.module.size);
    }
    return map_get(&conn->clients, str_of(name, key.device.size + 1 + key.module.size));
}

enum hub_code amqp_client_get(struct amqp_conn *conn, struct identity_key key,
                              const struct hub_principal *principal,
                              struct amqp_client **ret_client)
{
    struct amqp_client *client = client_find(conn, key);
    if (client != NULL) {
        *ret_client = client;
        return HUB_OK;
    }
    client = client_new(conn, key);
    if (client == NULL) {
        return HUB_SERVER_ERROR;
    }
    client->principal = *principal;
    if (map_put(&conn->clients, client->name, client, NULL) != STATUS_OK) {
        mem_free(client);
        return HUB_SERVER_ERROR;
    }
    const enum hub_code code =
        hub_link_open(conn->hub, client->key, principal, &link_ops, client, &client->hub_link);
    if (code != HUB_OK) {
        (void)map_remove(&conn->clients, client->name);
        mem_free(client);
        return code;
    }
    LOG_INFO("amqp", "conn=%llu device=%.*s module=%.*s attached auth=%s",
             (unsigned long long)net_conn_id(conn->net), STR_ARG(client->key.device),
             STR_ARG(client->key.module), hub_auth_method_name(principal->method));
    *ret_client = client;
    return HUB_OK;
}

void amqp_client_add(struct amqp_client *client, struct amqp_link *link)
{
    link->client = client;
    list_append(&client->links, &link->client_link);
}

void amqp_client_remove(struct amqp_client *client, struct amqp_link *link, const char *why)
{
    list_remove(&link->client_link);
    link->client = NULL;
    if (!list_empty(&client->links)) {
        amqp_client_update_interests(client);
        return;
    }
    (void)map_remove(&client->conn->clients, client->name);
    hub_link_close(client->hub_link, why);
    mem_free(client);
}

void amqp_client_update_interests(struct amqp_client *client)
{
    unsigned interests = 0;
    for (struct list *at = client->links.next; at != &client->links; at = at->next) {
        interests |= LIST_ENTRY(at, struct amqp_link, client_link)->interests;
    }
    if (client->hub_link != NULL && interests != client->interests) {
        client->interests = interests;
        hub_link_interests(client->hub_link, interests);
    }
}
