// SPDX-License-Identifier: MIT
package iothub;

import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.service.messaging.IotHubServiceClientProtocol;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Properties;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.function.Executable;

/** Rows of the SDK matrix (tests/conformance/README.md): which client does what over which transport. */
final class Matrix {
    private Matrix() {}

    /** One row of a table: a client of an SDK over a transport. */
    record Client(String role, String group, String artifact, String transport) {
        private static final String IOT = "com.microsoft.azure.sdk.iot";

        static Client device(IotHubClientProtocol protocol) {
            return new Client("device", IOT, "iot-device-client", nameOf(protocol));
        }

        static Client module(IotHubClientProtocol protocol) {
            return new Client("module", IOT, "iot-device-client", nameOf(protocol));
        }

        /** The service clients that speak HTTPS. */
        static Client service() {
            return new Client("service", IOT, "iot-service-client", "HTTPS");
        }

        static Client service(IotHubServiceClientProtocol protocol) {
            return new Client("service", IOT, "iot-service-client", nameOf(protocol));
        }

        static Client reader(String transport) {
            return new Client("reader", "com.azure", "azure-messaging-eventhubs", transport);
        }

        /** Runs the check, and writes whether it passed. */
        void does(String feature, Executable check) throws Throwable {
            try {
                check.execute();
            } catch (Throwable failure) {
                write(feature, "failed");
                throw failure;
            }
            write(feature, "passed");
        }

        /** Sees the SDK itself say that it has no such thing. */
        void doesNot(String feature, Executable attempt) throws IOException {
            Assertions.assertThrows(UnsupportedOperationException.class, attempt);
            write(feature, "unsupported");
        }

        private static String nameOf(Enum<?> protocol) {
            return protocol.name().replace("AMQPS", "AMQP").replace('_', '-');
        }

        private void write(String feature, String result) throws IOException {
            String file = System.getenv("HUB_SDK_RESULTS");
            if (file != null) {
                String row = String.join("\t", role, "Java", artifact, version(), transport, feature, result) + "\n";
                Files.writeString(Path.of(file), row, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            }
        }

        private String version() throws IOException {
            String path = "/META-INF/maven/" + group + "/" + artifact + "/pom.properties";
            Properties properties = new Properties();
            try (InputStream in = Matrix.class.getResourceAsStream(path)) {
                properties.load(in);
            }
            return properties.getProperty("version");
        }
    }
}
