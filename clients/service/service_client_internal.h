/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_SERVICE_CLIENT_INTERNAL_H
#define CLIENTS_SERVICE_CLIENT_INTERNAL_H

/*
 * What the files of this folder share: urls.c writes addresses, request.c speaks HTTPS, answer.c
 * understands refusals, service_client.c is the public face.
 */
#include <curl/curl.h>

#include "base/buf.h"
#include "base/connection_string.h"
#include "clients/endpoint/endpoint.h"
#include "clients/service/service_client.h"

#define SERVICE_PORT             443U
#define SERVICE_API_VERSION      "2021-04-12" /* what the SDKs of 2021 and later speak */
#define SERVICE_TOKEN_LIFETIME_S 3600
#define SERVICE_TIMEOUT_S        15L
#define SERVICE_URL_SIZE_MAX     8192U
#define SERVICE_BODY_SIZE_MAX    ((size_t)1024 * 1024)
#define SERVICE_ANSWER_SIZE_MAX  ((size_t)128 * 1024 * 1024) /* a page of the largest twins fits */
#define SERVICE_TOKEN_SIZE_MAX   8192U                       /* of a SAS token or a continuation */

struct service_client {
    char *text;                     /* owned: the connection string */
    struct connection_string parts; /* in text */
    struct endpoint endpoint;
    CURL *curl;             /* owned; keeps the connection */
    struct problem problem; /* why the roots could not be loaded, if so */
    char curl_says[CURL_ERROR_SIZE];
};

struct service_request {
    const char *verb;        /* "GET" ... */
    struct buf url;          /* owned */
    struct str body;         /* JSON; size 0: none */
    const char *etag;        /* If-Match; NULL: without */
    int page_size;           /* x-ms-max-item-count; 0: without */
    struct str continuation; /* x-ms-continuation; size 0: without */
    long extra_time_s;       /* beyond SERVICE_TIMEOUT_S */
};

void service_request_init(struct service_request *request, const char *verb);
void service_request_finish(struct service_request *request);

struct service_answer {
    struct buf body;         /* owned */
    struct buf continuation; /* owned; empty on the last page */
};

void service_answer_init(struct service_answer *answer);
void service_answer_finish(struct service_answer *answer);

/* Sends it and takes in the answer; SERVICE_OK for any status below 300. */
MUST_CHECK enum service_result service_request_send(struct service_client *client,
                                                    const struct service_request *request,
                                                    struct service_answer *answer,
                                                    struct service_error *error);

/* Gets the handle ready for the first request; false when memory was refused. */
MUST_CHECK bool service_request_open(struct service_client *client);

/* urls.c, pure: each appends the whole address, ids percent-encoded. */

void service_url_identity(struct buf *out, const struct endpoint *endpoint,
                          struct service_identity identity);

/* `below` is "" for the twin itself, "/methods" for its direct methods. */
void service_url_twin(struct buf *out, const struct endpoint *endpoint,
                      struct service_identity identity, const char *below);
void service_url_query(struct buf *out, const struct endpoint *endpoint);

/* answer.c, pure */

/* Fills *error for a status of 300 or more; `code_header` is iothub-errorcode, "" when absent. */
void service_error_from_answer(struct service_error *error, long http_status,
                               struct str code_header, struct str body);

/* Fill *error for what never came to an answer, and return SERVICE_FAILED. */
enum service_result service_failed(struct service_error *error, const char *format, ...)
    PRINTF_LIKE(2, 3);
enum service_result service_failed_with(struct service_error *error, enum status status);

#endif
