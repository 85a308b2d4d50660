/* SPDX-License-Identifier: MIT */
#include "query_generator_internal.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* The next byte, below `limit`; 0 when there are no more. */
size_t generator_pick(struct generator *generator, size_t limit)
{
    if (generator->bytes.size == 0) {
        return 0;
    }
    const unsigned char byte = (unsigned char)generator->bytes.data[0];
    generator->bytes = str_skip(generator->bytes, 1);
    return byte % limit;
}

bool generator_chance(struct generator *generator, size_t one_in)
{
    return generator_pick(generator, one_in) == one_in - 1;
}

/* ---- paths ---- */

static const struct naive_path twin_paths[] = {
    {{"deviceId"}, 1},
    {{"id"}, 1},
    {{"moduleId"}, 1},
    {{"etag"}, 1},
    {{"version"}, 1},
    {{"status"}, 1},
    {{"statusReason"}, 1},
    {{"connectionState"}, 1},
    {{"lastActivityTime"}, 1},
    {{"cloudToDeviceMessageCount"}, 1},
    {{"authenticationType"}, 1},
    {{"modelId"}, 1},
    {{"deviceScope"}, 1},
    {{"parentScopes"}, 1},
    {{"x509Thumbprint"}, 1},
    {{"x509Thumbprint", "primaryThumbprint"}, 2},
    {{"x509Thumbprint", "secondaryThumbprint"}, 2},
    {{"x509Thumbprint", "none"}, 2},
    {{"capabilities"}, 1},
    {{"capabilities", "iotEdge"}, 2},
    {{"tags"}, 1},
    {{"tags", "location"}, 2},
    {{"tags", "location", "region"}, 3},
    {{"tags", "location", "plant"}, 3},
    {{"tags", "location", "floor"}, 3},
    {{"tags", "location", "none", "x"}, 4},
    {{"tags", "environment"}, 2},
    {{"tags", "group"}, 2},
    {{"tags", "group", "name"}, 3},
    {{"tags", "elms-collector"}, 2},
    {{"tags", "list"}, 2},
    {{"tags", "2nd"}, 2},
    {{"tags", "a:b"}, 2},
    {{"tags", "where"}, 2},
    {{"tags", "Tags"}, 2},
    {{"tags", "building"}, 2},
    {{"tags", "odd"}, 2},
    {{"tags", "odd", "n"}, 3},
    {{"tags", "odd", "s"}, 3},
    {{"tags", "odd", "t"}, 3},
    {{"tags", "odd", "z"}, 3},
    {{"tags", "odd", "o"}, 3},
    {{"tags", "odd", "a"}, 3},
    {{"properties"}, 1},
    {{"properties", "desired"}, 2},
    {{"properties", "reported"}, 2},
    {{"properties", "none"}, 2},
    {{"properties", "desired", "$version"}, 3},
    {{"properties", "reported", "$version"}, 3},
    {{"properties", "desired", "$metadata"}, 3},
    {{"properties", "desired", "$metadata", "$lastUpdated"}, 4},
    {{"properties", "desired", "telemetryConfig"}, 3},
    {{"properties", "desired", "telemetryConfig", "configId"}, 4},
    {{"properties", "desired", "telemetryConfig", "sendFrequencyInSecs"}, 4},
    {{"properties", "reported", "telemetryConfig", "status"}, 4},
    {{"properties", "reported", "connectivity"}, 3},
    {{"properties", "reported", "battery"}, 3},
    {{"properties", "reported", "flag"}, 3},
    {{"properties", "reported", "n"}, 3},
    {{"properties", "reported", "big"}, 3},
    {{"properties", "reported", "f"}, 3},
    {{"configurations", "fw-1", "status"}, 3},
    {{"configurations"}, 1},
    {{"nothing"}, 1},
    {{"nothing", "deviceId"}, 2},
    {{"deviceId", "x"}, 2},
};

static const struct naive_path job_paths[] = {
    {{"deviceId"}, 1},
    {{"jobId"}, 1},
    {{"jobType"}, 1},
    {{"status"}, 1},
    {{"startTimeUtc"}, 1},
    {{"endTimeUtc"}, 1},
    {{"createdTimeUtc"}, 1},
    {{"createdDateTimeUtc"}, 1},
    {{"outcome"}, 1},
    {{"outcome", "deviceMethodResponse"}, 2},
    {{"outcome", "deviceMethodResponse", "status"}, 3},
    {{"error"}, 1},
    {{"error", "code"}, 2},
    {{"tags", "location"}, 2},
    {{"nothing"}, 1},
};

