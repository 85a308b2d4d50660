/* SPDX-License-Identifier: MIT */
/*
 * The first byte chooses how the session starts and how the bytes are cut, the rest is what the
 * client sends: whatever it is, the session answers with whole packets, keeps little, and leaves
 * nothing behind when it is closed.
 */
#include "fakes.h"

#include "base/log.h"

#include "check.h"
#include "mqtt/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGES = 25 };
enum {
    START_CONNECTED = 1,
    CUT_IN_TWO = 2,
    CLEAN = 4,
    WITH_WILL = 8,
    HUB_REFUSES = 16,
    WITH_C2D = 32
};

static void start(struct net_conn *conn, unsigned how)
{
    struct fake_connect connect = FAKE_D1;
    connect.clean = (how & CLEAN) != 0;
    if ((how & WITH_WILL) != 0) {
        connect.will_topic = "devices/d1/messages/events/%24.mid=1&a";
        connect.will_message = "gone";
    }
    fake_connect(conn, &connect);
    assert_string_equal(fake_output(conn), "CONNACK 0 0\n");
    fake_subscribe(conn, 1, "$iothub/twin/res/#", 0);
    if ((how & WITH_C2D) != 0) {
        fake_subscribe(conn, 2, "devices/d1/messages/devicebound/#", 1);
        for (int i = 0; i < MESSAGES; i++) { /* more than are in flight at a time */
            fake_c2d_text("x");
        }
    }
    if ((how & HUB_REFUSES) != 0) {
        fake_hub.telemetry = HUB_MESSAGE_TOO_LARGE;
        fake_hub.twin = HUB_ARGUMENT_INVALID;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || fake_setup(NULL) != 0) {
        return 0;
    }
    log_set_level(LOG_LEVEL_ERROR);
    const unsigned how = data[0];
    const struct str bytes = str_of(data + 1, size - 1);
    const size_t cut = (how & CUT_IN_TWO) != 0 ? bytes.size / 2 : 0;
    struct net_conn *conn = fake_open();
    if ((how & START_CONNECTED) != 0) {
        start(conn, how);
    }
    fake_receive(conn, str_of(bytes.data, cut));
    fake_receive(conn, str_skip(bytes, cut));
    (void)fake_output(conn);
    assert_true(conn->input.size <= MQTT_PACKET_SIZE_MAX);
    if (!conn->closing && fake_hub.link.open) {
        (void)fake_hub.link.ops->method(fake_hub.link.ctx, 1, STR("reboot"), STR("{}"));
        fake_hub.link.ops->desired(fake_hub.link.ctx, 2, STR("{}"));
        (void)fake_output(conn);
    }
    fake_advance(MQTT_KEEP_ALIVE_MAX_S * CLOCK_SECOND);
    assert_true(conn->closing);
    fake_closed(conn, "closed by the peer");
    assert_false(fake_hub.link.open);
    (void)fake_teardown(NULL);
    return 0;
}
