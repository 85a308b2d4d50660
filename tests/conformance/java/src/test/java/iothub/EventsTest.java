// SPDX-License-Identifier: MIT
package iothub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.core.amqp.AmqpTransportType;
import com.azure.core.amqp.exception.AmqpErrorCondition;
import com.azure.core.amqp.exception.AmqpException;
import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.EventHubClientBuilder;
import com.azure.messaging.eventhubs.EventHubConsumerAsyncClient;
import com.azure.messaging.eventhubs.EventHubConsumerClient;
import com.azure.messaging.eventhubs.models.EventPosition;
import com.azure.messaging.eventhubs.models.PartitionEvent;
import com.azure.messaging.eventhubs.models.ReceiveOptions;
import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.Message;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;

/** The Event Hubs client reads what a device has sent. */
@Timeout(90)
class EventsTest {
    private static final String DEVICE = "java-events";
    private static final String PARTITION = "0";
    private static final int COUNT = 5;
    private static final Duration WAIT_MAX = Duration.ofSeconds(20);

    @RegisterExtension
    static final Hub hub = new Hub("--partitions", "1");

    private static DeviceClient device;
    private static Instant middle;

    @BeforeAll
    static void send() throws Exception {
        device = new DeviceClient(hub.device(DEVICE), IotHubClientProtocol.MQTT);
        device.open(false);
        for (int number = 0; number < COUNT; number++) {
            if (number == 2) {
                Thread.sleep(20); // times are milliseconds
                middle = Instant.now();
                Thread.sleep(20);
            }
            Message message = new Message("{\"number\": " + number + "}");
            message.setContentType("application/json");
            message.setContentEncoding("utf-8");
            message.setProperty("alert", "true");
            device.sendEvent(message);
        }
    }

    private static EventHubClientBuilder builder(String transport) {
        return new EventHubClientBuilder()
                .connectionString(hub.events(transport.endsWith("(plain)")))
                .transportType(
                        transport.endsWith("WS") ? AmqpTransportType.AMQP_WEB_SOCKETS : AmqpTransportType.AMQP)
                .consumerGroup("$Default");
    }

    private static List<EventData> read(String transport, EventPosition from, int count) {
        List<EventData> events = new ArrayList<>();
        try (EventHubConsumerClient client = builder(transport).buildConsumerClient()) {
            for (PartitionEvent event : client.receiveFromPartition(PARTITION, count, from, WAIT_MAX)) {
                events.add(event.getData());
            }
        }
        return events;
    }

    private static List<String> bodies(List<EventData> events) {
        return events.stream().limit(COUNT).map(EventData::getBodyAsString).toList();
    }

    private static List<String> from(int first) {
        List<String> expected = new ArrayList<>();
        for (int number = first; number < COUNT; number++) {
            expected.add("{\"number\": " + number + "}");
        }
        return expected;
    }

    @ParameterizedTest
    @ValueSource(strings = {"AMQP", "AMQP (plain)", "AMQP-WS"})
    @DisplayName("the hub and its partition tell of themselves")
    void properties(String transport) throws Throwable {
        Matrix.Client.reader(transport).does("properties", () -> {
            try (EventHubConsumerClient client = builder(transport).buildConsumerClient()) {
                assertEquals(List.of(PARTITION), client.getPartitionIds().stream().toList());
                assertNotNull(client.getEventHubProperties().getCreatedAt());
                var partition = client.getPartitionProperties(PARTITION);
                assertFalse(partition.isEmpty());
                assertEquals(0, partition.getBeginningSequenceNumber());
                assertTrue(partition.getLastEnqueuedSequenceNumber() >= COUNT - 1);
            }
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"AMQP", "AMQP (plain)", "AMQP-WS"})
    @DisplayName("from the start, all that the device has sent comes as it was sent")
    void earliest(String transport) throws Throwable {
        Matrix.Client.reader(transport).does("earliest", () -> {
            List<EventData> events = read(transport, EventPosition.earliest(), COUNT);
            assertEquals(from(0), bodies(events));
            EventData first = events.get(0);
            assertEquals(0, first.getSequenceNumber());
            assertEquals("application/json", first.getContentType());
            assertEquals("true", first.getProperties().get("alert"));
            assertEquals(DEVICE, first.getSystemProperties().get("iothub-connection-device-id"));
            assertEquals("Telemetry", first.getSystemProperties().get("iothub-message-source"));
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"AMQP", "AMQP (plain)", "AMQP-WS"})
    @DisplayName("from a sequence number, and from a time")
    void positions(String transport) throws Throwable {
        Matrix.Client.reader(transport).does("sequence", () -> {
            assertEquals(from(3), bodies(read(transport, EventPosition.fromSequenceNumber(3, true), COUNT - 3)));
            assertEquals(from(4), bodies(read(transport, EventPosition.fromSequenceNumber(3), COUNT - 4)));
        });
        Matrix.Client.reader(transport).does("time", () ->
                assertEquals(from(2), bodies(read(transport, EventPosition.fromEnqueuedTime(middle), COUNT - 2))));
    }

    @ParameterizedTest
    @ValueSource(strings = {"AMQP", "AMQP (plain)", "AMQP-WS"})
    @DisplayName("from now on, only what comes after; a higher owner level takes the partition away")
    void latestAndEpoch(String transport) throws Throwable {
        try (EventHubConsumerAsyncClient first = builder(transport).buildAsyncConsumerClient();
                EventHubConsumerAsyncClient second = builder(transport).buildAsyncConsumerClient()) {
            BlockingQueue<String> heard = new LinkedBlockingQueue<>();
            BlockingQueue<Throwable> ends = new LinkedBlockingQueue<>();
            Disposable reading = first.receiveFromPartition(
                            PARTITION, EventPosition.latest(), new ReceiveOptions().setOwnerLevel(1L))
                    .subscribe(event -> heard.add(event.getData().getBodyAsString()), ends::add);
            Matrix.Client.reader(transport).does("latest", () -> {
                // The link is attached some time after the subscription: what is sent until then is not for it.
                assertTrue(Hub.eventually(() -> {
                    device.sendEvent(new Message("news"));
                    return heard.poll(500, TimeUnit.MILLISECONDS) != null;
                }));
                assertTrue(heard.stream().allMatch("news"::equals));
            });
            Matrix.Client.reader(transport).does("epoch", () -> {
                Disposable taking = second.receiveFromPartition(
                                PARTITION, EventPosition.latest(), new ReceiveOptions().setOwnerLevel(2L))
                        .subscribe(event -> {}, ends::add);
                Throwable end = ends.poll(WAIT_MAX.toSeconds(), TimeUnit.SECONDS);
                assertNotNull(end);
                // The SDK translates amqp:link:stolen.
                assertEquals(AmqpErrorCondition.LINK_STOLEN, ((AmqpException) end).getErrorCondition());
                taking.dispose();
            });
            reading.dispose();
        }
    }
}