struct naive_path generator_path(struct generator *generator)
{
    const bool jobs = strcmp(generator->collection, "devices.jobs") == 0;
    return jobs ? job_paths[generator_pick(generator, ARRAY_SIZE(job_paths))]
                : twin_paths[generator_pick(generator, ARRAY_SIZE(twin_paths))];
}

/* Paths that several documents share values of. */
struct naive_path generator_group(struct generator *generator)
{
    static const struct naive_path shared[] = {
        {{"status"}, 1},           {{"tags", "location", "region"}, 3}, {{"tags", "odd", "n"}, 3},
        {{"tags", "odd", "o"}, 3}, {{"tags", "odd", "z"}, 3},           {{"x509Thumbprint"}, 1},
    };
    return generator_chance(generator, 2) ? shared[generator_pick(generator, ARRAY_SIZE(shared))]
                                          : generator_path(generator);
}

/* ---- trees ---- */

static struct naive_node *node_new(struct generator *generator, enum naive_kind kind)
{
    struct naive_node *node = ARENA_NEW(generator->arena, struct naive_node);
    assert(node != NULL);
    node->kind = kind;
    generator->nodes_left -= generator->nodes_left > 0 ? 1 : 0;
    return node;
}

static struct naive_node *make_number(struct generator *generator)
{
    static const struct {
        const char *text;
        double value;
    } numbers[] = {{"0", 0.0},      {"1", 1.0},          {"2", 2.0},
                   {"55", 55.0},    {"12.5", 12.5},      {".1", 0.1},
                   {"1e3", 1000.0}, {"0x1F", 31.0},      {"300", 300.0},
                   {"60.0", 60.0},  {"1e400", HUGE_VAL}, {"9", 9.0},
                   {"11", 11.0},    {"5E-1", 0.5},       {"4503599627370495", 4503599627370495.0}};
    const size_t which = generator_pick(generator, ARRAY_SIZE(numbers));
    struct naive_node *node = node_new(generator, NAIVE_NUMBER);
    node->number = numbers[which].value;
    node->text = numbers[which].text;
    return node;
}

static struct naive_node *make_string(struct generator *generator)
{
    static const char *const strings[] = {"",
                                          "dev-a1",
                                          "dev-",
                                          "Dev-A3",
                                          "edge-1",
                                          "cam",
                                          "US",
                                          "EU",
                                          "Redmond43",
                                          "prod",
                                          "enabled",
                                          "Disabled",
                                          "completed",
                                          "FAILED",
                                          "scheduleUpdateTwin",
                                          "Applied",
                                          "it's",
                                          "say \"hi\"",
                                          "a\\b",
                                          "Z\xC3\xBCrich",
                                          "2024-05-08",
                                          "2024-01-01T00:00:00Z",
                                          "\xEF\xBF\xBD",
                                          "\xF0\x9F\x98\x80",
                                          "a",
                                          "wifi",
                                          "55",
                                          "ms-azure-iot-edge://edge-1-638"};
    struct naive_node *node = node_new(generator, NAIVE_STRING);
    node->text = strings[generator_pick(generator, ARRAY_SIZE(strings))];
    return node;
}

static struct naive_node *make_constant(struct generator *generator)
{
    static const enum naive_kind words[] = {NAIVE_TRUE, NAIVE_FALSE, NAIVE_NULL};
    switch (generator_pick(generator, 4)) {
    case 0:
        return make_string(generator);
    case 1:
        return make_number(generator);
    case 2: {
        struct naive_node *node = node_new(generator, NAIVE_NEGATE);
        node->children[node->count++] = make_number(generator);
        return node;
    }
    default:
        return node_new(generator, words[generator_pick(generator, ARRAY_SIZE(words))]);
    }
}

static struct naive_node *make_leaf(struct generator *generator)
{
    if (generator_chance(generator, 12)) {
        return node_new(generator, NAIVE_UNDEFINED);
    }
    if (generator_chance(generator, 3)) {
        return make_constant(generator);
    }
    struct naive_node *node = node_new(generator, NAIVE_PATH);
    node->path = generator_path(generator);
    return node;
}

/* What may be true, and what may be compared; now and then one stands where the other belongs. */
static struct naive_node *make_value(struct generator *generator, size_t depth);

