/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "clients/cli/doctor.h"
#include "clients/cli/subprocess.h"

enum { RUNTIME_WAIT_MS = 3000, OUTPUT_MAX = 16384, NODE_MIN = 18, DOTNET_MIN = 6, PYTHON_MIN = 3 };

/* ---- runtimes ---- */

/* Runs it and finds the first number of what it prints: "v20.1.2" -> 20 and 1. */
static bool find_version(struct str text, unsigned *ret_major, unsigned *ret_minor)
{
    size_t at = 0;
    unsigned numbers[2] = {0};
    while (at < text.size && (text.data[at] < '0' || text.data[at] > '9')) {
        at++;
    }
    if (at == text.size) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9' &&
               numbers[i] < 100000) {
            numbers[i] = numbers[i] * 10 + (unsigned)(text.data[at++] - '0');
        }
        at += at < text.size && text.data[at] == '.' ? 1 : 0;
    }
    *ret_major = numbers[0];
    *ret_minor = numbers[1];
    return true;
}

static struct str first_line(struct str text)
{
    struct str line = STR_EMPTY;
    struct str rest = STR_EMPTY;
    do {
        (void)str_cut(text, '\n', &line, &rest);
        text = rest;
        /* A JVM tells first that it took JAVA_TOOL_OPTIONS. */
    } while (rest.size > 0 && str_starts(line, STR("Picked up ")));
    return line;
}

/* One runtime: found, new enough, or what to install. Silent when it is missing and nobody asked.
 */
static void check_runtime(struct doctor *doctor, const char *const *argv, unsigned major_min,
                          const char *package)
{
    CLEANUP(buf_finish) struct buf output = BUF_INIT(OUTPUT_MAX);
    int exit_code = 0;
    unsigned major = 0;
    unsigned minor = 0;
    const enum subprocess_result result =
        subprocess_run(argv, RUNTIME_WAIT_MS, &output, &exit_code);
    const struct str line = first_line(buf_str(&output));
    if (result == SUBPROCESS_MISSING) {
        if (doctor->sdk_chosen) {
            doctor_say(doctor, DOCTOR_WRONG, "there is no %s in PATH", argv[0]);
            doctor_mend(doctor, "sudo apt-get install %s", package);
        }
        return;
    }
    if (result != SUBPROCESS_DONE || exit_code != 0 || !find_version(line, &major, &minor)) {
        doctor_say(doctor, DOCTOR_WARNING, "%s does not tell its version", argv[0]);
        return;
    }
    if (major < major_min) {
        doctor_say(doctor, doctor_needed_by(doctor, SDK_ALL),
                   "%.*s is too old: the SDKs want %u or newer", STR_ARG(line), major_min);
        doctor_mend(doctor, "sudo apt-get install %s", package);
        return;
    }
    doctor_say(doctor, DOCTOR_OK, "%.*s", STR_ARG(line));
}

void doctor_check_node(struct doctor *doctor)
{
    static const char *const argv[] = {"node", "--version", NULL};
    check_runtime(doctor, argv, NODE_MIN, "nodejs");
}

/* Any will do from Java 8 on, which calls itself 1.8. */
void doctor_check_java(struct doctor *doctor)
{
    static const char *const argv[] = {"java", "-version", NULL};
    check_runtime(doctor, argv, 1, "openjdk-17-jre-headless");
}

void doctor_check_dotnet(struct doctor *doctor)
{
    static const char *const argv[] = {"dotnet", "--version", NULL};
    check_runtime(doctor, argv, DOTNET_MIN, "dotnet-sdk-8.0");
}

/* ---- Python's packages ---- */

static bool has_line(struct str text, const char *name)
{
    struct str line = STR_EMPTY;
    while (str_cut(text, '\n', &line, &text)) {
        if (str_starts(line, str_from(name)) && line.size > strlen(name) &&
            line.data[strlen(name)] == ' ') {
            return true;
        }
    }
    return false;
}

