// SPDX-License-Identifier: MIT
package iothub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonParser;
import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.twin.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.service.auth.AuthenticationType;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubBadFormatException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubConflictException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubNotFoundException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubPreconditionFailedException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubUnauthorizedException;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodRequestOptions;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodsClient;
import com.microsoft.azure.sdk.iot.service.query.QueryClient;
import com.microsoft.azure.sdk.iot.service.query.QueryPageOptions;
import com.microsoft.azure.sdk.iot.service.registry.Device;
import com.microsoft.azure.sdk.iot.service.registry.DeviceStatus;
import com.microsoft.azure.sdk.iot.service.registry.Module;
import com.microsoft.azure.sdk.iot.service.registry.RegistryClient;
import com.microsoft.azure.sdk.iot.service.twin.Twin;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The service clients that speak HTTPS: registry, twins, queries, methods. */
@Timeout(60)
class ServiceTest {
    @RegisterExtension
    static final Hub hub = new Hub();

    private static final Matrix.Client service = Matrix.Client.service();

    @Test
    @DisplayName("devices and modules are created, read, changed and removed")
    void registry() throws Throwable {
        service.does("registry", () -> {
            RegistryClient registry = hub.registry();
            Device created = registry.addDevice(new Device("java-crud"));
            assertEquals(DeviceStatus.Enabled, created.getStatus());
            // The SDK makes keys of its own, which the hub keeps.
            assertEquals(created.getPrimaryKey(), registry.getDevice("java-crud").getPrimaryKey());
            assertThrows(IotHubConflictException.class, () -> registry.addDevice(new Device("java-crud")));

            created.setStatus(DeviceStatus.Disabled);
            Device changed = registry.updateDevice(created);
            assertEquals(DeviceStatus.Disabled, registry.getDevice("java-crud").getStatus());
            assertNotEquals(created.getETag(), changed.getETag());
            assertEquals(1, registry.getStatistics().getDisabledDeviceCount());

            registry.addModule(new Module("java-crud", "m1"));
            Module second = registry.addModule(new Module("java-crud", "m2"));
            assertEquals(2, registry.getModulesOnDevice("java-crud").size());
            assertEquals(second.getPrimaryKey(), registry.getModule("java-crud", "m2").getPrimaryKey());
            registry.removeModule(second);
            assertThrows(IotHubNotFoundException.class, () -> registry.getModule("java-crud", "m2"));

            assertThrows(IotHubPreconditionFailedException.class, () -> registry.removeDevice(created));
            registry.removeDevice(registry.getDevice("java-crud"));
            assertThrows(IotHubNotFoundException.class, () -> registry.getDevice("java-crud"));
        });
    }

    @Test
    @DisplayName("certificate thumbprints and an authority's trust are kept")
    void certificates() throws Exception {
        RegistryClient registry = hub.registry();
        Device pinned = new Device("java-pinned", AuthenticationType.SELF_SIGNED);
        String thumbprint = "0123456789ABCDEF0123456789ABCDEF01234567";
        pinned.setThumbprint(thumbprint, thumbprint);
        registry.addDevice(pinned);
        assertEquals(thumbprint, registry.getDevice("java-pinned").getPrimaryThumbprint());
        registry.addDevice(new Device("java-trusted", AuthenticationType.CERTIFICATE_AUTHORITY));
        assertEquals(
                AuthenticationType.CERTIFICATE_AUTHORITY, registry.getDevice("java-trusted").getAuthenticationType());
    }

