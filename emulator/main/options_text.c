/* SPDX-License-Identifier: MIT */
#include "main/options_text.h"

#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/str.h"

/* An option, what it takes, and what it does; without an option it is a heading. */
struct option_text {
    const char *option;
    const char *argument;
    const char *text;
};

static const struct option_text options[] = {
    {NULL, NULL, "state"},
    {"--memory", "", "keep everything in memory, gone at the end"},
    {"--data", "DIR", "keep it in DIR (default: data/ in the installation's folder)"},
    {"--sync", "normal|full",
     "survive a killed process (normal, the default) or a power cut (full)"},
    {"--seed", "FILE", "load devices, modules and their twins, and policy keys, from a JSON file"},
    {"--generate-fleet", "N", "make N devices with twins, for load work"},
    {"--fleet-seed", "N", "which fleet: the same number, the same devices and keys (default 1)"},
    {"--keys-from", "FILE", "take the policies' keys from a JSON file"},
    {"--home", "DIR",
     "the installation's folder: certificates and keys (default: $XDG_DATA_HOME/iothub-emulator or "
     "~/.local/share/iothub-emulator)"},

    {NULL, NULL, "network (port 0: any free one)"},
    {"--mqtt-port", "N", "MQTT 3.1.1 over TLS, 8883"},
    {"--https-port", "N", "HTTPS, 443 if it can be bound"},
    {"--https-alt-port", "N", "the same service for those who may not bind 443, 8443"},
    {"--amqp-port", "N", "AMQP 1.0 over TLS, 5671"},
    {"--amqp-plain-port", "N",
     "AMQP 1.0 without TLS, on loopback only, 5672 if it can be bound: what Event Hubs clients use "
     "with UseDevelopmentEmulator=true"},
    {"--control-port", "N", "control API, plain HTTP, 8880"},
    {"--rootless", "", "do not try 443"},
    {"--hostname", "NAME", "one more name to answer to (repeatable)"},
    {"--listen", "ADDR", "listen there instead of 127.0.0.1 and ::1 (repeatable)"},
    {"--control-listen", "ADDR", "the same for the control API"},

    {NULL, NULL, "events, for readers of Event Hubs"},
    {"--events", "LIST", "what they get: telemetry (the default), twin, lifecycle, connection"},
    {"--partitions", "N", "1 to 32, when the data is new (4); later it stays what it was"},
    {"--consumer-groups", "LIST", "groups besides $Default, with commas"},

    {NULL, NULL, "other"},
    {"--ready-file", "FILE",
     "written once everything is up, removed at the end: JSON by which programs find the emulator "
     "(default: ready.json in --public-dir or, without that, in --home)"},
    {"--public-dir", "DIR",
     "what other users of this machine need to find and trust the emulator, for all of them to "
     "read: ready.json, with the policies' keys in it, ca.pem and ca-bundle.pem"},
    {"--log-level", "LEVEL", "error, warn, info (the default) or debug"},
    {"--random-seed", "N", "repeatable ids and keys"},
    {"--check-ready", "", "ask the running emulator's /readyz and exit 0 or 1"},
    {"--version", "", "print the version"},
    {"--help", "", "print this"},
    {"--man", "", "print it as a manual page, for man -l -"},

    {NULL, NULL, "behaviour that the service does not document, each with --set NAME=N"},
    {"token-skew-s", "", "a token counts this long after its expiry, 300"},
    {"token-close-grace-s", "", "and its connection is closed after this, 600"},
    {"subscriptions-max", "", "of a connection, 0: no limit (the default)"},
    {"methods-in-flight", "", "calls to one device at a time, 100"},
    {"query-slice-us", "", "what queries may take of a tick, 500"},
    {"journal-max-mb", "", "the oldest rows go above it, 1024; 0: no limit"},
    {"events-retention-hours", "", "older events are not served, 24"},
    {"event-readers-max", "", "of a partition and group, without epoch, 5"},
    {"c2d-on-first-subscribe", "", "MQTT clients get what waited already, 1"},
    {"c2d-ttl-s", "", "a cloud-to-device message lives so long, 3600"},
    {"c2d-lock-s", "", "nobody settled it: it comes back, 60"},
    {"c2d-deliveries-max", "", "given back so often it is dropped, 10"},
    {"c2d-lock-end-counts", "", "1: a lock's end counts as giving back, 0"},
    {"feedback-window-ms", "", "after it a batch of feedback is closed, 1000"},
    {"feedback-ttl-s", "", "a batch of feedback lives so long, 3600"},
    {"feedback-lock-s", "", "nobody settled it: it comes back, 60"},
    {"feedback-deliveries-max", "", "given back so often it is dropped, 10"},
};

/* ---- for a terminal ---- */

enum { TEXT_COLUMN = 27, LINE_MAX_COLUMNS = 80 };

/* The text from TEXT_COLUMN on, broken between words. */
static void print_wrapped(struct str text, size_t column)
{
    for (bool more = true; more;) {
        struct str word;
        more = str_cut(text, ' ', &word, &text);
        if (column < TEXT_COLUMN) {
            (void)printf("%*s", (int)(TEXT_COLUMN - column), "");
            column = TEXT_COLUMN;
        } else if (column + 1 + word.size > LINE_MAX_COLUMNS) {
            (void)printf("\n%*s", TEXT_COLUMN, "");
            column = TEXT_COLUMN;
        } else {
            (void)putchar(' ');
            column++;
        }
        (void)printf("%.*s", STR_ARG(word));
        column += word.size;
    }
    (void)putchar('\n');
}

