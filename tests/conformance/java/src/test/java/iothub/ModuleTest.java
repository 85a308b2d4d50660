// SPDX-License-Identifier: MIT
package iothub;

import static iothub.Hub.whole;
import static iothub.Hub.patiently;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.Message;
import com.microsoft.azure.sdk.iot.device.ModuleClient;
import com.microsoft.azure.sdk.iot.device.twin.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.device.twin.TwinCollection;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodsClient;
import com.microsoft.azure.sdk.iot.service.twin.Twin;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The module client over each of its transports. */
@Timeout(60)
class ModuleTest {
    private static final String MODULE = "thermometer";

    @RegisterExtension
    static final Hub hub = new Hub();

    private static ModuleClient open(String deviceId, IotHubClientProtocol protocol) throws Exception {
        hub.device(deviceId);
        ModuleClient client = new ModuleClient(hub.module(deviceId, MODULE), protocol);
        client.open(false);
        return client;
    }

    private static String idOf(String what, IotHubClientProtocol protocol) {
        return "java-module-" + what + "-" + protocol.name().toLowerCase();
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "HTTPS")
    @DisplayName("a module's message arrives as the module's, with the output it left through")
    void telemetry(IotHubClientProtocol protocol) throws Throwable {
        String id = idOf("telemetry", protocol);
        Matrix.Client.module(protocol).does("telemetry", () -> {
            ModuleClient client = open(id, protocol);
            Message message = new Message("21.5");
            message.setProperty("alert", "true");
            client.sendEvent(message);
            client.sendEvent(new Message("22"), "upstream");
            client.close();

            JsonObject row = hub.journal("telemetry", id).get(0).getAsJsonObject();
            assertEquals(MODULE, row.get("moduleId").getAsString());
            assertEquals("true", row.getAsJsonObject("properties").get("alert").getAsString());
            row = hub.journal("telemetry", id).get(1).getAsJsonObject();
            assertEquals("upstream", row.getAsJsonObject("systemProperties").get("outputName").getAsString());
        });
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "HTTPS")
    @DisplayName("a module has a twin of its own")
    void twin(IotHubClientProtocol protocol) throws Throwable {
        String id = idOf("twin", protocol);
        Matrix.Client.module(protocol).does("twin", () -> {
            ModuleClient client = open(id, protocol);
            BlockingQueue<TwinCollection> heard = new LinkedBlockingQueue<>();
            client.subscribeToDesiredProperties((delta, context) -> heard.add(delta.getDesiredProperties()), null);
            TwinClient service = new TwinClient(hub.service());
            Twin patch = new Twin(id, MODULE);
            patch.getDesiredProperties().put("interval", 5);
            service.patch(patch);
            assertEquals(5, whole(heard.poll(10, TimeUnit.SECONDS).get("interval")));
            assertEquals(5, whole(patiently(client::getTwin).getDesiredProperties().get("interval")));

            TwinCollection report = new TwinCollection();
            report.put("interval", 5);
            patiently(timeout -> client.updateReportedProperties(report, timeout));
            client.close();
            assertEquals(5, whole(service.get(id, MODULE).getReportedProperties().get("interval")));
            assertEquals(0, service.get(id).getReportedProperties().size());
        });
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "HTTPS")
    @DisplayName("a module answers methods of its own")
    void method(IotHubClientProtocol protocol) throws Throwable {
        String id = idOf("method", protocol);
        Matrix.Client.module(protocol).does("method", () -> {
            ModuleClient client = open(id, protocol);
            client.subscribeToMethods((name, payload, context) -> new DirectMethodResponse(200, name), null);
            var answer = new DirectMethodsClient(hub.service()).invoke(id, MODULE, "calibrate");
            assertEquals(200, answer.getStatus());
            assertEquals(JsonParser.parseString("\"calibrate\""), answer.getPayloadAsJsonElement());
            client.close();
        });
    }

    @Test
    @DisplayName("the SDK has no modules over HTTPS")
    void https() throws Exception {
        hub.device("java-module-https");
        String connectionString = hub.module("java-module-https", MODULE);
        assertThrows(
                UnsupportedOperationException.class,
                () -> new ModuleClient(connectionString, IotHubClientProtocol.HTTPS));
    }
}
