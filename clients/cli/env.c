/* SPDX-License-Identifier: MIT */
#include "clients/cli/assignment.h"
#include "clients/cli/commands.h"
#include "clients/cli/output.h"
#include "clients/cli/setup.h"

enum { TEXT_MAX = 1 << 20 };

static void append_comment(struct buf *out, const struct variable *variable, bool with_name)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(TEXT_MAX);
    if (with_name) {
        buf_append_format(&text, "%s  ", variable->name);
    }
    buf_append_format(&text, "%s", variable->whom);
    assignment_append_comment(out, buf_str(&text));
}

/*
 * In a shell the comments stand below: where somebody writes eval $(iothub env) without quotes, all
 * lines become one, and what follows the first '#' is lost.
 */
static enum cli_exit append_all(struct buf *out, enum assignment_form form,
                                const struct environment *environment)
{
    struct problem problem = {0};
    for (size_t i = 0; i < environment->count; i++) {
        const struct variable *variable = &environment->variables[i];
        if (form != ASSIGNMENT_BASH) {
            append_comment(out, variable, false);
        }
        if (assignment_append(out, form, variable->name, variable->value, &problem) != STATUS_OK) {
            return cli_fail(CLI_FAILED, "%s", problem.text);
        }
    }
    for (size_t i = 0; i < environment->count && form == ASSIGNMENT_BASH; i++) {
        append_comment(out, &environment->variables[i], true);
    }
    return CLI_DONE;
}

static void append_mount(struct buf *out, struct str path)
{
    CLEANUP(buf_finish) struct buf both = BUF_INIT(TEXT_MAX);
    if (path.size > 0) {
        buf_append_format(&both, "%.*s:%.*s:ro", STR_ARG(path), STR_ARG(path));
        buf_append_str(out, STR(" -v "));
        assignment_append_word(out, buf_str(&both));
    }
}

/* Files have the same path inside, so that the variables are right there too. */
static void explain_docker(const struct setup *setup, struct buf *out)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(TEXT_MAX);
    buf_append_str(&text, STR("docker run --env-file FILE --network host"));
    append_mount(&text, str_from(setup->ready.ca_path));
    append_mount(&text, str_from(setup->ready.ca_bundle_path));
    append_mount(&text, setup->java_store);
    buf_append_str(&text, STR(" IMAGE"));
    assignment_append_comment(out, buf_str(&text));
    cli_say("the files that the variables name have to be in the container, and localhost has to "
            "be this machine:\n  %.*s",
            STR_ARG(buf_str(&text)));
}

static enum cli_exit print_json(const struct cli_call *call, const struct environment *environment)
{
    CLEANUP(json_destroyp) cJSON *tree = cJSON_CreateObject();
    for (size_t i = 0; i < environment->count; i++) {
        const struct variable *variable = &environment->variables[i];
        if (cJSON_AddStringToObject(tree, variable->name, variable->value.data) == NULL) {
            return cli_fail(CLI_FAILED, "out of memory");
        }
    }
    return cli_print(call, tree, CLI_ALL_MEMBERS);
}

static enum cli_exit run(const struct cli_call *call)
{
    CLEANUP(setup_finish) struct setup setup;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(TEXT_MAX);
    enum assignment_form form = ASSIGNMENT_BASH;
    const char *shell = cli_value(call, "shell");
    enum cli_exit exit_code = setup_make(call, &setup);
    if (exit_code != CLI_DONE || (cli_given(call, "output") && shell == NULL)) {
        return exit_code != CLI_DONE ? exit_code : print_json(call, &setup.environment);
    }
    const bool known = shell == NULL || assignment_form_named(str_from(shell), &form);
    exit_code = known ? append_all(&out, form, &setup.environment) : CLI_MISUSED;
    if (exit_code == CLI_DONE && form == ASSIGNMENT_DOCKER && setup.at_emulator) {
        explain_docker(&setup, &out);
    }
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    return buf_status(&out) == STATUS_OK ? cli_print_text(buf_str(&out))
                                         : cli_fail(CLI_FAILED, "out of memory");
}

static const struct cli_option options[] = {
    {.name = "shell",
     .value = "FORM",
     .choices = "bash|pwsh|dotenv|docker",
     .meaning = "how to write them: for bash, zsh and sh (the default), for PowerShell, as a .env "
                "file, or as a file for docker run --env-file"},
    SETUP_OPTION_SDK,
    SETUP_OPTION_DEVICE,
    SETUP_OPTION_MODULE,
    SETUP_OPTION_CREATE,
};

static const struct cli_example examples[] = {
    {"set up this shell", "eval \"$(iothub env)\""},
    {"the same, with a device for a program to be",
     "eval \"$(iothub env --device dev1 --create)\""},
    {"in PowerShell", "iothub env --shell pwsh | Out-String | Invoke-Expression"},
    {"write a .env file for Python or Node", "iothub env --shell dotenv > .env"},
};

const struct cli_command cli_env = {
    .name = "env",
    .summary = "print the variables that make programs find and trust the emulator",
    .description =
        "Unmodified programs on Node, Python, Java, C, .NET, az and curl read them. The "
        "certificate "
        "authorities that they name are the public ones and the emulator's; for Java a trust store "
        "is made of them, beside the emulator's own files.\n\nThey are for the hub of --login, "
        "else "
        "for the emulator that runs here, else for the hub of IOTHUB_CONNECTION_STRING. A real hub "
        "needs the connection strings only.\n\nWith --output json they are an object.",
    CLI_OPTIONS(options),
    CLI_EXAMPLES(examples),
    .run = run,
};
