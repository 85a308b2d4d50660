/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clients/cli/doctor.h"
#include "clients/cli/files.h"
#include "clients/cli/port_holder.h"

enum { HTTPS_PORT = 443, PATH_SIZE = 4096 };

#define UNPRIVILEGED_FROM "/proc/sys/net/ipv4/ip_unprivileged_port_start"
#define SOCKET_UNIT       "iothub-emulator.socket"
#define SERVICE_UNIT      "iothub-emulator.service"

/* What an emulator listens on, where its ready file says so, and who dials the usual port and no
 * other (SDK matrix, 1a). */
static const struct port {
    const char *what;
    uint16_t usual;
    size_t offset; /* in struct ready_ports */
    bool tls;
    bool essential;  /* an emulator does not start without it */
    unsigned insist; /* SDKs that dial the usual port only */
} ports[] = {
    {"MQTT", 8883, offsetof(struct ready_ports, mqtt), true, true,
     SDK_PYTHON | SDK_JAVA | SDK_C | SDK_DOTNET},
    {"AMQP", 5671, offsetof(struct ready_ports, amqp), true, true,
     SDK_PYTHON | SDK_JAVA | SDK_C | SDK_DOTNET | SDK_AZ},
    {"HTTPS", 8443, offsetof(struct ready_ports, https_alt), true, true, 0},
    {"plain AMQP", 5672, offsetof(struct ready_ports, amqp_plain), false, false, SDK_EVENTHUBS},
    {"control", 8880, offsetof(struct ready_ports, control), false, true, 0},
};

static uint16_t port_of(const struct ready_file *ready, const struct port *port)
{
    uint16_t number = 0;
    memcpy(&number, (const char *)&ready->ports + port->offset, sizeof(number));
    return number;
}

/* ---- somebody else ---- */

static void say_holder(struct doctor *doctor, enum doctor_state state, uint16_t port,
                       const char *consequence)
{
    const struct port_holder holder = port_holder_find(port);
    if (holder.pid == 0) {
        doctor_say(doctor, state, "port %u is held by another program, of another user%s", port,
                   consequence);
        doctor_mend(doctor, "sudo ss -ltnp 'sport = :%u'", port);
        return;
    }
    doctor_say(doctor, state, "port %u is held by process %ld (%s)%s", port, holder.pid,
               holder.command, consequence);
    if (holder.unit[0] != '\0') {
        doctor_mend(doctor, "sudo systemctl stop %s", holder.unit);
    } else {
        doctor_mend(doctor, "kill %ld", holder.pid);
    }
}

/* ---- the emulator ---- */

static bool unit_exists(const char *name)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "/usr/lib/systemd/system/%s", name);
    const bool installed = access(path, F_OK) == 0;
    (void)snprintf(path, sizeof(path), "/etc/systemd/system/%s", name);
    return access("/run/systemd/system", F_OK) == 0 && (installed || access(path, F_OK) == 0);
}

/* The emulator of the ready file is systemd's, which has to start it. */
static bool is_service(const struct doctor *doctor)
{
    const struct port_holder holder = port_holder_find(doctor->ready.ports.control);
    return holder.pid == doctor->ready.pid && strcmp(holder.unit, SERVICE_UNIT) == 0;
}

void doctor_mend_restart(struct doctor *doctor, const char *options)
{
    if (is_service(doctor)) {
        doctor_mend(doctor, "sudo systemctl restart " SERVICE_UNIT);
    } else {
        doctor_mend(doctor, "kill %ld; sleep 2; iothub-emulator%s", doctor->ready.pid, options);
    }
}

void doctor_check_emulator(struct doctor *doctor)
{
    const struct ready_file *ready = &doctor->ready;
    switch (doctor->ready_result) {
    case READY_FOUND:
        doctor_say(doctor, DOCTOR_OK, "process %ld, version %s, hub \"%s\" (%s)", ready->pid,
                   ready->version, ready->hub_name, ready->path);
        return;
    case READY_NONE:
        doctor_say(doctor, DOCTOR_WRONG, "none runs here (%s)", doctor->ready_problem.text);
        break;
    case READY_STALE:
    case READY_UNREADABLE:
        doctor_say(doctor, DOCTOR_WRONG, "%s", doctor->ready_problem.text);
        break;
    }
    doctor_mend(doctor, unit_exists(SERVICE_UNIT) ? "sudo systemctl restart " SERVICE_UNIT
                                                  : "iothub-emulator");
}

