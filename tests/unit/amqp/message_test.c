/* SPDX-License-Identifier: MIT */
#include "amqp/message.h"

#include <math.h>
#include <proton/message.h>

#include "check.h"

enum { BYTES_MAX = 1 << 16 };

static pn_bytes_t bytes_of(const char *text)
{
    return pn_bytes(strlen(text), text);
}

static pn_uuid_t uuid_of(const char bytes[16])
{
    pn_uuid_t uuid;
    memcpy(uuid.bytes, bytes, sizeof(uuid.bytes));
    return uuid;
}

static struct str encode(pn_message_t *message, char bytes[BYTES_MAX])
{
    size_t size = BYTES_MAX;
    assert_int_equal(pn_message_encode(message, bytes, &size), 0);
    pn_message_free(message);
    return str_of(bytes, size);
}

static void put_data(pn_message_t *message, const char *body)
{
    pn_message_set_inferred(message, true);
    pn_data_put_binary(pn_message_body(message), bytes_of(body));
}

static void append_properties(struct buf *out, const struct hub_property *properties, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_append_str(out, properties[i].name);
        if (properties[i].value.data != NULL) {
            buf_append_byte(out, '=');
            buf_append_str(out, properties[i].value);
        }
        buf_append_byte(out, ';');
    }
}

/* "name=value;name;" of the system, " | " of the application, " | " body. */
static void describe(struct buf *out, const struct hub_message *message)
{
    append_properties(out, message->system, message->system_count);
    buf_append_str(out, STR(" | "));
    append_properties(out, message->application, message->application_count);
    buf_append_str(out, STR(" | "));
    buf_append_str(out, message->body);
}

static void check_hub_message(struct str bytes, const char *wanted)
{
    struct arena arena CLEANUP(arena_finish) = ARENA_INIT(AMQP_MESSAGE_ARENA_MAX);
    struct buf seen CLEANUP(buf_finish) = BUF_INIT(BYTES_MAX);
    struct problem problem = {0};
    struct amqp_message message;
    struct hub_message hub_message;
    if (!amqp_message_read(bytes, &message, &problem) ||
        amqp_message_to_hub(&message, &arena, &hub_message, &problem) != HUB_OK) {
        buf_append_str(&seen, str_from(problem.text));
    } else {
        describe(&seen, &hub_message);
    }
    assert_str_equal(buf_str(&seen), wanted);
}

/* ---- Proton writes ---- */

static pn_message_t *telemetry(void)
{
    pn_message_t *message = pn_message();
    pn_message_set_durable(message, true);
    pn_message_set_ttl(message, 5000);
    pn_data_put_string(pn_message_id(message), bytes_of("m1"));
    pn_data_put_string(pn_message_correlation_id(message), bytes_of("c1"));
    pn_message_set_user_id(message, bytes_of("alice"));
    pn_message_set_address(message, "/devices/d1/messages/events");
    pn_message_set_subject(message, "subject");
    pn_message_set_reply_to(message, "reply");
    pn_message_set_content_type(message, "application/json");
    pn_message_set_content_encoding(message, "utf-8");
    pn_message_set_expiry_time(message, 1700000000123);
    pn_message_set_creation_time(message, 1600000000000);
    pn_message_set_group_id(message, "group");
    pn_message_set_group_sequence(message, 7);

    pn_data_t *annotations = pn_message_annotations(message);
    pn_data_put_map(annotations);
    pn_data_enter(annotations);
    pn_data_put_symbol(annotations, bytes_of("iothub-interface-id"));
    pn_data_put_string(annotations, bytes_of("urn:i"));
    pn_data_put_symbol(annotations, bytes_of("dt-subject"));
    pn_data_put_string(annotations, bytes_of("thermostat1"));
    pn_data_put_symbol(annotations, bytes_of("Diagnostic-Id"));
    pn_data_put_string(annotations, bytes_of("0x0F"));
    pn_data_put_symbol(annotations, bytes_of("Correlation-Context"));
    pn_data_put_string(annotations, bytes_of("creationtimeutc=1"));
    pn_data_put_symbol(annotations, bytes_of("x-opt-other"));
    pn_data_put_int(annotations, 5);
    pn_data_exit(annotations);

    pn_data_t *application = pn_message_properties(message);
    pn_data_put_map(application);
    pn_data_enter(application);
    pn_data_put_string(application, bytes_of("alert"));
    pn_data_put_string(application, bytes_of("caf\xc3\xa9"));
    pn_data_put_string(application, bytes_of("iothub-outputname"));
    pn_data_put_string(application, bytes_of("out1"));
    pn_data_put_string(application, bytes_of("iothub-message-schema"));
    pn_data_put_string(application, bytes_of("s;v1"));
    pn_data_put_string(application, bytes_of("iothub-connection-device-id"));
    pn_data_put_string(application, bytes_of("somebody else"));
    pn_data_put_string(application, bytes_of("iothub-connection-module-id"));
    pn_data_put_string(application, bytes_of("m9"));
    pn_data_put_string(application, bytes_of("iothub-ack"));
    pn_data_put_string(application, bytes_of("full"));
    pn_data_put_string(application, bytes_of("empty"));
    pn_data_put_string(application, bytes_of(""));
    pn_data_exit(application);
    put_data(message, "{\"t\":1}");
    return message;
}

