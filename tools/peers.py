"""Real peers: a Kafka broker and a PostgreSQL cluster, each private, in a folder of its own.

    peers start [DIR]      both, with the README's example in them; prints addresses and example
    peers stop [DIR]       both, and removes their data
    peers kafka|pg start|stop|kill9|restart DIR [--settings TEXT]
                           one of them; a start in a used DIR goes on with its data and its ports
    peers kafka prepare    what brokers share: a formatted folder, an archive of classes

Everything listens on loopback, on ports below those the kernel hands to clients (else a client
could take a server's port between its stop and its start). Processes are ended by their pid files
only. Tests use the classes; they run in the virtual environment that tools/setup makes.
"""

import argparse
import contextlib
import fcntl
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
USER_CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
CACHE = pathlib.Path(os.environ.get("QUICKWATER_CACHE") or USER_CACHE / "quickwater")
PG_BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
START_SECONDS_MAX = 90


class PeerError(Exception):
    pass


def free_ports(count):
    ports = []
    while len(ports) < count:
        port = random.randint(15000, 29999)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


def is_running(pid):
    try:
        os.kill(pid, 0)
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def reap(pid):
    """Collects the exit status when the process is our own child."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def wait_until(condition, what, seconds=START_SECONDS_MAX, log=None):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:]) if log else ""
            raise PeerError(f"no {what} after {seconds} s\n{tail}")
        time.sleep(0.02)


def end_process(pid_file, sig):
    """Signals the process of a pid file and waits until it is gone; nothing when there is none."""
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text().split()[0])
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass

    def gone():
        reap(pid)
        return not is_running(pid)

    wait_until(gone, f"end of process {pid}")


# One node that is both broker and controller, tuned for a start and a restart after SIGKILL in 2 to
# 3 seconds (the stock settings take 4 and 13) and for little memory. Retention is off because it
# goes by the records' own timestamps, which tests choose freely.
KAFKA_SETTINGS = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},SASL://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL://127.0.0.1:{sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config={jaas} required user_bob="bob-secret";
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=100
broker.session.timeout.ms=2000
controller.quorum.election.timeout.ms=200
controller.quorum.election.backoff.max.ms=100
controller.quorum.append.linger.ms=0
num.network.threads=1
num.io.threads=2
background.threads=2
log.initial.task.delay.ms=500
log.segment.delete.delay.ms=100
log.retention.check.interval.ms=500
log.retention.ms=-1
log.cleaner.dedupe.buffer.size=8388608
log.cleaner.backoff.ms=200
log.cleaner.min.cleanable.ratio=0.01
"""
KAFKA_JAAS = "org.apache.kafka.common.security.plain.PlainLoginModule"
KAFKA_CLUSTER = "cXVpY2t3YXRlci10ZXN0cw"  # any 16 bytes in base64
KAFKA_JVM = [
    "java", "-Xms64m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info"
]


