/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/json.h"
#include "control/control_internal.h"

/* POST /query/explain: runs a query to its end and tells how the hub went about it. */

/* In the exchange's arena. */
struct explaining {
    struct http_exchange *exchange;
    struct hub_query_job *job;
    int64_t started_us;
};

static void client_left(void *ctx)
{
    struct explaining *explaining = ctx;
    hub_query_cancel(explaining->job);
}

static void append_explanation(struct buf *body, const struct hub_query_result *result,
                               int64_t took_us)
{
    const struct hub_query_explanation *explanation = result->explanation;
    buf_append_str(body, STR("{\"query\":"));
    json_append_string(body, explanation->text);
    buf_append_str(body, STR(",\"tree\":"));
    json_append_string(body, explanation->tree);
    buf_append_format(body, ",\"itemType\":\"%s\",\"access\":", result->item_type);
    json_append_string(body, str_from(explanation->access));
    buf_append_format(body, ",\"rowsRead\":%llu,\"rowsReturned\":%llu,\"timeMs\":%.3f}\n",
                      (unsigned long long)explanation->rows_read,
                      (unsigned long long)explanation->rows_returned, (double)took_us / 1000.0);
}

static void explained(void *ctx, const struct hub_query_result *result)
{
    struct explaining *explaining = ctx;
    struct http_exchange *exchange = explaining->exchange;
    if (result->code != HUB_OK) {
        control_refuse(exchange, hub_code_http_status(result->code), "%s",
                       result->problem == NULL ? hub_code_name(result->code)
                                               : result->problem->text);
        return;
    }
    append_explanation(http_answer_body(exchange), result,
                       clock_monotonic_us() - explaining->started_us);
    control_answer(exchange, 200, "application/json; charset=utf-8");
}

/* The member "query" of the body, in the exchange's arena; data NULL: refused. */
static struct str read_query(struct http_exchange *exchange)
{
    CLEANUP(json_destroyp) cJSON *body = NULL;
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    struct str text = STR_EMPTY;
    if (json_parse(http_body(exchange), &body, &problem) != STATUS_OK) {
        control_refuse(exchange, 400, "the body is not JSON: %s", problem.text);
        return (struct str){0};
    }
    if (!json_member_str(body, "query", &text) || text.size == 0) {
        control_refuse(exchange, 400, "the body has to be {\"query\": \"SELECT ...\"}");
        return (struct str){0};
    }
    const char *kept = arena_copy(http_arena(exchange), text);
    if (kept == NULL) {
        control_refuse(exchange, 500, "out of memory");
        return (struct str){0};
    }
    return str_of(kept, text.size);
}

void control_explain(struct control *control, struct http_exchange *exchange)
{
    struct hub *hub = control_hub(control, exchange);
    if (hub == NULL) {
        return;
    }
    const struct str text = read_query(exchange);
    if (text.data == NULL) {
        return;
    }
    struct explaining *explaining = ARENA_NEW(http_arena(exchange), struct explaining);
    if (explaining == NULL) {
        control_refuse(exchange, 500, "out of memory");
        return;
    }
    *explaining = (struct explaining){.exchange = exchange, .started_us = clock_monotonic_us()};
    struct hub_query_job *job = NULL;
    const struct hub_query_request request = {
        .text = text, .explains = true, .done = explained, .ctx = explaining};
    hub_query_start(hub, &request, &job);
    if (job != NULL) { /* else it was answered and may be gone */
        explaining->job = job;
        http_wait(exchange, client_left, explaining);
    }
}
