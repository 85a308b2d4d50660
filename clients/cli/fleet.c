/* SPDX-License-Identifier: MIT */
#include "clients/cli/fleet.h"

#include <string.h>

/* ---- one item ---- */

static bool add(cJSON *object, const char *name, cJSON *value)
{
    const bool done = value != NULL && cJSON_AddItemToObject(object, name, value);
    if (!done) {
        cJSON_Delete(value);
    }
    return done;
}

static bool add_text(cJSON *object, const char *name, struct str text)
{
    CLEANUP(buf_finish) struct buf value = BUF_INIT(text.size + 1);
    buf_append_str(&value, text);
    return buf_status(&value) == STATUS_OK &&
           add(object, name, cJSON_CreateString(value.data == NULL ? "" : value.data));
}

/* Copies a member, if it is there and not null. */
static bool copy(cJSON *item, const char *name, const cJSON *from, const char *from_name)
{
    const cJSON *member = json_member(from, from_name);
    return member == NULL || cJSON_IsNull(member) || add(item, name, cJSON_Duplicate(member, true));
}

/* Desired or reported properties without what the hub keeps about them. */
static bool copy_properties(cJSON *item, const cJSON *from, const char *name)
{
    const cJSON *part = json_member(json_member(from, "properties"), name);
    if (!cJSON_IsObject(part)) {
        return true;
    }
    cJSON *properties = json_member(item, "properties");
    if (properties == NULL) {
        properties = cJSON_AddObjectToObject(item, "properties");
    }
    if (properties == NULL || !add(properties, name, cJSON_Duplicate(part, true))) {
        return false;
    }
    cJSON *copied = json_member(properties, name);
    cJSON_DeleteItemFromObjectCaseSensitive(copied, "$metadata");
    cJSON_DeleteItemFromObjectCaseSensitive(copied, "$version");
    return true;
}

/* An identity has it whole; a twin knows the kind and the thumbprints. */
static bool copy_authentication(cJSON *item, const cJSON *from, const cJSON *identity)
{
    const cJSON *whole = json_member(identity != NULL ? identity : from, "authentication");
    if (cJSON_IsObject(whole)) {
        return add(item, "authentication", cJSON_Duplicate(whole, true));
    }
    if (json_member(from, "authenticationType") == NULL &&
        json_member(from, "symmetricKey") == NULL) {
        return true;
    }
    cJSON *made = cJSON_AddObjectToObject(item, "authentication");
    return made != NULL && copy(made, "type", from, "authenticationType") &&
           copy(made, "symmetricKey", from, "symmetricKey") &&
           copy(made, "x509Thumbprint", from, "x509Thumbprint");
}

static bool copy_rest(cJSON *item, const cJSON *from, const cJSON *identity)
{
    static const char *const same[] = {"status", "statusReason", "capabilities", "managedBy",
                                       "tags",   "eTag",         "twinETag"};
    bool done = copy_authentication(item, from, identity);
    for (size_t i = 0; i < ARRAY_SIZE(same) && done; i++) {
        done = copy(item, same[i], from, same[i]);
    }
    return done && copy_properties(item, from, "desired") &&
           copy_properties(item, from, "reported");
}

cJSON *fleet_item(const cJSON *twin, const cJSON *identity)
{
    cJSON *item = cJSON_CreateObject();
    const bool is_module = json_member(twin, "moduleId") != NULL;
    if (item == NULL || !copy(item, "id", twin, "deviceId") ||
        !copy(item, "moduleId", twin, "moduleId") || !copy_rest(item, twin, identity)) {
        cJSON_Delete(item);
        return NULL;
    }
    if (is_module) { /* these are the device's, which a module's twin repeats */
        cJSON_DeleteItemFromObjectCaseSensitive(item, "status");
        cJSON_DeleteItemFromObjectCaseSensitive(item, "statusReason");
        cJSON_DeleteItemFromObjectCaseSensitive(item, "capabilities");
    }
    return item;
}

/* ---- many of them ---- */

struct reading {
    struct fleet fleet;
    const char *import_mode;
    struct problem *problem;
    size_t count; /* entries so far, for complaints */
};

static bool refuse(const struct reading *reading, const char *why)
{
    problem_set(reading->problem, PROBLEM_NO_OFFSET, "entry %zu %s", reading->count, why);
    return false;
}

static struct str text_of(const cJSON *entry, const char *name, const char *other_name)
{
    const struct str text = json_str(json_member(entry, name));
    return text.size > 0 ? text : json_str(json_member(entry, other_name));
}

static bool has_parent(const cJSON *entry)
{
    return cJSON_GetArraySize(json_member(entry, "parentScopes")) > 0 ||
           json_str(json_member(entry, "parent")).size > 0;
}

/* Adds an entry; ids that its place told go before its own. */
static bool add_entry(struct reading *reading, const cJSON *entry, struct str device_id,
                      struct str module_id)
{
    reading->count++;
    if (!cJSON_IsObject(entry)) {
        return refuse(reading, "is no object");
    }
    device_id = device_id.size > 0 ? device_id : text_of(entry, "id", "deviceId");
    module_id = module_id.size > 0 ? module_id : text_of(entry, "moduleId", "module_id");
    if (device_id.size == 0) {
        return refuse(reading, "has neither \"id\" nor \"deviceId\"");
    }
    if (str_equal(module_id, STR("$edgeAgent")) || str_equal(module_id, STR("$edgeHub"))) {
        reading->fleet.reserved++;
        return true;
    }
    reading->fleet.parents += has_parent(entry) ? 1 : 0;
    const struct str mode = json_str(json_member(entry, "importMode"));
    cJSON *item = cJSON_CreateObject();
    if (item == NULL || !add_text(item, "id", device_id) ||
        (module_id.size > 0 && !add_text(item, "moduleId", module_id)) ||
        !add_text(item, "importMode", mode.size > 0 ? mode : str_from(reading->import_mode)) ||
        !copy_rest(item, entry, NULL) ||
        !cJSON_AddItemToArray(module_id.size > 0 ? reading->fleet.modules : reading->fleet.devices,
                              item)) {
        cJSON_Delete(item);
        return refuse(reading, "needs too much memory");
    }
    return true;
}

