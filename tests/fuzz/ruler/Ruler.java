import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import software.amazon.event.ruler.Machine;

/** Reads lines {"p": pattern, "e": [event, ...]}, all JSON texts; answers a line of T, F and X (failed), or "INVALID reason". */
public class Ruler {
    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8), 1 << 20);
        PrintStream out = new PrintStream(new BufferedOutputStream(System.out, 1 << 16), false, StandardCharsets.UTF_8);
        ObjectMapper mapper = new ObjectMapper();
        String line;
        while ((line = in.readLine()) != null) {
            out.println(verdicts(mapper.readTree(line)));
            if (!in.ready()) {
                out.flush();
            }
        }
        out.flush();
    }

    private static String verdicts(JsonNode pair) {
        Machine machine = new Machine();
        try {
            machine.addRule("r", pair.get("p").asText());
        } catch (Throwable refusal) {
            return "INVALID " + String.valueOf(refusal.getMessage()).split("\n")[0];
        }
        StringBuilder verdicts = new StringBuilder();
        for (JsonNode event : pair.get("e")) {
            try {
                verdicts.append(machine.rulesForJSONEvent(event.asText()).isEmpty() ? 'F' : 'T');
            } catch (Throwable failure) {
                verdicts.append('X');
            }
        }
        return verdicts.toString();
    }
}
