//! Free loopback ports for servers that cannot choose one themselves.
//!
//! They are taken below the ephemeral range of Linux, so that no outgoing connection of another test
//! takes one between the check here and the server's own bind. Several test processes draw at the same
//! time, and RabbitMQ binds only seconds later: so each port that was drawn is reserved by a locked file
//! until its test process ends.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};

/// The reservations of this process; the locks end with it.
static RESERVED: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port of 127.0.0.1 that nothing listens on and no other test has drawn.
pub(crate) fn free() -> u16 {
    for _ in 0..1000 {
        let port = fastrand::u16(20_000..32_000);
        let Some(reservation) = reserve(port) else { continue };
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            RESERVED.lock().unwrap_or_else(PoisonError::into_inner).push(reservation);
            return port;
        }
    }
    panic!("no free port between 20000 and 32000 on 127.0.0.1");
}

/// `None` when another test holds the port.
fn reserve(port: u16) -> Option<File> {
    let folder = std::env::temp_dir().join("framecache-test-ports");
    std::fs::create_dir_all(&folder).expect("the temporary folder should be writable");
    let file =
        File::create(folder.join(port.to_string())).expect("a lock file should be creatable");
    file.try_lock().ok().map(|()| file)
}

/// True when something accepts connections on this port of 127.0.0.1.
pub(crate) fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
