/* SPDX-License-Identifier: MIT */
/*
 * What net/ costs by itself: HTTPS requests over kept connections, full handshakes, and the memory
 * of an idle connection. The server is a process of its own, so that its CPU can be told from the
 * client's; both share the machine, so only the CPU per request means much.
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/http.h"
#include "net/tls.h"

enum { CONNECTIONS = 32, SECONDS = 4, IDLE = 1000, REPLY_MAX = 4096 };

/* ---- the server ---- */

static int64_t never(void *ctx)
{
    (void)ctx;
    return INT64_MAX;
}

static void nothing(void *ctx)
{
    (void)ctx;
}

static bool yes(void *ctx)
{
    (void)ctx;
    return true;
}

static void answer(void *ctx, struct http_exchange *exchange)
{
    (void)ctx;
    http_answer_header(exchange, "Content-Type", STR("application/json"));
    buf_append_str(http_answer_body(exchange), STR("{\"deviceId\":\"d1\",\"etag\":\"AAAA\"}"));
    http_answer(exchange, 200);
}

static int serve(const char *directory, int port_pipe)
{
    const struct net_hooks hooks = {.sleep_us = never, .wake = nothing, .commit = yes};
    const struct net_tls_config tls_config = {.directory = directory};
    const struct http_server_config config = {
        .name = "bench", .body_max = 65536, .handle = answer, .too_large = answer};
    struct problem problem = {0};
    struct net *net = NULL;
    struct net_tls *tls = NULL;
    struct http_server *server = NULL;
    enum net_tls_made made;
    uint16_t port = 0;
    if (net_create(&hooks, &net) != STATUS_OK ||
        net_tls_create(&tls_config, &tls, &made, &problem) != STATUS_OK ||
        http_server_create(net, &config, &server) != STATUS_OK) {
        return 1;
    }
    const struct net_listener_config listener = {
        .address = STR("127.0.0.1"), .tls = tls, .protocol = http_protocol(), .endpoint = server};
    if (net_listen(net, &listener, &port, &problem) != STATUS_OK ||
        write(port_pipe, &port, sizeof(port)) != sizeof(port) || net_run(net) != STATUS_OK) {
        return 1;
    }
    http_server_destroy(server);
    net_destroy(net);
    net_tls_destroy(tls);
    return 0;
}

/* ---- the client ---- */

struct client {
    int fd;
    SSL *ssl;
};

static SSL_CTX *context;
static uint16_t port;

static bool client_open(struct client *client)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(port),
                                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    client->ssl = SSL_new(context);
    return connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
           SSL_set_fd(client->ssl, client->fd) == 1 && SSL_connect(client->ssl) == 1;
}

static void client_close(struct client *client)
{
    SSL_shutdown(client->ssl);
    SSL_free(client->ssl);
    close(client->fd);
}

static bool client_ask(struct client *client)
{
    static const char request[] = "GET /devices/d1?api-version=2021-04-12 HTTP/1.1\r\n"
                                  "Host: localhost\r\n"
                                  "Authorization: SharedAccessSignature sr=localhost&sig=AAAA\r\n"
                                  "User-Agent: bench\r\n\r\n";
    return SSL_write(client->ssl, request, sizeof(request) - 1) > 0;
}

static bool client_listen(struct client *client)
{
    char reply[REPLY_MAX];
    int size = 0;
    while (size == 0 || reply[size - 1] != '}') {
        const int got = SSL_read(client->ssl, reply + size, (int)sizeof(reply) - size);
        if (got <= 0) {
            return false;
        }
        size += got;
    }
    return true;
}

/* ---- figures ---- */

