import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * Reads the first records of partition 0 of a topic with the Java client, one JSON line each, bytes as base64.
 * Arguments: bootstrap, topic, count, bytes of one fetch.
 */
public class Consumer {
  public static void main(String[] args) {
    Map<String, Object> settings = Map.of(
        "bootstrap.servers", args[0],
        "enable.auto.commit", false,
        "max.partition.fetch.bytes", Integer.parseInt(args[3]));
    System.out.println(
        Producer.JSON.createObjectNode().put("client", "kafka-clients " + AppInfoParser.getVersion()));
    var partition = List.of(new TopicPartition(args[1], 0));
    int left = Integer.parseInt(args[2]);
    try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(partition);
      consumer.seekToBeginning(partition);
      while (left > 0) {
        for (var record : consumer.poll(Duration.ofSeconds(1))) {
          System.out.println(line(record));
          left--;
        }
      }
    }
  }

  static ObjectNode line(ConsumerRecord<byte[], byte[]> record) {
    ObjectNode line = Producer.JSON.createObjectNode()
        .put("offset", record.offset())
        .put("timestamp", record.timestamp())
        .put("key", record.key())
        .put("value", record.value());
    ArrayNode headers = line.putArray("headers");
    for (Header header : record.headers()) headers.addArray().add(header.key()).add(header.value());
    return line;
  }
}
