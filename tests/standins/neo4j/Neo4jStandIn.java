import java.nio.file.Path;
import org.neo4j.configuration.Config;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

/** Neo4j's kernel and Bolt with a rendered neo4j.conf, for machines that cannot get its launcher. */
public class Neo4jStandIn {
    public static void main(String[] arguments) throws Exception {
        var conf = Path.of(System.getenv("NEO4J_CONF"), "neo4j.conf");
        if (arguments[0].equals("check")) {
            // Throws at a setting that is unknown, or has a value that it cannot have.
            Config.newBuilder()
                    .fromFile(conf)
                    .set(GraphDatabaseSettings.strict_config_validation, true)
                    .build();
            return;
        }
        var service = new DatabaseManagementServiceBuilder(conf.resolveSibling("../run").normalize())
                .loadPropertiesFromFile(conf)
                .build();
        Runtime.getRuntime().addShutdownHook(new Thread(service::shutdown));
        Thread.currentThread().join();
    }
}
