//! A fleet of simulated nodes in one process, for measuring: a port each that answers `/metadata` and `/metrics` with
//! what a real antnode 0.4.17 said.
//!
//! ```text
//! fleet NODES FIRST_PORT [mute|ageing]
//! ```
//! A thousand nodes listen on each of 127.77.0.1, 127.77.0.2 and so on. `mute`: they take the connection and never
//! answer. `ageing`: their uptimes go on, as those of real nodes do; else every answer is as the last. Says `ready` on
//! stdout once all ports listen; ends when its stdin does.

use std::env;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::time::{Duration, sleep};

const METADATA: &str = include_str!("../fixtures/antnode-0.4.17/metadata.http");
const METRICS: &str = include_str!("../fixtures/antnode-0.4.17/metrics.http");
/// The line of the uptime, as recorded.
const UPTIME: &str = "\nant_node_uptime ";
const UPTIME_NOW: &str = "\nant_node_uptime 10\n";

/// The number of nodes on one address.
const ON_ONE: u16 = 1000;

/// The behaviour of the nodes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Steady,
    Ageing,
    Mute,
}

/// The complete response for each page.
struct Pages {
    metadata: Vec<u8>,
    metrics: Vec<u8>,
    /// The position of the uptime in `metrics`.
    uptime: Option<Range<usize>>,
}

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let number = |place: usize| words.get(place).and_then(|word| word.parse::<u16>().ok());
    let (Some(nodes), Some(first)) = (number(0), number(1)) else {
        eprintln!("usage: fleet NODES FIRST_PORT [mute|ageing]");
        std::process::exit(2);
    };
    let manner = match words.get(2).map(String::as_str) {
        Some("mute") => Manner::Mute,
        Some("ageing") => Manner::Ageing,
        _ => Manner::Steady,
    };
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let mut metrics = METRICS.to_owned();
    if manner == Manner::Ageing {
        // Ten digits, so that the length never changes.
        metrics = metrics.replace(UPTIME_NOW, &format!("{UPTIME}{:010}\n", 10));
    }
    let metrics = page(&metrics);
    let uptime = match String::from_utf8_lossy(&metrics).find(UPTIME) {
        Some(at) if manner == Manner::Ageing => Some(at + UPTIME.len()..at + UPTIME.len() + 10),
        _ => None,
    };
    let pages = Arc::new(Pages {
        metadata: page(METADATA),
        metrics,
        uptime,
    });
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for node in 0..nodes {
            let [_, address] = (node / ON_ONE + 1).to_be_bytes();
            let place = (Ipv4Addr::new(127, 77, 0, address), first + node % ON_ONE);
            let listener = match TcpListener::bind(place).await {
                Ok(listener) => listener,
                Err(error) => {
                    eprintln!(
                        "{}:{}: {error}; `ulimit -n` must be above {nodes}",
                        place.0, place.1
                    );
                    std::process::exit(1);
                }
            };
            tokio::spawn(stand(listener, Arc::clone(&pages), manner == Manner::Mute));
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

/// The recorded page, with a content-length in place of its framing.
fn page(recorded: &str) -> Vec<u8> {
    let plain = recorded.replace("\r\n", "\n");
    let body = plain.split_once("\n\n").map_or("", |(_, body)| body);
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/openmetrics-text\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// An uptime that increases by a second per second.
fn seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() - 1_700_000_000)
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
            if request.starts_with(b"get /metadata ") {
                send(&stream, &pages.metadata).await?;
            } else if let Some(uptime) = &pages.uptime {
                let mut page = pages.metrics.clone();
                page[uptime.clone()].copy_from_slice(format!("{:010}", seconds()).as_bytes());
                send(&stream, &page).await?;
            } else {
                send(&stream, &pages.metrics).await?;
            }
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
