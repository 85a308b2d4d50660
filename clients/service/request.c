/* SPDX-License-Identifier: MIT */
#include "clients/service/service_client_internal.h"

#include <openssl/x509_vfy.h>

#include "base/clock.h"
#include "base/sas.h"

void service_request_init(struct service_request *request, const char *verb)
{
    *request = (struct service_request){.verb = verb, .url = BUF_INIT(SERVICE_URL_SIZE_MAX)};
}

void service_request_finish(struct service_request *request)
{
    buf_finish(&request->url);
}

void service_answer_init(struct service_answer *answer)
{
    buf_init(&answer->body, SERVICE_ANSWER_SIZE_MAX);
    buf_init(&answer->continuation, SERVICE_TOKEN_SIZE_MAX);
}

void service_answer_finish(struct service_answer *answer)
{
    buf_finish(&answer->body);
    buf_finish(&answer->continuation);
}

/* ---- The handle ---- */

static CURLcode tls_is_set_up(CURL *curl, void *tls, void *ctx)
{
    (void)curl;
    struct service_client *client = ctx;
    return endpoint_trust(tls, &client->problem) == STATUS_OK ? CURLE_OK
                                                              : CURLE_ABORTED_BY_CALLBACK;
}

static size_t body_arrived(char *data, size_t size, size_t count, void *ctx)
{
    struct buf *body = ctx;
    buf_append(body, data, size * count);
    return buf_status(body) == STATUS_OK ? size * count : 0;
}

bool service_request_open(struct service_client *client)
{
    CURL *curl = curl_easy_init();
    client->curl = curl;
    if (curl == NULL) {
        return false;
    }
    /* Whom to believe is decided in tls_is_set_up(), as the device client decides it; libcurl's own
     * file of roots is taken away, since a slim machine lacks it and libcurl would fail. */
    CURLcode code = curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, tls_is_set_up);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, client);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_arrived);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->curl_says);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_USERAGENT, "iothub-emulator-service/0.1");
    return code == CURLE_OK;
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

/* Signed for each request: signing is cheap, and a program may sleep for hours between two. */
static enum status append_token(const struct service_client *client, struct buf *line)
{
    const struct connection_string *parts = &client->parts;
    if (parts->shared_access_signature.size > 0) {
        buf_append_str(line, parts->shared_access_signature);
        return buf_status(line);
    }
    const struct clock clock = CLOCK_SYSTEM;
    const int64_t expiry_s = clock_now_us(&clock) / CLOCK_SECOND + SERVICE_TOKEN_LIFETIME_S;
    return sas_sign(line, str_from(client->endpoint.host), parts->shared_access_key,
                    parts->shared_access_key_name, expiry_s);
}

static bool make_headers(const struct service_client *client, const struct service_request *request,
                         struct header_list *list)
{
    struct buf line CLEANUP(buf_finish) = BUF_INIT(SERVICE_TOKEN_SIZE_MAX);
    buf_append_str(&line, STR("Authorization: "));
    if (append_token(client, &line) != STATUS_OK) {
        return false;
    }
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

/* ---- The exchange ---- */

static CURLcode set_options(CURL *curl, const struct service_request *request,
                            struct service_answer *answer, struct curl_slist *headers)
{
    /* HTTPGET forgets the body of the request before; the verb is named in any case. */
    CURLcode code = curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    if (request->body.size > 0) {
        const curl_off_t size = (curl_off_t)request->body.size;
        code = code ? code : curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.data);
        code = code ? code : curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, size);
    }
    const long timeout_s = SERVICE_TIMEOUT_S + request->extra_time_s;
    code = code ? code : curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->verb);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_URL, request->url.data);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout_s);
    return code ? code : curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer->body);
}

static enum service_result explain(struct service_client *client, CURLcode code,
                                   struct service_error *error)
{
    const struct endpoint *endpoint = &client->endpoint;
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    long refused = 0;
    if (code == CURLE_OUT_OF_MEMORY) {
        return service_failed_with(error, STATUS_NO_MEMORY);
    }
    if (code == CURLE_COULDNT_RESOLVE_HOST) {
        return service_failed(error, "the host name \"%s\" cannot be found", endpoint->host);
    }
    if (client->problem.text[0] != '\0') {
        return service_failed(error, "%s", client->problem.text);
    }
    (void)curl_easy_getinfo(client->curl, CURLINFO_SSL_VERIFYRESULT, &refused);
    /* X509_V_ERR_UNSPECIFIED is what libcurl starts with: then it was libcurl that objected, to the
     * host's name, and says so well enough. */
    if (code == CURLE_PEER_FAILED_VERIFICATION && refused > X509_V_ERR_UNSPECIFIED) {
        endpoint_explain_certificate(refused, endpoint, &problem);
        return service_failed(error, "%s", problem.text);
    }
    return service_failed(
        error, "no answer from %s, port %u: %s", endpoint->host, (unsigned)endpoint->port,
        client->curl_says[0] != '\0' ? client->curl_says : curl_easy_strerror(code));
}

enum service_result service_request_send(struct service_client *client,
                                         const struct service_request *request,
                                         struct service_answer *answer, struct service_error *error)
{
    enum status status = buf_status(&request->url);
    status = request->body.size > SERVICE_BODY_SIZE_MAX ? STATUS_LIMIT : status;
    if (status != STATUS_OK) {
        return service_failed_with(error, status);
    }
    struct header_list headers CLEANUP(header_list_finish) = {.first = NULL};
    buf_clear(&answer->body);
    buf_clear(&answer->continuation);
    client->problem.text[0] = '\0';
    client->curl_says[0] = '\0';
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (make_headers(client, request, &headers)) {
        code = set_options(client->curl, request, answer, headers.first);
    }
    code = code ? code : curl_easy_perform(client->curl);
    if (code != CURLE_OK) {
        return explain(client, code, error);
    }
    long http_status = 0;
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &http_status);
    if (http_status >= 300) {
        service_error_from_answer(error, http_status,
                                  header_of_answer(client->curl, "iothub-errorcode"),
                                  buf_str(&answer->body));
        return SERVICE_REFUSED;
    }
    buf_append_str(&answer->continuation, header_of_answer(client->curl, "x-ms-continuation"));
    status = buf_status(&answer->continuation);
    return status == STATUS_OK ? SERVICE_OK : service_failed_with(error, status);
}
