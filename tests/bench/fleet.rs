//! A fleet of simulated nodes in one process, for measuring: N ports that answer `/metadata` and `/metrics` with
//! what a real antnode 0.4.17 said, or that take the connection and never answer.
//!
//! ```text
//! fleet NODES FIRST_PORT [mute]
//! ```
//! Says `ready` on stdout once all ports listen; ends when its stdin does.

use std::env;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::time::{Duration, sleep};

const METADATA: &str = include_str!("../fixtures/antnode-0.4.17/metadata.http");
const METRICS: &str = include_str!("../fixtures/antnode-0.4.17/metrics.http");

/// What is sent for each page, headers and all.
struct Pages {
    metadata: Vec<u8>,
    metrics: Vec<u8>,
}

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let number = |place: usize| words.get(place).and_then(|word| word.parse::<u16>().ok());
    let (Some(nodes), Some(first)) = (number(0), number(1)) else {
        eprintln!("usage: fleet NODES FIRST_PORT [mute]");
        std::process::exit(2);
    };
    let is_mute = words.get(2).is_some_and(|word| word == "mute");
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let pages = Arc::new(Pages {
        metadata: page(METADATA),
        metrics: page(METRICS),
    });
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for port in first..first + nodes {
            let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
                Ok(listener) => listener,
                Err(error) => {
                    eprintln!("port {port}: {error}; `ulimit -n` must be above {nodes}");
                    std::process::exit(1);
                }
            };
            tokio::spawn(stand(listener, Arc::clone(&pages), is_mute));
        }
        let mut out = io::stdout();
        out.write_all(b"ready\n")
            .and_then(|()| out.flush())
            .expect("stdout");
        loop {
            sleep(Duration::from_secs(3600)).await;
        }
    });
}

/// The page as recorded, with a length in place of whatever framing it had.
fn page(recorded: &str) -> Vec<u8> {
    let plain = recorded.replace("\r\n", "\n");
    let body = plain.split_once("\n\n").map_or("", |(_, body)| body);
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/openmetrics-text\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn stand(listener: TcpListener, pages: Arc<Pages>, is_mute: bool) {
    let mut held = Vec::new();
    while let Ok((stream, _)) = listener.accept().await {
        if is_mute {
            held.push(stream);
        } else {
            tokio::spawn(serve(stream, Arc::clone(&pages)));
        }
    }
}

async fn serve(stream: TcpStream, pages: Arc<Pages>) -> io::Result<()> {
    let mut asked = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => asked.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        while let Some(end) = asked.windows(4).position(|window| window == b"\r\n\r\n") {
            let request = asked[..end].to_ascii_lowercase();
            asked.drain(..end + 4);
            let page = match request.starts_with(b"get /metadata ") {
                true => &pages.metadata,
                false => &pages.metrics,
            };
            send(&stream, page).await?;
            if request.windows(17).any(|window| window == b"connection: close") {
                return Ok(());
            }
        }
    }
}

async fn send(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
