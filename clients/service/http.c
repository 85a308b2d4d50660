/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

#include <openssl/x509_vfy.h>
#include <stdio.h>

/* ---- The handle ---- */

static CURLcode tls_is_set_up(CURL *curl, void *tls, void *ctx)
{
    (void)curl;
    struct iothub_service *service = ctx;
    service->trust_failed = endpoint_trust(tls, &service->problem);
    return service->trust_failed == STATUS_OK ? CURLE_OK : CURLE_ABORTED_BY_CALLBACK;
}

static size_t body_arrived(char *data, size_t size, size_t count, void *ctx)
{
    struct buf *body = ctx;
    buf_append(body, data, size * count);
    return buf_status(body) == STATUS_OK ? size * count : 0;
}

/*
 * Called before each sending. libcurl sends a request again by itself, on a new connection, when
 * the kept one breaks before a byte of the answer came: right for what only reads.
 */
/* NOLINTNEXTLINE(readability-non-const-parameter): the types are libcurl's */
static int about_to_send(void *ctx, char *own_address, char *address, int own_port, int port)
{
    (void)own_address;
    (void)address;
    (void)own_port;
    (void)port;
    struct iothub_service *service = ctx;
    if (service->sent && !service->may_send_again) {
        service->lost = true;
        return CURL_PREREQFUNC_ABORT;
    }
    service->sent = true;
    return CURL_PREREQFUNC_OK;
}

static int waiting(void *ctx, curl_off_t to_come, curl_off_t came, curl_off_t to_go,
                   curl_off_t went)
{
    (void)to_come;
    (void)came;
    (void)to_go;
    (void)went;
    struct iothub_service *service = ctx;
    service->stopped = service->stop(service->stop_ctx);
    return service->stopped ? 1 : 0;
}

static CURLcode set_callbacks(CURL *curl, struct iothub_service *service)
{
    CURLcode code = curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, tls_is_set_up);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, service);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, about_to_send);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_PREREQDATA, service);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_arrived);
    if (service->stop != NULL) {
        code = code ? code : curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        code = code ? code : curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, waiting);
        code = code ? code : curl_easy_setopt(curl, CURLOPT_XFERINFODATA, service);
    }
    return code;
}

static CURLcode set_user_agent(CURL *curl, const char *user_agent)
{
    struct buf text CLEANUP(buf_finish) = BUF_INIT(SERVICE_LINE_SIZE_MAX);
    if (user_agent != NULL) {
        buf_append_format(&text, "%s ", user_agent);
    }
    buf_append_str(&text, STR(SERVICE_USER_AGENT));
    return buf_status(&text) == STATUS_OK ? curl_easy_setopt(curl, CURLOPT_USERAGENT, text.data)
                                          : CURLE_OUT_OF_MEMORY;
}

enum status service_http_open(struct iothub_service *service, const char *user_agent)
{
    CURL *curl = curl_easy_init();
    service->curl = curl;
    if (curl == NULL) {
        return STATUS_NO_MEMORY;
    }
    /* Whom to believe is decided in tls_is_set_up(), as the device client decides it; libcurl's own
     * file of roots is taken away, since a slim machine lacks it and libcurl would fail. */
    CURLcode code = curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    code = code ? code : set_callbacks(curl, service);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    code = code ? code : curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, service->curl_says);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, service->connect_timeout_s);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L); /* fit for threads */
    code = code ? code : set_user_agent(curl, user_agent);
    return code == CURLE_OK ? STATUS_OK : STATUS_NO_MEMORY;
}

/* ---- Headers ---- */

struct header_list {
    struct curl_slist *first;
    bool failed;
};

static void header_list_finish(struct header_list *list)
{
    curl_slist_free_all(list->first);
}

/* Adds the line and empties it for the next. */
static void add(struct header_list *list, struct buf *line)
{
    struct curl_slist *longer = NULL;
    if (buf_status(line) == STATUS_OK) {
        longer = curl_slist_append(list->first, line->data);
    }
    list->failed = list->failed || longer == NULL;
    list->first = longer == NULL ? list->first : longer;
    buf_clear(line);
}

