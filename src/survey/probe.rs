//! Queries nodes over HTTP. Only this module uses an async runtime and an HTTP client.
//!
//! Each node is queried for `/metadata`, which only an antnode has, and then on the same connection for `/metrics`. A
//! node that was up when it was last seen is only queried for `/metrics`: an uptime that covers the time since then proves
//! that it has not restarted, so its version and peer ID are unchanged.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender, TryIter};
use std::time::Duration;

use reqwest::header::CONNECTION;
use reqwest::{Client, StatusCode, redirect, retry};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::openmetrics::{LineScanner, MetricsPage};
use super::{Limits, NodeProbe};
use crate::colony::{Answer, Node, NodeReading, NodeState, Timestamp, Version};
use crate::progress::{NoProgress, Progress, ProgressGuard, Work};
use crate::signals;

mod failure;
mod queue;
mod response;

use failure::{Failure, cause_of};
use queue::{CachedMetadata, ProbeTarget, turns};
use response::ProbeResponse;

/// Bytes that are read of a page. The page of a real node has 16 kB.
const BODY_MOST: usize = 1024 * 1024;
/// Unused connections are closed after this time, the shortest that the client allows: a thousand servers that
/// are no antnodes must not use up the file descriptors of wnm.
const IDLE: Duration = Duration::from_millis(90);
/// Interval of checks for a signal.
const TICK: Duration = Duration::from_millis(50);
/// Pause before the next attempt if the system has no file descriptor or port left.
const OUT_OF_FILES_PAUSE: Duration = Duration::from_millis(50);
/// Queries nodes over plain HTTP, without proxy, redirects, TLS or compression.
#[derive(Debug)]
pub struct HttpProbe {
    progress: &'static dyn Progress,
}

impl HttpProbe {
    /// A probe. It uses no resources until it queries.
    #[must_use]
    pub fn new() -> HttpProbe {
        HttpProbe::with_progress(&NoProgress)
    }

    /// A probe that reports how many nodes have answered.
    #[must_use]
    pub fn with_progress(progress: &'static dyn Progress) -> HttpProbe {
        HttpProbe { progress }
    }
}

impl Default for HttpProbe {
    fn default() -> HttpProbe {
        HttpProbe::new()
    }
}

impl NodeProbe for HttpProbe {
    /// A node is down if its connection is refused, or closed or reset before a version is received, or if the status is
    /// not 200, or the page has no version of an antnode. It is silent if it does not answer in time, or if the query
    /// fails for another reason: no file descriptor or port left, no route, unknown host. Nodes that were silent are
    /// queried last, so that they delay no other node.
    fn ask(&self, nodes: &[Node], limits: &Limits, now: Timestamp) -> Vec<Answer> {
        let mut answers: Vec<Answer> = nodes
            .iter()
            .map(|node| match node.state {
                NodeState::Disabled => Answer::Unasked,
                _ => Answer::Silent,
            })
            .collect();
        let turns = turns(nodes);
        if turns.is_empty() {
            return answers;
        }
        let working = ProgressGuard::begin(self.progress, Work::Survey, turns.len());
        let mut told = 0;
        let result = sweep(turns, limits, now, |received| {
            let before = told;
            for (index, received) in received {
                answers[index] = received.of(&nodes[index]);
                told += 1;
            }
            working.advance(told - before);
        });
        drop(working);
        if let Err(cause) = result {
            tracing::error!("no node was asked: {cause}");
        }
        answers
    }
}

/// The state that all queries share.
struct ProbeRun {
    client: Client,
    turns: Vec<ProbeTarget>,
    next: AtomicUsize,
    limits: Limits,
    begun: Instant,
    now: Timestamp,
}

/// Queries all nodes, and passes on the new answers at each tick and at the end.
fn sweep(
    turns: Vec<ProbeTarget>,
    limits: &Limits,
    now: Timestamp,
    mut report: impl FnMut(TryIter<'_, (usize, ProbeResponse)>),
) -> Result<(), String> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        // Only for DNS lookups.
        .max_blocking_threads(4)
        .build()
        .map_err(|error| error.to_string())?;
    let client = client().map_err(|error| error.to_string())?;
    let (told, received) = mpsc::channel();
    runtime.block_on(async {
        let begun = Instant::now();
        let count = turns.len();
        let spaced = limits
            .spacing
            .saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        let sweep = Arc::new(ProbeRun {
            client,
            turns,
            next: AtomicUsize::new(0),
            limits: *limits,
            begun,
            now,
        });
        // A node that was not queried by then is silent.
        let end = begun + limits.all.saturating_add(spaced);
        let mut asking = std::pin::pin!(ask_everybody(sweep, told));
        while Instant::now() < end && !signals::asked_to_end() {
            if timeout_at(end.min(Instant::now() + TICK), asking.as_mut())
                .await
                .is_ok()
            {
                break;
            }
            report(received.try_iter());
        }
    });
    // Do not wait for a DNS lookup.
    runtime.shutdown_background();
    report(received.try_iter());
    Ok(())
}

