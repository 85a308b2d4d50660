/* SPDX-License-Identifier: MIT */
#include "naive_query_internal.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

static const struct naive_value undefined = {.type = NAIVE_TYPE_UNDEFINED};

static struct naive_value from_bool(bool boolean)
{
    return (struct naive_value){.type = NAIVE_TYPE_BOOLEAN, .boolean = boolean};
}

struct naive_value naive_value(const cJSON *tree)
{
    if (tree == NULL) {
        return undefined;
    }
    if (cJSON_IsNull(tree)) {
        return (struct naive_value){.type = NAIVE_TYPE_NULL};
    }
    if (cJSON_IsBool(tree)) {
        return from_bool(cJSON_IsTrue(tree));
    }
    if (cJSON_IsNumber(tree)) {
        return (struct naive_value){.type = NAIVE_TYPE_NUMBER, .number = tree->valuedouble};
    }
    if (cJSON_IsString(tree)) {
        return (struct naive_value){.type = NAIVE_TYPE_STRING, .text = tree->valuestring};
    }
    return (struct naive_value){.type = cJSON_IsArray(tree) ? NAIVE_TYPE_ARRAY : NAIVE_TYPE_OBJECT,
                                .tree = tree};
}

/* ---- 2.1: paths ---- */

static const char *const system_names[] = {
    "deviceId",
    "moduleId",
    "etag",
    "deviceEtag",
    "version",
    "status",
    "statusReason",
    "statusUpdateTime",
    "connectionState",
    "lastActivityTime",
    "cloudToDeviceMessageCount",
    "authenticationType",
    "x509Thumbprint",
    "modelId",
    "capabilities",
    "deviceScope",
    "parentScopes",
    "tags",
    "properties",
    "configurations",
};

static const char *const job_names[] = {
    "deviceId",       "moduleId",
    "jobId",          "jobType",
    "status",         "startTimeUtc",
    "endTimeUtc",     "createdDateTimeUtc",
    "createdTimeUtc", "lastUpdatedDateTimeUtc",
    "outcome",        "error",
};

static bool is_jobs(const char *collection)
{
    return strcmp(collection, "devices.jobs") == 0;
}

/* The canonical form of a first name, NULL when it is none of the system's. */
static const char *canonical(const char *collection, const char *name)
{
    if (is_jobs(collection)) {
        for (size_t i = 0; i < sizeof(job_names) / sizeof(*job_names); i++) {
            if (strcasecmp(job_names[i], name) == 0) {
                return job_names[i];
            }
        }
        return NULL;
    }
    if (strcasecmp(name, "id") == 0) {
        return "id";
    }
    for (size_t i = 0; i < sizeof(system_names) / sizeof(*system_names); i++) {
        const bool other =
            strcmp(collection, "devices") == 0 && strcmp(system_names[i], "moduleId") == 0;
        if (!other && strcasecmp(system_names[i], name) == 0) {
            return system_names[i];
        }
    }
    return NULL;
}

bool naive_is_system_name(const char *collection, const char *name)
{
    return canonical(collection, name) != NULL;
}

/* "devices.", and "devices.modules." or "devices.jobs." where they are asked, say nothing. */
static size_t prefix_size(const char *collection, const struct naive_path *path)
{
    if (path->count < 2 || strcasecmp(path->names[0], "devices") != 0) {
        return 0;
    }
    const char *dot = strchr(collection, '.');
    if (dot != NULL && path->count > 2 && strcasecmp(path->names[1], dot + 1) == 0) {
        return 2;
    }
    return 1;
}

const char *naive_key(const char *collection, const struct naive_path *path)
{
    const size_t first = prefix_size(collection, path);
    const char *last = path->names[path->count - 1];
    const char *known = canonical(collection, path->names[first]);
    if (path->count == first + 1) {
        return known != NULL ? known : last;
    }
    if (path->count == first + 2 && known != NULL && strcmp(known, "properties") == 0) {
        return strcasecmp(last, "desired") == 0    ? "desired"
               : strcasecmp(last, "reported") == 0 ? "reported"
                                                   : last;
    }
    return last;
}

