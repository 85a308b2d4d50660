/* SPDX-License-Identifier: MIT */
#include "amqp/sasl.h"

#include "amqp/limits.h"

/* The encodings of types that appear here (AMQP 1.0, 1.6). */
enum {
    DESCRIBED = 0x00,
    NULL_VALUE = 0x40,
    LIST0 = 0x45,
    UBYTE = 0x50,
    SMALL_ULONG = 0x53,
    ULONG = 0x80,
    VBIN8 = 0xa0,
    STR8 = 0xa1,
    SYM8 = 0xa3,
    VBIN32 = 0xb0,
    STR32 = 0xb1,
    SYM32 = 0xb3,
    LIST8 = 0xc0,
    LIST32 = 0xd0,
    ARRAY8 = 0xe0,
};
enum { SASL_MECHANISMS = 0x40, SASL_INIT = 0x41, SASL_OUTCOME = 0x44 };
enum { FRAME_HEADER_SIZE = 8, FRAME_SASL = 1, DOFF_MIN = 2 };

const struct str sasl_header = {"AMQP\x03\x01\x00\x00", SASL_HEADER_SIZE};
const struct str amqp_header = {"AMQP\x00\x01\x00\x00", SASL_HEADER_SIZE};

/* ---- writing ---- */

/* All that we send is shorter than 256 bytes. */
static void append_frame(struct buf *out, uint8_t descriptor, const struct buf *fields)
{
    const size_t list_size = fields->size + 1; /* the count */
    const size_t size = FRAME_HEADER_SIZE + 3 + 2 + list_size;
    const uint8_t head[] = {
        0, 0,         0,           (uint8_t)size, DOFF_MIN, FRAME_SASL,         0,
        0, DESCRIBED, SMALL_ULONG, descriptor,    LIST8,    (uint8_t)list_size, 1};
    buf_append(out, head, sizeof(head));
    buf_append_str(out, buf_str(fields));
}

void sasl_append_mechanisms(struct buf *out)
{
    static const char *const names[] = {"MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"};
    CLEANUP(buf_finish) struct buf items = BUF_INIT(128);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const struct str name = str_from(names[i]);
        buf_append_byte(&items, (uint8_t)name.size);
        buf_append_str(&items, name);
    }
    CLEANUP(buf_finish) struct buf array = BUF_INIT(128);
    const uint8_t head[] = {ARRAY8, (uint8_t)(items.size + 2), ARRAY_SIZE(names), SYM8};
    buf_append(&array, head, sizeof(head));
    buf_append_str(&array, buf_str(&items));
    append_frame(out, SASL_MECHANISMS, &array);
}

void sasl_append_outcome(struct buf *out, enum sasl_outcome outcome)
{
    CLEANUP(buf_finish) struct buf fields = BUF_INIT(8);
    buf_append_byte(&fields, UBYTE);
    buf_append_byte(&fields, (uint8_t)outcome);
    append_frame(out, SASL_OUTCOME, &fields);
}

/* ---- reading ---- */

/* Takes bytes off the front; the first that is missing sticks. */
struct cursor {
    struct str left;
    bool failed;
};

static struct str take(struct cursor *cursor, size_t size)
{
    if (cursor->failed || size > cursor->left.size) {
        cursor->failed = true;
        return STR_EMPTY;
    }
    const struct str taken = str_of(cursor->left.data, size);
    cursor->left = str_skip(cursor->left, size);
    return taken;
}

static uint32_t take_number(struct cursor *cursor, size_t size)
{
    const struct str bytes = take(cursor, size);
    uint32_t number = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        number = number << 8 | (uint8_t)bytes.data[i];
    }
    return number;
}

/* A symbol, string or binary; data NULL for null, and for what the list does not reach. */
static struct str take_text(struct cursor *cursor, uint32_t *fields_left)
{
    if (*fields_left == 0) {
        return (struct str){0};
    }
    (*fields_left)--;
    switch (take_number(cursor, 1)) {
    case NULL_VALUE:
        return (struct str){0};
    case VBIN8:
    case STR8:
    case SYM8:
        return take(cursor, take_number(cursor, 1));
    case VBIN32:
    case STR32:
    case SYM32:
        return take(cursor, take_number(cursor, 4));
    default:
        cursor->failed = true;
        return (struct str){0};
    }
}

