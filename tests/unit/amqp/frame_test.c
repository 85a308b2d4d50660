/* SPDX-License-Identifier: MIT */
#include "amqp/frame.h"

#include "amqp/value.h"
#include "base/attr.h"
#include "check.h"

enum { SIZE_MAX_HERE = 4096 };

static void a_frame_ends_where_its_size_says(void **state)
{
    (void)state;
    struct frame frame;
    const struct str heartbeat = STR("\x00\x00\x00\x08\x02\x00\x00\x00more");
    assert_int_equal(frame_read(heartbeat, SIZE_MAX_HERE, &frame, NULL), FRAME_WHOLE);
    assert_int_equal(frame.size, 8);
    assert_int_equal(frame.transfer.format, 0);
    for (size_t cut = 0; cut < 8; cut++) {
        assert_int_equal(frame_read(str_of(heartbeat.data, cut), SIZE_MAX_HERE, &frame, NULL),
                         FRAME_NEED_MORE);
    }
}

static void sizes_on_both_sides_of_the_limits(void **state)
{
    (void)state;
    static const struct {
        struct str head;
        enum frame_result result;
    } rows[] = {
        {{"\x00\x00\x00\x07\x02\x00\x00\x00", 8}, FRAME_MISFRAMED},
        {{"\x00\x00\x00\x08\x02\x00\x00\x00", 8}, FRAME_WHOLE},
        {{"\x00\x00\x00\x08\x01\x00\x00\x00", 8}, FRAME_MISFRAMED},
        {{"\x00\x00\x00\x08\x03\x00\x00\x00", 8}, FRAME_MISFRAMED},
        {{"\x00\x00\x10\x00\x02\x00\x00\x00", 8}, FRAME_NEED_MORE},
        {{"\x00\x00\x10\x01\x02\x00\x00\x00", 8}, FRAME_MISFRAMED},
        {{"\xff\xff\xff\xff\x02\x00\x00\x00", 8}, FRAME_MISFRAMED},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct frame frame;
        assert_int_equal(frame_read(rows[i].head, SIZE_MAX_HERE, &frame, NULL), rows[i].result);
    }
}

/* The body of a transfer: handle, delivery-id, delivery-tag, message-format ... */
static void the_message_format_of_a_transfer_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str body;
        uint32_t format;
    } rows[] = {
        {"batch",
         {"\x00\x53\x14\xc0\x0c\x05\x43\x43\xa0\x01t\x70\x80\x01\x37\x00\x42", 17},
         0x80013700},
        {"batch, list32, handle and id of four bytes, tag of binary32",
         {"\x00\x53\x14\xd0\x00\x00\x00\x19\x00\x00\x00\x04\x70\x00\x00\x00\x01\x70\x00\x00\x00\x02"
          "\xb0\x00\x00\x00\x01t\x70\x80\x01\x37\x00",
          33},
         0x80013700},
        {"batch, a long descriptor and an empty tag, as .NET sends it",
         {"\x00\x80\x00\x00\x00\x00\x00\x00\x00\x14\xc0\x0c\x04\x52\x03\x52\x04\xa0\x00\x70\x80\x01"
          "\x37\x00",
          24},
         0x80013700},
        {"ordinary", {"\x00\x53\x14\xc0\x07\x04\x43\x43\xa0\x01t\x43", 12}, 0},
        {"a small number", {"\x00\x53\x14\xc0\x08\x04\x43\x43\xa0\x01t\x52\x07", 13}, 7},
        {"none given", {"\x00\x53\x14\xc0\x07\x04\x43\x43\xa0\x01t\x40", 12}, 0},
        {"a short list", {"\x00\x53\x14\xc0\x02\x01\x43", 7}, 0},
        {"an empty list", {"\x00\x53\x14\x45", 4}, 0},
        {"another performative",
         {"\x00\x53\x12\xc0\x0b\x04\x43\x43\xa0\x01t\x70\x80\x01\x37\x00", 16},
         0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char bytes[64] = {0, 0, 0, (char)(8 + rows[i].body.size), 2, 0, 0, 0};
        memcpy(bytes + 8, rows[i].body.data, rows[i].body.size);
        struct frame frame;
        assert_int_equal(
            frame_read(str_of(bytes, 8 + rows[i].body.size), SIZE_MAX_HERE, &frame, NULL),
            FRAME_WHOLE);
        if (frame.transfer.format != rows[i].format) {
            fail_msg("%s: %x", rows[i].name, (unsigned)frame.transfer.format);
        }
    }
}

struct read_as {
    enum frame_result result;
    struct frame frame;
};

static struct read_as read_with(struct str descriptor, const char *list, size_t size)
{
    char bytes[96] = {0, 0, 0, (char)(8 + descriptor.size + size), 2, 0, 0, 0};
    memcpy(bytes + 8, descriptor.data, descriptor.size);
    memcpy(bytes + 8 + descriptor.size, list, size);
    struct read_as read = {.frame = {.size = 0}};
    read.result =
        frame_read(str_of(bytes, 8 + descriptor.size + size), SIZE_MAX_HERE, &read.frame, NULL);
    return read;
}

