// SPDX-License-Identifier: MIT
package iothub;

import static iothub.Hub.eventually;
import static iothub.Hub.whole;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.Message;
import com.microsoft.azure.sdk.iot.device.MultiplexingClient;
import com.microsoft.azure.sdk.iot.device.exceptions.MultiplexingClientRegistrationException;
import com.microsoft.azure.sdk.iot.device.twin.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodsClient;
import com.microsoft.azure.sdk.iot.service.twin.Twin;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Many devices on one AMQP connection. */
@Timeout(60)
class MultiplexingTest {
    @RegisterExtension
    static final Hub hub = new Hub();

    @ParameterizedTest
    @EnumSource(names = {"AMQPS", "AMQPS_WS"})
    @DisplayName("three devices share a connection, each for itself; one leaves and the others stay")
    void threeDevices(IotHubClientProtocol protocol) throws Exception {
        List<String> ids = new ArrayList<>();
        List<DeviceClient> devices = new ArrayList<>();
        for (int number = 0; number < 3; number++) {
            ids.add("java-shared-" + protocol.name().toLowerCase() + "-" + number);
            devices.add(new DeviceClient(hub.device(ids.get(number)), protocol));
        }
        MultiplexingClient connection = new MultiplexingClient(Hub.HOST, protocol);
        connection.registerDeviceClients(devices);
        connection.open(false);

        for (int number = 0; number < 3; number++) {
            devices.get(number).sendEvent(new Message("from " + number));
            assertEquals(
                    "from " + number,
                    hub.journal("telemetry", ids.get(number)).get(0).getAsJsonObject().get("bodyText").getAsString());
        }

        Map<String, Integer> heard = new ConcurrentHashMap<>();
        TwinClient twins = new TwinClient(hub.service());
        DirectMethodsClient methods = new DirectMethodsClient(hub.service());
        for (int number = 0; number < 3; number++) {
            String id = ids.get(number);
            devices.get(number).subscribeToDesiredProperties(
                    (delta, context) -> heard.put(id, whole(delta.getDesiredProperties().get("number"))), null);
            devices.get(number).subscribeToMethods(
                    (name, payload, context) -> new DirectMethodResponse(200, id), null);
        }
        for (int number = 0; number < 3; number++) {
            Twin patch = new Twin(ids.get(number));
            patch.getDesiredProperties().put("number", number);
            twins.patch(patch);
        }
        assertTrue(eventually(() -> heard.size() == 3), heard::toString);
        for (int number = 0; number < 3; number++) {
            assertEquals(number, heard.get(ids.get(number)));
            assertEquals(ids.get(number), methods.invoke(ids.get(number), "who").getPayload(String.class));
        }

        connection.unregisterDeviceClient(devices.get(1));
        devices.get(2).sendEvent(new Message("still here"));
        assertEquals(2, hub.journal("telemetry", ids.get(2)).size());
        assertTrue(eventually(() -> hub.registry().getDevice(ids.get(1)).getConnectionState().name().equals("Disconnected")));
        connection.close();
    }

    @ParameterizedTest
    @EnumSource(names = {"AMQPS", "AMQPS_WS"})
    @DisplayName("a device with a wrong key is refused, and the one beside it is not disturbed")
    void wrongKey(IotHubClientProtocol protocol) throws Exception {
        String prefix = "java-beside-" + protocol.name().toLowerCase();
        DeviceClient right = new DeviceClient(hub.device(prefix + "-right"), protocol);
        hub.device(prefix + "-wrong");
        String wrongString = "HostName=" + Hub.HOST + ";DeviceId=" + prefix + "-wrong;SharedAccessKey=d3Jvbmc=";
        DeviceClient wrong = new DeviceClient(wrongString, protocol);
        MultiplexingClient connection = new MultiplexingClient(Hub.HOST, protocol);
        connection.registerDeviceClient(right);
        connection.open(false);
        MultiplexingClientRegistrationException refusal = assertThrows(
                MultiplexingClientRegistrationException.class, () -> connection.registerDeviceClient(wrong));
        assertEquals(1, refusal.getRegistrationExceptions().size());
        right.sendEvent(new Message("undisturbed"));
        assertEquals(1, hub.journal("telemetry", prefix + "-right").size());
        connection.close();
    }
}