static const cJSON *descend(const cJSON *tree, const char *name)
{
    return cJSON_IsObject(tree) ? cJSON_GetObjectItemCaseSensitive(tree, name) : NULL;
}

const cJSON *naive_find(const struct naive_context *context, const struct naive_path *path)
{
    size_t at = prefix_size(context->collection, path);
    const char *name = canonical(context->collection, path->names[at++]);
    if (name == NULL) {
        return NULL;
    }
    name = strcmp(name, "id") == 0               ? "deviceId"
           : strcmp(name, "createdTimeUtc") == 0 ? "createdDateTimeUtc"
                                                 : name;
    const cJSON *tree = descend(context->document, name);
    if (strcmp(name, "properties") == 0 && at < path->count) {
        const char *section = path->names[at++];
        tree = strcasecmp(section, "desired") == 0    ? descend(tree, "desired")
               : strcasecmp(section, "reported") == 0 ? descend(tree, "reported")
                                                      : NULL;
    }
    while (tree != NULL && at < path->count) {
        tree = descend(tree, path->names[at++]);
    }
    return tree;
}

/* ---- 3.4: comparison ---- */

bool naive_is_primitive(struct naive_value value)
{
    return value.type == NAIVE_TYPE_NULL || value.type == NAIVE_TYPE_BOOLEAN ||
           value.type == NAIVE_TYPE_NUMBER || value.type == NAIVE_TYPE_STRING;
}

