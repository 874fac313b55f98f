// Prints partition.json from Kafka's own code:
//   java -cp 'path/to/kafka/lib/*' schemas/vectors/PartitionVectors.java > schemas/vectors/partition.json
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.kafka.common.utils.Utils;

public class PartitionVectors {
  private static final int[] PARTITIONS = {1, 2, 3, 12, 50, 4096};

  public static void main(String[] args) {
    List<byte[]> keys = new ArrayList<>();
    for (String name : new String[] {
        "", "a", "ab", "abc", "abcd", "21", "foobar", "airport/ORD", "airport/JFK", "@user/alice", "demo/lobby",
        "a-little-bit-long-string", "zürich", "日本", "🛫 gate", "x".repeat(200)}) {
      keys.add(name.getBytes(StandardCharsets.UTF_8));
    }
    Random random = new Random(3);
    for (int length = 1; length <= 40; length++) {
      byte[] key = new byte[length];
      random.nextBytes(key);
      keys.add(key);
    }
    StringBuilder json = new StringBuilder("{\n  \"source\": \"org.apache.kafka.common.utils.Utils, Kafka "
        + org.apache.kafka.common.utils.AppInfoParser.getVersion() + "\",\n  \"cases\": [\n");
    for (int i = 0; i < keys.size(); i++) {
      int hash = Utils.murmur2(keys.get(i));
      StringBuilder hex = new StringBuilder();
      for (byte b : keys.get(i)) hex.append(String.format("%02x", b));
      json.append("    { \"keyHex\": \"").append(hex).append("\", \"murmur2\": ").append(hash).append(", \"partitions\": {");
      for (int p = 0; p < PARTITIONS.length; p++) {
        json.append(p == 0 ? " " : ", ").append('"').append(PARTITIONS[p]).append("\": ")
            .append(Utils.toPositive(hash) % PARTITIONS[p]);
      }
      json.append(" } }").append(i + 1 < keys.size() ? ",\n" : "\n");
    }
    System.out.print(json.append("  ]\n}\n"));
  }
}