fn client() -> reqwest::Result<Client> {
    // A connection lasts milliseconds, so keep-alive options would only cost system calls.
    let client = Client::builder()
        .tcp_keepalive(None)
        .tcp_keepalive_interval(None)
        .tcp_keepalive_retries(None);
    #[cfg(target_os = "linux")]
    let client = client.tcp_user_timeout(None);
    client
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .http1_only()
        .pool_max_idle_per_host(1)
        .pool_idle_timeout(IDLE)
        .build()
}

/// Tasks at the start: enough for nodes that answer at once, and a third cheaper than 256 tasks.
const FIRST_ASKERS: usize = 16;
/// If the tasks did not query one node each in this time, they wait for slow nodes, and their number is doubled.
const PATIENCE: Duration = Duration::from_millis(10);

/// Runs tasks until every node was queried: as many as slow nodes need and the limits allow.
async fn ask_everybody(sweep: Arc<ProbeRun>, told: Sender<(usize, ProbeResponse)>) {
    let most = sweep.limits.in_flight.clamp(1, sweep.turns.len());
    let mut askers = JoinSet::new();
    let mut wanted = FIRST_ASKERS.min(most);
    let mut asked = 0;
    loop {
        for _ in askers.len()..wanted {
            askers.spawn(ask_on(Arc::clone(&sweep), told.clone()));
        }
        let patience = Instant::now() + PATIENCE;
        while let Ok(ended) = timeout_at(patience, askers.join_next()).await {
            // A task ends when no node is left.
            wanted = 0;
            if ended.is_none() {
                return;
            }
        }
        let asked_now = sweep.next.load(Ordering::Relaxed);
        if asked_now - asked < wanted {
            wanted = (wanted * 2).min(most);
        }
        asked = asked_now;
    }
}

/// Queries one node after another until none is left.
async fn ask_on(sweep: Arc<ProbeRun>, told: Sender<(usize, ProbeResponse)>) {
    loop {
        let number = sweep.next.fetch_add(1, Ordering::Relaxed);
        let Some(turn) = sweep.turns.get(number) else {
            return;
        };
        if !sweep.limits.spacing.is_zero() {
            let steps = u32::try_from(number).unwrap_or(u32::MAX);
            sleep_until(sweep.begun + sweep.limits.spacing.saturating_mul(steps)).await;
        }
        let answer = sweep.ask(turn).await;
        if told.send((turn.index, answer)).is_err() {
            return;
        }
    }
}

/// The result of the request for one page.
enum RequestEnd {
    /// The page was received, or as much of it as is read.
    Whole,
    /// Refused, interrupted, or not HTTP 200.
    Refused,
    /// No answer in time, or no request was possible.
    Mute,
}

/// Whether a page is the last one that is requested on its connection.
#[derive(Clone, Copy)]
enum AfterPage {
    Close,
    AskAgain,
}

impl ProbeRun {
    async fn ask(&self, turn: &ProbeTarget) -> ProbeResponse {
        let deadline = Instant::now() + self.limits.each;
        let Some(known) = turn.known else {
            return ProbeResponse::Answer(self.ask_all(turn, None, deadline).await);
        };
        // Half of the time, so that a node whose metrics hang can still send its version.
        let half = Instant::now() + self.limits.each / 2;
        let (metrics, ending) = self.fetch(turn, "/metrics", AfterPage::Close, half).await;
        let metrics = match ending {
            RequestEnd::Whole if self.has_not_restarted(known, metrics.uptime()) => {
                return ProbeResponse::StillUp(metrics.figures);
            }
            RequestEnd::Whole => Some(metrics),
            RequestEnd::Refused | RequestEnd::Mute => None,
        };
        ProbeResponse::Answer(self.ask_all(turn, metrics, deadline).await)
    }