    @Test
    @DisplayName("a twin is read, patched, replaced, and guarded by its etag")
    void twin() throws Throwable {
        service.does("twin", () -> {
            hub.device("java-twin");
            TwinClient twins = new TwinClient(hub.service());
            Twin fresh = twins.get("java-twin");
            assertEquals(2, fresh.getVersion());

            Twin patch = new Twin("java-twin");
            patch.getTags().put("location", Map.of("plant", "Redmond43", "floor", 2));
            patch.getDesiredProperties().put("level", 1);
            twins.patch(patch);
            patch.getTags().clear();
            patch.getDesiredProperties().put("level", null);
            patch.getDesiredProperties().put("mode", "eco");
            Twin patched = twins.patch(patch);
            assertFalse(patched.getDesiredProperties().containsKey("level"));
            assertEquals("eco", patched.getDesiredProperties().get("mode"));
            assertEquals(3, patched.getDesiredProperties().getVersion());
            assertEquals(
                    "Redmond43",
                    patched.getTags().toJsonObject().getAsJsonObject("location").get("plant").getAsString());

            IotHubException stale = assertThrows(
                    IotHubPreconditionFailedException.class, () -> twins.patch(patch, '"' + fresh.getETag() + '"'));
            assertTrue(stale.getMessage().contains("ETag mismatch"), stale::getMessage);

            Twin replacement = new Twin("java-twin");
            replacement.getDesiredProperties().put("only", "this");
            Twin replaced = twins.replace(replacement, '"' + patched.getETag() + '"');
            assertEquals(1, replaced.getDesiredProperties().size());
            assertNull(replaced.getTags().get("location"));
        });
    }

    @Test
    @DisplayName("a query finds twins by tag, page by page, and counts them")
    void query() throws Throwable {
        service.does("query", () -> {
            TwinClient twins = new TwinClient(hub.service());
            for (int number = 0; number < 5; number++) {
                hub.device("java-query-" + number);
                Twin patch = new Twin("java-query-" + number);
                patch.getTags().put("kind", "query");
                patch.getTags().put("number", number);
                twins.patch(patch);
            }
            QueryClient query = new QueryClient(hub.service());
            String text = "SELECT * FROM devices WHERE tags.kind = 'query' AND tags.number > 0";
            var found = query.queryTwins(text, QueryPageOptions.builder().pageSize(3).build());
            List<String> ids = new ArrayList<>();
            while (found.hasNext()) {
                ids.add(found.next().getDeviceId());
            }
            assertEquals(List.of("java-query-1", "java-query-2", "java-query-3", "java-query-4"), ids);

            var raw = query.queryRaw("SELECT COUNT() AS n FROM devices WHERE tags.kind = 'query'");
            assertEquals(JsonParser.parseString("{\"n\":5}"), JsonParser.parseString(raw.next()));
            assertThrows(IotHubBadFormatException.class, () -> query.queryRaw("SELECT * FROM devices WHERE"));
        });
    }

    @Test
    @DisplayName("a method is invoked; a device that is away or unknown is told apart")
    void method() throws Throwable {
        service.does("method", () -> {
            DeviceClient device = new DeviceClient(hub.device("java-invoked"), IotHubClientProtocol.MQTT);
            device.open(false);
            device.subscribeToMethods(
                    (name, payload, context) -> new DirectMethodResponse(500, payload.getPayload(String.class)), null);
            DirectMethodsClient methods = new DirectMethodsClient(hub.service());
            DirectMethodRequestOptions options = DirectMethodRequestOptions.builder()
                    .payload("why")
                    .methodConnectTimeoutSeconds(0)
                    .methodResponseTimeoutSeconds(10)
                    .build();
            var answer = methods.invoke("java-invoked", "explain", options);
            assertEquals(500, answer.getStatus());
            assertEquals("why", answer.getPayload(String.class));
            device.close();

            // The SDK tells both by the class of the exception alone; the text says which it is.
            IotHubException away = assertThrows(
                    IotHubNotFoundException.class, () -> methods.invoke("java-invoked", "explain", options));
            assertTrue(away.getMessage().contains("404103"), away::getMessage);
            assertThrows(IotHubNotFoundException.class, () -> methods.invoke("java-nobody", "explain", options));
        });
    }

    @Test
    @DisplayName("a wrong key is refused as unauthorized")
    void wrongKey() {
        String wrong = hub.service().replaceFirst("SharedAccessKey=.*", "SharedAccessKey=d3Jvbmc=");
        assertThrows(IotHubUnauthorizedException.class, () -> new RegistryClient(wrong).getDevice("any"));
    }
}
