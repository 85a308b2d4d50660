// SPDX-License-Identifier: MIT
package iothub;

import static iothub.Hub.eventually;
import static iothub.Hub.patiently;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.twin.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.device.twin.TwinCollection;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodRequestOptions;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodsClient;
import com.microsoft.azure.sdk.iot.service.query.QueryClient;
import com.microsoft.azure.sdk.iot.service.twin.Twin;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What learners do first: the device twin and the device management tutorials, as they are written for Java. */
@Timeout(60)
class TutorialsTest {
    @RegisterExtension
    static final Hub hub = new Hub();

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "HTTPS")
    @DisplayName("device twins: tags by the back end, connectivity by the device, found by queries")
    void deviceTwins(IotHubClientProtocol protocol) throws Exception {
        String id = "myDeviceId-" + protocol.name().toLowerCase();
        String plant = "Redmond43-" + protocol.name();
        DeviceClient device = new DeviceClient(hub.device(id), protocol);

        TwinClient twins = new TwinClient(hub.service());
        Twin twin = twins.get(id);
        twin.getTags().put("location", Map.of("region", "US", "plant", plant));
        twins.patch(twin);

        QueryClient query = new QueryClient(hub.service());
        String inPlant = "SELECT * FROM devices WHERE tags.location.plant = '" + plant + "'";
        String onCellular = inPlant + " AND properties.reported.connectivity.type = 'cellular'";
        assertEquals(id, query.queryTwins(inPlant).next().getDeviceId());
        assertEquals(false, query.queryTwins(onCellular).hasNext());

        device.open(true);
        device.subscribeToDesiredProperties((delta, context) -> {}, null);
        patiently(timeout -> {
            TwinCollection reported = device.getTwin(timeout).getReportedProperties();
            reported.put("connectivity", new TwinCollection(Map.of("type", "cellular")));
            return device.updateReportedProperties(reported, timeout);
        });
        device.close();

        assertEquals(id, query.queryTwins(onCellular).next().getDeviceId());
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "HTTPS")
    @DisplayName("device management: a reboot method, the time of the last reboot reported")
    void reboot(IotHubClientProtocol protocol) throws Exception {
        String id = "myRebootDevice-" + protocol.name().toLowerCase();
        DeviceClient device = new DeviceClient(hub.device(id), protocol);
        device.open(true);
        device.subscribeToDesiredProperties((delta, context) -> {}, null); // the SDK reports nothing before
        device.subscribeToMethods(
                (name, payload, context) -> {
                    if (!name.equals("reboot")) {
                        return new DirectMethodResponse(404, "No such method: " + name);
                    }
                    new Thread(() -> reportReboot(device)).start();
                    return new DirectMethodResponse(200, "Started reboot");
                },
                null);

        DirectMethodRequestOptions options = DirectMethodRequestOptions.builder()
                .methodResponseTimeoutSeconds(30)
                .methodConnectTimeoutSeconds(5)
                .build();
        DirectMethodsClient methods = new DirectMethodsClient(hub.service());
        var answer = methods.invoke(id, "reboot", options);
        assertEquals(200, answer.getStatus());
        assertEquals("Started reboot", answer.getPayload(String.class));
        assertEquals(404, methods.invoke(id, "shutdown", options).getStatus());

        TwinClient twins = new TwinClient(hub.service());
        assertTrue(eventually(() -> twins.get(id).getReportedProperties().containsKey("iothubDM")));
        var reported = twins.get(id).getReportedProperties().toJsonObject().getAsJsonObject("iothubDM");
        Instant.parse(reported.getAsJsonObject("reboot").get("lastReboot").getAsString());
        device.close();
    }

    private static void reportReboot(DeviceClient device) {
        TwinCollection report = new TwinCollection();
        report.put("iothubDM", Map.of("reboot", Map.of("lastReboot", Instant.now().toString())));
        try {
            patiently(timeout -> device.updateReportedProperties(report, timeout));
        } catch (Exception failure) {
            throw new IllegalStateException(failure);
        }
    }
}
