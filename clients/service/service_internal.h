/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_SERVICE_INTERNAL_H
#define CLIENTS_SERVICE_INTERNAL_H

/*
 * What the files of this folder share. The public face is <iothub/service.h>; its calls stand in
 * the file of their subject (identities.c, twins.c ...), build a struct service_request and hand it
 * to request.c.
 */
#include <curl/curl.h>
#include <iothub/service.h>

#include "base/buf.h"
#include "base/connection_string.h"
#include "base/json.h"
#include "base/random.h"
#include "clients/endpoint/endpoint.h"

#define SERVICE_PORT 443U
#define SERVICE_API_VERSION                                                                        \
    "2021-04-12" /* azure-iothub 1.16 (Node), azure-iot-hub 2.7 (Python)                           \
                  */
#define SERVICE_USER_AGENT      "iothub-service-c/0.1"
#define SERVICE_URL_SIZE_MAX    8192U
#define SERVICE_BODY_SIZE_MAX   ((size_t)8 * 1024 * 1024) /* a hundred twins of the largest size */
#define SERVICE_ANSWER_SIZE_MAX ((size_t)128 * 1024 * 1024) /* a page of the largest twins */
#define SERVICE_LINE_SIZE_MAX   8192U /* of a header, as one with a token or a continuation */

enum {
    SERVICE_CONNECT_TIMEOUT_S = 15,
    SERVICE_TIMEOUT_S = 60,
    SERVICE_RETRY_TIME_S = 60,
    SERVICE_TOKEN_LIFETIME_S = 3600,
    SERVICE_TIME_S_MAX = 86400,
    SERVICE_ID_SIZE_MAX = 128, /* service API reference, 2.5 */
};

struct iothub_service {
    char *text;                     /* owned: the connection string */
    struct connection_string parts; /* in text */
    struct endpoint endpoint;
    long connect_timeout_s;
    long timeout_s;
    int64_t retry_time_s;
    bool (*stop)(void *ctx); /* NULL: nobody asks */
    void *stop_ctx;

    struct buf token; /* owned; empty until the first request */
    int64_t token_made_at_s;
    int64_t token_lifetime_s;

    struct random random; /* for the jitter */
    CURL *curl;           /* owned; keeps the connection */

    /* of the try that is under way */
    bool may_send_again; /* libcurl may, by itself */
    bool sent;
    bool lost;                /* libcurl wanted to and was kept from it */
    bool stopped;             /* by `stop` */
    enum status trust_failed; /* why the roots could not be loaded, if so, */
    struct problem problem;   /* and in words */
    char curl_says[CURL_ERROR_SIZE];
};

void service_destroyp(struct iothub_service **service); /* for CLEANUP */

/* ---- credential.c ---- */

/* Fills parts and endpoint; STATUS_INVALID with a problem for what is no hub's. */
MUST_CHECK enum status service_read_connection_string(struct str text,
                                                      struct iothub_service *service,
                                                      struct problem *problem);

/* Makes sure that service->token will do for a request. */
MUST_CHECK enum status service_token_refresh(struct iothub_service *service,
                                             struct problem *problem);
bool service_token_is_fresh(int64_t made_at_s, int64_t lifetime_s, int64_t now_s); /* pure */

/* ---- request.c: a request, sent again where that is right ---- */

struct service_request {
    const char *verb;        /* "GET" ... */
    bool reads_only;         /* may be sent again when nobody knows whether it was heard */
    struct buf url;          /* owned */
    struct str body;         /* JSON; size 0: none */
    const char *etag;        /* If-Match; NULL: without */
    int page_size;           /* x-ms-max-item-count; 0: without */
    struct str continuation; /* x-ms-continuation; size 0: without */
    long extra_time_s;       /* beyond the client's time */
};

/* One that changes something; service_request_init_read() for one that does not. */
void service_request_init(struct service_request *request, const char *verb);
void service_request_init_read(struct service_request *request, const char *verb);
void service_request_finish(struct service_request *request);

enum service_again {
    SERVICE_AGAIN_NEVER,
    SERVICE_AGAIN_BUSY, /* the hub did nothing and asks for patience */
    SERVICE_AGAIN_LOST, /* sent, and the connection broke before the answer was whole */
};

struct service_answer {
    struct buf body;         /* owned */
    struct buf continuation; /* owned; empty on the last page */
    char item_type[IOTHUB_SERVICE_ITEM_TYPE_SIZE];
    enum service_again again; /* when it is not IOTHUB_OK */
    int64_t retry_after_s;    /* 0: the answer does not say */
};

