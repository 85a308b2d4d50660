// SPDX-License-Identifier: MIT
package iothub;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.microsoft.azure.sdk.iot.device.IotHubStatusCode;
import com.microsoft.azure.sdk.iot.device.exceptions.IotHubClientException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubException;
import com.microsoft.azure.sdk.iot.service.registry.Device;
import com.microsoft.azure.sdk.iot.service.registry.Module;
import com.microsoft.azure.sdk.iot.service.registry.RegistryClient;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * An emulator on the ports that the SDKs insist on, one for each test class: tests/support/netns gives the run
 * a network of its own.
 *
 * <p>The Java SDKs refuse a host name without a dot, so it goes by hub.localhost. Trust goes through a trust
 * store made with keytool and named by system properties, as a user does it: nothing in the SDKs is changed.
 */
final class Hub implements BeforeAllCallback, AfterAllCallback {
    static final String HOST = "hub.localhost";

    private static final Path OUTPUTS = Path.of(System.getProperty("basedir"), "../../../build/java").normalize();
    private static final Path HOME = OUTPUTS.resolve("home"); // one certificate authority for the whole run
    private static final Duration WAIT_MAX = Duration.ofSeconds(20);
    private static boolean isTrusted;

    private final String[] options;
    private Path folder;
    private Process process;
    private JsonObject ready;

    /** Starts the emulator with further options of its command line. */
    Hub(String... options) {
        this.options = options;
    }

    @Override
    public void beforeAll(ExtensionContext context) throws Exception {
        folder = Files.createDirectories(OUTPUTS.resolve("emulator").resolve(context.getRequiredTestClass().getSimpleName()));
        Path readyFile = folder.resolve("ready.json");
        Files.deleteIfExists(readyFile);
        ProcessBuilder builder = new ProcessBuilder(
                binary().toString(), "--memory", "--home", HOME.toString(), "--ready-file", readyFile.toString());
        builder.command().addAll(List.of(options));
        process = builder
                .redirectOutput(folder.resolve("announced.txt").toFile())
                .redirectError(folder.resolve("emulator.log").toFile())
                .start();
        if (!eventually(() -> Files.exists(readyFile) || !process.isAlive()) || !process.isAlive()) {
            throw new IOException("the emulator did not start:\n" + Files.readString(folder.resolve("emulator.log")));
        }
        ready = JsonParser.parseString(Files.readString(readyFile)).getAsJsonObject();
        trust(Path.of(ready.get("caPath").getAsString()));
    }

    @Override
    public void afterAll(ExtensionContext context) throws Exception {
        process.destroy();
        if (!process.waitFor(WAIT_MAX.toSeconds(), TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new IOException("the emulator does not end; see " + folder);
        }
        if (process.exitValue() != 0) {
            throw new IOException("the emulator ended with " + process.exitValue() + "; see " + folder);
        }
    }

    private static Path binary() {
        String named = System.getenv("EMULATOR_BIN");
        return named != null ? Path.of(named) : OUTPUTS.resolve("../release/bin/iothub-emulator").normalize();
    }

    /** Makes the trust store that the system properties name (pom.xml), before anything here uses TLS. */
    private static void trust(Path caPath) throws IOException, InterruptedException {
        Path store = Path.of(System.getProperty("javax.net.ssl.trustStore"));
        if (isTrusted) {
            return;
        }
        Files.deleteIfExists(store);
        Process keytool = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                        "-importcert", "-noprompt", "-alias", "iothub-emulator", "-file", caPath.toString(),
                        "-keystore", store.toString(), "-storepass",
                        System.getProperty("javax.net.ssl.trustStorePassword"))
                .inheritIO()
                .start();
        if (keytool.waitFor() != 0) {
            throw new IOException("keytool ended with " + keytool.exitValue());
        }
        isTrusted = true;
    }

    /** Waits for what another program brings about; false if it does not happen in time. */
    static boolean eventually(Callable<Boolean> condition) throws Exception {
        Instant deadline = Instant.now().plus(WAIT_MAX);
        while (!condition.call()) {
            if (Instant.now().isAfter(deadline)) {
                return false;
            }
            Thread.sleep(10);
        }
        return true;
    }

    /** A call of the SDK that waits for an answer no longer than it is told. */
    interface Patient<T> {
        T call(int timeoutMilliseconds) throws Exception;
    }

    /**
     * Reads or reports a twin, several times if need be: where a machine is busy the SDK loses answers. Its
     * IotHubTransport.onMessageReceived wakes the thread that drops the waiting callback before it looks for
     * that callback itself (2.5.0), and a call without a time-out then waits for ever.
     */
    static <T> T patiently(Patient<T> operation) throws Exception {
        for (int attempt = 1; ; attempt++) {
            try {
                return operation.call(2000);
            } catch (IotHubClientException failure) {
                if (failure.getStatusCode() != IotHubStatusCode.DEVICE_OPERATION_TIMED_OUT || attempt == 10) {
                    throw failure;
                }
            }
        }
    }

    /** A whole number in a twin: the SDKs hand it out as one type or another. */
    static int whole(Object number) {
        return ((Number) number).intValue();
    }

    /** The owner's connection string. */
    String service() {
        String key = ready.getAsJsonArray("policies").get(0).getAsJsonObject().get("primaryKey").getAsString();
        return "HostName=" + HOST + ";SharedAccessKeyName=iothubowner;SharedAccessKey=" + key;
    }

    /** What readers of events connect with: without TLS, as it is printed, or with it. */
    String events(boolean plain) {
        if (plain) {
            return ready.get("eventHubsConnectionString").getAsString();
        }
        return service().replaceFirst("HostName=[^;]*", "Endpoint=sb://" + HOST + "/") + ";EntityPath=hub";
    }

    RegistryClient registry() {
        return new RegistryClient(service());
    }

    /** Registers a device and returns its connection string. */
    String device(String deviceId) throws IOException, IotHubException {
        Device created = registry().addDevice(new Device(deviceId));
        return "HostName=" + HOST + ";DeviceId=" + deviceId + ";SharedAccessKey=" + created.getPrimaryKey();
    }

    /** Registers a module of a device there is and returns its connection string. */
    String module(String deviceId, String moduleId) throws IOException, IotHubException {
        Module created = registry().addModule(new Module(deviceId, moduleId));
        return "HostName=" + HOST + ";DeviceId=" + deviceId + ";ModuleId=" + moduleId + ";SharedAccessKey="
                + created.getPrimaryKey();
    }

    /** The journal's rows of one kind about one device, oldest first. */
    JsonArray journal(String kind, String deviceId) throws IOException {
        int port = ready.getAsJsonObject("ports").get("control").getAsInt();
        URI uri = URI.create("http://127.0.0.1:" + port + "/journal?limit=1000&kind=" + kind + "&device=" + deviceId);
        try (InputStream answer = uri.toURL().openStream()) {
            String text = new String(answer.readAllBytes(), StandardCharsets.UTF_8);
            return JsonParser.parseString(text).getAsJsonObject().getAsJsonArray("rows");
        }
    }
}
