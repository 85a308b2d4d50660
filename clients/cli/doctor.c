/* SPDX-License-Identifier: MIT */
#include "clients/cli/doctor.h"

#include <stdlib.h>

#include "clients/cli/assignment.h"
#include "clients/cli/commands.h"
#include "clients/cli/files.h"
#include "clients/cli/hub.h"
#include "clients/cli/hub_kind.h"
#include "clients/cli/output.h"

enum { ARENA_MAX = 4 << 20, TEXT_MAX = 65536, HTTPS_PORT = 443 };

enum kind { AT_EMULATOR = 1, AT_REAL_HUB = 2, AT_ANY = 3 };

/* Which checks there are, in their order; for whom, and at what kind of hub they mean something. */
static const struct {
    const char *name;
    unsigned sdks;
    unsigned kinds;
    void (*run)(struct doctor *doctor);
} checks[] = {
    {"emulator", SDK_ALL, AT_EMULATOR, doctor_check_emulator},
    {"ports", SDK_ALL, AT_EMULATOR, doctor_check_ports},
    {"port 443", SDK_ALL, AT_EMULATOR, doctor_check_port_443},
    {"names", SDK_ALL, AT_EMULATOR, doctor_check_names},
    {"name", SDK_ALL, AT_REAL_HUB, doctor_check_hub_name},
    {"ports", SDK_ALL, AT_REAL_HUB, doctor_check_remote_ports},
    {"authority", SDK_ALL, AT_EMULATOR, doctor_check_authority},
    {"certificate", SDK_ALL, AT_ANY, doctor_check_certificate},
    {"variables", SDK_ALL, AT_ANY, doctor_check_variables},
    {"java trust", SDK_JAVA | SDK_EVENTHUBS, AT_EMULATOR, doctor_check_java_store},
    {"clock", SDK_ALL, AT_ANY, doctor_check_clock},
    {"hub string", SDK_ALL, AT_ANY, doctor_check_string},
    {"hub key", SDK_ALL, AT_ANY, doctor_check_key},
    {"device string", SDK_ALL, AT_ANY, doctor_check_device_string},
    {"events string", SDK_ALL, AT_ANY, doctor_check_event_hubs_string},
    {"python", SDK_PYTHON, AT_ANY, doctor_check_python},
    {"node", SDK_NODE, AT_ANY, doctor_check_node},
    {"java", SDK_JAVA, AT_ANY, doctor_check_java},
    {"dotted name", SDK_DOTTED, AT_EMULATOR, doctor_check_dotted},
    {"dotnet", SDK_DOTNET, AT_ANY, doctor_check_dotnet},
    {"az", SDK_AZ, AT_ANY, doctor_check_az},
};

/* ---- for checks ---- */

static PRINTF_LIKE(2, 0) const
    char *format_text(struct doctor *doctor, const char *format, va_list args)
{
    char text[TEXT_MAX];
    (void)vsnprintf(text, sizeof(text), format, args);
    const char *kept = arena_copy(&doctor->arena, str_from(text));
    return kept == NULL ? "out of memory" : kept;
}

void doctor_say(struct doctor *doctor, enum doctor_state state, const char *format, ...)
{
    if (doctor->line_count == DOCTOR_LINES_MAX) {
        return;
    }
    va_list args;
    va_start(args, format);
    doctor->lines[doctor->line_count++] = (struct doctor_line){
        .state = state,
        .check = doctor->check,
        .text = format_text(doctor, format, args),
    };
    va_end(args);
}

void doctor_mend(struct doctor *doctor, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (doctor->line_count > 0) {
        doctor->lines[doctor->line_count - 1].mend = format_text(doctor, format, args);
    }
    va_end(args);
}

static bool is_plain(struct str text)
{
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && (c == '\0' || strchr("-_./:+@%,=", c) == NULL)) {
            return false;
        }
    }
    return text.size > 0;
}

const char *doctor_word(struct doctor *doctor, struct str text)
{
    CLEANUP(buf_finish) struct buf word = BUF_INIT(TEXT_MAX);
    if (is_plain(text)) {
        buf_append_str(&word, text);
    } else {
        assignment_append_word(&word, text);
    }
    const char *kept = arena_copy(&doctor->arena, buf_str(&word));
    return kept == NULL ? "" : kept;
}

enum doctor_state doctor_needed_by(const struct doctor *doctor, unsigned sdks)
{
    return doctor->sdk_chosen && (doctor->sdks & sdks) != 0 ? DOCTOR_WRONG : DOCTOR_WARNING;
}

bool doctor_has_ready(const struct doctor *doctor)
{
    return doctor->ready_result == READY_FOUND;
}