/* The descriptor as a number, or 0. */
static uint32_t take_descriptor(struct cursor *cursor)
{
    if (take_number(cursor, 1) != DESCRIBED) {
        return 0;
    }
    switch (take_number(cursor, 1)) {
    case SMALL_ULONG:
        return take_number(cursor, 1);
    case ULONG:
        return take_number(cursor, 4) == 0 ? take_number(cursor, 4) : 0;
    case SYM8:
        return str_equal(take(cursor, take_number(cursor, 1)), STR("amqp:sasl-init:list"))
                   ? SASL_INIT
                   : 0;
    default:
        return 0;
    }
}

/* How many fields the list has. */
static uint32_t take_list(struct cursor *cursor)
{
    switch (take_number(cursor, 1)) {
    case LIST0:
        return 0;
    case LIST8:
        (void)take(cursor, 1);
        return take_number(cursor, 1);
    case LIST32:
        (void)take(cursor, 4);
        return take_number(cursor, 4);
    default:
        cursor->failed = true;
        return 0;
    }
}

static enum sasl_result malformed(struct problem *problem, const char *what)
{
    problem_set(problem, PROBLEM_NO_OFFSET, "sasl-init was expected, but %s came", what);
    return SASL_MALFORMED;
}

enum sasl_result sasl_read_init(struct str data, struct sasl_init *ret_init,
                                struct problem *problem)
{
    if (data.size < FRAME_HEADER_SIZE) {
        return SASL_NEED_MORE;
    }
    struct cursor cursor = {.left = data};
    const size_t size = take_number(&cursor, 4);
    const size_t head_size = (size_t)take_number(&cursor, 1) * 4;
    if (take_number(&cursor, 1) != FRAME_SASL) {
        return malformed(problem, "a frame that is not SASL's");
    }
    if (head_size < FRAME_HEADER_SIZE || size < head_size) {
        return malformed(problem, "a frame shorter than its own head");
    }
    if (size > AMQP_SASL_FRAME_SIZE_MAX) {
        return malformed(problem, "a frame of more than 8 KB");
    }
    if (size > data.size) {
        return SASL_NEED_MORE;
    }
    cursor.left = str_of(data.data + head_size, size - head_size);
    if (take_descriptor(&cursor) != SASL_INIT) {
        return malformed(problem, "another frame of SASL's");
    }
    uint32_t fields = take_list(&cursor);
    struct sasl_init init = {.size = size};
    init.mechanism = take_text(&cursor, &fields);
    init.response = take_text(&cursor, &fields);
    init.host = take_text(&cursor, &fields);
    if (cursor.failed || init.mechanism.data == NULL) {
        return malformed(problem, "one with fields that are not its own");
    }
    *ret_init = init;
    return SASL_WHOLE;
}

/* ---- PLAIN ---- */

/* Cuts at the last '@', since a device id may hold one. */
static bool cut_user(struct str user, struct str *ret_id, struct str *ret_scope)
{
    for (size_t i = user.size; i > 0; i--) {
        if (user.data[i - 1] == '@') {
            *ret_id = str_of(user.data, i - 1);
            *ret_scope = str_skip(user, i);
            return true;
        }
    }
    return false;
}

static void cut_module(struct str id, struct sasl_user *user)
{
    static const struct str infix = {"/modules/", sizeof("/modules/") - 1};
    user->device = id;
    for (size_t i = 0; i + infix.size <= id.size; i++) {
        if (str_starts_nocase(str_skip(id, i), infix)) {
            user->device = str_of(id.data, i);
            user->module = str_skip(id, i + infix.size);
            return;
        }
    }
}

bool sasl_read_plain(struct str response, struct sasl_user *ret_user, struct problem *problem)
{
    struct str authorization;
    struct str rest;
    struct str name;
    struct sasl_user user = {.policy = STR_EMPTY, .device = STR_EMPTY, .module = STR_EMPTY};
    if (!str_cut(response, '\0', &authorization, &rest) ||
        !str_cut(rest, '\0', &name, &user.password)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "PLAIN's response must be a zero byte, the user, a zero byte, the token");
        return false;
    }
    struct str id;
    struct str scope;
    if (!cut_user(name, &id, &scope) || id.size == 0 || !str_starts_nocase(scope, STR("sas."))) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "PLAIN's user must be policy@sas.root.{hub}, device@sas.{hub} or "
                    "device/modules/module@sas.{hub}");
        return false;
    }
    scope = str_skip(scope, 4);
    if (str_starts_nocase(scope, STR("root."))) {
        user.policy = id;
    } else {
        cut_module(id, &user);
    }
    *ret_user = user;
    return true;
}
