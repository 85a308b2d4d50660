/* SPDX-License-Identifier: MIT */
#include "fakes.h"

#include "amqp/sasl.h"
#include "check.h"

static void telemetry_is_accepted_and_stored(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_device_token("d1")), 200);
    pn_link_t *link = peer_sender(peer, "/devices/d1/messages/events");
    assert_string_equal(peer_refusal(link), "");
    assert_string_equal(peer_send(peer, link, peer_message(peer, "hello")), "accepted");
    assert_non_null(strstr(fake_journal(), "telemetry d1 {\"auth\":\"device.sas\""));
    assert_non_null(strstr(fake_journal(), "} hello\n"));
    peer_close(peer);
    assert_non_null(strstr(fake_journal(), "disconnected d1 {\"protocol\":\"amqp\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(telemetry_is_accepted_and_stored, fake_setup,
                                        fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