/* The next UTF-16 code unit of a UTF-8 text; *pending holds the second half of a pair. */
static uint32_t next_unit(const char **text, uint32_t *pending)
{
    if (*pending != 0) {
        const uint32_t unit = *pending;
        *pending = 0;
        return unit;
    }
    const unsigned char *at = (const unsigned char *)*text;
    const size_t more = at[0] < 0x80 ? 0 : at[0] < 0xE0 ? 1 : at[0] < 0xF0 ? 2 : 3;
    static const unsigned char masks[] = {0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code_point = at[0] & masks[more];
    for (size_t i = 1; i <= more; i++) {
        code_point = code_point * 64 + (at[i] & 0x3FU);
    }
    *text += more + 1;
    if (code_point < 0x10000) {
        return code_point;
    }
    *pending = 0xDC00 + (code_point - 0x10000) % 0x400;
    return 0xD800 + (code_point - 0x10000) / 0x400;
}

static int order_strings(const char *a, const char *b)
{
    uint32_t pending_a = 0;
    uint32_t pending_b = 0;
    while ((*a != '\0' || pending_a != 0) && (*b != '\0' || pending_b != 0)) {
        const uint32_t left = next_unit(&a, &pending_a);
        const uint32_t right = next_unit(&b, &pending_b);
        if (left != right) {
            return left < right ? -1 : 1;
        }
    }
    const bool more_a = *a != '\0' || pending_a != 0;
    const bool more_b = *b != '\0' || pending_b != 0;
    return (int)more_a - (int)more_b;
}

int naive_order(struct naive_value a, struct naive_value b)
{
    switch (a.type) {
    case NAIVE_TYPE_BOOLEAN:
        return (int)a.boolean - (int)b.boolean;
    case NAIVE_TYPE_NUMBER:
        return a.number < b.number ? -1 : a.number > b.number ? 1 : 0;
    case NAIVE_TYPE_STRING:
        return order_strings(a.text, b.text);
    case NAIVE_TYPE_UNDEFINED:
    case NAIVE_TYPE_NULL:
    case NAIVE_TYPE_ARRAY:
    case NAIVE_TYPE_OBJECT:
        break;
    }
    return 0;
}

static struct naive_value equals(struct naive_value a, struct naive_value b, bool any_case)
{
    if (!naive_is_primitive(a) || !naive_is_primitive(b)) {
        return undefined;
    }
    if (a.type != b.type) {
        return from_bool(false);
    }
    if (a.type == NAIVE_TYPE_STRING && any_case) {
        return from_bool(strcasecmp(a.text, b.text) == 0);
    }
    return from_bool(naive_order(a, b) == 0);
}

static struct naive_value negated(struct naive_value value)
{
    return value.type == NAIVE_TYPE_BOOLEAN ? from_bool(!value.boolean) : undefined;
}

static struct naive_value ordered(const char *op, struct naive_value a, struct naive_value b)
{
    if (!naive_is_primitive(a) || a.type != b.type) {
        return undefined;
    }
    const int sign = naive_order(a, b);
    const bool or_equal = op[1] == '=';
    return from_bool((or_equal && sign == 0) || (op[0] == '<' ? sign < 0 : sign > 0));
}

/* ---- 3.5: arithmetic ---- */

static struct naive_value calculate(char op, struct naive_value a, struct naive_value b)
{
    if (a.type != NAIVE_TYPE_NUMBER || b.type != NAIVE_TYPE_NUMBER) {
        return undefined;
    }
    double result = 0.0;
    switch (op) {
    case '+':
        result = a.number + b.number;
        break;
    case '-':
        result = a.number - b.number;
        break;
    case '*':
        result = a.number * b.number;
        break;
    case '/':
        result = a.number / b.number;
        break;
    default:
        assert(op == '%');
        result = fmod(a.number, b.number);
        break;
    }
    return isnan(result) ? undefined
                         : (struct naive_value){.type = NAIVE_TYPE_NUMBER, .number = result};
}

/* ---- 3.3: logic, as its tables ---- */

static char letter(struct naive_value value)
{
    if (value.type != NAIVE_TYPE_BOOLEAN) {
        return 'U';
    }
    return value.boolean ? 'T' : 'F';
}

static struct naive_value from_letter(char c)
{
    return c == 'U' ? undefined : from_bool(c == 'T');
}

static struct naive_value logic(bool is_and, struct naive_value a, struct naive_value b)
{
    static const char order_of_letters[] = "TFU";
    static const char *const and_table[] = {"TFU", "FFF", "UFU"};
    static const char *const or_table[] = {"TTT", "TFU", "TUU"};
    const size_t row = (size_t)(strchr(order_of_letters, letter(a)) - order_of_letters);
    const size_t column = (size_t)(strchr(order_of_letters, letter(b)) - order_of_letters);
    return from_letter((is_and ? and_table : or_table)[row][column]);
}

/* ---- expressions ---- */

static struct naive_value evaluate(const struct naive_node *node,
                                   const struct naive_context *context);

/* A job's status and type are compared ignoring case (2.4). */
static bool is_job_word(const struct naive_node *node, const struct naive_context *context)
{
    if (node->kind != NAIVE_PATH || !is_jobs(context->collection)) {
        return false;
    }
    const size_t first = prefix_size(context->collection, &node->path);
    const char *name = canonical(context->collection, node->path.names[first]);
    return node->path.count == first + 1 && name != NULL &&
           (strcmp(name, "status") == 0 || strcmp(name, "jobType") == 0);
}

static struct naive_value binary(const struct naive_node *node, const struct naive_context *context)
{
    const struct naive_value a = evaluate(node->children[0], context);
    const struct naive_value b = evaluate(node->children[1], context);
    const char *op = node->op;
    if (strcmp(op, "AND") == 0 || strcmp(op, "OR") == 0) {
        return logic(op[0] == 'A', a, b);
    }
    if (strcmp(op, "=") == 0 || strcmp(op, "!=") == 0) {
        const struct naive_value equal = equals(a, b,
                                                is_job_word(node->children[0], context) ||
                                                    is_job_word(node->children[1], context));
        return op[0] == '=' ? equal : negated(equal);
    }
    return op[0] == '<' || op[0] == '>' ? ordered(op, a, b) : calculate(op[0], a, b);
}

static struct naive_value in(const struct naive_node *node, const struct naive_context *context)
{
    const struct naive_value left = evaluate(node->children[0], context);
    if (!naive_is_primitive(left)) {
        return undefined;
    }
    bool found = false;
    for (size_t i = 1; i < node->count; i++) {
        const struct naive_value equal = equals(left, evaluate(node->children[i], context),
                                                is_job_word(node->children[0], context));
        found = found || letter(equal) == 'T';
    }
    return from_bool(node->kind == NAIVE_IN ? found : !found);
}

static struct naive_value array_contains(struct naive_value array, struct naive_value wanted,
                                         const struct naive_context *context)
{
    if (array.type != NAIVE_TYPE_ARRAY || !naive_is_primitive(wanted)) {
        return undefined;
    }
    bool found = false;
    for (size_t i = 0; array.array != NULL && i < array.array->count; i++) {
        const struct naive_value item = evaluate(array.array->children[i], context);
        found = found || letter(equals(item, wanted, false)) == 'T';
    }
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, array.tree)
    {
        found = found || letter(equals(naive_value(item), wanted, false)) == 'T';
    }
    return from_bool(found);
}

