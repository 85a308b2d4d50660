/* SPDX-License-Identifier: MIT */
#include "clients/cli/control.h"

#include <stdio.h>

#include <curl/curl.h>

#include "clients/cli/ready_file.h"

enum { URL_SIZE_MAX = 2048, TIMEOUT_S = 300 }; /* a query of a million twins takes its time */

void control_url(const struct cli_call *call, char ret_url[CONTROL_URL_SIZE])
{
    const char *given = cli_value(call, "control");
    struct ready_file ready;
    if (given != NULL) {
        (void)snprintf(ret_url, CONTROL_URL_SIZE, "%s", given);
        return;
    }
    const bool found = ready_file_find(&ready, NULL) == READY_FOUND && ready.ports.control != 0;
    if (found) {
        (void)snprintf(ret_url, CONTROL_URL_SIZE, "http://127.0.0.1:%u",
                       (unsigned)ready.ports.control);
    } else {
        (void)snprintf(ret_url, CONTROL_URL_SIZE, "%s", CONTROL_DEFAULT);
    }
    ready_file_finish(&ready);
}

static size_t body_arrived(char *data, size_t size, size_t count, void *ctx)
{
    struct buf *body = ctx;
    buf_append(body, data, size * count);
    return buf_status(body) == STATUS_OK ? size * count : 0;
}

static CURLcode send_request(CURL *curl, const char *method, const char *url, struct str json,
                             struct buf *body)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (headers == NULL) {
        return CURLE_OUT_OF_MEMORY;
    }
    const CURLcode codes[] = {
        curl_easy_setopt(curl, CURLOPT_URL, url),
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https"),
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers),
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json.data == NULL ? "" : json.data),
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)json.size),
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method),
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_arrived),
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, body),
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S),
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*"), /* it is on this machine */
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L),
    };
    CURLcode code = CURLE_OK;
    for (size_t i = 0; i < ARRAY_SIZE(codes) && code == CURLE_OK; i++) {
        code = codes[i];
    }
    code = code == CURLE_OK ? curl_easy_perform(curl) : code;
    curl_slist_free_all(headers);
    return code;
}

bool control_request(const char *base, const char *method, const char *path, struct str json,
                     long *ret_http_status, struct buf *body)
{
    CLEANUP(buf_finish) struct buf url = BUF_INIT(URL_SIZE_MAX);
    struct str root = str_from(base);
    root.size -= str_ends(root, STR("/")) ? 1 : 0;
    buf_append_str(&url, root);
    buf_append_str(&url, str_from(path));
    CURL *curl = curl_easy_init();
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (curl != NULL && buf_status(&url) == STATUS_OK) {
        code = send_request(curl, method, url.data, json, body);
    }
    if (code == CURLE_OK) {
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_http_status);
    } else {
        (void)cli_fail(CLI_FAILED,
                       "no answer from the control endpoint at %s: %s. Is the emulator running? "
                       "Another address is given with --control URL",
                       base, curl_easy_strerror(code));
    }
    curl_easy_cleanup(curl);
    return code == CURLE_OK;
}

enum cli_exit control_ask(const char *base, const char *method, const char *path, struct str json,
                          cJSON **ret_answer)
{
    CLEANUP(buf_finish) struct buf answer = BUF_INIT(CONTROL_ANSWER_MAX);
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    long http_status = 0;
    if (!control_request(base, method, path, json, &http_status, &answer)) {
        return CLI_FAILED;
    }
    const bool is_good = http_status >= 200 && http_status < 300;
    if (answer.size > 0 && json_parse(buf_str(&answer), &tree, NULL) != STATUS_OK) {
        return cli_fail(CLI_FAILED, "%s is no control endpoint of an emulator: it answered %ld",
                        base, http_status);
    }
    if (!is_good) {
        const struct str why = json_str(json_member(tree, "error"));
        return cli_fail(CLI_FAILED, "the emulator answered %ld: %.*s", http_status, STR_ARG(why));
    }
    *ret_answer = TAKE(tree);
    return CLI_DONE;
}
