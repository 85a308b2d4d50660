/* SPDX-License-Identifier: MIT */
#include "clients/cli/template.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "check.h"

#define ROOM (1U << 20)
#define SEED 7U
#define NOON INT64_C(1795262400000000) /* 2026-11-21T12:00:00Z */
#define MANY 2000U

struct device {
    struct template template;
    struct random random;
    struct template_state state;
    struct buf out;
    uint64_t n;
};

static void begin(struct device *device, const char *text, uint64_t seed)
{
    *device = (struct device){.out = BUF_INIT(ROOM)};
    struct problem problem = {.text = ""};
    const enum status status = template_parse(str_from(text), &device->template, &problem);
    if (status != STATUS_OK) {
        print_error("%s: %s\n", text, problem.text);
    }
    assert_int_equal(status, STATUS_OK);
    random_init_seed(&device->random, seed);
    assert_int_equal(template_state_init(&device->state, &device->template, &device->random),
                     STATUS_OK);
}

static void end(struct device *device)
{
    buf_finish(&device->out);
    template_state_finish(&device->state);
    template_finish(&device->template);
}

static struct str next(struct device *device)
{
    buf_clear(&device->out);
    const struct template_moment moment = {.device_id = "dev1", .n = ++device->n, .now_us = NOON};
    template_append(&device->out, &device->template, &device->state, &moment);
    assert_int_equal(buf_status(&device->out), STATUS_OK);
    return buf_str(&device->out);
}

static void text_and_places_become_a_message(void **state)
{
    (void)state;
    static const struct {
        const char *template;
        const char *first;
        const char *second;
    } cases[] = {
        {"", "", ""},
        {"hello", "hello", "hello"},
        {"{{n}}", "1", "2"},
        {"{\"n\":{{n}}}", "{\"n\":1}", "{\"n\":2}"},
        {"{\"a\":{\"n\":{{n}}}}", "{\"a\":{\"n\":1}}", "{\"a\":{\"n\":2}}"},
        {"{{ n }} of {{device}}", "1 of dev1", "2 of dev1"},
        {"{{time}}", "2026-11-21T12:00:00.0000000Z", "2026-11-21T12:00:00.0000000Z"},
        {"{{unix}}", "1795262400", "1795262400"},
        {"{{choose  same }}{{int 5 5}}", "same5", "same5"},
        {"{{random -2 -2}}", "-2.00", "-2.00"},
        {"{{walk 1.125 1.125}}", "1.125", "1.125"},
        {"{{wave 0 10 4}}", "10.00", "5.00"},
        {"{{{{n}}", "{{n}}", "{{n}}"}, /* four braces stand for two */
        {"} {", "} {", "} {"},
        {"{{n}}{{n}}", "11", "22"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct device device CLEANUP(end);
        begin(&device, cases[i].template, SEED);
        assert_str_equal(next(&device), cases[i].first);
        assert_str_equal(next(&device), cases[i].second);
    }
}

static void only_places_vary(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool varies;
    } cases[] = {{"", false}, {"{}", false}, {"{{{{n}}", false}, {"a{{n}}", true}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct device device CLEANUP(end);
        begin(&device, cases[i].text, SEED);
        assert_int_equal(template_varies(&device.template), cases[i].varies);
    }
}

static void what_cannot_be_understood_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *problem;
    } cases[] = {
        {"{{walk 1 2", "\"{{walk 1 2\" has no }} after it"},
        {"{{walk}}", "{{walk}} is not whole: {{walk LOW HIGH}}"},
        {"{{walk 1 2 3}}", "{{walk 1 2 3}} is not whole: {{walk LOW HIGH}}"},
        {"{{wave 1 2}}", "{{wave 1 2}} is not whole: {{wave LOW HIGH EVERY}}"},
        {"{{n 1}}", "{{n 1}} is not whole: {{n}}"},
        {"{{walk 1 x}}", "{{walk 1 x}} needs numbers, such as 15 or -3.5"},
        {"{{walk 1 1e3}}", "{{walk 1 1e3}} needs numbers, such as 15 or -3.5"},
        {"{{walk 1 2000000000000}}", "{{walk 1 2000000000000}} needs numbers, such as 15 or -3.5"},
        {"{{walk .5 1}}", "{{walk .5 1}} needs numbers, such as 15 or -3.5"},
        {"{{int 1 1.5}}", "{{int 1 1.5}} needs whole numbers, such as -3 or 15"},
        {"{{random 2 1}}",
         "{{random 2 1}} has its bounds the wrong way round: the lower one is first"},
        {"{{wave 1 2 0.5}}", "{{wave 1 2 0.5}} needs one message or more for its period"},
        {"{{choose}}", "{{choose}} needs words to choose from"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct template template = {0};
        struct problem problem = {.text = ""};
        assert_int_equal(template_parse(str_from(cases[i].text), &template, &problem),
                         STATUS_INVALID);
        assert_string_equal(problem.text, cases[i].problem);
        assert_null(template.parts);
    }
}

static void an_unknown_place_is_told_what_there_is(void **state)
{
    (void)state;
    static const char *const cases[] = {"{{counter}}", "{{}}", "{{ }}", "{{N}}"};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct template template = {0};
        struct problem problem = {.text = ""};
        assert_int_equal(template_parse(str_from(cases[i]), &template, &problem), STATUS_INVALID);
        assert_non_null(strstr(problem.text, "is not known; there are {{n}}, {{device}}"));
        assert_non_null(strstr(problem.text, "{{choose WORD...}}"));
    }
}

