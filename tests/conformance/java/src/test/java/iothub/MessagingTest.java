// SPDX-License-Identifier: MIT
package iothub;

import static com.microsoft.azure.sdk.iot.service.messaging.IotHubServiceClientProtocol.AMQPS;
import static iothub.Hub.eventually;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.IotHubMessageResult;
import com.microsoft.azure.sdk.iot.device.ModuleClient;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubDeviceMaximumQueueDepthExceededException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubNotFoundException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubUnauthorizedException;
import com.microsoft.azure.sdk.iot.service.messaging.AcknowledgementType;
import com.microsoft.azure.sdk.iot.service.messaging.DeliveryAcknowledgement;
import com.microsoft.azure.sdk.iot.service.messaging.ErrorContext;
import com.microsoft.azure.sdk.iot.service.messaging.FeedbackRecord;
import com.microsoft.azure.sdk.iot.service.messaging.FeedbackStatusCode;
import com.microsoft.azure.sdk.iot.service.messaging.FileUploadNotificationProcessorClient;
import com.microsoft.azure.sdk.iot.service.messaging.FileUploadNotificationProcessorClientOptions;
import com.microsoft.azure.sdk.iot.service.messaging.IotHubServiceClientProtocol;
import com.microsoft.azure.sdk.iot.service.messaging.Message;
import com.microsoft.azure.sdk.iot.service.messaging.MessagingClient;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;
import java.nio.charset.StandardCharsets;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Cloud-to-device messages, their feedback, and file notifications. */
@Timeout(60)
class MessagingTest {
    // Over HTTPS properties are headers, which the SDK reads as ISO 8859-1: no letters beyond ASCII here.
    private static final Map<String, String> PROPERTIES = Map.of("path", "a/b&c=d %", "plus", "1+1");

    @RegisterExtension
    static final Hub hub = new Hub();

    private static Message message(String id, String body) {
        Message message = new Message(body);
        message.setMessageId(id);
        message.setCorrelationId("c-" + id);
        message.setProperties(PROPERTIES);
        message.setDeliveryAcknowledgement(DeliveryAcknowledgement.Full);
        return message;
    }

    private static MessagingClient open(IotHubServiceClientProtocol protocol) throws Exception {
        MessagingClient client = new MessagingClient(hub.service(), protocol);
        client.open();
        return client;
    }

