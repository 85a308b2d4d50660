/* SPDX-License-Identifier: MIT */
/*
 * The life of a link: whose address it names, who may attach it, and its end. Links are known by
 * Proton's object, so the same name may occur in every session of a connection (device protocol
 * reference, 9.4).
 */
#include <assert.h>
#include <inttypes.h>

#include "amqp/amqp_internal.h"
#include "amqp/conditions.h"
#include "amqp/incoming.h"
#include "amqp/limits.h"
#include "base/alloc.h"
#include "base/log.h"

struct hub *amqp_link_hub(const struct amqp_link *link)
{
    return link->conn->hub;
}

struct str amqp_link_name(const struct amqp_link *link)
{
    return str_from(pn_link_name(link->engine));
}

/* ---- what an attach says ---- */

/* Stands the properties' cursor on the value of a key; false: it is not there. */
static bool find_property(const struct amqp_link *link, const char *name, pn_data_t **ret_data)
{
    pn_data_t *data = pn_link_remote_properties(link->engine);
    if (data == NULL) {
        return false;
    }
    pn_data_rewind(data);
    if (!pn_data_next(data) || pn_data_type(data) != PN_MAP || !pn_data_enter(data)) {
        return false;
    }
    *ret_data = data;
    return pn_data_lookup(data, name) || false;
}

bool amqp_link_property(const struct amqp_link *link, const char *name, struct str *ret_value)
{
    pn_data_t *data = NULL;
    if (!find_property(link, name, &data) ||
        (pn_data_type(data) != PN_STRING && pn_data_type(data) != PN_SYMBOL)) {
        return false;
    }
    const pn_bytes_t bytes = pn_data_get_bytes(data);
    *ret_value = str_of(bytes.start, bytes.size);
    return true;
}

bool amqp_link_property_long(const struct amqp_link *link, const char *name, int64_t *ret_value)
{
    pn_data_t *data = NULL;
    if (!find_property(link, name, &data)) {
        return false;
    }
    switch ((int)pn_data_type(data)) {
    case PN_LONG:
        *ret_value = pn_data_get_long(data);
        return true;
    case PN_INT:
        *ret_value = pn_data_get_int(data);
        return true;
    case PN_UINT:
        *ret_value = pn_data_get_uint(data);
        return true;
    case PN_ULONG:
        if (pn_data_get_ulong(data) > INT64_MAX) {
            return false;
        }
        *ret_value = (int64_t)pn_data_get_ulong(data);
        return true;
    default:
        return false;
    }
}

/* ---- who may ---- */

static enum hub_code check_right(struct amqp_link *link, struct str address,
                                 struct hub_principal *principal, struct problem *problem)
{
    const struct identity_key key = {.device = link->address.device,
                                     .module = link->address.module};
    switch (link->kind->right) {
    case AMQP_FREE:
        return HUB_OK;
    case AMQP_AS_DEVICE:
        return amqp_grant_device(link->conn, key, principal, &link->grant, problem);
    case AMQP_SERVICE_CONNECT:
        return amqp_grant_service(link->conn, address, &link->grant, problem);
    case AMQP_READ_EVENTS:
        return amqp_grant_service(link->conn, (struct str){0}, &link->grant, problem);
    }
    return HUB_UNAUTHORIZED_ACCESS;
}

/* The resource of an address as tokens name it: with a slash before it and fixed parts as the kind
 * writes them. */
static struct str resource_of(const struct amqp_link_kind *kind, struct buf *out)
{
    buf_clear(out);
    buf_append_byte(out, '/');
    buf_append_str(out, str_from(kind->pattern));
    return buf_str(out);
}

/* ---- attaching ---- */

/* The kind that an address means in this direction; NULL, with the words for why not. */
static const struct amqp_link_kind *kind_of(struct str address, enum amqp_direction direction,
                                            char *store, struct amqp_address *ret_address,
                                            enum hub_code *ret_code)
{
    *ret_code = HUB_AMQP_ADDRESS_NOT_FOUND;
    for (size_t i = 0; amqp_link_kinds[i] != NULL; i++) {
        const struct amqp_link_kind *kind = amqp_link_kinds[i];
        if (!amqp_address_match(kind->pattern, address, store, ret_address)) {
            continue;
        }
        if (kind->direction == direction) {
            return kind;
        }
        *ret_code = HUB_INVALID_OPERATION;
    }
    return NULL;
}

