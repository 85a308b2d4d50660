/* SPDX-License-Identifier: MIT */
#include "clients/messaging/place_internal.h"

#include "base/connection_string.h"

/* A pair of an event hub's connection string, by name in any case; {NULL} when it is not there. */
static struct str pair_of(struct str text, struct str wanted)
{
    while (text.size > 0) {
        struct str pair;
        struct str name;
        struct str value;
        (void)str_cut(text, ';', &pair, &text);
        if (str_cut(pair, '=', &name, &value) && str_equal_nocase(str_trim(name), wanted)) {
            return str_trim(value);
        }
    }
    return (struct str){0};
}

static enum status too_long(const char *what, struct problem *problem)
{
    problem_set(problem, PROBLEM_NO_OFFSET, "%s in the connection string is too long", what);
    return STATUS_INVALID;
}

static bool keep(char *out, size_t size, struct str text)
{
    if (text.size >= size) {
        return false;
    }
    if (text.size > 0) {
        memcpy(out, text.data, text.size);
    }
    out[text.size] = '\0';
    return true;
}

static enum status keep_credentials(struct place *place, struct str policy, struct str key,
                                    struct str signature, struct problem *problem)
{
    if (signature.size == 0 && (policy.size == 0 || key.size == 0)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the connection string has no %s: it must be that of a policy, with "
                    "SharedAccessKeyName and SharedAccessKey",
                    policy.size == 0 ? "SharedAccessKeyName" : "SharedAccessKey");
        return STATUS_INVALID;
    }
    if (!keep(place->policy, sizeof(place->policy), policy) ||
        !keep(place->key, sizeof(place->key), key) ||
        !keep(place->signature, sizeof(place->signature), signature)) {
        return too_long("the policy, key or signature", problem);
    }
    return STATUS_OK;
}

/* ---- An IoT hub ---- */

static enum status parse_hub(struct str text, uint16_t port, struct place *place,
                             struct problem *problem)
{
    struct connection_string parts;
    enum status status = connection_string_parse(text, &parts, problem);
    if (status != STATUS_OK) {
        return status;
    }
    if (parts.device_id.size > 0) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "this is the connection string of device \"%.*s\"; a back end needs that of a "
                    "policy, with SharedAccessKeyName",
                    STR_ARG(parts.device_id));
        return STATUS_INVALID;
    }
    status = endpoint_parse(parts.host_name, port, &place->endpoint, problem);
    if (status != STATUS_OK) {
        return status;
    }
    place->endpoint.port = port; /* what stands in HostName is HTTPS's */
    place->tls = true;
    return keep_credentials(place, parts.shared_access_key_name, parts.shared_access_key,
                            parts.shared_access_signature, problem);
}

/* ---- An event hub ---- */

/* The rest behind "scheme://", if it is one of those that are used for event hubs. */
static bool cut_scheme(struct str *text)
{
    static const struct str schemes[] = {{"sb://", 5}, {"amqps://", 8}, {"amqp://", 7}};
    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
        if (str_starts_nocase(*text, schemes[i])) {
            *text = str_skip(*text, schemes[i].size);
            return true;
        }
    }
    return false;
}

static enum status parse_event_hub(struct str text, struct str where, struct place *place,
                                   struct problem *problem)
{
    struct str host;
    struct str ignored;
    const struct str entity = pair_of(text, STR("EntityPath"));
    const struct str development = pair_of(text, STR("UseDevelopmentEmulator"));
    place->is_event_hub = true;
    place->tls = !str_equal_nocase(development, STR("true"));
    if (!cut_scheme(&where)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "Endpoint is \"%.*s\", and must be written as in \"sb://HOST/\"",
                    STR_ARG(where));
        return STATUS_INVALID;
    }
    (void)str_cut(where, '/', &host, &ignored);
    const enum status status = endpoint_parse(host, place->tls ? PLACE_PORT_TLS : PLACE_PORT_PLAIN,
                                              &place->endpoint, problem);
    if (status != STATUS_OK) {
        return status;
    }
    if (entity.size == 0) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the connection string has no EntityPath, the event hub's name: without it it "
                    "is that of a whole namespace");
        return STATUS_INVALID;
    }
    if (!keep(place->entity, sizeof(place->entity), entity)) {
        return too_long("EntityPath", problem);
    }
    return keep_credentials(place, pair_of(text, STR("SharedAccessKeyName")),
                            pair_of(text, STR("SharedAccessKey")),
                            pair_of(text, STR("SharedAccessSignature")), problem);
}

enum status place_parse(struct str text, uint16_t port, struct place *ret_place,
                        struct problem *problem)
{
    struct place place = {.tls = true};
    const struct str where = pair_of(text, STR("Endpoint"));
    const enum status status = where.data != NULL ? parse_event_hub(text, where, &place, problem)
                                                  : parse_hub(text, port, &place, problem);
    if (status == STATUS_OK) {
        *ret_place = place;
    }
    return status;
}

static struct str first_segment(struct str path)
{
    struct str segment;
    struct str rest;
    (void)str_cut(path, '/', &segment, &rest);
    return segment;
}

enum status place_redirect(struct place *place, struct str address, struct str host, int64_t port,
                           struct problem *problem)
{
    struct place to = *place;
    struct str there;
    struct str path = address;
    if (!cut_scheme(&path) || !str_cut(path, '/', &there, &path) || first_segment(path).size == 0 ||
        !keep(to.entity, sizeof(to.entity), first_segment(path)) ||
        endpoint_parse(there, PLACE_PORT_TLS, &to.endpoint, NULL) != STATUS_OK ||
        (host.size > 0 &&
         endpoint_parse(host, to.endpoint.port, &to.endpoint, NULL) != STATUS_OK)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the hub sends readers to \"%.*s\", which is no event hub's address",
                    STR_ARG(address));
        return STATUS_INVALID;
    }
    if (port > 0 && port <= UINT16_MAX) {
        to.endpoint.port = (uint16_t)port;
    }
    to.is_event_hub = true;
    *place = to;
    return STATUS_OK;
}

/* ---- As whom ---- */

void place_resource(const struct place *place, struct buf *out)
{
    if (place->is_event_hub) {
        buf_append_format(out, "sb://%s/%s", place->endpoint.host, place->entity);
    } else {
        buf_append_str(out, str_from(place->endpoint.host));
    }
}

enum status place_token(const struct place *place, int64_t expiry_s, struct buf *out,
                        struct problem *problem)
{
    if (place->key[0] == '\0') {
        buf_append_str(out, str_from(place->signature));
        return buf_status(out);
    }
    struct buf resource CLEANUP(buf_finish) = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    place_resource(place, &resource);
    enum status status = buf_status(&resource);
    if (status != STATUS_OK) {
        return status;
    }
    status = place->is_event_hub ? sas_sign_text(out, buf_str(&resource), str_from(place->key),
                                                 str_from(place->policy), expiry_s)
                                 : sas_sign(out, buf_str(&resource), str_from(place->key),
                                            str_from(place->policy), expiry_s);
    if (status == STATUS_INVALID) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the SharedAccessKey is not base64");
    }
    return status;
}

void place_plain_user(const struct place *place, struct buf *out)
{
    struct str hub;
    struct str ignored;
    (void)str_cut(str_from(place->endpoint.host), '.', &hub, &ignored);
    buf_append_format(out, "%s@sas.root.%.*s", place->policy, STR_ARG(hub));
}
