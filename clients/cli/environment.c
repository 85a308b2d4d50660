/* SPDX-License-Identifier: MIT */
#include "clients/cli/environment.h"

#include <assert.h>

#include "base/buf.h"
#include "clients/cli/java_options.h"

enum { VALUE_MAX = 65536, MQTT_PORT = 8883 };

static const struct {
    const char *name;
    unsigned bit;
} sdks_by_name[] = {
    {"python", SDK_PYTHON}, {"node", SDK_NODE}, {"java", SDK_JAVA},           {"c", SDK_C},
    {"dotnet", SDK_DOTNET}, {"az", SDK_AZ},     {"eventhubs", SDK_EVENTHUBS},
};

unsigned environment_sdk_named(const char *name)
{
    for (size_t i = 0; name != NULL && i < ARRAY_SIZE(sdks_by_name); i++) {
        if (strcmp(sdks_by_name[i].name, name) == 0) {
            return sdks_by_name[i].bit;
        }
    }
    return name == NULL ? SDK_ALL : 0;
}

/* ---- the values ---- */

/* True when all that was asked for needs a name with a dot, and the hub is at plain localhost. */
static bool wants_dot(const struct environment_hub *hub, unsigned sdks)
{
    return (sdks & ~(unsigned)SDK_DOTTED) == 0 && str_equal_nocase(hub->host, STR("localhost"));
}

/* "HostName=localhost..." becomes "HostName=hub.localhost..." where that can be dialled: a back end
 * has no other way, and Java's and .NET's take a name without a dot after all. */
static void append_service(struct buf *out, const struct environment_hub *hub, unsigned sdks)
{
    struct str rest = hub->service_string;
    struct str pair = STR_EMPTY;
    const char *separator = "";
    bool more = rest.size > 0;
    while (more) {
        more = str_cut(rest, ';', &pair, &rest);
        buf_append_format(out, "%s", separator);
        separator = ";";
        if (hub->dotted_resolves && wants_dot(hub, sdks) &&
            str_starts_nocase(pair, STR("HostName="))) {
            const struct str port = str_skip(pair, strlen("HostName=localhost"));
            buf_append_format(out, "HostName=" ENVIRONMENT_DOTTED_HOST "%.*s", STR_ARG(port));
        } else {
            buf_append_str(out, pair);
        }
    }
}

static void append_device(struct buf *out, const struct environment_hub *hub, unsigned sdks)
{
    if (hub->device == NULL) {
        return;
    }
    const bool dot = wants_dot(hub, sdks);
    buf_append_str(out, STR("HostName="));
    buf_append_str(out, dot ? STR(ENVIRONMENT_DOTTED_HOST) : hub->host);
    if (!dot && hub->mqtt_port != MQTT_PORT) {
        buf_append_format(out, ":%u", hub->mqtt_port);
    }
    buf_append_format(out, ";DeviceId=%.*s", STR_ARG(hub->device->id));
    if (hub->device->module_id.size > 0) {
        buf_append_format(out, ";ModuleId=%.*s", STR_ARG(hub->device->module_id));
    }
    if (hub->device->key.size > 0) {
        buf_append_format(out, ";SharedAccessKey=%.*s", STR_ARG(hub->device->key));
    } else {
        buf_append_str(out, STR(";x509=true"));
    }
    /* Only where there is no other way: Java's SDK (2.5.0) takes what is behind a gateway for an
     * Edge hub, and over MQTT does not ask it for messages. */
    if (dot && !hub->dotted_resolves) {
        buf_append_str(out, STR(";GatewayHostName=localhost"));
    }
}

static void append_event_hubs(struct buf *out, const struct environment_hub *hub, unsigned sdks)
{
    (void)sdks;
    buf_append_str(out, hub->event_hubs_string);
}

static void append_ca(struct buf *out, const struct environment_hub *hub, unsigned sdks)
{
    (void)sdks;
    buf_append_str(out, hub->ca_path);
}

static void append_bundle(struct buf *out, const struct environment_hub *hub, unsigned sdks)
{
    (void)sdks;
    buf_append_str(out, hub->bundle_path);
}