static bool make_headers(const struct iothub_service *service,
                         const struct service_request *request, struct header_list *list)
{
    struct buf line CLEANUP(buf_finish) = BUF_INIT(SERVICE_LINE_SIZE_MAX);
    buf_append_str(&line, STR("Authorization: "));
    buf_append_str(&line, buf_str(&service->token));
    add(list, &line);
    buf_append_str(&line, STR("Accept: application/json"));
    add(list, &line);
    if (request->body.size > 0) {
        buf_append_str(&line, STR("Content-Type: application/json; charset=utf-8"));
        add(list, &line);
    }
    if (request->etag != NULL) {
        buf_append_format(&line, "If-Match: \"%s\"", request->etag);
        add(list, &line);
    }
    if (request->page_size > 0) {
        buf_append_format(&line, "x-ms-max-item-count: %d", request->page_size);
        add(list, &line);
    }
    if (request->continuation.size > 0) {
        buf_append_str(&line, STR("x-ms-continuation: "));
        buf_append_str(&line, request->continuation);
        add(list, &line);
    }
    return !list->failed;
}

static struct str header_of_answer(CURL *curl, const char *name)
{
    struct curl_header *header = NULL;
    if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) {
        return STR_EMPTY;
    }
    return str_from(header->value);
}

/* ---- What went wrong ---- */

static enum iothub_result explain_certificate(const struct iothub_service *service,
                                              struct iothub_error *error)
{
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    long refused = 0;
    (void)curl_easy_getinfo(service->curl, CURLINFO_SSL_VERIFYRESULT, &refused);
    /* X509_V_ERR_UNSPECIFIED is what libcurl starts with: then it was libcurl that objected, and
     * to nothing but the host's name. */
    if (refused <= X509_V_ERR_UNSPECIFIED) {
        refused = X509_V_ERR_HOSTNAME_MISMATCH;
    }
    endpoint_explain_certificate(refused, &service->endpoint, &problem);
    return service_failed(error, IOTHUB_UNTRUSTED, "%s", problem.text);
}

static const char *words_for(const struct iothub_service *service, CURLcode code)
{
    if (service->stopped) {
        return "the caller stopped";
    }
    if (service->lost) {
        return "the connection broke";
    }
    return service->curl_says[0] != '\0' ? service->curl_says : curl_easy_strerror(code);
}

static enum iothub_result explain_silence(const struct iothub_service *service, CURLcode code,
                                          struct iothub_error *error)
{
    const struct endpoint *endpoint = &service->endpoint;
    if (code == CURLE_COULDNT_RESOLVE_HOST) {
        return service_failed(error, IOTHUB_UNAVAILABLE, "the host name \"%s\" cannot be found",
                              endpoint->host);
    }
    const bool is_open = service->sent && !service->may_send_again;
    return service_failed(error, IOTHUB_UNAVAILABLE, "no answer from %s, port %u: %s%s",
                          endpoint->host, (unsigned)endpoint->port, words_for(service, code),
                          is_open ? "; whether the hub did what was asked is not known" : "");
}

static enum iothub_result explain(const struct iothub_service *service, CURLcode code,
                                  const struct service_answer *answer, struct iothub_error *error)
{
    if (code == CURLE_OUT_OF_MEMORY || service->trust_failed == STATUS_NO_MEMORY ||
        buf_status(&answer->body) == STATUS_NO_MEMORY) {
        return service_no_memory(error);
    }
    if (service->trust_failed != STATUS_OK) {
        return service_failed(error, IOTHUB_INVALID, "%s", service->problem.text);
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
        return explain_certificate(service, error);
    }
    if (buf_status(&answer->body) == STATUS_LIMIT) {
        return service_failed(error, IOTHUB_UNAVAILABLE,
                              "the hub's answer is larger than %zu MiB: ask for less at a time",
                              SERVICE_ANSWER_SIZE_MAX / 1024 / 1024);
    }
    return explain_silence(service, code, error);
}