static struct naive_value matches(bool at_start, struct naive_value text, struct naive_value part)
{
    if (text.type != NAIVE_TYPE_STRING || part.type != NAIVE_TYPE_STRING) {
        return undefined;
    }
    const size_t size = strlen(part.text);
    if (size > strlen(text.text)) {
        return from_bool(false);
    }
    const char *from = at_start ? text.text : text.text + strlen(text.text) - size;
    return from_bool(strncmp(from, part.text, size) == 0);
}

static struct naive_value call(const struct naive_node *node, const struct naive_context *context)
{
    static const struct {
        const char *name;
        enum naive_type type;
    } tests[] = {{"IS_NULL", NAIVE_TYPE_NULL},     {"IS_BOOL", NAIVE_TYPE_BOOLEAN},
                 {"IS_NUMBER", NAIVE_TYPE_NUMBER}, {"IS_STRING", NAIVE_TYPE_STRING},
                 {"IS_ARRAY", NAIVE_TYPE_ARRAY},   {"IS_OBJECT", NAIVE_TYPE_OBJECT}};
    const struct naive_value first = evaluate(node->children[0], context);
    if (strcmp(node->op, "IS_DEFINED") == 0) {
        return from_bool(first.type != NAIVE_TYPE_UNDEFINED);
    }
    if (strcmp(node->op, "IS_PRIMITIVE") == 0) {
        return from_bool(naive_is_primitive(first));
    }
    for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
        if (strcmp(node->op, tests[i].name) == 0) {
            return from_bool(first.type == tests[i].type);
        }
    }
    const struct naive_value second = evaluate(node->children[1], context);
    if (strcmp(node->op, "ARRAY_CONTAINS") == 0) {
        return array_contains(first, second, context);
    }
    return matches(strcmp(node->op, "STARTSWITH") == 0, first, second);
}

static struct naive_value evaluate(const struct naive_node *node,
                                   const struct naive_context *context)
{
    switch (node->kind) {
    case NAIVE_NUMBER:
        return (struct naive_value){.type = NAIVE_TYPE_NUMBER, .number = node->number};
    case NAIVE_STRING:
        return (struct naive_value){.type = NAIVE_TYPE_STRING, .text = node->text};
    case NAIVE_TRUE:
    case NAIVE_FALSE:
        return from_bool(node->kind == NAIVE_TRUE);
    case NAIVE_NULL:
        return (struct naive_value){.type = NAIVE_TYPE_NULL};
    case NAIVE_UNDEFINED:
        return undefined;
    case NAIVE_PATH:
        return naive_value(naive_find(context, &node->path));
    case NAIVE_ARRAY:
        return (struct naive_value){.type = NAIVE_TYPE_ARRAY, .array = node};
    case NAIVE_CALL:
        return call(node, context);
    case NAIVE_NEGATE: { /* not 0 - x, which makes no -0 of 0 */
        struct naive_value value = evaluate(node->children[0], context);
        value.number = -value.number;
        return value.type == NAIVE_TYPE_NUMBER ? value : undefined;
    }
    case NAIVE_NOT:
        return negated(evaluate(node->children[0], context));
    case NAIVE_BINARY:
        return binary(node, context);
    case NAIVE_IN:
    case NAIVE_NIN:
        return in(node, context);
    }
    return undefined;
}

bool naive_passes(const struct naive_node *where, const struct naive_context *context)
{
    return where == NULL || letter(evaluate(where, context)) == 'T';
}
