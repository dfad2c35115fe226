import java.nio.file.Path;
import java.util.Arrays;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

/**
 * The Neo4j community kernel with nothing around it but its Bolt connector: the published jars have no main class.
 * Arguments: the directory of the data, the port on the loopback address, and "auth" if passwords are to be checked.
 */
class Kernel {
  public static void main(String[] args) throws InterruptedException {
    var home = Path.of(args[0]);
    var address = new SocketAddress("127.0.0.1", Integer.parseInt(args[1]));
    var kernel =
        new DatabaseManagementServiceBuilder(home)
            .setConfig(GraphDatabaseSettings.auth_enabled, Arrays.asList(args).contains("auth"))
            .setConfig(BoltConnector.enabled, true)
            .setConfig(BoltConnector.listen_address, address)
            .build();
    Runtime.getRuntime().addShutdownHook(new Thread(kernel::shutdown));
    System.out.println("ready bolt://" + address);
    Thread.currentThread().join();
  }
}