static const char telemetry_wanted[] =
    "messageId=m1;correlationId=c1;userId=alice;to=/devices/d1/messages/events;"
    "contentType=application/json;contentEncoding=utf-8;"
    "expiryTimeUtc=2023-11-14T22:13:20.1230000Z;interfaceId=urn:i;componentName=thermostat1;"
    "diagnosticId=0x0F;diagnosticContext=creationtimeutc=1;outputName=out1;messageSchema=s;v1;"
    "ack=full;creationTimeUtc=2020-09-13T12:26:40.0000000Z; | alert=caf\xc3\xa9;empty=; | "
    "{\"t\":1}";

static void a_message_with_everything_becomes_the_hubs(void **state)
{
    (void)state;
    char bytes[BYTES_MAX];
    check_hub_message(encode(telemetry(), bytes), telemetry_wanted);
}

static void a_message_with_nothing_is_empty(void **state)
{
    (void)state;
    char bytes[BYTES_MAX];
    check_hub_message(STR_EMPTY, " |  | ");
    check_hub_message(encode(pn_message(), bytes), " |  | ");
    check_hub_message(STR("\x00\x53\x73\x45\x00\x53\x74\xc1\x01\x00\x00\x53\x75\xa0\x00"),
                      " |  | ");
}

/* ---- every type as an id, and as an application property ---- */

static void ids_of_each_type_become_texts(void **state)
{
    (void)state;
    const pn_uuid_t uuid =
        uuid_of("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff");
    char bytes[BYTES_MAX];

    pn_message_t *message = pn_message();
    pn_data_put_uuid(pn_message_id(message), uuid);
    pn_data_put_ulong(pn_message_correlation_id(message), UINT64_MAX);
    check_hub_message(encode(message, bytes), "messageId=00112233-4455-6677-8899-aabbccddeeff;"
                                              "correlationId=18446744073709551615; |  | ");
    message = pn_message();
    pn_data_put_binary(pn_message_id(message), pn_bytes(2, "\x00\xff"));
    pn_data_put_string(pn_message_correlation_id(message), bytes_of(""));
    check_hub_message(encode(message, bytes), "messageId=AP8=;correlationId=; |  | ");
}

static void put_numbers(pn_data_t *map)
{
    pn_data_put_string(map, bytes_of("ubyte"));
    pn_data_put_ubyte(map, 200);
    pn_data_put_string(map, bytes_of("int"));
    pn_data_put_int(map, -70000);
    pn_data_put_string(map, bytes_of("long"));
    pn_data_put_long(map, INT64_MIN);
    pn_data_put_string(map, bytes_of("ulong"));
    pn_data_put_ulong(map, UINT64_MAX);
    pn_data_put_string(map, bytes_of("double"));
    pn_data_put_double(map, 0.1);
    pn_data_put_string(map, bytes_of("float"));
    pn_data_put_float(map, -2.5F);
    pn_data_put_string(map, bytes_of("nan"));
    pn_data_put_double(map, (double)NAN);
    pn_data_put_string(map, bytes_of("inf"));
    pn_data_put_double(map, -(double)INFINITY);
}