static struct naive_node *make_binary(struct generator *generator, const char *op, size_t depth,
                                      struct naive_node *(*make)(struct generator *, size_t))
{
    struct naive_node *node = node_new(generator, NAIVE_BINARY);
    node->op = op;
    node->children[0] = make(generator, depth);
    node->children[1] = make(generator, depth);
    node->count = 2;
    return node;
}

static struct naive_node *make_prefixed(struct generator *generator, enum naive_kind kind,
                                        size_t depth,
                                        struct naive_node *(*make)(struct generator *, size_t))
{
    struct naive_node *node = node_new(generator, kind);
    node->children[node->count++] = make(generator, depth);
    return node;
}

/* A number, mostly: arithmetic on anything else is undefined. */
static struct naive_node *make_operand(struct generator *generator, size_t depth)
{
    static const struct naive_path numbers[] = {
        {{"version"}, 1},
        {{"cloudToDeviceMessageCount"}, 1},
        {{"tags", "location", "floor"}, 3},
        {{"tags", "odd", "n"}, 3},
        {{"properties", "reported", "battery"}, 3},
        {{"properties", "reported", "n"}, 3},
        {{"properties", "desired", "$version"}, 3},
        {{"properties", "desired", "telemetryConfig", "sendFrequencyInSecs"}, 4},
    };
    if (generator_chance(generator, 4)) {
        return make_value(generator, depth);
    }
    if (generator_chance(generator, 2)) {
        return make_number(generator);
    }
    struct naive_node *node = node_new(generator, NAIVE_PATH);
    node->path = numbers[generator_pick(generator, ARRAY_SIZE(numbers))];
    return node;
}

static struct naive_node *make_arithmetic(struct generator *generator, size_t depth)
{
    static const char *const ops[] = {"+", "-", "*", "/", "%"};
    return make_binary(generator, ops[generator_pick(generator, ARRAY_SIZE(ops))], depth,
                       make_operand);
}

static struct naive_node *make_array(struct generator *generator, size_t depth)
{
    struct naive_node *node = node_new(generator, NAIVE_ARRAY);
    const size_t count = generator_pick(generator, NAIVE_CHILDREN_MAX + 1);
    while (node->count < count) {
        node->children[node->count++] = make_value(generator, depth);
    }
    return node;
}

static struct naive_node *make_call(struct generator *generator, size_t depth)
{
    static const struct {
        const char *name;
        size_t arguments;
    } functions[] = {{"IS_DEFINED", 0},     {"STARTSWITH", 2},  {"ENDSWITH", 2},
                     {"ARRAY_CONTAINS", 2}, {"IS_NULL", 1},     {"IS_BOOL", 1},
                     {"IS_NUMBER", 1},      {"IS_STRING", 1},   {"IS_ARRAY", 1},
                     {"IS_OBJECT", 1},      {"IS_PRIMITIVE", 1}};
    const size_t which = generator_pick(generator, ARRAY_SIZE(functions));
    struct naive_node *node = node_new(generator, NAIVE_CALL);
    node->op = functions[which].name;
    if (functions[which].arguments == 0) {
        node->children[0] = node_new(generator, NAIVE_PATH);
        node->children[0]->path = generator_path(generator);
        node->count = 1;
        return node;
    }
    if (strcmp(node->op, "ARRAY_CONTAINS") == 0 && generator_chance(generator, 2)) {
        node->children[node->count++] = make_array(generator, depth);
    }
    while (node->count < functions[which].arguments) {
        node->children[node->count++] = make_value(generator, depth);
    }
    return node;
}