const char *doctor_variable(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

/* ---- which hub ---- */

static void find_string(struct doctor *doctor, const struct cli_call *call)
{
    const char *login = cli_value(call, "login");
    const char *variable = doctor_variable(CLI_CONNECTION_VARIABLE);
    if (login != NULL) {
        doctor->string = login;
        doctor->string_from = "--login";
    } else if (variable != NULL) {
        doctor->string = variable;
        doctor->string_from = CLI_CONNECTION_VARIABLE;
    } else if (doctor_has_ready(doctor)) {
        doctor->string = doctor->ready.service_connection_string;
        doctor->string_from = "the ready file";
    }
}

static void find_hub(struct doctor *doctor, const struct cli_call *call)
{
    doctor->ready_result = ready_file_find(&doctor->ready, &doctor->ready_problem);
    find_string(doctor, call);
    doctor->is_emulator = true;
    if (doctor->string == NULL) {
        return;
    }
    doctor->string_parsed = connection_string_parse(str_from(doctor->string), &doctor->parts,
                                                    &doctor->string_problem) == STATUS_OK;
    if (doctor->string_parsed) {
        doctor->is_emulator = hub_is_emulator(&doctor->parts, &doctor->ready);
        doctor->has_endpoint =
            endpoint_parse(doctor->parts.host_name, HTTPS_PORT, &doctor->endpoint,
                           &doctor->string_problem) == STATUS_OK;
    }
}

/* ---- the findings ---- */

static const char *const states[] = {
    [DOCTOR_OK] = "ok", [DOCTOR_WARNING] = "warning", [DOCTOR_WRONG] = "wrong"};

static enum cli_exit print_lines(const struct doctor *doctor)
{
    CLEANUP(buf_finish) struct buf out = BUF_INIT(ARENA_MAX);
    for (size_t i = 0; i < doctor->line_count; i++) {
        const struct doctor_line *line = &doctor->lines[i];
        buf_append_format(&out, "%-8s %-14s %s\n", states[line->state], line->check, line->text);
        if (line->mend != NULL) {
            buf_append_format(&out, "%-8s %-14s mend: %s\n", "", "", line->mend);
        }
    }
    return buf_status(&out) == STATUS_OK ? cli_print_text(buf_str(&out))
                                         : cli_fail(CLI_FAILED, "out of memory");
}

static enum cli_exit print_rows(const struct cli_call *call, const struct doctor *doctor)
{
    static const struct cli_column columns[] = {{.title = "State", .path = "state"},
                                                {.title = "Check", .path = "check"},
                                                {.title = "Text", .path = "text"},
                                                {.title = "Mend", .path = "mend"}};
    struct cli_rows rows;
    cli_rows_begin(&rows, call, CLI_COLUMNS(columns));
    bool ok = true;
    for (size_t i = 0; i < doctor->line_count && ok; i++) {
        const struct doctor_line *line = &doctor->lines[i];
        CLEANUP(json_destroyp) cJSON *row = cJSON_CreateObject();
        ok = row != NULL && cJSON_AddStringToObject(row, "state", states[line->state]) != NULL &&
             cJSON_AddStringToObject(row, "check", line->check) != NULL &&
             cJSON_AddStringToObject(row, "text", line->text) != NULL &&
             (line->mend == NULL ? cJSON_AddNullToObject(row, "mend")
                                 : cJSON_AddStringToObject(row, "mend", line->mend)) != NULL &&
             cli_rows_add(&rows, row);
    }
    return cli_rows_end(&rows, ok ? CLI_DONE : CLI_FAILED);
}

static void run_checks(struct doctor *doctor)
{
    const unsigned kind = doctor->is_emulator ? AT_EMULATOR : AT_REAL_HUB;
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
        if ((checks[i].sdks & doctor->sdks) != 0 && (checks[i].kinds & kind) != 0) {
            doctor->check = checks[i].name;
            checks[i].run(doctor);
        }
    }
}

static void finish(struct doctor *doctor)
{
    ready_file_finish(&doctor->ready);
    certificates_destroyp(&doctor->authority);
    arena_finish(&doctor->arena);
}

static enum cli_exit run(const struct cli_call *call)
{
    const char *sdk = cli_value(call, "sdk");
    CLEANUP(finish)
    struct doctor doctor = {
        .arena = ARENA_INIT(ARENA_MAX),
        .sdks = environment_sdk_named(sdk),
        .sdk_chosen = sdk != NULL,
        .sdk_name = sdk,
    };
    find_hub(&doctor, call);
    run_checks(&doctor);
    const enum cli_exit printed =
        call->format == CLI_TABLE ? print_lines(&doctor) : print_rows(call, &doctor);
    enum doctor_state worst = DOCTOR_OK;
    for (size_t i = 0; i < doctor.line_count; i++) {
        worst = doctor.lines[i].state > worst ? doctor.lines[i].state : worst;
    }
    return printed != CLI_DONE ? printed : worst == DOCTOR_WRONG ? CLI_FAILED : CLI_DONE;
}

static const struct cli_option options[] = {
    {.name = "sdk",
     .plain = true,
     .value = "NAME",
     .choices = SDK_NAMES,
     .meaning = "look with its eyes: what it cannot do without counts as wrong"},
};

static const struct cli_example examples[] = {
    {"see what is wrong with this machine's set-up", "iothub doctor"},
    {"will the Java SDK work?", "iothub doctor --sdk java"},
    {"will the programs that iothub run starts?", "iothub run -- iothub doctor --sdk python"},
};

const struct cli_command cli_doctor = {
    .name = "doctor",
    .summary = "check the set-up, and say the command that mends each fault",
    .description =
        "Looks at the running emulator, its ports, name resolution, certificates, the variables of "
        "this shell, the clock, the connection strings and the SDK's runtime; of a real hub at "
        "what "
        "applies. Each line says ok, warning or wrong, and below a fault stands the one command "
        "that mends it. Nothing is changed.\n\n"
        "Exit code 0: nothing is wrong (there may be warnings). 1: something is.",
    CLI_OPTIONS(options),
    CLI_EXAMPLES(examples),
    .run = run,
};
