/* SPDX-License-Identifier: MIT */
#include "clients/cli/template.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/decimal.h"

enum {
    WORDS_MAX = 64,      /* of one place, its name among them */
    DECIMALS_WANTED = 2, /* of a number, unless its bounds have more */
    DECIMALS_MAX = 9,    /* a double has some 15 digits */
    WALK_STEPS = 40,     /* a random walk takes a fortieth of its range a step, at most */
};

#define BOUND_MAX 1e12 /* whole numbers beyond are not exact with decimals behind them */
#define TWO_PI    6.283185307179586

struct template_part {
    void (*append)(struct buf *out, const struct template_part *part, size_t index,
                   struct template_state *state, const struct template_moment *moment);
    const struct str *words; /* in the arena; a literal's only one is its text */
    size_t word_count;
    double low;
    double high;
    double period;
    int decimals;
};

/* ---- what places become ---- */

/* From 0 up to, but not, 1. */
static double random_fraction(struct random *random)
{
    return (double)(random_u64(random) >> 11) * 0x1p-53;
}

static void append_real(struct buf *out, const struct template_part *part, double value)
{
    buf_append_format(out, "%.*f", part->decimals, value);
}

#define PART_FUNCTION(name)                                                                        \
    static void name(struct buf *out, const struct template_part *part, size_t index,              \
                     struct template_state *state, const struct template_moment *moment)

PART_FUNCTION(append_literal)
{
    (void)index, (void)state, (void)moment;
    buf_append_str(out, part->words[0]);
}

PART_FUNCTION(append_n)
{
    (void)part, (void)index, (void)state;
    buf_append_format(out, "%llu", (unsigned long long)moment->n);
}

PART_FUNCTION(append_device)
{
    (void)part, (void)index, (void)state;
    buf_append_str(out, str_from(moment->device_id));
}

PART_FUNCTION(append_time)
{
    (void)part, (void)index, (void)state;
    clock_append_iso(out, moment->now_us);
}

PART_FUNCTION(append_unix)
{
    (void)part, (void)index, (void)state;
    buf_append_format(out, "%lld", (long long)(moment->now_us / CLOCK_SECOND));
}

PART_FUNCTION(append_uuid)
{
    (void)part, (void)index, (void)moment;
    char text[RANDOM_UUID_SIZE];
    random_uuid(state->random, text);
    buf_append_str(out, str_from(text));
}

PART_FUNCTION(append_random)
{
    (void)index, (void)moment;
    const double fraction = random_fraction(state->random);
    append_real(out, part, part->low + fraction * (part->high - part->low));
}

PART_FUNCTION(append_int)
{
    (void)index, (void)moment;
    const double count = part->high - part->low + 1;
    const double value = part->low + floor(random_fraction(state->random) * count);
    buf_append_format(out, "%.0f", value);
}

PART_FUNCTION(append_choice)
{
    (void)index, (void)moment;
    const size_t choices = part->word_count - 1;
    buf_append_str(out, part->words[1 + (size_t)(random_u64(state->random) % choices)]);
}

/* It starts near the middle, takes steps of any size up to the largest, and is thrown back by its
 * bounds. */
PART_FUNCTION(append_walk)
{
    double *walk = &state->walks[index];
    const double range = part->high - part->low;
    const double fraction = random_fraction(state->random);
    if (moment->n <= 1 || isnan(*walk)) {
        *walk = part->low + range * (0.25 + fraction / 2);
    } else {
        *walk += (2 * fraction - 1) * range / WALK_STEPS;
        *walk = *walk < part->low ? 2 * part->low - *walk : *walk;
        *walk = *walk > part->high ? 2 * part->high - *walk : *walk;
    }
    append_real(out, part, *walk);
}

PART_FUNCTION(append_wave)
{
    (void)index, (void)state;
    const double height = sin(TWO_PI * (double)moment->n / part->period);
    append_real(out, part, part->low + (part->high - part->low) * (height + 1) / 2);
}

