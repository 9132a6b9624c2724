//! Metrics ports with broken HTTP and invalid numbers: a survey ends in time, uses little memory, and
//! stores and reports only values in range.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use serde_json::Value;

use crate::probing::server::Server;
use crate::stage::Stage;

use super::metrics_pages::{COUNTS, VERSION, enrol, holds_sane_rows, survey_in_bounds};

const OK: &str = "HTTP/1.1 200 OK\r\n";

/// A port that passes its connections to `serve`, until it is dropped.
struct Raw {
    port: u16,
    over: Arc<AtomicBool>,
}

impl Raw {
    fn start(serve: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Raw {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let raw = Raw {
            port: listener.local_addr().expect("its address").port(),
            over: Arc::default(),
        };
        let (over, serve) = (Arc::clone(&raw.over), Arc::new(serve));
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let serve = Arc::clone(&serve);
                // A failed write means that the client has gone.
                thread::spawn(move || drop(serve(&mut stream)));
            }
        });
        raw
    }

    /// Waits for the request, sends this, and keeps the connection open.
    fn value(bytes: impl Into<Vec<u8>>) -> Raw {
        let bytes = bytes.into();
        Raw::start(move |stream| {
            heard(stream)?;
            stream.write_all(&bytes)?;
            stream.read_to_end(&mut Vec::new()).map(drop)
        })
    }

    /// Waits for the request, sends this, and closes the connection.
    fn closing(bytes: impl Into<Vec<u8>>) -> Raw {
        let bytes = bytes.into();
        Raw::start(move |stream| {
            heard(stream)?;
            stream.write_all(&bytes)
        })
    }

    /// Sends the first, then repeats the second with a pause.
    fn droning(first: impl Into<Vec<u8>>, more: impl Into<Vec<u8>>, pause: Duration) -> Raw {
        let (first, more) = (first.into(), more.into());
        Raw::start(move |stream| {
            heard(stream)?;
            stream.write_all(&first)?;
            loop {
                stream.write_all(&more)?;
                sleep(pause);
            }
        })
    }

    /// Sends this byte by byte.
    fn trickling(bytes: impl Into<Vec<u8>>, pause: Duration) -> Raw {
        let bytes = bytes.into();
        Raw::start(move |stream| {
            heard(stream)?;
            stream.set_nodelay(true)?;
            for byte in &bytes {
                stream.write_all(&[*byte])?;
                sleep(pause);
            }
            Ok(())
        })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Waits for the request.
fn heard(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut request = [0; 4096];
    stream.read(&mut request).map(drop)
}

/// A chunked body of these pieces.
fn chunks(pieces: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("{OK}transfer-encoding: chunked\r\n\r\n").into_bytes();
    for piece in pieces {
        bytes.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        bytes.extend(*piece);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

fn framed(head: &str) -> Raw {
    Raw::closing(format!("{OK}{head}\r\n\r\n{VERSION}"))
}

/// A hundred megabytes of zeros, compressed in three formats.
fn bombs() -> Vec<Raw> {
    // deflate's output for 64 kB of zeros, repeated as blocks of one stream.
    let gzip = super::metrics_pages::zipped();
    // Two bytes of zlib header, then the same blocks: the data after gzip's ten bytes of header.
    let deflate = [&[0x78, 0xda], &gzip[10..]].concat();
    // A brotli block with one megabyte of one literal; a reader does not get to the data behind it.
    let brotli = [&[0x5b, 0xff, 0xff, 0x0f, 0x00], &gzip[..]].concat();
    [("gzip", gzip), ("deflate", deflate), ("br", brotli)]
        .into_iter()
        .map(|(name, body)| {
            let head = format!(
                "{OK}content-encoding: {name}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            Raw::closing([head.into_bytes(), body].concat())
        })
        .collect()
}

/// The attacks of a port; `target` is the target of redirects.
fn ills(target: u16) -> Vec<Raw> {
    let brief = Duration::from_millis(20);
    let none = Duration::ZERO;
    let redirect = |to: &str| {
        Raw::closing(format!(
            "HTTP/1.1 307 Go\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"
        ))
    };
    let chunked = format!("{OK}transfer-encoding: chunked\r\n\r\n");
    let told = format!("{OK}\r\n{VERSION}");
    let peer = "ant_networking_peer_id_info{peer_id=\"12D3é\"} 1\n".as_bytes();
    let split = peer.len() - 6;
    let mut all = bombs();
    all.extend([
        // Before the response.
        Raw::start(|stream| stream.read_to_end(&mut Vec::new()).map(drop)),
        Raw::droning("", "HTTP/1.1 100 Continue\r\n\r\n".repeat(500), none),
        Raw::droning("", "HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n", brief),
        Raw::closing("HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n"),
        Raw::trickling(
            format!("{OK}x-slow: {}\r\n\r\n{VERSION}", "y".repeat(4_000)),
            brief,
        ),
        Raw::closing(VERSION),
        Raw::closing("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0"),
        Raw::closing(format!("HTTP/3.0 200 OK\r\n\r\n{VERSION}")),
        Raw::closing(format!("HTTP/1.1 99999 OK\r\n\r\n{VERSION}")),
        Raw::closing(format!("HTTP/1.1 200 {}\r\n\r\n{VERSION}", "O".repeat(1 << 20))),
        Raw::closing(format!("{OK}{}\r\n{VERSION}", "a: b\r\n".repeat(100_000))),
        Raw::closing(format!("{OK}\0: \0\r\n\r\n{VERSION}")),
        Raw::droning("HTTP/1.1 200 ", "O".repeat(1 << 16), none),
        // Invalid or conflicting lengths.
        framed("content-length: -1"),
        framed("content-length: 1e9"),
        framed("content-length: 18446744073709551615"),
        framed("content-length: 5\r\ncontent-length: 500"),
        framed("content-length: 5, 5"),
        framed("content-length: 5\r\ntransfer-encoding: chunked"),
        framed("transfer-encoding: chunked, identity"),
        framed("transfer-encoding: gzip, chunked"),
        framed("transfer-encoding: chunked\r\ntransfer-encoding: chunked"),
        Raw::value(format!(
            "{OK}content-length: 1000000000000000000\r\n\r\n{VERSION}"
        )),
        Raw::value(format!("{chunked}de0b6b3a7640000\r\n{VERSION}")),
        Raw::closing(format!("{chunked}-5\r\n{VERSION}")),
        Raw::closing(format!("{chunked}0x40\r\n{VERSION}")),
        Raw::closing(format!("{chunked}{}\r\n{VERSION}", "0".repeat(1 << 20))),
        Raw::droning(
            format!("{chunked}5"),
            format!(";{}", "e=x;".repeat(1 << 12)),
            none,
        ),
        Raw::droning(format!("{chunked}5;"), "e", brief),
        Raw::droning(
            format!("{chunked}0\r\n"),
            "trailer: more\r\n".repeat(1 << 12),
            none,
        ),
        Raw::droning(chunked.clone(), "1\r\na\r\n".repeat(1 << 12), none),
        Raw::droning(chunked, "1\r\n#\r\n", brief),
        Raw::value(told.clone()),
        // Closing with unread data resets the connection.
        Raw::start({
            let told = told.clone();
            move |stream| {
                sleep(Duration::from_millis(50));
                stream.write_all(told.as_bytes())
            }
        }),
        // Redirects.
        redirect("file:///etc/passwd"),
        redirect(&format!("http://127.0.0.1:{target}/metrics")),
        redirect(&format!("//127.0.0.1:{target}/metrics")),
        redirect("gopher://127.0.0.1:1/_x"),
        redirect(&"/".repeat(1 << 20)),
        // Bodies.
        Raw::closing([told.as_bytes(), &[0; 1 << 16], b"\nant_node_uptime 7\n"].concat()),
        Raw::closing(format!(
            "{told}ant_node_uptime{{{}}} 7\n",
            "a=\"b\",".repeat(1_000_000)
        )),
        Raw::closing(format!(
            "{told}{}",
            "ant_node_put_record_ok_total{a=\"b\"} 9223372036854775807\n".repeat(20_000)
        )),
        Raw::closing(format!("{told}{}", "x 1\n".repeat(1_000_000))),
        Raw::droning(told, "a".repeat(1 << 20), none),
        Raw::closing(chunks(&[VERSION.as_bytes(), &peer[..split], &peer[split..]])),
    ]);
    all
}

#[test]
fn survey_of_broken_http_ends_in_time_and_stores_valid_values() {
    let stage = Stage::running(1, &[]);
    let target = Server::of(VERSION, "");
    let ports = ills(target.port);
    let _processes = enrol(&stage, ports.iter().map(|raw| raw.port));
    let before = stage.processes();
    // Once as new nodes, once as known nodes: wnm requests other pages from those.
    for _ in 0..2 {
        survey_in_bounds(&stage, &format!("{} ports", ports.len()));
        stage.tamper("UPDATE node SET status = 'RUNNING', last_seen = unixepoch() - 60, version = '0.4.17' WHERE id > 1");
    }
    // On a busy machine one survey may get the answer too late.
    let whole = "SELECT count(*) FROM node WHERE peer_id = '12D3é'";
    stage.until(
        "a letter in two chunks is one letter",
        |stage| stage.figure(whole) == 1,
        Stage::survey,
    );
    holds_sane_rows(&stage);
    assert!(target.heard().is_empty(), "no redirect is followed");
    assert_eq!(stage.processes(), before, "and nobody was started or ended");
}

/// Text in place of a number.
const FIGURES: [&str; 30] = [
    "NaN",
    "-nan",
    "+Inf",
    "-Inf",
    "Infinity",
    "-1",
    "-0",
    "-0.4",
    "1e400",
    "-1e400",
    "1e-400",
    "1e99999999999999999999",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "0x10",
    "0x1p-3",
    "1_000",
    "1,5",
    "+7",
    "++7",
    "- 5",
    "5 5 5",
    "\u{663}",
    "1e",
    "e5",
    ".",
    "",
    "\"7\"",
    "7\0",
];

/// All metrics that wnm reads, and those that `docs/reports.md` sums.
const METRICS: [&str; 18] = [
    "ant_node_uptime",
    "ant_networking_records_stored",
    "ant_networking_shunned_by_close_group",
    "ant_networking_connected_peers",
    "ant_node_put_record_ok_total",
    "ant_networking_process_memory_used_mb",
    "ant_networking_process_cpu_usage_percentage",
    "ant_networking_open_connections",
    "ant_networking_peers_in_routing_table",
    "ant_networking_bad_peers_count_total",
    "ant_networking_relevant_records",
    "ant_networking_max_records",
    "ant_node_current_reward_wallet_balance",
    "ant_networking_received_payment_count",
    "ant_networking_live_time",
    "ant_networking_estimated_network_size",
    "ant_networking_shunned_count_total",
    "ant_networking_shunned_by_old_close_group",
];

fn no_figure_is_below_nothing(told: &Value, what: &str) {
    match told {
        Value::Array(all) => all.iter().for_each(|one| no_figure_is_below_nothing(one, what)),
        Value::Object(all) => all.iter().for_each(|(name, one)| {
            // Names the part of a report in the message.
            no_figure_is_below_nothing(one, &format!("{what} {name}"));
        }),
        Value::Number(number) => assert!(
            number.as_f64().is_some_and(|number| number >= 0.0),
            "{what}: {number}"
        ),
        _ => {}
    }
}

#[test]
fn rows_and_reports_have_numbers_in_range_whatever_nodes_report() {
    let stage = Stage::running(1, &[]);
    // Each twice, to overflow sums, and with labels before and after.
    let pages = FIGURES
        .iter()
        .chain(["9223372036854775807", "1e400"].iter().cycle().take(4));
    let servers: Vec<Server> = pages
        .map(|figure| {
            let mut page = String::new();
            for name in METRICS {
                write!(
                    page,
                    "{name}{{a=\"b\"}} {figure}\n{name} {figure}\n{name}{{c=\"d\"}} 1\n"
                )
                .expect("a text");
            }
            Server::of(VERSION, &page)
        })
        .collect();
    let _processes = enrol(&stage, servers.iter().map(|server| server.port));
    for _ in 0..2 {
        survey_in_bounds(&stage, &format!("{} pages", servers.len()));
    }
    assert_eq!(
        stage.in_state("RUNNING"),
        servers.len() + 1,
        "{}",
        stage.describe()
    );
    holds_sane_rows(&stage);
    for report in [
        "node-status",
        "node-status-details",
        "machine-metrics",
        "plan",
        "history",
    ] {
        let told = stage.wnm(&["--report", report, "--json"]).done().plain().json();
        no_figure_is_below_nothing(&told, report);
        stage.wnm(&["--report", report]).done().plain();
    }
    let influx = stage.wnm(&["--report", "influx-resources"]).done().plain().stdout;
    assert!(
        !influx.to_lowercase().contains("nan") && !influx.contains("inf,") && !influx.contains("=-"),
        "{influx}"
    );
    stage.wnm(&["--dry_run"]).done().plain();
    assert_eq!(
        stage.figure(&format!(
            "SELECT count(*) FROM node WHERE {} < 0",
            COUNTS.join(" < 0 OR ")
        )),
        0
    );
}