/* azure-iot-hub 2.x imports six and does not ask pip for it. */
static void check_python_packages(struct doctor *doctor)
{
    static const char script[] = "import importlib.metadata as m\n"
                                 "for n in ('azure-iot-device', 'azure-iot-hub', 'six'):\n"
                                 "    try: print(n, m.version(n))\n"
                                 "    except m.PackageNotFoundError: pass\n";
    static const char *const argv[] = {"python3", "-c", script, NULL};
    CLEANUP(buf_finish) struct buf output = BUF_INIT(OUTPUT_MAX);
    int exit_code = 0;
    if (subprocess_run(argv, RUNTIME_WAIT_MS, &output, &exit_code) != SUBPROCESS_DONE ||
        exit_code != 0) {
        return;
    }
    const struct str found = buf_str(&output);
    const bool hub = has_line(found, "azure-iot-hub");
    if (!hub && !has_line(found, "azure-iot-device")) {
        doctor_say(doctor, DOCTOR_WARNING, "neither azure-iot-device nor azure-iot-hub is there");
        doctor_mend(doctor, "python3 -m pip install azure-iot-device azure-iot-hub six");
    } else if (hub && !has_line(found, "six")) {
        doctor_say(doctor, DOCTOR_WRONG,
                   "azure-iot-hub cannot be imported: it needs six, which "
                   "it does not ask pip for");
        doctor_mend(doctor, "python3 -m pip install six");
    }
    struct str rest = found;
    struct str line = STR_EMPTY;
    while (str_cut(rest, '\n', &line, &rest)) {
        doctor_say(doctor, DOCTOR_OK, "%.*s", STR_ARG(line));
    }
}

void doctor_check_python(struct doctor *doctor)
{
    static const char *const argv[] = {"python3", "--version", NULL};
    check_runtime(doctor, argv, PYTHON_MIN, "python3");
    if (doctor->sdk_chosen) {
        check_python_packages(doctor);
    }
}

/* ---- what is special ---- */

/* The SDKs of Java, C and .NET split HostName at its first dot, or refuse one without. */
void doctor_check_dotted(struct doctor *doctor)
{
    const char *string = doctor_variable(ENVIRONMENT_DEVICE);
    struct connection_string parts = {0};
    if (!doctor->sdk_chosen || string == NULL ||
        connection_string_parse(str_from(string), &parts, NULL) != STATUS_OK ||
        str_find(parts.host_name, '.') != SIZE_MAX) {
        return;
    }
    doctor_say(doctor, DOCTOR_WRONG,
               ENVIRONMENT_DEVICE ": HostName is \"%.*s\", and this SDK takes none without a dot",
               STR_ARG(parts.host_name));
    doctor_mend(doctor, "eval \"$(iothub env --sdk %s --device %s)\"", doctor->sdk_name,
                doctor_word(doctor, parts.device_id));
}

/* `az --version` takes seconds; whether it and its extension are there is seen without. */
void doctor_check_az(struct doctor *doctor)
{
    static const char *const find[] = {"sh", "-c", "command -v az", NULL};
    CLEANUP(buf_finish) struct buf output = BUF_INIT(OUTPUT_MAX);
    int exit_code = 0;
    const bool found =
        subprocess_run(find, DOCTOR_WAIT_MS, &output, &exit_code) == SUBPROCESS_DONE &&
        exit_code == 0;
    if (!found) {
        if (doctor->sdk_chosen) {
            doctor_say(doctor, DOCTOR_WRONG, "there is no az in PATH");
            doctor_mend(doctor, "python3 -m pip install azure-cli");
        }
        return;
    }
    const char *folder = doctor_variable("AZURE_EXTENSION_DIR");
    const char *home = doctor_variable("HOME");
    const char *extension = folder != NULL
                                ? arena_format(&doctor->arena, "%s/azure-iot", folder)
                                : arena_format(&doctor->arena, "%s/.azure/cliextensions/azure-iot",
                                               home == NULL ? "" : home);
    if (extension != NULL && access(extension, F_OK) == 0) {
        doctor_say(doctor, DOCTOR_OK, "%.*s, with the azure-iot extension",
                   STR_ARG(first_line(buf_str(&output))));
    } else {
        doctor_say(doctor, doctor_needed_by(doctor, SDK_AZ),
                   "az is there, but not its azure-iot extension");
        doctor_mend(doctor, "az extension add --name azure-iot");
    }
}
