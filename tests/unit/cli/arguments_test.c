/* SPDX-License-Identifier: MIT */
#include "clients/cli/cli.h"

#include <stdio.h>

#include "check.h"

static enum cli_exit no_run(const struct cli_call *call)
{
    (void)call;
    return CLI_DONE;
}

static const struct cli_option options[] = {
    CLI_OPTION_DEVICE,
    {.name = "module-id", .letter = 'm', .plain = true, .value = "MODULE", .meaning = "a module"},
    {.name = "set", .plain = true, .repeats = true, .value = "PATH=VALUE", .meaning = "a change"},
    {.name = "key-type",
     .alias = "kt|which",
     .value = "KIND",
     .choices = "primary|secondary",
     .meaning = "which key"},
    {.name = "top", .value = "COUNT", .min = 1, .max = 1000, .meaning = "how many"},
    {.name = "force", .letter = 'f', .meaning = "do it all the same"},
};

static const struct cli_command command = {
    .group = "thing", .name = "do", .summary = "do it", CLI_OPTIONS(options), .run = no_run};

/* "a b" -> {"a", "b"}; "_" is an empty argument. */
static bool parse(struct cli_call *call, const struct cli_command *of, const char *line)
{
    static char text[256];
    static const char *arguments[32];
    size_t count = 0;
    (void)snprintf(text, sizeof(text), "%s", line);
    for (char *at = text; *at != '\0';) {
        arguments[count++] = at[0] == '_' && (at[1] == ' ' || at[1] == '\0') ? "" : at;
        at += strcspn(at, " ");
        if (*at != '\0') {
            *at++ = '\0';
        }
    }
    return cli_call_parse(call, of, count, arguments);
}

static void each_spelling_means_the_same(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "d1 m1 --key-type secondary --top 7 --force",
        "--key-type=secondary --top=7 -f d1 m1",
        "--kt secondary d1 --force --top 7 m1",
        "-d d1 -m m1 --kt=secondary --top 7 -f",
        "-dd1 -m=m1 --kt=secondary --top 7 -f",
        "--module-id m1 d1 --kt secondary --top 7 --force", /* only what is unnamed is plain */
        "--kt primary --kt secondary --top 1 --top 7 -f -f d1 m1", /* the last one counts */
        "--kt secondary --top 7 -f -- d1 m1",
        "--which=secondary --top 7 -f d1 m1", /* an alias is one of a list */
    };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct cli_call call;
        assert_true(parse(&call, &command, lines[i]));
        assert_string_equal(cli_value(&call, "device-id"), "d1");
        assert_string_equal(cli_value(&call, "module-id"), "m1");
        assert_string_equal(cli_value(&call, "key-type"), "secondary");
        assert_int_equal(cli_number(&call, "top", 1), 7);
        assert_true(cli_given(&call, "force"));
        assert_false(cli_given(&call, "set"));
        cli_call_finish(&call);
    }
}

static void what_is_not_given_is_told_as_such(void **state)
{
    (void)state;
    struct cli_call call;
    assert_true(parse(&call, &command, "d1"));
    assert_null(cli_value(&call, "module-id"));
    assert_false(cli_given(&call, "force"));
    assert_int_equal(cli_number(&call, "top", 42), 42);
    assert_int_equal(cli_values(&call, "set").count, 0);
    cli_call_finish(&call);
}

static void the_last_plain_option_repeats(void **state)
{
    (void)state;
    struct cli_call call;
    assert_true(parse(&call, &command, "d1 m1 a=1 b=2 c=3"));
    const struct cli_values set = cli_values(&call, "set");
    assert_int_equal(set.count, 3);
    assert_string_equal(set.items[0], "a=1");
    assert_string_equal(set.items[2], "c=3");
    cli_call_finish(&call);
}

static void after_two_hyphens_everything_is_plain(void **state)
{
    (void)state;
    struct cli_call call;
    assert_true(parse(&call, &command, "d1 -- --force -f"));
    assert_string_equal(cli_value(&call, "module-id"), "--force");
    assert_string_equal(cli_value(&call, "set"), "-f");
    assert_false(cli_given(&call, "force"));
    cli_call_finish(&call);
}

static void a_lone_hyphen_and_a_negative_number_are_values(void **state)
{
    (void)state;
    struct cli_call call;
    assert_true(parse(&call, &command, "- --module-id -5"));
    assert_string_equal(cli_value(&call, "device-id"), "-");
    assert_string_equal(cli_value(&call, "module-id"), "-5");
    cli_call_finish(&call);
}

static void what_cannot_be_understood_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",                         /* no device */
        "_",                        /* an empty one */
        "-d _",                     /* the same */
        "d1 --nope",                /* no such option */
        "d1 -x",                    /* nor letter */
        "d1 --",                    /* this one is fine, see below */
        "d1 --top",                 /* no value */
        "d1 --top --force",         /* an option is no value */
        "d1 --top 0",               /* below the range */
        "d1 --top 1001",            /* above it */
        "d1 --top 1x",              /* no number */
        "d1 --top _",               /* likewise */
        "d1 --key-type tertiary",   /* no choice */
        "d1 --key-type primary|se", /* nor is a piece of the list */
        "d1 --key-type _",          /* nor nothing */
        "d1 --force=1",             /* a flag has no value */
        "d1 -fx",                   /* nor this one */
        "d1 --output yaml",         /* options of all commands are checked, too */
    };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct cli_call call;
        const bool fine = strcmp(lines[i], "d1 --") == 0;
        assert_int_equal(parse(&call, &command, lines[i]), fine);
        cli_call_finish(&call);
    }
}

