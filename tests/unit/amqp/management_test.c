/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "fakes.h"

#include "amqp/message.h"
#include "check.h"
#include "hub/events.h"
#include "hub/hub_internal.h" /* to see a reset */

enum { TEXT_MAX = 1 << 20 };

static struct peer *peer;
static pn_link_t *requests, *answers;
static struct str request_token; /* that ask() puts into its requests */

static void attach(const char *address)
{
    answers = peer_receiver(peer, address, 100);
    requests = peer_sender(peer, address);
}

static int set_up(void **state)
{
    if (fake_setup(state) != 0) {
        return -1;
    }
    peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_policy_token("service")), 200);
    attach("$management");
    request_token = STR("SharedAccessSignature sr=x");
    return 0;
}

static int tear_down(void **state)
{
    peer_close(TAKE(peer));
    return fake_teardown(state);
}

static struct buf answer_bytes = {.size_max = TEXT_MAX};
static struct buf request_bytes = {.size_max = TEXT_MAX};

struct asked {
    const char *operation, *name, *type, *partition; /* NULL: not given */
    struct amqp_value id;
};

/* The answer, in answer_bytes. */
static struct amqp_message ask(struct asked asked)
{
    struct amqp_value properties[AMQP_PROPERTY_COUNT] = {{0}};
    properties[AMQP_MESSAGE_ID] = asked.id;
    properties[AMQP_REPLY_TO] = amqp_string(STR("client"));
    struct amqp_entry application[5];
    size_t count = 0;
    const struct {
        struct str name;
        const char *value;
    } given[] = {{STR("operation"), asked.operation},
                 {STR("name"), asked.name},
                 {STR("type"), asked.type},
                 {STR("partition"), asked.partition}};
    for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
        if (given[i].value != NULL) {
            application[count++] =
                (struct amqp_entry){given[i].name, amqp_string(str_from(given[i].value))};
        }
    }
    application[count++] = (struct amqp_entry){STR("security_token"), amqp_string(request_token)};
    buf_clear(&request_bytes);
    amqp_append_properties(&request_bytes, properties);
    amqp_append_application(&request_bytes, application, count);
    amqp_append_value_section(&request_bytes);
    amqp_append_null(&request_bytes);
    assert_string_equal(peer_send(peer, requests, buf_str(&request_bytes)), "accepted");
    buf_clear(&answer_bytes);
    buf_append_str(&answer_bytes, peer_receive(peer, answers, PN_ACCEPTED));
    struct amqp_message message;
    assert_true(amqp_message_read(buf_str(&answer_bytes), &message, NULL));
    return message;
}

static void check_status(const struct amqp_message *message, int64_t expected)
{
    static const char *const names[] = {"status-code", "statusCode"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct amqp_value value = {0};
        assert_true(amqp_map_find(&message->application, str_from(names[i]), &value));
        assert_int_equal(value.type, AMQP_INT);
        assert_int_equal(value.i, expected);
    }
    struct amqp_value text = {0};
    assert_true(amqp_map_find(&message->application, STR("status-description"), &text));
    assert_int_equal(text.type, AMQP_STRING);
}

static struct amqp_value member(const struct amqp_message *message, const char *name,
                                enum amqp_type type)
{
    struct amqp_value value = {0};
    assert_int_equal(message->body_is, AMQP_SECTION_VALUE);
    assert_int_equal(message->body.type, AMQP_MAP);
    if (!amqp_map_find(&message->body, str_from(name), &value) || value.type != type) {
        fail_msg("%s is not there, or a %s", name, amqp_type_name(value.type));
    }
    return value;
}

/* The keys are strings: SDKs look for nothing else. */
static void check_keys(const struct amqp_message *message)
{
    struct amqp_reader pairs = amqp_reader_inside(&message->body);
    struct amqp_value name;
    struct amqp_value value;
    while (amqp_map_next(&pairs, &name, &value)) {
        assert_int_equal(name.type, AMQP_STRING);
    }
}