/* What the process has spent so far, user and system, from /proc: rusage comes only at its end. */
static double cpu_s(pid_t process)
{
    char path[64];
    char text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)process);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    const size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = '\0';
    struct str rest = str_from(strrchr(text, ')') == NULL ? text : strrchr(text, ')') + 2);
    uint64_t ticks = 0;
    for (int field = 3; field <= 15; field++) { /* utime and stime are fields 14 and 15 */
        struct str word;
        uint64_t value = 0;
        str_cut(rest, ' ', &word, &rest);
        ticks += field >= 14 && str_to_u64(word, &value) ? value : 0;
    }
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static double resident_kib(pid_t process)
{
    char path[64];
    char text[256] = "";
    snprintf(path, sizeof(path), "/proc/%d/statm", (int)process);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    const size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    struct str total;
    struct str rest;
    struct str resident;
    uint64_t pages = 0;
    str_cut(str_of(text, size), ' ', &total, &rest);
    str_cut(rest, ' ', &resident, &rest);
    return str_to_u64(resident, &pages) ? (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024 : 0;
}

static void report(const char *what, uint64_t count, int64_t took_us, double spent_s)
{
    const double seconds = (double)took_us / 1e6;
    printf("%-44s %9.0f /s %8.1f us of server CPU each\n", what, (double)count / seconds,
           spent_s * 1e6 / (double)count);
}

static bool bench_requests(pid_t server, size_t connections)
{
    static struct client clients[CONNECTIONS];
    uint64_t count = 0;
    for (size_t i = 0; i < connections; i++) {
        if (!client_open(&clients[i])) {
            return false;
        }
    }
    const double before_s = cpu_s(server);
    const int64_t begun_us = clock_monotonic_us();
    while (clock_monotonic_us() - begun_us < SECONDS * CLOCK_SECOND) {
        for (size_t i = 0; i < connections; i++) {
            if (!client_ask(&clients[i])) {
                return false;
            }
        }
        for (size_t i = 0; i < connections; i++) {
            if (!client_listen(&clients[i])) {
                return false;
            }
        }
        count += connections;
    }
    char what[64];
    snprintf(what, sizeof(what), "GET over TLS, %zu kept connections", connections);
    report(what, count, clock_monotonic_us() - begun_us, cpu_s(server) - before_s);
    for (size_t i = 0; i < connections; i++) {
        client_close(&clients[i]);
    }
    return true;
}

static bool bench_connects(pid_t server)
{
    uint64_t count = 0;
    const double before_s = cpu_s(server);
    const int64_t begun_us = clock_monotonic_us();
    while (clock_monotonic_us() - begun_us < SECONDS * CLOCK_SECOND) {
        struct client client;
        if (!client_open(&client) || !client_ask(&client) || !client_listen(&client)) {
            return false;
        }
        client_close(&client);
        count++;
    }
    report("full handshake, one GET, close; one by one", count, clock_monotonic_us() - begun_us,
           cpu_s(server) - before_s);
    return true;
}

static bool bench_idle(pid_t server)
{
    static struct client clients[IDLE];
    const double before_kib = resident_kib(server);
    for (size_t i = 0; i < IDLE; i++) {
        if (!client_open(&clients[i]) || !client_ask(&clients[i]) || !client_listen(&clients[i])) {
            return false;
        }
    }
    printf("%-44s %9.1f KiB each\n", "idle HTTPS connection, resident memory",
           (resident_kib(server) - before_kib) / IDLE);
    for (size_t i = 0; i < IDLE; i++) {
        client_close(&clients[i]);
    }
    return true;
}

int main(void)
{
    char directory[] = "/tmp/net-bench-XXXXXX";
    int ports[2];
    if (mkdtemp(directory) == NULL || pipe(ports) != 0) {
        return EXIT_FAILURE;
    }
    const pid_t server = fork();
    if (server == 0) {
        _exit(serve(directory, ports[1]));
    }
    context = SSL_CTX_new(TLS_client_method());
    const bool good = server > 0 && context != NULL &&
                      read(ports[0], &port, sizeof(port)) == sizeof(port) &&
                      bench_requests(server, 1) && bench_requests(server, CONNECTIONS) &&
                      bench_connects(server) && bench_idle(server);
    int result = 1;
    kill(server, SIGTERM);
    waitpid(server, &result, 0);
    SSL_CTX_free(context);
    static const char *const files[] = {"ca.pem",
                                        "ca-key.pem",
                                        "server-ec.pem",
                                        "server-rsa.pem",
                                        "server-ec-key.pem",
                                        "ca-bundle.pem",
                                        "server-rsa-key.pem"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char path[64];
        snprintf(path, sizeof(path), "%s/%s", directory, files[i]);
        unlink(path);
    }
    rmdir(directory);
    return good && result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