/* ---- its ports ---- */

/* A name of its own certificate, and both loopbacks: one of them will do. */
static enum probe_result look_at(const struct doctor *doctor, uint16_t number, bool tls,
                                 struct problem *ret_why, long *ret_certificate_error)
{
    static const char *const loopbacks[] = {"127.0.0.1", "::1"};
    enum probe_result result = PROBE_UNREACHABLE;
    for (size_t i = 0; i < ARRAY_SIZE(loopbacks) && result != PROBE_OK; i++) {
        CLEANUP(probe_finish) struct probe probe;
        probe_init(&probe, DOCTOR_WAIT_MS);
        result = probe_connect(&probe, loopbacks[i], number);
        if (result == PROBE_OK && tls) {
            result = probe_tls(&probe, "localhost", doctor->authority);
        }
        *ret_why = probe.why_not;
        *ret_certificate_error = probe.certificate_error;
        if (result == PROBE_NO_TLS || result == PROBE_SILENT) {
            return result;
        }
    }
    return result;
}

static void say_usual(struct doctor *doctor, const struct port *port, uint16_t number)
{
    if (number == port->usual || port->insist == 0) {
        doctor_say(doctor, DOCTOR_OK, "%s answers on %u", port->what, number);
        return;
    }
    const struct port_holder holder = port_holder_find(port->usual);
    doctor_say(doctor, doctor_needed_by(doctor, port->insist),
               "%s answers on %u, but most SDKs dial %u and no other%s%s", port->what, number,
               port->usual, holder.listening ? ", which somebody else holds: " : "",
               holder.listening ? holder.command : "");
    doctor_mend_restart(doctor, "");
}

static void check_port(struct doctor *doctor, const struct port *port)
{
    const uint16_t number = port_of(&doctor->ready, port);
    if (number == 0) {
        doctor_say(doctor, doctor_needed_by(doctor, port->insist),
                   "%s is not bound: port %u was taken when the emulator started", port->what,
                   port->usual);
        doctor_mend_restart(doctor, "");
        return;
    }
    struct problem why = {0};
    long certificate_error = X509_V_OK;
    const enum probe_result result = look_at(doctor, number, port->tls, &why, &certificate_error);
    const struct port_holder holder = port_holder_find(number);
    if (holder.pid != 0 && holder.pid != doctor->ready.pid) {
        say_holder(doctor, DOCTOR_WRONG, number, ", which is not the emulator of the ready file");
    } else if (result == PROBE_OK) {
        say_usual(doctor, port, number);
    } else {
        doctor_say(doctor, DOCTOR_WRONG, "%s on %u: %s", port->what, number, why.text);
        doctor_mend_restart(doctor, "");
    }
}

/* No emulator runs: can one start? */
static void check_usual(struct doctor *doctor, const struct port *port)
{
    if (port_holder_find(port->usual).listening) {
        say_holder(doctor, port->essential ? DOCTOR_WRONG : DOCTOR_WARNING, port->usual,
                   port->essential ? ": an emulator cannot start" : "");
    }
}

void doctor_check_ports(struct doctor *doctor)
{
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        if (doctor_has_ready(doctor)) {
            check_port(doctor, &ports[i]);
        } else {
            check_usual(doctor, &ports[i]);
        }
    }
}

/* ---- 443 ---- */

/* CAP_NET_BIND_SERVICE is bit 10 of the hexadecimal number behind "CapEff:". */
static bool has_capability(long pid)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(FILES_SIZE_MAX);
    char where[64];
    (void)snprintf(where, sizeof(where), "/proc/%ld/status", pid);
    if (files_read(where, &text, NULL) != STATUS_OK) {
        return false;
    }
    struct str rest = buf_str(&text);
    struct str line;
    while (str_cut(rest, '\n', &line, &rest)) {
        if (str_starts(line, STR("CapEff:")) && line.size > 10) {
            return strchr("4567cdef", line.data[line.size - 3]) != NULL;
        }
    }
    return false;
}

