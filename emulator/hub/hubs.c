/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "base/alloc.h"
#include "base/log.h"
#include "hub/hub_internal.h"

enum { HUBS_MAX = 64, SKEW_S = 300, CLOSE_GRACE_S = 600, METHODS_IN_FLIGHT = 100 };
enum { QUERY_SLICE_US = 500, JOURNAL_MB = 1024 };
enum { EVENTS_RETENTION_S = 24 * 3600, EVENT_READERS = 5 };
enum { C2D_TTL_S = 3600, C2D_LOCK_S = 60, C2D_DELIVERIES = 10, FEEDBACK_WINDOW_MS = 1000 };

struct hubs {
    struct hub *hubs[HUBS_MAX]; /* owned; the first answers to every loopback name */
    size_t count;
};

struct hub_settings hub_settings_default(void)
{
    return (struct hub_settings){
        .token_skew_s = SKEW_S,
        .token_close_grace_s = CLOSE_GRACE_S,
        .methods_in_flight_max = METHODS_IN_FLIGHT,
        .query_slice_us = QUERY_SLICE_US,
        .journal_max_mb = JOURNAL_MB,
        .routes = HUB_ROUTE_TELEMETRY,
        .events_retention_s = EVENTS_RETENTION_S,
        .event_readers_max = EVENT_READERS,
        .c2d_ttl_s = C2D_TTL_S,
        .c2d_lock_s = C2D_LOCK_S,
        .c2d_deliveries_max = C2D_DELIVERIES,
        .c2d_on_first_subscribe = true,
        .feedback_window_ms = FEEDBACK_WINDOW_MS,
        .feedback_ttl_s = C2D_TTL_S,
        .feedback_lock_s = C2D_LOCK_S,
        .feedback_deliveries_max = C2D_DELIVERIES,
    };
}

enum status hubs_create(struct hubs **ret_hubs)
{
    struct hubs *hubs = mem_zalloc(sizeof(*hubs));
    if (hubs == NULL) {
        return STATUS_NO_MEMORY;
    }
    *ret_hubs = hubs;
    return STATUS_OK;
}

static void str_destroy(struct str *owned)
{
    char *data = NULL;
    memcpy(&data, &owned->data,
           sizeof(data)); /* the bytes are ours; struct str is const for users */
    mem_free(data);
    *owned = (struct str){0};
}

static bool str_duplicate(struct str s, struct str *ret_copy)
{
    char *data = mem_alloc(s.size + 1);
    if (data == NULL) {
        return false;
    }
    if (s.size > 0) {
        memcpy(data, s.data, s.size);
    }
    data[s.size] = '\0';
    *ret_copy = str_of(data, s.size);
    return true;
}

static void names_destroy(struct str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        str_destroy(&names[i]);
    }
    mem_free(names);
}

static void hub_destroy(struct hub *hub)
{
    if (hub == NULL) {
        return;
    }
    if (hub->storage != NULL) {
        hub_readers_end_all(hub, "the hub is stopping");
        hub_query_jobs_end_all(hub, HUB_SERVICE_UNAVAILABLE, "the hub is stopping");
        hub_methods_end_all(hub, HUB_SERVICE_UNAVAILABLE, "the hub is stopping");
        for (size_t at = 0;;) {
            struct hub_link *link = map_next(&hub->links, &at);
            if (link == NULL) {
                break;
            }
            hub_link_end(link, HUB_SERVICE_UNAVAILABLE, "the hub is stopping");
            at = 0;
        }
    }
    hub_calls_finish(hub);
    map_finish(&hub->links);
    map_finish(&hub->held);
    timers_finish(&hub->timers);
    buf_finish(&hub->scratch);
    names_destroy(hub->hosts, hub->host_count);
    names_destroy(hub->groups, hub->group_count);
    str_destroy(&hub->name);
    str_destroy(&hub->seed);
    mem_free(hub);
}

void hubs_destroy(struct hubs *hubs)
{
    if (hubs == NULL) {
        return;
    }
    for (size_t i = 0; i < hubs->count; i++) {
        hub_destroy(hubs->hubs[i]);
    }
    mem_free(hubs);
}

