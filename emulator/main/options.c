/* SPDX-License-Identifier: MIT */
#include "main/options.h"

#include "hub/hub.h"

enum { PORT_MAX = 65535, SETTING_MAX = 1000000000, HOUR_S = 3600, TWO_DAYS_S = 172800 };
enum { MQTT_PORT = 8883, HTTPS_PORT = 443, HTTPS_ALT_PORT = 8443 };
enum { AMQP_PORT = 5671, AMQP_PLAIN_PORT = 5672, CONTROL_PORT = 8880 };

/* ---- one reader per kind of value ---- */

static bool read_port(struct options *options, struct option_port *port, const char *value)
{
    (void)options;
    uint64_t number = 0;
    if (!str_to_u64(str_from(value), &number) || number > PORT_MAX) {
        return false;
    }
    *port = (struct option_port){.port = (uint16_t)number, .given = true};
    return true;
}

static bool append_name(struct str *names, size_t *count, const char *value)
{
    if (*count == OPTIONS_NAMES_MAX || value[0] == '\0') {
        return false;
    }
    names[(*count)++] = str_from(value);
    return true;
}

static bool read_sync(struct options *options, const char *value)
{
    options->sync_full = strcmp(value, "full") == 0;
    return options->sync_full || strcmp(value, "normal") == 0;
}

static bool read_random_seed(struct options *options, const char *value)
{
    options->random_seed_given = true;
    return str_to_u64(str_from(value), &options->random_seed);
}

enum setting_type { SETTING_INT64, SETTING_SIZE, SETTING_FLAG };

/* The behaviour that --set changes; ranges are the service's where it has one (service reference,
 * 5). */
static const struct setting {
    const char *name;
    size_t offset; /* in struct hub_settings */
    enum setting_type type;
    uint64_t min, max;
    uint64_t unit; /* what 1 stands for */
} settings[] = {
#define SETTING(name, member, type, min, max, unit)                                                \
    {                                                                                              \
        (name), offsetof(struct hub_settings, member), (type), (min), (max), (unit)                \
    }
    SETTING("token-skew-s", token_skew_s, SETTING_INT64, 0, SETTING_MAX, 1),
    SETTING("token-close-grace-s", token_close_grace_s, SETTING_INT64, 0, SETTING_MAX, 1),
    SETTING("subscriptions-max", subscriptions_max, SETTING_SIZE, 0, SETTING_MAX, 1),
    SETTING("methods-in-flight", methods_in_flight_max, SETTING_SIZE, 0, SETTING_MAX, 1),
    SETTING("query-slice-us", query_slice_us, SETTING_INT64, 0, SETTING_MAX, 1),
    SETTING("journal-max-mb", journal_max_mb, SETTING_SIZE, 0, SETTING_MAX, 1),
    SETTING("events-retention-hours", events_retention_s, SETTING_INT64, 0, SETTING_MAX, HOUR_S),
    SETTING("event-readers-max", event_readers_max, SETTING_SIZE, 0, SETTING_MAX, 1),
    SETTING("c2d-on-first-subscribe", c2d_on_first_subscribe, SETTING_FLAG, 0, 1, 1),
    SETTING("c2d-ttl-s", c2d_ttl_s, SETTING_INT64, 60, TWO_DAYS_S, 1),
    SETTING("c2d-lock-s", c2d_lock_s, SETTING_INT64, 5, 300, 1),
    SETTING("c2d-deliveries-max", c2d_deliveries_max, SETTING_SIZE, 1, 100, 1),
    SETTING("c2d-lock-end-counts", c2d_lock_end_counts, SETTING_FLAG, 0, 1, 1),
    SETTING("feedback-window-ms", feedback_window_ms, SETTING_INT64, 0, 60000, 1),
    SETTING("feedback-ttl-s", feedback_ttl_s, SETTING_INT64, 60, TWO_DAYS_S, 1),
    SETTING("feedback-lock-s", feedback_lock_s, SETTING_INT64, 5, 300, 1),
    SETTING("feedback-deliveries-max", feedback_deliveries_max, SETTING_SIZE, 1, 100, 1),
#undef SETTING
};