void service_answer_init(struct service_answer *answer);
void service_answer_finish(struct service_answer *answer);

/*
 * Sends it and takes in the answer; IOTHUB_OK for any status below 300. The body of a refusal is in
 * the answer too.
 */
MUST_CHECK enum iothub_result service_request_send(struct iothub_service *service,
                                                   const struct service_request *request,
                                                   struct service_answer *answer,
                                                   struct iothub_error *error);

/* The same for requests whose answer is a tree, and for those whose answer is of no interest. */
MUST_CHECK enum iothub_result service_exchange(struct iothub_service *service,
                                               const struct service_request *request,
                                               cJSON **ret_tree, struct iothub_error *error);
MUST_CHECK enum iothub_result service_command(struct iothub_service *service,
                                              const struct service_request *request,
                                              struct iothub_error *error);

/* ---- http.c: one try, over libcurl ---- */

/* Gets the handle ready for the first request. */
MUST_CHECK enum status service_http_open(struct iothub_service *service, const char *user_agent);

/* `error` must not be NULL. */
MUST_CHECK enum iothub_result service_http_try(struct iothub_service *service,
                                               const struct service_request *request,
                                               struct service_answer *answer,
                                               struct iothub_error *error);

/* ---- retry.c ---- */

/*
 * How long to wait after `tries` tries. `retry_after_s` is the hub's wish, 0 when it has none;
 * `chance` is any number. Pure.
 */
int64_t service_retry_wait_ms(int tries, int64_t retry_after_s, uint64_t chance);

/* False when the caller wants to stop. */
MUST_CHECK bool service_retry_sleep(const struct iothub_service *service, int64_t wait_ms);

/* ---- identities.c ---- */

/* Members that follow others: status, capabilities, authentication ... of what was checked. */
void service_append_registration(struct buf *body, bool is_module,
                                 const struct iothub_service_registration *registration);

/* Points into the tree; device_id is NULL when that is no identity's. */
struct iothub_service_id service_id_of(const cJSON *identity);

/* ---- urls.c, pure: each appends the whole address, ids percent-encoded ---- */

/* Both from the host on; `query` is "" or begins with '&'. */
void service_url(struct buf *out, const struct endpoint *endpoint, const char *path,
                 const char *query);

/* `collection` is "devices" or "twins"; `below` is "" for the thing itself, or "/methods" ... */
void service_url_id(struct buf *out, const struct endpoint *endpoint, const char *collection,
                    struct iothub_service_id id, const char *below);

/* ---- check.c, pure: what is sent is checked beforehand, and refused in plain words ---- */

MUST_CHECK enum iothub_result service_check_id(struct iothub_service_id id,
                                               struct iothub_error *error);
MUST_CHECK enum iothub_result service_check_json(const char *what, const char *text,
                                                 struct iothub_error *error);

/* NULL is fine; otherwise it must be fit for a header, and for quotation marks around it. */
MUST_CHECK enum iothub_result service_check_etag(const char *etag, struct iothub_error *error);
MUST_CHECK enum iothub_result service_check_range(const char *what, int value, int min, int max,
                                                  struct iothub_error *error);
MUST_CHECK enum iothub_result service_check_options(const struct iothub_service_options *options,
                                                    struct iothub_error *error);
MUST_CHECK enum iothub_result
service_check_registration(const struct iothub_service_registration *registration,
                           struct iothub_error *error);

/* ---- answer.c, pure: what goes wrong, as the caller sees it; `error` may be NULL ---- */

/* For a status of 300 or more; `code_header` is iothub-errorcode, "" when absent. */
enum iothub_result service_refused(struct iothub_error *error, long http_status,
                                   struct str code_header, struct str body);

/* For what never came to an answer; returns `result`. */
enum iothub_result service_failed(struct iothub_error *error, enum iothub_result result,
                                  const char *format, ...) PRINTF_LIKE(3, 4);
enum iothub_result service_no_memory(struct iothub_error *error);

/* A tree out of an answer's body. */
MUST_CHECK enum iothub_result service_parse(struct str body, cJSON **ret_tree,
                                            struct iothub_error *error);

/* A member that the reference promises; untouched where the answer breaks the promise. */
MUST_CHECK enum iothub_result service_read_int(const cJSON *answer, const char *name,
                                               int *ret_value, struct iothub_error *error);

/* For a text or a request that could not be built: out of memory, or too large. */
enum iothub_result service_not_built(struct iothub_error *error, enum status status);

#endif