/* A path and a constant that some document has there: by chance alone hardly two are equal. */
static void make_likely(struct generator *generator, struct naive_node *ret_sides[2])
{
    static const struct {
        struct naive_path path;
        enum naive_kind kind;
        const char *text;
        double number;
    } likely[] = {
        {{{"status"}, 1}, NAIVE_STRING, "enabled", 0.0},
        {{{"tags", "location", "region"}, 3}, NAIVE_STRING, "US", 0.0},
        {{{"tags", "location", "floor"}, 3}, NAIVE_NUMBER, "1", 1.0},
        {{{"properties", "reported", "battery"}, 3}, NAIVE_NUMBER, "55", 55.0},
        {{{"properties", "reported", "flag"}, 3}, NAIVE_TRUE, "", 0.0},
        {{{"connectionState"}, 1}, NAIVE_STRING, "Connected", 0.0},
        {{{"tags", "odd", "n"}, 3}, NAIVE_NUMBER, "0", 0.0},
        {{{"tags", "odd", "z"}, 3}, NAIVE_NULL, "", 0.0},
        {{{"tags", "odd", "s"}, 3}, NAIVE_STRING, "\xEF\xBF\xBD", 0.0},
        {{{"x509Thumbprint", "primaryThumbprint"}, 2}, NAIVE_NULL, "", 0.0},
        {{{"capabilities", "iotEdge"}, 2}, NAIVE_FALSE, "", 0.0},
        {{{"deviceId"}, 1}, NAIVE_STRING, "dev-a1", 0.0},
        {{{"version"}, 1}, NAIVE_NUMBER, "2", 2.0},
        {{{"properties", "reported", "big"}, 3}, NAIVE_NUMBER, "0x1F", 31.0},
        {{{"tags", "list"}, 2}, NAIVE_STRING, "a", 0.0},
    };
    static const struct {
        struct naive_path path;
        const char *text;
    } likely_jobs[] = {
        {{{"status"}, 1}, "FAILED"},
        {{{"jobType"}, 1}, "SCHEDULEUpdateTwin"},
        {{{"error", "code"}, 2}, "DeviceNotFound"},
        {{{"deviceId"}, 1}, "dev-a1"},
    };
    ret_sides[0] = node_new(generator, NAIVE_PATH);
    if (strcmp(generator->collection, "devices.jobs") == 0) {
        const size_t which = generator_pick(generator, ARRAY_SIZE(likely_jobs));
        ret_sides[0]->path = likely_jobs[which].path;
        ret_sides[1] = node_new(generator, NAIVE_STRING);
        ret_sides[1]->text = likely_jobs[which].text;
        return;
    }
    const size_t which = generator_pick(generator, ARRAY_SIZE(likely));
    ret_sides[0]->path = likely[which].path;
    ret_sides[1] = node_new(generator, likely[which].kind);
    ret_sides[1]->text = likely[which].text;
    ret_sides[1]->number = likely[which].number;
}

static struct naive_node *make_in(struct generator *generator, size_t depth)
{
    struct naive_node *node =
        node_new(generator, generator_chance(generator, 3) ? NAIVE_NIN : NAIVE_IN);
    if (generator_chance(generator, 2)) {
        make_likely(generator, node->children);
        node->count = 2;
    } else {
        node->children[node->count++] = make_value(generator, depth);
    }
    const size_t count = 1 + generator_pick(generator, NAIVE_CHILDREN_MAX);
    while (node->count < count) {
        node->children[node->count++] = make_constant(generator);
    }
    return node;
}

static struct naive_node *make_comparison(struct generator *generator, size_t depth)
{
    static const char *const ops[] = {"=", "!=", "=", "!=", "<", "<=", ">", ">="};
    struct naive_node *node = node_new(generator, NAIVE_BINARY);
    node->op = ops[generator_pick(generator, ARRAY_SIZE(ops))];
    node->count = 2;
    switch (generator_pick(generator, 6)) {
    case 0:
    case 1:
        node->children[0] = make_value(generator, depth);
        node->children[1] = make_value(generator, depth);
        break;
    case 2:
        node->children[0] = make_arithmetic(generator, depth);
        node->children[1] = make_operand(generator, depth);
        break;
    default:
        make_likely(generator, node->children);
        break;
    }
    return node;
}

struct naive_node *generator_condition(struct generator *generator, size_t depth)
{
    if (depth == 0 || generator->nodes_left == 0) {
        return make_leaf(generator);
    }
    switch (generator_pick(generator, 16)) {
    case 0:
        return make_value(generator, depth - 1);
    case 1:
    case 2:
    case 3:
        return make_binary(generator, "AND", depth - 1, generator_condition);
    case 4:
    case 5:
    case 6:
        return make_binary(generator, "OR", depth - 1, generator_condition);
    case 7:
    case 8:
        return make_prefixed(generator, NAIVE_NOT, depth - 1, generator_condition);
    case 9:
    case 10:
        return make_call(generator, depth - 1);
    case 11:
        return make_in(generator, depth - 1);
    default:
        return make_comparison(generator, depth - 1);
    }
}

static struct naive_node *make_value(struct generator *generator, size_t depth)
{
    if (depth == 0 || generator->nodes_left == 0) {
        return make_leaf(generator);
    }
    switch (generator_pick(generator, 16)) {
    case 0:
        return generator_condition(generator, depth - 1);
    case 1:
    case 2:
        return make_arithmetic(generator, depth - 1);
    case 3:
        return make_prefixed(generator, NAIVE_NEGATE, depth - 1, make_operand);
    default:
        return make_leaf(generator);
    }
}