    /// Requests `/metadata`, and `/metrics` if they are not known yet.
    async fn ask_all(&self, turn: &ProbeTarget, metrics: Option<MetricsPage>, deadline: Instant) -> Answer {
        let then = match metrics {
            Some(_) => AfterPage::Close,
            None => AfterPage::AskAgain,
        };
        let (metadata, ending) = self.fetch(turn, "/metadata", then, deadline).await;
        let Some(version) = metadata.version else {
            return match ending {
                RequestEnd::Whole | RequestEnd::Refused => Answer::Down,
                RequestEnd::Mute => Answer::Silent,
            };
        };
        let figures = match metrics {
            Some(metrics) => Some(metrics.figures),
            None => match self.fetch(turn, "/metrics", AfterPage::Close, deadline).await {
                (metrics, RequestEnd::Whole) => Some(metrics.figures),
                _ => None,
            },
        };
        Answer::Up(Box::new(NodeReading {
            version: Version::new(version),
            peer_id: metadata.peer_id,
            figures,
        }))
    }

    /// Whether this uptime proves that the node has been up since it was last seen.
    ///
    /// An uptime that decreased shows a restart, whatever the clock did.
    fn has_not_restarted(&self, known: CachedMetadata, uptime: Option<i64>) -> bool {
        let asked = i64::try_from(self.begun.elapsed().as_secs()).unwrap_or(i64::MAX);
        // Both times were rounded down to seconds, so one more second is needed.
        let since = self.now.plus(asked).since(known.seen).saturating_add(1);
        uptime.is_some_and(|uptime| since > 0 && uptime > since && uptime >= known.uptime)
    }

    /// One page, or as much of it as was received before the deadline.
    async fn fetch(
        &self,
        turn: &ProbeTarget,
        path: &str,
        then: AfterPage,
        deadline: Instant,
    ) -> (MetricsPage, RequestEnd) {
        let mut scan = LineScanner::default();
        let url = format!("{}{path}", turn.base);
        let ending = match timeout_at(deadline, self.read(&url, then, &mut scan)).await {
            Ok(ending) => ending,
            Err(_) => RequestEnd::Mute,
        };
        if !matches!(ending, RequestEnd::Whole) {
            scan.cut();
        }
        (scan.finish(), ending)
    }

    async fn read(&self, url: &str, then: AfterPage, scan: &mut LineScanner) -> RequestEnd {
        let mut response = loop {
            let mut request = self.client.get(url);
            if let AfterPage::Close = then {
                request = request.header(CONNECTION, "close");
            }
            match request.send().await {
                Ok(response) => break response,
                Err(error) => match cause_of(&error) {
                    Failure::Ours => sleep(OUT_OF_FILES_PAUSE).await,
                    Failure::Theirs => return RequestEnd::Refused,
                    Failure::Nobodys => return RequestEnd::Mute,
                },
            }
        };
        if response.status() != StatusCode::OK {
            return RequestEnd::Refused;
        }
        let mut left = BODY_MOST;
        loop {
            match response.chunk().await {
                Ok(Some(piece)) if piece.len() < left => {
                    left -= piece.len();
                    scan.feed(&piece);
                }
                Ok(Some(piece)) => {
                    scan.feed(&piece[..left]);
                    scan.cut();
                    return RequestEnd::Whole;
                }
                Ok(None) => return RequestEnd::Whole,
                Err(_) => return RequestEnd::Refused,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proved(seen: i64, before: i64, uptime: Option<i64>) -> bool {
        let sweep = ProbeRun {
            client: client().unwrap(),
            turns: Vec::new(),
            next: AtomicUsize::new(0),
            limits: Limits::default(),
            begun: Instant::now(),
            now: Timestamp(1_000),
        };
        let known = CachedMetadata {
            uptime: before,
            seen: Timestamp(seen),
        };
        sweep.has_not_restarted(known, uptime)
    }

    #[test]
    fn uptime_proves_that_a_node_has_not_restarted() {
        assert!(proved(940, 10, Some(70)));
        assert!(proved(940, 10, Some(62)));
        assert!(!proved(940, 10, Some(61)), "it may have restarted in that second");
        assert!(!proved(940, 10, Some(5)));
        assert!(!proved(940, 10, None), "what answers is no antnode");
        assert!(!proved(940, 500, Some(70)), "an uptime never shrinks");
        assert!(!proved(1_060, 10, Some(70)), "the clock went back");
    }
}