/* False: no memory; what was taken goes with the hub. */
static bool take_names(struct hub *hub, const struct hub_config *config)
{
    hub->hosts = mem_zalloc(sizeof(struct str) * (config->host_count + 1));
    hub->groups = mem_zalloc(sizeof(struct str) * (config->consumer_group_count + 1));
    if (hub->hosts == NULL || hub->groups == NULL) {
        return false;
    }
    for (; hub->host_count < config->host_count; hub->host_count++) {
        if (!str_duplicate(hub_host_bare(config->hosts[hub->host_count]),
                           &hub->hosts[hub->host_count])) {
            return false;
        }
    }
    for (; hub->group_count < config->consumer_group_count; hub->group_count++) {
        if (!str_duplicate(config->consumer_groups[hub->group_count],
                           &hub->groups[hub->group_count])) {
            return false;
        }
    }
    return true;
}

static struct hub *hub_new(struct hubs *hubs, const struct hub_config *config)
{
    struct hub *hub = mem_zalloc(sizeof(*hub));
    if (hub == NULL) {
        return NULL;
    }
    hub->hubs = hubs;
    hub->random = config->random;
    hub->clock = config->clock;
    hub->settings = config->settings;
    hub->query_us_left = hub->settings.query_slice_us;
    memcpy(hub->policies, config->policies, sizeof(hub->policies));
    map_init(&hub->links);
    map_init(&hub->calls);
    map_init(&hub->held);
    timers_init(&hub->timers);
    list_init(&hub->active_links);
    list_init(&hub->waiting_calls);
    list_init(&hub->query_jobs);
    list_init(&hub->watchers);
    list_init(&hub->readers);
    list_init(&hub->feedback_watchers);
    hub->c2d_due_us = INT64_MAX;
    buf_init(&hub->scratch, HUB_SCRATCH_MAX);
    if (!str_duplicate(config->name, &hub->name) || !take_names(hub, config)) {
        hub_destroy(hub);
        return NULL;
    }
    return hub;
}

enum status hubs_add(struct hubs *hubs, const struct hub_config *config, struct hub **ret_hub)
{
    assert(config->name.size > 0 && config->storage != NULL);
    if (hubs->count == HUBS_MAX) {
        return STATUS_LIMIT;
    }
    struct hub *hub = hub_new(hubs, config);
    if (hub == NULL) {
        return STATUS_NO_MEMORY;
    }
    hub->storage = config->storage;
    enum status status = storage_connections_clear(hub->storage, hub_now_us(hub));
    if (status == STATUS_OK) {
        status = hub_c2d_start(hub);
    }
    if (status != STATUS_OK) {
        hub_destroy(hub);
        return status;
    }
    hub->started_us = hub_now_us(hub);
    hub_event(hub, HUB_EVENT_HUB, (struct identity_key){0}, STR("{\"what\":\"started\"}"),
              (struct str){0});
    hubs->hubs[hubs->count++] = hub;
    *ret_hub = hub;
    return STATUS_OK;
}

struct hub *hubs_named(struct hubs *hubs, struct str name)
{
    for (size_t i = 0; i < hubs->count; i++) {
        if (str_equal_nocase(hubs->hubs[i]->name, name)) {
            return hubs->hubs[i];
        }
    }
    return NULL;
}

struct hub *hubs_find(struct hubs *hubs, struct str host, struct problem *problem)
{
    const struct str bare = hub_host_bare(host);
    struct str label;
    struct str rest;
    (void)str_cut(bare, '.', &label, &rest);
    if (str_equal_nocase(rest, STR("localhost"))) {
        struct hub *hub = hubs_named(hubs, label);
        if (hub != NULL) {
            return hub;
        }
    }
    for (size_t i = 0; i < hubs->count; i++) {
        if (hub_answers_to(hubs->hubs[i], host)) {
            return hubs->hubs[i];
        }
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "no hub here is called '%.*s'; use localhost or *.localhost, or start the emulator "
                "with --hostname %.*s",
                STR_ARG(bare), STR_ARG(bare));
    return NULL;
}

int64_t hubs_sleep_us(struct hubs *hubs)
{
    int64_t sleep_us = INT64_MAX;
    for (size_t i = 0; i < hubs->count; i++) {
        const struct hub *hub = hubs->hubs[i];
        if (!list_empty(&hub->query_jobs)) {
            return 0;
        }
        const int64_t next_us = timers_next_us(&hub->timers);
        if (next_us == INT64_MAX) {
            continue;
        }
        const int64_t left_us = next_us - hub_now_us(hub);
        if (left_us <= 0) {
            return 0;
        }
        if (!hub->clock.frozen && left_us < sleep_us) {
            sleep_us = left_us;
        }
    }
    return sleep_us;
}

void hubs_wake(struct hubs *hubs)
{
    for (size_t i = 0; i < hubs->count; i++) {
        timers_fire(&hubs->hubs[i]->timers, hub_now_us(hubs->hubs[i]));
        hub_query_jobs_run(hubs->hubs[i]);
    }
}