/* The list with one byte changed, behind a short descriptor and behind a long one. */
static void check_both_ways(struct str row, size_t at, int value)
{
    char list[32];
    memcpy(list, row.data, row.size);
    list[at] = (char)value;
    const struct read_as brief = read_with(STR("\x00\x53\x14"), list, row.size);
    const struct read_as full =
        read_with(STR("\x00\x80\x00\x00\x00\x00\x00\x00\x00\x14"), list, row.size);
    if (brief.result != full.result || brief.frame.code != full.frame.code ||
        brief.frame.transfer.format != full.frame.transfer.format) {
        fail_msg("row of %zu bytes, byte %zu is %d", row.size, at, value);
    }
}

/* Transfers of the usual shape take a short way. With a long descriptor they take the other one,
 * and whatever their bytes are, both must come to the same. */
static void the_short_way_and_the_long_way_agree(void **state)
{
    (void)state;
    static const struct str rows[] = {
        {"\xc0\x0f\x06\x43\x70\x00\x00\x00\x07\xa0\x02tg\x52\x05\x42\x41payload", 24},
        {"\xc0\x0c\x05\x43\x43\xa0\x01t\x70\x80\x01\x37\x00\x42\x00\x53\x75", 17},
        {"\xc0\x01\x00rest", 7},
        {"\xc0\x00\x00", 3},
        {"\xc0\x0b\x04\x40\x44\xa0\x00\x70\x00\x00\x00\x01\x45", 14},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        for (size_t at = 0; at < rows[i].size; at++) {
            for (int value = 0; value < 256; value++) {
                check_both_ways(rows[i], at, value);
            }
        }
    }
}

static void the_metrics_an_attach_desires_are_found(void **state)
{
    (void)state;
    static const struct str metric = {"com.microsoft:enable-receiver-runtime-metric", 44};
    static const struct {
        unsigned code, field; /* where the capability stands */
        bool in_array, finds;
    } rows[] = {
        {FRAME_ATTACH, 12, false, true},
        {FRAME_ATTACH, 12, true, true},
        {FRAME_OPEN, 12, true, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(buf_finish) struct buf frame = BUF_INIT(1024);
        buf_append(&frame, "\0\0\0\0\2\0\0\0", 8);
        amqp_append_descriptor(&frame, rows[i].code);
        const struct amqp_open list = amqp_open_list(&frame);
        for (unsigned field = 0; field < rows[i].field; field++) {
            amqp_append_null(&frame);
        }
        if (rows[i].in_array) { /* of symbols: another one, then it */
            buf_append(&frame, "\xe0\x31\x02\xa3\x01x\x2c", 7);
            buf_append_str(&frame, metric);
        } else {
            amqp_append_symbol(&frame, metric);
        }
        amqp_close(&frame, list, rows[i].field + 1);
        frame.data[3] = (char)frame.size;
        struct frame read;
        assert_int_equal(frame_read(buf_str(&frame), SIZE_MAX_HERE, &read, NULL), FRAME_WHOLE);
        assert_int_equal(read.wants_metrics, rows[i].finds);
    }
}

static void what_is_no_performative_is_refused(void **state)
{
    (void)state;
    static const struct {
        struct str body;
        const char *why;
    } rows[] = {
        {{"\x00\x53\x0f\x45", 4}, "the unknown performative 0xf"},
        {{"\x00\x53\x19\x45", 4}, "the unknown performative 0x19"},
        {{"\x00\x53\x99\x45", 4}, "the unknown performative 0x99"},
        {{"\x00\x53\x12\x40", 4}, "no performative"},
        {{"\x00\xa3\x01x\x45", 5}, "no performative"},
        {{"\x45", 1}, "no performative"},
        {{"\x00\x53\x12", 3}, ""},
        {{"\x00\x53\x12\xd0\xff\xff\xff\xff\x00\x00\x00\x01", 12}, ""},
        {{"hello, hub", 10}, ""},
        {{"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 19}, ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char bytes[64] = {0, 0, 0, (char)(8 + rows[i].body.size), 2, 0, 0, 0};
        memcpy(bytes + 8, rows[i].body.data, rows[i].body.size);
        struct frame frame = {.size = 77};
        struct problem problem = {.text = ""};
        assert_int_equal(
            frame_read(str_of(bytes, 8 + rows[i].body.size), SIZE_MAX_HERE, &frame, &problem),
            FRAME_MALFORMED);
        if (strstr(problem.text, rows[i].why) == NULL || problem.text[0] == '\0') {
            fail_msg("row %zu: %s", i, problem.text);
        }
        assert_int_equal(frame.size, 77);
    }
}

static void other_types_of_frames_are_refused(void **state)
{
    (void)state;
    struct frame frame;
    struct problem problem;
    assert_int_equal(
        frame_read(STR("\x00\x00\x00\x08\x02\x01\x00\x00"), SIZE_MAX_HERE, &frame, &problem),
        FRAME_MALFORMED);
    assert_non_null(strstr(problem.text, "SASL in it"));
    assert_int_equal(
        frame_read(STR("\x00\x00\x00\x08\x02\x02\x00\x00"), SIZE_MAX_HERE, &frame, &problem),
        FRAME_MALFORMED);
    assert_non_null(strstr(problem.text, "a type that AMQP 1.0 does not have"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_ends_where_its_size_says),
        cmocka_unit_test(sizes_on_both_sides_of_the_limits),
        cmocka_unit_test(the_message_format_of_a_transfer_is_found),
        cmocka_unit_test(the_short_way_and_the_long_way_agree),
        cmocka_unit_test(the_metrics_an_attach_desires_are_found),
        cmocka_unit_test(what_is_no_performative_is_refused),
        cmocka_unit_test(other_types_of_frames_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
