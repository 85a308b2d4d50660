/* SPDX-License-Identifier: MIT */
/*
 * 'h' and the head of a request, or 'f' and a client's frames behind a byte that says in how large
 * pieces they arrive. How input is cut changes nothing, and no frames of ours are malformed.
 */
#include "fuzz.h"

#include <assert.h>
#include <string.h>

#include "net/upgrade_internal.h"
#include "net/websocket_internal.h"

enum { INPUT_MAX = 64 * 1024, OUTPUT_MAX = 1024 * 1024 };

/* ---- heads ---- */

static const struct net_protocol nothing = {.name = "nothing"};
static const struct http_websocket table[] = {
    {.sub_protocol = "mqtt", .protocol = &nothing},
    {.sub_protocol = "AMQPWSB10", .at_root = true, .protocol = &nothing},
};

static void check_head(struct str head)
{
    enum upgrade known = UPGRADE_NEED_MORE;
    for (size_t cut = 0; cut <= head.size && cut <= 1024; cut++) {
        struct upgrade_answer answer;
        struct problem problem = {.text = ""};
        const enum upgrade what = upgrade_read(str_of(head.data, cut), table, 2, &answer, &problem);
        /* What has been decided stays so, but that nothing may follow a handshake. */
        assert(known == UPGRADE_NEED_MORE || what == known ||
               (known == UPGRADE_ACCEPTED && what == UPGRADE_REFUSED));
        known = what;
        CLEANUP(buf_finish) struct buf out = BUF_INIT(OUTPUT_MAX);
        if (what == UPGRADE_ACCEPTED) {
            upgrade_append_accepted(&out, &answer);
            assert(answer.websocket == &table[0] || answer.websocket == &table[1]);
            assert(buf_status(&out) == STATUS_OK);
        } else if (what == UPGRADE_REFUSED) {
            upgrade_append_refused(&out, &answer, problem.text);
            assert(problem.text[0] != '\0' && answer.http_status >= 400);
            assert(buf_status(&out) == STATUS_OK);
        }
    }
}

/* ---- frames ---- */

struct result {
    struct buf payload;
    struct buf out;
    bool ended;
    struct websocket_end end;
    struct websocket *websocket;
};

static struct result read_frames(struct str bytes, size_t piece)
{
    static char scratch[INPUT_MAX];
    struct result result = {.payload = BUF_INIT(OUTPUT_MAX), .out = BUF_INIT(OUTPUT_MAX)};
    const enum status made = websocket_create(OUTPUT_MAX, &result.websocket);
    assert(made == STATUS_OK);
    while (bytes.size > 0) {
        const size_t size = bytes.size < piece ? bytes.size : piece;
        memcpy(scratch, bytes.data, size);
        const size_t kept = websocket_read(result.websocket, scratch, size, &result.out);
        assert(kept <= size);
        buf_append(&result.payload, scratch, kept);
        bytes = str_skip(bytes, size);
    }
    result.ended = websocket_ended(result.websocket, &result.end);
    buf_append_str(websocket_output(result.websocket), buf_str(&result.payload));
    websocket_frame_output(result.websocket, &result.out);
    websocket_close(result.websocket, &result.out);
    return result;
}

static void result_finish(struct result *result)
{
    websocket_destroy(result->websocket);
    buf_finish(&result->payload);
    buf_finish(&result->out);
}

/* Whole frames, none of them masked, the last a close. */
static void check_ours(struct str out)
{
    uint8_t kind = 0;
    while (out.size > 0) {
        const uint8_t *head = (const uint8_t *)out.data;
        kind = head[0];
        assert(kind == 0x82 || kind == 0x8a || kind == 0x88);
        assert(out.size >= 2 && head[1] <= 126);
        const bool longer = head[1] == 126;
        assert(!longer || out.size >= 4);
        const size_t size = longer ? (size_t)head[2] << 8 | head[3] : head[1];
        out = str_skip(out, longer ? 4 : 2);
        assert(size <= out.size);
        out = str_skip(out, size);
    }
    assert(kind == 0x88);
}

static void check_frames(struct str bytes, size_t piece)
{
    CLEANUP(result_finish) struct result whole = read_frames(bytes, INPUT_MAX);
    CLEANUP(result_finish) struct result pieces = read_frames(bytes, piece);
    assert(whole.ended == pieces.ended && whole.end.fault == pieces.end.fault);
    assert(str_equal(buf_str(&whole.payload), buf_str(&pieces.payload)));
    assert(str_equal(buf_str(&whole.out), buf_str(&pieces.out)));
    assert(!whole.ended || strcmp(whole.end.why, pieces.end.why) == 0);
    check_ours(buf_str(&whole.out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && size < INPUT_MAX && data[0] == 'h') {
        check_head(str_of(data + 1, size - 1));
    } else if (size > 1 && size < INPUT_MAX && data[0] == 'f') {
        check_frames(str_of(data + 2, size - 2), data[1] == 0 ? 1 : data[1]);
    }
    return 0;
}
