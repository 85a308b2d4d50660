/* SPDX-License-Identifier: MIT */
#include "net/websocket_internal.h"

#include "check.h"

#include "base/str.h"
#include "net/limits.h"

enum { OUTPUT_MAX = 256 * 1024, BYTES_MAX = 2 * 1024 * 1024, PIECE = 64 * 1024 };

static struct websocket *make(void)
{
    struct websocket *websocket = NULL;
    assert_int_equal(websocket_create(OUTPUT_MAX, &websocket), STATUS_OK);
    return websocket;
}

/* ---- a client's frames ---- */

static const uint8_t mask[] = {0x37, 0xfa, 0x21, 0x3d};

struct frame {
    uint8_t first; /* FIN, reserved bits, opcode */
    bool unmasked;
    size_t size; /* of a payload of 'a's, when there is no text */
    const char *text;
};

static void append_length(struct buf *out, size_t size, uint8_t mask_bit)
{
    if (size < 126) {
        buf_append_byte(out, (uint8_t)(mask_bit | size));
        return;
    }
    const int bytes = size < 65536 ? 2 : 8;
    buf_append_byte(out, (uint8_t)(mask_bit | (bytes == 2 ? 126 : 127)));
    for (int i = bytes - 1; i >= 0; i--) {
        buf_append_byte(out, (uint8_t)((uint64_t)size >> 8 * i & 0xff));
    }
}

static void append_frame(struct buf *out, const struct frame *frame)
{
    const size_t size = frame->text != NULL ? strlen(frame->text) : frame->size;
    buf_append_byte(out, frame->first);
    append_length(out, size, frame->unmasked ? 0 : 0x80);
    if (!frame->unmasked) {
        buf_append(out, mask, sizeof(mask));
    }
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = frame->text != NULL ? (uint8_t)frame->text[i] : 'a';
        buf_append_byte(out, frame->unmasked ? byte : byte ^ mask[i % sizeof(mask)]);
    }
}

/* ---- reading as net does: at most a scratch buffer at a time ---- */

struct reading {
    struct buf payload;
    struct buf out;
    bool ended;
    struct websocket_end end;
};

static void reading_finish(struct reading *reading)
{
    buf_finish(&reading->payload);
    buf_finish(&reading->out);
}

static struct reading read_in_pieces(struct websocket *websocket, struct str bytes, size_t piece)
{
    static char scratch[PIECE];
    struct reading reading = {.payload = BUF_INIT(BYTES_MAX), .out = BUF_INIT(BYTES_MAX)};
    while (bytes.size > 0) {
        const size_t size = bytes.size < piece ? bytes.size : piece;
        memcpy(scratch, bytes.data, size);
        const size_t kept = websocket_read(websocket, scratch, size, &reading.out);
        assert_true(kept <= size);
        buf_append(&reading.payload, scratch, kept);
        bytes = str_skip(bytes, size);
    }
    reading.ended = websocket_ended(websocket, &reading.end);
    return reading;
}

static const size_t pieces[] = {1, 2, 3, 5, 7, 13, 125, 4096, 5000, PIECE};

/* ---- what is understood ---- */

static const struct {
    const char *what;
    size_t count;
    struct frame frames[4];
    const char *payload; /* NULL: `size` 'a's */
    size_t size;
    const char *out; /* what is sent back, with its size */
    size_t out_size;
} good[] = {
    {"one frame", 1, {{0x82, false, 0, "hello"}}, "hello", 0, "", 0},
    {"an empty frame", 1, {{0x82, false, 0, ""}}, "", 0, "", 0},
    {"two frames are one stream",
     2,
     {{0x82, false, 0, "ab"}, {0x82, false, 0, "cd"}},
     "abcd",
     0,
     "",
     0},
    {"a fragmented message",
     4,
     {{0x02, false, 0, "ab"}, {0x00, false, 0, ""}, {0x00, false, 0, "cd"}, {0x80, false, 0, "e"}},
     "abcde",
     0,
     "",
     0},
    {"a ping inside a fragmented message",
     3,
     {{0x02, false, 0, "ab"}, {0x89, false, 0, "!?"}, {0x80, false, 0, "cd"}},
     "abcd",
     0,
     "\x8a\x02!?",
     4},
    {"a ping without a payload", 1, {{0x89, false, 0, ""}}, "", 0, "\x8a\x00", 2},
    {"a pong that nobody asked for", 1, {{0x8a, false, 0, "x"}}, "", 0, "", 0},
    {"the shortest length", 1, {{0x82, false, 125, NULL}}, NULL, 125, "", 0},
    {"the shortest length of two bytes", 1, {{0x82, false, 126, NULL}}, NULL, 126, "", 0},
    {"the longest length of two bytes", 1, {{0x82, false, 65535, NULL}}, NULL, 65535, "", 0},
    {"the shortest length of eight bytes", 1, {{0x82, false, 65536, NULL}}, NULL, 65536, "", 0},
    {"the longest frame",
     1,
     {{0x82, false, WEBSOCKET_FRAME_MAX, NULL}},
     NULL,
     WEBSOCKET_FRAME_MAX,
     "",
     0},
};