static pn_terminus_t *remote_terminus(pn_link_t *engine)
{
    return pn_link_is_receiver(engine) ? pn_link_remote_target(engine)
                                       : pn_link_remote_source(engine);
}

/* Answers with what was asked for: SDKs take anything else for a refusal. */
static void accept(struct amqp_link *link)
{
    pn_link_t *engine = link->engine;
    pn_terminus_copy(pn_link_source(engine), pn_link_remote_source(engine));
    pn_terminus_copy(pn_link_target(engine), pn_link_remote_target(engine));
    pn_link_set_snd_settle_mode(engine, pn_link_remote_snd_settle_mode(engine));
    pn_link_set_rcv_settle_mode(engine, pn_link_remote_rcv_settle_mode(engine));
    if (link->kind->max_message_shown != 0) {
        pn_link_set_max_message_size(engine, link->kind->max_message_shown);
    }
    pn_link_open(engine);
    amqp_incoming_supply(link);
}

/* attach without a terminus, then detach with the reason (AMQP 1.0, 2.6.3). */
static void refuse(struct amqp_conn *conn, pn_link_t *engine, enum hub_code code, const char *why)
{
    pn_terminus_set_type(pn_link_source(engine), PN_UNSPECIFIED);
    pn_terminus_set_type(pn_link_target(engine), PN_UNSPECIFIED);
    pn_link_open(engine);
    amqp_condition_set(pn_link_condition(engine), conn->hub, code, why, &conn->endpoint->text);
    pn_link_close(engine);
    conn->links_ended++;
    amqp_conn_touch(conn);
}

/* One block: the link, its kind's state, its address. */
static struct amqp_link *link_new(struct amqp_conn *conn, pn_link_t *engine,
                                  const struct amqp_link_kind *kind, size_t store_size,
                                  char **ret_store)
{
    const size_t unit = sizeof(max_align_t);
    const size_t state_at = (sizeof(struct amqp_link) + unit - 1) / unit * unit;
    char *block = mem_zalloc(state_at + kind->state_size + store_size);
    if (block == NULL) {
        return NULL;
    }
    struct amqp_link *link = (struct amqp_link *)(void *)block;
    link->kind = kind;
    link->conn = conn;
    link->engine = engine;
    link->state = block + state_at;
    list_init(&link->conn_link);
    list_init(&link->client_link);
    list_init(&link->grant_link);
    list_init(&link->waiting);
    *ret_store = block + state_at + kind->state_size;
    return link;
}

static enum hub_code attach_as(struct amqp_link *link, struct problem *problem)
{
    struct hub_principal principal = {0};
    CLEANUP(buf_finish) struct buf resource = BUF_INIT(AMQP_ADDRESS_SIZE_MAX);
    enum hub_code code = check_right(link, resource_of(link->kind, &resource), &principal, problem);
    if (code != HUB_OK || link->kind->right != AMQP_AS_DEVICE) {
        return code;
    }
    const struct identity_key key = {.device = link->address.device,
                                     .module = link->address.module};
    struct amqp_client *client = NULL;
    code = amqp_client_get(link->conn, key, &principal, &client);
    if (code == HUB_OK) {
        amqp_client_add(client, link);
    } else {
        problem_set(problem, PROBLEM_NO_OFFSET, "the hub could not open the connection's session");
    }
    return code;
}

