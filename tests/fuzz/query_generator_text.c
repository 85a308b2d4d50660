/* SPDX-License-Identifier: MIT */
#include "query_generator_internal.h"

#include <string.h>

void generator_write_space(struct generator *generator, struct buf *text)
{
    static const char *const spaces[] = {" ", " ", " ", "  ", "\t", "\n", "\r\n"};
    buf_append_str(text, str_from(spaces[generator_pick(generator, ARRAY_SIZE(spaces))]));
}

void generator_write_maybe_space(struct generator *generator, struct buf *text)
{
    if (generator_chance(generator, 4)) {
        generator_write_space(generator, text);
    }
}

void generator_write_any_case(struct generator *generator, struct buf *text, const char *word)
{
    const size_t how = generator_pick(generator, 3);
    for (const char *c = word; *c != '\0'; c++) {
        const bool letter = (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z');
        const uint8_t c_or_other = (uint8_t)*c;
        buf_append_byte(text, !letter || how == 0
                                  ? c_or_other
                                  : (uint8_t)(how == 1 ? c_or_other | 0x20U : c_or_other & 0xDFU));
    }
}

/* A keyword stands between spaces. */
void generator_write_word(struct generator *generator, struct buf *text, const char *word)
{
    generator_write_space(generator, text);
    generator_write_any_case(generator, text, word);
    generator_write_space(generator, text);
}

static void write_name(struct generator *generator, struct buf *text, const char *name)
{
    const bool must = strcmp(name, "group") == 0 || strchr(name, ':') != NULL;
    const bool quoted = must || generator_chance(generator, 6);
    buf_append_format(text, quoted ? "[[%s]]" : "%s", name);
}

void generator_write_path(struct generator *generator, struct buf *text,
                          const struct naive_path *path)
{
    switch (generator_pick(generator, 8)) {
    case 6:
        generator_write_any_case(generator, text, "devices");
        buf_append_byte(text, '.');
        break;
    case 7:
        generator_write_any_case(generator, text, generator->collection);
        buf_append_byte(text, '.');
        break;
    default:
        break;
    }
    /* The first name is the system's, and `desired` after `properties` too. */
    if (naive_is_system_name(generator->collection, path->names[0])) {
        generator_write_any_case(generator, text, path->names[0]);
    } else {
        write_name(generator, text, path->names[0]);
    }
    for (size_t i = 1; i < path->count; i++) {
        buf_append_byte(text, '.');
        const bool section =
            strcmp(path->names[i], "desired") == 0 || strcmp(path->names[i], "reported") == 0;
        if (i == 1 && section) {
            generator_write_any_case(generator, text, path->names[i]);
        } else {
            write_name(generator, text, path->names[i]);
        }
    }
}

static void write_string(struct generator *generator, struct buf *text, const char *value)
{
    const char quote = generator_chance(generator, 2) ? '"' : '\'';
    buf_append_byte(text, (uint8_t)quote);
    for (const char *c = value; *c != '\0'; c++) {
        const bool plain = (unsigned char)*c < 0x80;
        if (plain && generator_chance(generator, 8)) {
            buf_append_format(text, "\\u%04X", (unsigned)*c);
        } else if (*c == quote) {
            buf_append_byte(text, (uint8_t)(generator_chance(generator, 2) ? quote : '\\'));
            buf_append_byte(text, (uint8_t)quote);
        } else if (*c == '\\' || (*c == '\'' && generator_chance(generator, 2))) {
            buf_append_byte(text, '\\');
            buf_append_byte(text, (uint8_t)*c);
        } else {
            buf_append_byte(text, (uint8_t)*c);
        }
    }
    buf_append_byte(text, (uint8_t)quote);
}

/* Section 1.3: the larger, the tighter. */
enum { LEVEL_OR = 1, LEVEL_AND, LEVEL_NOT, LEVEL_COMPARISON, LEVEL_SUM, LEVEL_TERM, LEVEL_UNARY };

static int level_of(const struct naive_node *node)
{
    switch (node->kind) {
    case NAIVE_NEGATE:
        return LEVEL_UNARY;
    case NAIVE_NOT:
        return LEVEL_NOT;
    case NAIVE_IN:
    case NAIVE_NIN:
        return LEVEL_COMPARISON;
    case NAIVE_BINARY:
        return strcmp(node->op, "OR") == 0          ? LEVEL_OR
               : strcmp(node->op, "AND") == 0       ? LEVEL_AND
               : strchr("+-", node->op[0]) != NULL  ? LEVEL_SUM
               : strchr("*/%", node->op[0]) != NULL ? LEVEL_TERM
                                                    : LEVEL_COMPARISON;
    case NAIVE_NUMBER:
    case NAIVE_STRING:
    case NAIVE_TRUE:
    case NAIVE_FALSE:
    case NAIVE_NULL:
    case NAIVE_UNDEFINED:
    case NAIVE_PATH:
    case NAIVE_ARRAY:
    case NAIVE_CALL:
        break;
    }
    return LEVEL_UNARY + 1;
}

static void write_node(struct generator *generator, struct buf *text,
                       const struct naive_node *node);

static void write_operand(struct generator *generator, struct buf *text,
                          const struct naive_node *node, int loosest)
{
    const bool parentheses = level_of(node) < loosest || generator_chance(generator, 10);
    if (parentheses) {
        buf_append_byte(text, '(');
        generator_write_maybe_space(generator, text);
    }
    write_node(generator, text, node);
    if (parentheses) {
        generator_write_maybe_space(generator, text);
        buf_append_byte(text, ')');
    }
}

static void write_list(struct generator *generator, struct buf *text,
                       struct naive_node *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_append_str(text, i == 0 ? STR_EMPTY : STR(","));
        generator_write_maybe_space(generator, text);
        write_operand(generator, text, items[i], LEVEL_OR);
    }
    generator_write_maybe_space(generator, text);
}

