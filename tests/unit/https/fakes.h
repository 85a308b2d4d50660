/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_HTTPS_FAKES_H
#define TESTS_UNIT_HTTPS_FAKES_H

/*
 * A real hub in memory under an HTTP that only remembers: requests are structures, answers are
 * read from them. The clock stands still.
 */
#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "hub/hub.h"
#include "net/http.h"

enum { FAKE_HEADERS_MAX = 32 };

struct fake_header {
    struct str name, value;
};

/* One request and what became of it. */
struct http_exchange {
    struct str method, path, query, body; /* the caller's */
    struct fake_header headers[FAKE_HEADERS_MAX];
    size_t header_count;

    struct arena arena;
    struct buf answer_body;
    struct buf answer_headers; /* "Name: value\n" each */
    unsigned status;           /* 0: not answered yet */
    void (*gone)(void *ctx);   /* set while the endpoint waits */
    void *gone_ctx;
};

extern struct hub *fake_hub;
extern struct hubs *fake_hubs;
extern const struct net_client_certificate *fake_certificate; /* NULL: clients have none */

int fake_setup(void **state); /* for cmocka_unit_test_setup_teardown() */
int fake_teardown(void **state);

void fake_advance(int64_t seconds); /* the clock stands still but for this */

/* The Authorization of a policy ("iothubowner"); lives until the teardown. */
struct str fake_token(const char *policy);

/* A request with the owner's token and an api-version; `body` may be NULL. */
struct http_exchange fake_request(const char *method, const char *path, const char *body);
void fake_set_header(struct http_exchange *exchange, struct str name, struct str value);
void fake_send(struct http_exchange *exchange);           /* to the endpoint */
void fake_send_too_large(struct http_exchange *exchange); /* to it, as a head without a body */
void fake_leave(struct http_exchange *exchange);          /* the client goes before the answer */
void fake_finish(struct http_exchange *exchange);

/* Sends it, ends the tick, and gives the status. */
unsigned fake_status(const char *method, const char *path, const char *body);

#endif
