//! Whether a node answers antctl: its RPC server must greet, and nothing more is asked of it.
//!
//! antctl asks every running node before it does anything with any of them. One that refuses makes it fail,
//! one that accepts and is silent makes it hang for ever; so they are looked for before antctl is called.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a healthy node may take. One on a busy machine takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a client of HTTP/2, and so of gRPC, says first (RFC 9113, 3.4): the preface and empty settings.
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// Whether an RPC server at `address` greets back. Any answer counts: antctl can end with a wrong one.
#[must_use]
pub fn beats(address: &str) -> bool {
    let Ok(address) = address.parse::<SocketAddr>() else {
        return false;
    };
    let Ok(mut stream) = TcpStream::connect_timeout(&address, PATIENCE) else {
        return false;
    };
    let said = stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.write_all(GREETING));
    match said.and_then(|()| hear(&mut stream)) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

/// What comes first. A signal, of a child that ended or to us, ends a read that has a time limit, and says nothing of
/// the other end.
fn hear(stream: &mut TcpStream) -> io::Result<usize> {
    loop {
        match stream.read(&mut [0; 9]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            heard => return heard,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn a_server_that_greets_is_alive() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap().to_string();
        let serving = thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut greeting = vec![0; GREETING.len()];
            stream.read_exact(&mut greeting).unwrap();
            stream.write_all(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00").unwrap();
            greeting
        });
        assert!(beats(&address));
        assert_eq!(serving.join().unwrap(), GREETING);
    }

    #[test]
    fn one_that_refuses_or_is_silent_is_not() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap().to_string();
        assert!(!beats(&address));
        // A port that nobody has; one that was let go may be another test's by now.
        assert!(!beats("127.0.0.1:1"));
        assert!(!beats("nowhere"));
    }
}