static void check_good(size_t row, size_t piece)
{
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(BYTES_MAX);
    for (size_t i = 0; i < good[row].count; i++) {
        append_frame(&bytes, &good[row].frames[i]);
    }
    struct websocket *websocket = make();
    CLEANUP(reading_finish)
    struct reading reading = read_in_pieces(websocket, buf_str(&bytes), piece);
    const struct str payload = buf_str(&reading.payload);
    assert_false(reading.ended);
    if (good[row].payload != NULL) {
        assert_true(str_equal(payload, str_from(good[row].payload)));
    } else {
        assert_int_equal(payload.size, good[row].size);
        assert_int_equal(payload.data[0], 'a');
        assert_int_equal(payload.data[payload.size - 1], 'a');
    }
    assert_true(str_equal(buf_str(&reading.out), str_of(good[row].out, good[row].out_size)));
    websocket_destroy(websocket);
}

static void frames_become_a_stream_of_bytes_however_they_arrive(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(pieces); k++) {
            if (pieces[k] < 125 && good[i].size > 100000) {
                continue; /* as good as endless */
            }
            check_good(i, pieces[k]);
        }
    }
}

/* ---- what ends it ---- */

#define CODE(high, low) "\x88\x02" high low, 4

static const struct {
    const char *what;
    struct frame before; /* first == 0: none */
    struct frame frame;
    bool fault;
    const char *out; /* the close frame that is sent */
    size_t out_size;
} ends[] = {
    {"1000", {0}, {0x88, false, 0, "\x03\xe8"}, false, CODE("\x03", "\xe8")},
    {"1001 with a reason", {0}, {0x88, false, 0, "\x03\xe9gone"}, false, CODE("\x03", "\xe9")},
    {"1003", {0}, {0x88, false, 0, "\x03\xeb"}, false, CODE("\x03", "\xeb")},
    {"1007", {0}, {0x88, false, 0, "\x03\xef"}, false, CODE("\x03", "\xef")},
    {"1014", {0}, {0x88, false, 0, "\x03\xf6"}, false, CODE("\x03", "\xf6")},
    {"3000", {0}, {0x88, false, 0, "\x0b\xb8"}, false, CODE("\x0b", "\xb8")},
    {"4999", {0}, {0x88, false, 0, "\x13\x87"}, false, CODE("\x13", "\x87")},
    {"no code", {0}, {0x88, false, 0, ""}, false, "\x88\x00", 2},
    {"half a code", {0}, {0x88, false, 0, "\x03"}, true, CODE("\x03", "\xea")},
    {"999", {0}, {0x88, false, 0, "\x03\xe7"}, true, CODE("\x03", "\xea")},
    {"1004", {0}, {0x88, false, 0, "\x03\xec"}, true, CODE("\x03", "\xea")},
    {"1006", {0}, {0x88, false, 0, "\x03\xee"}, true, CODE("\x03", "\xea")},
    {"1015", {0}, {0x88, false, 0, "\x03\xf7"}, true, CODE("\x03", "\xea")},
    {"2999", {0}, {0x88, false, 0, "\x0b\xb7"}, true, CODE("\x03", "\xea")},
    {"5000", {0}, {0x88, false, 0, "\x13\x88"}, true, CODE("\x03", "\xea")},
    {"a reason that is not UTF-8",
     {0},
     {0x88, false, 0, "\x03\xe8\xff"},
     true,
     CODE("\x03", "\xef")},
    {"an unmasked frame", {0}, {0x82, true, 0, "x"}, true, CODE("\x03", "\xea")},
    {"an unmasked ping", {0}, {0x89, true, 0, "x"}, true, CODE("\x03", "\xea")},
    {"a text frame", {0}, {0x81, false, 0, "x"}, true, CODE("\x03", "\xeb")},
    {"a reserved bit, as of permessage-deflate",
     {0},
     {0xc2, false, 0, "x"},
     true,
     CODE("\x03", "\xea")},
    {"a reserved kind of data", {0}, {0x83, false, 0, "x"}, true, CODE("\x03", "\xea")},
    {"a reserved kind of control", {0}, {0x8b, false, 0, "x"}, true, CODE("\x03", "\xea")},
    {"a continuation of nothing", {0}, {0x80, false, 0, "x"}, true, CODE("\x03", "\xea")},
    {"a continuation of a whole message",
     {0x82, false, 0, "y"},
     {0x80, false, 0, "x"},
     true,
     CODE("\x03", "\xea")},
    {"a message inside a message",
     {0x02, false, 0, "y"},
     {0x82, false, 0, "x"},
     true,
     CODE("\x03", "\xea")},
    {"a fragmented ping", {0}, {0x09, false, 0, "x"}, true, CODE("\x03", "\xea")},
    {"a ping of 126 bytes", {0}, {0x89, false, 126, NULL}, true, CODE("\x03", "\xea")},
    {"a frame that is too long",
     {0},
     {0x82, false, WEBSOCKET_FRAME_MAX + 1, NULL},
     true,
     CODE("\x03", "\xf1")},
};

