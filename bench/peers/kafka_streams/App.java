import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/** The workloads in Kafka Streams: arguments are address, name, source, sink, workload, delivery, folder. */
public final class App {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int LATE_MINUTES = 15;
    private static final Duration LOOKBACK = Duration.ofHours(6);

    private App() {}

    public static void main(String[] words) {
        String sink = words[3];
        String workload = words[4];
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, ObjectNode> records = builder.stream(words[2], Consumed.with(Serdes.String(), json()));
        KStream<String, ObjectNode> outputs = switch (workload) {
            case "stateless", "latency" ->
                records.filter((key, flight) -> !flight.get("dep_delay").isNull()).mapValues(App::withSpeed);
            case "tumbling" -> tumbling(records);
            case "lookback" -> lookback(builder, records);
            default -> throw new IllegalArgumentException("no workload " + workload);
        };
        outputs.to(sink, Produced.with(Serdes.String(), json()));
        KafkaStreams streams = new KafkaStreams(builder.build(), settings(words, workload));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(5))));
        streams.start();
    }

    private static Properties settings(String[] words, String workload) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", words[0]);
        settings.put("application.id", words[1]);
        settings.put("processing.guarantee", words[5].equals("exactly-once") ? "exactly_once_v2" : "at_least_once");
        // A commit makes exactly-once outputs, and what the cache holds back, visible: 100 ms is the default there.
        settings.put("commit.interval.ms", workload.equals("latency") ? 100 : 500);
        settings.put("num.stream.threads", 1);
        settings.put("replication.factor", 1);
        settings.put("state.dir", words[6]);
        settings.put("auto.offset.reset", "earliest");
        settings.put("producer.compression.type", "lz4");
        settings.put("producer.linger.ms", 5);
        return settings;
    }

    private static ObjectNode withSpeed(ObjectNode flight) {
        JsonNode airTime = flight.get("air_time");
        JsonNode arrDelay = flight.get("arr_delay");
        if (airTime.isNull()) {
            flight.putNull("speed");
        } else {
            flight.put("speed", flight.get("distance").asDouble() / (airTime.asDouble() / 60));
        }
        return flight.put("late", !arrDelay.isNull() && arrDelay.asDouble() > LATE_MINUTES);
    }

    private static KStream<String, ObjectNode> tumbling(KStream<String, ObjectNode> records) {
        return records
            .groupByKey()
            .windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofMinutes(1)))
            .aggregate(
                () -> new Figures(0, 0, Double.NEGATIVE_INFINITY),
                (key, reading, figures) -> figures.with(reading.get("value").asDouble()),
                Materialized.with(Serdes.String(), figures()))
            .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()))
            .toStream()
            .map((window, figures) -> new org.apache.kafka.streams.KeyValue<>(
                window.key(),
                JSON.createObjectNode()
                    .put("window_start", window.window().startTime().toString())
                    .put("sensor", window.key())
                    .put("readings", figures.readings())
                    .put("total", figures.total())
                    .put("highest", figures.highest())));
    }

    private static KStream<String, ObjectNode> lookback(StreamsBuilder builder, KStream<String, ObjectNode> records) {
        builder.addStateStore(
            Stores.windowStoreBuilder(
                Stores.persistentWindowStore("readings", LOOKBACK.plusHours(1), LOOKBACK, false),
                Serdes.String(),
                Serdes.Double()));
        return records.process(MeanOfLookback::new, "readings");
    }

    /** Count, sum and maximum of a window. */
    private record Figures(long readings, double total, double highest) {
        Figures with(double value) {
            return new Figures(readings + 1, total + value, Math.max(highest, value));
        }
    }

    /** Stores each reading, and gives the mean of its sensor's last six hours. */
    private static final class MeanOfLookback extends ContextualProcessor<String, ObjectNode, String, ObjectNode> {
        private WindowStore<String, Double> readings;

        @Override
        public void init(ProcessorContext<String, ObjectNode> context) {
            super.init(context);
            readings = context.getStateStore("readings");
        }

        @Override
        public void process(Record<String, ObjectNode> record) {
            long time = record.timestamp();
            readings.put(record.key(), record.value().get("value").asDouble(), time);
            double total = 0;
            int count = 0;
            try (var past = readings.fetch(record.key(), time - LOOKBACK.toMillis(), time)) {
                while (past.hasNext()) {
                    total += past.next().value;
                    count++;
                }
            }
            ObjectNode row = JSON.createObjectNode()
                .put("sensor", record.key())
                .put("time", Instant.ofEpochMilli(time).toString())
                .put("mean", total / count);
            context().forward(record.withValue(row));
        }
    }

    private static Serde<ObjectNode> json() {
        return Serdes.serdeFrom(
            (topic, node) -> {
                try {
                    return node == null ? null : JSON.writeValueAsBytes(node);
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
            },
            (topic, bytes) -> {
                try {
                    return bytes == null ? null : (ObjectNode) JSON.readTree(bytes);
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
            });
    }

    private static Serde<Figures> figures() {
        return Serdes.serdeFrom(
            (topic, figures) -> figures == null
                ? null
                : ByteBuffer.allocate(24)
                    .putLong(figures.readings())
                    .putDouble(figures.total())
                    .putDouble(figures.highest())
                    .array(),
            (topic, bytes) -> {
                if (bytes == null) {
                    return null;
                }
                ByteBuffer buffer = ByteBuffer.wrap(bytes);
                return new Figures(buffer.getLong(), buffer.getDouble(), buffer.getDouble());
            });
    }
}