static bool may_bind_443(long pid)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(FILES_SIZE_MAX);
    uint64_t from = 0;
    if (has_capability(pid)) {
        return true;
    }
    if (files_read(UNPRIVILEGED_FROM, &text, NULL) != STATUS_OK) {
        return false;
    }
    struct str line = STR_EMPTY;
    struct str rest = STR_EMPTY;
    (void)str_cut(buf_str(&text), '\n', &line, &rest);
    return str_to_u64(line, &from) && from <= HTTPS_PORT;
}

/* The program that runs, so that it can be given the capability; "" when it is not told. */
static void find_program(const struct doctor *doctor, char program[PATH_SIZE])
{
    char where[64];
    (void)snprintf(where, sizeof(where), "/proc/%ld/exe", doctor->ready.pid);
    const ssize_t size = readlink(where, program, PATH_SIZE - 1);
    program[size < 0 ? 0 : size] = '\0';
}

/* systemd starts no socket of a service that runs already. */
static void mend_443(struct doctor *doctor)
{
    char program[PATH_SIZE];
    find_program(doctor, program);
    if (is_service(doctor) && unit_exists(SOCKET_UNIT)) {
        doctor_mend(doctor,
                    "sudo systemctl enable " SOCKET_UNIT " && sudo systemctl stop " SERVICE_UNIT
                    " && sudo systemctl start " SOCKET_UNIT " " SERVICE_UNIT);
    } else if (program[0] == '/' && access("/usr/sbin/setcap", F_OK) == 0) {
        doctor_mend(doctor, "sudo setcap cap_net_bind_service=+ep %s",
                    doctor_word(doctor, str_from(program)));
    } else {
        doctor_mend(doctor, "sudo sysctl -w net.ipv4.ip_unprivileged_port_start=443");
    }
}

void doctor_check_port_443(struct doctor *doctor)
{
    static const unsigned need_it = SDK_NODE | SDK_DOTNET | SDK_JAVA;
    if (!doctor_has_ready(doctor)) {
        return;
    }
    if (doctor->ready.ports.https == HTTPS_PORT) {
        doctor_say(doctor, DOCTOR_OK,
                   "bound: service SDKs of Node, Java and .NET, and WebSockets, "
                   "will find the hub");
        return;
    }
    const enum doctor_state state = doctor_needed_by(doctor, need_it);
    if (port_holder_find(HTTPS_PORT).listening) {
        say_holder(doctor, state, HTTPS_PORT,
                   ": service SDKs of Node, Java and .NET, and WebSockets, dial it; stop it and "
                   "start the emulator again");
    } else if (may_bind_443(doctor->ready.pid)) {
        doctor_say(doctor, state, "not bound, though it may be: start the emulator again");
        doctor_mend_restart(doctor, "");
    } else {
        doctor_say(doctor, state,
                   "not bound, for want of a privilege: service SDKs of Node, Java and .NET, and "
                   "WebSockets, dial it and no other; mend it once and start the emulator again");
        mend_443(doctor);
    }
}

/* ---- a real hub's ---- */

void doctor_check_remote_ports(struct doctor *doctor)
{
    static const struct {
        uint16_t number;
        const char *what;
    } remote[] = {
        {8883, "MQTT; where a network blocks it, MQTT over WebSockets goes through 443"},
        {5671, "AMQP; where a network blocks it, AMQP over WebSockets goes through 443"},
        {443, "HTTPS and WebSockets"},
    };
    if (!doctor->has_endpoint) {
        return;
    }
    const struct names_answer names = names_resolve(doctor->endpoint.host, DOCTOR_REMOTE_WAIT_MS);
    for (size_t i = 0; i < ARRAY_SIZE(remote) && names.count > 0; i++) {
        CLEANUP(probe_finish) struct probe probe;
        probe_init(&probe, DOCTOR_REMOTE_WAIT_MS);
        if (probe_connect(&probe, names.addresses[0], remote[i].number) == PROBE_OK) {
            doctor_say(doctor, DOCTOR_OK, "%u can be reached", remote[i].number);
        } else {
            doctor_say(doctor, remote[i].number == HTTPS_PORT ? DOCTOR_WRONG : DOCTOR_WARNING,
                       "%u cannot be reached: %s (%s)", remote[i].number, probe.why_not.text,
                       remote[i].what);
        }
    }
}