static const struct place {
    const char *name;
    const char *needs; /* what follows the name */
    void (*append)(struct buf *out, const struct template_part *part, size_t index,
                   struct template_state *state, const struct template_moment *moment);
    size_t numbers; /* how many numbers it needs, the first two being LOW and HIGH */
    bool whole;     /* whole numbers */
    bool texts;     /* it needs one text or more */
} places[] = {
    {"n", "", append_n, 0, false, false},
    {"device", "", append_device, 0, false, false},
    {"time", "", append_time, 0, false, false},
    {"unix", "", append_unix, 0, false, false},
    {"uuid", "", append_uuid, 0, false, false},
    {"walk", " LOW HIGH", append_walk, 2, false, false},
    {"wave", " LOW HIGH EVERY", append_wave, 3, false, false},
    {"random", " LOW HIGH", append_random, 2, false, false},
    {"int", " LOW HIGH", append_int, 2, true, false},
    {"choose", " WORD...", append_choice, 0, false, true},
};

/* ---- parsing ---- */

static enum status refuse(struct str place, struct problem *problem, const char *what)
{
    problem_set(problem, PROBLEM_NO_OFFSET, "{{%.*s}} %s", (int)(place.size > 60 ? 60 : place.size),
                place.data, what);
    return STATUS_INVALID;
}

static enum status refuse_unknown(struct str place, struct problem *problem)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(PROBLEM_TEXT_SIZE);
    buf_append_str(&text, STR("is not known; there are"));
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        buf_append_format(&text, "%s {{%s%s}}", i == 0 ? "" : ",", places[i].name, places[i].needs);
    }
    return buf_status(&text) == STATUS_OK ? refuse(place, problem, text.data) : buf_status(&text);
}

/* Digits, with a sign before and a point between if need be: what people write. */
static bool read_number(struct str word, bool whole, double *ret_number, int *decimals)
{
    const struct str digits = str_skip(word, str_starts(word, STR("-")) ? 1 : 0);
    struct str before = STR_EMPTY;
    struct str after = STR_EMPTY;
    const bool has_point = str_cut(digits, '.', &before, &after);
    uint64_t ignored = 0;
    if (word.size > 24 || (whole && has_point) || !str_to_u64(before, &ignored) ||
        (has_point && !str_to_u64(after, &ignored)) || after.size > DECIMALS_MAX) {
        return false;
    }
    *ret_number = decimal_decode(word);
    *decimals = (int)after.size > *decimals ? (int)after.size : *decimals;
    return fabs(*ret_number) <= BOUND_MAX;
}

static enum status read_numbers(struct template_part *part, const struct place *place,
                                struct str text, struct problem *problem)
{
    double numbers[3] = {0};
    part->decimals = DECIMALS_WANTED;
    if (part->word_count != 1 + place->numbers) {
        char what[80];
        (void)snprintf(what, sizeof(what), "is not whole: {{%s%s}}", place->name, place->needs);
        return refuse(text, problem, what);
    }
    for (size_t i = 0; i < place->numbers; i++) {
        if (!read_number(part->words[i + 1], place->whole, &numbers[i], &part->decimals)) {
            return refuse(text, problem,
                          place->whole ? "needs whole numbers, such as -3 or 15"
                                       : "needs numbers, such as 15 or -3.5");
        }
    }
    if (numbers[0] > numbers[1]) {
        return refuse(text, problem, "has its bounds the wrong way round: the lower one is first");
    }
    part->low = numbers[0];
    part->high = numbers[1];
    part->period = numbers[2];
    if (place->numbers == 3 && part->period < 1) {
        return refuse(text, problem, "needs one message or more for its period");
    }
    return STATUS_OK;
}

static enum status understand(struct template_part *part, struct str text, struct problem *problem)
{
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        const struct place *place = &places[i];
        if (part->word_count == 0 || !str_equal(part->words[0], str_from(place->name))) {
            continue;
        }
        part->append = place->append;
        if (!place->texts) {
            return read_numbers(part, place, text, problem);
        }
        return part->word_count > 1 ? STATUS_OK
                                    : refuse(text, problem, "needs words to choose from");
    }
    return refuse_unknown(text, problem);
}

static enum status split_words(struct template_part *part, struct str text, struct arena *arena,
                               struct problem *problem)
{
    struct str *words = ARENA_ARRAY(arena, struct str, WORDS_MAX);
    if (words == NULL) {
        return STATUS_NO_MEMORY;
    }
    struct str rest = str_trim(text);
    while (rest.size > 0) {
        if (part->word_count == WORDS_MAX) {
            return refuse(text, problem, "has too many words");
        }
        (void)str_cut(rest, ' ', &words[part->word_count++], &rest);
        rest = str_trim(rest);
    }
    part->words = words;
    return STATUS_OK;
}