static void set_number(struct hub_settings *ret_settings, const struct setting *setting,
                       uint64_t number)
{
    char *at = (char *)ret_settings + setting->offset;
    const int64_t as_int64 = (int64_t)number;
    const size_t as_size = (size_t)number;
    const bool as_flag = number != 0;
    switch (setting->type) {
    case SETTING_INT64:
        memcpy(at, &as_int64, sizeof(as_int64));
        break;
    case SETTING_SIZE:
        memcpy(at, &as_size, sizeof(as_size));
        break;
    case SETTING_FLAG:
        memcpy(at, &as_flag, sizeof(as_flag));
        break;
    }
}

static bool read_setting(struct options *options, const char *value)
{
    struct str name;
    struct str text;
    uint64_t number = 0;
    if (!str_cut(str_from(value), '=', &name, &text) || !str_to_u64(text, &number)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
        if (str_equal(name, str_from(settings[i].name))) {
            if (number < settings[i].min || number > settings[i].max) {
                return false;
            }
            set_number(&options->settings, &settings[i], number * settings[i].unit);
            return true;
        }
    }
    return false;
}

static bool read_partitions(struct options *options, const char *value)
{
    uint64_t number = 0;
    if (!str_to_u64(str_from(value), &number) || number < 1 || number > STORAGE_PARTITIONS_MAX) {
        return false;
    }
    options->partitions = (unsigned)number;
    return true;
}

/* What Azure lets a consumer group be called, more or less: it stands in addresses. */
static bool good_group_name(struct str name)
{
    enum { GROUP_NAME_MAX = 50 };
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] <= ' ' || name.data[i] == '/' || name.data[i] == 0x7f) {
            return false;
        }
    }
    return name.size > 0 && name.size <= GROUP_NAME_MAX;
}

static bool read_groups(struct options *options, const char *value)
{
    struct str rest = str_from(value);
    for (bool more = true; more;) {
        struct str name;
        more = str_cut(rest, ',', &name, &rest);
        name = str_trim(name);
        if (!good_group_name(name) || options->consumer_group_count == OPTIONS_NAMES_MAX) {
            return false;
        }
        options->consumer_groups[options->consumer_group_count++] = name;
    }
    return true;
}

static bool read_fleet_count(struct options *options, const char *value)
{
    return str_to_u64(str_from(value), &options->fleet_count) &&
           options->fleet_count <= HUB_FLEET_MAX;
}

static bool read_ports(struct options *options, const char *name, const char *value,
                       bool *ret_known)
{
    const struct {
        const char *name;
        struct option_port *port;
    } ports[] = {
        {"--mqtt-port", &options->mqtt},
        {"--https-port", &options->https},
        {"--https-alt-port", &options->https_alt},
        {"--amqp-port", &options->amqp},
        {"--amqp-plain-port", &options->amqp_plain},
        {"--control-port", &options->control},
    };
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        if (strcmp(name, ports[i].name) == 0) {
            *ret_known = true;
            return read_port(options, ports[i].port, value);
        }
    }
    *ret_known = false;
    return true;
}

static bool read_texts(struct options *options, const char *name, const char *value,
                       bool *ret_known)
{
    const struct {
        const char *name;
        const char **text;
    } texts[] = {
        {"--data", &options->data},
        {"--home", &options->home},
        {"--seed", &options->seed},
        {"--keys-from", &options->keys_from},
        {"--ready-file", &options->ready_file},
        {"--public-dir", &options->public_dir},
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (strcmp(name, texts[i].name) == 0) {
            *ret_known = true;
            *texts[i].text = value;
            return value[0] != '\0';
        }
    }
    *ret_known = false;
    return true;
}