static void put_others(pn_data_t *map)
{
    const pn_uuid_t uuid = uuid_of("\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    pn_data_put_string(map, bytes_of("null"));
    pn_data_put_null(map);
    pn_data_put_string(map, bytes_of("true"));
    pn_data_put_bool(map, true);
    pn_data_put_string(map, bytes_of("false"));
    pn_data_put_bool(map, false);
    pn_data_put_string(map, bytes_of("symbol"));
    pn_data_put_symbol(map, bytes_of("s"));
    pn_data_put_string(map, bytes_of("binary"));
    pn_data_put_binary(map, pn_bytes(3, "\x01\x02\x03"));
    pn_data_put_string(map, bytes_of("time"));
    pn_data_put_timestamp(map, 1);
    pn_data_put_string(map, bytes_of("never"));
    pn_data_put_timestamp(map, INT64_MIN);
    pn_data_put_string(map, bytes_of("late"));
    pn_data_put_timestamp(map, INT64_MAX);
    pn_data_put_string(map, bytes_of("uuid"));
    pn_data_put_uuid(map, uuid);
    pn_data_put_string(map, bytes_of("chars"));
    pn_data_put_char(map, 'a');
    pn_data_put_string(map, bytes_of("char2"));
    pn_data_put_char(map, 0xe9);
    pn_data_put_string(map, bytes_of("char3"));
    pn_data_put_char(map, 0x20ac);
    pn_data_put_string(map, bytes_of("char4"));
    pn_data_put_char(map, 0x1f600);
}

static void application_properties_of_each_type_become_texts(void **state)
{
    (void)state;
    char bytes[BYTES_MAX];
    pn_message_t *message = pn_message();
    pn_data_t *map = pn_message_properties(message);
    pn_data_put_map(map);
    pn_data_enter(map);
    put_numbers(map);
    put_others(map);
    check_hub_message(
        encode(message, bytes),
        " | ubyte=200;int=-70000;long=-9223372036854775808;ulong=18446744073709551615;double=0.1;"
        "float=-2.5;nan=NaN;inf=-Infinity;null;true=true;false=false;symbol=s;binary=AQID;"
        "time=1970-01-01T00:00:00.0010000Z;never=0001-01-01T00:00:00Z;"
        "late=9999-12-31T23:59:59.9990000Z;uuid=ff000000-0000-0000-0000-000000000000;chars=a;"
        "char2=\xc3\xa9;char3=\xe2\x82\xac;char4=\xf0\x9f\x98\x80; | ");
}

static void what_has_no_text_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        int kind; /* 0 list, 1 map, 2 decimal */
        const char *problem;
    } rows[] = {
        {0, "property 'p' is a list, which has no text: send a string"},
        {1, "property 'p' is a map, which has no text: send a string"},
        {2, "property 'p' is a decimal, which has no text: send a string"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char bytes[BYTES_MAX];
        pn_message_t *message = pn_message();
        pn_data_t *map = pn_message_properties(message);
        pn_data_put_map(map);
        pn_data_enter(map);
        pn_data_put_string(map, bytes_of("p"));
        if (rows[i].kind == 0) {
            pn_data_put_list(map);
        } else if (rows[i].kind == 1) {
            pn_data_put_map(map);
        } else {
            pn_data_put_decimal64(map, 1);
        }
        check_hub_message(encode(message, bytes), rows[i].problem);
    }
}

/* ---- bodies ---- */

static void bodies_are_data_or_one_text(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        const char *wanted;
    } rows[] = {
        {{"\x00\x53\x75\xa0\x02hi", 7}, " |  | hi"},
        {{"\x00\x53\x75\xa0\x02hi\x00\x53\x75\xa0\x00\x00\x53\x75\xa0\x01!", 18}, " |  | hi!"},
        {{"\x00\x80\x00\x00\x00\x00\x00\x00\x00\x75\xb0\x00\x00\x00\x02hi", 17}, " |  | hi"},
        {{"\x00\xa3\x10"
          "amqp:data:binary\xa0\x02hi",
          23},
         " |  | hi"},
        {{"\x00\x53\x77\xa1\x02hi", 7}, " |  | hi"},
        {{"\x00\x53\x77\xa0\x02hi", 7}, " |  | hi"},
        {{"\x00\x53\x77\x40", 4}, " |  | "},
        {{"\x00\x53\x75\xa0\x02hi\x00\x53\x78\xc1\x01\x00", 13}, " |  | hi"}, /* a footer */
        {{"\x00\x53\x77\x54\x01", 5},
         "the body is a int: send data sections, or one string or binary value"},
        {{"\x00\x53\x76\x45", 4},
         "the body is a list: send data sections, or one string or binary value"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        check_hub_message(rows[i].bytes, rows[i].wanted);
    }
}