void options_print_help(void)
{
    (void)fputs("iothub-emulator: an Azure IoT Hub on this machine\n\n"
                "usage: iothub-emulator [option ...]\n",
                stdout);
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        const struct option_text *option = &options[i];
        if (option->option == NULL) {
            (void)printf("\n%s\n", option->text);
            continue;
        }
        const int column = printf("  %s%s%s", option->option,
                                  option->argument[0] != '\0' ? " " : "", option->argument);
        print_wrapped(str_from(option->text), column < 0 ? 0 : (size_t)column);
    }
}

/* ---- for man(1) ---- */

/* roff reads a hyphen as one that may become another sign, and a backslash as a command. */
static void print_roff(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '-') {
            (void)fputs("\\-", stdout);
        } else if (*at == '\\') {
            (void)fputs("\\e", stdout);
        } else if ((*at == '.' || *at == '\'') && (at == text || at[-1] == '\n')) {
            (void)printf("\\&%c", *at);
        } else {
            (void)putchar(*at);
        }
    }
}

static void print_option(const struct option_text *option)
{
    (void)fputs(".TP\n.B ", stdout);
    print_roff(option->option);
    if (option->argument[0] != '\0') {
        (void)fputs(" \\fI", stdout);
        print_roff(option->argument);
        (void)fputs("\\fR", stdout);
    }
    (void)putchar('\n');
    print_roff(option->text);
    (void)putchar('\n');
}

static const char manual_head[] =
    ".SH NAME\n"
    "iothub\\-emulator \\- an Azure IoT Hub on this machine\n"
    ".SH SYNOPSIS\n"
    ".B iothub\\-emulator\n"
    "[\\fIoption\\fR ...]\n"
    ".SH DESCRIPTION\n"
    "Programs written with the Azure IoT SDKs connect to it with nothing changed but the "
    "connection string: devices over MQTT, AMQP and HTTPS, back ends over HTTPS and AMQP, readers "
    "of telemetry over the protocol of Event Hubs.\n"
    "At the start it prints a connection string and where its certificate authority is;\n"
    ".BR iothub (1)\n"
    "finds it by its ready file.\n"
    "What it refuses it explains on standard error.\n"
    ".SH OPTIONS\n";

static const char manual_tail[] =
    ".SH EXIT STATUS\n"
    ".TP\n.B 0\nIt was ended by SIGTERM or SIGINT and tidied up.\n"
    ".TP\n.B 1\nIt could not start, or could not go on; standard error says why.\n"
    ".TP\n.B 2\nThe command line, or a file named there, was not understood.\n"
    ".SH ENVIRONMENT\n"
    ".TP\n.BR XDG_DATA_HOME \", \" HOME\nWhere the installation's folder is, without "
    "\\fB\\-\\-home\\fR.\n"
    ".TP\n.BR LISTEN_FDS \", \" LISTEN_PID \", \" LISTEN_FDNAMES\n"
    "Sockets that a service manager has opened, as in sd_listen_fds(3). One takes the place of the "
    "listener of its name (mqtt, https, https\\-alt, amqp, amqp\\-plain, control) or of its port; "
    "so "
    "port 443 can be served without a privilege.\n"
    ".TP\n.B NOTIFY_SOCKET\nWho is told READY=1 and STOPPING=1, as in sd_notify(3).\n"
    ".SH FILES\n"
    ".TP\n.I ~/.local/share/iothub\\-emulator/\nThe installation's folder: keys.json, "
    "certificates/, data/ and, while it runs, ready.json.\n"
    ".TP\n.I /var/lib/private/iothub\\-emulator/\nThe same for the system's service.\n"
    ".TP\n.I /run/iothub\\-emulator/\nThe public folder of the system's service.\n"
    ".SH SYSTEM SERVICE\n"
    "The units iothub\\-emulator.socket (port 443) and iothub\\-emulator.service run it for all "
    "users "
    "of this machine, under a user of its own that can do nothing else. They are not enabled "
    "unless "
    "asked:\n"
    ".PP\n.RS\n.EX\n"
    "sudo systemctl enable \\-\\-now iothub\\-emulator.socket iothub\\-emulator.service\n"
    ".EE\n.RE\n"
    ".PP\nOther options: sudo systemctl edit iothub\\-emulator.\n"
    ".SH SEE ALSO\n"
    ".BR iothub (1)\n";

void options_print_man(const char *version)
{
    (void)printf(".TH IOTHUB\\-EMULATOR 1 \"\" \"iothub\\-emulator %s\" \"IoT Hub emulator\"\n",
                 version);
    (void)fputs(manual_head, stdout);
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        if (options[i].option != NULL) {
            print_option(&options[i]);
            continue;
        }
        (void)fputs(".SS \"", stdout);
        print_roff(options[i].text);
        (void)fputs("\"\n", stdout);
    }
    (void)fputs(manual_tail, stdout);
}