static void check_event_hub(const struct amqp_message *message)
{
    check_status(message, 200);
    check_keys(message);
    assert_str_equal(member(message, "name", AMQP_STRING).bytes, "hub");
    assert_str_equal(member(message, "type", AMQP_STRING).bytes, "com.microsoft:eventhub");
    assert_int_equal(member(message, "created_at", AMQP_TIMESTAMP).i, INT64_C(1795258800000));
    assert_int_equal(member(message, "partition_count", AMQP_INT).i, 4);
    const struct amqp_value ids = member(message, "partition_ids", AMQP_ARRAY);
    assert_int_equal(ids.count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        const char digit = (char)('0' + i);
        struct str id;
        assert_true(amqp_array_text(&ids, i, &id));
        assert_true(str_equal(id, str_of(&digit, 1)));
    }
}

static void case_83_the_event_hub_is_described_in_exact_types(void **state)
{
    (void)state;
    const struct amqp_value ids[] = {amqp_string(STR("id-1")), amqp_ulong(7),
                                     amqp_uuid(STR("0123456789abcdef"))};
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        const struct amqp_message message =
            ask((struct asked){"READ", "hub", "com.microsoft:eventhub", NULL, ids[i]});
        check_event_hub(&message);
        const struct amqp_value *echoed = &message.properties[AMQP_CORRELATION_ID];
        assert_int_equal(echoed->type, ids[i].type);
        if (ids[i].type == AMQP_ULONG) {
            assert_int_equal(echoed->u, 7);
        } else {
            assert_true(str_equal(echoed->bytes, ids[i].bytes));
        }
    }
}

static void the_named_address_and_the_full_one_work_too(void **state)
{
    (void)state;
    static const char *const addresses[] = {"hub/$management", "amqps://localhost/hub/$management",
                                            "amqps://localhost:5671/HUB/$Management"};
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        attach(addresses[i]);
        assert_string_equal(peer_refusal(requests), "");
        const struct amqp_message message = ask(
            (struct asked){"READ", "hub", "com.microsoft:eventhub", NULL, amqp_string(STR("1"))});
        check_event_hub(&message);
    }
    attach("other/$management");
    assert_string_equal(peer_refusal(requests), "amqp:not-found");
    assert_string_equal(peer_refusal(answers), "amqp:not-found");
}

static struct amqp_message ask_partition(const char *partition)
{
    return ask(
        (struct asked){"READ", "hub", "com.microsoft:partition", partition, amqp_string(STR("1"))});
}

static void check_figures(const struct amqp_message *message, int64_t begin, int64_t last,
                          const char *offset, int64_t time_ms, bool empty)
{
    check_status(message, 200);
    check_keys(message);
    assert_str_equal(member(message, "name", AMQP_STRING).bytes, "hub");
    assert_str_equal(member(message, "type", AMQP_STRING).bytes, "com.microsoft:partition");
    assert_int_equal(member(message, "begin_sequence_number", AMQP_LONG).i, begin);
    assert_int_equal(member(message, "last_enqueued_sequence_number", AMQP_LONG).i, last);
    assert_str_equal(member(message, "last_enqueued_offset", AMQP_STRING).bytes, offset);
    assert_int_equal(member(message, "last_enqueued_time_utc", AMQP_TIMESTAMP).i, time_ms);
    assert_int_equal(member(message, "is_partition_empty", AMQP_BOOLEAN).u, empty);
}

static void case_84_an_empty_partition_says_so(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        const char id[] = {(char)('0' + i), '\0'};
        const struct amqp_message message = ask_partition(id);
        check_figures(&message, 0, -1, "-1", 0, true);
        assert_str_equal(member(&message, "partition", AMQP_STRING).bytes, id);
    }
}

