/* SPDX-License-Identifier: MIT */
/*
 * Bytes into a connection of the AMQP endpoint, on a real hub. The first byte chooses how far the
 * client has come before and how the bytes are cut; the rest is what it sends: whatever it is, the
 * endpoint answers with whole frames, keeps little, disturbs nobody, and leaves nothing behind.
 */
#include "fakes.h"
#include "fuzz.h"

#include "amqp/limits.h"
#include "amqp/sasl.h"
#include "base/log.h"
#include "check.h"

enum { START_OPEN = 1, START_SASL = 2, WITH_TOKEN = 4, WITH_LINKS = 8, CUT_IN_TWO = 16 };

/* A client that is as far as `how` says, its bytes so far read and answered. */
static struct peer *start(unsigned how)
{
    if ((how & START_OPEN) == 0) {
        return NULL;
    }
    struct peer *peer = peer_open(NULL);
    if ((how & WITH_TOKEN) != 0) {
        assert_int_equal(peer_put_token(peer, fake_policy_token("iothubowner")), 200);
    }
    if ((how & WITH_LINKS) != 0) {
        (void)peer_sender(peer, "/devices/d1/messages/events");
        (void)peer_sender(peer, "/devices/d1/twin");
        (void)peer_receiver(peer, "/devices/d1/twin", 10);
        (void)peer_receiver(peer, "/devices/d1/messages/devicebound", 10);
        (void)peer_sender(peer, "/messages/devicebound");
        (void)peer_receiver(peer, "hub/ConsumerGroups/$Default/Partitions/0", 10);
        (void)peer_sender(peer, "$management");
        (void)peer_receiver(peer, "$management", 10);
    }
    return peer;
}

/* All that the endpoint said is protocol headers and frames, whole ones. */
static void check_output(struct net_conn *conn)
{
    struct str left = fake_output(conn);
    while (left.size > 0) {
        assert_true(left.size >= SASL_HEADER_SIZE);
        if (str_starts(left, STR("AMQP"))) {
            left = str_skip(left, SASL_HEADER_SIZE);
            continue;
        }
        const uint8_t *head = (const uint8_t *)left.data;
        const size_t size =
            (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | (size_t)head[3];
        assert_true(size >= SASL_HEADER_SIZE && size <= left.size);
        left = str_skip(left, size);
    }
}

/* Another device, before and after. */
static void check_witness(void)
{
    struct peer *witness = peer_open(NULL);
    assert_int_equal(peer_put_token(witness, fake_device_token("d2")), 200);
    pn_link_t *link = peer_sender(witness, "/devices/d2/messages/events");
    assert_string_equal(peer_send(witness, link, peer_message(witness, "mine")), "accepted");
    peer_close(witness);
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
    struct peer *peer = start(how);
    struct net_conn *conn = peer == NULL ? fake_open() : peer->conn;
    if (peer == NULL && (how & START_SASL) != 0) {
        fake_receive(conn, sasl_header);
        (void)fake_output(conn);
    }
    fake_receive(conn, str_of(bytes.data, cut));
    check_output(conn);
    fake_receive(conn, str_skip(bytes, cut));
    check_output(conn);
    assert_true(conn->closing || conn->input.size < AMQP_FRAME_SIZE_MAX);
    fake_advance_hub(5);
    fake_advance_wire(2 * AMQP_IDLE_TIMEOUT_MS / 1000 + AMQP_CLOSE_WAIT_MS / 1000);
    check_output(conn);
    assert_true(conn->closing);
    if (peer == NULL) {
        fake_closed(conn, "closed by the peer");
    } else {
        peer_close(peer);
    }
    check_witness();
    (void)fake_teardown(NULL);
    return 0;
}
