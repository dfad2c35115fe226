import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.connectors.ConnectorPortRegister;
import org.neo4j.configuration.connectors.ConnectorType;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.configuration.ssl.SslPolicyConfig;
import org.neo4j.configuration.ssl.SslPolicyScope;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;
import org.neo4j.kernel.internal.GraphDatabaseAPI;

/**
 * The Neo4j community kernel with nothing around it but its Bolt connector: the published jars have no main class.
 * Several servers in one machine share what it has compiled, which makes tests start and run faster.
 *
 * <p>Arguments: the directory of the data, the number of the process to end with (0 = none), and for each server its
 * port on the loopback address (0 = any that is free), ",auth" if passwords are to be checked, and ",tls" if it speaks
 * TLS as well, with key.pem and cert.pem in the directory.
 */
class Kernel {
  public static void main(String[] args) throws InterruptedException {
    var home = Path.of(args[0]).toAbsolutePath();
    endWith(Long.parseLong(args[1]));
    for (int i = 2; i < args.length; i++) {
      var kernel = start(home, i == 2 ? home : home.resolve("server" + (i - 1)), Arrays.asList(args[i].split(",")));
      Runtime.getRuntime().addShutdownHook(new Thread(kernel::shutdown));
      System.out.println("ready bolt://127.0.0.1:" + port(kernel));
    }
    Thread.currentThread().join();
  }

  /** Ends this process at once when that one ends, however it ends. */
  static void endWith(long pid) {
    if (pid == 0) {
      return;
    }
    var other = ProcessHandle.of(pid);
    if (other.isEmpty()) {
      Runtime.getRuntime().halt(1);
    }
    other.get().onExit().thenRun(() -> Runtime.getRuntime().halt(0));
  }

  static DatabaseManagementService start(Path home, Path data, List<String> server) {
    var builder =
        new DatabaseManagementServiceBuilder(data)
            .setConfig(GraphDatabaseSettings.auth_enabled, server.contains("auth"))
            // Not a quarter of a gigabyte of empty log for every database.
            .setConfig(GraphDatabaseSettings.preallocate_logical_logs, false)
            .setConfig(GraphDatabaseSettings.pagecache_memory, Long.parseLong(System.getProperty("pagecache")) << 20)
            .setConfig(BoltConnector.enabled, true)
            .setConfig(BoltConnector.listen_address, new SocketAddress("127.0.0.1", Integer.parseInt(server.get(0))));
    if (server.contains("tls")) {
      var policy = SslPolicyConfig.forScope(SslPolicyScope.BOLT);
      builder
          .setConfig(BoltConnector.encryption_level, BoltConnector.EncryptionLevel.OPTIONAL)
          .setConfig(policy.enabled, true)
          .setConfig(policy.base_directory, home)
          .setConfig(policy.private_key, home.resolve("key.pem"))
          .setConfig(policy.public_certificate, home.resolve("cert.pem"));
    }
    return builder.build();
  }

  static int port(DatabaseManagementService kernel) {
    var database = (GraphDatabaseAPI) kernel.database(GraphDatabaseSettings.DEFAULT_DATABASE_NAME);
    var ports = database.getDependencyResolver().resolveDependency(ConnectorPortRegister.class);
    return ports.getLocalAddress(ConnectorType.BOLT).getPort();
  }
}