static void a_partition_tells_how_far_it_goes(void **state)
{
    (void)state;
    const struct hub_principal principal = {.id = 1, .generation = 1};
    const struct identity_key key = {.device = STR("d1"), .module = STR_EMPTY};
    const struct hub_message telemetry = {.body = STR("x")};
    char id[4];
    (void)snprintf(id, sizeof(id), "%u", hub_partition_of(fake_hub, key.device));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hub_telemetry(fake_hub, key, &principal, NULL, &telemetry, NULL), HUB_OK);
    }
    fake_tick();
    struct amqp_message message = ask_partition(id);
    check_figures(&message, 0, 2, "8", INT64_C(1795258800000), false);
    assert_int_equal(hub_reset(fake_hub), HUB_OK);
    fake_tick();
    message = ask_partition(id);
    check_figures(&message, 3, 2, "8", INT64_C(1795258800000), true);
}

static void what_is_not_there_is_answered_with_a_status(void **state)
{
    (void)state;
    static const struct {
        const char *operation, *name, *type, *partition;
        int64_t status;
        const char *condition, *word;
    } wrong[] = {
        {"READ", "other", "com.microsoft:eventhub", NULL, 404, "amqp:not-found", "EntityPath=hub"},
        {"READ", NULL, "com.microsoft:eventhub", NULL, 404, "amqp:not-found", "EntityPath=hub"},
        {"READ", "hub", "com.microsoft:partition", "4", 404, "com.microsoft:entity-not-found",
         "between 0 and 3"},
        {"READ", "hub", "com.microsoft:partition", NULL, 404, "com.microsoft:entity-not-found",
         "between 0 and 3"},
        {"READ", "hub", "com.microsoft:topic", NULL, 400, "com.microsoft:argument-error",
         "com.microsoft:topic"},
        {"DELETE", "hub", "com.microsoft:eventhub", NULL, 501, "amqp:not-implemented", "DELETE"},
        {NULL, NULL, NULL, NULL, 501, "amqp:not-implemented", "READ"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        const struct amqp_message message =
            ask((struct asked){wrong[i].operation, wrong[i].name, wrong[i].type, wrong[i].partition,
                               amqp_string(STR("1"))});
        check_status(&message, wrong[i].status);
        struct amqp_value value = {0};
        assert_true(amqp_map_find(&message.application, STR("error-condition"), &value));
        assert_int_equal(value.type, AMQP_SYMBOL);
        assert_str_equal(value.bytes, wrong[i].condition);
        assert_true(amqp_map_find(&message.application, STR("status-description"), &value));
        assert_non_null(strstr(fake_journal(), wrong[i].word));
        assert_str_equal(message.properties[AMQP_CORRELATION_ID].bytes, "1");
    }
}

static void a_request_that_nobody_can_answer_is_rejected(void **state)
{
    (void)state;
    pn_link_close(answers);
    peer_pump(peer);
    buf_clear(&request_bytes);
    amqp_append_value_section(&request_bytes);
    amqp_append_null(&request_bytes);
    assert_non_null(strstr(peer_send(peer, requests, buf_str(&request_bytes)), "rejected"));
    assert_non_null(strstr(peer_send(peer, requests, STR("\xff\xff")), "rejected"));
    assert_string_equal(peer_refusal(requests), "");
}

/* Over $cbs, or in the request as the Java SDK has it; then it counts for the connection. */
static void management_needs_a_policy_that_may_connect_services(void **state)
{
    (void)state;
    static const struct {
        const char *policy; /* NULL: a token that is worth nothing */
        int64_t status;
    } rows[] = {{NULL, 401}, {"device", 401}, {"service", 200}, {NULL, 200}};
    peer_close(peer);
    peer = peer_open(NULL);
    attach("$management");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        request_token = rows[i].policy == NULL ? STR("SharedAccessSignature sr=x")
                                               : fake_policy_token(rows[i].policy);
        const struct amqp_message message =
            ask((struct asked){"READ", "hub", "com.microsoft:eventhub", NULL, amqp_ulong(i)});
        check_status(&message, rows[i].status);
    }
}