static void numbers_stay_within_their_bounds_and_use_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double low;
        double high;
        double spread; /* how much of the range is seen, at least */
    } cases[] = {
        {"{{walk -5 5.5}}", -5, 5.5, 4},
        {"{{random 0 1}}", 0, 1, 0.95},
        {"{{int -3 3}}", -3, 3, 6},
        {"{{wave 10 20 7}}", 10, 20, 9},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct device device CLEANUP(end);
        begin(&device, cases[i].text, SEED);
        double lowest = cases[i].high;
        double highest = cases[i].low;
        for (size_t k = 0; k < MANY; k++) {
            const double value = decimal_decode(next(&device));
            lowest = value < lowest ? value : lowest;
            highest = value > highest ? value : highest;
        }
        assert_true(lowest >= cases[i].low && highest <= cases[i].high);
        assert_true(highest - lowest >= cases[i].spread);
    }
}

static void a_walk_takes_small_steps(void **state)
{
    (void)state;
    struct device device CLEANUP(end);
    begin(&device, "{{walk 0 40}}", SEED);
    double before = decimal_decode(next(&device));
    assert_true(before >= 10 && before <= 30); /* it starts near the middle */
    for (size_t i = 0; i < MANY; i++) {
        const double now = decimal_decode(next(&device));
        assert_true(now - before <= 1.011 && now - before >= -1.011); /* a fortieth, rounded */
        before = now;
    }
}

static void each_word_is_chosen(void **state)
{
    (void)state;
    struct device device CLEANUP(end);
    begin(&device, "{{choose a b c}}", SEED);
    size_t counts[3] = {0};
    for (size_t i = 0; i < MANY; i++) {
        const struct str word = next(&device);
        assert_int_equal(word.size, 1);
        assert_in_range(word.data[0], 'a', 'c');
        counts[word.data[0] - 'a']++;
    }
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        assert_in_range(counts[i], MANY / 4, MANY / 2);
    }
}

static void the_same_seed_gives_the_same_text(void **state)
{
    (void)state;
    static const char text[] = "{{walk 0 9}} {{random 0 9}} {{int 0 9}} {{choose a b}} {{uuid}}";
    struct device one CLEANUP(end);
    struct device same CLEANUP(end);
    struct device other CLEANUP(end);
    begin(&one, text, SEED);
    begin(&same, text, SEED);
    begin(&other, text, SEED + 1);
    for (size_t i = 0; i < 10; i++) {
        char first[256];
        const struct str text_of_one = next(&one);
        (void)snprintf(first, sizeof(first), "%.*s", STR_ARG(text_of_one));
        assert_str_equal(next(&same), first);
        assert_false(str_equal(next(&other), str_from(first)));
    }
}

static void there_is_a_limit_to_its_size_and_its_places(void **state)
{
    (void)state;
    struct buf text CLEANUP(buf_finish) = BUF_INIT(ROOM);
    for (size_t i = 0; i < TEMPLATE_PARTS_MAX; i++) {
        buf_append_str(&text, STR("{{n}}"));
    }
    struct template template CLEANUP(template_finish) = {0};
    assert_int_equal(template_parse(buf_str(&text), &template, NULL), STATUS_OK);
    template_finish(&template);
    buf_append_str(&text, STR("{{n}}"));
    assert_int_equal(template_parse(buf_str(&text), &template, NULL), STATUS_LIMIT);

    buf_clear(&text);
    while (text.size < TEMPLATE_SIZE_MAX) {
        buf_append_byte(&text, 'x');
    }
    assert_int_equal(template_parse(buf_str(&text), &template, NULL), STATUS_OK);
    template_finish(&template);
    template = (struct template){0};
    buf_append_byte(&text, 'x');
    assert_int_equal(template_parse(buf_str(&text), &template, NULL), STATUS_LIMIT);
}

static void parse_and_render(void *ctx)
{
    (void)ctx;
    struct template template CLEANUP(template_finish) = {0};
    if (template_parse(STR("{\"n\": {{n}}, \"t\": {{walk 1 2}}}"), &template, NULL) != STATUS_OK) {
        return;
    }
    struct random random;
    random_init_seed(&random, SEED);
    struct template_state state CLEANUP(template_state_finish) = {0};
    if (template_state_init(&state, &template, &random) == STATUS_OK) {
        struct buf out CLEANUP(buf_finish) = BUF_INIT(ROOM);
        template_append(&out, &template, &state, &(struct template_moment){"d", 1, NOON});
    }
}

static void refused_memory_is_no_crash(void **state)
{
    (void)state;
    check_under_failing_allocations(parse_and_render, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_places_become_a_message),
        cmocka_unit_test(only_places_vary),
        cmocka_unit_test(what_cannot_be_understood_is_told),
        cmocka_unit_test(an_unknown_place_is_told_what_there_is),
        cmocka_unit_test(numbers_stay_within_their_bounds_and_use_them),
        cmocka_unit_test(a_walk_takes_small_steps),
        cmocka_unit_test(each_word_is_chosen),
        cmocka_unit_test(the_same_seed_gives_the_same_text),
        cmocka_unit_test(there_is_a_limit_to_its_size_and_its_places),
        cmocka_unit_test(refused_memory_is_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