static bool add_array(struct reading *reading, const cJSON *array)
{
    const cJSON *entry = NULL;
    cJSON_ArrayForEach(entry, array)
    {
        if (!add_entry(reading, entry, STR_EMPTY, STR_EMPTY)) {
            return false;
        }
    }
    return true;
}

/* ---- az iot hub state export ---- */

/* {"identity": {...}, "twin": {...}}: two halves of an entry, and the ids stand above them. */
static bool add_halves(struct reading *reading, const cJSON *halves, struct str device_id,
                       struct str module_id)
{
    CLEANUP(json_destroyp) cJSON *entry = cJSON_Duplicate(json_member(halves, "identity"), true);
    const cJSON *twin = json_member(halves, "twin");
    if (entry == NULL) {
        reading->count++;
        return refuse(reading, "has no \"identity\"");
    }
    cJSON_DeleteItemFromObjectCaseSensitive(entry, "tags");
    cJSON_DeleteItemFromObjectCaseSensitive(entry, "properties");
    return (copy(entry, "tags", twin, "tags") && copy(entry, "properties", twin, "properties") &&
            copy(entry, "parent", halves, "parent"))
               ? add_entry(reading, entry, device_id, module_id)
               : refuse(reading, "needs too much memory");
}

static bool add_state(struct reading *reading, const cJSON *devices)
{
    const cJSON *device = NULL;
    cJSON_ArrayForEach(device, devices)
    {
        const cJSON *module = NULL;
        const struct str device_id = str_from(device->string);
        if (!add_halves(reading, device, device_id, STR_EMPTY)) {
            return false;
        }
        cJSON_ArrayForEach(module, json_member(device, "modules"))
        {
            if (!add_halves(reading, module, device_id, str_from(module->string))) {
                return false;
            }
        }
    }
    return true;
}

/* ---- documents ---- */

static bool add_document(struct reading *reading, const cJSON *document)
{
    const cJSON *devices = json_member(document, "devices");
    const cJSON *modules = json_member(document, "devices.modules");
    if (cJSON_IsArray(document)) {
        return add_array(reading, document);
    }
    if (cJSON_IsObject(devices)) {
        return add_state(reading, devices);
    }
    if (devices != NULL || modules != NULL) {
        return add_array(reading, devices) && add_array(reading, modules);
    }
    return add_entry(reading, document, STR_EMPTY, STR_EMPTY);
}

/* A line feed inside a document can only stand between its tokens, so a first line that is JSON by
 * itself means that each line is. */
static bool is_lines(struct str text)
{
    struct str line = STR_EMPTY;
    struct str rest = STR_EMPTY;
    return str_cut(text, '\n', &line, &rest) && str_trim(rest).size > 0 &&
           json_check(line, NULL) == STATUS_OK;
}

static bool add_text_document(struct reading *reading, struct str text, size_t line)
{
    CLEANUP(json_destroyp) cJSON *document = NULL;
    struct problem why = {0};
    const enum status status = json_parse(text, &document, &why);
    if (status == STATUS_OK) {
        return add_document(reading, document);
    }
    const char *reason = status == STATUS_INVALID ? why.text : status_text(status);
    if (line > 0) {
        problem_set(reading->problem, PROBLEM_NO_OFFSET, "line %zu is no JSON: %s", line, reason);
    } else {
        problem_set(reading->problem, PROBLEM_NO_OFFSET, "this is no JSON: %s", reason);
    }
    return false;
}

static bool add_lines(struct reading *reading, struct str text)
{
    bool more = true;
    for (size_t number = 1; more; number++) {
        struct str line = STR_EMPTY;
        more = str_cut(text, '\n', &line, &text);
        if (str_ends(line, STR("\r"))) {
            line.size--;
        }
        if (str_trim(line).size > 0 && !add_text_document(reading, line, number)) {
            return false;
        }
    }
    return true;
}

bool fleet_read(struct str text, const char *import_mode, struct fleet *ret_fleet,
                struct problem *problem)
{
    struct reading reading = {.import_mode = import_mode, .problem = problem};
    reading.fleet.devices = cJSON_CreateArray();
    reading.fleet.modules = cJSON_CreateArray();
    const bool made = reading.fleet.devices != NULL && reading.fleet.modules != NULL;
    const bool done =
        made && (is_lines(text) ? add_lines(&reading, text) : add_text_document(&reading, text, 0));
    if (!made) {
        problem_set(problem, PROBLEM_NO_OFFSET, "out of memory");
    }
    if (!done) {
        fleet_finish(&reading.fleet);
        return false;
    }
    *ret_fleet = reading.fleet;
    return true;
}

void fleet_finish(struct fleet *fleet)
{
    cJSON_Delete(fleet->devices);
    cJSON_Delete(fleet->modules);
    fleet->devices = NULL;
    fleet->modules = NULL;
}