static void annotations_may_follow_the_application_properties_as_the_C_SDK_has_it(void **state)
{
    (void)state;
    check_hub_message(STR("\x00\x53\x73\xc0\x04\x01\xa1\x01m"
                          "\x00\x53\x74\xc1\x07\x02\xa1\x01k\xa1\x01v"
                          "\x00\x53\x72\xc1\x10\x02\xa3\x0a"
                          "dt-subject\xa1\x01s"
                          "\x00\x53\x75\xa0\x01x"),
                      "messageId=m;componentName=s; | k=v; | x");
}

static void of_two_names_the_first_counts_and_the_services_before_the_standards(void **state)
{
    (void)state;
    char bytes[BYTES_MAX];
    pn_message_t *message = pn_message();
    pn_message_set_creation_time(message, 1000);
    pn_data_t *map = pn_message_properties(message);
    pn_data_put_map(map);
    pn_data_enter(map);
    pn_data_put_string(map, bytes_of("iothub-creation-time-utc"));
    pn_data_put_string(map, bytes_of("first"));
    pn_data_put_string(map, bytes_of("iothub-creation-time-utc"));
    pn_data_put_string(map, bytes_of("second"));
    check_hub_message(encode(message, bytes), "creationTimeUtc=first; |  | ");
}

/* ---- a batch ---- */

static void a_batch_is_the_messages_in_its_data_sections(void **state)
{
    (void)state;
    char one[BYTES_MAX];
    char whole[BYTES_MAX];
    const struct str inner = encode(telemetry(), one);
    struct buf batch CLEANUP(buf_finish) = BUF_INIT(BYTES_MAX);
    amqp_append_data(&batch, inner);
    amqp_append_data(&batch, STR_EMPTY);
    amqp_append_data(&batch, inner);
    memcpy(whole, batch.data, batch.size);

    struct amqp_message message;
    struct problem problem;
    assert_true(amqp_message_read(str_of(whole, batch.size), &message, &problem));
    assert_int_equal(message.body_count, 3);
    struct amqp_reader sections = amqp_body(&message);
    struct str data;
    assert_true(amqp_body_next(&sections, &data));
    check_hub_message(data, telemetry_wanted);
    assert_true(amqp_body_next(&sections, &data));
    assert_int_equal(data.size, 0);
    assert_true(amqp_body_next(&sections, &data));
    check_hub_message(data, telemetry_wanted);
    assert_false(amqp_body_next(&sections, &data));

    assert_true(amqp_message_read(STR("\x00\x53\x77\x40"), &message, &problem));
    sections = amqp_body(&message);
    assert_false(amqp_body_next(&sections, &data)); /* a value is no batch */
}

/* ---- hostile bytes ---- */

