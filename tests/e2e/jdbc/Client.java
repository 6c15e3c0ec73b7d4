// A client on pgjdbc: what Java programs do with a PostgreSQL server. Takes a JDBC URL; prints one PASS
// or FAIL line per test. Run by clients_test.py as a single source file.

import java.math.BigDecimal;
import java.sql.Array;
import java.sql.Connection;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;

public class Client {
  interface Body {
    void run() throws Exception;
  }

  static int failures = 0;

  static void test(String name, Body body) {
    try {
      body.run();
      System.out.println("PASS jdbc: " + name);
    } catch (Throwable error) {
      failures++;
      System.out.println("FAIL jdbc: " + name + "\n    " + error);
    }
  }

  static void expect(Object got, Object want) {
    if (!Objects.equals(got, want)) throw new AssertionError("got " + got + ", want " + want);
  }

  static Object one(Connection connection, String sql, Object parameter) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      // The driver turns to binary results after some executions: ask often enough to see both.
      Object answer = null;
      for (int i = 0; i < 8; i++) {
        statement.setObject(1, parameter);
        try (ResultSet rows = statement.executeQuery()) {
          rows.next();
          Object again = rows.getObject(1);
          if (i > 0) expect(again, answer);
          answer = again;
        }
      }
      return answer;
    }
  }

  static void types(Connection c) throws Exception {
    expect(one(c, "SELECT ?::int4", 42), 42);
    expect(one(c, "SELECT ?::int8", Long.MIN_VALUE), Long.MIN_VALUE);
    expect(one(c, "SELECT ?::float8", 0.1), 0.1);
    expect(one(c, "SELECT ?::bool", true), true);
    expect(one(c, "SELECT ?::text", "it's"), "it's");
    expect(one(c, "SELECT ?::numeric", new BigDecimal("-1.2300")), new BigDecimal("-1.2300"));
    expect(one(c, "SELECT ?::date", Date.valueOf("2024-02-29")), Date.valueOf("2024-02-29"));
    UUID uuid = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff");
    expect(one(c, "SELECT ?::uuid", uuid), uuid);
    expect(one(c, "SELECT ?::int4 + NULL", 1), null);
    OffsetDateTime when = OffsetDateTime.parse("2026-01-02T03:04:05.000006Z");
    try (PreparedStatement s = c.prepareStatement("SELECT ?::timestamptz")) {
      s.setObject(1, when);
      try (ResultSet rows = s.executeQuery()) {
        rows.next();
        expect(rows.getObject(1, OffsetDateTime.class), when);
      }
    }
  }

  static void arrays(Connection c) throws Exception {
    Array array = c.createArrayOf("text", new String[] {"a", null, "b,c"});
    try (PreparedStatement s = c.prepareStatement("SELECT ?::text[]")) {
      s.setArray(1, array);
      try (ResultSet rows = s.executeQuery()) {
        rows.next();
        Object[] back = (Object[]) rows.getArray(1).getArray();
        expect(List.of(back[0], back[2]), List.of("a", "b,c"));
        expect(back[1], null);
      }
    }
  }

  static void rows(Connection c) throws Exception {
    try (Statement s = c.createStatement()) {
      s.execute("CREATE TABLE jdbc_t (id bigint PRIMARY KEY, v text)");
    }
    try (PreparedStatement s = c.prepareStatement("INSERT INTO jdbc_t VALUES (?, ?)")) {
      for (long i = 0; i < 1000; i++) {
        s.setLong(1, i);
        s.setString(2, "v" + i);
        s.addBatch();
      }
      expect(s.executeBatch().length, 1000);
    }
    // A fetch size needs a transaction: the portal is read a hundred rows at a time.
    c.setAutoCommit(false);
    List<Long> ids = new ArrayList<>();
    try (Statement s = c.createStatement()) {
      s.setFetchSize(100);
      try (ResultSet rows = s.executeQuery("SELECT id FROM jdbc_t ORDER BY id")) {
        while (rows.next()) ids.add(rows.getLong(1));
      }
    }
    c.commit();
    c.setAutoCommit(true);
    expect(ids.size(), 1000);
    expect(ids.get(999), 999L);
  }

  static void transaction(Connection c) throws Exception {
    c.setAutoCommit(false);
    try (Statement s = c.createStatement()) {
      expect(s.executeUpdate("DELETE FROM jdbc_t WHERE id < 10"), 10);
      c.rollback();
      try (ResultSet rows = s.executeQuery("SELECT count(*) FROM jdbc_t")) {
        rows.next();
        expect(rows.getLong(1), 1000L);
      }
      c.commit();
    }
    c.setAutoCommit(true);
  }

  static void errors(Connection c) throws Exception {
    try (Statement s = c.createStatement()) {
      s.execute("SELECT 1/0");
      throw new AssertionError("1/0 gave no error");
    } catch (SQLException error) {
      expect(error.getSQLState(), "22012");
    }
  }

  static void metadata(Connection c) throws Exception {
    List<String> names = new ArrayList<>();
    try (ResultSet rows = c.getMetaData().getTables(null, "public", "jdbc%", null)) {
      while (rows.next()) names.add(rows.getString("TABLE_NAME"));
    }
    expect(names.contains("jdbc_t"), true);
    List<String> columns = new ArrayList<>();
    try (ResultSet rows = c.getMetaData().getColumns(null, "public", "jdbc_t", null)) {
      while (rows.next()) columns.add(rows.getString("COLUMN_NAME") + " " + rows.getString("TYPE_NAME"));
    }
    expect(columns, List.of("id int8", "v text"));
  }

  public static void main(String[] arguments) throws Exception {
    try (Connection c = DriverManager.getConnection(arguments[0])) {
      test("types in text and in binary", () -> types(c));
      test("arrays", () -> arrays(c));
      test("batched inserts, then a portal read in pieces", () -> rows(c));
      test("rollback", () -> transaction(c));
      test("an error has its SQLSTATE", () -> errors(c));
      test("metadata of tables and columns", () -> metadata(c));
    }
    System.exit(failures == 0 ? 0 : 1);
  }
}
