/* SPDX-License-Identifier: MIT */
#include "clients/cli/java_options.h"

#include "clients/cli/java_store.h"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Cuts the first option off: as it is written, and (appended to `meaning`) as the JVM reads it. */
static bool next_option(struct str *rest, struct str *ret_written, struct buf *meaning)
{
    while (rest->size > 0 && is_space(rest->data[0])) {
        *rest = str_skip(*rest, 1);
    }
    size_t i = 0;
    char quote = '\0';
    for (; i < rest->size && (quote != '\0' || !is_space(rest->data[i])); i++) {
        const char c = rest->data[i];
        if (quote == '\0' && (c == '\'' || c == '"')) {
            quote = c;
        } else if (c == quote) {
            quote = '\0';
        } else {
            buf_append_byte(meaning, (uint8_t)c);
        }
    }
    *ret_written = str_of(rest->data, i);
    *rest = str_skip(*rest, i);
    return i > 0;
}

static bool is_about_trust(struct str option)
{
    return str_starts(option, STR(JAVA_TRUST_STORE)) ||
           str_starts(option, STR(JAVA_TRUST_PASSWORD)) || str_starts(option, STR(JAVA_TRUST_TYPE));
}

static bool needs_quotes(struct str path)
{
    for (size_t i = 0; i < path.size; i++) {
        if (is_space(path.data[i]) || path.data[i] == '\'' || path.data[i] == '"') {
            return true;
        }
    }
    return false;
}

static void append_quoted(struct buf *out, struct str path)
{
    if (!needs_quotes(path)) {
        buf_append_str(out, path);
        return;
    }
    buf_append_byte(out, '"');
    for (size_t i = 0; i < path.size; i++) {
        buf_append_str(out, path.data[i] == '"' ? STR("\"'\"'\"") : str_of(path.data + i, 1));
    }
    buf_append_byte(out, '"');
}

void java_options_append(struct buf *out, struct str before, struct str path)
{
    CLEANUP(buf_finish) struct buf meaning = BUF_INIT(before.size + 1);
    struct str written = STR_EMPTY;
    while (next_option(&before, &written, &meaning)) {
        if (!is_about_trust(buf_str(&meaning))) {
            buf_append_str(out, written);
            buf_append_byte(out, ' ');
        }
        buf_clear(&meaning);
    }
    buf_append_str(out, STR(JAVA_TRUST_STORE));
    append_quoted(out, path);
    buf_append_str(out, STR(" " JAVA_TRUST_PASSWORD JAVA_STORE_PASSWORD));
}

bool java_options_find(struct str options, struct str name, struct buf *out)
{
    CLEANUP(buf_finish) struct buf meaning = BUF_INIT(options.size + 1);
    struct str written = STR_EMPTY;
    bool found = false;
    while (next_option(&options, &written, &meaning)) {
        if (str_starts(buf_str(&meaning), name)) {
            buf_clear(out);
            buf_append_str(out, str_skip(buf_str(&meaning), name.size));
            found = true;
        }
        buf_clear(&meaning);
    }
    return found;
}
