//! A private RabbitMQ node: its own name, ports, epmd, database, cookie and log.
//!
//! It takes about 4 s and 150 MB, so few run at once (see `.config/nextest.toml`: give such a
//! test a name with `rabbit` or `amqp` in it or its module). The program of the package's library folder is
//! started, not the wrapper in sbin, which changes user and folder. epmd is started first, in the foreground:
//! the one that Erlang would start otherwise is a daemon and would stay behind.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tempfile::TempDir;

use super::{port, process::Guarded};

const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";
const INSTALL: &str = "install RabbitMQ (apt-get install rabbitmq-server), or run tests/run";
const EPMD_LIMIT: Duration = Duration::from_secs(10);
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Arguments of the Erlang machine. RabbitMQ turns the short busy waiting of the file threads off; with it,
/// a start takes 3.7 s instead of 3 to 6 s on two cores of a virtual machine.
const ERLANG: &str = "-kernel inet_dist_use_interface {127,0,0,1} +sbwtdio short";

/// The user that every private node knows, with all permissions on its default vhost.
pub(crate) const USER: &str = "fleet";
/// The password of [`USER`].
pub(crate) const PASSWORD: &str = "fleet-secret";

/// A running node; the drop kills it and removes its folder.
pub(crate) struct RabbitServer {
    node: Guarded,
    _epmd: Guarded,
    ports: Ports,
    folder: TempDir,
}

#[derive(Clone, Copy)]
struct Ports {
    amqp: u16,
    distribution: u16,
    epmd: u16,
}

impl RabbitServer {
    /// A node whose default vhost is `/`.
    pub(crate) fn start() -> Self {
        Self::start_with_vhost("/")
    }

    /// A node that has this one vhost.
    pub(crate) fn start_with_vhost(vhost: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder should be creatable");
        let ports = Ports { amqp: port::free(), distribution: port::free(), epmd: port::free() };
        write_files(folder.path(), ports, vhost);
        let epmd = launch_epmd(folder.path(), ports);
        let node = launch_node(folder.path(), ports);
        Self { node, _epmd: epmd, ports, folder }
    }

    /// The URL of a vhost, user and password included, the vhost percent-encoded (`/` is `%2F`).
    pub(crate) fn amqp_url(&self, vhost: &str) -> String {
        let vhost = utf8_percent_encode(vhost, NON_ALPHANUMERIC);
        format!("amqp://{USER}:{PASSWORD}@127.0.0.1:{}/{vhost}", self.ports.amqp)
    }

    pub(crate) fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// Adds a vhost and gives [`USER`] all permissions on it; about 1 s.
    pub(crate) fn add_vhost(&self, name: &str) {
        self.ctl(&["add_vhost", name]);
        self.ctl(&["set_permissions", "-p", name, USER, ".*", ".*", ".*"]);
    }

    /// Runs rabbitmqctl quietly and answers what it printed; about 0.5 s. Panics when it fails.
    pub(crate) fn ctl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(Path::new(PROGRAMS).join("rabbitmqctl"));
        set_surroundings(&mut command, self.folder.path(), self.ports);
        let output = command
            .arg("--quiet")
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("rabbitmqctl did not start ({error}): {INSTALL}"));
        assert!(
            output.status.success(),
            "rabbitmqctl {arguments:?} failed: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// SIGKILL: durable queues and persistent messages are kept for `restart`.
    pub(crate) fn kill9(&mut self) {
        self.node.kill9();
    }

    /// The server stops in its tracks: connections stay open and nothing answers until `thaw`.
    pub(crate) fn freeze(&self) {
        self.node.freeze();
    }

    pub(crate) fn thaw(&self) {
        self.node.thaw();
    }

    /// Ends the node in order: clients get a connection.close first.
    pub(crate) fn stop(&mut self) {
        self.ctl(&["stop"]);
        if !self.node.wait_for_end(STOP_LIMIT) {
            self.kill9();
        }
    }

    /// Kills the node if it still runs and starts it again on the same ports and database.
    pub(crate) fn restart(&mut self) {
        self.kill9();
        self.node = launch_node(self.folder.path(), self.ports);
    }
}

fn write_files(folder: &Path, ports: Ports, vhost: &str) {
    let cookie = folder.join(".erlang.cookie");
    let secret: String = (0..40).map(|_| fastrand::alphanumeric()).collect();
    fs::write(&cookie, secret).expect("the cookie should be writable");
    fs::set_permissions(&cookie, Permissions::from_mode(0o400)).expect("chmod should work");
    fs::write(folder.join("enabled_plugins"), "[].\n").expect("the plugin list should be writable");
    let settings = format!(
        "listeners.tcp.default = 127.0.0.1:{}\n\
         default_vhost = {vhost}\n\
         default_user = {USER}\n\
         default_pass = {PASSWORD}\n\
         vm_memory_high_watermark.absolute = 1GB\n\
         disk_free_limit.absolute = 50MB\n",
        ports.amqp
    );
    fs::write(folder.join("rabbitmq.conf"), settings).expect("the settings should be writable");
}

/// epmd, the name server of Erlang nodes, in the foreground.
fn launch_epmd(folder: &Path, ports: Ports) -> Guarded {
    let mut command = Guarded::command(Path::new("epmd"), INSTALL);
    command.args(["-port", &ports.epmd.to_string(), "-address", "127.0.0.1"]);
    let mut process = Guarded::spawn(command, &folder.join("epmd.log"));
    process.wait_until(EPMD_LIMIT, |_| port::is_open(ports.epmd));
    process
}

/// Ready is this run's own line "completed with N plugins" and the open port: after a SIGKILL the port
/// alone may still be the listener that dies.
fn launch_node(folder: &Path, ports: Ports) -> Guarded {
    let _ = fs::remove_file(folder.join("pid")); // SIGKILL leaves a stale one
    let mut command = Guarded::command(&Path::new(PROGRAMS).join("rabbitmq-server"), INSTALL);
    set_surroundings(&mut command, folder, ports);
    let mut process = Guarded::spawn(command, &folder.join("out"));
    process.wait_until(START_LIMIT, |output| {
        output.contains("completed with") && port::is_open(ports.amqp)
    });
    process
}

/// Nothing of the caller's environment but PATH reaches the node.
fn set_surroundings(command: &mut Command, folder: &Path, ports: Ports) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).envs(surroundings(folder, ports));
}

fn surroundings(folder: &Path, ports: Ports) -> [(&'static str, String); 15] {
    let inside = |name: &str| folder.join(name).display().to_string();
    [
        ("LANG", "C.UTF-8".to_owned()),
        ("HOME", inside("")),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null".to_owned()),
        ("RABBITMQ_NODENAME", format!("t{}@localhost", ports.amqp)),
        ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_NODE_PORT", ports.amqp.to_string()),
        ("RABBITMQ_DIST_PORT", ports.distribution.to_string()),
        ("ERL_EPMD_PORT", ports.epmd.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_MNESIA_BASE", inside("mnesia")),
        ("RABBITMQ_LOG_BASE", inside("log")),
        ("RABBITMQ_PID_FILE", inside("pid")),
        ("RABBITMQ_CONFIG_FILE", inside("rabbitmq")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", inside("enabled_plugins")),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", ERLANG.to_owned()),
    ]
}
