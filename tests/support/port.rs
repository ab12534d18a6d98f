//! Free loopback ports for servers that cannot choose one themselves.
//!
//! They are taken below the ephemeral range of Linux, so that no outgoing connection of another test
//! takes one between the check here and the server's own bind. The draw is random because several test
//! processes draw at the same time; a server that loses the race is started again on another port.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// A port of 127.0.0.1 that nothing listens on.
pub(crate) fn free() -> u16 {
    for _ in 0..1000 {
        let port = fastrand::u16(20_000..32_000);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between 20000 and 32000 on 127.0.0.1");
}

/// True when something accepts connections on this port of 127.0.0.1.
pub(crate) fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
