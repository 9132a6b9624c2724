//! Checks whether the RPC server of a node answers.
//!
//! antctl queries every running node before each command. It fails if a node refuses the connection, and hangs if a node
//! accepts it and does not answer. wnm finds such nodes before it calls antctl.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::manager::timeouts::RPC_TIMEOUT;

/// What a client of HTTP/2, and so of gRPC, says first (RFC 9113, 3.4): the preface and empty settings.
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// Whether something at `address` answers. A wrong answer also counts: antctl does not hang with it.
#[must_use]
pub fn answers(address: &str) -> bool {
    let Ok(address) = address.parse::<SocketAddr>() else {
        return false;
    };
    let Ok(mut stream) = TcpStream::connect_timeout(&address, RPC_TIMEOUT) else {
        return false;
    };
    let said = stream
        .set_read_timeout(Some(RPC_TIMEOUT))
        .and_then(|()| stream.write_all(GREETING));
    match said.and_then(|()| read_greeting(&mut stream)) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

/// Reads the first bytes. Repeats a read that a signal interrupted.
fn read_greeting(stream: &mut TcpStream) -> io::Result<usize> {
    loop {
        match stream.read(&mut [0; 9]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn server_that_answers_is_healthy() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap().to_string();
        let serving = thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut greeting = vec![0; GREETING.len()];
            stream.read_exact(&mut greeting).unwrap();
            stream.write_all(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00").unwrap();
            greeting
        });
        assert!(answers(&address));
        assert_eq!(serving.join().unwrap(), GREETING);
    }

    #[test]
    fn server_that_refuses_or_is_silent_is_not_healthy() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap().to_string();
        assert!(!answers(&address));
        // No server has port 1; another test could use a port that was just released.
        assert!(!answers("127.0.0.1:1"));
        assert!(!answers("nowhere"));
    }
}
