/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "check.h"

/* Between begin and end stderr leads into a pipe, which holds more than these tests write. */
static int saved_stderr = -1;
static int pipe_out = -1;

static void capture_begin(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    saved_stderr = dup(STDERR_FILENO);
    assert_true(saved_stderr >= 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    (void)close(ends[1]);
    pipe_out = ends[0];
}

static void capture_end(struct buf *ret_text)
{
    (void)fflush(stderr);
    (void)dup2(saved_stderr, STDERR_FILENO);
    (void)close(saved_stderr);
    char part[1000];
    ssize_t size = read(pipe_out, part, sizeof(part));
    while (size > 0) {
        buf_append(ret_text, part, (size_t)size);
        size = read(pipe_out, part, sizeof(part));
    }
    assert_int_equal(size, 0);
    (void)close(pipe_out);
}

/* What follows the time and one space; the time must be one. */
static struct str after_time(struct str line)
{
    int64_t time_us = 0;
    assert_true(line.size > 25);
    assert_true(clock_from_iso(str_of(line.data, 24), &time_us));
    assert_int_equal(line.data[19], '.');
    assert_int_equal(line.data[23], 'Z');
    const int64_t now_us = clock_now_us(&CLOCK_SYSTEM);
    assert_true(time_us <= now_us && time_us > now_us - 60 * CLOCK_SECOND);
    return str_skip(line, 25);
}

static void a_line_says_when_how_bad_where_and_what(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf text = BUF_INIT(100000);
    log_set_level(LOG_LEVEL_INFO);
    capture_begin();
    LOG_INFO("mqtt", "conn=%d device=%s refused", 7, "d1");
    LOG_ERROR("main", "over");
    capture_end(&text);

    struct str first;
    struct str second;
    assert_true(str_cut(buf_str(&text), '\n', &first, &second));
    assert_str_equal(after_time(first), "info  mqtt: conn=7 device=d1 refused");
    assert_str_equal(after_time(second), "error main: over\n");
}

static int evaluations;

static int evaluated(void)
{
    return ++evaluations;
}

static void a_level_shows_itself_and_what_is_worse(void **state)
{
    (void)state;
    for (int shown = LOG_LEVEL_ERROR; shown <= (int)LOG_LEVEL_DEBUG; shown++) {
        log_set_level((enum log_level)shown);
        CLEANUP(buf_finish) struct buf text = BUF_INIT(100000);
        evaluations = 0;
        capture_begin();
        LOG_ERROR("t", "%d", evaluated());
        LOG_WARN("t", "%d", evaluated());
        LOG_INFO("t", "%d", evaluated());
        LOG_DEBUG("t", "%d", evaluated());
        capture_end(&text);
        assert_int_equal(evaluations, shown + 1); /* what is not shown costs nothing */
        int lines = 0;
        for (size_t i = 0; i < text.size; i++) {
            lines += text.data[i] == '\n';
        }
        assert_int_equal(lines, shown + 1);
        assert_true(log_enabled((enum log_level)shown));
        if (shown < (int)LOG_LEVEL_DEBUG) {
            assert_false(log_enabled((enum log_level)(shown + 1)));
        }
    }
}

static void control_characters_of_a_peer_are_written_out(void **state)
{
    (void)state;
    static const struct {
        const char *sent;
        const char *expected;
    } rows[] = {
        {"a\nb", "a\\x0ab\n"},
        {"\x1b[2J", "\\x1b[2J\n"},
        {"\x01\x1f\x7f\t\r", "\\x01\\x1f\\x7f\\x09\\x0d\n"},
        {" ~", " ~\n"},
        {"\xc2\x9b", "\xc2\\x9b\n"},                /* C1 */
        {"\xc2\xa0\xc3\xa9", "\xc2\xa0\xc3\xa9\n"}, /* no control characters */
        {"\xc3\x9b\xe2\x82\xac", "\xc3\x9b\xe2\x82\xac\n"},
        {"", "\n"},
    };
    log_set_level(LOG_LEVEL_INFO);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(buf_finish) struct buf text = BUF_INIT(100000);
        capture_begin();
        LOG_WARN("t", "%s", rows[i].sent);
        capture_end(&text);
        assert_str_equal(str_skip(after_time(buf_str(&text)), strlen("warn  t: ")),
                         rows[i].expected);
    }
}

static void an_endless_text_is_cut_and_still_one_line(void **state)
{
    (void)state;
    static char sent[100000];
    for (int control = 0; control < 2; control++) {
        memset(sent, control ? '\n' : 'x', sizeof(sent) - 1);
        CLEANUP(buf_finish) struct buf text = BUF_INIT(100000);
        capture_begin();
        LOG_ERROR(sent, "%s", sent);
        capture_end(&text);
        assert_true(str_ends(buf_str(&text), control ? STR("\\x0a...\n") : STR("x...\n")));
        assert_true(text.size < 10000);
    }
}

static void levels_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        enum log_level level = LOG_LEVEL_ERROR;
        assert_true(log_level_from_text(str_from(names[i]), &level));
        assert_int_equal(level, i);
    }
    enum log_level level = LOG_LEVEL_WARN;
    static const char *const others[] = {"", "Error", "warning", "debu", "debugg", "trace"};
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        assert_false(log_level_from_text(str_from(others[i]), &level));
    }
    assert_int_equal(level, LOG_LEVEL_WARN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_when_how_bad_where_and_what),
        cmocka_unit_test(a_level_shows_itself_and_what_is_worse),
        cmocka_unit_test(control_characters_of_a_peer_are_written_out),
        cmocka_unit_test(an_endless_text_is_cut_and_still_one_line),
        cmocka_unit_test(levels_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