static void check_end(size_t row, size_t piece)
{
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(BYTES_MAX);
    if (ends[row].before.first != 0) {
        append_frame(&bytes, &ends[row].before);
    }
    append_frame(&bytes, &ends[row].frame);
    append_frame(&bytes, &(struct frame){0x82, false, 0, "never read"});
    struct websocket *websocket = make();
    CLEANUP(reading_finish)
    struct reading reading = read_in_pieces(websocket, buf_str(&bytes), piece);
    const char *payload = ends[row].before.text == NULL ? "" : ends[row].before.text;
    if (!reading.ended || reading.end.fault != ends[row].fault) {
        fail_msg("%s, in pieces of %zu", ends[row].what, piece);
    }
    assert_true(str_equal(buf_str(&reading.payload), str_from(payload)));
    assert_true(strlen(reading.end.why) > 10);
    assert_int_equal(reading.out.size, 0);

    websocket_close(websocket, &reading.out);
    assert_true(str_equal(buf_str(&reading.out), str_of(ends[row].out, ends[row].out_size)));
    websocket_close(websocket, &reading.out);
    assert_int_equal(reading.out.size, ends[row].out_size);
    websocket_destroy(websocket);
}

static void closes_are_echoed_and_broken_rules_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(pieces); k++) {
            if (pieces[k] < 125 && ends[i].frame.size > 100000) {
                continue;
            }
            check_end(i, pieces[k]);
        }
    }
}

static void lengths_must_have_their_shortest_form(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } heads[] = {
        {"\x82\xfe\x00\x7d....", 8},
        {"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff....", 14},
        {"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00....", 14},
    };
    for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
        struct websocket *websocket = make();
        CLEANUP(reading_finish)
        struct reading reading =
            read_in_pieces(websocket, str_of(heads[i].bytes, heads[i].size), PIECE);
        assert_true(reading.ended && reading.end.fault);
        websocket_destroy(websocket);
    }
}

/* ---- writing ---- */

static const struct {
    size_t size;
    const char *head; /* of the first frame */
    size_t head_size;
    size_t sent; /* with all heads */
} outputs[] = {
    {1, "\x82\x01", 2, 3},
    {125, "\x82\x7d", 2, 127},
    {126, "\x82\x7e\x00\x7e", 4, 130},
    {65535, "\x82\x7e\xff\xff", 4, 65539},
    {65536, "\x82\x7e\xff\xff", 4, 65536 + 4 + 2},
    {200000, "\x82\x7e\xff\xff", 4, 200000 + 4 * 4},
};

static void output_becomes_binary_frames_without_a_mask(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
        struct websocket *websocket = make();
        CLEANUP(buf_finish) struct buf out = BUF_INIT(BYTES_MAX);
        for (size_t k = 0; k < outputs[i].size; k++) {
            buf_append_byte(websocket_output(websocket), 'a');
        }
        websocket_frame_output(websocket, &out);
        assert_int_equal(out.size, outputs[i].sent);
        assert_memory_equal(out.data, outputs[i].head, outputs[i].head_size);
        assert_int_equal(out.data[outputs[i].head_size], 'a');
        websocket_frame_output(websocket, &out);
        assert_int_equal(out.size, outputs[i].sent); /* there was nothing more */
        websocket_close(websocket, &out);
        assert_memory_equal(out.data + outputs[i].sent, "\x88\x02\x03\xe8", 4);
        websocket_destroy(websocket);
    }
}

static void a_full_buffer_says_so(void **state)
{
    (void)state;
    struct websocket *websocket = make();
    CLEANUP(buf_finish) struct buf out = BUF_INIT(4);
    buf_append_str(websocket_output(websocket), STR("hello"));
    websocket_frame_output(websocket, &out);
    assert_int_equal(buf_status(&out), STATUS_LIMIT);
    websocket_destroy(websocket);
}

static void all_of_it(void *ctx)
{
    (void)ctx;
    struct websocket *websocket = NULL;
    if (websocket_create(OUTPUT_MAX, &websocket) != STATUS_OK) {
        assert_null(websocket);
        return;
    }
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(BYTES_MAX);
    CLEANUP(buf_finish) struct buf out = BUF_INIT(BYTES_MAX);
    append_frame(&bytes, &(struct frame){0x89, false, 0, "ping"});
    if (buf_status(&bytes) == STATUS_OK) {
        assert_int_equal(websocket_read(websocket, bytes.data, bytes.size, &out), 0);
    }
    buf_append_str(websocket_output(websocket), STR("hello"));
    websocket_frame_output(websocket, &out);
    websocket_close(websocket, &out);
    websocket_destroy(websocket);
}

static void refused_allocations_are_survived(void **state)
{
    (void)state;
    check_under_failing_allocations(all_of_it, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_become_a_stream_of_bytes_however_they_arrive),
        cmocka_unit_test(closes_are_echoed_and_broken_rules_named),
        cmocka_unit_test(lengths_must_have_their_shortest_form),
        cmocka_unit_test(output_becomes_binary_frames_without_a_mask),
        cmocka_unit_test(a_full_buffer_says_so),
        cmocka_unit_test(refused_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
