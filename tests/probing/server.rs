//! A small HTTP server that simulates a node.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A listener that answers each request with `answer(path)`, until it is dropped.
pub struct Server {
    pub port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
}

/// What a server does with one request.
pub enum Act {
    /// Sends this and reads the next request on the same connection.
    Say(Vec<u8>),
    /// Sends this and closes the connection.
    SayAndClose(Vec<u8>),
    /// Sends the first, then repeats the second with a pause until the client has gone.
    Drone(Vec<u8>, Vec<u8>, Duration),
    /// Keeps the connection open and sends nothing.
    Mute,
}

impl Server {
    /// A server on a port that the system chooses.
    pub fn start(answer: impl Fn(&str) -> Act + Send + Sync + 'static) -> Server {
        Server::on(TcpListener::bind("127.0.0.1:0").unwrap(), answer)
    }

    pub fn on(listener: TcpListener, answer: impl Fn(&str) -> Act + Send + Sync + 'static) -> Server {
        let port = listener.local_addr().unwrap().port();
        let server = Server {
            port,
            heard: Arc::default(),
            over: Arc::default(),
        };
        let (heard, over) = (Arc::clone(&server.heard), Arc::clone(&server.over));
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (heard, over, answer) = (Arc::clone(&heard), Arc::clone(&over), Arc::clone(&answer));
                thread::spawn(move || serve(stream.unwrap(), number, &heard, &over, &*answer));
            }
        });
        server
    }

    /// A server that sends these bodies with status 200.
    pub fn of(metadata: &str, metrics: &str) -> Server {
        let (metadata, metrics) = (metadata.to_owned(), metrics.to_owned());
        Server::start(move |path| match path {
            "/metadata" => Act::Say(page(&metadata)),
            _ => Act::Say(page(&metrics)),
        })
    }

    /// `CONNECTION PATH [close]` of each request.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(
    stream: TcpStream,
    number: usize,
    heard: &Mutex<Vec<String>>,
    over: &AtomicBool,
    answer: &dyn Fn(&str) -> Act,
) {
    let mut lines = BufReader::new(stream.try_clone().unwrap())
        .lines()
        .map_while(Result::ok);
    let mut stream = stream;
    while let Some(request) = lines.next() {
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        let close = head
            .iter()
            .any(|line| line.eq_ignore_ascii_case("connection: close"));
        let close = if close { " close" } else { "" };
        heard.lock().unwrap().push(format!("{number} {path}{close}"));
        match answer(&path) {
            Act::Say(bytes) => {
                let _ = stream.write_all(&bytes);
            }
            Act::SayAndClose(bytes) => {
                let _ = stream.write_all(&bytes);
                return;
            }
            Act::Drone(first, more, pause) => {
                let mut sent = stream.write_all(&first);
                while sent.is_ok() && !over.load(Ordering::Relaxed) {
                    thread::sleep(pause);
                    sent = stream.write_all(&more);
                }
                return;
            }
            Act::Mute => {}
        }
    }
}

/// A page with status 200.
pub fn page(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A page with this status.
pub fn status(line: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
