import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * Produces the steps on stdin with the Java client and writes one line per record, in order, when its batch is answered.
 * Steps and answers are the JSON lines that clients.ts describes. Arguments: bootstrap, codec.
 * Records between two flushes go out as one batch per partition.
 */
public class Producer {
  static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    Map<String, Object> settings = Map.of(
        "bootstrap.servers", args[0],
        "compression.type", args[1],
        "acks", "all",
        // The broker has no InitProducerId; without retries a failed flush stays failed.
        "enable.idempotence", false,
        "retries", 0,
        "max.in.flight.requests.per.connection", 1,
        // Only flush() sends.
        "linger.ms", 60_000,
        "max.block.ms", 10_000,
        "batch.size", 4 << 20,
        "max.request.size", 8 << 20);
    System.out.println(JSON.createObjectNode().put("client", "kafka-clients " + AppInfoParser.getVersion()));
    var stdin = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (String line = stdin.readLine(); line != null; line = stdin.readLine()) {
        JsonNode step = JSON.readTree(line);
        if (step.has("pauseMs")) Thread.sleep(step.get("pauseMs").asLong());
        else if (step.has("flush")) {
          producer.flush();
          for (var future : sent) System.out.println(answer(future));
          sent.clear();
        } else sent.add(producer.send(record(step)));
      }
    }
  }

  static ProducerRecord<byte[], byte[]> record(JsonNode step) throws Exception {
    List<Header> headers = new ArrayList<>();
    for (JsonNode header : step.get("headers")) {
      headers.add(new RecordHeader(header.get(0).asText(), bytes(header.get(1))));
    }
    return new ProducerRecord<>(
        step.get("topic").asText(), step.get("partition").asInt(), step.get("timestamp").asLong(),
        bytes(step.get("key")), bytes(step.get("value")), headers);
  }

  static byte[] bytes(JsonNode base64) throws Exception {
    return base64.isNull() ? null : base64.binaryValue();
  }

  static ObjectNode answer(Future<RecordMetadata> future) {
    try {
      RecordMetadata metadata = future.get();
      return JSON.createObjectNode().put("partition", metadata.partition()).put("offset", metadata.offset());
    } catch (Exception error) {
      return JSON.createObjectNode().put("error", String.valueOf(error.getCause()));
    }
  }
}