static void malformed_messages_are_refused_with_place_and_reason(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        const char *problem;
    } rows[] = {
        {{"hello", 5}, "something that is no section of a message at byte 0"},
        {{"\x00", 1}, "a section without descriptor at byte 1"},
        {{"\x00\x53", 2}, "1 more bytes are announced than there are at byte 2"},
        {{"\x00\x53\x24\x45", 4}, "a section that messages do not have at byte 3"},
        {{"\x00\x40\x45", 3}, "a section that messages do not have at byte 2"},
        {{"\x00\x53\x73", 3}, "a section without contents at byte 3"},
        {{"\x00\x53\x73\xc1\x01\x00", 6},
         "the properties section must be a list and is a map, which ends at byte 6"},
        {{"\x00\x53\x74\x45", 4},
         "the application properties section must be a map and is a list, which ends at byte 4"},
        {{"\x00\x53\x75\xa1\x00", 5},
         "the data section must be a binary and is a string, which ends at byte 5"},
        {{"\x00\x53\x73\x45\x00\x53\x73\x45", 8}, "a second properties section ends at byte 8"},
        {{"\x00\x53\x75\xa0\x00\x00\x53\x73\x45", 9},
         "a properties section after the body ends at byte 9"},
        {{"\x00\x53\x75\xa0\x00\x00\x53\x78\xc1\x01\x00\x00\x53\x75\xa0\x00", 16},
         "a data section after the footer ends at byte 16"},
        {{"\x00\x53\x77\x40\x00\x53\x77\x40", 8}, "a second body, a value, ends at byte 8"},
        {{"\x00\x53\x75\xa0\x00\x00\x53\x77\x40", 9}, "a second body, a value, ends at byte 9"},
        {{"\x00\x53\x73\xc0\x03\x01\x54\x01", 8}, "a message-id of type int, which ends at byte 8"},
        {{"\x00\x53\x73\xc0\x0f\x0e\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40", 20},
         "more than 13 properties at byte 6"},
        {{"\x00\x53\x74\xc1\x04\x02\x54\x01\x40", 9},
         "an application property whose name is a int ends at byte 9"},
        {{"\x00\x53\x70\xc0\x02\x02\x40", 7},
         "1 more bytes are announced than there are at byte 7"},
        {{"\x00\x53\x72\xc1\x03\x00\x40\x40", 8}, "2 bytes follow the last value at byte 6"},
        {{"\x00\x53\x73\xc0\x03\x01\x40\x40", 8}, "1 bytes follow the last value at byte 7"},
        {{"\x00\x53\x74\xc1\x03\x00\x40\x40", 8}, "2 bytes follow the last value at byte 6"},
        {{"\x00\x53\x74\xc1\x02\x01\x40", 7}, "a map with a key that has no value at byte 6"},
        {{"\x00\x53\x74\xc1\x09\x02\xa1\x01k\xa1\x05v", 12},
         "2 more bytes are announced than there are at byte 5"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        check_hub_message(rows[i].bytes, rows[i].problem);
    }
}

static void no_prefix_of_a_message_is_read_past_its_end(void **state)
{
    (void)state;
    char bytes[BYTES_MAX];
    const struct str whole = encode(telemetry(), bytes);
    size_t read = 0;
    for (size_t cut = 1; cut < whole.size; cut++) {
        char *exact = mem_alloc(cut);
        assert_non_null(exact);
        memcpy(exact, whole.data, cut);
        struct amqp_message message;
        struct problem problem = {0};
        const bool well = amqp_message_read(str_of(exact, cut), &message, &problem);
        assert_true(well || problem.text[0] != '\0');
        read += well ? 1 : 0;
        mem_free(exact);
    }
    assert_int_equal(read, 4); /* those that end with a section: header, annotations ... */
}

/* ---- back ---- */

static void what_the_hub_has_is_written_as_it_was_read(void **state)
{
    (void)state;
    char bytes[BYTES_MAX];
    struct arena arena CLEANUP(arena_finish) = ARENA_INIT(AMQP_MESSAGE_ARENA_MAX);
    struct buf out CLEANUP(buf_finish) = BUF_INIT(BYTES_MAX);
    struct problem problem;
    struct amqp_message message;
    struct hub_message hub_message;
    assert_true(amqp_message_read(encode(telemetry(), bytes), &message, &problem));
    assert_int_equal(amqp_message_to_hub(&message, &arena, &hub_message, &problem), HUB_OK);
    amqp_append_hub_message(&out, &hub_message, NULL, 0);
    check_hub_message(buf_str(&out), telemetry_wanted);
}

static void format(pn_data_t *data, char text[BYTES_MAX])
{
    size_t size = BYTES_MAX;
    assert_int_equal(pn_data_format(data, text, &size), 0);
}