static void one_argument_too_many_is_refused(void **state)
{
    (void)state;
    const struct cli_command narrow = {
        .name = "do", .summary = "do it", .options = options, .option_count = 2, .run = no_run};
    struct cli_call call;
    assert_true(parse(&call, &narrow, "d1 m1"));
    cli_call_finish(&call);
    assert_false(parse(&call, &narrow, "d1 m1 x"));
    cli_call_finish(&call);
}

static void a_program_to_run_keeps_its_options(void **state)
{
    (void)state;
    static const struct cli_option run_options[] = {
        {.name = "quiet", .meaning = "say nothing"},
        {.name = "program", .plain = true, .repeats = true, .value = "COMMAND", .meaning = "it"},
    };
    const struct cli_command run = {.name = "run",
                                    .summary = "run it",
                                    CLI_OPTIONS(run_options),
                                    .runs_a_program = true,
                                    .run = no_run};
    static const char *const lines[] = {"--quiet -- ls --quiet -l", "--quiet ls --quiet -l"};
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct cli_call call;
        assert_true(parse(&call, &run, lines[i]));
        const struct cli_values program = cli_values(&call, "program");
        assert_int_equal(cli_values(&call, "quiet").count, 1);
        assert_int_equal(program.count, 3);
        assert_string_equal(program.items[1], "--quiet");
        cli_call_finish(&call);
    }
}

static void help_forgives_what_is_missing(void **state)
{
    (void)state;
    struct cli_call call;
    assert_true(parse(&call, &command, "--help"));
    assert_true(cli_given(&call, "help"));
    cli_call_finish(&call);
}

static void the_format_is_the_one_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum cli_format format;
    } cases[] = {
        {"d1 -o json", CLI_JSON},
        {"d1 --output=table", CLI_TABLE},
        {"d1 -otsv", CLI_TSV},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct cli_call call;
        assert_true(parse(&call, &command, cases[i].line));
        assert_int_equal(call.format, cases[i].format);
        cli_call_finish(&call);
    }
}

static void parse_once(void *ctx)
{
    struct cli_call call;
    (void)parse(&call, &command, ctx);
    cli_call_finish(&call);
}

static void failing_allocations_are_survived(void **state)
{
    (void)state;
    check_under_failing_allocations(parse_once, (void *)(uintptr_t) "d1 m1 a=1 b=2 --top 5 -f");
}

/* True when a name of `option`, its own or an alias, is an alias of `other`. */
static bool names_share(const struct cli_option *option, const struct cli_option *other)
{
    struct str rest = str_from(other->alias);
    struct str alias = STR_EMPTY;
    while (cli_next_alias(&rest, &alias)) {
        struct str own = str_from(option->alias);
        struct str name = str_from(option->name);
        do {
            if (str_equal(name, alias)) {
                return true;
            }
        } while (cli_next_alias(&own, &name));
    }
    return false;
}

/* Every row of the table can be parsed, explained and completed without surprise. */
static void the_tables_are_well_formed(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *row = cli_commands[i];
        assert_non_null(row->run);
        assert_non_null(row->summary);
        assert_true(row->group == NULL || cli_group_summary(row->group) != NULL);
        bool plain_repeats = false;
        for (size_t j = 0; j < row->option_count; j++) {
            const struct cli_option *option = &row->options[j];
            assert_non_null(option->meaning);
            assert_true(option->value != NULL || (!option->plain && option->choices == NULL));
            assert_false(option->plain && plain_repeats); /* it would never be reached */
            plain_repeats = plain_repeats || (option->plain && option->repeats);
            for (size_t k = 0; k < row->option_count + cli_global_option_count; k++) {
                const struct cli_option *other = k < row->option_count
                                                     ? &row->options[k]
                                                     : &cli_global_options[k - row->option_count];
                assert_true(other == option || strcmp(other->name, option->name) != 0);
                assert_true(other == option || option->letter == '\0' ||
                            other->letter != option->letter);
                assert_false(other != option && names_share(option, other));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_spelling_means_the_same),
        cmocka_unit_test(what_is_not_given_is_told_as_such),
        cmocka_unit_test(the_last_plain_option_repeats),
        cmocka_unit_test(after_two_hyphens_everything_is_plain),
        cmocka_unit_test(a_lone_hyphen_and_a_negative_number_are_values),
        cmocka_unit_test(what_cannot_be_understood_is_refused),
        cmocka_unit_test(one_argument_too_many_is_refused),
        cmocka_unit_test(a_program_to_run_keeps_its_options),
        cmocka_unit_test(help_forgives_what_is_missing),
        cmocka_unit_test(the_format_is_the_one_asked_for),
        cmocka_unit_test(failing_allocations_are_survived),
        cmocka_unit_test(the_tables_are_well_formed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