/* As azure-eventhub does when it is done (pyamqp): links are detached after their session ended. */
static void links_may_be_detached_after_their_session(void **state)
{
    (void)state;
    static const char detach[] = "\0\0\0\x10\2\0\0\0\0S\x16\xc0\3\2CA";
    const struct str late = str_of(detach, sizeof(detach) - 1);
    pn_session_close(peer->session);
    peer_raw(peer, late);
    peer_raw(peer, late);
    assert_string_equal(peer_ending(peer), "");
    peer->session = peer_session(peer);
    attach("$management");
    const struct amqp_message message =
        ask((struct asked){"READ", "hub", "com.microsoft:eventhub", NULL, amqp_ulong(1)});
    check_event_hub(&message);
    /* A channel that never was one is another matter. */
    static const char stray[] = "\0\0\0\x10\2\0\0\5\0S\x16\xc0\3\2CA";
    peer_raw(peer, str_of(stray, sizeof(stray) - 1));
    assert_string_equal(peer_ending(peer), "amqp:not-allowed");
}

/* ---- redirects ---- */

static struct str info_text(pn_link_t *link, const char *key)
{
    pn_data_t *info = pn_condition_info(pn_link_remote_condition(link));
    pn_data_rewind(info);
    assert_true(pn_data_next(info) && pn_data_enter(info));
    assert_true(pn_data_lookup(info, key));
    assert_int_equal(pn_data_type(info), PN_STRING);
    const pn_bytes_t bytes = pn_data_get_bytes(info);
    return str_of(bytes.start, bytes.size);
}

static void case_88_readers_at_the_iot_hub_are_redirected(void **state)
{
    (void)state;
    static const struct {
        const char *address, *to;
    } redirects[] = {
        {"messages/events/$management", "amqps://localhost:5671/hub/$management"},
        {"amqps://localhost/messages/events/$management", "amqps://localhost:5671/hub/$management"},
        {"messages/events/ConsumerGroups/$Default/Partitions/0",
         "amqps://localhost:5671/hub/ConsumerGroups/$Default/Partitions/0"},
        {"/messages/Events/ConsumerGroups/web/Partitions/3",
         "amqps://localhost:5671/hub/ConsumerGroups/web/Partitions/3"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(redirects); i++) {
        pn_link_t *link = peer_receiver(peer, redirects[i].address, 10);
        assert_string_equal(peer_refusal(link), "amqp:link:redirect");
        assert_str_equal(info_text(link, "hostname"), "localhost");
        assert_str_equal(info_text(link, "network-host"), "localhost");
        assert_str_equal(info_text(link, "address"), redirects[i].to);
        pn_data_t *info = pn_condition_info(pn_link_remote_condition(link));
        pn_data_rewind(info);
        assert_true(pn_data_next(info) && pn_data_enter(info) && pn_data_lookup(info, "port"));
        assert_int_equal(pn_data_type(info), PN_INT);
        assert_int_equal(pn_data_get_int(info), 5671);
    }
    assert_string_equal(peer_refusal(peer_sender(peer, "messages/events/$management")),
                        "amqp:link:redirect");
}

static void a_redirect_names_the_host_that_was_dialled(void **state)
{
    (void)state;
    peer_close(peer);
    peer = peer_open("hub.localhost:15671");
    assert_int_equal(peer_put_token(peer, fake_policy_token("service")), 200);
    pn_link_t *link = peer_receiver(peer, "messages/events/$management", 10);
    assert_string_equal(peer_refusal(link), "amqp:link:redirect");
    assert_str_equal(info_text(link, "hostname"), "hub.localhost");
    assert_str_equal(info_text(link, "address"), "amqps://hub.localhost:15671/hub/$management");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(case_83_the_event_hub_is_described_in_exact_types),
        TEST(the_named_address_and_the_full_one_work_too),
        TEST(case_84_an_empty_partition_says_so),
        TEST(a_partition_tells_how_far_it_goes),
        TEST(what_is_not_there_is_answered_with_a_status),
        TEST(a_request_that_nobody_can_answer_is_rejected),
        TEST(management_needs_a_policy_that_may_connect_services),
        TEST(links_may_be_detached_after_their_session),
        TEST(case_88_readers_at_the_iot_hub_are_redirected),
        TEST(a_redirect_names_the_host_that_was_dialled),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_finish(&answer_bytes);
    buf_finish(&request_bytes);
    return failed;
}