static void append_java(struct buf *out, const struct environment_hub *hub, unsigned sdks)
{
    (void)sdks;
    if (hub->java_store_path.size > 0) {
        java_options_append(out, hub->java_options_before, hub->java_store_path);
    }
}

/* ---- the table ---- */

#define READERS (SDK_PYTHON | SDK_NODE | SDK_JAVA | SDK_DOTNET | SDK_EVENTHUBS)

const struct environment_row environment_rows[] = {
    {"IOTHUB_CONNECTION_STRING", SDK_ALL & ~(unsigned)SDK_EVENTHUBS,
     "the hub, for back ends: service SDKs, iothub, and az with --login"},
    {ENVIRONMENT_DEVICE, SDK_ALL & ~(unsigned)SDK_EVENTHUBS, "the device, for device SDKs"},
    {"EVENTHUB_CONNECTION_STRING", READERS, "the built-in endpoint, for Event Hubs SDKs"},
    {"IOTHUB_CA_FILE", SDK_ALL,
     "iothub and the libraries iothub-device, -service, -messaging: the emulator's authority"},
    {"SSL_CERT_FILE", SDK_PYTHON | SDK_C | SDK_DOTNET | SDK_AZ | SDK_EVENTHUBS,
     "Python, C, .NET, az, all with OpenSSL: the public authorities and the emulator's"},
    {"REQUESTS_CA_BUNDLE", SDK_PYTHON | SDK_AZ | SDK_EVENTHUBS,
     "Python's requests (azure-iot-hub, az): the same file"},
    {"CURL_CA_BUNDLE", 0, "curl: the same file"},
    {"NODE_EXTRA_CA_CERTS", SDK_NODE | SDK_EVENTHUBS,
     "Node: the emulator's authority, believed besides Node's own"},
    {JAVA_OPTIONS_VARIABLE, SDK_JAVA | SDK_EVENTHUBS,
     "Java: a trust store of the public authorities and the emulator's"},
    {"AZ_IOT_DEVICE_X509_TRUST_PEM_FILE_PATH", SDK_C, "samples of the Azure SDK for Embedded C"},
};
const size_t environment_row_count = ARRAY_SIZE(environment_rows);

static void (*const values[])(struct buf *out, const struct environment_hub *hub, unsigned sdks) = {
    append_service, append_device, append_event_hubs, append_ca,   append_bundle,
    append_bundle,  append_bundle, append_ca,         append_java, append_bundle,
};
static_assert(ARRAY_SIZE(values) == ARRAY_SIZE(environment_rows), "a value for each row");
static_assert(ARRAY_SIZE(environment_rows) <= ENVIRONMENT_VARIABLES_MAX, "there is room");

/* For everybody: what each reads, but not what only C's samples do. */
static bool is_wanted(const struct environment_row *row, unsigned sdks)
{
    return sdks == SDK_ALL ? row->sdks != SDK_C : (row->sdks & sdks) != 0;
}

enum status environment_make(struct arena *arena, const struct environment_hub *hub, unsigned sdks,
                             struct environment *ret_environment)
{
    struct environment environment = {0};
    CLEANUP(buf_finish) struct buf value = BUF_INIT(VALUE_MAX);
    for (size_t i = 0; i < environment_row_count; i++) {
        if (!is_wanted(&environment_rows[i], sdks)) {
            continue;
        }
        buf_clear(&value);
        values[i](&value, hub, sdks);
        if (buf_status(&value) != STATUS_OK) {
            return buf_status(&value);
        }
        if (value.size == 0) {
            continue;
        }
        const char *kept = arena_copy(arena, buf_str(&value));
        if (kept == NULL) {
            return STATUS_NO_MEMORY;
        }
        environment.variables[environment.count++] = (struct variable){
            .name = environment_rows[i].name,
            .value = str_of(kept, value.size),
            .whom = environment_rows[i].whom,
        };
    }
    *ret_environment = environment;
    return STATUS_OK;
}