static bool read_others(struct options *options, const char *name, const char *value,
                        bool *ret_known)
{
    *ret_known = true;
    if (strcmp(name, "--hostname") == 0) {
        return append_name(options->hostnames, &options->hostname_count, value);
    }
    if (strcmp(name, "--listen") == 0) {
        return append_name(options->listens, &options->listen_count, value);
    }
    if (strcmp(name, "--control-listen") == 0) {
        return append_name(options->control_listens, &options->control_listen_count, value);
    }
    if (strcmp(name, "--sync") == 0) {
        return read_sync(options, value);
    }
    if (strcmp(name, "--generate-fleet") == 0) {
        return read_fleet_count(options, value);
    }
    if (strcmp(name, "--fleet-seed") == 0) {
        return str_to_u64(str_from(value), &options->fleet_seed);
    }
    if (strcmp(name, "--random-seed") == 0) {
        return read_random_seed(options, value);
    }
    if (strcmp(name, "--set") == 0) {
        return read_setting(options, value);
    }
    if (strcmp(name, "--events") == 0) {
        return hub_routes_from_text(str_from(value), &options->settings.routes);
    }
    if (strcmp(name, "--partitions") == 0) {
        return read_partitions(options, value);
    }
    if (strcmp(name, "--consumer-groups") == 0) {
        return read_groups(options, value);
    }
    if (strcmp(name, "--log-level") == 0) {
        return log_level_from_text(str_from(value), &options->log_level);
    }
    *ret_known = false;
    return true;
}

static bool read_flag(struct options *options, const char *name)
{
    if (strcmp(name, "--memory") == 0) {
        options->memory = true;
    } else if (strcmp(name, "--rootless") == 0) {
        options->rootless = true;
    } else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        options->action = OPTIONS_HELP;
    } else if (strcmp(name, "--version") == 0) {
        options->action = OPTIONS_VERSION;
    } else if (strcmp(name, "--man") == 0) {
        options->action = OPTIONS_MAN;
    } else if (strcmp(name, "--check-ready") == 0) {
        options->action = OPTIONS_CHECK_READY;
    } else {
        return false;
    }
    return true;
}

static enum status read_value(struct options *options, const char *name, const char *value,
                              struct problem *problem)
{
    bool known = false;
    bool good = true;
    bool (*const readers[])(struct options *, const char *, const char *,
                            bool *) = {read_ports, read_texts, read_others};
    for (size_t i = 0; i < ARRAY_SIZE(readers) && !known; i++) {
        good = readers[i](options, name, value == NULL ? "" : value, &known);
    }
    if (!known) {
        problem_set(problem, PROBLEM_NO_OFFSET, "there is no option '%s'; --help lists them", name);
        return STATUS_INVALID;
    }
    if (value == NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET, "%s needs a value", name);
        return STATUS_INVALID;
    }
    if (!good) {
        problem_set(problem, PROBLEM_NO_OFFSET, "%s cannot be '%s'; --help says what it takes",
                    name, value);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

enum status options_parse(int argc, char **argv, struct options *ret_options,
                          struct problem *problem)
{
    struct options options = {
        .mqtt = {.port = MQTT_PORT},
        .https = {.port = HTTPS_PORT},
        .https_alt = {.port = HTTPS_ALT_PORT},
        .amqp = {.port = AMQP_PORT},
        .amqp_plain = {.port = AMQP_PLAIN_PORT},
        .control = {.port = CONTROL_PORT},
        .fleet_seed = 1,
        .log_level = LOG_LEVEL_INFO,
        .settings = hub_settings_default(),
    };
    for (int i = 1; i < argc; i++) {
        if (read_flag(&options, argv[i])) {
            continue;
        }
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        const enum status status = read_value(&options, argv[i], value, problem);
        if (status != STATUS_OK) {
            return status;
        }
        i++;
    }
    if (options.memory && options.data != NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET, "--memory and --data exclude each other");
        return STATUS_INVALID;
    }
    *ret_options = options;
    return STATUS_OK;
}