/* A '[' right after a '[' would start a name in brackets. */
static void write_array(struct generator *generator, struct buf *text,
                        const struct naive_node *node)
{
    buf_append_str(text, STR("[ "));
    write_list(generator, text, node->children, node->count);
    buf_append_byte(text, ']');
}

static void write_in(struct generator *generator, struct buf *text, const struct naive_node *node)
{
    write_operand(generator, text, node->children[0], LEVEL_SUM);
    generator_write_word(generator, text, node->kind == NAIVE_IN ? "IN" : "NIN");
    buf_append_byte(text, '[');
    for (size_t i = 1; i < node->count; i++) {
        buf_append_str(text, i == 1 ? STR_EMPTY : STR(","));
        generator_write_maybe_space(generator, text);
        write_node(generator, text, node->children[i]);
    }
    buf_append_byte(text, ']');
}

static void write_binary(struct generator *generator, struct buf *text,
                         const struct naive_node *node)
{
    const int level = level_of(node);
    const bool chains = level != LEVEL_COMPARISON;
    write_operand(generator, text, node->children[0], chains ? level : level + 1);
    const bool not_equal = strcmp(node->op, "!=") == 0;
    generator_write_word(generator, text,
                         not_equal && generator_chance(generator, 2) ? "<>" : node->op);
    write_operand(generator, text, node->children[1], level + 1);
}

static void write_node(struct generator *generator, struct buf *text, const struct naive_node *node)
{
    switch (node->kind) {
    case NAIVE_NUMBER:
        buf_append_str(text, str_from(node->text));
        break;
    case NAIVE_STRING:
        write_string(generator, text, node->text);
        break;
    case NAIVE_TRUE:
        buf_append_str(text, STR("true"));
        break;
    case NAIVE_FALSE:
        buf_append_str(text, STR("false"));
        break;
    case NAIVE_NULL:
        buf_append_str(text, STR("null"));
        break;
    case NAIVE_UNDEFINED:
        buf_append_str(text, STR("undefined"));
        break;
    case NAIVE_PATH:
        generator_write_path(generator, text, &node->path);
        break;
    case NAIVE_ARRAY:
        write_array(generator, text, node);
        break;
    case NAIVE_CALL:
        generator_write_any_case(generator, text, node->op);
        generator_write_maybe_space(generator, text);
        buf_append_byte(text, '(');
        write_list(generator, text, node->children, node->count);
        buf_append_byte(text, ')');
        break;
    case NAIVE_NEGATE:
        buf_append_byte(text, '-');
        generator_write_maybe_space(generator, text);
        /* A constant of a list takes no parentheses. */
        if (node->children[0]->kind == NAIVE_NUMBER) {
            write_node(generator, text, node->children[0]);
        } else {
            write_operand(generator, text, node->children[0], LEVEL_UNARY);
        }
        break;
    case NAIVE_NOT:
        generator_write_any_case(generator, text, "NOT");
        generator_write_space(generator, text);
        write_operand(generator, text, node->children[0], LEVEL_NOT);
        break;
    case NAIVE_BINARY:
        write_binary(generator, text, node);
        break;
    case NAIVE_IN:
    case NAIVE_NIN:
        write_in(generator, text, node);
        break;
    }
}

void generator_write_expression(struct generator *generator, struct buf *text,
                                const struct naive_node *node)
{
    write_operand(generator, text, node, LEVEL_OR);
}
