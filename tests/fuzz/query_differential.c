/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "query_document.h"
#include "query_generator.h"

/*
 * Each input becomes a query; query/ and the naive evaluator answer it over the reference's
 * fixture and some odd documents, and must agree.
 */
enum { TEXT_MAX = 1 << 20, TREE_MAX = 1 << 20 };

static const char odd_documents[] =
    "{\"devices\":["
    "{\"deviceId\":\"odd-1\",\"status\":\"enabled\",\"version\":1,\"tags\":{\"odd\":{\"n\":-0.0,"
    "\"s\":\"\\uE000\",\"t\":true,\"z\":null,\"o\":{\"a\":1,\"b\":2},\"a\":[1,null,\"a\",[2],"
    "{\"x\":1},\"it\\u0027s\"]},\"Tags\":1},\"properties\":{\"desired\":{},\"reported\":{\"n\":"
    "1e308,"
    "\"flag\":null}}},"
    "{\"deviceId\":\"odd-2\",\"status\":\"disabled\",\"version\":1,\"tags\":{\"odd\":{\"n\":0,"
    "\"s\":\"\\uD83D\\uDE00\",\"t\":false,\"z\":\"null\",\"o\":{\"b\":2,\"a\":1},\"a\":[]}},"
    "\"properties\":{\"desired\":{\"$version\":1},\"reported\":{\"n\":1e308,\"big\":31,\"flag\":"
    "\"true\"}}},"
    "{\"deviceId\":\"odd-3\",\"tags\":{\"odd\":\"text\",\"list\":{\"a\":1}},\"parentScopes\":["
    "\"a\","
    "\"ms-azure-iot-edge://edge-1-638\"]},"
    "{\"deviceId\":\"odd-4\",\"tags\":{\"odd\":{\"n\":\"1\",\"s\":\"Z\\u00FCrich\",\"t\":1,\"o\":[]"
    ","
    "\"a\":[[\"a\"],55]}},\"properties\":{\"reported\":{\"n\":-1e308}}}"
    "],\"devices.modules\":["
    "{\"deviceId\":\"odd-1\",\"moduleId\":\"odd\",\"tags\":{\"odd\":{\"n\":2,\"z\":null}}}"
    "],\"devices.jobs\":["
    "{\"deviceId\":\"odd-1\",\"jobId\":\"job-9\",\"jobType\":\"scheduleDeviceMethod\",\"status\":"
    "\"completed\",\"outcome\":{\"deviceMethodResponse\":{\"status\":200,\"payload\":[1]}}}"
    "]}";

static cJSON *read_fixture(void)
{
    FILE *file = fopen(FIXTURES_DIR "/query-vectors.json", "rb");
    assert(file != NULL);
    CLEANUP(buf_finish) struct buf text = BUF_INIT(TEXT_MAX);
    size_t size = 0;
    do {
        void *room = buf_room(&text, 65536);
        assert(room != NULL);
        size = fread(room, 1, 65536, file);
        buf_grown(&text, size);
    } while (size > 0);
    (void)fclose(file);
    CLEANUP(json_destroyp) cJSON *vectors = NULL;
    assert(json_parse(buf_str(&text), &vectors, NULL) == STATUS_OK);
    return cJSON_DetachItemFromObject(vectors, "fixture");
}

/* The fixture with the odd documents after its own; kept for all inputs. */
static const cJSON *fleet(void)
{
    static cJSON *fixture;
    if (fixture == NULL) {
        fixture = read_fixture();
        cJSON *odd = NULL;
        assert(json_parse(str_from(odd_documents), &odd, NULL) == STATUS_OK);
        for (cJSON *collection = odd->child; collection != NULL; collection = collection->next) {
            while (collection->child != NULL) {
                cJSON *document = cJSON_DetachItemFromArray(collection, 0);
                (void)cJSON_AddItemToArray(json_member(fixture, collection->string), document);
            }
        }
        cJSON_Delete(odd);
    }
    return fixture;
}

/* What document_run() says of a SELECT *: ids. */
static cJSON *ids_of(const struct naive_query *query, const cJSON *rows)
{
    const bool devices = strcmp(query->collection, "devices") == 0;
    const char *second = strcmp(query->collection, "devices.jobs") == 0 ? "jobId" : "moduleId";
    cJSON *ids = cJSON_CreateArray();
    for (const cJSON *row = rows->child; row != NULL; row = row->next) {
        cJSON *id = cJSON_Duplicate(json_member(row, "deviceId"), true);
        if (!devices) {
            cJSON *pair = cJSON_CreateArray();
            (void)cJSON_AddItemToArray(pair, id);
            (void)cJSON_AddItemToArray(pair, cJSON_Duplicate(json_member(row, second), true));
            id = pair;
        }
        (void)cJSON_AddItemToArray(ids, id);
    }
    return ids;
}

static void tell(const struct buf *text, const struct buf *answer, const cJSON *expected)
{
    char *wanted = cJSON_PrintUnformatted(expected);
    (void)fprintf(stderr, "%.*s\nquery: %.*s\nnaive: %s\n", STR_ARG(buf_str(text)),
                  STR_ARG(buf_str(answer)), wanted);
    cJSON_free(wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(TREE_MAX);
    CLEANUP(arena_finish) struct arena query_arena = ARENA_INIT(QUERY_ARENA_SIZE);
    CLEANUP(buf_finish) struct buf text = BUF_INIT(TEXT_MAX);
    CLEANUP(buf_finish) struct buf answer = BUF_INIT(TEXT_MAX);
    struct naive_query naive;
    query_generate(str_of(data, size), &arena, &naive, &text);
    assert(buf_status(&text) == STATUS_OK && text.size < QUERY_CHARACTERS_MAX);

    const struct query *query = NULL;
    struct problem problem = {0};
    if (query_parse(buf_str(&text), &query_arena, &query, &problem) != STATUS_OK) {
        (void)fprintf(stderr, "%.*s\n%s\n", STR_ARG(buf_str(&text)), problem.text);
        abort();
    }
    const cJSON *documents = json_member(fleet(), naive.collection);
    document_run(query, documents, &answer);
    CLEANUP(json_destroyp) cJSON *actual = NULL;
    assert(json_parse(buf_str(&answer), &actual, NULL) == STATUS_OK);

    CLEANUP(json_destroyp) cJSON *rows = naive_run(&naive, documents);
    CLEANUP(json_destroyp) cJSON *ids = naive.column_count == 0 ? ids_of(&naive, rows) : NULL;
    const cJSON *expected = ids != NULL ? ids : rows;
    if (!cJSON_Compare(actual, expected, true)) {
        tell(&text, &answer, expected);
        abort();
    }
    return 0;
}
