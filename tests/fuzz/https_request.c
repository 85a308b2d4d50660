/* SPDX-License-Identifier: MIT */
/*
 * A request as text: "METHOD path?query", header lines, an empty line, the body. The owner's token
 * is put in where the text has none, so that the bytes reach the handlers. Whatever they are, there
 * is one answer, in JSON, with the headers that clients need; or the request waits and can be
 * called off. If it left a message for the device, that arrives, in headers that are headers.
 */
#include "fakes.h"

#include <assert.h>

#include "base/json.h"
#include "base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str line_of(struct str *rest)
{
    struct str line;
    (void)str_cut(*rest, '\n', &line, rest);
    return line;
}

static struct http_exchange read_request(struct str text)
{
    struct http_exchange exchange = fake_request("", "", NULL);
    struct str head = line_of(&text);
    struct str target;
    (void)str_cut(head, ' ', &exchange.method, &target);
    (void)str_cut(target, '?', &exchange.path, &exchange.query);
    for (head = line_of(&text); head.size > 0; head = line_of(&text)) {
        struct str name;
        struct str value;
        (void)str_cut(head, ':', &name, &value);
        fake_set_header(&exchange, name, str_trim(value));
    }
    exchange.body = text;
    return exchange;
}

static void check_answer(const struct http_exchange *exchange)
{
    const struct str headers = buf_str(&exchange->answer_headers);
    assert(exchange->status >= 200 && exchange->status < 600);
    assert(buf_status(&exchange->answer_body) == STATUS_OK);
    assert(strstr(headers.data, "x-ms-request-id: ") != NULL);
    if (exchange->status == 204) {
        assert(exchange->answer_body.size == 0);
        return;
    }
    assert(json_check(buf_str(&exchange->answer_body), NULL) == STATUS_OK);
    assert((exchange->status >= 400) == (strstr(headers.data, "iothub-errorcode: ") != NULL));
}

static void check_delivery(void)
{
    CLEANUP(fake_finish)
    struct http_exchange exchange = fake_request("GET", "/devices/d1/messages/deviceBound", NULL);
    fake_send(&exchange);
    struct str rest = buf_str(&exchange.answer_headers);
    while (rest.size > 0) {
        const struct str line = line_of(&rest);
        assert(str_find(line, ':') != SIZE_MAX);
        for (size_t i = 0; i < line.size; i++) {
            assert((unsigned char)line.data[i] >= ' ');
        }
    }
    if (exchange.status >= 300) { /* it was deleted, or disabled */
        check_answer(&exchange);
    }
}

static bool start(void)
{
    static bool started;
    log_set_level(LOG_LEVEL_ERROR);
    if (!started) {
        started = fake_setup(NULL) == 0;
    }
    return started && hub_reset(fake_hub) == HUB_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const bool ready = start();
    assert(ready);
    assert(fake_status("PUT", "/devices/d1", "{}") == 200);
    assert(fake_status("PUT", "/devices/d1/modules/m1", "{}") == 200);

    CLEANUP(fake_finish) struct http_exchange exchange = read_request(str_of(data, size));
    fake_send(&exchange);
    if (exchange.status == 0) {
        fake_leave(&exchange);
    } else {
        check_answer(&exchange);
    }
    check_delivery();
    const bool kept = hubs_commit(fake_hubs);
    assert(kept);
    return 0;
}
