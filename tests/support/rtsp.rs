//! A private RTSP camera: GStreamer's server with a moving picture, as H.264 and as MJPEG.
//!
//! The server itself is `rtsp_server.py`. It chooses a free port, is up in about half a second and keeps
//! its port over `kill9` and `restart`, so that a test sees a camera go and come back.

use std::{path::Path, time::Duration};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tempfile::TempDir;

use super::{process::Guarded, python};

const INSTALL: &str = "install Python 3 (apt-get install python3), or run tests/run";
const HINT: &str = "the RTSP server needs gir1.2-gst-rtsp-server-1.0, python3-gst-1.0 and \
    gstreamer1.0-plugins-base, -good and -ugly: install them, or run tests/run";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/rtsp_server.py");
const START_LIMIT: Duration = Duration::from_secs(30);

/// A running RTSP server; the drop kills it.
pub(crate) struct RtspServer {
    process: Guarded,
    port: u16,
    login: Option<(String, String)>,
    folder: TempDir,
}

impl RtspServer {
    /// A server for `/h264` and `/mjpeg`, 640x360 at 15 frames/s; with a user and a password it demands
    /// a digest login.
    pub(crate) fn start(login: Option<(&str, &str)>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder should be creatable");
        let login = login.map(|(user, password)| (user.to_owned(), password.to_owned()));
        let (process, port) = launch(folder.path(), 0, login.as_ref());
        Self { process, port, login, folder }
    }

    /// The URL of `/h264` or `/mjpeg`, with the login (percent-encoded) when one is demanded.
    pub(crate) fn url(&self, path: &str) -> String {
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let login = match &self.login {
            Some((user, password)) => format!("{}:{}@", encoded(user), encoded(password)),
            None => String::new(),
        };
        format!("rtsp://{login}127.0.0.1:{}{path}", self.port)
    }

    /// As `url`, always without the login.
    pub(crate) fn url_without_login(&self, path: &str) -> String {
        format!("rtsp://127.0.0.1:{}{path}", self.port)
    }

    /// SIGKILL: the camera is gone until `restart`.
    pub(crate) fn kill9(&mut self) {
        self.process.kill9();
    }

    /// The camera stalls: the connection stays open and no frame comes until `thaw`.
    pub(crate) fn freeze(&self) {
        self.process.freeze();
    }

    pub(crate) fn thaw(&self) {
        self.process.thaw();
    }

    /// Kills the server if it still runs and starts it again on the same port.
    pub(crate) fn restart(&mut self) {
        self.kill9();
        (self.process, self.port) = launch(self.folder.path(), self.port, self.login.as_ref());
    }
}

fn launch(folder: &Path, port: u16, login: Option<&(String, String)>) -> (Guarded, u16) {
    let mut command = Guarded::command(python::system(), INSTALL);
    command.args([SCRIPT, &port.to_string()]);
    if let Some((user, password)) = login {
        command.args([user, password]);
    }
    let mut process = Guarded::spawn(command, &folder.join("rtsp.log"));
    let ready = process.try_wait_until(START_LIMIT, |output| port_in(output).is_some());
    match (ready, port_in(&process.output())) {
        (Ok(()), Some(port)) => (process, port),
        (ready, _) => panic!("{HINT}\n{}", ready.err().unwrap_or_default()),
    }
}

/// The port of the line "port N" once that line is complete.
fn port_in(output: &str) -> Option<u16> {
    let complete = &output[..output.rfind('\n')?];
    complete.lines().find_map(|line| line.strip_prefix("port "))?.parse().ok()
}
