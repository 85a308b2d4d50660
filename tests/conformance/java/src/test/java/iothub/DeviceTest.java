// SPDX-License-Identifier: MIT
package iothub;

import static com.microsoft.azure.sdk.iot.device.IotHubClientProtocol.HTTPS;
import static iothub.Hub.eventually;
import static iothub.Hub.whole;
import static iothub.Hub.patiently;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.IotHubStatusCode;
import com.microsoft.azure.sdk.iot.device.Message;
import com.microsoft.azure.sdk.iot.device.exceptions.IotHubClientException;
import com.microsoft.azure.sdk.iot.device.transport.NoRetry;
import com.microsoft.azure.sdk.iot.device.twin.DesiredPropertiesCallback;
import com.microsoft.azure.sdk.iot.device.twin.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.device.twin.TwinCollection;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodRequestOptions;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodsClient;
import com.microsoft.azure.sdk.iot.service.twin.Twin;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The device client over each of its transports. */
@Timeout(60)
class DeviceTest {
    private static final String WRONG_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    @RegisterExtension
    static final Hub hub = new Hub();

    private static DeviceClient open(String connectionString, IotHubClientProtocol protocol) throws Exception {
        DeviceClient client = new DeviceClient(connectionString, protocol);
        client.open(false);
        return client;
    }