    private static String text(com.microsoft.azure.sdk.iot.device.Message message) {
        return new String(message.getBytes(), StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a message arrives whole at a device, is completed, and the feedback comes back")
    void toDevice(IotHubClientProtocol protocol) throws Throwable {
        String id = "java-c2d-" + protocol.name().toLowerCase();
        Matrix.Client.device(protocol).does("C2D", () -> {
            BlockingQueue<com.microsoft.azure.sdk.iot.device.Message> received = new LinkedBlockingQueue<>();
            DeviceClient device = new DeviceClient(hub.device(id), protocol);
            device.setMessageCallback(
                    (message, context) -> {
                        received.add(message);
                        return IotHubMessageResult.COMPLETE;
                    },
                    null);
            device.open(false);
            MessagingClient service = open(AMQPS);
            try (Feedback feedback = new Feedback(hub, AMQPS)) {
                service.send(id, message("m-" + id, "drei ß"));
                var message = received.poll(20, TimeUnit.SECONDS);
                assertEquals("drei ß", text(message));
                assertEquals("m-" + id, message.getMessageId());
                assertEquals("c-m-" + id, message.getCorrelationId());
                for (String name : PROPERTIES.keySet()) {
                    assertEquals(PROPERTIES.get(name), message.getProperty(name));
                }
                FeedbackRecord record = feedback.about("m-" + id);
                assertEquals(FeedbackStatusCode.success, record.getStatusCode());
                assertEquals(id, record.getDeviceId());
                assertEquals(hub.registry().getDevice(id).getGenerationId(), record.getDeviceGenerationId());
            }
            service.close();
            device.close();
        });
    }

    @ParameterizedTest
    @EnumSource(names = {"AMQPS", "AMQPS_WS", "HTTPS"})
    @DisplayName("a message that is given back comes again; one that is rejected does not, and the sender hears")
    void givenBack(IotHubClientProtocol protocol) throws Exception {
        String id = "java-back-" + protocol.name().toLowerCase();
        List<String> received = new CopyOnWriteArrayList<>();
        DeviceClient device = new DeviceClient(hub.device(id), protocol);
        device.setMessageCallback(
                (message, context) -> {
                    received.add(message.getMessageId());
                    return received.size() == 1 ? IotHubMessageResult.ABANDON : IotHubMessageResult.REJECT;
                },
                null);
        device.open(false);
        MessagingClient service = open(AMQPS);
        try (Feedback feedback = new Feedback(hub, AMQPS)) {
            service.send(id, message("m-" + id, "take this"));
            // Over HTTPS the SDK's parameter for it is called "?reject" (2.5.0), so that the hub sees a plain
            // DELETE, which completes.
            assertEquals(
                    protocol == IotHubClientProtocol.HTTPS ? FeedbackStatusCode.success : FeedbackStatusCode.rejected,
                    feedback.about("m-" + id).getStatusCode());
        }
        assertEquals(List.of("m-" + id, "m-" + id), received);
        service.close();
        device.close();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("what was sent while the device was away waits, in order, and is counted in its twin")
    void waiting(IotHubClientProtocol protocol) throws Exception {
        String id = "java-waiting-" + protocol.name().toLowerCase();
        String connectionString = hub.device(id);
        MessagingClient service = open(AMQPS);
        for (int number = 0; number < 5; number++) {
            service.send(id, new Message(String.valueOf(number)));
        }
        service.close();
        TwinClient twins = new TwinClient(hub.service());
        assertEquals(5, twins.get(id).getCloudToDeviceMessageCount());

        List<String> received = new CopyOnWriteArrayList<>();
        DeviceClient device = new DeviceClient(connectionString, protocol);
        device.setMessageCallback(
                (message, context) -> {
                    received.add(text(message));
                    return IotHubMessageResult.COMPLETE;
                },
                null);
        device.open(false);
        assertTrue(eventually(() -> received.size() == 5), received::toString);
        assertEquals(List.of("0", "1", "2", "3", "4"), received);
        assertTrue(eventually(() -> twins.get(id).getCloudToDeviceMessageCount() == 0));
        device.close();
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "HTTPS")
    @DisplayName("a message reaches a module")
    void toModule(IotHubClientProtocol protocol) throws Exception {
        String id = "java-module-c2d-" + protocol.name().toLowerCase();
        hub.device(id);
        BlockingQueue<String> received = new LinkedBlockingQueue<>();
        ModuleClient module = new ModuleClient(hub.module(id, "thermometer"), protocol);
        module.setMessageCallback(
                (message, context) -> {
                    received.add(text(message));
                    return IotHubMessageResult.COMPLETE;
                },
                null);
        module.open(false);
        MessagingClient service = open(AMQPS);
        service.send(id, "thermometer", new Message("for the module"));
        assertEquals("for the module", received.poll(20, TimeUnit.SECONDS));
        service.close();
        module.close();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("the service client sends, and its refusals have the SDK's own classes")
    void sending(IotHubServiceClientProtocol protocol) throws Throwable {
        String id = "java-sent-" + protocol.name().toLowerCase();
        hub.device(id);
        Matrix.Client.service(protocol).does("C2D", () -> {
            MessagingClient service = open(protocol);
            CountDownLatch sent = new CountDownLatch(50);
            for (int number = 0; number < 50; number++) {
                service.sendAsync(id, new Message("message " + number), result -> sent.countDown(), null);
            }
            assertTrue(sent.await(20, TimeUnit.SECONDS));
            assertThrows(
                    IotHubDeviceMaximumQueueDepthExceededException.class,
                    () -> service.send(id, new Message("the 51st")));
            assertThrows(IotHubNotFoundException.class, () -> service.send("java-nobody", new Message("hello?")));
            IotHubException tooLarge =
                    assertThrows(IotHubException.class, () -> service.send(id, new Message(new byte[65 * 1024])));
            assertNotNull(tooLarge.getMessage());
            service.close();
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("feedback is received by whoever listens")
    void feedback(IotHubServiceClientProtocol protocol) throws Throwable {
        String id = "java-feedback-" + protocol.name().toLowerCase();
        Matrix.Client.service(protocol).does("feedback", () -> {
            DeviceClient device = new DeviceClient(hub.device(id), IotHubClientProtocol.MQTT);
            device.setMessageCallback((message, context) -> IotHubMessageResult.COMPLETE, null);
            device.open(false);
            MessagingClient service = open(protocol);
            try (Feedback feedback = new Feedback(hub, protocol)) {
                for (String number : List.of("1", "2", "3")) {
                    service.send(id, message(id + number, number));
                }
                for (String number : List.of("1", "2", "3")) {
                    assertEquals(FeedbackStatusCode.success, feedback.about(id + number).getStatusCode());
                }
            }
            service.close();
            device.close();
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a receiver of file notifications opens, and hears nothing while there are none")
    void fileNotifications(IotHubServiceClientProtocol protocol) throws Throwable {
        Matrix.Client.service(protocol).does("file notifications", () -> {
            BlockingQueue<ErrorContext> errors = new LinkedBlockingQueue<>();
            FileUploadNotificationProcessorClient client = new FileUploadNotificationProcessorClient(
                    hub.service(),
                    protocol,
                    notification -> AcknowledgementType.COMPLETE,
                    FileUploadNotificationProcessorClientOptions.builder().errorProcessor(errors::add).build());
            client.start();
            assertNull(errors.poll(500, TimeUnit.MILLISECONDS));
            assertTrue(client.isRunning());
            client.stop();
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a service client with a wrong key does not open")
    void wrongKey(IotHubServiceClientProtocol protocol) {
        String wrong = hub.service().replaceFirst("SharedAccessKey=.*", "SharedAccessKey=d3Jvbmc=");
        MessagingClient client = new MessagingClient(wrong, protocol);
        assertThrows(IotHubUnauthorizedException.class, client::open);
    }

    @Test
    @DisplayName("a message that no device fetched in its time is expired, and the sender hears")
    void expired() throws Exception {
        hub.device("java-expired");
        MessagingClient service = open(AMQPS);
        Message message = message("m-expired", "too late");
        message.setExpiryTimeUtc(new Date(System.currentTimeMillis() + 1500));
        try (Feedback feedback = new Feedback(hub, AMQPS)) {
            service.send("java-expired", message);
            assertEquals(FeedbackStatusCode.expired, feedback.about("m-expired").getStatusCode());
        }
        service.close();
    }
}