class Kafka:
    """One broker in `directory`; `settings` are more lines for its properties, on first start."""

    home = CACHE / "kafka"  # libs/ from tools/setup, template/ and classes.jsa from prepare()

    def __init__(self, directory, settings=""):
        self.directory = pathlib.Path(directory).resolve()
        self.settings = settings
        self.pid_file = self.directory / "pid"
        self.log = self.directory / "log"

    @property
    def address(self):
        return self._listener("PLAINTEXT")

    @property
    def sasl_address(self):
        """Takes user bob with password bob-secret, by PLAIN."""
        return self._listener("SASL")

    def _listener(self, name):
        text = (self.directory / "server.properties").read_text()
        listeners = re.search(r"^advertised\.listeners=(\S+)$", text, re.M).group(1)
        return dict(each.split("://") for each in listeners.split(","))[name]

    @property
    def running(self):
        return self.pid_file.exists() and is_running(int(self.pid_file.read_text()))

    def start(self):
        if self.running:
            return self
        self.prepare()
        self.directory.mkdir(parents=True, exist_ok=True)
        if not (self.directory / "data").exists():
            # A formatted folder holds no ports: copying one saves starting a JVM to format it.
            shutil.copytree(self.home / "template" / "data", self.directory / "data")
            self._write_settings()
        self._launch("-XX:SharedArchiveFile=classes.jsa", "-Xshare:auto")
        return self

    def stop(self):
        end_process(self.pid_file, signal.SIGTERM)
        self.pid_file.unlink(missing_ok=True)

    def kill9(self):
        end_process(self.pid_file, signal.SIGKILL)
        self.pid_file.unlink(missing_ok=True)

    def create_topic(self, name, partitions=1, **config):
        import confluent_kafka.admin
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": self.address})
        config = {key.replace("_", "."): value for key, value in config.items()}
        topic = confluent_kafka.admin.NewTopic(name, partitions, 1, config=config)
        admin.create_topics([topic])[name].result(30)

    @classmethod
    def prepare(cls):
        """Formats a data folder and archives the broker's loaded classes, once per cache."""
        with open(cls.home / "prepare.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (cls.home / "classes.jsa").exists():
                cls._prepare()

    @classmethod
    def _prepare(cls):
        template = cls.home / "template"
        shutil.rmtree(template, ignore_errors=True)
        template.mkdir(parents=True)
        broker = cls(template)
        broker._write_settings()
        subprocess.run(
            KAFKA_JVM + ["-cp", "libs/*", "kafka.tools.StorageTool", "format", "-t", KAFKA_CLUSTER,
                         "-c", str(template / "server.properties")],
            cwd=cls.home, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with tempfile.TemporaryDirectory() as scratch:
            broker = cls(scratch)
            shutil.copytree(template / "data", broker.directory / "data")
            broker._write_settings()
            archive = cls.home / f"classes.{os.getpid()}.jsa"
            broker._launch(f"-XX:ArchiveClassesAtExit={archive}")
            broker.stop()
        archive.rename(cls.home / "classes.jsa")

    def _write_settings(self):
        port, sasl, controller = free_ports(3)
        text = KAFKA_SETTINGS.format(port=port, sasl=sasl, controller=controller, jaas=KAFKA_JAAS,
                                     data=self.directory / "data")
        (self.directory / "server.properties").write_text(text.lstrip() + self.settings)

    def _launch(self, *options):
        # The archive is refused, silently, unless the class path is the same text each time: hence
        # the relative path and the working directory.
        with open(self.log, "w") as log:
            process = subprocess.Popen(
                KAFKA_JVM + [*options, "-cp", "libs/*", "kafka.Kafka",
                             str(self.directory / "server.properties")],
                cwd=self.home, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.pid_file.write_text(str(process.pid))

        def ready():
            if process.poll() is not None:
                raise PeerError("Kafka did not start\n" + self.log.read_text()[-2000:])
            return "Kafka Server started" in self.log.read_text()

        wait_until(ready, "Kafka", log=self.log)


# Trust for all but `repl`, whose password is thereby really checked.
PG_HBA = """
local all all trust
host all,replication repl 127.0.0.1/32 scram-sha-256
host all,replication all 127.0.0.1/32 trust
"""
PG_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
wal_level = logical
max_wal_senders = 20
max_replication_slots = 20
max_connections = 100
wal_sender_timeout = 10s
shared_buffers = 64MB
timezone = 'UTC'
log_timezone = 'UTC'
"""
# Tests crash processes, never the machine: nothing is lost without the syncs.
PG_UNSAFE = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"
# As a peer of benchmarks PostgreSQL runs with all its promises kept.
PG_BENCHMARK = "fsync = on\nsynchronous_commit = on\nfull_page_writes = on\nshared_buffers = 2GB\n"


class Postgres:
    """One PostgreSQL 15 cluster in `directory`; superuser postgres, no password."""

    def __init__(self, directory, settings=PG_UNSAFE):
        self.directory = pathlib.Path(directory).resolve()
        self.settings = settings
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.pid_file = self.data / "postmaster.pid"

    @property
    def port(self):
        return int((self.directory / "port").read_text())

    def dsn(self, database="postgres", user="postgres"):
        return f"host=127.0.0.1 port={self.port} dbname={database} user={user}"

    @property
    def running(self):
        return self.pid_file.exists() and is_running(int(self.pid_file.read_text().split()[0]))

    def start(self):
        if self.running:
            return self
        if not self.data.exists():
            self._create()
        self.log.touch()
        self._own(self.log)
        self._run("pg_ctl", "-D", self.data, "-l", self.log, "-w", "-t", START_SECONDS_MAX, "start")
        return self

    def stop(self):
        if self.running:
            self._run("pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop")

    def kill9(self):
        pid = int(self.pid_file.read_text().split()[0])
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(pid, signal.SIGKILL)
        # While one backend lives, the next start refuses; a busy one would not notice for long.
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        for child in children:
            wait_until(lambda: not is_running(int(child)), f"end of backend {child}")
        wait_until(lambda: not is_running(pid), f"end of process {pid}")
        # Where nobody reaps orphans, the dead process would still look alive to the next start.
        self.pid_file.unlink(missing_ok=True)

    def sql(self, text, database="postgres"):
        """Runs statements one by one outside a transaction; returns the last one's rows, if any."""
        import psycopg
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            cursor = connection.execute(text)
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else None

    def _create(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            # The server refuses to run as root, and its user must be able to reach the folder.
            for folder in [self.directory, *self.directory.parents]:
                if not folder.stat().st_mode & 0o001:
                    folder.chmod(folder.stat().st_mode | 0o011)
        self.data.mkdir(mode=0o700)
        self._own(self.data)
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                  "--locale=C.UTF-8", "--no-sync")
        port = free_ports(1)[0]
        (self.directory / "port").write_text(str(port))
        with open(self.data / "postgresql.conf", "a") as conf:
            conf.write(f"port = {port}\n{PG_SETTINGS}{self.settings}")
        (self.data / "pg_hba.conf").write_text(PG_HBA)

    def _own(self, path):
        if os.getuid() == 0:
            shutil.chown(path, "postgres", "postgres")

    def _run(self, program, *arguments):
        command = [str(PG_BIN / program), *map(str, arguments)]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        # To a file, not a pipe: the server inherits it and would hold the pipe open.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            if done.returncode != 0:
                output.seek(0)
                tail = self.log.read_text()[-2000:] if self.log.exists() else ""
                raise PeerError(f"{program} failed\n{output.read()[-2000:]}{tail}")


# The upstream world of the README's example.
SHOP_PASSWORD = "repl-secret"
SHOP_SQL = f"""
CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL, region text NOT NULL);
CREATE TABLE orders (
  id bigint PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers,
  amount numeric(10,2) NOT NULL,
  placed_at timestamptz NOT NULL);
INSERT INTO customers VALUES
  (1, 'Ada', 'EU'), (2, 'Grace', 'US'), (3, 'Linus', 'EU'), (4, 'Barbara', 'US');
INSERT INTO orders VALUES
  (1, 1, 19.90, '2026-01-05 09:30:00+00'), (2, 2, 250.00, '2026-01-05 10:00:00+00'),
  (3, 3, 7.25, '2026-01-06 08:15:00+00'), (4, 1, 99.99, '2026-01-07 17:45:00+00');
CREATE ROLE repl LOGIN REPLICATION PASSWORD '{SHOP_PASSWORD}';
GRANT SELECT ON customers, orders TO repl;
CREATE PUBLICATION quickwater FOR TABLE customers, orders;
"""
SHOP_TOPICS = ["clicks", "users"]


def make_shop(kafka, postgres):
    if not postgres.sql("SELECT 1 FROM pg_database WHERE datname = 'shop'"):
        postgres.sql("CREATE DATABASE shop")
        postgres.sql(SHOP_SQL, "shop")
        for topic in SHOP_TOPICS:
            kafka.create_topic(topic, partitions=2)


def example_sql(kafka, postgres):
    """The README's example with the addresses of these peers."""
    readme = (ROOT / "README.md").read_text()
    block = re.search(r"```sql\n(-- psql .*?)```", readme, re.S)
    if not block:
        raise PeerError("README.md has no example: a ```sql block that opens with -- psql")
    text = block.group(1).replace("PORT 5432", f"PORT {postgres.port}")
    return text.replace("127.0.0.1:9092", kafka.address)


def start_all(directory):
    kafka = Kafka(directory / "kafka").start()
    postgres = Postgres(directory / "pg").start()
    make_shop(kafka, postgres)
    print(f"kafka={kafka.address} postgres=127.0.0.1:{postgres.port} database=shop user=repl "
          f"password={SHOP_PASSWORD} directory={directory}")
    print()
    print(example_sql(kafka, postgres))


def stop_all(directory):
    Kafka(directory / "kafka").stop()
    Postgres(directory / "pg").stop()
    shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(prog="tools/peers", usage=__doc__.split("\n\n")[1])
    parser.add_argument("words", nargs="+")
    parser.add_argument("--settings", default=None)
    arguments = parser.parse_args()
    words = arguments.words
    try:
        if words[0] in ("start", "stop") and len(words) <= 2:
            default = pathlib.Path(tempfile.gettempdir()) / f"quickwater-peers-{os.getuid()}"
            directory = pathlib.Path(words[1]).resolve() if len(words) == 2 else default
            (start_all if words[0] == "start" else stop_all)(directory)
        elif words == ["kafka", "prepare"]:
            Kafka.prepare()
        elif len(words) == 3 and words[0] in ("kafka", "pg"):
            peer_class = Kafka if words[0] == "kafka" else Postgres
            more = [] if arguments.settings is None else [arguments.settings]
            peer = peer_class(words[2], *more)
            for verb in {"restart": ["stop", "start"]}.get(words[1], [words[1]]):
                {"start": peer.start, "stop": peer.stop, "kill9": peer.kill9}[verb]()
            if words[1] in ("start", "restart"):
                print(peer.address if words[0] == "kafka" else f"127.0.0.1:{peer.port}")
        else:
            parser.error("unknown command")
    except PeerError as error:
        sys.exit(f"tools/peers: {error}")


if __name__ == "__main__":
    main()