    private static String idOf(String what, IotHubClientProtocol protocol) {
        return "java-" + what + "-" + protocol.name().toLowerCase();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a hundred messages arrive in order, with their properties")
    void telemetry(IotHubClientProtocol protocol) throws Throwable {
        String id = idOf("telemetry", protocol);
        Matrix.Client.device(protocol).does("telemetry", () -> {
            DeviceClient client = open(hub.device(id), protocol);
            for (int number = 0; number < 100; number++) {
                Message message = new Message("{\"number\": " + number + "}");
                message.setMessageId("m" + number);
                message.setCorrelationId("c" + number);
                message.setContentType("application/json");
                message.setContentEncoding("utf-8");
                message.setProperty("path", "a/b&c=d %");
                client.sendEvent(message);
            }
            client.close();

            JsonArray rows = hub.journal("telemetry", id);
            assertEquals(100, rows.size());
            for (int number = 0; number < 100; number++) {
                JsonObject row = rows.get(number).getAsJsonObject();
                JsonObject system = row.getAsJsonObject("systemProperties");
                assertEquals(number, row.getAsJsonObject("body").get("number").getAsInt());
                assertEquals("m" + number, system.get("messageId").getAsString());
                assertEquals("c" + number, system.get("correlationId").getAsString());
                assertEquals("application/json", system.get("contentType").getAsString());
                assertEquals("utf-8", system.get("contentEncoding").getAsString());
                assertEquals("a/b&c=d %", row.getAsJsonObject("properties").get("path").getAsString());
            }
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a batch arrives as single messages, over the one transport that has batches")
    void batch(IotHubClientProtocol protocol) throws Exception {
        String id = idOf("batch", protocol);
        DeviceClient client = open(hub.device(id), protocol);
        List<Message> messages = List.of(new Message("one"), new Message("two"), new Message("drei ß"));
        if (protocol == HTTPS) {
            client.sendEvents(messages);
            JsonArray rows = hub.journal("telemetry", id);
            assertEquals(3, rows.size());
            assertEquals("drei ß", rows.get(2).getAsJsonObject().get("bodyText").getAsString());
        } else {
            assertThrows(UnsupportedOperationException.class, () -> client.sendEvents(messages));
        }
        client.close();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a wrong key is refused as unauthorized, and the journal says why")
    void wrongKey(IotHubClientProtocol protocol) throws Exception {
        String id = idOf("wrong-key", protocol);
        hub.device(id);
        String connectionString = "HostName=" + Hub.HOST + ";DeviceId=" + id + ";SharedAccessKey=" + WRONG_KEY;
        DeviceClient client = new DeviceClient(connectionString, protocol);
        IotHubClientException refusal = assertThrows(IotHubClientException.class, () -> {
            client.open(false);
            client.sendEvent(new Message("over HTTPS, opening says nothing to the hub"));
        });
        client.close();
        assertEquals(IotHubStatusCode.UNAUTHORIZED, refusal.getStatusCode());
        JsonArray rows = hub.journal("refused", id);
        assertTrue(rows.get(0).getAsJsonObject().get("why").getAsString().contains("not made with a key of this device"));
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a twin is read, reported into, and its desired changes are heard of")
    void twin(IotHubClientProtocol protocol) throws Throwable {
        String id = idOf("twin", protocol);
        BlockingQueue<TwinCollection> heard = new LinkedBlockingQueue<>();
        DesiredPropertiesCallback hear = (delta, context) -> heard.add(delta.getDesiredProperties());
        DeviceClient client = open(hub.device(id), protocol);
        if (protocol == HTTPS) {
            Matrix.Client.device(protocol).doesNot("twin", () -> client.subscribeToDesiredProperties(hear, null));
            client.close();
            return;
        }
        Matrix.Client.device(protocol).does("twin", () -> {
            TwinClient service = new TwinClient(hub.service());
            Twin patch = new Twin(id);
            patch.getDesiredProperties().put("level", 1);
            service.patch(patch);

            client.subscribeToDesiredProperties(hear, null); // the SDK refuses to read a twin before
            assertEquals(1, whole(patiently(client::getTwin).getDesiredProperties().get("level")));
            patch.getDesiredProperties().put("level", 2);
            service.patch(patch);
            TwinCollection delta = heard.poll(10, TimeUnit.SECONDS);
            assertEquals(2, whole(delta.get("level")));
            assertEquals(3, delta.getVersion());

            int version = patiently(timeout -> {
                        TwinCollection reported = client.getTwin(timeout).getReportedProperties();
                        reported.put("connectivity", new TwinCollection(Map.of("type", "cellular")));
                        return client.updateReportedProperties(reported, timeout);
                    })
                    .getVersion();
            assertEquals(version, service.get(id).getReportedProperties().getVersion());
            JsonObject reported = service.get(id).getReportedProperties().toJsonObject();
            assertEquals("cellular", reported.getAsJsonObject("connectivity").get("type").getAsString());
        });
        client.close();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a method goes there and back")
    void method(IotHubClientProtocol protocol) throws Throwable {
        String id = idOf("method", protocol);
        DeviceClient client = open(hub.device(id), protocol);
        if (protocol == HTTPS) {
            Matrix.Client.device(protocol).doesNot("method", () -> client.subscribeToMethods((name, payload, context) -> null, null));
            client.close();
            return;
        }
        Matrix.Client.device(protocol).does("method", () -> {
            client.subscribeToMethods(
                    (name, payload, context) ->
                            new DirectMethodResponse(207, Map.of(name, payload.getPayloadAsJsonElement())),
                    null);
            DirectMethodRequestOptions options = DirectMethodRequestOptions.builder()
                    .payload(JsonParser.parseString("{\"in\":5}"))
                    .methodResponseTimeoutSeconds(10)
                    .methodConnectTimeoutSeconds(10)
                    .build();
            var answer = new DirectMethodsClient(hub.service()).invoke(id, "reboot", options);
            assertEquals(207, answer.getStatus());
            assertEquals(JsonParser.parseString("{\"reboot\":{\"in\":5}}"), answer.getPayloadAsJsonElement());
        });
        client.close();
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "HTTPS")
    @DisplayName("another client with the same identity takes the connection over")
    void takeover(IotHubClientProtocol protocol) throws Exception {
        String id = idOf("takeover", protocol);
        String connectionString = hub.device(id);
        DeviceClient first = new DeviceClient(connectionString, protocol);
        first.setRetryPolicy(new NoRetry());
        BlockingQueue<String> states = new LinkedBlockingQueue<>();
        first.setConnectionStatusChangeCallback(change -> states.add(change.getNewStatus().name()), null);
        first.open(false);
        DeviceClient second = open(connectionString, protocol);
        assertTrue(eventually(() -> states.contains("DISCONNECTED")), states::toString);
        second.sendEvent(new Message("still here"));
        first.close();
        second.close();
    }
}