static void attach(struct amqp_link *link)
{
    struct amqp_conn *conn = link->conn;
    struct problem problem = {.text = ""};
    enum hub_code code = attach_as(link, &problem);
    list_append(&conn->links, &link->conn_link);
    conn->link_count++;
    if (link->grant != NULL) {
        list_append(&link->grant->links, &link->grant_link);
    }
    if (code == HUB_OK) {
        pn_link_set_context(link->engine, link);
        /* Before attach(), so that a kind that redirects detaches a link that is there. */
        accept(link);
        code = link->kind->attach == NULL ? HUB_OK : link->kind->attach(link, &problem);
    }
    if (code != HUB_OK) {
        const struct identity_key key = {.device = link->address.device,
                                         .module = link->address.module};
        amqp_conn_note_refused(conn, key, code, problem.text);
        amqp_link_settle_all(link);
        pn_link_set_context(link->engine, NULL);
        refuse(conn, link->engine, code, problem.text);
        link->kind = NULL; /* detached() is not for who never was attached */
        amqp_link_over(link);
    }
}

/* What would go too far before anything is looked at. */
static bool too_many(struct amqp_conn *conn, pn_link_t *engine)
{
    if (conn->links_ended >= AMQP_LINKS_ENDED_MAX) {
        amqp_engine_refuse(conn, HUB_MAX_CBS_TOKEN_EXCEEDED,
                           "too many links were refused that the client has not let go of");
        return true;
    }
    const size_t links_max = conn->had_grant ? AMQP_LINKS_MAX : AMQP_LINKS_BEFORE_TOKEN_MAX;
    if (conn->link_count >= links_max) {
        struct problem why;
        problem_set(&why, PROBLEM_NO_OFFSET, "the connection has %zu links; no more are allowed%s",
                    conn->link_count, conn->had_grant ? "" : " before a token has come");
        amqp_conn_note_refused(conn, amqp_nobody, HUB_MAX_CBS_TOKEN_EXCEEDED, why.text);
        refuse(conn, engine, HUB_MAX_CBS_TOKEN_EXCEEDED, why.text);
        return true;
    }
    return false;
}

static void refuse_address(struct amqp_conn *conn, pn_link_t *engine, enum hub_code code,
                           struct str address)
{
    struct problem why;
    const struct str shown = address.size > 256 ? str_of(address.data, 256) : address;
    if (code == HUB_INVALID_OPERATION) {
        problem_set(&why, PROBLEM_NO_OFFSET, "'%.*s' cannot be attached as a %s", STR_ARG(shown),
                    pn_link_is_receiver(engine) ? "sender: it is received from"
                                                : "receiver: it is sent to");
    } else {
        problem_set(&why, PROBLEM_NO_OFFSET,
                    "there is no node '%.*s'; devices have /devices/{id}/messages/events and its "
                    "like, services /messages/devicebound",
                    STR_ARG(shown));
    }
    amqp_conn_note_refused(conn, amqp_nobody, code, why.text);
    refuse(conn, engine, code, why.text);
}

void amqp_link_remote_open(struct amqp_conn *conn, pn_link_t *engine)
{
    if (too_many(conn, engine)) {
        return;
    }
    amqp_conn_touch(conn);
    pn_terminus_t *terminus = remote_terminus(engine);
    const char *text = pn_terminus_get_address(terminus);
    const struct str address = text == NULL || pn_terminus_is_dynamic(terminus) ||
                                       pn_terminus_get_type(terminus) == PN_COORDINATOR
                                   ? STR_EMPTY
                                   : str_from(text);
    const enum amqp_direction direction =
        pn_link_is_receiver(engine) ? AMQP_FROM_PEER : AMQP_TO_PEER;
    char scratch[AMQP_ADDRESS_SIZE_MAX];
    struct amqp_address parsed;
    enum hub_code code = HUB_AMQP_ADDRESS_NOT_FOUND;
    const struct amqp_link_kind *kind = address.size > sizeof(scratch)
                                            ? NULL
                                            : kind_of(address, direction, scratch, &parsed, &code);
    if (kind == NULL) {
        refuse_address(conn, engine, code, address);
        return;
    }
    char *store = NULL;
    struct amqp_link *link = link_new(conn, engine, kind, address.size, &store);
    if (link == NULL) {
        refuse(conn, engine, HUB_SERVER_ERROR, "out of memory");
        return;
    }
    (void)amqp_address_match(kind->pattern, address, store, &link->address);
    if (!amqp_incoming_bind(link)) {
        refuse(conn, engine, HUB_SERVER_ERROR, "out of memory");
        mem_free(link);
        return;
    }
    attach(link);
}

