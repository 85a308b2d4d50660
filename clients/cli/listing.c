/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "clients/cli/help.h"
#include "clients/cli/output.h"

/* `name` is set where there is something to tell. */
static bool add_text(cJSON *object, const char *name, const char *text)
{
    return text == NULL || cJSON_AddStringToObject(object, name, text) != NULL;
}

static bool add_flag(cJSON *object, const char *name, bool set)
{
    return !set || cJSON_AddTrueToObject(object, name) != NULL;
}

static bool add_aliases(cJSON *object, const struct cli_option *option)
{
    cJSON *aliases = cJSON_AddArrayToObject(object, "aliases");
    struct str rest = str_from(option->alias);
    struct str alias = STR_EMPTY;
    bool complete = aliases != NULL;
    while (complete && cli_next_alias(&rest, &alias)) {
        char name[64] = "";
        memcpy(name, alias.data, alias.size < sizeof(name) ? alias.size : sizeof(name) - 1);
        cJSON *item = cJSON_CreateString(name);
        complete = item != NULL && cJSON_AddItemToArray(aliases, item);
    }
    return complete;
}

static bool add_option(cJSON *list, const struct cli_option *option)
{
    const char letter[2] = {option->letter, '\0'};
    cJSON *object = cJSON_CreateObject();
    if (object == NULL || !cJSON_AddItemToArray(list, object)) {
        cJSON_Delete(object);
        return false;
    }
    return add_text(object, "name", option->name) && add_aliases(object, option) &&
           add_text(object, "letter", letter[0] == '\0' ? NULL : letter) &&
           add_text(object, "value", option->value) &&
           add_text(object, "choices", option->choices) &&
           add_text(object, "meaning", option->meaning) &&
           add_flag(object, "plain", option->plain) &&
           add_flag(object, "required", option->required) &&
           add_flag(object, "repeats", option->repeats);
}

static bool add_options(cJSON *object, const char *name, const struct cli_option *options,
                        size_t count)
{
    cJSON *list = cJSON_AddArrayToObject(object, name);
    bool complete = list != NULL;
    for (size_t i = 0; i < count && complete; i++) {
        complete = add_option(list, &options[i]);
    }
    return complete;
}

static bool add_command(cJSON *list, const struct cli_command *command)
{
    cJSON *object = cJSON_CreateObject();
    if (object == NULL || !cJSON_AddItemToArray(list, object)) {
        cJSON_Delete(object);
        return false;
    }
    return add_text(object, "group", command->group) && add_text(object, "name", command->name) &&
           add_text(object, "az", command->az) && add_text(object, "summary", command->summary) &&
           add_flag(object, "emulatorOnly", command->emulator_only) &&
           add_flag(object, "runsAProgram", command->runs_a_program) &&
           add_options(object, "options", command->options, command->option_count);
}

void help_append_listing(struct buf *out)
{
    CLEANUP(json_destroyp) cJSON *listing = cJSON_CreateObject();
    cJSON *commands = cJSON_AddArrayToObject(listing, "commands");
    bool complete = listing != NULL && commands != NULL;
    for (size_t i = 0; i < cli_command_count && complete; i++) {
        complete = add_command(commands, cli_commands[i]);
    }
    if (complete && add_options(listing, "options", cli_global_options, cli_global_option_count)) {
        output_append_json(out, listing, 0);
        buf_append_byte(out, '\n');
    }
}
