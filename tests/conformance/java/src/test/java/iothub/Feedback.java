// SPDX-License-Identifier: MIT
package iothub;

import com.microsoft.azure.sdk.iot.service.messaging.AcknowledgementType;
import com.microsoft.azure.sdk.iot.service.messaging.FeedbackBatch;
import com.microsoft.azure.sdk.iot.service.messaging.FeedbackRecord;
import com.microsoft.azure.sdk.iot.service.messaging.IotHubServiceClientProtocol;
import com.microsoft.azure.sdk.iot.service.messaging.MessageFeedbackProcessorClient;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;

/** A running feedback receiver and what it has heard, by message id. */
final class Feedback implements AutoCloseable {
    private final Map<String, FeedbackRecord> heard = new ConcurrentHashMap<>();
    private final MessageFeedbackProcessorClient client;

    Feedback(Hub hub, IotHubServiceClientProtocol protocol) throws Exception {
        client = new MessageFeedbackProcessorClient(hub.service(), protocol, this::take);
        client.start();
    }

    private AcknowledgementType take(FeedbackBatch batch) {
        for (FeedbackRecord record : batch.getRecords()) {
            // The SDK asks for feedback unless told otherwise, also about messages without an id.
            heard.put(Objects.toString(record.getOriginalMessageId()), record);
        }
        return AcknowledgementType.COMPLETE;
    }

    /** Waits for the record about a message; null if none comes. */
    FeedbackRecord about(String messageId) throws Exception {
        Hub.eventually(() -> heard.containsKey(messageId));
        return heard.get(messageId);
    }

    @Override
    public void close() throws InterruptedException {
        client.stop();
    }
}