/* ---- the end ---- */

void amqp_link_over(struct amqp_link *link)
{
    struct amqp_conn *conn = link->conn;
    if (link->kind != NULL && link->kind->detached != NULL) {
        link->kind->detached(link);
    }
    link->over = true;
    conn->link_count--;
    amqp_incoming_over(link);
    list_remove(&link->grant_link);
    list_remove(&link->conn_link);
    if (link->client != NULL) {
        amqp_client_remove(link->client, link,
                           conn->why[0] != '\0' ? conn->why : "its last link was detached");
    }
    /* Its callers may still be looking at it. */
    list_append(&conn->endpoint->ended, &link->conn_link);
}

void amqp_links_free_ended(struct amqp_endpoint *endpoint)
{
    while (!list_empty(&endpoint->ended)) {
        struct amqp_link *link = LIST_ENTRY(endpoint->ended.next, struct amqp_link, conn_link);
        list_remove(&link->conn_link);
        mem_free(link);
    }
}

void amqp_link_remote_gone(struct amqp_conn *conn, pn_link_t *engine, bool closed)
{
    struct amqp_link *link = pn_link_get_context(engine);
    if (link != NULL) {
        amqp_link_settle_all(link);
        pn_link_set_context(engine, NULL);
        amqp_link_over(link);
    } else if (conn->links_ended > 0) {
        conn->links_ended--;
    }
    if (closed) {
        pn_link_close(engine);
    } else {
        pn_link_detach(engine);
    }
    pn_link_free(engine);
    amqp_conn_touch(conn);
}

/* Ours is gone; Proton's stays until the peer has said detach too. */
static void end_locally(struct amqp_link *link)
{
    amqp_link_settle_all(link);
    amqp_engine_say(link->conn); /* outcomes of its messages, before they are nobody's */
    pn_link_set_context(link->engine, NULL);
    pn_link_close(link->engine);
    link->conn->links_ended++;
    amqp_conn_touch(link->conn);
    amqp_link_over(link);
}

void amqp_link_detach(struct amqp_link *link, const struct amqp_error *error)
{
    if (link->over) {
        return;
    }
    if (error != NULL) {
        pn_condition_t *condition = pn_link_condition(link->engine);
        pn_condition_set_name(condition, error->condition);
        pn_condition_set_description(condition, error->description);
        if (error->info != NULL) {
            pn_data_t *info = pn_condition_info(condition);
            pn_data_put_map(info);
            pn_data_enter(info);
            error->info(error->ctx, info);
            pn_data_exit(info);
        }
    }
    end_locally(link);
}

void amqp_link_refuse(struct amqp_link *link, enum hub_code code, const char *why)
{
    if (link->over) {
        return;
    }
    const struct identity_key key = {.device = link->address.device,
                                     .module = link->address.module};
    amqp_conn_note_refused(link->conn, key, code, why);
    amqp_condition_set(pn_link_condition(link->engine), link->conn->hub, code, why,
                       &link->conn->endpoint->text);
    end_locally(link);
}

/* ---- pairs ---- */

struct amqp_link *amqp_link_other(const struct amqp_link *link, const struct amqp_link_kind *other)
{
    const struct amqp_conn *conn = link->conn;
    struct amqp_link *elsewhere = NULL;
    for (struct list *at = conn->links.previous; at != &conn->links; at = at->previous) {
        struct amqp_link *candidate = LIST_ENTRY(at, struct amqp_link, conn_link);
        if (candidate->kind != other || candidate->client != link->client) {
            continue;
        }
        if (pn_link_session(candidate->engine) == pn_link_session(link->engine)) {
            return candidate;
        }
        if (elsewhere == NULL) {
            elsewhere = candidate;
        }
    }
    return elsewhere;
}

void amqp_link_interests(struct amqp_link *link, unsigned interests)
{
    link->interests = interests;
    if (link->client != NULL) {
        amqp_client_update_interests(link->client);
    }
}