/* The request went out, and the connection ended instead of answering. */
static bool is_lost(const struct iothub_service *service, CURLcode code)
{
    return service->lost ||
           (service->sent && (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR ||
                              code == CURLE_GOT_NOTHING || code == CURLE_PARTIAL_FILE));
}

/* ---- The exchange ---- */

static CURLcode set_options(const struct iothub_service *service,
                            const struct service_request *request, struct service_answer *answer,
                            struct curl_slist *headers)
{
    CURL *curl = service->curl;
    /* HTTPGET forgets the body of the request before; the verb is named in any case. */
    CURLcode code = curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    if (request->body.size > 0) {
        const curl_off_t size = (curl_off_t)request->body.size;
        code = code ? code : curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.data);
        code = code ? code : curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, size);
    }
    const long timeout_s = service->timeout_s + request->extra_time_s;
    code = code ? code : curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->verb);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_URL, request->url.data);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout_s);
    return code ? code : curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer->body);
}

/* What a caller may do about a busy hub. */
static void add_wish(struct iothub_error *error, int64_t retry_after_s)
{
    const size_t size = strlen(error->text);
    (void)snprintf(error->text + size, sizeof(error->text) - size, "; it asks to wait %lld s",
                   (long long)retry_after_s);
}

static enum iothub_result take_refusal(struct iothub_service *service, long http_status,
                                       struct service_answer *answer, struct iothub_error *error)
{
    const enum iothub_result result =
        service_refused(error, http_status, header_of_answer(service->curl, "iothub-errorcode"),
                        buf_str(&answer->body));
    curl_off_t retry_after_s = 0;
    (void)curl_easy_getinfo(service->curl, CURLINFO_RETRY_AFTER, &retry_after_s);
    if (result == IOTHUB_UNAVAILABLE) {
        answer->again = SERVICE_AGAIN_BUSY;
        answer->retry_after_s = retry_after_s;
    }
    if (answer->retry_after_s > 0) {
        add_wish(error, answer->retry_after_s);
    }
    return result;
}

static enum iothub_result take_answer(struct iothub_service *service, struct service_answer *answer,
                                      struct iothub_error *error)
{
    long http_status = 0;
    (void)curl_easy_getinfo(service->curl, CURLINFO_RESPONSE_CODE, &http_status);
    if (http_status >= 300) {
        return take_refusal(service, http_status, answer, error);
    }
    const struct str item_type = header_of_answer(service->curl, "x-ms-item-type");
    (void)snprintf(answer->item_type, sizeof(answer->item_type), "%.*s", STR_ARG(item_type));
    buf_append_str(&answer->continuation, header_of_answer(service->curl, "x-ms-continuation"));
    const enum status status = buf_status(&answer->continuation);
    return status == STATUS_OK ? IOTHUB_OK : service_not_built(error, status);
}

enum iothub_result service_http_try(struct iothub_service *service,
                                    const struct service_request *request,
                                    struct service_answer *answer, struct iothub_error *error)
{
    struct header_list headers CLEANUP(header_list_finish) = {.first = NULL};
    buf_clear(&answer->body);
    buf_clear(&answer->continuation);
    answer->again = SERVICE_AGAIN_NEVER;
    answer->retry_after_s = 0;
    service->may_send_again = request->reads_only;
    service->sent = false;
    service->lost = false;
    service->stopped = false;
    service->trust_failed = STATUS_OK;
    service->curl_says[0] = '\0';
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (make_headers(service, request, &headers)) {
        code = set_options(service, request, answer, headers.first);
    }
    code = code ? code : curl_easy_perform(service->curl);
    if (code == CURLE_OK) {
        return take_answer(service, answer, error);
    }
    if (is_lost(service, code)) {
        answer->again = SERVICE_AGAIN_LOST;
    }
    return explain(service, code, answer, error);
}
