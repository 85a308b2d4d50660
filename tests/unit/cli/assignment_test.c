/* SPDX-License-Identifier: MIT */
#include "clients/cli/assignment.h"

#include <stdio.h>

#include "check.h"

static void values_are_written_as_each_reader_wants_them(void **state)
{
    (void)state;
    static const struct {
        enum assignment_form form;
        const char *value;
        const char *line; /* NULL: there is no way to write it */
    } cases[] = {
        {ASSIGNMENT_BASH, "plain", "export V='plain';\n"},
        {ASSIGNMENT_BASH, "", "export V='';\n"},
        {ASSIGNMENT_BASH, "it's $5 `x` \\ \"q\" !\n", "export V='it'\\''s $5 `x` \\ \"q\" !\n';\n"},
        {ASSIGNMENT_PWSH, "a=b;c", "$env:V = 'a=b;c'\n"},
        {ASSIGNMENT_PWSH, "it's $5 `x`", "$env:V = 'it''s $5 `x`'\n"},
        {ASSIGNMENT_PWSH, "\xe2\x80\x98\xe2\x80\x99\xe2\x80\x9a\xe2\x80\x9b\xe2\x80\x9c",
         "$env:V = '\xe2\x80\x98\xe2\x80\x98\xe2\x80\x99\xe2\x80\x99\xe2\x80\x9a\xe2\x80\x9a"
         "\xe2\x80\x9b\xe2\x80\x9b\xe2\x80\x9c'\n"},
        {ASSIGNMENT_DOTENV, "/a/b-c_d.pem", "V=/a/b-c_d.pem\n"},
        {ASSIGNMENT_DOTENV, "", "V=''\n"},
        {ASSIGNMENT_DOTENV, "HostName=h;Key=a+b=", "V='HostName=h;Key=a+b='\n"},
        {ASSIGNMENT_DOTENV, "a b#c $5", "V='a b#c $5'\n"},
        {ASSIGNMENT_DOTENV, "it's", "V=\"it's\"\n"},
        {ASSIGNMENT_DOTENV, "it's $5", NULL},
        {ASSIGNMENT_DOTENV, "it's `x`", NULL},
        {ASSIGNMENT_DOTENV, "it's \"x\"", NULL},
        {ASSIGNMENT_DOTENV, "${HOME}", NULL},
        {ASSIGNMENT_DOTENV, "a\\b", NULL},
        {ASSIGNMENT_DOTENV, "two\nlines", NULL},
        {ASSIGNMENT_DOCKER, "it's \"q\" $5 #x", "V=it's \"q\" $5 #x\n"},
        {ASSIGNMENT_DOCKER, "two\nlines", NULL},
        {ASSIGNMENT_DOCKER, "carriage\rreturn", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_finish) struct buf out = BUF_INIT(1024);
        struct problem problem = {0};
        const enum status status =
            assignment_append(&out, cases[i].form, "V", str_from(cases[i].value), &problem);
        if (cases[i].line == NULL) {
            assert_int_equal(status, STATUS_INVALID);
            assert_int_equal(out.size, 0);
            assert_non_null(strstr(problem.text, "V"));
        } else {
            assert_int_equal(status, STATUS_OK);
            assert_str_equal(buf_str(&out), cases[i].line);
        }
    }
}

static void no_variable_holds_a_nul(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(1024);
    assert_int_equal(assignment_append(&out, ASSIGNMENT_BASH, "V", str_of("a\0b", 3), NULL),
                     STATUS_INVALID);
}

static void forms_are_found_by_name(void **state)
{
    (void)state;
    enum assignment_form form = ASSIGNMENT_DOCKER;
    assert_true(assignment_form_named(STR("bash"), &form));
    assert_int_equal(form, ASSIGNMENT_BASH);
    assert_true(assignment_form_named(STR("docker"), &form));
    assert_int_equal(form, ASSIGNMENT_DOCKER);
    assert_false(assignment_form_named(STR("fish"), &form));
    assert_false(assignment_form_named(STR(""), &form));
    assert_int_equal(form, ASSIGNMENT_DOCKER);
}

/* What a POSIX shell makes of a word is the word: asked from a real one. */
static void a_shell_reads_back_any_byte(void **state)
{
    (void)state;
    char all[255];
    for (size_t i = 0; i < sizeof(all); i++) {
        all[i] = (char)(i + 1);
    }
    CLEANUP(buf_finish) struct buf command = BUF_INIT(4096);
    buf_append_str(&command, STR("printf %s "));
    assignment_append_word(&command, str_of(all, sizeof(all)));
    FILE *shell = popen(command.data, "r");
    assert_non_null(shell);
    char read[sizeof(all) + 1];
    assert_int_equal(fread(read, 1, sizeof(read), shell), sizeof(all));
    assert_int_equal(pclose(shell), 0);
    assert_memory_equal(read, all, sizeof(all));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_written_as_each_reader_wants_them),
        cmocka_unit_test(no_variable_holds_a_nul),
        cmocka_unit_test(forms_are_found_by_name),
        cmocka_unit_test(a_shell_reads_back_any_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