static void what_is_written_Proton_reads_with_the_types_the_SDKs_want(void **state)
{
    (void)state;
    static const struct hub_property system[] = {
        {{"messageId", 9}, {"m1", 2}},
        {{"userId", 6}, {"alice", 5}},
        {{"contentType", 11}, {"text/plain", 10}},
        {{"expiryTimeUtc", 13}, {"2023-11-14T22:13:20.1230000Z", 28}},
        {{"componentName", 13}, {"thermostat1", 11}},
        {{"outputName", 10}, {"out1", 4}},
        {{"correlationId", 13}, {NULL, 0}},
        {{"connectionDeviceId", 18}, {"d9", 2}},
    };
    static const struct hub_property application[] = {
        {{"k", 1}, {"v", 1}}, {{"null", 4}, {NULL, 0}}, {{"", 0}, {"", 0}}};
    const struct hub_message message = {
        .system = system,
        .system_count = ARRAY_SIZE(system),
        .application = application,
        .application_count = ARRAY_SIZE(application),
        .body = STR("body"),
    };
    const struct amqp_entry annotations[] = {
        {STR("x-opt-sequence-number"), amqp_ulong(300)},
        {STR("iothub-deliverycount"), amqp_ubyte(1)},
    };
    struct buf out CLEANUP(buf_finish) = BUF_INIT(BYTES_MAX);
    amqp_append_hub_message(&out, &message, annotations, ARRAY_SIZE(annotations));
    assert_int_equal(buf_status(&out), STATUS_OK);

    char text[BYTES_MAX];
    pn_message_t *read = pn_message();
    assert_int_equal(pn_message_decode(read, out.data, out.size), 0);
    format(pn_message_annotations(read), text);
    assert_string_equal(text, "{:\"x-opt-sequence-number\"=300, :\"iothub-deliverycount\"=1, "
                              ":\"dt-subject\"=\"thermostat1\"}");
    format(pn_message_properties(read), text);
    assert_string_equal(text, "{\"iothub-outputname\"=\"out1\", \"k\"=\"v\", \"null\"=null, "
                              "\"\"=\"\"}");
    format(pn_message_body(read), text);
    assert_string_equal(text, "b\"body\"");
    format(pn_message_id(read), text);
    assert_string_equal(text, "\"m1\"");
    assert_string_equal(pn_message_get_content_type(read), "text/plain");
    assert_int_equal(pn_message_get_expiry_time(read), 1700000000123);
    assert_int_equal(pn_message_get_user_id(read).size, 5);
    format(pn_message_correlation_id(read), text);
    assert_string_equal(text, "");
    pn_message_free(read);
}

static void an_expiry_that_is_no_time_is_left_out(void **state)
{
    (void)state;
    static const struct hub_property system[] = {{{"expiryTimeUtc", 13}, {"tomorrow", 8}}};
    const struct hub_message message = {.system = system, .system_count = 1, .body = STR("b")};
    struct buf out CLEANUP(buf_finish) = BUF_INIT(BYTES_MAX);
    amqp_append_hub_message(&out, &message, NULL, 0);
    assert_int_equal(out.size, 6);
    check_hub_message(buf_str(&out), " |  | b");
}

/* ---- memory ---- */

static void read_with_no_memory(void *ctx)
{
    const struct str *bytes = ctx;
    struct arena arena CLEANUP(arena_finish) = ARENA_INIT(AMQP_MESSAGE_ARENA_MAX);
    struct buf out CLEANUP(buf_finish) = BUF_INIT(BYTES_MAX);
    struct problem problem = {0};
    struct amqp_message message;
    struct hub_message hub_message = {.body = STR("untouched")};
    assert_true(amqp_message_read(*bytes, &message, &problem));
    if (amqp_message_to_hub(&message, &arena, &hub_message, &problem) != HUB_OK) {
        assert_str_equal(hub_message.body, "untouched");
        return;
    }
    amqp_append_hub_message(&out, &hub_message, NULL, 0);
    assert_true(buf_status(&out) == STATUS_NO_MEMORY || out.size > 0);
}

static void refused_allocations_are_reported(void **state)
{
    (void)state;
    char bytes[BYTES_MAX];
    struct str whole = encode(telemetry(), bytes);
    check_under_failing_allocations(read_with_no_memory, &whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_with_everything_becomes_the_hubs),
        cmocka_unit_test(a_message_with_nothing_is_empty),
        cmocka_unit_test(ids_of_each_type_become_texts),
        cmocka_unit_test(application_properties_of_each_type_become_texts),
        cmocka_unit_test(what_has_no_text_is_refused_by_name),
        cmocka_unit_test(bodies_are_data_or_one_text),
        cmocka_unit_test(annotations_may_follow_the_application_properties_as_the_C_SDK_has_it),
        cmocka_unit_test(of_two_names_the_first_counts_and_the_services_before_the_standards),
        cmocka_unit_test(a_batch_is_the_messages_in_its_data_sections),
        cmocka_unit_test(malformed_messages_are_refused_with_place_and_reason),
        cmocka_unit_test(no_prefix_of_a_message_is_read_past_its_end),
        cmocka_unit_test(what_the_hub_has_is_written_as_it_was_read),
        cmocka_unit_test(what_is_written_Proton_reads_with_the_types_the_SDKs_want),
        cmocka_unit_test(an_expiry_that_is_no_time_is_left_out),
        cmocka_unit_test(refused_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