static enum status add_literal(struct template *template, struct str text)
{
    if (text.size == 0) {
        return STATUS_OK;
    }
    struct str *word = ARENA_NEW(&template->arena, struct str);
    if (word == NULL) {
        return STATUS_NO_MEMORY;
    }
    *word = text;
    template->parts[template->part_count++] =
        (struct template_part){.append = append_literal, .words = word, .word_count = 1};
    return STATUS_OK;
}

static enum status add_place(struct template *template, struct str text, struct problem *problem)
{
    struct template_part *part = &template->parts[template->part_count++];
    const enum status status = split_words(part, text, &template->arena, problem);
    return status == STATUS_OK ? understand(part, text, problem) : status;
}

/* Index of the first `pair` of the same two characters, or SIZE_MAX. */
static size_t find_pair(struct str text, char c)
{
    for (size_t i = 0; i + 1 < text.size; i++) {
        if (text.data[i] == c && text.data[i + 1] == c) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Takes a literal and the place after it off the front of *rest. */
static enum status take_parts(struct template *template, struct str *rest, struct problem *problem)
{
    const size_t open = find_pair(*rest, '{');
    if (open == SIZE_MAX) {
        const struct str last = *rest;
        *rest = STR_EMPTY;
        return add_literal(template, last);
    }
    if (str_starts(str_skip(*rest, open), STR("{{{{"))) {
        const enum status status = add_literal(template, str_of(rest->data, open + 2));
        *rest = str_skip(*rest, open + 4);
        return status;
    }
    const enum status status = add_literal(template, str_of(rest->data, open));
    *rest = str_skip(*rest, open + 2);
    const size_t size = find_pair(*rest, '}');
    if (status == STATUS_OK && size == SIZE_MAX) {
        problem_set(problem, PROBLEM_NO_OFFSET, "\"{{%.*s\" has no }} after it",
                    (int)(rest->size > 40 ? 40 : rest->size), rest->data);
        return STATUS_INVALID;
    }
    const struct str place = str_of(rest->data, size);
    *rest = str_skip(*rest, size == SIZE_MAX ? size : size + 2);
    return status == STATUS_OK ? add_place(template, place, problem) : status;
}

enum status template_parse(struct str text, struct template *ret_template, struct problem *problem)
{
    struct template template CLEANUP(template_finish) = {.arena = ARENA_INIT(4U << 20)};
    if (text.size > TEMPLATE_SIZE_MAX) {
        problem_set(problem, PROBLEM_NO_OFFSET, "a message has at most %d bytes",
                    (int)TEMPLATE_SIZE_MAX);
        return STATUS_LIMIT;
    }
    const char *copy = arena_copy(&template.arena, text);
    template.parts = ARENA_ARRAY(&template.arena, struct template_part, TEMPLATE_PARTS_MAX + 2);
    enum status status = copy == NULL || template.parts == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    struct str rest = str_of(copy, text.size);
    while (status == STATUS_OK && rest.size > 0) {
        if (template.part_count >= TEMPLATE_PARTS_MAX) {
            problem_set(problem, PROBLEM_NO_OFFSET, "there are too many places in it");
            return STATUS_LIMIT;
        }
        status = take_parts(&template, &rest, problem);
    }
    if (status == STATUS_OK) {
        *ret_template = template;
        template = (struct template){0};
    }
    return status;
}

void template_finish(struct template *template)
{
    if (template != NULL) {
        arena_finish(&template->arena);
    }
}

bool template_varies(const struct template *template)
{
    for (size_t i = 0; i < template->part_count; i++) {
        if (template->parts[i].append != append_literal) {
            return true;
        }
    }
    return false;
}

/* ---- rendering ---- */

enum status template_state_init(struct template_state *state, const struct template *template,
                                struct random *random)
{
    *state = (struct template_state){.random = random};
    state->walks = mem_zalloc((template->part_count + 1) * sizeof(*state->walks));
    for (size_t i = 0; state->walks != NULL && i < template->part_count; i++) {
        state->walks[i] = (double)NAN;
    }
    return state->walks == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

void template_state_finish(struct template_state *state)
{
    if (state != NULL) {
        mem_free(state->walks);
        state->walks = NULL;
    }
}

void template_append(struct buf *out, const struct template *template, struct template_state *state,
                     const struct template_moment *moment)
{
    assert(state->walks != NULL);
    for (size_t i = 0; i < template->part_count; i++) {
        const struct template_part *part = &template->parts[i];
        part->append(out, part, i, state, moment);
    }
}