/* The database knows more than a status tells. */
static const char *failure_text(const struct hub *hub, enum status status)
{
    const char *said = storage_last_failure(hub->storage);
    const bool of_database = status == STATUS_IO || status == STATUS_CORRUPT;
    return of_database && said[0] != '\0' ? said : status_text(status);
}

bool hub_commit(struct hub *hub)
{
    hub->query_us_left = hub->settings.query_slice_us;
    if (!hub->failed && !storage_dirty(hub->storage)) {
        return true;
    }
    const enum status status = hub->failed ? STATUS_IO : storage_commit(hub->storage);
    if (status != STATUS_OK) {
        /* What failed before the commit was logged when it did. */
        LOG_ERROR("hub", "hub=%.*s undoing the tick: %s%s", STR_ARG(hub->name),
                  hub->failed ? "an operation in it failed" : "could not commit: ",
                  hub->failed ? "" : failure_text(hub, status));
        storage_rollback(hub->storage);
        hub->failed = false;
        hub->journal_grew = false;
        hub_c2d_undone(hub);
        return false;
    }
    hub->figures.commits++;
    hub_journal_announce(hub);
    return true;
}

bool hubs_commit(struct hubs *hubs)
{
    bool all = true;
    for (size_t i = 0; i < hubs->count; i++) {
        all = hub_commit(hubs->hubs[i]) && all;
    }
    return all;
}

void hub_note_failure(struct hub *hub, enum status status, struct problem *problem)
{
    assert(status != STATUS_OK);
    const char *why = failure_text(hub, status);
    LOG_ERROR("hub", "hub=%.*s %s", STR_ARG(hub->name), why);
    problem_set(problem, PROBLEM_NO_OFFSET, "the emulator itself failed: %s", why);
    hub->failed = true;
}

struct str hub_name(const struct hub *hub)
{
    return hub->name;
}

struct str hub_host(const struct hub *hub)
{
    return hub->host_count > 0 ? hub->hosts[0] : STR("localhost");
}

int64_t hub_now_us(const struct hub *hub)
{
    return clock_now_us(&hub->clock);
}

const struct hub_settings *hub_settings(const struct hub *hub)
{
    return &hub->settings;
}

const struct hub_policy *hub_policies(const struct hub *hub)
{
    return hub->policies;
}

struct random *hub_random(struct hub *hub)
{
    return &hub->random;
}

void hub_timer_start(struct hub *hub, struct timer *timer, int64_t in_us)
{
    if (timers_start(&hub->timers, timer, hub_now_us(hub) + in_us) != STATUS_OK) {
        LOG_ERROR("hub", "hub=%.*s a timer does not run: out of memory", STR_ARG(hub->name));
    }
}

void hub_timer_stop(struct hub *hub, struct timer *timer)
{
    timers_stop(&hub->timers, timer);
}

void hub_figures(const struct hub *hub, struct hub_figures *ret_figures)
{
    *ret_figures = hub->figures;
    ret_figures->links = hub->links.count;
    ret_figures->journal_last = storage_journal_last(hub->storage);
}

/* Puts back what the hub was started with. */
static enum hub_code apply_start(struct hub *hub)
{
    enum hub_code code = hub->failed ? HUB_SERVER_ERROR : HUB_OK;
    if (code == HUB_OK && hub->seed.data != NULL) {
        struct str seed = hub->seed;
        hub->seed = (struct str){0};
        code = hub_seed(hub, seed, NULL);
        str_destroy(&seed);
    }
    if (code == HUB_OK && hub->fleet_count > 0) {
        code = hub_fleet(hub, hub->fleet_count, hub->fleet_seed, NULL);
    }
    return code;
}

enum hub_code hub_reset(struct hub *hub)
{
    hub_query_jobs_end_all(hub, HUB_SERVICE_UNAVAILABLE, "the hub was reset");
    hub_methods_end_all(hub, HUB_SERVICE_UNAVAILABLE, "the hub was reset");
    for (size_t at = 0;;) {
        struct hub_link *link = map_next(&hub->links, &at);
        if (link == NULL) {
            break;
        }
        hub_link_end(link, HUB_SERVICE_UNAVAILABLE, "the hub was reset");
        at = 0;
    }
    const enum status status = storage_clear(hub->storage);
    if (status != STATUS_OK) {
        return hub_fail(hub, status, NULL);
    }
    hub_event(hub, HUB_EVENT_HUB, (struct identity_key){0}, STR("{\"what\":\"reset\"}"),
              (struct str){0});
    return apply_start(hub);
}
